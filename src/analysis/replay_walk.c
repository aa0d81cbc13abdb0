/* Silent steps: what enables what. */
#include <string.h>

#include "analysis/replay_priv.h"
#include "base/arena.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"

int walker_init(struct walker *w, const struct pnet *p, uint32_t activities, struct arena *a)
{
    size_t n = (size_t)p->transitions_len + p->places_len + 2;

    *w = (struct walker){.net = p,
                         .activities = activities,
                         .transition_of = arena_array(a, activities + 1, sizeof(uint32_t)),
                         .waits = arena_array(a, n, sizeof(uint32_t)),
                         .producer = arena_array(a, n, sizeof(uint32_t)),
                         .queue = arena_array(a, n, sizeof(uint32_t)),
                         .wanted = arena_array(a, n, sizeof(bool)),
                         .trial = arena_array(a, n, sizeof(tokens)),
                         .plan = arena_array(a, n + LIMIT_ANALYSIS_STATES, sizeof(uint32_t)),
                         .some.at = arena_array(a, n, sizeof(uint32_t))};
    if (w->transition_of == NULL || w->waits == NULL || w->producer == NULL || w->queue == NULL ||
        w->wanted == NULL || w->trial == NULL || w->plan == NULL || w->some.at == NULL) {
        return -ERR_NOMEM;
    }
    for (uint32_t i = 0; i < activities; i++) {
        w->transition_of[i] = UINT32_MAX;
    }
    for (uint32_t t = 0; t < p->transitions_len; t++) {
        if (p->transitions[t].activity != PNET_SILENT) {
            w->transition_of[p->transitions[t].activity] = t;
        }
    }
    return 0;
}

static bool all_marked(const tokens *m, const struct pnet_list *places)
{
    for (uint32_t i = 0; i < places->len; i++) {
        if (m[places->at[i]] == 0) {
            return false;
        }
    }
    return true;
}

bool walk_enabled(const struct walker *w, const tokens *m, uint32_t t)
{
    return all_marked(m, &w->net->transitions[t].in);
}

void walk_fire(const struct walker *w, tokens *m, uint32_t t)
{
    const struct pnet_transition *x = &w->net->transitions[t];

    for (uint32_t i = 0; i < x->in.len; i++) {
        m[x->in.at[i]]--;
    }
    for (uint32_t i = 0; i < x->out.len; i++) {
        m[x->out.at[i]] = (tokens)(m[x->out.at[i]] + (m[x->out.at[i]] < UINT16_MAX));
    }
}

static bool available(const struct walker *w, const struct pnet_list *places)
{
    for (uint32_t i = 0; i < places->len; i++) {
        if (w->producer[places->at[i]] == UINT32_MAX) {
            return false;
        }
    }
    return true;
}

/* Which places silent transitions can mark, and by which one first, as if tokens were not used up. Ends when `inputs` can all be (NULL: at
 * the end). */
static void spread(struct walker *w, const tokens *m, const struct pnet_list *inputs)
{
    const struct pnet *p = w->net;
    uint32_t len = 0;

    for (uint32_t t = 0; t < p->transitions_len; t++) {
        w->waits[t] = p->transitions[t].in.len;
    }
    for (uint32_t i = 0; i < p->places_len; i++) {
        w->producer[i] = m[i] > 0 ? PLACE_MARKED : UINT32_MAX;
        if (m[i] > 0) {
            w->queue[len++] = i;
        }
    }
    w->work += p->places_len + p->transitions_len;
    for (uint32_t at = 0; at < len && (inputs == NULL || !available(w, inputs)); at++) {
        const struct pnet_list *out = &p->places[w->queue[at]].out;

        w->work += out->len;
        for (uint32_t i = 0; i < out->len; i++) {
            uint32_t t = out->at[i];
            const struct pnet_list *made = &p->transitions[t].out;

            if (p->transitions[t].activity != PNET_SILENT || --w->waits[t] > 0) {
                continue;
            }
            for (uint32_t k = 0; k < made->len; k++) {
                if (w->producer[made->at[k]] == UINT32_MAX) {
                    w->producer[made->at[k]] = t;
                    w->queue[len++] = made->at[k];
                }
            }
        }
    }
}

/* Marks what is wanted for the inputs, from the end back. Uses the queue anew. */
static void want(struct walker *w, const struct pnet_list *inputs)
{
    const struct pnet *p = w->net;
    uint32_t len = 0;

    memset(w->wanted, 0, p->transitions_len * sizeof *w->wanted);
    for (uint32_t i = 0; i < inputs->len; i++) {
        uint32_t t = w->producer[inputs->at[i]];

        if (t != PLACE_MARKED && !w->wanted[t]) {
            w->wanted[t] = true;
            w->queue[len++] = t;
        }
    }
    for (uint32_t at = 0; at < len; at++) {
        const struct pnet_list *in = &p->transitions[w->queue[at]].in;

        for (uint32_t i = 0; i < in->len; i++) {
            uint32_t t = w->producer[in->at[i]];

            if (t != PLACE_MARKED && !w->wanted[t]) {
                w->wanted[t] = true;
                w->queue[len++] = t;
            }
        }
    }
    w->work += len;
    /* Those that are wanted, the last found first: fired while any can. */
    w->plan_len = 0;
    for (bool moved = true; moved;) {
        moved = false;
        for (uint32_t i = len; i-- > 0;) {
            uint32_t t = w->queue[i];

            if (w->wanted[t] && walk_enabled(w, w->trial, t)) {
                walk_fire(w, w->trial, t);
                w->wanted[t] = false;
                w->plan[w->plan_len++] = t;
                moved = true;
            }
        }
        w->work += len;
    }
}

/* ---- markings, one after the other ---- */

struct states {
    struct arena arena;
    struct map seen;
    const tokens **marking;
    uint32_t *from, *by; /* which state, by which transition */
    uint32_t len;
};

static int states_init(struct states *s)
{
    arena_init(&s->arena, LIMIT_ANALYSIS_BYTES);
    map_init(&s->seen);
    s->len = 0;
    s->marking = arena_array(&s->arena, LIMIT_ANALYSIS_STATES, sizeof(tokens *));
    s->from = arena_array(&s->arena, LIMIT_ANALYSIS_STATES, sizeof *s->from);
    s->by = arena_array(&s->arena, LIMIT_ANALYSIS_STATES, sizeof *s->by);
    return s->marking == NULL || s->from == NULL || s->by == NULL ? -ERR_NOMEM : 0;
}

static void states_fini(struct states *s)
{
    map_fini(&s->seen);
    arena_fini(&s->arena);
}

/* 1: it is new. */
static int add_state(struct states *s, const struct walker *w, const tokens *m, uint32_t from,
                     uint32_t by)
{
    size_t bytes = w->net->places_len * sizeof *m;
    tokens *copy;

    if (s->len == LIMIT_ANALYSIS_STATES ||
        map_find_entry(&s->seen, (const char *)m, bytes) != NULL) {
        return 0;
    }
    copy = arena_alloc(&s->arena, bytes);
    if (copy == NULL) {
        return -ERR_NOMEM;
    }
    memcpy(copy, m, bytes);
    s->marking[s->len] = copy;
    s->from[s->len] = from;
    s->by[s->len++] = by;
    return map_add(&s->seen, (const char *)copy, bytes, copy, NULL) == 0 ? 1 : -ERR_NOMEM;
}

/* The markings that follow the state by one silent transition. */
static int follow(struct states *s, struct walker *w, uint32_t at)
{
    int rc = 0;

    w->work += w->net->transitions_len;
    for (uint32_t t = 0; rc >= 0 && t < w->net->transitions_len; t++) {
        if (w->net->transitions[t].activity == PNET_SILENT && walk_enabled(w, s->marking[at], t)) {
            memcpy(w->trial, s->marking[at], w->net->places_len * sizeof *w->trial);
            walk_fire(w, w->trial, t);
            rc = add_state(s, w, w->trial, at, t);
        }
    }
    return rc < 0 ? rc : 0;
}

static void plan_to(const struct states *s, struct walker *w, uint32_t at)
{
    uint32_t n = 0;

    for (uint32_t x = at; x != 0; x = s->from[x]) {
        n++;
    }
    w->plan_len = n;
    for (uint32_t x = at; x != 0; x = s->from[x]) {
        w->plan[--n] = s->by[x];
    }
}

static int search(struct walker *w, const tokens *m, const struct pnet_list *inputs)
{
    struct states s;
    int rc = states_init(&s);

    rc = rc == 0 ? add_state(&s, w, m, 0, 0) : rc;
    rc = rc > 0 ? 0 : rc;
    for (uint32_t at = 0; rc == 0 && at < s.len; at++) {
        if (all_marked(s.marking[at], inputs)) {
            plan_to(&s, w, at);
            rc = 1;
            break;
        }
        rc = follow(&s, w, at);
    }
    states_fini(&s);
    return rc;
}

/* The inputs that can be marked, one by one at least: in w->some. */
static void reachable(struct walker *w, const struct pnet_list *inputs)
{
    w->some.len = 0;
    for (uint32_t i = 0; i < inputs->len; i++) {
        if (w->producer[inputs->at[i]] != UINT32_MAX) {
            w->some.at[w->some.len++] = inputs->at[i];
        }
    }
}

int walk_plan(struct walker *w, const tokens *m, const struct pnet_list *inputs)
{
    int rc = 0;

    w->plan_len = 0;
    if (all_marked(m, inputs)) {
        return 1;
    }
    spread(w, m, inputs);
    reachable(w, inputs);
    memcpy(w->trial, m, w->net->places_len * sizeof *m);
    want(w, &w->some);
    if (w->some.len == inputs->len && !all_marked(w->trial, inputs)) {
        rc = search(w, m, inputs);
        if (rc == 0) { /* the marking allows for a part only */
            memcpy(w->trial, m, w->net->places_len * sizeof *m);
            want(w, &w->some);
        }
        return rc;
    }
    return w->some.len == inputs->len;
}

/* The visible transitions that are enabled in a marking that silent ones lead to. */
static int search_visible(struct walker *w, const tokens *m, bool *ret)
{
    struct states s;
    int rc = states_init(&s);

    rc = rc == 0 ? add_state(&s, w, m, 0, 0) : rc;
    rc = rc > 0 ? 0 : rc;
    for (uint32_t at = 0; rc == 0 && at < s.len; at++) {
        for (uint32_t i = 0; i < w->activities; i++) {
            if (w->transition_of[i] != UINT32_MAX && !ret[i]) {
                ret[i] = walk_enabled(w, s.marking[at], w->transition_of[i]);
            }
        }
        w->work += w->activities;
        rc = follow(&s, w, at);
    }
    states_fini(&s);
    return rc;
}

int walk_visible(struct walker *w, const tokens *m, bool *ret)
{
    bool doubtful = false;

    spread(w, m, NULL);
    for (uint32_t i = 0; i < w->activities; i++) {
        ret[i] = w->transition_of[i] != UINT32_MAX &&
                 available(w, &w->net->transitions[w->transition_of[i]].in);
    }
    for (uint32_t i = 0; i < w->activities; i++) {
        if (ret[i] && !walk_enabled(w, m, w->transition_of[i])) {
            const struct pnet_list *in = &w->net->transitions[w->transition_of[i]].in;

            memcpy(w->trial, m, w->net->places_len * sizeof *m);
            want(w, in);
            ret[i] = all_marked(w->trial, in);
            doubtful = doubtful || !ret[i];
        }
    }
    return doubtful ? search_visible(w, m, ret) : 0;
}
