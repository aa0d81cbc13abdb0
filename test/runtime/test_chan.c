/* Conditions, channels and generators. */
#include "both.h"

#include "base/buf.h"

/* ---- conditions ---- */

struct cond_probe {
    struct co_cond cond;
    struct buf order;
    int woken, rc;
};

static int cond_waiter(void *arg)
{
    struct cond_probe *p = arg;
    int rc = co_cond_wait(&p->cond);

    if (rc == 0) {
        p->woken++;
        (void)buf_str(&p->order, co_name(co_self()));
    }
    return rc;
}

TEST_BOTH(cond_is_first_in_first_out)
{
    struct cond_probe p = {.woken = 0};
    struct co_group g;
    struct co *b;

    co_cond_init(&p.cond);
    buf_init(&p.order, 100);
    co_group_init(&g, arg);
    co_cond_signal(&p.cond); /* nobody waits: not kept */
    assert_int_equal(co_spawn(&g, "a", cond_waiter, &p, NULL, NULL), 0);
    assert_int_equal(co_spawn(&g, "b", cond_waiter, &p, &b, NULL), 0);
    assert_int_equal(co_spawn(&g, "c", cond_waiter, &p, NULL, NULL), 0);
    assert_int_equal(co_spawn(&g, "d", cond_waiter, &p, NULL, NULL), 0);
    assert_int_equal(co_yield (), 0);
    assert_int_equal(p.woken, 0);
    co_cond_signal(&p.cond);
    assert_int_equal(co_yield (), 0);
    assert_string_equal(buf_cstr(&p.order), "a");
    /* b is signalled, but cancelled before it runs: c gets the signal. */
    co_cond_signal(&p.cond);
    co_cancel(b);
    assert_int_equal(co_sleep(MS), 0);
    assert_string_equal(buf_cstr(&p.order), "ac");
    co_cond_broadcast(&p.cond);
    assert_int_equal(co_group_join(&g), 0);
    assert_string_equal(buf_cstr(&p.order), "acd");
    buf_fini(&p.order);
    return 0;
}

/* ---- channels ---- */

#define PRODUCERS 7
#define CONSUMERS 5
#define EACH      200

struct traffic {
    struct chan *c;
    int next_id, received, sum, canceled;
    int last[PRODUCERS]; /* of each producer: items come in its order */
    struct co *victim;
};

static int producer(void *arg)
{
    struct traffic *t = arg;
    int id = t->next_id++;

    for (int i = 1; i <= EACH; i++) {
        int rc = chan_send(t->c, (void *)(intptr_t)(id * 1000 + i));

        if (rc != 0) {
            return rc;
        }
        if (i % 16 == id) {
            assert_int_equal(co_yield (), 0);
        }
    }
    return 0;
}

static int consumer(void *arg)
{
    struct traffic *t = arg;
    void *item;
    int rc;

    while ((rc = chan_recv(t->c, &item)) == 0) {
        int v = (int)(intptr_t)item;

        t->received++;
        t->sum += v % 1000;
        assert_true(t->last[v / 1000] < v % 1000);
        t->last[v / 1000] = v % 1000;
    }
    if (rc == -ERR_CANCELED) {
        t->canceled++;
    }
    return rc;
}

TEST_BOTH(many_producers_and_consumers)
{
    for (size_t capacity = 1; capacity <= 64; capacity *= 8) {
        struct traffic t = {.c = chan_new(capacity)};
        struct co_group producers, consumers;

        assert_non_null(t.c);
        co_group_init(&producers, arg);
        co_group_init(&consumers, arg);
        for (int i = 0; i < CONSUMERS; i++) {
            assert_int_equal(co_spawn(&consumers, "consumer", consumer, &t, &t.victim, NULL), 0);
        }
        for (int i = 0; i < PRODUCERS; i++) {
            assert_int_equal(co_spawn(&producers, "producer", producer, &t, NULL, NULL), 0);
        }
        assert_int_equal(co_yield (), 0);
        co_cancel(t.victim); /* what it was promised goes to another */
        assert_int_equal(co_group_join(&producers), 0);
        chan_close(t.c);
        assert_int_equal(co_group_join(&consumers), 0);
        assert_int_equal(t.canceled, 1);
        assert_int_equal(t.received, PRODUCERS * EACH);
        assert_int_equal(t.sum, PRODUCERS * EACH * (EACH + 1) / 2);
        chan_free(t.c);
    }
    return 0;
}

static int receive_one(void *arg)
{
    struct traffic *t = arg;
    void *item;
    int rc = chan_recv(t->c, &item);

    t->received++;
    t->sum = rc == 0 ? (int)(intptr_t)item : rc;
    return rc;
}

/* A promised item is not taken by one that comes later. */
TEST_BOTH(no_overtaking)
{
    struct traffic t = {.c = chan_new(4)};
    struct co_group g;
    void *item;

    co_group_init(&g, arg);
    assert_int_equal(co_spawn(&g, "first", receive_one, &t, NULL, NULL), 0);
    assert_int_equal(co_yield (), 0);
    assert_int_equal(chan_try_send(t.c, (void *)1), 0);
    assert_int_equal(chan_try_recv(t.c, &item), -ERR_BUSY);
    assert_int_equal(chan_try_send(t.c, (void *)2), 0);
    assert_int_equal(chan_try_recv(t.c, &item), 0);
    assert_int_equal((intptr_t)item,
                     1); /* one of the two is free to take; order stays the channel's */
    assert_int_equal(co_group_join(&g), 0);
    assert_int_equal(t.sum, 2);
    chan_free(t.c);
    return 0;
}

TEST_BOTH(closed_channel)
{
    struct traffic t = {.c = chan_new(2)};
    struct co_group g;
    void *item;

    co_group_init(&g, arg);
    assert_int_equal(chan_try_recv(t.c, &item), -ERR_BUSY);
    assert_int_equal(chan_send(t.c, (void *)1), 0);
    assert_int_equal(chan_send(t.c, (void *)2), 0);
    assert_int_equal(chan_try_send(t.c, (void *)3), -ERR_BUSY);
    assert_int_equal(chan_len(t.c), 2);
    assert_int_equal(co_spawn(&g, "producer", producer, &t, NULL, NULL), 0);
    assert_int_equal(co_yield (), 0);
    chan_close(t.c);
    assert_int_equal(co_group_join(&g), 0);
    assert_int_equal(chan_send(t.c, (void *)3), -ERR_CLOSED);
    assert_int_equal(chan_recv(t.c, &item), 0);
    assert_int_equal((intptr_t)item, 1);
    assert_int_equal(chan_try_recv(t.c, &item), 0);
    assert_int_equal((intptr_t)item, 2);
    assert_int_equal(chan_recv(t.c, &item), -ERR_CLOSED);
    assert_int_equal(chan_try_recv(t.c, &item), -ERR_CLOSED);
    chan_free(t.c);
    /* One who waits hears of the close. */
    t = (struct traffic){.c = chan_new(1)};
    assert_int_equal(co_spawn(&g, "receiver", receive_one, &t, NULL, NULL), 0);
    assert_int_equal(co_yield (), 0);
    chan_close(t.c);
    assert_int_equal(co_group_join(&g), 0);
    assert_int_equal(t.sum, -ERR_CLOSED);
    chan_free(t.c);
    return 0;
}

TEST_BOTH(channel_with_deadline)
{
    struct chan *c = chan_new(1);
    struct co_deadline d;
    void *item;

    co_deadline_begin(&d, MS);
    assert_int_equal(chan_recv(c, &item), -ERR_TIMEOUT);
    /* It has passed: also a call that need not wait says so. */
    assert_int_equal(chan_try_send(c, (void *)1), 0);
    assert_int_equal(chan_recv(c, &item), -ERR_TIMEOUT);
    co_deadline_end(&d);
    assert_int_equal(chan_recv(c, &item), 0);
    chan_free(c);
    mem_fail_at(1, 0);
    assert_null(chan_new(1));
    mem_fail_at(2, 0);
    assert_null(chan_new(1));
    mem_fail_at(0, 0);
    return arg == NULL;
}

/* ---- generators ---- */

static int count_to_three(struct gen *g, void *arg)
{
    int rc = 0;

    for (intptr_t i = 1; i <= 3 && rc == 0; i++) {
        rc = gen_yield(g, (void *)i, NULL);
    }
    *(int *)arg = rc;
    return rc;
}

TEST_BOTH(generator_next)
{
    struct gen *g;
    int end = 1;
    void *v;

    assert_int_equal(gen_new(arg, "count", count_to_three, &end, &g, NULL), 0);
    for (intptr_t i = 1; i <= 3; i++) {
        assert_int_equal(gen_next(g, &v), 0);
        assert_int_equal((intptr_t)v, i);
    }
    assert_int_equal(end, 1);
    assert_int_equal(gen_next(g, &v), -ERR_CLOSED);
    assert_int_equal(gen_next(g, &v), -ERR_CLOSED);
    assert_int_equal(end, 0);
    gen_close(g);
    return 0;
}

TEST_BOTH(generator_close)
{
    struct gen *g;
    int end = 1;
    void *v;

    assert_int_equal(gen_new(arg, "count", count_to_three, &end, &g, NULL), 0);
    gen_close(g); /* not started: never runs */
    assert_int_equal(end, 1);
    assert_int_equal(gen_new(arg, "count", count_to_three, &end, &g, NULL), 0);
    assert_int_equal(gen_next(g, &v), 0);
    gen_close(g);
    assert_int_equal(end, -ERR_CANCELED);
    gen_close(NULL);
    return 0;
}

static int echo(struct gen *g, void *arg)
{
    void *sent = arg;
    int rc;

    for (;;) {
        rc = gen_yield(g, sent, &sent);
        if (rc == -ERR_BUSY) {
            sent = (void *)99;
        } else if (rc != 0) {
            return rc;
        }
    }
}

TEST_BOTH(generator_send_and_throw)
{
    struct gen *g;
    void *v;

    assert_int_equal(gen_new(arg, "echo", echo, (void *)5, &g, NULL), 0);
    assert_int_equal(gen_next(g, &v), 0);
    assert_int_equal((intptr_t)v, 5);
    assert_int_equal(gen_send(g, (void *)6, &v), 0);
    assert_int_equal((intptr_t)v, 6);
    assert_int_equal(gen_throw(g, -ERR_BUSY, &v), 0); /* handled inside */
    assert_int_equal((intptr_t)v, 99);
    assert_int_equal(gen_throw(g, -ERR_IO, &v), -ERR_IO);
    assert_int_equal(gen_next(g, &v), -ERR_IO);
    gen_close(g);
    assert_int_equal(gen_new(arg, "echo", echo, (void *)5, &g, NULL), 0);
    assert_int_equal(gen_throw(g, -ERR_IO, &v), -ERR_IO); /* before the start */
    gen_close(g);
    return 0;
}

struct delegation {
    struct loop *loop;
    struct gen *inner;
    gen_fn fn;
    void *inner_arg;
};

static int delegates(struct gen *g, void *arg)
{
    struct delegation *d = arg;
    int rc = gen_yield(g, (void *)100, NULL);

    if (rc == 0) {
        rc = gen_new(d->loop, "inner", d->fn, d->inner_arg, &d->inner, NULL);
    }
    if (rc == 0) {
        rc = gen_delegate(g, d->inner);
        gen_close(d->inner);
    }
    return rc != 0 ? rc : gen_yield(g, (void *)200, NULL);
}

TEST_BOTH(generator_delegate)
{
    int end = 1;
    struct delegation d = {.loop = arg, .fn = count_to_three, .inner_arg = &end};
    intptr_t want[] = {100, 1, 2, 3, 200};
    struct gen *g;
    void *v;

    assert_int_equal(gen_new(arg, "outer", delegates, &d, &g, NULL), 0);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(gen_next(g, &v), 0);
        assert_int_equal((intptr_t)v, want[i]);
    }
    assert_int_equal(gen_next(g, &v), -ERR_CLOSED);
    gen_close(g);
    /* Sends and throws reach the inner one. */
    d = (struct delegation){.loop = arg, .fn = echo, .inner_arg = (void *)5};
    assert_int_equal(gen_new(arg, "outer", delegates, &d, &g, NULL), 0);
    assert_int_equal(gen_next(g, &v), 0);
    assert_int_equal(gen_next(g, &v), 0);
    assert_int_equal((intptr_t)v, 5);
    assert_int_equal(gen_send(g, (void *)7, &v), 0);
    assert_int_equal((intptr_t)v, 7);
    assert_int_equal(gen_throw(g, -ERR_BUSY, &v), 0);
    assert_int_equal((intptr_t)v, 99);
    assert_int_equal(gen_throw(g, -ERR_IO, &v), -ERR_IO);
    gen_close(g);
    /* Closing the outer one in the middle ends both. */
    d = (struct delegation){.loop = arg, .fn = count_to_three, .inner_arg = &end};
    assert_int_equal(gen_new(arg, "outer", delegates, &d, &g, NULL), 0);
    assert_int_equal(gen_next(g, &v), 0);
    assert_int_equal(gen_next(g, &v), 0);
    gen_close(g);
    assert_int_equal(end, -ERR_CANCELED);
    return 0;
}

static int slow(struct gen *g, void *arg)
{
    int rc = co_sleep(20 * MS);

    return rc != 0 ? rc : gen_yield(g, arg, NULL);
}

/* A consumer that gave up finds the value at its next question. */
TEST_BOTH(generator_late_answer)
{
    struct co_deadline d;
    struct gen *g;
    int here;
    void *v;

    assert_int_equal(gen_new(arg, "slow", slow, &here, &g, NULL), 0);
    co_deadline_begin(&d, MS);
    assert_int_equal(gen_next(g, &v), -ERR_TIMEOUT);
    co_deadline_end(&d);
    assert_int_equal(gen_next(g, &v), 0);
    assert_ptr_equal(v, &here);
    assert_int_equal(gen_next(g, &v), -ERR_CLOSED);
    gen_close(g);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(cond_is_first_in_first_out),
        BOTH(many_producers_and_consumers),
        BOTH(no_overtaking),
        BOTH(closed_channel),
        BOTH(channel_with_deadline),
        BOTH(generator_next),
        BOTH(generator_close),
        BOTH(generator_send_and_throw),
        BOTH(generator_delegate),
        BOTH(generator_late_answer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
