#include "bundle/load.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "dagfile/dagfile.h"
#include "model/dag.h"
#include "model/document.h"
#include "operators/operators.h"
#include "worker/local.h"

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);

    return n >= m && strcmp(s + n - m, end) == 0;
}

bool load_is_file_name(const char *name)
{
    return ends_with(name, ".py") || ends_with(name, ".yaml") || ends_with(name, ".yml") ||
           ends_with(name, ".json");
}

static void print_errors(const char *file, const struct doc_errors *errors, struct findings *out)
{
    for (size_t i = 0; i < errors->len; i++) {
        const struct doc_error *d = &errors->items[i];

        findings_add(out, file, d->line, d->col, d->task_id, d->text);
    }
    if (errors->more != 0) {
        char text[64];

        (void)snprintf(text, sizeof text, "and %zu more", errors->more);
        findings_add(out, file, 0, 0, NULL, text);
    }
}

static int count_error(const char *path, size_t n, struct err *e)
{
    return err_set(e, ERR_INVALID, "%s: %zu error%s", path, n, n == 1 ? "" : "s");
}

void load_free(struct dag **dags, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        dag_unref(dags[i]);
    }
    mem_free(dags);
}

static int keep(struct dag ***dags, size_t *len, size_t *cap, struct dag *d)
{
    if (VEC_PUSH(*dags, *len, *cap, d) != 0) {
        dag_unref(d);
        return -ERR_NOMEM;
    }
    return 0;
}

static int load_plain(const char *path, const char *real, struct findings *out, struct dag ***ret,
                      size_t *ret_len, struct err *e)
{
    struct arena a;
    struct doc_errors errors = {.arena = &a};
    struct dag *d = NULL, **dags = NULL;
    size_t len = 0, cap = 0, bad;
    int rc;

    arena_init(&a, MiB(16));
    rc = dagfile_load(real, operators_table(), &d, &errors, e);
    print_errors(path, &errors, out);
    if (rc == -ERR_INVALID && errors.len != 0) {
        rc = count_error(path, errors.len + errors.more, e);
    } else if (rc != 0 && e->line > 0) {
        findings_add(out, path, e->line, e->col, NULL, err_str(e));
        rc = err_set(e, (enum err_code) - rc, "%s: 1 error", path);
    }
    bad = rc == 0 ? findings_of_templates(out, path, d) + findings_of_watchers(out, path, d) : 0;
    arena_fini(&a);
    rc = rc == 0 ? keep(&dags, &len, &cap, d) : rc;
    *ret = dags;
    *ret_len = len;
    return rc == 0 && bad != 0 ? count_error(path, bad, e) : rc;
}

/* ---- Python: the runner imports the file and answers with documents ---- */

static size_t print_import_errors(const struct value *list, struct findings *out)
{
    for (size_t i = 0; i < list->len; i++) {
        const struct value *file = value_get(list->elems[i], "file");
        const struct value *line = value_get(list->elems[i], "line");
        const struct value *text = value_get(list->elems[i], "text");
        int64_t n = 0;

        if (line != NULL && value_int(line, 0, INT32_MAX, &n) != 0) {
            n = 0;
        }
        findings_add(out, file != NULL && file->text != NULL ? file->text : "?", (int)n, 0, NULL,
                     text != NULL && text->text != NULL ? text->text : "cannot be imported");
    }
    return list->len;
}

int load_answer(const char *path, const struct value *answer, struct findings *out,
                struct dag ***ret, size_t *ret_len, struct err *e)
{
    const struct value *docs = value_get(answer, "documents"), *bad = value_get(answer, "errors");
    struct arena a;
    size_t errors_n = 0, cap = 0;
    int rc = 0;

    arena_init(&a, LIMIT_DOC_BYTES * 8);
    if (bad != NULL && bad->kind == VALUE_ARRAY) {
        errors_n += print_import_errors(bad, out);
    }
    for (size_t i = 0; rc == 0 && docs != NULL && docs->kind == VALUE_ARRAY && i < docs->len; i++) {
        struct doc_errors errors = {.arena = &a};
        struct dag *d;

        rc = dagfile_build(docs->elems[i], path, operators_table(), &d, &errors, e);
        for (size_t j = 0; j < errors.len; j++) {
            errors.items[j].line = 0; /* positions in the emitted JSON mean nothing to the author */
        }
        print_errors(path, &errors, out);
        errors_n += errors.len;
        if (rc == 0) {
            errors_n += findings_of_templates(out, path, d);
            errors_n += findings_of_watchers(out, path, d);
            rc = keep(ret, ret_len, &cap, d);
        } else if (rc == -ERR_INVALID && errors.len != 0) {
            rc = 0; /* all DAGs of the file are checked */
        }
    }
    arena_fini(&a);
    if (rc == 0 && errors_n != 0) {
        rc = count_error(path, errors_n, e);
    }
    return rc;
}

static int build_answer(const char *path, const char *json, struct findings *out, struct dag ***ret,
                        size_t *ret_len, struct err *e)
{
    struct value *answer;
    struct arena a;
    int rc;

    arena_init(&a, LIMIT_DOC_BYTES * 8);
    rc = value_parse(&a, json, strlen(json), &answer, e);
    rc = rc == 0 ? load_answer(path, answer, out, ret, ret_len, e) : rc;
    arena_fini(&a);
    return rc;
}

/* Without an engine: a process of its own. */
static int import_cold(const char *path, const struct load_env *env, char **ret, struct err *e)
{
    struct buf b;
    char chunk[65536];
    FILE *p;
    size_t n;
    int status;

    (void)setenv("TRADEWIND_IMPORT_FILE", path, 1); /* never through the shell's quoting */
    (void)setenv("TRADEWIND_IMPORT_PATH", env->python_path, 1);
    (void)setenv("TRADEWIND_IMPORT_PYTHON", env->python, 1);
    p = popen("PYTHONPATH=\"$TRADEWIND_IMPORT_PATH${PYTHONPATH:+:$PYTHONPATH}\" "
              "\"$TRADEWIND_IMPORT_PYTHON\" "
              "-m tradewind.document \"$TRADEWIND_IMPORT_FILE\"",
              "re");
    if (p == NULL) {
        return err_set(e, ERR_IO, "cannot start %s", env->python);
    }
    buf_init(&b, LIMIT_DOC_BYTES);
    while ((n = fread(chunk, 1, sizeof chunk, p)) > 0) {
        (void)buf_append(&b, chunk, n);
    }
    status = pclose(p);
    if (buf_status(&b) != 0 || b.len == 0) {
        buf_fini(&b);
        return err_set(e, ERR_FAILED, "%s could not import %s (status %d)", env->python, path,
                       status);
    }
    *ret = buf_take(&b);
    return *ret != NULL ? 0 : err_set(e, ERR_NOMEM, "out of memory");
}

int load_file(const char *path, struct worker *worker, const struct load_env *env,
              struct findings *out, struct dag ***ret, size_t *ret_len, struct err *e)
{
    char real[4096];
    char *json = NULL;
    int rc;

    *ret = NULL;
    *ret_len = 0;
    if (access(path, R_OK) != 0 || realpath(path, real) == NULL) {
        return err_set(e, ERR_NOTFOUND,
                       strchr(path, '/') != NULL || strchr(path, '.') != NULL
                           ? "%s: no such file"
                           : "%s: there is no such file, and no DAG of that id is known",
                       path);
    }
    if (!ends_with(path, ".py")) {
        if (!load_is_file_name(path)) {
            return err_set(e, ERR_USAGE, "%s: a DAG file ends in .yaml, .yml, .json or .py", path);
        }
        rc = load_plain(path, real, out, ret, ret_len, e);
    } else {
        rc = worker != NULL ? local_worker_parse(worker, real, &json, e)
                            : import_cold(real, env, &json, e);
        rc = rc == 0 ? build_answer(real, json, out, ret, ret_len, e) : rc;
        mem_free(json);
    }
    if (rc == 0 && *ret_len == 0) {
        rc = err_set(e, ERR_INVALID, "%s: there is no DAG in this file", path);
    }
    if (rc != 0) {
        load_free(*ret, *ret_len);
        *ret = NULL;
        *ret_len = 0;
    }
    return rc;
}

int load_choose(struct dag **dags, size_t n, const char *dag_id, const char *path, struct dag **ret,
                struct err *e)
{
    char names[512] = "";
    size_t used = 0;

    for (size_t i = 0; i < n; i++) {
        if (dag_id != NULL ? strcmp(dags[i]->dag_id, dag_id) == 0 : n == 1) {
            *ret = dags[i];
            return 0;
        }
        if (used < sizeof names - 1) {
            used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i > 0 ? ", " : "",
                                     dags[i]->dag_id);
        }
    }
    return dag_id != NULL ? err_set(e, ERR_NOTFOUND, "%s: there is no DAG '%s'; it has: %s", path,
                                    dag_id, names)
                          : err_set(e, ERR_USAGE, "%s has %zu DAGs; choose one with --dag: %s",
                                    path, n, names);
}
