/*
 * Operators that are not built in: shared objects, found by name of their files and described by their host process (nothing of them is ever loaded
 * here). What is found stays for the life of the program; built-in names come first. Thread-safe.
 */
#ifndef TW_OPERATORS_PLUGINS_H
#define TW_OPERATORS_PLUGINS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "model/document.h"
#include "operators/operator.h"

struct err;
struct value;

struct operator_plugin {
    struct operator_desc desc;
    struct operator_impl impl;
    const char *path, *host;        /* the shared object; the program that serves it */
    const struct value *properties; /* of its schema, or NULL */
    bool waits;                     /* holds no slot */
    struct arena arena;
};

/* Whether there is anything to discover: TRADEWIND_OPERATORS, or a folder HOME/operators. */
bool operators_wanted(const char *home);
/*
 * Finds the plug-ins of HOME/operators/(any).so and of TRADEWIND_OPERATORS, each once. `holder` is the path of tradewind-holder, beside which
 * tradewind-operator-host is. refused is told of each that cannot be used, with the reason. Blocks for some milliseconds a plug-in.
 */
void operators_discover(const char *home, const char *holder,
                        void (*refused)(void *arg, const char *path, const char *text), void *arg);
/* A description (docs/internals/operator-host.md) as a plug-in. -ERR_UNSUPPORTED: its schema says what cannot be checked here. */
int operators_plugin_new(const char *path, const char *host, const char *json, size_t n,
                         struct operator_plugin **ret, struct err *e);
void operators_plugin_free(struct operator_plugin *p);
/* Makes it known. -ERR_EXISTS: the name is taken; -ERR_LIMIT. */
int operators_plugin_add(struct operator_plugin *p, struct err *e);
/* Rendered parameters against enum, minimum and maximum of the schema. */
int operators_plugin_check(const struct operator_plugin *p, const struct value *params,
                           struct err *e);

#endif
