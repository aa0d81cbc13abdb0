/*
 * The border between http.c and the module tradewind-http.so, which alone links libcurl. The module
 * knows nothing of coroutines: its host gives it descriptor watches and one timer, and hears when a
 * transfer is done. All calls are on the loop's thread and stack.
 */
#ifndef TW_RUNTIME_HTTP_MODULE_H
#define TW_RUNTIME_HTTP_MODULE_H

#include <stddef.h>
#include <stdint.h>

#define HTTP_MODULE_VERSION 2
#define HTTP_MODULE_FILE    "tradewind-http.so"
#define HTTP_MODULE_SYMBOL  "tradewind_http_module"

struct http_request;

struct http_host {
    void *arg;
    int (*watch)(void *arg, int fd, int events); /* LOOP_READ, LOOP_WRITE; 0 = no longer */
    void (*timer)(void *arg, int64_t after_us);  /* the one timer; < 0 = stop it */
};

enum http_failure {
    HTTP_OK,
    HTTP_BAD_REQUEST, /* URL, scheme, header */
    HTTP_NOMEM,
    HTTP_TOO_MANY_REDIRECTS,
    HTTP_ABORTED, /* the body callback refused */
    HTTP_BROKEN,  /* the network, the peer */
};

struct http_transfer {
    /* By the host, before start. */
    const struct http_request *request;
    int (*body)(void *arg, const char *p, size_t n); /* not 0: abort */
    void (*restart)(void *arg);                      /* the answer begins anew (a redirect) */
    void (*done)(void *arg);
    void *arg;
    /* By the module, before done. */
    enum http_failure failure;
    int status;
    const char *content_type; /* valid during done; or NULL */
    char text[512];           /* what failed */
    void *impl;               /* the module's */
};

struct http_module {
    int version;
    const char *(*check)(void); /* NULL, or why this libcurl cannot be used */
    void *(*open)(const struct http_host *host, int max_connections); /* NULL: out of memory */
    void (*close)(void *m);
    int (*start)(void *m,
                 struct http_transfer *t); /* 0, or failure is set; done is not called then */
    void (*cancel)(void *m,
                   struct http_transfer *t); /* a started one: done is not called any more */
    void (*on_fd)(void *m, int fd, int events);
    void (*on_timer)(void *m);
};

#endif
