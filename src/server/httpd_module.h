/*
 * The border between httpd.c and the module tradewind-httpd.so, which alone links libmicrohttpd and zlib. The module knows nothing of
 * coroutines: it speaks HTTP on connections, and hands whole requests to its host. One of it is one thread's; all calls are on
 * that thread, and never from within a call of the host's functions, but reply (from request) and header.
 */
#ifndef TW_SERVER_HTTPD_MODULE_H
#define TW_SERVER_HTTPD_MODULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTPD_MODULE_VERSION 4
#define HTTPD_MODULE_FILE    "tradewind-httpd.so"
#define HTTPD_MODULE_SYMBOL  "tradewind_httpd_module"

/* A request on its connection. Made by the module; valid until the host's `gone` has returned. */
struct httpd_request {
    const char *method;
    const char *uri; /* path and query as they were sent: not decoded */
    char peer[64];   /* address of the client, "" if unknown */
    char *body;      /* whole, NUL-terminated; NULL while empty */
    size_t body_len;
    void *host; /* the host's, from `head` on */
    void *impl; /* the module's */
};

struct httpd_reply {
    int status;
    const char *const *headers; /* name, value, name, value ... NULL */
    const char *body;           /* borrowed until `gone` */
    size_t len;
    bool stream; /* the body comes by `pull` */
};

#define HTTPD_PULL_LATER 0  /* nothing yet: `kick` when there is */
#define HTTPD_PULL_END   -1 /* that was all */
#define HTTPD_PULL_FAIL  -2 /* the connection is closed: who reads sees that something is missing */

struct httpd_host {
    void *arg;
    /* The head of a request is there. false: out of memory, the connection is closed. *ret_body_max: a longer body is answered with 413. */
    bool (*head)(void *arg, struct httpd_request *rq, size_t *ret_body_max);
    /* All of it is there: answer it by `reply`, now or later. */
    void (*request)(void *arg, struct httpd_request *rq);
    /* Up to cap bytes of a streamed body: how many, or HTTPD_PULL_x. */
    ptrdiff_t (*pull)(void *arg, struct httpd_request *rq, char *p, size_t cap);
    /* The answer was sent, or the connection was lost; called once for each `head` that returned true. */
    void (*gone)(void *arg, struct httpd_request *rq);
};

/* A file of the web page or the API's description, as the build packed it (tools/ui-pack). No pointers: nothing is to be relocated at start. */
struct httpd_file {
    char path[112]; /* as it is asked for */
    char type[48];
    char hash[36];      /* of its plain content, in hex */
    uint32_t at, len;   /* in the data */
    uint32_t plain_len; /* unpacked */
    bool packed;        /* by gzip */
};

struct httpd_files {
    const struct httpd_file *files; /* by path, in the order of strcmp */
    size_t n;
    const char *data;
};

struct httpd_limits {
    unsigned connections; /* of this thread; more wait in the kernel's queue */
    unsigned idle_s;      /* without a byte; and from a connection's rest to the end of a head */
    unsigned body_s;      /* from a head to the end of its body */
    unsigned reply_s;     /* to send an answer that is no stream */
    size_t header_bytes;  /* memory of a connection: its head and a piece of its body */
    size_t bodies_bytes;  /* of all bodies that are held at once */
    unsigned crowded_ms;  /* when nine tenths of the connections are taken, one may rest so long */
};

/* What TLS needs, as PEM; borrowed until close. NULL: plain HTTP. */
struct httpd_tls {
    const char *certificate; /* with those between it and the root */
    const char *key;
};

struct httpd_module {
    int version;
    const char *(*check)(void); /* NULL, or why this libmicrohttpd cannot be used */
    /* listen_fd is borrowed until quiesce or close. tls may be NULL. NULL: *ret_errno, and why of the thread's last open. */
    void *(*open)(const struct httpd_host *host, const struct httpd_limits *l,
                  const struct httpd_tls *tls, int listen_fd, int *ret_errno);
    const char *(*why)(void);       /* libmicrohttpd's words, "" for none */
    void (*quiesce)(void *m);       /* accepts no more; the connections go on */
    void (*close)(void *m);         /* no request may be with the host unanswered */
    int (*fd)(void *m);             /* readable: call run */
    bool (*run)(void *m);           /* true: there is more to do at once */
    int64_t (*timeout_us)(void *m); /* call run after so long in any case; -1: none */
    bool (*sweep)(void *m); /* once a second, and ten times while it says so: the slow are closed */
    unsigned (*connections)(void *m);
    const char *(*header)(void *m, struct httpd_request *rq, const char *name); /* or NULL */
    int (*reply)(void *m, struct httpd_request *rq,
                 const struct httpd_reply *r);       /* -1: no memory */
    void (*kick)(void *m, struct httpd_request *rq); /* a stream has more for `pull`; then run */
    /* gzip of n bytes into p (cap bytes): the length, or 0 when it does not fit or does not get smaller. */
    size_t (*gzip)(const char *in, size_t n, char *p, size_t cap);
    /* The reverse: the length, or 0 when it is no gzip or does not fit. */
    size_t (*gunzip)(const char *in, size_t n, char *p, size_t cap);
    const struct httpd_files *page; /* without /index.html where the page was not built */
};

#endif
