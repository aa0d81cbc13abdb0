/* bash: which commands need a shell, the environment, exit codes that skip. */
#include "context.h"

#include <stdio.h>

#include "base/buf.h"

/* The words joined by "|"; "" when it is refused. */
static const char *argv_of(struct ground *g, struct operator_process *p)
{
    struct buf b BUF_CLEANUP;

    buf_init(&b, MiB(1));
    *p = (struct operator_process){.argv = NULL};
    if (g->op->prepare(&g->c, p, &g->e) != 0) {
        return "";
    }
    for (size_t i = 0; p->argv[i] != NULL; i++) {
        (void)buf_str(&b, i != 0 ? "|" : "");
        (void)buf_str(&b, p->argv[i]);
    }
    return arena_strdup(&g->arena, buf_cstr(&b));
}

static void a_shell_only_where_it_is_needed(void **state)
{
    static const struct {
        const char *command, *argv;
    } cases[] = {
        {"true", "true"},
        {"sort -u names.txt", "sort|-u|names.txt"},
        {"  spaced   out\\t ", "bash|-c|  spaced   out\\t "},
        {"  spaced   out ", "spaced|out"},
        {"/usr/bin/env", "/usr/bin/env"},
        {"echo 'a b'", "bash|-c|echo 'a b'"},
        {"echo $HOME", "bash|-c|echo $HOME"},
        {"ls *.txt", "bash|-c|ls *.txt"},
        {"a | b", "bash|-c|a | b"},
        {"a; b", "bash|-c|a; b"},
        {"a && b", "bash|-c|a && b"},
        {"a > f", "bash|-c|a > f"},
        {"echo `id`", "bash|-c|echo `id`"},
        {"echo {1,2}", "bash|-c|echo {1,2}"},
        {"ls ~", "bash|-c|ls ~"},
        {"! true", "bash|-c|! true"},
        {"echo #no", "bash|-c|echo #no"},
        {"cd /tmp", "bash|-c|cd /tmp"},
        {"exit 3", "bash|-c|exit 3"},
        {": nothing", "bash|-c|: nothing"},
        {". file", "bash|-c|. file"},
        {"time sleep 1", "bash|-c|time sleep 1"},
        {"A=1 env", "bash|-c|A=1 env"},
        {"env A=1", "env|A=1"}, /* only the first word can be an assignment */
        {"a\nb", "bash|-c|a\nb"},
        {"dd if=x", "dd|if=x"},
    };
    struct ground g;
    struct operator_process p;

    (void)state;
    ground_open(&g, "dag_id: d\ntasks:\n  t: {operator: bash, bash_command: x}\n", "t");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct value text = {
            .kind = VALUE_STRING, .text = cases[i].command, .len = strlen(cases[i].command)};
        struct value *elems[] = {&text};
        struct value_key keys[] = {{.text = "bash_command", .len = 12}};
        struct value params = {.kind = VALUE_OBJECT, .len = 1, .elems = elems, .keys = keys};

        g.c.params = &params;
        assert_string_equal(argv_of(&g, &p), cases[i].argv);
    }
    ground_close(&g);
}

static void a_list_is_run_as_it_is(void **state)
{
    struct ground g;
    struct operator_process p;

    (void)state;
    ground_open(
        &g, "dag_id: d\ntasks:\n  t: {operator: bash, bash_command: [echo, 'a b', '$HOME', '']}\n",
        "t");
    assert_string_equal(argv_of(&g, &p), "echo|a b|$HOME|");
    ground_close(&g);
}

static void an_empty_command_is_refused(void **state)
{
    static const char *const docs[] = {
        "dag_id: d\ntasks:\n  t: {operator: bash, bash_command: '  '}\n",
        "dag_id: d\ntasks:\n  t: {operator: bash, bash_command: ['']}\n",
        "dag_id: d\ntasks:\n  t: {operator: bash, bash_command: []}\n",
    };

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        struct ground g;
        struct operator_process p = {.argv = NULL};

        ground_open(&g, docs[i], "t");
        assert_int_equal(g.op->prepare(&g.c, &p, &g.e), -ERR_INVALID);
        assert_non_null(strstr(g.e.text, "empty"));
        ground_close(&g);
    }
}

static void the_environment_and_the_folder(void **state)
{
    struct ground g;
    struct operator_process p;

    (void)state;
    ground_open(&g,
                "dag_id: d\ntasks:\n  t: {operator: bash, bash_command: x, cwd: /data, env: {A: "
                "'1', B: ''},\n"
                "      append_env: false, do_xcom_push: false}\n",
                "t");
    assert_string_equal(argv_of(&g, &p), "x");
    assert_string_equal(p.env[0], "A=1");
    assert_string_equal(p.env[1], "B=");
    assert_null(p.env[2]);
    assert_true(p.bare_env);
    assert_string_equal(p.cwd, "/data");
    assert_false(p.last_line_is_xcom);
    ground_close(&g);
}

static void exit_codes_that_skip(void **state)
{
    static const struct {
        const char *given;
        int rc;
        size_t n;
        int first;
    } cases[] = {
        {"", 0, 1, 99},
        {", skip_on_exit_code: 7", 0, 1, 7},
        {", skip_on_exit_code: [7, 8]", 0, 2, 7},
        {", skip_on_exit_code: []", 0, 0, 0},
        {", skip_on_exit_code: 256", -ERR_INVALID, 0, 0},
        {", skip_on_exit_code: [1, -1]", -ERR_INVALID, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct operator_process p = {.argv = NULL};
        struct ground g;
        char yaml[256];

        (void)snprintf(yaml, sizeof yaml,
                       "dag_id: d\ntasks:\n  t: {operator: bash, bash_command: x%s}\n",
                       cases[i].given);
        ground_open(&g, yaml, "t");
        assert_int_equal(g.op->prepare(&g.c, &p, &g.e), cases[i].rc);
        if (cases[i].rc == 0) {
            assert_int_equal(p.skip_codes_len, cases[i].n);
            assert_true(cases[i].n == 0 || p.skip_codes[0] == cases[i].first);
        }
        ground_close(&g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_shell_only_where_it_is_needed),
        cmocka_unit_test(a_list_is_run_as_it_is),
        cmocka_unit_test(an_empty_command_is_refused),
        cmocka_unit_test(the_environment_and_the_folder),
        cmocka_unit_test(exit_codes_that_skip),
    };

    return cmocka_run_group_tests_name("operator bash", tests, NULL, NULL);
}
