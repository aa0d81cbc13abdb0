/* api-server: the HTTP server of a home (src/server). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/time.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/sd_notify.h"
#include "cli/service_log.h"
#include "cli/session.h"
#include "config/config.h"
#include "server/server.h"

static bool is_loopback(const char *host)
{
    return strncmp(host, "127.", 4) == 0 || strcmp(host, "::1") == 0 ||
           strcmp(host, "localhost") == 0;
}

static void ready(void *arg, const char *host, int port)
{
    bool six = strchr(host, ':') != NULL, *json = arg;

    if (!is_loopback(host)) {
        log_warning("api",
                    "listens on %s, without TLS: tokens travel as clear text; put a proxy "
                    "with TLS before it",
                    host);
    }
    if (!*json) { /* for people; a log of objects has nothing else in it */
        (void)printf("http://%s%s%s:%d\n", six ? "[" : "", host, six ? "]" : "", port);
        (void)fflush(stdout);
    }
    log_info("api", "listens on http://%s%s%s:%d", six ? "[" : "", host, six ? "]" : "", port);
    sd_notify_send("READY=1");
}

static void beat(void *arg)
{
    (void)arg;
    sd_notify_send("WATCHDOG=1");
}

static int serve(struct cli *cli, const char *home, struct err *e)
{
    struct config *c;
    struct server_config s = {
        .home = home, .version = TRADEWIND_VERSION, .ready = ready, .beat = beat};
    bool json = false;
    int rc = config_open(home, &c, e);

    if (rc != 0) {
        return rc;
    }
    rc = service_log_open(cli, c, &json, e);
    s.arg = &json;
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
    s.secure = strncasecmp(s.base_url, "https://", 8) == 0;
    s.session_idle_us = config_us(c, "api.session_idle");
    s.session_max_us = config_us(c, "api.session_max");
    s.token_us = config_us(c, "api.token_lifetime");
    s.cli_token_us = config_us(c, "api.cli_token_lifetime");
    s.timezone = config_shown(c, config_key_find("core.default_timezone"));
    s.timezone = s.timezone[0] != '\0' ? s.timezone : "UTC";
    s.webhooks = config_value(c, "webhooks");
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
