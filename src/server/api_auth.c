/* Sign-in and out: of the page (a cookie), and of Airflow's clients (an opaque token where it has a JWT). */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "runtime/loop.h"
#include "server/api.h"
#include "server/signin.h"

#define POLL_S 3 /* the page looks again, where it has no stream of events */

/* ---- the session ---- */

static void put_auth(struct call *c)
{
    const struct oidc *o = c->thread->server->oidc;

    json_key(&c->w, "auth");
    json_object(&c->w);
    put_bool(c, "password", true);
    if (o != NULL) {
        json_key(&c->w, "oidc");
        json_object(&c->w);
        put_text(c, "name", oidc_name(o));
        json_object_end(&c->w);
    } else {
        put_null(c, "oidc");
    }
    json_object_end(&c->w);
}

static void put_session(struct call *c, const char *name, enum role role, bool first,
                        const char *csrf)
{
    const struct server_config *s = &c->thread->server->config;

    json_object(&c->w);
    json_key(&c->w, "user");
    json_object(&c->w);
    put_text(c, "name", name);
    put_text(c, "role", role_to_string(role));
    put_bool(c, "first_password", first);
    json_object_end(&c->w);
    put_text(c, "csrf", csrf);
    put_text(c, "version", s->version);
    put_text(c, "home", s->home);
    put_auth(c);
    put_text(c, "timezone", s->timezone);
    put_int(c, "poll", POLL_S);
    json_object_end(&c->w);
    c->no_store = true;
}

int api_session(struct call *c, struct err *e)
{
    (void)e;
    c->no_store = true;
    if (c->who.by == BY_NOBODY) {
        json_object(&c->w);
        put_text(c, "detail", "Not authenticated");
        put_auth(c);
        json_object_end(&c->w);
        c->status = 401;
        return 0;
    }
    put_session(c, c->who.name, c->who.role, c->who.first_password, c->csrf);
    return 0;
}

/* Lax: who follows a link to the page is signed in there. What changes something asks for the token of the session too. */
static int set_cookie(struct call *c, const char *text, int64_t seconds, struct err *e)
{
    char *v =
        arena_printf(&c->arena, ACCESS_COOKIE "=%s; Path=/; HttpOnly; SameSite=Lax; Max-Age=%lld%s",
                     text, (long long)seconds, c->thread->server->config.secure ? "; Secure" : "");

    return v != NULL && call_set_header(c, "Set-Cookie", v) == 0
               ? 0
               : err_set(e, ERR_NOMEM, "out of memory for a cookie");
}

static void begin(struct call *c, struct buf *b, struct json_writer *w, const char *op,
                  const char *actor)
{
    buf_init(b, KiB(64));
    json_writer_init(w, b, 0);
    json_object(w);
    json_key(w, "op");
    json_string(w, op);
    json_key(w, "actor");
    json_string(w, actor != NULL ? actor : c->actor);
}

static int send(struct call *c, struct buf *b, struct json_writer *w, struct value **ret,
                struct err *e)
{
    json_object_end(w);
    if (buf_status(b) == 0) { /* the members alone */
        b->p[b->len - 1] = '\0';
        b->len--;
        buf_consume(b, 1);
    }
    return server_change(c, b, ret, e);
}

static void add_text(struct json_writer *w, const char *name, const char *text)
{
    if (text != NULL) {
        json_key(w, name);
        json_string(w, text);
    }
}

static void add_int(struct json_writer *w, const char *name, int64_t n)
{
    json_key(w, name);
    json_int(w, n);
}

int api_open_session(struct call *c, const struct account *u, const char **ret_csrf, struct err *e)
{
    const struct server_config *s = &c->thread->server->config;
    char text[CREDENTIAL_TEXT], id[CREDENTIAL_ID], csrf[CREDENTIAL_CSRF];
    const char *agent = call_header(c, "User-Agent");
    struct buf b BUF_CLEANUP = {0};
    struct json_writer w;
    struct value *answer;
    int rc;

    credential_new(CREDENTIAL_SESSION, text);
    credential_id(text, id);
    credential_csrf(text, csrf);
    begin(c, &b, &w, "session_add", u->name);
    add_text(&w, "id", id);
    add_text(&w, "user", u->name);
    add_text(&w, "peer", c->rq->peer);
    add_text(&w, "agent", agent != NULL ? arena_strndup(&c->arena, agent, 200) : NULL);
    add_int(&w, "epoch", u->epoch);
    add_int(&w, "expires_us", loop_wall_us(c->thread->loop) + s->session_max_us);
    rc = send(c, &b, &w, &answer, e);
    rc = rc == 0 ? set_cookie(c, text, s->session_max_us / TIME_SECOND, e) : rc;
    *ret_csrf = rc == 0 ? arena_strdup(&c->arena, csrf) : NULL;
    return rc;
}

static int close_session(struct call *c, struct err *e)
{
    struct buf b BUF_CLEANUP = {0};
    struct json_writer w;
    struct value *answer;
    int rc;

    if (c->who.by != BY_SESSION && !(c->who.by == BY_TOKEN && c->who.sign_in)) {
        return 0;
    }
    begin(c, &b, &w, c->who.by == BY_SESSION ? "session_delete" : "token_delete", NULL);
    add_text(&w, "id", c->who.id);
    rc = send(c, &b, &w, &answer, e);
    identity_forget(c, c->who.id);
    return rc;
}

static int read_login(struct call *c, const char **ret_user, const char **ret_password,
                      struct err *e)
{
    struct value *body;
    int rc = call_body(c, &body, e);

    rc = rc == 0 ? body_text(c, body, "username", ret_user, e) : rc;
    rc = rc == 0 ? body_text(c, body, "password", ret_password, e) : rc;
    if (rc == 0 && (*ret_user == NULL || *ret_password == NULL)) {
        return call_invalid(c, e, "username and password must be given");
    }
    return rc == 0 && (strlen(*ret_user) > ACCOUNT_NAME_MAX || strlen(*ret_password) > PASSWORD_MAX)
               ? call_invalid(c, e, "username or password is too long")
               : rc;
}

int api_login(struct call *c, struct err *e)
{
    const char *user, *password, *csrf = NULL;
    struct account u;
    int rc = access_same_origin(c) ? read_login(c, &user, &password, e) : 1;

    if (rc == 1) {
        return 0;
    }
    rc = rc == 0 ? signin_check(c, user, password, &u, e) : rc;
    rc = rc == 0 ? close_session(c, e) : rc; /* the one that this browser had */
    rc = rc == 0 ? api_open_session(c, &u, &csrf, e) : rc;
    if (rc == 0) {
        c->actor = u.name;
        put_session(c, u.name, u.role, u.first_password, csrf);
    }
    return rc;
}

int api_logout(struct call *c, struct err *e)
{
    int rc = close_session(c, e);

    rc = rc == 0 ? set_cookie(c, "", 0, e) : rc;
    c->status = rc == 0 ? 204 : c->status;
    return rc;
}

/* All other sessions end, and tokens of sign-ins; this one goes on as a new one. */
int api_password(struct call *c, struct err *e)
{
    const char *old = NULL, *new = NULL, *csrf;
    char hash[PASSWORD_HASH];
    struct buf b BUF_CLEANUP = {0};
    struct json_writer w;
    struct value *body, *answer;
    struct account u;
    int rc = call_body(c, &body, e);

    if (c->who.user == NULL) {
        return err_set(e, ERR_CONFLICT, "This token is of no user: it has no password");
    }
    rc = rc == 0 ? body_text(c, body, "old", &old, e) : rc;
    rc = rc == 0 ? body_text(c, body, "new", &new, e) : rc;
    if (rc == 0 && (old == NULL || new == NULL || strlen(old) > PASSWORD_MAX)) {
        return call_invalid(c, e, "old and new must be given");
    }
    rc = rc == 0 ? password_may_be(c->who.user, new, e) : rc;
    if (rc == -ERR_INVALID) {
        return call_invalid(c, e, "%s", arena_strdup(&c->arena, e->text));
    }
    if (rc == 0 && strcmp(old, new) == 0) {
        return call_invalid(c, e, "the new password is the old one");
    }
    rc = rc == 0 ? signin_check(c, c->who.user, old, &u, e) : rc;
    if (rc != 0 && c->status == 401) {
        c->status = 403; /* who he is is known; the page does not sign him out */
        return err_set(e, ERR_PERM, "The old password is wrong");
    }
    rc = rc == 0 ? signin_hash(c, new, hash, e) : rc;
    begin(c, &b, &w, "user_set", NULL);
    add_text(&w, "name", c->who.user);
    add_text(&w, "hash", hash);
    json_key(&w, "first_password");
    json_bool(&w, false);
    rc = rc == 0 ? send(c, &b, &w, &answer, e) : rc;
    if (rc != 0) {
        return rc;
    }
    if (u.first_password && strcmp(u.name, "admin") == 0) {
        first_password_file_drop(c->thread->server->config.home);
    }
    identity_forget(c, c->who.id);
    u.epoch++;
    rc = c->who.by == BY_SESSION ? api_open_session(c, &u, &csrf, e) : 0;
    c->status = rc == 0 ? 204 : c->status;
    return rc;
}

/* ---- Airflow's ---- */

static int give_token(struct call *c, int64_t lifetime_us, struct err *e)
{
    char text[CREDENTIAL_TEXT], id[CREDENTIAL_ID];
    const char *user, *password;
    struct buf b BUF_CLEANUP = {0};
    struct json_writer w;
    struct value *answer;
    struct account u;
    int rc = access_same_origin(c) ? read_login(c, &user, &password, e) : 1;

    if (rc == 1) {
        return 0;
    }
    rc = rc == 0 ? signin_check(c, user, password, &u, e) : rc;
    if (rc == 0 && u.first_password) {
        return err_set(e, ERR_PERM,
                       "The first password must be changed before: on the page, or by `tradewind "
                       "users set-password`");
    }
    if (rc != 0) {
        return rc;
    }
    credential_new(CREDENTIAL_TOKEN, text);
    credential_id(text, id);
    begin(c, &b, &w, "token_add", u.name);
    add_text(&w, "id", id);
    add_text(&w, "user", u.name);
    add_text(&w, "role", role_to_string(u.role));
    add_text(&w, "peer", c->rq->peer);
    add_int(&w, "epoch", u.epoch);
    add_int(&w, "expires_us", loop_wall_us(c->thread->loop) + lifetime_us);
    rc = send(c, &b, &w, &answer, e);
    if (rc == 0) {
        c->actor = u.name;
        c->status = 201;
        c->no_store = true;
        json_object(&c->w);
        put_text(c, "access_token", text);
        json_object_end(&c->w);
    }
    return rc;
}

int api_auth_token(struct call *c, struct err *e)
{
    return give_token(c, c->thread->server->config.token_us, e);
}

int api_auth_token_cli(struct call *c, struct err *e)
{
    return give_token(c, c->thread->server->config.cli_token_us, e);
}

bool api_is_ours(const char *next)
{
    return next != NULL && next[0] == '/' && next[1] != '/' && next[1] != '\\' &&
           strpbrk(next, "\\\r\n\t") == NULL;
}

static void add_escaped(struct buf *b, const char *text)
{
    static const char hex[] = "0123456789ABCDEF";

    for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++) {
        if ((*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
            strchr("-_.~/", *p) != NULL) {
            (void)buf_char(b, (char)*p);
        } else {
            (void)buf_char(b, '%');
            (void)buf_char(b, hex[*p >> 4]);
            (void)buf_char(b, hex[*p & 15]);
        }
    }
}

void api_add_query(struct buf *b, const char *name, const char *value)
{
    (void)buf_printf(b, "%s%s=", b->len == 0 || strchr("?&", b->p[b->len - 1]) != NULL ? "" : "&",
                     name);
    add_escaped(b, value);
}

static int redirect(struct call *c, const char *next, struct err *e)
{
    struct buf b BUF_CLEANUP = {0};
    char *to;

    buf_init(&b, KiB(16));
    (void)buf_str(&b, "/login");
    if (api_is_ours(next)) {
        (void)buf_str(&b, "?next=");
        add_escaped(&b, next);
    }
    to = buf_status(&b) == 0 ? arena_strdup(&c->arena, buf_cstr(&b)) : NULL;
    c->status = 302;
    c->no_store = true;
    return to != NULL && call_set_header(c, "Location", to) == 0
               ? 0
               : err_set(e, ERR_NOMEM, "out of memory for an answer");
}

int api_auth_login(struct call *c, struct err *e)
{
    return redirect(c, call_query(c, "next"), e);
}

/* A link: another site that has a browser follow it signs nobody out. */
int api_auth_logout(struct call *c, struct err *e)
{
    const char *site = call_header(c, "Sec-Fetch-Site");
    bool foreign = site != NULL && strcmp(site, "same-origin") != 0 && strcmp(site, "none") != 0;
    int rc = foreign ? 0 : close_session(c, e);

    rc = rc == 0 && !foreign ? set_cookie(c, "", 0, e) : rc;
    return rc == 0 ? redirect(c, NULL, e) : rc;
}
