/* Questions that tasks ask a person. */
#ifndef TW_CLI_HITL_H
#define TW_CLI_HITL_H

#include "cli/lookup.h"

struct buf;
struct value;

/* What an instance that waits asks: its request, in f's arena; NULL when it waits for no person (any more). */
const struct value *hitl_question(struct found *f, uint32_t task, int map_index);
/* What is asked, and how to answer: a few lines. */
void hitl_explain(struct found *f, uint32_t task, int map_index, struct buf *out);

#endif
