/*
 * Which bundles there are: the section `bundles` of tradewind.yaml, else Airflow's dag_processor.dag_bundle_config_list, else the DAGs folder
 * alone, under the name "dags-folder".
 *
 *   bundles:
 *     - {name: local, path: /srv/dags}
 *     - name: team
 *       url: https://git.example.org/team/pipelines.git
 *       ref: main                      # a branch, a tag, a commit; else what the remote has as its HEAD
 *       subdir: dags
 *       refresh_interval: 1m
 *       connection: team_git           # what may read it
 */
#ifndef TW_BUNDLE_LIST_H
#define TW_BUNDLE_LIST_H

#include <stddef.h>
#include <stdint.h>

struct arena;
struct config;
struct err;

enum bundle_kind { BUNDLE_FOLDER, BUNDLE_GIT };

struct bundle_spec {
    const char *name;
    enum bundle_kind kind;
    const char *path; /* of a folder: absolute, without a slash at its end */
    const char *url, *ref,
        *subdir;            /* as of git_config; url: with user and password, if it has them */
    const char *connection; /* or NULL */
    int64_t refresh_us;     /* git: how often the remote is asked */
};

#define BUNDLE_DEFAULT_NAME "dags-folder"

/* In the arena. folder: the DAGs folder; only it, if only_folder is not NULL, which is used in its place. -ERR_INVALID: a member that is not
 * known, a name twice ..., with its place. */
int bundle_list_read(const struct config *c, const char *folder, const char *only_folder,
                     struct arena *a, struct bundle_spec **ret, size_t *ret_len, struct err *e);
/* TRADEWIND_BUNDLES for what imports DAG files: the folders that are a bundle's, with "*" for a commit; set in this process. */
int bundle_list_export(const struct bundle_spec *list, size_t n, const char *home, struct err *e);

#endif
