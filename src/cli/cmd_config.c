/* config: what is set, where it comes from, and what is wrong with it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/config_sections.h"
#include "cli/session.h"
#include "cli/term.h"
#include "config/config.h"

extern char **environ;

/* Beside the settings of config.def: what only a command's environment or the program itself says. */
struct row {
    const char *key, *value, *source, *help;
    const struct config_key *of; /* or NULL */
};

struct settings {
    char home[4096];
    struct config *config;
    struct arena arena;
    struct row *rows;
    size_t len, cap;
    bool oom;
};

static void add(struct settings *s, const char *key, const char *value, const char *source,
                const char *help, const struct config_key *of)
{
    const struct row r = {key, value, source, help, of};

    s->oom = s->oom || key == NULL || value == NULL || VEC_PUSH(s->rows, s->len, s->cap, r) != 0;
}

static void add_limit(struct settings *s, const char *key, uint64_t value, const char *help)
{
    add(s, key, arena_printf(&s->arena, "%llu", (unsigned long long)value), "built in", help, NULL);
}

static int open_settings(struct cli *cli, struct settings *s, struct err *e)
{
    int rc = home_resolve(cli_opt(cli, "home"), s->home, sizeof s->home, e);

    arena_init(&s->arena, MiB(1));
    return rc == 0 ? config_read(s->home, (const char *const *)environ, &s->config, e) : rc;
}

static void close_settings(struct settings *s)
{
    config_close(s->config);
    mem_free(s->rows);
    arena_fini(&s->arena);
}

/* A setting that only DAG files ask for is shown when it is set, or with --all. */
static int read_settings(struct cli *cli, struct settings *s, bool all, struct err *e)
{
    const char *home = getenv("TRADEWIND_HOME"), *no_color = getenv("NO_COLOR");
    const struct config_key *k;
    int rc = open_settings(cli, s, e);

    if (rc != 0) {
        return rc;
    }
    add(s, "home", s->home,
        cli_given(cli, "home")         ? "--home"
        : home != NULL && home[0] != 0 ? "TRADEWIND_HOME"
                                       : "default",
        "where runs, logs and the store are kept", NULL);
    add(s, "color", no_color != NULL && no_color[0] != 0 ? "false" : "true",
        no_color != NULL && no_color[0] != 0 ? "NO_COLOR" : "default", "colours on a terminal",
        NULL);
    for (size_t i = 0; (k = config_key_at(i)) != NULL; i++) {
        const char *source = config_shown_source(s->config, k);

        if (all || k->type != CONFIG_TYPE_PYTHON || strcmp(source, "default") != 0) {
            add(s,
                arena_printf(&s->arena, "%s%s%s", k->section, k->key[0] != '\0' ? "." : "", k->key),
                config_shown(s->config, k), source,
                k->type == CONFIG_TYPE_PYTHON ? "for DAG files and tasks" : k->meaning, k);
        }
    }
    add_limit(s, "log_bytes_max", LIMIT_LOG_BYTES, "kept of one try's log");
    add_limit(s, "xcom_bytes_max", LIMIT_XCOM_BYTES, "of one XCom value");
    return s->oom ? err_set(e, ERR_NOMEM, "out of memory for the settings") : 0;
}

static void write_rows(const struct settings *s, struct buf *b)
{
    struct json_writer w;

    json_writer_init(&w, b, 2);
    json_array(&w);
    for (size_t i = 0; i < s->len; i++) {
        const struct row *x = &s->rows[i];

        json_object(&w);
        json_key(&w, "key");
        json_string(&w, x->key);
        json_key(&w, "value");
        json_string(&w, x->value);
        json_key(&w, "from");
        json_string(&w, x->source);
        json_key(&w, "meaning");
        json_string(&w, x->help);
        if (x->of != NULL) {
            json_key(&w, "default");
            json_string(&w, x->of->dflt);
            json_key(&w, "airflow");
            json_string(&w, x->of->airflow);
            json_key(&w, "reload");
            json_bool(&w, x->of->live);
        }
        json_object_end(&w);
    }
    json_array_end(&w);
    (void)buf_char(b, '\n');
}

static int print_rows(struct cli *cli, const struct settings *s)
{
    static const struct table_column columns[] = {{"key", false, false},
                                                  {"value", false, true},
                                                  {"from", false, false},
                                                  {"meaning", false, true}};
    struct table *t = table_new(columns, 4);
    struct buf b BUF_CLEANUP;
    int rc = t == NULL ? -ERR_NOMEM : 0;

    buf_init(&b, MiB(4));
    if (cli_flag(cli, "json")) {
        write_rows(s, &b);
    } else if (rc == 0) {
        for (size_t i = 0; i < s->len; i++) {
            table_cell(t, s->rows[i].key);
            table_cell(t, s->rows[i].value);
            table_cell(t, s->rows[i].source);
            table_cell(t, s->rows[i].help);
        }
        rc = table_print(t, term_is_tty(1) ? term_width() : 0, &b);
    }
    rc = rc != 0 ? rc : buf_status(&b);
    if (rc == 0) {
        (void)fputs(buf_cstr(&b), stdout);
    }
    table_free(t);
    return rc;
}

/* What is wrong must not be missed by who only looks. */
static size_t tell_findings(const struct settings *s, FILE *to, bool errors_only)
{
    const struct config_finding *f;
    size_t n = config_findings(s->config, &f), errors = 0;

    for (size_t i = 0; i < n; i++) {
        errors += f[i].error;
        if (errors_only && !f[i].error) {
            continue;
        }
        if (f[i].line > 0) {
            (void)fprintf(to, "%s:%d:%d: %s: %s\n", f[i].where, f[i].line, f[i].col,
                          f[i].error ? "error" : "warning", f[i].text);
        } else {
            (void)fprintf(to, "%s: %s: %s\n", f[i].where, f[i].error ? "error" : "warning",
                          f[i].text);
        }
    }
    return errors;
}

int cmd_config_list(struct cli *cli)
{
    struct settings s = {0};
    struct err e = {0};
    int rc = read_settings(cli, &s, cli_flag(cli, "all"), &e);

    rc = rc == 0 ? print_rows(cli, &s) : rc;
    if (rc == 0) {
        (void)fflush(stdout);
        (void)tell_findings(&s, stderr, true);
    }
    close_settings(&s);
    return rc != 0 ? cli_fail(rc, &e) : 0;
}

static const struct row *find_row(const struct settings *s, const char *key, struct err *e)
{
    const char *near;

    for (size_t i = 0; i < s->len; i++) {
        if (strcmp(s->rows[i].key, key) == 0) {
            return &s->rows[i];
        }
    }
    near = config_key_near(key);
    (void)err_set(e, ERR_NOTFOUND,
                  "there is no setting \"%.60s\"%s%s%s `tradewind config list` lists them", key,
                  near != NULL ? "; did you mean " : ";", near != NULL ? near : "",
                  near != NULL ? "?" : "");
    return NULL;
}

int cmd_config_get(struct cli *cli)
{
    struct settings s = {0};
    const struct row *r = NULL;
    struct err e = {0};
    int rc = read_settings(cli, &s, true, &e);

    if (rc == 0) {
        r = find_row(&s, cli_arg(cli, "KEY"), &e);
        rc = r == NULL ? -ERR_NOTFOUND : 0;
    }
    if (rc == 0) {
        (void)puts(r->value);
    }
    close_settings(&s);
    return rc != 0 ? cli_fail(rc, &e) : 0;
}

/* ---- show-origin ---- */

static void upper(const char *prefix, const char *section, const char *key, char *out, size_t cap)
{
    size_t n = strlen(prefix);

    (void)snprintf(out, cap, "%s%s__%s", prefix, section, key);
    for (char *p = out + n; *p != '\0'; p++) {
        *p = *p >= 'a' && *p <= 'z' ? (char)(*p - 'a' + 'A') : *p;
    }
}

static void show_place(const char *place, const char *text, bool used)
{
    (void)printf("%s %-48s %s\n", used ? "*" : " ", place, text != NULL ? text : "-");
}

static void show_origins(const struct settings *s, const struct config_key *k)
{
    const char *source = config_shown_source(s->config, k), *p = k->airflow;
    const struct value *v;
    char name[200], section[80], key[80];

    upper("TRADEWIND__", k->section, k->key, name, sizeof name);
    show_place(name, getenv(name), strcmp(source, name) == 0);
    while (*p != '\0') {
        size_t n = strcspn(p, " "), dot = strcspn(p, ".");

        (void)snprintf(section, sizeof section, "%.*s", (int)dot, p);
        (void)snprintf(key, sizeof key, "%.*s", (int)(n - dot - 1), p + dot + 1);
        upper("AIRFLOW__", section, key, name, sizeof name);
        show_place(name, getenv(name), strcmp(source, name) == 0);
        p += n + (p[n] == ' ');
    }
    (void)snprintf(name, sizeof name, "%s.%s", k->section, k->key);
    v = config_value(s->config, name);
    if (v != NULL) {
        (void)snprintf(name, sizeof name, CONFIG_FILE ":%d", v->line);
    }
    show_place(v != NULL ? name : CONFIG_FILE,
               v == NULL               ? NULL
               : v->kind == VALUE_BOOL ? (v->boolean ? "true" : "false")
                                       : v->text,
               v != NULL && strcmp(source, name) == 0);
    show_place("default", k->dflt, strcmp(source, "default") == 0);
}

/* All places that may set it, the first that does marked. Without a key: all that is not as built. */
int cmd_config_origin(struct cli *cli)
{
    const char *key = cli_arg(cli, "KEY");
    struct settings s = {0};
    const struct row *r = NULL;
    struct err e = {0};
    int rc = read_settings(cli, &s, key != NULL, &e);

    if (rc == 0 && key == NULL) {
        size_t kept = 0;

        for (size_t i = 0; i < s.len; i++) {
            if (strcmp(s.rows[i].source, "default") != 0 &&
                strcmp(s.rows[i].source, "built in") != 0) {
                s.rows[kept++] = s.rows[i];
            }
        }
        s.len = kept;
        rc = print_rows(cli, &s);
    } else if (rc == 0) {
        r = find_row(&s, key, &e);
        rc = r == NULL ? -ERR_NOTFOUND : 0;
    }
    if (r != NULL && r->of != NULL && r->of->type != CONFIG_TYPE_TREE) {
        show_origins(&s, r->of);
    } else if (r != NULL) {
        show_place(r->source, r->value, true);
    }
    close_settings(&s);
    return rc != 0 ? cli_fail(rc, &e) : 0;
}

/* ---- lint ---- */

static void lint_json(const struct settings *s)
{
    const struct config_finding *f;
    size_t n = config_findings(s->config, &f);
    struct json_writer w;
    struct buf b BUF_CLEANUP;

    buf_init(&b, MiB(4));
    json_writer_init(&w, &b, 2);
    json_array(&w);
    for (size_t i = 0; i < n; i++) {
        json_object(&w);
        json_key(&w, "severity");
        json_string(&w, f[i].error ? "error" : "warning");
        json_key(&w, "where");
        json_string(&w, f[i].where);
        json_key(&w, "line");
        json_int(&w, f[i].line);
        json_key(&w, "col");
        json_int(&w, f[i].col);
        json_key(&w, "text");
        json_string(&w, f[i].text);
        json_object_end(&w);
    }
    json_array_end(&w);
    (void)puts(buf_cstr(&b));
}

int cmd_config_lint(struct cli *cli)
{
    const struct config_finding *f;
    struct settings s = {0};
    struct err e = {0};
    size_t n, errors = 0;
    int rc = open_settings(cli, &s, &e);

    if (rc != 0) {
        close_settings(&s);
        return cli_fail(rc, &e);
    }
    (void)cli_check_sections(s.config, s.home, NULL);
    n = config_findings(s.config, &f);
    for (size_t i = 0; i < n; i++) {
        errors += f[i].error;
    }
    if (cli_flag(cli, "json")) {
        lint_json(&s);
    } else {
        (void)tell_findings(&s, stdout, false);
        (void)printf("%s%s: %zu error%s, %zu warning%s\n", config_path(s.config),
                     access(config_path(s.config), F_OK) == 0 ? "" : " (there is none)", errors,
                     errors == 1 ? "" : "s", n - errors, n - errors == 1 ? "" : "s");
    }
    close_settings(&s);
    return errors != 0 ? err_exit_code(-ERR_INVALID) : 0;
}
