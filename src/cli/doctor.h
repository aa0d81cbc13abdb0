/*
 * doctor: what is wrong with an installation. Each check looks at one thing, changes nothing, and adds a line for what it found: also that
 * all is well. None of them stops the others.
 */
#ifndef TW_CLI_DOCTOR_H
#define TW_CLI_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "cli/session.h"

struct cli;
struct config;
struct store;

enum doctor_level { DOCTOR_OK, DOCTOR_WARN, DOCTOR_FAIL };

struct doctor_line {
    enum doctor_level level;
    const char *check, *text, *remedy; /* remedy "": none */
};

struct doctor {
    struct cli *cli;
    struct arena arena;
    struct session paths; /* home, and our own parts once they were found */
    bool has_parts, has_home;
    struct config *config; /* NULL: it cannot be read */
    struct store *store;   /* read-only; NULL: there is none, or it cannot be opened */
    int64_t now_us;
    int64_t engine_pid; /* who works in the home; 0: nobody */
    bool engine_is_service;
    struct doctor_line *lines;
    size_t len, cap;
};

/* remedy: what to do, or "". */
void doctor_add(struct doctor *d, enum doctor_level level, const char *check, const char *remedy,
                const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* doctor_home.c */
void doctor_home(struct doctor *d);
void doctor_disk(struct doctor *d);
void doctor_engine(struct doctor *d);
void doctor_store(struct doctor *d);
void doctor_secrets(struct doctor *d);
/* doctor_system.c */
void doctor_parts(struct doctor *d);
void doctor_python(struct doctor *d);
void doctor_modules(struct doctor *d);
void doctor_zones(struct doctor *d);
void doctor_clock(struct doctor *d);
void doctor_limits(struct doctor *d);
/* doctor_work.c */
void doctor_config(struct doctor *d);
void doctor_dags(struct doctor *d);
void doctor_pools(struct doctor *d);
void doctor_runs(struct doctor *d);

#endif
