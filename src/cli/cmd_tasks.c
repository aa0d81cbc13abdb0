/* tasks list, why, logs. */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/time.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/defined.h"
#include "cli/hitl.h"
#include "cli/lookup.h"
#include "cli/print.h"
#include "cli/session.h"
#include "cli/term.h"
#include "cli/waiting.h"
#include "home/logfile.h"
#include "home/why.h"
#include "runtime/loop.h"
#include "sched/sched.h"
#include "worker/paths.h"

static int open_found(struct cli *cli, struct found *f, char *home, size_t cap, bool task,
                      struct err *e)
{
    int rc = home_resolve(cli_opt(cli, "home"), home, cap, e);

    *f = (struct found){0};
    return rc == 0 ? found_open(f, home, cli_arg(cli, "DAG"), cli_arg(cli, "RUN"),
                                task ? cli_arg(cli, "TASK") : NULL, e)
                   : rc;
}

/* ---- list ---- */

/* Below the table: who waits for a person. */
static void tell_questions(struct found *f, struct buf *out)
{
    for (size_t i = 0; i < f->tis_len; i++) {
        const struct ti_key *k = &f->tis[i].key;

        if (hitl_question(f, k->task, k->map_index) != NULL) {
            (void)buf_printf(out, "\n%s ", f->dag->tasks[k->task].task_id);
            hitl_explain(f, k->task, k->map_index, out);
        }
    }
}

static void put_question(struct found *f, uint32_t task, struct json_writer *w)
{
    const struct value *q = hitl_question(f, task, -1);

    if (q != NULL) {
        json_key(w, "asks");
        json_value(w, q);
    }
}

static void put_definition(const struct dag *d, uint32_t t, struct json_writer *w)
{
    json_key(w, "operator");
    json_string(w, d->tasks[t].operator_name);
    json_key(w, "upstream_task_ids");
    json_array(w);
    for (uint32_t j = d->up_off[t]; j < d->up_off[t + 1]; j++) {
        json_string(w, d->tasks[d->up[j]].task_id);
    }
    json_array_end(w);
}

static void print_defined(struct cli *cli, const struct dag *d, struct buf *out)
{
    static const struct table_column columns[] = {
        {.title = "TASK"}, {.title = "OPERATOR"}, {.title = "AFTER", .wide = true}};
    struct table *t = table_new(columns, 3);
    struct buf after BUF_CLEANUP;
    struct json_writer w;

    buf_init(&after, MiB(64));
    json_writer_init(&w, out, 2);
    json_array(&w);
    for (uint32_t i = 0; t != NULL && i < d->tasks_len; i++) {
        json_object(&w);
        json_key(&w, "task_id");
        json_string(&w, d->tasks[i].task_id);
        put_definition(d, i, &w);
        json_object_end(&w);
        buf_clear(&after);
        for (uint32_t j = d->up_off[i]; j < d->up_off[i + 1]; j++) {
            (void)buf_printf(&after, "%s%s", after.len > 0 ? ", " : "", d->tasks[d->up[j]].task_id);
        }
        table_cell(t, d->tasks[i].task_id);
        table_cell(t, d->tasks[i].operator_name);
        table_cell(t, buf_cstr(&after));
    }
    json_array_end(&w);
    (void)buf_char(out, '\n');
    if (!cli_flag(cli, "json")) {
        buf_clear(out);
        print_table(t, out);
    } else {
        table_free(t);
    }
}

/* What the file, or the bundles, say now; nothing need have run. */
static int list_defined(struct cli *cli, const char *home, struct err *e)
{
    struct buf out BUF_CLEANUP;
    struct dag *d = NULL;
    int rc = cli_defined_dag(cli, cli_arg(cli, "DAG"), home, &d, e);

    buf_init(&out, MiB(256));
    if (rc == 0) {
        print_defined(cli, d, &out);
        (void)fputs(buf_cstr(&out), stdout);
    }
    dag_unref(d);
    return rc;
}

/* Nothing of it has run, and no run was named: its tasks are told all the same. What the store said stays, if that fails too. */
static int list_of_no_run(struct cli *cli, const char *home, bool has_store, struct err *e)
{
    struct err own = {0};
    int rc = list_defined(cli, home, &own);

    if (rc == 0 && !cli_flag(cli, "quiet") && !cli_flag(cli, "json")) {
        (void)fprintf(stderr, "DAG %s has not run yet: these are its tasks as they are defined.\n",
                      cli_arg(cli, "DAG"));
    }
    if (rc != 0 && !has_store) {
        *e = own;
    }
    return rc;
}

static void print_run(struct cli *cli, struct found *f, struct buf *out)
{
    struct json_writer w;

    if (!cli_flag(cli, "json")) {
        print_tis(f, out);
        tell_questions(f, out);
        return;
    }
    json_writer_init(&w, out, 2);
    json_array(&w);
    for (uint32_t t = 0; t < f->dag->tasks_len; t++) {
        struct ti_row row = found_ti(f, t);

        json_object(&w);
        print_ti_members(&w, &row, f->dag->tasks[t].task_id);
        put_question(f, t, &w);
        put_definition(f->dag, t, &w);
        json_object_end(&w);
    }
    json_array_end(&w);
    (void)buf_char(out, '\n');
}

static int list_of_run(struct cli *cli, const char *home, struct err *e)
{
    struct found f = {0};
    struct buf out BUF_CLEANUP;
    int rc = found_open(&f, home, cli_arg(cli, "DAG"), cli_arg(cli, "RUN"), NULL, e);

    buf_init(&out, MiB(256));
    if (rc == 0) {
        print_run(cli, &f, &out);
        (void)fputs(buf_cstr(&out), stdout);
    } else if (rc == -ERR_NOTFOUND && cli_arg(cli, "RUN") == NULL) {
        rc = list_of_no_run(cli, home, f.store != NULL, e);
    }
    found_fini(&f);
    return rc;
}

int cmd_tasks_list(struct cli *cli)
{
    char home[4096];
    struct err e = {0};
    int rc = home_resolve(cli_opt(cli, "home"), home, sizeof home, &e);

    if (rc == 0) {
        rc = cli_flag(cli, "defined") ? list_defined(cli, home, &e) : list_of_run(cli, home, &e);
    }
    return rc != 0 ? cli_fail(rc, &e) : 0;
}

/* ---- why ---- */

static void add_line(void *arg, const struct sched_reason *r)
{
    struct buf *out = arg;

    (void)buf_printf(out, "%s\n", r->text);
}

static struct why_facts facts_of(struct found *f)
{
    return (struct why_facts){.store = f->store,
                              .arena = &f->arena,
                              .dag_row = &f->dag_row,
                              .run = &f->run,
                              .dag = f->dag,
                              .tis = f->tis,
                              .tis_len = f->tis_len};
}

static void print_tries(struct found *f, int32_t map_index, struct buf *out)
{
    struct ti_key key = {f->run.run_key, f->task->index, map_index};
    struct ti_row *tries;
    char text[TIME_TEXT_MAX];
    size_t n = 0;

    if (f->store->ops->get_tries(f->store, &key, &f->arena, &tries, &n, NULL) != 0) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        (void)buf_printf(out, "Try %u ended %s: %s%s%s.\n", tries[i].try_number,
                         print_time(tries[i].end_us, text), task_state_to_string(tries[i].state),
                         tries[i].reason != NULL ? ", " : "",
                         tries[i].reason != NULL ? tries[i].reason : "");
    }
}

/* A DAG that waits for assets and has no run yet: that is why. */
static bool never_ran(struct cli *cli, const char *home, struct buf *out)
{
    const char *dag_id = cli_arg(cli, "DAG");
    struct store *s = NULL;
    struct dag_row dag;
    struct run_row *rows;
    struct arena a;
    size_t n = 1;
    int rc = store_open_for_reading(home, &s, NULL);

    arena_init(&a, MiB(16));
    rc = rc == 0 ? s->ops->find_dag(s, dag_id, &a, &dag, NULL) : rc;
    rc = rc == 0 ? s->ops->get_runs(s, dag.dag_key, 0, 0, 1, &a, &rows, &n, NULL) : rc;
    if (rc == 0 && n == 0) {
        waiting_put(s, dag_id, "It has not run yet: its first run", out);
    }
    store_close(s);
    arena_fini(&a);
    return out->len != 0;
}

int cmd_tasks_why(struct cli *cli)
{
    char home[4096];
    struct found f;
    struct err e = {0};
    struct buf out BUF_CLEANUP;
    int rc;

    buf_init(&out, MiB(1));
    rc = open_found(cli, &f, home, sizeof home, true, &e);
    if (rc == 0) {
        rc = found_check_index(&f, (int)cli_opt_int(cli, "map-index"), &e);
    }
    if (rc == 0) {
        int32_t map_index = (int32_t)cli_opt_int(cli, "map-index");
        struct ti_row row = found_child(&f, f.task->index, map_index);
        struct why_facts facts = facts_of(&f);

        (void)buf_printf(&out, "%s in run %s is ", f.task->task_id, f.run.run_id);
        (void)term_state(&out, row.state);
        (void)buf_str(&out, ".\n");
        rc = home_why(&facts, f.task->index, map_index, (int64_t)time(NULL) * TIME_SECOND, add_line,
                      &out);
        hitl_explain(&f, f.task->index, (int)map_index, &out);
        home_why_upstream(&facts, f.task->index, -1, add_line, &out);
        print_tries(&f, map_index, &out);
        print_links(&f, f.task->index, (int)map_index, &out);
        if (run_state_finished(f.run.state)) {
            waiting_put(f.store, f.dag->dag_id, "The DAG's next run", &out);
        }
    } else if (rc == -ERR_NOTFOUND && cli_arg(cli, "RUN") == NULL && never_ran(cli, home, &out)) {
        (void)fputs(buf_cstr(&out), stdout);
        found_fini(&f);
        return 0;
    }
    if (rc == 0 && cli_flag(cli, "json")) {
        struct buf json BUF_CLEANUP;
        struct json_writer w;

        buf_init(&json, MiB(1));
        json_writer_init(&w, &json, 2);
        json_object(&w);
        json_key(&w, "task_id");
        json_string(&w, f.task->task_id);
        json_key(&w, "run_id");
        json_string(&w, f.run.run_id);
        json_key(&w, "state");
        json_string(&w, task_state_to_string(found_ti(&f, f.task->index).state));
        json_key(&w, "why");
        json_string(&w, buf_cstr(&out));
        json_object_end(&w);
        (void)printf("%s\n", buf_cstr(&json));
    } else {
        (void)fputs(buf_cstr(&out), stdout);
    }
    found_fini(&f);
    return rc != 0 ? cli_fail(rc, &e) : 0;
}

/* ---- logs ---- */

static unsigned try_of(struct cli *cli, const struct found *f)
{
    struct ti_row row = found_child(f, f->task->index, (int32_t)cli_opt_int(cli, "map-index"));
    const char *given = cli_opt(cli, "try");

    return given != NULL ? (unsigned)strtoul(given, NULL, 10) : row.try_number;
}

static int log_of(struct cli *cli, const char *home, struct found *f, char *path, size_t cap,
                  struct err *e)
{
    unsigned number = try_of(cli, f);

    if (found_ti(f, f->task->index).map_len > 0 && cli_opt_int(cli, "map-index") < 0) {
        return err_set(e, ERR_INVALID,
                       "task '%s' is mapped: name one of its %d instances by --map-index",
                       f->task->task_id, found_ti(f, f->task->index).map_len);
    }
    if (found_check_index(f, (int)cli_opt_int(cli, "map-index"), e) != 0) {
        return -ERR_NOTFOUND;
    }
    if (number == 0) {
        return err_set(e, ERR_NOTFOUND, "task '%s' has not run yet; `tradewind tasks why` says why",
                       f->task->task_id);
    }
    return worker_log_path(home, f->dag->dag_id, f->run.run_id, f->task->task_id,
                           (int)cli_opt_int(cli, "map-index"), number, path, cap);
}

static int show_log(struct cli *cli, const char *home, struct found *f, struct err *e)
{
    char path[4300];
    int rc = log_of(cli, home, f, path, sizeof path, e);

    rc = rc == 0 ? logfile_cat(path, STDOUT_FILENO, e) : rc;
    if (rc == -ERR_NOTFOUND && try_of(cli, f) != 0) {
        if (!cli_flag(cli, "quiet")) {
            (void)fprintf(stderr, "Try %u of '%s' wrote nothing.\n", try_of(cli, f),
                          f->task->task_id);
        }
        return 0;
    }
    return rc == -ERR_CLOSED ? 0 : rc; /* the reader had enough */
}

/* Prints what comes until the task is finished. */
static int follow_log(struct cli *cli, const char *home, struct found *f, struct err *e)
{
    char path[4300];
    int64_t at = 0;
    int rc = 0;

    for (;;) {
        struct ti_row row = found_ti(f, f->task->index);
        bool last = task_state_finished(row.state);

        if (row.try_number != 0) {
            rc = log_of(cli, home, f, path, sizeof path, e);
            rc = rc == 0 ? logfile_from(path, &at, STDOUT_FILENO, e) : rc;
        }
        if (rc != 0 || last) {
            return rc == -ERR_CLOSED ? 0 : rc;
        }
        (void)usleep(200000);
        found_fini(f);
        rc = found_open(f, home, cli_arg(cli, "DAG"), cli_arg(cli, "RUN"), cli_arg(cli, "TASK"), e);
        if (rc != 0) {
            return rc;
        }
    }
}

int cmd_tasks_logs(struct cli *cli)
{
    char home[4096];
    struct found f;
    struct err e = {0};
    int rc = open_found(cli, &f, home, sizeof home, true, &e);

    if (rc == 0) {
        rc = cli_flag(cli, "follow") ? follow_log(cli, home, &f, &e) : show_log(cli, home, &f, &e);
    }
    found_fini(&f);
    return rc != 0 ? cli_fail(rc, &e) : 0;
}
