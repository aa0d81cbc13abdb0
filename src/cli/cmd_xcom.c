/* xcom list, get, delete: what tasks of a run left for others. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/time.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/lookup.h"
#include "cli/print.h"
#include "cli/session.h"
#include "cli/term.h"
#include "engine/engine.h"
#include "model/dag.h"
#include "store/store.h"

struct xcoms {
    struct cli *cli;
    char home[4096];
    struct found f;
    struct ti_key key; /* of the named task */
    struct err e;
};

static int open_xcoms(struct xcoms *x)
{
    const char *task = cli_arg(x->cli, "TASK"), *index = cli_opt(x->cli, "map-index");
    int map_index = index != NULL ? (int)cli_opt_int(x->cli, "map-index") : -1;
    int rc = home_resolve(cli_opt(x->cli, "home"), x->home, sizeof x->home, &x->e);

    task = task != NULL ? task : cli_opt(x->cli, "task");
    rc = rc == 0 ? found_open(&x->f, x->home, cli_arg(x->cli, "DAG"), cli_arg(x->cli, "RUN"), task,
                              &x->e)
                 : rc;
    if (rc == 0 && task != NULL) {
        rc = found_check_index(&x->f, map_index, &x->e);
        x->key = (struct ti_key){x->f.run.run_key, x->f.task->index, map_index};
    }
    return rc;
}

static int close_xcoms(struct xcoms *x, int rc)
{
    found_fini(&x->f);
    return rc != 0 ? cli_fail(rc, &x->e) : 0;
}

static int read_one(struct xcoms *x, const struct ti_key *key, const char *name, const char **ret,
                    size_t *ret_len)
{
    struct xcom_row row;
    int rc = x->f.store->ops->get_xcom(x->f.store, key, name, &x->f.arena, &row, &x->e);

    return rc == 0 ? engine_read_xcom(x->home, &row, &x->f.arena, ret, ret_len, &x->e) : rc;
}

/* ---- list ---- */

struct listing {
    struct xcoms *x;
    struct table *t;
    struct json_writer w;
    struct buf out;
};

static int list_instance(struct listing *l, const struct ti_key *key)
{
    struct xcoms *x = l->x;
    struct xcom_row *rows = NULL;
    const char *task_id = x->f.dag->tasks[key->task].task_id;
    char text[TIME_TEXT_MAX];
    size_t n = 0;
    int rc = x->f.store->ops->get_xcoms(x->f.store, key, &x->f.arena, &rows, &n, &x->e);

    for (size_t i = 0; rc == 0 && i < n; i++) {
        const char *value = NULL;
        size_t len = 0;

        rc = read_one(x, key, rows[i].name, &value, &len);
        if (rc != 0) {
            break;
        }
        json_object(&l->w);
        json_key(&l->w, "task_id");
        json_string(&l->w, task_id);
        json_key(&l->w, "map_index");
        json_int(&l->w, key->map_index);
        json_key(&l->w, "key");
        json_string(&l->w, rows[i].name);
        json_key(&l->w, "timestamp");
        json_string(&l->w, time_format(rows[i].at_us, text));
        json_key(&l->w, "value");
        json_raw(&l->w, value, len);
        json_object_end(&l->w);
        if (key->map_index >= 0) {
            table_cellf(l->t, "%s [%d]", task_id, key->map_index);
        } else {
            table_cell(l->t, task_id);
        }
        table_cell(l->t, rows[i].name);
        table_cell(l->t, print_time(rows[i].at_us, text));
        table_cellf(l->t, "%.*s", (int)(len < 1000 ? len : 1000), value);
    }
    return rc;
}

/* Of all instances that can have one: below -1 are the engine's own records, which are no XComs. */
static int list_all(struct listing *l)
{
    struct xcoms *x = l->x;
    bool one = cli_opt(x->cli, "task") != NULL, index = cli_opt(x->cli, "map-index") != NULL;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < x->f.tis_len; i++) {
        const struct ti_key *k = &x->f.tis[i].key;

        if (k->map_index >= -1 && (!one || k->task == x->key.task) &&
            (!index || k->map_index == x->key.map_index)) {
            rc = list_instance(l, k);
        }
    }
    return rc;
}

int cmd_xcom_list(struct cli *cli)
{
    static const struct table_column columns[] = {
        {.title = "TASK"}, {.title = "KEY"}, {.title = "SINCE"}, {.title = "VALUE", .wide = true}};
    struct xcoms x = {.cli = cli};
    struct listing l = {.x = &x, .t = table_new(columns, 4)};
    int rc = open_xcoms(&x);

    buf_init(&l.out, MiB(512));
    json_writer_init(&l.w, &l.out, 2);
    json_array(&l.w);
    if (rc == 0 && l.t == NULL) {
        rc = err_set(&x.e, ERR_NOMEM, "out of memory");
    }
    rc = rc == 0 ? list_all(&l) : rc;
    json_array_end(&l.w);
    (void)buf_char(&l.out, '\n');
    rc = rc == 0 ? buf_status(&l.out) : rc;
    if (rc == 0 && !cli_flag(cli, "json")) {
        buf_clear(&l.out);
        print_table(l.t, &l.out);
    } else {
        table_free(l.t);
    }
    if (rc == 0) {
        (void)fputs(buf_cstr(&l.out), stdout);
    }
    buf_fini(&l.out);
    return close_xcoms(&x, rc);
}

/* ---- get ---- */

static int no_xcom(struct xcoms *x)
{
    const char *name = cli_opt(x->cli, "key");

    return x->f.task->mapped && x->key.map_index < 0
               ? err_set(&x->e, ERR_NOTFOUND,
                         "task '%s' is mapped: name one of its instances by --map-index",
                         x->f.task->task_id)
               : err_set(&x->e, ERR_NOTFOUND,
                         "task '%s' in run %s has no XCom '%s'; see `tradewind xcom list`",
                         x->f.task->task_id, x->f.run.run_id, name);
}

int cmd_xcom_get(struct cli *cli)
{
    struct xcoms x = {.cli = cli};
    const char *value = NULL;
    size_t n = 0;
    int rc = open_xcoms(&x);

    if (rc == 0) {
        rc = read_one(&x, &x.key, cli_opt(cli, "key"), &value, &n);
        rc = rc == -ERR_NOTFOUND ? no_xcom(&x) : rc;
    }
    if (rc == 0) {
        (void)fwrite(value, 1, n, stdout);
        (void)putchar('\n');
    }
    return close_xcoms(&x, rc);
}

/* ---- delete ---- */

static int delete_here(struct engine *g, void *arg, struct err *e)
{
    const struct xcoms *x = arg;

    return engine_delete_xcom(g, &x->key, cli_opt(x->cli, "key"), session_actor(), e);
}

static int delete_one(struct xcoms *x)
{
    struct buf b BUF_CLEANUP;
    struct json_writer w;

    buf_init(&b, LIMIT_MESSAGE / 4);
    json_writer_init(&w, &b, 0);
    json_object(&w);
    json_key(&w, "run_key");
    json_int(&w, x->key.run_key);
    json_key(&w, "task");
    json_int(&w, x->key.task);
    json_key(&w, "map_index");
    json_int(&w, x->key.map_index);
    json_key(&w, "key");
    json_string(&w, cli_opt(x->cli, "key"));
    json_key(&w, "actor");
    json_string(&w, session_actor());
    json_object_end(&w);
    return session_command(x->home, "xcom_delete", &b, delete_here, x, NULL, &x->e);
}

int cmd_xcom_delete(struct cli *cli)
{
    struct xcoms x = {.cli = cli};
    const char *value;
    size_t n;
    int rc = open_xcoms(&x);

    if (rc == 0) {
        rc = read_one(&x, &x.key, cli_opt(cli, "key"), &value, &n);
        rc = rc == -ERR_NOTFOUND ? no_xcom(&x) : rc;
    }
    rc = rc == 0 ? delete_one(&x) : rc;
    if (rc == 0 && !cli_flag(cli, "quiet")) {
        (void)printf("XCom %s of %s in run %s is deleted.\n", cli_opt(cli, "key"),
                     x.f.task->task_id, x.f.run.run_id);
    }
    return close_xcoms(&x, rc);
}
