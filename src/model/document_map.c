/* Mapped tasks and groups: what makes their instances, checked and resolved. */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "model/document_priv.h"
#include "model/mapping.h"

static void check_words(struct doc *d, const struct value *v, const char *what,
                        const char *const *words, size_t n)
{
    for (size_t i = 0; i < v->len; i++) {
        bool object = v->kind == VALUE_OBJECT, known = false;
        const char *word = object ? v->keys[i].text : v->elems[i]->text;
        int line = object ? v->keys[i].line : v->elems[i]->line;
        int col = object ? v->keys[i].col : v->elems[i]->col;

        for (size_t k = 0; k < n; k++) {
            known |= strcmp(word, words[k]) == 0;
        }
        if (!known) {
            doc_finding(d, line, col, "unknown %s '%.80s'%s", what, word,
                        doc_hint(d, word, words, n));
        }
    }
}

void doc_check_callbacks(struct doc *d, const struct value *v, bool of_task)
{
    static const char *const words[] = {"success", "failure", "execute", "retry", "skipped"};

    if (v->kind == VALUE_ARRAY && value_get(d->root, "python") == NULL) {
        doc_finding(d, v->line, v->col,
                    "'callbacks' must name the functions: {success: file.py:function}");
    }
    check_words(d, v, "callback", words, of_task ? 5 : 2);
}

void doc_check_listeners(struct doc *d, const struct value *v)
{
    static const char *const words[] = {"running", "success", "failed", "assets"};

    check_words(d, v, "listener", words, 4);
}

static int32_t length_of(struct doc *d, const struct value *expand, const struct value *kwargs)
{
    const struct value *v = expand != NULL ? expand : kwargs;
    int64_t n;

    if (map_length(expand, kwargs, NULL, NULL, &n) != 0) {
        doc_finding(d, v->line, v->col,
                    "a reference in it is not complete: '__zip__', '__concat__' and '__map__' must "
                    "have 'of'");
        return 0;
    }
    return (int32_t)n;
}

void doc_map_group(struct doc *d, struct task_group *g, const struct value *expand,
                   const struct value *kwargs)
{
    g->expand = expand;
    g->expand_kwargs = kwargs;
    g->map_len = MAP_LEN_UNKNOWN;
    if (expand != NULL && kwargs != NULL) {
        doc_finding(d, kwargs->line, kwargs->col,
                    "a task group takes only one of 'expand' or 'expand_kwargs'");
    }
    if (expand != NULL || kwargs != NULL) {
        g->map_len = length_of(d, expand, kwargs);
    }
}

static bool group_mapped(const struct task_group *g)
{
    return g->expand != NULL || g->expand_kwargs != NULL;
}

/* The mapped group around group `g` (or itself). The walk is bounded: parents that lead in a circle were reported. */
static uint32_t mapped_around(const struct dag *dag, uint32_t g)
{
    for (uint32_t n = 0; g != UINT32_MAX && n < dag->groups_len; n++) {
        if (group_mapped(&dag->groups[g])) {
            return g;
        }
        g = dag->groups[g].parent;
    }
    return UINT32_MAX;
}

static void check_in_group(struct doc *d, const struct task *t)
{
    const char *group = d->dag->groups[t->map_group].group_id;

    if (t->expand != NULL || t->expand_kwargs != NULL) {
        doc_finding(d, t->line, t->col,
                    "it is in the mapped task group '%.80s': a task in it cannot be mapped again",
                    group);
    }
}

void doc_map_tasks(struct doc *d)
{
    struct dag *dag = d->dag;

    for (uint32_t g = 0; g < dag->groups_len; g++) {
        uint32_t around = mapped_around(dag, dag->groups[g].parent);

        if (around != UINT32_MAX && group_mapped(&dag->groups[g])) {
            const struct value *v = dag->groups[g].expand != NULL ? dag->groups[g].expand
                                                                  : dag->groups[g].expand_kwargs;

            doc_finding(d, v->line, v->col,
                        "the mapped task group '%.80s' is within the mapped task group '%.80s'",
                        dag->groups[g].group_id, dag->groups[around].group_id);
        }
    }
    for (uint32_t i = 0; i < dag->tasks_len; i++) {
        struct task *t = &dag->tasks[i];

        d->task_id = t->task_id;
        t->map_group = t->group != UINT32_MAX ? mapped_around(dag, t->group) : UINT32_MAX;
        if (t->map_group != UINT32_MAX) {
            check_in_group(d, t);
            t->mapped = true;
            t->map_len = dag->groups[t->map_group].map_len;
        } else if (t->mapped) {
            t->map_len = length_of(d, t->expand, t->expand_kwargs);
        }
    }
    d->task_id = NULL;
}

/* ---- sources ---- */

static int add_source(struct doc *d, const struct value *id)
{
    const struct task *t =
        id != NULL && id->kind == VALUE_STRING ? map_find(&d->dag->by_id, id->text, id->len) : NULL;

    for (size_t i = 0; t != NULL && i < d->up_len; i++) {
        if (d->up[i] == t->index) {
            return 0;
        }
    }
    return t != NULL && VEC_PUSH(d->up, d->up_len, d->up_cap, t->index) != 0 ? doc_nomem(d) : 0;
}

/* The tasks of one argument, as its length sees them: of a literal none. */
static int walk_sources(struct doc *d, const struct value *v)
{
    const struct value *of;
    int rc = 0;

    if (!map_is_reference(v) || v->elems[0]->kind != VALUE_OBJECT) {
        return 0;
    }
    if (strcmp(v->keys[0].text, "__xcom__") == 0) {
        return add_source(d, value_get(v->elems[0], "task_id"));
    }
    of = value_get(v->elems[0], "of");
    if (of == NULL || of->kind != VALUE_ARRAY) {
        return of != NULL ? walk_sources(d, of) : 0;
    }
    for (size_t i = 0; i < of->len && rc == 0; i++) {
        rc = walk_sources(d, of->elems[i]);
    }
    return rc;
}

static int task_sources(struct doc *d, struct task *t)
{
    const struct task_group *g = task_map_group(d->dag, t);
    const struct value *expand = g != NULL ? g->expand : t->expand;
    const struct value *kwargs = g != NULL ? g->expand_kwargs : t->expand_kwargs;
    uint32_t *list;
    int rc = 0;

    d->up_len = 0;
    for (size_t i = 0; expand != NULL && i < expand->len && rc == 0; i++) {
        rc = walk_sources(d, expand->elems[i]);
    }
    if (kwargs != NULL && rc == 0) {
        rc = walk_sources(d, kwargs);
    }
    if (rc != 0 || d->up_len == 0) {
        return rc;
    }
    list = arena_array(d->arena, d->up_len, sizeof *list);
    if (list == NULL) {
        return doc_nomem(d);
    }
    memcpy(list, d->up, d->up_len * sizeof *list);
    t->map_sources = list;
    t->map_sources_len = (uint32_t)d->up_len;
    for (uint32_t i = 0; i < t->map_sources_len; i++) {
        if (t->map_group != UINT32_MAX && d->dag->tasks[list[i]].map_group == t->map_group) {
            doc_finding(d, t->line, t->col,
                        "its mapped task group is mapped over '%.80s', which is in it",
                        d->dag->tasks[list[i]].task_id);
        }
    }
    return 0;
}

int doc_map_sources(struct doc *d)
{
    int rc = 0;

    for (uint32_t i = 0; i < d->dag->tasks_len && rc == 0; i++) {
        d->task_id = d->dag->tasks[i].task_id;
        if (d->dag->tasks[i].mapped) {
            rc = task_sources(d, &d->dag->tasks[i]);
        }
    }
    d->task_id = NULL;
    return rc;
}
