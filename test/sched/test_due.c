/* Due runs: each state by hand, then random schedules against what counting gives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/prng.h"
#include "base/time.h"
#include "sched/due.h"

/* A run each `every` from `first` on, at the end of its interval, until `end`. */
struct table {
    int64_t first, every, end;
    bool catchup, asks;
};

#define DAGS 40

struct world {
    struct due *due;
    struct table tables[DAGS + 1];
    int64_t asked[DAGS + 1]; /* start of the run that an answer would give; -1: none is open */
    bool asked_none[DAGS + 1];
};

static bool next_of(const struct table *t, const struct due_run *last, int64_t now,
                    struct due_run *ret)
{
    int64_t start = last != NULL ? last->end_us : t->first;

    if (!t->catchup && now - t->first >= 2 * t->every) {
        int64_t newest = t->first + ((now - t->first) / t->every - 1) * t->every;

        start = newest > start ? newest : start;
    }
    *ret = (struct due_run){.logical_us = start,
                            .start_us = start,
                            .end_us = start + t->every,
                            .run_after_us = start + t->every};
    return start < t->end;
}

static enum due_next next(void *arg, int64_t dag_key, const struct due_run *last, int64_t now_us,
                          struct due_run *ret)
{
    struct world *w = arg;
    const struct table *t = &w->tables[dag_key];
    bool found = next_of(t, last, now_us, ret);

    if (t->asks) {
        w->asked[dag_key] = ret->start_us;
        w->asked_none[dag_key] = !found;
        return DUE_ASK;
    }
    return found ? DUE_FOUND : DUE_NONE;
}

static void open_world(struct world *w)
{
    memset(w, 0, sizeof *w);
    memset(w->asked, 0xff, sizeof w->asked);
    w->due = due_new(next, w);
    assert_non_null(w->due);
}

static void set(struct world *w, int64_t key, bool paused, int32_t max, const struct due_run *last,
                int64_t now)
{
    struct due_dag d = {.dag_key = key, .paused = paused, .max_active_runs = max, .last = last};

    assert_int_equal(due_set(w->due, &d, now), 0);
}

/* The start of the next run that is due, or -1; it is made at once. */
static int64_t take(struct world *w, int64_t now)
{
    struct due_run r;

    if (!due_take(w->due, now, &r)) {
        return -1;
    }
    due_active(w->due, r.dag_key, 1, now);
    due_made(w->due, r.dag_key, true, now);
    return r.start_us;
}

static void catches_up_in_order(void **state)
{
    struct world w;

    (void)state;
    open_world(&w);
    w.tables[1] = (struct table){.first = 0, .every = 10, .end = 1000, .catchup = true};
    set(&w, 1, false, 0, NULL, 5);
    assert_int_equal(due_at(w.due), 10);
    assert_int_equal(take(&w, 9), -1);
    assert_int_equal(take(&w, 35), 0);
    assert_int_equal(take(&w, 35), 10);
    assert_int_equal(take(&w, 35), 20);
    assert_int_equal(take(&w, 35), -1);
    assert_int_equal(due_at(w.due), 40);
    due_free(w.due);
}

static void without_catchup_only_the_newest(void **state)
{
    struct world w;

    (void)state;
    open_world(&w);
    w.tables[1] = (struct table){.first = 0, .every = 10, .end = 1000};
    set(&w, 1, false, 0, NULL, 5);
    assert_int_equal(take(&w, 95), 80); /* the machine slept */
    assert_int_equal(take(&w, 95), -1);
    assert_int_equal(take(&w, 100), 90);
    due_free(w.due);
}

static void time_never_goes_back(void **state)
{
    struct world w;

    (void)state;
    open_world(&w);
    w.tables[1] = (struct table){.first = 0, .every = 10, .end = 1000, .catchup = true};
    set(&w, 1, false, 0, NULL, 0);
    assert_int_equal(take(&w, 12), 0);
    assert_int_equal(take(&w, 3), -1);
    assert_int_equal(take(&w, 13), -1);
    assert_int_equal(take(&w, 20), 10);
    due_free(w.due);
}

static void full_waits_for_an_end(void **state)
{
    struct world w;
    enum due_state s;
    struct due_run r;

    (void)state;
    open_world(&w);
    w.tables[1] = (struct table){.first = 0, .every = 10, .end = 1000, .catchup = true};
    set(&w, 1, false, 2, NULL, 0);
    assert_int_equal(take(&w, 50), 0);
    assert_int_equal(take(&w, 50), 10);
    assert_int_equal(take(&w, 50), -1);
    assert_true(due_look(w.due, 1, &s, &r));
    assert_int_equal(s, DUE_STATE_FULL);
    assert_int_equal(due_at(w.due), TIME_NONE); /* no timer runs for it */
    due_active(w.due, 1, -1, 51);
    assert_int_equal(take(&w, 51), 20);
    set(&w, 1, false, 3, NULL, 52); /* the limit grew */
    assert_int_equal(take(&w, 52), 30);
    due_free(w.due);
}

static void what_is_out_is_not_given_twice(void **state)
{
    struct world w;
    struct due_run r;

    (void)state;
    open_world(&w);
    w.tables[1] = (struct table){.first = 0, .every = 10, .end = 1000, .catchup = true};
    set(&w, 1, false, 1, NULL, 0);
    assert_true(due_take(w.due, 10, &r));
    set(&w, 1, false, 1, NULL, 10); /* the file changed meanwhile */
    assert_int_equal(take(&w, 10), -1);
    due_made(w.due, 1, false, 10); /* the store was full; it changed, so it is looked at at once */
    assert_int_equal(take(&w, 10), 0);
    due_active(w.due, 1, -1, 20);
    assert_true(due_take(w.due, 20, &r)); /* nothing else is active */
    due_made(w.due, 1, false, 20);
    assert_int_equal(take(&w, 20), -1);
    assert_int_equal(due_at(w.due), 20 + 10 * TIME_SECOND);
    assert_int_equal(take(&w, 20 + 10 * TIME_SECOND), 10);
    due_free(w.due);
}

static void pause_asks_again(void **state)
{
    struct world w;

    (void)state;
    open_world(&w);
    w.tables[1] = (struct table){.first = 0, .every = 10, .end = 1000};
    set(&w, 1, true, 0, NULL, 0);
    assert_int_equal(due_at(w.due), TIME_NONE);
    assert_int_equal(take(&w, 500), -1);
    set(&w, 1, false, 0, NULL, 500);
    assert_int_equal(take(&w, 500), 490);
    due_free(w.due);
}

static void goes_on_from_the_last_run(void **state)
{
    struct world w;
    struct due_run last = {.logical_us = 40, .start_us = 40, .end_us = 50, .run_after_us = 50};

    (void)state;
    open_world(&w);
    w.tables[1] = (struct table){.first = 0, .every = 10, .end = 70, .catchup = true};
    set(&w, 1, false, 0, &last, 55);
    assert_int_equal(take(&w, 55), -1);
    assert_int_equal(take(&w, 100), 50);
    assert_int_equal(take(&w, 100), 60);
    assert_int_equal(take(&w, 100), -1); /* its end */
    assert_int_equal(due_at(w.due), TIME_NONE);
    due_free(w.due);
}

static void answers_from_elsewhere(void **state)
{
    struct world w;
    struct due_run r = {.logical_us = 0, .start_us = 0, .end_us = 10, .run_after_us = 10};

    (void)state;
    open_world(&w);
    w.tables[1] =
        (struct table){.first = 0, .every = 10, .end = 1000, .catchup = true, .asks = true};
    set(&w, 1, false, 0, NULL, 0);
    assert_int_equal(take(&w, 50), -1);
    assert_int_equal(w.asked[1], 0);
    due_answer(w.due, 1, &r, 50);
    due_answer(w.due, 1, NULL, 50); /* twice: the second is late */
    assert_int_equal(take(&w, 50), 0);
    assert_int_equal(w.asked[1], 10);
    due_answer(w.due, 1, &r, 50); /* it stands still: that is its end */
    assert_int_equal(take(&w, 5000), -1);
    due_free(w.due);
}

/* A time table without catchup whose runs are not on a grid: every 100 from the last one, or from now if that is over. */
static enum due_next every_100(void *arg, int64_t dag_key, const struct due_run *last,
                               int64_t now_us, struct due_run *ret)
{
    int64_t at = last != NULL ? last->end_us + 100 : 1000;

    (void)arg;
    (void)dag_key;
    at = at > now_us ? at : now_us;
    *ret = (struct due_run){.logical_us = at, .start_us = at, .end_us = at, .run_after_us = at};
    return DUE_FOUND;
}

static int64_t take_one(struct due *d, int64_t now)
{
    struct due_run r;

    if (!due_take(d, now, &r)) {
        return -1;
    }
    due_made(d, r.dag_key, true, now);
    return r.start_us;
}

/* What was to come is looked for a moment later: its time stays, or each run would be that moment later than the one before. */
static void a_late_look_moves_no_run(void **state)
{
    struct due *d = due_new(every_100, NULL);
    struct due_dag dag = {.dag_key = 1};

    (void)state;
    assert_int_equal(due_set(d, &dag, 0), 0);
    assert_int_equal(take_one(d, 1007), 1000);
    assert_int_equal(due_at(d), 1100);
    assert_int_equal(take_one(d, 1190), 1100);
    assert_int_equal(take_one(d, 1199), -1);
    assert_int_equal(take_one(d, 1201), 1200);
    assert_int_equal(take_one(d, 1450), 1450); /* that of 1400 has made 1300 late: from now on */
    assert_int_equal(due_at(d), 1550);
    due_free(d);
}

/* Instants that are listed: 1000 and 2000; what is past when it is asked for is not given. */
static enum due_next listed(void *arg, int64_t dag_key, const struct due_run *last, int64_t now_us,
                            struct due_run *ret)
{
    int64_t from = last != NULL && last->end_us + 1 > now_us ? last->end_us + 1 : now_us;
    int64_t at = from <= 1000 ? 1000 : 2000;

    (void)arg;
    (void)dag_key;
    *ret = (struct due_run){.logical_us = at, .start_us = at, .end_us = at, .run_after_us = at};
    return from <= 2000 ? DUE_FOUND : DUE_NONE;
}

static void what_was_to_come_is_not_lost_by_a_late_look(void **state)
{
    struct due *d = due_new(listed, NULL);
    struct due_dag dag = {.dag_key = 1};

    (void)state;
    assert_int_equal(due_set(d, &dag, 0), 0);
    assert_int_equal(take_one(d, 1001), 1000);
    assert_int_equal(take_one(d, 2030), 2000);
    assert_int_equal(take_one(d, 3000), -1);
    due_free(d);
}

/* ---- random ---- */

struct seen {
    int64_t last_start; /* of the newest run; -1: none */
    int32_t active, max;
    bool paused, known;
};

static void check_run(const struct world *w, struct seen *s, const struct due_run *r, int64_t now)
{
    const struct table *t = &w->tables[r->dag_key];
    int64_t floor = s->last_start < 0 ? t->first : s->last_start + t->every;

    assert_true(s->known && !s->paused);
    assert_true(r->run_after_us <= now);                       /* not early */
    assert_true(r->start_us >= floor && r->start_us < t->end); /* not double, none after its end */
    assert_true((r->start_us - t->first) % t->every == 0);
    if (t->catchup) {
        assert_int_equal(r->start_us, floor); /* none missing */
    } else if (!t->asks) {
        struct due_run after;

        /* The newest; or the one that was to come when the table ended. */
        assert_true(r->start_us == floor || r->start_us + 2 * t->every > now ||
                    !next_of(t, r, now, &after));
    }
    assert_true(s->max == 0 || s->active < s->max);
}

static void answer_all(struct world *w, struct prng *p, int64_t now, bool all)
{
    for (int64_t k = 1; k <= DAGS; k++) {
        if (w->asked[k] >= 0 && (all || prng_below(p, 2) == 0)) {
            int64_t at = w->asked[k];
            struct due_run r = {.logical_us = at,
                                .start_us = at,
                                .end_us = at + w->tables[k].every,
                                .run_after_us = at + w->tables[k].every};

            w->asked[k] = -1;
            due_answer(w->due, k, w->asked_none[k] ? NULL : &r, now);
        }
    }
}

static void restart(struct world *w, const struct seen *seen, int64_t now)
{
    due_free(w->due);
    w->due = due_new(next, w);
    assert_non_null(w->due);
    for (int64_t k = 1; k <= DAGS; k++) {
        const struct table *t = &w->tables[k];
        int64_t at = seen[k].last_start;
        struct due_run last = {.logical_us = at,
                               .start_us = at,
                               .end_us = at + t->every,
                               .run_after_us = at + t->every};
        struct due_dag d = {.dag_key = k,
                            .paused = seen[k].paused,
                            .max_active_runs = seen[k].max,
                            .active = seen[k].active,
                            .last = at >= 0 ? &last : NULL};

        w->asked[k] = -1;
        if (seen[k].known) {
            assert_int_equal(due_set(w->due, &d, now), 0);
        }
    }
}

static void take_all(struct world *w, struct prng *p, struct seen *seen, int64_t now, bool calm)
{
    struct due_run r;

    while (due_take(w->due, now, &r)) {
        struct seen *s = &seen[r.dag_key];
        bool durable = calm || prng_below(p, 8) != 0;

        check_run(w, s, &r, now);
        if (durable) {
            due_active(w->due, r.dag_key, 1, now);
        }
        due_made(w->due, r.dag_key, durable, now);
        if (durable) {
            s->last_start = r.start_us;
            s->active++;
        }
    }
}

static void one_life(uint64_t seed)
{
    struct world w;
    struct prng p;
    struct seen seen[DAGS + 1] = {0};
    int64_t now = 0;

    prng_seed(&p, seed);
    open_world(&w);
    for (int64_t k = 1; k <= DAGS; k++) {
        w.tables[k] = (struct table){.first = (int64_t)prng_below(&p, 50),
                                     .every = 1 + (int64_t)prng_below(&p, 30),
                                     .end = 100 + (int64_t)prng_below(&p, 3000),
                                     .catchup = prng_below(&p, 2) == 0,
                                     .asks = prng_below(&p, 5) == 0};
        seen[k].last_start = -1;
    }
    for (int step = 0; step < 400; step++) {
        int64_t k = 1 + (int64_t)prng_below(&p, DAGS);
        struct seen *s = &seen[k];

        switch (prng_below(&p, 7)) {
        case 0:
            s->paused = prng_below(&p, 2) == 0;
            s->max = (int32_t)prng_below(&p, 4);
            s->known = true;
            w.asked[k] = -1;
            {
                struct due_run last = {.logical_us = s->last_start,
                                       .start_us = s->last_start,
                                       .end_us = s->last_start + w.tables[k].every,
                                       .run_after_us = s->last_start + w.tables[k].every};
                struct due_dag d = {.dag_key = k,
                                    .paused = s->paused,
                                    .max_active_runs = s->max,
                                    .active = s->active,
                                    .last = s->last_start >= 0 ? &last : NULL};

                assert_int_equal(due_set(w.due, &d, now), 0);
            }
            break;
        case 1:
            due_remove(w.due, k);
            w.asked[k] = -1;
            s->known = false;
            break;
        case 2:
            if (s->active > 0) {
                s->active--;
                due_active(w.due, k, -1, now);
            }
            break;
        case 3:
            restart(&w, seen, now);
            break;
        default:
            now += (int64_t)prng_below(&p, 40) * (prng_below(&p, 10) == 0 ? 20 : 1);
        }
        answer_all(&w, &p, now, false);
        take_all(&w, &p, seen, now, false);
    }
    /* Healed: whatever is due is made, of catchup all of it. */
    now += 20 * TIME_SECOND;
    for (int64_t k = 1; k <= DAGS; k++) {
        seen[k].paused = false;
        seen[k].max = 0;
        seen[k].known = true;
    }
    restart(&w, seen, now);
    for (int i = 0; i < 6000; i++) {
        answer_all(&w, &p, now, true);
        take_all(&w, &p, seen, now, true);
    }
    for (int64_t k = 1; k <= DAGS; k++) {
        const struct table *t = &w.tables[k];
        int64_t newest = t->first + (t->end - 1 - t->first) / t->every * t->every;

        if (t->catchup) {
            assert_int_equal(seen[k].last_start, newest);
        }
    }
    due_free(w.due);
}

static void random_lives(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        one_life(seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(catches_up_in_order),
        cmocka_unit_test(without_catchup_only_the_newest),
        cmocka_unit_test(time_never_goes_back),
        cmocka_unit_test(full_waits_for_an_end),
        cmocka_unit_test(what_is_out_is_not_given_twice),
        cmocka_unit_test(pause_asks_again),
        cmocka_unit_test(goes_on_from_the_last_run),
        cmocka_unit_test(answers_from_elsewhere),
        cmocka_unit_test(a_late_look_moves_no_run),
        cmocka_unit_test(what_was_to_come_is_not_lost_by_a_late_look),
        cmocka_unit_test(random_lives),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
