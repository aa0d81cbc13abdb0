/* The home of `dags test` and `tasks test`: of their own, so that they leave nothing behind, with the settings of the user's. */
#ifndef TW_CLI_TEST_HOME_H
#define TW_CLI_TEST_HOME_H

#include <stddef.h>

struct cli;
struct err;

/*
 * Makes it in TMPDIR: the variables, connections and pools of the real home are copied (what the test changes, goes with it); its secrets,
 * plugins, operators, configuration and virtual environments are those of the real one, and so is the DAGs folder. `buf` gets its path, to
 * be given to home_remove; empty on an error.
 */
int test_home_make(const struct cli *cli, char *buf, size_t cap, struct err *e);

#endif
