/* The alerter on virtual time, over the memory store, with channels that do what a test says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "alert/alerter.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/prng.h"
#include "base/time.h"
#include "runtime/loop.h"

#define SENT_MAX 1000

struct sent {
    char channel[32], id[40];
    int64_t at_us, count;
    size_t rows;
};

struct world {
    struct loop *loop;
    struct store *store;
    int64_t epoch, seq;
    struct co_group group;
    struct alert_config *config;
    struct alerter_host host;
    struct alerter *alerter;
    struct sent sent[SENT_MAX]; /* tries */
    size_t sent_len;
    int fail;                         /* so many tries fail */
    bool final;                       /* for good */
    bool die_on_send;                 /* the message arrives, and we die before that is written */
    const char *hangs;                /* a channel that takes an hour */
    void (*reading)(struct world *w); /* right before rows are read, once */
    uint64_t batch;
    int (*story)(struct world *w);
};

static const char config[] =
    "{\"channels\": {\"ops\": {\"type\": \"command\", \"command\": \"x\"},"
    " \"page\": {\"type\": \"command\", \"command\": \"y\", \"retries\": 3}}}";

/* ---- the host ---- */

static int64_t host_now(void *arg)
{
    return loop_wall_us(((struct world *)arg)->loop);
}

static int host_load(void *arg, const struct alert_query *q, struct arena *a,
                     struct alert_row **ret, size_t *ret_len, struct err *e)
{
    struct world *w = arg;

    void (*reading)(struct world * w) = w->reading;

    (void)co_yield ();
    w->reading = NULL;
    if (reading != NULL) {
        reading(w);
    }
    return w->store->ops->get_alerts(w->store, q, a, ret, ret_len, e);
}

static int commit(struct world *w, const struct alert_row *rows, size_t n)
{
    struct store_batch b = {.alerts = rows, .alerts_len = n};
    struct err e = {0};

    assert_int_equal(w->store->ops->commit(w->store, 0, w->epoch, ++w->seq, &b, &e), 0);
    return 0;
}

static int host_save(void *arg, const struct alert_row *rows, size_t n, struct err *e)
{
    (void)e;
    (void)co_sleep(1000);
    return commit(arg, rows, n);
}

static int host_prune(void *arg, int64_t before_us, size_t keep, struct err *e)
{
    struct world *w = arg;
    int64_t rows;

    return w->store->ops->prune_alerts(w->store, before_us, keep, 0, &rows, e);
}

static int host_send(void *arg, const struct alert_channel *c, const struct alert_message *m,
                     bool *ret_final, struct err *e)
{
    struct world *w = arg;
    struct sent *s = &w->sent[w->sent_len++];

    assert_true(w->sent_len < SENT_MAX);
    (void)snprintf(s->channel, sizeof s->channel, "%s", c->name);
    (void)snprintf(s->id, sizeof s->id, "%s", m->id);
    s->at_us = host_now(w);
    s->rows = m->len;
    s->count = 0;
    for (size_t i = 0; i < m->len; i++) {
        s->count += m->rows[i].count;
        assert_int_equal(m->rows[i].state, ALERT_SENDING);
    }
    if (w->hangs != NULL && strcmp(w->hangs, c->name) == 0) {
        char channel[32];
        int rc;

        (void)snprintf(channel, sizeof channel, "%s", c->name);
        rc = co_sleep(3600 * TIME_SECOND);
        assert_string_equal(c->name, channel); /* whatever the configuration is by now */
        return rc != 0 ? rc : err_set(e, ERR_TIMEOUT, "it hangs");
    }
    if (w->die_on_send) {
        return -ERR_CANCELED;
    }
    if (w->fail > 0) {
        w->fail--;
        *ret_final = w->final;
        return err_set(e, ERR_IO, "the server answered 500");
    }
    return 0;
}

static void begin(struct world *w)
{
    struct err e = {0};

    w->host = (struct alerter_host){.arg = w,
                                    .group = &w->group,
                                    .name = "vm",
                                    .now = host_now,
                                    .load = host_load,
                                    .save = host_save,
                                    .prune = host_prune,
                                    .send = host_send};
    co_group_init(&w->group, w->loop);
    assert_int_equal(alerter_new(&w->host, w->config, (uint64_t)host_now(w), &w->alerter, &e), 0);
    assert_int_equal(alerter_start(w->alerter, &e), 0);
}

static void end(struct world *w)
{
    co_group_close(&w->group);
    alerter_free(w->alerter);
    w->alerter = NULL;
}

static int story_main(void *arg)
{
    struct world *w = arg;

    begin(w);
    (void)w->story(w);
    end(w);
    return 0;
}

static struct alert_config *parse(const char *text)
{
    struct alert_config *c = NULL;
    struct value *v;
    struct arena a;

    arena_init(&a, MiB(1));
    assert_int_equal(value_parse(&a, text, strlen(text), &v, NULL), 0);
    assert_int_equal(alert_config_parse(v, NULL, &c, NULL), 0);
    arena_fini(&a);
    return c;
}

static void play(int (*story)(struct world *w))
{
    struct loop_config lc = {.wall_start_us = 1700000000 * TIME_SECOND};
    struct world w = {.story = story, .config = parse(config)};
    struct err e = {0};

    assert_int_equal(store_mem_open(&w.store, &e), 0);
    assert_int_equal(w.store->ops->acquire(w.store, 0, "test", &w.epoch, &w.seq, &e), 0);
    assert_int_equal(loop_virtual_new(&lc, &w.loop, &e), 0);
    if (loop_main(w.loop, story_main, &w, &e) != 0) {
        fail_msg("%s", e.text);
    }
    loop_free(w.loop);
    store_close(w.store);
    alert_config_free(w.config);
}

/* Something happened; it is durable before the alerter hears of it. */
static void happen(struct world *w, const char *channel, const char *task, const char *run)
{
    struct alert_row what = {.channel = channel,
                             .kind = "task_failure",
                             .dag_id = "d",
                             .run_id = run,
                             .task_id = task,
                             .map_index = -1,
                             .at_us = host_now(w),
                             .last_us = host_now(w),
                             .reason = "exit code 1"};
    struct alert_open *o;

    assert_int_equal(alerter_note(w->alerter, &what, &o), 0);
    (void)commit(w, &o->row, 1);
    alerter_told(w->alerter);
}

static size_t count_rows(struct world *w, unsigned states)
{
    struct alert_query q = {.states = states};
    struct alert_row *rows;
    struct arena a;
    struct err e = {0};
    size_t n;

    arena_init(&a, MiB(64));
    assert_int_equal(w->store->ops->get_alerts(w->store, &q, &a, &rows, &n, &e), 0);
    arena_fini(&a);
    return n;
}

static int64_t sent_to(const struct world *w, const char *channel, size_t *ret_messages)
{
    int64_t n = 0;

    *ret_messages = 0;
    for (size_t i = 0; i < w->sent_len; i++) {
        if (strcmp(w->sent[i].channel, channel) == 0) {
            n += w->sent[i].count;
            (*ret_messages)++;
        }
    }
    return n;
}

/* ---- stories ---- */

/* 1,000 failures in a minute, to two channels: 3 messages each at most, in which all of them are. */
static int flood(struct world *w)
{
    size_t messages;

    for (int i = 0; i < 1000; i++) {
        char task[16], run[16];

        (void)snprintf(task, sizeof task, "t%d", i % 100);
        (void)snprintf(run, sizeof run, "r%d", i / 250);
        happen(w, "ops", task, run);
        happen(w, "page", task, run);
        (void)co_sleep(60 * TIME_SECOND / 1000);
    }
    (void)co_sleep(600 * TIME_SECOND);
    assert_int_equal(sent_to(w, "ops", &messages), 1000);
    assert_true(messages <= 3);
    assert_int_equal(sent_to(w, "page", &messages), 1000);
    assert_true(messages <= 3);
    assert_int_equal(w->sent[0].at_us, 1700000000 * TIME_SECOND + 1000); /* the first at once */
    assert_int_equal(w->sent[0].count, 1);
    assert_int_equal(count_rows(w, 1u << ALERT_SENT), count_rows(w, 0));
    return 0;
}

/* It goes on for an hour: messages become fewer, not more. */
static int storm(struct world *w)
{
    size_t messages;

    for (int i = 0; i < 3600; i++) {
        happen(w, "ops", "t", "r");
        (void)co_sleep(TIME_SECOND);
    }
    (void)co_sleep(1200 * TIME_SECOND);
    assert_int_equal(sent_to(w, "ops", &messages), 3600);
    assert_true(messages < 16);
    (void)co_sleep(3600 * TIME_SECOND);
    w->sent_len = 0;
    happen(w, "ops", "t", "r"); /* after a quiet time at once again */
    (void)co_sleep(TIME_SECOND);
    assert_int_equal(w->sent_len, 1);
    return 0;
}

static void happens_late(struct world *w)
{
    happen(w, "ops", "b", "r");
}

/* What is noted while the rows of a message are read is of the next one, though it is durable by then: it may come again. */
static int while_read(struct world *w)
{
    size_t messages;

    w->reading = happens_late;
    happen(w, "ops", "a", "r");
    (void)co_sleep(TIME_SECOND);
    assert_int_equal(w->sent[0].count, 1);
    happen(w, "ops", "b", "r");
    (void)co_sleep(600 * TIME_SECOND);
    assert_int_equal(sent_to(w, "ops", &messages), 3);
    assert_int_equal(messages, 2);
    assert_int_equal(count_rows(w, 1u << ALERT_SENT), 2);
    return 0;
}

/* A try that failed is repeated under the same id, later and later; what comes meanwhile waits for it. */
static int failing(struct world *w)
{
    w->fail = 2;
    happen(w, "page", "a", "r");
    (void)co_sleep(TIME_SECOND);
    happen(w, "page", "b", "r");
    (void)co_sleep(600 * TIME_SECOND);
    assert_int_equal(w->sent_len, 4);
    assert_string_equal(w->sent[0].id, w->sent[1].id);
    assert_string_equal(w->sent[0].id, w->sent[2].id);
    assert_true(strcmp(w->sent[0].id, w->sent[3].id) != 0);
    assert_true(w->sent[2].at_us - w->sent[1].at_us > w->sent[1].at_us - w->sent[0].at_us);
    assert_int_equal(w->sent[2].rows, 1);
    assert_int_equal(count_rows(w, 1u << ALERT_SENT), 2);
    return 0;
}

/* After its retries it is shown as failed, and the next one is sent all the same. */
static int given_up(struct world *w)
{
    w->fail = 4;
    happen(w, "page", "a", "r");
    (void)co_sleep(3600 * TIME_SECOND);
    assert_int_equal(w->sent_len, 4);
    assert_int_equal(count_rows(w, 1u << ALERT_FAILED), 1);
    happen(w, "page", "b", "r");
    (void)co_sleep(3600 * TIME_SECOND);
    assert_int_equal(w->sent_len, 5);
    assert_int_equal(count_rows(w, 1u << ALERT_SENT), 1);
    return 0;
}

static int refused(struct world *w)
{
    w->fail = 1;
    w->final = true;
    happen(w, "page", "a", "r");
    happen(w, "gone", "a", "r"); /* a channel that a DAG names and nobody has */
    (void)co_sleep(3600 * TIME_SECOND);
    assert_int_equal(w->sent_len, 1);
    assert_int_equal(count_rows(w, 1u << ALERT_FAILED), 2);
    return 0;
}

/* A channel that hangs keeps no other from being told, and nothing is lost to it. */
static int hanging(struct world *w)
{
    size_t messages;

    w->hangs = "ops";
    happen(w, "ops", "a", "r");
    for (int i = 0; i < 5; i++) {
        happen(w, "page", "a", "r");
        happen(w, "ops", "b", "r");
        (void)co_sleep(120 * TIME_SECOND);
    }
    assert_int_equal(sent_to(w, "page", &messages), 5);
    assert_true(messages == 5);
    assert_int_equal(sent_to(w, "ops", &messages), 2);
    assert_true(messages == 1);
    w->hangs = NULL;
    (void)co_sleep(7200 * TIME_SECOND);
    w->sent_len = 0;
    assert_int_equal(count_rows(w, 1u << ALERT_SENT), count_rows(w, 0));
    return 0;
}

/* Killed before sending, after sending, and with another message waiting: it is sent again under the same id with the same rows. */
static int killed(struct world *w)
{
    char id[40];

    w->die_on_send = true;
    happen(w, "ops", "a", "r");
    happen(w, "ops", "b", "r");
    (void)co_sleep(TIME_SECOND);
    assert_int_equal(w->sent_len, 1);
    (void)snprintf(id, sizeof id, "%s", w->sent[0].id);
    happen(w, "ops", "c", "r");
    end(w);
    w->die_on_send = false;
    begin(w);
    (void)co_sleep(TIME_SECOND);
    assert_int_equal(w->sent_len, 2);
    assert_string_equal(w->sent[1].id, id);
    assert_int_equal(w->sent[1].rows, 2);
    (void)co_sleep(600 * TIME_SECOND);
    assert_int_equal(w->sent_len, 3);
    assert_int_equal(w->sent[2].rows, 1);
    assert_int_equal(count_rows(w, 1u << ALERT_SENT), 3);
    /* And what was just sent keeps its gap over a restart. */
    happen(w, "ops", "d", "r");
    (void)co_sleep(TIME_SECOND);
    assert_int_equal(w->sent_len, 4);
    end(w);
    begin(w);
    happen(w, "ops", "e", "r");
    (void)co_sleep(10 * TIME_SECOND);
    assert_int_equal(w->sent_len, 4);
    (void)co_sleep(30 * TIME_SECOND);
    assert_int_equal(w->sent_len, 5);
    return 0;
}

/* What is the same is one row; what is too much is counted. */
static int folded(struct world *w)
{
    size_t messages;

    w->hangs = "ops";
    happen(w, "ops", "first", "r");
    (void)co_sleep(TIME_SECOND);
    for (int i = 0; i < 50; i++) {
        happen(w, "ops", "same", "r");
    }
    assert_int_equal(count_rows(w, 1u << ALERT_PENDING), 1);
    for (int i = 0; i < LIMIT_ALERT_PENDING + 500; i++) {
        char task[16];

        (void)snprintf(task, sizeof task, "t%d", i);
        happen(w, "ops", task, "r");
    }
    assert_int_equal(count_rows(w, 1u << ALERT_PENDING), LIMIT_ALERT_PENDING + 1);
    w->hangs = NULL;
    (void)co_sleep(7200 * TIME_SECOND);
    assert_int_equal(sent_to(w, "ops", &messages), 1 + 1 + 50 + LIMIT_ALERT_PENDING + 500);
    assert_true(messages <= 3);
    assert_true(count_rows(w, 0) <= LIMIT_ALERT_ROWS);
    return 0;
}

/* Another configuration while a message goes out by the old one: that stays until then; what follows goes by the new one. */
static int replaced(struct world *w)
{
    char id[40];

    w->hangs = "ops";
    happen(w, "ops", "a", "r");
    (void)co_sleep(TIME_SECOND);
    assert_int_equal(w->sent_len, 1);
    (void)snprintf(id, sizeof id, "%s", w->sent[0].id);
    alert_config_free(w->config);
    w->config = parse(
        "{\"channels\": {\"ops\": {\"type\": \"command\", \"command\": \"z\", \"retries\": 1}}}");
    alerter_set_config(w->alerter, w->config);
    happen(w, "page", "a", "r"); /* it is there no more */
    (void)co_sleep(3600 * TIME_SECOND);
    assert_int_equal(count_rows(w, 1u << ALERT_FAILED), 1);
    w->hangs = NULL;
    (void)co_sleep(3600 * TIME_SECOND);
    assert_int_equal(w->sent_len, 2);
    assert_string_equal(w->sent[1].id, id); /* the same message, tried again */
    assert_int_equal(count_rows(w, 1u << ALERT_SENT), 1);
    return 0;
}

#define STORY(name)                       \
    static void test_##name(void **state) \
    {                                     \
        (void)state;                      \
        play(name);                       \
    }
STORY(flood)
STORY(storm)
STORY(failing)
STORY(given_up)
STORY(refused)
STORY(hanging)
STORY(killed)
STORY(folded)
STORY(replaced)
STORY(while_read)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flood),    cmocka_unit_test(test_storm),
        cmocka_unit_test(test_failing),  cmocka_unit_test(test_given_up),
        cmocka_unit_test(test_refused),  cmocka_unit_test(test_hanging),
        cmocka_unit_test(test_killed),   cmocka_unit_test(test_folded),
        cmocka_unit_test(test_replaced), cmocka_unit_test(test_while_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
