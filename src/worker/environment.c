#include "worker/environment.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/sensitive.h"

/* What a task sees of the environment in which Tradewind was started; a star ends a prefix. */
static const char *const passed[] = {
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LANGUAGE",
    "LC_*",
    "TZ",
    "TMPDIR",
    "TERM",
    "VIRTUAL_ENV",
    "PYTHON*",
    "LD_LIBRARY_PATH",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "XDG_*",
    "SSH_AUTH_SOCK",
    "AIRFLOW_VAR_*",
    "AIRFLOW_CONN_*",
    "TRADEWIND_VAR_*",
    "TRADEWIND_CONN_*",
    "TRADEWIND_DAGS",    /* what files of it import beside themselves */
    "TRADEWIND_BUNDLES", /* likewise */
    "AIRFLOW_HOME",      /* of it its plugins, config and airflow.cfg */
    "AIRFLOW_CONFIG",
    "AIRFLOW__*",
    "TRADEWIND__*",
    NULL,
};

/* Settings that hold keys or addresses of stores, and those that are made by a command or kept elsewhere. */
static const char *const withheld[] = {
    "FERNET", "SQL_ALCHEMY", "BROKER_URL", "RESULT_BACKEND", "BACKEND_KWARGS", "_CMD", "DSN",
};

static bool matches(const char *pattern, const char *name, size_t n)
{
    size_t p = strlen(pattern);

    if (p != 0 && pattern[p - 1] == '*') {
        return n >= p - 1 && memcmp(pattern, name, p - 1) == 0;
    }
    return n == p && memcmp(pattern, name, n) == 0;
}

static bool is_passed(const char *const *patterns, const char *name, size_t n)
{
    for (size_t i = 0; patterns != NULL && patterns[i] != NULL; i++) {
        if (matches(patterns[i], name, n)) {
            return true;
        }
    }
    return false;
}

/* A setting that tasks do not see. */
static bool is_withheld(const char *entry, size_t n)
{
    char name[256];

    if (strncmp(entry, "AIRFLOW__", 9) != 0 && strncmp(entry, "TRADEWIND__", 11) != 0) {
        return false;
    }
    if (n >= sizeof name) {
        return true;
    }
    memcpy(name, entry, n);
    name[n] = '\0';
    for (size_t i = 0; i < sizeof withheld / sizeof withheld[0]; i++) {
        if (strstr(name, withheld[i]) != NULL) {
            return true;
        }
    }
    return sensitive_name(name);
}

static int add(char ***list, size_t *len, size_t *cap, char *entry)
{
    if (entry == NULL || VEC_PUSH(*list, *len, *cap, entry) != 0) {
        mem_free(entry);
        return -ERR_NOMEM;
    }
    return 0;
}

static char **finish(char **list, size_t len, size_t cap, int rc)
{
    if (rc == 0) {
        rc = VEC_PUSH(list, len, cap, NULL);
    }
    if (rc == 0) {
        return list;
    }
    for (size_t i = 0; i < len; i++) {
        mem_free(list[i]);
    }
    mem_free(list);
    return NULL;
}

/* Where the home has plugins and airflow_local_settings, if it does. */
static int add_extensions(char ***list, size_t *len, size_t *cap, const char *home)
{
    static const char name[] = "TRADEWIND_EXTENSIONS=";
    size_t room = sizeof name + 2 * (strlen(home) + sizeof "/plugins:");
    char *entry = mem_alloc(room);
    int plugins, config, n;

    if (entry == NULL) {
        return -ERR_NOMEM;
    }
    (void)snprintf(entry, room, "%s/plugins", home);
    plugins = access(entry, R_OK | X_OK);
    (void)snprintf(entry, room, "%s/config", home);
    config = access(entry, R_OK | X_OK);
    n = snprintf(entry, room, "%s", name);
    if (plugins == 0) {
        n += snprintf(entry + n, room - (size_t)n, "%s/plugins", home);
    }
    if (config == 0) {
        (void)snprintf(entry + n, room - (size_t)n, "%s%s/config", plugins == 0 ? ":" : "", home);
    }
    return add(list, len, cap, entry);
}

char **environment_base(const char *const *extra, const char *home)
{
    char **list = NULL;
    size_t len = 0, cap = 0;
    bool path = false;
    int rc = 0;

    for (char **p = environ; rc == 0 && p != NULL && *p != NULL; p++) {
        size_t n = strcspn(*p, "=");

        if ((is_passed(passed, *p, n) && !is_withheld(*p, n)) || is_passed(extra, *p, n)) {
            path = path || (n == 4 && memcmp(*p, "PATH", 4) == 0);
            rc = add(&list, &len, &cap, mem_strdup(*p));
        }
    }
    if (rc == 0 && !path) {
        rc = add(&list, &len, &cap, mem_strdup("PATH=/usr/local/bin:/usr/bin:/bin"));
    }
    rc = rc == 0 && home != NULL ? add_extensions(&list, &len, &cap, home) : rc;
    return finish(list, len, cap, rc);
}

char **environment_secrets(const char *const *env)
{
    char **list = NULL;
    size_t len = 0, cap = 0;
    int rc = 0;

    for (size_t i = 0; rc == 0 && env[i] != NULL; i++) {
        const char *value = strchr(env[i], '=');
        char *name = value != NULL ? mem_strndup(env[i], (size_t)(value - env[i])) : NULL;

        if (value != NULL && name == NULL) {
            rc = -ERR_NOMEM;
        } else if (value != NULL && strlen(value + 1) >= 4 && sensitive_name(name)) {
            rc = add(&list, &len, &cap, mem_strdup(value + 1));
        }
        mem_free(name);
    }
    return finish(list, len, cap, rc);
}

void environment_free(char **list)
{
    for (size_t i = 0; list != NULL && list[i] != NULL; i++) {
        mem_free(list[i]);
    }
    mem_free(list);
}
