/* users create, list, delete, set-password, set-role; tokens create, list, revoke. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "access/credential.h"
#include "access/password.h"
#include "base/limits.h"
#include "base/time.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/password.h"
#include "cli/print.h"
#include "cli/settings_client.h"
#include "cli/term.h"

static int no_memory(struct settings_client *c)
{
    return err_set(&c->e, ERR_NOMEM, "out of memory");
}

static int begin(struct settings_client *c, struct cli *cli)
{
    int rc = settings_open(c, cli);

    return rc == 0 && sodium_init() < 0 ? err_set(&c->e, ERR_FAILED, "libsodium cannot start") : rc;
}

static int set_flag(struct settings_client *c, struct value *rq, const char *name, bool flag)
{
    struct value *v = value_bool(&c->a, flag);

    return v == NULL || value_set(&c->a, rq, name, v) != 0 ? no_memory(c) : 0;
}

/* --read-tag and --write-tag: not given, no limit. */
static int set_tags(struct settings_client *c, struct value *rq, const char *option,
                    const char *member)
{
    const char *const *all;
    size_t n = cli_opt_all(c->cli, option, &all);
    struct value *list = value_new(&c->a, VALUE_ARRAY);
    int rc = 0;

    if (n == 0) {
        return 0;
    }
    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct value *v = value_string(&c->a, all[i], strlen(all[i]));

        rc = list == NULL || v == NULL || value_append(&c->a, list, v) != 0 ? no_memory(c) : 0;
    }
    return rc == 0 && (list == NULL || value_set(&c->a, rq, member, list) != 0) ? no_memory(c) : rc;
}

/* ---- the password ---- */

/* made: told to the person afterwards; else it is asked for. Only its hash is sent. */
static int set_password(struct settings_client *c, struct value *rq, const char *name, char *made)
{
    char password[PASSWORD_MAX + 1] = "", hash[PASSWORD_HASH];
    int rc = 0;

    if (made != NULL) {
        password_make(made);
        memcpy(password, made, strlen(made) + 1);
    } else {
        rc = cli_password_read(name, password, sizeof password, &c->e);
    }
    rc = rc == 0 ? password_may_be(name, password, &c->e) : rc;
    rc = rc == 0 ? password_hash(password, hash, &c->e) : rc;
    sodium_memzero(password, sizeof password);
    return rc == 0 ? settings_set_text(c, rq, "hash", hash) : rc;
}

static void tell_made(const char *name, const char *made)
{
    (void)fprintf(stderr, "The password of %s, shown this once:\n", name);
    (void)fflush(stderr);
    (void)puts(made);
}

/* ---- users ---- */

int cmd_users_create(struct cli *cli)
{
    const char *name = cli_arg(cli, "NAME");
    bool random = cli_flag(cli, "random-password");
    struct settings_client c = {0};
    struct value *rq = NULL;
    char made[PASSWORD_MADE];
    int rc = begin(&c, cli);

    rq = rc == 0 ? settings_request(&c, "name", name) : NULL;
    rc = rc == 0 && rq == NULL ? no_memory(&c) : rc;
    rc = rc == 0 ? settings_set_text(&c, rq, "role", cli_opt(cli, "role")) : rc;
    rc = rc == 0 ? settings_set_text(&c, rq, "email", cli_opt(cli, "email")) : rc;
    rc = rc == 0 ? settings_set_text(&c, rq, "first_name", cli_opt(cli, "first-name")) : rc;
    rc = rc == 0 ? settings_set_text(&c, rq, "last_name", cli_opt(cli, "last-name")) : rc;
    rc = rc == 0 ? set_tags(&c, rq, "read-tag", "read_tags") : rc;
    rc = rc == 0 ? set_tags(&c, rq, "write-tag", "write_tags") : rc;
    rc = rc == 0 ? set_flag(&c, rq, "is_new", true) : rc;
    rc = rc == 0 ? set_flag(&c, rq, "first_password", random || cli_flag(cli, "first-password"))
                 : rc;
    rc = rc == 0 ? set_password(&c, rq, name, random ? made : NULL) : rc;
    rc = rc == 0 ? settings_ask(&c, "user_set", rq, NULL) : rc;
    if (rc == 0 && random) {
        tell_made(name, made);
    } else if (rc == 0 && !cli_flag(cli, "quiet")) {
        (void)printf("User %s is made.\n", name);
    }
    sodium_memzero(made, sizeof made);
    return settings_close(&c, rc);
}

int cmd_users_set_password(struct cli *cli)
{
    const char *name = cli_arg(cli, "NAME");
    bool random = cli_flag(cli, "random-password");
    struct settings_client c = {0};
    struct value *rq = NULL;
    char made[PASSWORD_MADE];
    int rc = begin(&c, cli);

    rq = rc == 0 ? settings_request(&c, "name", name) : NULL;
    rc = rc == 0 && rq == NULL ? no_memory(&c) : rc;
    rc = rc == 0 ? set_flag(&c, rq, "first_password", random || cli_flag(cli, "first-password"))
                 : rc;
    rc = rc == 0 ? set_password(&c, rq, name, random ? made : NULL) : rc;
    rc = rc == 0 ? settings_ask(&c, "user_set", rq, NULL) : rc;
    if (rc == 0 && random) {
        tell_made(name, made);
    } else if (rc == 0 && !cli_flag(cli, "quiet")) {
        (void)printf("User %s has another password; where %s was signed in, that is over.\n", name,
                     name);
    }
    sodium_memzero(made, sizeof made);
    return settings_close(&c, rc);
}

int cmd_users_set_role(struct cli *cli)
{
    const char *name = cli_arg(cli, "NAME"), *role = cli_arg(cli, "ROLE");
    struct settings_client c = {0};
    struct value *rq = NULL;
    int rc = begin(&c, cli);

    rq = rc == 0 ? settings_request(&c, "name", name) : NULL;
    rc = rc == 0 && rq == NULL ? no_memory(&c) : rc;
    rc = rc == 0 ? settings_set_text(&c, rq, "role", role) : rc;
    rc = rc == 0 ? settings_ask(&c, "user_set", rq, NULL) : rc;
    if (rc == 0 && !cli_flag(cli, "quiet")) {
        (void)printf("User %s is %s.\n", name, role);
    }
    return settings_close(&c, rc);
}

static int drop(struct cli *cli, const char *op, const char *member, const char *name,
                const char *what, const char *done)
{
    struct settings_client c = {0};
    struct value *answer = NULL, *found;
    int rc = begin(&c, cli);

    rc = rc == 0 ? settings_ask(&c, op, settings_request(&c, member, name), &answer) : rc;
    found = rc == 0 ? value_get(answer, "found") : NULL;
    if (rc == 0 && (found == NULL || !found->boolean)) {
        rc = err_set(&c.e, ERR_NOTFOUND, "there is no %s '%s'", what, name);
    } else if (rc == 0 && !cli_flag(cli, "quiet")) {
        (void)printf(done, name);
    }
    return settings_close(&c, rc);
}

int cmd_users_delete(struct cli *cli)
{
    return drop(cli, "user_delete", "name", cli_arg(cli, "NAME"), "user",
                "User %s is deleted, with all sessions and tokens.\n");
}

int cmd_tokens_revoke(struct cli *cli)
{
    return drop(cli, "token_delete", "id", cli_arg(cli, "ID"), "token", "Token %s is revoked.\n");
}

/* ---- lists ---- */

static const char *tags_text(struct settings_client *c, const struct value *o)
{
    const struct value *read = value_get(o, "read_tags"), *write = value_get(o, "write_tags");
    const struct value *const both[] = {read, write};
    struct buf b BUF_CLEANUP = {0};

    buf_init(&b, KiB(64));
    for (int i = 0; i < 2; i++) {
        for (size_t k = 0; both[i] != NULL && both[i]->kind == VALUE_ARRAY && k < both[i]->len;
             k++) {
            (void)buf_printf(&b, "%s%s%s", b.len != 0 ? " " : "",
                             i == 0 ? "read:" : "write:", both[i]->elems[k]->text);
        }
    }
    return arena_strdup(&c->a, buf_cstr(&b));
}

struct list {
    const char *op, *member;
    const char *const *fields;
    const struct table_column *columns;
    size_t n;
};

static int print_rows(struct settings_client *c, const struct list *l, const struct value *all)
{
    struct table *t = table_new(l->columns, l->n);
    struct buf b BUF_CLEANUP;

    buf_init(&b, MiB(64));
    if (t == NULL) {
        return no_memory(c);
    }
    for (size_t i = 0; i < all->len; i++) {
        for (size_t k = 0; k < l->n; k++) {
            const struct value *v = value_get(all->elems[i], l->fields[k]);

            if (strcmp(l->fields[k], "tags") == 0) {
                table_cell(t, tags_text(c, all->elems[i]));
            } else {
                table_cell(t, v == NULL || v->kind == VALUE_NULL ? ""
                              : v->kind == VALUE_BOOL            ? (v->boolean ? "yes" : "no")
                                                                 : v->text);
            }
        }
    }
    print_table(t, &b);
    (void)fputs(buf_cstr(&b), stdout);
    return buf_status(&b);
}

static int list_all(struct cli *cli, const struct list *l)
{
    struct settings_client c = {0};
    struct value *answer = NULL, *all;
    int rc = begin(&c, cli);

    rc = rc == 0 ? settings_ask(&c, l->op, value_new(&c.a, VALUE_OBJECT), &answer) : rc;
    all = rc == 0 ? value_get(answer, l->member) : NULL;
    if (rc == 0 && cli_flag(cli, "json")) {
        rc = settings_write_json(&c, "-", all);
    } else if (rc == 0) {
        rc = print_rows(&c, l, all);
    }
    return settings_close(&c, rc);
}

int cmd_users_list(struct cli *cli)
{
    static const char *const fields[] = {"name", "role", "email", "disabled", "tags", "last_login"};
    static const struct table_column columns[] = {
        {"user", false, false},     {"role", false, false}, {"email", false, true},
        {"disabled", false, false}, {"tags", false, true},  {"last sign-in", false, false}};
    static const struct list l = {"user_list", "users", fields, columns, 6};

    return list_all(cli, &l);
}

int cmd_tokens_list(struct cli *cli)
{
    static const char *const fields[] = {"id",   "name",       "user",     "role",
                                         "tags", "expires_at", "last_used"};
    static const struct table_column columns[] = {
        {"id", false, false},       {"name", false, true}, {"user", false, false},
        {"role", false, false},     {"tags", false, true}, {"expires", false, false},
        {"last used", false, false}};
    static const struct list l = {"token_list", "tokens", fields, columns, 7};

    return list_all(cli, &l);
}

/* ---- tokens ---- */

static int set_expiry(struct settings_client *c, struct value *rq)
{
    const char *text = cli_opt(c->cli, "expires");
    struct timespec now;
    struct value *v;
    int64_t us = 0;

    if (strcmp(text, "never") == 0) {
        return 0;
    }
    if (duration_parse(text, strlen(text), &us) != 0 || us <= 0) {
        return err_set(&c->e, ERR_USAGE, "--expires is a duration such as 90d, or never");
    }
    (void)clock_gettime(CLOCK_REALTIME, &now);
    us += (int64_t)now.tv_sec * TIME_SECOND;
    v = value_number_text(&c->a, arena_printf(&c->a, "%lld", (long long)us));
    return v == NULL || value_set(&c->a, rq, "expires_us", v) != 0 ? no_memory(c) : 0;
}

/* Standard output has the token alone, for scripts. */
int cmd_tokens_create(struct cli *cli)
{
    char text[CREDENTIAL_TEXT], id[CREDENTIAL_ID];
    struct settings_client c = {0};
    struct value *rq = NULL, *answer;
    int rc = begin(&c, cli);

    if (rc == 0) {
        credential_new(CREDENTIAL_TOKEN, text);
        credential_id(text, id);
        rq = settings_request(&c, "id", id);
    }
    rc = rc == 0 && rq == NULL ? no_memory(&c) : rc;
    rc = rc == 0 ? settings_set_text(&c, rq, "name", cli_arg(cli, "NAME")) : rc;
    rc = rc == 0 ? settings_set_text(&c, rq, "role", cli_opt(cli, "role")) : rc;
    rc = rc == 0 ? settings_set_text(&c, rq, "user", cli_opt(cli, "user")) : rc;
    rc = rc == 0 ? set_tags(&c, rq, "read-tag", "read_tags") : rc;
    rc = rc == 0 ? set_tags(&c, rq, "write-tag", "write_tags") : rc;
    rc = rc == 0 ? set_expiry(&c, rq) : rc;
    rc = rc == 0 ? settings_ask(&c, "token_add", rq, &answer) : rc;
    if (rc == 0 && cli_flag(cli, "json")) {
        struct value *token = value_get(answer, "token");

        rc = value_set(&c.a, token, "token", value_string(&c.a, text, strlen(text))) == 0
                 ? settings_write_json(&c, "-", token)
                 : no_memory(&c);
    } else if (rc == 0) {
        if (!cli_flag(cli, "quiet")) {
            (void)fprintf(stderr, "Token %.*s, shown this once:\n", CREDENTIAL_SHORT, id);
            (void)fflush(stderr);
        }
        (void)puts(text);
    }
    sodium_memzero(text, sizeof text);
    return settings_close(&c, rc);
}
