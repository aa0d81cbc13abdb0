#include "holder/tree.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"

static ssize_t read_file(const char *path, char *buf, size_t cap)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n;

    if (fd < 0) {
        return -1;
    }
    n = read(fd, buf, cap - 1);
    (void)close(fd);
    if (n >= 0) {
        buf[n] = '\0';
    }
    return n;
}

void boot_id_read(char buf[BOOT_ID_MAX])
{
    ssize_t n = read_file("/proc/sys/kernel/random/boot_id", buf, BOOT_ID_MAX);

    if (n != BOOT_ID_MAX - 1) {
        buf[0] = '\0';
    }
}

bool process_read(pid_t pid, struct tree_process *ret)
{
    char path[64], text[1024];
    const char *p;
    int ppid, session;
    unsigned long long start;
    char state;

    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    if (read_file(path, text, sizeof text) <= 0) {
        return false;
    }
    p = strrchr(text, ')'); /* the name in between may hold anything */
    if (p == NULL ||
        sscanf(p + 1,
               " %c %d %*d %d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
               &state, &ppid, &session, &start) != 4) {
        return false;
    }
    *ret = (struct tree_process){
        .pid = pid, .ppid = ppid, .session = session, .start = start, .state = state};
    return true;
}

static bool dead(const struct tree_process *p)
{
    return p->state == 'Z' || p->state == 'X';
}

bool process_lives(pid_t pid, uint64_t start)
{
    struct tree_process p;

    return process_read(pid, &p) && p.start == start && !dead(&p);
}

static bool has_entry(pid_t pid, const char *name, const char *value)
{
    char path[64], chunk[4096 + 1], want[256];
    size_t keep = 0, want_len;
    bool found = false;
    ssize_t n;
    int fd;

    (void)snprintf(path, sizeof path, "/proc/%d/environ", (int)pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    /* Entries end in NUL: look for NUL name=value NUL, with a NUL thought before the first. */
    want_len = (size_t)snprintf(want + 1, sizeof want - 1, "%s=%s", name, value) + 2;
    want[0] = '\0';
    chunk[0] = '\0';
    keep = 1;
    while (!found && (n = read(fd, chunk + keep, sizeof chunk - keep)) > 0) {
        size_t len = keep + (size_t)n;

        found = memmem(chunk, len, want, want_len) != NULL;
        keep = len < want_len ? len : want_len - 1;
        memmove(chunk, chunk + len - keep, keep);
    }
    (void)close(fd);
    return found;
}

bool process_has_attempt(pid_t pid, const char *attempt)
{
    return has_entry(pid, "TRADEWIND_ATTEMPT", attempt);
}

void tree_fini(struct tree *t)
{
    mem_free(t->items);
    *t = (struct tree){0};
}

void tree_add(struct tree *t, pid_t pid)
{
    struct tree_process p;

    for (size_t i = 0; i < t->len; i++) {
        if (t->items[i].pid == pid) {
            return;
        }
    }
    if (process_read(pid, &p) && !dead(&p)) {
        (void)!VEC_PUSH(t->items, t->len, t->cap, p);
    }
}

/* Adds the processes whose numbers stand in a /proc/PID/task/TID/children file. */
static void add_listed(struct tree *t, const char *path)
{
    char text[4096];
    long pid = 0;
    ssize_t n;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        return;
    }
    while ((n = read(fd, text, sizeof text)) > 0) {
        for (ssize_t i = 0; i < n; i++) {
            if (text[i] >= '0' && text[i] <= '9') {
                pid = pid * 10 + (text[i] - '0');
            } else if (pid != 0) {
                struct tree_process p;

                if (process_read((pid_t)pid, &p) && !dead(&p)) {
                    (void)!VEC_PUSH(t->items, t->len, t->cap, p);
                }
                pid = 0;
            }
        }
    }
    (void)close(fd);
}

/* The children of each thread stand in a file of their own. */
static void add_children(struct tree *t, pid_t parent)
{
    char path[320];
    struct dirent *entry;
    DIR *dir;

    (void)snprintf(path, sizeof path, "/proc/%d/task", (int)parent);
    dir = opendir(path);
    if (dir == NULL) {
        return;
    }
    while ((entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] != '.') {
            (void)snprintf(path, sizeof path, "/proc/%d/task/%s/children", (int)parent,
                           entry->d_name);
            add_listed(t, path);
        }
    }
    (void)closedir(dir);
}

/* Kernels without CONFIG_PROC_CHILDREN: look at every process's parent. */
static void add_children_slow(struct tree *t, pid_t parent)
{
    DIR *dir = opendir("/proc");
    struct dirent *entry;

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        struct tree_process p;
        long pid = strtol(entry->d_name, NULL, 10);

        if (pid > 0 && process_read((pid_t)pid, &p) && p.ppid == parent && !dead(&p)) {
            (void)!VEC_PUSH(t->items, t->len, t->cap, p);
        }
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
}

void tree_add_below(struct tree *t, pid_t root)
{
    size_t next = t->len;
    bool fast = access("/proc/thread-self/children", R_OK) == 0;

    for (pid_t parent = root;; parent = t->items[next++].pid) {
        if (fast) {
            add_children(t, parent);
        } else {
            add_children_slow(t, parent);
        }
        if (next >= t->len) {
            return;
        }
    }
}

static void add_marked(struct tree *t, const char *name, const char *value, pid_t session)
{
    DIR *dir = opendir("/proc");
    struct dirent *entry;

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        struct tree_process p;
        long pid = strtol(entry->d_name, NULL, 10);

        if (pid <= 1 || pid == getpid() || !process_read((pid_t)pid, &p) || dead(&p)) {
            continue;
        }
        if ((session > 1 && p.session == session) || has_entry((pid_t)pid, name, value)) {
            size_t first = t->len;

            tree_add(t, (pid_t)pid);
            if (t->len > first) {
                tree_add_below(t, (pid_t)pid);
            }
        }
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
}

void tree_add_attempt(struct tree *t, const char *attempt, pid_t session)
{
    add_marked(t, "TRADEWIND_ATTEMPT", attempt, session);
}

void tree_add_of_holder(struct tree *t, const char *holder)
{
    add_marked(t, HOLDER_MARK, holder, 0);
}

size_t tree_signal(const struct tree *t, int signum)
{
    size_t n = 0;

    for (size_t i = 0; i < t->len; i++) {
        struct tree_process now;
        int fd = (int)syscall(SYS_pidfd_open, t->items[i].pid, 0);

        /* The descriptor is of the process that has the pid now; once it is seen to be ours it
         * cannot become another. */
        if (!process_read(t->items[i].pid, &now) || now.start != t->items[i].start) {
            if (fd >= 0) {
                (void)close(fd);
            }
            continue;
        }
        n++;
        if (fd < 0) { /* a kernel before 5.3, or no descriptor left */
            (void)kill(t->items[i].pid, signum);
            continue;
        }
        (void)syscall(SYS_pidfd_send_signal, fd, signum, NULL, 0);
        (void)close(fd);
    }
    return n;
}
