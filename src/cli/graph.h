/* A DAG as a picture: for the terminal, as SVG, for Graphviz, as Mermaid. */
#ifndef TW_CLI_GRAPH_H
#define TW_CLI_GRAPH_H

#include <stdbool.h>
#include <stdint.h>

struct buf;
struct dag;
struct err;

struct graph_options {
    const uint8_t *states; /* by task: enum task_state; or NULL: none are shown */
    int width;             /* text: columns there are; 0 = 80 */
    bool unicode;          /* text: box drawing characters; else ASCII */
};

/* Each appends to *out (which checks its own limit). 0, -ERR_NOMEM or -ERR_LIMIT. */
int graph_text(const struct dag *d, const struct graph_options *o, struct buf *out, struct err *e);
int graph_svg(const struct dag *d, const struct graph_options *o, struct buf *out, struct err *e);
int graph_dot(const struct dag *d, const struct graph_options *o, struct buf *out, struct err *e);
int graph_mermaid(const struct dag *d, const struct graph_options *o, struct buf *out,
                  struct err *e);
/* By the word that --format takes: text, svg, dot, mermaid; -ERR_USAGE for another one. */
int graph_render(const char *format, const struct dag *d, const struct graph_options *o,
                 struct buf *out, struct err *e);

#endif
