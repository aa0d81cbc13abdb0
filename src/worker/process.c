/*
 * From rendered parameters to a process of the executor, and from its end to an outcome. What a process's end means is said here and
 * nowhere else:
 *
 *   killed by us              -> KILLED, or LOST when only we were interrupted
 *   execution_timeout         -> FAILED
 *   could not start           -> FAILED "cannot start: ..."
 *   exit not seen             -> FAILED, never a success (rule 8)
 *   a signal                  -> FAILED, its name; out of memory only when the kernel's counter says so
 *   bash: 0 / skip code / n   -> SUCCESS / SKIPPED / FAILED "exit code n"
 *   python: result file       -> what it says; exit 0 without one is FAILED "no result"
 */
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
static const char *start_path(struct attempt *a)
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
        env_add(&l, "TRADEWIND_START", start_path(a));
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
    json_value(&w, a->params);
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
    const char *path = start_path(a);
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
                          .timeout_us = timeout_us};
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

/* ---- end ---- */

static int read_result(const char *path, struct worker_end *end, struct value **ret, struct err *e)
{
    struct stat st;
    char *text;
    ssize_t n = -1;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        return err_set(e, ERR_NOTFOUND, "no result: the process ended without reporting one");
    }
    if (fstat(fd, &st) != 0 || (uint64_t)st.st_size > LIMIT_XCOM_BYTES) {
        (void)close(fd);
        return err_set(e, ERR_LIMIT, "the result is larger than %zu MiB", LIMIT_XCOM_BYTES >> 20);
    }
    text = arena_alloc(&end->arena, (size_t)st.st_size + 1);
    if (text != NULL) {
        n = read(fd, text, (size_t)st.st_size);
    }
    (void)close(fd);
    if (n != st.st_size) {
        return err_set(e, ERR_IO, "the result cannot be read");
    }
    return value_parse(&end->arena, text, (size_t)n, ret, e);
}

static int result_xcoms(struct worker_end *end, const struct value *list)
{
    end->xcoms = arena_array(&end->arena, list->len, sizeof *end->xcoms);
    if (end->xcoms == NULL) {
        return -ERR_NOMEM;
    }
    for (size_t i = 0; i < list->len; i++) {
        const struct value *key = value_get(list->elems[i], "key"),
                           *v = value_get(list->elems[i], "value");
        struct json_writer w;
        struct buf b;

        if (key == NULL || key->kind != VALUE_STRING || v == NULL) {
            return -ERR_PROTOCOL;
        }
        buf_init(&b, LIMIT_XCOM_BYTES);
        json_writer_init(&w, &b, 0);
        json_value(&w, v);
        if (buf_status(&b) == 0) {
            end->xcoms[end->xcoms_len++] = (struct worker_xcom){
                .name = arena_strdup(&end->arena, key->text),
                .value = arena_strndup(&end->arena, buf_cstr(&b), b.len),
                .len = b.len,
            };
        }
        buf_fini(&b);
        if (end->xcoms[i].value == NULL || end->xcoms[i].name == NULL) {
            return -ERR_LIMIT;
        }
    }
    return 0;
}

static int result_skips(struct attempt *a, struct worker_end *end, const struct value *list)
{
    end->skip = arena_array(&end->arena, list->len, sizeof *end->skip);
    end->skip_map = arena_array(&end->arena, list->len, sizeof *end->skip_map);
    if (end->skip == NULL || end->skip_map == NULL) {
        return -ERR_NOMEM;
    }
    for (size_t i = 0; i < list->len; i++) {
        const struct value *v = list->elems[i];
        bool pair = v->kind == VALUE_ARRAY && v->len == 2; /* [task_id, map_index] */
        const struct value *id = pair ? v->elems[0] : v;
        const struct task *t = id->kind == VALUE_STRING ? dag_task(a->dag, id->text) : NULL;
        int64_t index = -1;

        if (t != NULL && (!pair || value_int(v->elems[1], -1, INT32_MAX, &index) == 0)) {
            end->skip_map[end->skip_len] = (int32_t)index;
            end->skip[end->skip_len++] = t->index;
        }
    }
    return 0;
}

/* A branch or a stop of a DAG that was not written in Python: its graph is here. */
static int result_follow(struct attempt *a, struct worker_end *end, const struct value *r,
                         struct err *e)
{
    struct operator_context c = {
        .dag = a->dag, .task = a->task, .params = a->task->spec, .arena = &end->arena};
    const struct value *follow = value_get(r, "follow"), *stop = value_get(r, "stop");
    const struct value *ignore = value_get(a->task->spec, "ignore_downstream_trigger_rules");
    struct operator_result result = {0};
    const char **ids;
    int rc = 0;

    if (follow != NULL && follow->kind == VALUE_ARRAY) {
        ids = arena_array(&end->arena, follow->len + 1, sizeof *ids);
        if (ids == NULL) {
            return err_set(e, ERR_NOMEM, "out of memory for the branch");
        }
        for (size_t i = 0; i < follow->len; i++) {
            ids[i] = follow->elems[i]->text != NULL ? follow->elems[i]->text : "";
        }
        rc = operator_branch_skips(&c, ids, follow->len, &result, e);
    } else if (stop != NULL && stop->kind == VALUE_BOOL && stop->boolean) {
        rc = operator_stop_skips(
            &c, ignore == NULL || ignore->kind != VALUE_BOOL || ignore->boolean, &result, e);
    } else {
        return 0;
    }
    end->skip = result.skip;
    end->skip_len = result.skip_len;
    end->skip_map = NULL;
    return rc;
}

static void end_python(struct attempt *a, struct worker_end *end, const struct exec_end *x)
{
    static const struct {
        const char *word;
        enum worker_outcome outcome;
    } words[] = {
        {"success", WORKER_SUCCESS},       {"failed", WORKER_FAILED},
        {"fail", WORKER_FAILED_NO_RETRY},  {"skipped", WORKER_SKIPPED},
        {"reschedule", WORKER_RESCHEDULE}, {"deferred", WORKER_DEFERRED},
    };
    const struct value *outcome, *v;
    struct value *r = NULL;
    struct err e = {0};
    int rc = read_result(a->result, end, &r, &e);

    if (rc != 0) {
        if (x->exit_code != 0 && rc == -ERR_NOTFOUND) {
            end->reason = arena_printf(&end->arena, "exit code %d", x->exit_code);
        } else {
            end->reason = arena_strdup(&end->arena, err_str(&e));
        }
        return;
    }
    outcome = value_get(r, "outcome");
    v = value_get(r, "error");
    end->reason = v != NULL && v->kind == VALUE_STRING ? v->text : NULL;
    for (size_t i = 0; outcome != NULL && outcome->kind == VALUE_STRING && i < 6; i++) {
        if (strcmp(words[i].word, outcome->text) == 0) {
            end->outcome = words[i].outcome;
        }
    }
    if (x->exit_code != 0 && end->outcome == WORKER_SUCCESS) {
        end->outcome = WORKER_FAILED;
        end->reason = arena_printf(&end->arena, "exit code %d after success", x->exit_code);
    }
    v = value_get(r, "xcoms");
    rc = v != NULL && v->kind == VALUE_ARRAY ? result_xcoms(end, v) : 0;
    v = value_get(r, "skip");
    rc = rc == 0 && v != NULL && v->kind == VALUE_ARRAY ? result_skips(a, end, v) : rc;
    v = value_get(r, "asset_events");
    if (rc == 0 && end->outcome == WORKER_SUCCESS && v != NULL &&
        attempt_asset_events(end, v, &e) != 0) {
        end->outcome = WORKER_FAILED_NO_RETRY;
        end->reason = arena_strdup(&end->arena, err_str(&e));
    }
    if (rc == 0 && result_follow(a, end, r, &e) != 0) {
        end->outcome = WORKER_FAILED_NO_RETRY;
        end->reason = arena_strdup(&end->arena, err_str(&e));
    }
    v = value_get(r, "until_us");
    if (v != NULL && value_int(v, 0, INT64_MAX, &end->until_us) != 0) {
        end->until_us = 0;
    }
    v = value_get(r, "rendered");
    if (v != NULL && v->kind == VALUE_OBJECT && v->len != 0 && a->rendered == NULL) {
        a->rendered = attempt_masked(a, v, NULL); /* none is better than one in clear */
    }
    if (rc == 0 && end->outcome == WORKER_RESCHEDULE) {
        rc = deferral_reschedule(a, end);
    } else if (rc == 0 && end->outcome == WORKER_DEFERRED && deferral_ask(a, end, r, &e) != 0) {
        end->outcome = WORKER_FAILED_NO_RETRY;
        end->reason = arena_strdup(&end->arena, err_str(&e));
    }
    if (rc != 0) {
        end->outcome = WORKER_FAILED_NO_RETRY;
        end->reason = arena_printf(&end->arena, "the result cannot be kept: %s", err_text(rc));
    }
}

static const char *rendered_path(struct attempt *a)
{
    return arena_printf(&a->arena, "%s.rendered", a->result);
}

/* What the runner rendered before it became the command. */
static void read_rendered(struct attempt *a, struct worker_end *end)
{
    const char *path = a->result != NULL && a->rendered == NULL ? rendered_path(a) : NULL;
    struct value *fields;

    if (path != NULL && read_result(path, end, &fields, NULL) == 0 &&
        fields->kind == VALUE_OBJECT) {
        a->rendered = attempt_masked(a, fields, NULL);
    }
}

void attempt_remove_result(struct attempt *a)
{
    const char *path;

    if (a->result != NULL) {
        (void)unlink(a->result);
        path = a->reports                         ? start_path(a)
               : strcmp(a->op->name, "bash") == 0 ? rendered_path(a)
                                                  : NULL;
        if (path != NULL) {
            (void)unlink(path);
        }
    }
}

static void end_command(struct attempt *a, struct worker_end *end, const struct exec_end *x)
{
    struct json_writer w;
    struct buf b;

    read_rendered(a, end);
    end->outcome = x->exit_code == 0 ? WORKER_SUCCESS : WORKER_FAILED;
    for (size_t i = 0; i < a->skip_codes_len; i++) {
        if (x->exit_code == a->skip_codes[i]) {
            end->outcome = WORKER_SKIPPED;
        }
    }
    if (x->exit_code != 0) {
        end->reason = arena_printf(&end->arena, "exit code %d%s", x->exit_code,
                                   x->exit_code == 127   ? " (command not found)"
                                   : x->exit_code == 126 ? " (command not executable)"
                                                         : "");
    }
    if (end->outcome != WORKER_SUCCESS || !a->last_line_is_xcom || x->last_line == NULL) {
        return;
    }
    buf_init(&b, LIMIT_LAST_LINE * 8);
    json_writer_init(&w, &b, 0);
    json_string_n(&w, x->last_line, x->last_line_len);
    end->xcoms = arena_array(&end->arena, 1, sizeof *end->xcoms);
    if (buf_status(&b) == 0 && end->xcoms != NULL) {
        end->xcoms[0] = (struct worker_xcom){
            "return_value", arena_strndup(&end->arena, buf_cstr(&b), b.len), b.len};
        end->xcoms_len = end->xcoms[0].value != NULL ? 1 : 0;
    }
    buf_fini(&b);
}

static bool is_python(const struct attempt *a)
{
    return a->result != NULL && (strcmp(a->op->name, "bash") != 0 || access(a->result, F_OK) == 0);
}

void attempt_exec_ended(struct attempt *a, const struct exec_end *x)
{
    struct worker_end *end = worker_end_new(&a->key, &a->token, WORKER_FAILED);
    char text[TIME_TEXT_MAX];

    if (end == NULL) {
        return; /* the executor tells it again after the next start */
    }
    end->at_us = x->at_us;
    end->duration_us = x->duration_us;
    end->exit_code = x->exit_code;
    if (x->killed != NULL && strcmp(x->killed, "timeout") == 0) {
        end->reason = arena_printf(&end->arena, "execution_timeout of %s exceeded",
                                   duration_format(a->task->execution_timeout_us, text));
    } else if (x->killed != NULL) {
        end->outcome = strcmp(x->killed, "interrupted") == 0 ? WORKER_LOST : WORKER_KILLED;
        end->reason = arena_strdup(&end->arena, x->killed);
    } else if (x->error != NULL) {
        end->reason = arena_printf(&end->arena, "cannot start: %s", x->error);
    } else if (x->not_seen) {
        end->reason = "exit not seen: the process that held it died";
    } else if (x->oom) {
        end->reason = "out of memory: the kernel killed it";
    } else if (x->signal != 0) {
        const char *name = sigabbrev_np(x->signal);

        end->reason =
            arena_printf(&end->arena, "killed by SIG%s (%d)", name != NULL ? name : "?", x->signal);
    } else if (is_python(a)) {
        end_python(a, end, x);
    } else {
        end_command(a, end, x);
    }
    if (end->outcome == WORKER_FAILED && (x->not_seen || x->signal != 0)) {
        callback_of_lost(a, end->reason);
    }
    attempt_end(a, end);
}

/* ---- for attempts in an operator host ---- */

int attempt_xcoms(struct worker_end *end, const struct value *list)
{
    return list != NULL && list->kind == VALUE_ARRAY ? result_xcoms(end, list) : 0;
}

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
