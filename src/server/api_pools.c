/* Pools: rows of the store, and what of them is taken now (asked of the scheduler; 0 while it does not answer). */
#include <string.h>

#include "server/api.h"
#include "server/api_bulk.h"

static int64_t used_of(struct call *c, const char *name, const char *member)
{
    const struct value *stats = NULL, *pools;
    int64_t n = 0;

    pools = server_stats(c, &stats, NULL) == 0 && stats != NULL ? value_get(stats, "pools") : NULL;
    for (size_t i = 0; pools != NULL && i < pools->len; i++) {
        const struct value *v = value_get(pools->elems[i], "name");

        if (v != NULL && strcmp(v->text, name) == 0) {
            (void)value_int(value_get(pools->elems[i], member), 0, INT64_MAX, &n);
        }
    }
    return n;
}

/* default_pool is there before anybody has set it. */
static int list_pools(struct call *c, struct pool_row **ret, size_t *ret_n, struct err *e)
{
    struct pool_row *rows, *all;
    struct store *s;
    size_t n = 0;
    bool has = false;
    int rc = server_store(c, &s, e);

    rc = rc == 0 ? s->ops->get_pools(s, &c->arena, &rows, &n, e) : rc;
    if (rc != 0) {
        return rc;
    }
    for (size_t i = 0; i < n; i++) {
        has = has || strcmp(rows[i].name, "default_pool") == 0;
    }
    all = arena_array(&c->arena, n + 1, sizeof *all);
    if (all == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for pools");
    }
    if (!has) { /* core.default_pool_task_slot_count, as the scheduler has it */
        int64_t slots = used_of(c, "default_pool", "slots");

        all[0] = (struct pool_row){"default_pool", slots != 0 ? slots : DEFAULT_POOL_SLOTS, false,
                                   "Default pool"};
    }
    for (size_t i = 0; i < n; i++) {
        all[i + !has] = rows[i];
    }
    *ret = all;
    *ret_n = n + !has;
    return 0;
}

static void put_pool(struct call *c, const struct pool_row *p)
{
    int64_t slots = p->slots, used = used_of(c, p->name, "used");
    int64_t waiting = used_of(c, p->name, "waiting");

    json_object(&c->w);
    put_text(c, "name", p->name);
    put_int(c, "slots", slots);
    put_text(c, "description", p->description);
    put_bool(c, "include_deferred", p->include_deferred);
    put_int(c, "occupied_slots", used);
    put_int(c, "running_slots", used);
    put_int(c, "queued_slots", 0);
    put_int(c, "scheduled_slots", waiting);
    put_int(c, "open_slots", slots < 0 ? -1 : slots - used);
    put_int(c, "deferred_slots", 0);
    put_null(c, "team_name");
    json_object_end(&c->w);
}

int api_pools(struct call *c, struct err *e)
{
    struct pool_row *rows;
    struct api_page p;
    int64_t total = 0;
    size_t n = 0;
    int rc = api_page(c, &p, e);

    rc = rc == 0 ? list_pools(c, &rows, &n, e) : rc;
    if (rc != 0) {
        return rc;
    }
    api_list(c, "pools");
    for (size_t i = 0; i < n; i++) {
        if (!api_pattern(c, "pool_name", rows[i].name)) {
            continue;
        }
        if (total >= (int64_t)p.offset && total - (int64_t)p.offset < (int64_t)p.limit) {
            put_pool(c, &rows[i]);
        }
        total++;
    }
    api_list_end(c, total);
    return 0;
}

static int find(struct call *c, const char *name, struct pool_row *ret, struct err *e)
{
    struct pool_row *rows;
    size_t n = 0;
    int rc = list_pools(c, &rows, &n, e);

    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (strcmp(rows[i].name, name) == 0) {
            *ret = rows[i];
            return 0;
        }
    }
    return rc != 0 ? rc : err_set(e, ERR_NOTFOUND, "The Pool with name: `%s` was not found", name);
}

int api_pool(struct call *c, struct err *e)
{
    struct pool_row p;
    int rc = find(c, call_param(c, "pool_name"), &p, e);

    if (rc == 0) {
        put_pool(c, &p);
    }
    return rc;
}

static int send(struct call *c, const struct pool_row *p, const char *op, bool *ret_later,
                struct err *e)
{
    struct buf b BUF_CLEANUP = {0};
    struct json_writer w;
    struct value *answer;
    int rc;

    api_command(c, &b, &w);
    json_key(&w, "op");
    json_string(&w, op);
    json_key(&w, "name");
    json_string(&w, p->name);
    json_key(&w, "slots");
    json_int(&w, p->slots);
    json_key(&w, "include_deferred");
    json_bool(&w, p->include_deferred);
    if (p->description != NULL) {
        json_key(&w, "description");
        json_string(&w, p->description);
    }
    rc = api_send(c, "settings", &b, &w, &answer, ret_later, e);
    return rc == -ERR_INVALID ? call_invalid(c, e, "%s", arena_strdup(&c->arena, e->text)) : rc;
}

/* What the body says, over what *p is. */
static int read_body(struct call *c, const struct value *body, struct pool_row *p, bool all,
                     struct err *e)
{
    static const char *const members[] = {
        "name", "pool", "slots", "description", "include_deferred", "team_name", NULL};
    const char *name = NULL, *pool = NULL, *about = NULL;
    const struct value *slots;
    int rc = body_only(c, body, members, e);

    rc = rc == 0 ? body_text(c, body, "name", &name, e) : rc;
    rc = rc == 0 ? body_text(c, body, "pool", &pool, e) : rc;
    rc = rc == 0 ? body_text(c, body, "description", &about, e) : rc;
    rc = rc == 0
             ? body_bool(c, body, "include_deferred", p->include_deferred, &p->include_deferred, e)
             : rc;
    if (rc != 0) {
        return rc;
    }
    name = name != NULL ? name : pool;
    slots = value_get(body, "slots");
    if ((slots != NULL && slots->kind != VALUE_NULL &&
         value_int(slots, -1, 1000000, &p->slots) != 0) ||
        (all && slots == NULL)) {
        return call_invalid(c, e, "slots must be an integer from -1 (no limit) to 1000000");
    }
    if (all && (name == NULL || *name == '\0')) {
        return call_invalid(c, e, "name must be given");
    }
    if (!all && name != NULL && strcmp(name, p->name) != 0) {
        return err_set(e, ERR_INVALID,
                       "Invalid body, pool name from request body doesn't match uri parameter");
    }
    p->name = all ? name : p->name;
    p->description = about != NULL ? about : p->description;
    return 0;
}

int api_pool_post(struct call *c, struct err *e)
{
    struct pool_row p = {0}, old;
    struct value *body;
    bool later = false;
    int rc = call_body(c, &body, e);

    rc = rc == 0 ? read_body(c, body, &p, true, e) : rc;

    if (rc == 0 && find(c, p.name, &old, NULL) == 0) {
        return err_set(e, ERR_EXISTS, "The Pool with name: `%s` already exists", p.name);
    }
    rc = rc == 0 ? send(c, &p, "pool_set", &later, e) : rc;
    if (rc == 0 && !later) {
        c->status = 201;
        rc = find(c, p.name, &p, e);
        if (rc == 0) {
            put_pool(c, &p);
        }
    }
    return rc;
}

int api_pool_patch(struct call *c, struct err *e)
{
    struct pool_row p;
    struct value *body;
    bool later = false;
    int rc = find(c, call_param(c, "pool_name"), &p, e);

    rc = rc == 0 ? call_body(c, &body, e) : rc;
    rc = rc == 0 ? read_body(c, body, &p, false, e) : rc;
    rc = rc == 0 ? send(c, &p, "pool_set", &later, e) : rc;
    rc = rc == 0 && !later ? find(c, p.name, &p, e) : rc;
    if (rc == 0 && !later) {
        put_pool(c, &p);
    }
    return rc;
}

static int drop(struct call *c, const char *name, bool *ret_later, struct err *e)
{
    struct pool_row p = {.name = name};
    int rc;

    if (strcmp(p.name, "default_pool") == 0) {
        return err_set(e, ERR_INVALID, "Default Pool can't be deleted");
    }
    rc = send(c, &p, "pool_delete", ret_later, e);
    return rc == -ERR_NOTFOUND
               ? err_set(e, ERR_NOTFOUND, "The Pool with name: `%s` was not found", p.name)
               : rc;
}

int api_pool_delete(struct call *c, struct err *e)
{
    bool later = false;
    int rc = drop(c, call_param(c, "pool_name"), &later, e);

    if (rc == 0 && !later) {
        c->status = 204;
    }
    return rc;
}

/* ---- in bulk ---- */

static int exists(struct call *c, const char *id, bool *ret, struct err *e)
{
    struct pool_row p;
    int rc = find(c, id, &p, e);

    *ret = rc == 0;
    return rc == -ERR_NOTFOUND ? 0 : rc;
}

static int create(struct call *c, const struct value *body, const char *id, bool overwrite,
                  bool *ret_later, struct err *e)
{
    struct pool_row p = {0};
    int rc = read_body(c, body, &p, true, e);

    (void)id;
    (void)overwrite; /* it is not there, or is to be replaced */
    return rc == 0 ? send(c, &p, "pool_set", ret_later, e) : rc;
}

static int update(struct call *c, const struct value *body, const char *id, bool *ret_later,
                  struct err *e)
{
    struct pool_row p, old;
    int rc = find(c, id, &old, e);

    p = old;
    rc = rc == 0 ? read_body(c, body, &p, false, e) : rc;
    p.slots = api_any_of(c, "update_mask", "slots") ? p.slots : old.slots;
    p.description = api_any_of(c, "update_mask", "description") ? p.description : old.description;
    p.include_deferred = api_any_of(c, "update_mask", "include_deferred") ? p.include_deferred
                                                                          : old.include_deferred;
    return rc == 0 ? send(c, &p, "pool_set", ret_later, e) : rc;
}

const struct bulk_kind bulk_pools = {"Pool", "name", exists, create, update, drop};
