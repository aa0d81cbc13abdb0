/* Logs of parts, and how a cut takes one apart. */
#include <string.h>

#include "analysis/inductive_priv.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"

struct part *part_new(void)
{
    struct part *p = mem_zalloc(sizeof *p);

    if (p != NULL) {
        arena_init(&p->arena, LIMIT_ANALYSIS_BYTES);
        map_init(&p->index);
    }
    return p;
}

void part_free(struct part *p)
{
    if (p != NULL) {
        map_fini(&p->index);
        mem_free(p->traces);
        arena_fini(&p->arena);
        mem_free(p);
    }
}

int part_add(struct part *p, const uint32_t *acts, uint32_t len, uint64_t n)
{
    size_t bytes = len * sizeof *acts;
    struct map_entry *found = map_find_entry(&p->index, (const char *)acts, bytes);
    struct trace t = {.len = len, .n = n};
    uint32_t *copy;

    p->total += n;
    if (found != NULL) {
        p->traces[(uintptr_t)found->value - 1].n += n;
        return 0;
    }
    copy = arena_alloc(&p->arena, bytes + 1);
    if (copy == NULL) {
        return -ERR_NOMEM;
    }
    if (bytes > 0) {
        memcpy(copy, acts, bytes);
    }
    t.acts = copy;
    p->events += len;
    if (VEC_PUSH(p->traces, p->len, p->cap, t) != 0) {
        return -ERR_NOMEM;
    }
    return map_add(&p->index, (const char *)copy, bytes, (void *)(uintptr_t)p->len, NULL);
}

static uint32_t group_of(const struct graph *g, const struct cut *c, uint32_t act)
{
    return g->local[act] != GROUP_NONE ? c->of[g->local[act]] : GROUP_NONE;
}

/* The events of acts[from .. to - 1] that are of the group, in buf. */
static uint32_t of_group(const struct graph *g, const struct cut *c, const uint32_t *acts,
                         uint32_t from, uint32_t to, uint32_t group, uint32_t *buf)
{
    uint32_t n = 0;

    for (uint32_t i = from; i < to; i++) {
        if (group_of(g, c, acts[i]) == group) {
            buf[n++] = acts[i];
        }
    }
    return n;
}

/* The whole trace goes to the group that has most of it; of several the last. */
static int split_choice(const struct trace *t, const struct graph *g, const struct cut *c,
                        struct part **parts, uint32_t *buf, uint32_t *counts)
{
    uint32_t best = 0;

    memset(counts, 0, c->groups * sizeof *counts);
    for (uint32_t i = 0; i < t->len; i++) {
        uint32_t group = group_of(g, c, t->acts[i]);

        counts[group != GROUP_NONE ? group : 0] += group != GROUP_NONE;
    }
    for (uint32_t x = 0; x < c->groups; x++) {
        best = counts[x] >= counts[best] ? x : best;
    }
    return part_add(parts[best], buf, of_group(g, c, t->acts, 0, t->len, best, buf), t->n);
}

/* Where the group's part of the trace ends: with the fewest events on the wrong side. What belongs to earlier groups costs nothing. */
static uint32_t split_point(const struct trace *t, const struct graph *g, const struct cut *c,
                            uint32_t group, uint32_t from)
{
    int64_t cost = 0, least = 0;
    uint32_t at = from;

    for (uint32_t i = from; i < t->len; i++) {
        uint32_t x = group_of(g, c, t->acts[i]);

        cost += x == group ? -1 : x == GROUP_NONE || x > group ? 1 : 0;
        if (cost < least) {
            least = cost;
            at = i + 1;
        }
    }
    return at;
}

static int split_sequence(const struct trace *t, const struct graph *g, const struct cut *c,
                          struct part **parts, uint32_t *buf)
{
    uint32_t from = 0;
    int rc = 0;

    for (uint32_t x = 0; rc == 0 && x < c->groups; x++) {
        uint32_t to = split_point(t, g, c, x, from);

        rc = part_add(parts[x], buf, of_group(g, c, t->acts, from, to, x, buf), t->n);
        from = to;
    }
    return rc;
}

static int split_parallel(const struct trace *t, const struct graph *g, const struct cut *c,
                          struct part **parts, uint32_t *buf)
{
    int rc = 0;

    for (uint32_t x = 0; rc == 0 && x < c->groups; x++) {
        rc = part_add(parts[x], buf, of_group(g, c, t->acts, 0, t->len, x, buf), t->n);
    }
    return rc;
}

/* Alternating pieces of body and way back; a trace ends with a body, be it an empty one. */
static int split_loop(const struct trace *t, const struct graph *g, const struct cut *c,
                      struct part **parts)
{
    uint32_t from = 0;
    int rc = 0;

    for (uint32_t i = 0; rc == 0 && i < t->len; i++) {
        uint32_t x = group_of(g, c, t->acts[i]);

        if (i > from && group_of(g, c, t->acts[from]) != x) {
            uint32_t before = group_of(g, c, t->acts[from]);

            rc = before != GROUP_NONE ? part_add(parts[before], t->acts + from, i - from, t->n) : 0;
            from = i;
        }
    }
    if (rc == 0 && from < t->len && group_of(g, c, t->acts[from]) == 1) {
        rc = part_add(parts[1], t->acts + from, t->len - from, t->n);
        from = t->len;
    }
    if (rc == 0 && from < t->len && group_of(g, c, t->acts[from]) == GROUP_NONE) {
        from = t->len;
    }
    return rc != 0 ? rc : part_add(parts[0], t->acts + from, t->len - from, t->n);
}

int cut_split(const struct part *p, const struct graph *g, const struct cut *c, struct part **parts)
{
    MEM_CLEANUP uint32_t *counts = mem_array(c->groups + 1, sizeof *counts);
    MEM_CLEANUP uint32_t *buf = NULL;
    uint32_t longest = 0;
    int rc = counts != NULL ? 0 : -ERR_NOMEM;

    for (size_t i = 0; i < p->len; i++) {
        longest = p->traces[i].len > longest ? p->traces[i].len : longest;
    }
    buf = mem_array(longest + 1, sizeof *buf);
    rc = buf == NULL ? -ERR_NOMEM : rc;
    for (uint32_t x = 0; x < c->groups; x++) {
        parts[x] = part_new();
        rc = parts[x] == NULL ? -ERR_NOMEM : rc;
    }
    for (size_t i = 0; rc == 0 && i < p->len; i++) {
        const struct trace *t = &p->traces[i];

        rc = c->op == PTREE_CHOICE     ? split_choice(t, g, c, parts, buf, counts)
             : c->op == PTREE_SEQUENCE ? split_sequence(t, g, c, parts, buf)
             : c->op == PTREE_PARALLEL ? split_parallel(t, g, c, parts, buf)
                                       : split_loop(t, g, c, parts);
    }
    for (uint32_t x = 0; rc != 0 && x < c->groups; x++) {
        part_free(parts[x]);
        parts[x] = NULL;
    }
    return rc;
}
