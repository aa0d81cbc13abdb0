/* Params: what is said of a value that does not fit, and where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/pattern.h"
#include "model/schema.h"

static void check(const char *schema, const char *value, int rc, const char *says)
{
    struct arena a;
    struct value *s, *v;
    struct err e = {0};

    arena_init(&a, (size_t)64 << 20);
    assert_int_equal(value_parse(&a, schema, strlen(schema), &s, &e), 0);
    assert_int_equal(value_parse(&a, value, strlen(value), &v, &e), 0);
    assert_int_equal(schema_check(s, v, &e), rc);
    if (rc != 0 && strcmp(e.text, says) != 0) {
        fail_msg("%s of %s says: %s", schema, value, e.text);
    }
    arena_fini(&a);
}

static void test_what_is_said(void **state)
{
    check("{\"type\": \"integer\", \"minimum\": 1}", "0", -ERR_INVALID, "0 is below its minimum 1");
    check("{\"type\": \"integer\"}", "\"x\"", -ERR_INVALID, "expected integer, got string (type)");
    check("{\"items\": {\"properties\": {\"a/b\": {\"maxLength\": 2}}}}",
          "[{}, {\"a/b\": \"abc\"}]", -ERR_INVALID,
          "at /1/a~1b: \"abc\" has 3 characters, more than its maxLength 2");
    check("{\"enum\": [\"a\", \"b\"]}", "\"c\"", -ERR_INVALID,
          "\"c\" is not one of its 2 allowed values: [\"a\",\"b\"] (enum)");
    check("{\"required\": [\"x\"]}", "{}", -ERR_INVALID, "'x' is missing (required)");
    check("{\"format\": \"date\"}", "\"2026-02-29\"", -ERR_INVALID,
          "\"2026-02-29\" is no date (format)");
    check("{\"pattern\": \"^a+$\"}", "\"b\"", -ERR_INVALID,
          "\"b\" does not match its pattern ^a+$");
    check("{\"additionalProperties\": false, \"properties\": {\"a\": true}}", "{\"b\": 1}",
          -ERR_INVALID, "'b' is not one of its properties (additionalProperties)");
}

static void test_decimals_are_exact(void **state)
{
    check("{\"multipleOf\": 0.1}", "0.3", 0, "");
    check("{\"multipleOf\": 0.0001}", "0.0075", 0, "");
    check("{\"multipleOf\": 0.01}", "0.075", -ERR_INVALID,
          "0.075 is no multiple of 0.01 (multipleOf)");
    check("{\"maximum\": 9007199254740992}", "9007199254740993", -ERR_INVALID,
          "9007199254740993 is above its maximum 9007199254740992");
    check("{\"type\": \"integer\"}", "1e3", 0, "");
    check("{\"const\": 1.0}", "1", 0, "");
    check("{\"minimum\": 1e400}", "1e401", 0, "");
}

static void test_what_is_not_known_is_no_yes(void **state)
{
    check("{\"not\": {\"pattern\": \"(?=a)\"}}", "\"b\"", -ERR_UNSUPPORTED,
          "the pattern \"(?=a)\": look-around and flags are not supported at byte 3");
    check("{\"$ref\": \"http://x/y\"}", "1", -ERR_UNSUPPORTED,
          "the schema refers to http://x/y, which is no place within it ($ref)");
    check("{\"$ref\": \"#\"}", "1", -ERR_LIMIT,
          "the schema refers to itself without end, or is too deep");
    check("[]", "1", -ERR_UNSUPPORTED, "a schema must be an object, true or false; found array");
}

/* What kills a matcher that tries one way after the other. */
static void test_no_pattern_is_catastrophic(void **state)
{
    static char text[20001];
    static const char *const patterns[] = {"^(a+)+$", "^(a|a)*$", "^(a*)*b$", "(x+x+)+y",
                                           "^((a|aa)+)+$"};
    struct arena a;

    memset(text, 'a', sizeof text - 2);
    text[sizeof text - 2] = '!';
    arena_init(&a, (size_t)64 << 20);
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
        struct pattern *p;
        bool found = true;

        assert_int_equal(pattern_compile(&a, patterns[i], strlen(patterns[i]), &p, NULL), 0);
        assert_int_equal(pattern_search(p, text, sizeof text - 1, &found), 0);
        assert_false(found);
    }
    assert_int_equal(
        pattern_compile(&a, "((a{1000}){1000}){1000}", 23, &(struct pattern *){NULL}, NULL),
        -ERR_LIMIT);
    arena_fini(&a);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_said),
        cmocka_unit_test(test_decimals_are_exact),
        cmocka_unit_test(test_what_is_not_known_is_no_yes),
        cmocka_unit_test(test_no_pattern_is_catastrophic),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
