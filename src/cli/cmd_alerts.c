/* alerts list, alerts channels, alerts test. */
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "alert/alert.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/prng.h"
#include "base/time.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "cli/session.h"
#include "cli/settings_client.h"
#include "cli/term.h"
#include "config/config.h"
#include "home/home.h"
#include "runtime/loop.h"
#include "store/store.h"

/* ---- list ---- */

static void put_text(struct json_writer *w, const char *name, const char *text)
{
    json_key(w, name);
    json_string(w, text);
}

static void put_time(struct json_writer *w, const char *name, int64_t t)
{
    char text[TIME_TEXT_MAX];

    put_text(w, name, t == TIME_NONE ? NULL : time_format(t, text));
}

static void put_number(struct json_writer *w, const char *name, int64_t n)
{
    json_key(w, name);
    json_int(w, n);
}

static void row_json(struct json_writer *w, const struct alert_row *r)
{
    char id[UUID_TEXT_MAX];

    json_object(w);
    put_number(w, "id", r->alert_key);
    put_text(w, "channel", r->channel);
    put_text(w, "kind", r->kind);
    put_text(w, "state", alert_state_to_string(r->state));
    put_text(w, "dag_id", r->dag_id);
    put_text(w, "run_id", r->run_id);
    put_text(w, "task_id", r->task_id);
    put_number(w, "map_index", r->map_index);
    put_number(w, "try_number", r->try_number);
    put_time(w, "first", r->at_us);
    put_time(w, "last", r->last_us);
    put_number(w, "count", r->count);
    put_text(w, "reason", r->reason);
    put_text(w, "message", uuid_is_zero(&r->message) ? NULL : uuid_format(&r->message, id));
    put_number(w, "tries", r->tries);
    put_time(w, "next_try", r->next_us);
    put_time(w, "ended", r->sent_us);
    put_text(w, "error", r->error);
    json_object_end(w);
}

static void list_json(const struct alert_row *rows, size_t n, struct buf *out)
{
    struct json_writer w;

    json_writer_init(&w, out, 2);
    json_array(&w);
    for (size_t i = 0; i < n; i++) {
        row_json(&w, &rows[i]);
    }
    json_array_end(&w);
    (void)buf_char(out, '\n');
}

static void list_table(const struct alert_row *rows, size_t n, struct buf *out)
{
    static const struct table_column columns[] = {{.title = "TIME"},
                                                  {.title = "CHANNEL"},
                                                  {.title = "STATE"},
                                                  {.title = "KIND"},
                                                  {.title = "OF", .wide = true},
                                                  {.title = "COUNT", .right = true},
                                                  {.title = "TRIES", .right = true},
                                                  {.title = "WHAT", .wide = true}};
    struct table *t = table_new(columns, 8);
    char text[TIME_TEXT_MAX];

    for (size_t i = 0; t != NULL && i < n; i++) {
        const struct alert_row *r = &rows[i];

        table_cell(t, print_time(r->at_us, text));
        table_cell(t, r->channel);
        table_cell(t, alert_state_to_string(r->state));
        table_cell(t, r->kind);
        table_cellf(t, "%s%s%s", r->dag_id != NULL ? r->dag_id : "", r->task_id != NULL ? "." : "",
                    r->task_id != NULL ? r->task_id : "");
        table_cellf(t, "%lld", (long long)r->count);
        table_cellf(t, "%u", r->tries);
        table_cell(t, r->error != NULL ? r->error : r->reason != NULL ? r->reason : "");
    }
    print_table(t, out);
}

int cmd_alerts_list(struct cli *cli)
{
    struct alert_query q = {.channel = cli_opt(cli, "channel"),
                            .newest_first = true,
                            .limit = (size_t)cli_opt_int(cli, "limit")};
    struct store *s = NULL;
    struct alert_row *rows = NULL;
    struct arena a;
    struct err e = {0};
    struct buf out BUF_CLEANUP;
    char home[4096];
    size_t n = 0;
    int rc = home_resolve(cli_opt(cli, "home"), home, sizeof home, &e);

    arena_init(&a, MiB(512));
    buf_init(&out, MiB(256));
    q.states |= cli_flag(cli, "failed") ? 1u << ALERT_FAILED : 0;
    q.states |= cli_flag(cli, "waiting") ? 1u << ALERT_PENDING | 1u << ALERT_SENDING : 0;
    rc = rc == 0 ? store_open_for_reading(home, &s, &e) : rc;
    rc = rc == 0 ? s->ops->get_alerts(s, &q, &a, &rows, &n, &e) : rc;
    if (rc == 0) {
        (cli_flag(cli, "json") ? list_json : list_table)(rows, n, &out);
    }
    (void)fputs(buf_cstr(&out), stdout);
    store_close(s);
    arena_fini(&a);
    return rc != 0 ? cli_fail(rc, &e) : 0;
}

/* ---- channels ---- */

static int open_config(struct cli *cli, char *home, size_t cap, struct alert_config **ret,
                       struct err *e)
{
    struct config *c = NULL;
    int rc = home_resolve(cli_opt(cli, "home"), home, cap, e);

    rc = rc == 0 ? config_open(home, &c, e) : rc;
    rc = rc == 0 ? home_alert_config(c, ret, e) : rc;
    config_close(c);
    return rc;
}

/* Where to, without what may be secret. */
static void put_target(const struct alert_channel *c, struct buf *b)
{
    if (c->type == ALERT_EMAIL) {
        for (size_t i = 0; i < c->to_len; i++) {
            (void)buf_printf(b, "%s%s", i > 0 ? ", " : "", c->to[i]);
        }
    } else if (c->type == ALERT_COMMAND) {
        (void)buf_str(b, c->command[0]);
    } else if (c->connection != NULL) {
        (void)buf_printf(b, "connection %s", c->connection);
    } else {
        const char *host = strstr(c->url, "://") + 3, *end = host + strcspn(host, "/?#"), *at;

        at = memchr(host, '@', (size_t)(end - host));
        (void)buf_append(b, c->url, (size_t)(host - c->url));
        host = at != NULL ? at + 1 : host;
        (void)buf_append(b, host, (size_t)(end - host));
    }
}

static void channels_json(const struct alert_config *c, struct buf *out)
{
    struct json_writer w;

    json_writer_init(&w, out, 2);
    json_array(&w);
    for (size_t i = 0; i < c->channels_len; i++) {
        struct buf b BUF_CLEANUP;

        buf_init(&b, KiB(64));
        put_target(&c->channels[i], &b);
        json_object(&w);
        put_text(&w, "name", c->channels[i].name);
        put_text(&w, "type", alert_channel_type_to_string(c->channels[i].type));
        put_text(&w, "to", buf_cstr(&b));
        json_object_end(&w);
    }
    json_array_end(&w);
    (void)buf_char(out, '\n');
}

/* How many rules of the configuration name a channel. */
static unsigned rules_of(const struct alert_config *c, const char *name)
{
    unsigned n = 0;

    for (size_t i = 0; i < c->rules_len; i++) {
        for (size_t k = 0; k < c->rules[i].channels_len; k++) {
            n += strcmp(c->rules[i].channels[k], name) == 0;
        }
    }
    return n;
}

static void channels_table(const struct alert_config *c, struct buf *out)
{
    static const struct table_column columns[] = {{.title = "CHANNEL"},
                                                  {.title = "TYPE"},
                                                  {.title = "TO", .wide = true},
                                                  {.title = "RULES", .right = true}};
    struct table *t = table_new(columns, 4);

    for (size_t i = 0; t != NULL && i < c->channels_len; i++) {
        struct buf b BUF_CLEANUP;

        buf_init(&b, KiB(64));
        put_target(&c->channels[i], &b);
        table_cell(t, c->channels[i].name);
        table_cell(t, alert_channel_type_to_string(c->channels[i].type));
        table_cell(t, buf_cstr(&b));
        table_cellf(t, "%u", rules_of(c, c->channels[i].name));
    }
    print_table(t, out);
}

int cmd_alerts_channels(struct cli *cli)
{
    struct alert_config *c = NULL;
    struct err e = {0};
    struct buf out BUF_CLEANUP;
    char home[4096];
    int rc = open_config(cli, home, sizeof home, &c, &e);

    buf_init(&out, MiB(16));
    if (rc == 0) {
        (cli_flag(cli, "json") ? channels_json : channels_table)(c, &out);
    }
    (void)fputs(buf_cstr(&out), stdout);
    alert_config_free(c);
    return rc != 0 ? cli_fail(rc, &e) : 0;
}

/* ---- test ---- */

struct trial {
    struct cli *cli;
    struct settings_client client;
    struct alert_config *config;
    struct alert_channel channel;
    struct arena arena;
    char host[256];
    int rc;
    bool final;
    struct err e;
};

static int get_connection(void *arg, const char *id, struct arena *a, struct value **ret,
                          struct err *e)
{
    struct trial *t = arg;
    struct value *answer = NULL;
    int rc = cli_setting_get(&t->client, &cli_connection, id, false, &answer);

    (void)a;
    *ret = rc == 0 ? value_get(answer, "conn") : NULL;
    *ret = *ret != NULL && (*ret)->kind == VALUE_OBJECT ? *ret : NULL;
    return rc == 0 ? 0 : err_set(e, (enum err_code) - rc, "%s", err_str(&t->client.e));
}

static int get_variable(void *arg, const char *key, struct arena *a, const char **ret,
                        struct err *e)
{
    struct trial *t = arg;
    struct value *answer = NULL;
    int rc = cli_setting_get(&t->client, &cli_variable, key, false, &answer);

    (void)a;
    *ret = rc == 0 ? settings_text(answer, "value") : NULL;
    return rc == 0 ? 0 : err_set(e, (enum err_code) - rc, "%s", err_str(&t->client.e));
}

static int trial_main(void *arg)
{
    struct trial *t = arg;
    struct loop *l = loop_current();
    struct alert_transport transport = {.loop = l,
                                        .home = t->client.home,
                                        .arg = t,
                                        .connection = get_connection,
                                        .variable = get_variable};
    struct alert_row row = {.channel = t->channel.name,
                            .kind = alert_kind_to_string(ALERT_TEST),
                            .map_index = -1,
                            .at_us = loop_wall_us(l),
                            .last_us = loop_wall_us(l),
                            .count = 1,
                            .reason = "somebody asked for it: nothing is wrong"};
    struct alert_message m = {.rows = &row, .len = 1, .host = t->host};
    struct prng p;
    struct uuid id;
    uint64_t seed = 1;

    if (getrandom(&seed, sizeof seed, 0) != sizeof seed) {
        seed = (uint64_t)row.at_us;
    }
    prng_seed(&p, seed);
    id = uuid_v7(row.at_us, &p);
    (void)uuid_format(&id, m.id);
    t->rc = alert_send(&transport, &t->channel, &m, &t->final, &t->e);
    alert_transport_fini(&transport);
    return 0;
}

static int try_it(struct trial *t)
{
    struct loop_config lc = {0};
    struct loop *l;
    int rc = loop_uv_new(&lc, &l, &t->e);

    if (rc == 0) {
        rc = loop_main(l, trial_main, t, &t->e);
        loop_free(l);
    }
    return rc == 0 ? t->rc : rc;
}

int cmd_alerts_test(struct cli *cli)
{
    const char *name = cli_arg(cli, "CHANNEL");
    struct trial t = {.cli = cli};
    int rc = settings_open(&t.client, cli);

    arena_init(&t.arena, MiB(1));
    (void)gethostname(t.host, sizeof t.host - 1);
    t.e = t.client.e;
    rc = rc == 0 ? open_config(cli, t.client.home, sizeof t.client.home, &t.config, &t.e) : rc;
    rc = rc == 0 ? alert_channel_find(t.config, name, &t.arena, &t.channel, &t.e) : rc;
    if (rc == 0) {
        rc = try_it(&t);
        rc = rc != 0 ? err_prefix(&t.e, rc, "%s (%s)", name,
                                  alert_channel_type_to_string(t.channel.type))
                     : 0;
    }
    if (rc == 0 && !cli_flag(cli, "quiet")) {
        (void)printf("A message was sent through %s (%s).\n", name,
                     alert_channel_type_to_string(t.channel.type));
    }
    alert_config_free(t.config);
    arena_fini(&t.arena);
    t.client.e = t.e;
    return settings_close(&t.client, rc);
}
