/*
 * States of a DAG:
 *
 *   IDLE     nothing comes: paused, or the time table has ended
 *   ASKING   the driver asks a time table that is not ours; -> WAITING or IDLE by due_answer
 *   WAITING  `next` is known and its time, or that of the next attempt to make it, is in the heap
 *   FULL     `next` is due, but max_active_runs are active; -> WAITING when one of them finishes
 *   OUT      `next` was taken and is being created; -> due_made asks for what comes after it
 *
 * Invariants
 *  1. A DAG is in the heap exactly when it is WAITING, at the place that it remembers.
 *  2. `last` is the newest run that is durable, or was when the DAG came; `next` is later than it by (run_after, logical date).
 *  3. A run is given out only from WAITING at or after its run_after, and then the DAG is OUT: no run is given out twice.
 *  4. Time does not go back: whatever now_us says, the latest that was seen counts.
 */
#include "sched/due.h"

#include <assert.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/time.h"
#include "sched/heap.h"

#define AGAIN_US  (10 * TIME_SECOND) /* until a run that could not be made is tried again */
#define NOT_THERE SIZE_MAX

struct entry {
    int64_t dag_key;
    int64_t at_us; /* WAITING: when it is looked at */
    size_t place;  /* in the heap */
    enum due_state state;
    bool paused, has_last;
    bool answered; /* `next` is an answer: it stays until it is made */
    bool changed;  /* while OUT: `next` is to be asked for anew */
    int32_t max_active, active;
    struct due_run last, next;
};

struct due {
    due_next_fn *next;
    void *arg;
    int64_t now_us;
    struct entry **entries; /* by dag_key */
    size_t len, cap;
    struct entry **heap;
    size_t heap_len, heap_cap;
};

static inline bool comes_before(const struct entry *a, const struct entry *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->dag_key < b->dag_key;
}

static inline void moved_to(struct entry *e, size_t i)
{
    e->place = i;
}

HEAP_DEFINE(heap, struct entry *, comes_before, moved_to)

/* ---- entries ---- */

/* Where the DAG is, or would be. */
static size_t place_of(const struct due *d, int64_t dag_key)
{
    size_t low = 0, high = d->len;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (d->entries[mid]->dag_key < dag_key) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

static struct entry *find(const struct due *d, int64_t dag_key)
{
    size_t i = place_of(d, dag_key);

    return i < d->len && d->entries[i]->dag_key == dag_key ? d->entries[i] : NULL;
}

static void heap_remove(struct due *d, struct entry *e)
{
    size_t i = e->place;

    if (i == NOT_THERE) {
        return;
    }
    assert(d->heap[i] == e);
    d->heap_len--;
    if (i != d->heap_len) {
        d->heap[i] = d->heap[d->heap_len];
        d->heap[i]->place = i;
        heap_fix(d->heap, d->heap_len, i);
    }
    e->place = NOT_THERE;
}

static void wait_until(struct due *d, struct entry *e, int64_t at_us)
{
    heap_remove(d, e);
    e->state = DUE_STATE_WAITING;
    e->at_us = at_us;
    assert(d->heap_len < d->heap_cap); /* there is room for all entries */
    d->heap[d->heap_len++] = e;
    heap_up(d->heap, d->heap_len - 1);
}

static bool is_full(const struct entry *e)
{
    return e->max_active > 0 && e->active >= e->max_active;
}

static bool is_later(const struct due_run *r, const struct due_run *than)
{
    return r->run_after_us != than->run_after_us ? r->run_after_us > than->run_after_us
                                                 : r->logical_us > than->logical_us;
}

/* A time table that goes back or stands still would give the same run for ever: it has ended. */
static void settle(struct due *d, struct entry *e, enum due_next found, const struct due_run *r)
{
    heap_remove(d, e);
    if (found == DUE_ASK) {
        e->state = DUE_STATE_ASKING;
    } else if (found == DUE_NONE || e->paused || (e->has_last && !is_later(r, &e->last))) {
        e->state = DUE_STATE_IDLE;
    } else {
        e->next = *r;
        e->next.dag_key = e->dag_key;
#if defined(SCHED_CANARY) && SCHED_CANARY == 8
        wait_until(d, e, r->run_after_us - TIME_SECOND); /* early, in a simulator's canary */
        return;
#endif
        wait_until(d, e, r->run_after_us);
    }
}

static void look_ahead(struct due *d, struct entry *e)
{
    struct due_run r = {0};
    enum due_next found = DUE_NONE;

    e->answered = false;
    if (!e->paused) {
        found = d->next(d->arg, e->dag_key, e->has_last ? &e->last : NULL, d->now_us, &r);
    }
    settle(d, e, found, &r);
}

static void advance(struct due *d, int64_t now_us)
{
    d->now_us = now_us > d->now_us ? now_us : d->now_us;
}

/* ---- the contract ---- */

struct due *due_new(due_next_fn *next, void *arg)
{
    struct due *d = mem_zalloc(sizeof *d);

    if (d != NULL) {
        d->next = next;
        d->arg = arg;
        d->now_us = INT64_MIN;
    }
    return d;
}

void due_free(struct due *d)
{
    if (d == NULL) {
        return;
    }
    for (size_t i = 0; i < d->len; i++) {
        mem_free(d->entries[i]);
    }
    mem_free(d->entries);
    mem_free(d->heap);
    mem_free(d);
}

static int make_room(struct due *d)
{
    size_t room = d->cap == 0 ? 16 : d->cap * 2;
    struct entry **p;

    if (d->len < d->cap) {
        return 0;
    }
    p = mem_realloc(d->heap, room * sizeof *p);
    if (p == NULL) {
        return -ERR_NOMEM;
    }
    d->heap = p;
    d->heap_cap = room;
    p = mem_realloc(d->entries, room * sizeof *p);
    if (p == NULL) {
        return -ERR_NOMEM;
    }
    d->entries = p;
    d->cap = room;
    return 0;
}

static int add(struct due *d, const struct due_dag *dag, struct entry **ret)
{
    size_t i = place_of(d, dag->dag_key);
    struct entry *e = make_room(d) == 0 ? mem_zalloc(sizeof *e) : NULL;

    if (e == NULL) {
        return -ERR_NOMEM;
    }
    e->dag_key = dag->dag_key;
    e->place = NOT_THERE;
    e->active = dag->active;
    e->has_last = dag->last != NULL;
    if (dag->last != NULL) {
        e->last = *dag->last;
    }
    memmove(d->entries + i + 1, d->entries + i, (d->len - i) * sizeof(struct entry *));
    d->entries[i] = e;
    d->len++;
    *ret = e;
    return 0;
}

int due_set(struct due *d, const struct due_dag *dag, int64_t now_us)
{
    struct entry *e = find(d, dag->dag_key);
    int rc = e == NULL ? add(d, dag, &e) : 0;

    if (rc != 0) {
        return rc;
    }
    advance(d, now_us);
    e->paused = dag->paused;
    e->max_active = dag->max_active_runs;
    if (e->state == DUE_STATE_OUT) {
        e->changed = true;
    } else {
        look_ahead(d, e);
    }
    return 0;
}

void due_remove(struct due *d, int64_t dag_key)
{
    size_t i = place_of(d, dag_key);
    struct entry *e = find(d, dag_key);

    if (e != NULL) {
        heap_remove(d, e);
        mem_free(e);
        d->len--;
        memmove(d->entries + i, d->entries + i + 1, (d->len - i) * sizeof(struct entry *));
    }
}

int64_t due_at(const struct due *d)
{
    return d->heap_len != 0 ? d->heap[0]->at_us : TIME_NONE;
}

/* A run after `next` is due by now, too: the time table is to say which of them is made. Else `next` is, however late it is looked for: asked
 * again, a time table without catchup may say "now", or that a listed instant is past. */
static bool is_overtaken(const struct due *d, const struct entry *e)
{
    struct due_run r;

#if defined(SCHED_CANARY) && SCHED_CANARY == 7
    return true; /* as it once was */
#endif
    return d->next(d->arg, e->dag_key, &e->next, d->now_us, &r) == DUE_FOUND &&
           r.run_after_us <= d->now_us && is_later(&r, &e->next);
}

/* The first of the heap, if it may run now; else it goes to where it belongs. */
static bool take_first(struct due *d, struct due_run *ret)
{
    struct entry *e = d->heap[0];

    if (is_full(e)) {
        heap_remove(d, e);
        e->state = DUE_STATE_FULL;
        return false;
    }
    if (!e->answered && is_overtaken(d, e)) {
        look_ahead(d, e);
        if (e->state != DUE_STATE_WAITING || e->at_us > d->now_us) {
            return false;
        }
    }
    heap_remove(d, e);
    e->state = DUE_STATE_OUT;
    *ret = e->next;
    return true;
}

bool due_take(struct due *d, int64_t now_us, struct due_run *ret)
{
    advance(d, now_us);
    while (d->heap_len != 0 && d->heap[0]->at_us <= d->now_us) {
        if (take_first(d, ret)) {
            return true;
        }
    }
    return false;
}

void due_made(struct due *d, int64_t dag_key, bool durable, int64_t now_us)
{
    struct entry *e = find(d, dag_key);

    advance(d, now_us);
    if (e == NULL || e->state != DUE_STATE_OUT) {
        return;
    }
    if (durable) {
        e->last = e->next;
        e->has_last = true;
    }
    if (durable || e->changed) {
        e->changed = false;
        look_ahead(d, e);
    } else {
        wait_until(d, e, d->now_us + AGAIN_US);
    }
}

void due_active(struct due *d, int64_t dag_key, int32_t change, int64_t now_us)
{
    struct entry *e = find(d, dag_key);

    advance(d, now_us);
    if (e == NULL) {
        return;
    }
    e->active += change;
    e->active = e->active > 0 ? e->active : 0;
    if (e->state == DUE_STATE_FULL && !is_full(e)) {
        wait_until(d, e, e->next.run_after_us);
    }
}

void due_answer(struct due *d, int64_t dag_key, const struct due_run *r, int64_t now_us)
{
    struct entry *e = find(d, dag_key);

    advance(d, now_us);
    if (e != NULL && e->state == DUE_STATE_ASKING) {
        e->answered = true;
        settle(d, e, r != NULL ? DUE_FOUND : DUE_NONE, r);
    }
}

bool due_look(const struct due *d, int64_t dag_key, enum due_state *ret_state, struct due_run *ret)
{
    const struct entry *e = find(d, dag_key);

    if (e == NULL) {
        return false;
    }
    *ret_state = e->state;
    if (e->state != DUE_STATE_IDLE && e->state != DUE_STATE_ASKING) {
        *ret = e->next;
    }
    return true;
}
