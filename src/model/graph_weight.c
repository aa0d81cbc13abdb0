/*
 * Effective priority weights: a task's own weight, and by its weight rule those of all its distinct
 * descendants (downstream) or ancestors (upstream).
 *
 * Three ways, by the shape of the DAG; "below" is downstream for the one rule and upstream for the
 * other:
 * 1. A task with one task below it, or whose whole below is a tree: its weight is its own plus what
 * is directly below. Where all tasks are so (chains, trees both ways), one pass, exact.
 * 2. Else sets of descendants as bits, 512 tasks at a time: n / 512 passes over half of the edges.
 * Exact. Done while that is at most LIMIT_WEIGHT_STEPS rows (about 130,000 tasks with 3 edges
 * each).
 * 3. Else, and only then, not the sum but the heaviest path below: still a sound order, and linear.
 */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "model/document_priv.h"

#define WORDS 8
#define BLOCK (64 * WORDS) /* tasks of a pass */

/* The graph renumbered so that what is below has a smaller number: rows are children by number. */
struct below {
    uint32_t n;
    uint32_t *off, *child; /* owned */
    uint32_t *parents;     /* how many tasks have this one directly below; owned */
    uint32_t *task;        /* number -> task index; owned */
    int64_t *own, *sum;    /* by number; owned */
};

static void below_fini(struct below *b)
{
    mem_free(b->off);
    mem_free(b->child);
    mem_free(b->parents);
    mem_free(b->task);
    mem_free(b->own);
    mem_free(b->sum);
}

static int below_init(struct below *b, const struct dag *dag, bool upstream)
{
    const uint32_t *off = upstream ? dag->up_off : dag->down_off;
    const uint32_t *row = upstream ? dag->up : dag->down;
    MEM_CLEANUP uint32_t *number = mem_array(dag->tasks_len, sizeof *number);
    uint32_t n = dag->tasks_len, len = 0;

    *b = (struct below){.n = n};
    b->off = mem_array((size_t)n + 1, sizeof *b->off);
    b->child = mem_array(off[n], sizeof *b->child);
    b->parents = mem_array(n, sizeof *b->parents);
    b->task = mem_array(n, sizeof *b->task);
    b->own = mem_array(n, sizeof *b->own);
    b->sum = mem_array(n, sizeof *b->sum);
    if (number == NULL || b->off == NULL || b->child == NULL || b->parents == NULL ||
        b->task == NULL || b->own == NULL || b->sum == NULL) {
        return -ERR_NOMEM;
    }
    for (uint32_t i = 0; i < n; i++) {
        b->task[i] = dag->topo[upstream ? i : n - 1 - i];
        number[b->task[i]] = i;
    }
    for (uint32_t i = 0; i < n; i++) {
        uint32_t t = b->task[i];

        b->own[i] = dag->tasks[t].priority_weight;
        for (uint32_t j = off[t]; j < off[t + 1]; j++) {
            b->child[len++] = number[row[j]];
            b->parents[number[row[j]]]++;
        }
        b->off[i + 1] = len;
    }
    return 0;
}

/* Way 1; false when a task is neither case. */
static int sum_trees(struct below *b, bool *ret_done)
{
    MEM_CLEANUP uint8_t *tree = mem_array(b->n, sizeof *tree);

    if (tree == NULL) {
        return -ERR_NOMEM;
    }
    *ret_done = false;
    for (uint32_t i = 0; i < b->n; i++) {
        tree[i] = 1;
        b->sum[i] = b->own[i];
        for (uint32_t j = b->off[i]; j < b->off[i + 1]; j++) {
            tree[i] &= tree[b->child[j]] && b->parents[b->child[j]] == 1;
            b->sum[i] += b->sum[b->child[j]];
        }
        if (!tree[i] && b->off[i + 1] - b->off[i] > 1) {
            return 0;
        }
    }
    *ret_done = true;
    return 0;
}

/* The weights of one block as planes of bits: the sum over a set is the sum over planes of 2^k *
 * |set and plane|. */
struct planes {
    uint64_t bits[32][WORDS];
    int64_t factor[32];
    int len;
};

static void make_planes(struct planes *p, const struct below *b, uint32_t from)
{
    uint32_t to = from + BLOCK < b->n ? from + BLOCK : b->n;

    p->len = 0;
    for (int k = 0; k < 32; k++) {
        uint64_t any = 0;

        memset(p->bits[p->len], 0, sizeof p->bits[0]);
        for (uint32_t i = from; i < to; i++) {
            uint64_t bit = (uint32_t)b->own[i] >> k & 1;

            p->bits[p->len][(i - from) / 64] |= bit << ((i - from) % 64);
            any |= bit;
        }
        if (any != 0) { /* two's complement: the last bit counts negative */
            p->factor[p->len++] = k == 31 ? -(INT64_C(1) << 31) : INT64_C(1) << k;
        }
    }
}

/* Bits of set and plane; counts are kept by byte, at most 64 in each, and added up once. Faster
 * than a call for each word. */
static int count_bits(const uint64_t *set, const uint64_t *plane)
{
    uint64_t bytes = 0;

    for (int w = 0; w < WORDS; w++) {
        uint64_t x = set[w] & plane[w];

        x -= x >> 1 & UINT64_C(0x5555555555555555);
        x = (x & UINT64_C(0x3333333333333333)) + (x >> 2 & UINT64_C(0x3333333333333333));
        bytes += (x + (x >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    }
    bytes = (bytes & UINT64_C(0x00ff00ff00ff00ff)) + (bytes >> 8 & UINT64_C(0x00ff00ff00ff00ff));
    return (int)(bytes * UINT64_C(0x0001000100010001) >> 48);
}

static int64_t sum_of(const struct planes *p, const uint64_t *set)
{
    int64_t sum = 0;

    for (int k = 0; k < p->len; k++) {
        sum += p->factor[k] * count_bits(set, p->bits[k]);
    }
    return sum;
}

/* Way 2, one block: who reaches which of its tasks. Only tasks from `from` on can. */
static void sum_block(struct below *b, uint32_t from, uint64_t (*sets)[WORDS], uint8_t *any,
                      struct planes *p)
{
    make_planes(p, b, from);
    for (uint32_t i = from; i < b->n; i++) {
        uint64_t set[WORDS] = {0};
        uint8_t some = i < from + BLOCK;

        if (some) {
            set[(i - from) / 64] = UINT64_C(1) << ((i - from) % 64);
        }
        for (uint32_t j = b->off[i]; j < b->off[i + 1]; j++) {
            uint32_t c = b->child[j];

            if (c < from || !any[c]) {
                continue;
            }
            some = 1;
            for (int w = 0; w < WORDS; w++) {
                set[w] |= sets[c][w];
            }
        }
        any[i] = some;
        if (some) {
            memcpy(sets[i], set, sizeof set);
            b->sum[i] += sum_of(p, set);
        }
    }
}

static int sum_sets(struct below *b)
{
    MEM_CLEANUP uint64_t(*sets)[WORDS] = mem_array(b->n, sizeof *sets);
    MEM_CLEANUP uint8_t *any = mem_array(b->n, sizeof *any);
    MEM_CLEANUP struct planes *planes = mem_alloc(sizeof *planes);

    if (sets == NULL || any == NULL || planes == NULL) {
        return -ERR_NOMEM;
    }
    memset(b->sum, 0, b->n * sizeof *b->sum);
    for (uint32_t from = 0; from < b->n; from += BLOCK) {
        sum_block(b, from, sets, any, planes);
    }
    return 0;
}

/* Way 3. */
static void sum_paths(struct below *b)
{
    for (uint32_t i = 0; i < b->n; i++) {
        int64_t most = 0;

        for (uint32_t j = b->off[i]; j < b->off[i + 1]; j++) {
            int64_t s = b->sum[b->child[j]];

            most = j == b->off[i] || s > most ? s : most;
        }
        b->sum[i] = b->own[i] + most;
    }
}

static int32_t clamp(int64_t x)
{
    return x > INT32_MAX ? INT32_MAX : x < INT32_MIN ? INT32_MIN : (int32_t)x;
}

static int sum_rule(struct dag *dag, enum weight_rule rule)
{
    struct below b;
    bool done = false;
    int rc = below_init(&b, dag, rule == WEIGHT_UPSTREAM);

    if (rc == 0) {
        rc = sum_trees(&b, &done);
    }
    if (rc == 0 && !done) {
        uint64_t rows = ((uint64_t)b.n + b.off[b.n]) * (b.n / BLOCK + 1) / 2;

        if (rows <= LIMIT_WEIGHT_STEPS) {
            rc = sum_sets(&b);
        } else {
            sum_paths(&b);
        }
    }
    for (uint32_t i = 0; rc == 0 && i < b.n; i++) {
        struct task *t = &dag->tasks[b.task[i]];

        if (t->weight_rule == rule) {
            t->effective_weight = clamp(b.sum[i]);
        }
    }
    below_fini(&b);
    return rc;
}

int graph_weights(struct dag *dag)
{
    bool used[WEIGHT_RULE_MAX_] = {false};
    int rc = 0;

    for (uint32_t t = 0; t < dag->tasks_len; t++) {
        dag->tasks[t].effective_weight = dag->tasks[t].priority_weight;
        used[dag->tasks[t].weight_rule] = true;
    }
    if (used[WEIGHT_DOWNSTREAM]) {
        rc = sum_rule(dag, WEIGHT_DOWNSTREAM);
    }
    if (rc == 0 && used[WEIGHT_UPSTREAM]) {
        rc = sum_rule(dag, WEIGHT_UPSTREAM);
    }
    return rc;
}
