/* From the text of a cron expression to its sets. The text is never changed; letters are compared
 * without regard to case. */
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/time.h"
#include "model/cron.h"

enum field { MINUTE, HOUR, DAY, MONTH, WEEKDAY, SECOND, YEAR, FIELDS };

static const struct {
    const char *name;
    int min, max;
} limits[FIELDS] = {
    [MINUTE] = {"minute", 0, 59},
    [HOUR] = {"hour", 0, 23},
    [DAY] = {"day of the month", 1, 31},
    [MONTH] = {"month", 1, 12},
    [WEEKDAY] = {"day of the week", 0, 6},
    [SECOND] = {"second", 0, 59},
    [YEAR] = {"year", CRON_YEAR_MIN, CRON_YEAR_MAX},
};

struct span {
    const char *p, *end;
};

struct parser {
    const char *text;
    size_t n;
    enum cron_dialect dialect;
    struct cron *c;
    struct err *e;
    struct span fields[FIELDS]; /* p == NULL: absent */
    bool star[FIELDS];          /* an item of it is a star */
};

/* -ERR_SYNTAX at a place of the text, with what is wrong there. */
static int wrong(struct parser *p, enum field f, const char *at, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

static int wrong(struct parser *p, enum field f, const char *at, const char *fmt, ...)
{
    char what[200];
    int col = (int)(at - p->text) + 1;
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    return err_at(p->e, ERR_SYNTAX, 1, col,
                  "the cron expression '%.100s', column %d: %s in its field '%s'", p->text, col,
                  what, limits[f].name);
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static size_t length(const struct span *s)
{
    return (size_t)(s->end - s->p);
}

static bool is_word(const struct span *s, const char *word)
{
    return length(s) == strlen(word) && strncasecmp(s->p, word, length(s)) == 0;
}

static const char *find(const struct span *s, char c)
{
    return length(s) > 0 ? memchr(s->p, c, length(s)) : NULL;
}

/* ---- numbers and names ---- */

static int name_of(enum field f, const struct span *s)
{
    static const char *const months[] = {"jan", "feb", "mar", "apr", "may", "jun",
                                         "jul", "aug", "sep", "oct", "nov", "dec"};
    static const char *const days[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};
    int len = f == MONTH ? 12 : f == WEEKDAY ? 7 : 0;

    for (int i = 0; i < len; i++) {
        if (is_word(s, f == MONTH ? months[i] : days[i])) {
            return f == MONTH ? i + 1 : i;
        }
    }
    return -1;
}

/* A number of the field, or a name; Sunday may be 7. */
static int value_of(struct parser *p, enum field f, const struct span *s, int *ret)
{
    int min = limits[f].min, max = limits[f].max, x = 0;

    if (s->p == s->end) {
        return wrong(p, f, s->p, "a value is missing");
    }
    *ret = name_of(f, s);
    if (*ret >= 0) {
        return 0;
    }
    for (const char *at = s->p; at < s->end; at++) {
        if (!is_digit(*at)) {
            return wrong(p, f, s->p, "'%.*s' is no value%s", (int)length(s), s->p,
                         f == MONTH     ? " (1 to 12, or jan to dec)"
                         : f == WEEKDAY ? " (0 to 7, or sun to sat)"
                                        : "");
        }
        x = x < 100000 ? x * 10 + (*at - '0') : x;
    }
    x = f == WEEKDAY && x == 7 ? 0 : x;
    if (x < min || x > max) {
        return wrong(p, f, s->p, "%.*s is not from %d to %d", (int)length(s), s->p, min,
                     f == WEEKDAY ? 7 : max);
    }
    *ret = x;
    return 0;
}

static int count_of(struct parser *p, enum field f, const struct span *s, const char *what, int max,
                    int *ret)
{
    int x = 0;

    for (const char *at = s->p; at < s->end && is_digit(*at); at++) {
        x = x < 100000 ? x * 10 + (*at - '0') : x;
        if (at + 1 == s->end && x >= 1 && x <= max) {
            *ret = x;
            return 0;
        }
    }
    return wrong(p, f, s->p, "the %s '%.*s' must be a number from 1 to %d", what, (int)length(s),
                 s->p, max);
}

static void add(struct parser *p, enum field f, int value)
{
    struct cron *c = p->c;

    assert(value >= limits[f].min && value <= limits[f].max);
    switch (f) {
    case SECOND:
        c->seconds |= UINT64_C(1) << value;
        break;
    case MINUTE:
        c->minutes |= UINT64_C(1) << value;
        break;
    case HOUR:
        c->hours |= UINT32_C(1) << value;
        break;
    case DAY:
        c->days |= UINT32_C(1) << value;
        break;
    case MONTH:
        c->months |= (uint16_t)(1 << value);
        break;
    case WEEKDAY:
        c->weekdays |= (uint8_t)(1 << value);
        break;
    default:
        c->years[(value - CRON_YEAR_MIN) / 64] |= UINT64_C(1) << ((value - CRON_YEAR_MIN) % 64);
    }
}

/* ---- items ---- */

/*
 * low to high in steps; high below low goes on across the end of the field. Behind the end it goes
 * on where the last one before left off, except where that was the very last of the field: then
 * `step` further, not step - 1 (what every one knows of FRI-TUE/2 and 21-3/2 from Airflow).
 */
static void add_range(struct parser *p, enum field f, int low, int high, int step)
{
    int min = limits[f].min, max = limits[f].max, v = low;

    if (low <= high) {
        for (; v <= high; v += step) {
            add(p, f, v);
        }
        return;
    }
    for (; v <= max; v += step) {
        add(p, f, v);
    }
    v -= step;
    for (v = min + (v + step > max + 1 && max - v < step ? step - (max - v) : 0); v <= high;
         v += step) {
        add(p, f, v);
    }
}

/* "*", "5", "1-5", "*" with step, "5/15", "1-5/2". */
static int plain_item(struct parser *p, enum field f, struct span s)
{
    const char *slash = find(&s, '/'), *dash;
    struct span span = {s.p, slash != NULL ? slash : s.end}, first = span;
    int step = 1, low = 0, high = 0, rc;

    if (slash != NULL) {
        struct span text = {slash + 1, s.end};

        rc = count_of(p, f, &text, "step", 99999, &step);
        if (rc < 0) {
            return rc;
        }
    }
    if (is_word(&span, "*")) {
        p->star[f] = p->star[f] || slash == NULL;
        add_range(p, f, limits[f].min, limits[f].max, step);
        return 0;
    }
    dash = find(&span, '-');
    first.end = dash != NULL ? dash : span.end;
    rc = value_of(p, f, &first, &low);
    if (rc < 0 || (dash == NULL && slash == NULL)) {
        if (rc == 0) {
            add(p, f, low);
        }
        return rc;
    }
    high = limits[f].max;
    if (dash != NULL) {
        struct span second = {dash + 1, span.end};

        if (f != DAY || p->dialect != CRON_AIRFLOW || !is_word(&second, "l")) {
            rc = value_of(p, f, &second, &high);
        }
        if (rc == 0 && low == high && p->dialect == CRON_AIRFLOW) {
            low = limits[f].min; /* once around: SUN-SUN is the whole week */
            high = limits[f].max;
        }
    }
    if (rc == 0) {
        add_range(p, f, low, high, step);
    }
    return rc;
}

/* MON#2, 5#2, L5, 5L, FRIL. *ret_done: it was one. */
static int weekday_item(struct parser *p, struct span s, bool *ret_done)
{
    const char *hash = find(&s, '#');
    struct span day = s;
    int nth = 6, low = 0, high = 0, rc;

    *ret_done = true;
    if (hash != NULL) {
        struct span number = {hash + 1, s.end};
        const char *dash;

        day.end = hash;
        rc = count_of(p, WEEKDAY, &number, "number behind '#'", 5, &nth);
        dash = find(&day, '-');
        if (rc == 0 && dash != NULL) {
            struct span from = {day.p, dash}, to = {dash + 1, day.end};

            rc = value_of(p, WEEKDAY, &from, &low);
            rc = rc == 0 ? value_of(p, WEEKDAY, &to, &high) : rc;
            for (int w = low; rc == 0; w = (w + 1) % 7) {
                p->c->nth[w] |= (uint8_t)(1 << nth);
                if (w == high) {
                    break;
                }
            }
            return rc;
        }
        if (rc < 0) {
            return rc;
        }
    } else if (length(&s) == 2 && lower(s.p[0]) == 'l' && is_digit(s.p[1])) {
        day.p++;
    } else if (length(&s) > 1 && lower(s.end[-1]) == 'l') {
        day.end--;
    } else {
        *ret_done = false;
        return 0;
    }
    rc = value_of(p, WEEKDAY, &day, &low);
    if (rc == 0) {
        p->c->nth[low] |= (uint8_t)(1 << nth);
    }
    return rc;
}

/* L, 15W, W15; of Spring L-3 and LW too. */
static int day_item(struct parser *p, struct span s, bool *ret_done)
{
    struct span number = s;
    int n = 0, rc;

    *ret_done = true;
    if (is_word(&s, "l")) {
        p->c->last |= 1;
        return 0;
    }
    if (is_word(&s, "lw") || (length(&s) > 2 && lower(s.p[0]) == 'l' && s.p[1] == '-')) {
        if (p->dialect != CRON_SPRING) {
            return wrong(p, DAY, s.p, "'%.*s' is not known (L, or 15W, are)", (int)length(&s), s.p);
        }
        if (lower(s.p[1]) == 'w') {
            p->c->last_weekday = true;
            return 0;
        }
        number.p += 2;
        rc = count_of(p, DAY, &number, "offset behind 'L-'", 30, &n);
        if (rc == 0) {
            p->c->last |= UINT32_C(1) << n;
        }
        return rc;
    }
    if (length(&s) < 2 || (lower(s.p[0]) != 'w' && lower(s.end[-1]) != 'w')) {
        *ret_done = false;
        return 0;
    }
    if (lower(s.p[0]) == 'w') {
        number.p++;
    } else {
        number.end--;
    }
    rc = value_of(p, DAY, &number, &n);
    if (rc < 0) {
        return rc;
    }
    if (p->dialect == CRON_AIRFLOW && find(&p->fields[DAY], ',') != NULL) {
        return wrong(p, DAY, s.p, "'%.*s' cannot stand in a list; write one day", (int)length(&s),
                     s.p);
    }
    p->c->nearest |= UINT32_C(1) << n;
    return 0;
}

static bool is_hashed(const struct span *s)
{
    char c = lower(s->p[0]);

    return (c == 'h' || c == 'r') && (length(s) == 1 || s->p[1] == '(' || s->p[1] == '/');
}

static int item(struct parser *p, enum field f, struct span s)
{
    bool done = false;
    int rc = 0;

    if (s.p == s.end) {
        return wrong(p, f, s.p, "an empty place in the list");
    }
    if (is_hashed(&s)) {
        int col = (int)(s.p - p->text) + 1;

        return err_at(p->e, ERR_UNSUPPORTED, 1, col,
                      "the cron expression '%.100s', column %d: hashed expressions (H, R) are not "
                      "supported; write a "
                      "number in its field '%s'",
                      p->text, col, limits[f].name);
    }
    if (*s.p == '-') {
        return wrong(p, f, s.p, "a negative number");
    }
    if (f == DAY) {
        rc = day_item(p, s, &done);
    } else if (f == WEEKDAY) {
        rc = weekday_item(p, s, &done);
    }
    return rc < 0 || done ? rc : plain_item(p, f, s);
}

static int field(struct parser *p, enum field f)
{
    struct span s = p->fields[f];
    const char *mark = find(&s, '?');

    if (mark != NULL) {
        if (length(&s) > 1 || (f != DAY && f != WEEKDAY)) {
            return wrong(p, f, mark, "'?' stands only alone, and for a day");
        }
        return item(p, f, (struct span){"*", &"*"[1]});
    }
    for (;;) {
        const char *comma = find(&s, ',');
        int rc = item(p, f, (struct span){s.p, comma != NULL ? comma : s.end});

        if (rc < 0 || comma == NULL) {
            return rc;
        }
        s.p = comma + 1;
    }
}

/* ---- the whole ---- */

static int split(struct parser *p)
{
    static const enum field airflow[] = {MINUTE, HOUR, DAY, MONTH, WEEKDAY, SECOND, YEAR};
    static const enum field spring[] = {SECOND, MINUTE, HOUR, DAY, MONTH, WEEKDAY};
    const enum field *order = p->dialect == CRON_SPRING ? spring : airflow;
    int max = p->dialect == CRON_SPRING ? 6 : 7, min = p->dialect == CRON_SPRING ? 6 : 5, len = 0;
    const char *at = p->text, *end = p->text + p->n;

    while (at < end) {
        const char *start;

        for (; at < end && is_space(*at); at++) {
        }
        for (start = at; at < end && !is_space(*at); at++) {
        }
        if (at > start && len++ < max) {
            p->fields[order[len - 1]] = (struct span){start, at};
        }
    }
    if (len < min || len > max) {
        return err_at(
            p->e, ERR_SYNTAX, 1, 1, "the cron expression '%.100s' has %d field%s: %s", p->text, len,
            len == 1 ? "" : "s",
            p->dialect == CRON_SPRING
                ? "there must be 6 (second minute hour day month weekday)"
                : "there must be 5 (minute hour day month weekday), 6 with the second, 7 with "
                  "the year, or a name like @daily");
    }
    return 0;
}

static int macro(struct parser *p, const char **ret)
{
    static const char *const names[][2] = {
        {"@hourly", "0 * * * *"}, {"@daily", "0 0 * * *"},    {"@midnight", "0 0 * * *"},
        {"@weekly", "0 0 * * 0"}, {"@monthly", "0 0 1 * *"},  {"@quarterly", "0 0 1 */3 *"},
        {"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"},
    };
    struct span s = {p->text, p->text + p->n};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (is_word(&s, names[i][0])) {
            *ret = names[i][1];
            return 0;
        }
    }
    return err_at(p->e, ERR_SYNTAX, 1, 1,
                  "there is no cron name '%.100s'; they are @hourly @daily @midnight @weekly "
                  "@monthly @quarterly @yearly @annually",
                  p->text);
}

/*
 * Whether a set that has all its values is a star: where it stands beside a day or weekday that is
 * written without one, it is not, so that "0 0 1-31 * mon" is a day OR a Monday.
 */
static bool is_any(const struct parser *p, enum field f, bool full)
{
    const struct span *other = &p->fields[f == DAY ? WEEKDAY : DAY];

    if (p->star[f]) {
        return true;
    }
    return full && (p->dialect == CRON_SPRING || find(other, '*') != NULL);
}

/* The weekdays that have a # or an L. */
static uint8_t nth_weekdays(const struct cron *c)
{
    uint8_t set = 0;

    for (int w = 0; w < 7; w++) {
        set |= (uint8_t)(c->nth[w] != 0 ? 1 << w : 0);
    }
    return set;
}

/* What the fields mean together. */
static int combine(struct parser *p)
{
    struct cron *c = p->c;
    uint8_t nth = nth_weekdays(c);

    if (nth != 0 && (c->weekdays & ~nth) != 0 && p->dialect == CRON_AIRFLOW && !p->star[WEEKDAY]) {
        return wrong(p, WEEKDAY, p->fields[WEEKDAY].p,
                     "plain days of the week beside # or L; write two schedules");
    }
    c->any_day = is_any(p, DAY, c->days == 0xfffffffe);
    c->any_weekday =
        is_any(p, WEEKDAY, c->weekdays == 127) && (nth == 0 || p->dialect == CRON_SPRING);
    c->every_hour = c->hours == 0xffffff;
    c->any_year = p->fields[YEAR].p == NULL || p->star[YEAR];
    c->nearest_in_month = p->dialect == CRON_SPRING;
    c->rule = CRON_BOTH;
    if (p->dialect == CRON_SPRING) {
        return 0;
    }
    if (nth != 0) {
        c->weekdays = 0;
        if (c->nearest == 0 && !c->any_day && !p->star[WEEKDAY]) {
            c->rule = CRON_WEEKDAY_ONLY;
        }
    } else if (c->nearest != 0) {
        c->rule = CRON_DAY_ONLY;
    } else if (!c->any_day && !c->any_weekday) {
        c->rule = CRON_EITHER;
    }
    return 0;
}

/* A date must be meant some time: the years of the list, or those of one round of leap years and weekdays. */
static bool has_date(const struct cron *c)
{
    for (int year = c->any_year ? 2000 : CRON_YEAR_MIN;
         year <= (c->any_year ? 2040 : CRON_YEAR_MAX); year++) {
        int n = year - CRON_YEAR_MIN;

        for (int month = 1; month <= 12; month++) {
            if ((c->any_year || (c->years[n / 64] >> (n % 64) & 1) != 0) &&
                (c->months >> month & 1) != 0 && cron_days_of(c, year, month) != 0) {
                return true;
            }
        }
    }
    return false;
}

static int parse(struct parser *p)
{
    int rc = split(p);

    for (int f = 0; f < FIELDS && rc == 0; f++) {
        rc = p->fields[f].p != NULL ? field(p, (enum field)f) : 0;
    }
    rc = rc == 0 ? combine(p) : rc;
    if (rc < 0) {
        return rc;
    }
    p->c->has_seconds = p->fields[SECOND].p != NULL;
    if (!p->c->has_seconds) {
        p->c->seconds = 1;
    }
    if (!has_date(p->c)) {
        int col = (int)(p->fields[DAY].p - p->text) + 1;

        return err_at(p->e, ERR_INVALID, 1, col,
                      "the cron expression '%.100s' means no date that ever comes (like 30 "
                      "February); change its "
                      "day or its month",
                      p->text);
    }
    return 0;
}

int cron_parse(const char *text, size_t n, enum cron_dialect dialect, struct cron *ret,
               struct err *e)
{
    char copy[LIMIT_CRON_BYTES + 1];
    struct cron c = {0};
    struct parser p = {.dialect = dialect, .c = &c, .e = e, .text = copy};
    int rc = 0;

    if (n > LIMIT_CRON_BYTES) {
        return err_at(e, ERR_LIMIT, 1, LIMIT_CRON_BYTES + 1,
                      "a cron expression has at most %d bytes, this one has %zu; write several "
                      "shorter ones",
                      LIMIT_CRON_BYTES, n);
    }
    for (; n > 0 && is_space(text[n - 1]); n--) {
    }
    for (; n > 0 && is_space(*text); text++, n--) {
    }
    memcpy(copy, text, n);
    copy[n] = '\0';
    p.n = n;
    if (copy[0] == '@') {
        rc = macro(&p, &p.text);
        p.n = rc == 0 ? strlen(p.text) : 0;
        p.dialect = CRON_AIRFLOW;
    }
    rc = rc == 0 ? parse(&p) : rc;
    if (rc == 0) {
        *ret = c;
    }
    return rc;
}
