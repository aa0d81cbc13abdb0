/*
 * What a message says, from its rows alone: the same rows give the same message, so that one that is sent again is the same one.
 *
 * Things of the same kind, DAG and task are one line, with how many there were and of how many runs; lines come in the order in which the
 * things happened first.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alert/alert.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/time.h"
#include "store/store.h"

struct line {
    const struct alert_row *last; /* the newest of its rows: its run and reason are shown */
    int64_t at_us, last_us, count;
    size_t runs; /* rows, which are of a run each */
};

static const char *phrase(const char *kind)
{
    static const struct {
        enum alert_kind kind;
        const char *text;
    } words[] = {
        {ALERT_TASK_FAILURE, "task failed"},    {ALERT_TASK_RETRY, "task failed and is retried"},
        {ALERT_TASK_SUCCESS, "task succeeded"}, {ALERT_TASK_SLOW, "task is slow"},
        {ALERT_RUN_FAILURE, "run failed"},      {ALERT_RUN_SUCCESS, "run succeeded"},
        {ALERT_RUN_SLOW, "run is slow"},        {ALERT_DEADLINE_MISSED, "deadline missed"},
        {ALERT_IMPORT_ERROR, "import error"},   {ALERT_TEST, "test of the channel"},
    };
    enum alert_kind k;

    if (alert_kind_from_string(kind, &k) == 0) {
        for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
            if (words[i].kind == k) {
                return words[i].text;
            }
        }
    }
    return kind;
}

static int compare_texts(const char *a, const char *b)
{
    return a == NULL || b == NULL ? (a != NULL) - (b != NULL) : strcmp(a, b);
}

static int compare_things(const struct alert_row *a, const struct alert_row *b)
{
    int c = compare_texts(a->kind, b->kind);

    c = c != 0 ? c : compare_texts(a->dag_id, b->dag_id);
    c = c != 0 ? c : compare_texts(a->task_id, b->task_id);
    /* An import error has neither: each file is a thing of its own. */
    return c != 0 || a->dag_id != NULL ? c : compare_texts(a->reason, b->reason);
}

static int by_thing(const void *x, const void *y)
{
    const struct alert_row *a = *(const struct alert_row *const *)x,
                           *b = *(const struct alert_row *const *)y;
    int c = compare_things(a, b);

    return c != 0 ? c : (a->alert_key > b->alert_key) - (a->alert_key < b->alert_key);
}

static int by_first(const void *x, const void *y)
{
    const struct line *a = x, *b = y;

    if (a->at_us != b->at_us) {
        return a->at_us < b->at_us ? -1 : 1;
    }
    return by_thing(&a->last, &b->last);
}

/* The lines of a message, allocated; NULL: out of memory. */
static struct line *make_lines(const struct alert_message *m, size_t *ret_len)
{
    struct line *lines = mem_array(m->len, sizeof *lines);
    MEM_CLEANUP const struct alert_row **rows = mem_array(m->len, sizeof *rows);
    size_t n = 0;

    if (lines == NULL || rows == NULL) {
        mem_free(lines);
        return NULL;
    }
    for (size_t i = 0; i < m->len; i++) {
        rows[i] = &m->rows[i];
    }
    qsort(rows, m->len, sizeof *rows, by_thing);
    for (size_t i = 0; i < m->len; i++) {
        struct line *l = n > 0 ? &lines[n - 1] : NULL;

        if (l == NULL || compare_things(l->last, rows[i]) != 0) {
            l = &lines[n++];
            *l = (struct line){.at_us = rows[i]->at_us, .last_us = rows[i]->last_us};
        }
        l->last = rows[i];
        l->at_us = rows[i]->at_us < l->at_us ? rows[i]->at_us : l->at_us;
        l->last_us = rows[i]->last_us > l->last_us ? rows[i]->last_us : l->last_us;
        l->count += rows[i]->count;
        l->runs++;
    }
    qsort(lines, n, sizeof *lines, by_first);
    *ret_len = n;
    return lines;
}

/* Text of others on one line of ours. */
static void put_clean(struct buf *out, const char *s)
{
    for (; *s != '\0'; s++) {
        (void)buf_char(out, (unsigned char)*s < ' ' || *s == 0x7f ? ' ' : *s);
    }
}

static void put_thing(const struct alert_row *r, struct buf *out)
{
    if (r->dag_id != NULL) {
        put_clean(out, r->dag_id);
    }
    if (r->task_id != NULL) {
        (void)buf_char(out, '.');
        put_clean(out, r->task_id);
    }
}

static int64_t count_all(const struct alert_message *m)
{
    int64_t n = 0;

    for (size_t i = 0; i < m->len; i++) {
        n += m->rows[i].count;
    }
    return n;
}

/* "3 task failed, 1 deadline missed", in the order of the kinds' numbers. */
static void put_kinds(const struct alert_message *m, struct buf *out)
{
    bool first = true;

    for (unsigned k = 0; k < ALERT_KINDS; k++) {
        const char *word = alert_kind_to_string((enum alert_kind)k);
        int64_t n = 0;

        for (size_t i = 0; i < m->len; i++) {
            n += strcmp(m->rows[i].kind, word) == 0 ? m->rows[i].count : 0;
        }
        if (n > 0) {
            (void)buf_printf(out, "%s%lld x %s", first ? "" : ", ", (long long)n, phrase(word));
            first = false;
        }
    }
}

void alert_put_title(const struct alert_message *m, struct buf *out)
{
    const struct alert_row *r = &m->rows[0];

    if (m->len > 1 || r->count > 1) {
        put_kinds(m, out);
        return;
    }
    (void)buf_str(out, phrase(r->kind));
    if (r->dag_id != NULL) {
        (void)buf_str(out, ": ");
        put_thing(r, out);
    }
}

static void put_time(struct buf *out, int64_t us)
{
    char text[TIME_TEXT_MAX];

    (void)buf_str(out, time_strftime(us, "%Y-%m-%d %H:%M:%SZ", text, sizeof text) == 0 ? text : "");
}

static void put_line(const struct line *l, struct buf *out)
{
    const struct alert_row *r = l->last;

    put_time(out, l->at_us);
    (void)buf_str(out, "  ");
    if (r->dag_id != NULL) {
        put_thing(r, out);
        if (l->count == 1 && r->map_index >= 0) {
            (void)buf_printf(out, "[%d]", r->map_index);
        }
        (void)buf_str(out, ": ");
    }
    (void)buf_str(out, phrase(r->kind));
    if (l->count > 1) {
        (void)buf_printf(out, ", %lld times", (long long)l->count);
    }
    if (l->runs > 1 && r->run_id != NULL) {
        (void)buf_printf(out, " in %zu runs, last at ", l->runs);
        put_time(out, l->last_us);
    }
    if (r->reason != NULL) {
        (void)buf_str(out, ": ");
        put_clean(out, r->reason);
    }
    if (r->run_id != NULL) {
        (void)buf_str(out, l->runs > 1 ? " (last run " : " (run ");
        put_clean(out, r->run_id);
        (void)(r->try_number > 0 ? buf_printf(out, ", try %u)", r->try_number)
                                 : buf_char(out, ')'));
    }
    (void)buf_char(out, '\n');
}

static void put_lines(const struct alert_message *m, struct buf *out)
{
    size_t n = 0, i;
    int64_t rest = 0;
    MEM_CLEANUP struct line *lines = make_lines(m, &n);

    if (lines == NULL) {
        out->status = -ERR_NOMEM;
        return;
    }
    for (i = 0; i < n && i < ALERT_LINES_MAX; i++) {
        put_line(&lines[i], out);
    }
    for (; i < n; i++) {
        rest += lines[i].count;
    }
    if (rest > 0) {
        (void)buf_printf(out, "and %lld of %zu others: tradewind alerts list\n", (long long)rest,
                         n - ALERT_LINES_MAX);
    }
}

static void put_hint(const struct alert_message *m, struct buf *out)
{
    const struct alert_row *r = &m->rows[0];

    if (m->len == 1 && r->task_id != NULL && r->run_id != NULL) {
        (void)buf_str(out, "\ntradewind tasks logs ");
        put_clean(out, r->dag_id);
        (void)buf_char(out, ' ');
        put_clean(out, r->task_id);
        (void)buf_str(out, " --run ");
        put_clean(out, r->run_id);
        (void)buf_char(out, '\n');
    }
}

void alert_put_text(const struct alert_message *m, struct buf *out)
{
    alert_put_title(m, out);
    (void)buf_str(out, "\n\n");
    put_lines(m, out);
    put_hint(m, out);
    (void)buf_printf(out, "\nfrom %s, message %s\n", m->host, m->id);
}

/* ---- JSON ---- */

static void put_json_time(struct json_writer *w, const char *name, int64_t us)
{
    char text[TIME_TEXT_MAX];

    json_key(w, name);
    json_string(w, us == TIME_NONE ? NULL : time_format(us, text));
}

static void put_json_text(struct json_writer *w, const char *name, const char *text)
{
    json_key(w, name);
    json_string(w, text);
}

static void put_row(struct json_writer *w, const struct alert_row *r)
{
    json_object(w);
    put_json_text(w, "kind", r->kind);
    put_json_text(w, "dag_id", r->dag_id);
    put_json_text(w, "run_id", r->run_id);
    put_json_text(w, "task_id", r->task_id);
    json_key(w, "map_index");
    json_int(w, r->map_index);
    json_key(w, "try_number");
    json_int(w, r->try_number);
    put_json_time(w, "first", r->at_us);
    put_json_time(w, "last", r->last_us);
    json_key(w, "count");
    json_int(w, r->count);
    put_json_text(w, "reason", r->reason);
    json_object_end(w);
}

void alert_put_json(const struct alert_message *m, struct buf *out)
{
    struct buf b BUF_CLEANUP;
    struct json_writer w;
    size_t i;

    buf_init(&b, MiB(1));
    json_writer_init(&w, out, 0);
    json_object(&w);
    json_key(&w, "v");
    json_int(&w, 1);
    put_json_text(&w, "id", m->id);
    put_json_text(&w, "channel", m->rows[0].channel);
    put_json_text(&w, "host", m->host);
    alert_put_title(m, &b);
    put_json_text(&w, "title", buf_cstr(&b));
    buf_clear(&b);
    alert_put_text(m, &b);
    put_json_text(&w, "text", buf_cstr(&b));
    json_key(&w, "count");
    json_int(&w, count_all(m));
    json_key(&w, "alerts");
    json_array(&w);
    for (i = 0; i < m->len && i < ALERT_LINES_MAX; i++) {
        put_row(&w, &m->rows[i]);
    }
    json_array_end(&w);
    json_key(&w, "more"); /* rows that are not among them */
    json_int(&w, (int64_t)(m->len - i));
    json_object_end(&w);
    out->status = out->status != 0 ? out->status : buf_status(&b);
}

/* Slack takes &, < and > as its own: https://docs.slack.dev/messaging/formatting-message-text */
static void put_escaped(struct buf *out, const char *s)
{
    for (; *s != '\0'; s++) {
        (void)(*s == '&'   ? buf_str(out, "&amp;")
               : *s == '<' ? buf_str(out, "&lt;")
               : *s == '>' ? buf_str(out, "&gt;")
                           : buf_char(out, *s));
    }
}

void alert_put_slack(const struct alert_message *m, struct buf *out)
{
    struct buf plain BUF_CLEANUP, text BUF_CLEANUP;
    struct json_writer w;

    buf_init(&plain, MiB(1));
    buf_init(&text, MiB(4));
    alert_put_text(m, &plain);
    put_escaped(&text, buf_cstr(&plain));
    json_writer_init(&w, out, 0);
    json_object(&w);
    put_json_text(&w, "text", buf_cstr(&text));
    json_object_end(&w);
    out->status = out->status != 0 ? out->status : buf_status(&plain);
}

/* ---- mail ---- */

#define MAIL_LINE 57 /* bytes whose base64 is a line of 76 */

static void put_base64(struct buf *out, const char *p, size_t n)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < n; i += 3) {
        unsigned v = (unsigned)(unsigned char)p[i] << 16;

        v |= i + 1 < n ? (unsigned)(unsigned char)p[i + 1] << 8 : 0;
        v |= i + 2 < n ? (unsigned)(unsigned char)p[i + 2] : 0;
        (void)buf_char(out, digits[v >> 18]);
        (void)buf_char(out, digits[v >> 12 & 63]);
        (void)buf_char(out, i + 1 < n ? digits[v >> 6 & 63] : '=');
        (void)buf_char(out, i + 2 < n ? digits[v & 63] : '=');
    }
}

/* Encoded words of RFC 2047, of 45 bytes each at most, cut between characters. */
static void put_subject(struct buf *out, const char *s)
{
    const char *p = s;

    while (*p >= ' ' && *p < 0x7f) {
        p++;
    }
    if (*p == '\0' && strlen(s) < 900) {
        (void)buf_str(out, s);
        return;
    }
    for (size_t left = strlen(s), n; left > 0; s += n, left -= n) {
        n = left < 45 ? left : 45;
        while (n < left && n > 1 && ((unsigned char)s[n] & 0xc0) == 0x80) {
            n--;
        }
        (void)buf_str(out, "=?utf-8?B?");
        put_base64(out, s, n);
        (void)buf_str(out, n < left ? "?=\r\n " : "?=");
    }
}

void alert_put_mail(const struct alert_message *m, const char *from, const char *const *to,
                    size_t to_len, int64_t at_us, struct buf *out)
{
    struct buf text BUF_CLEANUP;
    char date[TIME_TEXT_MAX];

    buf_init(&text, MiB(1));
    (void)buf_printf(out, "From: %s\r\nTo: ", from);
    for (size_t i = 0; i < to_len; i++) {
        (void)buf_printf(out, "%s%s", i > 0 ? ",\r\n " : "", to[i]);
    }
    (void)buf_str(&text, "[tradewind] ");
    alert_put_title(m, &text);
    (void)buf_str(out, "\r\nSubject: ");
    put_subject(out, buf_cstr(&text));
    (void)time_strftime(at_us, "%a, %d %b %Y %H:%M:%S +0000", date, sizeof date);
    (void)buf_printf(out, "\r\nDate: %s\r\nMessage-ID: <%s@tradewind>\r\n", date, m->id);
    (void)buf_str(out, "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
                       "Content-Type: text/plain; charset=utf-8\r\n"
                       "Content-Transfer-Encoding: base64\r\n\r\n");
    buf_clear(&text);
    alert_put_text(m, &text);
    for (size_t i = 0; i < text.len; i += MAIL_LINE) {
        put_base64(out, text.p + i, text.len - i < MAIL_LINE ? text.len - i : MAIL_LINE);
        (void)buf_str(out, "\r\n");
    }
    out->status = out->status != 0 ? out->status : buf_status(&text);
}
