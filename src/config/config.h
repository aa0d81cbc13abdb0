/*
 * The configuration: $home/tradewind.yaml and the environment. What settings there are stands in config.def.
 *
 * Where a setting comes from, the first of these that has it:
 *   TRADEWIND__SECTION__KEY      the environment, our name
 *   AIRFLOW__SECTION__KEY        the environment, Airflow's name of a setting that means the same
 *   tradewind.yaml               section, then key
 *   default                      config.def
 * An environment variable that is empty is not set.
 *
 *   core:
 *     parallelism: 16
 *   logging: {level: debug}
 *
 * What is wrong is a finding: an error makes config_open fail, a warning does not. All of them are found at once (config_lint). A config is
 * immutable once it is open; reload is another config_open.
 */
#ifndef TW_CONFIG_CONFIG_H
#define TW_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config;
struct err;
struct value;

#define CONFIG_FILE     "tradewind.yaml"
#define CONFIG_EXPORTED "TRADEWIND_CONFIG_EXPORTED"

/* Reads both. *ret (config_close) is set only on success. -ERR_INVALID, -ERR_SYNTAX: the first error in *e, with file:line:col, and remedy.
 * -ERR_IO, -ERR_LIMIT: the file. A file that is not there is an empty one. Blocks. */
int config_open(const char *home, struct config **ret, struct err *e);
/* The same with an environment of its own ("NAME=value", NULL at the end), and without failing for what is found: *ret is there unless out of
 * memory or the file cannot be read. What has an error has its default. */
int config_read(const char *home, const char *const *environment, struct config **ret,
                struct err *e);
void config_close(struct config *c); /* NULL is allowed */

/* The values; `key` is "section.key" of config.def, of that type (asserted). Texts live as long as the config; a PATH is absolute, or "". */
const char *config_text(const struct config *c, const char *key); /* TEXT, PATH, CHOICE */
int64_t config_int(const struct config *c, const char *key);
bool config_bool(const struct config *c, const char *key);
int64_t config_us(const struct config *c, const char *key); /* DURATION */
/* What the file says, with line and column: of a CONFIG_TREE ("alerts"), a member of one ("alerts.channels"), or a setting; NULL: nothing. */
const struct value *config_value(const struct config *c, const char *key);
/* "default", "tradewind.yaml:12", or the name of the environment variable. Lives as long as the config. */
const char *config_source(const struct config *c, const char *key);
/* The path of the file, whether it is there or not. */
const char *config_path(const struct config *c);

/* ---- for displays ---- */

enum config_type {
    CONFIG_TYPE_TEXT,
    CONFIG_TYPE_PATH,
    CONFIG_TYPE_BOOL,
    CONFIG_TYPE_INT,
    CONFIG_TYPE_DURATION,
    CONFIG_TYPE_CHOICE,
    CONFIG_TYPE_TREE,
    CONFIG_TYPE_PYTHON,
};

struct config_key {
    const char *section, *key; /* key "" for a TREE */
    enum config_type type;
    int64_t min, max;  /* INT; seconds of a DURATION */
    const char *words; /* CHOICE, separated by spaces */
    const char *dflt, *airflow, *meaning;
    bool live; /* taken over on reload */
};

/* The table, in its order; NULL behind the last one. */
const struct config_key *config_key_at(size_t i);
/* By "section.key" ("section" for a TREE), or NULL. */
const struct config_key *config_key_find(const char *name);
/* The nearest known "section.key", or NULL. */
const char *config_key_near(const char *name);
/* A setting's value as text, whatever its type; of a TREE JSON, "" when there is none; of a PYTHON one that is not set "". */
const char *config_shown(const struct config *c, const struct config_key *k);
const char *config_shown_source(const struct config *c, const struct config_key *k);
/* True if two configurations differ in it. */
bool config_differs(const struct config *x, const struct config *y, const struct config_key *k);

struct config_finding {
    bool error;
    int line, col;     /* 0: none */
    const char *where; /* the file's path, or the name of an environment variable */
    const char *text;
};
/* What is wrong, in the order of the file, then of the environment's names. Borrowed from the config. */
size_t config_findings(const struct config *c, const struct config_finding **ret);
/* An error that who uses a section (CONFIG_TYPE_TREE) finds in the file; line 0: no place. */
void config_add_error(struct config *c, int line, int col, const char *text);

/*
 * Python's `conf` reads the environment: what only the file says is put there, for what this process starts. Once in a process, before it
 * has threads; TRADEWIND_CONFIG_EXPORTED lists the names, so that a later config_open does not take them for a word of the user's.
 */
int config_export(const struct config *c, struct err *e);

#endif
