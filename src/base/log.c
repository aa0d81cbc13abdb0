#include "base/log.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/time.h"

#define LINE_MAX_BYTES 8192

static int log_fd = 2;
static enum log_level log_min = LOG_LEVEL_WARNING;
static int log_json;
static long long (*log_now)(void);

static const char *const names[] = {"debug", "info", "warning", "error", "off"};

static long (*log_sink)(void *arg, const char *p, unsigned long n);
static void *log_sink_arg;
static unsigned long long log_lost; /* lines, since the last one that was written */

void log_setup(int fd, enum log_level min, int json, long long (*now_us)(void))
{
    log_fd = fd;
    log_min = min;
    log_json = json;
    log_now = now_us;
}

void log_set_level(enum log_level min)
{
    log_min = min;
}

void log_set_sink(long (*write)(void *arg, const char *p, unsigned long n), void *arg)
{
    log_sink = write;
    log_sink_arg = arg;
}

long log_write(const char *p, unsigned long n)
{
    return log_sink != NULL ? log_sink(log_sink_arg, p, n) : (long)write(log_fd, p, n);
}

int log_level_parse(const char *s)
{
    for (int i = 0; i <= LOG_LEVEL_OFF; i++) {
        if (strcmp(s, names[i]) == 0) {
            return i;
        }
    }
    return -ERR_INVALID;
}

static void put_about_json(struct json_writer *w, const struct log_about *a)
{
    const char *const keys[] = {"dag_id", "run_id", "task_id"};
    const char *const texts[] = {a->dag_id, a->run_id, a->task_id};

    for (size_t i = 0; i < 3; i++) {
        if (texts[i] != NULL) {
            json_key(w, keys[i]);
            json_string(w, texts[i]);
        }
    }
    if (a->task_id != NULL && a->map_index >= 0) {
        json_key(w, "map_index");
        json_int(w, a->map_index);
    }
    if (a->try_number > 0) {
        json_key(w, "try_number");
        json_int(w, a->try_number);
    }
}

static void put_about_text(struct buf *b, const struct log_about *a)
{
    const char *const texts[] = {a->dag_id, a->run_id, a->task_id};
    const char *between = " [";

    for (size_t i = 0; i < 3; i++) {
        if (texts[i] != NULL) {
            (void)buf_printf(b, "%s%s", between, texts[i]);
            between = " / ";
        }
    }
    if (a->task_id != NULL && a->map_index >= 0) {
        (void)buf_printf(b, "[%d]", a->map_index);
    }
    if (a->try_number > 0) {
        (void)buf_printf(b, ", try %d", a->try_number);
    }
    if (between[1] == '/') {
        (void)buf_char(b, ']');
    }
}

static void put_line(struct buf *b, enum log_level level, const char *component,
                     const struct log_about *about, const char *text)
{
    char when[TIME_TEXT_MAX] = "";
    struct json_writer w;

    if (log_now != NULL) {
        (void)time_format(log_now(), when);
    }
    if (!log_json) {
        (void)buf_printf(b, "%s%s%s %s", when, when[0] != '\0' ? " " : "", names[level], component);
        if (about != NULL) {
            put_about_text(b, about);
        }
        (void)buf_printf(b, ": %s\n", text);
        return;
    }
    json_writer_init(&w, b, 0);
    json_object(&w);
    json_key(&w, "timestamp");
    json_string(&w, when);
    json_key(&w, "level");
    json_string(&w, names[level]);
    json_key(&w, "component");
    json_string(&w, component);
    if (about != NULL) {
        put_about_json(&w, about);
    }
    json_key(&w, "event");
    json_string(&w, text);
    json_object_end(&w);
    (void)buf_char(b, '\n');
}

static void log_linev(enum log_level level, const char *component, const struct log_about *about,
                      const char *fmt, va_list ap)
{
    char text[LINE_MAX_BYTES / 2];
    struct buf b;

    if (level < log_min || level >= LOG_LEVEL_OFF) {
        return;
    }
    (void)vsnprintf(text, sizeof text, fmt, ap);
    buf_init(&b, LINE_MAX_BYTES * 4);
    if (log_lost > 0) {
        char lost[80];

        (void)snprintf(lost, sizeof lost, "%llu lines of this log found no room", log_lost);
        put_line(&b, LOG_LEVEL_WARNING, "log", NULL, lost);
    }
    put_line(&b, level, component, about, text);
    if (buf_status(&b) != 0 || log_write(b.p, b.len) < 0) {
        log_lost++; /* nowhere to say it: the log itself is what failed */
    } else {
        log_lost = 0;
    }
    buf_fini(&b);
}

void log_line(enum log_level level, const char *component, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    log_linev(level, component, NULL, fmt, ap);
    va_end(ap);
}

void log_about(enum log_level level, const char *component, const struct log_about *about,
               const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    log_linev(level, component, about, fmt, ap);
    va_end(ap);
}
