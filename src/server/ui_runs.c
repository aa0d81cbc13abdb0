/* One run as the graph and the Gantt chart show it: the states of its tasks now, and when each try was at work. */
#include <string.h>

#include "base/mem.h"
#include "server/ui.h"

#define GANTT_MAX 5000

/* ---- states ---- */

/* A task over its instances. */
struct sum {
    uint32_t counts[TASK_STATE_MAX_];
    uint32_t none; /* of a mapped task: instances that have no row yet */
    bool mapped;   /* it was expanded */
    uint16_t try_number;
    int64_t queued_us, start_us, end_us;
};

static void add(struct sum *s, const struct ti_row *t)
{
    if (t->key.map_index < 0 && t->map_len > 0) {
        s->mapped = true;
        s->none += (uint32_t)t->map_len;
        return;
    }
    s->none -= t->key.map_index >= 0 && s->none > 0;
    s->counts[t->state]++;
    s->try_number = t->try_number > s->try_number ? t->try_number : s->try_number;
    if (t->queued_us != TIME_NONE && (s->queued_us == TIME_NONE || t->queued_us < s->queued_us)) {
        s->queued_us = t->queued_us;
    }
    if (t->start_us != TIME_NONE && (s->start_us == TIME_NONE || t->start_us < s->start_us)) {
        s->start_us = t->start_us;
    }
    if (t->end_us != TIME_NONE && (s->end_us == TIME_NONE || t->end_us > s->end_us)) {
        s->end_us = t->end_us;
    }
}

static void put_sum(struct call *c, const struct task *t, struct sum *s)
{
    int state;

    s->counts[TASK_NONE] += s->none;
    state = ui_worst(s->counts);
    json_key(&c->w, t->task_id);
    json_object(&c->w);
    put_text(c, "state", state != TASK_NONE ? task_state_to_string(state) : NULL);
    if (s->mapped) {
        ui_put_counts(c, "n", s->counts);
    }
    put_int(c, "try", s->try_number);
    put_time(c, "queued_at", s->queued_us);
    put_time(c, "start_date", s->start_us);
    /* While one of them is at work the whole has not ended. */
    put_time(c, "end_date",
             state == TASK_NONE || task_state_finished(state) ? s->end_us : TIME_NONE);
    put_text(c, "operator", t->operator_name);
    json_object_end(&c->w);
}

static const struct sum nothing = {
    .queued_us = TIME_NONE, .start_us = TIME_NONE, .end_us = TIME_NONE};

int ui_run_states(struct call *c, struct err *e)
{
    struct api_run r = {0};
    struct ui_versions v = {0};
    size_t at = 0;
    int rc = api_find_run(c, &r.row, &r.run, e);

    rc = rc == 0 ? ui_versions(c, r.row.dag_key, &v, e) : rc;
    rc = rc == 0 ? api_load_run(c, &r, e) : rc;
    if (rc != 0) {
        return rc;
    }
    json_object(&c->w);
    put_text(c, "dag_id", r.row.dag_id);
    put_text(c, "run_id", r.run.run_id);
    put_text(c, "state", run_state_to_string(r.run.state));
    put_time(c, "start_date", r.run.start_us);
    put_time(c, "end_date", r.run.end_us);
    put_int(c, "version", ui_version_number(&v, r.run.version_key));
    json_key(&c->w, "tasks");
    json_object(&c->w);
    for (uint32_t k = 0; k < r.dag->tasks_len; k++) {
        struct sum s = nothing;

        for (; at < r.tis_len && r.tis[at].key.task == k; at++) {
            add(&s, &r.tis[at]);
        }
        put_sum(c, &r.dag->tasks[k], &s);
    }
    json_object_end(&c->w);
    json_object_end(&c->w);
    return 0;
}

/* ---- Gantt ---- */

struct gantt {
    struct call *c;
    const struct api_run *r;
    struct store *s;
    size_t rows;
    bool truncated;
    int64_t start_us, end_us;
};

static void put_bar(struct gantt *g, const struct ti_row *t)
{
    struct call *c = g->c;
    int64_t first = t->queued_us != TIME_NONE ? t->queued_us : t->start_us;

    if (first == TIME_NONE) {
        return; /* it was never at work */
    }
    if (g->rows == GANTT_MAX) {
        g->truncated = true;
        return;
    }
    g->rows++;
    g->start_us = g->start_us == TIME_NONE || first < g->start_us ? first : g->start_us;
    if (t->end_us != TIME_NONE && (g->end_us == TIME_NONE || t->end_us > g->end_us)) {
        g->end_us = t->end_us;
    }
    json_object(&c->w);
    put_text(c, "task_id", g->r->dag->tasks[t->key.task].task_id);
    put_int(c, "map_index", t->key.map_index);
    put_int(c, "try", t->try_number);
    put_time(c, "queued", t->queued_us);
    put_time(c, "start", t->start_us);
    put_time(c, "end", t->end_us);
    put_text(c, "state", t->state != TASK_NONE ? task_state_to_string(t->state) : NULL);
    json_object_end(&c->w);
}

/* The tries that another one followed, then the present one. */
static int put_bars(struct gantt *g, const struct ti_row *t, struct err *e)
{
    struct ti_row *old;
    size_t n = 0;
    int rc = 0;

    if (t->key.map_index < 0 && t->map_len > 0) {
        return 0;
    }
    if (t->try_number > 1 && !g->truncated) {
        rc = g->s->ops->get_tries(g->s, &t->key, &g->c->arena, &old, &n, e);
    }
    for (size_t i = 0; rc == 0 && i < n; i++) {
        put_bar(g, &old[i]);
    }
    if (rc == 0) {
        put_bar(g, t);
    }
    return rc;
}

int ui_gantt(struct call *c, struct err *e)
{
    struct api_run r = {0};
    struct gantt g = {.c = c, .r = &r, .start_us = TIME_NONE, .end_us = TIME_NONE};
    int rc = api_open_run(c, &r, e);

    rc = rc == 0 ? server_store(c, &g.s, e) : rc;
    if (rc != 0) {
        return rc;
    }
    json_object(&c->w);
    json_key(&c->w, "rows");
    json_array(&c->w);
    for (size_t i = 0; rc == 0 && i < r.tis_len; i++) {
        rc = r.tis[i].key.task < r.dag->tasks_len ? put_bars(&g, &r.tis[i], e) : 0;
    }
    json_array_end(&c->w);
    put_time(c, "start", r.run.start_us != TIME_NONE ? r.run.start_us : g.start_us);
    put_time(c, "end", run_state_finished(r.run.state) ? r.run.end_us : TIME_NONE);
    put_bool(c, "truncated", g.truncated);
    json_object_end(&c->w);
    return rc;
}
