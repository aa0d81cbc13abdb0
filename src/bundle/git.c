/*
 * Each step is one run of git with a time limit; what it says on standard error is the error's text. Objects are fetched at depth 1: a
 * repository's history is never here.
 */
#include "bundle/git.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/time.h"
#include "bundle/git_tree.h"
#include "runtime/loop.h"

#define STEP_US    (60 * TIME_SECOND) /* what needs no network */
#define FETCH_US   (600 * TIME_SECOND)
#define LOOK_US    (TIME_SECOND / 2) /* at the size of what a fetch has brought */
#define ARGV_MAX   24
#define OUTPUT_MAX MiB(64) /* the list of a tree's files */
#define WORDS_MAX  900     /* of git's complaints */

struct git {
    char *name, *url, *ref, *subdir;
    char folder[3000], repo[3100], trees[3100];
    struct pool *pool; /* for what blocks */
    struct loop *loop;
};

static bool is_name(const char *s)
{
    return s[0] != '\0' && s[0] != '-' && strpbrk(s, " \t\n\\~^:?*[\x7f") == NULL &&
           strstr(s, "..") == NULL && strstr(s, "@{") == NULL;
}

static bool is_commit(const char *s)
{
    size_t n = strlen(s);

    return (n == 40 || n == 64) && strspn(s, "0123456789abcdef") == n;
}

static int check_config(const struct git_config *c, struct err *e)
{
    if (c->url == NULL || c->url[0] == '\0' || c->url[0] == '-' ||
        strpbrk(c->url, "\n\r") != NULL || strstr(c->url, "::") != NULL) {
        return err_set(e, ERR_INVALID, "bundle '%s': '%s' is not the URL of a repository", c->name,
                       c->url != NULL ? c->url : "");
    }
    if (c->ref != NULL && !is_name(c->ref)) {
        return err_set(e, ERR_INVALID, "bundle '%s': '%s' is no branch, tag or commit", c->name,
                       c->ref);
    }
    if (c->subdir != NULL && (c->subdir[0] == '/' || strstr(c->subdir, "..") != NULL)) {
        return err_set(e, ERR_INVALID, "bundle '%s': subdir '%s' is not a folder in the repository",
                       c->name, c->subdir);
    }
    return 0;
}

static int make_folder(const char *path, struct err *e)
{
    return mkdir(path, 0700) != 0 && errno != EEXIST ? err_errno(e, errno, "cannot make %s", path)
                                                     : 0;
}

/* Names that begin with a dot are of a process that was killed. */
static void remove_partial(const char *folder)
{
    char path[4200];
    const struct dirent *d;
    DIR *dir = opendir(folder);

    while (dir != NULL && (d = readdir(dir)) != NULL) {
        if (d->d_name[0] == '.' && strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0 &&
            snprintf(path, sizeof path, "%s/%s", folder, d->d_name) < (int)sizeof path) {
            (void)git_tree_remove(path);
        }
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
}

int git_open(const struct git_config *c, struct git **ret, struct err *e)
{
    struct git *g;
    char bundles[3000];
    int rc = check_config(c, e), n;

    if (rc != 0) {
        return rc;
    }
    g = mem_zalloc(sizeof *g);
    if (g == NULL || (g->name = mem_strdup(c->name)) == NULL ||
        (g->url = mem_strdup(c->url)) == NULL ||
        (c->ref != NULL && (g->ref = mem_strdup(c->ref)) == NULL) ||
        (g->subdir = mem_strdup(c->subdir != NULL ? c->subdir : "")) == NULL) {
        git_close(g);
        return err_set(e, ERR_NOMEM, "out of memory for a repository");
    }
    n = snprintf(bundles, sizeof bundles, "%s/bundles", c->home);
    n = n < (int)sizeof bundles - 200
            ? snprintf(g->folder, sizeof g->folder, "%s/%s", bundles, c->name)
            : (int)sizeof g->folder;
    if (n >= (int)sizeof g->folder) {
        rc = err_set(e, ERR_LIMIT, "the path of the home is too long for a repository");
    }
    (void)snprintf(g->repo, sizeof g->repo, "%s/repo.git", g->folder);
    (void)snprintf(g->trees, sizeof g->trees, "%s/trees", g->folder);
    g->loop = loop_current();
    rc = rc == 0 ? make_folder(bundles, e) : rc;
    rc = rc == 0 ? make_folder(g->folder, e) : rc;
    rc = rc == 0 ? make_folder(g->trees, e) : rc;
    rc = rc == 0 ? pool_new(g->loop, "git", 1, &g->pool, e) : rc;
    if (rc != 0) {
        git_close(g);
        return rc;
    }
    git_tree_unlock(g->repo);
    remove_partial(g->folder);
    remove_partial(g->trees);
    *ret = g;
    return 0;
}

void git_close(struct git *g)
{
    if (g == NULL) {
        return;
    }
    if (g->pool != NULL) {
        pool_free(g->pool);
    }
    mem_free(g->name);
    mem_free(g->url);
    mem_free(g->ref);
    mem_free(g->subdir);
    mem_free(g);
}

const char *git_trees(const struct git *g)
{
    return g->trees;
}

/* ---- one run of git ---- */

struct run {
    const char *what; /* for the error: "fetch of https://..." */
    const char *argv[ARGV_MAX];
    const char *more[8]; /* environment beside the base; NULL at the end */
    int64_t us;
    bool watched; /* the size of what it brings is looked at */
    struct buf out, err;
    int code, sig;
    bool too_large;
};

/* Ours without what would point git elsewhere. */
static char **make_environment(const struct run *r)
{
    static const char *const base[] = {"GIT_TERMINAL_PROMPT=0",
                                       "GIT_ASKPASS=/bin/false",
                                       "SSH_ASKPASS_REQUIRE=never",
                                       "GCM_INTERACTIVE=never",
                                       "GIT_ALLOW_PROTOCOL=file:git:http:https:ssh",
                                       "GIT_HTTP_LOW_SPEED_LIMIT=1000",
                                       "GIT_HTTP_LOW_SPEED_TIME=60",
                                       "GIT_OPTIONAL_LOCKS=0",
                                       "GIT_LFS_SKIP_SMUDGE=1",
                                       "LC_ALL=C"};
    size_t n = 0, len = 0;
    char **env;

    while (environ[n] != NULL) {
        n++;
    }
    env = mem_array(n + sizeof base / sizeof base[0] + 9, sizeof *env);
    for (size_t i = 0; env != NULL && i < n; i++) {
        if (strncmp(environ[i], "GIT_", 4) != 0 && strncmp(environ[i], "LC_ALL=", 7) != 0 &&
            strncmp(environ[i], "SSH_ASKPASS", 11) != 0) {
            env[len++] = environ[i];
        }
    }
    for (size_t i = 0; env != NULL && i < sizeof base / sizeof base[0]; i++) {
        env[len++] = (char *)(uintptr_t)base[i];
    }
    for (size_t i = 0; env != NULL && r->more[i] != NULL; i++) {
        env[len++] = (char *)(uintptr_t)r->more[i];
    }
    if (env != NULL) {
        env[len] = NULL;
    }
    return env;
}

struct stream {
    int fd;
    struct buf *b;
};

/* All of it is read, so that the writer never waits; what is over the limit is dropped. */
static int drain(void *arg)
{
    struct stream *s = arg;
    char part[4096];
    size_t n = 1;

    while (co_read(s->fd, part, sizeof part, &n) == 0 && n > 0) {
        if (s->b->len + n < OUTPUT_MAX) {
            (void)buf_append(s->b, part, n);
        }
    }
    return 0;
}

/* Bytes that git has brought: packs that are whole, and those that come. */
static int64_t packs_size(const struct git *g)
{
    char path[4200];
    const struct dirent *d;
    struct stat st;
    int64_t size = 0;
    DIR *dir;

    (void)snprintf(path, sizeof path, "%s/objects/pack", g->repo);
    dir = opendir(path);
    while (dir != NULL && (d = readdir(dir)) != NULL) {
        if (fstatat(dirfd(dir), d->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode)) {
            size += st.st_size;
        }
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
    return size;
}

struct guard {
    const struct git *g;
    struct run *r;
    pid_t pid;
};

static int guard_size(void *arg)
{
    struct guard *k = arg;

    while (co_sleep(LOOK_US) == 0) {
        if (packs_size(k->g) > LIMIT_BUNDLE_PACKS) {
            k->r->too_large = true;
            (void)kill(-k->pid, SIGKILL);
        }
    }
    return 0;
}

/* Git starts programs of its own (ssh, remote-https): the whole session is ended. */
static int wait_for(const struct git *g, struct run *r, struct child *child, int out, int err)
{
    struct stream streams[2] = {{out, &r->out}, {err, &r->err}};
    struct guard k = {g, r, child_pid(child)};
    struct co_group readers, guards;
    struct co_deadline d;
    struct co_shield s;
    int rc;

    co_group_init(&readers, g->loop);
    co_group_init(&guards, g->loop);
    co_deadline_begin(&d, r->us);
    rc = co_spawn(&readers, "git output", drain, &streams[0], NULL, NULL);
    rc = rc == 0 ? co_spawn(&readers, "git errors", drain, &streams[1], NULL, NULL) : rc;
    rc = rc == 0 && r->watched ? co_spawn(&guards, "git size", guard_size, &k, NULL, NULL) : rc;
    rc = rc == 0 ? child_wait(child, &r->code, &r->sig) : rc;
    co_deadline_end(&d);
    (void)kill(-k.pid, SIGKILL);
    co_shield_begin(&s, 10 * TIME_SECOND);
    if (rc != 0) {
        (void)child_wait(child, &r->code, &r->sig);
    }
    co_group_close(&guards);
    (void)co_group_join(&readers);
    co_shield_end(&s);
    co_group_close(&readers);
    child_release(child);
    return rc;
}

static int pipes(int fd[4], struct err *e)
{
    if (pipe2(fd, O_CLOEXEC) != 0) {
        return err_errno(e, errno, "cannot make a pipe");
    }
    if (pipe2(fd + 2, O_CLOEXEC) != 0) {
        (void)close(fd[0]);
        (void)close(fd[1]);
        return err_errno(e, errno, "cannot make a pipe");
    }
    (void)fcntl(fd[0], F_SETFL, O_NONBLOCK);
    (void)fcntl(fd[2], F_SETFL, O_NONBLOCK);
    return 0;
}

/* The last lines of what git said, in one. */
static int complain(const struct run *r, int rc, struct err *e)
{
    char text[WORDS_MAX + 1];
    const char *p = r->err.len != 0 ? r->err.p : "";
    size_t n = r->err.len, len = 0;

    while (n > 0 && (p[n - 1] == '\n' || p[n - 1] == ' ')) {
        n--;
    }
    p += n > WORDS_MAX ? n - WORDS_MAX : 0;
    n = n > WORDS_MAX ? WORDS_MAX : n;
    for (size_t i = 0; i < n; i++) {
        text[len++] = (unsigned char)p[i] < ' ' ? ' ' : p[i];
    }
    text[len] = '\0';
    if (r->too_large) {
        return err_set(e, ERR_LIMIT, "%s: more than %lld MiB", r->what,
                       (long long)(LIMIT_BUNDLE_PACKS >> 20));
    }
    if (rc == -ERR_TIMEOUT) {
        return err_set(e, ERR_TIMEOUT, "%s: took longer than %lld s", r->what,
                       (long long)(r->us / TIME_SECOND));
    }
    if (rc != 0) {
        return err_set(e, (enum err_code) - rc, "%s: interrupted", r->what);
    }
    if (r->sig != 0) {
        return err_set(e, ERR_FAILED, "%s: git was ended by signal %d", r->what, r->sig);
    }
    return err_set(e, ERR_FAILED, "%s: %s", r->what, len != 0 ? text : "git failed");
}

/* SUSPENDS. */
static int run_git(const struct git *g, struct run *r, struct err *e)
{
    struct child_spec spec = {.argv = r->argv, .extra_fd = -1, .new_session = true};
    char **env = make_environment(r);
    struct child *child;
    int fd[4], rc;

    buf_init(&r->out, OUTPUT_MAX);
    buf_init(&r->err, OUTPUT_MAX);
    rc = env == NULL ? err_set(e, ERR_NOMEM, "out of memory for an environment") : pipes(fd, e);
    if (rc != 0) {
        mem_free(env);
        return rc;
    }
    spec.env = (const char *const *)env;
    spec.stdio[0] = -1;
    spec.stdio[1] = fd[1];
    spec.stdio[2] = fd[3];
    rc = child_spawn(g->loop, &spec, &child, e);
    mem_free(env);
    (void)close(fd[1]);
    (void)close(fd[3]);
    if (rc == 0) {
        rc = wait_for(g, r, child, fd[0], fd[2]);
        rc = rc != 0 || r->too_large || r->sig != 0 || r->code != 0 ? complain(r, rc, e) : 0;
    } else {
        rc = err_prefix(e, rc, "%s: the git program cannot be started", r->what);
    }
    (void)close(fd[0]);
    (void)close(fd[2]);
    return rc;
}

static void run_fini(struct run *r)
{
    buf_fini(&r->out);
    buf_fini(&r->err);
}

/* SUSPENDS. A run without network whose output does not matter. */
static int run_step(const struct git *g, struct run *r, struct err *e)
{
    int rc;

    r->us = r->us != 0 ? r->us : STEP_US;
    rc = run_git(g, r, e);
    run_fini(r);
    return rc;
}

/* ---- fetch ---- */

static int make_repo(struct git *g, struct err *e)
{
    char partial[3200];
    struct stat st;
    struct run r = {.what = "the copy of the repository",
                    .argv = {"git", "init", "--quiet", "--bare", "--template=", partial}};
    int rc;

    if (stat(g->repo, &st) == 0) {
        return 0;
    }
    (void)snprintf(partial, sizeof partial, "%s/.repo.%ld", g->folder, (long)getpid());
    rc = run_step(g, &r, e);
    if (rc == 0 && rename(partial, g->repo) != 0) {
        rc = err_errno(e, errno, "cannot make %s", g->repo);
    }
    return rc;
}

/* One word of a command that git gives to a shell. */
static void put_quoted(struct buf *b, const char *text)
{
    (void)buf_char(b, '\'');
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            (void)buf_str(b, "'\\''");
        } else {
            (void)buf_char(b, *text);
        }
    }
    (void)buf_char(b, '\'');
}

static void put_ssh(struct buf *b, const struct git_access *a, const char *key_file)
{
    (void)buf_str(b, "GIT_SSH_COMMAND=ssh -o BatchMode=yes -o ConnectTimeout=30 "
                     "-o ServerAliveInterval=15 -o ServerAliveCountMax=4");
    (void)buf_printf(b, " -o StrictHostKeyChecking=%s", a->any_host ? "no" : "yes");
    if (key_file != NULL) {
        (void)buf_str(b, " -o IdentitiesOnly=yes -i ");
        put_quoted(b, key_file);
    }
    if (a->known_hosts != NULL || a->any_host) {
        (void)buf_str(b, " -o UserKnownHostsFile=");
        put_quoted(b, a->known_hosts != NULL ? a->known_hosts : "/dev/null");
    }
    if (a->port != 0) {
        (void)buf_printf(b, " -p %d", a->port);
    }
}

/* The header is for this host alone: git does not give it to another that it is led to. */
static int put_login(struct buf *key, struct buf *value, const char *url,
                     const struct git_access *a)
{
    struct buf pair BUF_CLEANUP;
    const char *host = strstr(url, "://");
    size_t n = host != NULL ? (size_t)(host + 3 - url) + strcspn(host + 3, "/") : strlen(url);
    char *base64;

    buf_init(&pair, KiB(64));
    (void)buf_printf(&pair, "%s:%s", a->user != NULL ? a->user : "", a->password);
    base64 = mem_alloc(sodium_base64_encoded_len(pair.len, sodium_base64_VARIANT_ORIGINAL));
    if (base64 == NULL || buf_status(&pair) != 0) {
        mem_free(base64);
        return -ERR_NOMEM;
    }
    (void)sodium_bin2base64(
        base64, sodium_base64_encoded_len(pair.len, sodium_base64_VARIANT_ORIGINAL),
        (const unsigned char *)pair.p, pair.len, sodium_base64_VARIANT_ORIGINAL);
    (void)buf_printf(key, "GIT_CONFIG_KEY_0=http.%.*s/.extraHeader", (int)n, url);
    (void)buf_printf(value, "GIT_CONFIG_VALUE_0=Authorization: Basic %s", base64);
    sodium_memzero(base64, strlen(base64));
    sodium_memzero(pair.p, pair.len);
    mem_free(base64);
    return buf_status(key) != 0 || buf_status(value) != 0 ? -ERR_NOMEM : 0;
}

static int write_key(const struct git *g, const char *key, char *path, size_t cap, struct err *e)
{
    size_t n = strlen(key), at = 0;
    int fd, rc = 0;

    (void)snprintf(path, cap, "%s/.key.%ld", g->folder, (long)getpid());
    (void)unlink(path);
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return err_errno(e, errno, "cannot write %s", path);
    }
    while (rc == 0 && at < n) {
        ssize_t done = write(fd, key + at, n - at);

        if (done < 0 && errno != EINTR) {
            rc = err_errno(e, errno, "cannot write %s", path);
        }
        at += done > 0 ? (size_t)done : 0;
    }
    if (rc == 0 && n > 0 && key[n - 1] != '\n' && write(fd, "\n", 1) != 1) {
        rc = err_errno(e, errno, "cannot write %s", path);
    }
    (void)close(fd);
    return rc;
}

static int fetch(struct git *g, const struct git_access *a, const char *key_file, struct err *e)
{
    struct buf ssh BUF_CLEANUP, key BUF_CLEANUP, value BUF_CLEANUP;
    char what[1200], spec[1200];
    struct run r = {.what = what,
                    .argv = {"git", "--git-dir", g->repo, "-c", "gc.autoDetach=false", "fetch",
                             "--quiet", "--force", "--no-tags", "--depth=1",
                             "--no-write-fetch-head", "--no-recurse-submodules", "--", g->url,
                             spec},
                    .us = FETCH_US,
                    .watched = true};
    size_t n = 0;
    int rc = 0;

    buf_init(&ssh, KiB(16));
    buf_init(&key, KiB(16));
    buf_init(&value, KiB(96));
    (void)snprintf(what, sizeof what, "fetch of %.800s%s%.200s", g->url, g->ref != NULL ? ", " : "",
                   g->ref != NULL ? g->ref : "");
    (void)snprintf(spec, sizeof spec, "+%s:refs/tradewind/fetched",
                   g->ref != NULL ? g->ref : "HEAD");
    put_ssh(&ssh, a, key_file);
    r.more[n++] = buf_cstr(&ssh);
    if (a->password != NULL && strncmp(g->url, "http", 4) == 0) {
        rc = put_login(&key, &value, g->url, a);
        r.more[n++] = "GIT_CONFIG_COUNT=1";
        r.more[n++] = buf_cstr(&key);
        r.more[n++] = buf_cstr(&value);
    }
    rc = rc != 0 || buf_status(&ssh) != 0 ? err_set(e, ERR_NOMEM, "out of memory for a fetch")
                                          : run_git(g, &r, e);
    run_fini(&r);
    if (value.p != NULL) {
        sodium_memzero(value.p, value.len);
    }
    return rc;
}

/* SUSPENDS. */
static int resolve(struct git *g, const char *name, char *ret, struct err *e)
{
    struct run r = {.what = "the repository's copy",
                    .argv = {"git", "--git-dir", g->repo, "rev-parse", "--quiet", "--verify",
                             "--end-of-options", name},
                    .us = STEP_US};
    int rc = run_git(g, &r, e);
    size_t n = rc == 0 ? strcspn(buf_cstr(&r.out), "\n") : 0;

    if (rc == 0 && n < GIT_COMMIT_MAX) {
        memcpy(ret, buf_cstr(&r.out), n);
        ret[n] = '\0';
    }
    if (rc == 0 && (n >= GIT_COMMIT_MAX || !is_commit(ret))) {
        rc = err_set(e, ERR_PROTOCOL, "unexpected output of git rev-parse");
    }
    run_fini(&r);
    return rc;
}

static int update_ref(struct git *g, const char *name, const char *commit, struct err *e)
{
    struct run r = {.what = "the repository's copy",
                    .argv = {"git", "--git-dir", g->repo, "update-ref", name, commit}};

    return run_step(g, &r, e);
}

/* What no ref names any more goes now and then, so that many fetches leave no more than few. */
static void tidy(struct git *g)
{
    struct err none = {0};
    struct run r = {.what = "tidying",
                    .argv = {"git", "--git-dir", g->repo, "-c", "gc.autoDetach=false", "-c",
                             "gc.pruneExpire=1.hour.ago", "gc", "--quiet", "--auto"},
                    .us = FETCH_US};

    (void)run_step(g, &r, &none);
}

int git_fetch(struct git *g, const struct git_access *access, char *ret_commit, struct err *e)
{
    char key_file[3200] = "";
    char commit[GIT_COMMIT_MAX];
    int rc = make_repo(g, e);

    if (rc == 0 && access->key != NULL) {
        rc = write_key(g, access->key, key_file, sizeof key_file, e);
    }
    if (rc == 0) {
        rc = fetch(g, access, key_file[0] != '\0' ? key_file : access->key_file, e);
    }
    if (key_file[0] != '\0') {
        (void)unlink(key_file);
    }
    rc = rc == 0 ? resolve(g, "refs/tradewind/fetched^{commit}", commit, e) : rc;
    rc = rc == 0 ? update_ref(g, "refs/tradewind/head", commit, e) : rc;
    if (rc == 0) {
        memcpy(ret_commit, commit, sizeof commit);
        tidy(g);
    }
    return rc;
}

int git_head(struct git *g, char *ret_commit, struct err *e)
{
    struct stat st;
    struct err own = {0};

    if (stat(g->repo, &st) != 0 || resolve(g, "refs/tradewind/head", ret_commit, &own) != 0) {
        return co_canceled() ? -ERR_CANCELED
                             : err_set(e, ERR_NOTFOUND, "nothing was fetched from %s yet", g->url);
    }
    return 0;
}

/* ---- trees ---- */

static int check_tree(struct git *g, const char *commit, struct err *e)
{
    char what[200];
    struct run r = {
        .what = what,
        .argv = {"git", "--git-dir", g->repo, "ls-tree", "-r", "-l", "-z", "--full-tree", commit},
        .us = STEP_US};
    int rc;

    (void)snprintf(what, sizeof what, "commit %.12s", commit);
    rc = run_git(g, &r, e);
    rc = rc == 0 ? git_tree_check(r.out.p, r.out.len, g->subdir, commit, e) : rc;
    if (rc == 0 && r.out.len + 8192 > OUTPUT_MAX) {
        rc = err_set(e, ERR_LIMIT, "%s: the list of its files is too long", what);
    }
    run_fini(&r);
    return rc;
}

/* Into a folder under another name, made durable, renamed. */
static int make_tree(struct git *g, const char *commit, const char *path, struct err *e)
{
    char partial[3300], index[3400], index_env[3500], what[200];
    struct run r = {.what = what,
                    .argv = {"git", "--git-dir", g->repo, "--work-tree", partial, "-c",
                             "core.hooksPath=/dev/null", "-c", "advice.detachedHead=false",
                             "checkout", "--quiet", "--force", commit, "--", "."},
                    .more = {index_env},
                    .us = FETCH_US};
    struct git_tree_call seal = {.from = partial, .to = path, .e = e};
    char keep[200];
    int rc;

    (void)snprintf(what, sizeof what, "checkout of %.12s", commit);
    (void)snprintf(partial, sizeof partial, "%s/.%s.%ld", g->trees, commit, (long)getpid());
    (void)snprintf(index, sizeof index, "%s/.index.%ld", g->folder, (long)getpid());
    (void)snprintf(index_env, sizeof index_env, "GIT_INDEX_FILE=%s", index);
    (void)snprintf(keep, sizeof keep, "refs/tradewind/keep/%s", commit);
    (void)git_tree_remove(partial);
    (void)unlink(index);
    rc = make_folder(partial, e);
    rc = rc == 0 ? update_ref(g, keep, commit, e) : rc;
    rc = rc == 0 ? run_step(g, &r, e) : rc;
    rc = rc == 0 ? co_offload(g->pool, git_tree_seal, &seal) : rc;
    (void)unlink(index);
    return rc;
}

int git_checkout(struct git *g, const char *commit, char *ret_folder, size_t cap, struct err *e)
{
    char path[3300];
    struct stat st;
    int rc = is_commit(commit) ? 0 : err_set(e, ERR_INVALID, "'%s' is no commit", commit);

    if (rc != 0) {
        return rc;
    }
    (void)snprintf(path, sizeof path, "%s/%s", g->trees, commit);
    if (stat(path, &st) != 0) {
        rc = check_tree(g, commit, e);
        rc = rc == 0 ? make_tree(g, commit, path, e) : rc;
    }
    if (rc == 0 && snprintf(ret_folder, cap, "%s%s%s", path, g->subdir[0] != '\0' ? "/" : "",
                            g->subdir) >= (int)cap) {
        rc = err_set(e, ERR_LIMIT, "the path of a tree is too long");
    }
    if (rc == 0 && (stat(ret_folder, &st) != 0 || !S_ISDIR(st.st_mode))) {
        rc = err_set(e, ERR_NOTFOUND, "commit %.12s has no folder '%s'", commit, g->subdir);
    }
    return rc;
}

static bool is_kept(const char *name, const char *const *keep, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(name, keep[i]) == 0) {
            return true;
        }
    }
    return false;
}

static int remove_tree(struct git *g, const char *commit, struct err *e)
{
    char path[3300], gone[3400], keep[200];
    struct git_tree_call c = {.from = gone, .e = e};
    struct run r = {.what = "the repository's copy",
                    .argv = {"git", "--git-dir", g->repo, "update-ref", "-d", keep}};

    (void)snprintf(path, sizeof path, "%s/%s", g->trees, commit);
    (void)snprintf(gone, sizeof gone, "%s/.gone-%s", g->trees, commit);
    (void)snprintf(keep, sizeof keep, "refs/tradewind/keep/%s", commit);
    if (rename(path, gone) != 0) {
        return err_errno(e, errno, "cannot remove %s", path);
    }
    (void)run_step(g, &r, &(struct err){0});
    return co_offload(g->pool, git_tree_drop, &c);
}

int git_prune(struct git *g, const char *const *keep, size_t n, size_t *ret, struct err *e)
{
    char(*names)[GIT_COMMIT_MAX] = NULL;
    size_t len = 0, cap = 0;
    const struct dirent *d;
    DIR *dir = opendir(g->trees);
    int rc = dir == NULL ? err_errno(e, errno, "%s", g->trees) : 0;

    *ret = 0;
    while (rc == 0 && (d = readdir(dir)) != NULL) {
        if (is_commit(d->d_name) && !is_kept(d->d_name, keep, n)) {
            if (len == cap) {
                size_t grown = mem_grown(cap, len + 1);
                void *p = mem_resize(names, grown, sizeof *names);

                rc = p == NULL ? err_set(e, ERR_NOMEM, "out of memory for trees") : 0;
                names = p != NULL ? p : names;
                cap = p != NULL ? grown : cap;
            }
            if (rc == 0) {
                memcpy(names[len++], d->d_name, strlen(d->d_name) + 1); /* is_commit: it fits */
            }
        }
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
    for (size_t i = 0; rc == 0 && i < len; i++) {
        rc = remove_tree(g, names[i], e);
        *ret += rc == 0;
    }
    mem_free(names);
    return rc;
}
