/*
 * The coroutine of a bundle (bundles.h has its states). A watch tells of changes of the folder and of what files used elsewhere; a repository
 * is asked from time to time.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "bundle/folder.h"
#include "bundle/priv.h"
#include "dagfile/watch.h"
#include "engine/engine.h"
#include "engine/settings.h"
#include "store/store.h"

#define LOOK_US \
    (30 * TIME_SECOND)   /* what the system does not tell (the environment) is seen after so long */
#define LOOK_SHARE    50 /* looking takes at most this part of the time */
#define LOOK_PAUSE_US (TIME_SECOND / 2)
#define ELSEWHERE_MAX 20000 /* files that are watched beside the folder */

static bool stops_all(int rc)
{
    return rc == -ERR_NOMEM || rc == -ERR_CLOSED || rc == -ERR_CANCELED;
}

static void set_failure(struct source *s, const char *text)
{
    if (text == NULL) {
        if (s->failure[0] != '\0') {
            log_info("dags", "bundle '%s' can be read again", s->spec->name);
        }
        s->failure[0] = '\0';
        s->failed_since_us = 0;
        return;
    }
    if (strcmp(s->failure, text) != 0) {
        log_error("dags", "bundle '%s': %s", s->spec->name, text);
    }
    if (s->failed_since_us == 0) {
        s->failed_since_us = loop_wall_us(loop_current());
    }
    (void)snprintf(s->failure, sizeof s->failure, "%s", text);
}

/* ---- a look ---- */

static int before_change(void *arg)
{
    struct source *s = arg;

    return bundles_wait_idle(s->b);
}

static int so_far(void *arg)
{
    struct source *s = arg;
    struct err e = {0};
    int rc = bundles_register(s->b, &e);

    return stops_all(rc) ? rc : 0;
}

static int watch_elsewhere(struct source *s, struct err *e)
{
    const char **paths = NULL;
    size_t n = 0, cap = 0;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < s->files.len; i++) {
        const struct bundle_file *f = s->files.list[i];

        for (size_t j = 0; rc == 0 && j < f->elsewhere_len && n < ELSEWHERE_MAX; j++) {
            const char *path = f->elsewhere[j];

            rc = VEC_PUSH(paths, n, cap, path);
        }
    }
    rc = rc == 0 ? watch_files(s->watch, paths, n, e)
                 : err_set(e, ERR_NOMEM, "out of memory for watching files");
    mem_free(paths);
    return rc;
}

int bundles_look(struct source *s, struct err *e)
{
    const struct bundle_look l = {.folder = s->folder,
                                  .name = s->spec->name,
                                  .version = s->commit[0] != '\0' ? s->commit : NULL,
                                  .env = &s->b->env,
                                  .memory_bytes = s->b->config.memory_bytes,
                                  .before = before_change,
                                  .so_far = so_far,
                                  .gone = bundles_file_gone,
                                  .arg = s};
    int rc = bundle_files_look(&s->files, &l, e);

    s->looked = s->looked || rc == 0;
    rc = rc == 0 ? bundles_register(s->b, e) : rc;
    rc = rc == 0 ? watch_elsewhere(s, e) : rc;
    s->looks++;
    co_cond_broadcast(&s->b->fetched);
    return rc;
}

/* A folder that cannot be read now may be readable later: it is mounted, a checkout is under way. */
static int look(struct source *s, int64_t *ret_took_us)
{
    struct loop *l = loop_current();
    int64_t start = loop_now_us(l);
    struct err e = {0};
    int rc = bundles_look(s, &e);

    *ret_took_us = loop_now_us(l) - start;
    if (rc != 0 && !stops_all(rc)) {
        set_failure(s, err_str(&e));
        return 0;
    }
    if (rc == 0 && s->git == NULL) {
        set_failure(s, NULL);
    }
    return rc;
}

/* SUSPENDS. *ret: something may have changed; else the time is over. */
static int wait_for_change(struct source *s, int64_t us, bool *ret)
{
    int64_t until = loop_now_us(loop_current()) + us;
    int rc = co_sleep(LOOK_PAUSE_US);

    *ret = false;
    while (rc == 0 && !*ret && loop_now_us(loop_current()) < until) {
        rc = watch_wait(s->watch, until - loop_now_us(loop_current()), ret);
    }
    return rc;
}

static void say_why(struct source *s, char *said, size_t cap)
{
    const char *why = watch_why(s->watch);

    if (why != NULL && strcmp(said, why) != 0) {
        log_warning("dags", "%s", why);
    }
    (void)snprintf(said, cap, "%s", why != NULL ? why : "");
}

static int64_t pause_after(int64_t took_us)
{
    return took_us * LOOK_SHARE > LOOK_US ? took_us * LOOK_SHARE : LOOK_US;
}

static int keep_folder(struct source *s)
{
    char said[4400] = "";
    int64_t took_us;
    bool changed;
    int rc = look(s, &took_us);

    while (rc == 0) {
        say_why(s, said, sizeof said);
        rc = wait_for_change(s, pause_after(took_us), &changed);
        rc = rc == 0 ? look(s, &took_us) : rc;
    }
    return rc;
}

/* ---- repositories ---- */

/* What of a connection gives access: Airflow's members of a connection of git. */
struct access {
    struct git_access git;
    char plain[2048], user[2048], password[2048];
    struct arena a;
};

static const char *text_of(const struct value *o, const char *name)
{
    const struct value *v = o != NULL && o->kind == VALUE_OBJECT ? value_get(o, name) : NULL;

    return v != NULL && (v->kind == VALUE_STRING || v->kind == VALUE_NUMBER) && v->len != 0
               ? v->text
               : NULL;
}

static const struct value *extra_of(struct arena *a, const struct value *conn)
{
    const struct value *extra = value_get(conn, "extra");
    struct value *parsed;

    if (extra != NULL && extra->kind == VALUE_STRING) {
        return value_parse(a, extra->text, extra->len, &parsed, NULL) == 0 ? parsed : NULL;
    }
    return extra != NULL && extra->kind == VALUE_OBJECT ? extra : NULL;
}

static int take_connection(struct access *x, const struct value *conn, const char *id,
                           struct err *e)
{
    const struct value *extra = extra_of(&x->a, conn);
    const char *strict = text_of(extra, "strict_host_key_checking");
    const char *password = text_of(conn, "password"), *login = text_of(conn, "login");
    const struct value *port = value_get(conn, "port");
    int64_t n = 0;

    if (text_of(extra, "private_key_passphrase") != NULL) {
        return err_set(e, ERR_UNSUPPORTED,
                       "connection '%s': a key with a passphrase cannot be used "
                       "by a service; give it a key of its own",
                       id);
    }
    x->git.key = text_of(extra, "private_key");
    x->git.key_file = text_of(extra, "key_file");
    x->git.known_hosts = text_of(extra, "known_hosts_file");
    x->git.any_host = strict != NULL && (strcmp(strict, "no") == 0 || strcmp(strict, "false") == 0);
    if (port != NULL && value_int(port, 1, 65535, &n) == 0) {
        x->git.port = (int)n;
    }
    if (password != NULL) {
        x->git.password = password;
        x->git.user = login != NULL ? login : "user";
    }
    return 0;
}

static int ask_connection(struct source *s, struct access *x, const struct value **ret,
                          struct err *e)
{
    struct value *rq = value_new(&x->a, VALUE_OBJECT);
    struct value *id = value_string(&x->a, s->spec->connection, strlen(s->spec->connection));
    struct buf b BUF_CLEANUP;
    struct json_writer w;
    struct value *answer;
    const struct value *found;
    int rc;

    buf_init(&b, LIMIT_SETTING_BYTES * 7);
    json_writer_init(&w, &b, 0);
    if (rq == NULL || id == NULL || value_set(&x->a, rq, "conn_id", id) != 0) {
        return err_set(e, ERR_NOMEM, "out of memory for a connection");
    }
    json_object(&w);
    rc = settings_answer(s->b->config.engine, "conn_get", rq, &x->a, &w, e);
    json_object_end(&w);
    rc = rc == 0 ? value_parse(&x->a, buf_cstr(&b), b.len, &answer, e) : rc;
    if (rc != 0) {
        return rc;
    }
    found = value_get(value_get(answer, "result"), "conn");
    if (found == NULL || found->kind != VALUE_OBJECT) {
        return err_set(e, ERR_NOTFOUND, "there is no connection '%s'", s->spec->connection);
    }
    *ret = found;
    return 0;
}

/* user and password of the URL stand behind those of a connection. */
static int find_access(struct source *s, struct access *x, struct err *e)
{
    const struct value *conn = NULL;
    int rc = git_split_url(s->spec->url, x->plain, x->user, x->password, sizeof x->plain, e);

    if (rc == 0 && x->password[0] != '\0') {
        x->git.user = x->user;
        x->git.password = x->password;
    }
    if (rc == 0 && s->spec->connection != NULL) {
        rc = ask_connection(s, x, &conn, e);
        rc = rc == 0 ? take_connection(x, conn, s->spec->connection, e) : rc;
    }
    return rc;
}

/* SUSPENDS. The trees that no row refers to go. */
struct referred {
    struct source *s;
    struct arena a;
    const char **names;
    size_t len;
    struct err *e;
};

static int read_referred(void *arg)
{
    struct referred *r = arg;
    struct store *store = r->s->b->config.store;

    return store->ops->get_bundle_versions(store, r->s->spec->name, &r->a, &r->names, &r->len,
                                           r->e);
}

static int prune(struct source *s, struct err *e)
{
    struct referred r = {.s = s, .e = e};
    const char **keep;
    size_t gone = 0;
    int rc;

    arena_init(&r.a, MiB(16));
    rc = engine_on_store(s->b->config.engine, read_referred, &r);
    keep = rc == 0 ? arena_array(&r.a, r.len + 1, sizeof *keep) : NULL;
    if (keep != NULL) {
        for (size_t i = 0; i < r.len; i++) {
            keep[i] = r.names[i];
        }
        keep[r.len] = s->commit;
        rc = git_prune(s->git, keep, r.len + 1, &gone, e);
    }
    arena_fini(&r.a);
    if (gone != 0) {
        log_info("dags", "bundle '%s': %zu trees that no run refers to are removed", s->spec->name,
                 gone);
    }
    return rc;
}

/* SUSPENDS. The commit's tree becomes what is looked at. */
static int move_to(struct source *s, const char *commit, int64_t *ret_took_us, struct err *e)
{
    char folder[sizeof s->folder];
    bool same = strcmp(commit, s->commit) == 0 && s->looked;
    int rc = git_checkout(s->git, commit, folder, sizeof folder, e);

    if (rc != 0 || same) {
        return rc;
    }
    rc = bundles_wait_idle(s->b);
    if (rc != 0) {
        return rc;
    }
    memcpy(s->folder, folder, sizeof folder);
    (void)snprintf(s->commit, sizeof s->commit, "%s", commit);
    log_info("dags", "bundle '%s' is at commit %.12s", s->spec->name, commit);
    rc = look(s, ret_took_us);
    return rc == 0 ? prune(s, e) : rc;
}

static int fetch(struct source *s, int64_t *ret_took_us)
{
    struct access *x = mem_zalloc(sizeof *x);
    char commit[GIT_COMMIT_MAX];
    struct err e = {0};
    int rc = x == NULL ? -ERR_NOMEM : 0;

    if (rc != 0) {
        return rc;
    }
    arena_init(&x->a, MiB(16));
    s->wants_fetch = false;
    s->fetching = true;
    rc = find_access(s, x, &e);
    rc = rc == 0 ? git_fetch(s->git, &x->git, commit, &e) : rc;
    rc = rc == 0 ? move_to(s, commit, ret_took_us, &e) : rc;
    s->fetching = false;
    s->fetches++;
    arena_fini(&x->a);
    memset(x, 0, sizeof *x);
    mem_free(x);
    if (rc == 0) {
        s->fetched_us = loop_wall_us(loop_current());
    }
    co_cond_broadcast(&s->b->fetched);
    if (stops_all(rc)) {
        return rc;
    }
    set_failure(s, rc != 0 ? err_str(&e) : NULL);
    return 0;
}

/* Between two fetches its tree, which nobody changes, is looked at like a folder: for what files used elsewhere. */
static int keep_repository(struct source *s)
{
    char commit[GIT_COMMIT_MAX];
    struct err e = {0};
    int64_t took_us = 0, next;
    bool changed;
    int rc = git_head(s->git, commit, &e);

    rc = rc == 0 ? move_to(s, commit, &took_us, &e) : rc;
    if (rc != 0 && !stops_all(rc) && rc != -ERR_NOTFOUND) {
        set_failure(s, err_str(&e));
    }
    rc = stops_all(rc) ? rc : 0;
    while (rc == 0) {
        rc = fetch(s, &took_us);
        next = loop_now_us(loop_current()) + s->spec->refresh_us;
        while (rc == 0 && !s->wants_fetch && loop_now_us(loop_current()) < next) {
            int64_t left = next - loop_now_us(loop_current());
            int64_t pause = pause_after(took_us);

            rc = wait_for_change(s, left < pause ? left : pause, &changed);
            if (rc == 0 && !s->wants_fetch && s->looked) {
                rc = look(s, &took_us);
            }
        }
    }
    return rc;
}

void bundles_poke_source(struct source *s)
{
    s->wants_fetch = true;
    watch_poke(s->watch);
}

int bundles_keep_source(void *arg)
{
    struct source *s = arg;

    return s->git != NULL ? keep_repository(s) : keep_folder(s);
}
