/*
 * A question about a DAG is open from asking_start until its answer: known_dag.question has its number. A DAG that changed meanwhile has been asked anew, or
 * needs no answer: then this one's is dropped.
 *
 * Fails closed: a class that raises, hangs or says nonsense gives no run. The log says why, and it is asked again after AGAIN_US.
 */
#include "engine/asking.h"

#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "engine/engine_priv.h"
#include "engine/schedule.h"
#include "model/dag.h"
#include "sched/due.h"

#define AGAIN_US     (60 * TIME_SECOND)
#define ASKERS       4 /* processes at once */
#define QUESTION_MAX MiB(16)

/* ---- words ---- */

/* The part of the schedule that is Python's, or NULL. */
static const struct value *python_part(const struct dag *d)
{
    const struct value *v = d->document != NULL ? value_get(d->document, "schedule") : NULL;

    for (int i = 0; i < 2 && v != NULL && v->kind == VALUE_OBJECT; i++) {
        const struct value *type = value_get(v, "type");

        if (type != NULL && type->kind == VALUE_STRING && strcmp(type->text, "python") == 0) {
            return v;
        }
        v = value_get(v, "timetable");
    }
    return NULL;
}

bool asking_needed(const struct dag *d)
{
    return python_part(d) != NULL;
}

static void put_time(struct json_writer *w, const char *name, int64_t t)
{
    char text[TIME_TEXT_MAX];

    json_key(w, name);
    json_string(w, t == TIME_NONE ? NULL : time_format(t, text));
}

static void begin(struct json_writer *w, const struct dag *d, const char *ask, struct buf *out)
{
    json_writer_init(w, out, 0);
    json_object(w);
    json_key(w, "ask");
    json_string(w, ask);
    json_key(w, "dag_id");
    json_string(w, d->dag_id);
    json_key(w, "file");
    json_string(w, d->file);
    json_key(w, "timeout_s");
    json_int(w, LIMIT_ANSWER_S * 2 / 3);
    json_key(w, "schedule");
    json_value(w, python_part(d));
}

void asking_next(const struct dag *d, const struct due_run *last, struct buf *out)
{
    struct json_writer w;

    begin(&w, d, "next", out);
    put_time(&w, "earliest", d->start_date_us);
    put_time(&w, "latest", d->end_date_us);
    json_key(&w, "catchup");
    json_bool(&w, d->catchup);
    json_key(&w, "last");
    if (last != NULL && last->start_us != TIME_NONE) {
        json_object(&w);
        put_time(&w, "start", last->start_us);
        put_time(&w, "end", last->end_us);
        json_object_end(&w);
    } else {
        json_null(&w);
    }
    json_object_end(&w);
}

void asking_manual(const struct dag *d, int64_t run_after_us, struct buf *out)
{
    struct json_writer w;

    begin(&w, d, "manual", out);
    put_time(&w, "run_after", run_after_us);
    json_object_end(&w);
}

static int time_of(const struct value *o, const char *name, int64_t *ret)
{
    const struct value *v = value_get(o, name);

    return v != NULL && v->kind == VALUE_STRING ? time_parse(v->text, v->len, ret) : -ERR_INVALID;
}

int asking_read(const char *answer, size_t n, struct due_run *ret, struct err *e)
{
    const struct value *run, *error;
    struct value *v;
    struct arena a;
    int rc;

    arena_init(&a, MiB(4));
    rc = value_parse(&a, answer, n, &v, NULL);
    error = rc == 0 && v->kind == VALUE_OBJECT ? value_get(v, "error") : NULL;
    run = rc == 0 && v->kind == VALUE_OBJECT ? value_get(v, "run") : NULL;
    if (error != NULL && error->kind == VALUE_STRING) {
        rc = err_set(e, ERR_INVALID, "%s", error->text);
    } else if (run != NULL && run->kind == VALUE_NULL) {
        rc = 0;
    } else if (run == NULL || run->kind != VALUE_OBJECT ||
               time_of(run, "run_after", &ret->run_after_us) != 0 ||
               time_of(run, "start", &ret->start_us) != 0 ||
               time_of(run, "end", &ret->end_us) != 0) {
        rc = err_set(e, ERR_INVALID, "the time table's answer is none: %.200s", answer);
    } else if (ret->end_us < ret->start_us) {
        rc = err_set(e, ERR_INVALID, "the time table's interval ends before it begins");
    } else {
        ret->logical_us = ret->start_us;
        rc = 1;
    }
    arena_fini(&a);
    return rc;
}

/* ---- asking ---- */

/* The answer is in the arena. */
static int ask_for(struct engine *g, const struct buf *question, struct arena *a,
                   const char **answer, size_t *n, struct err *e)
{
    int rc;

    if (buf_status(question) != 0) {
        return err_set(e, ERR_LIMIT, "the time table is larger than %zu MiB", QUESTION_MAX >> 20);
    }
    if (g->config.ask == NULL) {
        return err_set(e, ERR_UNSUPPORTED, "this program cannot ask time tables of Python");
    }
    while (g->asking >= ASKERS) {
        rc = co_cond_wait(&g->asked);
        if (rc != 0) {
            return rc;
        }
    }
    g->asking++;
    rc = g->config.ask(g->config.ask_arg, buf_cstr(question), question->len, a, answer, n, e);
    g->asking--;
    co_cond_signal(&g->asked);
    return rc;
}

static int ask(struct engine *g, const struct buf *question, struct due_run *ret, struct err *e)
{
    const char *answer;
    struct arena a;
    size_t n;
    int rc;

    arena_init(&a, MiB(1));
    rc = ask_for(g, question, &a, &answer, &n, e);
    rc = rc == 0 ? asking_read(answer, n, ret, e) : rc;
    arena_fini(&a);
    return rc;
}

static int read_partition(const char *answer, size_t n, char *ret, size_t cap, struct err *e)
{
    const struct value *key, *error;
    struct value *v;
    struct arena a;
    int rc;

    arena_init(&a, MiB(1));
    rc = value_parse(&a, answer, n, &v, NULL);
    error = rc == 0 && v->kind == VALUE_OBJECT ? value_get(v, "error") : NULL;
    key = rc == 0 && v->kind == VALUE_OBJECT ? value_get(v, "key") : NULL;
    if (error != NULL && error->kind == VALUE_STRING) {
        rc = err_set(e, ERR_INVALID, "%s", error->text);
    } else if (key == NULL || key->kind != VALUE_STRING || key->len == 0) {
        rc = err_set(e, ERR_INVALID, "the mapper's answer is no key: %.200s", answer);
    } else if (key->len >= cap) {
        rc = err_set(e, ERR_INVALID, "the mapper's key is longer than %zu bytes", cap - 1);
    } else {
        memcpy(ret, key->text, key->len + 1);
    }
    arena_fini(&a);
    return rc;
}

int asking_partition(struct engine *g, const char *dag_id, const char *file, const char *mapper,
                     const char *key, char *ret, size_t cap, struct err *e)
{
    struct buf text BUF_CLEANUP;
    struct json_writer w;
    const char *answer;
    struct arena a;
    size_t n;
    int rc;

    buf_init(&text, QUESTION_MAX);
    json_writer_init(&w, &text, 0);
    json_object(&w);
    json_key(&w, "ask");
    json_string(&w, "partition");
    json_key(&w, "dag_id");
    json_string(&w, dag_id);
    json_key(&w, "file");
    json_string(&w, file);
    json_key(&w, "timeout_s");
    json_int(&w, LIMIT_ANSWER_S * 2 / 3);
    json_key(&w, "mapper");
    json_raw(&w, mapper, strlen(mapper));
    json_key(&w, "key");
    json_string(&w, key);
    json_object_end(&w);
    arena_init(&a, MiB(1));
    rc = ask_for(g, &text, &a, &answer, &n, e);
    rc = rc == 0 ? read_partition(answer, n, ret, cap, e) : rc;
    arena_fini(&a);
    return rc;
}

struct open_question {
    struct engine *g;
    int64_t dag_key;
    uint64_t number;
    struct due_run last;
    bool has_last;
};

static const struct known_dag *still_open(const struct open_question *q)
{
    const struct known_dag *k = register_known(q->g, q->dag_key);

    return k != NULL && k->question == q->number ? k : NULL;
}

static int ask_for_ever(void *arg)
{
    struct open_question *q = arg;
    const struct known_dag *k;
    struct buf text;
    int rc = 0;

    while (rc == 0 && (k = still_open(q)) != NULL) {
        struct due_run run = {.dag_key = q->dag_key};
        struct err e = {0};
        int found;

        buf_init(&text, QUESTION_MAX);
        asking_next(k->dag, q->has_last ? &q->last : NULL, &text);
        found = ask(q->g, &text, &run, &e);
        buf_fini(&text);
        k = still_open(q);
        if (found == -ERR_CANCELED || found == -ERR_CLOSED || k == NULL) {
            break;
        }
        if (found >= 0) {
            schedule_answered(q->g, q->dag_key, found == 1 ? &run : NULL);
            break;
        }
        log_error("schedule", "DAG '%s' has no next run, its time table is asked again in %d s: %s",
                  k->dag->dag_id, (int)(AGAIN_US / TIME_SECOND), err_str(&e));
        rc = co_sleep(AGAIN_US);
    }
    mem_free(q);
    return 0;
}

void asking_start(struct engine *g, int64_t dag_key, const struct due_run *last)
{
    struct known_dag *k = register_known(g, dag_key);
    struct open_question *q = mem_zalloc(sizeof *q);

    if (k == NULL || q == NULL) {
        mem_free(q);
        return;
    }
    k->question = ++g->questions;
    *q = (struct open_question){.g = g, .dag_key = dag_key, .number = k->question};
    if (last != NULL) {
        q->last = *last;
        q->has_last = true;
    }
    if (co_spawn(&g->group, "time table", ask_for_ever, q, NULL, NULL) != 0) {
        mem_free(q);
        log_error("schedule", "out of memory: the time table of DAG '%s' is not asked",
                  k->dag->dag_id);
    }
}

int asking_interval(struct engine *g, const struct dag *d, int64_t run_after_us,
                    int64_t *ret_start_us, int64_t *ret_end_us, struct err *e)
{
    struct due_run run = {0};
    struct buf text BUF_CLEANUP;
    int rc;

    buf_init(&text, QUESTION_MAX);
    asking_manual(d, run_after_us, &text);
    rc = ask(g, &text, &run, e);
    if (rc == 1) {
        *ret_start_us = run.start_us;
        *ret_end_us = run.end_us;
        return 0;
    }
    return rc == 0 ? err_set(e, ERR_INVALID, "the time table has no interval for it") : rc;
}
