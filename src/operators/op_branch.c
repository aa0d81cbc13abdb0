/*
 * branch and short_circuit: what runs next. The decision is a rendered template (`follow`, `condition`), made here at once, or a Python
 * callable, made by the runner. What is left out is skipped by the scheduler in the same commit as the decision.
 */
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "model/dag.h"
#include "operators/operator.h"

/* Marks t and everything downstream of it. Iterative: the order of `topo` visits every edge after its source. */
static void mark_descendants(const struct dag *d, bool *mark)
{
    for (uint32_t i = 0; i < d->tasks_len; i++) {
        uint32_t t = d->topo[i];

        for (uint32_t j = d->down_off[t]; mark[t] && j < d->down_off[t + 1]; j++) {
            mark[d->down[j]] = true;
        }
    }
}

static bool in_group(const struct dag *d, const struct task *t, const char *group_id)
{
    for (uint32_t g = t->group; g != UINT32_MAX; g = d->groups[g].parent) {
        if (strcmp(d->groups[g].group_id, group_id) == 0) {
            return true;
        }
    }
    return false;
}

int operator_branch_skips(const struct operator_context *c, const char *const *follow,
                          size_t follow_len, struct operator_result *ret, struct err *e)
{
    const struct dag *d = c->dag;
    uint32_t self = c->task->index;
    bool *followed = arena_array(c->arena, d->tasks_len, sizeof *followed);

    ret->skip = arena_array(c->arena, dag_down_len(d, self) + 1, sizeof *ret->skip);
    if (followed == NULL || ret->skip == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for the branch");
    }
    for (size_t i = 0; i < follow_len; i++) {
        bool known = false;

        for (uint32_t j = d->down_off[self]; j < d->down_off[self + 1]; j++) {
            const struct task *t = &d->tasks[d->down[j]];

            if (strcmp(t->task_id, follow[i]) == 0 || in_group(d, t, follow[i])) {
                followed[t->index] = known = true;
            }
        }
        if (!known) {
            return err_set(e, ERR_INVALID,
                           "the branch follows '%s', which is not directly downstream of '%s'",
                           follow[i], c->task->task_id);
        }
    }
    mark_descendants(d, followed);
    for (uint32_t j = d->down_off[self]; j < d->down_off[self + 1]; j++) {
        if (!followed[d->down[j]]) {
            ret->skip[ret->skip_len++] = d->down[j];
        }
    }
    return 0;
}

int operator_stop_skips(const struct operator_context *c, bool ignore_downstream_trigger_rules,
                        struct operator_result *ret, struct err *e)
{
    const struct dag *d = c->dag;
    uint32_t self = c->task->index;
    bool *mark = arena_array(c->arena, d->tasks_len, sizeof *mark);

    ret->skip = arena_array(c->arena, d->tasks_len, sizeof *ret->skip);
    if (mark == NULL || ret->skip == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for the short circuit");
    }
    for (uint32_t j = d->down_off[self]; j < d->down_off[self + 1]; j++) {
        mark[d->down[j]] = true;
    }
    if (ignore_downstream_trigger_rules) {
        mark_descendants(d, mark);
    }
    for (uint32_t t = 0; t < d->tasks_len; t++) {
        if (mark[t] && !d->tasks[t].is_teardown) {
            ret->skip[ret->skip_len++] = t;
        }
    }
    return 0;
}

/* `follow` after rendering: a list, or text: one id, several with commas, or a JSON or Python list of them. */
static int follow_ids(const struct operator_context *c, const struct value *v, const char ***ret,
                      size_t *ret_len, struct err *e)
{
    size_t cap = v->kind == VALUE_ARRAY ? v->len : v->len / 2 + 2, n = 0;
    const char **ids = arena_array(c->arena, cap + 1, sizeof *ids);
    const char *p = v->text;

    if (ids == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for the branch");
    }
    for (size_t i = 0; v->kind == VALUE_ARRAY && i < v->len; i++) {
        ids[n++] = v->elems[i]->text;
    }
    while (v->kind == VALUE_STRING && *p != '\0') {
        size_t len;

        p += strspn(p, " \t\r\n,[]'\"");
        len = strcspn(p, " \t\r\n,[]'\"");
        if (len != 0 && !(len == 4 && memcmp(p, "None", 4) == 0)) {
            ids[n] = arena_strndup(c->arena, p, len);
            if (ids[n++] == NULL) {
                return err_set(e, ERR_NOMEM, "out of memory for the branch");
            }
        }
        p += len;
    }
    *ret = ids;
    *ret_len = n;
    return 0;
}

static int use_runner(const struct operator_context *c, const char *own,
                      struct operator_process *ret, struct err *e)
{
    if (value_get(c->params, own) != NULL) {
        return err_set(e, ERR_UNSUPPORTED, "decided by `%s`", own);
    }
    return op_python.prepare(c, ret, e);
}

static int branch_prepare(const struct operator_context *c, struct operator_process *ret,
                          struct err *e)
{
    return use_runner(c, "follow", ret, e);
}

static int branch_decide(const struct operator_context *c, struct operator_result *ret,
                         struct err *e)
{
    const char **ids = NULL;
    size_t n = 0;
    int rc = follow_ids(c, value_get(c->params, "follow"), &ids, &n, e);

    if (rc == 0) {
        rc = operator_branch_skips(c, ids, n, ret, e);
    }
    ret->verdict = VERDICT_SUCCESS;
    return rc;
}

const struct operator_impl op_branch = {
    .name = "branch", .loss = LOSS_ADOPT, .prepare = branch_prepare, .decide = branch_decide};

static bool is_true(const struct value *v)
{
    static const char *const no[] = {"",     "false", "False", "0",  "no",
                                     "none", "None",  "null",  "[]", "{}"};

    if (v == NULL || v->kind == VALUE_NULL) {
        return false;
    }
    if (v->kind == VALUE_BOOL) {
        return v->boolean;
    }
    if (v->kind == VALUE_ARRAY || v->kind == VALUE_OBJECT) {
        return v->len != 0;
    }
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++) {
        if (strcmp(v->text, no[i]) == 0) {
            return false;
        }
    }
    return true;
}

static int stop_prepare(const struct operator_context *c, struct operator_process *ret,
                        struct err *e)
{
    return use_runner(c, "condition", ret, e);
}

static int stop_decide(const struct operator_context *c, struct operator_result *ret, struct err *e)
{
    const struct value *ignore = value_get(c->params, "ignore_downstream_trigger_rules");

    ret->verdict = VERDICT_SUCCESS;
    if (is_true(value_get(c->params, "condition"))) {
        return 0;
    }
    return operator_stop_skips(c, ignore == NULL || ignore->kind != VALUE_BOOL || ignore->boolean,
                               ret, e);
}

const struct operator_impl op_short_circuit = {
    .name = "short_circuit", .loss = LOSS_ADOPT, .prepare = stop_prepare, .decide = stop_decide};
