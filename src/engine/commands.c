/* Commands: others ask, the owner writes (rule 4). Applied in order, each once by its idempotency key. */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/limits.h"
#include "engine/engine_priv.h"
#include "model/dag.h"
#include "runtime/loop.h"

struct known_call {
    struct engine *g;
    const char *key, *result;
    struct arena *arena;
    struct err *e;
};

static int do_find_command(void *arg)
{
    struct known_call *c = arg;

    return c->g->store->ops->find_command(c->g->store, c->key, c->arena, &c->result, c->e);
}

/* 1: it was applied before. */
static int was_applied(struct engine *g, const char *key, struct err *e)
{
    struct arena a;
    struct known_call c = {.g = g, .key = key, .arena = &a, .e = e};
    int rc;

    if (key == NULL) {
        return 0;
    }
    arena_init(&a, MiB(1));
    rc = engine_on_store(g, do_find_command, &c);
    arena_fini(&a);
    return rc == 0 ? 1 : rc == -ERR_NOTFOUND ? 0 : rc;
}

struct version_call {
    struct engine *g;
    int64_t version_key;
    struct arena arena;
    struct version_row row;
    struct err *e;
};

static int do_find_version(void *arg)
{
    struct version_call *c = arg;

    return c->g->store->ops->get_version(c->g->store, c->version_key, &c->arena, &c->row, c->e);
}

/* The DAG of a version: the one that new runs get, so that all runs of it are one DAG, or read from the store. One reference. */
static int version_of(struct engine *g, int64_t version_key, struct dag **ret, struct err *e)
{
    struct version_call c = {.g = g, .version_key = version_key, .e = e};
    int rc;

    for (size_t i = 0; i < g->dags_len; i++) {
        if (g->dags[i].version_key == version_key && g->dags[i].dag != NULL) {
            *ret = dag_ref(g->dags[i].dag);
            return 0;
        }
    }
    arena_init(&c.arena, LIMIT_DOC_BYTES);
    rc = engine_on_store(g, do_find_version, &c);
    rc = rc == 0 ? facts_load_version(g, c.row.dag_key, version_key, ret, e) : rc;
    arena_fini(&c.arena);
    return rc;
}

/* Under engine_make_begin, so that of two with the same key the second sees the first: a key twice in a batch would refuse all of it. */
static int apply(struct engine *g, const struct engine_command *c, uint32_t *ret_affected,
                 struct err *e)
{
    static const enum sched_event_type types[] = {
        [ENGINE_CLEAR] = SCHED_CLEAR,
        [ENGINE_MARK] = SCHED_MARK,
        [ENGINE_STOP_RUN] = SCHED_RUN_STOP,
    };
    static const char *const words[] = {"clear", "mark", "stop"};
    char subject[64], after[120];
    struct command_row done = {.key = c->key, .result = "{}", .at_us = engine_now(g)};
    struct audit_row audit = {.actor = c->actor != NULL ? c->actor : "cli",
                              .action = words[c->op],
                              .subject = subject,
                              .at_us = engine_now(g)};
    struct request r = {.event.type = types[c->op], .wants_reply = true, .audit = &audit};
    struct dag *d = NULL;
    int rc = was_applied(g, c->key, e);

    *ret_affected = 0;
    if (rc != 0) {
        return rc < 0 ? rc : 0;
    }
    rc = c->op == ENGINE_CLEAR && c->move ? version_of(g, c->version_key, &d, e) : 0;
    if (rc != 0) {
        return rc;
    }
    (void)snprintf(subject, sizeof subject, "run %lld", (long long)c->run_key);
    if (c->op == ENGINE_MARK) {
        (void)snprintf(after, sizeof after, "{\"state\":\"%s\",\"tasks\":%zu}",
                       task_state_to_string((int)c->state), c->tasks_len);
    } else {
        (void)snprintf(after, sizeof after, "{\"tasks\":%zu}", c->tasks_len);
    }
    audit.after = c->tasks != NULL || c->op == ENGINE_MARK ? after : NULL;
    r.command = c->key != NULL ? &done : NULL;
    r.event.command.run_key = c->run_key;
    r.event.command.tasks = c->tasks;
    r.event.command.tasks_len = c->tasks_len;
    r.event.command.map_indexes = c->map_indexes;
    r.event.command.version_key = c->version_key;
    r.event.command.dag = d;
    r.event.command.state = (uint8_t)c->state;
    r.event.command.reason = c->reason;
    rc = engine_ask(g, &r, e);
    *ret_affected = r.affected;
    dag_unref(d);
    return rc;
}

int engine_command(struct engine *g, const struct engine_command *c, uint32_t *ret_affected,
                   struct err *e)
{
    struct making making = {.dag_key = -1, .keys = {c->key}};
    int rc = c->key != NULL ? engine_make_begin(g, &making, e) : 0;

    *ret_affected = 0;
    if (rc != 0) {
        return rc;
    }
    rc = apply(g, c, ret_affected, e);
    if (c->key != NULL) {
        engine_make_end(g, &making);
    }
    return rc;
}

int engine_keep_answer(struct engine *g, const char *key, const char *answer, struct err *e)
{
    struct making making = {.dag_key = -1, .keys = {key}};
    struct command_row row = {.key = key, .result = answer, .at_us = engine_now(g)};
    struct request r = {.command = &row};
    int rc = engine_make_begin(g, &making, e);

    if (rc != 0) {
        return rc;
    }
    rc = was_applied(g, key, e);
    rc = rc == 0 ? engine_ask(g, &r, e) : rc < 0 ? rc : 0;
    engine_make_end(g, &making);
    return rc;
}

/* ---- pause ---- */

struct dag_call {
    struct engine *g;
    const char *dag_id;
    struct arena arena;
    struct dag_row row;
    struct err *e;
};

static int do_find_dag(void *arg)
{
    struct dag_call *c = arg;

    return c->g->store->ops->find_dag(c->g->store, c->dag_id, &c->arena, &c->row, c->e);
}

/* The scheduler is told only of a DAG that it knows: whoever makes it known later reads the row. */
static int tell_pause(struct engine *g, struct dag_call *c, bool paused,
                      const struct audit_row *audit)
{
    const struct known_dag *k;
    struct request r = {.dag = &c->row, .audit = audit};
    int rc = register_stored_dag(g, &c->row, c->e);

    k = rc == 0 ? register_known(g, c->row.dag_key) : NULL;
    if (k == NULL) {
        return rc;
    }
    c->row.paused = paused;
    r.event.type = SCHED_DAG;
    r.event.dag.dag_key = k->dag_key;
    r.event.dag.version_key = k->version_key;
    r.event.dag.dag = k->dag;
    r.event.dag.paused = g->schedule != NULL && paused;
    return engine_ask(g, &r, c->e);
}

int engine_pause_dag(struct engine *g, const char *dag_id, bool paused, const char *actor,
                     struct err *e)
{
    struct dag_call c = {.g = g, .dag_id = dag_id, .e = e};
    struct audit_row audit = {.actor = actor != NULL ? actor : "cli",
                              .action = paused ? "pause" : "unpause",
                              .subject = dag_id,
                              .at_us = engine_now(g)};
    int rc;

    arena_init(&c.arena, MiB(64));
    rc = engine_on_store(g, do_find_dag, &c);
    audit.before = rc == 0 && c.row.paused ? "{\"is_paused\":true}" : "{\"is_paused\":false}";
    audit.after = paused ? "{\"is_paused\":true}" : "{\"is_paused\":false}";
    rc = rc == 0 ? tell_pause(g, &c, paused, &audit) : rc;
    rc = rc == 0 && g->schedule != NULL ? engine_schedule_dag(g, c.row.dag_key, e) : rc;
    arena_fini(&c.arena);
    return rc;
}
