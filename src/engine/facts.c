/*
 * Facts between the engine, its worker and the store: what the worker tells becomes messages; what tasks and the scheduler ask is read
 * on the store's thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "engine/engine_priv.h"
#include "engine/settings.h"
#include "model/dag.h"

#define ANSWER_ARENA_MAX MiB(512)

/* ---- from the worker ---- */

static struct msg *new_message(enum msg_type type, const struct ti_key *key,
                               const struct uuid *token)
{
    struct msg *m = mem_zalloc(sizeof *m);

    if (m != NULL) {
        m->type = type;
        m->key = *key;
        m->token = *token;
    }
    return m;
}

static void on_started(void *arg, const struct ti_key *key, const struct uuid *token, int64_t pid,
                       const char *holder, const char *log, int64_t at_us)
{
    struct msg *m = new_message(MSG_STARTED, key, token);

    if (m == NULL) {
        return; /* the end will tell enough */
    }
    m->pid = pid;
    m->at_us = at_us;
    m->holder = holder != NULL ? mem_strdup(holder) : NULL;
    m->log = log != NULL ? mem_strdup(log) : NULL;
    engine_post(arg, m);
}

static void on_deferred(void *arg, const struct ti_key *key, const struct uuid *token,
                        int64_t timeout_us)
{
    struct msg *m = new_message(MSG_DEFERRED, key, token);

    if (m != NULL) {
        m->at_us = timeout_us;
        engine_post(arg, m);
    }
}

static void on_ended(void *arg, struct worker_end *end)
{
    struct msg *m = new_message(MSG_ENDED, &end->key, &end->token);

    if (m == NULL) {
        log_error("engine",
                  "out of memory for the end of an attempt; it is told again at the next start");
        worker_end_free(end);
        return;
    }
    m->end = end;
    engine_post(arg, m);
}

/* ---- XCom ---- */

struct xcom_call {
    struct engine *g;
    struct ti_key key;
    const char *name;
    struct arena *arena;
    struct xcom_row row, *rows; /* rows: of a mapped task's instances */
    size_t limit, rows_len;
    const char *text;
    size_t len;
    struct err *e;
};

/* The store keeps a spilled XCom's path, not its length: that is the file's. */
static int read_spill(const char *path, struct arena *a, const char **ret, size_t *ret_len,
                      struct err *e)
{
    int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    size_t got = 0, size = 0;
    char *text = NULL;
    struct stat st;

    if (path == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for an XCom");
    }
    if (fd < 0) {
        return err_errno(e, errno, "cannot read the XCom file %s", path);
    }
    if (fstat(fd, &st) == 0 && (uint64_t)st.st_size <= LIMIT_XCOM_BYTES) {
        size = (size_t)st.st_size;
        text = arena_alloc(a, size + 1);
    }
    while (text != NULL && got < size) {
        ssize_t n = read(fd, text + got, size - got);

        if (n <= 0) {
            break;
        }
        got += (size_t)n;
    }
    (void)close(fd);
    if (text == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for an XCom");
    }
    if (size == 0 || got != size) {
        return err_set(e, ERR_CORRUPT, "the XCom file %s cannot be read whole", path);
    }
    *ret = text;
    *ret_len = got;
    return 0;
}

int engine_read_xcom(const char *home, const struct xcom_row *row, struct arena *a,
                     const char **ret, size_t *ret_len, struct err *e)
{
    if (row->spill != NULL) {
        return read_spill(arena_printf(a, "%s/%s", home, row->spill), a, ret, ret_len, e);
    }
    *ret = row->value;
    *ret_len = row->value_len;
    return 0;
}

static int read_value(struct xcom_call *c)
{
    return engine_read_xcom(c->g->config.home, &c->row, c->arena, &c->text, &c->len, c->e);
}

static int do_xcom(void *arg)
{
    struct xcom_call *c = arg;
    struct store *s = c->g->store;
    int rc = s->ops->get_xcom(s, &c->key, c->name, c->arena, &c->row, c->e);

    if (rc == -ERR_NOTFOUND) {
        c->text = NULL;
        return 0;
    }
    return rc == 0 ? read_value(c) : rc;
}

static int do_xcoms(void *arg)
{
    struct xcom_call *c = arg;
    struct store *s = c->g->store;
    int rc = s->ops->get_map_xcoms(s, &c->key, c->name, c->limit, c->arena, &c->rows, &c->rows_len,
                                   c->e);

    for (size_t i = 0; rc == 0 && i < c->rows_len; i++) {
        c->row = c->rows[i];
        rc = read_value(c);
        c->rows[i].value = c->text;
        c->rows[i].value_len = c->len;
    }
    return rc;
}

int facts_xcom(struct engine *g, const struct ti_key *key, const char *name, struct arena *a,
               const char **ret, size_t *ret_len, struct err *e)
{
    struct xcom_call c = {.g = g, .key = *key, .name = name, .arena = a, .e = e};
    int rc = engine_on_store(g, do_xcom, &c);

    if (rc == 0) {
        *ret = c.text;
        *ret_len = c.len;
    }
    return rc;
}

int facts_xcoms(struct engine *g, const struct ti_key *from, const char *name, size_t limit,
                struct arena *a, struct xcom_row **ret, size_t *ret_len, struct err *e)
{
    struct xcom_call c = {.g = g, .key = *from, .name = name, .limit = limit, .arena = a, .e = e};
    int rc = engine_on_store(g, do_xcoms, &c);

    if (rc == 0) {
        *ret = c.rows;
        *ret_len = c.rows_len;
    }
    return rc;
}

static int on_xcom_get(void *arg, const struct ti_key *asking, const char *task_id,
                       const char *name, struct arena *a, const char **ret, size_t *ret_len,
                       struct err *e)
{
    struct engine *g = arg;
    const struct dag *d = engine_run_dag(g, asking->run_key);
    const struct task *t = d != NULL ? dag_task(d, task_id) : NULL;
    struct ti_key key = {asking->run_key, t != NULL ? t->index : 0, -1};

    if (t == NULL) {
        return err_set(e, ERR_NOTFOUND, "xcom_pull: there is no task '%s' in this DAG", task_id);
    }
    if (t->mapped) {
        return mapping_list(g, &key, name, a, ret, ret_len, e);
    }
    return facts_xcom(g, &key, name, a, ret, ret_len, e);
}

struct worker_callbacks facts_callbacks(struct engine *g)
{
    return (struct worker_callbacks){
        .arg = g,
        .started = on_started,
        .deferred = on_deferred,
        .ended = on_ended,
        .xcom_get = on_xcom_get,
        .record_get = deferral_record,
        .events_get = engine_run_events,
        .variable_get = settings_variable,
        .watched = arrivals_heard,
    };
}

/* ---- runs and versions ---- */

struct load_call {
    struct engine *g;
    int64_t key;
    bool any_type;
    struct arena *arena;
    struct run_row run;
    struct version_row version;
    const char *file;
    struct ti_row *tis;
    size_t tis_len;
    struct err *e;
};

static int do_get_version(void *arg)
{
    struct load_call *c = arg;
    struct store *s = c->g->store;
    struct dag_row *dags;
    size_t n = 0;
    int rc = s->ops->get_version(s, c->key, c->arena, &c->version, c->e);

    rc = rc == 0 ? s->ops->get_dags(s, c->arena, &dags, &n, c->e) : rc;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        c->file = dags[i].dag_key == c->version.dag_key ? dags[i].file : c->file;
    }
    c->file = c->version.file != NULL ? c->version.file : c->file;
    return rc;
}

static int do_get_tis(void *arg)
{
    struct load_call *c = arg;

    return c->g->store->ops->get_tis(c->g->store, c->key, 0, c->arena, &c->tis, &c->tis_len, c->e);
}

static int do_get_run(void *arg)
{
    struct load_call *c = arg;

    return c->g->store->ops->get_run(c->g->store, c->key, c->arena, &c->run, c->e);
}

static int do_previous(void *arg)
{
    struct load_call *c = arg;

    return c->g->store->ops->previous_run(c->g->store, c->key, c->any_type, c->arena, &c->run,
                                          c->e);
}

int facts_load_version(struct engine *g, int64_t dag_key, int64_t version_key, struct dag **ret,
                       struct err *e)
{
    struct arena a;
    struct load_call c = {.g = g, .key = version_key, .arena = &a, .e = e};
    int rc;

    arena_init(&a, ANSWER_ARENA_MAX);
    rc = engine_on_store(g, do_get_version, &c);
    if (rc == 0) {
        struct dag_source src = {dag_key, version_key, c.version.document, c.version.document_len,
                                 c.file};

        rc = g->load_dag != NULL ? g->load_dag(g->load_dag_arg, &src, ret, e)
                                 : err_set(e, ERR_UNSUPPORTED, "no way to load a DAG version");
    }
    arena_fini(&a);
    return rc;
}

int facts_load_run(struct engine *g, const struct run_row *row, struct arena *a,
                   struct dag **ret_dag, struct ti_row **ret_tis, size_t *ret_len, struct err *e)
{
    struct load_call c = {.g = g, .key = row->run_key, .arena = a, .e = e};
    int rc = facts_load_version(g, row->dag_key, row->version_key, ret_dag, e);

    if (rc == 0) {
        rc = engine_on_store(g, do_get_tis, &c);
        if (rc != 0) {
            dag_unref(*ret_dag);
        }
    }
    for (size_t i = 0; rc == 0 && i < c.tis_len; i++) {
        if (task_state_finished(c.tis[i].state)) {
            /* Marked while it lived: that process was ended when the worker adopted what the store calls live. */
            c.tis[i].attempt = (struct uuid){0};
        }
    }
    *ret_tis = c.tis;
    *ret_len = c.tis_len;
    return rc;
}

/* ---- questions of the scheduler ---- */

struct question {
    struct engine *g;
    struct sched_question q;
};

static void post_unknown(struct engine *g, int64_t question)
{
    struct msg *m = mem_zalloc(sizeof *m);

    if (m != NULL) {
        m->type = MSG_EVENT;
        m->event.type = SCHED_ANSWER;
        m->event.answer.question = question;
        m->event.answer.unknown = true;
        engine_post(g, m);
    }
}

/* SCHED_ASK_RUN: the run and its instances, as a restore. */
static int answer_run(struct question *q, struct msg *m, struct err *e)
{
    struct load_call c = {.g = q->g, .key = q->q.run_key, .arena = &m->arena, .e = e};
    struct run_row *row;
    struct dag *d;
    int rc = engine_on_store(q->g, do_get_run, &c);

    if (rc != 0) {
        return rc;
    }
    row = arena_alloc(&m->arena, sizeof *row);
    if (row == NULL) {
        return -ERR_NOMEM;
    }
    *row = c.run;
    rc = facts_load_run(q->g, row, &m->arena, &d, &c.tis, &c.tis_len, e);
    if (rc == 0) {
        m->event.type = SCHED_RUN_RESTORE;
        m->event.run.row = row;
        m->event.run.dag = d;
        m->event.run.tis = c.tis;
        m->event.run.tis_len = c.tis_len;
        m->event.run.question = q->q.question;
    }
    return rc;
}

/* Rows of another version's run, told by the indices of the asking DAG. */
static int translate(struct question *q, const struct dag *asking, const struct load_call *c,
                     int64_t asking_version, struct ti_row *tis, size_t *len, struct err *e)
{
    struct dag *other = NULL;
    size_t n = 0;
    int rc = 0;

    if (c->run.version_key != asking_version) {
        rc = facts_load_version(q->g, c->run.dag_key, c->run.version_key, &other, e);
    }
    for (size_t i = 0; rc == 0 && other != NULL && i < *len; i++) {
        const struct task *t = dag_task(asking, other->tasks[tis[i].key.task].task_id);

        if (t != NULL) {
            tis[n] = tis[i];
            tis[n++].key.task = t->index;
        }
    }
    *len = other != NULL ? n : *len;
    dag_unref(other);
    return rc;
}

static int answer_previous(struct question *q, struct msg *m, struct err *e)
{
    struct load_call c = {.g = q->g, .key = q->q.run_key, .arena = &m->arena, .e = e};
    const struct dag *asking;
    struct run_row row;
    int rc = sched_get_run(q->g->sched, q->q.run_key, &row, &asking);

    m->event.type = SCHED_ANSWER;
    m->event.answer.question = q->q.question;
    if (rc != 0) {
        return rc;
    }
    c.any_type = !asking->catchup;
    rc = engine_on_store(q->g, do_previous, &c);
    if (rc == -ERR_NOTFOUND) {
        return 0; /* there is none: run_key 0 */
    }
    if (rc == 0) {
        c.key = c.run.run_key;
        rc = engine_on_store(q->g, do_get_tis, &c);
    }
    /* The asking run may have been forgotten while we read. */
    if (rc == 0 && sched_get_run(q->g->sched, q->q.run_key, &row, &asking) != 0) {
        rc = -ERR_NOTFOUND;
    }
    if (rc == 0) {
        struct dag *keep = dag_ref((struct dag *)asking);

        rc = translate(q, keep, &c, row.version_key, c.tis, &c.tis_len, e);
        dag_unref(keep);
    }
    m->read_key = c.run.run_key;
    m->event.answer.run_key = c.run.run_key;
    m->event.answer.tis = c.tis;
    m->event.answer.tis_len = c.tis_len;
    m->event.answer.live = rc == 0 && sched_get_run(q->g->sched, c.run.run_key, &row, &asking) == 0;
    m->event.answer.any_earlier = true;
    return rc;
}

/* ---- runs on their way back ---- */

int facts_forget(struct engine *g, int64_t run_key)
{
    int rc = sched_forget_run(g->sched, run_key);

    if (rc == 0) {
        g->forgotten[g->forgets++ % FORGOTTEN_KEPT] = run_key;
    }
    return rc;
}

/* A run that the scheduler has knows better than the store, whenever that was read. */
bool facts_stale(struct engine *g, const struct msg *m)
{
    uint64_t since = g->forgets - m->forgets;
    struct run_row row;

    if (m->read_key == 0 || since == 0 || sched_get_run(g->sched, m->read_key, &row, NULL) == 0) {
        return false;
    }
    for (uint64_t i = 0; i < since && i < FORGOTTEN_KEPT; i++) {
        if (g->forgotten[(g->forgets - 1 - i) % FORGOTTEN_KEPT] == m->read_key) {
            return true;
        }
    }
    return since > FORGOTTEN_KEPT; /* it may have been among them */
}

static int answer_main(void *arg)
{
    struct question *q = arg;
    struct msg *m = mem_zalloc(sizeof *m);
    struct err e = {0};
    int rc = m == NULL ? -ERR_NOMEM : 0;

    if (rc == 0) {
        m->type = MSG_EVENT;
        m->asked = q->q;
        m->forgets = q->g->forgets;
        arena_init(&m->arena, ANSWER_ARENA_MAX);
        switch (q->q.kind) {
        case SCHED_ASK_RUN:
            m->read_key = q->q.run_key;
            rc = answer_run(q, m, &e);
            break;
        case SCHED_ASK_MAP:
            rc = mapping_answer(q->g, &q->q, &m->event, &m->arena, &e);
            break;
        case SCHED_ASK_PREVIOUS:
            rc = answer_previous(q, m, &e);
            break;
        }
    }
    if (rc == 0) {
        engine_post(q->g, m);
    } else {
        log_warning("engine", "a question of the scheduler has no answer: %s", err_str(&e));
        if (m != NULL) {
            arena_fini(&m->arena);
            mem_free(m);
        }
        post_unknown(q->g, q->q.question);
    }
    mem_free(q);
    return 0;
}

void facts_answer(struct engine *g, const struct sched_question *question)
{
    struct question *q = mem_zalloc(sizeof *q);

    if (q == NULL) {
        return; /* its deadline fails it closed */
    }
    q->g = g;
    q->q = *question;
    if (co_spawn(&g->group, "answer", answer_main, q, NULL, NULL) != 0) {
        mem_free(q);
    }
}
