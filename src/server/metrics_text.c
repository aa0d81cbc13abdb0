#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "server/metrics.h"

#define SECOND 1000000

void metrics_head(struct buf *out, const char *name, enum metric_type type, const char *help)
{
    static const char *const words[] = {"gauge", "counter", "histogram"};

    (void)buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, words[type]);
}

static void put_label(struct buf *out, const char *label, const char *value)
{
    (void)buf_printf(out, "%s=\"", label);
    for (; *value != '\0'; value++) {
        if (*value == '\\' || *value == '"') {
            (void)buf_char(out, '\\');
        }
        if (*value == '\n') {
            (void)buf_str(out, "\\n");
        } else {
            (void)buf_char(out, *value);
        }
    }
    (void)buf_char(out, '"');
}

static void put_name(struct buf *out, const char *name, const char *label, const char *value)
{
    (void)buf_str(out, name);
    if (label != NULL) {
        (void)buf_char(out, '{');
        put_label(out, label, value);
        (void)buf_char(out, '}');
    }
    (void)buf_char(out, ' ');
}

static void put_us(struct buf *out, int64_t us)
{
    (void)buf_printf(out, "%s%lld.%06lld", us < 0 ? "-" : "",
                     (long long)(us < 0 ? -us : us) / SECOND,
                     (long long)(us < 0 ? -us : us) % SECOND);
}

void metrics_int(struct buf *out, const char *name, const char *label, const char *value, int64_t n)
{
    put_name(out, name, label, value);
    (void)buf_printf(out, "%lld\n", (long long)n);
}

void metrics_seconds(struct buf *out, const char *name, const char *label, const char *value,
                     int64_t us)
{
    put_name(out, name, label, value);
    put_us(out, us);
    (void)buf_char(out, '\n');
}

static void put_bucket(struct buf *out, const char *name, const char *label, const char *value,
                       int64_t bound_us, uint64_t n)
{
    (void)buf_printf(out, "%s_bucket{", name);
    if (label != NULL) {
        put_label(out, label, value);
        (void)buf_char(out, ',');
    }
    (void)buf_str(out, "le=\"");
    if (bound_us < 0) {
        (void)buf_str(out, "+Inf");
    } else {
        (void)buf_printf(out, "%g", (double)bound_us / SECOND);
    }
    (void)buf_printf(out, "\"} %llu\n", (unsigned long long)n);
}

void metrics_histogram(struct buf *out, const char *name, const char *label, const char *value,
                       const int64_t *bounds_us, const uint64_t *counts, int n, int64_t sum_us)
{
    char part[128];
    uint64_t all = 0;

    for (int i = 0; i <= n; i++) {
        all += counts[i];
        put_bucket(out, name, label, value, i < n ? bounds_us[i] : -1, all);
    }
    (void)snprintf(part, sizeof part, "%s_sum", name);
    metrics_seconds(out, part, label, value, sum_us);
    (void)snprintf(part, sizeof part, "%s_count", name);
    metrics_int(out, part, label, value, (int64_t)all);
}
