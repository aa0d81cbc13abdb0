/* What is asked of the engine, and told to it: over its socket (home/client.h). */
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/time.h"
#include "home/client.h"
#include "runtime/loop.h"
#include "server/server_priv.h"

#define STATS_AGE_US (TIME_SECOND / 2) /* however often /health is asked, the scheduler is not */
#define ASK_US       (5 * TIME_SECOND)
#define COMMAND_US \
    (5 * TIME_SECOND) /* after that the answer is 202: the engine has it, and is busy */

static int request(struct call *c, const char *type, const struct buf *members, int64_t us,
                   struct value **ret, bool *ret_refused, struct err *e)
{
    char *json = NULL;
    int rc = members != NULL ? buf_status(members) : 0;

    *ret = NULL;
    *ret_refused = false;
    if (rc != 0) {
        return err_set(e, (enum err_code) - rc, "the request is too large");
    }
    rc = home_request(c->thread->server->config.home, type,
                      members != NULL ? buf_cstr(members) : "", us, &json, ret_refused, e);
    if (rc == 0 && json != NULL) {
        char *copy = arena_strdup(&c->arena, json);

        rc = copy != NULL ? value_parse(&c->arena, copy, strlen(copy), ret, e)
                          : err_set(e, ERR_NOMEM, "out of memory for an answer");
    } else if (rc != 0 && !*ret_refused && rc != -ERR_TIMEOUT && rc != -ERR_CANCELED &&
               rc != -ERR_NOMEM) {
        rc = err_set(e, ERR_CLOSED, "The scheduler does not run: start `tradewind scheduler`");
    }
    mem_free(json);
    return rc;
}

int server_ask(struct call *c, const char *type, const struct buf *members, struct value **ret,
               struct err *e)
{
    bool refused;

    return request(c, type, members, ASK_US, ret, &refused, e);
}

/* Shared by all threads: what one of them has told, no other contradicts later. *ret in the call's arena; NULL: it is too old. */
static int kept_stats(struct call *c, const struct value **ret, struct err *e)
{
    struct server *s = c->thread->server;
    struct value *v = NULL;
    char *copy = NULL;
    bool fresh;
    int rc;

    (void)pthread_mutex_lock(&s->stats_lock);
    fresh = s->stats != NULL && loop_now_us(c->thread->loop) - s->stats_us < STATS_AGE_US;
    if (fresh) {
        copy = arena_strdup(&c->arena, s->stats);
    }
    (void)pthread_mutex_unlock(&s->stats_lock);
    *ret = NULL;
    if (!fresh) {
        return 0;
    }
    rc = copy != NULL ? value_parse(&c->arena, copy, strlen(copy), &v, e)
                      : err_set(e, ERR_NOMEM, "out of memory for an answer");
    *ret = v;
    return rc;
}

/* asked_us: when it was asked for; an older answer that comes late is dropped. */
static void keep_stats(struct server *s, const struct value *v, int64_t asked_us)
{
    struct buf b BUF_CLEANUP = {0};
    struct json_writer w;
    char *text = NULL;

    buf_init(&b, MiB(16));
    if (v != NULL) {
        json_writer_init(&w, &b, 0);
        json_value(&w, v);
        text = buf_take(&b);
    }
    (void)pthread_mutex_lock(&s->stats_lock);
    if (s->stats == NULL || asked_us > s->stats_us) {
        mem_free(s->stats);
        s->stats = mem_take(text);
        s->stats_us = asked_us;
    }
    (void)pthread_mutex_unlock(&s->stats_lock);
    mem_free(text);
}

int server_stats(struct call *c, const struct value **ret, struct err *e)
{
    int64_t asked_us = loop_now_us(c->thread->loop);
    struct value *fresh = NULL;
    int rc = kept_stats(c, ret, e);

    if (rc != 0 || *ret != NULL) {
        return rc;
    }
    rc = server_ask(c, "stats", NULL, &fresh, e);
    keep_stats(c->thread->server, rc == 0 ? fresh : NULL, asked_us);
    *ret = fresh;
    return rc;
}

/* Asked only where there is one at all. */
void server_know_import_errors(struct call *c)
{
    const struct value *stats = NULL, *n;
    struct value *all = NULL;
    int64_t count = 0;

    n = server_stats(c, &stats, NULL) == 0 && stats != NULL ? value_get(stats, "import_errors")
                                                            : NULL;
    if (n != NULL && value_int(n, 1, INT64_MAX, &count) == 0 &&
        server_ask(c, "import_errors", NULL, &all, NULL) == 0) {
        c->import_errors = all;
    }
}

bool server_is_file(const char *file, const char *below)
{
    size_t n = strlen(file), len = strlen(below);

    return n >= len && strcmp(file + n - len, below) == 0 && (n == len || file[n - len - 1] == '/');
}

bool server_has_import_error(const struct call *c, const char *file)
{
    const struct value *all = c->import_errors;

    for (size_t i = 0; all != NULL && file != NULL && i < all->len; i++) {
        const struct value *name = value_get(all->elems[i], "filename");

        if (name != NULL && name->kind == VALUE_STRING && server_is_file(file, name->text)) {
            return true;
        }
    }
    return false;
}

int server_command(struct call *c, const char *type, const struct buf *members, struct value **ret,
                   bool *ret_later, struct err *e)
{
    bool refused;
    int rc = request(c, type, members, COMMAND_US, ret, &refused, e);

    *ret_later = rc == -ERR_TIMEOUT && !refused;
    if (*ret_later) {
        call_fail(c, 202,
                  "The scheduler has the command and is busy; it will be carried out once. "
                  "Its id: %s",
                  c->id);
        rc = 0;
    }
    return rc;
}
