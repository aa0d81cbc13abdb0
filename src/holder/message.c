#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "holder/priv.h"
#include "holder/secrets.h"

const char *message_string(const struct value *message, const char *key)
{
    const struct value *v = value_get(message, key);

    return v != NULL && v->kind == VALUE_STRING && strlen(v->text) == v->len ? v->text : NULL;
}

/* An integer member; absent or null: 0. */
static int member_int(const struct value *message, const char *key, int64_t *ret)
{
    const struct value *v = value_get(message, key);

    *ret = 0;
    return v == NULL || v->kind == VALUE_NULL ? 0 : value_int(v, 0, INT64_MAX, ret);
}

int message_strings(struct arena *arena, const struct value *array, char ***ret, size_t *ret_len,
                    struct err *e)
{
    char **strings;

    if (array == NULL || array->kind != VALUE_ARRAY) {
        return err_set(e, ERR_PROTOCOL, "an array of strings is missing");
    }
    strings = arena_array(arena, array->len + 1, sizeof *strings);
    if (strings == NULL) {
        return err_set(e, ERR_NOMEM, "no memory for %zu strings", array->len);
    }
    for (size_t i = 0; i < array->len; i++) {
        const struct value *v = array->elems[i];

        if (v->kind != VALUE_STRING) {
            return err_set(e, ERR_PROTOCOL, "a %s where a string is expected",
                           value_kind_name(v->kind));
        }
        if (strlen(v->text) != v->len) {
            return err_set(e, ERR_INVALID, "an argument or environment entry has a NUL byte in it");
        }
        if (v->len >= LIMIT_ARG_BYTES) {
            return err_set(
                e, ERR_LIMIT,
                "an argument or environment entry of %zu bytes; the kernel takes less than %zu",
                v->len, LIMIT_ARG_BYTES);
        }
        strings[i] = (char *)v->text;
    }
    *ret = strings;
    *ret_len = array->len;
    return 0;
}

/* Sets NAME=value in a vector that has room: the last entry of a name wins. */
static void env_put(char **env, size_t *len, char *entry)
{
    size_t name = strcspn(entry, "=") + 1;

    for (size_t i = 0; i < *len; i++) {
        if (strncmp(env[i], entry, name) == 0) {
            env[i] = entry;
            return;
        }
    }
    env[(*len)++] = entry;
}

static int env_make(struct holder *h, struct attempt *a, const struct value *message, struct err *e)
{
    const struct value *added = value_get(message, "env"), *bare = value_get(message, "bare_env");
    bool path_only = bare != NULL && bare->kind == VALUE_BOOL && bare->boolean;
    char **more = NULL, **env, *own;
    size_t more_len = 0, base_len = 0, len = 0;
    int rc;

    if (added != NULL && added->kind != VALUE_NULL) {
        rc = message_strings(&a->arena, added, &more, &more_len, e);
        if (rc != 0) {
            return rc;
        }
    }
    while (h->base_env != NULL && h->base_env[base_len] != NULL) {
        base_len++;
    }
    if (base_len + more_len > LIMIT_ENV_ENTRIES) {
        return err_set(e, ERR_LIMIT, "an environment of %zu entries; at most %d",
                       base_len + more_len, LIMIT_ENV_ENTRIES);
    }
    env = arena_array(&a->arena, base_len + more_len + 2, sizeof *env);
    own = arena_printf(&a->arena, "TRADEWIND_ATTEMPT=%s", a->id);
    if (env == NULL || own == NULL) {
        return err_set(e, ERR_NOMEM, "no memory for the environment");
    }
    for (size_t i = 0; i < base_len; i++) {
        char *copy;

        if (path_only && strncmp(h->base_env[i], "PATH=", 5) != 0) {
            continue;
        }
        copy = arena_strdup(&a->arena, h->base_env[i]); /* the setup's: a new engine replaces it */
        if (copy == NULL) {
            return err_set(e, ERR_NOMEM, "no memory for the environment");
        }
        env_put(env, &len, copy);
    }
    for (size_t i = 0; i < more_len; i++) {
        env_put(env, &len, more[i]);
    }
    env_put(env, &len, own);
    a->env = env;
    return 0;
}

static int secrets_take(struct attempt *a, const struct value *secrets, struct err *e)
{
    size_t bytes = 0;

    if (secrets == NULL || secrets->kind == VALUE_NULL) {
        return 0;
    }
    if (secrets->kind != VALUE_ARRAY) {
        return err_set(e, ERR_PROTOCOL, "secrets is not an array");
    }
    if (secrets->len > LIMIT_SECRETS) {
        return err_set(e, ERR_LIMIT, "%zu secrets; at most %d can be masked", secrets->len,
                       LIMIT_SECRETS);
    }
    for (size_t i = 0; i < secrets->len; i++) {
        const struct value *v = secrets->elems[i];
        int rc;

        if (v->kind != VALUE_STRING) {
            return err_set(e, ERR_PROTOCOL, "a secret that is not a string");
        }
        bytes += v->len;
        if (bytes > LIMIT_SECRETS_BYTES) {
            return err_set(e, ERR_LIMIT, "secrets of more than %zu bytes cannot be masked",
                           LIMIT_SECRETS_BYTES);
        }
        rc = secrets_add(&a->output.mask, v->text, v->len, e);
        if (rc != 0) {
            return rc;
        }
    }
    if (mask_build(&a->output.mask) != 0) {
        return err_set(e, ERR_NOMEM, "no memory to mask the secrets");
    }
    return 0;
}

/* The members that say what to run and how. */
static int start_fill(struct holder *h, struct attempt *a, const struct value *message,
                      struct err *e)
{
    const struct value *argv = value_get(message, "argv"), *python = value_get(message, "python");
    const struct value *last_line = value_get(message, "last_line");
    const char *log = message_string(message, "log"), *path = NULL;
    char **strings = NULL;
    int64_t log_max;
    size_t n;
    int rc;

    a->python = python != NULL && python->kind == VALUE_OBJECT;
    if (log != NULL) {
        path = arena_strdup(&a->arena, log);
    }
    if (member_int(message, "log_max", &log_max) != 0 ||
        member_int(message, "timeout_us", &a->timeout_us) != 0 ||
        member_int(message, "grace_us", &a->grace_us) != 0 || log == NULL || log[0] != '/') {
        return err_set(e, ERR_PROTOCOL,
                       "start: log, log_max, timeout_us or grace_us is missing or malformed");
    }
    if (path == NULL) {
        return err_set(e, ERR_NOMEM, "no memory for a start");
    }
    rc = output_init(&a->output, path, log_max,
                     last_line != NULL && last_line->kind == VALUE_BOOL && last_line->boolean, e);
    if (rc == 0) {
        rc = secrets_take(a, value_get(message, "secrets"), e);
    }
    if (rc == 0) {
        rc = env_make(h, a, message, e);
    }
    if (rc != 0) {
        return rc;
    }
    a->cwd = message_string(message, "cwd");
    a->spec = python;
    if (a->python) {
        return 0;
    }
    rc = message_strings(&a->arena, argv, &strings, &n, e);
    if (rc == 0 && (n == 0 || strings[0][0] == '\0')) {
        rc = err_set(e, ERR_INVALID, "nothing to execute: argv is empty");
    }
    a->argv = strings;
    a->script = message_string(message, "script");
    return rc;
}

int message_start(struct holder *h, struct arena *arena, const struct value *message,
                  struct attempt **ret, struct err *e)
{
    const char *id = message_string(message, "attempt");
    struct attempt *a;
    struct uuid uuid;
    int rc;

    if (id == NULL || uuid_parse(id, &uuid) != 0) {
        return err_set(e, ERR_PROTOCOL, "start: attempt is not a UUID");
    }
    a = mem_zalloc(sizeof *a);
    if (a == NULL) {
        return err_set(e, ERR_NOMEM, "no memory for an attempt");
    }
    (void)uuid_format(&uuid, a->id);
    a->output_source.fd = a->control.fd = a->output.fd = -1;
    a->output.log.fd = -1;
    a->arena = *arena; /* the message's strings go on living there */
    arena_init(arena, MESSAGE_ARENA_MAX);
    wire_reader_init(&a->control_reader);
    rc = start_fill(h, a, message, e);
    *ret = a;
    return rc;
}

void message_started(struct json_writer *w, const struct holder *h, const struct attempt *a,
                     bool journal)
{
    json_object(w);
    json_key(w, "v");
    json_int(w, journal ? WIRE_VERSION : h->engine.version);
    json_key(w, "type");
    json_string(w, "started");
    json_key(w, "attempt");
    json_string(w, a->id);
    json_key(w, "pid");
    json_int(w, a->pid);
    json_key(w, "pid_start");
    json_int(w, (int64_t)a->pid_start);
    json_key(w, "at_us");
    json_int(w, a->started_us);
    json_key(w, "at_boot_us");
    json_int(w, a->started_boot_us);
    if (journal) {
        json_key(w, "boot_id");
        json_string(w, h->boot_id);
    }
    json_object_end(w);
}

/* exit_code, signal and error: exactly one of them is not null. */
static void write_outcome(struct json_writer *w, const struct attempt *a)
{
    bool failed = a->error[0] != '\0';
    bool exited = !failed && WIFEXITED(a->wait_status);

    json_key(w, "exit_code");
    if (exited) {
        json_int(w, WEXITSTATUS(a->wait_status));
    } else {
        json_null(w);
    }
    json_key(w, "signal");
    if (!failed && !exited) {
        json_int(w, WTERMSIG(a->wait_status));
    } else {
        json_null(w);
    }
    json_key(w, "error");
    json_string(w, failed ? a->error : NULL);
}

void message_ended(struct json_writer *w, const struct holder *h, const struct attempt *a,
                   bool journal)
{
    size_t line_len;
    const char *line = last_line_get(&a->output.last, &line_len);

    json_object(w);
    json_key(w, "v");
    json_int(w, journal ? WIRE_VERSION : h->engine.version);
    json_key(w, "type");
    json_string(w, "ended");
    json_key(w, "attempt");
    json_string(w, a->id);
    json_key(w, "pid");
    json_int(w, a->pid);
    write_outcome(w, a);
    json_key(w, "oom");
    json_bool(w, a->oom);
    json_key(w, "killed");
    json_string(w, a->killed ? a->reason : NULL);
    json_key(w, "at_us");
    json_int(w, a->ended_us);
    json_key(w, "duration_us");
    json_int(w, a->duration_us);
    json_key(w, "last_line");
    if (line != NULL) {
        json_string_n(w, line, line_len);
    } else {
        json_null(w);
    }
    json_key(w, "log_bytes");
    json_int(w, a->output.log.written);
    json_key(w, "log_dropped");
    json_int(w, a->output.log.dropped);
    if (journal) {
        json_key(w, "boot_id");
        json_string(w, h->boot_id);
    }
    json_object_end(w);
}
