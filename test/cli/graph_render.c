/* graph-render FORMAT [WIDTH [STATES]]: draws the DAG document (JSON) of stdin; for looking at
 * pictures, and for test_graph. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "cli/graph.h"
#include "model/dag.h"
#include "model/document.h"

int main(int argc, char **argv)
{
    static const struct operator_param bash_params[] = {
        {"bash_command", PARAM_ANY, false, true, "the command"}, {0}};
    static const struct operator_desc bash = {"bash", "BashOperator", "runs a command", bash_params,
                                              false};
    static const struct operator_desc *const list[] = {&bash};
    const struct operator_table table = {list, 1};
    static char text[1 << 24];
    size_t n = fread(text, 1, sizeof text, stdin);
    struct graph_options o = {.width = argc > 2 ? atoi(argv[2]) : 100, .unicode = true};
    struct arena a;
    struct value *v;
    struct dag *d;
    struct doc_errors errors = {.arena = &a};
    struct err e = {0};
    struct buf out;
    uint8_t *states;
    int rc;

    arena_init(&a, MiB(1024));
    buf_init(&out, MiB(64));
    rc = value_parse(&a, text, n, &v, &e);
    rc = rc != 0 ? rc : document_build(v, NULL, &table, &d, &errors, &e);
    if (rc != 0) {
        (void)fprintf(stderr, "%s %s\n", err_str(&e), errors.len > 0 ? errors.items[0].text : "");
        return 1;
    }
    states = calloc(d->tasks_len + 1, 1);
    for (uint32_t t = 0; argc > 3 && t < d->tasks_len; t++) {
        states[t] = (uint8_t)(t % TASK_STATE_MAX_);
    }
    o.states = argc > 3 ? states : NULL;
    rc = graph_render(argc > 1 ? argv[1] : "text", d, &o, &out, &e);
    if (rc != 0) {
        (void)fprintf(stderr, "%s\n", err_str(&e));
        return 1;
    }
    (void)fwrite(buf_cstr(&out), 1, out.len, stdout);
    free(states);
    dag_unref(d);
    buf_fini(&out);
    arena_fini(&a);
    return 0;
}
