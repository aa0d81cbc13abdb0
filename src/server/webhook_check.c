/* Whether a delivery is genuine: signatures are compared in constant time, and only then is anything else looked at. */
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/time.h"
#include "server/webhooks.h"

#define MAC_BYTES      crypto_auth_hmacsha256_BYTES
#define SIGNATURES_MAX 8

static int refuse(struct err *e, const char *why)
{
    return err_set(e, ERR_PERM, "%s", why);
}

static void sign(const char *secret, size_t secret_len, const char *time, const char *body,
                 size_t n, unsigned char ret[MAC_BYTES])
{
    crypto_auth_hmacsha256_state s;

    (void)crypto_auth_hmacsha256_init(&s, (const unsigned char *)secret, secret_len);
    if (time != NULL) {
        (void)crypto_auth_hmacsha256_update(&s, (const unsigned char *)time, strlen(time));
        (void)crypto_auth_hmacsha256_update(&s, (const unsigned char *)".", 1);
    }
    (void)crypto_auth_hmacsha256_update(&s, (const unsigned char *)body, n);
    (void)crypto_auth_hmacsha256_final(&s, ret);
    sodium_memzero(&s, sizeof s);
}

static bool same(const char *hex, size_t n, const unsigned char mac[MAC_BYTES])
{
    unsigned char given[MAC_BYTES];
    size_t len = 0;

    return n == 2 * sizeof given &&
           sodium_hex2bin(given, sizeof given, hex, n, NULL, &len, NULL) == 0 &&
           len == sizeof given && sodium_memcmp(given, mac, sizeof given) == 0;
}

/* Seconds since 1970, within the window on either side: clocks differ. */
static int check_time(const struct webhook *h, const char *text, int64_t now_us, struct err *e)
{
    char *end;
    long long s;
    int64_t off;

    errno = 0;
    s = strtoll(text, &end, 10);
    if (errno != 0 || *text < '0' || *text > '9' || *end != '\0' || s > INT64_MAX / TIME_SECOND) {
        return refuse(e, "The signed time is malformed");
    }
    off = now_us - s * TIME_SECOND;
    if (off > h->window_us || off < -h->window_us) {
        return refuse(e, "The signed time is too old, or in the future");
    }
    return 0;
}

/* t=SECONDS,v1=HEX,...: the time, and whether one of the signatures is right. */
static int check_stripe(const struct webhook *h, const char *secret, size_t secret_len,
                        const struct webhook_proof *p, char *ret_time, size_t cap, struct err *e)
{
    unsigned char mac[MAC_BYTES];
    const char *hex[SIGNATURES_MAX];
    size_t lens[SIGNATURES_MAX], n = 0;
    bool right = false;

    ret_time[0] = '\0';
    for (const char *at = p->signature; *at != '\0';) {
        size_t len = strcspn(at, ",");

        if (len > 2 && len - 2 < cap && strncmp(at, "t=", 2) == 0) {
            (void)snprintf(ret_time, cap, "%.*s", (int)(len - 2), at + 2);
        } else if (len > 3 && n < SIGNATURES_MAX && strncmp(at, "v1=", 3) == 0) {
            hex[n] = at + 3;
            lens[n++] = len - 3;
        }
        at += len + (at[len] == ',');
    }
    if (ret_time[0] == '\0' || n == 0) {
        return refuse(e, "The signature is malformed");
    }
    sign(secret, secret_len, ret_time, p->body, p->body_len, mac);
    for (size_t i = 0; i < n; i++) {
        right = same(hex[i], lens[i], mac) || right;
    }
    return right ? check_time(h, ret_time, p->now_us, e) : refuse(e, "The signature is wrong");
}

static int check_github(const struct webhook *h, const char *secret, size_t secret_len,
                        const struct webhook_proof *p, struct err *e)
{
    unsigned char mac[MAC_BYTES];

    if (strncmp(p->signature, "sha256=", 7) != 0) {
        return refuse(e, "The signature is malformed");
    }
    if (p->timestamp == NULL && h->require_timestamp) {
        return refuse(e, "The request has no signed time (X-Hub-Timestamp)");
    }
    sign(secret, secret_len, p->timestamp, p->body, p->body_len, mac);
    if (!same(p->signature + 7, strlen(p->signature + 7), mac)) {
        return refuse(e, "The signature is wrong");
    }
    return p->timestamp != NULL ? check_time(h, p->timestamp, p->now_us, e) : 0;
}

/* Of what is signed, and nothing else: who replays a delivery may write any header. */
static void fingerprint(const struct webhook_proof *p, const char *time, char *ret)
{
    unsigned char hash[16];
    crypto_generichash_state s;

    time = time != NULL ? time : "";
    (void)crypto_generichash_init(&s, NULL, 0, sizeof hash);
    (void)crypto_generichash_update(&s, (const unsigned char *)time, strlen(time) + 1);
    (void)crypto_generichash_update(&s, (const unsigned char *)p->body, p->body_len);
    (void)crypto_generichash_final(&s, hash, sizeof hash);
    (void)sodium_bin2hex(ret, WEBHOOK_ID_SIZE, hash, sizeof hash);
}

int webhook_check(const struct webhook *h, const char *secret, size_t secret_len,
                  const struct webhook_proof *p, char *ret_id, struct err *e)
{
    char time[32];
    const char *signed_time = p->timestamp;
    int rc;

    if (p->signature == NULL) {
        return refuse(e, "The request is not signed");
    }
    if (h->signature == WEBHOOK_STRIPE) {
        rc = check_stripe(h, secret, secret_len, p, time, sizeof time, e);
        signed_time = time;
    } else {
        rc = check_github(h, secret, secret_len, p, e);
    }
    if (rc == 0) {
        fingerprint(p, signed_time, ret_id);
    }
    return rc;
}
