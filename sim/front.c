#include "front.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "faulty_vfs.h"
#include "front_compare.h"
#include "keep.h"
#include "store/store.h"

#define VFS_NAME   "front"
#define FILE_NAME  "store.db"
#define KEYS_KINDS 8

struct front {
    struct store_ops ops; /* of the real store, but for what is done here: the first member */
    const struct store_ops *real_ops;
    struct front_config c;
    struct prng prng;
    struct store *real, *model;
    struct faulty_vfs *disk;
    bool powersafe;
    int64_t real_epoch, model_epoch, seq; /* seq: acknowledged */
    struct arena kept_arena;
    struct store_batch kept; /* of unknown outcome, seq + 1 */
    bool has_kept;
    char pool[64]; /* that was to be changed, and nobody was told whether it was; "" none */
    struct {
        const char *kind;
        int64_t above; /* all keys below it were given out, perhaps to nobody */
    } keys[KEYS_KINDS];
    struct front_stats stats;
};

static struct front *front_of(struct store *s)
{
    return (struct front *)(void *)s->ops; /* front_open put it there */
}

static void violated(struct front *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void violated(struct front *f, const char *fmt, ...)
{
    char text[1024];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    f->c.violated(f->c.arg, text);
}

/* ---- the model ---- */

static void forget_kept(struct front *f)
{
    if (f->has_kept) {
        arena_fini(&f->kept_arena);
        f->has_kept = false;
    }
}

/* b is durable under seq: the model has it from now on. */
static void make_durable(struct front *f, int64_t seq, const struct store_batch *b)
{
    struct err e = {0};

    if (seq != f->seq + 1) {
        violated(f, "S9: commit %lld was taken after %lld", (long long)seq, (long long)f->seq);
        return;
    }
    if (f->model != NULL && f->model->ops->commit(f->model, 0, f->model_epoch, seq, b, &e) != 0) {
        violated(f, "S9: the disk took commit %lld, the model does not: %s", (long long)seq,
                 err_str(&e));
    }
    f->seq = seq;
    f->stats.commits++;
    f->c.durable(f->c.arg, seq, b);
    forget_kept(f);
}

/* A new life has read the disk's seq: was the commit of unknown outcome kept? */
static void settle(struct front *f, int64_t disk_seq)
{
    if (disk_seq == f->seq + 1 && f->has_kept) {
        struct arena a = f->kept_arena;
        struct store_batch b = f->kept;

        f->has_kept = false;
        make_durable(f, disk_seq, &b);
        arena_fini(&a);
        f->stats.kept++;
    } else if (disk_seq == f->seq) {
        f->stats.lost += f->has_kept;
        forget_kept(f);
    } else {
        violated(f, "S9: %lld commits were acknowledged, the disk has %lld", (long long)f->seq,
                 (long long)disk_seq);
    }
}

/* ---- what the engine calls ---- */

static int front_acquire(struct store *s, int shard, const char *owner, int64_t *epoch,
                         int64_t *seq, struct err *e)
{
    struct front *f = front_of(s);
    int64_t model_seq;
    int rc = f->real_ops->acquire(s, shard, owner, epoch, seq, e);

    if (rc != 0) {
        return rc;
    }
    if (*epoch <= f->real_epoch) {
        violated(f, "S9: epoch %lld was given out again", (long long)*epoch);
    }
    f->real_epoch = *epoch;
    if (f->model != NULL) {
        (void)f->model->ops->acquire(f->model, shard, owner, &f->model_epoch, &model_seq, NULL);
    }
    settle(f, *seq);
    return 0;
}

static int front_reserve(struct store *s, const char *kind, int64_t n, int64_t *first,
                         struct err *e)
{
    struct front *f = front_of(s);
    size_t i = 0;
    int rc = f->real_ops->reserve_keys(s, kind, n, first, e);

    while (i < KEYS_KINDS && f->keys[i].kind != NULL && strcmp(f->keys[i].kind, kind) != 0) {
        i++;
    }
    if (rc != 0 || i == KEYS_KINDS) {
        return rc;
    }
    f->keys[i].kind = kind;
    if (*first < f->keys[i].above) {
        violated(f, "S9: key %lld of a %s is given out again", (long long)*first, kind);
    }
    f->keys[i].above = *first + n;
    return 0;
}

static void keep_unknown(struct front *f, int64_t seq, const struct store_batch *b)
{
    if (seq == f->seq + 1) {
        forget_kept(f);
        arena_init(&f->kept_arena, MiB(512));
        keep_batch(&f->kept_arena, b, &f->kept);
        f->has_kept = true;
    }
}

static int front_commit(struct store *s, int shard, int64_t epoch, int64_t seq,
                        const struct store_batch *b, struct err *e)
{
    struct front *f = front_of(s);
    int rc;

    if (f->c.before != NULL) {
        f->c.before(f->c.arg);
    }
    if (f->c.fault(f->c.arg, 12)) {
        f->c.told(f->c.arg, seq, 0, "error before");
        return err_set(e, prng_below(&f->prng, 2) == 0 ? ERR_FULL : ERR_BUSY,
                       "simulated error before the commit");
    }
    rc = f->real_ops->commit(s, shard, epoch, seq, b, e);
    f->c.told(f->c.arg, seq, rc, "done");
    if (rc == 0 && seq != f->seq) {
        make_durable(f, seq, b);
    } else if (rc != 0 && f->disk != NULL) {
        keep_unknown(f, seq, b);
    }
    if (rc == 0 && f->c.fault(f->c.arg, 12)) {
        f->c.told(f->c.arg, seq, 0, "error after");
        return err_set(e, ERR_IO, "simulated error after the commit");
    }
    return rc;
}

/* A pool is set: whoever is told an error sets it again, so that the model follows at last. */
static int front_put_pool(struct store *s, const struct pool_row *row, bool remove, struct err *e)
{
    struct front *f = front_of(s);
    int rc = f->real_ops->put_pool(s, row, remove, e);

    if (rc == 0 && f->model != NULL) {
        (void)f->model->ops->put_pool(f->model, row, remove, NULL);
    }
    return rc;
}

static int front_change_settings(struct store *s, const struct settings_change *c, struct err *e)
{
    struct front *f = front_of(s);
    int rc;

    if (f->c.fault(f->c.arg, 12)) {
        return err_set(e, ERR_BUSY, "simulated error before the change");
    }
    rc = f->real_ops->change_settings(s, c, e);
    if (rc == 0 && f->model != NULL) {
        (void)f->model->ops->change_settings(f->model, c, NULL);
        f->pool[0] = '\0';
    } else if (rc != 0 && f->model != NULL && c->pool != NULL) {
        (void)snprintf(f->pool, sizeof f->pool, "%s", c->pool->name);
    }
    if (rc == 0 && f->c.fault(f->c.arg, 12)) {
        return err_set(e, ERR_IO, "simulated error after the change");
    }
    return rc;
}

/* A new life reads the pools: the one whose change nobody was told of is as the disk has it. */
static void settle_pool(struct front *f, struct store *s)
{
    struct pool_row *rows;
    struct arena a;
    size_t n = 0;

    if (f->pool[0] == '\0') {
        return;
    }
    arena_init(&a, MiB(1));
    if (s->ops->get_pools(s, &a, &rows, &n, NULL) == 0) {
        for (size_t i = 0; i < n; i++) {
            if (strcmp(rows[i].name, f->pool) == 0) {
                (void)f->model->ops->put_pool(f->model, &rows[i], false, NULL);
            }
        }
        f->pool[0] = '\0';
    }
    arena_fini(&a);
}

/* ---- birth, lives, death ---- */

/* The bytes of an empty, migrated store: made once, so that not every seed begins with all migrations. */
static void begin_disk(struct front *f)
{
    static void *bytes;
    static size_t len;

    if (bytes == NULL) {
        struct store *s = NULL;
        struct err e = {0};
        const void *p;

        if (store_sqlite_open_vfs(FILE_NAME, VFS_NAME, 0, &s, &e) != 0) {
            violated(f, "an empty store cannot be made: %s", err_str(&e));
            return;
        }
        store_close(s);
        p = faulty_vfs_get(f->disk, FILE_NAME, &len);
        bytes = malloc(len);
        if (bytes == NULL) {
            abort();
        }
        memcpy(bytes, p, len);
    } else {
        faulty_vfs_put(f->disk, FILE_NAME, bytes, len);
    }
}

struct front *front_new(const struct front_config *c)
{
    struct front *f = mem_zalloc(sizeof *f);

    if (f == NULL) {
        abort();
    }
    f->c = *c;
    prng_seed(&f->prng, c->seed ^ 0x66726f6e74);
    if (!c->disk) {
        if (store_mem_open(&f->real, NULL) != 0) {
            abort();
        }
        f->real_ops = f->real->ops;
        return f;
    }
    f->disk = faulty_vfs_new(VFS_NAME, prng_next(&f->prng));
    if (f->disk == NULL || store_mem_open(&f->model, NULL) != 0) {
        abort();
    }
    f->powersafe = prng_below(&f->prng, 2) == 0;
    if (f->powersafe) {
        faulty_vfs_powersafe(f->disk);
    }
    begin_disk(f);
    return f;
}

void front_free(struct front *f)
{
    forget_kept(f);
    if (f->real != NULL) {
        f->real->ops = f->real_ops;
        store_close(f->real);
    }
    store_close(f->model);
    if (f->disk != NULL) {
        faulty_vfs_free(f->disk);
    }
    mem_free(f);
}

/* Which faults this life has: each kind in some lives only, so that each is also seen alone. */
static void draw_odds(struct front *f, struct faulty_odds *o)
{
    struct prng *p = &f->prng;
    bool stormy = prng_below(p, 6) == 0;

    *o = (struct faulty_odds){0};
#define DRAW(kind, rare) (prng_below(p, 4) == 0 ? (unsigned)(stormy ? (rare) / 8 : (rare)) : 0)
    o->read = DRAW(read, 400);
    o->write = DRAW(write, 120);
    o->sync = DRAW(sync, 24);
    o->truncate = DRAW(truncate, 8);
    o->del = DRAW(del, 8);
    o->shm = DRAW(shm, 200);
    o->lock = DRAW(lock, 60);
    o->full = DRAW(full, 60);
    o->open = prng_below(p, 16) == 0 ? 4 : 0;
#undef DRAW
    o->sync_drops = f->powersafe && prng_below(p, 2) == 0;
}

static void patch(struct front *f)
{
    f->real_ops = f->real->ops;
    f->ops = *f->real_ops;
    f->ops.acquire = front_acquire;
    f->ops.reserve_keys = front_reserve;
    f->ops.commit = front_commit;
    f->ops.put_pool = front_put_pool;
    f->ops.change_settings = front_change_settings;
    f->real->ops = &f->ops;
}

int front_open(struct front *f, bool calm, uint64_t cut, struct store **ret, struct err *e)
{
    struct faulty_odds odds;
    int rc = 0;

    f->stats.opens++;
    if (f->disk != NULL) {
        draw_odds(f, &odds);
        faulty_vfs_odds(f->disk, calm ? NULL : &odds);
        faulty_vfs_power_cut(f->disk, cut);
        /* A sync that fails for good: the disk is gone until somebody repairs it. */
        if (!calm && prng_below(&f->prng, 20) == 0) {
            faulty_vfs_fail_at(f->disk, 1 + prng_below(&f->prng, 60), FAULTY_SYNC, true);
        } else {
            faulty_vfs_fail_at(f->disk, 0, 0, false);
        }
        rc = store_sqlite_open_vfs(FILE_NAME, VFS_NAME, 0, &f->real, e);
    }
    if (rc != 0) {
        f->real = NULL;
        return rc;
    }
    patch(f);
    *ret = f->real;
    return 0;
}

void front_calm(struct front *f)
{
    if (f->disk != NULL) {
        faulty_vfs_odds(f->disk, NULL);
        faulty_vfs_fail_at(f->disk, 0, 0, false);
        faulty_vfs_power_cut(f->disk, 0);
    }
}

bool front_is_off(const struct front *f)
{
    return f->disk != NULL && faulty_vfs_is_off(f->disk);
}

static enum faulty_lost draw_lost(struct front *f)
{
    static const enum faulty_lost all[] = {FAULTY_LOSE_ALL,     FAULTY_LOSE_SOME,
                                           FAULTY_LOSE_NONE,    FAULTY_LOSE_SECTORS,
                                           FAULTY_LOSE_SECTORS, FAULTY_LOSE_TAIL};

    return all[prng_below(&f->prng, sizeof all / sizeof all[0])];
}

void front_close(struct front *f, bool crashed)
{
    if (f->real != NULL) {
        f->real->ops = f->real_ops;
    }
    if (f->disk == NULL) {
        return; /* memory outlives the engine */
    }
    if (crashed) {
        faulty_vfs_power_off(f->disk);
    }
    store_close(f->real);
    f->real = NULL;
    crashed = faulty_vfs_is_off(f->disk); /* it may go off while it is closed */
    if (faulty_vfs_handles(f->disk) != 0) {
        violated(f, "S12: %zu files are still open", faulty_vfs_handles(f->disk));
    }
    /* The program alone may die: then what it wrote is all there. */
    if (crashed) {
        enum faulty_lost lost = draw_lost(f);

        faulty_vfs_power_on(f->disk, lost);
        f->stats.power_losses += lost != FAULTY_LOSE_NONE;
    }
    front_calm(f);
}

struct store *front_model(struct front *f)
{
    return f->model != NULL ? f->model : f->real;
}

void front_check(struct front *f)
{
    struct store *s = NULL;
    char text[900];
    struct err e = {0};
    int64_t epoch, seq;

    if (f->disk == NULL) {
        if (!front_replays(f->real, text, sizeof text)) {
            violated(f, "S10: %s", text);
        }
        return;
    }
    front_calm(f);
    if (store_sqlite_open_vfs(FILE_NAME, VFS_NAME, 0, &s, &e) != 0) {
        violated(f, "S9: the store does not open after a crash: %s", err_str(&e));
        return;
    }
    if (s->ops->acquire(s, 0, "check", &epoch, &seq, &e) != 0) {
        violated(f, "S9: the store cannot be written after a crash: %s", err_str(&e));
    } else {
        f->real_epoch = epoch;
        settle(f, seq);
        settle_pool(f, s);
    }
    f->stats.compared++;
    if (s->ops->check(s, &e) != 0) {
        violated(f, "S9: the store is damaged after a crash: %s", err_str(&e));
    } else if (!front_same(s, f->model, text, sizeof text)) {
        violated(f, "S9: the disk is not what was acknowledged: %s", text);
    } else if (!front_replays(s, text, sizeof text)) {
        violated(f, "S10: %s", text);
    }
    store_close(s);
}

void front_get_stats(const struct front *f, struct front_stats *ret)
{
    *ret = f->stats;
}
