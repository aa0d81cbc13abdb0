/* Variables, connections and pools from the command line: read from the store, written by the process that may write. */
#ifndef TW_CLI_SETTINGS_CLIENT_H
#define TW_CLI_SETTINGS_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

struct cli;

/* A command's work space. */
struct settings_client {
    struct cli *cli;
    char home[4096];
    struct arena a;
    struct err e;
};

int settings_open(struct settings_client *c, struct cli *cli);
/* The exit code of rc, said if it is an error; frees. */
int settings_close(struct settings_client *c, int rc);

/*
 * Asks engine/settings.h for `op`. rq: the request, an object. Questions (..._get, ..._list) are read from the store, also where there is
 * none yet; else the living engine is asked, or this process takes the lock and writes. *ret: the answer, in the arena.
 */
int settings_ask(struct settings_client *c, const char *op, struct value *rq, struct value **ret);
/* True for the questions. */
bool settings_only_reads(const char *op);
/* An object with one text member. NULL when out of memory. */
struct value *settings_request(struct settings_client *c, const char *key, const char *text);
int settings_set_text(struct settings_client *c, struct value *o, const char *key,
                      const char *text); /* NULL: nothing is set */
const char *settings_text(const struct value *o, const char *key);

/* The two kinds of sealed settings: how they are called, and their operations (engine/settings.h). */
struct cli_setting {
    const char *word, *title; /* "variable", "Variable" */
    const char *argument;     /* of the command line: "KEY" */
    const char *member;       /* of a request: "key" */
    const char *names;        /* of the answer of a list: "keys" */
    const char *get, *set, *list, *drop;
};
extern const struct cli_setting cli_variable, cli_connection;

/* -ERR_NOTFOUND with the text. */
int cli_setting_missing(struct settings_client *c, const struct cli_setting *k, const char *name);
/* The names of those that are stored: an array. */
int cli_setting_names(struct settings_client *c, const struct cli_setting *k, struct value **ret);
/* The answer of its get. stored: not from outside of the store. */
int cli_setting_get(struct settings_client *c, const struct cli_setting *k, const char *name,
                    bool stored, struct value **ret);
/* The whole command `... delete`: returns the exit code. */
int cli_setting_delete(struct cli *cli, const struct cli_setting *k);

/* As settings_read_json; by the file's ending also YAML (.yaml, .yml), and lines NAME=TEXT (.env), whose values are texts. A name twice
 * is an error. */
int cli_setting_read_file(struct settings_client *c, const char *path, struct value **ret);
/* A text to a new file of mode 0600, or "-": standard output. */
int cli_setting_write_file(struct settings_client *c, const char *path, const struct buf *text);

/* A whole file, "-": standard input. Errors name the file. */
int settings_read_json(struct settings_client *c, const char *path, struct value **ret);
/* A text given as "-" is read from standard input, without its line end. */
int settings_text_or_stdin(struct settings_client *c, const char *text, const char **ret);
/* Writes a value as JSON to a new file of mode 0600, or "-": standard output. */
int settings_write_json(struct settings_client *c, const char *path, const struct value *v);

#endif
