/* Watching a folder: each kind of change is told, and what does not concern DAG files is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/time.h"
#include "dagfile/watch.h"
#include "runtime/loop.h"

#define LONG_US  (20 * TIME_SECOND) /* a change that is told comes at once */
#define SHORT_US (TIME_SECOND / 5)  /* nothing is told within */

static char top[64];

static const char *at(const char *name)
{
    static char paths[8][256];
    static int n;
    char *p = paths[n++ % 8];

    (void)snprintf(p, sizeof paths[0], "%s/%s", top, name);
    return p;
}

static void put(const char *name, const char *text)
{
    FILE *f = fopen(at(name), "w");

    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

static bool told(struct watch *w, int64_t us)
{
    bool changed = false;

    assert_int_equal(watch_wait(w, us, &changed), 0);
    return changed;
}

static struct watch *watch(const char *name)
{
    struct watch *w;
    struct err e = {0};

    assert_int_equal(watch_new(at(name), TIME_SECOND / 20, &w, &e), 0);
    return w;
}

static int run_files_and_folders(void *arg)
{
    struct watch *w;

    (void)arg;
    assert_int_equal(mkdir(at("dags"), 0700), 0);
    put("dags/a.py", "1");
    w = watch("dags");
    assert_null(watch_why(w));
    assert_false(told(w, SHORT_US));
    put("dags/a.py", "2");
    assert_true(told(w, LONG_US));
    assert_int_equal(rename(at("dags/a.py"), at("dags/b.py")), 0);
    assert_true(told(w, LONG_US));
    assert_int_equal(mkdir(at("dags/team"), 0700), 0);
    assert_true(told(w, LONG_US));
    put("dags/team/c.py", "1"); /* a folder that came after the first look */
    assert_true(told(w, LONG_US));
    assert_int_equal(unlink(at("dags/team/c.py")), 0);
    assert_true(told(w, LONG_US));
    assert_false(told(w, SHORT_US));
    watch_free(w);
    return 0;
}

static int run_what_does_not_count(void *arg)
{
    struct watch *w;

    (void)arg;
    assert_int_equal(mkdir(at("dags"), 0700), 0);
    w = watch("dags");
    assert_int_equal(mkdir(at("dags/__pycache__"), 0700), 0);
    put("dags/__pycache__/a.pyc", "1");
    assert_int_equal(mkdir(at("dags/.git"), 0700), 0);
    put("beside", "1");
    assert_false(told(w, SHORT_US));
    watch_free(w);
    return 0;
}

static int run_swapped_links(void *arg)
{
    struct watch *w;

    (void)arg;
    assert_int_equal(mkdir(at("one"), 0700), 0);
    assert_int_equal(mkdir(at("two"), 0700), 0);
    assert_int_equal(mkdir(at("links"), 0700), 0);
    assert_int_equal(symlink(at("one"), at("links/current")), 0);
    w = watch("links/current");
    put("one/a.py", "1");
    assert_true(told(w, LONG_US));
    assert_int_equal(symlink(at("two"), at("links/new")), 0);
    assert_int_equal(rename(at("links/new"), at("links/current")), 0);
    assert_true(told(w, LONG_US));
    put("two/b.py", "1"); /* where it leads now */
    assert_true(told(w, LONG_US));
    watch_free(w);
    return 0;
}

static int run_comes_later(void *arg)
{
    struct watch *w = watch("later");

    (void)arg;
    assert_false(told(w, SHORT_US));
    assert_int_equal(mkdir(at("later"), 0700), 0);
    assert_true(told(w, LONG_US));
    put("later/a.py", "1");
    assert_true(told(w, LONG_US));
    watch_free(w);
    return 0;
}

static int run_files_elsewhere(void *arg)
{
    struct watch *w;
    const char *paths[1];

    (void)arg;
    assert_int_equal(mkdir(at("dags"), 0700), 0);
    assert_int_equal(mkdir(at("lib"), 0700), 0);
    put("lib/helper.py", "1");
    paths[0] = at("lib/helper.py");
    w = watch("dags");
    assert_int_equal(watch_files(w, paths, 1, NULL), 0);
    put("lib/helper.py", "2");
    assert_true(told(w, LONG_US));
    assert_int_equal(watch_files(w, NULL, 0, NULL), 0);
    watch_free(w);
    return 0;
}

static void in_loop(co_fn fn)
{
    struct loop_config lc = {0};
    struct loop *l;
    struct err e = {0};
    char command[128];

    (void)snprintf(top, sizeof top, "/tmp/tw-watch-XXXXXX");
    assert_non_null(mkdtemp(top));
    assert_int_equal(loop_uv_new(&lc, &l, &e), 0);
    assert_int_equal(loop_main(l, fn, NULL, &e), 0);
    loop_free(l);
    (void)snprintf(command, sizeof command, "rm -r %s", top);
    assert_int_equal(system(command), 0);
}

#define TEST(name)                 \
    static void name(void **state) \
    {                              \
        (void)state;               \
        in_loop(run_##name);       \
    }

TEST(files_and_folders)
TEST(what_does_not_count)
TEST(swapped_links)
TEST(comes_later)
TEST(files_elsewhere)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_and_folders), cmocka_unit_test(what_does_not_count),
        cmocka_unit_test(swapped_links),     cmocka_unit_test(comes_later),
        cmocka_unit_test(files_elsewhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
