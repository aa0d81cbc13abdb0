/* What is asked of the provider: its addresses, its keys, a token for a code. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "runtime/http.h"
#include "runtime/loop.h"
#include "runtime/module.h"
#include "secret/file.h"
#include "server/oidc_priv.h"
#include "server/server_priv.h"
#include "server/signin.h"

#define DISCOVERY "/.well-known/openid-configuration"
#define FRESH_US  (3600 * TIME_SECOND)
#define RETRY_US \
    (60 * TIME_SECOND) /* a key that is not there: so often the keys are fetched anew */
#define TIMEOUT_US (10 * TIME_SECOND)
#define ANSWER_MAX KiB(512)
#define SECRET_MAX 4096

/* ---- requests ---- */

static int client_of(struct call *c, struct err *e)
{
    struct server_thread *t = c->thread;

    return t->http != NULL ? 0 : http_client_new(t->loop, 8, &t->http, e);
}

/* A JSON object, in the call's arena; *ret_text its text, too. */
static int ask(struct call *c, const struct oidc *o, struct http_request *q, const char **ret_text,
               struct value **ret, struct err *e)
{
    struct http_response a = {0};
    int rc = client_of(c, e);

    q->timeout_us = TIMEOUT_US;
    q->max_body = ANSWER_MAX;
    q->ca_file = o->config.ca_file;
    rc = rc == 0 ? http_perform(c->thread->http, q, &a, e) : rc;
    if (rc == 0 && a.status != 200) {
        rc = err_set(e, ERR_FAILED, "%s answers %d %.200s", q->url, a.status,
                     a.body != NULL ? a.body : "");
    }
    if (rc == 0 && (value_parse(&c->arena, a.body, a.body_len, ret, NULL) != 0 ||
                    (*ret)->kind != VALUE_OBJECT)) {
        rc = err_set(e, ERR_FAILED, "%s answers with no JSON object", q->url);
    }
    if (rc == 0 && ret_text != NULL) {
        *ret_text = arena_strdup(&c->arena, a.body);
        rc = *ret_text != NULL ? 0 : err_set(e, ERR_NOMEM, "out of memory for a provider");
    }
    http_response_fini(&a);
    return rc;
}

/* ---- documents that are kept ---- */

static int kept(struct call *c, struct oidc *o, const struct oidc_document *d, int64_t age_us,
                struct value **ret)
{
    const char *text = NULL;

    (void)pthread_mutex_lock(&o->lock);
    if (d->text != NULL && loop_now_us(c->thread->loop) - d->fetched_us < age_us) {
        text = arena_strdup(&c->arena, d->text);
    }
    (void)pthread_mutex_unlock(&o->lock);
    return text != NULL ? value_parse(&c->arena, text, strlen(text), ret, NULL) : -ERR_NOTFOUND;
}

static int fetch(struct call *c, struct oidc *o, struct oidc_document *d, const char *url,
                 int64_t age_us, struct value **ret, struct err *e)
{
    struct http_request q = {.url = url};
    const char *text;
    char *copy;
    int rc = kept(c, o, d, age_us, ret);

    if (rc == 0) {
        return 0;
    }
    rc = ask(c, o, &q, &text, ret, e);
    copy = rc == 0 ? mem_strdup(text) : NULL;
    if (copy != NULL) {
        (void)pthread_mutex_lock(&o->lock);
        mem_free(d->text);
        d->text = copy;
        d->fetched_us = loop_now_us(c->thread->loop);
        (void)pthread_mutex_unlock(&o->lock);
    }
    return rc;
}

static const char *text_of(const struct value *o, const char *name)
{
    const struct value *v = value_get(o, name);

    return v != NULL && v->kind == VALUE_STRING ? v->text : NULL;
}

int oidc_endpoint(struct call *c, struct oidc *o, const char *name, const char **ret, struct err *e)
{
    size_t n = strlen(o->config.issuer);
    const char *url, *issuer;
    struct value *v = NULL;
    int rc;

    n -= n > 0 && o->config.issuer[n - 1] == '/';
    url = arena_printf(&c->arena, "%.*s" DISCOVERY, (int)n, o->config.issuer);
    rc = url != NULL ? fetch(c, o, &o->discovery, url, FRESH_US, &v, e)
                     : err_set(e, ERR_NOMEM, "out of memory for a provider");
    if (rc != 0) {
        return rc;
    }
    issuer = text_of(v, "issuer");
    if (issuer == NULL || strcmp(issuer, o->config.issuer) != 0) {
        return err_set(e, ERR_PERM, "%s calls itself %.200s, not %s", url,
                       issuer != NULL ? issuer : "nothing", o->config.issuer);
    }
    *ret = text_of(v, name);
    return *ret != NULL ? 0 : err_set(e, ERR_FAILED, "%s has no %s", url, name);
}

/* ---- signatures ---- */

static bool is_ours(const struct value *key, const char *kid)
{
    const char *kty = text_of(key, "kty"), *use = text_of(key, "use"), *alg = text_of(key, "alg"),
               *id = text_of(key, "kid");

    return kty != NULL && strcmp(kty, "RSA") == 0 && (use == NULL || strcmp(use, "sig") == 0) &&
           (alg == NULL || strcmp(alg, "RS256") == 0) &&
           (kid == NULL || (id != NULL && strcmp(id, kid) == 0));
}

static bool fits(struct call *c, const struct oidc *o, const struct value *key, const struct jwt *t)
{
    const struct value *n = value_get(key, "n"), *x = value_get(key, "e");
    unsigned char *np, *xp;
    size_t nl, xl;

    return n != NULL && n->kind == VALUE_STRING && x != NULL && x->kind == VALUE_STRING &&
           jwt_decode(n->text, n->len, &c->arena, &np, &nl, NULL) == 0 &&
           jwt_decode(x->text, x->len, &c->arena, &xp, &xl, NULL) == 0 &&
           o->rsa->verify(np, nl, xp, xl, t->signed_text, t->signed_len, t->signature,
                          t->signature_len);
}

static int load_rsa(struct oidc *o, struct err *e)
{
    static const struct module_spec spec = {.file = RSA_MODULE_FILE,
                                            .symbol = RSA_MODULE_SYMBOL,
                                            .version = RSA_MODULE_VERSION,
                                            .what = "Sign-in by an OpenID provider",
                                            .needs = "OpenSSL (Debian package libssl3)",
                                            .folder = "server"};
    const void *object = o->rsa;
    int rc = 0;

    (void)pthread_mutex_lock(&o->lock);
    if (o->rsa == NULL) {
        rc = module_load(&spec, &o->library, &object, e);
        o->rsa = rc == 0 ? object : NULL;
    }
    (void)pthread_mutex_unlock(&o->lock);
    return rc;
}

/* -ERR_NOTFOUND: none of these keys is meant. */
static int try_keys(struct call *c, const struct oidc *o, const struct value *set, const char *kid,
                    const struct jwt *t, struct err *e)
{
    const struct value *keys = value_get(set, "keys");
    bool any = false;

    for (size_t i = 0; keys != NULL && keys->kind == VALUE_ARRAY && i < keys->len && i < 64; i++) {
        if (is_ours(keys->elems[i], kid)) {
            any = true;
            if (fits(c, o, keys->elems[i], t)) {
                return 0;
            }
        }
    }
    return any ? err_set(e, ERR_PERM, "its signature is wrong")
               : err_set(e, ERR_NOTFOUND,
                         "it is signed with a key that the provider does not have");
}

static int check_signature(struct call *c, struct oidc *o, const struct jwt *t, struct err *e)
{
    const char *kid = NULL, *url = NULL;
    struct value *set = NULL;
    int rc = jwt_check_algorithm(t, &kid, e);

    rc = rc == 0 ? load_rsa(o, e) : rc;
    rc = rc == 0 ? oidc_endpoint(c, o, "jwks_uri", &url, e) : rc;
    rc = rc == 0 ? fetch(c, o, &o->keys, url, FRESH_US, &set, e) : rc;
    rc = rc == 0 ? try_keys(c, o, set, kid, t, e) : rc;
    if (rc == -ERR_NOTFOUND) { /* keys are changed now and then */
        rc = fetch(c, o, &o->keys, url, RETRY_US, &set, e);
        rc = rc == 0 ? try_keys(c, o, set, kid, t, e) : rc;
        rc = rc == -ERR_NOTFOUND ? -ERR_PERM : rc;
    }
    return rc;
}

/* ---- a code ---- */

static int read_secret(const char *path, char *buf, struct err *e)
{
    int rc = secret_file_read(path, SECRET_FILE_LINE, buf, SECRET_MAX, e);

    return rc == 0 ? 0 : err_prefix(e, rc, "oidc.client_secret_file");
}

int oidc_redeem(struct call *c, struct oidc *o, const char *code, const char *verifier,
                const char *redirect_uri, struct jwt *ret, struct err *e)
{
    static const char *const headers[] = {"Content-Type: application/x-www-form-urlencoded",
                                          "Accept: application/json", NULL};
    struct http_request q = {.method = "POST", .headers = headers};
    char secret[SECRET_MAX] = "";
    struct buf b BUF_CLEANUP = {0};
    struct value *answer = NULL;
    const char *token;
    int rc = o->config.secret_file != NULL ? read_secret(o->config.secret_file, secret, e) : 0;

    rc = rc == 0 ? oidc_endpoint(c, o, "token_endpoint", &q.url, e) : rc;
    buf_init(&b, KiB(64));
    api_add_query(&b, "grant_type", "authorization_code");
    api_add_query(&b, "code", code);
    api_add_query(&b, "redirect_uri", redirect_uri);
    api_add_query(&b, "client_id", o->config.client_id);
    api_add_query(&b, "code_verifier", verifier);
    if (secret[0] != '\0') {
        api_add_query(&b, "client_secret", secret);
    }
    sodium_memzero(secret, sizeof secret);
    rc = rc == 0 && buf_status(&b) != 0 ? err_set(e, ERR_LIMIT, "the code is too long") : rc;
    q.body = b.p;
    q.body_len = b.len;
    rc = rc == 0 ? ask(c, o, &q, NULL, &answer, e) : rc;
    sodium_memzero(b.p, b.len);
    token = rc == 0 ? text_of(answer, "id_token") : NULL;
    if (rc == 0 && token == NULL) {
        rc = err_set(e, ERR_FAILED, "%s gives no id_token", q.url);
    }
    rc = rc == 0 ? jwt_parse(token, &c->arena, ret, e) : rc;
    return rc == 0 ? check_signature(c, o, ret, e) : rc;
}
