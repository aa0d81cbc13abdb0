/* Connections from URIs and JSON, and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "secret/connection.h"

static const struct {
    const char *text, *json; /* json NULL: an error */
} cases[] = {
    {"postgres://user:pass@db.example.com:5432/main",
     "{\"conn_type\":\"postgres\",\"host\":\"db.example.com\",\"schema\":\"main\",\"login\":"
     "\"user\","
     "\"password\":\"pass\",\"port\":5432}"},
    {"postgresql://h/s", "{\"conn_type\":\"postgres\",\"host\":\"h\",\"schema\":\"s\"}"},
    {"Google-Cloud-Platform://", "{\"conn_type\":\"google_cloud_platform\"}"},
    {"my://u%40x:p%2Fw%3A%25@H.Example/a%2Fb",
     "{\"conn_type\":\"my\",\"login\":\"u@x\",\"password\":\"p/"
     "w:%\",\"host\":\"h.example\",\"schema\":\"a/b\"}"},
    {"http://https://api.example.com:8443/v1",
     "{\"conn_type\":\"http\",\"host\":\"https://"
     "api.example.com\",\"port\":8443,\"schema\":\"v1\"}"},
    {"spark://u@h?deploy-mode=client&x=a+b%26c&x=last&empty=",
     "{\"conn_type\":\"spark\",\"login\":\"u\",\"host\":\"h\","
     "\"extra\":\"{\\\"deploy-mode\\\":\\\"client\\\",\\\"x\\\":\\\"last\\\",\\\"empty\\\":"
     "\\\"\\\"}\"}"},
    {"aws://?__extra__=%7B%22a%22%3A+%5B1%2C2%5D%7D",
     "{\"conn_type\":\"aws\",\"extra\":\"{\\\"a\\\": [1,2]}\"}"},
    {"mysql://:pw@h",
     "{\"conn_type\":\"mysql\",\"login\":\"\",\"password\":\"pw\",\"host\":\"h\"}"},
    {"mysql://%2FVar%2Frun%2Fmysql.sock",
     "{\"conn_type\":\"mysql\",\"host\":\"/Var/run/mysql.sock\"}"},
    {"x://[::1]:80/", "{\"conn_type\":\"x\",\"host\":\"::1\",\"port\":80}"},
    {"x://@:99", "{\"conn_type\":\"x\",\"login\":\"\",\"port\":99}"},
    {"x://u@v@h", "{\"conn_type\":\"x\",\"login\":\"u@v\",\"host\":\"h\"}"},
    {"{\"conn_type\": \"my-type\", \"port\": \"80\", \"extra\": {\"a\": 1}}",
     "{\"conn_type\":\"my_type\",\"port\":80,\"extra\":\"{\\\"a\\\":1}\"}"},
    {" {\"host\": null, \"extra\": \"{}\", \"login\": \"l\"} ",
     "{\"login\":\"l\",\"extra\":\"{}\"}"},
    {"no uri", NULL},
    {"x://h:port", NULL},
    {"x://h:70000", NULL},
    {"x://a://b://c", NULL},
    {"x://u:p@http://h", NULL},
    {"x://h/%00", NULL},
    {"{\"port\": 1.5}", NULL},
    {"{\"wrong\": 1}", NULL},
    {"{", NULL},
    {"", NULL},
};

static void check(size_t i)
{
    struct value *c, *want, *again;
    struct buf b BUF_CLEANUP, got BUF_CLEANUP;
    struct json_writer w;
    struct arena a;
    struct err e = {0};
    int rc;

    arena_init(&a, MiB(4));
    buf_init(&b, MiB(1));
    buf_init(&got, MiB(1));
    rc = connection_parse(cases[i].text, strlen(cases[i].text), &a, &c, &e);
    if (cases[i].json == NULL) {
        assert_int_equal(rc, -ERR_INVALID);
        arena_fini(&a);
        return;
    }
    assert_int_equal(rc, 0);
    assert_int_equal(value_parse(&a, cases[i].json, strlen(cases[i].json), &want, &e), 0);
    json_writer_init(&w, &got, 0);
    json_value(&w, c);
    if (!value_equal(c, want)) {
        fail_msg("%s: %s", cases[i].text, buf_cstr(&got));
    }
    if (value_get(c, "conn_type") != NULL) {
        assert_int_equal(connection_to_uri(c, &b), 0);
        assert_int_equal(connection_parse(buf_cstr(&b), b.len, &a, &again, &e), 0);
        if (strcmp(buf_cstr(&b), "my-type://@:80/?__extra__=%7B%22a%22%3A1%7D") != 0 &&
            !value_equal(c, again)) { /* a port alone needs an empty login, as in Airflow */
            fail_msg("%s is written as %s", cases[i].text, buf_cstr(&b));
        }
    }
    arena_fini(&a);
}

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        check(i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cases)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
