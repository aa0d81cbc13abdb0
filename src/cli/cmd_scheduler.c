/*
 * scheduler: the service. It has the engine, and keeps the folder of DAG files known to it: what is there at the start, and again whenever
 * something changed. Runs are created when they are due.
 *
 *   STARTING --the folder was read once--> READY --SIGHUP, a change, or a while--> READING --> READY
 *                                            \--SIGTERM, SIGINT--> STOPPING: tasks go on in their holders, the next start adopts them
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/time.h"
#include "cli/bundle.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/execute.h"
#include "cli/folder.h"
#include "cli/sd_notify.h"
#include "cli/session.h"
#include "config/config.h"
#include "dagfile/watch.h"
#include "engine/engine.h"
#include "home/retention.h"
#include "runtime/loop.h"

#define LOOK_US \
    (30 *       \
     TIME_SECOND) /* what the system does not tell (files elsewhere, variables) is seen after so long */
#define LOOK_SHARE    50 /* looking takes at most this part of the time */
#define LOOK_PAUSE_US (TIME_SECOND / 2)

struct service {
    struct cli *cli;
    char home[4096], folder[4096];
    struct session s;
    struct bundle *bundle;
    struct watch *watch;
    struct retention retention;
    struct co *looker;
    bool stopping;
    int exit_code;
};

/* ---- signals ---- */

static int on_stop(struct service *v, int signum)
{
    if (co_wait_signal(signum) == 0) {
        v->stopping = true;
        co_cancel(v->looker);
    }
    return 0;
}

static int on_int(void *arg)
{
    return on_stop(arg, SIGINT);
}

static int on_term(void *arg)
{
    return on_stop(arg, SIGTERM);
}

static int on_hup(void *arg)
{
    struct service *v = arg;

    while (co_wait_signal(SIGHUP) == 0) {
        watch_poke(v->watch);
    }
    return 0;
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

/* ---- the folder ---- */

static void tell(const struct bundle_report *r, bool first)
{
    char text[160];

    (void)snprintf(text, sizeof text, "STATUS=%zu DAGs of %zu files, %zu errors", r->dags, r->files,
                   r->errors);
    sd_notify_send(text);
    if (first || r->changed != 0 || r->removed != 0) {
        log_info("dags", "%zu DAG%s in %zu file%s, %zu changed, %zu gone, %zu error%s", r->dags,
                 r->dags == 1 ? "" : "s", r->files, r->files == 1 ? "" : "s", r->changed,
                 r->removed, r->errors, r->errors == 1 ? "" : "s");
    }
}

/* For who asks the engine: the API server. */
static void report(struct service *v, const struct bundle_report *r, int64_t took_us)
{
    struct engine_dags_report d = {.dags = (int64_t)r->dags,
                                   .files = (int64_t)r->files,
                                   .errors = (int64_t)r->errors,
                                   .took_us = took_us};
    struct buf b BUF_CLEANUP;

    buf_init(&b, MiB(8));
    d.errors_json = bundle_errors(v->bundle, &b) == 0 ? buf_cstr(&b) : NULL;
    engine_report_dags(v->s.engine, &d);
}

/* A folder that cannot be read now may be readable later: it is mounted, a checkout is under way. */
static int look(struct service *v, bool first, int64_t *ret_took_us)
{
    struct loop *l = loop_current();
    int64_t start = loop_now_us(l);
    struct bundle_report r = {0};
    struct err e = {0};
    int rc = bundle_refresh(v->bundle, &r, &e);

    *ret_took_us = loop_now_us(l) - start;
    if (rc == -ERR_CANCELED || rc == -ERR_CLOSED || rc == -ERR_NOMEM) {
        return rc;
    }
    if (rc != 0) {
        log_error("dags", "%s", err_str(&e));
        return 0;
    }
    report(v, &r, *ret_took_us);
    tell(&r, first);
    return 0;
}

static int wait_for_change(struct service *v, int64_t took_us)
{
    int64_t left = took_us * LOOK_SHARE > LOOK_US ? took_us * LOOK_SHARE : LOOK_US;
    int64_t until = loop_now_us(loop_current()) + left;
    bool changed = false;
    int rc = co_sleep(LOOK_PAUSE_US);

    while (rc == 0 && !changed && loop_now_us(loop_current()) < until) {
        rc = watch_wait(v->watch, until - loop_now_us(loop_current()), &changed);
    }
    return rc;
}

static int look_for_ever(void *arg)
{
    struct service *v = arg;
    int64_t took_us;
    int rc = look(v, true, &took_us);

    if (rc == 0) {
        sd_notify_send("READY=1");
        log_info("scheduler", "works in %s; DAGs of %s", v->home, v->folder);
    }
    while (rc == 0) {
        if (watch_why(v->watch) != NULL) {
            log_warning("dags", "%s", watch_why(v->watch));
        }
        rc = wait_for_change(v, took_us);
        rc = rc == 0 ? look(v, false, &took_us) : rc;
    }
    return rc;
}

/* ---- the service ---- */

static int read_config(struct service *v, struct err *e)
{
    struct config *c;
    int rc = config_open(v->home, &c, e);

    if (rc == 0) {
        v->retention = retention_of(c);
        config_close(c);
    }
    return rc;
}

static int keep_small(void *arg)
{
    struct service *v = arg;

    return retention_keep(v->s.engine, v->s.loop, v->home, &v->retention);
}

static int work(struct service *v, struct err *e)
{
    struct co_group g;
    char sock[4200];
    int rc, ended = 0;

    (void)snprintf(sock, sizeof sock, "%s/%s", v->home, ENGINE_SOCKET);
    rc = engine_serve(v->s.engine, sock, execute_run_file, &v->s, e);
    rc = rc == 0 ? read_config(v, e) : rc;
    rc = rc == 0 ? bundle_new(&v->s, v->folder, &v->bundle, e) : rc;
    rc = rc == 0 ? watch_new(v->folder, LOOK_US, &v->watch, e) : rc;
    if (rc != 0) {
        return rc;
    }
    co_group_init(&g, v->s.loop);
    rc = co_spawn(&g, "folder", look_for_ever, v, &v->looker, e);
    if (rc == 0) {
        (void)co_spawn(&g, "sigint", on_int, v, NULL, NULL);
        (void)co_spawn(&g, "sigterm", on_term, v, NULL, NULL);
        (void)co_spawn(&g, "sighup", on_hup, v, NULL, NULL);
        (void)co_spawn(&g, "watchdog", keep_watchdog, v, NULL, NULL);
        (void)co_spawn(&g, "retention", keep_small, v, NULL, NULL);
        rc = co_await (v->looker, &ended);
    }
    sd_notify_send("STOPPING=1");
    co_group_close(&g);
    if (rc == 0 && !v->stopping && ended != 0) {
        rc = err_set(e, (enum err_code) - ended, "the scheduler has ended: %s", err_text(ended));
    }
    return rc;
}

static int service_main(void *arg)
{
    struct service *v = arg;
    struct session_options o = {.home = v->home,
                                .jobs = (int)cli_opt_int(v->cli, "jobs"),
                                .python = cli_opt(v->cli, "python"),
                                .gather_us = -1,
                                .schedules = true};
    struct err e = {0};
    int64_t pid = 0;
    int rc = session_open(&v->s, loop_current(), &o, NULL, SIZE_MAX, &pid, &e);

    if (rc == -ERR_BUSY) {
        rc = err_set(&e, ERR_BUSY, "process %lld works in %s already", (long long)pid, v->home);
    } else if (rc == 0) {
        rc = work(v, &e);
        watch_free(v->watch);
        bundle_free(v->bundle);
        session_close(&v->s);
        log_info("scheduler", "has stopped; tasks that run go on, the next start adopts them");
    }
    v->exit_code = rc != 0 ? cli_fail(rc, &e) : 0;
    return 0;
}

static long long wall_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_REALTIME, &t);
    return (long long)t.tv_sec * TIME_SECOND + t.tv_nsec / 1000;
}

/* The options are the user's last word: --quiet, --json. What is odd in the configuration is said once. */
static int set_up_log(struct cli *cli, const char *home, struct err *e)
{
    const struct config_finding *f;
    struct config *c;
    size_t n;
    int rc = config_open(home, &c, e), level;

    if (rc != 0) {
        return rc;
    }
    level = log_level_parse(config_text(c, "logging.level"));
    if (cli_flag(cli, "quiet") && level < LOG_LEVEL_WARNING) {
        level = LOG_LEVEL_WARNING;
    }
    log_setup(STDERR_FILENO, (enum log_level)level,
              cli_flag(cli, "json") || strcmp(config_text(c, "logging.format"), "json") == 0,
              wall_us);
    n = config_findings(c, &f);
    for (size_t i = 0; i < n; i++) {
        log_warning("config", "%s: %s", f[i].where, f[i].text);
    }
    config_close(c);
    return 0;
}

int cmd_scheduler(struct cli *cli)
{
    struct service v = {.cli = cli};
    struct loop_config lc = {0};
    const char *folder = cli_opt(cli, "dags-folder");
    struct loop *l;
    struct err e = {0};
    int rc = home_resolve(cli_opt(cli, "home"), v.home, sizeof v.home, &e);

    rc = rc == 0 ? set_up_log(cli, v.home, &e) : rc;
    if (rc == 0 && folder != NULL) {
        (void)setenv("TRADEWIND_DAGS", folder, 1);
    }
    rc = rc == 0 ? folder_resolve(v.home, v.folder, sizeof v.folder, &e) : rc;
    rc = rc == 0 ? loop_uv_new(&lc, &l, &e) : rc;
    if (rc == 0) {
        rc = loop_main(l, service_main, &v, &e);
        loop_free(l);
    }
    return rc != 0 ? cli_fail(rc, &e) : v.exit_code;
}
