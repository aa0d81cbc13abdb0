/* What documents are read by: plug-ins that are operators, and what DAGs get that do not say it. Before a command that may read some. */
#include "operators/plugins.h"

#include <stdio.h>

#include "base/err.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/session.h"
#include "config/config.h"
#include "home/home.h"

static void warn(void *arg, const char *path, const char *text)
{
    (void)arg;
    (void)fprintf(stderr, "tradewind: operator plug-in %s: %s\n", path, text);
}

void cli_plugins(struct cli *cli)
{
    struct session paths = {0};
    struct config *config = NULL;
    char home[4096];
    bool has_home = home_resolve(cli_opt(cli, "home"), home, sizeof home, NULL) == 0;

    /* Where the configuration has an error, the command says so if it needs any of it. */
    if (has_home && config_open(home, &config, NULL) == 0) {
        (void)home_set_defaults(config, NULL);
    }
    config_close(config);
    if (has_home && operators_wanted(home) && session_find_parts(&paths, NULL, NULL) == 0) {
        operators_discover(home, paths.holder, warn, NULL);
    }
}
