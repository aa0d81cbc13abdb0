/*
 * The store of level 2 as the engine sees it: the real driver, with commits that fail before and after they were done, and crashes in the
 * middle. Over memory, or over SQLite on a disk that fails (test/store/faulty_vfs.h), whose power goes with each life of the engine.
 *
 * Over a disk a second store, in memory, holds what was acknowledged: the model. A commit whose outcome nobody was told is kept aside; what
 * the disk says after a crash decides whether it belongs to the model. From then on both must say the same:
 *   S9  the disk's seq is that of the last acknowledged commit, or of the one of unknown outcome; it holds those commits and no others
 *   S10 the history on the disk, replayed, is what its rows say
 * Keys are given out once, whatever was lost.
 */
#ifndef TW_SIM_FRONT_H
#define TW_SIM_FRONT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/prng.h"

struct err;
struct front;
struct store;
struct store_batch;

struct front_config {
    bool disk;
    uint64_t seed;
    void *arg;
    /* A fault is due, one in n. */
    bool (*fault)(void *arg, unsigned one_in);
    /* Before each commit: the clock may jump. NULL: nothing. */
    void (*before)(void *arg);
    /* A batch is durable, told once. rc of each commit, as the engine gets it, is told too. */
    void (*durable)(void *arg, int64_t seq, const struct store_batch *b);
    void (*told)(void *arg, int64_t seq, int rc, const char *what);
    void (*violated)(void *arg, const char *text);
};

struct front *front_new(const struct front_config *c); /* ends the program when out of memory */
void front_free(struct front *f);

/* The store of a new life. Over a disk its faults count from here on (unless calm), and *ret_cut, where it is not 0, is the
 * call at which the power goes. An error: the disk failed already, nothing is open. */
int front_open(struct front *f, bool calm, uint64_t cut, struct store **ret, struct err *e);
/* From now on the disk has no faults. */
void front_calm(struct front *f);
/* The power went off within a call: the life is to be crashed. */
bool front_is_off(const struct front *f);
/* The life ended: by a crash, with the power, or in order. */
void front_close(struct front *f, bool crashed);
/* What is durable, for checks: the memory store itself, or the model. */
struct store *front_model(struct front *f);
/* Opens the disk once more, without faults, and compares everything. */
void front_check(struct front *f);

struct front_stats {
    uint64_t opens, commits, power_losses, kept, lost,
        compared; /* kept, lost: commits of unknown outcome that were there after a crash, or not */
};
void front_get_stats(const struct front *f, struct front_stats *ret);

#endif
