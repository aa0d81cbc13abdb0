/* Every operator with its parameters. docs/reference/dag-document.md and schema/dag.schema.json say
 * the same; tests compare. */
#include <stddef.h>
#include <string.h>

#include "base/err.h"
#include "model/document.h"
#include "operators/operators.h"
#include "operators/table.h"

#define CALLABLE                                                                                  \
    {"python_callable", PARAM_STRING,                                                             \
     .doc = "file.py:function or module:function. Not used when the DAG was written in Python."}, \
        {"op_args", PARAM_ARRAY, .templated = true,                                               \
         .doc = "Positional arguments of the callable."},                                         \
        {"op_kwargs", PARAM_OBJECT, .templated = true,                                            \
         .doc = "Keyword arguments of the callable."},                                            \
        {"templates_dict", PARAM_OBJECT, .templated = true,                                       \
         .doc = "Values rendered into the context as templates_dict."},                           \
        {"operator_class", PARAM_STRING,                                                          \
         .doc = "file.py:Class or module:Class: an operator or sensor of any kind."},             \
        {"arguments", PARAM_OBJECT,                                                               \
         .doc = "Arguments of the operator's class, and those of BaseOperator that are no "       \
                "members."},                                                                      \
        {"multiple_outputs", PARAM_BOOL,                                                          \
         .doc = "Each member of the object that it returns is an XCom too; false."},              \
        {"map_function", PARAM_BOOL,                                                              \
         .doc = "What is mapped over are arguments of the function, not of the operator."},       \
    {                                                                                             \
        "python", PARAM_STRING, .doc = "The interpreter that runs the callable."                  \
    }

#define WAITING                                                                            \
    {"poke_interval", PARAM_DURATION, .doc = "Time between two looks; 5 s."},              \
        {"timeout", PARAM_DURATION, .doc = "Gives up after this time; 7 d."},              \
    {                                                                                      \
        "soft_fail", PARAM_BOOL, .doc = "Skipped instead of failed when the time is over." \
    }

static const struct operator_param bash_params[] = {
    {"bash_command", PARAM_STRING_OR_STRINGS, .required = true, .templated = true,
     .doc = "A command line for bash; or a list: a program and its arguments, run directly."},
    {"env", PARAM_STRING_MAP, .templated = true, .doc = "Environment of the command."},
    {"append_env", PARAM_BOOL,
     .doc = "True (the default): env is added to the defined environment; false: env is all there "
            "is."},
    {"cwd", PARAM_STRING, .templated = true, .doc = "Folder that the command starts in."},
    {"skip_on_exit_code", PARAM_INTS, .doc = "Exit codes that mean skipped; 99."},
    {"output_encoding", PARAM_STRING, .doc = "Encoding of the output; utf-8."},
    {0},
};
static const struct operator_param python_params[] = {CALLABLE, {0}};
static const struct operator_param branch_params[] = {
    CALLABLE,
    {"follow", PARAM_STRING_OR_STRINGS, .templated = true,
     .doc = "Ids of the tasks to follow; rendered empty: none."},
    {0},
};
static const struct operator_param short_circuit_params[] = {
    CALLABLE,
    {"condition", PARAM_ANY, .templated = true,
     .doc = "What is rendered to false, 0, none or nothing stops here."},
    {"ignore_downstream_trigger_rules", PARAM_BOOL,
     .doc = "True (the default): everything downstream is skipped; false: only what follows "
            "directly."},
    {0},
};
static const struct operator_param empty_params[] = {{0}};
static const struct operator_param wait_time_params[] = {
    {"until", PARAM_TIME, .templated = true, .doc = "Waits until this time."},
    {"delta", PARAM_DURATION,
     .doc = "Waits this long after the logical date, or after the start when there is none."},
    {0},
};
static const struct operator_param wait_file_params[] = {
    {"filepath", PARAM_STRING, .required = true, .templated = true,
     .doc = "A path, or a pattern: waits until a file is there."},
    WAITING,
    {0},
};
static const struct operator_param wait_http_params[] = {
    {"url", PARAM_STRING, .required = true, .templated = true, .doc = "What is asked."},
    {"method", PARAM_STRING, .doc = "GET unless given."},
    {"headers", PARAM_STRING_MAP, .templated = true, .doc = "Headers of the request."},
    {"expect_status", PARAM_INTS, .doc = "Status codes that end the wait; 200."},
    {"expect_text", PARAM_STRING, .templated = true,
     .doc = "Text that the answer must contain too."},
    WAITING,
    {0},
};

static const struct operator_param function_params[] = {
    {"program", PARAM_STRING, .required = true,
     .doc = "Absolute path of the program that has the function (libtradewind writes it)."},
    {"function", PARAM_STRING, .required = true, .doc = "Its name in the table given to tw_init."},
    {"args", PARAM_ANY, .templated = true, .doc = "What the function gets as its arguments."},
    {0},
};

static const char *const python_needs[] = {"python_callable", "operator_class", NULL};
static const char *const branch_needs[] = {"python_callable", "operator_class", "follow", NULL};
static const char *const short_circuit_needs[] = {"python_callable", "operator_class", "condition",
                                                  NULL};
static const char *const wait_time_needs[] = {"until", "delta", NULL};

static const struct operator_desc op_bash = {"bash", "BashOperator", "Runs a command.",
                                             bash_params};
static const struct operator_desc op_python = {
    "python", "PythonOperator", "Calls a Python function.", python_params, .one_of = python_needs};
static const struct operator_desc op_branch = {"branch", "BranchPythonOperator",
                                               "Chooses which of the tasks that follow run.",
                                               branch_params, .one_of = branch_needs};
static const struct operator_desc op_short_circuit = {
    "short_circuit", "ShortCircuitOperator", "Goes on only if a condition holds.",
    short_circuit_params, .one_of = short_circuit_needs};
static const struct operator_desc op_empty = {"empty", "EmptyOperator", "Does nothing.",
                                              empty_params, .instant = true};
static const struct operator_desc op_wait_time = {"wait_time", "TimeDeltaSensor",
                                                  "Waits for a time.", wait_time_params,
                                                  .one_of = wait_time_needs};
static const struct operator_desc op_wait_file = {"wait_file", "FileSensor", "Waits for a file.",
                                                  wait_file_params};
static const struct operator_desc op_wait_http = {"wait_http", "HttpSensor",
                                                  "Waits for an HTTP answer.", wait_http_params};

static const struct operator_desc op_function = {
    "c_function", NULL, "Calls a C function of a program that uses libtradewind.", function_params};

static const struct operator_desc *const operators[] = {
    &op_bash,      &op_python,    &op_branch,    &op_short_circuit, &op_empty,
    &op_wait_time, &op_wait_file, &op_wait_http, &op_function,
};
#define BUILT_IN (sizeof operators / sizeof operators[0])

/* The built-in ones, then what plug-ins add. */
static const struct operator_desc *all[BUILT_IN + OPERATOR_PLUGINS_MAX];
static struct operator_table table = {all, BUILT_IN};

__attribute__((constructor)) static void fill(void)
{
    memcpy(all, operators, sizeof operators);
}

void operators_set_defaults(const struct dag_defaults *d)
{
    table.defaults = d;
}

const struct operator_table *operators_table(void)
{
    return &table;
}

const struct operator_desc *operators_find(const char *name)
{
    for (size_t i = 0; i < table.len; i++) {
        if (strcmp(all[i]->name, name) == 0) {
            return all[i];
        }
    }
    return NULL;
}

/* Readers on other threads see the entry before the length that counts it. */
int operators_extend(const struct operator_desc *d)
{
    if (table.len == sizeof all / sizeof all[0]) {
        return -ERR_LIMIT;
    }
    all[table.len] = d;
    __atomic_store_n(&table.len, table.len + 1, __ATOMIC_RELEASE);
    return 0;
}
