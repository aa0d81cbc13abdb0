/*
 * The API server: HTTP over a TRADEWIND_HOME. It reads the store by itself, and sends what is to change to the engine that lives there.
 * Threads, each with a loop and a read-only store of its own, share the port: a slow answer holds up only those of its thread, and
 * never the scheduler, which is another process.
 */
#ifndef TW_SERVER_SERVER_H
#define TW_SERVER_SERVER_H

#include <stdbool.h>
#include <stdint.h>

struct ask_config;
struct config;
struct err;
struct value;

#define SERVER_TOKEN_FILE "api.token" /* in the home, mode 0600: who has it may do everything */

struct server_config {
    const char *home, *host, *version;
    int port;                      /* 0: any */
    int threads;                   /* 1 .. 64 */
    unsigned connections;          /* of all threads */
    unsigned idle_s;               /* a connection may rest so long */
    int64_t grace_us;              /* what is at work at SIGTERM may take so long */
    const struct config *settings; /* api_config.c tells them, if they allow it; NULL: never */
    const char *external_log_url;  /* api.external_log_url */
    const char *test_connection;   /* api.test_connection */
    const struct value *webhooks;  /* the list `webhooks` of the configuration, or NULL; borrowed */
    int64_t session_idle_us,
        session_max_us;             /* a session ends after so long without use; in any case */
    int64_t token_us, cli_token_us; /* what /auth/token, /auth/token/cli give */
    const char *base_url;           /* as browsers see it, behind a proxy; or "" */
    const char *timezone;           /* of displays */
    const struct ask_config
        *python;              /* who tells what it has of plugins and providers; NULL: none */
    bool secure;              /* browsers reach it by TLS alone */
    const struct value *oidc; /* the section of the configuration, or NULL; borrowed */
    const char *cert_file, *key_file; /* PEM: the server speaks TLS; or "" */
    /* The port is listened on: told once, on the main loop. */
    void (*ready)(void *arg, const char *address, int port);
    /* Also told now and then while all goes well (a watchdog), every beat_us; 0: never. */
    void (*beat)(void *arg);
    int64_t beat_us;
    void (*reload)(void *arg); /* at SIGHUP, on the main loop */
    bool end_with_input;       /* stops when standard input ends: its supervisor is gone */
    void *arg;
};

/* Until SIGTERM or SIGINT. Blocks: it makes its own loops. */
int server_run(const struct server_config *c, struct err *e);

#endif
