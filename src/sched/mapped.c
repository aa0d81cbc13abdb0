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
 *
 * Slices. To be expanded is one number (len); the children come into memory when they are looked at. A step looks at no more than its
 * budget; a mapping whose children were not all looked at stands on the list of sweeps, and each tick does a slice of the first and puts
 * it behind the others. What is not made is none and nobody's upstream that has ended, so counters need not know. Nothing of that
 * is in the rows: a restored run looks at all of its instances again.
 */
#include "sched/sched_priv.h"

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
    return r->dag->tasks[down].map_group != UINT32_MAX &&
           r->dag->tasks[up].map_group == r->dag->tasks[down].map_group &&
           map_expanded(r, up) != NULL && map_expanded(r, down) != NULL;
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
        r->need[down] += (uint32_t)m->len;
    } else {
        for (int32_t i = 0; i < map_walk(own) && i < map_walk(m); i++) {
            count_state(map_child(own, i)->up, map_child(m, i)->state, 1);
        }
        r->need[down]++;
    }
}

void map_recount(struct run *r, uint32_t task)
{
    struct mapping *own = map_expanded(r, task);

    memset(r->tis[task].up, 0, sizeof r->tis[task].up);
    for (int32_t i = 0; own != NULL && i < map_walk(own); i++) {
        memset(map_child(own, i)->up, 0, sizeof map_child(own, i)->up);
    }
    r->need[task] = 0;
    for (uint32_t i = r->dag->up_off[task]; i < r->dag->up_off[task + 1]; i++) {
        recount_edge(r, r->dag->up[i], task);
    }
}

/*
 * A task counts `by` more instances for those that wait for it as a setup or in a scope. Where index waits for index it is one as before. All
 * lengths of its group are as they will be, or were.
 */
static void need_extras(struct run *r, uint32_t task, int32_t by)
{
    const struct plan *p = r->plan;

    if (p->extra_of == NULL) {
        return;
    }
    for (uint32_t i = r->dag->down_off[task];
         r->dag->tasks[task].is_setup && i < r->dag->down_off[task + 1]; i++) {
        uint32_t down = r->dag->down[i];

        r->extras[p->extra_of[down]].direct_setups += by_index(r, task, down) ? 0 : (uint32_t)by;
    }
    for (uint32_t i = p->setup_off[task]; i < p->setup_off[task + 1]; i++) {
        uint32_t to = p->setup_to[i];

        r->extras[p->extra_of[to]].setups += by_index(r, task, to) ? 0 : (uint32_t)by;
    }
    for (uint32_t i = p->scope_off[task]; i < p->scope_off[task + 1]; i++) {
        uint32_t to = p->scope_to[i];

        r->extras[p->extra_of[to]].scope += by_index(r, task, to) ? 0 : (uint32_t)by;
    }
}

/* ---- lengths that change ---- */

/* Children that are none and were never made, as many more or less. */
static void count_unmade(struct run *r, struct mapping *m, int32_t n)
{
    m->counts[TASK_NONE] += (uint32_t)n;
    r->unfinished += (uint32_t)n;
    r->none += (uint32_t)n;
}

/* What was not expanded counts no more. */
static void leave_whole(struct run *r, struct mapping *m)
{
    struct ti *all = &r->tis[m->task];

    assert(all->state == TASK_NONE);
    if ((all->flags & TI_PAST) != 0) {
        all->flags &= (uint8_t)~TI_PAST;
        r->past_waiting--;
    }
    ti_count_run(r, all, TASK_NONE, (uint32_t)-1);
}

/*
 * Longer: new children are none; those that were removed come back. In three parts, since the tasks of a mapped group count each other by
 * index: the lengths of all of them first.
 */
static void grow_begin(struct run *r, struct mapping *m, int32_t len)
{
    if (m->len == 0) {
        leave_whole(r, m);
    }
    m->was = m->len;
    m->len = len;
}

static void grow_end(struct sched *s, struct run *r, struct mapping *m)
{
    int32_t back = m->was < m->made ? (m->made < m->len ? m->made : m->len) : m->was;

    need_extras(r, m->task, m->len - (m->was > 0 ? m->was : 1));
    for (int32_t i = m->was; i < back; i++) {
        struct ti *ti = map_child(m, i);

        sched_ti_return(s, r, ti);
        ti_count_run(r, ti, ti->state, 1);
    }
    count_unmade(r, m, m->len - back);
}

/* What waits for it may go on: it is shorter. */
static void wake_around(struct sched *s, struct run *r, uint32_t task)
{
    for (uint32_t i = r->dag->down_off[task]; i < r->dag->down_off[task + 1]; i++) {
        sched_task_work(s, r, r->dag->down[i]);
    }
}

static void recount_around(struct run *r, uint32_t task)
{
    map_recount(r, task);
    for (uint32_t i = r->dag->down_off[task]; i < r->dag->down_off[task + 1]; i++) {
        map_recount(r, r->dag->down[i]);
    }
}

/* All that are marked: their lengths are set. */
static void grow_marked(struct sched *s, struct run *r)
{
    for (uint32_t i = 0; i < r->plan->maps_len; i++) {
        if (r->maps[i].grows) {
            grow_end(s, r, &r->maps[i]);
        }
    }
    for (uint32_t i = 0; i < r->plan->maps_len; i++) {
        if (r->maps[i].grows) {
            r->maps[i].grows = false;
            recount_around(r, r->maps[i].task);
        }
    }
}

/* Its length is set; grow_end must follow when all of them are. */
static void mark_growing(struct run *r, struct mapping *m, int32_t len)
{
    m->grows = true;
    grow_begin(r, m, len);
}

void sched_maps_rows(struct sched *s, struct run *r, const struct ti_row *rows, size_t n)
{
    for (size_t i = 0; i < n && r->maps != NULL; i++) {
        struct mapping *m = map_of(r, rows[i].key.task);

        if (rows[i].map_len > 0 && m != NULL && m->len == 0) {
            mark_growing(r, m, rows[i].map_len);
        }
    }
    if (r->maps != NULL) {
        grow_marked(s, r);
    }
}

void maps_literal(struct sched *s, struct run *r)
{
    for (uint32_t i = 0; r->maps != NULL && i < r->plan->maps_len; i++) {
        struct mapping *m = &r->maps[i];
        int32_t len = r->dag->tasks[m->task].map_len;

        if (len > 0 && len <= s->config.max_map_length && m->len == 0 &&
            r->tis[m->task].state == TASK_NONE) {
            mark_growing(r, m, len);
            touch_ti(s, r, &r->tis[m->task]);
        }
    }
    if (r->maps != NULL) {
        grow_marked(s, r);
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

/* Of those that are not expanded, or of those that are. */
static void lengthen(struct sched *s, struct run *r, uint32_t task, int32_t len, bool first)
{
    FOR_GROUP(r, task, t)
    {
        struct mapping *m = map_of(r, t);

        if (first ? m->len == 0 && r->tis[t].state == TASK_NONE : m->len > 0 && m->len < len) {
            mark_growing(r, m, len);
            touch_ti(s, r, &r->tis[t]);
        }
    }
    FOR_GROUP(r, task, t)
    {
        if (map_of(r, t)->grows) {
            grow_end(s, r, map_of(r, t));
        }
    }
    FOR_GROUP(r, task, t)
    {
        if (map_of(r, t)->grows) {
            map_of(r, t)->grows = false;
            recount_around(r, t);
        }
    }
}

static void expand_to(struct sched *s, struct run *r, uint32_t task, int64_t len)
{
    struct text *why = NULL;

    if (len <= 0) {
        why = text_make(s, "nothing to map over: its length is 0");
        end_unexpanded(s, r, task, TASK_SKIPPED, why);
    } else if (len > s->config.max_map_length || len > LIMIT_MAP_HARD) {
        why = text_make(
            s, "%lld instances, and at most %d are allowed: raise TRADEWIND__CORE__MAX_MAP_LENGTH",
            (long long)len, s->config.max_map_length);
        end_unexpanded(s, r, task, TASK_FAILED, why);
    } else {
        lengthen(s, r, task, (int32_t)len, true);
        FOR_GROUP(r, task, t)
        {
            sched_task_work(s, r, t);
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
        switch (task_state_of(r, t->map_sources[i])) {
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
    enum verdict v = t->map_len >= 0 ? VERDICT_RUN : sources_verdict(r, t);

    if (map_of(r, ti->task)->len > 0) {
        return;
    }
    if (v == VERDICT_RUN && t->map_group == UINT32_MAX) {
        v = rule_verdict(r, ti);
    }
    if (v == VERDICT_WAIT && t->map_group == UINT32_MAX) {
        enum verdict rule = rule_verdict(r, ti);

        v = rule == VERDICT_RUN ? VERDICT_WAIT : rule;
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
        ti_finish(s, r, ti, TASK_SKIPPED, s->now_us, NULL);
        break;
    case VERDICT_UPSTREAM_FAILED:
        ti_finish(s, r, ti, TASK_UPSTREAM_FAILED, s->now_us, NULL);
        break;
    }
}

/* ---- a length that is asked again ---- */

static void set_stale(struct sched *s, struct run *r, struct mapping *m, bool stale)
{
    struct ti *all = &r->tis[m->task];

    if (m->stale != stale) {
        m->stale = stale;
        text_unref(all->reason);
        all->reason = stale ? text_make(s, STALE_LENGTH) : NULL;
        touch_ti(s, r, all);
    }
}

void map_cleared(struct sched *s, struct run *r, uint32_t task)
{
    struct mapping *m = map_expanded(r, task);

    if (m != NULL && r->dag->tasks[task].map_len < 0) {
        set_stale(s, r, m, true);
    }
}

bool map_stale(struct sched *s, struct run *r, struct ti *ti)
{
    struct mapping *m = ti->map_index >= 0 ? map_of(r, ti->task) : NULL;

    if (m == NULL || !m->stale || r->stopping) {
        return false;
    }
    if (sources_verdict(r, ti_task(r, ti)) != VERDICT_RUN) {
        /* What it was mapped over is gone: the rule says what becomes of it. */
        set_stale(s, r, m, false);
        return false;
    }
    if (m->question == 0) {
        ask(s, m);
    }
    return true;
}

/*
 * Shorter: those beyond the length are removed and count no more; what lives of them is killed. With none left the task is one instance
 * again. In two parts, as grow: all are removed while the lengths are what they were.
 */
static void shrink_begin(struct sched *s, struct run *r, struct mapping *m, int32_t len,
                         struct text *why)
{
    for (int32_t i = len; i < map_walk(m); i++) {
        struct ti *ti = map_child(m, i);

        if (ti->state != TASK_REMOVED) {
            ti_mark(s, r, ti, TASK_REMOVED, why);
        }
        ti_count(r, ti, UP_REMOVED, UP_NONE);
        ti_count_run(r, ti, TASK_REMOVED, (uint32_t)-1);
    }
    need_extras(r, m->task, (len > 0 ? len : 1) - m->len);
}

static void shrink_end(struct sched *s, struct run *r, struct mapping *m, int32_t len)
{
    int32_t walk = map_walk(m);

    count_unmade(r, m, (walk > len ? walk : len) - m->len);
    m->len = len;
    if (len == 0) {
        ti_count_run(r, &r->tis[m->task], TASK_NONE, 1);
    }
    touch_ti(s, r, &r->tis[m->task]);
}

static void shorten(struct sched *s, struct run *r, uint32_t task, int32_t len)
{
    struct text *why = text_make(s, "it is mapped over %d now", len);

    FOR_GROUP(r, task, t)
    {
        if (map_of(r, t)->len > len) {
            shrink_begin(s, r, map_of(r, t), len, why);
        }
    }
    FOR_GROUP(r, task, t)
    {
        if (map_of(r, t)->len > len) {
            shrink_end(s, r, map_of(r, t), len);
        }
    }
    FOR_GROUP(r, task, t)
    {
        recount_around(r, t);
    }
    text_unref(why);
}

static void resize(struct sched *s, struct run *r, uint32_t task, int64_t len)
{
    FOR_GROUP(r, task, t)
    {
        set_stale(s, r, map_of(r, t), false);
    }
    if (len <= s->config.max_map_length && !s->nomem) { /* too long: the old length stands */
        shorten(s, r, task, len > 0 ? (int32_t)len : 0);
        lengthen(s, r, task, len > 0 ? (int32_t)len : 0, false);
    }
    if (len <= 0) {
        expand_to(s, r, task, 0);
    }
    FOR_GROUP(r, task, t)
    {
        if (!s->nomem) {
            sched_task_work(s, r, t);
            wake_around(s, r, t);
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
        if (ev->answer.error == NULL) {
            resize(s, r, m->task, ev->answer.map_len);
        } else {
            set_stale(s, r, m, false);
            sched_task_work(s, r, m->task);
        }
        return true;
    }
    if (ti->state != TASK_NONE) {
        return true; /* it was marked or left out meanwhile */
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
    asked(s, m);
    run_check(s, m->run);
    if (m->len > 0) {
        sched_task_work(s, m->run, m->task);
    } else {
        ti_work(s, m->run, &m->run->tis[m->task]);
    }
}
