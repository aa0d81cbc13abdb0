/* The table for a document that was accepted before: an operator whose plug-in is not there any more is not a reason to be unable to read it. */
#include <string.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/mem.h"
#include "model/document.h"
#include "operators/operators.h"

#define NAMES_MAX 256

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

/* Takes whatever the task has. */
static const struct operator_desc *stand_in(struct arena *a, const struct value *task,
                                            const char *name)
{
    struct operator_desc *d = arena_alloc(a, sizeof *d);
    struct operator_param *params = arena_array(a, task->len + 1, sizeof *params);

    if (d == NULL || params == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < task->len; i++) {
        params[i] = (struct operator_param){.name = task->keys[i].text,
                                            .type = PARAM_ANY,
                                            .templated = true,
                                            .doc = "of a plug-in that is not there"};
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
    *t = (struct operator_table){list, known->len};
    for (size_t i = 0; i < tasks->len && t->len < known->len + NAMES_MAX; i++) {
        const struct value *task = tasks->elems[i];
        const struct value *name = task->kind == VALUE_OBJECT ? value_get(task, "operator") : NULL;

        if (name != NULL && name->kind == VALUE_STRING && !has(t, name->text)) {
            list[t->len] = stand_in(a, task, name->text);
            t->len += list[t->len] != NULL;
        }
    }
    return t->len != known->len ? t : known;
}
