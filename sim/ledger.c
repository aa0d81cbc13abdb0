#include "ledger.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/mem.h"
#include "model/dag.h"
#include "oracle.h"
#include "store/store.h"

struct line { /* an instance */
    struct ti_row row;
    bool written;
};

struct book { /* a run: its tasks by index, then instances of mapped ones */
    int64_t run_key;
    uint8_t state;
    struct line *lines;
    size_t len, cap;
};

struct ledger {
    const struct dag *d;
    void (*violated)(void *arg, const char *text);
    void *arg;
    struct book *books;
    size_t len, cap;
    uint8_t *states; /* by task, for the oracle */
    struct oracle_map *maps;
};

static void *must(void *p)
{
    if (p == NULL) {
        abort();
    }
    return p;
}

static void violated(struct ledger *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void violated(struct ledger *l, const char *fmt, ...)
{
    char text[512];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    l->violated(l->arg, text);
}

struct ledger *ledger_new(const struct dag *d, void (*fn)(void *arg, const char *text), void *arg)
{
    struct ledger *l = must(mem_zalloc(sizeof *l));

    l->d = d;
    l->violated = fn;
    l->arg = arg;
    l->states = must(mem_array(d->tasks_len + 1, sizeof *l->states));
    l->maps = must(mem_array(d->tasks_len + 1, sizeof *l->maps));
    return l;
}

void ledger_free(struct ledger *l)
{
    for (size_t i = 0; i < l->len; i++) {
        mem_free(l->books[i].lines);
    }
    mem_free(l->books);
    mem_free(l->states);
    mem_free(l->maps);
    mem_free(l);
}

static struct book *find_book(struct ledger *l, int64_t run_key)
{
    for (size_t i = l->len; i-- > 0;) {
        if (l->books[i].run_key == run_key) {
            return &l->books[i];
        }
    }
    return NULL;
}

static void put_run(struct ledger *l, const struct run_row *row)
{
    struct book *k = find_book(l, row->run_key), fresh = {.run_key = row->run_key};

    if (k == NULL) {
        fresh.len = fresh.cap = l->d->tasks_len;
        fresh.lines = must(mem_array(fresh.cap + 1, sizeof *fresh.lines));
        for (uint32_t t = 0; t < l->d->tasks_len; t++) {
            fresh.lines[t].row.key = (struct ti_key){row->run_key, t, -1};
        }
        if (VEC_PUSH(l->books, l->len, l->cap, fresh) != 0) {
            abort();
        }
        k = &l->books[l->len - 1];
    }
    k->state = row->state;
}

static struct line *find_line(struct book *k, const struct ti_key *key, uint32_t tasks)
{
    struct line fresh = {.row.key = *key};

    if (key->map_index < 0) {
        return &k->lines[key->task];
    }
    for (size_t i = tasks; i < k->len; i++) {
        if (k->lines[i].row.key.task == key->task &&
            k->lines[i].row.key.map_index == key->map_index) {
            return &k->lines[i];
        }
    }
    if (VEC_PUSH(k->lines, k->len, k->cap, fresh) != 0) {
        abort();
    }
    return &k->lines[k->len - 1];
}

/* Neither the task nor one that it looks at is mapped: the rest is judged at level 1. */
static bool is_plain(const struct dag *d, uint32_t t)
{
    bool plain = true;

    for (uint32_t i = 0; i < d->tasks_len; i++) {
        plain = plain && !d->tasks[i].mapped;
    }
    (void)t;
    return plain;
}

static void check_rule(struct ledger *l, const struct book *k, const struct transition_row *t)
{
    struct oracle_run r = {.dag = l->d, .states = l->states, .maps = l->maps};

    if (t->from != TASK_NONE || t->to != TASK_SCHEDULED || !is_plain(l->d, t->key.task)) {
        return;
    }
    for (uint32_t i = 0; i < l->d->tasks_len; i++) {
        l->states[i] = k->lines[i].row.state;
    }
    if (oracle_verdict(&r, t->key.task, -1) != ORACLE_RUN) {
        violated(l, "S4: task %u is scheduled, its rule says %s", t->key.task,
                 oracle_verdict_to_string(oracle_verdict(&r, t->key.task, -1)));
    }
}

static void put_transition(struct ledger *l, const struct transition_row *t)
{
    struct book *k = find_book(l, t->key.run_key);
    struct line *line = k != NULL ? find_line(k, &t->key, l->d->tasks_len) : NULL;

    if (line == NULL) {
        violated(l, "S10: a transition of run %lld, which is not there", (long long)t->key.run_key);
        return;
    }
    if (line->row.state != t->from || !oracle_edge(t->from, t->to)) {
        violated(l, "S2: task %u[%d] is %s, and goes from %s to %s", t->key.task, t->key.map_index,
                 task_state_to_string(line->row.state), task_state_to_string(t->from),
                 task_state_to_string(t->to));
    }
    check_rule(l, k, t);
    line->row.state = t->to;
}

static bool is_live(uint8_t s)
{
    return s == TASK_QUEUED || s == TASK_RUNNING || s == TASK_RESTARTING;
}

static void put_ti(struct ledger *l, const struct ti_row *ti, bool last)
{
    struct book *k = find_book(l, ti->key.run_key);
    struct line *line = k != NULL ? find_line(k, &ti->key, l->d->tasks_len) : NULL;

    if (line == NULL) {
        violated(l, "S10: a row of run %lld, which is not there", (long long)ti->key.run_key);
        return;
    }
    if (last && line->row.state != ti->state) {
        violated(l, "S10: task %u[%d]: the history says %s, the row %s", ti->key.task,
                 ti->key.map_index, task_state_to_string(line->row.state),
                 task_state_to_string(ti->state));
    }
    if (line->written && ti->try_number < line->row.try_number) {
        violated(l, "S1: task %u[%d]: try %u after %u", ti->key.task, ti->key.map_index,
                 ti->try_number, line->row.try_number);
    }
    line->row = *ti;
    line->row.reason = NULL;
    line->written = true;
}

static void check_book(struct ledger *l, const struct book *k)
{
    int32_t live = 0;

    for (size_t i = 0; i < k->len; i++) {
        const struct ti_row *row = &k->lines[i].row;
        int32_t len = k->lines[row->key.task].row.map_len;
        bool counts = row->key.map_index < 0 ? len == 0 : row->key.map_index < len;

        live += is_live(row->state);
        if (run_state_finished(k->state) && counts && !task_state_finished(row->state)) {
            violated(l, "S3: run %lld has ended, task %u[%d] is %s", (long long)k->run_key,
                     row->key.task, row->key.map_index, task_state_to_string(row->state));
        }
    }
    if (l->d->max_active_tasks > 0 && live > l->d->max_active_tasks) {
        violated(l, "S5: run %lld: %d live, max_active_tasks %d", (long long)k->run_key, live,
                 l->d->max_active_tasks);
    }
}

/* Whether a later row of the batch says what became of the instance. */
static bool is_last(const struct store_batch *b, size_t i)
{
    for (size_t j = i + 1; j < b->tis_len; j++) {
        if (b->tis[j].key.run_key == b->tis[i].key.run_key &&
            b->tis[j].key.task == b->tis[i].key.task &&
            b->tis[j].key.map_index == b->tis[i].key.map_index) {
            return false;
        }
    }
    return true;
}

void ledger_batch(struct ledger *l, const struct store_batch *b)
{
    for (size_t i = 0; i < b->runs_len; i++) {
        put_run(l, &b->runs[i]);
    }
    for (size_t i = 0; i < b->transitions_len; i++) {
        put_transition(l, &b->transitions[i]);
    }
    for (size_t i = 0; i < b->tis_len; i++) {
        put_ti(l, &b->tis[i], is_last(b, i));
    }
    for (size_t i = 0; i < l->len; i++) {
        check_book(l, &l->books[i]);
    }
}
