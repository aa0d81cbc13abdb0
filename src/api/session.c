/* A home opened for one run of a program: as the command line does it, but for one run alone, and in memory where that is wanted. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "api/priv.h"
#include "base/limits.h"
#include "config/config.h"
#include "engine/engine.h"
#include "home/home.h"
#include "operators/plugins.h"
#include "runtime/loop.h"
#include "store/lock.h"
#include "store/store.h"

static int named_home(struct session *s, const char *given, struct err *e)
{
    int rc = home_resolve(given, s->home, sizeof s->home, e);

    if (rc == -ERR_USAGE && e != NULL) {
        e->code = -ERR_INVALID; /* a wrong call, not a wrong command line */
    }
    return rc == -ERR_USAGE ? -ERR_INVALID : rc;
}

static int open_home(struct session *s, const struct tw_runner *r, struct err *e)
{
    int rc = r->in_memory ? home_temporary(s->home, sizeof s->home, e) : named_home(s, r->home, e);

    s->made = rc == 0 && r->in_memory;
    return rc == 0 ? home_prepare(s->home, e) : rc;
}

/* The first of the candidates that is there, below the folder that this library (or the program that contains it) is in. */
static bool find_part(const char *const *candidates, size_t n, char *ret, size_t cap)
{
    char dir[4096];
    Dl_info info;
    char *slash;

    if (dladdr((void *)(uintptr_t)tw_version, &info) == 0 || info.dli_fname == NULL ||
        realpath(info.dli_fname, dir) == NULL) {
        dir[0] = '\0';
    }
    slash = strrchr(dir, '/');
    if (slash != NULL) {
        *slash = '\0';
    }
    for (size_t i = 0; i < n; i++) {
        struct stat st;

        if (snprintf(ret, cap, "%s%s", candidates[i][0] == '.' ? dir : "",
                     candidates[i] + (candidates[i][0] == '.')) < (int)cap &&
            stat(ret, &st) == 0) {
            return true;
        }
    }
    return false;
}

static int find_parts(struct session *s, struct err *e)
{
    const char *named = getenv("TRADEWIND_HOLDER"), *python = getenv("TRADEWIND_PYTHON_PATH");
    const char *venv = getenv("VIRTUAL_ENV");
    static const char *const holders[] = {
        "./../libexec/tradewind/tradewind-holder", "./../../libexec/tradewind/tradewind-holder",
        "./../holder/tradewind-holder", TRADEWIND_LIBEXEC "/tradewind-holder"};
    static const char *const pythons[] = {"./tradewind/python", "./../tradewind/python",
                                          "./../lib/tradewind/python", TRADEWIND_SOURCE_PYTHON};

    if (named != NULL) {
        (void)snprintf(s->holder, sizeof s->holder, "%s", named);
    } else if (!find_part(holders, sizeof holders / sizeof holders[0], s->holder,
                          sizeof s->holder)) {
        return err_set(e, ERR_NOTFOUND,
                       "tradewind-holder is not found beside libtradewind nor in %s; set "
                       "TRADEWIND_HOLDER to its path",
                       TRADEWIND_LIBEXEC);
    }
    if (python != NULL) {
        (void)snprintf(s->python_path, sizeof s->python_path, "%s", python);
    } else if (!find_part(pythons, sizeof pythons / sizeof pythons[0], s->python_path,
                          sizeof s->python_path)) {
        s->python_path[0] = '\0'; /* Python tasks say so */
    }
    (void)snprintf(s->python, sizeof s->python, "%s%s", venv != NULL && venv[0] == '/' ? venv : "",
                   venv != NULL && venv[0] == '/' ? "/bin/python3" : "python3");
    return 0;
}

/* ---- plug-ins ---- */

static void refused(void *arg, const char *path, const char *text)
{
    (void)err_set(arg, ERR_INVALID, "operator plug-in %s: %s", path, text);
}

void api_discover(const struct tw_runner *r, struct err *ret_refused)
{
    struct session s = {.loop = NULL};
    struct config *config = NULL;
    bool has_home = named_home(&s, r->home, NULL) == 0;

    if (has_home && config_open(s.home, &config, NULL) == 0) { /* an error is told by who runs */
        (void)home_set_defaults(config, NULL);
    }
    config_close(config);
    if (has_home && operators_wanted(s.home) && find_parts(&s, ret_refused) == 0) {
        operators_discover(s.home, s.holder, refused, ret_refused);
    }
}

/* ---- parts ---- */

static int open_parts(struct session *s, struct err *e)
{
    struct config *config;
    int rc = config_open(s->home, &config, e);

    struct home_config c = {
        .loop = s->loop,
        .store = s->store,
        .home = s->home,
        .holder = s->holder,
        .python = s->python,
        .python_path = s->python_path,
        .config = config,
        .slots = s->jobs,
        .idle_exit_s = s->in_memory ? 1 : 0,
        .gather_us = s->in_memory ? 0 : -1,
    };

    s->ask = (struct ask_config){.python = s->python, .python_path = s->python_path};
    c.ask = &s->ask;
    rc = rc == 0 ? home_set_defaults(config, e) : rc;
    rc = rc != 0 ? rc : home_open(&c, &s->worker, &s->engine, e);
    config_close(config);
    return rc;
}

static int take_lock(struct session *s, struct err *e)
{
    pid_t pid = 0;
    int rc = lock_acquire(s->home, &s->lock, &pid, e);

    return rc == -ERR_BUSY
               ? err_set(e, ERR_BUSY, "process %d works in %s already", (int)pid, s->home)
               : rc;
}

int api_session_open(struct session *s, const struct tw_runner *r,
                     int (*find_run)(void *arg, struct store *st, int64_t *ret_key, struct err *e),
                     void *arg, struct err *e)
{
    int64_t key = 0;
    int rc;

    *s = (struct session){.loop = loop_current(), .in_memory = r->in_memory, .jobs = r->jobs};
    rc = open_home(s, r, e);
    rc = rc == 0 ? take_lock(s, e) : rc;
    rc = rc == 0 ? find_parts(s, e) : rc;
    if (rc == 0) {
        rc = s->in_memory ? store_mem_open(&s->store, e) : home_open_store(s->home, &s->store, e);
    }
    rc = rc == 0 && find_run != NULL ? find_run(arg, s->store, &key, e) : rc;
    rc = rc == 0 ? open_parts(s, e) : rc;
    rc = rc == 0 ? engine_recover(s->engine, &key, key != 0 ? 1 : 0, home_load_dag, NULL, e) : rc;
    rc = rc == 0 ? home_serve(s->engine, s->home, NULL, NULL, e) : rc;
    if (rc != 0) {
        api_session_close(s);
    }
    return rc;
}

void api_session_close(struct session *s)
{
    home_close(s->engine, s->worker, s->store, s->lock);
    if (s->made) {
        (void)home_remove(s->home);
    }
}
