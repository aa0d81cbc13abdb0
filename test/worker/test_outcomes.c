/* What a process's end means (src/worker/process.c), said for every kind of end; kills, adoption, waits and decisions. */
#include "fake.h"

#include <string.h>

#include "base/time.h"
#include "runtime/loop.h"

static const char doc[] =
    "dag_id: shop\n"
    "env: {MODE: test}\n"
    "tasks:\n"
    "  cmd: {operator: bash, bash_command: sort -u names.txt, execution_timeout: 90s}\n"
    "  codes: {operator: bash, bash_command: x, skip_on_exit_code: [7, 8]}\n"
    "  silent: {operator: bash, bash_command: x, do_xcom_push: false}\n"
    "  py: {operator: python, python_callable: 'm:f'}\n"
    "  fork: {operator: branch, follow: [left]}\n"
    "  left: {operator: empty, upstream: [fork]}\n"
    "  right: {operator: empty, upstream: [fork]}\n"
    "  wrong: {operator: branch, follow: nobody}\n"
    "  gate: {operator: short_circuit, condition: '{{ dag_run.conf.go }}'}\n"
    "  after: {operator: empty, upstream: [gate]}\n"
    "  nap: {operator: wait_time, delta: 90s}\n"
    "  late: {operator: wait_file, filepath: /nowhere/at/all, timeout: 20, execution_timeout: 10}\n"
    "  soft: {operator: wait_file, filepath: /nowhere/at/all, timeout: 20, soft_fail: true}\n";

/* ---- ends of commands ---- */

static const struct {
    const char *task;
    struct exec_end end;
    const char *told;
} ends[] = {
    {"cmd", {.exit_code = 0}, "cmd success\n"},
    {"cmd",
     {.exit_code = 0, .last_line = "42 \"x\"", .last_line_len = 6},
     "cmd success [return_value=\"42 \\\"x\\\"\"]\n"},
    {"silent", {.exit_code = 0, .last_line = "42", .last_line_len = 2}, "silent success\n"},
    {"cmd", {.exit_code = 3, .last_line = "no", .last_line_len = 2}, "cmd failed: exit code 3\n"},
    {"cmd", {.exit_code = 99}, "cmd skipped: exit code 99\n"},
    {"codes", {.exit_code = 8}, "codes skipped: exit code 8\n"},
    {"codes", {.exit_code = 99}, "codes failed: exit code 99\n"},
    {"cmd", {.exit_code = 127}, "cmd failed: exit code 127 (command not found)\n"},
    {"cmd", {.exit_code = 126}, "cmd failed: exit code 126 (command not executable)\n"},
    {"cmd", {.exit_code = -1, .signal = 9}, "cmd failed: killed by SIGKILL (9)\n"},
    {"cmd",
     {.exit_code = -1, .signal = 9, .oom = true},
     "cmd failed: out of memory: the kernel killed it\n"},
    {"cmd",
     {.exit_code = -1, .not_seen = true},
     "cmd failed: exit not seen: the process that held it died\n"},
    {"cmd",
     {.exit_code = -1, .signal = 15, .killed = "timeout"},
     "cmd failed: execution_timeout of 1m 30s exceeded\n"},
    {"cmd", {.exit_code = 0, .killed = "cleared"}, "cmd killed: cleared\n"},
    {"cmd", {.exit_code = -1, .signal = 15, .killed = "interrupted"}, "cmd lost: interrupted\n"},
    {"cmd",
     {.exit_code = -1, .error = "no such folder"},
     "cmd failed: cannot start: no such folder\n"},
};

static void command_ends(void)
{
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        struct exec_end x = ends[i].end;

        x.attempt = fake_start(ends[i].task);
        fake_expect("");
        fake_begin(&x.attempt);
        assert_non_null(strstr(fake_told(), " started pid 100 in h1\n"));
        fake_end(&x);
        fake_expect(ends[i].told);
        fake_end(&x); /* told again until acknowledged: dropped */
        fake_expect("");
        fake.worker->ops->ack(fake.worker, &x.attempt);
        assert_int_equal(fake.acks, i + 1);
        fake_end(&x);
        fake_expect("");
    }
}

static void every_end_of_a_command(void **state)
{
    (void)state;
    fake_run(doc, command_ends);
}

/* ---- results of Python tasks ---- */

#define EVENT(more) "{\"name\": \"a\", \"uri\": \"s3://a\", \"group\": \"asset\", " more "}"

static const struct {
    int exit_code;
    const char *result, *told;
} results[] = {
    {0, "{\"outcome\": \"success\"}", "py success\n"},
    {0,
     "{\"outcome\": \"success\", \"xcoms\": [{\"key\": \"return_value\", \"value\": {\"a\": [1, "
     "2.50]}}]}",
     "py success [return_value={\"a\":[1,2.50]}]\n"},
    {1, "{\"outcome\": \"success\"}", "py failed: exit code 1 after success\n"},
    {1, "{\"outcome\": \"failed\", \"error\": \"ValueError: no\"}", "py failed: ValueError: no\n"},
    {1, "{\"outcome\": \"fail\", \"error\": \"AirflowFailException\"}",
     "py failed for good: AirflowFailException\n"},
    {0, "{\"outcome\": \"skipped\"}", "py skipped\n"},
    {0, "{\"outcome\": \"success\", \"skip\": [\"right\", \"nobody\", 3, \"left\"]}",
     "py success -right -left\n"},
    {0, "{\"outcome\": \"reschedule\", \"until_us\": 1700000000000000}",
     "py reschedule at 1700000000000000\n"},
    {0, "{\"outcome\": \"odd\"}", "py failed\n"},
    {0, "{\"outcome\": 3}", "py failed\n"},
    {0, "{\"outcome\": \"success\", \"xcoms\": [{\"value\": 3}]}",
     "py failed for good: the result cannot be kept: protocol violation\n"},
    {0,
     "{\"outcome\": \"success\", \"asset_events\": [" EVENT("\"extra\": {\"n\": 1.50}") ", " EVENT(
         "\"aliases\": [\"x\", \"y\"], \"asset_extra\": {\"o\": 2}") "]}",
     "py success {a s3://a asset - {\"n\":1.50}} {a s3://a asset {\"o\":2} - by x by y}\n"},
    {1, "{\"outcome\": \"success\", \"asset_events\": [" EVENT("\"extra\": {}") "]}",
     "py failed: exit code 1 after success\n"},
    {1, "{\"outcome\": \"failed\", \"asset_events\": [" EVENT("\"extra\": {}") "]}", "py failed\n"},
    {0, "{\"outcome\": \"success\", \"asset_events\": [{\"name\": \"a\"}]}",
     "py failed for good: an asset event without uri\n"},
    {0, "{\"outcome\": \"success\", \"asset_events\": [" EVENT("\"aliases\": [3]") "]}",
     "py failed for good: the name of an alias: 1 to 1500 bytes\n"},
    {0, "{\"outcome\": \"success\", \"asset_events\": 3}",
     "py failed for good: asset_events is no list\n"},
    {0, NULL, "py failed: no result: the process ended without reporting one\n"},
    {3, NULL, "py failed: exit code 3\n"},
};

static void python_results(void)
{
    for (size_t i = 0; i < sizeof results / sizeof results[0]; i++) {
        struct uuid token = fake_start("py");
        struct exec_end x = fake_exit(&token, results[i].exit_code);

        assert_non_null(strstr(fake_last()->python, "\"kind\":\"task\""));
        fake_begin(&token);
        (void)fake_told();
        if (results[i].result != NULL) {
            fake_result(&token, results[i].result);
        }
        fake_end(&x);
        fake_expect(results[i].told);
        fake.worker->ops->ack(fake.worker, &token);
    }
}

static void every_result_of_python(void **state)
{
    (void)state;
    fake_run(doc, python_results);
}

static void broken_results(void)
{
    static const char *const texts[] = {"",         "{",  "{\"outcome\": \"success\"",
                                        "nonsense", "[1", "\"\\ud800\""};

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct uuid token = fake_start("py");
        struct exec_end x = fake_exit(&token, 0);

        fake_result(&token, texts[i]);
        fake_end(&x);
        assert_non_null(
            strstr(fake_told(), "py failed: ")); /* a reason, never a success (rule 8) */
    }
}

static void a_broken_result_is_a_failure(void **state)
{
    (void)state;
    fake_run(doc, broken_results);
}

/* ---- what is not an object, and members of wrong kinds ---- */

static void odd_results(void)
{
    static const char *const texts[] = {
        "[]", "3", "null", "\"success\"", "{}", "{\"outcome\": \"success\", \"xcoms\": [3, null]}"};

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct uuid token = fake_start("py");
        struct exec_end x = fake_exit(&token, 0);

        fake_result(&token, texts[i]);
        fake_end(&x);
        assert_non_null(strstr(fake_told(), "py failed"));
    }
}

static void an_odd_result_is_a_failure(void **state)
{
    (void)state;
    fake_run(doc, odd_results);
}

/* ---- decisions ---- */

static void decisions(void)
{
    (void)fake_start("fork");
    fake_expect("fork started pid 0\nfork success -right\n");
    (void)fake_start("gate");
    fake_expect("gate started pid 0\ngate success -after\n");
    assert_string_equal(fake.rendered, "{\"condition\":\"false\"}");
    (void)fake_start("wrong");
    fake_expect("wrong started pid 0\nwrong failed for good: the branch follows 'nobody', which is "
                "not directly "
                "downstream of 'wrong'\n");
    assert_int_equal(fake.starts_len, 0); /* none of them needs a process */
}

static void decisions_are_made_at_once(void **state)
{
    (void)state;
    fake_run(doc, decisions);
}

/* ---- waits ---- */

static void waits(void)
{
    int64_t began = loop_now_us(loop_current());
    struct uuid token;

    (void)fake_start("nap");
    fake_expect("nap started pid 0\nnap deferred\n");
    (void)co_sleep(80 * TIME_SECOND);
    fake_expect("");
    (void)co_sleep(20 * TIME_SECOND);
    fake_expect("nap success (waited)\n");
    assert_true(loop_now_us(loop_current()) - began < 101 * TIME_SECOND);

    (void)fake_start("late");
    (void)co_sleep(15 * TIME_SECOND);
    fake_expect("late started pid 0\nlate deferred\nlate failed: execution_timeout of 10.0s "
                "exceeded (waited)\n");

    (void)fake_start("soft");
    (void)co_sleep(30 * TIME_SECOND);
    fake_expect(
        "soft started pid 0\nsoft deferred\nsoft skipped: not there after 20.0s (waited)\n");

    fake.run.logical_date_us = TIME_NONE; /* so that it counts from the start */
    token = fake_start("nap");
    fake.worker->ops->kill(fake.worker, &token, "marked success");
    (void)co_sleep(TIME_SECOND);
    fake_expect("nap started pid 0\nnap deferred\nnap killed: marked success (waited)\n");
}

static void waits_hold_no_process(void **state)
{
    (void)state;
    fake_run(doc, waits);
}

/* A wait that goes on in another life counts from its first start. */
static void adopted_wait(void)
{
    fake.run.logical_date_us = TIME_NONE;
    (void)fake_adopt("nap", true, loop_wall_us(loop_current()) - 60 * TIME_SECOND);
    fake_expect("");
    (void)co_sleep(29 * TIME_SECOND);
    fake_expect("");
    (void)co_sleep(2 * TIME_SECOND);
    fake_expect("nap success (waited)\n");
}

static void an_adopted_wait_goes_on(void **state)
{
    (void)state;
    fake_run(doc, adopted_wait);
}

/* ---- kills and adoption of processes ---- */

static void kills(void)
{
    struct uuid token = fake_start("cmd");
    struct ti_key key;
    struct exec_end x = fake_exit(&token, -1);

    assert_true(fake.worker->ops->find(fake.worker, &token, &key));
    assert_int_equal(key.run_key, 7);
    fake_begin(&token);
    (void)fake_told();
    fake.worker->ops->kill(fake.worker, &token, "cleared");
    assert_string_equal(fake.killed, "cleared");
    fake_expect("");
    x.killed = "cleared";
    fake_end(&x);
    fake_expect("cmd killed: cleared\n");
    fake_begin(&token); /* late: nothing */
    fake_expect("");
    assert_false(
        fake.worker->ops->find(fake.worker, &token, &key)); /* its token proves nothing any more */
    fake.worker->ops->kill(fake.worker, &token, "again");
    assert_int_equal(fake.kills, 1);
}

static void a_kill_goes_to_the_process(void **state)
{
    (void)state;
    fake_run(doc, kills);
}

static void adoptions(void)
{
    struct uuid token = fake_adopt("codes", true, 5);
    struct exec_end x = fake_exit(&token, 8);

    fake_expect("");
    assert_int_equal(fake.starts_len, 0);
    fake_end(&x); /* judged by its own exit codes although nothing was started here */
    fake_expect("codes skipped: exit code 8\n");
    token = fake_adopt("py", true, 5);
    x = fake_exit(&token, 0);
    fake_result(&token, "{\"outcome\": \"success\"}");
    fake_end(&x);
    fake_expect("py success\n");
    fake.adopt_unknown = true;
    (void)fake_adopt("cmd", false, TIME_NONE);
    assert_int_equal(fake.starts_len,
                     1); /* no holder ever heard of it: it starts, under the same token */
    assert_string_equal(fake_last()->argv, "sort|-u|names.txt");
}

static void processes_are_adopted(void **state)
{
    (void)state;
    fake_run(doc, adoptions);
}

/* It started and ended while nobody looked: the engine hears of both, in that order. */
static void late_start(void)
{
    struct uuid token = fake_adopt("cmd", false, TIME_NONE);
    struct exec_end x = fake_exit(&token, 0);

    fake_end(&x);
    fake_expect("cmd started pid 100\ncmd success\n");
}

static void a_start_that_nobody_saw_is_told(void **state)
{
    (void)state;
    fake_run(doc, late_start);
}

static void refused(void)
{
    fake.start_rc = -ERR_NOMEM;
    (void)fake_start("cmd");
    fake_expect("cmd failed: simulated: cannot start\n");
}

static void a_refused_start_is_a_failure(void **state)
{
    (void)state;
    fake_run(doc, refused);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_end_of_a_command),
        cmocka_unit_test(every_result_of_python),
        cmocka_unit_test(a_broken_result_is_a_failure),
        cmocka_unit_test(an_odd_result_is_a_failure),
        cmocka_unit_test(decisions_are_made_at_once),
        cmocka_unit_test(waits_hold_no_process),
        cmocka_unit_test(an_adopted_wait_goes_on),
        cmocka_unit_test(a_kill_goes_to_the_process),
        cmocka_unit_test(processes_are_adopted),
        cmocka_unit_test(a_start_that_nobody_saw_is_told),
        cmocka_unit_test(a_refused_start_is_a_failure),
    };

    return cmocka_run_group_tests_name("worker outcomes", tests, NULL, NULL);
}
