#include "dagfile/ask.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/time.h"
#include "runtime/loop.h"

struct asking {
    const struct ask_config *config;
    const char *question;
    size_t n;
    int to[2], from[2]; /* pipes; -1: closed */
    struct child *child;
    struct buf answer;
    struct err *e;
};

static int limit_s(const struct ask_config *c)
{
    return c->timeout_s != 0 ? c->timeout_s : LIMIT_ANSWER_S;
}

static const char *what_of(const struct ask_config *c)
{
    return c->what != NULL ? c->what : "Python";
}

static size_t max_of(const struct ask_config *c)
{
    return c->answer_max != 0 ? c->answer_max : LIMIT_ANSWER_BYTES;
}

static void close_one(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
        *fd = -1;
    }
}

/* Ours, with the package on the path of Python. */
static char **environment(const struct ask_config *c, char **ret_path)
{
    const char *old = getenv("PYTHONPATH");
    size_t n = 0, len = 0, room = strlen(c->python_path) + sizeof "PYTHONPATH=:";
    char **env;

    while (environ[n] != NULL) {
        n++;
    }
    room += old != NULL ? strlen(old) : 0;
    env = mem_array(n + 2, sizeof *env);
    *ret_path = mem_alloc(room);
    if (env == NULL || *ret_path == NULL) {
        mem_free(env);
        return NULL;
    }
    (void)snprintf(*ret_path, room, "PYTHONPATH=%s%s%s", c->python_path,
                   old != NULL && old[0] != '\0' ? ":" : "", old != NULL ? old : "");
    for (size_t i = 0; i < n; i++) {
        if (strncmp(environ[i], "PYTHONPATH=", 11) != 0) {
            env[len++] = environ[i];
        }
    }
    env[len] = *ret_path;
    return env;
}

static int start(struct asking *x)
{
    const char *module = x->config->module;
    const char *argv[] = {x->config->python, "-m",
                          module != NULL ? module : "tradewind.timetable_answers", x->config->word,
                          NULL};
    struct child_spec spec = {.argv = argv,
                              .stdio = {x->to[0], x->from[1], STDERR_FILENO},
                              .extra_fd = -1,
                              .new_session = true}; /* a group that can be killed as a whole */
    char *path = NULL;
    char **env = environment(x->config, &path);
    int rc = env == NULL ? err_set(x->e, ERR_NOMEM, "out of memory for the environment") : 0;

    spec.env = (const char *const *)env;
    rc = rc == 0 ? child_spawn(loop_current(), &spec, &x->child, x->e) : rc;
    mem_free(env);
    mem_free(path);
    return rc;
}

static int talk(struct asking *x)
{
    char part[4096];
    size_t n = 1;
    int rc = co_write_all(x->to[1], x->question, x->n);

    rc = rc == 0 ? co_write_all(x->to[1], "\n", 1) : rc;
    close_one(&x->to[1]);
    rc = rc == -ERR_CLOSED ? 0 : rc; /* it needed no question, or has ended: its answer says so */
    while (rc == 0 && n != 0) {
        rc = co_read(x->from[0], part, sizeof part, &n);
        if (rc == 0 && buf_append(&x->answer, part, n) != 0) {
            rc = -ERR_LIMIT;
        }
    }
    return rc;
}

/* It ends by itself, or is killed with all that it started. */
static int finish(struct asking *x, int rc)
{
    struct co_shield s;
    int code = 0, sig = 0;

    if (rc != 0) {
        (void)kill(-child_pid(x->child), SIGKILL);
    }
    co_shield_begin(&s, INT64_MAX / 4);
    (void)child_wait(x->child, &code, &sig);
    co_shield_end(&s);
    child_release(x->child);
    if (rc == -ERR_TIMEOUT) {
        return err_set(x->e, ERR_TIMEOUT, "%s gave no answer within %d s", what_of(x->config),
                       limit_s(x->config));
    }
    if (rc == -ERR_LIMIT) {
        return err_set(x->e, ERR_LIMIT, "the answer of %s is larger than %zu KiB",
                       what_of(x->config), max_of(x->config) >> 10);
    }
    if (rc == -ERR_CANCELED) {
        return rc;
    }
    if (x->answer.len < 2 || x->answer.p[x->answer.len - 1] != '\n') {
        return err_set(x->e, ERR_FAILED, "%s gave no answer (%s %d)", x->config->python,
                       sig != 0 ? "signal" : "exit code", sig != 0 ? sig : code);
    }
    return 0;
}

static int ask(struct asking *x)
{
    struct co_deadline d;
    int rc;

    if (pipe2(x->to, O_CLOEXEC) != 0 || pipe2(x->from, O_CLOEXEC) != 0 ||
        fcntl(x->to[1], F_SETFL, O_NONBLOCK) != 0 || fcntl(x->from[0], F_SETFL, O_NONBLOCK) != 0) {
        return err_errno(x->e, errno, "cannot make a pipe");
    }
    rc = start(x);
    close_one(&x->to[0]);
    close_one(&x->from[1]);
    if (rc != 0) {
        return rc;
    }
    co_deadline_begin(&d, limit_s(x->config) * TIME_SECOND);
    rc = talk(x);
    co_deadline_end(&d);
    return finish(x, rc);
}

int ask_python(const struct ask_config *c, const char *question, size_t n, struct arena *a,
               const char **ret, size_t *ret_len, struct err *e)
{
    struct asking x = {
        .config = c, .question = question, .n = n, .to = {-1, -1}, .from = {-1, -1}, .e = e};
    int rc;

    buf_init(&x.answer, max_of(c));
    rc = ask(&x);
    if (rc == 0) {
        *ret = arena_strndup(a, buf_cstr(&x.answer), x.answer.len - 1);
        *ret_len = x.answer.len - 1;
        rc = *ret != NULL ? 0 : err_set(e, ERR_NOMEM, "out of memory for an answer");
    }
    for (int i = 0; i < 2; i++) {
        close_one(&x.to[i]);
        close_one(&x.from[i]);
    }
    buf_fini(&x.answer);
    return rc;
}
