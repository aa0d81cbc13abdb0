#include "engine/timing.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "model/dag.h"
#include "model/timetable.h"
#include "model/zone.h"

#define ZONE_FILE_MAX KiB(256)

struct timing {
    struct arena arena;
    const struct timetable *timetable;
    struct zone *zone; /* owned */
};

/* ---- zones ---- */

const char *timing_zone_folder(void)
{
    const char *dir = getenv("TZDIR");

    return dir != NULL && dir[0] == '/' ? dir : "/usr/share/zoneinfo";
}

static int read_file(const char *path, void *buf, size_t cap, size_t *ret, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t len = 0;
    ssize_t n = 1;

    if (fd < 0) {
        return err_errno(e, errno, "%s", path);
    }
    while (len < cap && (n = read(fd, (char *)buf + len, cap - len)) > 0) {
        len += (size_t)n;
    }
    *ret = len;
    if (n < 0) {
        err_errno(e, errno, "%s", path);
    }
    (void)close(fd);
    return n < 0 ? -ERR_IO : 0;
}

/* The release of the data, as its own text form says: "# version 2025b". "" when it is not there. */
void timing_zone_release(char *buf, size_t cap)
{
    char path[4200], head[64] = "";
    size_t n = 0;

    buf[0] = '\0';
    (void)snprintf(path, sizeof path, "%s/tzdata.zi", timing_zone_folder());
    if (read_file(path, head, sizeof head - 1, &n, NULL) == 0 &&
        strncmp(head, "# version ", 10) == 0) {
        head[n] = '\0';
        head[strcspn(head, "\n")] = '\0';
        (void)snprintf(buf, cap, "%s", head + 10);
    }
}

int timing_load_zone(const char *name, struct zone **ret, struct err *e)
{
    char path[4200], release[64];
    struct stat st;
    void *data;
    size_t n;
    int rc;

    if (zone_is_fixed(name)) {
        return zone_fixed(name, ret, e);
    }
    (void)snprintf(path, sizeof path, "%s/%s", timing_zone_folder(), name);
    if (!zone_name_is_valid(name) || stat(path, &st) != 0 || !S_ISREG(st.st_mode)) {
        return err_set(e, ERR_INVALID,
                       "there is no time zone '%s' in %s; is the name right, and tzdata installed?",
                       name, timing_zone_folder());
    }
    data = mem_alloc(ZONE_FILE_MAX);
    if (data == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for a time zone");
    }
    timing_zone_release(release, sizeof release);
    rc = read_file(path, data, ZONE_FILE_MAX, &n, e);
    rc = rc == 0 ? zone_load(name, release[0] != '\0' ? release : NULL, data, n, ret, e) : rc;
    mem_free(data);
    return rc;
}

/* ---- the contract ---- */

static bool setting(const char *name)
{
    const char *text = getenv(name);

    return text != NULL &&
           (strcasecmp(text, "true") == 0 || strcasecmp(text, "t") == 0 || strcmp(text, "1") == 0);
}

static int fill(struct timing *p, const struct dag *d, struct err *e)
{
    struct timetable_options o = {
        .dag_id = d->dag_id,
        .zone = d->timezone,
        .cron_data_intervals = setting("AIRFLOW__SCHEDULER__CREATE_CRON_DATA_INTERVALS"),
        .delta_data_intervals = setting("AIRFLOW__SCHEDULER__CREATE_DELTA_DATA_INTERVALS"),
    };
    int rc = timetable_parse(&p->arena, value_get(d->document, "schedule"), &o, &p->timetable, e);

    return rc == 0 && timetable_is_timed(p->timetable)
               ? timing_load_zone(p->timetable->zone, &p->zone, e)
               : rc;
}

int timing_new(const struct dag *d, struct timing **ret, struct err *e)
{
    struct timing *p = mem_zalloc(sizeof *p);
    int rc;

    *ret = NULL;
    if (p == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for a schedule");
    }
    arena_init(&p->arena, MiB(4));
    rc = fill(p, d, e);
    if (rc != 0 || !timetable_is_timed(p->timetable)) {
        timing_free(p);
        return rc;
    }
    *ret = p;
    return 0;
}

void timing_free(struct timing *p)
{
    if (p != NULL) {
        zone_free(p->zone);
        arena_fini(&p->arena);
        mem_free(p);
    }
}

const struct timetable *timing_timetable(const struct timing *p)
{
    return p->timetable;
}

const struct zone *timing_zone(const struct timing *p)
{
    return p->zone;
}

int32_t timing_active_runs(const struct timing *p, const struct dag *d)
{
    int32_t most = timetable_active_runs_limit(p->timetable);

    return most > 0 && (d->max_active_runs <= 0 || most < d->max_active_runs) ? most
                                                                              : d->max_active_runs;
}

void timing_partition(const struct timing *p, int64_t run_after_us, char *ret, size_t cap)
{
    struct err e = {0};
    int64_t at;

    if (timetable_partition(p->timetable, p->zone, run_after_us, ret, cap, &at, &e) != 0) {
        log_error("schedule", "a run has no partition: %s", err_str(&e));
    }
}

int64_t timing_partition_date(const struct timing *p, int64_t run_after_us, const char *key)
{
    char text[LIMIT_ID_BYTES + 1];
    struct err e = {0};
    int64_t at;

    return timetable_partition(p->timetable, p->zone, run_after_us, text, sizeof text, &at, &e) ==
                       0 &&
                   strcmp(text, key) == 0
               ? at
               : TIME_NONE;
}

int timing_interval(const struct timing *p, int64_t run_after_us, int64_t *ret_start_us,
                    int64_t *ret_end_us, struct err *e)
{
    return timetable_manual_interval(p->timetable, p->zone, run_after_us, ret_start_us, ret_end_us,
                                     e);
}

enum due_next timing_next(const struct timing *p, const struct dag *d, const struct due_run *last,
                          int64_t now_us, struct due_run *ret)
{
    struct timetable_run before, next;
    struct timetable_question q = {
        .zone = p->zone,
        .restriction = {.earliest_us = d->start_date_us,
                        .latest_us = d->end_date_us,
                        .catchup = d->catchup},
        .now_us = now_us,
    };
    struct err e = {0};
    int rc;

    if (last != NULL) {
        before = (struct timetable_run){.run_after_us = last->run_after_us,
                                        .start_us = last->start_us,
                                        .end_us = last->end_us,
                                        .logical_us = last->logical_us,
                                        .partition_us = TIME_NONE};
        q.last = &before;
    }
    rc = timetable_next(p->timetable, &q, &next, &e);
    if (rc < 0) {
        log_error("schedule", "DAG '%s' has no next run: %s", d->dag_id, err_str(&e));
    }
    if (rc <= 0) {
        return DUE_NONE;
    }
    *ret = (struct due_run){.logical_us = next.logical_us,
                            .start_us = next.start_us,
                            .end_us = next.end_us,
                            .run_after_us = next.run_after_us};
    return DUE_FOUND;
}
