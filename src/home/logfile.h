/* Logs of attempts on disk: head, then `... N bytes left out ...`, then the last segments (docs/internals/wire.md, Logs). */
#ifndef TW_HOME_LOGFILE_H
#define TW_HOME_LOGFILE_H

#include <stddef.h>
#include <stdint.h>

struct buf;
struct err;

/* The last lines, each after `indent`, made printable; nothing when there is no log. */
int logfile_tail(const char *path, int lines, const char *indent, struct buf *out);
/* The whole log to a descriptor. -ERR_NOTFOUND: no output was written; -ERR_CLOSED: the reader went away. */
int logfile_cat(const char *path, int fd, struct err *e);

/* Its parts in the order in which they are read: the head, then the segments that are left. *ret_gap: bytes that are missing after the head. How
 * many; 0: no output was written. */
struct logfile_part {
    char path[4200];
    int64_t size;
};
#define LOGFILE_PARTS_MAX 8
size_t logfile_parts(const char *path, struct logfile_part *ret, int64_t *ret_gap);

/* What the head of the log has beyond *at bytes; moves *at. A log that is not there yet is empty. */
int logfile_from(const char *path, int64_t *at, int fd, struct err *e);

#endif
