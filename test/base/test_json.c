/* The JSON reader, the value tree and the writer. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/utf8.h"

/* The events of a document as a line of text: {k"a"[#1 t]}, with the error at its end. */
static const char *events(const char *input, struct buf *out)
{
    struct json_reader *r = json_reader_new(input, strlen(input));
    struct err e = {0};
    int ev;

    assert_non_null(r);
    buf_clear(out);
    do {
        static const char *const marks[] = {"", "n", "t", "f", "#", "$", "k", "[", "]", "{", "}"};
        const char *text = NULL;
        size_t n = 0;

        ev = json_next(r, &text, &n, &e);
        if (ev < 0) {
            (void)buf_printf(out, "!%d:%d %s", e.line, e.col, e.text);
            assert_int_equal(json_next(r, &text, &n, &e), ev); /* an error stays */
        } else {
            (void)buf_printf(out, "%s%s", marks[ev], text != NULL ? text : "");
        }
    } while (ev > 0);
    if (ev == JSON_END) {
        const char *text;
        size_t n;

        assert_int_equal(json_next(r, &text, &n, &e), JSON_END);
    }
    json_reader_free(r);
    return buf_cstr(out);
}

static void reader_events(void **state)
{
    struct buf b BUF_CLEANUP;

    buf_init(&b, 10000);
    assert_string_equal(events("null", &b), "n");
    assert_string_equal(events(" [ ] ", &b), "[]");
    assert_string_equal(events("{}", &b), "{}");
    assert_string_equal(events("{\"a\":[1,true,false,null,\"x\"],\"b\":{}}", &b),
                        "{ka[#1tfn$x]kb{}}");
    assert_string_equal(events("[-0.5e+10,0,10,1E2]", &b), "[#-0.5e+10#0#10#1E2]");
    assert_string_equal(events("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00\"", &b),
                        "$\"\\/\b\f\n\r\t\xc3\xa9\xf0\x9f\x98\x80");
    assert_string_equal(events("\xef\xbb\xbf[1]", &b), "[#1]");
}

static void reader_errors_have_places(void **state)
{
    static const char *const cases[][2] = {
        {"", "!1:1 the document ends where a value is expected"},
        {"  ", "!1:3 the document ends where a value is expected"},
        {"[1,]", "[#1!1:4 found ']' where a value is expected"},
        {"[1 2]", "[#1!1:4 found '2' where ',' or ']' is expected"},
        {"{\"a\" 1}", "{ka!1:6 found '1' where ':' is expected"},
        {"{\"a\":1,}", "{ka#1!1:8 found '}' where a key is expected"},
        {"{a:1}", "{!1:2 found 'a' where a key or '}' is expected"},
        {"{\"a\":1]", "{ka#1!1:7 found ']' where ',' or '}' is expected"},
        {"[1}", "[#1!1:3 found '}' where ',' or ']' is expected"},
        {"1 2", "#1!1:3 found '2' where the end of the document is expected"},
        {"01", "!1:1 a number must not begin with 0"},
        {"-", "!1:2 a digit must follow the sign of a number"},
        {"1.", "!1:3 a digit must follow the decimal point"},
        {"1e+", "!1:4 a digit must follow the exponent's mark"},
        {"+1", "!1:1 found '+' where a value is expected"},
        {"tru", "!1:1 found 't' where a value is expected"},
        {"nul", "!1:1 found 'n' where a value is expected"},
        {"truex", "t!1:5 found 'x' where the end of the document is expected"},
        {"\"a", "!1:3 the document ends within a string"},
        {"\"a\\", "!1:3 the document ends within a string"},
        {"\"\\x\"", "!1:2 unknown escape in a string"},
        {"\"\\u12g4\"", "!1:2 \\u must be followed by four hex digits"},
        {"\"\\ud800\"", "!1:2 half of a surrogate pair: this is not a character"},
        {"\"\\ud800\\u0041\"", "!1:2 half of a surrogate pair: this is not a character"},
        {"\"\\udc00\"", "!1:2 half of a surrogate pair: this is not a character"},
        {"[\n\n  \"a\nb\"]", "[!3:5 a control character in a string must be escaped"},
        {"\"\xc3\xa9\xff\"", "!1:3 a string must be UTF-8"},
        {"\"\xed\xa0\x80\"", "!1:2 a string must be UTF-8"},
        {"\x01", "!1:1 found byte 0x01 where a value is expected"},
    };
    struct buf b BUF_CLEANUP;

    buf_init(&b, 10000);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_string_equal(events(cases[i][0], &b), cases[i][1]);
    }
}

static void depth_is_bounded(void **state)
{
    char text[3 * LIMIT_JSON_DEPTH];
    struct arena a;
    struct value *v;
    struct err e;

    arena_init(&a, MiB(1));
    memset(text, '[', sizeof text);
    memset(text + LIMIT_JSON_DEPTH, ']', LIMIT_JSON_DEPTH);
    assert_int_equal(value_parse(&a, text, 2 * LIMIT_JSON_DEPTH, &v, &e), 0);
    memset(text, '[', sizeof text);
    assert_int_equal(value_parse(&a, text, sizeof text, &v, &e), -ERR_LIMIT);
    assert_int_equal(e.col, LIMIT_JSON_DEPTH + 1);
    arena_fini(&a);
}

static struct value *parse(struct arena *a, const char *text)
{
    struct value *v = NULL;
    struct err e;

    assert_int_equal(value_parse(a, text, strlen(text), &v, &e), 0);
    return v;
}

static void tree_keeps_places_and_order(void **state)
{
    struct arena a;
    struct value *v, *b;

    arena_init(&a, MiB(1));
    v = parse(&a, "{\n \"a\": 1,\n  \"b\": [10, \"\\u0000x\"],\n \"a\": 2}");
    assert_int_equal(v->kind, VALUE_OBJECT);
    assert_int_equal(v->len, 3);
    assert_string_equal(v->keys[0].text, "a");
    assert_int_equal(v->keys[1].line, 3);
    assert_int_equal(v->keys[1].col, 3);
    assert_string_equal(value_get(v, "a")->text, "2"); /* the last one wins */
    b = value_get(v, "b");
    assert_int_equal(b->line, 3);
    assert_int_equal(b->col, 8);
    assert_int_equal(b->elems[1]->len, 2);
    assert_memory_equal(b->elems[1]->text, "\0x", 3);
    assert_null(value_get(v, "c"));
    assert_null(value_get(b, "c"));
    arena_fini(&a);
}

static void numbers(void **state)
{
    struct arena a;
    int64_t n;
    double d;

    arena_init(&a, MiB(1));
    assert_int_equal(value_int(parse(&a, "-9223372036854775808"), INT64_MIN, INT64_MAX, &n), 0);
    assert_int_equal(n, INT64_MIN);
    assert_int_equal(value_int(parse(&a, "9223372036854775808"), INT64_MIN, INT64_MAX, &n),
                     -ERR_INVALID);
    assert_int_equal(value_int(parse(&a, "1.0"), 0, 10, &n), -ERR_INVALID);
    assert_int_equal(value_int(parse(&a, "1e1"), 0, 10, &n), -ERR_INVALID);
    assert_int_equal(value_int(parse(&a, "11"), 0, 10, &n), -ERR_INVALID);
    assert_int_equal(value_int(parse(&a, "\"1\""), 0, 10, &n), -ERR_INVALID);
    assert_int_equal(value_double(parse(&a, "1e1"), &d), 0);
    assert_true(d == 10);
    assert_int_equal(value_double(parse(&a, "1e999"), &d), -ERR_INVALID);
    assert_int_equal(value_double(parse(&a, "true"), &d), -ERR_INVALID);
    arena_fini(&a);
}

static void equality(void **state)
{
    static const char *const same[][2] = {
        {"{\"a\":1,\"b\":[true,null]}", "{ \"b\" : [true, null], \"a\" : 1 }"},
        {"{\"a\":0,\"a\":1}", "{\"a\":1}"},
        {"\"\\u0061\"", "\"a\""},
    };
    static const char *const other[][2] = {
        {"1", "1.0"}, {"[1]", "[1,2]"},  {"[1,2]", "[2,1]"}, {"{\"a\":1}", "{\"b\":1}"},
        {"{}", "[]"}, {"true", "false"}, {"\"1\"", "1"},     {"{\"a\":1}", "{\"a\":2}"}};
    struct arena a;

    arena_init(&a, MiB(1));
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        assert_true(value_equal(parse(&a, same[i][0]), parse(&a, same[i][1])));
    }
    for (size_t i = 0; i < sizeof other / sizeof other[0]; i++) {
        assert_false(value_equal(parse(&a, other[i][0]), parse(&a, other[i][1])));
    }
    arena_fini(&a);
}

static void copies_are_whole(void **state)
{
    struct arena a, b;
    struct value *v, *copy = NULL;

    arena_init(&a, MiB(1));
    arena_init(&b, MiB(1));
    v = parse(&a, "{\"a\":[1,2,3],\"b\":{\"c\":\"x\"},\"d\":true}");
    assert_int_equal(value_copy(&b, v, &copy), 0);
    assert_true(value_equal(v, copy));
    assert_int_equal(copy->keys[2].col, v->keys[2].col);
    arena_fini(&a);
    assert_int_equal(value_append(&b, value_get(copy, "a"), value_bool(&b, true)), 0);
    assert_int_equal(value_get(copy, "a")->len, 4);
    assert_string_equal(value_get(value_get(copy, "b"), "c")->text, "x");
    arena_fini(&b);
}

static void constructors(void **state)
{
    struct buf out BUF_CLEANUP;
    struct value *v, *list;
    struct json_writer w;
    struct arena a;

    arena_init(&a, MiB(1));
    buf_init(&out, 10000);
    v = value_new(&a, VALUE_OBJECT);
    list = value_new(&a, VALUE_ARRAY);
    for (int i = 0; i < 5; i++) {
        char text[12];

        (void)snprintf(text, sizeof text, "%d", i);
        assert_int_equal(value_append(&a, list, value_number_text(&a, text)), 0);
    }
    assert_int_equal(value_append(&a, list, NULL), -ERR_NOMEM); /* a constructor that failed */
    assert_int_equal(value_set(&a, v, "list", list), 0);
    assert_int_equal(value_set(&a, v, "s", value_string(&a, "x", 1)), 0);
    json_writer_init(&w, &out, 0);
    json_value(&w, v);
    assert_string_equal(buf_cstr(&out), "{\"list\":[0,1,2,3,4],\"s\":\"x\"}");
    arena_fini(&a);
}

static void canonical_form(void **state)
{
    struct buf out BUF_CLEANUP;
    struct arena a;

    arena_init(&a, MiB(1));
    buf_init(&out, 10000);
    assert_int_equal(
        value_canonical(parse(&a, "{\"b\" : [1.50, {\"z\":1, \"y\":null}], \"a\":\"\\u00e9/\\n\","
                                  "\"aa\":true, \"b\" : [ 2 ]}"),
                        &out),
        0);
    assert_string_equal(buf_cstr(&out), "{\"a\":\"\xc3\xa9/\\n\",\"aa\":true,\"b\":[2]}");
    arena_fini(&a);
}

static void writer_escapes(void **state)
{
    struct buf out BUF_CLEANUP;
    struct json_writer w;

    buf_init(&out, 10000);
    json_writer_init(&w, &out, 0);
    json_array(&w);
    json_string(&w, "a\"\\\b\f\n\r\t\x01\x7f\xc3\xa9");
    json_string_n(&w, "x\0y", 3);
    json_string(&w, "bad\xff\xc3");
    json_string(&w, NULL);
    json_string_n(&w, NULL, 0);
    json_array_end(&w);
    assert_string_equal(buf_cstr(&out),
                        "[\"a\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u007f\xc3\xa9\",\"x\\u0000y\","
                        "\"bad\xef\xbf\xbd\xef\xbf\xbd\",null,\"\"]");
}

static void writer_numbers(void **state)
{
    struct buf out BUF_CLEANUP;
    struct json_writer w;

    buf_init(&out, 10000);
    json_writer_init(&w, &out, 0);
    json_array(&w);
    json_int(&w, INT64_MIN);
    json_double(&w, 0.1);
    json_double(&w, 1.0 / 3);
    json_double(&w, 1e300);
    json_double(&w, (double)NAN);
    json_double(&w, (double)INFINITY);
    json_array_end(&w);
    assert_string_equal(buf_cstr(&out),
                        "[-9223372036854775808,0.1,0.3333333333333333,1e+300,null,null]");
}

static void writer_indents(void **state)
{
    struct buf out BUF_CLEANUP;
    struct json_writer w;

    buf_init(&out, 10000);
    json_writer_init(&w, &out, 2);
    json_object(&w);
    json_key(&w, "a");
    json_array(&w);
    json_int(&w, 1);
    json_bool(&w, false);
    json_array_end(&w);
    json_key(&w, "b");
    json_object(&w);
    json_object_end(&w);
    json_object_end(&w);
    assert_string_equal(buf_cstr(&out), "{\n  \"a\": [\n    1,\n    false\n  ],\n  \"b\": {}\n}");
}

static void writer_keeps_the_buffers_status(void **state)
{
    struct buf out BUF_CLEANUP;
    struct json_writer w;

    buf_init(&out, 5);
    json_writer_init(&w, &out, 0);
    json_string(&w, "0123456789");
    assert_int_equal(buf_status(&out), -ERR_LIMIT);
}

static void every_allocation_may_fail(void **state)
{
    static const char text[] = "{\"a\":[1,2,{\"b\":\"x\"}],\"c\":\"\\u0041\"}";
    int rc = -1;

    for (uint64_t n = 1; rc != 0; n++) {
        struct value *v = NULL;
        struct arena a;
        struct err e;

        assert_true(n < 100);
        arena_init(&a, MiB(1));
        mem_fail_at(n, 0);
        rc = value_parse(&a, text, sizeof text - 1, &v, &e);
        mem_fail_at(0, 0);
        assert_true(rc == 0 || rc == -ERR_NOMEM);
        arena_fini(&a);
    }
}

static void utf8_limits(void **state)
{
    char buf[4];

    assert_true(utf8_valid("a\xc2\x80\xe0\xa0\x80\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", 14));
    assert_false(utf8_valid("\xc0\x80", 2));
    assert_false(utf8_valid("\xe0\x9f\xbf", 3));
    assert_false(utf8_valid("\xf0\x8f\xbf\xbf", 4));
    assert_false(utf8_valid("\xf4\x90\x80\x80", 4));
    assert_false(utf8_valid("\xe2\x82", 2));
    assert_false(utf8_valid("\x80", 1));
    for (uint32_t cp = 0; cp <= 0x10ffff; cp += cp < 0x3000 ? 1 : 97) {
        if (cp < 0xd800 || cp > 0xdfff) {
            assert_int_equal(utf8_char_len(buf, utf8_encode(cp, buf)), utf8_encode(cp, buf));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reader_events),
        cmocka_unit_test(reader_errors_have_places),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(tree_keeps_places_and_order),
        cmocka_unit_test(numbers),
        cmocka_unit_test(equality),
        cmocka_unit_test(copies_are_whole),
        cmocka_unit_test(constructors),
        cmocka_unit_test(canonical_form),
        cmocka_unit_test(writer_escapes),
        cmocka_unit_test(writer_numbers),
        cmocka_unit_test(writer_indents),
        cmocka_unit_test(writer_keeps_the_buffers_status),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(utf8_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
