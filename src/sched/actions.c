/*
 * What goes out: rows, transitions, effects. A row appears once per batch (from one
 * sched_actions_clear to the next): an instance remembers its batch and place, and its row is
 * rewritten there when it changes again.
 */
#include "sched/sched_priv.h"

#define PUSH(s, vec, value)                                                            \
    do {                                                                               \
        if (VEC_PUSH((s)->a->vec, (s)->a->vec##_len, (s)->a->vec##_cap, value) != 0) { \
            (s)->nomem = true;                                                         \
        }                                                                              \
    } while (0)

void out_begin(struct sched *s, struct sched_actions *a)
{
    if (a->strings.max == 0) {
        arena_init(&a->strings, SIZE_MAX);
    }
    if (s->batches < a->batch) {
        s->batches = a->batch; /* begun by a core that lived before this one: its numbers must not
                                  come again */
    }
    if (a->batch == 0) {
        a->batch = ++s->batches;
    }
    s->a = a;
    s->last_text = NULL;
}

/* A reason's copy in the actions; many instances with one reason share it. */
static const char *copy_text(struct sched *s, const struct text *t)
{
    if (t == NULL) {
        return NULL;
    }
    if (t != s->last_text) {
        s->last_copy = arena_strdup(&s->a->strings, t->s);
        s->last_text = s->last_copy != NULL ? t : NULL;
        s->nomem |= s->last_copy == NULL;
    }
    return s->last_copy;
}

static const char *copy(struct sched *s, const char *text)
{
    char *p = text != NULL ? arena_strdup(&s->a->strings, text) : NULL;

    s->nomem |= text != NULL && p == NULL;
    return p;
}

void ti_to_row(const struct run *r, const struct ti *ti, struct ti_row *ret)
{
    *ret = (struct ti_row){
        .key = {r->key, ti->task, ti->map_index},
        .state = ti->state,
        .try_number = ti->try_number,
        .max_tries = ti->max_tries,
        .requeues = ti->requeues,
        .attempt = ti->attempt,
        .worker = ti->worker,
        .scheduled_us = ti->scheduled_us,
        .queued_us = ti->queued_us,
        .start_us = ti->start_us,
        .end_us = ti->end_us,
        .next_us = ti->next_us,
        .exit_code = ti->exit_code,
        .map_len = ti->map_index < 0 && map_of(r, ti->task) != NULL ? map_of(r, ti->task)->len : 0,
        .reason = ti->reason != NULL ? ti->reason->s : NULL,
    };
}

void run_to_row(const struct run *r, struct run_row *ret)
{
    *ret = (struct run_row){
        .run_key = r->key,
        .dag_key = r->dag_key,
        .version_key = r->version_key,
        .run_id = r->run_id,
        .state = r->state,
        .type = r->type,
        .logical_date_us = r->logical_date_us,
        .data_interval_start_us = r->interval_start_us,
        .data_interval_end_us = r->interval_end_us,
        .run_after_us = r->run_after_us,
        .queued_us = r->queued_us,
        .start_us = r->start_us,
        .end_us = r->end_us,
        .backfill_key = r->backfill_key,
        .clear_number = r->clear_number,
        .reason = r->reason != NULL ? r->reason->s : NULL,
        .conf = r->conf,
        .partition_key = r->partition_key,
        .triggered_by = r->triggered_by,
        .triggering_user = r->triggering_user,
    };
}

static void write_ti(struct sched *s, struct ti *ti)
{
    struct ti_row row;

    ti_to_row(ti_run(ti), ti, &row);
    row.reason = copy_text(s, ti->reason);
    if (ti->batch == (uint32_t)s->a->batch) {
        assert(ti->row < s->a->tis_len);
        s->a->tis[ti->row] = row;
        return;
    }
    ti->batch = (uint32_t)s->a->batch;
    ti->row = (uint32_t)s->a->tis_len;
    PUSH(s, tis, row);
}

static void write_run(struct sched *s, struct run *r)
{
    struct run_row row;

    run_to_row(r, &row);
    row.reason = copy_text(s, r->reason);
    if (r->batch == s->a->batch) {
        struct run_row *old = &s->a->runs[r->row];

        row.run_id = old->run_id; /* these never change */
        row.conf = old->conf;
        row.partition_key = old->partition_key;
        row.triggering_user = old->triggering_user;
        *old = row;
        return;
    }
    row.run_id = copy(s, r->run_id);
    row.conf = copy(s, r->conf);
    row.partition_key = copy(s, r->partition_key);
    row.triggering_user = copy(s, r->triggering_user);
    r->batch = s->a->batch;
    r->row = s->a->runs_len;
    PUSH(s, runs, row);
}

void out_end(struct sched *s)
{
    for (size_t i = 0; i < s->touched_len; i++) {
        s->touched[i]->flags &= (uint8_t)~TI_TOUCHED;
        if (!s->nomem) {
            write_ti(s, s->touched[i]);
        }
    }
    for (size_t i = 0; i < s->touched_runs_len; i++) {
        s->touched_runs[i]->touched = false;
        if (!s->nomem) {
            write_run(s, s->touched_runs[i]);
        }
    }
    s->touched_len = s->touched_runs_len = 0;
    s->a = NULL;
}

void touch_ti(struct sched *s, struct run *r, struct ti *ti)
{
    (void)r;
    if ((ti->flags & TI_TOUCHED) == 0) {
        if (VEC_PUSH(s->touched, s->touched_len, s->touched_cap, ti) != 0) {
            s->nomem = true;
            return;
        }
        ti->flags |= TI_TOUCHED;
    }
}

void touch_run(struct sched *s, struct run *r)
{
    if (!r->touched) {
        if (VEC_PUSH(s->touched_runs, s->touched_runs_len, s->touched_runs_cap, r) != 0) {
            s->nomem = true;
            return;
        }
        r->touched = true;
    }
}

void out_transition(struct sched *s, struct run *r, struct ti *ti, uint8_t from)
{
    struct transition_row row = {
        .key = {r->key, ti->task, ti->map_index},
        .from = from,
        .to = ti->state,
        .try_number = ti->try_number,
        .at_us = s->now_us,
        .reason = copy_text(s, ti->reason),
    };

    s->stats.transitions++;
    PUSH(s, transitions, row);
}

void out_try(struct sched *s, struct run *r, struct ti *ti)
{
    struct ti_row row;

    ti_to_row(r, ti, &row);
    row.reason = copy_text(s, ti->reason);
    if (!task_state_finished(row.state)) {
        row.state = TASK_FAILED; /* a try that did not come to its own end counts as failed in the
                                    history */
    }
    if (row.end_us == TIME_NONE) {
        row.end_us = s->now_us;
    }
    PUSH(s, tries, row);
}

void out_dispatch(struct sched *s, struct run *r, struct ti *ti)
{
    struct sched_dispatch d = {
        .key = {r->key, ti->task, ti->map_index},
        .token = ti->attempt,
        .try_number = ti->try_number,
        .resumed = ti->start_us != TIME_NONE,
        .weight = ti_task(r, ti)->effective_weight,
    };

    PUSH(s, dispatches, d);
}

void out_kill(struct sched *s, struct run *r, struct ti *ti, const char *reason)
{
    struct sched_kill k = {{r->key, ti->task, ti->map_index}, ti->attempt, copy(s, reason)};

    PUSH(s, kills, k);
}

void out_question(struct sched *s, int64_t id, enum sched_ask kind, int64_t run_key, uint32_t task,
                  int64_t deadline_us)
{
    struct sched_question q = {id, kind, run_key, task, deadline_us};

    PUSH(s, questions, q);
}

void out_grant(struct sched *s, const char *resource, int64_t n)
{
    struct sched_grant g = {copy(s, resource), (int32_t)(n > INT32_MAX ? INT32_MAX : n)};

    PUSH(s, grants, g);
}

/* Its arrays and texts are copied. */
void sched_out_move(struct sched *s, const struct sched_move *m)
{
    struct sched_move row = *m;
    uint32_t *to = arena_array(&s->a->strings, (size_t)m->to_len + 1, sizeof *to);
    const char **ids = arena_array(&s->a->strings, (size_t)m->to_len + 1, sizeof *ids);

    if (to == NULL || ids == NULL) {
        s->nomem = true;
        return;
    }
    for (uint32_t i = 0; i < m->to_len; i++) {
        to[i] = m->to[i];
        ids[i] = copy(s, m->task_ids[i]);
    }
    row.to = to;
    row.task_ids = ids;
    PUSH(s, moves, row);
}

void out_reply(struct sched *s, int64_t command, int rc, const char *text, uint32_t affected)
{
    struct sched_reply reply = {command, rc, copy(s, text), affected};

    PUSH(s, replies, reply);
}

void out_pause(struct sched *s, int64_t dag_key, const char *reason)
{
    __typeof__(*s->a->pauses) p = {dag_key, copy(s, reason)};

    PUSH(s, pauses, p);
}

void sched_actions_clear(struct sched_actions *a)
{
    if (a->strings.used > 0) {
        arena_fini(&a->strings);
    }
    a->batch = 0;
    a->tis_len = a->runs_len = a->transitions_len = a->tries_len = a->grants_len = 0;
    a->moves_len = 0;
    a->dispatches_len = a->kills_len = a->questions_len = a->replies_len = a->pauses_len = 0;
}

void sched_actions_fini(struct sched_actions *a)
{
    arena_fini(&a->strings);
    mem_free(a->tis);
    mem_free(a->runs);
    mem_free(a->transitions);
    mem_free(a->tries);
    mem_free(a->grants);
    mem_free(a->moves);
    mem_free(a->dispatches);
    mem_free(a->kills);
    mem_free(a->questions);
    mem_free(a->replies);
    mem_free(a->pauses);
    *a = (struct sched_actions){0};
}
