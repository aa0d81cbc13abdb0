/* bundles list, show, refresh; dags list-import-errors: where DAG files come from, and what is wrong with them, as the service knows it. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/time.h"
#include "bundle/folder.h"
#include "bundle/git.h"
#include "bundle/list.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/print.h"
#include "cli/session.h"
#include "cli/term.h"
#include "config/config.h"
#include "runtime/loop.h"
#include "store/store.h"

struct bundles_question {
    char home[4096];
    struct buf members;
    struct arena arena;
    char *answer;
    const struct value *rows;
    int rc;
    struct err e;
};

static int ask_main(void *arg)
{
    struct bundles_question *q = arg;

    q->rc = engine_request(q->home, "bundles", buf_cstr(&q->members), &q->answer, &q->e);
    return 0;
}

/* In a loop of its own. -ERR_CLOSED: no engine lives in this home; -ERR_FAILED: it keeps no bundles, or its words. */
static int ask(struct bundles_question *q, const char *op, const char *name)
{
    struct loop_config lc = {0};
    struct json_writer w;
    struct value *v;
    struct loop *l;
    int rc = loop_uv_new(&lc, &l, &q->e);

    if (rc != 0) {
        return rc;
    }
    buf_fini(&q->members);
    mem_free(q->answer);
    q->answer = NULL;
    buf_init(&q->members, KiB(64));
    json_writer_init(&w, &q->members, 0);
    (void)buf_str(&q->members, "\"op\":");
    json_string(&w, op);
    if (name != NULL) {
        struct json_writer n;

        (void)buf_str(&q->members, ",\"name\":");
        json_writer_init(&n, &q->members, 0);
        json_string(&n, name);
    }
    rc = loop_main(l, ask_main, q, &q->e);
    loop_free(l);
    rc = rc == 0 ? q->rc : rc;
    if (rc == 0 && q->answer != NULL) {
        rc = value_parse(&q->arena, q->answer, strlen(q->answer), &v, &q->e);
        q->rows = v;
    }
    return rc;
}

/* What the configuration says, in the same form. */
static int read_configured(struct bundles_question *q)
{
    char folder[4096], plain[2048], user[2048], password[2048];
    struct config *c = NULL;
    struct bundle_spec *list = NULL;
    struct buf b BUF_CLEANUP;
    struct json_writer w;
    struct value *v;
    size_t n = 0;
    int rc = config_open(q->home, &c, &q->e);

    buf_init(&b, MiB(4));
    json_writer_init(&w, &b, 0);
    rc = rc == 0 ? folder_resolve(q->home, folder, sizeof folder, &q->e) : rc;
    rc = rc == 0 ? bundle_list_read(c, folder, NULL, &q->arena, &list, &n, &q->e) : rc;
    json_array(&w);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        bool git = list[i].kind == BUNDLE_GIT;

        plain[0] = '\0';
        rc = git ? git_split_url(list[i].url, plain, user, password, sizeof plain, &q->e) : 0;
        json_object(&w);
        json_key(&w, "name");
        json_string(&w, list[i].name);
        json_key(&w, "kind");
        json_string(&w, git ? "git" : "folder");
        json_key(&w, "url");
        json_string(&w, git ? plain : NULL);
        json_key(&w, "ref");
        json_string(&w, list[i].ref);
        json_key(&w, "folder");
        json_string(&w, list[i].path);
        json_object_end(&w);
    }
    json_array_end(&w);
    config_close(c);
    rc = rc == 0 ? value_parse(&q->arena, buf_cstr(&b), b.len, &v, &q->e) : rc;
    q->rows = rc == 0 ? v : NULL;
    return rc;
}

static const char *text_of(const struct value *row, const char *name)
{
    const struct value *v = value_get(row, name);

    return v != NULL && (v->kind == VALUE_STRING || v->kind == VALUE_NUMBER) ? v->text : "";
}

static void list_table(const struct value *rows, struct buf *out)
{
    static const struct table_column columns[] = {{.title = "BUNDLE"},
                                                  {.title = "KIND"},
                                                  {.title = "FROM", .wide = true},
                                                  {.title = "COMMIT"},
                                                  {.title = "DAGS", .right = true},
                                                  {.title = "ERRORS", .right = true},
                                                  {.title = "FETCHED"},
                                                  {.title = "STATE", .wide = true}};
    struct table *t = table_new(columns, 8);

    for (size_t i = 0; t != NULL && i < rows->len; i++) {
        const struct value *r = rows->elems[i];
        bool git = strcmp(text_of(r, "kind"), "git") == 0;

        table_cell(t, text_of(r, "name"));
        table_cell(t, text_of(r, "kind"));
        table_cell(t, git ? text_of(r, "url") : text_of(r, "folder"));
        table_cellf(t, "%.12s", text_of(r, "version"));
        table_cell(t, text_of(r, "dags"));
        table_cell(t, text_of(r, "files_with_errors"));
        table_cellf(t, "%.19s", text_of(r, "fetched"));
        if (text_of(r, "failure")[0] != '\0') {
            table_cellf(t, "since %.19s: %s", text_of(r, "failing_since"), text_of(r, "failure"));
        } else {
            table_cell(t, value_get(r, "dags") != NULL ? "ok" : "no scheduler works here");
        }
    }
    print_table(t, out);
}

static void show_members(const struct value *rows, struct buf *out)
{
    for (size_t i = 0; i < rows->len; i++) {
        const struct value *r = rows->elems[i];

        for (size_t j = 0; j < r->len; j++) {
            const char *text = text_of(r, r->keys[j].text);

            if (text[0] != '\0') {
                (void)buf_printf(out, "%-20s %s\n", r->keys[j].text, text);
            }
        }
    }
}

static int answer(struct cli *cli, struct bundles_question *q, int rc, bool members)
{
    struct buf out BUF_CLEANUP;
    struct json_writer w;

    buf_init(&out, MiB(16));
    if (rc == 0 && q->rows != NULL && q->rows->kind == VALUE_ARRAY) {
        json_writer_init(&w, &out, 2);
        if (cli_flag(cli, "json")) {
            json_value(&w, q->rows);
            (void)buf_char(&out, '\n');
        } else if (members) {
            show_members(q->rows, &out);
        } else {
            list_table(q->rows, &out);
        }
        (void)fputs(buf_cstr(&out), stdout);
    }
    mem_free(q->answer);
    buf_fini(&q->members);
    arena_fini(&q->arena);
    return rc != 0 ? cli_fail(rc, &q->e) : 0;
}

static int begin(struct cli *cli, struct bundles_question *q)
{
    arena_init(&q->arena, MiB(64));
    return home_resolve(cli_opt(cli, "home"), q->home, sizeof q->home, &q->e);
}

static bool nobody(int rc)
{
    return rc == -ERR_CLOSED || rc == -ERR_FAILED || rc == -ERR_NOTFOUND || rc == -ERR_IO;
}

int cmd_bundles_list(struct cli *cli)
{
    struct bundles_question q = {0};
    int rc = begin(cli, &q);

    rc = rc == 0 ? ask(&q, "list", NULL) : rc;
    if (nobody(rc)) {
        q.e = (struct err){0};
        rc = read_configured(&q);
    }
    return answer(cli, &q, rc, false);
}

/* All bundles of the service; name: there must be one of it, and it alone is left. NULL: any. */
static int ask_for(struct bundles_question *q, const char *name)
{
    int rc = ask(q, "list", NULL);
    struct value *one;

    if (rc == -ERR_CLOSED || rc == -ERR_NOTFOUND || rc == -ERR_IO) {
        return err_set(&q->e, ERR_CLOSED, "no scheduler works in %s: start `tradewind scheduler`",
                       q->home);
    }
    if (rc != 0 || name == NULL) {
        return rc;
    }
    for (size_t i = 0; i < q->rows->len; i++) {
        if (strcmp(text_of(q->rows->elems[i], "name"), name) == 0) {
            one = value_new(&q->arena, VALUE_ARRAY);
            if (one == NULL || value_append(&q->arena, one, q->rows->elems[i]) != 0) {
                return err_set(&q->e, ERR_NOMEM, "out of memory for bundles");
            }
            q->rows = one;
            return 0;
        }
    }
    return err_set(&q->e, ERR_NOTFOUND, "there is no bundle '%s'", name);
}

int cmd_bundles_show(struct cli *cli)
{
    struct bundles_question q = {0};
    int rc = begin(cli, &q);

    rc = rc == 0 ? ask_for(&q, cli_arg(cli, "BUNDLE")) : rc;
    return answer(cli, &q, rc, true);
}

int cmd_bundles_refresh(struct cli *cli)
{
    struct bundles_question q = {0};
    const char *name = cli_arg(cli, "BUNDLE");
    int rc = begin(cli, &q);

    rc = rc == 0 ? ask_for(&q, name) : rc;
    rc = rc == 0 ? ask(&q, "refresh", name) : rc;
    return answer(cli, &q, rc, false);
}

/* ---- import errors ---- */

struct stored_errors {
    struct arena arena;
    struct store *store;
    struct import_error_row *rows;
    size_t len;
};

static void errors_json(const struct stored_errors *x, struct buf *out)
{
    struct json_writer w;
    char text[TIME_TEXT_MAX];

    json_writer_init(&w, out, 2);
    json_array(&w);
    for (size_t i = 0; i < x->len; i++) {
        json_object(&w);
        json_key(&w, "import_error_id");
        json_int(&w, x->rows[i].error_key);
        json_key(&w, "bundle_name");
        json_string(&w, x->rows[i].bundle);
        json_key(&w, "filename");
        json_string(&w, x->rows[i].file);
        json_key(&w, "timestamp");
        json_string(&w, time_format(x->rows[i].at_us, text));
        json_key(&w, "stack_trace");
        json_string(&w, x->rows[i].text);
        json_object_end(&w);
    }
    json_array_end(&w);
    (void)buf_char(out, '\n');
}

int cmd_dags_import_errors(struct cli *cli)
{
    struct stored_errors x = {0};
    struct buf out BUF_CLEANUP;
    char home[4096], text[TIME_TEXT_MAX];
    struct err e = {0};
    int rc = home_resolve(cli_opt(cli, "home"), home, sizeof home, &e);

    arena_init(&x.arena, MiB(256));
    buf_init(&out, MiB(256));
    rc = rc == 0 ? store_open_for_reading(home, &x.store, &e) : rc;
    rc = rc == 0 ? x.store->ops->get_import_errors(x.store, 0, 0, (size_t)cli_opt_int(cli, "limit"),
                                                   &x.arena, &x.rows, &x.len, &e)
                 : rc;
    if (rc == 0 && cli_flag(cli, "json")) {
        errors_json(&x, &out);
    }
    for (size_t i = 0; rc == 0 && !cli_flag(cli, "json") && i < x.len; i++) {
        (void)buf_printf(&out, "%s, %s, since %s\n%s\n", x.rows[i].bundle, x.rows[i].file,
                         time_format(x.rows[i].at_us, text), x.rows[i].text);
    }
    (void)fputs(buf_cstr(&out), stdout);
    store_close(x.store);
    arena_fini(&x.arena);
    return rc != 0 ? cli_fail(rc, &e) : x.len != 0 ? err_exit_code(-ERR_INVALID) : 0;
}
