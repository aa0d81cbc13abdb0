/* The bundles: opened, run, asked about. */
#include "bundle/bundles.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "bundle/priv.h"
#include "dagfile/watch.h"
#include "engine/engine.h"
#include "engine/world.h"

#define POLL_US    (30 * TIME_SECOND) /* between two looks where the system does not tell of changes */
#define FIRST_US   (60 * TIME_SECOND) /* the service is ready then, whatever some bundle waits for */
#define REFRESH_US (20 * TIME_SECOND) /* whoever asks does not wait longer */

static int open_source(struct bundles *b, struct source *s, const struct bundle_spec *spec,
                       struct err *e)
{
    char plain[2048], user[2048], password[2048];
    int rc = 0;

    s->b = b;
    s->spec = spec;
    if (spec->kind == BUNDLE_FOLDER) {
        (void)snprintf(s->folder, sizeof s->folder, "%s", spec->path);
        return watch_new(s->folder, POLL_US, &s->watch, e);
    }
    if (spec->url == NULL) {
        return err_set(e, ERR_INVALID, "bundle '%s' has no url", spec->name);
    }
    rc = git_split_url(spec->url, plain, user, password, sizeof plain, e);
    if (rc == 0) {
        const struct git_config c = {.home = b->env.home,
                                     .name = spec->name,
                                     .url = plain,
                                     .ref = spec->ref,
                                     .subdir = spec->subdir};

        rc = git_open(&c, &s->git, e);
    }
    /* A tree does not change: only what its files use elsewhere is of interest. */
    return rc == 0 ? watch_new(git_trees(s->git), INT64_MAX / 4, &s->watch, e) : rc;
}

static int answer(void *arg, const struct world_call *c, struct err *e);

static void settings_changed(void *arg)
{
    struct bundles *b = arg;

    for (size_t i = 0; i < b->len; i++) {
        bool uses = false;

        for (size_t j = 0; j < b->list[i].files.len && !uses; j++) {
            uses = b->list[i].files.list[j]->settings;
        }
        if (uses) {
            watch_poke(b->list[i].watch);
        }
    }
}

/* Its file, while it is there, makes it anew. */
static void dag_deleted(void *arg, int64_t dag_key)
{
    struct bundles *b = arg;

    for (size_t i = 0; i < b->told_len; i++) {
        struct told *t = b->told[i];

        if (t->dag_key == dag_key) {
            t->dag_key = 0;
            t->hash[0] = '\0';
            t->row_hash = 0;
        }
    }
    for (size_t i = 0; i < b->len; i++) {
        watch_poke(b->list[i].watch);
    }
}

int bundles_open(const struct bundles_config *c, struct bundles **ret, struct err *e)
{
    struct bundles *b = mem_zalloc(sizeof *b);
    struct engine_keeper keeper = {.arg = b,
                                   .answer = answer,
                                   .settings_changed = settings_changed,
                                   .dag_deleted = dag_deleted};
    int rc = 0;

    if (b == NULL || (b->list = mem_zalloc((c->len + 1) * sizeof *b->list)) == NULL) {
        mem_free(b);
        return err_set(e, ERR_NOMEM, "out of memory for bundles");
    }
    b->config = *c;
    b->env = *c->env;
    map_init(&b->by_id);
    map_init(&b->before);
    arena_init(&b->texts, MiB(512));
    arena_init(&b->old_texts, MiB(64));
    bundles_hear_init(b);
    co_cond_init(&b->idle);
    co_cond_init(&b->fetched);
    for (size_t i = 0; rc == 0 && i < c->len; i++) {
        b->len = i + 1;
        rc = open_source(b, &b->list[i], &c->list[i], e);
    }
    rc = rc == 0 ? bundles_remember(b, e) : rc;
    if (rc != 0) {
        bundles_close(b);
        return rc;
    }
    engine_set_keeper(c->engine, &keeper);
    *ret = b;
    return 0;
}

void bundles_close(struct bundles *b)
{
    if (b == NULL) {
        return;
    }
    engine_set_keeper(b->config.engine, NULL);
    for (size_t i = 0; i < b->len; i++) {
        bundle_files_free(&b->list[i].files);
        watch_free(b->list[i].watch);
        git_close(b->list[i].git);
    }
    for (size_t i = 0; i < b->told_len; i++) {
        struct told *t = b->told[i];

        mem_free(t->dag_id);
        mem_free(t->file);
        mem_free(t->bundle);
        mem_free(t->name);
        mem_free(t->refusal);
        mem_free(t);
    }
    mem_free(b->list);
    mem_free(b->told);
    mem_free(b->news);
    mem_free(b->gone);
    bundles_hear_free(b);
    map_fini(&b->by_id);
    map_fini(&b->before);
    arena_fini(&b->texts);
    arena_fini(&b->old_texts);
    mem_free(b);
}

/* ---- run ---- */

/* One that ends ends all: only what stops the engine does. */
static int keep(void *arg)
{
    struct source *s = arg;
    int rc = bundles_keep_source(s);

    if (rc != 0 && s->b->rc == 0) {
        s->b->rc = rc;
    }
    co_group_cancel(&s->b->group);
    return rc;
}

/* Each has been looked at once, or could not be. */
static bool all_begun(const struct bundles *b)
{
    for (size_t i = 0; i < b->len; i++) {
        if (b->list[i].looks == 0 && b->list[i].fetches == 0) {
            return false;
        }
    }
    return true;
}

static int tell_ready(void *arg)
{
    struct bundles *b = arg;
    struct co_deadline d;
    int rc = 0;

    co_deadline_begin(&d, FIRST_US);
    while (rc == 0 && !all_begun(b)) {
        rc = co_cond_wait(&b->fetched);
    }
    co_deadline_end(&d);
    if (rc == 0 || rc == -ERR_TIMEOUT) {
        rc = bundles_wait_idle(b);
        b->ready = true;
        b->report.first = true;
        if (rc == 0 && b->config.on_look != NULL) {
            b->config.on_look(b->config.arg, &b->report);
        }
        b->report.first = false;
    }
    return 0;
}

int bundles_run(struct bundles *b, struct err *e)
{
    int rc = 0;

    b->rc = 0;
    co_group_init(&b->group, loop_current());
    for (size_t i = 0; rc == 0 && i < b->len; i++) {
        rc = co_spawn(&b->group, "bundle", keep, &b->list[i], NULL, e);
    }
    rc = rc == 0 ? co_spawn(&b->group, "bundles ready", tell_ready, b, NULL, e) : rc;
    if (rc == 0) {
        rc = co_group_join(&b->group);
    }
    co_group_close(&b->group);
    return b->rc != 0 ? b->rc : rc;
}

void bundles_poke(struct bundles *b)
{
    for (size_t i = 0; i < b->len; i++) {
        bundles_poke_source(&b->list[i]);
    }
}

/* ---- asked about ---- */

static void put_time(struct json_writer *w, const char *name, int64_t t)
{
    char text[TIME_TEXT_MAX];

    json_key(w, name);
    json_string(w, t != 0 ? time_format(t, text) : NULL);
}

static void put_text(struct json_writer *w, const char *name, const char *text)
{
    json_key(w, name);
    json_string(w, text != NULL && text[0] != '\0' ? text : NULL);
}

static void put_source(struct json_writer *w, const struct source *s)
{
    size_t dags = 0, errors = 0;
    char plain[2048], user[2048], password[2048];

    for (size_t i = 0; i < s->files.len; i++) {
        errors += s->files.list[i]->told != NULL;
    }
    for (size_t i = 0; i < s->b->told_len; i++) {
        dags += s->b->told[i]->active && s->b->told[i]->source == s;
    }
    json_object(w);
    put_text(w, "name", s->spec->name);
    put_text(w, "kind", s->git != NULL ? "git" : "folder");
    plain[0] = '\0';
    if (s->git != NULL) {
        (void)git_split_url(s->spec->url, plain, user, password, sizeof plain, &(struct err){0});
    }
    put_text(w, "url", plain);
    put_text(w, "ref", s->spec->ref);
    put_text(w, "subdir", s->spec->subdir);
    put_text(w, "connection", s->spec->connection);
    put_text(w, "folder", s->folder);
    put_text(w, "version", s->commit);
    json_key(w, "refresh_interval_s");
    if (s->git != NULL) {
        json_int(w, s->spec->refresh_us / TIME_SECOND);
    } else {
        json_null(w);
    }
    put_time(w, "fetched", s->fetched_us);
    put_time(w, "failing_since", s->failed_since_us);
    put_text(w, "failure", s->failure);
    put_text(w, "watch", watch_why(s->watch));
    json_key(w, "files");
    json_int(w, (int64_t)s->files.len);
    json_key(w, "dags");
    json_int(w, (int64_t)dags);
    json_key(w, "files_with_errors");
    json_int(w, (int64_t)errors);
    json_object_end(w);
}

/* SUSPENDS until it was fetched, and looked at, by a turn that began after now. */
static int refresh(struct source *s, struct err *e)
{
    uint64_t fetches = s->fetches + (s->fetching ? 2 : 1), looks = s->looks + 1;
    struct co_deadline d;
    int rc = 0;

    bundles_poke_source(s);
    co_deadline_begin(&d, REFRESH_US);
    while (rc == 0 && (s->git != NULL ? s->fetches < fetches : s->looks < looks)) {
        rc = co_cond_wait(&s->b->fetched);
    }
    co_deadline_end(&d);
    return rc != 0 ? err_set(e, (enum err_code) - rc,
                             "bundle '%s' is still being read: `tradewind bundles list` shows it",
                             s->spec->name)
                   : 0;
}

/* {"op": "list" | "refresh", "name"?} -> [a bundle...] */
static int answer(void *arg, const struct world_call *c, struct err *e)
{
    struct bundles *b = arg;
    const struct value *op = value_get(c->rq, "op"), *name = value_get(c->rq, "name");
    bool named = name != NULL && name->kind == VALUE_STRING, found = false;
    bool refreshes = op != NULL && op->kind == VALUE_STRING && strcmp(op->text, "refresh") == 0;
    int rc = 0;

    for (size_t i = 0; i < b->len; i++) {
        struct source *s = &b->list[i];

        if (named && strcmp(s->spec->name, name->text) != 0) {
            continue;
        }
        found = true;
        rc = rc == 0 && refreshes ? refresh(s, e) : rc;
    }
    if (rc == 0 && !found) {
        return err_set(e, ERR_NOTFOUND, "there is no bundle '%s'", named ? name->text : "");
    }
    if (rc != 0) {
        return rc;
    }
    json_key(c->w, "result");
    json_array(c->w);
    for (size_t i = 0; i < b->len; i++) {
        if (!named || strcmp(b->list[i].spec->name, name->text) == 0) {
            put_source(c->w, &b->list[i]);
        }
    }
    json_array_end(c->w);
    return 0;
}
