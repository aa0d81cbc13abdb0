#include "access/account.h"

#include <string.h>

#include "access/credential.h"
#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/time.h"

/* ---- read ---- */

static const char *text_of(const struct value *o, const char *name)
{
    const struct value *v = value_get(o, name);

    return v != NULL && v->kind == VALUE_STRING ? v->text : NULL;
}

static int64_t int_of(const struct value *o, const char *name, int64_t dflt)
{
    const struct value *v = value_get(o, name);
    int64_t n = dflt;

    return v != NULL && value_int(v, INT64_MIN, INT64_MAX, &n) == 0 ? n : dflt;
}

static bool flag_of(const struct value *o, const char *name)
{
    const struct value *v = value_get(o, name);

    return v != NULL && v->kind == VALUE_BOOL && v->boolean;
}

/* A limit that cannot be read is one that nothing fits, never none. */
static const struct value *tags_of(const struct value *o, const char *name)
{
    const struct value *v = value_get(o, name);

    return v != NULL && v->kind != VALUE_NULL ? v : NULL;
}

static int parse(const char *what, const void *p, size_t n, struct arena *a, struct value **ret,
                 enum role *ret_role, struct err *e)
{
    char *copy = arena_strndup(a, p, n);
    const char *role;
    int rc = copy != NULL ? value_parse(a, copy, n, ret, e)
                          : err_set(e, ERR_NOMEM, "out of memory for a %s", what),
        r;

    if (rc == -ERR_NOMEM) {
        return rc;
    }
    role = rc == 0 && (*ret)->kind == VALUE_OBJECT ? text_of(*ret, "role") : NULL;
    r = role != NULL ? role_from_string(role) : -1;
    if (rc != 0 || (*ret)->kind != VALUE_OBJECT || int_of(*ret, "v", 0) != 1 ||
        (ret_role != NULL && r < 0)) {
        return err_set(e, ERR_CORRUPT, "the store has a %s that cannot be read", what);
    }
    if (ret_role != NULL) {
        *ret_role = (enum role)r;
    }
    return 0;
}

int account_parse(const char *name, const void *p, size_t n, struct arena *a, struct account *ret,
                  struct err *e)
{
    struct value *o;
    enum role role = ROLE_NONE;
    int rc = parse("user", p, n, a, &o, &role, e);

    if (rc != 0) {
        return rc;
    }
    *ret = (struct account){
        .name = arena_strdup(a, name),
        .hash = text_of(o, "hash"),
        .email = text_of(o, "email"),
        .first_name = text_of(o, "first_name"),
        .last_name = text_of(o, "last_name"),
        .issuer = text_of(o, "issuer"),
        .subject = text_of(o, "subject"),
        .role = role,
        .epoch = int_of(o, "epoch", 1),
        .first_password = flag_of(o, "first_password"),
        .disabled = flag_of(o, "disabled"),
        .read_tags = tags_of(o, "read_tags"),
        .write_tags = tags_of(o, "write_tags"),
        .created_us = int_of(o, "created_us", 0),
        .password_us = int_of(o, "password_us", TIME_NONE),
        .login_us = int_of(o, "login_us", TIME_NONE),
    };
    return ret->name != NULL ? 0 : err_set(e, ERR_NOMEM, "out of memory for a user");
}

int account_session_parse(const void *p, size_t n, struct arena *a, struct account_session *ret,
                          struct err *e)
{
    struct value *o;
    int rc = parse("session", p, n, a, &o, NULL, e);

    if (rc != 0) {
        return rc;
    }
    *ret = (struct account_session){
        .user = text_of(o, "user"),
        .peer = text_of(o, "peer"),
        .agent = text_of(o, "agent"),
        .epoch = int_of(o, "epoch", 0),
        .created_us = int_of(o, "created_us", 0),
        .seen_us = int_of(o, "seen_us", 0),
        .expires_us = int_of(o, "expires_us", 0),
    };
    return ret->user != NULL ? 0 : err_set(e, ERR_CORRUPT, "the store has a session of nobody");
}

int account_token_parse(const char *credential_id, const void *p, size_t n, struct arena *a,
                        struct account_token *ret, struct err *e)
{
    struct value *o;
    enum role role = ROLE_NONE;
    int rc = parse("token", p, n, a, &o, &role, e);

    if (rc != 0) {
        return rc;
    }
    *ret = (struct account_token){
        .id = arena_strndup(a, credential_id, CREDENTIAL_SHORT),
        .user = text_of(o, "user"),
        .name = text_of(o, "name"),
        .role = role,
        .read_tags = tags_of(o, "read_tags"),
        .write_tags = tags_of(o, "write_tags"),
        .epoch = int_of(o, "epoch", 0),
        .created_us = int_of(o, "created_us", 0),
        .expires_us = int_of(o, "expires_us", TIME_NONE),
        .used_us = int_of(o, "used_us", TIME_NONE),
    };
    return ret->id != NULL ? 0 : err_set(e, ERR_NOMEM, "out of memory for a token");
}

/* ---- written ---- */

static void put_text(struct json_writer *w, const char *name, const char *text)
{
    if (text != NULL) {
        json_key(w, name);
        json_string(w, text);
    }
}

static void put_us(struct json_writer *w, const char *name, int64_t us)
{
    if (us != TIME_NONE) {
        json_key(w, name);
        json_int(w, us);
    }
}

static void put_time(struct json_writer *w, const char *name, int64_t us)
{
    char text[TIME_TEXT_MAX], *offset;

    if (us != TIME_NONE && (offset = strstr(time_format(us, text), "+00:00")) != NULL) {
        memcpy(offset, "Z", 2);
    }
    json_key(w, name);
    json_string(w, us != TIME_NONE ? text : NULL);
}

static void put_tags(struct json_writer *w, const char *name, const struct value *tags)
{
    json_key(w, name);
    if (tags != NULL) {
        json_value(w, tags);
    } else {
        json_null(w);
    }
}

static void put_flag(struct json_writer *w, const char *name, bool flag)
{
    json_key(w, name);
    json_bool(w, flag);
}

static void begin(struct json_writer *w)
{
    json_object(w);
    json_key(w, "v");
    json_int(w, 1);
}

void account_write(struct json_writer *w, const struct account *u)
{
    begin(w);
    put_text(w, "role", role_to_string(u->role));
    put_text(w, "hash", u->hash);
    put_text(w, "email", u->email);
    put_text(w, "first_name", u->first_name);
    put_text(w, "last_name", u->last_name);
    put_text(w, "issuer", u->issuer);
    put_text(w, "subject", u->subject);
    put_us(w, "epoch", u->epoch);
    put_flag(w, "first_password", u->first_password);
    put_flag(w, "disabled", u->disabled);
    put_tags(w, "read_tags", u->read_tags);
    put_tags(w, "write_tags", u->write_tags);
    put_us(w, "created_us", u->created_us);
    put_us(w, "password_us", u->password_us);
    put_us(w, "login_us", u->login_us);
    json_object_end(w);
}

void account_session_write(struct json_writer *w, const struct account_session *s)
{
    begin(w);
    put_text(w, "user", s->user);
    put_text(w, "peer", s->peer);
    put_text(w, "agent", s->agent);
    put_us(w, "epoch", s->epoch);
    put_us(w, "created_us", s->created_us);
    put_us(w, "seen_us", s->seen_us);
    put_us(w, "expires_us", s->expires_us);
    json_object_end(w);
}

void account_token_write(struct json_writer *w, const struct account_token *t)
{
    begin(w);
    put_text(w, "user", t->user);
    put_text(w, "name", t->name);
    put_text(w, "role", role_to_string(t->role));
    put_tags(w, "read_tags", t->read_tags);
    put_tags(w, "write_tags", t->write_tags);
    put_us(w, "epoch", t->epoch);
    put_us(w, "created_us", t->created_us);
    put_us(w, "expires_us", t->expires_us);
    put_us(w, "used_us", t->used_us);
    json_object_end(w);
}

static void show_text(struct json_writer *w, const char *name, const char *text)
{
    json_key(w, name);
    json_string(w, text);
}

void account_show(struct json_writer *w, const struct account *u)
{
    json_object(w);
    show_text(w, "name", u->name);
    show_text(w, "role", role_to_string(u->role));
    show_text(w, "email", u->email);
    show_text(w, "first_name", u->first_name);
    show_text(w, "last_name", u->last_name);
    put_flag(w, "password", u->hash != NULL);
    put_flag(w, "first_password", u->first_password);
    put_flag(w, "disabled", u->disabled);
    show_text(w, "issuer", u->issuer);
    show_text(w, "subject", u->subject);
    put_tags(w, "read_tags", u->read_tags);
    put_tags(w, "write_tags", u->write_tags);
    put_time(w, "created_at", u->created_us);
    put_time(w, "password_changed_at", u->password_us);
    put_time(w, "last_login", u->login_us);
    json_object_end(w);
}

void account_token_show(struct json_writer *w, const struct account_token *t)
{
    json_object(w);
    show_text(w, "id", t->id);
    show_text(w, "name", t->name);
    show_text(w, "user", t->user);
    show_text(w, "role", role_to_string(t->role));
    put_flag(w, "of_sign_in", t->epoch != 0);
    put_tags(w, "read_tags", t->read_tags);
    put_tags(w, "write_tags", t->write_tags);
    put_time(w, "created_at", t->created_us);
    put_time(w, "expires_at", t->expires_us);
    put_time(w, "last_used", t->used_us);
    json_object_end(w);
}

/* ---- from outside ---- */

int account_name_may_be(const char *name, struct err *e)
{
    static const char *const ours[] = {"token", "cli", "anonymous", "api", "webhook", "scheduler"};
    size_t n = strlen(name);

    if (n == 0 || n > ACCOUNT_NAME_MAX) {
        return err_set(e, ERR_INVALID, "a user's name has 1 to %d bytes", ACCOUNT_NAME_MAX);
    }
    if (strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-@+") != n) {
        return err_set(e, ERR_INVALID, "a user's name has letters, digits and . _ - @ + alone");
    }
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
        if (strcmp(ours[i], name) == 0) {
            return err_set(e, ERR_INVALID, "'%s' is what the program calls itself", name);
        }
    }
    return 0;
}

int account_tags_of(const struct value *v, const struct value **ret, struct err *e)
{
    *ret = NULL;
    if (v == NULL || v->kind == VALUE_NULL) {
        return 0;
    }
    if (v->kind != VALUE_ARRAY || v->len > ACCOUNT_TAGS_MAX) {
        return err_set(e, ERR_INVALID, "tags are a list of at most %d texts", ACCOUNT_TAGS_MAX);
    }
    for (size_t i = 0; i < v->len; i++) {
        if (v->elems[i]->kind != VALUE_STRING || v->elems[i]->len == 0) {
            return err_set(e, ERR_INVALID, "a tag is a text");
        }
    }
    *ret = v;
    return 0;
}

bool account_tags_allow(const struct value *limit, const char *const *tags, size_t n)
{
    if (limit == NULL) {
        return true;
    }
    for (size_t i = 0; limit->kind == VALUE_ARRAY && i < limit->len; i++) {
        for (size_t k = 0; limit->elems[i]->kind == VALUE_STRING && k < n; k++) {
            if (strcmp(limit->elems[i]->text, tags[k]) == 0) {
                return true;
            }
        }
    }
    return false;
}
