/*
 * Runs as traces, in the JSON of OTLP/HTTP 1.x (opentelemetry.io/docs/specs/otlp, opentelemetry-proto trace/v1): a trace per run, with a
 * span of the run and one of each attempt that started. Pure: text from rows.
 *
 * Ids are derived from what they stand for, so a trace that is sent twice is the same trace: of a run from its DAG, its id and its key; of
 * its span from how often it was cleared, too; of an attempt from its instance and its try.
 */
#ifndef TW_TRACE_TRACE_H
#define TW_TRACE_TRACE_H

#include <stddef.h>
#include <stdint.h>

#include "model/rows.h"

struct buf;
struct dag;

struct trace_source {
    const char *service; /* service.name */
    const char *version; /* service.version and scope.version */
    const char *host;    /* host.name */
};
struct trace_run {
    const char *dag_id;
    const struct dag *
        dag; /* of its version, for names of tasks; NULL: it is gone, tasks are named by their number */
    const struct run_row *run;
    const struct ti_row *
        attempts; /* the last try of each instance, and earlier ones; what never started is left out */
    size_t attempts_len;
};

/* One ExportTraceServiceRequest with the run's own span (first: true) and those of attempts[from, from + n). Failure: buf_status. */
void trace_request(const struct trace_source *s, const struct trace_run *r, bool first, size_t from,
                   size_t n, struct buf *out);

/* Hexadecimal, with NUL: 32 and 16 digits; never all zero. */
void trace_id_of_run(const struct trace_run *r, char ret[33]);
void trace_span_of_run(const struct trace_run *r, char ret[17]);
void trace_span_of_attempt(const struct trace_run *r, const struct ti_row *t, char ret[17]);

#endif
