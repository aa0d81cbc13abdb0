#include "engine/zones.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"
#include "engine/engine_priv.h"
#include "engine/timing.h"
#include "model/dag.h"

/* Not sealed: it is no secret. */
#define KIND "installation"
#define NAME "tz_release"

int zones_recorded(struct store *s, char *ret, size_t cap, struct err *e)
{
    struct setting_row *rows;
    struct arena a;
    size_t n = 0;
    int rc;

    ret[0] = '\0';
    arena_init(&a, KiB(64));
    rc = s->ops->get_settings(s, KIND, NAME, &a, &rows, &n, e);
    if (rc == 0 && n == 1) {
        (void)snprintf(ret, cap, "%.*s", (int)rows[0].value_len, (const char *)rows[0].value);
    }
    arena_fini(&a);
    return rc == -ERR_NOTFOUND ? 0 : rc;
}

struct recording {
    struct engine *g;
    char was[64], is[64];
    struct err *e;
};

static int do_read(void *arg)
{
    struct recording *r = arg;

    return zones_recorded(r->g->store, r->was, sizeof r->was, r->e);
}

static int do_record(void *arg)
{
    struct recording *r = arg;
    const struct setting_row row = {.kind = KIND,
                                    .name = NAME,
                                    .value = r->is,
                                    .value_len = strlen(r->is),
                                    .version = -1,
                                    .updated_us = engine_now(r->g)};

    return r->g->store->ops->put_settings(r->g->store, &row, 1, r->e);
}

/* Recorded only after all schedules are made anew: what is interrupted is done again. */
static void make_anew(struct engine *g)
{
    for (size_t i = 0; i < g->dags_len; i++) {
        int64_t key = g->dags[i].dag_key;
        struct timing *fresh = NULL;
        struct err e = {0};

        if (g->dags[i].timing == NULL) {
            continue;
        }
        if (timing_new(g->dags[i].dag, &fresh, &e) == 0) {
            timing_free(g->dags[i].timing);
            g->dags[i].timing = fresh;
            (void)engine_schedule_dag(g, key, &e);
        }
        if (e.code != 0) {
            log_error("schedule", "with the new time zone data: %s", err_str(&e));
        }
    }
}

int zones_refresh(struct engine *g, struct err *e)
{
    struct recording r = {.g = g, .e = e};
    int rc = 0;

    timing_zone_release(r.is, sizeof r.is);
    if (r.is[0] == '\0' || strcmp(r.is, g->zone_release) == 0) {
        return 0;
    }
    rc = engine_on_store(g, do_read, &r);
    if (rc == 0 && (g->zone_release[0] != '\0' || (r.was[0] != '\0' && strcmp(r.was, r.is) != 0))) {
        log_warning(
            "schedule",
            "the time zone data are %s now, they were %s: the times of all runs to come are "
            "computed anew; runs that were created stay as they are",
            r.is, g->zone_release[0] != '\0' ? g->zone_release : r.was);
        make_anew(g);
    }
    if (rc == 0 && strcmp(r.was, r.is) != 0) {
        rc = engine_on_store(g, do_record, &r);
    }
    if (rc == 0) {
        (void)snprintf(g->zone_release, sizeof g->zone_release, "%s", r.is);
    }
    return rc;
}
