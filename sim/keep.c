#include "keep.h"

#include <stdlib.h>
#include <string.h>

static void *must(void *p)
{
    if (p == NULL) {
        abort();
    }
    return p;
}

static const void *bytes(struct arena *a, const void *p, size_t n)
{
    void *copy = p != NULL ? must(arena_alloc(a, n + 1)) : NULL;

    return p != NULL ? memcpy(copy, p, n) : NULL;
}

static const char *text(struct arena *a, const char *s)
{
    return s != NULL ? must(arena_strdup(a, s)) : NULL;
}

/* The rows themselves; then, for each, what its pointers name. */
#define ROWS(type, list)                                                       \
    ret->list##_len = b->list##_len;                                           \
    struct type *list = must(arena_array(a, b->list##_len + 1, sizeof *list)); \
    if (b->list##_len != 0) {                                                  \
        memcpy(list, b->list, b->list##_len * sizeof *list);                   \
    }                                                                          \
    ret->list = list;                                                          \
    for (size_t i = 0; i < b->list##_len; i++)
#define TEXT(list, member) list[i].member = text(a, list[i].member)

static void keep_state(struct arena *a, const struct store_batch *b, struct store_batch *ret)
{
    ROWS(dag_row, dags)
    {
        TEXT(dags, dag_id);
        TEXT(dags, file);
    }
    ROWS(version_row, versions)
    {
        TEXT(versions, hash);
        versions[i].document = bytes(a, versions[i].document, versions[i].document_len);
    }
    ROWS(run_row, runs)
    {
        TEXT(runs, run_id);
        TEXT(runs, reason);
        TEXT(runs, conf);
    }
    ROWS(ti_row, tis)
    {
        TEXT(tis, reason);
    }
    ROWS(transition_row, transitions)
    {
        TEXT(transitions, reason);
    }
    ROWS(ti_row, tries)
    {
        TEXT(tries, reason);
    }
    ROWS(xcom_row, xcoms)
    {
        TEXT(xcoms, name);
        TEXT(xcoms, spill);
        xcoms[i].value = bytes(a, xcoms[i].value, xcoms[i].value != NULL ? xcoms[i].value_len : 0);
    }
    ROWS(ti_key, xcom_clears)
    {
    }
}

static void keep_rest(struct arena *a, const struct store_batch *b, struct store_batch *ret)
{
    ROWS(rendered_row, rendered)
    {
        TEXT(rendered, json);
    }
    ROWS(attempt_row, attempts)
    {
        TEXT(attempts, holder);
        TEXT(attempts, log_path);
    }
    ROWS(command_row, commands)
    {
        TEXT(commands, key);
        TEXT(commands, result);
    }
    ROWS(grant_row, grants)
    {
        TEXT(grants, resource);
    }
    ROWS(pool_row, pools)
    {
        TEXT(pools, name);
        TEXT(pools, description);
    }
    ROWS(audit_row, audits)
    {
        TEXT(audits, actor);
        TEXT(audits, action);
        TEXT(audits, subject);
        TEXT(audits, before);
        TEXT(audits, after);
    }
    ROWS(asset_row, assets)
    {
        TEXT(assets, name);
        TEXT(assets, uri);
        TEXT(assets, group);
        TEXT(assets, extra);
    }
    ROWS(asset_event_row, asset_events)
    {
        TEXT(asset_events, name);
        TEXT(asset_events, uri);
        TEXT(asset_events, group);
        TEXT(asset_events, asset_extra);
        TEXT(asset_events, extra);
        TEXT(asset_events, dag_id);
        TEXT(asset_events, task_id);
        TEXT(asset_events, run_id);
        asset_events[i].aliases = bytes(a, asset_events[i].aliases, asset_events[i].aliases_len);
        TEXT(asset_events, partition_key);
    }
}

void keep_batch(struct arena *a, const struct store_batch *b, struct store_batch *ret)
{
    *ret = *b; /* what is not copied below is borrowed: a new kind of row is to be added there */
    keep_state(a, b, ret);
    keep_rest(a, b, ret);
}
