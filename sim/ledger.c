#include "ledger.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/time.h"
#include "ledger_priv.h"
#include "model/dag.h"
#include "store/store.h"

static void *must(void *p)
{
    if (p == NULL) {
        abort();
    }
    return p;
}

#define PUSH(list, item)                                         \
    do {                                                         \
        if (VEC_PUSH(list, list##_len, list##_cap, item) != 0) { \
            abort();                                             \
        }                                                        \
    } while (0)

void ledger_violated(struct ledger *l, const char *fmt, ...)
{
    char text[512];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    l->c.violated(l->c.arg, text);
}

struct ledger *ledger_new(const struct ledger_config *c)
{
    struct ledger *l = must(mem_zalloc(sizeof *l));

    l->c = *c;
    return l;
}

void ledger_free(struct ledger *l)
{
    for (size_t i = 0; i < l->len; i++) {
        mem_free(l->books[i].lines);
        mem_free(l->books[i].run_id);
    }
    for (size_t i = 0; i < l->pools_len; i++) {
        mem_free(l->pools[i].name);
    }
    mem_free(l->books);
    mem_free(l->tokens);
    mem_free(l->pools);
    mem_free(l->backfills);
    mem_free(l->paused);
    mem_free(l->states);
    mem_free(l->maps);
    mem_free(l);
}

void ledger_pool(struct ledger *l, const char *name, int64_t slots)
{
    struct ledger_pool fresh = {.slots = slots};

    for (size_t i = 0; i < l->pools_len; i++) {
        if (strcmp(l->pools[i].name, name) == 0) {
            l->pools[i].slots = slots;
            return;
        }
    }
    fresh.name = must(mem_strdup(name));
    PUSH(l->pools, fresh);
}

static struct book *find_book(const struct ledger *l, int64_t run_key)
{
    for (size_t i = l->len; i-- > 0;) {
        if (l->books[i].row.run_key == run_key) {
            return &l->books[i];
        }
    }
    return NULL;
}

/* ---- runs ---- */

/* S7. By date: of runs of the schedule and of backfills; whoever starts one by hand may take any date that is free. */
static void check_new_run(struct ledger *l, const struct run_row *row, int64_t wall_us)
{
    for (size_t i = 0; i < l->len; i++) {
        const struct book *k = &l->books[i];

        if (k->row.dag_key != row->dag_key) {
            continue;
        }
        if (strcmp(k->run_id, row->run_id) == 0) {
            ledger_violated(l, "S7: DAG %lld has two runs %s", (long long)row->dag_key,
                            row->run_id);
        }
        if (row->logical_date_us != TIME_NONE && k->row.logical_date_us == row->logical_date_us) {
            ledger_violated(l, "S7: DAG %lld has two runs of one date: %s and %s",
                            (long long)row->dag_key, k->run_id, row->run_id);
        }
    }
    if (row->type == RUN_TYPE_SCHEDULED && row->run_after_us > wall_us) {
        ledger_violated(l, "S7: run %s is made %lld us early", row->run_id,
                        (long long)(row->run_after_us - wall_us));
    }
}

static struct book *add_book(struct ledger *l, const struct run_row *row)
{
    const struct dag *d = l->c.dag(l->c.arg, row->dag_key);
    struct book fresh = {.dag = d, .run_id = must(mem_strdup(row->run_id))};

    fresh.len = fresh.cap = d->tasks_len;
    fresh.lines = must(mem_array(fresh.cap + 1, sizeof *fresh.lines));
    for (uint32_t t = 0; t < d->tasks_len; t++) {
        fresh.lines[t].row.key = (struct ti_key){row->run_key, t, -1};
    }
    if (VEC_PUSH(l->books, l->len, l->cap, fresh) != 0) {
        abort();
    }
    if (d->tasks_len + 1 > l->states_cap) {
        mem_free(l->states);
        mem_free(l->maps);
        l->states_cap = d->tasks_len + 1;
        l->states = must(mem_array(l->states_cap, sizeof *l->states));
        l->maps = must(mem_array(l->states_cap, sizeof *l->maps));
    }
    return &l->books[l->len - 1];
}

static void put_run(struct ledger *l, const struct run_row *row, int64_t wall_us)
{
    struct book *k = find_book(l, row->run_key);

    if (k == NULL) {
        check_new_run(l, row, wall_us);
        k = add_book(l, row);
    }
    k->started = k->started || (row->state == RUN_RUNNING && k->row.state != RUN_RUNNING);
    k->has_reason = row->reason != NULL;
    k->row = *row;
    k->row.run_id = k->row.reason = k->row.conf = k->row.partition_key = NULL;
    k->row.triggering_user = NULL;
}

/* ---- transitions ---- */

static struct line *find_line(struct book *k, const struct ti_key *key)
{
    struct line fresh = {.row.key = *key};

    if (key->map_index < 0) {
        return &k->lines[key->task];
    }
    for (size_t i = k->dag->tasks_len; i < k->len; i++) {
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

bool ledger_is_plain(const struct dag *d)
{
    bool plain = true;

    for (uint32_t i = 0; i < d->tasks_len; i++) {
        const struct task *t = &d->tasks[i];

        plain = plain && !t->mapped && !t->depends_on_past && !t->wait_for_downstream;
    }
    return plain;
}

struct oracle_run ledger_oracle(struct ledger *l, const struct book *k)
{
    for (uint32_t i = 0; i < k->dag->tasks_len; i++) {
        l->states[i] = k->lines[i].row.state;
    }
    return (struct oracle_run){.dag = k->dag, .states = l->states, .maps = l->maps};
}

static void check_rule(struct ledger *l, const struct book *k, const struct transition_row *t)
{
    struct oracle_run r;
    enum oracle_verdict v;

    if (t->from != TASK_NONE || t->to != TASK_SCHEDULED || !ledger_is_plain(k->dag)) {
        return;
    }
    r = ledger_oracle(l, k);
    v = oracle_verdict(&r, t->key.task, -1);
    if (v != ORACLE_RUN) {
        ledger_violated(l, "S4: run %s: task %u is scheduled, its rule says %s", k->run_id,
                        t->key.task, oracle_verdict_to_string(v));
    }
}

static bool was_at_work(uint8_t s)
{
    return s == TASK_QUEUED || s == TASK_RUNNING || s == TASK_DEFERRED;
}

/* The worker says so of a process that failed by itself: what follows depends on nothing but the tries that are left. */
static bool failed_by_itself(const struct transition_row *t)
{
    return t->reason != NULL &&
           (strcmp(t->reason, "simulated") == 0 || strcmp(t->reason, "exit not seen") == 0);
}

static void check_end(struct ledger *l, const struct book *k, struct line *line,
                      const struct transition_row *t)
{
    if (!was_at_work(t->from) || (t->to != TASK_UP_FOR_RETRY && !task_state_finished(t->to))) {
        return;
    }
    if (t->try_number != 0 && t->try_number == line->ended_try) {
        ledger_violated(l, "S8: run %s task %u[%d]: try %u ends again", k->run_id, t->key.task,
                        t->key.map_index, t->try_number);
    }
    line->ended_try = t->try_number;
    if (t->to == TASK_UP_FOR_RETRY && t->try_number > line->row.max_tries && line->written) {
        ledger_violated(l, "S6: run %s task %u[%d]: another try after try %u, %u allowed",
                        k->run_id, t->key.task, t->key.map_index, t->try_number,
                        line->row.max_tries + 1u);
    }
    if (t->to == TASK_FAILED && failed_by_itself(t) && line->written && !k->has_reason &&
        k->dag->tasks[t->key.task].retries > 0 && t->try_number <= line->row.max_tries) {
        ledger_violated(l, "S6: run %s task %u[%d]: no try after try %u, %u allowed", k->run_id,
                        t->key.task, t->key.map_index, t->try_number, line->row.max_tries + 1u);
    }
}

static void put_transition(struct ledger *l, const struct transition_row *t)
{
    struct book *k = find_book(l, t->key.run_key);
    struct line *line = k != NULL ? find_line(k, &t->key) : NULL;

    if (line == NULL) {
        ledger_violated(l, "S10: a transition of run %lld, which is not there",
                        (long long)t->key.run_key);
        return;
    }
    if (line->row.state != t->from || !oracle_edge(t->from, t->to)) {
        ledger_violated(l, "S2: run %s task %u[%d] is %s, and goes from %s to %s", k->run_id,
                        t->key.task, t->key.map_index, task_state_to_string(line->row.state),
                        task_state_to_string(t->from), task_state_to_string(t->to));
    }
    if (line->waits_retry && t->to == TASK_SCHEDULED && t->at_us < line->row.next_us) {
        ledger_violated(l, "S6: run %s task %u[%d]: the try after %u comes %lld us early",
                        k->run_id, t->key.task, t->key.map_index, line->row.try_number,
                        (long long)(line->row.next_us - t->at_us));
    }
    line->waits_retry = false;
    check_rule(l, k, t);
    check_end(l, k, line, t);
    line->row.state = t->to;
}

/* ---- rows ---- */

static struct token *find_token(struct ledger *l, const struct uuid *id)
{
    for (size_t i = l->tokens_len; i-- > 0;) {
        if (uuid_cmp(&l->tokens[i].id, id) == 0) {
            return &l->tokens[i];
        }
    }
    return NULL;
}

/* An instance has this token from now on, in place of what it had. */
static void put_token(struct ledger *l, const struct book *k, const struct line *line,
                      const struct ti_row *ti)
{
    struct token *old =
        !uuid_is_zero(&line->row.attempt) ? find_token(l, &line->row.attempt) : NULL;
    struct token *t, fresh = {.id = ti->attempt, .key = ti->key};

    if (old != NULL && uuid_cmp(&old->id, &ti->attempt) != 0) {
        old->ended = true;
    }
    if (uuid_is_zero(&ti->attempt)) {
        return;
    }
    t = find_token(l, &ti->attempt);
    if (t == NULL) {
        PUSH(l->tokens, fresh);
    } else if (t->key.run_key != ti->key.run_key || t->key.task != ti->key.task ||
               t->key.map_index != ti->key.map_index) {
        ledger_violated(l, "S1: run %s task %u[%d] has the token of another instance", k->run_id,
                        ti->key.task, ti->key.map_index);
    } else if (t->ended) {
        ledger_violated(l, "S8: run %s task %u[%d]: an attempt that has ended is live again",
                        k->run_id, ti->key.task, ti->key.map_index);
    }
}

/* S6: the delay that the task says; with backoff it is drawn from [min, 2 min) seconds. */
static bool retry_in_time(const struct task *t, const struct ti_row *row)
{
    int64_t delay = row->next_us - row->end_us, least = t->retry_delay_us, most = least;

    if (t->retry_multiplier > 0) {
        double min = ceil((double)t->retry_delay_us / (double)TIME_SECOND *
                          pow(t->retry_multiplier, (double)row->try_number - 1));

        min = min < 1 ? 1 : min;
        least = (int64_t)min * TIME_SECOND;
        most = 2 * least;
        if (t->max_retry_delay_us > 0) {
            least = least < t->max_retry_delay_us ? least : t->max_retry_delay_us;
            most = most < t->max_retry_delay_us ? most : t->max_retry_delay_us;
        }
    }
    return delay >= least && delay <= most;
}

static void check_last(struct ledger *l, const struct book *k, const struct line *line,
                       const struct ti_row *ti)
{
    if (line->row.state != ti->state) {
        ledger_violated(l, "S10: run %s task %u[%d]: the history says %s, the row %s", k->run_id,
                        ti->key.task, ti->key.map_index, task_state_to_string(line->row.state),
                        task_state_to_string(ti->state));
    }
    if (ti->state == TASK_UP_FOR_RETRY && !retry_in_time(&k->dag->tasks[ti->key.task], ti)) {
        ledger_violated(l, "S6: run %s task %u[%d]: try %u again after %lld us", k->run_id,
                        ti->key.task, ti->key.map_index, ti->try_number,
                        (long long)(ti->next_us - ti->end_us));
    }
}

static void put_ti(struct ledger *l, const struct ti_row *ti, bool last)
{
    struct book *k = find_book(l, ti->key.run_key);
    struct line *line = k != NULL ? find_line(k, &ti->key) : NULL;

    if (line == NULL) {
        ledger_violated(l, "S10: a row of run %lld, which is not there",
                        (long long)ti->key.run_key);
        return;
    }
    if (last) {
        check_last(l, k, line, ti);
    }
    if (line->written && ti->try_number < line->row.try_number) {
        ledger_violated(l, "S1: run %s task %u[%d]: try %u after %u", k->run_id, ti->key.task,
                        ti->key.map_index, ti->try_number, line->row.try_number);
    }
    put_token(l, k, line, ti);
    line->row = *ti;
    line->row.reason = NULL;
    line->written = true;
    line->waits_retry = last && ti->state == TASK_UP_FOR_RETRY;
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

/* ---- the whole ---- */

bool ledger_counts(const struct book *k, const struct line *line)
{
    int32_t len = k->lines[line->row.key.task].row.map_len;

    return line->row.key.map_index < 0 ? len == 0 : line->row.key.map_index < len;
}

/* A run that ended in this batch. */
static void check_ended(struct ledger *l, const struct book *k)
{
    struct oracle_run r;

    for (size_t i = 0; i < k->len; i++) {
        const struct line *line = &k->lines[i];

        if (ledger_counts(k, line) && !task_state_finished(line->row.state)) {
            ledger_violated(l, "S3: run %s has ended, task %u[%d] is %s", k->run_id,
                            line->row.key.task, line->row.key.map_index,
                            task_state_to_string(line->row.state));
        }
    }
    if (k->row.state == RUN_SUCCESS && ledger_is_plain(k->dag)) {
        r = ledger_oracle(l, k);
        if (oracle_run_state(&r) != RUN_SUCCESS) {
            ledger_violated(l, "S3: run %s is a success, its leaves say %s", k->run_id,
                            run_state_to_string(oracle_run_state(&r)));
        }
    }
}

static void put_others(struct ledger *l, const struct store_batch *b)
{
    for (size_t i = 0; i < b->dags_len; i++) {
        struct paused_dag p = {b->dags[i].dag_key, b->dags[i].paused};
        size_t k = 0;

        while (k < l->paused_len && l->paused[k].dag_key != p.dag_key) {
            k++;
        }
        if (k < l->paused_len) {
            l->paused[k] = p;
        } else {
            PUSH(l->paused, p);
        }
    }
    for (size_t i = 0; i < b->backfills_len; i++) {
        size_t k = 0;

        while (k < l->backfills_len &&
               l->backfills[k].backfill_key != b->backfills[i].backfill_key) {
            k++;
        }
        if (k == l->backfills_len) {
            PUSH(l->backfills, b->backfills[i]);
        }
        l->backfills[k] = b->backfills[i];
        l->backfills[k].conf = l->backfills[k].actor = NULL;
    }
}

void ledger_batch(struct ledger *l, const struct store_batch *b, int64_t wall_us)
{
    put_others(l, b);
    l->changes += b->runs_len + b->tis_len;
    for (size_t i = 0; i < b->runs_len; i++) {
        put_run(l, &b->runs[i], wall_us);
    }
    for (size_t i = 0; i < b->transitions_len; i++) {
        put_transition(l, &b->transitions[i]);
    }
    for (size_t i = 0; i < b->tis_len; i++) {
        put_ti(l, &b->tis[i], is_last(b, i));
    }
    for (size_t i = 0; i < b->runs_len; i++) {
        const struct book *k = find_book(l, b->runs[i].run_key);

        if (k != NULL && run_state_finished(k->row.state)) {
            check_ended(l, k);
        }
    }
    ledger_limits(l);
    for (size_t i = 0; i < l->len; i++) {
        l->books[i].started = false;
    }
}

const struct run_row *ledger_run(const struct ledger *l, int64_t run_key, const char **ret_run_id)
{
    const struct book *k = find_book(l, run_key);

    *ret_run_id = k != NULL ? k->run_id : NULL;
    return k != NULL ? &k->row : NULL;
}

uint64_t ledger_changes(const struct ledger *l)
{
    return l->changes;
}

int64_t ledger_unfinished(const struct ledger *l, size_t n)
{
    for (size_t i = 0; i < l->len; i++) {
        if (!run_state_finished(l->books[i].row.state) && n-- == 0) {
            return l->books[i].row.run_key;
        }
    }
    return 0;
}
