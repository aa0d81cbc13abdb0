#include "bundle/folder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/sha1.h"
#include "bundle/list.h"
#include "bundle/load.h"
#include "config/config.h"
#include "dagfile/dagfile.h"
#include "dagfile/scan.h"
#include "engine/engine.h"
#include "model/dag.h"
#include "runtime/co.h"
#include "runtime/loop.h"

#define CREW 64 /* versions that wait for a commit at a time */

int folder_resolve(const char *home, char *buf, size_t cap, struct err *e)
{
    const char *named = getenv("TRADEWIND_DAGS");
    char cwd[4096] = "";
    struct config *c = NULL;
    int n, rc = 0;

    if (named == NULL || named[0] == '\0') {
        rc = config_open(home, &c, e);
        n = rc == 0 ? snprintf(buf, cap, "%s", config_text(c, "core.dags_folder")) : 0;
    } else if (named[0] == '/' || getcwd(cwd, sizeof cwd) == NULL) {
        n = snprintf(buf, cap, "%s", named);
    } else {
        n = snprintf(buf, cap, "%s/%s", cwd, named);
    }
    config_close(c);
    return rc == 0 && n >= (int)cap
               ? err_set(e, ERR_LIMIT, "the path of the DAGs folder is too long")
               : rc;
}

/* ---- reading ---- */

static const char *config_home(const struct load_env *env)
{
    return env->config_home != NULL ? env->config_home : env->home;
}

struct reading {
    const struct load_env *env;
    struct findings *out;
    struct dag **dags;
    size_t len, cap;
    struct map ids; /* dag_id -> file of the DAG that has it */
};

static int add_dags(struct reading *r, struct dag **dags, size_t n)
{
    int rc = 0;

    for (size_t i = 0; i < n; i++) {
        const char *first = map_find(&r->ids, dags[i]->dag_id, strlen(dags[i]->dag_id));
        char text[4400];

        if (first != NULL) {
            (void)snprintf(text, sizeof text, "DAG '%s' is in %s already", dags[i]->dag_id, first);
            findings_add(r->out, dags[i]->file, 0, 0, NULL, text);
            dag_unref(dags[i]);
        } else if (rc != 0 ||
                   map_add(&r->ids, dags[i]->dag_id, strlen(dags[i]->dag_id), (void *)dags[i]->file,
                           NULL) != 0 ||
                   VEC_PUSH(r->dags, r->len, r->cap, dags[i]) != 0) {
            dag_unref(dags[i]);
            rc = -ERR_NOMEM;
        }
    }
    mem_free(dags);
    return rc;
}

/* A line of the scanner. What is wrong with the file is told already; only what stops everything is an error. */
static int add_line(struct reading *r, const char *line, size_t len, struct err *e)
{
    struct arena a;
    struct value *v;
    const struct value *file, *plain;
    struct dag **dags = NULL;
    size_t n = 0;
    struct err own = {0};
    int rc;

    arena_init(&a, LIMIT_DOC_BYTES * 8);
    rc = value_parse(&a, line, len, &v, e);
    file = rc == 0 ? value_get(v, "file") : NULL;
    plain = rc == 0 ? value_get(v, "plain") : NULL;
    if (file == NULL || file->kind != VALUE_STRING) {
        rc = err_set(e, ERR_PROTOCOL, "the DAGs folder cannot be read: unexpected output of %s",
                     r->env->python);
    } else if (plain != NULL) {
        size_t before = r->out->len;

        if (load_file(file->text, NULL, r->env, r->out, &dags, &n, &own) != 0 &&
            r->out->len == before) {
            findings_add(r->out, file->text, 0, 0, NULL, err_str(&own));
        }
    } else {
        (void)load_answer(file->text, v, r->out, &dags, &n, &own);
    }
    if (rc == 0 && add_dags(r, dags, n) != 0) {
        rc = err_set(e, ERR_NOMEM, "out of memory for the DAGs of a folder");
    }
    arena_fini(&a);
    return rc;
}

/* The folder's own cache in the home. */
void folder_cache_path(const char *folder, const char *home, char *buf, size_t cap)
{
    unsigned char hash[20];

    sha1(folder, strlen(folder), hash);
    (void)snprintf(buf, cap, "%s/cache/dags-%02x%02x%02x%02x%02x%02x.jsonl", home, hash[0], hash[1],
                   hash[2], hash[3], hash[4], hash[5]);
}

struct folder_call {
    struct reading *r;
    const char *folder;
    int rc;
    struct err *e;
};

static int on_line(void *arg, const char *line, size_t n)
{
    struct folder_call *c = arg;

    return add_line(c->r, line, n, c->e);
}

/* As the service: what it refuses is refused here. */
static void set_memory(const struct load_env *env, struct scan_config *ret)
{
    struct config *c = NULL;

    if (config_open(config_home(env), &c, NULL) == 0) {
        ret->has_memory = true;
        ret->memory_bytes = config_int(c, "dag_processor.parse_memory_limit") * (int64_t)MiB(1);
        config_close(c);
    }
}

static int scan_main(void *arg)
{
    struct folder_call *c = arg;
    char cache[4200];
    struct scan_config config = {.folder = c->folder,
                                 .cache = cache,
                                 .python = c->r->env->python,
                                 .python_path = c->r->env->python_path};

    set_memory(c->r->env, &config);

    folder_cache_path(c->folder, c->r->env->home, cache, sizeof cache);
    c->rc = scan_folder(&config, on_line, c, c->e);
    return 0;
}

/* In the loop of the caller, else in one for the call. */
static int scan(struct folder_call *c)
{
    struct loop_config config = {0};
    struct loop *l;
    int rc;

    if (co_self() != NULL) {
        (void)scan_main(c);
        return c->rc;
    }
    rc = loop_uv_new(&config, &l, c->e);
    if (rc == 0) {
        rc = loop_main(l, scan_main, c, c->e);
        loop_free(l);
    }
    return rc == 0 ? c->rc : rc;
}

static int load_folders(const char *const *folders, size_t n, const struct load_env *env,
                        struct findings *out, struct dag ***ret, size_t *ret_len, struct err *e)
{
    struct reading r = {.env = env, .out = out};
    int rc = 0;

    *ret = NULL;
    *ret_len = 0;
    map_init(&r.ids);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct folder_call c = {.r = &r, .folder = folders[i], .e = e};

        rc = scan(&c);
    }
    map_fini(&r.ids);
    if (rc != 0) {
        load_free(r.dags, r.len);
        return rc;
    }
    *ret = r.dags;
    *ret_len = r.len;
    return 0;
}

int folder_load(const char *folder, const struct load_env *env, struct findings *out,
                struct dag ***ret, size_t *ret_len, struct err *e)
{
    return load_folders(&folder, 1, env, out, ret, ret_len, e);
}

/* ---- all bundles that are folders ---- */

int folder_list(const char *home, struct arena *a, const char ***ret, size_t *ret_len,
                struct err *e)
{
    const char *named = getenv("TRADEWIND_DAGS");
    struct bundle_spec *list = NULL;
    struct config *c = NULL;
    char folder[4096];
    struct stat st;
    size_t n = 0, len = 0;
    int rc = folder_resolve(home, folder, sizeof folder, e);

    rc = rc == 0 ? config_open(home, &c, e) : rc;
    rc = rc == 0 ? bundle_list_read(c, folder, named != NULL && named[0] != '\0' ? folder : NULL, a,
                                    &list, &n, e)
                 : rc;
    *ret = rc == 0 ? arena_array(a, n + 1, sizeof **ret) : NULL;
    if (rc == 0 && *ret == NULL) {
        rc = err_set(e, ERR_NOMEM, "out of memory for folders");
    }
    for (size_t i = 0; rc == 0 && i < n; i++) {
        const char *path = list[i].kind == BUNDLE_FOLDER ? arena_strdup(a, list[i].path) : NULL;

        if (path != NULL && stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
            (*ret)[len++] = path;
        }
    }
    *ret_len = len;
    config_close(c);
    return rc;
}

int folder_load_all(const struct load_env *env, struct findings *out, struct dag ***ret,
                    size_t *ret_len, size_t *ret_folders, struct err *e)
{
    const char **folders;
    struct arena a;
    int rc;

    *ret = NULL;
    *ret_len = *ret_folders = 0;
    arena_init(&a, MiB(16));
    rc = folder_list(config_home(env), &a, &folders, ret_folders, e);
    rc = rc == 0 ? load_folders(folders, *ret_folders, env, out, ret, ret_len, e) : rc;
    arena_fini(&a);
    return rc;
}

/* ---- what an argument means ---- */

static bool is_within(const char *path, const char *folder)
{
    char real[4096];
    size_t n;

    if (realpath(folder, real) == NULL) {
        return false;
    }
    n = strlen(real);
    return strncmp(path, real, n) == 0 && path[n] == '/';
}

/* Whether there is any folder in which a DAG may be looked for by its id. */
static bool has_folders(const char *home)
{
    const char **folders;
    struct arena a;
    size_t n = 0;
    int rc;

    arena_init(&a, MiB(16));
    rc = folder_list(home, &a, &folders, &n, NULL);
    arena_fini(&a);
    return rc != 0 || n > 0; /* an error is told by who reads them */
}

int folder_target(const char *arg, const char *home, struct folder_target *ret, struct err *e)
{
    char real[4096];
    struct stat st;
    int rc;

    *ret = (struct folder_target){0};
    rc = folder_resolve(home, ret->folder, sizeof ret->folder, e);
    if (rc != 0) {
        return rc;
    }
    if (stat(arg, &st) == 0 && realpath(arg, real) != NULL) {
        if (S_ISDIR(st.st_mode)) {
            (void)snprintf(ret->folder, sizeof ret->folder, "%s", real);
            return 0;
        }
        ret->file = arg;
        if (!is_within(real, ret->folder)) {
            ret->folder[0] = '\0';
        }
        return 0;
    }
    if (strchr(arg, '/') != NULL || load_is_file_name(arg) || !has_folders(home)) {
        ret->file = arg; /* its own error says what is wrong with it */
        ret->folder[0] = '\0';
        return 0;
    }
    ret->dag_id = arg;
    return 0;
}

static bool has_dag(const struct loaded *l, const char *id)
{
    for (size_t i = 0; i < l->len; i++) {
        if (strcmp(l->dags[i]->dag_id, id) == 0) {
            return true;
        }
    }
    return false;
}

/* alone: of a file its own DAGs only. */
static int load_target(const char *arg, const char *dag_option, const struct load_env *env,
                       struct worker *worker, bool alone, struct loaded *ret, struct err *e)
{
    struct folder_target t;
    struct findings none = {0};
    size_t folders = 1;
    int rc = folder_target(arg, config_home(env), &t, e);

    *ret = (struct loaded){0};
    if (rc == 0 && alone && t.file != NULL) {
        t.folder[0] = '\0';
    }
    if (rc == 0 && t.file != NULL) {
        rc = load_file(t.file, worker, env, &(struct findings){.text = stderr}, &ret->own,
                       &ret->own_len, e);
        rc = rc == 0 ? load_choose(ret->own, ret->own_len, dag_option, arg, &ret->dag, e) : rc;
    }
    if (rc == 0 && t.dag_id != NULL) {
        rc = folder_load_all(env, &none, &ret->dags, &ret->len, &folders, e);
    } else if (rc == 0 && t.folder[0] != '\0') {
        rc = folder_load(t.folder, env, &none, &ret->dags, &ret->len, e);
    }
    if (rc == 0 && t.file == NULL) {
        const char *id = t.dag_id != NULL ? t.dag_id : dag_option;

        if (t.dag_id != NULL && dag_option != NULL && strcmp(t.dag_id, dag_option) != 0) {
            rc = err_set(e, ERR_USAGE, "'%s' is the id of a DAG, and so is --dag %s", t.dag_id,
                         dag_option);
        } else if (ret->len == 0 || (id != NULL && !has_dag(ret, id))) {
            rc = err_set(
                e, ERR_NOTFOUND, "%s%s: there is no %s%s%s in the folder's %zu DAGs%s", t.folder,
                folders > 1 ? " and other bundles" : "", id != NULL ? "DAG '" : "DAG",
                id != NULL ? id : "", id != NULL ? "'" : "", ret->len,
                none.len != 0 ? "; some files cannot be read: see `dags list --errors`" : "");
        } else {
            rc = load_choose(ret->dags, ret->len, id, t.folder, &ret->dag, e);
        }
    }
    return rc;
}

int folder_load_target(const char *arg, const char *dag_option, const struct load_env *env,
                       struct worker *worker, struct loaded *ret, struct err *e)
{
    return load_target(arg, dag_option, env, worker, false, ret, e);
}

int load_target_alone(const char *arg, const char *dag_option, const struct load_env *env,
                      struct worker *worker, struct loaded *ret, struct err *e)
{
    return load_target(arg, dag_option, env, worker, true, ret, e);
}

void loaded_fini(struct loaded *l)
{
    load_free(l->own, l->own_len);
    load_free(l->dags, l->len);
}

static int register_one(struct engine *g, struct dag *d, struct err *e)
{
    struct buf b BUF_CLEANUP;
    int64_t key;
    int rc;

    buf_init(&b, LIMIT_DOC_BYTES);
    rc = dagfile_document(d, &b);
    return rc == 0 ? engine_add_dag(g, d, buf_cstr(&b), b.len, &key, e) : rc;
}

/* Several coroutines share one list: while one waits for its commit, more versions come into the next one. */
struct crew {
    struct engine *g;
    struct dag **dags;
    size_t next, n;
    const struct dag *runs;
    int rc;
    struct err *e;
};

static int register_some(void *arg)
{
    struct crew *c = arg;

    while (c->rc == 0 && c->next < c->n) {
        struct dag *d = c->dags[c->next++];
        struct err own = {0};
        int rc = strcmp(d->dag_id, c->runs->dag_id) != 0 ? register_one(c->g, d, &own) : 0;

        if (rc != 0 && c->rc == 0) {
            c->rc = rc;
            *c->e = own;
        }
    }
    return 0;
}

/* All but the one that runs: that is added by whoever runs it. */
static int register_others(struct engine *g, struct dag **dags, size_t n, const struct dag *runs,
                           struct err *e)
{
    struct crew crew = {.g = g, .dags = dags, .n = n, .runs = runs, .e = e};
    struct co_group group;
    int rc = 0, joined;

    co_group_init(&group, loop_current());
    for (size_t i = 0; rc == 0 && i < CREW && i < n; i++) {
        rc = co_spawn(&group, "register", register_some, &crew, NULL, e);
    }
    joined = co_group_join(&group);
    co_group_close(&group);
    if (rc == 0 && crew.rc == 0 && joined != 0) {
        return err_set(e, (enum err_code) - joined, "interrupted");
    }
    return rc != 0 ? rc : crew.rc;
}

/* The file that was named is the newer word on what both have. */
int folder_register(struct engine *g, const char *home, const struct loaded *l, struct err *e)
{
    int rc = dagfile_keep_sources(home, l->dags, l->len, e);

    rc = rc == 0 ? dagfile_keep_sources(home, l->own, l->own_len, e) : rc;
    rc = rc == 0 ? register_others(g, l->dags, l->len, l->dag, e) : rc;
    return rc == 0 ? register_others(g, l->own, l->own_len, l->dag, e) : rc;
}
