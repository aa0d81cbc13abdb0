/* Shared by the files of time tables. NEVER and EVER: "no tick after", "no tick before"; they go through comparisons like any other instant. */
#ifndef TW_MODEL_TIMETABLE_PRIV_H
#define TW_MODEL_TIMETABLE_PRIV_H

#include <stdint.h>

#include "base/time.h"

#define NEVER     INT64_MAX
#define EVER      TIME_NONE
#define DAY_US    (86400 * TIME_SECOND)
#define CHANGE_US (2 * DAY_US) /* longer than any change of clocks, and the tick that it moves */
#define TIME_MIN  (-INT64_C(62135596800) * TIME_SECOND) /* the year 1 */
#define TIME_MAX  (INT64_C(253402300800) * TIME_SECOND) /* the year 10000 */

#endif
