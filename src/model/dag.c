#include "model/dag.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"

struct dag *dag_ref(struct dag *d)
{
    assert(d->refs > 0);
    d->refs++;
    return d;
}

void dag_unref(struct dag *d)
{
    if (d == NULL) {
        return;
    }
    assert(d->refs > 0);
    if (--d->refs == 0) {
        struct arena arena = d->arena; /* the DAG itself may live outside of its arena */

        map_fini(&d->by_id);
        arena_fini(&arena);
        mem_free(d);
    }
}

const struct task *dag_task(const struct dag *d, const char *task_id)
{
    return map_find(&d->by_id, task_id, strlen(task_id));
}
