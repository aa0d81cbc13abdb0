/*
 * Faults: the Nth allocation, the Nth call of the disk, a full disk, the power. Whatever happens,
 * the answer is a clean error, the store is consistent, what was acknowledged is there, and sending
 * the same commits again brings it to the same contents.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "faulty_vfs.h"
#include "random_batch.h"

#define COMMITS 6

/* ---- SQLite's memory comes from base/mem.h here, so that its allocations fail too ---- */

static void *sql_malloc(int n)
{
    int64_t *p = mem_alloc((size_t)n + 16);

    if (p != NULL) {
        *p = n;
        return p + 2;
    }
    return NULL;
}

static void sql_free(void *p)
{
    mem_free(p != NULL ? (int64_t *)p - 2 : NULL);
}

static void *sql_realloc(void *p, int n)
{
    int64_t *q = mem_realloc((int64_t *)p - 2, (size_t)n + 16);

    if (q != NULL) {
        *q = n;
        return q + 2;
    }
    return NULL;
}

static int sql_size(void *p)
{
    return p != NULL ? (int)*((int64_t *)p - 2) : 0;
}

static int sql_round(int n)
{
    return (n + 7) & ~7;
}

static int sql_init(void *arg)
{
    return SQLITE_OK;
}

static void sql_shutdown(void *arg)
{
}

/* ---- a story: the same commits every time ---- */

struct story {
    struct random_batch batches[COMMITS];
    char *want; /* the contents after all of them */
};

static struct story story;

static struct dag_row dags[2] = {{.dag_key = 1, .dag_id = "one"}, {.dag_key = 2, .dag_id = "two"}};
static struct version_row versions[3] = {
    {.version_key = 1, .dag_key = 1, .hash = "a", .document = ""},
    {.version_key = 2, .dag_key = 2, .hash = "b", .document = ""},
    {.version_key = 3, .dag_key = 1, .hash = "c", .document = ""}};

static struct run_row runs[RANDOM_RUNS];

static char *dump(struct store *s)
{
    struct buf out;

    buf_init(&out, (size_t)1 << 28);
    store_dump(s, RANDOM_RUNS, RANDOM_TASKS, &out);
    return buf_take(&out);
}

/* Batches that none refuses. */
static int make_story(void **state)
{
    struct store *s = NULL;
    int64_t epoch, seq;
    struct prng p;

    prng_seed(&p, 3);
    assert_int_equal(store_mem_open(&s, NULL), 0);
    assert_int_equal(s->ops->acquire(s, 0, "t", &epoch, &seq, NULL), 0);
    for (int i = 0; i < COMMITS; i++) {
        do {
            random_batch(&p, &story.batches[i]);
            story.batches[i].b.grants_len = 0;
            if (i == 0) {
                story.batches[i].b.dags = dags, story.batches[i].b.dags_len = 2;
                for (int k = 0; k < RANDOM_RUNS; k++) {
                    runs[k] = sample_run(k + 1, 1 + (k + 1) % 2);
                }
                story.batches[i].b.runs = runs, story.batches[i].b.runs_len = RANDOM_RUNS;
                story.batches[i].b.versions = versions, story.batches[i].b.versions_len = 3;
            }
        } while (s->ops->commit(s, 0, epoch, i + 1, &story.batches[i].b, NULL) != 0);
    }
    story.want = dump(s);
    store_close(s);
    return 0;
}

static int end_story(void **state)
{
    mem_free(story.want);
    return 0;
}

/* Tells the story from seq `*seq` on; *seq = the last that was acknowledged. Reads on the way. */
static int tell(struct store *s, int64_t *seq, struct err *e)
{
    struct arena a;
    int64_t epoch, at, key;
    int rc = s->ops->acquire(s, 0, "t", &epoch, &at, e);

    if (rc != 0) {
        return rc;
    }
    *seq = at;
    while (rc == 0 && *seq < COMMITS) {
        rc = s->ops->commit(s, 0, epoch, *seq + 1, &story.batches[*seq].b, e);
        *seq += rc == 0;
    }
    arena_init(&a, (size_t)1 << 24);
    if (rc == 0) {
        struct run_row *got;
        struct ti_row *tis;
        size_t n = 0, m;
        bool more;

        rc = s->ops->get_runs(s, 0, 0, 0, 0, &a, &got, &n, e);
        for (size_t i = 0; i < n && rc == 0; i++) {
            rc = s->ops->get_tis(s, got[i].run_key, 0, &a, &tis, &m, e);
        }
        rc = rc != 0 ? rc : s->ops->reserve_keys(s, "run", 3, &key, e);
        rc = rc != 0 ? rc : s->ops->upkeep(s, &more, e);
    }
    arena_fini(&a);
    return rc;
}

/* After the fault: the same handle, or a new one, tells the rest, and the contents are right. */
static void finish(struct store *s, int64_t said, const char *what, uint64_t n)
{
    struct err e = {0};
    int64_t epoch, seq;
    char *got;

    if (s->ops->acquire(s, 0, "t", &epoch, &seq, &e) != 0) {
        fail_msg("%s %llu: not usable afterwards: %s", what, (unsigned long long)n, e.text);
    }
    if (seq < said || seq > said + 1) {
        fail_msg("%s %llu: acknowledged %lld, has %lld", what, (unsigned long long)n,
                 (long long)said, (long long)seq);
    }
    if (tell(s, &seq, &e) != 0) {
        fail_msg("%s %llu: the rest failed: %s", what, (unsigned long long)n, e.text);
    }
    got = dump(s);
    if (strcmp(got, story.want) != 0) {
        fail_msg("%s %llu: other contents", what, (unsigned long long)n);
    }
    mem_free(got);
}

/* Every place of the first ones, then fewer and fewer: there are thousands. TW_TEST_ROUNDS in the
 * environment: every one. */
static uint64_t step(uint64_t n)
{
    return getenv("TW_TEST_ROUNDS") != NULL ? 1 : 1 + n / 16;
}

/* ---- memory ---- */

static void test_memory_mem(void **state)
{
    bool failed = true;

    for (uint64_t n = 1; failed; n++) {
        struct store *s = NULL;
        struct err e = {0};
        int64_t seq = 0;
        int rc;

        mem_fail_at(n, n % 2 == 0);
        rc = store_mem_open(&s, &e);
        if (rc == 0) {
            rc = tell(s, &seq, &e);
        }
        failed = mem_count() >= n;
        mem_fail_at(0, 0);
        assert_true(rc == 0 || rc == -ERR_NOMEM);
        if (s != NULL) {
            finish(s, seq, "allocation", n);
            store_close(s);
        }
    }
}

static void one_memory_fault(uint64_t n, int forever, bool *ret_failed)
{
    struct faulty_vfs *disk = faulty_vfs_new("memory", n);
    struct store *s = NULL;
    struct err e = {0};
    int64_t seq = 0;
    int rc;

    mem_fail_at(n, forever);
    rc = store_sqlite_open_vfs("m.db", "memory", 0, &s, &e);
    if (rc == 0) {
        rc = tell(s, &seq, &e);
    }
    *ret_failed = mem_count() >= n;
    mem_fail_at(0, 0);
    if (rc != 0 && rc != -ERR_NOMEM) {
        fail_msg("allocation %llu: %s: %s", (unsigned long long)n, err_name(rc), e.text);
    }
    if (s == NULL) {
        assert_int_equal(store_sqlite_open_vfs("m.db", "memory", 0, &s, &e), 0);
    }
    finish(s, seq, "allocation", n);
    assert_int_equal(s->ops->check(s, &e), 0);
    store_close(s);
    faulty_vfs_free(disk);
}

static void test_memory_sqlite(void **state)
{
    bool failed = true;

    for (uint64_t n = 1; failed; n += step(n)) {
        one_memory_fault(n, 0, &failed);
        if (failed) {
            one_memory_fault(n, 1, &failed);
        }
    }
}

/* ---- the disk ---- */

enum after { SAME_HANDLE, NEW_HANDLE, POWER_CUT };

static bool one_disk_fault(uint64_t n, unsigned ops, bool forever, enum after after)
{
    struct faulty_vfs *disk = faulty_vfs_new("faulty", n * 8 + after);
    struct store *s = NULL;
    struct err e = {0};
    int64_t seq = 0;
    bool failed;
    int rc;

    faulty_vfs_fail_at(disk, n, ops, forever);
    rc = store_sqlite_open_vfs("f.db", "faulty", 0, &s, &e);
    if (rc == 0) {
        rc = tell(s, &seq, &e);
    }
    failed = faulty_vfs_count(disk) >= n;
    if (rc == -ERR_CORRUPT || rc == -ERR_NOTFOUND || rc == -ERR_INVALID || rc == -ERR_EXISTS) {
        fail_msg("disk call %llu: %s: %s", (unsigned long long)n, err_name(rc), e.text);
    }
    if (after == POWER_CUT) {
        faulty_vfs_power_off(disk);
    } else {
        faulty_vfs_fail_at(disk, 0, 0, false);
    }
    if (after != SAME_HANDLE) {
        store_close(s);
        s = NULL;
    }
    if (after == POWER_CUT) {
        faulty_vfs_power_on(disk, FAULTY_LOSE_SOME);
    }
    if (s == NULL && store_sqlite_open_vfs("f.db", "faulty", 0, &s, &e) != 0) {
        fail_msg("disk call %llu: cannot be opened again: %s", (unsigned long long)n, e.text);
    }
    finish(s, seq, "disk call", n);
    if (s->ops->check(s, &e) != 0) {
        fail_msg("disk call %llu: %s", (unsigned long long)n, e.text);
    }
    store_close(s);
    faulty_vfs_free(disk);
    return failed;
}

static void test_disk(void **state)
{
    static const unsigned kinds[] = {FAULTY_ANY, FAULTY_WRITE, FAULTY_SYNC};

    for (size_t k = 0; k < LEN(kinds); k++) {
        for (int after = SAME_HANDLE; after <= POWER_CUT; after++) {
            for (int forever = 0; forever < 2; forever++) {
                uint64_t n = 1;

                while (one_disk_fault(n, kinds[k], forever != 0, (enum after)after)) {
                    n += step(n);
                }
            }
        }
    }
}

/* Power goes at a random moment of a long story on one disk, again and again. */
static void test_power(void **state)
{
    struct faulty_vfs *disk = faulty_vfs_new("power", 11);
    struct prng p;
    int64_t said = 0;

    prng_seed(&p, 12);
    for (int round = 0; round < 150; round++) {
        struct store *s = NULL;
        struct err e = {0};
        int64_t epoch = 0, seq = 0;

        faulty_vfs_fail_at(disk, 0, 0, false);
        if (store_sqlite_open_vfs("p.db", "power", 0, &s, &e) != 0 ||
            s->ops->acquire(s, 0, "t", &epoch, &seq, &e) != 0 || s->ops->check(s, &e) != 0) {
            fail_msg("round %d: %s", round, e.text);
        }
        if (seq < said || seq > said + 1) {
            fail_msg("round %d: acknowledged %lld, has %lld", round, (long long)said,
                     (long long)seq);
        }
        faulty_vfs_fail_at(disk, 1 + prng_below(&p, 60), FAULTY_ANY, true);
        for (said = seq;; said++) {
            struct run_row run = sample_run(1 + said % 50, 1);
            struct ti_row t = sample_ti(1 + said % 50, (uint32_t)prng_below(&p, 30), -1);
            struct transition_row tr = sample_transition(1 + said % 50, 0, said, "power");
            struct store_batch b = {.dags = dags,
                                    .dags_len = 2,
                                    .versions = versions,
                                    .versions_len = 3,
                                    .runs = &run,
                                    .runs_len = 1,
                                    .tis = &t,
                                    .tis_len = 1,
                                    .transitions = &tr,
                                    .transitions_len = 1};

            if (s->ops->commit(s, 0, epoch, said + 1, &b, &e) != 0) {
                break;
            }
        }
        faulty_vfs_power_off(disk);
        store_close(s);
        faulty_vfs_power_on(disk, (enum faulty_lost)(round % 3));
    }
    assert_true(said > 100);
    faulty_vfs_free(disk);
}

/* n commits (anew: all of them moved into the file), and one whose sync fails, which forgets what it should have written; then
 * the program ends, without another sync. */
static void forget(struct faulty_vfs *disk, int n, bool anew, int64_t *said)
{
    static const struct faulty_odds odds = {.sync = 1, .sync_drops = true};
    struct store *s = NULL;
    struct err e = {0};
    int64_t epoch, seq;

    *said = 0;
    assert_int_equal(store_sqlite_open_vfs("g.db", "forget", 0, &s, &e), 0);
    assert_int_equal(s->ops->acquire(s, 0, "t", &epoch, &seq, &e), 0);
    for (; *said < n; ++*said) {
        assert_int_equal(s->ops->commit(s, 0, epoch, *said + 1, &story.batches[*said].b, &e), 0);
    }
    if (anew) {
        store_close(s);
        s = NULL;
        assert_int_equal(store_sqlite_open_vfs("g.db", "forget", 0, &s, &e), 0);
        assert_int_equal(s->ops->acquire(s, 0, "t", &epoch, &seq, &e), 0);
    }
    faulty_vfs_odds(disk, &odds);
    assert_int_not_equal(s->ops->commit(s, 0, epoch, *said + 1, &story.batches[*said].b, &e), 0);
    store_close(s);
    faulty_vfs_odds(disk, NULL);
}

/*
 * A kernel that once could not write a page takes it for written: all who read see it, until the power goes. A commit that failed so is
 * there again for who opens the store next; nothing that is acknowledged from then on may stand on it.
 */
static void test_forgotten(void **state)
{
    for (int n = 0; n < COMMITS - 1; n++) {
        for (uint64_t seed = 1; seed <= 8; seed++) {
            struct faulty_vfs *disk = faulty_vfs_new("forget", seed);
            struct store *s = NULL;
            struct err e = {0};
            int64_t said, seq;

            faulty_vfs_powersafe(disk);
            forget(disk, n, false, &said);
            assert_int_equal(store_sqlite_open_vfs("g.db", "forget", 0, &s, &e), 0);
            assert_int_equal(tell(s, &seq, &e), 0);
            assert_int_equal(seq, COMMITS);
            faulty_vfs_power_off(disk);
            store_close(s);
            faulty_vfs_power_on(disk, FAULTY_LOSE_ALL);
            s = NULL;
            assert_int_equal(store_sqlite_open_vfs("g.db", "forget", 0, &s, &e), 0);
            finish(s, COMMITS, "forgotten sync", (uint64_t)n);
            store_close(s);
            faulty_vfs_free(disk);
        }
    }
}

/* The same, and the power goes while the store is opened next: what it moves into the file must not lean on what the disk does not have. */
static void test_forgotten_and_cut(void **state)
{
    for (uint64_t cut = 1; cut <= 24; cut++) {
        for (uint64_t seed = 1; seed <= 12; seed++) {
            struct faulty_vfs *disk = faulty_vfs_new("forget", seed);
            struct store *s = NULL;
            struct err e = {0};
            int64_t said;

            faulty_vfs_powersafe(disk);
            forget(disk, (int)(seed % COMMITS), true, &said);
            faulty_vfs_power_cut(disk, cut);
            if (store_sqlite_open_vfs("g.db", "forget", 0, &s, &e) == 0) {
                faulty_vfs_power_off(disk);
                store_close(s);
            }
            faulty_vfs_power_off(disk);
            faulty_vfs_power_on(disk, FAULTY_LOSE_SECTORS);
            s = NULL;
            assert_int_equal(store_sqlite_open_vfs("g.db", "forget", 0, &s, &e), 0);
            assert_int_equal(s->ops->check(s, &e), 0);
            finish(s, said, "forgotten sync", cut);
            store_close(s);
            faulty_vfs_free(disk);
        }
    }
}

static void test_full(void **state)
{
    struct faulty_vfs *disk = faulty_vfs_new("full", 1);
    static char value[30000];
    struct store *s = NULL;
    struct err e = {0};
    int64_t epoch, seq = 0;
    char *before, *after;
    int rc = 0;

    assert_int_equal(store_sqlite_open_vfs("full.db", "full", 0, &s, &e), 0);
    assert_int_equal(tell(s, &seq, &e), 0);
    assert_int_equal(s->ops->acquire(s, 0, "t", &epoch, &seq, &e), 0);
    for (int round = 1; round <= 4; round++) {
        struct xcom_row x = {
            .key = {1, 0, -1}, .name = "big", .value = value, .value_len = sizeof value};
        struct store_batch b = {.xcoms = &x, .xcoms_len = 1};

        faulty_vfs_capacity(disk, faulty_vfs_used(disk) + 7000 * (size_t)round);
        do {
            before = dump(s);
            x.key.task++;
            rc = s->ops->commit(s, 0, epoch, seq + 1, &b, &e);
            seq += rc == 0;
            after = dump(s);
            assert_true(rc == 0 || strcmp(before, after) == 0);
            mem_free(before);
            mem_free(after);
        } while (rc == 0 && x.key.task < 100);
        assert_int_equal(rc, -ERR_FULL);
        assert_int_equal(s->ops->commit(s, 0, epoch, seq + 1, &b, &e), -ERR_FULL); /* still */
        assert_int_equal(s->ops->check(s, &e), 0);
        faulty_vfs_capacity(disk, SIZE_MAX);
        assert_int_equal(s->ops->commit(s, 0, epoch, seq + 1, &b, &e), 0); /* there is room again */
        seq++;
    }
    store_close(s);
    assert_int_equal(store_sqlite_open_vfs("full.db", "full", 0, &s, &e), 0);
    assert_int_equal(s->ops->check(s, &e), 0);
    store_close(s);
    faulty_vfs_free(disk);
}

/* The simulated disk repeats itself, or no simulation on it would. */
static void test_deterministic(void **state)
{
    uint64_t counts[2];

    for (int i = 0; i < 2; i++) {
        struct faulty_vfs *disk = faulty_vfs_new("same", 77);
        struct store *s = NULL;
        struct err e = {0};
        int64_t seq = 0;

        faulty_vfs_fail_at(disk, UINT64_MAX, FAULTY_ANY, false);
        assert_int_equal(store_sqlite_open_vfs("s.db", "same", 0, &s, &e), 0);
        assert_int_equal(tell(s, &seq, &e), 0);
        store_close(s);
        counts[i] = faulty_vfs_count(disk) * 1000003 + faulty_vfs_used(disk);
        faulty_vfs_free(disk);
    }
    assert_int_equal(counts[0], counts[1]);
}

int main(void)
{
    static const sqlite3_mem_methods memory = {sql_malloc, sql_free, sql_realloc,  sql_size,
                                               sql_round,  sql_init, sql_shutdown, NULL};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_mem), cmocka_unit_test(test_memory_sqlite),
        cmocka_unit_test(test_disk),       cmocka_unit_test(test_power),
        cmocka_unit_test(test_forgotten),  cmocka_unit_test(test_forgotten_and_cut),
        cmocka_unit_test(test_full),       cmocka_unit_test(test_deterministic),
    };

    if (sqlite3_config(SQLITE_CONFIG_MALLOC, &memory) != SQLITE_OK) {
        return 1;
    }
    return cmocka_run_group_tests(tests, make_story, end_story);
}
