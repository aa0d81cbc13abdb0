#include "dag_draw.h"

#include "base/time.h"
#include "dag_gen.h"

static bool chance(struct prng *p, uint32_t percent)
{
    return prng_below(p, 100) < percent;
}

enum form { FORM_CHAIN, FORM_FAN, FORM_LAYERS, FORM_SPARSE, FORMS };

static void draw_edges(struct prng *p, struct dag_gen *g)
{
    enum form form = (enum form)prng_below(p, FORMS);
    uint32_t n = g->dag->tasks_len, width = 1 + (uint32_t)prng_below(p, n < 8 ? n : n / 4);

    for (uint32_t t = 1; t < n; t++) {
        uint32_t layer = t / width * width, ups = 1 + (uint32_t)prng_below(p, 4);

        switch (form) {
        case FORM_CHAIN:
            dag_gen_edge(g, t - 1, t);
            break;
        case FORM_FAN: /* out of the first, into the last */
            dag_gen_edge(g, t == n - 1 ? t - 1 : 0, t);
            for (uint32_t u = 1; t == n - 1 && u < t; u++) {
                dag_gen_edge(g, u, t);
            }
            break;
        case FORM_LAYERS:
            for (uint32_t k = 0; layer > 0 && k < ups; k++) {
                dag_gen_edge(g, layer - width + (uint32_t)prng_below(p, width), t);
            }
            break;
        default:
            for (uint32_t k = 0; k < ups && chance(p, 60); k++) {
                dag_gen_edge(g, (uint32_t)prng_below(p, t), t);
            }
        }
    }
}

static void draw_limits(struct prng *p, struct task *t, unsigned features)
{
    static const char *const pools[] = {"default_pool", "pool_a", "pool_b"};

    if (features & DRAW_RETRIES && chance(p, 50)) {
        t->retries = (int32_t)prng_below(p, 4);
        t->retry_delay_us = (int64_t)prng_below(p, 400) * TIME_SECOND / 4;
        t->retry_multiplier = chance(p, 50) ? 0 : 1.0 + (double)prng_below(p, 4) / 2;
        t->max_retry_delay_us = chance(p, 30) ? 150 * TIME_SECOND : 0;
    }
    if (features & DRAW_POOLS) {
        t->pool = pools[prng_below(p, 3)];
        t->pool_slots = 1 + (int32_t)prng_below(p, 3);
    }
    if (features & DRAW_WEIGHTS) {
        t->priority_weight = (int32_t)prng_below(p, 10) - 2;
        t->weight_rule = (uint8_t)prng_below(p, WEIGHT_RULE_MAX_);
    }
    if (features & DRAW_CAPS) {
        t->max_active_tis_per_dag = chance(p, 20) ? 1 + (int32_t)prng_below(p, 2) : 0;
        t->max_active_tis_per_dagrun = chance(p, 20) ? 1 : 0;
    }
}

static void draw_task(struct prng *p, struct task *t, unsigned features)
{
    draw_limits(p, t, features);
    if (features & DRAW_RULES && chance(p, 60)) {
        t->trigger_rule = (uint8_t)prng_below(p, TRIGGER_RULE_MAX_);
    }
    if (features & DRAW_PAST) {
        t->depends_on_past = chance(p, 25);
        t->wait_for_downstream = chance(p, 10);
        t->wait_for_past_depends_before_skipping = chance(p, 10);
    }
    if (features & DRAW_INSTANT) {
        t->instant = chance(p, 25);
    }
    if (features & DRAW_SETUPS && chance(p, 40)) {
        t->is_setup = chance(p, 50);
        t->is_teardown = !t->is_setup;
        t->on_failure_fail_dagrun = t->is_teardown && chance(p, 40);
        if (t->is_teardown) {
            t->trigger_rule = RULE_ALL_DONE_SETUP_SUCCESS;
        }
    }
}

/* What follows a setup directly and is no teardown must be all_success, as loading a document
 * demands. */
static void obey_setups(struct dag_gen *g)
{
    for (size_t k = 0; k < g->edges_len; k++) {
        struct task *down = &g->dag->tasks[g->edges[k][1]];

        if (g->dag->tasks[g->edges[k][0]].is_setup && !down->is_teardown) {
            down->trigger_rule = RULE_ALL_SUCCESS;
        }
    }
}

static int32_t draw_length(struct prng *p)
{
    return chance(p, 50) ? -1 : (int32_t)prng_below(p, chance(p, 10) ? DRAW_MAP_MAX + 2 : 4);
}

/* A third of the tasks by themselves, and perhaps a group or two of neighbours. */
static void draw_mapped(struct prng *p, struct dag_gen *g)
{
    uint32_t n = g->dag->tasks_len, at = 1;

    for (uint32_t k = 0; k < 2 && chance(p, 60) && at + 1 < n; k++) {
        uint32_t from = at + (uint32_t)prng_below(p, n - at);
        uint32_t to = from + 1 + (uint32_t)prng_below(p, 5);

        to = to < n ? to : n;
        dag_gen_map_group(g, k, from, to, draw_length(p), (uint32_t)prng_below(p, from));
        for (uint32_t t = from; t < to; t++) { /* some in a group within it */
            g->dag->tasks[t].group = chance(p, 15) ? 100 : k;
        }
        at = to;
    }
    for (uint32_t t = 0; t < n; t++) {
        struct task *task = &g->dag->tasks[t];

        if (task->mapped || !chance(p, 33)) {
            continue;
        }
        dag_gen_map(g, t, t == 0 ? (int32_t)prng_below(p, 4) : draw_length(p),
                    t == 0 ? 0 : (uint32_t)prng_below(p, t));
        if (task->map_len < 0 && chance(p, 20)) {
            dag_gen_map(g, t, -1, (uint32_t)prng_below(p, t));
        }
    }
}

struct dag *dag_draw(struct prng *p, uint32_t tasks, unsigned features)
{
    struct dag_gen g;

    dag_gen_init(&g, tasks);
    draw_edges(p, &g);
    if (features & DRAW_MAPPED) {
        draw_mapped(p, &g);
    }
    for (uint32_t t = 0; t < tasks; t++) {
        draw_task(p, &g.dag->tasks[t], features);
    }
    obey_setups(&g);
    if (features & DRAW_CAPS) {
        g.dag->max_active_tasks = 1 + (int32_t)prng_below(p, 16);
    }
    if (features & DRAW_MAX_RUNS) {
        g.dag->max_active_runs = 1 + (int32_t)prng_below(p, 3);
    }
    g.dag->fail_fast = features & DRAW_FAIL_FAST && chance(p, 50);
    g.dag->dagrun_timeout_us =
        features & DRAW_TIMEOUT ? (int64_t)(60 + prng_below(p, 3600)) * TIME_SECOND : 0;
    return dag_gen_finish(&g);
}
