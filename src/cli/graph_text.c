/*
 * The DAG for the terminal: ranks from left to right, each task on a line of its own, edges in
 * channels between the ranks.
 *
 * A channel holds nets: a net is a set of tasks on its left that all lead to the same set on its
 * right, drawn with one upright line. Nets whose upright lines would touch get lanes side by side;
 * where one net ends on the line on which another begins, its lane must be the one further right.
 * When that cannot be (a cycle), or the picture is wider or higher than sensible, the tasks are
 * listed by rank instead, which is always readable.
 */
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "cli/graph.h"
#include "cli/term.h"
#include "model/dag.h"
#include "model/layout.h"

#define ROWS_MAX  120
#define TASKS_MAX 400
#define LANES_MAX 24

enum { LEFT = 1, RIGHT = 2, UP = 4, DOWN = 8, ARROW = 16, HOP = 32, JOIN = 64 };

struct net {
    uint64_t left[ROWS_MAX / 64 + 1], right[ROWS_MAX / 64 + 1]; /* rows */
    int32_t top, bottom;
    int lane; /* -1: straight, no upright line */
    bool placed;
};

struct text {
    const struct dag *d;
    const struct graph_options *o;
    struct layout *l;
    struct arena arena;
    struct buf *out;
    int32_t rows, columns;
    int32_t *x, *width; /* by rank: the column of its tasks */
    int *lanes;         /* by rank: lanes in the channel behind it */
    uint8_t *cells;     /* rows * columns */
    uint32_t *at;       /* rows * ranks: task + 1 there, 0 none */
    struct net *nets;   /* of the channel at hand */
    uint32_t nets_len;
};

static bool has(const uint64_t *set, int32_t row)
{
    return (set[row / 64] >> (row % 64) & 1) != 0;
}

static void put(uint64_t *set, int32_t row)
{
    set[row / 64] |= UINT64_C(1) << (row % 64);
}

/* The nets of the channel behind rank r: first one for each left row, then those with the same
 * right side are joined. */
static void add_segment(struct text *g, int32_t from, int32_t to)
{
    struct net *n = NULL;

    for (uint32_t i = 0; i < g->nets_len; i++) {
        if (has(g->nets[i].left, from)) {
            n = &g->nets[i];
        }
    }
    if (n == NULL) {
        n = &g->nets[g->nets_len++];
        *n = (struct net){.lane = 0};
        put(n->left, from);
    }
    put(n->right, to);
}

static void gather_nets(struct text *g, uint32_t r)
{
    const struct layout *l = g->l;
    const struct dag *d = g->d;

    g->nets_len = 0;
    for (uint32_t t = 0; t < d->tasks_len; t++) {
        for (uint32_t k = d->down_off[t]; k < d->down_off[t + 1]; k++) {
            uint32_t a = l->rank[t], b = l->rank[d->down[k]], w = l->way_off[k];

            if (a <= r && r < b) {
                int32_t from = r == a ? l->pos[t] : l->way[w + r - a - 1];
                int32_t to = r + 1 == b ? l->pos[d->down[k]] : l->way[w + r - a];

                add_segment(g, from, to);
            }
        }
    }
    for (uint32_t i = 0; i < g->nets_len; i++) {
        for (uint32_t k = i + 1; k < g->nets_len;) {
            if (memcmp(g->nets[i].right, g->nets[k].right, sizeof g->nets[i].right) == 0) {
                for (size_t w = 0; w < sizeof g->nets[i].left / sizeof g->nets[i].left[0]; w++) {
                    g->nets[i].left[w] |= g->nets[k].left[w];
                }
                g->nets[k] = g->nets[--g->nets_len];
            } else {
                k++;
            }
        }
    }
}

/* Net a must have its lane left of net b's: a begins on a line on which b ends. */
static bool must_precede(const struct net *a, const struct net *b)
{
    for (size_t w = 0; w < sizeof a->left / sizeof a->left[0]; w++) {
        if ((a->left[w] & b->right[w]) != 0) {
            return true;
        }
    }
    return false;
}

/* Gives every net its lane, the first that is free of the nets it would touch and right of those
 * before it. -1 if it cannot be. */
static int assign_lanes(struct text *g)
{
    int lanes = 0;

    for (uint32_t i = 0; i < g->nets_len; i++) {
        struct net *n = &g->nets[i];

        n->top = ROWS_MAX;
        n->bottom = -1;
        for (int32_t row = 0; row < g->rows; row++) {
            if (has(n->left, row) || has(n->right, row)) {
                n->top = row < n->top ? row : n->top;
                n->bottom = row;
            }
        }
        n->placed = n->top == n->bottom;
        n->lane = n->placed ? -1 : 0;
    }
    for (uint32_t left = g->nets_len; left > 0; left--) {
        struct net *next = NULL;
        uint32_t waiting = 0;

        for (uint32_t i = 0; i < g->nets_len; i++) {
            struct net *n = &g->nets[i];
            bool ready = !n->placed;

            waiting += !n->placed;
            for (uint32_t k = 0; ready && k < g->nets_len; k++) {
                ready = k == i || g->nets[k].placed || !must_precede(&g->nets[k], n);
            }
            if (ready && (next == NULL || n->top < next->top)) {
                next = n;
            }
        }
        if (next == NULL) {
            return waiting == 0 ? lanes : -1;
        }
        for (uint32_t k = 0; k < g->nets_len; k++) {
            const struct net *other = &g->nets[k];
            bool touch = other->placed && other->lane >= 0 && other->top <= next->bottom &&
                         next->top <= other->bottom;

            if (touch && other->lane >= next->lane) {
                next->lane = other->lane + 1;
            }
        }
        next->placed = true;
        lanes = next->lane + 1 > lanes ? next->lane + 1 : lanes;
    }
    return lanes;
}

static uint8_t *cell(struct text *g, int32_t row, int32_t column)
{
    return &g->cells[(size_t)row * (size_t)g->columns + (size_t)column];
}

/* A level line from column x1 to x2; where it meets an upright line of another net, that one is
 * shown and this one passes under. */
static void level(struct text *g, int32_t row, int32_t x1, int32_t x2)
{
    for (int32_t x = x1; x <= x2; x++) {
        uint8_t *c = cell(g, row, x);

        if ((*c & (UP | DOWN)) == (UP | DOWN) && (*c & (LEFT | RIGHT)) == 0) {
            *c |= HOP;
        } else if ((*c & (UP | DOWN)) == 0) {
            *c |= LEFT | RIGHT;
        } else if ((*c & (LEFT | RIGHT)) ==
                   RIGHT) { /* it ends on this line too, but does not lead back */
            *c |= JOIN;
        }
    }
}

static int32_t lane_x(const struct text *g, uint32_t r, int lane)
{
    return g->x[r] + g->width[r] + 2 + 2 * lane;
}

/* NOLINTNEXTLINE(readability-function-cognitive-complexity): one pass over the rows of a channel, told in order */
static void draw_channel(struct text *g, uint32_t r)
{
    int32_t from, end;

    for (uint32_t i = 0; i < g->nets_len; i++) { /* upright lines with their joints first */
        const struct net *n = &g->nets[i];

        for (int32_t row = n->top; n->lane >= 0 && row <= n->bottom; row++) {
            *cell(g, row, lane_x(g, r, n->lane)) |=
                (uint8_t)((row > n->top ? UP : 0) | (row < n->bottom ? DOWN : 0) |
                          (has(n->left, row) ? LEFT : 0) | (has(n->right, row) ? RIGHT : 0));
        }
    }
    for (uint32_t i = 0; i < g->nets_len; i++) {
        const struct net *n = &g->nets[i];

        for (int32_t row = n->top; row <= n->bottom; row++) {
            uint32_t task = g->at[(size_t)row * g->l->ranks_len + r];
            bool arrives = g->at[(size_t)row * g->l->ranks_len + r + 1] != 0;

            end = g->x[r + 1] - (arrives ? 2 : 1);

            from = g->x[r] +
                   (task != 0 ? (int32_t)text_width(g->d->tasks[task - 1].display_name,
                                                    strlen(g->d->tasks[task - 1].display_name)) +
                                    1
                              : 0);
            if (n->lane < 0) {
                level(g, row, from, end);
            } else {
                if (has(n->left, row)) {
                    level(g, row, from, lane_x(g, r, n->lane) - 1);
                }
                if (has(n->right, row)) {
                    level(g, row, lane_x(g, r, n->lane) + 1, end);
                }
            }
            if (has(n->right, row) && arrives) {
                *cell(g, row, end) = ARROW;
            }
        }
    }
}

static const char *glyph(uint8_t c, bool unicode)
{
    static const char *const lines[16] = {" ", "─", "─", "─", "│", "┘", "└", "┴",
                                          "│", "┐", "┌", "┬", "│", "┤", "├", "┼"};
    static const char *const ascii[16] = {" ", "-", "-", "-", "|", "'", "`", "+",
                                          "|", ".", ".", "+", "|", "+", "+", "+"};

    if ((c & ARROW) != 0) {
        return unicode ? "▶" : ">";
    }
    if ((c & JOIN) != 0 && (c & (UP | DOWN)) != (UP | DOWN)) {
        return unicode ? ((c & UP) != 0 ? "╰" : "╭") : (c & UP) != 0 ? "`" : ".";
    }
    return unicode ? lines[c & 15] : ascii[c & 15];
}

static void put_task(struct text *g, uint32_t t)
{
    const char *name = g->d->tasks[t].display_name;

    if (g->o->states == NULL || !term_color()) {
        buf_str(g->out, name);
        return;
    }
    /* The state's escape around the name: term_state gives it around the state's word. */
    {
        struct buf b BUF_CLEANUP;
        const char *word = task_state_to_string(g->o->states[t]), *at;

        buf_init(&b, KiB(1));
        (void)term_state(&b, g->o->states[t]);
        at = strstr(buf_cstr(&b), word);
        if (at == NULL) {
            buf_str(g->out, name);
            return;
        }
        buf_append(g->out, buf_cstr(&b), (size_t)(at - buf_cstr(&b)));
        buf_str(g->out, name);
        buf_str(g->out, at + strlen(word));
    }
}

static void put_rows(struct text *g)
{
    for (int32_t row = 0; row < g->rows; row++) {
        int32_t end = g->columns, x = 0;
        uint32_t r = 0;

        while (end > 0 && *cell(g, row, end - 1) == 0) {
            end--;
        }
        for (;; x++) {
            while (r < g->l->ranks_len && g->x[r] < x) {
                r++;
            }
            if (r < g->l->ranks_len && g->x[r] == x &&
                g->at[(size_t)row * g->l->ranks_len + r] != 0) {
                uint32_t t = g->at[(size_t)row * g->l->ranks_len + r] - 1;

                put_task(g, t);
                x += (int32_t)text_width(g->d->tasks[t].display_name,
                                         strlen(g->d->tasks[t].display_name)) -
                     1;
                continue;
            }
            if (x >= end) {
                bool more = false;

                for (uint32_t k = r; k < g->l->ranks_len; k++) {
                    more = more || (g->x[k] >= x && g->at[(size_t)row * g->l->ranks_len + k] != 0);
                }
                if (!more) {
                    break;
                }
            }
            buf_str(g->out, x < g->columns ? glyph(*cell(g, row, x), g->o->unicode) : " ");
        }
        buf_char(g->out, '\n');
    }
}

/* Sizes, and whether it can be drawn at all. Channels are laid out twice: to learn their lanes, and
 * to draw. */
static int measure(struct text *g)
{
    const struct layout *l = g->l;
    int32_t x = 0;

    for (uint32_t t = 0; t < g->d->tasks_len; t++) {
        const char *name = g->d->tasks[t].display_name;
        int32_t w = (int32_t)text_width(name, strlen(name));

        g->width[l->rank[t]] = w > g->width[l->rank[t]] ? w : g->width[l->rank[t]];
        g->at[(size_t)l->pos[t] * l->ranks_len + l->rank[t]] = t + 1;
    }
    for (uint32_t r = 0; r < l->ranks_len; r++) {
        g->x[r] = x;
        x += g->width[r];
        if (r + 1 < l->ranks_len) {
            gather_nets(g, r);
            g->lanes[r] = assign_lanes(g);
            if (g->lanes[r] < 0 || g->lanes[r] > LANES_MAX) {
                return -ERR_LIMIT;
            }
            x += 2 * g->lanes[r] + 4;
        }
    }
    g->columns = x;
    return x > (g->o->width > 0 ? g->o->width : 80) ? -ERR_LIMIT : 0;
}

static int draw(struct text *g, struct err *e)
{
    const struct layout_options lo = {.gap = 0, .edge_gap = 1};
    size_t ranks;
    int rc = layout_build(g->d, &lo, &g->l, e);

    if (rc != 0) {
        return rc;
    }
    g->rows = g->l->breadth > 0 ? g->l->breadth : 1;
    for (uint32_t t = 0; t < g->d->tasks_len;
         t++) { /* the last row may be one beyond: extents are halved */
        g->rows = g->l->pos[t] >= g->rows ? g->l->pos[t] + 1 : g->rows;
    }
    for (uint32_t w = 0; w < g->l->way_off[g->d->down_off[g->d->tasks_len]]; w++) {
        g->rows = g->l->way[w] >= g->rows ? g->l->way[w] + 1 : g->rows;
    }
    if (g->rows > ROWS_MAX || g->l->simplified) {
        return -ERR_LIMIT;
    }
    ranks = (size_t)g->l->ranks_len + 1;
    g->x = arena_array(&g->arena, ranks, sizeof *g->x);
    g->width = arena_array(&g->arena, ranks, sizeof *g->width);
    g->lanes = arena_array(&g->arena, ranks, sizeof *g->lanes);
    g->at = arena_array(&g->arena, ranks * (size_t)g->rows, sizeof *g->at);
    g->nets = arena_array(&g->arena, ROWS_MAX + 1, sizeof *g->nets);
    if (g->x == NULL || g->width == NULL || g->lanes == NULL || g->at == NULL || g->nets == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory");
    }
    rc = measure(g);
    if (rc != 0) {
        return rc;
    }
    g->cells = arena_array(&g->arena, (size_t)g->rows * (size_t)(g->columns + 1), 1);
    if (g->cells == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory");
    }
    for (uint32_t r = 0; r + 1 < g->l->ranks_len; r++) {
        gather_nets(g, r);
        (void)assign_lanes(g);
        draw_channel(g, r);
    }
    put_rows(g);
    return 0;
}

#define INDENT_MAX 20
#define AFTER_MAX  4

static void list_task(struct text *g, uint32_t t, uint32_t rank)
{
    const struct dag *d = g->d;
    uint32_t n = dag_up_len(d, t);

    buf_printf(g->out, "%*s", (int)(rank > INDENT_MAX ? INDENT_MAX : rank) * 2, "");
    put_task(g, t);
    for (uint32_t i = 0; i < n && i < AFTER_MAX; i++) {
        buf_printf(g->out, "%s%s", i == 0 ? "  after " : ", ",
                   d->tasks[d->up[d->up_off[t] + i]].display_name);
    }
    if (n > AFTER_MAX) {
        buf_printf(g->out, " and %u more", n - AFTER_MAX);
    }
    buf_char(g->out, '\n');
}

/* The fallback: a line a task, indented by its rank, with what it waits for. */
static int list(struct text *g, struct err *e)
{
    uint32_t n = g->d->tasks_len, ranks = 0,
             *rank = arena_array(&g->arena, (size_t)n + 1, sizeof *rank);
    uint32_t *at, *sorted = arena_array(&g->arena, (size_t)n + 1, sizeof *sorted);

    if (rank == NULL || sorted == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory");
    }
    for (uint32_t i = 0; i < n; i++) {
        uint32_t t = g->d->topo[i];

        for (uint32_t k = g->d->up_off[t]; k < g->d->up_off[t + 1]; k++) {
            rank[t] = rank[g->d->up[k]] + 1 > rank[t] ? rank[g->d->up[k]] + 1 : rank[t];
        }
        ranks = rank[t] + 1 > ranks ? rank[t] + 1 : ranks;
    }
    at = arena_array(&g->arena, (size_t)ranks + 2, sizeof *at);
    if (at == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory");
    }
    for (uint32_t t = 0; t < n; t++) {
        at[rank[t] + 1]++;
    }
    for (uint32_t r = 0; r < ranks; r++) {
        at[r + 1] += at[r];
    }
    for (uint32_t t = 0; t < n; t++) {
        sorted[at[rank[t]]++] = t;
    }
    for (uint32_t i = 0; i < n; i++) {
        list_task(g, sorted[i], rank[sorted[i]]);
    }
    return 0;
}

int graph_text(const struct dag *d, const struct graph_options *o, struct buf *out, struct err *e)
{
    struct text g = {.d = d, .o = o, .out = out};
    int rc = -ERR_LIMIT;

    arena_init(&g.arena, MiB(512));
    if (d->tasks_len <= TASKS_MAX) {
        rc = draw(&g, e);
    }
    if (rc == -ERR_LIMIT) {
        rc = list(&g, e);
    }
    layout_free(g.l);
    arena_fini(&g.arena);
    if (rc == 0 && buf_status(out) != 0) {
        rc = err_set(e, (enum err_code) - buf_status(out), "the picture is too large");
    }
    return rc;
}
