/*
 * Commands of users: clear, mark, stop. A command for a run that is not held waits until the run
 * was loaded (SCHED_ASK_RUN), at most question_timeout. Each command gets exactly one reply.
 */
#include "sched/sched_priv.h"

static bool is_child(const struct run *r, uint32_t task, int32_t index)
{
    const struct mapping *m = map_expanded(r, task);

    return m != NULL && index < m->len;
}

static bool selected(const struct run *r, const uint32_t *tasks, const int32_t *maps, size_t n,
                     int64_t command, struct sched *s)
{
    for (size_t i = 0; i < n; i++) {
        if (tasks[i] >= r->dag->tasks_len ||
            (maps != NULL && maps[i] >= 0 && !is_child(r, tasks[i], maps[i]))) {
            out_reply(s, command, -ERR_NOTFOUND, "the run has no such task", 0);
            return false;
        }
    }
    return true;
}

/* A finished run goes back to the queue of its group; one that runs goes on. */
static void reopen(struct sched *s, struct run *r)
{
    r->clear_number++;
    touch_run(s, r);
    if (!run_state_finished(r->state)) {
        return;
    }
    r->state = RUN_QUEUED;
    r->queued_us = s->now_us;
    r->start_us = r->end_us = TIME_NONE;
    r->stopping = false;
    text_unref(r->reason);
    r->reason = NULL;
    run_enqueue(s, r);
}

/* The instances that a command is about, one after another. */
struct picked {
    size_t at;
    int32_t index;
};

static struct ti *pick(struct run *r, const struct sched_event *ev, struct picked *p)
{
    const uint32_t *tasks = ev->command.tasks;
    size_t n = tasks != NULL ? ev->command.tasks_len : r->dag->tasks_len;

    while (p->at < n) {
        uint32_t t = tasks != NULL ? tasks[p->at] : (uint32_t)p->at;
        int32_t one =
            tasks != NULL && ev->command.map_indexes != NULL ? ev->command.map_indexes[p->at] : -1;
        const struct mapping *m = map_expanded(r, t);

        if (one >= 0 || m == NULL) {
            p->at++;
            return run_ti(r, t, one);
        }
        if (p->index < map_walk(m)) {
            return map_child(m, p->index++);
        }
        p->at++;
        p->index = 0;
    }
    return NULL;
}

/* Looks at them: a mapped task as a whole by slices. */
static void work_picked(struct sched *s, struct run *r, const struct sched_event *ev)
{
    const uint32_t *tasks = ev->command.tasks;
    size_t n = tasks != NULL ? ev->command.tasks_len : r->dag->tasks_len;

    for (size_t i = 0; i < n; i++) {
        uint32_t t = tasks != NULL ? tasks[i] : (uint32_t)i;
        int32_t one =
            tasks != NULL && ev->command.map_indexes != NULL ? ev->command.map_indexes[i] : -1;

        if (one >= 0) {
            ti_work(s, r, run_ti(r, t, one));
        } else {
            sched_task_work(s, r, t);
        }
    }
}

/* An ended run becomes one of a backfill. */
static bool take_over(struct sched *s, struct run *r, const struct sched_event *ev)
{
    char *conf = ev->command.conf != NULL ? mem_strdup(ev->command.conf) : NULL;

    if (!run_state_finished(r->state)) {
        mem_free(conf);
        out_reply(s, ev->command.command, -ERR_CONFLICT, "the run has not ended", 0);
        return false;
    }
    if (ev->command.conf != NULL && conf == NULL) {
        s->nomem = true;
        return false;
    }
    if (conf != NULL) {
        mem_free(r->conf);
        r->conf = conf;
    }
    r->backfill_key = ev->command.backfill_key;
    return true;
}

/* moved: to another version, whose new tasks are to be run too. */
static void clear(struct sched *s, struct run *r, const struct sched_event *ev, bool moved)
{
    struct picked p = {0};
    struct ti *ti;
    uint32_t affected = 0;

    if (r->stopping) {
        out_reply(s, ev->command.command, -ERR_CONFLICT,
                  "the run is being stopped: clear it when it has ended", 0);
        return;
    }
    if (ev->command.backfill_key != 0 && !take_over(s, r, ev)) {
        return;
    }
    while ((ti = pick(r, ev, &p)) != NULL) {
        if (ti->state != TASK_NONE) {
            ti_clear(s, r, ti);
            map_cleared(s, r, ti->task);
            affected++;
        }
    }
    if (affected > 0 || ev->command.backfill_key != 0 || (moved && r->unfinished > 0)) {
        reopen(s, r);
    }
    work_picked(s, r, ev);
    out_reply(s, ev->command.command, 0, NULL, affected);
}

static bool mark_takes(const struct run *r, const struct ti *ti, bool all, uint8_t to)
{
    if (ti->state == to) {
        return false;
    }
    if (!all) {
        return true;
    }
    if (task_state_finished(ti->state)) {
        return to == TASK_SUCCESS; /* a whole run marked failed or skipped keeps what it reached */
    }
    return !ti_task(r, ti)->is_teardown; /* teardowns still do their work */
}

static void mark(struct sched *s, struct run *r, const struct sched_event *ev)
{
    struct picked p = {0};
    struct ti *ti;
    struct text *why = ev->command.reason != NULL
                           ? text_make(s, "%s", ev->command.reason)
                           : text_make(s, "marked %s", task_state_to_string(ev->command.state));
    uint32_t affected = 0;

    while ((ti = pick(r, ev, &p)) != NULL) {
        if (mark_takes(r, ti, ev->command.tasks == NULL, ev->command.state)) {
            ti_mark(s, r, ti, ev->command.state, why);
            affected++;
        }
    }
    text_unref(why);
    run_check(s, r);
    out_reply(s, ev->command.command, 0, NULL, affected);
}

static void stop(struct sched *s, struct run *r, const struct sched_event *ev)
{
    struct text *why =
        ev->command.state == TASK_FAILED
            ? text_make(s, RUN_MARKED_FAILED "%s%s", ev->command.reason != NULL ? " " : "",
                        ev->command.reason != NULL ? ev->command.reason : "")
            : text_make(s, "%s", ev->command.reason != NULL ? ev->command.reason : "stopped");
    bool failed = ev->command.state == TASK_FAILED;
    uint32_t n;

    if (run_state_finished(r->state) && failed && why != NULL) {
        sched_run_mark_failed(s, r, why);
        out_reply(s, ev->command.command, 0, NULL, 0);
    } else if (run_state_finished(r->state)) {
        out_reply(s, ev->command.command, -ERR_CONFLICT, "the run has ended already", 0);
    } else if (why != NULL) {
        n = run_stop(s, r, why, failed ? TASK_FAILED : TASK_SKIPPED);
        out_reply(s, ev->command.command, 0, NULL, n);
    }
    text_unref(why);
}

/* The command's indices are those of its version. False: refused, and that was said. */
static bool fits_version(struct sched *s, struct run **run, const struct sched_event *ev,
                         bool *ret_moved)
{
    const char *why = "the run goes on with another version of its DAG now: look again";
    int rc = -ERR_CONFLICT;

    *ret_moved = false;
    if (ev->command.version_key == 0 || (*run)->version_key == ev->command.version_key) {
        return true;
    }
    if (ev->type == SCHED_CLEAR && ev->command.dag != NULL) {
        sched_maps_make(s, *run);
        rc = s->nomem ? 0 : sched_move(s, run, ev->command.dag, ev->command.version_key, &why);
        *ret_moved = rc == 0;
    }
    if (rc != 0) {
        out_reply(s, ev->command.command, rc, why, 0);
    }
    return rc == 0;
}

static void apply(struct sched *s, struct run *r, const struct sched_event *ev)
{
    bool moved;

    if (!fits_version(s, &r, ev, &moved) || s->nomem) {
        return;
    }
    if (!selected(r, ev->command.tasks, ev->command.map_indexes,
                  ev->command.tasks != NULL ? ev->command.tasks_len : 0, ev->command.command, s)) {
        return;
    }
    sched_maps_make(s, r);
    if (s->nomem) {
        return;
    }
    switch (ev->type) {
    case SCHED_CLEAR:
        clear(s, r, ev, moved);
        break;
    case SCHED_MARK:
        mark(s, r, ev);
        break;
    default:
        assert(ev->type == SCHED_RUN_STOP);
        stop(s, r, ev);
        break;
    }
}

/* ---- commands that wait for their run ---- */

void pending_free(struct sched *s, struct pending *p)
{
    if (p != NULL) {
        timer_clear(s, &p->timer);
        dag_unref(p->dag);
        mem_free(p->tasks);
        mem_free(p->map_indexes);
        mem_free(p->reason);
        mem_free(p);
    }
}

static int pending_fill(struct pending *p, const struct sched_event *ev)
{
    p->command = ev->command.command;
    p->run_key = ev->command.run_key;
    p->type = (uint8_t)ev->type;
    p->state = ev->command.state;
    p->all = ev->command.tasks == NULL;
    p->version_key = ev->command.version_key;
    p->dag = ev->command.dag != NULL ? dag_ref(ev->command.dag) : NULL;
    if (!p->all) {
        p->tasks = mem_array(ev->command.tasks_len, sizeof *p->tasks);
        if (p->tasks == NULL) {
            return -ERR_NOMEM;
        }
        p->tasks_len = ev->command.tasks_len;
        if (p->tasks_len > 0) {
            memcpy(p->tasks, ev->command.tasks, p->tasks_len * sizeof *p->tasks);
        }
        if (ev->command.map_indexes != NULL && p->tasks_len > 0) {
            p->map_indexes = mem_array(p->tasks_len, sizeof *p->map_indexes);
            if (p->map_indexes == NULL) {
                return -ERR_NOMEM;
            }
            memcpy(p->map_indexes, ev->command.map_indexes, p->tasks_len * sizeof *p->map_indexes);
        }
    }
    if (ev->command.reason != NULL) {
        p->reason = mem_strdup(ev->command.reason);
        return p->reason != NULL ? 0 : -ERR_NOMEM;
    }
    return 0;
}

static void wait_for_run(struct sched *s, const struct sched_event *ev)
{
    struct pending *p = mem_zalloc(sizeof *p);

    if (p == NULL || pending_fill(p, ev) != 0 ||
        VEC_PUSH(s->pending, s->pending_len, s->pending_cap, p) != 0) {
        pending_free(s, p);
        s->nomem = true;
        return;
    }
    p->question = ++s->questions;
    p->deadline_us = s->now_us + s->config.question_timeout_us;
    timer_set(s, TIMER_PENDING, p, &p->timer, p->deadline_us);
    out_question(s, p->question, SCHED_ASK_RUN, p->run_key, 0, p->deadline_us);
}

static void pending_finish(struct sched *s, struct pending *p, int rc)
{
    struct run *r =
        run_find(s, p->run_key); /* whatever the answer says: it may have come by another way */

    if (r != NULL) {
        struct sched_event ev = {.type = p->type, .now_us = s->now_us};

        ev.command.command = p->command;
        ev.command.run_key = p->run_key;
        ev.command.tasks = p->tasks;
        ev.command.version_key = p->version_key;
        ev.command.dag = p->dag;
        ev.command.tasks_len = p->tasks_len;
        ev.command.map_indexes = p->map_indexes;
        ev.command.state = p->state;
        ev.command.reason = p->reason;
        apply(s, r, &ev);
    } else {
        out_reply(s, p->command, rc,
                  rc == -ERR_TIMEOUT ? "the run could not be read in time" : "there is no such run",
                  0);
    }
    pending_free(s, p);
}

static struct pending *pending_take(struct sched *s, size_t i)
{
    struct pending *p = s->pending[i];

    memmove(s->pending + i, s->pending + i + 1,
            (s->pending_len - 1 - i) * sizeof(struct pending *));
    s->pending_len--;
    return p;
}

/* A run was loaded: all commands that wait for it are applied, in the order in which they came. */
void pending_loaded(struct sched *s, int64_t run_key)
{
    size_t i = 0;

    while (i < s->pending_len) {
        if (s->pending[i]->run_key == run_key) {
            pending_finish(s, pending_take(s, i), 0);
        } else {
            i++;
        }
    }
}

void pending_unknown(struct sched *s, int64_t question)
{
    for (size_t i = 0; i < s->pending_len; i++) {
        if (s->pending[i]->question == question) {
            pending_finish(s, pending_take(s, i), -ERR_NOTFOUND);
            return;
        }
    }
    s->stats.ignored++;
}

void pending_timeout(struct sched *s, struct pending *p)
{
    size_t i = 0;

    while (s->pending[i] != p) {
        i++;
    }
    pending_finish(s, pending_take(s, i), -ERR_TIMEOUT);
}

void on_command(struct sched *s, const struct sched_event *ev)
{
    struct run *r = run_find(s, ev->command.run_key);

    if (r == NULL && ev->type == SCHED_CLEAR && ev->command.backfill_key != 0) {
        out_reply(s, ev->command.command, -ERR_NOTFOUND, "the run was not read back before", 0);
    } else if (r == NULL) {
        wait_for_run(s, ev);
    } else {
        apply(s, r, ev);
    }
}
