#include "operators/plugins.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "model/dag.h"
#include "operators/operators.h"
#include "operators/table.h"

#define DESCRIBE_MS  10000
#define HOST_PROGRAM "tradewind-operator-host"

extern char **environ;

static pthread_mutex_t discovering = PTHREAD_MUTEX_INITIALIZER;

/* ---- a schema becomes parameters ---- */

static const struct {
    const char *word;
    enum param_type type;
    bool templated;
} types[] = {
    {"string", PARAM_STRING, true},  {"boolean", PARAM_BOOL, false}, {"integer", PARAM_INT, false},
    {"number", PARAM_NUMBER, false}, {"array", PARAM_ARRAY, true},   {"object", PARAM_OBJECT, true},
};

static bool is_word(const char *word, const char *const *words)
{
    while (*words != NULL && strcmp(word, *words) != 0) {
        words++;
    }
    return *words != NULL;
}

static int check_keywords(const char *where, const struct value *schema, const char *const *known,
                          struct err *e)
{
    for (size_t i = 0; i < schema->len; i++) {
        if (!is_word(schema->keys[i].text, known)) {
            return err_set(e, ERR_UNSUPPORTED,
                           "its schema has '%.80s' in %.80s, which is not checked here",
                           schema->keys[i].text, where);
        }
    }
    return 0;
}

static bool in_list(const struct value *list, const char *name)
{
    for (size_t i = 0; list != NULL && list->kind == VALUE_ARRAY && i < list->len; i++) {
        if (list->elems[i]->kind == VALUE_STRING && strcmp(list->elems[i]->text, name) == 0) {
            return true;
        }
    }
    return false;
}

static int param_of(const char *name, const struct value *schema, const struct value *required,
                    struct operator_param *ret, struct err *e)
{
    static const char *const known[] = {"type",    "description", "title",    "default", "enum",
                                        "minimum", "maximum",     "examples", NULL};
    const struct value *type, *doc;
    int rc;

    if (schema->kind != VALUE_OBJECT) {
        return err_set(e, ERR_INVALID, "its schema of %.80s is not an object", name);
    }
    rc = check_keywords(name, schema, known, e);
    type = value_get(schema, "type");
    doc = value_get(schema, "description");
    *ret = (struct operator_param){
        .name = name,
        .type = PARAM_ANY,
        .templated = true,
        .required = in_list(required, name),
        .doc = doc != NULL && doc->kind == VALUE_STRING ? doc->text : "",
    };
    for (size_t i = 0; rc == 0 && type != NULL && i < sizeof types / sizeof types[0]; i++) {
        if (type->kind == VALUE_STRING && strcmp(type->text, types[i].word) == 0) {
            ret->type = types[i].type;
            ret->templated = types[i].templated;
            return 0;
        }
    }
    return rc == 0 && type != NULL
               ? err_set(e, ERR_UNSUPPORTED, "its schema gives %.80s a type that is not known here",
                         name)
               : rc;
}

static int params_of(struct operator_plugin *p, const struct value *schema, struct err *e)
{
    static const char *const known[] = {
        "$schema", "type", "title", "description", "required", "properties", "additionalProperties",
        NULL};
    const struct value *required = value_get(schema, "required");
    struct operator_param *list;
    size_t n;
    int rc = check_keywords("it", schema, known, e);

    p->properties = value_get(schema, "properties");
    if (p->properties != NULL && p->properties->kind != VALUE_OBJECT) {
        return err_set(e, ERR_INVALID, "its schema's properties are not an object");
    }
    n = p->properties != NULL ? p->properties->len : 0;
    list = arena_array(&p->arena, n + 1, sizeof *list);
    if (list == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for a plug-in");
    }
    for (size_t i = 0; rc == 0 && i < n; i++) {
        rc = param_of(p->properties->keys[i].text, p->properties->elems[i], required, &list[i], e);
    }
    p->desc.params = list;
    return rc;
}

/* ---- a plug-in ---- */

/* The worker sends the attempt to the host process; only a program without that part comes here. */
static int no_host(const struct operator_context *c, struct operator_result *ret, struct err *e)
{
    (void)ret;
    return err_set(e, ERR_UNSUPPORTED, "operator '%s' is a plug-in, which runs in its host alone",
                   c->task->operator_name);
}

int operators_plugin_new(const char *path, const char *host, const char *json, size_t n,
                         struct operator_plugin **ret, struct err *e)
{
    struct operator_plugin *p = mem_zalloc(sizeof *p);
    const struct value *name, *doc, *schema, *flags;
    struct value *v = NULL;
    int64_t bits = 0;
    int rc;

    if (p == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for a plug-in");
    }
    arena_init(&p->arena, MiB(32));
    rc = value_parse(&p->arena, json, n, &v, e);
    name = rc == 0 ? value_get(v, "name") : NULL;
    doc = rc == 0 ? value_get(v, "doc") : NULL;
    schema = rc == 0 ? value_get(v, "schema") : NULL;
    flags = rc == 0 ? value_get(v, "flags") : NULL;
    if (rc == 0 && (name == NULL || name->kind != VALUE_STRING || schema == NULL ||
                    schema->kind != VALUE_OBJECT || flags == NULL ||
                    value_int(flags, 0, UINT32_MAX, &bits) != 0)) {
        rc = err_set(e, ERR_INVALID, "its description is not complete");
    }
    rc = rc == 0 ? params_of(p, schema, e) : rc;
    if (rc == 0) {
        p->path = arena_strdup(&p->arena, path);
        p->host = arena_strdup(&p->arena, host);
        rc = p->path == NULL || p->host == NULL ? err_set(e, ERR_NOMEM, "out of memory") : 0;
    }
    if (rc != 0) {
        operators_plugin_free(p);
        return rc;
    }
    p->desc.name = name->text;
    p->desc.doc = doc != NULL && doc->kind == VALUE_STRING ? doc->text : "";
    p->waits = bits & 1; /* TW_OPERATOR_WAITS, TW_OPERATOR_REPEATS of operator.h */
    p->impl = (struct operator_impl){
        .name = name->text,
        .loss = bits & 2 ? LOSS_REPEAT : LOSS_LOST,
        .wait = no_host,
        .plugin = p,
    };
    *ret = p;
    return 0;
}

void operators_plugin_free(struct operator_plugin *p)
{
    if (p != NULL) {
        arena_fini(&p->arena);
        mem_free(p);
    }
}

static int check_range(const char *name, const struct value *schema, const struct value *v,
                       struct err *e)
{
    const struct value *min = value_get(schema, "minimum"), *max = value_get(schema, "maximum");
    double x, limit;

    if (v->kind != VALUE_NUMBER || value_double(v, &x) != 0) {
        return 0;
    }
    if (min != NULL && value_double(min, &limit) == 0 && x < limit) {
        return err_set(e, ERR_INVALID, "%s is %s, at least %s is needed", name, v->text, min->text);
    }
    if (max != NULL && value_double(max, &limit) == 0 && x > limit) {
        return err_set(e, ERR_INVALID, "%s is %s, at most %s is possible", name, v->text,
                       max->text);
    }
    return 0;
}

int operators_plugin_check(const struct operator_plugin *p, const struct value *params,
                           struct err *e)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && p->properties != NULL && i < p->properties->len; i++) {
        const char *name = p->properties->keys[i].text;
        const struct value *schema = p->properties->elems[i], *v = value_get(params, name);
        const struct value *list = value_get(schema, "enum");
        bool found = list == NULL || list->kind != VALUE_ARRAY;

        if (v == NULL) {
            continue;
        }
        for (size_t k = 0; !found && k < list->len; k++) {
            found = value_equal(list->elems[k], v);
        }
        rc = found ? check_range(name, schema, v, e)
                   : err_set(e, ERR_INVALID, "%s is not one of the values that operator '%s' takes",
                             name, p->desc.name);
    }
    return rc;
}

/* ---- the known ones ---- */

static struct operator_plugin *plugins[OPERATOR_PLUGINS_MAX];
static size_t plugins_len;

const struct operator_plugin *operators_plugin_find(const char *name)
{
    size_t n = __atomic_load_n(&plugins_len, __ATOMIC_ACQUIRE);

    for (size_t i = 0; i < n; i++) {
        if (strcmp(plugins[i]->desc.name, name) == 0) {
            return plugins[i];
        }
    }
    return NULL;
}

int operators_plugin_add(struct operator_plugin *p, struct err *e)
{
    const struct operator_plugin *other = operators_plugin_find(p->desc.name);

    if (other != NULL) {
        return err_set(e, ERR_EXISTS, "operator '%s' is that of %s already", p->desc.name,
                       other->path);
    }
    if (operators_find(p->desc.name) != NULL) {
        return err_set(e, ERR_EXISTS, "operator '%s' is built in", p->desc.name);
    }
    if (plugins_len == OPERATOR_PLUGINS_MAX || operators_extend(&p->desc) != 0) {
        return err_set(e, ERR_LIMIT, "there are more than %d plug-ins", OPERATOR_PLUGINS_MAX);
    }
    plugins[plugins_len] = p;
    __atomic_store_n(&plugins_len, plugins_len + 1, __ATOMIC_RELEASE);
    return 0;
}

/* ---- discovery ---- */

static int64_t now_ms(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Reads until the end, at most DESCRIBE_MS. */
static bool read_answer(int fd, struct buf *out)
{
    int64_t end = now_ms() + DESCRIBE_MS;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    char chunk[16384];

    for (;;) {
        int64_t left = end - now_ms();
        ssize_t n;

        if (left <= 0 || poll(&p, 1, (int)left) < 0) {
            return false;
        }
        n = p.revents != 0 ? read(fd, chunk, sizeof chunk) : 1;
        if (p.revents != 0 && n <= 0) {
            return n == 0;
        }
        if (p.revents != 0) {
            (void)buf_append(out, chunk, (size_t)n);
        }
    }
}

static int start_describe(const char *host, const char *path, int out, pid_t *ret)
{
    char *argv[] = {(char *)host, (char *)path, "describe", NULL};
    posix_spawn_file_actions_t fa;
    int rc = posix_spawn_file_actions_init(&fa);

    if (rc == 0) {
        rc = posix_spawn_file_actions_addopen(&fa, 0, "/dev/null", O_RDONLY, 0);
        rc = rc == 0 ? posix_spawn_file_actions_adddup2(&fa, out, 1) : rc;
        rc = rc == 0 ? posix_spawn_file_actions_adddup2(&fa, out, 2) : rc;
        rc = rc == 0 ? posix_spawn(ret, host, &fa, NULL, argv, environ) : rc;
        (void)posix_spawn_file_actions_destroy(&fa);
    }
    return rc;
}

static int describe(const char *host, const char *path, struct buf *out, struct err *e)
{
    int fds[2], rc, status = 0;
    bool whole;
    pid_t pid;

    if (pipe2(fds, O_CLOEXEC) != 0) {
        return err_errno(e, errno, "no pipe");
    }
    rc = start_describe(host, path, fds[1], &pid);
    (void)close(fds[1]);
    if (rc != 0) {
        (void)close(fds[0]);
        return err_errno(e, rc, "cannot start %s", host);
    }
    whole = read_answer(fds[0], out);
    (void)close(fds[0]);
    if (!whole) {
        (void)kill(pid, SIGKILL);
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    if (!whole) {
        return err_set(e, ERR_TIMEOUT, "did not say what it is within %d s", DESCRIBE_MS / 1000);
    }
    if (WIFSIGNALED(status)) {
        return err_set(e, ERR_FAILED, "its host died when it was loaded: signal %d",
                       WTERMSIG(status));
    }
    if (WEXITSTATUS(status) != 0) {
        return err_set(e, ERR_INVALID, "%.*s", (int)strcspn(buf_cstr(out), "\n"), buf_cstr(out));
    }
    return buf_status(out);
}

static bool is_known(const char *path)
{
    for (size_t i = 0; i < plugins_len; i++) {
        if (strcmp(plugins[i]->path, path) == 0) {
            return true;
        }
    }
    return false;
}

struct discovery {
    const char *host;
    void (*refused)(void *arg, const char *path, const char *text);
    void *arg;
};

static void discover_one(const struct discovery *d, const char *path)
{
    struct operator_plugin *p = NULL;
    struct err e = {0};
    char real[PATH_MAX];
    struct buf out;
    int rc;

    if (realpath(path, real) == NULL) {
        d->refused(d->arg, path, "there is no such file");
        return;
    }
    if (is_known(real)) {
        return;
    }
    buf_init(&out, MiB(4));
    rc = describe(d->host, real, &out, &e);
    rc = rc == 0 ? operators_plugin_new(real, d->host, buf_cstr(&out), out.len, &p, &e) : rc;
    rc = rc == 0 ? operators_plugin_add(p, &e) : rc;
    if (rc != 0) {
        operators_plugin_free(p);
        d->refused(d->arg, path, err_str(&e));
    }
    buf_fini(&out);
}

static int is_object_file(const struct dirent *d)
{
    size_t n = strlen(d->d_name);

    return d->d_name[0] != '.' && n > 3 && strcmp(d->d_name + n - 3, ".so") == 0;
}

static void discover_folder(const struct discovery *d, const char *home)
{
    struct dirent **list = NULL;
    char path[PATH_MAX];
    int n;

    (void)snprintf(path, sizeof path, "%s/operators", home);
    n = scandir(path, &list, is_object_file, alphasort);
    for (int i = 0; i < n; i++) {
        (void)snprintf(path, sizeof path, "%s/operators/%s", home, list[i]->d_name);
        discover_one(d, path);
        free(list[i]); /* not ours */
    }
    free(list); /* not ours */
}

static void discover_named(const struct discovery *d, const char *list)
{
    char path[PATH_MAX];

    while (*list != '\0') {
        size_t n = strcspn(list, ":");

        if (n != 0 && n < sizeof path) {
            (void)snprintf(path, sizeof path, "%.*s", (int)n, list);
            discover_one(d, path);
        }
        list += n + (list[n] == ':');
    }
}

bool operators_wanted(const char *home)
{
    const char *named = getenv("TRADEWIND_OPERATORS");
    char path[PATH_MAX];

    (void)snprintf(path, sizeof path, "%s/operators", home);
    return (named != NULL && named[0] != '\0') || access(path, R_OK) == 0;
}

/* Beside the holder when installed, in a folder of its own in a build tree. */
static bool find_host(const char *holder, char *ret, size_t cap)
{
    static const char *const places[] = {"", "../ophost/"};
    const char *slash = strrchr(holder, '/');

    for (size_t i = 0; slash != NULL && i < 2; i++) {
        (void)snprintf(ret, cap, "%.*s/%s" HOST_PROGRAM, (int)(slash - holder), holder, places[i]);
        if (access(ret, X_OK) == 0) {
            return true;
        }
    }
    return false;
}

void operators_discover(const char *home, const char *holder,
                        void (*refused)(void *arg, const char *path, const char *text), void *arg)
{
    const char *named = getenv("TRADEWIND_OPERATORS");
    char host[PATH_MAX];
    struct discovery d = {.host = host, .refused = refused, .arg = arg};

    if (!operators_wanted(home)) {
        return;
    }
    if (!find_host(holder, host, sizeof host)) {
        refused(arg, HOST_PROGRAM,
                "is not beside tradewind-holder; the installation is incomplete");
        return;
    }
    (void)pthread_mutex_lock(&discovering);
    discover_folder(&d, home);
    discover_named(&d, named != NULL ? named : "");
    (void)pthread_mutex_unlock(&discovering);
}
