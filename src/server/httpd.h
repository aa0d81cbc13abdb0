/*
 * HTTP on one loop: each request becomes a coroutine. libmicrohttpd is a module that is loaded on first use (httpd_module.h);
 * where it is absent httpd_new says so and names the Debian package.
 *
 * What a client cannot do: send a head larger than LIMIT_HTTPD_HEAD, a body larger than its route allows (413), take longer than its
 * phase may last (httpd_limits; closed), hold more connections than there are (those that rest are closed when nearly all are
 * taken), or keep a coroutine that nobody reads from (a stream that cannot be sent ends with -ERR_CLOSED).
 */
#ifndef TW_SERVER_HTTPD_H
#define TW_SERVER_HTTPD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct call;
struct err;
struct httpd;
struct loop;

struct httpd_config {
    struct loop *loop;
    int listen_fd;        /* of this thread; owned from success on */
    unsigned connections; /* at once */
    unsigned idle_s;      /* a connection without a complete head is closed after this */
    /* On the loop's thread, must not suspend: finds out what is asked; *ret_body_max: of its body. */
    void (*begin)(void *arg, struct call *c, size_t *ret_body_max);
    int (*handle)(void *arg, struct call *c); /* SUSPENDS. Answers by call.h */
    void (*end)(void *arg, struct call *c);   /* the answer was sent, or lost: the access log */
    void *arg;
};

/* Spawns its coroutines in the loop's root group. */
int httpd_new(const struct httpd_config *c, struct httpd **ret, struct err *e);
/* SUSPENDS. Accepts no more, lets what is at work finish for grace_us, cancels the rest, frees. */
void httpd_free(struct httpd *h, int64_t grace_us);
unsigned httpd_connections(const struct httpd *h);

/* Only by call.c. */
const char *httpd_header(struct call *c, const char *name); /* of the request, or NULL */
int httpd_stream_begin(struct call *c);                     /* the head is sent; -ERR_CLOSED */
int httpd_stream_write(struct call *c, const void *p,
                       size_t n); /* SUSPENDS while much is unsent; -ERR_CLOSED: nobody reads */
size_t httpd_gzip(struct call *c, const char *in, size_t n, char *p, size_t cap);

/* Only by page.c. */
struct httpd_files;
size_t httpd_gunzip(struct call *c, const char *in, size_t n, char *p, size_t cap);
const struct httpd_files *httpd_files(const struct call *c);

#endif
