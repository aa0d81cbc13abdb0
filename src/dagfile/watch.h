/*
 * Tells when something below a folder changed, or one of some further files: by inotify, through links to folders (a link that is swapped
 * is seen, and what it leads to then is watched), and without __pycache__ and .git. Where inotify cannot tell (a network file system, no watches left)
 * the caller is woken from time to time instead, and watch_why says so.
 *
 * It tells that something changed, not what: who reads the folder knows.
 */
#ifndef TW_DAGFILE_WATCH_H
#define TW_DAGFILE_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct watch;

/* poll_us: how long may pass between two looks where the system does not tell. The folder need not exist yet. Does not suspend. */
int watch_new(const char *folder, int64_t poll_us, struct watch **ret, struct err *e);
void watch_free(struct watch *w); /* nobody waits */

/* SUSPENDS until something changed and then a short while was quiet (at most a second), or until timeout_us is over; -1: none. *ret:
 * something may have changed. -ERR_CANCELED. */
int watch_wait(struct watch *w, int64_t timeout_us, bool *ret);

/* Files elsewhere that count too, in place of those given before. Copied. */
int watch_files(struct watch *w, const char *const *paths, size_t n, struct err *e);

/* Why the system is not asked alone, in words with the remedy; NULL: it is. Valid until the next watch_wait or watch_files. */
const char *watch_why(const struct watch *w);

#endif
