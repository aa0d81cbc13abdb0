/*
 * A zone is a table of transitions. Behind those of the file stand those of its rule for the 402
 * years that follow: the calendar repeats itself every 400 years, days of the week included, so
 * that any later instant is looked up 400 years earlier, as often as needed.
 *
 * A wall time is looked up twice, with the transitions at the larger and at the smaller of the wall
 * times that they lie between: what differs then is a gap or a fold.
 */
#include "model/zone.h"

#include <assert.h>
#include <string.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/time.h"
#include "model/zone_priv.h"

#define ROUND_YEARS 400
#define ROUND_S     (INT64_C(146097) * 86400)
#define OFFSET_MAX  (26 * 3600)
#define HEADER      44
#define FAR_S       (INT64_C(1) << 43)
#define YEAR_MIN    1900 /* where a rule begins when its file has no transitions */

struct type {
    int32_t offset_s;
    bool dst;
    char abbreviation[ZONE_ABBREVIATION_MAX + 1];
};

struct zone {
    char *name, *release;
    struct type *types;
    uint32_t types_len;
    int64_t *at_s;  /* transitions, ascending */
    uint16_t *type; /* and what holds from each on */
    uint32_t len;
    int64_t
        round_from_s; /* from here on an instant is looked up ROUND_S earlier; INT64_MAX: never */
};

/* ---- lookups ---- */

static int32_t before(const struct zone *z, uint32_t i)
{
    return z->types[i == 0 ? 0 : z->type[i - 1]].offset_s;
}

/* What a transition's place on the wall is compared by: the larger or the smaller of both sides. */
static int64_t wall_place(const struct zone *z, uint32_t i, bool second)
{
    int32_t a = before(z, i), b = z->types[z->type[i]].offset_s;
    int32_t low = a < b ? a : b, high = a < b ? b : a;

    return z->at_s[i] + (second ? low : high);
}

/* Into the years that the table has. */
static int64_t rounded(const struct zone *z, int64_t s)
{
    if (s >= z->round_from_s) {
        s -= ((s - z->round_from_s) / ROUND_S + 1) * ROUND_S;
    }
    return s;
}

/* How many transitions are at or before s. */
static uint32_t passed(const struct zone *z, int64_t s)
{
    uint32_t low = 0, high = z->len;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (z->at_s[middle] <= s) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static int32_t wall_offset(const struct zone *z, int64_t wall_s, bool second)
{
    uint32_t low = 0, high = z->len;

    wall_s = rounded(z, wall_s);
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (wall_place(z, middle, second) <= wall_s) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return before(z, low);
}

static int64_t seconds_of(int64_t us)
{
    return us / TIME_SECOND - (us % TIME_SECOND < 0);
}

int32_t zone_offset(const struct zone *z, int64_t utc_us, const char **ret_abbreviation,
                    bool *ret_dst)
{
    uint32_t i = passed(z, rounded(z, seconds_of(utc_us)));
    const struct type *t = &z->types[i == 0 ? 0 : z->type[i - 1]];

    if (ret_abbreviation != NULL) {
        *ret_abbreviation = t->abbreviation;
    }
    if (ret_dst != NULL) {
        *ret_dst = t->dst;
    }
    return t->offset_s;
}

int64_t zone_to_wall(const struct zone *z, int64_t utc_us)
{
    return utc_us + zone_offset(z, utc_us, NULL, NULL) * TIME_SECOND;
}

enum zone_wall zone_to_utc(const struct zone *z, int64_t wall_us, int64_t *ret_early,
                           int64_t *ret_late)
{
    int64_t s = seconds_of(wall_us);
    int32_t first = wall_offset(z, s, false), second = wall_offset(z, s, true);
    int32_t high = first > second ? first : second, low = first > second ? second : first;

    *ret_early = wall_us - high * TIME_SECOND;
    *ret_late = wall_us - low * TIME_SECOND;
    return first == second ? ZONE_ONCE : first < second ? ZONE_GAP : ZONE_FOLD;
}

bool zone_next_change(const struct zone *z, int64_t utc_us, int64_t *ret_us)
{
    int64_t s = seconds_of(utc_us), shift = s - rounded(z, s);

    for (uint32_t i = passed(z, s - shift); i < z->len; i++) {
        if (before(z, i) != z->types[z->type[i]].offset_s) {
            *ret_us = (z->at_s[i] + shift) * TIME_SECOND;
            return true;
        }
    }
    return false;
}

bool zone_last_change(const struct zone *z, int64_t utc_us, int64_t *ret_us)
{
    int64_t s = seconds_of(utc_us), shift = s - rounded(z, s);

    for (uint32_t i = passed(z, s - shift); i > 0; i--) {
        if (before(z, i - 1) != z->types[z->type[i - 1]].offset_s) {
            *ret_us = (z->at_s[i - 1] + shift) * TIME_SECOND;
            return true;
        }
    }
    return false;
}

const char *zone_name(const struct zone *z)
{
    return z->name;
}

const char *zone_release(const struct zone *z)
{
    return z->release;
}

/* ---- making one ---- */

void zone_free(struct zone *z)
{
    if (z != NULL) {
        mem_free(z->name);
        mem_free(z->release);
        mem_free(z->types);
        mem_free(z->at_s);
        mem_free(z->type);
        mem_free(z);
    }
}

static struct zone *zone_new(const char *name, const char *release, uint32_t types, uint32_t len)
{
    struct zone *z = mem_zalloc(sizeof *z);

    if (z == NULL) {
        return NULL;
    }
    z->name = mem_strdup(name);
    z->release = mem_strdup(release != NULL ? release : "");
    z->types = mem_array(types, sizeof *z->types);
    z->at_s = mem_array(len > 0 ? len : 1, sizeof *z->at_s);
    z->type = mem_array(len > 0 ? len : 1, sizeof *z->type);
    z->round_from_s = INT64_MAX;
    if (z->name == NULL || z->release == NULL || z->types == NULL || z->at_s == NULL ||
        z->type == NULL) {
        zone_free(z);
        return NULL;
    }
    return z;
}

struct reader {
    const uint8_t *p;
    size_t n, at;
    uint32_t isutcnt, isstdcnt, leapcnt, timecnt, typecnt, charcnt;
};

static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int64_t be64(const uint8_t *p)
{
    return (int64_t)((uint64_t)be32(p) << 32 | be32(p + 4));
}

/* The counts of the header at r->at, which is passed; false when it is none. */
static bool read_header(struct reader *r)
{
    const uint8_t *h = r->p + r->at;

    if (r->n - r->at < HEADER || memcmp(h, "TZif", 4) != 0) {
        return false;
    }
    r->isutcnt = be32(h + 20);
    r->isstdcnt = be32(h + 24);
    r->leapcnt = be32(h + 28);
    r->timecnt = be32(h + 32);
    r->typecnt = be32(h + 36);
    r->charcnt = be32(h + 40);
    r->at += HEADER;
    return r->timecnt <= LIMIT_ZONE_BYTES && r->typecnt <= 256 && r->charcnt <= LIMIT_ZONE_BYTES &&
           r->isutcnt <= 256 && r->isstdcnt <= 256 && r->leapcnt <= LIMIT_ZONE_BYTES;
}

/* The bytes of the data block that the header tells of. */
static size_t block_size(const struct reader *r, size_t time_size)
{
    return r->timecnt * (time_size + 1) + (size_t)r->typecnt * 6 + r->charcnt +
           r->leapcnt * (time_size + 4) + r->isstdcnt + r->isutcnt;
}

static bool read_types(struct zone *z, const uint8_t *p, const struct reader *r)
{
    const char *names = (const char *)p + (size_t)r->typecnt * 6;

    for (uint32_t i = 0; i < r->typecnt; i++) {
        int32_t offset = (int32_t)be32(p + (size_t)i * 6);
        uint8_t dst = p[(size_t)i * 6 + 4], index = p[(size_t)i * 6 + 5];
        size_t len;

        if (offset < -OFFSET_MAX || offset > OFFSET_MAX || dst > 1 || index >= r->charcnt) {
            return false;
        }
        len = strnlen(names + index, r->charcnt - index);
        if (len == r->charcnt - index || len > ZONE_ABBREVIATION_MAX) {
            return false;
        }
        z->types[i] = (struct type){.offset_s = offset, .dst = dst != 0};
        memcpy(z->types[i].abbreviation, names + index, len + 1);
    }
    z->types_len = r->typecnt;
    return true;
}

/* Instants so far away that microseconds cannot say them stand at the end of what they can. */
static int64_t within(int64_t s)
{
    return s < -FAR_S ? -FAR_S : s > FAR_S ? FAR_S : s;
}

static bool read_times(struct zone *z, const uint8_t *p, const struct reader *r)
{
    const uint8_t *index = p + (size_t)r->timecnt * 8;
    int64_t last = INT64_MIN;

    for (uint32_t i = 0; i < r->timecnt; i++) {
        int64_t at = be64(p + (size_t)i * 8);

        if (index[i] >= r->typecnt || (i > 0 && at <= last)) {
            return false;
        }
        last = at;
        if (z->len > 0 && z->at_s[z->len - 1] == within(at)) {
            z->len--; /* both beyond what can be said: the later one counts */
        }
        z->at_s[z->len] = within(at);
        z->type[z->len++] = index[i];
    }
    return true;
}

static int year_of(int64_t s)
{
    struct civil c;

    time_to_civil(s * TIME_SECOND, &c);
    return c.year;
}

/* The type that the rule wants: one of the file, or a new one (there is room for two). */
static uint16_t rule_type(struct zone *z, int32_t offset_s, bool dst, const char *abbreviation)
{
    uint32_t i = 0;

    while (i < z->types_len && (z->types[i].offset_s != offset_s || z->types[i].dst != dst ||
                                strcmp(z->types[i].abbreviation, abbreviation) != 0)) {
        i++;
    }
    if (i == z->types_len) {
        z->types[i] = (struct type){.offset_s = offset_s, .dst = dst};
        memcpy(z->types[i].abbreviation, abbreviation, strlen(abbreviation) + 1);
        z->types_len++;
    }
    return (uint16_t)i;
}

static void push(struct zone *z, int64_t at_s, uint16_t type)
{
    if (z->len == 0 || at_s > z->at_s[z->len - 1]) {
        z->at_s[z->len] = at_s;
        z->type[z->len++] = type;
    } else if (at_s == z->at_s[z->len - 1]) {
        z->type[z->len - 1] = type; /* no time passes between the two */
    }
}

/* The table goes on as the rule says. */
static bool add_rule(struct zone *z, const char *text, size_t n)
{
    struct zone_rule r;
    struct civil c = {.month = 1, .day = 1};
    uint16_t std, dst;
    int first;

    if (n == 0) {
        return true; /* the last type holds for ever */
    }
    if (!zone_rule_parse(text, n, &r)) {
        return false;
    }
    std = rule_type(z, r.std_s, false, r.std);
    if (!r.has_dst) {
        if (z->len == 0) {
            push(z, -FAR_S, std);
        }
        return true;
    }
    dst = rule_type(z, r.dst_s, true, r.dst);
    if (z->len > 0 && z->at_s[z->len - 1] > INT64_C(1) << 40) {
        return false;
    }
    first = z->len > 0 && z->at_s[z->len - 1] > 0 ? year_of(z->at_s[z->len - 1]) : YEAR_MIN;
    for (int year = first; year <= first + ROUND_YEARS + 2; year++) {
        int64_t start, end;

        zone_rule_year(&r, year, &start, &end);
        if (start < end) {
            push(z, start, dst);
            push(z, end, std);
        } else {
            push(z, end, std);
            push(z, start, dst);
        }
    }
    c.year = first + ROUND_YEARS + 2;
    z->round_from_s = time_from_civil(&c) / TIME_SECOND;
    return true;
}

#define RULE_TRANSITIONS (2 * (ROUND_YEARS + 3))

static int damaged(const char *name, struct err *e, const char *what)
{
    return err_set(
        e, ERR_INVALID,
        "the time zone data of '%.100s' is damaged: %s; install the package tzdata again", name,
        what);
}

/* What follows the header of the second part. */
static int load_body(struct reader *r, const char *name, const char *release, struct zone **ret,
                     struct err *e)
{
    const uint8_t *block = r->p + r->at, *footer, *end;
    struct zone *z;

    if (r->leapcnt != 0) {
        return err_set(e, ERR_UNSUPPORTED,
                       "the time zone '%.100s' counts leap seconds, which schedules cannot; name "
                       "the zone without 'right/'",
                       name);
    }
    if (r->typecnt == 0 || r->charcnt == 0 || r->n - r->at < block_size(r, 8) + 2) {
        return damaged(name, e, "it is cut off");
    }
    footer = block + block_size(r, 8);
    end = footer[0] == '\n' ? memchr(footer + 1, '\n', r->n - (size_t)(footer + 1 - r->p)) : NULL;
    if (end == NULL) {
        return damaged(name, e, "its rule is missing");
    }
    z = zone_new(name, release, r->typecnt + 2, r->timecnt + RULE_TRANSITIONS);
    if (z == NULL) {
        return err_set(e, ERR_NOMEM, "no memory for the time zone '%.100s'", name);
    }
    if (!read_times(z, block, r) || !read_types(z, block + (size_t)r->timecnt * 9, r) ||
        !add_rule(z, (const char *)footer + 1, (size_t)(end - footer - 1))) {
        zone_free(z);
        return damaged(name, e, "it contradicts itself");
    }
    *ret = z;
    return 0;
}

int zone_load(const char *name, const char *release, const void *tzif, size_t n, struct zone **ret,
              struct err *e)
{
    struct reader r = {.p = tzif, .n = n};

    if (n > LIMIT_ZONE_BYTES) {
        return err_set(e, ERR_LIMIT, "the time zone data of '%.100s' has %zu bytes, at most %zu",
                       name, n, LIMIT_ZONE_BYTES);
    }
    if (!read_header(&r)) {
        return damaged(name, e, "it does not begin as a TZif file");
    }
    if (r.p[4] < '2') {
        return err_set(e, ERR_UNSUPPORTED,
                       "the time zone data of '%.100s' is of version 1; install the package tzdata",
                       name);
    }
    if (n - r.at < block_size(&r, 4)) {
        return damaged(name, e, "it is cut off");
    }
    r.at += block_size(&r, 4);
    if (!read_header(&r)) {
        return damaged(name, e, "its second part is missing");
    }
    return load_body(&r, name, release, ret, e);
}

/* ---- names ---- */

static bool digits(const char **p, int max, int *ret)
{
    if ((*p)[0] < '0' || (*p)[0] > '9' || (*p)[1] < '0' || (*p)[1] > '9') {
        return false;
    }
    *ret = ((*p)[0] - '0') * 10 + ((*p)[1] - '0');
    *p += 2;
    return *ret <= max;
}

static bool fixed_offset(const char *name, int32_t *ret_s)
{
    static const char *const utc[] = {"UTC",     "utc",  "GMT", "Z",        "Etc/UTC",
                                      "Etc/GMT", "Zulu", "UCT", "Universal"};
    int hours, minutes = 0, seconds = 0, sign;

    for (size_t i = 0; i < sizeof utc / sizeof utc[0]; i++) {
        if (strcmp(name, utc[i]) == 0) {
            *ret_s = 0;
            return true;
        }
    }
    name += strncmp(name, "UTC", 3) == 0 ? 3 : 0;
    if (*name != '+' && *name != '-') {
        return false;
    }
    sign = *name++ == '-' ? -1 : 1;
    if (!digits(&name, 23, &hours)) {
        return false;
    }
    if (*name != '\0') {
        name += *name == ':';
        if (!digits(&name, 59, &minutes) ||
            (*name == ':' && (name++, !digits(&name, 59, &seconds)))) {
            return false;
        }
    }
    *ret_s = sign * (hours * 3600 + minutes * 60 + seconds);
    return *name == '\0';
}

bool zone_is_fixed(const char *name)
{
    int32_t offset;

    return fixed_offset(name, &offset);
}

int zone_fixed(const char *name, struct zone **ret, struct err *e)
{
    int32_t offset;
    struct zone *z;

    if (!fixed_offset(name, &offset)) {
        return err_set(e, ERR_INVALID, "'%.100s' is no offset like +02:00, and not UTC", name);
    }
    z = zone_new(name, NULL, 1, 0);
    if (z == NULL) {
        return err_set(e, ERR_NOMEM, "no memory for the time zone '%.100s'", name);
    }
    z->types_len = 1;
    z->types[0].offset_s = offset;
    memcpy(z->types[0].abbreviation, name, strnlen(name, ZONE_ABBREVIATION_MAX));
    *ret = z;
    return 0;
}

bool zone_name_is_valid(const char *name)
{
    size_t n = strlen(name);

    if (n == 0 || n > 100 || name[0] == '/' || name[n - 1] == '/') {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        char c = name[i];
        bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '_' || c == '-' || c == '+';

        if (!word && c != ':' && (c != '/' || name[i + 1] == '/')) {
            return false;
        }
    }
    return true;
}
