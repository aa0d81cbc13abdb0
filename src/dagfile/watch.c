/*
 * Watched are folders, never files: an editor that writes a new file in place of the old one is seen as well. The set is made anew after
 * each change (adding a folder again changes nothing); what is no longer there, the system forgets by itself.
 */
#include "dagfile/watch.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/time.h"
#include "runtime/loop.h"
#include "runtime/notify.h"

#define QUIET_US    (TIME_SECOND / 10) /* a save is often several changes */
#define BUSY_US     TIME_SECOND
#define DEPTH_MAX   24
#define FOLDERS_MAX 100000
#define CHANGES                                                                         \
    (IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE | IN_ATTRIB | \
     IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

struct watch {
    int fd;       /* inotify, or -1 */
    int poke_fd;  /* eventfd: a poke; -1 without inotify */
    int any_fd;   /* epoll of both: a waiter for a descriptor hears nothing else */
    char *folder; /* as it was given */
    int64_t poll_us;
    struct co *waiter; /* NULL: nobody waits */
    bool poked;
    char **files;              /* further ones */
    size_t files_len, folders; /* folders: watched in the round at hand */
    char why[PATH_MAX + 256];
};

static void say(struct watch *w, const char *what, const char *path)
{
    (void)snprintf(w->why, sizeof w->why, "%s: %s; it is looked at every %lld s", path, what,
                   (long long)(w->poll_us / TIME_SECOND));
}

static void add_folder(struct watch *w, const char *path)
{
    const char *why;
    int rc;

    if (w->folders++ >= FOLDERS_MAX) {
        say(w, "more folders than are watched", path);
        return;
    }
    rc = notify_add(w->fd, path, CHANGES, &why);
    if (rc != 0 && rc != -ERR_NOTFOUND) {
        say(w, why, path);
    }
}

/* The folders that hold the links of a path: that is where a link is swapped. */
static void add_links(struct watch *w, const char *path)
{
    char part[PATH_MAX], real[PATH_MAX];
    struct stat st;
    size_t n = strlen(path);

    if (n >= sizeof part) {
        return;
    }
    memcpy(part, path, n + 1);
    for (size_t end = n; end > 1; end--) {
        if (part[end] != '/' && part[end] != '\0') {
            continue;
        }
        part[end] = '\0';
        if (lstat(part, &st) != 0 || S_ISLNK(st.st_mode)) { /* absent: it may come */
            char *slash = strrchr(part, '/');

            *slash = '\0';
            if (realpath(slash == part ? "/" : part, real) != NULL) {
                add_folder(w, real);
            }
            *slash = '/';
        }
    }
}

static bool is_left_out(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, "__pycache__") == 0 ||
           strcmp(name, ".git") == 0;
}

static void add_tree(struct watch *w, const char *path, int depth);

static void add_entry(struct watch *w, const char *path, const struct dirent *d, int depth)
{
    char below[PATH_MAX];
    struct stat st;

    if (is_left_out(d->d_name) ||
        (d->d_type != DT_DIR && d->d_type != DT_LNK && d->d_type != DT_UNKNOWN) ||
        snprintf(below, sizeof below, "%s/%s", path, d->d_name) >= (int)sizeof below) {
        return;
    }
    if (d->d_type == DT_DIR || (stat(below, &st) == 0 && S_ISDIR(st.st_mode))) {
        add_tree(w, below, depth + 1);
    }
}

/* Links that lead round end at DEPTH_MAX. */
static void add_tree(struct watch *w, const char *path, int depth)
{
    const struct dirent *d;
    DIR *dir;

    if (depth > DEPTH_MAX || w->folders > FOLDERS_MAX) {
        return;
    }
    if (notify_is_remote(path)) {
        say(w, "a network file system does not tell of changes", path);
    }
    add_folder(w, path);
    dir = opendir(path);
    if (dir == NULL) {
        return;
    }
    while ((d = readdir(dir)) != NULL) {
        add_entry(w, path, d, depth);
    }
    (void)closedir(dir);
}

static void add_file(struct watch *w, const char *path)
{
    char real[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t n = slash != NULL ? (size_t)(slash - path) : 0;

    if (n == 0 || n >= sizeof real) {
        return;
    }
    memcpy(real, path, n);
    real[n] = '\0';
    add_links(w, path);
    if (notify_is_remote(real)) {
        say(w, "a network file system does not tell of changes", real);
    }
    add_folder(w, real);
}

static void watch_all(struct watch *w)
{
    w->why[0] = '\0';
    w->folders = 0;
    add_links(w, w->folder);
    add_tree(w, w->folder, 0);
    for (size_t i = 0; i < w->files_len; i++) {
        add_file(w, w->files[i]);
    }
}

static int join_fds(struct watch *w, struct err *e)
{
    struct epoll_event ev = {.events = EPOLLIN};

    w->poke_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    w->any_fd = epoll_create1(EPOLL_CLOEXEC);
    if (w->poke_fd < 0 || w->any_fd < 0 || epoll_ctl(w->any_fd, EPOLL_CTL_ADD, w->fd, &ev) != 0 ||
        epoll_ctl(w->any_fd, EPOLL_CTL_ADD, w->poke_fd, &ev) != 0) {
        return err_errno(e, errno, "cannot watch a folder");
    }
    return 0;
}

int watch_new(const char *folder, int64_t poll_us, struct watch **ret, struct err *e)
{
    struct watch *w = mem_zalloc(sizeof *w);
    int rc;

    if (w == NULL || (w->folder = mem_strdup(folder)) == NULL) {
        mem_free(w);
        return err_set(e, ERR_NOMEM, "out of memory for watching a folder");
    }
    w->poll_us = poll_us;
    w->fd = notify_open();
    w->poke_fd = w->any_fd = -1;
    if (w->fd >= 0 && (rc = join_fds(w, e)) != 0) {
        watch_free(w);
        return rc;
    }
    watch_all(w);
    *ret = w;
    return 0;
}

static void free_files(struct watch *w)
{
    for (size_t i = 0; i < w->files_len; i++) {
        mem_free(w->files[i]);
    }
    mem_free(w->files);
    w->files = NULL;
    w->files_len = 0;
}

void watch_free(struct watch *w)
{
    if (w == NULL) {
        return;
    }
    free_files(w);
    for (size_t i = 0; i < 3; i++) {
        int fd = i == 0 ? w->fd : i == 1 ? w->poke_fd : w->any_fd;

        if (fd >= 0) {
            (void)close(fd);
        }
    }
    mem_free(w->folder);
    mem_free(w);
}

int watch_files(struct watch *w, const char *const *paths, size_t n, struct err *e)
{
    char **copy = n != 0 ? mem_array(n, sizeof *copy) : NULL;
    size_t len = 0;

    while (copy != NULL && len < n && (copy[len] = mem_strdup(paths[len])) != NULL) {
        len++;
    }
    if (len < n) {
        while (len > 0) {
            mem_free(copy[--len]);
        }
        mem_free(copy);
        return err_set(e, ERR_NOMEM, "out of memory for watching files");
    }
    free_files(w);
    w->files = copy;
    w->files_len = n;
    watch_all(w);
    return 0;
}

const char *watch_why(const struct watch *w)
{
    return w->why[0] != '\0' ? w->why : NULL;
}

static bool concerns(void *arg, const struct inotify_event *ev)
{
    bool *any = arg;

    *any = *any || ((ev->mask & IN_IGNORED) == 0 && (ev->len == 0 || !is_left_out(ev->name)));
    return true; /* IN_Q_OVERFLOW concerns all */
}

/* Takes what was told. True if any of it may concern a DAG file. */
static bool take_events(struct watch *w)
{
    bool any = false;

    notify_read(w->fd, concerns, &any);
    return any;
}

void watch_poke(struct watch *w)
{
    w->poked = true;
    if (w->poke_fd >= 0) {
        (void)!write(w->poke_fd, &(uint64_t){1}, sizeof(uint64_t));
    } else if (w->waiter != NULL) {
        co_wake(w->waiter);
    }
}

/* SUSPENDS until the system tells something or somebody pokes, at most so long. *ret: that happened. */
static int wait_told(struct watch *w, int64_t us, bool *ret)
{
    struct co_deadline d;
    int rc = 0;

    if (us >= 0) {
        co_deadline_begin(&d, us);
    }
    w->waiter = co_self();
    while (rc == 0 && !(*ret = w->poked || (w->fd >= 0 && take_events(w)))) {
        rc = w->fd >= 0 ? co_wait_fd(w->any_fd, LOOP_READ, NULL) : co_suspend();
    }
    w->waiter = NULL;
    w->poked = false;
    if (w->poke_fd >= 0) {
        (void)!read(w->poke_fd, &(uint64_t){0}, sizeof(uint64_t));
    }
    if (us >= 0) {
        co_deadline_end(&d);
    }
    return rc == -ERR_TIMEOUT ? 0 : rc;
}

int watch_wait(struct watch *w, int64_t timeout_us, bool *ret)
{
    bool polls = w->why[0] != '\0';
    bool late = polls && (timeout_us < 0 || w->poll_us < timeout_us);
    struct loop *l = loop_current();
    int64_t until;
    bool more = true;
    int rc = wait_told(w, late ? w->poll_us : timeout_us, ret);

    if (rc == 0 && *ret) {
        until = loop_now_us(l) + BUSY_US;
        while (rc == 0 && more && loop_now_us(l) < until) {
            rc = wait_told(w, QUIET_US, &more);
        }
        watch_all(w);
    }
    *ret = *ret || (rc == 0 && late);
    return rc;
}
