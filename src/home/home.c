#include "home/home.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/time.h"
#include "config/config.h"
#include "dagfile/ask.h"
#include "dagfile/dagfile.h"
#include "engine/engine.h"
#include "model/dag.h"
#include "model/document.h"
#include "operators/operators.h"
#include "store/lock.h"
#include "store/store.h"
#include "worker/local.h"

#define GATHER_US 8000

/* ---- folders ---- */

int home_resolve(const char *given, char *buf, size_t cap, struct err *e)
{
    const char *home = given != NULL ? given : getenv("TRADEWIND_HOME");
    const char *user = getenv("HOME");
    char cwd[4096] = "";
    int n;

    if (home != NULL && home[0] != '\0') {
        if (home[0] != '/' && getcwd(cwd, sizeof cwd) == NULL) {
            return err_errno(e, errno, "cannot tell the current folder");
        }
        n = snprintf(buf, cap, "%s%s%s", cwd, cwd[0] != '\0' ? "/" : "", home);
    } else if (user != NULL && user[0] == '/') {
        n = snprintf(buf, cap, "%s/.tradewind", user);
    } else {
        return err_set(e, ERR_USAGE, "HOME is not set; name a home folder, or set TRADEWIND_HOME");
    }
    return n >= (int)cap - 64 ? err_set(e, ERR_LIMIT, "the path of TRADEWIND_HOME is too long") : 0;
}

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

int home_prepare(const char *home, struct err *e)
{
    static const char *const subs[] = {"", "/holders", "/logs", "/results", "/xcom"};
    char path[4096 + 16];
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < sizeof subs / sizeof subs[0]; i++) {
        (void)snprintf(path, sizeof path, "%s%s", home, subs[i]);
        rc = make_folder(path, e);
    }
    return rc;
}

int home_temporary(char *buf, size_t cap, struct err *e)
{
    const char *tmp = getenv("TMPDIR");

    if (snprintf(buf, cap, "%s/tradewind-XXXXXX", tmp != NULL && tmp[0] == '/' ? tmp : "/tmp") >=
            (int)cap ||
        mkdtemp(buf) == NULL) {
        return err_errno(e, errno, "cannot make a folder %s", buf);
    }
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    (void)remove(path); /* what is left keeps its folder: that is seen */
    return 0;
}

int home_remove(const char *path)
{
    return nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0 || access(path, F_OK) == 0
               ? -ERR_IO
               : 0;
}

/* ---- the store ---- */

int home_open_store(const char *home, struct store **ret, struct err *e)
{
    char path[4200];
    int rc;

    (void)snprintf(path, sizeof path, "%s/%s", home, STORE_FILE);
    rc = store_sqlite_open(path, 0, ret, e);
    return rc != 0 ? err_prefix(e, rc, "%s", path) : 0;
}

int home_load_dag(void *arg, const struct dag_source *src, struct dag **ret, struct err *e)
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

int home_load_version(struct store *s, int64_t version_key, struct dag **ret, struct err *e)
{
    struct dag_source src = {.version_key = version_key};
    struct version_row row;
    struct arena a;
    int rc;

    arena_init(&a, LIMIT_DOC_BYTES * 2);
    rc = s->ops->get_version(s, version_key, &a, &row, e);
    if (rc == 0) {
        src.dag_key = row.dag_key;
        src.document = row.document;
        src.len = row.document_len;
        src.file = row.file;
        rc = home_load_dag(NULL, &src, ret, e);
    }
    if (rc == 0 && row.bundle_version != NULL) {
        (*ret)->bundle = arena_strdup(&(*ret)->arena, row.bundle);
        (*ret)->bundle_version = arena_strdup(&(*ret)->arena, row.bundle_version);
    }
    arena_fini(&a);
    return rc;
}

/* ---- the process that writes ---- */

static int open_worker(const struct home_config *c, int slots, struct worker **ret, struct err *e)
{
    struct local_worker_config w = {
        .loop = c->loop,
        .home = c->home,
        .holder_program = c->holder,
        .python = c->python,
        .python_path = c->python_path,
        .lookup_program = c->lookup_program,
        .slots = slots,
        .extra_env = c->task_env,
        .grace_us = config_us(c->config, "worker.kill_grace"),
        .idle_exit_s = c->idle_exit_s > 0
                           ? c->idle_exit_s
                           : (int)(config_us(c->config, "worker.holder_idle_exit") / TIME_SECOND),
        .worker_id = 1,
    };

    return local_worker_new(&w, ret, e);
}

static int ask(void *arg, const char *question, size_t n, struct arena *a, const char **ret,
               size_t *ret_len, struct err *e)
{
    return ask_python(arg, question, n, a, ret, ret_len, e);
}

struct engine_settings home_engine_settings(const struct config *c)
{
    return (struct engine_settings){
        .max_map_length = (int32_t)config_int(c, "core.max_map_length"),
        .default_pool_slots = (int32_t)config_int(c, "core.default_pool_task_slot_count"),
        .queued_retries = (int32_t)config_int(c, "scheduler.num_stuck_in_queued_retries"),
        .queued_timeout_us = config_us(c, "scheduler.task_queued_timeout"),
        .backfill_active = (int32_t)config_int(c, "backfill.max_active_runs"),
    };
}

int home_open(const struct home_config *c, struct worker **ret_worker, struct engine **ret_engine,
              struct err *e)
{
    char owner[320] = "";
    int slots = c->slots > 0 ? c->slots : (int)config_int(c->config, "core.parallelism");
    struct engine_settings settings = home_engine_settings(c->config);
    struct engine_config g = {
        .loop = c->loop,
        .store = c->store,
        .home = c->home,
        .owner = owner,
        .parallelism = slots,
        .gather_us = c->gather_us >= 0 ? c->gather_us : GATHER_US,
        .schedules = c->schedules,
        .ask = c->ask != NULL ? ask : NULL,
        .ask_arg = (void *)c->ask,
        .settings = &settings,
    };
    size_t n;
    int rc = open_worker(c, slots, ret_worker, e);

    if (rc != 0) {
        return rc;
    }
    g.worker = *ret_worker;
    (void)gethostname(owner, 256);
    owner[255] = '\0';
    n = strlen(owner);
    (void)snprintf(owner + n, sizeof owner - n, ":%d", (int)getpid());
    if (getrandom(&g.seed, sizeof g.seed, 0) != sizeof g.seed) {
        return err_errno(e, errno, "cannot get random bytes");
    }
    rc = c->alerts ? home_alert_config(c->config, &g.alerts, e) : 0;
    return rc == 0 ? engine_open(&g, ret_engine, e) : rc;
}

int home_serve(struct engine *g, const char *home,
               int (*run_file)(void *arg, const char *request_json, char **ret_json, struct err *e),
               void *arg, struct err *e)
{
    char path[4200];

    (void)snprintf(path, sizeof path, "%s/%s", home, ENGINE_SOCKET);
    return engine_serve(g, path, run_file, arg, e);
}

void home_close(struct engine *g, struct worker *w, struct store *s, struct lock *l)
{
    engine_close(g);
    if (w != NULL) {
        w->ops->close(w);
    }
    store_close(s);
    lock_release(l);
}
