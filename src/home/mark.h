/* How far something has come in the order of runs' ends: kept in the store, for what walks along finished runs. */
#ifndef TW_HOME_MARK_H
#define TW_HOME_MARK_H

#include <stdbool.h>
#include <stdint.h>

struct arena;
struct err;
struct store;

struct mark {
    int64_t end_us, run_key; /* TIME_NONE, 0: at the beginning */
};

/* On the store's thread. *ret_found: false where none was ever written. */
int mark_read(struct store *s, const char *name, struct arena *a, struct mark *ret, bool *ret_found,
              struct err *e);
int mark_write(struct store *s, const char *name, const struct mark *m, int64_t now_us,
               struct err *e);

#endif
