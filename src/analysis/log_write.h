/*
 * An event log as XES (IEEE 1849, with the extensions Concept, Time, Lifecycle and Organizational) or as CSV with the columns that process
 * mining tools know. Written piece by piece: the caller takes what is in the buf whenever it likes (buf_consume), so that a log of any
 * length needs no memory.
 */
#ifndef TW_ANALYSIS_LOG_WRITE_H
#define TW_ANALYSIS_LOG_WRITE_H

#include <stdbool.h>
#include <stdint.h>

struct buf;

enum log_format { LOG_XES, LOG_CSV };

struct log_case { /* a run; NULL: not told */
    const char *id, *version, *state, *type;
    int64_t logical_us; /* TIME_NONE */
};
struct log_event {
    const char *activity, *transition,
        *instance; /* the task; of the standard life cycle; which execution of it */
    int64_t at_us;
    const char *group; /* whose slots it took: the pool; or NULL */
    const char *state, *operator_name;
    int32_t map_index; /* -1: none */
    unsigned try_number;
};

struct log_writer {
    struct buf *out;
    enum log_format format;
    const struct log_case *at; /* borrowed until log_write_case_end */
};

void log_write_begin(struct log_writer *w, enum log_format f, const char *name, struct buf *out);
void log_write_case(struct log_writer *w, const struct log_case *c);
void log_write_event(struct log_writer *w, const struct log_event *v);
void log_write_case_end(struct log_writer *w);
void log_write_end(struct log_writer *w);

#endif
