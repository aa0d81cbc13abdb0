#include "bundle/findings.h"

#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "engine/engine.h"
#include "model/dag.h"
#include "model/document.h"
#include "operators/operators.h"
#include "template/template.h"

static void add_json(struct json_writer *w, const char *file, int line, int col,
                     const char *task_id, const char *text)
{
    json_object(w);
    json_key(w, "file");
    json_string(w, file);
    json_key(w, "line");
    if (line > 0) {
        json_int(w, line);
    } else {
        json_null(w);
    }
    json_key(w, "column");
    if (col > 0) {
        json_int(w, col);
    } else {
        json_null(w);
    }
    json_key(w, "task_id");
    json_string(w, task_id);
    json_key(w, "message");
    json_string(w, text);
    json_object_end(w);
}

void findings_add(struct findings *f, const char *file, int line, int col, const char *task_id,
                  const char *text)
{
    f->len++;
    if (f->json != NULL) {
        add_json(f->json, file, line, col, task_id, text);
        return;
    }
    if (f->text == NULL) {
        return;
    }
    if (line > 0 && col > 0) {
        (void)fprintf(f->text, "%s:%d:%d: ", file, line, col);
    } else if (line > 0) {
        (void)fprintf(f->text, "%s:%d: ", file, line);
    } else {
        (void)fprintf(f->text, "%s: ", file);
    }
    if (task_id != NULL) {
        (void)fprintf(f->text, "task '%s': ", task_id);
    }
    (void)fprintf(f->text, "%s\n", text);
}

/* ---- templates ---- */

struct search {
    struct findings *findings;
    const char *file, *member;
    const struct task *task;
    bool positions; /* those of documents made by a program mean nothing to the author */
    size_t found;
};

static void check_text(struct search *s, const struct value *v)
{
    struct template *t;
    char text[ERR_TEXT_MAX + 300];
    struct err e = {0};
    int rc = template_compile(v->text, v->len, &t, &e);

    if (rc == 0) {
        template_free(t);
    } else if (rc == -ERR_SYNTAX) { /* what is only outside of our subset, Jinja2 will render */
        (void)snprintf(text, sizeof text, "template of %s: %s", s->member, err_str(&e));
        findings_add(s->findings, s->file, s->positions ? v->line : 0, v->col, s->task->task_id,
                     text);
        s->found++;
    }
}

/* The depth is bounded by that of documents. */
static void check_value(struct search *s, const struct value *v, int depth)
{
    if (v->kind == VALUE_STRING && template_needed(v->text, v->len)) {
        check_text(s, v);
    } else if ((v->kind == VALUE_ARRAY || v->kind == VALUE_OBJECT) && depth > 0) {
        for (size_t i = 0; i < v->len; i++) {
            check_value(s, v->elems[i], depth - 1);
        }
    }
}

size_t findings_of_templates(struct findings *f, const char *file, const struct dag *d)
{
    struct search s = {.findings = f, .file = file, .positions = !d->is_python};

    for (uint32_t t = 0; t < d->tasks_len; t++) {
        const struct operator_desc *desc = operators_find(d->tasks[t].operator_name);

        s.task = &d->tasks[t];
        for (const struct operator_param *p = desc != NULL ? desc->params : NULL;
             p != NULL && p->name != NULL; p++) {
            const struct value *v = p->templated ? value_get(s.task->spec, p->name) : NULL;

            s.member = p->name;
            if (v != NULL) {
                check_value(&s, v, LIMIT_JSON_DEPTH);
            }
        }
    }
    return s.found;
}

struct watchers {
    struct findings *findings;
    const char *file;
    bool positions; /* of a Python file the document has none */
    size_t found;
};

static void wrong_watcher(void *arg, const struct value *watcher, const char *text)
{
    struct watchers *w = arg;
    char said[1200];

    (void)snprintf(said, sizeof said, "a watcher of an asset: %s", text);
    findings_add(w->findings, w->file, w->positions ? watcher->line : 0,
                 w->positions ? watcher->col : 0, NULL, said);
    w->found++;
}

size_t findings_of_watchers(struct findings *f, const char *file, const struct dag *d)
{
    struct watchers w = {.findings = f, .file = file, .positions = !d->is_python};

    engine_check_watchers(d, wrong_watcher, &w);
    return w.found;
}
