/* What help, man pages and the reference share of a command's wording. Internal to this folder. */
#ifndef TW_CLI_HELP_H
#define TW_CLI_HELP_H

#include <stddef.h>

#include "cli/command.h"

/* "DAG [RUN] TASK" */
void usage_args(const struct command *c, struct buf *out);
/* "-j, --jobs N" ; "    --home DIR" when `align` and there is no letter */
void option_term(const struct cli_option *o, bool align, struct buf *out);
/* The exit codes that any command may end with, as "code text" lines; from the table of errors. */
struct exit_line {
    int code;
    const char *text;
};
extern const struct exit_line common_exits[]; /* ends with text NULL */
/* The code of line *p of "0 text\n1 text", its text in [*text, *len); moves *p behind it. -1 at the
 * end. */
int next_exit(const char **p, const char **text, size_t *len);

#define HELP_EPILOGUE "`tradewind COMMAND --help` tells more about a command."

#endif
