/*
 * Alerts as they are sent: channels, how often one may speak, what a message says, and its way out. What happened and who is to be told is
 * decided before (src/model/alert.h, src/engine/alerts.c); rows of the store carry it here. docs/internals/alerts.md.
 *
 * Configuration (alerts: of tradewind.yaml):
 *   channels: {NAME: {type: email | webhook | slack | command, ...}}      rules: [...]      retention: how long ended alerts are kept
 * Of every channel: timeout (30s, of one try), interval (30s, between two messages), retries (5), retry_delay (5s, doubles up to 5 minutes).
 *   email:    to (addresses), from, connection (of the store; else smtp_default; else the smtp section)
 *   webhook:  url, or connection (host: the URL; password: the key of its signature); secret (the name of a variable with the key)
 *   slack:    url, or connection (host and password together are the URL)
 *   command:  command (a list: program and arguments), env (texts by name)
 *   ca_file   of email, webhook, slack: certificates to trust
 */
#ifndef TW_ALERT_ALERT_H
#define TW_ALERT_ALERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "model/alert.h"

struct alert_row;
struct buf;
struct err;
struct loop;
struct http_client;
struct value;

/* ---- configuration ---- */

enum alert_channel_type {
    ALERT_EMAIL,
    ALERT_WEBHOOK,
    ALERT_SLACK,
    ALERT_COMMAND,
};
const char *alert_channel_type_to_string(enum alert_channel_type t);

struct alert_channel {
    const char *name;
    enum alert_channel_type type;
    const char *connection;                    /* or NULL */
    const char *url, *from, *secret, *ca_file; /* or NULL */
    const char *const *to;
    size_t to_len;
    const char *const *command; /* NULL-terminated */
    const char *const *env;     /* NAME=TEXT, NULL-terminated, with PATH; of a command */
    int64_t timeout_us, interval_us, retry_delay_us;
    int32_t retries;
    const struct alert_smtp *smtp; /* of mail without a connection */
    int line, col;
};

/* Airflow's [smtp], for mail without a connection. */
struct alert_smtp {
    const char *host, *user, *password, *mail_from;
    int32_t port;
    bool ssl, starttls;
};

struct alert_config {
    struct arena arena;
    unsigned refs;
    const char *file; /* where it is from, for errors; or NULL */
    struct alert_channel *channels;
    size_t channels_len;
    struct alert_rule *rules;
    size_t rules_len;
    int64_t retention_us; /* 30 days */
    struct alert_smtp smtp;
};

/*
 * v: the object `alerts`, or NULL: neither channels nor rules (mail to a task's `email` is sent all the same). Copies what it keeps. smtp is
 * Airflow's defaults; whoever reads the configuration sets it. Errors name the file, line, column, and what to write instead.
 */
int alert_config_parse(const struct value *v, const char *file, struct alert_config **ret,
                       struct err *e);
/* What a channel or a rule of it is made of lives as long as somebody has a reference: a configuration is replaced while messages go out. */
struct alert_config *alert_config_ref(struct alert_config *c);
void alert_config_free(struct alert_config *c); /* gives back one reference; NULL is allowed */
/*
 * The channel of a name. "email:ADDRESS,ADDRESS" is always there: mail to these, as a task's `email` asks for it. Made in the arena;
 * -ERR_NOTFOUND: there is none of that name.
 */
#define ALERT_EMAIL_PREFIX "email:"
int alert_channel_find(const struct alert_config *c, const char *name, struct arena *a,
                       struct alert_channel *ret, struct err *e);
bool alert_address_is_valid(
    const char *s); /* name@host, and nothing that ends a line or an address */

/* ---- how often: pure ---- */

/*
 * A channel that was quiet says the first thing at once; what comes within the gap after it waits and goes together. While it goes on, each
 * gap is twice the one before, up to GAP_MAX; a channel that was quiet for a gap more begins anew. With the usual 30 s no minute has more
 * than 3 messages, however much happens.
 */
#define ALERT_GAP_MAX_US (INT64_C(600) * 1000000)
struct alert_pace {
    int64_t next_us; /* no message before; 0: at once */
    int64_t gap_us;
};
void alert_pace_sent(struct alert_pace *p, int64_t interval_us, int64_t now_us);
/* How long after the nth failed try of a message the next one may be; -1: no more. */
int64_t alert_retry_delay(const struct alert_channel *c, unsigned tries);

/* ---- what it says: pure ---- */

struct alert_message {
    char id[40];                  /* the same in every try: a receiver folds by it */
    const struct alert_row *rows; /* what it stands for, at least one; borrowed */
    size_t len;
    const char *host; /* where it comes from */
};
#define ALERT_LINES_MAX 50 /* things that one message names; the rest is counted */
/* One line, without control characters. */
void alert_put_title(const struct alert_message *m, struct buf *out);
/* Plain text: the title, a line for each thing (of a DAG and task of several runs one), and how to look at it. */
void alert_put_text(const struct alert_message *m, struct buf *out);
/* {"v": 1, "id", "channel", "host", "title", "text", "count", "alerts": [...], "more"}: docs/guide/alerts.md */
void alert_put_json(const struct alert_message *m, struct buf *out);
/* {"text": ...} as Slack and what follows it read it. */
void alert_put_slack(const struct alert_message *m, struct buf *out);
/* RFC 5322, lines end in CRLF. at_us: its date. */
void alert_put_mail(const struct alert_message *m, const char *from, const char *const *to,
                    size_t to_len, int64_t at_us, struct buf *out);

/* ---- its way out ---- */

struct alert_transport {
    struct loop *loop;
    struct http_client *http; /* made when first needed; alert_transport_fini frees it */
    const char *home;         /* told to commands as TRADEWIND_HOME; or NULL */
    void *arg;
    /* SUSPENDS perhaps. A connection as src/secret/connection.h, or a variable {"value": ...}; *ret NULL: there is none. NULL: there are
     * none at all. */
    int (*connection)(void *arg, const char *id, struct arena *a, struct value **ret,
                      struct err *e);
    int (*variable)(void *arg, const char *key, struct arena *a, const char **ret, struct err *e);
};
void alert_transport_fini(struct alert_transport *t);
/*
 * SUSPENDS, at most the channel's timeout. One try. *ret_final: another one makes no sense (refused for good, a wrong configuration). The
 * error's text has none of the channel's secrets: not what stands in its URL behind the host, no password, no key.
 */
int alert_send(struct alert_transport *t, const struct alert_channel *c,
               const struct alert_message *m, bool *ret_final, struct err *e);

#endif
