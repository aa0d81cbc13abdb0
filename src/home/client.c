#include "home/client.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/wire.h"
#include "home/home.h"
#include "runtime/loop.h"

static int send_request(int fd, const char *type, const char *members, struct err *e)
{
    struct buf b BUF_CLEANUP;
    size_t mark;
    int rc;

    buf_init(&b, LIMIT_MESSAGE + KiB(1));
    rc = wire_begin(&b, &mark);
    (void)buf_printf(&b, "{\"v\":1,\"type\":\"%s\",\"id\":1%s", type,
                     members[0] != '\0' ? "," : "");
    (void)buf_str(&b, members);
    (void)buf_char(&b, '}');
    rc = rc == 0 ? wire_end(&b, mark) : rc;
    if (rc != 0) {
        return err_set(e, (enum err_code) - rc, "the request to the engine is too large");
    }
    return co_write_all(fd, b.p, b.len);
}

static int read_answer(int fd, struct wire_reader *in, struct arena *a, const struct value **ret,
                       struct err *e)
{
    const char *body = NULL, *type;
    size_t n = 0;
    int rc;

    while ((rc = wire_reader_next(in, &body, &n)) == 0) {
        size_t got = 0;
        char *p;

        rc = wire_reader_room(in, 4096, &p, &n);
        rc = rc == 0 ? co_read(fd, p, n, &got) : rc;
        if (rc == 0 && got == 0) {
            rc = err_set(e, ERR_CLOSED, "the running engine closed the connection");
        }
        if (rc != 0) {
            return rc;
        }
        wire_reader_filled(in, got);
    }
    return rc == 1 ? wire_parse(a, body, n, ret, &type, e) : rc;
}

static int refused(const struct value *answer, struct err *e)
{
    const struct value *text = value_get(answer, "error"), *name = value_get(answer, "code");
    int code = ERR_FAILED;

    for (int i = 1; name != NULL && name->kind == VALUE_STRING && i < ERR_MAX_; i++) {
        if (strcmp(err_name(i), name->text) == 0) {
            code = i;
        }
    }
    return err_set(e, (enum err_code)code, "%s",
                   text != NULL && text->kind == VALUE_STRING ? text->text : "refused");
}

static int exchange(int fd, const char *type, const char *members, char **ret, bool *ret_refused,
                    struct err *e)
{
    const struct value *answer = NULL, *v;
    struct wire_reader in;
    struct arena a;
    int rc;

    wire_reader_init(&in);
    arena_init(&a, LIMIT_MESSAGE * 4);
    rc = send_request(fd, type, members, e);
    rc = rc == 0 ? read_answer(fd, &in, &a, &answer, e) : rc;
    v = rc == 0 ? value_get(answer, "ok") : NULL;
    if (rc == 0 && (v == NULL || v->kind != VALUE_BOOL || !v->boolean)) {
        rc = refused(answer, e);
        *ret_refused = true;
    } else if (rc == 0 && ret != NULL) {
        struct buf b BUF_CLEANUP;
        struct json_writer w;

        v = value_get(answer, "result");
        buf_init(&b, LIMIT_MESSAGE);
        json_writer_init(&w, &b, 0);
        if (v != NULL) {
            json_value(&w, v);
        }
        *ret = v != NULL ? buf_take(&b) : NULL;
        rc = v != NULL && *ret == NULL ? err_set(e, ERR_NOMEM, "out of memory for an answer") : 0;
    }
    arena_fini(&a);
    wire_reader_fini(&in);
    return rc;
}

int home_request(const char *home, const char *type, const char *members, int64_t timeout_us,
                 char **ret, bool *ret_refused, struct err *e)
{
    char path[4200];
    struct co_deadline d;
    bool ignored;
    int fd, rc;

    ret_refused = ret_refused != NULL ? ret_refused : &ignored;
    *ret_refused = false;
    (void)snprintf(path, sizeof path, "%s/%s", home, ENGINE_SOCKET);
    rc = co_connect_unix(path, &fd, e);
    if (rc != 0) {
        return rc;
    }
    co_deadline_begin(&d, timeout_us);
    rc = exchange(fd, type, members, ret, ret_refused, e);
    co_deadline_end(&d);
    (void)close(fd);
    if (rc == -ERR_TIMEOUT && !*ret_refused) {
        rc = err_set(e, ERR_TIMEOUT, "the engine has not answered within %.0f s",
                     (double)timeout_us / 1e6);
    }
    return rc;
}
