/* libtradewind as a program sees it: this program authors pipelines, runs them, and is its own tasks' program. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <tradewind/pipeline.h>

static char home[64];
static const char *plugin; /* op_try.so */

static const char *path_of(const char *name)
{
    static char path[4][256];
    static int i;

    i = (i + 1) % 4;
    (void)snprintf(path[i], sizeof path[i], "%s/%s", home, name);
    return path[i];
}

/* ---- task functions ---- */

static int good(tw_context *c)
{
    if (strcmp(tw_context_dag_id(c), "t") != 0 || tw_context_map_index(c) != -1) {
        return TW_FAILED;
    }
    tw_log(c, "args %s", tw_context_args(c));
    tw_xcom_push(c, "more", "[1, 2]", NULL);
    tw_xcom_push(c, "more", "[1, 2, 3]", NULL);
    return tw_return(c, tw_context_args(c), NULL) == TW_OK ? TW_SUCCESS : TW_FAILED;
}

static int reads(tw_context *c)
{
    tw_error *error = NULL;
    char *json = NULL;
    int rc = tw_xcom_get(c, "good", "nothing", &json, &error);

    if (rc != TW_ERR_NOTFOUND || tw_error_code(error) != rc || json != NULL) {
        return TW_FAILED;
    }
    tw_error_free(error);
    if (tw_xcom_get(c, "good", "more", &json, NULL) != TW_OK || strcmp(json, "[1,2,3]") != 0) {
        return TW_FAILED;
    }
    tw_free(json);
    return TW_SUCCESS;
}

static int crashes(tw_context *c)
{
    (void)c;
    (void)signal(SIGSEGV, SIG_DFL);
    (void)raise(SIGSEGV);
    return TW_SUCCESS;
}

static int second_try(tw_context *c)
{
    tw_reason(c, "only the second try is good");
    return tw_context_try_number(c) == 2 ? TW_SUCCESS : TW_FAILED;
}

static int gives_up(tw_context *c)
{
    tw_reason(c, "no use");
    return TW_FAILED_NO_RETRY;
}

static int skips(tw_context *c)
{
    (void)c;
    return TW_SKIPPED;
}

static int hangs(tw_context *c)
{
    (void)c;
    while (pause() < 0) {
    }
    return TW_SUCCESS;
}

static int exits(tw_context *c)
{
    (void)c;
    exit(3);
}

/* Notes that it began, waits for a file to be there, and notes that it ended. */
static int waits(tw_context *c)
{
    char folder[200], path[256];
    FILE *f;

    if (sscanf(tw_context_args(c), "\"%199[^\"]", folder) != 1) {
        return TW_FAILED;
    }
    (void)snprintf(path, sizeof path, "%s/began", folder);
    f = fopen(path, "a");
    (void)fputs("x", f);
    (void)fclose(f);
    (void)snprintf(path, sizeof path, "%s/go", folder);
    while (access(path, F_OK) != 0) {
        (void)usleep(5000);
    }
    return tw_return(c, "\"waited\"", NULL) == TW_OK ? TW_SUCCESS : TW_FAILED;
}

static int doubles(tw_context *c)
{
    char json[32];

    if (tw_context_map_index(c) < 0) {
        return TW_FAILED;
    }
    (void)snprintf(json, sizeof json, "%d", 2 * atoi(tw_context_args(c)));
    return tw_return(c, json, NULL) == TW_OK ? TW_SUCCESS : TW_FAILED;
}

/* All values of a mapped task. */
static int gathers(tw_context *c)
{
    char *json = NULL;
    int rc = tw_xcom_get(c, "double", NULL, &json, NULL);

    rc = rc == TW_OK ? tw_return(c, json, NULL) : rc;
    tw_free(json);
    return rc == TW_OK ? TW_SUCCESS : TW_FAILED;
}

static const struct tw_function_entry functions[] = {
    {"good", good},         {"reads", reads},     {"crashes", crashes}, {"second_try", second_try},
    {"gives_up", gives_up}, {"skips", skips},     {"hangs", hangs},     {"exits", exits},
    {"waits", waits},       {"doubles", doubles}, {"gathers", gathers}, {NULL, NULL},
};

/* ---- help ---- */

static tw_result *run(tw_pipeline *p)
{
    tw_runner *r = tw_runner_new_in_memory();
    tw_error *error = NULL;
    tw_result *result = NULL;

    tw_runner_keep_values(r, 1);
    if (tw_runner_run(r, p, NULL, NULL, &result, &error) != TW_OK) {
        fail_msg("%s", tw_error_text(error));
    }
    tw_runner_free(r);
    tw_pipeline_free(p);
    return result;
}

static void assert_task(const tw_result *r, const char *task, const char *state, const char *reason)
{
    size_t i = tw_result_find(r, task);

    assert_in_range(i, 0, tw_result_len(r) - 1);
    assert_string_equal(tw_result_task_state(r, i), state);
    if (reason != NULL) {
        assert_non_null(tw_result_reason(r, i));
        assert_non_null(strstr(tw_result_reason(r, i), reason));
    }
}

/* ---- tests ---- */

static void functions_and_commands(void **state)
{
    const char *const argv[] = {"/bin/sh", "-c", "echo \"$GREETING\"", NULL};
    tw_pipeline *p = tw_pipeline_new("t");
    tw_task *a = tw_task_function(p, "good", "good"), *b = tw_task_function(p, "reads", "reads");
    tw_task *c = tw_task_command(p, "command", argv), *join = tw_task_empty(p, "join");
    tw_result *r;

    (void)state;
    assert_int_equal(tw_task_args(a, "{\"day\": \"{{ ds }}\", \"n\": 1.50}"), TW_OK);
    assert_int_equal(tw_task_env(c, "GREETING", "hello"), TW_OK);
    assert_int_equal(tw_task_after(b, a), TW_OK);
    assert_int_equal(tw_task_after(c, a), TW_OK);
    assert_int_equal(tw_task_after(join, b), TW_OK);
    assert_int_equal(tw_task_after(join, c), TW_OK);
    r = run(p);
    assert_string_equal(tw_result_state(r), "success");
    assert_int_equal(tw_result_len(r), 4);
    assert_non_null(strstr(tw_result_value(r, tw_result_find(r, "good")), "\"n\":1.50"));
    assert_null(strstr(tw_result_value(r, tw_result_find(r, "good")), "{{"));
    assert_string_equal(tw_result_value(r, tw_result_find(r, "command")), "\"hello\"");
    assert_null(tw_result_value(r, tw_result_find(r, "join")));
    tw_result_free(r);
}

static void ends(void **state)
{
    tw_pipeline *p = tw_pipeline_new("t");
    tw_task *t;
    tw_result *r;

    (void)state;
    tw_task_function(p, "crashes", "crashes");
    t = tw_task_function(p, "second_try", "second_try");
    tw_task_retries(t, 3, 0);
    t = tw_task_function(p, "gives_up", "gives_up");
    tw_task_retries(t, 3, 0);
    tw_task_function(p, "exits", "exits");
    tw_task_timeout(tw_task_function(p, "hangs", "hangs"), 0.3);
    t = tw_task_function(p, "skips", "skips");
    tw_task_after(tw_task_empty(p, "after_skipped"), t);
    r = run(p);
    assert_string_equal(tw_result_state(r), "failed");
    assert_task(r, "crashes", "failed", "killed by SIGSEGV");
    assert_task(r, "second_try", "success", NULL);
    assert_int_equal(tw_result_tries(r, tw_result_find(r, "second_try")), 2);
    assert_task(r, "gives_up", "failed", "no use");
    assert_int_equal(tw_result_tries(r, tw_result_find(r, "gives_up")), 1);
    assert_task(r, "exits", "failed", "exit code 3");
    assert_int_equal(tw_result_exit_code(r, tw_result_find(r, "exits")), 3);
    assert_task(r, "hangs", "failed", "execution_timeout");
    assert_task(r, "skips", "skipped", NULL);
    assert_task(r, "after_skipped", "skipped", NULL);
    tw_result_free(r);
}

static void errors_in_words(void **state)
{
    tw_pipeline *p = tw_pipeline_new("t");
    tw_task *a = tw_task_bash(p, "a", "true");
    tw_error *error = NULL;
    char *json = NULL;

    (void)state;
    tw_task_after(a, tw_task_bash(p, "b", "true"));
    tw_task_trigger_rule(a, "all_sucess");
    tw_task_set(a, "retires", "1");
    assert_int_equal(tw_pipeline_check(p, &error), TW_ERR_INVALID);
    assert_non_null(strstr(tw_error_text(error), "all_success"));
    assert_non_null(strstr(tw_error_text(error), "retries"));
    tw_error_free(error);
    tw_pipeline_free(p);

    p = tw_pipeline_new("t"); /* the first error sticks */
    assert_null(tw_task_function(p, "x", "unknown"));
    assert_null(tw_task_bash(p, "y", "true"));
    assert_int_not_equal(tw_task_after(NULL, NULL), TW_OK);
    assert_int_equal(tw_pipeline_document(p, &json, &error), TW_ERR_NOTFOUND);
    assert_non_null(strstr(tw_error_text(error), "'unknown'"));
    tw_error_free(error);
    tw_pipeline_free(p);

    p = tw_pipeline_new("t");
    assert_int_equal(tw_pipeline_set(p, "tags", "[1,"), TW_ERR_INVALID);
    assert_int_equal(tw_pipeline_check(p, NULL), TW_ERR_INVALID);
    tw_pipeline_free(p);
}

static void mapped(void **state)
{
    tw_pipeline *p = tw_pipeline_new("t");
    tw_task *list = tw_task_function(p, "list", "good");
    tw_task *each = tw_task_function(p, "double", "doubles");
    tw_task *again = tw_task_function(p, "quadruple", "doubles");
    tw_task *all = tw_task_function(p, "all", "gathers");
    tw_task *lines = tw_task_bash(p, "lines", "echo \"$A$B\"");
    tw_result *r;
    size_t i;

    (void)state;
    assert_int_equal(tw_task_args(list, "[3, 5, 8]"), TW_OK);
    assert_int_equal(tw_task_expand_over(each, "args", list, NULL), TW_OK);
    assert_int_equal(tw_task_expand_over(again, "args", each, "return_value"), TW_OK);
    assert_int_equal(tw_task_after(all, each), TW_OK);
    assert_int_equal(tw_task_expand(lines, "env", "[{\"A\": \"{{ 1 + 1 }}\"}, {\"B\": \"b\"}]"),
                     TW_OK);
    assert_int_equal(tw_task_expand_over(tw_task_empty(p, "none"), "args", lines, "nothing"),
                     TW_OK); /* `empty` has no args: the check says so */
    assert_int_equal(tw_pipeline_check(p, NULL), TW_ERR_INVALID);
    tw_pipeline_free(p);

    p = tw_pipeline_new("t");
    list = tw_task_function(p, "list", "good");
    each = tw_task_function(p, "double", "doubles");
    again = tw_task_function(p, "quadruple", "doubles");
    all = tw_task_function(p, "all", "gathers");
    lines = tw_task_bash(p, "lines", "echo \"$A$B\"");
    tw_task_args(list, "[3, 5, 8]");
    tw_task_expand_over(each, "args", list, NULL);
    tw_task_expand_over(again, "args", each, "return_value");
    tw_task_after(all, each);
    tw_task_expand(lines, "env", "[{\"A\": \"{{ 1 + 1 }}\"}, {\"B\": \"b\"}]");
    tw_task_set(lines, "append_env", "true");
    r = run(p);
    assert_string_equal(tw_result_state(r), "success");
    assert_string_equal(tw_result_value(r, tw_result_find(r, "all")), "[6,10,16]");
    i = tw_result_find(r, "quadruple");
    assert_int_equal(tw_result_map_index(r, i), 0);
    assert_string_equal(tw_result_value(r, i + 2), "32");
    assert_string_equal(tw_result_task(r, i + 2), "quadruple");
    i = tw_result_find(r, "lines");
    assert_string_equal(tw_result_value(r, i), "\"2\"");
    assert_string_equal(tw_result_value(r, i + 1), "\"b\"");
    tw_result_free(r);

    p = tw_pipeline_new("t");
    assert_int_equal(tw_task_expand(NULL, "args", "[]"), TW_ERR_INVALID);
    assert_int_equal(tw_task_expand(tw_task_function(p, "x", "doubles"), "args", "[1"),
                     TW_ERR_INVALID);
    assert_int_equal(tw_pipeline_check(p, NULL), TW_ERR_INVALID);
    tw_pipeline_free(p);
}

static void another_abi_is_refused(void **state)
{
    tw_error *error = NULL;

    (void)state;
    assert_int_equal(tw_abi_version(), TW_ABI_VERSION);
    assert_int_equal(tw_init_abi(TW_ABI_VERSION + 1, functions, &error), TW_ERR_VERSION);
    assert_non_null(strstr(tw_error_text(error), "compile it again"));
    tw_error_free(error);
}

static void *cancels(void *runner)
{
    while (access(path_of("began"), F_OK) != 0) {
        (void)usleep(2000);
    }
    tw_runner_cancel(runner);
    return NULL;
}

static void count(void *arg, const tw_transition *t)
{
    assert_string_equal(tw_transition_task(t), "waits");
    assert_int_equal(tw_transition_map_index(t), -1);
    assert_true(tw_transition_time_us(t) > 0);
    *(int *)arg += strcmp(tw_transition_to(t), "running") == 0 && tw_transition_try(t) == 1;
}

static tw_pipeline *waiting(void)
{
    tw_pipeline *p = tw_pipeline_new("t");
    char args[300];

    (void)snprintf(args, sizeof args, "\"%s\"", home);
    tw_task_args(tw_task_function(p, "waits", "waits"), args);
    return p;
}

static void touch(const char *name)
{
    FILE *f = fopen(path_of(name), "w");

    assert_non_null(f);
    (void)fclose(f);
}

static off_t size_of(const char *name)
{
    struct stat st;

    return stat(path_of(name), &st) == 0 ? st.st_size : 0;
}

static void canceled_and_resumed(void **state)
{
    tw_runner *r = tw_runner_new(path_of("h1"));
    tw_pipeline *p = waiting();
    tw_result *result = NULL;
    tw_error *error = NULL;
    pthread_t thread;
    int running = 0;

    (void)state;
    tw_runner_on_transition(r, count, &running);
    assert_int_equal(pthread_create(&thread, NULL, cancels, r), 0);
    assert_int_equal(tw_runner_run(r, p, "one", NULL, &result, &error), TW_ERR_CANCELED);
    assert_non_null(strstr(tw_error_text(error), "tw_runner_resume"));
    assert_null(result);
    tw_error_free(error);
    assert_int_equal(pthread_join(thread, NULL), 0);
    touch("go");
    assert_int_equal(tw_runner_resume(r, "t", "one", &result, &error), TW_OK);
    assert_string_equal(tw_result_state(result), "success");
    assert_string_equal(tw_result_run_id(result), "one");
    assert_in_range(running, 1, 2); /* a cancel may come before the first start is in the store */
    assert_int_equal(size_of("began"),
                     2); /* it was ended by the cancel, and ran again: the same try */
    tw_result_free(result);
    assert_int_equal(tw_runner_resume(r, "t", NULL, &result, &error), TW_ERR_INVALID);
    tw_error_free(error);
    assert_int_equal(tw_runner_resume(r, "t", "two", &result, &error), TW_ERR_NOTFOUND);
    tw_error_free(error);
    assert_int_equal(tw_runner_run(r, p, "one", NULL, &result, &error), TW_ERR_EXISTS);
    tw_error_free(error);
    tw_pipeline_free(p);
    tw_runner_free(r);
}

/* The program is killed while its task runs: the task goes on, and the next program adopts it. */
static void killed_and_adopted(void **state)
{
    tw_pipeline *p = waiting();
    tw_runner *r = tw_runner_new(path_of("h2"));
    tw_result *result = NULL;
    tw_error *error = NULL;
    pid_t pid;

    (void)state;
    (void)unlink(path_of("began"));
    (void)unlink(path_of("go"));
    pid = fork();
    if (pid == 0) {
        (void)tw_runner_run(r, p, "one", NULL, NULL, NULL);
        _exit(0);
    }
    while (size_of("began") == 0) {
        (void)usleep(2000);
    }
    assert_int_equal(tw_runner_run(r, p, NULL, NULL, &result, &error), TW_ERR_BUSY);
    tw_error_free(error);
    (void)kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    touch("go");
    tw_runner_keep_values(r, 1);
    if (tw_runner_resume(r, "t", NULL, &result, &error) != TW_OK) {
        fail_msg("%s", tw_error_text(error));
    }
    assert_string_equal(tw_result_state(result), "success");
    assert_string_equal(tw_result_value(result, 0), "\"waited\"");
    assert_int_equal(size_of("began"), 1);
    tw_result_free(result);
    tw_pipeline_free(p);
    tw_runner_free(r);
}

static void failed_and_resumed(void **state)
{
    tw_pipeline *p = tw_pipeline_new("t");
    tw_runner *r = tw_runner_new(path_of("h3"));
    tw_result *result = NULL;
    char line[300];

    (void)state;
    (void)snprintf(line, sizeof line, "test -e %s", path_of("there"));
    tw_task_after(tw_task_bash(p, "after", "true"), tw_task_bash(p, "needs", line));
    assert_int_equal(tw_runner_run(r, p, "one", NULL, &result, NULL), TW_OK);
    assert_task(result, "needs", "failed", "exit code 1");
    assert_task(result, "after", "upstream_failed", NULL);
    tw_result_free(result);
    touch("there");
    assert_int_equal(tw_runner_resume(r, "t", NULL, &result, NULL), TW_OK);
    assert_string_equal(tw_result_state(result), "success");
    tw_result_free(result);
    tw_pipeline_free(p);
    tw_runner_free(r);
}

static void *run_one(void *arg)
{
    tw_pipeline *p = tw_pipeline_new("t");
    tw_runner *r = tw_runner_new_in_memory();
    tw_result *result = NULL;

    tw_task_function(p, "good", "good");
    if (tw_runner_run(r, p, NULL, "{\"a\": 1}", &result, NULL) == TW_OK) {
        *(int *)arg = strcmp(tw_result_state(result), "success") == 0;
    }
    tw_result_free(result);
    tw_runner_free(r);
    tw_pipeline_free(p);
    return NULL;
}

static void two_threads(void **state)
{
    pthread_t t[4];
    int good_ones[4] = {0};

    (void)state;
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&t[i], NULL, run_one, &good_ones[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        (void)pthread_join(t[i], NULL);
        assert_true(good_ones[i]);
    }
}

static void operators_and_plugins(void **state)
{
    tw_pipeline *p = tw_pipeline_new("t");
    tw_task *a = tw_task_operator(p, "wait", "wait_time", "{\"delta\": 0}");
    tw_task *b = tw_task_operator(p, "plugin", "try_it", "{\"mode\": \"offload\", \"n\": 3}");
    tw_runner *r = tw_runner_new_in_memory();
    tw_error *error = NULL;
    tw_result *result = NULL;

    (void)state;
    tw_task_after(b, a);
    (void)setenv("TRADEWIND_OPERATORS", "/nowhere.so", 1);
    assert_int_equal(tw_runner_run(r, p, NULL, NULL, &result, &error), TW_ERR_INVALID);
    assert_non_null(strstr(tw_error_text(error), "'try_it'"));
    assert_non_null(strstr(tw_error_text(error), "/nowhere.so: there is no such file"));
    tw_error_free(error);
    (void)setenv("TRADEWIND_OPERATORS", plugin, 1);
    if (tw_runner_run(r, p, NULL, NULL, &result, &error) != TW_OK) {
        fail_msg("%s", tw_error_text(error));
    }
    assert_string_equal(tw_result_state(result), "success");
    tw_result_free(result);
    tw_runner_free(r);
    tw_pipeline_free(p);
}

static void canceled_before(void **state)
{
    tw_pipeline *p = tw_pipeline_new("t");
    tw_runner *r = tw_runner_new_in_memory();
    tw_result *result = NULL;

    (void)state;
    tw_task_bash(p, "a", "sleep 60");
    tw_runner_cancel(r);
    assert_int_equal(tw_runner_run(r, p, NULL, NULL, &result, NULL), TW_ERR_CANCELED);
    tw_runner_free(r);
    tw_pipeline_free(p);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(functions_and_commands),
        cmocka_unit_test(ends),
        cmocka_unit_test(errors_in_words),
        cmocka_unit_test(another_abi_is_refused),
        cmocka_unit_test(canceled_and_resumed),
        cmocka_unit_test(killed_and_adopted),
        cmocka_unit_test(failed_and_resumed),
        cmocka_unit_test(two_threads),
        cmocka_unit_test(operators_and_plugins),
        cmocka_unit_test(canceled_before),
        cmocka_unit_test(mapped),
    };
    char command[100];
    int rc;

    if (tw_init(functions, NULL) != TW_OK) {
        return 1;
    }
    if (argc != 2) {
        (void)fprintf(stderr, "usage: test-capi-pipeline PLUGIN.so\n");
        return 64;
    }
    plugin = argv[1];
    (void)snprintf(home, sizeof home, "/tmp/tw-capi-XXXXXX");
    if (mkdtemp(home) == NULL) {
        return 1;
    }
    rc = cmocka_run_group_tests(tests, NULL, NULL);
    (void)snprintf(command, sizeof command, "rm -rf %s", home);
    return system(command) == 0 ? rc : 1;
}
