/*
 * A Python attempt's control socket: the keeper and the task tell what becomes of it.
 *
 *   `pid`       STARTING -> RUNNING (the task's user code begins only after this)
 *   `exit`      RUNNING -> CLEANING -> ENDED at once: the keeper has ended what was left behind
 *   `failed`    -> ENDED
 *   `secret`    masked from now on
 *   its end     STARTING: nobody has the attempt any more and its user code never began: it goes to
 *               another runner. RUNNING: the keeper was killed. The task is then a child of the
 *               holder, whose waitpid sees its end; a task that is no more, and was not reaped
 *               here, ended unseen.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "holder/priv.h"
#include "holder/secrets.h"

void control_closed(struct holder *h, struct attempt *a)
{
    if (a->control.fd >= 0) {
        holder_unwatch(h, &a->control);
        (void)close(a->control.fd);
        a->control.fd = -1;
    }
    wire_reader_clear(&a->control_reader);
}

static void on_pid(struct holder *h, struct attempt *a, const struct value *message)
{
    const struct value *v = value_get(message, "pid");
    struct tree_process p;
    int64_t pid;

    if (a->state != ATTEMPT_STARTING || v == NULL || value_int(v, 2, INT32_MAX, &pid) != 0) {
        return;
    }
    a->pid = (pid_t)pid;
    if (process_read(a->pid, &p)) {
        a->pid_start = p.start;
        a->keeper = p.ppid;
        if (process_read(a->keeper, &p)) {
            a->keeper_start = p.start;
        }
    }
    attempt_runs(h, a);
}

/* A secret of any length: what is longer than a pattern may be is masked in pieces. When it is more
 * than can be masked, nothing more of the output is shown. */
static int on_secret(struct attempt *a, const struct value *message)
{
    const struct value *v = value_get(message, "value");
    int rc = 0;

    if (v == NULL || v->kind != VALUE_STRING) {
        return 0;
    }
    if (a->secret_bytes + v->len > LIMIT_SECRETS_BYTES) {
        a->output.hidden = true;
        return 0;
    }
    for (size_t at = 0; rc == 0 && at < v->len; at += LIMIT_SECRET_BYTES) {
        size_t n = v->len - at < LIMIT_SECRET_BYTES ? v->len - at : LIMIT_SECRET_BYTES;

        rc = secrets_add(&a->output.mask, v->text + at, n, NULL);
    }
    if (rc == 0) {
        rc = mask_build(&a->output.mask);
    }
    if (rc == 0) {
        a->secret_bytes += v->len;
    }
    return rc;
}

static int on_message(struct holder *h, struct attempt *a, const struct value *message,
                      const char *type)
{
    const struct value *v;
    const char *error;
    int64_t status;

    if (strcmp(type, "pid") == 0) {
        on_pid(h, a, message);
    } else if (strcmp(type, "secret") == 0) {
        return on_secret(a, message);
    } else if (strcmp(type, "failed") == 0) {
        error = message_string(message, "error");
        attempt_fail(h, a,
                     error != NULL && error[0] != '\0' ? error
                                                       : "the Python runner could not start it");
    } else if (strcmp(type, "exit") == 0) {
        v = value_get(message, "status");
        if (v != NULL && value_int(v, 0, INT32_MAX, &status) == 0 && a->state == ATTEMPT_RUNNING) {
            attempt_child_ended(h, a->pid, (int)status);
            attempt_finish(h, a);
        }
    }
    return 0;
}

/* Whole frames. -ERR_NOMEM: the frame at hand stays; -ERR_PROTOCOL. */
static int frames_take(struct holder *h, struct attempt *a)
{
    const char *body;
    size_t n;
    int rc;

    while (a->state != ATTEMPT_ENDED) {
        size_t taken = a->control_reader.taken;
        const struct value *message;
        const char *type;
        struct arena arena;

        rc = wire_reader_next(&a->control_reader, &body, &n);
        if (rc != 1) {
            return rc;
        }
        arena_init(&arena, MESSAGE_ARENA_MAX);
        rc = wire_parse(&arena, body, n, &message, &type, NULL);
        if (rc == 0) {
            rc = on_message(h, a, message, type);
        }
        arena_fini(&arena);
        if (rc == -ERR_NOMEM) {
            a->control_reader.taken = taken;
        }
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

static void on_end(struct holder *h, struct attempt *a)
{
    struct tree_process p;

    control_closed(h, a);
    if (a->state == ATTEMPT_STARTING) {
        if (a->killed) {
            attempt_fail(h, a, "killed before it started");
        } else {
            attempt_again(h, a);
        }
        return;
    }
    a->keeper_gone = true;
    if (a->state == ATTEMPT_RUNNING && (!process_read(a->pid, &p) || p.start != a->pid_start)) {
        attempt_fail(h, a, HOLDER_NOT_SEEN);
    }
}

/* The output waits: it must not be shown before what it may contain is known. */
static void hold(struct holder *h, struct attempt *a)
{
    a->held = true;
    a->held_until_us = h->now_us + 100000;
    holder_rewatch(h, &a->control, 0);
    if (a->output_source.fd >= 0) {
        holder_rewatch(h, &a->output_source, 0);
    }
}

void control_retry(struct holder *h, struct attempt *a)
{
    a->held = false;
    if (a->control.fd >= 0) {
        holder_rewatch(h, &a->control, EPOLLIN);
        control_ready(h, &a->control, 0);
    }
    if (!a->held && a->output_source.fd >= 0) {
        holder_rewatch(h, &a->output_source, EPOLLIN);
    }
}

void control_ready(struct holder *h, struct source *s, uint32_t events)
{
    struct attempt *a = s->owner;
    int rc = a->held ? 0 : frames_take(h, a);

    while (!a->held && s->fd >= 0 && a->state != ATTEMPT_ENDED) {
        size_t room;
        ssize_t n;
        char *p;

        if (rc == 0) {
            rc = wire_reader_room(&a->control_reader, 4096, &p, &room);
        }
        if (rc == -ERR_NOMEM) {
            hold(h, a);
            return;
        }
        n = rc != 0 ? 0 : recv(s->fd, p, room, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        }
        if (n <= 0) { /* also when what came was no frame: it is not believed any further */
            on_end(h, a);
            return;
        }
        wire_reader_filled(&a->control_reader, (size_t)n);
        rc = frames_take(h, a);
    }
}
