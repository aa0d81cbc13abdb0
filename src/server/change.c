/*
 * Changes of users, sessions and tokens. The engine writes them; where none lives in the home, this process takes the lock for a moment, as the
 * command line does: who signs in to see why nothing runs must be able to.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/time.h"
#include "engine/settings.h"
#include "home/client.h"
#include "home/home.h"
#include "runtime/loop.h"
#include "server/server_priv.h"
#include "store/lock.h"
#include "store/store.h"

#define TRIES    100 /* another process writes for a moment, or begins to */
#define PAUSE_US 50000
#define ASK_US   (5 * TIME_SECOND)

struct own_write {
    const char *home, *members;
    int64_t now_us;
    char *answer; /* owned */
    struct err *e;
};

static int do_write(struct own_write *w, struct store *s, struct arena *a)
{
    struct buf b BUF_CLEANUP = {0}, rq BUF_CLEANUP = {0};
    struct json_writer out;
    struct value *v;
    const struct value *op;
    int rc;

    buf_init(&rq, MiB(1));
    buf_init(&b, MiB(16));
    (void)buf_printf(&rq, "{%s}", w->members);
    rc = value_parse(a, buf_cstr(&rq), rq.len, &v, w->e);
    op = rc == 0 ? value_get(v, "op") : NULL;
    json_writer_init(&out, &b, 0);
    rc = rc == 0 ? settings_do(s, w->home, op->text, v, w->now_us, a, &out, w->e) : rc;
    w->answer = rc == 0 ? buf_take(&b) : NULL;
    return rc == 0 && w->answer == NULL ? err_set(w->e, ERR_NOMEM, "out of memory") : rc;
}

/* On a thread of the pool. -ERR_BUSY: another process has the lock. */
static int write_myself(void *arg)
{
    struct own_write *w = arg;
    struct lock *lock = NULL;
    struct store *s = NULL;
    struct arena a;
    char path[4200];
    int rc = lock_acquire(w->home, &lock, NULL, w->e);

    if (rc != 0) {
        return rc;
    }
    arena_init(&a, MiB(256));
    (void)snprintf(path, sizeof path, "%s/" STORE_FILE, w->home);
    rc = access(path, F_OK) == 0
             ? store_sqlite_open(path, 0, &s, w->e)
             : err_set(w->e, ERR_CLOSED, "There is no store yet: start `tradewind scheduler`");
    rc = rc == 0 ? do_write(w, s, &a) : rc;
    store_close(s);
    arena_fini(&a);
    lock_release(lock);
    return rc;
}

int server_write(const char *home, struct pool *pool, const char *members, struct arena *a,
                 struct value **ret, struct err *e)
{
    struct err own = {0};
    struct own_write w = {.home = home, .members = members, .e = e != NULL ? e : &own};
    bool refused = false;
    char *json = NULL, *copy;
    int rc = 0;

    *ret = NULL;
    e = w.e;
    for (int i = 0; i < TRIES; i++) {
        rc = home_request(home, "settings", members, ASK_US, &json, &refused, e);
        if (rc == 0 || refused || rc == -ERR_TIMEOUT || rc == -ERR_CANCELED || rc == -ERR_NOMEM) {
            break;
        }
        if (pool == NULL) {
            break;
        }
        *e = (struct err){0};
        w.now_us = loop_wall_us(loop_current());
        rc = co_offload(pool, write_myself, &w);
        json = w.answer;
        if (rc != -ERR_BUSY) {
            break;
        }
        rc = co_sleep(PAUSE_US);
        rc = rc == 0 ? err_set(e, ERR_BUSY, "the store is busy") : rc;
        if (rc != -ERR_BUSY) {
            break;
        }
    }
    copy = rc == 0 && json != NULL ? arena_strdup(a, json) : NULL;
    if (rc == 0 && copy == NULL) {
        rc = err_set(e, ERR_NOMEM, "out of memory for an answer");
    }
    rc = rc == 0 ? value_parse(a, copy, strlen(copy), ret, e) : rc;
    mem_free(json);
    return rc == -ERR_TIMEOUT ? err_set(e, ERR_BUSY, "the scheduler is busy; try it again") : rc;
}

int server_change(struct call *c, const struct buf *members, struct value **ret, struct err *e)
{
    int rc = buf_status(members);

    return rc != 0 ? err_set(e, ERR_LIMIT, "the request is too large")
                   : server_write(c->thread->server->config.home, c->thread->pool,
                                  buf_cstr(members), &c->arena, ret, e);
}
