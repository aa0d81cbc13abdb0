#include "bundle/list.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/time.h"
#include "config/config.h"

#define NAME_BYTES_MAX 64
#define AIRFLOW_LIST   "dag_processor.dag_bundle_config_list"

struct reading {
    struct arena *a;
    const char *folder;
    const char *where; /* of what is read: file, or name of a variable */
    int64_t refresh_us;
    struct bundle_spec *list;
    size_t len;
    struct err *e;
};

/* An error at a value. */
static int wrong(const struct reading *r, const struct value *v, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static int wrong(const struct reading *r, const struct value *v, const char *fmt, ...)
{
    char text[600];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return v != NULL && v->line > 0 ? err_set(r->e, ERR_INVALID, "%s:%d:%d: bundles: %s", r->where,
                                              v->line, v->col, text)
                                    : err_set(r->e, ERR_INVALID, "%s: %s", r->where, text);
}

static int check_name(const struct reading *r, const struct value *v, const char *name)
{
    size_t n = strlen(name);

    if (n == 0 || n > NAME_BYTES_MAX || name[0] == '.' || name[0] == '-' ||
        strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-") != n) {
        return wrong(r, v, "the name '%.100s': letters, digits and _.- (at most %d)", name,
                     NAME_BYTES_MAX);
    }
    for (size_t i = 0; i < r->len; i++) {
        if (strcmp(r->list[i].name, name) == 0) {
            return wrong(r, v, "there are two bundles of the name '%s'", name);
        }
    }
    return 0;
}

/* A path in one form: absolute, no slash twice or at its end, no "." */
static const char *plain_path(struct arena *a, const char *path)
{
    char *out = arena_alloc(a, strlen(path) + 2);
    size_t n = 0;

    while (out != NULL && *path != '\0') {
        size_t part;

        path += strspn(path, "/");
        part = strcspn(path, "/");
        if (part != 0 && !(part == 1 && path[0] == '.')) {
            out[n++] = '/';
            memcpy(out + n, path, part);
            n += part;
        }
        path += part;
    }
    if (out != NULL) {
        n = n == 0 ? (size_t)(out[0] = '/', 1) : n;
        out[n] = '\0';
    }
    return out;
}

static int set_duration(const struct reading *r, const struct value *v, int64_t *ret)
{
    if ((v->kind != VALUE_STRING && v->kind != VALUE_NUMBER) ||
        duration_parse(v->text, v->len, ret) != 0 || *ret < TIME_SECOND) {
        return wrong(r, v, "refresh_interval is a duration of a second or more: 30, 1m, 2h");
    }
    return 0;
}

/* The member of a bundle that a name means, or NULL. */
static const char **member_of(struct bundle_spec *s, const char *name)
{
    const struct {
        const char *name;
        const char **at;
    } members[] = {{"path", &s->path},
                   {"url", &s->url},
                   {"repo_url", &s->url},
                   {"ref", &s->ref},
                   {"branch", &s->ref},
                   {"tracking_ref", &s->ref},
                   {"subdir", &s->subdir},
                   {"connection", &s->connection},
                   {"git_conn_id", &s->connection}};

    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        if (strcmp(members[i].name, name) == 0) {
            return members[i].at;
        }
    }
    return NULL;
}

/* Members that Airflow has and that mean nothing here. */
static bool is_ignored(const char *name)
{
    return strcmp(name, "view_url") == 0 || strcmp(name, "view_url_template") == 0 ||
           strcmp(name, "team_name") == 0 || strcmp(name, "prune_dotgit_folder") == 0;
}

static int take_member(const struct reading *r, struct bundle_spec *s, const char *name,
                       const struct value *v)
{
    const char **at = member_of(s, name);

    if (v->kind == VALUE_NULL || is_ignored(name)) {
        return 0;
    }
    if (strcmp(name, "refresh_interval") == 0) {
        return set_duration(r, v, &s->refresh_us);
    }
    if (strcmp(name, "submodules") == 0 && v->kind == VALUE_BOOL) {
        return v->boolean ? wrong(r, v, "submodules are not fetched") : 0;
    }
    if (at == NULL) {
        return wrong(r, v,
                     "a bundle has no '%.60s'; it has name, kind, path, or url, ref, subdir, "
                     "refresh_interval, connection",
                     name);
    }
    if (v->kind != VALUE_STRING && v->kind != VALUE_NUMBER) {
        return wrong(r, v, "'%.60s' is a text", name);
    }
    *at = arena_strdup(r->a, v->text);
    return *at == NULL ? err_set(r->e, ERR_NOMEM, "out of memory for bundles") : 0;
}

static int take_members(const struct reading *r, struct bundle_spec *s, const struct value *v)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < v->len; i++) {
        const char *name = v->keys[i].text;

        if (strcmp(name, "name") != 0 && strcmp(name, "kind") != 0 &&
            strcmp(name, "classpath") != 0 && strcmp(name, "kwargs") != 0) {
            rc = take_member(r, s, name, v->elems[i]);
        }
    }
    return rc;
}

/* *ret_kind: -1 when nothing says it. */
static int kind_of(const struct reading *r, const struct value *v, int *ret_kind)
{
    const struct value *kind = value_get(v, "kind"), *path = value_get(v, "classpath");
    const char *text, *dot;

    *ret_kind = -1;
    if (path != NULL && path->kind == VALUE_STRING) {
        dot = strrchr(path->text, '.');
        text = dot != NULL ? dot + 1 : path->text;
        if (strcmp(text, "LocalDagBundle") != 0 && strcmp(text, "GitDagBundle") != 0) {
            return wrong(r, path,
                         "bundles of the class '%.200s' cannot be read; LocalDagBundle and "
                         "GitDagBundle can",
                         path->text);
        }
        *ret_kind = text[0] == 'G' ? BUNDLE_GIT : BUNDLE_FOLDER;
    } else if (kind != NULL) {
        if (kind->kind != VALUE_STRING ||
            (strcmp(kind->text, "folder") != 0 && strcmp(kind->text, "git") != 0)) {
            return wrong(r, kind, "kind is folder or git");
        }
        *ret_kind = kind->text[0] == 'g' ? BUNDLE_GIT : BUNDLE_FOLDER;
    }
    return 0;
}

static int finish(const struct reading *r, const struct value *v, int kind, struct bundle_spec *s)
{
    bool git = kind == BUNDLE_GIT || (kind < 0 && s->url != NULL);

    s->kind = git ? BUNDLE_GIT : BUNDLE_FOLDER;
    if (git && s->path != NULL) {
        return wrong(r, v, "'%s' is a repository and has a path: it is one or the other", s->name);
    }
    if (git && s->url == NULL) {
        return wrong(r, v, "'%s' is a repository without a url (Airflow: repo_url)", s->name);
    }
    if (!git && (s->url != NULL || s->ref != NULL || s->subdir != NULL || s->connection != NULL)) {
        return wrong(r, v, "'%s' is a folder and has url, ref, subdir or connection", s->name);
    }
    if (!git) {
        if (s->path != NULL && s->path[0] != '/') {
            return wrong(r, v, "the path of '%s' is not absolute", s->name);
        }
        s->path = plain_path(r->a, s->path != NULL ? s->path : r->folder);
        return s->path == NULL ? err_set(r->e, ERR_NOMEM, "out of memory for bundles") : 0;
    }
    s->subdir = s->subdir != NULL ? s->subdir : "";
    return 0;
}

static int take_bundle(struct reading *r, const struct value *v)
{
    const struct value *name = v->kind == VALUE_OBJECT ? value_get(v, "name") : NULL;
    const struct value *kwargs = v->kind == VALUE_OBJECT ? value_get(v, "kwargs") : NULL;
    struct bundle_spec s = {.refresh_us = r->refresh_us};
    int kind, rc;

    if (name == NULL || name->kind != VALUE_STRING) {
        return wrong(r, v, "a bundle is a map with a name");
    }
    s.name = arena_strdup(r->a, name->text);
    if (s.name == NULL) {
        return err_set(r->e, ERR_NOMEM, "out of memory for bundles");
    }
    rc = check_name(r, name, s.name);
    rc = rc == 0 ? kind_of(r, v, &kind) : rc;
    rc = rc == 0 ? take_members(r, &s, v) : rc;
    if (rc == 0 && kwargs != NULL && kwargs->kind == VALUE_OBJECT) {
        rc = take_members(r, &s, kwargs);
    }
    rc = rc == 0 ? finish(r, v, kind, &s) : rc;
    if (rc == 0) {
        r->list[r->len++] = s;
    }
    return rc;
}

static int take_list(struct reading *r, const struct value *v)
{
    int rc = 0;

    if (v->kind != VALUE_ARRAY || v->len == 0) {
        return wrong(r, v, "is a list of bundles, with one at least");
    }
    if (v->len > LIMIT_BUNDLES) {
        return wrong(r, v, "more than %d", LIMIT_BUNDLES);
    }
    for (size_t i = 0; rc == 0 && i < v->len; i++) {
        rc = take_bundle(r, v->elems[i]);
    }
    return rc;
}

static int take_airflow_list(struct reading *r, const char *text)
{
    struct value *v;
    struct err own = {0};

    return value_parse(r->a, text, strlen(text), &v, &own) != 0
               ? err_set(r->e, ERR_INVALID, "%s: is not JSON: %s", r->where, err_str(&own))
               : take_list(r, v);
}

int bundle_list_read(const struct config *c, const char *folder, const char *only_folder,
                     struct arena *a, struct bundle_spec **ret, size_t *ret_len, struct err *e)
{
    struct reading r = {.a = a, .folder = folder, .e = e};
    const struct value *list = config_value(c, "bundles");
    const char *airflow = config_text(c, AIRFLOW_LIST);
    int rc = 0;

    r.refresh_us = config_us(c, "dag_processor.refresh_interval");
    r.list = arena_array(a, LIMIT_BUNDLES, sizeof *r.list);
    if (r.list == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for bundles");
    }
    if (only_folder == NULL && list != NULL && list->kind != VALUE_NULL) {
        r.where = config_path(c);
        rc = take_list(&r, list);
    } else if (only_folder == NULL && airflow[0] != '\0') {
        r.where = config_source(c, AIRFLOW_LIST);
        rc = take_airflow_list(&r, airflow);
    } else {
        r.list[r.len++] =
            (struct bundle_spec){.name = BUNDLE_DEFAULT_NAME,
                                 .path = plain_path(a, only_folder != NULL ? only_folder : folder)};
        rc = r.list[0].path == NULL ? err_set(e, ERR_NOMEM, "out of memory for bundles") : 0;
    }
    *ret = r.list;
    *ret_len = r.len;
    return rc;
}

int bundle_list_export(const struct bundle_spec *list, size_t n, const char *home, struct err *e)
{
    struct buf b BUF_CLEANUP;

    buf_init(&b, MiB(1));
    for (size_t i = 0; i < n; i++) {
        (void)buf_str(&b, i > 0 ? ":" : "");
        if (list[i].kind == BUNDLE_FOLDER) {
            (void)buf_str(&b, list[i].path);
        } else {
            (void)buf_printf(&b, "%s/bundles/%s/trees/*%s%s", home, list[i].name,
                             list[i].subdir[0] != '\0' ? "/" : "", list[i].subdir);
        }
    }
    return buf_status(&b) != 0 || setenv("TRADEWIND_BUNDLES", buf_cstr(&b), 1) != 0
               ? err_set(e, ERR_NOMEM, "out of memory for the environment")
               : 0;
}
