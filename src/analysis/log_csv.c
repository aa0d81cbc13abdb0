/*
 * CSV (RFC 4180) as a machine of bytes:
 *
 *   START   -"-> QUOTED; separator, line end: the field is complete; else PLAIN
 *   PLAIN   until the separator or the line end
 *   QUOTED  until a quote -> QUOTE
 *   QUOTE   -"-> a quote, QUOTED; separator, line end: complete; else -ERR_SYNTAX
 *
 * Line ends are LF or CR LF; empty lines are passed over.
 */
#include <stdio.h>
#include <string.h>

#include "analysis/log_read.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/time.h"

enum { START, PLAIN, QUOTED, QUOTE };

static const char *const usual[CSV_ROLES][12] = {
    [CSV_CASE] = {"case:concept:name", "case_id", "caseid", "case id", "case", "run_id",
                  "dag_run_id", "trace", NULL},
    [CSV_ACTIVITY] = {"concept:name", "activity", "task_id", "activity_name", "activity name",
                      "task", "event", NULL},
    [CSV_TIME] = {"time:timestamp", "timestamp", "end_timestamp", "end_date", "end_time",
                  "complete", "completetime", "complete timestamp", "end", "time", "date", NULL},
    [CSV_START] = {"start_timestamp", "start_date", "start_time", "starttime", "start timestamp",
                   "start", NULL},
    [CSV_LIFECYCLE] = {"lifecycle:transition", "lifecycle", "transition", NULL},
    [CSV_INSTANCE] = {"concept:instance", NULL},
    [CSV_VERSION] = {"case:version", "version", NULL},
};

void csv_begin(struct csv_reader *r, struct plog *l)
{
    *r = (struct csv_reader){.log = l, .line = 1, .row_line = 1};
    buf_init(&r->row, MiB(16));
    buf_init(&r->head, LIMIT_ANALYSIS_FIELD);
    for (int i = 0; i < CSV_ROLES; i++) {
        r->column[i] = -1;
    }
}

void csv_fini(struct csv_reader *r)
{
    buf_fini(&r->row);
    buf_fini(&r->head);
    mem_free(r->fields);
    r->fields = NULL;
}

static const char *field(const struct csv_reader *r, int column)
{
    return column >= 0 && (size_t)column < r->fields_len ? r->row.p + r->fields[column] : "";
}

/* ---- the head ---- */

static int find_column(const struct csv_reader *r, const char *name)
{
    for (size_t i = 0; i < r->fields_len; i++) {
        if (strcasecmp(r->row.p + r->fields[i], name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

static int no_column(const struct csv_reader *r, const char *what, const char *option,
                     struct err *e)
{
    struct buf names BUF_CLEANUP;

    buf_init(&names, ERR_TEXT_MAX);
    for (size_t i = 0; i < r->fields_len && names.len < 400; i++) {
        (void)buf_printf(&names, "%s'%.60s'", i > 0 ? ", " : "", r->row.p + r->fields[i]);
    }
    return err_at(e, ERR_INVALID, r->row_line, 1,
                  "no column is the %s: name it with --%s; there are %s", what, option,
                  buf_cstr(&names));
}

static int read_head(struct csv_reader *r, struct err *e)
{
    for (int role = 0; role < CSV_ROLES; role++) {
        if (r->names[role] != NULL) {
            r->column[role] = find_column(r, r->names[role]);
            if (r->column[role] < 0) {
                return err_at(e, ERR_NOTFOUND, r->row_line, 1, "there is no column '%.100s'",
                              r->names[role]);
            }
        }
        for (size_t i = 0; r->column[role] < 0 && usual[role][i] != NULL; i++) {
            r->column[role] = find_column(r, usual[role][i]);
        }
    }
    return r->column[CSV_CASE] < 0       ? no_column(r, "case", "case", e)
           : r->column[CSV_ACTIVITY] < 0 ? no_column(r, "activity", "activity", e)
           : r->column[CSV_TIME] < 0     ? no_column(r, "time", "time", e)
                                         : 0;
}

/* ---- a row ---- */

int plog_time(const char *text, int64_t *ret_us)
{
    char copy[64];
    size_t n = strlen(text);

    if (n >= sizeof copy || n < 10 || text[4] != '/' || text[7] != '/') {
        return time_parse(text, n, ret_us);
    }
    memcpy(copy, text, n);
    copy[4] = copy[7] = '-';
    return time_parse(copy, n, ret_us);
}

static int read_time(const struct csv_reader *r, enum csv_role role, int64_t *ret, struct err *e)
{
    const char *text = field(r, r->column[role]);

    *ret = TIME_NONE;
    if (text[0] == '\0' || plog_time(text, ret) == 0) {
        return 0;
    }
    return err_at(e, ERR_INVALID, r->row_line, 1,
                  "'%.40s' is no time that can be read: times are as 2026-01-31T12:00:00Z", text);
}

static int read_row(struct csv_reader *r, struct err *e)
{
    const char *id = field(r, r->column[CSV_CASE]), *name = field(r, r->column[CSV_ACTIVITY]);
    const char *word = field(r, r->column[CSV_LIFECYCLE]);
    const char *instance = field(r, r->column[CSV_INSTANCE]);
    const char *version = field(r, r->column[CSV_VERSION]);
    char number[24];
    uint32_t c, a;
    int64_t at, start;
    int rc = read_time(r, CSV_TIME, &at, e);

    rc = rc == 0 ? read_time(r, CSV_START, &start, e) : rc;
    if (rc != 0) {
        return rc;
    }
    if (id[0] == '\0' || name[0] == '\0') {
        return err_at(e, ERR_INVALID, r->row_line, 1, "a row without %s",
                      id[0] == '\0' ? "a case" : "an activity");
    }
    rc = plog_case(r->log, id, strlen(id), &c, e);
    rc = rc == 0 ? plog_activity(r->log, name, strlen(name), &a, e) : rc;
    if (rc == 0 && version[0] != '\0' && r->log->cases[c].version == NULL) {
        rc = plog_set_version(r->log, c, version, e);
    }
    if (rc == 0 && r->column[CSV_START] >= 0 && start != TIME_NONE) {
        (void)snprintf(number, sizeof number, "row %zu", r->rows);
        instance = number; /* start and end of one row belong together */
        rc = plog_event(r->log, c, a, PLOG_START, start, instance, e);
    }
    return rc != 0 ? rc
                   : plog_event(r->log, c, a,
                                word[0] != '\0' ? plog_transition_from_string(word, strlen(word))
                                                : PLOG_COMPLETE,
                                at, instance, e);
}

/* ---- bytes ---- */

static int end_field(struct csv_reader *r, struct err *e)
{
    if (r->row.len - r->field_at > LIMIT_ANALYSIS_FIELD) {
        return err_at(e, ERR_LIMIT, r->row_line, 1, "a field is longer than %zu bytes",
                      LIMIT_ANALYSIS_FIELD);
    }
    if (buf_char(&r->row, '\0') != 0 ||
        VEC_PUSH(r->fields, r->fields_len, r->fields_cap, r->field_at) != 0) {
        return err_at(e, ERR_LIMIT, r->row_line, 1, "a row is too long");
    }
    r->field_at = r->row.len;
    r->state = START;
    return 0;
}

static int end_row(struct csv_reader *r, struct err *e)
{
    int rc = 0;

    if (r->state == START && r->fields_len == 0) {
        return 0; /* an empty line */
    }
    rc = end_field(r, e);
    if (rc == 0) {
        rc = r->rows == 0 ? read_head(r, e) : read_row(r, e);
        r->rows++;
    }
    buf_clear(&r->row);
    r->fields_len = r->field_at = 0;
    return rc;
}

static int take_byte(struct csv_reader *r, char c, struct err *e)
{
    if (c == '\0') {
        return err_at(e, ERR_SYNTAX, r->line, 1, "a NUL byte: this is no CSV text");
    }
    if (r->state == QUOTED) {
        r->state = c == '"' ? QUOTE : QUOTED;
        return c == '"' ? 0 : buf_char(&r->row, c);
    }
    if (r->state == QUOTE && c == '"') {
        r->state = QUOTED;
        return buf_char(&r->row, c);
    }
    if (c == r->separator) {
        return end_field(r, e);
    }
    if (c == '\n') {
        return end_row(r, e);
    }
    if (c == '\r') {
        return 0;
    }
    if (r->state == QUOTE) {
        return err_at(e, ERR_SYNTAX, r->line, 1, "text behind a closing quote");
    }
    if (r->state == START && c == '"') {
        r->state = QUOTED;
        return 0;
    }
    r->state = PLAIN;
    return buf_char(&r->row, c);
}

static int take_bytes(struct csv_reader *r, const char *p, size_t n, struct err *e)
{
    for (size_t i = 0; i < n; i++) {
        int rc = take_byte(r, p[i], e);

        if (rc != 0) {
            return rc == -ERR_NOMEM && e->code == 0
                       ? err_set(e, ERR_NOMEM, "out of memory for an event log")
                   : e->code == 0 ? err_at(e, ERR_LIMIT, r->line, 1, "a row is too long")
                                  : rc;
        }
        if (p[i] == '\n') {
            r->line++;
            r->row_line = r->state == START && r->fields_len == 0 ? r->line : r->row_line;
        }
    }
    return 0;
}

/* That which stands most often in the head line. */
static int choose_separator(struct csv_reader *r, struct err *e)
{
    static const char candidates[] = ",;\t|";
    struct buf head = r->head;
    size_t line = 0, best = 0;
    const char *p = buf_cstr(&head);
    size_t bom = head.len >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    int rc;

    while (line < head.len && p[line] != '\n') {
        line++;
    }
    r->separator = ',';
    for (int i = 0; i < 4; i++) {
        size_t n = 0;

        for (size_t k = 0; k < line; k++) {
            n += p[k] == candidates[i];
        }
        if (n > best) {
            best = n;
            r->separator = candidates[i];
        }
    }
    buf_init(&r->head, LIMIT_ANALYSIS_FIELD);
    rc = take_bytes(r, p + bom, head.len - bom, e);
    buf_fini(&head);
    return rc;
}

int csv_feed(struct csv_reader *r, const char *p, size_t n, struct err *e)
{
    const char *newline;
    size_t first;

    e->code = 0;
    if (r->separator != 0) {
        return take_bytes(r, p, n, e);
    }
    newline = memchr(p, '\n', n);
    first = newline != NULL ? (size_t)(newline - p) + 1 : n;
    if (buf_append(&r->head, p, first) != 0) {
        return err_at(e, ERR_LIMIT, 1, 1, "the head line is longer than %zu bytes",
                      LIMIT_ANALYSIS_FIELD);
    }
    if (newline != NULL) {
        int rc = choose_separator(r, e);

        return rc != 0 ? rc : take_bytes(r, p + first, n - first, e);
    }
    return 0;
}

int csv_end(struct csv_reader *r, struct err *e)
{
    int rc = 0;

    e->code = 0;
    if (r->separator == 0) {
        rc = choose_separator(r, e);
    }
    if (rc == 0 && r->state == QUOTED) {
        return err_at(e, ERR_SYNTAX, r->row_line, 1, "a quote is not closed");
    }
    rc = rc == 0 ? end_row(r, e) : rc;
    if (rc == 0 && r->rows == 0) {
        rc = err_set(e, ERR_INVALID, "there is no head line: this is no event log");
    }
    return rc;
}
