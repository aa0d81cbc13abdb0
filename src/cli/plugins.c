/* Operators that are plug-ins: made known before a command that may read documents. */
#include "operators/plugins.h"

#include <stdio.h>

#include "base/err.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/session.h"

static void warn(void *arg, const char *path, const char *text)
{
    (void)arg;
    (void)fprintf(stderr, "tradewind: operator plug-in %s: %s\n", path, text);
}

void cli_plugins(struct cli *cli)
{
    struct session paths = {0};
    char home[4096];

    if (home_resolve(cli_opt(cli, "home"), home, sizeof home, NULL) == 0 &&
        operators_wanted(home) && session_find_parts(&paths, NULL, NULL) == 0) {
        operators_discover(home, paths.holder, warn, NULL);
    }
}
