/* The table of operators, to this folder alone. */
#ifndef TW_OPERATORS_TABLE_H
#define TW_OPERATORS_TABLE_H

#define OPERATOR_PLUGINS_MAX 256

struct operator_desc;
struct operator_plugin;

/* Adds to operators_table. -ERR_LIMIT. */
int operators_extend(const struct operator_desc *d);
const struct operator_plugin *operators_plugin_find(const char *name); /* or NULL */

#endif
