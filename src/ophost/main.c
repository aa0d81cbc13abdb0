/* tradewind-operator-host PLUGIN.so [describe]: serves a worker on descriptor 3, or says what the plug-in is. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/wire.h"
#include "ophost/ophost.h"

#define WORKER_FD   3
#define STACK_BYTES MiB(1)

static int take(struct ophost *h, const char *body, size_t n, struct err *e)
{
    const struct value *m;
    const struct value *id;
    const char *type;
    struct arena a;
    int rc;

    arena_init(&a, LIMIT_MESSAGE * 4);
    rc = wire_parse(&a, body, n, &m, &type, e);
    if (rc == 0 && strcmp(type, "start") == 0) {
        rc = ophost_begin(h, &a, m, e);
    } else if (rc == 0 && strcmp(type, "kill") == 0) {
        id = value_get(m, "attempt");
        ophost_cancel(h, id != NULL && id->text != NULL ? id->text : "");
    }
    arena_fini(&a);
    return rc;
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
        buf_init(&h->out, 2 * LIMIT_MESSAGE);
        rc = co_write_all(WORKER_FD, b.p, b.len);
        buf_fini(&b);
    }
    _Exit(0);
}

/* Until the worker is gone; then at once: attempts belong to it. */
static int serve(void *arg)
{
    struct ophost *h = arg;
    struct wire_reader in;
    struct err e = {0};
    const char *body;
    size_t n, got;
    char *p;
    int rc;

    wire_reader_init(&in);
    co_cond_init(&h->wake);
    co_group_init(&h->group, h->loop);
    rc = co_spawn(&h->group, "writer", write_frames, h, NULL, &e);
    while (rc == 0) {
        rc = wire_reader_room(&in, 65536, &p, &n);
        rc = rc == 0 ? co_read(WORKER_FD, p, n, &got) : rc;
        if (rc != 0 || got == 0) {
            break;
        }
        wire_reader_filled(&in, got);
        while ((rc = wire_reader_next(&in, &body, &n)) == 1) {
            rc = take(h, body, n, &e);
            if (rc != 0) {
                break;
            }
        }
    }
    if (rc != 0 && e.text[0] != '\0') {
        (void)fprintf(stderr, "tradewind-operator-host: %s\n", err_str(&e));
    }
    _Exit(rc == 0 || rc == -ERR_CLOSED ? 0 : 70);
}

static int host_main(const char *path, struct err *e)
{
    struct ophost h = {0};
    struct loop_config lc = {.stack_bytes = STACK_BYTES};
    int rc;

    /* With its worker, however that ends: an attempt must not live on beside its next try. */
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    rc = ophost_load(path, &h.op, e);
    if (rc != 0) {
        return rc;
    }
    (void)fcntl(WORKER_FD, F_SETFD, FD_CLOEXEC);
    (void)fcntl(WORKER_FD, F_SETFL, fcntl(WORKER_FD, F_GETFL) | O_NONBLOCK);
    buf_init(&h.out, 2 * LIMIT_MESSAGE);
    rc = loop_uv_new(&lc, &h.loop, e);
    return rc == 0 ? loop_main(h.loop, serve, &h, e) : rc;
}

int main(int argc, char **argv)
{
    const struct tw_operator *op;
    struct err e = {0};
    int rc;

    if (argc == 3 && strcmp(argv[2], "describe") == 0) {
        rc = ophost_load(argv[1], &op, &e);
        rc = rc == 0 ? ophost_describe(op, &e) : rc;
    } else if (argc == 2) {
        rc = host_main(argv[1], &e);
    } else {
        (void)fprintf(stderr, "usage: tradewind-operator-host PLUGIN.so [describe]\n");
        return 64;
    }
    if (rc != 0) {
        (void)fprintf(stderr, "%s\n", err_str(&e));
    }
    return err_exit_code(rc);
}
