/* /api/v2/dags/{dag_id}/dagRuns: lists, triggers, changes of state, clears. */
#include <stdio.h>
#include <string.h>

#include "runtime/loop.h"
#include "server/api.h"

#define WAIT_POLL_US (TIME_SECOND / 2)

/* ---- lists ---- */

static const char *const orders[] = {"id",    "run_after", "logical_date", "start_date", "end_date",
                                     "state", "run_id",    "dag_run_id",   NULL};
static const enum run_order order_of[] = {RUN_BY_KEY,    RUN_BY_RUN_AFTER, RUN_BY_LOGICAL_DATE,
                                          RUN_BY_START,  RUN_BY_END,       RUN_BY_STATE,
                                          RUN_BY_RUN_ID, RUN_BY_RUN_ID};

/* A pattern of the arguments without its wildcards at the ends: a part of the text. NULL: all. */
static const char *part_of(struct call *c, const char *name)
{
    const char *p = call_query(c, name);
    size_t n;

    if (p == NULL || strcmp(p, "~") == 0) {
        return NULL;
    }
    p += strspn(p, "%");
    n = strlen(p);
    while (n > 0 && p[n - 1] == '%') {
        n--;
    }
    return n > 0 ? arena_strndup(&c->arena, p, n) : NULL;
}

/* The DAGs of all that dag_ids and the patterns of dag_id name, and that who asks may see. */
static int dags_of(struct call *c, struct run_query *q, struct err *e)
{
    struct dag_row *rows;
    size_t n = 0;
    int rc;

    if (access_sees_all(c) && call_query(c, "dag_ids") == NULL &&
        call_query(c, "dag_id_pattern") == NULL && call_query(c, "dag_id_prefix_pattern") == NULL) {
        return 0;
    }
    rc = api_get_dags(c, false, &rows, &n, e);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (api_any_of(c, "dag_ids", rows[i].dag_id) && api_pattern(c, "dag_id", rows[i].dag_id)) {
            rows[q->dag_keys_len++] = rows[i];
        }
    }
    return rc == 0 ? api_dag_keys(c, rows, q->dag_keys_len, &q->dag_keys, e) : rc;
}

static int numbers_of(struct call *c, struct run_query *q, struct err *e)
{
    int64_t *numbers = arena_array(&c->arena, CALL_QUERY_MAX, sizeof *numbers);
    const char *word;
    size_t at = 0;

    if (numbers == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for versions");
    }
    while (q->version_numbers_len < CALL_QUERY_MAX &&
           (word = call_query_next(c, "dag_version", &at)) != NULL) {
        char *end;
        long long n = strtoll(word, &end, 10);

        if (*word == '\0' || *end != '\0') {
            return call_invalid(c, e, "dag_version must be an integer");
        }
        numbers[q->version_numbers_len++] = n;
    }
    q->version_numbers = q->version_numbers_len != 0 ? numbers : NULL;
    return 0;
}

static int read_query(struct call *c, struct run_query *q, struct err *e)
{
    size_t order;
    int rc = api_order(c, orders, 0, false, &order, &q->descending, e);

    q->order = rc == 0 ? order_of[order] : RUN_BY_KEY;
    q->run_id_part = part_of(c, "run_id_pattern");
    q->run_id_prefix = call_query(c, "run_id_prefix_pattern");
    q->conf_part = call_query(c, "conf_contains");
    q->partition_part = part_of(c, "partition_key_pattern");
    q->partition_prefix = call_query(c, "partition_key_prefix_pattern");
    q->user_part = part_of(c, "triggering_user_name_pattern");
    q->user_prefix = call_query(c, "triggering_user_name_prefix_pattern");
    q->asset_part = part_of(c, "consuming_asset_pattern");
    q->bundle_version = call_query(c, "bundle_version");
    rc = rc == 0 ? api_run_states(c, "state", &q->states, e) : rc;
    rc = rc == 0 ? api_run_types(c, &q->types, e) : rc;
    rc = rc == 0 ? numbers_of(c, q, e) : rc;
    rc = rc == 0 ? api_range(c, "logical_date", &q->logical_date, e) : rc;
    rc = rc == 0 ? api_range(c, "run_after", &q->run_after, e) : rc;
    rc = rc == 0 ? api_range(c, "start_date", &q->start, e) : rc;
    rc = rc == 0 ? api_range(c, "end_date", &q->end, e) : rc;
    rc = rc == 0 ? api_range(c, "updated_at", &q->updated, e) : rc;
    q->by_updated = rc == 0 && (q->updated.from_us != TIME_NONE || q->updated.to_us != TIME_NONE);
    return rc == 0 ? api_duration(c, &q->by_duration, &q->duration_from_us, &q->duration_to_us, e)
                   : rc;
}

static int put_rows(struct call *c, const struct run_row *rows, size_t n, struct err *e)
{
    const char **notes;
    int rc = api_run_notes(c, rows, n, &notes, e);

    api_list(c, "dag_runs");
    for (size_t i = 0; rc == 0 && i < n; i++) {
        const struct dag *d;

        rc = server_dag(c, rows[i].version_key, &d, e);
        if (rc == 0) {
            api_put_run(c, NULL, d, &rows[i], notes[i]);
        }
    }
    return rc;
}

static int put_runs(struct call *c, const struct run_query *q, struct err *e)
{
    struct run_row *rows = NULL;
    struct store *s;
    int64_t total = 0;
    size_t n = 0;
    int rc = server_store(c, &s, e);

    rc = rc == 0 ? s->ops->count_runs(s, q, &total, e) : rc;
    rc = rc == 0 && q->limit != 0 ? s->ops->query_runs(s, q, &c->arena, &rows, &n, e) : rc;
    rc = rc == 0 ? put_rows(c, rows, n, e) : rc;
    api_list_end(c, total);
    return rc;
}

/* A cursor is a direction and the key of the run at the edge of the page that it came from: "a12" those after it, "b12" those before. */
static int read_cursor(struct call *c, const char *text, struct run_query *q, bool *ret_back,
                       struct err *e)
{
    char *end;

    *ret_back = text[0] == 'b';
    if (text[0] == '\0') {
        return 0;
    }
    q->after_key = text[0] == 'a' || *ret_back ? strtoll(text + 1, &end, 10) : 0;
    return q->after_key > 0 && *end == '\0' ? 0 : call_invalid(c, e, "This is no cursor");
}

static void turn_round(struct run_row *rows, size_t n)
{
    for (size_t i = 0; i < n / 2; i++) {
        struct run_row row = rows[i];

        rows[i] = rows[n - 1 - i];
        rows[n - 1 - i] = row;
    }
}

/* One page by a cursor: the same cost whichever page it is. */
static int put_page(struct call *c, struct run_query *q, const char *cursor, struct err *e)
{
    struct run_row *rows = NULL;
    struct store *s;
    size_t n = 0, limit = q->limit != 0 ? q->limit : 1;
    bool back, more, before, after;
    int rc = read_cursor(c, cursor, q, &back, e);

    q->descending = q->descending != back;
    q->offset = 0;
    q->limit = limit + 1;
    rc = rc == 0 ? server_store(c, &s, e) : rc;
    rc = rc == 0 ? s->ops->query_runs(s, q, &c->arena, &rows, &n, e) : rc;
    if (rc == -ERR_NOTFOUND) {
        return call_invalid(c, e, "The run of this cursor is gone: begin again with an empty one");
    }
    if (rc != 0) {
        return rc;
    }
    more = n > limit;
    n -= more;
    if (back) {
        turn_round(rows, n);
    }
    before = back ? more : q->after_key != 0;
    after = back || more;
    rc = put_rows(c, rows, n, e);
    json_array_end(&c->w);
    put_text(c, "next_cursor",
             after && n != 0 ? arena_printf(&c->arena, "a%lld", (long long)rows[n - 1].run_key)
                             : NULL);
    put_text(c, "previous_cursor",
             before && n != 0 ? arena_printf(&c->arena, "b%lld", (long long)rows[0].run_key)
                              : NULL);
    json_object_end(&c->w);
    return rc;
}

int api_dag_runs(struct call *c, struct err *e)
{
    const char *cursor = call_query(c, "cursor");
    struct run_query q = {0};
    struct dag_row row;
    struct api_page p;
    int rc = api_page(c, &p, e);

    rc = rc == 0 ? read_query(c, &q, e) : rc;
    rc = rc == 0 ? dags_of(c, &q, e) : rc;
    if (rc == 0 && strcmp(call_param(c, "dag_id"), "~") != 0) { /* ~: of all DAGs */
        rc = api_find_dag(c, &row, e);
        q.dag_key = rc == 0 ? row.dag_key : 0;
    }
    q.limit = p.limit;
    q.offset = p.offset;
    if (rc != 0) {
        return rc;
    }
    return cursor != NULL ? put_page(c, &q, cursor, e) : put_runs(c, &q, e);
}

/* The same with the arguments in a body. */
int api_dag_runs_list(struct call *c, struct err *e)
{
    static const char *const names[] = {API_LIST_MEMBERS, "states",        "state",
                                        "conf_contains",  "conf_contains", NULL};

    return api_list_by_body(c, names, api_dag_runs, e);
}

int api_dag_run(struct call *c, struct err *e)
{
    struct run_row run;
    struct dag_row row;
    int rc = api_find_run(c, &row, &run, e);

    return rc == 0 ? api_put_one_run(c, &run, e) : rc;
}

/* ---- state ---- */

int api_send_change(struct call *c, const char *op, const char *state, int64_t run_key,
                    const uint32_t *tasks, const int32_t *maps, size_t n, bool *ret_later,
                    struct err *e)
{
    struct buf b BUF_CLEANUP = {0};
    struct json_writer w;
    struct value *answer;

    api_command(c, &b, &w);
    json_key(&w, "op");
    json_string(&w, op);
    api_put_key(c, &w, op, run_key);
    json_key(&w, "run_key");
    json_int(&w, run_key);
    if (state != NULL) {
        json_key(&w, "state");
        json_string(&w, state);
    }
    if (n != 0) {
        json_key(&w, "tasks");
        json_array(&w);
        for (size_t i = 0; i < n; i++) {
            json_int(&w, tasks[i]);
        }
        json_array_end(&w);
        json_key(&w, "map_indexes");
        json_array(&w);
        for (size_t i = 0; i < n; i++) {
            json_int(&w, maps[i]);
        }
        json_array_end(&w);
    }
    return api_send(c, "command", &b, &w, &answer, ret_later, e);
}

/* ---- wait ---- */

/* A line each time its state is another one, the last when it has finished. */
int api_dag_run_wait(struct call *c, struct err *e)
{
    struct run_row run;
    struct dag_row row;
    int last = -1;
    int rc = api_find_run(c, &row, &run, e);

    rc = rc == 0 ? call_stream(c, "application/x-ndjson") : rc;
    while (rc == 0) {
        if (run.state != last) {
            char line[64];
            int n =
                snprintf(line, sizeof line, "{\"state\":\"%s\"}\n", run_state_to_string(run.state));

            last = run.state;
            rc = call_write(c, line, (size_t)n);
        }
        if (rc != 0 || run_state_finished(run.state)) {
            break;
        }
        rc = co_sleep(WAIT_POLL_US);
        rc = rc == 0 ? api_find_run(c, &row, &run, e) : rc;
    }
    return rc;
}
