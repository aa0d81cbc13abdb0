/*
 * The live region. The cursor rests at the start of the line below it. A redraw goes up, rewrites
 * the lines that changed, and comes back down, all in one write between the marks of a synchronized
 * update, which terminals that know them show as one picture.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cli/term.h"

#define ROWS_MAX 200

struct live {
    int fd, width;
    struct buf text, out;        /* the region as last drawn; what is being written */
    size_t starts[ROWS_MAX + 1]; /* of its lines in text */
    size_t rows;
    struct sigaction old[4];
};

/* A handler can reach nothing but a global: the descriptor whose cursor is hidden, or -1. */
static volatile sig_atomic_t hidden_fd = -1;
static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
static const char show_cursor[] = "\x1b[?25h";

static void show_at_exit(void)
{
    int fd = hidden_fd;

    if (fd >= 0) {
        hidden_fd = -1;
        (void)!write(fd, show_cursor, sizeof show_cursor - 1);
    }
}

static void on_signal(int number)
{
    show_at_exit();
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

static void write_all(struct live *l)
{
    const char *p = buf_cstr(&l->out);
    size_t n = l->out.len;

    while (n > 0) {
        ssize_t w = write(l->fd, p, n);

        if (w <= 0) {
            break; /* a picture is not worth an error */
        }
        p += w;
        n -= (size_t)w;
    }
    buf_clear(&l->out);
}

struct live *live_new(int fd)
{
    struct live *l = mem_zalloc(sizeof *l);

    if (l == NULL) {
        return NULL;
    }
    l->fd = fd;
    l->width = term_width();
    buf_init(&l->text, MiB(1));
    buf_init(&l->out, MiB(4));
    if (hidden_fd < 0) {
        (void)atexit(show_at_exit);
    }
    hidden_fd = fd;
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        struct sigaction act = {.sa_handler = on_signal};

        (void)sigaction(signals[i], NULL, &l->old[i]);
        if (l->old[i].sa_handler ==
            SIG_DFL) { /* who handles it already restores the cursor by live_free */
            (void)sigaction(signals[i], &act, NULL);
        }
    }
    buf_str(&l->out, "\x1b[?25l");
    write_all(l);
    return l;
}

void live_free(struct live *l)
{
    if (l == NULL) {
        return;
    }
    buf_str(&l->out, show_cursor);
    write_all(l);
    hidden_fd = -1;
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        struct sigaction now;

        if (sigaction(signals[i], NULL, &now) == 0 && now.sa_handler == on_signal) {
            (void)sigaction(signals[i], &l->old[i], NULL);
        }
    }
    buf_fini(&l->text);
    buf_fini(&l->out);
    mem_free(l);
}

static const char *row(const struct live *l, size_t i, size_t *n)
{
    *n = l->starts[i + 1] - l->starts[i];
    return buf_cstr(&l->text) + l->starts[i];
}

/* The lines of text, cut to the terminal, into *b; their starts. The terminal's height bounds them.
 */
static size_t layout(const char *text, int width, struct buf *b, size_t *starts)
{
    size_t rows = 0, max = (size_t)term_height();

    max = max < 3 ? 1 : max - 2;
    max = max > ROWS_MAX ? ROWS_MAX : max;
    starts[0] = 0;
    while (*text != 0 && rows < max) {
        size_t n = strcspn(text, "\n");

        (void)text_fit(b, text, n, width > 1 ? (size_t)width - 1 : 1);
        starts[++rows] = b->len;
        text += n + (text[n] == '\n');
    }
    return rows;
}

void live_draw(struct live *l, const char *text)
{
    struct buf next;
    size_t starts[ROWS_MAX + 1], rows, n, m;
    int width = term_width();
    bool all = width != l->width;

    buf_init(&next, MiB(1));
    rows = layout(text, width, &next, starts);
    if (buf_status(&next) != 0) {
        buf_fini(&next);
        return;
    }
    buf_str(&l->out, "\x1b[?2026h\r");
    if (l->rows > 0) {
        buf_printf(&l->out, "\x1b[%zuA", l->rows);
    }
    if (all) {
        buf_str(&l->out, "\x1b[J");
    }
    for (size_t i = 0; i < rows; i++) {
        const char *old = i < l->rows ? row(l, i, &n) : NULL;

        m = starts[i + 1] - starts[i];
        if (all || old == NULL || n != m || memcmp(old, buf_cstr(&next) + starts[i], m) != 0) {
            buf_append(&l->out, buf_cstr(&next) + starts[i], m);
            buf_str(&l->out, "\x1b[K");
        }
        buf_str(&l->out, "\r\n");
    }
    if (rows < l->rows) {
        buf_str(&l->out, "\x1b[J");
    }
    buf_str(&l->out, "\x1b[?2026l");
    write_all(l);
    buf_fini(&l->text);
    l->text = next;
    memcpy(l->starts, starts, sizeof starts);
    l->rows = rows;
    l->width = width;
}

void live_print(struct live *l, const char *text)
{
    size_t n;

    buf_str(&l->out, "\x1b[?2026h\r");
    if (l->rows > 0) {
        buf_printf(&l->out, "\x1b[%zuA", l->rows);
    }
    buf_str(&l->out, "\x1b[J");
    buf_str(&l->out, text);
    if (text[0] != 0 && text[strlen(text) - 1] != '\n') {
        buf_char(&l->out, '\n');
    }
    for (size_t i = 0; i < l->rows; i++) {
        const char *line = row(l, i, &n);

        buf_append(&l->out, line, n);
        buf_str(&l->out, "\x1b[K\r\n");
    }
    buf_str(&l->out, "\x1b[?2026l");
    write_all(l);
}
