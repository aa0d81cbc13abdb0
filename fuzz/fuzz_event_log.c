/*
 * Event logs of strangers: what begins with '<' is XES, the rest CSV. A log that was read is analysed (small ones) with every algorithm; its Petri
 * net has a measure between 0 and 1, its tree fits all traces, and what is written of it as CSV is read as the same log.
 */
#include "analysis/log_read.h"
#include "analysis/log_write.h"
#include "analysis/process.h"
#include "analysis/xes_module.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/time.h"
#include "fuzz.h"

extern const struct xes_module tradewind_xes_module;

static int read_csv(struct plog *l, const char *p, size_t n, size_t piece, struct err *e)
{
    struct csv_reader r;
    int rc = 0;

    csv_begin(&r, l);
    for (size_t at = 0; rc == 0 && at < n; at += piece) {
        rc = csv_feed(&r, p + at, n - at < piece ? n - at : piece, e);
    }
    rc = rc == 0 ? csv_end(&r, e) : rc;
    csv_fini(&r);
    return rc;
}

static int read_xes(struct plog *l, const char *p, size_t n, struct err *e)
{
    const struct xes_module *m = &tradewind_xes_module;
    struct xes_reader r;
    const char *wrong;
    void *parser;
    int line, col, rc;

    xes_begin(&r, l, e);
    parser = m->open(xes_start, xes_end, &r);
    FUZZ_CHECK(parser != NULL);
    rc = m->feed(parser, p, n, 1, &wrong, &line, &col);
    m->close(parser);
    FUZZ_CHECK(rc != 1 || (r.rc < 0 && r.rc == e->code));
    return rc < 0 ? err_set(e, ERR_SYNTAX, "%s", wrong) : rc == 1 ? r.rc : 0;
}

static void check_written(const struct plog *l)
{
    struct log_writer w;
    struct plog again;
    struct err e = {0};
    struct buf out BUF_CLEANUP;

    buf_init(&out, MiB(64));
    log_write_begin(&w, LOG_CSV, "log", &out);
    for (size_t i = 0; i < l->cases_len; i++) {
        struct log_case c = {.id = l->cases[i].id, .logical_us = TIME_NONE};

        if (c.id[0] == '\0') {
            return; /* XES allows for it, CSV does not */
        }
        log_write_case(&w, &c);
        for (size_t k = 0; k < l->cases[i].len; k++) {
            const struct plog_step *s = &l->steps[l->cases[i].first + k];
            struct log_event v = {.activity = l->activities[s->activity],
                                  .transition = "complete",
                                  .at_us = s->end_us,
                                  .map_index = -1,
                                  .try_number = 1};

            if (v.activity[0] == '\0' || strpbrk(v.activity, "\r") != NULL ||
                strpbrk(c.id, "\r") != NULL) {
                return; /* CR is a line end outside of quotes only */
            }
            log_write_event(&w, &v);
        }
        log_write_case_end(&w);
    }
    log_write_end(&w);
    plog_init(&again);
    FUZZ_CHECK(read_csv(&again, out.p, out.len, 7, &e) == 0);
    FUZZ_CHECK(plog_finish(&again, &e) == 0);
    FUZZ_CHECK(again.steps_len == l->steps_len);
    plog_fini(&again);
}

static void check_process(const struct plog *l)
{
    struct err e = {0};

    for (int a = PROCESS_INDUCTIVE; a <= PROCESS_DFG; a++) {
        for (int noisy = 0; noisy < 2; noisy++) {
            struct process_options o = {.algorithm = (enum process_algorithm)a,
                                        .noise = noisy * 0.3};
            struct process p;
            int rc = process_discover(l, &o, &p, &e);

            FUZZ_CHECK(rc == 0 || rc == -ERR_LIMIT);
            if (rc == 0 && p.measured) {
                FUZZ_CHECK(p.replay.fitness >= 0 && p.replay.fitness <= 1);
                FUZZ_CHECK(p.replay.precision >= 0 && p.replay.precision <= 1);
                FUZZ_CHECK(a != PROCESS_INDUCTIVE || noisy || p.replay.fitting == p.replay.traces);
            }
            process_fini(&p);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct plog l;
    struct err e = {0};
    int rc;

    plog_init(&l);
    rc = n > 0 && data[0] == '<' ? read_xes(&l, (const char *)data, n, &e)
                                 : read_csv(&l, (const char *)data, n, 64, &e);
    FUZZ_CHECK(rc == 0 || (rc == e.code && e.text[0] != '\0'));
    if (rc == 0 && plog_finish(&l, &e) == 0) {
        check_written(&l);
        if (l.steps_len < 300 && l.activities_len < 40) {
            check_process(&l);
        }
    }
    plog_fini(&l);
    return 0;
}
