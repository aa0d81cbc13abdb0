/* What the assembly leaves to C: a context's first frame, and ucontext for other processors. */
#include "runtime/co_switch.h"

#include <stdint.h>
#include <string.h>

/* CO_UCONTEXT: tests build the fallback everywhere. */
#if defined(__x86_64__) && !defined(CO_UCONTEXT)

void *co_context(void *lo, size_t size, void (*entry)(void *))
{
    uint64_t *top = (uint64_t *)((char *)lo + size);
    uint64_t *sp = top - 9;

    /* At the entry rsp must be 8 modulo 16, as after a call, with a zero return address there:
     * backtraces end at it. */
    memset(sp, 0, 9 * sizeof *sp);
    __asm__ volatile("stmxcsr %0" : "=m"(*(uint32_t *)sp));
    __asm__ volatile("fnstcw %0" : "=m"(*((uint16_t *)sp + 2)));
    sp[7] = (uint64_t)(uintptr_t)entry;
    return sp;
}

#elif defined(__aarch64__) && !defined(CO_UCONTEXT)

void *co_context(void *lo, size_t size, void (*entry)(void *))
{
    uint64_t *sp = (uint64_t *)((char *)lo + size) - 20;

    memset(sp, 0, 20 * sizeof *sp);
    sp[11] = (uint64_t)(uintptr_t)entry; /* x30 */
    return sp;
}

#else

#include <stdlib.h>
#include <ucontext.h>

/* Each side's ucontext lies in its own frame of co_switch, which stays there while it is suspended.
 */
struct context {
    ucontext_t uc;
    void (*entry)(void *);
    void *arg;
};

static void start(unsigned hi, unsigned lo)
{
    struct context *c = (struct context *)(uintptr_t)((uint64_t)hi << 32 | lo);

    c->entry(c->arg);
    abort();
}

void *co_switch(void **save, void *load, void *arg)
{
    struct context self = {.entry = NULL};
    struct context *to = load;

    to->arg = arg;
    *save = &self;
    if (swapcontext(&self.uc, &to->uc) != 0) {
        abort();
    }
    return self.arg;
}

void *co_context(void *lo, size_t size, void (*entry)(void *))
{
    size_t own = (sizeof(struct context) + 15) & ~(size_t)15;
    struct context *c = (struct context *)((char *)lo + size - own);
    uint64_t p = (uint64_t)(uintptr_t)c;

    memset(c, 0, sizeof *c);
    if (getcontext(&c->uc) != 0) {
        abort();
    }
    c->entry = entry;
    c->uc.uc_stack.ss_sp = lo;
    c->uc.uc_stack.ss_size = size - own;
    makecontext(&c->uc, (void (*)(void))start, 2, (unsigned)(p >> 32), (unsigned)p);
    return c;
}

#endif
