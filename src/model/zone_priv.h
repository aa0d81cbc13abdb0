/* What the parts of the time zones share. */
#ifndef TW_MODEL_ZONE_PRIV_H
#define TW_MODEL_ZONE_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ZONE_ABBREVIATION_MAX 31

/* One end of daylight saving time within a year. */
struct zone_date {
    char
        kind; /* 'M': week (5 = last) and weekday of a month; 'J': day 1-365 without 29 February; 'D': day 0-365 */
    int month, week, day;
    int32_t time_s; /* of day, wall time before the change; may be negative or beyond a day */
};

/* The rule at the end of a file: POSIX TZ. */
struct zone_rule {
    bool has_dst;
    int32_t std_s, dst_s; /* seconds east of UTC */
    char std[ZONE_ABBREVIATION_MAX + 1], dst[ZONE_ABBREVIATION_MAX + 1];
    struct zone_date start, end;
};

/* False for what is no such rule. */
bool zone_rule_parse(const char *text, size_t n, struct zone_rule *ret);
/* The instants (seconds) at which daylight saving time begins and ends in a year. */
void zone_rule_year(const struct zone_rule *r, int year, int64_t *ret_start_s, int64_t *ret_end_s);

#endif
