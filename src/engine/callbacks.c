/*
 * Callbacks of a DAG after its run has ended. The document says which there are; they run in a process of their own once the end is
 * durable, and nothing follows from how they end. A run that is cleared and ends again calls them again.
 */
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "engine/engine_priv.h"
#include "model/dag.h"

static bool has_callback(const struct dag *d, const char *word)
{
    return d->document != NULL && dag_calls_back(value_get(d->document, "callbacks"), word);
}

void engine_choose_instance(struct engine *g, const struct run_row *run, const struct dag *d,
                            struct worker_callback *c)
{
    int64_t last = INT64_MIN;

    c->key = (struct ti_key){run->run_key, 0, -1};
    for (uint32_t t = 0; t < d->tasks_len; t++) {
        struct ti_key key = {run->run_key, t, -1};
        struct ti_row row;

        if (sched_get_ti(g->sched, &key, &row) == 0 && row.end_us != TIME_NONE &&
            row.end_us > last &&
            row.state == (run->state == RUN_SUCCESS ? TASK_SUCCESS : TASK_FAILED)) {
            last = row.end_us;
            c->key = key;
            c->try_number = row.try_number;
            c->max_tries = row.max_tries;
        }
    }
}

/* Whether this end of the run is news: its row may come again while something of it still ends. */
static bool is_news(struct engine *g, const struct run_row *run)
{
    for (size_t i = 0; i < g->called_back_len; i++) {
        if (g->called_back[i] == run->run_key) {
            if (!run_state_finished(run->state)) {
                g->called_back[i] = g->called_back[--g->called_back_len];
            }
            return false;
        }
    }
    return run_state_finished(run->state);
}

static void call_back(struct engine *g, const struct run_row *run)
{
    struct worker_callback c = {.run = run, .reason = run->reason};
    struct run_row ignored;
    const struct dag *d;
    struct err e = {0};

    c.word = run->state == RUN_SUCCESS ? "success" : "failure";
    if (sched_get_run(g->sched, run->run_key, &ignored, &d) != 0 || !has_callback(d, c.word) ||
        !is_news(g, run)) {
        return;
    }
    c.dag = (struct dag *)d;
    c.token = uuid_v7(engine_now(g), &g->callback_ids);
    engine_choose_instance(g, run, d, &c);
    if (VEC_PUSH(g->called_back, g->called_back_len, g->called_back_cap, run->run_key) != 0 ||
        g->worker->ops->callback(g->worker, &c, &e) != 0) {
        const struct log_about about = {.dag_id = d->dag_id, .run_id = run->run_id};

        log_about(LOG_LEVEL_WARNING, "engine", &about, "on_%s_callback cannot run: %s", c.word,
                  err_str(&e));
    }
}

static void log_end(struct engine *g, const struct run_row *run)
{
    bool failed = run->state == RUN_FAILED;
    struct log_about about = {.run_id = run->run_id};
    struct run_row ignored;
    const struct dag *d;

    if (!run_state_finished(run->state) ||
        sched_get_run(g->sched, run->run_key, &ignored, &d) != 0) {
        return;
    }
    about.dag_id = d->dag_id;
    log_about(failed ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG, "engine", &about,
              "the run has ended: %s%s%s", run_state_to_string(run->state),
              failed && run->reason != NULL ? ": " : "",
              failed && run->reason != NULL ? run->reason : "");
}

void callbacks_of_runs(struct engine *g)
{
    for (size_t i = 0; i < g->actions.runs_len; i++) {
        log_end(g, &g->actions.runs[i]);
    }
    for (size_t i = 0; g->worker->ops->callback != NULL && i < g->actions.runs_len; i++) {
        const struct run_row *run = &g->actions.runs[i];

        if (run_state_finished(run->state)) {
            call_back(g, run);
        } else if (g->called_back_len != 0) {
            (void)is_news(g, run);
        }
    }
}
