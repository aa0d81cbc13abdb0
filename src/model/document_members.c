/* The members of a document. docs/reference/dag-document.md is their page; the schema is made from
 * these tables. */
#include <string.h>

#include "base/limits.h"
#include "model/document_priv.h"

#define REQ MEMBER_REQUIRED
#define NUL MEMBER_NULL
#define ONE MEMBER_PER_TASK

static const struct doc_member dag_members[] = {
    {"dag_id", M_DAG_ID, DOC_ID, REQ, .doc = "The DAG's id: letters, digits, '-', '_', '.'."},
    {"display_name", M_DISPLAY_NAME, PARAM_STRING, NUL, .doc = "Shown instead of the id."},
    {"description", M_DESCRIPTION, PARAM_STRING, NUL, .doc = "One line."},
    {"doc_md", M_DOC_MD, PARAM_STRING, NUL, .doc = "Documentation, in Markdown."},
    {"schedule", M_SCHEDULE, DOC_SCHEDULE, NUL,
     .doc = "When runs are made; null: by hand. An object: a timetable or assets, by its type."},
    {"timezone", M_TIMEZONE, PARAM_STRING, NUL,
     .doc = "Time zone of a schedule that names none, like Europe/Berlin; UTC."},
    {"start_date", M_START_DATE, PARAM_TIME, NUL, .doc = "No scheduled run is before it."},
    {"end_date", M_END_DATE, PARAM_TIME, NUL, .doc = "No scheduled run is after it."},
    {"catchup", M_CATCHUP, PARAM_BOOL, 0, .doc = "Runs that were missed are made; false."},
    {"is_paused_upon_creation", M_IS_PAUSED_UPON_CREATION, PARAM_BOOL, NUL,
     .doc = "A new DAG begins paused."},
    {"max_active_tasks", M_MAX_ACTIVE_TASKS, PARAM_INT, 0, 1, INT32_MAX,
     "Tasks of one run that may run at once; 16."},
    {"max_active_runs", M_MAX_ACTIVE_RUNS, PARAM_INT, 0, 1, INT32_MAX,
     "Runs that may be active at once; 16."},
    {"max_consecutive_failed_dag_runs", M_MAX_CONSECUTIVE_FAILED, PARAM_INT, 0, 0, INT32_MAX,
     "The DAG is paused after so many failed runs; 0: never."},
    {"dagrun_timeout", M_DAGRUN_TIMEOUT, PARAM_DURATION, NUL, .doc = "A longer run fails."},
    {"fail_fast", M_FAIL_FAST, PARAM_BOOL, 0, .doc = "The first failed task ends the run."},
    {"tags", M_TAGS, PARAM_STRINGS, NUL, .doc = "Words to find the DAG by."},
    {"params", M_PARAMS, DOC_PARAMS, NUL,
     .doc = "Parameters of a run: a default each, or a JSON Schema with a default."},
    {"env", M_ENV, PARAM_STRING_MAP, NUL, .doc = "Environment of every task."},
    {"default_args", M_DEFAULT_ARGS, DOC_DEFAULT_ARGS, NUL,
     .doc = "Members that tasks have unless they say otherwise."},
    {"task_groups", M_TASK_GROUPS, DOC_TASK_GROUPS, NUL, .doc = "Groups of tasks, by id."},
    {"tasks", M_TASKS, DOC_TASKS, REQ, .doc = "The tasks, by id."},
    {"callbacks", M_CALLBACKS, DOC_CALLBACKS, NUL,
     .doc = "Functions (file.py:function or module:function) that are called when a run ends, by "
            "word: success, failure."},
    {"listeners", M_LISTENERS, PARAM_STRINGS, NUL,
     .doc = "What listeners of the installation hear: running, success, failed, assets."},
    {"deadline", M_DEADLINE, DOC_OBJECTS, NUL, .doc = "Deadlines of a run."},
    {"alerts", M_ALERTS, DOC_OBJECTS, NUL,
     .doc = "Rules: what is told to whom. on, channels, tasks, owner."},
    {"owner_links", M_OWNER_LINKS, PARAM_STRING_MAP, NUL, .doc = "A link for each owner."},
    {"allowed_run_types", M_ALLOWED_RUN_TYPES, PARAM_STRINGS, NUL,
     .doc = "Types of runs that may be made."},
    {"labels", M_LABELS, DOC_OBJECTS, NUL,
     .doc = "Labels of edges: objects with upstream, downstream and label."},
    {"user_defined_macros", M_USER_MACROS, PARAM_STRING_MAP, NUL,
     .doc = "Names for templates: what they stand for, as file.py:name or module:name."},
    {"user_defined_filters", M_USER_FILTERS, PARAM_STRING_MAP, NUL,
     .doc = "Filters for templates: their functions, as file.py:function or module:function."},
    {"template_searchpath", M_TEMPLATE_SEARCHPATH, PARAM_STRING_OR_STRINGS, NUL,
     .doc = "Folders in which templates are looked for, after the file's own."},
    {"template_undefined", M_TEMPLATE_UNDEFINED, PARAM_STRING, NUL,
     .doc = "The class of what a template does not find: module:Class; jinja2:StrictUndefined."},
    {"render_template_as_native_obj", M_NATIVE_OBJECTS, PARAM_BOOL, NUL,
     .doc = "Templates become values and not only text; false."},
    {"jinja_environment_kwargs", M_JINJA_KWARGS, PARAM_OBJECT, NUL,
     .doc = "More arguments of Jinja2's environment."},
    {"access_control", M_ACCESS_CONTROL, PARAM_OBJECT, NUL,
     .doc = "Who may do what with it, by role; kept."},
    {"version", M_VERSION, DOC_VERSION, 0, .doc = "Version of this form."},
    {"python", M_PYTHON, DOC_PYTHON, NUL, .doc = "Written by the Python SDK."},
};

static const struct doc_member task_members[] = {
    {"operator", M_OPERATOR, PARAM_STRING, REQ | ONE, .doc = "What the task does."},
    {"upstream", M_UPSTREAM, PARAM_STRINGS, NUL | ONE, .doc = "Ids of the tasks before it."},
    {"trigger_rule", M_TRIGGER_RULE, DOC_TRIGGER_RULE, 0,
     .doc = "When it runs, by the states of its upstream; all_success."},
    {"retries", M_RETRIES, PARAM_INT, 0, 0, LIMIT_RETRIES, "Tries after the first one; 0."},
    {"retry_delay", M_RETRY_DELAY, PARAM_DURATION, 0, .doc = "Time between tries; 300 s."},
    {"retry_exponential_backoff", M_RETRY_BACKOFF, DOC_BACKOFF, 0,
     .doc = "The delay is multiplied by this after each try; true is 2."},
    {"max_retry_delay", M_MAX_RETRY_DELAY, PARAM_DURATION, NUL, .doc = "The longest delay."},
    {"execution_timeout", M_EXECUTION_TIMEOUT, PARAM_DURATION, NUL, .doc = "A longer try fails."},
    {"priority_weight", M_PRIORITY_WEIGHT, PARAM_INT, 0, INT32_MIN, INT32_MAX,
     "More goes first; 1."},
    {"weight_rule", M_WEIGHT_RULE, DOC_WEIGHT_RULE, 0,
     .doc = "Whose weights are added to its own; downstream."},
    {"pool", M_POOL, DOC_NAME, 0, .doc = "The pool whose slots it uses; default_pool."},
    {"pool_slots", M_POOL_SLOTS, PARAM_INT, 0, 1, INT32_MAX, "Slots that it uses; 1."},
    {"max_active_tis_per_dag", M_MAX_TIS_PER_DAG, PARAM_INT, NUL, 0, INT32_MAX,
     "Instances of it that may run at once in all runs; 0: no limit."},
    {"max_active_tis_per_dagrun", M_MAX_TIS_PER_DAGRUN, PARAM_INT, NUL, 0, INT32_MAX,
     "The same in one run."},
    {"depends_on_past", M_DEPENDS_ON_PAST, PARAM_BOOL, 0,
     .doc = "Runs only when it succeeded in the run before."},
    {"ignore_first_depends_on_past", M_IGNORE_FIRST_DEPENDS_ON_PAST, PARAM_BOOL, 0,
     .doc = "The first instance does not depend on the past."},
    {"wait_for_downstream", M_WAIT_FOR_DOWNSTREAM, PARAM_BOOL, 0,
     .doc = "Waits for its direct downstream in the run before too."},
    {"wait_for_past_depends_before_skipping", M_WAIT_FOR_PAST_BEFORE_SKIPPING, PARAM_BOOL, 0,
     .doc = "It is skipped only when the past allows it to run."},
    {"setup", M_SETUP, PARAM_BOOL, ONE, .doc = "It is a setup."},
    {"teardown", M_TEARDOWN, PARAM_BOOL, ONE,
     .doc = "It is a teardown of the setups that are its direct upstream."},
    {"on_failure_fail_dagrun", M_ON_FAILURE_FAIL_DAGRUN, PARAM_BOOL, ONE,
     .doc = "The run fails when this teardown fails."},
    {"group", M_GROUP, PARAM_STRING, NUL | ONE, .doc = "Id of its task group."},
    {"display_name", M_DISPLAY_NAME, PARAM_STRING, NUL | ONE, .doc = "Shown instead of the id."},
    {"doc_md", M_DOC_MD, PARAM_STRING, NUL, .doc = "Documentation, in Markdown."},
    {"owner", M_OWNER, PARAM_STRING, NUL, .doc = "Who answers for it."},
    {"do_xcom_push", M_DO_XCOM_PUSH, PARAM_BOOL, 0, .doc = "What it returns is kept; true."},
    {"expand", M_EXPAND, DOC_EXPAND, NUL | ONE,
     .doc = "Arguments of which each combination makes one instance: a list, an object or an XCom "
            "by name."},
    {"expand_kwargs", M_EXPAND_KWARGS, DOC_EXPAND_KWARGS, NUL | ONE,
     .doc = "A list of objects, or an XCom that is one: the arguments of one instance each."},
    {"map_index_template", M_MAP_INDEX_TEMPLATE, PARAM_STRING, NUL,
     .doc = "A template that names the instances of a mapped task."},
    {"inlets", M_INLETS, DOC_OBJECTS, NUL, .doc = "Assets that it reads."},
    {"outlets", M_OUTLETS, DOC_OBJECTS, NUL, .doc = "Assets that it writes."},
    {"callbacks", M_CALLBACKS, DOC_CALLBACKS, NUL,
     .doc = "Functions (file.py:function or module:function) that its process calls, by word: "
            "execute, success, failure, retry, skipped."},
    {"params", M_PARAMS, DOC_PARAMS, NUL,
     .doc =
         "Its own params: a default each, or a JSON Schema with a default; the run's conf wins."},
    {"email", M_EMAIL, PARAM_STRING_OR_STRINGS, NUL,
     .doc = "Addresses of those who are told; kept, and AIRFLOW_CTX_DAG_EMAIL of a Python task."},
    {"email_on_failure", M_EMAIL_ON_FAILURE, PARAM_BOOL, NUL,
     .doc = "They are told of its failure; true; kept."},
    {"email_on_retry", M_EMAIL_ON_RETRY, PARAM_BOOL, NUL,
     .doc = "They are told of its retries; true; kept."},
    {"start_date", M_START_DATE, PARAM_TIME, NUL, .doc = "Its own start date; kept."},
    {"end_date", M_END_DATE, PARAM_TIME, NUL, .doc = "Its own end date; kept."},
    {"run_as_user", M_RUN_AS_USER, PARAM_STRING, NUL,
     .doc = "The user who should run it; kept: it runs as the engine's user."},
    {"doc_json", M_DOC_OTHER, PARAM_STRING, NUL, .doc = "Documentation, as JSON."},
    {"doc_yaml", M_DOC_OTHER, PARAM_STRING, NUL, .doc = "Documentation, as YAML."},
    {"doc_rst", M_DOC_OTHER, PARAM_STRING, NUL, .doc = "Documentation, in reStructuredText."},
    {"logger_name", M_LOGGER_NAME, PARAM_STRING, NUL,
     .doc = "The name of the logger of a Python task."},
    {"render_template_as_native_obj", M_NATIVE_OBJECTS, PARAM_BOOL, NUL,
     .doc = "Templates of a Python task become values and not only text; as the DAG says."},
    {"queue", M_QUEUE, PARAM_STRING, NUL, .doc = "The queue that its workers listen to; kept."},
    {"executor", M_EXECUTOR, PARAM_STRING, NUL, .doc = "The executor that runs it; kept."},
    {"executor_config", M_EXECUTOR_CONFIG, PARAM_OBJECT, NUL,
     .doc = "Settings for its executor; kept."},
};

static const struct doc_member group_members[] = {
    {"tooltip", M_TOOLTIP, PARAM_STRING, NUL, .doc = "Shown beside it."},
    {"display_name", M_DISPLAY_NAME, PARAM_STRING, NUL, .doc = "Shown instead of the id."},
    {"default_args", M_DEFAULT_ARGS, DOC_DEFAULT_ARGS, NUL,
     .doc = "Members that its tasks have unless they say otherwise; they win over the DAG's."},
    {"parent", M_PARENT, PARAM_STRING, NUL, .doc = "Id of the group around it."},
    {"expand", M_EXPAND, DOC_EXPAND, NUL,
     .doc = "Arguments of the group of which each combination makes one copy of its tasks."},
    {"expand_kwargs", M_EXPAND_KWARGS, DOC_EXPAND_KWARGS, NUL,
     .doc = "A list of objects, or an XCom that is one: the arguments of one copy each."},
};

#define TABLE(items)                            \
    {                                           \
        items, sizeof(items) / sizeof(items)[0] \
    }

const struct doc_members doc_dag_members = TABLE(dag_members);
const struct doc_members doc_task_members = TABLE(task_members);
const struct doc_members doc_group_members = TABLE(group_members);

const struct doc_member *doc_member_find(const struct doc_members *m, const char *name, size_t n)
{
    for (size_t i = 0; i < m->len; i++) {
        if (strlen(m->items[i].name) == n && memcmp(m->items[i].name, name, n) == 0) {
            return &m->items[i];
        }
    }
    return NULL;
}
