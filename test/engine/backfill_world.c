#include "backfill_world.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "sched/sched.h"

struct bf_it it;

void bf_set_schedule(const char *text)
{
    struct value *v = NULL;

    assert_int_equal(value_parse(&it.arena, text, strlen(text), &v, NULL), 0);
    world.dag->document = v;
}

void bf_begin(const char *spec, uint32_t dates, int32_t limit)
{
    memset(&it, 0, sizeof it);
    arena_init(&it.arena, MiB(1));
    world_open(spec);
    world.schedules = true;
    assert_int_equal(time_parse("2026-01-01T00:00:00Z", 20, &it.day0), 0);
    world.now_us = it.day0 + 400 * DAY;
    it.dates = dates;
    it.limit = limit;
    for (int i = 0; i < DATES_MAX; i++) {
        it.before[i] = -1;
    }
    bf_set_schedule("{\"schedule\": \"0 0 * * *\"}");
}

void bf_end(void)
{
    world_close();
    arena_fini(&it.arena);
}

/* ---- what the store says ---- */

void bf_see(struct seen *s)
{
    struct backfill_row *rows;
    size_t n = 0;
    struct store *st = world.store;
    uint64_t trip = world.trip_at;

    world.trip_at = 0;
    memset(s, 0, sizeof *s);
    arena_init(&s->arena, MiB(64));
    assert_int_equal(st->ops->get_backfills(st, 0, false, 1, &s->arena, &rows, &n, NULL), 0);
    if (n > 0) {
        s->row = rows[0];
        it.key = s->row.backfill_key;
        assert_int_equal(st->ops->get_backfill_runs(st, it.key, false, 1, 0, &s->arena, &s->dates,
                                                    &s->len, NULL),
                         0);
    }
    assert_int_equal(st->ops->get_runs(st, 0, 0, 0, 0, &s->arena, &s->runs, &s->runs_len, NULL), 0);
    world.trip_at = trip;
}

void bf_unsee(struct seen *s)
{
    arena_fini(&s->arena);
}

const struct run_row *bf_run_of(const struct seen *s, int64_t run_key)
{
    for (size_t i = 0; i < s->runs_len; i++) {
        if (s->runs[i].run_key == run_key) {
            return &s->runs[i];
        }
    }
    return NULL;
}

/* At any time: each date once, in order; what was made has a run of that date; no date has two runs of a backfill; the limit holds. */
static void bf_check_now(const struct seen *s)
{
    int running = 0, live = 0;

    for (size_t i = 0; i < s->len; i++) {
        const struct backfill_run_row *d = &s->dates[i];
        int64_t day = it.backwards ? it.dates - 1 - (int64_t)i : (int64_t)i;
        const struct run_row *r = bf_run_of(s, d->run_key);

        assert_int_equal(d->ordinal, i + 1);
        assert_int_equal(d->logical_us, it.day0 + day * DAY);
        if (d->outcome == BACKFILL_CREATED || d->outcome == BACKFILL_CLEARED) {
            assert_non_null(r);
            assert_int_equal(r->logical_date_us, d->logical_us);
            assert_int_equal(r->backfill_key, it.key);
            running += r->state == RUN_RUNNING;
            live += r->state == RUN_RUNNING || r->state == RUN_QUEUED;
        }
    }
    for (size_t i = 0; i < s->runs_len; i++) {
        for (size_t j = 0; j < i; j++) {
            assert_true(s->runs[i].logical_date_us != s->runs[j].logical_date_us);
        }
    }
    if (s->row.completed_us != TIME_NONE) {
        return; /* whoever clears a run of it now has the DAG's limit */
    }
    assert_true(running <= it.limit);
    assert_true(live <= it.limit + LIMIT_BACKFILL_AHEAD);
    it.worst = running > it.worst ? running : it.worst;
    it.most = live > it.most ? live : it.most;
}

void bf_check(void)
{
    struct seen s;

    bf_see(&s);
    bf_check_now(&s);
    bf_unsee(&s);
}

void bf_on_commit(void *arg, const struct sched_actions *a)
{
    (void)arg;
    (void)a;
    bf_check();
}

/* ---- the life ---- */

int bf_ensure_dag(struct engine *g, int64_t *ret, struct err *e)
{
    return engine_add_dag(g, world.dag, world.spec, strlen(world.spec), ret, e);
}

/* Runs that are there before: made by hand, with their dates, and brought to their state. */
static int ensure_before(struct engine *g, int64_t dag_key, struct err *e)
{
    int rc = 0;

    for (uint32_t i = 0; rc == 0 && i < it.dates; i++) {
        char id[32];
        struct engine_run_request rq = {.dag_key = dag_key,
                                        .run_id = id,
                                        .type = RUN_TYPE_MANUAL,
                                        .logical_date_us = it.day0 + (int64_t)i * DAY};
        struct engine_command stop = {.op = ENGINE_STOP_RUN, .reason = "before"};
        uint32_t n;
        enum run_state state;

        if (it.before[i] < 0) {
            continue;
        }
        (void)snprintf(id, sizeof id, "before%u", i);
        rc = engine_create_run(g, &rq, &stop.run_key, e);
        if (rc == 0 && it.before[i] == RUN_FAILED) {
            rc = engine_command(g, &stop, &n, e);
        }
        rc = rc == 0 ? engine_wait_run(g, stop.run_key, &state, e) : rc;
        assert_true(rc != 0 || state == (enum run_state)it.before[i]);
    }
    return rc;
}

int bf_ensure_backfill(struct engine *g, struct err *e)
{
    char from[TIME_TEXT_MAX], to[TIME_TEXT_MAX];
    struct backfill_request q = {.dag_id = world.dag->dag_id,
                                 .from = time_format(it.day0, from),
                                 .to = time_format(it.day0 + (it.dates - 1) * DAY, to),
                                 .max_active_runs = it.limit,
                                 .reprocess = it.reprocess,
                                 .backwards = it.backwards,
                                 .conf = "{\"n\": 1}",
                                 .actor = "anna"};
    struct seen s;
    int64_t key;
    uint32_t dates = 0;
    int rc = 0;

    bf_see(&s);
    if (s.row.backfill_key == 0) {
        rc = engine_create_backfill(g, &q, &key, &dates, e);
        assert_true(rc != 0 || dates == it.dates);
    }
    bf_unsee(&s);
    return rc;
}

static bool is_over(void)
{
    struct seen s;
    bool over;

    bf_see(&s);
    over = s.row.backfill_key != 0 && s.row.completed_us != TIME_NONE;
    for (size_t i = 0; i < s.runs_len; i++) {
        over = over && run_state_finished(s.runs[i].state);
    }
    bf_unsee(&s);
    return over;
}

int bf_wait_over(struct engine *g, struct err *e)
{
    for (int i = 0; i < 100000 && !is_over(); i++) {
        struct engine_stats st;

        engine_get_stats(g, &st);
        if (co_sleep(TIME_SECOND / 2) != 0 || engine_run_dag(g, -1) != NULL) {
            return err_set(e, ERR_CLOSED, "interrupted");
        }
        if (engine_pause_dag(g, "nobody's", false, "x", e) == -ERR_CLOSED) {
            return -ERR_CLOSED; /* the engine has stopped: the next life goes on */
        }
        *e = (struct err){0};
    }
    return is_over() ? 0 : err_set(e, ERR_TIMEOUT, "the backfill does not end");
}

int bf_life(struct engine *g, struct err *e)
{
    int64_t dag_key;
    int rc = bf_ensure_dag(g, &dag_key, e);

    engine_on_commit(g, bf_on_commit, NULL);
    rc = rc == 0 ? bf_ensure_backfill(g, e) : rc;
    return rc == 0 ? bf_wait_over(g, e) : rc;
}

int bf_life_before(struct engine *g, struct err *e)
{
    struct dag *older = it.older != NULL ? world_dag_of(it.older) : NULL;
    int64_t dag_key;
    int rc = older != NULL ? engine_add_dag(g, older, it.older, strlen(it.older), &dag_key, e)
                           : bf_ensure_dag(g, &dag_key, e);

    dag_unref(older);
    rc = rc == 0 ? ensure_before(g, dag_key, e) : rc;
    it.older_version = older != NULL ? 1 : 0;
    return rc;
}

void bf_live(int (*fn)(struct engine *g, struct err *e))
{
    struct err e = {0};
    int rc = world_live(fn, &e);

    if (rc != 0) {
        fail_msg("%s: %s", err_name(rc), err_str(&e));
    }
}

/* At the end: every date has what the rules say. */
void bf_check_end(void)
{
    struct seen s;

    bf_see(&s);
    bf_check_now(&s);
    assert_int_equal(s.len, it.dates);
    assert_int_equal(s.row.dates, it.dates);
    for (size_t i = 0; i < s.len; i++) {
        const struct backfill_run_row *d = &s.dates[i];
        size_t day = it.backwards ? it.dates - 1 - i : i;
        const struct run_row *r = bf_run_of(&s, d->run_key);
        enum backfill_outcome o =
            backfill_decide(it.reprocess, it.before[day] >= 0, it.before[day]);

        if (s.row.cancelled_us != TIME_NONE && d->outcome == BACKFILL_PLANNED) {
            continue;
        }
        assert_int_equal(d->outcome, o);
        assert_non_null(r);
        assert_true(s.row.cancelled_us != TIME_NONE || o == BACKFILL_EXISTS ||
                    r->state == RUN_SUCCESS);
        if (o != BACKFILL_EXISTS) {
            assert_string_equal(r->conf, "{\"n\": 1}");
            assert_int_equal(r->clear_number, o == BACKFILL_CLEARED);
        }
        assert_int_equal(r->version_key == it.older_version,
                         it.older != NULL && o == BACKFILL_EXISTS);
    }
    if (it.older == NULL) { /* else an index is another task's */
        world_check();
    }
    bf_unsee(&s);
}
