/*
 * A pass puts together what the files of all bundles hold, in the order of the bundles and then of their files, and tells the engine what is
 * new, and the store.
 *
 * Invariants
 *  1. A told DAG belongs to the first file that has its id; it is told again when its hash or its file changes, not else.
 *  2. A DAG is gone only when the bundle that had it was seen whole without it; what is not read yet is not gone.
 *  3. The store's rows of parsed DAGs and of import errors are changed after the engine knows the DAGs, together.
 */
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
#include "dagfile/dagfile.h"
#include "engine/engine.h"
#include "model/dag.h"
#include "runtime/loop.h"
#include "store/store.h"

#define TELLERS 64 /* versions that wait for a commit at a time */

static int no_memory(struct err *e)
{
    return err_set(e, ERR_NOMEM, "out of memory for the DAGs of bundles");
}

/* NULL: it is not configured any more. */
static const struct source *source_named(const struct bundles *b, const char *name)
{
    for (size_t i = 0; i < b->len; i++) {
        if (strcmp(b->list[i].spec->name, name) == 0) {
            return &b->list[i];
        }
    }
    return NULL;
}

/* ---- which ---- */

static int find_told(struct bundles *b, const char *dag_id, struct told **ret)
{
    struct told *t = map_find(&b->by_id, dag_id, strlen(dag_id));

    if (t == NULL) {
        t = mem_zalloc(sizeof *t);
        if (t == NULL || (t->dag_id = mem_strdup(dag_id)) == NULL ||
            VEC_PUSH(b->told, b->told_len, b->told_cap, t) != 0) {
            mem_free(t != NULL ? t->dag_id : NULL);
            mem_free(t);
            return -ERR_NOMEM;
        }
        if (map_add(&b->by_id, t->dag_id, strlen(t->dag_id), t, NULL) != 0) {
            return -ERR_NOMEM;
        }
    }
    *ret = t;
    return 0;
}

static int set_text(char **at, const char *text)
{
    char *own = mem_strdup(text);

    if (own == NULL) {
        return -ERR_NOMEM;
    }
    mem_free(*at);
    *at = own;
    return 0;
}

static bool is_known(const struct told *t, const struct source *s, const struct dag *d)
{
    return t->active && t->refusal == NULL && t->file != NULL && strcmp(t->hash, d->hash) == 0 &&
           strcmp(t->file, d->file) == 0 && strcmp(t->bundle, s->spec->name) == 0;
}

/* Errors of a pass are said of a file beside its own: they may go without it being read again. */
static int add_error(struct bundles *b, struct buf *errors, const char *text)
{
    (void)buf_printf(errors, "%s%s", errors->len != 0 ? "\n" : "", text);
    b->report.errors++;
    return buf_status(errors) == -ERR_NOMEM ? -ERR_NOMEM : 0;
}

static int look_at(struct bundles *b, struct source *s, struct bundle_file *f, struct dag *d,
                   struct buf *errors)
{
    struct news n = {.source = s, .file = f, .dag = d};

    if (find_told(b, d->dag_id, &n.told) != 0) {
        return -ERR_NOMEM;
    }
    if (n.told->pass == b->pass) {
        char text[4400];
        bool same = n.told->source == s;

        (void)snprintf(text, sizeof text, "%s: DAG '%s' is in %s%s%s%s already; rename one of them",
                       f->name, d->dag_id, n.told->first->name, same ? "" : " of the bundle '",
                       same ? "" : n.told->source->spec->name, same ? "" : "'");
        return add_error(b, errors, text);
    }
    if (!is_known(n.told, s, d) && VEC_PUSH(b->news, b->news_len, b->news_cap, n) != 0) {
        return -ERR_NOMEM;
    }
    n.told->pass = b->pass;
    n.told->source = s;
    n.told->first = f;
    b->report.dags++;
    return 0;
}

/* ---- the engine ---- */

static int tell(struct bundles *b, const struct news *n, struct err *e)
{
    struct told *t = n->told;
    struct buf text BUF_CLEANUP;
    int rc;

    buf_init(&text, LIMIT_DOC_BYTES);
    rc = dagfile_document(n->dag, &text);
    rc = rc == 0
             ? engine_add_dag(b->config.engine, n->dag, buf_cstr(&text), text.len, &t->dag_key, e)
             : rc;
    rc = rc == 0 ? engine_schedule_dag(b->config.engine, t->dag_key, e) : rc;
    if (rc == 0 && (set_text(&t->file, n->dag->file) != 0 ||
                    set_text(&t->bundle, n->source->spec->name) != 0)) {
        rc = no_memory(e);
    }
    if (rc == 0) {
        memcpy(t->hash, n->dag->hash, sizeof t->hash);
        t->active = true;
        mem_free(t->refusal);
        t->refusal = NULL;
        b->report.changed++;
    }
    return rc;
}

static bool stops_all(int rc)
{
    return rc == -ERR_NOMEM || rc == -ERR_CLOSED || rc == -ERR_CANCELED;
}

/* A DAG that the engine refuses is its file's error; only what stops the engine stops the pass. */
static int tell_some(void *arg)
{
    struct bundles *b = arg;

    while (b->rc == 0 && b->next < b->news_len) {
        const struct news *n = &b->news[b->next++];
        struct err own = {0};
        int rc = tell(b, n, &own);

        if (stops_all(rc) && b->rc == 0) {
            b->rc = rc;
            *b->e = own;
        } else if (rc != 0) {
            (void)set_text(&n->told->refusal, err_str(&own));
            b->report.errors++;
        }
    }
    return 0;
}

/* On the store's thread: it waits for the disk. */
static int keep_sources(void *arg)
{
    struct bundles *b = arg;
    struct dag **dags = mem_array(b->news_len + 1, sizeof *dags);
    int rc;

    if (dags == NULL) {
        return no_memory(b->e);
    }
    for (size_t i = 0; i < b->news_len; i++) {
        dags[i] = b->news[i].dag;
    }
    rc = dagfile_keep_sources(b->env.home, dags, b->news_len, b->e);
    mem_free(dags);
    return rc;
}

/* Several at a time, so that one commit takes many; their sources are there before. */
static int tell_all(struct bundles *b)
{
    struct co_group g;
    int rc = b->news_len != 0 ? engine_on_store(b->config.engine, keep_sources, b) : 0;

    if (rc != 0) {
        return rc;
    }
    b->next = 0;
    b->rc = 0;
    co_group_init(&g, loop_current());
    for (size_t i = 0; rc == 0 && i < TELLERS && i < b->news_len; i++) {
        rc = co_spawn(&g, "tell", tell_some, b, NULL, b->e);
    }
    if (rc == 0 && co_group_join(&g) != 0 && b->rc == 0) {
        rc = -ERR_CANCELED;
    }
    co_group_close(&g);
    return rc != 0 ? rc : b->rc;
}

/* ---- the store ---- */

struct rows {
    struct bundles *b;
    struct parsed_dag_row *dags;
    struct told **told; /* of each */
    uint32_t *hashes;
    size_t dags_len;
    struct import_error_row *errors;
    struct bundle_file **files; /* of each; NULL: gone */
    size_t errors_len, gone_len;
    struct heard_error *heard; /* what people and listeners hear of */
    size_t heard_len;
    struct err *e;
};

static const char *json_of(struct arena *a, const char *const *texts, size_t n)
{
    struct buf b BUF_CLEANUP;
    struct json_writer w;

    buf_init(&b, KiB(64));
    json_writer_init(&w, &b, 0);
    json_array(&w);
    for (size_t i = 0; i < n; i++) {
        json_string(&w, texts[i]);
    }
    json_array_end(&w);
    return buf_status(&b) == 0 ? arena_strdup(a, buf_cstr(&b)) : arena_strdup(a, "[]");
}

/* Who answers for its tasks. */
static const char *owners_of(const struct dag *d, struct arena *a)
{
    const char *owners[OWNERS_MAX];

    return json_of(a, owners, dag_owners(d, owners, OWNERS_MAX));
}

static uint32_t hash_of_row(const struct parsed_dag_row *r)
{
    struct buf b BUF_CLEANUP;

    buf_init(&b, KiB(256));
    (void)buf_printf(&b, "%s\n%s\n%s\n%s\n%d\n%lld\n%s\n%s", r->dag_id, r->bundle,
                     r->bundle_version != NULL ? r->bundle_version : "", r->file, r->active,
                     (long long)r->parsed_us, r->tags, r->owners);
    return hash_bytes(buf_cstr(&b), b.len) | 1;
}

static int add_row(struct rows *r, struct told *t, struct parsed_dag_row *row)
{
    uint32_t hash;

    if (row->tags == NULL || row->owners == NULL) {
        return -ERR_NOMEM;
    }
    hash = hash_of_row(row);
    if (hash != t->row_hash) {
        r->dags[r->dags_len] = *row;
        r->told[r->dags_len] = t;
        r->hashes[r->dags_len++] = hash;
    }
    return 0;
}

static int add_dag_row(struct rows *r, struct source *s, struct bundle_file *f, const struct dag *d,
                       int64_t now)
{
    struct told *t = map_find(&r->b->by_id, d->dag_id, strlen(d->dag_id));
    struct parsed_dag_row row = {.dag_id = d->dag_id, .bundle = s->spec->name, .file = f->name};

    if (t == NULL || t->first != f || t->pass != r->b->pass) {
        return 0;
    }
    if (t->name == NULL || strcmp(t->name, f->name) != 0) {
        if (set_text(&t->name, f->name) != 0) {
            return -ERR_NOMEM;
        }
    }
    row.bundle_version = d->bundle_version;
    row.active = t->active;
    t->parsed_us = f->parsed || t->parsed_us == 0 ? now : t->parsed_us;
    row.parsed_us = t->parsed_us;
    row.tags = json_of(&r->b->texts, d->tags, d->tags_len);
    row.owners = owners_of(d, &r->b->texts);
    return add_row(r, t, &row);
}

/* What the store said of the file before this process. */
static int meet(struct bundles *b, const struct source *s, struct bundle_file *f)
{
    char key[4400];
    int n = snprintf(key, sizeof key, "%s\n%s", s->spec->name, f->name);
    struct before *old = n < (int)sizeof key ? map_find(&b->before, key, (size_t)n) : NULL;

    f->met = true;
    if (old == NULL || old->used) {
        return 0;
    }
    old->used = true;
    f->told = mem_strdup(old->text);
    return f->told == NULL ? -ERR_NOMEM : 0;
}

/* Its own errors, those of this pass, and why the engine does not take a DAG. */
static void put_errors(const struct bundles *b, const struct bundle_file *f, const struct buf *more,
                       struct buf *out)
{
    (void)buf_str(out, f->error != NULL ? f->error : "");
    if (more->len != 0) {
        (void)buf_printf(out, "%s%.*s", out->len != 0 ? "\n" : "", (int)more->len, more->p);
    }
    for (size_t i = 0; i < f->dags_len; i++) {
        const struct told *t = map_find(&b->by_id, f->dags[i]->dag_id, strlen(f->dags[i]->dag_id));

        if (t != NULL && t->first == f && t->refusal != NULL) {
            (void)buf_printf(out, "%s%s: DAG '%s': %s", out->len != 0 ? "\n" : "", f->name,
                             t->dag_id, t->refusal);
        }
    }
}

/* Errors that are new are heard of, and those that are there still when the file was read again: once a look. */
static void hear(struct rows *r, struct bundle_file *f, const char *text)
{
    bool is_new = f->told == NULL;

    if (is_new || (f->parsed && f->heard != f->round)) {
        r->heard[r->heard_len++] = (struct heard_error){f->path, f->name, text, is_new};
        f->heard = f->round;
    }
}

static int add_file_errors(struct rows *r, struct source *s, struct bundle_file *f,
                           const struct buf *more, int64_t now)
{
    struct import_error_row row = {.bundle = s->spec->name, .file = f->name, .at_us = now};
    struct buf b BUF_CLEANUP;

    if (!f->met && meet(r->b, s, f) != 0) {
        return -ERR_NOMEM;
    }
    buf_init(&b, MiB(1));
    put_errors(r->b, f, more, &b);
    if (b.len == 0 && f->told == NULL) {
        return 0;
    }
    if (b.len != 0) {
        row.text = arena_strdup(&r->b->texts, buf_cstr(&b));
        if (row.text == NULL) {
            return -ERR_NOMEM;
        }
        hear(r, f, row.text);
        if (f->told != NULL && strcmp(f->told, row.text) == 0) {
            return 0;
        }
        log_warning("dags", "%s has errors:\n%s", f->path, row.text);
    } else {
        log_info("dags", "%s has no errors any more", f->path);
    }
    r->files[r->errors_len] = f;
    r->errors[r->errors_len++] = row;
    return 0;
}

static int put_rows(void *arg)
{
    struct rows *r = arg;
    struct store *s = r->b->config.store;
    struct parsed_batch batch = {r->dags, r->dags_len, r->errors, r->errors_len};

    return s->ops->put_parsed(s, &batch, r->e);
}

/* To whom rules of import_error name: the first line of what is wrong, with its file. */
static void tell_people(struct rows *r)
{
    char line[600];
    struct err e = {0};

    for (size_t i = 0; i < r->heard_len; i++) {
        const struct heard_error *x = &r->heard[i];

        if (!x->is_new) {
            continue;
        }
        (void)snprintf(line, sizeof line, "%s: %.*s", x->name, (int)strcspn(x->text, "\n"),
                       x->text);
        if (engine_tell_import_error(r->b->config.engine, line, &e) != 0 && e.code != -ERR_CLOSED) {
            log_warning("alerts", "nobody is told of the errors in %s: %s", x->name, err_str(&e));
        }
    }
}

static int finish_rows(struct rows *r)
{
    int rc =
        r->dags_len + r->errors_len != 0 ? engine_on_store(r->b->config.engine, put_rows, r) : 0;

    for (size_t i = 0; rc == 0 && i < r->dags_len; i++) {
        r->told[i]->row_hash = r->hashes[i];
    }
    for (size_t i = 0; rc == 0 && i < r->errors_len; i++) {
        struct bundle_file *f = r->files[i];

        if (f != NULL) {
            mem_free(f->told);
            f->told = r->errors[i].text != NULL ? mem_strdup(r->errors[i].text) : NULL;
        }
    }
    if (rc == 0) { /* others may have come meanwhile */
        r->b->gone_len -= r->gone_len;
        if (r->b->gone_len > 0) {
            memmove(r->b->gone, r->b->gone + r->gone_len, r->b->gone_len * sizeof *r->b->gone);
        }
        tell_people(r);
        bundles_tell_listeners(r->b, r->heard, r->heard_len);
    }
    return rc;
}

/* Rows of DAGs whose bundle was seen without them. */
static int add_gone_rows(struct rows *r)
{
    struct bundles *b = r->b;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < b->told_len; i++) {
        struct told *t = b->told[i];
        struct parsed_dag_row row;

        if (t->active || t->pass == b->pass || t->row_hash == 0) {
            continue;
        }
        row = (struct parsed_dag_row){.dag_id = t->dag_id,
                                      .bundle = t->bundle != NULL ? t->bundle : "",
                                      .file = t->name != NULL ? t->name : "",
                                      .parsed_us = t->parsed_us,
                                      .tags = "[]",
                                      .owners = "[]"};
        rc = add_row(r, t, &row);
    }
    return rc;
}

/* Errors from before this process, of files that are gone. */
static int drop_before(struct bundles *b)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < b->before.len; i++) {
        struct before *old = b->before.entries[i].value;
        const struct source *s = source_named(b, old->bundle);
        struct import_error_row row = {.bundle = old->bundle, .file = old->file};

        if (!old->used && (s == NULL || (s->looked && s->files.whole))) {
            old->used = true;
            rc = VEC_PUSH(b->gone, b->gone_len, b->gone_cap, row);
        }
    }
    return rc;
}

/* ---- a pass ---- */

static void take_gone(struct bundles *b)
{
    for (size_t i = 0; i < b->told_len; i++) {
        struct told *t = b->told[i];
        const struct source *s = t->bundle != NULL ? source_named(b, t->bundle) : NULL;

        if (t->pass == b->pass || !t->active || (s != NULL && !(s->looked && s->files.whole))) {
            continue;
        }
        if (t->dag_key != 0) {
            engine_unschedule_dag(b->config.engine, t->dag_key);
        }
        t->active = false;
        log_info("dags", "DAG '%s' is gone from %s; its runs go on, no new one is made", t->dag_id,
                 t->file != NULL ? t->file : t->name);
        b->report.removed++;
    }
}

static size_t count_files(const struct bundles *b)
{
    size_t n = 0;

    for (size_t i = 0; i < b->len; i++) {
        n += b->list[i].files.len;
    }
    return n;
}

static int collect(struct bundles *b, struct buf *errors)
{
    size_t at = 0;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < b->len; i++) {
        struct source *s = &b->list[i];

        for (size_t j = 0; rc == 0 && j < s->files.len; j++, at++) {
            struct bundle_file *f = s->files.list[j];

            buf_init(&errors[at], KiB(256));
            for (size_t k = 0; rc == 0 && k < f->dags_len; k++) {
                rc = look_at(b, s, f, f->dags[k], &errors[at]);
            }
            b->report.errors += f->errors;
        }
    }
    return rc;
}

static int store_all(struct bundles *b, const struct buf *errors, size_t files)
{
    struct rows r = {.b = b, .e = b->e};
    int64_t now = loop_wall_us(loop_current());
    size_t at = 0, dags = b->told_len + 1;
    int rc = 0;

    r.dags = arena_array(&b->texts, dags, sizeof *r.dags);
    r.told = arena_array(&b->texts, dags, sizeof *r.told);
    r.hashes = arena_array(&b->texts, dags, sizeof *r.hashes);
    r.errors = arena_array(&b->texts, files + b->gone_len + 1, sizeof *r.errors);
    r.files = arena_array(&b->texts, files + b->gone_len + 1, sizeof *r.files);
    r.heard = arena_array(&b->texts, files + 1, sizeof *r.heard);
    if (r.dags == NULL || r.told == NULL || r.hashes == NULL || r.errors == NULL ||
        r.files == NULL || r.heard == NULL) {
        return -ERR_NOMEM;
    }
    r.gone_len = b->gone_len;
    for (size_t i = 0; i < b->gone_len; i++) {
        r.files[r.errors_len] = NULL;
        r.errors[r.errors_len++] = b->gone[i];
    }
    for (size_t i = 0; rc == 0 && i < b->len; i++) {
        struct source *s = &b->list[i];

        for (size_t j = 0; rc == 0 && j < s->files.len; j++, at++) {
            struct bundle_file *f = s->files.list[j];

            for (size_t k = 0; rc == 0 && k < f->dags_len; k++) {
                rc = add_dag_row(&r, s, f, f->dags[k], now);
            }
            rc = rc == 0 ? add_file_errors(&r, s, f, &errors[at], now) : rc;
        }
    }
    rc = rc == 0 ? add_gone_rows(&r) : rc;
    return rc == 0 ? finish_rows(&r) : rc;
}

/* What files are gone by now, alone. */
static int store_gone(struct bundles *b)
{
    struct rows r = {.b = b, .e = b->e, .gone_len = b->gone_len, .errors_len = b->gone_len};

    r.errors = arena_array(&b->texts, b->gone_len, sizeof *r.errors);
    r.files = arena_array(&b->texts, b->gone_len, sizeof *r.files);
    if (r.errors == NULL || r.files == NULL) {
        return -ERR_NOMEM;
    }
    for (size_t i = 0; i < b->gone_len; i++) {
        r.errors[i] = b->gone[i];
        r.files[i] = NULL;
    }
    return finish_rows(&r);
}

static int pass(struct bundles *b)
{
    int64_t start = loop_now_us(loop_current());
    size_t files = count_files(b);
    struct buf *errors = mem_zalloc((files + 1) * sizeof *errors);
    int rc = errors == NULL ? -ERR_NOMEM : 0;

    b->pass++;
    b->report = (struct bundles_report){.files = files, .first = b->report.first};
    b->news_len = 0;
    rc = rc == 0 ? collect(b, errors) : rc;
    rc = rc == 0 ? tell_all(b) : rc;
    if (rc == 0) {
        take_gone(b);
        b->last_pass = b->pass;
        rc = store_all(b, errors, files);
        rc = rc == 0 ? drop_before(b) : rc;
        rc = rc == 0 && b->gone_len != 0 ? store_gone(b) : rc;
    }
    b->report.took_us = loop_now_us(loop_current()) - start;
    for (size_t i = 0; errors != NULL && i < files; i++) {
        buf_fini(&errors[i]);
    }
    mem_free(errors);
    return rc == -ERR_NOMEM ? no_memory(b->e) : rc;
}

int bundles_wait_idle(struct bundles *b)
{
    int rc = 0;

    while (rc == 0 && b->busy) {
        rc = co_cond_wait(&b->idle);
    }
    return rc;
}

int bundles_register(struct bundles *b, struct err *e)
{
    int rc = bundles_wait_idle(b);

    if (rc != 0) {
        return rc;
    }
    b->busy = true;
    b->e = e;
    rc = pass(b);
    if (b->gone_len == 0) {
        arena_fini(&b->texts);
        arena_init(&b->texts, MiB(512));
    }
    if (rc == 0 && b->config.on_look != NULL && b->ready) {
        b->config.on_look(b->config.arg, &b->report);
    }
    b->busy = false;
    co_cond_broadcast(&b->idle);
    return rc;
}

void bundles_file_gone(void *arg, const struct bundle_file *f)
{
    struct source *s = arg;
    struct bundles *b = s->b;
    struct import_error_row row = {.bundle = s->spec->name,
                                   .file = arena_strdup(&b->texts, f->name)};

    if (f->told != NULL && row.file != NULL) {
        (void)VEC_PUSH(b->gone, b->gone_len, b->gone_cap, row);
    }
}

/* ---- from before ---- */

struct remembered {
    struct bundles *b;
    struct arena a;
    struct parsed_dag_row *dags;
    struct import_error_row *errors;
    size_t dags_len, errors_len;
    struct err *e;
};

static int read_rows(void *arg)
{
    struct remembered *m = arg;
    struct store *s = m->b->config.store;
    int rc = s->ops->get_parsed_dags(s, NULL, &m->a, &m->dags, &m->dags_len, m->e);

    return rc == 0 ? s->ops->get_import_errors(s, 0, 0, 0, &m->a, &m->errors, &m->errors_len, m->e)
                   : rc;
}

static int remember_dag(struct bundles *b, const struct parsed_dag_row *row)
{
    struct told *t;

    if (find_told(b, row->dag_id, &t) != 0 || set_text(&t->bundle, row->bundle) != 0 ||
        set_text(&t->name, row->file) != 0) {
        return -ERR_NOMEM;
    }
    t->row_hash = hash_of_row(row);
    t->parsed_us = row->parsed_us;
    t->active =
        row->active; /* until its bundle was seen; the hash is not known: it is told again */
    return 0;
}

static int remember_error(struct bundles *b, const struct import_error_row *row)
{
    struct before *old = arena_alloc(&b->old_texts, sizeof *old);
    size_t n = strlen(row->bundle) + strlen(row->file) + 2;
    char *key = arena_alloc(&b->old_texts, n);

    if (old == NULL || key == NULL) {
        return -ERR_NOMEM;
    }
    (void)snprintf(key, n, "%s\n%s", row->bundle, row->file);
    *old = (struct before){.bundle = arena_strdup(&b->old_texts, row->bundle),
                           .file = arena_strdup(&b->old_texts, row->file),
                           .text = arena_strdup(&b->old_texts, row->text)};
    return old->bundle == NULL || old->file == NULL || old->text == NULL
               ? -ERR_NOMEM
               : map_add(&b->before, key, n - 1, old, NULL);
}

int bundles_remember(struct bundles *b, struct err *e)
{
    struct remembered m = {.b = b, .e = e};
    int rc;

    arena_init(&m.a, MiB(512));
    rc = engine_on_store(b->config.engine, read_rows, &m);
    for (size_t i = 0; rc == 0 && i < m.dags_len; i++) {
        rc = remember_dag(b, &m.dags[i]);
    }
    for (size_t i = 0; rc == 0 && i < m.errors_len; i++) {
        rc = remember_error(b, &m.errors[i]);
    }
    arena_fini(&m.a);
    return rc == -ERR_NOMEM ? no_memory(e) : rc;
}
