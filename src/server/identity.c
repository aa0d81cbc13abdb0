#include "server/identity.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "access/account.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "runtime/loop.h"
#include "server/server_priv.h"
#include "store/store.h"

/* ---- what a thread knows ---- */

struct known {
    struct identity who; /* its texts are of the arena */
    struct arena arena;
    int64_t until_us;   /* loop clock; 0: free */
    int64_t expires_us; /* wall clock: over then, whatever is kept; TIME_NONE */
};

struct identities {
    struct known slots[IDENTITY_SLOTS];
};

struct identities *identities_new(void)
{
    return mem_zalloc(sizeof(struct identities));
}

void identities_free(struct identities *k)
{
    for (int i = 0; k != NULL && i < IDENTITY_SLOTS; i++) {
        if (k->slots[i].until_us != 0) {
            arena_fini(&k->slots[i].arena);
        }
    }
    mem_free(k);
}

/* The id is a hash: its digits spread. */
static struct known *slot_of(struct call *c, const char *id)
{
    unsigned n = 0;

    for (int i = 0; i < 4; i++) {
        n = n << 4 | (unsigned)(id[i] <= '9' ? id[i] - '0' : id[i] - 'a' + 10);
    }
    return &c->thread->known->slots[n % IDENTITY_SLOTS];
}

void identity_forget(struct call *c, const char *id)
{
    struct known *k = slot_of(c, id);

    if (k->until_us != 0 && strcmp(k->who.id, id) == 0) {
        arena_fini(&k->arena);
        *k = (struct known){0};
    }
}

static int copy_tags(struct arena *a, const struct value *const from[2], const struct value **to,
                     struct err *e)
{
    int rc = 0;

    for (int i = 0; rc == 0 && i < 2; i++) {
        struct value *copy = NULL;

        rc = from[i] != NULL ? value_copy(a, from[i], &copy) : 0;
        to[i] = copy;
    }
    return rc == 0 ? 0 : err_set(e, ERR_NOMEM, "out of memory for an identity");
}

/* Texts and limits of its own arena. */
static int copy_identity(struct arena *a, const struct identity *from, struct identity *to,
                         struct err *e)
{
    int rc;

    *to = *from;
    to->name = arena_strdup(a, from->name);
    to->user = from->user != NULL ? arena_strdup(a, from->user) : NULL;
    if (to->name == NULL || (from->user != NULL && to->user == NULL)) {
        return err_set(e, ERR_NOMEM, "out of memory for an identity");
    }
    rc = copy_tags(a, from->read, to->read, e);
    return rc == 0 ? copy_tags(a, from->write, to->write, e) : rc;
}

/* Not to be kept is no error. */
static void keep(struct call *c, const struct identity *who, int64_t expires_us)
{
    struct known *k = slot_of(c, who->id);

    if (k->until_us != 0) {
        arena_fini(&k->arena);
    }
    *k = (struct known){.until_us = loop_now_us(c->thread->loop) + IDENTITY_KEPT_US,
                        .expires_us = expires_us};
    arena_init(&k->arena, LIMIT_ACCOUNT_BYTES * 8);
    if (copy_identity(&k->arena, who, &k->who, NULL) != 0) {
        arena_fini(&k->arena);
        *k = (struct known){0};
    }
}

static bool is_known(struct call *c, const char *id, struct identity *ret, int *ret_rc,
                     struct err *e)
{
    struct known *k = slot_of(c, id);

    if (k->until_us == 0 || k->until_us <= loop_now_us(c->thread->loop) ||
        strcmp(k->who.id, id) != 0 ||
        (k->expires_us != TIME_NONE && k->expires_us <= loop_wall_us(c->thread->loop))) {
        return false;
    }
    *ret_rc = copy_identity(&c->arena, &k->who, ret, e);
    return true;
}

/* ---- the store ---- */

/* *ret NULL: there is none. */
static int find_row(struct call *c, const char *kind, const char *name, struct setting_row **ret,
                    struct err *e)
{
    struct store *s;
    size_t n = 0;
    int rc = server_store(c, &s, e);

    *ret = NULL;
    rc = rc == 0 ? s->ops->get_settings(s, kind, name, &c->arena, ret, &n, e) : rc;
    *ret = n == 1 ? *ret : NULL;
    return rc;
}

/* The user of a credential; epoch 0: whatever his password. false: there is none any more, or he may not. */
static int check_user(struct call *c, const char *name, int64_t epoch, struct identity *who,
                      bool *ret, struct err *e)
{
    struct setting_row *row;
    struct account u;
    int rc = find_row(c, "user", name, &row, e);

    *ret = false;
    rc = rc == 0 && row != NULL ? account_parse(name, row->value, row->value_len, &c->arena, &u, e)
                                : rc;
    if (rc != 0 || row == NULL || u.disabled || (epoch != 0 && epoch != u.epoch)) {
        return rc;
    }
    *ret = true;
    who->user = u.name;
    who->epoch = u.epoch;
    who->role = who->by == BY_SESSION || u.role < who->role ? u.role : who->role;
    who->first_password = u.first_password;
    who->read[0] = u.read_tags;
    who->write[0] = u.write_tags;
    return 0;
}

static int find_session(struct call *c, struct identity *who, int64_t *ret_expires, struct err *e)
{
    int64_t now = loop_wall_us(c->thread->loop), idle = c->thread->server->config.session_idle_us;
    struct account_session s;
    struct setting_row *row;
    bool live = false;
    int rc = find_row(c, "session", who->id, &row, e);

    if (rc != 0 || row == NULL ||
        account_session_parse(row->value, row->value_len, &c->arena, &s, NULL) != 0 ||
        s.expires_us <= now || s.seen_us + idle <= now) {
        who->by = BY_NOBODY;
        return rc;
    }
    who->by = BY_SESSION;
    who->used_us = s.seen_us;
    *ret_expires = s.expires_us < s.seen_us + idle ? s.expires_us : s.seen_us + idle;
    rc = check_user(c, s.user, s.epoch != 0 ? s.epoch : -1, who, &live, e);
    who->name = who->user;
    who->by = live ? BY_SESSION : BY_NOBODY;
    return rc;
}

static int find_token(struct call *c, struct identity *who, int64_t *ret_expires, struct err *e)
{
    struct account_token t;
    struct setting_row *row;
    bool live = true;
    int rc = find_row(c, "token", who->id, &row, e);

    if (rc != 0 || row == NULL ||
        account_token_parse(who->id, row->value, row->value_len, &c->arena, &t, NULL) != 0 ||
        (t.expires_us != TIME_NONE && t.expires_us <= loop_wall_us(c->thread->loop))) {
        who->by = BY_NOBODY;
        return rc;
    }
    who->by = BY_TOKEN;
    who->role = t.role;
    who->used_us = t.used_us;
    who->sign_in = t.epoch != 0;
    *ret_expires = t.expires_us;
    rc = t.user != NULL ? check_user(c, t.user, t.epoch, who, &live, e) : 0;
    who->read[1] = t.read_tags;
    who->write[1] = t.write_tags;
    if (t.epoch != 0) {
        who->name = who->user;
    } else {
        who->first_password = false; /* a token made by hand does not depend on the password */
        who->name = t.user != NULL
                        ? arena_printf(&c->arena, "%s (token %s)", t.user, t.name)
                        : arena_printf(&c->arena, "token %s", t.name != NULL ? t.name : t.id);
    }
    who->by = live && who->name != NULL ? BY_TOKEN : BY_NOBODY;
    return rc;
}

/* That it was used, for people and for idle sessions. Failing to write it fails nothing. */
static void touch(struct call *c, const struct identity *who)
{
    int64_t now = loop_wall_us(c->thread->loop);
    struct buf b BUF_CLEANUP = {0};
    struct value *ignored;

    if (who->used_us != TIME_NONE && now - who->used_us < IDENTITY_TOUCH_US) {
        return;
    }
    buf_init(&b, KiB(1));
    (void)buf_printf(&b, "\"op\":\"%s\",\"id\":\"%s\"",
                     who->by == BY_SESSION ? "session_touch" : "token_touch", who->id);
    (void)server_change(c, &b, &ignored, NULL);
}

int identity_find(struct call *c, enum identity_by by, const char *text, struct identity *ret,
                  struct err *e)
{
    const char *prefix = by == BY_SESSION ? CREDENTIAL_SESSION : CREDENTIAL_TOKEN;
    int64_t expires = TIME_NONE;
    int rc = 0;

    *ret = (struct identity){.used_us = TIME_NONE};
    if (!credential_is(prefix, text)) {
        return 0;
    }
    credential_id(text, ret->id);
    if (is_known(c, ret->id, ret, &rc, e)) {
        return rc;
    }
    rc = by == BY_SESSION ? find_session(c, ret, &expires, e) : find_token(c, ret, &expires, e);
    if (rc == 0 && ret->by != BY_NOBODY) {
        keep(c, ret, expires);
        touch(c, ret);
    }
    return rc;
}

/* ---- which DAGs ---- */

bool identity_is_limited(const struct identity *who)
{
    return who->read[0] != NULL || who->read[1] != NULL || who->write[0] != NULL ||
           who->write[1] != NULL;
}

bool identity_may(const struct value *const limit[2], const char *const *tags, size_t n)
{
    return account_tags_allow(limit[0], tags, n) && account_tags_allow(limit[1], tags, n);
}
