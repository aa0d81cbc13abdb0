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
        TEXT(runs, partition_key);
        TEXT(runs, triggering_user);
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

static void keep_more(struct arena *a, const struct store_batch *b, struct store_batch *ret)
{
    ROWS(asset_queue_row, asset_queue)
    {
        TEXT(asset_queue, schedule);
        TEXT(asset_queue, partition);
        asset_queue[i].aliases = bytes(a, asset_queue[i].aliases, asset_queue[i].aliases_len);
    }
    ROWS(backfill_row, backfills)
    {
        TEXT(backfills, conf);
        TEXT(backfills, actor);
    }
    ROWS(backfill_run_row, backfill_runs)
    {
    }
    ROWS(alert_row, alerts)
    {
        TEXT(alerts, channel);
        TEXT(alerts, kind);
        TEXT(alerts, dag_id);
        TEXT(alerts, run_id);
        TEXT(alerts, task_id);
        TEXT(alerts, reason);
        TEXT(alerts, error);
    }
    ROWS(deadline_row, deadlines)
    {
        TEXT(deadlines, name);
    }
    ROWS(note_row, notes)
    {
        TEXT(notes, text);
        TEXT(notes, actor);
    }
}

void keep_batch(struct arena *a, const struct store_batch *b, struct store_batch *ret)
{
    *ret = *b; /* what is not copied below is borrowed: a new kind of row is to be added there */
    keep_state(a, b, ret);
    keep_rest(a, b, ret);
    keep_more(a, b, ret);
}
