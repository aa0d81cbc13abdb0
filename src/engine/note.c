/* Notes on runs and instances. They are the owner's to write: of its batch, with an audit row. */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/utf8.h"
#include "engine/engine_priv.h"
#include "engine/world.h"

struct run_call {
    struct engine *g;
    int64_t run_key;
    struct arena arena;
    struct run_row row;
    struct err *e;
};

static int do_get_run(void *arg)
{
    struct run_call *c = arg;

    return c->g->store->ops->get_run(c->g->store, c->run_key, &c->arena, &c->row, c->e);
}

int engine_note(struct engine *g, const struct ti_key *key, const char *text, const char *actor,
                struct err *e)
{
    struct note_row note = {.key = *key,
                            .text = text != NULL && text[0] != '\0' ? text : NULL,
                            .actor = actor,
                            .at_us = engine_now(g)};
    char subject[96];
    struct audit_row audit = {.actor = actor != NULL ? actor : "cli",
                              .action = note.text != NULL ? "note" : "note removed",
                              .subject = subject,
                              .at_us = note.at_us};
    struct request r = {.note = &note, .audit = &audit};
    struct run_call c = {.g = g, .run_key = key->run_key, .e = e};
    int rc;

    if (text != NULL && strlen(text) > LIMIT_NOTE_BYTES) {
        return err_set(e, ERR_LIMIT, "a note has at most %zu bytes", LIMIT_NOTE_BYTES);
    }
    if (text != NULL && !utf8_valid(text, strlen(text))) {
        return err_set(e, ERR_INVALID, "a note is UTF-8 text");
    }
    arena_init(&c.arena, MiB(64));
    rc = engine_on_store(g, do_get_run, &c);
    arena_fini(&c.arena);
    if (key->task == NOTE_OF_RUN) {
        (void)snprintf(subject, sizeof subject, "run %lld", (long long)key->run_key);
    } else {
        (void)snprintf(subject, sizeof subject, "run %lld task %u index %d",
                       (long long)key->run_key, key->task, key->map_index);
    }
    return rc == 0 ? engine_ask(g, &r, e) : rc;
}

int engine_answer_note(const struct world_call *c, struct err *e)
{
    const struct value *run = value_get(c->rq, "run_key"), *task = value_get(c->rq, "task"),
                       *map = value_get(c->rq, "map_index"), *text = value_get(c->rq, "text"),
                       *actor = value_get(c->rq, "actor");
    struct ti_key key = {0, NOTE_OF_RUN, -1};
    int64_t t = NOTE_OF_RUN, m = -1;

    if (run == NULL || value_int(run, 1, INT64_MAX, &key.run_key) != 0 ||
        (task != NULL && value_int(task, 0, LIMIT_TASKS, &t) != 0) ||
        (map != NULL && value_int(map, -1, INT32_MAX, &m) != 0)) {
        return err_set(e, ERR_PROTOCOL, "a note needs run_key, and perhaps task and map_index");
    }
    key.task = (uint32_t)t;
    key.map_index = (int32_t)m;
    return engine_note(c->g, &key, text != NULL && text->kind == VALUE_STRING ? text->text : NULL,
                       actor != NULL && actor->kind == VALUE_STRING ? actor->text : NULL, e);
}
