/* Rendering one task's parameters outside of a run: for `tasks render`. */
#ifndef TW_WORKER_RENDER_TASK_H
#define TW_WORKER_RENDER_TASK_H

#include <stdbool.h>

#include "model/rows.h"

struct buf;
struct dag;
struct err;
struct task;

/* The task's object as JSON with its templates rendered, as an attempt of `run` would see it; XComs are none. *ret_jinja: a template is
 * outside of the closed subset, and nothing was rendered. */
int worker_render_task(struct dag *d, const struct task *t, const struct run_row *run,
                       struct buf *out, bool *ret_jinja, struct err *e);

#endif
