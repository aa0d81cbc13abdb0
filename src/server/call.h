/*
 * One request, as its handler sees it. A handler is
 *
 *     int fn(struct call *c, struct err *e);      SUSPENDS
 *
 * It writes its answer to c->w (JSON) or c->out (text) and returns 0; or it returns an error, which becomes {"detail": text} with
 * the status of err.def. Everything that it makes lives in c->arena, which goes with the answer.
 */
#ifndef TW_SERVER_CALL_H
#define TW_SERVER_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/prng.h"
#include "server/identity.h"

struct err;
struct httpd;
struct httpd_request;
struct route;
struct server_thread;
struct co;

#define CALL_PARAMS_MAX  6
#define CALL_HEADERS_MAX 24 /* with those that call_finish adds */
#define CALL_QUERY_MAX   64
#define CALL_BODY_ARGS   10000 /* of call_take_body */

struct call_pair {
    const char *name, *value;
};

struct call {
    struct httpd *httpd;
    struct server_thread *thread;
    struct httpd_request *rq;
    const struct route *route; /* NULL: there is none (404), or not for this method (405) */
    bool wrong_method;
    const char *bad; /* the request itself is malformed: why; or NULL */
    struct arena arena;
    const char *path; /* decoded as a whole is never needed: as it was sent, without the query */
    struct call_pair params[CALL_PARAMS_MAX]; /* of the path, decoded */
    size_t params_len;
    struct call_pair *query; /* decoded; in the arena */
    size_t query_len;
    struct call_pair headers[CALL_HEADERS_MAX]; /* of the answer */
    size_t headers_len;
    int status; /* 0: 200 */
    const char *content_type;
    struct buf out;    /* the body */
    const char *fixed; /* the body instead, borrowed until the call's end; sent as it is. Or NULL */
    size_t fixed_len;
    struct json_writer w;
    const char *actor; /* who asks; "anonymous" */
    enum role role;
    struct identity who;
    const char *csrf; /* of a session: what writes must say in X-CSRF-Token */
    /* Of a stream: may it go on? Asked before each piece. NULL: always. */
    bool (*still)(struct call *c);
    int64_t still_us;       /* loop clock: asked again from then on */
    char id[UUID_TEXT_MAX]; /* of the request: in the log, and in the answer's X-Request-Id */
    int64_t began_us;       /* loop clock */
    int64_t commands_us;    /* loop clock: since when it asks the engine for changes */
    bool late;              /* the engine has one of them, and is busy: 202 */
    const struct value *import_errors; /* of server_know_import_errors; or NULL */
    bool no_store;                     /* it is of the moment: no ETag */
    bool long_lived;                   /* its route streams: no limit of time */

    /* httpd.c's */
    struct co *co;
    bool done, gone, replied, streaming, stream_end, stream_failed;
    struct buf stream; /* not yet sent */
    size_t stream_sent;
    uint64_t bytes_out;
    const char *reply_headers[2 * CALL_HEADERS_MAX + 1];
    char *packed; /* the body, compressed */
    struct call *prev, *next;
};

/* ---- what was asked ---- */
const char *call_param(const struct call *c, const char *name); /* of the path; must be there */
const char *call_query(const struct call *c, const char *name); /* the last one, or NULL */
const char *call_header(struct call *c, const char *name);      /* or NULL */
bool call_query_bool(const struct call *c, const char *name, bool dflt);
/* -ERR_INVALID with what it must be: becomes 422, as in Airflow. */
int call_query_int(const struct call *c, const char *name, int64_t min, int64_t max, int64_t dflt,
                   int64_t *ret, struct err *e);
int call_query_time(const struct call *c, const char *name, int64_t *ret,
                    struct err *e); /* or TIME_NONE */
/* Arguments that a body has, in place of those of the URL: each member's value, an array's one by one. 422 for what is no plain value.
 * names: pairs, the member and the argument that it stands for; ends with NULL. */
int call_take_body(struct call *c, const struct value *body, const char *const *names,
                   struct err *e);
/* All values of a repeated argument: *at is 0 at first; NULL at the end. */
const char *call_query_next(const struct call *c, const char *name, size_t *at);
/* The body as JSON: an object. -ERR_INVALID. An empty body: an empty object. */
int call_body(struct call *c, struct value **ret, struct err *e);

bool call_accepts_gzip(struct call *c);
bool call_etag_matches(struct call *c,
                       const char *tag); /* the client has it: 304. tag: with quotes */

/* ---- the answer ---- */
int call_set_header(struct call *c, const char *name,
                    const char *value); /* both borrowed for the call */
/* 422, the text of what is wrong with one input; returns -ERR_INVALID. */
int call_invalid(struct call *c, struct err *e, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The answer is an error: forgets what was written. */
void call_error(struct call *c, int rc, const struct err *e);
void call_fail(struct call *c, int status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Members of a JSON object. Times as Airflow writes them; NULL and TIME_NONE: null. */
void put_text(struct call *c, const char *name, const char *value);
void put_int(struct call *c, const char *name, int64_t n);
void put_bool(struct call *c, const char *name, bool b);
void put_time(struct call *c, const char *name, int64_t t_us);
void put_null(struct call *c, const char *name);
void put_seconds(struct call *c, const char *name, int64_t from_us,
                 int64_t to_us); /* null unless both are set */
void put_json(struct call *c, const char *name, const char *json, const char *dflt);

/* A body that goes on: begin with the head, write pieces, return. The handler's time is not limited then. */
int call_stream(struct call *c, const char *content_type);
int call_write(struct call *c, const void *p, size_t n); /* SUSPENDS. -ERR_CLOSED */

/* Of the host only: headers, ETag and compression of a finished answer. */
void call_finish(struct call *c);
void call_release(struct call *c);

#endif
