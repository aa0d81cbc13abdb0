/*
 * DAG files of any bytes, as YAML and as JSON. Either there is an error with its text, or a DAG
 * whose graph is sound and whose canonical form loads again with the same hash.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "dagfile/dagfile.h"
#include "fuzz.h"
#include "model/dag.h"
#include "model/document.h"
#include "operators/operators.h"

static void check_graph(const struct dag *d)
{
    uint32_t *position = calloc((size_t)d->tasks_len + 1, sizeof *position);

    FUZZ_CHECK(position != NULL && d->dag_id != NULL && d->display_name != NULL);
    for (uint32_t i = 0; i < d->tasks_len; i++) {
        FUZZ_CHECK(d->topo[i] < d->tasks_len && position[d->topo[i]] == 0);
        position[d->topo[i]] = i + 1;
    }
    for (uint32_t t = 0; t < d->tasks_len; t++) {
        const struct task *task = &d->tasks[t];

        FUZZ_CHECK(task->index == t && dag_task(d, task->task_id) == task);
        FUZZ_CHECK(task->spec != NULL && task->operator_name != NULL && task->pool != NULL);
        FUZZ_CHECK(task->pool_slots >= 1 && task->retries >= 0);
        for (uint32_t i = d->up_off[t]; i < d->up_off[t + 1]; i++) {
            FUZZ_CHECK(position[d->up[i]] < position[t]);
        }
    }
    free(position);
}

static struct dag *load(const char *text, size_t n, bool json)
{
    struct doc_errors errors = {0};
    struct err e = {0};
    struct dag *d = NULL;
    struct arena a;
    int rc;

    arena_init(&a, MiB(64));
    errors.arena = &a;
    rc = dagfile_load_text(text, n, json, "fuzz", operators_table(), &d, &errors, &e);
    FUZZ_CHECK((rc == 0) == (d != NULL));
    FUZZ_CHECK(rc == 0 || (e.text[0] != '\0' && errors.len > 0));
    for (size_t i = 0; i < errors.len; i++) {
        FUZZ_CHECK(errors.items[i].text[0] != '\0');
    }
    arena_fini(&a);
    return d;
}

static void check(const char *text, size_t n, bool json)
{
    struct buf canonical BUF_CLEANUP;
    struct dag *d = load(text, n, json), *again;
    char hash[65];

    buf_init(&canonical, LIMIT_DOC_BYTES);
    if (d == NULL) {
        return;
    }
    check_graph(d);
    FUZZ_CHECK(dagfile_canonical(d, &canonical, hash) == 0 && strcmp(hash, d->hash) == 0);
    again = load(canonical.p, canonical.len, true);
    FUZZ_CHECK(again != NULL && strcmp(again->hash, d->hash) == 0);
    FUZZ_CHECK(again->tasks_len == d->tasks_len);
    dag_unref(again);
    dag_unref(d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    check((const char *)data, n, false);
    check((const char *)data, n, true);
    return 0;
}
