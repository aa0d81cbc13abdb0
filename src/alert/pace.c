/* How often a channel speaks. */
#include "alert/alert.h"

#define RETRY_MAX_US (INT64_C(300) * 1000000)

void alert_pace_sent(struct alert_pace *p, int64_t interval_us, int64_t now_us)
{
    if (p->next_us == 0 || now_us - p->next_us >= p->gap_us) {
        p->gap_us = interval_us;
    } else {
        p->gap_us = p->gap_us > ALERT_GAP_MAX_US / 2 ? ALERT_GAP_MAX_US : p->gap_us * 2;
        p->gap_us = p->gap_us < interval_us ? interval_us : p->gap_us;
    }
    p->next_us = now_us + p->gap_us;
}

int64_t alert_retry_delay(const struct alert_channel *c, unsigned tries)
{
    int64_t us = c->retry_delay_us;

    if (tries > (unsigned)c->retries) {
        return -1;
    }
    for (unsigned i = 1; i < tries && us < RETRY_MAX_US; i++) {
        us *= 2;
    }
    return us < RETRY_MAX_US ? us : RETRY_MAX_US;
}
