/* The files of test/schedule: zones, and what other implementations answered. */
#ifndef TW_TEST_MODEL_SCHEDULE_FILES_H
#define TW_TEST_MODEL_SCHEDULE_FILES_H

#include <stddef.h>

struct zone;

/* The whole file, NUL-terminated; the test fails without it. Freed by free(). */
char *schedule_file(const char *name, size_t *ret_n);
/* A zone of test/schedule/zoneinfo, or an offset; loaded once and kept until schedule_zones_free(). */
const struct zone *schedule_zone(const char *name);
void schedule_zones_free(void);

#endif
