/* What an operator may ask of its host: struct tw_host. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/wire.h"
#include "ophost/ophost.h"

#define OFFLOAD_THREADS 16
#define XCOM_TIMEOUT_US INT64_C(60000000)

static int code_of(const tw_attempt *a, int rc)
{
    return a->canceled || rc == -ERR_CANCELED        ? TW_OPERATOR_CANCELED
           : rc == 0                                 ? TW_OPERATOR_OK
           : rc == -ERR_TIMEOUT                      ? TW_OPERATOR_TIMEOUT
           : rc == -ERR_NOTFOUND                     ? TW_OPERATOR_NOTFOUND
           : rc == -ERR_NOMEM                        ? TW_OPERATOR_NOMEM
           : rc == -ERR_INVALID || rc == -ERR_SYNTAX ? TW_OPERATOR_INVALID
                                                     : TW_OPERATOR_ERROR;
}

static const char *do_params(const tw_attempt *a)
{
    return a->params;
}

static const char *do_info(const tw_attempt *a, const char *name)
{
    const struct value *v = value_get(a->info, name);

    return v != NULL && (v->kind == VALUE_STRING || v->kind == VALUE_NUMBER) ? v->text : NULL;
}

static void do_log(tw_attempt *a, const char *text)
{
    ophost_log(a, text, strlen(text));
    ophost_log(a, "\n", 1);
}

static void do_reason(tw_attempt *a, const char *text)
{
    (void)snprintf(a->reason, sizeof a->reason, "%s", text);
}

static int do_xcom_push(tw_attempt *a, const char *key, const char *json)
{
    struct value *v, *item;
    int rc = value_parse(&a->arena, json, strlen(json), &v, NULL);

    if (rc != 0) {
        return rc == -ERR_NOMEM ? TW_OPERATOR_NOMEM : TW_OPERATOR_INVALID;
    }
    for (size_t i = 0; i < a->xcoms->len; i++) {
        if (strcmp(value_get(a->xcoms->elems[i], "key")->text, key) == 0) {
            a->xcoms->elems[i]->elems[1] = v;
            return TW_OPERATOR_OK;
        }
    }
    item = value_new(&a->arena, VALUE_OBJECT);
    return item == NULL ||
                   value_set(&a->arena, item, "key", value_string(&a->arena, key, strlen(key))) !=
                       0 ||
                   value_set(&a->arena, item, "value", v) != 0 ||
                   value_append(&a->arena, a->xcoms, item) != 0
               ? TW_OPERATOR_NOMEM
               : TW_OPERATOR_OK;
}

/* ---- what waits ---- */

static int do_sleep(tw_attempt *a, double seconds)
{
    return code_of(a, a->canceled ? -ERR_CANCELED : co_sleep((int64_t)(seconds * 1e6)));
}

static int do_wait_fd(tw_attempt *a, int fd, int events, double timeout_s)
{
    struct co_deadline d;
    int rc;

    if (a->canceled) {
        return TW_OPERATOR_CANCELED;
    }
    if (timeout_s >= 0) {
        co_deadline_begin(&d, (int64_t)(timeout_s * 1e6));
    }
    rc = co_wait_fd(fd,
                    (events & TW_OPERATOR_READ ? LOOP_READ : 0) |
                        (events & TW_OPERATOR_WRITE ? LOOP_WRITE : 0),
                    NULL);
    if (timeout_s >= 0) {
        co_deadline_end(&d);
    }
    return code_of(a, rc);
}

static int do_canceled(const tw_attempt *a)
{
    return a->canceled;
}

struct offloaded {
    void (*fn)(void *arg);
    void *arg;
};

static int run_offloaded(void *arg)
{
    struct offloaded *o = arg;

    o->fn(o->arg);
    return 0;
}

static int do_offload(tw_attempt *a, void (*fn)(void *arg), void *arg)
{
    struct offloaded o = {fn, arg};
    struct ophost *h = a->host;
    int rc = 0;

    if (a->canceled) {
        return TW_OPERATOR_CANCELED;
    }
    if (h->pool == NULL) {
        rc = pool_new(h->loop, "offload", OFFLOAD_THREADS, &h->pool, NULL);
    }
    return code_of(a, rc == 0 ? co_offload(h->pool, run_offloaded, &o) : rc);
}

/* ---- XCom: asked of the engine's socket, under the attempt's token ---- */

static int question_of(const tw_attempt *a, const char *task_id, const char *key, struct buf *b)
{
    struct json_writer w;
    size_t mark;
    int rc = wire_begin(b, &mark);

    json_writer_init(&w, b, 0);
    json_object(&w);
    json_key(&w, "v");
    json_int(&w, WIRE_VERSION);
    json_key(&w, "type");
    json_string(&w, "xcom_get");
    json_key(&w, "id");
    json_int(&w, 1);
    json_key(&w, "attempt");
    json_string(&w, a->id);
    json_key(&w, "task_id");
    json_string(&w, task_id);
    json_key(&w, "key");
    json_string(&w, key != NULL ? key : "return_value");
    json_object_end(&w);
    return rc == 0 ? wire_end(b, mark) : rc;
}

static int exchange(int fd, const struct buf *question, struct arena *m, const struct value **ret)
{
    struct wire_reader in;
    const char *body = NULL, *type;
    size_t n = 0;
    int rc = co_write_all(fd, question->p, question->len);

    wire_reader_init(&in);
    while (rc == 0 && (rc = wire_reader_next(&in, &body, &n)) == 0) {
        size_t got = 0;
        char *p;

        rc = wire_reader_room(&in, 4096, &p, &n);
        rc = rc == 0 ? co_read(fd, p, n, &got) : rc;
        rc = rc == 0 && got == 0 ? -ERR_CLOSED : rc;
        wire_reader_filled(&in, got);
    }
    rc = rc == 1 ? wire_parse(m, body, n, ret, &type, NULL) : rc;
    wire_reader_fini(&in);
    return rc;
}

static int answer_text(const struct value *answer, char **ret)
{
    const struct value *ok = value_get(answer, "ok"), *r = value_get(answer, "result");
    const struct value *found = r != NULL ? value_get(r, "found") : NULL;
    struct json_writer w;
    struct buf b;

    if (ok == NULL || ok->kind != VALUE_BOOL || !ok->boolean || found == NULL) {
        return -ERR_FAILED;
    }
    if (!found->boolean) {
        return -ERR_NOTFOUND;
    }
    buf_init(&b, LIMIT_MESSAGE);
    json_writer_init(&w, &b, 0);
    json_value(&w, value_get(r, "value"));
    *ret = buf_take(&b);
    return *ret != NULL ? 0 : -ERR_NOMEM;
}

static int do_xcom_get(tw_attempt *a, const char *task_id, const char *key, char **ret_json)
{
    const char *path = do_info(a, "engine");
    const struct value *answer = NULL;
    struct buf b BUF_CLEANUP;
    struct co_deadline d;
    struct arena m;
    int rc, fd = -1;

    *ret_json = NULL;
    buf_init(&b, LIMIT_MESSAGE);
    arena_init(&m, LIMIT_MESSAGE * 4);
    co_deadline_begin(&d, XCOM_TIMEOUT_US);
    rc = path != NULL ? question_of(a, task_id, key, &b) : -ERR_NOTFOUND;
    rc = rc == 0 ? co_connect_unix(path, &fd, NULL) : rc;
    rc = rc == 0 ? exchange(fd, &b, &m, &answer) : rc;
    co_deadline_end(&d);
    rc = rc == 0 ? answer_text(answer, ret_json) : rc;
    if (fd >= 0) {
        (void)close(fd);
    }
    arena_fini(&m);
    return code_of(a, rc);
}

static void do_release(char *json)
{
    mem_free(json);
}

const struct tw_host ophost_services = {
    .size = sizeof(struct tw_host),
    .abi_version = TW_OPERATOR_ABI,
    .params = do_params,
    .info = do_info,
    .log = do_log,
    .reason = do_reason,
    .xcom_push = do_xcom_push,
    .xcom_get = do_xcom_get,
    .release = do_release,
    .sleep = do_sleep,
    .wait_fd = do_wait_fd,
    .canceled = do_canceled,
    .offload = do_offload,
};
