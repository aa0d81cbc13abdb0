#include "model/dag.h"

#include <assert.h>
#include <string.h>

#include "base/json.h"
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

bool dag_calls_back(const struct value *callbacks, const char *word)
{
    if (callbacks != NULL && callbacks->kind == VALUE_OBJECT) {
        return value_get(callbacks, word) != NULL;
    }
    for (size_t i = 0; callbacks != NULL && callbacks->kind == VALUE_ARRAY && i < callbacks->len;
         i++) {
        if (callbacks->elems[i]->kind == VALUE_STRING &&
            strcmp(callbacks->elems[i]->text, word) == 0) {
            return true;
        }
    }
    return false;
}

bool dag_param_is_schema(const struct value *v)
{
    static const char *const words[] = {"default", "type", "enum", "const"};

    for (size_t i = 0; v->kind == VALUE_OBJECT && i < sizeof words / sizeof words[0]; i++) {
        if (value_get(v, words[i]) != NULL) {
            return true;
        }
    }
    return false;
}

const char *task_owner(const struct task *t)
{
    const struct value *v = t->spec != NULL ? value_get(t->spec, "owner") : NULL;

    return v != NULL && v->kind == VALUE_STRING ? v->text : "airflow";
}

size_t dag_owners(const struct dag *d, const char **ret, size_t max)
{
    size_t n = 0;

    for (uint32_t i = 0; i < d->tasks_len && n < max; i++) {
        const char *owner = task_owner(&d->tasks[i]);
        size_t at = 0;

        while (at < n && strcmp(ret[at], owner) != 0) {
            at++;
        }
        ret[at] = owner;
        n += at == n;
    }
    return n;
}
