/*
 * When the next try comes. Without retry_exponential_backoff: retry_delay, exactly. With it,
 * Airflow's formula:
 *
 *     min   = max(1, ceil(retry_delay * multiplier ^ (try - 1)))           in seconds
 *     hash  = sha1("dag_id#task_id#logical_date#try") as one big number
 *     delay = min(min + hash mod min, 86400), and at most max_retry_delay
 *
 * so the jitter is in [min, 2 min), the same on every machine. logical_date is written as Python
 * writes a datetime
 * ("2026-01-31 12:00:00+00:00"), "None" without one.
 */
#include "sched/sched_priv.h"

#include <math.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/sha1.h"

static int64_t hash_mod(const struct dag *d, const struct task *t, int64_t logical_date_us,
                        uint32_t try_number, int64_t m)
{
    char date[TIME_TEXT_MAX] = "None", text[3 * LIMIT_ID_BYTES];
    uint8_t digest[20];
    uint64_t rest = 0;
    int n;

    if (logical_date_us != TIME_NONE) {
        char *sep = strchr(time_format(logical_date_us, date), 'T');

        if (sep != NULL) {
            *sep = ' ';
        }
    }
    n = snprintf(text, sizeof text, "%s#%s#%s#%u", d->dag_id, t->task_id, date, try_number);
    if (n >= (int)sizeof text) {
        n = (int)sizeof text - 1; /* ids are at most LIMIT_ID_BYTES long: never cut */
    }
    sha1(text, (size_t)n, digest);
    for (int i = 0; i < 20; i++) {
        rest = (rest * 256 + digest[i]) % (uint64_t)m;
    }
    return (int64_t)rest;
}

int64_t retry_delay_us(const struct dag *d, const struct task *t, int64_t logical_date_us,
                       uint32_t try_number)
{
    double min_s;
    int64_t min, delay;

    if (!(t->retry_multiplier > 0)) {
        return t->retry_delay_us;
    }
    min_s = ceil((double)t->retry_delay_us / (double)TIME_SECOND *
                 pow(t->retry_multiplier, (double)try_number - 1));
    if (!(min_s < (double)LIMIT_RETRY_DELAY_S)) {
        delay = LIMIT_RETRY_DELAY_S; /* already beyond the cap, or beyond all numbers */
    } else {
        min = min_s < 1 ? 1 : (int64_t)min_s;
        delay = min + hash_mod(d, t, logical_date_us, try_number, min);
        delay = delay < LIMIT_RETRY_DELAY_S ? delay : LIMIT_RETRY_DELAY_S;
    }
    delay *= TIME_SECOND;
    if (t->max_retry_delay_us > 0 && delay > t->max_retry_delay_us) {
        delay = t->max_retry_delay_us;
    }
    return delay;
}
