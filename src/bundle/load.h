/* DAG files as commands take them: YAML, JSON, or Python through the runner; every finding printed with file, line and remedy. */
#ifndef TW_BUNDLE_LOAD_H
#define TW_BUNDLE_LOAD_H

#include <stdbool.h>

#include "bundle/findings.h"

struct dag;
struct err;
struct value;
struct worker;

/* What reading takes: borrowed texts. */
struct load_env {
    const char *home;
    const char *python;      /* interpreter */
    const char *python_path; /* folder that holds the tradewind package */
    const char *config_home; /* whose configuration says where DAG files are; NULL: home */
};

/*
 * SUSPENDS (Python files). Loads the DAGs of a file: *ret an array of references (mem_free it, dag_unref each). Findings go to `out`,
 * templates that cannot be read among them. -ERR_INVALID when there was any. worker: for Python files; NULL = one is
 * started as `python3 -m tradewind.document`.
 */
int load_file(const char *path, struct worker *worker, const struct load_env *env,
              struct findings *out, struct dag ***ret, size_t *ret_len, struct err *e);
/* True for the endings of DAG files. */
bool load_is_file_name(const char *name);
/* The runner's answer to a request to parse a file. *ret and *ret_len as load_file, to be freed in any case: what could be built is there
 * with -ERR_INVALID too. */
int load_answer(const char *path, const struct value *answer, struct findings *out,
                struct dag ***ret, size_t *ret_len, struct err *e);
/* The one that is meant: the only one, or that of dag_id. Borrowed from `dags`. */
int load_choose(struct dag **dags, size_t n, const char *dag_id, const char *path, struct dag **ret,
                struct err *e);
void load_free(struct dag **dags, size_t n);

#endif
