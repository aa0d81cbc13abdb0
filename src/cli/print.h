/* How rows look: the same words, columns and JSON members wherever a run or a task instance is shown. */
#ifndef TW_CLI_PRINT_H
#define TW_CLI_PRINT_H

#include <stdint.h>

#include "model/rows.h"

struct buf;
struct found;
struct json_writer;
struct table;

/* For people: "2026-01-31 12:00:05" in UTC; "" when not set. buf: TIME_TEXT_MAX. */
const char *print_time(int64_t t_us, char *buf);
/* How long it took, "" before the start; while it runs: nothing is guessed. */
const char *print_span(int64_t start_us, int64_t end_us, char *buf);
/* The members of a run or an instance, inside an open object. */
void print_run_members(struct json_writer *w, const struct run_row *r, const char *dag_id);
void print_ti_members(struct json_writer *w, const struct ti_row *r, const char *task_id);
/* "note", null without one, and who wrote it when. */
struct note_row;
void print_note_members(struct json_writer *w, const struct note_row *note);
/* The table of a run's instances. */
void print_tis(struct found *f, struct buf *out);
/* The links to other systems that an instance has, a line each: "Link NAME: ADDRESS". */
void print_links(struct found *f, uint32_t task, int map_index, struct buf *out);
/* To the terminal's width, or whole in a pipe; frees the table. */
void print_table(struct table *t, struct buf *out);

#endif
