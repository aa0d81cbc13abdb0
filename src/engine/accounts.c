#include "engine/accounts.h"

#include <stdlib.h>
#include <string.h>

#include "access/account.h"
#include "access/credential.h"
#include "access/password.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/time.h"
#include "store/store.h"

static const char user_kind[] = "user", session_kind[] = "session", token_kind[] = "token";

struct asked {
    struct store *s;
    const struct value *rq;
    int64_t now_us;
    struct arena *a;
    struct json_writer *w;
    struct err *e;
    /* The change that is made. */
    struct setting_row rows[LIMIT_ACCOUNT_CHANGE];
    size_t rows_len;
};

static const char *text_of(const struct asked *q, const char *name)
{
    const struct value *v = value_get(q->rq, name);

    return v != NULL && v->kind == VALUE_STRING && v->len != 0 ? v->text : NULL;
}

static bool flag_of(const struct asked *q, const char *name)
{
    const struct value *v = value_get(q->rq, name);

    return v != NULL && v->kind == VALUE_BOOL && v->boolean;
}

static int64_t int_of(const struct asked *q, const char *name, int64_t dflt)
{
    const struct value *v = value_get(q->rq, name);
    int64_t n = dflt;

    return v != NULL && value_int(v, 0, INT64_MAX, &n) == 0 ? n : dflt;
}

static int no_memory(struct asked *q)
{
    return err_set(q->e, ERR_NOMEM, "out of memory for an account");
}

static void put_found(struct asked *q, bool found)
{
    json_key(q->w, "found");
    json_bool(q->w, found);
}

/* ---- changes ---- */

/* value NULL: the row goes. version: as of setting_row. */
static int add_row(struct asked *q, const char *kind, const char *name, const char *value,
                   int64_t version)
{
    struct setting_row *r = &q->rows[q->rows_len];

    if (q->rows_len == LIMIT_ACCOUNT_CHANGE) {
        return err_set(q->e, ERR_LIMIT, "too much is to be removed at once; again");
    }
    *r = (struct setting_row){.kind = kind,
                              .name = name,
                              .value = value,
                              .value_len = value != NULL ? strlen(value) : 0,
                              .version = version,
                              .updated_us = q->now_us};
    q->rows_len++;
    return 0;
}

typedef void (*write_fn)(struct json_writer *w, const void *p);

/* An object as text in the arena. NULL: out of memory, or too large. */
static const char *as_text(struct asked *q, write_fn fn, const void *p)
{
    struct buf b BUF_CLEANUP = {0};
    struct json_writer w;

    buf_init(&b, LIMIT_ACCOUNT_BYTES);
    json_writer_init(&w, &b, 0);
    fn(&w, p);
    return buf_status(&b) == 0 ? arena_strndup(q->a, buf_cstr(&b), b.len) : NULL;
}

static void write_user(struct json_writer *w, const void *p)
{
    account_write(w, p);
}

static void show_user(struct json_writer *w, const void *p)
{
    account_show(w, p);
}

static void write_session(struct json_writer *w, const void *p)
{
    account_session_write(w, p);
}

static void write_token(struct json_writer *w, const void *p)
{
    account_token_write(w, p);
}

static void show_token(struct json_writer *w, const void *p)
{
    account_token_show(w, p);
}

static int put_row(struct asked *q, const char *kind, const char *name, const char *value,
                   int64_t version)
{
    return value != NULL ? add_row(q, kind, name, value, version)
                         : err_set(q->e, ERR_LIMIT, "%s '%s' is larger than %zu bytes", kind, name,
                                   LIMIT_ACCOUNT_BYTES);
}

/* action NULL: no trace is left of it. */
static int commit(struct asked *q, const char *action, const char *subject, const char *before,
                  const char *after)
{
    const struct audit_row audit = {.actor = text_of(q, "actor"),
                                    .action = action,
                                    .subject = subject,
                                    .before = before,
                                    .after = after,
                                    .at_us = q->now_us};
    struct audit_row row = audit;
    const struct settings_change c = {
        .rows = q->rows, .rows_len = q->rows_len, .audits = &row, .audits_len = action != NULL};

    row.actor = row.actor != NULL ? row.actor : "cli";
    return q->s->ops->change_settings(q->s, &c, q->e);
}

/* ---- users ---- */

static int name_of(struct asked *q, const char *member, const char **ret)
{
    *ret = text_of(q, member);
    return *ret != NULL ? 0 : err_set(q->e, ERR_INVALID, "%s must be given", member);
}

/* *ret_version 0: there is none. */
static int find_user(struct asked *q, const char *name, struct account *ret, int64_t *ret_version)
{
    struct setting_row *rows;
    size_t n = 0;
    int rc = q->s->ops->get_settings(q->s, user_kind, name, q->a, &rows, &n, q->e);

    *ret_version = rc == 0 && n == 1 ? rows[0].version : 0;
    return rc == 0 && n == 1
               ? account_parse(name, rows[0].value, rows[0].value_len, q->a, ret, q->e)
               : rc;
}

static int all_users(struct asked *q, struct account **ret, size_t *ret_n)
{
    struct setting_row *rows;
    struct account *users;
    size_t n = 0;
    int rc = q->s->ops->get_settings(q->s, user_kind, NULL, q->a, &rows, &n, q->e);

    users = rc == 0 ? arena_array(q->a, n + 1, sizeof *users) : NULL;
    if (rc == 0 && users == NULL) {
        return no_memory(q);
    }
    for (size_t i = 0; rc == 0 && i < n; i++) {
        rc = account_parse(rows[i].name, rows[i].value, rows[i].value_len, q->a, &users[i], q->e);
    }
    *ret = users;
    *ret_n = n;
    return rc;
}

static bool can_manage(const struct account *u)
{
    return u->role == ROLE_ADMIN && !u->disabled;
}

/* Is there another one who can? */
static int keep_an_admin(struct asked *q, const struct account *old, const struct account *new)
{
    struct account *users;
    size_t n = 0;
    int rc = 0;

    if (!can_manage(old) || (new != NULL &&can_manage(new))) {
        return 0;
    }
    rc = all_users(q, &users, &n);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (can_manage(&users[i]) && strcmp(users[i].name, old->name) != 0) {
            return 0;
        }
    }
    return rc != 0 ? rc
                   : err_set(q->e, ERR_CONFLICT, "'%s' is the last admin: make another one before",
                             old->name);
}

static int op_user_get(struct asked *q)
{
    struct account u;
    int64_t version = 0;
    const char *name;
    int rc = name_of(q, "name", &name);

    rc = rc == 0 ? find_user(q, name, &u, &version) : rc;
    if (rc == 0) {
        put_found(q, version != 0);
        json_key(q->w, "user");
        if (version != 0) {
            account_show(q->w, &u);
        } else {
            json_null(q->w);
        }
    }
    return rc;
}

static int op_user_list(struct asked *q)
{
    struct account *users;
    size_t n = 0;
    int rc = all_users(q, &users, &n);

    if (rc == 0) {
        json_key(q->w, "users");
        json_array(q->w);
        for (size_t i = 0; i < n; i++) {
            account_show(q->w, &users[i]);
        }
        json_array_end(q->w);
    }
    return rc;
}

static int set_texts(struct asked *q, struct account *u)
{
    const struct {
        const char *name, **to;
    } texts[] = {{"email", &u->email},
                 {"first_name", &u->first_name},
                 {"last_name", &u->last_name},
                 {"issuer", &u->issuer},
                 {"subject", &u->subject}};

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const struct value *v = value_get(q->rq, texts[i].name);

        if (v != NULL && v->kind != VALUE_STRING && v->kind != VALUE_NULL) {
            return err_set(q->e, ERR_INVALID, "%s must be a text", texts[i].name);
        }
        if (v != NULL) {
            *texts[i].to = v->kind == VALUE_STRING && v->len != 0 ? v->text : NULL;
        }
    }
    return (u->issuer == NULL) == (u->subject == NULL)
               ? 0
               : err_set(q->e, ERR_INVALID, "issuer and subject are given both or not at all");
}

static int set_hash(struct asked *q, struct account *u)
{
    const char *hash = text_of(q, "hash");

    if (hash == NULL) {
        return 0;
    }
    if (!password_is_hash(hash)) {
        return err_set(q->e, ERR_INVALID, "hash is no hash of a password");
    }
    u->hash = hash;
    if (flag_of(q, "same_password") && u->epoch != 0) {
        return 0; /* made anew, with the parameters of today */
    }
    u->epoch++;
    u->password_us = q->now_us;
    return 0;
}

/* What the request says, over what is there. */
static int change_user(struct asked *q, struct account *u)
{
    const struct value *read = value_get(q->rq, "read_tags"),
                       *write = value_get(q->rq, "write_tags");
    const char *role = text_of(q, "role");
    int r = role != NULL ? role_from_string(role) : (int)u->role;
    int rc = r >= 0 && r != ROLE_NONE
                 ? 0
                 : err_set(q->e, ERR_INVALID, "role must be viewer, user, operator or admin");

    u->role = rc == 0 ? (enum role)r : u->role;
    rc = rc == 0 ? set_texts(q, u) : rc;
    rc = rc == 0 ? set_hash(q, u) : rc;
    rc = rc == 0 && read != NULL ? account_tags_of(read, &u->read_tags, q->e) : rc;
    rc = rc == 0 && write != NULL ? account_tags_of(write, &u->write_tags, q->e) : rc;
    if (value_get(q->rq, "first_password") != NULL) {
        u->first_password = flag_of(q, "first_password");
    }
    if (value_get(q->rq, "disabled") != NULL) {
        u->disabled = flag_of(q, "disabled");
    }
    return rc;
}

/* Two users are not the same person elsewhere. */
static int check_subject(struct asked *q, const struct account *u)
{
    struct account *users;
    size_t n = 0;
    int rc = u->subject != NULL ? all_users(q, &users, &n) : 0;

    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (users[i].subject != NULL && strcmp(users[i].name, u->name) != 0 &&
            strcmp(users[i].subject, u->subject) == 0 && strcmp(users[i].issuer, u->issuer) == 0) {
            rc = err_set(q->e, ERR_EXISTS, "'%s' is that person already", users[i].name);
        }
    }
    return rc;
}

static int check_new(struct asked *q, const char *name)
{
    struct setting_row *rows;
    size_t n = 0;
    int rc = account_name_may_be(name, q->e);

    rc = rc == 0 ? q->s->ops->get_settings(q->s, user_kind, NULL, q->a, &rows, &n, q->e) : rc;
    if (rc == 0 && n >= LIMIT_USERS) {
        return err_set(q->e, ERR_LIMIT, "there are %zu users already", n);
    }
    return rc == 0 && n != 0 && flag_of(q, "is_first")
               ? err_set(q->e, ERR_EXISTS, "there are users already")
               : rc;
}

static int op_user_set(struct asked *q)
{
    struct account old = {0}, u;
    int64_t version = 0;
    const char *name;
    int rc = name_of(q, "name", &name);

    rc = rc == 0 ? find_user(q, name, &old, &version) : rc;
    if (rc == 0 && version != 0 && flag_of(q, "is_new")) {
        rc = err_set(q->e, ERR_EXISTS, "there is a user '%s' already", name);
    } else if (rc == 0 && version == 0 && !flag_of(q, "is_new")) {
        rc = err_set(q->e, ERR_NOTFOUND, "there is no user '%s'", name);
    }
    rc = rc == 0 && version == 0 ? check_new(q, name) : rc;
    if (rc != 0) {
        return rc;
    }
    u = old;
    if (version == 0) {
        u = (struct account){.name = name,
                             .epoch = 0,
                             .created_us = q->now_us,
                             .password_us = TIME_NONE,
                             .login_us = TIME_NONE};
    }
    rc = change_user(q, &u);
    rc = rc == 0 ? check_subject(q, &u) : rc;
    rc = rc == 0 && version != 0 ? keep_an_admin(q, &old, &u) : rc;
    rc = rc == 0 ? put_row(q, user_kind, name, as_text(q, write_user, &u), version) : rc;
    rc = rc == 0 ? commit(q,
                          version == 0                 ? "user create"
                          : text_of(q, "hash") != NULL ? "user password"
                                                       : "user change",
                          name, version != 0 ? as_text(q, show_user, &old) : NULL,
                          as_text(q, show_user, &u))
                 : rc;
    if (rc == 0) {
        json_key(q->w, "user");
        account_show(q->w, &u);
    }
    return rc;
}

/* ---- sessions and tokens that are over, or somebody's ---- */

struct sweep {
    const char *user; /* all of this one; NULL: those that are over */
    const char *kind;
    size_t max; /* more than so many of `of` are there: the oldest go. 0: no such limit */
    const char *of;
};

struct owned {
    const char *name;
    int64_t created_us;
};

static bool is_over(struct asked *q, const struct setting_row *r, bool token, const char **ret_user,
                    int64_t *ret_created)
{
    struct account_session s;
    struct account_token t;

    if (token) {
        if (account_token_parse(r->name, r->value, r->value_len, q->a, &t, NULL) != 0) {
            return true;
        }
        *ret_user = t.epoch != 0 ? t.user : NULL;
        *ret_created = t.created_us;
        return t.expires_us != TIME_NONE && t.expires_us <= q->now_us;
    }
    if (account_session_parse(r->value, r->value_len, q->a, &s, NULL) != 0) {
        return true;
    }
    *ret_user = s.user;
    *ret_created = s.created_us;
    return s.expires_us <= q->now_us;
}

static int by_age(const void *x, const void *y)
{
    const struct owned *a = x, *b = y;

    return a->created_us < b->created_us ? -1 : a->created_us > b->created_us;
}

/* What is over goes, as far as there is room in one change; and the oldest of a user who has too many. */
static int sweep(struct asked *q, const char *kind, const char *user, size_t max)
{
    bool token = kind == token_kind;
    struct setting_row *rows;
    struct owned *his;
    size_t n = 0, his_len = 0, live = 0;
    int rc = q->s->ops->get_settings(q->s, kind, NULL, q->a, &rows, &n, q->e);

    his = rc == 0 ? arena_array(q->a, n + 1, sizeof *his) : NULL;
    if (rc == 0 && his == NULL) {
        return no_memory(q);
    }
    for (size_t i = 0; rc == 0 && i < n; i++) {
        const char *whose = NULL;
        int64_t created = 0;

        if (is_over(q, &rows[i], token, &whose, &created)) {
            rc = q->rows_len < LIMIT_ACCOUNT_CHANGE / 2 ? add_row(q, kind, rows[i].name, NULL, -1)
                                                        : 0;
            continue;
        }
        live++;
        if (whose != NULL && user != NULL && strcmp(whose, user) == 0) {
            his[his_len++] = (struct owned){rows[i].name, created};
        }
    }
    if (his_len != 0) {
        qsort(his, his_len, sizeof *his, by_age);
    }
    for (size_t i = 0; rc == 0 && i + max <= his_len && q->rows_len + 8 < LIMIT_ACCOUNT_CHANGE;
         i++, live--) {
        rc = add_row(q, kind, his[i].name, NULL, -1);
    }
    return rc == 0 && live >= LIMIT_CREDENTIALS
               ? err_set(q->e, ERR_LIMIT, "there are %zu %ss already", live, kind)
               : rc;
}

/* All of a kind that are a user's, an `at` beyond which the change is full: *ret_more. */
static int drop_of(struct asked *q, const char *kind, const char *user, bool *ret_more)
{
    struct setting_row *rows;
    size_t n = 0;
    int rc = q->s->ops->get_settings(q->s, kind, NULL, q->a, &rows, &n, q->e);

    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct account_session s = {0};
        struct account_token t = {0};
        const char *whose = NULL;

        if (kind == token_kind && account_token_parse(rows[i].name, rows[i].value,
                                                      rows[i].value_len, q->a, &t, NULL) == 0) {
            whose = t.user;
        } else if (kind == session_kind &&
                   account_session_parse(rows[i].value, rows[i].value_len, q->a, &s, NULL) == 0) {
            whose = s.user;
        }
        if (whose == NULL || strcmp(whose, user) != 0) {
            continue;
        }
        if (q->rows_len + 1 >= LIMIT_ACCOUNT_CHANGE) {
            *ret_more = true;
            return 0;
        }
        rc = add_row(q, kind, rows[i].name, NULL, -1);
    }
    return rc;
}

/* Those of a user who has very many go first, in changes of their own: a user of that name who comes later must not get them. */
static int op_user_delete(struct asked *q)
{
    struct account u;
    int64_t version = 0;
    const char *name;
    bool more = true;
    int rc = name_of(q, "name", &name);

    rc = rc == 0 ? find_user(q, name, &u, &version) : rc;
    rc = rc == 0 && version != 0 ? keep_an_admin(q, &u, NULL) : rc;
    while (rc == 0 && version != 0 && more) {
        more = false;
        q->rows_len = 0;
        rc = drop_of(q, session_kind, name, &more);
        rc = rc == 0 ? drop_of(q, token_kind, name, &more) : rc;
        rc = rc == 0 && more ? commit(q, NULL, NULL, NULL, NULL) : rc;
    }
    rc = rc == 0 && version != 0 ? add_row(q, user_kind, name, NULL, version) : rc;
    rc = rc == 0 && version != 0 ? commit(q, "user delete", name, as_text(q, show_user, &u), NULL)
                                 : rc;
    if (rc == 0) {
        put_found(q, version != 0);
    }
    return rc;
}

/* ---- sessions ---- */

static int id_of(struct asked *q, const char **ret)
{
    int rc = name_of(q, "id", ret);

    return rc == 0 && strspn(*ret, "0123456789abcdef") != CREDENTIAL_ID - 1
               ? err_set(q->e, ERR_INVALID, "id is no credential's")
               : rc;
}

static int op_session_add(struct asked *q)
{
    struct account_session s = {.user = text_of(q, "user"),
                                .peer = text_of(q, "peer"),
                                .agent = text_of(q, "agent"),
                                .epoch = int_of(q, "epoch", 0),
                                .created_us = q->now_us,
                                .seen_us = q->now_us,
                                .expires_us = int_of(q, "expires_us", 0)};
    int64_t version = 0;
    struct account u;
    const char *id;
    int rc = id_of(q, &id);

    rc = rc == 0 ? name_of(q, "user", &s.user) : rc;
    rc = rc == 0 ? find_user(q, s.user, &u, &version) : rc;
    if (rc == 0 && (version == 0 || u.epoch != s.epoch || u.disabled)) {
        rc = err_set(q->e, ERR_STALE, "the user was changed meanwhile");
    }
    rc = rc == 0 ? sweep(q, session_kind, s.user, LIMIT_USER_SESSIONS) : rc;
    u.login_us = q->now_us;
    rc = rc == 0 ? put_row(q, session_kind, id, as_text(q, write_session, &s), 0) : rc;
    rc = rc == 0 ? put_row(q, user_kind, s.user, as_text(q, write_user, &u), version) : rc;
    return rc == 0 ? commit(q, "login", s.peer, NULL, NULL) : rc;
}

static int find_one(struct asked *q, const char *kind, const char *id, struct setting_row **ret)
{
    size_t n = 0;
    int rc = q->s->ops->get_settings(q->s, kind, id, q->a, ret, &n, q->e);

    *ret = rc == 0 && n == 1 ? *ret : NULL;
    return rc;
}

/* One that was removed meanwhile stays so. */
static int op_session_touch(struct asked *q)
{
    struct account_session s;
    struct setting_row *row = NULL;
    const char *id;
    int rc = id_of(q, &id);

    rc = rc == 0 ? find_one(q, session_kind, id, &row) : rc;
    if (rc != 0 || row == NULL) {
        return rc;
    }
    rc = account_session_parse(row->value, row->value_len, q->a, &s, q->e);
    s.seen_us = q->now_us;
    rc = rc == 0 ? put_row(q, session_kind, id, as_text(q, write_session, &s), row->version) : rc;
    return rc == 0 ? commit(q, NULL, NULL, NULL, NULL) : rc;
}

static int op_session_delete(struct asked *q)
{
    struct setting_row *row = NULL;
    const char *id;
    int rc = id_of(q, &id);

    rc = rc == 0 ? find_one(q, session_kind, id, &row) : rc;
    rc = rc == 0 && row != NULL ? add_row(q, session_kind, id, NULL, row->version) : rc;
    rc = rc == 0 && row != NULL ? commit(q, "logout", NULL, NULL, NULL) : rc;
    if (rc == 0) {
        put_found(q, row != NULL);
    }
    return rc;
}

/* ---- tokens ---- */

static int read_token(struct asked *q, struct account_token *t)
{
    const char *role = text_of(q, "role");
    int r = role != NULL ? role_from_string(role) : -1;
    int rc = r > ROLE_NONE
                 ? 0
                 : err_set(q->e, ERR_INVALID, "role must be viewer, user, operator or admin");

    *t = (struct account_token){.user = text_of(q, "user"),
                                .name = text_of(q, "name"),
                                .role = r > 0 ? (enum role)r : ROLE_NONE,
                                .epoch = int_of(q, "epoch", 0),
                                .created_us = q->now_us,
                                .expires_us = int_of(q, "expires_us", TIME_NONE),
                                .used_us = TIME_NONE};
    rc = rc == 0 ? account_tags_of(value_get(q->rq, "read_tags"), &t->read_tags, q->e) : rc;
    rc = rc == 0 ? account_tags_of(value_get(q->rq, "write_tags"), &t->write_tags, q->e) : rc;
    if (rc == 0 && t->epoch == 0 && t->name == NULL) {
        return err_set(q->e, ERR_INVALID, "a token needs a name");
    }
    return rc == 0 && t->expires_us != TIME_NONE && t->expires_us <= q->now_us
               ? err_set(q->e, ERR_INVALID, "the token would be over already")
               : rc;
}

static int op_token_add(struct asked *q)
{
    struct account_token t;
    struct account u = {0};
    int64_t version = 0;
    const char *id;
    int rc = id_of(q, &id);

    rc = rc == 0 ? read_token(q, &t) : rc;
    rc = rc == 0 && t.user != NULL ? find_user(q, t.user, &u, &version) : rc;
    if (rc == 0 && t.user != NULL && version == 0) {
        rc = err_set(q->e, ERR_NOTFOUND, "there is no user '%s'", t.user);
    } else if (rc == 0 && t.epoch != 0 && (t.user == NULL || u.epoch != t.epoch || u.disabled)) {
        rc = err_set(q->e, ERR_STALE, "the user was changed meanwhile");
    }
    rc = rc == 0 ? sweep(q, token_kind, t.epoch != 0 ? t.user : NULL, LIMIT_USER_SESSIONS) : rc;
    if (rc != 0) {
        return rc;
    }
    t.id = arena_strndup(q->a, id, CREDENTIAL_SHORT);
    rc = t.id != NULL ? put_row(q, token_kind, id, as_text(q, write_token, &t), 0) : no_memory(q);
    rc = rc == 0
             ? commit(q, t.epoch != 0 ? "login" : "token create",
                      t.epoch != 0 ? text_of(q, "peer") : t.id, NULL, as_text(q, show_token, &t))
             : rc;
    if (rc == 0) {
        json_key(q->w, "token");
        account_token_show(q->w, &t);
    }
    return rc;
}

static int op_token_touch(struct asked *q)
{
    struct account_token t;
    struct setting_row *row = NULL;
    const char *id;
    int rc = id_of(q, &id);

    rc = rc == 0 ? find_one(q, token_kind, id, &row) : rc;
    if (rc != 0 || row == NULL) {
        return rc;
    }
    rc = account_token_parse(id, row->value, row->value_len, q->a, &t, q->e);
    t.used_us = q->now_us;
    rc = rc == 0 ? put_row(q, token_kind, id, as_text(q, write_token, &t), row->version) : rc;
    return rc == 0 ? commit(q, NULL, NULL, NULL, NULL) : rc;
}

static int op_token_delete(struct asked *q)
{
    struct account_token t;
    struct setting_row *rows, *row = NULL;
    const char *id;
    size_t n = 0, digits;
    int rc = name_of(q, "id", &id);

    digits = rc == 0 ? strlen(id) : 0;
    if (rc == 0 && digits < CREDENTIAL_SHORT) {
        rc = err_set(q->e, ERR_INVALID, "a token's id has %d digits", CREDENTIAL_SHORT);
    }
    rc = rc == 0 ? q->s->ops->get_settings(q->s, token_kind, NULL, q->a, &rows, &n, q->e) : rc;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        row = strncmp(rows[i].name, id, digits) == 0 ? &rows[i] : row;
    }
    if (rc == 0 && row != NULL) {
        rc = account_token_parse(row->name, row->value, row->value_len, q->a, &t, q->e);
        rc = rc == 0 ? add_row(q, token_kind, row->name, NULL, row->version) : rc;
        rc = rc == 0 ? commit(q, "token revoke", t.id, as_text(q, show_token, &t), NULL) : rc;
    }
    if (rc == 0) {
        put_found(q, row != NULL);
    }
    return rc;
}

static int op_token_list(struct asked *q)
{
    const char *user = text_of(q, "user");
    struct account_token t;
    struct setting_row *rows;
    size_t n = 0;
    int rc = q->s->ops->get_settings(q->s, token_kind, NULL, q->a, &rows, &n, q->e);

    if (rc != 0) {
        return rc;
    }
    json_key(q->w, "tokens");
    json_array(q->w);
    for (size_t i = 0; i < n; i++) {
        if (account_token_parse(rows[i].name, rows[i].value, rows[i].value_len, q->a, &t, NULL) ==
                0 &&
            (user == NULL || (t.user != NULL && strcmp(t.user, user) == 0))) {
            account_token_show(q->w, &t);
        }
    }
    json_array_end(q->w);
    return 0;
}

/* ---- which ---- */

static const struct {
    const char *op;
    int (*fn)(struct asked *q);
} operations[] = {
    {"user_get", op_user_get},
    {"user_list", op_user_list},
    {"user_set", op_user_set},
    {"user_delete", op_user_delete},
    {"session_add", op_session_add},
    {"session_touch", op_session_touch},
    {"session_delete", op_session_delete},
    {"token_add", op_token_add},
    {"token_touch", op_token_touch},
    {"token_delete", op_token_delete},
    {"token_list", op_token_list},
};

bool accounts_know(const char *op)
{
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        if (strcmp(operations[i].op, op) == 0) {
            return true;
        }
    }
    return false;
}

int accounts_do(struct store *s, const char *op, const struct value *rq, int64_t now_us,
                struct arena *a, struct json_writer *w, struct err *e)
{
    struct asked *q = arena_alloc(a, sizeof *q);

    if (q == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for an account");
    }
    *q = (struct asked){.s = s, .rq = rq, .now_us = now_us, .a = a, .w = w, .e = e};
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        if (strcmp(operations[i].op, op) == 0) {
            return operations[i].fn(q);
        }
    }
    return err_set(e, ERR_UNSUPPORTED, "unknown question about accounts '%s'", op);
}
