/*
 * From the end of a process, and the result file of the runner, to an outcome. What a process's end means is said here and
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
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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
    v = value_get(r, "rendered_map_index");
    if (v != NULL && v->kind == VALUE_STRING) {
        attempt_name(a, v);
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
        path = a->reports                         ? attempt_start_path(a)
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

/* For attempts in an operator host. */
int attempt_xcoms(struct worker_end *end, const struct value *list)
{
    return list != NULL && list->kind == VALUE_ARRAY ? result_xcoms(end, list) : 0;
}
