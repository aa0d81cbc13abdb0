/* The commands' functions: one file each, cmd_*.c. Each returns the exit code. */
#ifndef TW_CLI_COMMANDS_H
#define TW_CLI_COMMANDS_H

struct cli;

int cmd_run(struct cli *cli);
int cmd_dags_list(struct cli *cli);
int cmd_dags_show(struct cli *cli);
int cmd_dags_validate(struct cli *cli);
int cmd_dags_convert(struct cli *cli);
int cmd_dags_test(struct cli *cli);
int cmd_dags_trigger(struct cli *cli);
int cmd_scheduler(struct cli *cli);
int cmd_dags_pause(struct cli *cli);
int cmd_dags_unpause(struct cli *cli);
int cmd_dags_next(struct cli *cli);
int cmd_dags_delete(struct cli *cli);
int cmd_backfill_create(struct cli *cli);
int cmd_backfill_list(struct cli *cli);
int cmd_backfill_show(struct cli *cli);
int cmd_backfill_resume(struct cli *cli);
int cmd_backfill_pause(struct cli *cli);
int cmd_backfill_unpause(struct cli *cli);
int cmd_backfill_cancel(struct cli *cli);
int cmd_runs_list(struct cli *cli);
int cmd_runs_show(struct cli *cli);
int cmd_runs_resume(struct cli *cli);
int cmd_runs_export(struct cli *cli);
int cmd_analyze(struct cli *cli);
int cmd_tasks_list(struct cli *cli);
int cmd_tasks_logs(struct cli *cli);
int cmd_tasks_why(struct cli *cli);
int cmd_tasks_clear(struct cli *cli);
int cmd_tasks_mark(struct cli *cli);
int cmd_tasks_respond(struct cli *cli);
int cmd_tasks_test(struct cli *cli);
int cmd_tasks_render(struct cli *cli);
int cmd_runs_rerun(struct cli *cli);
int cmd_runs_mark(struct cli *cli);
int cmd_runs_note(struct cli *cli);
int cmd_tasks_note(struct cli *cli);
int cmd_xcom_list(struct cli *cli);
int cmd_xcom_get(struct cli *cli);
int cmd_xcom_delete(struct cli *cli);
int cmd_db_migrate(struct cli *cli);
int cmd_db_reset(struct cli *cli);
int cmd_db_check(struct cli *cli);
int cmd_db_clean(struct cli *cli);
int cmd_db_backup(struct cli *cli);
int cmd_db_restore(struct cli *cli);
int cmd_variables_list(struct cli *cli);
int cmd_variables_get(struct cli *cli);
int cmd_variables_set(struct cli *cli);
int cmd_variables_delete(struct cli *cli);
int cmd_variables_import(struct cli *cli);
int cmd_variables_export(struct cli *cli);
int cmd_connections_list(struct cli *cli);
int cmd_connections_get(struct cli *cli);
int cmd_connections_add(struct cli *cli);
int cmd_connections_delete(struct cli *cli);
int cmd_connections_import(struct cli *cli);
int cmd_connections_export(struct cli *cli);
int cmd_bundles_list(struct cli *cli);
int cmd_bundles_show(struct cli *cli);
int cmd_bundles_refresh(struct cli *cli);
int cmd_dags_import_errors(struct cli *cli);
int cmd_alerts_list(struct cli *cli);
int cmd_alerts_channels(struct cli *cli);
int cmd_alerts_test(struct cli *cli);
int cmd_assets_list(struct cli *cli);
int cmd_assets_events(struct cli *cli);
int cmd_assets_show(struct cli *cli);
int cmd_assets_queue(struct cli *cli);
int cmd_assets_create_event(struct cli *cli);
int cmd_assets_materialize(struct cli *cli);
int cmd_pools_list(struct cli *cli);
int cmd_connections_test(struct cli *cli);
int cmd_pools_get(struct cli *cli);
int cmd_pools_import(struct cli *cli);
int cmd_pools_export(struct cli *cli);
int cmd_pools_set(struct cli *cli);
int cmd_pools_delete(struct cli *cli);
int cmd_users_create(struct cli *cli);
int cmd_users_list(struct cli *cli);
int cmd_users_delete(struct cli *cli);
int cmd_users_set_password(struct cli *cli);
int cmd_users_set_role(struct cli *cli);
int cmd_tokens_create(struct cli *cli);
int cmd_tokens_list(struct cli *cli);
int cmd_tokens_revoke(struct cli *cli);
int cmd_db_rotate_key(struct cli *cli);
int cmd_standalone(struct cli *cli);
int cmd_doctor(struct cli *cli);
int cmd_drain(struct cli *cli);
int cmd_reload(struct cli *cli);
int cmd_config_list(struct cli *cli);
int cmd_config_get(struct cli *cli);
int cmd_config_lint(struct cli *cli);
int cmd_config_origin(struct cli *cli);
int cmd_api_server(struct cli *cli);
int cmd_info(struct cli *cli);
int cmd_airflow(struct cli *cli);
int cmd_version(struct cli *cli);
int cmd_completion(struct cli *cli);
int cmd_man(struct cli *cli);
int cmd_help(struct cli *cli);
int cmd_lookup(const char *home); /* for the importer: cmd_lookup.c */

/* plugins.c: operators that are plug-ins are made known; what cannot be used is told on stderr. */
void cli_plugins(struct cli *cli);
/* dispatch.c: processes that import DAG files are told of this program and its home. */
void cli_tell_importers(const struct cli *cli);

#endif
