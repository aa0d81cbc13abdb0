/* Between oidc.c (the flow), oidc_config.c (the section `oidc`) and oidc_provider.c (what is asked of the provider). */
#ifndef TW_SERVER_OIDC_PRIV_H
#define TW_SERVER_OIDC_PRIV_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "access/jwt.h"
#include "access/role.h"
#include "base/arena.h"
#include "server/oidc.h"
#include "server/rsa_module.h"

struct call;

#define OIDC_STATES 4096 /* sign-ins that are remembered, so that none is finished twice */

struct oidc_config {
    const char *issuer, *client_id, *secret_file, *name, *scopes, *ca_file;
    const char *username_claim, *role_claim;
    const struct value *roles; /* a value of the claim to a role; or NULL */
    enum role default_role;    /* ROLE_NONE: who has no role of these may not in */
    bool create_users;
};

struct oidc_document { /* of the provider, as it came */
    char *text;        /* owned; NULL: not fetched */
    int64_t fetched_us;
};

struct oidc {
    struct arena arena; /* of the configuration */
    struct oidc_config config;
    unsigned char key[32]; /* seals the cookie; of this process */
    pthread_mutex_t lock;  /* of what follows */
    struct oidc_document discovery, keys;
    uint64_t states[OIDC_STATES];
    unsigned next_state;
    void *library;
    const struct rsa_module *rsa;
};

/* oidc_config.c */
int oidc_config_read(const struct value *v, const char *home, struct arena *a,
                     struct oidc_config *ret, struct err *e);

/* oidc_provider.c: SUSPEND. */
/* "authorization_endpoint", "token_endpoint"; the issuer that it names must be ours. */
int oidc_endpoint(struct call *c, struct oidc *o, const char *name, const char **ret,
                  struct err *e);
/* The code for an ID token, whose signature is good (O1). */
int oidc_redeem(struct call *c, struct oidc *o, const char *code, const char *verifier,
                const char *redirect_uri, struct jwt *ret, struct err *e);

#endif
