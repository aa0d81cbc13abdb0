/* The same random batches to both drivers: the same answers, and in the end, and on the way, the
 * same contents. */
#include <stdlib.h>
#include <string.h>

#include "faulty_vfs.h"
#include "random_batch.h"

#define DAGS (RANDOM_RUNS + 1)

static void compare(struct store *a, struct store *b, uint64_t seed)
{
    struct buf x, y;

    buf_init(&x, (size_t)1 << 28);
    buf_init(&y, (size_t)1 << 28);
    store_dump(a, DAGS, RANDOM_TASKS, &x);
    store_dump(b, DAGS, RANDOM_TASKS, &y);
    if (strcmp(buf_cstr(&x), buf_cstr(&y)) != 0) {
        size_t i = 0, line = 0;

        while (x.p[i] == y.p[i]) {
            line = x.p[i] == '\n' ? i + 1 : line;
            i++;
        }
        fail_msg("seed %llu: %s: %.300s\n%s: %.300s", (unsigned long long)seed, a->driver,
                 x.p + line, b->driver, y.p + line);
    }
    buf_fini(&x);
    buf_fini(&y);
}

static void first_rows(struct store_batch *b, struct dag_row dags[2],
                       struct version_row versions[3])
{
    for (int i = 0; i < 2; i++) {
        dags[i] = (struct dag_row){.dag_key = i + 1, .dag_id = i == 0 ? "one" : "two"};
    }
    for (int i = 0; i < 3; i++) {
        versions[i] = (struct version_row){.version_key = i + 1,
                                           .dag_key = 1 + i % 2,
                                           .hash = i == 0   ? "a"
                                                   : i == 1 ? "b"
                                                            : "c",
                                           .document = ""};
    }
    *b = (struct store_batch){.dags = dags, .dags_len = 2, .versions = versions, .versions_len = 3};
}

/* As a caller does it: until there is no more. */
static int64_t clean(struct store *s, int64_t before_us, size_t limit, bool dry)
{
    int64_t n, total = 0;
    bool more = true;
    struct err e = {0};

    if (dry) {
        assert_int_equal(s->ops->count_old_runs(s, before_us, &total, &e), 0);
        return total;
    }
    while (more && (limit == 0 || (size_t)total < limit)) {
        assert_int_equal(
            s->ops->clean(s, before_us, limit == 0 ? 0 : limit - (size_t)total, &n, &more, &e), 0);
        total += n;
    }
    while (more) {
        assert_int_equal(s->ops->clean(s, INT64_MIN, 0, &n, &more, &e), 0);
    }
    return total;
}

static void one_seed(uint64_t seed, int commits)
{
    struct faulty_vfs *disk = faulty_vfs_new("differential", seed);
    static struct random_batch r;
    struct store *s[2] = {NULL, NULL};
    int64_t epoch[2][2], seq[2][2] = {{0, 0}, {0, 0}}, cleaned[2];
    struct dag_row dags[2];
    struct version_row versions[3];
    struct store_batch first;
    struct err e = {0};
    struct prng p;
    int done = 0;

    prng_seed(&p, seed);
    assert_int_equal(store_mem_open(&s[0], &e), 0);
    assert_int_equal(store_sqlite_open_vfs("d.db", "differential", 0, &s[1], &e), 0);
    first_rows(&first, dags, versions);
    for (int d = 0; d < 2; d++) {
        for (int shard = 0; shard < 2; shard++) {
            assert_int_equal(
                s[d]->ops->acquire(s[d], shard, "t", &epoch[d][shard], &seq[d][shard], &e), 0);
        }
        assert_int_equal(s[d]->ops->commit(s[d], 0, 1, ++seq[d][0], &first, &e), 0);
    }
    for (int i = 0; i < commits; i++) {
        int shard = (int)prng_below(&p, 2);
        int rc[2];

        random_batch(&p, &r);
        for (int d = 0; d < 2; d++) {
            rc[d] = s[d]->ops->commit(s[d], shard, epoch[d][shard], seq[d][shard] + 1, &r.b, &e);
            seq[d][shard] += rc[d] == 0;
        }
        if (rc[0] != rc[1]) {
            fail_msg("seed %llu commit %d: mem %s, sqlite %s (%s)", (unsigned long long)seed, i,
                     err_name(rc[0]), err_name(rc[1]), e.text);
        }
        done += rc[0] == 0;
        if (i % 40 == 39) {
            int64_t before = T0 + (int64_t)prng_below(&p, 1000);
            size_t limit = (size_t)prng_below(&p, 3);
            bool dry = prng_below(&p, 2) == 0;

            for (int d = 0; d < 2; d++) {
                cleaned[d] = clean(s[d], before, limit, dry);
            }
            assert_int_equal(cleaned[0], cleaned[1]);
            compare(s[0], s[1], seed);
        }
    }
    compare(s[0], s[1], seed);
    assert_true(done > commits / 4);
    assert_int_equal(s[0]->ops->check(s[0], &e), 0);
    store_close(s[0]);
    /* And once more as a new program reads it. */
    store_close(s[1]);
    assert_int_equal(store_sqlite_open_vfs("d.db", "differential", STORE_READ_ONLY, &s[1], &e), 0);
    store_close(s[1]);
    faulty_vfs_free(disk);
}

static void test_differential(void **state)
{
    const char *rounds = getenv("TW_TEST_ROUNDS"); /* more of it, by hand */
    int n = rounds != NULL ? atoi(rounds) : 6;

    for (int seed = 1; seed <= n; seed++) {
        one_seed((uint64_t)seed, 300);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_differential)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
