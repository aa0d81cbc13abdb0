#include "cli/print.h"

#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/time.h"
#include "cli/lookup.h"
#include "cli/term.h"

const char *print_time(int64_t t_us, char *buf)
{
    if (t_us == TIME_NONE || time_strftime(t_us, "%Y-%m-%d %H:%M:%S", buf, TIME_TEXT_MAX) != 0) {
        buf[0] = '\0';
    }
    return buf;
}

const char *print_span(int64_t start_us, int64_t end_us, char *buf)
{
    if (start_us == TIME_NONE || end_us == TIME_NONE) {
        buf[0] = '\0';
        return buf;
    }
    return duration_format(end_us - start_us, buf);
}

static void json_time(struct json_writer *w, const char *key, int64_t t)
{
    char text[TIME_TEXT_MAX];

    json_key(w, key);
    json_string(w, t == TIME_NONE ? NULL : time_format(t, text));
}

void print_run_members(struct json_writer *w, const struct run_row *r, const char *dag_id)
{
    json_key(w, "dag_id");
    json_string(w, dag_id);
    json_key(w, "run_id");
    json_string(w, r->run_id);
    json_key(w, "run_type");
    json_string(w, run_type_to_string(r->type));
    json_key(w, "state");
    json_string(w, run_state_to_string(r->state));
    json_time(w, "logical_date", r->logical_date_us);
    json_key(w, "partition_key");
    json_string(w, r->partition_key);
    json_time(w, "queued_at", r->queued_us);
    json_time(w, "start_date", r->start_us);
    json_time(w, "end_date", r->end_us);
    json_key(w, "reason");
    json_string(w, r->reason);
    json_key(w, "conf");
    if (r->conf != NULL) {
        json_raw(w, r->conf, strlen(r->conf));
    } else {
        json_null(w);
    }
}

void print_ti_members(struct json_writer *w, const struct ti_row *r, const char *task_id)
{
    json_key(w, "task_id");
    json_string(w, task_id);
    json_key(w, "map_index");
    json_int(w, r->key.map_index);
    if (r->map_len > 0) {
        json_key(w, "map_length");
        json_int(w, r->map_len);
    }
    json_key(w, "state");
    json_string(w, task_state_to_string(r->state));
    json_key(w, "try_number");
    json_int(w, r->try_number);
    json_key(w, "max_tries");
    json_int(w, r->max_tries);
    json_time(w, "start_date", r->start_us);
    json_time(w, "end_date", r->end_us);
    json_key(w, "exit_code");
    if (r->exit_code >= 0) {
        json_int(w, r->exit_code);
    } else {
        json_null(w);
    }
    json_key(w, "reason");
    json_string(w, r->reason);
}

void print_note_members(struct json_writer *w, const struct note_row *note)
{
    json_key(w, "note");
    json_string(w, note != NULL ? note->text : NULL);
    if (note != NULL) {
        json_key(w, "note_by");
        json_string(w, note->actor);
        json_time(w, "note_at", note->at_us);
    }
}

/* "load [12]" for a mapped task. */
static void print_name(struct table *t, const struct found *f, uint32_t task)
{
    uint32_t n[TASK_STATE_MAX_];
    int32_t len = f->dag->tasks[task].mapped ? found_counts(f, task, n) : 0;

    if (len > 0) {
        table_cellf(t, "%s [%d]", f->dag->tasks[task].task_id, len);
    } else {
        table_cell(t, f->dag->tasks[task].task_id);
    }
}

/* Of a mapped task: how its instances stand. */
static void print_reason(struct table *t, const struct found *f, const struct ti_row *r)
{
    uint32_t n[TASK_STATE_MAX_];
    struct buf b BUF_CLEANUP;

    buf_init(&b, MiB(1));
    if (r->map_len <= 0) {
        table_cell(t, r->reason);
        return;
    }
    (void)found_counts(f, r->key.task, n);
    for (int s = 0; s < TASK_STATE_MAX_; s++) {
        if (n[s] > 0) {
            (void)buf_printf(&b, "%s%u %s", b.len > 0 ? ", " : "", n[s], task_state_to_string(s));
        }
    }
    if (r->reason != NULL) {
        (void)buf_printf(&b, ": %s", r->reason);
    }
    table_cellf(t, "%s", buf_cstr(&b));
}

void print_tis(struct found *f, struct buf *out)
{
    static const struct table_column columns[] = {
        {.title = "TASK"},
        {.title = "STATE"},
        {.title = "TRY", .right = true},
        {.title = "STARTED"},
        {.title = "TOOK", .right = true},
        {.title = "REASON", .wide = true},
    };
    struct table *t = table_new(columns, 6);
    char text[TIME_TEXT_MAX];

    for (uint32_t i = 0; t != NULL && i < f->dag->tasks_len; i++) {
        struct ti_row r = found_ti(f, i);

        print_name(t, f, i);
        table_state(t, r.state);
        table_cellf(t, "%u/%u", r.try_number, r.max_tries + 1u);
        table_cell(t, print_time(r.start_us, text));
        table_cell(t, print_span(r.start_us, r.end_us, text));
        print_reason(t, f, &r);
    }
    print_table(t, out);
    for (size_t i = 0; i < f->notes_len; i++) {
        const struct note_row *n = &f->notes[i];

        if (n->key.task < f->dag->tasks_len) {
            (void)buf_printf(out, "note on %s", f->dag->tasks[n->key.task].task_id);
            (void)(n->key.map_index >= 0 ? buf_printf(out, "[%d]", n->key.map_index) : 0);
            (void)buf_printf(out, ": %s\n", n->text);
        }
    }
}

void print_table(struct table *t, struct buf *out)
{
    if (t != NULL) {
        (void)table_print(t, term_is_tty(STDOUT_FILENO) ? term_width() : 0, out);
        table_free(t);
    }
}
