/* Rows the way that Airflow's command line prints them: values are texts (True, 3, None), times end in +00:00. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "cli/airflow.h"
#include "cli/term.h"

#define COLUMNS_MAX 24

struct column {
    const char *name, *from, *constant;
    bool whole; /* of the whole answer, not of the row */
    bool read;  /* a text that is JSON: what it says */
};

struct printing {
    const struct airflow_line *l;
    const struct value *whole;
    struct column columns[COLUMNS_MAX];
    size_t columns_len;
    const struct value **rows;
    size_t len;
};

/* ---- which rows and columns ---- */

static bool is_true_to(const struct value *row, const char *member, const char *wanted)
{
    const struct value *v = value_get(row, member);

    return v != NULL && (v->kind == VALUE_STRING || v->kind == VALUE_NUMBER) &&
           strcmp(v->text, wanted) == 0;
}

/* "member=NAME ...": of those whose argument was given. */
static bool is_wanted(const struct airflow_line *l, const struct value *row)
{
    const char *p = l->command->where;

    for (size_t n; p != NULL && *p != '\0'; p += n + (p[n] == ' ')) {
        char member[64], name[64];
        const char *wanted;

        n = strcspn(p, " ");
        if (sscanf(p, "%63[^= ]=%63[^ ]", member, name) != 2) {
            continue;
        }
        wanted = cli_airflow_value(l, name);
        if (wanted != NULL && !is_true_to(row, member, wanted)) {
            return false;
        }
    }
    return true;
}

/* A column of the table's word: NAME, NAME=MEMBER, NAME=^MEMBER, NAME=~MEMBER, NAME:CONSTANT. */
static int add_column(struct printing *p, const char *word)
{
    struct column *c = &p->columns[p->columns_len];
    const char *at = word + strcspn(word, "=:");
    char *name = arena_strndup(p->l->arena, word, (size_t)(at - word));

    if (name == NULL || p->columns_len == COLUMNS_MAX) {
        return err_set(p->l->e, ERR_NOMEM, "out of memory");
    }
    *c = (struct column){.name = name, .from = name};
    if (*at == ':') {
        c->constant = at + 1;
    } else if (*at == '=') {
        c->whole = at[1] == '^';
        c->read = at[1] == '~';
        c->from = at + 1 + (c->whole || c->read);
    }
    p->columns_len++;
    return 0;
}

/* --columns a,b: of those there are, in this order. */
static int choose_columns(struct printing *p, const char *names)
{
    struct column all[COLUMNS_MAX];
    size_t n = p->columns_len;
    char *text = arena_strdup(p->l->arena, names), *rest = NULL;

    if (text == NULL) {
        return err_set(p->l->e, ERR_NOMEM, "out of memory");
    }
    memcpy(all, p->columns, sizeof all);
    p->columns_len = 0;
    for (char *w = strtok_r(text, ", ", &rest); w != NULL; w = strtok_r(NULL, ", ", &rest)) {
        size_t i = 0;

        while (i < n && strcmp(all[i].name, w) != 0) {
            i++;
        }
        if (i == n || p->columns_len == COLUMNS_MAX) {
            return err_set(p->l->e, ERR_USAGE, "--columns: there is no column %.60s; there are %s",
                           w, p->l->command->columns);
        }
        p->columns[p->columns_len++] = all[i];
    }
    return 0;
}

/* A row for each member of an object: property_name, property_value. */
static int rows_of_members(struct printing *p)
{
    struct arena *a = p->l->arena;

    for (size_t i = 0; i < p->whole->len; i++) {
        const char *name = p->whole->keys[i].text;
        struct value *row = value_new(a, VALUE_OBJECT), *key = value_string(a, name, strlen(name));

        if (row == NULL || key == NULL || value_set(a, row, "property_name", key) != 0 ||
            value_set(a, row, "property_value", p->whole->elems[i]) != 0) {
            return err_set(p->l->e, ERR_NOMEM, "out of memory");
        }
        if (strcmp(name, "tasks") != 0) {
            p->rows[p->len++] = row;
        }
    }
    return 0;
}

static int prepare(struct printing *p)
{
    bool members = p->l->command->rows != NULL && strcmp(p->l->command->rows, "*") == 0;
    char *text = arena_strdup(p->l->arena, p->l->command->columns), *rest = NULL;
    const char *chosen = cli_airflow_value(p->l, "COLUMNS");
    const struct value *list = p->whole;
    int rc = text == NULL ? err_set(p->l->e, ERR_NOMEM, "out of memory") : 0;

    for (char *w = rc == 0 ? strtok_r(text, " ", &rest) : NULL; rc == 0 && w != NULL;
         w = strtok_r(NULL, " ", &rest)) {
        rc = add_column(p, w);
    }
    if (rc == 0 && chosen != NULL) {
        rc = choose_columns(p, chosen);
    }
    if (p->l->command->rows != NULL && !members) {
        list = value_get(p->whole, p->l->command->rows);
    }
    p->rows = arena_array(p->l->arena, list != NULL ? list->len + 1 : 1, sizeof *p->rows);
    if (rc != 0 || list == NULL || p->rows == NULL) {
        return rc;
    }
    if (members) {
        return rows_of_members(p);
    }
    if (list->kind != VALUE_ARRAY) { /* one */
        p->rows[p->len++] = list;
        return 0;
    }
    for (size_t i = 0; i < list->len; i++) {
        if (is_wanted(p->l, list->elems[i])) {
            p->rows[p->len++] = list->elems[i];
        }
    }
    return 0;
}

/* ---- values ---- */

/* The row's value of a column; NULL: nothing. A row that is a text has one column only. */
static const struct value *value_in(const struct printing *p, const struct value *row,
                                    const struct column *c)
{
    const struct value *v = c->whole                    ? value_get(p->whole, c->from)
                            : row->kind == VALUE_STRING ? (c == &p->columns[0] ? row : NULL)
                                                        : value_get(row, c->from);

    struct value *said;

    if (c->read && v != NULL && v->kind == VALUE_STRING &&
        value_parse(p->l->arena, v->text, v->len, &said, NULL) == 0) {
        v = said;
    }
    return v != NULL && v->kind == VALUE_NULL ? NULL : v;
}

/* NULL: there was no memory for it, which sticks in the error. */
static const char *kept(const struct airflow_line *l, const char *text)
{
    if (text == NULL) {
        (void)err_set(l->e, ERR_NOMEM, "out of memory");
    }
    return text != NULL ? text : "";
}

/* 2026-01-31T00:00:00Z as Python writes it; else the text itself. */
static const char *as_time(const struct airflow_line *l, const struct value *v)
{
    bool is_time = v->len >= 20 && v->text[4] == '-' && v->text[10] == 'T' && v->text[13] == ':' &&
                   v->text[v->len - 1] == 'Z';

    return is_time ? kept(l, arena_printf(l->arena, "%.*s+00:00", (int)v->len - 1, v->text))
                   : v->text;
}

/* With the blanks that Python puts: scripts grep for them. Deep as its parser allows. */
static void put_value(struct buf *out, const struct value *v)
{
    bool list = v->kind == VALUE_ARRAY;
    struct json_writer w;

    json_writer_init(&w, out, 0);
    if (!list && v->kind != VALUE_OBJECT) {
        json_value(&w, v);
        return;
    }
    (void)buf_char(out, list ? '[' : '{');
    for (size_t i = 0; i < v->len; i++) {
        (void)buf_str(out, i > 0 ? ", " : "");
        if (!list) {
            json_writer_init(&w, out, 0);
            json_string(&w, v->keys[i].text);
            (void)buf_str(out, ": ");
        }
        put_value(out, v->elems[i]);
    }
    (void)buf_char(out, list ? ']' : '}');
}

static const char *as_json(const struct airflow_line *l, const struct value *v)
{
    struct buf b BUF_CLEANUP;

    buf_init(&b, MiB(64));
    put_value(&b, v);
    return kept(l, buf_status(&b) == 0 ? arena_strdup(l->arena, buf_cstr(&b)) : NULL);
}

/* As str() of Python; a list as its elements with commas between them; NULL: None. */
static const char *as_text(const struct printing *p, const struct value *row,
                           const struct column *c)
{
    const struct value *v = value_in(p, row, c);
    struct buf b BUF_CLEANUP;

    buf_init(&b, MiB(16));
    if (c->constant != NULL || v == NULL) {
        return c->constant;
    }
    if (v->kind == VALUE_STRING && strcmp(c->from, "state") == 0 && strcmp(v->text, "none") == 0) {
        return NULL; /* no status is None there */
    }
    switch (v->kind) {
    case VALUE_BOOL:
        return v->boolean ? "True" : "False";
    case VALUE_NUMBER:
        return v->text;
    case VALUE_STRING:
        return as_time(p->l, v);
    case VALUE_ARRAY:
        for (size_t i = 0; i < v->len; i++) {
            const struct value *x = v->elems[i];

            (void)buf_printf(&b, "%s%s", i > 0 ? "," : "",
                             x->kind == VALUE_STRING ? x->text : as_json(p->l, x));
        }
        return kept(p->l, buf_status(&b) == 0 ? arena_strdup(p->l->arena, buf_cstr(&b)) : NULL);
    default:
        return as_json(p->l, v);
    }
}

/* ---- the four forms ---- */

static void put_json(const struct printing *p, struct buf *out)
{
    struct json_writer w;

    (void)buf_char(out, '[');
    for (size_t i = 0; i < p->len; i++) {
        for (size_t k = 0; k < p->columns_len; k++) {
            const struct column *c = &p->columns[k];
            const struct value *v = value_in(p, p->rows[i], c);

            (void)buf_printf(out, "%s\"%s\": ", k > 0 ? ", " : i > 0 ? ", {" : "{", c->name);
            if (v != NULL && (v->kind == VALUE_ARRAY || v->kind == VALUE_OBJECT)) {
                put_value(out, v);
            } else {
                json_writer_init(&w, out, 0);
                json_string(&w, as_text(p, p->rows[i], c));
            }
        }
        (void)buf_char(out, '}');
    }
    (void)buf_str(out, "]\n");
}

/* A text that YAML reads as that text. JSON is YAML: what is not plain is written so. */
static void put_yaml_text(struct buf *out, const char *text)
{
    static const char *const words[] = {"true", "false", "yes", "no",   "on",   "off",
                                        "null", "True",  "Yes", "None", "False"};
    bool plain =
        text[0] >= 'A' && strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                       "0123456789_./+-") == strlen(text);
    struct json_writer w;

    for (size_t i = 0; plain && i < sizeof words / sizeof *words; i++) {
        plain = strcasecmp(text, words[i]) != 0;
    }
    if (plain && strlen(text) > 1) { /* "y" and "n" are words too */
        (void)buf_str(out, text);
        return;
    }
    json_writer_init(&w, out, 0);
    json_string(&w, text);
}

static void put_yaml(const struct printing *p, struct buf *out)
{
    for (size_t i = 0; i < p->len; i++) {
        for (size_t k = 0; k < p->columns_len; k++) {
            const struct column *c = &p->columns[k];
            const struct value *v = value_in(p, p->rows[i], c);
            const char *text = as_text(p, p->rows[i], c);

            (void)buf_printf(out, "%s%s: ", k == 0 ? "- " : "  ", c->name);
            if (v != NULL && (v->kind == VALUE_ARRAY || v->kind == VALUE_OBJECT)) {
                (void)buf_str(out, as_json(p->l, v));
            } else if (text == NULL) {
                (void)buf_str(out, "null");
            } else {
                put_yaml_text(out, text);
            }
            (void)buf_char(out, '\n');
        }
    }
    if (p->len == 0) {
        (void)buf_str(out, "[]\n");
    }
}

static void put_cell(struct buf *out, const char *text, size_t width, bool last)
{
    size_t w = text_width(text, strlen(text));

    (void)buf_str(out, text);
    for (; !last && w < width; w++) {
        (void)buf_char(out, ' ');
    }
}

static void put_underline(const struct printing *p, const size_t *width, struct buf *out)
{
    for (size_t k = 0; k < p->columns_len; k++) {
        (void)buf_str(out, k == 0 ? "" : "=+=");
        for (size_t n = 0; n < width[k]; n++) {
            (void)buf_char(out, '=');
        }
    }
    (void)buf_char(out, '\n');
}

/* "a | b" under "==+==", or columns two spaces apart. */
static void put_table(const struct printing *p, bool plain, struct buf *out)
{
    const char *none = plain ? "" : "None";
    size_t width[COLUMNS_MAX] = {0};

    if (p->len == 0) {
        (void)buf_str(out, "No data found\n");
        return;
    }
    for (size_t k = 0; k < p->columns_len; k++) {
        width[k] = strlen(p->columns[k].name);
        for (size_t i = 0; i < p->len; i++) {
            const char *text = as_text(p, p->rows[i], &p->columns[k]);
            size_t w = text_width(text != NULL ? text : none, strlen(text != NULL ? text : none));

            width[k] = w > width[k] ? w : width[k];
        }
    }
    for (size_t i = 0; i <= p->len; i++) { /* the titles, then the rows */
        for (size_t k = 0; k < p->columns_len; k++) {
            const char *text =
                i == 0 ? p->columns[k].name : as_text(p, p->rows[i - 1], &p->columns[k]);

            (void)buf_str(out, k == 0 ? "" : plain ? "  " : " | ");
            put_cell(out, text != NULL ? text : none, width[k], k + 1 == p->columns_len);
        }
        (void)buf_char(out, '\n');
        if (i == 0 && !plain) {
            put_underline(p, width, out);
        }
    }
}

/* ---- the other views ---- */

static int put_field(const struct printing *p, struct buf *out)
{
    size_t written = 0;

    if (p->len == 0) {
        return err_set(p->l->e, ERR_NOTFOUND, "the run has no such task");
    }
    for (size_t k = 0; k < p->columns_len; k++) {
        const char *text = as_text(p, p->rows[0], &p->columns[k]);

        if (k == 0 && text == NULL) {
            text = "None";
        }
        if (text != NULL) {
            (void)buf_printf(out, "%s%s", written++ > 0 ? ", " : "", text);
        }
    }
    (void)buf_char(out, '\n');
    return 0;
}

static int by_text(const void *x, const void *y)
{
    return strcmp(*(const char *const *)x, *(const char *const *)y);
}

static int put_lines(const struct printing *p, struct buf *out)
{
    const char **lines = arena_array(p->l->arena, p->len + 1, sizeof *lines);

    if (lines == NULL) {
        return err_set(p->l->e, ERR_NOMEM, "out of memory");
    }
    for (size_t i = 0; i < p->len; i++) {
        const char *text = as_text(p, p->rows[i], &p->columns[0]);

        lines[i] = text != NULL ? text : "";
    }
    qsort(lines, p->len, sizeof *lines, by_text);
    for (size_t i = 0; i < p->len; i++) {
        (void)buf_printf(out, "%s\n", lines[i]);
    }
    return 0;
}

static int put_rendered(const struct airflow_line *l, const struct value *v, struct buf *out)
{
    static const char line[] = "# ----------------------------------------------------------\n";

    for (size_t i = 0; v->kind == VALUE_OBJECT && i < v->len; i++) {
        const struct value *x = v->elems[i];

        (void)buf_printf(out, "%s# property: %s\n%s%s\n", line, v->keys[i].text, line,
                         x->kind == VALUE_STRING ? x->text : as_json(l, x));
    }
    return 0;
}

static int put_all(struct printing *p, struct buf *out)
{
    const struct airflow_line *l = p->l;
    const char *dag_id = cli_airflow_value(l, "DAG_ID");
    int rc = prepare(p);

    if (rc == 0 && p->len == 0 && l->command->where != NULL && l->command->view == AIRFLOW_ROWS &&
        dag_id != NULL) {
        rc = err_set(l->e, ERR_NOTFOUND, "there is no DAG '%s'", dag_id);
    }
    if (rc != 0) {
        return rc;
    }
    if (l->command->view == AIRFLOW_FIELD) {
        return put_field(p, out);
    }
    if (l->command->view == AIRFLOW_LINES) {
        return put_lines(p, out);
    }
    if (strcmp(l->output, "json") == 0) {
        put_json(p, out);
    } else if (strcmp(l->output, "yaml") == 0) {
        put_yaml(p, out);
    } else {
        put_table(p, strcmp(l->output, "plain") == 0, out);
    }
    return 0;
}

int cli_airflow_print(const struct airflow_line *l, const struct value *json, struct buf *out)
{
    struct printing p = {.l = l, .whole = json};
    int rc = l->command->view == AIRFLOW_RENDERED ? put_rendered(l, json, out) : put_all(&p, out);

    return rc == 0 && l->e->code == -ERR_NOMEM ? -ERR_NOMEM : rc;
}
