#include "server/signin.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/log.h"
#include "runtime/loop.h"
#include "server/httpd_module.h"
#include "server/server_priv.h"
#include "store/store.h"

struct work {
    struct server *server;
    const char *hash; /* to compare with; NULL: of nobody */
    const char *password;
    char *ret; /* not NULL: a new hash */
    bool fits;
    struct err *e;
};

/* On a thread of the pool, which others of its kind may hold up. */
static int do_work(void *arg)
{
    struct work *w = arg;
    int rc = 0;

    while (sem_wait(&w->server->hashing) != 0 && errno == EINTR) {
    }
    if (w->ret != NULL) {
        rc = password_hash(w->password, w->ret, w->e);
    } else {
        w->fits = password_matches(w->hash, w->password);
    }
    (void)sem_post(&w->server->hashing);
    return rc;
}

static int offload(struct call *c, struct work *w)
{
    struct server_thread *t = c->thread;
    int rc;

    if (t->passwords >= SIGNIN_WAITING) {
        (void)call_set_header(c, "Retry-After", "1");
        return err_set(w->e, ERR_BUSY, "Too many sign in at once; try it again");
    }
    t->passwords++;
    rc = co_offload(t->pool, do_work, w);
    t->passwords--;
    return rc;
}

int signin_hash(struct call *c, const char *password, char ret[PASSWORD_HASH], struct err *e)
{
    struct work w = {.server = c->thread->server, .password = password, .ret = ret, .e = e};

    return offload(c, &w);
}

/* ---- who may try ---- */

/* Who has an address of IPv6 has all of its network of 64 bits. */
static const char *origin_of(struct call *c, char out[INET6_ADDRSTRLEN])
{
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
    struct in6_addr a;

    if (inet_pton(AF_INET6, c->rq->peer, &a) != 1) {
        return c->rq->peer;
    }
    if (memcmp(a.s6_addr, mapped, sizeof mapped) != 0) {
        memset(a.s6_addr + 8, 0, 8);
    }
    return inet_ntop(AF_INET6, &a, out, INET6_ADDRSTRLEN) != NULL ? out : c->rq->peer;
}

static int attempt(struct call *c, const char *user, struct err *e)
{
    struct server *s = c->thread->server;
    char *seconds, text[INET6_ADDRSTRLEN];
    const char *from = origin_of(c, text);
    int64_t us;

    (void)pthread_mutex_lock(&s->limiter_lock);
    us = limiter_attempt(s->limiter, user, from, loop_now_us(c->thread->loop));
    (void)pthread_mutex_unlock(&s->limiter_lock);
    if (us == 0) {
        return 0;
    }
    seconds = arena_printf(&c->arena, "%lld", (long long)us / TIME_SECOND + 1);
    if (seconds != NULL) {
        (void)call_set_header(c, "Retry-After", seconds);
    }
    log_warning("auth", "sign-in refused: too many have failed. peer=%s", c->rq->peer);
    c->status = 429;
    return err_set(e, ERR_PERM, "Too many sign-ins have failed: wait %lld s",
                   (long long)us / TIME_SECOND + 1);
}

static void right(struct call *c, const char *user)
{
    struct server *s = c->thread->server;
    char text[INET6_ADDRSTRLEN];

    (void)pthread_mutex_lock(&s->limiter_lock);
    limiter_right(s->limiter, user, origin_of(c, text));
    (void)pthread_mutex_unlock(&s->limiter_lock);
}

/* ---- the password ---- */

/* *ret_found false: there is no such user, or none can be read. */
static int find_user(struct call *c, const char *name, struct account *ret, bool *ret_found,
                     struct err *e)
{
    struct setting_row *rows;
    struct store *s;
    size_t n = 0;
    int rc = server_store(c, &s, e);

    rc = rc == 0 ? s->ops->get_settings(s, "user", name, &c->arena, &rows, &n, e) : rc;
    *ret_found = rc == 0 && n == 1;
    return *ret_found ? account_parse(name, rows[0].value, rows[0].value_len, &c->arena, ret, e)
                      : rc;
}

/* With parameters that are less than today's: made anew, now that the password is at hand. That it fails fails nothing. */
static void renew(struct call *c, const struct account *u, const char *password)
{
    struct buf b BUF_CLEANUP = {0};
    char hash[PASSWORD_HASH];
    struct value *ignored;
    struct err e = {0};

    if (!password_is_outdated(u->hash) || signin_hash(c, password, hash, &e) != 0) {
        return;
    }
    buf_init(&b, KiB(1));
    (void)buf_printf(&b,
                     "\"op\":\"user_set\",\"name\":\"%s\",\"hash\":\"%s\",\"same_password\":true,"
                     "\"actor\":\"%s\"",
                     u->name, hash, u->name);
    (void)server_change(c, &b, &ignored, &e);
}

int signin_check(struct call *c, const char *user, const char *password, struct account *ret,
                 struct err *e)
{
    struct work w = {.server = c->thread->server, .password = password, .e = e};
    bool found = false;
    int rc = attempt(c, user, e);

    rc = rc == 0 ? find_user(c, user, ret, &found, e) : rc;
    if (rc != 0) {
        return rc;
    }
    found = found && !ret->disabled;
    w.hash = found ? ret->hash : NULL;
    rc = offload(c, &w);
    if (rc != 0) {
        return rc;
    }
    if (!found || !w.fits) {
        log_warning("auth", "sign-in failed: peer=%s request=%s", c->rq->peer, c->id);
        c->status = 401;
        return err_set(e, ERR_PERM, "Invalid credentials");
    }
    right(c, user);
    renew(c, ret, password);
    return 0;
}
