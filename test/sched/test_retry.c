/* The delay between tries: Airflow's formula. The expected numbers were computed with Python's
 * hashlib and integers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/time.h"
#include "dag_builder.h"
#include "sched/sched_priv.h"

static int64_t noon(void)
{
    int64_t t;

    assert_int_equal(time_parse("2026-01-31T12:00:00Z", 20, &t), 0);
    return t;
}

static void constant_without_backoff(void **state)
{
    struct dag *d = test_dag("@sales; load delay=300 retries=9");

    for (uint32_t n = 1; n < 10; n++) {
        assert_int_equal(retry_delay_us(d, &d->tasks[0], noon(), n), 300 * TIME_SECOND);
    }
    d->tasks[0].retry_delay_us = 1500; /* and exact */
    assert_int_equal(retry_delay_us(d, &d->tasks[0], noon(), 4), 1500);
    dag_unref(d);
}

static void doubling_with_jitter(void **state)
{
    static const int64_t seconds[] = {54,   101,  132,  423,   733,   1837,
                                      3343, 7005, 8643, 24162, 50820, 86400};
    struct dag *d = test_dag("@sales; load delay=30 backoff=2.0 retries=20");

    for (uint32_t n = 1; n <= 12; n++) {
        assert_int_equal(retry_delay_us(d, &d->tasks[0], noon(), n), seconds[n - 1] * TIME_SECOND);
    }
    assert_int_equal(retry_delay_us(d, &d->tasks[0], noon(), 10000), 86400 * TIME_SECOND);
    dag_unref(d);
}

static void other_multipliers(void **state)
{
    struct dag *d = test_dag("@sales; load delay=300 backoff=2 max_delay=1000");
    struct task *t = &d->tasks[0];

    assert_int_equal(retry_delay_us(d, t, noon() + 250000, 1), 377 * TIME_SECOND);
    assert_int_equal(retry_delay_us(d, t, noon() + 250000, 2), 614 * TIME_SECOND);
    assert_int_equal(retry_delay_us(d, t, noon() + 250000, 3), 1000 * TIME_SECOND);
    t->max_retry_delay_us = 0;
    t->retry_delay_us = TIME_SECOND / 2;
    t->retry_multiplier = 1.5;
    assert_int_equal(retry_delay_us(d, t, TIME_NONE, 1), 1 * TIME_SECOND);
    assert_int_equal(retry_delay_us(d, t, TIME_NONE, 5), 4 * TIME_SECOND);
    t->retry_delay_us = 10 * TIME_SECOND;
    t->retry_multiplier = 1.0; /* no growth, but jitter */
    assert_int_equal(retry_delay_us(d, t, TIME_NONE, 1), 14 * TIME_SECOND);
    assert_int_equal(retry_delay_us(d, t, TIME_NONE, 2), 17 * TIME_SECOND);
    dag_unref(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(constant_without_backoff),
        cmocka_unit_test(doubling_with_jitter),
        cmocka_unit_test(other_multipliers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
