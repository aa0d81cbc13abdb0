#include "holder/output.h"

#include <errno.h>
#include <unistd.h>

#include "base/err.h"

/* What a pipe may still hold when everything that could write has ended: it is bounded by the
 * pipe's size. */
#define REST_MAX ((size_t)4 << 20)

int output_init(struct output *o, const char *path, int64_t limit, bool last_line, struct err *e)
{
    *o = (struct output){.fd = -1};
    mask_init(&o->mask);
    holder_log_init(&o->log, path, limit);
    if (last_line_init(&o->last, last_line) != 0) {
        return err_set(e, ERR_NOMEM, "no memory for the last line of output");
    }
    return 0;
}

static void put(struct output *o, const char *p, size_t n, int64_t now_us)
{
    last_line_feed(&o->last, p, n);
    holder_log_write(&o->log, p, n, now_us);
}

static void take(struct output *o, const char *p, size_t n, int64_t now_us)
{
    if (o->hidden) {
        o->log.dropped += (int64_t)n;
        return;
    }
    if (!mask_any(&o->mask)) {
        put(o, p, n, now_us);
        return;
    }
    while (n != 0) {
        size_t piece = n < MASK_FEED_MAX ? n : MASK_FEED_MAX, out_len;
        const char *out;

        mask_feed(&o->mask, p, piece, &out, &out_len);
        put(o, out, out_len, now_us);
        p += piece;
        n -= piece;
    }
}

static void stream_close(struct output *o)
{
    if (o->fd >= 0) {
        (void)close(o->fd);
    }
    o->fd = -1;
}

bool output_read(struct output *o, char *chunk, size_t bytes, int64_t now_us)
{
    while (o->fd >= 0 && bytes != 0) {
        ssize_t n = read(o->fd, chunk, OUTPUT_CHUNK);

        if (n > 0) {
            take(o, chunk, (size_t)n, now_us);
            bytes -= (size_t)n < bytes ? (size_t)n : bytes;
            if ((size_t)n < 4096) {
                return true; /* most likely all that there was: the next wait will tell */
            }
        } else if (n < 0 && errno == EINTR) {
            continue;
        } else if (n < 0 && errno == EAGAIN) {
            return true;
        } else {
            stream_close(o);
        }
    }
    return o->fd >= 0;
}

void output_close(struct output *o, char *chunk, int64_t now_us)
{
    size_t rest = 0;

    while (o->fd >= 0 && rest < REST_MAX) {
        ssize_t n = read(o->fd, chunk, OUTPUT_CHUNK);

        if (n > 0) {
            take(o, chunk, (size_t)n, now_us);
            rest += (size_t)n;
        } else if (n == 0 || errno != EINTR) {
            break;
        }
    }
    stream_close(o);
    if (mask_any(&o->mask) && o->mask.built && !o->hidden) {
        const char *out;
        size_t out_len;

        mask_flush(&o->mask, &out, &out_len);
        put(o, out, out_len, now_us);
    }
    mask_fini(&o->mask);
    holder_log_close(&o->log);
    o->log.path = NULL;
}

void output_fini(struct output *o)
{
    stream_close(o);
    mask_fini(&o->mask);
    holder_log_close(&o->log);
    last_line_fini(&o->last);
}
