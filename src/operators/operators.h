/* The operators that this program knows, with their parameters: what documents are checked against.
 */
#ifndef TW_OPERATORS_OPERATORS_H
#define TW_OPERATORS_OPERATORS_H

struct operator_desc;
struct operator_table;

/* The one table; immutable, lives as long as the program. In the order of
 * docs/reference/dag-document.md. */
const struct operator_table *operators_table(void);
/* By name ("bash"), or NULL. */
const struct operator_desc *operators_find(const char *name);

#endif
