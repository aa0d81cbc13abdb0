/* Asset events of a result: what the task's process says of its outlets, checked. */
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "worker/local_priv.h"

/* A text of an event; *ret stays NULL where there is none. */
static int text_of(struct worker_end *end, const struct value *o, const char *name,
                   const char **ret, struct err *e)
{
    const struct value *v = value_get(o, name);

    if (v == NULL || v->kind != VALUE_STRING || v->len == 0) {
        return err_set(e, ERR_PROTOCOL, "an asset event without %s", name);
    }
    if (v->len > LIMIT_ASSET_NAME || strlen(v->text) != v->len) {
        return err_set(e, ERR_LIMIT, "the %s of an asset is longer than %d bytes", name,
                       LIMIT_ASSET_NAME);
    }
    *ret = arena_strdup(&end->arena, v->text);
    return *ret != NULL ? 0 : err_set(e, ERR_NOMEM, "out of memory for an asset event");
}

/* An object as JSON; an empty one is none. */
static int extra_of(struct worker_end *end, const struct value *o, const char *name,
                    const char **ret, struct err *e)
{
    const struct value *v = value_get(o, name);
    struct buf b BUF_CLEANUP;
    struct json_writer w;

    buf_init(&b, LIMIT_ASSET_EXTRA);
    if (v == NULL || v->kind != VALUE_OBJECT || v->len == 0) {
        return 0;
    }
    json_writer_init(&w, &b, 0);
    json_value(&w, v);
    if (buf_status(&b) == -ERR_LIMIT) {
        return err_set(e, ERR_LIMIT, "the %s of an event is larger than %zu KiB: store a reference",
                       name, LIMIT_ASSET_EXTRA >> 10);
    }
    *ret = buf_status(&b) == 0 ? arena_strndup(&end->arena, buf_cstr(&b), b.len) : NULL;
    return *ret != NULL ? 0 : err_set(e, ERR_NOMEM, "out of memory for an asset event");
}

static int aliases_of(struct worker_end *end, const struct value *o,
                      struct worker_asset_event *event, struct err *e)
{
    const struct value *list = value_get(o, "aliases");
    size_t total = 0;
    char *to;

    if (list == NULL || list->kind != VALUE_ARRAY || list->len == 0) {
        return 0;
    }
    for (size_t i = 0; i < list->len; i++) {
        const struct value *v = list->elems[i];

        if (v->kind != VALUE_STRING || v->len == 0 || v->len > LIMIT_ASSET_NAME ||
            strlen(v->text) != v->len) {
            return err_set(e, ERR_LIMIT, "the name of an alias: 1 to %d bytes", LIMIT_ASSET_NAME);
        }
        total += v->len + 1;
    }
    to = arena_alloc(&end->arena, total);
    if (to == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for an asset event");
    }
    event->aliases = to;
    event->aliases_len = total;
    for (size_t i = 0; i < list->len; i++) {
        memcpy(to, list->elems[i]->text, list->elems[i]->len + 1);
        to += list->elems[i]->len + 1;
    }
    return 0;
}

int attempt_asset_events(struct worker_end *end, const struct value *list, struct err *e)
{
    int rc = 0;

    if (list->kind != VALUE_ARRAY) {
        return err_set(e, ERR_PROTOCOL, "asset_events is no list");
    }
    if (list->len > LIMIT_ASSET_EVENTS) {
        return err_set(e, ERR_LIMIT, "%zu asset events of one task; at most %d", list->len,
                       LIMIT_ASSET_EVENTS);
    }
    end->asset_events = arena_array(&end->arena, list->len, sizeof *end->asset_events);
    if (list->len != 0 && end->asset_events == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for asset events");
    }
    for (size_t i = 0; rc == 0 && i < list->len; i++) {
        const struct value *o = list->elems[i];
        struct worker_asset_event event = {0};

        rc = text_of(end, o, "name", &event.name, e);
        rc = rc == 0 ? text_of(end, o, "uri", &event.uri, e) : rc;
        rc = rc == 0 ? text_of(end, o, "group", &event.group, e) : rc;
        rc = rc == 0 ? extra_of(end, o, "asset_extra", &event.asset_extra, e) : rc;
        rc = rc == 0 ? extra_of(end, o, "extra", &event.extra, e) : rc;
        rc = rc == 0 ? aliases_of(end, o, &event, e) : rc;
        if (rc == 0) {
            end->asset_events[end->asset_events_len++] = event;
        }
    }
    return rc;
}
