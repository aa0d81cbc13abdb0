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
#define ASK_US     (5 * TIME_SECOND)
#define COMMAND_US (5 * TIME_SECOND) /* after that the answer is 202: the engine has it, and is busy */

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

int server_stats(struct call *c, const struct value **ret, struct err *e)
{
    struct server_thread *t = c->thread;
    int64_t now_us = loop_now_us(t->loop);
    struct value *fresh = NULL;
    struct buf b BUF_CLEANUP = {0};
    struct json_writer w;
    int rc;

    if (t->stats != NULL && now_us - t->stats_us < STATS_AGE_US) {
        char *copy = arena_strdup(&c->arena, t->stats);

        rc = copy != NULL ? value_parse(&c->arena, copy, strlen(copy), &fresh, e)
                          : err_set(e, ERR_NOMEM, "out of memory for an answer");
        *ret = fresh;
        return rc;
    }
    rc = server_ask(c, "stats", NULL, &fresh, e);
    *ret = fresh;
    mem_free(mem_take(t->stats));
    if (rc == 0 && fresh != NULL) {
        buf_init(&b, MiB(16));
        json_writer_init(&w, &b, 0);
        json_value(&w, fresh);
        t->stats = buf_take(&b);
        t->stats_us = now_us;
    }
    return rc;
}

/* Asked only where there is one at all. */
void server_know_import_errors(struct call *c)
{
    const struct value *stats = NULL, *n;
    struct value *all = NULL;
    int64_t count = 0;

    n = server_stats(c, &stats, NULL) == 0 && stats != NULL ? value_get(stats, "import_errors") : NULL;
    if (n != NULL && value_int(n, 1, INT64_MAX, &count) == 0 &&
        server_ask(c, "import_errors", NULL, &all, NULL) == 0) {
        c->import_errors = all;
    }
}

bool server_has_import_error(const struct call *c, const char *file)
{
    const struct value *all = c->import_errors;

    for (size_t i = 0; all != NULL && file != NULL && i < all->len; i++) {
        const struct value *name = value_get(all->elems[i], "filename");

        if (name != NULL && name->kind == VALUE_STRING && strcmp(name->text, file) == 0) {
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
        call_fail(c, 202, "The scheduler has the command and is busy; it will be carried out once. "
                          "Its id: %s", c->id);
        rc = 0;
    }
    return rc;
}
