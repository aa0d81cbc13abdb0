/*
 * template-render: renders the templates of stdin, one JSON object a line: {template, variables,
 * times, xcoms}, and writes one line each: {"output": text} or {"error": text, "code": name,
 * "line": n, "col": n}. For compare.py.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "template/template.h"

static int pull(void *arg, const char *task_id, const char *key, struct arena *a,
                struct value **ret, struct err *e)
{
    const struct value *xcoms = arg, *task;
    struct value *v = NULL;

    (void)e;
    task = xcoms != NULL ? value_get(xcoms, task_id != NULL ? task_id : "") : NULL;
    if (task != NULL) {
        v = (struct value *)(uintptr_t)value_get(task, key);
    }
    *ret = v != NULL ? v : value_new(a, VALUE_NULL);
    return *ret == NULL ? -ERR_NOMEM : 0;
}

static int render(const struct value *in, struct buf *out, struct err *e)
{
    const struct value *text = value_get(in, "template"), *times = value_get(in, "times");
    const char *names[32] = {NULL};
    struct template_context c = {.variables = value_get(in, "variables"),
                                 .times = names,
                                 .xcom_pull = pull,
                                 .arg = (void *)(uintptr_t)value_get(in, "xcoms")};
    struct template *t;
    int rc;

    for (size_t i = 0; times != NULL && i < times->len && i < 31; i++) {
        names[i] = times->elems[i]->text;
    }
    rc = template_compile(text->text, text->len, &t, e);
    if (rc == 0) {
        rc = template_render(t, &c, out, e);
        template_free(t);
    }
    return rc;
}

int main(void)
{
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;

    while ((n = getline(&line, &cap, stdin)) > 0) {
        struct arena a;
        struct value *in;
        struct buf out, json;
        struct json_writer w;
        struct err e = {0};
        int rc;

        arena_init(&a, MiB(64));
        buf_init(&out, MiB(2));
        buf_init(&json, MiB(16));
        json_writer_init(&w, &json, 0);
        rc = value_parse(&a, line, (size_t)n, &in, &e);
        rc = rc != 0 ? rc : render(in, &out, &e);
        json_object(&w);
        if (rc == 0) {
            json_key(&w, "output");
            json_string_n(&w, buf_cstr(&out), out.len);
        } else {
            json_key(&w, "error");
            json_string(&w, err_str(&e));
            json_key(&w, "code");
            json_string(&w, err_name(rc));
            json_key(&w, "line");
            json_int(&w, e.line);
            json_key(&w, "col");
            json_int(&w, e.col);
        }
        json_object_end(&w);
        puts(buf_cstr(&json));
        buf_fini(&json);
        buf_fini(&out);
        arena_fini(&a);
    }
    free(line);
    return 0;
}
