/* The table for a document that was accepted before: an operator whose plug-in is not there any more is not a reason to be unable to read it. */
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/mem.h"
#include "model/document.h"
#include "operators/operators.h"

#define NAMES_MAX  256
#define PARAMS_MAX 512

/* Names of operators that are not there: a DAG points to them for as long as it lives. */
static char *names[NAMES_MAX];

static const char *keep_name(const char *name)
{
    char *copy = NULL;

    for (size_t i = 0; i < NAMES_MAX; i++) {
        char *old = __atomic_load_n(&names[i], __ATOMIC_ACQUIRE);

        if (old == NULL) {
            copy = copy != NULL ? copy : mem_strdup(name);
            if (copy == NULL || __atomic_compare_exchange_n(&names[i], &old, copy, false,
                                                            __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
                return copy;
            }
        }
        if (strcmp(old, name) == 0) {
            mem_free(copy);
            return old;
        }
    }
    mem_free(copy);
    return NULL;
}

static void add_members(struct operator_param *params, size_t *len, const struct value *task)
{
    for (size_t i = 0; i < task->len && *len < PARAMS_MAX; i++) {
        size_t k = 0;

        while (k < *len && strcmp(params[k].name, task->keys[i].text) != 0) {
            k++;
        }
        if (k == *len) {
            params[(*len)++] = (struct operator_param){.name = task->keys[i].text,
                                                       .type = PARAM_ANY,
                                                       .templated = true,
                                                       .doc = "of a plug-in that is not there"};
        }
    }
}

static const char *operator_of(const struct value *task)
{
    const struct value *name = task->kind == VALUE_OBJECT ? value_get(task, "operator") : NULL;

    return name != NULL && name->kind == VALUE_STRING ? name->text : NULL;
}

/* Takes whatever its tasks have. */
static const struct operator_desc *stand_in(struct arena *a, const struct value *tasks,
                                            const char *name)
{
    struct operator_desc *d = arena_alloc(a, sizeof *d);
    struct operator_param *params = arena_array(a, PARAMS_MAX + 1, sizeof *params);
    size_t len = 0;

    if (d == NULL || params == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < tasks->len; i++) {
        const char *other = operator_of(tasks->elems[i]);

        if (other != NULL && strcmp(other, name) == 0) {
            add_members(params, &len, tasks->elems[i]);
        }
    }
    *d = (struct operator_desc){.name = keep_name(name), .doc = "not there", .params = params};
    return d->name != NULL ? d : NULL;
}

static bool has(const struct operator_table *t, const char *name)
{
    for (size_t i = 0; i < t->len; i++) {
        if (strcmp(t->operators[i]->name, name) == 0) {
            return true;
        }
    }
    return false;
}

const struct operator_table *operators_table_stored(struct arena *a, const struct value *document)
{
    const struct operator_table *known = operators_table();
    const struct value *tasks = value_get(document, "tasks");
    struct operator_table *t = arena_alloc(a, sizeof *t);
    const struct operator_desc **list = arena_array(a, known->len + NAMES_MAX, sizeof *list);

    if (t == NULL || list == NULL || tasks == NULL || tasks->kind != VALUE_OBJECT) {
        return known;
    }
    memcpy(list, known->operators, known->len * sizeof *list);
    *t = (struct operator_table){list, known->len, true, known->defaults};
    for (size_t i = 0; i < tasks->len && t->len < known->len + NAMES_MAX; i++) {
        const char *name = operator_of(tasks->elems[i]);

        if (name != NULL && !has(t, name)) {
            list[t->len] = stand_in(a, tasks, name);
            t->len += list[t->len] != NULL;
        }
    }
    return t;
}
