/* Users (of admins) and tokens (one's own; of admins everybody's). Changes go to the engine (engine/accounts.h); no answer has a hash. */
#include <stdio.h>
#include <string.h>

#include "engine/settings.h"
#include "runtime/loop.h"
#include "server/api.h"
#include "server/signin.h"

#define TOKEN_DAYS     90 /* unless it is said */
#define TOKEN_MAX_DAYS 3650

/* ---- asking ---- */

static int read_back(struct call *c, const char *op, const char *member, const char *name,
                     struct value **ret, struct err *e)
{
    struct value *rq = value_new(&c->arena, VALUE_OBJECT);
    struct value *v = name != NULL ? value_string(&c->arena, name, strlen(name)) : NULL;
    struct buf b BUF_CLEANUP = {0};
    struct json_writer w;
    struct store *s;
    char *copy;
    int rc = server_store(c, &s, e);

    if (rc == 0 &&
        (rq == NULL || (name != NULL && (v == NULL || value_set(&c->arena, rq, member, v) != 0)))) {
        rc = err_set(e, ERR_NOMEM, "out of memory");
    }
    buf_init(&b, MiB(64));
    json_writer_init(&w, &b, 0);
    rc = rc == 0 ? settings_do(s, c->thread->server->config.home, op, rq,
                               loop_wall_us(c->thread->loop), &c->arena, &w, e)
                 : rc;
    copy = rc == 0 ? arena_strndup(&c->arena, buf_cstr(&b), b.len) : NULL;
    if (rc == 0 && copy == NULL) {
        rc = err_set(e, ERR_NOMEM, "out of memory");
    }
    return rc == 0 ? value_parse(&c->arena, copy, strlen(copy), ret, e) : rc;
}

static void begin(struct call *c, struct buf *b, struct json_writer *w, const char *op)
{
    api_command(c, b, w);
    json_key(w, "op");
    json_string(w, op);
}

/* What is wrong with the body is 422. */
static int send(struct call *c, struct buf *b, struct json_writer *w, struct value **ret,
                struct err *e)
{
    int rc;

    json_object_end(w);
    if (buf_status(b) == 0) {
        b->p[b->len - 1] = '\0';
        b->len--;
        buf_consume(b, 1);
    }
    rc = server_change(c, b, ret, e);
    return rc == -ERR_INVALID ? call_invalid(c, e, "%s", arena_strdup(&c->arena, e->text)) : rc;
}

static void add_text(struct json_writer *w, const char *name, const char *text)
{
    json_key(w, name);
    json_string(w, text);
}

/* A member of the body as it is, if it is there. */
static void pass(struct json_writer *w, const struct value *body, const char *name)
{
    const struct value *v = value_get(body, name);

    if (v != NULL) {
        json_key(w, name);
        json_value(w, v);
    }
}

static bool is_found(const struct value *answer)
{
    const struct value *v = answer != NULL ? value_get(answer, "found") : NULL;

    return v != NULL && v->kind == VALUE_BOOL && v->boolean;
}

static int put_page(struct call *c, const char *name, const struct value *all, struct err *e)
{
    struct api_page p;
    int rc = api_page(c, &p, e);

    if (rc != 0) {
        return rc;
    }
    api_list(c, name);
    for (size_t i = p.offset; i < all->len && i - p.offset < p.limit; i++) {
        json_value(&c->w, all->elems[i]);
    }
    api_list_end(c, (int64_t)all->len);
    c->no_store = true;
    return 0;
}

/* ---- users ---- */

static const char *const user_members[] = {
    "name",      "role",   "password", "first_password", "disabled",   "email", "first_name",
    "last_name", "issuer", "subject",  "read_tags",      "write_tags", NULL};

int api_users(struct call *c, struct err *e)
{
    struct value *answer;
    int rc = read_back(c, "user_list", NULL, NULL, &answer, e);

    return rc == 0 ? put_page(c, "users", value_get(answer, "users"), e) : rc;
}

int api_user(struct call *c, struct err *e)
{
    struct value *answer;
    int rc = read_back(c, "user_get", "name", call_param(c, "name"), &answer, e);

    if (rc == 0 && !is_found(answer)) {
        return err_set(e, ERR_NOTFOUND, "The User with name: `%s` was not found",
                       call_param(c, "name"));
    }
    if (rc == 0) {
        json_value(&c->w, value_get(answer, "user"));
        c->no_store = true;
    }
    return rc;
}

/* The hash of the password of the body, or of one that is made (*ret_made). */
static int add_password(struct call *c, struct json_writer *w, const char *name,
                        const struct value *body, bool make, const char **ret_made, struct err *e)
{
    char hash[PASSWORD_HASH], *made = NULL;
    const char *password;
    int rc = body_text(c, body, "password", &password, e);

    *ret_made = NULL;
    if (rc == 0 && password == NULL && make) {
        made = arena_alloc(&c->arena, PASSWORD_MADE);
        if (made == NULL) {
            return err_set(e, ERR_NOMEM, "out of memory for a password");
        }
        password_make(made);
        password = made;
    }
    if (rc != 0 || password == NULL) {
        return rc;
    }
    rc = password_may_be(name, password, e);
    if (rc != 0) {
        return call_invalid(c, e, "%s", arena_strdup(&c->arena, e->text));
    }
    rc = signin_hash(c, password, hash, e);
    if (rc == 0) {
        add_text(w, "hash", hash);
        *ret_made = made;
    }
    return rc;
}

static int set_user(struct call *c, const char *name, const struct value *body, bool is_new,
                    struct err *e)
{
    static const char *const plain[] = {"role",       "disabled",  "email",
                                        "first_name", "last_name", "read_tags",
                                        "write_tags", "issuer",    "subject"};
    bool password = value_get(body, "password") != NULL,
         person = value_get(body, "subject") != NULL;
    const char *made = NULL;
    struct buf b BUF_CLEANUP = {0};
    struct json_writer w;
    struct value *answer, *user;
    bool first;
    int rc = body_bool(c, body, "first_password", true, &first, e);

    begin(c, &b, &w, "user_set");
    if (rc != 0) {
        return rc;
    }
    add_text(&w, "name", name);
    json_key(&w, "is_new");
    json_bool(&w, is_new);
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
        pass(&w, body, plain[i]);
    }
    if (password || is_new || value_get(body, "first_password") != NULL) {
        json_key(&w, "first_password");
        json_bool(&w, first && (password || !person || !is_new));
    }
    rc = add_password(c, &w, name, body, is_new && !person, &made, e);
    rc = rc == 0 ? send(c, &b, &w, &answer, e) : rc;
    if (rc != 0) {
        return rc;
    }
    user = value_get(answer, "user");
    if (made != NULL && value_set(&c->arena, user, "new_password",
                                  value_string(&c->arena, made, strlen(made))) != 0) {
        return err_set(e, ERR_NOMEM, "out of memory for an answer");
    }
    json_value(&c->w, user);
    c->status = is_new ? 201 : 0;
    c->no_store = true;
    return 0;
}

int api_user_post(struct call *c, struct err *e)
{
    const char *name = NULL;
    struct value *body;
    int rc = call_body(c, &body, e);

    rc = rc == 0 ? body_only(c, body, user_members, e) : rc;
    rc = rc == 0 ? body_text(c, body, "name", &name, e) : rc;
    if (rc == 0 && (name == NULL || value_get(body, "role") == NULL)) {
        return call_invalid(c, e, "name and role must be given");
    }
    return rc == 0 ? set_user(c, name, body, true, e) : rc;
}

int api_user_patch(struct call *c, struct err *e)
{
    const char *name = call_param(c, "name"), *given = NULL;
    struct value *body;
    int rc = call_body(c, &body, e);

    rc = rc == 0 ? body_only(c, body, user_members, e) : rc;
    rc = rc == 0 ? body_text(c, body, "name", &given, e) : rc;
    if (rc == 0 && given != NULL && strcmp(given, name) != 0) {
        return call_invalid(c, e, "A user's name does not change");
    }
    return rc == 0 ? set_user(c, name, body, false, e) : rc;
}

int api_user_delete(struct call *c, struct err *e)
{
    struct buf b BUF_CLEANUP = {0};
    struct json_writer w;
    struct value *answer;
    int rc;

    begin(c, &b, &w, "user_delete");
    add_text(&w, "name", call_param(c, "name"));
    rc = send(c, &b, &w, &answer, e);
    if (rc == 0 && !is_found(answer)) {
        return err_set(e, ERR_NOTFOUND, "The User with name: `%s` was not found",
                       call_param(c, "name"));
    }
    c->status = rc == 0 ? 204 : c->status;
    return rc;
}

/* ---- tokens ---- */

/* An admin that is not himself limited may make any, and see and revoke those of others. */
static bool is_free_admin(const struct call *c)
{
    return c->role == ROLE_ADMIN && !identity_is_limited(&c->who);
}

/* A token that was made for a purpose makes no others. */
static int may_manage(struct call *c, struct err *e)
{
    return is_free_admin(c) || c->who.by == BY_SESSION || c->who.sign_in
               ? 0
               : err_set(e, ERR_PERM, "A token does not manage tokens: sign in");
}

int api_tokens(struct call *c, struct err *e)
{
    struct value *answer;
    int rc = may_manage(c, e);

    rc = rc == 0
             ? read_back(c, "token_list", "user", is_free_admin(c) ? NULL : c->who.user, &answer, e)
             : rc;
    return rc == 0 ? put_page(c, "tokens", value_get(answer, "tokens"), e) : rc;
}

/* expires_in: seconds; null: never. */
static int add_expiry(struct call *c, struct json_writer *w, const struct value *body,
                      struct err *e)
{
    const struct value *v = value_get(body, "expires_in");
    int64_t s = TOKEN_DAYS * INT64_C(86400);

    if (v != NULL && v->kind == VALUE_NULL) {
        return 0;
    }
    if (v != NULL && value_int(v, 1, TOKEN_MAX_DAYS * INT64_C(86400), &s) != 0) {
        return call_invalid(c, e, "expires_in must be seconds, up to %d days, or null",
                            TOKEN_MAX_DAYS);
    }
    json_key(w, "expires_us");
    json_int(w, loop_wall_us(c->thread->loop) + s * TIME_SECOND);
    return 0;
}

/* Whose it is, and that it may no more than who asks for it. */
static int check_token(struct call *c, const struct value *body, const char **ret_user,
                       const char **ret_role, struct err *e)
{
    int rc = body_text(c, body, "user", ret_user, e), role;

    rc = rc == 0 ? body_text(c, body, "role", ret_role, e) : rc;
    if (rc != 0) {
        return rc;
    }
    if (!is_free_admin(c)) {
        if (*ret_user != NULL && strcmp(*ret_user, c->who.user) != 0) {
            return err_set(e, ERR_PERM, "Forbidden: tokens of others are made by admins");
        }
        *ret_user = c->who.user;
    }
    *ret_role = *ret_role != NULL ? *ret_role : role_to_string(c->role);
    role = role_from_string(*ret_role);
    return role > (int)c->role ? err_set(e, ERR_PERM, "Forbidden: a token may no more than you")
                               : 0;
}

int api_token_post(struct call *c, struct err *e)
{
    static const char *const members[] = {"name",      "user",       "role", "expires_in",
                                          "read_tags", "write_tags", NULL};
    char text[CREDENTIAL_TEXT], id[CREDENTIAL_ID];
    const char *user = NULL, *role = NULL;
    struct buf b BUF_CLEANUP = {0};
    struct json_writer w;
    struct value *body, *answer, *token;
    int rc = may_manage(c, e);

    rc = rc == 0 ? call_body(c, &body, e) : rc;
    rc = rc == 0 ? body_only(c, body, members, e) : rc;
    rc = rc == 0 ? check_token(c, body, &user, &role, e) : rc;
    begin(c, &b, &w, "token_add");
    if (rc != 0) {
        return rc;
    }
    credential_new(CREDENTIAL_TOKEN, text);
    credential_id(text, id);
    add_text(&w, "id", id);
    add_text(&w, "user", user);
    add_text(&w, "role", role);
    pass(&w, body, "name");
    pass(&w, body, "read_tags");
    pass(&w, body, "write_tags");
    rc = add_expiry(c, &w, body, e);
    rc = rc == 0 ? send(c, &b, &w, &answer, e) : rc;
    if (rc != 0) {
        return rc;
    }
    token = value_get(answer, "token");
    if (value_set(&c->arena, token, "token", value_string(&c->arena, text, strlen(text))) != 0) {
        return err_set(e, ERR_NOMEM, "out of memory for an answer");
    }
    json_value(&c->w, token);
    c->status = 201;
    c->no_store = true;
    return 0;
}

/* One that is not his is not there. */
static int is_mine(struct call *c, const char *id, bool *ret, struct err *e)
{
    struct value *answer;
    const struct value *all;
    int rc = read_back(c, "token_list", "user", is_free_admin(c) ? NULL : c->who.user, &answer, e);

    *ret = false;
    all = rc == 0 ? value_get(answer, "tokens") : NULL;
    for (size_t i = 0; all != NULL && i < all->len; i++) {
        const struct value *v = value_get(all->elems[i], "id");

        *ret = *ret || (v != NULL && v->kind == VALUE_STRING && strcmp(v->text, id) == 0);
    }
    return rc;
}

int api_token_delete(struct call *c, struct err *e)
{
    const char *id = call_param(c, "id");
    struct buf b BUF_CLEANUP = {0};
    struct json_writer w;
    struct value *answer = NULL;
    bool mine = false;
    int rc = may_manage(c, e);

    rc = rc == 0 ? is_mine(c, id, &mine, e) : rc;
    begin(c, &b, &w, "token_delete");
    add_text(&w, "id", id);
    rc = rc == 0 && mine ? send(c, &b, &w, &answer, e) : rc;
    if (rc == 0 && !is_found(answer)) {
        return err_set(e, ERR_NOTFOUND, "The Token with id: `%s` was not found", id);
    }
    c->status = rc == 0 ? 204 : c->status;
    return rc;
}
