/* Sealed values: what opens them and what does not, keys in files and in the environment, rotation, the secrets folder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/limits.h"
#include "secret/file.h"
#include "secret/outside.h"
#include "secret/secret.h"

struct world {
    char home[64], path[128];
    struct arena a;
    struct err e;
};

static int set_up(void **state)
{
    static struct world w;

    (void)snprintf(w.home, sizeof w.home, "/tmp/tw-secret-XXXXXX");
    assert_non_null(mkdtemp(w.home));
    (void)snprintf(w.path, sizeof w.path, "%s/" SECRET_KEY_FILE, w.home);
    arena_init(&w.a, MiB(4));
    *state = &w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    char path[160];

    (void)unlink(w->path);
    (void)snprintf(path, sizeof path, "%s/secrets/variables/k", w->home);
    (void)unlink(path);
    (void)snprintf(path, sizeof path, "%s/secrets/variables", w->home);
    (void)rmdir(path);
    (void)snprintf(path, sizeof path, "%s/secrets", w->home);
    (void)rmdir(path);
    assert_int_equal(rmdir(w->home), 0);
    arena_fini(&w->a);
    return 0;
}

static struct secret_keys *load(struct world *w)
{
    struct secret_keys *k;

    assert_int_equal(secret_keys_load(w->home, true, &k, &w->e), 0);
    return k;
}

static void test_round_trip(void **state)
{
    struct world *w = *state;
    struct secret_keys *k = load(w), *again;
    void *sealed, *other;
    size_t n, other_n, len;
    struct stat st;
    char *text;

    assert_int_equal(stat(w->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(secret_seal(k, "variable", "a", "hunter22", 8, &w->a, &sealed, &n, &w->e), 0);
    assert_int_equal(secret_seal(k, "variable", "a", "hunter22", 8, &w->a, &other, &other_n, &w->e),
                     0);
    assert_null(memmem(sealed, n, "hunter22", 8));
    assert_memory_not_equal(sealed, other, n); /* a nonce of its own each time */
    again = load(w);
    assert_int_equal(secret_open(again, "variable", "a", sealed, n, &w->a, &text, &len, &w->e), 0);
    assert_string_equal(text, "hunter22");
    assert_int_equal(len, 8);
    /* Bound to its row: the guard is the associated data. */
    assert_int_equal(secret_open(k, "variable", "b", sealed, n, &w->a, &text, &len, &w->e),
                     -ERR_CORRUPT);
    assert_int_equal(secret_open(k, "connection", "a", sealed, n, &w->a, &text, &len, &w->e),
                     -ERR_CORRUPT);
    for (size_t i = 0; i < n; i++) {
        ((char *)sealed)[i] ^= 1;
        assert_int_not_equal(secret_open(k, "variable", "a", sealed, n, &w->a, &text, &len, &w->e),
                             0);
        ((char *)sealed)[i] ^= 1;
        assert_int_not_equal(secret_open(k, "variable", "a", sealed, i, &w->a, &text, &len, &w->e),
                             0);
    }
    secret_keys_free(k);
    secret_keys_free(again);
}

static void test_rotation(void **state)
{
    struct world *w = *state;
    struct secret_keys *k = load(w), *old = load(w), *both;
    void *sealed, *fresh;
    size_t n, fresh_n, len;
    char *text;

    assert_int_equal(secret_seal(k, "v", "a", "x", 1, &w->a, &sealed, &n, &w->e), 0);
    assert_int_equal(secret_keys_add(w->home, k, &w->e), 0);
    both = load(w);
    assert_int_equal(secret_open(both, "v", "a", sealed, n, &w->a, &text, &len, &w->e), 0);
    assert_int_equal(secret_seal(both, "v", "a", "x", 1, &w->a, &fresh, &fresh_n, &w->e), 0);
    assert_int_equal(secret_open(old, "v", "a", fresh, fresh_n, &w->a, &text, &len, &w->e),
                     -ERR_PERM);
    assert_int_equal(secret_keys_drop_old(w->home, both, &w->e), 0);
    assert_int_equal(secret_open(both, "v", "a", fresh, fresh_n, &w->a, &text, &len, &w->e), 0);
    assert_int_equal(secret_open(both, "v", "a", sealed, n, &w->a, &text, &len, &w->e), -ERR_PERM);
    secret_keys_free(k);
    secret_keys_free(old);
    secret_keys_free(both);
}

static void test_bad_keys(void **state)
{
    struct world *w = *state;
    struct secret_keys *k;

    assert_int_equal(secret_keys_load(w->home, false, &k, &w->e), -ERR_NOTFOUND);
    secret_keys_free(load(w));
    assert_int_equal(chmod(w->path, 0640), 0);
    assert_int_equal(secret_keys_load(w->home, true, &k, &w->e), -ERR_PERM);
    assert_int_equal(setenv("TRADEWIND_SECRET_KEY", "abc", 1), 0);
    assert_int_equal(secret_keys_load(w->home, true, &k, &w->e), -ERR_INVALID);
    assert_null(strstr(w->e.text, "abc"));
    assert_int_equal(setenv("TRADEWIND_SECRET_KEY",
                            "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff", 1),
                     0);
    assert_int_equal(secret_keys_load(w->home, false, &k, &w->e), 0);
    assert_false(secret_keys_of_file(k));
    secret_keys_free(k);
    assert_int_equal(unsetenv("TRADEWIND_SECRET_KEY"), 0);
}

static void test_outside(void **state)
{
    struct world *w = *state;
    const char *text;
    char path[160];
    int fd;

    assert_int_equal(outside_find(w->home, OUTSIDE_VARIABLE, "k", &w->a, &text, &w->e), 0);
    assert_null(text);
    assert_int_equal(setenv("AIRFLOW_VAR_K", "airflow", 1), 0);
    assert_int_equal(outside_find(w->home, OUTSIDE_VARIABLE, "k", &w->a, &text, &w->e), 0);
    assert_string_equal(text, "airflow");
    assert_int_equal(setenv("TRADEWIND_VAR_K", "", 1), 0);
    assert_int_equal(outside_find(w->home, OUTSIDE_VARIABLE, "k", &w->a, &text, &w->e), 0);
    assert_string_equal(text, "");
    (void)snprintf(path, sizeof path, "%s/secrets", w->home);
    assert_int_equal(mkdir(path, 0700), 0);
    (void)snprintf(path, sizeof path, "%s/secrets/variables", w->home);
    assert_int_equal(mkdir(path, 0700), 0);
    (void)snprintf(path, sizeof path, "%s/secrets/variables/k", w->home);
    fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_int_equal(write(fd, "file\n", 5), 5);
    (void)close(fd);
    assert_int_equal(outside_find(w->home, OUTSIDE_VARIABLE, "k", &w->a, &text, &w->e), 0);
    assert_string_equal(text, "file");
    /* A name is no path. */
    assert_int_equal(outside_find(w->home, OUTSIDE_VARIABLE, "../variables/k", &w->a, &text, &w->e),
                     0);
    assert_null(text);
    (void)unsetenv("AIRFLOW_VAR_K");
    (void)unsetenv("TRADEWIND_VAR_K");
}

static void write_file(const char *path, const char *text, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    (void)close(fd);
    assert_int_equal(chmod(path, mode), 0);
}

static void test_files(void **state)
{
    static const char none[16];
    struct world *w = *state;
    char path[300], link[300], text[16];

    (void)snprintf(path, sizeof path, "%s/file", w->home);
    (void)snprintf(link, sizeof link, "%s/link", w->home);
    assert_int_equal(secret_file_read(path, 0, text, sizeof text, &w->e), -ERR_NOTFOUND);
    write_file(path, "first\r\nsecond", 0640);
    assert_int_equal(secret_file_read(path, 0, text, sizeof text, &w->e), 0);
    assert_string_equal(text, "first\r\nsecond");
    assert_int_equal(secret_file_read(path, SECRET_FILE_LINE, text, sizeof text, &w->e), 0);
    assert_string_equal(text, "first");
    assert_memory_equal(text + 5, none, sizeof text - 5); /* nothing is left of the rest */
    /* Who else may read it. */
    assert_int_equal(secret_file_read(path, SECRET_FILE_OWNER, text, sizeof text, &w->e),
                     -ERR_PERM);
    assert_memory_equal(text, none, sizeof text);
    write_file(path, "first", 0644);
    assert_int_equal(secret_file_read(path, 0, text, sizeof text, &w->e), -ERR_PERM);
    assert_non_null(strstr(w->e.text, "chmod"));
    assert_int_equal(secret_file_read(path, SECRET_FILE_PUBLIC, text, sizeof text, &w->e), 0);
    /* Its size: what fills the buffer but for the NUL is read, one more is not. */
    write_file(path, "0123456789abcde", 0600);
    assert_int_equal(secret_file_read(path, SECRET_FILE_OWNER, text, sizeof text, &w->e), 0);
    write_file(path, "0123456789abcdef", 0600);
    assert_int_equal(secret_file_read(path, 0, text, sizeof text, &w->e), -ERR_LIMIT);
    assert_memory_equal(text, none, sizeof text);
    /* No link where it must be none, and no folder. */
    assert_int_equal(symlink(path, link), 0);
    write_file(path, "x", 0600);
    assert_int_equal(secret_file_read(link, 0, text, sizeof text, &w->e), 0);
    assert_int_not_equal(secret_file_read(link, SECRET_FILE_NO_LINK, text, sizeof text, &w->e), 0);
    assert_int_equal(secret_file_read(w->home, 0, text, sizeof text, &w->e), -ERR_INVALID);
    (void)unlink(link);
    (void)unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_round_trip, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rotation, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_keys, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_outside, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_files, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
