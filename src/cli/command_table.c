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

#define OPT_DAG                                                                                \
    {                                                                                          \
        "dag", 0, OPTION_TEXT, .value = "ID", .help = "which DAG, when the file holds several" \
    }
#define OPT_SHOW_VALUES                                                              \
    {                                                                                \
        "show-values", 0, OPTION_FLAG, .help = "show passwords and extras, else ***" \
    }
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
    {"run", "run a DAG to its end",
     "Runs the DAG of FILE in the foreground, shows what happens, and ends when the run has ended. "
     "Nothing needs to be "
     "started or installed first.\n\n"
     "FILE is a DAG file, a folder of them (with --dag), or the id of a DAG in the DAGs folder: "
     "TRADEWIND_DAGS, else AIRFLOW__CORE__DAGS_FOLDER, else dags in the home. The other DAGs of "
     "the "
     "folder are stored too, so that tasks can start them.\n\n"
     "Ctrl-C ends the running tasks and keeps the run; `tradewind runs resume` continues it where "
     "it stopped. When another "
     "tradewind works in the same home, it takes the run over and this one shows it.",
     .args = ARGS{ARG_FILE, {0}},
     .options = OPTS{OPT_DAG,
                     OPT_JOBS,
                     OPT_CONF,
                     OPT_PARAM,
                     OPT_RUN_ID,
                     OPT_LOGICAL,
                     OPT_PARTITION,
                     OPT_PYTHON,
                     OPT_PLAIN,
                     {0}},
     .examples =
         EX{{"tradewind run sales.yaml", "run it with its defaults"},
            {"tradewind run sales.py -j 4 -p region=eu", "four tasks at once, one param set"},
            {"tradewind run sales", "the DAG sales of the DAGs folder"},
            {"tradewind run sales.yaml --json | jq .to", "read the changes from a program"},
            {0}},
     .exits = "0 the run succeeded\n1 the run failed\n130 interrupted; it can be resumed"},

    {"scheduler", "run every DAG of the DAGs folder when it is due",
     "The service: reads the DAGs folder, and again whenever something in it changes; creates the "
     "runs "
     "that are due and carries them to their end. One works in a home at a time; "
     "`run`, `tasks clear` and other commands of the same home are carried out by it.\n\n"
     "SIGTERM and Ctrl-C stop it; tasks that run go on, and the next start takes them over. SIGHUP "
     "reads the folder again. Under systemd it tells when it is ready (Type=notify), and answers a "
     "watchdog.",
     .options = OPTS{{"dags-folder", 'S', OPTION_FILE, .value = "DIR",
                      .help = "the DAGs folder (default: TRADEWIND_DAGS, else dags in the home)"},
                     OPT_JOBS,
                     OPT_PYTHON,
                     {0}},
     .examples = EX{{"tradewind scheduler -S dags", "in the foreground"},
                    {"tradewind scheduler --json 2>>log", "its own log as a JSON object a line"},
                    {0}}},

    {"standalone", "start everything, and keep it running",
     "The scheduler and what serves its page, as processes of their own: one that ends is started "
     "again, after a pause that grows; one that does not answer its watchdog is killed first. "
     "Their "
     "logs come out here, each line with the process that wrote it.\n\n"
     "SIGTERM and Ctrl-C stop all of it, in order; a second one at once. Tasks that run go on, and "
     "the next start takes them over. SIGHUP reads the configuration and the folder again.",
     .options = OPTS{{"dags-folder", 'S', OPTION_FILE, .value = "DIR",
                      .help = "the DAGs folder (default: TRADEWIND_DAGS, else core.dags_folder)"},
                     OPT_JOBS,
                     OPT_PYTHON,
                     {"host", 0, OPTION_TEXT, .value = "HOST",
                      .help = "the address of the API server (default: api.host)"},
                     {"port", 0, OPTION_INT, .value = "PORT", .min = 0, .max = 65535,
                      .help = "its port (default: api.port)"},
                     {0}},
     .examples = EX{{"tradewind standalone", NULL},
                    {"tradewind standalone -S dags --json", "the log as a JSON object a line"},
                    {0}},
     .exits = "0 it was stopped, or has drained\n"
              "75 another one works in the home"},

    {"drain", "let what runs end, start nothing new, then stop the service",
     "For work on the machine: no task starts any more, those that run go on to their end, and "
     "then "
     "the scheduler (and `standalone` with it) exits with 0. Runs that become due wait in the "
     "store, "
     "as do tasks that wait for a time or an event: the next start goes on with them. Where tasks "
     "need not end, stop it: they go on in their holders.\n\n"
     "When --timeout is over the drain goes on, and the exit code says that something still runs.",
     .options = OPTS{{"timeout", 0, OPTION_TEXT, .value = "DURATION",
                      .help = "wait so long for the end, like 90, 10m (default: for ever)"},
                     {"no-wait", 0, OPTION_FLAG, .help = "only ask for it"},
                     {"cancel", 0, OPTION_FLAG, .help = "end a drain: tasks start again"},
                     {0}},
     .examples = EX{{"tradewind drain --timeout 15m && shutdown -h now", NULL}, {0}},
     .exits = "0 nothing runs, and the service has stopped\n"
              "75 something still runs"},
    {"doctor", "say what is wrong with an installation, and what to do",
     "Looks at the home, the disk, the configuration, who works there, the store, the key, our own "
     "parts, Python and its modules, time zones, the clock, limits, DAG files, and at runs that do "
     "not move. It changes nothing. Limits are those of this shell and user: run it as the user of "
     "the service.",
     .options = OPTS{OPT_PYTHON, {0}},
     .examples =
         EX{{"tradewind doctor", NULL}, {"tradewind doctor --quiet", "only what is not well"}, {0}},
     .exits = "0 nothing fails; there may be warnings\n1 something fails"},
    {"reload", "have the service read its configuration and folder again",
     "What can change while it runs is taken over, and shown; what needs a restart is named. A "
     "configuration with an error changes nothing. SIGHUP does the same.",
     .examples = EX{{"tradewind reload --json", NULL}, {0}},
     .exits = "65 the configuration has an error\n74 no service works in the home"},
    {"api-server", "serve the REST API, /health, /metrics and webhooks",
     "Answers HTTP on loopback, port 8080, unless `api.host` and `api.port` say otherwise, and "
     "prints "
     "its address. It reads the store; what changes something is sent to the scheduler of the same "
     "home, so it may be started, stopped and restarted at any time.\n\n"
     "At the first start the user `admin` is made, with a password that is shown once: on the "
     "terminal, "
     "or where there is none in the file admin.password of the home. Scripts send a token "
     "(`tradewind tokens create`), or that of the file api.token, which may do everything.\n\n"
     "SIGTERM and Ctrl-C stop it: what it is answering has `api.stop_grace`. Under systemd it "
     "tells "
     "when it is ready (Type=notify), and answers a watchdog.",
     .options = OPTS{{"host", 0, OPTION_TEXT, .value = "ADDRESS",
                      .help = "listen on this address (default: api.host)"},
                     {"port", 'p', OPTION_INT, .value = "N", .min = 0, .max = 65535,
                      .help = "listen on this port; 0: any that is free (default: api.port)"},
                     {0}},
     .examples =
         EX{{"tradewind api-server", "http://127.0.0.1:8080"},
            {"curl -H \"Authorization: Bearer $TOKEN\" 127.0.0.1:8080/api/v2/dags", "the DAGs"},
            {0}}},

    {"dags", "look at DAGs, check and test their files"},
    {"dags pause", "make no scheduled runs of a DAG",
     "No scheduled run is created, and the runs that are there start no further task, until "
     "`dags unpause`. What `tradewind run` runs without a scheduler is not held up.",
     .args = ARGS{{"DAG", .repeat = true, .help = "a DAG's id"}, {0}}},
    {"dags unpause", "make scheduled runs of a DAG again", NULL,
     .args = ARGS{{"DAG", .repeat = true, .help = "a DAG's id"}, {0}}},
    {"dags next-execution", "show when the next scheduled runs of a DAG come",
     "From its schedule and the last scheduled run in the store; also where no scheduler works.",
     .args = ARGS{{"DAG", .help = "a DAG's id"}, {0}},
     .options = OPTS{{"num-executions", 'n', OPTION_INT, .value = "N", .dflt = "1", .min = 1,
                      .max = 1000, .help = "how many"},
                     {0}},
     .examples = EX{{"tradewind dags next-execution sales -n 5", NULL}, {0}}},
    {"dags list", "list the DAGs of the DAGs folder, and those that have run",
     "Every DAG with its last run. The DAGs folder is TRADEWIND_DAGS, else "
     "AIRFLOW__CORE__DAGS_FOLDER, else dags in the home; what its .airflowignore files name is "
     "left "
     "out. A file is read again only when something that it used has changed.",
     .options = OPTS{OPT_LIMIT,
                     {"errors", 0, OPTION_FLAG,
                      .help = "list what is wrong with the files of the DAGs folder instead"},
                     {"files", 0, OPTION_FLAG,
                      .help = "list the files of the DAGs folder that have DAGs instead"},
                     OPT_PYTHON,
                     {0}},
     .examples = EX{{"tradewind dags list --json", NULL},
                    {"tradewind dags list --errors", "why a DAG is missing"},
                    {0}},
     .exits = "0 a DAG could be read, or there are no files\n65 none could, or (--errors) at least "
              "one could not"},
    {"dags list-import-errors", "list the DAG files that cannot be read",
     "As the scheduler has them in the store: of all bundles, with since when.",
     .options = OPTS{{"limit", 0, OPTION_INT, .value = "N", .dflt = "0", .max = INTMAX,
                      .help = "at most N; 0: all"},
                     {0}},
     .examples = EX{{"tradewind dags list-import-errors --json", NULL}, {0}},
     .exits = "65 there is one at least"},
    {"dags show", "draw a DAG",
     "Draws the tasks and what waits for what. DAG is a file, or the id of a DAG of the DAGs "
     "folder "
     "or of one that has run; with --run, the tasks have the colours of their states.",
     .args = ARGS{{"DAG", .file = true, .help = "a DAG file, or the id of a DAG"}, {0}},
     .options = OPTS{OPT_DAG,
                     OPT_FORMAT,
                     {"run", 0, OPTION_TEXT, .value = "RUN", .help = "show the states of this run"},
                     {"output", 'o', OPTION_FILE, .value = "FILE",
                      .help = "write there instead of to the terminal"},
                     OPT_PYTHON,
                     {0}},
     .examples = EX{{"tradewind dags show sales.yaml", NULL},
                    {"tradewind dags show sales.yaml -f svg -o sales.svg", "a picture for a page"},
                    {0}}},
    {"dags validate", "check DAG files without running them",
     "Reads the files and reports everything that is wrong, each with file, line, column and "
     "remedy. Nothing is stored or run.",
     .args =
         ARGS{{"FILE", .repeat = true, .optional = true, .file = true, .help = "DAG files"}, {0}},
     .options =
         OPTS{{"schema", 0, OPTION_FLAG, .help = "print the JSON Schema of DAG documents instead"},
              OPT_PYTHON,
              {0}},
     .examples = EX{{"tradewind dags validate dags/*.yaml", NULL}, {0}},
     .exits = "0 all files are right\n65 at least one is wrong"},
    {"dags convert", "write a Python DAG as YAML, or a YAML DAG as Python",
     "From a .py file to YAML, from a .yaml, .yml or .json file to Python. Functions of a Python "
     "file "
     "stay where they are and are referred to (file.py:function). What the other language has no "
     "word "
     "for, such as a lambda, a callback or an operator object, is listed with its task and reason, "
     "and "
     "nothing is written; with --partial such a task becomes an empty one with a comment.",
     .args = ARGS{ARG_FILE, {0}},
     .options = OPTS{{"output", 'o', OPTION_FILE, .value = "OUT",
                      .help = "write there instead of to the terminal"},
                     OPT_DAG,
                     {"partial", 0, OPTION_FLAG, .help = "write what can be converted"},
                     OPT_PYTHON,
                     {0}},
     .examples = EX{{"tradewind dags convert sales.py -o sales.yaml", NULL},
                    {"tradewind dags convert sales.yaml", "as Python, to read"},
                    {0}},
     .exits = "0 all of it was converted, or --partial is given\n1 something cannot be converted\n"
              "65 the file has errors"},
    {"dags trigger", "start a run of a DAG",
     "As Airflow's: makes a run. Where another tradewind works in the home, the run goes on there "
     "and nothing is waited for; where none works, it is carried out here, to its end. Then the "
     "run is told.",
     .args = ARGS{ARG_FILE, {0}},
     .options = OPTS{OPT_DAG,
                     OPT_JOBS,
                     OPT_CONF,
                     OPT_PARAM,
                     OPT_RUN_ID,
                     OPT_LOGICAL,
                     OPT_PARTITION,
                     OPT_PYTHON,
                     {0}},
     .examples = EX{{"tradewind dags trigger sales --conf '{\"region\": \"eu\"}'", NULL}, {0}},
     .exits = "0 the run was made, or it succeeded here\n1 the run failed here\n73 there is a run "
              "of that id already"},
    {"dags delete", "delete all that is stored of a DAG",
     "Its runs with their history, XComs and logs, and its versions. Its file stays: it is a new "
     "DAG when it runs again. Refused while a run of it is not finished.",
     .args = ARGS{{"DAG", .help = "the DAG's id"}, {0}}, .options = OPTS{OPT_YES, {0}},
     .examples = EX{{"tradewind dags delete sales --yes", NULL}, {0}},
     .exits = "66 there is no such DAG\n75 a run is not finished, or another process works in the "
              "home"},
    {"dags test", "run a DAG without keeping anything",
     "As `run`, in a home of its own that is removed at the end: for trying a file out.",
     .args = ARGS{ARG_FILE, {0}},
     .options =
         OPTS{OPT_DAG, OPT_JOBS, OPT_CONF, OPT_PARAM, OPT_LOGICAL, OPT_PYTHON, OPT_PLAIN, {0}},
     .examples = EX{{"tradewind dags test sales.py", NULL}, {0}},
     .exits = "0 the run succeeded\n1 the run failed"},

    {"runs", "look at runs, and continue them"},
    {"runs list", "list runs, the newest first", NULL,
     .args = ARGS{{"DAG", .optional = true, .help = "only the runs of this DAG"}, {0}},
     .options = OPTS{OPT_LIMIT,
                     {"state", 0, OPTION_TEXT, .value = "STATE",
                      .help = "only runs in this state: queued, running, success, failed"},
                     {"from", 0, OPTION_TIME, .value = "TIME",
                      .help = "only runs whose logical date is not before it"},
                     {"to", 0, OPTION_TIME, .value = "TIME",
                      .help = "only runs whose logical date is not after it"},
                     {"backfill", 0, OPTION_INT, .value = "N", .min = 1, .max = INTMAX,
                      .help = "only runs of this backfill, in its order"},
                     {0}},
     .examples = EX{{"tradewind runs list sales --state failed", NULL}, {0}}},
    {"runs show", "show a run with its tasks",
     "Times, states, tries and reasons of every task of the run.",
     .args =
         ARGS{{"DAG", .optional = true, .help = "the DAG's id; left out: the newest run of all"},
              ARG_RUN,
              {0}},
     .examples = EX{{"tradewind runs show", "the last run"},
                    {"tradewind runs show sales", "the last run of sales"},
                    {0}}},
    {"runs resume", "continue a run that was interrupted or failed",
     "Tasks that succeeded are not run again. What still runs of it is adopted; what failed is run "
     "again; the rest goes on.",
     .args =
         ARGS{{"DAG", .optional = true, .help = "the DAG's id; left out: the newest run of all"},
              ARG_RUN,
              {0}},
     .options = OPTS{OPT_JOBS, OPT_PYTHON, OPT_PLAIN, {0}},
     .examples = EX{{"tradewind runs resume sales", NULL}, {0}},
     .exits = "0 the run succeeded\n1 the run failed\n130 interrupted; it can be resumed"},

    {"backfill", "run a DAG for a range of dates in the past"},
    {"backfill create", "run a DAG for a range of dates",
     "Makes a run for every date of the DAG's schedule in the range, both ends included, and runs "
     "them in their order, at most --max-active-runs at once; the DAG's own max_active_runs does "
     "not count. A date alone means the whole day in the time zone of the schedule. Dates whose "
     "data interval has not ended yet are left out.\n\n"
     "Where a scheduler works in the home, it carries the backfill out, and this command returns "
     "(--wait stays until it has ended). Where none does, this command carries it out to its end; "
     "after Ctrl-C, `tradewind backfill resume` or a scheduler goes on from there.",
     .args = ARGS{{"DAG", .help = "a DAG's id"}, {0}},
     .options =
         OPTS{{"from", 0, OPTION_TIME, .value = "TIME", .help = "the first date, or time"},
              {"to", 0, OPTION_TIME, .value = "TIME", .help = "the last date, or time"},
              {"max-active-runs", 0, OPTION_INT, .value = "N", .dflt = "10", .min = 1, .max = 1000,
               .help = "how many of its runs may run at once"},
              {"reprocess-behavior", 0, OPTION_TEXT, .value = "WHAT", .dflt = "none",
               .help = "dates that have a run already: none leaves them alone, failed runs those "
                       "again that failed, completed runs all again"},
              {"run-backwards", 0, OPTION_FLAG, .help = "the last date first"},
              {"own-version", 0, OPTION_FLAG,
               .help = "runs that run again keep their version of the DAG (default: the newest)"},
              {"dry-run", 0, OPTION_FLAG,
               .help = "show the dates and what would be done, and change nothing"},
              {"wait", 0, OPTION_FLAG, .help = "show how it goes until it has ended"},
              OPT_CONF,
              OPT_PARAM,
              OPT_JOBS,
              OPT_PYTHON,
              {0}},
     .examples = EX{{"tradewind backfill create sales --from 2026-07-01 --to 2026-09-30",
                     "the third quarter"},
                    {"tradewind backfill create sales --from 2026-07-01 --to 2026-07-31 --dry-run",
                     "only show what would be done"},
                    {0}},
     .exits = "0 it was made; with --wait, or carried out here: every run of it succeeded\n"
              "1 a run of it failed, a date could not be run, or it was cancelled\n"
              "130 interrupted"},
    {"backfill list", "list backfills, the newest first", NULL,
     .args = ARGS{{"DAG", .optional = true, .help = "only those of this DAG"}, {0}},
     .options = OPTS{OPT_LIMIT,
                     {"active", 0, OPTION_FLAG, .help = "only those that have not ended"},
                     {0}}},
    {"backfill show", "show a backfill: how far it is, and its dates", NULL,
     .args = ARGS{ARG_BACKFILL, {0}}, .options = OPTS{OPT_LIMIT, {0}},
     .examples = EX{{"tradewind backfill show sales -n 100", "the newest one of sales"}, {0}}},
    {"backfill resume", "go on with a backfill, and stay until it has ended",
     "Where another tradewind works in the home, this one shows how the backfill goes; else it "
     "carries it out.",
     .args = ARGS{ARG_BACKFILL, {0}}, .options = OPTS{OPT_JOBS, OPT_PYTHON, {0}},
     .exits = "0 every run of it succeeded\n1 a run of it failed, a date could not be run, or it "
              "was cancelled\n130 interrupted"},
    {"backfill pause", "make no further runs of a backfill",
     "Runs that are queued stay queued; what runs goes on.", .args = ARGS{ARG_BACKFILL, {0}}},
    {"backfill unpause", "go on with a backfill that was paused", NULL,
     .args = ARGS{ARG_BACKFILL, {0}}},
    {"backfill cancel", "end a backfill",
     "Its queued runs become failed, and no further ones are made; what runs goes on.",
     .args = ARGS{ARG_BACKFILL, {0}}},
    {"runs rerun", "run a run again",
     "Clears all tasks of the run, or those that failed, and carries it to its end; with --past, "
     "--future or --all-runs those of many runs, the earliest first. If a tradewind works in this "
     "home the runs go on there at once.",
     .args = ARGS{{"DAG", .help = "the DAG's id"}, ARG_RUN, {0}},
     .options = OPTS{{"failed", 0, OPTION_FLAG,
                      .help = "only what failed or was not reached, and what is downstream of it"},
                     OPT_NEWEST,
                     OPT_PAST,
                     OPT_FUTURE,
                     OPT_ALL_RUNS,
                     OPT_RANGE_FROM,
                     OPT_RANGE_TO,
                     {"dry-run", 0, OPTION_FLAG, .help = "say what would be run, change nothing"},
                     OPT_CHANGE_KEY,
                     OPT_YES,
                     OPT_JOBS,
                     OPT_PYTHON,
                     OPT_PLAIN,
                     {0}},
     .examples =
         EX{{"tradewind runs rerun sales", "the last run, all of it"},
            {"tradewind runs rerun sales 2026-01-31 --newest", NULL},
            {"tradewind runs rerun sales --all-runs --from 2026-01-01 --to 2026-03-31", NULL},
            {0}},
     .exits = "0 the run succeeded, or was cleared\n1 the run failed, or stays as it is"},
    {"runs mark", "say that a run succeeded or failed",
     "success: all of its tasks, but teardowns that have still to run. failed: what lives is ended "
     "and failed, what has not begun is skipped, teardowns run; a run that has ended keeps its "
     "tasks.",
     .args = ARGS{{"DAG", .help = "the DAG's id"},
                  ARG_RUN,
                  {"STATE", .words = "success failed", .help = "success or failed"},
                  {0}},
     .options = OPTS{{"dry-run", 0, OPTION_FLAG, .help = "say what would be marked"}, {0}},
     .examples = EX{{"tradewind runs mark sales success", NULL}, {0}}},
    {"runs note", "read or write the note of a run", NULL,
     .args = ARGS{{"DAG", .help = "the DAG's id"}, ARG_RUN, {0}},
     .options = OPTS{OPT_SET_NOTE, OPT_DELETE_NOTE, {0}},
     .examples =
         EX{{"tradewind runs note sales --set 'source was late, see the mail of Monday'", NULL},
            {0}},
     .exits = "66 there is no note"},

    {"tasks", "look at tasks, their logs, and why they wait"},
    {"tasks list", "list the tasks of a DAG or of a run", NULL,
     .args = ARGS{{"DAG", .help = "the DAG's id"}, ARG_RUN, {0}},
     .options = OPTS{{"defined", 0, OPTION_FLAG,
                      .help = "as the file, or the DAGs folder, says now; no run is needed"},
                     OPT_DAG,
                     OPT_PYTHON,
                     {0}},
     .examples = EX{{"tradewind tasks list sales", NULL}, {0}}},
    {"tasks logs", "show what a task wrote", NULL,
     .args = ARGS{{"DAG", .help = "the DAG's id"}, ARG_RUN, {"TASK", .help = "the task's id"}, {0}},
     .options = OPTS{OPT_TRY,
                     OPT_MAP,
                     {"follow", 'f', OPTION_FLAG, .help = "go on as it grows, until the task ends"},
                     {0}},
     .examples = EX{{"tradewind tasks logs sales load", "of the last run"},
                    {"tradewind tasks logs sales load -f", "while it runs"},
                    {0}}},
    {"tasks why", "say why a task is in its state",
     "Names what a task waits for, or what made it fail or be skipped: upstream tasks and their "
     "states, limits, the time of the "
     "next try.",
     .args = ARGS{{"DAG", .help = "the DAG's id"}, ARG_RUN, {"TASK", .help = "the task's id"}, {0}},
     .options = OPTS{OPT_MAP, {0}}, .examples = EX{{"tradewind tasks why sales load", NULL}, {0}}},
    {"tasks clear", "make tasks of a run run again",
     "Sets the tasks back and, unless told otherwise, everything downstream of them, with their "
     "setups and teardowns. The run goes on with `runs resume`, or at once if a tradewind works in "
     "this home. On a terminal, what will be touched is told and asked first.",
     .args = ARGS{{"DAG", .help = "the DAG's id"},
                  ARG_RUN,
                  {"TASK", .help = "the task's id, or that of a group: all in it"},
                  {0}},
     .options =
         OPTS{{"only", 0, OPTION_FLAG, .help = "this task alone, nothing downstream"},
              {"upstream", 0, OPTION_FLAG, .help = "everything upstream too"},
              {"failed", 0, OPTION_FLAG, .help = "only those that failed or were not reached"},
              {"running", 0, OPTION_FLAG, .help = "only those that are running"},
              {"regex", 0, OPTION_FLAG,
               .help = "TASK is a POSIX extended regular expression: all tasks whose id has it"},
              OPT_PAST,
              OPT_FUTURE,
              OPT_ALL_RUNS,
              OPT_RANGE_FROM,
              OPT_RANGE_TO,
              OPT_NEWEST,
              {"dry-run", 0, OPTION_FLAG, .help = "say what would be cleared, change nothing"},
              OPT_CHANGE_KEY,
              OPT_MAP,
              OPT_YES,
              {0}},
     .examples =
         EX{{"tradewind tasks clear sales load --dry-run", NULL},
            {"tradewind tasks clear sales '^load' --regex --all-runs --from 2026-01-01", NULL},
            {"tradewind tasks clear sales 2026-01-31 load --future --newest", NULL},
            {0}},
     .exits = "1 a run stays as it is: it is at work, or has another version by now"},
    {"tasks mark", "say that tasks of a run succeeded, failed or were skipped",
     "Their state becomes that, whatever they did; a task that is running is ended. Nothing "
     "downstream is changed by it: what failed for it before is run by `tasks clear`. What will be "
     "touched is told and asked first.",
     .args =
         ARGS{{"DAG", .help = "the DAG's id"},
              ARG_RUN,
              {"TASK", .help = "the task's id, or that of a group: all in it"},
              {"STATE", .words = "success failed skipped", .help = "success, failed or skipped"},
              {0}},
     .options =
         OPTS{{"upstream", 0, OPTION_FLAG, .help = "everything upstream too"},
              {"downstream", 0, OPTION_FLAG, .help = "everything downstream too"},
              OPT_PAST,
              OPT_FUTURE,
              OPT_CHANGE_KEY,
              {"dry-run", 0, OPTION_FLAG, .help = "say what would be marked, change nothing"},
              OPT_MAP,
              OPT_YES,
              {0}},
     .examples = EX{{"tradewind tasks mark sales load success --yes", NULL}, {0}},
     .exits = "64 it was not agreed to: --yes, where nobody can be asked"},
    {"tasks note", "read or write the note of a task of a run", NULL,
     .args = ARGS{{"DAG", .help = "the DAG's id"}, ARG_RUN, {"TASK", .help = "the task's id"}, {0}},
     .options = OPTS{OPT_SET_NOTE, OPT_DELETE_NOTE, OPT_MAP, {0}},
     .examples = EX{{"tradewind tasks note sales load --set 'loaded by hand'", NULL}, {0}},
     .exits = "66 there is no note"},
    {"tasks respond", "answer what a task asks a person",
     "A task of an operator that asks (HITLOperator, ApprovalOperator and the like) waits until it "
     "is "
     "answered, or until its own "
     "timeout. `tasks why` shows what it asks. Without a tradewind in this home the run goes on "
     "with "
     "`runs resume`.",
     .args = ARGS{{"DAG", .help = "the DAG's id"}, {"TASK", .help = "the task's id"}, {0}},
     .options =
         OPTS{{"run", 0, OPTION_TEXT, .value = "RUN",
               .help = "the run's id (default: the last run)"},
              OPT_MAP,
              {"option", 'o', OPTION_TEXT, .repeat = true, .value = "OPTION",
               .help = "what is chosen; not needed where there is only one; may be repeated"},
              OPT_PARAM,
              {0}},
     .examples = EX{{"tradewind tasks respond sales approve --option Approve", NULL},
                    {"tradewind tasks respond sales amounts --param limit=300", NULL},
                    {0}},
     .exits = "65 there is no such option\n75 the task does not wait for an answer"},
    {"tasks test", "run one task alone, without keeping anything",
     "Runs the task of a DAG file now, whatever it depends on; its output goes to the terminal.",
     .args = ARGS{ARG_FILE, {"TASK", .help = "the task's id"}, {0}},
     .options = OPTS{OPT_DAG, OPT_CONF, OPT_PARAM, OPT_LOGICAL, OPT_PYTHON, {0}},
     .examples = EX{{"tradewind tasks test sales.yaml load", NULL}, {0}},
     .exits = "0 the task succeeded\n1 the task failed"},
    {"tasks render", "show a task's parameters with their templates rendered", "Nothing is run.",
     .args = ARGS{ARG_FILE, {"TASK", .help = "the task's id"}, {0}},
     .options = OPTS{OPT_DAG, OPT_CONF, OPT_PARAM, OPT_LOGICAL, OPT_PYTHON, {0}},
     .examples =
         EX{{"tradewind tasks render sales.yaml load --logical-date 2026-01-31", NULL}, {0}}},

    {"xcom", "look at what tasks left for others"},
    {"xcom list", "list the XComs of a run", NULL,
     .args = ARGS{{"DAG", .help = "the DAG's id"}, ARG_RUN, {0}},
     .options = OPTS{{"task", 0, OPTION_TEXT, .value = "TASK", .help = "only those of this task"},
                     OPT_INSTANCE,
                     {0}},
     .examples = EX{{"tradewind xcom list sales --json", NULL}, {0}}},
    {"xcom get", "show an XCom", "Its value, as JSON.",
     .args = ARGS{{"DAG", .help = "the DAG's id"}, ARG_RUN, {"TASK", .help = "the task's id"}, {0}},
     .options = OPTS{OPT_KEY, OPT_INSTANCE, {0}},
     .examples = EX{{"tradewind xcom get sales extract --key path", NULL}, {0}},
     .exits = "66 there is no such XCom"},
    {"xcom delete", "delete an XCom", "Refused while its task is at work.",
     .args = ARGS{{"DAG", .help = "the DAG's id"}, ARG_RUN, {"TASK", .help = "the task's id"}, {0}},
     .options = OPTS{OPT_KEY, OPT_INSTANCE, {0}},
     .examples = EX{{"tradewind xcom delete sales extract --key path", NULL}, {0}},
     .exits = "66 there is no such XCom\n75 the task is at work"},

    {"db", "look after the store"},
    {"db migrate", "bring the store to this version's form",
     "Makes a copy first, then one transaction. It is also done by itself at the first start of a "
     "new version. Where there is no store yet, it is made.",
     .examples = EX{{"tradewind db migrate", NULL}, {0}}},
    {"db check", "check the store", "SQLite's own check, and that what the tables say agrees.",
     .examples = EX{{"tradewind db check", NULL}, {0}},
     .exits = "0 nothing is wrong\n74 the store is damaged"},
    {"db reset", "remove all that a store keeps",
     "All runs with their logs, variables, connections and pools. The keys, the DAGs folder and "
     "other files of the home stay. Refused while a run is not finished.",
     .options = OPTS{OPT_YES, {0}}, .examples = EX{{"tradewind db reset --yes", NULL}, {0}},
     .exits = "75 a run is not finished, or another process works in the home"},
    {"db clean", "remove old runs and their logs", NULL,
     .options =
         OPTS{{"keep", 0, OPTION_TEXT, .value = "DURATION", .dflt = "30d",
               .help = "runs that ended more recently stay: 30d, 12h"},
              {"before", 0, OPTION_TIME, .value = "TIME",
               .help = "instead: runs that ended before it go"},
              {"dry-run", 0, OPTION_FLAG, .help = "say what would be removed, change nothing"},
              OPT_YES,
              {0}},
     .examples = EX{{"tradewind db clean --keep 90d", NULL}, {0}}},
    {"db backup", "copy the store, and the files that it names, to a folder",
     "Works while runs go on; the copy is of one moment. Sources of DAG versions and large XComs "
     "are in it, logs and the configuration "
     "are not. The master key is only with --with-key: who has it and the backup has all secrets.",
     .args = ARGS{{"FOLDER", .file = true, .help = "the copy; it must not exist"}, {0}},
     .options = OPTS{{"with-key", 0, OPTION_FLAG, .help = "the master key too"}, {0}},
     .examples = EX{{"tradewind db backup /backups/monday", NULL}, {0}}},
    {"db restore", "take a backup for the store of this home",
     "The backup is checked first. Nobody may work in the home. A store that is there becomes "
     "tradewind.db.before-restore.",
     .args = ARGS{{"FOLDER", .file = true, .help = "what `db backup` made"}, {0}},
     .options = OPTS{OPT_YES, {0}},
     .examples = EX{{"tradewind db restore /backups/monday", NULL}, {0}},
     .exits = "73 the home has a store, and --yes is not given\n74 the backup is damaged\n75 "
              "another process works in the home"},
    {"db rotate-key", "encrypt variables and connections with a new key",
     "All values are encrypted anew in one transaction, also while an engine works. The key file "
     "gets a "
     "new key and loses the old ones. With keys in the environment (TRADEWIND_SECRET_KEYS) put the "
     "new one first, run this, then take the others away.",
     .examples = EX{{"tradewind db rotate-key", NULL}, {0}},
     .exits = "77 a value was encrypted with a key that is not known"},

    {"variables", "named settings of tasks"},
    {"variables list", "list the keys of the stored variables", NULL,
     .options = OPTS{{"show-values", 0, OPTION_FLAG, .help = "and their values"}, {0}},
     .examples = EX{{"tradewind variables list", NULL}, {0}}},
    {"variables get", "show a variable's value",
     "Looked up in the secrets folder, the environment (TRADEWIND_VAR_KEY, AIRFLOW_VAR_KEY), then "
     "the "
     "store.",
     .args = ARGS{{"KEY", .help = "the variable"}, {0}},
     .options = OPTS{{"default", 'd', OPTION_TEXT, .value = "TEXT",
                      .help = "what is shown if there is none"},
                     {0}},
     .examples = EX{{"tradewind variables get region", NULL}, {0}},
     .exits = "66 there is no such variable"},
    {"variables set", "store a variable",
     "Encrypted in the store. VALUE - is read from standard input.",
     .args = ARGS{{"KEY", .help = "the variable"}, {"VALUE", .help = "its text, or -"}, {0}},
     .options =
         OPTS{{"description", 0, OPTION_TEXT, .value = "TEXT", .help = "what it is for"}, {0}},
     .examples = EX{{"tradewind variables set region eu-west-1", NULL},
                    {"tradewind variables set api_token - < token", "not in the list of processes"},
                    {0}}},
    {"variables delete", "delete a stored variable", NULL,
     .args = ARGS{{"KEY", .help = "the variable"}, {0}},
     .examples = EX{{"tradewind variables delete region", NULL}, {0}},
     .exits = "66 there is no such variable"},
    {"variables import", "store the variables of a file",
     "Airflow's form: an object of key to value, or to {\"value\", \"description\"}; JSON, or by "
     "its ending YAML (.yaml, .yml) or lines KEY=TEXT (.env).",
     .args = ARGS{{"FILE", .file = true, .help = "the file, or -"}, {0}},
     .options = OPTS{{"existing", 0, OPTION_TEXT, .value = "ACTION", .dflt = "overwrite",
                      .help = "of one that is there already: overwrite, fail or skip"},
                     {0}},
     .examples = EX{{"tradewind variables import variables.json", NULL}, {0}}},
    {"variables export", "write the stored variables to a JSON file", NULL,
     .args = ARGS{{"FILE", .file = true, .help = "the file, or -"}, {0}},
     .examples = EX{{"tradewind variables export variables.json", NULL}, {0}}},

    {"connections", "named access to other systems"},
    {"connections list", "list the stored connections", NULL, .options = OPTS{OPT_SHOW_VALUES, {0}},
     .examples = EX{{"tradewind connections list --json", NULL}, {0}}},
    {"connections get", "show a connection",
     "Looked up in the secrets folder, the environment (TRADEWIND_CONN_ID, AIRFLOW_CONN_ID), then "
     "the "
     "store.",
     .args = ARGS{{"ID", .help = "the connection"}, {0}}, .options = OPTS{OPT_SHOW_VALUES, {0}},
     .examples = EX{{"tradewind connections get warehouse", NULL}, {0}},
     .exits = "66 there is no such connection"},
    {"connections add", "store a connection", "Encrypted in the store, as a whole.",
     .args = ARGS{{"ID", .help = "the connection"}, {0}},
     .options =
         OPTS{{"uri", 0, OPTION_TEXT, .value = "URI",
               .help = "all of it, as a URI or JSON; - reads standard input"},
              {"type", 0, OPTION_TEXT, .value = "TYPE", .help = "its type: postgres, http"},
              {"host", 0, OPTION_TEXT, .value = "HOST", .help = "its host"},
              {"login", 0, OPTION_TEXT, .value = "NAME", .help = "its login"},
              {"password", 0, OPTION_TEXT, .value = "TEXT",
               .help = "its password; - reads standard input"},
              {"password-stdin", 0, OPTION_FLAG, .help = "read the password from standard input"},
              {"schema", 0, OPTION_TEXT, .value = "NAME", .help = "its schema or database"},
              {"port", 0, OPTION_INT, .value = "N", .min = 0, .max = 65535, .help = "its port"},
              {"extra", 0, OPTION_JSON, .value = "JSON", .help = "what its type needs besides"},
              {"description", 0, OPTION_TEXT, .value = "TEXT", .help = "what it is for"},
              {"overwrite", 0, OPTION_FLAG, .help = "take the place of one of that name"},
              {0}},
     .examples =
         EX{{"tradewind connections add warehouse --uri - < uri", NULL},
            {"tradewind connections add db --type http --host h --password-stdin < pw", NULL},
            {0}},
     .exits = "73 there is one already"},
    {"connections delete", "delete a stored connection", NULL,
     .args = ARGS{{"ID", .help = "the connection"}, {0}},
     .examples = EX{{"tradewind connections delete warehouse", NULL}, {0}},
     .exits = "66 there is no such connection"},
    {"connections import", "store the connections of a file",
     "Airflow's form: an object of id to an object of conn_type, host, ..., or to a URI; JSON, or "
     "by its ending YAML (.yaml, .yml) or lines ID=URI (.env). One that is there already is told "
     "and left as it is.",
     .args = ARGS{{"FILE", .file = true, .help = "the file, or -"}, {0}},
     .options =
         OPTS{{"overwrite", 0, OPTION_FLAG, .help = "take the place of those that exist"}, {0}},
     .examples = EX{{"tradewind connections import connections.yaml", NULL}, {0}},
     .exits = "73 at least one was there already"},
    {"connections test", "try a connection",
     "By the hook of an installed provider that serves its type; without one, its host and port "
     "are reached over TCP and nothing more is tried. What was tried is said.",
     .args = ARGS{{"ID", .help = "the connection"}, {0}}, .options = OPTS{OPT_PYTHON, {0}},
     .examples = EX{{"tradewind connections test warehouse", NULL}, {0}},
     .exits = "0 it works, or its host answers\n1 it does not\n66 there is no such connection\n"
              "69 nothing of it can be tried"},
    {"connections export", "write the stored connections to a file",
     "With passwords in clear; the file can be read by its owner only. As JSON (which is YAML "
     "too), or as lines ID=URI where the file ends in .env.",
     .args = ARGS{{"FILE", .file = true, .help = "the file, or -"}, {0}},
     .options = OPTS{{"format", 0, OPTION_TEXT, .value = "FORMAT",
                      .help = "json, yaml or env (default: by the file's ending)"},
                     {"env-as", 0, OPTION_TEXT, .value = "FORMAT",
                      .help = "of lines: uri or json (default: uri)"},
                     {0}},
     .examples = EX{{"tradewind connections export connections.json", NULL}, {0}}},

    {"bundles", "where DAG files come from: folders and repositories"},
    {"bundles list", "list the bundles",
     "Each with its commit, its DAGs, and what is wrong with it: a repository that cannot be "
     "fetched "
     "keeps the last good commit. Without a scheduler, what the configuration says.",
     .examples = EX{{"tradewind bundles list", NULL}, {0}}},
    {"bundles show", "show a bundle", NULL, .args = ARGS{{"BUNDLE", .help = "its name"}, {0}},
     .examples = EX{{"tradewind bundles show team", NULL}, {0}},
     .exits = "66 there is no such bundle\n74 no scheduler works in the home"},
    {"bundles refresh", "look for news now",
     "The scheduler fetches the repository, and reads what is new of it, or of the folder.",
     .args = ARGS{{"BUNDLE", .optional = true, .help = "its name; else all of them"}, {0}},
     .examples = EX{{"tradewind bundles refresh team", "after a push"}, {0}},
     .exits = "66 there is no such bundle\n74 no scheduler works in the home\n1 it takes longer: "
              "`bundles list` says how it ends"},
    {"alerts", "who is told of what, and whether it arrived"},
    {"alerts list", "list what people are told of, the newest first",
     "One line for each thing and channel. What is the same is one line with a number, until it "
     "was "
     "sent.",
     .options =
         OPTS{{"failed", 0, OPTION_FLAG, .help = "only those that could not be sent"},
              {"waiting", 0, OPTION_FLAG, .help = "only those that are still to be sent"},
              {"channel", 0, OPTION_TEXT, .value = "CHANNEL", .help = "only those of this channel"},
              {"limit", 'n', OPTION_INT, .value = "N", .dflt = "20", .max = INTMAX,
               .help = "at most N; 0: all"},
              {0}},
     .examples = EX{{"tradewind alerts list --failed", NULL}, {0}}},
    {"alerts channels", "list the channels of the configuration",
     "Reads tradewind.yaml and says what is wrong with it. What is secret is not shown.",
     .examples = EX{{"tradewind alerts channels", NULL}, {0}}},
    {"alerts test", "send one message through a channel now",
     "What became of it is told. It is sent by this command itself, whatever waits for the "
     "channel; nothing is kept of "
     "it. `email:ADDRESS` is a channel too: what a task's `email` uses.",
     .args = ARGS{{"CHANNEL", .help = "the channel's name"}, {0}},
     .examples = EX{{"tradewind alerts test ops", NULL},
                    {"tradewind alerts test email:anna@example.com", NULL},
                    {0}},
     .exits = "0 it was sent\n66 there is no such channel"},

    {"assets", "show the data that tasks make and use"},
    {"assets list", "list the assets that DAGs and tasks named", NULL,
     .options = OPTS{{"limit", 0, OPTION_INT, .value = "N", .dflt = "0", .max = INTMAX,
                      .help = "at most N; 0: all"},
                     {0}},
     .examples = EX{{"tradewind assets list", NULL}, {0}}},
    {"assets events", "list the events of assets, the newest first",
     "A task that succeeds leaves an event for each of its outlets.",
     .options = OPTS{{"asset", 0, OPTION_TEXT, .value = "ASSET",
                      .help = "of this asset alone: its name or URI"},
                     {"alias", 0, OPTION_TEXT, .value = "NAME",
                      .help = "only those that came through this alias"},
                     {"dag", 0, OPTION_TEXT, .value = "DAG",
                      .help = "those that a run of this DAG was started by"},
                     {"run", 0, OPTION_TEXT, .value = "RUN",
                      .help = "with --dag: which run (default: the last)"},
                     {"limit", 0, OPTION_INT, .value = "N", .dflt = "20", .max = INTMAX,
                      .help = "at most N; 0: all"},
                     {0}},
     .examples = EX{{"tradewind assets events --asset s3://bucket/orders --json", NULL},
                    {"tradewind assets events --dag report --run latest",
                     "what its last run was started by"},
                    {0}},
     .exits = "66 there is no such asset, DAG or run"},
    {"assets show", "show who makes and uses an asset, and what it starts",
     "From the DAGs that the store knows, as they are now.",
     .args = ARGS{{"ASSET", .help = "its name or URI"}, {0}},
     .examples = EX{{"tradewind assets show orders", NULL}, {0}},
     .exits = "66 there is no such asset"},
    {"assets queue", "show what DAGs wait for, and what is there already",
     "A DAG that assets start gathers their events until its condition holds; then a run takes all "
     "of them. By partition there is a row for each that has begun.",
     .args = ARGS{{"DAG", .optional = true, .help = "this DAG alone"}, {0}},
     .examples = EX{{"tradewind assets queue", NULL}, {"tradewind assets queue report", NULL}, {0}},
     .exits = "66 no scheduler knows such a DAG"},
    {"assets create-event", "say by hand that an asset was changed",
     "As if a task had: DAGs that wait for it take it. For data that comes from elsewhere.",
     .args = ARGS{{"ASSET", .help = "its name or URI"}, {0}},
     .options = OPTS{{"extra", 0, OPTION_TEXT, .value = "JSON",
                      .help = "what is to be known of it: an object, as a JSON text"},
                     {"partition-key", 0, OPTION_TEXT, .value = "KEY",
                      .help = "the partition that was changed"},
                     {0}},
     .examples =
         EX{{"tradewind assets create-event s3://bucket/orders --extra '{\"rows\": 3}'", NULL},
            {0}},
     .exits = "66 there is no such asset"},
    {"assets materialize", "start the DAG that makes an asset",
     "As `dags trigger` of the one DAG that has a task with this outlet.",
     .args = ARGS{{"ASSET", .help = "its name or URI"}, {0}},
     .options = OPTS{OPT_JOBS,
                     OPT_CONF,
                     OPT_PARAM,
                     OPT_RUN_ID,
                     OPT_LOGICAL,
                     OPT_PARTITION,
                     OPT_PYTHON,
                     {0}},
     .examples = EX{{"tradewind assets materialize orders", NULL}, {0}},
     .exits =
         "0 the run was made, or it succeeded here\n1 the run failed here\n66 there is no such "
         "asset, or no DAG makes it\n75 several DAGs make it"},

    {"pools", "shared limits of tasks at once"},
    {"pools list", "list the pools", NULL, .examples = EX{{"tradewind pools list", NULL}, {0}}},
    {"pools get", "show a pool", NULL, .args = ARGS{{"POOL", .help = "the pool"}, {0}},
     .examples = EX{{"tradewind pools get default_pool", NULL}, {0}},
     .exits = "66 there is no such pool"},
    {"pools import", "make the pools of a file",
     "Airflow's form: an object of name to {\"slots\", \"description\", \"include_deferred\"}.",
     .args = ARGS{{"FILE", .file = true, .help = "the file, or -"}, {0}},
     .examples = EX{{"tradewind pools import pools.json", NULL}, {0}}},
    {"pools export", "write the pools to a JSON file", NULL,
     .args = ARGS{{"FILE", .file = true, .help = "the file, or -"}, {0}},
     .examples = EX{{"tradewind pools export pools.json", NULL}, {0}}},
    {"pools set", "make a pool or change its slots", "A running engine goes by it at once.",
     .args = ARGS{{"POOL", .help = "the pool"},
                  {"SLOTS", .help = "tasks at once; -1 (after --): no limit"},
                  {0}},
     .options =
         OPTS{{"description", 0, OPTION_TEXT, .value = "TEXT", .help = "what it is for"},
              {"include-deferred", 0, OPTION_FLAG, .help = "deferred tasks hold their slots"},
              {0}},
     .examples = EX{{"tradewind pools set database 4", NULL}, {0}}},
    {"pools delete", "delete a pool", NULL, .args = ARGS{{"POOL", .help = "the pool"}, {0}},
     .examples = EX{{"tradewind pools delete database", NULL}, {0}},
     .exits = "66 there is no such pool"},

    {"users", "who may sign in, and what they may"},
    {"users create", "make a user",
     "The password is asked for on the terminal, or the first line of standard input; it is never "
     "an argument, which all processes of the machine can see. Roles: viewer reads; user also "
     "triggers, clears, marks and writes notes; operator also pauses, deletes, backfills and "
     "changes pools, variables and connections; admin also users and tokens.\n\n"
     "With --read-tag the user sees the DAGs alone that have one of these tags, with --write-tag "
     "changes those alone.",
     .args = ARGS{{"NAME", .help = "how the user signs in"}, {0}},
     .options =
         OPTS{{"role", 'r', OPTION_TEXT, .value = "ROLE", .dflt = "viewer",
               .help = "viewer, user, operator or admin"},
              {"email", 0, OPTION_TEXT, .value = "ADDRESS", .help = "the user's address"},
              {"first-name", 0, OPTION_TEXT, .value = "TEXT", .help = "the user's first name"},
              {"last-name", 0, OPTION_TEXT, .value = "TEXT", .help = "the user's last name"},
              {"random-password", 0, OPTION_FLAG,
               .help = "make a password and show it; to be changed at first"},
              {"first-password", 0, OPTION_FLAG, .help = "it must be changed at the first sign-in"},
              OPT_READ_TAG,
              OPT_WRITE_TAG,
              {0}},
     .examples = EX{{"tradewind users create anna --role operator", NULL},
                    {"tradewind users create bob --random-password --read-tag sales", NULL},
                    {0}},
     .exits = "65 the password is too short\n73 there is such a user"},
    {"users list", "list the users", NULL,
     .examples = EX{{"tradewind users list --json", NULL}, {0}}},
    {"users delete", "delete a user, with all sessions and tokens", "The last admin stays.",
     .args = ARGS{{"NAME", .help = "the user"}, {0}},
     .examples = EX{{"tradewind users delete anna", NULL}, {0}},
     .exits = "66 there is no such user\n75 it is the last admin"},
    {"users set-password", "give a user another password",
     "Asked for as in `users create`. Where the user was signed in, that is over.",
     .args = ARGS{{"NAME", .help = "the user"}, {0}},
     .options =
         OPTS{{"random-password", 0, OPTION_FLAG,
               .help = "make a password and show it; to be changed at first"},
              {"first-password", 0, OPTION_FLAG, .help = "it must be changed at the first sign-in"},
              {0}},
     .examples = EX{{"tradewind users set-password admin", "also when it is forgotten"}, {0}},
     .exits = "65 the password is too short\n66 there is no such user"},
    {"users set-role", "give a user another role", "It counts within a second.",
     .args = ARGS{{"NAME", .help = "the user"},
                  {"ROLE", .help = "viewer, user, operator or admin"},
                  {0}},
     .examples = EX{{"tradewind users set-role anna admin", NULL}, {0}},
     .exits = "66 there is no such user\n75 it is the last admin"},
    {"tokens", "what scripts sign in with"},
    {"tokens create", "make a token, and show it once",
     "Scripts send it as `Authorization: Bearer TOKEN`. The store has its hash alone. Standard "
     "output has the token and nothing else.",
     .args = ARGS{{"NAME", .help = "what it is for"}, {0}},
     .options = OPTS{{"role", 'r', OPTION_TEXT, .value = "ROLE", .dflt = "viewer",
                      .help = "viewer, user, operator or admin"},
                     {"user", 'u', OPTION_TEXT, .value = "NAME",
                      .help = "whose it is: it may never more than this user"},
                     {"expires", 0, OPTION_TEXT, .value = "TIME", .dflt = "90d",
                      .help = "how long it is good for; never"},
                     OPT_READ_TAG,
                     OPT_WRITE_TAG,
                     {0}},
     .examples =
         EX{{"tradewind tokens create ci --role user --write-tag ci --expires 30d", NULL}, {0}},
     .exits = "66 there is no such user"},
    {"tokens list", "list the tokens", NULL,
     .examples = EX{{"tradewind tokens list --json", NULL}, {0}}},
    {"tokens revoke", "make a token worthless, within a second", NULL,
     .args = ARGS{{"ID", .help = "its id, of `tokens list`"}, {0}},
     .examples = EX{{"tradewind tokens revoke 0123456789abcdef", NULL}, {0}},
     .exits = "66 there is no such token"},

    {"config", "show the configuration"},
    {"config list", "list the settings, and where each comes from",
     "From tradewind.yaml in the home, and the environment: TRADEWIND__SECTION__KEY, then "
     "AIRFLOW__SECTION__KEY where the meaning is the same.",
     .options = OPTS{{"all", 0, OPTION_FLAG,
                      .help = "also those that only DAG files and tasks ask for, set or not"},
                     {0}},
     .examples = EX{{"tradewind config list --json", NULL}, {0}}},
    {"config get", "show one setting's value", NULL,
     .args = ARGS{{"KEY", .help = "the setting, like core.parallelism"}, {0}},
     .examples = EX{{"tradewind config get home", NULL}, {0}},
     .exits = "66 there is no such setting"},
    {"config show-origin", "show where a setting comes from",
     "All places that may set it, in their order; a star marks the one that counts. Without KEY: "
     "all settings that "
     "are not as built in.",
     .args = ARGS{{"KEY", .optional = true, .help = "the setting"}, {0}},
     .examples = EX{{"tradewind config show-origin core.parallelism", NULL}, {0}},
     .exits = "66 there is no such setting"},
    {"config lint", "check tradewind.yaml and the environment",
     "All that is wrong, with line and column, and what to write instead. Airflow's settings that "
     "have no effect here are warnings.",
     .examples = EX{{"tradewind config lint", NULL}, {0}}, .exits = "65 there are errors"},

    {"info", "show the version, the places, and who works in the home", NULL,
     .options =
         OPTS{{"engine", 0, OPTION_FLAG, .help = "say only whether a tradewind works in the home"},
              {0}},
     .examples = EX{{"tradewind info --json", NULL}, {0}},
     .exits = "1 none works there (--engine)"},
    {"airflow", "answer Airflow's command line",
     "For scripts that call `airflow`: the commands, options and columns of Airflow 3 and 2. A "
     "program of this name that is a link to tradewind does the same; one is in lib/tradewind/bin "
     "of an installation. What has no counterpart is refused with what to use instead. "
     "`tradewind airflow cheat-sheet` lists all of it.\n\n"
     "Without TRADEWIND_HOME and --home, the home is the folder tradewind in AIRFLOW_HOME, if that "
     "is set, and the DAGs folder the one of its airflow.cfg, else dags in it.",
     .args = ARGS{{"COMMAND", .optional = true, .repeat = true,
                   .help = "the words and options that would follow `airflow`"},
                  {0}},
     .examples =
         EX{{"tradewind airflow dags list -o json", NULL},
            {"PATH=/usr/local/lib/tradewind/bin:$PATH ./nightly.sh", "a script that calls airflow"},
            {0}},
     .exits = "1 it failed\n2 not a command line of Airflow's, or not built", .rest = true},
    {"version", "show the version", NULL, .examples = EX{{"tradewind version --json", NULL}, {0}}},
    {"completion", "write a completion script for a shell",
     "Prints the script; the shell reads it at its start.",
     .args = ARGS{{"SHELL", .words = "bash zsh fish", .help = "bash, zsh or fish"}, {0}},
     .examples = EX{{"source <(tradewind completion bash)", "in ~/.bashrc"},
                    {"tradewind completion zsh > ~/.zfunc/_tradewind", "with ~/.zfunc in fpath"},
                    {"tradewind completion fish > ~/.config/fish/completions/tradewind.fish", NULL},
                    {0}}},
    {"man", "write the manual pages to a folder", NULL,
     .args = ARGS{{"DIR", .file = true,
                   .help = "the folder, as share/man/man1; made if it is not there"},
                  {0}},
     .options = OPTS{{"markdown", 0, OPTION_FLAG,
                      .help = "write the references, cli.md and airflow-command.md, instead"},
                     {0}},
     .examples = EX{{"tradewind man ~/.local/share/man/man1", NULL}, {0}}},
    {"help", "show help for a command", NULL,
     .args =
         ARGS{{"COMMAND", .optional = true, .repeat = true, .help = "the command's words"}, {0}},
     .examples = EX{{"tradewind help tasks logs", NULL}, {0}}},
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
