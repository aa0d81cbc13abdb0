/*
 * scheduler: the service. It has the engine, and keeps the bundles of DAG files known to it (bundle/bundles.h): what is there at the start, and
 * again whenever something changed. Runs are created when they are due.
 *
 *   STARTING --all bundles were read once--> READY --SIGTERM, SIGINT--> STOPPING: tasks go on in their holders, the next start adopts them
 *                                            \--drain (service_control.h)--> nothing new starts --nothing runs--> STOPPING
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/time.h"
#include "bundle/bundles.h"
#include "bundle/folder.h"
#include "bundle/list.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/execute.h"
#include "cli/sd_notify.h"
#include "cli/service_control.h"
#include "cli/service_log.h"
#include "cli/session.h"
#include "cli/supervised.h"
#include "config/config.h"
#include "engine/engine.h"
#include "engine/zones.h"
#include "home/retention.h"
#include "runtime/loop.h"

#define LOCK_TRIES    30
#define LOCK_PAUSE_US (TIME_SECOND / 10)
#define ZONES_US      (10 * TIME_SECOND)

struct service {
    struct cli *cli;
    char home[4096], folder[4096];
    struct session s;
    struct bundles *bundles;
    bool only_folder; /* the folder was named: nothing else is read */
    char from[4096];  /* where DAG files come from, in words */
    struct arena arena;
    struct retention retention;
    struct co *looker;
    struct service_control control;
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
        (void)service_reload(&v->control, NULL, NULL);
    }
    return 0;
}

/* What else a reload takes over: the configuration was read without an error before. */
static void reread(void *arg)
{
    struct service *v = arg;

    v->retention = retention_of(v->control.config);
    if (v->bundles != NULL) {
        bundles_poke(v->bundles);
    }
}

static void drained(void *arg)
{
    struct service *v = arg;

    v->stopping = true;
    co_cancel(v->looker);
}

static void supervisor_gone(void *arg)
{
    struct service *v = arg;

    log_warning("scheduler", "the supervisor is gone: stops");
    v->stopping = true;
    co_cancel(v->looker);
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

/* ---- the bundles ---- */

static void tell(void *arg, const struct bundles_report *r)
{
    struct service *v = arg;
    char text[160];

    (void)snprintf(text, sizeof text, "STATUS=%zu DAGs of %zu files, %zu errors", r->dags, r->files,
                   r->errors);
    sd_notify_send(text);
    engine_report_dags(v->s.engine, &(struct engine_dags_report){.dags = (int64_t)r->dags,
                                                                 .files = (int64_t)r->files,
                                                                 .errors = (int64_t)r->errors,
                                                                 .took_us = r->took_us});
    if (r->first || r->changed != 0 || r->removed != 0) {
        log_info("dags", "%zu DAG%s in %zu file%s, %zu changed, %zu gone, %zu error%s", r->dags,
                 r->dags == 1 ? "" : "s", r->files, r->files == 1 ? "" : "s", r->changed,
                 r->removed, r->errors, r->errors == 1 ? "" : "s");
    }
    if (r->first) {
        sd_notify_send("READY=1");
        log_info("scheduler", "works in %s; DAGs of %s", v->home, v->from);
    }
}

static int keep_bundles(void *arg)
{
    struct service *v = arg;
    struct err e = {0};

    return bundles_run(v->bundles, &e);
}

/* Which bundles there are; what imports their files is told, too. */
static int open_bundles(struct service *v, struct err *e)
{
    struct load_env env = session_load_env(&v->s, v->home);
    struct bundles_config c = {
        .engine = v->s.engine, .store = v->s.store, .env = &env, .on_look = tell, .arg = v};
    struct config *config = NULL;
    struct bundle_spec *list = NULL;
    int rc = config_open(v->home, &config, e);

    rc = rc == 0 ? bundle_list_read(config, v->folder, v->only_folder ? v->folder : NULL, &v->arena,
                                    &list, &c.len, e)
                 : rc;
    if (rc == 0) {
        c.list = list;
        c.memory_bytes = config_int(config, "dag_processor.parse_memory_limit") * (int64_t)MiB(1);
        if (c.len == 1 && list[0].kind == BUNDLE_FOLDER) {
            (void)snprintf(v->from, sizeof v->from, "%s", list[0].path);
        } else {
            (void)snprintf(v->from, sizeof v->from, "%zu bundles", c.len);
        }
        rc = bundles_open(&c, &v->bundles, e);
    }
    config_close(config);
    return rc;
}

/* ---- the service ---- */

/* The installation's time zone data may be replaced while we work. */
static int keep_zones(void *arg)
{
    struct service *v = arg;
    int rc = 0;

    while (rc == 0) {
        struct err e = {0};

        if (zones_refresh(v->s.engine, &e) != 0) {
            log_error("schedule", "the time zone data: %s", err_str(&e));
        }
        rc = co_sleep(ZONES_US);
    }
    return 0;
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
    v->control = (struct service_control){.cli = v->cli,
                                          .home = v->home,
                                          .engine = v->s.engine,
                                          .reread = reread,
                                          .drained = drained,
                                          .arg = v};
    rc = service_control_open(&v->control, e);
    if (rc == 0) {
        v->retention = retention_of(v->control.config);
    }
    rc = rc == 0 ? engine_serve(v->s.engine, sock, execute_run_file, &v->s, e) : rc;
    rc = rc == 0 ? open_bundles(v, e) : rc;
    if (rc != 0) {
        return rc;
    }
    co_group_init(&g, v->s.loop);
    rc = co_spawn(&g, "bundles", keep_bundles, v, &v->looker, e);
    if (rc == 0) {
        (void)co_spawn(&g, "sigint", on_int, v, NULL, NULL);
        (void)co_spawn(&g, "sigterm", on_term, v, NULL, NULL);
        (void)co_spawn(&g, "sighup", on_hup, v, NULL, NULL);
        (void)co_spawn(&g, "watchdog", keep_watchdog, v, NULL, NULL);
        (void)co_spawn(&g, "zones", keep_zones, v, NULL, NULL);
        (void)supervised_watch(&g, supervisor_gone, v, NULL);
        (void)co_spawn(&g, "drain", service_drain_main, &v->control, NULL, NULL);
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

/* Another process may have the lock for a moment, to write one setting: that is waited for. Who works here answers. */
static int open_session(struct service *v, const struct session_options *o, int64_t *ret_pid,
                        struct err *e)
{
    int rc = session_open(&v->s, loop_current(), o, NULL, SIZE_MAX, ret_pid, e);

    for (int i = 0; rc == -ERR_BUSY && i < LOCK_TRIES; i++) {
        if (engine_request(v->home, "ping", "", NULL, NULL) == 0 || co_sleep(LOCK_PAUSE_US) != 0) {
            break;
        }
        *e = (struct err){0};
        rc = session_open(&v->s, loop_current(), o, NULL, SIZE_MAX, ret_pid, e);
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
    int rc = open_session(v, &o, &pid, &e);

    if (rc == -ERR_BUSY) {
        rc = err_set(&e, ERR_BUSY, "process %lld works in %s already", (long long)pid, v->home);
    } else if (rc == 0) {
        rc = work(v, &e);
        bundles_close(v->bundles);
        v->bundles = NULL;
        session_close(&v->s);
        service_control_close(&v->control);
        log_info("scheduler", "has stopped; tasks that run go on, the next start adopts them");
    }
    v->exit_code = rc != 0 ? cli_fail(rc, &e) : 0;
    return 0;
}

static int open_log(struct service *v, struct err *e)
{
    struct config *c;
    int rc = config_open(v->home, &c, e);

    if (rc == 0) {
        rc = service_log_open(v->cli, c, NULL, e);
        config_close(c);
    }
    return rc;
}

int cmd_scheduler(struct cli *cli)
{
    struct service v = {.cli = cli};
    struct loop_config lc = {0};
    const char *folder = cli_opt(cli, "dags-folder");
    struct loop *l;
    struct err e = {0};
    int rc = home_resolve(cli_opt(cli, "home"), v.home, sizeof v.home, &e);

    arena_init(&v.arena, MiB(16));
    (void)signal(SIGPIPE, SIG_IGN);
    rc = rc == 0 ? open_log(&v, &e) : rc;
    if (rc == 0 && folder != NULL) {
        (void)setenv("TRADEWIND_DAGS", folder, 1);
        v.only_folder = true;
    }
    rc = rc == 0 ? folder_resolve(v.home, v.folder, sizeof v.folder, &e) : rc;
    rc = rc == 0 ? loop_uv_new(&lc, &l, &e) : rc;
    if (rc == 0) {
        rc = loop_main(l, service_main, &v, &e);
        loop_free(l);
    }
    arena_fini(&v.arena);
    return rc != 0 ? cli_fail(rc, &e) : v.exit_code;
}
