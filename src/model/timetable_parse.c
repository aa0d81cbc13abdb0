/* From the member `schedule` of a document to a time table. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "model/timetable.h"
#include "model/zone.h"

struct parser {
    struct arena *a;
    const struct timetable_options *o;
    struct err *e;
    const struct value *at; /* the schedule: where errors are that have no better place */
    int depth;
};

static int no_memory(struct parser *p)
{
    return err_set(p->e, ERR_NOMEM, "no memory for the schedule");
}

static int wrong(struct parser *p, const struct value *v, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static int wrong(struct parser *p, const struct value *v, const char *fmt, ...)
{
    va_list ap;
    int rc;

    va_start(ap, fmt);
    rc = err_setv(p->e, ERR_INVALID, fmt, ap);
    va_end(ap);
    if (p->e != NULL) {
        p->e->line = v->line;
        p->e->col = v->col;
    }
    return rc;
}

/* ---- lengths of time ---- */

#define DELTA_MAX_US (INT64_C(10000) * 366 * 86400 * TIME_SECOND)

static bool number_us(const struct value *v, int64_t *ret_us)
{
    double d;

    if (value_double(v, &d) != 0 || !(d > -3.2e11 && d < 3.2e11)) {
        return false;
    }
    d *= 1e6;
    *ret_us = (int64_t)(d < 0 ? d - 0.5 : d + 0.5);
    return true;
}

/* "1 day, 0:00:00", "-2 days, 3:04:05.5": a timedelta as Python prints it. */
static bool timedelta_text(const char *s, int64_t *ret_us)
{
    long days = 0, hours, minutes, seconds;
    int64_t us = 0, scale = 100000;
    char *end;
    const char *day = strstr(s, " day");

    if (day != NULL) {
        days = strtol(s, &end, 10);
        if (end != day || end == s || labs(days) > 3700000) {
            return false;
        }
        s = day + 4 + (day[4] == 's');
        if (*s == '\0') {
            *ret_us = days * 86400 * TIME_SECOND;
            return true;
        }
        if (s[0] != ',' || s[1] != ' ') {
            return false;
        }
        s += 2;
    }
    if (*s < '0' || *s > '9') {
        return false;
    }
    hours = strtol(s, &end, 10);
    if (*end != ':' || hours > 23 || end[1] < '0' || end[1] > '9') {
        return false;
    }
    minutes = strtol(end + 1, &end, 10);
    if (*end != ':' || minutes > 59 || end[1] < '0' || end[1] > '9') {
        return false;
    }
    seconds = strtol(end + 1, &end, 10);
    if (seconds > 59) {
        return false;
    }
    if (*end == '.') {
        for (end++; *end >= '0' && *end <= '9'; end++, scale /= 10) {
            us += (*end - '0') * scale;
        }
    }
    *ret_us = (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * TIME_SECOND + us;
    return *end == '\0';
}

/* "MO", "FR(-1)" */
static bool weekday_text(const char *s, struct timetable_delta *ret)
{
    static const char names[] = "MOTUWETHFRSASU";
    long nth = 1;
    int day = 0;

    while (day < 7 && strncmp(s, names + (size_t)day * 2, 2) != 0) {
        day++;
    }
    if (day == 7) {
        return false;
    }
    s += 2;
    if (*s == '(') {
        char *end;

        nth = strtol(s + 1, &end, 10);
        if (end == s + 1 || end[0] != ')' || end[1] != '\0' || nth == 0 || labs(nth) > 53) {
            return false;
        }
    } else if (*s != '\0') {
        return false;
    }
    ret->weekday = (int8_t)day;
    ret->nth = (int8_t)nth;
    return true;
}

static bool add_part(int64_t *sum, __int128 part)
{
    part += *sum;
    if (part > DELTA_MAX_US || part < -DELTA_MAX_US) {
        return false;
    }
    *sum = (int64_t)part;
    return true;
}

static int relative(struct parser *p, const struct value *v, struct timetable_delta *ret)
{
    static const struct {
        const char *name;
        int64_t us;
    } units[] = {
        {"weeks", 604800 * TIME_SECOND}, {"days", 86400 * TIME_SECOND},
        {"hours", 3600 * TIME_SECOND},   {"minutes", 60 * TIME_SECOND},
        {"seconds", TIME_SECOND},        {"microseconds", 1},
    };

    for (size_t i = 0; i < v->len; i++) {
        const char *name = v->keys[i].text;
        const struct value *n = v->elems[i];
        int64_t x = 0, us = 0;

        if (strcmp(name, "weekday") == 0) {
            if (n->kind != VALUE_STRING || !weekday_text(n->text, ret)) {
                return wrong(p, n, "'weekday' must be a day like MO or FR(-1)");
            }
            continue;
        }
        if (strcmp(name, "years") == 0 || strcmp(name, "months") == 0) {
            if (value_int(n, -120000, 120000, &x) != 0) {
                return wrong(p, n, "'%s' must be a whole number from -120000 to 120000", name);
            }
            *(name[0] == 'y' ? &ret->years : &ret->months) = (int32_t)x;
            continue;
        }
        for (size_t u = 0; u < sizeof units / sizeof units[0]; u++) {
            us = strcmp(name, units[u].name) == 0 ? units[u].us : us;
        }
        if (us == 0) {
            return wrong(
                p, n,
                "a length of time has no member '%.60s'; they are years months weeks days hours "
                "minutes seconds microseconds weekday",
                name);
        }
        if (!number_us(n, &x) || !add_part(&ret->us, (__int128)x * us / 1000000)) {
            return wrong(p, n, "'%s' must be a number", name);
        }
    }
    return 0;
}

/* A number of seconds, an object of units, or text. */
static int delta_of(struct parser *p, const struct value *v, const char *what,
                    struct timetable_delta *ret)
{
    bool ok = false;

    *ret = (struct timetable_delta){.weekday = -1, .nth = 1};
    if (v->kind == VALUE_OBJECT) {
        int rc = relative(p, v, ret);

        if (rc < 0) {
            return rc;
        }
        ok = true;
    } else if (v->kind == VALUE_NUMBER) {
        ok = number_us(v, &ret->us);
    } else if (v->kind == VALUE_STRING) {
        ok = timedelta_text(v->text, &ret->us) || duration_parse(v->text, v->len, &ret->us) == 0;
    }
    if (!ok || ret->us > DELTA_MAX_US || ret->us < -DELTA_MAX_US) {
        return wrong(p, v,
                     "'%s' must be a length of time: seconds, text like 1h30m, or an object like "
                     "{\"months\": 1}",
                     what);
    }
    return 0;
}

/* Of a schedule: it must lead forward, from any day. */
static int period_of(struct parser *p, const struct value *v, const char *what,
                     struct timetable_delta *ret)
{
    int64_t t = 0;
    int rc = delta_of(p, v, what, ret);

    for (int month = 0; rc == 0 && month < 48; month++) {
        struct civil c = {.year = 2000, .month = 1 + month, .day = month % 2 == 0 ? 31 : 1};
        int64_t from = time_from_civil(&c);

        if (timetable_add(from, ret, 1, &t) != 0 || t <= from) {
            return wrong(p, v, "'%s' must be a positive length of time", what);
        }
    }
    return rc;
}

static int period_text(struct parser *p, const struct value *v, const char *text,
                       struct timetable *t)
{
    struct value part = *v;

    part.text = text;
    part.len = strlen(text);
    t->kind = p->o->delta_data_intervals ? TIMETABLE_DELTA_DATA_INTERVAL : TIMETABLE_DELTA_TRIGGER;
    return period_of(p, &part, "every", &t->delta);
}

/* ---- members ---- */

/* NULL with *rc == 0: it is absent and may be. */
static const struct value *member(struct parser *p, const struct value *v, const char *name,
                                  bool required, int *rc)
{
    const struct value *m = value_get(v, name);

    if (m != NULL && m->kind == VALUE_NULL) {
        m = NULL;
    }
    *rc = m == NULL && required ? wrong(p, v, "the schedule's '%s' is missing", name) : 0;
    return m;
}

static int zone_of(struct parser *p, const struct value *v, struct timetable *t)
{
    int rc;
    const struct value *m = member(p, v, "timezone", false, &rc);

    if (m == NULL) {
        return rc;
    }
    if (m->kind != VALUE_STRING || m->len != strlen(m->text) || !zone_name_is_valid(m->text)) {
        return wrong(p, m, "'timezone' must be a name like Europe/Berlin, UTC or +02:00");
    }
    t->zone = arena_strdup(p->a, m->text);
    return t->zone != NULL ? 0 : no_memory(p);
}

static int bool_of(struct parser *p, const struct value *v, const char *name, bool *ret)
{
    int rc;
    const struct value *m = member(p, v, name, false, &rc);

    if (m != NULL && m->kind != VALUE_BOOL) {
        return wrong(p, m, "'%s' must be true or false", name);
    }
    if (m != NULL) {
        *ret = m->boolean;
    }
    return rc;
}

static int dialect_of(struct parser *p, const struct value *v, enum cron_dialect *ret)
{
    int rc;
    const struct value *m = v->kind == VALUE_OBJECT ? member(p, v, "dialect", false, &rc) : NULL;

    *ret = p->o->dialect;
    if (m == NULL) {
        return 0;
    }
    if (m->kind == VALUE_STRING && strcmp(m->text, "airflow") == 0) {
        *ret = CRON_AIRFLOW;
    } else if (m->kind == VALUE_STRING && strcmp(m->text, "spring") == 0) {
        *ret = CRON_SPRING;
    } else {
        return wrong(p, m, "'dialect' must be airflow or spring");
    }
    return 0;
}

static int one_cron(struct parser *p, const struct value *v, enum cron_dialect dialect,
                    struct cron *ret)
{
    struct err found = {0};
    int rc;

    if (v->kind != VALUE_STRING) {
        return wrong(p, v, "a cron expression must be a string; write it in quotes");
    }
    rc = cron_parse(v->text, v->len, dialect, ret, &found);
    if (rc < 0) {
        return err_at(p->e, (enum err_code) - rc, v->line, v->col, "%s", found.text);
    }
    return 0;
}

/* v: one expression, or an array of them. */
static int crons_of(struct parser *p, const struct value *v, enum cron_dialect dialect,
                    struct timetable *t)
{
    uint32_t len = v->kind == VALUE_ARRAY ? (uint32_t)v->len : 1;
    const char **texts;

    if (v->kind == VALUE_ARRAY && (v->len == 0 || v->len > LIMIT_SCHEDULE_CRONS)) {
        return wrong(p, v, "'crons' must be a list of 1 to %d cron expressions",
                     LIMIT_SCHEDULE_CRONS);
    }
    t->crons = arena_array(p->a, len, sizeof *t->crons);
    texts = arena_array(p->a, len, sizeof *texts);
    if (t->crons == NULL || texts == NULL) {
        return no_memory(p);
    }
    for (uint32_t i = 0; i < len; i++) {
        const struct value *one = v->kind == VALUE_ARRAY ? v->elems[i] : v;
        int rc = one_cron(p, one, dialect, &t->crons[i]);

        if (rc < 0) {
            return rc;
        }
        texts[i] = arena_strdup(p->a, one->text);
        if (texts[i] == NULL) {
            return no_memory(p);
        }
    }
    t->expressions = texts;
    t->crons_len = len;
    return 0;
}

/* What all kinds with cron expressions have. */
static int cron_members(struct parser *p, const struct value *v, const char *name,
                        struct timetable *t)
{
    enum cron_dialect dialect;
    int rc;
    const struct value *m = member(p, v, name, true, &rc);

    if (m == NULL) {
        return rc;
    }
    if ((m->kind == VALUE_ARRAY) != (name[4] == 's')) {
        return wrong(p, m, "'%s' must be %s", name,
                     name[4] == 's' ? "a list of cron expressions" : "a cron expression");
    }
    rc = dialect_of(p, v, &dialect);
    rc = rc == 0 ? crons_of(p, m, dialect, t) : rc;
    return rc == 0 ? zone_of(p, v, t) : rc;
}

static int trigger_members(struct parser *p, const struct value *v, struct timetable *t)
{
    struct timetable_delta limit;
    int rc;
    const struct value *m = member(p, v, "interval", false, &rc);

    if (m != NULL) {
        rc = delta_of(p, m, "interval", &t->interval);
    }
    if (rc < 0) {
        return rc;
    }
    m = member(p, v, "run_immediately", false, &rc);
    if (m == NULL || m->kind == VALUE_BOOL) {
        t->run_immediately = m != NULL && m->boolean;
        return rc;
    }
    rc = delta_of(p, m, "run_immediately", &limit);
    if (rc == 0 && (limit.years != 0 || limit.months != 0 || limit.weekday >= 0)) {
        return wrong(p, m, "'run_immediately' must be true, false or a number of seconds");
    }
    t->run_immediately_us = limit.us;
    return rc;
}

/* ---- dates ---- */

static int compare_int64(const void *x, const void *y)
{
    int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;

    return a < b ? -1 : a > b;
}

/* Instants of a list, in order. */
static int instants_of(struct parser *p, const struct value *v, const char *name, int64_t **ret)
{
    if (v->kind != VALUE_ARRAY || v->len > LIMIT_SCHEDULE_DATES) {
        return wrong(p, v, "'%s' must be a list of at most %d dates", name, LIMIT_SCHEDULE_DATES);
    }
    *ret = arena_array(p->a, v->len > 0 ? v->len : 1, sizeof **ret);
    if (*ret == NULL) {
        return no_memory(p);
    }
    for (size_t i = 0; i < v->len; i++) {
        const struct value *d = v->elems[i];

        if (d->kind != VALUE_STRING || time_parse(d->text, d->len, &(*ret)[i]) != 0) {
            return wrong(p, d, "'%s' must have dates like 2026-01-31 or 2026-01-31T12:00:00Z",
                         name);
        }
    }
    qsort(*ret, v->len, sizeof **ret, compare_int64);
    return 0;
}

static int dates_of(struct parser *p, const struct value *v, const char *name,
                    struct cron_dates *ret)
{
    int64_t *at = NULL;
    int32_t *days;
    int rc;
    const struct value *m = member(p, v, name, false, &rc);

    if (m == NULL) {
        return rc;
    }
    rc = instants_of(p, m, name, &at);
    if (rc < 0) {
        return rc;
    }
    days = arena_array(p->a, m->len > 0 ? m->len : 1, sizeof *days);
    if (days == NULL) {
        return no_memory(p);
    }
    for (size_t i = 0; i < m->len; i++) {
        if (at[i] % (86400 * TIME_SECOND) != 0) {
            return wrong(p, m, "'%s' must have dates like 2026-01-31, without a time", name);
        }
        if (i == 0 || at[i] != at[i - 1]) {
            days[ret->len++] = (int32_t)(at[i] / (86400 * TIME_SECOND));
        }
    }
    ret->days = days;
    return 0;
}

static int events_members(struct parser *p, const struct value *v, struct timetable *t)
{
    int64_t *at = NULL;
    int rc;
    const struct value *m = member(p, v, "event_dates", true, &rc);

    if (m == NULL) {
        return rc;
    }
    rc = instants_of(p, m, "event_dates", &at);
    if (rc < 0) {
        return rc;
    }
    t->events_us = at;
    t->events_len = (uint32_t)m->len;
    m = member(p, v, "description", false, &rc);
    if (m != NULL) {
        if (m->kind != VALUE_STRING) {
            return wrong(p, m, "'description' must be a string");
        }
        t->summary = arena_strdup(p->a, m->text);
        if (t->summary == NULL) {
            return no_memory(p);
        }
    }
    return bool_of(p, v, "restrict_to_events", &t->restrict_to_events);
}

/* ---- kinds ---- */

static int partition_members(struct parser *p, const struct value *v, struct timetable *t)
{
    int64_t offset = 0;
    int rc = cron_members(p, v, "cron", t);
    const struct value *m;

    rc = rc == 0 ? trigger_members(p, v, t) : rc;
    if (rc < 0) {
        return rc;
    }
    m = member(p, v, "run_offset", false, &rc);
    if (m != NULL && value_int(m, -LIMIT_PARTITION_OFFSET, LIMIT_PARTITION_OFFSET, &offset) != 0) {
        return wrong(p, m, "'run_offset' must be a whole number of ticks from -%d to %d",
                     LIMIT_PARTITION_OFFSET, LIMIT_PARTITION_OFFSET);
    }
    t->run_offset = (int32_t)offset;
    t->key_format = "%Y-%m-%dT%H:%M:%S";
    m = member(p, v, "key_format", false, &rc);
    if (m != NULL) {
        char key[sizeof((struct timetable_run *)NULL)->partition];

        if (m->kind != VALUE_STRING || time_strftime(0, m->text, key, sizeof key) != 0) {
            return wrong(
                p, m,
                "'key_format' must be a format of at most %zu bytes made of %%Y %%m %%d %%H "
                "%%M %%S %%f %%j %%y %%b %%B %%a %%A %%p %%I %%%%",
                sizeof key - 1);
        }
        t->key_format = arena_strdup(p->a, m->text);
    }
    return t->key_format != NULL ? 0 : no_memory(p);
}

static int calendar_members(struct parser *p, const struct value *v, struct timetable *t)
{
    int rc = cron_members(p, v, "cron", t);
    const struct value *m;

    rc = rc == 0 ? trigger_members(p, v, t) : rc;
    rc = rc == 0 ? dates_of(p, v, "except", &t->crons[0].except) : rc;
    rc = rc == 0 ? dates_of(p, v, "also", &t->crons[0].also) : rc;
    if (rc < 0) {
        return rc;
    }
    m = member(p, v, "name", false, &rc);
    if (m != NULL && m->kind != VALUE_STRING) {
        return wrong(p, m, "'name' must be a string");
    }
    if (m != NULL) {
        t->summary = arena_strdup(p->a, m->text);
        return t->summary != NULL ? 0 : no_memory(p);
    }
    return rc;
}

static int parse(struct parser *p, const struct value *v, struct timetable *t);

static int asset_or_time_members(struct parser *p, const struct value *v, struct timetable *t)
{
    struct timetable *inner = arena_alloc(p->a, sizeof *inner);
    int rc;
    const struct value *m = member(p, v, "timetable", true, &rc);

    if (m == NULL || inner == NULL) {
        return rc < 0 ? rc : no_memory(p);
    }
    if (p->depth > 0) {
        return wrong(p, m, "asset time tables cannot be nested");
    }
    p->depth++;
    rc = parse(p, m, inner);
    p->depth--;
    if (rc < 0) {
        return rc;
    }
    if (inner->kind == TIMETABLE_ASSETS || inner->kind == TIMETABLE_PARTITIONED_ASSETS) {
        return wrong(p, m, "asset time tables cannot be nested");
    }
    t->inner = inner;
    t->zone = inner->zone;
    return 0;
}

static int python_members(struct parser *p, const struct value *v, struct timetable *t)
{
    int rc;
    const struct value *m = member(p, v, "classpath", true, &rc);

    if (m == NULL) {
        return rc;
    }
    if (m->kind != VALUE_STRING) {
        return wrong(p, m, "'classpath' must be the name of a class with its module");
    }
    m = member(p, v, "summary", false, &rc);
    if (m != NULL && m->kind == VALUE_STRING) {
        t->summary = arena_strdup(p->a, m->text);
        return t->summary != NULL ? 0 : no_memory(p);
    }
    return rc;
}

static const struct kind {
    const char *type;
    enum timetable_kind kind;
    const char *members; /* those it may have beside `type`; NULL: whoever knows it checks them */
} kinds[] = {
    {"cron_trigger", TIMETABLE_CRON_TRIGGER,
     " cron timezone interval run_immediately dialect jitter "},
    {"cron_data_interval", TIMETABLE_CRON_DATA_INTERVAL, " cron timezone dialect jitter "},
    {"multiple_cron_trigger", TIMETABLE_MULTIPLE_CRON,
     " crons timezone interval run_immediately dialect jitter "},
    {"cron_partition", TIMETABLE_CRON_PARTITION,
     " cron timezone run_offset run_immediately key_format dialect jitter "},
    {"calendar", TIMETABLE_CALENDAR,
     " name cron timezone interval run_immediately dialect except also jitter "},
    {"delta_trigger", TIMETABLE_DELTA_TRIGGER, " delta interval jitter "},
    {"delta_data_interval", TIMETABLE_DELTA_DATA_INTERVAL, " delta jitter "},
    {"events", TIMETABLE_EVENTS, " event_dates restrict_to_events description jitter "},
    {"assets", TIMETABLE_ASSETS, NULL},
    {"partitioned_assets", TIMETABLE_PARTITIONED_ASSETS, NULL},
    {"asset_or_time", TIMETABLE_ASSET_OR_TIME, NULL},
    {"python", TIMETABLE_PYTHON, NULL},
};

static const struct kind *kind_of(const char *type)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(type, kinds[i].type) == 0) {
            return &kinds[i];
        }
    }
    return NULL;
}

static int check_members(struct parser *p, const struct value *v, const struct kind *k)
{
    for (size_t i = 0; k->members != NULL && i < v->len; i++) {
        char word[64];

        (void)snprintf(word, sizeof word, " %.60s ", v->keys[i].text);
        if (strcmp(v->keys[i].text, "type") != 0 && strstr(k->members, word) == NULL) {
            return wrong(p, v->elems[i], "a schedule of type '%s' has no member '%.60s'; it has:%s",
                         k->type, v->keys[i].text, k->members);
        }
    }
    return 0;
}

static int jitter_of(struct parser *p, const struct value *v, struct timetable *t)
{
    struct timetable_delta most;
    uint64_t hash = UINT64_C(14695981039346656037);
    int rc;
    const struct value *m = member(p, v, "jitter", false, &rc);

    if (m == NULL) {
        return rc;
    }
    rc = delta_of(p, m, "jitter", &most);
    if (rc < 0) {
        return rc;
    }
    if (most.years != 0 || most.months != 0 || most.weekday >= 0 || most.us < 0 ||
        most.us > LIMIT_DURATION_S * TIME_SECOND) {
        return wrong(p, m, "'jitter' must be a length of time from 0 to ten years, like 5m");
    }
    for (const char *s = p->o->dag_id; s != NULL && *s != '\0'; s++) {
        hash = (hash ^ (uint8_t)*s) * UINT64_C(1099511628211);
    }
    hash ^= hash >> 32; /* the last bytes reach the first bits */
    hash *= UINT64_C(0xd6e8feb86659fd93);
    hash ^= hash >> 32;
    hash *= UINT64_C(0xd6e8feb86659fd93);
    if (p->o->dag_id != NULL) {
        unsigned __int128 scaled = (unsigned __int128)hash * (uint64_t)(most.us / TIME_SECOND + 1);

        t->delay_us = (int64_t)(uint64_t)(scaled >> 64) * TIME_SECOND;
    }
    return 0;
}

static int members_of(struct parser *p, const struct value *v, struct timetable *t)
{
    const struct value *m;
    int rc = 0;

    switch (t->kind) {
    case TIMETABLE_CRON_TRIGGER:
        rc = cron_members(p, v, "cron", t);
        return rc == 0 ? trigger_members(p, v, t) : rc;
    case TIMETABLE_CRON_DATA_INTERVAL:
        return cron_members(p, v, "cron", t);
    case TIMETABLE_MULTIPLE_CRON:
        rc = cron_members(p, v, "crons", t);
        return rc == 0 ? trigger_members(p, v, t) : rc;
    case TIMETABLE_CRON_PARTITION:
        return partition_members(p, v, t);
    case TIMETABLE_CALENDAR:
        return calendar_members(p, v, t);
    case TIMETABLE_DELTA_TRIGGER:
    case TIMETABLE_DELTA_DATA_INTERVAL:
        m = member(p, v, "delta", true, &rc);
        rc = m != NULL ? period_of(p, m, "delta", &t->delta) : rc;
        return rc == 0 ? trigger_members(p, v, t) : rc;
    case TIMETABLE_EVENTS:
        return events_members(p, v, t);
    case TIMETABLE_ASSET_OR_TIME:
        return asset_or_time_members(p, v, t);
    case TIMETABLE_PYTHON:
        return python_members(p, v, t);
    default:
        return 0;
    }
}

static int parse_object(struct parser *p, const struct value *v, struct timetable *t)
{
    const struct value *type = value_get(v, "type");
    const struct kind *k;
    int rc;

    if (type == NULL || type->kind != VALUE_STRING) {
        return wrong(p, v, "a schedule that is an object must have 'type', a string");
    }
    k = kind_of(type->text);
    if (k == NULL) {
        return wrong(
            p, type,
            "there is no type of schedule '%.60s'; they are cron_trigger cron_data_interval "
            "multiple_cron_trigger cron_partition calendar delta_trigger delta_data_interval "
            "events assets partitioned_assets asset_or_time python",
            type->text);
    }
    t->kind = k->kind;
    rc = check_members(p, v, k);
    rc = rc == 0 ? members_of(p, v, t) : rc;
    return rc == 0 ? jitter_of(p, v, t) : rc;
}

static int parse_text(struct parser *p, const struct value *v, struct timetable *t)
{
    if (v->len != strlen(v->text)) {
        return wrong(p, v, "the schedule has a byte 0");
    }
    if (strcmp(v->text, "@once") == 0) {
        t->kind = TIMETABLE_ONCE;
        return 0;
    }
    if (strcmp(v->text, "@continuous") == 0) {
        t->kind = TIMETABLE_CONTINUOUS;
        return 0;
    }
    if (strncmp(v->text, "every ", 6) == 0) {
        return period_text(p, v, v->text + 6, t);
    }
    t->kind = p->o->cron_data_intervals ? TIMETABLE_CRON_DATA_INTERVAL : TIMETABLE_CRON_TRIGGER;
    return crons_of(p, v, p->o->dialect, t);
}

static int parse(struct parser *p, const struct value *v, struct timetable *t)
{
    struct timetable_delta none = {.weekday = -1, .nth = 1};

    *t = (struct timetable){.kind = TIMETABLE_NONE,
                            .zone = p->o->zone != NULL ? arena_strdup(p->a, p->o->zone) : "UTC",
                            .delta = none,
                            .interval = none,
                            .run_immediately_us = TIME_NONE};
    if (t->zone == NULL) {
        return no_memory(p);
    }
    if (v == NULL || v->kind == VALUE_NULL) {
        return 0;
    }
    if (v->kind == VALUE_STRING) {
        return parse_text(p, v, t);
    }
    if (v->kind == VALUE_OBJECT) {
        return parse_object(p, v, t);
    }
    return wrong(p, v,
                 "a schedule must be a cron expression, 'every 5m', or an object with 'type'");
}

int timetable_parse(struct arena *a, const struct value *schedule,
                    const struct timetable_options *o, const struct timetable **ret, struct err *e)
{
    static const struct timetable_options none = {0};
    struct parser p = {.a = a, .o = o != NULL ? o : &none, .e = e, .at = schedule};
    struct timetable *t = arena_alloc(a, sizeof *t);
    int rc = t != NULL ? parse(&p, schedule, t) : no_memory(&p);

    if (rc == 0) {
        *ret = t;
    }
    return rc;
}
