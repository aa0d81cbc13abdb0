/*
 * Unix sockets. A path longer than sun_path (108 bytes) is reached as /proc/self/fd/N/NAME, N being
 * its opened folder. Starting listeners exclude each other by a lock on that folder, so that none
 * removes the socket that another has just made.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "runtime/loop.h"
#include "runtime/loop_priv.h"

#define BACKLOG      128
#define RETRY_MIN_US 500
#define RETRY_MAX_US 50000

struct place {
    int dir_fd; /* owned */
    struct sockaddr_un addr;
};

/* Opens the folder of `path` and makes an address that fits. */
static int place_open(struct place *p, const char *path, struct err *e)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    char *dir;
    int n;

    if (slash == NULL) {
        dir = mem_strdup(".");
    } else {
        dir = mem_strndup(path, slash == path ? 1 : (size_t)(slash - path));
    }
    if (dir == NULL) {
        return err_set(e, ERR_NOMEM, "%s: out of memory", path);
    }
    p->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (p->dir_fd < 0) {
        n = err_errno(e, errno, "%s", dir);
        mem_free(dir);
        return n;
    }
    mem_free(dir);
    memset(&p->addr, 0, sizeof p->addr);
    p->addr.sun_family = AF_UNIX;
    if (strlen(path) < sizeof p->addr.sun_path) {
        n = snprintf(p->addr.sun_path, sizeof p->addr.sun_path, "%s", path);
    } else {
        n = snprintf(p->addr.sun_path, sizeof p->addr.sun_path, "/proc/self/fd/%d/%s", p->dir_fd,
                     name);
    }
    if (*name == '\0' || n <= 0 || (size_t)n >= sizeof p->addr.sun_path) {
        (void)close(p->dir_fd);
        return err_set(e, ERR_LIMIT, "%s: the name of a socket has 1 to 80 bytes", path);
    }
    return 0;
}

static int socket_new(int *ret_fd, struct err *e)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0) {
        return err_errno(e, errno, "socket");
    }
    *ret_fd = fd;
    return 0;
}

static int try_connect(int fd, const struct place *p)
{
    return connect(fd, (const struct sockaddr *)&p->addr, sizeof p->addr) == 0 ? 0 : errno;
}

int co_connect_unix(const char *path, int *ret_fd, struct err *e)
{
    struct co *c = co_self();
    int64_t pause_us = RETRY_MIN_US;
    struct place p;
    int fd = -1, errnum, rc = co_check(c);

    if (rc != 0) {
        return err_set(e, (enum err_code) - rc, "%s: %s", path, err_text(rc));
    }
    rc = loop_want_uv(c->loop, path, e);
    if (rc != 0) {
        return rc;
    }
    rc = place_open(&p, path, e);
    if (rc != 0) {
        return rc;
    }
    rc = socket_new(&fd, e);
    while (rc == 0) {
        errnum = try_connect(fd, &p);
        if (errnum == 0) {
            (void)close(p.dir_fd);
            *ret_fd = fd;
            return 0;
        }
        if (errnum == EAGAIN) { /* its backlog is full, and the kernel offers nothing to wait for */
            rc = co_sleep(pause_us);
            pause_us = pause_us * 2 < RETRY_MAX_US ? pause_us * 2 : RETRY_MAX_US;
            if (rc != 0) {
                (void)err_set(e, (enum err_code) - rc, "%s: %s while its listener is busy", path,
                              err_text(rc));
            }
        } else if (errnum != EINTR) {
            rc = err_errno(e, errnum, "%s", path);
        }
        if (rc != 0) {
            (void)close(fd);
        }
    }
    (void)close(p.dir_fd);
    return rc;
}

/* 0: what lies at the path is a socket without a listener, and was removed. */
static int remove_dead(const struct place *p, const char *path, struct err *e)
{
    struct stat st;
    int fd = -1, errnum, rc;

    if (lstat(p->addr.sun_path, &st) != 0) {
        return errno == ENOENT ? 0 : err_errno(e, errno, "%s", path);
    }
    if (!S_ISSOCK(st.st_mode)) {
        return err_set(e, ERR_EXISTS, "%s: exists and is no socket", path);
    }
    rc = socket_new(&fd, e);
    if (rc != 0) {
        return rc;
    }
    errnum = try_connect(fd, p);
    (void)close(fd);
    if (errnum == 0 || errnum == EAGAIN) {
        return err_set(e, ERR_BUSY, "%s: another process listens there", path);
    }
    if (errnum != ECONNREFUSED) {
        return err_errno(e, errnum, "%s", path);
    }
    return unlink(p->addr.sun_path) == 0 ? 0 : err_errno(e, errno, "%s", path);
}

static int bind_listen(int fd, const struct place *p, const char *path, struct err *e)
{
    int rc = remove_dead(p, path, e);

    if (rc != 0) {
        return rc;
    }
    /* The mode of the socket itself becomes the file's: there is no moment with a wider one. */
    if (fchmod(fd, 0600) != 0 || bind(fd, (const struct sockaddr *)&p->addr, sizeof p->addr) != 0 ||
        listen(fd, BACKLOG) != 0) {
        return err_errno(e, errno, "%s", path);
    }
    return 0;
}

int listen_unix(const char *path, int *ret_fd, struct err *e)
{
    struct place p;
    int fd = -1, rc = place_open(&p, path, e);

    if (rc != 0) {
        return rc;
    }
    rc = socket_new(&fd, e);
    if (rc == 0) {
        while (flock(p.dir_fd, LOCK_EX) != 0 && errno == EINTR) {
        }
        rc = bind_listen(fd, &p, path, e);
        if (rc != 0) {
            (void)close(fd);
        } else {
            *ret_fd = fd;
        }
    }
    (void)close(p.dir_fd);
    return rc;
}
