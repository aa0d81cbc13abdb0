#include "shapes.h"

#include "base/mem.h"
#include "dag_builder.h"

const char *const shape_names[SHAPES] = {"wide", "chain", "layered", "fan-in"};

/* Upstreams of task t, ascending; how many. */
static uint32_t ups(enum shape shape, uint32_t n, uint32_t t, uint32_t *ret)
{
    uint32_t width = 100, base;

    switch (shape) {
    case CHAIN:
        ret[0] = t - 1;
        return t > 0;
    case LAYERED:
        if (t < width) {
            return 0;
        }
        base = (t / width - 1) * width;
        for (uint32_t i = 0; i < 3; i++) {
            ret[i] = base + (t % width + i * 31) % width;
        }
        for (uint32_t i = 0; i < 2; i++) { /* sort three */
            for (uint32_t k = 0; k < 2; k++) {
                if (ret[k] > ret[k + 1]) {
                    uint32_t x = ret[k];

                    ret[k] = ret[k + 1];
                    ret[k + 1] = x;
                }
            }
        }
        return 3;
    case FAN_IN: /* each of the last ten waits for all others */
        if (t + 10 < n) {
            return 0;
        }
        for (uint32_t i = 0; i + 10 < n; i++) {
            ret[i] = i;
        }
        return n - 10;
    default:
        return 0;
    }
}

struct dag *shape_dag(enum shape shape, uint32_t n, bool instant)
{
    struct dag *d = test_dag_new(shape_names[shape], n);
    uint32_t *off = mem_array(n + 1, sizeof *off), *one = mem_array(n + 3, sizeof *one), *up;
    size_t total = 0;

    for (uint32_t t = 0; t < n; t++) {
        total += ups(shape, n, t, one);
    }
    up = mem_array(total, sizeof *up);
    total = 0;
    for (uint32_t t = 0; t < n; t++) {
        off[t] = (uint32_t)total;
        total += ups(shape, n, t, up + total);
        d->tasks[t].instant = instant;
        d->tasks[t].weight_rule = WEIGHT_ABSOLUTE;
    }
    off[n] = (uint32_t)total;
    d->max_active_tasks = 0;
    test_dag_link(d, off, up);
    mem_free(off);
    mem_free(one);
    mem_free(up);
    return d;
}
