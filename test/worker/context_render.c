/*
 * context-render: renders templates in the whole context of an attempt, as the worker makes it, for
 * test/template/random_templates.py. The first line of stdin is a document with a bash task "t" that has no command and
 * the run: {"document", "conf", "logical_date", "interval_start", "interval_end"}; each further line
 * is a template as a JSON string. A line each: {"output"}, {"error"}, or {"jinja": true}.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/time.h"
#include "dagfile/dagfile.h"
#include "model/dag.h"
#include "model/document.h"
#include "operators/operators.h"
#include "worker/render_task.h"

static int64_t time_of(const struct value *v, const char *name)
{
    const struct value *text = value_get(v, name);
    int64_t t = TIME_NONE;

    return text != NULL && time_parse(text->text, text->len, &t) == 0 ? t : TIME_NONE;
}

/* The task's bash_command rendered, into out. */
static int render(struct arena *a, const struct value *original, const struct run_row *run,
                  struct value *text, struct buf *out, bool *ret_jinja, struct err *e)
{
    struct doc_errors errors = {.arena = a};
    struct value *document = NULL, *task;
    const struct value *found;
    struct value *rendered;
    struct dag *d = NULL;
    struct buf json;
    int rc = value_copy(a, original, &document);

    task = (struct value *)(uintptr_t)value_get(value_get(document, "tasks"), "t");
    rc = rc == 0 ? value_set(a, task, "bash_command", text) : rc;
    buf_init(&json, MiB(8));
    rc = rc == 0 ? dagfile_build(document, "/dag.yaml", operators_table(), &d, &errors, e) : rc;
    if (rc != 0 && errors.len != 0) {
        rc = err_set(e, ERR_INVALID, "%s", errors.items[0].text);
    }
    rc = rc == 0 ? worker_render_task(d, dag_task(d, "t"), run, &json, ret_jinja, e) : rc;
    if (rc == 0 && !*ret_jinja) {
        rc = value_parse(a, buf_cstr(&json), json.len, &rendered, e);
        found = rc == 0 ? value_get(rendered, "bash_command") : NULL;
        rc = found != NULL ? buf_append(out, found->text, found->len) : rc;
    }
    dag_unref(d);
    buf_fini(&json);
    return rc;
}

static void answer(struct value *document, const struct run_row *run, const char *line, size_t n)
{
    struct arena a;
    struct value *text;
    struct buf out, json;
    struct json_writer w;
    struct err e = {0};
    bool jinja = false;
    int rc;

    arena_init(&a, MiB(256));
    buf_init(&out, MiB(2));
    buf_init(&json, MiB(16));
    json_writer_init(&w, &json, 0);
    rc = value_parse(&a, line, n, &text, &e);
    rc = rc == 0 ? render(&a, document, run, text, &out, &jinja, &e) : rc;
    json_object(&w);
    json_key(&w, rc != 0 ? "error" : jinja ? "jinja" : "output");
    if (rc != 0) {
        json_string(&w, err_str(&e));
    } else if (jinja) {
        json_bool(&w, true);
    } else {
        json_string_n(&w, buf_cstr(&out), out.len);
    }
    json_object_end(&w);
    puts(buf_cstr(&json));
    buf_fini(&json);
    buf_fini(&out);
    arena_fini(&a);
}

int main(void)
{
    char *line = NULL;
    size_t cap = 0;
    ssize_t n = getline(&line, &cap, stdin);
    struct value *first = NULL, *document;
    struct run_row run = {.run_id = "r1", .run_key = 1, .state = RUN_RUNNING, .clear_number = 3};
    const struct value *conf;
    struct arena a;
    struct err e = {0};
    char *head = line;

    arena_init(&a, MiB(16));
    if (n <= 0 || value_parse(&a, line, (size_t)n, &first, &e) != 0) {
        return 1;
    }
    line = NULL; /* the values point into it */
    cap = 0;
    document = (struct value *)(uintptr_t)value_get(first, "document");
    conf = value_get(first, "conf");
    run.conf = conf->text;
    run.logical_date_us = time_of(first, "logical_date");
    run.data_interval_start_us = time_of(first, "interval_start");
    run.data_interval_end_us = time_of(first, "interval_end");
    run.run_after_us = run.data_interval_end_us;
    run.start_us = run.data_interval_end_us + 1;
    while ((n = getline(&line, &cap, stdin)) > 0) {
        answer(document, &run, line, (size_t)n);
    }
    free(line);
    free(head);
    arena_fini(&a);
    return 0;
}
