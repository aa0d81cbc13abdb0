#include "cli/progress.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/time.h"
#include "cli/term.h"
#include "engine/engine.h"
#include "home/logfile.h"
#include "model/dag.h"
#include "runtime/loop.h"
#include "sched/sched.h"
#include "worker/paths.h"

#define REDRAW_US     100000
#define MANY          100 /* instances of a mapped task that get a line each */
#define LIVE_ROWS     8
#define FAILURE_LINES 8

struct progress {
    struct loop *loop;
    struct engine *engine;
    struct progress_options o;
    struct dag *dag;     /* referenced */
    uint8_t *states;     /* by task: as last committed */
    int64_t *started_us; /* by task: engine's wall time */
    bool *expanded;      /* by task: a mapped one whose instances are counted */
    uint32_t by_state[TASK_STATE_MAX_];
    uint32_t instances; /* in all */
    int64_t began_us;   /* loop clock */
    struct live *live;  /* LIVE only */
    struct co_group group;
    bool stopping;
    struct buf text;
};

static const char *clock_text(int64_t t_us, char *buf, size_t cap)
{
    return time_strftime(t_us, "%H:%M:%S", buf, cap) == 0 ? buf : "";
}

/* ---- what is said of one change ---- */

void progress_json_line(const char *run_id, const char *task_id, const struct transition_row *t,
                        struct buf *scratch)
{
    struct json_writer w;
    char when[TIME_TEXT_MAX];

    buf_clear(scratch);
    json_writer_init(&w, scratch, 0);
    json_object(&w);
    json_key(&w, "at");
    json_string(&w, time_format(t->at_us, when));
    json_key(&w, "run_id");
    json_string(&w, run_id);
    json_key(&w, "task_id");
    json_string(&w, task_id);
    json_key(&w, "try_number");
    json_int(&w, t->try_number);
    json_key(&w, "from");
    json_string(&w, task_state_to_string(t->from));
    json_key(&w, "to");
    json_string(&w, task_state_to_string(t->to));
    json_key(&w, "reason");
    json_string(&w, t->reason);
    json_object_end(&w);
    (void)printf("%s\n", buf_cstr(scratch));
}

/* States worth a line of their own: what waits in a queue for milliseconds is noise. */
static bool is_told(int to)
{
    return to != TASK_SCHEDULED && to != TASK_QUEUED && to != TASK_NONE;
}

/* How long the try ran, by its own times: a transition's time is when it was decided. Empty when it never ran. */
static const char *took_text(const struct progress *p, const struct transition_row *t, char *buf)
{
    struct ti_row row;

    buf[0] = '\0';
    if (sched_get_ti(engine_sched(p->engine), &t->key, &row) == 0 && row.start_us != TIME_NONE &&
        row.end_us != TIME_NONE && row.end_us >= row.start_us && row.try_number == t->try_number) {
        (void)duration_format(row.end_us - row.start_us, buf);
    }
    return buf;
}

static const char *name_text(const struct progress *p, const struct transition_row *t, char *buf,
                             size_t cap)
{
    const char *id = p->dag->tasks[t->key.task].task_id;

    if (t->key.map_index < 0) {
        return id;
    }
    (void)snprintf(buf, cap, "%s [%d]", id, t->key.map_index);
    return buf;
}

static void plain_line(struct progress *p, const struct transition_row *t, FILE *out)
{
    char when[32], took[TIME_TEXT_MAX] = "", name[LIMIT_ID_BYTES + 16];

    if (task_state_finished(t->to) || t->to == TASK_UP_FOR_RETRY) {
        (void)took_text(p, t, took);
    }
    (void)fprintf(out, "%s %s %s%s%s%s%s%s\n", clock_text(t->at_us, when, sizeof when),
                  name_text(p, t, name, sizeof name), task_state_to_string(t->to),
                  took[0] != '\0' ? " in " : "", took, t->try_number > 1 ? " (again)" : "",
                  t->reason != NULL ? ": " : "", t->reason != NULL ? t->reason : "");
}

/* The last lines of the log of a try that failed: what one would look for next. */
static void show_failure(struct progress *p, const struct transition_row *t, struct buf *out)
{
    const struct task *task = &p->dag->tasks[t->key.task];
    char path[4096];

    if (worker_log_path(p->o.home, p->dag->dag_id, p->o.run_id, task->task_id, t->key.map_index,
                        t->try_number, path, sizeof path) == 0) {
        (void)logfile_tail(path, FAILURE_LINES, "    ", out);
    }
}

static void tell_failure(struct progress *p, const struct transition_row *t)
{
    struct buf b;

    buf_init(&b, MiB(1));
    show_failure(p, t, &b);
    if (buf_status(&b) == 0 && b.len != 0) {
        if (p->live != NULL) {
            live_print(p->live, buf_cstr(&b));
        } else {
            (void)fputs(buf_cstr(&b), stdout);
        }
    }
    buf_fini(&b);
}

/* Of a mapped task with many instances only the failures get lines. */
static bool is_one_of_many(const struct transition_row *t)
{
    return t->key.map_index >= MANY;
}

static void tell(struct progress *p, const struct transition_row *t)
{
    bool bad = t->to == TASK_FAILED || t->to == TASK_UP_FOR_RETRY;

    if (p->o.mode == PROGRESS_PLAIN && !bad && is_one_of_many(t)) {
        return; /* the summary counts them */
    }
    if (p->o.mode == PROGRESS_JSON) {
        progress_json_line(p->o.run_id, p->dag->tasks[t->key.task].task_id, t, &p->text);
    } else if (p->o.mode == PROGRESS_PLAIN && is_told(t->to)) {
        plain_line(p, t, stdout);
    } else if (p->o.mode == PROGRESS_LIVE && bad) {
        char took[TIME_TEXT_MAX];
        struct buf b;

        buf_init(&b, 4096);
        (void)term_state(&b, t->to);
        (void)buf_printf(&b, "  %s  after %s%s%s\n", p->dag->tasks[t->key.task].task_id,
                         took_text(p, t, took), t->reason != NULL ? ": " : "",
                         t->reason != NULL ? t->reason : "");
        live_print(p->live, buf_cstr(&b));
        buf_fini(&b);
    }
    if (bad && (p->o.mode == PROGRESS_PLAIN || p->o.mode == PROGRESS_LIVE)) {
        tell_failure(p, t);
    }
}

/* Instances by state: a mapped task counts as one until it has some. */
static void count(struct progress *p, const struct transition_row *t)
{
    struct ti_key all = {t->key.run_key, t->key.task, -1};
    struct ti_row row;

    if (t->key.map_index < 0) {
        p->by_state[p->states[t->key.task]]--;
        p->by_state[t->to]++;
        return;
    }
    if (!p->expanded[t->key.task] && sched_get_ti(engine_sched(p->engine), &all, &row) == 0) {
        p->expanded[t->key.task] = true;
        p->by_state[p->states[t->key.task]]--;
        p->by_state[TASK_NONE] += (uint32_t)row.map_len;
        p->instances += (uint32_t)row.map_len - 1;
    }
    p->by_state[t->from] -= p->by_state[t->from] > 0;
    p->by_state[t->to]++;
}

static void on_commit(void *arg, const struct sched_actions *a)
{
    struct progress *p = arg;

    for (size_t i = 0; i < a->transitions_len; i++) {
        const struct transition_row *t = &a->transitions[i];

        if (t->key.run_key != p->o.run_key || t->key.task >= p->dag->tasks_len) {
            continue;
        }
        count(p, t);
        p->states[t->key.task] = t->to;
        if (t->to == TASK_RUNNING || (t->to == TASK_DEFERRED && p->started_us[t->key.task] == 0)) {
            p->started_us[t->key.task] = t->at_us;
        }
        tell(p, t);
    }
    if (p->o.mode == PROGRESS_PLAIN || p->o.mode == PROGRESS_JSON) {
        (void)fflush(stdout);
    }
}

/* ---- the live picture ---- */

static int64_t mean_of(const struct progress *p, uint32_t task)
{
    return p->o.mean_us != NULL && task < p->o.mean_len && p->o.mean_us[task] > 0
               ? p->o.mean_us[task]
               : 0;
}

/* Time left from earlier runs: the longer of the rest of the critical path and the rest of all work over the slots; 0 = unknown. */
static int64_t time_left(const struct progress *p, int64_t now_us)
{
    const struct dag *d = p->dag;
    int64_t *path, longest = 0, sum = 0;

    if (p->o.mean_us == NULL) {
        return 0;
    }
    path = mem_array(d->tasks_len, sizeof *path);
    for (uint32_t i = 0; path != NULL && i < d->tasks_len; i++) {
        uint32_t t = d->topo[i];
        int64_t before = 0, own = task_state_finished(p->states[t]) ? 0 : mean_of(p, t);

        if (own > 0 && p->started_us[t] != 0 && p->states[t] == TASK_RUNNING) {
            int64_t ran = now_us - p->started_us[t];

            own = ran < own ? own - ran : own / 10;
        }
        for (uint32_t j = d->up_off[t]; j < d->up_off[t + 1]; j++) {
            before = path[d->up[j]] > before ? path[d->up[j]] : before;
        }
        path[t] = before + own;
        sum += own;
        longest = path[t] > longest ? path[t] : longest;
    }
    mem_free(path);
    sum /= p->o.slots > 0 ? p->o.slots : 1;
    return sum > longest ? sum : longest;
}

static uint32_t finished(const struct progress *p)
{
    uint32_t n = 0;

    for (int s = 0; s < TASK_STATE_MAX_; s++) {
        n += task_state_finished(s) ? p->by_state[s] : 0;
    }
    return n;
}

static void draw_head(struct progress *p, struct buf *b, int width)
{
    static const int order[] = {
        TASK_SUCCESS,  TASK_FAILED,       TASK_UPSTREAM_FAILED,   TASK_SKIPPED, TASK_RUNNING,
        TASK_DEFERRED, TASK_UP_FOR_RETRY, TASK_UP_FOR_RESCHEDULE, TASK_QUEUED,  TASK_SCHEDULED,
        TASK_NONE};
    int64_t elapsed = loop_now_us(p->loop) - p->began_us,
            left = time_left(p, loop_wall_us(p->loop));
    uint32_t done = finished(p), total = p->instances;
    int bar = width - 40 < 10 ? 10 : width - 40 > 40 ? 40 : width - 40;
    char t1[TIME_TEXT_MAX], t2[TIME_TEXT_MAX];

    (void)buf_printf(b, "%s  %s", p->dag->dag_id, duration_format(elapsed / 100000 * 100000, t1));
    if (left >= TIME_SECOND) {
        (void)buf_printf(b, ", about %s left",
                         duration_format(left / TIME_SECOND * TIME_SECOND, t2));
    }
    (void)buf_char(b, '\n');
    term_bar(b, bar, done, total);
    (void)buf_printf(b, " %u/%u", done, total);
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
        if (p->by_state[order[i]] != 0 && order[i] != TASK_NONE) {
            (void)buf_printf(b, "  %u ", p->by_state[order[i]]);
            (void)term_state(b, order[i]);
        }
    }
    (void)buf_char(b, '\n');
}

static void draw_live(struct progress *p, struct buf *b)
{
    int64_t now = loop_wall_us(p->loop);
    uint32_t shown = 0, more = 0;
    char took[TIME_TEXT_MAX];

    for (uint32_t t = 0; t < p->dag->tasks_len; t++) {
        if (p->states[t] != TASK_RUNNING && p->states[t] != TASK_DEFERRED &&
            p->states[t] != TASK_RESTARTING) {
            continue;
        }
        if (shown == LIVE_ROWS) {
            more++;
            continue;
        }
        shown++;
        (void)buf_str(b, "  ");
        (void)term_state(b, p->states[t]);
        (void)buf_printf(b, "  %s  %s\n", p->dag->tasks[t].task_id,
                         duration_format((now - p->started_us[t]) / 100000 * 100000, took));
    }
    if (more != 0) {
        (void)buf_printf(b, "  and %u more\n", more);
    }
}

static void draw(struct progress *p)
{
    struct engine_stats st;

    buf_clear(&p->text);
    draw_head(p, &p->text, term_width());
    draw_live(p, &p->text);
    engine_get_stats(p->engine, &st);
    if (st.store_error != 0) {
        (void)buf_printf(&p->text,
                         "  the store cannot be written (%s); nothing new starts until it can\n",
                         err_text(st.store_error));
    }
    live_draw(p->live, buf_cstr(&p->text));
}

static int redraw_main(void *arg)
{
    struct progress *p = arg;

    while (!p->stopping && co_sleep(REDRAW_US) == 0) {
        draw(p);
    }
    return 0;
}

/* ---- life ---- */

/* Of a mapped task that has instances already. */
static bool count_children(struct progress *p, uint32_t task)
{
    struct ti_key key = {p->o.run_key, task, -1};
    struct ti_row row;
    int32_t len = sched_get_ti(engine_sched(p->engine), &key, &row) == 0 ? row.map_len : 0;

    for (key.map_index = 0; key.map_index < len; key.map_index++) {
        if (sched_get_ti(engine_sched(p->engine), &key, &row) == 0) {
            p->by_state[row.state]++;
            p->instances++;
        }
    }
    p->expanded[task] = len > 0;
    return len > 0;
}

/* The scheduler is ahead of what was committed: what on_commit will tell is taken back. */
static void untell(struct progress *p)
{
    const struct sched_actions *a = engine_untold(p->engine);

    for (size_t i = a->transitions_len; i-- > 0;) {
        const struct transition_row *t = &a->transitions[i];

        if (t->key.run_key == p->o.run_key && t->key.task < p->dag->tasks_len) {
            p->by_state[t->to]--;
            p->by_state[t->from]++;
            p->states[t->key.task] = t->from;
        }
    }
}

static void first_states(struct progress *p)
{
    struct ti_row row;

    for (uint32_t t = 0; t < p->dag->tasks_len; t++) {
        struct ti_key key = {p->o.run_key, t, -1};

        if (sched_get_ti(engine_sched(p->engine), &key, &row) == 0) {
            p->states[t] = row.state;
            if (row.start_us != TIME_NONE && !task_state_finished(row.state)) {
                p->started_us[t] = row.start_us;
            }
        }
        if (!count_children(p, t)) {
            p->by_state[p->states[t]]++;
            p->instances++;
        }
    }
    untell(p);
}

int progress_start(struct loop *l, struct engine *g, const struct progress_options *o,
                   struct progress **ret, struct err *e)
{
    struct progress *p = mem_zalloc(sizeof *p);
    const struct dag *d = engine_run_dag(g, o->run_key);

    if (p == NULL || d == NULL) {
        mem_free(p);
        return err_set(e, d == NULL ? ERR_NOTFOUND : ERR_NOMEM, "nothing to show");
    }
    p->loop = l;
    p->engine = g;
    p->o = *o;
    p->dag = dag_ref((struct dag *)d);
    p->states = mem_array(d->tasks_len, sizeof *p->states);
    p->started_us = mem_array(d->tasks_len, sizeof *p->started_us);
    p->expanded = mem_array(d->tasks_len, sizeof *p->expanded);
    p->began_us = loop_now_us(l);
    buf_init(&p->text, MiB(1));
    co_group_init(&p->group, l);
    if (p->states == NULL || p->started_us == NULL || p->expanded == NULL ||
        (o->mode == PROGRESS_LIVE && (p->live = live_new(STDOUT_FILENO)) == NULL)) {
        progress_finish(p, RUN_RUNNING, NULL);
        return err_set(e, ERR_NOMEM, "out of memory for the display");
    }
    first_states(p);
    engine_on_commit(g, on_commit, p);
    *ret = p;
    return p->live != NULL ? co_spawn(&p->group, "display", redraw_main, p, NULL, e) : 0;
}

static void summary_json(const struct progress_summary *s, struct engine *g)
{
    struct engine_stats st;
    struct json_writer w;
    struct buf b BUF_CLEANUP;

    buf_init(&b, KiB(16));
    json_writer_init(&w, &b, 0);
    json_object(&w);
    json_key(&w, "dag_id");
    json_string(&w, s->dag_id);
    json_key(&w, "run_id");
    json_string(&w, s->run_id);
    json_key(&w, "state");
    json_string(&w, s->word);
    json_key(&w, "duration_s");
    json_double(&w, round((double)s->elapsed_us / 1000.0) / 1000.0);
    json_key(&w, "tasks");
    json_object(&w);
    for (int i = 0; i < TASK_STATE_MAX_; i++) {
        if (s->by_state[i] != 0) {
            json_key(&w, task_state_to_string(i));
            json_int(&w, s->by_state[i]);
        }
    }
    json_object_end(&w);
    if (g != NULL) {
        engine_get_stats(g, &st);
        json_key(&w, "commits");
        json_int(&w, (int64_t)st.commits);
    }
    json_object_end(&w);
    (void)printf("%s\n", buf_cstr(&b));
}

void progress_summary(const struct progress_summary *s, struct engine *g)
{
    char took[TIME_TEXT_MAX];

    if (s->mode == PROGRESS_NONE) {
        return;
    }
    if (s->mode == PROGRESS_JSON) {
        summary_json(s, g);
    } else {
        (void)printf("%s %s: %s in %s", s->dag_id, s->run_id, s->word,
                     duration_format(s->elapsed_us, took));
        for (int i = 0; i < TASK_STATE_MAX_; i++) {
            if (s->by_state[i] != 0) {
                (void)printf(", %u %s", s->by_state[i], task_state_to_string(i));
            }
        }
        (void)printf("\n");
    }
    (void)fflush(stdout);
}

static void last_line(struct progress *p, enum run_state state, const char *problem)
{
    struct progress_summary s = {
        .mode = p->o.mode,
        .dag_id = p->dag->dag_id,
        .run_id = p->o.run_id,
        .word = problem != NULL ? problem : run_state_to_string((int)state),
        .elapsed_us = loop_now_us(p->loop) - p->began_us,
    };

    memcpy(s.by_state, p->by_state, sizeof s.by_state);
    progress_summary(&s, p->engine);
}

void progress_finish(struct progress *p, enum run_state state, const char *problem)
{
    if (p == NULL) {
        return;
    }
    engine_on_commit(p->engine, NULL, NULL);
    p->stopping = true;
    co_group_close(&p->group);
    if (p->live != NULL) {
        live_draw(p->live, "");
        live_free(p->live);
    }
    if (state != RUN_RUNNING || problem != NULL) {
        last_line(p, state, problem);
    }
    dag_unref(p->dag);
    mem_free(p->states);
    mem_free(p->started_us);
    mem_free(p->expanded);
    buf_fini(&p->text);
    mem_free(p);
}
