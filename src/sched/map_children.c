/*
 * The children of mapped tasks in memory: made by chunks when they are looked at (mapped.c: slices), and the list of those to be looked at.
 */
#include "sched/sched_priv.h"

int maps_init(struct run *r)
{
    uint32_t n = r->dag->tasks_len;

    if (r->plan->map_of == NULL) {
        return 0;
    }
    r->maps = mem_array(r->plan->maps_len, sizeof *r->maps);
    r->need = mem_array(n, sizeof *r->need);
    if (r->maps == NULL || r->need == NULL) {
        return -ERR_NOMEM;
    }
    r->bytes += r->plan->maps_len * sizeof *r->maps + n * sizeof *r->need;
    for (uint32_t t = 0; t < n; t++) {
        struct mapping *m = map_of(r, t);

        r->need[t] = dag_up_len(r->dag, t);
        if (m != NULL) {
            m->run = r;
            m->task = t;
        }
    }
    return 0;
}

static void chunk_free(struct chunk *c)
{
    if (c != NULL) {
        mem_free(c->extras);
        mem_free(c);
    }
}

static void sweeps_drop(struct sched *s, const struct run *r)
{
    size_t n = 0;

    for (size_t i = 0; r->sweeping > 0 && i < s->sweeps_len; i++) {
        if (s->sweeps[i]->run != r) {
            s->sweeps[n++] = s->sweeps[i];
        }
    }
    s->sweeps_len = r->sweeping > 0 ? n : s->sweeps_len;
}

void maps_fini(struct sched *s, struct run *r)
{
    sweeps_drop(s, r);
    for (uint32_t i = 0; r->maps != NULL && i < r->plan->maps_len; i++) {
        struct mapping *m = &r->maps[i];

        timer_clear(s, &m->timer);
        for (int32_t k = 0; k < m->made; k++) {
            timer_clear(s, &map_child(m, k)->timer);
            text_unref(map_child(m, k)->reason);
        }
        for (size_t k = 0; k < m->chunks_len; k++) {
            chunk_free(m->chunks[k]);
        }
        mem_free(m->chunks);
    }
    mem_free(r->maps);
    mem_free(r->need);
}
/* ---- children ---- */

static void child_init(const struct run *r, struct ti *ti, uint32_t task, int32_t index)
{
    int32_t retries = r->dag->tasks[task].retries;

    ti->task = task;
    ti->map_index = index;
    ti->exit_code = -1;
    ti->max_tries = (uint16_t)(retries < 0 ? 0 : retries > UINT16_MAX ? UINT16_MAX : retries);
    ti->scheduled_us = ti->queued_us = ti->start_us = ti->end_us = ti->next_us = TIME_NONE;
}

/* In a mapped group, where it waits for setups or a scope, some of which have its index. */
static bool has_own_extras(const struct run *r, uint32_t task)
{
    return r->dag->tasks[task].map_group != UINT32_MAX && r->plan->extra_of != NULL &&
           r->plan->extra_of[task] != TASK_INDEX_NONE;
}

static struct chunk *chunk_new(const struct run *r, uint32_t task, size_t *ret_bytes)
{
    struct chunk *c = mem_zalloc(sizeof *c);

    *ret_bytes = sizeof *c;
    if (c != NULL && has_own_extras(r, task)) {
        c->extras = mem_array(CHUNK, sizeof *c->extras);
        *ret_bytes += CHUNK * sizeof *c->extras;
        if (c->extras == NULL) {
            mem_free(c);
            return NULL;
        }
    }
    return c;
}

static bool make_children(struct sched *s, struct run *r, struct mapping *m, int32_t upto)
{
    while (m->made < upto) {
        if (m->made % CHUNK == 0) {
            size_t bytes;
            struct chunk *c = chunk_new(r, m->task, &bytes);

            if (c == NULL || VEC_PUSH(m->chunks, m->chunks_len, m->chunks_cap, c) != 0) {
                chunk_free(c);
                s->nomem = true;
                return false;
            }
            c->run = r;
            r->bytes += bytes;
            s->stats.bytes += bytes;
        }
        child_init(r, map_child(m, m->made), m->task, m->made);
        m->made++;
        r->instances++;
        s->stats.instances++;
    }
    return true;
}

static void spend(struct sched *s, int32_t n)
{
    s->budget -= s->budget < (uint32_t)n ? s->budget : (uint32_t)n;
}

bool sched_map_make(struct sched *s, struct run *r, struct mapping *m, int32_t upto)
{
    if (upto <= m->made) {
        return true;
    }
    FOR_GROUP(r, m->task, t)
    {
        struct mapping *mate = map_of(r, t);
        int32_t to = upto < mate->len ? upto : mate->len, made = mate->made;

        if (to > made && !make_children(s, r, mate, to)) {
            return false;
        }
        if (mate != m && to > made) {
            spend(s, to - made);
        }
    }
    return true;
}

void sched_maps_make(struct sched *s, struct run *r)
{
    for (uint32_t i = 0; r->maps != NULL && i < r->plan->maps_len && !s->nomem; i++) {
        (void)sched_map_make(s, r, &r->maps[i], r->maps[i].len);
    }
}

struct ti *sched_map_row(struct sched *s, struct run *r, const struct ti_row *row)
{
    struct mapping *m = map_of(r, row->key.task);
    int32_t i = row->key.map_index;

    if (m != NULL && i >= m->made && (i < m->len || row->state == TASK_REMOVED) &&
        sched_map_make(s, r, m, i < m->len ? i + 1 : m->len) && i >= m->made) {
        (void)make_children(s, r, m, i + 1);
        for (int32_t k = m->len; k < m->made; k++) {
            map_child(m, k)->state = TASK_REMOVED;
        }
    }
    return m == NULL || i < m->len || row->state == TASK_REMOVED ? run_ti(r, row->key.task, i)
                                                                 : NULL;
}

bool sched_map_unmade(const struct run *r, uint32_t task, int32_t index, struct ti *ret)
{
    const struct mapping *m = map_expanded(r, task);

    if (m == NULL || index < m->made || index >= m->len) {
        return false;
    }
    *ret = (struct ti){0};
    child_init(r, ret, task, index);
    return true;
}

/* ---- slices ---- */

/* The end of a chunk, or of all: children are made by chunks, not one by one. */
static int32_t chunk_end(const struct mapping *m, int32_t i)
{
    int32_t end = i - i % CHUNK + CHUNK;

    return end < m->len ? end : m->len;
}

/* Looks at children as long as the budget allows. */
static void sweep(struct sched *s, struct mapping *m)
{
    struct run *r = m->run;

    while (m->sweep_left > 0 && s->budget > 0 && !s->nomem) {
        int32_t i = m->sweep_at < m->len ? m->sweep_at : 0;

        if (m->counts[TASK_NONE] + m->counts[TASK_UP_FOR_RETRY] +
                    m->counts[TASK_UP_FOR_RESCHEDULE] ==
                0 ||
            !sched_map_make(s, r, m, chunk_end(m, i))) {
            m->sweep_left = 0;
            return;
        }
        ti_work(s, r, map_child(m, i));
        m->sweep_at = i + 1;
        m->sweep_left--;
        spend(s, 1);
    }
}

void sched_map_work(struct sched *s, struct run *r, struct mapping *m)
{
    if (r->state != RUN_RUNNING) {
        return; /* its start looks at all */
    }
    m->sweep_left = m->len;
    if (m->swept) {
        return; /* its turn comes: all of them, from where it stands */
    }
    m->sweep_at = 0;
    sweep(s, m);
    if (m->sweep_left == 0 || s->nomem) {
        return;
    }
    if (VEC_PUSH(s->sweeps, s->sweeps_len, s->sweeps_cap, m) != 0) {
        s->nomem = true;
        return;
    }
    m->swept = true;
    r->sweeping++;
}

bool sched_maps_sweep(struct sched *s)
{
    struct mapping *m = s->sweeps_len > 0 ? s->sweeps[0] : NULL;

    if (m == NULL || s->budget == 0 || s->nomem) {
        return false;
    }
    if (m->run->state != RUN_RUNNING) {
        m->sweep_left = 0;
    }
    sweep(s, m);
    memmove(s->sweeps, s->sweeps + 1, (s->sweeps_len - 1) * sizeof(struct mapping *));
    if (m->sweep_left > 0) {
        s->sweeps[s->sweeps_len - 1] = m;
        return true;
    }
    s->sweeps_len--;
    m->swept = false;
    m->run->sweeping--;
    if (m->run->sweeping == 0 && m->run->recheck) {
        m->run->recheck = false;
        run_check(s, m->run);
    }
    return true;
}
