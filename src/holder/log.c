#include "holder/log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"

#define RETRY_US    200000
#define LIMIT_LEAST 64 /* a smaller limit leaves no room for segments */

void holder_log_init(struct holder_log *l, const char *path, int64_t limit)
{
    if (limit <= 0 || limit > INT64_MAX / 2) {
        limit = LIMIT_LOG_BYTES;
    }
    if (limit < LIMIT_LEAST) {
        limit = LIMIT_LEAST;
    }
    *l = (struct holder_log){
        .path = path,
        .fd = -1,
        .segment_max = limit / 8,
        .head_max = limit / 8 * 4,
    };
}

static void segment_path(const struct holder_log *l, unsigned segment, char path[PATH_MAX])
{
    if (segment == 0) {
        (void)snprintf(path, PATH_MAX, "%s", l->path);
    } else {
        (void)snprintf(path, PATH_MAX, "%s.%u", l->path, segment);
    }
}

/* Makes the folders above the file. */
static void make_folders(const char *path)
{
    char folder[PATH_MAX];

    (void)snprintf(folder, sizeof folder, "%s", path);
    for (char *p = folder + 1; *p != '\0'; p++) {
        if (*p == '/') {
            *p = '\0';
            (void)mkdir(folder, 0755);
            *p = '/';
        }
    }
}

static int file_open(const char *path)
{
    int flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY;
    int fd = open(path, flags, 0640);

    if (fd < 0 && errno == ENOENT) {
        make_folders(path);
        fd = open(path, flags, 0640);
    }
    return fd;
}

/* The same try goes on in the same log (after a reschedule): which segments are there already. */
static unsigned last_segment(const struct holder_log *l)
{
    char folder[PATH_MAX];
    const char *slash = strrchr(l->path, '/');
    const char *name = slash != NULL ? slash + 1 : l->path;
    size_t name_len = strlen(name);
    struct dirent *entry;
    unsigned long last = 0;
    DIR *dir;

    (void)snprintf(folder, sizeof folder, "%.*s", slash != NULL ? (int)(slash - l->path) : 1,
                   slash != NULL ? l->path : ".");
    dir = opendir(folder);
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (strncmp(entry->d_name, name, name_len) == 0 && entry->d_name[name_len] == '.') {
            unsigned long n = strtoul(entry->d_name + name_len + 1, NULL, 10);

            last = n > last && n < UINT_MAX / 2 ? n : last;
        }
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
    return (unsigned)last;
}

static int64_t file_max(const struct holder_log *l)
{
    return l->segment == 0 ? l->head_max : l->segment_max;
}

/* Opens the present segment, the first time the one that an earlier part of the try left off in. */
static int segment_open(struct holder_log *l)
{
    char path[PATH_MAX];
    struct stat st;

    segment_path(l, l->segment, path);
    l->fd = file_open(path);
    if (l->fd < 0) {
        return errno;
    }
    l->in_file = fstat(l->fd, &st) == 0 ? (int64_t)st.st_size : 0;
    if (l->segment == 0 && l->in_file >= l->head_max && l->written == 0) {
        l->segment = last_segment(l);
        if (l->segment != 0) {
            (void)close(l->fd);
            l->fd = -1;
            return segment_open(l); /* once: the segment is not 0 any more */
        }
    }
    return 0;
}

/* The present file is full: the next segment, and the oldest goes. Its bytes count as dropped from
 * then on. */
static int segment_next(struct holder_log *l)
{
    char path[PATH_MAX];
    int rc;

    (void)close(l->fd);
    l->fd = -1;
    l->segment++;
    if (l->segment > HOLDER_LOG_SEGMENTS) {
        unsigned gone = l->segment - HOLDER_LOG_SEGMENTS;
        struct stat st;

        segment_path(l, gone, path);
        if (stat(path, &st) == 0 && unlink(path) == 0) {
            l->dropped += st.st_size;
            l->written -= st.st_size < l->written ? st.st_size : l->written;
        }
    }
    rc = segment_open(l);
    if (rc != 0) {
        l->segment--;
    }
    return rc;
}

static void lose(struct holder_log *l, int errnum, size_t n, int64_t now_us)
{
    l->dropped += (int64_t)n;
    l->unmarked += (int64_t)n;
    l->failed = errnum;
    l->retry_us = now_us + RETRY_US;
}

/* As many bytes as fit into the present file; 0 and errno in *ret_errnum on failure. */
static size_t write_some(struct holder_log *l, const char *p, size_t n, int *ret_errnum)
{
    int rc = l->fd < 0 ? segment_open(l) : 0;
    int64_t room;
    ssize_t done;

    if (rc == 0 && l->in_file >= file_max(l)) {
        rc = segment_next(l);
    }
    if (rc != 0) {
        *ret_errnum = rc;
        return 0;
    }
    room = file_max(l) - l->in_file;
    if ((int64_t)n > room && room > 0) {
        n = (size_t)room;
    }
    do {
        done = write(l->fd, p, n);
    } while (done < 0 && errno == EINTR);
    if (done <= 0) {
        *ret_errnum = done == 0 ? ENOSPC : errno;
        return 0;
    }
    l->in_file += done;
    l->written += done;
    return (size_t)done;
}

/* Says in the log itself that something is missing. */
static void mark(struct holder_log *l)
{
    char text[160];
    int n = snprintf(text, sizeof text, "\n... %lld bytes left out (%s) ...\n",
                     (long long)l->unmarked, strerror(l->failed));
    int errnum;

    if (write_some(l, text, (size_t)n, &errnum) != 0) {
        l->unmarked = 0;
    }
}

void holder_log_write(struct holder_log *l, const char *p, size_t n, int64_t now_us)
{
    if (n == 0) {
        return;
    }
    if (l->path == NULL) {
        l->dropped += (int64_t)n;
        return;
    }
    if (l->retry_us != 0 && now_us < l->retry_us) {
        l->dropped += (int64_t)n;
        l->unmarked += (int64_t)n;
        return;
    }
    l->retry_us = 0;
    if (l->unmarked != 0) {
        mark(l);
    }
    while (n != 0) {
        int errnum = 0;
        size_t done = write_some(l, p, n, &errnum);

        if (done == 0) {
            lose(l, errnum, n, now_us);
            return;
        }
        p += done;
        n -= done;
    }
}

void holder_log_close(struct holder_log *l)
{
    if (l->unmarked != 0) {
        mark(l);
    }
    if (l->fd >= 0) {
        (void)close(l->fd);
    }
    l->fd = -1;
}
