/* Import errors, what is installed, and what this program has none of. */
#include <stdio.h>
#include <string.h>

#include "server/api.h"

/* ---- import errors: of the scheduler that looks at the folder ---- */

static void put_import_error(struct call *c, const struct value *v, enum api_known known)
{
    int64_t us = TIME_NONE;

    json_object(&c->w);
    json_key(&c->w, "import_error_id");
    json_value(&c->w, value_get(v, "import_error_id"));
    (void)value_int(value_get(v, "timestamp_us"), 0, INT64_MAX, &us);
    put_time(c, "timestamp", us);
    put_text(c, "bundle_name", "dags-folder");
    json_key(&c->w, "filename");
    json_value(&c->w, value_get(v, "filename"));
    if (known == API_ALL_OF_IT) {
        json_key(&c->w, "stack_trace");
        json_value(&c->w, value_get(v, "stack_trace"));
    } else {
        put_text(c, "stack_trace", API_REDACTED);
    }
    json_object_end(&c->w);
}

int api_import_errors(struct call *c, struct err *e)
{
    struct value *all = NULL;
    struct api_files k;
    struct api_page p;
    int64_t total = 0;
    int rc = api_page(c, &p, e);

    rc = rc == 0 ? api_files(c, &k, e) : rc;
    rc = rc == 0 ? server_ask(c, "import_errors", NULL, &all, e) : rc;
    if (rc != 0) {
        return rc;
    }
    api_list(c, "import_errors");
    for (size_t i = 0; all != NULL && i < all->len; i++) {
        const struct value *name = value_get(all->elems[i], "filename");

        if (name == NULL || !api_pattern(c, "filename", name->text) ||
            api_file_known(&k, name->text) == API_NOTHING) {
            continue;
        }
        if (total >= (int64_t)p.offset && total - (int64_t)p.offset < (int64_t)p.limit) {
            put_import_error(c, all->elems[i], api_file_known(&k, name->text));
        }
        total++;
    }
    api_list_end(c, total);
    return 0;
}

int api_import_error(struct call *c, struct err *e)
{
    const char *id = call_param(c, "import_error_id");
    struct value *all = NULL;
    struct api_files k;
    int rc = api_files(c, &k, e);

    rc = rc == 0 ? server_ask(c, "import_errors", NULL, &all, e) : rc;
    for (size_t i = 0; rc == 0 && all != NULL && i < all->len; i++) {
        const struct value *v = value_get(all->elems[i], "import_error_id");
        const struct value *name = value_get(all->elems[i], "filename");
        enum api_known known = name != NULL ? api_file_known(&k, name->text) : API_NOTHING;

        if (v != NULL && strcmp(v->text, id) == 0 && known != API_NOTHING) {
            put_import_error(c, all->elems[i], known);
            return 0;
        }
    }
    return rc != 0 ? rc
                   : err_set(e, ERR_NOTFOUND,
                             "The ImportError with import_error_id: `%s` was not found", id);
}

/* ---- what the Python of DAG files and tasks has ---- */

static int put_installed(struct call *c, const char *name, struct err *e)
{
    const struct value *all = NULL, *list;
    struct api_page p;
    int rc = api_page(c, &p, e);

    rc = rc == 0 ? server_installed(c, &all, e) : rc;
    if (rc != 0) {
        return rc;
    }
    list = value_get(all, name);
    api_list(c, name);
    for (size_t i = p.offset; list != NULL && i < list->len && i - p.offset < p.limit; i++) {
        json_value(&c->w, list->elems[i]);
    }
    api_list_end(c, list != NULL ? (int64_t)list->len : 0);
    return 0;
}

int api_providers(struct call *c, struct err *e)
{
    return put_installed(c, "providers", e);
}

int api_plugins(struct call *c, struct err *e)
{
    return put_installed(c, "plugins", e);
}

int api_plugin_errors(struct call *c, struct err *e)
{
    return put_installed(c, "import_errors", e);
}

/* ---- what there is none of here: nothing is warned of ---- */

int api_dag_warnings(struct call *c, struct err *e)
{
    (void)e;
    api_list(c, "dag_warnings");
    api_list_end(c, 0);
    return 0;
}

/* The processes that work: the scheduler, if it answers. */
int api_jobs(struct call *c, struct err *e)
{
    const struct value *stats = NULL, *pid;
    int64_t id = 0, us = TIME_NONE;
    bool alive = server_stats(c, &stats, NULL) == 0 && stats != NULL;
    const struct value *started = alive ? value_get(stats, "started") : NULL;

    (void)e;
    api_list(c, "jobs");
    pid = alive ? value_get(stats, "pid") : NULL;
    if (alive) {
        (void)value_int(pid, 0, INT64_MAX, &id);
        if (started != NULL && started->kind == VALUE_STRING) {
            (void)time_parse(started->text, started->len, &us);
        }
        json_object(&c->w);
        put_int(c, "id", id);
        put_null(c, "dag_id");
        put_text(c, "state", "running");
        put_text(c, "job_type", "SchedulerJob");
        put_time(c, "start_date", us);
        put_null(c, "end_date");
        put_null(c, "latest_heartbeat");
        put_text(c, "executor_class", "LocalExecutor");
        put_text(c, "hostname", api_host(c));
        put_null(c, "unixname");
        put_null(c, "dag_display_name");
        json_object_end(&c->w);
    }
    api_list_end(c, alive);
    return 0;
}
