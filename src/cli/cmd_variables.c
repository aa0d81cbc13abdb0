/* variables list, get, set, delete, import, export. */
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/settings_client.h"

/* With their values where they are asked for. */
static int list_values(struct settings_client *c, const struct value *keys, bool json)
{
    struct value *all = value_new(&c->a, VALUE_ARRAY), *answer = NULL, *one;
    int rc = all == NULL ? err_set(&c->e, ERR_NOMEM, "out of memory") : 0;

    for (size_t i = 0; rc == 0 && i < keys->len; i++) {
        const char *text;

        rc = cli_setting_get(c, &cli_variable, keys->elems[i]->text, true, &answer);
        text = rc == 0 ? settings_text(answer, "value") : NULL;
        if (text == NULL) {
            continue;
        }
        one = settings_request(c, "key", keys->elems[i]->text);
        if (one == NULL || settings_set_text(c, one, "val", text) != 0 ||
            value_append(&c->a, all, one) != 0) {
            rc = err_set(&c->e, ERR_NOMEM, "out of memory");
        } else if (!json) {
            (void)printf("%s: %s\n", keys->elems[i]->text, text);
        }
    }
    return rc == 0 && json ? settings_write_json(c, "-", all) : rc;
}

int cmd_variables_list(struct cli *cli)
{
    struct settings_client c = {0};
    struct value *keys;
    bool json = cli_flag(cli, "json");
    int rc = settings_open(&c, cli);

    rc = rc == 0 ? cli_setting_names(&c, &cli_variable, &keys) : rc;
    if (rc == 0 && cli_flag(cli, "show-values")) {
        rc = list_values(&c, keys, json);
    } else if (rc == 0 && json) {
        rc = settings_write_json(&c, "-", keys);
    } else if (rc == 0) {
        for (size_t i = 0; i < keys->len; i++) {
            (void)puts(keys->elems[i]->text);
        }
    }
    return settings_close(&c, rc);
}

int cmd_variables_get(struct cli *cli)
{
    const char *key = cli_arg(cli, "KEY"), *text, *dflt = cli_opt(cli, "default");
    struct settings_client c = {0};
    struct value *answer = NULL;
    int rc = settings_open(&c, cli);

    rc = rc == 0 ? cli_setting_get(&c, &cli_variable, key, false, &answer) : rc;
    text = rc == 0 ? settings_text(answer, "value") : NULL;
    text = text != NULL ? text : dflt;
    if (rc == 0 && text == NULL) {
        rc = cli_setting_missing(&c, &cli_variable, key);
    } else if (rc == 0 && cli_flag(cli, "json")) {
        rc = settings_write_json(&c, "-", value_string(&c.a, text, strlen(text)));
    } else if (rc == 0) {
        (void)puts(text);
    }
    return settings_close(&c, rc);
}

int cmd_variables_set(struct cli *cli)
{
    const char *key = cli_arg(cli, "KEY"), *text;
    struct settings_client c = {0};
    struct value *rq = NULL;
    int rc = settings_open(&c, cli);

    rc = rc == 0 ? settings_text_or_stdin(&c, cli_arg(cli, "VALUE"), &text) : rc;
    if (rc == 0) {
        rq = settings_request(&c, "key", key);
        rc = rq == NULL ? -ERR_NOMEM : settings_set_text(&c, rq, "value", text);
    }
    rc = rc == 0 ? settings_set_text(&c, rq, "description", cli_opt(cli, "description")) : rc;
    rc = rc == 0 ? settings_ask(&c, "var_set", rq, NULL) : rc;
    if (rc == 0 && !cli_flag(cli, "quiet")) {
        (void)printf("Variable %s is set.\n", key);
    }
    return settings_close(&c, rc);
}

int cmd_variables_delete(struct cli *cli)
{
    return cli_setting_delete(cli, &cli_variable);
}

/* A member of the file: a text, any JSON value, or {"value", "description"}. */
static int import_one(struct settings_client *c, const char *key, const struct value *v,
                      bool is_new)
{
    struct value *rq = settings_request(c, "key", key), *inner;
    struct buf b BUF_CLEANUP;
    struct json_writer w;
    int rc = rq == NULL ? -ERR_NOMEM : 0;

    buf_init(&b, LIMIT_SETTING_BYTES);
    inner = v->kind == VALUE_OBJECT ? value_get(v, "value") : NULL;
    if (rc == 0 && inner != NULL) {
        rc = settings_set_text(c, rq, "description", settings_text(v, "description"));
        v = inner;
    }
    if (rc == 0 && v->kind != VALUE_STRING) {
        json_writer_init(&w, &b, 0);
        json_value(&w, v);
        rc = buf_status(&b) != 0 ? err_set(&c->e, ERR_LIMIT, "variable '%s' is too large", key) : 0;
    }
    rc = rc == 0
             ? settings_set_text(c, rq, "value", v->kind == VALUE_STRING ? v->text : buf_cstr(&b))
             : rc;
    rc = rc == 0 ? value_set(&c->a, rq, "is_new", value_bool(&c->a, is_new)) : rc;
    return rc == 0 ? settings_ask(c, "var_set", rq, NULL) : rc;
}

int cmd_variables_import(struct cli *cli)
{
    const char *existing = cli_opt(cli, "existing");
    struct settings_client c = {0};
    struct value *v = NULL;
    size_t set = 0;
    bool replace = existing == NULL || strcmp(existing, "overwrite") == 0;
    bool skip = existing != NULL && strcmp(existing, "skip") == 0;
    int rc = settings_open(&c, cli);

    if (rc == 0 && !replace && !skip && strcmp(existing, "fail") != 0) {
        rc = err_set(&c.e, ERR_USAGE, "--existing is overwrite, fail or skip, not '%.60s'",
                     existing);
    }
    rc = rc == 0 ? cli_setting_read_file(&c, cli_arg(cli, "FILE"), &v) : rc;
    if (rc == 0 && v->kind != VALUE_OBJECT) {
        rc = err_set(&c.e, ERR_INVALID, "a file of variables is an object: key to value");
    }
    for (size_t i = 0; rc == 0 && i < v->len; i++) {
        rc = import_one(&c, v->keys[i].text, v->elems[i], !replace);
        set += rc == 0;
        if (rc == -ERR_EXISTS && skip) {
            rc = 0;
            c.e = (struct err){0};
        }
    }
    if (rc == 0 && !cli_flag(cli, "quiet")) {
        (void)printf("%zu variables are set.\n", set);
    }
    return settings_close(&c, rc);
}

/* Text that reads as JSON is written as what it says, as Airflow does. */
static struct value *exported(struct settings_client *c, const struct value *answer)
{
    const char *text = settings_text(answer, "value"),
               *about = settings_text(answer, "description");
    struct value *v = NULL, *o;

    if (text == NULL || value_parse(&c->a, text, strlen(text), &v, NULL) != 0) {
        v = value_string(&c->a, text != NULL ? text : "", text != NULL ? strlen(text) : 0);
    }
    if (about == NULL || v == NULL) {
        return v;
    }
    o = settings_request(c, "description", about);
    return o != NULL && value_set(&c->a, o, "value", v) == 0 ? o : NULL;
}

int cmd_variables_export(struct cli *cli)
{
    struct settings_client c = {0};
    struct value *answer, *keys, *all = NULL, *one;
    int rc = settings_open(&c, cli);

    rc = rc == 0 ? cli_setting_names(&c, &cli_variable, &keys) : rc;
    all = value_new(&c.a, VALUE_OBJECT);
    rc = rc == 0 && all == NULL ? -ERR_NOMEM : rc;
    for (size_t i = 0; rc == 0 && i < keys->len; i++) {
        rc = cli_setting_get(&c, &cli_variable, keys->elems[i]->text, true, &answer);
        one = rc == 0 ? exported(&c, answer) : NULL;
        rc = rc == 0 && (one == NULL || value_set(&c.a, all, keys->elems[i]->text, one) != 0)
                 ? -ERR_NOMEM
                 : rc;
    }
    rc = rc == 0 ? settings_write_json(&c, cli_arg(cli, "FILE"), all) : rc;
    return settings_close(&c, rc);
}
