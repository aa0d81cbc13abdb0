/* The table of routes beside api/openapi.yaml, and how a URL is taken apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "access/role.h"
#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "dagfile/dagfile.h"
#include "server/router.h"

static const char *root;

static struct value *read_description(struct arena *a)
{
    char path[4200];
    struct value *doc;
    struct err e = {0};
    char *text = arena_alloc(a, MiB(4));
    size_t n;
    FILE *f;

    (void)snprintf(path, sizeof path, "%s/api/openapi.yaml", root);
    f = fopen(path, "r");
    assert_non_null(f);
    n = fread(text, 1, MiB(4), f);
    (void)fclose(f);
    if (yaml_parse(a, text, n, &doc, &e) != 0) {
        fail_msg("%s:%d: %s", path, e.line, e.text);
    }
    return doc;
}

/* Its group on the page's /docs: one of those that the description lists. */
static bool has_group(const struct value *doc, const struct value *operation)
{
    const struct value *groups = value_get(doc, "tags"), *tags = value_get(operation, "tags");

    for (size_t i = 0; tags != NULL && tags->len == 1 && i < groups->len; i++) {
        if (strcmp(value_get(groups->elems[i], "name")->text, tags->elems[0]->text) == 0) {
            return true;
        }
    }
    return false;
}

static bool has_route(const char *method, const char *path)
{
    for (size_t i = 0; i < routes_len; i++) {
        if (strcasecmp(routes[i].method, method) == 0 && strcmp(routes[i].path, path) == 0) {
            return true;
        }
    }
    return false;
}

static void test_every_route_is_described_and_every_description_answered(void **state)
{
    struct arena a;
    struct value *doc, *paths;

    (void)state;
    arena_init(&a, MiB(256));
    doc = read_description(&a);
    paths = value_get(doc, "paths");
    for (size_t i = 0; i < routes_len; i++) {
        const struct value *p = value_get(paths, routes[i].path), *m, *role;
        char method[16] = "";

        for (size_t k = 0; routes[i].method[k] != '\0'; k++) {
            method[k] = (char)tolower(routes[i].method[k]);
        }
        m = p != NULL ? value_get(p, method) : NULL;
        if (m == NULL) {
            fail_msg("%s %s is not in api/openapi.yaml", routes[i].method, routes[i].path);
        }
        if (!has_group(doc, m)) {
            fail_msg("%s %s of api/openapi.yaml needs one tag, of those at its head",
                     routes[i].method, routes[i].path);
        }
        role = value_get(m, "x-role");
        assert_non_null(role);
        assert_int_equal(strcmp(role->text, "none") == 0 ? ROLE_NONE : role_from_string(role->text),
                         routes[i].role);
    }
    for (size_t i = 0; i < paths->len; i++) {
        for (size_t k = 0; k < paths->elems[i]->len; k++) {
            if (!has_route(paths->elems[i]->keys[k].text, paths->keys[i].text)) {
                fail_msg("%s %s of api/openapi.yaml has no route", paths->elems[i]->keys[k].text,
                         paths->keys[i].text);
            }
        }
    }
    arena_fini(&a);
}

static struct call *parse(const char *method, const char *uri)
{
    static struct call c;

    arena_fini(&c.arena);
    c = (struct call){0};
    arena_init(&c.arena, MiB(1));
    assert_int_equal(router_parse(&c, method, uri), 0);
    return &c;
}

static void test_names_are_decoded_after_the_path_was_split(void **state)
{
    struct call *c =
        parse("GET", "/api/v2/dags/a%2Fb/dagRuns/manual__2026-01-01T00%3A00%3A00%2B00%3A00");

    (void)state;
    assert_non_null(c->route);
    assert_string_equal(call_param(c, "dag_id"), "a/b");
    assert_string_equal(call_param(c, "dag_run_id"), "manual__2026-01-01T00:00:00+00:00");
}

static void test_a_path_without_names_goes_before_one_with(void **state)
{
    (void)state;
    assert_string_equal(parse("GET", "/api/v2/assets/events")->route->path,
                        "/api/v2/assets/events");
    assert_string_equal(parse("GET", "/api/v2/assets/7")->route->path, "/api/v2/assets/{asset_id}");
    assert_string_equal(parse("HEAD", "/api/v2/dags/")->route->path, "/api/v2/dags");
}

static void test_queries(void **state)
{
    struct call *c = parse("GET", "/api/v2/dags?tags=a+b&tags=%C3%A9&limit=&x&=y&paused=true");
    size_t at = 0;

    (void)state;
    assert_string_equal(call_query_next(c, "tags", &at), "a b");
    assert_string_equal(call_query_next(c, "tags", &at), "\xc3\xa9");
    assert_null(call_query_next(c, "tags", &at));
    assert_string_equal(call_query(c, "limit"), "");
    assert_string_equal(call_query(c, "x"), "");
    assert_true(call_query_bool(c, "paused", false));
}

static void test_what_is_malformed_is_said(void **state)
{
    static const char *const bad[] = {"/api/v2/dags/%",   "/api/v2/dags/%4",  "/api/v2/dags/%zz",
                                      "/api/v2/dags/%00", "/api/v2/dags/%ff", "/api/v2/dags?a=%e"};
    char many[4000] = "/api/v2/dags?";

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_non_null(parse("GET", bad[i])->bad);
    }
    for (int i = 0; i < 70; i++) {
        (void)strncat(many, "a=b&", sizeof many - strlen(many) - 1);
    }
    assert_non_null(parse("GET", many)->bad);
    assert_null(parse("GET", "/api/v2/../../etc/passwd")->route);
    assert_null(parse("GET", "/api/v2/dags//")->route);
    assert_true(parse("POST", "/health")->wrong_method);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_route_is_described_and_every_description_answered),
        cmocka_unit_test(test_names_are_decoded_after_the_path_was_split),
        cmocka_unit_test(test_a_path_without_names_goes_before_one_with),
        cmocka_unit_test(test_queries),
        cmocka_unit_test(test_what_is_malformed_is_said),
    };

    root = argc > 1 ? argv[1] : ".";
    return cmocka_run_group_tests(tests, NULL, NULL);
}
