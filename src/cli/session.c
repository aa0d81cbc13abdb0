#include "cli/session.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/time.h"
#include "base/wire.h"
#include "bundle/folder.h"
#include "bundle/list.h"
#include "config/config.h"
#include "engine/engine.h"
#include "home/client.h"
#include "runtime/loop.h"
#include "store/lock.h"
#include "store/store.h"

#define REQUEST_TIMEOUT_US (60 * TIME_SECOND)

/* ---- places ---- */

static bool is_file(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

static bool is_folder(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Where our own parts are: beside the program in a build tree, below its prefix when installed. */
static int find_parts(struct session *s, struct err *e)
{
    static const char *const holders[] = {"/tradewind-holder", "/holder/tradewind-holder",
                                          "/../libexec/tradewind/tradewind-holder"};
    const char *override = getenv("TRADEWIND_PYTHON_PATH");
    char dir[2048], *slash;
    ssize_t n = readlink("/proc/self/exe", dir, sizeof dir - 1);
    bool found = false;

    if (n <= 0) {
        return err_errno(e, errno, "cannot tell where the program is");
    }
    dir[n] = '\0';
    slash = strrchr(dir, '/');
    *slash = '\0';
    for (size_t i = 0; !found && i < sizeof holders / sizeof holders[0]; i++) {
        (void)snprintf(s->holder, sizeof s->holder, "%s%s", dir, holders[i]);
        found = is_file(s->holder);
    }
    if (!found) {
        return err_set(e, ERR_NOTFOUND,
                       "tradewind-holder is not beside %s; the installation is incomplete", dir);
    }
    (void)snprintf(s->python_path, sizeof s->python_path, "%s/../lib/tradewind/python", dir);
    if (override != NULL) {
        (void)snprintf(s->python_path, sizeof s->python_path, "%s", override);
    } else if (!is_folder(s->python_path)) {
        (void)snprintf(s->python_path, sizeof s->python_path, "%s", TRADEWIND_SOURCE_PYTHON);
    }
    return 0;
}

static int find_python(struct session *s, const char *option, struct err *e)
{
    const char *venv = getenv("VIRTUAL_ENV");
    struct config *c = NULL;
    int n, rc = 0;

    if (s->home[0] != '\0' || home_resolve(NULL, s->home, sizeof s->home, NULL) == 0) {
        rc = config_open(s->home, &c, e);
        rc = rc == 0 ? config_export(c, e) : rc;
    }
    if (rc != 0) {
        config_close(c);
        return rc;
    }
    if (option == NULL && c != NULL && config_text(c, "worker.python")[0] != '\0') {
        option = config_text(c, "worker.python");
    }

    if (option != NULL) {
        n = snprintf(s->python, sizeof s->python, "%s", option);
    } else if (venv != NULL && venv[0] == '/') {
        n = snprintf(s->python, sizeof s->python, "%s/bin/python3", venv);
    } else {
        n = snprintf(s->python, sizeof s->python, "%s",
                     is_file("/usr/bin/python3") ? "/usr/bin/python3" : "python3");
    }
    config_close(c);
    return n >= (int)sizeof s->python ? err_set(e, ERR_LIMIT, "the path of Python is too long") : 0;
}

int session_find_parts(struct session *s, const char *python, struct err *e)
{
    int rc = find_parts(s, e);

    return rc == 0 ? find_python(s, python, e) : rc;
}

void session_remove(const char *path)
{
    if (home_remove(path) != 0) {
        (void)fprintf(stderr, "tradewind: %s could not be removed\n", path);
    }
}

/* ---- stores ---- */

static int store_path(const char *home, char *buf, size_t cap, struct err *e)
{
    return snprintf(buf, cap, "%s/%s", home, STORE_FILE) >= (int)cap
               ? err_set(e, ERR_LIMIT, "the path of the store is too long")
               : 0;
}

int store_open_for_reading(const char *home, struct store **ret, struct err *e)
{
    char path[4200];
    int rc = store_path(home, path, sizeof path, e);

    if (rc == 0 && !is_file(path)) {
        return err_set(e, ERR_NOTFOUND,
                       "nothing has run in %s yet; start with `tradewind run FILE`", home);
    }
    return rc == 0 ? store_sqlite_open(path, STORE_READ_ONLY, ret, e) : rc;
}

/* ---- the writing process ---- */

/* Files of the DAGs folder import from it: who imports them is told where it is. */
static int tell_folder(const struct session *s, const struct config *config, struct err *e)
{
    struct bundle_spec *list;
    struct arena a;
    size_t n = 0;
    char folder[4096];
    int rc = folder_resolve(s->home, folder, sizeof folder, e);

    if (rc == 0 && is_folder(folder) && setenv("TRADEWIND_DAGS", folder, 1) != 0) {
        rc = err_set(e, ERR_NOMEM, "out of memory for the environment");
    }
    arena_init(&a, MiB(16));
    rc = rc == 0 ? bundle_list_read(config, folder, NULL, &a, &list, &n, e) : rc;
    if (rc == 0 && (n != 1 || strcmp(list[0].name, BUNDLE_DEFAULT_NAME) != 0)) {
        rc = bundle_list_export(list, n, s->home, e);
    }
    arena_fini(&a);
    return rc;
}

static int open_parts(struct session *s, const struct session_options *o,
                      const struct config *config, struct err *e)
{
    struct home_config c = {
        .loop = s->loop,
        .store = s->store,
        .home = s->home,
        .holder = s->holder,
        .python = s->python,
        .python_path = s->python_path,
        .lookup_program = getenv("TRADEWIND_LOOKUP"),
        .task_env = o->task_env,
        .config = config,
        .slots = o->jobs,
        .gather_us = o->gather_us,
        .schedules = o->schedules,
        .alerts = o->schedules, /* a service tells; who runs something by hand looks at it */
    };

    s->ask = (struct ask_config){s->python, s->python_path};
    c.ask = &s->ask;
    return home_open(&c, &s->worker, &s->engine, e);
}

int session_open(struct session *s, struct loop *loop, const struct session_options *o,
                 const int64_t *run_keys, size_t n, int64_t *ret_pid, struct err *e)
{
    struct config *config = NULL;
    pid_t pid = 0;
    int rc;

    *s = (struct session){.loop = loop};
    (void)snprintf(s->home, sizeof s->home, "%s", o->home);
    rc = home_prepare(s->home, e);
    rc = rc == 0 ? config_open(s->home, &config, e) : rc;
    rc = rc == 0 ? home_set_defaults(config, e) : rc;
    if (rc == 0) {
        rc = lock_acquire(s->home, &s->lock, &pid, e);
        *ret_pid = pid;
    }
    rc = rc == 0 ? session_find_parts(s, o->python, e) : rc;
    rc = rc == 0 ? home_open_store(s->home, &s->store, e) : rc;
    rc = rc == 0 ? tell_folder(s, config, e) : rc;
    rc = rc == 0 ? open_parts(s, o, config, e) : rc;
    config_close(config);
    rc = rc == 0 ? engine_recover(s->engine, run_keys, n, home_load_dag, NULL, e) : rc;
    if (rc != 0) {
        session_close(s);
    }
    return rc;
}

void session_close(struct session *s)
{
    home_close(s->engine, s->worker, s->store, s->lock);
    mem_free(s->others);
    s->others = NULL;
    s->engine = NULL;
    s->worker = NULL;
    s->store = NULL;
    s->lock = NULL;
}

/* ---- the client's side ---- */

const char *session_actor(void)
{
    static char who[80];
    const struct passwd *p;

    if (who[0] == '\0') {
        p = getpwuid(getuid());
        if (p != NULL) {
            (void)snprintf(who, sizeof who, "cli:%s", p->pw_name);
        } else {
            (void)snprintf(who, sizeof who, "cli:%u", (unsigned)getuid());
        }
    }
    return who;
}

int engine_request(const char *home, const char *type, const char *members, char **ret,
                   struct err *e)
{
    return home_request(home, type, members, REQUEST_TIMEOUT_US, ret, NULL, e);
}

struct command {
    const char *home, *type, *members;
    int (*here)(struct engine *g, void *arg, struct err *e);
    void *arg;
    bool alive;
    int rc;
    struct err *e;
};

static int command_main(void *arg)
{
    struct command *c = arg;
    struct session_options o = {.home = c->home, .gather_us = -1};
    struct session s;
    char *answer = NULL;
    int64_t pid;

    c->rc = session_open(&s, loop_current(), &o, NULL, 0, &pid, c->e);
    c->alive = c->rc == -ERR_BUSY;
    if (c->alive) {
        *c->e = (struct err){0};
        c->rc = engine_request(c->home, c->type, c->members, &answer, c->e);
        mem_free(answer);
    } else if (c->rc == 0) {
        engine_interrupt(s.engine); /* nothing starts here */
        c->rc = c->here(s.engine, c->arg, c->e);
        session_close(&s);
    }
    return 0;
}

int session_command(const char *home, const char *type, struct buf *request,
                    int (*here)(struct engine *g, void *arg, struct err *e), void *arg,
                    bool *ret_alive, struct err *e)
{
    struct loop_config lc = {0};
    struct command c = {.home = home, .type = type, .here = here, .arg = arg, .e = e};
    struct loop *l;
    int rc;

    if (buf_status(request) != 0 || request->len < 2) {
        return err_set(e, ERR_LIMIT, "the command is too large");
    }
    request->p[request->len - 1] = '\0'; /* the members alone, without their braces */
    c.members = request->p + 1;
    rc = loop_uv_new(&lc, &l, e);
    if (rc == 0) {
        rc = loop_main(l, command_main, &c, e);
        loop_free(l);
    }
    if (ret_alive != NULL) {
        *ret_alive = c.alive;
    }
    return rc == 0 ? c.rc : rc;
}
