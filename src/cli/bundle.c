/*
 * Each file has an entry: what it held when it was last read, and its errors then. A look makes a round: entries that the scanner names are
 * seen; the DAGs of all of them, in the files' order, are then compared with what the engine has been told.
 *
 * Invariants
 *  1. An entry's DAGs are those of the last time the file could be read; a file that cannot be read now keeps them.
 *  2. A told DAG belongs to the first entry that has its id; it is told again when its hash or its file changes, not else.
 */
#include "cli/bundle.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "cli/findings.h"
#include "cli/folder.h"
#include "cli/load.h"
#include "cli/session.h"
#include "dagfile/dagfile.h"
#include "dagfile/scan.h"
#include "engine/engine.h"
#include "model/dag.h"
#include "runtime/loop.h"

#define WHY_MAX    KiB(16) /* kept of a file's errors */
#define ERRORS_MAX MiB(4)  /* told of all files */
#define TELLERS    64      /* versions that wait for a commit at a time */

struct news;

struct entry {
    char *file;
    uint32_t hash;   /* of the line that the scanner gave, or of a plain file's times */
    size_t line_len; /* with it */
    uint64_t round;  /* when it was last seen */
    struct dag **dags;
    size_t dags_len, errors;
    char *why; /* the errors as text, owned; NULL without */
    int64_t why_us;
};

struct told {
    char *dag_id, *file;
    char hash[65];
    int64_t dag_key;
    uint64_t round;
    const struct entry *first; /* whose it is in that round */
};

struct bundle {
    struct session *s;
    char *folder;
    uint64_t round, last_round; /* the one at hand; the last that was whole */
    struct entry **entries;     /* in the files' order, after a round */
    size_t len, cap;
    struct map by_file; /* -> entry */
    struct told **told;
    size_t told_len, told_cap;
    struct map by_id;  /* -> told; those of gone DAGs stay, and come back */
    struct news *news; /* of the round */
    size_t news_len, news_cap, next;
    int rc; /* what stopped those that tell */
    struct bundle_report report;
    struct err *e;
};

int bundle_new(struct session *s, const char *folder, struct bundle **ret, struct err *e)
{
    struct bundle *b = mem_zalloc(sizeof *b);

    if (b == NULL || (b->folder = mem_strdup(folder)) == NULL) {
        mem_free(b);
        return err_set(e, ERR_NOMEM, "out of memory for the folder of DAGs");
    }
    b->s = s;
    map_init(&b->by_file);
    map_init(&b->by_id);
    *ret = b;
    return 0;
}

static void free_entry(struct entry *f)
{
    load_free(f->dags, f->dags_len);
    mem_free(f->why);
    mem_free(f->file);
    mem_free(f);
}

void bundle_free(struct bundle *b)
{
    if (b == NULL) {
        return;
    }
    for (size_t i = 0; i < b->len; i++) {
        free_entry(b->entries[i]);
    }
    for (size_t i = 0; i < b->told_len; i++) {
        mem_free(b->told[i]->dag_id);
        mem_free(b->told[i]->file);
        mem_free(b->told[i]);
    }
    mem_free(b->entries);
    mem_free(b->told);
    mem_free(b->news);
    map_fini(&b->by_file);
    map_fini(&b->by_id);
    mem_free(b->folder);
    mem_free(b);
}

/* ---- files ---- */

static int find_entry(struct bundle *b, const char *file, struct entry **ret)
{
    struct entry *f = map_find(&b->by_file, file, strlen(file));
    int rc;

    if (f == NULL) {
        f = mem_zalloc(sizeof *f);
        if (f == NULL || (f->file = mem_strdup(file)) == NULL) {
            mem_free(f);
            return -ERR_NOMEM;
        }
        rc = VEC_PUSH(b->entries, b->len, b->cap, f);
        if (rc != 0) {
            free_entry(f);
            return rc;
        }
        rc = map_add(&b->by_file, f->file, strlen(f->file), f, NULL);
        if (rc != 0) {
            return rc;
        }
    }
    *ret = f;
    return 0;
}

/* What the scanner says of a file beside whether it was imported just now. */
static uint32_t hash_of_line(const char *line, size_t n)
{
    const char *rest = memmem(line, n, "\"file\"", 6);

    return rest != NULL ? hash_bytes(rest, n - (size_t)(rest - line)) : hash_bytes(line, n);
}

static uint32_t hash_of_file(const char *path)
{
    struct stat st;
    int64_t all[4] = {0};

    if (stat(path, &st) == 0) {
        all[0] = st.st_mtim.tv_sec;
        all[1] = st.st_mtim.tv_nsec;
        all[2] = st.st_size;
        all[3] = (int64_t)st.st_ino;
    }
    return hash_bytes(all, sizeof all);
}

static void tell_errors(const char *file, const char *text, size_t n)
{
    log_warning("dags", "%s has %zu error%s:\n%s", file, n, n == 1 ? "" : "s", text);
}

/* Reads the file of an entry again, from the scanner's answer (NULL: a plain file, read here). */
static int read_entry(struct bundle *b, struct entry *f, const struct value *answer)
{
    struct findings out = {0};
    struct dag **dags = NULL;
    struct err own = {0};
    char *text = NULL;
    size_t n = 0, text_len = 0;
    int rc;

    out.text = open_memstream(&text, &text_len);
    if (out.text == NULL) {
        return -ERR_NOMEM;
    }
    rc = answer != NULL
             ? load_answer(f->file, answer, &out, &dags, &n, &own)
             : load_file(f->file, NULL, b->s->python, b->s->python_path, &out, &dags, &n, &own);
    if (rc != 0 && out.len == 0) {
        findings_add(&out, f->file, 0, 0, NULL, err_str(&own));
    }
    (void)fclose(out.text);
    f->errors = out.len;
    if (out.len != 0) {
        tell_errors(f->file, text, out.len);
    }
    mem_free(f->why);
    f->why = out.len != 0 ? mem_strndup(text, text_len < WHY_MAX ? text_len : WHY_MAX) : NULL;
    f->why_us = loop_wall_us(loop_current());
    free(text); /* not ours: open_memstream made it */
    if (rc == 0 || n != 0) {
        load_free(f->dags, f->dags_len);
        f->dags = dags;
        f->dags_len = n;
    }
    return rc == -ERR_NOMEM ? rc : 0;
}

static int on_line(void *arg, const char *line, size_t n)
{
    struct bundle *b = arg;
    struct arena a;
    struct value *v;
    const struct value *file;
    struct entry *f = NULL;
    uint32_t hash;
    bool plain;
    int rc;

    arena_init(&a, LIMIT_DOC_BYTES * 8);
    rc = value_parse(&a, line, n, &v, b->e);
    file = rc == 0 ? value_get(v, "file") : NULL;
    if (rc == 0 && (file == NULL || file->kind != VALUE_STRING)) {
        rc = err_set(b->e, ERR_PROTOCOL, "unexpected output of the scanner of DAG files");
    }
    rc = rc == 0 ? find_entry(b, file->text, &f) : rc;
    if (rc == 0) {
        plain = value_get(v, "plain") != NULL;
        hash = plain ? hash_of_file(f->file) : hash_of_line(line, n);
        if (f->round == 0 || hash != f->hash || n != f->line_len) {
            rc = read_entry(b, f, plain ? NULL : v);
        }
        f->hash = hash;
        f->line_len = n;
        f->round = b->round;
    }
    arena_fini(&a);
    return rc;
}

static int by_file(const void *a, const void *b)
{
    const struct entry *const *x = a, *const *y = b;

    return strcmp((*x)->file, (*y)->file);
}

/* The entries of files that are gone go, and the map with them. */
static int drop_gone(struct bundle *b)
{
    size_t kept = 0;
    int rc = 0;

    for (size_t i = 0; i < b->len; i++) {
        if (b->entries[i]->round == b->round) {
            b->entries[kept++] = b->entries[i];
        } else {
            free_entry(b->entries[i]);
        }
    }
    b->len = kept;
    qsort(b->entries, b->len, sizeof(struct entry *), by_file);
    map_fini(&b->by_file);
    map_init(&b->by_file);
    for (size_t i = 0; rc == 0 && i < b->len; i++) {
        struct entry *f = b->entries[i];

        rc = map_add(&b->by_file, f->file, strlen(f->file), f, NULL);
    }
    return rc;
}

/* ---- DAGs ---- */

static int find_told(struct bundle *b, const char *dag_id, struct told **ret)
{
    struct told *t = map_find(&b->by_id, dag_id, strlen(dag_id));
    int rc = 0;

    if (t == NULL) {
        t = mem_zalloc(sizeof *t);
        if (t == NULL || (t->dag_id = mem_strdup(dag_id)) == NULL) {
            mem_free(t);
            return -ERR_NOMEM;
        }
        rc = VEC_PUSH(b->told, b->told_len, b->told_cap, t);
        rc = rc == 0 ? map_add(&b->by_id, t->dag_id, strlen(t->dag_id), t, NULL) : rc;
    }
    *ret = t;
    return rc;
}

static bool is_told(const struct bundle *b, const struct told *t, const struct dag *d)
{
    return t->round != 0 && t->round == b->last_round && strcmp(t->hash, d->hash) == 0 &&
           strcmp(t->file, d->file) == 0;
}

/* A DAG of the round at hand that the engine is to be told of. */
struct news {
    struct entry *file;
    struct told *told;
    struct dag *dag; /* the entry's */
};

static int tell(struct bundle *b, const struct news *n, struct err *e)
{
    struct told *t = n->told;
    struct buf text BUF_CLEANUP;
    char *file = mem_strdup(n->dag->file);
    int rc;

    buf_init(&text, LIMIT_DOC_BYTES);
    rc = file == NULL ? err_set(e, ERR_NOMEM, "out of memory for a DAG")
                      : dagfile_document(n->dag, &text);
    rc = rc == 0 ? engine_add_dag(b->s->engine, n->dag, buf_cstr(&text), text.len, &t->dag_key, e)
                 : rc;
    rc = rc == 0 ? engine_schedule_dag(b->s->engine, t->dag_key, e) : rc;
    if (rc != 0) {
        mem_free(file);
        return rc;
    }
    mem_free(t->file);
    t->file = file;
    memcpy(t->hash, n->dag->hash, sizeof t->hash);
    b->report.changed++;
    return 0;
}

static bool stops_all(int rc)
{
    return rc == -ERR_NOMEM || rc == -ERR_CLOSED || rc == -ERR_CANCELED;
}

/* A DAG that the engine refuses is its file's error; only what stops the engine stops the round. */
static int tell_some(void *arg)
{
    struct bundle *b = arg;

    while (b->rc == 0 && b->next < b->news_len) {
        const struct news *n = &b->news[b->next++];
        struct err own = {0};
        int rc = tell(b, n, &own);

        if (stops_all(rc) && b->rc == 0) {
            b->rc = rc;
            *b->e = own;
        } else if (rc != 0) {
            log_warning("dags", "%s: DAG '%s': %s", n->file->file, n->dag->dag_id, err_str(&own));
            b->report.errors++;
        }
    }
    return 0;
}

/* On the store's thread: it waits for the disk. */
static int keep_sources(void *arg)
{
    struct bundle *b = arg;
    struct dag **dags = mem_array(b->news_len + 1, sizeof *dags);
    int rc;

    if (dags == NULL) {
        return err_set(b->e, ERR_NOMEM, "out of memory for the DAGs of a folder");
    }
    for (size_t i = 0; i < b->news_len; i++) {
        dags[i] = b->news[i].dag;
    }
    rc = dagfile_keep_sources(b->s->home, dags, b->news_len, b->e);
    mem_free(dags);
    return rc;
}

/* Several at a time, so that one commit takes many; their sources are there before. */
static int tell_all(struct bundle *b)
{
    struct co_group g;
    int rc = engine_on_store(b->s->engine, keep_sources, b);

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

static int look_at(struct bundle *b, struct entry *f, struct dag *d)
{
    struct news n = {.file = f, .dag = d};

    if (find_told(b, d->dag_id, &n.told) != 0) {
        return -ERR_NOMEM;
    }
    if (n.told->round == b->round) {
        log_warning("dags", "%s: DAG '%s' is in %s already; rename one of them", f->file, d->dag_id,
                    n.told->first->file);
        b->report.errors++;
        return 0;
    }
    if (!is_told(b, n.told, d) && VEC_PUSH(b->news, b->news_len, b->news_cap, n) != 0) {
        return -ERR_NOMEM;
    }
    n.told->round = b->round;
    n.told->first = f;
    b->report.dags++;
    return 0;
}

static void unschedule_gone(struct bundle *b)
{
    for (size_t i = 0; i < b->told_len; i++) {
        struct told *t = b->told[i];

        if (t->round != 0 && t->round == b->last_round) {
            engine_unschedule_dag(b->s->engine, t->dag_key);
            log_info("dags", "DAG '%s' is gone from %s; its runs go on, no new one is made",
                     t->dag_id, t->file);
            b->report.removed++;
        }
    }
}

/* An id that stays the file's. */
static int64_t error_id(const char *file)
{
    return (int64_t)(hash_bytes(file, strlen(file)) & 0x7fffffff);
}

int bundle_errors(const struct bundle *b, struct buf *out)
{
    struct json_writer w;

    json_writer_init(&w, out, 0);
    json_array(&w);
    for (size_t i = 0; i < b->len; i++) {
        const struct entry *f = b->entries[i];

        if (f->errors == 0 || f->why == NULL || out->len + 8 * strlen(f->why) > ERRORS_MAX) {
            continue;
        }
        json_object(&w);
        json_key(&w, "import_error_id");
        json_int(&w, error_id(f->file));
        json_key(&w, "filename");
        json_string(&w, f->file);
        json_key(&w, "timestamp_us");
        json_int(&w, f->why_us);
        json_key(&w, "stack_trace");
        json_string(&w, f->why);
        json_object_end(&w);
    }
    json_array_end(&w);
    return buf_status(out);
}

int bundle_refresh(struct bundle *b, struct bundle_report *ret, struct err *e)
{
    char cache[4200];
    struct scan_config c = {.folder = b->folder,
                            .cache = cache,
                            .python = b->s->python,
                            .python_path = b->s->python_path};
    int rc;

    b->round++;
    b->e = e;
    b->report = (struct bundle_report){0};
    folder_cache_path(b->folder, b->s->home, cache, sizeof cache);
    rc = scan_folder(&c, on_line, b, e);
    rc = rc == 0 ? drop_gone(b) : rc;
    b->news_len = 0;
    for (size_t i = 0; rc == 0 && i < b->len; i++) {
        for (size_t j = 0; rc == 0 && j < b->entries[i]->dags_len; j++) {
            rc = look_at(b, b->entries[i], b->entries[i]->dags[j]);
        }
        b->report.errors += b->entries[i]->errors;
    }
    rc = rc == -ERR_NOMEM ? err_set(e, ERR_NOMEM, "out of memory for the DAGs of a folder") : rc;
    rc = rc == 0 ? tell_all(b) : rc;
    if (rc == 0) {
        unschedule_gone(b);
        b->last_round = b->round;
        b->report.files = b->len;
        *ret = b->report;
    }
    return rc;
}
