/* The graph of a DAG: rows of downstream, a topological order, and cycles by name. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "model/document_priv.h"

int graph_link(struct dag *dag)
{
    uint32_t n = dag->tasks_len;
    MEM_CLEANUP uint32_t *next = mem_array((size_t)n + 1, sizeof *next);

    dag->down_off = arena_array(&dag->arena, (size_t)n + 1, sizeof *dag->down_off);
    dag->down = arena_array(&dag->arena, dag->up_off[n], sizeof *dag->down);
    if (next == NULL || dag->down_off == NULL || dag->down == NULL) {
        return -ERR_NOMEM;
    }
    for (uint32_t i = 0; i < dag->up_off[n]; i++) {
        dag->down_off[dag->up[i] + 1]++;
    }
    for (uint32_t t = 0; t < n; t++) {
        dag->down_off[t + 1] += dag->down_off[t];
        next[t] = dag->down_off[t];
    }
    for (uint32_t t = 0; t < n; t++) { /* in order of t: each row comes out ascending */
        for (uint32_t i = dag->up_off[t]; i < dag->up_off[t + 1]; i++) {
            dag->down[next[dag->up[i]]++] = t;
        }
    }
    return 0;
}

/* ---- topological order: Kahn's, the ready ones in a heap so that the smallest index goes first
 * ---- */

static void heap_push(uint32_t *heap, uint32_t *len, uint32_t x)
{
    uint32_t i = (*len)++;

    for (; i > 0 && heap[(i - 1) / 2] > x; i = (i - 1) / 2) {
        heap[i] = heap[(i - 1) / 2];
    }
    heap[i] = x;
}

static uint32_t heap_pop(uint32_t *heap, uint32_t *len)
{
    uint32_t top = heap[0], x, i = 0;

    assert(*len > 0);
    x = heap[--*len];
    for (;;) {
        uint32_t child = 2 * i + 1;

        if (child + 1 < *len && heap[child + 1] < heap[child]) {
            child++;
        }
        if (child >= *len || heap[child] >= x) {
            break;
        }
        heap[i] = heap[child];
        i = child;
    }
    heap[i] = x;
    return top;
}

int graph_sort(struct dag *dag, uint32_t *ret_sorted)
{
    uint32_t n = dag->tasks_len, heap_len = 0, sorted = 0;
    MEM_CLEANUP uint32_t *waits = mem_array(n, sizeof *waits);
    MEM_CLEANUP uint32_t *heap = mem_array(n, sizeof *heap);

    dag->topo = arena_array(&dag->arena, n, sizeof *dag->topo);
    if (waits == NULL || heap == NULL || dag->topo == NULL) {
        return -ERR_NOMEM;
    }
    for (uint32_t t = 0; t < n; t++) {
        waits[t] = dag_up_len(dag, t);
        if (waits[t] == 0) {
            heap_push(heap, &heap_len, t);
        }
    }
    while (heap_len > 0) {
        uint32_t t = heap_pop(heap, &heap_len);

        dag->topo[sorted++] = t;
        for (uint32_t i = dag->down_off[t]; i < dag->down_off[t + 1]; i++) {
            if (--waits[dag->down[i]] == 0) {
                heap_push(heap, &heap_len, dag->down[i]);
            }
        }
    }
    *ret_sorted = sorted;
    return 0;
}

/* ---- cycles ---- */

#define CYCLE_SHOWN 20 /* tasks named of a longer cycle */

/*
 * left[t]: 1 for the tasks that may be on a cycle. Those before all cycles and those behind them
 * are peeled off, so that every task that is left has a downstream that is left.
 */
static int peel(const struct dag *dag, uint8_t *left)
{
    uint32_t n = dag->tasks_len, len = 0;
    MEM_CLEANUP uint32_t *waits = mem_array(n, sizeof *waits);
    MEM_CLEANUP uint32_t *queue = mem_array(n, sizeof *queue);

    if (waits == NULL || queue == NULL) {
        return -ERR_NOMEM;
    }
    memset(left, 1, n);
    for (int forward = 0; forward < 2; forward++) {
        const uint32_t *off = forward ? dag->down_off : dag->up_off;
        const uint32_t *out_off = forward ? dag->up_off : dag->down_off;
        const uint32_t *out = forward ? dag->up : dag->down;

        len = 0;
        for (uint32_t t = 0; t < n; t++) {
            const uint32_t *row = forward ? dag->down : dag->up;

            waits[t] = 0;
            for (uint32_t i = off[t]; i < off[t + 1]; i++) {
                waits[t] += left[row[i]];
            }
            if (left[t] && waits[t] == 0) {
                queue[len++] = t;
            }
        }
        while (len > 0) {
            uint32_t t = queue[--len];

            left[t] = 0;
            for (uint32_t i = out_off[t]; i < out_off[t + 1]; i++) {
                if (left[out[i]] && --waits[out[i]] == 0) {
                    queue[len++] = out[i];
                }
            }
        }
    }
    return 0;
}

static uint32_t next_left(const struct dag *dag, const uint8_t *left, uint32_t t)
{
    for (uint32_t i = dag->down_off[t]; i < dag->down_off[t + 1]; i++) {
        if (left[dag->down[i]]) {
            return dag->down[i];
        }
    }
    return UINT32_MAX;
}

/* Names the cycle that `t` is on, beginning with its first task in the document. */
static void report(struct doc *d, const uint8_t *left, uint32_t t)
{
    const struct dag *dag = d->dag;
    uint32_t first = t, len = 0, x = t;
    struct buf text BUF_CLEANUP;

    do {
        first = x < first ? x : first;
        x = next_left(dag, left, x);
        len++;
    } while (x != t);
    buf_init(&text, KiB(16));
    x = first;
    for (uint32_t i = 0; i < len && i < CYCLE_SHOWN; i++, x = next_left(dag, left, x)) {
        (void)buf_printf(&text, "%.80s -> ", dag->tasks[x].task_id);
    }
    if (len > CYCLE_SHOWN) {
        (void)buf_printf(&text, "... (%u tasks) -> ", len);
    }
    d->task_id = dag->tasks[first].task_id;
    doc_finding(d, dag->tasks[first].line, dag->tasks[first].col, "cycle: %s%.80s", buf_cstr(&text),
                d->task_id);
    d->task_id = NULL;
}

/* Follows the first downstream from each task that is left: every walk ends in a cycle, or in a
 * walk before. */
int graph_report_cycles(struct doc *d)
{
    uint32_t n = d->dag->tasks_len;
    MEM_CLEANUP uint8_t *left = mem_array(n, sizeof *left);
    MEM_CLEANUP uint32_t *walk = mem_array(n, sizeof *walk);

    if (left == NULL || walk == NULL || peel(d->dag, left) != 0) {
        return doc_nomem(d);
    }
    for (uint32_t t = 0; t < n; t++) {
        uint32_t x = t;

        if (!left[t] || walk[t] != 0) {
            continue;
        }
        while (walk[x] == 0) {
            walk[x] = t + 1;
            x = next_left(d->dag, left, x);
            assert(x != UINT32_MAX);
        }
        if (walk[x] == t + 1) {
            report(d, left, x);
        }
    }
    return 0;
}
