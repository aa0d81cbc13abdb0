/*
 * A simulated disk under SQLite: a VFS whose files lie in memory, with a virtual clock, seeded
 * randomness, and faults. The same seed and the same calls give the same results, so a simulation
 * can repeat. One thread at a time.
 *
 * Power: faulty_vfs_power_off makes every later call fail and change nothing, so that the handles
 * of a "crashed" program can be closed without doing anything; faulty_vfs_power_on brings the disk
 * back with what was synced, and of what was not synced as much as asked for. Making, deleting and
 * renaming of files is durable at once (as on a file system with ordered metadata).
 */
#ifndef TW_TEST_STORE_FAULTY_VFS_H
#define TW_TEST_STORE_FAULTY_VFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum faulty_op {
    FAULTY_OPEN = 1,
    FAULTY_READ = 2,
    FAULTY_WRITE = 4,
    FAULTY_TRUNCATE = 8,
    FAULTY_SYNC = 16,
    FAULTY_DELETE = 32,
    FAULTY_SHM = 64,
    FAULTY_LOCK = 128,
    FAULTY_ANY = 255,
};

enum faulty_lost { /* of unsynced writes, when power comes back */
                   FAULTY_LOSE_ALL,
                   FAULTY_LOSE_SOME, /* each write: kept, torn at a sector, or lost; by the seed */
                   FAULTY_LOSE_NONE,
                   FAULTY_LOSE_SECTORS, /* each sector of each write for itself: any subset, in any order between two syncs */
                   FAULTY_LOSE_TAIL, /* from some write on; that one is torn: a disk that keeps the order */
};

struct faulty_vfs;

/* Registers a VFS of this name (borrowed). NULL when out of memory. */
struct faulty_vfs *faulty_vfs_new(const char *name, uint64_t seed);
void faulty_vfs_free(struct faulty_vfs *v); /* all handles are closed */

/* The nth call (1 = the next) of the kinds in `ops` fails, and all later ones if forever. n = 0
 * ends it. A write that fails may leave a part of itself. */
void faulty_vfs_fail_at(struct faulty_vfs *v, uint64_t n, unsigned ops, bool forever);
uint64_t faulty_vfs_count(const struct faulty_vfs *v); /* such calls since fail_at */
/* Bytes of all files together over which writes fail as on a full disk; SIZE_MAX: no limit. */
void faulty_vfs_capacity(struct faulty_vfs *v, size_t bytes);
size_t faulty_vfs_used(const struct faulty_vfs *v);
/* Overwrites bytes of a file behind everybody's back: a damaged disk. False if there is no such
 * place. */
bool faulty_vfs_damage(struct faulty_vfs *v, const char *path, size_t offset, size_t n);
/* Faults by chance, beside fail_at: a call of the kind fails once in so many calls; 0: never. NULL ends them. */
struct faulty_odds {
    unsigned open, read, write, truncate, sync, del, shm, lock;
    unsigned full; /* a write that makes a file longer finds the disk full */
    bool
        sync_drops; /* a sync that fails has written some of it and forgets the rest: a later one that succeeds does not write
                         it either, as a kernel does that marks its pages clean. Else a later one writes it. */
};
void faulty_vfs_odds(struct faulty_vfs *v, const struct faulty_odds *o);
/*
 * The disk says that a write which is cut off harms nothing beside it (POWERSAFE_OVERWRITE), as SQLite's own VFS for Unix always does: the
 * log is then not padded to sectors. Only so does SQLite survive sync_drops: the second half of a padding frame is written after the
 * sync of its commit, and the next sync, which would have written it, forgets it.
 */
void faulty_vfs_powersafe(struct faulty_vfs *v);
/* The power goes off at the nth call from now that changes the disk (1 = the next); 0 takes that back. */
void faulty_vfs_power_cut(struct faulty_vfs *v, uint64_t n);
bool faulty_vfs_is_off(const struct faulty_vfs *v);
void faulty_vfs_power_off(struct faulty_vfs *v);
/* The durable bytes of a file (borrowed until the next call), or NULL; and a file made of such. */
const void *faulty_vfs_get(const struct faulty_vfs *v, const char *path, size_t *ret_len);
void faulty_vfs_put(struct faulty_vfs *v, const char *path, const void *p, size_t len);
size_t faulty_vfs_handles(const struct faulty_vfs *v); /* that are open */
void faulty_vfs_power_on(struct faulty_vfs *v, enum faulty_lost lost);
int64_t faulty_vfs_slept_us(const struct faulty_vfs *v); /* by busy waits: the virtual clock */

#endif
