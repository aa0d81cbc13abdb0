/* dags convert: Python to YAML, YAML to Python. The Python package does it; YAML is read here, with all that is wrong with it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/defined.h"
#include "cli/session.h"
#include "dagfile/dagfile.h"
#include "model/dag.h"

#define WORDS_MAX 16

/* {"document": the document, "lines": {task id: its line}}. */
static int with_lines(const struct dag *d, struct buf *out)
{
    struct json_writer w;
    int rc;

    (void)buf_str(out, "{\"document\":");
    rc = dagfile_document(d, out);
    (void)buf_str(out, ",\"lines\":");
    json_writer_init(&w, out, 0);
    json_object(&w);
    for (uint32_t t = 0; t < d->tasks_len; t++) {
        json_key(&w, d->tasks[t].task_id);
        json_int(&w, d->tasks[t].line);
    }
    json_object_end(&w);
    (void)buf_str(out, "}");
    return rc != 0 ? rc : buf_status(out);
}

static int put_document(const char *file, const char *dag_id, const struct session *paths, int fd,
                        struct err *e)
{
    struct dag **dags = NULL, *d = NULL;
    struct buf b BUF_CLEANUP;
    size_t n = 0, done = 0;
    struct load_env env = session_load_env(paths, NULL);
    int rc = load_file(file, NULL, &env, &(struct findings){.text = stderr}, &dags, &n, e);

    buf_init(&b, 2 * LIMIT_DOC_BYTES);
    rc = rc == 0 ? load_choose(dags, n, dag_id, file, &d, e) : rc;
    rc = rc == 0 ? with_lines(d, &b) : rc;
    while (rc == 0 && done < b.len) {
        ssize_t k = write(fd, buf_cstr(&b) + done, b.len - done);

        if (k < 0 && errno != EINTR) {
            rc = err_errno(e, errno, "cannot write the document");
        }
        done += k > 0 ? (size_t)k : 0;
    }
    load_free(dags, n);
    return rc;
}

/* Runs the converter to its end; its exit code. */
static int convert(const struct session *paths, const char *const *words, struct err *e)
{
    const char *old = getenv("PYTHONPATH");
    char path[8300];
    int status = 0;
    pid_t pid;

    (void)snprintf(path, sizeof path, "%s%s%s", paths->python_path, old != NULL ? ":" : "",
                   old != NULL ? old : "");
    pid = fork();
    if (pid == 0) {
        (void)setenv("PYTHONPATH", path, 1);
        (void)execvp(paths->python, (char *const *)(uintptr_t)words);
        _exit(127);
    }
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (pid < 0 || !WIFEXITED(status) || WEXITSTATUS(status) == 127) {
        return cli_fail(err_set(e, ERR_FAILED, "%s could not convert the file", paths->python), e);
    }
    return WEXITSTATUS(status);
}

/* What is to be converted: *ret_dag NULL is the only DAG of the file. */
static int choose_file(struct cli *cli, char *file, size_t cap, const char **ret_dag, struct err *e)
{
    char home[4096];
    int rc = home_resolve(cli_opt(cli, "home"), home, sizeof home, e);

    rc = rc == 0 ? cli_defined_file(cli, cli_arg(cli, "FILE"), home, file, cap, ret_dag, e) : rc;
    *ret_dag = rc == 0 && *ret_dag == NULL ? cli_opt(cli, "dag") : *ret_dag;
    return rc;
}

int cmd_dags_convert(struct cli *cli)
{
    const char *output = cli_opt(cli, "output"), *dag_id = NULL;
    const char *words[WORDS_MAX] = {NULL, "-m", "tradewind.convert"};
    char document[] = "/tmp/tradewind-convert-XXXXXX", file[4096] = "";
    struct session paths = {0};
    struct err e = {0};
    size_t n = 3, len;
    bool python;
    int rc = session_find_parts(&paths, cli_opt(cli, "python"), &e), fd = -1, code;

    rc = rc == 0 ? choose_file(cli, file, sizeof file, &dag_id, &e) : rc;
    len = strlen(file);
    python = len > 3 && strcmp(file + len - 3, ".py") == 0;
    if (rc == 0 && python && access(file, R_OK) != 0) {
        rc = err_set(&e, ERR_NOTFOUND, "%s: no such file", file);
    }
    words[0] = paths.python;
    if (rc == 0 && python) {
        words[n++] = file;
        if (dag_id != NULL) {
            words[n++] = "--dag";
            words[n++] = dag_id;
        }
    } else if (rc == 0) {
        fd = mkstemp(document);
        rc = fd < 0 ? err_errno(&e, errno, "cannot make %s", document)
                    : put_document(file, dag_id, &paths, fd, &e);
        words[n++] = "--document";
        words[n++] = document;
        words[n++] = "--name";
        words[n++] = file;
    }
    if (output != NULL) {
        words[n++] = "-o";
        words[n++] = output;
    }
    if (cli_flag(cli, "partial")) {
        words[n++] = "--partial";
    }
    code = rc == 0 ? convert(&paths, words, &e) : cli_fail(rc, &e);
    if (fd >= 0) {
        (void)close(fd);
        (void)unlink(document);
    }
    return code;
}
