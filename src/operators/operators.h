/* The operators that this program knows, with their parameters: what documents are checked against.
 */
#ifndef TW_OPERATORS_OPERATORS_H
#define TW_OPERATORS_OPERATORS_H

struct operator_desc;
struct operator_table;
struct arena;
struct value;

/* The one table; lives as long as the program. The built-in ones in the order of docs/reference/dag-document.md, then plug-ins (plugins.h),
 * which are only ever added. */
const struct operator_table *operators_table(void);
/* The same for a stored document: operators that are not there any more (a plug-in that was removed) take whatever its tasks have. In the arena,
 * except the operators' names. */
const struct operator_table *operators_table_stored(struct arena *a, const struct value *document);
/* What documents get that do not say it, from now on, in this process: before it reads any, by the thread that starts it. Borrowed for good;
 * NULL: dag_defaults_builtin. */
struct dag_defaults;
void operators_set_defaults(const struct dag_defaults *d);
/* By name ("bash"), or NULL. */
const struct operator_desc *operators_find(const char *name);

#endif
