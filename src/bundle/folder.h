/* The DAGs folder: TRADEWIND_DAGS, else AIRFLOW__CORE__DAGS_FOLDER, else dags in the home. */
#ifndef TW_BUNDLE_FOLDER_H
#define TW_BUNDLE_FOLDER_H

#include <stdbool.h>
#include <stddef.h>

#include "bundle/load.h"

struct arena;
struct dag;
struct engine;
struct err;
struct worker;

/* Where it is; it need not exist. */
int folder_resolve(const char *home, char *buf, size_t cap, struct err *e);
/* Where what was found in a folder is kept from one look to the next. */
void folder_cache_path(const char *folder, const char *home, char *buf, size_t cap);
/* The DAGs of all files of a folder, in the files' order, as load_file: *ret to be given to load_free. What is wrong with a file is told to
 * `out` and stops no other: the result is 0. An id that an earlier file has is an error of the later file. Python files are imported
 * again only when something that they used has changed (cache in the home). SUSPENDS; outside of a loop it makes one for the call. */
int folder_load(const char *folder, const struct load_env *env, struct findings *out,
                struct dag ***ret, size_t *ret_len, struct err *e);
/* The folders that are bundles (list.h), of those that are there; only the DAGs folder where TRADEWIND_DAGS names it. In the arena. */
int folder_list(const char *home, struct arena *a, const char ***ret, size_t *ret_len,
                struct err *e);
/* The DAGs of all of them, as folder_load. *ret_folders: how many there are. DAGs of repositories are not among them: the store has them. */
int folder_load_all(const struct load_env *env, struct findings *out, struct dag ***ret,
                    size_t *ret_len, size_t *ret_folders, struct err *e);
/* What the argument of `run` means: a file; a folder; else the id of a DAG in a bundle that is a folder. */
struct folder_target {
    const char *file;   /* or NULL */
    const char *dag_id; /* it is an id, or NULL */
    char folder
        [4096]; /* the folder whose DAGs belong to it, "" for none: a file's only if it is in the DAGs folder */
};
int folder_target(const char *arg, const char *home, struct folder_target *ret, struct err *e);

/* The DAG that is meant, and all others of its folder. */
struct loaded {
    struct dag *dag;   /* borrowed from one of these */
    struct dag **own;  /* of the file that was named */
    struct dag **dags; /* of the folder */
    size_t own_len, len;
};
/* SUSPENDS. *ret is to be freed by loaded_fini in any case. worker: as of load_file. */
int folder_load_target(const char *arg, const char *dag_option, const struct load_env *env,
                       struct worker *worker, struct loaded *ret, struct err *e);
/* SUSPENDS. The same for looking at it, or where the other DAGs are known: of a file, the other files of its folder are not read. */
int load_target_alone(const char *arg, const char *dag_option, const struct load_env *env,
                      struct worker *worker, struct loaded *ret, struct err *e);
void loaded_fini(struct loaded *l);
/* SUSPENDS. Stores the other DAGs of the folder and of the file, and makes the scheduler know them: child runs find them. Keeps the sources of
 * all, of the DAG that runs too. */
int folder_register(struct engine *g, const char *home, const struct loaded *l, struct err *e);

#endif
