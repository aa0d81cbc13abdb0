/*
 * Templates of an attempt: which parameters of its operator hold templates, the variables that they see, and the rendered copy of the
 * task's object. Rendered once per try, inside the attempt.
 */
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/sensitive.h"
#include "base/time.h"
#include "model/dag.h"
#include "model/document.h"
#include "model/mapping.h"
#include "operators/operators.h"
#include "template/template.h"
#include "worker/environment.h"
#include "worker/local_priv.h"
#include "worker/mapped.h"
#include "worker/render_task.h"

#define RENDER_DEPTH_MAX LIMIT_JSON_DEPTH
#define NAME_MAX_LEN     250 /* bytes of a mapped instance's name, as in Airflow */
#define SECRET_MIN       4   /* shorter values would mask half of every text */

static const char *const time_names[] = {"logical_date", "data_interval_start", "data_interval_end",
                                         "run_after",    "start_date",          NULL};

/* Iterates over an explicit stack: documents are as deep as users write them. */
static bool value_has_template(const struct value *root)
{
    const struct value *stack[RENDER_DEPTH_MAX];
    size_t next[RENDER_DEPTH_MAX], depth = 1;

    stack[0] = root;
    next[0] = 0;
    while (depth > 0) {
        const struct value *v = stack[depth - 1];

        if (v->kind == VALUE_STRING && template_needed(v->text, v->len)) {
            return true;
        }
        if ((v->kind == VALUE_ARRAY || v->kind == VALUE_OBJECT) && next[depth - 1] < v->len &&
            depth < RENDER_DEPTH_MAX) {
            stack[depth] = v->elems[next[depth - 1]++];
            next[depth++] = 0;
            continue;
        }
        depth--;
    }
    return false;
}

static bool is_templated(const struct operator_desc *d, const char *name)
{
    for (const struct operator_param *p = d->params; p != NULL && p->name != NULL; p++) {
        if (p->templated && strcmp(p->name, name) == 0) {
            return true;
        }
    }
    return false;
}

bool attempt_needs_render(const struct attempt *a)
{
    const struct operator_desc *d = operators_find(a->task->operator_name);
    const struct value *spec = a->task->spec;

    if (attempt_in_python(a)) {
        return false; /* the runner renders them */
    }
    if (attempt_is_mapped(a)) {
        return true;
    }
    for (size_t i = 0; d != NULL && i < spec->len; i++) {
        if (is_templated(d, spec->keys[i].text) && value_has_template(spec->elems[i])) {
            return true;
        }
    }
    return false;
}

/* ---- variables ---- */

static int set_text(struct arena *m, struct value *o, const char *key, const char *text)
{
    struct value *v = text != NULL ? value_string(m, text, strlen(text)) : value_new(m, VALUE_NULL);

    return v == NULL ? -ERR_NOMEM : value_set(m, o, key, v);
}

static int set_int(struct arena *m, struct value *o, const char *key, int64_t n)
{
    char *text = arena_printf(m, "%lld", (long long)n);
    struct value *v = text != NULL ? value_number_text(m, text) : NULL;

    return v == NULL ? -ERR_NOMEM : value_set(m, o, key, v);
}

static int set_time(struct arena *m, struct value *o, const char *key, int64_t t)
{
    char buf[TIME_TEXT_MAX];

    return t == TIME_NONE ? 0 : set_text(m, o, key, time_format(t, buf));
}

/* ds, ts and their kin: only with a logical date, as in Airflow. */
static int set_dates(struct arena *m, struct value *o, const struct run_row *run)
{
    static const struct {
        const char *name, *format;
    } forms[] = {
        {"ds", "%Y-%m-%d"},
        {"ds_nodash", "%Y%m%d"},
        {"ts_nodash", "%Y%m%dT%H%M%S"},
    };
    char text[64], *to = text;
    int rc;

    if (run->logical_date_us == TIME_NONE) {
        return 0;
    }
    rc = set_time(m, o, "logical_date", run->logical_date_us);
    for (size_t i = 0; rc == 0 && i < sizeof forms / sizeof forms[0]; i++) {
        rc = time_strftime(run->logical_date_us, forms[i].format, text, sizeof text);
        rc = rc == 0 ? set_text(m, o, forms[i].name, text) : rc;
    }
    rc = rc == 0 ? set_time(m, o, "ts", run->logical_date_us) : rc;
    (void)time_format(run->logical_date_us, text);
    for (const char *p = text; *p != '\0'; p++) {
        if (*p != '-' && *p != ':') {
            *to++ = *p;
        }
    }
    *to = '\0';
    rc = rc == 0 ? set_text(m, o, "ts_nodash_with_tz", text) : rc;
    rc = rc == 0 ? set_time(m, o, "data_interval_start", run->data_interval_start_us) : rc;
    return rc == 0 ? set_time(m, o, "data_interval_end", run->data_interval_end_us) : rc;
}

int attempt_params(struct attempt *a, const struct value *conf, struct value **ret)
{
    struct arena *m = &a->arena;
    struct value *params = value_new(m, VALUE_OBJECT);
    const struct value *own = value_get(a->task->spec, "params");
    int rc = params == NULL ? -ERR_NOMEM : 0;

    for (uint32_t i = 0; rc == 0 && i < a->dag->params_len; i++) {
        const struct dag_param *p = &a->dag->params[i];
        struct value *over = conf != NULL ? value_get(conf, p->name) : NULL;

        if (over == NULL && p->value != NULL) {
            over = (struct value *)p->value; /* read only */
        }
        rc = over != NULL ? value_set(m, params, p->name, over) : 0;
    }
    for (size_t i = 0; rc == 0 && own != NULL && own->kind == VALUE_OBJECT && i < own->len; i++) {
        struct value *v = own->elems[i];

        v = dag_param_is_schema(v) ? value_get(v, "default") : v;
        if (v != NULL && (conf == NULL || value_get(conf, own->keys[i].text) == NULL)) {
            rc = value_set(m, params, own->keys[i].text, v);
        }
    }
    for (size_t i = 0; rc == 0 && conf != NULL && conf->kind == VALUE_OBJECT && i < conf->len;
         i++) {
        if (value_get(params, conf->keys[i].text) == NULL) {
            rc = value_set(m, params, conf->keys[i].text, conf->elems[i]);
        }
    }
    *ret = params;
    return rc;
}

int attempt_conf(struct attempt *a, struct value **ret, struct err *e)
{
    *ret = NULL;
    return a->run.conf != NULL ? value_parse(&a->arena, a->run.conf, strlen(a->run.conf), ret, e)
                               : 0;
}

static int set_instance(struct arena *m, struct value *o, const struct attempt *a)
{
    struct value *ti = value_new(m, VALUE_OBJECT), *task = value_new(m, VALUE_OBJECT);
    struct value *dag = value_new(m, VALUE_OBJECT);
    int rc = ti == NULL || task == NULL || dag == NULL ? -ERR_NOMEM : 0;

    rc = rc == 0 ? set_text(m, ti, "task_id", a->task->task_id) : rc;
    rc = rc == 0 ? set_text(m, ti, "dag_id", a->dag->dag_id) : rc;
    rc = rc == 0 ? set_text(m, ti, "run_id", a->run.run_id) : rc;
    rc = rc == 0 ? set_int(m, ti, "try_number", a->try_number) : rc;
    rc = rc == 0 ? set_int(m, ti, "max_tries", a->max_tries) : rc;
    rc = rc == 0 ? set_int(m, ti, "map_index", a->key.map_index) : rc;
    rc = rc == 0 ? set_text(m, task, "task_id", a->task->task_id) : rc;
    rc = rc == 0 ? set_text(m, dag, "dag_id", a->dag->dag_id) : rc;
    rc = rc == 0 ? value_set(m, o, "ti", ti) : rc;
    rc = rc == 0 ? value_set(m, o, "task_instance", ti) : rc;
    rc = rc == 0 ? value_set(m, o, "task", task) : rc;
    return rc == 0 ? value_set(m, o, "dag", dag) : rc;
}

static int set_run(struct arena *m, struct value *o, const struct attempt *a, struct value *conf)
{
    struct value *run = value_new(m, VALUE_OBJECT);
    int rc = run == NULL ? -ERR_NOMEM : 0;

    if (rc == 0 && conf == NULL) {
        conf = value_new(m, VALUE_OBJECT);
        rc = conf == NULL ? -ERR_NOMEM : 0;
    }
    rc = rc == 0 ? set_text(m, run, "run_id", a->run.run_id) : rc;
    rc = rc == 0 ? set_text(m, run, "dag_id", a->dag->dag_id) : rc;
    rc = rc == 0 ? set_text(m, run, "run_type", run_type_to_string(a->run.type)) : rc;
    rc = rc == 0 ? set_time(m, run, "logical_date", a->run.logical_date_us) : rc;
    rc = rc == 0 ? set_time(m, run, "data_interval_start", a->run.data_interval_start_us) : rc;
    rc = rc == 0 ? set_time(m, run, "data_interval_end", a->run.data_interval_end_us) : rc;
    rc = rc == 0 ? set_time(m, run, "run_after", a->run.run_after_us) : rc;
    rc = rc == 0 ? set_time(m, run, "start_date", a->run.start_us) : rc;
    rc = rc == 0 ? set_int(m, run, "clear_number", a->run.clear_number) : rc;
    rc = rc == 0 ? set_text(m, run, "partition_key", a->run.partition_key) : rc;
    rc = rc == 0 ? value_set(m, run, "conf", conf) : rc;
    return rc == 0 ? value_set(m, o, "dag_run", run) : rc;
}

/* task_instance_key_str: with the day where there is one, else with the run's id. */
static int set_key_str(struct arena *m, struct value *o, const struct attempt *a)
{
    const struct value *day = value_get(o, "ds_nodash");
    const char *text = arena_printf(m, "%s__%s__%s", a->dag->dag_id, a->task->task_id,
                                    day != NULL ? day->text : a->run.run_id);

    return text == NULL ? -ERR_NOMEM : set_text(m, o, "task_instance_key_str", text);
}

static int variables(struct attempt *a, struct value **ret, struct err *e)
{
    struct arena *m = &a->arena;
    struct value *o = value_new(m, VALUE_OBJECT), *conf = NULL, *params = NULL;
    int rc = o == NULL ? -ERR_NOMEM : attempt_conf(a, &conf, e);

    rc = rc == 0 ? set_dates(m, o, &a->run) : rc;
    rc = rc == 0 ? set_text(m, o, "run_id", a->run.run_id) : rc;
    rc = rc == 0 ? set_int(m, o, "try_number", a->try_number) : rc;
    rc = rc == 0 ? attempt_params(a, conf, &params) : rc;
    rc = rc == 0 ? value_set(m, o, "params", params) : rc;
    rc = rc == 0 ? set_instance(m, o, a) : rc;
    rc = rc == 0 ? set_run(m, o, a, conf) : rc;
    rc = rc == 0 ? set_key_str(m, o, a) : rc;
    *ret = o;
    return rc == -ERR_NOMEM ? err_set(e, ERR_NOMEM, "out of memory for template variables") : rc;
}

/* ---- rendering ---- */

static int pull(void *arg, const char *task_id, const char *key, struct arena *m,
                struct value **ret, struct err *e)
{
    struct attempt *a = arg;
    const char *json = NULL;
    size_t n = 0;
    int rc =
        a->worker->cb.xcom_get(a->worker->cb.arg, &a->key,
                               task_id != NULL ? task_id : a->task->task_id, key, m, &json, &n, e);

    if (rc != 0) {
        return rc;
    }
    if (json == NULL) {
        *ret = value_new(m, VALUE_NULL);
        return *ret != NULL ? 0 : err_set(e, ERR_NOMEM, "out of memory for an XCom");
    }
    return value_parse(m, json, n, ret, e);
}

static int render_text(struct attempt *a, const struct template_context *c, const struct value *in,
                       struct value **ret, struct err *e)
{
    struct buf out BUF_CLEANUP;
    struct template *t;
    int rc;

    buf_init(&out, LIMIT_TEMPLATE_OUTPUT);
    rc = template_compile(in->text, in->len, &t, e);
    if (rc != 0) {
        return rc;
    }
    rc = template_render(t, c, &out, e);
    template_free(t);
    if (rc != 0) {
        return rc;
    }
    *ret = value_string(&a->arena, buf_cstr(&out), out.len);
    return *ret != NULL ? 0 : err_set(e, ERR_NOMEM, "out of memory for a rendered parameter");
}

/* How a copy is made: its strings rendered, if there is a context; arguments that are no templates marked for the runner, if it asks. */
struct copying {
    struct attempt *a;
    const struct template_context *context; /* or NULL */
    bool mark;
};

/* {"__literal__": v}: the runner does not render it. */
static int marked(struct attempt *a, struct value *v, struct value **ret, struct err *e)
{
    *ret = value_new(&a->arena, VALUE_OBJECT);
    return *ret != NULL && value_set(&a->arena, *ret, "__literal__", v) == 0
               ? 0
               : err_set(e, ERR_NOMEM, "out of memory for mapped arguments");
}

/* {"__mapped__": name} */
static int mapped_argument(const struct copying *c, const struct value *name, struct value **ret,
                           struct err *e)
{
    struct value *v = name->kind == VALUE_STRING ? value_get(c->a->mapped, name->text) : NULL;

    *ret = v;
    if (v == NULL) {
        return err_set(e, ERR_INVALID, "the mapped task group has no argument '%s'",
                       name->kind == VALUE_STRING ? name->text : "?");
    }
    return c->mark ? marked(c->a, v, ret, e) : 0;
}

/* A copy with arguments of its mapped group put in; depth is bounded by that of documents. */
static int render_value(const struct copying *c, const struct value *in, int depth,
                        struct value **ret, struct err *e)
{
    struct arena *m = &c->a->arena;
    struct value *out;
    int rc = 0;

    if (c->a->mapped != NULL && in->kind == VALUE_OBJECT && in->len == 1 &&
        strcmp(in->keys[0].text, "__mapped__") == 0) {
        return mapped_argument(c, in->elems[0], ret, e);
    }
    if (c->context != NULL && in->kind == VALUE_STRING && template_needed(in->text, in->len)) {
        return render_text(c->a, c->context, in, ret, e);
    }
    if ((in->kind != VALUE_ARRAY && in->kind != VALUE_OBJECT) || depth == 0) {
        *ret = (struct value *)in; /* shared, read only */
        return 0;
    }
    out = value_new(m, in->kind);
    for (size_t i = 0; out != NULL && rc == 0 && i < in->len; i++) {
        struct value *v;

        rc = render_value(c, in->elems[i], depth - 1, &v, e);
        if (rc == 0) {
            rc = in->kind == VALUE_ARRAY ? value_append(m, out, v)
                                         : value_set(m, out, in->keys[i].text, v);
        }
    }
    *ret = out;
    return out == NULL ? err_set(e, ERR_NOMEM, "out of memory for a rendered parameter") : rc;
}

/* ---- what is kept of it: secrets never reach the store in clear (rule 10) ---- */

#define MASK "***"

struct secrets {
    const char *items[LIMIT_SECRETS];
    size_t len;
};

static void add_secret(struct secrets *s, const char *text)
{
    if (strlen(text) >= SECRET_MIN && s->len < LIMIT_SECRETS) {
        s->items[s->len++] = text;
    }
}

static void add_secret_members(struct secrets *s, const struct value *env)
{
    for (size_t i = 0; env != NULL && env->kind == VALUE_OBJECT && i < env->len; i++) {
        if (env->elems[i]->text != NULL && sensitive_name(env->keys[i].text)) {
            add_secret(s, env->elems[i]->text);
        }
    }
}

/* The secret that begins at p, the longest one; its length, or 0. */
static size_t secret_at(const struct secrets *s, const char *p, size_t left)
{
    size_t best = 0;

    for (size_t i = 0; i < s->len; i++) {
        size_t n = strlen(s->items[i]);

        if (n > best && n <= left && memcmp(p, s->items[i], n) == 0) {
            best = n;
        }
    }
    return best;
}

static struct value *masked_text(struct arena *m, const struct secrets *s, const struct value *v)
{
    struct buf out BUF_CLEANUP;
    size_t done = 0;

    buf_init(&out, LIMIT_TEMPLATE_OUTPUT * 2);
    for (size_t i = 0; i < v->len;) {
        size_t n = secret_at(s, v->text + i, v->len - i);

        if (n == 0) {
            i++;
            continue;
        }
        (void)buf_append(&out, v->text + done, i - done);
        (void)buf_str(&out, MASK);
        done = i += n;
    }
    if (done == 0) {
        return (struct value *)v; /* shared, read only */
    }
    (void)buf_append(&out, v->text + done, v->len - done);
    return buf_status(&out) == 0 ? value_string(m, buf_cstr(&out), out.len) : NULL;
}

/* A copy without secrets: in texts before they are escaped, and whole below a name that says it is one. NULL when out of memory. The depth
 * is that of a document. */
static struct value *masked(struct arena *m, const struct secrets *s, const struct value *v,
                            bool whole)
{
    struct value *out;
    int rc = 0;

    if (v->kind == VALUE_ARRAY || v->kind == VALUE_OBJECT) {
        out = value_new(m, v->kind);
        for (size_t i = 0; out != NULL && rc == 0 && i < v->len; i++) {
            bool below = whole || (v->kind == VALUE_OBJECT && sensitive_name(v->keys[i].text));
            struct value *x = masked(m, s, v->elems[i], below);

            rc = x == NULL                ? -ERR_NOMEM
                 : v->kind == VALUE_ARRAY ? value_append(m, out, x)
                                          : value_set(m, out, v->keys[i].text, x);
        }
        return rc == 0 ? out : NULL;
    }
    if (whole && (v->kind == VALUE_STRING || v->kind == VALUE_NUMBER) && v->len != 0) {
        return value_string(m, MASK, strlen(MASK));
    }
    return v->kind == VALUE_STRING ? masked_text(m, s, v) : (struct value *)v;
}

const char *attempt_masked(struct attempt *a, const struct value *fields, struct err *e)
{
    struct secrets s = {.len = 0};
    struct buf b BUF_CLEANUP;
    struct value *safe;
    const char *text;
    struct json_writer w;

    for (char **p = a->worker->secrets; *p != NULL; p++) {
        add_secret(&s, *p);
    }
    for (size_t i = 0; i < a->found_secrets_len; i++) {
        add_secret(&s, a->found_secrets[i]);
    }
    add_secret_members(&s, a->dag->env);
    add_secret_members(&s, value_get(fields, "env"));
    safe = masked(&a->arena, &s, fields, false);
    buf_init(&b, LIMIT_TEMPLATE_OUTPUT * 2);
    json_writer_init(&w, &b, 0);
    if (safe != NULL) {
        json_value(&w, safe);
    }
    if (safe == NULL || buf_status(&b) != 0) {
        (void)err_set(e, safe == NULL ? ERR_NOMEM : (enum err_code) - buf_status(&b),
                      "the rendered parameters cannot be kept: too large, or out of memory");
        return NULL;
    }
    text = arena_strndup(&a->arena, buf_cstr(&b), b.len);
    if (text == NULL) {
        (void)err_set(e, ERR_NOMEM, "out of memory for rendered parameters");
    }
    return text;
}

static int keep_rendered(struct attempt *a, const struct value *fields, struct err *e)
{
    struct err detail = {0};

    a->rendered = attempt_masked(a, fields, &detail);
    return a->rendered != NULL ? 0
                               : err_set(e, (enum err_code) - detail.code, "%s", err_str(&detail));
}

/* Whether an argument of this instance stands in the document: then it is a template, as in Airflow. What came from other tasks, and what a
 * mapped group was given, is none. */
static bool is_written(const struct task *t, const char *name)
{
    const struct value *v = t->expand != NULL ? value_get(t->expand, name) : t->expand_kwargs;

    return t->map_group == UINT32_MAX && v != NULL && !map_is_reference(v);
}

/* Arguments of this instance of a mapped task; -ERR_UNSUPPORTED as render_text. */
static int put_mapped(const struct copying *c, struct value *out, struct value *fields,
                      struct err *e)
{
    struct attempt *a = c->a;
    const struct operator_desc *d = operators_find(a->task->operator_name);
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < a->mapped->len; i++) {
        const char *name = a->mapped->keys[i].text;
        struct value *v = a->mapped->elems[i];
        bool field = d != NULL && is_templated(d, name);

        if (field && is_written(a->task, name)) {
            rc = render_value(c, v, RENDER_DEPTH_MAX, &v, e);
        } else if (field && c->mark) {
            rc = marked(a, v, &v, e);
        }
        if (rc == 0 && (value_set(&a->arena, out, name, v) != 0 ||
                        (fields != NULL && field && value_set(&a->arena, fields, name, v) != 0))) {
            rc = err_set(e, ERR_NOMEM, "out of memory for mapped arguments");
        }
    }
    return rc;
}

/* With this instance's arguments, and nothing rendered. */
static int unrendered(const struct copying *c, const struct value *spec, struct value **ret,
                      struct err *e)
{
    struct value *out = value_new(&c->a->arena, VALUE_OBJECT);
    int rc = out != NULL ? 0 : err_set(e, ERR_NOMEM, "out of memory for parameters");

    for (size_t i = 0; rc == 0 && i < spec->len; i++) {
        struct value *v = spec->elems[i];

        if (strcmp(spec->keys[i].text, "expand") == 0 ||
            strcmp(spec->keys[i].text, "expand_kwargs") == 0) {
            continue;
        }
        rc = render_value(c, v, RENDER_DEPTH_MAX, &v, e);
        rc = rc == 0 ? value_set(&c->a->arena, out, spec->keys[i].text, v) : rc;
    }
    if (rc == 0 && c->a->task->map_group == UINT32_MAX) {
        rc = put_mapped(c, out, NULL, e);
    }
    *ret = out;
    return rc;
}

/* Templates that see what only Python has: a document's own macros and filters, another environment. */
static bool only_jinja(const struct attempt *a, const struct value *v)
{
    static const char *const names[] = {"user_defined_macros", "user_defined_filters",
                                        "template_undefined", "render_template_as_native_obj",
                                        "jinja_environment_kwargs"};
    const struct value *document = a->dag->is_python ? NULL : a->dag->document;

    for (size_t i = 0; document != NULL && i < sizeof names / sizeof names[0]; i++) {
        if (value_get(document, names[i]) != NULL) {
            return value_has_template(v);
        }
    }
    return false;
}

/* For the runner, which renders all of it but what is marked. */
static int leave_to_runner(struct attempt *a, const struct value *spec, struct err *e)
{
    struct copying plain = {.a = a}, mark = {.a = a, .mark = true};
    int rc;

    a->params = (struct value *)spec;
    if (a->mapped == NULL) {
        return 0;
    }
    rc = unrendered(&plain, spec, &a->params, e);
    return rc == 0 ? unrendered(&mark, spec, &a->runner_spec, e) : rc;
}

/* One member of the task's object; in *fields too where it is a template field. */
static int render_member(const struct copying *c, const char *name, const struct value *in,
                         struct value *out, struct value *fields, struct err *e)
{
    struct attempt *a = c->a;
    const struct operator_desc *d = operators_find(a->task->operator_name);
    const struct copying plain = {.a = a};
    struct value *v = (struct value *)in;
    int rc = 0;

    if (strcmp(name, "expand") == 0 || strcmp(name, "expand_kwargs") == 0) {
        return a->mapped != NULL ? 0 : value_set(&a->arena, out, name, v);
    }
    if (d != NULL && is_templated(d, name)) {
        if (only_jinja(a, in)) {
            return -ERR_UNSUPPORTED;
        }
        rc = render_value(c, in, RENDER_DEPTH_MAX, &v, e);
        if (rc != 0) {
            return rc == -ERR_UNSUPPORTED ? rc : err_prefix(e, rc, "template of %s", name);
        }
        rc = value_set(&a->arena, fields, name, v);
    } else if (d != NULL && a->mapped != NULL) {
        rc = render_value(&plain, in, RENDER_DEPTH_MAX, &v, e);
    }
    return rc == 0 ? value_set(&a->arena, out, name, v) : rc;
}

void attempt_name(struct attempt *a, const struct value *text)
{
    struct value *o = value_new(&a->arena, VALUE_OBJECT), *cut;
    size_t n = text->len < NAME_MAX_LEN ? text->len : NAME_MAX_LEN;

    while (n > 0 && n < text->len && ((unsigned char)text->text[n] & 0xc0) == 0x80) {
        n--; /* not within a character */
    }
    cut = value_string(&a->arena, text->text, n);
    if (o != NULL && cut != NULL && value_set(&a->arena, o, "name", cut) == 0) {
        a->map_name = attempt_masked(a, o, NULL); /* none is better than one in clear */
    }
}

/* Of a native operator: from its rendered parameters, which the template knows as members of `task`. One that cannot be rendered here is no
 * fault of the task: it has no name then, as in Airflow. */
static void name_mapped(struct attempt *a, struct template_context *context, struct value *vars,
                        const struct value *out)
{
    const char *template = a->task->map_index_template;
    struct value *task = value_get(vars, "task"), *text, *in;
    struct err e = {0};
    int rc = 0;

    if (template == NULL || a->key.map_index < 0 || task == NULL || attempt_in_python(a) ||
        strcmp(a->task->operator_name, "python") == 0) {
        return;
    }
    for (size_t i = 0; rc == 0 && i < out->len; i++) {
        if (value_get(task, out->keys[i].text) == NULL) {
            rc = value_set(&a->arena, task, out->keys[i].text, out->elems[i]);
        }
    }
    in = rc == 0 ? value_string(&a->arena, template, strlen(template)) : NULL;
    if (in != NULL && render_text(a, context, in, &text, &e) == 0) {
        attempt_name(a, text);
    }
}

int attempt_render(struct attempt *a, bool *ret_jinja, struct err *e)
{
    const struct value *spec = a->task->spec;
    struct template_context context = {
        .times = time_names, .xcom_pull = pull, .variable = attempt_variable, .arg = a};
    struct copying c = {.a = a, .context = &context};
    struct value *vars = NULL, *out = value_new(&a->arena, VALUE_OBJECT);
    struct value *fields = value_new(&a->arena, VALUE_OBJECT);
    int rc = out == NULL || fields == NULL ? err_set(e, ERR_NOMEM, "out of memory for parameters")
                                           : variables(a, &vars, e);

    context.variables = rc == 0 ? vars : NULL;
    if (rc == 0 && attempt_is_mapped(a)) {
        rc = attempt_mapped(a, &a->mapped, e);
    }
    for (size_t i = 0; rc == 0 && i < spec->len; i++) {
        rc = render_member(&c, spec->keys[i].text, spec->elems[i], out, fields, e);
    }
    if (rc == 0 && a->mapped != NULL && a->task->map_group == UINT32_MAX) {
        rc = put_mapped(&c, out, fields, e);
    }
    if (rc == -ERR_UNSUPPORTED) {
        *ret_jinja = true;
        return leave_to_runner(a, spec, e);
    }
    if (rc == 0 && fields->len != 0) {
        rc = keep_rendered(a, fields, e);
    }
    if (rc == 0) {
        name_mapped(a, &context, vars, out);
    }
    a->params = out;
    return rc;
}

/* ---- outside of a run ---- */

static int no_xcom(void *arg, const struct ti_key *asking, const char *task_id, const char *name,
                   struct arena *a, const char **ret, size_t *ret_len, struct err *e)
{
    (void)arg;
    (void)asking;
    (void)task_id;
    (void)name;
    (void)a;
    (void)ret_len;
    (void)e;
    *ret = NULL;
    return 0;
}

int worker_render_task(struct dag *d, const struct task *t, const struct run_row *run,
                       struct buf *out, bool *ret_jinja, struct err *e)
{
    static char *none[] = {NULL};
    struct local_worker w = {
        .cb.xcom_get = no_xcom, .secrets = none, .base_env = environment_base(NULL, NULL)};
    struct attempt a = {.worker = &w,
                        .key = {run->run_key, t->index, -1},
                        .try_number = 1,
                        .max_tries = (uint16_t)t->retries,
                        .dag = d,
                        .task = t,
                        .run = *run};
    struct json_writer j;
    int rc;

    if (w.base_env == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for the environment");
    }
    arena_init(&a.arena, MiB(64));
    rc = attempt_render(&a, ret_jinja, e);
    if (rc == 0) {
        json_writer_init(&j, out, 2);
        json_value(&j, a.params);
        rc = buf_status(out);
    }
    arena_fini(&a.arena);
    environment_free(w.base_env);
    return rc;
}
