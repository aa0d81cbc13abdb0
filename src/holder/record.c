/* The journal's contents: what is written when, and when it is shortened. */
#include <fcntl.h>
#include <unistd.h>

#include "base/err.h"
#include "base/json.h"
#include "holder/priv.h"

#define RETRY_US    200000
#define SHORTEN_LEN (256 << 10) /* a journal below this is not worth replacing */

typedef void (*record_fn)(struct json_writer *w, const struct holder *h, const struct attempt *a,
                          bool journal);

static int record_add(struct holder *h, struct buf *out, const struct attempt *a, record_fn fn)
{
    struct json_writer w;
    size_t mark;

    (void)journal_begin(out, &mark);
    json_writer_init(&w, out, 0);
    fn(&w, h, a, true);
    return journal_end(out, mark);
}

static int record_write(struct holder *h, const struct attempt *a, record_fn fn, struct err *e)
{
    int rc;

    buf_clear(&h->record);
    rc = record_add(h, &h->record, a, fn);
    if (rc != 0) {
        return err_set(e, ERR_NOMEM, "no memory for a journal record");
    }
    return journal_append(&h->journal, h->record.p, h->record.len, e);
}

int record_intent(struct holder *h, struct attempt *a, struct err *e)
{
    int rc;

    a->started_us = clock_wall_us();
    a->started_boot_us = clock_boot_us();
    rc = record_write(h, a, message_started, e);
    a->intent_written = rc == 0;
    return rc;
}

static bool started_due(const struct attempt *a)
{
    return !a->started_written && a->pid != 0 && a->state != ATTEMPT_ENDED;
}

static bool ended_due(const struct attempt *a)
{
    return !a->ended_written && a->state == ATTEMPT_ENDED;
}

bool records_written(const struct holder *h)
{
    for (const struct attempt *a = h->attempts; a != NULL; a = a->next) {
        if (started_due(a) || ended_due(a)) {
            return false;
        }
    }
    return true;
}

void records_write(struct holder *h)
{
    if (h->journal_retry_us != 0 && h->now_us < h->journal_retry_us) {
        return;
    }
    h->journal_retry_us = 0;
    for (struct attempt *a = h->attempts; a != NULL; a = a->next) {
        if (started_due(a)) {
            a->started_written = record_write(h, a, message_started, NULL) == 0;
        } else if (ended_due(a)) {
            a->ended_written = record_write(h, a, message_ended, NULL) == 0;
        }
        if (started_due(a) || ended_due(a)) {
            h->journal_retry_us = h->now_us + RETRY_US;
            return;
        }
    }
}

void records_shorten(struct holder *h)
{
    struct buf lines BUF_CLEANUP = {0};
    int rc = 0;

    if (h->attempts == NULL) {
        (void)journal_cut(&h->journal, NULL);
        return;
    }
    if (h->journal.size < SHORTEN_LEN) {
        return;
    }
    buf_init(&lines, MiB(64));
    for (struct attempt *a = h->attempts; rc == 0 && a != NULL; a = a->next) {
        if (a->ended_written) {
            rc = record_add(h, &lines, a, message_ended);
        } else if (a->intent_written) {
            rc = record_add(h, &lines, a, message_started);
        }
    }
    /* Only when it makes the file half as long, so that the work stays in proportion to what was
     * acknowledged. */
    if (rc == 0 && (long long)lines.len * 2 < h->journal.size) {
        (void)journal_replace(&h->journal, h->dir_fd, h->journal_name, lines.p, lines.len, NULL);
    }
}
