/* Many seeds of level 2, in processes one after the other: a crash abandons the memory of a life. They add up what they came to. */
#ifndef TW_SIM_SIM2_SEEDS_H
#define TW_SIM_SIM2_SEEDS_H

#include <stdbool.h>
#include <stdint.h>

struct front;

struct seeds_totals {
    uint64_t seeds, crashes, commits, power_losses, kept, lost, compared, violations;
};
extern struct seeds_totals *seeds_totals; /* shared by all processes */

struct seeds {
    const char *program;
    uint64_t first, count;
    bool disk, find, trace;
    uint64_t every; /* each of these is simulated twice, hashes compared: 16 */
    /* True: nothing was violated. *ret_hash: of its trace. */
    bool (*one)(const struct seeds *s, uint64_t seed, uint64_t *ret_hash);
};

void seeds_init(struct seeds *s, const char *program);
/* One of --disk, --find, --trace, --seeds N, --seed FIRST: takes it, with its value. */
bool seeds_option(struct seeds *s, int argc, char **argv, int *i);
void seeds_count(const struct front *f, uint64_t crashes); /* one simulated seed */
/* The exit code; with `find` 0 if a violation was found. */
int seeds_run(const struct seeds *s);

#endif
