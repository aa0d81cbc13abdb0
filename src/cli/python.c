#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "cli/command.h"
#include "cli/load.h"
#include "cli/session.h"

#define WORDS_MAX 32

static int start(char *const *argv, int *ret_code, struct err *e)
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        (void)execvp(argv[0], argv);
        _exit(127);
    }
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (pid < 0 || !WIFEXITED(status) || WEXITSTATUS(status) == 127) {
        return err_set(e, ERR_IO, "cannot run %s", argv[0]);
    }
    *ret_code = WEXITSTATUS(status);
    return 0;
}

int cli_python(struct cli *cli, const char *module, const char *const *words, size_t n,
               int *ret_code, struct err *e)
{
    struct session paths = {0};
    const char *argv[WORDS_MAX + 4] = {paths.python, "-m", module}, *before = getenv("PYTHONPATH");
    char home[4096], path[8192];
    int rc = n <= WORDS_MAX ? 0 : err_set(e, ERR_LIMIT, "more than %d words", WORDS_MAX);

    rc = rc == 0 ? home_resolve(cli_opt(cli, "home"), home, sizeof home, e) : rc;
    if (rc == 0) {
        (void)snprintf(paths.home, sizeof paths.home, "%s", home);
    }
    rc = rc == 0 ? session_find_parts(&paths, cli_opt(cli, "python"), e) : rc;
    if (rc != 0) {
        return rc;
    }
    for (size_t i = 0; i < n; i++) {
        argv[3 + i] = words[i];
    }
    (void)snprintf(path, sizeof path, "%s%s%s", paths.python_path, before != NULL ? ":" : "",
                   before != NULL ? before : "");
    if (setenv("TRADEWIND_HOME", home, 1) != 0 || setenv("PYTHONPATH", path, 1) != 0) {
        return err_set(e, ERR_NOMEM, "out of memory for the environment");
    }
    (void)fflush(stdout);
    return start((char *const *)argv, ret_code, e);
}
