/*
 * A TRADEWIND_HOME, and what works in it: the same for the command line and for a program's own pipelines. Paths are absolute; what is opened is
 * closed in the order that home_close knows.
 */
#ifndef TW_HOME_HOME_H
#define TW_HOME_HOME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config;
struct dag;
struct dag_source;
struct engine;
struct engine_settings;
struct err;
struct lock;
struct loop;
struct store;
struct worker;
struct ask_config;

#define STORE_FILE    "tradewind.db"
#define ENGINE_SOCKET "engine.sock"

/* Where it is: `given`, else $TRADEWIND_HOME, else ~/.tradewind; absolute, into buf. -ERR_USAGE: none of them is set. */
int home_resolve(const char *given, char *buf, size_t cap, struct err *e);
/* Makes the folder and its own sub-folders (0700). */
int home_prepare(const char *home, struct err *e);
/* A fresh home in TMPDIR, else /tmp: home_remove it. */
int home_temporary(char *buf, size_t cap, struct err *e);
/* Removes a folder with all below it; never follows links. -ERR_IO: something of it is left. */
int home_remove(const char *path);

/* The store, for writing. */
int home_open_store(const char *home, struct store **ret, struct err *e);
/* engine_recover's load_dag: the DAG of a stored document (one reference). -ERR_VERSION: this program cannot read it. */
int home_load_dag(void *arg, const struct dag_source *src, struct dag **ret, struct err *e);
/* The DAG of a stored version (one reference). */
int home_load_version(struct store *s, int64_t version_key, struct dag **ret, struct err *e);

/* What a process needs to carry out runs. */
struct home_config {
    struct loop *loop;
    struct store *store;
    const char *home, *holder, *python, *python_path;
    const char *lookup_program; /* as of the local worker, or NULL */
    const char *const *task_env;
    const struct config *config; /* borrowed for the call */
    int slots;                   /* 0 = core.parallelism */
    int idle_exit_s;   /* of holders that have nothing to do; 0 = worker.holder_idle_exit */
    int64_t gather_us; /* -1 = the default */
    bool schedules;    /* as engine_config */
    bool alerts;       /* people are told, and deadlines watched: home_alert_config */
    const struct ask_config *
        ask; /* of time tables of Python; lives as long as the engine. NULL: they cannot be asked */
};
/* The section `alerts` of the configuration, with Airflow's smtp.* (alert_config_free). Errors name file, line and remedy. */
struct alert_config;
int home_alert_config(const struct config *c, struct alert_config **ret, struct err *e);
/* What of the configuration the engine takes. */
struct engine_settings home_engine_settings(const struct config *c);
/* What DAGs get that do not say it (operators_set_defaults): before the process reads a document. -ERR_INVALID: core.default_timezone. */
int home_set_defaults(const struct config *c, struct err *e);
/* SUSPENDS. The worker and the engine. After an error *ret_worker may be there: home_close it. */
int home_open(const struct home_config *c, struct worker **ret_worker, struct engine **ret_engine,
              struct err *e);
/* SUSPENDS. The engine's socket; run_file as engine_serve. */
int home_serve(struct engine *g, const char *home,
               int (*run_file)(void *arg, const char *request_json, char **ret_json, struct err *e),
               void *arg, struct err *e);
/* SUSPENDS. Each may be NULL. */
void home_close(struct engine *g, struct worker *w, struct store *s, struct lock *l);

#endif
