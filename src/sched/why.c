/* Why an instance does not run: facts for people, the weightiest first. */
#include "sched/sched_priv.h"

#include <stdarg.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/limits.h"

#define NAMES_MAX SCHED_REASON_NAMES /* upstreams named; then "and N more" */

struct teller {
    sched_reason_fn *fn;
    void *arg;
    struct buf text; /* of the fact at hand; the memory is kept */
    int rc;
};

static void tell(struct teller *w, struct sched_reason *r)
{
    r->text = buf_cstr(&w->text);
    w->rc = w->rc == 0 ? buf_status(&w->text) : w->rc;
    w->fn(w->arg, r);
    buf_clear(&w->text);
}

static void say(struct teller *w, struct sched_reason r, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static void say(struct teller *w, struct sched_reason r, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    (void)buf_vprintf(&w->text, fmt, ap);
    va_end(ap);
    tell(w, &r);
}

#define FACT(...) ((struct sched_reason){.at_us = TIME_NONE, __VA_ARGS__})

static void name_one(const struct run *r, const struct ti *u, const char *before, struct buf *out)
{
    const struct mapping *m = map_expanded(r, u->task);

    if (m == NULL) {
        buf_printf(out, "%s%s (%s)", before, ti_task(r, u)->task_id,
                   task_state_to_string(u->state));
    } else {
        uint32_t ended = 0;

        for (int i = 0; i < TASK_STATE_MAX_; i++) {
            ended += task_state_finished((uint8_t)i) ? m->counts[i] : 0;
        }
        buf_printf(out, "%s%s (%u of %d ended)", before, ti_task(r, u)->task_id, ended, m->len);
    }
}

/* "load (running), transform (none) and 3 more" for the upstreams of a list whose states count as
 * not yet there. */
static void name_unfinished(struct teller *w, const struct run *r, const char *code,
                            const char *rule, const uint32_t *list, uint32_t n, const char *before)
{
    struct sched_reason f = FACT(.code = code, .rule = rule);

    for (uint32_t i = 0; i < n; i++) {
        const struct ti *u = &r->tis[list[i]];

        if (state_class(task_state_of(r, list[i])) != UP_NONE) {
            continue;
        }
        if (f.names_len == NAMES_MAX) {
            f.more++;
            continue;
        }
        name_one(r, u, f.names_len == 0 ? before : ", ", &w->text);
        f.names[f.names_len++] = ti_task(r, u)->task_id;
    }
    if (f.more > 0) {
        buf_printf(&w->text, " and %zu more", f.more);
    }
    if (f.names_len > 0) {
        tell(w, &f);
    }
}

/* The runs that this one is counted among: those of its DAG, or of its backfill. */
static const struct group *group_of(const struct run *r)
{
    for (size_t i = 0; i < r->owner->groups_len; i++) {
        if (r->owner->groups[i].backfill_key == r->backfill_key) {
            return &r->owner->groups[i];
        }
    }
    return NULL;
}

static void why_queued(struct teller *w, const struct run *r)
{
    const struct group *g = group_of(r);
    int32_t max = g != NULL ? sched_group_limit(g, r->owner, r) : 0;

    if (r->owner->paused) {
        say(w, FACT(.code = "run_queued_paused"), "the run is queued and the DAG is paused");
    } else if (g != NULL && g->paused) {
        say(w, FACT(.code = "run_queued_backfill_paused", .n = r->backfill_key),
            "the run is queued and backfill %lld is paused", (long long)r->backfill_key);
    } else if (g != NULL && r->backfill_key != 0 && max > 0 && g->active >= (uint32_t)max) {
        say(w, FACT(.code = "run_queued_backfill_full", .n = r->backfill_key, .of = max),
            "the run is queued: backfill %lld has %u of %d active runs", (long long)r->backfill_key,
            g->active, max);
    } else if (g != NULL && g->active >= (uint32_t)max) {
        say(w, FACT(.code = "run_queued_full", .n = g->active, .of = max),
            "the run is queued: all %d of max_active_runs are running", max);
    } else {
        say(w, FACT(.code = "run_queued"), "the run is queued");
    }
}

static void why_none(struct teller *w, const struct run *r, const struct ti *ti)
{
    const struct task *t = ti_task(r, ti);
    const struct dag *d = r->dag;

    if (r->state == RUN_QUEUED) {
        why_queued(w, r);
    }
    name_unfinished(w, r, "upstream", trigger_rule_to_string(t->trigger_rule),
                    d->up + d->up_off[ti->task], dag_up_len(d, ti->task), "waits for ");
    name_unfinished(w, r, "setup", NULL, t->setups, t->setups_len, "waits for the setup ");
    if (t->is_teardown) {
        name_unfinished(w, r, "scope", NULL, t->scope, t->scope_len, "waits for its scope: ");
    }
    if (map_of(r, ti->task) != NULL && map_of(r, ti->task)->question != 0) {
        say(w, FACT(.code = "map_length"), "its length is being asked for");
    }
    if ((ti->flags & TI_PAST) != 0) {
        if (r->previous != PREVIOUS_KNOWN) {
            say(w, FACT(.code = "past_unknown"),
                "depends on the previous run, which is not known yet");
        } else if (r->previous_run != NULL) {
            say(w, FACT(.code = "past", .name = r->previous_run->run_id),
                "depends_on_past: %s has not succeeded in the previous run %s", t->task_id,
                r->previous_run->run_id);
        } else {
            say(w, FACT(.code = "past"),
                "depends_on_past: %s has not succeeded in the previous run", t->task_id);
        }
    }
    if (run_state_finished(r->state)) {
        say(w, FACT(.code = "run_ended", .name = run_state_to_string(r->state)),
            "the run has ended (%s)", run_state_to_string(r->state));
    }
}

static void why_pool(struct teller *w, const struct limit *p, const struct lane *l)
{
    if (!p->known) {
        say(w, FACT(.code = "pool_missing", .name = p->name), "the pool %s does not exist",
            p->name);
    } else if (p->slots >= 0 && l->slots > p->slots) {
        say(w, FACT(.code = "pool_small", .name = p->name, .needs = l->slots, .of = p->slots),
            "needs %d slots, and the pool %s has only %lld", l->slots, p->name,
            (long long)p->slots);
    } else if (limit_free(p) >= l->slots) {
        say(w, FACT(.code = "pool_kept", .name = p->name),
            "the pool %s is kept free for a task that needs more slots", p->name);
    } else if (!p->exclusive && p->granted < p->slots) {
        say(w, FACT(.code = "pool_granted", .name = p->name),
            "waits for slots of the pool %s from the other schedulers", p->name);
    } else {
        say(w,
            FACT(.code = "pool_full", .name = p->name, .n = p->used, .of = p->slots,
                 .needs = l->slots),
            "%lld of %lld slots of the pool %s are taken, and it needs %d", (long long)p->used,
            (long long)p->slots, p->name, l->slots);
    }
}

static void why_limit(struct teller *w, const struct sched *s, const struct limit *on,
                      const struct lane *l)
{
    if (on == NULL) {
        say(w, FACT(.code = "soon"), "is about to be queued");
    } else if (on == &s->parallelism) {
        say(w, FACT(.code = "parallelism", .n = on->used, .of = on->slots),
            "all %lld slots of parallelism are taken", (long long)on->slots);
    } else if (on->kind == LIMIT_OF_RUN) {
        say(w, FACT(.code = "max_active_tasks", .n = on->used, .of = on->slots),
            "all %lld slots of max_active_tasks are taken", (long long)on->slots);
    } else if (on->kind == LIMIT_OF_TASK) {
        say(w, FACT(.code = "max_active_tis_per_dag", .n = on->used, .of = on->slots),
            "%lld of it run in all runs, as many as max_active_tis_per_dag allows",
            (long long)on->used);
    } else if (on->kind == LIMIT_OF_TASK_IN_RUN) {
        say(w, FACT(.code = "max_active_tis_per_dagrun", .n = on->used, .of = on->slots),
            "%lld of it run, as many as max_active_tis_per_dagrun allows", (long long)on->used);
    } else if (on->kind == LIMIT_OF_PAUSE) {
        say(w, FACT(.code = "paused"), "the DAG is paused");
    } else {
        why_pool(w, on, l);
    }
}

static void why_scheduled(struct teller *w, const struct sched *s, const struct run *r,
                          const struct ti *ti)
{
    const struct lane *l = &r->lanes[r->plan->lane_of[ti->task]];
    const struct limit *on = l->pool->known ? lane_blocker(s, l) : l->pool;

    if (s->shutdown) {
        say(w, FACT(.code = "shutdown"), "the scheduler is shutting down: nothing new is queued");
    } else if (s->full && s->draining) {
        say(w, FACT(.code = "drained"),
            "the scheduler is drained: nothing new is queued until `tradewind drain --cancel`");
    } else if (s->full) {
        say(w, FACT(.code = "store_full"),
            "the store takes nothing new now (full or out of reach)");
    }
    why_limit(w, s, on, l);
    if (on != NULL &&
        (ti->task != l->head.task || (uint32_t)(ti->map_index + 1) != l->head.index)) {
        say(w, FACT(.code = "priority", .n = l->count - 1),
            "%u of higher or equal priority wait with it", l->count - 1);
    }
}

static const char *clock_of(int64_t at_us, char *text)
{
    time_strftime(at_us, "%Y-%m-%d %H:%M:%S UTC", text, TIME_TEXT_MAX);
    return text;
}

static void why_waiting(struct teller *w, const struct run *r, const struct ti *ti, int64_t now_us)
{
    char at[TIME_TEXT_MAX], left[TIME_TEXT_MAX];
    bool retry = ti->state == TASK_UP_FOR_RETRY;
    unsigned try_number = ti->try_number + (unsigned)retry, tries = ti->max_tries + 1u;

    if ((ti->flags & TI_DUE) != 0) {
        say(w, FACT(.code = "upstream_cleared"),
            "its time has come, but an upstream task was cleared");
        name_unfinished(w, r, "upstream", NULL, r->dag->up + r->dag->up_off[ti->task],
                        dag_up_len(r->dag, ti->task), "waits for ");
        return;
    }
    say(w,
        ((struct sched_reason){.code = retry ? "retry" : "reschedule",
                               .n = try_number,
                               .of = tries,
                               .at_us = ti->next_us}),
        "%s at %s, in %s (try %u of %u)", retry ? "next try" : "looks again",
        clock_of(ti->next_us, at),
        duration_format(ti->next_us > now_us ? ti->next_us - now_us : 0, left), try_number, tries);
}

/* A mapped task as a whole: how its instances stand. */
static void why_mapped(struct teller *w, const struct mapping *m)
{
    struct sched_reason f = FACT(.code = "mapped", .n = m->len);

    buf_printf(&w->text, "is mapped, %d instance%s:", m->len, m->len == 1 ? "" : "s");
    for (int i = 0; i < TASK_STATE_MAX_; i++) {
        if (m->counts[i] > 0) {
            buf_printf(&w->text, " %u %s", m->counts[i], task_state_to_string((uint8_t)i));
        }
    }
    tell(w, &f);
}

static void why_one(struct teller *w, const struct sched *s, const struct run *r,
                    const struct ti *ti, int64_t now_us)
{
    switch ((enum task_state)ti->state) {
    case TASK_NONE:
        why_none(w, r, ti);
        break;
    case TASK_SCHEDULED:
        why_scheduled(w, s, r, ti);
        break;
    case TASK_QUEUED:
        if (ti->worker == 0) {
            say(w, FACT(.code = "queued"), "is queued: no worker has taken it yet");
        } else {
            say(w, FACT(.code = "claimed"), "a worker has taken it and starts it");
        }
        break;
    case TASK_RUNNING:
        if ((ti->flags & TI_KILLING) != 0) {
            say(w, FACT(.code = "ending"), "runs, and is being ended");
        } else {
            say(w, FACT(.code = "running"), "runs");
        }
        break;
    case TASK_RESTARTING:
        say(w, FACT(.code = "restarting"),
            "was cleared while running: it runs again when it has ended");
        break;
    case TASK_UP_FOR_RETRY:
    case TASK_UP_FOR_RESCHEDULE:
        why_waiting(w, r, ti, now_us);
        break;
    case TASK_DEFERRED:
        say(w, ((struct sched_reason){.code = "deferred", .at_us = ti->next_us}),
            "is deferred: waits for an event without taking a slot");
        break;
    default:
        say(w, FACT(.code = "ended", .name = task_state_to_string(ti->state)), "has ended: %s%s%s",
            task_state_to_string(ti->state), ti->reason != NULL ? ": " : "",
            ti->reason != NULL ? ti->reason->s : "");
        break;
    }
}

int sched_reasons(const struct sched *s, const struct ti_key *key, int64_t now_us,
                  sched_reason_fn *fn, void *arg)
{
    struct teller w = {.fn = fn, .arg = arg};
    const struct run *r = run_find(s, key->run_key);
    const struct ti *ti;
    struct ti unmade;

    if (r == NULL || key->task >= r->dag->tasks_len) {
        return -ERR_NOTFOUND;
    }
    ti = run_ti((struct run *)(uintptr_t)r, key->task, key->map_index);
    if (ti == NULL && sched_map_unmade(r, key->task, key->map_index, &unmade)) {
        ti = &unmade;
    }
    if (ti == NULL) {
        return -ERR_NOTFOUND;
    }
    buf_init(&w.text, KiB(64));
    if (key->map_index < 0 && map_expanded(r, key->task) != NULL) {
        why_mapped(&w, map_expanded(r, key->task));
    } else {
        why_one(&w, s, r, ti, now_us);
    }
    buf_fini(&w.text);
    return w.rc;
}

static void add_line(void *arg, const struct sched_reason *r)
{
    struct buf *out = arg;

    buf_str(out, r->text);
    buf_char(out, '\n');
}

int sched_why(const struct sched *s, const struct ti_key *key, int64_t now_us, struct buf *out)
{
    int rc = sched_reasons(s, key, now_us, add_line, out);

    return rc == 0 ? buf_status(out) : rc;
}

/* ---- as JSON ---- */

static void put_text(struct json_writer *w, const char *name, const char *text)
{
    if (text != NULL) {
        json_key(w, name);
        json_string(w, text);
    }
}

static void put_number(struct json_writer *w, const char *name, int64_t n)
{
    if (n != 0 && n != TIME_NONE) {
        json_key(w, name);
        json_int(w, n);
    }
}

void sched_reason_json(const struct sched_reason *r, struct json_writer *w)
{
    json_object(w);
    put_text(w, "code", r->code);
    put_text(w, "text", r->text);
    put_text(w, "name", r->name);
    if (r->names_len > 0) {
        json_key(w, "names");
        json_array(w);
        for (size_t i = 0; i < r->names_len; i++) {
            json_string(w, r->names[i]);
        }
        json_array_end(w);
    }
    put_number(w, "more", (int64_t)r->more);
    put_text(w, "rule", r->rule);
    put_number(w, "n", r->n);
    put_number(w, "of", r->of);
    put_number(w, "needs", r->needs);
    put_number(w, "at_us", r->at_us);
    json_object_end(w);
}
