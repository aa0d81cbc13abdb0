/*
 * The log sink of the program's own processes (never of tasks). Only the engine, the worker and the command line log, once,
 * where something is decided; lower layers return errors. Lines go to one descriptor, or a sink; text or JSON, one write each:
 *
 *   2026-01-31T12:00:00.123456+00:00 warning engine [sales / scheduled__2026-01-31 / load, try 2]: text
 *   {"timestamp":"...","level":"warning","component":"engine","dag_id":"sales","run_id":"...","task_id":"load","try_number":2,"event":"text"}
 *
 * A line that finds no room (the reader of a non-blocking pipe is slow) is lost, and the next one that finds some says how many were.
 */
#ifndef TW_BASE_LOG_H
#define TW_BASE_LOG_H

enum log_level {
    LOG_LEVEL_DEBUG,
    LOG_LEVEL_INFO,
    LOG_LEVEL_WARNING,
    LOG_LEVEL_ERROR,
    LOG_LEVEL_OFF
};

/* The clock is injected (wall time in microseconds), so that a simulation's log repeats. json: one object a line. */
void log_setup(int fd, enum log_level min, int json, long long (*now_us)(void));
void log_set_level(enum log_level min);
/* Whole lines go to write(arg, ...) instead of the descriptor; its result as that of write(2). NULL: to the descriptor again. */
void log_set_sink(long (*write)(void *arg, const char *p, unsigned long n), void *arg);
/* Bytes that are lines already (of another process). Less than 0: they are lost. */
long log_write(const char *p, unsigned long n);
int log_level_parse(const char *s); /* a log_level, or -ERR_INVALID */
void log_line(enum log_level level, const char *component, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* What a line is about; NULL and 0: not that. map_index -1: none. */
struct log_about {
    const char *dag_id, *run_id, *task_id;
    int map_index, try_number;
};
void log_about(enum log_level level, const char *component, const struct log_about *about,
               const char *fmt, ...) __attribute__((format(printf, 4, 5)));
#define log_debug(c, ...)   log_line(LOG_LEVEL_DEBUG, c, __VA_ARGS__)
#define log_info(c, ...)    log_line(LOG_LEVEL_INFO, c, __VA_ARGS__)
#define log_warning(c, ...) log_line(LOG_LEVEL_WARNING, c, __VA_ARGS__)
#define log_error(c, ...)   log_line(LOG_LEVEL_ERROR, c, __VA_ARGS__)

#endif
