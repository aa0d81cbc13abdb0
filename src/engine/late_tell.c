/* What follows when something of a watched run is late. */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "engine/alerts.h"
#include "engine/engine_priv.h"
#include "engine/late.h"
#include "engine/late_priv.h"
#include "model/dag.h"
#include "model/deadline.h"

struct telling {
    struct request rq; /* first: the request is what is told */
    struct late_run *r;
    struct late_item *items; /* that are due; owned */
    size_t len;
    struct deadline_row *rows; /* of those that are deadlines; owned */
    size_t rows_len;
    int64_t at_us;
};

static void describe(const struct telling *t, const struct late_item *p, char *out, size_t cap)
{
    char a[TIME_TEXT_MAX], b[TIME_TEXT_MAX], c[TIME_TEXT_MAX];

    if (p->kind == LATE_DEADLINE) {
        const char *name = t->r->dag->deadlines[p->n].name;

        (void)snprintf(out, cap, "%s%sit should have ended by %s", name != NULL ? name : "",
                       name != NULL ? ": " : "", time_format(p->due_us, a));
        return;
    }
    (void)snprintf(out, cap, "it has run for %s; usually %s (of %zu successes), told from %s on",
                   duration_format(t->at_us - p->from_us, a), duration_format(p->usual_us, b),
                   p->successes, duration_format(p->due_us - p->from_us, c));
}

static void add_told(struct engine *g, const struct telling *t)
{
    for (size_t i = 0; i < t->len; i++) {
        const struct late_item *p = &t->items[i];
        const struct dag *d = t->r->dag;
        struct alert_fact f = {.run = &t->r->row,
                               .dag = d,
                               .map_index = p->map_index,
                               .try_number = p->try_number,
                               .at_us = t->at_us};
        char text[LIMIT_REASON_BYTES + 60];

        describe(t, p, text, sizeof text);
        f.reason = text;
        f.kind = p->kind == LATE_DEADLINE ? ALERT_DEADLINE_MISSED
                 : p->kind == LATE_RUN    ? ALERT_RUN_SLOW
                                          : ALERT_TASK_SLOW;
        f.task = p->kind == LATE_TASK ? &d->tasks[p->task] : NULL;
        if (p->kind == LATE_DEADLINE) {
            f.channels = d->deadlines[p->n].channels;
            f.channels_len = d->deadlines[p->n].channels_len;
        }
        alerts_add(g, &f);
    }
}

static int add_asked(struct engine *g, struct request *rq)
{
    add_told(g, (const struct telling *)rq);
    return 0;
}

static void put_callback(struct json_writer *w, const struct deadline *d,
                         const struct deadline_row *row)
{
    char text[TIME_TEXT_MAX + 24];

    json_object(w);
    json_key(w, "callback");
    json_value(w, d->callback);
    json_key(w, "deadline");
    json_object(w);
    json_key(w, "id");
    (void)snprintf(text, sizeof text, "%lld-%d", (long long)row->run_key, row->n);
    json_string(w, text);
    json_key(w, "deadline_time");
    json_string(w, time_format(row->due_us, text));
    json_key(w, "name");
    json_string(w, row->name);
    json_object_end(w);
    json_object_end(w);
}

struct get_run {
    struct engine *g;
    int64_t run_key;
    struct arena *a;
    struct run_row row;
    struct err *e;
};

static int do_get_run(void *arg)
{
    struct get_run *c = arg;
    struct store *s = c->g->store;

    return s->ops->get_run(s, c->run_key, c->a, &c->row, c->e);
}

/* SUSPENDS. Starts the callback of a missed deadline, and writes that it was. */
static int call(struct engine *g, struct dag *dag, const struct deadline_row *row, struct err *e)
{
    const struct deadline *d = &dag->deadlines[row->n];
    struct worker_callback c = {.dag = dag, .word = "deadline", .deadline = true};
    struct deadline_row told = *row;
    struct request r = {.deadlines = &told, .deadlines_len = 1};
    struct buf b BUF_CLEANUP;
    struct json_writer w;
    struct arena a;
    struct get_run get = {.g = g, .run_key = row->run_key, .a = &a, .e = e};
    int rc;

    buf_init(&b, LIMIT_MESSAGE / 4);
    json_writer_init(&w, &b, 0);
    put_callback(&w, d, row);
    arena_init(&a, MiB(4));
    rc = buf_status(&b) == 0 ? engine_on_store(g, do_get_run, &get) : buf_status(&b);
    if (rc == 0 && g->worker->ops->callback != NULL) {
        c.run = &get.row;
        c.token = uuid_v7(engine_now(g), &g->callback_ids);
        c.events = buf_cstr(&b);
        engine_choose_instance(g, &get.row, dag, &c);
        rc = g->worker->ops->callback(g->worker, &c, e);
    }
    if (rc != 0) { /* it is not tried again: what is wrong with it stays so */
        log_warning("engine", "the callback of a missed deadline of %s in run %lld cannot run: %s",
                    dag->dag_id, (long long)row->run_key, e->code != 0 ? err_str(e) : err_text(rc));
    }
    arena_fini(&a);
    told.told = true;
    return engine_ask(g, &r, e);
}

/* What is due leaves the run. */
static int take(struct telling *t)
{
    struct late_run *r = t->r;
    size_t kept = 0;

    t->items = mem_array(r->items_len + 1, sizeof *t->items);
    t->rows = mem_array(r->items_len + 1, sizeof *t->rows);
    if (t->items == NULL || t->rows == NULL) {
        return -ERR_NOMEM;
    }
    for (size_t i = 0; i < r->items_len; i++) {
        struct late_item *p = &r->items[i];
        bool due = p->due_us != TIME_NONE && p->due_us <= t->at_us &&
                   t->at_us >= r->not_before_us && (!r->ended || p->kind == LATE_DEADLINE);
        const struct deadline *d = p->kind == LATE_DEADLINE ? &r->dag->deadlines[p->n] : NULL;

        if (!due) {
            r->items[kept++] = *p;
            continue;
        }
        t->items[t->len++] = *p;
        if (d != NULL) {
            t->rows[t->rows_len++] = (struct deadline_row){.run_key = r->run_key,
                                                           .n = p->n,
                                                           .name = d->name,
                                                           .due_us = p->due_us,
                                                           .missed_us = t->at_us,
                                                           .told = d->callback == NULL};
        }
    }
    r->items_len = kept;
    return 0;
}

static void telling_fini(struct telling *t)
{
    mem_free(t->items);
    mem_free(t->rows);
}

/* SUSPENDS. Starts the callbacks of what is durably missed. */
static int call_all(struct engine *g, const struct telling *t, struct err *e)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < t->rows_len; i++) {
        rc = t->rows[i].told ? 0 : call(g, t->r->dag, &t->rows[i], e);
    }
    return rc;
}

int late_tell(struct engine *g, struct late_run *r)
{
    struct telling t = {
        .rq = {.turn = add_asked}, .r = r, .at_us = r->ended ? r->row.end_us : engine_now(g)};
    struct err e = {0};
    int rc = take(&t);

    if (rc == 0 && t.len > 0) {
        t.rq.deadlines = t.rows;
        t.rq.deadlines_len = t.rows_len;
        rc = engine_ask(g, &t.rq, &e);
    }
    rc = rc == 0 ? call_all(g, &t, &e) : rc;
    telling_fini(&t);
    return rc;
}

/* ---- missed by a run that has just ended ---- */

struct ended {
    struct engine *g;
    struct telling t;
};

static int ended_main(void *arg)
{
    struct ended *x = arg;
    struct request barrier = {0};
    struct err e = {0};

    if (engine_ask(x->g, &barrier, &e) == 0) { /* the batch of the run's end is durable */
        (void)call_all(x->g, &x->t, &e);
    }
    late_run_unref(x->t.r);
    telling_fini(&x->t);
    mem_free(x);
    return 0;
}

static int put_ended(struct ended *x)
{
    struct engine *g = x->g;
    int rc = take(&x->t);

    for (size_t i = 0; rc == 0 && i < x->t.rows_len; i++) {
        rc = VEC_PUSH(g->extras.deadlines, g->extras.deadlines_len, g->extras.deadlines_cap,
                      x->t.rows[i]);
    }
    if (rc == 0) {
        add_told(g, &x->t);
        rc = co_spawn(&g->group, "deadlines", ended_main, x, NULL, NULL);
    }
    return rc;
}

void late_ended(struct engine *g, struct late_run *r)
{
    struct ended *x = mem_zalloc(sizeof *x);
    int rc = -ERR_NOMEM;

    r->refs++;
    if (x != NULL) {
        *x = (struct ended){.g = g, .t = {.r = r, .at_us = r->row.end_us}};
        rc = put_ended(x);
    }
    if (rc != 0) {
        log_error("alerts", "out of memory: a missed deadline of run %s is not told",
                  r->row.run_id);
        if (x != NULL) {
            telling_fini(&x->t);
        }
        mem_free(x);
        late_run_unref(r);
    }
}

/* ---- callbacks of an earlier engine ---- */

struct untold {
    struct engine *g;
    struct arena arena;
    struct deadline_row *rows;
    size_t len;
    struct run_row *runs;
    struct err e;
};

static int do_get_untold(void *arg)
{
    struct untold *u = arg;
    struct store *s = u->g->store;
    int rc = s->ops->get_deadlines(s, 0, &u->arena, &u->rows, &u->len, &u->e);

    u->runs = rc == 0 ? arena_array(&u->arena, u->len + 1, sizeof *u->runs) : NULL;
    rc = rc == 0 && u->runs == NULL ? -ERR_NOMEM : rc;
    for (size_t i = 0; rc == 0 && i < u->len; i++) {
        rc = s->ops->get_run(s, u->rows[i].run_key, &u->arena, &u->runs[i], &u->e);
        rc = rc == -ERR_NOTFOUND ? 0 : rc; /* it is being cleaned away */
    }
    return rc;
}

static int call_untold(struct engine *g, const struct run_row *run, const struct deadline_row *row,
                       struct err *e)
{
    struct dag *d = NULL;
    int rc = facts_load_version(g, run->dag_key, run->version_key, &d, e);

    if (rc == 0 && row->n >= 0 && (size_t)row->n < d->deadlines_len &&
        d->deadlines[row->n].callback != NULL) {
        rc = call(g, d, row, e);
    }
    dag_unref(d);
    return rc;
}

void late_call_again(struct engine *g)
{
    struct untold u = {.g = g};
    int rc;

    arena_init(&u.arena, MiB(64));
    rc = engine_on_store(g, do_get_untold, &u);
    for (size_t i = 0; rc == 0 && i < u.len; i++) {
        rc = u.runs[i].run_key != 0 ? call_untold(g, &u.runs[i], &u.rows[i], &u.e) : 0;
    }
    if (rc != 0 && rc != -ERR_CLOSED && rc != -ERR_CANCELED) {
        log_warning("engine", "callbacks of missed deadlines are not called: %s",
                    u.e.code != 0 ? err_str(&u.e) : err_text(rc));
    }
    arena_fini(&u.arena);
}
