/*
 * Time tables of the user's own: their class is asked, in a process of Python (engine_config.ask). Within the engine, and for commands that ask by
 * themselves.
 */
#ifndef TW_ENGINE_ASKING_H
#define TW_ENGINE_ASKING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct buf;
struct dag;
struct due_run;
struct engine;
struct err;

/* Whether only Python can tell the times of this DAG. */
bool asking_needed(const struct dag *d);
/* The question, as a line of JSON: what comes after `last` (NULL: there was none). */
void asking_next(const struct dag *d, const struct due_run *last, struct buf *out);
/* The question: the data interval of a run that is made by hand. */
void asking_manual(const struct dag *d, int64_t run_after_us, struct buf *out);
/* An answer: 1 and *ret (but for its dag_key), 0: no run; -ERR_INVALID: what the class said instead, in words. */
int asking_read(const char *answer, size_t n, struct due_run *ret, struct err *e);

/* SUSPENDS. The key of the run for a key of an event, by a mapper that is a class of Python's. mapper: its object in the schedule, as JSON;
 * file: of the DAG. 0; -ERR_INVALID: what the class said instead, in words; other errors: it could not be asked. */
int asking_partition(struct engine *g, const char *dag_id, const char *file, const char *mapper,
                     const char *key, char *ret, size_t cap, struct err *e);

/* schedule.h's part of it: asks what comes next; due_answer follows. Where nobody answers it is said, and asked again after a while. */
void asking_start(struct engine *g, int64_t dag_key, const struct due_run *last);
/* SUSPENDS. The data interval of a run by hand of a known DAG. */
int asking_interval(struct engine *g, const struct dag *d, int64_t run_after_us,
                    int64_t *ret_start_us, int64_t *ret_end_us, struct err *e);

#endif
