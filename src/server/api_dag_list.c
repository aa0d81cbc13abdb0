/* Which DAGs a list has, and in which order. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "server/api.h"

static bool tags_fit(struct call *c, const struct dag *d)
{
    const char *mode = call_query(c, "tags_match_mode"), *tag;
    bool all = mode != NULL && strcmp(mode, "all") == 0, any = false, asked = false;
    size_t at = 0;

    while ((tag = call_query_next(c, "tags", &at)) != NULL) {
        bool is = false;

        for (uint32_t i = 0; i < d->tags_len; i++) {
            is = is || strcmp(d->tags[i], tag) == 0;
        }
        asked = true;
        any = any || is;
        if (all && !is) {
            return false;
        }
    }
    return !asked || any;
}

static const struct value *schedule_of(const struct dag *d)
{
    return d->document != NULL ? value_get(d->document, "schedule") : NULL;
}

static const char *type_of(const struct value *schedule)
{
    const struct value *type =
        schedule != NULL && schedule->kind == VALUE_OBJECT ? value_get(schedule, "type") : NULL;

    return type != NULL && type->kind == VALUE_STRING ? type->text : "";
}

static bool waits_for_assets(const struct dag *d)
{
    const char *type = type_of(schedule_of(d));

    return strcmp(type, "assets") == 0 || strcmp(type, "partitioned_assets") == 0 ||
           strcmp(type, "asset_or_time") == 0;
}

/* Whether a text of the value, however deep, contains the part: its depth is that of a document. */
static bool contains(const struct value *v, const char *part)
{
    if (v == NULL) {
        return false;
    }
    if (v->kind == VALUE_STRING) {
        return api_like(part, v->text);
    }
    for (size_t i = 0; (v->kind == VALUE_ARRAY || v->kind == VALUE_OBJECT) && i < v->len; i++) {
        if (contains(v->elems[i], part)) {
            return true;
        }
    }
    return false;
}

static bool flag_fits(struct call *c, const char *name, bool is)
{
    return call_query(c, name) == NULL || call_query_bool(c, name, false) == is;
}

static bool owners_fit(struct call *c, const struct dag *d)
{
    const char *owners[OWNERS_MAX];
    size_t n = call_query(c, "owners") != NULL ? dag_owners(d, owners, OWNERS_MAX) : 0;
    bool fits = call_query(c, "owners") == NULL;

    for (size_t i = 0; i < n; i++) {
        fits = fits || api_any_of(c, "owners", owners[i]);
    }
    return fits;
}

/* What its document says. */
static bool document_fits(struct call *c, const struct dag *d)
{
    const char *part = call_query(c, "asset_dependency");

    return tags_fit(c, d) && owners_fit(c, d) &&
           api_pattern(c, "dag_display_name", d->display_name) &&
           flag_fits(c, "has_asset_schedule", waits_for_assets(d)) &&
           (part == NULL ||
            (waits_for_assets(d) && contains(value_get(schedule_of(d), "condition"), part))) &&
           api_any_of(c, "timetable_type", type_of(schedule_of(d)));
}

/* ---- its runs ---- */

struct runs_wanted {
    int last_state; /* of its newest run; -1: any */
    unsigned states;
    struct time_range start, end;
    bool any; /* something is asked of its runs */
};

static int read_runs_wanted(struct call *c, struct runs_wanted *w, struct err *e)
{
    const char *word = call_query(c, "last_dag_run_state");
    int rc;

    w->last_state = word != NULL ? run_state_from_string(word) : -1;
    if (word != NULL && w->last_state < 0) {
        return call_invalid(c, e, "last_dag_run_state is queued, running, success or failed");
    }
    rc = api_run_states(c, "dag_run_state", &w->states, e);
    rc = rc == 0 ? api_range(c, "dag_run_start_date", &w->start, e) : rc;
    rc = rc == 0 ? api_range(c, "dag_run_end_date", &w->end, e) : rc;
    w->any = w->states != 0 || w->start.from_us != TIME_NONE || w->start.to_us != TIME_NONE ||
             w->end.from_us != TIME_NONE || w->end.to_us != TIME_NONE;
    return rc;
}

static int runs_fit(struct call *c, const struct dag_row *row, const struct runs_wanted *w,
                    bool *ret, struct err *e)
{
    struct run_query q = {.dag_key = row->dag_key,
                          .states = w->states,
                          .start = w->start,
                          .end = w->end,
                          .logical_date = {TIME_NONE, TIME_NONE},
                          .run_after = {TIME_NONE, TIME_NONE},
                          .limit = 1};
    struct run_row *rows;
    struct store *s;
    size_t n = 0;
    int rc = server_store(c, &s, e);

    *ret = true;
    if (rc == 0 && w->last_state >= 0) {
        rc = s->ops->get_runs(s, row->dag_key, 0, 0, 1, &c->arena, &rows, &n, e);
        *ret = n == 1 && rows[0].state == w->last_state;
    }
    if (rc == 0 && *ret && w->any) {
        rc = s->ops->query_runs(s, &q, &c->arena, &rows, &n, e);
        *ret = n == 1;
    }
    return rc;
}

/* ---- all of it ---- */

static const char *bundle_of(struct call *c, const char *dag_id)
{
    struct parsed_dag_row *rows;
    struct store *s;
    size_t n = 0;

    return server_store(c, &s, NULL) == 0 &&
                   s->ops->get_parsed_dags(s, dag_id, &c->arena, &rows, &n, NULL) == 0 && n == 1
               ? rows[0].bundle
               : API_BUNDLE;
}

static bool row_fits(struct call *c, const struct dag_row *row)
{
    return flag_fits(c, "paused", row->paused) && api_pattern(c, "dag_id", row->dag_id) &&
           api_any_of(c, "dag_ids", row->dag_id) &&
           flag_fits(c, "has_import_errors", server_has_import_error(c, row->file)) &&
           (call_query(c, "is_favorite") == NULL ||
            flag_fits(c, "is_favorite", api_is_favorite(c, row->dag_id))) &&
           (call_query(c, "bundle_name") == NULL ||
            api_any_of(c, "bundle_name", bundle_of(c, row->dag_id)));
}

static bool asks_document(struct call *c)
{
    static const char *const names[] = {"tags",
                                        "owners",
                                        "dag_display_name_pattern",
                                        "dag_display_name_prefix_pattern",
                                        "has_asset_schedule",
                                        "asset_dependency",
                                        "timetable_type",
                                        "bundle_version"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (call_query(c, names[i]) != NULL) {
            return true;
        }
    }
    return false;
}

/* Those that the arguments ask for, in place. */
static int filter(struct call *c, struct dag_row *rows, size_t *n, struct err *e)
{
    struct runs_wanted w;
    size_t kept = 0;
    int rc = read_runs_wanted(c, &w, e);

    for (size_t i = 0; rc == 0 && i < *n; i++) {
        struct version_facts v = {0};
        const struct dag *d;
        bool fits = row_fits(c, &rows[i]);

        if (fits && (w.any || w.last_state >= 0)) {
            rc = runs_fit(c, &rows[i], &w, &fits, e);
        }
        if (rc == 0 && fits && asks_document(c)) {
            rc = server_version(c, rows[i].version_key, &v, e);
            rc = rc == 0 ? server_dag(c, rows[i].version_key, &d, e) : rc;
            fits =
                rc == 0 && document_fits(c, d) && api_any_of(c, "bundle_version", v.bundle_version);
        }
        if (rc == 0 && fits) {
            rows[kept++] = rows[i];
        }
    }
    *n = kept;
    return rc;
}

/* ---- order ---- */

enum order { BY_ID, BY_NAME, BY_LAST_STATE, BY_LAST_START, BY_PAUSED };

struct sorted {
    struct dag_row row;
    const char *name; /* BY_NAME */
    int64_t number;   /* of the others */
};

static int by_order(const void *x, const void *y, void *arg)
{
    const struct sorted *a = x, *b = y;
    bool down = *(const bool *)arg;
    int c = a->name != NULL && b->name != NULL ? strcmp(a->name, b->name)
                                               : (a->number > b->number) - (a->number < b->number);

    c = c != 0 ? c : strcmp(a->row.dag_id, b->row.dag_id);
    return down ? -c : c;
}

static int order_key(struct call *c, enum order order, struct sorted *s, struct err *e)
{
    const struct dag *d;
    struct run_row *runs;
    struct store *st;
    size_t n = 0;
    int rc = 0;

    if (order == BY_NAME) {
        rc = server_dag(c, s->row.version_key, &d, e);
        s->name = rc == 0 ? arena_strdup(&c->arena, d->display_name) : NULL;
    } else if (order == BY_LAST_STATE || order == BY_LAST_START) {
        rc = server_store(c, &st, e);
        rc = rc == 0 ? st->ops->get_runs(st, s->row.dag_key, 0, 0, 1, &c->arena, &runs, &n, e) : rc;
        s->number = n == 0 ? INT64_MIN : order == BY_LAST_START ? runs[0].start_us : runs[0].state;
    } else if (order == BY_PAUSED) {
        s->number = s->row.paused;
    }
    return rc;
}

static int sort(struct call *c, struct dag_row *rows, size_t n, enum order order, bool down,
                struct err *e)
{
    struct sorted *all = arena_array(&c->arena, n + 1, sizeof *all);
    int rc = all != NULL ? 0 : err_set(e, ERR_NOMEM, "out of memory for a list");

    for (size_t i = 0; rc == 0 && i < n; i++) {
        all[i].row = rows[i];
        rc = order_key(c, order, &all[i], e);
    }
    if (rc == 0 && n > 1) {
        qsort_r(all, n, sizeof *all, by_order, &down);
    }
    for (size_t i = 0; rc == 0 && i < n; i++) {
        rows[i] = all[i].row;
    }
    return rc;
}

int api_list_dags(struct call *c, bool changing, struct dag_row **ret, size_t *ret_n,
                  struct api_page *p, struct err *e)
{
    static const char *const orders[] = {
        "dag_id", "dag_display_name", "last_run_state", "last_run_start_date", "is_paused", NULL};
    size_t order;
    bool down;
    int rc = api_page(c, p, e);

    rc = rc == 0 ? api_order(c, orders, 0, false, &order, &down, e) : rc;
    if (rc == 0) {
        server_know_import_errors(c);
    }
    rc = rc == 0 ? api_get_dags(c, changing, ret, ret_n, e) : rc;
    rc = rc == 0 ? filter(c, *ret, ret_n, e) : rc;
    return rc == 0 ? sort(c, *ret, *ret_n, (enum order)order, down, e) : rc;
}
