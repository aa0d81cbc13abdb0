/*
 * sim1: the scheduler alone, from seeds.
 *
 *     sim1 [--seed N] [--seeds K] [--steps N] [--trace] [--twice] [--find]
 *
 * Runs K seeds from N on; a failure prints its seed and ends with 1. --twice runs each seed again
 * and compares the trace's hash.
 * --find is for a program that is broken on purpose: it ends with 0 only when one of the seeds
 * fails.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"

struct arguments {
    uint64_t seed, seeds, steps;
    bool trace, twice, find;
};

static int usage(void)
{
    fprintf(stderr,
            "usage: sim1 [--seed N] [--seeds K] [--steps N] [--trace] [--twice] [--find]\n");
    return 64;
}

static bool number(int argc, char **argv, int *k, const char *name, uint64_t *ret)
{
    char *end;

    if (strcmp(argv[*k], name) != 0 || *k + 1 >= argc) {
        return false;
    }
    *ret = strtoull(argv[++*k], &end, 10);
    return *end == '\0';
}

static int parse(int argc, char **argv, struct arguments *a)
{
    for (int k = 1; k < argc; k++) {
        if (number(argc, argv, &k, "--seed", &a->seed) ||
            number(argc, argv, &k, "--seeds", &a->seeds) ||
            number(argc, argv, &k, "--steps", &a->steps)) {
            continue;
        }
        if (strcmp(argv[k], "--trace") == 0) {
            a->trace = true;
        } else if (strcmp(argv[k], "--twice") == 0) {
            a->twice = true;
        } else if (strcmp(argv[k], "--find") == 0) {
            a->find = true;
        } else {
            return -1;
        }
    }
    return 0;
}

static int failed(const struct arguments *a, const char *text)
{
    if (a->find) {
        printf("found: %s\n", text);
        return 0;
    }
    fprintf(stderr, "%s\n", text);
    return 1;
}

int main(int argc, char **argv)
{
    struct arguments a = {.seed = 1, .seeds = 1, .steps = 1500};
    uint64_t steps = 0, starts = 0, crashes = 0, deaths = 0, commits = 0, rebuilt = 0, mapped = 0;
    struct sim_result r, again;

    if (parse(argc, argv, &a) < 0) {
        return usage();
    }
    for (uint64_t k = 0; k < a.seeds; k++) {
        struct sim_options o = {.seed = a.seed + k, .steps = a.steps, .trace = a.trace};

        sim_run(&o, &r);
        if (r.failed) {
            return failed(&a, r.text);
        }
        if (a.twice) {
            sim_run(&o, &again);
            if (again.hash != r.hash || again.steps != r.steps) {
                snprintf(r.text, sizeof r.text, "S11: seed %" PRIu64 " does not repeat", o.seed);
                return failed(&a, r.text);
            }
        }
        steps += r.steps;
        starts += r.starts;
        crashes += r.crashes;
        deaths += r.deaths;
        commits += r.commits;
        rebuilt += r.rebuilt;
        mapped += r.mapped;
    }
    printf("%" PRIu64 " seeds: %" PRIu64 " steps, %" PRIu64 " commits, %" PRIu64
           " processes, %" PRIu64 " scheduler crashes, %" PRIu64 " worker deaths, %" PRIu64
           " rows of mapped instances, %" PRIu64 " rebuilt schedulers; last hash %016" PRIx64 "\n",
           a.seeds, steps, commits, starts, crashes, deaths, mapped, rebuilt, r.hash);
    return a.find ? 1 : 0;
}
