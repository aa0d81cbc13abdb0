/*
 * SVG: ranks from left to right, tasks as boxes with the colour of their state at the left, task
 * groups as frames, edges as curves. Colours follow the reader's light or dark setting by CSS;
 * nothing outside of the file is needed.
 */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "cli/graph.h"
#include "cli/term.h"
#include "model/dag.h"
#include "model/layout.h"

#define BOX_HEIGHT  40
#define BOX_GAP     18
#define EDGE_GAP    14
#define GROUP_GAP   44
#define GROUP_PAD   14
#define GROUP_TITLE 18
#define MARGIN      24
#define TITLE       40
#define CHAR_WIDTH  8 /* of the 13 px font, rounded up */
#define BOX_MIN     72
#define LABEL_MAX   40 /* columns; the rest is in the tooltip */

struct frame { /* of a task group */
    int32_t x1, y1, x2, y2;
    uint32_t depth, height; /* groups around it; groups nested in it */
};

struct svg {
    const struct dag *d;
    const struct graph_options *o;
    struct layout *l;
    struct buf *out;
    struct arena arena;
    int32_t *width;  /* by task */
    int32_t *x;      /* by rank: its left edge */
    int32_t *column; /* by rank: its widest box */
    struct frame *frames;
    int32_t right, top;
};

static void xml(const char *s, struct buf *out)
{
    for (; *s != 0; s++) {
        switch (*s) {
        case '&':
            buf_str(out, "&amp;");
            break;
        case '<':
            buf_str(out, "&lt;");
            break;
        case '>':
            buf_str(out, "&gt;");
            break;
        case '"':
            buf_str(out, "&quot;");
            break;
        default: /* XML has no other control characters */
            buf_char(out, (unsigned char)*s < 0x20 && *s != '\n' && *s != '\t' ? ' ' : *s);
        }
    }
}

static int32_t task_y(const struct svg *s, uint32_t t)
{
    return s->top + s->l->pos[t];
}

static int32_t task_x(const struct svg *s, uint32_t t)
{
    return s->x[s->l->rank[t]];
}

/* Deeper groups first get their tasks' extent, then each gives its own to the one around it. */
/* NOLINTNEXTLINE(readability-function-cognitive-complexity): one pass over groups and their members, told in order */
static void measure_frames(struct svg *s)
{
    const struct dag *d = s->d;
    uint32_t deepest = 0;

    for (uint32_t g = 0; g < d->groups_len; g++) {
        uint32_t depth = 0;

        for (uint32_t p = d->groups[g].parent; p != UINT32_MAX && depth < d->groups_len;
             p = d->groups[p].parent) {
            depth++;
        }
        s->frames[g] = (struct frame){INT32_MAX, INT32_MAX, INT32_MIN, INT32_MIN, depth, 0};
        deepest = depth > deepest ? depth : deepest;
    }
    for (uint32_t t = 0; t < d->tasks_len; t++) {
        if (d->tasks[t].group != UINT32_MAX) {
            struct frame *f = &s->frames[d->tasks[t].group];
            int32_t x = task_x(s, t), y = task_y(s, t);

            f->x1 = x < f->x1 ? x : f->x1;
            f->x2 = x + s->width[t] > f->x2 ? x + s->width[t] : f->x2;
            f->y1 = y - BOX_HEIGHT / 2 < f->y1 ? y - BOX_HEIGHT / 2 : f->y1;
            f->y2 = y + BOX_HEIGHT / 2 > f->y2 ? y + BOX_HEIGHT / 2 : f->y2;
        }
    }
    for (uint32_t depth = deepest + 1; depth-- > 0;) {
        for (uint32_t g = 0; g < d->groups_len; g++) {
            struct frame *f = &s->frames[g], *outer;

            if (f->depth != depth || f->x1 > f->x2) {
                continue;
            }
            f->x1 -= GROUP_PAD;
            f->x2 += GROUP_PAD;
            f->y1 -= GROUP_TITLE;
            f->y2 += GROUP_PAD / 2;
            if (d->groups[g].parent != UINT32_MAX) {
                outer = &s->frames[d->groups[g].parent];
                outer->x1 = f->x1 < outer->x1 ? f->x1 : outer->x1;
                outer->x2 = f->x2 > outer->x2 ? f->x2 : outer->x2;
                outer->y1 = f->y1 < outer->y1 ? f->y1 : outer->y1;
                outer->y2 = f->y2 > outer->y2 ? f->y2 : outer->y2;
            }
        }
    }
}

static void put_style(struct svg *s)
{
    buf_str(s->out, "<style>\n"
                    "svg{--bg:#fff;--fg:#1c2330;--dim:#6b7484;--line:#8a93a3;--box:#f6f7f9;--edge:#"
                    "c3c9d3;--frame:#2563eb12;"
                    "--border:#2563eb66;color-scheme:light dark}\n"
                    "@media "
                    "(prefers-color-scheme:dark){svg{--bg:#14171d;--fg:#e6e9ef;--dim:#98a1b0;--"
                    "line:#717b8c;--box:#20252e;"
                    "--edge:#3d4553;--frame:#60a5fa14;--border:#60a5fa66}}\n"
                    "text{font:13px system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu "
                    "Sans',sans-serif;fill:var(--fg)}\n"
                    ".bg{fill:var(--bg)}.h{font-size:16px;font-weight:600}.s{font-size:10.5px;fill:"
                    "var(--dim)}\n"
                    ".b{fill:var(--box);stroke:var(--edge)}.e{fill:none;stroke:var(--line);stroke-"
                    "width:1.3}.a{fill:var(--line)}\n"
                    ".g{fill:var(--frame);stroke:var(--border);stroke-dasharray:4 "
                    "3}.gt{font-size:11px;fill:var(--dim)}\n"
                    "</style>\n"
                    "<defs><marker id=\"a\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" "
                    "markerWidth=\"8\" markerHeight=\"8\" orient=\"auto\">"
                    "<path class=\"a\" d=\"M0 1 7 4 0 7z\"/></marker></defs>\n");
}

static void put_frames(struct svg *s)
{
    for (uint32_t depth = 0; depth <= s->d->groups_len; depth++) {
        bool any = false;

        for (uint32_t g = 0; g < s->d->groups_len; g++) {
            const struct frame *f = &s->frames[g];

            any = any || f->depth == depth;
            if (f->depth != depth || f->x1 > f->x2) {
                continue;
            }
            buf_printf(s->out,
                       "<rect class=\"g\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" "
                       "rx=\"9\"/><text class=\"gt\" x=\"%d\" y=\"%d\">",
                       f->x1, f->y1, f->x2 - f->x1, f->y2 - f->y1, f->x1 + 8, f->y1 + 13);
            xml(s->d->groups[g].group_id, s->out);
            buf_str(s->out, "</text>\n");
        }
        if (!any) {
            return;
        }
    }
}

/* From (x1, y1) to (x2, y2): level at both ends. */
static void curve(struct svg *s, int32_t x1, int32_t y1, int32_t x2, int32_t y2)
{
    int32_t mid = (x1 + x2) / 2;

    if (y1 == y2) {
        buf_printf(s->out, "H%d", x2);
    } else {
        buf_printf(s->out, "C%d %d %d %d %d %d", mid, y1, mid, y2, x2, y2);
    }
}

static void put_edges(struct svg *s)
{
    const struct layout *l = s->l;

    for (uint32_t t = 0; t < s->d->tasks_len; t++) {
        for (uint32_t k = s->d->down_off[t]; k < s->d->down_off[t + 1]; k++) {
            uint32_t to = s->d->down[k], r = l->rank[t];
            int32_t x = task_x(s, t) + s->width[t], y = task_y(s, t);

            buf_printf(s->out, "<path class=\"e\" marker-end=\"url(#a)\" d=\"M%d %d", x, y);
            if (s->width[t] < s->column[r]) { /* level to the end of the column, so that no curve
                                                 meets a wider box */
                x = s->x[r] + s->column[r];
                buf_printf(s->out, "H%d", x);
            }
            for (uint32_t w = l->way_off[k]; w < l->way_off[k + 1]; w++) {
                int32_t at = s->top + l->way[w];

                r++;
                curve(s, x, y, s->x[r], at);
                x = s->x[r] + s->column[r];
                y = at;
                buf_printf(s->out, "H%d", x);
            }
            curve(s, x, y, task_x(s, to) - 1, task_y(s, to));
            buf_str(s->out, "\"/>\n");
        }
    }
}

static void put_task(struct svg *s, uint32_t t)
{
    const struct task *task = &s->d->tasks[t];
    int32_t x = task_x(s, t), y = task_y(s, t) - BOX_HEIGHT / 2;
    struct buf label BUF_CLEANUP;

    buf_init(&label, KiB(4));
    (void)text_fit(&label, task->display_name, strlen(task->display_name), LABEL_MAX);
    buf_str(s->out, "<g><title>");
    xml(task->task_id, s->out);
    buf_str(s->out, " (");
    xml(task->operator_name, s->out);
    if (s->o->states != NULL) {
        buf_printf(s->out, ", %s", task_state_to_string(s->o->states[t]));
    }
    buf_printf(s->out,
               ")</title><rect class=\"b\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"7\"/>",
               x, y, s->width[t], BOX_HEIGHT);
    if (s->o->states != NULL) {
        buf_printf(s->out,
                   "<rect x=\"%d\" y=\"%d\" width=\"5\" height=\"%d\" rx=\"2.5\" fill=\"#%06x\"/>",
                   x + 5, y + 6, BOX_HEIGHT - 12, state_color(s->o->states[t]));
    }
    buf_printf(s->out, "<text x=\"%d\" y=\"%d\">", x + 16, y + 17);
    xml(buf_cstr(&label), s->out);
    buf_printf(s->out, "</text><text class=\"s\" x=\"%d\" y=\"%d\">", x + 16, y + 32);
    xml(task->operator_name, s->out);
    if (s->o->states != NULL) {
        buf_printf(s->out, " · %s", task_state_to_string(s->o->states[t]));
    }
    buf_str(s->out, "</text></g>\n");
}

/* Boxes as wide as their text, columns as their widest box; columns further apart where many edges
 * go between. */
static void measure(struct svg *s)
{
    const struct layout *l = s->l;
    int32_t x = MARGIN + (s->d->groups_len > 0 ? GROUP_PAD : 0);

    for (uint32_t t = 0; t < s->d->tasks_len; t++) {
        int32_t *column = &s->column[l->rank[t]];

        *column = s->width[t] > *column ? s->width[t] : *column;
    }
    for (uint32_t r = 0; r < l->ranks_len; r++) {
        s->x[r] = x;
        s->right = x + s->column[r];
        x += s->column[r] + 56 + (s->d->groups_len > 0 ? 2 * GROUP_PAD : 0);
    }
    s->right += MARGIN + (s->d->groups_len > 0 ? GROUP_PAD : 0);
    s->top = TITLE + (s->d->groups_len > 0 ? GROUP_TITLE * 2 : 12);
}

static int32_t box_width(const struct task *task, bool states)
{
    size_t a = text_width(task->display_name, strlen(task->display_name));
    size_t b = (strlen(task->operator_name) + (states ? 18 : 0)) * 6 / CHAR_WIDTH;

    a = a > LABEL_MAX ? LABEL_MAX : a;
    a = (a > b ? a : b) * CHAR_WIDTH + 30;
    return a < BOX_MIN ? BOX_MIN : (int32_t)a;
}

static int draw(struct svg *s, struct err *e)
{
    struct layout_options lo = {.gap = BOX_GAP, .edge_gap = EDGE_GAP, .group_gap = GROUP_GAP};
    int32_t *extent = arena_array(&s->arena, (size_t)s->d->tasks_len + 1, sizeof *extent), bottom,
            least;
    int rc;

    s->width = arena_array(&s->arena, (size_t)s->d->tasks_len + 1, sizeof *s->width);
    s->frames = arena_array(&s->arena, (size_t)s->d->groups_len + 1, sizeof *s->frames);
    if (extent == NULL || s->width == NULL || s->frames == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory");
    }
    for (uint32_t t = 0; t < s->d->tasks_len; t++) {
        extent[t] = BOX_HEIGHT;
        s->width[t] = box_width(&s->d->tasks[t], s->o->states != NULL);
    }
    lo.extent = extent;
    rc = layout_build(s->d, &lo, &s->l, e);
    if (rc != 0) {
        return rc;
    }
    s->x = arena_array(&s->arena, (size_t)s->l->ranks_len + 1, sizeof *s->x);
    s->column = arena_array(&s->arena, (size_t)s->l->ranks_len + 1, sizeof *s->column);
    if (s->x == NULL || s->column == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory");
    }
    measure(s);
    measure_frames(s);
    bottom = s->top + s->l->breadth;
    least = s->top;
    for (uint32_t g = 0; g < s->d->groups_len; g++) {
        bottom = s->frames[g].y2 > bottom ? s->frames[g].y2 : bottom;
        least = s->frames[g].y1 < least ? s->frames[g].y1 : least;
    }
    if (least < TITLE + 4) { /* frames nested deep reach above: all moves down */
        s->top += TITLE + 4 - least;
        bottom += TITLE + 4 - least;
        measure_frames(s);
    }
    least = (int32_t)text_width(s->d->display_name, strlen(s->d->display_name)) * 10 + 2 * MARGIN;
    s->right = s->right < least ? least : s->right;
    buf_printf(s->out,
               "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 "
               "%d %d\" role=\"img\">\n<title>",
               s->right, bottom + MARGIN, s->right, bottom + MARGIN);
    xml(s->d->display_name, s->out);
    buf_str(s->out, "</title>\n");
    put_style(s);
    buf_printf(
        s->out,
        "<rect class=\"bg\" width=\"100%%\" height=\"100%%\"/><text class=\"h\" x=\"%d\" y=\"28\">",
        MARGIN);
    xml(s->d->display_name, s->out);
    buf_str(s->out, "</text>\n");
    put_frames(s);
    put_edges(s);
    for (uint32_t t = 0; t < s->d->tasks_len; t++) {
        put_task(s, t);
    }
    buf_str(s->out, "</svg>\n");
    return buf_status(s->out) == 0
               ? 0
               : err_set(e, (enum err_code) - buf_status(s->out), "the picture is too large");
}

int graph_svg(const struct dag *d, const struct graph_options *o, struct buf *out, struct err *e)
{
    struct svg s = {.d = d, .o = o, .out = out};
    int rc;

    arena_init(&s.arena, MiB(512));
    rc = draw(&s, e);
    layout_free(s.l);
    arena_fini(&s.arena);
    return rc;
}
