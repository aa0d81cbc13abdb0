/* The list `webhooks` of the configuration. */
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/time.h"
#include "server/webhooks.h"

#define WEBHOOKS_MAX 1000

struct reading {
    struct arena *arena;
    const struct value *at; /* the entry at hand */
    struct err *e;
};

static int wrong(struct reading *r, const struct value *v, const char *text)
{
    v = v != NULL ? v : r->at;
    return err_at(r->e, ERR_INVALID, v->line, v->col, "webhooks: %s", text);
}

static int text_of(struct reading *r, const struct value *o, const char *name, const char **ret)
{
    const struct value *v = value_get(o, name);

    *ret = NULL;
    if (v == NULL) {
        return 0;
    }
    if (v->kind != VALUE_STRING || v->len == 0) {
        return wrong(r, v, arena_printf(r->arena, "%s is a text", name));
    }
    *ret = arena_strdup(r->arena, v->text);
    return *ret != NULL ? 0 : err_set(r->e, ERR_NOMEM, "out of memory for webhooks");
}

static int check_members(struct reading *r)
{
    static const char *const known[] = {"name",  "secret",   "signature", "dag_id",
                                        "asset", "max_body", "window",    "require_timestamp"};

    for (size_t i = 0; i < r->at->len; i++) {
        bool is = false;

        for (size_t k = 0; k < sizeof known / sizeof known[0]; k++) {
            is = is || strcmp(known[k], r->at->keys[i].text) == 0;
        }
        if (!is) {
            return wrong(r, r->at->elems[i],
                         arena_printf(r->arena, "a webhook has no '%s'", r->at->keys[i].text));
        }
    }
    return 0;
}

static int read_secret(struct reading *r, struct webhook *h)
{
    static const char *const kinds[] = {"variable", "connection", "file"};
    const struct value *v = value_get(r->at, "secret");

    for (int i = 0; v != NULL && v->kind == VALUE_OBJECT && v->len == 1 && i < 3; i++) {
        if (strcmp(v->keys[0].text, kinds[i]) == 0) {
            h->secret_kind = (enum webhook_secret)i;
            return text_of(r, v, kinds[i], &h->secret);
        }
    }
    return wrong(r, v, "secret is one of {variable: NAME}, {connection: ID}, {file: PATH}");
}

static int read_signature(struct reading *r, struct webhook *h)
{
    const char *word;
    int rc = text_of(r, r->at, "signature", &word);

    if (rc != 0 || word == NULL || strcmp(word, "github") == 0) {
        return rc;
    }
    h->signature = WEBHOOK_STRIPE;
    return strcmp(word, "stripe") == 0
               ? 0
               : wrong(r, value_get(r->at, "signature"), "signature is github or stripe");
}

static int read_limits(struct reading *r, struct webhook *h)
{
    const struct value *max = value_get(r->at, "max_body"), *window = value_get(r->at, "window");
    const struct value *time = value_get(r->at, "require_timestamp");
    int64_t n = WEBHOOK_BODY_MAX;

    if (max != NULL && value_int(max, 1, WEBHOOK_BODY_MAX, &n) != 0) {
        return wrong(r, max, "max_body is a number of bytes from 1 to 1048576");
    }
    h->body_max = (size_t)n;
    h->window_us = WEBHOOK_WINDOW_US;
    if (window != NULL && ((window->kind != VALUE_STRING && window->kind != VALUE_NUMBER) ||
                           duration_parse(window->text, strlen(window->text), &h->window_us) != 0 ||
                           h->window_us < TIME_SECOND || h->window_us > 86400 * TIME_SECOND)) {
        return wrong(r, window, "window is a duration from 1s to 1d");
    }
    if (time != NULL && time->kind != VALUE_BOOL) {
        return wrong(r, time, "require_timestamp is true or false");
    }
    h->require_timestamp = time != NULL && time->boolean;
    return 0;
}

static int read_one(struct reading *r, struct webhook *h)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    int rc = r->at->kind == VALUE_OBJECT ? check_members(r) : wrong(r, NULL, "a webhook is a map");

    rc = rc == 0 ? text_of(r, r->at, "name", &h->name) : rc;
    if (rc == 0 &&
        (h->name == NULL || strlen(h->name) > 64 || strspn(h->name, plain) != strlen(h->name))) {
        rc = wrong(r, NULL, "name: 1 to 64 letters, digits, _ and -");
    }
    rc = rc == 0 ? read_secret(r, h) : rc;
    rc = rc == 0 ? read_signature(r, h) : rc;
    rc = rc == 0 ? text_of(r, r->at, "dag_id", &h->dag_id) : rc;
    rc = rc == 0 ? text_of(r, r->at, "asset", &h->asset) : rc;
    if (rc == 0 && (h->dag_id == NULL) == (h->asset == NULL)) {
        rc = wrong(r, NULL, "a webhook has one of dag_id and asset");
    }
    return rc == 0 ? read_limits(r, h) : rc;
}

int webhook_read(const struct value *list, struct arena *a, struct webhook **ret, size_t *ret_len,
                 struct err *e)
{
    struct reading r = {a, list, e};
    struct webhook *all;
    int rc = 0;

    *ret = NULL;
    *ret_len = 0;
    if (list == NULL || list->kind == VALUE_NULL) {
        return 0;
    }
    if (list->kind != VALUE_ARRAY || list->len > WEBHOOKS_MAX) {
        return wrong(&r, list, "it is a list, of 1000 at most");
    }
    all = arena_array(a, list->len + 1, sizeof *all);
    if (all == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for webhooks");
    }
    for (size_t i = 0; rc == 0 && i < list->len; i++) {
        r.at = list->elems[i];
        rc = read_one(&r, &all[i]);
        for (size_t k = 0; rc == 0 && k < i; k++) {
            rc = strcmp(all[k].name, all[i].name) == 0 ? wrong(&r, NULL, "this name stands twice")
                                                       : 0;
        }
    }
    *ret = all;
    *ret_len = rc == 0 ? list->len : 0;
    return rc;
}
