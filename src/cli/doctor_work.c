/* The work: the configuration, DAG files, and what does not move. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/time.h"
#include "bundle/findings.h"
#include "bundle/folder.h"
#include "bundle/load.h"
#include "cli/config_sections.h"
#include "cli/doctor.h"
#include "config/config.h"
#include "model/states.h"
#include "store/store.h"

#define TOLD_MAX    20 /* of one kind */
#define STUCK_US    (INT64_C(6) * 3600 * TIME_SECOND)
#define QUEUED_US   (INT64_C(3600) * TIME_SECOND)
#define LIVE_MAX    1000
#define LIVE_STATES (1u << RUN_QUEUED | 1u << RUN_RUNNING)

extern char **environ;

/* ---- the configuration ---- */

void doctor_config(struct doctor *d)
{
    const struct config_finding *f;
    struct config *c;
    struct err e = {0};
    size_t n, errors = 0;

    if (config_read(d->paths.home, (const char *const *)environ, &c, &e) != 0) {
        doctor_add(d, DOCTOR_FAIL, "config", "", "%s", err_str(&e));
        return;
    }
    (void)cli_check_sections(c, d->paths.home, NULL);
    n = config_findings(c, &f);
    for (size_t i = 0; i < n; i++) {
        char place[64] = "";

        errors += f[i].error;
        if (f[i].line > 0) {
            (void)snprintf(place, sizeof place, ":%d:%d", f[i].line, f[i].col);
        }
        doctor_add(d, f[i].error ? DOCTOR_FAIL : DOCTOR_WARN, "config", "", "%s%s: %s", f[i].where,
                   place, f[i].text);
    }
    if (n == 0) {
        doctor_add(d, DOCTOR_OK, "config", "", "%s%s", config_path(c),
                   access(config_path(c), F_OK) == 0 ? "" : " (there is none: all is default)");
    }
    if (errors == 0) {
        d->config = c;
    } else {
        config_close(c);
    }
}

/* ---- DAG files ---- */

static void tell_errors(struct doctor *d, const char *json)
{
    struct err e = {0};
    struct value *list;
    size_t n;

    if (value_parse(&d->arena, json, strlen(json), &list, &e) != 0) {
        return;
    }
    n = list->len;
    for (size_t i = 0; i < n && i < TOLD_MAX; i++) {
        const struct value *file = value_get(list->elems[i], "file"),
                           *line = value_get(list->elems[i], "line"),
                           *text = value_get(list->elems[i], "message");

        doctor_add(d, DOCTOR_FAIL, "dags", "", "%s%s%s: %s",
                   file != NULL && file->kind == VALUE_STRING ? file->text : "a file",
                   line != NULL && line->kind == VALUE_NUMBER ? ":" : "",
                   line != NULL && line->kind == VALUE_NUMBER ? line->text : "",
                   text != NULL && text->kind == VALUE_STRING ? text->text : "is not right");
    }
    if (n > TOLD_MAX) {
        doctor_add(d, DOCTOR_FAIL, "dags", "`tradewind dags list --errors` lists them", "%zu more",
                   n - TOLD_MAX);
    }
}

void doctor_dags(struct doctor *d)
{
    struct buf b BUF_CLEANUP;
    struct json_writer w;
    struct findings f = {.json = &w};
    struct err e = {0};
    struct dag **dags;
    char folder[4096];
    struct load_env env;
    struct stat st;
    size_t n;

    buf_init(&b, MiB(64));
    if (!d->has_parts || folder_resolve(d->paths.home, folder, sizeof folder, &e) != 0) {
        return;
    }
    if (stat(folder, &st) != 0 || !S_ISDIR(st.st_mode)) {
        doctor_add(d, DOCTOR_WARN, "dags", "make it, or set core.dags_folder",
                   "there is no folder %s", folder);
        return;
    }
    json_writer_init(&w, &b, 0);
    json_array(&w);
    env = session_load_env(&d->paths, d->paths.home);
    if (folder_load(folder, &env, &f, &dags, &n, &e) != 0) {
        doctor_add(d, DOCTOR_FAIL, "dags", "", "%s", err_str(&e));
        return;
    }
    json_array_end(&w);
    load_free(dags, n);
    if (f.len > 0 && buf_status(&b) == 0) {
        tell_errors(d, buf_cstr(&b));
    } else {
        doctor_add(d, DOCTOR_OK, "dags", "", "%zu DAGs in %s", n, folder);
    }
}

/* ---- pools ---- */

void doctor_pools(struct doctor *d)
{
    struct pool_row *pools;
    struct err e = {0};
    size_t n = 0;

    if (d->store == NULL || d->store->ops->get_pools(d->store, &d->arena, &pools, &n, &e) != 0) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        if (pools[i].slots == 0) {
            char remedy[400];

            (void)snprintf(remedy, sizeof remedy, "tradewind pools set %.250s 1", pools[i].name);
            doctor_add(d, DOCTOR_WARN, "pools", remedy,
                       "pool %s has no slots: none of its tasks starts", pools[i].name);
        }
    }
}

/* ---- runs ---- */

static const struct dag_row *dag_of(const struct dag_row *dags, size_t n, int64_t key)
{
    for (size_t i = 0; i < n; i++) {
        if (dags[i].dag_key == key) {
            return &dags[i];
        }
    }
    return NULL;
}

/* When something of it changed last, and whether something of it lives. */
static int64_t last_change(struct doctor *d, const struct run_row *r, bool *ret_lives)
{
    int64_t newest = r->start_us != TIME_NONE ? r->start_us : r->queued_us;
    struct ti_row *tis;
    struct err e = {0};
    size_t n = 0;

    *ret_lives = false;
    if (d->store->ops->get_tis(d->store, r->run_key, 0, &d->arena, &tis, &n, &e) != 0) {
        *ret_lives = true; /* not known: nothing is said */
        return newest;
    }
    for (size_t i = 0; i < n; i++) {
        const int64_t times[] = {tis[i].scheduled_us, tis[i].queued_us, tis[i].start_us,
                                 tis[i].end_us};

        for (size_t k = 0; k < sizeof times / sizeof times[0]; k++) {
            newest = times[k] != TIME_NONE && times[k] > newest ? times[k] : newest;
        }
        *ret_lives = *ret_lives || tis[i].state == TASK_RUNNING || tis[i].state == TASK_DEFERRED ||
                     tis[i].state == TASK_UP_FOR_RETRY || tis[i].state == TASK_UP_FOR_RESCHEDULE;
    }
    return newest;
}

static bool look_at_run(struct doctor *d, const struct run_row *r, const struct dag_row *dag)
{
    const char *dag_id = dag != NULL ? dag->dag_id : "?";
    char remedy[700], ago[TIME_TEXT_MAX];
    bool lives;
    int64_t since;

    if (dag != NULL && dag->paused) {
        (void)snprintf(remedy, sizeof remedy, "tradewind dags unpause %.250s", dag_id);
        doctor_add(d, DOCTOR_WARN, "runs", remedy, "run %s of %s waits: the DAG is paused",
                   r->run_id, dag_id);
        return true;
    }
    since = last_change(d, r, &lives);
    if (lives || d->now_us - since < (r->state == RUN_QUEUED ? QUEUED_US : STUCK_US)) {
        return false;
    }
    (void)duration_format(d->now_us - since, ago);
    if (!d->engine_is_service) {
        (void)snprintf(remedy, sizeof remedy, "start the scheduler: it goes on with it");
    } else {
        (void)snprintf(remedy, sizeof remedy,
                       "`tradewind tasks why %.200s TASK %.200s` says what it waits for", dag_id,
                       r->run_id);
    }
    doctor_add(d, DOCTOR_WARN, "runs", remedy, "run %s of %s: nothing has changed for %s",
               r->run_id, dag_id, ago);
    return true;
}

void doctor_runs(struct doctor *d)
{
    struct dag_row *dags;
    struct run_row *runs;
    struct err e = {0};
    size_t n = 0, m = 0, told = 0;

    if (d->store == NULL || d->store->ops->get_dags(d->store, &d->arena, &dags, &n, &e) != 0 ||
        d->store->ops->get_runs(d->store, 0, LIVE_STATES, 0, LIVE_MAX, &d->arena, &runs, &m, &e) !=
            0) {
        return;
    }
    for (size_t i = 0; i < m && told < TOLD_MAX; i++) {
        told += look_at_run(d, &runs[i], dag_of(dags, n, runs[i].dag_key));
    }
    if (told == 0) {
        doctor_add(d, DOCTOR_OK, "runs", "", "%zu%s unfinished, none stands still", m,
                   m == LIVE_MAX ? " or more" : "");
    }
}
