#include "faulty_vfs.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/prng.h"

#define SECTOR    512
#define FILES_MAX 64

/* Allocation here is the simulated disk's, not the program's: it never takes part in allocation
 * faults. */

struct image {
    uint8_t *p;
    size_t len, cap;
};

struct pending { /* one unsynced change */
    bool truncate;
    size_t at, len; /* truncate: len = the new size */
    uint8_t *data;
};

struct handle;

struct disk_file {
    char *name; /* NULL: a temporary one */
    struct image now, durable;
    struct pending *pending;
    size_t pending_len, pending_cap;
    struct handle *handles;
    void *shm[64];
};

struct handle {
    sqlite3_file base;
    struct faulty_vfs *v;
    struct disk_file *file;
    struct handle *next;
    int level; /* SQLITE_LOCK_x */
    uint32_t shm_shared, shm_exclusive;
    bool shm_mapped, delete_on_close;
};

struct faulty_vfs {
    sqlite3_vfs base;
    struct prng prng;
    struct disk_file *files[FILES_MAX];
    size_t files_len;
    uint64_t count, fail_at;
    unsigned fail_ops;
    bool fail_forever, off, powersafe;
    struct faulty_odds odds;
    uint64_t cut; /* calls that change the disk until the power goes; 0: it stays */
    size_t capacity;
    int64_t slept_us;
    int last_errno;
};

static struct handle *handle_of(sqlite3_file *f)
{
    return (struct handle *)f;
}

static struct faulty_vfs *vfs_of(sqlite3_vfs *v)
{
    return (struct faulty_vfs *)v;
}

static unsigned odds_of(const struct faulty_odds *o, unsigned op)
{
    switch (op) {
    case FAULTY_OPEN:
        return o->open;
    case FAULTY_READ:
        return o->read;
    case FAULTY_WRITE:
        return o->write;
    case FAULTY_TRUNCATE:
        return o->truncate;
    case FAULTY_SYNC:
        return o->sync;
    case FAULTY_DELETE:
        return o->del;
    case FAULTY_SHM:
        return o->shm;
    default:
        return o->lock;
    }
}

static bool by_chance(struct faulty_vfs *v, unsigned one_in)
{
    return one_in != 0 && prng_below(&v->prng, one_in) == 0;
}

static bool must_fail(struct faulty_vfs *v, unsigned op)
{
    if (v->cut != 0 && (op & (FAULTY_WRITE | FAULTY_TRUNCATE | FAULTY_SYNC | FAULTY_DELETE)) != 0) {
        v->off = v->off || --v->cut == 0;
    }
    if (v->off || by_chance(v, odds_of(&v->odds, op))) {
        v->last_errno = EIO;
        return true;
    }
    if (v->fail_at == 0 || (v->fail_ops & op) == 0) {
        return false;
    }
    v->count++;
    v->last_errno = EIO;
    return v->count == v->fail_at || (v->count > v->fail_at && v->fail_forever);
}

static void resize(struct image *m, size_t len)
{
    if (len > m->cap) {
        size_t cap = len + len / 2 + 4096;

        m->p = realloc(m->p, cap);
        if (m->p == NULL) {
            abort();
        }
        m->cap = cap;
    }
    if (len > m->len) {
        memset(m->p + m->len, 0, len - m->len);
    }
    m->len = len;
}

static void change(struct image *m, const struct pending *c)
{
    if (c->truncate) {
        resize(m, c->len);
        return;
    }
    if (c->at + c->len > m->len) {
        resize(m, c->at + c->len);
    }
    if (c->len > 0) {
        memcpy(m->p + c->at, c->data, c->len);
    }
}

static void note(struct disk_file *f, struct pending c, const void *data)
{
    if (f->pending_len == f->pending_cap) {
        f->pending_cap = f->pending_cap * 2 + 16;
        f->pending = realloc(f->pending, f->pending_cap * sizeof *f->pending);
    }
    if (data != NULL && c.len > 0) {
        c.data = malloc(c.len);
        memcpy(c.data, data, c.len);
    }
    f->pending[f->pending_len++] = c;
    change(&f->now, &c);
}

static void drop_pending(struct disk_file *f)
{
    for (size_t i = 0; i < f->pending_len; i++) {
        free(f->pending[i].data);
    }
    f->pending_len = 0;
}

static void free_shm(struct disk_file *f)
{
    for (size_t i = 0; i < sizeof f->shm / sizeof f->shm[0]; i++) {
        free(f->shm[i]);
        f->shm[i] = NULL;
    }
}

static void free_file(struct disk_file *f)
{
    drop_pending(f);
    free_shm(f);
    free(f->pending);
    free(f->now.p);
    free(f->durable.p);
    free(f->name);
    free(f);
}

static void forget_file(struct faulty_vfs *v, struct disk_file *f)
{
    for (size_t i = 0; i < v->files_len; i++) {
        if (v->files[i] == f) {
            memmove(&v->files[i], &v->files[i + 1], (v->files_len - i - 1) * sizeof v->files[0]);
            v->files_len--;
            free_file(f);
            return;
        }
    }
}

static struct disk_file *find_file(struct faulty_vfs *v, const char *name)
{
    for (size_t i = 0; i < v->files_len; i++) {
        if (v->files[i]->name != NULL && strcmp(v->files[i]->name, name) == 0) {
            return v->files[i];
        }
    }
    return NULL;
}

/* ---- files ---- */

static int x_close(sqlite3_file *file)
{
    struct handle *h = handle_of(file);
    struct disk_file *f = h->file;
    struct handle **p = &f->handles;

    while (*p != h) {
        p = &(*p)->next;
    }
    *p = h->next;
    if (f->handles == NULL) {
        free_shm(f); /* as the first one to open it would */
    }
    if (f->handles == NULL && (f->name == NULL || (h->delete_on_close && !h->v->off))) {
        forget_file(h->v, f);
    }
    h->file = NULL;
    return SQLITE_OK;
}

static int x_read(sqlite3_file *file, void *to, int n, sqlite3_int64 at)
{
    struct handle *h = handle_of(file);
    const struct image *m = &h->file->now;
    size_t have = (size_t)at < m->len ? m->len - (size_t)at : 0;

    if (must_fail(h->v, FAULTY_READ)) {
        return SQLITE_IOERR_READ;
    }
    if (have >= (size_t)n) {
        memcpy(to, m->p + at, (size_t)n);
        return SQLITE_OK;
    }
    if (have > 0) {
        memcpy(to, m->p + at, have);
    }
    memset((char *)to + have, 0, (size_t)n - have);
    return SQLITE_IOERR_SHORT_READ;
}

static int x_write(sqlite3_file *file, const void *from, int n, sqlite3_int64 at)
{
    struct handle *h = handle_of(file);
    struct faulty_vfs *v = h->v;
    struct pending c = {.at = (size_t)at, .len = (size_t)n};

    if (must_fail(v, FAULTY_WRITE)) {
        if (!v->off) {
            c.len = (size_t)prng_below(&v->prng, (uint64_t)n / SECTOR + 1) * SECTOR;
            note(h->file, c, from);
        }
        return SQLITE_IOERR_WRITE;
    }
    if (c.at + c.len > h->file->now.len &&
        faulty_vfs_used(v) - h->file->now.len + c.at + c.len > v->capacity) {
        v->last_errno = ENOSPC;
        return SQLITE_FULL;
    }
    if (c.at + c.len > h->file->now.len && by_chance(v, v->odds.full)) {
        v->last_errno = ENOSPC;
        return SQLITE_FULL;
    }
    note(h->file, c, from);
    return SQLITE_OK;
}

static int x_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    struct handle *h = handle_of(file);

    if (must_fail(h->v, FAULTY_TRUNCATE)) {
        return SQLITE_IOERR_TRUNCATE;
    }
    if ((size_t)size < h->file->now.len) {
        note(h->file, (struct pending){.truncate = true, .len = (size_t)size}, NULL);
    }
    return SQLITE_OK;
}

/* Some of what is not synced becomes durable, the rest never will, though whoever reads still sees it. */
static void write_some(struct faulty_vfs *v, struct disk_file *f)
{
    for (size_t i = 0; i < f->pending_len; i++) {
        if (prng_below(&v->prng, 2) == 0) {
            change(&f->durable, &f->pending[i]);
        }
    }
    drop_pending(f);
}

static int x_sync(sqlite3_file *file, int flags)
{
    struct handle *h = handle_of(file);

    if (must_fail(h->v, FAULTY_SYNC)) {
        if (!h->v->off && h->v->odds.sync_drops) {
            write_some(h->v, h->file);
        }
        return SQLITE_IOERR_FSYNC;
    }
    for (size_t i = 0; i < h->file->pending_len; i++) {
        change(&h->file->durable, &h->file->pending[i]);
    }
    drop_pending(h->file);
    return SQLITE_OK;
}

static int x_file_size(sqlite3_file *file, sqlite3_int64 *ret)
{
    *ret = (sqlite3_int64)handle_of(file)->file->now.len;
    return SQLITE_OK;
}

static int highest_other(const struct handle *h)
{
    int level = SQLITE_LOCK_NONE;

    for (const struct handle *o = h->file->handles; o != NULL; o = o->next) {
        if (o != h && o->level > level) {
            level = o->level;
        }
    }
    return level;
}

static int x_lock(sqlite3_file *file, int level)
{
    struct handle *h = handle_of(file);
    int other = highest_other(h);

    if (level <= h->level) {
        return SQLITE_OK;
    }
    if (must_fail(h->v, FAULTY_LOCK)) {
        return SQLITE_IOERR_LOCK;
    }
    if (level == SQLITE_LOCK_SHARED ? other >= SQLITE_LOCK_PENDING
                                    : other >= SQLITE_LOCK_RESERVED) {
        return SQLITE_BUSY;
    }
    if (level == SQLITE_LOCK_EXCLUSIVE && other >= SQLITE_LOCK_SHARED) {
        h->level = SQLITE_LOCK_PENDING;
        return SQLITE_BUSY;
    }
    h->level = level;
    return SQLITE_OK;
}

static int x_unlock(sqlite3_file *file, int level)
{
    struct handle *h = handle_of(file);

    if (level < h->level) {
        h->level = level;
    }
    return SQLITE_OK;
}

static int x_check_reserved(sqlite3_file *file, int *ret)
{
    struct handle *h = handle_of(file);

    *ret = h->level >= SQLITE_LOCK_RESERVED || highest_other(h) >= SQLITE_LOCK_RESERVED;
    return SQLITE_OK;
}

static int x_file_control(sqlite3_file *file, int op, void *arg)
{
    return SQLITE_NOTFOUND;
}

static int x_sector_size(sqlite3_file *file)
{
    return SECTOR;
}

static int x_characteristics(sqlite3_file *file)
{
    /* The strictest disk: SQLite may rely on nothing, unless asked for. */
    return handle_of(file)->v->powersafe ? SQLITE_IOCAP_POWERSAFE_OVERWRITE : 0;
}

/* ---- shared memory of the write-ahead log ---- */

static int x_shm_map(sqlite3_file *file, int region, int size, int extend, void volatile **ret)
{
    struct handle *h = handle_of(file);

    if (must_fail(h->v, FAULTY_SHM)) {
        return SQLITE_IOERR_SHMMAP;
    }
    if (region < 0 || (size_t)region >= sizeof h->file->shm / sizeof h->file->shm[0]) {
        return SQLITE_NOMEM;
    }
    h->shm_mapped = true;
    if (h->file->shm[region] == NULL && extend != 0) {
        h->file->shm[region] = calloc(1, (size_t)size);
    }
    *ret = h->file->shm[region];
    return SQLITE_OK;
}

static int x_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
    struct handle *h = handle_of(file);
    uint32_t mask = ((1u << n) - 1) << offset;

    if ((flags & SQLITE_SHM_UNLOCK) != 0) {
        h->shm_shared &= ~mask;
        h->shm_exclusive &= ~mask;
        return SQLITE_OK;
    }
    if (by_chance(h->v, h->v->odds.lock)) {
        return SQLITE_BUSY; /* somebody has it for a moment */
    }
    for (const struct handle *o = h->file->handles; o != NULL; o = o->next) {
        uint32_t held =
            (flags & SQLITE_SHM_SHARED) != 0 ? o->shm_exclusive : o->shm_exclusive | o->shm_shared;

        if (o != h && (held & mask) != 0) {
            return SQLITE_BUSY;
        }
    }
    if ((flags & SQLITE_SHM_SHARED) != 0) {
        h->shm_shared |= mask;
    } else {
        h->shm_exclusive |= mask;
    }
    return SQLITE_OK;
}

static void x_shm_barrier(sqlite3_file *file)
{
}

static int x_shm_unmap(sqlite3_file *file, int delete_flag)
{
    struct handle *h = handle_of(file);
    bool mapped = false;

    h->shm_mapped = false;
    h->shm_shared = h->shm_exclusive = 0;
    for (const struct handle *o = h->file->handles; o != NULL; o = o->next) {
        mapped = mapped || o->shm_mapped;
    }
    if (!mapped) {
        free_shm(h->file);
    }
    return SQLITE_OK;
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = x_close,
    .xRead = x_read,
    .xWrite = x_write,
    .xTruncate = x_truncate,
    .xSync = x_sync,
    .xFileSize = x_file_size,
    .xLock = x_lock,
    .xUnlock = x_unlock,
    .xCheckReservedLock = x_check_reserved,
    .xFileControl = x_file_control,
    .xSectorSize = x_sector_size,
    .xDeviceCharacteristics = x_characteristics,
    .xShmMap = x_shm_map,
    .xShmLock = x_shm_lock,
    .xShmBarrier = x_shm_barrier,
    .xShmUnmap = x_shm_unmap,
};

/* ---- the disk ---- */

static int x_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *ret_flags)
{
    struct faulty_vfs *v = vfs_of(vfs);
    struct handle *h = handle_of(file);
    struct disk_file *f = name != NULL ? find_file(v, name) : NULL;

    *h = (struct handle){.v = v};
    if (must_fail(v, FAULTY_OPEN) ||
        (f == NULL && (name != NULL && (flags & SQLITE_OPEN_CREATE) == 0)) ||
        v->files_len == FILES_MAX) {
        return SQLITE_CANTOPEN;
    }
    if (f == NULL) {
        f = calloc(1, sizeof *f);
        f->name = name != NULL ? strdup(name) : NULL;
        v->files[v->files_len++] = f;
    }
    h->file = f;
    h->next = f->handles;
    f->handles = h;
    h->delete_on_close = (flags & SQLITE_OPEN_DELETEONCLOSE) != 0;
    h->base.pMethods = &methods;
    if (ret_flags != NULL) {
        *ret_flags = flags;
    }
    return SQLITE_OK;
}

static int x_delete(sqlite3_vfs *vfs, const char *name, int sync_dir)
{
    struct faulty_vfs *v = vfs_of(vfs);
    struct disk_file *f = find_file(v, name);

    if (must_fail(v, FAULTY_DELETE)) {
        return SQLITE_IOERR_DELETE;
    }
    if (f == NULL) {
        return SQLITE_IOERR_DELETE_NOENT;
    }
    if (f->handles == NULL) {
        forget_file(v, f);
    } else {
        free(f->name); /* goes with its last handle */
        f->name = NULL;
    }
    return SQLITE_OK;
}

static int x_access(sqlite3_vfs *vfs, const char *name, int flags, int *ret)
{
    struct disk_file *f = find_file(vfs_of(vfs), name);

    *ret = f != NULL && (flags != SQLITE_ACCESS_EXISTS || f->now.len > 0);
    return SQLITE_OK;
}

static int x_full_pathname(sqlite3_vfs *vfs, const char *name, int n, char *out)
{
    return snprintf(out, (size_t)n, "%s", name) < n ? SQLITE_OK : SQLITE_CANTOPEN;
}

static int x_randomness(sqlite3_vfs *vfs, int n, char *out)
{
    for (int i = 0; i < n; i++) {
        out[i] = (char)prng_next(&vfs_of(vfs)->prng);
    }
    return n;
}

static int x_sleep(sqlite3_vfs *vfs, int us)
{
    vfs_of(vfs)->slept_us += us;
    return us;
}

static int x_time64(sqlite3_vfs *vfs, sqlite3_int64 *ret)
{
    *ret = INT64_C(212000000000000) +
           vfs_of(vfs)->slept_us / 1000; /* of 2005, in Julian milliseconds */
    return SQLITE_OK;
}

static int x_time(sqlite3_vfs *vfs, double *ret)
{
    sqlite3_int64 ms;
    int rc = x_time64(vfs, &ms);

    *ret = (double)ms / 86400000.0;
    return rc;
}

static int x_last_error(sqlite3_vfs *vfs, int n, char *out)
{
    return vfs_of(vfs)->last_errno;
}

struct faulty_vfs *faulty_vfs_new(const char *name, uint64_t seed)
{
    struct faulty_vfs *v = calloc(1, sizeof *v);

    if (v == NULL) {
        return NULL;
    }
    v->base = (sqlite3_vfs){.iVersion = 2,
                            .szOsFile = sizeof(struct handle),
                            .mxPathname = 512,
                            .zName = name,
                            .xOpen = x_open,
                            .xDelete = x_delete,
                            .xAccess = x_access,
                            .xFullPathname = x_full_pathname,
                            .xRandomness = x_randomness,
                            .xSleep = x_sleep,
                            .xCurrentTime = x_time,
                            .xGetLastError = x_last_error,
                            .xCurrentTimeInt64 = x_time64};
    prng_seed(&v->prng, seed);
    v->capacity = SIZE_MAX;
    if (sqlite3_vfs_register(&v->base, 0) != SQLITE_OK) {
        free(v);
        return NULL;
    }
    return v;
}

void faulty_vfs_free(struct faulty_vfs *v)
{
    (void)sqlite3_vfs_unregister(&v->base);
    while (v->files_len > 0) {
        free_file(v->files[--v->files_len]);
    }
    free(v);
}

void faulty_vfs_fail_at(struct faulty_vfs *v, uint64_t n, unsigned ops, bool forever)
{
    v->count = 0;
    v->fail_at = n;
    v->fail_ops = ops;
    v->fail_forever = forever;
}

uint64_t faulty_vfs_count(const struct faulty_vfs *v)
{
    return v->count;
}

void faulty_vfs_capacity(struct faulty_vfs *v, size_t bytes)
{
    v->capacity = bytes;
}

size_t faulty_vfs_used(const struct faulty_vfs *v)
{
    size_t n = 0;

    for (size_t i = 0; i < v->files_len; i++) {
        n += v->files[i]->now.len;
    }
    return n;
}

bool faulty_vfs_damage(struct faulty_vfs *v, const char *path, size_t offset, size_t n)
{
    struct disk_file *f = find_file(v, path);

    if (f == NULL || offset + n > f->now.len) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        f->now.p[offset + i] ^= 0x5a;
    }
    return true;
}

void faulty_vfs_odds(struct faulty_vfs *v, const struct faulty_odds *o)
{
    v->odds = o != NULL ? *o : (struct faulty_odds){0};
}

void faulty_vfs_powersafe(struct faulty_vfs *v)
{
    v->powersafe = true;
}

void faulty_vfs_power_cut(struct faulty_vfs *v, uint64_t n)
{
    v->cut = n;
}

bool faulty_vfs_is_off(const struct faulty_vfs *v)
{
    return v->off;
}

void faulty_vfs_power_off(struct faulty_vfs *v)
{
    v->off = true;
}

/* Of one write that was not synced, what the disk kept. */
static void keep(struct faulty_vfs *v, struct disk_file *f, struct pending *c,
                 enum faulty_lost lost)
{
    uint64_t dice = prng_below(&v->prng, 4);

    if (lost == FAULTY_LOSE_NONE) {
        change(&f->durable, c);
    } else if (lost == FAULTY_LOSE_SOME && dice < 3) {
        if (dice == 0 && !c->truncate) {
            c->len = (size_t)prng_below(&v->prng, c->len / SECTOR + 1) * SECTOR;
        }
        change(&f->durable, c);
    } else if (lost == FAULTY_LOSE_SECTORS && c->truncate && dice < 2) {
        change(&f->durable, c);
    } else if (lost == FAULTY_LOSE_SECTORS && !c->truncate) {
        for (size_t at = c->at, end = c->at + c->len; at < end;) {
            size_t next = at / SECTOR * SECTOR + SECTOR, stop = next < end ? next : end;
            struct pending part = {.at = at, .len = stop - at, .data = c->data + (at - c->at)};

            if (prng_below(&v->prng, 2) == 0) {
                change(&f->durable, &part);
            }
            at = stop;
        }
    }
}

/* A disk that writes in order: all up to some write, and a part of that. */
static void keep_head(struct faulty_vfs *v, struct disk_file *f)
{
    size_t n = (size_t)prng_below(&v->prng, f->pending_len + 1);

    for (size_t k = 0; k < n; k++) {
        struct pending *c = &f->pending[k];

        if (k + 1 == n && !c->truncate) {
            c->len = (size_t)prng_below(&v->prng, c->len / SECTOR + 1) * SECTOR;
        }
        change(&f->durable, c);
    }
}

void faulty_vfs_power_on(struct faulty_vfs *v, enum faulty_lost lost)
{
    v->off = false;
    v->fail_at = v->cut = 0;
    v->odds = (struct faulty_odds){0};
    for (size_t i = v->files_len; i-- > 0;) {
        struct disk_file *f = v->files[i];

        if (lost == FAULTY_LOSE_TAIL) {
            keep_head(v, f);
        }
        for (size_t k = 0; k < f->pending_len && lost != FAULTY_LOSE_TAIL; k++) {
            keep(v, f, &f->pending[k], lost);
        }
        drop_pending(f);
        resize(&f->now, 0);
        resize(&f->now, f->durable.len);
        if (f->durable.len > 0) {
            memcpy(f->now.p, f->durable.p, f->durable.len);
        }
    }
}

const void *faulty_vfs_get(const struct faulty_vfs *v, const char *path, size_t *ret_len)
{
    for (size_t i = 0; i < v->files_len; i++) {
        if (v->files[i]->name != NULL && strcmp(v->files[i]->name, path) == 0) {
            *ret_len = v->files[i]->durable.len;
            return v->files[i]->durable.p;
        }
    }
    return NULL;
}

void faulty_vfs_put(struct faulty_vfs *v, const char *path, const void *p, size_t len)
{
    struct disk_file *f = find_file(v, path);

    if (f == NULL) {
        f = calloc(1, sizeof *f);
        f->name = strdup(path);
        v->files[v->files_len++] = f;
    }
    drop_pending(f);
    resize(&f->now, len);
    resize(&f->durable, len);
    memcpy(f->now.p, p, len);
    memcpy(f->durable.p, p, len);
}

size_t faulty_vfs_handles(const struct faulty_vfs *v)
{
    size_t n = 0;

    for (size_t i = 0; i < v->files_len; i++) {
        for (const struct handle *h = v->files[i]->handles; h != NULL; h = h->next) {
            n++;
        }
    }
    return n;
}

int64_t faulty_vfs_slept_us(const struct faulty_vfs *v)
{
    return v->slept_us;
}
