/* The engine's socket on the real loop: questions of live attempts, commands, and whatever else somebody sends. */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "base/wire.h"

static char path[96], home[64];

static int run_file(void *arg, const char *request_json, char **ret_json, struct err *e)
{
    (void)arg;
    (void)e;
    *ret_json = mem_strdup(strstr(request_json, "\"bad\"") != NULL ? "null" : "{\"started\":true}");
    return strstr(request_json, "\"bad\"") != NULL ? err_set(e, ERR_NOTFOUND, "no such file") : 0;
}

static int connect_to(void)
{
    struct err e = {0};
    int fd, rc = co_connect_unix(path, &fd, &e);

    if (rc != 0) {
        fail_msg("connect: %s", err_str(&e));
    }
    return fd;
}

/* The next frame's body, or NULL when the other side closed. Valid until the next call. */
static const char *receive(int fd)
{
    static char body[65536];
    unsigned char head[4];
    size_t n;

    if (co_read_exact(fd, head, sizeof head) != 0) {
        return NULL;
    }
    n = head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16 | (size_t)head[3] << 24;
    assert_true(n < sizeof body);
    assert_int_equal(co_read_exact(fd, body, n), 0);
    body[n] = '\0';
    return body;
}

static void transmit(int fd, const char *body)
{
    struct buf b BUF_CLEANUP;

    buf_init(&b, MiB(1));
    assert_int_equal(wire_append(&b, body, strlen(body)), 0);
    assert_int_equal(co_write_all(fd, b.p, b.len), 0);
}

static const char *ask(int fd, const char *body)
{
    const char *answer;

    transmit(fd, body);
    answer = receive(fd);
    assert_non_null(answer);
    return answer;
}

static void expect(int fd, const char *body, const char *part)
{
    const char *answer = ask(fd, body);

    if (strstr(answer, part) == NULL) {
        fail_msg("%s: answered %s, not %s", body, answer, part);
    }
}

/* A request of the live attempt of a task. */
static const char *of(const char *task_id, const char *rest)
{
    static char text[512];
    char token[UUID_TEXT_MAX];

    (void)snprintf(text, sizeof text, "{\"v\":1,\"id\":7,\"attempt\":\"%s\",%s}",
                   uuid_format(&world_process(task_id)->token, token), rest);
    return text;
}

static int serve(struct engine *g, struct err *e)
{
    int rc;

    (void)snprintf(home, sizeof home, "/tmp/tw-engine-XXXXXX");
    assert_non_null(mkdtemp(home));
    (void)snprintf(path, sizeof path, "%s/engine.sock", home);
    rc = engine_serve(g, path, run_file, NULL, e);
    return rc == 0 ? world_add(g, e) : rc;
}

static void wait_for(const char *task_id)
{
    while (world_started(task_id) == 0) {
        (void)co_sleep(1000);
    }
    (void)co_sleep(1000);
}

/* ---- questions of attempts ---- */

static int questions(struct engine *g, struct err *e)
{
    struct stat st;
    int fd;

    assert_int_equal(serve(g, e), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    wait_for("b");
    fd = connect_to();
    expect(fd, "{\"v\":1,\"type\":\"ping\",\"id\":\"x\"}", "\"id\":\"x\",\"ok\":true");
    expect(fd, of("b", "\"type\":\"xcom_get\",\"task_id\":\"a\""),
           "\"found\":true,\"value\":[1,2.50]");
    expect(fd, of("b", "\"type\":\"xcom_get\",\"task_id\":\"a\",\"key\":\"other\""),
           "\"found\":false,\"value\":null");
    expect(fd, of("b", "\"type\":\"xcom_set\",\"key\":\"k\",\"value\":{\"n\":1}"), "\"ok\":true");
    expect(fd, of("b", "\"type\":\"xcom_get\",\"task_id\":\"b\",\"key\":\"k\""),
           "\"value\":{\"n\":1}");
    expect(fd, of("b", "\"type\":\"ti_states\",\"task_ids\":[\"a\",\"b\",\"nobody\",3]"),
           "{\"a\":\"success\",\"b\":\"running\"}");
    expect(fd, of("b", "\"type\":\"xcom_get\",\"task_id\":\"nobody\""), "\"code\":\"NOTFOUND\"");
    expect(fd, of("b", "\"type\":\"xcom_get\",\"run_id\":\"nobody\""), "\"ok\":false");
    expect(fd, of("b", "\"type\":\"xcom_set\",\"key\":\"k\""), "\"code\":\"PROTOCOL\"");
    expect(fd, of("b", "\"type\":\"ti_states\""), "\"code\":\"PROTOCOL\"");
    /* what a does not prove any more, it cannot do: its attempt has ended */
    expect(fd, of("a", "\"type\":\"xcom_set\",\"key\":\"k\",\"value\":1"), "\"code\":\"STALE\"");
    expect(fd, "{\"v\":1,\"type\":\"xcom_set\",\"key\":\"k\",\"value\":1}",
           "\"code\":\"PROTOCOL\"");
    expect(fd,
           "{\"v\":1,\"type\":\"xcom_get\",\"attempt\":\"0190b5a0-0000-7000-8000-000000000000\"}",
           "\"code\":\"STALE\"");
    (void)close(fd);
    return world_finish(g, e);
}

/* ---- other runs, and people ---- */

static int other_runs(struct engine *g, struct err *e)
{
    int fd;

    assert_int_equal(serve(g, e), 0);
    wait_for("b");
    fd = connect_to();
    expect(fd, of("b", "\"type\":\"dag_get\",\"dag_id\":\"nobody\""), "\"found\":false");
    expect(fd, of("b", "\"type\":\"dag_get\",\"dag_id\":\"shop\",\"task_ids\":[\"a\",\"z\"]"),
           "\"found\":true,\"paused\":false,\"missing\":[\"z\"],\"has_group\":true");
    expect(fd, of("b", "\"type\":\"dag_get\""), "\"code\":\"PROTOCOL\"");
    expect(fd, of("b", "\"type\":\"dag_run_get\",\"dag_id\":\"shop\",\"run_id\":\"r\""),
           "\"run_id\":\"r\",\"state\":\"running\"");
    expect(fd, of("b", "\"type\":\"dag_run_state\",\"dag_id\":\"shop\",\"run_id\":\"x\""),
           "\"found\":false,\"state\":null");
    expect(fd, of("b", "\"type\":\"dag_run_count\",\"dag_id\":\"shop\",\"states\":[\"running\"]"),
           "\"count\":1");
    expect(fd, of("b", "\"type\":\"dag_run_count\",\"dag_id\":\"shop\",\"run_ids\":[\"x\"]"),
           "\"count\":0");
    expect(
        fd,
        of("b", "\"type\":\"ti_states\",\"dag_id\":\"shop\",\"run_id\":\"r\",\"task_ids\":[\"a\"]"),
        "\"tasks\":{\"a\":\"success\"}");
    expect(fd, of("b", "\"type\":\"previous_run\""), "\"found\":false");
    expect(fd, of("b", "\"type\":\"xcom_prior\",\"task_id\":\"a\",\"key\":\"return_value\""),
           "\"found\":true,\"value\":[1,2.50]");
    /* made once, however often it is asked for; by somebody else it is there already */
    expect(
        fd,
        of("b",
           "\"type\":\"dag_run_trigger\",\"dag_id\":\"shop\",\"run_id\":\"c\",\"conf\":{\"n\":1}"),
        "\"run_id\":\"c\",\"created\":true");
    expect(fd, of("b", "\"type\":\"dag_run_trigger\",\"dag_id\":\"shop\",\"run_id\":\"c\""),
           "\"created\":true");
    expect(fd, of("b", "\"type\":\"dag_run_trigger\",\"dag_id\":\"shop\",\"run_id\":\"r\""),
           "\"created\":false");
    expect(fd, of("b", "\"type\":\"dag_run_count\",\"dag_id\":\"shop\""), "\"count\":2");
    expect(fd, of("b", "\"type\":\"dag_run_trigger\",\"dag_id\":\"nobody\",\"run_id\":\"c\""),
           "\"code\":\"NOTFOUND\"");
    expect(fd,
           of("b", "\"type\":\"dag_run_trigger\",\"dag_id\":\"shop\",\"run_id\":\"d\",\"conf\":3"),
           "\"code\":\"INVALID\"");
    (void)close(fd);
    return world_finish(g, e);
}

static int asks_about_assets(struct engine *g, struct err *e)
{
    int fd;

    assert_int_equal(serve(g, e), 0);
    wait_for("b");
    fd = connect_to();
    expect(fd, of("b", "\"type\":\"asset_get\",\"name\":\"s3://x\""),
           "\"result\":{\"found\":true,\"name\":\"s3://x\",\"uri\":\"s3://"
           "x\",\"group\":\"asset\",\"extra\":{}}");
    expect(fd, of("b", "\"type\":\"asset_get\",\"uri\":\"s3://y\""), "{\"found\":false}");
    expect(fd, of("b", "\"type\":\"asset_get\""), "needs name, uri or alias");
    expect(fd, of("b", "\"type\":\"asset_count\",\"uri\":\"s3://x\""),
           "{\"count\":1,\"newest\":1}");
    expect(fd, of("b", "\"type\":\"asset_count\",\"alias\":\"none\""),
           "{\"count\":0,\"newest\":0}");
    expect(fd, of("b", "\"type\":\"asset_count\",\"name\":\"nobody's\""),
           "{\"count\":0,\"newest\":0}");
    expect(fd,
           of("b", "\"type\":\"asset_count\",\"uri\":\"s3://x\",\"from\":\"2999-01-01T00:00:00Z\""),
           "{\"count\":0,\"newest\":0}");
    expect(fd, of("b", "\"type\":\"asset_count\",\"uri\":\"s3://x\",\"to\":\"soon\""),
           "'soon' is not a time");
    expect(fd, of("b", "\"type\":\"asset_events\",\"alias\":\"one\",\"newest_first\":true"),
           "\"extra\":{\"n\":1},\"dag_id\":\"shop\",\"task_id\":\"a\",\"run_id\":\"r\",\"map_"
           "index\":-1,"
           "\"partition_key\":null,\"aliases\":[\"one\",\"two\"]}]}");
    expect(fd, of("b", "\"type\":\"asset_events\",\"alias\":\"one\",\"above\":1"),
           "{\"events\":[]}");
    expect(fd, of("b", "\"type\":\"asset_events\",\"alias\":\"one\",\"offset\":-1"),
           "offset is a number");
    /* by hand: named by its uri alone it is the asset that the store has; once under a key */
    expect(fd,
           "{\"v\":1,\"id\":1,\"type\":\"asset_event_report\",\"uri\":\"s3://"
           "x\",\"key\":\"k1\",\"key2\":\"k2\","
           "\"extra\":{\"n\":2},\"actor\":\"anna\"}",
           "{\"created\":true}");
    expect(fd,
           "{\"v\":1,\"id\":1,\"type\":\"asset_event_report\",\"uri\":\"s3://"
           "x\",\"key\":\"k3\",\"key2\":\"k1\"}",
           "{\"created\":false}");
    expect(fd, of("b", "\"type\":\"asset_events\",\"name\":\"s3://x\",\"above\":1"),
           "\"group\":\"asset\",\"asset_extra\":{},\"extra\":{\"n\":2},\"dag_id\":null");
    expect(fd, "{\"v\":1,\"id\":1,\"type\":\"asset_event_report\"}", "\"code\":\"INVALID\"");
    expect(fd, "{\"v\":1,\"id\":1,\"type\":\"asset_event_report\",\"name\":\"a\",\"extra\":3}",
           "\"code\":\"INVALID\"");
    expect(
        fd,
        "{\"v\":1,\"id\":1,\"type\":\"asset_event_report\",\"name\":\"a\",\"partition_key\":\"\"}",
        "\"code\":\"INVALID\"");
    (void)close(fd);
    return world_finish(g, e);
}

static int people(struct engine *g, struct err *e)
{
    char answer[256];
    int fd;

    assert_int_equal(serve(g, e), 0);
    wait_for("b");
    fd = connect_to();
    (void)snprintf(
        answer, sizeof answer,
        "{\"v\":1,\"id\":1,\"type\":\"hitl_respond\",\"run_key\":%lld,\"task\":1,\"by\":\"anna\","
        "\"options\":[\"yes\"]}",
        (long long)world.run_key);
    expect(fd, answer, "\"code\":\"NOTFOUND\""); /* it asks nobody */
    expect(fd, of("b", "\"type\":\"hitl_get\""), "\"found\":false,\"response\":null");
    expect(fd, of("b", "\"type\":\"hitl_request\""), "\"code\":\"PROTOCOL\"");
    expect(fd, of("b", "\"type\":\"hitl_request\",\"request\":{\"options\":[\"no\"]}"),
           "\"ok\":true");
    expect(fd, answer, "\"code\":\"INVALID\""); /* not one of the options */
    expect(fd, of("b", "\"type\":\"hitl_request\",\"request\":{\"options\":[\"yes\",\"no\"]}"),
           "\"ok\":true");
    expect(fd, of("b", "\"type\":\"hitl_get\""), "\"found\":true,\"response\":null");
    expect(fd, answer, "\"ok\":true");
    expect(fd, answer, "\"code\":\"CONFLICT\""); /* answered already */
    expect(fd, of("b", "\"type\":\"hitl_request\",\"request\":{\"options\":[\"yes\",\"no\"]}"),
           "\"ok\":true");
    expect(fd, of("b", "\"type\":\"hitl_get\""),
           "\"chosen_options\":[\"yes\"]"); /* the same try asked again */
    expect(fd, "{\"v\":1,\"id\":1,\"type\":\"hitl_respond\"}", "\"code\":\"PROTOCOL\"");
    (void)close(fd);
    return world_finish(g, e);
}

/* Two answers at once: one counts, and whoever gave the other hears of it. */
static int two_people(struct engine *g, struct err *e)
{
    static const char *const names[] = {"anna", "ben"}, *const words[] = {"yes", "no"};
    char text[256], said[2][512];
    int fds[2], asker, won;

    assert_int_equal(serve(g, e), 0);
    wait_for("b");
    asker = connect_to();
    expect(asker, of("b", "\"type\":\"hitl_request\",\"request\":{\"options\":[\"yes\",\"no\"]}"),
           "\"ok\":true");
    for (int i = 0; i < 2; i++) {
        fds[i] = connect_to();
    }
    for (int i = 0; i < 2; i++) {
        (void)snprintf(text, sizeof text,
                       "{\"v\":1,\"id\":1,\"type\":\"hitl_respond\",\"run_key\":%lld,\"task\":1,"
                       "\"by\":\"%s\",\"options\":[\"%s\"]}",
                       (long long)world.run_key, names[i], words[i]);
        transmit(fds[i], text);
    }
    for (int i = 0; i < 2; i++) {
        (void)snprintf(said[i], sizeof said[i], "%s", receive(fds[i]));
        (void)close(fds[i]);
    }
    won = strstr(said[0], "\"ok\":true") != NULL ? 0 : 1;
    assert_non_null(strstr(said[won], "\"ok\":true"));
    assert_non_null(strstr(said[1 - won], "\"code\":\"CONFLICT\""));
    (void)snprintf(text, sizeof text, "answered already by %s at ", names[won]);
    assert_non_null(strstr(said[1 - won], text));
    (void)snprintf(text, sizeof text, "\"chosen_options\":[\"%s\"]", words[won]);
    expect(asker, of("b", "\"type\":\"hitl_get\""), text);
    (void)close(asker);
    return world_finish(g, e);
}

static void in_world(int (*fn)(struct engine *g, struct err *e))
{
    struct err e = {0};
    int rc;

    world_open("@shop; a; b <- a");
    world.uv = true;
    world.process_us = TIME_SECOND / 5;
    world.xcom = "[1,2.50]";
    world.asset = "s3://x";
    rc = world_live(fn, &e);
    if (rc != 0) {
        fail_msg("%s: %s", err_name(rc), err_str(&e));
    }
    assert_int_equal(access(path, F_OK), -1); /* gone with the engine */
    assert_int_equal(rmdir(home), 0);
    world_close();
}

static void attempts_ask_about_other_runs(void **state)
{
    (void)state;
    in_world(other_runs);
}

static void attempts_ask_about_assets(void **state)
{
    (void)state;
    in_world(asks_about_assets);
}

static void two_people_answer(void **state)
{
    (void)state;
    in_world(two_people);
}

static void people_answer(void **state)
{
    (void)state;
    in_world(people);
}

static void attempts_ask(void **state)
{
    (void)state;
    in_world(questions);
}

/* ---- commands ---- */

static int commands(struct engine *g, struct err *e)
{
    char text[256];
    int fd;

    assert_int_equal(serve(g, e), 0);
    assert_int_equal(world_finish(g, e), 0);
    fd = connect_to();
    (void)snprintf(text, sizeof text,
                   "{\"v\":1,\"type\":\"command\",\"op\":\"clear\",\"run_key\":%lld,\"tasks\":[1],"
                   "\"key\":\"c1\"}",
                   (long long)world.run_key);
    expect(fd, text, "\"affected\":1");
    assert_int_equal(world_finish(g, e), 0);
    expect(fd, text, "\"affected\":0"); /* the same key */
    assert_int_equal(world_started("b"), 2);
    expect(fd, "{\"v\":1,\"type\":\"command\",\"op\":\"run\",\"file\":\"x\"}",
           "{\"started\":true}");
    expect(fd, "{\"v\":1,\"type\":\"command\",\"op\":\"run\",\"file\":\"bad\"}",
           "\"error\":\"no such file\"");
    expect(fd, "{\"v\":1,\"type\":\"command\",\"op\":\"dance\",\"run_key\":1}",
           "\"code\":\"PROTOCOL\"");
    expect(fd, "{\"v\":1,\"type\":\"command\",\"op\":\"clear\"}", "\"code\":\"PROTOCOL\"");
    expect(fd, "{\"v\":1,\"type\":\"command\",\"op\":\"clear\",\"run_key\":-1}",
           "\"code\":\"PROTOCOL\"");
    expect(fd, "{\"v\":1,\"type\":\"command\",\"op\":\"clear\",\"run_key\":4711}", "\"ok\":false");
    (void)snprintf(
        text, sizeof text,
        "{\"v\":1,\"type\":\"command\",\"op\":\"clear\",\"run_key\":%lld,\"tasks\":[99]}",
        (long long)world.run_key);
    expect(fd, text, "\"ok\":false");
    (void)snprintf(
        text, sizeof text,
        "{\"v\":1,\"type\":\"command\",\"op\":\"mark\",\"run_key\":%lld,\"state\":\"odd\"}",
        (long long)world.run_key);
    expect(fd, text, "\"code\":\"PROTOCOL\"");
    (void)close(fd);
    return 0;
}

static void others_command(void **state)
{
    (void)state;
    in_world(commands);
}

/* ---- what is not a request ---- */

static void send_raw(const void *p, size_t n)
{
    int fd = connect_to();

    assert_int_equal(co_write_all(fd, p, n), 0);
    assert_null(receive(fd)); /* closed, without a word */
    (void)close(fd);
}

static int nonsense(struct engine *g, struct err *e)
{
    static const char *const bodies[] = {"",
                                         "{",
                                         "[]",
                                         "3",
                                         "{\"v\":1}",
                                         "{\"v\":99,\"type\":\"ping\"}",
                                         "{\"type\":\"ping\"}",
                                         "{\"v\":1,\"type\":3}",
                                         "\xff\xfe"};
    int fd;

    assert_int_equal(serve(g, e), 0);
    send_raw("\0\0\0\0", 4);
    send_raw("\xff\xff\xff\xff", 4);
    send_raw("GET / HTTP/1.1\r\n\r\n", 18);
    for (size_t i = 1; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct buf b BUF_CLEANUP;

        buf_init(&b, 1024);
        assert_int_equal(wire_append(&b, bodies[i], strlen(bodies[i])), 0);
        send_raw(b.p, b.len);
    }
    fd = connect_to(); /* half a frame, then nothing more */
    assert_int_equal(co_write_all(fd, "\x10\0\0\0{\"v\"", 8), 0);
    (void)close(fd);
    fd = connect_to();
    expect(fd, "{\"v\":1,\"type\":\"nonsense\",\"id\":1}", "\"code\":\"UNSUPPORTED\"");
    expect(fd, "{\"v\":1,\"type\":\"ping\",\"id\":{\"a\":[1]}}",
           "\"id\":{\"a\":[1]},\"ok\":true"); /* and it goes on */
    (void)close(fd);
    return world_finish(g, e);
}

static void nonsense_harms_nobody(void **state)
{
    (void)state;
    in_world(nonsense);
}

static int left_open(struct engine *g, struct err *e)
{
    int rc;

    assert_int_equal(serve(g, e), 0);
    rc = world_finish(g, e);
    for (int i = 0; i < 20; i++) {
        (void)
            connect_to(); /* clients that never say anything do not hold the engine: it closes while they wait */
    }
    return rc;
}

static void silent_clients_hold_nothing(void **state)
{
    (void)state;
    in_world(left_open);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attempts_ask),
        cmocka_unit_test(attempts_ask_about_other_runs),
        cmocka_unit_test(attempts_ask_about_assets),
        cmocka_unit_test(people_answer),
        cmocka_unit_test(two_people_answer),
        cmocka_unit_test(others_command),
        cmocka_unit_test(nonsense_harms_nobody),
        cmocka_unit_test(silent_clients_hold_nothing),
    };

    log_setup(2, LOG_LEVEL_OFF, 0, NULL);
    return cmocka_run_group_tests_name("engine socket", tests, NULL, NULL);
}
