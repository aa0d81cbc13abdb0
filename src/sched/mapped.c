/*
 * Mapped tasks. A mapped task begins as one instance (map index -1) and becomes as many children as its arguments have lengths:
 * at once when the document says them, else when what it is mapped over has ended and the driver has answered how long that is
 * (SCHED_ASK_MAP). From then on the -1 is no instance: it counts nowhere, and its row says only how many there are.
 *
 * Counters stay one per task, not one per pair: a dependent counts every child that ends, and waits for as many as there are
 * (run->need). The children of a task share the counters of what all of them wait for; only in a mapped group, where index n
 * waits for index n, has each child counters of its own beside them.
 *
 * A mapped group is expanded as a whole, before the rules of its tasks are looked at: one question, one length.
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

void maps_fini(struct sched *s, struct run *r)
{
    for (uint32_t i = 0; r->maps != NULL && i < r->plan->maps_len; i++) {
        struct mapping *m = &r->maps[i];

        timer_clear(s, &m->timer);
        for (int32_t k = 0; k < m->made; k++) {
            timer_clear(s, &map_child(m, k)->timer);
            text_unref(map_child(m, k)->reason);
        }
        for (size_t k = 0; k < m->chunks_len; k++) {
            mem_free(m->chunks[k]);
        }
        mem_free(m->chunks);
    }
    mem_free(r->maps);
    mem_free(r->need);
}

uint8_t map_summary(const struct mapping *m)
{
    uint32_t ended = 0;

    for (int i = 0; i < TASK_STATE_MAX_; i++) {
        ended += task_state_finished((uint8_t)i) ? m->counts[i] : 0;
    }
    if (ended < (uint32_t)m->len) {
        return TASK_NONE;
    }
    if (m->counts[TASK_FAILED] > 0) {
        return TASK_FAILED;
    }
    if (m->counts[TASK_UPSTREAM_FAILED] > 0) {
        return TASK_UPSTREAM_FAILED;
    }
    return m->counts[TASK_SKIPPED] == (uint32_t)m->len ? TASK_SKIPPED : TASK_SUCCESS;
}

uint8_t task_state_of(const struct run *r, uint32_t task)
{
    const struct mapping *m = map_expanded(r, task);

    return m != NULL ? map_summary(m) : r->tis[task].state;
}

/* ---- counters ---- */

static bool by_index(const struct run *r, uint32_t up, uint32_t down)
{
    return task_waits_by_index(r->dag, up, down) && map_expanded(r, up) != NULL &&
           map_expanded(r, down) != NULL;
}

uint32_t sched_map_missing(const struct run *r, const struct ti *ti)
{
    const struct dag *d = r->dag;
    uint32_t n = 0;

    for (uint32_t i = d->up_off[ti->task]; i < d->up_off[ti->task + 1]; i++) {
        n += by_index(r, d->up[i], ti->task) && map_of(r, d->up[i])->len <= ti->map_index;
    }
    return n;
}

static void count_state(uint32_t *up, uint8_t state, uint32_t n)
{
    enum upstream_class c = state_class(state);

    if (c != UP_NONE) {
        up[c] += n;
    }
}

static void recount_edge(struct run *r, uint32_t up, uint32_t down)
{
    struct mapping *m = map_expanded(r, up), *own = map_expanded(r, down);

    if (m == NULL) {
        count_state(r->tis[down].up, r->tis[up].state, 1);
        r->need[down]++;
    } else if (!by_index(r, up, down)) {
        for (int i = 0; i < TASK_STATE_MAX_; i++) {
            count_state(r->tis[down].up, (uint8_t)i, m->counts[i]);
        }
        r->need[down] += SCHED_CANARY == 4 ? 1 : (uint32_t)m->len;
    } else {
        for (int32_t i = 0; i < own->len && i < m->len; i++) {
            count_state(map_child(own, i)->up, map_child(m, i)->state, 1);
        }
        own->uneven |= m->len < own->len;
        r->need[down]++;
    }
}

void map_recount(struct run *r, uint32_t task)
{
    struct mapping *own = map_expanded(r, task);

    memset(r->tis[task].up, 0, sizeof r->tis[task].up);
    for (int32_t i = 0; own != NULL && i < own->len; i++) {
        memset(map_child(own, i)->up, 0, sizeof map_child(own, i)->up);
    }
    r->need[task] = 0;
    if (own != NULL) {
        own->uneven = false;
    }
    for (uint32_t i = r->dag->up_off[task]; i < r->dag->up_off[task + 1]; i++) {
        recount_edge(r, r->dag->up[i], task);
    }
}

/* A task counts `by` more instances for those that wait for it as a setup or in a scope. */
static void need_extras(struct run *r, uint32_t task, int32_t by)
{
    const struct plan *p = r->plan;

    if (p->extra_of == NULL) {
        return;
    }
    for (uint32_t i = r->dag->down_off[task];
         r->dag->tasks[task].is_setup && i < r->dag->down_off[task + 1]; i++) {
        r->extras[p->extra_of[r->dag->down[i]]].direct_setups += (uint32_t)by;
    }
    for (uint32_t i = p->setup_off[task]; i < p->setup_off[task + 1]; i++) {
        r->extras[p->extra_of[p->setup_to[i]]].setups += (uint32_t)by;
    }
    for (uint32_t i = p->scope_off[task]; i < p->scope_off[task + 1]; i++) {
        r->extras[p->extra_of[p->scope_to[i]]].scope += (uint32_t)by;
    }
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

static bool make_children(struct sched *s, struct run *r, struct mapping *m, int32_t len)
{
    while (m->made < len) {
        if (m->made % CHUNK == 0) {
            struct chunk *c = mem_zalloc(sizeof *c);

            if (c == NULL || VEC_PUSH(m->chunks, m->chunks_len, m->chunks_cap, c) != 0) {
                mem_free(c);
                s->nomem = true;
                return false;
            }
            c->run = r;
            r->bytes += sizeof *c;
            s->stats.bytes += sizeof *c;
        }
        child_init(r, map_child(m, m->made), m->task, m->made);
        m->made++;
        r->instances++;
        s->stats.instances++;
    }
    return true;
}

/* New children are none; what was not expanded counts no more. The caller counts anew what waits for it. */
static void grow(struct sched *s, struct run *r, struct mapping *m, int32_t len)
{
    struct ti *all = &r->tis[m->task];
    int32_t from = m->len;

    if (!make_children(s, r, m, len)) {
        return;
    }
    if (from == 0) {
        assert(all->state == TASK_NONE);
        if ((all->flags & TI_PAST) != 0) {
            all->flags &= (uint8_t)~TI_PAST;
            r->past_waiting--;
        }
        ti_count_run(r, all, TASK_NONE, (uint32_t)-1);
        need_extras(r, m->task, -1);
    }
    for (int32_t i = from; i < len; i++) {
        struct ti *ti = map_child(m, i);

        if (ti->state == TASK_REMOVED) {
            ti_count_run(r, ti, TASK_REMOVED, 1);
            ti_clear(s, r, ti); /* as if by hand: with all of its tries */
        } else {
            ti_count_run(r, ti, TASK_NONE, 1);
        }
    }
    m->len = len;
    need_extras(r, m->task, len - from);
}

static void work_children(struct sched *s, struct run *r, uint32_t task)
{
    const struct mapping *m = map_of(r, task);

    for (int32_t i = 0; m != NULL && i < m->len; i++) {
        ti_work(s, r, map_child(m, i));
    }
}

static void recount_around(struct run *r, uint32_t task)
{
    map_recount(r, task);
    for (uint32_t i = r->dag->down_off[task]; i < r->dag->down_off[task + 1]; i++) {
        map_recount(r, r->dag->down[i]);
    }
}

void map_expand(struct sched *s, struct run *r, uint32_t task, int32_t len)
{
    struct mapping *m = map_of(r, task);

    if (m->len == 0 && len > 0) {
        grow(s, r, m, len);
        if (!s->nomem) {
            recount_around(r, task);
        }
    }
}

void sched_map_reserve(struct sched *s, struct run *r, uint32_t task, int32_t made)
{
    struct mapping *m = map_of(r, task);

    if (m != NULL && made > m->made) {
        (void)make_children(s, r, m, made);
    }
}

/* Calls it for each task that is expanded with this one: those of its mapped group, or itself. */
#define FOR_GROUP(r, task, t)                                                                    \
    for (uint32_t t = (r)->dag->tasks[task].map_group == UINT32_MAX ? (task) : 0;                \
         t < ((r)->dag->tasks[task].map_group == UINT32_MAX ? (task) + 1 : (r)->dag->tasks_len); \
         t++)                                                                                    \
        if (t == (task) || ((r)->dag->tasks[task].map_group != UINT32_MAX &&                     \
                            (r)->dag->tasks[t].map_group == (r)->dag->tasks[task].map_group))

void maps_literal(struct sched *s, struct run *r)
{
    for (uint32_t i = 0; r->maps != NULL && i < r->plan->maps_len && !s->nomem; i++) {
        struct mapping *m = &r->maps[i];
        int32_t len = r->dag->tasks[m->task].map_len;

        if (len > 0 && len <= s->config.max_map_length && m->len == 0 &&
            r->tis[m->task].state == TASK_NONE) {
            map_expand(s, r, m->task, len);
            touch_ti(s, r, &r->tis[m->task]);
        }
    }
}

/* The task (or its group) as a whole ends before it was expanded. */
static void end_unexpanded(struct sched *s, struct run *r, uint32_t task, uint8_t to,
                           struct text *why)
{
    FOR_GROUP(r, task, t)
    {
        struct ti *ti = &r->tis[t];

        if (map_of(r, t)->len == 0 && ti->state == TASK_NONE) {
            ti_finish(s, r, ti, to, s->now_us, why);
            if (to == TASK_FAILED) {
                run_task_failed(s, r, ti);
            }
        }
    }
}

/* The worse of two: both have to let it go. */
static enum verdict both(enum verdict a, enum verdict b)
{
    if (a == VERDICT_UPSTREAM_FAILED || b == VERDICT_UPSTREAM_FAILED) {
        return VERDICT_UPSTREAM_FAILED;
    }
    if (a == VERDICT_SKIP || b == VERDICT_SKIP) {
        return VERDICT_SKIP;
    }
    return a == VERDICT_WAIT ? a : b;
}

/* There is nothing to become: what its rule lets run is skipped. What still waits asks again when it may go on. */
static void end_empty(struct sched *s, struct run *r, uint32_t task)
{
    struct text *why = text_make(s, "nothing to map over: its length is 0");

    FOR_GROUP(r, task, t)
    {
        struct ti *ti = &r->tis[t];
        bool open = map_of(r, t)->len == 0 && ti->state == TASK_NONE;
        enum verdict v = open ? rule_verdict(r, ti) : VERDICT_WAIT;

        if (v == VERDICT_UPSTREAM_FAILED) {
            ti_finish(s, r, ti, TASK_UPSTREAM_FAILED, s->now_us, NULL);
        } else if (v != VERDICT_WAIT) {
            sched_ti_skip(s, r, ti, v == VERDICT_RUN ? why : NULL);
        }
    }
    text_unref(why);
}

static void expand_to(struct sched *s, struct run *r, uint32_t task, int64_t len)
{
    struct text *why = NULL;

    if (len <= 0) {
        end_empty(s, r, task);
    } else if (len > s->config.max_map_length || len > LIMIT_MAP_HARD) {
        why = text_make(
            s, "%lld instances, and at most %d are allowed: raise TRADEWIND__CORE__MAX_MAP_LENGTH",
            (long long)len, s->config.max_map_length);
        end_unexpanded(s, r, task, TASK_FAILED, why);
    } else {
        FOR_GROUP(r, task, t)
        {
            if (map_of(r, t)->len == 0 && r->tis[t].state == TASK_NONE && !s->nomem) {
                grow(s, r, map_of(r, t), (int32_t)len);
                touch_ti(s, r, &r->tis[t]);
            }
        }
        FOR_GROUP(r, task, t)
        {
            if (!s->nomem) {
                recount_around(r, t);
            }
        }
        FOR_GROUP(r, task, t)
        {
            if (!s->nomem) {
                work_children(s, r, t);
            }
        }
    }
    text_unref(why);
}

/* ---- lengths ---- */

static void ask(struct sched *s, struct mapping *m)
{
    m->question = ++s->questions;
    m->run->map_waiting++;
    timer_set(s, TIMER_MAP, m, &m->timer, s->now_us + s->config.question_timeout_us);
    out_question(s, m->question, SCHED_ASK_MAP, m->run->key, m->task,
                 s->now_us + s->config.question_timeout_us);
}

static void asked(struct sched *s, struct mapping *m)
{
    if (m->question != 0) {
        m->question = 0;
        m->run->map_waiting--;
        timer_clear(s, &m->timer);
    }
}

/* Whoever asks for its length: the first task of a group asks for all. */
static struct mapping *asker(struct run *r, uint32_t task)
{
    FOR_GROUP(r, task, t)
    {
        if (map_of(r, t)->len == 0 && r->tis[t].state == TASK_NONE) {
            return map_of(r, t);
        }
    }
    return map_of(r, task);
}

static enum verdict sources_verdict(const struct run *r, const struct task *t)
{
    enum verdict v = VERDICT_RUN;

    for (uint32_t i = 0; i < t->map_sources_len; i++) {
        const struct mapping *m = map_expanded(r, t->map_sources[i]);
        uint8_t state = task_state_of(r, t->map_sources[i]);

        /* Of one that is mapped itself, those that ended well are mapped over. */
        switch (m != NULL && state != TASK_NONE ? TASK_SUCCESS : state) {
        case TASK_FAILED:
        case TASK_UPSTREAM_FAILED:
            return VERDICT_UPSTREAM_FAILED;
        case TASK_SKIPPED:
            v = VERDICT_SKIP;
            break;
        case TASK_SUCCESS:
            break;
        default:
            v = v == VERDICT_SKIP ? v : VERDICT_WAIT;
            break;
        }
    }
    return v;
}

void sched_map_source_ended(struct sched *s, struct run *r, uint32_t task)
{
    uint32_t done = UINT32_MAX;

    for (uint32_t i = r->dag->down_off[task]; i < r->dag->down_off[task + 1]; i++) {
        uint32_t down = r->dag->down[i], group = r->dag->tasks[down].map_group;

        if (group == UINT32_MAX || group == done) {
            continue;
        }
        done = group;
        FOR_GROUP(r, down, t)
        {
            if (map_of(r, t)->len == 0) {
                ti_work(s, r, &r->tis[t]);
            } else {
                work_children(s, r, t);
            }
        }
    }
}

static bool expands_now(struct sched *s, struct run *r, struct ti *ti)
{
    const struct task *t = ti_task(r, ti);
    struct mapping *m = asker(r, ti->task);

    if (t->map_len >= 0) {
        expand_to(s, r, ti->task, t->map_len);
        return true;
    }
    if (m->question == 0) {
        ask(s, m);
    }
    return false;
}

void map_settle(struct sched *s, struct run *r, struct ti *ti)
{
    const struct task *t = ti_task(r, ti);
    enum verdict v = sources_verdict(r, t);

    if (map_of(r, ti->task)->len > 0) {
        return;
    }
    if (t->map_group == UINT32_MAX || t->map_len == 0) {
        v = both(rule_verdict(r, ti), v);
    }
    if (v == VERDICT_RUN && r->stopping && !t->is_teardown) {
        v = VERDICT_SKIP;
    }
    switch (v) {
    case VERDICT_WAIT:
        break;
    case VERDICT_RUN:
        (void)expands_now(s, r, ti);
        break;
    case VERDICT_SKIP:
        sched_ti_skip(s, r, ti, NULL);
        break;
    case VERDICT_UPSTREAM_FAILED:
        ti_finish(s, r, ti, TASK_UPSTREAM_FAILED, s->now_us, NULL);
        break;
    }
}

enum verdict sched_map_child_verdict(const struct run *r, const struct ti *ti, enum verdict rule)
{
    enum verdict v = VERDICT_RUN;

    if (ti->map_index >= 0 && rule != VERDICT_WAIT) {
        v = sources_verdict(r, ti_task(r, ti));
    }
    return v == VERDICT_WAIT ? rule : both(rule, v); /* it has its length */
}

/* ---- a length that is asked again ---- */

void map_cleared(struct run *r, uint32_t task)
{
    struct mapping *m = map_expanded(r, task);

    if (m != NULL && r->dag->tasks[task].map_len < 0) {
        m->stale = true;
    }
}

bool map_stale(struct sched *s, struct run *r, struct ti *ti)
{
    struct mapping *m = ti->map_index >= 0 ? map_of(r, ti->task) : NULL;

    if (m == NULL || !m->stale || r->stopping) {
        return false;
    }
    if (sources_verdict(r, ti_task(r, ti)) != VERDICT_RUN) {
        m->stale = false; /* what it was mapped over is gone: the rule says what becomes of all */
        work_children(s, r, ti->task);
        return false;
    }
    if (m->question == 0) {
        ask(s, m);
    }
    return true;
}

static bool any_live(const struct mapping *m, int32_t from)
{
    for (int32_t i = from; i < m->len; i++) {
        if (!uuid_is_zero(&map_child(m, i)->attempt)) {
            return true;
        }
    }
    return false;
}

/* Those beyond the length are removed and count no more. With none left the task is one instance again. */
static void shrink(struct sched *s, struct run *r, struct mapping *m, int32_t len)
{
    struct text *why = text_make(s, "it is mapped over %d now", len);
    int32_t from = m->len;

    m->len = len;
    for (int32_t i = len; i < from; i++) {
        ti_finish(s, r, map_child(m, i), TASK_REMOVED, s->now_us, why);
        m->counts[TASK_REMOVED]--;
    }
    text_unref(why);
    need_extras(r, m->task, len - from);
    if (len == 0) {
        ti_count_run(r, &r->tis[m->task], TASK_NONE, 1);
        need_extras(r, m->task, 1);
    }
}

static void resize_one(struct sched *s, struct run *r, struct mapping *m, int64_t len)
{
    m->stale = false;
    if (m->len == 0 || s->nomem) {
        return;
    }
    if (len > m->len && len <= s->config.max_map_length) {
        grow(s, r, m, (int32_t)len);
    } else if (len < m->len && !any_live(m, (int32_t)len)) {
        shrink(s, r, m, (int32_t)(len > 0 ? len : 0));
    }
    touch_ti(s, r, &r->tis[m->task]);
}

static void resize(struct sched *s, struct run *r, uint32_t task, int64_t len)
{
    FOR_GROUP(r, task, t)
    {
        resize_one(s, r, map_of(r, t), len);
        if (!s->nomem) {
            recount_around(r, t);
        }
    }
    if (len <= 0) {
        expand_to(s, r, task, 0);
    }
    FOR_GROUP(r, task, t)
    {
        if (!s->nomem) {
            work_children(s, r, t);
            ti_wake_dependents(s, r, &r->tis[t]); /* it may be shorter: less to wait for */
            sched_map_source_ended(s, r, t);
            past_notify(s, r, t);
        }
    }
}

/* ---- answers ---- */

static struct mapping *of_question(struct sched *s, int64_t question)
{
    for (size_t i = 0; question != 0 && i < s->runs.len; i++) {
        struct run *r = s->runs.entries[i].value;

        for (uint32_t k = 0; r->map_waiting > 0 && k < r->plan->maps_len; k++) {
            if (r->maps[k].question == question) {
                return &r->maps[k];
            }
        }
    }
    return NULL;
}

bool map_answer(struct sched *s, const struct sched_event *ev)
{
    struct mapping *m = of_question(s, ev->answer.question);
    struct run *r = m != NULL ? m->run : NULL;
    struct ti *ti = m != NULL ? &r->tis[m->task] : NULL;

    if (m == NULL) {
        return false;
    }
    if (ev->answer.unknown) {
        return true; /* asked again when its time is over */
    }
    asked(s, m);
    run_check(s, r);
    if (r->state != RUN_RUNNING) {
        return true;
    }
    if (m->len > 0) {
        if (sources_verdict(r, ti_task(r, ti)) != VERDICT_RUN) {
            work_children(s, r, m->task); /* the answer is about what is not there any more */
        } else if (ev->answer.error == NULL) {
            resize(s, r, m->task, ev->answer.map_len);
        } else {
            m->stale = false;
            work_children(s, r, m->task);
        }
        return true;
    }
    if (ti->state != TASK_NONE) {
        m = asker(r, m->task); /* it was marked or left out meanwhile; its group may still wait */
        ti = &r->tis[m->task];
    }
    if (ti->state != TASK_NONE || m->len > 0) {
        return true;
    }
    if (sources_verdict(r, ti_task(r, ti)) != VERDICT_RUN) {
        ti_work(s, r, ti); /* what it is mapped over was cleared meanwhile */
    } else if (ev->answer.error != NULL) {
        struct text *why = text_make(s, "%s", ev->answer.error);

        end_unexpanded(s, r, m->task, TASK_FAILED, why);
        text_unref(why);
    } else {
        expand_to(s, r, m->task, ev->answer.map_len);
    }
    return true;
}

void map_timeout(struct sched *s, struct mapping *m)
{
    struct run *r = m->run;
    uint32_t task = m->task;

    asked(s, m);
    run_check(s, r);
    if (m->len > 0) {
        work_children(s, r, task);
        return;
    }
    FOR_GROUP(r, task, t)
    {
        if (map_of(r, t)->len == 0) {
            ti_work(s, r, &r->tis[t]); /* any that still waits asks again */
        }
    }
}
