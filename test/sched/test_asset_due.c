/*
 * Runs due by asset events: states by hand, then random DAGs and events against a plain list of what is queued, looked through each time.
 * SEEDS in the environment: how many worlds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/prng.h"
#include "model/asset_expr.h"
#include "model/partition.h"
#include "sched/asset_due.h"

#define DAGS 12

/* ---- a world ---- */

struct queued { /* one event in the queue of one DAG */
    int64_t dag_key;
    char partition[64];
    int event;
    bool gone;
};

struct dag {
    struct arena arena;
    const struct value *condition;
    const struct asset_expr *expr;
    struct partition_map *partitions;
    bool known, paused, here;
    int max, active, out;
};

struct world {
    struct asset_due *d;
    struct dag dags[DAGS];
    struct {
        char name[8], uri[8], aliases[16], key[24];
        size_t aliases_len;
        bool has_key;
    } events[4000];
    int events_len;
    struct queued *rows;
    size_t len, cap;
};

static const struct value *parse(struct arena *a, const char *json)
{
    struct value *v;
    struct err e = {0};

    if (value_parse(a, json, strlen(json), &v, &e) != 0) {
        fail_msg("%s: %s", json, err_str(&e));
    }
    return v;
}

static void dag_set(struct world *w, int64_t key, const char *condition, const char *schedule)
{
    struct dag *g = &w->dags[key];
    struct err e = {0};

    if (g->known) {
        asset_due_remove(w->d, key);
        arena_fini(&g->arena);
    }
    memset(g, 0, sizeof *g);
    arena_init(&g->arena, 1 << 20);
    g->condition = parse(&g->arena, condition);
    assert_int_equal(asset_expr_parse(&g->arena, g->condition, &g->expr, &e), 0);
    if (schedule != NULL) {
        assert_int_equal(
            partition_map_parse(&g->arena, parse(&g->arena, schedule), &g->partitions, &e), 0);
    }
    g->known = g->here = true;
}

static void tell(struct world *w, int64_t key)
{
    struct dag *g = &w->dags[key];
    struct asset_due_dag dag = {key, g->expr, g->partitions, g->paused, g->here, g->max, g->active};

    assert_int_equal(asset_due_set(w->d, &dag), 0);
    asset_due_restored(w->d, key);
}

static int saw(void *arg, int64_t dag_key, enum asset_due_verdict v, const char *text)
{
    struct world *w = arg;
    struct queued q = {.dag_key = dag_key, .event = w->events_len - 1};

    if (v == ASSET_DUE_QUEUED) {
        (void)snprintf(q.partition, sizeof q.partition, "%s", text);
        assert_int_equal(VEC_PUSH(w->rows, w->len, w->cap, q), 0);
    }
    return 0;
}

static void event(struct world *w, const char *name, const char *alias, const char *key)
{
    struct asset_due_event ev = {.name = name, .uri = name, .partition_key = key};
    int i = w->events_len++;

    (void)snprintf(w->events[i].name, sizeof w->events[i].name, "%s", name);
    (void)snprintf(w->events[i].uri, sizeof w->events[i].uri, "%s", name);
    (void)snprintf(w->events[i].key, sizeof w->events[i].key, "%s", key != NULL ? key : "");
    w->events[i].has_key = key != NULL;
    if (alias != NULL) {
        (void)snprintf(w->events[i].aliases, sizeof w->events[i].aliases, "%s", alias);
        ev.aliases = w->events[i].aliases;
        ev.aliases_len = w->events[i].aliases_len = strlen(alias) + 1;
    }
    assert_int_equal(asset_due_event(w->d, &ev, saw, w), 0);
}

static struct world *new_world(void)
{
    struct world *w = calloc(1, sizeof *w);

    w->d = asset_due_new();
    assert_non_null(w->d);
    return w;
}

static void free_world(struct world *w)
{
    asset_due_free(w->d);
    for (int i = 0; i < DAGS; i++) {
        if (w->dags[i].known) {
            arena_fini(&w->dags[i].arena);
        }
    }
    mem_free(w->rows);
    free(w);
}

/* "3/p" of the next run that is due, taken and made; "" when none is. */
static const char *run_one(struct world *w)
{
    static char text[96];
    struct asset_due_run r;

    if (!asset_due_take(w->d, &r)) {
        return "";
    }
    (void)snprintf(text, sizeof text, "%lld%s%s", (long long)r.dag_key,
                   r.partition[0] != '\0' ? "/" : "", r.partition);
    {
        char partition[64];

        (void)snprintf(partition, sizeof partition, "%s", r.partition);
        assert_true(asset_due_consume(w->d, r.dag_key, partition));
        asset_due_made(w->d, r.dag_key, partition);
    }
    return text;
}

#define A         "{\"type\":\"asset\",\"name\":\"a\",\"uri\":\"a\"}"
#define B         "{\"type\":\"asset\",\"name\":\"b\",\"uri\":\"b\"}"
#define X         "{\"type\":\"asset_alias\",\"name\":\"x\"}"
#define ALL(x, y) "{\"type\":\"all\",\"of\":[" x "," y "]}"
#define ANY(x, y) "{\"type\":\"any\",\"of\":[" x "," y "]}"

/* ---- by hand ---- */

static void test_all_and_any(void **state)
{
    struct world *w = new_world();

    (void)state;
    dag_set(w, 1, ALL(A, B), NULL);
    tell(w, 1);
    dag_set(w, 2, ANY(A, B), NULL);
    tell(w, 2);
    event(w, "a", NULL, NULL);
    assert_string_equal(run_one(w), "2");
    assert_string_equal(run_one(w), "");
    event(w, "a", NULL, NULL);
    event(w, "b", NULL, NULL);
    assert_string_equal(run_one(w), "2");
    assert_string_equal(run_one(w), "1"); /* with three events */
    assert_string_equal(run_one(w), "");
    event(w, "b", NULL, NULL);
    assert_string_equal(run_one(w), "2");
    assert_string_equal(run_one(w), "");
    event(w, "a", NULL, "2026-01-01"); /* of a partition: nobody here is */
    assert_string_equal(run_one(w), "");
    free_world(w);
}

static void test_alias(void **state)
{
    struct world *w = new_world();

    (void)state;
    dag_set(w, 1, X, NULL);
    tell(w, 1);
    dag_set(w, 2, ALL(A, X), NULL);
    tell(w, 2);
    event(w, "a", NULL, NULL);
    assert_string_equal(run_one(w), ""); /* not through the alias */
    event(w, "b", "x", NULL);
    assert_string_equal(run_one(w), "1");
    assert_string_equal(run_one(w), "2");
    event(w, "b", NULL, NULL); /* this one did not come through it */
    assert_string_equal(run_one(w), "");
    event(w, "a", "x", NULL); /* counts as both */
    assert_string_equal(run_one(w), "1");
    assert_string_equal(run_one(w), "2");
    free_world(w);
}

static void test_paused_and_gone(void **state)
{
    struct world *w = new_world();

    (void)state;
    dag_set(w, 1, ALL(A, B), NULL);
    tell(w, 1);
    event(w, "a", NULL, NULL);
    asset_due_paused(w->d, 1, true);
    event(w, "b", NULL, NULL); /* not gathered */
    asset_due_paused(w->d, 1, false);
    assert_string_equal(run_one(w), "");
    asset_due_here(w->d, 1, false);
    event(w, "b", NULL, NULL); /* gathered, and kept */
    assert_string_equal(run_one(w), "");
    asset_due_here(w->d, 1, true);
    assert_string_equal(run_one(w), "1");
    free_world(w);
}

static void test_limit_and_failure(void **state)
{
    struct world *w = new_world();
    struct asset_due_run r;

    (void)state;
    dag_set(w, 1, A, NULL);
    w->dags[1].max = 1;
    tell(w, 1);
    event(w, "a", NULL, NULL);
    assert_true(asset_due_take(w->d, &r));
    assert_false(asset_due_take(w->d, &r));
    asset_due_made(w->d, 1, ""); /* it could not be made */
    assert_true(asset_due_take(w->d, &r));
    assert_true(asset_due_consume(w->d, 1, ""));
    assert_false(asset_due_consume(w->d, 1, ""));
    asset_due_active(w->d, 1, 1);
    asset_due_made(w->d, 1, "");
    event(w, "a", NULL, NULL);
    event(w, "a", NULL, NULL);
    assert_false(asset_due_take(w->d, &r));
    asset_due_active(w->d, 1, -1);
    assert_string_equal(run_one(w), "1");
    assert_string_equal(run_one(w), "");
    /* taken, and the DAG is gone before the run is written */
    event(w, "a", NULL, NULL);
    assert_true(asset_due_take(w->d, &r));
    asset_due_remove(w->d, 1);
    assert_false(asset_due_consume(w->d, 1, ""));
    asset_due_made(w->d, 1, "");
    w->dags[1].known = false;
    arena_fini(&w->dags[1].arena);
    free_world(w);
}

static void test_partitions(void **state)
{
    struct world *w = new_world();

    (void)state;
    dag_set(w, 1, ALL(A, B),
            "{\"default_mapper\":{\"type\":\"StartOfDayMapper\"},\"mappers\":[{\"asset\":" B
            ",\"mapper\":{\"type\":\"IdentityMapper\"}}]}");
    tell(w, 1);
    event(w, "a", NULL, "2026-01-01T10:00:00");
    event(w, "a", NULL, "2026-01-02T10:00:00");
    event(w, "a", NULL, NULL);  /* no key: for no partition */
    event(w, "a", NULL, "nix"); /* no time */
    assert_int_equal(w->len, 2);
    event(w, "b", NULL, "2026-01-02");
    assert_string_equal(run_one(w), "1/2026-01-02");
    assert_string_equal(run_one(w), "");
    event(w, "b", NULL, "2026-01-01");
    assert_string_equal(run_one(w), "1/2026-01-01");
    free_world(w);
}

/* Another condition: what is still named stays queued. */
static void test_changed(void **state)
{
    struct world *w = new_world();
    struct asset_due_event a = {.name = "a", .uri = "a"}, c = {.name = "c", .uri = "c"};
    struct asset_due_run r;
    bool kept;

    (void)state;
    dag_set(w, 1, ALL(A, B), NULL);
    w->dags[1].here = false;
    tell(w, 1);
    event(w, "a", NULL, NULL);
    dag_set(w, 1, ANY(A, B), NULL);
    {
        struct dag *g = &w->dags[1];
        struct asset_due_dag dag = {1, g->expr, NULL, false, true, 0, 0};

        assert_int_equal(asset_due_set(w->d, &dag), 0);
    }
    event(w, "b", NULL, NULL);
    assert_false(asset_due_take(w->d, &r)); /* what was queued is not read back yet */
    assert_int_equal(asset_due_restore(w->d, 1, "", &a, 1, &kept), 0);
    assert_true(kept);
    assert_int_equal(asset_due_restore(w->d, 1, "", &c, 1, &kept), 0);
    assert_false(kept);
    assert_int_equal(asset_due_restore(w->d, 1, "p", &a, 1, &kept), 0);
    assert_false(kept);
    asset_due_restored(w->d, 1);
    assert_string_equal(run_one(w), "1");
    assert_string_equal(run_one(w), "");
    free_world(w);
}

/* ---- the oracle ---- */

static bool leaf_holds(struct world *w, const struct value *v, int64_t dag_key,
                       const char *partition)
{
    const char *type = value_get(v, "type")->text, *name = value_get(v, "name")->text;

    for (size_t i = 0; i < w->len; i++) {
        const struct queued *q = &w->rows[i];
        int asset;

        if (q->gone || q->dag_key != dag_key || strcmp(q->partition, partition) != 0) {
            continue;
        }
        asset = w->events[q->event].name[0] - 'a';
        if (strcmp(type, "asset_alias") == 0 ? strcmp(w->events[q->event].aliases, name) == 0
                                             : name[0] - 'a' == asset) {
            return true;
        }
    }
    return false;
}

static bool holds(struct world *w, const struct value *v, int64_t dag_key, const char *partition)
{
    const struct value *of = value_get(v, "of");
    bool all = strcmp(value_get(v, "type")->text, "all") == 0;

    for (size_t i = 0; of != NULL && i < of->len; i++) {
        if (holds(w, of->elems[i], dag_key, partition) != all) {
            return !all;
        }
    }
    return of != NULL ? all : leaf_holds(w, v, dag_key, partition);
}

static bool names(const struct value *v, char asset, const char *alias)
{
    const struct value *of = value_get(v, "of");

    for (size_t i = 0; of != NULL && i < of->len; i++) {
        if (names(of->elems[i], asset, alias)) {
            return true;
        }
    }
    if (of != NULL) {
        return false;
    }
    if (strcmp(value_get(v, "type")->text, "asset_alias") == 0) {
        return alias != NULL && strcmp(value_get(v, "name")->text, alias) == 0;
    }
    return value_get(v, "name")->text[0] == asset;
}

/* ---- random ---- */

static int below(struct prng *p, int n)
{
    return (int)(prng_next(p) % (uint64_t)n);
}

static void draw_condition(struct prng *p, int depth, char *out, size_t cap)
{
    size_t n;

    if (depth == 0 || below(p, 3) == 0) {
        if (below(p, 4) == 0) {
            (void)snprintf(out, cap, "{\"type\":\"asset_alias\",\"name\":\"%c\"}",
                           'x' + below(p, 3));
        } else if (below(p, 3) == 0) {
            (void)snprintf(out, cap, "{\"type\":\"asset_ref\",\"name\":\"%c\"}", 'a' + below(p, 6));
        } else {
            char c = (char)('a' + below(p, 6));

            (void)snprintf(out, cap, "{\"type\":\"asset\",\"name\":\"%c\",\"uri\":\"%c\"}", c, c);
        }
        return;
    }
    (void)snprintf(out, cap, "{\"type\":\"%s\",\"of\":[", below(p, 2) ? "all" : "any");
    for (int i = 0, children = 1 + below(p, 3); i < children; i++) {
        n = strlen(out);
        if (i > 0) {
            out[n++] = ',';
        }
        draw_condition(p, depth - 1, out + n, cap - n);
    }
    n = strlen(out);
    (void)snprintf(out + n, cap - n, "]}");
}

static void step_event(struct world *w, struct prng *p)
{
    char name[2] = {(char)('a' + below(p, 6)), 0}, alias[2] = {(char)('x' + below(p, 3)), 0},
         key[8];
    bool with_alias = below(p, 3) == 0, with_key = below(p, 4) == 0;
    size_t before = w->len, expected = 0;

    (void)snprintf(key, sizeof key, "p%d", below(p, 3));
    event(w, name, with_alias ? alias : NULL, with_key ? key : NULL);
    for (int i = 0; i < DAGS; i++) {
        struct dag *g = &w->dags[i];

        expected += g->known && !g->paused && (g->partitions != NULL) == with_key &&
                    names(g->condition, name[0], with_alias ? alias : NULL);
    }
    assert_int_equal(w->len - before, expected);
}

/* Of the DAG's queues, how many hold by the oracle and are not out. */
static int due_of(struct world *w, int i)
{
    static const char *const partitions[] = {"", "p0", "p1", "p2"};
    int n = 0;

    for (size_t k = 0; k < 4; k++) {
        n += holds(w, w->dags[i].condition, i, partitions[k]);
    }
    return n;
}

static void take_all(struct world *w, struct prng *p)
{
    struct asset_due_run r;
    char partition[64];
    int served = 0;

    while (asset_due_take(w->d, &r)) {
        struct dag *g = &w->dags[r.dag_key];

        (void)snprintf(partition, sizeof partition, "%s", r.partition);
        assert_true(g->known && g->here && !g->paused);
        assert_true(g->max == 0 || g->active < g->max);
        assert_true(holds(w, g->condition, r.dag_key, partition));
        if (below(p, 5) == 0) { /* in between */
            step_event(w, p);
        }
        if (below(p, 8) == 0) { /* it cannot be written */
            asset_due_made(w->d, r.dag_key, partition);
            assert_true(++served < 100000);
            continue;
        }
        assert_true(asset_due_consume(w->d, r.dag_key, partition));
        for (size_t i = 0; i < w->len; i++) {
            if (w->rows[i].dag_key == r.dag_key && strcmp(w->rows[i].partition, partition) == 0) {
                w->rows[i].gone = true;
            }
        }
        if (below(p, 2) == 0) {
            g->active++;
            asset_due_active(w->d, r.dag_key, 1);
        }
        asset_due_made(w->d, r.dag_key, partition);
    }
    for (int i = 0; i < DAGS; i++) { /* nobody was left out */
        struct dag *g = &w->dags[i];

        if (g->known && g->here && !g->paused && (g->max == 0 || g->active < g->max)) {
            assert_int_equal(due_of(w, i), 0);
        }
    }
}

static void step_dag(struct world *w, struct prng *p)
{
    int i = below(p, DAGS);
    struct dag *g = &w->dags[i];
    char condition[2048];

    if (!g->known) {
        draw_condition(p, 3, condition, sizeof condition);
        dag_set(w, i, condition,
                below(p, 3) == 0 ? "{\"default_mapper\":{\"type\":\"IdentityMapper\"}}" : NULL);
        g->max = below(p, 3);
        tell(w, i);
        return;
    }
    switch (below(p, 3)) {
    case 0:
        g->paused = !g->paused;
        asset_due_paused(w->d, i, g->paused);
        return;
    case 1:
        g->here = !g->here;
        asset_due_here(w->d, i, g->here);
        return;
    default:
        if (g->active > 0) {
            g->active--;
            asset_due_active(w->d, i, -1);
        }
    }
}

/* What is queued is put in again into a new one: as after a restart. */
static void restart(struct world *w)
{
    asset_due_free(w->d);
    w->d = asset_due_new();
    for (int i = 0; i < DAGS; i++) {
        struct dag *g = &w->dags[i];
        struct asset_due_dag dag = {i,       g->expr, g->partitions, g->paused,
                                    g->here, g->max,  g->active};

        if (!g->known) {
            continue;
        }
        assert_int_equal(asset_due_set(w->d, &dag), 0);
        for (size_t k = 0; k < w->len; k++) {
            const struct queued *q = &w->rows[k];
            struct asset_due_event shape = {w->events[q->event].name, w->events[q->event].uri,
                                            w->events[q->event].aliases,
                                            w->events[q->event].aliases_len, NULL};
            bool kept = true;

            if (!q->gone && q->dag_key == i) {
                assert_int_equal(asset_due_restore(w->d, i, q->partition, &shape, 1, &kept), 0);
                assert_true(kept);
            }
        }
        asset_due_restored(w->d, i);
    }
}

static void test_random(void **state)
{
    const char *text = getenv("SEEDS");
    long seeds = text != NULL ? strtol(text, NULL, 10) : 300;

    (void)state;
    for (long seed = 1; seed <= seeds; seed++) {
        struct world *w = new_world();
        struct prng p;

        prng_seed(&p, (uint64_t)seed);
        for (int i = 0; i < 300; i++) {
            int what = below(&p, 100);

            if (what < 55) {
                step_event(w, &p);
            } else if (what < 75) {
                step_dag(w, &p);
            } else if (what < 98) {
                take_all(w, &p);
            } else {
                restart(w);
            }
        }
        free_world(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_and_any),     cmocka_unit_test(test_alias),
        cmocka_unit_test(test_paused_and_gone), cmocka_unit_test(test_limit_and_failure),
        cmocka_unit_test(test_partitions),      cmocka_unit_test(test_changed),
        cmocka_unit_test(test_random),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
