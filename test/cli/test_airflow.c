/* Airflow's command line: the table agrees with ours and with itself, lines become what they should. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/limits.h"
#include "cli/airflow.h"
#include "cli/command.h"

/* ---- the table ---- */

/* Our command that the words of a template name: two, else one. */
static const struct command *ours(const char *to)
{
    char name[128];
    size_t n = strcspn(to, " "), m = to[n] == ' ' ? n + 1 + strcspn(to + n + 1, " ") : n;
    const struct command *c;

    (void)snprintf(name, sizeof name, "%.*s", (int)m, to);
    c = command_find(name);
    if (c == NULL) {
        (void)snprintf(name, sizeof name, "%.*s", (int)n, to);
        c = command_find(name);
    }
    return c;
}

static bool has_option(const struct command *c, const char *name, size_t n)
{
    const struct cli_option *lists[] = {c->options, global_options};

    for (size_t i = 0; i < 2; i++) {
        for (const struct cli_option *o = lists[i]; o != NULL && o->name != NULL; o++) {
            if (strlen(o->name) == n && strncmp(o->name, name, n) == 0) {
                return true;
            }
        }
    }
    return false;
}

/* An argument, an option that is kept by this name, or one that is made of others. */
static bool has_value(const struct airflow_command *c, const char *name, size_t n)
{
    static const char *const made[] = {"FILE", "PATTERN", "FORMAT"};

    for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
        if (strlen(made[i]) == n && strncmp(made[i], name, n) == 0) {
            return true;
        }
    }
    for (const struct airflow_option *o = c->options; o != NULL && o->name != NULL; o++) {
        if (o->to[0] == '=' && strlen(o->to + 1) == n && strncmp(o->to + 1, name, n) == 0) {
            return true;
        }
    }
    for (const char *p = c->args != NULL ? c->args : ""; *p != '\0';) {
        size_t m;

        p += strspn(p, " []");
        m = strcspn(p, " []");
        if (m == n && strncmp(p, name, n) == 0) {
            return true;
        }
        p += m;
    }
    return false;
}

static void check_word(const struct airflow_command *c, const struct command *to, const char *word)
{
    const char *open = strchr(word, '{'), *when = strchr(word, '?');

    if (strncmp(word, "--", 2) == 0 && !has_option(to, word + 2, strcspn(word + 2, "=?"))) {
        fail_msg("%s: %s has no option %s", c->name, to->name, word);
    }
    if (open != NULL) {
        open += 1 + (open[1] == '!');
        if (!has_value(c, open, strcspn(open, "}"))) {
            fail_msg("%s: nothing gives %s", c->name, word);
        }
    }
    if (when != NULL &&
        !has_value(c, when + 1 + (when[1] == '!'), strlen(when + 1 + (when[1] == '!')))) {
        fail_msg("%s: nothing gives %s", c->name, word);
    }
}

static void check_command(const struct airflow_command *c)
{
    char text[512], *rest = NULL;
    const struct command *to;

    if (c->to == NULL) {
        assert_true(c->why != NULL || strcmp(c->name, "cheat-sheet") == 0);
        return;
    }
    for (const struct airflow_option *o = c->options; o != NULL && o->name != NULL; o++) {
        assert_non_null(o->to);
        if (strncmp(o->to, "--", 2) == 0 && strncmp(c->to, "python ", 7) != 0 &&
            !has_option(ours(c->to), o->to + 2, strlen(o->to + 2))) {
            fail_msg("%s: %s has no option %s", c->name, ours(c->to)->name, o->to);
        }
    }
    assert_true((c->view == AIRFLOW_ROWS || c->view == AIRFLOW_FIELD || c->view == AIRFLOW_LINES) ==
                (c->columns != NULL));
    (void)snprintf(text, sizeof text, "%s", c->to);
    to = ours(c->to);
    if (strncmp(c->to, "python ", 7) != 0) {
        assert_non_null(to);
        for (char *w = strtok_r(text, " ", &rest); w != NULL; w = strtok_r(NULL, " ", &rest)) {
            check_word(c, to, w);
        }
    }
}

static void the_table(void **state)
{
    (void)state;
    for (const struct airflow_command *c = cli_airflow_table; c->name != NULL; c++) {
        check_command(c);
        for (const struct airflow_command *d = cli_airflow_table; d != c; d++) {
            assert_string_not_equal(c->name, d->name);
        }
    }
}

/* ---- lines ---- */

/* What a line becomes, words with blanks between them; "! error". */
static const char *becomes(const char *line)
{
    static char out[1024];
    char text[512], *rest = NULL;
    const char *words[40], **ours_;
    struct err e = {0};
    struct arena a;
    struct airflow_line l = {.arena = &a, .e = &e};
    size_t n = 0, len = 0;

    arena_init(&a, MiB(16));
    (void)snprintf(text, sizeof text, "%s", line);
    for (char *w = strtok_r(text, " ", &rest); w != NULL; w = strtok_r(NULL, " ", &rest)) {
        words[n++] = w;
    }
    out[0] = '\0';
    if (cli_airflow_parse(words, n, &l) != 0 ||
        cli_airflow_translate(&l, false, &ours_, &len) != 0) {
        (void)snprintf(out, sizeof out, "! %s", err_str(&e));
    } else {
        for (size_t i = 0; i < len; i++) {
            size_t used = strlen(out);

            (void)snprintf(out + used, sizeof out - used, "%s%s", i > 0 ? " " : "", ours_[i]);
        }
    }
    arena_fini(&a);
    return out;
}

static void lines(void **state)
{
    (void)state;
    assert_string_equal(
        becomes("dags trigger etl --conf {} -e 2026-01-01 -r r1"),
        "dags trigger --dag=etl --conf={} --logical-date=2026-01-01 --run-id=r1 -- etl");
    assert_string_equal(becomes("dags trigger -c{} etl --logical=2026-01-01"),
                        "dags trigger --dag=etl --conf={} --logical-date=2026-01-01 -- etl");
    assert_string_equal(becomes("dags test etl 2026-01-01 -S dags/etl.py"),
                        "dags test --dag=etl --logical-date=2026-01-01 -- dags/etl.py");
    assert_string_equal(becomes("dags test etl"), "dags test --dag=etl -- etl");
    assert_string_equal(becomes("dags list-runs -d etl --state failed"),
                        "runs list --limit=100000 --state=failed -- etl");
    assert_string_equal(becomes("tasks clear etl -yt ^a -d"),
                        "tasks clear --all-runs --regex -- etl ^a");
    assert_string_equal(becomes("tasks clear etl -y"),
                        "tasks clear --all-runs --regex --only -- etl .*");
    assert_string_equal(becomes("tasks failed-deps etl load r1"), "tasks why -- etl r1 load");
    assert_string_equal(becomes("variables set n -5"), "variables set -- n -5");
    assert_string_equal(becomes("variables set -j n x"), "variables set -- n \"x\"");
    assert_string_equal(becomes("variables set -- -n --x"), "variables set -- -n --x");
    assert_string_equal(becomes("db clean --dry-run --clean-before-timestamp 2026-01-01"),
                        "db clean --dry-run --before=2026-01-01");
    assert_string_equal(becomes("dags show etl --save x.svg"),
                        "dags show --dag=etl --output=x.svg --format=svg -- etl");
    assert_string_equal(becomes("dags show etl -s x.png"),
                        "! --save writes .svg, .dot and .mmd, not x.png");
    assert_string_equal(becomes("dags trigger"), "! DAG_ID is missing");
    assert_string_equal(becomes("dags trigger a b"), "! \"b\" is one argument too many");
    assert_string_equal(becomes("dags trigger a --co {}"), "! several options begin with --co");
    assert_string_equal(becomes("dags trigger a --conf"), "! --conf needs a value: --conf JSON");
    assert_string_equal(becomes("dags trigger a --no-replace-microseconds=1"),
                        "! --no-replace-microseconds takes no value");
    assert_string_equal(becomes("dags list -B dags-folder"), "dags list --limit=100000");
    assert_string_equal(becomes("dags list -B mine"), "! --bundle-name: there is only dags-folder");
    assert_string_equal(becomes("pools get p -z"), "! there is no option -z");
    assert_string_equal(becomes("pools"),
                        "! pools: which command? `airflow pools --help` lists them");
}

/* ---- rows ---- */

static const char *shown(const char *line, const char *json)
{
    static char out[2048];
    char text[512], *rest = NULL;
    const char *words[40];
    struct err e = {0};
    struct arena a;
    struct airflow_line l = {.arena = &a, .e = &e};
    struct buf b BUF_CLEANUP;
    struct value *v;
    size_t n = 0;

    buf_init(&b, MiB(1));
    arena_init(&a, MiB(16));
    (void)snprintf(text, sizeof text, "%s", line);
    for (char *w = strtok_r(text, " ", &rest); w != NULL; w = strtok_r(NULL, " ", &rest)) {
        words[n++] = w;
    }
    assert_int_equal(cli_airflow_parse(words, n, &l), 0);
    assert_int_equal(value_parse(&a, json, strlen(json), &v, &e), 0);
    (void)snprintf(out, sizeof out, "%s",
                   cli_airflow_print(&l, v, &b) == 0 ? buf_cstr(&b) : err_str(&e));
    arena_fini(&a);
    return out;
}

static void rows(void **state)
{
    static const char pools[] =
        "[{\"pool\": \"p\", \"slots\": 3, \"description\": null, \"include_deferred\": true}]";

    (void)state;
    assert_string_equal(shown("pools list", pools),
                        "pool | slots | description | include_deferred\n"
                        "=====+=======+=============+=================\n"
                        "p    | 3     | None        | True\n");
    assert_string_equal(shown("pools list -o plain", pools),
                        "pool  slots  description  include_deferred\n"
                        "p     3                   True\n");
    assert_string_equal(shown("pools list -o json", pools),
                        "[{\"pool\": \"p\", \"slots\": \"3\", \"description\": null, "
                        "\"include_deferred\": \"True\"}]\n");
    assert_string_equal(shown("pools list -o yaml", pools),
                        "- pool: \"p\"\n  slots: \"3\"\n  description: null\n"
                        "  include_deferred: \"True\"\n");
    assert_string_equal(shown("pools list", "[]"), "No data found\n");
    assert_string_equal(shown("pools list -o json", "[]"), "[]\n");
    assert_string_equal(shown("pools list -o yaml", "[]"), "[]\n");
    assert_string_equal(
        shown("dags state d r", "{\"state\": \"success\", \"conf\": {\"a\": [1, 2]}}"),
        "success, {\"a\": [1, 2]}\n");
    assert_string_equal(
        shown("tasks state d t r --map-index 1",
              "{\"tasks\": [{\"task_id\": \"t\", \"map_index\": -1, \"state\": \"failed\"}, "
              "{\"task_id\": \"t\", \"map_index\": 1, \"state\": \"none\"}]}"),
        "None\n");
    assert_string_equal(shown("tasks list d", "[{\"task_id\": \"b\"}, {\"task_id\": \"a\"}]"),
                        "a\nb\n");
    assert_string_equal(shown("variables list", "[\"k\"]"), "key | val\n====+=====\nk   | None\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_table), cmocka_unit_test(lines),
                                       cmocka_unit_test(rows)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
