/* The files that one pattern names, as they are. Blocks: for the watchers' own thread. */
#ifndef TW_ENGINE_ARRIVAL_PRIV_H
#define TW_ENGINE_ARRIVAL_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct err;

struct file_seen {
    const char *name; /* in the folder */
    int64_t mtime_ns, size, inode;
    bool fresh; /* it was changed within SETTLE_US of now: somebody may be writing it */
};

/* An absolute path whose last part may be a pattern of the shell (* ? []). *ret_dir, *ret_glob in the arena. -ERR_INVALID in words. */
int arrival_split(const char *path, struct arena *a, const char **ret_dir, const char **ret_glob,
                  struct err *e);
bool arrival_matches(const char *glob,
                     const char *name); /* a leading dot is matched by a dot only */
/* Regular files of the folder that match, by name; at most LIMIT_ARRIVAL_FILES (*ret_more: there are more). No folder: none. -ERR_IO. */
int arrival_list(const char *dir, const char *glob, int64_t settle_us, struct arena *a,
                 struct file_seen **ret, size_t *ret_len, bool *ret_more, struct err *e);
/* One of them; -ERR_NOTFOUND: it is gone, or no regular file. */
int arrival_stat(const char *dir, const char *name, struct file_seen *ret);

#endif
