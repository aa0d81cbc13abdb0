/*
 * tasks respond: a person's answer to what a task asks. The living engine is given it; where none lives, this process becomes it for the
 * moment, and the run goes on with `runs resume`.
 */
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/hitl.h"
#include "cli/session.h"
#include "engine/engine.h"

/* ---- what is asked ---- */

static const struct value *parse_question(struct found *f, const char *json, size_t n)
{
    struct value *record;
    const struct value *response;

    if (value_parse(&f->arena, json, n, &record, NULL) != 0) {
        return NULL;
    }
    response = value_get(record, "response");
    return response == NULL || response->kind != VALUE_OBJECT ? value_get(record, "request") : NULL;
}

static bool is_waiting(const struct found *f, uint32_t task, int map_index)
{
    for (size_t i = 0; i < f->tis_len; i++) {
        if (f->tis[i].key.task == task && f->tis[i].key.map_index == map_index) {
            return f->tis[i].state == TASK_DEFERRED || f->tis[i].state == TASK_RUNNING;
        }
    }
    return false;
}

const struct value *hitl_question(struct found *f, uint32_t task, int map_index)
{
    struct ti_key at = {f->run.run_key, task, map_index}, key = engine_record_key(&at);
    struct xcom_row row;

    if (!is_waiting(f, task, map_index) ||
        f->store->ops->get_xcom(f->store, &key, ENGINE_RECORD_HITL, &f->arena, &row, NULL) != 0 ||
        row.value == NULL) {
        return NULL;
    }
    return parse_question(f, row.value, row.value_len);
}

static const char *text_of(const struct value *o, const char *name)
{
    const struct value *v = o != NULL ? value_get(o, name) : NULL;

    return v != NULL && v->kind == VALUE_STRING ? v->text : NULL;
}

static void put_list(struct buf *out, const char *label, const struct value *list)
{
    if (list == NULL || list->kind != VALUE_ARRAY || list->len == 0) {
        return;
    }
    (void)buf_str(out, label);
    for (size_t i = 0; i < list->len; i++) {
        (void)buf_printf(out, "%s%s", i != 0 ? ", " : "",
                         list->elems[i]->text != NULL ? list->elems[i]->text : "?");
    }
    (void)buf_char(out, '\n');
}

void hitl_explain(struct found *f, uint32_t task, int map_index, struct buf *out)
{
    const struct value *q = hitl_question(f, task, map_index), *params, *options;
    const char *timeout = text_of(q, "timeout"), *body = text_of(q, "body");
    bool one;

    if (q == NULL) {
        return;
    }
    options = value_get(q, "options");
    params = value_get(q, "params");
    one = options != NULL && options->kind == VALUE_ARRAY && options->len == 1;
    (void)buf_printf(out, "waits for a person: %s\n", text_of(q, "subject"));
    if (body != NULL) {
        (void)buf_printf(out, "%s\n", body);
    }
    put_list(out, "options: ", options);
    for (size_t i = 0; params != NULL && params->kind == VALUE_OBJECT && i < params->len; i++) {
        const char *about = text_of(params->elems[i], "description");

        (void)buf_printf(out, "param %s%s%s\n", params->keys[i].text, about != NULL ? ": " : "",
                         about != NULL ? about : "");
    }
    if (timeout != NULL) {
        (void)buf_printf(out, "until %s\n", timeout);
    }
    (void)buf_printf(out, "answer with: tradewind tasks respond %s %s --run %s", f->dag->dag_id,
                     f->dag->tasks[task].task_id, f->run.run_id);
    if (map_index >= 0) {
        (void)buf_printf(out, " --map-index %d", map_index);
    }
    (void)buf_printf(out, "%s%s\n", one ? "" : " --option OPTION",
                     params != NULL && params->kind == VALUE_OBJECT && params->len != 0
                         ? " --param NAME=VALUE"
                         : "");
}

/* ---- the answer ---- */

struct answer {
    struct cli *cli;
    char home[4096];
    struct found f;
    struct engine_response r;
    bool alive; /* an engine took it */
    struct err e;
};

/* VALUE is JSON where it reads as such and the param is not text. */
static struct value *param_value(struct answer *a, const struct value *question, const char *name,
                                 const char *text)
{
    const struct value *params = value_get(question, "params");
    const char *type = text_of(params != NULL ? value_get(params, name) : NULL, "type");
    struct value *v = NULL;

    if ((type != NULL && strcmp(type, "string") == 0) ||
        value_parse(&a->f.arena, text, strlen(text), &v, NULL) != 0) {
        v = value_string(&a->f.arena, text, strlen(text));
    }
    return v;
}

static int read_params(struct answer *a, const struct value *question)
{
    const char *const *given;
    size_t n = cli_opt_all(a->cli, "param", &given);
    struct value *params = value_new(&a->f.arena, VALUE_OBJECT);
    int rc = params != NULL ? 0 : -ERR_NOMEM;

    for (size_t i = 0; rc == 0 && i < n; i++) {
        const char *eq = strchr(given[i], '=');
        char *name;
        struct value *v;

        if (eq == NULL || eq == given[i]) {
            return err_set(&a->e, ERR_USAGE, "--param is NAME=VALUE, not '%s'", given[i]);
        }
        name = arena_strndup(&a->f.arena, given[i], (size_t)(eq - given[i]));
        v = name != NULL ? param_value(a, question, name, eq + 1) : NULL;
        rc = v != NULL ? value_set(&a->f.arena, params, name, v) : -ERR_NOMEM;
    }
    a->r.params = params;
    return rc != 0 ? err_set(&a->e, (enum err_code) - rc, "out of memory for the params") : 0;
}

static int read_options(struct answer *a)
{
    const char *const *given;
    size_t n = cli_opt_all(a->cli, "option", &given);
    struct value *list = value_new(&a->f.arena, VALUE_ARRAY);
    int rc = list != NULL ? 0 : -ERR_NOMEM;

    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct value *v = value_string(&a->f.arena, given[i], strlen(given[i]));

        rc = v != NULL ? value_append(&a->f.arena, list, v) : -ERR_NOMEM;
    }
    a->r.options = list;
    return rc != 0 ? err_set(&a->e, (enum err_code) - rc, "out of memory for the options") : 0;
}

static const char *who(void)
{
    const struct passwd *p = getpwuid(getuid());

    return p != NULL ? p->pw_name : "cli";
}

static int read_answer(struct answer *a)
{
    const char *map = cli_opt(a->cli, "map-index");
    int index = map != NULL ? (int)strtol(map, NULL, 10) : -1;
    const struct value *question = hitl_question(&a->f, a->f.task->index, index);
    int rc;

    if (question == NULL) {
        return err_set(&a->e, ERR_CONFLICT, "%s in run %s does not wait for a person",
                       a->f.task->task_id, a->f.run.run_id);
    }
    a->r.key = (struct ti_key){a->f.run.run_key, a->f.task->index, index};
    a->r.by = who();
    rc = read_options(a);
    return rc == 0 ? read_params(a, question) : rc;
}

static int respond_here(struct engine *g, void *arg, struct err *e)
{
    return engine_respond(g, arg, e);
}

static int send_answer(struct answer *a)
{
    struct json_writer w;
    struct buf b BUF_CLEANUP;

    buf_init(&b, LIMIT_MESSAGE / 4);
    json_writer_init(&w, &b, 0);
    json_object(&w);
    json_key(&w, "run_key");
    json_int(&w, a->r.key.run_key);
    json_key(&w, "task");
    json_int(&w, a->r.key.task);
    json_key(&w, "map_index");
    json_int(&w, a->r.key.map_index);
    json_key(&w, "options");
    json_value(&w, a->r.options);
    json_key(&w, "params");
    json_value(&w, a->r.params);
    json_key(&w, "by");
    json_string(&w, a->r.by);
    json_object_end(&w);
    return session_command(a->home, "hitl_respond", &b, respond_here, &a->r, &a->alive, &a->e);
}

int cmd_tasks_respond(struct cli *cli)
{
    struct answer a = {.cli = cli};
    int rc = home_resolve(cli_opt(cli, "home"), a.home, sizeof a.home, &a.e);

    if (rc == 0) {
        rc = found_open(&a.f, a.home, cli_arg(cli, "DAG"), cli_opt(cli, "run"),
                        cli_arg(cli, "TASK"), &a.e);
    }
    rc = rc == 0 ? read_answer(&a) : rc;
    rc = rc == 0 ? send_answer(&a) : rc;
    if (rc == 0 && !cli_flag(cli, "quiet")) {
        (void)printf("Answered %s in run %s.\n", a.f.task->task_id, a.f.run.run_id);
        if (!a.alive) {
            (void)printf("`tradewind runs resume %s %s` goes on with the run.\n", a.f.dag->dag_id,
                         a.f.run.run_id);
        }
    }
    found_fini(&a.f);
    return rc != 0 ? cli_fail(rc, &a.e) : 0;
}
