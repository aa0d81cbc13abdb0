/*
 * What the kernel tells of changes in folders (inotify). The descriptor is waited for with co_wait_fd. Linux.
 */
#ifndef TW_RUNTIME_NOTIFY_H
#define TW_RUNTIME_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/inotify.h>

/* A file system whose changes by other machines the kernel does not see. False where it cannot be told. */
bool notify_is_remote(const char *path);

/* A descriptor, or -1: the system gives none (sysctl fs.inotify.max_user_instances). */
int notify_open(void);

/* Watches a folder (again: changes nothing) for `mask` (IN_...). *ret_why, on failure: why, in words, with the remedy where there is one;
 * static, or valid until the next call. -ERR_NOTFOUND: it is not there; -ERR_LIMIT, -ERR_IO. */
int notify_add(int fd, const char *folder, uint32_t mask, const char **ret_why);

/* Takes what was told, until nothing is left or `each` says false (then it may have closed the descriptor; what was told beside is lost).
 * Does not suspend, but `each` may: only one reads a descriptor at a time. */
typedef bool notify_fn(void *arg, const struct inotify_event *ev);
void notify_read(int fd, notify_fn *each, void *arg);

#endif
