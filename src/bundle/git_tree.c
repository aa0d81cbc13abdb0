#include "bundle/git_tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"
#include "bundle/git.h"

static bool is_below(const char *path, const char *subdir)
{
    size_t n = strlen(subdir);

    while (n > 0 && subdir[n - 1] == '/') {
        n--;
    }
    return n == 0 || (strncmp(path, subdir, n) == 0 && (path[n] == '/' || path[n] == '\0'));
}

/* MODE SP TYPE SP OBJECT SP+ SIZE TAB PATH NUL */
int git_tree_check(const char *list, size_t n, const char *subdir, const char *commit,
                   struct err *e)
{
    int64_t size = 0, files = 0;

    for (size_t at = 0; at < n; at += strnlen(list + at, n - at) + 1) {
        const char *line = list + at, *tab = memchr(line, '\t', n - at);
        const char *type = memchr(line, ' ', n - at);

        if (tab == NULL || type == NULL || type > tab || list[n - 1] != '\0') {
            return err_set(e, ERR_PROTOCOL, "unexpected output of git ls-tree");
        }
        if (strncmp(type + 1, "commit", 6) == 0 && is_below(tab + 1, subdir)) {
            return err_set(
                e, ERR_UNSUPPORTED,
                "commit %.12s has a submodule, %.300s: submodules are not fetched; put what "
                "the DAG files need into the repository, or into a bundle of its own",
                commit, tab + 1);
        }
        for (const char *p = tab; p > type; p--) {
            if (p[-1] == ' ') {
                size += strtoll(p, NULL, 10);
                break;
            }
        }
        if (++files > LIMIT_BUNDLE_FILES || size > (int64_t)LIMIT_BUNDLE_BYTES) {
            return err_set(e, ERR_LIMIT, "commit %.12s has more than %d files or %lld MiB", commit,
                           LIMIT_BUNDLE_FILES, (long long)(LIMIT_BUNDLE_BYTES >> 20));
        }
    }
    return 0;
}

int git_tree_seal(void *arg)
{
    const struct git_tree_call *c = arg;
    int fd = open(c->from, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;

    if (fd < 0 || syncfs(fd) != 0) {
        rc = err_errno(c->e, errno, "%s", c->from);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    if (rc == 0 && rename(c->from, c->to) != 0) {
        struct stat st;

        rc = stat(c->to, &st) == 0 ? 0 : err_errno(c->e, errno, "cannot make %s", c->to);
        (void)git_tree_remove(c->from);
    }
    return rc;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)at;
    (void)(kind == FTW_DP ? rmdir(path) : unlink(path));
    return 0;
}

int git_tree_remove(const char *path)
{
    struct stat st;

    if (lstat(path, &st) != 0) {
        return 0;
    }
    (void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return lstat(path, &st) == 0 ? -ERR_IO : 0;
}

int git_tree_drop(void *arg)
{
    const struct git_tree_call *c = arg;

    return git_tree_remove(c->from) == 0 ? 0
                                         : err_set(c->e, ERR_IO, "%s cannot be removed", c->from);
}

/* ---- what a killed process left ---- */

#define UNLOCK_WAIT_US 2000
#define UNLOCK_WAITS   1000

/* True for `git --git-dir REPO ...` of ours: nobody else works in this repository. */
static bool works_in(const char *pid, const char *repo)
{
    char path[300], words[4200];
    ssize_t n = -1;
    int fd;

    (void)snprintf(path, sizeof path, "/proc/%.20s/cmdline", pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        n = read(fd, words, sizeof words - 1);
        (void)close(fd);
    }
    if (n <= 0) {
        return false;
    }
    words[n] = '\0';
    return (size_t)n > strlen(repo) + 14 && memcmp(words, "git\0--git-dir\0", 14) == 0 &&
           strcmp(words + 14, repo) == 0;
}

/* Each leads a session: what it started ends with it. True: there was one. */
static bool end_left(const char *repo)
{
    DIR *dir = opendir("/proc");
    const struct dirent *d;
    bool any = false;

    while (dir != NULL && (d = readdir(dir)) != NULL) {
        if (d->d_name[0] >= '1' && d->d_name[0] <= '9' && works_in(d->d_name, repo)) {
            pid_t pid = (pid_t)strtol(d->d_name, NULL, 10);

            any = true;
            (void)kill(-pid, SIGKILL);
            (void)kill(pid, SIGKILL);
        }
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
    return any;
}

static int remove_lock(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    size_t n = strlen(path);

    (void)st;
    if (kind == FTW_F && ((n > 5 && strcmp(path + n - 5, ".lock") == 0) ||
                          strncmp(path + at->base, "tmp_", 4) == 0)) {
        (void)unlink(path);
    }
    return 0;
}

void git_tree_unlock(const char *repo)
{
    for (int i = 0; i < UNLOCK_WAITS && end_left(repo); i++) {
        (void)usleep(UNLOCK_WAIT_US);
    }
    (void)nftw(repo, remove_lock, 16, FTW_PHYS);
}

/* ---- URLs ---- */

static int hex_of(char c)
{
    return c >= '0' && c <= '9'                 ? c - '0'
           : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                : -1;
}

static void decode(const char *p, size_t n, char *out, size_t cap)
{
    size_t len = 0;

    for (size_t i = 0; i < n && len + 1 < cap; i++) {
        if (p[i] == '%' && i + 2 < n && hex_of(p[i + 1]) >= 0 && hex_of(p[i + 2]) >= 0) {
            out[len++] = (char)(hex_of(p[i + 1]) * 16 + hex_of(p[i + 2]));
            i += 2;
        } else {
            out[len++] = p[i];
        }
    }
    out[len] = '\0';
}

int git_split_url(const char *url, char *plain, char *user, char *password, size_t cap,
                  struct err *e)
{
    const char *host = strstr(url, "://"), *at, *colon;
    size_t n;

    user[0] = password[0] = '\0';
    if (strlen(url) >= cap) {
        return err_set(e, ERR_LIMIT, "the URL of a repository is too long");
    }
    (void)snprintf(plain, cap, "%s", url);
    if (host == NULL || strncmp(url, "http", 4) != 0) {
        return 0; /* ssh's user is no secret, and git needs it */
    }
    host += 3;
    n = strcspn(host, "/");
    at = memrchr(host, '@', n);
    if (at == NULL) {
        return 0;
    }
    colon = memchr(host, ':', (size_t)(at - host));
    decode(host, (size_t)((colon != NULL ? colon : at) - host), user, cap);
    if (colon != NULL) {
        decode(colon + 1, (size_t)(at - colon - 1), password, cap);
    }
    (void)snprintf(plain, cap, "%.*s%s", (int)(host - url), url, at + 1);
    return 0;
}
