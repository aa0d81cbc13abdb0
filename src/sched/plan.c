/* What the scheduler derives once from a DAG version and shares between its runs. O(tasks + edges).
 */
#include "sched/sched_priv.h"

/* An effective leaf decides the run's state: it counts itself, and nothing below it does. */
static void find_leaves(struct plan *p)
{
    const struct dag *d = p->dag;
    bool any = false;

    for (uint32_t t = 0; t < d->tasks_len; t++) {
        bool leaf = task_counts(&d->tasks[t]);

        for (uint32_t i = d->down_off[t]; leaf && i < d->down_off[t + 1]; i++) {
            leaf = !task_counts(&d->tasks[d->down[i]]);
        }
        p->leaf[t] = leaf;
        any |= leaf;
    }
    for (uint32_t t = 0; !any && t < d->tasks_len; t++) {
        p->leaf[t] = dag_down_len(d, t) == 0; /* a DAG of teardowns only */
    }
}

/* A task with a limit of its own has a lane of its own. */
static bool has_limit(const struct task *t)
{
    return t->max_active_tis_per_dag > 0 || task_run_cap(t) > 0;
}

static bool same_lane(const struct task *a, const struct task *b)
{
    return !has_limit(a) && !has_limit(b) && a->pool_slots == b->pool_slots &&
           strcmp(a->pool, b->pool) == 0;
}

static int find_lanes(struct plan *p)
{
    const struct dag *d = p->dag;
    size_t shared = 0; /* lanes of capped tasks stand behind those that are looked through */
    uint32_t *common = NULL;
    size_t common_cap = 0;
    int rc = 0;

    for (uint32_t t = 0; t < d->tasks_len && rc == 0; t++) {
        struct lane_spec spec = {t};
        size_t i;

        if (!has_limit(&d->tasks[t])) {
            for (i = 0; i < shared; i++) {
                if (same_lane(&d->tasks[p->lanes[common[i]].task], &d->tasks[t])) {
                    break;
                }
            }
            if (i < shared) {
                p->lane_of[t] = common[i];
                continue;
            }
            rc = VEC_PUSH(common, shared, common_cap, (uint32_t)p->lanes_len);
        }
        p->lane_of[t] = (uint32_t)p->lanes_len;
        rc = rc != 0 ? rc : VEC_PUSH(p->lanes, p->lanes_len, p->lanes_cap, spec);
    }
    mem_free(common);
    return rc;
}

/* The tasks' own lists of tasks that they wait for, beside their direct upstreams. */
enum list { LIST_SETUPS, LIST_SCOPE, LIST_SOURCES };

static const uint32_t *list_of(const struct task *t, enum list which, uint32_t *ret_len)
{
    *ret_len = which == LIST_SETUPS  ? t->setups_len
               : which == LIST_SCOPE ? t->scope_len
                                     : t->map_sources_len;
    return which == LIST_SETUPS ? t->setups : which == LIST_SCOPE ? t->scope : t->map_sources;
}

/* Turns one of the lists around: from a task to those that wait for it. */
static int invert(const struct dag *d, enum list which, uint32_t **ret_off, uint32_t **ret_to)
{
    uint32_t n = d->tasks_len, len;
    uint32_t *off = mem_array(n + 2, sizeof *off), *to;
    size_t total = 0;

    if (off == NULL) {
        return -ERR_NOMEM;
    }
    *ret_off = off;
    for (uint32_t t = 0; t < n; t++) {
        const uint32_t *list = list_of(&d->tasks[t], which, &len);

        for (uint32_t i = 0; i < len; i++) {
            off[list[i] + 2]++;
        }
        total += len;
    }
    to = mem_array(total, sizeof *to);
    if (to == NULL) {
        return -ERR_NOMEM;
    }
    *ret_to = to;
    for (uint32_t t = 0; t < n; t++) {
        off[t + 2] += off[t + 1];
    }
    for (uint32_t t = 0; t < n; t++) {
        const uint32_t *list = list_of(&d->tasks[t], which, &len);

        for (uint32_t i = 0; i < len; i++) {
            to[off[list[i] + 1]++] = t;
        }
    }
    return 0;
}

static int find_extras(struct plan *p)
{
    const struct dag *d = p->dag;
    bool any = false;

    for (uint32_t t = 0; t < d->tasks_len; t++) {
        any |= d->tasks[t].is_setup || d->tasks[t].setups_len > 0 || d->tasks[t].scope_len > 0;
    }
    if (!any) {
        return 0;
    }
    p->extra_of = mem_array(d->tasks_len, sizeof *p->extra_of);
    p->direct_setups = mem_array(d->tasks_len, sizeof *p->direct_setups);
    if (p->extra_of == NULL || p->direct_setups == NULL) {
        return -ERR_NOMEM;
    }
    for (uint32_t t = 0; t < d->tasks_len; t++) {
        for (uint32_t i = d->up_off[t]; i < d->up_off[t + 1]; i++) {
            p->direct_setups[t] += d->tasks[d->up[i]].is_setup;
        }
        any = p->direct_setups[t] > 0 || d->tasks[t].setups_len > 0 || d->tasks[t].scope_len > 0;
        p->extra_of[t] = any ? p->extras_len++ : TASK_INDEX_NONE;
    }
    int rc = invert(d, LIST_SETUPS, &p->setup_off, &p->setup_to);

    return rc != 0 ? rc : invert(d, LIST_SCOPE, &p->scope_off, &p->scope_to);
}

/* The tasks of each mapped group, one after another. */
static int link_groups(struct plan *p)
{
    const struct dag *d = p->dag;
    uint32_t groups = 0, *last;

    for (uint32_t t = 0; t < d->tasks_len; t++) {
        if (d->tasks[t].map_group != UINT32_MAX && d->tasks[t].map_group >= groups) {
            groups = d->tasks[t].map_group + 1;
        }
    }
    last = mem_array(groups + 1, sizeof *last); /* its last task so far, + 1 */
    p->map_first = mem_array(d->tasks_len, sizeof *p->map_first);
    p->map_next = mem_array(d->tasks_len, sizeof *p->map_next);
    if (last == NULL || p->map_first == NULL || p->map_next == NULL) {
        mem_free(last);
        return -ERR_NOMEM;
    }
    for (uint32_t t = 0; t < d->tasks_len; t++) {
        uint32_t g = d->tasks[t].map_group;

        p->map_next[t] = TASK_INDEX_NONE;
        p->map_first[t] = t;
        if (g != UINT32_MAX) {
            if (last[g] != 0) {
                p->map_first[t] = p->map_first[last[g] - 1];
                p->map_next[last[g] - 1] = t;
            }
            last[g] = t + 1;
        }
    }
    mem_free(last);
    return 0;
}

static int find_mapped(struct plan *p)
{
    const struct dag *d = p->dag;
    bool any = false;

    for (uint32_t t = 0; t < d->tasks_len; t++) {
        any |= d->tasks[t].mapped;
    }
    p->map_of = any ? mem_array(d->tasks_len, sizeof *p->map_of) : NULL;
    for (uint32_t t = 0; p->map_of != NULL && t < d->tasks_len; t++) {
        p->map_of[t] = d->tasks[t].mapped ? p->maps_len++ : TASK_INDEX_NONE;
    }
    if (!any) {
        return 0;
    }
    if (p->map_of == NULL || link_groups(p) != 0) {
        return -ERR_NOMEM;
    }
    return invert(d, LIST_SOURCES, &p->source_off, &p->source_to);
}

int plan_new(struct dag *d, struct plan **ret)
{
    struct plan *p = mem_zalloc(sizeof *p);

    if (p == NULL) {
        return -ERR_NOMEM;
    }
    p->refs = 1;
    p->dag = dag_ref(d);
    p->lane_of = mem_array(d->tasks_len, sizeof *p->lane_of);
    p->leaf = mem_array(d->tasks_len, 1);
    if (p->lane_of == NULL || p->leaf == NULL || find_lanes(p) != 0 || find_extras(p) != 0 ||
        find_mapped(p) != 0) {
        plan_unref(p);
        return -ERR_NOMEM;
    }
    find_leaves(p);
    for (uint32_t t = 0; t < d->tasks_len; t++) {
        p->has_past |= d->tasks[t].depends_on_past || d->tasks[t].wait_for_downstream;
    }
    *ret = p;
    return 0;
}

void plan_unref(struct plan *p)
{
    if (p == NULL || --p->refs > 0) {
        return;
    }
    mem_free(p->lane_of);
    mem_free(p->lanes);
    mem_free(p->extra_of);
    mem_free(p->direct_setups);
    mem_free(p->setup_off);
    mem_free(p->setup_to);
    mem_free(p->scope_off);
    mem_free(p->scope_to);
    mem_free(p->map_of);
    mem_free(p->source_off);
    mem_free(p->source_to);
    mem_free(p->map_first);
    mem_free(p->map_next);
    mem_free(p->leaf);
    dag_unref(p->dag);
    mem_free(p);
}
