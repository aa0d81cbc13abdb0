/* The folder of DAG files as the service keeps it: what its files hold now is known to the engine, stored, and scheduled. */
#ifndef TW_CLI_BUNDLE_H
#define TW_CLI_BUNDLE_H

#include <stddef.h>

struct buf;
struct bundle;
struct err;
struct session;

struct bundle_report {
    size_t files, dags, errors; /* there are now */
    size_t changed, removed;    /* DAGs, by this look */
};

/* s is borrowed, folder is copied. */
int bundle_new(struct session *s, const char *folder, struct bundle **ret, struct err *e);
void bundle_free(struct bundle *b);

/*
 * SUSPENDS. One look at the folder. What is wrong with a file is logged once, and stops no other: its DAGs stay as they were known before.
 * DAGs of files that are gone are scheduled no more; their runs go on. Of two files with the same DAG the first has it.
 */
int bundle_refresh(struct bundle *b, struct bundle_report *ret, struct err *e);

/* The errors of its files as a JSON array: import_error_id, filename, timestamp_us, stack_trace; as many as 4 MiB hold. */
int bundle_errors(const struct bundle *b, struct buf *out);

#endif
