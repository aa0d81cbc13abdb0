/*
 * The command line. One table (command_table.c) says what commands, arguments and options there
 * are; from it come the parsing,
 * --help, completion scripts, man pages and docs/reference/cli.md. A command's work is a function
 * of commands.h.
 *
 *     int cmd_run(struct cli *cli)
 *     {
 *         const char *file = cli_arg(cli, "FILE");
 *         int64_t jobs = cli_opt_int(cli, "jobs");
 *         ...
 *         return rc < 0 ? cli_fail(rc, &e) : 0;
 *     }
 */
#ifndef TW_CLI_COMMAND_H
#define TW_CLI_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct buf;
struct cli;
struct err;

enum option_type {
    OPTION_FLAG,
    OPTION_TEXT,
    OPTION_INT,  /* checked against min and max */
    OPTION_TIME, /* RFC 3339 or a date; checked, given on as text */
    OPTION_JSON, /* checked to be JSON; given on as text */
    OPTION_FILE, /* as text; completed as a path */
};

struct cli_option {
    const char *name;  /* without "--" */
    char letter;       /* or 0 */
    uint8_t type;      /* enum option_type */
    bool repeat;       /* may be given several times; others: the last one counts */
    const char *value; /* "N", "TIME"; NULL for a flag */
    const char *dflt;  /* as text, or NULL: not set */
    int64_t min, max;  /* INT */
    const char *help;
};

struct cli_argument {
    const char *name;  /* "FILE" */
    bool optional;     /* before a required one it is filled last: DAG [RUN] TASK */
    bool repeat;       /* the last only */
    bool file;         /* completed as a path */
    const char *words; /* completed, and checked: one of these, separated by spaces; or NULL */
    const char *help;
};

struct cli_example {
    const char *line, *help;
};

struct command {
    const char *name;                   /* "run", "dags list"; a group ("dags") has no handler */
    const char *summary;                /* one line, no full stop */
    const char *description;            /* paragraphs, separated by an empty line; or NULL */
    const struct cli_argument *args;    /* ends with name NULL; or NULL */
    const struct cli_option *options;   /* ends with name NULL; or NULL */
    const struct cli_example *examples; /* ends with line NULL; or NULL */
    const char *exits;                  /* "0 text\n1 text": what is not common to all; or NULL */
    bool rest; /* all words after its name are its arguments, whatever they look like */
};

extern const struct command
    command_table[]; /* ends with name NULL; a group stands before its commands */
extern const struct cli_option global_options[];
const struct command *command_find(const char *name);
/* True for "dags": it only has commands below it. */
bool command_is_group(const struct command *c);
bool command_is_below(const struct command *c, const struct command *group);

/* What was written on the command line. */
const struct command *cli_command(const struct cli *cli);
const char *cli_arg(const struct cli *cli,
                    const char *name); /* NULL when left out; of a repeated one the first */
size_t cli_args(const struct cli *cli, const char *name,
                const char *const **ret);                     /* all of a repeated one */
const char *cli_opt(const struct cli *cli, const char *name); /* the value, its default, or NULL */
bool cli_given(const struct cli *cli, const char *name);      /* it was on the command line */
int cli_count(const struct cli *cli, const char *name);       /* how often it was given: -vv is 2 */
size_t cli_opt_all(const struct cli *cli, const char *name, const char *const **ret);
int64_t cli_opt_int(const struct cli *cli, const char *name); /* checked already; 0 when not set */
bool cli_flag(const struct cli *cli, const char *name);

/*
 * Parses. 0 and *ret (cli_free it); -ERR_USAGE with *e: what is wrong, and the remedy. argv is
 * borrowed. "--help" anywhere makes the command "help" with the words before it as arguments,
 * "--version" the command "version".
 */
int cli_parse(int argc, char *const *argv, struct cli **ret, struct err *e);
void cli_free(struct cli *cli);
/* Says on stderr what failed ("tradewind: text") and returns the exit code of rc. */
int cli_fail(int rc, const struct err *e);
/* Parses, runs the command, returns the exit code. Called by the name `airflow` (the last part of argv[0]), it is
 * `tradewind airflow`. */
int cli_main(int argc, char **argv);
/* Runs what was parsed. Returns the exit code. */
int cli_dispatch(struct cli *cli);

/* What is made of the table. name: NULL or a command's or group's. color: with escapes; width:
 * columns. */
int help_text(const char *name, bool color, int width, struct buf *out); /* -ERR_NOTFOUND */
int completion_script(const char *shell, struct buf *out); /* bash, zsh, fish; else -ERR_NOTFOUND */
int man_page(const struct command *c, struct buf *out);    /* NULL: tradewind(1) itself */
int cli_reference(struct buf *out);                        /* docs/reference/cli.md */

#endif
