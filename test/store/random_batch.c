#include "random_batch.h"

#include <stdio.h>
#include <string.h>

static int below(struct prng *p, int n)
{
    return (int)prng_below(p, (uint64_t)n);
}

static const char *text(struct prng *p, struct random_batch *r, const char *word, int n)
{
    char *t = r->texts[r->texts_len % 64];

    r->texts_len++;
    snprintf(t, sizeof r->texts[0], "%s-%d", word, below(p, n));
    return t;
}

static const char *reason(struct prng *p, struct random_batch *r)
{
    static const char *const words[] = {NULL, "exit code 1", "worker lost", "", "日本"};

    return below(p, 6) == 0 ? text(p, r, "once", 100000) : words[below(p, 5)];
}

static int64_t at(struct prng *p)
{
    return below(p, 4) == 0 ? TIME_NONE : T0 + below(p, 1000);
}

static struct ti_key key(struct prng *p)
{
    return (struct ti_key){1 + below(p, RANDOM_RUNS), (uint32_t)below(p, RANDOM_TASKS),
                           below(p, 3) - 1};
}

static struct ti_row ti(struct prng *p, struct random_batch *r)
{
    return (struct ti_row){.key = key(p),
                           .state = (uint8_t)below(p, TASK_STATE_MAX_),
                           .try_number = (uint16_t)below(p, 5),
                           .max_tries = (uint16_t)below(p, 65536),
                           .requeues = (uint16_t)below(p, 3),
                           .attempt = {{(uint8_t)below(p, 2), 0, (uint8_t)below(p, 2)}},
                           .worker = below(p, 100),
                           .scheduled_us = at(p),
                           .queued_us = at(p),
                           .start_us = at(p),
                           .end_us = at(p),
                           .next_us = at(p),
                           .exit_code = below(p, 256) - 1,
                           .reason = reason(p, r)};
}

static void fill_runs(struct prng *p, struct random_batch *r)
{
    r->b.dags_len = (size_t)(below(p, 8) == 0 ? 1 + below(p, 2) : 0);
    for (size_t i = 0; i < r->b.dags_len; i++) {
        r->dags[i] = (struct dag_row){.dag_key = 1 + below(p, 2),
                                      .dag_id = text(p, r, "dag", 3),
                                      .file = below(p, 2) == 0 ? NULL : "f.py",
                                      .paused = below(p, 2) == 0,
                                      .version_key = below(p, 4),
                                      .updated_us = at(p)};
    }
    r->b.versions_len = (size_t)(below(p, 8) == 0 ? 1 : 0);
    for (size_t i = 0; i < r->b.versions_len; i++) {
        r->versions[i] = (struct version_row){.version_key = 1 + below(p, 4),
                                              .dag_key = 1 + below(p, 2),
                                              .hash = text(p, r, "hash", 20),
                                              .document = "{}",
                                              .document_len = 2,
                                              .created_us = at(p)};
    }
    r->b.runs_len = (size_t)below(p, 3);
    for (size_t i = 0; i < r->b.runs_len; i++) {
        int64_t k = 1 + below(p, RANDOM_RUNS);

        r->runs[i] = (struct run_row){.run_key = k,
                                      .dag_key = 1 + k % 2,
                                      .version_key = 1 + below(p, 3),
                                      .run_id = text(p, r, "run", 40),
                                      .state = (uint8_t)below(p, 4),
                                      .type = (uint8_t)below(p, 5),
                                      .logical_date_us = at(p),
                                      .data_interval_start_us = at(p),
                                      .data_interval_end_us = at(p),
                                      .run_after_us = T0 + below(p, 3),
                                      .queued_us = at(p),
                                      .start_us = at(p),
                                      .end_us = at(p),
                                      .backfill_key = below(p, 2),
                                      .clear_number = (uint32_t)below(p, 3),
                                      .reason = reason(p, r),
                                      .conf = below(p, 2) == 0 ? NULL : "{\"x\": 1}",
                                      .partition_key = below(p, 3) == 0 ? "2026" : NULL,
                                      .triggered_by = (uint8_t)below(p, 9),
                                      .triggering_user = below(p, 3) == 0 ? "anna" : NULL};
    }
}

static void fill_instances(struct prng *p, struct random_batch *r)
{
    r->b.tis_len = (size_t)below(p, RANDOM_ROWS);
    for (size_t i = 0; i < r->b.tis_len; i++) {
        r->tis[i] = ti(p, r);
    }
    r->b.tries_len = (size_t)below(p, 3);
    for (size_t i = 0; i < r->b.tries_len; i++) {
        r->tries[i] = ti(p, r);
    }
    r->b.transitions_len = (size_t)below(p, RANDOM_ROWS);
    for (size_t i = 0; i < r->b.transitions_len; i++) {
        r->transitions[i] = (struct transition_row){.key = key(p),
                                                    .from = (uint8_t)below(p, 13),
                                                    .to = (uint8_t)below(p, 13),
                                                    .try_number = (uint16_t)below(p, 4),
                                                    .at_us = at(p),
                                                    .reason = reason(p, r)};
    }
    r->b.xcom_clears_len = (size_t)below(p, 2);
    for (size_t i = 0; i < r->b.xcom_clears_len; i++) {
        r->clears[i] = key(p);
    }
    r->b.xcoms_len = (size_t)below(p, 3);
    for (size_t i = 0; i < r->b.xcoms_len; i++) {
        bool spilled = below(p, 4) == 0;

        r->xcoms[i] = (struct xcom_row){.key = key(p),
                                        .name = below(p, 2) == 0 ? "return_value" : "other",
                                        .value = spilled ? NULL : "x\0\xff\x01y",
                                        .value_len = spilled ? 0 : (size_t)below(p, 6),
                                        .spill = spilled ? text(p, r, "spill", 9) : NULL,
                                        .at_us = at(p)};
    }
}

static void fill_others(struct prng *p, struct random_batch *r)
{
    r->b.rendered_len = (size_t)below(p, 2);
    r->rendered[0] = (struct rendered_row){.key = key(p), .json = text(p, r, "json", 99)};
    r->b.attempts_len = (size_t)below(p, 3);
    for (size_t i = 0; i < r->b.attempts_len; i++) {
        r->attempts[i] =
            (struct attempt_row){.key = key(p),
                                 .try_number = (uint16_t)below(p, 3),
                                 .attempt = {{(uint8_t)below(p, 9)}},
                                 .holder = below(p, 2) == 0 ? NULL : "h",
                                 .pid = below(p, 99999),
                                 .log_path = below(p, 2) == 0 ? NULL : text(p, r, "log", 9)};
    }
    r->b.commands_len = (size_t)(below(p, 10) == 0 ? 1 : 0);
    r->commands[0] = (struct command_row){
        .key = text(p, r, "command", RANDOM_RUNS + 1), .result = "{}", .at_us = T0};
    r->b.pools_len = (size_t)(below(p, 6) == 0 ? 1 : 0);
    r->pools[0] = (struct pool_row){.name = text(p, r, "pool", 3),
                                    .slots = below(p, 12) - 1,
                                    .include_deferred = below(p, 2) == 0,
                                    .description = reason(p, r)};
    r->b.grants_len = (size_t)(below(p, 4) == 0 ? 1 + below(p, 2) : 0);
    for (size_t i = 0; i < r->b.grants_len; i++) {
        r->grants[i] = (struct grant_row){.resource = text(p, r, "pool", 3), .n = below(p, 8)};
    }
    r->b.audits_len = (size_t)below(p, 2);
    r->audits[0] = (struct audit_row){.actor = "a", .action = "b", .at_us = T0};
}

/* Now and then without a name or a group: refused. */
static void fill_assets(struct prng *p, struct random_batch *r)
{
    r->b.assets_len = (size_t)(below(p, 4) == 0 ? 1 + below(p, 2) : 0);
    for (size_t i = 0; i < r->b.assets_len; i++) {
        r->assets[i] = (struct asset_row){.name = text(p, r, "name", RANDOM_ASSETS),
                                          .uri = text(p, r, "uri", 2),
                                          .group = below(p, 20) == 0 ? NULL : text(p, r, "g", 2),
                                          .extra = below(p, 2) == 0 ? NULL : "{}",
                                          .created_us = at(p)};
    }
    r->b.asset_events_len = (size_t)(below(p, 3) == 0 ? 1 + below(p, 3) : 0);
    for (size_t i = 0; i < r->b.asset_events_len; i++) {
        static const char *const aliases[] = {NULL, "one\0", "one\0two\0", "two\0one\0two\0"};
        static const size_t lens[] = {0, 4, 8, 12};
        int k = below(p, 4);

        r->events[i] =
            (struct asset_event_row){.name = below(p, 30) == 0 ? NULL : text(p, r, "name", 3),
                                     .uri = text(p, r, "uri", 2),
                                     .group = "asset",
                                     .extra = below(p, 2) == 0 ? NULL : "{\"n\": 1}",
                                     .dag_id = below(p, 5) == 0 ? NULL : "dag",
                                     .task_id = text(p, r, "task", 3),
                                     .run_id = "run",
                                     .map_index = below(p, 3) - 1,
                                     .aliases = aliases[k],
                                     .aliases_len = lens[k],
                                     .partition_key = below(p, 3) == 0 ? "2026" : NULL,
                                     .at_us = T0 + below(p, 1000)};
    }
}

/* Two DAGs of three; now and then a row that cannot be. */
static void fill_queue(struct prng *p, struct random_batch *r)
{
    static const char *const partitions[] = {"", "", "2026", "2027"};

    r->b.asset_queue_len = (size_t)below(p, 5);
    for (size_t i = 0; i < r->b.asset_queue_len; i++) {
        int what = below(p, 10);

        if (what < 6 && r->b.asset_events_len == 0) {
            what = 6 + below(p, 4);
        }
        r->queue[i] = (struct asset_queue_row){
            .op = what < 6   ? ASSET_QUEUE_ADD
                  : what < 8 ? ASSET_QUEUE_TAKE
                  : what < 9 ? ASSET_QUEUE_DROP
                             : ASSET_QUEUE_CONSUMER,
            .dag_key = 1 + below(p, what == 9 && below(p, 5) == 0 ? 4 : 2),
            .schedule = below(p, 3) == 0 ? NULL : text(p, r, "schedule", 2),
            .partition = below(p, 40) == 0 ? NULL : partitions[below(p, 4)],
            .event = r->b.asset_events_len > 0 && what < 6
                         ? (size_t)below(p, (int)r->b.asset_events_len)
                         : 0,
            .run_key = 1 + below(p, RANDOM_RUNS),
            .asset_key = 1 + below(p, RANDOM_ASSETS),
            .aliases = below(p, 2) == 0 ? NULL : "one\0",
            .aliases_len = 0,
        };
        r->queue[i].aliases_len = r->queue[i].aliases != NULL ? 4 : 0;
        for (size_t k = 0; k < i; k++) { /* an event waits once */
            if (r->queue[k].op == ASSET_QUEUE_ADD && r->queue[i].op == ASSET_QUEUE_ADD &&
                r->queue[k].event == r->queue[i].event) {
                r->queue[i].op = ASSET_QUEUE_TAKE;
            }
        }
    }
}

/* Now and then a run whose tasks change places, and some are gone. */
static void fill_moves(struct prng *p, struct random_batch *r)
{
    static const char *const ids[RANDOM_TASKS] = {"a", "b", "c", "d"};

    r->b.moves_len = (size_t)(below(p, 8) == 0);
    for (uint32_t i = 0; i < RANDOM_TASKS; i++) {
        r->to[i] = i;
    }
    for (uint32_t i = 0; i < RANDOM_TASKS; i++) {
        uint32_t k = (uint32_t)below(p, RANDOM_TASKS), old = r->to[i];

        r->to[i] = r->to[k];
        r->to[k] = old;
    }
    for (uint32_t i = 0; i < RANDOM_TASKS; i++) {
        r->to[i] = below(p, 5) == 0 ? TASK_GONE : r->to[i];
    }
    r->moves[0] = (struct move_row){.run_key = 1 + below(p, RANDOM_RUNS),
                                    .version_key = 1 + below(p, 4),
                                    .at_us = at(p),
                                    .to = r->to,
                                    .task_ids = ids,
                                    .len = RANDOM_TASKS};
    r->b.notes_len = (size_t)(below(p, 4) == 0 ? 1 + below(p, 2) : 0);
    for (size_t i = 0; i < r->b.notes_len; i++) {
        r->notes[i] = (struct note_row){.key = key(p),
                                        .text = below(p, 4) == 0 ? NULL : text(p, r, "note", 9),
                                        .actor = below(p, 2) == 0 ? NULL : "anna",
                                        .at_us = at(p)};
        if (below(p, 3) == 0) {
            r->notes[i].key.task = NOTE_OF_RUN;
            r->notes[i].key.map_index = -1;
        }
    }
    r->b.arrivals_len = (size_t)(below(p, 4) == 0 ? 1 + below(p, 2) : 0);
    for (size_t i = 0; i < r->b.arrivals_len; i++) {
        r->arrivals[i] = (struct arrival_row){.watcher = text(p, r, "w", 2),
                                              .path = text(p, r, "file", 4),
                                              .mtime_ns = below(p, 1000),
                                              .size = below(p, 10),
                                              .inode = below(p, 5) - 1,
                                              .at_us = at(p)};
    }
}

void random_batch(struct prng *p, struct random_batch *r)
{
    memset(r, 0, sizeof *r);
    r->b = (struct store_batch){.dags = r->dags,
                                .versions = r->versions,
                                .runs = r->runs,
                                .tis = r->tis,
                                .transitions = r->transitions,
                                .tries = r->tries,
                                .xcoms = r->xcoms,
                                .xcom_clears = r->clears,
                                .rendered = r->rendered,
                                .attempts = r->attempts,
                                .commands = r->commands,
                                .grants = r->grants,
                                .pools = r->pools,
                                .audits = r->audits,
                                .assets = r->assets,
                                .asset_events = r->events,
                                .asset_queue = r->queue,
                                .moves = r->moves,
                                .notes = r->notes,
                                .arrivals = r->arrivals};
    fill_runs(p, r);
    fill_instances(p, r);
    fill_others(p, r);
    fill_assets(p, r);
    fill_queue(p, r);
    fill_moves(p, r);
}
