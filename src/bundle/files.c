/*
 * A look makes a round: files that the scanner names are seen, and read again if what it says of them is new; those not seen are gone.
 *
 * Invariant: a file's DAGs are those of the last time it could be read; one that cannot be read now keeps them.
 */
#include "bundle/files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "bundle/findings.h"
#include "bundle/folder.h"
#include "bundle/load.h"
#include "dagfile/dagfile.h"
#include "dagfile/scan.h"
#include "model/dag.h"

#define ERROR_BYTES_MAX KiB(64) /* of one file's findings; the rest is cut */

struct looking {
    struct bundle_files *f;
    const struct bundle_look *l;
    size_t folder_len;
    struct map by_name; /* -> file: those from before, and new ones */
    struct err *e;
};

static void free_elsewhere(struct bundle_file *f)
{
    for (size_t i = 0; i < f->elsewhere_len; i++) {
        mem_free(f->elsewhere[i]);
    }
    mem_free(f->elsewhere);
    f->elsewhere = NULL;
    f->elsewhere_len = 0;
}

static void free_file(struct bundle_file *f)
{
    load_free(f->dags, f->dags_len);
    free_elsewhere(f);
    mem_free(f->error);
    mem_free(f->told);
    mem_free(f->path);
    mem_free(f);
}

void bundle_files_free(struct bundle_files *f)
{
    for (size_t i = 0; i < f->len; i++) {
        free_file(f->list[i]);
    }
    mem_free(f->list);
    *f = (struct bundle_files){0};
}

/* The file of a path of the scanner; its path is that one from now on. */
static int find_file(struct looking *g, const char *path, struct bundle_file **ret)
{
    const char *name = path + g->folder_len;
    struct bundle_file *f;
    char *own = mem_strdup(path);

    if (own == NULL) {
        return -ERR_NOMEM;
    }
    f = map_find(&g->by_name, name, strlen(name));
    if (f != NULL) {
        if (strcmp(f->path, path) == 0) { /* the map's key lies in it */
            mem_free(own);
        } else {
            struct map_entry *entry = map_find_entry(&g->by_name, name, strlen(name));

            mem_free(f->path);
            f->path = own;
            f->name = own + g->folder_len;
            entry->key = f->name;
        }
        *ret = f;
        return 0;
    }
    f = mem_zalloc(sizeof *f);
    if (f == NULL || VEC_PUSH(g->f->list, g->f->len, g->f->cap, f) != 0) {
        mem_free(f);
        mem_free(own);
        return -ERR_NOMEM;
    }
    f->path = own;
    f->name = own + g->folder_len;
    *ret = f;
    return map_add(&g->by_name, f->name, strlen(f->name), f, NULL);
}

/* What the scanner says of a file beside whether it was imported just now. */
static uint32_t hash_of_line(const char *line, size_t n)
{
    const char *rest = memmem(line, n, "\"file\"", 6);

    return rest != NULL ? hash_bytes(rest, n - (size_t)(rest - line)) : hash_bytes(line, n);
}

static size_t length_of_line(const char *line, size_t n)
{
    const char *rest = memmem(line, n, "\"file\"", 6);

    return rest != NULL ? n - (size_t)(rest - line) : n;
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

/* Of a bundle with versions a DAG's hash is another: it does not say where the tree lies. */
static int put_version(const struct looking *g, struct dag *d)
{
    struct buf b BUF_CLEANUP;

    d->bundle = arena_strdup(&d->arena, g->l->name);
    if (d->bundle == NULL) {
        return -ERR_NOMEM;
    }
    if (g->l->version == NULL) {
        return 0;
    }
    d->bundle_version = arena_strdup(&d->arena, g->l->version);
    buf_init(&b, LIMIT_DOC_BYTES);
    return d->bundle_version == NULL ? -ERR_NOMEM : dagfile_canonical(d, &b, d->hash);
}

/* Paths are said as they are below the folder: the same text on every machine, and in every tree. */
static char *below_folder(const struct looking *g, const char *text, size_t n)
{
    struct buf b;
    const char *hit;

    buf_init(&b, ERROR_BYTES_MAX);
    while (n > 0 && (hit = memmem(text, n, g->l->folder, g->folder_len - 1)) != NULL &&
           hit[g->folder_len - 1] == '/') {
        (void)buf_append(&b, text, (size_t)(hit - text));
        n -= (size_t)(hit - text) + g->folder_len;
        text = hit + g->folder_len;
    }
    while (n > 0 && text[n - 1] == '\n') {
        n--;
    }
    (void)buf_append(&b, text, n < ERROR_BYTES_MAX / 2 ? n : ERROR_BYTES_MAX / 2);
    return buf_take(&b);
}

static int take_result(struct looking *g, struct bundle_file *f, int rc, struct dag **dags,
                       size_t n)
{
    int set = 0;

    for (size_t i = 0; set == 0 && i < n; i++) {
        set = put_version(g, dags[i]);
    }
    if (set == 0 && (rc == 0 || n != 0)) {
        load_free(f->dags, f->dags_len);
        f->dags = dags;
        f->dags_len = n;
    } else {
        load_free(dags, n);
    }
    return rc == -ERR_NOMEM ? rc : set;
}

/* Reads the file again, from the scanner's answer (NULL: a plain file, read here). */
static int read_file(struct looking *g, struct bundle_file *f, const struct value *answer)
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
    rc = answer != NULL ? load_answer(f->path, answer, &out, &dags, &n, &own)
                        : load_file(f->path, NULL, g->l->env, &out, &dags, &n, &own);
    if (rc != 0 && out.len == 0) {
        findings_add(&out, f->path, 0, 0, NULL, err_str(&own));
    }
    (void)fclose(out.text);
    mem_free(f->error);
    f->errors = out.len;
    f->error = out.len != 0 ? below_folder(g, text, text_len) : NULL;
    free(text); /* not ours: open_memstream made it */
    f->parsed = true;
    if (out.len != 0 && f->error == NULL) {
        rc = -ERR_NOMEM;
    }
    return take_result(g, f, rc, dags, n);
}

static bool flag_of(const struct value *v, const char *name)
{
    const struct value *flag = value_get(v, name);

    return flag != NULL && flag->kind == VALUE_BOOL && flag->boolean;
}

static int take_uses(struct bundle_file *f, const struct value *v)
{
    const struct value *list = value_get(v, "elsewhere");

    f->settings = flag_of(v, "settings");
    f->parsed = flag_of(v, "parsed");
    free_elsewhere(f);
    if (list == NULL || list->kind != VALUE_ARRAY || list->len == 0) {
        return 0;
    }
    f->elsewhere = mem_array(list->len, sizeof *f->elsewhere);
    for (size_t i = 0; f->elsewhere != NULL && i < list->len; i++) {
        const struct value *path = list->elems[i];

        if (path->kind == VALUE_STRING) {
            char *own = mem_strdup(path->text);

            if (own == NULL) {
                return -ERR_NOMEM;
            }
            f->elsewhere[f->elsewhere_len++] = own;
        }
    }
    return f->elsewhere == NULL ? -ERR_NOMEM : 0;
}

/* A line of the scanner about a file. */
static int take_line(struct looking *g, const struct value *v, const char *line, size_t n)
{
    const struct value *file = value_get(v, "file");
    bool plain = value_get(v, "plain") != NULL, fresh;
    struct bundle_file *f = NULL;
    uint32_t hash;
    int rc;

    if (file == NULL || file->kind != VALUE_STRING || file->len <= g->folder_len) {
        return err_set(g->e, ERR_PROTOCOL, "unexpected output of the scanner of DAG files");
    }
    rc = find_file(g, file->text, &f);
    rc = rc == 0 ? take_uses(f, v) : rc;
    if (rc != 0) {
        return rc;
    }
    hash = plain ? hash_of_file(f->path) : hash_of_line(line, n);
    n = plain ? 0 : length_of_line(line, n);
    fresh = f->round == 0 || hash != f->hash || n != f->line_len;
    f->hash = hash;
    f->line_len = n;
    f->round = g->f->round;
    return fresh ? read_file(g, f, plain ? NULL : v) : 0;
}

static int by_path(const void *a, const void *b)
{
    const struct bundle_file *const *x = a, *const *y = b;

    return strcmp((*x)->path, (*y)->path);
}

static int on_line(void *arg, const char *line, size_t n)
{
    struct looking *g = arg;
    struct arena a;
    struct value *v;
    int rc;

    arena_init(&a, LIMIT_DOC_BYTES * 8);
    rc = value_parse(&a, line, n, &v, g->e);
    if (rc == 0 && value_get(v, "so_far") != NULL) {
        qsort(g->f->list, g->f->len, sizeof *g->f->list, by_path);
        rc = g->l->so_far != NULL ? g->l->so_far(g->l->arg) : 0;
    } else if (rc == 0) {
        rc = g->l->before != NULL ? g->l->before(g->l->arg) : 0;
        rc = rc == 0 ? take_line(g, v, line, n) : rc;
    }
    arena_fini(&a);
    return rc;
}

static void drop_gone(struct looking *g)
{
    struct bundle_files *f = g->f;
    size_t kept = 0;

    for (size_t i = 0; i < f->len; i++) {
        if (f->list[i]->round == f->round) {
            f->list[kept++] = f->list[i];
            continue;
        }
        if (g->l->gone != NULL) {
            g->l->gone(g->l->arg, f->list[i]);
        }
        free_file(f->list[i]);
    }
    f->len = kept;
    if (f->len != 0) {
        qsort(f->list, f->len, sizeof *f->list, by_path);
    }
}

int bundle_files_look(struct bundle_files *f, const struct bundle_look *l, struct err *e)
{
    struct looking g = {.f = f, .l = l, .folder_len = strlen(l->folder) + 1, .e = e};
    char cache[4200];
    struct scan_config c = {.folder = l->folder,
                            .cache = cache,
                            .python = l->env->python,
                            .python_path = l->env->python_path,
                            .memory_bytes = l->memory_bytes,
                            .has_memory = true,
                            .stream = true};
    int rc = 0;

    folder_cache_path(l->folder, l->env->home, cache, sizeof cache);
    f->round++;
    f->whole = false;
    map_init(&g.by_name);
    for (size_t i = 0; rc == 0 && i < f->len; i++) {
        f->list[i]->parsed = false;
        rc = map_add(&g.by_name, f->list[i]->name, strlen(f->list[i]->name), f->list[i], NULL);
    }
    rc = rc == 0 ? scan_folder(&c, on_line, &g, e) : rc;
    rc = rc == 0 && l->before != NULL ? l->before(l->arg) : rc;
    if (rc == 0) {
        drop_gone(&g);
        f->whole = true;
    }
    map_fini(&g.by_name);
    return rc == -ERR_NOMEM ? err_set(e, ERR_NOMEM, "out of memory for the DAGs of a folder") : rc;
}
