/* runs list, runs show. */
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/time.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/lookup.h"
#include "cli/print.h"
#include "cli/session.h"
#include "cli/term.h"

/* ---- list ---- */

struct listing {
    struct found f; /* only its arena and store */
    struct run_row *runs;
    size_t len;
    struct dag_row *dags;
    size_t dags_len;
    const struct note_row **notes; /* of each run its own, or NULL */
};

static const char *dag_id_of(const struct listing *l, int64_t dag_key)
{
    for (size_t i = 0; i < l->dags_len; i++) {
        if (l->dags[i].dag_key == dag_key) {
            return l->dags[i].dag_id;
        }
    }
    return "?";
}

static void list_json(const struct listing *l, struct buf *out)
{
    struct json_writer w;

    json_writer_init(&w, out, 2);
    json_array(&w);
    for (size_t i = 0; i < l->len; i++) {
        json_object(&w);
        print_run_members(&w, &l->runs[i], dag_id_of(l, l->runs[i].dag_key));
        print_note_members(&w, l->notes[i]);
        json_object_end(&w);
    }
    json_array_end(&w);
    (void)buf_char(out, '\n');
}

static void list_table(const struct listing *l, struct buf *out)
{
    static const struct table_column columns[] = {
        {.title = "DAG"},     {.title = "RUN", .wide = true},   {.title = "STATE"},
        {.title = "STARTED"}, {.title = "TOOK", .right = true}, {.title = "NOTE", .wide = true},
    };
    bool noted = false;
    struct table *t;
    char text[TIME_TEXT_MAX];

    for (size_t i = 0; i < l->len; i++) {
        noted = noted || l->notes[i] != NULL;
    }
    t = table_new(columns, noted ? 6 : 5);
    for (size_t i = 0; t != NULL && i < l->len; i++) {
        const struct run_row *r = &l->runs[i];

        table_cell(t, dag_id_of(l, r->dag_key));
        table_cell(t, r->run_id);
        table_run_state(t, r->state);
        table_cell(t, print_time(r->start_us, text));
        table_cell(t, print_span(r->start_us, r->end_us, text));
        if (noted) {
            table_cell(t, l->notes[i] != NULL ? l->notes[i]->text : "");
        }
    }
    print_table(t, out);
}

/* Of each run its own note. */
static int load_notes(struct listing *l, struct err *e)
{
    int64_t *keys = arena_array(&l->f.arena, l->len + 1, sizeof *keys);
    struct note_row *rows;
    size_t n = 0;
    int rc;

    l->notes = arena_array(&l->f.arena, l->len + 1, sizeof *l->notes);
    if (l->notes == NULL || keys == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for notes");
    }
    for (size_t i = 0; i < l->len; i++) {
        keys[i] = l->runs[i].run_key;
    }
    rc = l->f.store->ops->get_run_notes(l->f.store, keys, l->len, &l->f.arena, &rows, &n, e);
    for (size_t i = 0; rc == 0 && i < l->len; i++) {
        l->notes[i] = store_run_note(rows, n, keys[i]);
    }
    return rc;
}

static int64_t time_option(struct cli *cli, const char *name, int64_t dflt)
{
    const char *text = cli_opt(cli, name);
    int64_t t = dflt;

    return text != NULL && time_parse(text, strlen(text), &t) == 0 ? t : dflt;
}

#define PAGE 1000

/* Those whose logical date lies in the range, the newest first, up to the limit. */
static int runs_between(struct cli *cli, struct listing *l, unsigned states, struct err *e)
{
    int64_t from = time_option(cli, "from", INT64_MIN), to = time_option(cli, "to", INT64_MAX),
            after = 0;
    size_t limit = (size_t)cli_opt_int(cli, "limit"), n = PAGE, cap = 0;
    struct run_row *rows, *all = NULL;
    int rc = 0;

    while (rc == 0 && n == PAGE && l->len < limit) {
        rc = l->f.store->ops->get_runs(l->f.store, l->f.dag_row.dag_key, states, after, PAGE,
                                       &l->f.arena, &rows, &n, e);
        for (size_t i = 0; rc == 0 && i < n && l->len < limit; i++) {
            after = rows[i].run_key;
            if (rows[i].logical_date_us >= from && rows[i].logical_date_us <= to) {
                rc = VEC_PUSH(all, l->len, cap, rows[i]);
            }
        }
    }
    l->runs = all;
    return rc == -ERR_NOMEM ? err_set(e, ERR_NOMEM, "out of memory for a list of runs") : rc;
}

/* Those of a backfill, in its order. */
static int runs_of_backfill(struct cli *cli, struct listing *l, unsigned states, struct err *e)
{
    size_t limit = (size_t)cli_opt_int(cli, "limit"), n = 0, cap = 0;
    struct store *s = l->f.store;
    struct run_row *all = NULL, run;
    struct backfill_run_row *dates;
    struct backfill_row b;
    int rc = s->ops->get_backfill(s, cli_opt_int(cli, "backfill"), &l->f.arena, &b, e);

    rc = rc == 0
             ? s->ops->get_backfill_runs(s, b.backfill_key, false, 1, 0, &l->f.arena, &dates, &n, e)
             : rc;
    for (size_t i = 0; rc == 0 && i < n && l->len < limit; i++) {
        if ((dates[i].outcome == BACKFILL_CREATED || dates[i].outcome == BACKFILL_CLEARED) &&
            s->ops->get_run(s, dates[i].run_key, &l->f.arena, &run, NULL) == 0 &&
            (states == 0 || (states >> run.state & 1) != 0)) {
            rc = VEC_PUSH(all, l->len, cap, run);
        }
    }
    l->runs = all;
    return rc == -ERR_NOMEM ? err_set(e, ERR_NOMEM, "out of memory for a list of runs") : rc;
}

int cmd_runs_list(struct cli *cli)
{
    const char *dag_id = cli_arg(cli, "DAG"), *state = cli_opt(cli, "state");
    struct listing l = {0};
    char home[4096];
    struct err e = {0};
    struct buf out BUF_CLEANUP;
    unsigned states = 0;
    int rc = home_resolve(cli_opt(cli, "home"), home, sizeof home, &e);

    buf_init(&out, MiB(64));
    arena_init(&l.f.arena, MiB(512));
    if (rc == 0 && state != NULL) {
        int s = run_state_from_string(state);

        rc = s < 0 ? err_set(&e, ERR_USAGE,
                             "--state is queued, running, success or failed, not '%s'", state)
                   : 0;
        states = s < 0 ? 0 : 1u << s;
    }
    rc = rc == 0 ? store_open_for_reading(home, &l.f.store, &e) : rc;
    if (rc == 0 && dag_id != NULL) {
        rc = l.f.store->ops->find_dag(l.f.store, dag_id, &l.f.arena, &l.f.dag_row, &e);
        if (rc == -ERR_NOTFOUND) {
            rc = err_set(&e, ERR_NOTFOUND, "no DAG '%s' has run yet; see `tradewind dags list`",
                         dag_id);
        }
    }
    rc = rc == 0 ? l.f.store->ops->get_dags(l.f.store, &l.f.arena, &l.dags, &l.dags_len, &e) : rc;
    if (rc == 0) {
        rc = cli_given(cli, "backfill") ? runs_of_backfill(cli, &l, states, &e)
                                        : runs_between(cli, &l, states, &e);
    }
    rc = rc == 0 ? load_notes(&l, &e) : rc;
    if (rc == 0 && cli_flag(cli, "json")) {
        list_json(&l, &out);
    } else if (rc == 0) {
        list_table(&l, &out);
    }
    (void)fputs(buf_cstr(&out), stdout);
    mem_free(l.runs);
    found_fini(&l.f);
    return rc != 0 ? cli_fail(rc, &e) : 0;
}

/* ---- show ---- */

/* Members of `python` of a DAG's document; NULL without kept sources. */
static const struct value *source_member(const struct dag *d, const char *name)
{
    const struct value *python = value_get(d->document, "python");

    return python != NULL && value_get(python, "tree") != NULL ? value_get(python, name) : NULL;
}

/* Which version of its DAG the run has, and the files that it was made from. */
static void version_json(struct json_writer *w, const struct dag *d)
{
    const struct value *tree = source_member(d, "tree"), *root = source_member(d, "root");
    const struct value *files = source_member(d, "sources");

    json_key(w, "version");
    json_string(w, d->hash);
    if (d->bundle_version != NULL) {
        json_key(w, "bundle");
        json_string(w, d->bundle);
        json_key(w, "bundle_version");
        json_string(w, d->bundle_version);
    }
    if (tree == NULL || root == NULL || files == NULL || files->kind != VALUE_OBJECT) {
        return;
    }
    json_key(w, "sources");
    json_object(w);
    json_key(w, "tree");
    json_value(w, tree);
    json_key(w, "folder");
    json_value(w, root);
    json_key(w, "files");
    json_array(w);
    for (size_t i = 0; i < files->len; i++) {
        json_string(w, files->keys[i].text);
    }
    json_array_end(w);
    json_object_end(w);
}

static void version_text(struct buf *out, const struct dag *d)
{
    const struct value *tree = source_member(d, "tree"), *files = source_member(d, "sources");

    (void)buf_printf(out, "version %.12s", d->hash);
    if (d->bundle_version != NULL && d->bundle != NULL) {
        (void)buf_printf(out, ", commit %.12s of %s", d->bundle_version, d->bundle);
    }
    if (tree != NULL && files != NULL && tree->kind == VALUE_STRING) {
        (void)buf_printf(out, ", sources %.12s (%zu file%s)", tree->text, files->len,
                         files->len == 1 ? "" : "s");
    }
    (void)buf_char(out, '\n');
}

/* ---- deadlines ---- */

static int64_t wall_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * TIME_SECOND + t.tv_nsec / 1000;
}

static bool is_missed(const struct found *f, const struct deadline_row *r)
{
    return r->missed_us != TIME_NONE || (f->run.end_us != TIME_NONE && f->run.end_us > r->due_us);
}

/* By how much: of a run that goes on so far. */
static int64_t lateness(const struct found *f, const struct deadline_row *r)
{
    return (f->run.end_us != TIME_NONE ? f->run.end_us : wall_us()) - r->due_us;
}

static void deadlines_text(const struct found *f, const struct deadline_row *rows, size_t n,
                           struct buf *out)
{
    char text[TIME_TEXT_MAX];

    for (size_t i = 0; i < n; i++) {
        const struct deadline_row *r = &rows[i];
        const char *name = r->name != NULL ? r->name : "";

        (void)buf_printf(out, "deadline%s%s ", name[0] != '\0' ? " " : "", name);
        if (is_missed(f, r) && lateness(f, r) > 0) {
            (void)buf_printf(out, "missed by %s", duration_format(lateness(f, r), text));
        } else if (is_missed(f, r)) {
            (void)buf_str(out, "missed");
        } else {
            (void)buf_str(out, run_state_finished(f->run.state) ? "met" : "open");
        }
        (void)buf_printf(out, " (%s)\n", print_time(r->due_us, text));
    }
}

static void deadlines_json(const struct found *f, const struct deadline_row *rows, size_t n,
                           struct json_writer *w)
{
    char text[TIME_TEXT_MAX];

    json_key(w, "deadlines");
    json_array(w);
    for (size_t i = 0; i < n; i++) {
        json_object(w);
        json_key(w, "name");
        json_string(w, rows[i].name);
        json_key(w, "deadline_time");
        json_string(w, time_format(rows[i].due_us, text));
        json_key(w, "missed");
        json_bool(w, is_missed(f, &rows[i]));
        json_object_end(w);
    }
    json_array_end(w);
}

/* Tasks that an earlier version of the run had. */
static void gone_json(struct json_writer *w, struct found *f)
{
    struct gone_row *rows = NULL;
    size_t n = 0;

    if (f->store->ops->get_gone(f->store, f->run.run_key, &f->arena, &rows, &n, NULL) != 0) {
        n = 0;
    }
    json_key(w, "removed_tasks");
    json_array(w);
    for (size_t i = 0; i < n; i++) {
        json_string(w, rows[i].task_id);
    }
    json_array_end(w);
}

static void gone_text(struct buf *out, struct found *f)
{
    struct gone_row *rows = NULL;
    size_t n = 0;

    if (f->store->ops->get_gone(f->store, f->run.run_key, &f->arena, &rows, &n, NULL) == 0 &&
        n > 0) {
        (void)buf_printf(out, "\nremoved, as its version does not have them: ");
        for (size_t i = 0; i < n; i++) {
            (void)buf_printf(out, "%s%s", i > 0 ? ", " : "", rows[i].task_id);
        }
        (void)buf_char(out, '\n');
    }
}

static void show_json(struct found *f, const struct deadline_row *deadlines, size_t deadlines_len,
                      struct buf *out)
{
    struct json_writer w;
    size_t at = 0;

    json_writer_init(&w, out, 2);
    json_object(&w);
    print_run_members(&w, &f->run, f->dag->dag_id);
    version_json(&w, f->dag);
    deadlines_json(f, deadlines, deadlines_len, &w);
    print_note_members(&w, found_note(f, &(struct ti_key){0, NOTE_OF_RUN, -1}));
    gone_json(&w, f);
    json_key(&w, "tasks");
    json_array(&w);
    for (uint32_t t = 0; t < f->dag->tasks_len; t++) {
        struct ti_row row = found_ti(f, t);

        json_object(&w);
        print_ti_members(&w, &row, f->dag->tasks[t].task_id);
        print_note_members(&w, found_note(f, &(struct ti_key){0, t, -1}));
        json_object_end(&w);
        /* Programs get the instances of a mapped task too; people its counts. */
        while (at < f->tis_len && f->tis[at].key.task <= t) {
            if (f->tis[at].key.task == t && f->tis[at].key.map_index >= 0) {
                json_object(&w);
                print_ti_members(&w, &f->tis[at], f->dag->tasks[t].task_id);
                print_note_members(&w, found_note(f, &f->tis[at].key));
                json_object_end(&w);
            }
            at++;
        }
    }
    json_array_end(&w);
    json_object_end(&w);
    (void)buf_char(out, '\n');
}

static void show_text(struct found *f, const struct deadline_row *deadlines, size_t deadlines_len,
                      struct buf *out)
{
    const struct note_row *note;
    char a[TIME_TEXT_MAX];

    (void)buf_printf(out, "%s  %s  ", f->dag->dag_id, f->run.run_id);
    (void)term_run_state(out, f->run.state);
    (void)buf_printf(out, "  started %s", print_time(f->run.start_us, a));
    (void)buf_printf(out, "  took %s\n", print_span(f->run.start_us, f->run.end_us, a));
    version_text(out, f->dag);
    if (f->run.reason != NULL) {
        (void)buf_printf(out, "%s\n", f->run.reason);
    }
    deadlines_text(f, deadlines, deadlines_len, out);
    note = found_note(f, &(struct ti_key){0, NOTE_OF_RUN, -1});
    if (note != NULL) {
        (void)buf_printf(out, "note: %s\n", note->text);
    }
    (void)buf_char(out, '\n');
    print_tis(f, out);
    gone_text(out, f);
}

int cmd_runs_show(struct cli *cli)
{
    char home[4096];
    struct found f = {0};
    struct err e = {0};
    struct buf out BUF_CLEANUP;
    struct deadline_row *deadlines = NULL;
    size_t deadlines_len = 0;
    int rc = home_resolve(cli_opt(cli, "home"), home, sizeof home, &e);

    buf_init(&out, MiB(256));
    if (rc == 0) {
        rc = found_open(&f, home, cli_arg(cli, "DAG"), cli_arg(cli, "RUN"), NULL, &e);
    }
    rc = rc == 0 ? f.store->ops->get_deadlines(f.store, f.run.run_key, &f.arena, &deadlines,
                                               &deadlines_len, &e)
                 : rc;
    if (rc == 0 && cli_flag(cli, "json")) {
        show_json(&f, deadlines, deadlines_len, &out);
    } else if (rc == 0) {
        show_text(&f, deadlines, deadlines_len, &out);
    }
    (void)fputs(buf_cstr(&out), stdout);
    found_fini(&f);
    return rc != 0 ? cli_fail(rc, &e) : 0;
}
