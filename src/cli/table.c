/* Tables: columns as wide as their widest cell; on a terminal, the wide ones give way. */
#include <stdarg.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cli/term.h"

struct table {
    const struct table_column *columns;
    size_t columns_len;
    const char **cells; /* row by row, in the arena */
    size_t len, cap;
    struct arena arena;
    bool failed;
};

struct table *table_new(const struct table_column *columns, size_t n)
{
    struct table *t = mem_zalloc(sizeof *t);

    if (t != NULL) {
        arena_init(&t->arena, MiB(512));
        t->columns = columns;
        t->columns_len = n;
    }
    return t;
}

void table_free(struct table *t)
{
    if (t != NULL) {
        arena_fini(&t->arena);
        mem_free(t->cells);
        mem_free(t);
    }
}

/* A cell is one line: control characters would break the table, so they become spaces. */
void table_cell(struct table *t, const char *text)
{
    char *copy = arena_strdup(&t->arena, text != NULL ? text : "");

    for (char *p = copy; p != NULL && *p != 0; p++) {
        if ((unsigned char)*p < 0x20 && *p != '\x1b') {
            *p = ' ';
        }
    }
    if (copy == NULL || VEC_PUSH(t->cells, t->len, t->cap, copy) != 0) {
        t->failed = true;
    }
}

void table_cellf(struct table *t, const char *fmt, ...)
{
    struct buf b BUF_CLEANUP;
    va_list ap;

    buf_init(&b, MiB(1));
    va_start(ap, fmt);
    (void)buf_vprintf(&b, fmt, ap);
    va_end(ap);
    t->failed = t->failed || buf_status(&b) != 0;
    table_cell(t, buf_cstr(&b));
}

static void state_cell(struct table *t, int (*put)(struct buf *b, int state), int state)
{
    struct buf b BUF_CLEANUP;

    buf_init(&b, KiB(1));
    t->failed = put(&b, state) != 0 || t->failed;
    table_cell(t, buf_cstr(&b));
}

void table_state(struct table *t, int task_state)
{
    state_cell(t, term_state, task_state);
}

void table_run_state(struct table *t, int run_state)
{
    state_cell(t, term_run_state, run_state);
}

size_t table_rows(const struct table *t)
{
    return t->len / t->columns_len;
}

#define GAP         2
#define WIDE_MIN    8
#define COLUMNS_MAX 32

/* Takes from the wide columns, the widest first, until the line fits or they are at their least. */
static void shrink(const struct table *t, size_t *widths, size_t total, size_t limit)
{
    while (total > limit) {
        size_t widest = SIZE_MAX;

        for (size_t c = 0; c < t->columns_len; c++) {
            if (t->columns[c].wide && widths[c] > WIDE_MIN &&
                (widest == SIZE_MAX || widths[c] > widths[widest])) {
                widest = c;
            }
        }
        if (widest == SIZE_MAX) {
            return;
        }
        widths[widest]--;
        total--;
    }
}

static void put_cell(const struct table *t, size_t c, const char *text, size_t width,
                     struct buf *out)
{
    size_t n = strlen(text), w = text_width(text, n), pad = w < width ? width - w : 0;
    bool last = c + 1 == t->columns_len;

    if (c > 0) {
        buf_str(out, "  ");
    }
    for (size_t i = 0; i < pad && t->columns[c].right; i++) {
        buf_char(out, ' ');
    }
    (void)text_fit(out, text, n, w > width ? width : w);
    for (size_t i = 0; i < pad && !t->columns[c].right && !last; i++) {
        buf_char(out, ' ');
    }
}

int table_print(const struct table *t, int width, struct buf *out)
{
    size_t widths[COLUMNS_MAX] = {0}, total = (t->columns_len - 1) * GAP;
    bool color = term_color();

    if (t->failed || t->columns_len > COLUMNS_MAX) {
        return -ERR_NOMEM;
    }
    for (size_t c = 0; c < t->columns_len; c++) {
        widths[c] = text_width(t->columns[c].title, strlen(t->columns[c].title));
        for (size_t i = c; i < t->len; i += t->columns_len) {
            size_t w = text_width(t->cells[i], strlen(t->cells[i]));

            widths[c] = w > widths[c] ? w : widths[c];
        }
        total += widths[c];
    }
    if (width > 0) {
        shrink(t, widths, total, (size_t)width);
    }
    buf_str(out, color ? "\x1b[1m" : "");
    for (size_t c = 0; c < t->columns_len; c++) {
        put_cell(t, c, t->columns[c].title, widths[c], out);
    }
    buf_str(out, color ? "\x1b[0m\n" : "\n");
    for (size_t i = 0; i + t->columns_len <= t->len; i += t->columns_len) {
        for (size_t c = 0; c < t->columns_len; c++) {
            put_cell(t, c, t->cells[i + c], widths[c], out);
        }
        buf_char(out, '\n');
    }
    return buf_status(out) != 0 ? buf_status(out) : 0;
}
