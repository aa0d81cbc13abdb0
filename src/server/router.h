/*
 * Which handler answers: one table (routes.c), which api/openapi.yaml describes; a test compares the two. A path's {name} stands for one
 * segment, which is decoded after the path was split: a "/" in a name is sent as %2F.
 */
#ifndef TW_SERVER_ROUTER_H
#define TW_SERVER_ROUTER_H

#include <stdbool.h>
#include <stddef.h>

#include "server/call.h"

enum route_flags {
    ROUTE_LOCAL = 1,  /* a client on this machine needs no sign-in */
    ROUTE_STREAM = 2, /* it may go on for as long as it likes */
    ROUTE_STORE = 4,  /* it reads the store: 503 while there is none */
    ROUTE_SIGNED = 8, /* it proves itself otherwise: a webhook's signature */
    /* Who is limited to the DAGs with certain tags may ask only what names a DAG in its path (which is checked), and: */
    ROUTE_TAGS =
        16, /* it names none, or ~: it leaves out by itself what such a one may not see or change (api_visible.c) */
    ROUTE_FREE = 32,  /* it is about no DAG */
    ROUTE_FIRST = 64, /* also with a first password, which is to be changed */
};

struct route {
    const char *method, *path;
    int (*fn)(struct call *c, struct err *e);
    enum role role;
    int flags;       /* bits of route_flags */
    size_t body_max; /* 0: LIMIT_HTTPD_BODY */
};

extern const struct route routes[];
extern const size_t routes_len;

/* Splits the URI, decodes, finds the route: fills the call's route, wrong_method, path, params and query. Malformed: c->bad. -ERR_NOMEM. */
int router_parse(struct call *c, const char *method, const char *uri);
/* The methods of a path that is there, "GET, POST", in the arena: for 405. */
const char *router_allowed(struct call *c);

#endif
