/* What the store's tests share: a store of either driver in a folder of its own, sample rows, and a
 * dump of everything. */
#ifndef TW_TEST_STORE_FIXTURE_H
#define TW_TEST_STORE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/prng.h"
#include "base/time.h"
#include "store/store.h"

#define T0     INT64_C(1700000000000000) /* a time */
#define LEN(a) (sizeof(a) / sizeof(a)[0])

struct fixture {
    const char *driver; /* "mem" or "sqlite" */
    char *dir;          /* made by fixture_open, removed by fixture_close */
    char path[256];     /* of the database file */
    struct store *s;
    struct arena a; /* of results */
    struct err e;
    int64_t epoch, seq; /* of shard 0 */
};

void fixture_open(struct fixture *f, const char *driver);
void fixture_reopen(struct fixture *f); /* sqlite: closes and opens again; does not acquire */
void fixture_close(struct fixture *f);
/* Commits to shard 0 with the next seq; seq grows on success. */
int fixture_commit(struct fixture *f, const struct store_batch *b);
/* Commits a DAG 1 "etl" with version 1 and n runs, run_key 1.., an hour apart, all running and
 * scheduled. */
void fixture_dag(struct fixture *f, int runs);

/* A test on both drivers: its state is a struct fixture. */
int fixture_set_up(void **state);
int fixture_tear_down(void **state);
#define BOTH(test)                                                                    \
    {#test " on mem", test, fixture_set_up, fixture_tear_down, (void *)"mem"},        \
    {                                                                                 \
#test " on sqlite", test, fixture_set_up, fixture_tear_down, (void *)"sqlite" \
    }
#define OPS(f) ((f)->s->ops)
#define OK(rc, f)                                                                      \
    do {                                                                               \
        int rc_ = (rc);                                                                \
        if (rc_ != 0) {                                                                \
            fail_msg("%s:%d: %s: %s", __FILE__, __LINE__, err_name(rc_), (f)->e.text); \
        }                                                                              \
    } while (0)

struct run_row sample_run(int64_t run_key, int64_t dag_key);
struct ti_row sample_ti(int64_t run_key, uint32_t task, int32_t map_index);
struct transition_row sample_transition(int64_t run_key, uint32_t task, int64_t at_us,
                                        const char *reason);

/* Everything that the queries show of DAGs, runs 1 .. runs_max and tasks 0 .. tasks_max - 1, as
 * text. */
void store_dump(struct store *s, int64_t runs_max, uint32_t tasks_max, struct buf *out);

#endif
