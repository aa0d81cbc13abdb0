/* The local executor with real holders and processes. */
#include "world.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

static const char *home_path(const char *name)
{
    static char paths[4][128];
    static int next;
    char *path = paths[next++ % 4];

    (void)snprintf(path, sizeof paths[0], "%.40s/%.80s", world_home, name);
    return path;
}

static const char *shell(const char *fmt, const char *a)
{
    static char text[512];

    (void)snprintf(text, sizeof text, fmt, a);
    return text;
}

static int one(void *arg)
{
    struct world w;
    struct uuid a;
    struct seen *s;

    world_open(&w, 2);
    a = world_start(&w, "echo hello; echo $BASE $TRADEWIND_ATTEMPT; echo last; exit 3");
    s = world_wait_ended(&w, &a);
    assert_int_equal(s->started, 1);
    assert_int_equal(s->ended, 1);
    assert_int_equal(s->end.exit_code, 3);
    assert_int_equal(s->end.signal, 0);
    assert_false(s->end.not_seen);
    assert_string_equal(s->last_line, "last");
    assert_non_null(strstr(world_log(&a), "hello\nyes "));
    assert_int_equal(w.x->running, 0);
    world_close(&w);
    return 0;
}

static int many(void *arg)
{
    struct uuid ids[200];
    struct world w;

    world_open(&w, 4);
    for (int i = 0; i < 200; i++) {
        ids[i] = world_start(&w, "exit 0");
        assert_true(w.x->running <= 4);
        assert_int_equal(w.x->running + w.x->waiting, i + 1);
    }
    for (int i = 0; i < 200; i++) {
        struct seen *s = world_wait_ended(&w, &ids[i]);

        assert_int_equal(s->end.exit_code, 0);
        assert_int_equal(s->ended, 1);
    }
    assert_int_equal(w.x->running, 0);
    assert_int_equal(w.x->waiting, 0);
    world_close(&w);
    return 0;
}

/* One slot: exactly in the order given. */
static int in_order(void *arg)
{
    struct uuid ids[50];
    struct world w;

    world_open(&w, 1);
    for (int i = 0; i < 50; i++) {
        ids[i] = world_start(&w, "exit 0");
    }
    for (int i = 0; i < 50; i++) {
        assert_int_equal(world_wait_ended(&w, &ids[i])->order, i);
    }
    world_close(&w);
    return 0;
}

static int kills(void *arg)
{
    struct uuid runs, waits;
    struct world w;
    struct seen *s;

    world_open(&w, 1);
    runs = world_start(&w, "sleep 1000");
    waits = world_start(&w, "echo never");
    (void)world_wait_started(&w, &runs);
    exec_kill(w.x, &waits, "cleared", 0);
    assert_int_equal(world_seen(&w, &waits)->ended, 0); /* never from within the call */
    s = world_wait_ended(&w, &waits);
    assert_string_equal(s->killed, "cleared");
    assert_int_equal(s->end.pid, 0);
    assert_int_equal(s->started, 0);
    exec_kill(w.x, &runs, "user", 1000000);
    s = world_wait_ended(&w, &runs);
    assert_string_equal(s->killed, "user");
    assert_int_equal(s->end.signal, SIGTERM);
    world_wait_dead(s->pid);
    /* Killing what is just being sent is not lost. */
    runs = world_start(&w, "sleep 1000");
    exec_kill(w.x, &runs, "at once", 0);
    s = world_wait_ended(&w, &runs);
    assert_string_equal(s->killed, "at once");
    world_close(&w);
    return 0;
}

static int options(void *arg)
{
    const char *env[] = {"COLOR=green", "BASE=no", NULL}, *secrets[] = {"hunter2", NULL};
    const char *argv[] = {"sh", "-c", "echo $COLOR $BASE hunter2; pwd", NULL};
    const char *missing[] = {"no-such-program", NULL};
    struct exec_spec spec = {
        .argv = argv, .env = env, .secrets = secrets, .cwd = "/", .last_line = true};
    struct exec_spec absent = {.argv = missing};
    struct exec_spec late = {
        .argv = (const char *[]){"sleep", "1000", NULL}, .timeout_us = 50000, .grace_us = 100000};
    struct uuid a;
    struct world w;
    struct seen *s;

    world_open(&w, 1);
    a = world_start_spec(&w, &spec);
    s = world_wait_ended(&w, &a);
    assert_string_equal(s->last_line, "/");
    assert_string_equal(world_log(&a), "green no ***\n/\n");
    a = world_start_spec(&w, &absent);
    s = world_wait_ended(&w, &a);
    assert_non_null(strstr(s->error, "no-such-program"));
    assert_int_equal(s->end.exit_code, -1);
    assert_int_equal(s->started, 0);
    a = world_start_spec(&w, &late);
    s = world_wait_ended(&w, &a);
    assert_string_equal(s->killed, "timeout");
    assert_int_equal(
        exec_start(w.x, &(struct exec_spec){.attempt = a, .argv = argv, .log = "/tmp/x"}, NULL), 0);
    assert_int_equal(
        exec_start(w.x, &(struct exec_spec){.attempt = a, .argv = argv, .log = "/tmp/x"}, NULL),
        -ERR_EXISTS);
    world_seen(&w, &a)->ended = 0;
    world_seen(&w, &a)->started = 0;
    s = world_wait_ended(&w, &a);
    (void)unlink("/tmp/x");
    world_close(&w);
    return 0;
}

/* Rules 7, 8: a holder dies under a living engine. */
static int holder_dies(void *arg)
{
    struct world w;
    struct uuid a, b;
    struct seen *s;
    int64_t child, holder;

    world_open(&w, 1);
    a = world_start(&w, shell("(setsid sh -c 'echo $$ > %s; exec sleep 1000' &); sleep 1000",
                              home_path("child")));
    b = world_start(&w, "echo next");
    s = world_wait_started(&w, &a);
    child = world_number_in(home_path("child"));
    holder = world_holder_pid(s->holder);
    assert_true(holder > 1);
    assert_int_equal(kill((pid_t)holder, SIGKILL), 0);
    s = world_wait_ended(&w, &a);
    assert_true(s->end.not_seen);
    assert_null(s->end.error);
    assert_int_equal(s->end.exit_code, -1);
    assert_false(world_lives(child)); /* killed before the end was told */
    assert_false(world_lives(s->pid));
    s = world_wait_ended(&w, &b); /* and the slot goes on with another holder */
    assert_int_equal(s->end.exit_code, 0);
    world_close(&w);
    return 0;
}

/* Somebody removed the journal: what began is still not taken for something that did not. */
static int journal_removed(void *arg)
{
    struct world w;
    struct uuid a;
    struct seen *s;
    int64_t holder;

    world_open(&w, 1);
    a = world_start(&w, "sleep 1000");
    s = world_wait_started(&w, &a);
    holder = world_holder_pid(s->holder);
    assert_int_equal(unlink(home_path(shell("holders/%s.journal", s->holder))), 0);
    assert_int_equal(kill((pid_t)holder, SIGKILL), 0);
    s = world_wait_ended(&w, &a);
    assert_true(s->end.not_seen);
    assert_false(world_lives(s->pid));
    world_close(&w);
    return 0;
}

/* The connection alone breaks: nothing is lost, nothing runs twice. */
static int connection_breaks(void *arg)
{
    struct uuid ids[40];
    struct world w;

    world_open(&w, 3);
    for (int i = 0; i < 40; i++) {
        ids[i] = world_start(&w, shell("echo x >> %s; exit 7", home_path("count")));
    }
    for (int i = 0; i < 40; i++) {
        struct seen *s = world_wait_ended(&w, &ids[i]);

        assert_int_equal(s->end.exit_code, 7);
        assert_int_equal(s->ended, 1);
        if (i % 4 == 0 && s->holder[0] != '\0') {
            /* A connection of somebody else replaces ours. */
            (void)world_holder_pid(s->holder);
        }
    }
    {
        struct stat st;

        assert_int_equal(stat(home_path("count"), &st), 0);
        assert_int_equal(st.st_size, 80);
    }
    world_close(&w);
    return 0;
}

/* ---- adoption ---- */

struct left { /* what the first engine leaves for the second */
    struct uuid runs, ended, lost, claimed;
    char lost_holder[80];
};

static void left_save(const struct left *left)
{
    int fd = open(home_path("left"), O_WRONLY | O_CREAT | O_TRUNC, 0600);

    if (write(fd, left, sizeof *left) != (ssize_t)sizeof *left) {
        abort();
    }
    (void)close(fd);
}

static void left_load(struct left *left)
{
    int fd = open(home_path("left"), O_RDONLY);

    assert_int_equal(read(fd, left, sizeof *left), sizeof *left);
    (void)close(fd);
}

static int first_engine(void *arg)
{
    struct left left = {0};
    struct world w;
    struct seen *s;

    world_open(&w, 3);
    w.ack_at_once = false;
    left.runs = world_start(
        &w, shell("echo begun; while [ ! -e %s ]; do sleep 0.01; done; echo done; exit 5",
                  home_path("go")));
    left.ended = world_start(&w, "echo ended; exit 6");
    left.lost = world_start(&w, shell("echo $$ > %s; exec sleep 1000", home_path("lost")));
    (void)world_wait_started(&w, &left.runs);
    (void)world_wait_ended(&w, &left.ended); /* but never acknowledged */
    s = world_wait_started(&w, &left.lost);
    (void)world_number_in(home_path("lost"));
    (void)snprintf(left.lost_holder, sizeof left.lost_holder, "%s", s->holder);
    left.claimed = world_uuid(&w);
    left_save(&left);
    _exit(0);
}

static int second_engine(void *arg)
{
    struct left left;
    struct uuid live[4], never[4];
    struct world w;
    struct seen *s;
    size_t n;
    int64_t lost_pid;
    int fd;

    left_load(&left);
    live[0] = left.runs;
    live[1] = left.claimed;
    live[2] = left.ended;
    live[3] = left.lost;
    lost_pid = world_number_in(home_path("lost"));
    assert_int_equal(kill((pid_t)world_holder_pid(left.lost_holder), SIGKILL), 0);
    world_open(&w, 3);
    assert_int_equal(exec_adopt(w.x, live, 4, never, &n, NULL), 0);
    assert_int_equal(n, 1);
    assert_int_equal(uuid_cmp(&never[0], &left.claimed), 0);
    s = world_seen(&w, &left.ended);
    assert_int_equal(s->ended, 1);
    assert_int_equal(s->end.exit_code, 6);
    assert_string_equal(s->last_line, "ended");
    s = world_seen(&w, &left.lost);
    assert_int_equal(s->ended, 1);
    assert_true(s->end.not_seen);
    assert_false(world_lives(lost_pid));
    s = world_seen(&w, &left.runs);
    assert_int_equal(s->started, 1);
    assert_int_equal(s->ended, 0);
    assert_int_equal(w.x->running, 1);
    fd = open(home_path("go"), O_WRONLY | O_CREAT, 0600);
    (void)close(fd);
    s = world_wait_ended(&w, &left.runs);
    assert_int_equal(s->end.exit_code, 5);
    assert_string_equal(s->last_line, "done");
    world_close(&w);
    return 0;
}

/* What a store that went back in time does not know is ended (rule 2), and an acknowledged journal
 * is gone. */
static int third_engine(void *arg)
{
    struct world w;
    size_t n;

    world_open(&w, 1);
    assert_int_equal(exec_adopt(w.x, NULL, 0, NULL, &n, NULL), 0);
    assert_int_equal(n, 0);
    assert_int_equal(w.seen_len, 0);
    world_close(&w);
    return 0;
}

static void adoption(void **state)
{
    world_run_process(first_engine);
    world_run(second_engine);
    world_run(third_engine);
}

static int unwanted_first(void *arg)
{
    struct world w;
    struct uuid a;

    world_open(&w, 1);
    a = world_start(&w, shell("echo $$ > %s; exec sleep 1000", home_path("unwanted")));
    (void)world_wait_started(&w, &a);
    (void)world_number_in(home_path("unwanted"));
    _exit(0);
}

static void unwanted(void **state)
{
    int64_t pid;

    world_run_process(unwanted_first);
    pid = world_number_in(home_path("unwanted"));
    assert_true(world_lives(pid));
    world_run(third_engine);
    world_wait_dead(pid);
}

/* exec_close leaves what runs; the next one in the same process adopts it. */
static int close_and_adopt(void *arg)
{
    struct uuid a, never;
    struct world w;
    struct seen *s;
    size_t n;

    world_open(&w, 1);
    a = world_start(&w, "sleep 0.3; echo out; exit 4");
    (void)world_wait_started(&w, &a);
    world_close(&w);
    world_open(&w, 1);
    assert_int_equal(exec_adopt(w.x, &a, 1, &never, &n, NULL), 0);
    assert_int_equal(n, 0);
    s = world_wait_ended(&w, &a);
    assert_int_equal(s->end.exit_code, 4);
    assert_string_equal(s->last_line, "out");
    world_close(&w);
    return 0;
}

static int python(void *arg)
{
    struct exec_spec spec = {.python = "{\"do\":\"exit\",\"code\":3,\"name\":\"p\"}",
                             .last_line = true,
                             .grace_us = 1000000};
    struct exec_spec other = spec;
    struct uuid ids[6], alien;
    char *response = NULL;
    struct err e = {0};
    struct world w;
    struct seen *s;

    world_open(&w, 4);
    for (int i = 0; i < 6; i++) {
        spec.attempt = (struct uuid){0};
        ids[i] = world_start_spec(&w, &spec);
    }
    assert_int_equal(w.x->running, 4);
    assert_int_equal(exec_parse(w.x, "{\"file\":\"/x.py\"}", &response, &e), 0);
    assert_non_null(strstr(response, "\"echo\":{\"file\":\"/x.py\"}"));
    mem_free(response);
    assert_int_equal(exec_parse(w.x, "{\"do\":\"die\"}", &response, &e), -ERR_FAILED);
    assert_non_null(strstr(e.text, "cannot go on"));
    for (int i = 0; i < 6; i++) {
        s = world_wait_ended(&w, &ids[i]);
        /* All in one holder. Its runner was killed in between: nothing is lost by that. */
        assert_int_equal(s->end.exit_code, 3);
        assert_string_equal(s->last_line, "hello from p");
        assert_string_equal(s->holder, world_seen(&w, &ids[0])->holder);
    }
    other.interpreter = "/no/such/python";
    alien = world_start_spec(&w, &other);
    s = world_wait_ended(&w, &alien);
    assert_non_null(strstr(s->error, "/no/such/python"));
    world_close(&w);
    return 0;
}

/* Rule 7. Holders are killed at any time: each attempt ends once, and none begins twice. */
static int killed_at_random(void *arg)
{
    struct uuid ids[60];
    struct world w;
    struct prng r;

    prng_seed(&r, 7);
    world_open(&w, 3);
    for (int i = 0; i < 60; i++) {
        ids[i] = world_start(
            &w, shell("echo x >> %s/$TRADEWIND_ATTEMPT; sleep 0.005; exit 2", world_home));
    }
    for (int i = 0; i < 60; i++) {
        if (prng_below(&r, 3) == 0) {
            for (size_t k = 0; k < w.seen_len; k++) {
                if (w.seen[k].started != 0 && w.seen[k].ended == 0) {
                    int64_t pid = world_holder_pid(w.seen[k].holder);

                    if (pid > 1) {
                        (void)kill((pid_t)pid, SIGKILL);
                    }
                    break;
                }
            }
        }
        (void)world_wait_ended(&w, &ids[i]);
    }
    for (int i = 0; i < 60; i++) {
        struct seen *s = world_seen(&w, &ids[i]);
        char id[UUID_TEXT_MAX];
        struct stat st = {0};

        (void)stat(home_path(uuid_format(&ids[i], id)), &st);
        assert_int_equal(s->ended, 1);
        assert_true(st.st_size <= 2);
        assert_true(s->end.not_seen ? s->end.exit_code == -1
                                    : s->end.exit_code == 2 && st.st_size == 2);
    }
    world_close(&w);
    return 0;
}

/* Any one allocation fails: an error at once, or an end; never silence, never a second run. */
static int out_of_memory(void *arg)
{
    for (uint64_t nth = 1; nth < 120; nth++) {
        const char *argv[] = {"sh", "-c", NULL, NULL};
        struct exec_spec spec = {.argv = argv, .last_line = true};
        char log[160], id[UUID_TEXT_MAX];
        struct stat st = {0};
        struct world w;
        int rc = -ERR_NOMEM;

        argv[2] = shell("echo x >> %s/$TRADEWIND_ATTEMPT", world_home);
        mem_fail_at(nth, 0);
        world_open(&w, 1);
        spec.attempt = world_uuid(&w);
        (void)snprintf(log, sizeof log, "%s/log", world_home);
        spec.log = log;
        if (w.opened == 0) {
            rc = exec_start(w.x, &spec, NULL);
        }
        assert_true(rc == 0 || rc == -ERR_NOMEM);
        if (rc == 0) {
            struct seen *s = world_wait_ended(&w, &spec.attempt);

            (void)stat(home_path(uuid_format(&spec.attempt, id)), &st);
            assert_int_equal(s->ended, 1);
            assert_true(s->end.exit_code == 0 ? st.st_size == 2 : st.st_size == 0);
        }
        world_close(&w);
        mem_fail_at(0, 0);
    }
    return 0;
}

static int no_program(void *arg)
{
    struct world w;
    struct uuid a;
    struct seen *s;
    char *program = strdup(getenv("TRADEWIND_HOLDER"));

    (void)setenv("TRADEWIND_HOLDER", "/no/such/holder", 1);
    world_open(&w, 1);
    (void)setenv("TRADEWIND_HOLDER", program, 1);
    free(program);
    a = world_start(&w, "echo x");
    s = world_wait_ended(&w, &a);
    assert_int_equal(s->started, 0);
    assert_non_null(strstr(s->error, "holder"));
    world_close(&w);
    return 0;
}

#define RUN(name)                        \
    static void name##_run(void **state) \
    {                                    \
        world_run(name);                 \
    }
RUN(one)
RUN(many)
RUN(in_order)
RUN(kills)
RUN(options)
RUN(holder_dies)
RUN(journal_removed)
RUN(connection_breaks)
RUN(close_and_adopt)
RUN(no_program)
RUN(python)
RUN(killed_at_random)
RUN(out_of_memory)

static int setup(void **state)
{
    world_home_make();
    return 0;
}

static int teardown(void **state)
{
    world_home_remove();
    return 0;
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(one_run),
        TEST(many_run),
        TEST(in_order_run),
        TEST(kills_run),
        TEST(options_run),
        TEST(holder_dies_run),
        TEST(journal_removed_run),
        TEST(connection_breaks_run),
        TEST(adoption),
        TEST(unwanted),
        TEST(close_and_adopt_run),
        TEST(no_program_run),
        TEST(python_run),
        TEST(killed_at_random_run),
        TEST(out_of_memory_run),
    };

    if (argc > 1) {
        cmocka_set_test_filter(argv[1]);
    }
    return cmocka_run_group_tests_name("exec-local", tests, NULL, NULL);
}
