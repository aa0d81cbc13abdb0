/*
 * Templates: the closed subset of Jinja2 that renders task parameters in C. What is outside of the
 * subset is recognised at compile time
 * (-ERR_UNSUPPORTED) and left to Jinja2 in the Python runner: never both.
 * Inside: text, {{ expression }}, {% if/elif/else %}, {% for x in y %} (loop.index, index0, first,
 * last, length), {% set %}, comments, whitespace control, names, attributes, items, slices of
 * strings and lists, calls of ti.xcom_pull and of the macros below, literals (strings, numbers,
 * lists, dicts, true/false/none), operators (or and not, comparisons, in, + - * / // % **, ~),
 * conditional expressions, tests (defined, none, string, number, sequence, mapping, even, odd ...),
 * filters. A name that is not defined is an error, as with Airflow's StrictUndefined.
 */
#ifndef TW_TEMPLATE_TEMPLATE_H
#define TW_TEMPLATE_TEMPLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct buf;
struct err;
struct template;
struct value;

/* True if the text has any of {{ {% {# : else it renders to itself. */
bool template_needed(const char *text, size_t n);
/* -ERR_SYNTAX (with line and column in the text), -ERR_UNSUPPORTED (valid Jinja outside of the
 * subset: the text says what), -ERR_NOMEM. */
int template_compile(const char *text, size_t n, struct template **ret, struct err *e);
void template_free(struct template *t);

/* A value in templates: JSON values plus points in time (Airflow gives pendulum datetimes; they
 * print as "2026-01-31 00:00:00+00:00"). */
struct template_context {
    /* The plain variables: an object: ds, run_id, params, dag, dag_run, task, ti, var ... ; members
     * of it may be objects. A string member whose name is in `times` is a point in time (RFC 3339
     * text). */
    const struct value *variables;
    const char *const *times; /* names of variables that are times, NULL-terminated: "logical_date",
                                 "data_interval_start" ... */
    /* ti.xcom_pull(task_ids, key): *ret is a value in the arena, or VALUE_NULL when there is none.
     * May suspend. task_id NULL = own task. */
    int (*xcom_pull)(void *arg, const char *task_id, const char *key, struct arena *a,
                     struct value **ret, struct err *e);
    /* var.value.KEY and var.json.KEY: the variable's text in the arena, or NULL when there is none. May suspend. NULL: var is
     * outside of the subset. */
    int (*variable)(void *arg, const char *key, struct arena *a, const char **ret, struct err *e);
    void *arg;
};
/* Renders to text. Limits LIMIT_TEMPLATE_*. Errors name the expression and its place. */
int template_render(const struct template *t, const struct template_context *c, struct buf *out,
                    struct err *e);
/* The task ids whose XCom the template pulls with literal arguments; all = true when it may pull
 * anything. For checks at load. */
int template_xcom_tasks(const struct template *t, struct arena *a, const char *const **ret,
                        size_t *ret_len, bool *ret_all);

#endif
