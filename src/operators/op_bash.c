/*
 * bash: one command. A list is run directly; a string too where the shell would only split it into words: no shell is started for
 * `sort -u names.txt`, and one is for anything with quotes, expansions, redirections, lists or builtins. Airflow always starts bash;
 * the result is the same, a fork and an exec earlier.
 */
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "model/dag.h"
#include "operators/operator.h"

#define WORDS_MAX 1024

/* Characters that mean something to the shell anywhere in a word. */
static bool is_special(char c)
{
    return strchr("\"'\\$`|&;<>()*?[]{}~#!\n\r", c) != NULL;
}

/* Builtins and keywords that no program stands for, or that mean something else as a program. */
static bool is_shell_word(const char *w, size_t n)
{
    static const char *const words[] = {
        ".",        ":",       "alias",   "bg",      "bind",     "break",    "builtin", "caller",
        "case",     "cd",      "command", "compgen", "complete", "continue", "coproc",  "declare",
        "dirs",     "disown",  "do",      "done",    "elif",     "else",     "enable",  "esac",
        "eval",     "exec",    "exit",    "export",  "fc",       "fg",       "fi",      "for",
        "function", "getopts", "hash",    "help",    "history",  "if",       "in",      "jobs",
        "let",      "local",   "logout",  "mapfile", "popd",     "pushd",    "read",    "readarray",
        "readonly", "return",  "select",  "set",     "shift",    "shopt",    "source",  "suspend",
        "then",     "time",    "times",   "trap",    "type",     "typeset",  "ulimit",  "umask",
        "unalias",  "unset",   "until",   "wait",    "while",
    };

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strlen(words[i]) == n && memcmp(words[i], w, n) == 0) {
            return true;
        }
    }
    return memchr(w, '=', n) != NULL; /* an assignment */
}

/* The words of a command that needs no shell, NULL-terminated; or NULL (with *ret_oom false) when it needs one. */
static const char *const *plain_words(struct arena *a, const char *cmd, bool *ret_oom)
{
    const char **argv = arena_array(a, WORDS_MAX + 1, sizeof *argv);
    size_t n = 0;

    *ret_oom = argv == NULL;
    if (argv == NULL) {
        return NULL;
    }
    while (*cmd != '\0') {
        size_t len;

        cmd += strspn(cmd, " \t");
        len = strcspn(cmd, " \t");
        if (len == 0) {
            break;
        }
        for (size_t i = 0; i < len; i++) {
            if (is_special(cmd[i])) {
                return NULL;
            }
        }
        if (n == WORDS_MAX || (n == 0 && is_shell_word(cmd, len))) {
            return NULL;
        }
        argv[n] = arena_strndup(a, cmd, len);
        if (argv[n++] == NULL) {
            *ret_oom = true;
            return NULL;
        }
        cmd += len;
    }
    return n != 0 ? argv : NULL;
}

static int command_argv(const struct operator_context *c, const struct value *cmd,
                        struct operator_process *ret, struct err *e)
{
    const char **argv;
    bool oom;

    if (cmd->kind == VALUE_ARRAY) {
        argv = arena_array(c->arena, cmd->len + 1, sizeof *argv);
        if (argv == NULL) {
            return err_set(e, ERR_NOMEM, "bash_command has too many words");
        }
        for (size_t i = 0; i < cmd->len; i++) {
            argv[i] = cmd->elems[i]->text;
        }
        if (cmd->len == 0 || argv[0][0] == '\0') {
            return err_set(e, ERR_INVALID, "bash_command is empty");
        }
        ret->argv = argv;
        return 0;
    }
    if (cmd->text[strspn(cmd->text, " \t\r\n")] == '\0') {
        return err_set(e, ERR_INVALID, "bash_command is empty after rendering");
    }
    ret->shell_text = cmd->text;
    ret->argv = plain_words(c->arena, cmd->text, &oom);
    if (ret->argv == NULL && !oom) {
        argv = arena_array(c->arena, 4, sizeof *argv);
        oom = argv == NULL;
        if (argv != NULL) {
            argv[0] = "bash";
            argv[1] = "-c";
            argv[2] = cmd->text;
            ret->argv = argv;
        }
    }
    return oom ? err_set(e, ERR_NOMEM, "out of memory for the command") : 0;
}

static int environment(const struct operator_context *c, struct operator_process *ret,
                       struct err *e)
{
    const struct value *env = value_get(c->params, "env");
    const struct value *append = value_get(c->params, "append_env");
    const char **list;

    if (env == NULL || env->kind != VALUE_OBJECT) {
        return 0;
    }
    if (env->len > LIMIT_ENV_ENTRIES) {
        return err_set(e, ERR_LIMIT, "env has %zu entries; at most %d", env->len,
                       LIMIT_ENV_ENTRIES);
    }
    list = arena_array(c->arena, env->len + 1, sizeof *list);
    if (list == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for the environment");
    }
    for (size_t i = 0; i < env->len; i++) {
        const struct value *v = env->elems[i];

        list[i] =
            arena_printf(c->arena, "%s=%s", env->keys[i].text, v->text != NULL ? v->text : "");
        if (list[i] == NULL) {
            return err_set(e, ERR_NOMEM, "out of memory for the environment");
        }
    }
    ret->env = list;
    ret->bare_env = append != NULL && append->kind == VALUE_BOOL && !append->boolean;
    return 0;
}

/* skip_on_exit_code: an integer, a list of them, or null for none; 99 when not given. */
static int skip_codes(const struct operator_context *c, struct operator_process *ret, struct err *e)
{
    const struct value *v = value_get(c->params, "skip_on_exit_code");
    size_t n = v == NULL || v->kind != VALUE_ARRAY ? 1 : v->len;
    int *codes = arena_array(c->arena, n + 1, sizeof *codes);
    int64_t code = 99;

    if (codes == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for skip_on_exit_code");
    }
    ret->skip_codes = codes;
    if (v != NULL && v->kind == VALUE_NULL) {
        return 0;
    }
    for (size_t i = 0; i < n; i++) {
        const struct value *one = v != NULL && v->kind == VALUE_ARRAY ? v->elems[i] : v;

        if (one != NULL && value_int(one, 0, 255, &code) != 0) {
            return err_set(e, ERR_INVALID,
                           "skip_on_exit_code: an exit code is an integer from 0 to 255");
        }
        codes[i] = (int)code;
    }
    ret->skip_codes_len = n;
    return 0;
}

static int prepare(const struct operator_context *c, struct operator_process *ret, struct err *e)
{
    const struct value *cmd = value_get(c->params, "bash_command");
    const struct value *cwd = value_get(c->params, "cwd");
    int rc;

    if (cmd == NULL || (cmd->kind != VALUE_STRING && cmd->kind != VALUE_ARRAY)) {
        return err_set(e, ERR_INVALID, "bash_command is missing");
    }
    rc = command_argv(c, cmd, ret, e);
    if (rc == 0) {
        rc = environment(c, ret, e);
    }
    if (rc == 0) {
        rc = skip_codes(c, ret, e);
    }
    if (rc == 0 && cwd != NULL && cwd->kind == VALUE_STRING && cwd->len != 0) {
        ret->cwd = cwd->text;
    }
    ret->last_line_is_xcom = c->task->do_xcom_push;
    return rc;
}

const struct operator_impl op_bash = {.name = "bash", .loss = LOSS_ADOPT, .prepare = prepare};
