/*
 * What is installed for tasks: plugins that Tradewind loads, and providers. The interpreter that imports DAG files is asked, once in a while for
 * all threads: who asks meanwhile waits for that answer.
 */
#include <string.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "dagfile/ask.h"
#include "runtime/loop.h"
#include "server/api.h"

#define KEPT_US (5 * 60 * TIME_SECOND) /* so old the answer may be */
#define LOOK_US (TIME_SECOND / 20)     /* who waits looks so often */

enum turn { IS_KEPT, IS_MINE, IS_ANOTHERS };

/* *ret: a copy of what is kept. */
static enum turn take_turn(struct call *c, char **ret)
{
    struct server *s = c->thread->server;
    enum turn turn;

    (void)pthread_mutex_lock(&s->installed_lock);
    *ret = NULL;
    if (s->installed != NULL && loop_now_us(c->thread->loop) - s->installed_us < KEPT_US) {
        turn = IS_KEPT;
        *ret = arena_strdup(&c->arena, s->installed);
    } else {
        turn = s->installed_asked ? IS_ANOTHERS : IS_MINE;
        s->installed_asked = true;
    }
    (void)pthread_mutex_unlock(&s->installed_lock);
    return turn;
}

static void keep(struct call *c, const char *text)
{
    struct server *s = c->thread->server;
    char *copy = text != NULL ? mem_strdup(text) : NULL;

    (void)pthread_mutex_lock(&s->installed_lock);
    if (copy != NULL) {
        mem_free(s->installed);
        s->installed = copy;
        s->installed_us = loop_now_us(c->thread->loop);
    }
    s->installed_asked = false;
    (void)pthread_mutex_unlock(&s->installed_lock);
}

static int ask(struct call *c, char **ret, struct err *e)
{
    const struct ask_config *from = c->thread->server->config.python;
    struct ask_config config;
    struct err why = {0};
    const char *answer = NULL;
    size_t n = 0;
    int rc;

    if (from == NULL) {
        keep(c, NULL);
        return err_set(e, ERR_BUSY, "There is no Python that could tell what is installed");
    }
    config = (struct ask_config){.python = from->python,
                                 .python_path = from->python_path,
                                 .module = "tradewind.installation",
                                 .word = "rest",
                                 .what = "Python",
                                 .answer_max = LIMIT_INSTALLED_BYTES};
    rc = ask_python(&config, "", 0, &c->arena, &answer, &n, &why);
    keep(c, rc == 0 ? answer : NULL);
    if (rc == -ERR_CANCELED) {
        return rc;
    }
    *ret = (char *)answer;
    return rc == 0
               ? 0
               : err_set(e, ERR_BUSY, "Python cannot tell what is installed: %s", err_str(&why));
}

int server_installed(struct call *c, const struct value **ret, struct err *e)
{
    enum turn turn;
    struct value *v;
    char *text;
    int rc = 0;

    while ((turn = take_turn(c, &text)) == IS_ANOTHERS && rc == 0) {
        rc = co_sleep(LOOK_US);
    }
    rc = rc == 0 && turn == IS_MINE ? ask(c, &text, e) : rc;
    if (rc == 0 && text == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for what is installed");
    }
    rc = rc == 0 ? value_parse(&c->arena, text, strlen(text), &v, e) : rc;
    if (rc == 0) {
        *ret = v;
    }
    return rc;
}
