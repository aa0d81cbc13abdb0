/*
 * Airflow's command line over ours. One table (airflow_table.c) says of every command of Airflow 3 and 2 what it is called, what options it
 * has, and either what command of ours does it and which of our JSON members are its columns, or why there is none and what to use instead.
 * Internal to this folder.
 */
#ifndef TW_CLI_AIRFLOW_H
#define TW_CLI_AIRFLOW_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/err.h"

struct buf;
struct value;

struct airflow_option {
    const char *name;  /* without "--" */
    char letter;       /* or 0 */
    const char *value; /* "JSON"; NULL for a flag */
    /* "--conf": given on as that; "": there is nothing to do for it here; "=NAME": stands for {NAME} below; "$NAME": becomes that variable of
     * the environment; "%": a JSON object whose members become such; "!text": refused, with why */
    const char *to;
};

enum airflow_view {
    AIRFLOW_TEXT,    /* what our command writes */
    AIRFLOW_ROWS,    /* its JSON as a table, JSON, YAML or plain text (--output) */
    AIRFLOW_FIELD,   /* of the first row the columns alone, with ", " between them */
    AIRFLOW_LINES,   /* of each row the first column, sorted */
    AIRFLOW_RENDERED /* an object of rendered parameters, each under a title */
};

struct airflow_command {
    const char *name, *summary;
    const char *args; /* "DAG_ID [DATE]", or NULL */
    const struct airflow_option *options;
    /*
     * The words of our command line, or "python " and the arguments of `python -m tradewind.installation`; NULL: not built. {NAME} is an
     * argument or an option's value; a word with one that was not given is left out. WORD?NAME and WORD?!NAME: only if it was given, or not.
     */
    const char *to;
    const char *why; /* not built: why, and what to use; else what is not as in Airflow, or NULL */
    enum airflow_view view;
    const char *
        rows; /* the member of our JSON that has the rows; NULL: it itself; "*": its members, but for tasks */
    const char *where; /* "member=NAME ...": only the rows whose member is that argument */
    const char *
        columns; /* "dag_id fileloc=file is_paused:False dag=^dag_id": of another name, a constant, of the whole */
    const char *ask; /* asked first, but for --yes */
    int fine;        /* an exit code of ours that is no error there */
};

extern const struct airflow_command cli_airflow_table[]; /* ends with name NULL */
/* Of every command, after its own. */
extern const struct airflow_option cli_airflow_options[];

/* A command line of Airflow's, parsed. */
struct airflow_line {
    const struct airflow_command *command;
    struct {
        const char *name, *value;
    } values[40]; /* arguments and "=NAME" options */
    size_t values_len;
    const char **given; /* options to be given on: name, value (or NULL), ... */
    size_t given_len;
    const char *output;
    bool yes, help;
    struct arena *arena;
    struct err *e;
};

/* words: what follows `airflow`. -ERR_USAGE with *e. Variables of the environment are set. */
int cli_airflow_parse(const char *const *words, size_t n, struct airflow_line *ret);
const char *cli_airflow_value(const struct airflow_line *l, const char *name); /* or NULL */
/* The words of our command line, without the program's; ends with NULL. */
int cli_airflow_translate(const struct airflow_line *l, bool json, const char ***ret,
                          size_t *ret_len);
/* Writes our JSON the way that the command and --output ask for. */
int cli_airflow_print(const struct airflow_line *l, const struct value *json, struct buf *out);

/* "dags": its commands; NULL: all. -ERR_NOTFOUND: neither command nor group. */
int cli_airflow_help(const char *name, struct buf *out);
/* One line for each command: what it becomes here. */
int cli_airflow_cheat_sheet(struct buf *out);
/* The tables of docs/reference/airflow-command.md. */
int cli_airflow_reference(struct buf *out);

#endif
