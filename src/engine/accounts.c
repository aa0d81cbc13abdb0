#include "engine/accounts.h"

#include <string.h>

#include "access/account.h"
#include "access/password.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/time.h"
#include "engine/accounts_priv.h"
#include "store/store.h"

const char *accounts_text_of(const struct accounts_call *q, const char *name)
{
    const struct value *v = value_get(q->rq, name);

    return v != NULL && v->kind == VALUE_STRING && v->len != 0 ? v->text : NULL;
}

bool accounts_flag_of(const struct accounts_call *q, const char *name)
{
    const struct value *v = value_get(q->rq, name);

    return v != NULL && v->kind == VALUE_BOOL && v->boolean;
}

int64_t accounts_int_of(const struct accounts_call *q, const char *name, int64_t dflt)
{
    const struct value *v = value_get(q->rq, name);
    int64_t n = dflt;

    return v != NULL && value_int(v, 0, INT64_MAX, &n) == 0 ? n : dflt;
}

int accounts_no_memory(struct accounts_call *q)
{
    return err_set(q->e, ERR_NOMEM, "out of memory for an account");
}

void accounts_put_found(struct accounts_call *q, bool found)
{
    json_key(q->w, "found");
    json_bool(q->w, found);
}

/* ---- changes ---- */

/* value NULL: the row goes. version: as of setting_row. */
int accounts_add_row(struct accounts_call *q, const char *kind, const char *name, const char *value,
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

/* An object as text in the arena. NULL: out of memory, or too large. */
const char *accounts_as_text(struct accounts_call *q, accounts_write_fn fn, const void *p)
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

int accounts_put_row(struct accounts_call *q, const char *kind, const char *name, const char *value,
                     int64_t version)
{
    return value != NULL ? accounts_add_row(q, kind, name, value, version)
                         : err_set(q->e, ERR_LIMIT, "%s '%s' is larger than %zu bytes", kind, name,
                                   LIMIT_ACCOUNT_BYTES);
}

/* action NULL: no trace is left of it. */
int accounts_commit(struct accounts_call *q, const char *action, const char *subject,
                    const char *before, const char *after)
{
    const struct audit_row audit = {.actor = accounts_text_of(q, "actor"),
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

int accounts_name_of(struct accounts_call *q, const char *member, const char **ret)
{
    *ret = accounts_text_of(q, member);
    return *ret != NULL ? 0 : err_set(q->e, ERR_INVALID, "%s must be given", member);
}

/* *ret_version 0: there is none. */
int accounts_find_user(struct accounts_call *q, const char *name, struct account *ret,
                       int64_t *ret_version)
{
    struct setting_row *rows;
    size_t n = 0;
    int rc = q->s->ops->get_settings(q->s, ACCOUNTS_USER, name, q->a, &rows, &n, q->e);

    *ret_version = rc == 0 && n == 1 ? rows[0].version : 0;
    return rc == 0 && n == 1
               ? account_parse(name, rows[0].value, rows[0].value_len, q->a, ret, q->e)
               : rc;
}

static int all_users(struct accounts_call *q, struct account **ret, size_t *ret_n)
{
    struct setting_row *rows;
    struct account *users;
    size_t n = 0;
    int rc = q->s->ops->get_settings(q->s, ACCOUNTS_USER, NULL, q->a, &rows, &n, q->e);

    users = rc == 0 ? arena_array(q->a, n + 1, sizeof *users) : NULL;
    if (rc == 0 && users == NULL) {
        return accounts_no_memory(q);
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
static int keep_an_admin(struct accounts_call *q, const struct account *old,
                         const struct account *then)
{
    struct account *users;
    size_t n = 0;
    int rc = 0;

    if (!can_manage(old) || (then != NULL && can_manage(then))) {
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

static int op_user_get(struct accounts_call *q)
{
    struct account u;
    int64_t version = 0;
    const char *name;
    int rc = accounts_name_of(q, "name", &name);

    rc = rc == 0 ? accounts_find_user(q, name, &u, &version) : rc;
    if (rc == 0) {
        accounts_put_found(q, version != 0);
        json_key(q->w, "user");
        if (version != 0) {
            account_show(q->w, &u);
        } else {
            json_null(q->w);
        }
    }
    return rc;
}

static int op_user_list(struct accounts_call *q)
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

static int set_texts(struct accounts_call *q, struct account *u)
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

static int set_hash(struct accounts_call *q, struct account *u)
{
    const char *hash = accounts_text_of(q, "hash");

    if (hash == NULL) {
        return 0;
    }
    if (!password_is_hash(hash)) {
        return err_set(q->e, ERR_INVALID, "hash is no hash of a password");
    }
    u->hash = hash;
    if (accounts_flag_of(q, "same_password") && u->epoch != 0) {
        return 0; /* made anew, with the parameters of today */
    }
    u->epoch++;
    u->password_us = q->now_us;
    return 0;
}

static int set_flags(struct accounts_call *q, struct account *u)
{
    const struct {
        const char *name;
        bool *to;
    } flags[] = {{"first_password", &u->first_password}, {"disabled", &u->disabled}};

    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        const struct value *v = value_get(q->rq, flags[i].name);

        if (v != NULL && v->kind != VALUE_BOOL) {
            return err_set(q->e, ERR_INVALID, "%s must be true or false", flags[i].name);
        }
        if (v != NULL) {
            *flags[i].to = v->boolean;
        }
    }
    return 0;
}

/* What the request says, over what is there. */
static int change_user(struct accounts_call *q, struct account *u)
{
    const struct value *read = value_get(q->rq, "read_tags"),
                       *write = value_get(q->rq, "write_tags");
    const char *role = accounts_text_of(q, "role");
    int r = role != NULL                       ? role_from_string(role)
            : value_get(q->rq, "role") != NULL ? -1
                                               : (int)u->role;
    int rc = r >= 0 && r != ROLE_NONE
                 ? 0
                 : err_set(q->e, ERR_INVALID, "role must be viewer, user, operator or admin");

    u->role = rc == 0 ? (enum role)r : u->role;
    rc = rc == 0 ? set_texts(q, u) : rc;
    rc = rc == 0 ? set_hash(q, u) : rc;
    rc = rc == 0 && read != NULL ? account_tags_of(read, &u->read_tags, q->e) : rc;
    rc = rc == 0 && write != NULL ? account_tags_of(write, &u->write_tags, q->e) : rc;
    return rc == 0 ? set_flags(q, u) : rc;
}

/* Two users are not the same person elsewhere. */
static int check_subject(struct accounts_call *q, const struct account *u)
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

static int check_new(struct accounts_call *q, const char *name)
{
    struct setting_row *rows;
    size_t n = 0;
    int rc = account_name_may_be(name, q->e);

    rc = rc == 0 ? q->s->ops->get_settings(q->s, ACCOUNTS_USER, NULL, q->a, &rows, &n, q->e) : rc;
    if (rc == 0 && n >= LIMIT_USERS) {
        return err_set(q->e, ERR_LIMIT, "there are %zu users already", n);
    }
    return rc == 0 && n != 0 && accounts_flag_of(q, "is_first")
               ? err_set(q->e, ERR_EXISTS, "there are users already")
               : rc;
}

static int op_user_set(struct accounts_call *q)
{
    struct account old = {0}, u;
    int64_t version = 0;
    const char *name;
    int rc = accounts_name_of(q, "name", &name);

    rc = rc == 0 ? accounts_find_user(q, name, &old, &version) : rc;
    if (rc == 0 && version != 0 && accounts_flag_of(q, "is_new")) {
        rc = err_set(q->e, ERR_EXISTS, "there is a user '%s' already", name);
    } else if (rc == 0 && version == 0 && !accounts_flag_of(q, "is_new")) {
        rc = err_set(q->e, ERR_NOTFOUND, "there is no user '%s'", name);
    }
    rc = rc == 0 && version == 0 ? check_new(q, name) : rc;
    if (rc != 0) {
        return rc;
    }
    u = old;
    if (version == 0) {
        u = (struct account){.name = name,
                             .epoch = 1, /* also of those who never have a password */
                             .created_us = q->now_us,
                             .password_us = TIME_NONE,
                             .login_us = TIME_NONE};
    }
    rc = change_user(q, &u);
    rc = rc == 0 ? check_subject(q, &u) : rc;
    rc = rc == 0 && version != 0 ? keep_an_admin(q, &old, &u) : rc;
    rc = rc == 0 ? accounts_put_row(q, ACCOUNTS_USER, name, accounts_as_text(q, write_user, &u),
                                    version)
                 : rc;
    rc = rc == 0 ? accounts_commit(q,
                                   version == 0                          ? "user create"
                                   : accounts_text_of(q, "hash") != NULL ? "user password"
                                                                         : "user change",
                                   name, version != 0 ? accounts_as_text(q, show_user, &old) : NULL,
                                   accounts_as_text(q, show_user, &u))
                 : rc;
    if (rc == 0) {
        json_key(q->w, "user");
        account_show(q->w, &u);
    }
    return rc;
}

/* Those of a user who has very many go first, in changes of their own: a user of that name who comes later must not get them. */
static int op_user_delete(struct accounts_call *q)
{
    struct account u;
    int64_t version = 0;
    const char *name;
    bool more = true;
    int rc = accounts_name_of(q, "name", &name);

    rc = rc == 0 ? accounts_find_user(q, name, &u, &version) : rc;
    rc = rc == 0 && version != 0 ? keep_an_admin(q, &u, NULL) : rc;
    while (rc == 0 && version != 0 && more) {
        more = false;
        q->rows_len = 0;
        rc = accounts_drop_of(q, ACCOUNTS_SESSION, name, &more);
        rc = rc == 0 ? accounts_drop_of(q, ACCOUNTS_TOKEN, name, &more) : rc;
        rc = rc == 0 && more ? accounts_commit(q, NULL, NULL, NULL, NULL) : rc;
    }
    rc = rc == 0 && version != 0 ? accounts_add_row(q, ACCOUNTS_USER, name, NULL, version) : rc;
    rc = rc == 0 && version != 0
             ? accounts_commit(q, "user delete", name, accounts_as_text(q, show_user, &u), NULL)
             : rc;
    if (rc == 0) {
        accounts_put_found(q, version != 0);
    }
    return rc;
}

/* ---- which ---- */

static const struct {
    const char *op;
    int (*fn)(struct accounts_call *q);
} operations[] = {
    {"user_get", op_user_get},
    {"user_list", op_user_list},
    {"user_set", op_user_set},
    {"user_delete", op_user_delete},
    {"session_add", accounts_session_add},
    {"session_touch", accounts_session_touch},
    {"session_delete", accounts_session_delete},
    {"token_add", accounts_token_add},
    {"token_touch", accounts_token_touch},
    {"token_delete", accounts_token_delete},
    {"token_list", accounts_token_list},
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
    struct accounts_call *q = arena_alloc(a, sizeof *q);

    if (q == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for an account");
    }
    *q = (struct accounts_call){.s = s, .rq = rq, .now_us = now_us, .a = a, .w = w, .e = e};
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        if (strcmp(operations[i].op, op) == 0) {
            return operations[i].fn(q);
        }
    }
    return err_set(e, ERR_UNSUPPORTED, "unknown question about accounts '%s'", op);
}
