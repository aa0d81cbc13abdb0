/* DAGs for figures: each task of `layered` has three upstreams, in layers of a hundred. */
#ifndef TW_BENCH_SHAPES_H
#define TW_BENCH_SHAPES_H

#include <stdbool.h>
#include <stdint.h>

struct dag;

enum shape { WIDE, CHAIN, LAYERED, FAN_IN, SHAPES };
extern const char *const shape_names[SHAPES];

/* One reference, the caller's; no limits of its own. Ends the program when out of memory. */
struct dag *shape_dag(enum shape shape, uint32_t n, bool instant);

#endif
