/* From a parsed command line to the function that does the work. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/session.h"

static const struct {
    const char *name;
    int (*run)(struct cli *cli);
} handlers[] = {
    {"run", cmd_run},
    {"scheduler", cmd_scheduler},
    {"standalone", cmd_standalone},
    {"doctor", cmd_doctor},
    {"analyze", cmd_analyze},
    {"drain", cmd_drain},
    {"reload", cmd_reload},
    {"api-server", cmd_api_server},
    {"dags list", cmd_dags_list},
    {"dags pause", cmd_dags_pause},
    {"dags unpause", cmd_dags_unpause},
    {"dags next-execution", cmd_dags_next},
    {"dags show", cmd_dags_show},
    {"dags validate", cmd_dags_validate},
    {"dags convert", cmd_dags_convert},
    {"dags test", cmd_dags_test},
    {"dags trigger", cmd_dags_trigger},
    {"dags delete", cmd_dags_delete},
    {"backfill create", cmd_backfill_create},
    {"backfill list", cmd_backfill_list},
    {"backfill show", cmd_backfill_show},
    {"backfill resume", cmd_backfill_resume},
    {"backfill pause", cmd_backfill_pause},
    {"backfill unpause", cmd_backfill_unpause},
    {"backfill cancel", cmd_backfill_cancel},
    {"runs list", cmd_runs_list},
    {"runs show", cmd_runs_show},
    {"runs export", cmd_runs_export},
    {"runs resume", cmd_runs_resume},
    {"runs rerun", cmd_runs_rerun},
    {"runs mark", cmd_runs_mark},
    {"runs note", cmd_runs_note},
    {"tasks list", cmd_tasks_list},
    {"tasks logs", cmd_tasks_logs},
    {"tasks why", cmd_tasks_why},
    {"tasks clear", cmd_tasks_clear},
    {"tasks mark", cmd_tasks_mark},
    {"tasks note", cmd_tasks_note},
    {"tasks respond", cmd_tasks_respond},
    {"tasks test", cmd_tasks_test},
    {"tasks render", cmd_tasks_render},
    {"xcom list", cmd_xcom_list},
    {"xcom get", cmd_xcom_get},
    {"xcom delete", cmd_xcom_delete},
    {"db migrate", cmd_db_migrate},
    {"db reset", cmd_db_reset},
    {"db check", cmd_db_check},
    {"db clean", cmd_db_clean},
    {"db backup", cmd_db_backup},
    {"db restore", cmd_db_restore},
    {"variables list", cmd_variables_list},
    {"variables get", cmd_variables_get},
    {"variables set", cmd_variables_set},
    {"variables delete", cmd_variables_delete},
    {"variables import", cmd_variables_import},
    {"variables export", cmd_variables_export},
    {"connections list", cmd_connections_list},
    {"connections get", cmd_connections_get},
    {"connections add", cmd_connections_add},
    {"connections delete", cmd_connections_delete},
    {"connections import", cmd_connections_import},
    {"connections export", cmd_connections_export},
    {"bundles list", cmd_bundles_list},
    {"bundles show", cmd_bundles_show},
    {"bundles refresh", cmd_bundles_refresh},
    {"dags list-import-errors", cmd_dags_import_errors},
    {"alerts list", cmd_alerts_list},
    {"alerts channels", cmd_alerts_channels},
    {"alerts test", cmd_alerts_test},
    {"assets list", cmd_assets_list},
    {"assets events", cmd_assets_events},
    {"assets show", cmd_assets_show},
    {"assets queue", cmd_assets_queue},
    {"assets create-event", cmd_assets_create_event},
    {"assets materialize", cmd_assets_materialize},
    {"pools list", cmd_pools_list},
    {"connections test", cmd_connections_test},
    {"pools get", cmd_pools_get},
    {"pools import", cmd_pools_import},
    {"pools export", cmd_pools_export},
    {"pools set", cmd_pools_set},
    {"pools delete", cmd_pools_delete},
    {"users create", cmd_users_create},
    {"users list", cmd_users_list},
    {"users delete", cmd_users_delete},
    {"users set-password", cmd_users_set_password},
    {"users set-role", cmd_users_set_role},
    {"tokens create", cmd_tokens_create},
    {"tokens list", cmd_tokens_list},
    {"tokens revoke", cmd_tokens_revoke},
    {"db rotate-key", cmd_db_rotate_key},
    {"config list", cmd_config_list},
    {"config get", cmd_config_get},
    {"config lint", cmd_config_lint},
    {"config show-origin", cmd_config_origin},
    {"info", cmd_info},
    {"airflow", cmd_airflow},
    {"version", cmd_version},
    {"completion", cmd_completion},
    {"man", cmd_man},
    {"help", cmd_help},
};

/* Processes that import DAG files ask this program for the home's variables and connections (python/tradewind/lookup.py). */
void cli_tell_importers(const struct cli *cli)
{
    char path[4096];
    struct err ignored = {0};
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);

    if (n > 0) {
        path[n] = '\0';
        (void)setenv("TRADEWIND_LOOKUP", path, 1);
    }
    if (home_resolve(cli_opt(cli, "home"), path, sizeof path, &ignored) == 0) {
        (void)setenv("TRADEWIND_HOME", path, 1);
    }
}

int cli_dispatch(struct cli *cli)
{
    for (size_t i = 0; i < sizeof handlers / sizeof *handlers; i++) {
        if (strcmp(handlers[i].name, cli_command(cli)->name) == 0) {
            return handlers[i].run(cli);
        }
    }
    return err_exit_code(-ERR_UNSUPPORTED);
}

static bool is_airflow(const char *program)
{
    const char *slash = strrchr(program, '/');

    return strcmp(slash != NULL ? slash + 1 : program, "airflow") == 0;
}

static int parse_line(int argc, char **argv, struct cli **ret, struct err *e)
{
    char word[] = "airflow", **line;
    int rc;

    if (argc < 1 || !is_airflow(argv[0])) {
        return cli_parse(argc, argv, ret, e);
    }
    line = mem_zalloc(((size_t)argc + 2) * sizeof *line);
    if (line == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory");
    }
    line[0] = argv[0];
    line[1] = word;
    memcpy(line + 2, argv + 1, ((size_t)argc - 1) * sizeof *line);
    rc = cli_parse(argc + 1, line, ret, e); /* what it borrows are the words, not the line */
    mem_free(line);
    return rc;
}

int cli_main(int argc, char **argv)
{
    struct err e = {0};
    struct cli *cli;
    int rc;

    if (argc == 3 && strcmp(argv[1], "lookup") == 0) {
        return cmd_lookup(argv[2]);
    }
    rc = parse_line(argc, argv, &cli, &e);
    if (rc != 0) {
        return cli_fail(rc, &e);
    }
    if (cli_flag(cli, "no-color")) {
        (void)setenv("NO_COLOR", "1", 1); /* where term.c looks */
    }
    if (!cli_command(cli)->rest) { /* it does this itself, once it knows the home */
        cli_tell_importers(cli);
        cli_plugins(cli);
    }
    rc = cli_dispatch(cli);
    cli_free(cli);
    if (fflush(stdout) != 0 && rc == 0) { /* a full disk, a closed pipe: not a success */
        return err_exit_code(-ERR_IO);
    }
    return rc;
}
