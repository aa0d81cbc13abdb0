#include "sim2_seeds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "front.h"

#define SEEDS_EACH 500 /* in one process */

struct seeds_totals *seeds_totals;

void seeds_init(struct seeds *s, const char *program)
{
    *s = (struct seeds){.program = program, .first = 1, .every = 16};
    log_setup(2, LOG_LEVEL_OFF, 0, NULL);
    seeds_totals =
        mmap(NULL, sizeof *seeds_totals, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (seeds_totals == MAP_FAILED) {
        abort();
    }
}

bool seeds_option(struct seeds *s, int argc, char **argv, int *i)
{
    const char *o = argv[*i];

    if (strcmp(o, "--disk") == 0) {
        s->disk = true;
    } else if (strcmp(o, "--find") == 0) {
        s->find = true;
    } else if (strcmp(o, "--trace") == 0) {
        s->trace = true;
    } else if (strcmp(o, "--seeds") == 0 && *i + 1 < argc) {
        s->count = strtoull(argv[++*i], NULL, 10);
    } else if (strcmp(o, "--seed") == 0 && *i + 1 < argc) {
        s->first = strtoull(argv[++*i], NULL, 10);
        s->count = s->count != 0 ? s->count : 1;
    } else {
        return false;
    }
    return true;
}

void seeds_count(const struct front *f, uint64_t crashes)
{
    struct front_stats stats;

    front_get_stats(f, &stats);
    seeds_totals->crashes += crashes;
    seeds_totals->commits += stats.commits;
    seeds_totals->power_losses += stats.power_losses;
    seeds_totals->kept += stats.kept;
    seeds_totals->lost += stats.lost;
    seeds_totals->compared += stats.compared;
}

static bool one_seed(const struct seeds *s, uint64_t seed)
{
    uint64_t h1, h2;

    seeds_totals->seeds++;
    if (!s->one(s, seed, &h1)) {
        (void)printf("%s: seed %llu: violation\n", s->program, (unsigned long long)seed);
        return false;
    }
    if (seed % s->every == 0 && (!s->one(s, seed, &h2) || h1 != h2)) {
        (void)printf("%s: seed %llu does not repeat\n", s->program, (unsigned long long)seed);
        return false;
    }
    return true;
}

/* In a process of their own. The first violation is enough where one is looked for; else all seeds are tried. */
static bool some_seeds(const struct seeds *s, uint64_t first, uint64_t count)
{
    int status = 0;
    pid_t child;

    (void)fflush(NULL);
    child = fork();
    if (child == 0) {
        bool ok = true;

        for (uint64_t seed = first; seed < first + count && (ok || !s->find); seed++) {
            if (!one_seed(s, seed)) {
                ok = false;
                seeds_totals->violations++;
            }
        }
        (void)fflush(NULL);
        _exit(ok ? 0 : 1);
    }
    if (child <= 0 || waitpid(child, &status, 0) != child) {
        return false;
    }
    if (!WIFEXITED(status)) {
        (void)printf("%s: the %llu. seed from %llu on: the simulated program died\n", s->program,
                     (unsigned long long)seeds_totals->seeds, (unsigned long long)s->first);
        seeds_totals->violations++;
    }
    return status == 0;
}

static void report(const struct seeds *s, bool ok)
{
    const struct seeds_totals *t = seeds_totals;

    (void)printf("%s: %llu seeds, %llu crashes, %llu commits", s->program,
                 (unsigned long long)t->seeds, (unsigned long long)t->crashes,
                 (unsigned long long)t->commits);
    if (t->power_losses > 0) {
        (void)printf(", %llu with unsynced writes lost, %llu commits of unknown outcome kept and "
                     "%llu lost, %llu disks compared",
                     (unsigned long long)t->power_losses, (unsigned long long)t->kept,
                     (unsigned long long)t->lost, (unsigned long long)t->compared);
    }
    if (ok) {
        (void)printf(": %s\n", s->find ? "NOT FOUND" : "no violation");
    } else if (s->find) {
        (void)printf(": found\n");
    } else {
        (void)printf(": %llu VIOLATIONS\n", (unsigned long long)t->violations);
    }
}

int seeds_run(const struct seeds *s)
{
    bool ok = true;

    for (uint64_t done = 0; done < s->count && (ok || !s->find); done += SEEDS_EACH) {
        uint64_t n = s->count - done < SEEDS_EACH ? s->count - done : SEEDS_EACH;

        ok = some_seeds(s, s->first + done, n) && ok;
    }
    report(s, ok);
    return s->find ? ok : !ok;
}
