/* A document in the making. The first error sticks; the rest of the calls do nothing, and the end tells it. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/priv.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "dagfile/dagfile.h"
#include "model/dag.h"
#include "model/document.h"
#include "operators/operators.h"

struct tw_task {
    struct tw_task *next;
    tw_pipeline *pipeline;
    const char *id;
    struct value *spec;
};

/* ---- values ---- */

static int stick(tw_pipeline *p, int rc)
{
    if (rc != 0 && p->error.code == 0) {
        (void)err_set(&p->error, (enum err_code) - rc, "%s", err_text(rc));
    }
    return api_code(p->error.code);
}

static struct value *text_value(tw_pipeline *p, const char *text)
{
    return text != NULL ? value_string(&p->arena, text, strlen(text)) : NULL;
}

/* Sets or replaces a member; v NULL: out of memory. */
static int put(tw_pipeline *p, struct value *object, const char *key, struct value *v)
{
    const char *name;

    for (size_t i = 0; v != NULL && i < object->len; i++) {
        if (strcmp(object->keys[i].text, key) == 0) {
            object->elems[i] = v;
            return stick(p, 0);
        }
    }
    name = v != NULL ? arena_strdup(&p->arena, key) : NULL;
    return stick(p, name == NULL ? -ERR_NOMEM : value_set(&p->arena, object, name, v));
}

static struct value *parse(tw_pipeline *p, const char *what, const char *name, const char *json)
{
    struct value *v = NULL;
    struct err e = {0};
    int rc = json == NULL ? err_set(&e, ERR_INVALID, "no JSON is given")
                          : value_parse(&p->arena, json, strlen(json), &v, &e);

    if (rc != 0 && p->error.code == 0) {
        (void)err_set(&p->error, (enum err_code) - rc, "%s%s: %s", what, name, err_str(&e));
    }
    return rc == 0 ? v : NULL;
}

static int put_json(tw_pipeline *p, struct value *object, const char *what, const char *key,
                    const char *json)
{
    struct value *v = parse(p, what, key, json);

    return v != NULL ? put(p, object, key, v) : api_code(p->error.code);
}

/* ---- the DAG ---- */

tw_pipeline *tw_pipeline_new(const char *dag_id)
{
    tw_pipeline *p = mem_zalloc(sizeof *p);

    if (p == NULL) {
        return NULL;
    }
    arena_init(&p->arena, LIMIT_DOC_BYTES * 4);
    p->document = value_new(&p->arena, VALUE_OBJECT);
    p->tasks = value_new(&p->arena, VALUE_OBJECT);
    if (p->document == NULL || p->tasks == NULL ||
        put(p, p->document, "dag_id", text_value(p, dag_id != NULL ? dag_id : "")) != 0 ||
        put(p, p->document, "tasks", p->tasks) != 0) {
        tw_pipeline_free(p);
        return NULL;
    }
    return p;
}

void tw_pipeline_free(tw_pipeline *p)
{
    if (p != NULL) {
        arena_fini(&p->arena);
        mem_free(p);
    }
}

static int misuse(tw_pipeline *p, const char *text)
{
    if (p->error.code == 0) {
        (void)err_set(&p->error, ERR_INVALID, "%s", text);
    }
    return api_code(p->error.code);
}

int tw_pipeline_set(tw_pipeline *p, const char *member, const char *json)
{
    if (p == NULL || member == NULL) {
        return TW_ERR_INVALID;
    }
    if (strcmp(member, "tasks") == 0) {
        return misuse(p, "tw_pipeline_set: 'tasks' are made by the tw_task functions");
    }
    return put_json(p, p->document, "", member, json);
}

int tw_pipeline_param(tw_pipeline *p, const char *name, const char *json)
{
    struct value *params;

    if (p == NULL || name == NULL) {
        return TW_ERR_INVALID;
    }
    params = value_get(p->document, "params");
    if (params == NULL || params->kind != VALUE_OBJECT) {
        params = value_new(&p->arena, VALUE_OBJECT);
        if (put(p, p->document, "params", params) != 0) {
            return api_code(p->error.code);
        }
    }
    return put_json(p, params, "param ", name, json);
}

static int in_words(const struct doc_errors *errors, struct err *e)
{
    char text[ERR_TEXT_MAX] = "";
    size_t n = 0, more = errors->more;

    for (size_t i = 0; i < errors->len; i++) {
        const struct doc_error *d = &errors->items[i];

        if (n + strlen(d->text) + 300 > sizeof text) {
            more += errors->len - i;
            break;
        }
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%s%s%s", n > 0 ? "\n" : "",
                              d->task_id != NULL ? d->task_id : "", d->task_id != NULL ? ": " : "",
                              d->text);
    }
    if (more != 0) {
        (void)snprintf(text + n, sizeof text - n, "\nand %zu more", more);
    }
    return err_set(e, ERR_INVALID, "%s", text);
}

int api_build(struct tw_pipeline *p, struct dag **ret, struct err *e)
{
    struct arena a;
    struct doc_errors errors = {.arena = &a};
    int rc;

    if (p->error.code != 0) {
        return err_set(e, (enum err_code) - p->error.code, "%s", p->error.text);
    }
    arena_init(&a, MiB(16));
    rc = dagfile_build(p->document, NULL, operators_table(), ret, &errors, e);
    if (rc != 0 && errors.len != 0) {
        rc = in_words(&errors, e);
    }
    arena_fini(&a);
    return rc;
}

int tw_pipeline_check(tw_pipeline *p, tw_error **error)
{
    struct err e = {0};
    struct dag *d;
    int rc = p == NULL ? err_set(&e, ERR_NOMEM, "there is no pipeline") : api_build(p, &d, &e);

    if (rc != 0) {
        return api_fail(error, rc, &e);
    }
    dag_unref(d);
    return TW_OK;
}

int tw_pipeline_document(tw_pipeline *p, char **ret_json, tw_error **error)
{
    struct err e = {0};
    struct json_writer w;
    struct buf b;
    int rc = tw_pipeline_check(p, error);

    if (rc != TW_OK) {
        return rc;
    }
    buf_init(&b, LIMIT_DOC_BYTES);
    json_writer_init(&w, &b, 2);
    json_value(&w, p->document);
    (void)buf_char(&b, '\n');
    *ret_json = buf_take(&b);
    return *ret_json != NULL
               ? TW_OK
               : api_fail(error, err_set(&e, ERR_NOMEM, "out of memory for the document"), &e);
}

/* ---- tasks ---- */

static tw_task *new_task(tw_pipeline *p, const char *task_id, const char *operator_name)
{
    tw_task *t;

    if (p == NULL || p->error.code != 0) {
        return NULL;
    }
    if (task_id == NULL || operator_name == NULL) {
        (void)misuse(p, "a task needs an id and an operator");
        return NULL;
    }
    if (value_get(p->tasks, task_id) != NULL) {
        (void)err_set(&p->error, ERR_EXISTS, "there are two tasks '%.80s'", task_id);
        return NULL;
    }
    t = arena_alloc(&p->arena, sizeof *t);
    if (t == NULL) {
        (void)stick(p, -ERR_NOMEM);
        return NULL;
    }
    *t = (tw_task){.next = p->last,
                   .pipeline = p,
                   .id = arena_strdup(&p->arena, task_id),
                   .spec = value_new(&p->arena, VALUE_OBJECT)};
    if (t->id == NULL || t->spec == NULL) {
        (void)stick(p, -ERR_NOMEM);
        return NULL;
    }
    if (put(p, t->spec, "operator", text_value(p, operator_name)) != 0 ||
        put(p, p->tasks, task_id, t->spec) != 0) {
        return NULL;
    }
    p->last = t;
    return t;
}

/* Sets one more member of a task that may not have come to be. */
static tw_task *with(tw_task *t, const char *key, struct value *v)
{
    return t != NULL && put(t->pipeline, t->spec, key, v) == 0 ? t : NULL;
}

tw_task *tw_task_command(tw_pipeline *p, const char *task_id, const char *const *argv)
{
    tw_task *t = new_task(p, task_id, "bash");
    struct value *list;
    int rc = 0;

    if (t == NULL || argv == NULL || argv[0] == NULL) {
        if (t != NULL) {
            (void)misuse(p, "tw_task_command: the command is empty");
        }
        return NULL;
    }
    list = value_new(&p->arena, VALUE_ARRAY);
    for (size_t i = 0; list != NULL && rc == 0 && argv[i] != NULL; i++) {
        struct value *word = text_value(p, argv[i]);

        rc = word != NULL ? value_append(&p->arena, list, word) : -ERR_NOMEM;
    }
    return with(t, "bash_command", rc == 0 ? list : NULL);
}

tw_task *tw_task_bash(tw_pipeline *p, const char *task_id, const char *command)
{
    tw_task *t = new_task(p, task_id, "bash");

    return with(t, "bash_command",
                t != NULL ? text_value(p, command != NULL ? command : "") : NULL);
}

tw_task *tw_task_function(tw_pipeline *p, const char *task_id, const char *function)
{
    tw_task *t = new_task(p, task_id, "c_function");
    char program[4096];
    ssize_t n;

    if (t == NULL) {
        return NULL;
    }
    if (function == NULL || api_function(function) == NULL) {
        (void)err_set(&p->error, ERR_NOTFOUND,
                      "task '%.80s': the table given to tw_init has no function '%.80s'", task_id,
                      function != NULL ? function : "");
        return NULL;
    }
    n = readlink("/proc/self/exe", program, sizeof program - 1);
    if (n <= 0) {
        (void)misuse(p, "cannot tell where this program is: /proc/self/exe cannot be read");
        return NULL;
    }
    program[n] = '\0';
    return with(with(t, "program", text_value(p, program)), "function", text_value(p, function));
}

tw_task *tw_task_empty(tw_pipeline *p, const char *task_id)
{
    return new_task(p, task_id, "empty");
}

tw_task *tw_task_operator(tw_pipeline *p, const char *task_id, const char *operator_name,
                          const char *params_json)
{
    tw_task *t = new_task(p, task_id, operator_name);
    const struct value *v =
        t != NULL && params_json != NULL ? parse(p, "parameters of ", task_id, params_json) : NULL;

    if (v != NULL && v->kind != VALUE_OBJECT) {
        (void)misuse(p, "tw_task_operator: parameters are a JSON object");
        return NULL;
    }
    for (size_t i = 0; v != NULL && i < v->len; i++) {
        t = with(t, v->keys[i].text, v->elems[i]);
    }
    return t;
}

int tw_task_after(tw_task *t, const tw_task *upstream)
{
    struct value *list, *id;
    tw_pipeline *p;

    if (t == NULL || upstream == NULL) {
        return TW_ERR_INVALID; /* why one is missing stands in its pipeline already */
    }
    p = t->pipeline;
    if (p != upstream->pipeline) {
        return misuse(p, "tw_task_after: the tasks are of two pipelines");
    }
    list = value_get(t->spec, "upstream");
    if (list == NULL || list->kind != VALUE_ARRAY) {
        list = value_new(&p->arena, VALUE_ARRAY);
        if (put(p, t->spec, "upstream", list) != 0) {
            return api_code(p->error.code);
        }
    }
    for (size_t i = 0; i < list->len; i++) {
        if (strcmp(list->elems[i]->text, upstream->id) == 0) {
            return TW_OK;
        }
    }
    id = text_value(p, upstream->id);
    return stick(p, id != NULL ? value_append(&p->arena, list, id) : -ERR_NOMEM);
}

int tw_task_set(tw_task *t, const char *member, const char *json)
{
    if (t == NULL || member == NULL) {
        return TW_ERR_INVALID;
    }
    return put_json(t->pipeline, t->spec, "", member, json);
}

int tw_task_args(tw_task *t, const char *json)
{
    return tw_task_set(t, "args", json);
}

/* ---- mapping ---- */

/* The task's `expand`, made when it is not there; NULL: the error sticks. */
static struct value *expansion(tw_task *t)
{
    struct value *v = value_get(t->spec, "expand");

    if (v == NULL) {
        v = value_new(&t->pipeline->arena, VALUE_OBJECT);
        return put(t->pipeline, t->spec, "expand", v) == TW_OK ? v : NULL;
    }
    if (v->kind != VALUE_OBJECT) {
        (void)misuse(t->pipeline, "tw_task_expand: 'expand' was set to what is no object");
        return NULL;
    }
    return v;
}

int tw_task_expand(tw_task *t, const char *param, const char *json)
{
    struct value *to;

    if (t == NULL || param == NULL) {
        return TW_ERR_INVALID;
    }
    to = expansion(t);
    return to != NULL ? put_json(t->pipeline, to, "expand ", param, json)
                      : api_code(t->pipeline->error.code);
}

int tw_task_expand_over(tw_task *t, const char *param, const tw_task *upstream, const char *key)
{
    struct value *to, *xcom, *reference;
    tw_pipeline *p;
    int rc;

    if (t == NULL || param == NULL || upstream == NULL) {
        return TW_ERR_INVALID;
    }
    p = t->pipeline;
    if (p != upstream->pipeline) {
        return misuse(p, "tw_task_expand_over: the tasks are of two pipelines");
    }
    to = expansion(t);
    if (to == NULL) {
        return api_code(p->error.code);
    }
    xcom = value_new(&p->arena, VALUE_OBJECT);
    reference = value_new(&p->arena, VALUE_OBJECT);
    if (xcom == NULL || reference == NULL) {
        return stick(p, -ERR_NOMEM);
    }
    rc = put(p, xcom, "task_id", text_value(p, upstream->id));
    rc = rc == 0 && key != NULL ? put(p, xcom, "key", text_value(p, key)) : rc;
    rc = rc == 0 ? put(p, reference, "__xcom__", xcom) : rc;
    return rc == 0 ? put(p, to, param, reference) : rc;
}

int tw_task_trigger_rule(tw_task *t, const char *rule)
{
    return t == NULL ? TW_ERR_INVALID
                     : put(t->pipeline, t->spec, "trigger_rule",
                           text_value(t->pipeline, rule != NULL ? rule : ""));
}

static int put_number(tw_task *t, const char *member, double n)
{
    struct json_writer w;
    struct buf b;
    int rc;

    buf_init(&b, 64);
    json_writer_init(&w, &b, 0);
    json_double(&w, n);
    rc = tw_task_set(t, member, buf_cstr(&b));
    buf_fini(&b);
    return rc;
}

int tw_task_retries(tw_task *t, int retries, double delay_s)
{
    int rc = put_number(t, "retries", retries);

    return rc == TW_OK ? put_number(t, "retry_delay", delay_s) : rc;
}

int tw_task_timeout(tw_task *t, double seconds)
{
    return put_number(t, "execution_timeout", seconds);
}

int tw_task_pool(tw_task *t, const char *pool, int slots)
{
    int rc = t == NULL ? TW_ERR_INVALID
                       : put(t->pipeline, t->spec, "pool",
                             text_value(t->pipeline, pool != NULL ? pool : ""));

    return rc == TW_OK ? put_number(t, "pool_slots", slots) : rc;
}

int tw_task_env(tw_task *t, const char *name, const char *value)
{
    struct value *env;

    if (t == NULL || name == NULL || value == NULL) {
        return TW_ERR_INVALID;
    }
    env = value_get(t->spec, "env");
    if (env == NULL || env->kind != VALUE_OBJECT) {
        env = value_new(&t->pipeline->arena, VALUE_OBJECT);
        if (put(t->pipeline, t->spec, "env", env) != 0) {
            return api_code(t->pipeline->error.code);
        }
    }
    return put(t->pipeline, env, name, text_value(t->pipeline, value));
}
