/* dags list, dags validate. */
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/time.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/load.h"
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

static void list_json(struct found *f, const struct dag_row *dags, size_t n, struct buf *out)
{
    struct json_writer w;
    struct run_row run;

    json_writer_init(&w, out, 2);
    json_array(&w);
    for (size_t i = 0; i < n; i++) {
        json_object(&w);
        json_key(&w, "dag_id");
        json_string(&w, dags[i].dag_id);
        json_key(&w, "file");
        json_string(&w, dags[i].file);
        json_key(&w, "is_paused");
        json_bool(&w, dags[i].paused);
        json_key(&w, "last_run");
        if (last_run(f, dags[i].dag_key, &run) == 0) {
            json_object(&w);
            print_run_members(&w, &run, dags[i].dag_id);
            json_object_end(&w);
        } else {
            json_null(&w);
        }
        json_object_end(&w);
    }
    json_array_end(&w);
    (void)buf_char(out, '\n');
}

static void list_table(struct found *f, const struct dag_row *dags, size_t n, struct buf *out)
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
        struct run_row run;
        bool ran = last_run(f, dags[i].dag_key, &run) == 0;

        table_cell(t, dags[i].dag_id);
        table_cell(t, ran ? print_time(run.run_after_us, text) : "");
        if (ran) {
            table_run_state(t, run.state);
            table_cell(t, print_span(run.start_us, run.end_us, text));
        } else {
            table_cell(t, "");
            table_cell(t, "");
        }
        table_cell(t, dags[i].file);
    }
    print_table(t, out);
}

int cmd_dags_list(struct cli *cli)
{
    char home[4096];
    struct found f = {0};
    struct dag_row *dags;
    struct err e = {0};
    struct buf out BUF_CLEANUP;
    size_t n = 0, limit = (size_t)cli_opt_int(cli, "limit");
    int rc = home_resolve(cli_opt(cli, "home"), home, sizeof home, &e);

    buf_init(&out, MiB(64));
    arena_init(&f.arena, MiB(256));
    rc = rc == 0 ? store_open_for_reading(home, &f.store, &e) : rc;
    rc = rc == 0 ? f.store->ops->get_dags(f.store, &f.arena, &dags, &n, &e) : rc;
    if (rc == 0) {
        n = n < limit ? n : limit;
        if (cli_flag(cli, "json")) {
            list_json(&f, dags, n, &out);
        } else {
            list_table(&f, dags, n, &out);
        }
    }
    (void)fputs(buf_cstr(&out), stdout);
    found_fini(&f);
    return rc != 0 ? cli_fail(rc, &e) : 0;
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

static int validate_as_json(const struct session *paths, const char *file, struct json_writer *w)
{
    struct findings found = {.json = w};
    struct dag **dags = NULL;
    struct err e = {0};
    size_t n = 0;
    int rc;

    json_object(w);
    json_key(w, "file");
    json_string(w, file);
    json_key(w, "errors");
    json_array(w);
    rc = load_file(file, NULL, paths->python, paths->python_path, &found, &dags, &n, &e);
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

static int validate_one(struct cli *cli, const struct session *paths, const char *file)
{
    struct findings found = {.text = stdout};
    struct dag **dags;
    struct err e = {0};
    size_t n;
    int rc = load_file(file, NULL, paths->python, paths->python_path, &found, &dags, &n, &e);

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
        bad += (cli_flag(cli, "json") ? validate_as_json(&paths, files[i], &w)
                                      : validate_one(cli, &paths, files[i])) != 0;
    }
    json_array_end(&w);
    if (cli_flag(cli, "json")) {
        (void)printf("%s\n", buf_cstr(&out));
    }
    return bad != 0 ? err_exit_code(-ERR_INVALID) : 0;
}
