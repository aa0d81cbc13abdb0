#include "runtime/co_stack.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"
#include "runtime/co_san.h"

#define GUARD_BYTES KiB(16) /* more than a page: one large frame must not step over it */
#define WATERMARK_BYTES \
    KiB(64) /* of a pooled stack, at most this much may stay resident for long */
#define TRIM_EVERY \
    32 /* reuses of a stack between two trims: a trim is a system call, a switch is 20 ns */
#define ADVICE_GUARD 102 /* MADV_GUARD_INSTALL, Linux 6.13; older headers lack it */

#if defined(CO_ASAN) || defined(CO_TSAN)
#define STACK_FACTOR 4 /* instrumented frames are larger */
#else
#define STACK_FACTOR 1
#endif

static bool has_guard_advice(void)
{
    size_t n = (size_t)sysconf(_SC_PAGESIZE);
    void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    bool ok;

    if (p == MAP_FAILED) {
        return false;
    }
    ok = madvise(p, n, ADVICE_GUARD) == 0;
    (void)munmap(p, n);
    return ok;
}

void stack_pool_init(struct stack_pool *p, size_t stack_bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t n = (stack_bytes != 0 ? stack_bytes : LIMIT_CO_STACK) * STACK_FACTOR;

    if (n < 2 * GUARD_BYTES + 2 * page) {
        n = 2 * GUARD_BYTES + 2 * page;
    }
    memset(p, 0, sizeof *p);
    p->map_bytes = (n + page - 1) / page * page;
    p->guard_bytes = (GUARD_BYTES + page - 1) / page * page;
    p->watermark_bytes = (WATERMARK_BYTES + page - 1) / page * page;
    p->pooled_max = LIMIT_CO_POOL;
    p->guard_by_madvise = has_guard_advice();
}

static void stack_unmap(struct stack_pool *p, struct stack *s)
{
    char *map = s->map;

    san_fiber_free(s->fiber);
    san_stack_deregister(s->valgrind_id);
    (void)munmap(map, p->map_bytes);
}

void stack_pool_fini(struct stack_pool *p)
{
    assert(p->live == 0);
    while (p->first != NULL) {
        struct stack *s = p->first;

        p->first = s->next;
        stack_unmap(p, s);
    }
    p->pooled = 0;
}

static int no_more(const struct stack_pool *p, struct err *e)
{
    unsigned long maps = 0;
    struct rlimit r;
    FILE *f;

    if (getrlimit(RLIMIT_AS, &r) == 0 && r.rlim_cur != RLIM_INFINITY) {
        return err_set(e, ERR_LIMIT,
                       "the kernel gives no more stacks (%zu coroutines live): the address space "
                       "of the process is limited to %llu "
                       "bytes (RLIMIT_AS); raise it with `ulimit -v`",
                       p->live, (unsigned long long)r.rlim_cur);
    }
    f = fopen("/proc/sys/vm/max_map_count", "re");
    if (f != NULL) {
        if (fscanf(f, "%lu", &maps) != 1) {
            maps = 0;
        }
        (void)fclose(f);
    }
    return err_set(e, ERR_LIMIT,
                   "the kernel gives no more stacks (%zu coroutines live): vm.max_map_count is "
                   "%lu; raise it with "
                   "`sysctl -w vm.max_map_count=%lu`",
                   p->live, maps, maps < 131072 ? 262144 : maps * 2);
}

static int stack_map(struct stack_pool *p, struct stack **ret, struct err *e)
{
    char *map = mmap(NULL, p->map_bytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
    size_t own = (sizeof(struct stack) + 63) & ~(size_t)63;
    struct stack *s;
    int rc;

    if (map == MAP_FAILED) {
        return no_more(p, e);
    }
    /* A huge page under a stack would make 2 MiB resident for a few KiB. Where it is refused there
     * are none. */
    (void)madvise(map, p->map_bytes, MADV_NOHUGEPAGE);
    if (p->guard_by_madvise) {
        rc = madvise(map, p->guard_bytes, ADVICE_GUARD);
    } else {
        rc = mprotect(map, p->guard_bytes, PROT_NONE);
    }
    if (rc != 0) {
        (void)munmap(map, p->map_bytes);
        return no_more(p, e);
    }
    s = (struct stack *)(map + p->map_bytes - own);
    s->map = map;
    s->lo = map + p->guard_bytes;
    s->size = (size_t)((char *)s - s->lo);
    s->fiber = san_fiber_new();
    s->valgrind_id = san_stack_register(s->lo, s);
    *ret = s;
    return 0;
}

int stack_get(struct stack_pool *p, struct stack **ret, struct err *e)
{
    struct stack *s = p->first;
    int rc;

    if (s != NULL) {
        p->first = s->next;
        p->pooled--;
    } else {
        rc = stack_map(p, &s, e);
        if (rc != 0) {
            return rc;
        }
    }
    p->live++;
    *ret = s;
    return 0;
}

void stack_put(struct stack_pool *p, struct stack *s)
{
    char *keep = (char *)s - p->watermark_bytes;

    assert(p->live > 0);
    p->live--;
    san_unpoison(s->lo, s->size);
    if (p->pooled >= p->pooled_max) {
        stack_unmap(p, s);
        return;
    }
    if (++s->uses % TRIM_EVERY == 0 && keep > s->lo) {
        keep -= (uintptr_t)keep % p->guard_bytes; /* page aligned; the guard is whole pages */
        if (keep > s->lo) {
            (void)madvise(s->lo, (size_t)(keep - s->lo), MADV_DONTNEED);
        }
    }
    s->next = p->first;
    p->first = s;
    p->pooled++;
}
