/*
 * Generators. Consumer and generator take turns: a question (next, send or throw) is answered by
 * the next gen_yield or by the end.
 *
 * States: FRESH, not started; ASKED, it works on an answer; OFFERED, a value waits for the
 * consumer; IDLE, it waits in gen_yield for a question; ENDED. A consumer whose wait ends by
 * cancellation or a deadline leaves the generator ASKED; the answer then waits as OFFERED, and the
 * next question gets it before the generator sees that question (a throw discards it).
 */
#include <assert.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/mem.h"
#include "runtime/co.h"
#include "runtime/loop_priv.h"

enum gen_state { GEN_FRESH, GEN_ASKED, GEN_OFFERED, GEN_IDLE, GEN_ENDED };

struct gen {
    struct co_group group;
    const char *name;
    gen_fn fn;
    void *arg;
    enum gen_state state;
    int result;          /* when ENDED: 0 or the error */
    void *value;         /* when OFFERED */
    void *sent;          /* by the last question */
    int thrown;          /* by the last question; 0 = none */
    struct co *self;     /* the generator while it lives */
    struct co *consumer; /* while it waits */
};

int gen_new(struct loop *loop, const char *name, gen_fn fn, void *arg, struct gen **ret,
            struct err *e)
{
    struct gen *g = mem_zalloc(sizeof *g);

    if (g == NULL) {
        return err_set(e, ERR_NOMEM, "%s: out of memory", name);
    }
    co_group_init(&g->group, loop);
    g->name = name;
    g->fn = fn;
    g->arg = arg;
    *ret = g;
    return 0;
}

static int gen_main(void *arg)
{
    struct gen *g = arg;

    g->self = co_self();
    g->result = g->fn(g, g->arg);
    g->self = NULL;
    g->state = GEN_ENDED;
    if (g->consumer != NULL) {
        co_ready(g->consumer);
    }
    return 0;
}

/* Hands the question to a generator that can take one. */
static int question(struct gen *g, void *value, int error)
{
    if (g->state == GEN_FRESH) {
        struct err e;
        int rc;

        if (error != 0) { /* there is no gen_yield yet that could return it */
            g->state = GEN_ENDED;
            g->result = error;
            return 0;
        }
        rc = co_spawn(&g->group, g->name, gen_main, g, NULL, &e);
        if (rc != 0) {
            return rc;
        }
        g->state = GEN_ASKED;
    } else if (g->state == GEN_IDLE || (g->state == GEN_OFFERED && error != 0)) {
        g->sent = value;
        g->thrown = error;
        g->state = GEN_ASKED;
        co_ready(g->self);
    }
    return 0;
}

static int ask(struct gen *g, void *value, int error, void **ret)
{
    struct co *me = co_self();
    int rc = co_check(me);

    assert(g->consumer == NULL && g->self != me);
    if (rc != 0) {
        return rc;
    }
    rc = question(g, value, error);
    g->consumer = me;
    while (rc == 0 && g->state == GEN_ASKED) {
        rc = co_block(me, INT64_MAX, CO_BLOCK);
    }
    g->consumer = NULL;
    if (rc != 0) {
        return rc;
    }
    if (g->state == GEN_ENDED) {
        return g->result != 0 ? g->result : -ERR_CLOSED;
    }
    assert(g->state == GEN_OFFERED);
    *ret = g->value;
    g->state = GEN_IDLE;
    return 0;
}

int gen_next(struct gen *g, void **ret)
{
    return ask(g, NULL, 0, ret);
}

int gen_send(struct gen *g, void *value, void **ret)
{
    return ask(g, value, 0, ret);
}

int gen_throw(struct gen *g, int error, void **ret)
{
    assert(error < 0);
    return ask(g, NULL, error, ret);
}

void gen_close(struct gen *g)
{
    if (g == NULL) {
        return;
    }
    assert(g->consumer == NULL);
    co_group_close(&g->group);
    mem_free(g);
}

/* *ret_thrown: the error returned was thrown by the consumer, not the generator's own cancellation
 * or deadline. */
static int yield(struct gen *g, void *value, void **ret_sent, bool *ret_thrown)
{
    struct co *me = co_self();
    int rc = co_check(me);

    assert(g->self == me);
    *ret_thrown = false;
    if (rc != 0) {
        return rc;
    }
    g->value = value;
    g->state = GEN_OFFERED;
    if (g->consumer != NULL) {
        co_ready(g->consumer);
    }
    while (rc == 0 && g->state != GEN_ASKED) {
        rc = co_block(me, INT64_MAX, CO_BLOCK);
    }
    if (rc != 0) {
        if (g->state == GEN_OFFERED) {
            g->state = GEN_ASKED; /* not taken: the value is withdrawn */
        }
        return rc;
    }
    if (ret_sent != NULL) {
        *ret_sent = g->sent;
    }
    *ret_thrown = g->thrown != 0;
    return g->thrown;
}

int gen_yield(struct gen *g, void *value, void **ret_sent)
{
    bool thrown;

    return yield(g, value, ret_sent, &thrown);
}

int gen_delegate(struct gen *g, struct gen *inner)
{
    void *value, *sent;
    bool thrown;
    int rc = gen_next(inner, &value);

    while (rc == 0) {
        rc = yield(g, value, &sent, &thrown);
        if (rc == 0) {
            rc = gen_send(inner, sent, &value);
        } else if (thrown) {
            rc = gen_throw(inner, rc, &value);
        } else {
            return rc;
        }
    }
    return rc == -ERR_CLOSED ? 0 : rc;
}
