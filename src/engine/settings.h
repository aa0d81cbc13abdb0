/*
 * Variables, connections and pools: what tasks and commands ask, over a store that this process writes (or, for questions alone, reads).
 * Values are sealed before they reach the store and opened after it (src/secret).
 *
 * op and the members of its request -> of its answer (docs/internals/wire.md):
 *   var_get {key, stored?, folder?} -> {found, value, description}    stored: not from the secrets folder or the environment; folder: from
 *                                                              that folder alone, for whoever knows the environment better
 *   var_set {key, value, description?, is_new?}                is_new: -ERR_EXISTS when there is one
 *   var_delete {key} -> {found}           var_list {} -> {keys}
 *   conn_get {conn_id, stored?, folder?} -> {found, conn}      conn_set {conn_id, conn, is_new?}
 *   conn_delete {conn_id} -> {found}      conn_list {} -> {ids}
 *   pool_set {name, slots, description?, include_deferred?}    pool_delete {name}
 *   favorite_set {actor, dag_id}          favorite_delete {actor, dag_id} -> {found}
 *   user_..., session_..., token_...      engine/accounts.h
 *   rotate {} -> {rotated}                all values under the newest key; a key file gets a new one first
 *
 * A request may have "actor": who changes it. Each change is one transaction with its row of the audit trail, which says what was there and
 * what is there now, without what is secret.
 */
#ifndef TW_ENGINE_SETTINGS_H
#define TW_ENGINE_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

struct arena;
struct engine;
struct err;
struct json_writer;
struct store;
struct value;

/* The kind of rows of who likes which DAG: the name is "WHO\nDAG_ID". */
#define SETTING_FAVORITE "favorite"

/* Writes one JSON object, the answer. Blocks as the store does. */
int settings_do(struct store *s, const char *home, const char *op, const struct value *rq,
                int64_t now_us, struct arena *a, struct json_writer *w, struct err *e);
/* SUSPENDS. The same on the engine's store, as the member "result"; the scheduler learns of changed pools. */
int settings_answer(struct engine *g, const char *op, const struct value *rq, struct arena *a,
                    struct json_writer *w, struct err *e);
/* SUSPENDS. worker_callbacks.variable_get */
int settings_variable(void *arg, const char *key, bool folder, struct arena *a, const char **ret,
                      struct err *e);

#endif
