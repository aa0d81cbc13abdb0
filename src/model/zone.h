/*
 * Time zones from the bytes of TZif files (RFC 8536, version 2 and later), with the rule at the file's end for all the time after
 * its last transition. Pure: the caller reads /usr/share/zoneinfo and says which release of the data it is.
 *
 * Instants are those of the years 1 to 9999. "Wall" microseconds are what a clock on the wall shows, as if it were UTC. When clocks go forward, some wall times never come
 * (a gap); when they go back, some come twice (a fold).
 */
#ifndef TW_MODEL_ZONE_H
#define TW_MODEL_ZONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;
struct zone; /* opaque; never changes: threads may share it */

enum zone_wall { ZONE_ONCE, ZONE_GAP, ZONE_FOLD };

/* "UTC", "GMT", "Z", "Etc/UTC", "+02:00", "-0330", "UTC+02:00": zones that need no data. */
bool zone_is_fixed(const char *name);
int zone_fixed(const char *name, struct zone **ret, struct err *e); /* -ERR_INVALID, -ERR_NOMEM */

/*
 * From the n bytes of a TZif file; name and release ("2025b", or NULL when it is not known) are copied. Errors: -ERR_INVALID for what is no such file or
 * contradicts itself, -ERR_UNSUPPORTED for version 1 and for zones that count leap seconds ("right/..."), -ERR_LIMIT.
 */
int zone_load(const char *name, const char *release, const void *tzif, size_t n, struct zone **ret,
              struct err *e);
void zone_free(struct zone *z); /* NULL is allowed */

/* A name that may be a file below the folder of zones: no "..", no empty part, not absolute. Looks at no file. */
bool zone_name_is_valid(const char *name);
const char *zone_name(const struct zone *z);
const char *zone_release(const struct zone *z); /* "" when not known */

/* Seconds east of UTC; *ret_abbreviation ("CEST", valid as long as z) and *ret_dst may be NULL. */
int32_t zone_offset(const struct zone *z, int64_t utc_us, const char **ret_abbreviation,
                    bool *ret_dst);
int64_t zone_to_wall(const struct zone *z, int64_t utc_us);

/*
 * The instants that a wall time names. ONCE: both are it. FOLD: the first and the second time it is shown. GAP: *ret_late is the
 * wall time moved forward by the gap (02:30 stands for 03:30: the offset before), *ret_early the one moved back (the offset after).
 */
enum zone_wall zone_to_utc(const struct zone *z, int64_t wall_us, int64_t *ret_early,
                           int64_t *ret_late);

/* The first change of offset strictly after utc_us: false when there is none. */
bool zone_next_change(const struct zone *z, int64_t utc_us, int64_t *ret_us);
/* The last change of offset at or before utc_us. */
bool zone_last_change(const struct zone *z, int64_t utc_us, int64_t *ret_us);

#endif
