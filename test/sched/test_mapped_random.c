/*
 * Mapped tasks and groups, drawn: whatever happens to a run, a core that lived counts as one that is restored from its rows, and
 * has left nothing undone that the restored one would do. A failing seed is said; `test-mapped-random SEED` repeats it alone, with its events.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "dag_builder.h"
#include "sched/sched_priv.h"

#define SEEDS  3000
#define EVENTS 60
#define ROWS   512

struct drive {
    struct prng prng;
    struct sched_config config;
    struct dag *dag;
    struct sched *s;
    struct sched_actions a;
    struct ti_row rows[ROWS];
    size_t rows_len;
    struct run_row run;
    char run_reason[256];
    int64_t questions[64];
    size_t questions_len;
    int64_t now_us;
    uint64_t seed;
    bool tell;
    char spec[2048];
};

static struct drive d;

static uint32_t draw(uint32_t n)
{
    return (uint32_t)prng_below(&d.prng, n);
}

/* ---- a DAG ---- */

static void add(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void add(const char *fmt, ...)
{
    size_t n = strlen(d.spec);
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(d.spec + n, sizeof d.spec - n, fmt, ap);
    va_end(ap);
}

static const char *draw_rule(void)
{
    static const char *const rules[] = {
        "all_success",  "all_success", "all_success",
        "all_done",     "one_failed",  "one_success",
        "none_failed",  "always",      "all_done_min_one_success",
        "none_skipped", "one_done",    "all_failed",
    };

    return rules[draw(sizeof rules / sizeof rules[0])];
}

/*
 * t0 and t1 are plain; then tasks that are plain, mapped over a literal or over another, or in one of two mapped groups, setups and
 * teardowns among them. As in a document, what a task or group is mapped over is upstream of it.
 */
static void draw_task(uint32_t t, uint32_t group, uint32_t len, const uint32_t *groups)
{
    uint32_t kind = draw(4), ups = 1 + draw(3), src = UINT32_MAX;
    bool teardown = draw(5) == 0 && t > 2, inside = false;

    add("; t%u", t);
    if (!teardown && draw(5) == 0) {
        add(" setup");
    }
    add(teardown ? " teardown <- " : " <- ");
    for (uint32_t i = 0; i < ups; i++) {
        uint32_t up = draw(t);

        inside |= group != UINT32_MAX && groups[up] == group;
        add("t%u,", up);
    }
    if (group != UINT32_MAX) {
        src = inside ? draw(t) : 0;
    } else if (kind == 0) {
        src = draw(t);
    }
    add("t%u", src != UINT32_MAX ? src : draw(t));
    if (group != UINT32_MAX) {
        add(" mgroup=%u map=%d", group, len == UINT32_MAX ? -1 : (int)len);
        if (len == UINT32_MAX) {
            add(" src=0");
        }
    } else if (kind == 0) {
        add(" map=-1 src=%u", src);
    } else if (kind == 1) {
        add(" map=%u", 1 + draw(4));
    }
    if (!teardown) {
        add(" rule=%s", draw_rule());
    }
    if (draw(3) == 0) {
        add(" retries=1 delay=5");
    }
    if (draw(8) == 0) {
        add(" instant");
    }
}

static void draw_spec(void)
{
    uint32_t n = 4 + draw(6), groups[16];
    uint32_t len[2] = {draw(3) > 0 ? UINT32_MAX : 1 + draw(4),
                       draw(2) > 0 ? UINT32_MAX : 1 + draw(4)};

    d.spec[0] = '\0';
    add("@d max_active_tasks=%u%s; t0; t1", 3 + draw(20), draw(8) == 0 ? " fail_fast" : "");
    groups[0] = groups[1] = UINT32_MAX;
    for (uint32_t t = 2; t < n; t++) {
        groups[t] = draw(5) < 3 ? draw(2) : UINT32_MAX;
        draw_task(t, groups[t], groups[t] != UINT32_MAX ? len[groups[t]] : 0, groups);
    }
}

/* ---- the store ---- */

static bool same_key(const struct ti_key *a, const struct ti_key *b)
{
    return a->run_key == b->run_key && a->task == b->task && a->map_index == b->map_index;
}

static void keep(const struct sched_actions *a)
{
    for (size_t i = 0; i < a->tis_len; i++) {
        size_t k = 0;

        while (k < d.rows_len && !same_key(&d.rows[k].key, &a->tis[i].key)) {
            k++;
        }
        assert_true(k < ROWS);
        d.rows_len += k == d.rows_len;
        mem_free((void *)(uintptr_t)d.rows[k].reason);
        d.rows[k] = a->tis[i];
        d.rows[k].reason = a->tis[i].reason != NULL ? mem_strdup(a->tis[i].reason) : NULL;
    }
    for (size_t i = 0; i < a->runs_len; i++) {
        d.run = a->runs[i];
        d.run.run_id = "r";
        d.run.conf = NULL;
        if (d.run.reason != NULL) {
            snprintf(d.run_reason, sizeof d.run_reason, "%s", d.run.reason);
            d.run.reason = d.run_reason;
        }
    }
    for (size_t i = 0; i < a->questions_len && d.questions_len < 64; i++) {
        d.questions[d.questions_len++] = a->questions[i].question;
    }
}

static void tell(const struct sched_event *ev)
{
    for (size_t i = 0; d.tell && i < d.a.transitions_len; i++) {
        const struct transition_row *t = &d.a.transitions[i];

        printf("    t%u[%d] %s > %s\n", t->key.task, t->key.map_index,
               task_state_to_string(t->from), task_state_to_string(t->to));
    }
    (void)ev;
}

static void step(struct sched_event *ev)
{
    ev->now_us = d.now_us;
    assert_int_equal(sched_step(d.s, ev, &d.a), 0);
    tell(ev);
    keep(&d.a);
    sched_actions_clear(&d.a);
}

/* ---- the comparison ---- */

static struct sched *restored(struct sched_actions *a)
{
    struct sched *s = sched_new(&d.config);
    struct sched_event ev = {.type = SCHED_DAG, .now_us = d.now_us};

    assert_non_null(s);
    ev.dag.dag_key = 1;
    ev.dag.dag = d.dag;
    assert_int_equal(sched_step(s, &ev, a), 0);
    ev = (struct sched_event){.type = SCHED_RUN_RESTORE, .now_us = d.now_us};
    ev.run.row = &d.run;
    ev.run.dag = d.dag;
    ev.run.tis = d.rows;
    ev.run.tis_len = d.rows_len;
    assert_int_equal(sched_step(s, &ev, a), 0);
    return s;
}

static void differ(const char *what, uint32_t task, int32_t index, int64_t lived, int64_t other)
{
    fprintf(stderr, "seed %llu: %s of t%u[%d]: %lld lived, %lld restored\n  %s\n",
            (unsigned long long)d.seed, what, task, index, (long long)lived, (long long)other,
            d.spec);
    fail();
}

static void same(const char *what, uint32_t task, int32_t index, int64_t lived, int64_t other)
{
    if (lived != other) {
        differ(what, task, index, lived, other);
    }
}

static void same_extras(const char *what, uint32_t task, int32_t i, const struct extra *a,
                        const struct extra *b)
{
    static const struct extra none;

    a = a != NULL ? a : &none;
    b = b != NULL ? b : &none;
    for (int c = 0; c < UP_CLASSES; c++) {
        same(what, task, i, a->setup[c], b->setup[c]);
    }
    same("setups that succeeded", task, i, a->direct_setup_success, b->direct_setup_success);
    same("setups that were skipped", task, i, a->direct_setup_skipped, b->direct_setup_skipped);
    same("scope", task, i, a->scope_done, b->scope_done);
    same("setups needed", task, i, a->setups, b->setups);
    same("direct setups needed", task, i, a->direct_setups, b->direct_setups);
    same("scope needed", task, i, a->scope, b->scope);
}

static void same_child(const struct run *a, const struct run *b, uint32_t t, int32_t i)
{
    struct ti none = {0};
    const struct mapping *ma = map_of(a, t), *mb = map_of(b, t);
    const struct ti *x = i < ma->made ? map_child(ma, i) : &none;
    const struct ti *y = i < mb->made ? map_child(mb, i) : &none;

    same("state", t, i, x->state, y->state);
    for (int c = 0; c < UP_CLASSES; c++) {
        same("upstreams of its index", t, i, x->up[c], y->up[c]);
    }
    same_extras("setups of its index", t, i, i < ma->made ? map_extra(ma, i) : NULL,
                i < mb->made ? map_extra(mb, i) : NULL);
}

static void same_task(const struct run *a, const struct run *b, uint32_t t)
{
    const struct mapping *m = map_of(a, t);

    same("state", t, -1, a->tis[t].state, b->tis[t].state);
    for (int c = 0; c < UP_CLASSES; c++) {
        same("upstreams", t, -1, a->tis[t].up[c], b->tis[t].up[c]);
    }
    if (a->need != NULL) {
        same("need", t, -1, a->need[t], b->need[t]);
    }
    if (a->plan->extra_of != NULL && a->plan->extra_of[t] != TASK_INDEX_NONE) {
        same_extras("setups", t, -1, &a->extras[a->plan->extra_of[t]],
                    &b->extras[b->plan->extra_of[t]]);
    }
    if (m == NULL) {
        return;
    }
    same("length", t, -1, m->len, map_of(b, t)->len);
    same("stale", t, -1, m->stale, map_of(b, t)->stale);
    for (int c = 0; c < TASK_STATE_MAX_; c++) {
        same(task_state_to_string(c), t, -1, m->counts[c], map_of(b, t)->counts[c]);
    }
    for (int32_t i = 0; i < m->len; i++) {
        same_child(a, b, t, i);
    }
}

static void compare(void)
{
    struct sched_actions a = {0};
    struct sched *other = restored(&a);
    const struct run *x = run_find(d.s, 1), *y = run_find(other, 1);

    /* What waits for an answer may be free to go by now; a restored core sees it at once. */
    if (x->sweeping == 0 && x->map_waiting == 0 && !run_state_finished(d.run.state)) {
        same("transitions", 0, -1, 0, (int64_t)a.transitions_len);
    }
    if (a.transitions_len == 0) {
        same("unfinished", 0, -1, x->unfinished, y->unfinished);
        same("none", 0, -1, x->none, y->none);
        same("failed", 0, -1, x->failed, y->failed);
        same("failed leaves", 0, -1, x->leaf_failed, y->leaf_failed);
        same("dying", 0, -1, x->dying, y->dying);
        for (uint32_t t = 0; t < d.dag->tasks_len; t++) {
            same_task(x, y, t);
        }
    }
    sched_free(other);
    sched_actions_fini(&a);
}

/* ---- events ---- */

static void end_one(const struct ti_row *row)
{
    static const enum sched_outcome outcomes[] = {SCHED_OUTCOME_SUCCESS, SCHED_OUTCOME_SUCCESS,
                                                  SCHED_OUTCOME_SUCCESS, SCHED_OUTCOME_FAILED,
                                                  SCHED_OUTCOME_SKIPPED, SCHED_OUTCOME_KILLED};
    struct sched_event ev = {.type = SCHED_CLAIM};
    struct ti_row at = *row;

    ev.attempt.key = at.key;
    ev.attempt.token = at.attempt;
    ev.attempt.worker = 1;
    if (at.state == TASK_QUEUED && draw(2) == 0) {
        ev.type = at.worker == 0 ? SCHED_CLAIM : SCHED_STARTED;
        step(&ev);
        return;
    }
    if (draw(12) == 0) {
        ev.type = SCHED_LOST;
        step(&ev);
        return;
    }
    ev = (struct sched_event){.type = SCHED_ENDED};
    ev.ended.key = at.key;
    ev.ended.token = at.attempt;
    ev.ended.outcome = outcomes[draw(6)];
    ev.ended.at_us = d.now_us;
    step(&ev);
}

static bool end_some(void)
{
    uint32_t from = d.rows_len > 0 ? draw((uint32_t)d.rows_len) : 0;

    for (size_t i = 0; i < d.rows_len; i++) {
        const struct ti_row *row = &d.rows[(from + i) % d.rows_len];

        if (!uuid_is_zero(&row->attempt)) {
            end_one(row);
            return true;
        }
    }
    return false;
}

static void answer(void)
{
    struct sched_event ev = {.type = SCHED_ANSWER};

    ev.answer.question = d.questions[--d.questions_len];
    ev.answer.unknown = draw(10) == 0;
    ev.answer.map_len = draw(5);
    ev.answer.error = draw(20) == 0 ? "no list" : NULL;
    step(&ev);
}

static void command(enum sched_event_type type)
{
    struct sched_event ev = {.type = type};
    uint32_t tasks[3];
    int32_t maps[3];
    size_t n = 1 + draw(3);

    for (size_t i = 0; i < n; i++) {
        const struct mapping *m;

        tasks[i] = draw(d.dag->tasks_len);
        m = map_of(run_find(d.s, 1), tasks[i]);
        maps[i] = m != NULL && m->len > 0 && draw(2) == 0 ? (int32_t)draw((uint32_t)m->len) : -1;
    }
    ev.command.run_key = 1;
    ev.command.state = draw(2) == 0 ? TASK_SUCCESS : draw(2) == 0 ? TASK_FAILED : TASK_SKIPPED;
    if (draw(4) > 0) {
        ev.command.tasks = tasks;
        ev.command.map_indexes = maps;
        ev.command.tasks_len = n;
    }
    step(&ev);
}

static void tick(int64_t by_us)
{
    struct sched_event ev = {.type = SCHED_TICK};

    d.now_us += by_us;
    step(&ev);
}

static void crash(void)
{
    struct sched_actions a = {0};
    struct sched *s;

    d.questions_len = 0;
    s = restored(&a);
    keep(&a);
    sched_free(d.s);
    sched_actions_fini(&a);
    d.s = s;
}

static void one_event(void)
{
    uint32_t what = draw(40);

    if (d.questions_len > 0 && what < 14) {
        answer();
    } else if (what < 32) {
        if (!end_some()) {
            tick(6 * TIME_SECOND);
        }
    } else if (what < 34) {
        command(SCHED_CLEAR);
    } else if (what == 34 && draw(3) == 0) {
        command(SCHED_MARK);
    } else if (what == 35 && draw(6) == 0) {
        command(SCHED_RUN_STOP);
    } else if (what == 36 && !run_state_finished(d.run.state)) {
        crash();
    } else {
        tick(draw(2) * 6 * TIME_SECOND);
    }
}

static void drive(uint64_t seed, bool talk)
{
    struct sched_event ev = {.type = SCHED_DAG};
    struct run_row row = {.run_key = 1,
                          .dag_key = 1,
                          .run_id = "r",
                          .state = RUN_QUEUED,
                          .start_us = TIME_NONE,
                          .end_us = TIME_NONE,
                          .queued_us = TIME_NONE};

    memset(&d, 0, sizeof d);
    d.seed = seed;
    d.tell = talk;
    prng_seed(&d.prng, seed);
    d.config = (struct sched_config){.seed = 7, .map_slice = draw(3) == 0 ? 1 + draw(4) : 0};
    draw_spec();
    if (talk) {
        printf("%s\n", d.spec);
    }
    d.dag = test_dag(d.spec);
    d.s = sched_new(&d.config);
    ev.dag.dag_key = 1;
    ev.dag.dag = d.dag;
    step(&ev);
    ev = (struct sched_event){.type = SCHED_RUN_CREATE};
    ev.run.row = &row;
    ev.run.dag = d.dag;
    step(&ev);
    for (int i = 0; i < EVENTS; i++) {
        if (talk) {
            printf("  event %d\n", i);
        }
        one_event();
        compare();
    }
    sched_free(d.s);
    sched_actions_fini(&d.a);
    dag_unref(d.dag);
    for (size_t i = 0; i < d.rows_len; i++) {
        mem_free((void *)(uintptr_t)d.rows[i].reason);
    }
}

static uint64_t only;

static void lived_as_restored(void **state)
{
    (void)state;
    if (only != 0) {
        drive(only, true);
        return;
    }
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        drive(seed, false);
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(lived_as_restored)};

    only = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
