/*
 * The watcher: finds out what changed in the store, at most four times a second, and only while somebody listens.
 *
 *   IDLE (nobody listens: a look at that alone) -> WATCHING: a first look remembers; each further one tells what is another
 *   WATCHING -> IDLE: a minute after the last stream; what happens then is not told, so the series of events ends
 *
 * A look costs a read of one number while nothing was changed. Else: the live runs, those that ended lately, once a second the DAGs and
 * import errors, and the states of the runs that streams have named. What was told is what is remembered, so nothing is told twice, and what
 * changed several times between two looks is told once, as it is now.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/mem.h"
#include "home/client.h"
#include "home/home.h"
#include "model/dag.h"
#include "runtime/loop.h"
#include "server/api.h"
#include "server/events.h"

#define LIVE_MAX    5000 /* live runs that are watched; of more the newest */
#define ENDED_MAX   500  /* runs that ended since the last look */
#define ENDED_SLACK (2 * TIME_SECOND)
#define SLOW_US     TIME_SECOND       /* between two looks at DAGs and import errors */
#define HEALTH_US   (5 * TIME_SECOND) /* between two questions to the scheduler */
#define DAGS_KEPT   32
#define LOOK_ARENA  MiB(512)
#define DAG_EVENTS  100 /* more DAGs that changed at once are one refresh */
#define WATCHED_MAX 256 /* runs whose tasks are watched at once */
#define LOOK_TASKS \
    2000 /* changes of tasks that one look tells, of all runs; then runs are told to be read anew */

/* A run as it was told last. */
struct seen_run {
    int64_t run_key, dag_key, version_key, end_us;
    uint32_t clear_number;
    uint8_t state;
};

struct seen_dag {
    int64_t dag_key, version_key, updated_us;
    char *dag_id; /* owned */
    bool paused;
};

/* The instances of one run that somebody watches. */
struct watched {
    int64_t run_key;
    uint64_t serial; /* of the topic that asked first: another one, all is told again */
    struct ti_state *tis;
    size_t len;
    bool used; /* in this look */
};

struct watcher {
    struct events *v;
    struct store *store;
    ino_t ino;
    bool primed; /* a first look was had */
    int64_t change, slow_at_us, last_end_us;
    struct seen_run *runs; /* by run_key */
    size_t runs_len;
    struct seen_dag *dags; /* by dag_key */
    size_t dags_len;
    int64_t error_mark; /* of the import errors: another one, they changed */
    struct watched watched[WATCHED_MAX];
    size_t watched_len;
    struct kept_version {
        int64_t version_key;
        struct dag *dag;
        uint64_t used;
    } kept[DAGS_KEPT];
    uint64_t uses;
    int health;        /* -1 not known, 0, 1 */
    size_t told_tasks; /* in this look */
};

/* ---- the store ---- */

static void forget(struct watcher *w)
{
    for (size_t i = 0; i < DAGS_KEPT; i++) {
        dag_unref(w->kept[i].dag);
        w->kept[i] = (struct kept_version){0};
    }
    for (size_t i = 0; i < w->watched_len; i++) {
        mem_free(w->watched[i].tis);
    }
    w->watched_len = 0;
    for (size_t i = 0; i < w->dags_len; i++) {
        mem_free(w->dags[i].dag_id);
    }
    mem_free(mem_take(w->dags));
    mem_free(mem_take(w->runs));
    w->dags_len = w->runs_len = 0;
    w->primed = false;
}

static void close_store(struct watcher *w)
{
    forget(w);
    store_close(w->store);
    w->store = NULL;
}

/* A file that was put in its place (a restore) is another store. */
static int open_store(struct watcher *w)
{
    char path[4200];
    struct stat st;
    int rc = 0;

    (void)snprintf(path, sizeof path, "%s/%s", events_home(w->v), STORE_FILE);
    if (stat(path, &st) != 0) {
        close_store(w);
        return -ERR_NOTFOUND;
    }
    if (w->store != NULL && w->ino != st.st_ino) {
        close_store(w);
        events_put(w->v, "refresh", mem_strdup("{\"topic\":\"all\"}"), NULL, NULL);
    }
    if (w->store == NULL) {
        rc = store_sqlite_open(path, STORE_READ_ONLY, &w->store, NULL);
        w->store = rc == 0 ? w->store : NULL;
        w->ino = st.st_ino;
    }
    return rc;
}

static const struct dag *version_of(struct watcher *w, int64_t version_key)
{
    struct kept_version *oldest = &w->kept[0];
    struct dag *d;

    for (size_t i = 0; i < DAGS_KEPT; i++) {
        if (w->kept[i].dag != NULL && w->kept[i].version_key == version_key) {
            w->kept[i].used = ++w->uses;
            return w->kept[i].dag;
        }
        oldest = w->kept[i].used < oldest->used ? &w->kept[i] : oldest;
    }
    if (home_load_version(w->store, version_key, &d, NULL) != 0) {
        return NULL;
    }
    dag_unref(oldest->dag);
    *oldest = (struct kept_version){version_key, d, ++w->uses};
    return d;
}

/* ---- telling ---- */

static void put_refresh(struct watcher *w, const char *topic, const char *dag_id,
                        const char *run_id)
{
    struct buf b BUF_CLEANUP;
    struct json_writer j;
    char text[600];

    (void)snprintf(text, sizeof text, "%s%s%s%s", topic, dag_id != NULL ? dag_id : "",
                   run_id != NULL ? "/" : "", run_id != NULL ? run_id : "");
    buf_init(&b, KiB(8));
    json_writer_init(&j, &b, 0);
    json_object(&j);
    json_key(&j, "topic");
    json_string(&j, text);
    json_object_end(&j);
    events_put(w->v, "refresh", buf_take(&b), dag_id, run_id);
}

static void put_run(struct watcher *w, const char *dag_id, const char *run_id, int state)
{
    struct buf b BUF_CLEANUP;
    struct json_writer j;

    buf_init(&b, KiB(16));
    json_writer_init(&j, &b, 0);
    json_object(&j);
    json_key(&j, "dag_id");
    json_string(&j, dag_id);
    json_key(&j, "run_id");
    json_string(&j, run_id);
    json_key(&j, "state"); /* null: it is gone */
    json_string(&j, state >= 0 ? run_state_to_string(state) : NULL);
    json_object_end(&j);
    events_put_about(w->v, "run", buf_take(&b), dag_id);
}

static void put_task(struct watcher *w, const char *dag_id, const char *run_id, const char *task_id,
                     const struct ti_state *t)
{
    struct buf b BUF_CLEANUP;
    struct json_writer j;

    buf_init(&b, KiB(16));
    json_writer_init(&j, &b, 0);
    json_object(&j);
    json_key(&j, "dag_id");
    json_string(&j, dag_id);
    json_key(&j, "run_id");
    json_string(&j, run_id);
    json_key(&j, "task_id");
    json_string(&j, task_id);
    json_key(&j, "map_index");
    json_int(&j, t->map_index);
    json_key(&j, "state");
    json_string(&j, t->state != TASK_NONE ? task_state_to_string(t->state) : NULL);
    json_key(&j, "try");
    json_int(&j, t->try_number);
    json_object_end(&j);
    events_put(w->v, "task", buf_take(&b), dag_id, run_id);
}

static void put_dag(struct watcher *w, const char *dag_id)
{
    struct buf b BUF_CLEANUP;
    struct json_writer j;

    buf_init(&b, KiB(8));
    json_writer_init(&j, &b, 0);
    json_object(&j);
    json_key(&j, "dag_id");
    json_string(&j, dag_id);
    json_object_end(&j);
    events_put_about(w->v, "dag", buf_take(&b), dag_id);
}

/* ---- lists by a key ---- */

/* Their first member. */
_Static_assert(offsetof(struct seen_dag, dag_key) == 0 && offsetof(struct seen_run, run_key) == 0 &&
                   offsetof(struct run_row, run_key) == 0,
               "by_key");

static int by_key(const void *x, const void *y)
{
    const int64_t *a = x, *b = y;

    return (*a > *b) - (*a < *b);
}

static const void *find_key(const void *list, size_t n, size_t size, int64_t key)
{
    return n != 0 ? bsearch(&key, list, n, size, by_key) : NULL;
}

/* ---- DAGs and import errors ---- */

static const struct seen_dag *find_dag(const struct watcher *w, int64_t dag_key)
{
    return find_key(w->dags, w->dags_len, sizeof *w->dags, dag_key);
}

static int look_at_dags(struct watcher *w, struct arena *a)
{
    struct dag_row *rows;
    struct seen_dag *now;
    size_t n = 0, told = 0;
    int rc = w->store->ops->get_dags(w->store, a, &rows, &n, NULL);

    now = rc == 0 ? mem_array(n + 1, sizeof *now) : NULL;
    rc = rc == 0 && now == NULL ? -ERR_NOMEM : rc;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        const struct seen_dag *was = find_dag(w, rows[i].dag_key);

        now[i] = (struct seen_dag){rows[i].dag_key, rows[i].version_key, rows[i].updated_us,
                                   mem_strdup(rows[i].dag_id), rows[i].paused};
        if (w->primed &&
            (was == NULL || was->paused != rows[i].paused ||
             was->version_key != rows[i].version_key || was->updated_us != rows[i].updated_us) &&
            ++told <= DAG_EVENTS) {
            put_dag(w, rows[i].dag_id);
        }
    }
    if (told > DAG_EVENTS || (rc == 0 && w->primed && n < w->dags_len)) {
        put_refresh(w, "dags", NULL, NULL);
    }
    if (rc == 0) {
        for (size_t i = 0; i < w->dags_len; i++) {
            mem_free(w->dags[i].dag_id);
        }
        mem_free(w->dags);
        qsort(now, n, sizeof *now, by_key);
        w->dags = now;
        w->dags_len = n;
    }
    return rc;
}

static int look_at_errors(struct watcher *w, struct arena *a)
{
    struct import_error_row *rows;
    char data[64];
    int64_t mark = 1;
    size_t n = 0;
    int rc = w->store->ops->get_import_errors(w->store, 0, 0, 0, a, &rows, &n, NULL);

    for (size_t i = 0; rc == 0 && i < n; i++) {
        mark = (int64_t)((uint64_t)mark * 1000003 + (uint64_t)rows[i].error_key * 31 +
                         (uint64_t)rows[i].at_us);
    }
    if (rc == 0 && w->primed && mark != w->error_mark) {
        (void)snprintf(data, sizeof data, "{\"count\":%zu}", n);
        events_put(w->v, "import_errors", mem_strdup(data), NULL, NULL);
    }
    w->error_mark = mark;
    return rc;
}

/* ---- runs ---- */

static const struct seen_run *find_seen(const struct watcher *w, int64_t run_key)
{
    return find_key(w->runs, w->runs_len, sizeof *w->runs, run_key);
}

static int get_ended(struct watcher *w, struct arena *a, struct run_row **ret, size_t *ret_len)
{
    struct run_query q = {.states = 1U << RUN_SUCCESS | 1U << RUN_FAILED,
                          .order = RUN_BY_END,
                          .descending = true,
                          .limit = ENDED_MAX};

    q.logical_date = q.run_after = q.start = (struct time_range){TIME_NONE, TIME_NONE};
    q.end = (struct time_range){w->last_end_us - ENDED_SLACK, TIME_NONE};
    return w->store->ops->query_runs(w->store, &q, a, ret, ret_len, NULL);
}

/* The live runs and those that ended since a little before the last look, by run_key; a run that is both stands once. */
static int get_runs(struct watcher *w, struct arena *a, struct run_row **ret, size_t *ret_len)
{
    struct run_row *live, *ended, *all;
    size_t n = 0, m = 0, kept = 0;
    int rc = w->store->ops->get_runs(w->store, 0, 1U << RUN_QUEUED | 1U << RUN_RUNNING, 0, LIVE_MAX,
                                     a, &live, &n, NULL);

    rc = rc == 0 ? get_ended(w, a, &ended, &m) : rc;
    all = rc == 0 ? arena_array(a, n + m + 1, sizeof *all) : NULL;
    if (rc != 0 || all == NULL) {
        return rc != 0 ? rc : -ERR_NOMEM;
    }
    if (n != 0) {
        memcpy(all, live, n * sizeof *all);
    }
    for (size_t i = 0; i < m; i++) { /* read later: it is the newer one */
        all[n + i] = ended[i];
        w->last_end_us = ended[i].end_us > w->last_end_us ? ended[i].end_us : w->last_end_us;
    }
    n += m;
    qsort(all, n, sizeof *all, by_key);
    for (size_t i = 0; i < n; i++) {
        if (kept > 0 && all[kept - 1].run_key == all[i].run_key) {
            all[kept - 1] = run_state_finished(all[i].state) ? all[i] : all[kept - 1];
        } else {
            all[kept++] = all[i];
        }
    }
    *ret = all;
    *ret_len = kept;
    return 0;
}

static bool is_changed(const struct seen_run *was, const struct run_row *r)
{
    return was == NULL || was->state != r->state || was->clear_number != r->clear_number ||
           was->end_us != r->end_us || was->version_key != r->version_key;
}

/* Those that were live, and are neither live nor lately ended: what became of them. */
static void look_for_lost(struct watcher *w, struct arena *a, const struct run_row *rows, size_t n,
                          size_t *told)
{
    for (size_t i = 0; i < w->runs_len; i++) {
        const struct seen_run *was = &w->runs[i];
        const struct seen_dag *d = find_dag(w, was->dag_key);
        struct run_row r;

        if (run_state_finished(was->state) ||
            find_key(rows, n, sizeof *rows, was->run_key) != NULL) {
            continue;
        }
        if (++*told > EVENTS_BATCH_RUNS || d == NULL ||
            w->store->ops->get_run(w->store, was->run_key, a, &r, NULL) != 0) {
            *told += EVENTS_BATCH_RUNS; /* it was deleted: its id is not known any more */
            return;
        }
        put_run(w, d->dag_id, r.run_id, r.state);
    }
}

static int look_at_runs(struct watcher *w, struct arena *a, const struct run_row *rows, size_t n)
{
    struct seen_run *now = mem_array(n + 1, sizeof *now);
    size_t told = 0;

    if (now == NULL) {
        return -ERR_NOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        const struct run_row *r = &rows[i];
        const struct seen_dag *d = find_dag(w, r->dag_key);

        now[i] = (struct seen_run){r->run_key, r->dag_key,      r->version_key,
                                   r->end_us,  r->clear_number, r->state};
        if (w->primed && d != NULL && is_changed(find_seen(w, r->run_key), r) &&
            ++told <= EVENTS_BATCH_RUNS) {
            put_run(w, d->dag_id, r->run_id, r->state);
        }
    }
    if (w->primed) {
        look_for_lost(w, a, rows, n, &told);
    }
    if (told > EVENTS_BATCH_RUNS) {
        put_refresh(w, "runs", NULL, NULL);
    }
    mem_free(w->runs);
    w->runs = now;
    w->runs_len = n;
    return 0;
}

/* ---- tasks of the runs that are named ---- */

static bool same_state(const struct ti_state *a, const struct ti_state *b)
{
    return a->state == b->state && a->try_number == b->try_number && a->map_len == b->map_len;
}

static int three_way(const struct ti_state *a, const struct ti_state *b)
{
    return a->task != b->task             ? (a->task < b->task ? -1 : 1)
           : a->map_index != b->map_index ? (a->map_index < b->map_index ? -1 : 1)
                                          : 0;
}

/* Both are by (task, map_index). tell: else only counted. What is gone (the run was cleared, or moved) is told as none. */
static size_t compare(struct watcher *w, const struct watched *was, const struct ti_state *now,
                      size_t n, const struct dag *d, const char *dag_id, const char *run_id,
                      bool tell)
{
    size_t i = 0, k = 0, changed = 0;

    while (i < n || k < was->len) {
        int c = i == n ? 1 : k == was->len ? -1 : three_way(&now[i], &was->tis[k]);
        struct ti_state t = c <= 0 ? now[i] : was->tis[k];

        if (c != 0 || !same_state(&now[i], &was->tis[k])) {
            changed++;
            t.state = c <= 0 ? t.state : TASK_NONE;
            if (tell && t.task < d->tasks_len) {
                put_task(w, dag_id, run_id, d->tasks[t.task].task_id, &t);
            }
        }
        i += c <= 0;
        k += c >= 0;
    }
    return changed;
}

static struct watched *watched_of(struct watcher *w, int64_t run_key, uint64_t serial)
{
    struct watched *one;

    for (size_t i = 0; i < w->watched_len; i++) {
        one = &w->watched[i];
        if (one->run_key == run_key) {
            if (serial > one->serial) { /* somebody new: told from the beginning */
                mem_free(mem_take(one->tis));
                one->len = 0;
                one->serial = serial;
            }
            return one;
        }
    }
    if (w->watched_len == WATCHED_MAX) {
        return NULL;
    }
    one = &w->watched[w->watched_len++];
    *one = (struct watched){.run_key = run_key, .serial = serial};
    return one;
}

/* A run that nothing was told of yet is told whole, so that what a browser reads beside it cannot be older. */
static int look_at_tasks(struct watcher *w, struct arena *a, const struct run_row *r,
                         const char *dag_id, uint64_t serial)
{
    struct watched *was = watched_of(w, r->run_key, serial);
    const struct dag *d;
    struct ti_state *now, *copy;
    size_t n = 0, changed;
    int rc;

    if (was == NULL || was->used) {
        return 0;
    }
    rc = w->store->ops->get_ti_states(w->store, r->run_key, a, &now, &n, NULL);
    d = rc == 0 ? version_of(w, r->version_key) : NULL;
    copy = d != NULL ? mem_array(n + 1, sizeof *copy) : NULL;
    if (copy == NULL) {
        return rc != 0 ? rc : d == NULL ? 0 : -ERR_NOMEM;
    }
    changed = compare(w, was, now, n, d, dag_id, r->run_id, false);
    if (changed > EVENTS_BATCH_TASKS || (changed != 0 && w->told_tasks + changed > LOOK_TASKS)) {
        put_refresh(w, "run:", dag_id, r->run_id);
    } else if (changed != 0) {
        w->told_tasks += changed;
        (void)compare(w, was, now, n, d, dag_id, r->run_id, true);
    }
    if (n != 0) {
        memcpy(copy, now, n * sizeof *copy);
    }
    mem_free(was->tis);
    was->tis = copy;
    was->len = n;
    was->used = true;
    return 0;
}

static int look_at_topic(struct watcher *w, struct arena *a, const struct topic *t,
                         const struct run_row *rows, size_t n)
{
    struct dag_row dag;
    struct run_row run;
    int rc = w->store->ops->find_dag(w->store, t->dag_id, a, &dag, NULL);

    if (rc == 0 && t->run_id != NULL) {
        rc = w->store->ops->find_run(w->store, dag.dag_key, t->run_id, a, &run, NULL);
        rc = rc == 0 ? look_at_tasks(w, a, &run, t->dag_id, t->serial) : rc;
    }
    for (size_t i = 0; rc == 0 && t->run_id == NULL && i < n; i++) {
        if (rows[i].dag_key == dag.dag_key) {
            rc = look_at_tasks(w, a, &rows[i], t->dag_id, t->serial);
        }
    }
    return rc == -ERR_NOTFOUND ? 0 : rc;
}

static int look_at_topics(struct watcher *w, struct arena *a, const struct topic *topics, size_t n,
                          const struct run_row *rows, size_t rows_len)
{
    size_t kept = 0;
    int rc = 0;

    w->told_tasks = 0;
    for (size_t i = 0; i < w->watched_len; i++) {
        w->watched[i].used = false;
    }
    for (size_t i = 0; rc == 0 && i < n; i++) {
        rc = look_at_topic(w, a, &topics[i], rows, rows_len);
    }
    for (size_t i = 0; rc == 0 && i < w->watched_len; i++) {
        if (w->watched[i].used) {
            w->watched[kept++] = w->watched[i];
        } else {
            mem_free(w->watched[i].tis);
        }
    }
    w->watched_len = rc == 0 ? kept : w->watched_len;
    return rc;
}

/* ---- a look ---- */

static int look_slow(struct watcher *w, struct arena *a, int64_t now_us)
{
    int rc = look_at_dags(w, a);

    rc = rc == 0 ? look_at_errors(w, a) : rc;
    w->slow_at_us = rc == 0 ? now_us : w->slow_at_us;
    return rc;
}

static bool knows_all(const struct watcher *w, const struct run_row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (find_dag(w, rows[i].dag_key) == NULL) {
            return false;
        }
    }
    return true;
}

static int look(struct watcher *w, struct arena *a, const struct topic *topics, size_t topics_len,
                bool slow, int64_t now_us)
{
    struct run_row *rows;
    size_t n = 0;
    int rc = get_runs(w, a, &rows, &n);

    if (rc == 0 && (slow || !w->primed || !knows_all(w, rows, n))) {
        rc = look_slow(w, a, now_us);
    }
    rc = rc == 0 ? look_at_runs(w, a, rows, n) : rc;
    rc = rc == 0 ? look_at_topics(w, a, topics, topics_len, rows, n) : rc;
    w->primed = w->primed || rc == 0;
    return rc;
}

static uint64_t newest_topic(const struct topic *t, size_t n)
{
    uint64_t serial = 0;

    for (size_t i = 0; i < n; i++) {
        serial = t[i].serial > serial ? t[i].serial : serial;
    }
    return serial;
}

/* Nothing to do while nothing changed, nobody new has come, and what is looked at rarely is not due. */
static void tick(struct watcher *w, int64_t now_us, uint64_t *last_topic, bool *dirty)
{
    struct topic *topics = NULL;
    struct arena a;
    int64_t change = 0;
    size_t n = 0;
    bool slow;
    int rc = open_store(w);

    rc = rc == 0 ? w->store->ops->get_change(w->store, &change, NULL) : rc;
    rc = rc == 0 ? events_topics(w->v, &topics, &n) : rc;
    if (rc != 0) {
        return;
    }
    *dirty = *dirty || change != w->change || !w->primed;
    slow = *dirty && now_us - w->slow_at_us >= SLOW_US;
    if (change != w->change || !w->primed || slow || newest_topic(topics, n) != *last_topic) {
        arena_init(&a, LOOK_ARENA);
        rc = look(w, &a, topics, n, slow, now_us);
        arena_fini(&a);
        if (rc == 0) {
            w->change = change;
            *last_topic = newest_topic(topics, n);
            *dirty = *dirty && !slow;
        } else if (rc == -ERR_CORRUPT || rc == -ERR_IO) {
            close_store(w); /* it is opened anew */
        }
    }
    events_topics_free(topics, n);
}

/* ---- coroutines ---- */

static int watch(void *arg)
{
    struct watcher *w = arg;
    uint64_t last_topic = 0;
    bool watching = false, dirty = true;
    int rc = 0;

    while (rc == 0) {
        int64_t now_us = loop_now_us(loop_current());

        if (events_wanted(w->v, now_us)) {
            if (!watching) {
                w->last_end_us = loop_wall_us(loop_current());
                dirty = true;
            }
            watching = true;
            tick(w, now_us, &last_topic, &dirty);
            events_set_primed(w->v, w->primed);
            events_flush(w->v);
        } else if (watching) {
            watching = false;
            close_store(w);
            events_set_primed(w->v, false);
            events_new_series(w->v);
        }
        rc = co_sleep(EVENTS_TICK_US);
    }
    return rc;
}

static void put_health(struct watcher *w, bool alive)
{
    if (w->health >= 0 && w->health != (int)alive) {
        events_put(
            w->v, "health",
            mem_strdup(alive ? "{\"scheduler\":\"healthy\"}" : "{\"scheduler\":\"unhealthy\"}"),
            NULL, NULL);
        events_flush(w->v);
    }
    w->health = alive;
}

static int watch_health(void *arg)
{
    struct watcher *w = arg;
    int rc = 0;

    while (rc == 0) {
        if (events_wanted(w->v, loop_now_us(loop_current()))) {
            struct err e = {0};

            rc = home_request(events_home(w->v), "ping", "", HEALTH_US, NULL, NULL, &e);
            if (rc == -ERR_CANCELED) {
                break;
            }
            put_health(w, rc == 0);
            rc = co_sleep(HEALTH_US);
        } else {
            w->health = -1;
            rc = co_sleep(EVENTS_TICK_US);
        }
    }
    return rc;
}

int events_watch(void *arg)
{
    struct watcher *w = mem_zalloc(sizeof *w);
    struct co_group g;
    int rc;

    if (w == NULL) {
        return -ERR_NOMEM;
    }
    w->v = arg;
    w->health = -1;
    co_group_init(&g, loop_current());
    rc = co_spawn(&g, "watch", watch, w, NULL, NULL);
    rc = rc == 0 ? co_spawn(&g, "watch health", watch_health, w, NULL, NULL) : rc;
    rc = rc == 0 ? co_wait_fd(events_stop_fd(w->v), LOOP_READ, NULL) : rc;
    co_group_close(&g);
    close_store(w);
    mem_free(w);
    return rc;
}
