/* Airflow's settings that have no counterpart, so that who brings an environment along sees what of it is not used. A name that is neither here
 * nor in config.def is taken for one that DAG files read for themselves. */
#include <stdio.h>
#include <string.h>

#include "config/config_priv.h"

struct section {
    const char *name;   /* as in Airflow */
    const char *remedy; /* or "" */
    const char *keys;   /* separated by spaces; NULL: all of the section */
};

static const struct section sections[] = {
    {"core", "",
     "auth_manager simple_auth_manager_users simple_auth_manager_all_admins hostname_callable "
     "donot_pickle execute_tasks_new_python_interpreter max_num_rendered_ti_fields_per_task "
     "compress_serialized_dags min_serialized_dag_update_interval "
     "min_serialized_dag_fetch_interval lazy_load_plugins lazy_discover_providers "
     "dag_file_processor_timeout mp_start_method store_dag_code strict_dataset_uri_validation "
     "database_access_isolation internal_api_url internal_api_secret_key execution_api_server_url "
     "dagbag_import_error_tracebacks dagbag_import_error_traceback_depth dags_folder_mount "
     "multi_team max_runs_to_create_per_loop might_contain_dag_callable check_slas "
     "task_runner allow_trigger_in_future daemon_umask dataset_manager_class "
     "xcom_enable_pickling"},
    {"core", "secrets are kept sealed with TRADEWIND_SECRET_KEYS", "fernet_key"},
    {"core", "`tradewind db` keeps its own store in the home", "sql_alchemy_conn"},
    {"database", "the store is a file in the home", NULL},
    {"scheduler", "the scheduler acts on events and has no such loop or period",
     "job_heartbeat_sec scheduler_heartbeat_sec local_task_job_heartbeat_sec num_runs "
     "scheduler_idle_sleep_time min_file_process_interval parsing_pre_import_modules "
     "parsing_cleanup_interval dag_stale_not_seen_duration stale_dag_threshold "
     "dag_dir_list_interval "
     "print_stats_interval pool_metrics_interval running_metrics_interval "
     "scheduler_health_check_threshold orphaned_tasks_check_interval file_parsing_sort_mode "
     "max_tis_per_query use_row_level_locking max_dagruns_to_create_per_loop "
     "max_dagruns_per_loop_to_schedule schedule_after_task_execution parsing_processes "
     "max_callbacks_per_loop allowed_run_id_pattern trigger_timeout_check_interval "
     "task_instance_heartbeat_timeout task_instance_heartbeat_timeout_detection_interval "
     "zombie_detection_interval scheduler_zombie_task_threshold standalone_dag_processor "
     "enable_health_check scheduler_health_check_server_host scheduler_health_check_server_port "
     "task_queued_timeout_check_interval child_process_log_directory enable_tracemalloc "
     "dependency_detector use_job_schedule"},
    {"dag_processor", "",
     "parsing_processes file_parsing_sort_mode max_callbacks_per_loop "
     "min_file_process_interval stale_dag_threshold print_stats_interval "
     "disable_bundle_versioning dag_bundle_storage_path bundle_refresh_check_interval "
     "stale_bundle_cleanup_interval stale_bundle_cleanup_age_threshold "
     "stale_bundle_cleanup_min_versions dag_file_processor_timeout"},
    {"celery", "tasks run on this machine; there is no Celery", NULL},
    {"celery_kubernetes_executor", "tasks run on this machine", NULL},
    {"celery_broker_transport_options", "tasks run on this machine; there is no Celery", NULL},
    {"kubernetes", "tasks run on this machine", NULL},
    {"kubernetes_executor", "tasks run on this machine", NULL},
    {"local_kubernetes_executor", "tasks run on this machine", NULL},
    {"dask", "tasks run on this machine", NULL},
    {"edge", "tasks run on this machine", NULL},
    {"sentry", "", NULL},
    {"elasticsearch", "", NULL},
    {"opensearch", "", NULL},
    {"fab", "", NULL},
    {"api_auth", "", NULL},
    {"execution_api", "", NULL},
    {"workers", "", NULL},
    {"traces", "", NULL},
    {"usage_data_collection", "nothing is collected", NULL},
    {"sensors", "", "task_instance_mutation_hook"},
    {"triggerer", "waits are coroutines of the scheduler", "job_heartbeat_sec default_capacity"},
    {"logging", "",
     "base_log_folder delete_local_logs google_key_path fab_logging_level "
     "celery_logging_level logging_config_class colored_console_log colored_log_format "
     "colored_formatter_class log_format simple_log_format dag_processor_log_target "
     "dag_processor_log_format log_formatter_class secret_mask_adapter task_log_prefix_template "
     "log_filename_template log_processor_filename_template dag_processor_manager_log_location "
     "dag_processor_child_process_log_directory task_log_reader extra_logger_names "
     "worker_log_server_port trigger_log_server_port interleave_timestamp_parser "
     "file_task_handler_new_folder_permissions file_task_handler_new_file_permissions "
     "celery_stdout_stderr_separation color_log_error_keywords color_log_warning_keywords "
     "json_logs callsite_parameters namespace_levels remote_task_handler_kwargs"},
    {"metrics", "metrics are read from the API server at /metrics",
     "metrics_allow_list metrics_block_list metrics_use_pattern_match statsd_host statsd_port "
     "statsd_prefix stat_name_handler statsd_datadog_enabled statsd_influxdb_enabled otel_on "
     "otel_host otel_port otel_prefix otel_interval_milliseconds otel_ssl_active"},
    {"webserver", "",
     "config_file worker_timeout workers worker_class workers_refresh "
     "secret_key access_logfile error_logfile expose_config authenticate "
     "rbac session_lifetime_minutes web_server_master_timeout "
     "web_server_worker_timeout warn_deployment_exposure default_ui_timezone "
     "navbar_color show_recent_stats_for_completed_runs enable_proxy_fix"},
    {"api", "",
     "workers worker_timeout secret_key expose_config access_logfile "
     "auth_backends maximum_page_limit fallback_page_limit enable_swagger_ui "
     "access_control_allow_headers access_control_allow_methods "
     "access_control_allow_origins google_oauth2_audience default_wrap auto_refresh_interval "
     "hide_paused_dags_by_default page_size log_fetch_timeout_sec"},
};

static bool has_word(const char *words, const char *text)
{
    size_t n = strlen(text);

    for (const char *p = words; *p != '\0';) {
        size_t len = strcspn(p, " ");

        if (len == n && strncmp(p, text, n) == 0) {
            return true;
        }
        p += len + (p[len] == ' ');
    }
    return false;
}

/* Without "_cmd" and "_secret": those forms of a setting that has no effect have none either. */
static void plain_key(const char *key, char *ret, size_t cap)
{
    static const char *const ends[] = {"_cmd", "_secret"};
    size_t len = strlen(key);

    (void)snprintf(ret, cap, "%s", key);
    for (size_t i = 0; i < 2; i++) {
        size_t n = strlen(ends[i]);

        if (len > n && len < cap && strcmp(key + len - n, ends[i]) == 0) {
            ret[len - n] = '\0';
        }
    }
}

const char *config_airflow_remedy(const char *section, const char *key)
{
    char plain[160];

    plain_key(key, plain, sizeof plain);
    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++) {
        const struct section *s = &sections[i];

        if (strcmp(s->name, section) == 0 && (s->keys == NULL || has_word(s->keys, plain))) {
            return s->remedy;
        }
    }
    return NULL;
}
