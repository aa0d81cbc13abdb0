/* Tries that wait without a process: what is kept for them, with what they go on. Triggers themselves need processes: test/e2e. */
#include "fake.h"

#include <string.h>

#include "base/limits.h"
#include "base/time.h"
#include "runtime/loop.h"

static const char doc[] =
    "dag_id: d\n"
    "tasks:\n"
    "  py: {operator: python, python_callable: 'f.py:f', retries: 1, execution_timeout: 100}\n"
    "  plain: {operator: python, python_callable: 'f.py:f'}\n";

#define ASK                                                                                  \
    "{\"outcome\": \"deferred\", \"xcoms\": [{\"key\": \"k\", \"value\": 1}], \"trigger\": " \
    "{\"classpath\": "                                                                       \
    "\"m.T\", \"kwargs\": {\"n\": 3}}, \"method\": \"later\", \"kwargs\": {\"x\": [1]}, "    \
    "\"timeout_us\": "

static struct uuid run_to(const char *task_id, const char *result)
{
    struct uuid token = fake_start(task_id);
    struct exec_end x = fake_exit(&token, 0);

    fake_begin(&token);
    (void)fake_told();
    fake_result(&token, result);
    fake_end(&x);
    return token;
}

static void expect_part(const char *text, const char *part)
{
    if (text == NULL || strstr(text, part) == NULL) {
        fail_msg("not in %s: %s", text != NULL ? text : "(nothing)", part);
    }
}

/* The deferral, its record, and the core's own timeout a minute after that of the task. */
static void asks(void)
{
    struct uuid token = run_to("plain", ASK "1767225700000000}");

    fake_expect("plain deferred at 1767225760000000 [k=1]\n");
    expect_part(fake.record, "\"try\":1");
    expect_part(fake.record, "\"trigger\":{\"classpath\":\"m.T\",\"kwargs\":{\"n\":3}}");
    expect_part(fake.record,
                "\"method\":\"later\",\"kwargs\":{\"x\":[1]},\"timeout_us\":1767225700000000");
    fake.worker->ops->kill(fake.worker, &token, "stopped"); /* before its trigger began */
    fake.worker->ops->ack(fake.worker, &token);
    fake_expect("plain killed: stopped (waited)\n");
    fake.worker->ops->ack(fake.worker, &token);

    (void)run_to("plain", ASK "null}");
    fake_expect("plain deferred [k=1]\n");
    expect_part(fake.record, "\"timeout_us\":null");

    /* No longer than the try may take: 100 s from its start, some ms ago. */
    fake.record = NULL;
    (void)run_to("py", ASK "null}");
    expect_part(fake_told(), "py deferred at ");
    expect_part(fake.record, "\"timeout_us\":17672257000");
}

static void a_deferral_is_kept(void **state)
{
    (void)state;
    fake_run(doc, asks);
}

static void broken(void)
{
    (void)run_to("plain", "{\"outcome\": \"deferred\"}");
    fake_expect("plain failed for good: the task deferred itself without a trigger and a method\n");
    (void)run_to("plain",
                 "{\"outcome\": \"deferred\", \"trigger\": {\"classpath\": 3}, \"method\": \"m\"}");
    fake_expect("plain failed for good: the task deferred itself without a trigger and a method\n");
}

static void a_deferral_without_a_trigger_fails(void **state)
{
    (void)state;
    fake_run(doc, broken);
}

/* ---- with what a try goes on ---- */

static void goes_on(void)
{
    int64_t now = loop_wall_us(loop_current());

    fake.record = "{\"try\":1,\"first_start_us\":5,\"reschedules\":0,\"method\":\"later\","
                  "\"kwargs\":{\"x\":1},\"event\":7}";
    (void)fake_go_on("plain", now - 5);
    expect_part(fake_last()->python,
                "\"resume\":{\"method\":\"later\",\"kwargs\":{\"x\":1},\"event\":7}");
    assert_int_equal(fake_last()->timeout_us, 0);

    /* Of its execution timeout only the rest is left. */
    (void)fake_go_on("py", now - 40 * TIME_SECOND);
    assert_true(fake_last()->timeout_us <= 60 * TIME_SECOND);
    assert_true(fake_last()->timeout_us > 50 * TIME_SECOND);
    (void)fake_go_on("py", now - 400 * TIME_SECOND);
    assert_int_equal(fake_last()->timeout_us, TIME_SECOND / 1000);

    /* Another try's record is none. */
    fake.record = "{\"try\":2,\"method\":\"later\",\"kwargs\":{},\"event\":7}";
    (void)fake_go_on("plain", now - 5);
    expect_part(fake_last()->python, "\"resume\":null");

    /* A try that begins reads none at all. */
    (void)fake_start("plain");
    expect_part(fake_last()->python, "\"resume\":null");
    expect_part(fake_last()->python, "\"reschedule_count\":0");
}

static void a_try_goes_on_with_its_record(void **state)
{
    (void)state;
    fake_run(doc, goes_on);
}

static void reschedules(void)
{
    struct uuid token = run_to("plain", "{\"outcome\": \"reschedule\", \"until_us\": 9}");
    struct exec_end x;

    fake_expect("plain reschedule at 9\n");
    expect_part(fake.record, "\"reschedules\":1");
    fake.worker->ops->ack(fake.worker, &token);
    token = fake_go_on("plain", 1767225600 * TIME_SECOND);
    expect_part(fake_last()->python,
                "\"reschedule_count\":1,\"first_start_us\":1767225600000000,\"resume\":null");
    x = fake_exit(&token, 0);
    fake_begin(&token);
    fake_result(&token, "{\"outcome\": \"reschedule\", \"until_us\": 9}");
    fake_end(&x);
    expect_part(fake.record, "\"first_start_us\":1767225600000000,\"reschedules\":2");
}

static void reschedules_are_counted(void **state)
{
    (void)state;
    fake_run(doc, reschedules);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_deferral_is_kept),
        cmocka_unit_test(a_deferral_without_a_trigger_fails),
        cmocka_unit_test(a_try_goes_on_with_its_record),
        cmocka_unit_test(reschedules_are_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
