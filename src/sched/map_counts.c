/*
 * What waits for instances of mapped tasks counts them: how many there are, and those that have ended. These are the whole counts;
 * the ends of instances move them one by one (instance.c).
 */
#include "sched/sched_priv.h"

static bool by_index(const struct run *r, uint32_t up, uint32_t down)
{
    return task_by_index(&r->dag->tasks[down]) && task_same_group(r->dag, up, down) &&
           map_expanded(r, up) != NULL && map_expanded(r, down) != NULL;
}

static void count_state(uint32_t *up, uint8_t state, uint32_t n)
{
    enum upstream_class c = state_class(state);

    if (c != UP_NONE) {
        up[c] += n;
    }
}

/* How many instances of `up` each instance of `down` waits for; those that all of them wait for and that have ended are added to ended. */
static uint32_t tally(const struct run *r, uint32_t up, uint32_t down, uint32_t ended[UP_CLASSES])
{
    const struct mapping *m = map_expanded(r, up);

    if (m == NULL) {
        count_state(ended, r->tis[up].state, 1);
        return 1;
    }
    if (by_index(r, up, down)) {
        return 1;
    }
    for (int i = 0; i < TASK_STATE_MAX_; i++) {
        count_state(ended, (uint8_t)i, m->counts[i]);
    }
    return SCHED_CANARY == 4 ? 1 : (uint32_t)m->len;
}

/* How many indices both have in memory, where index waits for index. */
static int32_t pairs(const struct run *r, uint32_t up, uint32_t down)
{
    int32_t a, b;

    if (!by_index(r, up, down)) {
        return 0;
    }
    a = map_walk(map_of(r, up));
    b = map_walk(map_of(r, down));
    return a < b ? a : b;
}

void map_recount(struct run *r, uint32_t task)
{
    struct mapping *own = map_expanded(r, task);

    memset(r->tis[task].up, 0, sizeof r->tis[task].up);
    for (int32_t i = 0; own != NULL && i < map_walk(own); i++) {
        memset(map_child(own, i)->up, 0, sizeof map_child(own, i)->up);
    }
    r->need[task] = 0;
    for (uint32_t k = r->dag->up_off[task]; k < r->dag->up_off[task + 1]; k++) {
        uint32_t up = r->dag->up[k];

        r->need[task] += tally(r, up, task, r->tis[task].up);
        for (int32_t i = 0; i < pairs(r, up, task); i++) {
            count_state(map_child(own, i)->up, map_child(map_of(r, up), i)->state, 1);
        }
    }
}

/* ---- setups and scopes ---- */

enum relation { DIRECT_SETUP, SETUP, SCOPE };

static void count_relation(struct extra *x, enum relation how, const uint32_t ended[UP_CLASSES])
{
    for (int c = 0; c < UP_CLASSES; c++) {
        x->setup[c] += how == SETUP ? ended[c] : 0;
        x->scope_done += how == SCOPE ? ended[c] : 0;
    }
    x->direct_setup_success += how == DIRECT_SETUP ? ended[UP_SUCCESS] : 0;
    x->direct_setup_skipped += how == DIRECT_SETUP ? ended[UP_SKIPPED] : 0;
}

static void recount_relation(struct run *r, uint32_t up, uint32_t task, enum relation how)
{
    struct extra *x = &r->extras[r->plan->extra_of[task]];
    uint32_t ended[UP_CLASSES] = {0};
    uint32_t n = tally(r, up, task, ended);

    x->direct_setups += how == DIRECT_SETUP ? n : 0;
    x->setups += how == SETUP ? n : 0;
    x->scope += how == SCOPE ? n : 0;
    count_relation(x, how, ended);
    for (int32_t i = 0; i < pairs(r, up, task); i++) {
        memset(ended, 0, sizeof ended);
        count_state(ended, map_child(map_of(r, up), i)->state, 1);
        count_relation(map_extra(map_of(r, task), i), how, ended);
    }
}

void sched_map_recount_extras(struct run *r, uint32_t task)
{
    const struct task *t = &r->dag->tasks[task];
    struct mapping *own = map_expanded(r, task);

    if (r->plan->extra_of == NULL || r->plan->extra_of[task] == TASK_INDEX_NONE ||
        t->map_group == UINT32_MAX) {
        return;
    }
    r->extras[r->plan->extra_of[task]] = (struct extra){0};
    for (int32_t i = 0; own != NULL && i < map_walk(own); i++) {
        *map_extra(own, i) = (struct extra){0};
    }
    for (uint32_t i = r->dag->up_off[task]; i < r->dag->up_off[task + 1]; i++) {
        if (r->dag->tasks[r->dag->up[i]].is_setup) {
            recount_relation(r, r->dag->up[i], task, DIRECT_SETUP);
        }
    }
    for (uint32_t i = 0; i < t->setups_len; i++) {
        recount_relation(r, t->setups[i], task, SETUP);
    }
    for (uint32_t i = 0; i < t->scope_len; i++) {
        recount_relation(r, t->scope[i], task, SCOPE);
    }
}

void sched_map_need(struct run *r, uint32_t task, int32_t by)
{
    const struct plan *p = r->plan;

    if (p->extra_of == NULL) {
        return;
    }
    for (uint32_t i = r->dag->down_off[task];
         r->dag->tasks[task].is_setup && i < r->dag->down_off[task + 1]; i++) {
        uint32_t down = r->dag->down[i];

        r->extras[p->extra_of[down]].direct_setups += by_index(r, task, down) ? 0 : (uint32_t)by;
    }
    for (uint32_t i = p->setup_off[task]; i < p->setup_off[task + 1]; i++) {
        uint32_t to = p->setup_to[i];

        r->extras[p->extra_of[to]].setups += by_index(r, task, to) ? 0 : (uint32_t)by;
    }
    for (uint32_t i = p->scope_off[task]; i < p->scope_off[task + 1]; i++) {
        uint32_t to = p->scope_to[i];

        r->extras[p->extra_of[to]].scope += by_index(r, task, to) ? 0 : (uint32_t)by;
    }
}
