/*
 * The schema, as numbered migrations. A store's number is its PRAGMA user_version. A migration,
 * once released, never changes; a new one is appended and may rely on all before it.
 *
 * Why the tables look as they do:
 * - Current state (run, ti) is apart from history (transition, try): no query of live work touches
 * a history page.
 * - What hangs on a run is clustered by run_key (WITHOUT ROWID): one tree per table instead of a
 * table and an index, and a run is read, and later deleted, as one range.
 * - n, in transition and try, is a counter over the store: it orders history without comparing
 * times.
 * - TIME_NONE is NULL (no bytes), an attempt's id a blob of 16 bytes or NULL.
 * - reason holds a text, or the number of a text in `reason` (reason.c).
 */
#include "store/sqlite/priv.h"

static const char v1[] =
    "CREATE TABLE shard (shard INTEGER PRIMARY KEY, epoch INTEGER NOT NULL, seq INTEGER NOT NULL,"
    " owner TEXT NOT NULL);"
    "CREATE TABLE counter (kind TEXT PRIMARY KEY, next INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE dag (dag_key INTEGER PRIMARY KEY, dag_id TEXT NOT NULL UNIQUE, file TEXT,"
    " paused INTEGER NOT NULL, version_key INTEGER NOT NULL, updated_us INTEGER);"
    "CREATE TABLE version (version_key INTEGER PRIMARY KEY,"
    " dag_key INTEGER NOT NULL REFERENCES dag (dag_key), hash TEXT NOT NULL,"
    " created_us INTEGER, document TEXT NOT NULL, UNIQUE (dag_key, hash));"
    "CREATE TABLE run (run_key INTEGER PRIMARY KEY,"
    " dag_key INTEGER NOT NULL REFERENCES dag (dag_key),"
    " version_key INTEGER NOT NULL REFERENCES version (version_key), run_id TEXT NOT NULL,"
    " state INTEGER NOT NULL, type INTEGER NOT NULL, logical_date_us INTEGER,"
    " data_interval_start_us INTEGER, data_interval_end_us INTEGER,"
    " run_after_us INTEGER NOT NULL, queued_us INTEGER, start_us INTEGER, end_us INTEGER,"
    " backfill_key INTEGER NOT NULL, clear_number INTEGER NOT NULL, reason TEXT, conf TEXT,"
    " UNIQUE (dag_key, run_id));"
    "CREATE INDEX run_by_time ON run (run_after_us, run_key);"
    "CREATE INDEX run_by_dag ON run (dag_key, run_after_us, run_key);"
    "CREATE INDEX run_by_date ON run (dag_key, logical_date_us, run_key)"
    " WHERE logical_date_us IS NOT NULL;"
    "CREATE INDEX run_live ON run (run_after_us, run_key) WHERE state IN (0, 1);"
    "CREATE TABLE ti (run_key INTEGER NOT NULL, task INTEGER NOT NULL, map_index INTEGER NOT NULL,"
    " state INTEGER NOT NULL, try_number INTEGER NOT NULL, max_tries INTEGER NOT NULL,"
    " requeues INTEGER NOT NULL, attempt BLOB, worker INTEGER NOT NULL, scheduled_us INTEGER,"
    " queued_us INTEGER, start_us INTEGER, end_us INTEGER, next_us INTEGER,"
    " exit_code INTEGER NOT NULL, reason, PRIMARY KEY (run_key, task, map_index)) WITHOUT ROWID;"
    "CREATE TABLE try (run_key INTEGER NOT NULL, task INTEGER NOT NULL, map_index INTEGER NOT NULL,"
    " n INTEGER NOT NULL, state INTEGER NOT NULL, try_number INTEGER NOT NULL,"
    " max_tries INTEGER NOT NULL, requeues INTEGER NOT NULL, attempt BLOB,"
    " worker INTEGER NOT NULL, scheduled_us INTEGER, queued_us INTEGER, start_us INTEGER,"
    " end_us INTEGER, next_us INTEGER, exit_code INTEGER NOT NULL, reason,"
    " PRIMARY KEY (run_key, task, map_index, n)) WITHOUT ROWID;"
    "CREATE TABLE transition (run_key INTEGER NOT NULL, n INTEGER NOT NULL, task INTEGER NOT NULL,"
    " map_index INTEGER NOT NULL, from_state INTEGER NOT NULL, to_state INTEGER NOT NULL,"
    " try_number INTEGER NOT NULL, at_us INTEGER, reason, PRIMARY KEY (run_key, n)) WITHOUT ROWID;"
    "CREATE TABLE reason (reason_id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE);"
    "CREATE TABLE xcom (run_key INTEGER NOT NULL, task INTEGER NOT NULL, map_index INTEGER NOT "
    "NULL,"
    " name TEXT NOT NULL, at_us INTEGER, spill TEXT, value BLOB,"
    " PRIMARY KEY (run_key, task, map_index, name)) WITHOUT ROWID;"
    "CREATE TABLE rendered (run_key INTEGER NOT NULL, task INTEGER NOT NULL,"
    " map_index INTEGER NOT NULL, json TEXT NOT NULL,"
    " PRIMARY KEY (run_key, task, map_index)) WITHOUT ROWID;"
    "CREATE TABLE attempt (run_key INTEGER NOT NULL, task INTEGER NOT NULL,"
    " map_index INTEGER NOT NULL, try_number INTEGER NOT NULL, attempt BLOB, holder TEXT,"
    " pid INTEGER NOT NULL, log_path TEXT, PRIMARY KEY (run_key, task, map_index, try_number))"
    " WITHOUT ROWID;"
    "CREATE TABLE command (key TEXT PRIMARY KEY, result TEXT NOT NULL, at_us INTEGER) WITHOUT "
    "ROWID;"
    "CREATE TABLE pool (name TEXT PRIMARY KEY, slots INTEGER NOT NULL,"
    " include_deferred INTEGER NOT NULL, description TEXT) WITHOUT ROWID;"
    "CREATE TABLE granted (resource TEXT NOT NULL, shard INTEGER NOT NULL, n INTEGER NOT NULL,"
    " PRIMARY KEY (resource, shard)) WITHOUT ROWID;"
    "CREATE TABLE audit (audit_key INTEGER PRIMARY KEY, at_us INTEGER, actor TEXT, action TEXT,"
    " subject TEXT, before TEXT, after TEXT);";

/* What cleaning needs: the ended runs by time, and the runs whose rows are being deleted
 * (maintain.c). */
static const char v2[] = "CREATE INDEX run_by_end ON run (end_us) WHERE end_us IS NOT NULL;"
                         "CREATE TABLE garbage (run_key INTEGER PRIMARY KEY);";

/* How many instances a mapped task became, in its row with map_index -1. */
static const char v3[] = "ALTER TABLE ti ADD COLUMN map_len INTEGER NOT NULL DEFAULT 0;"
                         "ALTER TABLE try ADD COLUMN map_len INTEGER NOT NULL DEFAULT 0;";

/* Variables and connections; their values are sealed (src/secret). */
static const char v4[] =
    "CREATE TABLE setting (kind TEXT NOT NULL, name TEXT NOT NULL, value BLOB NOT NULL,"
    " version INTEGER NOT NULL, updated_us INTEGER, PRIMARY KEY (kind, name)) WITHOUT ROWID;";

/* Events of assets. The index by asset holds the time too: to count between two times reads no event. The events of an alias are found by a
 * tree of their own; an event's row has its aliases once more, to be read with it. */
static const char v5[] =
    "CREATE TABLE asset (asset_key INTEGER PRIMARY KEY, name TEXT NOT NULL, uri TEXT NOT NULL,"
    " grp TEXT NOT NULL, extra TEXT, created_us INTEGER, UNIQUE (name, uri));"
    "CREATE INDEX asset_by_uri ON asset (uri);"
    "CREATE TABLE asset_event (event_key INTEGER PRIMARY KEY,"
    " asset_key INTEGER NOT NULL REFERENCES asset (asset_key), at_us INTEGER NOT NULL, extra TEXT,"
    " dag_id TEXT, task_id TEXT, run_id TEXT, map_index INTEGER NOT NULL, partition_key TEXT,"
    " aliases BLOB);"
    "CREATE INDEX asset_event_by_asset ON asset_event (asset_key, event_key, at_us);"
    "CREATE TABLE asset_event_alias (alias TEXT NOT NULL,"
    " event_key INTEGER NOT NULL REFERENCES asset_event (event_key),"
    " PRIMARY KEY (alias, event_key)) WITHOUT ROWID;";

/* Failed runs, which are few, are found among many others. What retention asks: rows by age, runs of a version; a run whose rows are gone is known until its files are gone too. */
static const char v_retention[] =
    "ALTER TABLE garbage ADD COLUMN swept INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE garbage ADD COLUMN dag_id TEXT;"
    "ALTER TABLE garbage ADD COLUMN run_id TEXT;"
    "CREATE INDEX garbage_unswept ON garbage (run_key) WHERE swept = 0;"
    "CREATE INDEX run_by_version ON run (version_key);"
    "CREATE INDEX run_failed ON run (run_after_us, run_key) WHERE state = 3;"
    "CREATE INDEX run_failed_of_dag ON run (dag_key, run_after_us, run_key) WHERE state = 3;"
    "CREATE INDEX audit_by_time ON audit (at_us);"
    "CREATE INDEX command_by_time ON command (at_us);"
    "CREATE INDEX asset_event_by_time ON asset_event (at_us);"
    "CREATE INDEX asset_event_alias_by_event ON asset_event_alias (event_key);";

/* What a look at the DAG files found: of each DAG, and what is wrong with files. A version of a bundle that has its own names the
 * commit: which of them are still needed is found by runs' versions. */
static const char v_parsed[] =
    "CREATE TABLE parsed_dag (dag_id TEXT PRIMARY KEY, bundle TEXT NOT NULL, bundle_version TEXT,"
    " file TEXT NOT NULL, active INTEGER NOT NULL, parsed_us INTEGER, tags TEXT NOT NULL,"
    " owners TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE import_error (error_key INTEGER PRIMARY KEY AUTOINCREMENT, bundle TEXT NOT NULL,"
    " file TEXT NOT NULL, text TEXT NOT NULL, at_us INTEGER, UNIQUE (bundle, file));"
    "ALTER TABLE version ADD COLUMN bundle TEXT;"
    "ALTER TABLE version ADD COLUMN bundle_version TEXT;"
    "ALTER TABLE version ADD COLUMN file TEXT;"
    "CREATE INDEX version_by_bundle ON version (bundle, bundle_version)"
    " WHERE bundle_version IS NOT NULL;";

/* Backfills. The dates of one are one range of a tree; those whose turn has not come have an index of their own. */
static const char v_backfill[] =
    "CREATE TABLE backfill (backfill_key INTEGER PRIMARY KEY,"
    " dag_key INTEGER NOT NULL REFERENCES dag (dag_key), from_us INTEGER NOT NULL,"
    " to_us INTEGER NOT NULL, max_active_runs INTEGER NOT NULL, reprocess INTEGER NOT NULL,"
    " backwards INTEGER NOT NULL, own_version INTEGER NOT NULL, paused INTEGER NOT NULL,"
    " dates INTEGER NOT NULL, conf TEXT, actor TEXT, created_us INTEGER, completed_us INTEGER,"
    " cancelled_us INTEGER);"
    "CREATE INDEX backfill_active ON backfill (backfill_key) WHERE completed_us IS NULL;"
    "CREATE TABLE backfill_run (backfill_key INTEGER NOT NULL, ordinal INTEGER NOT NULL,"
    " outcome INTEGER NOT NULL, run_key INTEGER NOT NULL, logical_us INTEGER NOT NULL,"
    " start_us INTEGER NOT NULL, end_us INTEGER NOT NULL, run_after_us INTEGER NOT NULL,"
    " PRIMARY KEY (backfill_key, ordinal)) WITHOUT ROWID;"
    "CREATE INDEX backfill_planned ON backfill_run (backfill_key, ordinal) WHERE outcome = 0;";

/* What people are to be told of, and deadlines of runs. The index holds only what is still to be sent. */
static const char v_alerts[] =
    "CREATE TABLE alert (alert_key INTEGER PRIMARY KEY, channel TEXT NOT NULL, kind TEXT NOT NULL,"
    " dag_id TEXT, run_id TEXT, task_id TEXT, map_index INTEGER NOT NULL,"
    " try_number INTEGER NOT NULL, at_us INTEGER, last_us INTEGER, count INTEGER NOT NULL,"
    " reason TEXT, state INTEGER NOT NULL, message BLOB, tries INTEGER NOT NULL, next_us INTEGER,"
    " sent_us INTEGER, error TEXT);"
    "CREATE INDEX alert_waiting ON alert (alert_key) WHERE state IN (0, 1);"
    "CREATE INDEX alert_ended ON alert (alert_key) WHERE state IN (2, 3);"
    "CREATE TABLE deadline (run_key INTEGER NOT NULL, n INTEGER NOT NULL, name TEXT,"
    " due_us INTEGER, missed_us INTEGER, told INTEGER NOT NULL, PRIMARY KEY (run_key, n))"
    " WITHOUT ROWID;"
    "CREATE INDEX deadline_untold ON deadline (run_key, n) WHERE missed_us IS NOT NULL AND told = "
    "0;";

/* Runs by assets. asset_queue: the events that wait for the next run of a DAG and partition ('': without); run_asset_event: what a run
 * consumed. Rows go from one to the other in the commit of the run. */
static const char v_asset_runs[] =
    "ALTER TABLE run ADD COLUMN partition_key TEXT;"
    "CREATE TABLE asset_consumer (dag_key INTEGER PRIMARY KEY REFERENCES dag (dag_key),"
    " schedule TEXT NOT NULL);"
    "CREATE TABLE asset_queue (dag_key INTEGER NOT NULL, partition_key TEXT NOT NULL,"
    " event_key INTEGER NOT NULL, PRIMARY KEY (dag_key, partition_key, event_key)) WITHOUT ROWID;"
    "CREATE INDEX asset_queue_by_event ON asset_queue (event_key);"
    "CREATE TABLE run_asset_event (run_key INTEGER NOT NULL, event_key INTEGER NOT NULL,"
    " PRIMARY KEY (run_key, event_key)) WITHOUT ROWID;";

/* Notes; files that watchers of assets have told; tasks that a run's version has no more; and, empty between commits, the map of a move (moves.c). */
static const char v_notes[] =
    "CREATE TABLE note (run_key INTEGER NOT NULL, task INTEGER NOT NULL, map_index INTEGER NOT "
    "NULL,"
    " text TEXT NOT NULL, actor TEXT, at_us INTEGER, PRIMARY KEY (run_key, task, map_index))"
    " WITHOUT ROWID;"
    "CREATE TABLE gone (run_key INTEGER NOT NULL, task INTEGER NOT NULL, task_id TEXT NOT NULL,"
    " version_key INTEGER NOT NULL, at_us INTEGER, PRIMARY KEY (run_key, task)) WITHOUT ROWID;"
    "CREATE TABLE arrival (watcher TEXT NOT NULL, path TEXT NOT NULL, mtime_ns INTEGER NOT NULL,"
    " size INTEGER NOT NULL, inode INTEGER NOT NULL, at_us INTEGER, PRIMARY KEY (watcher, path))"
    " WITHOUT ROWID;"
    "CREATE TABLE task_move (old INTEGER PRIMARY KEY, new INTEGER NOT NULL);";

/* Who asked for a run; the number of a version, whatever is pruned before it; runs of a DAG in the order of their keys, as lists have them. */
static const char v_origins[] =
    "ALTER TABLE run ADD COLUMN triggered_by INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE run ADD COLUMN triggering_user TEXT;"
    "CREATE INDEX run_of_dag ON run (dag_key);"
    "ALTER TABLE version ADD COLUMN number INTEGER NOT NULL DEFAULT 0;"
    "UPDATE version SET number = (SELECT count(*) FROM version AS o WHERE o.dag_key = "
    "version.dag_key AND o.version_key <= version.version_key);";

const struct sql_migration sql_migrations[] = {
    {"first schema", v1},
    {"cleaning in slices", v2},
    {"mapped tasks", v3},
    {"variables and connections", v4},
    {"assets", v5},
    {"retention", v_retention},
    {"what DAG files gave", v_parsed},
    {"backfills", v_backfill},
    {"alerts and deadlines", v_alerts},
    {"runs by assets", v_asset_runs},
    {"notes, file arrivals, and runs that change their version", v_notes},
    {"who asked for runs, numbers of versions", v_origins},
};
const int sql_migrations_len = sizeof sql_migrations / sizeof sql_migrations[0];
