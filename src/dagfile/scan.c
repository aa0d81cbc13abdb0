#include "dagfile/scan.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "runtime/loop.h"

#define LINE_MAX_BYTES (LIMIT_DOC_BYTES * 4)

/* Our environment, with the package on the path of Python and the folder's name. */
static char **make_environment(const struct scan_config *c, char **ret_path, char **ret_dags)
{
    const char *old = getenv("PYTHONPATH");
    size_t n = 0, len = 0, room;
    char **env;

    while (environ[n] != NULL) {
        n++;
    }
    env = mem_array(n + 3, sizeof *env);
    room = strlen(c->python_path) + (old != NULL ? strlen(old) : 0) + sizeof "PYTHONPATH=:";
    *ret_path = mem_alloc(room);
    *ret_dags = mem_alloc(strlen(c->folder) + sizeof "TRADEWIND_DAGS=");
    if (env == NULL || *ret_path == NULL || *ret_dags == NULL) {
        mem_free(env);
        return NULL;
    }
    (void)snprintf(*ret_path, room, "PYTHONPATH=%s%s%s", c->python_path,
                   old != NULL && old[0] != '\0' ? ":" : "", old != NULL ? old : "");
    (void)snprintf(*ret_dags, strlen(c->folder) + sizeof "TRADEWIND_DAGS=", "TRADEWIND_DAGS=%s",
                   c->folder);
    for (size_t i = 0; i < n; i++) {
        if (strncmp(environ[i], "PYTHONPATH=", 11) != 0 &&
            strncmp(environ[i], "TRADEWIND_DAGS=", 15) != 0) {
            env[len++] = environ[i];
        }
    }
    env[len++] = *ret_path;
    env[len++] = *ret_dags;
    env[len] = NULL;
    return env;
}

static int start(const struct scan_config *c, int out, struct child **ret, struct err *e)
{
    char memory[24];
    const char *argv[10] = {c->python, "-m", "tradewind.dagfolder", c->folder, "--cache", c->cache};
    int n = 6;
    struct child_spec spec = {
        .argv = argv, .stdio = {-1, out, STDERR_FILENO}, .extra_fd = -1, .new_session = false};
    char *path = NULL, *dags = NULL;
    char **env = make_environment(c, &path, &dags);
    int rc = env == NULL ? err_set(e, ERR_NOMEM, "out of memory for the environment") : 0;

    if (c->has_memory) {
        (void)snprintf(memory, sizeof memory, "%lld", (long long)c->memory_bytes);
        argv[n++] = "--memory";
        argv[n++] = memory;
    }
    argv[n] = c->stream ? "--stream" : NULL;
    spec.env = (const char *const *)env;
    rc = rc == 0 ? child_spawn(loop_current(), &spec, ret, e) : rc;
    mem_free(env);
    mem_free(path);
    mem_free(dags);
    return rc;
}

/* Hands on the lines that are whole, and keeps the rest. */
static int give_lines(struct buf *b, int (*each)(void *arg, const char *line, size_t n), void *arg)
{
    size_t at = 0;
    int rc = 0;

    while (rc == 0 && at < b->len) {
        const char *end = memchr(b->p + at, '\n', b->len - at);

        if (end == NULL) {
            break;
        }
        rc = each(arg, b->p + at, (size_t)(end - (b->p + at)));
        at = (size_t)(end - b->p) + 1;
    }
    memmove(b->p, b->p + at, b->len - at);
    b->len -= at;
    return rc;
}

static int read_lines(int fd, int (*each)(void *arg, const char *line, size_t n), void *arg,
                      struct err *e)
{
    struct buf b BUF_CLEANUP;
    char *part = mem_alloc(KiB(64));
    size_t n = 1;
    int rc = part == NULL ? err_set(e, ERR_NOMEM, "out of memory for the DAGs of a folder") : 0;

    buf_init(&b, LINE_MAX_BYTES);
    while (rc == 0) {
        rc = co_read(fd, part, KiB(64), &n);
        if (rc != 0 || n == 0) {
            break;
        }
        (void)buf_append(&b, part, n);
        rc = buf_status(&b) == 0
                 ? give_lines(&b, each, arg)
                 : err_set(e, ERR_LIMIT, "the DAGs of one file are larger than %zu MiB",
                           LINE_MAX_BYTES >> 20);
    }
    mem_free(part);
    return rc;
}

/* It ends by itself when it has written all, and is ended when nobody reads any more. */
static int finish(struct child *child, const struct scan_config *c, int rc, struct err *e)
{
    struct co_shield s;
    int code = 0, sig = 0;

    if (rc != 0) {
        (void)kill(child_pid(child), SIGTERM);
    }
    co_shield_begin(&s, INT64_MAX / 4);
    (void)child_wait(child, &code, &sig);
    co_shield_end(&s);
    child_release(child); /* with its descriptor */
    return rc == 0 && code != 0
               ? err_set(e, ERR_FAILED, "%s could not read the folder %s (%s %d)", c->python,
                         c->folder, sig != 0 ? "signal" : "exit code", sig != 0 ? sig : code)
               : rc;
}

int scan_folder(const struct scan_config *c, int (*each)(void *arg, const char *line, size_t n),
                void *arg, struct err *e)
{
    struct child *child;
    struct stat st;
    int fd[2], rc;

    if (stat(c->folder, &st) != 0 || !S_ISDIR(st.st_mode)) {
        return err_set(e, ERR_NOTFOUND, "%s: no such folder", c->folder);
    }
    if (pipe2(fd, O_CLOEXEC) != 0 || fcntl(fd[0], F_SETFL, O_NONBLOCK) != 0) {
        return err_errno(e, errno, "cannot make a pipe");
    }
    rc = start(c, fd[1], &child, e);
    (void)close(fd[1]);
    if (rc == 0) {
        rc = finish(child, c, read_lines(fd[0], each, arg, e), e);
    }
    (void)close(fd[0]);
    return rc;
}
