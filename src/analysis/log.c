/* The log: names to numbers, events to executions, cases to variants. */
#include "analysis/log.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/time.h"

void plog_init(struct plog *l)
{
    *l = (struct plog){0};
    arena_init(&l->arena, LIMIT_ANALYSIS_BYTES);
    map_init(&l->by_activity);
    map_init(&l->by_case);
    map_init(&l->by_instance);
}

void plog_fini(struct plog *l)
{
    map_fini(&l->by_activity);
    map_fini(&l->by_case);
    map_fini(&l->by_instance);
    mem_free(l->activities);
    mem_free(l->cases);
    mem_free(l->events);
    mem_free(l->steps);
    arena_fini(&l->arena);
    *l = (struct plog){0};
}

static int no_memory(struct err *e)
{
    return err_set(e, ERR_NOMEM, "out of memory for an event log");
}

/* The number of a text, plus one, is what the map keeps. */
static int intern(struct plog *l, struct map *m, const char *s, size_t n, const char **ret_text,
                  uint32_t *ret)
{
    struct map_entry *found = map_find_entry(m, s, n);
    char *copy;

    *ret_text = NULL;
    if (found != NULL) {
        *ret = (uint32_t)((uintptr_t)found->value - 1);
        return 0;
    }
    copy = arena_strndup(&l->arena, s, n);
    *ret = (uint32_t)m->len;
    *ret_text = copy;
    return copy == NULL ? -ERR_NOMEM : map_add(m, copy, n, (void *)((uintptr_t)*ret + 1), NULL);
}

int plog_activity(struct plog *l, const char *name, size_t n, uint32_t *ret, struct err *e)
{
    const char *copy;

    if (n > LIMIT_ANALYSIS_NAME) {
        n = LIMIT_ANALYSIS_NAME;
    }
    if (intern(l, &l->by_activity, name, n, &copy, ret) != 0) {
        return no_memory(e);
    }
    if (copy == NULL) {
        return 0;
    }
    if (l->activities_len >= LIMIT_ANALYSIS_ACTIVITIES) {
        return err_set(e, ERR_LIMIT, "an event log has at most %d different activities",
                       LIMIT_ANALYSIS_ACTIVITIES);
    }
    return VEC_PUSH(l->activities, l->activities_len, l->activities_cap, copy) == 0 ? 0
                                                                                    : no_memory(e);
}

int plog_case(struct plog *l, const char *id, size_t n, uint32_t *ret, struct err *e)
{
    struct plog_case c = {.start_us = TIME_NONE, .end_us = TIME_NONE};

    if (intern(l, &l->by_case, id, n, &c.id, ret) != 0) {
        return no_memory(e);
    }
    if (c.id == NULL) {
        return 0;
    }
    if (l->cases_len >= LIMIT_ANALYSIS_CASES) {
        return err_set(e, ERR_LIMIT, "an event log has at most %d cases", LIMIT_ANALYSIS_CASES);
    }
    return VEC_PUSH(l->cases, l->cases_len, l->cases_cap, c) == 0 ? 0 : no_memory(e);
}

int plog_set_version(struct plog *l, uint32_t case_index, const char *version, struct err *e)
{
    l->cases[case_index].version = arena_strdup(&l->arena, version);
    return l->cases[case_index].version != NULL ? 0 : no_memory(e);
}

int plog_event(struct plog *l, uint32_t case_index, uint32_t activity, enum plog_transition t,
               int64_t at_us, const char *instance, struct err *e)
{
    struct plog_event v = {.case_index = case_index,
                           .activity = activity,
                           .transition = (uint8_t)t,
                           .at_us = at_us,
                           .instance = UINT32_MAX,
                           .order = (uint32_t)l->events_len};
    const char *copy;

    if (l->events_len >= LIMIT_ANALYSIS_EVENTS) {
        return err_set(e, ERR_LIMIT, "an event log has at most %d events: ask for a shorter time",
                       LIMIT_ANALYSIS_EVENTS);
    }
    if (instance != NULL && instance[0] != '\0' &&
        intern(l, &l->by_instance, instance, strlen(instance), &copy, &v.instance) != 0) {
        return no_memory(e);
    }
    return VEC_PUSH(l->events, l->events_len, l->events_cap, v) == 0 ? 0 : no_memory(e);
}

enum plog_transition plog_transition_from_string(const char *s, size_t n)
{
    static const struct {
        const char *word;
        enum plog_transition t;
    } words[] = {
        {"complete", PLOG_COMPLETE}, {"ate_abort", PLOG_ABORT},   {"pi_abort", PLOG_ABORT},
        {"start", PLOG_START},       {"schedule", PLOG_SCHEDULE}, {"autoskip", PLOG_SKIP},
        {"manualskip", PLOG_SKIP},
    };

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strlen(words[i].word) == n && strncasecmp(words[i].word, s, n) == 0) {
            return words[i].t;
        }
    }
    return PLOG_OTHER;
}

/* ---- events to executions ---- */

static int by_case_and_time(const void *x, const void *y)
{
    const struct plog_event *a = x, *b = y;

    if (a->case_index != b->case_index) {
        return a->case_index < b->case_index ? -1 : 1;
    }
    if (a->at_us != b->at_us) {
        return a->at_us < b->at_us ? -1 : 1;
    }
    return a->order < b->order ? -1 : a->order > b->order;
}

/* An event without a time takes that of the one before it in its case, so that it stays where it was read. */
static void fill_times(struct plog *l, int64_t *last_of_case)
{
    for (size_t i = 0; i < l->cases_len; i++) {
        last_of_case[i] = TIME_NONE;
    }
    for (size_t i = 0; i < l->events_len; i++) {
        struct plog_event *v = &l->events[i];

        l->timed = l->timed && v->at_us != TIME_NONE;
        v->at_us = v->at_us == TIME_NONE ? last_of_case[v->case_index] : v->at_us;
        last_of_case[v->case_index] = v->at_us;
    }
}

/*
 * Takes the oldest start, or schedule, of the same activity and instance that nothing took. Those of one case and activity are linked
 * in order: the search begins at the first that is open.
 */
static int64_t take(struct plog_event *first, const struct plog_event *end, enum plog_transition t)
{
    for (struct plog_event *v = first; v < end; v++) {
        if (v->transition == (uint8_t)t && v->activity == end->activity &&
            v->instance == end->instance) {
            v->transition = PLOG_OTHER;
            return v->at_us;
        }
    }
    return TIME_NONE;
}

static bool is_end(const struct plog_event *v, bool all)
{
    return all || v->transition == PLOG_COMPLETE || v->transition == PLOG_ABORT;
}

/* The steps of one case: events[from] .. events[to - 1]. */
static void add_steps(struct plog *l, size_t from, size_t to, bool all)
{
    struct plog_case *c = &l->cases[l->events[from].case_index];
    size_t open = from;

    c->first = l->steps_len;
    for (size_t i = from; i < to; i++) {
        const struct plog_event *v = &l->events[i];
        struct plog_step *s = &l->steps[l->steps_len];

        if (!is_end(v, all)) {
            l->ignored += v->transition == PLOG_OTHER || v->transition == PLOG_SKIP;
            continue;
        }
        while (open < i && l->events[open].transition != PLOG_START &&
               l->events[open].transition != PLOG_SCHEDULE) {
            open++;
        }
        *s = (struct plog_step){.activity = v->activity,
                                .aborted = v->transition == PLOG_ABORT,
                                .ready_us =
                                    all ? TIME_NONE : take(&l->events[open], v, PLOG_SCHEDULE),
                                .start_us = all ? TIME_NONE : take(&l->events[open], v, PLOG_START),
                                .end_us = v->at_us};
        l->steps_len++;
        if (s->end_us != TIME_NONE) {
            int64_t began = s->start_us != TIME_NONE ? s->start_us : s->end_us;

            c->start_us = c->start_us == TIME_NONE || began < c->start_us ? began : c->start_us;
            c->end_us = s->end_us;
        }
    }
    c->len = l->steps_len - c->first;
}

int plog_finish(struct plog *l, struct err *e)
{
    MEM_CLEANUP int64_t *last = mem_array(l->cases_len + 1, sizeof *last);
    bool all = true;

    l->steps = mem_array(l->events_len + 1, sizeof *l->steps);
    if (last == NULL || l->steps == NULL) {
        return no_memory(e);
    }
    l->timed = l->events_len > 0;
    fill_times(l, last);
    if (l->events_len > 0) {
        qsort(l->events, l->events_len, sizeof *l->events, by_case_and_time);
    }
    for (size_t i = 0; i < l->events_len; i++) {
        all = all && !is_end(&l->events[i], false);
    }
    for (size_t i = 0, end; i < l->events_len; i = end) {
        for (end = i;
             end < l->events_len && l->events[end].case_index == l->events[i].case_index;) {
            end++;
        }
        add_steps(l, i, end, all);
        if (l->cases[l->events[i].case_index].len > LIMIT_ANALYSIS_TRACE) {
            return err_set(e, ERR_LIMIT, "case '%s' has more than %d events",
                           l->cases[l->events[i].case_index].id, LIMIT_ANALYSIS_TRACE);
        }
    }
    mem_free(l->events);
    l->events = NULL;
    l->events_len = l->events_cap = 0;
    return 0;
}

/* ---- variants ---- */

struct row {
    struct variant v;
    size_t case_of;
    const char *const *names;
};

static int by_number(const void *x, const void *y)
{
    const struct row *a = x, *b = y;

    if (a->v.n != b->v.n) {
        return a->v.n > b->v.n ? -1 : 1;
    }
    for (uint32_t i = 0; i < a->v.len && i < b->v.len; i++) {
        if (a->v.acts[i] != b->v.acts[i]) {
            return strcmp(a->names[a->v.acts[i]], b->names[b->v.acts[i]]);
        }
    }
    return a->v.len < b->v.len ? -1 : a->v.len > b->v.len;
}

static int collect(const struct plog *l, const bool *keep, const uint32_t *acts, struct map *m,
                   struct arena *a, struct row **rows, uint32_t *of, struct err *e)
{
    size_t cap = 0, len = 0;

    for (size_t i = 0; i < l->cases_len; i++) {
        const struct plog_case *c = &l->cases[i];
        const char *key = (const char *)(acts + c->first);
        struct map_entry *found;

        of[i] = UINT32_MAX;
        if (keep != NULL && !keep[i]) {
            continue;
        }
        found = map_find_entry(m, key, c->len * sizeof *acts);
        if (found == NULL) {
            struct row r = {.v = {.acts = acts + c->first, .len = (uint32_t)c->len},
                            .case_of = i,
                            .names = l->activities};

            if (len >= LIMIT_ANALYSIS_VARIANTS) {
                return err_set(e, ERR_LIMIT,
                               "the log has more than %d different traces: ask for a shorter time",
                               LIMIT_ANALYSIS_VARIANTS);
            }
            if (VEC_PUSH(*rows, len, cap, r) != 0 ||
                map_add(m, key, c->len * sizeof *acts, (void *)(uintptr_t)len, NULL) != 0) {
                return no_memory(e);
            }
            found = &m->entries[m->len - 1];
        }
        of[i] = (uint32_t)((uintptr_t)found->value - 1);
        (*rows)[of[i]].v.n++;
    }
    (void)a;
    return 0;
}

int variants_build(const struct plog *l, const bool *keep, struct arena *a, struct variants *ret,
                   struct err *e)
{
    uint32_t *acts = arena_array(a, l->steps_len + 1, sizeof *acts);
    MEM_CLEANUP uint32_t *place = NULL;
    MEM_CLEANUP struct row *rows = NULL;
    struct map m;
    int rc;

    map_init(&m);
    *ret = (struct variants){.of = arena_array(a, l->cases_len + 1, sizeof *ret->of)};
    if (acts == NULL || ret->of == NULL) {
        return no_memory(e);
    }
    for (size_t i = 0; i < l->steps_len; i++) {
        acts[i] = l->steps[i].activity;
    }
    rc = collect(l, keep, acts, &m, a, &rows, ret->of, e);
    ret->len = m.len;
    map_fini(&m);
    ret->v = arena_array(a, ret->len + 1, sizeof *ret->v);
    ret->case_of = arena_array(a, ret->len + 1, sizeof *ret->case_of);
    place = mem_array(ret->len + 1, sizeof *place);
    if (rc == 0 && (ret->v == NULL || ret->case_of == NULL || place == NULL)) {
        rc = no_memory(e);
    }
    if (rc != 0 || ret->len == 0) {
        return rc;
    }
    /* The place after sorting, by the first case, which is one of a kind. */
    qsort(rows, ret->len, sizeof *rows, by_number);
    for (size_t i = 0; i < ret->len; i++) {
        place[ret->of[rows[i].case_of]] = (uint32_t)i;
        ret->v[i] = rows[i].v;
        ret->case_of[i] = rows[i].case_of;
    }
    for (size_t i = 0; i < l->cases_len; i++) {
        ret->of[i] = ret->of[i] != UINT32_MAX ? place[ret->of[i]] : UINT32_MAX;
    }
    return 0;
}
