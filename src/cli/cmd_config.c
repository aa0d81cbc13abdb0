/* config list and get: the settings that commands work with, and where each comes from. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/session.h"
#include "cli/term.h"

struct setting {
    const char *key, *value, *source, *help;
};

#define SETTINGS_MAX 16

struct settings {
    struct setting items[SETTINGS_MAX];
    size_t len;
    char home[4096], numbers[SETTINGS_MAX][24];
};

static void add(struct settings *s, const char *key, const char *value, const char *source,
                const char *help)
{
    s->items[s->len++] = (struct setting){key, value, source, help};
}

static void add_limit(struct settings *s, const char *key, uint64_t value, const char *help)
{
    char *text = s->numbers[s->len];

    (void)snprintf(text, sizeof s->numbers[0], "%llu", (unsigned long long)value);
    add(s, key, text, "built in", help);
}

static int read_settings(struct cli *cli, struct settings *s, struct err *e)
{
    const char *home = getenv("TRADEWIND_HOME"), *no_color = getenv("NO_COLOR");
    int rc = home_resolve(cli_opt(cli, "home"), s->home, sizeof s->home, e);

    if (rc != 0) {
        return rc;
    }
    add(s, "home", s->home,
        cli_given(cli, "home")         ? "--home"
        : home != NULL && home[0] != 0 ? "TRADEWIND_HOME"
                                       : "default",
        "where runs, logs and the store are kept");
    add(s, "color", no_color != NULL && no_color[0] != 0 ? "false" : "true",
        no_color != NULL && no_color[0] != 0 ? "NO_COLOR" : "default", "colours on a terminal");
    add_limit(s, "parallelism", DEFAULT_PARALLELISM, "tasks at once; --jobs of run");
    add_limit(s, "max_active_tasks", DEFAULT_MAX_ACTIVE_TASKS,
              "per run, unless the DAG says otherwise");
    add_limit(s, "max_active_runs", DEFAULT_MAX_ACTIVE_RUNS,
              "per DAG, unless the DAG says otherwise");
    add_limit(s, "default_pool_slots", DEFAULT_POOL_SLOTS, "slots of default_pool");
    add_limit(s, "retry_delay_s", DEFAULT_RETRY_DELAY_S,
              "seconds between tries, unless the task says otherwise");
    add_limit(s, "log_bytes_max", LIMIT_LOG_BYTES, "kept of one try's log");
    add_limit(s, "xcom_bytes_max", LIMIT_XCOM_BYTES, "of one XCom value");
    return 0;
}

static int print_settings(struct cli *cli, const struct settings *s)
{
    static const struct table_column columns[] = {{"key", false, false},
                                                  {"value", false, true},
                                                  {"from", false, false},
                                                  {"meaning", false, true}};
    struct table *t = table_new(columns, 4);
    struct buf b BUF_CLEANUP;
    struct json_writer w;
    int rc = t == NULL ? -ERR_NOMEM : 0;

    buf_init(&b, MiB(1));
    json_writer_init(&w, &b, 2);
    json_array(&w);
    for (size_t i = 0; rc == 0 && i < s->len; i++) {
        const struct setting *x = &s->items[i];

        table_cell(t, x->key);
        table_cell(t, x->value);
        table_cell(t, x->source);
        table_cell(t, x->help);
        json_object(&w);
        json_key(&w, "key");
        json_string(&w, x->key);
        json_key(&w, "value");
        json_string(&w, x->value);
        json_key(&w, "from");
        json_string(&w, x->source);
        json_object_end(&w);
    }
    json_array_end(&w);
    (void)buf_char(&b, '\n');
    if (rc == 0 && !cli_flag(cli, "json")) {
        buf_clear(&b);
        rc = table_print(t, term_is_tty(1) ? term_width() : 0, &b);
    }
    rc = rc != 0 ? rc : buf_status(&b);
    if (rc == 0) {
        (void)fputs(buf_cstr(&b), stdout);
    }
    table_free(t);
    return rc != 0 ? cli_fail(rc, NULL) : 0;
}

int cmd_config_list(struct cli *cli)
{
    struct settings s = {0};
    struct err e = {0};
    int rc = read_settings(cli, &s, &e);

    return rc != 0 ? cli_fail(rc, &e) : print_settings(cli, &s);
}

int cmd_config_get(struct cli *cli)
{
    const char *key = cli_arg(cli, "KEY");
    struct settings s = {0};
    struct err e = {0};
    int rc = read_settings(cli, &s, &e);

    if (rc != 0) {
        return cli_fail(rc, &e);
    }
    for (size_t i = 0; i < s.len; i++) {
        if (strcmp(s.items[i].key, key) == 0) {
            (void)puts(s.items[i].value);
            return 0;
        }
    }
    return cli_fail(err_set(&e, ERR_NOTFOUND,
                            "there is no setting \"%.60s\"; `tradewind config list` lists them",
                            key),
                    &e);
}
