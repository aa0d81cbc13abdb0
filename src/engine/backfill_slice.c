/*
 * The next dates of a backfill. All facts are read at once, then all requests are sent, so that many runs are made in one commit; what
 * becomes of a date is in the same commit as its run (invariant 2 of backfill.c).
 *
 * A run that is there and runs again is read back first (SCHED_RUN_RESTORE), right before its clear. That is exact only as long as nobody
 * else changed it since it was read: who is watched and was seen changing, or is known to the scheduler, is left for the next slice; and what was
 * read is dropped, with its clear, if the run left the scheduler since (facts_stale).
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "engine/backfill_priv.h"
#include "engine/engine_priv.h"
#include "model/dag.h"

#define SLICE_ARENA_MAX MiB(512)

/* One date. */
struct date {
    struct backfill_run_row *row;
    bool has_run, id_taken;
    struct run_row run; /* the one that is there, or the one to be made */
    struct ti_row *tis; /* of one that runs again */
    size_t tis_len;
    struct dag *dag; /* of the version that it has, or is made with; one reference */
    struct dag
        *newest; /* it runs again on this one instead: of newest_key; one reference, or NULL */
    int64_t newest_key;
    bool claimed, sent;
    char run_id[LIMIT_ID_BYTES + 1];
    struct request request;
};

struct slice {
    struct engine *g;
    struct active_backfill *b;
    struct arena arena;
    size_t limit;
    struct backfill_run_row *rows;
    struct date *dates;
    size_t len;
    struct dag_row dag;
    const char *conf; /* in the arena: the backfill's */
    uint64_t forgets; /* of the engine, before the dates were read */
    struct err *e;
};

/* ---- facts ---- */

/* "backfill__2026-07-01T00:00:00Z"; where somebody took that id, the backfill's key is put behind it. */
static void name_run(const struct slice *c, struct date *d, bool with_key)
{
    char when[TIME_TEXT_MAX];

    (void)time_format(d->row->run_after_us, when);
    if (with_key) {
        (void)snprintf(d->run_id, sizeof d->run_id, "backfill__%s__%lld", when,
                       (long long)c->b->row.backfill_key);
    } else {
        (void)snprintf(d->run_id, sizeof d->run_id, "backfill__%s", when);
    }
}

static int read_date(struct slice *c, struct date *d)
{
    struct store *s = c->g->store;
    struct run_row ignored;
    int rc = s->ops->find_run_by_date(s, c->b->row.dag_key, d->row->logical_us, &c->arena, &d->run,
                                      c->e);

    d->has_run = rc == 0;
    if (rc == 0 && backfill_decide(c->b->row.reprocess, true, d->run.state) == BACKFILL_CLEARED) {
        return s->ops->get_tis(s, d->run.run_key, 0, &c->arena, &d->tis, &d->tis_len, c->e);
    }
    if (rc != -ERR_NOTFOUND) {
        return rc;
    }
    name_run(c, d, false);
    rc = s->ops->find_run(s, c->b->row.dag_key, d->run_id, &c->arena, &ignored, c->e);
    if (rc == 0) {
        name_run(c, d, true);
    }
    return rc == -ERR_NOTFOUND ? 0 : rc;
}

static int do_read_rows(void *arg)
{
    struct slice *c = arg;
    struct store *s = c->g->store;

    return s->ops->get_backfill_runs(s, c->b->row.backfill_key, true, 1, c->limit, &c->arena,
                                     &c->rows, &c->len, c->e);
}

static int do_read_dates(void *arg)
{
    struct slice *c = arg;
    struct store *s = c->g->store;
    struct dag_row *dags;
    size_t n = 0;
    int rc = s->ops->get_dags(s, &c->arena, &dags, &n, c->e);

    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (dags[i].dag_key == c->b->row.dag_key) {
            c->dag = dags[i];
        }
    }
    for (size_t i = 0; rc == 0 && i < c->len; i++) {
        rc = read_date(c, &c->dates[i]);
    }
    return rc;
}

/* ---- decisions ---- */

/* SUSPENDS. The version that the run has, and the one that it goes on with (sched_move); *last: the one loaded before, kept as long as the
 * versions are the same. */
static int choose_version(struct slice *c, struct date *d, const struct known_dag *known,
                          struct dag **last, int64_t *last_key)
{
    int rc = 0;

    if (d->run.version_key == known->version_key) {
        d->dag = dag_ref(known->dag);
        return 0;
    }
    if (*last_key != d->run.version_key) {
        dag_unref(*last);
        *last = NULL;
        *last_key = 0;
        rc = facts_load_version(c->g, d->run.dag_key, d->run.version_key, last, c->e);
        *last_key = rc == 0 ? d->run.version_key : 0;
    }
    if (rc == 0) {
        d->dag = dag_ref(*last);
    }
    if (rc == 0 && !c->b->row.own_version) {
        d->newest = dag_ref(known->dag);
        d->newest_key = known->version_key;
    }
    return rc;
}

static int decide(struct slice *c, struct date *d, struct dag **last, int64_t *last_key)
{
    struct engine *g = c->g;
    const struct known_dag *known = register_known(g, c->b->row.dag_key);
    enum backfill_outcome o =
        backfill_decide(c->b->row.reprocess, d->has_run, d->has_run ? d->run.state : 0);
    int rc = 0;

    if (o == BACKFILL_CLEARED) {
        rc = choose_version(c, d, known, last, last_key);
    } else if (o == BACKFILL_CREATED) {
        rc = engine_next_key(g, &g->run_keys, "run", RUN_KEYS, &d->run.run_key, c->e);
    }
    d->row->outcome = (uint8_t)o;
    d->row->run_key = d->run.run_key;
    return rc;
}

/* ---- requests ---- */

/* read_key: the run whose rows it has; or 0. */
static int post_event(struct slice *c, const struct sched_event *ev, int64_t read_key)
{
    struct engine *g = c->g;
    struct msg *m = mem_zalloc(sizeof *m);

    if (m == NULL) {
        return -ERR_NOMEM;
    }
    m->type = MSG_EVENT;
    m->event = *ev;
    m->read_key = read_key;
    m->forgets = c->forgets;
    engine_post(g, m);
    return 0;
}

static void fill_create(struct slice *c, struct date *d)
{
    const struct known_dag *known = register_known(c->g, c->b->row.dag_key);

    d->dag = dag_ref(known->dag);
    d->run = (struct run_row){
        .run_key = d->row->run_key,
        .dag_key = c->b->row.dag_key,
        .version_key = known->version_key,
        .run_id = d->run_id,
        .state = RUN_QUEUED,
        .type = RUN_TYPE_BACKFILL,
        .logical_date_us = d->row->logical_us,
        .data_interval_start_us = d->row->start_us,
        .data_interval_end_us = d->row->end_us,
        .run_after_us = d->row->run_after_us,
        .queued_us = engine_now(c->g),
        .start_us = TIME_NONE,
        .end_us = TIME_NONE,
        .backfill_key = c->b->row.backfill_key,
        .conf = c->conf,
    };
    d->request.event.type = SCHED_RUN_CREATE;
    d->request.event.run.row = &d->run;
    d->request.event.run.dag = d->dag;
}

/* It is read back; the message has a reference of its own. */
static int fill_clear(struct slice *c, struct date *d)
{
    struct sched_event back = {.type = SCHED_RUN_RESTORE};
    int rc;

    for (size_t i = 0; i < d->tis_len; i++) {
        d->tis[i].attempt = (struct uuid){0}; /* it has ended: nothing of it lives */
    }
    back.run.row = &d->run;
    back.run.dag = dag_ref(d->dag);
    back.run.tis = d->tis;
    back.run.tis_len = d->tis_len;
    back.run.question = -1; /* nobody's: it stops nothing else */
    rc = post_event(c, &back, d->run.run_key);
    if (rc != 0) {
        dag_unref(back.run.dag);
        return rc;
    }
    d->request.wants_reply = true;
    d->request.event.type = SCHED_CLEAR;
    d->request.event.command.run_key = d->run.run_key;
    d->request.event.command.backfill_key = c->b->row.backfill_key;
    d->request.event.command.conf = c->conf;
    d->request.event.command.version_key = d->newest_key;
    d->request.event.command.dag = d->newest;
    return 0;
}

/* The scheduler knows which run is the first one before it has it. */
static int tell_first(struct slice *c, const struct date *d)
{
    struct sched_event ev;

    if (d->row->ordinal != 1) {
        return 0;
    }
    c->b->first_run = d->run.run_key;
    ev = backfills_limit(c->b, false);
    return post_event(c, &ev, 0);
}

static int send(struct slice *c, struct date *d)
{
    int rc = 0;

    if (d->row->outcome == BACKFILL_CREATED) {
        fill_create(c, d);
        rc = tell_first(c, d);
    } else if (d->row->outcome == BACKFILL_CLEARED) {
        rc = fill_clear(c, d);
        rc = rc == 0 ? tell_first(c, d) : rc;
    }
    d->request.backfill_runs = d->row;
    d->request.backfill_runs_len = 1;
    rc = rc == 0 ? engine_send(c->g, &d->request, c->e) : rc;
    d->sent = rc == 0;
    return rc;
}

/* Somebody else is at this date, or was since it was read. */
static bool is_disturbed(const struct slice *c, const struct date *d)
{
    const struct backfills *all = c->g->backfills;

    if (!d->claimed) {
        return true;
    }
    if (d->row->outcome != BACKFILL_CLEARED) {
        return false;
    }
    for (size_t i = 0; i < all->changed_len; i++) {
        if (all->changed[i] == d->run.run_key) {
            return true;
        }
    }
    return all->missed || engine_run_dag(c->g, d->run.run_key) != NULL;
}

/* All are sent before anybody else can be: nothing suspends here. */
static int send_all(struct slice *c, size_t *ret_sent)
{
    size_t n = 0;
    int rc = 0;

    while (rc == 0 && n < c->len && !is_disturbed(c, &c->dates[n])) {
        rc = send(c, &c->dates[n]);
        n += rc == 0;
    }
    *ret_sent = n;
    return rc == 0 && n == 0 ? -ERR_BUSY : rc;
}

static int await_all(struct slice *c, size_t *ret_done)
{
    int rc = 0;

    for (size_t i = 0; i < c->len; i++) {
        struct err e = {0};
        int one = c->dates[i].sent ? engine_await(&c->dates[i].request, &e) : 0;

        if (one == 0) {
            *ret_done += c->dates[i].sent;
        } else if (one != -ERR_CONFLICT && one != -ERR_NOTFOUND && rc == 0) {
            /* In conflict, or dropped as stale: it is looked at again. */
            *c->e = e;
            rc = one;
        }
    }
    return rc == 0 && *ret_done == 0 ? -ERR_BUSY : rc;
}

/* ---- the slice ---- */

static int prepare(struct slice *c)
{
    c->dates = arena_array(&c->arena, c->len, sizeof *c->dates);
    c->conf = c->b->row.conf != NULL
                  ? arena_strndup(&c->arena, c->b->row.conf, strlen(c->b->row.conf))
                  : NULL;
    if (c->dates == NULL || (c->b->row.conf != NULL && c->conf == NULL)) {
        return err_set(c->e, ERR_NOMEM, "out of memory for runs of a backfill");
    }
    memset(c->dates, 0, c->len * sizeof *c->dates);
    for (size_t i = 0; i < c->len; i++) {
        c->dates[i].row = &c->rows[i];
        c->dates[i].claimed = backfills_claim_date(c->g, c->b->row.dag_key, c->rows[i].logical_us);
    }
    return 0;
}

/* From now on runs of this DAG that change are written down; 0: no more. */
static void watch(struct engine *g, int64_t dag_key)
{
    g->backfills->watched_dag = dag_key;
    g->backfills->changed_len = 0;
    g->backfills->missed = false;
}

static int work(struct slice *c, size_t *ret_done)
{
    struct dag *last = NULL;
    int64_t last_key = 0;
    size_t sent = 0;
    int rc = engine_on_store(c->g, do_read_rows, c);

    if (rc != 0 || c->len == 0) {
        return rc;
    }
    rc = prepare(c);
    watch(c->g, c->b->row.dag_key);
    c->forgets = c->g->forgets;
    rc = rc == 0 ? engine_on_store(c->g, do_read_dates, c) : rc;
    rc = rc == 0 && c->dag.dag_key == 0
             ? err_set(c->e, ERR_NOTFOUND, "its DAG is not there any more")
             : rc;
    rc = rc == 0 ? register_stored_dag(c->g, &c->dag, c->e) : rc;
    for (size_t i = 0; rc == 0 && i < c->len; i++) {
        rc = decide(c, &c->dates[i], &last, &last_key);
    }
    dag_unref(last);
    if (rc == 0) {
        rc = send_all(c, &sent);
    }
    if (sent > 0) { /* also after an error: what was sent is waited for */
        int ended = await_all(c, ret_done);

        rc = rc == 0 ? ended : rc;
    }
    return rc;
}

int backfill_slice(struct engine *g, struct active_backfill *b, uint32_t room, size_t *ret_done,
                   struct err *e)
{
    struct slice c = {
        .g = g, .b = b, .limit = room < LIMIT_BACKFILL_SLICE ? room : LIMIT_BACKFILL_SLICE, .e = e};
    int rc;

    arena_init(&c.arena, SLICE_ARENA_MAX);
    *ret_done = 0;
    rc = work(&c, ret_done);
    watch(g, 0);
    for (size_t i = 0; c.dates != NULL && i < c.len; i++) {
        if (c.dates[i].claimed) {
            backfills_release_date(g, b->row.dag_key, c.dates[i].row->logical_us);
        }
        dag_unref(c.dates[i].dag);
        dag_unref(c.dates[i].newest);
    }
    arena_fini(&c.arena);
    return rc;
}
