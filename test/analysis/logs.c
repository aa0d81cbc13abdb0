#include "logs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "analysis/log_read.h"
#include "base/err.h"
#include "base/time.h"

void log_of(struct plog *l, const char *traces)
{
    struct err e = {0};
    uint32_t c = 0, a;
    int64_t at = 0;
    char id[20];
    int n = 0;

    plog_init(l);
    (void)snprintf(id, sizeof id, "case %d", n++);
    assert_int_equal(plog_case(l, id, strlen(id), &c, &e), 0);
    for (const char *p = traces; *p != '\0'; p++) {
        if (*p == ' ') {
            (void)snprintf(id, sizeof id, "case %d", n++);
            assert_int_equal(plog_case(l, id, strlen(id), &c, &e), 0);
            at += 60 * TIME_SECOND;
        } else {
            assert_int_equal(plog_activity(l, p, 1, &a, &e), 0);
            assert_int_equal(plog_event(l, c, a, PLOG_COMPLETE, at += TIME_SECOND, NULL, &e), 0);
        }
    }
    assert_int_equal(plog_finish(l, &e), 0);
}

void read_csv_text(struct plog *l, const char *text, size_t piece)
{
    struct csv_reader r;
    struct err e = {0};
    size_t n = strlen(text);

    plog_init(l);
    csv_begin(&r, l);
    for (size_t at = 0; at < n; at += piece) {
        if (csv_feed(&r, text + at, n - at < piece ? n - at : piece, &e) != 0) {
            fail_msg("%s", e.text);
        }
    }
    if (csv_end(&r, &e) != 0 || plog_finish(l, &e) != 0) {
        fail_msg("%s", e.text);
    }
    csv_fini(&r);
}
