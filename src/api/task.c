/*
 * Inside a task's own process. The holder started this program again with TRADEWIND_START naming the start message (docs/internals/wire.md, `python` of an
 * attempt). tw_init finds it, calls the function, writes the result file by rename, and exits.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "api/priv.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/wire.h"

#define START_ENV "TRADEWIND_START"
#define ENGINE_AWAY_S \
    900 /* how long a question waits for an engine that is away, as the Python runner does */

struct tw_context {
    struct arena arena;
    const struct value *start;
    const char *args, *params;
    struct value *xcoms; /* array of {key, value} */
    char reason[LIMIT_REASON_BYTES + 1];
};

static const struct tw_function_entry *table;

bool api_is_task(void)
{
    return getenv(START_ENV) != NULL;
}

const struct tw_function_entry *api_function(const char *name)
{
    for (const struct tw_function_entry *f = table; f != NULL && f->name != NULL; f++) {
        if (strcmp(f->name, name) == 0) {
            return f;
        }
    }
    return NULL;
}

/* ---- the start message ---- */

static int read_all(const char *path, struct buf *b, struct err *e)
{
    char chunk[65536];
    ssize_t n = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        return err_errno(e, errno, "cannot read %s", path);
    }
    while ((n = read(fd, chunk, sizeof chunk)) > 0) {
        (void)buf_append(b, chunk, (size_t)n);
    }
    (void)close(fd);
    return n < 0 ? err_errno(e, errno, "cannot read %s", path) : buf_status(b);
}

static const char *json_of(struct arena *a, const struct value *v, const char *otherwise)
{
    struct json_writer w;
    const char *text = NULL;
    struct buf b;

    if (v == NULL) {
        return otherwise;
    }
    buf_init(&b, LIMIT_MESSAGE);
    json_writer_init(&w, &b, 0);
    json_value(&w, v);
    if (buf_status(&b) == 0) {
        text = arena_strndup(a, buf_cstr(&b), b.len);
    }
    buf_fini(&b);
    return text;
}

static int read_start(struct tw_context *c, const char *path, struct err *e)
{
    struct value *start;
    struct buf b;
    int rc;

    buf_init(&b, LIMIT_MESSAGE);
    rc = read_all(path, &b, e);
    rc = rc == 0 ? value_parse(&c->arena, buf_cstr(&b), b.len, &start, e) : rc;
    buf_fini(&b);
    if (rc != 0) {
        return rc;
    }
    (void)unlink(path);
    c->start = start;
    c->args = json_of(&c->arena, value_get(value_get(start, "spec"), "args"), "null");
    c->params = json_of(&c->arena, value_get(start, "params"), "{}");
    c->xcoms = value_new(&c->arena, VALUE_ARRAY);
    return c->args == NULL || c->params == NULL || c->xcoms == NULL
               ? err_set(e, ERR_NOMEM, "out of memory for the task")
               : 0;
}

static const char *start_text(const struct tw_context *c, const char *name)
{
    const struct value *v = value_get(c->start, name);

    return v != NULL && v->kind == VALUE_STRING ? v->text : NULL;
}

static int start_int(const struct tw_context *c, const char *name, int otherwise)
{
    const struct value *v = value_get(c->start, name);
    int64_t n;

    return v != NULL && value_int(v, INT32_MIN, INT32_MAX, &n) == 0 ? (int)n : otherwise;
}

/* ---- the result ---- */

static int write_result(struct tw_context *c, const char *outcome, const char *error, struct err *e)
{
    const char *path = start_text(c, "result");
    char temporary[4200];
    struct json_writer w;
    struct buf b BUF_CLEANUP;
    int rc, fd;

    buf_init(&b, LIMIT_XCOM_BYTES);
    json_writer_init(&w, &b, 0);
    json_object(&w);
    json_key(&w, "v");
    json_int(&w, 1);
    json_key(&w, "outcome");
    json_string(&w, outcome);
    json_key(&w, "error");
    json_string(&w, error != NULL && error[0] != '\0' ? error : NULL);
    json_key(&w, "xcoms");
    json_value(&w, c->xcoms);
    json_object_end(&w);
    if (buf_status(&b) != 0 || path == NULL) {
        return err_set(e, ERR_LIMIT, "the XComs of the task are larger than %zu MiB",
                       LIMIT_XCOM_BYTES >> 20);
    }
    (void)snprintf(temporary, sizeof temporary, "%s.new", path);
    fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return err_errno(e, errno, "cannot write %s", temporary);
    }
    errno = ENOSPC; /* what a short write means */
    rc = write(fd, b.p, b.len) == (ssize_t)b.len
             ? 0
             : err_errno(e, errno, "cannot write %s", temporary);
    (void)close(fd);
    return rc == 0 && rename(temporary, path) != 0 ? err_errno(e, errno, "cannot write %s", path)
                                                   : rc;
}

_Noreturn static void run_task(const char *start)
{
    static const char *const words[] = {"success", "failed", "fail", "skipped"};
    const struct tw_function_entry *f;
    struct tw_context c = {0};
    struct err e = {0};
    int outcome, rc;

    arena_init(&c.arena, 4 * LIMIT_MESSAGE);
    rc = read_start(&c, start, &e);
    (void)unsetenv(START_ENV);
    if (rc != 0) {
        (void)fprintf(stderr, "tradewind: the task cannot start: %s\n", err_str(&e));
        exit(70);
    }
    f = value_get(value_get(c.start, "spec"), "function") != NULL
            ? api_function(value_get(value_get(c.start, "spec"), "function")->text)
            : NULL;
    if (f == NULL) {
        (void)write_result(&c, "fail",
                           "this program has no such function any more: the table given to tw_init "
                           "does not name it",
                           &e);
        exit(1);
    }
    outcome = f->function(&c);
    if (outcome < TW_SUCCESS || outcome > TW_SKIPPED) {
        outcome = TW_FAILED;
    }
    if (c.reason[0] == '\0' && outcome != TW_SUCCESS) {
        tw_reason(&c, "function %s returned %s", f->name,
                  outcome == TW_FAILED    ? "TW_FAILED"
                  : outcome == TW_SKIPPED ? "TW_SKIPPED"
                                          : "TW_FAILED_NO_RETRY");
    }
    rc = write_result(&c, words[outcome], c.reason, &e);
    if (rc != 0) {
        (void)fprintf(stderr, "tradewind: %s\n", err_str(&e));
        c.xcoms->len = 0;
        (void)write_result(&c, "fail", err_str(&e), NULL);
        outcome = TW_FAILED_NO_RETRY;
    }
    arena_fini(&c.arena);
    exit(outcome == TW_SUCCESS || outcome == TW_SKIPPED ? 0 : 1);
}

int tw_init_abi(int abi_version, const struct tw_function_entry *functions, tw_error **error)
{
    const char *start = getenv(START_ENV);
    struct err e = {0};

    if (abi_version != TW_ABI_VERSION) {
        return api_fail(
            error,
            err_set(&e, ERR_VERSION,
                    "this program was compiled for version %d of libtradewind's "
                    "interface; the library that is loaded has version %d: compile it again",
                    abi_version, TW_ABI_VERSION),
            &e);
    }
    table = functions;
    if (start != NULL) {
        run_task(start);
    }
    return TW_OK;
}

/* ---- what the function asks ---- */

const char *tw_context_dag_id(const tw_context *c)
{
    return start_text(c, "dag_id");
}

const char *tw_context_run_id(const tw_context *c)
{
    return start_text(c, "run_id");
}

const char *tw_context_task_id(const tw_context *c)
{
    return start_text(c, "task_id");
}

int tw_context_try_number(const tw_context *c)
{
    return start_int(c, "try_number", 1);
}

int tw_context_map_index(const tw_context *c)
{
    return start_int(c, "map_index", -1);
}

const char *tw_context_logical_date(const tw_context *c)
{
    return start_text(c, "logical_date");
}

const char *tw_context_args(const tw_context *c)
{
    return c->args;
}

const char *tw_context_params(const tw_context *c)
{
    return c->params;
}

void tw_log(tw_context *c, const char *format, ...)
{
    va_list ap;

    (void)c;
    va_start(ap, format);
    (void)vprintf(format, ap);
    va_end(ap);
    (void)putchar('\n');
    (void)fflush(stdout);
}

void tw_reason(tw_context *c, const char *format, ...)
{
    va_list ap;

    va_start(ap, format);
    (void)vsnprintf(c->reason, sizeof c->reason, format, ap);
    va_end(ap);
}

/* ---- XCom ---- */

int tw_xcom_push(tw_context *c, const char *key, const char *json, tw_error **error)
{
    struct value *v = NULL, *item;
    struct err e = {0};
    int rc = key == NULL || json == NULL || strlen(key) > LIMIT_ID_BYTES
                 ? err_set(&e, ERR_INVALID, "an XCom needs a key and JSON")
                 : value_parse(&c->arena, json, strlen(json), &v, &e);

    if (rc != 0) {
        return api_fail(error, rc, &e);
    }
    for (size_t i = 0; i < c->xcoms->len; i++) {
        if (strcmp(value_get(c->xcoms->elems[i], "key")->text, key) == 0) {
            c->xcoms->elems[i]->elems[1] = v;
            return TW_OK;
        }
    }
    item = value_new(&c->arena, VALUE_OBJECT);
    if (item == NULL ||
        value_set(&c->arena, item, "key", value_string(&c->arena, key, strlen(key))) != 0 ||
        value_set(&c->arena, item, "value", v) != 0 ||
        value_append(&c->arena, c->xcoms, item) != 0) {
        return api_fail(error, err_set(&e, ERR_NOMEM, "out of memory for an XCom"), &e);
    }
    return TW_OK;
}

int tw_return(tw_context *c, const char *json, tw_error **error)
{
    return tw_xcom_push(c, "return_value", json, error);
}

static int connect_to(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    char short_path[64];
    int dir = -1, fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), saved;
    const char *slash = strrchr(path, '/');

    if (fd < 0) {
        return -1;
    }
    if (strlen(path) < sizeof a.sun_path) {
        memcpy(a.sun_path, path, strlen(path) + 1);
    } else { /* longer than an address: by the folder's descriptor */
        char folder[4096];

        (void)snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
        dir = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
        (void)snprintf(short_path, sizeof short_path, "/proc/self/fd/%d%s", dir, slash);
        memcpy(a.sun_path, short_path, strlen(short_path) + 1);
    }
    if (connect(fd, (struct sockaddr *)&a, sizeof a) != 0) {
        saved = errno;
        (void)close(fd);
        fd = -1;
        errno = saved;
    }
    if (dir >= 0) {
        (void)close(dir);
    }
    return fd;
}

static int send_all(int fd, const char *p, size_t n)
{
    while (n != 0) {
        ssize_t k = send(fd, p, n, MSG_NOSIGNAL);

        if (k < 0 && errno != EINTR) {
            return -ERR_CLOSED;
        }
        p += k > 0 ? k : 0;
        n -= k > 0 ? (size_t)k : 0;
    }
    return 0;
}

/* One question and its answer in the arena. -ERR_CLOSED: the engine is away, or went. */
static int exchange(const char *path, const struct buf *question, struct arena *a,
                    const struct value **ret, struct err *e)
{
    struct wire_reader in;
    const char *body = NULL, *type;
    size_t n = 0;
    int rc, fd = connect_to(path);

    if (fd < 0) {
        return -ERR_CLOSED;
    }
    wire_reader_init(&in);
    rc = send_all(fd, question->p, question->len);
    while (rc == 0 && (rc = wire_reader_next(&in, &body, &n)) == 0) {
        ssize_t got = 0;
        char *p;

        rc = wire_reader_room(&in, 4096, &p, &n);
        if (rc == 0) {
            got = read(fd, p, n);
            rc = got > 0 || (got < 0 && errno == EINTR) ? 0 : -ERR_CLOSED;
        }
        wire_reader_filled(&in, got > 0 ? (size_t)got : 0);
    }
    rc = rc == 1 ? wire_parse(a, body, n, ret, &type, e) : rc;
    wire_reader_fini(&in);
    (void)close(fd);
    return rc;
}

static int question_of(struct tw_context *c, const char *task_id, const char *key, int64_t offset,
                       struct buf *b)
{
    struct json_writer w;
    size_t mark;
    int rc = wire_begin(b, &mark);

    json_writer_init(&w, b, 0);
    json_object(&w);
    json_key(&w, "v");
    json_int(&w, 1);
    json_key(&w, "type");
    json_string(&w, "xcom_list");
    json_key(&w, "id");
    json_int(&w, 1);
    json_key(&w, "attempt");
    json_string(&w, start_text(c, "attempt"));
    json_key(&w, "task_id");
    json_string(&w, task_id);
    json_key(&w, "key");
    json_string(&w, key);
    json_key(&w, "offset");
    json_int(&w, offset);
    json_object_end(&w);
    return rc == 0 ? wire_end(b, mark) : rc;
}

static int ask(struct tw_context *c, const struct buf *question, struct arena *a,
               const struct value **ret, struct err *e)
{
    struct timespec pause = {.tv_nsec = 20000000}, start, now;
    const char *path = start_text(c, "engine");
    int rc;

    (void)clock_gettime(CLOCK_BOOTTIME, &start);
    for (;;) {
        rc = exchange(path, question, a, ret, e);
        (void)clock_gettime(CLOCK_BOOTTIME, &now);
        if (rc != -ERR_CLOSED || now.tv_sec - start.tv_sec > ENGINE_AWAY_S) {
            return rc == -ERR_CLOSED ? err_set(e, ERR_CLOSED, "no engine answers at %s", path) : rc;
        }
        (void)nanosleep(&pause, NULL);
        if (pause.tv_sec == 0) {
            pause.tv_nsec *= 2;
            pause = pause.tv_nsec >= 1000000000L ? (struct timespec){.tv_sec = 1} : pause;
        }
    }
}

static bool is_true(const struct value *v)
{
    return v != NULL && v->kind == VALUE_BOOL && v->boolean;
}

/* The values of one page: their number in *ret_n; all of them so far in the list that w writes, or for a task that is not mapped the one in *out. */
static int take_page(const struct value *page, struct json_writer *w, struct buf *out,
                     int64_t *ret_n)
{
    const struct value *values = page != NULL ? value_get(page, "values") : NULL;

    if (values == NULL || values->kind != VALUE_ARRAY) {
        return -ERR_PROTOCOL;
    }
    for (size_t i = 0; i < values->len; i++) {
        const struct value *v = value_get(values->elems[i], "value");

        if (v == NULL) {
            return -ERR_PROTOCOL;
        }
        json_value(w, v);
    }
    *ret_n += (int64_t)values->len;
    return buf_status(out);
}

/* Asks for one page. The answer lives in the arena. */
static int ask_page(struct tw_context *c, const char *task_id, const char *key, int64_t offset,
                    struct arena *a, const struct value **ret, struct err *e)
{
    const struct value *answer = NULL, *why;
    struct buf b BUF_CLEANUP;
    int rc;

    buf_init(&b, LIMIT_MESSAGE);
    rc = question_of(c, task_id, key, offset, &b);
    rc = rc == 0 ? ask(c, &b, a, &answer, e) : rc;
    if (rc == 0 && !is_true(value_get(answer, "ok"))) {
        why = value_get(answer, "error");
        rc = err_set(e, ERR_FAILED, "%s", why != NULL && why->text != NULL ? why->text : "refused");
    }
    *ret = rc == 0 ? value_get(answer, "result") : NULL;
    return rc;
}

/* A task's value, or the list of those of a mapped task's instances, as JSON in *out; *ret_found: there is one. */
static int pull(struct tw_context *c, const char *task_id, const char *key, struct buf *out,
                bool *ret_found, struct err *e)
{
    struct json_writer w;
    int64_t n = 0;
    bool more = true, mapped = false;
    int rc = 0;

    json_writer_init(&w, out, 0);
    for (bool first = true; rc == 0 && more; first = false) {
        const struct value *page = NULL;
        struct arena a;

        arena_init(&a, 4 * LIMIT_MESSAGE);
        rc = ask_page(c, task_id, key, n, &a, &page, e);
        if (rc == 0 && first) {
            mapped = page != NULL && is_true(value_get(page, "mapped"));
            if (mapped) {
                json_array(&w);
            }
        }
        rc = rc == 0 ? take_page(page, &w, out, &n) : rc;
        more = rc == 0 && is_true(value_get(page, "more"));
        arena_fini(&a);
    }
    if (mapped) {
        json_array_end(&w);
    }
    *ret_found = n > 0 || mapped;
    rc = rc == 0 ? buf_status(out) : rc;
    if (rc == 0 || e->code != 0) {
        return rc;
    }
    return rc == -ERR_LIMIT
               ? err_set(e, ERR_LIMIT, "the XComs of task '%.80s' are more than %zu MiB", task_id,
                         LIMIT_XCOM_BYTES >> 20)
               : err_set(e, (enum err_code) - rc, "XComs of task '%.80s': %s", task_id,
                         err_text(rc));
}

int tw_xcom_get(tw_context *c, const char *task_id, const char *key, char **ret_json,
                tw_error **error)
{
    struct err e = {0};
    struct buf out BUF_CLEANUP;
    bool found = false;
    int rc;

    buf_init(&out, LIMIT_XCOM_BYTES);
    *ret_json = NULL;
    key = key != NULL ? key : "return_value";
    rc = pull(c, task_id, key, &out, &found, &e);
    if (rc == 0 && !found) {
        rc = err_set(&e, ERR_NOTFOUND, "task '%.80s' has no XCom '%.80s'", task_id, key);
    }
    if (rc == 0) {
        *ret_json = mem_strdup(buf_cstr(&out));
        rc = *ret_json != NULL ? 0 : err_set(&e, ERR_NOMEM, "out of memory for an XCom");
    }
    return rc == 0 ? TW_OK : api_fail(error, rc, &e);
}
