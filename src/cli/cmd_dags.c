/* dags list, dags validate. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/time.h"
#include "bundle/folder.h"
#include "bundle/load.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/defined.h"
#include "cli/lookup.h"
#include "cli/print.h"
#include "cli/session.h"
#include "cli/term.h"
#include "model/dag.h"
#include "model/document.h"
#include "operators/operators.h"

/* ---- list ---- */

static int last_run(struct found *f, int64_t dag_key, struct run_row *ret)
{
    struct run_row *rows;
    size_t n = 0;
    int rc = f->store->ops->get_runs(f->store, dag_key, 0, 0, 1, &f->arena, &rows, &n, NULL);

    if (rc != 0 || n == 0) {
        return -ERR_NOTFOUND;
    }
    *ret = rows[0];
    return 0;
}

/* A line of the list: a DAG of the store, of the folder, or of both. */
struct listed {
    const char *dag_id, *file;
    int64_t dag_key; /* 0: it has never run */
    bool paused;
    const struct dag *dag; /* of the folder, or NULL */
};

struct listing {
    char home[4096], folder[4096];
    struct session paths;
    struct found f;
    struct dag **dags; /* of the folder */
    size_t dags_len;
    struct listed *rows;
    size_t len, cap;
};

/* Who answers for its tasks, each once, in their order; a task that names nobody is "airflow"'s. */
static const char *owners_of(const struct dag *d, struct arena *a)
{
    struct buf b BUF_CLEANUP;

    buf_init(&b, KiB(64));
    for (uint32_t i = 0; i < d->tasks_len; i++) {
        const struct value *v =
            d->tasks[i].spec != NULL ? value_get(d->tasks[i].spec, "owner") : NULL;
        const char *owner = v != NULL && v->kind == VALUE_STRING ? v->text : "airflow";
        size_t n = strlen(owner);
        const char *hit = strstr(buf_cstr(&b), owner);

        if (hit == NULL || (hit != buf_cstr(&b) && hit[-1] != ' ') ||
            (hit[n] != '\0' && hit[n] != ',')) {
            (void)buf_printf(&b, "%s%s", b.len > 0 ? ", " : "", owner);
        }
    }
    return arena_strdup(a, buf_cstr(&b));
}

static void list_json(struct listing *l, size_t n, struct buf *out)
{
    struct json_writer w;
    struct run_row run;

    json_writer_init(&w, out, 2);
    json_array(&w);
    for (size_t i = 0; i < n; i++) {
        const struct listed *d = &l->rows[i];

        json_object(&w);
        json_key(&w, "dag_id");
        json_string(&w, d->dag_id);
        json_key(&w, "file");
        json_string(&w, d->file);
        json_key(&w, "owners");
        json_string(&w, d->dag != NULL ? owners_of(d->dag, &l->f.arena) : NULL);
        json_key(&w, "is_paused");
        json_bool(&w, d->paused);
        json_key(&w, "last_run");
        if (d->dag_key != 0 && last_run(&l->f, d->dag_key, &run) == 0) {
            json_object(&w);
            print_run_members(&w, &run, d->dag_id);
            json_object_end(&w);
        } else {
            json_null(&w);
        }
        json_object_end(&w);
    }
    json_array_end(&w);
    (void)buf_char(out, '\n');
}

static void list_table(struct listing *l, size_t n, struct buf *out)
{
    static const struct table_column columns[] = {
        {.title = "DAG"},
        {.title = "LAST RUN"},
        {.title = "STATE"},
        {.title = "TOOK", .right = true},
        {.title = "FILE", .wide = true},
    };
    struct table *t = table_new(columns, 5);
    char text[TIME_TEXT_MAX];

    for (size_t i = 0; t != NULL && i < n; i++) {
        const struct listed *d = &l->rows[i];
        struct run_row run;
        bool ran = d->dag_key != 0 && last_run(&l->f, d->dag_key, &run) == 0;

        table_cell(t, d->dag_id);
        table_cell(t, ran ? print_time(run.run_after_us, text) : "");
        if (ran) {
            table_run_state(t, run.state);
            table_cell(t, print_span(run.start_us, run.end_us, text));
        } else {
            table_cell(t, "");
            table_cell(t, "");
        }
        table_cell(t, d->file);
    }
    print_table(t, out);
}

static int by_id(const void *x, const void *y)
{
    return strcmp(((const struct listed *)x)->dag_id, ((const struct listed *)y)->dag_id);
}

/* The folder's DAGs, and those of the store that it does not have (any more); the latter in the store's order when there is no folder. */
static int list_rows(struct listing *l, struct err *e)
{
    struct dag_row *stored = NULL;
    size_t n = 0;
    int rc =
        l->f.store != NULL ? l->f.store->ops->get_dags(l->f.store, &l->f.arena, &stored, &n, e) : 0;

    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct listed row = {stored[i].dag_id, stored[i].file, stored[i].dag_key, stored[i].paused,
                             NULL};

        rc = VEC_PUSH(l->rows, l->len, l->cap, row);
    }
    n = l->len;
    if (rc == 0 && n > 1 && l->dags_len != 0) {
        qsort(l->rows, n, sizeof *l->rows, by_id);
    }
    for (size_t i = 0; rc == 0 && i < l->dags_len; i++) {
        struct listed row = {l->dags[i]->dag_id, l->dags[i]->file, 0, false, l->dags[i]};
        struct listed *known = n != 0 ? bsearch(&row, l->rows, n, sizeof row, by_id) : NULL;

        if (known != NULL) {
            known->file = row.file;
            known->dag = row.dag;
        } else {
            rc = VEC_PUSH(l->rows, l->len, l->cap, row);
        }
    }
    if (rc == 0 && l->len > 1 && l->dags_len != 0) {
        qsort(l->rows, l->len, sizeof *l->rows, by_id);
    }
    return rc == -ERR_NOMEM ? err_set(e, ERR_NOMEM, "out of memory for a list of DAGs") : rc;
}

static int list_folder(struct cli *cli, struct listing *l, struct findings *errors, bool *ret_any,
                       struct err *e)
{
    struct load_env env = session_load_env(&l->paths, l->home);
    const char **list;
    struct arena a;
    size_t folders = 0;
    int rc = folder_resolve(l->home, l->folder, sizeof l->folder, e);

    arena_init(&a, MiB(16));
    rc = rc == 0 ? folder_list(l->home, &a, &list, &folders, e) : rc;
    arena_fini(&a);
    *ret_any = folders > 0;
    if (rc != 0 || !*ret_any) {
        return rc;
    }
    (void)snprintf(l->paths.home, sizeof l->paths.home, "%s", l->home);
    rc = session_find_parts(&l->paths, cli_opt(cli, "python"), e);
    return rc == 0 ? folder_load_all(&env, errors, &l->dags, &l->dags_len, &folders, e) : rc;
}

static int list_errors(struct cli *cli, struct listing *l, struct err *e)
{
    bool json = cli_flag(cli, "json"), any;
    struct buf out BUF_CLEANUP;
    struct json_writer w;
    struct findings found = {.text = json ? NULL : stdout, .json = json ? &w : NULL};
    int rc;

    buf_init(&out, MiB(64));
    json_writer_init(&w, &out, 2);
    json_array(&w);
    rc = list_folder(cli, l, &found, &any, e);
    json_array_end(&w);
    if (rc == 0 && !any) {
        rc = err_set(e, ERR_NOTFOUND, "there is no DAGs folder %s (TRADEWIND_DAGS says where)",
                     l->folder);
    }
    if (rc == 0 && json) {
        (void)printf("%s\n", buf_cstr(&out));
    }
    return rc != 0 ? cli_fail(rc, e) : found.len != 0 ? err_exit_code(-ERR_INVALID) : 0;
}

/* The files of the folder that have DAGs, in their order: how many, with how many tasks, which. */
static int list_files(struct cli *cli, struct listing *l, struct err *e)
{
    static const struct table_column columns[] = {
        {.title = "FILE", .wide = true}, {.title = "DAGS"}, {.title = "TASKS", .right = true}};
    struct findings found = {0};
    struct buf out BUF_CLEANUP, ids BUF_CLEANUP;
    struct json_writer w;
    struct table *t = table_new(columns, 3);
    bool any;
    int rc = list_folder(cli, l, &found, &any, e);

    buf_init(&out, MiB(64));
    buf_init(&ids, MiB(1));
    json_writer_init(&w, &out, 2);
    json_array(&w);
    for (size_t i = 0, next; rc == 0 && t != NULL && i < l->dags_len; i = next) {
        const char *file = l->dags[i]->file;
        int64_t tasks = 0;

        buf_clear(&ids);
        for (next = i; next < l->dags_len && strcmp(l->dags[next]->file, file) == 0; next++) {
            tasks += l->dags[next]->tasks_len;
            (void)buf_printf(&ids, "%s%s", next > i ? "," : "", l->dags[next]->dag_id);
        }
        json_object(&w);
        json_key(&w, "file");
        json_string(&w, file);
        json_key(&w, "dag_num");
        json_int(&w, (int64_t)(next - i));
        json_key(&w, "task_num");
        json_int(&w, tasks);
        json_key(&w, "dags");
        json_string(&w, buf_cstr(&ids));
        json_object_end(&w);
        table_cell(t, file);
        table_cell(t, buf_cstr(&ids));
        table_cellf(t, "%lld", (long long)tasks);
    }
    json_array_end(&w);
    (void)buf_char(&out, '\n');
    if (!cli_flag(cli, "json")) {
        buf_clear(&out);
        print_table(t, &out);
    } else {
        table_free(t);
    }
    if (rc == 0) {
        (void)fputs(buf_cstr(&out), stdout);
    }
    return rc != 0 ? cli_fail(rc, e) : 0;
}

static int list_dags(struct cli *cli, struct listing *l, struct err *e)
{
    struct findings found = {0};
    struct buf out BUF_CLEANUP;
    struct err none = {0};
    size_t limit = (size_t)cli_opt_int(cli, "limit"), n;
    bool any;
    int rc = list_folder(cli, l, &found, &any, e);

    buf_init(&out, MiB(64));
    if (rc == 0) {
        rc = store_open_for_reading(l->home, &l->f.store, any ? &none : e);
        rc = rc == -ERR_NOTFOUND && any ? 0 : rc;
        *e = rc != 0 && any ? none : *e;
    }
    rc = rc == 0 ? list_rows(l, e) : rc;
    if (rc != 0) {
        return cli_fail(rc, e);
    }
    n = l->len < limit ? l->len : limit;
    if (cli_flag(cli, "json")) {
        list_json(l, n, &out);
    } else {
        list_table(l, n, &out);
    }
    (void)fputs(buf_cstr(&out), stdout);
    if (found.len != 0 && !cli_flag(cli, "quiet")) {
        (void)fprintf(stderr,
                      "%zu error%s in the DAGs folder; see `tradewind dags list --errors`\n",
                      found.len, found.len == 1 ? "" : "s");
    }
    return found.len != 0 && l->dags_len == 0 ? err_exit_code(-ERR_INVALID) : 0;
}

int cmd_dags_list(struct cli *cli)
{
    struct listing l = {0};
    struct err e = {0};
    int rc = home_resolve(cli_opt(cli, "home"), l.home, sizeof l.home, &e);

    arena_init(&l.f.arena, MiB(256));
    if (rc != 0) {
        rc = cli_fail(rc, &e);
    } else {
        rc = cli_flag(cli, "errors")  ? list_errors(cli, &l, &e)
             : cli_flag(cli, "files") ? list_files(cli, &l, &e)
                                      : list_dags(cli, &l, &e);
    }
    load_free(l.dags, l.dags_len);
    mem_free(l.rows);
    found_fini(&l.f);
    return rc;
}

/* ---- validate ---- */

static void write_dags(struct json_writer *w, struct dag *const *dags, size_t n)
{
    json_key(w, "dags");
    json_array(w);
    for (size_t i = 0; i < n; i++) {
        json_object(w);
        json_key(w, "dag_id");
        json_string(w, dags[i]->dag_id);
        json_key(w, "tasks");
        json_int(w, dags[i]->tasks_len);
        json_object_end(w);
    }
    json_array_end(w);
}

/* A file, or the file of a DAG; of an id that is none the word itself is told, with what is wrong with it. */
static int find_file(struct cli *cli, const char *word, char *ret, size_t cap, struct err *e)
{
    const char *dag_id;
    char home[4096];
    int rc = home_resolve(cli_opt(cli, "home"), home, sizeof home, e);

    (void)snprintf(ret, cap, "%s", word);
    return rc == 0 ? cli_defined_file(cli, word, home, ret, cap, &dag_id, e) : rc;
}

static int validate_as_json(struct cli *cli, const struct session *paths, const char *word,
                            struct json_writer *w)
{
    struct load_env env = session_load_env(paths, NULL);
    struct findings found = {.json = w};
    struct dag **dags = NULL;
    struct err e = {0};
    char file[4096];
    size_t n = 0;
    int rc = find_file(cli, word, file, sizeof file, &e);

    json_object(w);
    json_key(w, "file");
    json_string(w, file);
    json_key(w, "errors");
    json_array(w);
    rc = rc == 0 ? load_file(file, NULL, &env, &found, &dags, &n, &e) : rc;
    if (rc != 0 && found.len == 0) {
        findings_add(&found, file, 0, 0, NULL, err_str(&e));
    }
    json_array_end(w);
    json_key(w, "valid");
    json_bool(w, rc == 0);
    write_dags(w, dags, n);
    json_object_end(w);
    load_free(dags, n);
    return rc;
}

static int validate_one(struct cli *cli, const struct session *paths, const char *word)
{
    struct load_env env = session_load_env(paths, NULL);
    struct findings found = {.text = stdout};
    struct dag **dags;
    struct err e = {0};
    char file[4096];
    size_t n;
    int rc = find_file(cli, word, file, sizeof file, &e);

    rc = rc == 0 ? load_file(file, NULL, &env, &found, &dags, &n, &e) : rc;

    if (rc == 0 && !cli_flag(cli, "quiet")) {
        for (size_t i = 0; i < n; i++) {
            (void)printf("%s: DAG '%s', %u task%s: valid\n", file, dags[i]->dag_id,
                         dags[i]->tasks_len, dags[i]->tasks_len == 1 ? "" : "s");
        }
    }
    if (rc == 0) {
        load_free(dags, n);
    } else if (rc != -ERR_INVALID) {
        (void)fprintf(stdout, "%s\n", err_str(&e)); /* findings were printed already */
    }
    return rc;
}

int cmd_dags_validate(struct cli *cli)
{
    struct session paths = {0};
    const char *const *files;
    struct err e = {0};
    struct buf out BUF_CLEANUP;
    struct json_writer w;
    size_t n = cli_args(cli, "FILE", &files);
    int rc = session_find_parts(&paths, cli_opt(cli, "python"), &e), bad = 0;

    buf_init(&out, MiB(4));
    if (cli_flag(cli, "schema")) {
        rc = document_schema(operators_table(), &out);
        (void)fputs(buf_cstr(&out), stdout);
        return rc != 0 ? cli_fail(rc, &e) : 0;
    }
    if (rc != 0) {
        return cli_fail(rc, &e);
    }
    if (n == 0) {
        return cli_fail(err_set(&e, ERR_USAGE, "dags validate: FILE is missing: DAG files"), &e);
    }
    json_writer_init(&w, &out, 2);
    json_array(&w);
    for (size_t i = 0; i < n; i++) {
        bad += (cli_flag(cli, "json") ? validate_as_json(cli, &paths, files[i], &w)
                                      : validate_one(cli, &paths, files[i])) != 0;
    }
    json_array_end(&w);
    if (cli_flag(cli, "json")) {
        (void)printf("%s\n", buf_cstr(&out));
    }
    return bad != 0 ? err_exit_code(-ERR_INVALID) : 0;
}
