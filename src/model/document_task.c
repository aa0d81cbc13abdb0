/* Tasks: their members, their operators' parameters, default_args, edges. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/time.h"
#include "model/document_priv.h"

static const struct operator_desc *find_operator(const struct operator_table *ops, const char *name)
{
    for (size_t i = 0; i < ops->len; i++) {
        if (strcmp(ops->operators[i]->name, name) == 0) {
            return ops->operators[i];
        }
    }
    return NULL;
}

static const struct operator_param *find_param(const struct operator_desc *op, const char *name)
{
    for (size_t i = 0; op->params[i].name != NULL; i++) {
        if (strcmp(op->params[i].name, name) == 0) {
            return &op->params[i];
        }
    }
    return NULL;
}

static int set_group(struct doc *d, struct task *t, const struct value *v)
{
    const struct task_group *g = map_find(&d->groups, v->text, v->len);

    if (g == NULL) {
        doc_finding(d, v->line, v->col, "unknown task group '%.80s'; name it in 'task_groups'",
                    v->text);
    } else {
        t->group = (uint32_t)(g - d->dag->groups);
    }
    return 0;
}

static void set_backoff(struct task *t, const struct value *v)
{
    if (v->kind == VALUE_BOOL) {
        t->retry_multiplier = v->boolean ? 2 : 0;
    } else {
        (void)value_double(v, &t->retry_multiplier);
    }
}

/* The members that are flags. */
static bool *flag_of(struct task *t, enum member_id id)
{
    switch (id) {
    case M_DEPENDS_ON_PAST:
        return &t->depends_on_past;
    case M_IGNORE_FIRST_DEPENDS_ON_PAST:
        return &t->ignore_first_depends_on_past;
    case M_WAIT_FOR_DOWNSTREAM:
        return &t->wait_for_downstream;
    case M_WAIT_FOR_PAST_BEFORE_SKIPPING:
        return &t->wait_for_past_depends_before_skipping;
    case M_SETUP:
        return &t->is_setup;
    case M_TEARDOWN:
        return &t->is_teardown;
    case M_ON_FAILURE_FAIL_DAGRUN:
        return &t->on_failure_fail_dagrun;
    case M_DO_XCOM_PUSH:
        return &t->do_xcom_push;
    default:
        return NULL;
    }
}

int doc_apply_task_member(struct doc *d, struct task *t, const struct doc_member *m,
                          const struct value *v)
{
    bool *flag = flag_of(t, m->id);

    if (flag != NULL) {
        *flag = v->boolean;
        return 0;
    }
    switch (m->id) {
    case M_TRIGGER_RULE:
        t->trigger_rule = (uint8_t)trigger_rule_from_string(v->text);
        break;
    case M_RETRIES:
        t->retries = doc_int32(v);
        break;
    case M_RETRY_DELAY:
        t->retry_delay_us = doc_duration(v);
        break;
    case M_RETRY_BACKOFF:
        set_backoff(t, v);
        break;
    case M_MAX_RETRY_DELAY:
        t->max_retry_delay_us = doc_duration(v);
        break;
    case M_EXECUTION_TIMEOUT:
        t->execution_timeout_us = doc_duration(v);
        break;
    case M_PRIORITY_WEIGHT:
        t->priority_weight = doc_int32(v);
        break;
    case M_WEIGHT_RULE:
        t->weight_rule = (uint8_t)weight_rule_from_string(v->text);
        break;
    case M_POOL:
        t->pool = v->text;
        break;
    case M_POOL_SLOTS:
        t->pool_slots = doc_int32(v);
        break;
    case M_MAX_TIS_PER_DAG:
        t->max_active_tis_per_dag = doc_int32(v);
        break;
    case M_MAX_TIS_PER_DAGRUN:
        t->max_active_tis_per_dagrun = doc_int32(v);
        break;
    case M_GROUP:
        return set_group(d, t, v);
    case M_DISPLAY_NAME:
        t->display_name = v->text;
        break;
    case M_EXPAND:
        t->expand = v;
        break;
    case M_EXPAND_KWARGS:
        t->expand_kwargs = v;
        break;
    case M_MAP_INDEX_TEMPLATE:
        t->map_index_template = v->text;
        break;
    case M_QUEUE:
        t->queue = v->text;
        break;
    case M_CALLBACKS:
        doc_check_callbacks(d, v, true);
        t->effects |= v->len > 0;
        break;
    case M_INLETS:
    case M_OUTLETS:
        t->effects |= v->len > 0;
        break;
    default:
        break; /* read from the spec by whoever shows them; upstream comes later */
    }
    return 0;
}

/* ---- default_args ---- */

/* A parameter of operators: good when one operator that has it takes it; findings only for the last
 * that does not. */
static bool check_default_param(struct doc *d, const struct value_key *k, const struct value *v,
                                bool *ret_known)
{
    const struct operator_param *p = NULL;
    size_t before = doc_findings(d), len = d->errors->len, more = d->errors->more;

    for (size_t i = 0; i < d->ops->len; i++) {
        const struct operator_param *candidate = find_param(d->ops->operators[i], k->text);
        struct doc_rule rule;

        if (candidate == NULL) {
            continue;
        }
        p = candidate;
        d->errors->len = len; /* what an operator before did not like does not count any more */
        d->errors->more = more;
        rule = (struct doc_rule){p->name, p->type, 0, p->templated, 0, 0};
        if (doc_check(d, v, &rule)) {
            break;
        }
    }
    *ret_known = p != NULL;
    return p != NULL && doc_findings(d) == before;
}

static void unknown_default(struct doc *d, const struct value_key *k)
{
    const char *words[256];
    size_t n = 0;

    for (size_t i = 0; i < doc_task_members.len && n < 256; i++) {
        words[n++] = doc_task_members.items[i].name;
    }
    for (size_t i = 0; i < d->ops->len; i++) {
        for (const struct operator_param *p = d->ops->operators[i]->params;
             p->name != NULL && n < 256; p++) {
            words[n++] = p->name;
        }
    }
    doc_finding(d, k->line, k->col, "unknown key '%.80s' in default_args%s", k->text,
                doc_hint(d, k->text, words, n));
}

/* What of `args` is right, in *ret; `proto` (or NULL) gets the members of tasks among it. */
static int check_default_args(struct doc *d, const struct value *args, struct task *proto,
                              struct value **ret)
{
    struct value *good = value_new(d->arena, VALUE_OBJECT);

    if (good == NULL) {
        return doc_nomem(d);
    }
    for (size_t i = 0; i < args->len; i++) {
        const struct value_key *k = &args->keys[i];
        const struct doc_member *m = map_find(&d->task_members, k->text, k->len);
        bool known = true, ok;

        if (m != NULL && (m->flags & MEMBER_PER_TASK)) {
            doc_finding(d, k->line, k->col, "'%s' is of one task: it has no place in default_args",
                        m->name);
            continue;
        }
        if (m != NULL) {
            struct doc_rule rule = {m->name, m->type, m->flags, false, m->min, m->max};

            ok = doc_check(d, args->elems[i], &rule);
            if (ok && proto != NULL && args->elems[i]->kind != VALUE_NULL) {
                (void)doc_apply_task_member(d, proto, m, args->elems[i]);
            }
        } else {
            ok = check_default_param(d, k, args->elems[i], &known);
        }
        if (!known) {
            unknown_default(d, k);
        } else if (ok && value_set_key(d->arena, good, k, args->elems[i]) != 0) {
            return doc_nomem(d);
        }
    }
    *ret = good;
    return 0;
}

int doc_default_args(struct doc *d)
{
    struct value *good = NULL;
    int rc = 0;

    if (d->default_args != NULL) {
        rc = check_default_args(d, d->default_args, &d->proto, &good);
        d->default_args = good;
    }
    return rc;
}

/* The default_args of a group with what is around it: what is nearer wins. */
static int group_defaults(struct doc *d, struct task_group *g, const struct value *around)
{
    const struct value *own = g->default_args;
    struct value *all = value_new(d->arena, VALUE_OBJECT);

    g->defaults_done = true;
    if (own == NULL) {
        g->default_args = around;
        return 0;
    }
    for (size_t i = 0; all != NULL && around != NULL && i < around->len; i++) {
        if (value_get(own, around->keys[i].text) == NULL &&
            value_set_key(d->arena, all, &around->keys[i], around->elems[i]) != 0) {
            return doc_nomem(d);
        }
    }
    for (size_t i = 0; all != NULL && i < own->len; i++) {
        if (value_set_key(d->arena, all, &own->keys[i], own->elems[i]) != 0) {
            return doc_nomem(d);
        }
    }
    g->default_args = all;
    return all != NULL ? 0 : doc_nomem(d);
}

/* Each group after its parent. Parents that lead in a circle were reported: the path is bounded. */
static int all_group_defaults(struct doc *d)
{
    struct task_group *groups = d->dag->groups;
    uint32_t *path = arena_array(d->arena, d->dag->groups_len + 1, sizeof *path), n;
    int rc = path != NULL ? 0 : doc_nomem(d);

    for (uint32_t i = 0; i < d->dag->groups_len && rc == 0; i++) {
        struct value *good = NULL;

        if (groups[i].default_args != NULL) {
            rc = check_default_args(d, groups[i].default_args, NULL, &good);
            groups[i].default_args = good;
        }
    }
    for (uint32_t i = 0; path != NULL && i < d->dag->groups_len && rc == 0; i++) {
        n = 0;
        for (uint32_t g = i; g != UINT32_MAX && !groups[g].defaults_done && n < d->dag->groups_len;
             g = groups[g].parent) {
            path[n++] = g;
        }
        while (n > 0 && rc == 0) {
            struct task_group *g = &groups[path[--n]];

            rc = group_defaults(
                d, g, g->parent != UINT32_MAX ? groups[g->parent].default_args : d->default_args);
        }
    }
    return rc;
}

/* What the task has from its group, or the DAG; into the task where they are members. */
static const struct value *defaults_of(struct doc *d, struct task *t, const struct value *v)
{
    const struct value *id = v->kind == VALUE_OBJECT ? value_get(v, "group") : NULL;
    const struct task_group *g =
        id != NULL && id->kind == VALUE_STRING ? map_find(&d->groups, id->text, id->len) : NULL;

    if (g == NULL || g->default_args == NULL || g->default_args == d->default_args) {
        return d->default_args;
    }
    for (size_t i = 0; i < g->default_args->len; i++) {
        const struct value_key *k = &g->default_args->keys[i];
        const struct doc_member *m = map_find(&d->task_members, k->text, k->len);

        if (m != NULL && g->default_args->elems[i]->kind != VALUE_NULL) {
            (void)doc_apply_task_member(d, t, m, g->default_args->elems[i]);
        }
    }
    return g->default_args;
}

/* Given as written, or for each instance. */
static const struct value *given(const struct task *t, const char *name)
{
    const struct value *v = value_get(t->spec, name);

    return v == NULL && t->expand != NULL ? value_get(t->expand, name) : v;
}

/* The task's object with what default_args adds to it; the object itself when they add nothing. */
static int merge_spec(struct doc *d, struct task *t, const struct value *v,
                      const struct operator_desc *op)
{
    const struct value *args = d->default_args;
    struct value *merged = NULL;

    t->spec = v;
    for (size_t i = 0; args != NULL && i < args->len; i++) {
        const struct value_key *k = &args->keys[i];
        int rc = 0;

        if (given(t, k->text) != NULL || (map_find(&d->task_members, k->text, k->len) == NULL &&
                                          find_param(op, k->text) == NULL)) {
            continue;
        }
        if (merged == NULL) {
            merged = value_new(d->arena, VALUE_OBJECT);
            if (merged == NULL) {
                return doc_nomem(d);
            }
            merged->line = v->line;
            merged->col = v->col;
            for (size_t j = 0; j < v->len && rc == 0; j++) {
                rc = value_set_key(d->arena, merged, &v->keys[j], v->elems[j]);
            }
            t->spec = merged;
        }
        if (rc != 0 || value_set_key(d->arena, merged, k, args->elems[i]) != 0) {
            return doc_nomem(d);
        }
    }
    return 0;
}

/* ---- one task ---- */

static const struct operator_desc *task_operator(struct doc *d, const struct value *v)
{
    const struct value *name = value_get(v, "operator");
    const struct operator_desc *op;
    const char *words[64], *list = "";
    size_t n = 0;

    if (name == NULL) {
        doc_finding(d, v->line, v->col, "'operator' is missing: bash, python ...");
        return NULL;
    }
    if (name->kind != VALUE_STRING) {
        struct doc_rule rule = {.name = "operator", .type = PARAM_STRING};

        (void)doc_check(d, name, &rule);
        return NULL;
    }
    op = find_operator(d->ops, name->text);
    if (op != NULL) {
        return op;
    }
    for (size_t i = 0; i < d->ops->len && n < 64 && d->errors->len < LIMIT_DOC_ERRORS; i++) {
        const char *all;

        words[n++] = d->ops->operators[i]->name;
        all = arena_printf(d->errors->arena, "%s%s%s", list, i == 0 ? "" : ", ", words[n - 1]);
        list = all != NULL ? all : list;
        if (d->ops->operators[i]->airflow_name != NULL &&
            strcmp(d->ops->operators[i]->airflow_name, name->text) == 0) {
            doc_finding(d, name->line, name->col, "unknown operator '%s'; here it is called '%s'",
                        name->text, words[n - 1]);
            return NULL;
        }
    }
    doc_finding(d, name->line, name->col, "unknown operator '%.80s'%s (one of %s)", name->text,
                doc_hint(d, name->text, words, n), list);
    return NULL;
}

/* The names of which one is needed: 'a' or 'b'. */
static const char *list_needs(const struct operator_desc *op, char *out, size_t cap)
{
    size_t n = 0;

    for (size_t i = 0; op->one_of[i] != NULL && n < cap; i++) {
        n += (size_t)snprintf(out + n, cap - n, "%s'%s'", i == 0 ? "" : " or ", op->one_of[i]);
    }
    return out;
}

static void check_one_of(struct doc *d, const struct task *t, const struct operator_desc *op)
{
    const struct value *first = NULL;
    char list[200];

    assert(op->one_of[0] != NULL);
    for (size_t i = 0; op->one_of[i] != NULL; i++) {
        const struct value *v = given(t, op->one_of[i]);

        if (v != NULL && first != NULL) {
            doc_finding(d, v->line, v->col, "operator '%s' takes only one of %s", op->name,
                        list_needs(op, list, sizeof list));
        }
        first = v != NULL ? v : first;
    }
    if (first == NULL && t->expand_kwargs == NULL &&
        !(d->dag->is_python && strcmp(op->one_of[0], "python_callable") == 0)) {
        doc_finding(d, t->line, t->col, "operator '%s' needs %s", op->name,
                    list_needs(op, list, sizeof list));
    }
}

/* A function of a Python file has arguments of its own. */
static bool can_expand(const struct doc *d, const struct operator_desc *op, const char *name)
{
    return find_param(op, name) != NULL || find_param(op, "python_callable") != NULL ||
           d->dag->is_python;
}

/* Its instances are told wrongly, which is reported: what else they would have given nobody knows. */
static bool is_expand_bad(const struct doc *d, const struct task *t, const struct operator_desc *op)
{
    const struct value *v = value_get(t->spec, "expand");

    if ((v != NULL && t->expand == NULL) ||
        (value_get(t->spec, "expand_kwargs") != NULL && t->expand_kwargs == NULL)) {
        return true;
    }
    for (size_t i = 0; t->expand != NULL && i < t->expand->len; i++) {
        if (!can_expand(d, op, t->expand->keys[i].text)) {
            return true;
        }
    }
    return false;
}

static void check_needs(struct doc *d, const struct task *t, const struct operator_desc *op)
{
    if (is_expand_bad(d, t, op)) {
        return;
    }
    for (const struct operator_param *p = op->params; p->name != NULL; p++) {
        if (p->required && t->expand_kwargs == NULL && given(t, p->name) == NULL) {
            doc_finding(d, t->line, t->col, "operator '%s' needs '%s': %s", op->name, p->name,
                        p->doc);
        }
    }
    if (op->one_of != NULL) {
        check_one_of(d, t, op);
    }
}

static int apply_member(struct doc *d, struct task *t, const struct operator_desc *op,
                        const struct value_key *k, const struct value *v)
{
    const struct doc_member *m = map_find(&d->task_members, k->text, k->len);
    const struct operator_param *p = NULL;
    struct doc_rule rule;

    if (m != NULL) {
        rule = (struct doc_rule){m->name, m->type, m->flags, false, m->min, m->max};
        if (m->id == M_OPERATOR || !doc_check(d, v, &rule)) {
            return 0;
        }
        return v->kind == VALUE_NULL ? 0 : doc_apply_task_member(d, t, m, v);
    }
    if (op == NULL) {
        return 0; /* the operator is unknown: so are its parameters */
    }
    p = find_param(op, k->text);
    if (p == NULL) {
        doc_unknown_key(d, k, &doc_task_members, op);
        return 0;
    }
    rule = (struct doc_rule){p->name, p->type, 0, p->templated, 0, 0};
    (void)doc_check(d, v, &rule);
    return 0;
}

/* Rules between members, as Airflow has them. */
static void check_rules(struct doc *d, struct task *t, const struct operator_desc *op)
{
    const struct value *rule = value_get(t->spec, "trigger_rule"); /* its own or of default_args */

    if (t->is_setup && t->is_teardown) {
        doc_finding(d, t->line, t->col, "a task is a setup or a teardown, not both");
    }
    if (t->effects && value_get(d->root, "python") == NULL &&
        (op->airflow_name == NULL || value_get(t->spec, "follow") != NULL ||
         value_get(t->spec, "condition") != NULL)) {
        doc_finding(d, t->line, t->col,
                    "callbacks, inlets and outlets are Python's: operator '%s' has none here",
                    op->name);
    }
    if (t->on_failure_fail_dagrun && !t->is_teardown) {
        doc_finding(d, t->line, t->col, "'on_failure_fail_dagrun' is only for teardowns");
    }
    if (t->is_teardown && t->trigger_rule != RULE_ALL_DONE_SETUP_SUCCESS) {
        if (rule != NULL &&
            (d->default_args == NULL || value_get(d->default_args, "trigger_rule") != rule)) {
            doc_finding(
                d, rule->line, rule->col,
                "a teardown has the trigger rule all_done_setup_success: leave 'trigger_rule' out");
        }
        t->trigger_rule = RULE_ALL_DONE_SETUP_SUCCESS;
    } else if (d->dag->fail_fast && t->trigger_rule != RULE_ALL_SUCCESS &&
               t->trigger_rule != RULE_ALL_DONE_SETUP_SUCCESS) {
        doc_finding(d, rule != NULL ? rule->line : t->line, rule != NULL ? rule->col : t->col,
                    "in a DAG with 'fail_fast' every trigger rule must be all_success");
    }
    t->depends_on_past |= t->wait_for_downstream;
}

/* The arguments of the instances: the operator must know them. */
static void check_expand(struct doc *d, struct task *t, const struct operator_desc *op)
{
    if (t->expand != NULL && t->expand_kwargs != NULL) {
        doc_finding(d, t->expand_kwargs->line, t->expand_kwargs->col,
                    "a task takes only one of 'expand' or 'expand_kwargs'");
    }
    for (size_t i = 0; t->expand != NULL && i < t->expand->len; i++) {
        const struct value_key *k = &t->expand->keys[i];
        const struct operator_param *p = find_param(op, k->text);
        const struct value *v = value_get(t->spec, k->text);

        if (!can_expand(d, op, k->text)) {
            doc_finding(d, k->line, k->col, "operator '%s' has no '%.80s' to expand", op->name,
                        k->text);
        } else if (p != NULL && v != NULL &&
                   (d->default_args == NULL || value_get(d->default_args, k->text) != v)) {
            doc_finding(d, k->line, k->col, "'%.80s' is given already: expand it, or give it once",
                        k->text);
        }
    }
}

static int build_task(struct doc *d, struct task *t, const struct value_key *k,
                      const struct value *v)
{
    const struct operator_desc *op;
    int rc = 0;

    t->task_id = t->display_name = k->text;
    t->line = k->line;
    t->col = k->col;
    if (v->kind != VALUE_OBJECT) {
        doc_finding(d, v->line != 0 ? v->line : k->line, v->line != 0 ? v->col : k->col,
                    "a task must be an object with 'operator'; found %s",
                    v->kind == VALUE_ARRAY ? "a list" : value_kind_name(v->kind));
        return 0;
    }
    t->spec = v; /* edges and cycles are found even where the operator is not known */
    op = task_operator(d, v);
    for (size_t i = 0; i < v->len && rc == 0; i++) {
        rc = apply_member(d, t, op, &v->keys[i], v->elems[i]);
    }
    if (rc != 0 || op == NULL) {
        return rc;
    }
    t->operator_name = op->name;
    t->instant = op->instant && !t->effects;
    t->mapped = t->expand != NULL || t->expand_kwargs != NULL;
    rc = merge_spec(d, t, v, op);
    if (rc == 0) {
        check_needs(d, t, op);
        check_expand(d, t, op);
        check_rules(d, t, op);
    }
    return rc;
}

static int add_task(struct doc *d, const struct value_key *k, const struct value *v)
{
    struct task *t = &d->dag->tasks[d->dag->tasks_len];
    const struct value *of_dag = d->default_args;
    void *old = NULL;
    int rc;

    *t = d->proto;
    t->index = d->dag->tasks_len;
    rc = map_add(&d->dag->by_id, k->text, k->len, t, &old);
    if (rc == -ERR_EXISTS) {
        doc_finding(d, k->line, k->col, "duplicate task id '%.80s': it is on line %d already",
                    k->text, ((const struct task *)old)->line);
        return 0;
    }
    if (rc != 0) {
        return doc_nomem(d);
    }
    (void)doc_check_id(d, "task id", k->text, k->len, k->line, k->col);
    if (map_find(&d->groups, k->text, k->len) != NULL) {
        doc_finding(d, k->line, k->col, "'%.80s' is the id of a task group already", k->text);
    }
    d->task_id = k->text;
    d->dag->tasks_len++;
    d->default_args = defaults_of(d, t, v);
    rc = build_task(d, t, k, v);
    d->default_args = of_dag;
    d->task_id = NULL;
    return rc;
}

static int add_tasks(struct doc *d, const struct value *tasks)
{
    int rc = 0;

    if (tasks->len > LIMIT_TASKS) {
        return err_at(d->e, ERR_LIMIT, tasks->line, tasks->col, "%zu tasks; at most %d are allowed",
                      tasks->len, LIMIT_TASKS);
    }
    d->dag->tasks = arena_array(d->arena, tasks->len, sizeof *d->dag->tasks);
    if (d->dag->tasks == NULL) {
        return doc_nomem(d);
    }
    for (size_t i = 0; i < tasks->len && rc == 0; i++) {
        rc = add_task(d, &tasks->keys[i], tasks->elems[i]);
    }
    return rc;
}

int doc_tasks(struct doc *d)
{
    static const struct value none = {.kind = VALUE_OBJECT};
    const struct value *tasks = value_get(d->root, "tasks");
    int rc = doc_default_args(d);

    rc = rc == 0 ? all_group_defaults(d) : rc;
    if (rc == 0) {
        rc = add_tasks(d, tasks != NULL && tasks->kind == VALUE_OBJECT ? tasks : &none);
    }
    if (rc == 0) {
        doc_map_tasks(d);
        rc = doc_edges(d);
    }
    return rc != 0 ? rc : doc_map_sources(d);
}
