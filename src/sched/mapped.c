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

    sched_map_need(r, m->task, m->len - (m->was > 0 ? m->was : 1));
    for (int32_t i = m->was; i < back; i++) {
        struct ti *ti = map_child(m, i);

        sched_ti_return(s, r, ti);
        ti_count_run(r, ti, ti->state, 1);
    }
    count_unmade(r, m, m->len - back);
}

static void recount_around(struct run *r, uint32_t task)
{
    map_recount(r, task);
    for (uint32_t i = r->dag->down_off[task]; i < r->dag->down_off[task + 1]; i++) {
        map_recount(r, r->dag->down[i]);
    }
}

/* One that grew: what the others of its group have made it makes too, and counts. */
static void grow_done(struct sched *s, struct run *r, struct mapping *m)
{
    int32_t made = 0;

    if (!m->grows) {
        return;
    }
    m->grows = false;
    FOR_GROUP(r, m->task, t)
    {
        made = map_walk(map_of(r, t)) > made ? map_walk(map_of(r, t)) : made;
    }
    if (sched_map_make(s, r, m, made < m->len ? made : m->len)) {
        recount_around(r, m->task);
        sched_map_recount_extras(r, m->task);
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
        grow_done(s, r, &r->maps[i]);
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

        if (SCHED_CANARY != 6 && rows[i].map_len > 0 && m != NULL && m->len == 0) {
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

/* A mapped group has one length: those that are not expanded yet are, those that are become as long. */
static void lengthen(struct sched *s, struct run *r, uint32_t task, int32_t len)
{
    FOR_GROUP(r, task, t)
    {
        struct mapping *m = map_of(r, t);

        if (m->len > 0 ? m->len < len : r->tis[t].state == TASK_NONE && len > 0) {
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
        grow_done(s, r, map_of(r, t));
    }
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
    sched_map_need(r, m->task, (len > 0 ? len : 1) - m->len);
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
        map_of(r, t)->shrinks = map_of(r, t)->len > len;
        if (map_of(r, t)->shrinks) {
            shrink_begin(s, r, map_of(r, t), len, why);
        }
    }
    FOR_GROUP(r, task, t)
    {
        if (map_of(r, t)->shrinks) {
            shrink_end(s, r, map_of(r, t), len);
        }
    }
    FOR_GROUP(r, task, t)
    {
        if (map_of(r, t)->shrinks) {
            map_of(r, t)->shrinks = false;
            recount_around(r, t);
            sched_map_recount_extras(r, t);
        }
    }
    text_unref(why);
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

static bool end_empty_one(struct sched *s, struct run *r, struct ti *ti, struct text *why)
{
    enum verdict v;

    if (map_of(r, ti->task)->len > 0 || ti->state != TASK_NONE) {
        return false;
    }
    v = rule_verdict(r, ti);
    if (v == VERDICT_UPSTREAM_FAILED) {
        ti_finish(s, r, ti, TASK_UPSTREAM_FAILED, s->now_us, NULL);
    } else if (v != VERDICT_WAIT) {
        sched_ti_skip(s, r, ti, v == VERDICT_RUN ? why : NULL);
    }
    return ti->state != TASK_NONE;
}

/*
 * There is nothing to become: what its rule lets run is skipped. What still waits asks again when it may go on. Repeated, since a task of a
 * group may wait for another of it that has a higher number.
 */
static void end_empty(struct sched *s, struct run *r, uint32_t task)
{
    struct text *why = text_make(s, "nothing to map over: its length is 0");
    bool again = true;

    while (again) {
        again = false;
        FOR_GROUP(r, task, t)
        {
            again |= end_empty_one(s, r, &r->tis[t], why);
        }
    }
    text_unref(why);
}

/* Its length changed: what waits for it, in this run and the next, may go on. */
static void wake_around(struct sched *s, struct run *r, uint32_t task)
{
    ti_wake_dependents(s, r, &r->tis[task]);
    past_notify(s, r, task);
}

/* Its length, and that of its group, is known: for the first time or again. One that is too long leaves those that are expanded. */
static void set_length(struct sched *s, struct run *r, uint32_t task, int64_t len)
{
    struct text *why = NULL;

    FOR_GROUP(r, task, t)
    {
        set_stale(s, r, map_of(r, t), false);
        map_of(r, t)->was = map_of(r, t)->len;
    }
    if (len > s->config.max_map_length || len > LIMIT_MAP_HARD) {
        why = text_make(
            s, "%lld instances, and at most %d are allowed: raise TRADEWIND__CORE__MAX_MAP_LENGTH",
            (long long)len, s->config.max_map_length);
        end_unexpanded(s, r, task, TASK_FAILED, why);
    } else {
        shorten(s, r, task, len > 0 ? (int32_t)len : 0);
        lengthen(s, r, task, len > 0 ? (int32_t)len : 0);
    }
    text_unref(why);
    if (len <= 0) {
        end_empty(s, r, task);
    }
    FOR_GROUP(r, task, t)
    {
        struct mapping *m = map_of(r, t);

        if (!s->nomem && m->len > 0) {
            sched_task_work(s, r, t);
        }
        if (!s->nomem && m->len != m->was) {
            wake_around(s, r, t);
        }
    }
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

static bool expands_now(struct sched *s, struct run *r, struct ti *ti)
{
    const struct task *t = ti_task(r, ti);
    struct mapping *m = asker(r, ti->task);

    if (t->map_len >= 0) {
        set_length(s, r, ti->task, t->map_len);
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
        /* What it was mapped over is gone: the rule says what becomes of all. */
        set_stale(s, r, m, false);
        sched_task_work(s, r, ti->task);
        return false;
    }
    if (m->question == 0) {
        ask(s, m);
    }
    return true;
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
            sched_task_work(s, r, m->task); /* the answer is about what is not there any more */
        } else if (ev->answer.error == NULL) {
            set_length(s, r, m->task, ev->answer.map_len);
        } else {
            set_stale(s, r, m, false);
            sched_task_work(s, r, m->task);
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
        set_length(s, r, m->task, ev->answer.map_len);
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
        sched_task_work(s, r, task);
        return;
    }
    FOR_GROUP(r, task, t)
    {
        if (map_of(r, t)->len == 0) {
            ti_work(s, r, &r->tis[t]); /* any that still waits asks again */
        }
    }
}
