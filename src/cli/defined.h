/* DAGs as they are defined now, by a file or by their id alone: none of their runs is asked for, and they need not have any. */
#ifndef TW_CLI_DEFINED_H
#define TW_CLI_DEFINED_H

#include <stddef.h>

struct cli;
struct dag;
struct err;

/*
 * The DAG that `arg` means: a file or a folder (the option --dag says which of its DAGs), else an id: of the bundles that are folders, else as
 * the store has it, which knows those of repositories and those whose file cannot be read at the moment. One reference. -ERR_NOTFOUND says where
 * it was looked for.
 */
int cli_defined_dag(struct cli *cli, const char *arg, const char *home, struct dag **ret,
                    struct err *e);
/* The file that `arg` means, "" in *ret_dag; of an id the DAG's file and the id. -ERR_NOTFOUND. */
int cli_defined_file(struct cli *cli, const char *arg, const char *home, char *ret, size_t cap,
                     const char **ret_dag, struct err *e);

#endif
