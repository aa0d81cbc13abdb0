/* /ui/home: how the installation does, what needs somebody's attention, what ran and what comes. And /ui/required-actions. */
#include <string.h>

#include "base/mem.h"
#include "engine/engine.h"
#include "runtime/loop.h"
#include "server/ui.h"

#define DAY_US        (86400 * TIME_SECOND)
#define ATTENTION_MAX 50  /* of each kind, but for import errors */
#define ERRORS_MAX    20  /* import errors */
#define FAILED_LOOK   500 /* failed runs of the last day that are looked through */
#define LIVE_LOOK     500 /* live runs that are looked through */
#define RECENT        20
#define NEXT          20
#define QUEUED_LONG   (10 * 60 * TIME_SECOND) /* a task that no worker takes for so long is stuck */
#define DETAIL_MAX    300                     /* bytes of a reason that is told */

/* ---- questions to people ---- */

/* The request of a record (engine/hitl.c) that nobody has answered; or NULL. */
static const struct value *open_request(struct call *c, const struct xcom_row *row,
                                        int64_t *ret_asked_us)
{
    const struct value *response;
    struct value *record;

    if (row->value == NULL ||
        value_parse(&c->arena, row->value, row->value_len, &record, NULL) != 0) {
        return NULL;
    }
    response = value_get(record, "response");
    *ret_asked_us = TIME_NONE;
    (void)value_int(value_get(record, "asked_us"), 0, INT64_MAX, ret_asked_us);
    return response == NULL || response->kind != VALUE_OBJECT ? value_get(record, "request") : NULL;
}

static const char *dag_id_of(const struct dag_row *dags, size_t n, int64_t dag_key)
{
    for (size_t i = 0; i < n; i++) {
        if (dags[i].dag_key == dag_key) {
            return dags[i].dag_id;
        }
    }
    return NULL;
}

struct asking {
    struct call *c;
    struct store *s;
    struct ui_question *found;
    size_t len;
};

static int questions_of_run(struct asking *a, const struct run_row *run, const char *dag_id,
                            struct err *e)
{
    struct ti_row *tis;
    size_t n = 0;
    int rc = a->s->ops->get_tis(a->s, run->run_key, 1U << TASK_DEFERRED | 1U << TASK_RUNNING,
                                &a->c->arena, &tis, &n, e);

    for (size_t i = 0; rc == 0 && i < n && a->len < UI_QUESTIONS_MAX; i++) {
        struct ti_key key = engine_record_key(&tis[i].key);
        struct ui_question *q = &a->found[a->len];
        struct xcom_row row;
        const struct dag *d;

        if (a->s->ops->get_xcom(a->s, &key, ENGINE_RECORD_HITL, &a->c->arena, &row, NULL) != 0) {
            continue;
        }
        q->request = open_request(a->c, &row, &q->asked_us);
        if (q->request == NULL) {
            continue;
        }
        rc = server_dag(a->c, run->version_key, &d, e);
        if (rc == 0 && tis[i].key.task < d->tasks_len) {
            q->dag_id = dag_id;
            q->run_id = run->run_id;
            q->task_id = arena_strdup(&a->c->arena, d->tasks[tis[i].key.task].task_id);
            q->map_index = tis[i].key.map_index;
            a->len += q->task_id != NULL;
        }
    }
    return rc;
}

int ui_questions(struct call *c, struct ui_question **ret, size_t *ret_len, struct err *e)
{
    struct asking a = {.c = c};
    struct dag_row *dags;
    struct run_row *runs;
    size_t n = 0, dags_len = 0;
    int rc = server_store(c, &a.s, e);

    a.found = arena_array(&c->arena, UI_QUESTIONS_MAX, sizeof *a.found);
    if (a.found == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for questions");
    }
    rc = rc == 0 ? a.s->ops->get_dags(a.s, &c->arena, &dags, &dags_len, e) : rc;
    rc = rc == 0
             ? a.s->ops->get_runs(a.s, 0, 1U << RUN_RUNNING, 0, LIVE_LOOK, &c->arena, &runs, &n, e)
             : rc;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        const char *dag_id = dag_id_of(dags, dags_len, runs[i].dag_key);

        rc = dag_id != NULL ? questions_of_run(&a, &runs[i], dag_id, e) : 0;
    }
    *ret = a.found;
    *ret_len = a.len;
    return rc;
}

static const char *member_text(const struct value *o, const char *name)
{
    const struct value *v = o != NULL && o->kind == VALUE_OBJECT ? value_get(o, name) : NULL;

    return v != NULL && v->kind == VALUE_STRING ? v->text : NULL;
}

static void put_member(struct call *c, const struct value *o, const char *name)
{
    const struct value *v = o->kind == VALUE_OBJECT ? value_get(o, name) : NULL;

    json_key(&c->w, name);
    if (v != NULL) {
        json_value(&c->w, v);
    } else {
        json_null(&c->w);
    }
}

int ui_required_actions(struct call *c, struct err *e)
{
    static const char *const members[] = {"subject",  "body",   "options",        "defaults",
                                          "multiple", "params", "assigned_users", "timeout"};
    struct ui_question *all;
    size_t n = 0;
    int rc = ui_questions(c, &all, &n, e);

    if (rc != 0) {
        return rc;
    }
    api_list(c, "required_actions");
    for (size_t i = 0; i < n; i++) {
        json_object(&c->w);
        put_text(c, "dag_id", all[i].dag_id);
        put_text(c, "run_id", all[i].run_id);
        put_text(c, "task_id", all[i].task_id);
        put_int(c, "map_index", all[i].map_index);
        put_time(c, "asked_at", all[i].asked_us);
        for (size_t k = 0; k < sizeof members / sizeof members[0]; k++) {
            put_member(c, all[i].request, members[k]);
        }
        json_object_end(&c->w);
    }
    api_list_end(c, (int64_t)n);
    return 0;
}

/* ---- home ---- */

struct home {
    struct call *c;
    struct store *s;
    int64_t now_us;
    struct dag_row *dags;
    size_t dags_len;
    struct run_row *live, *failed;
    size_t live_len, failed_len;
    struct import_error_row *errors;
    size_t errors_len;
    struct ui_question *questions;
    size_t questions_len;
    int64_t success_24h, failed_24h;
    const struct value *upcoming; /* of the scheduler, or NULL: it did not answer */
};

static int count_ended(struct home *h, int state, int64_t *ret, struct err *e)
{
    struct run_query q = {.states = 1U << state};

    q.logical_date = q.run_after = q.start = (struct time_range){TIME_NONE, TIME_NONE};
    q.end = (struct time_range){h->now_us - DAY_US, TIME_NONE};
    return h->s->ops->count_runs(h->s, &q, ret, e);
}

/* Runs that failed in the last day, newest end first. */
static int find_failed(struct home *h, struct err *e)
{
    struct run_query q = {
        .states = 1U << RUN_FAILED, .order = RUN_BY_END, .descending = true, .limit = FAILED_LOOK};

    q.logical_date = q.run_after = q.start = (struct time_range){TIME_NONE, TIME_NONE};
    q.end = (struct time_range){h->now_us - DAY_US, TIME_NONE};
    return h->s->ops->query_runs(h->s, &q, &h->c->arena, &h->failed, &h->failed_len, e);
}

/* What is asked of the scheduler comes first: it suspends. */
static int gather(struct home *h, struct err *e)
{
    struct call *c = h->c;
    struct arena *a = &c->arena;
    int rc = server_store(c, &h->s, e);

    h->now_us = loop_wall_us(loop_current());
    rc = rc == 0 ? h->s->ops->get_dags(h->s, a, &h->dags, &h->dags_len, e) : rc;
    rc = rc == 0 ? h->s->ops->get_runs(h->s, 0, 1U << RUN_QUEUED | 1U << RUN_RUNNING, 0, 0, a,
                                       &h->live, &h->live_len, e)
                 : rc;
    rc = rc == 0 ? find_failed(h, e) : rc;
    rc = rc == 0 ? count_ended(h, RUN_SUCCESS, &h->success_24h, e) : rc;
    rc = rc == 0 ? count_ended(h, RUN_FAILED, &h->failed_24h, e) : rc;
    rc = rc == 0 ? h->s->ops->get_import_errors(h->s, 0, 0, 0, a, &h->errors, &h->errors_len, e)
                 : rc;
    return rc == 0 ? ui_questions(c, &h->questions, &h->questions_len, e) : rc;
}

static int put_counts(struct home *h, struct err *e)
{
    struct call *c = h->c;
    struct parsed_dag_row *parsed;
    size_t n = 0, gone = 0, paused = 0, running = 0;
    int rc = h->s->ops->get_parsed_dags(h->s, NULL, &c->arena, &parsed, &n, e);

    for (size_t i = 0; rc == 0 && i < n; i++) {
        gone += !parsed[i].active;
    }
    for (size_t i = 0; i < h->dags_len; i++) {
        paused += h->dags[i].paused;
    }
    for (size_t i = 0; i < h->live_len; i++) {
        running += h->live[i].state == RUN_RUNNING;
    }
    json_key(&c->w, "counts");
    json_object(&c->w);
    put_int(c, "running", (int64_t)running);
    put_int(c, "queued", (int64_t)(h->live_len - running));
    put_int(c, "failed_24h", h->failed_24h);
    put_int(c, "success_24h", h->success_24h);
    put_int(c, "import_errors", (int64_t)h->errors_len);
    put_int(c, "paused", (int64_t)paused);
    put_int(c, "active_dags", (int64_t)(h->dags_len > gone ? h->dags_len - gone : 0));
    put_int(c, "required_actions", (int64_t)h->questions_len);
    json_object_end(&c->w);
    return rc;
}

static void put_attention(struct home *h, const char *kind, const char *dag_id, const char *run_id,
                          const char *task_id, const char *text, int64_t since_us)
{
    struct call *c = h->c;

    json_object(&c->w);
    put_text(c, "kind", kind);
    put_text(c, "dag_id", dag_id);
    put_text(c, "run_id", run_id);
    put_text(c, "task_id", task_id);
    put_text(c, "text", text);
    put_time(c, "since", since_us);
    json_object_end(&c->w);
}

/* The first task that failed by itself; task_id in the arena, or NULL. */
static int why_failed(struct home *h, const struct run_row *run, const char **ret_task,
                      const char **ret_text, struct err *e)
{
    struct ti_row *tis;
    const struct dag *d;
    size_t n = 0;
    const struct ti_row *first = NULL;
    int rc = h->s->ops->get_tis(h->s, run->run_key, 1U << TASK_FAILED, &h->c->arena, &tis, &n, e);

    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (tis[i].map_len == 0 && (first == NULL || tis[i].end_us < first->end_us)) {
            first = &tis[i];
        }
    }
    *ret_task = NULL;
    *ret_text = run->reason != NULL ? run->reason : "the run failed";
    rc = rc == 0 && first != NULL ? server_dag(h->c, run->version_key, &d, e) : rc;
    if (rc == 0 && first != NULL && first->key.task < d->tasks_len) {
        *ret_task = arena_strdup(&h->c->arena, d->tasks[first->key.task].task_id);
        *ret_text = arena_printf(&h->c->arena, "%s failed%s%.*s", *ret_task,
                                 first->reason != NULL ? ": " : "", DETAIL_MAX,
                                 first->reason != NULL ? first->reason : "");
    }
    return rc;
}

/* Of each DAG the newest run alone, if it failed: what has run well since is no trouble any more. */
static int put_failed(struct home *h, struct err *e)
{
    size_t told = 0;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < h->failed_len && told < ATTENTION_MAX; i++) {
        const struct run_row *run = &h->failed[i];
        const char *dag_id = dag_id_of(h->dags, h->dags_len, run->dag_key), *task, *text;
        struct run_row *newest;
        size_t n = 0;

        rc = h->s->ops->get_runs(h->s, run->dag_key, 1U << RUN_SUCCESS | 1U << RUN_FAILED, 0, 1,
                                 &h->c->arena, &newest, &n, e);
        if (rc != 0 || n == 0 || newest[0].run_key != run->run_key || dag_id == NULL) {
            continue;
        }
        rc = why_failed(h, run, &task, &text, e);
        if (rc == 0) {
            put_attention(h, "failed_run", dag_id, run->run_id, task, text, run->end_us);
            told++;
        }
    }
    return rc;
}

static int put_late(struct home *h, const struct run_row *run, const char *dag_id, struct err *e)
{
    struct deadline_row *rows;
    size_t n = 0;
    int rc = h->s->ops->get_deadlines(h->s, run->run_key, &h->c->arena, &rows, &n, e);

    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (rows[i].missed_us != TIME_NONE) {
            put_attention(
                h, "late", dag_id, run->run_id, NULL,
                rows[i].name != NULL
                    ? arena_printf(&h->c->arena, "the deadline %s has passed", rows[i].name)
                    : "its deadline has passed",
                rows[i].due_us);
            break;
        }
    }
    return rc;
}

static int put_stuck(struct home *h, const struct run_row *run, const char *dag_id, struct err *e)
{
    struct ti_row *tis;
    const struct dag *d;
    size_t n = 0;
    int rc = h->s->ops->get_tis(h->s, run->run_key, 1U << TASK_QUEUED, &h->c->arena, &tis, &n, e);

    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (tis[i].queued_us == TIME_NONE || h->now_us - tis[i].queued_us < QUEUED_LONG) {
            continue;
        }
        rc = server_dag(h->c, run->version_key, &d, e);
        if (rc == 0 && tis[i].key.task < d->tasks_len) {
            put_attention(h, "stuck", dag_id, run->run_id, d->tasks[tis[i].key.task].task_id,
                          "is queued, and no worker takes it", tis[i].queued_us);
        }
        break;
    }
    return rc;
}

static int put_all_attention(struct home *h, struct err *e)
{
    struct call *c = h->c;
    int rc;

    json_key(&c->w, "attention");
    json_array(&c->w);
    for (size_t i = 0; i < h->questions_len && i < ATTENTION_MAX; i++) {
        const struct ui_question *q = &h->questions[i];
        const char *subject = member_text(q->request, "subject");

        put_attention(h, "required_action", q->dag_id, q->run_id, q->task_id,
                      subject != NULL ? subject : "waits for a person", q->asked_us);
    }
    for (size_t i = 0; i < h->errors_len && i < ERRORS_MAX; i++) {
        const struct import_error_row *r = &h->errors[i];

        put_attention(
            h, "import_error", NULL, NULL, NULL,
            arena_printf(&c->arena, "%s: %.*s", r->file, (int)strcspn(r->text, "\n"), r->text),
            r->at_us);
    }
    rc = put_failed(h, e);
    for (size_t i = 0; rc == 0 && i < h->live_len && i < LIVE_LOOK; i++) {
        const char *dag_id = dag_id_of(h->dags, h->dags_len, h->live[i].dag_key);

        rc = dag_id != NULL ? put_late(h, &h->live[i], dag_id, e) : 0;
        rc = rc == 0 && dag_id != NULL ? put_stuck(h, &h->live[i], dag_id, e) : rc;
    }
    json_array_end(&c->w);
    return rc;
}

static void put_next(struct home *h)
{
    struct call *c = h->c;

    json_key(&c->w, "next");
    json_array(&c->w);
    for (size_t i = 0; h->upcoming != NULL && i < h->upcoming->len; i++) {
        const struct value *v = h->upcoming->elems[i];
        int64_t us = TIME_NONE;

        (void)value_int(value_get(v, "run_after_us"), 0, INT64_MAX, &us);
        json_object(&c->w);
        put_text(c, "dag_id", member_text(v, "dag_id"));
        put_time(c, "run_after", us);
        json_object_end(&c->w);
    }
    json_array_end(&c->w);
}

static int put_recent(struct home *h, struct err *e)
{
    struct call *c = h->c;
    struct run_row *runs;
    size_t n = 0;
    int rc = h->s->ops->get_runs(h->s, 0, 0, 0, RECENT, &c->arena, &runs, &n, e);

    json_key(&c->w, "recent");
    json_array(&c->w);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        json_object(&c->w);
        put_text(c, "dag_id", dag_id_of(h->dags, h->dags_len, runs[i].dag_key));
        put_text(c, "run_id", runs[i].run_id);
        put_text(c, "state", run_state_to_string(runs[i].state));
        put_text(c, "run_type", run_type_to_string(runs[i].type));
        put_time(c, "run_after", runs[i].run_after_us);
        put_time(c, "start_date", runs[i].start_us);
        put_time(c, "end_date", runs[i].end_us);
        json_object_end(&c->w);
    }
    json_array_end(&c->w);
    return rc;
}

int ui_home(struct call *c, struct err *e)
{
    struct home h = {.c = c};
    struct buf b BUF_CLEANUP = {0};
    struct value *upcoming = NULL;
    int rc;

    buf_init(&b, 64);
    (void)buf_printf(&b, "\"limit\":%d", NEXT);
    c->no_store = true; /* its health is of the moment */
    json_object(&c->w);
    api_put_health(c);
    if (server_ask(c, "upcoming", &b, &upcoming, NULL) == 0) {
        h.upcoming = upcoming;
    }
    rc = gather(&h, e);
    rc = rc == 0 ? put_counts(&h, e) : rc;
    rc = rc == 0 ? put_all_attention(&h, e) : rc;
    if (rc == 0) {
        put_next(&h);
        rc = put_recent(&h, e);
    }
    json_object_end(&c->w);
    return rc;
}
