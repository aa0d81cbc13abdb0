/* Commands: others ask, the owner writes (rule 4). Applied in order, each once by its idempotency key. */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/limits.h"
#include "engine/engine_priv.h"
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

int engine_command(struct engine *g, const struct engine_command *c, uint32_t *ret_affected,
                   struct err *e)
{
    static const enum sched_event_type types[] = {
        [ENGINE_CLEAR] = SCHED_CLEAR,
        [ENGINE_MARK] = SCHED_MARK,
        [ENGINE_STOP_RUN] = SCHED_RUN_STOP,
    };
    static const char *const words[] = {"clear", "mark", "stop"};
    char subject[64];
    struct command_row done = {.key = c->key, .result = "{}", .at_us = engine_now(g)};
    struct audit_row audit = {.actor = c->actor != NULL ? c->actor : "cli",
                              .action = words[c->op],
                              .subject = subject,
                              .at_us = engine_now(g)};
    struct request r = {.event.type = types[c->op], .wants_reply = true, .audit = &audit};
    int rc = was_applied(g, c->key, e);

    if (rc != 0) {
        *ret_affected = 0;
        return rc < 0 ? rc : 0;
    }
    (void)snprintf(subject, sizeof subject, "run %lld", (long long)c->run_key);
    r.command = c->key != NULL ? &done : NULL;
    r.event.command.run_key = c->run_key;
    r.event.command.tasks = c->tasks;
    r.event.command.tasks_len = c->tasks_len;
    r.event.command.map_indexes = c->map_indexes;
    r.event.command.state = (uint8_t)c->state;
    r.event.command.reason = c->reason;
    rc = engine_ask(g, &r, e);
    *ret_affected = r.affected;
    return rc;
}
