/*
 * The engine's connection. It is served one at a time; a new one replaces the old.
 *
 * What is told is a matter of state, not of a queue of messages: every attempt knows whether its
 * `started` and `ended` were sent on this connection, and `pump` sends what is due while the socket
 * takes it. So a slow engine, a lack of memory or a lost connection delay a message, and never lose
 * it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "holder/priv.h"

#define READ_LEAST ((size_t)16384)
#define READS_MAX  64                /* of one turn */
#define OUT_FULL   ((size_t)65536)   /* no more is written while this much waits for the socket */
#define HELLO_ENDS ((size_t)4 << 20) /* ends beyond this follow the hello one by one */
#define OUT_MAX    (LIMIT_MESSAGE + MiB(1))

static void socket_ready(struct holder *h, struct source *s, uint32_t events);

static void listener_ready(struct holder *h, struct source *s, uint32_t events)
{
    int fd = accept4(s->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd >= 0) {
        engine_adopt_socket(h, fd);
    }
}

int engine_listen(struct holder *h, const char *name, struct err *e)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    mode_t mask;
    int rc;

    if (fd < 0) {
        return err_errno(e, errno, "cannot make a socket");
    }
    /* The name is relative to DIR, where the holder lives: a long TRADEWIND_HOME does not matter.
     */
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", name);
    (void)unlink(name);
    mask = umask(0177);
    rc = bind(fd, (const struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 16) == 0
             ? 0
             : errno;
    (void)umask(mask);
    if (rc != 0) {
        (void)close(fd);
        return err_errno(e, rc, "cannot listen on %s", name);
    }
    h->engine.listener.ready = listener_ready;
    return holder_watch(h, &h->engine.listener, fd, EPOLLIN);
}

void engine_close(struct holder *h)
{
    struct engine *en = &h->engine;

    if (en->socket.fd < 0) {
        return;
    }
    holder_unwatch(h, &en->socket);
    (void)close(en->socket.fd);
    en->socket.fd = -1;
    en->set_up = en->hello_due = en->writing = false;
    wire_reader_clear(&en->reader);
    buf_clear(&en->out);
    while (en->answers != NULL) {
        struct parsed_answer *next = en->answers->next;

        mem_free(en->answers);
        en->answers = next;
    }
    en->answers_end = &en->answers;
    attempts_forget_queued(h);
}

void engine_adopt_socket(struct holder *h, int fd)
{
    engine_close(h);
    h->engine.socket.ready = socket_ready;
    if (holder_watch(h, &h->engine.socket, fd, EPOLLIN) != 0) {
        (void)close(fd);
        h->engine.socket.fd = -1;
    }
}

/* ---- what the engine says ---- */

static int on_setup(struct holder *h, struct arena *arena, const struct value *message,
                    struct err *e)
{
    const struct value *python = value_get(message, "python"),
                       *idle = value_get(message, "idle_exit_s");
    const struct value *speaks = value_get(message, "speaks");
    char **env, **runner_argv = NULL, **runner_env = NULL;
    const char *cwd = NULL;
    int64_t idle_s = HOLDER_IDLE_EXIT_S, version = 1;
    size_t n;
    int rc = message_strings(arena, value_get(message, "env"), &env, &n, e);

    if (rc == 0 && speaks != NULL && value_int(speaks, 1, INT32_MAX, &version) != 0) {
        rc = err_set(e, ERR_PROTOCOL, "setup: speaks is not a version");
    }
    h->engine.version = version < WIRE_VERSION ? (int)version : WIRE_VERSION;
    if (rc == 0 && idle != NULL && idle->kind != VALUE_NULL &&
        value_int(idle, 0, INT64_C(1) << 32, &idle_s) != 0) {
        rc = err_set(e, ERR_PROTOCOL, "setup: idle_exit_s is not a number of seconds");
    }
    if (rc == 0 && python != NULL && python->kind == VALUE_OBJECT) {
        rc = message_strings(arena, value_get(python, "argv"), &runner_argv, &n, e);
        if (rc == 0 && n == 0) {
            rc = err_set(e, ERR_PROTOCOL, "setup: python.argv is empty");
        }
        if (rc == 0) {
            rc = message_strings(arena, value_get(python, "env"), &runner_env, &n, e);
        }
        cwd = message_string(python, "cwd");
    }
    if (rc != 0) {
        return rc;
    }
    arena_fini(&h->setup_arena);
    h->setup_arena = *arena;
    arena_init(arena, MESSAGE_ARENA_MAX);
    h->base_env = env;
    h->idle_exit_us = idle_s * 1000000;
    h->runner.argv = runner_argv;
    h->runner.env = runner_env;
    h->runner.cwd = cwd;
    h->engine.set_up = h->engine.hello_due = true;
    for (struct attempt *a = h->attempts; a != NULL; a = a->next) {
        a->started_sent = a->ended_sent = false;
    }
    return 0;
}

static size_t queued(const struct holder *h)
{
    size_t n = 0;

    for (const struct attempt *a = h->attempts; a != NULL; a = a->next) {
        n += a->state == ATTEMPT_QUEUED;
    }
    return n;
}

static int on_start(struct holder *h, struct arena *arena, const struct value *message,
                    struct err *e)
{
    const char *id = message_string(message, "attempt");
    struct attempt *a = id != NULL ? attempt_find(h, id) : NULL;
    struct err why = {0};
    int rc;

    if (a != NULL) {
        a->started_sent = a->ended_sent = false;
        return 0;
    }
    if (h->attempts_len >= (size_t)4 * LIMIT_ATTEMPTS) {
        return err_set(e, ERR_PROTOCOL, "start: too many ends are not acknowledged");
    }
    rc = message_start(h, arena, message, &a, &why);
    if (a == NULL) {
        return err_set(e, ERR_PROTOCOL, "%s", err_str(&why));
    }
    if (rc == 0 && h->attempts_len >= LIMIT_ATTEMPTS) {
        rc = err_set(&why, ERR_LIMIT, "the holder has as many attempts as it can");
    } else if (rc == 0 && !a->python && queued(h) >= HOLDER_QUEUE) {
        rc = err_set(&why, ERR_LIMIT,
                     "the holder has an attempt already, and as many waiting as it can");
    } else if (rc == 0 && a->python != (h->runner.argv != NULL)) {
        rc = err_set(&why, ERR_INVALID, "the holder is set up for %s attempts only",
                     a->python ? "other" : "Python");
    }
    attempt_add(h, a);
    if (rc != 0) {
        attempt_fail(h, a, err_str(&why));
    }
    return 0;
}

static int on_parse(struct holder *h, const struct value *message, struct err *e)
{
    const struct value *id = value_get(message, "id"), *request = value_get(message, "request");
    struct json_writer w;
    struct buf text BUF_CLEANUP = {0};
    int rc;

    buf_init(&text, KiB(4));
    if (id == NULL || request == NULL || request->kind != VALUE_OBJECT) {
        return err_set(e, ERR_PROTOCOL, "parse: id or request is missing");
    }
    json_writer_init(&w, &text, 0);
    json_value(&w, id);
    rc = buf_status(&text);
    if (rc == 0) {
        rc = runner_parse(h, buf_cstr(&text), request);
    }
    return rc == 0 ? 0 : err_set(e, (enum err_code) - rc, "parse: %s", err_text(rc));
}

static int on_message(struct holder *h, struct arena *arena, const struct value *message,
                      const char *type, struct err *e)
{
    const char *id = message_string(message, "attempt");
    struct attempt *a = id != NULL ? attempt_find(h, id) : NULL;

    if (strcmp(type, "setup") == 0) {
        return on_setup(h, arena, message, e);
    }
    if (!h->engine.set_up) {
        return err_set(e, ERR_PROTOCOL, "the first message is not setup");
    }
    if (strcmp(type, "start") == 0) {
        return on_start(h, arena, message, e);
    }
    if (strcmp(type, "parse") == 0) {
        return on_parse(h, message, e);
    }
    if (strcmp(type, "drain") == 0) {
        h->draining = true;
        return 0;
    }
    if (strcmp(type, "kill") != 0 && strcmp(type, "ack") != 0) {
        return err_set(e, ERR_PROTOCOL, "unknown message type");
    }
    if (id == NULL) {
        return err_set(e, ERR_PROTOCOL, "%s: no attempt is named", type);
    }
    if (a != NULL && strcmp(type, "ack") == 0) {
        if (a->state != ATTEMPT_ENDED) {
            return err_set(e, ERR_PROTOCOL, "ack: the attempt has not ended");
        }
        attempt_forget(h, a);
    } else if (a != NULL) {
        const struct value *grace = value_get(message, "grace_us");
        const char *reason = message_string(message, "reason");
        int64_t grace_us = a->grace_us;

        if (grace != NULL && grace->kind != VALUE_NULL &&
            value_int(grace, 0, INT64_MAX, &grace_us) != 0) {
            return err_set(e, ERR_PROTOCOL, "kill: grace_us is malformed");
        }
        attempt_kill(h, a, reason != NULL ? reason : "killed", grace_us);
    }
    return 0;
}

/* Frames that came whole. False: the connection is to be closed. */
static bool frames_take(struct holder *h)
{
    const char *body;
    size_t n;
    int rc;

    while ((rc = wire_reader_next(&h->engine.reader, &body, &n)) == 1) {
        const struct value *message;
        const char *type;
        struct arena arena;

        arena_init(&arena, MESSAGE_ARENA_MAX);
        rc = wire_parse(&arena, body, n, &message, &type, NULL);
        if (rc == 0) {
            rc = on_message(h, &arena, message, type, NULL);
        }
        arena_fini(&arena);
        if (rc != 0) {
            return false;
        }
    }
    return rc == 0;
}

static bool read_some(struct holder *h)
{
    struct engine *en = &h->engine;

    for (int i = 0; i < READS_MAX; i++) {
        char *p;
        size_t room;
        ssize_t n;

        if (wire_reader_room(&en->reader, READ_LEAST, &p, &room) != 0) {
            return true; /* out of memory: the bytes wait in the socket */
        }
        n = recv(en->socket.fd, p, room, 0);
        if (n < 0) {
            return errno == EAGAIN || errno == EINTR;
        }
        if (n == 0) {
            return false;
        }
        wire_reader_filled(&en->reader, (size_t)n);
        if (!frames_take(h)) {
            return false;
        }
        if ((size_t)n < room) {
            return true;
        }
    }
    return true;
}

static void socket_ready(struct holder *h, struct source *s, uint32_t events)
{
    if ((events & ~(uint32_t)EPOLLOUT) != 0 && !read_some(h)) {
        engine_close(h);
    }
}

/* ---- what the engine is told ---- */

static void hello_write(struct holder *h, struct json_writer *w)
{
    size_t before = w->out->len, more = 0;

    json_object(w);
    json_key(w, "v");
    json_int(w, h->engine.version);
    json_key(w, "type");
    json_string(w, "hello");
    json_key(w, "holder");
    json_string(w, h->id);
    json_key(w, "pid");
    json_int(w, getpid());
    json_key(w, "boot_id");
    json_string(w, h->boot_id);
    json_key(w, "attempts");
    json_array(w);
    for (const struct attempt *a = h->attempts; a != NULL; a = a->next) {
        if (a->state != ATTEMPT_ENDED && a->state != ATTEMPT_QUEUED) {
            message_started(w, h, a, false);
        }
    }
    json_array_end(w);
    json_key(w, "ends");
    json_array(w);
    for (struct attempt *a = h->attempts; a != NULL; a = a->next) {
        if (a->state == ATTEMPT_ENDED && w->out->len - before < HELLO_ENDS) {
            message_ended(w, h, a, false);
            a->ended_sent = true;
        } else if (a->state == ATTEMPT_ENDED) {
            more++;
        }
    }
    json_array_end(w);
    json_key(w, "more_ends");
    json_int(w, (int64_t)more);
    json_object_end(w);
}

static bool hello_send(struct holder *h)
{
    struct engine *en = &h->engine;
    struct json_writer w;
    size_t mark;

    (void)wire_begin(&en->out, &mark);
    json_writer_init(&w, &en->out, 0);
    hello_write(h, &w);
    if (wire_end(&en->out, mark) != 0) {
        for (struct attempt *a = h->attempts; a != NULL; a = a->next) {
            a->ended_sent = false;
        }
        return false;
    }
    for (struct attempt *a = h->attempts; a != NULL; a = a->next) {
        a->started_sent = a->state != ATTEMPT_QUEUED;
    }
    en->hello_due = false;
    return true;
}

static bool attempt_send(struct holder *h, struct attempt *a)
{
    struct engine *en = &h->engine;
    bool started = !a->started_sent && a->pid != 0;
    bool ended = !a->ended_sent && a->state == ATTEMPT_ENDED;
    struct json_writer w;
    size_t mark;

    if (started) {
        (void)wire_begin(&en->out, &mark);
        json_writer_init(&w, &en->out, 0);
        message_started(&w, h, a, false);
        if (wire_end(&en->out, mark) != 0) {
            return false;
        }
        a->started_sent = true;
    }
    if (ended) {
        (void)wire_begin(&en->out, &mark);
        json_writer_init(&w, &en->out, 0);
        message_ended(&w, h, a, false);
        if (wire_end(&en->out, mark) != 0) {
            return false;
        }
        a->ended_sent = true;
    }
    return true;
}

int engine_parsed(struct holder *h, const char *id_json, const struct value *response,
                  const char *error)
{
    struct parsed_answer *answer;
    struct json_writer w;
    struct buf text BUF_CLEANUP = {0};

    if (h->engine.socket.fd < 0) {
        return 0; /* who asked is gone */
    }
    buf_init(&text, LIMIT_MESSAGE);
    json_writer_init(&w, &text, 0);
    json_object(&w);
    json_key(&w, "v");
    json_int(&w, h->engine.version);
    json_key(&w, "type");
    json_string(&w, "parsed");
    json_key(&w, "id");
    json_raw(&w, id_json, strlen(id_json));
    json_key(&w, error != NULL ? "error" : "response");
    if (error != NULL) {
        json_string(&w, error);
    } else {
        json_value(&w, response);
    }
    json_object_end(&w);
    if (buf_status(&text) != 0) {
        return buf_status(&text);
    }
    answer = mem_alloc(sizeof *answer + text.len);
    if (answer == NULL) {
        return -ERR_NOMEM;
    }
    answer->next = NULL;
    answer->len = text.len;
    memcpy(answer->body, text.p, text.len);
    *h->engine.answers_end = answer;
    h->engine.answers_end = &answer->next;
    return 0;
}

static bool answer_send(struct engine *en)
{
    struct parsed_answer *answer = en->answers;

    if (wire_append(&en->out, answer->body, answer->len) != 0) {
        return false;
    }
    en->answers = answer->next;
    if (en->answers == NULL) {
        en->answers_end = &en->answers;
    }
    mem_free(answer);
    return true;
}

/* Puts what is due into the buffer until it is full. */
static void fill(struct holder *h)
{
    struct engine *en = &h->engine;

    if (en->hello_due && !hello_send(h)) {
        return;
    }
    for (struct attempt *a = h->attempts; a != NULL && en->out.len < OUT_FULL; a = a->next) {
        if (!attempt_send(h, a)) {
            return;
        }
    }
    while (en->answers != NULL && en->out.len < OUT_FULL && answer_send(en)) {
    }
}

void engine_pump(struct holder *h)
{
    struct engine *en = &h->engine;

    while (en->socket.fd >= 0 && en->set_up) {
        ssize_t n;

        fill(h);
        if (en->out.len == 0) {
            break;
        }
        n = send(en->socket.fd, en->out.p, en->out.len, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) {
            break;
        }
        if (n < 0 && errno != EINTR) {
            engine_close(h);
            return;
        }
        buf_consume(&en->out, n > 0 ? (size_t)n : 0);
    }
    if (en->socket.fd >= 0 && en->writing != (en->out.len != 0)) {
        en->writing = en->out.len != 0;
        holder_rewatch(h, &en->socket, EPOLLIN | (en->writing ? EPOLLOUT : 0));
    }
}
