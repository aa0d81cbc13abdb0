/* What tasks ask the engine's socket about other runs, and other DAGs; and answers of people (docs/internals/wire.md). */
#ifndef TW_ENGINE_WORLD_H
#define TW_ENGINE_WORLD_H

#include <stdbool.h>

#include "model/rows.h"

struct arena;
struct engine;
struct err;
struct json_writer;
struct value;

/* One request at hand. */
struct world_call {
    struct engine *g;
    const struct value *rq;
    struct arena *arena;
    struct json_writer *w; /* in the answer, after "ok": a handler writes "result" */
    struct ti_key key;     /* of the asking attempt, for tasks' questions */
    struct uuid token;
};

enum asker {
    ASKED_BY_ANYBODY,
    ASKED_BY_ATTEMPT,  /* a live one alone */
    ASKED_BY_CALLBACK, /* a live one, or the process of callbacks or listeners: their attempt, and mostly their run, has ended */
};

bool world_knows(const char *type, enum asker *ret_by);
/* SUSPENDS. */
int world_answer(const struct world_call *c, const char *type, struct err *e);

/* hitl.c: SUSPENDS. */
int hitl_request(const struct world_call *c, struct err *e);
int hitl_get(const struct world_call *c, struct err *e);
int hitl_respond(const struct world_call *c, struct err *e);
/* xcom.c: SUSPENDS. */
int engine_answer_xcom_delete(const struct world_call *c, struct err *e);
int engine_answer_xcom_put(const struct world_call *c, struct err *e);
/* deletes.c: SUSPENDS. */
int engine_answer_ti_delete(const struct world_call *c, struct err *e);
int engine_answer_run_delete(const struct world_call *c, struct err *e);
int engine_answer_dag_delete(const struct world_call *c, struct err *e);
/* consumers_drop.c: SUSPENDS. */
int engine_answer_queue_drop(const struct world_call *c, struct err *e);

/* service.c: SUSPENDS. */
int engine_answer_service(const struct world_call *c, struct err *e);
/* backfill_ask.c: SUSPENDS. */
int engine_answer_backfill_create(const struct world_call *c, struct err *e);
int engine_answer_backfill_change(const struct world_call *c, struct err *e);
/* note.c: SUSPENDS. */
int engine_answer_note(const struct world_call *c, struct err *e);
/* requests.c: SUSPENDS. What the API server asks for. */
int engine_answer_run_create(const struct world_call *c, struct err *e);
int engine_answer_why(const struct world_call *c, struct err *e);
int engine_answer_upcoming(const struct world_call *c, struct err *e); /* schedule.c */
int engine_answer_asset_event(const struct world_call *c, struct err *e);

/* assets.c: SUSPENDS. */
int engine_asset_get(const struct world_call *c, struct err *e);
int engine_asset_count(const struct world_call *c, struct err *e);
int engine_asset_events(const struct world_call *c, struct err *e);

#endif
