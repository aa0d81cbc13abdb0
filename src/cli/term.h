/*
 * The terminal: colours, widths, tables, and a region that is redrawn in place. Colours only on a
 * terminal, never with NO_COLOR or TERM=dumb in the environment.
 */
#ifndef TW_CLI_TERM_H
#define TW_CLI_TERM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

bool term_is_tty(int fd);
bool term_color(void);   /* standard output shows colours */
bool term_unicode(void); /* the locale of the environment is UTF-8 */
int term_width(void);    /* columns of the terminal; $COLUMNS; else 80 */
int term_height(void);

enum term_style {
    STYLE_NONE,
    STYLE_BOLD,
    STYLE_DIM,
    STYLE_RED,
    STYLE_GREEN,
    STYLE_YELLOW,
    STYLE_BLUE,
    STYLE_CYAN,
    STYLE_MAGENTA
};
int term_styled(struct buf *b, enum term_style style,
                const char *text); /* plain where there are no colours */
/* The word of a state, in Airflow's colour for it (airflow's palette, nearest of 256). Returns the
 * buf's status. */
int term_state(struct buf *b, int task_state);
int term_run_state(struct buf *b, int run_state);
/* The RGB colour of a task state, 0xrrggbb: for pictures. */
uint32_t state_color(int task_state);
/* A bar of `width` columns, done of total. */
int term_bar(struct buf *b, int width, uint64_t done, uint64_t total);

/* Columns that UTF-8 text takes; escapes (ESC [ ... letter) take none. Bytes that are not UTF-8
 * take one each. */
size_t text_width(const char *s, size_t n);
/* Appends at most `width` columns of s: what is cut ends in an ellipsis. Escapes are kept, and
 * colours ended. */
int text_fit(struct buf *b, const char *s, size_t n, size_t width);

/* ---- tables ---- */

struct table_column {
    const char *title;
    bool right; /* numbers */
    bool wide;  /* gives way first where the terminal is too narrow; others are never cut */
};
struct table;
struct table *table_new(const struct table_column *columns,
                        size_t n); /* NULL when out of memory; columns are borrowed */
void table_free(struct table *t);
/* The next cell, row by row; text is copied. Escapes are allowed. Failure sticks until table_print.
 */
void table_cell(struct table *t, const char *text); /* NULL is an empty cell */
void table_cellf(struct table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void table_state(struct table *t, int task_state);
void table_run_state(struct table *t, int run_state);
size_t table_rows(const struct table *t);
/* Aligned; cut to `width` columns (0: not at all, as for a pipe). 0 or -ERR_NOMEM. */
int table_print(const struct table *t, int width, struct buf *out);

/* ---- a live region ---- */

/*
 * Lines at the bottom of the terminal that are redrawn in place: only those that changed are
 * written, in one write. The cursor is hidden meanwhile, and shown again by live_free, at exit, and
 * when a signal ends the program.
 */
struct live;
struct live *live_new(int fd);  /* NULL when out of memory */
void live_free(struct live *l); /* leaves the last lines standing; NULL is allowed */
void live_draw(struct live *l,
               const char *text); /* lines, each ended by \n; "" removes the region */
void live_print(struct live *l, const char *text); /* lines that stay, above the region */

#endif
