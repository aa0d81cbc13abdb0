/*
 * SHA-1 (FIPS 180-4), only where Airflow's behaviour is defined by it: the jitter of retries. Pure, so that the scheduler
 * may use it; never for security.
 */
#ifndef TW_BASE_SHA1_H
#define TW_BASE_SHA1_H

#include <stddef.h>
#include <stdint.h>

void sha1(const void *data, size_t n, uint8_t ret[20]);

#endif
