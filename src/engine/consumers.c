/*
 * Who waits for assets, and the runs that follow. The store has a row for each DAG that waits (its schedule), and one for each event that waits for a
 * run; sched/asset_due.h has the same in memory.
 *
 * Invariants
 *  1. What asset_due is told within a batch is in that batch: an event that is queued (ASSET_QUEUE_ADD), a queue that a run takes (TAKE, with the
 *     run's row). So a crash loses no event and gives none to two runs.
 *  2. Who waits is known before the first event is committed, from the store: not from the files, which are read later.
 *  3. Another condition of a DAG counts from its commit on; its queues are read back from the store then, and nothing of it is due before.
 */
#include "engine/consumers.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "engine/consumers_priv.h"
#include "engine/engine_priv.h"
#include "engine/mappers.h"
#include "engine/schedule.h"
#include "engine/timing.h"
#include "model/asset_expr.h"
#include "model/dag.h"
#include "model/partition.h"
#include "model/zone.h"
#include "sched/asset_due.h"

struct consumer {
    int64_t dag_key;
    struct arena arena;
    const char *dag_id, *schedule; /* JSON */
    const struct asset_expr *expr;
    struct partition_map *partitions; /* or NULL */
    struct zone **zones;
    size_t zones_len, zones_cap;
    unsigned warned; /* bit per verdict */
    bool here, asks; /* asks: some of its partition mappers are Python's */
    struct mapper_of mapper_of;
};

/* ---- consumers ---- */

static size_t place_of(const struct consumers *s, int64_t dag_key)
{
    size_t low = 0, high = s->len;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (s->all[mid]->dag_key < dag_key) {
            low = mid + 1;
        } else {
            high = mid;
        }
    }
    return low;
}

static struct consumer *find(const struct consumers *s, int64_t dag_key)
{
    size_t i = s != NULL ? place_of(s, dag_key) : 0;

    return s != NULL && i < s->len && s->all[i]->dag_key == dag_key ? s->all[i] : NULL;
}

static void consumer_free(struct consumer *c)
{
    if (c != NULL) {
        for (size_t i = 0; i < c->zones_len; i++) {
            zone_free(c->zones[i]);
        }
        mem_free(c->zones);
        arena_fini(&c->arena);
        mem_free(c);
    }
}

struct zones_call {
    struct consumer *c;
    struct err *e;
};

static int load_mapper(void *arg, struct partition_mapper *m)
{
    struct zones_call *z = arg;
    struct zone *zone = NULL;
    int rc;

    if (m->kind == PARTITION_PYTHON) {
        z->c->asks = true;
        m->answered = mappers_answered;
        m->arg = &z->c->mapper_of;
        return 0;
    }
    rc = m->needs_zone ? timing_load_zone(m->zone_name, &zone, z->e) : 0;

    if (rc == 0 && zone != NULL) {
        m->zone = zone;
        rc = VEC_PUSH(z->c->zones, z->c->zones_len, z->c->zones_cap, zone);
    }
    return rc;
}

static const char *type_of(const struct value *schedule)
{
    const struct value *type =
        schedule != NULL && schedule->kind == VALUE_OBJECT ? value_get(schedule, "type") : NULL;

    return type != NULL && type->kind == VALUE_STRING ? type->text : "";
}

static bool waits_for_assets(const struct value *schedule)
{
    const char *type = type_of(schedule);

    return strcmp(type, "assets") == 0 || strcmp(type, "partitioned_assets") == 0 ||
           strcmp(type, "asset_or_time") == 0;
}

static int consumer_fill(struct consumer *c, const struct value *schedule, struct err *e)
{
    struct zones_call z = {c, e};
    int rc = asset_expr_parse(&c->arena, value_get(schedule, "condition"), &c->expr, e);

    if (rc == 0 && strcmp(type_of(schedule), "partitioned_assets") == 0) {
        rc = partition_map_parse(&c->arena, schedule, &c->partitions, e);
        rc = rc == 0 ? partition_map_each(c->partitions, load_mapper, &z) : rc;
    }
    return rc;
}

static int consumer_new(const struct consumers *s, int64_t dag_key, const char *dag_id,
                        const char *schedule, size_t n, struct consumer **ret, struct err *e)
{
    struct consumer *c = mem_zalloc(sizeof *c);
    struct value *v;
    int rc;

    if (c == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for a schedule");
    }
    c->dag_key = dag_key;
    arena_init(&c->arena, MiB(64));
    c->dag_id = arena_strdup(&c->arena, dag_id);
    c->schedule = arena_strndup(&c->arena, schedule, n);
    c->mapper_of = (struct mapper_of){s->mappers, dag_key, c->dag_id};
    rc = c->dag_id != NULL && c->schedule != NULL
             ? value_parse(&c->arena, schedule, n, &v, e)
             : err_set(e, ERR_NOMEM, "out of memory for a schedule");
    rc = rc == 0 ? consumer_fill(c, v, e) : rc;
    if (rc != 0) {
        consumer_free(c);
        return rc;
    }
    *ret = c;
    return 0;
}

static int tell_due(struct consumers *s, const struct consumer *c, bool paused, int32_t max_active,
                    int32_t active)
{
    struct asset_due_dag d = {.dag_key = c->dag_key,
                              .expr = c->expr,
                              .partitions = c->partitions,
                              .paused = paused,
                              .here = c->here,
                              .max_active_runs = max_active,
                              .active = active};

    return asset_due_set(s->due, &d);
}

/* In the place of the one with its key. Takes the consumer over. */
static int put(struct consumers *s, struct consumer *c)
{
    size_t i = place_of(s, c->dag_key);

    if (i < s->len && s->all[i]->dag_key == c->dag_key) {
        consumer_free(s->all[i]);
        s->all[i] = c;
        return 0;
    }
    if (VEC_PUSH(s->all, s->len, s->cap, c) != 0) {
        return -ERR_NOMEM;
    }
    s->len--;
    memmove(s->all + i + 1, s->all + i, (s->len - i) * sizeof(struct consumer *));
    s->all[i] = c;
    s->len++;
    return 0;
}

static void remove_consumer(struct consumers *s, int64_t dag_key)
{
    size_t i = place_of(s, dag_key);

    asset_due_remove(s->due, dag_key);
    if (i < s->len && s->all[i]->dag_key == dag_key) {
        consumer_free(s->all[i]);
        s->len--;
        memmove(s->all + i, s->all + i + 1, (s->len - i) * sizeof(struct consumer *));
    }
}

/* ---- what the store has ---- */

struct reading {
    struct engine *g;
    int64_t dag_key;
    const char *dag_id;
    struct arena arena;
    struct asset_consumer_row *rows;
    size_t rows_len;
    struct asset_queue_shape *shapes;
    size_t shapes_len;
    struct dag_row dag;
    struct err *e;
};

static int do_get_consumers(void *arg)
{
    struct reading *r = arg;
    struct store *s = r->g->store;

    return s->ops->get_asset_consumers(s, &r->arena, &r->rows, &r->rows_len, r->e);
}

static int do_get_queue(void *arg)
{
    struct reading *r = arg;
    struct store *s = r->g->store;

    return s->ops->get_asset_queue(s, r->dag_key, &r->arena, &r->shapes, &r->shapes_len, r->e);
}

static int do_find_dag(void *arg)
{
    struct reading *r = arg;
    struct store *s = r->g->store;

    return s->ops->find_dag(s, r->dag_id, &r->arena, &r->dag, r->e);
}

/* What its queues had. *ret_drop: rows for those that it does not wait for any more, in the arena. */
static int restore(struct reading *r, struct asset_queue_row **ret_drop, size_t *ret_len)
{
    struct consumers *s = r->g->consumers;
    struct asset_queue_row *drop = arena_array(&r->arena, r->shapes_len + 1, sizeof *drop);
    size_t n = 0;
    int rc = drop != NULL ? 0 : -ERR_NOMEM;

    for (size_t i = 0; rc == 0 && i < r->shapes_len; i++) {
        const struct asset_queue_shape *x = &r->shapes[i];
        struct asset_due_event shape = {x->name, x->uri, x->aliases, x->aliases_len, NULL};
        bool kept;

        rc = asset_due_restore(s->due, r->dag_key, x->partition, &shape,
                               x->count < UINT32_MAX ? (uint32_t)x->count : UINT32_MAX, &kept);
        if (rc == 0 && !kept) {
            drop[n++] = (struct asset_queue_row){.op = ASSET_QUEUE_DROP,
                                                 .dag_key = r->dag_key,
                                                 .partition = x->partition,
                                                 .asset_key = x->asset_key,
                                                 .aliases = x->aliases,
                                                 .aliases_len = x->aliases_len};
        }
    }
    *ret_drop = drop;
    *ret_len = n;
    return rc == 0 ? 0 : err_set(r->e, ERR_NOMEM, "out of memory for asset events");
}

/* One that the store has. What cannot be read (it was checked when it was written) waits until its file is. */
static int load_one(struct engine *g, const struct asset_consumer_row *row, struct err *e)
{
    struct reading r = {.g = g, .dag_key = row->dag_key, .e = e};
    struct consumer *c = NULL;
    struct asset_queue_row *drop;
    struct err own = {0};
    size_t n;
    int rc = consumer_new(g->consumers, row->dag_key, row->dag_id, row->schedule,
                          strlen(row->schedule), &c, &own);

    if (rc != 0) {
        log_warning("assets", "what DAG '%s' waits for cannot be read: %s", row->dag_id,
                    err_str(&own));
        return rc == -ERR_NOMEM ? rc : 0;
    }
    arena_init(&r.arena, MiB(512));
    rc = put(g->consumers, c);
    if (rc != 0) {
        consumer_free(c);
        rc = err_set(e, ERR_NOMEM, "out of memory for a schedule");
    }
    rc = rc == 0 ? tell_due(g->consumers, c, row->paused, 0, 0) : rc;
    rc = rc == 0 ? engine_on_store(g, do_get_queue, &r) : rc;
    rc = rc == 0 ? restore(&r, &drop, &n) : rc;
    asset_due_restored(g->consumers->due, row->dag_key);
    arena_fini(&r.arena);
    return rc;
}

int consumers_open(struct engine *g, struct err *e)
{
    struct consumers *s = mem_zalloc(sizeof *s);
    struct reading r = {.g = g, .e = e};
    int rc;

    if (s == NULL || (s->due = asset_due_new()) == NULL || (s->mappers = mappers_new(g)) == NULL) {
        asset_due_free(s != NULL ? s->due : NULL);
        mem_free(s);
        return err_set(e, ERR_NOMEM, "out of memory for schedules");
    }
    g->consumers = s;
    prng_seed(&s->ids, g->config.seed ^ 0x6173736574756e73ULL);
    arena_init(&r.arena, MiB(512));
    rc = engine_on_store(g, do_get_consumers, &r);
    for (size_t i = 0; rc == 0 && i < r.rows_len; i++) {
        rc = load_one(g, &r.rows[i], e);
    }
    arena_fini(&r.arena);
    return rc;
}

void consumers_free(struct engine *g)
{
    struct consumers *s = g->consumers;

    if (s == NULL) {
        return;
    }
    asset_due_free(s->due);
    for (size_t i = 0; i < s->len; i++) {
        consumer_free(s->all[i]);
    }
    mem_free(s->all);
    mappers_free(s->mappers);
    mem_free(s);
    g->consumers = NULL;
}

/* ---- a DAG that changed ---- */

struct change {
    struct request r; /* first: the request is the change */
    struct asset_queue_row row;
    struct consumer *c; /* taken over when its turn has come; NULL: it waits no more */
    bool paused;
    int32_t max_active;
};

/* Its turn in the batch (invariant 3). */
static int apply(struct engine *g, struct request *r)
{
    struct change *x = (struct change *)r;
    struct consumers *s = g->consumers;
    struct consumer *c = x->c;
    int rc;

    if (c == NULL) {
        remove_consumer(s, x->row.dag_key);
        return 0;
    }
    x->c = NULL;
    c->here = true;
    /* It forgets the old condition before that goes. */
    rc = tell_due(s, c, x->paused, x->max_active, schedule_active_runs(g, c->dag_key));
    if (rc != 0 || put(s, c) != 0) {
        asset_due_remove(s->due, c->dag_key);
        consumer_free(c);
        return -ERR_NOMEM;
    }
    return 0;
}

/* Read back from the store what waits for it, and let go of what it does not wait for any more. */
static int read_back(struct engine *g, int64_t dag_key, struct err *e)
{
    const struct consumer *c = find(g->consumers, dag_key);
    struct reading r = {.g = g, .dag_key = dag_key, .e = e};
    struct request drop = {0};
    struct asset_queue_row *rows = NULL;
    size_t n = 0;
    int rc;

    arena_init(&r.arena, MiB(512));
    rc = engine_on_store(g, do_get_queue, &r);
    if (rc == 0 && find(g->consumers, dag_key) == c && c != NULL) { /* it has not changed again */
        rc = restore(&r, &rows, &n);
        asset_due_restored(g->consumers->due, dag_key);
        consumers_look(g);
    }
    drop.queue = rows;
    drop.queue_len = n;
    rc = rc == 0 && n > 0 ? engine_ask(g, &drop, e) : rc;
    arena_fini(&r.arena);
    return rc;
}

static int commit_change(struct engine *g, struct change *x, struct err *e)
{
    x->r.queue = &x->row;
    x->r.queue_len = 1;
    x->r.turn = apply;
    return engine_ask(g, &x->r, e);
}

/* The schedule of a known DAG as JSON; nothing when it does not wait for assets. */
static int schedule_text(const struct known_dag *k, struct buf *out)
{
    const struct value *v =
        k->dag->document != NULL ? value_get(k->dag->document, "schedule") : NULL;

    return waits_for_assets(v) ? value_canonical(v, out) : 0;
}

static int set_to(struct engine *g, int64_t dag_key, const struct buf *text, struct err *e)
{
    const struct known_dag *k = register_known(g, dag_key);
    struct consumer *known;
    struct change x = {.max_active = k->dag->max_active_runs};
    struct reading r = {.g = g, .dag_id = k->dag->dag_id, .e = e};
    int rc;

    arena_init(&r.arena, MiB(64));
    rc = engine_on_store(g, do_find_dag, &r);
    x.paused = rc == 0 && r.dag.paused;
    arena_fini(&r.arena);
    known = find(g->consumers, dag_key);
    k = register_known(g, dag_key);
    if (rc != 0 || k == NULL) {
        return rc;
    }
    mappers_forget(g->consumers->mappers); /* the class may say otherwise now */
    if (known != NULL && strcmp(known->schedule, buf_cstr(text)) == 0) {
        known->here = true;
        rc =
            tell_due(g->consumers, known, x.paused, x.max_active, schedule_active_runs(g, dag_key));
        consumers_look(g);
        return rc == 0 ? 0 : err_set(e, ERR_NOMEM, "out of memory for a schedule");
    }
    rc = consumer_new(g->consumers, dag_key, k->dag->dag_id, buf_cstr(text), text->len, &x.c, e);
    if (rc != 0) {
        return rc;
    }
    x.row = (struct asset_queue_row){
        .op = ASSET_QUEUE_CONSUMER, .dag_key = dag_key, .schedule = buf_cstr(text)};
    rc = commit_change(g, &x, e);
    consumer_free(x.c);
    return rc == 0 ? read_back(g, dag_key, e) : rc;
}

int consumers_set(struct engine *g, int64_t dag_key, struct err *e)
{
    const struct known_dag *k = register_known(g, dag_key);
    struct buf text BUF_CLEANUP;
    struct change x = {.row = {.op = ASSET_QUEUE_CONSUMER, .dag_key = dag_key}};

    buf_init(&text, LIMIT_DOC_BYTES);
    if (k == NULL) {
        return 0;
    }
    if (schedule_text(k, &text) != 0) {
        return err_set(e, ERR_LIMIT, "the schedule is too large");
    }
    if (text.len > 0) {
        return set_to(g, dag_key, &text, e);
    }
    return find(g->consumers, dag_key) != NULL ? commit_change(g, &x, e) : 0;
}

void consumers_forget(struct engine *g, int64_t dag_key)
{
    if (g->consumers != NULL) {
        remove_consumer(g->consumers, dag_key);
    }
}

/* The same condition again: its queues in memory are empty with it, and are read back from the store once the rows are gone. */
static int begin_drop(struct engine *g, struct consumer *known, struct change *x, struct err *e)
{
    const struct known_dag *k = register_known(g, known->dag_key);
    struct reading r = {.g = g, .dag_id = known->dag_id, .e = e};
    int rc;

    arena_init(&r.arena, MiB(64));
    rc = engine_on_store(g, do_find_dag, &r);
    x->paused = rc == 0 && r.dag.paused;
    arena_fini(&r.arena);
    x->max_active = k != NULL ? k->dag->max_active_runs : 0;
    return rc == 0 ? consumer_new(g->consumers, known->dag_key, known->dag_id, known->schedule,
                                  strlen(known->schedule), &x->c, e)
                   : rc;
}

int consumers_drop(struct engine *g, int64_t dag_key, int64_t asset_key, int64_t before_us,
                   const struct audit_row *audit, size_t *ret, struct err *e)
{
    struct consumer *known = find(g->consumers, dag_key);
    struct reading r = {.g = g, .dag_key = dag_key, .e = e};
    struct change x = {.r.turn = apply, .r.audit = audit};
    struct asset_queue_row *rows = NULL;
    size_t n = 1;
    int rc;

    *ret = 0;
    if (known == NULL) {
        return 0;
    }
    arena_init(&r.arena, MiB(512));
    rc = engine_on_store(g, do_get_queue, &r);
    rows = rc == 0 ? arena_array(&r.arena, r.shapes_len + 1, sizeof *rows) : NULL;
    if (rc == 0 && rows == NULL) {
        rc = err_set(e, ERR_NOMEM, "out of memory for asset events");
    }
    for (size_t i = 0; rc == 0 && i < r.shapes_len; i++) {
        const struct asset_queue_shape *q = &r.shapes[i];

        if ((asset_key == 0 || q->asset_key == asset_key) &&
            (before_us == TIME_NONE || q->first_us < before_us)) {
            rows[n++] = (struct asset_queue_row){.op = ASSET_QUEUE_DROP,
                                                 .dag_key = dag_key,
                                                 .partition = q->partition,
                                                 .asset_key = q->asset_key,
                                                 .aliases = q->aliases,
                                                 .aliases_len = q->aliases_len};
        }
    }
    if (rc == 0 && n > 1 && (known = find(g->consumers, dag_key)) != NULL) {
        rc = begin_drop(g, known, &x, e);
        if (rc == 0) {
            rows[0] = x.row = (struct asset_queue_row){
                .op = ASSET_QUEUE_CONSUMER, .dag_key = dag_key, .schedule = x.c->schedule};
            rows[0].schedule = arena_strdup(&r.arena, x.c->schedule);
            x.r.queue = rows;
            x.r.queue_len = n;
            rc = rows[0].schedule != NULL ? engine_ask(g, &x.r, e) : -ERR_NOMEM;
        }
        consumer_free(x.c);
        rc = rc == 0 ? read_back(g, dag_key, e) : rc;
        *ret = rc == 0 ? n - 1 : 0;
    }
    arena_fini(&r.arena);
    return rc;
}

void consumers_gone(struct engine *g, int64_t dag_key)
{
    struct consumer *c = find(g->consumers, dag_key);

    if (c != NULL) {
        c->here = false;
        asset_due_here(g->consumers->due, dag_key, false);
    }
}

void consumers_paused(struct engine *g, int64_t dag_key, bool paused)
{
    if (g->consumers != NULL) {
        asset_due_paused(g->consumers->due, dag_key, paused);
    }
}

void consumers_active(struct engine *g, int64_t dag_key, int32_t change)
{
    if (g->consumers != NULL) {
        asset_due_active(g->consumers->due, dag_key, change);
        consumers_look(g);
    }
}

/* ---- events ---- */

struct mappers *consumers_mappers(struct engine *g)
{
    const struct consumers *s = g->consumers;

    for (size_t i = 0; s != NULL && i < s->len; i++) {
        if (s->all[i]->asks) {
            return s->mappers;
        }
    }
    return NULL;
}

static bool is_concerned(const struct consumer *c, const struct asset_event_row *row)
{
    for (uint32_t i = 0; i < c->expr->leaves_len; i++) {
        if (asset_leaf_is(&c->expr->leaves[i], row->name, row->uri, row->aliases,
                          row->aliases_len)) {
            return true;
        }
    }
    return false;
}

void consumers_probe(struct engine *g, const struct asset_event_row *row)
{
    const struct consumers *s = g->consumers;
    char key[PARTITION_KEY_MAX];

    for (size_t i = 0; row->partition_key != NULL && i < s->len; i++) {
        if (s->all[i]->asks && is_concerned(s->all[i], row)) {
            (void)partition_map_key(s->all[i]->partitions, row->name, row->uri, row->partition_key,
                                    key, NULL);
        }
    }
}

struct event_call {
    struct engine *g;
    size_t index;
};

/* Said once of a DAG until the engine starts again: a producer may do it every second. */
static void warn(struct engine *g, int64_t dag_key, enum asset_due_verdict v,
                 const struct asset_event_row *row, const char *text)
{
    struct consumer *c = find(g->consumers, dag_key);

    if (c == NULL || (c->warned & 1u << v) != 0) {
        return;
    }
    c->warned |= 1u << v;
    if (v == ASSET_DUE_FULL) {
        log_warning("assets",
                    "DAG '%s': %d events or partitions wait for further assets; events of '%s' are "
                    "kept, but wait for no run",
                    c->dag_id, LIMIT_ASSET_QUEUE, row->name);
    } else if (v == ASSET_DUE_NO_KEY) {
        log_warning("assets",
                    "DAG '%s' is started by partition: an event of '%s' without a partition key "
                    "(DAG '%s', run '%s') starts nothing",
                    c->dag_id, row->name, row->dag_id != NULL ? row->dag_id : "-",
                    row->run_id != NULL ? row->run_id : "-");
    } else {
        log_warning("assets", "DAG '%s': an event of '%s' starts nothing: %s", c->dag_id, row->name,
                    text);
    }
}

static int on_verdict(void *arg, int64_t dag_key, enum asset_due_verdict v, const char *text)
{
    struct event_call *x = arg;
    struct engine *g = x->g;
    struct asset_queue_row row = {
        .op = ASSET_QUEUE_ADD, .dag_key = dag_key, .partition = "", .event = x->index};

    if (v != ASSET_DUE_QUEUED) {
        warn(g, dag_key, v, &g->extras.asset_events[x->index], text);
        return 0;
    }
    if (text[0] != '\0') {
        row.partition = arena_strdup(&g->extras.arena, text);
        if (row.partition == NULL) {
            return -ERR_NOMEM;
        }
    }
    return VEC_PUSH(g->extras.asset_queue, g->extras.asset_queue_len, g->extras.asset_queue_cap,
                    row);
}

int consumers_event(struct engine *g, size_t index)
{
    const struct asset_event_row *row = &g->extras.asset_events[index];
    struct asset_due_event ev = {row->name, row->uri, row->aliases, row->aliases_len,
                                 row->partition_key};
    struct event_call x = {g, index};

    return asset_due_event(g->consumers->due, &ev, on_verdict, &x);
}
