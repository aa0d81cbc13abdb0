#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/time.h"
#include "engine/arrival_priv.h"
#include "engine/engine.h"
#include "model/dag.h"

static const char *text_of(const struct value *o, const char *name)
{
    const struct value *v = o != NULL ? value_get(o, name) : NULL;

    return v != NULL && v->kind == VALUE_STRING ? v->text : NULL;
}

int arrival_split(const char *path, struct arena *a, const char **ret_dir, const char **ret_glob,
                  struct err *e)
{
    const char *slash = strrchr(path, '/');

    if (path[0] != '/') {
        return err_set(e, ERR_INVALID, "'%.200s' is no absolute path", path);
    }
    if (slash[1] == '\0') {
        return err_set(e, ERR_INVALID, "'%.200s' names no file: a folder is not waited for", path);
    }
    if (memchr(path, '*', (size_t)(slash - path)) != NULL ||
        memchr(path, '?', (size_t)(slash - path)) != NULL ||
        memchr(path, '[', (size_t)(slash - path)) != NULL) {
        return err_set(e, ERR_INVALID, "'%.200s': only the last part of a path may be a pattern",
                       path);
    }
    *ret_dir = slash == path ? "/" : arena_strndup(a, path, (size_t)(slash - path));
    *ret_glob = arena_strdup(a, slash + 1);
    return *ret_dir != NULL && *ret_glob != NULL ? 0 : err_set(e, ERR_NOMEM, "out of memory");
}

/* The path that it waits for: its own, or that of one of Airflow's file triggers, which are done here as well. */
int arrival_path(const struct value *watcher, const char **ret, bool *ret_deletes, struct err *e)
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

static int check_one(const struct value *asset, const struct value *v, struct err *e)
{
    const char *path = NULL, *dir, *glob;
    struct arena a;
    bool deletes;
    int rc;

    if (v->kind != VALUE_OBJECT) {
        return err_set(e, ERR_INVALID, "a watcher is an object");
    }
    arena_init(&a, KiB(64));
    rc = arrival_path(v, &path, &deletes, e);
    rc = rc == 0 && path != NULL ? arrival_split(path, &a, &dir, &glob, e) : rc;
    arena_fini(&a);
    if (rc == 0 && (text_of(v, "name") == NULL ||
                    (text_of(asset, "name") == NULL && text_of(asset, "uri") == NULL))) {
        rc = err_set(e, ERR_INVALID, "a watcher and its asset have names");
    }
    return rc;
}

static void check_all(const struct value *v, engine_watcher_fn *wrong, void *arg)
{
    const struct value *list;

    if (v == NULL || (v->kind != VALUE_ARRAY && v->kind != VALUE_OBJECT)) {
        return;
    }
    list = v->kind == VALUE_OBJECT ? value_get(v, "watchers") : NULL;
    for (size_t i = 0; list != NULL && list->kind == VALUE_ARRAY && i < list->len; i++) {
        struct err e = {0};

        if (check_one(v, list->elems[i], &e) != 0) {
            wrong(arg, list->elems[i], err_str(&e));
        }
    }
    for (size_t i = 0; list == NULL && i < v->len; i++) {
        check_all(v->elems[i], wrong, arg);
    }
}

void engine_check_watchers(const struct dag *d, engine_watcher_fn *wrong, void *arg)
{
    check_all(d->document != NULL ? value_get(d->document, "schedule") : NULL, wrong, arg);
    for (uint32_t i = 0; i < d->tasks_len; i++) {
        if (d->tasks[i].spec != NULL) {
            check_all(value_get(d->tasks[i].spec, "inlets"), wrong, arg);
            check_all(value_get(d->tasks[i].spec, "outlets"), wrong, arg);
        }
    }
}

bool arrival_matches(const char *glob, const char *name)
{
    return fnmatch(glob, name, FNM_PERIOD) == 0;
}

int arrival_stat(const char *dir, const char *name, struct file_seen *ret)
{
    char path[4400];
    struct stat st;

    if (snprintf(path, sizeof path, "%s/%s", dir, name) >= (int)sizeof path ||
        stat(path, &st) != 0 || !S_ISREG(st.st_mode)) {
        return -ERR_NOTFOUND;
    }
    *ret =
        (struct file_seen){.name = name,
                           .mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec,
                           .size = st.st_size,
                           .inode = (int64_t)(st.st_ino & INT64_MAX)};
    return 0;
}

static int by_name(const void *x, const void *y)
{
    return strcmp(((const struct file_seen *)x)->name, ((const struct file_seen *)y)->name);
}

int arrival_list(const char *dir, const char *glob, int64_t settle_us, struct arena *a,
                 struct file_seen **ret, size_t *ret_len, bool *ret_more, struct err *e)
{
    struct file_seen *rows = NULL, one, *out = NULL;
    size_t n = 0, cap = 0;
    struct timespec now;
    const struct dirent *d;
    DIR *f = opendir(dir);
    int rc = 0;

    *ret = NULL;
    *ret_len = 0;
    *ret_more = false;
    if (f == NULL) {
        return errno == ENOENT || errno == ENOTDIR
                   ? 0
                   : err_errno(e, errno, "cannot read the folder %s", dir);
    }
    (void)clock_gettime(CLOCK_REALTIME, &now);
    while (rc == 0 && (d = readdir(f)) != NULL) {
        if (!arrival_matches(glob, d->d_name) || arrival_stat(dir, d->d_name, &one) != 0) {
            continue;
        }
        if (n == LIMIT_ARRIVAL_FILES) {
            *ret_more = true;
            break;
        }
        one.fresh =
            ((int64_t)now.tv_sec * 1000000000 + now.tv_nsec - one.mtime_ns) / 1000 < settle_us;
        one.name = arena_strdup(a, d->d_name);
        rc = one.name == NULL ? -ERR_NOMEM : VEC_PUSH(rows, n, cap, one);
    }
    (void)closedir(f);
    if (rc == 0 && n > 0) {
        qsort(rows, n, sizeof *rows, by_name);
        out = arena_array(a, n, sizeof *out);
        rc = out == NULL ? -ERR_NOMEM : 0;
    }
    if (rc == 0 && n > 0) {
        memcpy(out, rows, n * sizeof *out);
        *ret = out;
        *ret_len = n;
    }
    mem_free(rows);
    return rc == -ERR_NOMEM ? err_set(e, ERR_NOMEM, "out of memory for files") : rc;
}
