/* Descriptors: waiting, and reading and writing whole buffers. The call comes first, the wait only
 * when it says EAGAIN. */
#include <assert.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "runtime/loop.h"
#include "runtime/loop_priv.h"

static struct co *self(void)
{
    struct co *c = co_self();

    assert(c != NULL);
    return c;
}

int co_wait_fd(int fd, int events, int *ret_events)
{
    struct co *c = self();
    int got, rc = co_check(c);

    if (rc != 0) {
        return rc;
    }
    rc = loop_want_uv(c->loop, "descriptors", NULL);
    if (rc != 0) {
        return rc;
    }
    if (fd < 0) {
        return -ERR_INVALID;
    }
    rc = loop_wait_fd(c->loop, fd, events, &got);
    if (rc == 0 && ret_events != NULL) {
        *ret_events = got;
    }
    return rc;
}

/* How every call begins: sees cancellation even if nothing needs to wait, and lets others run now
 * and then. */
static int begin(void)
{
    struct co *c = self();
    int rc = loop_want_uv(c->loop, "descriptors", NULL);

    if (rc != 0) {
        return rc;
    }
    rc = co_check(c);
    return rc != 0 ? rc : co_io_fair(c);
}

static int failed(int errnum)
{
    return err_errno(NULL, errnum, "descriptor");
}

int co_read(int fd, void *p, size_t n, size_t *ret_n)
{
    int rc = begin();

    while (rc == 0) {
        ssize_t k = read(fd, p, n);

        if (k >= 0) {
            *ret_n = (size_t)k;
            return 0;
        }
        if (errno == EAGAIN) {
            rc = co_wait_fd(fd, LOOP_READ, NULL);
        } else if (errno != EINTR) {
            return failed(errno);
        }
    }
    return rc;
}

int co_read_exact(int fd, void *p, size_t n)
{
    size_t got, done = 0;

    while (done < n) {
        int rc = co_read(fd, (char *)p + done, n - done, &got);

        if (rc != 0) {
            return rc;
        }
        if (got == 0) {
            return -ERR_CLOSED;
        }
        done += got;
    }
    return 0;
}

/* To a socket without SIGPIPE; the program ignores that signal, but a library's user may not. */
static ssize_t write_some(int fd, const void *p, size_t n)
{
    ssize_t k = send(fd, p, n, MSG_NOSIGNAL);

    return k < 0 && errno == ENOTSOCK ? write(fd, p, n) : k;
}

int co_write_all(int fd, const void *p, size_t n)
{
    size_t done = 0;
    int rc = begin();

    while (rc == 0 && done < n) {
        ssize_t k = write_some(fd, (const char *)p + done, n - done);

        if (k >= 0) {
            done += (size_t)k;
            if (done < n) {
                rc = co_io_fair(self());
            }
        } else if (errno == EAGAIN) {
            rc = co_wait_fd(fd, LOOP_WRITE, NULL);
        } else if (errno != EINTR) {
            return failed(errno);
        }
    }
    return rc;
}

int co_accept(int listen_fd, int *ret_fd)
{
    int rc = begin();

    while (rc == 0) {
        int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (fd >= 0) {
            *ret_fd = fd;
            return 0;
        }
        switch (errno) {
        case EAGAIN:
            rc = co_wait_fd(listen_fd, LOOP_READ, NULL);
            break;
        case EINTR:
        case ECONNABORTED: /* the peer went away before we looked */
            break;
        case EMFILE:
        case ENFILE:
            return -ERR_LIMIT;
        default:
            return failed(errno);
        }
    }
    return rc;
}

int co_wait_signal(int signum)
{
    struct co *c = self();
    int rc = co_check(c);

    if (rc == 0) {
        rc = loop_want_uv(c->loop, "signals", NULL);
    }
    return rc != 0 ? rc : loop_wait_signal(c->loop, signum);
}

struct signal_watch {
    int signum;
    on_signal_fn *on_signal;
    void *arg;
};

static int signal_main(void *arg)
{
    struct signal_watch *w = arg;

    while (co_wait_signal(w->signum) == 0) {
        w->on_signal(w->arg, w->signum);
    }
    mem_free(w);
    return 0;
}

int co_on_signal(struct co_group *group, int signum, on_signal_fn *on_signal, void *arg,
                 struct err *e)
{
    struct signal_watch *w = mem_zalloc(sizeof *w);
    int rc;

    if (w == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for a signal");
    }
    *w = (struct signal_watch){signum, on_signal, arg};
    rc = co_spawn(group, "signal", signal_main, w, NULL, e);
    if (rc != 0) {
        mem_free(w);
    }
    return rc;
}
