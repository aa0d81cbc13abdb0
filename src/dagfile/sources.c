/*
 * The contents of the files that Python DAGs were made from (`python` of their documents): home/sources/SHA256, one for each content, and
 * home/sources/TREE.json: path within the bundle -> hash. Written under other names, made durable, then renamed: what has its name is whole.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "dagfile/dagfile.h"
#include "model/dag.h"

#define NAME_MAX_BYTES 80
#define SYNC_EACH_MAX \
    16 /* from more new files on the file system is asked to write all that it has */

/* One process works in a home, on several threads: a file is not looked at for keeping and removed at once. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

struct keeping {
    const char *home;
    int dir;
    char (*names)[NAME_MAX_BYTES]; /* final names of what was written */
    size_t len, cap;
    struct map fresh; /* their hashes, which the documents own */
    struct err *e;
};

static bool is_hex(const struct value *v, size_t n)
{
    return v != NULL && v->kind == VALUE_STRING && v->len == n &&
           strspn(v->text, "0123456789abcdef") == n;
}

static void partial_name(const char *name, char *out, size_t cap)
{
    (void)snprintf(out, cap, ".%s.%ld", name, (long)getpid());
}

/* What is there already is made young: dagfile_prune_sources leaves it alone until its version is stored. */
static bool is_there(const struct keeping *k, const char *name)
{
    return map_find(&k->fresh, name, strlen(name)) != NULL || utimensat(k->dir, name, NULL, 0) == 0;
}

static int write_new(struct keeping *k, const char *name, const void *p, size_t n)
{
    char partial[NAME_MAX_BYTES + 24], whole[NAME_MAX_BYTES];
    int fd, rc = 0;

    partial_name(name, partial, sizeof partial);
    (void)snprintf(whole, sizeof whole, "%s", name);
    fd = openat(k->dir, partial, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400);
    if (fd < 0 && errno == EEXIST) { /* of a process of that number that was killed */
        (void)unlinkat(k->dir, partial, 0);
        fd = openat(k->dir, partial, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400);
    }
    if (fd < 0) {
        return err_errno(k->e, errno, "cannot write %s/sources/%s", k->home, name);
    }
    while (rc == 0 && n > 0) {
        ssize_t done = write(fd, p, n);

        if (done < 0 && errno != EINTR) {
            rc = err_errno(k->e, errno, "cannot write %s/sources/%s", k->home, name);
        } else if (done > 0) {
            p = (const char *)p + done;
            n -= (size_t)done;
        }
    }
    (void)close(fd);
    if (rc == 0 && k->len == k->cap) {
        size_t cap = mem_grown(k->cap, k->len + 1);
        void *grown = mem_resize(k->names, cap, sizeof *k->names);

        if (grown == NULL) {
            return err_set(k->e, ERR_NOMEM, "out of memory for the sources of a DAG");
        }
        k->names = grown;
        k->cap = cap;
    }
    if (rc == 0) {
        memcpy(k->names[k->len++], whole, sizeof whole);
    }
    return rc;
}

/* False: it cannot be read, or is another by now. */
static bool read_same(const char *path, const char *hash, struct buf *out)
{
    unsigned char digest[crypto_hash_sha256_BYTES];
    char hex[sizeof digest * 2 + 1];
    struct stat st;
    ssize_t n = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0) {
        return false;
    }
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (size_t)st.st_size <= LIMIT_SOURCE_BYTES &&
        buf_reserve(out, (size_t)st.st_size + 1) == 0) {
        n = read(fd, out->p, (size_t)st.st_size + 1);
        n = n == (ssize_t)st.st_size ? n : -1;
    } else {
        n = -1;
    }
    (void)close(fd);
    if (n < 0) {
        return false;
    }
    out->len = (size_t)n;
    (void)crypto_hash_sha256(digest, (const unsigned char *)out->p, out->len);
    (void)sodium_bin2hex(hex, sizeof hex, digest, sizeof digest);
    return strcmp(hex, hash) == 0;
}

static int keep_file(struct keeping *k, const char *root, const char *name, const char *hash)
{
    char path[8192];
    struct buf b BUF_CLEANUP;
    int n = snprintf(path, sizeof path, "%s/%s", root, name);

    buf_init(&b, LIMIT_SOURCE_BYTES + KiB(4));
    if (n >= (int)sizeof path || is_there(k, hash) || !read_same(path, hash, &b)) {
        return 0;
    }
    if (map_add(&k->fresh, hash, strlen(hash), (void *)hash, NULL) != 0) {
        return err_set(k->e, ERR_NOMEM, "out of memory for the sources of a DAG");
    }
    return write_new(k, hash, b.p, b.len);
}

static int keep_tree(struct keeping *k, const struct dag *d)
{
    const struct value *python = value_get(d->document, "python"), *tree, *root, *sources;
    char name[NAME_MAX_BYTES];
    struct json_writer w;
    struct buf b BUF_CLEANUP;
    int rc = 0;

    buf_init(&b, LIMIT_DOC_BYTES);
    tree = python != NULL ? value_get(python, "tree") : NULL;
    root = python != NULL ? value_get(python, "root") : NULL;
    sources = python != NULL ? value_get(python, "sources") : NULL;
    if (!is_hex(tree, 32) || root == NULL || root->kind != VALUE_STRING || sources == NULL ||
        sources->kind != VALUE_OBJECT || sources->len > LIMIT_SOURCE_FILES) {
        return 0;
    }
    (void)snprintf(name, sizeof name, "%s.json", tree->text);
    if (map_find(&k->fresh, tree->text, tree->len) != NULL || is_there(k, name)) {
        return 0; /* two DAGs of one file have the same */
    }
    for (size_t i = 0; rc == 0 && i < sources->len; i++) {
        rc = is_hex(sources->elems[i], 64)
                 ? keep_file(k, root->text, sources->keys[i].text, sources->elems[i]->text)
                 : 0;
    }
    json_writer_init(&w, &b, 0);
    json_value(&w, sources);
    if (rc == 0 && buf_status(&b) != 0) {
        rc = err_set(k->e, ERR_NOMEM, "out of memory for the sources of a DAG");
    }
    if (rc == 0 && map_add(&k->fresh, tree->text, tree->len, (void *)tree->text, NULL) != 0) {
        rc = err_set(k->e, ERR_NOMEM, "out of memory for the sources of a DAG");
    }
    return rc == 0 ? write_new(k, name, b.p, b.len) : rc;
}

static int sync_one(struct keeping *k, const char *partial)
{
    int fd = openat(k->dir, partial, O_RDONLY | O_CLOEXEC), rc = 0;

    if (fd < 0 || fsync(fd) != 0) {
        rc = err_errno(k->e, errno, "%s/sources/%s", k->home, partial);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return rc;
}

/* The contents are durable before they have their names, and the names before anyone is told of them. */
static int finish_all(struct keeping *k)
{
    char partial[NAME_MAX_BYTES + 24];
    int rc = 0;

    for (size_t i = 0; rc == 0 && k->len <= SYNC_EACH_MAX && i < k->len; i++) {
        partial_name(k->names[i], partial, sizeof partial);
        rc = sync_one(k, partial);
    }
    if (rc == 0 && k->len > SYNC_EACH_MAX && syncfs(k->dir) != 0) {
        rc = err_errno(k->e, errno, "%s/sources", k->home);
    }
    for (size_t i = 0; rc == 0 && i < k->len; i++) {
        partial_name(k->names[i], partial, sizeof partial);
        if (renameat(k->dir, partial, k->dir, k->names[i]) != 0) {
            rc = err_errno(k->e, errno, "%s/sources/%s", k->home, k->names[i]);
        }
    }
    if (rc == 0 && k->len != 0 && fsync(k->dir) != 0) {
        rc = err_errno(k->e, errno, "%s/sources", k->home);
    }
    return rc;
}

static void drop_partial(struct keeping *k)
{
    char partial[NAME_MAX_BYTES + 24];

    for (size_t i = 0; i < k->len; i++) {
        partial_name(k->names[i], partial, sizeof partial);
        (void)unlinkat(k->dir, partial, 0);
    }
}

int dagfile_keep_sources(const char *home, struct dag *const *dags, size_t n, struct err *e)
{
    struct keeping k = {.home = home, .dir = -1, .e = e};
    char path[4200];
    int rc = 0;

    (void)snprintf(path, sizeof path, "%s/sources", home);
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        return err_errno(e, errno, "cannot make %s", path);
    }
    k.dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (k.dir < 0) {
        return err_errno(e, errno, "cannot open %s", path);
    }
    map_init(&k.fresh);
    (void)pthread_mutex_lock(&lock);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        rc = keep_tree(&k, dags[i]);
    }
    rc = rc == 0 ? finish_all(&k) : rc;
    (void)pthread_mutex_unlock(&lock);
    if (rc != 0) {
        drop_partial(&k);
    }
    map_fini(&k.fresh);
    mem_free(k.names);
    (void)close(k.dir);
    return rc;
}

/* ---- removing ---- */

struct pruning {
    int dir;
    int64_t before_us;
    const struct map *trees;
    struct map contents; /* hashes that the trees that stay name; in the arena */
    struct arena arena;
    size_t removed;
    struct err *e;
};

/* The hashes that a tree names. A tree that cannot be read names nobody knows what: nothing is removed. */
static int note_contents(struct pruning *p, const char *name)
{
    struct value *sources;
    struct buf b BUF_CLEANUP;
    int fd = openat(p->dir, name, O_RDONLY | O_CLOEXEC), rc = 0;
    struct stat st;

    buf_init(&b, LIMIT_DOC_BYTES);
    if (fd < 0 || fstat(fd, &st) != 0 || buf_reserve(&b, (size_t)st.st_size) != 0 ||
        read(fd, b.p, (size_t)st.st_size) != st.st_size) {
        rc = err_errno(p->e, errno, "sources/%s", name);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    rc = rc == 0 ? value_parse(&p->arena, b.p, (size_t)st.st_size, &sources, p->e) : rc;
    if (rc != 0) {
        return err_prefix(p->e, rc, "sources/%s", name);
    }
    for (size_t i = 0; rc == 0 && sources->kind == VALUE_OBJECT && i < sources->len; i++) {
        const struct value *v = sources->elems[i];

        if (is_hex(v, 64) && map_find(&p->contents, v->text, v->len) == NULL) {
            rc = map_add(&p->contents, v->text, v->len, (void *)v->text, NULL);
        }
    }
    return rc == 0 ? 0 : err_set(p->e, ERR_NOMEM, "out of memory for the sources of DAGs");
}

/* A name of ours: a tree (*ret_tree) or a content, with or without the rest of a process that was killed. */
static bool is_ours(const char *name, bool *ret_tree)
{
    size_t hex = strspn(name, "0123456789abcdef");

    *ret_tree = hex == 32 && strcmp(name + hex, ".json") == 0;
    return *ret_tree || (hex == 64 && name[hex] == '\0');
}

static void remove_old(struct pruning *p, const char *name)
{
    struct stat st;

    (void)pthread_mutex_lock(&lock);
    if (fstatat(p->dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
        (int64_t)st.st_mtim.tv_sec * 1000000 < p->before_us && unlinkat(p->dir, name, 0) == 0) {
        p->removed++;
    }
    (void)pthread_mutex_unlock(&lock);
}

/* trees: notes what those name that stay, removes the others; else removes contents that none names. */
static int walk(struct pruning *p, bool trees)
{
    int fd = openat(p->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *entry;
    bool tree;

    if (d == NULL) {
        rc = err_errno(p->e, errno, "sources");
        if (fd >= 0) {
            (void)close(fd);
        }
        return rc;
    }
    while (rc == 0 && (entry = readdir(d)) != NULL) {
        const char *name = entry->d_name;

        if (!is_ours(name, &tree) || tree != trees) {
            continue;
        }
        if (tree && map_find(p->trees, name, 32) == NULL) {
            remove_old(p, name);
        }
        if (tree && faccessat(p->dir, name, F_OK, 0) == 0) {
            rc = note_contents(p, name);
        } else if (!tree && map_find(&p->contents, name, 64) == NULL) {
            remove_old(p, name);
        }
    }
    (void)closedir(d);
    return rc;
}

int dagfile_prune_sources(const char *home, const struct map *trees, int64_t before_us,
                          size_t *ret_removed, struct err *e)
{
    struct pruning p = {.before_us = before_us, .trees = trees, .e = e};
    char path[4200];
    int rc;

    *ret_removed = 0;
    (void)snprintf(path, sizeof path, "%s/sources", home);
    p.dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (p.dir < 0) {
        return errno == ENOENT ? 0 : err_errno(e, errno, "cannot open %s", path);
    }
    map_init(&p.contents);
    arena_init(&p.arena, MiB(512));
    rc = walk(&p, true);
    rc = rc == 0 ? walk(&p, false) : rc;
    *ret_removed = p.removed;
    map_fini(&p.contents);
    arena_fini(&p.arena);
    (void)close(p.dir);
    return rc;
}
