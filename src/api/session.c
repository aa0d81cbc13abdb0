/* A home opened for one run of a program: as the command line does it, but for one run alone, and in memory where that is wanted. */
#include <dlfcn.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/priv.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/time.h"
#include "dagfile/dagfile.h"
#include "engine/engine.h"
#include "model/dag.h"
#include "model/document.h"
#include "operators/operators.h"
#include "operators/plugins.h"
#include "runtime/loop.h"
#include "store/lock.h"
#include "store/store.h"
#include "worker/local.h"

#define GRACE_US    (10 * TIME_SECOND)
#define IDLE_EXIT_S 60
#define GATHER_US   8000

/* ---- places ---- */

static int make_folder(const char *path, struct err *e)
{
    char part[4096];

    if (snprintf(part, sizeof part, "%s", path) >= (int)sizeof part) {
        return err_set(e, ERR_LIMIT, "path too long: %s", path);
    }
    for (char *p = strchr(part + 1, '/'); p != NULL; p = strchr(p + 1, '/')) {
        *p = '\0';
        (void)mkdir(part, 0755);
        *p = '/';
    }
    return mkdir(part, 0700) != 0 && errno != EEXIST
               ? err_errno(e, errno, "cannot make the folder %s", part)
               : 0;
}

static int temporary_home(struct session *s, struct err *e)
{
    const char *tmp = getenv("TMPDIR");

    if (snprintf(s->home, sizeof s->home, "%s/tradewind-XXXXXX",
                 tmp != NULL && tmp[0] == '/' ? tmp : "/tmp") >= (int)sizeof s->home ||
        mkdtemp(s->home) == NULL) {
        return err_errno(e, errno, "cannot make a folder %s", s->home);
    }
    s->made = true;
    return 0;
}

static int named_home(struct session *s, const char *given, struct err *e)
{
    const char *home = given != NULL ? given : getenv("TRADEWIND_HOME");
    const char *user = getenv("HOME");
    char cwd[2048] = "";
    int n;

    if (home != NULL && home[0] != '\0') {
        if (home[0] != '/' && getcwd(cwd, sizeof cwd) == NULL) {
            return err_errno(e, errno, "cannot tell the current folder");
        }
        n = snprintf(s->home, sizeof s->home, "%s%s%s", cwd, cwd[0] != '\0' ? "/" : "", home);
    } else if (user != NULL && user[0] == '/') {
        n = snprintf(s->home, sizeof s->home, "%s/.tradewind", user);
    } else {
        return err_set(e, ERR_INVALID,
                       "HOME is not set; name a home folder, or set TRADEWIND_HOME");
    }
    return n >= (int)sizeof s->home - 64 ? err_set(e, ERR_LIMIT, "the home's path is too long") : 0;
}

static int open_home(struct session *s, const struct tw_runner *r, struct err *e)
{
    static const char *const subs[] = {"", "/holders", "/logs", "/results", "/xcom"};
    char path[4096 + 16];
    int rc = r->in_memory ? temporary_home(s, e) : named_home(s, r->home, e);

    for (size_t i = 0; rc == 0 && i < sizeof subs / sizeof subs[0]; i++) {
        (void)snprintf(path, sizeof path, "%s%s", s->home, subs[i]);
        rc = make_folder(path, e);
    }
    return rc;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    (void)remove(path);
    return 0;
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

    if (named_home(&s, r->home, NULL) == 0 && operators_wanted(s.home) &&
        find_parts(&s, ret_refused) == 0) {
        operators_discover(s.home, s.holder, refused, ret_refused);
    }
}

/* ---- parts ---- */

int api_load_dag(void *arg, const struct dag_source *src, struct dag **ret, struct err *e)
{
    struct value *document;
    struct arena a;
    struct doc_errors errors = {.arena = &a};
    int rc;

    (void)arg;
    arena_init(&a, LIMIT_DOC_BYTES * 8);
    rc = value_parse(&a, src->document, src->len, &document, e);
    if (rc == 0) {
        rc = dagfile_build(document, src->file, operators_table_stored(&a, document), ret, &errors,
                           e);
        if (rc == -ERR_INVALID && errors.len != 0) {
            rc = err_set(e, ERR_VERSION,
                         "the stored version of the DAG cannot be read by this program: %s",
                         errors.items[0].text);
        }
    }
    arena_fini(&a);
    return rc;
}

static int open_store(struct session *s, struct err *e)
{
    char path[4200];
    int rc;

    if (s->in_memory) {
        return store_mem_open(&s->store, e);
    }
    (void)snprintf(path, sizeof path, "%s/tradewind.db", s->home);
    rc = store_sqlite_open(path, 0, &s->store, e);
    return rc != 0 ? err_prefix(e, rc, "%s", path) : 0;
}

static int open_worker(struct session *s, struct err *e)
{
    struct local_worker_config c = {
        .loop = s->loop,
        .home = s->home,
        .holder_program = s->holder,
        .python = s->python,
        .python_path = s->python_path,
        .slots = s->jobs,
        .grace_us = GRACE_US,
        .idle_exit_s = s->in_memory ? 1 : IDLE_EXIT_S,
        .worker_id = 1,
    };

    return local_worker_new(&c, &s->worker, e);
}

static int open_engine(struct session *s, struct err *e)
{
    char owner[320] = "";
    struct engine_config c = {
        .loop = s->loop,
        .store = s->store,
        .worker = s->worker,
        .home = s->home,
        .owner = owner,
        .parallelism = s->jobs,
        .gather_us = s->in_memory ? 0 : GATHER_US,
    };
    size_t n;

    (void)gethostname(owner, 256);
    owner[255] = '\0';
    n = strlen(owner);
    (void)snprintf(owner + n, sizeof owner - n, ":%d", (int)getpid());
    if (getrandom(&c.seed, sizeof c.seed, 0) != sizeof c.seed) {
        return err_errno(e, errno, "cannot get random bytes");
    }
    return engine_open(&c, &s->engine, e);
}

static int serve(struct session *s, struct err *e)
{
    char path[4200];

    (void)snprintf(path, sizeof path, "%s/engine.sock", s->home);
    return engine_serve(s->engine, path, NULL, NULL, e);
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

    *s = (struct session){.loop = loop_current(),
                          .in_memory = r->in_memory,
                          .jobs = r->jobs > 0 ? r->jobs : DEFAULT_PARALLELISM};
    rc = open_home(s, r, e);
    rc = rc == 0 ? take_lock(s, e) : rc;
    rc = rc == 0 ? find_parts(s, e) : rc;
    rc = rc == 0 ? open_store(s, e) : rc;
    rc = rc == 0 && find_run != NULL ? find_run(arg, s->store, &key, e) : rc;
    rc = rc == 0 ? open_worker(s, e) : rc;
    rc = rc == 0 ? open_engine(s, e) : rc;
    rc = rc == 0 ? engine_recover(s->engine, &key, key != 0 ? 1 : 0, api_load_dag, NULL, e) : rc;
    rc = rc == 0 ? serve(s, e) : rc;
    if (rc != 0) {
        api_session_close(s);
    }
    return rc;
}

void api_session_close(struct session *s)
{
    engine_close(s->engine);
    if (s->worker != NULL) {
        s->worker->ops->close(s->worker);
    }
    store_close(s->store);
    lock_release(s->lock);
    if (s->made) {
        (void)nftw(s->home, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    }
}
