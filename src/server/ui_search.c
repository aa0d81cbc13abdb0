/* /ui/search: DAGs by id, tag or title, their tasks, and late runs. What is looked through is bounded; `complete` says whether it was all. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "server/ui.h"

#define ITEMS_MAX      20
#define OF_KIND_MAX    10
#define DOCUMENTS      2000    /* whose text is looked through for tasks */
#define DOCUMENT_BYTES MiB(32) /* of them */
#define RUNS_LOOK      1000    /* the newest runs of all DAGs */

struct search {
    struct call *c;
    struct store *s;
    const char *q;
    struct dag_row *dags;
    size_t dags_len;
    size_t items;
    bool complete;
};

static void put_item(struct search *x, const char *kind, const char *dag_id, const char *run_id,
                     const char *task_id, const char *label)
{
    struct call *c = x->c;

    json_object(&c->w);
    put_text(c, "kind", kind);
    put_text(c, "dag_id", dag_id);
    put_text(c, "run_id", run_id);
    put_text(c, "task_id", task_id);
    put_text(c, "label", label);
    json_object_end(&c->w);
    x->items++;
}

/* First those that begin with it, then those that have it. */
static void search_dags(struct search *x)
{
    size_t n = strlen(x->q), of_kind = 0;

    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < x->dags_len && of_kind < OF_KIND_MAX; i++) {
            const char *id = x->dags[i].dag_id;
            bool begins = strncasecmp(id, x->q, n) == 0;

            if (pass == 0 ? begins : !begins && strcasestr(id, x->q) != NULL) {
                put_item(x, "dag", id, NULL, NULL, id);
                of_kind++;
            }
        }
    }
}

/* The tasks of a DAG whose document has the text somewhere. */
static int search_in(struct search *x, const struct dag_row *row, size_t *of_kind, struct err *e)
{
    const struct dag *d;
    int rc = server_dag(x->c, row->version_key, &d, e);

    for (uint32_t i = 0; rc == 0 && i < d->tasks_len && *of_kind < OF_KIND_MAX; i++) {
        const struct task *t = &d->tasks[i];

        if (strcasestr(t->task_id, x->q) != NULL || strcasestr(t->display_name, x->q) != NULL) {
            put_item(x, "task", row->dag_id, NULL, t->task_id, t->display_name);
            (*of_kind)++;
        }
    }
    return rc;
}

/* Documents are read as text: to parse each would take a hundred times as long. */
static int search_tasks(struct search *x, struct err *e)
{
    size_t bytes = 0, of_kind = 0;
    struct arena a;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < x->dags_len && of_kind < OF_KIND_MAX; i++) {
        struct version_row v;

        if (i == DOCUMENTS || bytes > DOCUMENT_BYTES) {
            x->complete = false;
            break;
        }
        arena_init(&a, LIMIT_DOC_BYTES * 2);
        rc = x->s->ops->get_version(x->s, x->dags[i].version_key, &a, &v, e);
        bytes += rc == 0 ? v.document_len : 0;
        if (rc == 0 && strcasestr(v.document, x->q) != NULL) {
            rc = search_in(x, &x->dags[i], &of_kind, e);
        }
        arena_fini(&a);
    }
    return rc;
}

static int search_runs(struct search *x, struct err *e)
{
    struct run_row *runs;
    size_t n = 0;
    int rc = x->s->ops->get_runs(x->s, 0, 0, 0, RUNS_LOOK, &x->c->arena, &runs, &n, e);

    x->complete = x->complete && n < RUNS_LOOK;
    for (size_t i = 0; rc == 0 && i < n && x->items < ITEMS_MAX; i++) {
        if (strcasestr(runs[i].run_id, x->q) == NULL) {
            continue;
        }
        for (size_t k = 0; k < x->dags_len; k++) {
            if (x->dags[k].dag_key == runs[i].dag_key) {
                put_item(x, "run", x->dags[k].dag_id, runs[i].run_id, NULL, runs[i].run_id);
            }
        }
    }
    return rc;
}

int ui_search(struct call *c, struct err *e)
{
    struct search x = {.c = c, .q = call_query(c, "q"), .complete = true};
    int rc = server_store(c, &x.s, e);

    if (rc == 0 && (x.q == NULL || *x.q == '\0' || strlen(x.q) > LIMIT_ID_BYTES)) {
        return call_invalid(c, e, "q must have 1 to %d bytes", LIMIT_ID_BYTES);
    }
    rc = rc == 0 ? x.s->ops->get_dags(x.s, &c->arena, &x.dags, &x.dags_len, e) : rc;
    json_object(&c->w);
    json_key(&c->w, "items");
    json_array(&c->w);
    if (rc == 0) {
        search_dags(&x);
        rc = search_tasks(&x, e);
    }
    rc = rc == 0 && x.items < ITEMS_MAX ? search_runs(&x, e) : rc;
    json_array_end(&c->w);
    put_bool(c, "complete", x.complete);
    json_object_end(&c->w);
    return rc;
}
