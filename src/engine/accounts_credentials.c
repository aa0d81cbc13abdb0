/* Sessions and tokens, by their credentials' ids (accounts.h). */
#include <stdlib.h>
#include <string.h>

#include "access/account.h"
#include "access/credential.h"
#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/time.h"
#include "engine/accounts_priv.h"

static void write_user(struct json_writer *w, const void *p)
{
    account_write(w, p);
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

static bool is_over(struct accounts_call *q, const struct setting_row *r, bool token,
                    const char **ret_user, int64_t *ret_created)
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
static int sweep(struct accounts_call *q, const char *kind, const char *user, size_t max)
{
    bool token = strcmp(kind, ACCOUNTS_TOKEN) == 0;
    struct setting_row *rows;
    struct owned *his;
    size_t n = 0, his_len = 0, live = 0;
    int rc = q->s->ops->get_settings(q->s, kind, NULL, q->a, &rows, &n, q->e);

    his = rc == 0 ? arena_array(q->a, n + 1, sizeof *his) : NULL;
    if (rc == 0 && his == NULL) {
        return accounts_no_memory(q);
    }
    for (size_t i = 0; rc == 0 && i < n; i++) {
        const char *whose = NULL;
        int64_t created = 0;

        if (is_over(q, &rows[i], token, &whose, &created)) {
            rc = q->rows_len < LIMIT_ACCOUNT_CHANGE / 2
                     ? accounts_add_row(q, kind, rows[i].name, NULL, -1)
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
        rc = accounts_add_row(q, kind, his[i].name, NULL, -1);
    }
    return rc == 0 && live >= LIMIT_CREDENTIALS
               ? err_set(q->e, ERR_LIMIT, "there are %zu %ss already", live, kind)
               : rc;
}

/* All of a kind that are a user's, an `at` beyond which the change is full: *ret_more. */
int accounts_drop_of(struct accounts_call *q, const char *kind, const char *user, bool *ret_more)
{
    struct setting_row *rows;
    size_t n = 0;
    int rc = q->s->ops->get_settings(q->s, kind, NULL, q->a, &rows, &n, q->e);

    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct account_session s = {0};
        struct account_token t = {0};
        const char *whose = NULL;

        if (strcmp(kind, ACCOUNTS_TOKEN) == 0 &&
            account_token_parse(rows[i].name, rows[i].value, rows[i].value_len, q->a, &t, NULL) ==
                0) {
            whose = t.user;
        } else if (strcmp(kind, ACCOUNTS_SESSION) == 0 &&
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
        rc = accounts_add_row(q, kind, rows[i].name, NULL, -1);
    }
    return rc;
}

/* ---- sessions ---- */

static int id_of(struct accounts_call *q, const char **ret)
{
    int rc = accounts_name_of(q, "id", ret);

    return rc == 0 && strspn(*ret, "0123456789abcdef") != CREDENTIAL_ID - 1
               ? err_set(q->e, ERR_INVALID, "id is no credential's")
               : rc;
}

int accounts_session_add(struct accounts_call *q)
{
    struct account_session s = {.user = accounts_text_of(q, "user"),
                                .peer = accounts_text_of(q, "peer"),
                                .agent = accounts_text_of(q, "agent"),
                                .epoch = accounts_int_of(q, "epoch", 0),
                                .created_us = q->now_us,
                                .seen_us = q->now_us,
                                .expires_us = accounts_int_of(q, "expires_us", 0)};
    int64_t version = 0;
    struct account u;
    const char *id;
    int rc = id_of(q, &id);

    rc = rc == 0 ? accounts_name_of(q, "user", &s.user) : rc;
    rc = rc == 0 ? accounts_find_user(q, s.user, &u, &version) : rc;
    if (rc == 0 && (version == 0 || u.epoch != s.epoch || u.disabled)) {
        rc = err_set(q->e, ERR_STALE, "the user was changed meanwhile");
    }
    rc = rc == 0 ? sweep(q, ACCOUNTS_SESSION, s.user, LIMIT_USER_SESSIONS) : rc;
    u.login_us = q->now_us;
    rc = rc == 0
             ? accounts_put_row(q, ACCOUNTS_SESSION, id, accounts_as_text(q, write_session, &s), 0)
             : rc;
    rc = rc == 0 ? accounts_put_row(q, ACCOUNTS_USER, s.user, accounts_as_text(q, write_user, &u),
                                    version)
                 : rc;
    return rc == 0 ? accounts_commit(q, "login", s.peer, NULL, NULL) : rc;
}

static int find_one(struct accounts_call *q, const char *kind, const char *id,
                    struct setting_row **ret)
{
    size_t n = 0;
    int rc = q->s->ops->get_settings(q->s, kind, id, q->a, ret, &n, q->e);

    *ret = rc == 0 && n == 1 ? *ret : NULL;
    return rc;
}

/* One that was removed meanwhile stays so. */
int accounts_session_touch(struct accounts_call *q)
{
    struct account_session s;
    struct setting_row *row = NULL;
    const char *id;
    int rc = id_of(q, &id);

    rc = rc == 0 ? find_one(q, ACCOUNTS_SESSION, id, &row) : rc;
    if (rc != 0 || row == NULL) {
        return rc;
    }
    rc = account_session_parse(row->value, row->value_len, q->a, &s, q->e);
    s.seen_us = q->now_us;
    rc = rc == 0 ? accounts_put_row(q, ACCOUNTS_SESSION, id, accounts_as_text(q, write_session, &s),
                                    row->version)
                 : rc;
    return rc == 0 ? accounts_commit(q, NULL, NULL, NULL, NULL) : rc;
}

int accounts_session_delete(struct accounts_call *q)
{
    struct setting_row *row = NULL;
    const char *id;
    int rc = id_of(q, &id);

    rc = rc == 0 ? find_one(q, ACCOUNTS_SESSION, id, &row) : rc;
    rc =
        rc == 0 && row != NULL ? accounts_add_row(q, ACCOUNTS_SESSION, id, NULL, row->version) : rc;
    rc = rc == 0 && row != NULL ? accounts_commit(q, "logout", NULL, NULL, NULL) : rc;
    if (rc == 0) {
        accounts_put_found(q, row != NULL);
    }
    return rc;
}

/* ---- tokens ---- */

static int read_token(struct accounts_call *q, struct account_token *t)
{
    const char *role = accounts_text_of(q, "role");
    int r = role != NULL ? role_from_string(role) : -1;
    int rc = r > ROLE_NONE
                 ? 0
                 : err_set(q->e, ERR_INVALID, "role must be viewer, user, operator or admin");

    *t = (struct account_token){.user = accounts_text_of(q, "user"),
                                .name = accounts_text_of(q, "name"),
                                .role = r > 0 ? (enum role)r : ROLE_NONE,
                                .epoch = accounts_int_of(q, "epoch", 0),
                                .created_us = q->now_us,
                                .expires_us = accounts_int_of(q, "expires_us", TIME_NONE),
                                .used_us = TIME_NONE};
    rc = rc == 0 ? account_tags_of(value_get(q->rq, "read_tags"), &t->read_tags, q->e) : rc;
    rc = rc == 0 ? account_tags_of(value_get(q->rq, "write_tags"), &t->write_tags, q->e) : rc;
    if (rc == 0 && t->epoch == 0 && t->name == NULL) {
        return err_set(q->e, ERR_INVALID, "a token needs a name");
    }
    rc = rc == 0 && t->name != NULL ? account_token_name_may_be(t->name, q->e) : rc;
    return rc == 0 && t->expires_us != TIME_NONE && t->expires_us <= q->now_us
               ? err_set(q->e, ERR_INVALID, "the token would be over already")
               : rc;
}

int accounts_token_add(struct accounts_call *q)
{
    struct account_token t;
    struct account u = {0};
    int64_t version = 0;
    const char *id;
    int rc = id_of(q, &id);

    rc = rc == 0 ? read_token(q, &t) : rc;
    rc = rc == 0 && t.user != NULL ? accounts_find_user(q, t.user, &u, &version) : rc;
    if (rc == 0 && t.user != NULL && version == 0) {
        rc = err_set(q->e, ERR_NOTFOUND, "there is no user '%s'", t.user);
    } else if (rc == 0 && t.epoch != 0 && (t.user == NULL || u.epoch != t.epoch || u.disabled)) {
        rc = err_set(q->e, ERR_STALE, "the user was changed meanwhile");
    }
    rc = rc == 0 ? sweep(q, ACCOUNTS_TOKEN, t.epoch != 0 ? t.user : NULL, LIMIT_USER_SESSIONS) : rc;
    if (rc != 0) {
        return rc;
    }
    t.id = arena_strndup(q->a, id, CREDENTIAL_SHORT);
    rc = t.id != NULL
             ? accounts_put_row(q, ACCOUNTS_TOKEN, id, accounts_as_text(q, write_token, &t), 0)
             : accounts_no_memory(q);
    rc = rc == 0 ? accounts_commit(q, t.epoch != 0 ? "login" : "token create",
                                   t.epoch != 0 ? accounts_text_of(q, "peer") : t.id, NULL,
                                   accounts_as_text(q, show_token, &t))
                 : rc;
    if (rc == 0) {
        json_key(q->w, "token");
        account_token_show(q->w, &t);
    }
    return rc;
}

int accounts_token_touch(struct accounts_call *q)
{
    struct account_token t;
    struct setting_row *row = NULL;
    const char *id;
    int rc = id_of(q, &id);

    rc = rc == 0 ? find_one(q, ACCOUNTS_TOKEN, id, &row) : rc;
    if (rc != 0 || row == NULL) {
        return rc;
    }
    rc = account_token_parse(id, row->value, row->value_len, q->a, &t, q->e);
    t.used_us = q->now_us;
    rc = rc == 0 ? accounts_put_row(q, ACCOUNTS_TOKEN, id, accounts_as_text(q, write_token, &t),
                                    row->version)
                 : rc;
    return rc == 0 ? accounts_commit(q, NULL, NULL, NULL, NULL) : rc;
}

int accounts_token_delete(struct accounts_call *q)
{
    struct account_token t;
    struct setting_row *rows, *row = NULL;
    const char *id;
    size_t n = 0, digits;
    int rc = accounts_name_of(q, "id", &id);

    digits = rc == 0 ? strlen(id) : 0;
    if (rc == 0 && digits < CREDENTIAL_SHORT) {
        rc = err_set(q->e, ERR_INVALID, "a token's id has %d digits", CREDENTIAL_SHORT);
    }
    rc = rc == 0 ? q->s->ops->get_settings(q->s, ACCOUNTS_TOKEN, NULL, q->a, &rows, &n, q->e) : rc;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        row = strncmp(rows[i].name, id, digits) == 0 ? &rows[i] : row;
    }
    if (rc == 0 && row != NULL) {
        rc = account_token_parse(row->name, row->value, row->value_len, q->a, &t, q->e);
        rc = rc == 0 ? accounts_add_row(q, ACCOUNTS_TOKEN, row->name, NULL, row->version) : rc;
        rc = rc == 0 ? accounts_commit(q, "token revoke", t.id, accounts_as_text(q, show_token, &t),
                                       NULL)
                     : rc;
    }
    if (rc == 0) {
        accounts_put_found(q, row != NULL);
    }
    return rc;
}

int accounts_token_list(struct accounts_call *q)
{
    const char *user = accounts_text_of(q, "user");
    struct account_token t;
    struct setting_row *rows;
    size_t n = 0;
    int rc = q->s->ops->get_settings(q->s, ACCOUNTS_TOKEN, NULL, q->a, &rows, &n, q->e);

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
