/* What is asked of the engine, and told to it: over its socket (home/client.h). */
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/time.h"
#include "engine/engine.h"
#include "home/client.h"
#include "runtime/loop.h"
#include "server/handlers.h"
#include "server/server_priv.h"
#include "store/store.h"

#define STATS_AGE_US (TIME_SECOND / 2) /* however often /health is asked, the scheduler is not */
#define ASK_US       (5 * TIME_SECOND)
#define COMMAND_US \
    (5 * TIME_SECOND) /* after that the answer is 202: the engine has it, and is busy */
#define LEFT_MIN_US (TIME_SECOND / 20) /* for the commands of the call after a late one */

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

/* How long the call may still wait for the engine: 5 s for all of its commands together. */
static int64_t time_left(struct call *c)
{
    int64_t now_us = loop_now_us(c->thread->loop), left;

    if (c->commands_us == 0) {
        c->commands_us = now_us;
    }
    left = c->commands_us + COMMAND_US - now_us;
    return left > LEFT_MIN_US ? left : LEFT_MIN_US;
}

/* With its id, and until when somebody waits: what it comes to later the engine keeps (engine.h, COMMAND_ANSWER_KEY). */
static int put_deadline(struct call *c, const struct buf *members, int64_t left_us, struct buf *ret)
{
    buf_init(ret, LIMIT_MESSAGE);
    (void)buf_str(ret, buf_cstr(members));
    (void)buf_printf(ret, "%s\"command_id\":\"%s\",\"until_us\":%lld", members->len != 0 ? "," : "",
                     c->id, (long long)(loop_wall_us(c->thread->loop) + left_us));
    return buf_status(ret);
}

static int answer_later(struct call *c)
{
    bool first = !c->late;
    const char *at = arena_printf(&c->arena, "/api/v2/commands/%s", c->id);

    call_fail(c, 202,
              "The scheduler has the command and is busy; it carries it out once, when it goes on. "
              "What becomes of it: GET /api/v2/commands/%s",
              c->id);
    c->late = true;
    if (!first) {
        return 0;
    }
    return at != NULL && call_set_header(c, "Location", at) == 0 ? 0 : -ERR_NOMEM;
}

int server_command(struct call *c, const char *type, const struct buf *members, struct value **ret,
                   bool *ret_later, struct err *e)
{
    int64_t left_us = time_left(c);
    struct buf told BUF_CLEANUP = {0};
    bool refused;
    int rc = buf_status(members);

    rc = rc == 0 ? put_deadline(c, members, left_us, &told) : rc;
    if (rc != 0) {
        return err_set(e, (enum err_code) - rc, "the request is too large");
    }
    rc = request(c, type, &told, left_us, ret, &refused, e);
    if ((rc == -ERR_TIMEOUT && !refused) || (rc == 0 && c->late)) {
        rc = answer_later(c);
    }
    *ret_later = c->late;
    return rc;
}

int api_command_answer(struct call *c, struct err *e)
{
    const char *id = call_param(c, "command_id"), *text = NULL;
    const char *key = arena_printf(&c->arena, COMMAND_ANSWER_KEY, c->actor, id);
    const struct value *ok, *error;
    struct value *v = NULL;
    struct store *s;
    int rc = key != NULL ? server_store(c, &s, e) : err_set(e, ERR_NOMEM, "out of memory");

    rc = rc == 0 ? s->ops->find_command(s, key, &c->arena, &text, e) : rc;
    if (rc == -ERR_NOTFOUND) {
        return err_set(e, ERR_NOTFOUND,
                       "Nothing is known of command `%.100s`: it was not carried out yet, its "
                       "request was answered, or another one sent it",
                       id);
    }
    rc = rc == 0 ? value_parse(&c->arena, (char *)text, strlen(text), &v, e) : rc;
    if (rc != 0) {
        return rc;
    }
    ok = value_get(v, "ok");
    error = value_get(v, "error");
    c->no_store = true;
    json_object(&c->w);
    put_text(c, "command_id", id);
    put_text(c, "state",
             ok != NULL && ok->kind == VALUE_BOOL && ok->boolean ? "applied" : "refused");
    put_text(c, "detail", error != NULL && error->kind == VALUE_STRING ? error->text : NULL);
    json_object_end(&c->w);
    return 0;
}
