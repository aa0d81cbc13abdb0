/* Framing, journal lines and files, logs and last lines: the holder's parts that need no holder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/wire.h"
#include "holder/journal.h"
#include "holder/last_line.h"
#include "holder/log.h"

static char folder[64];

static int setup(void **state)
{
    (void)snprintf(folder, sizeof folder, "/tmp/tw-parts-XXXXXX");
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int teardown(void **state)
{
    char command[128];

    (void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

/* ---- framing ---- */

static void frames_at_every_cut(void **state)
{
    static const char body1[] = "{\"v\":1,\"type\":\"a\"}", body2[] = "{}";
    struct buf stream BUF_CLEANUP;

    buf_init(&stream, 1 << 20);
    assert_int_equal(wire_append(&stream, body1, strlen(body1)), 0);
    assert_int_equal(wire_append(&stream, body2, strlen(body2)), 0);
    for (size_t cut = 0; cut <= stream.len; cut++) {
        struct wire_reader r;
        const char *body;
        char all[128] = "";
        size_t n;
        int rc = 0;

        wire_reader_init(&r);
        for (int part = 0; part < 2; part++) {
            assert_int_equal(wire_reader_put(&r, stream.p + (part == 0 ? 0 : cut),
                                             part == 0 ? cut : stream.len - cut),
                             0);
            while ((rc = wire_reader_next(&r, &body, &n)) == 1) {
                (void)strncat(all, body, n);
                (void)strcat(all, ";");
            }
            assert_int_equal(rc, 0);
        }
        assert_string_equal(all, "{\"v\":1,\"type\":\"a\"};{};");
        wire_reader_fini(&r);
    }
}

static int next_of(const void *bytes, size_t len)
{
    struct wire_reader r;
    const char *body;
    size_t n;
    int rc;

    wire_reader_init(&r);
    assert_int_equal(wire_reader_put(&r, bytes, len), 0);
    rc = wire_reader_next(&r, &body, &n);
    wire_reader_fini(&r);
    return rc;
}

static void frames_malformed(void **state)
{
    assert_int_equal(next_of("\0\0\0\0", 4), -ERR_PROTOCOL);
    assert_int_equal(next_of("\xff\xff\xff\xff", 4), -ERR_PROTOCOL);
    for (size_t over = 0; over < 2; over++) {
        size_t n = LIMIT_MESSAGE + over;
        unsigned char header[4] = {n & 255, n >> 8 & 255, n >> 16 & 255, n >> 24 & 255};

        assert_int_equal(next_of(header, 4), over == 0 ? 0 : -ERR_PROTOCOL);
    }
    assert_int_equal(next_of("\x01\x00\x00", 3), 0);
}

static int parse_of(const char *body, const char *want_type)
{
    const struct value *v;
    const char *type;
    struct arena a;
    int rc;

    arena_init(&a, 1 << 20);
    rc = wire_parse(&a, body, strlen(body), &v, &type, NULL);
    if (rc == 0) {
        assert_string_equal(type, want_type);
    }
    arena_fini(&a);
    return rc;
}

/* One release apart is understood; what is farther away says what to do. */
static void versions(void **state)
{
    static const struct {
        const char *body, *says;
    } all[] = {{"{\"v\":99,\"type\":\"x\"}", "a newer release; start that one"},
               {"{\"v\":-1,\"type\":\"x\"}", "a much older release; let its tasks end"}};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const struct value *v;
        const char *type;
        struct err e = {0};
        struct arena a;

        arena_init(&a, 1 << 20);
        assert_int_equal(wire_parse(&a, all[i].body, strlen(all[i].body), &v, &type, &e),
                         -ERR_PROTOCOL);
        assert_non_null(strstr(e.text, all[i].says));
        arena_fini(&a);
    }
}

static void messages(void **state)
{
    assert_int_equal(parse_of("{\"v\":1,\"type\":\"x\",\"other\":[1]}", "x"), 0);
    assert_int_equal(parse_of("{\"v\":2,\"type\":\"x\"}", ""), -ERR_PROTOCOL);
    assert_int_equal(parse_of("{\"v\":0,\"type\":\"x\"}", ""), -ERR_PROTOCOL);
    assert_int_equal(parse_of("{\"v\":\"1\",\"type\":\"x\"}", ""), -ERR_PROTOCOL);
    assert_int_equal(parse_of("{\"type\":\"x\"}", ""), -ERR_PROTOCOL);
    assert_int_equal(parse_of("{\"v\":1}", ""), -ERR_PROTOCOL);
    assert_int_equal(parse_of("{\"v\":1,\"type\":1}", ""), -ERR_PROTOCOL);
    assert_int_equal(parse_of("[1]", ""), -ERR_PROTOCOL);
    assert_int_equal(parse_of("{\"v\":1", ""), -ERR_PROTOCOL);
    assert_int_equal(parse_of("nonsense", ""), -ERR_PROTOCOL);
}

/* A frame that cannot be made leaves the earlier ones whole. */
static void frames_out_of_memory(void **state)
{
    for (uint64_t nth = 1; nth < 10; nth++) {
        static char big[4096];
        struct buf out BUF_CLEANUP;
        size_t before;
        int rc;

        memset(big, 'x', sizeof big);
        buf_init(&out, 1 << 20);
        assert_int_equal(wire_append(&out, "{}", 2), 0);
        before = out.len;
        mem_fail_at(nth, 0);
        rc = wire_append(&out, big, sizeof big);
        mem_fail_at(0, 0);
        assert_true(rc == 0 || rc == -ERR_NOMEM);
        assert_int_equal(out.len, rc == 0 ? before + 4 + sizeof big : before);
        assert_int_equal(wire_append(&out, "{}", 2), 0);
    }
}

/* ---- journal ---- */

static void crc(void **state)
{
    assert_int_equal(crc32_bytes("123456789", 9), 0xcbf43926);
    assert_int_equal(crc32_bytes("", 0), 0);
}

static void line_add(struct buf *b, const char *json)
{
    size_t mark;

    assert_int_equal(journal_begin(b, &mark), 0);
    assert_int_equal(buf_str(b, json), 0);
    assert_int_equal(journal_end(b, mark), 0);
}

static int count_lines(const char *text, size_t n, size_t *ret_damaged)
{
    const char *json;
    size_t pos = 0, len;
    int lines = 0;

    *ret_damaged = 0;
    while (journal_next(text, n, &pos, &json, &len, ret_damaged)) {
        assert_true(len >= 2 && json[0] == '{' && json[len - 1] == '}');
        lines++;
    }
    return lines;
}

/* Cut anywhere, and with any one bit flipped: the whole lines are read, the damaged one is not. */
static void journal_damage(void **state)
{
    struct buf b BUF_CLEANUP;
    size_t first, damaged;

    buf_init(&b, 1 << 20);
    line_add(&b, "{\"a\":1}");
    first = b.len;
    line_add(&b, "{\"b\":22}");
    assert_int_equal(count_lines(b.p, b.len, &damaged), 2);
    assert_int_equal(damaged, 0);
    for (size_t n = 0; n < b.len; n++) {
        assert_int_equal(count_lines(b.p, n, &damaged), n < first ? 0 : 1);
        assert_int_equal(damaged, n == 0 || n == first ? 0 : 1);
    }
    for (size_t i = 0; i < b.len; i++) {
        for (int bit = 0; bit < 8; bit++) {
            b.p[i] = (char)(b.p[i] ^ 1 << bit);
            assert_in_range(count_lines(b.p, b.len, &damaged), 0, 1);
            b.p[i] = (char)(b.p[i] ^ 1 << bit);
        }
    }
}

static void journal_file(void **state)
{
    int dir = open(folder, O_RDONLY | O_DIRECTORY), other;
    struct journal j = {0};
    struct err e = {0};
    struct stat st;

    assert_int_equal(journal_lock(dir, "x.journal", false, &j.fd, &e), -ERR_NOTFOUND);
    assert_int_equal(journal_lock(dir, "x.journal", true, &j.fd, &e), 0);
    assert_int_equal(journal_lock(dir, "x.journal", false, &other, &e), -ERR_BUSY);
    assert_int_equal(journal_append(&j, "line\n", 5, &e), 0);
    assert_int_equal(journal_replace(&j, dir, "x.journal", "new\n", 4, &e), 0);
    assert_int_equal(journal_lock(dir, "x.journal", false, &other, &e),
                     -ERR_BUSY); /* the lock went along */
    assert_int_equal(journal_append(&j, "more\n", 5, &e), 0);
    assert_int_equal(fstatat(dir, "x.journal", &st, 0), 0);
    assert_int_equal(st.st_size, 9);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(journal_cut(&j, &e), 0);
    assert_int_equal(fstatat(dir, "x.journal", &st, 0), 0);
    assert_int_equal(st.st_size, 0);
    (void)close(j.fd);
    assert_int_equal(journal_lock(dir, "x.journal", false, &other, &e), 0);
    (void)close(other);
    (void)close(dir);
}

/* No room: a part of a line that was written is taken back, so that the next line is whole. */
static void journal_full(void **state)
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        struct rlimit limit = {.rlim_cur = 100, .rlim_max = RLIM_INFINITY};
        int dir = open(folder, O_RDONLY | O_DIRECTORY);
        struct journal j = {0};
        char line[61];

        memset(line, 'x', 60);
        line[60] = '\n';
        (void)signal(SIGXFSZ, SIG_IGN);
        if (journal_lock(dir, "f.journal", true, &j.fd, NULL) != 0 ||
            journal_append(&j, line, 61, NULL) != 0) {
            _exit(1);
        }
        (void)setrlimit(RLIMIT_FSIZE, &limit);
        if (journal_append(&j, line, 61, NULL) == 0 || j.size != 61 ||
            lseek(j.fd, 0, SEEK_END) != 61) {
            _exit(2);
        }
        limit.rlim_cur = RLIM_INFINITY;
        (void)setrlimit(RLIMIT_FSIZE, &limit);
        _exit(journal_append(&j, line, 61, NULL) == 0 && lseek(j.fd, 0, SEEK_END) == 122 ? 0 : 3);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

/* ---- last lines ---- */

static void last_of(const char *whole, const char *want)
{
    size_t n = strlen(whole);

    for (size_t cut = 0; cut <= n; cut++) {
        struct last_line l;
        const char *got;
        size_t len;

        assert_int_equal(last_line_init(&l, true), 0);
        last_line_feed(&l, whole, cut);
        last_line_feed(&l, whole + cut, n - cut);
        got = last_line_get(&l, &len);
        assert_int_equal(len, strlen(want));
        assert_memory_equal(got, want, len);
        last_line_fini(&l);
    }
}

static void last_lines(void **state)
{
    last_of("", "");
    last_of("one", "one");
    last_of("one\n", "one");
    last_of("one\ntwo", "two");
    last_of("one\ntwo \t\r\n", "two");
    last_of("one\n\n", "");
    last_of("one\n\n\nx", "x");
    last_of("\n", "");
}

static void last_line_long(void **state)
{
    static char big[70000];
    struct last_line l;
    const char *got;
    size_t len;

    for (size_t i = 0; i < sizeof big; i++) {
        big[i] = (char)('a' + i % 26);
    }
    for (size_t piece = 1000; piece < sizeof big; piece += 7919) {
        assert_int_equal(last_line_init(&l, true), 0);
        last_line_feed(&l, "before\n", 7);
        for (size_t at = 0; at < sizeof big; at += piece) {
            last_line_feed(&l, big + at, piece < sizeof big - at ? piece : sizeof big - at);
        }
        got = last_line_get(&l, &len);
        assert_int_equal(len, LIMIT_LAST_LINE);
        assert_memory_equal(got, big + sizeof big - len, len);
        last_line_fini(&l);
    }
    assert_int_equal(last_line_init(&l, false), 0);
    last_line_feed(&l, "x", 1);
    assert_null(last_line_get(&l, &len));
}

/* ---- logs ---- */

static const char *path_of(const char *name)
{
    static char path[160];

    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static long long size_of(const char *name)
{
    struct stat st;

    return stat(path_of(name), &st) == 0 ? (long long)st.st_size : -1;
}

static void log_segments(void **state)
{
    struct holder_log l;
    char path[160];

    (void)snprintf(path, sizeof path, "%s/deep/er/LOG", folder);
    holder_log_init(&l, path, 800);
    assert_int_equal(size_of("deep/er/LOG"), -1); /* made on the first byte */
    for (int i = 0; i < 5000; i++) {
        holder_log_write(&l, "0123456789", 10, 0);
    }
    holder_log_close(&l);
    assert_int_equal(size_of("deep/er/LOG"), 400);
    assert_int_equal(l.written + l.dropped, 50000);
    assert_int_equal(l.written, 800);
    assert_int_equal(size_of("deep/er/LOG.496"), 100);
    assert_int_equal(size_of("deep/er/LOG.493"), 100);
    assert_int_equal(size_of("deep/er/LOG.492"), -1);
    assert_int_equal(size_of("deep/er/LOG.1"), -1);
    /* The try goes on after a reschedule: in the same log. */
    holder_log_init(&l, path, 800);
    holder_log_write(&l, "more", 4, 0);
    holder_log_close(&l);
    assert_int_equal(size_of("deep/er/LOG.497"), 4);
    assert_int_equal(size_of("deep/er/LOG.493"), -1);
}

static void log_appends(void **state)
{
    struct holder_log l;
    char path[160];

    (void)snprintf(path, sizeof path, "%s/LOG", folder);
    for (int i = 0; i < 2; i++) {
        holder_log_init(&l, path, 0);
        holder_log_write(&l, "abc\n", 4, 0);
        holder_log_close(&l);
        assert_int_equal(l.written, 4);
    }
    assert_int_equal(size_of("LOG"), 8);
}

/* A full disk: bytes are counted, a mark tells of them, writing goes on when there is room. */
static void log_full(void **state)
{
    pid_t pid = fork();
    char path[160];
    int status;

    (void)snprintf(path, sizeof path, "%s/LOG", folder);
    if (pid == 0) {
        struct rlimit limit = {.rlim_cur = 10, .rlim_max = RLIM_INFINITY};
        struct holder_log l;

        (void)signal(SIGXFSZ, SIG_IGN);
        (void)setrlimit(RLIMIT_FSIZE, &limit);
        holder_log_init(&l, path, 1000);
        for (int i = 0; i < 5; i++) {
            holder_log_write(&l, "12345678", 8, 1000 + i);
        }
        if (l.written != 10 || l.dropped != 30) {
            _exit(1);
        }
        limit.rlim_cur = RLIM_INFINITY;
        (void)setrlimit(RLIMIT_FSIZE, &limit);
        holder_log_write(&l, "too early", 9, 2000);
        holder_log_write(&l, "end\n", 4, 10000000);
        holder_log_close(&l);
        _exit(l.dropped == 39 ? 0 : 2);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    {
        char text[256] = "";
        FILE *f = fopen(path, "r");

        (void)!fread(text, 1, sizeof text - 1, f);
        (void)fclose(f);
        assert_string_equal(text, "1234567812\n... 39 bytes left out (File too large) ...\nend\n");
    }
}

static void log_nowhere(void **state)
{
    struct holder_log l;

    holder_log_init(&l, "/proc/no/such/LOG", 1000);
    holder_log_write(&l, "abc", 3, 1);
    holder_log_close(&l);
    assert_int_equal(l.dropped, 3);
    assert_int_equal(l.written, 0);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(frames_at_every_cut),
        TEST(frames_malformed),
        TEST(messages),
        TEST(versions),
        TEST(frames_out_of_memory),
        TEST(crc),
        TEST(journal_damage),
        TEST(journal_file),
        TEST(journal_full),
        TEST(last_lines),
        TEST(last_line_long),
        TEST(log_segments),
        TEST(log_appends),
        TEST(log_full),
        TEST(log_nowhere),
    };

    return cmocka_run_group_tests_name("holder-parts", tests, NULL, NULL);
}
