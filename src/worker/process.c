/* From rendered parameters to a process of the executor: its environment, its secrets, and what the runner is told. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/time.h"
#include "model/dag.h"
#include "model/document.h"
#include "operators/operators.h"
#include "worker/environment.h"
#include "worker/local_priv.h"
#include "worker/mapped.h"

#define ENV_OURS 16

/* ---- the environment ---- */

struct env_list {
    struct arena *arena;
    const char **items;
    size_t len;
    bool oom;
};

static void env_add(struct env_list *l, const char *name, const char *value)
{
    const char *entry = value != NULL ? arena_printf(l->arena, "%s=%s", name, value) : name;

    l->oom = l->oom || entry == NULL;
    l->items[l->len++] = entry;
}

/* Where the start message of a process that reports is written. */
const char *attempt_start_path(struct attempt *a)
{
    return arena_printf(&a->arena, "%s.start", a->result);
}

static int environment_of(struct attempt *a, const struct operator_process *p,
                          const char *const **ret, struct err *e)
{
    const struct value *dag_env = p->bare_env ? NULL : a->dag->env;
    const struct value *owner = value_get(a->task->spec, "owner");
    struct env_list l = {.arena = &a->arena};
    char text[TIME_TEXT_MAX];
    size_t n = ENV_OURS + (dag_env != NULL ? dag_env->len : 0);

    for (size_t i = 0; p->env != NULL && p->env[i] != NULL; i++) {
        n++;
    }
    l.items = arena_array(&a->arena, n + 1, sizeof *l.items);
    if (l.items == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for the environment");
    }
    for (size_t i = 0; dag_env != NULL && i < dag_env->len; i++) {
        env_add(&l, dag_env->keys[i].text,
                dag_env->elems[i]->text != NULL ? dag_env->elems[i]->text : "");
    }
    for (size_t i = 0; p->env != NULL && p->env[i] != NULL; i++) {
        env_add(&l, p->env[i], NULL);
    }
    if (p->reports) {
        env_add(&l, "TRADEWIND_START", attempt_start_path(a));
    }
    env_add(&l, "AIRFLOW_CTX_DAG_ID", a->dag->dag_id);
    env_add(&l, "AIRFLOW_CTX_TASK_ID", a->task->task_id);
    env_add(&l, "AIRFLOW_CTX_DAG_RUN_ID", a->run.run_id);
    (void)snprintf(text, sizeof text, "%u", a->try_number);
    env_add(&l, "AIRFLOW_CTX_TRY_NUMBER", text);
    env_add(&l, "AIRFLOW_CTX_DAG_OWNER",
            owner != NULL && owner->text != NULL ? owner->text : "airflow");
    if (a->run.logical_date_us != TIME_NONE) {
        env_add(&l, "AIRFLOW_CTX_LOGICAL_DATE", time_format(a->run.logical_date_us, text));
    }
    *ret = l.items;
    return l.oom ? err_set(e, ERR_NOMEM, "out of memory for the environment") : 0;
}

/* Values to mask: those of the base environment, and of the task's own entries with telling names. */
static int secrets_of(struct attempt *a, const char *const *env, const char *const **ret,
                      struct err *e)
{
    char **own = environment_secrets(env);
    size_t n = 0, base = 0;
    const char **list;

    if (own == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for secrets");
    }
    while (own[n] != NULL) {
        n++;
    }
    while (a->worker->secrets[base] != NULL) {
        base++;
    }
    if (n + base + a->found_secrets_len > LIMIT_SECRETS) {
        environment_free(own);
        return err_set(e, ERR_LIMIT, "%zu secrets in the environment; at most %d can be masked",
                       n + base + a->found_secrets_len, LIMIT_SECRETS);
    }
    list = arena_array(&a->arena, n + base + a->found_secrets_len + 1, sizeof *list);
    for (size_t i = 0; list != NULL && i < base; i++) {
        list[i] = a->worker->secrets[i];
    }
    for (size_t i = 0; list != NULL && i < n; i++) {
        list[base + i] = arena_strdup(&a->arena, own[i]);
    }
    environment_free(own);
    for (size_t i = 0; list != NULL && i < a->found_secrets_len; i++) {
        list[base + n + i] = a->found_secrets[i];
    }
    *ret = list;
    return list == NULL ? err_set(e, ERR_NOMEM, "out of memory for secrets") : 0;
}

/* ---- python ---- */

static void json_time(struct json_writer *w, const char *key, int64_t t)
{
    char text[TIME_TEXT_MAX];

    json_key(w, key);
    json_string(w, t == TIME_NONE ? NULL : time_format(t, text));
}

/* What templates may ask of `dag` where the runner has no DAG object. */
static void dag_members(struct json_writer *w, const struct value *document)
{
    static const char *const names[] = {"dag_display_name",
                                        "description",
                                        "doc_md",
                                        "tags",
                                        "catchup",
                                        "schedule",
                                        "max_active_runs",
                                        "max_active_tasks",
                                        "callbacks",
                                        "user_defined_macros",
                                        "user_defined_filters",
                                        "template_searchpath",
                                        "template_undefined",
                                        "render_template_as_native_obj",
                                        "jinja_environment_kwargs",
                                        "access_control",
                                        "owner_links",
                                        NULL};

    json_key(w, "dag");
    json_object(w);
    for (const char *const *n = names; *n != NULL; n++) {
        const struct value *v = value_get(document, *n);

        if (v != NULL) {
            json_key(w, *n);
            json_value(w, v);
        }
    }
    json_object_end(w);
}

/* The mapped group around the task of a document: what it is mapped over, and its tasks. */
static void map_group_members(const struct attempt *a, struct json_writer *w)
{
    const struct task_group *g = task_map_group(a->dag, a->task);

    if (g == NULL) {
        return;
    }
    json_key(w, "map_group");
    json_object(w);
    json_key(w, g->expand != NULL ? "expand" : "expand_kwargs");
    json_value(w, g->expand != NULL ? g->expand : g->expand_kwargs);
    json_key(w, "tasks");
    json_array(w);
    for (uint32_t t = 0; t < a->dag->tasks_len; t++) {
        if (a->dag->tasks[t].map_group == a->task->map_group) {
            json_string(w, a->dag->tasks[t].task_id);
        }
    }
    json_array_end(w);
    json_object_end(w);
}

/* Of the version that the run has: where the sources are that it was made from. */
static void source_members(struct attempt *a, struct json_writer *w)
{
    const struct value *python = value_get(a->dag->document, "python");
    const struct value *tree = python != NULL ? value_get(python, "tree") : NULL;
    const struct value *root = python != NULL ? value_get(python, "root") : NULL;

    if (tree == NULL || root == NULL) {
        return;
    }
    json_key(w, "sources");
    json_object(w);
    json_key(w, "folder");
    json_string(w, arena_printf(&a->arena, "%s/sources", a->worker->config.home));
    json_key(w, "tree");
    json_value(w, tree);
    json_key(w, "root");
    json_value(w, root);
    json_object_end(w);
}

static int python_spec(struct attempt *a, const char *kind, bool rendered, char **ret,
                       struct err *e)
{
    char token[UUID_TEXT_MAX];
    struct value *conf, *params;
    struct json_writer w;
    struct buf b;
    int rc = attempt_conf(a, &conf, e);

    if (rc != 0 || attempt_params(a, conf, &params) != 0) {
        return rc != 0 ? rc : err_set(e, ERR_NOMEM, "out of memory for params");
    }
    buf_init(&b, LIMIT_MESSAGE / 2);
    json_writer_init(&w, &b, 0);
    json_object(&w);
    json_key(&w, "file");
    json_string(&w, a->dag->file);
    json_key(&w, "is_python");
    json_bool(&w, a->dag->is_python);
    source_members(a, &w);
    json_key(&w, "kind");
    json_string(&w, kind);
    json_key(&w, "dag_id");
    json_string(&w, a->dag->dag_id);
    json_key(&w, "run_id");
    json_string(&w, a->run.run_id);
    json_key(&w, "run_key");
    json_int(&w, a->run.run_key);
    json_key(&w, "task_id");
    json_string(&w, a->task->task_id);
    json_key(&w, "map_index");
    json_int(&w, a->key.map_index);
    json_key(&w, "try_number");
    json_int(&w, a->try_number);
    json_key(&w, "max_tries");
    json_int(&w, a->max_tries);
    json_key(&w, "attempt");
    json_string(&w, uuid_format(&a->token, token));
    json_time(&w, "logical_date", a->run.logical_date_us);
    json_time(&w, "data_interval_start", a->run.data_interval_start_us);
    json_time(&w, "data_interval_end", a->run.data_interval_end_us);
    json_time(&w, "run_after", a->run.run_after_us);
    json_time(&w, "run_start", a->run.start_us);
    json_time(&w, "run_end", a->run.end_us);
    json_time(&w, "run_queued", a->run.queued_us);
    json_key(&w, "clear_number");
    json_int(&w, a->run.clear_number);
    json_key(&w, "run_type");
    json_string(&w, run_type_to_string(a->run.type));
    json_key(&w, "partition_key");
    json_string(&w, a->run.partition_key);
    if (a->events != NULL) {
        json_key(&w, "consumed_asset_events");
        json_raw(&w, a->events, a->events_len);
    }
    json_key(&w, "conf");
    if (a->run.conf != NULL) {
        json_raw(&w, a->run.conf, strlen(a->run.conf));
    } else {
        json_object(&w);
        json_object_end(&w);
    }
    json_key(&w, "params");
    json_value(&w, params);
    json_key(&w, "downstream");
    json_array(&w);
    for (uint32_t j = a->dag->down_off[a->task->index]; j < a->dag->down_off[a->task->index + 1];
         j++) {
        json_string(&w, a->dag->tasks[a->dag->down[j]].task_id);
    }
    json_array_end(&w);
    json_key(&w, "engine");
    json_string(&w, arena_printf(&a->arena, "%s/engine.sock", a->worker->config.home));
    json_key(&w, "result");
    json_string(&w, a->result);
    json_key(&w, "rendered");
    json_bool(&w, rendered);
    deferral_members(a, &w);
    callback_members(a, &w);
    json_key(&w, "spec");
    json_value(&w, a->runner_spec != NULL ? a->runner_spec : a->params);
    if (!a->dag->is_python) {
        dag_members(&w, a->dag->document);
        map_group_members(a, &w);
    }
    json_object_end(&w);
    if (buf_status(&b) != 0) {
        rc = buf_status(&b);
        buf_fini(&b);
        return err_set(e, (enum err_code) - rc,
                       "the task's parameters are too large for the runner");
    }
    *ret = buf_take(&b);
    return *ret != NULL ? 0 : err_set(e, ERR_NOMEM, "out of memory for the runner's message");
}

static int result_path(struct attempt *a, struct err *e)
{
    char token[UUID_TEXT_MAX];
    const char *dir = arena_printf(&a->arena, "%s/results", a->worker->config.home);

    a->result = arena_printf(&a->arena, "%s/%s.json", dir != NULL ? dir : "",
                             uuid_format(&a->token, token));
    if (dir == NULL || a->result == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for a path");
    }
    (void)mkdir(dir, 0700);
    return 0;
}

/* The start message as a file, for a process that reports. */
static int write_start(struct attempt *a, struct err *e)
{
    MEM_CLEANUP char *text = NULL;
    const char *path = attempt_start_path(a);
    int rc = python_spec(a, "function", a->rendered != NULL, &text, e), fd;
    size_t n;

    if (rc != 0 || path == NULL) {
        return rc != 0 ? rc : err_set(e, ERR_NOMEM, "out of memory for a path");
    }
    n = strlen(text);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return err_errno(e, errno, "cannot write %s", path);
    }
    errno = ENOSPC; /* what a short write means */
    if (write(fd, text, n) != (ssize_t)n) {
        rc = err_errno(e, errno, "cannot write %s", path);
    }
    (void)close(fd);
    return rc;
}

/* ---- start ---- */

static int facts_of(struct attempt *a, struct operator_process *p, struct err *e)
{
    struct operator_context c = {
        .dag = a->dag,
        .task = a->task,
        .params = a->params,
        .arena = &a->arena,
        .logical_date_us = a->run.logical_date_us,
    };
    int rc = a->op->prepare(&c, p, e);

    if (rc == 0) {
        a->skip_codes = p->skip_codes;
        a->skip_codes_len = p->skip_codes_len;
        a->last_line_is_xcom = p->last_line_is_xcom;
        a->reports = p->reports;
        rc = p->python || p->reports ? result_path(a, e) : 0;
    }
    return rc;
}

/* The task's object with something in the place of what an instance of a mapped task has from its index: exit codes and kinds are the task's
 * own, and to ask for XComs is too early. */
static int facts_params(struct attempt *a, struct err *e)
{
    const struct operator_desc *d = operators_find(a->task->operator_name);
    const struct value *spec = a->task->spec;
    struct value *out = value_new(&a->arena, VALUE_OBJECT);
    int rc = out != NULL ? 0 : -ERR_NOMEM;

    for (size_t i = 0; rc == 0 && i < spec->len; i++) {
        rc = value_set(&a->arena, out, spec->keys[i].text, spec->elems[i]);
    }
    for (const struct operator_param *p = d != NULL ? d->params : NULL;
         rc == 0 && p != NULL && p->name != NULL; p++) {
        struct value *v = p->required && value_get(spec, p->name) == NULL
                              ? value_string(&a->arena, "-", 1)
                              : NULL;

        rc = v != NULL ? value_set(&a->arena, out, p->name, v) : 0;
    }
    a->params = out;
    return rc == 0 ? 0 : err_set(e, ERR_NOMEM, "out of memory for an attempt");
}

int attempt_spawn_facts(struct attempt *a, struct err *e)
{
    struct operator_process p = {0};
    int rc;

    a->params = (struct value *)
                    a->task->spec; /* unrendered: the exit codes and kinds are never templates */
    rc = attempt_is_mapped(a) ? facts_params(a, e) : 0;
    rc = rc == 0 ? facts_of(a, &p, e) : rc;
    if (a->result == NULL && rc == 0) {
        rc = result_path(a, e); /* a bash task that Jinja2 rendered has one too */
    }
    a->params = NULL;
    return rc;
}

/* Of the execution timeout: a try that was deferred goes on under the one that it began with. */
static int64_t time_left(const struct attempt *a)
{
    int64_t all = a->task->execution_timeout_us, left;

    if (all == 0 || a->record == NULL || value_get(a->record, "method") == NULL ||
        a->first_start_us == TIME_NONE) {
        return all;
    }
    left = a->first_start_us + all - loop_wall_us(a->worker->config.loop);
    return left > TIME_SECOND / 1000 ? left : TIME_SECOND / 1000;
}
/* bash reads the text from descriptor 3 and takes it as its own: what `bash -c TEXT` does, but that TEXT is in no command line, which
 * everyone on the machine can read. */
static const char *const hidden_script[] = {"bash", "-c",
                                            "IFS= read -rd '' -u3 TRADEWIND_SCRIPT; exec 3<&-; "
                                            "eval \"unset TRADEWIND_SCRIPT; $TRADEWIND_SCRIPT\"",
                                            NULL};

int attempt_spawn(struct attempt *a, bool jinja, struct err *e)
{
    struct operator_process p = {0};
    struct exec_spec x = {
        .attempt = a->token, .log = a->log, .grace_us = a->worker->config.grace_us};
    MEM_CLEANUP char *python = NULL;
    int rc = facts_of(a, &p, e);

    if (rc == 0 && jinja && p.reports) {
        return err_set(e, ERR_INVALID, "a template of %s is outside of the subset that C renders",
                       a->task->task_id);
    }
    if (rc == 0 && jinja && !p.python) {
        rc = result_path(a, e); /* the runner renders with Jinja2, then becomes the command */
    }
    if (rc == 0) {
        rc = environment_of(a, &p, &x.env, e);
    }
    if (rc == 0) {
        rc = secrets_of(a, x.env, &x.secrets, e);
    }
    if (rc == 0 && (p.python || jinja)) {
        rc = python_spec(a, p.python ? "task" : "bash", !jinja && a->rendered != NULL, &python, e);
        x.python = python;
        x.interpreter = p.python_interpreter;
    } else {
        x.argv = p.argv;
        if (rc == 0 && p.shell_text != NULL && attempt_has_secret(x.secrets, p.shell_text)) {
            x.argv = hidden_script;
            x.script = p.shell_text;
        }
        x.cwd = p.cwd;
        x.bare_env = p.bare_env;
        rc = rc == 0 && p.reports ? write_start(a, e) : rc;
    }
    if (rc != 0) {
        return rc;
    }
    x.last_line = p.last_line_is_xcom;
    x.timeout_us = time_left(a);
    a->phase = ATTEMPT_PROCESS;
    rc = exec_start(a->worker->exec, &x, e);
    if (rc != 0) {
        a->phase = ATTEMPT_TAKEN;
    }
    return rc;
}

int attempt_spawn_callback(struct attempt *a, int64_t timeout_us, struct err *e)
{
    struct operator_process none = {0};
    struct exec_spec x = {.attempt = a->token,
                          .log = a->log,
                          .grace_us = a->worker->config.grace_us,
                          .timeout_us = timeout_us,
                          .urgent = true};
    MEM_CLEANUP char *python = NULL;
    int rc;

    a->params = (struct value *)a->task->spec; /* read only */
    rc = result_path(a, e);
    rc = rc == 0 ? environment_of(a, &none, &x.env, e) : rc;
    rc = rc == 0 ? secrets_of(a, x.env, &x.secrets, e) : rc;
    rc = rc == 0 ? python_spec(a, "callback", false, &python, e) : rc;
    x.python = python;
    return rc == 0 ? exec_start(a->worker->exec, &x, e) : rc;
}

/* ---- for attempts in an operator host ---- */

int attempt_message(struct attempt *a, char **ret, struct err *e)
{
    return python_spec(a, "operator", a->rendered != NULL, ret, e);
}

int attempt_secrets(struct attempt *a, const char *const **ret, struct err *e)
{
    const char *const *env = NULL;
    struct operator_process none = {0};
    int rc = environment_of(a, &none, &env, e);

    return rc == 0 ? secrets_of(a, env, ret, e) : rc;
}
