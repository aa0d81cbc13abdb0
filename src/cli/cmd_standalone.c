/*
 * standalone: the supervisor. It starts the other processes, keeps them alive (supervisor/supervisor.h says how), and passes on what they tell
 * and log. It reads no store and takes no lock of it: it can be killed at any time; its children then stop by themselves (supervised.h), and
 * tasks go on in their holders.
 *
 *   STARTING --all are ready--> READY
 *      |  \--the scheduler cannot be started--------\
 *      |                                             v
 *      '--SIGTERM, SIGINT, the scheduler drained--> STOPPING: the last one started first, each in its time --> exit
 *
 * A second SIGTERM ends the patience. SIGHUP goes to the children, and a failed one is tried again. Exit code: 0 when it was asked to stop,
 * else that of the process that could not be kept alive.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/time.h"
#include "bundle/folder.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/sd_notify.h"
#include "cli/service_log.h"
#include "cli/session.h"
#include "cli/standalone_child.h"
#include "config/config.h"
#include "runtime/loop.h"

#define PAUSE_MIN_US (TIME_SECOND / 2)
#define PAUSE_MAX_US (30 * TIME_SECOND)
#define STEADY_US    (60 * TIME_SECOND)
#define TWICE_US     (TIME_SECOND / 2)
#define IDLE_US      (10 * TIME_SECOND) /* it looks at least so often */

struct service {
    struct cli *cli;
    struct standalone s;
    struct config *config;
    int lock_fd;
};

/* ---- one in a home ---- */

/* flock ends with the process, however that ends; the text only says who. */
static int take_lock(struct service *v, struct err *e)
{
    char path[4200], text[32] = "";
    ssize_t n;

    (void)snprintf(path, sizeof path, "%s/standalone.lock", v->s.home);
    v->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (v->lock_fd < 0) {
        return err_errno(e, errno, "cannot open %s", path);
    }
    if (flock(v->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        n = pread(v->lock_fd, text, sizeof text - 1, 0);
        text[n > 0 ? n : 0] = '\0';
        return err_set(e, ERR_BUSY, "`tradewind standalone` works in %s already (process %.20s)",
                       v->s.home, text[0] != '\0' ? text : "unknown");
    }
    (void)snprintf(text, sizeof text, "%d", (int)getpid());
    if (ftruncate(v->lock_fd, 0) != 0 || pwrite(v->lock_fd, text, strlen(text), 0) < 0) {
        return err_errno(e, errno, "cannot write %s", path);
    }
    return 0;
}

/* ---- the processes ---- */

static void add_option(struct service *v, struct service_child *c, size_t *n, const char *name,
                       const char *option)
{
    const char *value = cli_given(v->cli, name) ? cli_opt(v->cli, name) : NULL;

    if (value != NULL && *n + 2 < STANDALONE_ARGS) {
        c->argv[(*n)++] = option;
        c->argv[(*n)++] = value;
    }
}

static struct service_child *add_child(struct service *v, const char *name, size_t *ret_args)
{
    struct service_child *c = &v->s.children[v->s.len++];
    struct supervisor_policy p = {
        .pause_min_us = PAUSE_MIN_US,
        .pause_max_us = PAUSE_MAX_US,
        .steady_us = STEADY_US,
        .watchdog_us = config_us(v->config, "supervisor.watchdog"),
        .stop_us = config_us(v->config, "supervisor.stop_timeout"),
        .starts_max = (int)config_int(v->config, "supervisor.restarts_max"),
    };
    size_t n = 0;

    *c = (struct service_child){.name = name, .of = &v->s, .life_fd = -1};
    supervisor_init(&c->machine, &p);
    c->argv[n++] = v->s.program;
    c->argv[n++] = name;
    c->argv[n++] = "--home";
    c->argv[n++] = v->s.home;
    if (v->s.json) {
        c->argv[n++] = "--json";
    }
    if (cli_flag(v->cli, "quiet")) {
        c->argv[n++] = "--quiet";
    }
    *ret_args = n;
    return c;
}

static void add_children(struct service *v)
{
    size_t n;
    struct service_child *c = add_child(v, "scheduler", &n);

    c->required = true;
    add_option(v, c, &n, "dags-folder", "--dags-folder");
    add_option(v, c, &n, "jobs", "--jobs");
    add_option(v, c, &n, "python", "--python");
    if (command_find("api-server") != NULL) {
        c = add_child(v, "api-server", &n);
        add_option(v, c, &n, "host", "--host");
        add_option(v, c, &n, "port", "--port");
    }
}

static void spawn_one(struct service_child *c)
{
    struct err e = {0};
    int64_t now = loop_now_us(c->of->loop);
    int rc = standalone_spawn(c, &e);

    if (rc != 0) {
        log_error("supervisor", "%s: %s", c->name, err_str(&e));
        supervisor_exited(&c->machine, 127, 0, now);
        return;
    }
    supervisor_spawned(&c->machine, now);
    log_info("supervisor", "%s is process %lld", c->name, (long long)c->pid);
}

/* What is done now; whether something was. */
static bool act(struct service_child *c)
{
    enum supervisor_action a = supervisor_next(&c->machine, loop_now_us(c->of->loop));

    switch (a) {
    case SUPERVISOR_SPAWN:
        spawn_one(c);
        break;
    case SUPERVISOR_TERM:
        log_info("supervisor", "stops %s", c->name);
        standalone_signal(c, SIGTERM);
        break;
    case SUPERVISOR_KILL:
        log_warning("supervisor", "%s %s: it is killed", c->name,
                    c->machine.state == SUPERVISOR_STOPPING ? "does not stop"
                                                            : "has not answered its watchdog");
        standalone_signal(c, SIGKILL);
        break;
    default:
        break;
    }
    return a != SUPERVISOR_NOTHING;
}

/* ---- the conductor ---- */

static void tell_end(struct service_child *c, enum supervisor_state before)
{
    const struct supervisor_child *m = &c->machine;
    char how[80];

    if (m->signal != 0) {
        (void)snprintf(how, sizeof how, "was ended by signal %d", m->signal);
    } else if (m->exit_code < 0) {
        (void)snprintf(how, sizeof how, "has ended, nobody saw how");
    } else {
        (void)snprintf(how, sizeof how, "has ended with exit code %d", m->exit_code);
    }
    if (m->state == SUPERVISOR_WAITING) {
        log_warning("supervisor", "%s %s; it is started again in %.1f s", c->name, how,
                    (double)(m->next_us - loop_now_us(c->of->loop)) / 1e6);
    } else if (m->state == SUPERVISOR_FAILED) {
        log_error("supervisor", "%s %s; it is not started again%s", c->name, how,
                  c->required ? "" : ": SIGHUP tries it anew");
    } else if (before == SUPERVISOR_STOPPING) {
        log_info("supervisor", "%s has stopped", c->name);
    }
}

/* The last one started first: who asks the scheduler stops before it. */
static bool stop_in_order(struct standalone *s)
{
    for (size_t i = s->len; i-- > 0;) {
        struct service_child *c = &s->children[i];

        supervisor_stop(&c->machine, loop_now_us(s->loop));
        if (s->hurried) {
            supervisor_hurry(&c->machine, loop_now_us(s->loop));
        }
        if (c->machine.state != SUPERVISOR_ENDED) {
            return false;
        }
    }
    return true;
}

static void look_at_ready(struct standalone *s)
{
    char text[900];
    size_t n = 0;

    for (size_t i = 0; i < s->len; i++) {
        if (s->children[i].required && s->children[i].machine.state != SUPERVISOR_READY) {
            return;
        }
    }
    for (size_t i = 0; i < s->len && n < sizeof text; i++) {
        const struct service_child *c = &s->children[i];
        const char *state = supervisor_state_name(c->machine.state);
        int more = snprintf(text + n, sizeof text - n, "%s%s: %s", i == 0 ? "STATUS=" : "; ",
                            c->name, c->status[0] != '\0' ? c->status : state);

        n += more > 0 ? (size_t)more : 0;
    }
    sd_notify_send(text);
    if (!s->told_ready) {
        s->told_ready = true;
        sd_notify_send("READY=1");
        if (!s->json) {
            log_info("supervisor", "ready. Ctrl-C stops it; tasks that run go on");
        }
    }
}

static int64_t wake_at(const struct standalone *s)
{
    int64_t at = loop_now_us(s->loop) + IDLE_US;

    for (size_t i = 0; i < s->len; i++) {
        int64_t until = supervisor_until(&s->children[i].machine);

        at = until < at ? until : at;
    }
    return at;
}

static void look_at_lost(struct standalone *s)
{
    if (s->lost_lines > 0) {
        log_warning("supervisor", "%lld log lines were lost: standard error is not read",
                    (long long)s->lost_lines);
        s->lost_lines = 0;
    }
}

static int conduct(struct service *v)
{
    struct standalone *s = &v->s;
    enum supervisor_state before[STANDALONE_CHILDREN] = {0};
    int rc = 0;

    for (size_t i = 0; i < s->len; i++) {
        supervisor_start(&s->children[i].machine, loop_now_us(s->loop));
        before[i] = SUPERVISOR_IDLE;
    }
    for (;;) {
        struct co_deadline d;
        bool acted = false;

        s->changed = false;
        for (size_t i = 0; i < s->len; i++) {
            struct service_child *c = &s->children[i];

            if (before[i] != c->machine.state) {
                if (c->machine.state != SUPERVISOR_READY &&
                    (before[i] == SUPERVISOR_STARTING || before[i] >= SUPERVISOR_READY)) {
                    tell_end(c, before[i]);
                }
                if (c->machine.state == SUPERVISOR_FAILED && c->required && !s->stopping) {
                    s->stopping = true;
                    s->exit_code = c->machine.exit_code > 0 ? c->machine.exit_code : 1;
                }
            }
            acted = act(c) || acted;
            before[i] = c->machine.state;
        }
        if (s->stopping && stop_in_order(s)) {
            return 0;
        }
        if (!s->stopping) {
            look_at_ready(s);
        }
        look_at_lost(s);
        if (acted || s->changed || wake_at(s) <= loop_now_us(s->loop)) {
            continue;
        }
        co_deadline_begin(&d, wake_at(s) - loop_now_us(s->loop));
        rc = co_suspend();
        co_deadline_end(&d);
        if (rc != 0 && rc != -ERR_TIMEOUT) {
            return rc;
        }
    }
}

/* ---- signals ---- */

/* `timeout`, and a terminal with a script between, send the same signal twice: that is one wish. */
static void on_stop(void *arg, int signum)
{
    struct standalone *s = arg;
    int64_t now = loop_now_us(s->loop);

    (void)signum;
    if (s->stopping && now - s->stopping_us < TWICE_US) {
        return;
    }
    s->hurried = s->stopping;
    s->stopping_us = now;
    s->stopping = true;
    log_info("supervisor", s->hurried ? "stops at once" : "stops");
    sd_notify_send("STOPPING=1");
    standalone_wake(s);
}

static void on_reload(void *arg, int signum)
{
    struct standalone *s = arg;

    log_info("supervisor", "reload");
    for (size_t i = 0; i < s->len; i++) {
        supervisor_revive(&s->children[i].machine, loop_now_us(s->loop));
        standalone_signal(&s->children[i], signum);
    }
    standalone_wake(s);
}

static int keep_watchdog(void *arg)
{
    int64_t us = sd_notify_watchdog_us();

    (void)arg;
    while (us > 0 && co_sleep(us / 3) == 0) {
        sd_notify_send("WATCHDOG=1");
    }
    return 0;
}

/* ---- the command ---- */

/* All addresses of this machine are no address: a browser here opens one of them. */
static const char *address_to_open(const char *host)
{
    bool all = strcmp(host, "*") == 0 || strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;

    return all ? "localhost" : host;
}

static void print_plan(const struct service *v)
{
    const struct standalone *s = &v->s;
    char folder[4096];

    if (s->json || cli_flag(v->cli, "quiet")) {
        return;
    }
    if (folder_resolve(s->home, folder, sizeof folder, NULL) != 0) {
        folder[0] = '\0';
    }
    (void)printf("Tradewind " TRADEWIND_VERSION " in %s\n", s->home);
    (void)printf("  scheduler   runs the DAGs of %s\n", folder);
    if (s->len > 1) {
        const char *port = cli_opt(v->cli, "port"), *host = cli_opt(v->cli, "host");
        bool any;

        host = host != NULL ? host : config_text(v->config, "api.host");
        port = port != NULL ? port : config_text(v->config, "api.port");
        any = strcmp(port, "0") == 0;
        (void)printf("  web page    %s://%s%s%s  (and the REST API below /api/v2)\n",
                     config_text(v->config, "api.ssl_cert")[0] != '\0' ? "https" : "http",
                     address_to_open(host), any ? "" : ":",
                     any ? ", at a port that is free: the API server tells it" : port);
    }
    (void)fflush(stdout);
}

static int standalone_main(void *arg)
{
    struct service *v = arg;
    struct standalone *s = &v->s;
    struct err e = {0};
    int rc;

    s->loop = loop_current();
    s->conductor = co_self();
    co_group_init(&s->group, s->loop);
    rc = standalone_listen(s, &e);
    rc = rc == 0 ? co_spawn(&s->group, "hear", standalone_hear, s, NULL, &e) : rc;
    rc = rc == 0 ? co_on_signal(&s->group, SIGINT, on_stop, s, &e) : rc;
    rc = rc == 0 ? co_on_signal(&s->group, SIGTERM, on_stop, s, &e) : rc;
    rc = rc == 0 ? co_on_signal(&s->group, SIGHUP, on_reload, s, &e) : rc;
    rc = rc == 0 ? co_spawn(&s->group, "watchdog", keep_watchdog, s, NULL, &e) : rc;
    if (rc == 0) {
        print_plan(v);
        rc = conduct(v);
    }
    s->conductor = NULL;
    co_group_close(&s->group);
    if (s->notify_fd >= 0) {
        (void)close(s->notify_fd);
    }
    if (rc != 0) {
        s->exit_code = cli_fail(rc, &e);
    } else if (s->exit_code == 0) {
        log_info("supervisor", "has stopped%s", s->drained ? ": drained" : "");
    }
    return 0;
}

/* By its path, not by /proc/self/exe: after an upgrade the new program is started. */
static int find_program(struct standalone *s, struct err *e)
{
    ssize_t n = readlink("/proc/self/exe", s->program, sizeof s->program - 1);

    if (n <= 0) {
        return err_errno(e, errno, "cannot tell where the program is");
    }
    s->program[n] = '\0';
    return 0;
}

int cmd_standalone(struct cli *cli)
{
    struct service v = {.cli = cli, .lock_fd = -1, .s.notify_fd = -1};
    const char *folder = cli_opt(cli, "dags-folder");
    struct loop_config lc = {0};
    struct loop *l;
    struct err e = {0};
    int rc = home_resolve(cli_opt(cli, "home"), v.s.home, sizeof v.s.home, &e);

    if (rc == 0 && folder != NULL) {
        (void)setenv("TRADEWIND_DAGS", folder, 1);
    }
    (void)signal(SIGPIPE, SIG_IGN);
    rc = rc == 0 ? home_prepare(v.s.home, &e) : rc;
    rc = rc == 0 ? config_open(v.s.home, &v.config, &e) : rc;
    rc = rc == 0 ? service_log_open(cli, v.config, &v.s.json, &e) : rc;
    rc = rc == 0 ? take_lock(&v, &e) : rc;
    rc = rc == 0 ? find_program(&v.s, &e) : rc;
    if (rc == 0) {
        add_children(&v);
    }
    rc = rc == 0 ? loop_uv_new(&lc, &l, &e) : rc;
    if (rc == 0) {
        rc = loop_main(l, standalone_main, &v, &e);
        loop_free(l);
    }
    config_close(v.config);
    if (v.lock_fd >= 0) {
        (void)close(v.lock_fd);
    }
    return rc != 0 ? cli_fail(rc, &e) : v.s.exit_code;
}
