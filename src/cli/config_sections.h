/* Sections of the configuration that have a form of their own (alerts, bundles, oidc, webhooks), checked by those that read them. */
#ifndef TW_CLI_CONFIG_SECTIONS_H
#define TW_CLI_CONFIG_SECTIONS_H

struct config;
struct err;

/* What is wrong with them becomes errors of the configuration (config_findings), the first of each. home: files that they name may be below it.
 * -ERR_INVALID if there is any, in *e with its place. */
int cli_check_sections(struct config *c, const char *home, struct err *e);

#endif
