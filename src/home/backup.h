/*
 * Backups of a TRADEWIND_HOME: a folder with the store as it was at one moment, and the files that its rows name: sources of DAG versions and
 * spilled XComs. Logs are not in it, nor is the configuration; the master key only if it is asked for, since it opens all secrets.
 */
#ifndef TW_HOME_BACKUP_H
#define TW_HOME_BACKUP_H

#include <stdbool.h>

struct err;

/* Blocks. `to` must not exist, and does not after an error; runs may go on meanwhile. Durable on return. -ERR_EXISTS, -ERR_FULL, -ERR_IO. */
int home_backup(const char *home, const char *to, bool with_key, struct err *e);
/*
 * Blocks; the caller has the home's lock. The backup is checked first (-ERR_CORRUPT, -ERR_VERSION: nothing was changed). -ERR_EXISTS: the home
 * has a store, and `replace` is not set; with it that store becomes tradewind.db.before-restore. Killed at any time the home has the one or
 * the other.
 */
int home_restore(const char *home, const char *from, bool replace, struct err *e);

#endif
