/*
 * A heap with four children per node: fewer levels and fewer cache misses than with two. The user
 * gives an order without equals (so that the result never depends on the history of the heap) and
 * is told where each entry went.
 */
#ifndef TW_SCHED_HEAP_H
#define TW_SCHED_HEAP_H

#include <stddef.h>

/*
 * HEAP_DEFINE(name, type, before, moved): before(a, b) is true when entry a comes before entry b;
 * moved(e, i) is told that entry e is at index i now. Defines name_up(h, i), name_down(h, n, i) and
 * name_fix(h, n, i) on arrays; the owner appends and truncates.
 */
#define HEAP_DEFINE(name, type, before, moved)                                           \
    static inline size_t name##_up(type *h, size_t i)                                    \
    {                                                                                    \
        type e = h[i];                                                                   \
                                                                                         \
        while (i > 0 && before(e, h[(i - 1) / 4])) {                                     \
            h[i] = h[(i - 1) / 4];                                                       \
            moved(h[i], i);                                                              \
            i = (i - 1) / 4;                                                             \
        }                                                                                \
        h[i] = e;                                                                        \
        moved(e, i);                                                                     \
        return i;                                                                        \
    }                                                                                    \
    static inline size_t name##_down(type *h, size_t n, size_t i)                        \
    {                                                                                    \
        type e = h[i];                                                                   \
                                                                                         \
        for (;;) {                                                                       \
            size_t first = 4 * i + 1, best = first, end = first + 4 < n ? first + 4 : n; \
                                                                                         \
            if (first >= n) {                                                            \
                break;                                                                   \
            }                                                                            \
            for (size_t c = first + 1; c < end; c++) {                                   \
                best = before(h[c], h[best]) ? c : best;                                 \
            }                                                                            \
            if (!before(h[best], e)) {                                                   \
                break;                                                                   \
            }                                                                            \
            h[i] = h[best];                                                              \
            moved(h[i], i);                                                              \
            i = best;                                                                    \
        }                                                                                \
        h[i] = e;                                                                        \
        moved(e, i);                                                                     \
        return i;                                                                        \
    }                                                                                    \
    static inline __attribute__((unused)) void name##_fix(type *h, size_t n, size_t i)   \
    {                                                                                    \
        name##_down(h, n, name##_up(h, i));                                              \
    }

#endif
