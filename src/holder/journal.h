/*
 * The holder's journal: one line per record, "CRC32 JSON\n". Written with write(), without sync: it
 * survives the death of processes, not of the machine. The holder holds a lock (flock) on it for
 * its whole life.
 */
#ifndef TW_HOLDER_JOURNAL_H
#define TW_HOLDER_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>

struct buf;
struct err;

/* Turns the JSON that was appended to *line since `mark` into a record: puts the checksum before it
 * and a newline behind. The room for the checksum is made by journal_begin. The JSON has no newline
 * (compact). */
int journal_begin(struct buf *line, size_t *ret_mark);
int journal_end(struct buf *line, size_t mark);

/* Takes the next whole and undamaged record out of the text at *pos: true and the JSON (borrowed);
 * damaged lines and a cut last line are passed over and counted in *ret_damaged (may be NULL).
 * False at the end. */
bool journal_next(const char *text, size_t n, size_t *pos, const char **ret_json, size_t *ret_len,
                  size_t *ret_damaged);

/*
 * Opens the journal `name` of the folder `dir_fd` and locks it. create: a holder's own (made, mode
 * 0600). -ERR_BUSY: its holder lives; -ERR_NOTFOUND. The lock is known to be on the file that has
 * the name now: a holder replaces or removes its journal while it holds it.
 */
int journal_lock(int dir_fd, const char *name, bool create, int *ret_fd, struct err *e);

/* The file for appending. Failures leave the file as it was before. */
struct journal {
    int fd;
    long long size; /* bytes in the file, whole lines only */
};
int journal_append(struct journal *j, const void *line, size_t n, struct err *e);
int journal_cut(struct journal *j, struct err *e); /* to zero length */
/* Replaces the file by one with these lines, atomically; the lock goes over to the new file. On
 * failure the old one stays. */
int journal_replace(struct journal *j, int dir_fd, const char *name, const void *lines, size_t n,
                    struct err *e);

#endif
