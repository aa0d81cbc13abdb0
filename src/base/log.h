/*
 * The log sink of the program's own processes (never of tasks). Only the engine, the worker and the command line log, once,
 * where something is decided; lower layers return errors. Lines go to one descriptor, text or JSON, one write each.
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
int log_level_parse(const char *s); /* a log_level, or -ERR_INVALID */
void log_line(enum log_level level, const char *component, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
#define log_debug(c, ...)   log_line(LOG_LEVEL_DEBUG, c, __VA_ARGS__)
#define log_info(c, ...)    log_line(LOG_LEVEL_INFO, c, __VA_ARGS__)
#define log_warning(c, ...) log_line(LOG_LEVEL_WARNING, c, __VA_ARGS__)
#define log_error(c, ...)   log_line(LOG_LEVEL_ERROR, c, __VA_ARGS__)

#endif
