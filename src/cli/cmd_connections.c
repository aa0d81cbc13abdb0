/* connections list, get, add, delete, import, export, test. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/session.h"
#include "cli/settings_client.h"
#include "secret/connection.h"

static const char hidden[] = "***";

/* *ret NULL: there is none. */
static int find(struct settings_client *c, const char *id, bool stored, struct value **ret)
{
    struct value *answer = NULL;
    int rc = cli_setting_get(c, &cli_connection, id, stored, &answer);

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
        rc = cli_setting_missing(&c, &cli_connection, id);
    }
    rc = rc == 0 && !cli_flag(cli, "show-values") ? hide(&c, conn) : rc;
    if (rc == 0 && cli_flag(cli, "json")) {
        rc = settings_write_json(&c, "-", conn);
    } else if (rc == 0) {
        print_text(conn);
    }
    return settings_close(&c, rc);
}

int cmd_connections_list(struct cli *cli)
{
    struct settings_client c = {0};
    struct value *ids = NULL, *conn, *all = NULL;
    int rc = settings_open(&c, cli);

    rc = rc == 0 ? cli_setting_names(&c, &cli_connection, &ids) : rc;
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
    return cli_setting_delete(cli, &cli_connection);
}

/* ---- import ---- */

static int import_one(struct settings_client *c, const char *id, const struct value *x,
                      bool overwrite)
{
    struct value *conn;
    int rc = x->kind == VALUE_STRING ? connection_parse(x->text, x->len, &c->a, &conn, &c->e)
                                     : connection_from_value(x, &c->a, &conn, &c->e);

    return rc == 0 ? put(c, id, conn, overwrite) : rc;
}

/* One that is there already is told and left as it is; the others are stored, as in Airflow. */
int cmd_connections_import(struct cli *cli)
{
    struct settings_client c = {0};
    struct value *v = NULL;
    size_t added = 0;
    int rc = settings_open(&c, cli), kept = 0;

    rc = rc == 0 ? cli_setting_read_file(&c, cli_arg(cli, "FILE"), &v) : rc;
    if (rc == 0 && v->kind != VALUE_OBJECT) {
        rc = err_set(&c.e, ERR_INVALID, "a file of connections is an object: id to connection");
    }
    for (size_t i = 0; rc == 0 && i < v->len; i++) {
        rc = import_one(&c, v->keys[i].text, v->elems[i], cli_flag(cli, "overwrite"));
        added += rc == 0;
        if (rc == -ERR_EXISTS) {
            kept = cli_fail(rc, &c.e);
            c.e = (struct err){0};
            rc = 0;
        }
        rc = rc != 0 ? err_prefix(&c.e, rc, "connection '%s'", v->keys[i].text) : 0;
    }
    if (rc == 0 && !cli_flag(cli, "quiet")) {
        (void)printf("%zu connections are added.\n", added);
    }
    rc = settings_close(&c, rc);
    return rc != 0 ? rc : kept;
}

/* ---- export ---- */

/* ID=URI or ID={JSON}, a line each. */
static int env_lines(struct settings_client *c, const struct value *all, bool json, struct buf *out)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < all->len; i++) {
        struct json_writer w;

        (void)buf_printf(out, "%s=", all->keys[i].text);
        if (json) {
            json_writer_init(&w, out, 0);
            json_value(&w, all->elems[i]);
        } else {
            rc = connection_to_uri(all->elems[i], out);
        }
        (void)buf_char(out, '\n');
    }
    return rc != 0 ? err_set(&c->e, ERR_NOMEM, "out of memory for the connections") : 0;
}

/* "json", "yaml" or "env": as told, else by the file's ending. JSON is YAML, so that both are written alike. */
static int is_env(struct settings_client *c, const char *path, const char *format, bool *ret)
{
    const char *dot = strrchr(path, '.');

    if (format == NULL) {
        *ret = dot != NULL && strcmp(dot, ".env") == 0;
        return 0;
    }
    *ret = strcmp(format, "env") == 0;
    return *ret || strcmp(format, "json") == 0 || strcmp(format, "yaml") == 0
               ? 0
               : err_set(&c->e, ERR_USAGE, "--format is json, yaml or env, not '%.60s'", format);
}

static int write_all(struct settings_client *c, const struct value *all)
{
    const char *path = cli_arg(c->cli, "FILE"), *as = cli_opt(c->cli, "env-as");
    struct buf out BUF_CLEANUP;
    bool env;
    int rc = is_env(c, path, cli_opt(c->cli, "format"), &env);

    buf_init(&out, MiB(64));
    if (rc == 0 && as != NULL && strcmp(as, "uri") != 0 && strcmp(as, "json") != 0) {
        rc = err_set(&c->e, ERR_USAGE, "--env-as is uri or json, not '%.60s'", as);
    }
    if (rc != 0 || !env) {
        return rc == 0 ? settings_write_json(c, path, all) : rc;
    }
    rc = env_lines(c, all, as != NULL && as[0] == 'j', &out);
    return rc == 0 ? cli_setting_write_file(c, path, &out) : rc;
}

int cmd_connections_export(struct cli *cli)
{
    struct settings_client c = {0};
    struct value *ids = NULL, *conn, *all = NULL;
    int rc = settings_open(&c, cli);

    rc = rc == 0 ? cli_setting_names(&c, &cli_connection, &ids) : rc;
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
    rc = rc == 0 ? write_all(&c, all) : rc;
    return settings_close(&c, rc);
}

/* ---- test ---- */

/* Its hook, or its address, is tried by Python; the connection goes there in the environment, never on a command line. */
int cmd_connections_test(struct cli *cli)
{
    const char *id = cli_arg(cli, "ID"), *words[] = {"connection", id};
    struct settings_client c = {0};
    struct value *conn = NULL;
    struct buf text BUF_CLEANUP;
    struct json_writer w;
    int rc = settings_open(&c, cli), code = 0;

    buf_init(&text, LIMIT_SETTING_BYTES * 2);
    rc = rc == 0 ? find(&c, id, false, &conn) : rc;
    if (rc == 0 && conn == NULL) {
        rc = cli_setting_missing(&c, &cli_connection, id);
    }
    if (rc == 0) {
        json_writer_init(&w, &text, 0);
        json_value(&w, conn);
        rc = buf_status(&text);
    }
    if (rc == 0 && setenv("TRADEWIND_TESTED_CONNECTION", buf_cstr(&text), 1) != 0) {
        rc = err_set(&c.e, ERR_NOMEM, "out of memory");
    }
    rc = rc == 0 ? cli_python(cli, "tradewind.installation", words, 2, &code, &c.e) : rc;
    rc = settings_close(&c, rc);
    return rc != 0 ? rc : code;
}
