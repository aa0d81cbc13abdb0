#include "cli/service_control.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "alert/alert.h"
#include "base/err.h"
#include "base/json.h"
#include "base/log.h"
#include "base/time.h"
#include "cli/command.h"
#include "cli/sd_notify.h"
#include "cli/service_log.h"
#include "config/config.h"
#include "engine/engine.h"
#include "home/home.h"
#include "runtime/loop.h"
#include "sched/sched.h"

#define LOOK_US (TIME_SECOND / 5)

/* ---- reload ---- */

static void put_change(struct json_writer *w, const struct config_key *k, const char *from,
                       const char *to)
{
    char name[200];

    (void)snprintf(name, sizeof name, "%s%s%s", k->section, k->key[0] != '\0' ? "." : "", k->key);
    json_object(w);
    json_key(w, "key");
    json_string(w, name);
    json_key(w, "from");
    json_string(w, from);
    json_key(w, "to");
    json_string(w, to);
    json_object_end(w);
}

/* Logs what differs in settings of one kind, and writes it. */
static void tell_changes(const struct config *was, const struct config *is, bool live,
                         struct json_writer *w)
{
    const struct config_key *k;

    for (size_t i = 0; (k = config_key_at(i)) != NULL; i++) {
        const char *from = config_shown(was, k), *to = config_shown(is, k);

        if (k->live != live || !config_differs(was, is, k)) {
            continue;
        }
        log_info("config", "%s%s%s is %.100s now (%.100s)%s", k->section,
                 k->key[0] != '\0' ? "." : "", k->key, to, from,
                 live ? "" : ": from the next start on");
        if (w != NULL) {
            put_change(w, k, from, to);
        }
    }
}

static int apply(struct service_control *c, const struct config *new, struct err *e)
{
    struct engine_settings s = home_engine_settings(new);
    bool by_option = cli_given(c->cli, "jobs");
    struct alert_config *alerts;
    int rc = home_alert_config(new, &alerts, e);

    if (rc != 0) {
        return rc;
    }
    service_log_level(c->cli, new);
    rc = engine_reconfigure(c->engine, &s,
                            by_option ? 0 : (int32_t)config_int(new, "core.parallelism"), e);
    if (rc == 0) {
        engine_set_alerts(c->engine, alerts);
    } else {
        alert_config_free(alerts);
    }
    return rc;
}

static int reload(struct service_control *c, struct json_writer *w, struct err *e)
{
    struct config *new;
    int rc = config_open(c->home, &new, e);

    if (rc != 0) {
        return rc;
    }
    rc = apply(c, new, e);
    if (rc != 0) {
        config_close(new);
        return rc;
    }
    if (w != NULL) {
        json_key(w, "applied");
        json_array(w);
    }
    tell_changes(c->config, new, true, w);
    if (w != NULL) {
        json_array_end(w);
        json_key(w, "restart");
        json_array(w);
    }
    tell_changes(c->started, new, false, w);
    if (w != NULL) {
        json_array_end(w);
    }
    config_close(c->config);
    c->config = new;
    return 0;
}

int service_reload(struct service_control *c, struct json_writer *w, struct err *e)
{
    struct err own = {0};
    int rc;

    if (c->reloading) {
        return err_set(e, ERR_BUSY, "a reload is under way");
    }
    c->reloading = true;
    sd_notify_reloading();
    rc = reload(c, w, &own);
    if (rc != 0) {
        log_error("config", "not reloaded, all stays as it was: %s", err_str(&own));
    }
    c->reread(c->arg);
    sd_notify_send("READY=1");
    c->reloading = false;
    return rc != 0 ? err_set(e, (enum err_code) - rc, "%s", err_str(&own)) : 0;
}

/* ---- drain ---- */

static void set_draining(struct service_control *c, bool on)
{
    if (c->draining == on) {
        return;
    }
    c->draining = on;
    c->since_us = loop_wall_us(loop_current());
    engine_drain(c->engine, on);
    if (on) {
        log_info("scheduler", "drain: nothing new starts; %d processes run",
                 engine_busy(c->engine));
        sd_notify_send("STATUS=drain: nothing new starts");
    } else {
        log_info("scheduler", "the drain was cancelled: tasks start again");
        sd_notify_send("STATUS=");
    }
}

int service_drain_main(void *arg)
{
    struct service_control *c = arg;
    int rc = 0;

    while (rc == 0) {
        rc = co_sleep(LOOK_US);
        if (rc == 0 && c->draining && engine_busy(c->engine) == 0) {
            log_info("scheduler", "drained: nothing runs; stops");
            sd_notify_send(SD_NOTIFY_DRAINED);
            c->drained(c->arg);
            return 0;
        }
    }
    return rc;
}

/* ---- over the socket ---- */

static void write_status(struct service_control *c, struct json_writer *w)
{
    struct sched_stats st;

    sched_get_stats(engine_sched(c->engine), &st);
    json_key(w, "pid");
    json_int(w, getpid());
    json_key(w, "version");
    json_string(w, TRADEWIND_VERSION);
    json_key(w, "draining");
    json_bool(w, c->draining);
    json_key(w, "processes");
    json_int(w, engine_busy(c->engine));
    json_key(w, "live");
    json_int(w, (int64_t)st.live);
}

static int on_service(void *arg, const char *op, struct json_writer *w, struct err *e)
{
    struct service_control *c = arg;

    if (strcmp(op, "drain") == 0 || strcmp(op, "cancel_drain") == 0) {
        set_draining(c, op[0] == 'd');
        write_status(c, w);
        return 0;
    }
    if (strcmp(op, "status") == 0) {
        write_status(c, w);
        return 0;
    }
    if (strcmp(op, "reload") == 0) {
        return service_reload(c, w, e);
    }
    return err_set(e, ERR_UNSUPPORTED, "this service cannot '%.40s'", op);
}

int service_control_open(struct service_control *c, struct err *e)
{
    int rc = config_open(c->home, &c->config, e);

    rc = rc == 0 ? config_open(c->home, &c->started, e) : rc;
    if (rc == 0) {
        engine_on_service(c->engine, on_service, c);
    }
    return rc;
}

void service_control_close(struct service_control *c)
{
    config_close(c->config);
    config_close(c->started);
    c->config = c->started = NULL;
}
