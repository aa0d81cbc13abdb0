/* What the audit trail says of settings: without what is secret in them. */
#ifndef TW_ENGINE_SETTINGS_AUDIT_H
#define TW_ENGINE_SETTINGS_AUDIT_H

#include <stdint.h>

struct arena;
struct audit_row;
struct pool_row;
struct store;
struct value;

/* A variable's or a connection's object as JSON in the arena: its value, password and extra are "***". NULL: out of memory, or v is NULL. */
const char *settings_redacted(struct arena *a, const char *kind, const struct value *v);
const char *settings_pool_shown(struct arena *a, const struct pool_row *p);
/* The pool of that name as it is; NULL: there is none. Blocks. */
const char *settings_pool_before(struct store *s, struct arena *a, const char *name);
/* The row for a change that rq ("actor") asks for; its action is "KIND create", "KIND change" or "KIND delete". All texts are borrowed. */
void settings_trace(const struct value *rq, const char *kind, const char *name, const char *before,
                    const char *after, int64_t now_us, struct audit_row *ret);

#endif
