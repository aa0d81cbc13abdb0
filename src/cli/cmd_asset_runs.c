/* assets show, queue, create-event: who makes and uses an asset, what waits for runs, and events by hand. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/time.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "cli/producers.h"
#include "cli/session.h"
#include "cli/term.h"
#include "cli/waiting.h"
#include "engine/engine.h"
#include "store/store.h"

struct page {
    struct arena arena;
    char home[4096];
    struct store *store;
    struct buf out;
};

static int open_page(struct page *p, struct cli *cli, struct err *e)
{
    int rc = home_resolve(cli_opt(cli, "home"), p->home, sizeof p->home, e);

    arena_init(&p->arena, MiB(2048));
    buf_init(&p->out, MiB(256));
    return rc == 0 ? store_open_for_reading(p->home, &p->store, e) : rc;
}

static int close_page(struct page *p, int rc, struct err *e)
{
    rc = rc == 0 && buf_status(&p->out) != 0 ? err_set(e, ERR_LIMIT, "too much to be shown at once")
                                             : rc;
    (void)fputs(rc == 0 ? buf_cstr(&p->out) : "", stdout);
    buf_fini(&p->out);
    store_close(p->store);
    arena_fini(&p->arena);
    return rc != 0 ? cli_fail(rc, e) : 0;
}

/* The asset of that name, else of that URI. */
static int find_asset(struct page *p, const char *word, struct asset_row *ret, struct err *e)
{
    int rc = p->store->ops->find_asset(p->store, word, NULL, &p->arena, ret, e);

    return rc == -ERR_NOTFOUND ? p->store->ops->find_asset(p->store, NULL, word, &p->arena, ret, e)
                               : rc;
}

static void put_text(struct json_writer *w, const char *name, const char *text)
{
    json_key(w, name);
    json_string(w, text);
}

/* ---- show ---- */

static const char *const roles[] = {
    [ASSET_MADE] = "produced_by", [ASSET_USED] = "used_by", [ASSET_STARTS] = "starts"};

static void show_json(struct page *p, const struct asset_row *row, const struct asset_mention *m,
                      size_t n)
{
    struct json_writer w;
    char text[TIME_TEXT_MAX];

    json_writer_init(&w, &p->out, 2);
    json_object(&w);
    put_text(&w, "name", row->name);
    put_text(&w, "uri", row->uri);
    put_text(&w, "group", row->group);
    json_key(&w, "extra");
    json_raw(&w, row->extra != NULL ? row->extra : "{}",
             row->extra != NULL ? strlen(row->extra) : 2);
    put_text(&w, "created", time_format(row->created_us, text));
    put_text(&w, "last_event",
             row->last_event_us != TIME_NONE ? time_format(row->last_event_us, text) : NULL);
    for (int role = ASSET_MADE; role <= ASSET_STARTS; role++) {
        json_key(&w, roles[role]);
        json_array(&w);
        for (size_t i = 0; i < n; i++) {
            if (m[i].role == (enum asset_role)role) {
                json_object(&w);
                put_text(&w, "dag_id", m[i].dag_id);
                if (role != ASSET_STARTS) {
                    put_text(&w, "task_id", m[i].task_id);
                }
                json_object_end(&w);
            }
        }
        json_array_end(&w);
    }
    json_object_end(&w);
    (void)buf_char(&p->out, '\n');
}

static void show_text(struct page *p, const struct asset_row *row, const struct asset_mention *m,
                      size_t n)
{
    static const char *const titles[] = {
        [ASSET_MADE] = "produced by", [ASSET_USED] = "used by", [ASSET_STARTS] = "starts"};
    char text[TIME_TEXT_MAX];

    (void)buf_printf(&p->out, "%-12s %s\n%-12s %s\n%-12s %s\n%-12s %s\n", "asset", row->name, "uri",
                     row->uri, "group", row->group, "last event",
                     row->last_event_us != TIME_NONE ? time_format(row->last_event_us, text)
                                                     : "none yet");
    for (int role = ASSET_MADE; role <= ASSET_STARTS; role++) {
        size_t shown = 0;

        for (size_t i = 0; i < n; i++) {
            if (m[i].role == (enum asset_role)role) {
                (void)buf_printf(&p->out, "%-12s DAG %s%s%s\n", shown++ == 0 ? titles[role] : "",
                                 m[i].dag_id, m[i].task_id != NULL ? ", task " : "",
                                 m[i].task_id != NULL ? m[i].task_id : "");
            }
        }
        if (shown == 0) {
            (void)buf_printf(&p->out, "%-12s nothing that is known\n", titles[role]);
        }
    }
}

int cmd_assets_show(struct cli *cli)
{
    struct page p = {0};
    struct err e = {0};
    struct asset_row row = {0};
    struct asset_mention *m = NULL;
    size_t n = 0;
    int rc = open_page(&p, cli, &e);

    rc = rc == 0 ? find_asset(&p, cli_arg(cli, "ASSET"), &row, &e) : rc;
    rc = rc == 0 ? producers_find(p.store, row.name, row.uri, &p.arena, &m, &n, &e) : rc;
    if (rc == 0 && cli_flag(cli, "json")) {
        show_json(&p, &row, m, n);
    } else if (rc == 0) {
        show_text(&p, &row, m, n);
    }
    return close_page(&p, rc, &e);
}

/* ---- queue ---- */

struct queue_view {
    struct page *p;
    struct table *table;
    struct json_writer w;
    bool json;
};

static void queue_row(struct queue_view *v, const struct asset_consumer_row *c,
                      const struct waiting_row *r)
{
    if (!v->json) {
        table_cell(v->table, c->dag_id);
        table_cell(v->table, r->partition);
        table_cell(v->table, c->paused ? "paused" : NULL);
        table_cell(v->table, r->there);
        table_cell(v->table, r->missing);
        return;
    }
    json_object(&v->w);
    put_text(&v->w, "dag_id", c->dag_id);
    put_text(&v->w, "partition_key", r->partition);
    json_key(&v->w, "paused");
    json_bool(&v->w, c->paused);
    json_key(&v->w, "events");
    json_int(&v->w, r->events);
    put_text(&v->w, "there", r->there);
    put_text(&v->w, "waits_for", r->missing);
    json_object_end(&v->w);
}

static int queue_of(struct queue_view *v, const struct asset_consumer_row *c, struct err *e)
{
    struct waiting_row *rows;
    struct value *schedule;
    size_t n;
    int rc = value_parse(&v->p->arena, c->schedule, strlen(c->schedule), &schedule, e);

    rc = rc == 0 ? waiting_rows(v->p->store, c->dag_key, schedule, &v->p->arena, &rows, &n, e) : rc;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        queue_row(v, c, &rows[i]);
    }
    return rc;
}

int cmd_assets_queue(struct cli *cli)
{
    static const struct table_column columns[] = {{.title = "DAG"},
                                                  {.title = "PARTITION"},
                                                  {.title = "STATE"},
                                                  {.title = "THERE", .wide = true},
                                                  {.title = "WAITS FOR", .wide = true}};
    const char *dag_id = cli_arg(cli, "DAG");
    struct page p = {0};
    struct queue_view v = {.p = &p, .json = cli_flag(cli, "json")};
    struct asset_consumer_row *rows = NULL;
    struct err e = {0};
    size_t n = 0, found = 0;
    int rc = open_page(&p, cli, &e);

    rc = rc == 0 ? p.store->ops->get_asset_consumers(p.store, &p.arena, &rows, &n, &e) : rc;
    v.table = v.json ? NULL : table_new(columns, 5);
    json_writer_init(&v.w, &p.out, 2);
    if (v.json) {
        json_array(&v.w);
    }
    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (dag_id == NULL || strcmp(dag_id, rows[i].dag_id) == 0) {
            found++;
            rc = queue_of(&v, &rows[i], &e);
        }
    }
    if (v.json) {
        json_array_end(&v.w);
        (void)buf_char(&p.out, '\n');
    } else {
        print_table(v.table, &p.out);
    }
    if (rc == 0 && dag_id != NULL && found == 0) {
        rc = err_set(&e, ERR_NOTFOUND, "no scheduler knows a DAG '%s' that waits for assets",
                     dag_id);
    }
    return close_page(&p, rc, &e);
}

/* ---- create-event ---- */

struct by_hand {
    char home[4096];
    struct engine_asset_event event;
    struct asset_row asset;
};

static int create_here(struct engine *g, void *arg, struct err *e)
{
    const struct by_hand *h = arg;

    return engine_create_asset_event(g, &h->event, NULL, e);
}

static int create_event(struct by_hand *h, struct err *e)
{
    struct buf b BUF_CLEANUP;
    struct json_writer w;

    buf_init(&b, MiB(1));
    json_writer_init(&w, &b, 0);
    json_object(&w);
    put_text(&w, "name", h->event.name);
    put_text(&w, "uri", h->event.uri);
    put_text(&w, "partition_key", h->event.partition_key);
    put_text(&w, "actor", h->event.actor);
    if (h->event.extra != NULL) {
        json_key(&w, "extra");
        json_raw(&w, h->event.extra, strlen(h->event.extra));
    }
    json_object_end(&w);
    return session_command(h->home, "asset_event_report", &b, create_here, h, NULL, e);
}

static int check_extra(struct page *p, const char *extra, struct err *e)
{
    struct value *v;

    if (extra == NULL) {
        return 0;
    }
    if (strlen(extra) > LIMIT_ASSET_EXTRA) {
        return err_set(e, ERR_LIMIT, "--extra is larger than %zu KiB", LIMIT_ASSET_EXTRA >> 10);
    }
    if (value_parse(&p->arena, extra, strlen(extra), &v, NULL) != 0 || v->kind != VALUE_OBJECT) {
        return err_set(e, ERR_USAGE, "--extra: an object, as a JSON text");
    }
    return 0;
}

int cmd_assets_create_event(struct cli *cli)
{
    struct page p = {0};
    struct by_hand h = {0};
    struct err e = {0};
    int rc = open_page(&p, cli, &e);

    rc = rc == 0 ? find_asset(&p, cli_arg(cli, "ASSET"), &h.asset, &e) : rc;
    rc = rc == 0 ? check_extra(&p, cli_opt(cli, "extra"), &e) : rc;
    if (rc == 0) {
        memcpy(h.home, p.home, sizeof h.home);
        h.event = (struct engine_asset_event){.name = h.asset.name,
                                              .uri = h.asset.uri,
                                              .extra = cli_opt(cli, "extra"),
                                              .partition_key = cli_opt(cli, "partition-key"),
                                              .actor = session_actor()};
        rc = create_event(&h, &e);
    }
    if (rc == 0 && !cli_flag(cli, "quiet")) {
        (void)buf_printf(&p.out, "Asset %s has an event.\n", h.asset.name);
    }
    return close_page(&p, rc, &e);
}
