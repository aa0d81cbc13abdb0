/*
 * Retention, as a walk over kinds of old things, one bounded piece at a time:
 *
 *   RUNS      runs that are too old leave the store (store.h: clean) and become garbage
 *   GARBAGE   the files of garbage are removed, then it is dropped: a kill in between removes them again
 *   LOGS      logs of runs that stay; how far is noted in the store, so a look costs what has become old since the last one
 *   ROWS      audits, idempotency keys, asset events, versions without runs
 *   SOURCES   files of versions that are gone (once a day)
 *
 * A piece asks the store on the store's thread, and removes files on another one: whoever removes a million files delays no commit.
 */
#include "home/retention.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/map.h"
#include "base/time.h"
#include "config/config.h"
#include "dagfile/dagfile.h"
#include "engine/engine.h"
#include "home/home.h"
#include "home/mark.h"
#include "runtime/loop.h"
#include "store/store.h"

#define FIRST_LOOK_US (60 * TIME_SECOND)
#define LOOK_US       (3600 * TIME_SECOND)
#define SOURCES_US    (24 * 3600 * TIME_SECOND)
#define COMMANDS_US   (7 * 24 * 3600 * TIME_SECOND) /* a command is not sent again after so long */
#define REST_SHARE \
    9 /* a piece is followed by so many times the time that it took of the store's thread */
#define REST_MAX_US    (2 * TIME_SECOND)
#define RUNS_PIECE     100
#define NAMES_PIECE    64
#define ROWS_PIECE     500
#define VERSIONS_PIECE 50

#define MARK_LOGS "logs"

struct cleaner {
    struct store *s;
    const char *home;
    struct engine *g;  /* NULL: the caller's thread does it all */
    struct pool *pool; /* of files */
    struct retention r;
    int64_t now_us, before_us;
    struct arena arena; /* of a piece */
    struct run_name *names;
    bool *taken; /* garbage whose name another run has by now */
    size_t names_len;
    struct mark mark;
    enum prune_kind kind;
    int64_t version_key;
    struct map trees; /* that versions have; borrows from tree_arena */
    struct arena tree_arena;
    int64_t runs, logs, rows, files;
    bool more;
    int64_t store_us, files_us; /* that the piece at hand took there */
    struct loop *l;             /* NULL with g */
    struct err *e;
};

static int on_store(struct cleaner *c, int (*fn)(void *arg))
{
    int64_t start = c->l != NULL ? loop_now_us(c->l) : 0;
    int rc = c->g != NULL ? engine_on_store(c->g, fn, c) : fn(c);

    c->store_us += c->l != NULL ? loop_now_us(c->l) - start : 0;
    return rc;
}

static int on_files(struct cleaner *c, int (*fn)(void *arg))
{
    int64_t start = c->l != NULL ? loop_now_us(c->l) : 0;
    int rc = c->pool != NULL ? co_offload(c->pool, fn, c) : fn(c);

    c->files_us += c->l != NULL ? loop_now_us(c->l) - start : 0;
    return rc;
}

struct retention retention_of(const struct config *c)
{
    return (struct retention){.runs_us = config_us(c, "retention.runs"),
                              .logs_us = config_us(c, "retention.logs"),
                              .asset_events_us = config_us(c, "retention.asset_events"),
                              .audits_us = config_us(c, "retention.audits")};
}

/* ---- runs ---- */

static int take_runs(void *arg)
{
    struct cleaner *c = arg;
    int64_t n = 0;
    int rc = c->s->ops->clean(c->s, c->before_us, RUNS_PIECE, &n, &c->more, c->e);

    c->runs += n;
    return rc;
}

static int step_runs(struct cleaner *c)
{
    c->before_us = c->now_us - c->r.runs_us;
    return on_store(c, take_runs);
}

/* ---- their files ---- */

static void remove_logs(const struct cleaner *c, const struct run_name *n)
{
    char path[4700];

    (void)snprintf(path, sizeof path, "%s/logs/dag_id=%s/run_id=%s", c->home, n->dag_id, n->run_id);
    if (access(path, F_OK) == 0) {
        (void)home_remove(path);
    }
    (void)snprintf(path, sizeof path, "%s/logs/dag_id=%s", c->home, n->dag_id);
    (void)rmdir(path); /* only when it was the last one */
}

static int remove_files(void *arg)
{
    struct cleaner *c = arg;
    char path[4200];

    for (size_t i = 0; i < c->names_len; i++) {
        if (c->names[i].dag_id != NULL && c->names[i].run_id != NULL && !c->taken[i]) {
            remove_logs(c, &c->names[i]);
        }
        (void)snprintf(path, sizeof path, "%s/xcom/%lld", c->home, (long long)c->names[i].run_key);
        if (access(path, F_OK) == 0) {
            (void)home_remove(path);
        }
    }
    return 0;
}

/* A run of the same name may have been made since. */
static bool is_taken(struct cleaner *c, const struct run_name *n)
{
    struct dag_row dag;
    struct run_row run;
    struct err e = {0};

    if (n->dag_id == NULL || n->run_id == NULL) {
        return true;
    }
    return c->s->ops->find_dag(c->s, n->dag_id, &c->arena, &dag, &e) == 0 &&
           c->s->ops->find_run(c->s, dag.dag_key, n->run_id, &c->arena, &run, &e) != -ERR_NOTFOUND;
}

static int read_garbage(void *arg)
{
    struct cleaner *c = arg;
    int rc = c->s->ops->get_garbage(c->s, NAMES_PIECE, &c->arena, &c->names, &c->names_len, c->e);

    if (rc == 0 && c->names_len != 0) {
        c->taken = arena_array(&c->arena, c->names_len, sizeof *c->taken);
        rc = c->taken != NULL ? 0 : err_set(c->e, ERR_NOMEM, "out of memory for a cleaning");
    }
    for (size_t i = 0; rc == 0 && i < c->names_len; i++) {
        c->taken[i] = is_taken(c, &c->names[i]);
    }
    return rc;
}

static int drop_garbage(void *arg)
{
    struct cleaner *c = arg;
    int64_t keys[NAMES_PIECE];

    for (size_t i = 0; i < c->names_len; i++) {
        keys[i] = c->names[i].run_key;
    }
    return c->s->ops->drop_garbage(c->s, keys, c->names_len, c->e);
}

static int step_garbage(struct cleaner *c)
{
    int rc = on_store(c, read_garbage);

    c->more = c->names_len == NAMES_PIECE;
    if (rc == 0 && c->names_len != 0) {
        rc = on_files(c, remove_files);
        rc = rc == 0 ? on_store(c, drop_garbage) : rc;
    }
    return rc;
}

/* ---- logs of runs that stay ---- */

/* The mark is "end_us run_key" of the last run whose logs are gone. */
static int read_ended(void *arg)
{
    struct cleaner *c = arg;
    bool found;
    int rc = mark_read(c->s, MARK_LOGS, &c->arena, &c->mark, &found, c->e);

    return rc == 0
               ? c->s->ops->get_ended_runs(c->s, c->mark.end_us, c->mark.run_key, c->before_us,
                                           NAMES_PIECE, &c->arena, &c->names, &c->names_len, c->e)
               : rc;
}

static int write_mark(void *arg)
{
    struct cleaner *c = arg;
    const struct run_name *last = &c->names[c->names_len - 1];

    c->mark = (struct mark){last->end_us, last->run_key};
    return mark_write(c->s, MARK_LOGS, &c->mark, c->now_us, c->e);
}

static int remove_run_logs(void *arg)
{
    struct cleaner *c = arg;

    for (size_t i = 0; i < c->names_len; i++) {
        remove_logs(c, &c->names[i]);
    }
    return 0;
}

static int step_logs(struct cleaner *c)
{
    int rc;

    c->before_us = c->now_us - c->r.logs_us;
    rc = on_store(c, read_ended);
    c->more = c->names_len == NAMES_PIECE;
    if (rc == 0 && c->names_len != 0) {
        c->logs += (int64_t)c->names_len;
        rc = on_files(c, remove_run_logs);
        rc = rc == 0 ? on_store(c, write_mark) : rc;
    }
    return rc;
}

/* ---- rows ---- */

static int64_t age_of(const struct cleaner *c, enum prune_kind kind)
{
    switch (kind) {
    case PRUNE_AUDITS:
        return c->r.audits_us;
    case PRUNE_ASSET_EVENTS:
        return c->r.asset_events_us;
    case PRUNE_VERSIONS:
    case PRUNE_BACKFILLS:
        return c->r.runs_us;
    default:
        return COMMANDS_US;
    }
}

static int prune(void *arg)
{
    struct cleaner *c = arg;
    int64_t n = 0;
    int rc = c->s->ops->prune(c->s, c->kind, c->now_us - age_of(c, c->kind), ROWS_PIECE, &n, c->e);

    c->rows += n;
    c->more = n != 0;
    return rc;
}

static int step_rows(struct cleaner *c)
{
    int rc = age_of(c, c->kind) != 0 ? on_store(c, prune) : 0;

    if (rc == 0 && !c->more && c->kind + 1 < PRUNE_MAX_) {
        c->kind++;
        c->more = true;
    }
    return rc;
}

/* ---- sources ---- */

static int note_tree(struct cleaner *c, const struct version_row *v)
{
    struct value *document;
    const struct value *python, *tree;
    struct err ignored = {0};
    char *text;

    if (value_parse(&c->arena, v->document, v->document_len, &document, &ignored) != 0) {
        return err_set(c->e, ERR_CORRUPT,
                       "version %lld of a DAG cannot be read: no sources are removed",
                       (long long)v->version_key);
    }
    python = value_get(document, "python");
    tree = python != NULL ? value_get(python, "tree") : NULL;
    if (tree == NULL || tree->kind != VALUE_STRING ||
        map_find(&c->trees, tree->text, tree->len) != NULL) {
        return 0;
    }
    text = arena_strdup(&c->tree_arena, tree->text);
    return text != NULL && map_add(&c->trees, text, tree->len, text, NULL) == 0
               ? 0
               : err_set(c->e, ERR_NOMEM, "out of memory for a cleaning");
}

static int read_versions(void *arg)
{
    struct cleaner *c = arg;
    struct version_row *rows;
    size_t n = 0;
    int rc =
        c->s->ops->get_versions(c->s, c->version_key, VERSIONS_PIECE, &c->arena, &rows, &n, c->e);

    for (size_t i = 0; rc == 0 && i < n; i++) {
        rc = note_tree(c, &rows[i]);
        c->version_key = rows[i].version_key;
    }
    c->more = n == VERSIONS_PIECE;
    return rc;
}

static int remove_sources(void *arg)
{
    struct cleaner *c = arg;
    size_t n = 0;
    int rc = dagfile_prune_sources(c->home, &c->trees, c->now_us - SOURCES_US, &n, c->e);

    c->files += (int64_t)n;
    return rc;
}

static int step_sources(struct cleaner *c)
{
    int rc = on_store(c, read_versions);

    return rc == 0 && !c->more ? on_files(c, remove_sources) : rc;
}

/* ---- the walk ---- */

static int piece(struct cleaner *c, int (*step)(struct cleaner *c))
{
    int rc;

    arena_init(&c->arena, LIMIT_DOC_BYTES * 2);
    c->names = NULL;
    c->names_len = 0;
    c->more = false;
    c->store_us = c->files_us = 0;
    rc = step(c);
    arena_fini(&c->arena);
    return rc;
}

int retention_clean(struct store *s, const char *home, int64_t before_us, int64_t *ret_runs,
                    struct err *e)
{
    struct cleaner c = {.s = s, .home = home, .now_us = before_us, .e = e, .more = true};
    int rc = 0;

    while (rc == 0 && c.more) {
        rc = piece(&c, step_runs);
    }
    for (c.more = true; rc == 0 && c.more;) {
        rc = piece(&c, step_garbage);
    }
    *ret_runs = c.runs;
    return rc;
}

/* The store's thread is for commits: little of its time is taken. Files are removed beside it, on a disk that is busy slowly: who rested
 * much longer than that took would fall behind what ends meanwhile. */
static int rest(const struct cleaner *c)
{
    int64_t us = c->store_us * REST_SHARE + c->files_us;

    us = us > REST_MAX_US ? REST_MAX_US : us;
    return co_sleep(us > 1000 ? us : 1000);
}

static int all_pieces(struct cleaner *c, int (*step)(struct cleaner *c))
{
    int rc = 0;

    do {
        rc = piece(c, step);
        if (rc == 0 && c->more) {
            rc = rest(c);
        }
    } while (rc == 0 && c->more);
    return rc;
}

static int look(struct cleaner *c, bool sources)
{
    int rc = c->r.runs_us != 0 ? all_pieces(c, step_runs) : 0;

    rc = rc == 0 ? all_pieces(c, step_garbage) : rc;
    rc = rc == 0 && c->r.logs_us != 0 ? all_pieces(c, step_logs) : rc;
    rc = rc == 0 ? all_pieces(c, step_rows) : rc;
    return rc == 0 && sources ? all_pieces(c, step_sources) : rc;
}

/* One look. An error that is not the end of it is logged. */
static int look_once(struct engine *g, struct loop *l, struct pool *pool, const char *home,
                     const struct retention *r, bool sources)
{
    struct err e = {0};
    struct cleaner c = {.s = engine_store(g),
                        .home = home,
                        .g = g,
                        .l = l,
                        .pool = pool,
                        .r = *r,
                        .now_us = loop_wall_us(l),
                        .e = &e};
    int rc;

    map_init(&c.trees);
    arena_init(&c.tree_arena, MiB(256));
    rc = look(&c, sources);
    map_fini(&c.trees);
    arena_fini(&c.tree_arena);
    if (c.runs != 0 || c.logs != 0 || c.rows != 0 || c.files != 0) {
        log_info("retention",
                 "removed %lld run%s, logs of %lld run%s, %lld old row%s, %lld source file%s",
                 (long long)c.runs, c.runs == 1 ? "" : "s", (long long)c.logs,
                 c.logs == 1 ? "" : "s", (long long)c.rows, c.rows == 1 ? "" : "s",
                 (long long)c.files, c.files == 1 ? "" : "s");
    }
    if (rc != 0 && rc != -ERR_CANCELED && rc != -ERR_CLOSED) {
        log_error("retention", "not everything that is too old could be removed: %s", err_str(&e));
        rc = 0;
    }
    return rc;
}

static int64_t until_next(const struct retention *r)
{
    const int64_t ages[] = {r->runs_us, r->logs_us, r->asset_events_us, r->audits_us};
    int64_t us = LOOK_US;

    for (size_t i = 0; i < sizeof ages / sizeof ages[0]; i++) {
        us = ages[i] > 0 && ages[i] / 10 < us ? ages[i] / 10 : us;
    }
    return us > FIRST_LOOK_US ? us : FIRST_LOOK_US;
}

int retention_keep(struct engine *g, struct loop *l, const char *home, const struct retention *r)
{
    struct pool *pool = NULL;
    struct err e = {0};
    int64_t sources_at = loop_now_us(l);
    int rc = pool_new(l, "files", 1, &pool, &e);

    rc = rc == 0 ? co_sleep(FIRST_LOOK_US) : rc;
    while (rc == 0) {
        bool sources = loop_now_us(l) >= sources_at;

        rc = look_once(g, l, pool, home, r, sources);
        sources_at = sources ? loop_now_us(l) + SOURCES_US : sources_at;
        rc = rc == 0 ? co_sleep(until_next(r)) : rc;
    }
    pool_free(pool);
    return rc;
}
