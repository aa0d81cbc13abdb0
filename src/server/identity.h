/*
 * Who a request comes from. A credential is looked up in the store by its hash, with its user: role, limits, whether the password is still the
 * one of then. What was found is kept by each thread for IDENTITY_KEPT_US: after so long at most a revoked token, an ended session, a
 * deleted or changed user is seen by all threads. What was not found is not kept.
 */
#ifndef TW_SERVER_IDENTITY_H
#define TW_SERVER_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "access/credential.h"
#include "access/role.h"
#include "base/time.h"

struct call;
struct err;
struct value;

#define IDENTITY_KEPT_US  TIME_SECOND
#define IDENTITY_SLOTS    256                /* of a thread */
#define IDENTITY_TOUCH_US (60 * TIME_SECOND) /* that it was used is written so often at most */

enum identity_by { BY_NOBODY, BY_HOME, BY_SESSION, BY_TOKEN };

struct identity {
    enum identity_by by;
    enum role role;
    const char *name; /* for logs and the audit trail: the user's, or "token NAME" */
    const char *user; /* NULL: of no user */
    char id[CREDENTIAL_ID];
    int64_t epoch;
    bool first_password; /* nothing else may be done before it is changed */
    bool sign_in;        /* a token that was got for a password */
    /* The DAGs: those of the user, and those of the token. NULL: all. */
    const struct value *read[2], *write[2];
    int64_t used_us; /* as the store has it; TIME_NONE */
};

/*
 * SUSPENDS. The identity of a credential's text into *ret, in the call's arena. BY_NOBODY: it is not known, or over. An error: the store
 * cannot tell.
 */
int identity_find(struct call *c, enum identity_by by, const char *text, struct identity *ret,
                  struct err *e);
/* This thread forgets at once what it knows of it: the one who ended it sees it ended. */
void identity_forget(struct call *c, const char *id);
/* Is it limited to some DAGs, in reading or in writing? */
bool identity_is_limited(const struct identity *who);
bool identity_may(const struct value *const limit[2], const char *const *tags, size_t n);

struct identities;                       /* a thread's */
struct identities *identities_new(void); /* NULL: out of memory */
void identities_free(struct identities *k);

#endif
