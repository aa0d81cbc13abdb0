/*
 * The bundles of DAG files as the service keeps them: what their files hold now is known to the engine, stored and scheduled. Each bundle has
 * a coroutine of its own that waits for changes; what several have found is put together in their order, one at a time.
 *
 *   a folder:     LOOKING --> WAITING --a change, a poke, a while--> LOOKING
 *   a repository: LOOKING (the last commit that was fetched, if any) --> FETCHING --> LOOKING, if the commit is another --> WAITING
 *                 --refresh_interval, a poke--> FETCHING; a fetch that fails leaves the last good commit, and says since when
 */
#ifndef TW_BUNDLE_BUNDLES_H
#define TW_BUNDLE_BUNDLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bundle_spec;
struct bundles;
struct engine;
struct err;
struct load_env;
struct store;

struct bundles_report {
    size_t files, dags, errors; /* there are now, in all bundles */
    size_t changed, removed;    /* DAGs, by this look */
    int64_t took_us;            /* that the engine and the store were told what is new */
    bool first;                 /* of this process: now the service is ready */
};

struct bundles_config {
    struct engine *engine;
    struct store *store;            /* the engine's: used on its thread */
    const struct load_env *env;     /* borrowed texts */
    const struct bundle_spec *list; /* borrowed */
    size_t len;
    int64_t memory_bytes; /* that the import of a file may take; 0: no limit */
    void (*on_look)(void *arg, const struct bundles_report *r); /* or NULL */
    void *arg;
};

/* Becomes the engine's keeper. In a coroutine. */
int bundles_open(const struct bundles_config *c, struct bundles **ret, struct err *e);
/* SUSPENDS until cancelled, or the engine has ended. Looks at all, then for ever at what changes. */
int bundles_run(struct bundles *b, struct err *e);
void bundles_poke(struct bundles *b); /* looks at all of them, and asks remotes */
void bundles_close(struct bundles *b);

#endif
