/* Builds DAGs from JSON text with a small operator table of its own: what tests of the model share.
 */
#ifndef TW_TEST_MODEL_BUILDER_H
#define TW_TEST_MODEL_BUILDER_H

#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"
#include "model/dag.h"
#include "model/document.h"

/* One build: the DAG or what is wrong. */
struct built {
    int rc;
    struct dag *dag; /* NULL unless rc is 0 */
    struct arena arena;
    struct doc_errors errors;
    struct err e;
};

extern const struct operator_table builder_operators;
/* Single quotes stand for double ones. */
void builder_build(struct built *b, const char *json);
void builder_fini(struct built *b);
/* "line:col [task: ]text", a line each, in the arena. */
const char *builder_report(struct built *b);

#endif
