/*
 * A link: our connection to one holder, and the coroutine that serves it.
 *
 *   FRESH ──hello──> READY ──connection ends──> LOST ──lock taken──> GONE
 *                      ^──────────hello───────────┘
 *
 * FRESH holders were started by us with one end of a socket pair: setup and starts are on their way
 * before they run. In LOST the coroutine tries the journal's lock: who gets it knows that the
 * holder is dead (dead.c); else it connects again. A hello tells all that the holder has: an
 * attempt of ours that it does not name was never begun.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "exec/local/local.h"
#include "holder/journal.h"
#include "runtime/loop.h"

#define OUT_MAX (2 * LIMIT_MESSAGE)
#define HELLO_WAIT_US \
    10000000 /* a holder that does not answer for so long is killed: its journal says the rest */
#define RETRY_US     2000
#define RETRY_MAX_US 200000

/* ---- sending ---- */

/* The rest of `out` that did not fit into the socket. */
static int writer_main(void *arg)
{
    struct link *k = arg;
    int fd = k->fd;

    while (k->fd == fd && fd >= 0 && k->out.len != 0) {
        ssize_t n = send(fd, k->out.p, k->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n > 0) {
            buf_consume(&k->out, (size_t)n);
        } else if (n < 0 && errno != EAGAIN && errno != EINTR) {
            break; /* the reader sees the end of the connection too */
        } else if (co_wait_fd(fd, LOOP_WRITE, NULL) != 0) {
            break;
        }
    }
    k->writing = false;
    return 0;
}

int link_send(struct link *k, const void *frame, size_t n)
{
    size_t before = k->out.len;
    ssize_t done = 0;

    if (k->fd < 0) {
        return 0; /* what is lost is found missing at the next hello */
    }
    if (before == 0) {
        done = send(k->fd, frame, n, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (done == (ssize_t)n || (done < 0 && errno != EAGAIN && errno != EINTR)) {
            return 0;
        }
        done = done > 0 ? done : 0;
    }
    if (buf_append(&k->out, (const char *)frame + done, n - (size_t)done) != 0) {
        int rc = k->out.status;

        k->out.status = 0;
        if (done != 0) { /* half a frame is on its way: only a new connection makes sense */
            (void)shutdown(k->fd, SHUT_RDWR);
        }
        return rc;
    }
    if (!k->writing) {
        k->writing = true;
        if (co_spawn(&k->local->group, "holder-write", writer_main, k, NULL, NULL) != 0) {
            k->writing = false;
            (void)shutdown(k->fd, SHUT_RDWR);
        }
    }
    return 0;
}

/* ---- what the holder says ---- */

static void on_started(struct link *k, const struct value *message)
{
    struct local *l = k->local;
    struct uuid attempt;
    uint64_t pid_start;
    int64_t pid, at_us;
    struct job *j;
    char id[UUID_TEXT_MAX];

    if (message_started_read(message, &attempt, &pid, &pid_start, &at_us) != 0) {
        return;
    }
    j = job_find(l, &attempt);
    if (j == NULL || (j->link != NULL && j->link != k)) {
        /* Nobody wants it any more: its claim is gone (rule 2). Its end is acknowledged when it
         * comes. */
        (void)!link_send_kill(k, uuid_format(&attempt, id), "not wanted any more", 0);
        return;
    }
    if (j->state == JOB_ENDED || j->state == JOB_STARTED) {
        return;
    }
    if (j->state == JOB_SENT) {
        TAILQ_REMOVE(&k->jobs, j, in_queue);
        k->jobs_len--;
        l->base.running--;
        j->state = JOB_SOUGHT;
    }
    job_to_link(j, k, JOB_STARTED);
    job_started(l, j, pid, at_us);
}

static void on_ended(struct link *k, const struct value *message)
{
    struct local *l = k->local;
    struct exec_end end;
    struct job *j;
    char id[UUID_TEXT_MAX];

    if (message_ended_read(message, &end) != 0) {
        return;
    }
    j = job_find(l, &end.attempt);
    if (j == NULL || (j->link != NULL && j->link != k)) {
        (void)!link_send_ack(k, uuid_format(&end.attempt, id));
        return;
    }
    if (j->link == NULL && j->state != JOB_SOUGHT) {
        return; /* its end is told otherwise */
    }
    j->link = k;
    job_ended(l, j, &end);
}

static void on_parsed(struct link *k, const struct value *message)
{
    const struct value *id = value_get(message, "id"), *response = value_get(message, "response");
    const struct value *error = value_get(message, "error");
    struct parse_wait *w;
    int64_t number;

    if (id == NULL || value_int(id, 0, INT64_MAX, &number) != 0) {
        return;
    }
    TAILQ_FOREACH(w, &k->local->parses, in_list)
    {
        struct json_writer json;
        struct buf text;

        if (w->id != number || w->done) {
            continue;
        }
        w->done = true;
        if (error != NULL && error->kind == VALUE_STRING) {
            w->rc = err_set(w->e, ERR_FAILED, "%s", error->text);
        } else {
            buf_init(&text, LIMIT_MESSAGE);
            json_writer_init(&json, &text, 0);
            json_value(&json, response);
            w->response = buf_take(&text);
            w->rc = w->response != NULL
                        ? 0
                        : err_set(w->e, ERR_NOMEM, "no memory for the runner's answer");
        }
        co_wake(w->waiter);
        return;
    }
}

static void parses_fail(struct link *k)
{
    struct parse_wait *w;

    TAILQ_FOREACH(w, &k->local->parses, in_list)
    {
        if (w->link == k && !w->done) {
            w->done = true;
            w->rc = err_set(w->e, ERR_CLOSED, "the holder of the Python runner is gone");
            co_wake(w->waiter);
        }
    }
}

/* All that the holder has was told. Attempts of ours that it does not know were never begun. */
static void settle(struct link *k)
{
    struct local *l = k->local;
    struct job *j, *next;

    if (k->state != LINK_FRESH) {
        for (j = TAILQ_FIRST(&k->jobs); j != NULL; j = next) {
            next = TAILQ_NEXT(j, in_queue);
            if (j->state == JOB_SENT) {
                job_requeue(l, j, "its holder lost the connection again and again");
            }
        }
    }
    k->state = LINK_READY;
    k->settled = true;
    TAILQ_FOREACH(j, &k->jobs, in_queue)
    {
        if (j->kill) { /* may have been asked for while there was no connection */
            (void)!link_send_kill(k, j->id, j->reason, j->grace_us);
        }
    }
    if (k->retiring) {
        (void)!link_send_simple(k, "drain");
    }
    co_cond_broadcast(&l->changed);
    local_dispatch(l);
}

static void on_hello(struct link *k, const struct value *message)
{
    const struct value *attempts = value_get(message, "attempts"),
                       *ends = value_get(message, "ends");
    const struct value *pid = value_get(message, "pid"), *more = value_get(message, "more_ends");
    int64_t more_ends = 0;

    if (pid != NULL) {
        (void)!value_int(pid, 1, INT32_MAX, &k->pid);
    }
    if (more != NULL) {
        (void)!value_int(more, 0, INT32_MAX, &more_ends);
    }
    for (size_t i = 0; attempts != NULL && attempts->kind == VALUE_ARRAY && i < attempts->len;
         i++) {
        on_started(k, attempts->elems[i]);
    }
    for (size_t i = 0; ends != NULL && ends->kind == VALUE_ARRAY && i < ends->len; i++) {
        on_ended(k, ends->elems[i]);
    }
    k->more_ends = (int)more_ends;
    if (more_ends == 0) {
        settle(k);
    }
}

static int on_frame(struct link *k, const char *body, size_t n)
{
    const struct value *message;
    const char *type;
    struct arena arena;
    struct err e = {0};
    int rc;

    arena_init(&arena, 8 * LIMIT_MESSAGE);
    rc = wire_parse(&arena, body, n, &message, &type, &e);
    if (rc == -ERR_PROTOCOL && !k->told) {
        k->told = true; /* the connection ends and is made again: said once */
        log_error("holder", "holder %s (process %lld) is not understood: %s", k->id,
                  (long long)k->pid, err_str(&e));
    }
    if (rc == 0) {
        if (strcmp(type, "started") == 0) {
            on_started(k, message);
        } else if (strcmp(type, "ended") == 0) {
            on_ended(k, message);
            if (k->more_ends != 0 && --k->more_ends == 0) {
                settle(k);
            }
        } else if (strcmp(type, "hello") == 0) {
            on_hello(k, message);
        } else if (strcmp(type, "parsed") == 0) {
            on_parsed(k, message);
        }
    }
    arena_fini(&arena);
    return rc;
}

/* SUSPENDS. Reads until the connection ends (-ERR_CLOSED), or we are cancelled. A lost message is
 * made up for after a new hello: so anything unusual just ends the connection. */
static int serve(struct link *k, bool until_ready)
{
    int rc = 0;

    while (rc == 0 && !(until_ready && k->state == LINK_READY)) {
        const char *body;
        char *p;
        size_t room, n;

        rc = wire_reader_room(&k->reader, KiB(16), &p, &room);
        if (rc == 0) {
            rc = co_read(k->fd, p, room, &n);
        }
        if (rc == 0 && n == 0) {
            rc = -ERR_CLOSED;
        }
        if (rc != 0) {
            break;
        }
        wire_reader_filled(&k->reader, n);
        while ((rc = wire_reader_next(&k->reader, &body, &n)) == 1) {
            rc = on_frame(k, body, n);
            if (rc != 0) {
                break;
            }
        }
    }
    return rc;
}

/* ---- the connection's life ---- */

static void disconnect(struct link *k)
{
    if (k->fd >= 0) {
        (void)close(k->fd);
    }
    k->fd = -1;
    buf_clear(&k->out);
    wire_reader_clear(&k->reader);
    parses_fail(k);
}

/* A holder that takes our connection and says nothing: stopped, or stuck. Its journal is as good as
 * its word. */
static void kill_hung(struct link *k)
{
    struct ucred peer = {0};
    socklen_t n = sizeof peer;

    if (getsockopt(k->fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) == 0 && peer.pid > 1) {
        (void)kill(peer.pid, SIGKILL);
    }
}

/* SUSPENDS. Connects to a living holder and has its hello. */
static int reconnect(struct link *k)
{
    struct buf setup BUF_CLEANUP = {0};
    struct co_deadline deadline;
    struct buf path BUF_CLEANUP = {0};
    int rc;

    buf_init(&setup, LIMIT_MESSAGE + KiB(4));
    buf_init(&path, KiB(64));
    (void)buf_printf(&path, "%s/%s.sock", k->local->dir, k->id);
    rc = buf_status(&path);
    if (rc == 0) {
        rc = message_setup(k->local, k, &setup);
    }
    if (rc != 0) {
        return rc;
    }
    co_deadline_begin(&deadline, HELLO_WAIT_US);
    rc = co_connect_unix(path.p, &k->fd, NULL);
    if (rc != 0) {
        k->fd = -1;
    } else {
        rc = co_write_all(k->fd, setup.p, setup.len);
        if (rc == 0) {
            rc = serve(k, true);
        }
        if (rc == -ERR_TIMEOUT) {
            kill_hung(k);
        }
    }
    co_deadline_end(&deadline);
    return rc;
}

/* SUSPENDS. From LOST to READY (0) or GONE (-ERR_CLOSED). */
static int find_again(struct link *k)
{
    struct local *l = k->local;
    int64_t pause_us = RETRY_US;
    char name[HOLDER_ID_MAX + 16];
    int rc, fd;

    (void)snprintf(name, sizeof name, "%s.journal", k->id);
    for (;;) {
        rc = journal_lock(l->dir_fd, name, false, &fd, NULL);
        if (rc == 0 || rc == -ERR_NOTFOUND) {
            rc = holder_bury(l, k, rc == 0 ? fd : -1);
            return rc != 0 ? rc : -ERR_CLOSED;
        }
        rc = reconnect(k);
        if (rc == 0 || rc == -ERR_CANCELED) {
            return rc;
        }
        disconnect(k);
        rc = co_sleep(pause_us);
        if (rc != 0) {
            return rc;
        }
        pause_us = pause_us * 2 < RETRY_MAX_US ? pause_us * 2 : RETRY_MAX_US;
    }
}

static int link_main(void *arg)
{
    struct link *k = arg;
    struct local *l = k->local;
    int rc = 0;

    while (rc != -ERR_CANCELED) {
        if (k->fd >= 0) {
            rc = serve(k, false);
            if (rc == -ERR_CANCELED) {
                break;
            }
            disconnect(k);
            k->state = LINK_LOST;
        }
        rc = find_again(k);
        if (rc == -ERR_CLOSED) {
            k->state = LINK_GONE;
            link_free(k);
            co_cond_broadcast(&l->changed);
            local_dispatch(l);
            return 0;
        }
    }
    return rc;
}

/* ---- links ---- */

void link_free(struct link *k)
{
    struct local *l = k->local;

    for (size_t i = 0; i < JOB_BUCKETS; i++) {
        for (struct job *j = l->jobs[i]; j != NULL; j = j->hash_next) {
            if (j->link == k) {
                assert(j->state == JOB_ENDED);
                j->link = NULL;
            }
        }
    }
    TAILQ_REMOVE(&l->links, k, in_list);
    disconnect(k);
    wire_reader_fini(&k->reader);
    buf_fini(&k->out);
    mem_free(k->interpreter);
    mem_free(k);
}

static struct link *link_new(struct local *l, const char *id)
{
    struct link *k = mem_zalloc(sizeof *k);

    if (k == NULL) {
        return NULL;
    }
    k->local = l;
    k->fd = -1;
    (void)snprintf(k->id, sizeof k->id, "%s", id);
    wire_reader_init(&k->reader);
    buf_init(&k->out, OUT_MAX);
    TAILQ_INIT(&k->jobs);
    TAILQ_INSERT_HEAD(&l->links, k, in_list);
    return k;
}

/* Names tell the kind, so that an adopting engine knows what to send: "t-" commands, "p-HASH-"
 * Python of that interpreter. */
static void id_make(struct local *l, bool python, const char *interpreter,
                    char id[HOLDER_ID_MAX + 1])
{
    const char *program = interpreter != NULL ? interpreter : python ? l->python_argv[0] : "";
    int64_t at = loop_wall_us(l->loop);
    unsigned long long n = ++l->next_id;

    if (python) {
        (void)snprintf(id, HOLDER_ID_MAX + 1, "p-%08x-%llx-%d-%llx",
                       hash_bytes(program, strlen(program)), (unsigned long long)at, (int)getpid(),
                       n);
    } else {
        (void)snprintf(id, HOLDER_ID_MAX + 1, "t-%llx-%d-%llx", (unsigned long long)at,
                       (int)getpid(), n);
    }
}

void link_mark(const char *id, char buf[HOLDER_MARK_MAX])
{
    (void)snprintf(buf, HOLDER_MARK_MAX, "%s=%s", HOLDER_MARK, id);
}

static int holder_spawn(struct local *l, const char *id, int fd, struct err *e)
{
    const char *argv[] = {l->program, l->dir, id, "3", NULL};
    char mark[HOLDER_MARK_MAX];
    const char *env[] = {"PATH=/usr/local/bin:/usr/bin:/bin", mark, NULL};
    struct child_spec spec = {
        .argv = argv,
        .env = env,
        .stdio = {-1, -1, -1},
        .extra_fd = fd,
        .new_session = true,
    };
    struct child *child;
    int rc;

    link_mark(id, mark);
    rc = child_spawn(l->loop, &spec, &child, e);

    if (rc != 0) {
        return err_prefix(e, rc, "cannot start a holder");
    }
    child_release(child);
    return 0;
}

int link_start(struct local *l, bool python, const char *interpreter, struct link **ret,
               struct err *e)
{
    struct buf setup BUF_CLEANUP = {0};
    char id[HOLDER_ID_MAX + 1];
    struct link *k;
    int fds[2], rc;

    buf_init(&setup, LIMIT_MESSAGE + KiB(4));
    id_make(l, python, interpreter, id);
    k = link_new(l, id);
    if (k == NULL) {
        return err_set(e, ERR_NOMEM, "no memory for a holder");
    }
    k->python = python;
    k->state = LINK_FRESH;
    k->settled = true;
    if (interpreter != NULL) {
        k->interpreter = mem_strdup(interpreter);
    }
    if ((interpreter != NULL && k->interpreter == NULL) || message_setup(l, k, &setup) != 0) {
        link_free(k);
        return err_set(e, ERR_NOMEM, "no memory for a holder");
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) != 0) {
        rc = err_errno(e, errno, "cannot make a socket pair for a holder");
        link_free(k);
        return rc;
    }
    k->fd = fds[0];
    rc = holder_spawn(l, id, fds[1], e);
    (void)close(fds[1]);
    if (rc == 0) {
        rc = link_send(k, setup.p, setup.len);
    }
    if (rc == 0) {
        rc = co_spawn(&l->group, "holder", link_main, k, NULL, e);
    }
    if (rc != 0) {
        link_free(k); /* a holder that runs already sees its connection closed, and idles out */
        return rc;
    }
    *ret = k;
    return 0;
}

int link_find(struct local *l, const char *holder_id, struct err *e)
{
    struct link *k;
    unsigned hash;
    int rc;

    TAILQ_FOREACH(k, &l->links, in_list)
    {
        if (strcmp(k->id, holder_id) == 0) {
            return 0;
        }
    }
    k = link_new(l, holder_id);
    if (k == NULL) {
        return err_set(e, ERR_NOMEM, "no memory for a holder");
    }
    k->state = LINK_LOST;
    k->python = sscanf(holder_id, "p-%8x-", &hash) == 1;
    /* The runner of another interpreter cannot be told how to start again: what it runs ends,
     * nothing new is sent. */
    k->retiring = k->python && (l->python_argv == NULL ||
                                hash != hash_bytes(l->python_argv[0], strlen(l->python_argv[0])));
    rc = co_spawn(&l->group, "holder", link_main, k, NULL, e);
    if (rc != 0) {
        link_free(k);
    }
    return rc;
}
