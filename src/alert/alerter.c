/* The lanes of the alerter: see alerter.h for the states and invariants. */
#include "alert/alerter.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/prng.h"
#include "base/time.h"
#include "runtime/loop.h"

#define OPEN_BYTES  MiB(64)
#define PRUNE_AFTER 500 /* rows that ended since the last time */
#define PRUNE_US    (86400 * TIME_SECOND)
#define ERROR_BYTES 300

struct lane {
    char *channel;
    struct alert_pace pace;
    bool waits;       /* there may be rows to take */
    bool under_way;   /* a message has SENDING rows */
    bool busy;        /* a coroutine has it */
    int64_t retry_us; /* of what is under way: not before */
    struct map open;  /* -> alert_open: rows that were noted and not taken */
    struct arena arena;
};

struct alerter {
    const struct alerter_host *h;
    struct alert_config *config; /* one reference */
    struct prng ids;
    struct lane **lanes;
    size_t lanes_len, lanes_cap;
    struct map by_name; /* -> lane */
    int64_t last_key;
    struct co *main;
    bool waiting;
    unsigned sending;
    uint64_t ended; /* rows, since the last pruning */
    int64_t pruned_us;
    struct arena *kept; /* of rows whose batch may not be durable: the host ended meanwhile */
    size_t kept_len, kept_cap;
};

static int64_t now(const struct alerter *x)
{
    return x->h->now(x->h->arg);
}

static void wake(struct alerter *x)
{
    if (x->waiting) {
        co_wake(x->main);
    }
}

/* ---- lanes ---- */

static void lane_empty(struct lane *l)
{
    map_fini(&l->open);
    map_init(&l->open);
    arena_init(&l->arena, OPEN_BYTES);
}

static struct lane *lane_new(struct alerter *x, const char *channel)
{
    struct lane *l = mem_zalloc(sizeof *l);

    if (l == NULL || (l->channel = mem_strdup(channel)) == NULL ||
        VEC_PUSH(x->lanes, x->lanes_len, x->lanes_cap, l) != 0) {
        if (l != NULL) {
            mem_free(l->channel);
        }
        mem_free(l);
        return NULL;
    }
    map_init(&l->open);
    arena_init(&l->arena, OPEN_BYTES);
    if (map_add(&x->by_name, l->channel, strlen(l->channel), l, NULL) != 0) {
        x->lanes_len--;
        mem_free(l->channel);
        mem_free(l);
        return NULL;
    }
    return l;
}

static struct lane *lane_get(struct alerter *x, const char *channel)
{
    struct lane *l = map_find(&x->by_name, channel, strlen(channel));

    return l != NULL || x->lanes_len >= LIMIT_ALERT_LANES ? l : lane_new(x, channel);
}

static int64_t lane_due(const struct lane *l)
{
#if defined(ALERT_CANARY) && ALERT_CANARY == 1
    return l->under_way ? l->retry_us : 0; /* without the gap: the test of the flood must find it */
#endif
    return l->under_way ? l->retry_us : l->pace.next_us;
}

/* ---- noted ---- */

static void put_key(struct buf *b, const char *s)
{
    if (s != NULL) {
        (void)buf_str(b, s);
    }
    (void)buf_char(b, '\0');
}

/* False: out of memory. */
static bool copy_text(struct arena *a, const char **text)
{
    if (*text == NULL) {
        return true;
    }
    *text = arena_strdup(a, *text);
    return *text != NULL;
}

static struct alert_open *open_new(struct alerter *x, struct lane *l, const struct alert_row *what,
                                   const struct buf *key)
{
    struct alert_open *o = arena_alloc(&l->arena, sizeof *o);
    char *name = arena_alloc(&l->arena, key->len);

    if (o == NULL || name == NULL) {
        return NULL;
    }
    o->row = *what;
    o->row.alert_key = x->last_key + 1;
    o->row.state = ALERT_PENDING;
    o->row.count = 0;
    o->row.next_us = o->row.sent_us = TIME_NONE;
    o->row.channel = l->channel;
    memcpy(name, key->p, key->len);
    if (!copy_text(&l->arena, &o->row.kind) || !copy_text(&l->arena, &o->row.dag_id) ||
        !copy_text(&l->arena, &o->row.run_id) || !copy_text(&l->arena, &o->row.task_id) ||
        !copy_text(&l->arena, &o->row.reason)) {
        return NULL;
    }
    if (map_add(&l->open, name, key->len, o, NULL) != 0) {
        return NULL;
    }
    x->last_key++;
    return o;
}

/* What is too much for its lane is one row for each kind. */
static struct alert_open *open_more(struct alerter *x, struct lane *l, const struct alert_row *what)
{
    struct alert_row more = {.kind = what->kind, .at_us = what->at_us, .map_index = -1};
    struct alert_open *o;
    struct buf key BUF_CLEANUP;

    buf_init(&key, KiB(1));
    put_key(&key, what->kind);
    if (buf_status(&key) != 0) {
        return NULL;
    }
    more.reason = "more than 10000 different things waited: of these only the number is known";
    o = map_find(&l->open, key.p, key.len);
    return o != NULL ? o : open_new(x, l, &more, &key);
}

int alerter_note(struct alerter *x, const struct alert_row *what, struct alert_open **ret)
{
    struct lane *l = lane_get(x, what->channel);
    struct alert_open *o = NULL;
    struct buf key BUF_CLEANUP;

    buf_init(&key, KiB(16));
    put_key(&key, what->kind);
    put_key(&key, what->dag_id);
    put_key(&key, what->run_id);
    put_key(&key, what->task_id);
    if (what->dag_id == NULL) {
        put_key(&key, what->reason);
    }
    if (l == NULL || buf_status(&key) != 0) {
        return x->lanes_len >= LIMIT_ALERT_LANES ? -ERR_LIMIT : -ERR_NOMEM;
    }
    o = map_find(&l->open, key.p, key.len);
    if (o == NULL && l->open.len >= LIMIT_ALERT_PENDING) {
        o = open_more(x, l, what);
    }
    o = o != NULL ? o : open_new(x, l, what, &key);
    if (o == NULL) {
        return -ERR_NOMEM;
    }
    o->row.count++;
    o->row.last_us = what->at_us;
    o->row.try_number = what->try_number;
    o->row.map_index = what->map_index;
    l->waits = true;
    *ret = o;
    return 0;
}

void alerter_told(struct alerter *x)
{
    wake(x);
}

/* ---- a message ---- */

struct turn {
    struct alerter *x;
    struct lane *l;
    struct arena arena;
    struct alert_row *rows;
    size_t len;
    int tries;
    struct err e;
};

/* below_key 0: whatever their key. */
static int turn_load(struct turn *t, unsigned states, int64_t below_key)
{
    const struct alerter_host *h = t->x->h;
    struct alert_query q = {.states = states,
                            .channel = t->l->channel,
                            .below_key = below_key,
                            .limit = LIMIT_ALERT_PENDING + ALERT_KINDS};

    return h->load(h->arg, &q, &t->arena, &t->rows, &t->len, &t->e);
}

static int turn_save(struct turn *t)
{
    const struct alerter_host *h = t->x->h;

    return h->save(h->arg, t->rows, t->len, &t->e);
}

/* The rows that wait become a message. Those that are noted from now on are for the next one, also where they are durable before these are
 * read: they are open yet, and count. */
static int take(struct turn *t)
{
    struct alerter *x = t->x;
    struct arena old = t->l->arena;
    struct uuid id = uuid_v7(now(x), &x->ids);
    int64_t below = x->last_key + 1;
    int rc;

    lane_empty(t->l);
    t->l->waits = false;
    rc = turn_load(t, 1u << ALERT_PENDING, below);
    if (rc != 0) {
        t->l->waits = true;
        if (VEC_PUSH(x->kept, x->kept_len, x->kept_cap, old) == 0) {
            return rc;
        }
        return -ERR_NOMEM; /* the old rows stay where they are: their batch may not be written */
    }
    arena_fini(&old);
    for (size_t i = 0; i < t->len; i++) {
        t->rows[i].state = ALERT_SENDING;
        t->rows[i].message = id;
        t->rows[i].tries = 0;
    }
#if defined(ALERT_CANARY) && ALERT_CANARY == 2
    return 0; /* sent before it is durable what is sent: a simulation must find it */
#endif
    return t->len > 0 ? turn_save(t) : 0;
}

static int resume(struct turn *t)
{
    int rc = turn_load(t, 1u << ALERT_SENDING, 0);
    size_t n = 0;

    for (size_t i = 0; rc == 0 && i < t->len; i++) { /* one message of them, the oldest */
        if (uuid_cmp(&t->rows[i].message, &t->rows[0].message) == 0) {
            t->rows[n++] = t->rows[i];
        }
    }
    t->l->under_way = rc == 0 ? t->len > n : t->l->under_way;
    t->len = rc == 0 ? n : 0;
    return rc;
}

static void set_ended(struct turn *t, enum alert_state state, const char *error)
{
    for (size_t i = 0; i < t->len; i++) {
        t->rows[i].state = (uint8_t)state;
        t->rows[i].sent_us = now(t->x);
        t->rows[i].next_us = TIME_NONE;
        t->rows[i].error = error;
    }
    t->x->ended += t->len;
}

static void set_again(struct turn *t, int64_t delay_us, const char *error)
{
    t->l->under_way = true;
    t->l->retry_us = now(t->x) + delay_us;
    for (size_t i = 0; i < t->len; i++) {
        t->rows[i].next_us = t->l->retry_us;
        t->rows[i].error = error;
    }
}

static const char *short_error(struct turn *t, int rc)
{
    const char *s = t->e.code != 0 ? err_str(&t->e) : err_text(rc);

    return arena_strndup(&t->arena, s, strnlen(s, ERROR_BYTES));
}

/* One try, and what follows from it, by the configuration as it is now. */
static int attempt_by(struct turn *t, const struct alert_config *config)
{
    struct alerter *x = t->x;
    struct alert_message m = {.rows = t->rows, .len = t->len, .host = x->h->name};
    struct alert_channel c = {0};
    bool final = false;
    int64_t delay = -1;
    const char *error;
    int rc;

    (void)uuid_format(&t->rows[0].message, m.id);
    t->e = (struct err){0};
    rc = alert_channel_find(config, t->l->channel, &t->arena, &c, &t->e);
    final = rc != 0;
    if (rc == 0 && t->rows[0].tries == 0) {
        alert_pace_sent(&t->l->pace, c.interval_us, now(x));
    }
    rc = rc == 0 ? x->h->send(x->h->arg, &c, &m, &final, &t->e) : rc;
    if (rc == -ERR_CANCELED || rc == -ERR_CLOSED) {
        return rc; /* we end; the next start sends it again */
    }
    for (size_t i = 0; i < t->len; i++) {
        t->rows[i].tries++;
    }
    if (rc == 0) {
        set_ended(t, ALERT_SENT, NULL);
        return 0;
    }
    error = short_error(t, rc);
    delay = final ? -1 : alert_retry_delay(&c, t->rows[0].tries);
    if (delay >= 0) {
        set_again(t, delay, error);
        log_info("alerts", "a message to %s could not be sent (try %u), it is tried again: %s",
                 t->l->channel, t->rows[0].tries, error != NULL ? error : "");
        return 0;
    }
    set_ended(t, ALERT_FAILED, error);
    log_warning("alerts", "a message of %zu alert%s to %s could not be sent: %s", t->len,
                t->len == 1 ? "" : "s", t->l->channel, error != NULL ? error : "");
    return 0;
}

static int attempt(struct turn *t)
{
    struct alert_config *c = alert_config_ref(t->x->config);
    int rc = attempt_by(t, c);

    alert_config_free(c);
    return rc;
}

static void prune(struct turn *t)
{
    struct alerter *x = t->x;
    const struct alerter_host *h = x->h;

    if (x->ended < PRUNE_AFTER && now(x) - x->pruned_us < PRUNE_US) {
        return;
    }
    x->ended = 0;
    x->pruned_us = now(x);
    if (h->prune(h->arg, now(x) - x->config->retention_us, LIMIT_ALERT_ROWS, &t->e) != 0) {
        log_warning("alerts", "old alerts are not deleted: %s", err_str(&t->e));
    }
}

static int turn_main(void *arg)
{
    struct turn *t = arg;
    struct alerter *x = t->x;
    int rc = 0;

    arena_init(&t->arena, MiB(64));
    if (t->l->under_way) {
        rc = resume(t);
    }
    if (rc == 0 && t->len == 0 && !t->l->under_way) {
        rc = take(t);
    }
    if (rc == 0 && t->len > 0) {
        rc = attempt(t);
        rc = rc == 0 ? turn_save(t) : rc;
        prune(t);
    }
    if (rc != 0 && rc != -ERR_CANCELED && rc != -ERR_CLOSED) {
        log_warning("alerts", "%s: %s", t->l->channel,
                    t->e.code != 0 ? err_str(&t->e) : err_text(rc));
        t->l->under_way = true; /* of whatever became SENDING */
        t->l->retry_us = now(x) + 5 * TIME_SECOND;
    }
    t->l->busy = false;
    x->sending--;
    arena_fini(&t->arena);
    mem_free(t);
    wake(x);
    return 0;
}

static bool begin(struct alerter *x, struct lane *l)
{
    struct turn *t = mem_zalloc(sizeof *t);

    if (t == NULL) {
        return false;
    }
    t->x = x;
    t->l = l;
    l->busy = true;
    x->sending++;
    if (co_spawn(x->h->group, "alert", turn_main, t, NULL, NULL) != 0) {
        l->busy = false;
        x->sending--;
        mem_free(t);
        return false;
    }
    return true;
}

/* ---- the loop ---- */

/* Begins what is due; when the next is, or TIME_NONE. */
static int64_t begin_due(struct alerter *x)
{
    int64_t next = TIME_NONE, at = now(x);

    for (size_t i = 0; i < x->lanes_len; i++) {
        struct lane *l = x->lanes[i];
        int64_t due = lane_due(l);

        if (l->busy || (!l->waits && !l->under_way)) {
            continue;
        }
        if (due <= at && x->sending < LIMIT_ALERT_SENDING && begin(x, l)) {
            continue;
        }
        due = due <= at ? at + TIME_SECOND : due;
        next = next == TIME_NONE || due < next ? due : next;
    }
    return next;
}

static int alerter_main(void *arg)
{
    struct alerter *x = arg;
    int rc = 0;

    while (rc == 0) {
        int64_t next = begin_due(x), us = next != TIME_NONE ? next - now(x) : 0;
        struct co_deadline d;

        if (next != TIME_NONE && us <= 0) {
            continue;
        }
        x->waiting = true;
        if (next != TIME_NONE) {
            co_deadline_begin(&d, us);
        }
        rc = co_suspend();
        if (next != TIME_NONE) {
            co_deadline_end(&d);
        }
        x->waiting = false;
        rc = rc == -ERR_TIMEOUT && next != TIME_NONE ? 0 : rc;
    }
    return 0;
}

/* ---- birth and death ---- */

int alerter_new(const struct alerter_host *h, struct alert_config *c, uint64_t seed,
                struct alerter **ret, struct err *e)
{
    struct alerter *x = mem_zalloc(sizeof *x);

    if (x == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for alerts");
    }
    x->h = h;
    x->config = alert_config_ref(c);
    prng_seed(&x->ids, seed);
    map_init(&x->by_name);
    *ret = x;
    return 0;
}

void alerter_free(struct alerter *x)
{
    if (x == NULL) {
        return;
    }
    for (size_t i = 0; i < x->lanes_len; i++) {
        map_fini(&x->lanes[i]->open);
        arena_fini(&x->lanes[i]->arena);
        mem_free(x->lanes[i]->channel);
        mem_free(x->lanes[i]);
    }
    for (size_t i = 0; i < x->kept_len; i++) {
        arena_fini(&x->kept[i]);
    }
    alert_config_free(x->config);
    mem_free(x->kept);
    mem_free(x->lanes);
    map_fini(&x->by_name);
    mem_free(x);
}

void alerter_set_config(struct alerter *x, struct alert_config *c)
{
    struct alert_config *old = x->config;

    x->config = alert_config_ref(c);
    alert_config_free(old);
    wake(x);
}

static int64_t interval_of(const struct alerter *x, const char *channel, struct arena *a)
{
    struct alert_channel c;

    return alert_channel_find(x->config, channel, a, &c, NULL) == 0 ? c.interval_us : 0;
}

/* Rows that wait make their lanes; the gaps of messages that were just sent are kept. */
static int restore(struct alerter *x, const struct alert_row *rows, size_t n, struct arena *a)
{
    for (size_t i = 0; i < n; i++) {
        bool ended = rows[i].state == ALERT_SENT || rows[i].state == ALERT_FAILED;
        struct lane *l = map_find(&x->by_name, rows[i].channel, strlen(rows[i].channel));
        int64_t at = rows[i].sent_us;

        if (l == NULL && ended && at < now(x) - ALERT_GAP_MAX_US) {
            continue;
        }
        l = l == NULL ? lane_get(x, rows[i].channel) : l;
        if (l == NULL) {
            return -ERR_NOMEM;
        }
        l->waits = l->waits || rows[i].state == ALERT_PENDING;
        l->under_way = l->under_way || rows[i].state == ALERT_SENDING;
        if (ended && at != TIME_NONE && at <= now(x) && l->pace.gap_us == 0) {
            alert_pace_sent(&l->pace, interval_of(x, l->channel, a), at);
        }
    }
    return 0;
}

int alerter_start(struct alerter *x, struct err *e)
{
    const struct alerter_host *h = x->h;
    struct alert_query waits = {.states = 1u << ALERT_PENDING | 1u << ALERT_SENDING};
    struct alert_query newest = {.newest_first = true, .limit = 1000};
    struct alert_row *rows;
    struct arena a;
    size_t n;
    int rc;

    arena_init(&a, MiB(256));
    rc = h->load(h->arg, &waits, &a, &rows, &n, e);
    rc = rc == 0 ? restore(x, rows, n, &a) : rc;
    rc = rc == 0 ? h->load(h->arg, &newest, &a, &rows, &n, e) : rc;
    rc = rc == 0 ? restore(x, rows, n, &a) : rc;
    x->last_key = rc == 0 && n > 0 ? rows[0].alert_key : 0;
    x->pruned_us = now(x);
    arena_fini(&a);
    rc = rc == 0 ? co_spawn(h->group, "alerts", alerter_main, x, &x->main, e) : rc;
    return rc == -ERR_NOMEM && e != NULL && e->code == 0
               ? err_set(e, ERR_NOMEM, "out of memory for alerts")
               : rc;
}
