/* What DAGs get that do not say it: from a home's configuration, for the process. */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "config/config.h"
#include "engine/timing.h"
#include "home/home.h"
#include "model/dag.h"
#include "model/document.h"
#include "model/zone.h"
#include "operators/operators.h"

static struct dag_defaults defaults;
static char timezone_name[128];

static int set_timezone(const char *name, struct err *e)
{
    bool is_utc = strcasecmp(name, "utc") == 0;
    struct zone *zone = NULL;
    int rc = is_utc ? 0
             : strlen(name) >= sizeof timezone_name
                 ? err_set(e, ERR_INVALID, "the name of a time zone is shorter")
                 : timing_load_zone(name, &zone, e);

    zone_free(zone);
    if (rc != 0) {
        return err_prefix(e, rc, "core.default_timezone is '%.60s'", name);
    }
    (void)snprintf(timezone_name, sizeof timezone_name, "%s", is_utc ? "" : name);
    defaults.timezone = is_utc ? NULL : timezone_name;
    return 0;
}

int home_set_defaults(const struct config *c, struct err *e)
{
    int rc = set_timezone(config_text(c, "core.default_timezone"), e);

    if (rc != 0) {
        return rc;
    }
    defaults.max_active_tasks = (int32_t)config_int(c, "core.max_active_tasks_per_dag");
    defaults.max_active_runs = (int32_t)config_int(c, "core.max_active_runs_per_dag");
    defaults.max_consecutive_failed_dag_runs =
        (int32_t)config_int(c, "core.max_consecutive_failed_dag_runs_per_dag");
    defaults.catchup = config_bool(c, "scheduler.catchup_by_default");
    defaults.paused = config_bool(c, "core.dags_are_paused_at_creation");
    defaults.retries = (int32_t)config_int(c, "core.default_task_retries");
    defaults.retry_delay_us = config_us(c, "core.default_task_retry_delay");
    defaults.execution_timeout_us = config_us(c, "core.default_task_execution_timeout");
    defaults.weight_rule =
        (uint8_t)weight_rule_from_string(config_text(c, "core.default_task_weight_rule"));
    operators_set_defaults(&defaults);
    return 0;
}
