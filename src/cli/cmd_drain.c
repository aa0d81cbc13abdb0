/* drain and reload: what an operator asks of the service that works in the home. */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/time.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/session.h"
#include "runtime/loop.h"

#define LOOK_US (TIME_SECOND / 4)

struct asking {
    struct cli *cli;
    char home[4096];
    const char *op;
    int64_t timeout_us; /* 0: none */
    struct arena a;
    int exit_code;
    struct err e;
};

/* SUSPENDS. *ret: the answer's result. */
static int ask(struct asking *q, const char *op, struct value **ret, struct err *e)
{
    char members[80], *answer = NULL;
    int rc;

    (void)snprintf(members, sizeof members, "\"op\":\"%s\"", op);
    rc = engine_request(q->home, "service", members, &answer, e);
    if (rc == 0) {
        rc = answer != NULL ? value_parse(&q->a, answer, strlen(answer), ret, e)
                            : err_set(e, ERR_PROTOCOL, "the service gave no answer");
    }
    mem_free(answer);
    return rc;
}

static int64_t number_of(const struct value *o, const char *name)
{
    const struct value *v = o != NULL ? value_get(o, name) : NULL;
    int64_t n = 0;

    return v != NULL && value_int(v, 0, INT64_MAX, &n) == 0 ? n : 0;
}

static void say(const struct asking *q, const char *text)
{
    if (!cli_flag(q->cli, "quiet")) {
        (void)printf("%s\n", text);
        (void)fflush(stdout);
    }
}

/* Until the service is gone, which is what it does when nothing runs any more. */
static int wait_for_drain(struct asking *q, int64_t runs)
{
    int64_t until = loop_now_us(loop_current()) + q->timeout_us, told = -1;
    struct value *v;
    int rc = 0;

    while (rc == 0) {
        char text[120];

        if (runs != told) {
            (void)snprintf(text, sizeof text, "%lld process%s run%s; nothing new starts",
                           (long long)runs, runs == 1 ? "" : "es", runs == 1 ? "s" : "");
            say(q, text);
            told = runs;
        }
        if (q->timeout_us > 0 && loop_now_us(loop_current()) >= until) {
            say(q, "The drain goes on; `tradewind drain --cancel` ends it.");
            return err_set(&q->e, ERR_TIMEOUT, "%lld process%s still run%s", (long long)runs,
                           runs == 1 ? "" : "es", runs == 1 ? "s" : "");
        }
        rc = co_sleep(LOOK_US);
        arena_fini(&q->a);
        rc = rc == 0 ? ask(q, "status", &v, &q->e) : rc;
        runs = rc == 0 ? number_of(v, "processes") : runs;
    }
    if (rc == -ERR_CLOSED || rc == -ERR_NOTFOUND) {
        say(q, "Nothing runs; the service has stopped.");
        return 0;
    }
    return rc;
}

static int drain_main(void *arg)
{
    struct asking *q = arg;
    bool cancel = cli_flag(q->cli, "cancel");
    struct value *v;
    int rc = ask(q, cancel ? "cancel_drain" : "drain", &v, &q->e);

    if ((rc == -ERR_CLOSED || rc == -ERR_NOTFOUND) && !cancel) {
        char text[4200];

        (void)snprintf(text, sizeof text, "Nothing works in %s.", q->home);
        say(q, text);
        return 0;
    }
    if (rc == 0 && cancel) {
        say(q, "Tasks start again.");
    } else if (rc == 0 && !cli_flag(q->cli, "no-wait")) {
        rc = wait_for_drain(q, number_of(v, "processes"));
    }
    q->exit_code = rc != 0 ? cli_fail(rc, &q->e) : 0;
    return 0;
}

static void show_changes(const struct value *list, const char *head)
{
    if (list == NULL || list->kind != VALUE_ARRAY || list->len == 0) {
        return;
    }
    (void)printf("%s\n", head);
    for (size_t i = 0; i < list->len; i++) {
        const struct value *key = value_get(list->elems[i], "key"),
                           *from = value_get(list->elems[i], "from"),
                           *to = value_get(list->elems[i], "to");

        if (key != NULL && from != NULL && to != NULL) {
            (void)printf("  %-32s %s -> %s\n", key->text, from->text, to->text);
        }
    }
}

static int reload_main(void *arg)
{
    struct asking *q = arg;
    struct json_writer w;
    struct value *v;
    struct buf b BUF_CLEANUP;
    int rc = ask(q, "reload", &v, &q->e);

    buf_init(&b, MiB(1));
    if (rc == 0 && cli_flag(q->cli, "json")) {
        json_writer_init(&w, &b, 2);
        json_value(&w, v);
        (void)printf("%s\n", buf_cstr(&b));
    } else if (rc == 0 && !cli_flag(q->cli, "quiet")) {
        show_changes(value_get(v, "applied"), "Taken over:");
        show_changes(value_get(v, "restart"), "From the next start on:");
        (void)printf("The configuration is read, the folder is looked at.\n");
    }
    q->exit_code = rc != 0 ? cli_fail(rc, &q->e) : 0;
    return 0;
}

static int run_asking(struct cli *cli, co_fn fn)
{
    struct asking q = {.cli = cli};
    const char *timeout = cli_opt(cli, "timeout");
    struct loop_config lc = {0};
    struct loop *l;
    int rc = home_resolve(cli_opt(cli, "home"), q.home, sizeof q.home, &q.e);

    arena_init(&q.a, LIMIT_MESSAGE);
    if (rc == 0 && timeout != NULL &&
        (duration_parse(timeout, strlen(timeout), &q.timeout_us) != 0 || q.timeout_us <= 0)) {
        rc =
            err_set(&q.e, ERR_USAGE, "--timeout %.40s: a duration is like 90, 90s or 10m", timeout);
    }
    rc = rc == 0 ? loop_uv_new(&lc, &l, &q.e) : rc;
    if (rc == 0) {
        rc = loop_main(l, fn, &q, &q.e);
        loop_free(l);
    }
    arena_fini(&q.a);
    return rc != 0 ? cli_fail(rc, &q.e) : q.exit_code;
}

int cmd_drain(struct cli *cli)
{
    return run_asking(cli, drain_main);
}

int cmd_reload(struct cli *cli)
{
    return run_asking(cli, reload_main);
}
