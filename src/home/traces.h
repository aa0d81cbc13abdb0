/*
 * Traces of finished runs, sent to an OpenTelemetry collector by OTLP/HTTP (docs/guide/traces.md). How far they were sent is noted in the
 * store once the collector has taken them: after a kill a run may be sent twice, with the same ids; none is left out but what the
 * retention has removed meanwhile, and what the collector refuses for good, which is logged.
 */
#ifndef TW_HOME_TRACES_H
#define TW_HOME_TRACES_H

#include <stdint.h>

struct config;
struct engine;
struct err;
struct loop;

struct traces {
    char url[1024];          /* "": none are sent */
    char service[128];       /* service.name */
    char headers_file[4096]; /* "Name: value" a line; ""; none. Read anew for each request */
    int64_t interval_us;     /* between looks */
    const char *version;     /* of the program; borrowed */
};

/* From traces.*, and where those say nothing from OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_SERVICE_NAME.
 * -ERR_INVALID: an address that is none. */
int traces_of(const struct config *c, const char *version, struct traces *ret, struct err *e);

/* SUSPENDS until it is canceled; 0 at once where none are sent. The first time nothing of the past is sent. */
int traces_keep(struct engine *g, struct loop *l, const struct traces *t);

#endif
