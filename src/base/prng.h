/*
 * A seeded generator (xoshiro256**) for decisions that must repeat, and ids made from injected time and randomness.
 * Not for secrets: those come from libsodium.
 */
#ifndef TW_BASE_PRNG_H
#define TW_BASE_PRNG_H

#include <stdint.h>

struct prng {
    uint64_t s[4];
};

void prng_seed(struct prng *p, uint64_t seed);
uint64_t prng_next(struct prng *p);
uint64_t prng_below(struct prng *p, uint64_t n); /* uniform in [0, n); n > 0 */
struct prng
prng_fork(struct prng *p,
          const char *label); /* an independent stream; the same for the same label and state */

struct uuid {
    uint8_t b[16];
};
#define UUID_TEXT_MAX 37

/* UUIDv7 (RFC 9562): 48 bits of milliseconds, then randomness from p. */
struct uuid uuid_v7(int64_t t_us, struct prng *p);
char *uuid_format(const struct uuid *u, char *buf); /* buf: UUID_TEXT_MAX; returns it */
int uuid_parse(const char *s, struct uuid *ret);    /* exactly 36 characters; -ERR_INVALID */
int uuid_cmp(const struct uuid *a, const struct uuid *b);
static inline int uuid_is_zero(const struct uuid *u)
{
    for (int i = 0; i < 16; i++) {
        if (u->b[i] != 0) {
            return 0;
        }
    }
    return 1;
}

#endif
