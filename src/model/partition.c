/* Partition keys. Times in keys are wall times: only a key with an offset is moved to the mapper's zone. */
#include "model/partition.h"

#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/time.h"
#include "model/zone.h"

#define DAY_US (86400 * TIME_SECOND)

static const struct {
    const char *type;
    enum partition_mapper_kind kind;
    const char *output;
} types[] = {
    {"IdentityMapper", PARTITION_IDENTITY, NULL},
    {"StartOfHourMapper", PARTITION_HOUR, "%Y-%m-%dT%H"},
    {"StartOfDayMapper", PARTITION_DAY, "%Y-%m-%d"},
    {"StartOfWeekMapper", PARTITION_WEEK, "%Y-%m-%d (W%V)"},
    {"StartOfMonthMapper", PARTITION_MONTH, "%Y-%m"},
    {"StartOfQuarterMapper", PARTITION_QUARTER, "%Y-Q{quarter}"},
    {"StartOfYearMapper", PARTITION_YEAR, "%Y"},
    {"ProductMapper", PARTITION_PRODUCT, NULL},
    {"ChainMapper", PARTITION_CHAIN, NULL},
    {"AllowedKeyMapper", PARTITION_ALLOWED, NULL},
};

/* ---- parsing ---- */

struct parser {
    struct arena *a;
    struct err *e;
};

static int no_memory(struct parser *p)
{
    return err_set(p->e, ERR_NOMEM, "no memory for the schedule");
}

static int wrong(struct parser *p, const struct value *v, const char *text)
{
    return err_at(p->e, ERR_INVALID, v->line, v->col, "%s", text);
}

static const char *text_of(const struct value *o, const char *name)
{
    const struct value *v = value_get(o, name);

    return v != NULL && v->kind == VALUE_STRING && v->len > 0 ? v->text : NULL;
}

static int copy_text(struct parser *p, const char *text, const char **ret)
{
    *ret = arena_strdup(p->a, text);
    return *ret != NULL ? 0 : no_memory(p);
}

static int parse_mapper(struct parser *p, const struct value *v, struct partition_mapper **ret);

static int parse_temporal(struct parser *p, const struct value *v, const char *output,
                          struct partition_mapper *m)
{
    const char *zone = text_of(v, "timezone"), *in = text_of(v, "input_format"),
               *out = text_of(v, "output_format");
    int rc = copy_text(p, zone != NULL ? zone : "UTC", &m->zone_name);

    rc = rc == 0 ? copy_text(p, in != NULL ? in : "%Y-%m-%dT%H:%M:%S", &m->input) : rc;
    rc = rc == 0 ? copy_text(p, out != NULL ? out : output, &m->output) : rc;
    if (rc == 0 && !zone_is_fixed(m->zone_name) && !zone_name_is_valid(m->zone_name)) {
        return wrong(p, v, "the 'timezone' of a mapper must be a name like Europe/Berlin");
    }
    m->needs_zone = rc == 0 && strstr(m->input, "%z") != NULL;
    return rc;
}

static int parse_several(struct parser *p, const struct value *v, struct partition_mapper *m)
{
    const struct value *list = value_get(v, "mappers");
    const char *delimiter = text_of(v, "delimiter");
    struct partition_mapper **of;
    int rc;

    if (list == NULL || list->kind != VALUE_ARRAY || list->len < 1) {
        return wrong(p, v, "'mappers' must be a list of mappers");
    }
    of = arena_array(p->a, list->len, sizeof(struct partition_mapper *));
    rc = of != NULL ? copy_text(p, delimiter != NULL ? delimiter : "|", &m->delimiter)
                    : no_memory(p);
    for (size_t i = 0; rc == 0 && i < list->len; i++) {
        rc = parse_mapper(p, list->elems[i], &of[i]);
    }
    m->of = of;
    m->of_len = list->len;
    return rc;
}

static int parse_allowed(struct parser *p, const struct value *v, struct partition_mapper *m)
{
    const struct value *list = value_get(v, "allowed_keys");
    const char **keys;
    int rc;

    if (list == NULL || list->kind != VALUE_ARRAY) {
        return wrong(p, v, "'allowed_keys' must be a list of keys");
    }
    keys = arena_array(p->a, list->len + 1, sizeof(const char *));
    rc = keys != NULL ? 0 : no_memory(p);
    for (size_t i = 0; rc == 0 && i < list->len; i++) {
        rc = list->elems[i]->kind == VALUE_STRING
                 ? copy_text(p, list->elems[i]->text, &keys[i])
                 : wrong(p, list->elems[i], "'allowed_keys' must be a list of keys");
    }
    m->allowed = keys;
    m->allowed_len = list->len;
    return rc;
}

/* What a class of Python's is asked with. */
static int keep_data(struct parser *p, const struct value *v, struct partition_mapper *m)
{
    struct buf b BUF_CLEANUP;

    buf_init(&b, LIMIT_DOC_BYTES);
    if (value_canonical(v, &b) != 0 || buf_status(&b) != 0) {
        return no_memory(p);
    }
    m->data = arena_strndup(p->a, buf_cstr(&b), b.len);
    return m->data != NULL ? 0 : no_memory(p);
}

static int parse_members(struct parser *p, const struct value *v, const char *output,
                         struct partition_mapper *m)
{
    switch (m->kind) {
    case PARTITION_IDENTITY:
        return 0;
    case PARTITION_PYTHON:
        return keep_data(p, v, m);
    case PARTITION_PRODUCT:
    case PARTITION_CHAIN:
        return parse_several(p, v, m);
    case PARTITION_ALLOWED:
        return parse_allowed(p, v, m);
    default:
        return parse_temporal(p, v, output, m);
    }
}

/* Its depth is that of a document. */
static int parse_mapper(struct parser *p, const struct value *v, struct partition_mapper **ret)
{
    struct partition_mapper *m = arena_alloc(p->a, sizeof *m);
    const char *type = v->kind == VALUE_OBJECT ? text_of(v, "type") : NULL, *output = NULL;
    int rc;

    if (type == NULL) {
        return wrong(p, v, "a mapper must be an object with 'type'");
    }
    if (m == NULL) {
        return no_memory(p);
    }
    m->kind = PARTITION_PYTHON;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(type, types[i].type) == 0) {
            m->kind = types[i].kind;
            output = types[i].output;
        }
    }
    if (m->kind == PARTITION_PYTHON && strchr(type, '.') == NULL) {
        return wrong(p, v,
                     "the type of a mapper is IdentityMapper, StartOfHourMapper, StartOfDayMapper, "
                     "StartOfWeekMapper, StartOfMonthMapper, StartOfQuarterMapper, "
                     "StartOfYearMapper, ProductMapper, ChainMapper, AllowedKeyMapper, or a class "
                     "with its module");
    }
    rc = copy_text(p, type, &m->type);
    *ret = m;
    return rc == 0 ? parse_members(p, v, output, m) : rc;
}

static int parse_rule(struct parser *p, const struct value *v, struct partition_rule *ret)
{
    const struct value *asset = v->kind == VALUE_OBJECT ? value_get(v, "asset") : NULL;
    const struct value *mapper = v->kind == VALUE_OBJECT ? value_get(v, "mapper") : NULL;
    const char *type = asset != NULL ? text_of(asset, "type") : NULL;
    const char *name = asset != NULL ? text_of(asset, "name") : NULL;
    const char *uri = asset != NULL ? text_of(asset, "uri") : NULL;
    int rc;

    if (type == NULL || mapper == NULL || (name == NULL && uri == NULL)) {
        return wrong(p, v, "one of 'mappers' must have 'asset' and 'mapper'");
    }
    if (strcmp(type, "asset") == 0) {
        name = name != NULL ? name : uri;
        uri = uri != NULL ? uri : name;
    }
    rc = name != NULL ? copy_text(p, name, &ret->name) : 0;
    rc = rc == 0 && uri != NULL ? copy_text(p, uri, &ret->uri) : rc;
    return rc == 0 ? parse_mapper(p, mapper, &ret->mapper) : rc;
}

int partition_map_parse(struct arena *a, const struct value *schedule, struct partition_map **ret,
                        struct err *e)
{
    struct parser p = {a, e};
    const struct value *fallback = value_get(schedule, "default_mapper"),
                       *list = value_get(schedule, "mappers");
    struct partition_map *m = arena_alloc(a, sizeof *m);
    size_t n = list != NULL && list->kind == VALUE_ARRAY ? list->len : 0;
    struct partition_rule *rules = arena_array(a, n + 1, sizeof *rules);
    int rc = 0;

    if (m == NULL || rules == NULL) {
        return no_memory(&p);
    }
    if (fallback != NULL && fallback->kind != VALUE_NULL) {
        rc = parse_mapper(&p, fallback, &m->fallback);
    } else {
        m->fallback = arena_alloc(a, sizeof *m->fallback); /* the same key */
        rc = m->fallback != NULL ? 0 : no_memory(&p);
    }
    for (size_t i = 0; rc == 0 && i < n; i++) {
        rc = parse_rule(&p, list->elems[i], &rules[i]);
    }
    m->rules = rules;
    m->rules_len = n;
    *ret = m;
    return rc;
}

static int each(struct partition_mapper *m, int (*fn)(void *arg, struct partition_mapper *m),
                void *arg)
{
    int rc = m->zone_name != NULL || m->kind == PARTITION_PYTHON ? fn(arg, m) : 0;

    for (size_t i = 0; rc == 0 && i < m->of_len; i++) {
        rc = each(m->of[i], fn, arg);
    }
    return rc;
}

int partition_map_each(struct partition_map *m, int (*fn)(void *arg, struct partition_mapper *m),
                       void *arg)
{
    int rc = each(m->fallback, fn, arg);

    for (size_t i = 0; rc == 0 && i < m->rules_len; i++) {
        rc = each(m->rules[i].mapper, fn, arg);
    }
    return rc;
}

/* ---- times in keys ---- */

struct moment {
    struct civil c;
    bool has_offset, afternoon;
    int yearday; /* from 1; 0: not said */
    int64_t offset_us;
};

/* A number of at most `digits` digits, as Python's strptime takes them: as many as stay within the bounds. */
static bool number(const char **s, int digits, int low, int high, int *ret)
{
    const char *p = *s;
    int n = 0, len = 0;

    while (len < digits && p[len] >= '0' && p[len] <= '9' && n * 10 + (p[len] - '0') <= high) {
        n = n * 10 + (p[len++] - '0');
    }
    if (len == 0 || n < low || (digits == 4 && len != 4)) {
        return false;
    }
    *s = p + len;
    *ret = n;
    return true;
}

static bool fraction(const char **s, int *ret)
{
    int scale = 100000, len = 0;

    for (*ret = 0; len < 6 && **s >= '0' && **s <= '9'; len++, (*s)++, scale /= 10) {
        *ret += (**s - '0') * scale;
    }
    return len > 0;
}

/* Z, +0200, +02:00, -03:30:15 */
static bool offset(const char **s, struct moment *m)
{
    int h, min, sec = 0, sign = **s == '-' ? -1 : 1;

    m->has_offset = true;
    if (**s == 'Z') {
        (*s)++;
        return true;
    }
    if (**s != '+' && **s != '-') {
        return false;
    }
    (*s)++;
    if (!number(s, 2, 0, 23, &h)) {
        return false;
    }
    *s += **s == ':';
    if (!number(s, 2, 0, 59, &min) || (**s == ':' && (++*s, !number(s, 2, 0, 59, &sec)))) {
        return false;
    }
    m->offset_us = sign * ((h * 60 + min) * 60 + sec) * TIME_SECOND;
    return true;
}

static bool month_name(const char **s, bool whole, int *ret)
{
    static const char *const names[] = {"january",   "february", "march",    "april",
                                        "may",       "june",     "july",     "august",
                                        "september", "october",  "november", "december"};

    for (int i = 0; i < 12; i++) {
        size_t n = whole ? strlen(names[i]) : 3, k = 0;

        while (k < n && ((*s)[k] | 0x20) == names[i][k]) {
            k++;
        }
        if (k == n) {
            *s += n;
            *ret = i + 1;
            return true;
        }
    }
    return false;
}

static bool field(char what, const char **s, struct moment *m)
{
    int n;

    switch (what) {
    case 'Y':
        return number(s, 4, 1, 9999, &m->c.year);
    case 'm':
        return number(s, 2, 1, 12, &m->c.month);
    case 'd':
        return number(s, 2, 1, 31, &m->c.day);
    case 'H':
        return number(s, 2, 0, 23, &m->c.hour);
    case 'I':
        return number(s, 2, 1, 12, &m->c.hour) && (m->c.hour %= 12, true);
    case 'M':
        return number(s, 2, 0, 59, &m->c.minute);
    case 'S':
        return number(s, 2, 0, 61, &m->c.second);
    case 'f':
        return fraction(s, &m->c.us);
    case 'j':
        return number(s, 3, 1, 366, &m->yearday);
    case 'y':
        return number(s, 2, 0, 99, &n) && (m->c.year = n < 69 ? 2000 + n : 1900 + n, true);
    case 'b':
    case 'B':
        return month_name(s, what == 'B', &m->c.month);
    case 'p':
        m->afternoon = ((*s)[0] | 0x20) == 'p';
        n = (m->afternoon || ((*s)[0] | 0x20) == 'a') && ((*s)[1] | 0x20) == 'm';
        *s += n != 0 ? 2 : 0;
        return n != 0;
    case 'z':
        return offset(s, m);
    case '%':
        return *(*s)++ == '%';
    default:
        return false;
    }
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* A wall time, of the offset that the key says if it does. */
static bool read_time(const char *s, const char *format, int64_t *ret_us, struct moment *m)
{
    *m = (struct moment){.c = {.year = 1900, .month = 1, .day = 1}};
    for (const char *f = format; *f != '\0'; f++) {
        if (*f == '%') {
            if (*++f == '\0' || *s == '\0' || !field(*f, &s, m)) {
                return false;
            }
        } else if (is_space(*f)) {
            if (!is_space(*s)) {
                return false;
            }
            while (is_space(*s)) {
                s++;
            }
        } else if (*s++ != *f) {
            return false;
        }
    }
    if (m->yearday != 0) {
        m->c.month = 1;
        m->c.day = m->yearday;
    }
    m->c.hour += m->afternoon ? 12 : 0;
    *ret_us = time_from_civil(&m->c);
    if (m->yearday == 0) { /* a day that the month has */
        struct civil c;

        time_to_civil(*ret_us - (int64_t)(m->c.second > 59 ? 2 : 0) * TIME_SECOND, &c);
        return *s == '\0' && c.day == m->c.day && c.month == m->c.month;
    }
    return *s == '\0';
}

/* The Monday of an instant's week, at midnight. */
static int64_t monday(int64_t day_us)
{
    struct civil c;

    time_to_civil(day_us, &c);
    return day_us - (int64_t)((c.weekday + 6) % 7) * DAY_US;
}

static int64_t start_of(enum partition_mapper_kind kind, int64_t t_us)
{
    struct civil c;

    time_to_civil(t_us, &c);
    c.minute = c.second = c.us = 0;
    if (kind != PARTITION_HOUR) {
        c.hour = 0;
    }
    if (kind == PARTITION_MONTH || kind == PARTITION_QUARTER || kind == PARTITION_YEAR) {
        c.day = 1;
    }
    if (kind == PARTITION_QUARTER) {
        c.month = (c.month - 1) / 3 * 3 + 1;
    }
    if (kind == PARTITION_YEAR) {
        c.month = 1;
    }
    t_us = time_from_civil(&c);
    return kind == PARTITION_WEEK ? monday(t_us) : t_us;
}

/* The week and its year as ISO 8601 counts them: of the week's Thursday. */
static void iso_week(int64_t t_us, int *ret_year, int *ret_week)
{
    struct civil c;

    time_to_civil(monday(t_us - t_us % DAY_US - (t_us % DAY_US < 0 ? DAY_US : 0)) + 3 * DAY_US, &c);
    *ret_year = c.year;
    *ret_week = c.yearday / 7 + 1;
}

/* The format with %V, %G, %u and {quarter} filled in: the rest is for time_strftime. */
static int fill_format(const char *format, int64_t t_us, char *out, size_t cap)
{
    struct civil c;
    size_t n = 0;
    int year, week;

    time_to_civil(t_us, &c);
    iso_week(t_us, &year, &week);
    for (const char *f = format; *f != '\0'; f++) {
        char part[24] = {*f, '\0'};

        if (strncmp(f, "{quarter}", 9) == 0) {
            (void)snprintf(part, sizeof part, "%d", (c.month + 2) / 3);
            f += 8;
        } else if (f[0] == '%' && f[1] == 'V') {
            (void)snprintf(part, sizeof part, "%02d", week);
            f++;
        } else if (f[0] == '%' && f[1] == 'G') {
            (void)snprintf(part, sizeof part, "%d", year);
            f++;
        } else if (f[0] == '%' && f[1] == 'u') {
            (void)snprintf(part, sizeof part, "%d", (c.weekday + 6) % 7 + 1);
            f++;
        } else if (f[0] == '%' && f[1] != '\0') {
            part[1] = *++f;
        }
        if (n + strlen(part) >= cap) {
            return -ERR_LIMIT;
        }
        memcpy(out + n, part, strlen(part) + 1);
        n += strlen(part);
    }
    out[n] = '\0';
    return 0;
}

static int map_time(const struct partition_mapper *m, const char *key, char *out, struct err *e)
{
    char format[PARTITION_KEY_MAX];
    struct moment at;
    int64_t t_us;
    int rc;

    if (!read_time(key, m->input, &t_us, &at)) {
        return err_set(e, ERR_INVALID, "the partition key '%.100s' is no time of the form '%.60s'",
                       key, m->input);
    }
    if (at.has_offset) {
        t_us -= at.offset_us;
        t_us = m->zone != NULL ? zone_to_wall(m->zone, t_us) : t_us;
    }
    t_us = start_of(m->kind, t_us);
    rc = fill_format(m->output, t_us, format, sizeof format);
    rc = rc == 0 ? time_strftime(t_us, format, out, PARTITION_KEY_MAX) : rc;
    return rc == 0 ? 0
                   : err_set(e, (enum err_code) - rc,
                             "the mapper's output_format '%.60s' makes no key", m->output);
}

/* ---- mapping ---- */

static int map_key(const struct partition_mapper *m, const char *key, char *out, struct err *e);

static int map_product(const struct partition_mapper *m, const char *key, char *out, struct err *e)
{
    char part[PARTITION_KEY_MAX], mapped[PARTITION_KEY_MAX];
    size_t n = 0, parts = 1, dn = strlen(m->delimiter);
    int rc = 0;

    for (const char *p = strstr(key, m->delimiter); p != NULL; p = strstr(p + dn, m->delimiter)) {
        parts++;
    }
    if (parts != m->of_len) {
        return err_set(e, ERR_INVALID, "the partition key '%.100s' has %zu parts, expected %zu",
                       key, parts, m->of_len);
    }
    out[0] = '\0';
    for (size_t i = 0; rc == 0 && i < parts; i++) {
        const char *end = strstr(key, m->delimiter);
        size_t len = end != NULL ? (size_t)(end - key) : strlen(key);

        memcpy(part, key, len);
        part[len] = '\0';
        key += len + (end != NULL ? dn : 0);
        rc = map_key(m->of[i], part, mapped, e);
        if (rc == 0 && n + strlen(mapped) + dn >= PARTITION_KEY_MAX) {
            rc = err_set(e, ERR_LIMIT, "the partition key is longer than %d bytes",
                         PARTITION_KEY_MAX - 1);
        }
        if (rc == 0) {
            n += (size_t)snprintf(out + n, PARTITION_KEY_MAX - n, "%s%s", i > 0 ? m->delimiter : "",
                                  mapped);
        }
    }
    return rc;
}

static int map_chain(const struct partition_mapper *m, const char *key, char *out, struct err *e)
{
    char at[PARTITION_KEY_MAX];
    int rc = 0;

    (void)snprintf(at, sizeof at, "%s", key);
    for (size_t i = 0; rc == 0 && i < m->of_len; i++) {
        rc = map_key(m->of[i], at, out, e);
        memcpy(at, out, PARTITION_KEY_MAX);
    }
    return rc;
}

static int map_key(const struct partition_mapper *m, const char *key, char *out, struct err *e)
{
    switch (m->kind) {
    case PARTITION_PYTHON:
        return m->answered != NULL ? m->answered(m->arg, m, key, out, e)
                                   : err_set(e, ERR_UNSUPPORTED,
                                             "the mapper %.100s is a class of Python's", m->type);
    case PARTITION_PRODUCT:
        return map_product(m, key, out, e);
    case PARTITION_CHAIN:
        return map_chain(m, key, out, e);
    case PARTITION_ALLOWED:
        for (size_t i = 0; i < m->allowed_len; i++) {
            if (strcmp(m->allowed[i], key) == 0) {
                (void)snprintf(out, PARTITION_KEY_MAX, "%s", key);
                return 0;
            }
        }
        return err_set(e, ERR_INVALID, "the partition key '%.100s' is none of those allowed", key);
    case PARTITION_IDENTITY:
        (void)snprintf(out, PARTITION_KEY_MAX, "%s", key);
        return 0;
    default:
        return map_time(m, key, out, e);
    }
}

int partition_map_key(const struct partition_map *m, const char *name, const char *uri,
                      const char *key, char ret[PARTITION_KEY_MAX], struct err *e)
{
    const struct partition_mapper *by = m->fallback;

    if (strlen(key) >= PARTITION_KEY_MAX) {
        return err_set(e, ERR_LIMIT, "the partition key is longer than %d bytes",
                       PARTITION_KEY_MAX - 1);
    }
    for (size_t i = 0; i < m->rules_len; i++) {
        const struct partition_rule *r = &m->rules[i];

        if ((r->name == NULL || strcmp(r->name, name) == 0) &&
            (r->uri == NULL || strcmp(r->uri, uri) == 0)) {
            by = r->mapper;
            break;
        }
    }
    return map_key(by, key, ret, e);
}
