/* help, version, completion: what needs nothing but the table. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/term.h"

#ifndef TRADEWIND_VERSION
#define TRADEWIND_VERSION "0.1.0"
#endif

static int finish(struct buf *b)
{
    int rc = buf_status(b);

    if (rc == 0 && fwrite(buf_cstr(b), 1, b->len, stdout) != b->len) {
        rc = -ERR_IO;
    }
    buf_fini(b);
    return rc == 0 ? 0 : cli_fail(rc, NULL);
}

int cmd_help(struct cli *cli)
{
    const char *const *words;
    size_t n = cli_args(cli, "COMMAND", &words);
    char name[128] = "";
    struct err e = {0};
    struct buf b;

    for (size_t i = 0; i < n; i++) {
        size_t used = strlen(name);

        (void)snprintf(name + used, sizeof name - used, "%s%s", i > 0 ? " " : "", words[i]);
    }
    buf_init(&b, MiB(1));
    if (help_text(name, term_color(), term_width(), &b) == -ERR_NOTFOUND) {
        buf_fini(&b);
        return cli_fail(err_set(&e, ERR_USAGE,
                                "there is no command \"%s\"; `tradewind --help` lists them", name),
                        &e);
    }
    return finish(&b);
}

int cmd_version(struct cli *cli)
{
    if (cli_flag(cli, "json")) {
        (void)printf("{\"version\": \"%s\"}\n", TRADEWIND_VERSION);
    } else {
        (void)printf("tradewind %s\n", TRADEWIND_VERSION);
    }
    return 0;
}

int cmd_completion(struct cli *cli)
{
    struct buf b;

    buf_init(&b, MiB(4));
    (void)completion_script(cli_arg(cli, "SHELL"), &b);
    return finish(&b);
}
