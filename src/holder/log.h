/*
 * An attempt's log: the file LOG up to half of its limit, then segments LOG.1, LOG.2 ... of an
 * eighth each, of which the last four are kept. A write that fails loses the bytes, counts them,
 * and is tried again later: neither the task nor the holder waits for a disk.
 */
#ifndef TW_HOLDER_LOG_H
#define TW_HOLDER_LOG_H

#include <stddef.h>
#include <stdint.h>

#define HOLDER_LOG_SEGMENTS 4

struct holder_log {
    const char *path; /* borrowed */
    int fd;           /* of the file written now; -1: none is open */
    unsigned segment; /* 0 = LOG itself */
    int64_t in_file;  /* bytes in the file written now */
    int64_t head_max, segment_max;
    int64_t written, dropped;
    int64_t unmarked; /* dropped since the last mark in the log */
    int64_t retry_us; /* after a failure: not before this time of the boot clock; 0 = at once */
    int failed;       /* errno of that failure */
};

/* path is borrowed and may be NULL: everything is dropped. limit: bytes kept in all. */
void holder_log_init(struct holder_log *l, const char *path, int64_t limit);
void holder_log_write(struct holder_log *l, const char *p, size_t n, int64_t now_us);
void holder_log_close(struct holder_log *l);

#endif
