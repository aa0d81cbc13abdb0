/* Where the services log to, as the configuration says: standard error, or a file that is rotated by its size. */
#ifndef TW_CLI_SERVICE_LOG_H
#define TW_CLI_SERVICE_LOG_H

#include <stdbool.h>

struct cli;
struct config;
struct err;

/*
 * Sets the log up; the options --quiet and --json are the user's last word. A process that has a supervisor writes to it, who writes the file.
 * What is odd in the configuration is said once. ret_json may be NULL. -ERR_IO ...: the file.
 */
int service_log_open(struct cli *cli, const struct config *c, bool *ret_json, struct err *e);
/* The level anew, after a reload. */
void service_log_level(struct cli *cli, const struct config *c);

#endif
