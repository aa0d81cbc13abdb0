/* Random schedules: every kind that a clock drives, in zones whose clocks change. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/time.h"
#include "model/dag.h"
#include "model/document.h"
#include "model/zone.h"
#include "years.h"

#define HOUR (3600 * TIME_SECOND)
#define DAY  (24 * HOUR)

static const char *const zones[] = {
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Europe/London",
    "Asia/Kolkata",
    "Africa/Cairo",
    "America/Santiago",
    "Pacific/Chatham",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
};

static const struct operator_param no_params[] = {{0}};
static const struct operator_desc empty = {
    .name = "empty", .doc = "", .params = no_params, .instant = true};
static const struct operator_desc busy = {.name = "busy", .doc = "", .params = no_params};
static const struct operator_desc *const operators[] = {&empty, &busy};
static const struct operator_table table = {operators, 2};

struct draw {
    struct prng *p;
    struct buf out;
    int64_t from_us, to_us;
    bool catchup;
};

static int upto(struct draw *d, int n)
{
    return (int)prng_below(d->p, (uint64_t)n);
}

/* One in many is for every hour or quarter; the most are for once a day or less. */
static void cron(struct draw *d, bool seconds)
{
    static const char *const days[] = {"*", "*", "*", "1", "15", "L", "1,15", "28-31"};
    static const char *const weekdays[] = {"*", "*", "1-5", "mon", "0,6", "fri#2", "L5"};
    int kind = upto(d, 40);

    buf_printf(&d->out, "\"");
    if (kind == 0) {
        buf_printf(&d->out, "%d,%d * * * *", upto(d, 30), 30 + upto(d, 30));
    } else if (kind < 3) {
        buf_printf(&d->out, "%d * * * *", upto(d, 60));
    } else if (kind < 6) {
        buf_printf(&d->out, "%d */%d * * *", upto(d, 60), 2 + upto(d, 6));
    } else if (kind < 12) {
        buf_printf(&d->out, "%d 0,1,2,3 * * %s", upto(d, 60), weekdays[upto(d, 5)]);
    } else {
        buf_printf(&d->out, "%d %d %s * %s", upto(d, 60),
                   upto(d, 3) == 0 ? upto(d, 24) : upto(d, 5), kind < 30 ? "*" : days[upto(d, 8)],
                   kind < 30 ? weekdays[upto(d, 7)] : "*");
    }
    buf_printf(&d->out, "%s\"", seconds && upto(d, 3) == 0 ? " 30" : "");
}

static void date(struct draw *d, const char *member, int64_t at_us)
{
    char text[TIME_TEXT_MAX];

    buf_printf(&d->out, ",\"%s\":\"%s\"", member, time_format(at_us, text));
}

static void days_of(struct draw *d, const char *member)
{
    buf_printf(&d->out, ",\"%s\":[", member);
    for (int i = 0, n = 1 + upto(d, 40); i < n; i++) {
        char text[TIME_TEXT_MAX];
        int64_t at = d->from_us + upto(d, (int)((d->to_us - d->from_us) / DAY)) * DAY;

        (void)time_format(at, text);
        buf_printf(&d->out, "%s\"%.10s\"", i > 0 ? "," : "", text);
    }
    buf_str(&d->out, "]");
}

static void events(struct draw *d)
{
    buf_str(&d->out, "\"event_dates\":[");
    for (int i = 0, n = 1 + upto(d, 60); i < n; i++) {
        char text[TIME_TEXT_MAX];
        int64_t span = (d->to_us - d->from_us) / TIME_SECOND;

        (void)time_format(d->from_us + (int64_t)prng_below(d->p, (uint64_t)span) * TIME_SECOND,
                          text);
        buf_printf(&d->out, "%s\"%s\"", i > 0 ? "," : "", text);
    }
    buf_str(&d->out, "]");
}

/* Exact ones divide a day: without catchup they are counted from 1970, with it from the start. */
static void delta(struct draw *d)
{
    static const char *const exact[] = {"3600",  "7200",  "21600", "28800",
                                        "43200", "86400", "86400", "86400"};
    static const char *const months[] = {"{\"months\":1}", "{\"months\":1,\"days\":3}",
                                         "{\"days\":1,\"weekday\":\"MO\"}"};

    if (d->catchup && upto(d, 4) == 0) {
        buf_printf(&d->out, "\"delta\":%s", months[upto(d, 3)]);
    } else if (d->catchup && upto(d, 2) == 0) {
        buf_printf(&d->out, "\"delta\":%d", 36000 + upto(d, 500000));
    } else {
        buf_printf(&d->out, "\"delta\":%s", exact[upto(d, 8)]);
    }
}

static void crons(struct draw *d)
{
    buf_str(&d->out, "\"crons\":[");
    for (int i = 0, n = 1 + upto(d, 3); i < n; i++) {
        buf_str(&d->out, i > 0 ? "," : "");
        cron(d, false);
    }
    buf_str(&d->out, "]");
}

static void zone_and_jitter(struct draw *d, bool zone)
{
    if (zone && upto(d, 6) != 0) {
        buf_printf(&d->out, ",\"timezone\":\"%s\"",
                   zones[upto(d, (int)(sizeof zones / sizeof zones[0]))]);
    }
    if (upto(d, 8) == 0) {
        buf_printf(&d->out, ",\"jitter\":%d", 1 + upto(d, 900));
    }
}

/* The members of an object; *ret_events: they are listed instants. */
static void object(struct draw *d, int kind)
{
    static const char *const types[] = {
        "cron_trigger", "cron_data_interval", "multiple_cron_trigger", "cron_partition",
        "calendar",     "delta_trigger",      "delta_data_interval",   "events"};

    buf_printf(&d->out, "{\"type\":\"%s\",", types[kind]);
    if (kind == 2) {
        crons(d);
    } else if (kind == 5 || kind == 6) {
        delta(d);
    } else if (kind == 7) {
        events(d);
    } else {
        buf_str(&d->out, "\"cron\":");
        cron(d, true);
    }
    if (kind == 3) {
        buf_printf(&d->out, ",\"run_offset\":%d", upto(d, 5) - 2);
    }
    if (kind == 4) {
        days_of(d, "except");
        days_of(d, "also");
    }
    if ((kind == 0 || kind == 4) && upto(d, 3) == 0) {
        buf_printf(&d->out, ",\"interval\":%d", 60 * upto(d, 3000));
    }
    zone_and_jitter(d, kind < 5);
    buf_str(&d->out, "}");
}

static void schedule(struct draw *d, struct years_dag *dag)
{
    int kind = upto(d, 24);

    if (kind == 0) {
        buf_str(&d->out, "\"@once\"");
    } else if (kind == 1 && upto(d, 2) == 0) {
        dag->continuous = true;
        buf_str(&d->out, "\"@continuous\"");
    } else if (kind == 1) {
        buf_str(&d->out, "\"@daily\",\"timezone\":\"Europe/Berlin\"");
    } else if (kind == 2) {
        buf_str(&d->out, "{\"type\":\"asset_or_time\",\"timetable\":");
        object(d, 0);
        buf_str(&d->out, ",\"condition\":{\"type\":\"asset\",\"name\":\"a\",\"uri\":\"a\"}}");
    } else {
        kind = kind < 11 ? upto(d, 2) : (kind - 11) % 8;
        dag->from_now = kind == 7 && !d->catchup;
        dag->floating = kind == 5 && !d->catchup;
        object(d, kind);
    }
}

static void write_document(struct draw *d, struct years_dag *dag)
{
    bool is_busy = upto(d, 12) == 0;
    int span = (int)((d->to_us - d->from_us) / DAY);

    d->catchup = dag->catchup = upto(d, 2) == 0;
    buf_printf(&d->out, "{\"dag_id\":\"%s\",\"catchup\":%s,\"schedule\":", dag->id,
               dag->catchup ? "true" : "false");
    schedule(d, dag);
    date(d, "start_date",
         d->from_us + (upto(d, 4) == 0 ? upto(d, span / 2) - 30 : -(upto(d, 3) * 7)) * DAY);
    if (upto(d, 6) == 0) {
        date(d, "end_date", d->to_us - upto(d, span / 2 - 1) * DAY);
    }
    dag->max_active = dag->continuous ? 1 : 1 + upto(d, 8);
    is_busy = is_busy || dag->continuous; /* else its runs would follow each other in no time */
    buf_printf(&d->out, ",\"max_active_runs\":%d,\"tasks\":{\"a\":{\"operator\":\"%s\"}}}",
               dag->max_active, is_busy ? "busy" : "empty");
}

static void load_zone(struct years_dag *dag)
{
    const char *name = dag->dag->timetable->zone;
    char path[256];
    static char bytes[KiB(256)];
    struct err e = {0};
    size_t n = 0;
    FILE *f;
    int rc;

    if (zone_is_fixed(name)) {
        rc = zone_fixed(name, &dag->zone, &e);
    } else {
        (void)snprintf(path, sizeof path, "%s/%s", getenv("TZDIR"), name);
        f = fopen(path, "rb");
        n = f != NULL ? fread(bytes, 1, sizeof bytes, f) : 0;
        if (f != NULL) {
            (void)fclose(f);
        }
        rc = zone_load(name, NULL, bytes, n, &dag->zone, &e);
    }
    if (rc != 0) {
        (void)fprintf(stderr, "years: zone %s: %s\n", name, err_str(&e));
        exit(2);
    }
}

static void build(struct years_dag *dag)
{
    struct doc_errors errors = {0};
    struct value *v = NULL;
    struct err e = {0};
    struct arena a;
    int rc;

    arena_init(&a, MiB(16));
    errors.arena = &a;
    rc = value_parse(&a, dag->document, dag->len, &v, &e);
    rc = rc == 0 ? document_build(v, NULL, &table, &dag->dag, &errors, &e) : rc;
    if (rc != 0) {
        (void)fprintf(stderr, "years: %s: %s\n%s\n", err_name(rc),
                      errors.len > 0 ? errors.items[0].text : err_str(&e), dag->document);
        exit(2);
    }
    (void)snprintf(dag->dag->hash, sizeof dag->dag->hash, "%s", dag->id);
    arena_fini(&a);
    load_zone(dag);
}

void years_draw(struct years *y, size_t n, int64_t from_us, int64_t to_us)
{
    y->dags = mem_array(n, sizeof *y->dags);
    if (y->dags == NULL) {
        abort();
    }
    y->dags_len = n;
    for (size_t i = 0; i < n; i++) {
        struct years_dag *dag = &y->dags[i];
        struct draw d = {.p = &y->prng, .from_us = from_us, .to_us = to_us};

        buf_init(&d.out, MiB(1));
        (void)snprintf(dag->id, sizeof dag->id, "%zu", i);
        write_document(&d, dag);
        dag->len = d.out.len;
        dag->document = buf_take(&d.out);
        build(dag);
        years_first(y, dag);
    }
}

void years_free(struct years *y)
{
    for (size_t i = 0; i < y->dags_len; i++) {
        dag_unref(y->dags[i].dag);
        zone_free(y->dags[i].zone);
        mem_free(y->dags[i].document);
    }
    mem_free(y->dags);
}
