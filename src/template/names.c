/* Airflow's names: which of them stand for objects, which only the runner has, which were removed; and variables (var). */
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "template/rt.h"

static bool is_one_of(const char *const *names, const char *name, size_t n)
{
    for (; *names != NULL; names++) {
        if (strlen(*names) == n && memcmp(*names, name, n) == 0) {
            return true;
        }
    }
    return false;
}

bool name_is_object(const char *name, size_t n)
{
    static const char *const names[] = {"dag", "dag_run", "task", "task_instance", "ti", NULL};

    return is_one_of(names, name, n);
}

bool name_is_elsewhere(const char *name, size_t n)
{
    static const char *const names[] = {
        "asset_state_store",
        "conn",
        "exception",
        "expanded_ti_count",
        "inlet_events",
        "inlets",
        "macros",
        "map_index_template",
        "outlet_events",
        "outlets",
        "prev_data_interval_end_success",
        "prev_data_interval_start_success",
        "prev_end_date_success",
        "prev_start_date_success",
        "reason",
        "start_date",
        "task_reschedule_count",
        "task_state_store",
        "templates_dict",
        "test_mode",
        "triggering_asset_events",
        NULL,
    };

    return is_one_of(names, name, n);
}

#define REMOVED "removed in Airflow 3: use "
#define NO_DATE ": the run has no logical date"

/* The same words as in python/tradewind/templates.py. */
const char *name_hint(const char *name, size_t n)
{
    static const struct {
        const char *name, *hint;
    } hints[] = {
        {"conf", ": " REMOVED "dag_run.conf for the run's conf"},
        {"execution_date", ": " REMOVED "logical_date"},
        {"next_ds", ": " REMOVED "data_interval_end | ds"},
        {"next_ds_nodash", ": " REMOVED "data_interval_end | ds_nodash"},
        {"next_execution_date", ": " REMOVED "data_interval_end"},
        {"prev_ds", ": " REMOVED "prev_data_interval_start_success | ds"},
        {"prev_ds_nodash", ": " REMOVED "prev_data_interval_start_success | ds_nodash"},
        {"prev_execution_date", ": " REMOVED "prev_data_interval_start_success"},
        {"prev_execution_date_success", ": " REMOVED "prev_data_interval_start_success"},
        {"tomorrow_ds", ": " REMOVED "macros.ds_add(ds, 1)"},
        {"tomorrow_ds_nodash", ": " REMOVED "macros.ds_add(ds, 1) | replace('-', '')"},
        {"triggering_dataset_events", ": " REMOVED "triggering_asset_events"},
        {"yesterday_ds", ": " REMOVED "macros.ds_add(ds, -1)"},
        {"yesterday_ds_nodash", ": " REMOVED "macros.ds_add(ds, -1) | replace('-', '')"},
        {"data_interval_end", NO_DATE},
        {"data_interval_start", NO_DATE},
        {"ds", NO_DATE},
        {"ds_nodash", NO_DATE},
        {"logical_date", NO_DATE},
        {"ts", NO_DATE},
        {"ts_nodash", NO_DATE},
        {"ts_nodash_with_tz", NO_DATE},
    };

    for (size_t i = 0; i < sizeof hints / sizeof *hints; i++) {
        if (strlen(hints[i].name) == n && memcmp(hints[i].name, name, n) == 0) {
            return hints[i].hint;
        }
    }
    return "";
}

/* 1 and *ret set, 0 when there is no such variable, negative on error. */
static int var_find(struct rt *r, const struct tv *x, const char *name, size_t n, struct tv *ret)
{
    const char *key = arena_strndup(&r->arena, name, n), *text = NULL;
    struct value *v;
    int rc;

    if (key == NULL) {
        return rt_nomem(r);
    }
    if (r->c->variable == NULL) {
        return rt_fail(r, ERR_UNSUPPORTED, "there are no variables here");
    }
    rc = r->c->variable(r->c->arg, key, &r->arena, &text, r->e);
    if (rc != 0 || text == NULL) {
        return rc;
    }
    if (x->n == OBJECT_VAR_VALUE) {
        *ret = tv_str(text, strlen(text));
        return 1;
    }
    /* Python's reader takes more than JSON (NaN): what is not JSON is left to it. */
    if (value_parse(&r->arena, text, strlen(text), &v, r->e) != 0) {
        return rt_fail(r, ERR_UNSUPPORTED, "the variable '%s' is not JSON", key);
    }
    rc = tv_from_value(r, v, NULL, ret);
    return rc != 0 ? rc : 1;
}

int var_attr(struct rt *r, const struct tv *x, const char *name, size_t n, struct tv *ret)
{
    int rc;

    if (x->n == OBJECT_VAR) {
        bool value = n == 5 && memcmp(name, "value", 5) == 0;

        if (!value && (n != 4 || memcmp(name, "json", 4) != 0)) {
            return rt_fail(r, ERR_UNSUPPORTED, "var has value and json only");
        }
        *ret = (struct tv){.kind = TV_OBJECT, .n = value ? OBJECT_VAR_VALUE : OBJECT_VAR_JSON};
        return 0;
    }
    if (n == 0 || name[0] == '_' || (n == 3 && memcmp(name, "get", 3) == 0)) {
        return rt_fail(r, ERR_UNSUPPORTED, "the attribute '%.*s' of variables is not supported",
                       (int)(n > 100 ? 100 : n), name);
    }
    rc = var_find(r, x, name, n, ret);
    return rc == 0  ? rt_fail(r, ERR_NOTFOUND, "the variable '%.*s' is not defined",
                              (int)(n > 200 ? 200 : n), name)
           : rc < 0 ? rc
                    : 0;
}

static int m_var_get(struct rt *r, const struct call *c, struct tv *ret)
{
    struct tv key;
    int rc = arg_str(r, c, 0, &key);

    rc = rc != 0 ? rc : var_find(r, &c->self, key.s, key.n, ret);
    if (rc == 0 && c->argv[1].kind == TV_ABSENT) {
        return rt_fail(r, ERR_NOTFOUND, "the variable '%.*s' is not defined",
                       (int)(key.n > 200 ? 200 : key.n), key.s);
    }
    if (rc == 0) {
        *ret = c->argv[1];
    }
    return rc < 0 ? rc : 0;
}

const struct fn_desc methods_var[] = {
    {"get", "key default", 1, m_var_get},
    {NULL, NULL, 0, NULL},
};
