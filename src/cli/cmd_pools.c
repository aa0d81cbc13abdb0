/* pools list, set, delete; db rotate-key. */
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

int cmd_pools_list(struct cli *cli)
{
    struct settings_client c = {0};
    struct pool_row *rows = NULL;
    struct store *s = NULL;
    size_t n = 0;
    int rc = settings_open(&c, cli);

    rc = rc == 0 ? store_open_for_reading(c.home, &s, &c.e) : rc;
    rc = rc == 0 ? s->ops->get_pools(s, &c.a, &rows, &n, &c.e) : rc;
    rc = rc == 0 ? print_pools(&c, rows, n) : rc;
    store_close(s);
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
