/* What templates look up by name: variables, from the secrets folder, the DAG's environment, then where else the engine finds them (without
 * an engine: the environment in which Tradewind was started). */
#include <ctype.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/sensitive.h"
#include "model/dag.h"
#include "worker/environment.h"
#include "worker/local_priv.h"

#define SECRET_MIN 4

/* The value of an environment variable of the attempt, or NULL. */
static const char *environment_get(const struct attempt *a, const char *name)
{
    const struct value *own = a->dag->env != NULL ? value_get(a->dag->env, name) : NULL;
    size_t n = strlen(name);

    if (own != NULL) {
        return own->text != NULL ? own->text : "";
    }
    for (char **p = a->worker->base_env; a->worker->cb.variable_get == NULL && *p != NULL; p++) {
        if (strncmp(*p, name, n) == 0 && (*p)[n] == '=') {
            return *p + n + 1;
        }
    }
    return NULL;
}

static int remember(struct attempt *a, const char *text, struct err *e)
{
    const size_t max = sizeof a->found_secrets / sizeof *a->found_secrets;

    if (strlen(text) < SECRET_MIN) {
        return 0;
    }
    for (size_t i = 0; i < a->found_secrets_len; i++) {
        if (strcmp(a->found_secrets[i], text) == 0) {
            return 0;
        }
    }
    if (a->found_secrets_len == max) {
        return err_set(e, ERR_LIMIT, "the templates of a task look up more than %zu secrets", max);
    }
    a->found_secrets[a->found_secrets_len] = arena_strdup(&a->arena, text);
    return a->found_secrets[a->found_secrets_len++] != NULL
               ? 0
               : err_set(e, ERR_NOMEM, "out of memory for a variable");
}

/* The texts under sensitive names, or all of them: of a value that is sensitive as a whole. Its depth is that which JSON may have. */
static int remember_named(struct attempt *a, const struct value *v, bool all, struct err *e)
{
    int rc = v->kind == VALUE_STRING && all ? remember(a, v->text, e) : 0;

    for (size_t i = 0; rc == 0 && (v->kind == VALUE_OBJECT || v->kind == VALUE_ARRAY) && i < v->len;
         i++) {
        rc = remember_named(a, v->elems[i],
                            all || (v->kind == VALUE_OBJECT && sensitive_name(v->keys[i].text)), e);
    }
    return rc;
}

/* The whole text where the variable's name says so; else of JSON what stands under such names. */
static int remember_secret(struct attempt *a, const char *key, const char *text, struct arena *m,
                           struct err *e)
{
    const char *first = text + strspn(text, " \t\r\n");
    struct value *v;
    int rc = sensitive_name(key) ? remember(a, text, e) : 0;

    if (rc != 0 || (*first != '{' && *first != '[') ||
        value_parse(m, text, strlen(text), &v, NULL) != 0) {
        return rc;
    }
    return remember_named(a, v, sensitive_name(key), e);
}

int attempt_variable(void *arg, const char *key, struct arena *m, const char **ret, struct err *e)
{
    static const char *const prefixes[] = {"TRADEWIND_VAR_", "AIRFLOW_VAR_"};
    struct attempt *a = arg;
    const char *text = NULL, *near = NULL;

    for (size_t i = 0; near == NULL && i < sizeof prefixes / sizeof *prefixes; i++) {
        char *name = arena_printf(m, "%s%s", prefixes[i], key);

        if (name == NULL) {
            return err_set(e, ERR_NOMEM, "out of memory for a variable");
        }
        for (char *p = name; *p != '\0'; p++) {
            *p = (char)toupper((unsigned char)*p);
        }
        near = environment_get(a, name);
    }
    *ret = NULL;
    if (a->worker->cb.variable_get != NULL) {
        int rc = a->worker->cb.variable_get(a->worker->cb.arg, key, near != NULL, m, &text, e);

        if (rc != 0) {
            return rc;
        }
    }
    text = text != NULL ? text : near;
    if (text == NULL) { /* its default, or the error, is the runner's to say */
        return err_set(e, ERR_UNSUPPORTED, "there is no variable '%s'", key);
    }
    *ret = arena_strdup(m, text);
    return *ret != NULL ? remember_secret(a, key, text, m, e)
                        : err_set(e, ERR_NOMEM, "out of memory for a variable");
}

bool attempt_has_secret(const char *const *secrets, const char *text)
{
    for (; *secrets != NULL; secrets++) {
        if (strlen(*secrets) >= SECRET_MIN && strstr(text, *secrets) != NULL) {
            return true;
        }
    }
    return false;
}
