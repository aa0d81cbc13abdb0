/* The one table of commands. Keep the wording short: every line is also help, a man page and the
 * reference. */
#include "cli/command.h"

#include <string.h>

#define ARGS   (const struct cli_argument[])
#define OPTS   (const struct cli_option[])
#define EX     (const struct cli_example[])
#define INTMAX 2147483647

const struct cli_option global_options[] = {
    {"home", 0, OPTION_FILE, .value = "DIR",
     .help =
         "where runs, logs and the store are kept (default: $TRADEWIND_HOME, else ~/.tradewind)"},
    {"json", 0, OPTION_FLAG, .help = "write JSON instead of text, for programs"},
    {"no-color", 0, OPTION_FLAG, .help = "no colours (NO_COLOR in the environment does the same)"},
    {"quiet", 'q', OPTION_FLAG, .help = "only what went wrong, and the result"},
    {"verbose", 'v', OPTION_FLAG, .repeat = true, .help = "tell more; twice: everything"},
    {"help", 'h', OPTION_FLAG, .help = "show help for a command"},
    {"version", 0, OPTION_FLAG, .help = "show the version"},
    {0},
};

#define OPT_READ_TAG                                                                            \
    {                                                                                           \
        "read-tag", 0, OPTION_TEXT, .repeat = true, .value = "TAG",                             \
                                    .help = "only DAGs with this tag are seen; may be repeated" \
    }
#define OPT_WRITE_TAG                                                      \
    {                                                                      \
        "write-tag", 0, OPTION_TEXT,                                       \
            .repeat = true, .value = "TAG",                                \
            .help = "only DAGs with this tag are changed; may be repeated" \
    }
#define OPT_DAG                                                                                \
    {                                                                                          \
        "dag", 0, OPTION_TEXT, .value = "ID", .help = "which DAG, when the file holds several" \
    }
#define OPT_SHOW_VALUES                                                              \
    {                                                                                \
        "show-values", 0, OPTION_FLAG, .help = "show passwords and extras, else ***" \
    }
#define OPT_CONF                                                                    \
    {                                                                               \
        "conf", 0, OPTION_JSON, .value = "JSON",                                    \
                                .help = "the run's conf: an object, as a JSON text" \
    }
#define OPT_PARAM                                                                              \
    {                                                                                          \
        "param", 'p', OPTION_TEXT,                                                             \
            .repeat = true, .value = "NAME=VALUE",                                             \
            .help = "one param; VALUE is JSON if it reads as JSON, else text; may be repeated" \
    }
#define OPT_LOGICAL                                                                     \
    {                                                                                   \
        "logical-date", 0, OPTION_TIME, .value = "TIME",                                \
                                        .help = "the run's logical date (default: now)" \
    }
#define OPT_PARTITION                                                                \
    {                                                                                \
        "partition-key", 0, OPTION_TEXT, .value = "KEY",                             \
                                         .help = "the partition that the run is for" \
    }
#define OPT_RUN_ID                                                                     \
    {                                                                                  \
        "run-id", 0, OPTION_TEXT, .value = "ID",                                       \
                                  .help = "the run's id (default: made from the time)" \
    }
#define OPT_JOBS                                                                    \
    {                                                                               \
        "jobs", 'j', OPTION_INT, .value = "N", .min = 1, .max = 10000,              \
                                 .help = "tasks that may run at once (default: 32)" \
    }
#define OPT_PYTHON                                                                                 \
    {                                                                                              \
        "python", 0, OPTION_FILE,                                                                  \
            .value = "PROGRAM",                                                                    \
            .help =                                                                                \
                "the Python interpreter (default: the active virtual environment's, else python3)" \
    }
#define OPT_PLAIN                                                                      \
    {                                                                                  \
        "plain", 0, OPTION_FLAG, .help = "a line per change instead of a live picture" \
    }
#define OPT_FORMAT                                                                               \
    {                                                                                            \
        "format", 'f', OPTION_TEXT,                                                              \
            .value = "FORMAT",                                                                   \
            .help =                                                                              \
                "how to draw it: text, svg, dot, mermaid, or json: its document (default: text)" \
    }
#define OPT_LIMIT                                                                      \
    {                                                                                  \
        "limit", 'n', OPTION_INT, .value = "N", .dflt = "20", .min = 1, .max = 100000, \
                                  .help = "at most this many"                          \
    }
#define OPT_TRY                                                             \
    {                                                                       \
        "try", 't', OPTION_INT, .value = "N", .min = 1, .max = 65535,       \
                                .help = "which try (default: the last one)" \
    }
#define OPT_MAP                                                                           \
    {                                                                                     \
        "map-index", 0, OPTION_INT, .value = "N", .dflt = "-1", .min = -1, .max = INTMAX, \
                                    .help = "which instance of a mapped task"             \
    }
#define OPT_INSTANCE                                                          \
    {                                                                         \
        "map-index", 0, OPTION_INT, .value = "N", .min = 0, .max = INTMAX,    \
                                    .help = "which instance of a mapped task" \
    }
#define OPT_KEY                                                                            \
    {                                                                                      \
        "key", 'k', OPTION_TEXT, .value = "KEY", .dflt = "return_value", .help = "its key" \
    }
#define OPT_YES                                       \
    {                                                 \
        "yes", 'y', OPTION_FLAG, .help = "do not ask" \
    }

#define OPT_PAST                                                                         \
    {                                                                                    \
        "past", 0, OPTION_FLAG, .help = "in the DAG's runs of earlier logical dates too" \
    }
#define OPT_FUTURE                                                                       \
    {                                                                                    \
        "future", 0, OPTION_FLAG, .help = "in the DAG's runs of later logical dates too" \
    }
#define OPT_ALL_RUNS                                                 \
    {                                                                \
        "all-runs", 0, OPTION_FLAG, .help = "in all runs of the DAG" \
    }
#define OPT_RANGE_FROM                                                                         \
    {                                                                                          \
        "from", 0, OPTION_TIME, .value = "TIME",                                               \
                                .help = "with --all-runs: whose logical date is not before it" \
    }
#define OPT_RANGE_TO                                                                        \
    {                                                                                       \
        "to", 0, OPTION_TIME, .value = "TIME",                                              \
                              .help = "with --all-runs: whose logical date is not after it" \
    }
#define OPT_NEWEST                                                                        \
    {                                                                                     \
        "newest", 0, OPTION_FLAG,                                                         \
            .help = "on the DAG's newest version, not the one that the run was made with" \
    }
#define OPT_CHANGE_KEY                                                                          \
    {                                                                                           \
        "key", 0, OPTION_TEXT, .value = "KEY",                                                  \
                               .help = "each run is changed once by commands of this key: one " \
                                       "that was interrupted goes on"                           \
    }

#define OPT_SET_NOTE                                                                        \
    {                                                                                       \
        "set", 0, OPTION_TEXT, .value = "TEXT", .help = "write it, in place of the old one" \
    }
#define OPT_DELETE_NOTE                               \
    {                                                 \
        "delete", 0, OPTION_FLAG, .help = "remove it" \
    }

#define ARG_FILE                                                              \
    {                                                                         \
        "FILE", .file = true, .help = "a DAG file: .yaml, .yml, .json or .py" \
    }
#define ARG_RUN                                                                     \
    {                                                                               \
        "RUN", .optional = true,                                                    \
               .help = "a run id or its logical date; left out: the DAG's last run" \
    }

#define ARG_BACKFILL                                                    \
    {                                                                   \
        "BACKFILL", .help = "its number, or a DAG's id: its newest one" \
    }

const struct command command_table[] = {
/* clang-format off */
#include "cli/commands_service.def"
#include "cli/commands_dags.def"
#include "cli/commands_analysis.def"
#include "cli/commands_runs.def"
#include "cli/commands_tasks.def"
#include "cli/commands_settings.def"
#include "cli/commands_access.def"
#include "cli/commands_data.def"
#include "cli/commands_pools.def"
#include "cli/commands_program.def"
    /* clang-format on */
    {0},
};

const struct command *command_find(const char *name)
{
    for (const struct command *c = command_table; c->name != NULL; c++) {
        if (strcmp(c->name, name) == 0) {
            return c;
        }
    }
    return NULL;
}

bool command_is_below(const struct command *c, const struct command *group)
{
    size_t n = strlen(group->name);

    return strncmp(c->name, group->name, n) == 0 && c->name[n] == ' ';
}

bool command_is_group(const struct command *c)
{
    return c[1].name != NULL && command_is_below(&c[1], c);
}
