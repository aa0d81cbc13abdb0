/* The folder of DAG files as the service keeps it: what its files hold now is known to the engine, stored, and scheduled. */
#ifndef TW_BUNDLE_BUNDLE_H
#define TW_BUNDLE_BUNDLE_H

#include <stddef.h>

struct bundle;
struct engine;
struct err;
struct load_env;

struct bundle_report {
    size_t files, dags, errors; /* there are now */
    size_t changed, removed;    /* DAGs, by this look */
};

/* The engine and what env points to are borrowed, the folder is copied. */
int bundle_new(struct engine *g, const struct load_env *env, const char *folder,
               struct bundle **ret, struct err *e);
void bundle_free(struct bundle *b);

/*
 * SUSPENDS. One look at the folder. What is wrong with a file is logged once, and stops no other: its DAGs stay as they were known before.
 * DAGs of files that are gone are scheduled no more; their runs go on. Of two files with the same DAG the first has it.
 */
int bundle_refresh(struct bundle *b, struct bundle_report *ret, struct err *e);

#endif
