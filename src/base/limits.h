/*
 * Every limit of the program, with the error that it raises. Tests lower some of them by configuration, never by editing
 * this file. A limit that users can change is the default and the maximum of a configuration key.
 */
#ifndef TW_BASE_LIMITS_H
#define TW_BASE_LIMITS_H

#define KiB(n) ((size_t)(n) << 10)
#define MiB(n) ((size_t)(n) << 20)

/* Documents: -ERR_LIMIT at load, with the position in the file. */
#define LIMIT_DOC_BYTES    MiB(256) /* one DAG document */
#define LIMIT_DOC_ERRORS   100      /* errors reported for one file; then "and N more" */
#define LIMIT_JSON_DEPTH   64       /* nesting of JSON and YAML */
#define LIMIT_ID_BYTES     250      /* dag_id, task_id, run_id, pool: Airflow's length */
#define LIMIT_TASKS        1000000  /* tasks of a DAG */
#define LIMIT_MAP_LENGTH   1024     /* instances of a mapped task, unless set otherwise */
#define LIMIT_MAP_HARD     10000000 /* and however it is set */
#define LIMIT_EDGES        8000000  /* edges of a DAG */
#define LIMIT_STRING_BYTES MiB(1)   /* one string of a document: a command, a template */
#define LIMIT_RETRIES      10000    /* retries of a task */
#define LIMIT_RETRY_DELAY_S \
    86400 /* a delay between tries is capped here, as core.max_task_retry_delay */
#define LIMIT_DURATION_S 315576000 /* ten years: the longest duration of a document */
#define LIMIT_DAG_BYTES  MiB(2048) /* memory of one DAG version: -ERR_LIMIT at load */
#define LIMIT_WEIGHT_STEPS \
    64000000 /* work for exact priority weights; beyond it they follow the longest path (docs) */
#define LIMIT_SCOPE_STEPS \
    200000000                     /* edges looked at to find what is between setups and teardowns */
#define LIMIT_SCOPE_PAIRS 8000000 /* (task, setup) and (teardown, task) pairs of a DAG */
#define LIMIT_YAML_ALIASED \
    1000000 /* values that the aliases and merge keys of one YAML document may stand for, all together */

/* The files that a Python DAG was made from, kept with its version. What is beyond is left out, code last (python/tradewind/sources.py has
 * the same numbers): tasks read it as it is when they run. */
#define LIMIT_SOURCE_BYTES      MiB(4)  /* one file */
#define LIMIT_SOURCE_TREE_BYTES MiB(64) /* all files of a version; held by the SDK */
#define LIMIT_SOURCE_FILES      2000

/* Bundles of DAG files: -ERR_LIMIT for the bundle; the last good commit stays. */
#define LIMIT_BUNDLES      64
#define LIMIT_BUNDLE_FILES 200000               /* in a commit */
#define LIMIT_BUNDLE_BYTES MiB(4096)            /* of them */
#define LIMIT_BUNDLE_PACKS ((int64_t)MiB(8192)) /* what a repository's copy may take */

/* The configuration. */
#define LIMIT_CONFIG_BYTES    MiB(1) /* tradewind.yaml: -ERR_LIMIT */
#define LIMIT_CONFIG_FINDINGS 200    /* findings that are kept */

/* Templates: -ERR_LIMIT; the task fails with the expression named. */
#define LIMIT_TEMPLATE_OUTPUT MiB(1)
#define LIMIT_TEMPLATE_STEPS  1000000
#define LIMIT_TEMPLATE_DEPTH  32
#define LIMIT_TEMPLATE_TREE \
    128 /* depth of its expression tree: a chain of operators or filters counts too */
#define LIMIT_TEMPLATE_MEMORY   MiB(64)  /* one render */
#define LIMIT_TEMPLATE_COMPILED MiB(256) /* one compiled template */

/* Params checked by their JSON Schema: -ERR_LIMIT. */
#define LIMIT_PATTERN_PROGRAM 20000   /* steps of a regular expression, its counts written out */
#define LIMIT_SCHEMA_STEPS    1000000 /* (schema, value) pairs looked at for one value */
#define LIMIT_SCHEMA_DEPTH    200     /* schemas within schemas, references included */

/* Schedules. */
#define LIMIT_CRON_BYTES     1000 /* a cron expression: -ERR_LIMIT at load */
#define LIMIT_CRON_YEARS     50 /* how far it is searched: -ERR_NOTFOUND, there is no further run */
#define LIMIT_SCHEDULE_CRONS 1000   /* expressions of one schedule: -ERR_LIMIT at load */
#define LIMIT_SCHEDULE_DATES 100000 /* dates listed in one schedule: -ERR_LIMIT at load */
#define LIMIT_SCHEDULE_STEPS \
    1000000 /* periods from start_date to now, where they are counted one by one: -ERR_LIMIT */
#define LIMIT_ANSWER_S         30 /* for the answer of a time table of Python: then its process is killed */
#define LIMIT_ANSWER_BYTES     KiB(64) /* of that answer: -ERR_LIMIT */
#define LIMIT_INSTALLED_BYTES  MiB(1)  /* of what Python has of plugins and providers: -ERR_LIMIT */
#define LIMIT_PARTITION_OFFSET 10000   /* ticks from a run to its partition: -ERR_LIMIT at load */
#define LIMIT_ZONE_BYTES       MiB(1)  /* a file of time zone data: -ERR_LIMIT */

/* Attempts. */
#define LIMIT_LOG_BYTES    MiB(64)  /* kept of one attempt: half its head, half its tail */
#define LIMIT_XCOM_BYTES   MiB(64)  /* one XCom value: -ERR_LIMIT fails the task */
#define LIMIT_XCOM_INLINE  KiB(48)  /* larger values are spilled to files */
#define LIMIT_ASSET_EVENTS 10000    /* of one attempt: more fail it */
#define LIMIT_ASSET_EXTRA  KiB(256) /* what one event, or an asset itself, says beside its name */
#define LIMIT_ASSET_NAME   1500     /* a name or URI of an asset, as Airflow */
#define LIMIT_ASSET_LEAVES \
    4096 /* assets, aliases and combinations of one schedule: -ERR_LIMIT at load */
#define LIMIT_ASSET_QUEUE \
    10000 /* events that wait for one run of a DAG: further ones are not added, the log says so */
#define LIMIT_RUN_EVENTS_BYTES \
    MiB(16) /* of the events that a run consumed, what its tasks are told: the newest */
#define LIMIT_ASSET_PARTITIONS \
    10000 /* partitions of a DAG that wait for further assets: events for more are not queued, the log says so */
#define LIMIT_MAPPED_KEPT \
    MiB(4) /* an XCom that a task is mapped over: up to here it is read once for many instances, beyond it for each */
#define LIMIT_LAST_LINE \
    KiB(48) /* last line of output that bash returns as XCom; longer: its end is kept */
#define LIMIT_SETTING_BYTES KiB(512) /* a variable or a connection: -ERR_LIMIT */
#define LIMIT_ACCOUNT_BYTES \
    KiB(16) /* a user, a session or a token, as the store has it: -ERR_LIMIT */
#define LIMIT_USERS          10000    /* users: -ERR_LIMIT */
#define LIMIT_CREDENTIALS    10000    /* live sessions; live tokens: -ERR_LIMIT */
#define LIMIT_USER_SESSIONS  50       /* of a user; likewise tokens of sign-ins: the oldest goes */
#define LIMIT_ACCOUNT_CHANGE 256      /* rows of one change of them */
#define LIMIT_SECRETS        256      /* values masked in one attempt */
#define LIMIT_SECRET_BYTES   KiB(8)   /* one of them */
#define LIMIT_SECRETS_BYTES  KiB(256) /* all of them together: the attempt ends with an error */
#define LIMIT_PYTHON_START_S 600      /* importing a DAG file until the task's process exists */
#define LIMIT_ARG_BYTES \
    KiB(128) /* one argument or environment entry: the kernel's MAX_ARG_STRLEN */
#define LIMIT_ENV_ENTRIES 1024
#define LIMIT_MESSAGE \
    MiB(72) /* one wire message (an XCom and its frame): -ERR_PROTOCOL, the connection is closed */
#define LIMIT_ATTEMPTS 256 /* attempts that one holder may have at once (a Python runner's) */

/* Coroutines. */
#define LIMIT_CO_STACK KiB(256) /* address space of a stack; resident: what was touched */
#define LIMIT_CO_POOL  256      /* stacks kept for reuse */
#define LIMIT_HTTP_BODY \
    MiB(16) /* an HTTP answer's body, unless the request says otherwise: -ERR_LIMIT */

/* The HTTP server. */
#define LIMIT_HTTPD_HEAD \
    KiB(32) /* a request's head: half of it the URL (414), half of it the headers (431) */
#define LIMIT_HTTPD_BODY   MiB(4)  /* a request's body, unless its route says otherwise: 413 */
#define LIMIT_HTTPD_BODIES MiB(64) /* bodies that one thread holds at once: 503 */
#define LIMIT_HTTPD_LOG \
    MiB(8) /* of a log in one JSON answer (full_content): a line says how to get the rest */
#define LIMIT_HTTPD_ANSWER MiB(256) /* an answer that is no stream: 500 */
#define LIMIT_HTTPD_ARENA  MiB(512) /* memory of one call: 503 */
#define LIMIT_API_PAGE     100      /* rows of one page: Airflow's maximum_page_limit */

/* The scheduler. */
#define LIMIT_REASON_BYTES 200 /* a reason kept in a row; longer ones are cut */
#define LIMIT_POOL_BYPASS \
    16 /* smaller instances that may pass one that needs more slots than are free */
#define LIMIT_MAP_SLICE \
    1024 /* instances of mapped tasks that one step makes and looks at; the rest follows in the next ones */
#define LIMIT_GRANT_RETRY_S 1 /* a wish for slots that was not met is repeated after this */

/* Backfills. */
#define LIMIT_BACKFILL_DATES  100000 /* of one backfill: -ERR_LIMIT */
#define LIMIT_BACKFILL_ACTIVE 1000   /* its max_active_runs: -ERR_INVALID */
#define LIMIT_BACKFILL_AHEAD \
    32 /* runs made beyond that, which wait: a free slot is filled at once */
#define LIMIT_BACKFILL_SLICE 256 /* dates decided in one go */
#define LIMIT_WATCHERS \
    1000 /* files and patterns that assets of one installation wait for: -ERR_LIMIT */
#define LIMIT_ARRIVAL_FILES \
    100000 /* files of one folder that a watcher looks at; the rest is said and left */
#define LIMIT_PLAN_RUNS  100000  /* runs that one clear or mark may be about: -ERR_LIMIT */
#define LIMIT_NOTE_BYTES KiB(16) /* a note on a run or an instance: -ERR_LIMIT */

/* Scheduler defaults: Airflow's words and values. */
#define DEFAULT_PARALLELISM      32
#define DEFAULT_MAX_ACTIVE_TASKS 16
#define DEFAULT_MAX_ACTIVE_RUNS  16
#define DEFAULT_POOL_SLOTS       128
#define DEFAULT_BACKFILL_ACTIVE  10
#define DEFAULT_RETRY_DELAY_S    300
#define DEFAULT_QUEUED_TIMEOUT_S 600
#define DEFAULT_QUEUED_RETRIES   2

/* Alerts. */
#define LIMIT_ALERT_CHANNELS 256 /* of the configuration: -ERR_LIMIT when it is read */
#define LIMIT_ALERT_PENDING \
    10000 /* different things that wait for one channel; more are only counted */
#define LIMIT_TLS_PEM       65536 /* bytes of a certificate with its chain, or of a key */
#define LIMIT_TRACE_TRIES   100   /* of an instance in a trace: the newest */
#define LIMIT_ALERT_ROWS    20000 /* ended alerts that are kept; the oldest go */
#define LIMIT_ALERT_SENDING 16    /* messages on their way at once */
#define LIMIT_ALERT_LANES \
    4096 /* channels of one engine, with those of mail addresses: what is for others is only logged */

/* Event logs and what is discovered from them: -ERR_LIMIT; a shorter time has fewer. */
#define LIMIT_ANALYSIS_BYTES      MiB(2048) /* memory of one log, and of one analysis */
#define LIMIT_ANALYSIS_EVENTS     10000000
#define LIMIT_ANALYSIS_CASES      1000000
#define LIMIT_ANALYSIS_ACTIVITIES 1000    /* different ones */
#define LIMIT_ANALYSIS_TRACE      20000   /* events of one case */
#define LIMIT_ANALYSIS_VARIANTS   50000   /* different traces */
#define LIMIT_ANALYSIS_NAME       1000    /* bytes of an activity's name; longer ones are cut */
#define LIMIT_ANALYSIS_FIELD      KiB(64) /* one field of a CSV file, one attribute of XES */
#define LIMIT_ANALYSIS_NESTING    100     /* elements within elements of XES */
#define LIMIT_ANALYSIS_STEPS \
    2000000000 /* work of one discovery or replay: beyond, it says so and has no result */
#define LIMIT_ANALYSIS_STATES 2000 /* markings that one search through silent steps may see */

/* The store. */
#define LIMIT_STORE_BUSY_MS 2000 /* wait for another connection's lock: -ERR_BUSY */
#define LIMIT_STORE_REASONS \
    4096 /* texts kept once in the dictionary of reasons; later ones are kept in each row */
#define LIMIT_STORE_WAL_IDLE \
    1000 /* pages in the write-ahead log from which upkeep moves them into the file */
#define LIMIT_STORE_WAL_COMMIT \
    8000 /* ... from which commit does it, because nobody called upkeep */
#define LIMIT_STORE_CLEAN_ROWS 5000 /* rows deleted in one transaction of cleaning */

#endif
