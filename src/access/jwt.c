#include "access/jwt.h"

#include <sodium.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"

int jwt_decode(const char *text, size_t n, struct arena *a, unsigned char **ret, size_t *ret_len,
               struct err *e)
{
    unsigned char *p = arena_alloc(a, n + 1);

    if (p == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for a token");
    }
    if (sodium_base642bin(p, n + 1, text, n, NULL, ret_len, NULL,
                          sodium_base64_VARIANT_URLSAFE_NO_PADDING) != 0) {
        return err_set(e, ERR_INVALID, "it is no base64url");
    }
    p[*ret_len] = '\0';
    *ret = p;
    return 0;
}

static int part(const char *text, size_t n, struct arena *a, const struct value **ret,
                struct err *e)
{
    unsigned char *p = NULL;
    struct value *v = NULL;
    size_t len = 0;
    int rc = jwt_decode(text, n, a, &p, &len, e);

    if (rc == 0 &&
        (value_parse(a, (const char *)p, len, &v, NULL) != 0 || v->kind != VALUE_OBJECT)) {
        rc = err_set(e, ERR_INVALID, "a part of it is no JSON object");
    }
    *ret = v;
    return rc;
}

int jwt_parse(const char *text, struct arena *a, struct jwt *ret, struct err *e)
{
    size_t n = strnlen(text, JWT_MAX + 1), head = strcspn(text, "."), body;
    unsigned char *signature = NULL;
    int rc;

    *ret = (struct jwt){0};
    if (n > JWT_MAX || text[head] != '.') {
        return err_set(e, ERR_INVALID, "it is no token of three parts");
    }
    body = strcspn(text + head + 1, ".");
    if (text[head + 1 + body] != '.' || strchr(text + head + body + 2, '.') != NULL) {
        return err_set(e, ERR_INVALID, "it is no token of three parts");
    }
    ret->signed_text = text;
    ret->signed_len = head + 1 + body;
    rc = part(text, head, a, &ret->header, e);
    rc = rc == 0 ? part(text + head + 1, body, a, &ret->claims, e) : rc;
    rc = rc == 0 ? jwt_decode(text + ret->signed_len + 1, n - ret->signed_len - 1, a, &signature,
                              &ret->signature_len, e)
                 : rc;
    ret->signature = rc == 0 ? signature : NULL;
    return rc;
}

static const char *text_of(const struct value *o, const char *name)
{
    const struct value *v = value_get(o, name);

    /* A NUL inside would make two texts the same that are not. */
    return v != NULL && v->kind == VALUE_STRING && strlen(v->text) == v->len ? v->text : NULL;
}

int jwt_check_algorithm(const struct jwt *t, const char **ret_kid, struct err *e)
{
    const char *alg = text_of(t->header, "alg");

    if (alg == NULL || strcmp(alg, "RS256") != 0) {
        return err_set(e, ERR_PERM, "the provider must sign with RS256, not with %.20s",
                       alg != NULL ? alg : "nothing");
    }
    if (value_get(t->header, "crit") != NULL) {
        return err_set(e, ERR_PERM, "its header asks for what is not known (crit)");
    }
    *ret_kid = text_of(t->header, "kid");
    return 0;
}

static bool is(const struct value *v, const char *text)
{
    return v != NULL && v->kind == VALUE_STRING && v->len == strlen(text) &&
           memcmp(v->text, text, v->len) == 0;
}

static bool is_for(const struct jwt *t, const char *client_id)
{
    const struct value *aud = value_get(t->claims, "aud"), *azp = value_get(t->claims, "azp");
    bool found = is(aud, client_id);

    for (size_t i = 0; aud != NULL && aud->kind == VALUE_ARRAY && i < aud->len; i++) {
        found = found || is(aud->elems[i], client_id);
    }
    if (azp != NULL && !is(azp, client_id)) {
        return false;
    }
    return found && aud != NULL && (aud->kind == VALUE_STRING || aud->len == 1 || azp != NULL);
}

/* Seconds since 1970; a fraction is cut off. false: there is none. */
static bool time_of(const struct jwt *t, const char *name, int64_t *ret)
{
    const struct value *v = value_get(t->claims, name);
    double d;

    if (v == NULL || v->kind != VALUE_NUMBER) {
        return false;
    }
    if (value_int(v, 0, INT64_MAX / 2, ret) == 0) {
        return true;
    }
    if (value_double(v, &d) != 0 || !(d >= 0 && d < 1e15)) {
        return false;
    }
    *ret = (int64_t)d;
    return true;
}

int jwt_check_claims(const struct jwt *t, const char *issuer, const char *client_id,
                     const char *nonce, int64_t now_s, struct err *e)
{
    const char *sub = text_of(t->claims, "sub");
    int64_t exp, iat, nbf = 0;

    if (!is(value_get(t->claims, "iss"), issuer)) {
        return err_set(e, ERR_PERM, "it is of another issuer");
    }
    if (!is_for(t, client_id)) {
        return err_set(e, ERR_PERM, "it is for another client");
    }
    if (!time_of(t, "exp", &exp) || exp + JWT_SKEW_S <= now_s) {
        return err_set(e, ERR_PERM, "it has expired");
    }
    if (!time_of(t, "iat", &iat) || iat - JWT_SKEW_S > now_s) {
        return err_set(e, ERR_PERM, "it was issued in the future: do the clocks agree?");
    }
    if (value_get(t->claims, "nbf") != NULL &&
        (!time_of(t, "nbf", &nbf) || nbf - JWT_SKEW_S > now_s)) {
        return err_set(e, ERR_PERM, "it does not hold yet: do the clocks agree?");
    }
    if (!is(value_get(t->claims, "nonce"), nonce)) {
        return err_set(e, ERR_PERM, "it answers another sign-in");
    }
    if (sub == NULL || sub[0] == '\0' || strlen(sub) > 255) {
        return err_set(e, ERR_PERM, "it says nobody (sub)");
    }
    return 0;
}
