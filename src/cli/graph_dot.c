/* Graphviz and Mermaid: the tasks, their groups and edges; the drawing is theirs. */
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "cli/graph.h"
#include "cli/term.h"
#include "model/dag.h"

int graph_render(const char *format, const struct dag *d, const struct graph_options *o,
                 struct buf *out, struct err *e)
{
    static const struct {
        const char *word;
        int (*draw)(const struct dag *d, const struct graph_options *o, struct buf *out,
                    struct err *e);
    } formats[] = {
        {"text", graph_text}, {"svg", graph_svg}, {"dot", graph_dot}, {"mermaid", graph_mermaid}};

    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        if (strcmp(formats[i].word, format) == 0) {
            return formats[i].draw(d, o, out, e);
        }
    }
    return err_set(e, ERR_USAGE, "--format must be text, svg, dot or mermaid, not \"%.40s\"",
                   format);
}

static int finish(struct buf *out, struct err *e)
{
    return buf_status(out) == 0
               ? 0
               : err_set(e, (enum err_code) - buf_status(out), "the picture is too large");
}

/* A string of the dot language: quotes and backslashes escaped, a newline as \n. */
static void dot_text(const char *s, struct buf *out)
{
    buf_char(out, '"');
    for (; *s != 0; s++) {
        if (*s == '"' || *s == '\\') {
            buf_char(out, '\\');
            buf_char(out, *s);
        } else if (*s == '\n') {
            buf_str(out, "\\n");
        } else if ((unsigned char)*s >= 0x20) {
            buf_char(out, *s);
        }
    }
    buf_char(out, '"');
}

static void dot_task(const struct dag *d, uint32_t t, const struct graph_options *o,
                     struct buf *out)
{
    const struct task *task = &d->tasks[t];

    dot_text(task->task_id, out);
    buf_str(out, " [label=");
    dot_text(task->display_name, out);
    if (o->states != NULL) {
        buf_printf(out, ", color=\"#%06x\", penwidth=2", state_color(o->states[t]));
    }
    buf_str(out, "];\n");
}

/* The tasks and groups directly in `group`, as text that `open` begins; a stack of its own instead
 * of recursion: groups may be deep. */
static void grouped(const struct dag *d, const struct graph_options *o, struct buf *out,
                    void (*task)(const struct dag *d, uint32_t t, const struct graph_options *o,
                                 struct buf *out),
                    void (*open)(const struct dag *d, uint32_t g, struct buf *out),
                    const char *close)
{
    uint32_t g = UINT32_MAX, next = 0, depth = 1;

    for (;;) {
        if (next == 0) { /* arrived at g for the first time */
            for (uint32_t t = 0; t < d->tasks_len; t++) {
                if (d->tasks[t].group == g) {
                    buf_printf(out, "%*s", (int)(depth > 40 ? 40 : depth) * 2, "");
                    task(d, t, o, out);
                }
            }
        }
        while (next < d->groups_len && d->groups[next].parent != g) {
            next++;
        }
        if (next < d->groups_len) { /* down into it */
            buf_printf(out, "%*s", (int)(depth > 40 ? 40 : depth) * 2, "");
            open(d, next, out);
            g = next;
            next = 0;
            depth++;
        } else if (g == UINT32_MAX) {
            return;
        } else { /* up, and on with the next one beside it */
            depth--;
            buf_printf(out, "%*s%s\n", (int)(depth > 40 ? 40 : depth) * 2, "", close);
            next = g + 1;
            g = d->groups[g].parent;
        }
    }
}

static void dot_group(const struct dag *d, uint32_t g, struct buf *out)
{
    buf_printf(out, "subgraph cluster_%u { label=", g);
    dot_text(d->groups[g].group_id, out);
    buf_str(out, "; style=rounded; color=gray;\n");
}

int graph_dot(const struct dag *d, const struct graph_options *o, struct buf *out, struct err *e)
{
    buf_str(out, "digraph ");
    dot_text(d->dag_id, out);
    buf_str(out,
            " {\n  rankdir=LR;\n  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n");
    grouped(d, o, out, dot_task, dot_group, "}");
    for (uint32_t t = 0; t < d->tasks_len; t++) {
        for (uint32_t k = d->down_off[t]; k < d->down_off[t + 1]; k++) {
            buf_str(out, "  ");
            dot_text(d->tasks[t].task_id, out);
            buf_str(out, " -> ");
            dot_text(d->tasks[d->down[k]].task_id, out);
            buf_str(out, ";\n");
        }
    }
    buf_str(out, "}\n");
    return finish(out, e);
}

/* A quoted label of Mermaid: what it would read as markup is written as an entity. */
static void mermaid_text(const char *s, struct buf *out)
{
    buf_char(out, '"');
    for (; *s != 0; s++) {
        if (strchr("\"<>&#;", *s) != NULL) {
            buf_printf(out, "#%d;", *s);
        } else if ((unsigned char)*s >= 0x20) {
            buf_char(out, *s);
        }
    }
    buf_char(out, '"');
}

static void mermaid_task(const struct dag *d, uint32_t t, const struct graph_options *o,
                         struct buf *out)
{
    buf_printf(out, "t%u[", t);
    mermaid_text(d->tasks[t].display_name, out);
    buf_char(out, ']');
    if (o->states != NULL) {
        buf_printf(out, ":::s%d", o->states[t]);
    }
    buf_char(out, '\n');
}

static void mermaid_group(const struct dag *d, uint32_t g, struct buf *out)
{
    buf_printf(out, "subgraph g%u[", g);
    mermaid_text(d->groups[g].group_id, out);
    buf_str(out, "]\n");
}

int graph_mermaid(const struct dag *d, const struct graph_options *o, struct buf *out,
                  struct err *e)
{
    buf_str(out, "flowchart LR\n");
    grouped(d, o, out, mermaid_task, mermaid_group, "end");
    for (uint32_t t = 0; t < d->tasks_len; t++) {
        for (uint32_t k = d->down_off[t]; k < d->down_off[t + 1]; k++) {
            buf_printf(out, "  t%u --> t%u\n", t, d->down[k]);
        }
    }
    for (int s = 0; o->states != NULL && s < TASK_STATE_MAX_; s++) {
        buf_printf(out, "  classDef s%d stroke:#%06x,stroke-width:3px\n", s, state_color(s));
    }
    return finish(out, e);
}
