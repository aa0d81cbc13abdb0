#include "base/prng.h"

#include <string.h>

#include "base/err.h"
#include "base/map.h"

static uint64_t splitmix(uint64_t *x)
{
    uint64_t z = (*x += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static uint64_t rotl(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

void prng_seed(struct prng *p, uint64_t seed)
{
    for (int i = 0; i < 4; i++) {
        p->s[i] = splitmix(&seed);
    }
}

/* xoshiro256** by Blackman and Vigna (public domain algorithm). */
uint64_t prng_next(struct prng *p)
{
    uint64_t *s = p->s;
    uint64_t result = rotl(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return result;
}

uint64_t prng_below(struct prng *p, uint64_t n)
{
    uint64_t limit = UINT64_MAX - UINT64_MAX % n; /* rejects the incomplete last block: no bias */
    uint64_t x;

    do {
        x = prng_next(p);
    } while (x >= limit);
    return x % n;
}

struct prng prng_fork(struct prng *p, const char *label)
{
    struct prng child;

    prng_seed(&child, prng_next(p) ^ hash_bytes(label, strlen(label)));
    return child;
}

struct uuid uuid_v7(int64_t t_us, struct prng *p)
{
    uint64_t ms = (uint64_t)(t_us / 1000), r[2] = {prng_next(p), prng_next(p)};
    struct uuid u;

    for (int i = 0; i < 6; i++) {
        u.b[i] = (uint8_t)(ms >> (40 - 8 * i));
    }
    memcpy(u.b + 6, &r[0], 2);
    memcpy(u.b + 8, &r[1], 8);
    u.b[6] = (uint8_t)(0x70 | (u.b[6] & 0x0f));
    u.b[8] = (uint8_t)(0x80 | (u.b[8] & 0x3f));
    return u;
}

char *uuid_format(const struct uuid *u, char *buf)
{
    static const char hex[] = "0123456789abcdef";
    char *p = buf;

    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            *p++ = '-';
        }
        *p++ = hex[u->b[i] >> 4];
        *p++ = hex[u->b[i] & 15];
    }
    *p = '\0';
    return buf;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int uuid_parse(const char *s, struct uuid *ret)
{
    struct uuid u;

    if (strlen(s) != UUID_TEXT_MAX - 1) {
        return -ERR_INVALID;
    }
    for (int i = 0; i < 16; i++) {
        int hi, lo;

        if (i == 4 || i == 6 || i == 8 || i == 10) {
            if (*s++ != '-') {
                return -ERR_INVALID;
            }
        }
        hi = hex_digit(*s++);
        lo = hex_digit(*s++);
        if (hi < 0 || lo < 0) {
            return -ERR_INVALID;
        }
        u.b[i] = (uint8_t)(hi << 4 | lo);
    }
    *ret = u;
    return 0;
}

int uuid_cmp(const struct uuid *a, const struct uuid *b)
{
    return memcmp(a->b, b->b, sizeof a->b);
}
