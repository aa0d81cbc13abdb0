/* What a seed has: features, DAGs, and what people will ask for. */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/time.h"
#include "fleet.h"
#include "model/alert.h"
#include "model/dag.h"
#include "model/deadline.h"

#define MINUTE (60 * TIME_SECOND)
#define DAY    (86400 * TIME_SECOND)

#define POOL_LEAST 2 /* slots: no task needs more */

#define A                 "{\"type\":\"asset\",\"name\":\"a\",\"uri\":\"a\"}"
#define B                 "{\"type\":\"asset\",\"name\":\"b\",\"uri\":\"b\"}"
#define ASSETS(condition) "{\"schedule\":{\"type\":\"assets\",\"condition\":" condition "}}"

/* DAGs that wait for assets. */
static const struct fleet_dag consumers[] = {
    {.id = "one", .waits = "a", .always_holds = true, .schedule = ASSETS(A)},
    {.id = "both",
     .waits = "a",
     .always_holds = true,
     .timed = true,
     .schedule =
         "{\"schedule\":{\"type\":\"asset_or_time\",\"timetable\":\"* * * * *\",\"condition\":" A
         "}}"},
    {.id = "all", .waits = "ab", .schedule = ASSETS("{\"type\":\"all\",\"of\":[" A "," B "]}")},
    {.id = "any",
     .waits = "ab",
     .always_holds = true,
     .schedule = ASSETS("{\"type\":\"any\",\"of\":[" A "," B "]}")},
    {.id = "alias",
     .waits = "x",
     .only_alias = true,
     .always_holds = true,
     .schedule = ASSETS("{\"type\":\"asset_alias\",\"name\":\"al\"}")},
    {.id = "part",
     .waits = "ab",
     .only_partitions = true,
     .schedule = "{\"schedule\":{\"type\":\"partitioned_assets\",\"condition\":{\"type\":\"all\","
                 "\"of\":[" A "," B "]}}}"},
};

struct spec {
    char *p;
    size_t len, cap;
};

static void put(struct spec *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void put(struct spec *s, const char *fmt, ...)
{
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(s->p + s->len, s->cap - s->len, fmt, ap);
    va_end(ap);
    assert(n >= 0 && (size_t)n < s->cap - s->len);
    s->len += (size_t)n;
}

static int below(struct fleet *f, int n)
{
    return (int)prng_below(&f->w.prng, (uint64_t)n);
}

static bool on(const struct fleet *f, unsigned feature)
{
    return (f->features & feature) != 0;
}

/* ---- a DAG ---- */

static void draw_task(struct fleet *f, struct spec *s, int t, int tasks)
{
    static const char *const rules[] = {"all_done", "none_failed", "one_success", "one_failed",
                                        "none_failed_min_one_success"};
    int last = -1;

    put(s, "; t%d", t);
    for (int u = 0; u < t; u++) {
        if (below(f, 3) == 0) {
            put(s, "%st%d", last < 0 ? " <- " : ",", u);
            last = u;
        }
    }
    put(s, " retries=%d delay=%d", below(f, 3), 1 + below(f, 3));
    if (below(f, 6) == 0) {
        put(s, " backoff=2 max_delay=4");
    }
    if (on(f, FLEET_RULES) && last >= 0 && below(f, 2) == 0) {
        put(s, " rule=%s", rules[below(f, 5)]);
    }
    if (on(f, FLEET_RULES) && t == 0 && tasks > 1) {
        put(s, " setup");
    }
    if (on(f, FLEET_PAST) && below(f, 3) == 0) {
        put(s, " %s", below(f, 3) == 0 ? "downstream" : "past");
    }
    if (on(f, FLEET_LIMITS)) {
        if (below(f, 2) == 0) {
            put(s, " pool=p%d slots=%d", below(f, FLEET_POOLS), 1 + below(f, POOL_LEAST));
        }
        if (below(f, 5) == 0) {
            put(s, " %s=%d", below(f, 2) == 0 ? "per_dag" : "per_run", 1 + below(f, 2));
        }
        put(s, " weight=%d", 1 + below(f, 3));
    }
    if (on(f, FLEET_MAPS) && below(f, 3) == 0) {
        if (last >= 0) {
            put(s, " map=-1 src=%d", last);
        } else {
            put(s, " map=%d", below(f, 4));
        }
    }
}

static void draw_spec(struct fleet *f, struct fleet_dag *d)
{
    struct spec s = {.p = d->spec, .cap = sizeof d->spec};
    int tasks = 1 + below(f, 5);

    put(&s, "@%s max_active_runs=%d max_active_tasks=%d", d->id,
        on(f, FLEET_LIMITS) ? 1 + below(f, 3) : 16, on(f, FLEET_LIMITS) ? 1 + below(f, 4) : 16);
    if (d->dates_len > 0) {
        put(&s, " catchup");
    }
    if (below(f, 12) == 0) {
        put(&s, " fail_fast");
    }
    for (int t = 0; t < tasks; t++) {
        draw_task(f, &s, t, tasks);
    }
    if (on(f, FLEET_RULES) && tasks > 1) {
        put(&s, "; down <- t0,t%d teardown", tasks - 1);
    }
}

static void give_deadline(struct fleet *f, struct dag *d)
{
    char text[256];
    struct value *v = NULL;

    (void)snprintf(
        text, sizeof text,
        "{\"reference\":{\"type\":\"dagrun_queued_at\"},\"interval\":%d,\"name\":\"soon\","
        "\"channels\":[\"c2\"],\"callback\":{\"type\":\"SyncCallback\",\"path\":\"m.f\"}}",
        1 + below(f, 12));
    if (value_parse(&d->arena, text, strlen(text), &v, NULL) != 0 ||
        deadlines_parse(&d->arena, v, &d->deadlines, &d->deadlines_len, NULL) != 0) {
        abort();
    }
}

/* It begins some minutes ago and ends in some: all minutes in between are its dates. */
static void draw_clock(struct fleet *f, struct fleet_dag *d)
{
    int64_t now = f->w.now_us - f->w.now_us % MINUTE;
    int64_t first = now - (2 + below(f, 8)) * MINUTE;

    d->dates_len = (size_t)(4 + below(f, FLEET_DATES - 4));
    for (size_t i = 0; i < d->dates_len; i++) {
        d->dates[i] = first + (int64_t)i * MINUTE;
    }
}

static struct fleet_dag *add_dag(struct fleet *f, const char *id)
{
    struct fleet_dag *d = &f->dags[f->dags_len++];

    assert(f->dags_len <= FLEET_DAGS);
    (void)snprintf(d->id, sizeof d->id, "%s", id);
    return d;
}

static void finish_dag(struct fleet *f, struct fleet_dag *d)
{
    struct value *v = NULL;
    struct err e = {0};

    draw_spec(f, d);
    d->dag = world_dag(d->spec);
    if (d->schedule != NULL &&
        value_parse(&d->dag->arena, d->schedule, strlen(d->schedule), &v, &e) != 0) {
        (void)fprintf(stderr, "fleet: %s\n", err_str(&e));
        abort();
    }
    d->dag->document = v;
    if (d->dates_len > 0) {
        d->dag->start_date_us = d->dates[0];
        d->dag->end_date_us = d->dates[d->dates_len - 1];
    } else if (d->backfills) {
        d->dag->end_date_us = f->w.now_us - 100 * DAY; /* nothing but backfills makes runs of it */
    }
    if (on(f, FLEET_DEADLINES) && below(f, 2) == 0) {
        give_deadline(f, d->dag);
    }
}

static void draw_producer(struct fleet *f, const char *id)
{
    struct fleet_dag *d = add_dag(f, id);

    d->asks = true;
    for (int t = 0; t < FLEET_TASKS; t++) {
        if (on(f, FLEET_ASSETS) && below(f, 3) == 0) {
            d->outlet[t] = "abx"[below(f, 3)];
        }
        d->starts[t] = on(f, FLEET_CHILDREN) && below(f, 3) == 0;
    }
    finish_dag(f, d);
}

static void draw_dags(struct fleet *f)
{
    struct fleet_dag *d;

    draw_producer(f, "made");
    if (below(f, 3) == 0) {
        draw_producer(f, "more");
    }
    if (on(f, FLEET_CLOCK)) {
        d = add_dag(f, "clock");
        d->schedule = "{\"schedule\":\"* * * * *\"}";
        draw_clock(f, d);
        d->backfills = on(f, FLEET_BACKFILLS);
        finish_dag(f, d);
    }
    if (on(f, FLEET_BACKFILLS)) {
        d = add_dag(f, "past");
        d->schedule = "{\"schedule\":\"0 0 * * *\"}";
        d->backfills = true;
        finish_dag(f, d);
    }
    if (on(f, FLEET_CHILDREN)) {
        finish_dag(f, add_dag(f, "child"));
    }
    for (size_t i = 0; on(f, FLEET_ASSETS) && i < sizeof consumers / sizeof consumers[0]; i++) {
        if (below(f, 2) == 0) {
            d = &f->dags[f->dags_len++];
            *d = consumers[i];
            if (d->timed) {
                draw_clock(f, d);
            }
            finish_dag(f, d);
        }
    }
}

/* ---- what people ask for ---- */

static size_t draw_dag(struct fleet *f, bool (*fits)(const struct fleet_dag *d))
{
    size_t i = (size_t)below(f, (int)f->dags_len);

    while (!fits(&f->dags[i])) {
        i = (i + 1) % f->dags_len;
    }
    return i;
}

static bool may_ask(const struct fleet_dag *d)
{
    return d->asks;
}

static bool may_backfill(const struct fleet_dag *d)
{
    return d->backfills;
}

static bool any_dag(const struct fleet_dag *d)
{
    (void)d;
    return true;
}

static void draw_backfill(struct fleet *f, struct fleet_intent *x)
{
    const struct fleet_dag *d = &f->dags[x->dag];

    if (d->dates_len > 0) { /* beside its schedule, and before it */
        x->first_us = d->dates[0] - below(f, 4) * MINUTE;
        x->last_us = x->first_us + below(f, 8) * MINUTE;
    } else {
        x->first_us = f->w.now_us - (200 + below(f, 5)) * DAY;
        x->last_us = x->first_us + below(f, 10) * DAY;
    }
    x->n = 1 + below(f, 3);
    x->reprocess = below(f, 3);
    x->backwards = below(f, 2) == 0;
}

static void draw_intent(struct fleet *f, struct fleet_intent *x)
{
    static const int states[] = {TASK_SUCCESS, TASK_FAILED, TASK_SKIPPED};
    static const char *const partitions[] = {NULL, NULL, "2026", "2027"};

    switch (x->kind) {
    case INTENT_RUN:
        x->dag = draw_dag(f, may_ask);
        x->first_us = f->w.now_us - DAY + (int64_t)x->number * 7 * TIME_SECOND + 1;
        x->partition = on(f, FLEET_ASSETS) ? partitions[below(f, 4)] : NULL;
        break;
    case INTENT_EVENT:
        x->letter = "abx"[below(f, 3)];
        x->partition = partitions[below(f, 4)];
        break;
    case INTENT_BACKFILL:
        x->dag = draw_dag(f, may_backfill);
        draw_backfill(f, x);
        break;
    case INTENT_CHANGE:
        x->n = below(f, 5) == 0 ? 2 : below(f, 2); /* pause, unpause, cancel */
        break;
    case INTENT_MARK:
        x->n = states[below(f, 3)];
        x->task = (uint32_t)below(f, FLEET_TASKS);
        break;
    case INTENT_CLEAR:
        x->task = (uint32_t)below(f, FLEET_TASKS);
        break;
    case INTENT_PAUSE:
        x->dag = draw_dag(f, any_dag);
        x->n = below(f, 2);
        break;
    case INTENT_POOL:
        x->dag = (size_t)below(f, FLEET_POOLS);
        x->n = POOL_LEAST + below(f, 4);
        break;
    default:
        break;
    }
}

static enum intent_kind draw_kind(struct fleet *f)
{
    static const unsigned needs[INTENT_KINDS] = {[INTENT_RUN] = FLEET_ALL,
                                                 [INTENT_EVENT] = FLEET_ASSETS,
                                                 [INTENT_BACKFILL] = FLEET_BACKFILLS,
                                                 [INTENT_CHANGE] = FLEET_BACKFILLS,
                                                 [INTENT_CLEAR] = FLEET_COMMANDS,
                                                 [INTENT_MARK] = FLEET_COMMANDS,
                                                 [INTENT_STOP] = FLEET_COMMANDS,
                                                 [INTENT_PAUSE] = FLEET_PAUSES,
                                                 [INTENT_POOL] = FLEET_LIMITS};

    for (;;) {
        enum intent_kind k =
            below(f, 3) == 0 ? INTENT_RUN : (enum intent_kind)below(f, INTENT_KINDS);

        if ((f->features & needs[k]) != 0 || k == INTENT_RUN) {
            return k;
        }
    }
}

static void draw_intents(struct fleet *f)
{
    size_t n = (size_t)(2 + below(f, FLEET_INTENTS - 2 - FLEET_POOLS));

    for (size_t i = 0; i < FLEET_POOLS;
         i++) { /* the pools are there before anything waits for them */
        struct fleet_pool *p = &f->pools[f->pools_len++];

        (void)snprintf(p->name, sizeof p->name, "p%zu", i);
        f->intents[f->intents_len++] =
            (struct fleet_intent){.kind = INTENT_POOL, .dag = i, .n = POOL_LEAST + below(f, 4)};
    }
    for (size_t i = 0; i < n; i++) {
        struct fleet_intent *x = &f->intents[f->intents_len];

        *x = (struct fleet_intent){.kind = draw_kind(f), .number = (unsigned)f->intents_len};
        f->intents_len++;
        draw_intent(f, x);
    }
}

void fleet_draw(struct fleet *f)
{
    /* Some features in each seed, so that each is also seen with few others. */
    f->features = (unsigned)(prng_next(&f->w.prng) & prng_next(&f->w.prng) & FLEET_ALL);
    f->features |= 1u << below(f, 13);
    f->features |= on(f, FLEET_DEADLINES) ? FLEET_ALERTS : 0;
    f->slots = on(f, FLEET_LIMITS) ? 1 + below(f, 3) : 16;
    f->w.now_us = INT64_C(1767225600) * TIME_SECOND + 400 * DAY + 12345678;
    f->w.commanded = on(f, FLEET_COMMANDS | FLEET_BACKFILLS); /* a backfill clears, too */
    draw_dags(f);
    draw_intents(f);
}

void fleet_undraw(struct fleet *f)
{
    for (size_t i = 0; i < f->dags_len; i++) {
        dag_unref(f->dags[i].dag);
    }
}

const struct fleet_dag *fleet_dag_of(const struct fleet *f, int64_t dag_key)
{
    for (size_t i = 0; i < f->dags_len; i++) {
        if (f->dags[i].dag_key == dag_key) {
            return &f->dags[i];
        }
    }
    return NULL;
}
