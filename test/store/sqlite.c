/* What only the SQLite driver has: files, other processes, kill -9, migrations, damage. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "faulty_vfs.h"
#include "fixture.h"
#include "store/sqlite/priv.h"

static int set_up(void **state)
{
    static struct fixture f;

    fixture_open(&f, "sqlite");
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    fixture_close(*state);
    return 0;
}

static void sql(const char *path, const char *text)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK) {
        fail_msg("%s: %s", text, sqlite3_errmsg(db));
    }
    sqlite3_close(db);
}

static int64_t sql_value(const char *path, const char *text)
{
    sqlite3 *db;
    int64_t v = -1;
    struct err e;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sql_int(db, text, &v, &e), 0);
    sqlite3_close(db);
    return v;
}

/* ---- reopening ---- */

static void test_reopen(void **state)
{
    struct fixture *f = *state;
    struct buf before, after;
    struct stat st;
    int64_t epoch, seq;

    buf_init(&before, 1 << 24);
    buf_init(&after, 1 << 24);
    fixture_dag(f, 3);
    for (int i = 0; i < 3; i++) {
        struct ti_row t = sample_ti(1, (uint32_t)i, -1);
        struct transition_row tr = sample_transition(1, (uint32_t)i, T0, "the same words");
        struct store_batch b = {.tis = &t, .tis_len = 1, .transitions = &tr, .transitions_len = 1};

        t.reason = "the same words";
        OK(fixture_commit(f, &b), f);
    }
    store_dump(f->s, 3, 3, &before);
    fixture_reopen(f);
    store_dump(f->s, 3, 3, &after);
    assert_string_equal(buf_cstr(&before), buf_cstr(&after));
    OK(OPS(f)->acquire(f->s, 0, "again", &epoch, &seq, &f->e), f);
    assert_int_equal(epoch, 2);
    assert_int_equal(seq, f->seq);
    assert_int_equal(stat(f->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    OK(OPS(f)->check(f->s, &f->e), f);
    buf_fini(&before);
    buf_fini(&after);
}

/* Commits until it is killed, telling each seq that was acknowledged. */
static void child_commits(const char *path, int out)
{
    struct store *s;
    struct err e;
    int64_t epoch, seq;

    if (store_sqlite_open(path, 0, &s, &e) != 0 ||
        s->ops->acquire(s, 0, "child", &epoch, &seq, &e) != 0) {
        _exit(3);
    }
    for (;;) {
        struct transition_row tr[50];
        struct ti_row tis[50];
        struct store_batch b = {
            .transitions = tr, .transitions_len = 50, .tis = tis, .tis_len = 50};
        bool more;

        seq++;
        for (int i = 0; i < 50; i++) {
            tis[i] = sample_ti(1, (uint32_t)((seq * 50 + i) % 3000), -1);
            tis[i].worker = seq;
            tr[i] = sample_transition(1, (uint32_t)i, seq, i % 2 == 0 ? "often" : NULL);
        }
        if (s->ops->commit(s, 0, epoch, seq, &b, &e) != 0 ||
            write(out, &seq, sizeof seq) != sizeof seq) {
            _exit(4);
        }
        (void)s->ops->upkeep(s, &more, &e);
    }
}

static void test_kill(void **state)
{
    struct fixture *f = *state;
    int64_t said = 0;
    struct prng p;

    prng_seed(&p, 5);
    fixture_dag(f, 1);
    said = f->seq;
    store_close(f->s);
    f->s = NULL;
    for (int round = 0; round < 8; round++) {
        int pipes[2];
        int64_t seq, epoch;
        uint64_t reads = 1 + prng_below(&p, 40);
        struct transition_row *ts;
        size_t n;
        pid_t child;
        int status;

        assert_int_equal(pipe(pipes), 0);
        child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            close(pipes[0]);
            child_commits(f->path, pipes[1]);
        }
        close(pipes[1]);
        for (uint64_t i = 0; i < reads; i++) {
            assert_int_equal(read(pipes[0], &said, sizeof said), sizeof said);
        }
        kill(child, SIGKILL); /* somewhere in a later commit */
        while (read(pipes[0], &seq, sizeof seq) == sizeof seq) {
            said = seq;
        }
        waitpid(child, &status, 0);
        assert_true(WIFSIGNALED(status));
        close(pipes[0]);
        /* What was acknowledged is there; at most one commit more; whole batches only. */
        fixture_reopen(f);
        OK(OPS(f)->check(f->s, &f->e), f);
        OK(OPS(f)->acquire(f->s, 0, "parent", &epoch, &seq, &f->e), f);
        assert_true(seq == said || seq == said + 1);
        OK(OPS(f)->get_transitions(f->s, 1, NULL, 0, &f->a, &ts, &n, &f->e), f);
        assert_int_equal(n % 50, 0);
        assert_int_equal(ts[n - 1].at_us, seq);
        assert_int_equal((int64_t)n, (seq - 2) * 50); /* two commits made the DAG and the run */
        store_close(f->s);
        f->s = NULL;
    }
    fixture_reopen(f);
}

/* ---- several handles ---- */

struct reading {
    const char *path;
    _Atomic int stop, rounds, bad;
};

static void *read_on(void *arg)
{
    struct reading *r = arg;
    struct store *s = NULL;
    struct err e;

    if (store_sqlite_open(r->path, STORE_READ_ONLY, &s, &e) != 0) {
        r->bad++;
        return NULL;
    }
    while (r->stop == 0) {
        struct arena a;
        struct transition_row *ts;
        size_t n = 0;

        arena_init(&a, (size_t)1 << 28);
        if (s->ops->get_transitions(s, 1, NULL, 0, &a, &ts, &n, &e) != 0 || n % 10 != 0) {
            r->bad++;
        }
        arena_fini(&a);
        r->rounds++;
    }
    store_close(s);
    return NULL;
}

static void test_readers_during_writes(void **state)
{
    struct fixture *f = *state;
    struct reading r = {.path = f->path};
    pthread_t thread;
    bool more;

    fixture_dag(f, 1);
    assert_int_equal(pthread_create(&thread, NULL, read_on, &r), 0);
    for (int i = 0; i < 200 || (r.rounds < 5 && r.bad == 0); i++) {
        struct transition_row tr[10];
        struct store_batch b = {.transitions = tr, .transitions_len = 10};

        for (int k = 0; k < 10; k++) {
            tr[k] = sample_transition(1, (uint32_t)k, T0, NULL);
        }
        OK(fixture_commit(f, &b), f);
        OK(OPS(f)->upkeep(f->s, &more, &f->e), f);
    }
    r.stop = 1;
    pthread_join(thread, NULL);
    assert_int_equal(r.bad, 0);
    assert_true(r.rounds >= 5);
}

static void test_read_only(void **state)
{
    struct fixture *f = *state;
    struct store *r = NULL;
    struct store_batch b = {0};
    struct run_row *runs;
    int64_t x, y;
    size_t n;
    bool more;

    fixture_dag(f, 2);
    assert_int_equal(store_sqlite_open("/tmp/tw-no-such-folder/x.db", STORE_READ_ONLY, &r, &f->e),
                     -ERR_NOTFOUND);
    OK(store_sqlite_open(f->path, STORE_READ_ONLY, &r, &f->e), f);
    OK(r->ops->get_runs(r, 0, 0, 0, 0, &f->a, &runs, &n, &f->e), f);
    assert_int_equal(n, 2);
    assert_int_equal(r->ops->commit(r, 0, 1, 9, &b, &f->e), -ERR_PERM);
    assert_int_equal(r->ops->acquire(r, 0, "x", &x, &y, &f->e), -ERR_PERM);
    assert_int_equal(r->ops->reserve_keys(r, "run", 1, &x, &f->e), -ERR_PERM);
    assert_int_equal(r->ops->clean(r, 0, 0, &x, &more, &f->e), -ERR_PERM);
    OK(r->ops->count_old_runs(r, INT64_MAX, &x, &f->e), f);
    OK(r->ops->check(r, &f->e), f);
    OK(r->ops->upkeep(r, &more, &f->e), f);
    /* The writer goes first; the reader still reads, and leaves the log alone. */
    store_close(f->s);
    f->s = NULL;
    OK(r->ops->get_runs(r, 0, 0, 0, 0, &f->a, &runs, &n, &f->e), f);
    assert_int_equal(n, 2);
    store_close(r);
    fixture_reopen(f);
    OK(OPS(f)->get_runs(f->s, 0, 0, 0, 0, &f->a, &runs, &n, &f->e), f);
    assert_int_equal(n, 2);
}

/* A reader remembers what it has counted; what another connection commits is counted. */
static void test_reader_counts(void **state)
{
    struct fixture *f = *state;
    const struct time_range open = {TIME_NONE, TIME_NONE};
    struct run_query all = {.logical_date = open, .run_after = open, .start = open, .end = open};
    struct run_query one = all;
    struct store *r = NULL;
    int64_t n;

    fixture_dag(f, 1);
    OK(store_sqlite_open(f->path, STORE_READ_ONLY, &r, &f->e), f);
    one.run_id_part = "no such run";
    for (int64_t have = 1; have <= 20; have++) {
        for (int again = 0; again < 3; again++) {
            OK(r->ops->count_runs(r, &all, &n, &f->e), f);
            assert_int_equal(n, have);
            OK(r->ops->count_runs(r, &one, &n, &f->e), f);
            assert_int_equal(n, 0);
        }
        {
            struct run_row row = sample_run(have + 1, 1);
            struct store_batch b = {.runs = &row, .runs_len = 1};

            OK(fixture_commit(f, &b), f);
        }
        OK(OPS(f)->count_runs(f->s, &all, &n, &f->e), f); /* the writer never remembers */
        assert_int_equal(n, have + 1);
    }
    store_close(r);
}

static void test_busy(void **state)
{
    struct faulty_vfs *disk = faulty_vfs_new("busy", 1); /* whose waits take no time */
    struct store *s = NULL;
    sqlite3 *other;
    struct store_batch b = {0};
    int64_t epoch, seq;
    struct err e;

    (void)state;
    assert_int_equal(store_sqlite_open_vfs("b.db", "busy", 0, &s, &e), 0);
    assert_int_equal(s->ops->acquire(s, 0, "t", &epoch, &seq, &e), 0);
    assert_int_equal(sqlite3_open_v2("b.db", &other, SQLITE_OPEN_READWRITE, "busy"), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(s->ops->commit(s, 0, epoch, 1, &b, &e), -ERR_BUSY);
    assert_true(faulty_vfs_slept_us(disk) >= 1000000 && faulty_vfs_slept_us(disk) < 10000000);
    assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(s->ops->commit(s, 0, epoch, 1, &b, &e), 0);
    sqlite3_close(other);
    store_close(s);
    faulty_vfs_free(disk);
}

/* ---- the write-ahead log ---- */

static off_t size_of(const char *path, const char *tail)
{
    char name[600];
    struct stat st;

    snprintf(name, sizeof name, "%s%s", path, tail);
    return stat(name, &st) == 0 ? st.st_size : -1;
}

static void write_much(struct fixture *f, int commits, bool upkeep)
{
    static char value[400000];

    for (int i = 0; i < commits; i++) {
        struct xcom_row x = {
            .key = {1, (uint32_t)i, -1}, .name = "x", .value = value, .value_len = sizeof value};
        struct store_batch b = {.xcoms = &x, .xcoms_len = 1};
        bool more;

        OK(fixture_commit(f, &b), f);
        if (upkeep) {
            OK(OPS(f)->upkeep(f->s, &more, &f->e), f);
        }
    }
}

static void test_log_stays_small(void **state)
{
    struct fixture *f = *state;

    fixture_dag(f, 1);
    write_much(f, 80, true); /* 32 MB through a log of about 1000 pages */
    assert_true(size_of(f->path, "-wal") < 8 << 20);
    write_much(f, 200, false); /* nobody calls upkeep: commit does, later */
    assert_true(size_of(f->path, "-wal") < 48 << 20);
    OK(OPS(f)->check(f->s, &f->e), f);
}

/* ---- versions ---- */

static void make_old(struct fixture *f, int version)
{
    sqlite3 *db;

    store_close(f->s);
    f->s = NULL;
    unlink(f->path);
    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL), SQLITE_OK);
    OK(sql_migrate(db, f->path, sql_migrations, version, NULL, NULL, NULL, &f->e), f);
    /* A run in flight. */
    assert_int_equal(sqlite3_exec(db,
                                  "INSERT INTO shard VALUES (0, 3, 17, 'old'); INSERT INTO dag "
                                  "VALUES (1, 'etl', NULL, 0, 1, 5);"
                                  "INSERT INTO version VALUES (1, 1, 'abc', 5, '{}');"
                                  "INSERT INTO run VALUES (1, 1, 1, 'r1', 1, 1, 5, 5, 6, 6, 6, 7, "
                                  "NULL, 0, 0, NULL, NULL);"
                                  "INSERT INTO ti VALUES (1, 0, -1, 4, 1, 0, 0, "
                                  "x'000102030405060708090a0b0c0d0e0f', 9, 1, 2, 3, "
                                  "NULL, NULL, -1, 1); INSERT INTO reason VALUES (1, 'runs');",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(db);
}

static void test_migrate(void **state)
{
    struct fixture *f = *state;
    struct ti_row *tis;
    struct ti_row t = sample_ti(1, 0, -1);
    struct store_batch b = {.tis = &t, .tis_len = 1};
    char copy[400];
    size_t n;
    int have, newest;

    make_old(f, 1);
    snprintf(copy, sizeof copy, "%s.before-v%d", f->path, sql_migrations_len);
    assert_int_equal(store_sqlite_open(f->path, STORE_NO_MIGRATE, &f->s, &f->e), -ERR_VERSION);
    assert_non_null(strstr(f->e.text, "migrate"));
    assert_int_equal(store_sqlite_open(f->path, STORE_READ_ONLY, &f->s, &f->e), -ERR_VERSION);
    assert_int_equal(sql_value(f->path, "PRAGMA user_version"), 1);
    fixture_reopen(f);
    OK(OPS(f)->schema_version(f->s, &have, &newest, &f->e), f);
    assert_int_equal(have, newest);
    assert_int_equal(have, sql_migrations_len);
    /* The run in flight goes on where it was. */
    OK(OPS(f)->acquire(f->s, 0, "new", &f->epoch, &f->seq, &f->e), f);
    assert_int_equal(f->epoch, 4);
    assert_int_equal(f->seq, 17);
    OK(OPS(f)->get_tis(f->s, 1, 0, &f->a, &tis, &n, &f->e), f);
    assert_int_equal(n, 1);
    assert_int_equal(tis[0].state, TASK_RUNNING);
    assert_int_equal(tis[0].attempt.b[15], 15);
    assert_string_equal(tis[0].reason, "runs");
    OK(fixture_commit(f, &b), f);
    OK(OPS(f)->check(f->s, &f->e), f);
    /* The copy is the old store, whole. */
    assert_int_equal(sql_value(copy, "PRAGMA user_version"), 1);
    assert_int_equal(sql_value(copy, "SELECT COUNT(*) FROM ti WHERE state = 4"), 1);
}

static void test_migrate_command(void **state)
{
    struct fixture *f = *state;
    const char *copy;
    int from, to;

    make_old(f, 1);
    OK(store_sqlite_migrate(f->path, &f->a, &copy, &from, &to, &f->e), f);
    assert_int_equal(from, 1);
    assert_int_equal(to, sql_migrations_len);
    assert_int_equal(access(copy, F_OK), 0);
    OK(store_sqlite_migrate(f->path, &f->a, &copy, &from, &to, &f->e), f);
    assert_null(copy);
    assert_int_equal(from, to);
    assert_int_equal(
        store_sqlite_migrate("/tmp/tw-no-such-folder/x", &f->a, &copy, &from, &to, &f->e),
        -ERR_NOTFOUND);
    fixture_reopen(f);
}

static void test_migration_fails(void **state)
{
    static const struct sql_migration broken[] = {
        {"", ""}, {"a broken one", "CREATE TABLE new (x); SELECT nonsense"}};
    struct fixture *f = *state;
    sqlite3 *db;

    make_old(f, 1);
    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    assert_true(sql_migrate(db, f->path, broken, 2, NULL, NULL, NULL, &f->e) < 0);
    assert_non_null(strstr(f->e.text, "a broken one"));
    assert_int_equal(sqlite3_get_autocommit(db), 1);
    sqlite3_close(db);
    assert_int_equal(sql_value(f->path, "PRAGMA user_version"), 1);
    assert_int_equal(sql_value(f->path, "SELECT COUNT(*) FROM sqlite_schema WHERE name = 'new'"),
                     0);
    fixture_reopen(f); /* and the right one does it */
}

static void test_newer_refused(void **state)
{
    struct fixture *f = *state;
    char back[48];
    int have, newest;

    OK(OPS(f)->schema_version(f->s, &have, &newest, &f->e), f);
    snprintf(back, sizeof back, "PRAGMA user_version = %d", have);
    store_close(f->s);
    f->s = NULL;
    sql(f->path, "PRAGMA user_version = 99");
    assert_int_equal(store_sqlite_open(f->path, 0, &f->s, &f->e), -ERR_VERSION);
    assert_non_null(strstr(f->e.text, "newer"));
    assert_int_equal(store_sqlite_open(f->path, STORE_READ_ONLY, &f->s, &f->e), -ERR_VERSION);
    assert_int_equal(store_sqlite_open(f->path, 0, &f->s, NULL), -ERR_VERSION);
    sql(f->path, back);
    fixture_reopen(f);
}

static void test_foreign_files(void **state)
{
    struct fixture *f = *state;
    char path[400];
    FILE *file;
    struct store *s = NULL;

    snprintf(path, sizeof path, "%s/foreign.db", f->dir);
    sql(path, "CREATE TABLE t (x); INSERT INTO t VALUES (1)");
    assert_int_equal(store_sqlite_open(path, 0, &s, &f->e), -ERR_INVALID);
    assert_int_equal(sql_value(path, "SELECT x FROM t"), 1);
    snprintf(path, sizeof path, "%s/text.db", f->dir);
    file = fopen(path, "w");
    for (int i = 0; i < 500; i++) {
        fprintf(file, "this is not a database\n");
    }
    fclose(file);
    assert_int_equal(store_sqlite_open(path, 0, &s, &f->e), -ERR_CORRUPT);
    assert_int_equal(store_sqlite_open("/tmp/tw-no-such-folder/x.db", 0, &s, &f->e), -ERR_NOTFOUND);
    assert_true(store_sqlite_open(f->dir, 0, &s, &f->e) < 0); /* a folder */
}

/* ---- backup, damage ---- */

static void test_backup(void **state)
{
    struct fixture *f = *state;
    struct store *r = NULL, *copy = NULL;
    struct buf before, after;
    char path[400], again[400];

    buf_init(&before, 1 << 24);
    buf_init(&after, 1 << 24);
    fixture_dag(f, 3);
    write_much(f, 5, false);
    snprintf(path, sizeof path, "%s/backup.db", f->dir);
    snprintf(again, sizeof again, "%s/again.db", f->dir);
    store_dump(f->s, 3, 3, &before);
    OK(OPS(f)->backup(f->s, path, &f->e), f);
    assert_int_equal(OPS(f)->backup(f->s, path, &f->e), -ERR_EXISTS);
    assert_true(OPS(f)->backup(f->s, "/tmp/tw-no-such-folder/b.db", &f->e) < 0);
    write_much(f, 5, false); /* the store lives on */
    OK(store_sqlite_open(path, 0, &copy, &f->e), f);
    store_dump(copy, 3, 3, &after);
    assert_string_equal(buf_cstr(&before), buf_cstr(&after));
    OK(copy->ops->check(copy, &f->e), f);
    store_close(copy);
    /* From another handle, while the writer lives. */
    OK(store_sqlite_open(f->path, STORE_READ_ONLY, &r, &f->e), f);
    OK(r->ops->backup(r, again, &f->e), f);
    store_close(r);
    assert_int_equal(sql_value(again, "SELECT COUNT(*) FROM run"), 3);
    assert_true(size_of(again, ".part") < 0);
    buf_fini(&before);
    buf_fini(&after);
}

static void test_damage(void **state)
{
    struct fixture *f = *state;
    FILE *file;
    int rc;

    fixture_dag(f, 1);
    write_much(f, 5, false);
    store_close(f->s);
    f->s = NULL;
    file = fopen(f->path, "r+");
    for (int page = 3; page < 60; page++) {
        fseek(file, page * 4096, SEEK_SET);
        fwrite("damaged!", 1, 8, file);
    }
    fclose(file);
    rc = store_sqlite_open(f->path, 0, &f->s, &f->e);
    if (rc == 0) {
        rc = OPS(f)->check(f->s, &f->e);
    }
    assert_int_equal(rc, -ERR_CORRUPT);
    assert_true(strlen(f->e.text) > 10);
}

static void test_check_finds_orphans(void **state)
{
    struct fixture *f = *state;

    fixture_dag(f, 1);
    sql(f->path, "INSERT INTO transition VALUES (77, 1, 0, -1, 0, 1, 1, 5, NULL)");
    assert_int_equal(OPS(f)->check(f->s, &f->e), -ERR_CORRUPT);
    assert_non_null(strstr(f->e.text, "77"));
    sql(f->path,
        "DELETE FROM transition; INSERT INTO transition VALUES (1, 1, 0, -1, 0, 1, 1, 5, 12345)");
    assert_int_equal(OPS(f)->check(f->s, &f->e), -ERR_CORRUPT);
    assert_non_null(strstr(f->e.text, "12345"));
}

/* ---- size ---- */

static void test_reasons_once(void **state)
{
    struct fixture *f = *state;
    char text[200];
    struct transition_row *ts;
    size_t n;

    fixture_dag(f, 1);
    memset(text, 'r', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    for (int i = 0; i < 100; i++) {
        struct transition_row tr[100];
        struct store_batch b = {.transitions = tr, .transitions_len = 100};

        for (int k = 0; k < 100; k++) {
            tr[k] = sample_transition(1, (uint32_t)k, T0, text);
        }
        OK(fixture_commit(f, &b), f);
    }
    assert_int_equal(
        sql_value(f->path, "SELECT COUNT(*) FROM transition WHERE typeof(reason) = 'text'"), 1);
    assert_int_equal(sql_value(f->path, "SELECT COUNT(*) FROM reason"), 1);
    OK(OPS(f)->get_transitions(f->s, 1, NULL, 0, &f->a, &ts, &n, &f->e), f);
    assert_int_equal(n, 10000);
    assert_string_equal(ts[0].reason, text);
    assert_string_equal(ts[9999].reason, text);
    assert_true(sql_value(f->path, "PRAGMA page_count") * 4096 <
                100 * 10000); /* under 100 bytes a transition */
}

/* A thousand reasons twice, over the dictionary's end, and a refused batch in between: no number
 * may survive it. */
static void test_reasons_rollback(void **state)
{
    struct fixture *f = *state;
    struct grant_row refused = {.resource = "none", .n = 1};

    fixture_dag(f, 1);
    for (int i = 0; i < 60; i++) {
        static char texts[200][24];
        struct transition_row tr[200];
        struct store_batch b = {
            .transitions = tr, .transitions_len = 200, .grants = &refused, .grants_len = 1};

        for (int k = 0; k < 200; k++) {
            snprintf(texts[k], sizeof texts[k], "reason %d", (i * 100 + k % 100) % 5000);
            tr[k] = sample_transition(1, (uint32_t)k, T0, texts[k]);
        }
        assert_int_equal(fixture_commit(f, &b), -ERR_CONFLICT);
        b.grants_len = 0;
        OK(fixture_commit(f, &b), f);
    }
    assert_true(sql_value(f->path, "SELECT COUNT(*) FROM reason") <= 4096);
    assert_true(sql_value(f->path, "SELECT COUNT(*) FROM reason") > 1000);
    OK(OPS(f)->check(f->s, &f->e), f);
}

static void test_clean_in_slices(void **state)
{
    struct fixture *f = *state;
    struct run_row r = sample_run(1, 1);
    static struct ti_row tis[12000];
    struct store_batch b = {.runs = &r, .runs_len = 1, .tis = tis, .tis_len = LEN(tis)};
    int64_t n;
    bool more = true;
    int pieces = 0;

    fixture_dag(f, 2);
    r.state = RUN_SUCCESS, r.end_us = T0;
    for (uint32_t i = 0; i < LEN(tis); i++) {
        tis[i] = sample_ti(1, i / 3, (int32_t)(i % 3)); /* more than one slice holds */
    }
    OK(fixture_commit(f, &b), f);
    /* As after a crash in the middle: the run is gone, its rows are not. */
    sql(f->path, "INSERT INTO garbage (run_key, dag_id, run_id) VALUES (1, 'd', 'r'); DELETE FROM "
                 "run WHERE run_key = 1");
    OK(OPS(f)->check(f->s, &f->e), f);
    for (; more; pieces++) {
        OK(OPS(f)->clean(f->s, T0 + 1, 0, &n, &more, &f->e), f);
        assert_int_equal(n, 0);
    }
    assert_true(pieces > 1); /* a piece is bounded */
    assert_int_equal(sql_value(f->path, "SELECT COUNT(*) FROM ti"), 0);
    OK(OPS(f)->drop_garbage(f->s, (int64_t[]){1}, 1, &f->e), f);
    assert_int_equal(sql_value(f->path, "SELECT COUNT(*) FROM garbage"), 0);
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(test_reopen),
        T(test_kill),
        T(test_readers_during_writes),
        T(test_read_only),
        T(test_reader_counts),
        T(test_busy),
        T(test_log_stays_small),
        T(test_migrate),
        T(test_migrate_command),
        T(test_migration_fails),
        T(test_newer_refused),
        T(test_foreign_files),
        T(test_backup),
        T(test_damage),
        T(test_check_finds_orphans),
        T(test_reasons_once),
        T(test_reasons_rollback),
        T(test_clean_in_slices),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
