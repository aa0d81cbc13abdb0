#include "cli/term.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/utf8.h"
#include "model/states.h"

bool term_is_tty(int fd)
{
    return isatty(fd) == 1;
}

bool term_color(void)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

    return term_is_tty(STDOUT_FILENO) && (no == NULL || no[0] == 0) &&
           (term == NULL || strcmp(term, "dumb") != 0);
}

bool term_unicode(void)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *v = getenv(names[i]);

        if (v != NULL && v[0] != 0) {
            return strcasestr(v, "utf-8") != NULL || strcasestr(v, "utf8") != NULL;
        }
    }
    return false;
}

static int window(bool rows, const char *name, int dflt)
{
    const char *env = getenv(name);
    struct winsize w;
    long n = env != NULL ? strtol(env, NULL, 10) : 0;

    for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++) {
        if (ioctl(fd, TIOCGWINSZ, &w) == 0 && (rows ? w.ws_row : w.ws_col) > 0) {
            return rows ? w.ws_row : w.ws_col;
        }
    }
    return n > 0 && n < 10000 ? (int)n : dflt;
}

int term_width(void)
{
    return window(false, "COLUMNS", 80);
}

int term_height(void)
{
    return window(true, "LINES", 24);
}

int term_styled(struct buf *b, enum term_style style, const char *text)
{
    static const char *const codes[] = {"", "1", "2", "31", "32", "33", "34", "36", "35"};

    if (style == STYLE_NONE || !term_color()) {
        return buf_str(b, text);
    }
    return buf_printf(b, "\x1b[%sm%s\x1b[0m", codes[style], text);
}

/* Airflow's colours, and the nearest of the 256 that terminals know. */
static const struct {
    uint32_t rgb;
    int ansi;
} state_colors[TASK_STATE_MAX_] = {
    [TASK_NONE] = {0xadd8e6, 152},
    [TASK_REMOVED] = {0xd3d3d3, 252},
    [TASK_SCHEDULED] = {0xd2b48c, 180},
    [TASK_QUEUED] = {0x808080, 245},
    [TASK_RUNNING] = {0x32cd32, 40},
    [TASK_SUCCESS] = {0x008000, 28},
    [TASK_RESTARTING] = {0xee82ee, 213},
    [TASK_FAILED] = {0xff0000, 196},
    [TASK_UP_FOR_RETRY] = {0xffd700, 220},
    [TASK_UP_FOR_RESCHEDULE] = {0x40e0d0, 80},
    [TASK_UPSTREAM_FAILED] = {0xffa500, 214},
    [TASK_SKIPPED] = {0xff69b4, 205},
    [TASK_DEFERRED] = {0x9370db, 98},
};

uint32_t state_color(int task_state)
{
    return task_state >= 0 && task_state < TASK_STATE_MAX_ ? state_colors[task_state].rgb
                                                           : 0x808080;
}

int term_state(struct buf *b, int task_state)
{
    const char *word = task_state_to_string(task_state);

    if (!term_color() || task_state < 0 || task_state >= TASK_STATE_MAX_) {
        return buf_str(b, word);
    }
    return buf_printf(b, "\x1b[38;5;%dm%s\x1b[0m", state_colors[task_state].ansi, word);
}

int term_run_state(struct buf *b, int run_state)
{
    static const int as_task[] = {[RUN_QUEUED] = TASK_QUEUED,
                                  [RUN_RUNNING] = TASK_RUNNING,
                                  [RUN_SUCCESS] = TASK_SUCCESS,
                                  [RUN_FAILED] = TASK_FAILED};

    if (run_state < 0 || run_state >= RUN_STATE_MAX_) {
        return buf_str(b, run_state_to_string(run_state));
    }
    return term_state(b, as_task[run_state]);
}

int term_bar(struct buf *b, int width, uint64_t done, uint64_t total)
{
    bool unicode = term_unicode(), color = term_color();
    int full;

    if (width < 1) {
        return buf_status(b);
    }
    done = done > total ? total : done;
    full = total == 0 ? 0 : (int)((double)done * width / (double)total);
    buf_str(b, color ? "\x1b[32m" : "");
    for (int i = 0; i < full; i++) {
        buf_str(b, unicode ? "━" : "#");
    }
    buf_str(b, color ? "\x1b[0;2m" : "");
    for (int i = full; i < width; i++) {
        buf_str(b, unicode && color ? "━" : unicode ? "─" : "-");
    }
    return buf_str(b, color ? "\x1b[0m" : "");
}

/* Columns of one character: 0 for what combines, 2 for East Asian wide ones and emoji. */
static int char_width(uint32_t c)
{
    static const uint32_t zero[][2] = {
        {0x300, 0x36f},   {0x483, 0x489},   {0x591, 0x5bd},   {0x610, 0x61a},   {0x64b, 0x65f},
        {0x900, 0x902},   {0x93a, 0x93a},   {0x93c, 0x93c},   {0x941, 0x948},   {0xe31, 0xe31},
        {0xe34, 0xe3a},   {0xe47, 0xe4e},   {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff}, {0x200b, 0x200f},
        {0x20d0, 0x20ff}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}, {0xfeff, 0xfeff}, {0xe0100, 0xe01ef}};
    static const uint32_t wide[][2] = {
        {0x1100, 0x115f},   {0x231a, 0x231b},   {0x23e9, 0x23ec},  {0x25fd, 0x25fe},
        {0x2614, 0x2615},   {0x2705, 0x2705},   {0x270a, 0x270b},  {0x2728, 0x2728},
        {0x274c, 0x274c},   {0x2e80, 0x303e},   {0x3041, 0x33ff},  {0x3400, 0x4dbf},
        {0x4e00, 0xa4cf},   {0xa960, 0xa97c},   {0xac00, 0xd7a3},  {0xf900, 0xfaff},
        {0xfe30, 0xfe6f},   {0xff00, 0xff60},   {0xffe0, 0xffe6},  {0x1f300, 0x1f64f},
        {0x1f680, 0x1f6ff}, {0x1f900, 0x1faff}, {0x20000, 0x3fffd}};

    if (c < 0x300) {
        return c >= 0x20 && (c < 0x7f || c >= 0xa0);
    }
    for (size_t i = 0; i < sizeof zero / sizeof *zero; i++) {
        if (c >= zero[i][0] && c <= zero[i][1]) {
            return 0;
        }
    }
    for (size_t i = 0; i < sizeof wide / sizeof *wide; i++) {
        if (c >= wide[i][0] && c <= wide[i][1]) {
            return 2;
        }
    }
    return 1;
}

/* One step through text: bytes taken, and the columns they need. */
static size_t next_piece(const char *s, size_t n, int *columns)
{
    size_t len = utf8_char_len(s, n), i = 2;
    uint32_t c;

    *columns = 0;
    if (s[0] == '\x1b' && n > 1 && s[1] == '[') {
        while (i < n && (s[i] < '@' || s[i] > '~')) {
            i++;
        }
        return i < n ? i + 1 : n;
    }
    if (len == 0) {
        *columns = 1;
        return 1;
    }
    c = (unsigned char)s[0];
    if (len > 1) {
        c &= 0xffu >> (len + 1);
        for (size_t k = 1; k < len; k++) {
            c = c << 6 | ((unsigned char)s[k] & 0x3f);
        }
    }
    *columns = char_width(c);
    return len;
}

size_t text_width(const char *s, size_t n)
{
    size_t width = 0;
    int columns;

    for (size_t i = 0; i < n; i += next_piece(s + i, n - i, &columns), width += (size_t)columns) {
    }
    return width;
}

int text_fit(struct buf *b, const char *s, size_t n, size_t width)
{
    size_t used = 0, step;
    bool escapes = false;
    int columns;

    if (text_width(s, n) <= width) {
        return buf_append(b, s, n);
    }
    for (size_t i = 0; i < n; i += step) {
        step = next_piece(s + i, n - i, &columns);
        if (columns > 0 && used + (size_t)columns + 1 > width) {
            break;
        }
        escapes = escapes || s[i] == '\x1b';
        used += (size_t)columns;
        buf_append(b, s + i, step);
    }
    if (width > 0) {
        buf_str(b, term_unicode() ? "…" : ".");
    }
    return buf_str(b, escapes ? "\x1b[0m" : "");
}
