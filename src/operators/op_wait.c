/*
 * Waits that hold no process: for a time, for a file, for an HTTP answer. Each is a coroutine in the worker; thousands fit in a thread.
 * A lost worker costs nothing: the same try waits on, from the start time that the store has (rule 7, `repeat`).
 */
#include <glob.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/time.h"
#include "model/dag.h"
#include "operators/operator.h"
#include "runtime/http.h"
#include "runtime/loop.h"

#define POKE_DEFAULT_US (5 * TIME_SECOND)
#define POKE_MIN_US     (TIME_SECOND / 10)
#define TIMEOUT_DEFAULT_US \
    (INT64_C(7) * 24 * 3600 * TIME_SECOND) /* Airflow's [sensors] default_timeout */

static int duration(const struct operator_context *c, const char *name, int64_t fallback,
                    int64_t *ret, struct err *e)
{
    const struct value *v = value_get(c->params, name);

    *ret = fallback;
    if (v == NULL || v->kind == VALUE_NULL) {
        return 0;
    }
    if (v->text == NULL || duration_parse(v->text, v->len, ret) != 0) {
        return err_set(e, ERR_INVALID, "%s: not a duration: '%s'; write seconds, 5m, 1h30m or PT5M",
                       name, v->text != NULL ? v->text : value_kind_name(v->kind));
    }
    return 0;
}

static const char *text(const struct operator_context *c, const char *name)
{
    const struct value *v = value_get(c->params, name);

    return v != NULL && v->kind == VALUE_STRING ? v->text : NULL;
}

/* ---- time ---- */

static int wait_time(const struct operator_context *c, struct operator_result *ret, struct err *e)
{
    const char *until = text(c, "until");
    int64_t at, delta, now;
    int rc = 0;

    if (until != NULL) {
        if (time_parse(until, strlen(until), &at) != 0) {
            return err_set(e, ERR_INVALID, "until: not a time: '%s'; write 2026-01-31T12:00:00Z",
                           until);
        }
    } else {
        rc = duration(c, "delta", 0, &delta, e);
        if (rc != 0) {
            return rc;
        }
        at = (c->logical_date_us != TIME_NONE ? c->logical_date_us : c->start_us) + delta;
    }
    while (rc == 0 && (now = c->clock(c->clock_arg)) < at) {
        rc = co_sleep(at - now);
    }
    ret->verdict = VERDICT_SUCCESS;
    return rc;
}

const struct operator_impl op_wait_time = {
    .name = "wait_time", .loss = LOSS_REPEAT, .wait = wait_time};

/* ---- poking: file and HTTP ---- */

/* Asks until it is there (1), or the timeout of the whole wait is over. Its own errors are waited out, the last one is told. */
static int poke(const struct operator_context *c,
                int (*there)(const struct operator_context *, struct err *),
                struct operator_result *ret, struct err *e)
{
    const struct value *soft = value_get(c->params, "soft_fail");
    struct err last = {0};
    int64_t interval, timeout, now;
    int rc = duration(c, "poke_interval", POKE_DEFAULT_US, &interval, e);

    if (rc == 0) {
        rc = duration(c, "timeout", TIMEOUT_DEFAULT_US, &timeout, e);
    }
    if (rc != 0) {
        return rc;
    }
    if (interval < POKE_MIN_US) {
        interval = POKE_MIN_US;
    }
    for (;;) {
        rc = there(c, &last);
        if (rc == 1) {
            ret->verdict = VERDICT_SUCCESS;
            return 0;
        }
        if (rc == -ERR_CANCELED || rc == -ERR_INVALID || rc == -ERR_UNSUPPORTED) {
            return err_set(e, (enum err_code) - rc, "%s", err_str(&last));
        }
        now = c->clock(c->clock_arg);
        if (now - c->start_us >= timeout) {
            char d[TIME_TEXT_MAX];

            ret->verdict = soft != NULL && soft->kind == VALUE_BOOL && soft->boolean
                               ? VERDICT_SKIPPED
                               : VERDICT_FAILED;
            ret->reason =
                arena_printf(c->arena, "not there after %s%s%s", duration_format(timeout, d),
                             last.text[0] != '\0' ? ": " : "", last.text);
            return 0;
        }
        if (interval > timeout - (now - c->start_us)) {
            rc = co_sleep(timeout - (now - c->start_us) + 1);
        } else {
            rc = co_sleep(interval);
        }
        if (rc != 0) {
            return err_set(e, (enum err_code) - rc, "the wait was ended");
        }
    }
}

static int file_there(const struct operator_context *c, struct err *e)
{
    const char *path = text(c, "filepath");
    glob_t g;
    int rc;

    if (path == NULL || path[0] == '\0') {
        return err_set(e, ERR_INVALID, "filepath is empty");
    }
    rc = glob(path, GLOB_NOSORT, NULL, &g);
    if (rc == 0) {
        globfree(&g);
        return 1;
    }
    return rc == GLOB_NOMATCH ? 0 : err_set(e, ERR_IO, "cannot look for %s", path);
}

static int wait_file(const struct operator_context *c, struct operator_result *ret, struct err *e)
{
    return poke(c, file_there, ret, e);
}

const struct operator_impl op_wait_file = {
    .name = "wait_file", .loss = LOSS_REPEAT, .wait = wait_file};

static const char *const *header_list(const struct operator_context *c)
{
    const struct value *h = value_get(c->params, "headers");
    const char **list;

    if (h == NULL || h->kind != VALUE_OBJECT) {
        return NULL;
    }
    list = arena_array(c->arena, h->len + 1, sizeof *list);
    for (size_t i = 0; list != NULL && i < h->len; i++) {
        list[i] = arena_printf(c->arena, "%s: %s", h->keys[i].text,
                               h->elems[i]->text != NULL ? h->elems[i]->text : "");
    }
    return list;
}

/* Whether `expect_status` (an integer or a list of them; NULL: 200) has it; -ERR_INVALID where it is something else. */
static int status_expected(const struct value *v, int status, struct err *e)
{
    bool found = v == NULL && status == 200;
    size_t n = v == NULL ? 0 : v->kind == VALUE_ARRAY ? v->len : 1;

    for (size_t i = 0; i < n; i++) {
        int64_t want;

        if (value_int(v->kind == VALUE_ARRAY ? v->elems[i] : v, 100, 599, &want) != 0) {
            return err_set(e, ERR_INVALID,
                           "expect_status is an integer from 100 to 599, or several");
        }
        found |= status == want;
    }
    return found;
}

static int http_there(const struct operator_context *c, struct err *e)
{
    struct http_client *client = c->http(c->http_arg);
    const struct value *status = value_get(c->params, "expect_status");
    const char *expect = text(c, "expect_text");
    struct http_request rq = {
        .method = text(c, "method"), .url = text(c, "url"), .follow = 5, .headers = header_list(c)};
    struct http_response rs = {0};
    int rc, expected;

    if (rq.url == NULL || rq.url[0] == '\0') {
        return err_set(e, ERR_INVALID, "url is empty");
    }
    if (client == NULL) {
        return err_set(e, ERR_UNSUPPORTED, "wait_http needs libcurl (Debian package libcurl4)");
    }
    rc = status_expected(status, 0, e);
    if (rc < 0) {
        return rc;
    }
    rc = http_perform(client, &rq, &rs, e);
    if (rc != 0) {
        return rc;
    }
    expected = status_expected(status, rs.status, e);
    if (expected <= 0) {
        char want[12] = "200";

        if (status != NULL && status->kind == VALUE_NUMBER) {
            (void)snprintf(want, sizeof want, "%.10s", status->text);
        }
        rc = err_set(e, ERR_FAILED, "status %d, expected %s", rs.status,
                     status != NULL && status->kind == VALUE_ARRAY ? "another" : want);
    } else if (expect != NULL && memmem(rs.body, rs.body_len, expect, strlen(expect)) == NULL) {
        rc = err_set(e, ERR_FAILED, "the answer does not contain '%.80s'", expect);
    } else {
        rc = 1;
    }
    http_response_fini(&rs);
    return rc;
}

static int wait_http(const struct operator_context *c, struct operator_result *ret, struct err *e)
{
    return poke(c, http_there, ret, e);
}

const struct operator_impl op_wait_http = {
    .name = "wait_http", .loss = LOSS_REPEAT, .wait = wait_http};
