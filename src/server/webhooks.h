/*
 * Webhooks: another system starts a DAG, or reports an asset event, by a signed request: POST /webhooks/{name}.
 *
 *   webhooks:
 *     - name: orders
 *       secret: {variable: orders_hook}        or {connection: ID} (its password), or {file: PATH} (absolute, or below the home)
 *       signature: github                      the default; or stripe
 *       dag_id: load_orders                    the body, a JSON object, becomes the run's conf, checked against the DAG's params
 *     - name: files
 *       secret: {file: files.secret}
 *       asset: s3://bucket/files               the body becomes the event's extra
 *       max_body: 65536                        bytes; 1 MiB unless said
 *       window: 5m                             how old a signed time may be, and how far ahead
 *
 * signature   what is signed with HMAC-SHA256, and where it stands
 *   github      X-Hub-Signature-256: sha256=HEX of `TIMESTAMP.BODY` if the request has X-Hub-Timestamp (seconds since 1970), else of the body
 *               alone. require_timestamp: true refuses what has no time
 *   stripe      Stripe-Signature: t=SECONDS,v1=HEX[,v1=HEX ...] of `SECONDS.BODY`
 *
 * A delivery is carried out once: that with the same id (X-GitHub-Delivery, X-Delivery-Id, Idempotency-Key: a sender that tries again), and that
 * of which the same was signed (whoever replays it, with whatever headers). Either is answered with 202 and created: false.
 */
#ifndef TW_SERVER_WEBHOOKS_H
#define TW_SERVER_WEBHOOKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct err;
struct value;

#define WEBHOOK_BODY_MAX   1048576
#define WEBHOOK_WINDOW_US  (INT64_C(300) * 1000000)
#define WEBHOOK_SECRET_MIN 16 /* bytes: shorter ones can be guessed */
#define WEBHOOK_ID_SIZE    33 /* hex, with the NUL */

enum webhook_signature { WEBHOOK_GITHUB, WEBHOOK_STRIPE };
enum webhook_secret { WEBHOOK_VARIABLE, WEBHOOK_CONNECTION, WEBHOOK_FILE };

struct webhook {
    const char *name;
    enum webhook_signature signature;
    enum webhook_secret secret_kind;
    const char *secret;         /* name of the variable or connection, or path */
    const char *dag_id, *asset; /* one of them */
    size_t body_max;
    int64_t window_us;
    bool require_timestamp;
};

/* The list of the configuration, checked. -ERR_INVALID with line and column. In the arena. */
int webhook_read(const struct value *list, struct arena *a, struct webhook **ret, size_t *ret_len,
                 struct err *e);

/* What a request shows of itself; NULL: it has no such header. */
struct webhook_proof {
    const char *body;
    size_t body_len;
    const char *signature; /* X-Hub-Signature-256, or Stripe-Signature */
    const char *timestamp; /* X-Hub-Timestamp */
    int64_t now_us;        /* wall clock */
};

/*
 * Pure. 0: the request is genuine and of now; ret_id (WEBHOOK_ID_SIZE bytes) is a hash of what is signed. -ERR_PERM: it is not; the text says why without
 * telling what would be right.
 */
int webhook_check(const struct webhook *h, const char *secret, size_t secret_len,
                  const struct webhook_proof *p, char *ret_id, struct err *e);

#endif
