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

void log_setup(int fd, enum log_level min, int json, long long (*now_us)(void))
{
    log_fd = fd;
    log_min = min;
    log_json = json;
    log_now = now_us;
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

void log_line(enum log_level level, const char *component, const char *fmt, ...)
{
    char text[LINE_MAX_BYTES / 2], when[TIME_TEXT_MAX] = "";
    struct buf b;
    va_list ap;

    if (level < log_min || level >= LOG_LEVEL_OFF) {
        return;
    }
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (log_now != NULL) {
        (void)time_format(log_now(), when);
    }
    buf_init(&b, LINE_MAX_BYTES);
    if (log_json) {
        struct json_writer w;

        json_writer_init(&w, &b, 0);
        json_object(&w);
        json_key(&w, "timestamp");
        json_string(&w, when);
        json_key(&w, "level");
        json_string(&w, names[level]);
        json_key(&w, "component");
        json_string(&w, component);
        json_key(&w, "event");
        json_string(&w, text);
        json_object_end(&w);
        (void)buf_char(&b, '\n');
    } else {
        (void)buf_printf(&b, "%s%s%s %s: %s\n", when, when[0] != '\0' ? " " : "", names[level],
                         component, text);
    }
    if (buf_status(&b) == 0 && write(log_fd, b.p, b.len) < 0) {
        /* Nowhere to say it: the log itself is what failed. */
    }
    buf_fini(&b);
}
