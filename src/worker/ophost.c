/*
 * Operator hosts (docs/internals/operator-host.md): a process per plug-in, started by the first attempt that needs it, and again by the first one after it died.
 *
 *   an attempt's coroutine:  start frame -> waits -> `ended`, or the host's death
 *   a host's coroutine:      reads frames until the connection ends; then every attempt in it ends with it
 *
 * Invariants
 *  O1. Who waits is in the host's list from its start frame until `done`; it lives in the attempt's frame.
 *  O2. attempt_in_host returns only when the host cannot run the attempt any more: it said `ended`, or its process is gone.
 *  O3. A dead host is not in the worker's list: the next attempt starts another.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/time.h"
#include "base/wire.h"
#include "model/dag.h"
#include "operators/plugins.h"
#include "worker/local_priv.h"

#define CANCEL_GRACE_US (3 * TIME_SECOND) /* between a cancel and the end of the whole host */
#define FOREVER_US      (INT64_C(3600) * TIME_SECOND)

struct guest {
    struct guest *next;
    struct attempt *attempt;
    struct co *co;
    char token[UUID_TEXT_MAX];
    bool done;
    const struct value *end; /* the frame, in the attempt's arena; NULL: the host died */
    const char *died;        /* in the attempt's arena */
};

struct ophost {
    struct ophost *next;
    struct local_worker *worker;
    const struct operator_plugin *plugin;
    struct child *child;
    int fd;
    struct wire_reader in;
    struct buf out;
    struct co_cond wake;
    struct guest *guests;
    const char *killed; /* why we ended it, or NULL */
    char culprit[LIMIT_ID_BYTES + 80];
};

int attempt_guests(const struct local_worker *w)
{
    int n = 0;

    for (const struct ophost *h = w->hosts; h != NULL; h = h->next) {
        for (const struct guest *g = h->guests; g != NULL; g = g->next) {
            n++;
        }
    }
    return n;
}

/* ---- a host's life ---- */

static void forget_host(struct ophost *h)
{
    struct ophost **p = &h->worker->hosts;

    while (*p != NULL && *p != h) {
        p = &(*p)->next;
    }
    if (*p == h) {
        *p = h->next;
    }
}

static void guest_done(struct ophost *h, struct guest *g)
{
    struct guest **p = &h->guests;

    while (*p != g) {
        p = &(*p)->next;
    }
    *p = g->next;
    g->done = true;
    co_wake(g->co);
}

static void take_end(struct ophost *h, const char *body, size_t n)
{
    const struct value *m, *token;
    const char *type;
    struct arena a;

    arena_init(&a, LIMIT_MESSAGE * 4);
    token = wire_parse(&a, body, n, &m, &type, NULL) == 0 ? value_get(m, "attempt") : NULL;
    for (struct guest *g = h->guests; token != NULL && token->kind == VALUE_STRING && g != NULL;
         g = g->next) {
        struct value *copy = NULL;

        if (strcmp(g->token, token->text) == 0) {
            if (value_copy(&g->attempt->arena, m, &copy) != 0) {
                g->died = "its end does not fit in memory";
            }
            g->end = copy;
            guest_done(h, g);
            break;
        }
    }
    arena_fini(&a);
}

static int read_frames(struct ophost *h)
{
    const char *body;
    size_t n, got;
    char *p;
    int rc;

    for (;;) {
        rc = wire_reader_room(&h->in, 65536, &p, &n);
        rc = rc == 0 ? co_read(h->fd, p, n, &got) : rc;
        if (rc != 0 || got == 0) {
            return rc;
        }
        wire_reader_filled(&h->in, got);
        while ((rc = wire_reader_next(&h->in, &body, &n)) == 1) {
            take_end(h, body, n);
        }
        if (rc != 0) {
            return rc;
        }
    }
}

static int write_frames(void *arg)
{
    struct ophost *h = arg;
    int rc = 0;

    while (rc == 0) {
        struct buf b = h->out;

        if (b.len == 0) {
            rc = co_cond_wait(&h->wake);
            continue;
        }
        buf_init(&h->out, 4 * LIMIT_MESSAGE);
        rc = co_write_all(h->fd, b.p, b.len);
        buf_fini(&b);
    }
    return 0; /* who reads sees the end too */
}

static void tell_death(struct ophost *h, int code, int signum)
{
    const char *name = signum != 0 ? sigabbrev_np(signum) : NULL;

    while (h->guests != NULL) {
        struct guest *g = h->guests;

        g->died = h->killed != NULL
                      ? arena_printf(&g->attempt->arena, "operator host ended: %s", h->killed)
                  : signum != 0
                      ? arena_printf(&g->attempt->arena, "operator host died: signal %d (SIG%s)",
                                     signum, name != NULL ? name : "?")
                      : arena_printf(&g->attempt->arena, "operator host died: exit code %d", code);
        if (g->died == NULL) {
            g->died = "operator host died";
        }
        guest_done(h, g);
    }
}

static int host_main(void *arg)
{
    struct ophost *h = arg;
    struct co_group g;
    struct co_shield s;
    int code = -1, signum = 0, rc;

    co_group_init(&g, h->worker->config.loop);
    rc = co_spawn(&g, "operator host writer", write_frames, h, NULL, NULL);
    rc = rc == 0 ? read_frames(h) : rc;
    forget_host(h);
    if (rc != 0) { /* a malformed frame, no memory, or the worker closes: nothing of it goes on */
        (void)kill(child_pid(h->child), SIGKILL);
    }
    co_group_close(&g);
    (void)close(h->fd);
    co_shield_begin(&s, FOREVER_US);
    if (child_wait(h->child, &code, &signum) != 0) {
        (void)kill(child_pid(h->child), SIGKILL);
    }
    co_shield_end(&s);
    child_release(h->child);
    tell_death(h, code, signum);
    wire_reader_fini(&h->in);
    buf_fini(&h->out);
    mem_free(h);
    return 0;
}

/* What a plug-in prints by itself. */
static int open_output(struct ophost *h)
{
    char path[4400];

    (void)snprintf(path, sizeof path, "%s/logs/operators", h->worker->config.home);
    (void)mkdir(path, 0700);
    (void)snprintf(path, sizeof path, "%s/logs/operators/%s.log", h->worker->config.home,
                   h->plugin->desc.name);
    return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static int spawn(struct ophost *h, struct err *e)
{
    const char *argv[] = {h->plugin->host, h->plugin->path, NULL};
    struct child_spec spec = {.argv = argv, .env = (const char *const *)h->worker->base_env};
    int fds[2], out, rc;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) != 0) {
        return err_errno(e, errno, "no sockets for an operator host");
    }
    out = open_output(h);
    spec.stdio[0] = -1;
    spec.stdio[1] = spec.stdio[2] = out;
    spec.extra_fd = fds[1];
    h->fd = fds[0];
    rc = child_spawn(h->worker->config.loop, &spec, &h->child, e);
    (void)close(fds[1]);
    if (out >= 0) {
        (void)close(out);
    }
    if (rc != 0) {
        (void)close(h->fd);
    }
    return rc;
}

static int host_start(struct local_worker *w, const struct operator_plugin *p, struct ophost **ret,
                      struct err *e)
{
    struct ophost *h = mem_zalloc(sizeof *h);
    int rc;

    if (h == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for an operator host");
    }
    h->worker = w;
    h->plugin = p;
    wire_reader_init(&h->in);
    buf_init(&h->out, 4 * LIMIT_MESSAGE);
    co_cond_init(&h->wake);
    rc = spawn(h, e);
    if (rc == 0) {
        rc = co_spawn(&w->group, "operator host", host_main, h, NULL, e);
        if (rc != 0) {
            (void)kill(child_pid(h->child), SIGKILL);
            child_release(h->child);
            (void)close(h->fd);
        }
    }
    if (rc != 0) {
        mem_free(h);
        return rc;
    }
    h->next = w->hosts;
    w->hosts = h;
    *ret = h;
    return 0;
}

static int host_of(struct local_worker *w, const struct operator_plugin *p, struct ophost **ret,
                   struct err *e)
{
    for (struct ophost *h = w->hosts; h != NULL; h = h->next) {
        if (h->plugin == p) {
            *ret = h;
            return 0;
        }
    }
    return host_start(w, p, ret, e);
}

/* ---- frames to it ---- */

/* The members that are the operator's own. */
static void write_params(struct json_writer *w, const struct attempt *a)
{
    const struct operator_param *p = a->op->plugin->desc.params;

    json_object(w);
    for (; p->name != NULL; p++) {
        const struct value *v = value_get(a->params, p->name);

        if (v != NULL) {
            json_key(w, p->name);
            json_value(w, v);
        }
    }
    json_object_end(w);
}

static int begin_frame(struct ophost *h, const char *type, const char *token, struct json_writer *w,
                       size_t *ret_mark)
{
    int rc = wire_begin(&h->out, ret_mark);

    json_writer_init(w, &h->out, 0);
    json_object(w);
    json_key(w, "v");
    json_int(w, WIRE_VERSION);
    json_key(w, "type");
    json_string(w, type);
    json_key(w, "attempt");
    json_string(w, token);
    return rc;
}

static int end_frame(struct ophost *h, struct json_writer *w, size_t mark)
{
    int rc;

    json_object_end(w);
    rc = wire_end(&h->out, mark);
    co_cond_signal(&h->wake);
    return rc;
}

static int send_start(struct ophost *h, const struct guest *g, struct err *e)
{
    struct attempt *a = g->attempt;
    MEM_CLEANUP char *info = NULL;
    const char *const *secrets;
    struct json_writer w;
    size_t mark;
    int rc = attempt_message(a, &info, e);

    rc = rc == 0 ? attempt_secrets(a, &secrets, e) : rc;
    if (rc != 0) {
        return rc;
    }
    rc = begin_frame(h, "start", g->token, &w, &mark);
    if (rc == 0) {
        json_key(&w, "log");
        json_string(&w, a->log);
        json_key(&w, "secrets");
        json_array(&w);
        for (; *secrets != NULL; secrets++) {
            json_string(&w, *secrets);
        }
        json_array_end(&w);
        json_key(&w, "params");
        write_params(&w, a);
        json_key(&w, "info");
        json_raw(&w, info, strlen(info));
        rc = end_frame(h, &w, mark);
    }
    return rc != 0 ? err_set(e, (enum err_code) - rc, "the operator host is not reached: %s",
                             err_text(rc))
                   : 0;
}

static void send_kill(struct ophost *h, const struct guest *g)
{
    struct json_writer w;
    size_t mark;

    if (begin_frame(h, "kill", g->token, &w, &mark) == 0) {
        (void)end_frame(h, &w, mark);
    }
}

/* ---- an attempt ---- */

/* It is to end: asks, and after a grace ends the host with all that is in it (O2). */
static void end_guest(struct ophost *h, struct guest *g)
{
    struct co_shield s;
    int rc = 0;

    send_kill(h, g);
    co_shield_begin(&s, h->worker->closing ? 0 : CANCEL_GRACE_US);
    while (!g->done && rc == 0) {
        rc = co_suspend();
    }
    co_shield_end(&s);
    if (g->done) {
        return;
    }
    (void)snprintf(h->culprit, sizeof h->culprit, "task %s did not end when it was told to",
                   g->attempt->task->task_id);
    h->killed = h->culprit;
    forget_host(h);
    (void)kill(child_pid(h->child), SIGKILL);
    co_shield_begin(&s, FOREVER_US);
    rc = 0;
    while (!g->done && rc == 0) {
        rc = co_suspend();
    }
    co_shield_end(&s);
}

static void read_end(const struct guest *g, struct operator_result *r)
{
    static const struct {
        const char *word;
        enum operator_verdict verdict;
    } words[] = {
        {"success", VERDICT_SUCCESS},
        {"failed", VERDICT_FAILED},
        {"fail", VERDICT_FAILED_NO_RETRY},
        {"skipped", VERDICT_SKIPPED},
    };
    const struct value *outcome = value_get(g->end, "outcome"),
                       *reason = value_get(g->end, "reason");

    r->verdict = VERDICT_FAILED;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (outcome != NULL && outcome->kind == VALUE_STRING &&
            strcmp(outcome->text, words[i].word) == 0) {
            r->verdict = words[i].verdict;
        }
    }
    r->reason = reason != NULL && reason->kind == VALUE_STRING ? reason->text : NULL;
    r->xcoms = value_get(g->end, "xcoms");
}

int attempt_in_host(struct attempt *a, struct operator_result *r, struct err *e)
{
    struct guest g = {.attempt = a, .co = co_self()};
    struct ophost *h = NULL;
    int rc = operators_plugin_check(a->op->plugin, a->params, e);

    rc = rc == 0 ? host_of(a->worker, a->op->plugin, &h, e) : rc;
    if (rc != 0) {
        return rc;
    }
    (void)uuid_format(&a->token, g.token);
    rc = send_start(h, &g, e);
    if (rc != 0) {
        return rc;
    }
    g.next = h->guests;
    h->guests = &g;
    while (!g.done && rc == 0) {
        rc = co_suspend();
    }
    if (!g.done) {
        end_guest(h, &g);
    }
    if (rc != 0) {
        return err_set(e, (enum err_code) - rc, "%s", err_text(rc));
    }
    if (g.end == NULL) {
        r->verdict = VERDICT_FAILED;
        r->reason = g.died;
    } else {
        read_end(&g, r);
    }
    return 0;
}
