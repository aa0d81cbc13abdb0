/* assets list, assets events: what is known of data that tasks make and use. */
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
#include "store/store.h"

struct assets {
    struct arena arena;
    struct store *store;
    struct asset_row *rows;
    struct asset_event_row *events;
    size_t len;
    struct buf out;
};

static int open_assets(struct assets *x, struct cli *cli, struct err *e)
{
    char home[4096];
    int rc = home_resolve(cli_opt(cli, "home"), home, sizeof home, e);

    arena_init(&x->arena, MiB(512));
    buf_init(&x->out, MiB(256));
    return rc == 0 ? store_open_for_reading(home, &x->store, e) : rc;
}

static int close_assets(struct assets *x, int rc, struct err *e)
{
    rc = rc == 0 && buf_status(&x->out) != 0
             ? err_set(e, ERR_LIMIT, "too much to be shown at once: give a --limit")
             : rc;
    (void)fputs(rc == 0 ? buf_cstr(&x->out) : "", stdout);
    buf_fini(&x->out);
    store_close(x->store);
    arena_fini(&x->arena);
    return rc != 0 ? cli_fail(rc, e) : 0;
}

static void put_text(struct json_writer *w, const char *name, const char *text)
{
    json_key(w, name);
    json_string(w, text);
}

static void put_json(struct json_writer *w, const char *name, const char *json)
{
    json_key(w, name);
    json_raw(w, json != NULL ? json : "{}", json != NULL ? strlen(json) : 2);
}

static void put_time(struct json_writer *w, const char *name, int64_t t)
{
    char text[TIME_TEXT_MAX];

    put_text(w, name, t == TIME_NONE ? NULL : time_format(t, text));
}

/* ---- list ---- */

static void list_json(struct assets *x)
{
    struct json_writer w;

    json_writer_init(&w, &x->out, 2);
    json_array(&w);
    for (size_t i = 0; i < x->len; i++) {
        json_object(&w);
        put_text(&w, "name", x->rows[i].name);
        put_text(&w, "uri", x->rows[i].uri);
        put_text(&w, "group", x->rows[i].group);
        put_json(&w, "extra", x->rows[i].extra);
        put_time(&w, "created", x->rows[i].created_us);
        put_time(&w, "last_event", x->rows[i].last_event_us);
        json_object_end(&w);
    }
    json_array_end(&w);
    (void)buf_char(&x->out, '\n');
}

static void list_table(struct assets *x)
{
    static const struct table_column columns[] = {{.title = "ASSET", .wide = true},
                                                  {.title = "URI", .wide = true},
                                                  {.title = "GROUP"},
                                                  {.title = "LAST EVENT"}};
    struct table *t = table_new(columns, 4);
    char text[TIME_TEXT_MAX];

    for (size_t i = 0; t != NULL && i < x->len; i++) {
        table_cell(t, x->rows[i].name);
        table_cell(t, x->rows[i].uri);
        table_cell(t, x->rows[i].group);
        table_cell(t, print_time(x->rows[i].last_event_us, text));
    }
    print_table(t, &x->out);
}

int cmd_assets_list(struct cli *cli)
{
    struct assets x = {0};
    struct err e = {0};
    int rc = open_assets(&x, cli, &e);

    rc = rc == 0 ? x.store->ops->get_assets(x.store, 0, (size_t)cli_opt_int(cli, "limit"), &x.arena,
                                            &x.rows, &x.len, &e)
                 : rc;
    if (rc == 0 && cli_flag(cli, "json")) {
        list_json(&x);
    } else if (rc == 0) {
        list_table(&x);
    }
    return close_assets(&x, rc, &e);
}

/* ---- events ---- */

/* The asset of that name, else of that URI. */
static int find_asset(struct assets *x, const char *word, int64_t *ret_key, struct err *e)
{
    struct asset_row row = {0};
    int rc;

    if (word == NULL) {
        return 0;
    }
    rc = x->store->ops->find_asset(x->store, word, NULL, &x->arena, &row, e);
    if (rc == -ERR_NOTFOUND) {
        rc = x->store->ops->find_asset(x->store, NULL, word, &x->arena, &row, e);
    }
    *ret_key = row.asset_key;
    return rc;
}

static void events_json(struct assets *x)
{
    struct json_writer w;

    json_writer_init(&w, &x->out, 2);
    json_array(&w);
    for (size_t i = 0; i < x->len; i++) {
        const struct asset_event_row *r = &x->events[i];

        json_object(&w);
        json_key(&w, "id");
        json_int(&w, r->event_key);
        put_time(&w, "timestamp", r->at_us);
        put_text(&w, "name", r->name);
        put_text(&w, "uri", r->uri);
        put_json(&w, "extra", r->extra);
        put_text(&w, "dag_id", r->dag_id);
        put_text(&w, "task_id", r->task_id);
        put_text(&w, "run_id", r->run_id);
        json_key(&w, "map_index");
        json_int(&w, r->map_index);
        put_text(&w, "partition_key", r->partition_key);
        json_key(&w, "aliases");
        json_array(&w);
        for (size_t at = 0; at < r->aliases_len; at += strlen(r->aliases + at) + 1) {
            json_string(&w, r->aliases + at);
        }
        json_array_end(&w);
        json_object_end(&w);
    }
    json_array_end(&w);
    (void)buf_char(&x->out, '\n');
}

static void events_table(struct assets *x)
{
    static const struct table_column columns[] = {{.title = "ID", .right = true},
                                                  {.title = "TIME"},
                                                  {.title = "ASSET", .wide = true},
                                                  {.title = "DAG"},
                                                  {.title = "TASK"},
                                                  {.title = "RUN", .wide = true},
                                                  {.title = "EXTRA", .wide = true}};
    struct table *t = table_new(columns, 7);
    char text[TIME_TEXT_MAX];

    for (size_t i = 0; t != NULL && i < x->len; i++) {
        const struct asset_event_row *r = &x->events[i];

        table_cellf(t, "%lld", (long long)r->event_key);
        table_cell(t, print_time(r->at_us, text));
        table_cell(t, r->name);
        table_cell(t, r->dag_id);
        if (r->map_index >= 0) {
            table_cellf(t, "%s[%d]", r->task_id, r->map_index);
        } else {
            table_cell(t, r->task_id);
        }
        table_cell(t, r->run_id);
        table_cell(t, r->extra);
    }
    print_table(t, &x->out);
}

/* What the run of --dag and --run was started by, the newest first. */
static int consumed(struct assets *x, struct cli *cli, const char *dag_id, struct err *e)
{
    size_t limit = (size_t)cli_opt_int(cli, "limit");
    char home[4096];
    struct found f = {0};
    int rc = home_resolve(cli_opt(cli, "home"), home, sizeof home, e);

    rc = rc == 0 ? found_open(&f, home, dag_id, cli_opt(cli, "run"), NULL, e) : rc;
    rc = rc == 0 ? x->store->ops->get_run_events(x->store, f.run.run_key, 0, 0, &x->arena,
                                                 &x->events, &x->len, e)
                 : rc;
    for (size_t i = 0; rc == 0 && i < x->len / 2; i++) {
        struct asset_event_row row = x->events[i];

        x->events[i] = x->events[x->len - 1 - i];
        x->events[x->len - 1 - i] = row;
    }
    x->len = limit != 0 && limit < x->len ? limit : x->len;
    found_fini(&f);
    return rc;
}

int cmd_assets_events(struct cli *cli)
{
    struct assets x = {0};
    struct err e = {0};
    struct asset_event_query q = {.alias = cli_opt(cli, "alias"),
                                  .from_us = TIME_NONE,
                                  .to_us = TIME_NONE,
                                  .newest_first = true,
                                  .limit = (size_t)cli_opt_int(cli, "limit")};
    int rc = open_assets(&x, cli, &e);

    rc = rc == 0 ? find_asset(&x, cli_opt(cli, "asset"), &q.asset_key, &e) : rc;
    if (rc == 0 && cli_opt(cli, "dag") != NULL) {
        rc = consumed(&x, cli, cli_opt(cli, "dag"), &e);
    } else if (rc == 0) {
        rc = x.store->ops->get_asset_events(x.store, &q, &x.arena, &x.events, &x.len, &e);
    }
    if (rc == 0 && cli_flag(cli, "json")) {
        events_json(&x);
    } else if (rc == 0) {
        events_table(&x);
    }
    return close_assets(&x, rc, &e);
}
