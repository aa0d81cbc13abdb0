/* The command line's parser. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/mem.h"
#include "cli/command.h"

#define WORDS_MAX 24

/* Splits at single spaces. */
static int parse(const char *line, struct cli **ret, struct err *e)
{
    char *argv[WORDS_MAX] = {"tradewind"};
    static char copies[WORDS_MAX][64];
    int argc = 1;

    while (*line != 0) {
        size_t n = strcspn(line, " ");

        assert_true(n < sizeof copies[0] && argc < WORDS_MAX);
        memcpy(copies[argc], line, n);
        copies[argc][n] = 0;
        argv[argc] = copies[argc];
        argc++;
        line += n + (line[n] == ' ');
    }
    return cli_parse(argc, argv, ret, e);
}

static struct cli *good(const char *line)
{
    struct err e = {0};
    struct cli *cli = NULL;
    int rc = parse(line, &cli, &e);

    if (rc != 0) {
        fail_msg("%s: %s", line, err_str(&e));
    }
    return cli;
}

static void bad(const char *line, const char *words)
{
    struct err e = {0};
    struct cli *cli;

    assert_int_equal(parse(line, &cli, &e), -ERR_USAGE);
    if (strstr(e.text, words) == NULL) {
        fail_msg("%s: \"%s\" does not say \"%s\"", line, e.text, words);
    }
    assert_int_equal(err_exit_code(e.code), 64);
}

static void test_options(void **state)
{
    static const char *const lines[] = {
        "run f.yaml -j 4 --home /h -qv --param a=1 -p b=2",
        "run -j4 --home=/h -q -v -pa=1 --param=b=2 f.yaml",
        "--home /h -vq run --jobs=4 -p a=1 f.yaml --param b=2",
        "run --job 4 --ho /h --quiet --verb --para a=1 --para b=2 -- f.yaml"};
    const char *const *params;

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        struct cli *cli = good(lines[i]);

        assert_string_equal(cli_command(cli)->name, "run");
        assert_string_equal(cli_arg(cli, "FILE"), "f.yaml");
        assert_int_equal(cli_opt_int(cli, "jobs"), 4);
        assert_string_equal(cli_opt(cli, "home"), "/h");
        assert_true(cli_flag(cli, "quiet"));
        assert_int_equal(cli_count(cli, "verbose"), 1);
        assert_false(cli_flag(cli, "json"));
        assert_int_equal(cli_opt_all(cli, "param", &params), 2);
        assert_string_equal(params[0], "a=1");
        assert_string_equal(params[1], "b=2");
        assert_null(cli_opt(cli, "run-id"));
        assert_int_equal(cli_opt_all(cli, "run-id", &params), 0);
        cli_free(cli);
    }
}

static void test_defaults(void **state)
{
    struct cli *cli = good("runs list");

    (void)state;
    assert_int_equal(cli_opt_int(cli, "limit"), 20);
    assert_false(cli_given(cli, "limit"));
    assert_null(cli_arg(cli, "DAG"));
    cli_free(cli);
    cli = good("tasks logs d t");
    assert_int_equal(cli_opt_int(cli, "map-index"), -1);
    assert_int_equal(cli_opt_int(cli, "try"), 0);
    cli_free(cli);
    cli = good("run f -j 2 -j 3");
    assert_int_equal(cli_opt_int(cli, "jobs"), 3); /* the last one counts */
    cli_free(cli);
}

static void test_arguments(void **state)
{
    const char *const *files;
    struct cli *cli = good("tasks logs sales load");

    (void)state;
    assert_string_equal(cli_arg(cli, "DAG"), "sales");
    assert_null(cli_arg(cli, "RUN"));
    assert_string_equal(cli_arg(cli, "TASK"), "load");
    cli_free(cli);
    cli = good("tasks logs sales run1 load");
    assert_string_equal(cli_arg(cli, "RUN"), "run1");
    assert_string_equal(cli_arg(cli, "TASK"), "load");
    cli_free(cli);
    cli = good("dags validate a b -- -c");
    assert_int_equal(cli_args(cli, "FILE", &files), 3);
    assert_string_equal(files[2], "-c");
    cli_free(cli);
    cli = good("dags validate -");
    assert_string_equal(cli_arg(cli, "FILE"), "-");
    cli_free(cli);
}

static void test_help(void **state)
{
    static const char *const lines[] = {"tasks logs --help", "tasks logs x -h y",
                                        "--help tasks logs", "-h tasks logs"};
    const char *const *words;
    struct cli *cli;

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        cli = good(lines[i]);
        assert_string_equal(cli_command(cli)->name, "help");
        assert_int_equal(cli_args(cli, "COMMAND", &words), 2);
        assert_string_equal(words[0], "tasks");
        assert_string_equal(words[1], "logs");
        cli_free(cli);
    }
    cli = good("dags --help");
    assert_int_equal(cli_args(cli, "COMMAND", &words), 1);
    cli_free(cli);
    cli = good("");
    assert_string_equal(cli_command(cli)->name, "help");
    cli_free(cli);
    cli = good("--version");
    assert_string_equal(cli_command(cli)->name, "version");
    cli_free(cli);
}

static void test_mistakes(void **state)
{
    (void)state;
    bad("rnu f", "did you mean \"run\"?");
    bad("tasks lgos d t", "did you mean \"logs\"?");
    bad("frobnicate", "`tradewind --help` lists them");
    bad("dags", "which command?");
    bad("-q", "which command?");
    bad("run f --jbos 4", "did you mean --jobs?");
    bad("run f --frobnicate", "there is no option --frobnicate");
    bad("run f -z", "there is no option -z");
    bad("run f -qz", "there is no option -z");
    bad("run", "FILE is missing");
    bad("run a b", "\"b\" is one argument too many");
    bad("run f -j", "-j needs a value");
    bad("run f --jobs", "--jobs needs a value");
    bad("run f -j x", "a number from 1 to 10000");
    bad("run f -j 0", "a number from 1 to 10000");
    bad("run f -j 99999999999999999999", "a number from 1 to 10000");
    bad("run f --json=1", "takes no value");
    bad("run f --logical-date yesterday", "needs a time");
    bad("run f --conf {a", "--conf is not JSON");
    bad("run f --p x", "is not clear");
    bad("completion tcsh", "must be one of: bash zsh fish");
    bad("completion ba", "must be one of");
    bad("dags list extra", "too many");
}

static void test_table(void **state)
{
    (void)state;
    for (const struct command *c = command_table; c->name != NULL; c++) {
        bool letters[128] = {false}, repeat = false;

        assert_ptr_equal(command_find(c->name), c);
        assert_true(c->summary != NULL && c->summary[strlen(c->summary) - 1] != '.');
        for (const struct cli_argument *a = c->args; a != NULL && a->name != NULL; a++) {
            assert_false(repeat); /* only the last repeats */
            repeat = a->repeat;
        }
        for (int i = 0; i < 2; i++) {
            for (const struct cli_option *o = i == 0 ? c->options : global_options;
                 o != NULL && o->name != NULL; o++) {
                assert_true((o->type == OPTION_FLAG) == (o->value == NULL));
                assert_false(o->letter != 0 && letters[(int)o->letter]);
                letters[(int)o->letter] = true;
            }
        }
    }
}

static void test_no_memory(void **state)
{
    (void)state;
    for (uint64_t n = 1;; n++) {
        struct err e = {0};
        struct cli *cli = NULL;
        uint64_t made;
        int rc;

        mem_fail_at(n, 0);
        rc = parse("tasks logs d t --help -v", &cli, &e);
        made = mem_count();
        mem_fail_at(0, 0);
        assert_true(rc == 0 || rc == -ERR_NOMEM);
        if (rc == 0) {
            cli_free(cli);
        }
        if (made < n) {
            break;
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options),   cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_arguments), cmocka_unit_test(test_help),
        cmocka_unit_test(test_mistakes),  cmocka_unit_test(test_table),
        cmocka_unit_test(test_no_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
