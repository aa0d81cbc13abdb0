/* The handlers of routes.c. All SUSPEND. */
#ifndef TW_SERVER_HANDLERS_H
#define TW_SERVER_HANDLERS_H

struct call;
struct err;

/* api_backfills.c */
int api_backfills(struct call *c, struct err *e);
int api_backfill(struct call *c, struct err *e);
int api_backfill_post(struct call *c, struct err *e);
int api_backfill_dry(struct call *c, struct err *e);
int api_backfill_pause(struct call *c, struct err *e);
int api_backfill_unpause(struct call *c, struct err *e);
int api_backfill_cancel(struct call *c, struct err *e);

/* api_bulk.c */
int api_variables_bulk(struct call *c, struct err *e);
int api_connections_bulk(struct call *c, struct err *e);
int api_pools_bulk(struct call *c, struct err *e);
int api_tis_bulk(struct call *c, struct err *e);

/* api_change.c */
int api_clear_tis(struct call *c, struct err *e);
int api_dag_run_clear(struct call *c, struct err *e);
int api_dag_run_patch(struct call *c, struct err *e);
int api_ti_patch(struct call *c, struct err *e);
int api_ti_patch_dry(struct call *c, struct err *e);

/* api_auth.c */
int api_session(struct call *c, struct err *e);
int api_login(struct call *c, struct err *e);
int api_logout(struct call *c, struct err *e);
int api_password(struct call *c, struct err *e);
int api_auth_token(struct call *c, struct err *e);
int api_auth_token_cli(struct call *c, struct err *e);
int api_auth_login(struct call *c, struct err *e);
int api_auth_logout(struct call *c, struct err *e);

/* api_users.c */
int api_users(struct call *c, struct err *e);
int api_user(struct call *c, struct err *e);
int api_user_post(struct call *c, struct err *e);
int api_user_patch(struct call *c, struct err *e);
int api_user_delete(struct call *c, struct err *e);
int api_tokens(struct call *c, struct err *e);
int api_token_post(struct call *c, struct err *e);
int api_token_delete(struct call *c, struct err *e);

/* oidc.c */
int api_oidc_start(struct call *c, struct err *e);
int api_oidc_callback(struct call *c, struct err *e);

/* api_dags.c */
int api_dags(struct call *c, struct err *e);
int api_dag(struct call *c, struct err *e);
int api_dag_details(struct call *c, struct err *e);
int api_dag_patch(struct call *c, struct err *e);
int api_dags_patch(struct call *c, struct err *e);
int api_dag_tags(struct call *c, struct err *e);
int api_dag_stats(struct call *c, struct err *e);
int api_dag_versions(struct call *c, struct err *e);
int api_dag_version(struct call *c, struct err *e);
int api_dag_source(struct call *c, struct err *e);
int api_tasks(struct call *c, struct err *e);
int api_task(struct call *c, struct err *e);

/* api_config.c */
int api_config(struct call *c, struct err *e);
int api_config_option(struct call *c, struct err *e);

/* api_delete.c */
int api_ti_delete(struct call *c, struct err *e);
int api_dag_run_delete(struct call *c, struct err *e);
int api_dag_delete(struct call *c, struct err *e);

/* api_event_logs.c */
int api_event_logs(struct call *c, struct err *e);
int api_event_log(struct call *c, struct err *e);

/* api_favorites.c */
int api_favorite(struct call *c, struct err *e);
int api_unfavorite(struct call *c, struct err *e);
int api_parse_file(struct call *c, struct err *e);

/* api_hitl.c */
int api_hitl(struct call *c, struct err *e);
int api_hitl_try(struct call *c, struct err *e);
int api_hitl_patch(struct call *c, struct err *e);
int api_hitls(struct call *c, struct err *e);

/* api_links.c */
int api_extra_links(struct call *c, struct err *e);
int api_external_log(struct call *c, struct err *e);

/* api_logs.c */
int api_ti_log(struct call *c, struct err *e);

/* api_assets.c */
int api_assets(struct call *c, struct err *e);
int api_asset(struct call *c, struct err *e);
int api_asset_events(struct call *c, struct err *e);
int api_asset_event_post(struct call *c, struct err *e);
int api_asset_aliases(struct call *c, struct err *e);
int api_asset_alias(struct call *c, struct err *e);
int api_upstream_events(struct call *c, struct err *e);
int api_dag_queued_events(struct call *c, struct err *e);
int api_dag_queued_event(struct call *c, struct err *e);
int api_asset_queued_events(struct call *c, struct err *e);
int api_dag_queued_events_delete(struct call *c, struct err *e);
int api_dag_queued_event_delete(struct call *c, struct err *e);
int api_asset_queued_events_delete(struct call *c, struct err *e);
int api_asset_materialize(struct call *c, struct err *e);

/* api_misc.c */
int api_import_errors(struct call *c, struct err *e);
int api_import_error(struct call *c, struct err *e);
int api_providers(struct call *c, struct err *e);
int api_plugins(struct call *c, struct err *e);
int api_plugin_errors(struct call *c, struct err *e);
int api_dag_warnings(struct call *c, struct err *e);
int api_jobs(struct call *c, struct err *e);

/* api_pools.c */
int api_pools(struct call *c, struct err *e);
int api_pool(struct call *c, struct err *e);
int api_pool_post(struct call *c, struct err *e);
int api_pool_patch(struct call *c, struct err *e);
int api_pool_delete(struct call *c, struct err *e);

/* api_runs.c */
int api_dag_runs(struct call *c, struct err *e);
int api_dag_run(struct call *c, struct err *e);
int api_dag_runs_list(struct call *c, struct err *e);
int api_dag_run_wait(struct call *c, struct err *e);

/* api_connection_test.c */
int api_connection_test(struct call *c, struct err *e);
int api_connection_defaults(struct call *c, struct err *e);

/* api_settings.c */
int api_variables(struct call *c, struct err *e);
int api_variable(struct call *c, struct err *e);
int api_variable_post(struct call *c, struct err *e);
int api_variable_patch(struct call *c, struct err *e);
int api_variable_delete(struct call *c, struct err *e);
int api_connections(struct call *c, struct err *e);
int api_connection(struct call *c, struct err *e);
int api_connection_post(struct call *c, struct err *e);
int api_connection_patch(struct call *c, struct err *e);
int api_connection_delete(struct call *c, struct err *e);

/* api_ti_list.c */
int api_tis(struct call *c, struct err *e);
int api_tis_list(struct call *c, struct err *e);
int api_tis_mapped(struct call *c, struct err *e);

/* api_tis.c */
int api_ti_get(struct call *c, struct err *e);
int api_ti_tries(struct call *c, struct err *e);
int api_ti_try(struct call *c, struct err *e);
int api_ti_dependencies(struct call *c, struct err *e);

/* api_trigger.c */
int api_dag_run_post(struct call *c, struct err *e);

/* api_xcom.c */
int api_xcoms(struct call *c, struct err *e);
int api_xcom(struct call *c, struct err *e);
int api_xcom_delete(struct call *c, struct err *e);
int api_xcom_post(struct call *c, struct err *e);
int api_xcom_patch(struct call *c, struct err *e);

/* health.c */
int api_monitor_health(struct call *c, struct err *e);
int api_health(struct call *c, struct err *e);
int api_version(struct call *c, struct err *e);
/* commands.c: what a command came to that was answered with 202 */
int api_command_answer(struct call *c, struct err *e);

/* metrics.c */
int api_metrics(struct call *c, struct err *e);

/* ui_process.c */
int ui_process(struct call *c, struct err *e);
int ui_event_log(struct call *c, struct err *e);

/* ui_*.c, events.c: the page's own */
int ui_backfills(struct call *c, struct err *e);
int ui_backfill(struct call *c, struct err *e);
int ui_config(struct call *c, struct err *e);
int ui_home(struct call *c, struct err *e);
int ui_required_actions(struct call *c, struct err *e);
int ui_dags(struct call *c, struct err *e);
int ui_grid(struct call *c, struct err *e);
int ui_graph(struct call *c, struct err *e);
int ui_run_states(struct call *c, struct err *e);
int ui_gantt(struct call *c, struct err *e);
int ui_why(struct call *c, struct err *e);
int ui_plan(struct call *c, struct err *e);
int ui_apply(struct call *c, struct err *e);
int ui_calendar(struct call *c, struct err *e);
int ui_durations(struct call *c, struct err *e);
int ui_search(struct call *c, struct err *e);
int ui_assets_graph(struct call *c, struct err *e);
int ui_versions_diff(struct call *c, struct err *e);
int ui_events(struct call *c, struct err *e);

/* webhooks.c */
int api_webhook(struct call *c, struct err *e);

#endif
