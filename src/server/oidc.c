#include "server/oidc.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "access/account.h"
#include "access/credential.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "runtime/loop.h"
#include "runtime/module.h"
#include "server/api.h"
#include "server/oidc_priv.h"
#include "server/signin.h"

#define COOKIE     "tradewind_oidc"
#define COOKIE_S   600 /* so long may the sign-in at the provider take */
#define RANDOM     32
#define RANDOM_B64 44

int oidc_new(const struct value *v, const char *home, struct oidc **ret, struct err *e)
{
    struct oidc *o;
    int rc;

    *ret = NULL;
    if (v == NULL) {
        return 0;
    }
    o = mem_zalloc(sizeof *o);
    if (o == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for oidc");
    }
    arena_init(&o->arena, MiB(1));
    (void)pthread_mutex_init(&o->lock, NULL);
    randombytes_buf(o->key, sizeof o->key);
    rc = oidc_config_read(v, home, &o->arena, &o->config, e);
    if (rc != 0) {
        oidc_free(o);
        return rc;
    }
    *ret = o;
    return 0;
}

void oidc_free(struct oidc *o)
{
    if (o != NULL) {
        mem_free(o->discovery.text);
        mem_free(o->keys.text);
        module_unload(o->library);
        (void)pthread_mutex_destroy(&o->lock);
        arena_fini(&o->arena);
        sodium_memzero(o->key, sizeof o->key);
        mem_free(o);
    }
}

const char *oidc_name(const struct oidc *o)
{
    return o->config.name;
}

/* ---- what the browser carries meanwhile ---- */

struct attempt {
    const char *state, *nonce, *verifier, *next;
    int64_t until_us;
};

static const char *random_text(struct arena *a)
{
    unsigned char random[RANDOM];
    char *text = arena_alloc(a, RANDOM_B64);

    randombytes_buf(random, sizeof random);
    return text != NULL ? sodium_bin2base64(text, RANDOM_B64, random, sizeof random,
                                            sodium_base64_VARIANT_URLSAFE_NO_PADDING)
                        : NULL;
}

/* Nonce and box, as base64url. */
static const char *seal(struct call *c, const struct oidc *o, const struct attempt *t)
{
    struct buf b BUF_CLEANUP = {0};
    struct json_writer w;
    unsigned char *box;
    size_t n, cap;
    char *text;

    buf_init(&b, KiB(4));
    json_writer_init(&w, &b, 0);
    json_array(&w);
    json_string(&w, t->state);
    json_string(&w, t->nonce);
    json_string(&w, t->verifier);
    json_string(&w, t->next);
    json_int(&w, t->until_us);
    json_array_end(&w);
    n = crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES + b.len;
    cap = sodium_base64_ENCODED_LEN(n, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    box = buf_status(&b) == 0 ? arena_alloc(&c->arena, n) : NULL;
    text = box != NULL ? arena_alloc(&c->arena, cap) : NULL;
    if (text == NULL) {
        return NULL;
    }
    randombytes_buf(box, crypto_secretbox_NONCEBYTES);
    (void)crypto_secretbox_easy(box + crypto_secretbox_NONCEBYTES, (const unsigned char *)b.p,
                                b.len, box, o->key);
    return sodium_bin2base64(text, cap, box, n, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

static bool unseal(struct call *c, const struct oidc *o, const char *text, struct attempt *ret)
{
    const size_t head = crypto_secretbox_NONCEBYTES + crypto_secretbox_MACBYTES;
    unsigned char *box, *plain;
    struct value *v;
    size_t n;

    if (jwt_decode(text, strlen(text), &c->arena, &box, &n, NULL) != 0 || n <= head) {
        return false;
    }
    plain = arena_alloc(&c->arena, n - head);
    if (plain == NULL ||
        crypto_secretbox_open_easy(plain, box + crypto_secretbox_NONCEBYTES,
                                   n - crypto_secretbox_NONCEBYTES, box, o->key) != 0 ||
        value_parse(&c->arena, (const char *)plain, n - head, &v, NULL) != 0 || v->len != 5 ||
        value_int(v->elems[4], 0, INT64_MAX, &ret->until_us) != 0) {
        return false;
    }
    ret->state = v->elems[0]->text;
    ret->nonce = v->elems[1]->text;
    ret->verifier = v->elems[2]->text;
    ret->next = v->elems[3]->text;
    return ret->until_us > loop_wall_us(c->thread->loop);
}

static int set_cookie(struct call *c, const char *text, int seconds, struct err *e)
{
    char *v =
        arena_printf(&c->arena, COOKIE "=%s; Path=/ui/oidc; HttpOnly; SameSite=Lax; Max-Age=%d%s",
                     text, seconds, c->thread->server->config.secure ? "; Secure" : "");

    return v != NULL && call_set_header(c, "Set-Cookie", v) == 0
               ? 0
               : err_set(e, ERR_NOMEM, "out of memory for a cookie");
}

/* ---- addresses ---- */

static const char *redirect_uri(struct call *c)
{
    const struct server_config *s = &c->thread->server->config;
    const char *host = call_header(c, "Host");
    size_t n = s->base_url != NULL ? strlen(s->base_url) : 0;

    while (n > 0 && s->base_url[n - 1] == '/') {
        n--;
    }
    return n != 0 ? arena_printf(&c->arena, "%.*s/ui/oidc/callback", (int)n, s->base_url)
                  : arena_printf(&c->arena, "%s://%s/ui/oidc/callback",
                                 s->secure ? "https" : "http", host != NULL ? host : "localhost");
}

static int redirect(struct call *c, const char *to, struct err *e)
{
    c->status = 302;
    c->no_store = true;
    return to != NULL && call_set_header(c, "Location", to) == 0
               ? 0
               : err_set(e, ERR_NOMEM, "out of memory for an answer");
}

/* What went wrong stands in the log, with the request's id; the browser hears only of which kind it is. */
static int fail(struct call *c, const char *kind, const char *why, struct err *e)
{
    log_warning("auth", "sign-in by the provider: %s. peer=%s request=%s", why, c->rq->peer, c->id);
    return redirect(c, arena_printf(&c->arena, "/login?oidc=%s", kind), e);
}

static struct oidc *oidc_of(struct call *c, struct err *e)
{
    struct oidc *o = c->thread->server->oidc;

    if (o == NULL) {
        (void)err_set(e, ERR_NOTFOUND, "No OpenID provider is configured (oidc.issuer)");
    }
    return o;
}

/* ---- start ---- */

static const char *challenge_of(struct arena *a, const char *verifier)
{
    unsigned char sum[crypto_hash_sha256_BYTES];
    char *text = arena_alloc(a, RANDOM_B64);

    (void)crypto_hash_sha256(sum, (const unsigned char *)verifier, strlen(verifier));
    return text != NULL ? sodium_bin2base64(text, RANDOM_B64, sum, sizeof sum,
                                            sodium_base64_VARIANT_URLSAFE_NO_PADDING)
                        : NULL;
}

int api_oidc_start(struct call *c, struct err *e)
{
    struct oidc *o = oidc_of(c, e);
    const char *next = call_query(c, "next"), *endpoint, *sealed, *to;
    struct attempt t = {.until_us = loop_wall_us(c->thread->loop) + COOKIE_S * TIME_SECOND};
    struct buf b BUF_CLEANUP = {0};
    struct err why = {0};
    int rc;

    if (o == NULL) {
        return -ERR_NOTFOUND;
    }
    if (oidc_endpoint(c, o, "authorization_endpoint", &endpoint, &why) != 0) {
        return fail(c, "provider", err_str(&why), e);
    }
    t.next = api_is_ours(next) ? next : "/";
    t.state = random_text(&c->arena);
    t.nonce = random_text(&c->arena);
    t.verifier = random_text(&c->arena);
    sealed = t.state != NULL && t.nonce != NULL && t.verifier != NULL ? seal(c, o, &t) : NULL;
    if (sealed == NULL) {
        return err_set(e, ERR_LIMIT, "the address to go to afterwards is too long");
    }
    buf_init(&b, KiB(16));
    (void)buf_printf(&b, "%s%c", endpoint, strchr(endpoint, '?') != NULL ? '&' : '?');
    api_add_query(&b, "response_type", "code");
    api_add_query(&b, "client_id", o->config.client_id);
    api_add_query(&b, "redirect_uri", redirect_uri(c));
    api_add_query(&b, "scope", o->config.scopes);
    api_add_query(&b, "state", t.state);
    api_add_query(&b, "nonce", t.nonce);
    api_add_query(&b, "code_challenge", challenge_of(&c->arena, t.verifier));
    api_add_query(&b, "code_challenge_method", "S256");
    to = buf_status(&b) == 0 ? arena_strdup(&c->arena, buf_cstr(&b)) : NULL;
    rc = set_cookie(c, sealed, COOKIE_S, e);
    return rc == 0 ? redirect(c, to, e) : rc;
}

/* ---- the way back ---- */

/* false: this sign-in was finished before. */
static bool first_time(struct oidc *o, const char *state)
{
    uint64_t id;
    bool first = true;

    (void)crypto_generichash((unsigned char *)&id, sizeof id, (const unsigned char *)state,
                             strlen(state), o->key, sizeof o->key);
    id |= 1;
    (void)pthread_mutex_lock(&o->lock);
    for (int i = 0; i < OIDC_STATES; i++) {
        first = first && o->states[i] != id;
    }
    o->states[o->next_state] = id;
    o->next_state = (o->next_state + 1) % OIDC_STATES;
    (void)pthread_mutex_unlock(&o->lock);
    return first;
}

static const char *claim_text(const struct jwt *t, const char *name)
{
    const struct value *v = value_get(t->claims, name);

    return v != NULL && v->kind == VALUE_STRING && v->len != 0 && strlen(v->text) == v->len
               ? v->text
               : NULL;
}

static void raise_role(const struct oidc_config *o, const struct value *word, enum role *r)
{
    const struct value *to = word->kind == VALUE_STRING ? value_get(o->roles, word->text) : NULL;
    int found = to != NULL ? role_from_string(to->text) : -1;

    *r = found > (int)*r ? (enum role)found : *r;
}

/* The highest of those that the claim's values stand for. */
static enum role role_of(const struct oidc_config *o, const struct jwt *t)
{
    const struct value *v = o->roles != NULL ? value_get(t->claims, o->role_claim) : NULL;
    enum role r = o->default_role;

    if (v != NULL && v->kind == VALUE_ARRAY) {
        for (size_t i = 0; i < v->len; i++) {
            raise_role(o, v->elems[i], &r);
        }
    } else if (v != NULL) {
        raise_role(o, v, &r);
    }
    return r;
}

/* By issuer and subject (O3). name NULL: there is none. */
static int find_user(struct call *c, const char *issuer, const char *subject, struct account *ret,
                     struct err *e)
{
    struct setting_row *rows;
    struct store *s;
    size_t n = 0;
    int rc = server_store(c, &s, e);

    rc = rc == 0 ? s->ops->get_settings(s, "user", NULL, &c->arena, &rows, &n, e) : rc;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        rc = account_parse(rows[i].name, rows[i].value, rows[i].value_len, &c->arena, ret, e);
        if (rc == 0 && ret->subject != NULL && strcmp(ret->subject, subject) == 0 &&
            strcmp(ret->issuer, issuer) == 0) {
            return 0;
        }
    }
    *ret = (struct account){0};
    return rc;
}

static void put(struct json_writer *w, const char *name, const char *text)
{
    json_key(w, name);
    json_string(w, text);
}

/* Changes the user, or makes one (is_new): the engine writes it, and who did it is the provider. */
static int set_user(struct call *c, const char *name, const struct oidc_config *o,
                    const struct jwt *t, enum role role, bool is_new, struct err *e)
{
    const char *email = claim_text(t, "email");
    struct buf b BUF_CLEANUP = {0};
    struct json_writer w;
    struct value *answer;

    buf_init(&b, KiB(64));
    json_writer_init(&w, &b, 0);
    json_object(&w);
    put(&w, "op", "user_set");
    put(&w, "actor", "oidc");
    put(&w, "name", name);
    put(&w, "role", role_to_string(role));
    if (is_new) {
        json_key(&w, "is_new");
        json_bool(&w, true);
        put(&w, "issuer", o->issuer);
        put(&w, "subject", claim_text(t, "sub"));
        if (email != NULL && strlen(email) < 255) {
            put(&w, "email", email);
        }
    }
    json_object_end(&w);
    if (buf_status(&b) != 0) {
        return err_set(e, ERR_LIMIT, "what the provider says of a user is too long");
    }
    b.p[--b.len] = '\0'; /* the members alone */
    buf_consume(&b, 1);
    return server_change(c, &b, &answer, e);
}

/* A name that may be one: from the claim, else of the mail address, else of the subject. */
static const char *name_of(struct call *c, const struct oidc_config *o, const struct jwt *t)
{
    const char *words[] = {claim_text(t, o->username_claim), claim_text(t, "email"),
                           claim_text(t, "sub")};

    for (size_t i = 0; i < 3; i++) {
        char *name = words[i] != NULL ? arena_strndup(&c->arena, words[i], ACCOUNT_NAME_MAX) : NULL;

        for (char *p = name; p != NULL && *p != '\0'; p++) {
            if (strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-@+", *p) ==
                NULL) {
                *p = '-';
            }
        }
        if (name != NULL && account_name_may_be(name, NULL) == 0) {
            return name;
        }
    }
    return NULL;
}

/* *ret_kind: why not, as the page tells it; NULL: he may in. */
static int admit(struct call *c, const struct oidc *o, const struct jwt *t, struct account *ret,
                 const char **ret_kind, struct err *e)
{
    const char *subject = claim_text(t, "sub"), *name;
    enum role role = role_of(&o->config, t);
    int rc = find_user(c, o->config.issuer, subject, ret, e);

    *ret_kind = NULL;
    if (rc != 0) {
        return rc;
    }
    if (role == ROLE_NONE || ret->disabled || (ret->name == NULL && !o->config.create_users)) {
        *ret_kind = "denied";
        return 0;
    }
    if (ret->name != NULL) { /* where roles come from the provider, they follow it */
        rc = o->config.roles != NULL && role != ret->role
                 ? set_user(c, ret->name, &o->config, t, role, false, e)
                 : 0;
    } else {
        name = name_of(c, &o->config, t);
        rc = name != NULL ? set_user(c, name, &o->config, t, role, true, e)
                          : err_set(e, ERR_INVALID, "the provider gives no name that may be one");
        if (rc == -ERR_EXISTS) {
            *ret_kind = "taken";
            return 0;
        }
    }
    rc = rc == 0 ? find_user(c, o->config.issuer, subject, ret, e) : rc;
    return rc == 0 && ret->name == NULL ? err_set(e, ERR_FAILED, "the user is not there yet") : rc;
}

static int finish(struct call *c, struct oidc *o, const struct attempt *t, const char *code,
                  struct err *e)
{
    const char *kind, *csrf;
    struct account u = {0};
    struct err why = {0};
    struct jwt token;
    int rc = oidc_redeem(c, o, code, t->verifier, redirect_uri(c), &token, &why);

    rc = rc == 0 ? jwt_check_claims(&token, o->config.issuer, o->config.client_id, t->nonce,
                                    loop_wall_us(c->thread->loop) / TIME_SECOND, &why)
                 : rc;
    if (rc != 0) {
        return fail(c, "failed", err_str(&why), e);
    }
    rc = admit(c, o, &token, &u, &kind, &why);
    if (rc != 0) {
        return fail(c, "failed", err_str(&why), e);
    }
    if (kind != NULL) {
        return fail(c, kind,
                    strcmp(kind, "taken") == 0
                        ? "a user of that name is there, who is not known to be this person"
                        : "this person may not in",
                    e);
    }
    rc = api_open_session(c, &u, &csrf, e);
    if (rc == 0) {
        c->actor = u.name;
        log_info("auth", "%s signed in by the provider. peer=%s", u.name, c->rq->peer);
        rc = redirect(c, t->next, e);
    }
    return rc;
}

int api_oidc_callback(struct call *c, struct err *e)
{
    const char *state = call_query(c, "state"), *code = call_query(c, "code"),
               *error = call_query(c, "error"), *sealed = access_cookie(c, COOKIE);
    struct oidc *o = oidc_of(c, e);
    struct attempt t;
    int rc;

    if (o == NULL) {
        return -ERR_NOTFOUND;
    }
    rc = set_cookie(c, "", 0, e);
    if (rc != 0) {
        return rc;
    }
    if (sealed == NULL || !unseal(c, o, sealed, &t) || state == NULL ||
        !credential_same(state, t.state)) {
        return fail(c, "again", "it was not begun in this browser, or too long ago", e);
    }
    if (!first_time(o, t.state)) {
        return fail(c, "again", "it was finished before", e);
    }
    if (error != NULL || code == NULL) {
        return fail(
            c, "refused",
            arena_printf(&c->arena, "the provider says %.100s", error != NULL ? error : "nothing"),
            e);
    }
    return finish(c, o, &t, code, e);
}
