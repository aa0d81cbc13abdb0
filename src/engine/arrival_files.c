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
#include "base/limits.h"
#include "base/mem.h"
#include "base/time.h"
#include "engine/arrival_priv.h"

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
