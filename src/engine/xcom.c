/* XComs as commands: one is deleted, and then the others of its instance are written again in the same commit; one is written. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "engine/engine_priv.h"
#include "engine/world.h"

struct drop {
    struct engine *g;
    const struct ti_key *key;
    const char *name;
    struct arena *arena;
    struct xcom_row *kept; /* the others, with their values */
    size_t kept_len;
    const char *spill; /* of the one that goes, or NULL */
    bool found;
    struct err *e;
};

static int check_at_rest(struct drop *d)
{
    const unsigned at_work = 1u << TASK_QUEUED | 1u << TASK_RUNNING | 1u << TASK_DEFERRED |
                             1u << TASK_RESTARTING | 1u << TASK_UP_FOR_RESCHEDULE;
    struct ti_row *rows;
    size_t n = 0;
    int rc =
        d->g->store->ops->get_tis(d->g->store, d->key->run_key, at_work, d->arena, &rows, &n, d->e);

    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (rows[i].key.task == d->key->task && rows[i].key.map_index == d->key->map_index) {
            rc = err_set(d->e, ERR_CONFLICT, "the task is %s: its XComs are its own until it ends",
                         task_state_to_string(rows[i].state));
        }
    }
    return rc;
}

static int do_read(void *arg)
{
    struct drop *d = arg;
    struct store *s = d->g->store;
    struct xcom_row *all, row;
    size_t n = 0;
    int rc = check_at_rest(d);

    rc = rc == 0 ? s->ops->get_xcoms(s, d->key, d->arena, &all, &n, d->e) : rc;
    d->kept = rc == 0 ? arena_array(d->arena, n + 1, sizeof *d->kept) : NULL;
    if (rc == 0 && d->kept == NULL) {
        rc = err_set(d->e, ERR_NOMEM, "out of memory for XComs");
    }
    for (size_t i = 0; rc == 0 && i < n; i++) {
        rc = s->ops->get_xcom(s, d->key, all[i].name, d->arena, &row, d->e);
        if (rc != 0) {
            break;
        }
        if (strcmp(all[i].name, d->name) == 0) {
            d->found = true;
            d->spill = row.spill;
        } else {
            d->kept[d->kept_len++] = row;
        }
    }
    return rc == 0 && !d->found ? err_set(d->e, ERR_NOTFOUND, "the task has no XCom '%s'", d->name)
                                : rc;
}

static int do_unlink(void *arg)
{
    const struct drop *d = arg;
    char path[4400];

    (void)snprintf(path, sizeof path, "%s/%s", d->g->config.home, d->spill);
    (void)unlink(path);
    return 0;
}

int engine_delete_xcom(struct engine *g, const struct ti_key *key, const char *name, struct err *e)
{
    struct audit_row audit = {.actor = "cli", .action = "xcom delete", .at_us = engine_now(g)};
    struct arena a;
    struct drop d = {.g = g, .key = key, .name = name, .arena = &a, .e = e};
    struct request r = {.clear = key, .audit = &audit};
    int rc;

    arena_init(&a, (size_t)1 << 30);
    rc = engine_on_store(g, do_read, &d);
    if (rc == 0) {
        r.row = d.kept_len != 0 ? d.kept : NULL;
        r.row_more = d.kept_len != 0 ? d.kept_len - 1 : 0;
        audit.subject = arena_printf(&a, "run %lld task %u[%d] %s", (long long)key->run_key,
                                     key->task, key->map_index, name);
        rc = audit.subject == NULL ? err_set(e, ERR_NOMEM, "out of memory") : engine_ask(g, &r, e);
    }
    if (rc == 0 && d.spill != NULL && g->config.home != NULL) {
        (void)engine_on_store(g, do_unlink, &d);
    }
    arena_fini(&a);
    return rc;
}

int engine_answer_xcom_delete(const struct world_call *c, struct err *e)
{
    const struct value *run = value_get(c->rq, "run_key"), *task = value_get(c->rq, "task"),
                       *map = value_get(c->rq, "map_index"), *name = value_get(c->rq, "key");
    struct ti_key key = {.map_index = -1};
    int64_t t = 0, index = -1;
    int rc;

    if (run == NULL || task == NULL || name == NULL || name->kind != VALUE_STRING ||
        value_int(run, 1, INT64_MAX, &key.run_key) != 0 ||
        value_int(task, 0, LIMIT_TASKS, &t) != 0 ||
        (map != NULL && value_int(map, -1, INT32_MAX, &index) != 0)) {
        return err_set(e, ERR_PROTOCOL, "xcom_delete needs run_key, task, map_index and key");
    }
    key.task = (uint32_t)t;
    key.map_index = (int32_t)index;
    rc = engine_delete_xcom(c->g, &key, name->text, e);
    if (rc == 0) {
        json_key(c->w, "result");
        json_object(c->w);
        json_object_end(c->w);
    }
    return rc;
}

/* ---- written by a person ---- */

static int do_look(void *arg)
{
    struct drop *d = arg;
    struct xcom_row row;
    int rc = check_at_rest(d);

    rc = rc == 0 ? d->g->store->ops->get_xcom(d->g->store, d->key, d->name, d->arena, &row, d->e)
                 : rc;
    d->found = rc == 0;
    return rc == -ERR_NOTFOUND ? 0 : rc;
}

static int put_xcom(const struct world_call *c, const struct ti_key *key, const char *name,
                    struct buf *value, struct err *e)
{
    const struct value *is_new = value_get(c->rq, "is_new"), *actor = value_get(c->rq, "actor");
    bool fresh = is_new != NULL && is_new->kind == VALUE_BOOL && is_new->boolean;
    struct drop d = {.g = c->g, .key = key, .name = name, .arena = c->arena, .e = e};
    struct xcom_row row = {.key = *key,
                           .name = name,
                           .value = buf_cstr(value),
                           .value_len = value->len,
                           .at_us = engine_now(c->g)};
    struct audit_row audit = {.actor = actor != NULL && actor->kind == VALUE_STRING ? actor->text
                                                                                    : "api",
                              .action = "xcom set",
                              .at_us = engine_now(c->g)};
    struct request r = {.row = &row, .audit = &audit};
    int rc = engine_on_store(c->g, do_look, &d);

    if (rc == 0 && d.found && fresh) {
        return err_set(e, ERR_EXISTS, "the task has an XCom '%s' already", name);
    }
    if (rc == 0 && !d.found && !fresh) {
        return err_set(e, ERR_NOTFOUND, "the task has no XCom '%s'", name);
    }
    audit.subject = arena_printf(c->arena, "run %lld task %u[%d] %s", (long long)key->run_key,
                                 key->task, key->map_index, name);
    return rc == 0 ? engine_ask(c->g, &r, e) : rc;
}

int engine_answer_xcom_put(const struct world_call *c, struct err *e)
{
    const struct value *run = value_get(c->rq, "run_key"), *task = value_get(c->rq, "task"),
                       *map = value_get(c->rq, "map_index"), *name = value_get(c->rq, "key"),
                       *v = value_get(c->rq, "value");
    struct ti_key key = {.map_index = -1};
    struct json_writer w;
    struct buf b BUF_CLEANUP;
    int64_t t = 0, index = -1;
    int rc;

    buf_init(&b, LIMIT_XCOM_INLINE);
    if (run == NULL || task == NULL || name == NULL || name->kind != VALUE_STRING || v == NULL ||
        value_int(run, 1, INT64_MAX, &key.run_key) != 0 ||
        value_int(task, 0, LIMIT_TASKS, &t) != 0 ||
        (map != NULL && value_int(map, -1, INT32_MAX, &index) != 0)) {
        return err_set(e, ERR_PROTOCOL, "xcom_put needs run_key, task, map_index, key and value");
    }
    if (name->len == 0 || name->len > LIMIT_ID_BYTES) {
        return err_set(e, ERR_INVALID, "the key of an XCom has 1 to %d bytes", LIMIT_ID_BYTES);
    }
    json_writer_init(&w, &b, 0);
    json_value(&w, v);
    if (buf_status(&b) != 0) {
        return err_set(e, ERR_LIMIT, "an XCom that a person writes has at most %zu KiB",
                       LIMIT_XCOM_INLINE >> 10);
    }
    key.task = (uint32_t)t;
    key.map_index = (int32_t)index;
    rc = put_xcom(c, &key, name->text, &b, e);
    if (rc == 0) {
        json_key(c->w, "result");
        json_object(c->w);
        json_object_end(c->w);
    }
    return rc;
}
