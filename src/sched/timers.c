/*
 * Timers: one heap for all. Equal times are ordered by kind, then by the keys of what they belong
 * to, so that a core rebuilt from rows fires them in the same order as the one that lived on.
 */
#include "sched/sched_priv.h"

#include "sched/heap.h"

static void identity(const struct timer *t, int64_t *ret_a, int64_t *ret_b)
{
    const struct ti *ti = t->what;

    *ret_b = 0;
    switch ((enum timer_kind)t->kind) {
    case TIMER_TI:
        *ret_a = ti_run(ti)->key;
        *ret_b = (int64_t)ti->task << 32 | (uint32_t)(ti->map_index + 1);
        break;
    case TIMER_RUN:
    case TIMER_QUESTION:
        *ret_a = ((const struct run *)t->what)->key;
        break;
    case TIMER_MAP:
        *ret_a = ((const struct mapping *)t->what)->run->key;
        *ret_b = ((const struct mapping *)t->what)->task;
        break;
    case TIMER_PENDING:
        *ret_a = ((const struct pending *)t->what)->question;
        break;
    case TIMER_GRANT:
        *ret_a = hash_bytes(((const struct limit *)t->what)->name,
                            strlen(((const struct limit *)t->what)->name));
        break;
    }
}

static bool tie_before(const struct timer *a, const struct timer *b)
{
    int64_t a1 = 0, a2 = 0, b1 = 0, b2 = 0;

    if (a->kind != b->kind) {
        return a->kind < b->kind;
    }
    identity(a, &a1, &a2);
    identity(b, &b1, &b2);
    return a1 != b1 ? a1 < b1 : a2 < b2;
}

static inline bool timer_before(const struct timer *a, const struct timer *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : tie_before(a, b);
}

static uint32_t *place_of(const struct timer *t)
{
    switch ((enum timer_kind)t->kind) {
    case TIMER_TI:
        return &((struct ti *)t->what)->timer;
    case TIMER_RUN:
        return &((struct run *)t->what)->timer;
    case TIMER_QUESTION:
        return &((struct run *)t->what)->question_timer;
    case TIMER_MAP:
        return &((struct mapping *)t->what)->timer;
    case TIMER_PENDING:
        return &((struct pending *)t->what)->timer;
    case TIMER_GRANT:
        break;
    }
    return &((struct limit *)t->what)->timer;
}

#define BEFORE(x, y) timer_before(&(x), &(y))
#define MOVED(e, i)  (*place_of(&(e)) = (uint32_t)(i) + 1)
HEAP_DEFINE(heap, struct timer, BEFORE, MOVED)

void timer_set(struct sched *s, enum timer_kind kind, void *what, uint32_t *place, int64_t at_us)
{
    struct timer t = {at_us, what, (uint8_t)kind};

    if (*place != 0) {
        s->timers[*place - 1] = t;
        heap_fix(s->timers, s->timers_len, *place - 1);
        return;
    }
    if (VEC_PUSH(s->timers, s->timers_len, s->timers_cap, t) != 0) {
        s->nomem = true;
        return;
    }
    heap_up(s->timers, s->timers_len - 1);
}

static void remove_at(struct sched *s, size_t i)
{
    *place_of(&s->timers[i]) = 0;
    s->timers_len--;
    if (i < s->timers_len) {
        s->timers[i] = s->timers[s->timers_len];
        heap_fix(s->timers, s->timers_len, i);
    }
}

void timer_clear(struct sched *s, uint32_t *place)
{
    if (*place != 0) {
        remove_at(s, *place - 1);
    }
}

void timers_drop(struct sched *s)
{
    for (size_t i = 0; i < s->timers_len; i++) {
        *place_of(&s->timers[i]) = 0;
    }
    s->timers_len = 0;
}

bool timer_pop(struct sched *s, int64_t now_us, struct timer *ret)
{
    if (s->timers_len == 0 || s->timers[0].at_us > now_us) {
        return false;
    }
    *ret = s->timers[0];
    remove_at(s, 0);
    return true;
}

int64_t sched_next_timer(const struct sched *s)
{
    if (s->more) {
        return s->now_us; /* the last step queued as many as one step may: go on at once */
    }
    return s->timers_len > 0 ? s->timers[0].at_us : TIME_NONE;
}
