/* pools list, get, set, delete, import, export; db rotate-key. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "cli/session.h"
#include "cli/settings_client.h"
#include "cli/term.h"
#include "config/config.h"
#include "store/store.h"

static int print_pools(struct settings_client *c, const struct pool_row *rows, size_t n)
{
    static const struct table_column columns[] = {{"pool", false, false},
                                                  {"slots", true, false},
                                                  {"include deferred", false, false},
                                                  {"description", false, true}};
    bool json = cli_flag(c->cli, "json");
    struct table *t = table_new(columns, 4);
    struct buf b BUF_CLEANUP;
    struct json_writer w;

    buf_init(&b, MiB(16));
    json_writer_init(&w, &b, 2);
    if (t == NULL) {
        return err_set(&c->e, ERR_NOMEM, "out of memory");
    }
    json_array(&w);
    for (size_t i = 0; i < n; i++) {
        table_cell(t, rows[i].name);
        table_cellf(t, "%lld", (long long)rows[i].slots);
        table_cell(t, rows[i].include_deferred ? "yes" : "no");
        table_cell(t, rows[i].description);
        json_object(&w);
        json_key(&w, "pool");
        json_string(&w, rows[i].name);
        json_key(&w, "slots");
        json_int(&w, rows[i].slots);
        json_key(&w, "description");
        json_string(&w, rows[i].description);
        json_key(&w, "include_deferred");
        json_bool(&w, rows[i].include_deferred);
        json_object_end(&w);
    }
    json_array_end(&w);
    (void)buf_char(&b, '\n');
    if (!json) {
        buf_clear(&b);
        print_table(t, &b);
    } else {
        table_free(t);
    }
    (void)fputs(buf_cstr(&b), stdout);
    return buf_status(&b);
}

#define DEFAULT_POOL "default_pool"

/* Those of the store, and default_pool, which is there also where no row says so. */
static int read_pools(struct settings_client *c, struct pool_row **ret, size_t *ret_len)
{
    struct pool_row dflt = {.name = DEFAULT_POOL, .description = "Default pool"};
    struct config *config;
    struct pool_row *rows = NULL, *all;
    struct store *s = NULL;
    size_t n = 0;
    bool has = false;
    int rc = config_open(c->home, &config, &c->e);

    if (rc != 0) {
        return rc;
    }
    dflt.slots = (int32_t)config_int(config, "core.default_pool_task_slot_count");
    config_close(config);
    rc = store_open_for_reading(c->home, &s, &c->e);
    if (rc == -ERR_NOTFOUND) { /* nothing has run yet */
        c->e = (struct err){0};
        rc = 0;
    } else if (rc == 0) {
        rc = s->ops->get_pools(s, &c->a, &rows, &n, &c->e);
    }
    store_close(s);
    all = rc == 0 ? arena_array(&c->a, n + 1, sizeof *all) : NULL;
    if (rc == 0 && all == NULL) {
        return err_set(&c->e, ERR_NOMEM, "out of memory");
    }
    for (size_t i = 0; i < n && rc == 0; i++) {
        all[i] = rows[i];
        has = has || strcmp(rows[i].name, DEFAULT_POOL) == 0;
    }
    if (rc == 0 && !has) {
        memmove(all + 1, all, n * sizeof *all);
        all[0] = dflt;
        n++;
    }
    *ret = all;
    *ret_len = n;
    return rc;
}

int cmd_pools_list(struct cli *cli)
{
    struct settings_client c = {0};
    struct pool_row *rows = NULL;
    size_t n = 0;
    int rc = settings_open(&c, cli);

    rc = rc == 0 ? read_pools(&c, &rows, &n) : rc;
    rc = rc == 0 ? print_pools(&c, rows, n) : rc;
    return settings_close(&c, rc);
}

int cmd_pools_get(struct cli *cli)
{
    const char *name = cli_arg(cli, "POOL");
    struct settings_client c = {0};
    struct pool_row *rows = NULL;
    size_t n = 0, i = 0;
    int rc = settings_open(&c, cli);

    rc = rc == 0 ? read_pools(&c, &rows, &n) : rc;
    while (rc == 0 && i < n && strcmp(rows[i].name, name) != 0) {
        i++;
    }
    if (rc == 0) {
        rc = i < n ? print_pools(&c, &rows[i], 1)
                   : err_set(&c.e, ERR_NOTFOUND, "there is no pool '%s'", name);
    }
    return settings_close(&c, rc);
}

/* Airflow's form: name to {"slots", "description", "include_deferred"}. */
int cmd_pools_export(struct cli *cli)
{
    struct settings_client c = {0};
    struct pool_row *rows = NULL;
    struct value *all = NULL, *one, *slots, *deferred;
    size_t n = 0;
    int rc = settings_open(&c, cli);

    rc = rc == 0 ? read_pools(&c, &rows, &n) : rc;
    all = value_new(&c.a, VALUE_OBJECT);
    rc = rc == 0 && all == NULL ? -ERR_NOMEM : rc;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        const char *about = rows[i].description;

        one = value_new(&c.a, VALUE_OBJECT);
        slots = value_number_text(&c.a, arena_printf(&c.a, "%lld", (long long)rows[i].slots));
        deferred = value_bool(&c.a, rows[i].include_deferred);
        rc = one == NULL || slots == NULL || value_set(&c.a, one, "slots", slots) != 0 ||
                     settings_set_text(&c, one, "description", about != NULL ? about : "") != 0 ||
                     value_set(&c.a, one, "include_deferred", deferred) != 0 ||
                     value_set(&c.a, all, rows[i].name, one) != 0
                 ? err_set(&c.e, ERR_NOMEM, "out of memory")
                 : 0;
    }
    rc = rc == 0 ? settings_write_json(&c, cli_arg(cli, "FILE"), all) : rc;
    return settings_close(&c, rc);
}

static int import_pool(struct settings_client *c, const char *name, struct value *v)
{
    static const char *const known[] = {"slots", "description", "include_deferred"};
    struct value *rq = settings_request(c, "name", name);

    if (rq == NULL) {
        return err_set(&c->e, ERR_NOMEM, "out of memory");
    }
    if (v->kind != VALUE_OBJECT || value_get(v, "slots") == NULL) {
        return err_set(&c->e, ERR_INVALID, "pool '%s' is an object with slots", name);
    }
    for (size_t i = 0; i < v->len; i++) {
        size_t k = 0;

        while (k < 3 && strcmp(known[k], v->keys[i].text) != 0) {
            k++;
        }
        if (k == 3) {
            return err_set(&c->e, ERR_INVALID, "pool '%s': %s is not known", name, v->keys[i].text);
        }
        if (value_set(&c->a, rq, known[k], v->elems[i]) != 0) {
            return err_set(&c->e, ERR_NOMEM, "out of memory");
        }
    }
    return settings_ask(c, "pool_set", rq, NULL);
}

int cmd_pools_import(struct cli *cli)
{
    struct settings_client c = {0};
    struct value *v = NULL;
    int rc = settings_open(&c, cli);

    rc = rc == 0 ? cli_setting_read_file(&c, cli_arg(cli, "FILE"), &v) : rc;
    if (rc == 0 && v->kind != VALUE_OBJECT) {
        rc = err_set(&c.e, ERR_INVALID, "a file of pools is an object: name to pool");
    }
    for (size_t i = 0; rc == 0 && i < v->len; i++) {
        rc = import_pool(&c, v->keys[i].text, v->elems[i]);
    }
    if (rc == 0 && !cli_flag(cli, "quiet")) {
        (void)printf("%zu pools are set.\n", v->len);
    }
    return settings_close(&c, rc);
}

int cmd_pools_set(struct cli *cli)
{
    struct settings_client c = {0};
    struct value *rq = NULL, *slots;
    int rc = settings_open(&c, cli);

    if (rc == 0) {
        rq = settings_request(&c, "name", cli_arg(cli, "POOL"));
        slots = value_number_text(&c.a, cli_arg(cli, "SLOTS"));
        rc = rq == NULL || slots == NULL || value_set(&c.a, rq, "slots", slots) != 0 ||
                     value_set(&c.a, rq, "include_deferred",
                               value_bool(&c.a, cli_flag(cli, "include-deferred"))) != 0
                 ? -ERR_NOMEM
                 : settings_set_text(&c, rq, "description", cli_opt(cli, "description"));
    }
    rc = rc == 0 ? settings_ask(&c, "pool_set", rq, NULL) : rc;
    if (rc == 0 && !cli_flag(cli, "quiet")) {
        (void)printf("Pool %s has %s slots.\n", cli_arg(cli, "POOL"), cli_arg(cli, "SLOTS"));
    }
    return settings_close(&c, rc);
}

int cmd_pools_delete(struct cli *cli)
{
    struct settings_client c = {0};
    int rc = settings_open(&c, cli);

    rc = rc == 0 ? settings_ask(&c, "pool_delete",
                                settings_request(&c, "name", cli_arg(cli, "POOL")), NULL)
                 : rc;
    if (rc == 0 && !cli_flag(cli, "quiet")) {
        (void)printf("Pool %s is deleted.\n", cli_arg(cli, "POOL"));
    }
    return settings_close(&c, rc);
}

int cmd_db_rotate_key(struct cli *cli)
{
    struct settings_client c = {0};
    struct value *answer = NULL;
    int rc = settings_open(&c, cli);

    rc = rc == 0 ? settings_ask(&c, "rotate", value_new(&c.a, VALUE_OBJECT), &answer) : rc;
    if (rc == 0 && !cli_flag(cli, "quiet")) {
        (void)printf("%s values are encrypted with the newest key.\n",
                     settings_text(answer, "rotated"));
    }
    return settings_close(&c, rc);
}
