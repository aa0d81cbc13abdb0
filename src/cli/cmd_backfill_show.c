/* backfill list, backfill show; and how a backfill looks everywhere. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/time.h"
#include "cli/backfill_view.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "cli/session.h"
#include "cli/term.h"

/* ---- reading ---- */

int backfill_tally_of(struct store *s, int64_t backfill_key, struct arena *a,
                      struct backfill_tally *ret, struct err *e)
{
    struct backfill_count *counts;
    size_t n;
    int rc = s->ops->count_backfill(s, backfill_key, a, &counts, &n, e);

    *ret = (struct backfill_tally){0};
    for (size_t i = 0; rc == 0 && i < n; i++) {
        const struct backfill_count *c = &counts[i];
        uint32_t *to = &ret->broken;

        if (c->outcome == BACKFILL_PLANNED) {
            to = &ret->planned;
        } else if (c->outcome == BACKFILL_EXISTS || c->outcome == BACKFILL_IN_FLIGHT) {
            to = &ret->left;
        } else if (c->outcome == BACKFILL_CREATED || c->outcome == BACKFILL_CLEARED) {
            to = c->run_state < 0              ? &ret->gone
                 : c->run_state == RUN_QUEUED  ? &ret->queued
                 : c->run_state == RUN_RUNNING ? &ret->running
                 : c->run_state == RUN_SUCCESS ? &ret->success
                                               : &ret->failed;
        }
        *to += c->n;
    }
    return rc;
}

static bool is_number(const char *text)
{
    size_t n = strspn(text, "0123456789");

    return n > 0 && n < 19 && text[n] == '\0';
}

static int find_newest(struct backfill_view *v, const char *dag_id, struct err *e)
{
    struct backfill_row *rows;
    size_t n = 0;
    int rc = v->store->ops->find_dag(v->store, dag_id, &v->arena, &v->dag, e);

    rc = rc == 0 ? v->store->ops->get_backfills(v->store, v->dag.dag_key, false, 1, &v->arena,
                                                &rows, &n, e)
                 : rc;
    if (rc == 0 && n == 0) {
        rc = err_set(e, ERR_NOTFOUND, "DAG '%s' has had no backfill", dag_id);
    } else if (rc == 0) {
        v->row = rows[0];
    }
    return rc;
}

static int find_dag_of(struct backfill_view *v, struct err *e)
{
    struct dag_row *dags;
    size_t n = 0;
    int rc = v->store->ops->get_dags(v->store, &v->arena, &dags, &n, e);

    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (dags[i].dag_key == v->row.dag_key) {
            v->dag = dags[i];
        }
    }
    return rc;
}

int backfill_view_refresh(struct backfill_view *v, struct err *e)
{
    int64_t key = v->row.backfill_key;
    int rc = v->store->ops->get_backfill(v->store, key, &v->arena, &v->row, e);

    return rc == 0 ? backfill_tally_of(v->store, key, &v->arena, &v->tally, e) : rc;
}

int backfill_view_open(struct backfill_view *v, const char *home, const char *text, struct err *e)
{
    int rc;

    *v = (struct backfill_view){0};
    arena_init(&v->arena, MiB(512));
    rc = store_open_for_reading(home, &v->store, e);
    if (rc == 0 && is_number(text)) {
        v->row.backfill_key = strtoll(text, NULL, 10);
    } else if (rc == 0) {
        rc = find_newest(v, text, e);
    }
    rc = rc == 0 ? backfill_view_refresh(v, e) : rc;
    if (rc == -ERR_NOTFOUND && is_number(text)) {
        rc = err_set(e, ERR_NOTFOUND, "there is no backfill %s; see `tradewind backfill list`",
                     text);
    }
    return rc == 0 ? find_dag_of(v, e) : rc;
}

void backfill_view_fini(struct backfill_view *v)
{
    store_close(v->store);
    arena_fini(&v->arena);
}

/* ---- words ---- */

int backfill_exit_code(const struct backfill_row *r, const struct backfill_tally *t)
{
    return t->failed > 0 || t->broken > 0 || r->cancelled_us != TIME_NONE;
}

const char *backfill_state_word(const struct backfill_row *r, const struct backfill_tally *t)
{
    if (r->cancelled_us != TIME_NONE) {
        return "cancelled";
    }
    if (r->completed_us == TIME_NONE) {
        return r->paused ? "paused" : "running";
    }
    return backfill_exit_code(r, t) == 0 ? "success" : "failed";
}

static void part(struct buf *out, const char **before, uint32_t n, const char *word)
{
    if (n > 0) {
        (void)buf_printf(out, "%s%u %s", *before, n, word);
        *before = ", ";
    }
}

void backfill_tally_text(const struct backfill_row *r, const struct backfill_tally *t,
                         struct buf *out)
{
    bool cancelled = r->cancelled_us != TIME_NONE;
    uint32_t done = t->success + t->failed + t->left + t->broken + t->gone;
    const char *before = ": ";

    (void)buf_printf(out, "%u of %u dates done", done, r->dates);
    part(out, &before, t->success, "success");
    part(out, &before, t->failed, "failed");
    part(out, &before, t->left, "left as they are");
    part(out, &before, t->broken, "could not be run");
    part(out, &before, t->gone, "deleted since");
    before = "; ";
    part(out, &before, t->running, "running");
    part(out, &before, t->queued, "queued");
    part(out, &before, t->planned, cancelled ? "cancelled" : "to come");
}

static void json_time(struct json_writer *w, const char *key, int64_t t)
{
    char text[TIME_TEXT_MAX];

    json_key(w, key);
    json_string(w, t == TIME_NONE ? NULL : time_format(t, text));
}

static void json_count(struct json_writer *w, const char *key, uint32_t n)
{
    json_key(w, key);
    json_int(w, n);
}

void backfill_members(struct json_writer *w, const struct backfill_row *r, const char *dag_id,
                      const struct backfill_tally *t)
{
    json_key(w, "id");
    json_int(w, r->backfill_key);
    json_key(w, "dag_id");
    json_string(w, dag_id);
    json_key(w, "state");
    json_string(w, backfill_state_word(r, t));
    json_time(w, "from_date", r->from_us);
    json_time(w, "to_date", r->to_us);
    json_key(w, "dag_run_conf");
    if (r->conf != NULL) {
        json_raw(w, r->conf, strlen(r->conf));
    } else {
        json_null(w);
    }
    json_key(w, "is_paused");
    json_bool(w, r->paused);
    json_key(w, "reprocess_behavior");
    json_string(w, backfill_reprocess_to_string(r->reprocess));
    json_key(w, "max_active_runs");
    json_int(w, r->max_active_runs);
    json_key(w, "run_backwards");
    json_bool(w, r->backwards);
    json_key(w, "run_on_latest_version");
    json_bool(w, !r->own_version);
    json_key(w, "triggering_user_name");
    json_string(w, r->actor);
    json_time(w, "created_at", r->created_us);
    json_time(w, "completed_at", r->completed_us);
    json_time(w, "cancelled_at", r->cancelled_us);
    json_count(w, "num_runs", r->dates);
    json_key(w, "counts");
    json_object(w);
    json_count(w, "planned", t->planned);
    json_count(w, "queued", t->queued);
    json_count(w, "running", t->running);
    json_count(w, "success", t->success);
    json_count(w, "failed", t->failed);
    json_count(w, "left", t->left);
    json_count(w, "broken", t->broken);
    json_count(w, "deleted", t->gone);
    json_object_end(w);
}

/* ---- list ---- */

static const char *dag_id_of(const struct dag_row *dags, size_t n, int64_t key)
{
    for (size_t i = 0; i < n; i++) {
        if (dags[i].dag_key == key) {
            return dags[i].dag_id;
        }
    }
    return "?";
}

struct listing {
    struct backfill_view v; /* its arena and store */
    struct backfill_row *rows;
    struct backfill_tally *tallies;
    size_t len;
    struct dag_row *dags;
    size_t dags_len;
};

static int read_listing(struct listing *l, struct cli *cli, const char *home, struct err *e)
{
    const char *dag_id = cli_arg(cli, "DAG");
    struct arena *a = &l->v.arena;
    int rc = store_open_for_reading(home, &l->v.store, e);
    struct store *s = l->v.store;

    rc = rc == 0 && dag_id != NULL ? s->ops->find_dag(s, dag_id, a, &l->v.dag, e) : rc;
    rc = rc == 0 ? s->ops->get_dags(s, a, &l->dags, &l->dags_len, e) : rc;
    rc = rc == 0 ? s->ops->get_backfills(s, l->v.dag.dag_key, cli_flag(cli, "active"),
                                         (size_t)cli_opt_int(cli, "limit"), a, &l->rows, &l->len, e)
                 : rc;
    l->tallies = rc == 0 ? arena_array(a, l->len + 1, sizeof *l->tallies) : NULL;
    rc = rc == 0 && l->tallies == NULL ? err_set(e, ERR_NOMEM, "out of memory") : rc;
    for (size_t i = 0; rc == 0 && i < l->len; i++) {
        rc = backfill_tally_of(s, l->rows[i].backfill_key, a, &l->tallies[i], e);
    }
    return rc;
}

static void list_json(const struct listing *l, struct buf *out)
{
    struct json_writer w;

    json_writer_init(&w, out, 2);
    json_array(&w);
    for (size_t i = 0; i < l->len; i++) {
        json_object(&w);
        backfill_members(&w, &l->rows[i], dag_id_of(l->dags, l->dags_len, l->rows[i].dag_key),
                         &l->tallies[i]);
        json_object_end(&w);
    }
    json_array_end(&w);
    (void)buf_char(out, '\n');
}

static void list_table(const struct listing *l, struct buf *out)
{
    static const struct table_column columns[] = {{.title = "ID", .right = true},
                                                  {.title = "DAG"},
                                                  {.title = "STATE"},
                                                  {.title = "FROM"},
                                                  {.title = "TO"},
                                                  {.title = "DATES", .right = true},
                                                  {.title = "HOW FAR", .wide = true}};
    struct table *t = table_new(columns, 7);
    char text[TIME_TEXT_MAX];

    for (size_t i = 0; t != NULL && i < l->len; i++) {
        const struct backfill_row *r = &l->rows[i];
        struct buf b BUF_CLEANUP;

        buf_init(&b, KiB(1));
        backfill_tally_text(r, &l->tallies[i], &b);
        table_cellf(t, "%lld", (long long)r->backfill_key);
        table_cell(t, dag_id_of(l->dags, l->dags_len, r->dag_key));
        table_cell(t, backfill_state_word(r, &l->tallies[i]));
        table_cell(t, print_time(r->from_us, text));
        table_cell(t, print_time(r->to_us, text));
        table_cellf(t, "%u", r->dates);
        table_cell(t, buf_cstr(&b));
    }
    print_table(t, out);
}

int cmd_backfill_list(struct cli *cli)
{
    struct listing l = {0};
    char home[4096];
    struct err e = {0};
    struct buf out BUF_CLEANUP;
    int rc = home_resolve(cli_opt(cli, "home"), home, sizeof home, &e);

    buf_init(&out, MiB(64));
    arena_init(&l.v.arena, MiB(512));
    rc = rc == 0 ? read_listing(&l, cli, home, &e) : rc;
    if (rc == 0 && cli_flag(cli, "json")) {
        list_json(&l, &out);
    } else if (rc == 0) {
        list_table(&l, &out);
    }
    (void)fputs(buf_cstr(&out), stdout);
    backfill_view_fini(&l.v);
    return rc != 0 ? cli_fail(rc, &e) : 0;
}

/* ---- show ---- */

struct showing {
    struct cli *cli;
    struct backfill_view v;
    struct backfill_run_row *dates;
    size_t len;
    struct err e;
};

/* What to say of a date: the run's state, or why there is none. */
static const char *word_of(struct showing *s, const struct backfill_run_row *d, struct run_row *run)
{
    struct store *store = s->v.store;

    if (d->run_key == 0 || store->ops->get_run(store, d->run_key, &s->v.arena, run, NULL) != 0) {
        *run = (struct run_row){.start_us = TIME_NONE, .end_us = TIME_NONE};
    }
    if (d->outcome == BACKFILL_PLANNED && s->v.row.cancelled_us != TIME_NONE) {
        return backfill_outcome_to_string(BACKFILL_CANCELLED);
    }
    if (d->outcome != BACKFILL_CREATED && d->outcome != BACKFILL_CLEARED) {
        return backfill_outcome_to_string(d->outcome);
    }
    return run->run_id != NULL ? run_state_to_string(run->state) : "deleted";
}

static void show_dates_json(struct showing *s, struct json_writer *w)
{
    json_key(w, "dates");
    json_array(w);
    for (size_t i = 0; i < s->len; i++) {
        const struct backfill_run_row *d = &s->dates[i];
        struct run_row run;
        const char *word = word_of(s, d, &run);

        json_object(w);
        json_key(w, "sort_ordinal");
        json_int(w, d->ordinal);
        json_time(w, "logical_date", d->logical_us);
        json_time(w, "data_interval_start", d->start_us);
        json_time(w, "data_interval_end", d->end_us);
        json_key(w, "run_id");
        json_string(w, run.run_id);
        json_key(w, "outcome");
        json_string(w, backfill_outcome_to_string(d->outcome));
        json_key(w, "state");
        json_string(w, word);
        json_object_end(w);
    }
    json_array_end(w);
}

static void show_dates(struct showing *s, struct buf *out)
{
    static const struct table_column columns[] = {{.title = "#", .right = true},
                                                  {.title = "LOGICAL DATE"},
                                                  {.title = "STATE"},
                                                  {.title = "RUN", .wide = true},
                                                  {.title = "STARTED"},
                                                  {.title = "TOOK", .right = true}};
    struct table *t = table_new(columns, 6);
    char text[TIME_TEXT_MAX];

    for (size_t i = 0; t != NULL && i < s->len; i++) {
        struct run_row run;
        const char *word = word_of(s, &s->dates[i], &run);

        table_cellf(t, "%u", s->dates[i].ordinal);
        table_cell(t, print_time(s->dates[i].logical_us, text));
        table_cell(t, word);
        table_cell(t, run.run_id);
        table_cell(t, print_time(run.start_us, text));
        table_cell(t, print_span(run.start_us, run.end_us, text));
    }
    print_table(t, out);
}

static void show_next(struct showing *s, struct buf *out)
{
    struct store *store = s->v.store;
    struct backfill_run_row *next;
    char when[TIME_TEXT_MAX];
    size_t n = 0;

    if (s->v.row.completed_us == TIME_NONE && s->v.row.cancelled_us == TIME_NONE &&
        store->ops->get_backfill_runs(store, s->v.row.backfill_key, true, 1, 1, &s->v.arena, &next,
                                      &n, NULL) == 0 &&
        n > 0) {
        (void)buf_printf(out, "next: %s (date %u of %u)\n", print_time(next[0].logical_us, when),
                         next[0].ordinal, s->v.row.dates);
    }
    if (s->v.row.completed_us == TIME_NONE && s->v.dag.paused) {
        (void)buf_printf(
            out, "waits: DAG %s is paused; `tradewind dags unpause %s` lets its runs start\n",
            s->v.dag.dag_id, s->v.dag.dag_id);
    } else if (s->v.row.completed_us == TIME_NONE && s->v.row.paused) {
        (void)buf_printf(out, "waits: it is paused; `tradewind backfill unpause %lld` goes on\n",
                         (long long)s->v.row.backfill_key);
    } else if (s->v.row.completed_us == TIME_NONE &&
               s->v.tally.running >= (uint32_t)s->v.row.max_active_runs) {
        (void)buf_printf(out, "waits: it has %u of %d active runs\n", s->v.tally.running,
                         s->v.row.max_active_runs);
    }
}

static void show_text(struct showing *s, struct buf *out)
{
    const struct backfill_row *r = &s->v.row;
    char from[TIME_TEXT_MAX], to[TIME_TEXT_MAX];

    (void)buf_printf(out, "backfill %lld of %s  %s  %s to %s%s\n", (long long)r->backfill_key,
                     s->v.dag.dag_id != NULL ? s->v.dag.dag_id : "?",
                     backfill_state_word(r, &s->v.tally), print_time(r->from_us, from),
                     print_time(r->to_us, to), r->backwards ? ", backwards" : "");
    (void)buf_printf(out, "at most %d runs at once, reprocess %s%s%s\n", r->max_active_runs,
                     backfill_reprocess_to_string(r->reprocess),
                     r->actor != NULL ? ", asked for by " : "", r->actor != NULL ? r->actor : "");
    backfill_tally_text(r, &s->v.tally, out);
    (void)buf_char(out, '\n');
    show_next(s, out);
    (void)buf_char(out, '\n');
    show_dates(s, out);
    if (s->len < r->dates) {
        (void)buf_printf(out, "(%zu of %u dates; --limit shows more)\n", s->len, r->dates);
    }
}

static void show_json(struct showing *s, struct buf *out)
{
    struct json_writer w;

    json_writer_init(&w, out, 2);
    json_object(&w);
    backfill_members(&w, &s->v.row, s->v.dag.dag_id, &s->v.tally);
    show_dates_json(s, &w);
    json_object_end(&w);
    (void)buf_char(out, '\n');
}

int cmd_backfill_show(struct cli *cli)
{
    struct showing s = {.cli = cli};
    char home[4096];
    struct buf out BUF_CLEANUP;
    int rc = home_resolve(cli_opt(cli, "home"), home, sizeof home, &s.e);

    buf_init(&out, MiB(256));
    rc = rc == 0 ? backfill_view_open(&s.v, home, cli_arg(cli, "BACKFILL"), &s.e) : rc;
    if (rc == 0) {
        rc = s.v.store->ops->get_backfill_runs(s.v.store, s.v.row.backfill_key, false, 1,
                                               (size_t)cli_opt_int(cli, "limit"), &s.v.arena,
                                               &s.dates, &s.len, &s.e);
    }
    if (rc == 0 && cli_flag(cli, "json")) {
        show_json(&s, &out);
    } else if (rc == 0) {
        show_text(&s, &out);
    }
    (void)fputs(buf_cstr(&out), stdout);
    backfill_view_fini(&s.v);
    return rc != 0 ? cli_fail(rc, &s.e) : 0;
}
