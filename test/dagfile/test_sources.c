/* The kept files of Python DAGs: whole under their names, once for each content, nothing half done. */
#include <dirent.h>
#include <fcntl.h>
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

#include "base/arena.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "dagfile/dagfile.h"
#include "model/dag.h"
#include "model/document.h"
#include "operators/operators.h"

/* SHA-256 of "one\n" and "two\n". */
#define ONE    "2c8b08da5ce60398e1f19af0e5dccc744df274b826abe585eaba68c525434806"
#define TWO    "27dd8ed44a83ff94d557f9fd0412ed5a8cbca69ea04922d88c01184a07300a5a"
#define TREE_A "0000000000000000000000000000000a"
#define TREE_B "0000000000000000000000000000000b"

static char home[64], bundle[80];

static int set_up(void **state)
{
    (void)state;
    (void)snprintf(home, sizeof home, "/tmp/tw-sources-XXXXXX");
    assert_non_null(mkdtemp(home));
    (void)snprintf(bundle, sizeof bundle, "%s/b", home);
    return mkdir(bundle, 0700);
}

static void remove_all(const char *path)
{
    DIR *dir = opendir(path);
    struct dirent *entry;
    char inner[512];

    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            (void)snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name);
            remove_all(inner);
        }
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
    (void)remove(path);
}

static int tear_down(void **state)
{
    (void)state;
    remove_all(home);
    return 0;
}

static void put(const char *name, const char *text)
{
    char path[128];
    FILE *f;

    (void)snprintf(path, sizeof path, "%s/%s", bundle, name);
    f = fopen(path, "w");
    assert_non_null(f);
    (void)fputs(text, f);
    (void)fclose(f);
}

/* What is kept under a name; NULL if nothing is. */
static const char *kept(const char *name)
{
    static char text[512];
    char path[256];
    FILE *f;
    size_t n;

    (void)snprintf(path, sizeof path, "%s/sources/%s", home, name);
    f = fopen(path, "r");
    if (f == NULL) {
        return NULL;
    }
    n = fread(text, 1, sizeof text - 1, f);
    text[n] = '\0';
    (void)fclose(f);
    return text;
}

static size_t kept_len(void)
{
    char path[128];
    struct dirent *entry;
    size_t n = 0;
    DIR *dir;

    (void)snprintf(path, sizeof path, "%s/sources", home);
    dir = opendir(path);
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        n += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
    return n;
}

static struct dag *dag_of(const char *tree, const char *sources)
{
    char text[1024];
    struct arena a;
    struct doc_errors errors = {.arena = &a};
    struct dag *d = NULL;
    struct err e = {0};

    arena_init(&a, MiB(1));
    (void)snprintf(text, sizeof text,
                   "{\"dag_id\":\"d\",\"python\":{\"file\":\"%s/d.py\",\"root\":\"%s\",\"tree\":"
                   "\"%s\",\"sources\":%s},\"tasks\":{\"a\":{\"operator\":\"python\"}}}",
                   bundle, bundle, tree, sources);
    assert_int_equal(
        dagfile_load_text(text, strlen(text), true, "d.py", operators_table(), &d, &errors, &e), 0);
    arena_fini(&a);
    return d;
}

static void each_content_once(void **state)
{
    struct dag *dags[3];
    struct err e = {0};

    (void)state;
    put("one.py", "one\n");
    put("two.py", "two\n");
    put("copy.py", "one\n");
    dags[0] = dag_of(TREE_A, "{\"one.py\":\"" ONE "\",\"two.py\":\"" TWO "\"}");
    dags[1] = dag_of(TREE_A, "{\"one.py\":\"" ONE "\",\"two.py\":\"" TWO "\"}");
    dags[2] = dag_of(TREE_B, "{\"copy.py\":\"" ONE "\"}");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(dagfile_keep_sources(home, dags, 3, &e), 0);
        assert_int_equal(kept_len(), 4);
    }
    assert_string_equal(kept(ONE), "one\n");
    assert_string_equal(kept(TWO), "two\n");
    assert_string_equal(kept(TREE_A ".json"), "{\"one.py\":\"" ONE "\",\"two.py\":\"" TWO "\"}");
    for (int i = 0; i < 3; i++) {
        dag_unref(dags[i]);
    }
}

/* So many that the file system is asked to write all that it has. */
static void many_at_once(void **state)
{
    struct dag *dags[24];
    struct err e = {0};

    (void)state;
    put("one.py", "one\n");
    for (int i = 0; i < 24; i++) {
        char tree[33];

        (void)snprintf(tree, sizeof tree, "%032d", i);
        dags[i] = dag_of(tree, "{\"one.py\":\"" ONE "\"}");
    }
    assert_int_equal(dagfile_keep_sources(home, dags, 24, &e), 0);
    assert_int_equal(kept_len(), 25);
    assert_string_equal(kept(ONE), "one\n");
    for (int i = 0; i < 24; i++) {
        dag_unref(dags[i]);
    }
}

static void what_changed_meanwhile_is_left_out(void **state)
{
    struct dag *d =
        dag_of(TREE_A, "{\"one.py\":\"" ONE "\",\"two.py\":\"" TWO "\",\"gone.py\":\"" TWO "\"}");
    struct err e = {0};

    (void)state;
    put("one.py", "one\n");
    put("two.py", "another\n");
    assert_int_equal(dagfile_keep_sources(home, &d, 1, &e), 0);
    assert_string_equal(kept(ONE), "one\n");
    assert_null(kept(TWO));
    assert_non_null(kept(TREE_A ".json"));
    dag_unref(d);
}

/* What a version that is gone had alone goes, once it is old; what was asked for again stays. */
static void what_no_version_has_goes(void **state)
{
    struct dag *dags[2];
    struct map trees;
    struct err e = {0};
    size_t n;

    (void)state;
    put("one.py", "one\n");
    put("two.py", "two\n");
    dags[0] = dag_of(TREE_A, "{\"one.py\":\"" ONE "\",\"two.py\":\"" TWO "\"}");
    dags[1] = dag_of(TREE_B, "{\"one.py\":\"" ONE "\"}");
    assert_int_equal(dagfile_keep_sources(home, dags, 2, &e), 0);
    map_init(&trees);
    assert_int_equal(map_add(&trees, TREE_B, 32, TREE_B, NULL), 0);
    assert_int_equal(dagfile_prune_sources(home, &trees, 0, &n, &e), 0); /* all are younger */
    assert_int_equal(n, 0);
    assert_int_equal(dagfile_prune_sources(home, &trees, INT64_MAX, &n, &e), 0);
    assert_int_equal(n, 2);
    assert_null(kept(TREE_A ".json"));
    assert_null(kept(TWO));
    assert_string_equal(kept(ONE), "one\n");
    assert_int_equal(dagfile_prune_sources("/nowhere", &trees, INT64_MAX, &n, &e), 0);
    map_fini(&trees);
    dag_unref(dags[0]);
    dag_unref(dags[1]);
}

/* Nobody knows what such a tree names. */
static void a_tree_that_cannot_be_read_keeps_all(void **state)
{
    struct dag *d = dag_of(TREE_A, "{\"one.py\":\"" ONE "\"}");
    struct map trees;
    struct err e = {0};
    char path[200];
    size_t n;
    FILE *f;

    (void)state;
    put("one.py", "one\n");
    assert_int_equal(dagfile_keep_sources(home, &d, 1, &e), 0);
    (void)snprintf(path, sizeof path, "%s/sources/" TREE_A ".json", home);
    assert_int_equal(remove(path), 0);
    f = fopen(path, "w");
    assert_non_null(f);
    (void)fputs("{\"one", f);
    (void)fclose(f);
    map_init(&trees);
    assert_int_equal(map_add(&trees, TREE_A, 32, TREE_A, NULL), 0);
    assert_true(dagfile_prune_sources(home, &trees, INT64_MAX, &n, &e) < 0);
    assert_string_equal(kept(ONE), "one\n");
    map_fini(&trees);
    dag_unref(d);
}

static void what_is_no_hash_names_no_file(void **state)
{
    struct dag *d = dag_of("../../../tmp/0000000000000000000", "{\"one.py\":\"" ONE "\"}");
    struct err e = {0};

    (void)state;
    put("one.py", "one\n");
    assert_int_equal(dagfile_keep_sources(home, &d, 1, &e), 0);
    assert_int_equal(kept_len(), 0);
    dag_unref(d);
    d = dag_of(TREE_A, "{\"one.py\":\"../one\"}");
    assert_int_equal(dagfile_keep_sources(home, &d, 1, &e), 0);
    assert_int_equal(kept_len(), 1);
    dag_unref(d);
}

static void a_folder_that_cannot_be_made(void **state)
{
    struct dag *d = dag_of(TREE_A, "{\"one.py\":\"" ONE "\"}");
    struct err e = {0};
    char path[128];

    (void)state;
    put("one.py", "one\n");
    (void)snprintf(path, sizeof path, "%s/one.py", bundle);
    assert_int_equal(dagfile_keep_sources(path, &d, 1, &e), -ERR_IO);
    assert_non_null(strstr(err_str(&e), "one.py/sources"));
    dag_unref(d);
}

static void what_a_killed_process_left_is_no_obstacle(void **state)
{
    struct dag *d = dag_of(TREE_A, "{\"one.py\":\"" ONE "\"}");
    struct err e = {0};
    char path[256];
    int fd;

    (void)state;
    put("one.py", "one\n");
    (void)snprintf(path, sizeof path, "%s/sources", home);
    assert_int_equal(mkdir(path, 0700), 0);
    (void)snprintf(path, sizeof path, "%s/sources/.%s.%ld", home, ONE, (long)getpid());
    fd = open(path, O_WRONLY | O_CREAT, 0400);
    assert_true(fd >= 0);
    (void)close(fd);
    assert_int_equal(dagfile_keep_sources(home, &d, 1, &e), 0);
    assert_string_equal(kept(ONE), "one\n");
    assert_int_equal(kept_len(), 2);
    dag_unref(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_content_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(many_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_changed_meanwhile_is_left_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_hash_names_no_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_no_version_has_goes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_tree_that_cannot_be_read_keeps_all, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_folder_that_cannot_be_made, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_a_killed_process_left_is_no_obstacle, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
