/* connections list, get, add, delete, import, export. */
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/settings_client.h"
#include "secret/connection.h"

static const char hidden[] = "***";

static int no_connection(struct settings_client *c, const char *id)
{
    return err_set(&c->e, ERR_NOTFOUND, "there is no connection '%s'", id);
}

/* *ret NULL: there is none. */
static int find(struct settings_client *c, const char *id, bool stored, struct value **ret)
{
    struct value *rq = settings_request(c, "conn_id", id), *answer = NULL;
    int rc = rq == NULL ? -ERR_NOMEM : 0;

    if (rc == 0 && stored) {
        rc = value_set(&c->a, rq, "stored", value_bool(&c->a, true));
    }
    rc = rc == 0 ? settings_ask(c, "conn_get", rq, &answer) : rc;
    *ret = rc == 0 ? value_get(answer, "conn") : NULL;
    *ret = *ret != NULL && (*ret)->kind == VALUE_OBJECT ? *ret : NULL;
    return rc;
}

/* Without what may be secret: the password, and all of extra. */
static int hide(struct settings_client *c, struct value *conn)
{
    static const char *const names[] = {"password", "extra"};

    for (size_t i = 0; i < 2; i++) {
        struct value *v = value_get(conn, names[i]), *mask;

        if (v != NULL && v->kind == VALUE_STRING && v->len != 0) {
            mask = value_string(&c->a, hidden, strlen(hidden));
            if (mask == NULL) {
                return err_set(&c->e, ERR_NOMEM, "out of memory");
            }
            *v = *mask;
        }
    }
    return 0;
}

static void print_text(const struct value *conn)
{
    for (size_t i = 0; i < conn->len; i++) {
        if (conn->elems[i]->text != NULL) {
            (void)printf("%s: %s\n", conn->keys[i].text, conn->elems[i]->text);
        }
    }
}

int cmd_connections_get(struct cli *cli)
{
    const char *id = cli_arg(cli, "ID");
    struct settings_client c = {0};
    struct value *conn = NULL;
    int rc = settings_open(&c, cli);

    rc = rc == 0 ? find(&c, id, false, &conn) : rc;
    if (rc == 0 && conn == NULL) {
        rc = no_connection(&c, id);
    }
    rc = rc == 0 && !cli_flag(cli, "show-values") ? hide(&c, conn) : rc;
    if (rc == 0 && cli_flag(cli, "json")) {
        rc = settings_write_json(&c, "-", conn);
    } else if (rc == 0) {
        print_text(conn);
    }
    return settings_close(&c, rc);
}

static int all_stored(struct settings_client *c, struct value **ret_ids)
{
    struct value *answer = NULL;
    int rc = settings_ask(c, "conn_list", value_new(&c->a, VALUE_OBJECT), &answer);

    *ret_ids = rc == 0 ? value_get(answer, "ids") : NULL;
    return rc;
}

int cmd_connections_list(struct cli *cli)
{
    struct settings_client c = {0};
    struct value *ids = NULL, *conn, *all = NULL;
    int rc = settings_open(&c, cli);

    rc = rc == 0 ? all_stored(&c, &ids) : rc;
    if (rc == 0) {
        all = value_new(&c.a, VALUE_ARRAY);
        rc = all == NULL ? -ERR_NOMEM : 0;
    }
    for (size_t i = 0; rc == 0 && i < ids->len; i++) {
        rc = find(&c, ids->elems[i]->text, true, &conn);
        if (rc != 0 || conn == NULL) {
            continue;
        }
        rc = cli_flag(cli, "show-values") ? 0 : hide(&c, conn);
        rc = rc == 0 ? value_append(&c.a, all, conn) : rc;
    }
    if (rc == 0 && cli_flag(cli, "json")) {
        rc = settings_write_json(&c, "-", all);
    }
    for (size_t i = 0; rc == 0 && !cli_flag(cli, "json") && i < all->len; i++) {
        (void)puts(i != 0 ? "" : "---");
        print_text(all->elems[i]);
    }
    return settings_close(&c, rc);
}

static int put(struct settings_client *c, const char *id, struct value *conn, bool overwrite)
{
    struct value *rq = settings_request(c, "conn_id", id);

    if (rq == NULL || value_set(&c->a, rq, "conn", conn) != 0 ||
        value_set(&c->a, rq, "is_new", value_bool(&c->a, !overwrite)) != 0) {
        return err_set(&c->e, ERR_NOMEM, "out of memory");
    }
    return settings_ask(c, "conn_set", rq, NULL);
}

/* The connection that the options describe. */
static int of_options(struct settings_client *c, struct cli *cli, struct value **ret)
{
    static const char *const names[][2] = {{"type", "conn_type"}, {"host", "host"},
                                           {"login", "login"},    {"password", "password"},
                                           {"schema", "schema"},  {"port", "port"},
                                           {"extra", "extra"},    {"description", "description"}};
    struct value *o = value_new(&c->a, VALUE_OBJECT);
    const char *text, *uri = cli_opt(cli, "uri");
    int rc = o == NULL ? -ERR_NOMEM : 0;

    if (uri != NULL) {
        rc = settings_text_or_stdin(c, uri, &text);
        return rc == 0 ? connection_parse(text, strlen(text), &c->a, ret, &c->e) : rc;
    }
    for (size_t i = 0; rc == 0 && i < sizeof names / sizeof *names; i++) {
        const char *given = cli_opt(cli, names[i][0]);

        if (i == 3 && cli_flag(cli, "password-stdin")) {
            given = "-";
        }
        rc = i == 3 || i == 6 ? settings_text_or_stdin(c, given, &given) : 0;
        rc = rc == 0 ? settings_set_text(c, o, names[i][1], given) : rc;
    }
    if (rc == 0 && value_get(o, "conn_type") == NULL) {
        return err_set(&c->e, ERR_USAGE, "connections add needs --uri, or --type");
    }
    return rc == 0 ? connection_from_value(o, &c->a, ret, &c->e) : rc;
}

int cmd_connections_add(struct cli *cli)
{
    const char *id = cli_arg(cli, "ID");
    struct settings_client c = {0};
    struct value *conn = NULL;
    int rc = settings_open(&c, cli);

    rc = rc == 0 ? of_options(&c, cli, &conn) : rc;
    rc = rc == 0 ? put(&c, id, conn, cli_flag(cli, "overwrite")) : rc;
    if (rc == 0 && !cli_flag(cli, "quiet")) {
        (void)printf("Connection %s is added.\n", id);
    }
    return settings_close(&c, rc);
}

int cmd_connections_delete(struct cli *cli)
{
    const char *id = cli_arg(cli, "ID");
    struct settings_client c = {0};
    struct value *answer = NULL, *found;
    int rc = settings_open(&c, cli);

    rc = rc == 0 ? settings_ask(&c, "conn_delete", settings_request(&c, "conn_id", id), &answer)
                 : rc;
    found = rc == 0 ? value_get(answer, "found") : NULL;
    if (rc == 0 && (found == NULL || !found->boolean)) {
        rc = no_connection(&c, id);
    } else if (rc == 0 && !cli_flag(cli, "quiet")) {
        (void)printf("Connection %s is deleted.\n", id);
    }
    return settings_close(&c, rc);
}

int cmd_connections_import(struct cli *cli)
{
    struct settings_client c = {0};
    struct value *v = NULL, *conn;
    int rc = settings_open(&c, cli);

    rc = rc == 0 ? settings_read_json(&c, cli_arg(cli, "FILE"), &v) : rc;
    if (rc == 0 && v->kind != VALUE_OBJECT) {
        rc = err_set(&c.e, ERR_INVALID, "a file of connections is a JSON object: id to connection");
    }
    for (size_t i = 0; rc == 0 && i < v->len; i++) {
        const struct value *x = v->elems[i];

        rc = x->kind == VALUE_STRING ? connection_parse(x->text, x->len, &c.a, &conn, &c.e)
                                     : connection_from_value(x, &c.a, &conn, &c.e);
        rc = rc == 0 ? put(&c, v->keys[i].text, conn, cli_flag(cli, "overwrite")) : rc;
        rc = rc != 0 ? err_prefix(&c.e, rc, "connection '%s'", v->keys[i].text) : 0;
    }
    if (rc == 0 && !cli_flag(cli, "quiet")) {
        (void)printf("%zu connections are added.\n", v->len);
    }
    return settings_close(&c, rc);
}

int cmd_connections_export(struct cli *cli)
{
    struct settings_client c = {0};
    struct value *ids = NULL, *conn, *all = NULL;
    int rc = settings_open(&c, cli);

    rc = rc == 0 ? all_stored(&c, &ids) : rc;
    if (rc == 0) {
        all = value_new(&c.a, VALUE_OBJECT);
        rc = all == NULL ? -ERR_NOMEM : 0;
    }
    for (size_t i = 0; rc == 0 && i < ids->len; i++) {
        rc = find(&c, ids->elems[i]->text, true, &conn);
        if (rc == 0 && conn != NULL) {
            rc = connection_from_value(conn, &c.a, &conn, &c.e);
            rc = rc == 0 ? value_set(&c.a, all, ids->elems[i]->text, conn) : rc;
        }
    }
    rc = rc == 0 ? settings_write_json(&c, cli_arg(cli, "FILE"), all) : rc;
    return settings_close(&c, rc);
}
