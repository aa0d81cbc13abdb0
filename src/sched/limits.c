/*
 * Limits, and who goes next.
 *
 * Scheduled instances stand in lanes: a lane holds those of one run that need the same pool, slots
 * and cap, ordered by priority. A lane is idle (empty), in the top heap (it may go on, as far as
 * anybody knows), or parked on the one limit that stopped it. So a full pool costs nothing until it
 * frees: nobody looks at what waits for it, and nobody else waits.
 *
 * Order: higher effective weight, earlier logical date (run_after without one), lower run_key,
 * lower task index, lower map index.
 *
 * Waking is a chain. Whoever frees slots of a limit (or raises it) puts its best parked lane into
 * the top heap: at most one is under way per limit. When that lane was looked at (its instance
 * queued, or the lane parked on another limit) the limit wakes the next one, as long as it has
 * room. L1: a limit with room for its best parked lane has a woken lane in the top heap.
 *
 * A big one in a pool: an instance that needs more slots than are free waits at the head of its
 * pool. Up to LIMIT_POOL_BYPASS smaller ones of lower priority may pass it, so that slots are not
 * idle; then the pool is held until it fits, so that it does not starve. Other pools are not
 * concerned. One that needs more slots than the pool has never holds anything; sched_why says so.
 */
#include "sched/sched_priv.h"

#include "sched/heap.h"

/* ---- order ---- */

static inline struct lane_key key_of(const struct run *r, const struct ti *ti)
{
    uint32_t w = (uint32_t)r->dag->tasks[ti->task].effective_weight ^ UINT32_C(0x80000000);

    return (struct lane_key){~w, ti->task, (uint32_t)(ti->map_index + 1)};
}

static inline bool key_before(const struct lane_key *a, const struct lane_key *b)
{
    if (a->weight != b->weight) {
        return a->weight < b->weight;
    }
    return a->task != b->task ? a->task < b->task : a->index < b->index;
}

static inline bool lane_before(const struct lane *a, const struct lane *b)
{
    uint32_t wa = a->head.weight, wb = b->head.weight;

    if (wa != wb) {
        return wa < wb;
    }
    if (a->run != b->run) {
        return a->run->order_us != b->run->order_us ? a->run->order_us < b->run->order_us
                                                    : a->run->key < b->run->key;
    }
    return key_before(&a->head, &b->head);
}

#define KEY_BEFORE(x, y) key_before(&(x), &(y))
#define KEY_MOVED(e, i)  ((void)(e), (void)(i))
HEAP_DEFINE(keys, struct lane_key, KEY_BEFORE, KEY_MOVED)
#define LANE_MOVED(e, i) ((e)->at = (uint32_t)(i))
HEAP_DEFINE(lanes, struct lane *, lane_before, LANE_MOVED)

/* ---- limits ---- */

void limit_init(struct limit *l, enum limit_kind kind, int64_t slots)
{
    *l = (struct limit){.kind = (uint8_t)kind, .slots = slots, .exclusive = true, .known = true};
}

void limit_fini(struct limit *l)
{
    for (size_t i = 0; i < l->buckets_len; i++) {
        mem_free(l->buckets[i].heap);
    }
    mem_free(l->buckets);
    mem_free(l->name);
}

static int64_t capacity(const struct limit *l)
{
    if (!l->known) {
        return 0;
    }
    return l->slots < 0 ? INT64_MAX : l->exclusive ? l->slots : l->granted;
}

int64_t limit_free(const struct limit *l)
{
    int64_t c = capacity(l);

    return c == INT64_MAX ? c : c - l->used;
}

/* What it could ever give: with more slots granted, or all free. */
static int64_t possible(const struct limit *l)
{
    return !l->known ? 0 : l->slots < 0 ? INT64_MAX : l->slots;
}

static int32_t need(const struct limit *l, const struct lane *lane)
{
    return l->kind == LIMIT_OF_POOL ? lane->slots : 1;
}

/* The best parked lane among those that need at most max slots. Few sizes are in use: one bucket
 * each. */
static struct lane *parked_best(const struct limit *l, int64_t max)
{
    struct lane *best = NULL;

    for (size_t i = 0; i < l->buckets_len; i++) {
        const struct bucket *b = &l->buckets[i];

        if (b->len > 0 && b->slots <= max && (best == NULL || lane_before(b->heap[0], best))) {
            best = b->heap[0];
        }
    }
    return best;
}

static struct bucket *bucket_of(struct sched *s, struct limit *l, int32_t slots)
{
    struct bucket b = {.slots = slots};

    for (size_t i = 0; i < l->buckets_len; i++) {
        if (l->buckets[i].slots == slots) {
            return &l->buckets[i];
        }
    }
    if (VEC_PUSH(l->buckets, l->buckets_len, l->buckets_cap, b) != 0) {
        s->nomem = true;
        return NULL;
    }
    return &l->buckets[l->buckets_len - 1];
}

/* ---- places of a lane ---- */

/*
 * What the lane adds to the demand for its pool, and for parallelism: only while nothing else stops
 * it. One that waits for its pool wants no parallelism yet. So schedulers that share both take them
 * in one order and never wait for each other in a circle.
 */
static void account(struct sched *s, struct lane *l)
{
    int64_t room = l->run->limit.slots;
    int64_t n = room >= 0 && l->count > room ? room : l->count;
    int64_t top = l->place == LANE_TOP ? n : 0;
    int64_t pool = l->place == LANE_PARKED && l->parked_on == l->pool ? n : top;

    if (pool != l->counted_pool) {
        l->pool->waiting += (pool - l->counted_pool) * l->slots;
        l->counted_pool = pool;
        resource_changed(s, l->pool);
    }
    if (top != l->counted_top) {
        s->parallelism.waiting += top - l->counted_top;
        l->counted_top = top;
        resource_changed(s, &s->parallelism);
    }
}

static void top_push(struct sched *s, struct lane *l)
{
    assert(l->place == LANE_IDLE);
    if (VEC_PUSH(s->top, s->top_len, s->top_cap, l) != 0) {
        s->nomem = true;
        return;
    }
    l->place = LANE_TOP;
    lanes_up(s->top, s->top_len - 1);
}

static void heap_remove(struct lane **heap, size_t *len, struct lane *l)
{
    size_t at = l->at;

    assert(heap[at] == l);
    (*len)--;
    if (at < *len) {
        heap[at] = heap[*len];
        lanes_fix(heap, *len, at);
    }
}

static void lane_leave(struct sched *s, struct lane *l)
{
    if (l->place == LANE_TOP) {
        heap_remove(s->top, &s->top_len, l);
    } else if (l->place == LANE_PARKED) {
        struct bucket *b = bucket_of(s, l->parked_on, need(l->parked_on, l));

        heap_remove(b->heap, &b->len, l);
        l->parked_on->parked--;
        l->parked_on = NULL;
    }
    l->place = LANE_IDLE;
}

static void park(struct sched *s, struct lane *l, struct limit *on)
{
    struct bucket *b;

    lane_leave(s, l);
    b = bucket_of(s, on, need(on, l));
    if (b == NULL || VEC_PUSH(b->heap, b->len, b->cap, l) != 0) {
        s->nomem = true;
        return;
    }
    l->place = LANE_PARKED;
    l->parked_on = on;
    on->parked++;
    lanes_up(b->heap, b->len - 1);
    account(s, l);
}

void limit_wake(struct sched *s, struct limit *l)
{
    int64_t free = limit_free(l);
    struct lane *best;

    if (l->parked == 0 || l->woken > 0 || free <= 0) {
        return;
    }
    best = parked_best(l, possible(l));
    if (best != NULL && need(l, best) > free) {
        best = l->bypassed < LIMIT_POOL_BYPASS ? parked_best(l, free) : NULL;
    }
    if (best == NULL) {
        return;
    }
    lane_leave(s, best);
    top_push(s, best);
    best->woken_by = l;
    l->woken = 1;
    account(s, best);
}

/* The lane was looked at: the limit that woke it may wake the next one. */
static void woken_done(struct sched *s, struct lane *l)
{
    struct limit *by = l->woken_by;

    if (by != NULL) {
        l->woken_by = NULL;
        by->woken = 0;
        limit_wake(s, by);
    }
}

/* ---- instances in lanes ---- */

static struct lane *lane_of(const struct run *r, const struct ti *ti)
{
    return &r->lanes[r->plan->lane_of[ti->task]];
}

static struct ti *of_key(struct run *r, const struct lane_key *k)
{
    return run_ti(r, k->task, (int32_t)k->index - 1);
}

/* Drops keys of instances that are not scheduled any more; false when nothing is left. */
static bool clean(struct lane *l)
{
    while (l->keys_len > 0 && of_key(l->run, &l->keys[0])->state != TASK_SCHEDULED) {
        l->keys[0] = l->keys[--l->keys_len];
        if (l->keys_len > 0) {
            keys_down(l->keys, l->keys_len, 0);
        }
    }
    return l->keys_len > 0;
}

static void idle(struct sched *s, struct lane *l)
{
    struct limit *on = l->parked_on;

    l->keys_len = 0;
    lane_leave(s, l);
    account(s, l);
    woken_done(s, l);
    if (on != NULL) {
        limit_wake(s, on); /* it may have held the others back */
    }
}

void lane_add(struct sched *s, struct run *r, struct ti *ti)
{
    struct lane *l = lane_of(r, ti);
    struct lane_key key = key_of(r, ti);

    if (VEC_PUSH(l->keys, l->keys_len, l->keys_cap, key) != 0) {
        s->nomem = true;
        return;
    }
    keys_up(l->keys, l->keys_len - 1);
    l->count++;
    if (l->place == LANE_IDLE) {
        l->head = l->keys[0];
        top_push(s, l);
    } else if (key_before(&key, &l->head)) {
        l->head = key;
        if (l->place == LANE_TOP) {
            lanes_up(s->top, l->at);
        } else {
            lanes_up(bucket_of(s, l->parked_on, need(l->parked_on, l))->heap, l->at);
            limit_wake(s, l->parked_on);
        }
    }
    account(s, l);
}

void lane_drop(struct sched *s, struct run *r, struct ti *ti)
{
    struct lane *l = lane_of(r, ti);

    assert(l->count > 0 || s->nomem);
    l->count--;
    if (l->count == 0) {
        idle(s, l);
    } else {
        account(s, l);
    }
}

/* ---- slots ---- */

void slots_take(struct sched *s, struct run *r, struct ti *ti)
{
    struct lane *l = lane_of(r, ti);

    assert((ti->flags & TI_SLOTS) == 0);
    ti->flags |= TI_SLOTS;
    s->parallelism.used++;
    r->limit.used++;
    s->stats.live++;
    if (l->cap != NULL) {
        l->cap->used++;
    }
    if (l->run_cap != NULL) {
        l->run_cap->used++;
    }
    pool_keep(s, r, ti);
}

void pool_keep(struct sched *s, struct run *r, struct ti *ti)
{
    struct lane *l = lane_of(r, ti);

    if ((ti->flags & TI_POOL) == 0) {
        ti->flags |= TI_POOL;
        l->pool->used += l->slots;
        resource_changed(s, l->pool);
    }
    resource_changed(s, &s->parallelism);
}

void slots_give(struct sched *s, struct run *r, struct ti *ti, bool deferred)
{
    struct lane *l = lane_of(r, ti);

    if ((ti->flags & TI_SLOTS) != 0) {
        ti->flags &= (uint8_t)~TI_SLOTS;
        s->parallelism.used--;
        r->limit.used--;
        s->stats.live--;
        resource_changed(s, &s->parallelism);
        limit_wake(s, &r->limit);
        if (l->cap != NULL) {
            l->cap->used--;
            limit_wake(s, l->cap);
        }
        if (l->run_cap != NULL) {
            l->run_cap->used--;
            limit_wake(s, l->run_cap);
        }
    }
    if ((ti->flags & TI_POOL) != 0 && !(deferred && l->pool->include_deferred)) {
        ti->flags &= (uint8_t)~TI_POOL;
        l->pool->used -= l->slots;
        resource_changed(s, l->pool);
        if (SCHED_CANARY != 11) {
            limit_wake(s, l->pool);
        }
    }
}

void pool_deferred(struct sched *s, struct limit *pool)
{
    for (size_t i = 0; i < s->runs.len; i++) {
        struct run *r = s->runs.entries[i].value;

        struct ti_each e = {0};

        for (struct ti *ti = ti_next(r, &e); ti != NULL; ti = ti_next(r, &e)) {
            if (ti->state != TASK_DEFERRED || lane_of(r, ti)->pool != pool) {
                continue;
            }
            if (pool->include_deferred) {
                pool_keep(s, r, ti);
            } else {
                slots_give(s, r, ti, false);
            }
        }
    }
}

/* ---- dispatch ---- */

/* Whether the lane must leave the pool to one that waits before it; *ret_bypass: it passes a big
 * one. */
static bool pool_defers(const struct limit *p, const struct lane *l, bool *ret_bypass)
{
    const struct lane *best = parked_best(p, possible(p));

    *ret_bypass = false;
    if (best == NULL || !lane_before(best, l)) {
        return false;
    }
    if (best->slots <= limit_free(p) || p->bypassed >= LIMIT_POOL_BYPASS) {
        return true;
    }
    *ret_bypass = true;
    return false;
}

static struct limit *blocker(struct lane *l, bool *ret_bypass)
{
    *ret_bypass = false;
    if (l->run->owner->paused) {
        return &l->run->owner->pause;
    }
    if (limit_free(&l->run->limit) <= 0) {
        return &l->run->limit;
    }
    if (l->cap != NULL && limit_free(l->cap) <= 0) {
        return l->cap;
    }
    if (l->run_cap != NULL && limit_free(l->run_cap) <= 0) {
        return l->run_cap;
    }
    if (limit_free(l->pool) < l->slots || pool_defers(l->pool, l, ret_bypass)) {
        return l->pool;
    }
    return NULL;
}

static void count_bypass(struct lane *l, bool bypass)
{
    struct limit *p = l->pool;

    if (bypass) {
        p->bypassed++;
        p->bypassed_lane = parked_best(p, possible(p));
    } else if (p->bypassed_lane == l ||
               (p->bypassed_lane != NULL && p->bypassed_lane->parked_on != p)) {
        p->bypassed_lane = NULL; /* it had its turn, or waits for something else now */
        p->bypassed = 0;
    }
}

static void queue_head(struct sched *s, struct lane *l, bool bypass)
{
    struct run *r = l->run;
    struct ti *ti = of_key(r, &l->keys[0]);

    count_bypass(l, bypass);
    l->keys[0] = l->keys[--l->keys_len];
    if (l->keys_len > 0) {
        keys_down(l->keys, l->keys_len, 0);
    }
    slots_take(s, r, ti);
    ti_queue(s, r, ti); /* takes it out of the lane's count; the lane may be idle now */
}

/* One look at the best lane. True when an instance became queued. */
static bool step_top(struct sched *s)
{
    struct lane *l = s->top[0];
    struct limit *on;
    bool bypass;

    if (!clean(l)) {
        idle(s, l);
        return false;
    }
    if (key_before(&l->keys[0], &l->head) || key_before(&l->head, &l->keys[0])) {
        l->head = l->keys[0]; /* its best one has gone: it may not be first any more, nor was it
                                 when it was woken */
        lanes_down(s->top, s->top_len, 0);
        woken_done(s, l);
        return false;
    }
    on = blocker(l, &bypass);
    if (on != NULL) {
        struct limit *by = l->woken_by;

        l->woken_by = NULL;
        park(s, l, on);
        if (by != NULL) {
            by->woken = 0;
            limit_wake(s, by);
        }
        limit_wake(s, on); /* it may have room that belongs to a better one */
        return false;
    }
    queue_head(s, l, bypass);
    if (l->place == LANE_TOP) {
        woken_done(s, l);
    }
    return true;
}

void dispatch(struct sched *s)
{
    uint32_t n = 0;

    s->more = s->restoring && (s->top_len > 0 || s->check_dags_len > 0 || s->changed_len > 0);
    if (s->restoring || s->full || s->shutdown) {
        return;
    }
    while (s->top_len > 0 && !s->nomem && limit_free(&s->parallelism) > 0) {
        if (s->config.tis_per_step > 0 && n >= s->config.tis_per_step) {
            s->more = true;
            break;
        }
        n += step_top(s);
    }
}

const struct limit *lane_blocker(const struct sched *s, const struct lane *l)
{
    if (l->place == LANE_PARKED) {
        return l->parked_on;
    }
    return limit_free(&s->parallelism) <= 0 ? &s->parallelism : NULL;
}

/* ---- lanes of a run ---- */

static struct limit *cap_get(struct sched *s, struct dag_state *d, const struct task *t)
{
    struct cap *c;

    for (size_t i = 0; i < d->caps_len; i++) {
        if (strcmp(d->caps[i]->task_id, t->task_id) == 0) {
            d->caps[i]->limit.slots = t->max_active_tis_per_dag; /* the newest version's word */
            return &d->caps[i]->limit;
        }
    }
    c = mem_zalloc(sizeof *c);
    if (c == NULL) {
        return NULL;
    }
    limit_init(&c->limit, LIMIT_OF_TASK, t->max_active_tis_per_dag);
    c->task_id = mem_strdup(t->task_id);
    if (c->task_id == NULL || VEC_PUSH(d->caps, d->caps_len, d->caps_cap, c) != 0) {
        mem_free(c->task_id);
        mem_free(c);
        return NULL;
    }
    (void)s;
    return &c->limit;
}

int lanes_init(struct sched *s, struct run *r)
{
    const struct plan *p = r->plan;

    r->lanes = mem_array(p->lanes_len, sizeof *r->lanes);
    if (r->lanes == NULL) {
        return -ERR_NOMEM;
    }
    r->bytes += p->lanes_len * sizeof *r->lanes;
    for (size_t i = 0; i < p->lanes_len; i++) {
        const struct task *t = &r->dag->tasks[p->lanes[i].task];
        struct lane *l = &r->lanes[i];

        *l = (struct lane){.run = r, .slots = t->pool_slots > 0 ? t->pool_slots : 1};
        l->pool = pool_get(s, t->pool);
        l->cap = t->max_active_tis_per_dag > 0 ? cap_get(s, r->owner, t) : NULL;
        if (l->pool == NULL || (t->max_active_tis_per_dag > 0 && l->cap == NULL)) {
            return -ERR_NOMEM;
        }
        if (task_run_cap(t) > 0) {
            l->run_cap = mem_alloc(sizeof *l->run_cap);
            if (l->run_cap == NULL) {
                return -ERR_NOMEM;
            }
            limit_init(l->run_cap, LIMIT_OF_TASK_IN_RUN, task_run_cap(t));
        }
    }
    return 0;
}

void lanes_fini(struct sched *s, struct run *r)
{
    for (size_t i = 0; r->lanes != NULL && i < r->plan->lanes_len; i++) {
        struct lane *l = &r->lanes[i];

        lane_leave(s, l);
        if (l->woken_by != NULL) {
            l->woken_by->woken = 0;
        }
        if (l->pool != NULL && l->pool->bypassed_lane == l) {
            l->pool->bypassed_lane = NULL;
            l->pool->bypassed = 0;
        }
        mem_free(l->keys);
        if (l->run_cap != NULL) {
            limit_fini(l->run_cap);
            mem_free(l->run_cap);
        }
    }
    mem_free(r->lanes);
}
