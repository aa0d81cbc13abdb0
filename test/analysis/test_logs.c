/* Event logs: read, paired, written and read again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "analysis/dfg.h"
#include "analysis/log_read.h"
#include "analysis/log_write.h"
#include "analysis/xes_module.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/time.h"
#include "logs.h"

extern const struct xes_module tradewind_xes_module;

/* What went wrong: 0 nothing, else the parser's word or the reader's error. */
static int read_xes_text(struct plog *l, const char *text, size_t piece, struct err *e)
{
    const struct xes_module *m = &tradewind_xes_module;
    struct xes_reader r;
    void *parser;
    size_t n = strlen(text), at = 0;
    const char *wrong;
    int rc = 0, line, col;

    plog_init(l);
    xes_begin(&r, l, e);
    parser = m->open(xes_start, xes_end, &r);
    assert_non_null(parser);
    while (rc == 0 && at <= n) {
        size_t k = n - at < piece ? n - at : piece;

        rc = m->feed(parser, text + at, k, k == 0, &wrong, &line, &col);
        at += k == 0 ? 1 : k;
    }
    m->close(parser);
    if (rc < 0) {
        return err_set(e, ERR_SYNTAX, "%d: %s", line, wrong);
    }
    return rc > 0 ? r.rc : plog_finish(l, e);
}

static void expect_steps(const struct plog *l, size_t c, const char *names)
{
    char text[200] = "";

    for (size_t i = 0; i < l->cases[c].len; i++) {
        (void)strncat(text, l->activities[l->steps[l->cases[c].first + i].activity], 50);
    }
    assert_string_equal(text, names);
}

static void test_starts_and_ends_are_paired(void **state)
{
    struct plog l;
    const struct plog_step *s;

    (void)state;
    for (size_t piece = 1; piece < 300; piece += 97) {
        read_csv_text(&l,
                      "case_id,activity,lifecycle,timestamp\r\n"
                      "1,a,schedule,2026-01-01T00:00:00Z\r\n"
                      "1,a,START,2026-01-01T00:00:10Z\r\n"
                      "1,b,start,2026-01-01T00:00:15Z\r\n"
                      "1,a,complete,2026-01-01T00:01:00Z\r\n"
                      "\r\n"
                      "1,b,ate_abort,2026-01-01 00:02:00\r\n"
                      "1,c,autoskip,2026-01-01T00:03:00Z",
                      piece);
        assert_int_equal(l.cases_len, 1);
        assert_int_equal(l.ignored, 1);
        expect_steps(&l, 0, "ab");
        s = &l.steps[0];
        assert_int_equal(dfg_service_us(s), 50 * TIME_SECOND);
        assert_int_equal(dfg_wait_us(NULL, s), 10 * TIME_SECOND);
        assert_false(s[0].aborted);
        assert_true(s[1].aborted);
        assert_int_equal(dfg_wait_us(s, s + 1), 0); /* it began before a had ended */
        plog_fini(&l);
    }
}

static void test_several_at_once_by_instance_or_in_order(void **state)
{
    struct plog l;

    (void)state;
    read_csv_text(
        &l,
        "case:concept:name;concept:name;concept:instance;lifecycle:transition;time:timestamp\n"
        "1;a;x;start;2026-01-01T00:00:00Z\n"
        "1;a;y;start;2026-01-01T00:00:10Z\n"
        "1;a;y;complete;2026-01-01T00:00:20Z\n"
        "1;a;x;complete;2026-01-01T00:01:00Z\n",
        1000);
    assert_int_equal(dfg_service_us(&l.steps[0]), 10 * TIME_SECOND);
    assert_int_equal(dfg_service_us(&l.steps[1]), 60 * TIME_SECOND);
    plog_fini(&l);
}

static void test_a_log_of_plain_events(void **state)
{
    struct plog l;

    (void)state;
    /* By time, then as read; times of the same moment keep their order; quotes, separators and line ends within fields. */
    read_csv_text(&l,
                  "\xef\xbb\xbf"
                  "case|event|time\n1|\"b "
                  "\"\"|\"\"\n\"|2026-01-02\n1|a|2026-01-01\n2|x|2026-01-01\n1|c|2026-01-02\n",
                  7);
    assert_int_equal(l.cases_len, 2);
    expect_steps(&l, 0, "ab \"|\"\nc");
    expect_steps(&l, 1, "x");
    plog_fini(&l);
}

static void test_a_start_column(void **state)
{
    struct plog l;

    (void)state;
    read_csv_text(&l,
                  "run_id,task_id,start_date,end_date\n"
                  "r,a,2026/01/01 00:00:00,2026-01-01T00:00:05Z\nr,a,2026-01-01T00:00:01Z,2026-01-"
                  "01T00:00:03Z\n",
                  50);
    assert_int_equal(dfg_service_us(&l.steps[0]), 2 * TIME_SECOND);
    assert_int_equal(dfg_service_us(&l.steps[1]), 5 * TIME_SECOND);
    plog_fini(&l);
}

static void expect_csv_error(const char *text, int code, const char *part)
{
    struct csv_reader r;
    struct plog l;
    struct err e = {0};
    int rc;

    plog_init(&l);
    csv_begin(&r, &l);
    rc = csv_feed(&r, text, strlen(text), &e);
    rc = rc == 0 ? csv_end(&r, &e) : rc;
    assert_int_equal(rc, -code);
    if (strstr(e.text, part) == NULL) {
        fail_msg("'%s' is not in '%s'", part, e.text);
    }
    csv_fini(&r);
    plog_fini(&l);
}

static void test_csv_that_cannot_be_read(void **state)
{
    (void)state;
    expect_csv_error("", ERR_INVALID, "no head line");
    expect_csv_error("a,b,c\n", ERR_INVALID, "--case");
    expect_csv_error("case,b,c\n", ERR_INVALID, "there are 'case', 'b', 'c'");
    expect_csv_error("case,task,time\n1,a,31.01.2026\n", ERR_INVALID, "'31.01.2026' is no time");
    expect_csv_error("case,task,time\n1,a,2026/01-31\n", ERR_INVALID, "'2026/01-31' is no time");
    expect_csv_error("case,task,time\n1,a,2026/1\n", ERR_INVALID, "'2026/1' is no time");
    expect_csv_error("case,task,time\n1,,2026-01-01\n", ERR_INVALID, "without an activity");
    expect_csv_error("case,task,time\n1,\"a,2026-01-01\n", ERR_SYNTAX, "a quote is not closed");
    expect_csv_error("case,task,time\n1,\"a\"b,2026-01-01\n", ERR_SYNTAX, "behind a closing quote");
}

static const char head[] =
    "<?xml version=\"1.0\"?>\n<log xmlns=\"http://www.xes-standard.org/\">\n"
    "<global scope=\"event\"><string key=\"concept:name\" value=\"no\"/></global>\n";

static void test_xes(void **state)
{
    struct plog l;
    struct err e = {0};
    char text[3000];

    (void)state;
    (void)strcpy(text, head);
    (void)strcat(
        text,
        "<string key=\"concept:name\" value=\"the log\"/>"
        "<trace><string key=\"concept:name\" value=\"one\"/><int key=\"version\" value=\"7\"/>"
        "<event><string key=\"concept:name\" value=\"a &lt;&#10;&gt;\">"
        "<string key=\"concept:name\" value=\"nested\"/></string>"
        "<date key=\"time:timestamp\" value=\"2026-01-01T00:00:00.5+01:00\"/></event>"
        "<event><date key=\"time:timestamp\" value=\"2026-01-01T00:00:00Z\"/>"
        "<string key=\"concept:name\" value=\"b\"/></event>"
        "<event><string key=\"org:resource\" value=\"nameless\"/></event></trace>"
        "<trace><event><string key=\"concept:name\" value=\"b\"/></event>"
        "<string key=\"concept:name\" value=\"two\"/></trace><trace/></log>");
    for (size_t piece = 1; piece < 1000; piece += 333) {
        if (read_xes_text(&l, text, piece, &e) != 0) {
            fail_msg("%s", e.text);
        }
        assert_int_equal(l.cases_len, 3);
        assert_string_equal(l.cases[0].id, "one");
        assert_string_equal(l.cases[0].version, "7");
        assert_string_equal(l.cases[1].id, "two");
        expect_steps(&l, 0, "a <\n>b");
        expect_steps(&l, 1, "b");
        expect_steps(&l, 2, "");
        plog_fini(&l);
    }
}

/* Logs that were made from tables have their times as texts: 2026/01/31, or "?" where there is none. */
static void test_xes_with_times_as_texts(void **state)
{
    struct plog l;
    struct err e = {0};

    (void)state;
    if (read_xes_text(
            &l,
            "<log><trace><event><string key=\"concept:name\" value=\"b\"/>"
            "<string key=\"time:timestamp\" value=\"2026/01/31 00:00:10.500\"/></event>"
            "<event><string key=\"concept:name\" value=\"a\"/>"
            "<string key=\"time:timestamp\" value=\"2026/01/31 00:00:10\"/></event></trace>"
            "</log>",
            100, &e) != 0) {
        fail_msg("%s", e.text);
    }
    expect_steps(&l, 0, "ab");
    assert_true(l.timed);
    assert_int_equal(l.steps[1].end_us - l.steps[0].end_us, TIME_SECOND / 2);
    plog_fini(&l);
    if (read_xes_text(&l,
                      "<log><trace><event><string key=\"concept:name\" value=\"b\"/>"
                      "<string key=\"time:timestamp\" value=\"?\"/></event>"
                      "<event><string key=\"concept:name\" value=\"a\"/></event></trace></log>",
                      100, &e) != 0) {
        fail_msg("%s", e.text);
    }
    expect_steps(&l, 0, "ba");
    assert_false(l.timed);
    plog_fini(&l);
}

static void test_xes_that_cannot_be_read(void **state)
{
    static const char *const bad[] = {
        "<html/>",
        "<log><trace>",
        "no xml",
        "<!DOCTYPE log [<!ENTITY a \"aaaa\">]><log><trace/></log>",
        "<log><trace><event><date key=\"time:timestamp\" "
        "value=\"yesterday\"/></event></trace></log>",
    };
    struct plog l;
    struct err e;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        e = (struct err){0};
        assert_true(read_xes_text(&l, bad[i], 1000, &e) < 0);
        assert_true(e.text[0] != '\0');
        plog_fini(&l);
    }
}

static void test_what_is_written_can_be_read(void **state)
{
    static const char *const names[] = {"a", "<b> & \"c\"", "d, e\n\xc3\xa9", "\x01 bad \xff"};
    struct plog l;
    struct err e = {0};

    (void)state;
    for (int format = LOG_XES; format <= LOG_CSV; format++) {
        struct log_writer w;
        struct log_case c = {.id = "run \"1\"",
                             .version = "3",
                             .state = "success",
                             .type = "manual",
                             .logical_us = TIME_NONE};
        struct buf out BUF_CLEANUP;

        buf_init(&out, MiB(1));
        log_write_begin(&w, (enum log_format)format, "the dag", &out);
        log_write_case(&w, &c);
        for (int i = 0; i < 4; i++) {
            struct log_event v = {.activity = names[i],
                                  .transition = "start",
                                  .instance = names[i],
                                  .at_us = i * TIME_SECOND,
                                  .group = "default_pool",
                                  .state = "running",
                                  .operator_name = "bash",
                                  .map_index = i - 1,
                                  .try_number = 1};

            log_write_event(&w, &v);
            v.transition = i == 2 ? "ate_abort" : "complete";
            v.at_us += 500000;
            log_write_event(&w, &v);
        }
        log_write_case_end(&w);
        log_write_end(&w);
        assert_int_equal(buf_status(&out), 0);
        if (format == LOG_XES) {
            assert_int_equal(read_xes_text(&l, buf_cstr(&out), 100, &e), 0);
        } else {
            read_csv_text(&l, buf_cstr(&out), 100);
        }
        assert_int_equal(l.cases_len, 1);
        assert_string_equal(l.cases[0].id, "run \"1\"");
        assert_string_equal(l.cases[0].version, "3");
        assert_int_equal(l.steps_len, 4);
        for (int i = 0; i < 4; i++) {
            assert_int_equal(dfg_service_us(&l.steps[i]), 500000);
            assert_int_equal(l.steps[i].aborted, i == 2);
        }
        assert_string_equal(l.activities[1], "<b> & \"c\"");
        assert_string_equal(l.activities[2], "d, e\n\xc3\xa9");
        plog_fini(&l);
    }
}

static void test_variants_are_sorted(void **state)
{
    struct plog l;
    struct arena a;
    struct variants v;
    struct err e = {0};

    (void)state;
    log_of(&l, "ab b ab ba b b ");
    arena_init(&a, MiB(1));
    assert_int_equal(variants_build(&l, NULL, &a, &v, &e), 0);
    assert_int_equal(v.len, 4);
    assert_int_equal(v.v[0].n, 3);
    assert_int_equal(v.case_of[0], 1);
    assert_int_equal(v.v[1].n, 2);
    assert_int_equal(v.v[2].len, 0); /* the empty one before "ba" */
    assert_int_equal(v.of[3], 3);
    arena_fini(&a);
    plog_fini(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_starts_and_ends_are_paired),
        cmocka_unit_test(test_several_at_once_by_instance_or_in_order),
        cmocka_unit_test(test_a_log_of_plain_events),
        cmocka_unit_test(test_a_start_column),
        cmocka_unit_test(test_csv_that_cannot_be_read),
        cmocka_unit_test(test_xes),
        cmocka_unit_test(test_xes_with_times_as_texts),
        cmocka_unit_test(test_xes_that_cannot_be_read),
        cmocka_unit_test(test_what_is_written_can_be_read),
        cmocka_unit_test(test_variants_are_sorted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
