/*
 * What listeners of the installation hear of DAG files: on_new_dag_import_error, on_existing_dag_import_error. They are told in a process of
 * Python once the store has the errors; nobody waits for it, and what comes meanwhile goes with the next one.
 */
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "bundle/priv.h"
#include "dagfile/ask.h"

#define TELL_S    300 /* as callbacks of tasks */
#define HEARD_MAX MiB(16)

/* All of it or nothing: what is there stays whole. */
static int put_error(struct buf *out, const struct heard_error *x)
{
    struct buf item BUF_CLEANUP;
    struct json_writer w;
    int rc;

    buf_init(&item, MiB(4));
    (void)buf_str(&item, out->len != 0 ? "," : "");
    json_writer_init(&w, &item, 0);
    json_object(&w);
    json_key(&w, "file");
    json_string(&w, x->path);
    json_key(&w, "text");
    json_string(&w, x->text);
    json_key(&w, "new");
    json_bool(&w, x->is_new);
    json_object_end(&w);
    rc = buf_status(&item);
    if (rc != 0 || item.len > HEARD_MAX - out->len) {
        return rc != 0 ? rc : -ERR_LIMIT;
    }
    rc = buf_reserve(out, item.len);
    return rc == 0 ? buf_append(out, item.p, item.len) : rc;
}

/* What has gathered becomes the question. */
static int make_question(struct bundles *b, struct buf *out)
{
    struct buf errors = b->heard;

    buf_init(&b->heard, HEARD_MAX);
    (void)buf_printf(out, "{\"ask\":\"import_errors\",\"timeout_s\":%d,\"errors\":[%s]}",
                     TELL_S * 2 / 3, buf_cstr(&errors));
    buf_fini(&errors);
    return buf_status(out);
}

static void read_answer(const char *answer, size_t n, struct arena *a)
{
    const struct value *error, *failed;
    struct value *v;
    int64_t count = 0;

    if (value_parse(a, answer, n, &v, NULL) != 0 || v->kind != VALUE_OBJECT) {
        log_warning("dags", "listeners were told of import errors, and answered nonsense: %.200s",
                    answer);
        return;
    }
    error = value_get(v, "error");
    failed = value_get(v, "failed");
    if (error != NULL && error->kind == VALUE_STRING) {
        log_warning("dags", "listeners were not told of all import errors: %s", error->text);
    } else if (failed != NULL && value_int(failed, 0, INT32_MAX, &count) == 0 && count != 0) {
        log_warning("dags", "of the listeners of import errors %lld failed; why is said above",
                    (long long)count);
    }
}

static int tell(struct bundles *b)
{
    const struct ask_config c = {b->env.python, b->env.python_path, TELL_S};
    struct buf question BUF_CLEANUP;
    struct err e = {0};
    const char *answer;
    struct arena a;
    size_t n;
    int rc;

    arena_init(&a, MiB(1));
    buf_init(&question, HEARD_MAX + KiB(1));
    rc = make_question(b, &question);
    rc = rc == 0 ? ask_python(&c, buf_cstr(&question), question.len, &a, &answer, &n, &e) : rc;
    if (rc == 0) {
        read_answer(answer, n, &a);
    } else if (rc != -ERR_CANCELED) {
        log_warning("dags", "listeners were not told of import errors: %s",
                    e.code != 0 ? err_str(&e) : err_text(rc));
    }
    arena_fini(&a);
    return rc;
}

static int tell_main(void *arg)
{
    struct bundles *b = arg;
    int rc = 0;

    while (rc != -ERR_CANCELED && b->heard.len != 0) {
        rc = tell(b);
    }
    b->telling = false;
    return 0;
}

void bundles_hear_init(struct bundles *b)
{
    buf_init(&b->heard, HEARD_MAX);
}

void bundles_hear_free(struct bundles *b)
{
    buf_fini(&b->heard);
}

void bundles_tell_listeners(struct bundles *b, const struct heard_error *list, size_t n)
{
    size_t told = 0;
    int rc = 0;

    while (told < n && (rc = put_error(&b->heard, &list[told])) == 0) {
        told++;
    }
    if (rc == 0 && n != 0 && !b->telling) {
        rc = co_spawn(&b->group, "listeners", tell_main, b, NULL, NULL);
        b->telling = rc == 0;
    }
    if (rc != 0) {
        log_warning("dags", "listeners are not told of import errors, of %zu files: %s", n - told,
                    err_text(rc));
    }
}
