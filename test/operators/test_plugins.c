/* Descriptions of plug-ins become operators; stored documents are read without them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "dagfile/dagfile.h"
#include "model/dag.h"
#include "model/document.h"
#include "operators/operators.h"
#include "operators/plugins.h"

static int make(const char *schema, unsigned flags, struct operator_plugin **ret, struct err *e)
{
    char json[2000];
    int n = snprintf(json, sizeof json,
                     "{\"name\": \"thing\", \"doc\": \"A thing.\", \"flags\": %u, \"schema\": %s}",
                     flags, schema);

    return operators_plugin_new("/thing.so", "/host", json, (size_t)n, ret, e);
}

static void refused(const char *schema, int code, const char *words)
{
    struct operator_plugin *p = NULL;
    struct err e = {0};

    assert_int_equal(make(schema, 0, &p, &e), code);
    assert_null(p);
    if (strstr(err_str(&e), words) == NULL) {
        fail_msg("'%s' does not say '%s'", err_str(&e), words);
    }
}

static void schemas(void **state)
{
    struct operator_plugin *p = NULL;
    struct err e = {0};

    (void)state;
    refused("7", -ERR_INVALID, "not complete");
    refused("{\"properties\": []}", -ERR_INVALID, "not an object");
    refused("{\"properties\": {\"a\": 1}}", -ERR_INVALID, "a is not an object");
    refused("{\"oneOf\": []}", -ERR_UNSUPPORTED, "'oneOf' in it");
    refused("{\"properties\": {\"a\": {\"pattern\": \"x\"}}}", -ERR_UNSUPPORTED, "'pattern' in a");
    refused("{\"properties\": {\"a\": {\"type\": \"date\"}}}", -ERR_UNSUPPORTED, "type");
    refused("{\"properties\": {\"a\": {\"type\": [\"string\"]}}}", -ERR_UNSUPPORTED, "type");

    assert_int_equal(make("{\"required\": [\"b\"], \"properties\": {\"a\": {}, \"b\": {\"type\": "
                          "\"integer\", \"description\": \"How many.\"}}}",
                          2, &p, &e),
                     0);
    assert_string_equal(p->desc.params[0].name, "a");
    assert_int_equal(p->desc.params[0].type, PARAM_ANY);
    assert_true(p->desc.params[0].templated);
    assert_false(p->desc.params[0].required);
    assert_int_equal(p->desc.params[1].type, PARAM_INT);
    assert_true(p->desc.params[1].required);
    assert_string_equal(p->desc.params[1].doc, "How many.");
    assert_null(p->desc.params[2].name);
    assert_int_equal(p->impl.loss, LOSS_REPEAT);
    assert_false(p->waits);
    operators_plugin_free(p);
}

static void values(void **state)
{
    static const struct {
        const char *params;
        bool good;
    } cases[] = {
        {"{}", true},           {"{\"c\": \"red\"}", true}, {"{\"c\": \"blue\"}", false},
        {"{\"n\": 1}", true},   {"{\"n\": 0.5}", false},    {"{\"n\": 10}", true},
        {"{\"n\": 11}", false}, {"{\"n\": \"11\"}", true}, /* its type is checked where the document is */
    };
    struct operator_plugin *p = NULL;
    struct value *v;
    struct arena a;

    (void)state;
    arena_init(&a, MiB(1));
    assert_int_equal(
        make("{\"properties\": {\"c\": {\"enum\": [\"red\", 1]}, \"n\": {\"minimum\": 1, "
             "\"maximum\": 10}}}",
             0, &p, NULL),
        0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(value_parse(&a, cases[i].params, strlen(cases[i].params), &v, NULL), 0);
        assert_int_equal(operators_plugin_check(p, v, NULL), cases[i].good ? 0 : -ERR_INVALID);
    }
    operators_plugin_free(p);
    arena_fini(&a);
}

static int build(const char *json, bool stored, struct dag **ret)
{
    struct arena a;
    struct doc_errors errors = {.arena = &a};
    struct value *v;
    int rc;

    arena_init(&a, MiB(16));
    assert_int_equal(value_parse(&a, json, strlen(json), &v, NULL), 0);
    rc = dagfile_build(v, NULL, stored ? operators_table_stored(&a, v) : operators_table(), ret,
                       &errors, NULL);
    arena_fini(&a);
    return rc;
}

static void known_and_stored(void **state)
{
    static const char document[] =
        "{\"dag_id\": \"d\", \"tasks\": {\"a\": {\"operator\": \"gone\", \"retries\": 2, \"what\": "
        "[1]}, \"b\": {\"operator\": \"gone\", \"upstream\": [\"a\"], \"other\": {}}, \"c\": "
        "{\"operator\": \"bash\", \"bash_command\": \"true\"}}}";
    struct operator_plugin *p = NULL, *second = NULL;
    size_t before = operators_table()->len;
    struct dag *d = NULL;
    struct err e = {0};

    (void)state;
    assert_int_equal(build(document, false, &d), -ERR_INVALID);
    assert_int_equal(build(document, true, &d), 0);
    assert_string_equal(d->tasks[1].operator_name, "gone");
    assert_int_equal(d->tasks[0].retries, 2);
    dag_unref(d);
    assert_int_equal(operators_table()->len, before);

    assert_int_equal(make("{}", 1, &p, NULL), 0);
    assert_int_equal(operators_plugin_add(p, &e), 0);
    assert_int_equal(operators_table()->len, before + 1);
    assert_ptr_equal(operators_find("thing"), &p->desc);
    assert_ptr_equal(operator_find("thing"), &p->impl);
    assert_ptr_equal(operator_find("thing")->plugin, p);
    assert_int_equal(make("{}", 0, &second, NULL), 0);
    assert_int_equal(operators_plugin_add(second, &e), -ERR_EXISTS);
    assert_non_null(strstr(err_str(&e), "/thing.so"));
    operators_plugin_free(second);
    assert_int_equal(
        build("{\"dag_id\": \"d\", \"tasks\": {\"a\": {\"operator\": \"thing\"}}}", false, &d), 0);
    dag_unref(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schemas),
        cmocka_unit_test(values),
        cmocka_unit_test(known_and_stored),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
