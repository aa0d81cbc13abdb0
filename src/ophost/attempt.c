/* An attempt: from its start message to its end, on a coroutine. Its log is masked and written here, so that it is complete up to a crash. */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/wire.h"
#include "holder/secrets.h"
#include "ophost/ophost.h"

/* ---- the log ---- */

void ophost_log(struct tw_attempt *a, const char *text, size_t n)
{
    int64_t now = loop_now_us(a->host->loop);

    if (!mask_any(&a->mask)) {
        holder_log_write(&a->log, text, n, now);
        return;
    }
    while (n != 0) {
        size_t piece = n < MASK_FEED_MAX ? n : MASK_FEED_MAX, len;
        const char *p;

        mask_feed(&a->mask, text, piece, &p, &len);
        holder_log_write(&a->log, p, len, now);
        text += piece;
        n -= piece;
    }
}

static void log_close(struct tw_attempt *a)
{
    const char *p;
    size_t n;

    if (mask_any(&a->mask)) {
        mask_flush(&a->mask, &p, &n);
        holder_log_write(&a->log, p, n, loop_now_us(a->host->loop));
    }
    mask_fini(&a->mask);
    holder_log_close(&a->log);
}

static int log_open(struct tw_attempt *a, struct err *e)
{
    const struct value *path = value_get(a->start, "log"), *list = value_get(a->start, "secrets");
    int rc = 0;

    holder_log_init(&a->log, path != NULL ? path->text : NULL, (int64_t)LIMIT_LOG_BYTES);
    for (size_t i = 0; rc == 0 && list != NULL && list->kind == VALUE_ARRAY && i < list->len; i++) {
        rc = secrets_add(&a->mask, list->elems[i]->text, list->elems[i]->len, e);
    }
    if (rc == 0 && mask_any(&a->mask) && mask_build(&a->mask) != 0) {
        rc = err_set(e, ERR_NOMEM, "no memory to mask the secrets");
    }
    return rc;
}

/* ---- the end ---- */

static void tell_end(struct tw_attempt *a, const char *outcome, const char *reason)
{
    struct ophost *h = a->host;
    struct json_writer w;
    size_t mark;

    if (wire_begin(&h->out, &mark) != 0) {
        _Exit(71); /* out of memory for one frame: the worker sees the end of all */
    }
    json_writer_init(&w, &h->out, 0);
    json_object(&w);
    json_key(&w, "v");
    json_int(&w, WIRE_VERSION);
    json_key(&w, "type");
    json_string(&w, "ended");
    json_key(&w, "attempt");
    json_string(&w, a->id);
    json_key(&w, "outcome");
    json_string(&w, outcome);
    json_key(&w, "reason");
    json_string(&w, reason[0] != '\0' ? reason : NULL);
    json_key(&w, "xcoms");
    json_value(&w, a->xcoms);
    json_object_end(&w);
    if (wire_end(&h->out, mark) != 0) {
        a->xcoms->len = 0;
        tell_end(a, "fail", "its XComs are too large");
        return;
    }
    co_cond_signal(&h->wake);
}

static void unlink_attempt(struct tw_attempt *a)
{
    struct tw_attempt **p = &a->host->attempts;

    while (*p != a) {
        p = &(*p)->next;
    }
    *p = a->next;
}

static void attempt_free(struct tw_attempt *a)
{
    arena_fini(&a->arena);
    mem_free(a);
}

static int attempt_main(void *arg)
{
    static const char *const words[] = {"success", "failed", "fail", "skipped"};
    struct tw_attempt *a = arg;
    struct err e = {0};
    int outcome = TW_OPERATOR_FAILED;

    a->co = co_self();
    if (log_open(a, &e) != 0) {
        (void)snprintf(a->reason, sizeof a->reason, "%s", err_str(&e));
    } else if (!a->canceled) {
        outcome = a->host->op->run(&ophost_services, a);
    }
    if (outcome < TW_OPERATOR_SUCCESS || outcome > TW_OPERATOR_SKIPPED) {
        outcome = TW_OPERATOR_FAILED;
    }
    if (a->reason[0] == '\0' &&
        (outcome == TW_OPERATOR_FAILED || outcome == TW_OPERATOR_FAILED_NO_RETRY)) {
        (void)snprintf(a->reason, sizeof a->reason, "operator %s failed", a->host->op->name);
    }
    log_close(a);
    tell_end(a, words[outcome], a->reason);
    unlink_attempt(a);
    attempt_free(a);
    return 0;
}

/* ---- the beginning ---- */

static const char *params_text(struct tw_attempt *a)
{
    struct json_writer w;
    struct buf b BUF_CLEANUP;

    buf_init(&b, LIMIT_MESSAGE);
    json_writer_init(&w, &b, 0);
    json_value(&w, value_get(a->start, "params"));
    return buf_status(&b) == 0 ? arena_strndup(&a->arena, buf_cstr(&b), b.len) : NULL;
}

int ophost_begin(struct ophost *h, struct arena *arena, const struct value *start, struct err *e)
{
    const struct value *id = value_get(start, "attempt");
    struct tw_attempt *a;

    if (id == NULL || id->kind != VALUE_STRING || value_get(start, "params") == NULL ||
        value_get(start, "info") == NULL) {
        return err_set(e, ERR_PROTOCOL, "start names no attempt or has no params");
    }
    a = mem_zalloc(sizeof *a);
    if (a == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for an attempt");
    }
    a->host = h;
    a->arena = *arena;
    arena_init(arena, LIMIT_MESSAGE * 4);
    a->start = start;
    a->info = value_get(start, "info");
    a->id = id->text;
    mask_init(&a->mask);
    a->params = params_text(a);
    a->xcoms = value_new(&a->arena, VALUE_ARRAY);
    a->next = h->attempts;
    h->attempts = a;
    if (a->params == NULL || a->xcoms == NULL ||
        co_spawn(&h->group, "attempt", attempt_main, a, NULL, e) != 0) {
        unlink_attempt(a);
        attempt_free(a);
        return err_set(e, ERR_NOMEM, "out of memory for an attempt");
    }
    return 0;
}

void ophost_cancel(struct ophost *h, const char *id)
{
    for (struct tw_attempt *a = h->attempts; a != NULL; a = a->next) {
        if (strcmp(a->id, id) == 0) {
            a->canceled = true;
            if (a->co != NULL) {
                co_cancel(a->co);
            }
        }
    }
}
