/* dags show: the graph of a DAG. */
#include "base/err.h"
#include "cli/command.h"
#include "cli/commands.h"

int cmd_dags_show(struct cli *cli)
{
    struct err e;

    (void)cli;
    return cli_fail(err_set(&e, ERR_UNSUPPORTED, "dags show is being built"), &e);
}
