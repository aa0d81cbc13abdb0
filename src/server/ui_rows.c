/* States as letters, and a DAG as rows of a tree. */
#include <string.h>

#include "server/ui.h"

const char ui_letters[TASK_STATE_MAX_ + 1] = {
    [TASK_NONE] = '-',
    [TASK_REMOVED] = 'x',
    [TASK_SCHEDULED] = 'c',
    [TASK_QUEUED] = 'q',
    [TASK_RUNNING] = 'r',
    [TASK_SUCCESS] = 's',
    [TASK_RESTARTING] = 't',
    [TASK_FAILED] = 'f',
    [TASK_UP_FOR_RETRY] = 'y',
    [TASK_UP_FOR_RESCHEDULE] = 'h',
    [TASK_UPSTREAM_FAILED] = 'u',
    [TASK_SKIPPED] = 'k',
    [TASK_DEFERRED] = 'd',
};

int ui_worst(const uint32_t *counts)
{
    static const uint8_t order[] = {TASK_FAILED,       TASK_UPSTREAM_FAILED,
                                    TASK_UP_FOR_RETRY, TASK_UP_FOR_RESCHEDULE,
                                    TASK_QUEUED,       TASK_SCHEDULED,
                                    TASK_DEFERRED,     TASK_RUNNING,
                                    TASK_RESTARTING,   TASK_NONE,
                                    TASK_SUCCESS,      TASK_SKIPPED,
                                    TASK_REMOVED};

    for (size_t i = 0; i < sizeof order; i++) {
        if (counts[order[i]] != 0) {
            return order[i];
        }
    }
    return TASK_NONE;
}

void ui_put_counts(struct call *c, const char *name, const uint32_t *counts)
{
    if (name != NULL) {
        json_key(&c->w, name);
    }
    json_object(&c->w);
    for (int i = 0; i < TASK_STATE_MAX_; i++) {
        if (counts[i] != 0) {
            put_int(c, i == TASK_NONE ? "none" : task_state_to_string(i), counts[i]);
        }
    }
    json_object_end(&c->w);
}

/* ---- the tree ---- */

/* Children of a group (or of the DAG itself: the last one), linked in the order in which their first task runs. */
struct branch {
    uint32_t first, last; /* items; UINT32_MAX: none */
    bool placed;
};

struct tree {
    const struct dag *d;
    struct branch *branches; /* by group; [groups_len]: the DAG */
    uint32_t *next;          /* by item: a task, or tasks_len + group */
    struct ui_row *rows;
    size_t len;
};

static void append(struct tree *t, uint32_t branch, uint32_t item)
{
    struct branch *b = &t->branches[branch];

    t->next[item] = UINT32_MAX;
    if (b->first == UINT32_MAX) {
        b->first = item;
    } else {
        t->next[b->last] = item;
    }
    b->last = item;
}

/* The group itself goes into the one around it, where that has not been done. */
static void place_group(struct tree *t, uint32_t group)
{
    const struct dag *d = t->d;

    while (group != UINT32_MAX && !t->branches[group].placed) {
        uint32_t parent = d->groups[group].parent;

        t->branches[group].placed = true;
        append(t, parent != UINT32_MAX ? parent : d->groups_len, d->tasks_len + group);
        group = parent;
    }
}

/* Without recursion: groups nest as deep as people write them. */
static void write_rows(struct tree *t)
{
    const struct dag *d = t->d;
    uint32_t item = t->branches[d->groups_len].first;
    int32_t parent = -1;
    uint32_t depth = 0;

    while (item != UINT32_MAX || parent >= 0) {
        struct ui_row *r;

        if (item == UINT32_MAX) { /* a group has ended */
            struct ui_row *g = &t->rows[parent];

            g->last = (uint32_t)t->len - 1;
            item = t->next[d->tasks_len + g->group];
            parent = g->parent;
            depth--;
            continue;
        }
        r = &t->rows[t->len];
        *r = (struct ui_row){.parent = parent, .depth = depth, .last = (uint32_t)t->len};
        t->len++;
        if (item < d->tasks_len) {
            r->task = item;
            r->group = UINT32_MAX;
            item = t->next[item];
        } else {
            r->task = UINT32_MAX;
            r->group = item - d->tasks_len;
            parent = (int32_t)(r - t->rows);
            depth++;
            item = t->branches[r->group].first;
        }
    }
}

int ui_rows(struct arena *a, const struct dag *d, struct ui_row **ret, size_t *ret_len,
            struct err *e)
{
    struct tree t = {.d = d};
    size_t items = (size_t)d->tasks_len + d->groups_len;

    t.branches = arena_array(a, (size_t)d->groups_len + 1, sizeof *t.branches);
    t.next = arena_array(a, items + 1, sizeof *t.next);
    t.rows = arena_array(a, items + 1, sizeof *t.rows);
    if (t.branches == NULL || t.next == NULL || t.rows == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for the tasks of a DAG");
    }
    for (uint32_t i = 0; i <= d->groups_len; i++) {
        t.branches[i] = (struct branch){UINT32_MAX, UINT32_MAX, false};
    }
    for (uint32_t i = 0; i < d->tasks_len; i++) {
        uint32_t task = d->topo[i], group = d->tasks[task].group;

        place_group(&t, group);
        append(&t, group != UINT32_MAX ? group : d->groups_len, task);
    }
    for (uint32_t g = 0; g < d->groups_len; g++) { /* those without a task */
        place_group(&t, g);
    }
    write_rows(&t);
    *ret = t.rows;
    *ret_len = t.len;
    return 0;
}

const char *ui_group_label(const struct dag *d, uint32_t group)
{
    const char *dot = strrchr(d->groups[group].group_id, '.');

    return dot != NULL ? dot + 1 : d->groups[group].group_id;
}

/* ---- versions ---- */

int ui_versions(struct call *c, int64_t dag_key, struct ui_versions *ret, struct err *e)
{
    struct store *s;
    int rc = server_store(c, &s, e);

    return rc == 0 ? s->ops->get_dag_versions(s, dag_key, &c->arena, &ret->rows, &ret->len, e) : rc;
}

int64_t ui_version_number(const struct ui_versions *v, int64_t version_key)
{
    for (size_t i = v->len; i-- > 0;) {
        if (v->rows[i].version_key == version_key) {
            return (int64_t)i + 1;
        }
    }
    return 0;
}

int ui_find_version(struct call *c, const struct dag_row *row, const char *name,
                    struct version_row *ret, int64_t *ret_number, struct err *e)
{
    struct ui_versions v = {0};
    int64_t number = 0;
    int rc = call_query_int(c, name, 1, INT64_MAX, 0, &number, e);

    if (rc != 0) {
        c->status = 422;
        return rc;
    }
    rc = ui_versions(c, row->dag_key, &v, e);
    number = number == 0 ? ui_version_number(&v, row->version_key) : number;
    if (rc == 0 && (number < 1 || number > (int64_t)v.len)) {
        return err_set(e, ERR_NOTFOUND,
                       "The DagVersion with dag_id: `%s` and version_number: `%s` was not found",
                       row->dag_id, call_query(c, name) != NULL ? call_query(c, name) : "");
    }
    if (rc == 0) {
        *ret = v.rows[number - 1];
        *ret_number = number;
    }
    return rc;
}
