#include "home/logfile.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"

#define TAIL_BYTES   16384
#define SEGMENTS_MAX 64

/* The numbers of the segments LOG.N that are there, ascending. */
static size_t segments(const char *path, long *numbers)
{
    char dir[4096], *slash;
    const char *base;
    struct dirent *d;
    size_t n = 0, len;
    DIR *h;

    (void)snprintf(dir, sizeof dir, "%s", path);
    slash = strrchr(dir, '/');
    if (slash == NULL) {
        return 0;
    }
    *slash = '\0';
    base = path + (slash - dir) + 1;
    len = strlen(base);
    h = opendir(dir);
    while (h != NULL && (d = readdir(h)) != NULL && n < SEGMENTS_MAX) {
        char *end;
        long number;

        if (strncmp(d->d_name, base, len) != 0 || d->d_name[len] != '.') {
            continue;
        }
        number = strtol(d->d_name + len + 1, &end, 10);
        if (*end == '\0' && number > 0) {
            size_t i = n++;

            for (; i > 0 && numbers[i - 1] > number; i--) {
                numbers[i] = numbers[i - 1];
            }
            numbers[i] = number;
        }
    }
    if (h != NULL) {
        (void)closedir(h);
    }
    return n;
}

static int copy(const char *path, int fd, struct err *e)
{
    char chunk[65536];
    ssize_t n;
    int in = open(path, O_RDONLY | O_CLOEXEC), rc = 0;

    if (in < 0) {
        return err_errno(e, errno, "cannot read %s", path);
    }
    while (rc == 0 && (n = read(in, chunk, sizeof chunk)) > 0) {
        for (ssize_t done = 0; done < n;) {
            ssize_t w = write(fd, chunk + done, (size_t)(n - done));

            if (w < 0) {
                rc = errno == EPIPE ? -ERR_CLOSED : err_errno(e, errno, "cannot write");
                break;
            }
            done += w;
        }
    }
    (void)close(in);
    return rc;
}

int logfile_cat(const char *path, int fd, struct err *e)
{
    long numbers[SEGMENTS_MAX];
    size_t n = segments(path, numbers);
    char part[4200];
    int rc = copy(path, fd, e);

    if (rc == 0 && n != 0 && numbers[0] > 1) {
        struct stat st;
        long long gone = 0;

        (void)snprintf(part, sizeof part, "%s.%ld", path, numbers[0]);
        if (stat(part, &st) == 0) {
            gone = (long long)(numbers[0] - 1) *
                   st.st_size; /* all segments but the last are of one size */
        }
        (void)dprintf(fd, "\n... %lld bytes left out ...\n", gone);
    }
    for (size_t i = 0; rc == 0 && i < n; i++) {
        (void)snprintf(part, sizeof part, "%s.%ld", path, numbers[i]);
        rc = copy(part, fd, e);
    }
    return rc;
}

size_t logfile_parts(const char *path, struct logfile_part *ret, int64_t *ret_gap)
{
    long numbers[SEGMENTS_MAX];
    size_t n = segments(path, numbers), len = 0, first;
    struct stat st;

    *ret_gap = 0;
    if (stat(path, &st) != 0) {
        return 0;
    }
    (void)snprintf(ret[len].path, sizeof ret[len].path, "%s", path);
    ret[len++].size = st.st_size;
    first = n > LOGFILE_PARTS_MAX - 1 ? n - (LOGFILE_PARTS_MAX - 1) : 0;
    for (size_t i = first; i < n; i++) {
        (void)snprintf(ret[len].path, sizeof ret[len].path, "%s.%ld", path, numbers[i]);
        if (stat(ret[len].path, &st) == 0) {
            if (len == 1) { /* all segments but the last are of one size */
                *ret_gap = (numbers[i] - 1) * (int64_t)st.st_size;
            }
            ret[len++].size = st.st_size;
        }
    }
    return len;
}

int logfile_from(const char *path, int64_t *at, int fd, struct err *e)
{
    char chunk[65536];
    ssize_t n;
    int in = open(path, O_RDONLY | O_CLOEXEC), rc = 0;

    if (in < 0) {
        return 0;
    }
    while (rc == 0 && (n = pread(in, chunk, sizeof chunk, *at)) > 0) {
        ssize_t w = write(fd, chunk, (size_t)n);

        if (w < 0) {
            rc = errno == EPIPE ? -ERR_CLOSED : err_errno(e, errno, "cannot write");
        } else {
            *at += w;
        }
    }
    (void)close(in);
    return rc;
}

int logfile_tail(const char *path, int lines, const char *indent, struct buf *out)
{
    long numbers[SEGMENTS_MAX];
    size_t n = segments(path, numbers);
    char last[4200], text[TAIL_BYTES];
    const char *p, *end;
    struct stat st;
    ssize_t got = 0;
    int fd;

    if (n != 0) {
        (void)snprintf(last, sizeof last, "%s.%ld", path, numbers[n - 1]);
    } else {
        (void)snprintf(last, sizeof last, "%s", path);
    }
    fd = open(last, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return -ERR_NOTFOUND;
    }
    if (fstat(fd, &st) == 0) {
        got = pread(fd, text, sizeof text, st.st_size > TAIL_BYTES ? st.st_size - TAIL_BYTES : 0);
    }
    (void)close(fd);
    end = text + (got > 0 ? got : 0);
    while (end > text && end[-1] == '\n') {
        end--;
    }
    for (p = end; p > text && lines > 0; p--) {
        if (p[-1] == '\n' && --lines == 0) {
            break;
        }
    }
    while (p < end) {
        const char *nl = memchr(p, '\n', (size_t)(end - p));
        const char *stop = nl != NULL ? nl : end;

        (void)buf_str(out, indent);
        for (; p < stop; p++) {
            (void)buf_char(out, (unsigned char)*p < 0x20 && *p != '\t' ? '?' : *p);
        }
        (void)buf_char(out, '\n');
        p = nl != NULL ? nl + 1 : end;
    }
    return buf_status(out);
}
