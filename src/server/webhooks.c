#include "server/webhooks.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "engine/settings.h"
#include "runtime/loop.h"
#include "secret/file.h"
#include "server/handlers.h"
#include "server/httpd_module.h"
#include "server/server_priv.h"
#include "store/store.h"

#define SECRET_FILE_MAX 4096

struct webhooks {
    struct arena arena;
    struct webhook *all;
    size_t len;
};

int webhooks_new(const struct server_config *c, struct webhooks **ret, struct err *e)
{
    struct webhooks *h = mem_zalloc(sizeof *h);
    int rc;

    if (h == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for webhooks");
    }
    arena_init(&h->arena, MiB(16));
    rc = webhook_read(c->webhooks, &h->arena, &h->all, &h->len, e);
    if (rc != 0) {
        webhooks_free(h);
        return rc;
    }
    *ret = h;
    return 0;
}

void webhooks_free(struct webhooks *h)
{
    if (h != NULL) {
        arena_fini(&h->arena);
        mem_free(h);
    }
}

static const struct webhook *find(const struct webhooks *h, const char *name)
{
    for (size_t i = 0; i < h->len; i++) {
        if (strcmp(h->all[i].name, name) == 0) {
            return &h->all[i];
        }
    }
    return NULL;
}

/* ---- secrets ---- */

static int read_file(struct call *c, const char *path, const char **ret, struct err *e)
{
    char full[4200], text[SECRET_FILE_MAX + 1];
    int rc;

    (void)snprintf(full, sizeof full, "%s%s%s",
                   path[0] == '/' ? "" : c->thread->server->config.home, path[0] == '/' ? "" : "/",
                   path);
    rc = secret_file_read(full, SECRET_FILE_OWNER | SECRET_FILE_LINE, text, sizeof text, e);
    *ret = rc == 0 ? arena_strdup(&c->arena, text) : NULL;
    sodium_memzero(text, sizeof text);
    return rc != 0 || *ret != NULL ? rc : err_set(e, ERR_NOMEM, "out of memory for a secret");
}

static const char *text_of(const struct value *o, const char *name)
{
    const struct value *v = o != NULL && o->kind == VALUE_OBJECT ? value_get(o, name) : NULL;

    return v != NULL && v->kind == VALUE_STRING ? v->text : NULL;
}

/* A variable, or the password of a connection: of the store, or from outside of it, as tasks see them. */
static int read_setting(struct call *c, const struct webhook *h, const char **ret, struct err *e)
{
    bool variable = h->secret_kind == WEBHOOK_VARIABLE;
    struct value *rq = value_new(&c->arena, VALUE_OBJECT), *answer = NULL;
    struct value *name = value_string(&c->arena, h->secret, strlen(h->secret));
    struct buf b BUF_CLEANUP = {0};
    struct json_writer w;
    struct store *s;
    int rc = server_store(c, &s, e);

    buf_init(&b, LIMIT_SETTING_BYTES * 8);
    json_writer_init(&w, &b, 0);
    if (rc == 0 && (rq == NULL || name == NULL ||
                    value_set(&c->arena, rq, variable ? "key" : "conn_id", name) != 0)) {
        rc = err_set(e, ERR_NOMEM, "out of memory for a secret");
    }
    rc = rc == 0 ? settings_do(s, c->thread->server->config.home, variable ? "var_get" : "conn_get",
                               rq, loop_wall_us(loop_current()), &c->arena, &w, e)
                 : rc;
    rc = rc == 0 ? value_parse(&c->arena, arena_strdup(&c->arena, buf_cstr(&b)), b.len, &answer, e)
                 : rc;
    if (rc == 0) {
        *ret = variable ? text_of(answer, "value") : text_of(value_get(answer, "conn"), "password");
        rc = *ret != NULL ? 0
                          : err_set(e, ERR_NOTFOUND, "there is no %s '%s', or it has no %s",
                                    variable ? "variable" : "connection", h->secret,
                                    variable ? "value" : "password");
    }
    sodium_memzero(b.p, b.p != NULL ? b.len : 0);
    return rc;
}

/* What is wrong with it is the operator's to know, not the sender's. */
static int secret_of(struct call *c, const struct webhook *h, const char **ret)
{
    struct err e = {0};
    int rc = h->secret_kind == WEBHOOK_FILE ? read_file(c, h->secret, ret, &e)
                                            : read_setting(c, h, ret, &e);

    if (rc == 0 && strlen(*ret) < WEBHOOK_SECRET_MIN) {
        rc = err_set(&e, ERR_INVALID, "its secret has less than %d bytes", WEBHOOK_SECRET_MIN);
    }
    if (rc != 0) {
        log_error("webhook", "%s: %s", h->name, err_str(&e));
    }
    return rc;
}

/* ---- deliveries ---- */

/* How the sender names it, if that can stand in a run's id. */
static const char *delivery_id(struct call *c)
{
    static const char *const names[] = {"X-GitHub-Delivery", "X-Delivery-Id", "Idempotency-Key"};
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *id = call_header(c, names[i]);
        size_t n = id != NULL ? strlen(id) : 0;

        if (n > 0 && n <= 100 && strspn(id, plain) == n) {
            return id;
        }
    }
    return NULL;
}

static int write_command(struct call *c, const struct webhook *h, const struct value *body,
                         const char *print, const char *run_id, struct buf *b)
{
    const char *id = delivery_id(c);
    struct json_writer w;

    json_writer_init(&w, b, 0);
    json_object(&w);
    json_key(&w, "actor");
    json_string(&w, arena_printf(&c->arena, "webhook %s", h->name));
    json_key(&w, "key");
    json_string(&w, arena_printf(&c->arena, "webhook:%s:%s", h->name, print));
    if (h->dag_id != NULL) {
        json_key(&w, "dag_id");
        json_string(&w, h->dag_id);
        json_key(&w, "run_id");
        json_string(&w, run_id);
        json_key(&w, "conf");
    } else {
        if (id != NULL) {
            json_key(&w, "key2");
            json_string(&w, arena_printf(&c->arena, "webhook:%s:id:%s", h->name, id));
        }
        json_key(&w, "uri");
        json_string(&w, h->asset);
        json_key(&w, "extra");
    }
    json_value(&w, body);
    json_object_end(&w);
    if (buf_status(b) == 0) { /* the members alone, without their braces */
        b->p[b->len - 1] = '\0';
        buf_consume(b, 1);
    }
    return buf_status(b);
}

static int carry_out(struct call *c, const struct webhook *h, const struct value *body,
                     const char *print, struct err *e)
{
    const char *id = delivery_id(c);
    const char *run_id =
        arena_printf(&c->arena, "webhook__%s__%s", h->name, id != NULL ? id : print);
    const struct value *created;
    struct value *answer = NULL;
    struct buf b BUF_CLEANUP = {0};
    bool later = false, made;
    int rc;

    buf_init(&b, LIMIT_MESSAGE / 2);
    rc = write_command(c, h, body, print, run_id, &b);
    rc = rc == 0 ? server_command(c, h->dag_id != NULL ? "run_create" : "asset_event_report", &b,
                                  &answer, &later, e)
                 : err_set(e, (enum err_code) - rc, "the body is too large");
    if (rc == -ERR_EXISTS) { /* the same delivery, or the same content, came before */
        rc = 0;
    } else if (rc != 0 || later) {
        return rc == -ERR_INVALID ? call_invalid(c, e, "%s", arena_strdup(&c->arena, e->text)) : rc;
    }
    created = answer != NULL ? value_get(answer, "created") : NULL;
    made = created != NULL && created->kind == VALUE_BOOL && created->boolean;
    c->status = 202;
    json_object(&c->w);
    put_bool(c, "created", made);
    if (h->dag_id != NULL) {
        put_text(c, "dag_id", h->dag_id);
        put_text(c, "dag_run_id", text_of(answer, "run_id")); /* null: of another delivery */
    } else {
        put_text(c, "asset", h->asset);
    }
    json_object_end(&c->w);
    return 0;
}

int api_webhook(struct call *c, struct err *e)
{
    const struct webhook *h = find(c->thread->server->hooks, call_param(c, "name"));
    struct webhook_proof p = {.body = c->rq->body != NULL ? c->rq->body : "",
                              .body_len = c->rq->body_len,
                              .now_us = loop_wall_us(loop_current())};
    char print[WEBHOOK_ID_SIZE];
    const char *secret = NULL;
    struct value *body = NULL;
    int rc;

    if (h == NULL) {
        return err_set(e, ERR_NOTFOUND, "There is no webhook of this name");
    }
    if (p.body_len > h->body_max) {
        call_fail(c, 413, "The body is larger than %zu bytes", h->body_max);
        return 0;
    }
    if (secret_of(c, h, &secret) != 0) {
        call_fail(c, 503, "This webhook is not ready: its secret cannot be read");
        return 0;
    }
    p.signature =
        call_header(c, h->signature == WEBHOOK_STRIPE ? "Stripe-Signature" : "X-Hub-Signature-256");
    p.timestamp = h->signature == WEBHOOK_GITHUB ? call_header(c, "X-Hub-Timestamp") : NULL;
    rc = webhook_check(h, secret, strlen(secret), &p, print, e);
    if (rc != 0) {
        call_fail(c, 401, "%s", err_str(e));
        return 0;
    }
    c->actor = "webhook";
    rc = call_body(c, &body, e);
    return rc == 0 ? carry_out(c, h, body, print, e) : rc;
}
