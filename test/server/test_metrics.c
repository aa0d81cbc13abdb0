/* The text format of Prometheus. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "server/metrics.h"

static void test_text(void **state)
{
    static const int64_t bounds[] = {500, 1000000};
    static const uint64_t counts[] = {1, 2, 3};
    struct buf b BUF_CLEANUP = {0};

    (void)state;
    buf_init(&b, 4096);
    metrics_head(&b, "a_total", METRIC_COUNTER, "things");
    metrics_int(&b, "a_total", "pool", "x\"\\\ny", -3);
    metrics_seconds(&b, "b", NULL, NULL, 1500001);
    metrics_seconds(&b, "b", NULL, NULL, -1);
    metrics_histogram(&b, "h", "state", "ok", bounds, counts, 2, 2000000);
    assert_string_equal(buf_cstr(&b), "# HELP a_total things\n# TYPE a_total counter\n"
                                      "a_total{pool=\"x\\\"\\\\\\ny\"} -3\n"
                                      "b 1.500001\nb -0.000001\n"
                                      "h_bucket{state=\"ok\",le=\"0.0005\"} 1\n"
                                      "h_bucket{state=\"ok\",le=\"1\"} 3\n"
                                      "h_bucket{state=\"ok\",le=\"+Inf\"} 6\n"
                                      "h_sum{state=\"ok\"} 2.000000\nh_count{state=\"ok\"} 6\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_text)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
