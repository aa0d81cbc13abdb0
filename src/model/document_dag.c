/* The members of the DAG itself: values, params, task groups. */
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/time.h"
#include "model/alert.h"
#include "model/asset_expr.h"
#include "model/deadline.h"
#include "model/document_priv.h"
#include "model/params.h"
#include "model/partition.h"
#include "model/timetable.h"
#include "model/zone.h"

static int set_tags(struct doc *d, const struct value *v)
{
    const char **tags = arena_array(d->arena, v->len, sizeof *tags);

    if (tags == NULL) {
        return doc_nomem(d);
    }
    for (size_t i = 0; i < v->len; i++) {
        tags[i] = v->elems[i]->text;
    }
    d->dag->tags = tags;
    d->dag->tags_len = (uint32_t)v->len;
    return 0;
}

static int set_params(struct doc *d, const struct value *v)
{
    struct dag_param *params = arena_array(d->arena, v->len, sizeof *params);

    if (params == NULL) {
        return doc_nomem(d);
    }
    for (size_t i = 0; i < v->len; i++) {
        bool schema = dag_param_is_schema(v->elems[i]);

        if (v->keys[i].len == 0) {
            doc_finding(d, v->keys[i].line, v->keys[i].col, "the name of a param is empty");
        }
        params[i].name = v->keys[i].text;
        params[i].schema = schema ? v->elems[i] : NULL;
        params[i].value = schema ? value_get(v->elems[i], "default") : v->elems[i];
    }
    d->dag->params = params;
    d->dag->params_len = (uint32_t)v->len;
    return 0;
}

static void set_env(struct doc *d, const struct value *v)
{
    for (size_t i = 0; i < v->len; i++) {
        if (v->keys[i].len == 0 || strchr(v->keys[i].text, '=') != NULL) {
            doc_finding(d, v->keys[i].line, v->keys[i].col,
                        "'%.80s' cannot be the name of an environment variable", v->keys[i].text);
        }
    }
    d->dag->env = v;
}

static void set_python(struct doc *d, const struct value *v)
{
    const struct value *file = value_get(v, "file");

    d->dag->is_python = true;
    if (file == NULL || file->kind != VALUE_STRING || file->len == 0) {
        doc_finding(d, v->line, v->col, "'python' must have 'file': the path of the Python file");
        return;
    }
    d->dag->file = file->text;
}

/* ---- task groups ---- */

static const struct value *group_member(struct doc *d, const struct value *v, const char *name)
{
    const struct doc_member *m = doc_member_find(&doc_group_members, name, strlen(name));
    const struct value *member = value_get(v, name);
    struct doc_rule rule = {.name = m->name, .type = m->type, .flags = m->flags};

    if (member == NULL || !doc_check(d, member, &rule) || member->kind == VALUE_NULL) {
        return NULL;
    }
    return member;
}

static int add_group(struct doc *d, const struct value *v, size_t i)
{
    struct task_group *g = &d->dag->groups[i];
    const struct value *group = v->elems[i], *tooltip;
    const struct value_key *k = &v->keys[i];
    int rc;

    g->group_id = k->text;
    g->parent = UINT32_MAX;
    (void)doc_check_id(d, "task group id", k->text, k->len, k->line, k->col);
    rc = map_add(&d->groups, k->text, k->len, g, NULL);
    if (rc == -ERR_NOMEM) {
        return doc_nomem(d);
    }
    if (group->kind == VALUE_NULL) {
        return 0;
    }
    if (group->kind != VALUE_OBJECT) {
        doc_finding(d, group->line, group->col, "task group '%.80s' must be an object", k->text);
        return 0;
    }
    for (size_t j = 0; j < group->len; j++) {
        if (doc_member_find(&doc_group_members, group->keys[j].text, group->keys[j].len) == NULL) {
            doc_unknown_key(d, &group->keys[j], &doc_group_members, NULL);
        }
    }
    tooltip = group_member(d, group, "tooltip");
    g->tooltip = tooltip != NULL ? tooltip->text : NULL;
    (void)group_member(d, group, "display_name");
    g->default_args = group_member(d, group, "default_args");
    doc_map_group(d, g, group_member(d, group, "expand"), group_member(d, group, "expand_kwargs"));
    return 0;
}

static void link_group(struct doc *d, const struct value *v, size_t i)
{
    const struct value *parent = group_member(d, v->elems[i], "parent");
    struct task_group *g;

    if (parent == NULL) {
        return;
    }
    g = map_find(&d->groups, parent->text, parent->len);
    if (g == NULL) {
        doc_finding(d, parent->line, parent->col, "unknown task group '%.80s'", parent->text);
        return;
    }
    d->dag->groups[i].parent = (uint32_t)(g - d->dag->groups);
}

/* Parents must end somewhere. Each chain is followed once: `seen` holds the number of the walk. */
static int check_group_cycles(struct doc *d, const struct value *v)
{
    uint32_t *seen = arena_array(d->arena, v->len, sizeof *seen);

    if (seen == NULL) {
        return doc_nomem(d);
    }
    for (uint32_t i = 0; i < v->len; i++) {
        uint32_t g = i;

        while (g != UINT32_MAX && seen[g] == 0) {
            seen[g] = i + 1;
            g = d->dag->groups[g].parent;
        }
        if (g != UINT32_MAX && seen[g] == i + 1) {
            doc_finding(d, v->keys[g].line, v->keys[g].col,
                        "task group '%.80s' is within itself, by its parents", v->keys[g].text);
        }
    }
    return 0;
}

static int set_groups(struct doc *d, const struct value *v)
{
    int rc = 0;

    d->dag->groups = arena_array(d->arena, v->len, sizeof *d->dag->groups);
    if (d->dag->groups == NULL) {
        return doc_nomem(d);
    }
    d->dag->groups_len = (uint32_t)v->len;
    for (size_t i = 0; i < v->len && rc == 0; i++) {
        rc = add_group(d, v, i);
    }
    for (size_t i = 0; i < v->len && rc == 0; i++) {
        if (v->elems[i]->kind == VALUE_OBJECT) {
            link_group(d, v, i);
        }
    }
    return rc == 0 ? check_group_cycles(d, v) : rc;
}

/* ---- members ---- */

static void check_labels(struct doc *d, const struct value *v)
{
    static const char *const names[] = {"upstream", "downstream", "label"};

    for (size_t i = 0; i < v->len; i++) {
        for (size_t k = 0; k < 3; k++) {
            const struct value *m = value_get(v->elems[i], names[k]);

            if (m == NULL || m->kind != VALUE_STRING) {
                doc_finding(d, v->elems[i]->line, v->elems[i]->col,
                            "a label must have '%s', a string", names[k]);
            }
        }
    }
}

/* Rules and deadlines are read in full where they are written wrong, not when somebody should have been told. */
static int finding_of(struct doc *d, const char *member, int rc, const struct err *found)
{
    if (rc == -ERR_NOMEM) {
        return doc_nomem(d);
    }
    if (rc < 0) {
        doc_finding(d, found->line, found->col, "'%s': %s", member, found->text);
    }
    return 0;
}

static int set_deadlines(struct doc *d, const struct value *v)
{
    struct err found = {0};
    int rc = deadlines_parse(&d->dag->arena, v, &d->dag->deadlines, &d->dag->deadlines_len, &found);

    return finding_of(d, "deadline", rc, &found);
}

static int set_alerts(struct doc *d, const struct value *v)
{
    struct err found = {0};
    int rc =
        alert_rules_parse(&d->dag->arena, v, true, &d->dag->alerts, &d->dag->alerts_len, &found);

    return finding_of(d, "alerts", rc, &found);
}

static int apply(struct doc *d, const struct doc_member *m, const struct value *v)
{
    struct dag *dag = d->dag;

    switch (m->id) {
    case M_DAG_ID:
        dag->dag_id = v->text;
        break;
    case M_DISPLAY_NAME:
        dag->display_name = v->text;
        break;
    case M_DESCRIPTION:
        dag->description = v->text;
        break;
    case M_DOC_MD:
        dag->doc_md = v->text;
        break;
    case M_SCHEDULE:
        dag->schedule_data = v->kind == VALUE_OBJECT ? v : NULL;
        dag->schedule = v->kind == VALUE_OBJECT ? value_get(v, "type")->text : v->text;
        d->schedule = v;
        break;
    case M_TIMEZONE:
        if (!zone_name_is_valid(v->text)) {
            doc_finding(d, v->line, v->col,
                        "'timezone' must be a name like Europe/Berlin, UTC or +02:00");
            break;
        }
        dag->timezone = v->text;
        break;
    case M_START_DATE:
        (void)time_parse(v->text, v->len, &dag->start_date_us);
        break;
    case M_END_DATE:
        (void)time_parse(v->text, v->len, &dag->end_date_us);
        break;
    case M_CATCHUP:
        dag->catchup = v->boolean;
        break;
    case M_IS_PAUSED_UPON_CREATION:
        dag->is_paused_upon_creation = v->boolean;
        break;
    case M_MAX_ACTIVE_TASKS:
        dag->max_active_tasks = doc_int32(v);
        break;
    case M_MAX_ACTIVE_RUNS:
        dag->max_active_runs = doc_int32(v);
        break;
    case M_MAX_CONSECUTIVE_FAILED:
        dag->max_consecutive_failed_dag_runs = doc_int32(v);
        break;
    case M_DAGRUN_TIMEOUT:
        dag->dagrun_timeout_us = doc_duration(v);
        break;
    case M_FAIL_FAST:
        dag->fail_fast = v->boolean;
        break;
    case M_TAGS:
        return set_tags(d, v);
    case M_PARAMS:
        return set_params(d, v);
    case M_ENV:
        set_env(d, v);
        break;
    case M_DEFAULT_ARGS:
        d->default_args = v;
        break;
    case M_TASK_GROUPS:
        return set_groups(d, v);
    case M_CALLBACKS:
        doc_check_callbacks(d, v, false);
        dag->on_success = dag_calls_back(v, "success");
        dag->on_failure = dag_calls_back(v, "failure");
        break;
    case M_LISTENERS:
        doc_check_listeners(d, v);
        break;
    case M_LABELS:
        check_labels(d, v);
        break;
    case M_DEADLINE:
        return set_deadlines(d, v);
    case M_ALERTS:
        return set_alerts(d, v);
    case M_PYTHON:
        set_python(d, v);
        break;
    default:
        break; /* tasks come later; version has no field */
    }
    return 0;
}

static void check_required(struct doc *d)
{
    for (size_t i = 0; i < doc_dag_members.len; i++) {
        const struct doc_member *m = &doc_dag_members.items[i];

        if ((m->flags & MEMBER_REQUIRED) && value_get(d->root, m->name) == NULL) {
            doc_finding(d, d->root->line, d->root->col, "'%s' is missing", m->name);
        }
    }
}

/* What the engine reads of a schedule by assets (engine/consumers.c). */
static int check_assets(struct doc *d, enum timetable_kind kind, struct err *e)
{
    const struct asset_expr *condition;
    struct partition_map *partitions;
    int rc = asset_expr_parse(&d->dag->arena, value_get(d->schedule, "condition"), &condition, e);

    return rc == 0 && kind == TIMETABLE_PARTITIONED_ASSETS
               ? partition_map_parse(&d->dag->arena, d->schedule, &partitions, e)
               : rc;
}

/* What the schedule says, now that its zone is known: read for what is wrong with it, and kept. */
static int set_timetable(struct doc *d)
{
    struct dag *dag = d->dag;
    struct timetable_options o = {.dag_id = dag->dag_id, .zone = dag->timezone};
    struct err found = {0};
    int rc = timetable_parse(&dag->arena, d->schedule, &o, &dag->timetable, &found);

    if (rc == 0 && (dag->timetable->kind == TIMETABLE_ASSETS ||
                    dag->timetable->kind == TIMETABLE_PARTITIONED_ASSETS ||
                    dag->timetable->kind == TIMETABLE_ASSET_OR_TIME)) {
        rc = check_assets(d, dag->timetable->kind, &found);
    }
    if (rc == -ERR_NOMEM) {
        return doc_nomem(d);
    }
    if (rc < 0) {
        doc_finding(d, found.line, found.col, "'schedule': %s", found.text);
    }
    return 0;
}

/* As Airflow: who runs by a schedule is asked nothing, so every param needs a default, and a good one. */
static void check_params(struct doc *d)
{
    const struct value *list = value_get(d->root, "params");

    for (uint32_t i = 0; !d->ops->stored && d->dag->schedule != NULL && i < d->dag->params_len;
         i++) {
        const struct dag_param *p = &d->dag->params[i];
        const struct value_key *k = &list->keys[i];
        struct err e = {0};

        if (p->value == NULL) {
            doc_finding(d, k->line, k->col,
                        "param '%s' has no default: a DAG with a schedule needs one", p->name);
        } else if (params_check_one(p, p->value, &e) != 0) {
            doc_finding(d, k->line, k->col,
                        "the default of %s; a DAG with a schedule needs one that fits", e.text);
        }
    }
}

int doc_dag(struct doc *d)
{
    int rc = 0;

    for (size_t i = 0; i < d->root->len && rc == 0; i++) {
        const struct value *v = d->root->elems[i];
        const struct value_key *k = &d->root->keys[i];
        const struct doc_member *m = doc_member_find(&doc_dag_members, k->text, k->len);
        struct doc_rule rule;

        if (m == NULL) {
            doc_unknown_key(d, k, &doc_dag_members, NULL);
            continue;
        }
        rule = (struct doc_rule){m->name, m->type, m->flags, false, m->min, m->max};
        if (doc_check(d, v, &rule) && v->kind != VALUE_NULL && value_get(d->root, m->name) == v) {
            rc = apply(d, m, v);
        }
    }
    rc = rc == 0 ? set_timetable(d) : rc;
    if (rc == 0) {
        check_params(d);
    }
    check_required(d);
    if (d->dag->dag_id != NULL && d->dag->display_name == NULL) {
        d->dag->display_name = d->dag->dag_id;
    }
    if (d->dag->start_date_us != TIME_NONE && d->dag->end_date_us != TIME_NONE &&
        d->dag->end_date_us < d->dag->start_date_us) {
        const struct value *v = value_get(d->root, "end_date");

        doc_finding(d, v->line, v->col, "'end_date' is before 'start_date'");
    }
    return rc;
}
