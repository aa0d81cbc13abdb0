/* Which file of the page answers which path: page.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/call.h"
#include "server/httpd_module.h"
#include "server/page.h"
#include "server/router.h"

static const struct httpd_file table[] = {
    {"/icon.svg", "image/svg+xml", "01", 0, 1, 1, false},
    {"/index.html", "text/html; charset=utf-8", "02", 1, 1, 1, true},
    {"/static/DagsView-abc.js", "text/javascript; charset=utf-8", "03", 2, 1, 1, true},
    {"/static/index-abc.js", "text/javascript; charset=utf-8", "04", 3, 1, 1, true},
};
static const struct httpd_files all = {table, sizeof table / sizeof table[0], "abcd"};
static const struct httpd_files none = {0};

/* Of a program that was built without the page. */
static const struct httpd_file description[] = {
    {"/openapi.json", "application/json", "05", 0, 1, 1, true},
    {"/openapi.yaml", "application/yaml", "06", 1, 1, 1, true},
};
static const struct httpd_files pageless = {description, 2, "ab"};

static const char *chosen(const char *path, const char *accept)
{
    const struct httpd_file *f = page_choose(&all, path, accept);

    return f != NULL ? f->path : NULL;
}

static void test_every_file_is_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < all.n; i++) {
        assert_ptr_equal(page_find(&all, table[i].path), &table[i]);
    }
    assert_string_equal(page_find(&all, "/")->path, "/index.html");
    assert_null(page_find(&all, "/static"));
    assert_null(page_find(&all, "/static/"));
    assert_null(page_find(&all, ""));
    assert_null(page_find(&none, "/"));
}

static void test_addresses_of_views_are_the_page(void **state)
{
    const char *browser = "text/html,application/xhtml+xml,*/*;q=0.8";

    (void)state;
    assert_string_equal(chosen("/", NULL), "/index.html");
    assert_string_equal(chosen("/dags/sales%2Fdaily/grid", browser), "/index.html");
    assert_string_equal(chosen("/assets", browser), "/index.html");
    assert_string_equal(chosen("/icon.svg", browser), "/icon.svg");
    /* Scripts and programs ask for something else: they must not take HTML for it. */
    assert_null(chosen("/dags", "*/*"));
    assert_null(chosen("/dags", "application/json"));
    assert_null(chosen("/dags", NULL));
    assert_null(chosen("/static/gone-123.js", browser));
}

static void test_the_description_is_there_without_the_page(void **state)
{
    (void)state;
    assert_string_equal(page_choose(&pageless, "/openapi.yaml", "*/*")->path, "/openapi.yaml");
    assert_string_equal(page_choose(&pageless, "/openapi.json", "text/html")->path,
                        "/openapi.json");
    assert_null(page_choose(&pageless, "/", "text/html"));
    assert_null(page_choose(&pageless, "/docs", "text/html"));
}

static void test_no_path_leads_out(void **state)
{
    static const char *const tricks[] = {
        "/../etc/passwd",        "/static/../index.html", "/static/..%2f..%2fetc%2fpasswd",
        "/static/%2e%2e/secret", "//index.html",          "/index.html/",
        "/INDEX.HTML",           "/static/index-abc.js.", "/static//index-abc.js",
    };

    (void)state;
    for (size_t i = 0; i < sizeof tricks / sizeof tricks[0]; i++) {
        assert_null(chosen(tricks[i], "*/*"));
    }
}

static void test_what_is_the_apis_is_not_the_pages(void **state)
{
    static const char *const apis[] = {"/api",      "/api/v2/nothing", "/ui/nothing", "/ui",
                                       "/health/x", "/metrics/",       "/webhooks/a"};
    static const char *const pages[] = {"/",     "/dags",    "/uis",      "/api-docs",
                                        "/docs", "/healthy", "/static/x", "/openapi.json"};

    (void)state;
    for (size_t i = 0; i < sizeof apis / sizeof apis[0]; i++) {
        assert_false(page_wants(apis[i]));
    }
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        assert_true(page_wants(pages[i]));
    }
}

/* What the router makes of it: HEAD as GET; no other method; never in the place of an API's 404. */
static void test_the_router_falls_back_to_it(void **state)
{
    static const struct {
        const char *method, *uri;
        bool page;
    } cases[] = {
        {"GET", "/", true},        {"HEAD", "/dags/a?x=1", true},     {"GET", "/dags/a%zz", true},
        {"POST", "/", false},      {"GET", "/api/v2/nothing", false}, {"GET", "/ui/nothing", false},
        {"GET", "/health", false}, {"DELETE", "/dags/a", false},      {"GET", "/webhooks/a", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct call c = {0};

        arena_init(&c.arena, 65536);
        assert_int_equal(router_parse(&c, cases[i].method, cases[i].uri), 0);
        assert_int_equal(c.route == &page_route, cases[i].page);
        arena_fini(&c.arena);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_file_is_found),
        cmocka_unit_test(test_addresses_of_views_are_the_page),
        cmocka_unit_test(test_the_description_is_there_without_the_page),
        cmocka_unit_test(test_no_path_leads_out),
        cmocka_unit_test(test_what_is_the_apis_is_not_the_pages),
        cmocka_unit_test(test_the_router_falls_back_to_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
