/* Copies of rows with their strings: in one allocation (a node), or in an arena (a query's result).
 */
#include <assert.h>
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "store/mem/priv.h"

struct text { /* one pointer of a row: to a string, or to bytes whose length is another member */
    const char *name;
    size_t at;
    size_t len_at; /* 0: NUL-terminated */
    bool required;
};

struct row_type {
    size_t size;
    struct text texts[11]; /* ends with name == NULL */
};

#define TEXT(type, member, required)                        \
    {                                                       \
#member, offsetof(struct type, member), 0, required \
    }
#define BYTES(type, member, required)                                                         \
    {                                                                                         \
#member, offsetof(struct type, member), offsetof(struct type, member##_len), required \
    }

static const struct row_type types[KIND_MAX_] = {
    [KIND_DAG] = {sizeof(struct dag_row),
                  {TEXT(dag_row, dag_id, true), TEXT(dag_row, file, false)}},
    [KIND_VERSION] = {sizeof(struct version_row),
                      {TEXT(version_row, hash, true), BYTES(version_row, document, true),
                       TEXT(version_row, bundle, false), TEXT(version_row, bundle_version, false),
                       TEXT(version_row, file, false)}},
    [KIND_RUN] = {sizeof(struct run_row),
                  {TEXT(run_row, run_id, true), TEXT(run_row, reason, false),
                   TEXT(run_row, conf, false), TEXT(run_row, partition_key, false),
                   TEXT(run_row, triggering_user, false)}},
    [KIND_TI] = {sizeof(struct ti_row), {TEXT(ti_row, reason, false)}},
    [KIND_TRY] = {sizeof(struct ti_row), {TEXT(ti_row, reason, false)}},
    [KIND_TRANSITION] = {sizeof(struct transition_row), {TEXT(transition_row, reason, false)}},
    [KIND_XCOM] = {sizeof(struct xcom_row),
                   {TEXT(xcom_row, name, true), TEXT(xcom_row, spill, false),
                    BYTES(xcom_row, value, false)}},
    [KIND_RENDERED] = {sizeof(struct rendered_row), {TEXT(rendered_row, json, true)}},
    [KIND_ATTEMPT] = {sizeof(struct attempt_row),
                      {TEXT(attempt_row, holder, false), TEXT(attempt_row, log_path, false)}},
    [KIND_COMMAND] = {sizeof(struct command_row),
                      {TEXT(command_row, key, true), TEXT(command_row, result, true)}},
    [KIND_POOL] = {sizeof(struct pool_row),
                   {TEXT(pool_row, name, true), TEXT(pool_row, description, false)}},
    [KIND_GRANT] = {sizeof(struct held_grant), {TEXT(held_grant, resource, true)}},
    [KIND_SETTING] = {sizeof(struct setting_row),
                      {TEXT(setting_row, kind, true), TEXT(setting_row, name, true),
                       BYTES(setting_row, value, true)}},
    [KIND_PARSED_DAG] = {sizeof(struct parsed_dag_row),
                         {TEXT(parsed_dag_row, dag_id, true), TEXT(parsed_dag_row, bundle, true),
                          TEXT(parsed_dag_row, bundle_version, false),
                          TEXT(parsed_dag_row, file, true), TEXT(parsed_dag_row, tags, true),
                          TEXT(parsed_dag_row, owners, true)}},
    [KIND_IMPORT_ERROR] = {sizeof(struct import_error_row),
                           {TEXT(import_error_row, bundle, true),
                            TEXT(import_error_row, file, true),
                            TEXT(import_error_row, text, true)}},
    [KIND_ASSET] = {sizeof(struct asset_row),
                    {TEXT(asset_row, name, true), TEXT(asset_row, uri, true),
                     TEXT(asset_row, group, true), TEXT(asset_row, extra, false)}},
    [KIND_ALERT] = {sizeof(struct alert_row),
                    {TEXT(alert_row, channel, true), TEXT(alert_row, kind, true),
                     TEXT(alert_row, dag_id, false), TEXT(alert_row, run_id, false),
                     TEXT(alert_row, task_id, false), TEXT(alert_row, reason, false),
                     TEXT(alert_row, error, false)}},
    [KIND_DEADLINE] = {sizeof(struct deadline_row), {TEXT(deadline_row, name, false)}},
    [KIND_ASSET_EVENT] =
        {sizeof(struct asset_event_row),
         {TEXT(asset_event_row, name, true), TEXT(asset_event_row, uri, true),
          TEXT(asset_event_row, group, true), TEXT(asset_event_row, asset_extra, false),
          TEXT(asset_event_row, extra, false), TEXT(asset_event_row, dag_id, false),
          TEXT(asset_event_row, task_id, false), TEXT(asset_event_row, run_id, false),
          TEXT(asset_event_row, partition_key, false), BYTES(asset_event_row, aliases, false)}},
    [KIND_CONSUMER] = {sizeof(struct asset_consumer_row),
                       {TEXT(asset_consumer_row, schedule, true),
                        TEXT(asset_consumer_row, dag_id, false)}},
    [KIND_QUEUED] = {sizeof(struct queued), {TEXT(queued, partition, true)}},
    [KIND_RUN_EVENT] = {sizeof(struct run_event), {{0}}},
    [KIND_GARBAGE] = {sizeof(struct run_name),
                      {TEXT(run_name, dag_id, true), TEXT(run_name, run_id, true)}},
    [KIND_BACKFILL] = {sizeof(struct backfill_row),
                       {TEXT(backfill_row, conf, false), TEXT(backfill_row, actor, false)}},
    [KIND_BACKFILL_RUN] = {.size = sizeof(struct backfill_run_row)},
    [KIND_NOTE] = {sizeof(struct note_row),
                   {TEXT(note_row, text, true), TEXT(note_row, actor, false)}},
    [KIND_ARRIVAL] = {sizeof(struct arrival_row),
                      {TEXT(arrival_row, watcher, true), TEXT(arrival_row, path, true)}},
    [KIND_GONE] = {sizeof(struct gone_row), {TEXT(gone_row, task_id, true)}},
    [KIND_AUDIT] = {sizeof(struct audit_row),
                    {TEXT(audit_row, actor, false), TEXT(audit_row, action, false),
                     TEXT(audit_row, subject, false), TEXT(audit_row, before, false),
                     TEXT(audit_row, after, false)}},
};

static const void *text_of(const void *row, const struct text *t, size_t *ret_len)
{
    const char *p;

    memcpy(&p, (const char *)row + t->at, sizeof p);
    if (p == NULL) {
        *ret_len = 0;
    } else if (t->len_at != 0) {
        memcpy(ret_len, (const char *)row + t->len_at, sizeof *ret_len);
    } else {
        *ret_len = strlen(p);
    }
    return p;
}

size_t row_size(enum kind kind)
{
    return types[kind].size;
}

const char *row_missing(enum kind kind, const void *row)
{
    size_t len;

    for (const struct text *t = types[kind].texts; t->name != NULL; t++) {
        if (t->required && text_of(row, t, &len) == NULL) {
            return t->name;
        }
    }
    return NULL;
}

/* Points a row's pointers at copies of their texts, put one behind the other at `to`. */
static void move_texts(enum kind kind, void *row, char *to)
{
    for (const struct text *t = types[kind].texts; t->name != NULL; t++) {
        size_t len;
        const void *p = text_of(row, t, &len);

        if (p != NULL) {
            memcpy(to, p, len);
            to[len] = '\0';
            memcpy((char *)row + t->at, &to, sizeof to);
            to += len + 1;
        } else if (t->len_at != 0) {
            len = 0; /* no bytes have no length */
            memcpy((char *)row + t->len_at, &len, sizeof len);
        }
    }
}

static size_t texts_size(enum kind kind, const void *row)
{
    size_t total = 0, len;

    for (const struct text *t = types[kind].texts; t->name != NULL; t++) {
        if (text_of(row, t, &len) != NULL) {
            total += len + 1;
        }
    }
    return total;
}

struct node *mem_node_new(enum kind kind, const void *row)
{
    size_t size = types[kind].size;
    struct node *n = mem_alloc(sizeof *n + size + texts_size(kind, row));

    if (n == NULL) {
        return NULL;
    }
    memset(n, 0, sizeof *n);
    n->kind = kind;
    memcpy(node_row(n), row, size);
    move_texts(kind, node_row(n), (char *)node_row(n) + size);
    return n;
}

int row_copy(enum kind kind, const void *row, struct arena *a, void *to)
{
    size_t len = texts_size(kind, row);
    char *texts = len > 0 ? arena_alloc(a, len) : NULL;

    if (len > 0 && texts == NULL) {
        return -ERR_NOMEM;
    }
    memcpy(to, row, types[kind].size);
    move_texts(kind, to, texts);
    return 0;
}
