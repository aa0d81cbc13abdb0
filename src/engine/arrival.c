/*
 * Watchers of assets: files that arrive (a path, or Airflow's FileTrigger or FileDeleteTrigger), and any other trigger, which the worker's trigger
 * process runs. Each event is an event of the asset.
 *
 * Each watcher of files is a coroutine over one folder:
 *
 *   look at all files -> tell what is new or another -> wait (inotify: closed after writing, or renamed into the folder) -> ...
 *
 * Invariants
 *  1. An event and the row that says which file it told (path, time, size, inode) are one commit: no file is told twice, and a start after
 *     any kill tells what came meanwhile.
 *  2. A file is told when whoever wrote it has closed it. Where nobody says so (at the first look, on file systems of other machines, or with no
 *     inotify watch left) it is told once it has not changed for SETTLE_US.
 *  3. Another trigger goes on after its event is durable, not before: a source that counts by what was taken loses none.
 *  4. FileDeleteTrigger: the file is deleted only after its event is durable; one that is told and still there is deleted at the next look.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/time.h"
#include "engine/arrival_priv.h"
#include "engine/engine_priv.h"
#include "model/dag.h"
#include "runtime/notify.h"

#define SETTLE_US (2 * TIME_SECOND)
#define POLL_US   (5 * TIME_SECOND)
#define GONE_MAX  10000
#define LOOK_US   (300 * TIME_SECOND) /* with inotify too, for what it may have lost */
#define ARRIVED   (IN_CLOSE_WRITE | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

struct seen { /* of one path, as it was told */
    int64_t mtime_ns, size, inode;
    uint32_t look; /* the last look that found it */
};

struct watcher {
    struct watcher *next;
    struct engine *g;
    struct arena arena, names; /* its texts; the names in `seen` */
    const char *id, *name, *dir, *glob;
    const char *file;    /* of the DAG that named it first, or NULL */
    const char *trigger; /* JSON, of a trigger that the worker runs; else NULL */
    struct asset_row asset;
    bool deletes;
    int64_t *dags; /* that name it */
    size_t dags_len, dags_cap;
    struct map seen; /* by name: struct seen, owned; inode -1: gone again */
    size_t gone;
    uint32_t look;
    int fd; /* inotify, or -1: looked at from time to time */
    bool told_poll, told_more;
    bool unsettled; /* some file was changed a moment ago */
    bool look_at_all;
    struct co *co;
    bool ends, done; /* nobody names it any more; its coroutine has ended */
    int busy;        /* its texts are in use by an event of its trigger */
};

struct arrivals {
    struct watcher *first;
    size_t len;
    struct pool *pool;
};

/* ---- telling ---- */

struct telling {
    struct request r; /* first: the request is what is told */
    struct asset_event_row row;
};

static int add_told(struct engine *g, struct request *r)
{
    struct telling *t = (struct telling *)r;

    t->row.at_us = engine_now(g);
    return batch_add_event(g, &t->row);
}

static void put_head(const struct watcher *w, struct json_writer *j)
{
    json_object(j);
    json_key(j, "from_trigger");
    json_bool(j, true);
    json_key(j, "watcher");
    json_string(j, w->name);
    json_key(j, "payload");
}

static struct asset_event_row row_of(const struct watcher *w, const char *extra)
{
    return (struct asset_event_row){.name = w->asset.name,
                                    .uri = w->asset.uri,
                                    .group = w->asset.group,
                                    .asset_extra = w->asset.extra,
                                    .extra = extra,
                                    .map_index = -1};
}

static int put_extra(const struct watcher *w, const struct file_seen *f, struct buf *b)
{
    char text[TIME_TEXT_MAX], path[4400];
    struct json_writer j;

    (void)snprintf(path, sizeof path, "%s/%s", w->dir, f->name);
    json_writer_init(&j, b, 0);
    put_head(w, &j);
    json_object(&j);
    json_key(&j, "filepath");
    json_string(&j, path);
    json_key(&j, "size");
    json_int(&j, f->size);
    json_key(&j, "modified");
    json_string(&j, time_format(f->mtime_ns / 1000, text));
    json_object_end(&j);
    json_object_end(&j);
    return buf_status(b);
}

static int keep_seen(struct watcher *w, const struct file_seen *f)
{
    struct seen *s = map_find(&w->seen, f->name, strlen(f->name));
    const char *name;

    if (s == NULL) {
        s = mem_zalloc(sizeof *s);
        name = arena_strdup(&w->names, f->name);
        if (s == NULL || name == NULL || map_add(&w->seen, name, strlen(name), s, NULL) != 0) {
            mem_free(s);
            return -ERR_NOMEM;
        }
    }
    *s = (struct seen){f->mtime_ns, f->size, f->inode, w->look};
    return 0;
}

static void delete_file(const struct watcher *w, const char *name)
{
    char path[4400];

    (void)snprintf(path, sizeof path, "%s/%s", w->dir, name);
    if (unlink(path) != 0 && errno != ENOENT) {
        log_warning("watcher", "%s of asset '%s': cannot delete %s: %s", w->name, w->asset.name,
                    path, strerror(errno));
    }
}

/* SUSPENDS until the event is durable. */
static int tell(struct watcher *w, const struct file_seen *f)
{
    struct arrival_row row = {w->id, f->name, f->mtime_ns, f->size, f->inode, engine_now(w->g)};
    struct telling t = {.r = {.arrivals = &row, .arrivals_len = 1, .turn = add_told}};
    struct buf b BUF_CLEANUP;
    struct err e = {0};
    int rc;

    buf_init(&b, LIMIT_ASSET_EXTRA);
    rc = put_extra(w, f, &b);
    t.row = row_of(w, buf_cstr(&b));
    rc = rc == 0 ? engine_ask(w->g, &t.r, &e) : rc;
    if (rc != 0) {
        log_error("watcher", "%s of asset '%s': %s/%s is not told: %s", w->name, w->asset.name,
                  w->dir, f->name, rc == -ERR_NOMEM ? "out of memory" : err_str(&e));
        return rc;
    }
    log_info("watcher", "%s of asset '%s': %s/%s has arrived", w->name, w->asset.name, w->dir,
             f->name);
    rc = keep_seen(w, f);
    if (w->deletes) {
        delete_file(w, f->name);
    }
    return rc;
}

static bool is_told(const struct watcher *w, const struct file_seen *f)
{
    struct seen *s = map_find(&w->seen, f->name, strlen(f->name));

    return s != NULL && s->mtime_ns == f->mtime_ns && s->size == f->size && s->inode == f->inode;
}

/* ---- looking ---- */

struct look {
    struct watcher *w;
    struct arena *arena;
    struct file_seen *files;
    size_t len;
    bool more;
    struct arrival_row *rows;
    size_t rows_len;
    struct err *e;
};

static int do_list(void *arg)
{
    struct look *l = arg;

    return arrival_list(l->w->dir, l->w->glob, SETTLE_US, l->arena, &l->files, &l->len, &l->more,
                        l->e);
}

static int do_get(void *arg)
{
    struct look *l = arg;

    return l->w->g->store->ops->get_arrivals(l->w->g->store, l->w->id, l->arena, &l->rows,
                                             &l->rows_len, l->e);
}

static void forget_all(struct watcher *w)
{
    for (size_t i = 0; i < w->seen.len; i++) {
        mem_free(w->seen.entries[i].value);
    }
    map_fini(&w->seen);
    map_init(&w->seen);
    arena_fini(&w->names);
    arena_init(&w->names, MiB(256));
    w->gone = 0;
}

static int read_seen(struct watcher *w, struct err *e)
{
    struct arena a;
    struct look l = {.w = w, .arena = &a, .e = e};
    int rc;

    arena_init(&a, MiB(256));
    rc = engine_on_store(w->g, do_get, &l);
    for (size_t i = 0; rc == 0 && i < l.rows_len; i++) {
        struct file_seen f = {l.rows[i].path, l.rows[i].mtime_ns, l.rows[i].size, l.rows[i].inode,
                              false};

        rc = keep_seen(w, &f);
    }
    arena_fini(&a);
    return rc;
}

/* What was told and is gone is forgotten: a file that comes again under its name is another. */
static int forget_gone(struct watcher *w)
{
    struct arrival_row *rows = NULL;
    size_t n = 0, cap = 0;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < w->seen.len; i++) {
        const struct seen *s = w->seen.entries[i].value;
        struct arrival_row row = {.watcher = w->id, .path = w->seen.entries[i].key, .inode = -1};

        if (s->look != w->look && s->inode >= 0) {
            rc = VEC_PUSH(rows, n, cap, row);
        }
    }
    if (rc == 0 && n > 0) {
        struct request r = {.arrivals = rows, .arrivals_len = n};
        struct err e = {0};

        rc = engine_ask(w->g, &r, &e);
    }
    for (size_t i = 0; rc == 0 && i < n; i++) {
        ((struct seen *)map_find(&w->seen, rows[i].path, strlen(rows[i].path)))->inode = -1;
    }
    w->gone += rc == 0 ? n : 0;
    mem_free(rows);
    if (rc == 0 && w->gone > GONE_MAX) { /* names that never come again are not kept for ever */
        struct err e = {0};

        forget_all(w);
        rc = read_seen(w, &e);
    }
    return rc;
}

static int look(struct watcher *w, struct err *e)
{
    struct arena a;
    struct look l = {.w = w, .arena = &a, .e = e};
    int rc;

    arena_init(&a, MiB(256));
    rc = co_offload(w->g->arrivals->pool, do_list, &l);
    w->unsettled = false;
    w->look++;
    for (size_t i = 0; rc == 0 && i < l.len && !w->ends; i++) {
        struct seen *s = map_find(&w->seen, l.files[i].name, strlen(l.files[i].name));

        if (s != NULL) {
            s->look = w->look;
        }
        if (is_told(w, &l.files[i])) {
            if (w->deletes) {
                delete_file(w, l.files[i].name);
            }
        } else if (l.files[i].fresh) {
            w->unsettled = true;
        } else {
            rc = tell(w, &l.files[i]);
        }
    }
    if (l.more && !w->told_more) {
        w->told_more = true;
        log_warning("watcher",
                    "%s of asset '%s': %s has more than %d files like %s: only these are looked at",
                    w->name, w->asset.name, w->dir, LIMIT_ARRIVAL_FILES, w->glob);
    }
    rc = rc == 0 && !l.more ? forget_gone(w) : rc;
    arena_fini(&a);
    return rc;
}

/* ---- waiting ---- */

static void close_watch(struct watcher *w)
{
    if (w->fd >= 0) {
        (void)close(w->fd);
        w->fd = -1;
    }
}

static void open_watch(struct watcher *w)
{
    const char *why = NULL;

    if (w->fd >= 0) {
        return;
    }
    if (notify_is_remote(w->dir)) {
        why = "a file system of another machine does not tell what changes";
    } else {
        w->fd = notify_open();
        if (notify_add(w->fd, w->dir, ARRIVED, &why) != 0) {
            close_watch(w);
        }
    }
    if (why != NULL && !w->told_poll) {
        w->told_poll = true;
        log_warning("watcher", "%s of asset '%s': %s is looked at every %d s: %s", w->name,
                    w->asset.name, w->dir, (int)(POLL_US / TIME_SECOND), why);
    }
}

/* What the system says of one file. */
static bool hear_one(void *arg, const struct inotify_event *ev)
{
    struct watcher *w = arg;
    struct file_seen f;

    if ((ev->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT)) != 0) {
        close_watch(w);
        w->look_at_all = true;
    }
    if ((ev->mask & IN_Q_OVERFLOW) != 0) {
        w->look_at_all = true;
    }
    if (!w->look_at_all && ev->len > 0 && arrival_matches(w->glob, ev->name) &&
        arrival_stat(w->dir, ev->name, &f) == 0 && !is_told(w, &f)) {
        (void)tell(w, &f); /* what fails is told at the next look */
    }
    return !w->look_at_all && w->fd >= 0;
}

/* True: all are to be looked at. */
static bool hear(struct watcher *w)
{
    w->look_at_all = false;
    notify_read(w->fd, hear_one, w);
    return w->look_at_all;
}

/* Until all files are to be looked at again. */
static int wait(struct watcher *w)
{
    int64_t now = loop_now_us(w->g->loop);
    int64_t until = now + (w->unsettled ? SETTLE_US : w->fd < 0 ? POLL_US : LOOK_US);
    int rc = 0;

    while (rc == 0 && !w->ends && (now = loop_now_us(w->g->loop)) < until) {
        struct co_deadline d;

        if (w->fd < 0) {
            return co_sleep(until - now);
        }
        co_deadline_begin(&d, until - now);
        rc = co_wait_fd(w->fd, LOOP_READ, NULL);
        co_deadline_end(&d);
        if (rc == -ERR_TIMEOUT) {
            return 0;
        }
        if (rc == 0 && hear(w)) {
            return 0;
        }
    }
    return rc;
}

static int watch_main(void *arg)
{
    struct watcher *w = arg;
    struct err e = {0};
    int rc = read_seen(w, &e), said = 0;

    while (rc == 0 && !w->ends && !w->g->closing) {
        open_watch(w); /* before the look: nothing falls between */
        rc = look(w, &e);
        if (rc != 0 && rc != -ERR_CLOSED && rc != -ERR_CANCELED) {
            if (said != rc) {
                log_warning("watcher", "%s of asset '%s': %s", w->name, w->asset.name, err_str(&e));
            }
            said = rc;
            w->unsettled = false;
            rc = 0;
        }
        rc = rc == 0 ? wait(w) : rc;
    }
    close_watch(w);
    w->done = true;
    return 0;
}

/* ---- triggers that the worker runs ---- */

struct fired { /* one allocation with its texts */
    struct engine *g;
    const char *id, *payload;
};

static struct watcher *find_watcher(struct engine *g, const char *id)
{
    struct watcher *w = g->arrivals != NULL ? g->arrivals->first : NULL;

    while (w != NULL && (w->ends || w->trigger == NULL || strcmp(w->id, id) != 0)) {
        w = w->next;
    }
    return w;
}

static int fired_main(void *arg)
{
    struct fired *f = arg;
    struct watcher *w = find_watcher(f->g, f->id);
    struct telling t = {.r.turn = add_told};
    struct buf b BUF_CLEANUP;
    struct json_writer j;
    struct err e = {0};
    int rc;

    buf_init(&b, LIMIT_ASSET_EXTRA);
    if (w != NULL) {
        json_writer_init(&j, &b, 0);
        put_head(w, &j);
        json_raw(&j, f->payload, strlen(f->payload));
        json_object_end(&j);
        rc = buf_status(&b) == 0 ? 0
                                 : err_set(&e, ERR_LIMIT, "its payload is larger than %zu KiB",
                                           LIMIT_ASSET_EXTRA >> 10);
        t.row = row_of(w, buf_cstr(&b));
        w->busy++;
        rc = rc == 0 ? engine_ask(f->g, &t.r, &e) : rc;
        w->busy--;
        if (rc != 0) {
            log_error("watcher", "an event of a trigger is not told: %s", err_str(&e));
        }
        if (rc == 0 || rc == -ERR_LIMIT) {
            f->g->worker->ops->watch_next(f->g->worker, f->id);
        }
    }
    mem_free(f);
    return 0;
}

void arrivals_heard(void *arg, const char *id, const char *payload)
{
    struct engine *g = arg;
    size_t n = strlen(id) + 1, m = strlen(payload) + 1;
    struct fired *f = mem_zalloc(sizeof *f + n + m);

    if (f != NULL) {
        memcpy(f + 1, id, n);
        memcpy((char *)(f + 1) + n, payload, m);
        f->g = g;
        f->id = (const char *)(f + 1);
        f->payload = f->id + n;
    }
    if (f == NULL || co_spawn(&g->group, "watched", fired_main, f, NULL, NULL) != 0) {
        log_error("watcher", "out of memory for an event of a trigger");
        mem_free(f);
    }
}

/* ---- which ---- */

static void free_watcher(struct watcher *w)
{
    forget_all(w);
    map_fini(&w->seen);
    arena_fini(&w->names);
    mem_free(w->dags);
    close_watch(w);
    arena_fini(&w->arena);
    mem_free(w);
}

static bool serves(const struct watcher *w, int64_t dag_key)
{
    for (size_t i = 0; i < w->dags_len; i++) {
        if (w->dags[i] == dag_key) {
            return true;
        }
    }
    return false;
}

static const char *text_of(const struct value *o, const char *name)
{
    const struct value *v = o != NULL && o->kind == VALUE_OBJECT ? value_get(o, name) : NULL;

    return v != NULL && v->kind == VALUE_STRING && v->len > 0 ? v->text : NULL;
}

/* The path that it waits for: its own, or that of one of Airflow's file triggers, which are done here as well. */
static int path_of(const struct value *watcher, const char **ret, bool *ret_deletes, struct err *e)
{
    const struct value *trigger = value_get(watcher, "trigger");
    const char *class = text_of(trigger, "classpath"), *last;

    *ret_deletes = false;
    *ret = text_of(watcher, "path");
    if (*ret != NULL) {
        return 0;
    }
    last = class != NULL ? strrchr(class, '.') : NULL;
    last = last != NULL ? last + 1 : "";
    *ret_deletes = strcmp(last, "FileDeleteTrigger") == 0;
    if (*ret_deletes || strcmp(last, "FileTrigger") == 0) {
        *ret = text_of(value_get(trigger, "kwargs"), "filepath");
    }
    return *ret != NULL || class != NULL
               ? 0
               : err_set(e, ERR_INVALID, "a watcher has a path or a trigger");
}

static int set_texts(struct watcher *w, const struct value *asset, const struct value *v,
                     const char *path, struct err *e)
{
    const char *name = text_of(asset, "name"), *uri = text_of(asset, "uri");
    const char *group = text_of(asset, "group"), *own = text_of(v, "name");
    struct buf b BUF_CLEANUP;
    struct json_writer j;
    int rc = path != NULL ? arrival_split(path, &w->arena, &w->dir, &w->glob, e) : 0;

    buf_init(&b, LIMIT_ASSET_EXTRA);
    if (path == NULL) {
        json_writer_init(&j, &b, 0);
        json_value(&j, value_get(v, "trigger"));
        w->trigger = buf_status(&b) == 0 ? arena_strdup(&w->arena, buf_cstr(&b)) : NULL;
        path = w->trigger;
        rc = path != NULL ? 0 : err_set(e, ERR_LIMIT, "its trigger is too large");
    }

    name = name != NULL ? name : uri;
    uri = uri != NULL ? uri : name;
    if (rc == 0 && (name == NULL || own == NULL)) {
        rc = err_set(e, ERR_INVALID, "a watcher and its asset have names");
    }
    if (rc != 0) {
        return rc;
    }
    w->name = arena_strdup(&w->arena, own);
    w->asset.name = arena_strdup(&w->arena, name);
    w->asset.uri = arena_strdup(&w->arena, uri);
    w->asset.group = arena_strdup(&w->arena, group != NULL ? group : "asset");
    /* The path is part of it: another path is another watcher, which has told nothing yet. */
    w->id = arena_printf(&w->arena, "%s\n%s\n%s\n%s", name, uri, own, path);
    return w->name != NULL && w->asset.name != NULL && w->asset.uri != NULL &&
                   w->asset.group != NULL && w->id != NULL
               ? 0
               : err_set(e, ERR_NOMEM, "out of memory for a watcher");
}

static int start(struct engine *g, struct watcher *w, struct err *e)
{
    struct arrivals *all = g->arrivals;
    int rc = all->len < LIMIT_WATCHERS
                 ? 0
                 : err_set(e, ERR_LIMIT, "more than %d watchers of assets", LIMIT_WATCHERS);

    w->next = all->first;
    if (rc == 0 && w->trigger != NULL) {
        rc = g->worker->ops->watch != NULL
                 ? g->worker->ops->watch(g->worker, w->id, w->trigger, w->file, e)
                 : err_set(e, ERR_UNSUPPORTED, "this worker runs no triggers of assets");
    } else if (rc == 0) {
        rc = all->pool == NULL ? pool_new(g->loop, "watchers", 1, &all->pool, e) : 0;
    }
    if (rc == 0 && w->trigger == NULL) {
        rc = co_spawn(&g->group, "watcher", watch_main, w, &w->co, e);
    }
    if (rc == 0) {
        all->first = w;
        all->len++;
    }
    return rc;
}

static int add_watcher(struct engine *g, int64_t dag_key, const struct dag *d,
                       const struct value *asset, const struct value *v, struct err *e)
{
    struct watcher *w = mem_zalloc(sizeof *w), *old;
    const char *path;
    int rc = w != NULL ? 0 : err_set(e, ERR_NOMEM, "out of memory for a watcher");

    if (rc != 0) {
        return rc;
    }
    w->g = g;
    w->fd = -1;
    arena_init(&w->arena, MiB(1));
    arena_init(&w->names, MiB(256));
    map_init(&w->seen);
    rc = v->kind == VALUE_OBJECT ? path_of(v, &path, &w->deletes, e)
                                 : err_set(e, ERR_INVALID, "a watcher is an object");
    rc = rc == 0 ? set_texts(w, asset, v, path, e) : rc;
    w->file = d->file != NULL ? arena_strdup(&w->arena, d->file) : NULL;
    for (old = g->arrivals->first; rc == 0 && old != NULL; old = old->next) {
        if (!old->ends && strcmp(old->id, w->id) == 0 && old->deletes == w->deletes) {
            rc = serves(old, dag_key) ? 0
                                      : VEC_PUSH(old->dags, old->dags_len, old->dags_cap, dag_key);
            free_watcher(w);
            return rc;
        }
    }
    rc = rc == 0 ? VEC_PUSH(w->dags, w->dags_len, w->dags_cap, dag_key) : rc;
    rc = rc == 0 ? start(g, w, e) : rc;
    if (rc != 0) {
        free_watcher(w);
    }
    return rc;
}

/* Every asset within v that has watchers. */
static void gather(struct engine *g, int64_t dag_key, const struct dag *d, const struct value *v)
{
    const struct value *list;

    if (v == NULL || (v->kind != VALUE_ARRAY && v->kind != VALUE_OBJECT)) {
        return;
    }
    list = v->kind == VALUE_OBJECT ? value_get(v, "watchers") : NULL;
    if (list != NULL && list->kind == VALUE_ARRAY && text_of(v, "type") != NULL &&
        strcmp(text_of(v, "type"), "asset") == 0) {
        for (size_t i = 0; i < list->len; i++) {
            struct err e = {0};

            if (add_watcher(g, dag_key, d, v, list->elems[i], &e) != 0) {
                log_error("watcher", "DAG %s, asset '%s': %s", d->dag_id,
                          text_of(v, "name") != NULL ? text_of(v, "name") : "?", err_str(&e));
            }
        }
        return;
    }
    for (size_t i = 0; i < v->len; i++) {
        gather(g, dag_key, d, v->elems[i]);
    }
}

/* Those that ended are freed, once nothing of them is in use. */
static void sweep(struct arrivals *all)
{
    struct watcher **p = &all->first;

    while (*p != NULL) {
        struct watcher *w = *p;
        int rc;

        if (!w->ends || w->busy > 0 || (w->trigger == NULL && !w->done)) {
            p = &w->next;
            continue;
        }
        *p = w->next;
        if (w->co != NULL) {
            (void)co_await (w->co, &rc); /* it has ended: nothing is waited for */
        }
        free_watcher(w);
    }
}

/* No DAG names it any more. Its coroutine sees it, and a later sweep frees it. */
static void end_watcher(struct watcher *w)
{
    w->ends = true;
    if (w->trigger != NULL) {
        w->g->worker->ops->unwatch(w->g->worker, w->id);
    } else {
        co_cancel(w->co);
    }
}

int arrivals_of(struct engine *g, int64_t dag_key, const struct dag *d, struct err *e)
{
    if (g->arrivals == NULL) {
        g->arrivals = mem_zalloc(sizeof *g->arrivals);
        if (g->arrivals == NULL) {
            return err_set(e, ERR_NOMEM, "out of memory for watchers");
        }
    }
    sweep(g->arrivals);
    for (struct watcher *w = g->arrivals->first; w != NULL; w = w->next) {
        for (size_t i = 0; i < w->dags_len; i++) {
            if (w->dags[i] == dag_key) {
                w->dags[i] = w->dags[--w->dags_len];
                i--;
            }
        }
    }
    if (d != NULL && d->document != NULL) {
        gather(g, dag_key, d, value_get(d->document, "schedule"));
    }
    for (uint32_t i = 0; d != NULL && i < d->tasks_len; i++) {
        if (d->tasks[i].spec != NULL) {
            gather(g, dag_key, d, value_get(d->tasks[i].spec, "inlets"));
            gather(g, dag_key, d, value_get(d->tasks[i].spec, "outlets"));
        }
    }
    for (struct watcher *w = g->arrivals->first; w != NULL; w = w->next) {
        if (w->dags_len == 0 && !w->ends) {
            g->arrivals->len--;
            end_watcher(w);
        }
    }
    return 0;
}

void arrivals_free(struct engine *g)
{
    struct arrivals *all = g->arrivals;

    if (all == NULL) {
        return;
    }
    while (all->first != NULL) {
        struct watcher *w = all->first;

        all->first = w->next;
        free_watcher(w);
    }
    if (all->pool != NULL) {
        pool_free(all->pool);
    }
    mem_free(all);
    g->arrivals = NULL;
}
