/*
 * Event logs from elsewhere, read piece by piece into a plog. XES: what an XML parser tells (xes_module.h). CSV: the bytes themselves; separator and columns
 * are found by the head line, or named. Errors have line and column, and name what is wrong.
 */
#ifndef TW_ANALYSIS_LOG_READ_H
#define TW_ANALYSIS_LOG_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analysis/log.h"
#include "base/buf.h"

/* As time_parse, and with slashes: 2026/01/31 12:00:00. */
int plog_time(const char *text, int64_t *ret_us);

/* ---- XES ---- */

struct xes_reader {
    struct plog *log;
    struct err *e;
    int rc;
    unsigned depth, skip; /* of the element at hand; that below which nothing counts, 0: none */
    uint8_t inside;       /* 0 nothing, 1 the log, 2 a trace, 3 an event */
    bool has_case, has_activity;
    uint32_t case_index;
    size_t traces;
    uint32_t activity;
    enum plog_transition transition;
    int64_t at_us;
    char *instance;  /* of the event, in the log's arena; or NULL */
    size_t nameless; /* events without concept:name */
    bool any;        /* an element <log> was there */
};

void xes_begin(struct xes_reader *r, struct plog *l, struct err *e);
/* Handlers of a parser; attributes: name, value ..., NULL. Non-zero: stop (r->rc, *e). */
int xes_start(void *reader, const char *name, const char **attributes);
int xes_end(void *reader, const char *name);

/* ---- CSV ---- */

enum csv_role {
    CSV_CASE,
    CSV_ACTIVITY,
    CSV_TIME,
    CSV_START,
    CSV_LIFECYCLE,
    CSV_INSTANCE,
    CSV_VERSION,
    CSV_ROLES
};

struct csv_reader {
    struct plog *log;
    const char *names[CSV_ROLES]; /* asked for by the caller, or NULL */
    int column[CSV_ROLES];        /* found; -1 none */
    char separator;               /* 0: not known yet */
    uint8_t state;
    struct buf row; /* the fields of the row at hand, each with a NUL */
    size_t *fields; /* where they begin in row */
    size_t fields_len, fields_cap;
    size_t field_at; /* of the field at hand */
    struct buf head; /* bytes before the separator is known */
    int line, row_line;
    size_t rows;
};

void csv_begin(struct csv_reader *r, struct plog *l);
int csv_feed(struct csv_reader *r, const char *p, size_t n, struct err *e);
int csv_end(struct csv_reader *r, struct err *e); /* the last row may lack its line end */
void csv_fini(struct csv_reader *r);

#endif
