/* /metrics: the table of what is told, and the text format of Prometheus (0.0.4). */
#ifndef TW_SERVER_METRICS_H
#define TW_SERVER_METRICS_H

#include <stdint.h>

struct buf;

enum metric_type { METRIC_GAUGE, METRIC_COUNTER, METRIC_HISTOGRAM };

/* docs/reference/metrics.md: what there is, in the order of the table. */
int metrics_reference(struct buf *out);

/* ---- the text format; names and help are ours, labels are escaped ---- */
void metrics_head(struct buf *out, const char *name, enum metric_type type, const char *help);
/* label NULL: none. */
void metrics_int(struct buf *out, const char *name, const char *label, const char *value,
                 int64_t n);
void metrics_seconds(struct buf *out, const char *name, const char *label, const char *value,
                     int64_t us);
/* counts: of each bucket alone, one more than bounds. */
void metrics_histogram(struct buf *out, const char *name, const char *label, const char *value,
                       const int64_t *bounds_us, const uint64_t *counts, int n, int64_t sum_us);

#endif
