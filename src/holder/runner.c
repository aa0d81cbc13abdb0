/*
 * The Python runner: one child of the holder, made on demand, made again when it died. Attempts do
 * not depend on it once their task runs: each has a control socket of its own (control.c).
 *
 * A frame is sent with its descriptors on the first byte. What was sent to a runner that died is
 * known to be lost by the end of the attempt's control socket, all other ends of which are closed
 * with the runner; what was not sent yet goes to the next one.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "holder/priv.h"
#include "holder/spawn.h"

static void socket_ready(struct holder *h, struct source *s, uint32_t events);
static void runner_lost(struct holder *h);

/* ---- frames ---- */

static void frame_free(struct runner_frame *f)
{
    for (int i = 0; i < 2; i++) {
        if (f->fds[i] >= 0) {
            (void)close(f->fds[i]);
        }
    }
    if (f->bytes != NULL) {
        explicit_bzero(f->bytes, f->len); /* the environment is in it */
    }
    mem_free(f->bytes);
    mem_free(f);
}

static void frame_drop(struct runner *r, struct runner_frame **at)
{
    struct runner_frame *f = *at;

    *at = f->next;
    if (r->frames_end == &f->next) {
        r->frames_end = at;
    }
    frame_free(f);
}

/* Takes the descriptors, also on failure. */
static int frame_add(struct runner *r, const char *attempt, struct buf *frame, int out_fd,
                     int control_fd)
{
    struct runner_frame *f = mem_zalloc(sizeof *f);

    if (f == NULL || buf_status(frame) != 0) {
        if (out_fd >= 0) {
            (void)close(out_fd);
            (void)close(control_fd);
        }
        mem_free(f);
        return -ERR_NOMEM;
    }
    (void)snprintf(f->attempt, sizeof f->attempt, "%s", attempt);
    f->fds[0] = out_fd;
    f->fds[1] = control_fd;
    f->len = frame->len;
    f->bytes = buf_take(frame);
    *r->frames_end = f;
    r->frames_end = &f->next;
    return 0;
}

static ssize_t frame_send(int fd, struct runner_frame *f)
{
    union {
        char bytes[CMSG_SPACE(2 * sizeof(int))];
        struct cmsghdr align;
    } control = {0};
    struct iovec iov = {.iov_base = f->bytes + f->sent, .iov_len = f->len - f->sent};
    struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};

    if (f->sent == 0 && f->fds[0] >= 0) {
        struct cmsghdr *c;

        message.msg_control = control.bytes;
        message.msg_controllen = sizeof control.bytes;
        c = CMSG_FIRSTHDR(&message);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(2 * sizeof(int));
        memcpy(CMSG_DATA(c), f->fds, 2 * sizeof(int));
    }
    return sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void pump(struct holder *h)
{
    struct runner *r = &h->runner;

    while (r->frames != NULL && r->socket.fd >= 0) {
        struct runner_frame *f = r->frames;
        ssize_t n = frame_send(r->socket.fd, f);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            break; /* full, or the runner is dying: its end is about to be seen */
        }
        f->sent += (size_t)n;
        for (int i = 0; i < 2; i++) {
            if (f->fds[i] >= 0) {
                (void)close(f->fds[i]);
                f->fds[i] = -1;
            }
        }
        if (f->sent == f->len) {
            frame_drop(r, &r->frames);
        }
    }
    if (r->socket.fd >= 0) {
        holder_rewatch(h, &r->socket, EPOLLIN | (r->frames != NULL ? EPOLLOUT : 0));
    }
}

/* ---- the process ---- */

static void errors_ready(struct holder *h, struct source *s, uint32_t events)
{
    ssize_t n = read(s->fd, h->chunk, OUTPUT_CHUNK);

    if (n > 0) {
        last_line_feed(&h->runner.error_line, h->chunk, (size_t)n);
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        holder_unwatch(h, s);
        (void)close(s->fd);
        s->fd = -1;
    }
}

static int runner_spawn(struct holder *h, int socket_fd, int errors_fd, struct err *e)
{
    struct spawn spawn = {
        .argv = h->runner.argv,
        .env = h->runner.env,
        .cwd = h->runner.cwd,
        .out = errors_fd,
        .errout = errors_fd,
        .extra = socket_fd,
        .cgroup_fd = -1,
        .oom_score_adj_reset = h->oom_score_adj,
    };

    return spawn_process(&spawn, &h->runner.pid, e);
}

/* Nothing may be left watched of the one before. */
static void runner_close(struct holder *h)
{
    struct source *sources[] = {&h->runner.socket, &h->runner.errors};

    for (int i = 0; i < 2; i++) {
        if (sources[i]->fd >= 0) {
            holder_unwatch(h, sources[i]);
            (void)close(sources[i]->fd);
            sources[i]->fd = -1;
        }
    }
    wire_reader_clear(&h->runner.reader);
}

/* A runner that died may not have been reaped yet: its socket tells. */
static bool runner_lives(struct holder *h)
{
    struct runner *r = &h->runner;
    char byte;

    return r->pid != 0 && r->socket.fd >= 0 &&
           recv(r->socket.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) != 0;
}

static int runner_ensure(struct holder *h, struct err *e)
{
    struct runner *r = &h->runner;
    int sockets[2], errors[2], rc;

    if (runner_lives(h)) {
        return 0;
    }
    runner_lost(h);
    if (r->argv == NULL) {
        return err_set(e, ERR_INVALID, "the holder is not set up for Python");
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0) {
        return err_errno(e, errno, "cannot make a socket pair for the Python runner");
    }
    if (pipe2(errors, O_CLOEXEC) != 0) {
        (void)close(sockets[0]);
        (void)close(sockets[1]);
        return err_errno(e, errno, "cannot make a pipe for the Python runner");
    }
    (void)fcntl(sockets[0], F_SETFL, O_NONBLOCK);
    (void)fcntl(errors[0], F_SETFL, O_NONBLOCK);
    rc = runner_spawn(h, sockets[1], errors[1], e);
    (void)close(sockets[1]);
    (void)close(errors[1]);
    if (rc != 0) {
        r->pid = 0;
        (void)close(sockets[0]);
        (void)close(errors[0]);
        return err_prefix(e, rc, "the Python runner");
    }
    r->socket.ready = socket_ready;
    r->errors.ready = errors_ready;
    last_line_clear(&r->error_line);
    if (holder_watch(h, &r->socket, sockets[0], EPOLLIN) != 0) {
        (void)close(sockets[0]);
    }
    if (holder_watch(h, &r->errors, errors[0], EPOLLIN) != 0) {
        (void)close(errors[0]);
    }
    return r->socket.fd >= 0 ? 0 : err_set(e, ERR_IO, "cannot watch the Python runner");
}

/* ---- attempts ---- */

static void start_write(const struct attempt *a, struct buf *out)
{
    struct json_writer w;
    size_t mark;

    (void)wire_begin(out, &mark);
    json_writer_init(&w, out, 0);
    json_object(&w);
    json_key(&w, "v");
    json_int(&w, WIRE_VERSION);
    json_key(&w, "type");
    json_string(&w, "start");
    json_key(&w, "attempt");
    json_string(&w, a->id);
    json_key(&w, "python");
    json_value(&w, a->spec);
    json_key(&w, "env");
    json_array(&w);
    for (size_t i = 0; a->env[i] != NULL; i++) {
        json_string(&w, a->env[i]);
    }
    json_array_end(&w);
    json_object_end(&w);
    if (wire_end(out, mark) != 0) {
        out->status = -ERR_NOMEM;
    }
}

void runner_start_attempt(struct holder *h, struct attempt *a, int out_fd)
{
    struct buf frame BUF_CLEANUP = {0};
    struct err e = {0};
    int control[2];

    buf_init(&frame, LIMIT_MESSAGE + WIRE_HEADER);
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, control) != 0) {
        (void)close(out_fd);
        attempt_fail(h, a, "cannot make a socket pair for the task");
        return;
    }
    (void)fcntl(control[0], F_SETFL, O_NONBLOCK);
    a->control.ready = control_ready;
    a->control.owner = a;
    if (holder_watch(h, &a->control, control[0], EPOLLIN) != 0) {
        (void)close(control[0]);
        (void)close(control[1]);
        (void)close(out_fd);
        attempt_fail(h, a, "cannot watch the task's socket");
        return;
    }
    start_write(a, &frame);
    if (frame_add(&h->runner, a->id, &frame, out_fd, control[1]) != 0) {
        attempt_fail(h, a, "no memory to give the attempt to the Python runner");
        return;
    }
    a->state = ATTEMPT_STARTING;
    a->sends++;
    a->begun_boot_us = h->now_us;
    if (runner_ensure(h, &e) != 0) {
        runner_take_back(h, a);
        attempt_fail(h, a, err_str(&e));
        return;
    }
    pump(h);
}

bool runner_take_back(struct holder *h, const struct attempt *a)
{
    for (struct runner_frame **f = &h->runner.frames; *f != NULL; f = &(*f)->next) {
        if (strcmp((*f)->attempt, a->id) == 0) {
            if ((*f)->sent != 0) {
                return false;
            }
            frame_drop(&h->runner, f);
            return true;
        }
    }
    return false;
}

/* ---- parsing ---- */

int runner_parse(struct holder *h, const char *id_json, const struct value *request)
{
    struct parse_request *p = mem_alloc(sizeof *p + strlen(id_json) + 1);
    struct buf frame BUF_CLEANUP = {0};
    struct json_writer w;
    struct err e = {0};
    size_t mark;

    buf_init(&frame, LIMIT_MESSAGE + WIRE_HEADER);
    if (p == NULL) {
        return -ERR_NOMEM;
    }
    memcpy(p->id, id_json, strlen(id_json) + 1);
    if (runner_ensure(h, &e) != 0) {
        mem_free(p);
        return engine_parsed(h, id_json, NULL, err_str(&e));
    }
    (void)wire_begin(&frame, &mark);
    json_writer_init(&w, &frame, 0);
    json_object(&w);
    json_key(&w, "v");
    json_int(&w, WIRE_VERSION);
    json_key(&w, "type");
    json_string(&w, "parse");
    json_key(&w, "id");
    json_raw(&w, id_json, strlen(id_json));
    json_key(&w, "request");
    json_value(&w, request);
    json_object_end(&w);
    if (wire_end(&frame, mark) != 0 || frame_add(&h->runner, "", &frame, -1, -1) != 0) {
        mem_free(p);
        return -ERR_NOMEM;
    }
    p->next = h->runner.parses;
    h->runner.parses = p;
    pump(h);
    return 0;
}

static void on_parsed(struct holder *h, const struct value *message)
{
    const struct value *id = value_get(message, "id"), *response = value_get(message, "response");
    const char *error = message_string(message, "error");
    struct buf text BUF_CLEANUP = {0};
    struct json_writer w;

    buf_init(&text, KiB(4));
    if (id == NULL) {
        return;
    }
    json_writer_init(&w, &text, 0);
    json_value(&w, id);
    for (struct parse_request **p = &h->runner.parses; *p != NULL; p = &(*p)->next) {
        if (strcmp((*p)->id, buf_cstr(&text)) == 0) {
            struct parse_request *found = *p;

            *p = found->next;
            if (response == NULL && error == NULL) {
                error = "the Python runner gave no answer";
            }
            if (engine_parsed(h, found->id, response, error) != 0) {
                engine_close(h); /* it asks again on its next connection */
            }
            mem_free(found);
            return;
        }
    }
}

static void parses_fail(struct holder *h, const char *error)
{
    while (h->runner.parses != NULL) {
        struct parse_request *p = h->runner.parses;

        h->runner.parses = p->next;
        if (engine_parsed(h, p->id, NULL, error) != 0) {
            engine_close(h);
        }
        mem_free(p);
    }
}

/* ---- what the runner says, and its end ---- */

static void frames_take(struct holder *h)
{
    const char *body;
    size_t n;
    int rc;

    while ((rc = wire_reader_next(&h->runner.reader, &body, &n)) == 1) {
        const struct value *message;
        const char *type;
        struct arena arena;

        arena_init(&arena, MESSAGE_ARENA_MAX);
        rc = wire_parse(&arena, body, n, &message, &type, NULL);
        if (rc == 0 && strcmp(type, "parsed") == 0) {
            on_parsed(h, message);
        }
        arena_fini(&arena);
        if (rc != 0) {
            break;
        }
    }
    if (rc != 0) {
        parses_fail(h, "the Python runner's answer could not be read");
        runner_close(h); /* it ends with its socket; the next attempt makes another */
    }
}

static void socket_ready(struct holder *h, struct source *s, uint32_t events)
{
    size_t room;
    ssize_t n;
    char *p;

    if ((events & EPOLLOUT) != 0) {
        pump(h);
    }
    if ((events & ~(uint32_t)EPOLLOUT) == 0 || s->fd < 0 ||
        wire_reader_room(&h->runner.reader, KiB(16), &p, &room) != 0) {
        return;
    }
    n = recv(s->fd, p, room, MSG_DONTWAIT);
    if (n > 0) {
        wire_reader_filled(&h->runner.reader, (size_t)n);
        frames_take(h);
    } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
        holder_unwatch(h, s);
        (void)close(s->fd);
        s->fd = -1;
    }
}

/* The last words, for the errors of those who waited for it. */
const char *runner_last_words(struct holder *h, char *text, size_t n)
{
    size_t len;
    const char *line;

    if (h->runner.errors.fd >= 0) {
        errors_ready(h, &h->runner.errors, 0);
    }
    line = last_line_get(&h->runner.error_line, &len);
    (void)snprintf(text, n, "the Python runner ended before the task began%s%.*s",
                   len != 0 ? ": " : "", (int)(len < 300 ? len : 300), line);
    return text;
}

/* What was with the runner is lost; starts that were not sent yet stay for the next. */
static void runner_lost(struct holder *h)
{
    char words[512];

    h->runner.pid = 0;
    (void)runner_last_words(h, words, sizeof words);
    for (struct runner_frame **f = &h->runner.frames; *f != NULL;) {
        if ((*f)->sent != 0 || (*f)->attempt[0] == '\0') {
            frame_drop(&h->runner, f);
        } else {
            f = &(*f)->next;
        }
    }
    parses_fail(h, words);
    runner_close(h);
}

void runner_ended(struct holder *h, int status)
{
    runner_lost(h);
    if (h->runner.frames != NULL) {
        struct err e = {0};

        if (runner_ensure(h, &e) == 0) {
            pump(h);
        }
    }
}

void runner_stop(struct holder *h)
{
    runner_close(h); /* it ends with its socket */
}
