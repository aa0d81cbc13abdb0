/* The suite of the store, continued: assets and their events. */
#include <stdio.h>
#include <string.h>

#include "fixture.h"

static struct asset_event_query all(void)
{
    return (struct asset_event_query){.from_us = TIME_NONE, .to_us = TIME_NONE};
}

static struct asset_event_row event(const char *name, int64_t at_us)
{
    return (struct asset_event_row){.name = name,
                                    .uri = name,
                                    .group = "asset",
                                    .extra = "{\"rows\": 3}",
                                    .dag_id = "etl",
                                    .task_id = "load",
                                    .run_id = "manual__1",
                                    .map_index = -1,
                                    .at_us = at_us};
}

static void commit_events(struct fixture *f, const struct asset_event_row *rows, size_t n)
{
    OK(fixture_commit(f, &(struct store_batch){.asset_events = rows, .asset_events_len = n}), f);
}

static void test_assets(void **state)
{
    struct fixture *f = *state;
    struct asset_row rows[] = {
        {.name = "b", .uri = "s3://b", .group = "g", .extra = "{}", .created_us = T0},
        {.name = "a", .uri = "s3://a", .group = "g", .created_us = T0},
        {.name = "a", .uri = "s3://other", .group = "g", .created_us = T0 + 1},
    };
    struct asset_row again = {.name = "b", .uri = "s3://b", .group = "model", .created_us = T0 + 9};
    struct asset_row *found, one;
    size_t n;

    OK(fixture_commit(f, &(struct store_batch){.assets = rows, .assets_len = LEN(rows)}), f);
    OK(fixture_commit(f, &(struct store_batch){.assets = &again, .assets_len = 1}), f);
    OK(OPS(f)->get_assets(f->s, 0, 0, &f->a, &found, &n, &f->e), f);
    assert_int_equal(n, 3);
    assert_string_equal(found[0].uri, "s3://a");
    assert_string_equal(found[1].uri, "s3://other");
    assert_string_equal(found[2].name, "b");
    /* The second row said what it is now; its key and its beginning are those of the first. */
    assert_string_equal(found[2].group, "model");
    assert_null(found[2].extra);
    assert_int_equal(found[2].created_us, T0);
    assert_int_equal(found[2].asset_key, 1);
    assert_int_equal(found[2].last_event_us, TIME_NONE);
    OK(OPS(f)->get_assets(f->s, 1, 1, &f->a, &found, &n, &f->e), f);
    assert_int_equal(n, 1);
    assert_string_equal(found[0].uri, "s3://other");
    OK(OPS(f)->get_assets(f->s, 3, 0, &f->a, &found, &n, &f->e), f);
    assert_int_equal(n, 0);
    /* Of several of a name the one that was made last, unless the URI says which. */
    OK(OPS(f)->find_asset(f->s, "a", NULL, &f->a, &one, &f->e), f);
    assert_string_equal(one.uri, "s3://other");
    OK(OPS(f)->find_asset(f->s, "a", "s3://a", &f->a, &one, &f->e), f);
    assert_int_equal(one.asset_key, 2);
    OK(OPS(f)->find_asset(f->s, NULL, "s3://b", &f->a, &one, &f->e), f);
    assert_string_equal(one.name, "b");
    assert_int_equal(OPS(f)->find_asset(f->s, "c", NULL, &f->a, &one, &f->e), -ERR_NOTFOUND);
    assert_int_equal(OPS(f)->find_asset(f->s, "b", "s3://a", &f->a, &one, &f->e), -ERR_NOTFOUND);
}

static void test_events(void **state)
{
    struct fixture *f = *state;
    struct asset_event_row rows[] = {event("a", T0 + 5), event("b", T0 + 6), event("a", T0 + 7)};
    struct asset_event_query q = all();
    struct asset_event_row *found;
    struct asset_row asset;
    int64_t count, newest;
    size_t n;

    OK(OPS(f)->count_asset_events(f->s, &q, &count, &newest, &f->e), f);
    assert_int_equal(count, 0);
    assert_int_equal(newest, 0);
    rows[0].asset_extra = "{\"owner\": 1}";
    rows[0].aliases = "x\0y";
    rows[0].aliases_len = 4;
    rows[0].partition_key = "2026-01-01";
    commit_events(f, rows, 3);
    /* They made their assets. */
    OK(OPS(f)->find_asset(f->s, "a", "a", &f->a, &asset, &f->e), f);
    assert_int_equal(asset.last_event_us, T0 + 7);
    assert_string_equal(asset.extra, "{\"owner\": 1}");
    q.asset_key = asset.asset_key;
    OK(OPS(f)->get_asset_events(f->s, &q, &f->a, &found, &n, &f->e), f);
    assert_int_equal(n, 2);
    assert_int_equal(found[0].event_key, 1);
    assert_int_equal(found[1].event_key, 3);
    assert_int_equal(found[0].at_us, T0 + 5);
    assert_string_equal(found[0].name, "a");
    assert_string_equal(found[0].extra, "{\"rows\": 3}");
    assert_string_equal(found[0].asset_extra, "{\"owner\": 1}");
    assert_string_equal(found[0].dag_id, "etl");
    assert_string_equal(found[0].task_id, "load");
    assert_string_equal(found[0].run_id, "manual__1");
    assert_int_equal(found[0].map_index, -1);
    assert_string_equal(found[0].partition_key, "2026-01-01");
    assert_int_equal(found[0].aliases_len, 4);
    assert_memory_equal(found[0].aliases, "x\0y", 4);
    assert_int_equal(found[1].aliases_len, 0);
    /* Of some assets, and of none. */
    q = all();
    q.asset_keys = (const int64_t[]){asset.asset_key, 99};
    q.asset_keys_len = 2;
    q.limit = 1;
    q.newest_first = true;
    OK(OPS(f)->get_asset_events(f->s, &q, &f->a, &found, &n, &f->e), f);
    assert_int_equal(n, 1);
    assert_int_equal(found[0].event_key, 3);
    OK(OPS(f)->count_asset_events(f->s, &q, &count, &newest, &f->e), f);
    assert_int_equal(count, 2);
    q.alias = "y";
    OK(OPS(f)->count_asset_events(f->s, &q, &count, &newest, &f->e), f);
    assert_int_equal(count, 1);
    q.alias = NULL;
    q.asset_keys_len = 0;
    OK(OPS(f)->count_asset_events(f->s, &q, &count, &newest, &f->e), f);
    assert_int_equal(count, 0);
    /* Through an alias, and through one that nothing came by. */
    q = all();
    q.alias = "y";
    OK(OPS(f)->get_asset_events(f->s, &q, &f->a, &found, &n, &f->e), f);
    assert_int_equal(n, 1);
    assert_int_equal(found[0].event_key, 1);
    q.alias = "z";
    OK(OPS(f)->count_asset_events(f->s, &q, &count, &newest, &f->e), f);
    assert_int_equal(count, 0);
    /* What an asset is now is said of its earlier events too. */
    asset.group = "model";
    OK(fixture_commit(f, &(struct store_batch){.assets = &asset, .assets_len = 1}), f);
    q.alias = "x";
    OK(OPS(f)->get_asset_events(f->s, &q, &f->a, &found, &n, &f->e), f);
    assert_string_equal(found[0].group, "model");
}

static void test_pages(void **state)
{
    struct fixture *f = *state;
    struct asset_event_row rows[20];
    struct asset_event_query q = all();
    struct asset_event_row *found;
    int64_t count, newest;
    size_t n;

    for (int i = 0; i < 20; i++) {
        rows[i] = event(i % 2 == 0 ? "even" : "odd", T0 + i);
    }
    commit_events(f, rows, 20);
    q.asset_key = 1;
    q.limit = 3;
    q.offset = 2;
    OK(OPS(f)->get_asset_events(f->s, &q, &f->a, &found, &n, &f->e), f);
    assert_int_equal(n, 3);
    assert_int_equal(found[0].event_key, 5); /* keys 1, 3, 5 ... */
    q.newest_first = true;
    OK(OPS(f)->get_asset_events(f->s, &q, &f->a, &found, &n, &f->e), f);
    assert_int_equal(found[0].event_key, 15);
    assert_int_equal(found[2].event_key, 11);
    q.offset = 9;
    OK(OPS(f)->get_asset_events(f->s, &q, &f->a, &found, &n, &f->e), f);
    assert_int_equal(n, 1);
    /* Both times are included, both keys are not. */
    q = all();
    q.from_us = T0 + 3;
    q.to_us = T0 + 9;
    q.limit = 2; /* not of the count */
    OK(OPS(f)->count_asset_events(f->s, &q, &count, &newest, &f->e), f);
    assert_int_equal(count, 7);
    assert_int_equal(newest, 10);
    q.above_key = 4;
    q.below_key = 9;
    OK(OPS(f)->count_asset_events(f->s, &q, &count, &newest, &f->e), f);
    assert_int_equal(count, 4);
    assert_int_equal(newest, 8);
}

static void test_refused(void **state)
{
    struct fixture *f = *state;
    struct asset_event_row rows[2] = {event("a", T0), event("b", T0)};
    struct store_batch b = {.asset_events = rows, .asset_events_len = 2};
    struct asset_row *assets;
    struct asset_event_row *found;
    struct asset_event_query q = all();
    size_t n;

    rows[1].uri = NULL;
    assert_int_equal(fixture_commit(f, &b), -ERR_INVALID);
    OK(OPS(f)->get_assets(f->s, 0, 0, &f->a, &assets, &n, &f->e), f);
    assert_int_equal(n, 0);
    /* The refused batch took no keys. */
    rows[1].uri = "b";
    OK(fixture_commit(f, &b), f);
    OK(OPS(f)->get_asset_events(f->s, &q, &f->a, &found, &n, &f->e), f);
    assert_int_equal(n, 2);
    assert_int_equal(found[0].event_key, 1);
    assert_int_equal(found[1].asset_key, 2);
    OK(OPS(f)->check(f->s, &f->e), f);
}

/* They outlive the run that they came from. */
static void test_clean_keeps_events(void **state)
{
    struct fixture *f = *state;
    struct asset_event_row row = event("a", T0);
    struct run_row runs[2] = {sample_run(1, 1), sample_run(2, 1)};
    struct asset_event_query q = all();
    int64_t count, newest, cleaned;
    bool more;

    fixture_dag(f, 2);
    for (int i = 0; i < 2; i++) {
        runs[i].state = RUN_SUCCESS;
        runs[i].end_us = T0;
    }
    OK(fixture_commit(f, &(struct store_batch){.runs = runs, .runs_len = 2}), f);
    commit_events(f, &row, 1);
    OK(OPS(f)->clean(f->s, T0 + 1, 0, &cleaned, &more, &f->e), f);
    assert_int_equal(cleaned, 1);
    OK(OPS(f)->count_asset_events(f->s, &q, &count, &newest, &f->e), f);
    assert_int_equal(count, 1);
}

/* Events wait for runs, are taken in the order of the batch, and are a run's. */
static void test_queue(void **state)
{
    struct fixture *f = *state;
    struct asset_event_row rows[3] = {event("a", T0), event("b", T0 + 1), event("a", T0 + 2)};
    struct asset_queue_row queue[] = {
        {.op = ASSET_QUEUE_CONSUMER, .dag_key = 1, .schedule = "{}"},
        {.op = ASSET_QUEUE_ADD, .dag_key = 1, .partition = "", .event = 0},
        {.op = ASSET_QUEUE_ADD, .dag_key = 1, .partition = "", .event = 1},
        {.op = ASSET_QUEUE_TAKE, .dag_key = 1, .partition = "", .run_key = 7},
        {.op = ASSET_QUEUE_ADD, .dag_key = 1, .partition = "", .event = 2},
        {.op = ASSET_QUEUE_ADD, .dag_key = 1, .partition = "p", .event = 2},
    };
    struct asset_queue_row drop = {
        .op = ASSET_QUEUE_DROP, .dag_key = 1, .partition = "", .asset_key = 1};
    struct asset_queue_row end = {.op = ASSET_QUEUE_CONSUMER, .dag_key = 1};
    struct store_batch b = {.asset_events = rows,
                            .asset_events_len = 3,
                            .asset_queue = queue,
                            .asset_queue_len = LEN(queue)};
    struct asset_consumer_row *consumers;
    struct asset_queue_shape *q;
    struct asset_event_row *found;
    size_t n;

    assert_int_equal(fixture_commit(f, &b), -ERR_INVALID); /* there is no such DAG */
    fixture_dag(f, 1);
    queue[5].event = 3;
    assert_int_equal(fixture_commit(f, &b), -ERR_INVALID);
    queue[5].event = 2;
    OK(fixture_commit(f, &b), f);
    OK(OPS(f)->get_asset_consumers(f->s, &f->a, &consumers, &n, &f->e), f);
    assert_int_equal(n, 1);
    assert_string_equal(consumers[0].schedule, "{}");
    assert_non_null(consumers[0].dag_id);
    OK(OPS(f)->get_run_events(f->s, 7, 0, 0, &f->a, &found, &n, &f->e), f);
    assert_int_equal(n, 2);
    assert_string_equal(found[1].name, "b");
    OK(OPS(f)->get_run_events(f->s, 7, 1, 5, &f->a, &found, &n, &f->e), f);
    assert_int_equal(n, 1);
    assert_int_equal(found[0].event_key, 2);
    OK(OPS(f)->get_asset_queue(f->s, 1, &f->a, &q, &n, &f->e), f);
    assert_int_equal(n, 2);
    assert_string_equal(q[0].partition, "");
    assert_string_equal(q[1].partition, "p");
    assert_int_equal(q[1].count, 1);
    assert_int_equal(q[1].last_us, T0 + 2);
    OK(fixture_commit(f, &(struct store_batch){.asset_queue = &drop, .asset_queue_len = 1}), f);
    OK(OPS(f)->get_asset_queue(f->s, 1, &f->a, &q, &n, &f->e), f);
    assert_int_equal(n, 1);
    OK(fixture_commit(f, &(struct store_batch){.asset_queue = &end, .asset_queue_len = 1}), f);
    OK(OPS(f)->get_asset_queue(f->s, 1, &f->a, &q, &n, &f->e), f);
    assert_int_equal(n, 0);
    OK(OPS(f)->get_asset_consumers(f->s, &f->a, &consumers, &n, &f->e), f);
    assert_int_equal(n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(test_assets),
        BOTH(test_events),
        BOTH(test_pages),
        BOTH(test_refused),
        BOTH(test_clean_keeps_events),
        BOTH(test_queue),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
