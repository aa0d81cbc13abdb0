/*
 * Out of memory is said only when the kernel's own counter says so (rule 8): where the holder may
 * make a cgroup (v2, memory controller delegated to its parent), its tasks enter it, and `oom_kill`
 * of its memory.events is compared around each. Elsewhere oom is false.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "holder/priv.h"

static bool read_text(const char *path, char *buf, size_t cap)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n;

    if (fd < 0) {
        return false;
    }
    n = read(fd, buf, cap - 1);
    (void)close(fd);
    if (n < 0) {
        return false;
    }
    buf[n] = '\0';
    return true;
}

/* Our own cgroup's folder. The unified hierarchy is mounted where every system mounts it. */
static bool own_cgroup(char folder[PATH_MAX])
{
    char text[4096];
    const char *line;
    size_t n;

    if (access("/sys/fs/cgroup/cgroup.controllers", F_OK) != 0 ||
        !read_text("/proc/self/cgroup", text, sizeof text)) {
        return false;
    }
    line = strncmp(text, "0::", 3) == 0 ? text : strstr(text, "\n0::");
    if (line == NULL) {
        return false;
    }
    line = strstr(line, "0::") + 3;
    n = strcspn(line, "\n");
    return snprintf(folder, PATH_MAX, "/sys/fs/cgroup%.*s", (int)n, line) < PATH_MAX - 128;
}

static int64_t oom_count(int fd)
{
    char text[1024];
    const char *line;
    ssize_t n = pread(fd, text, sizeof text - 1, 0);

    if (n <= 0) {
        return -1;
    }
    text[n] = '\0';
    line = strstr(text, "oom_kill ");
    return line != NULL ? strtoll(line + strlen("oom_kill "), NULL, 10) : -1;
}

void cgroup_open(struct holder *h)
{
    char folder[PATH_MAX], path[PATH_MAX + 128];

    h->cgroup_procs = h->cgroup_events = -1;
    if (!own_cgroup(folder)) {
        return;
    }
    (void)snprintf(path, sizeof path, "%s/tradewind-%s", folder, h->id);
    if (mkdir(path, 0755) != 0 && errno != EEXIST) {
        return;
    }
    (void)snprintf(path, sizeof path, "%s/tradewind-%s/memory.events", folder, h->id);
    h->cgroup_events = open(path, O_RDONLY | O_CLOEXEC);
    (void)snprintf(path, sizeof path, "%s/tradewind-%s/cgroup.procs", folder, h->id);
    h->cgroup_procs = h->cgroup_events >= 0 ? open(path, O_WRONLY | O_CLOEXEC) : -1;
    h->cgroup_oom = h->cgroup_events >= 0 ? oom_count(h->cgroup_events) : -1;
    if (h->cgroup_procs < 0 || h->cgroup_oom < 0) {
        cgroup_close(h);
    }
}

void cgroup_close(struct holder *h)
{
    char folder[PATH_MAX], path[PATH_MAX + 128];

    if (h->cgroup_procs >= 0) {
        (void)close(h->cgroup_procs);
    }
    if (h->cgroup_events >= 0) {
        (void)close(h->cgroup_events);
    }
    h->cgroup_procs = h->cgroup_events = -1;
    if (own_cgroup(folder)) {
        (void)snprintf(path, sizeof path, "%s/tradewind-%s", folder, h->id);
        (void)rmdir(path);
    }
}

bool cgroup_oom_grew(struct holder *h)
{
    int64_t now;
    bool grew;

    if (h->cgroup_events < 0) {
        return false;
    }
    now = oom_count(h->cgroup_events);
    grew = now > h->cgroup_oom;
    h->cgroup_oom = now >= 0 ? now : h->cgroup_oom;
    return grew;
}
