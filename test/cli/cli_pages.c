/* cli-pages reference | airflow-command | man [COMMAND] | help [COMMAND] | completion SHELL | commands: what is made
 * of the table, for check_cli.py. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "cli/airflow.h"
#include "cli/command.h"

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "", *name = argc > 2 ? argv[2] : NULL;
    struct buf b;
    int rc = 0;

    buf_init(&b, MiB(4));
    if (strcmp(what, "reference") == 0) {
        rc = cli_reference(&b);
    } else if (strcmp(what, "airflow-command") == 0) {
        rc = cli_airflow_reference(&b);
    } else if (strcmp(what, "man") == 0) {
        rc = man_page(name != NULL ? command_find(name) : NULL, &b);
    } else if (strcmp(what, "help") == 0) {
        rc = help_text(name, false, 80, &b);
    } else if (strcmp(what, "completion") == 0 && name != NULL) {
        rc = completion_script(name, &b);
    } else {
        for (const struct command *c = command_table; c->name != NULL; c++) {
            buf_printf(&b, "%s%s\n", c->name, command_is_group(c) ? " *" : "");
        }
    }
    (void)fwrite(buf_cstr(&b), 1, b.len, stdout);
    buf_fini(&b);
    return rc == 0 ? 0 : 1;
}
