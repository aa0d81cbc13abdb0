/* api-server: the HTTP server of a home (src/server). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/time.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/config_sections.h"
#include "cli/sd_notify.h"
#include "cli/service_log.h"
#include "cli/session.h"
#include "config/config.h"
#include "dagfile/ask.h"
#include "server/server.h"

static bool is_loopback(const char *host)
{
    return strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0 ||
           strcmp(host, "localhost") == 0;
}

struct shown {
    struct cli *cli;
    const char *home;
    bool json; /* the log */
    bool tls;
};

static void ready(void *arg, const char *host, int port)
{
    const struct shown *shown = arg;
    const char *scheme = shown->tls ? "https" : "http";
    bool six = strchr(host, ':') != NULL;

    if (!is_loopback(host) && !shown->tls) {
        log_warning("api",
                    "listens on %s, without TLS: tokens travel as clear text; set api.ssl_cert "
                    "and api.ssl_key, or put a proxy with TLS before it",
                    host);
    }
    if (!shown->json) { /* for people; a log of objects has nothing else in it */
        (void)printf("%s://%s%s%s:%d\n", scheme, six ? "[" : "", host, six ? "]" : "", port);
        (void)fflush(stdout);
    }
    log_info("api", "listens on %s://%s%s%s:%d", scheme, six ? "[" : "", host, six ? "]" : "",
             port);
    sd_notify_send("READY=1");
}

/* What a living API server takes over; all of `api` holds from its next start on. */
static void reload(void *arg)
{
    const struct shown *shown = arg;
    struct config *c;
    struct err e = {0};

    sd_notify_reloading();
    if (config_open(shown->home, &c, &e) == 0) {
        service_log_level(shown->cli, c);
        config_close(c);
        log_info("api", "the level of the log is read anew; settings of the API server hold from "
                        "its next start on");
    } else {
        log_error("api", "not reloaded, all stays as it was: %s", err_str(&e));
    }
    sd_notify_send("READY=1");
}

static void beat(void *arg)
{
    (void)arg;
    sd_notify_send("WATCHDOG=1");
}

/* A page that is asked for as fast as it can be answered delays no task: the scheduler goes first. */
static void give_way(int nice_by)
{
    if (nice_by > getpriority(PRIO_PROCESS, 0) && setpriority(PRIO_PROCESS, 0, nice_by) != 0) {
        log_warning("api", "cannot give way to other processes (api.nice)");
    }
}

/* Who tells which plugins and providers there are, as tasks of this home have them. NULL: nobody; then DAG files in Python do not work either. */
static const struct ask_config *find_python(struct session *parts, const char *home,
                                            struct ask_config *ret)
{
    struct err e = {0};

    (void)snprintf(parts->home, sizeof parts->home, "%s", home);
    if (setenv("TRADEWIND_HOME", home, 1) != 0 || session_find_parts(parts, NULL, &e) != 0) {
        return NULL;
    }
    *ret = (struct ask_config){.python = parts->python, .python_path = parts->python_path};
    return ret;
}

static int serve(struct cli *cli, const char *home, struct err *e)
{
    struct config *c;
    struct server_config s = {
        .home = home, .version = TRADEWIND_VERSION, .ready = ready, .beat = beat, .reload = reload};
    struct shown shown = {.cli = cli, .home = home};
    struct session parts = {0};
    struct ask_config python;
    int rc = config_open(home, &c, e);

    if (rc != 0) {
        return rc;
    }
    s.python = find_python(&parts, home, &python);
    rc = service_log_open(cli, c, &shown.json, e);
    rc = rc == 0 ? cli_check_sections(c, home, e) : rc;
    s.arg = &shown;
    s.host = cli_given(cli, "host") ? cli_opt(cli, "host") : config_text(c, "api.host");
    s.port = (int)(cli_given(cli, "port") ? cli_opt_int(cli, "port") : config_int(c, "api.port"));
    s.threads = (int)config_int(c, "api.workers");
    s.connections = (unsigned)config_int(c, "api.max_connections");
    s.idle_s = (unsigned)(config_us(c, "api.idle_timeout") / TIME_SECOND);
    s.grace_us = config_us(c, "api.stop_grace");
    s.settings = c;
    s.external_log_url = config_text(c, "api.external_log_url");
    s.test_connection = config_text(c, "api.test_connection");
    s.base_url = config_text(c, "api.base_url");
    s.cert_file = config_text(c, "api.ssl_cert");
    s.key_file = config_text(c, "api.ssl_key");
    shown.tls = s.cert_file[0] != '\0';
    s.secure = shown.tls || strncasecmp(s.base_url, "https://", 8) == 0;
    s.session_idle_us = config_us(c, "api.session_idle");
    s.session_max_us = config_us(c, "api.session_max");
    s.token_us = config_us(c, "api.token_lifetime");
    s.cli_token_us = config_us(c, "api.cli_token_lifetime");
    s.timezone = config_shown(c, config_key_find("core.default_timezone"));
    s.timezone = s.timezone[0] != '\0' ? s.timezone : "UTC";
    give_way((int)config_int(c, "api.nice"));
    s.webhooks = config_value(c, "webhooks");
    s.oidc = config_value(c, "oidc");
    s.beat_us = sd_notify_watchdog_us() / 3;
    s.end_with_input = getenv("TRADEWIND_SUPERVISOR") != NULL;
    rc = rc == 0 ? home_prepare(home, e) : rc;
    rc = rc == 0 ? server_run(&s, e) : rc;
    sd_notify_send("STOPPING=1");
    config_close(c);
    return rc;
}

int cmd_api_server(struct cli *cli)
{
    char home[4096];
    struct err e = {0};
    int rc = home_resolve(cli_opt(cli, "home"), home, sizeof home, &e);

    rc = rc == 0 ? serve(cli, home, &e) : rc;
    return rc != 0 ? cli_fail(rc, &e) : 0;
}
