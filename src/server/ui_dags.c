/* /ui/dags: the list of DAGs, each with its last runs. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/map.h"
#include "base/mem.h"
#include "engine/settings.h"
#include "engine/timing.h"
#include "runtime/loop.h"
#include "sched/due.h"
#include "server/ui.h"

#define RECENT_RUNS 14

struct entry {
    const struct dag_row *row;
    const struct parsed_dag_row *parsed; /* or NULL: no file is known to have it */
    int64_t last_us;                     /* run_after of its newest run; TIME_NONE: it has none */
    int last_state;                      /* of it; -1 */
};

struct listing {
    struct call *c;
    struct store *s;
    struct entry *entries;
    size_t len;
    struct api_files files;
    struct import_error_row *errors;
    size_t errors_len;
    struct ui_question *questions;
    size_t questions_len;
    struct setting_row *favorites; /* of everybody */
    size_t favorites_len;
};

/* ---- which ---- */

/* Whether a JSON array of texts has one that fits. whole: as it is; else a part of it, whatever its case. */
static bool list_has(struct call *c, const char *json, const char *text, bool whole)
{
    struct value *v;

    if (json == NULL || value_parse(&c->arena, json, strlen(json), &v, NULL) != 0 ||
        v->kind != VALUE_ARRAY) {
        return false;
    }
    for (size_t i = 0; i < v->len; i++) {
        const char *one = v->elems[i]->kind == VALUE_STRING ? v->elems[i]->text : "";

        if (whole ? strcmp(one, text) == 0 : strcasestr(one, text) != NULL) {
            return true;
        }
    }
    return false;
}

/* Of a DAG that no file is known of: from its document. */
static int facts_of(struct listing *l, struct entry *e, struct err *er)
{
    struct parsed_dag_row *p;
    const struct dag *d;
    struct buf b BUF_CLEANUP = {0};
    struct json_writer w;
    int rc;

    if (e->parsed != NULL) {
        return 0;
    }
    rc = server_dag(l->c, e->row->version_key, &d, er);
    p = arena_alloc(&l->c->arena, sizeof *p);
    if (rc != 0 || p == NULL) {
        return rc != 0 ? rc : err_set(er, ERR_NOMEM, "out of memory for DAGs");
    }
    buf_init(&b, MiB(1));
    json_writer_init(&w, &b, 0);
    json_array(&w);
    for (uint32_t i = 0; i < d->tags_len; i++) {
        json_string(&w, d->tags[i]);
    }
    json_array_end(&w);
    *p = (struct parsed_dag_row){.dag_id = e->row->dag_id, .active = true, .parsed_us = TIME_NONE};
    p->tags = arena_strdup(&l->c->arena, buf_cstr(&b));
    p->owners = "[]";
    e->parsed = p;
    return p->tags != NULL ? 0 : err_set(er, ERR_NOMEM, "out of memory for DAGs");
}

static bool fits_words(struct listing *l, const struct entry *e)
{
    const char *search = call_query(l->c, "search"), *tag;
    size_t at = 0;

    if (search != NULL && *search != '\0' && strcasestr(e->row->dag_id, search) == NULL &&
        !list_has(l->c, e->parsed->tags, search, false) &&
        !list_has(l->c, e->parsed->owners, search, false)) {
        return false;
    }
    while ((tag = call_query_next(l->c, "tags", &at)) != NULL) {
        if (*tag != '\0' && !list_has(l->c, e->parsed->tags, tag, true)) {
            return false;
        }
    }
    return true;
}

static int last_run(struct listing *l, struct entry *e, struct err *er)
{
    struct run_row *runs;
    size_t n = 0;
    int rc = l->s->ops->get_runs(l->s, e->row->dag_key, 0, 0, 1, &l->c->arena, &runs, &n, er);

    e->last_us = n == 1 ? runs[0].run_after_us : TIME_NONE;
    e->last_state = n == 1 ? runs[0].state : -1;
    return rc;
}

/* A setting of this kind, "ACTOR\nDAG", says who likes which DAG. */
static bool is_favorite(const struct listing *l, const struct entry *e)
{
    size_t n = strlen(l->c->actor);

    for (size_t i = 0; i < l->favorites_len; i++) {
        const char *name = l->favorites[i].name;

        if (strncmp(name, l->c->actor, n) == 0 && name[n] == '\n' &&
            strcmp(name + n + 1, e->row->dag_id) == 0) {
            return true;
        }
    }
    return false;
}

static int filter(struct listing *l, struct err *er)
{
    struct call *c = l->c;
    const char *paused = call_query(c, "paused"), *order = call_query(c, "order_by");
    const char *favorite = call_query(c, "favorite");
    bool stale = call_query_bool(c, "stale", false), words, by_run;
    unsigned states;
    size_t kept = 0;
    int rc = api_run_states(c, "state", &states, er);

    words = call_query(c, "search") != NULL || call_query(c, "tags") != NULL;
    by_run = states != 0 || (order != NULL && strstr(order, "last_run") != NULL);
    for (size_t i = 0; rc == 0 && i < l->len; i++) {
        struct entry e = l->entries[i];

        if ((!stale && e.parsed != NULL && !e.parsed->active) ||
            (paused != NULL && *paused != '\0' &&
             e.row->paused != call_query_bool(c, "paused", false)) ||
            (favorite != NULL && *favorite != '\0' &&
             is_favorite(l, &e) != call_query_bool(c, "favorite", false))) {
            continue;
        }
        rc = words ? facts_of(l, &e, er) : 0;
        if (rc != 0 || (words && !fits_words(l, &e))) {
            continue;
        }
        rc = by_run ? last_run(l, &e, er) : 0;
        if (rc == 0 && (states == 0 || (e.last_state >= 0 && (states >> e.last_state & 1) != 0))) {
            l->entries[kept++] = e;
        }
    }
    l->len = kept;
    return rc;
}

static int by_id(const void *x, const void *y)
{
    const struct entry *a = x, *b = y;

    return strcmp(a->row->dag_id, b->row->dag_id);
}

static int by_last(const void *x, const void *y)
{
    const struct entry *a = x, *b = y;

    return a->last_us != b->last_us ? (a->last_us < b->last_us ? -1 : 1) : by_id(x, y);
}

static int sort(struct listing *l, struct err *er)
{
    static const char *const orders[] = {"dag_id", "last_run", NULL};
    size_t order;
    bool down;
    int rc = api_order(l->c, orders, 0, false, &order, &down, er);

    if (rc == 0 && l->len > 1) {
        qsort(l->entries, l->len, sizeof *l->entries, order == 1 ? by_last : by_id);
    }
    for (size_t i = 0; rc == 0 && down && i < l->len / 2; i++) {
        struct entry e = l->entries[i];

        l->entries[i] = l->entries[l->len - 1 - i];
        l->entries[l->len - 1 - i] = e;
    }
    return rc;
}

static int gather(struct listing *l, struct err *e)
{
    struct arena *a = &l->c->arena;
    struct parsed_dag_row *parsed;
    struct dag_row *rows;
    size_t n = 0, m = 0, k = 0;
    int rc = server_store(l->c, &l->s, e);

    rc = rc == 0 ? api_get_dags(l->c, false, &rows, &n, e) : rc;
    rc = rc == 0 ? api_files(l->c, &l->files, e) : rc;
    rc = rc == 0 ? l->s->ops->get_parsed_dags(l->s, NULL, a, &parsed, &m, e) : rc;
    rc = rc == 0 ? l->s->ops->get_import_errors(l->s, 0, 0, 0, a, &l->errors, &l->errors_len, e)
                 : rc;
    rc = rc == 0 ? l->s->ops->get_settings(l->s, SETTING_FAVORITE, NULL, a, &l->favorites,
                                           &l->favorites_len, e)
                 : rc;
    l->entries = rc == 0 ? arena_array(a, n + 1, sizeof *l->entries) : NULL;
    if (rc == 0 && l->entries == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for DAGs");
    }
    for (size_t i = 0; rc == 0 && i < n; i++) { /* both are by dag_id */
        while (k < m && strcmp(parsed[k].dag_id, rows[i].dag_id) < 0) {
            k++;
        }
        l->entries[i].row = &rows[i];
        l->entries[i].last_us = TIME_NONE;
        l->entries[i].last_state = -1;
        if (k < m && strcmp(parsed[k].dag_id, rows[i].dag_id) == 0) {
            l->entries[i].parsed = &parsed[k];
        }
    }
    l->len = n;
    return rc == 0 ? ui_questions(l->c, &l->questions, &l->questions_len, e) : rc;
}

/* ---- one ---- */

static void put_next(struct listing *l, const struct dag_row *row, const struct dag *d)
{
    struct due_run last = {0}, next = {0};
    struct timing *p = NULL;
    struct run_row run;
    bool has_last, found = false;

    if (!row->paused && timing_new(d, &p, NULL) == 0 && p != NULL) {
        has_last = l->s->ops->last_scheduled_run(l->s, row->dag_key, &l->c->arena, &run, NULL) == 0;
        if (has_last) {
            last = (struct due_run){run.dag_key, run.logical_date_us, run.data_interval_start_us,
                                    run.data_interval_end_us, run.run_after_us};
        }
        found = timing_next(p, d, has_last ? &last : NULL, loop_wall_us(loop_current()), &next) ==
                DUE_FOUND;
    }
    timing_free(p);
    put_time(l->c, "next_run", found ? next.run_after_us : TIME_NONE);
}

static const char *error_of(const struct listing *l, const struct entry *e)
{
    for (size_t i = 0; e->parsed != NULL && e->parsed->bundle != NULL && i < l->errors_len; i++) {
        if (strcmp(l->errors[i].file, e->parsed->file) == 0 &&
            strcmp(l->errors[i].bundle, e->parsed->bundle) == 0) {
            return api_file_known(&l->files, l->errors[i].file) == API_ALL_OF_IT ? l->errors[i].text
                                                                                 : API_REDACTED;
        }
    }
    return NULL;
}

static bool is_asked(const struct listing *l, const char *dag_id)
{
    for (size_t i = 0; i < l->questions_len; i++) {
        if (strcmp(l->questions[i].dag_id, dag_id) == 0) {
            return true;
        }
    }
    return false;
}

static int put_recent(struct listing *l, const struct dag_row *row, struct err *e)
{
    struct call *c = l->c;
    struct run_row *runs;
    size_t n = 0;
    int rc = l->s->ops->get_runs(l->s, row->dag_key, 0, 0, RECENT_RUNS, &c->arena, &runs, &n, e);

    json_key(&c->w, "recent");
    json_array(&c->w);
    for (size_t i = n; rc == 0 && i-- > 0;) {
        json_object(&c->w);
        put_text(c, "run_id", runs[i].run_id);
        put_text(c, "state", run_state_to_string(runs[i].state));
        put_text(c, "run_type", run_type_to_string(runs[i].type));
        put_time(c, "run_after", runs[i].run_after_us);
        put_time(c, "start_date", runs[i].start_us);
        put_time(c, "end_date", runs[i].end_us);
        json_object_end(&c->w);
    }
    json_array_end(&c->w);
    return rc;
}

static int put_one(struct listing *l, struct entry *en, struct err *e)
{
    struct call *c = l->c;
    const struct dag *d;
    int rc = facts_of(l, en, e);

    rc = rc == 0 ? server_dag(c, en->row->version_key, &d, e) : rc;
    if (rc != 0) {
        return rc;
    }
    json_object(&c->w);
    put_text(c, "dag_id", en->row->dag_id);
    put_text(c, "display_name", d->display_name);
    put_text(c, "description", d->description);
    put_json(c, "tags", en->parsed->tags, "[]");
    put_json(c, "owners", en->parsed->owners, "[]");
    put_bool(c, "paused", en->row->paused);
    put_bool(c, "stale", !en->parsed->active);
    put_bool(c, "favorite", is_favorite(l, en));
    put_text(c, "schedule", d->schedule);
    put_text(c, "timezone", d->timezone != NULL ? d->timezone : "UTC");
    put_next(l, en->row, d);
    put_text(c, "import_error", error_of(l, en));
    put_bool(c, "has_required_action", is_asked(l, en->row->dag_id));
    rc = put_recent(l, en->row, e);
    json_object_end(&c->w);
    return rc;
}

/* cursor: how many come before. */
int ui_dags(struct call *c, struct err *e)
{
    struct listing l = {.c = c};
    struct api_page p;
    int64_t from = 0;
    size_t i;
    int rc = api_page(c, &p, e);

    if (rc == 0 && call_query_int(c, "cursor", 0, INT64_MAX, 0, &from, e) != 0) {
        c->status = 422;
        return -ERR_INVALID;
    }
    rc = rc == 0 ? gather(&l, e) : rc;
    rc = rc == 0 ? filter(&l, e) : rc;
    rc = rc == 0 ? sort(&l, e) : rc;
    if (rc != 0) {
        return rc;
    }
    json_object(&c->w);
    json_key(&c->w, "dags");
    json_array(&c->w);
    for (i = (size_t)from; rc == 0 && i < l.len && i - (size_t)from < p.limit; i++) {
        rc = put_one(&l, &l.entries[i], e);
    }
    json_array_end(&c->w);
    put_text(c, "next_cursor", i < l.len ? arena_printf(&c->arena, "%zu", i) : NULL);
    put_int(c, "total_entries", (int64_t)l.len);
    json_object_end(&c->w);
    return rc;
}
