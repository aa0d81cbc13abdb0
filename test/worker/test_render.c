/* What an attempt is given: rendered parameters, what of them is kept, its environment, its secrets, its log. */
#include "fake.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/sensitive.h"
#include "worker/environment.h"
#include "worker/paths.h"

static const char doc[] =
    "dag_id: shop\n"
    "env: {MODE: test, DAG_TOKEN: dagsecret}\n"
    "params: {region: eu, limit: {default: 10, type: integer}}\n"
    "tasks:\n"
    "  plain: {operator: bash, bash_command: sort -u names.txt}\n"
    "  shell: {operator: bash, bash_command: echo $HOME | wc}\n"
    "  words: {operator: bash, bash_command: [printf, '%s', '{{ params.region }}', a b]}\n"
    "  ren: {operator: bash, bash_command: 'load {{ params.region }} {{ ds }} {{ run_id }} {{ "
    "ti.task_id }}',\n"
    "        cwd: '/data/{{ params.limit }}'}\n"
    "  pull: {operator: bash, bash_command: \"use {{ ti.xcom_pull('plain') }}\"}\n"
    "  keep: {operator: bash, bash_command: 'db {{ params.region }} hunter22-eu pa\"ss\\word "
    "dagsecret',\n"
    "         env: {API_KEY: '{{ dag_run.conf.key }}', PLAIN: '{{ dag_run.conf.key }}', N: '1'}}\n"
    "  bare: {operator: bash, bash_command: env, env: {ONLY: this}, append_env: false}\n"
    "  wrong: {operator: bash, bash_command: '{{ params.nobody.x }}'}\n"
    "  syntax: {operator: bash, bash_command: '{{ params.'}\n"
    "  jinja: {operator: bash, bash_command: \"{% macro m() %}x{% endmacro %}{{ m() }}\"}\n"
    "  py: {operator: python, python_callable: 'm:f', op_kwargs: {day: '{{ ds }}'}}\n";

static void commands(void)
{
    (void)fake_start("plain");
    assert_string_equal(fake_last()->argv, "sort|-u|names.txt");
    assert_true(fake_last()->last_line);
    (void)fake_start("shell");
    assert_string_equal(fake_last()->argv, "bash|-c|echo $HOME | wc");
    (void)fake_start("words");
    assert_string_equal(fake_last()->argv, "printf|%s|eu|a b");
    (void)fake_start("ren");
    assert_string_equal(fake_last()->argv, "load|eu|2026-01-01|manual__1|ren");
    assert_string_equal(fake_last()->cwd, "/data/10");
    fake.xcom = "\"a b\"";
    (void)fake_start("pull");
    assert_string_equal(fake_last()->argv, "use|a|b");
    fake.xcom = NULL;
    (void)fake_start("pull");
    assert_string_equal(fake_last()->argv, "use|None");
    fake_expect("");
}

static void commands_are_rendered(void **state)
{
    (void)state;
    fake_run(doc, commands);
}

static void failures(void)
{
    size_t before = fake.starts_len;

    (void)fake_start("wrong");
    assert_non_null(strstr(fake_told(), "wrong failed for good: template of bash_command: "));
    (void)fake_start("syntax");
    assert_non_null(strstr(fake_told(), "syntax failed for good: template of bash_command: "));
    fake.xcom = "{broken";
    (void)fake_start("pull");
    assert_non_null(strstr(fake_told(), "pull failed for good: template of bash_command: "));
    assert_int_equal(fake.starts_len, before); /* nothing runs with half of its parameters */
}

static void a_template_that_fails_starts_nothing(void **state)
{
    (void)state;
    fake_run(doc, failures);
}

static void runner(void)
{
    (void)fake_start("jinja");
    assert_null(fake_last()->argv);
    assert_non_null(strstr(fake_last()->python, "\"kind\":\"bash\""));
    assert_non_null(strstr(fake_last()->python, "\"rendered\":false"));
    (void)fake_start("py");
    assert_non_null(strstr(fake_last()->python, "\"kind\":\"task\""));
    assert_non_null(strstr(fake_last()->python, "\"day\":\"2026-01-01\""));
    assert_non_null(strstr(fake_last()->python, "\"rendered\":true"));
    assert_non_null(strstr(fake_last()->python, "\"run_id\":\"manual__1\""));
}

static void the_rest_goes_to_the_runner(void **state)
{
    (void)state;
    fake_run(doc, runner);
}

/* ---- secrets ---- */

static void secrets(void)
{
    struct uuid token = fake_start("keep");
    struct exec_end x = fake_exit(&token, 0);

    assert_non_null(strstr(fake_last()->script, "hunter22-eu")); /* the process gets them */
    assert_null(strstr(fake_last()->argv, "hunter22"));
    assert_non_null(strstr(fake_last()->env, "\nAPI_KEY=confsecret\n"));
    assert_non_null(strstr(fake_last()->secrets, "\nconfsecret\n"));
    assert_non_null(strstr(fake_last()->secrets, "\nhunter22\n"));
    assert_non_null(strstr(fake_last()->secrets, "\ndagsecret\n"));
    fake_end(&x);
    assert_non_null(
        fake.rendered); /* what is kept has none: not in texts, not by name, not in escapes */
    assert_null(strstr(fake.rendered, "hunter22"));
    assert_null(strstr(fake.rendered, "confsecret"));
    assert_null(strstr(fake.rendered, "dagsecret"));
    assert_null(strstr(fake.rendered, "word"));
    assert_non_null(strstr(fake.rendered, "\"db eu ***-eu *** ***\""));
    assert_non_null(strstr(fake.rendered, "\"API_KEY\":\"***\""));
    assert_non_null(strstr(fake.rendered, "\"N\":\"1\""));
}

static void no_secret_is_kept(void **state)
{
    (void)state;
    assert_int_equal(setenv("AIRFLOW_VAR_DB_PASSWORD", "hunter22", 1), 0);
    assert_int_equal(setenv("TRADEWIND_VAR_API_TOKEN", "pa\"ss\\word", 1), 0);
    fake_run(doc, secrets);
    assert_int_equal(unsetenv("AIRFLOW_VAR_DB_PASSWORD"), 0);
    assert_int_equal(unsetenv("TRADEWIND_VAR_API_TOKEN"), 0);
}

static void runner_secrets(void)
{
    struct uuid token = fake_start("jinja");
    struct exec_end x = fake_exit(&token, 0);

    fake_result(
        &token,
        "{\"outcome\": \"success\", \"rendered\": {\"bash_command\": \"x pa\\\"ss\\\\word\", "
        "\"env\": {\"api_key\": \"k\"}}}");
    fake_end(&x);
    assert_string_equal(fake.rendered,
                        "{\"bash_command\":\"x ***\",\"env\":{\"api_key\":\"***\"}}");
}

static void no_secret_of_the_runner_is_kept(void **state)
{
    (void)state;
    assert_int_equal(setenv("TRADEWIND_VAR_API_TOKEN", "pa\"ss\\word", 1), 0);
    fake_run(doc, runner_secrets);
    assert_int_equal(unsetenv("TRADEWIND_VAR_API_TOKEN"), 0);
}

/* ---- environment ---- */

static void environment(void)
{
    const char *env;

    (void)fake_start("plain");
    env = fake_last()->env;
    assert_non_null(strstr(env, "\nMODE=test\n"));
    assert_non_null(strstr(env, "\nAIRFLOW_CTX_DAG_ID=shop\n"));
    assert_non_null(strstr(env, "\nAIRFLOW_CTX_TASK_ID=plain\n"));
    assert_non_null(strstr(env, "\nAIRFLOW_CTX_DAG_RUN_ID=manual__1\n"));
    assert_non_null(strstr(env, "\nAIRFLOW_CTX_TRY_NUMBER=1\n"));
    assert_non_null(strstr(env, "\nAIRFLOW_CTX_LOGICAL_DATE=2026-01-01"));
    assert_non_null(
        strstr(fake_last()->log, "/logs/dag_id=shop/run_id=manual__1/task_id=plain/attempt=1.log"));
    (void)fake_start("bare");
    assert_non_null(strstr(fake_last()->env, "\nONLY=this\n"));
}

static void a_task_sees_its_context(void **state)
{
    (void)state;
    fake_run(doc, environment);
}

static bool has(char **list, const char *entry)
{
    for (size_t i = 0; list[i] != NULL; i++) {
        if (strcmp(list[i], entry) == 0) {
            return true;
        }
    }
    return false;
}

static void only_defined_names_pass(void **state)
{
    static const char *const extra[] = {"MY_OWN", "GROUP_*", NULL};
    char **list, **none;

    (void)state;
    assert_int_equal(setenv("AIRFLOW_CONN_DB", "postgres://x", 1), 0);
    assert_int_equal(setenv("AWS_SECRET_ACCESS_KEY", "topsecret", 1), 0);
    assert_int_equal(setenv("TRADEWIND_HOME", "/h", 1), 0);
    assert_int_equal(setenv("MY_OWN", "1", 1), 0);
    assert_int_equal(setenv("MY_OWNER", "2", 1), 0);
    assert_int_equal(setenv("GROUP_A", "3", 1), 0);
    list = environment_base(extra, NULL);
    none = environment_base(NULL, NULL);
    assert_true(has(list, "AIRFLOW_CONN_DB=postgres://x"));
    assert_true(has(list, "MY_OWN=1"));
    assert_true(has(list, "GROUP_A=3"));
    assert_false(has(list, "MY_OWNER=2"));
    assert_false(has(list, "AWS_SECRET_ACCESS_KEY=topsecret"));
    assert_false(has(list, "TRADEWIND_HOME=/h"));
    assert_false(has(none, "MY_OWN=1"));
    environment_free(list);
    environment_free(none);
    environment_free(NULL);
}

static void a_path_is_always_there(void **state)
{
    char *old = mem_strdup(getenv("PATH"));
    char **list;

    (void)state;
    assert_int_equal(unsetenv("PATH"), 0);
    list = environment_base(NULL, NULL);
    assert_true(has(list, "PATH=/usr/local/bin:/usr/bin:/bin"));
    environment_free(list);
    assert_int_equal(setenv("PATH", old, 1), 0);
    mem_free(old);
}

static void names_that_say_secret(void **state)
{
    static const char *const env[] = {"DB_PASSWORD=longenough",
                                      "db_passwd=abcd",
                                      "API_KEY=abc",
                                      "X=password",
                                      "TOKEN",
                                      "MyToken=efgh",
                                      NULL};
    char **list = environment_secrets(env);

    (void)state;
    assert_true(has(list, "longenough"));
    assert_true(has(list, "abcd"));
    assert_true(has(list, "efgh"));
    assert_false(has(list, "abc")); /* masking three letters would mask half of every log */
    assert_false(has(list, "password"));
    environment_free(list);
    assert_true(sensitive_name("GITHUB_ACCESS_TOKEN"));
    assert_false(sensitive_name("HOME"));
}

static void out_of_memory_leaks_nothing(void **state)
{
    static const char *const env[] = {"DB_PASSWORD=longenough", "A_TOKEN=abcd", NULL};
    char **list = NULL;

    (void)state;
    for (uint64_t n = 1; list == NULL; n++) {
        mem_fail_at(n, 0);
        list = environment_base(NULL, NULL);
        mem_fail_at(0, 0);
        assert_true(n < 10000);
    }
    environment_free(list);
    list = NULL;
    for (uint64_t n = 1; list == NULL; n++) {
        mem_fail_at(n, 0);
        list = environment_secrets(env);
        mem_fail_at(0, 0);
        assert_true(n < 10000);
    }
    environment_free(list);
}

static void paths_of_logs(void **state)
{
    char path[128];

    (void)state;
    assert_int_equal(worker_log_path("/h", "d", "r", "t", -1, 2, path, sizeof path), 0);
    assert_string_equal(path, "/h/logs/dag_id=d/run_id=r/task_id=t/attempt=2.log");
    assert_int_equal(worker_log_path("/h", "d", "r", "t", 3, 1, path, sizeof path), 0);
    assert_string_equal(path, "/h/logs/dag_id=d/run_id=r/task_id=t/map_index=3/attempt=1.log");
    assert_int_equal(worker_log_path("/h", "d", "r", "t", 3, 1, path, 20), -ERR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commands_are_rendered),
        cmocka_unit_test(a_template_that_fails_starts_nothing),
        cmocka_unit_test(the_rest_goes_to_the_runner),
        cmocka_unit_test(no_secret_is_kept),
        cmocka_unit_test(no_secret_of_the_runner_is_kept),
        cmocka_unit_test(a_task_sees_its_context),
        cmocka_unit_test(only_defined_names_pass),
        cmocka_unit_test(a_path_is_always_there),
        cmocka_unit_test(names_that_say_secret),
        cmocka_unit_test(out_of_memory_leaks_nothing),
        cmocka_unit_test(paths_of_logs),
    };

    return cmocka_run_group_tests_name("worker rendering", tests, NULL, NULL);
}
