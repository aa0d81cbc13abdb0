/*
 * HTTP client on libcurl's multi interface, as coroutines. libcurl is loaded on first use (a module); where it is absent every call
 * returns -ERR_UNSUPPORTED and names the Debian package.
 */
#ifndef TW_RUNTIME_HTTP_H
#define TW_RUNTIME_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;
struct err;
struct loop;
struct http_client;

/* A mail: url is smtp://HOST:PORT or smtps://HOST:PORT, body the message (RFC 5322, lines end in CRLF). */
struct http_mail {
    const char *from;            /* the envelope's: an address alone */
    const char *const *to;       /* NULL-terminated */
    const char *user, *password; /* NULL: no sign-in */
    bool starttls;               /* of smtp: TLS before anything else is said, or nothing is */
};
struct http_request {
    const char *method; /* NULL = GET */
    const char *url;
    const char *const *headers; /* "Name: value", NULL-terminated; may be NULL */
    const void *body;
    size_t body_len;
    int64_t timeout_us;  /* whole request; 0 = 60 s */
    size_t max_body;     /* of the answer; 0 = 16 MiB; beyond: -ERR_LIMIT */
    int follow;          /* redirects followed at most */
    const char *ca_file; /* certificates that are trusted, in place of the system's; or NULL */
    const struct http_mail *mail; /* it is one; or NULL */
};
struct http_response {
    int status;
    char *content_type; /* or NULL */
    char *body;
    size_t body_len; /* NUL-terminated */
};

/* The module is looked for in $TRADEWIND_MODULE_DIR, beside the program, in its ../lib/tradewind, and where it was installed. uv loop
 * only. At most max_connections at once (further requests wait their turn within their timeout); free before the loop. */
int http_client_new(struct loop *l, int max_connections, struct http_client **ret, struct err *e);
void http_client_free(struct http_client *c);
/* SUSPENDS. 0 for any complete answer, whatever its status; of a mail: it was taken. After an error ret->status is the server's last word, or 0. */
int http_perform(struct http_client *c, const struct http_request *r, struct http_response *ret,
                 struct err *e);
void http_response_fini(struct http_response *r);

#endif
