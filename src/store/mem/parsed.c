/* What a look at the DAG files found: DAGs, and what is wrong with files, in lists of their own. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "store/mem/priv.h"

static struct node *find_dag(const struct mem_store *m, const char *dag_id)
{
    for (struct node *n = m->parsed_dags.first; n != NULL; n = n->next) {
        if (strcmp(((const struct parsed_dag_row *)node_row(n))->dag_id, dag_id) == 0) {
            return n;
        }
    }
    return NULL;
}

static struct node *find_error(const struct mem_store *m, const struct import_error_row *row)
{
    for (struct node *n = m->import_errors.first; n != NULL; n = n->next) {
        const struct import_error_row *r = node_row(n);

        if (strcmp(r->bundle, row->bundle) == 0 && strcmp(r->file, row->file) == 0) {
            return n;
        }
    }
    return NULL;
}

static void replace(struct list *l, struct node *old, struct node *new)
{
    if (old != NULL) {
        list_remove(old);
        mem_free(old);
    }
    if (new != NULL) {
        list_append(l, new);
    }
}

/* The node of a file's errors; a text that is the same keeps its time, and the file its key. */
static struct node *error_node(const struct mem_store *m, const struct import_error_row *row,
                               int64_t fresh_key)
{
    const struct node *old = find_error(m, row);
    const struct import_error_row *before = old != NULL ? node_row(old) : NULL;
    struct import_error_row new = *row;

    new.error_key = before != NULL ? before->error_key : fresh_key;
    if (before != NULL && strcmp(before->text, row->text) == 0) {
        new.at_us = before->at_us;
    }
    return mem_node_new(KIND_IMPORT_ERROR, &new);
}

/* All nodes first: then nothing can fail. A file stands at most once in a batch. */
int mem_put_parsed(struct store *s, const struct parsed_batch *b, struct err *e)
{
    struct mem_store *m = mem_store(s);
    size_t n = b->dags_len + b->errors_len;
    struct node **nodes = mem_zalloc((n + 1) * sizeof *nodes);
    int64_t key = m->import_error_key;
    bool whole = nodes != NULL;

    m->changes++;
    for (size_t i = 0; whole && i < b->dags_len; i++) {
        whole = (nodes[i] = mem_node_new(KIND_PARSED_DAG, &b->dags[i])) != NULL;
    }
    for (size_t i = 0; whole && i < b->errors_len; i++) {
        struct node **at = &nodes[b->dags_len + i];

        if (b->errors[i].text != NULL) {
            whole = (*at = error_node(m, &b->errors[i], ++key)) != NULL;
        }
    }
    for (size_t i = 0; whole && i < b->dags_len; i++) {
        replace(&m->parsed_dags, find_dag(m, b->dags[i].dag_id), nodes[i]);
    }
    for (size_t i = 0; whole && i < b->errors_len; i++) {
        replace(&m->import_errors, find_error(m, &b->errors[i]), nodes[b->dags_len + i]);
    }
    for (size_t i = 0; !whole && nodes != NULL && i < n; i++) {
        mem_free(nodes[i]);
    }
    mem_free(nodes);
    if (!whole) {
        return err_set(e, ERR_NOMEM, "store: out of memory");
    }
    m->import_error_key = key;
    return 0;
}

void mem_forget_parsed(struct mem_store *m, const char *dag_id)
{
    replace(&m->parsed_dags, find_dag(m, dag_id), NULL);
}

static int by_dag_id(const void *x, const void *y)
{
    return strcmp(((const struct parsed_dag_row *)x)->dag_id,
                  ((const struct parsed_dag_row *)y)->dag_id);
}

static int by_file(const void *x, const void *y)
{
    const struct import_error_row *a = x, *b = y;
    int order = strcmp(a->bundle, b->bundle);

    return order != 0 ? order : strcmp(a->file, b->file);
}

/* All rows of a list, in the arena. */
static int copy_all(const struct list *l, enum kind kind, struct arena *a, void **ret,
                    size_t *ret_len, struct err *e)
{
    size_t n = 0, size = row_size(kind);
    char *rows;

    for (const struct node *x = l->first; x != NULL; x = x->next) {
        n++;
    }
    rows = arena_array(a, n + 1, size);
    *ret_len = 0;
    for (const struct node *x = l->first; rows != NULL && x != NULL; x = x->next) {
        if (row_copy(kind, node_row(x), a, rows + size * (*ret_len)++) != 0) {
            rows = NULL;
        }
    }
    *ret = n != 0 ? rows : NULL;
    return rows == NULL ? err_set(e, ERR_NOMEM, "store: out of memory") : 0;
}

int mem_get_parsed_dags(struct store *s, const char *dag_id, struct arena *a,
                        struct parsed_dag_row **ret, size_t *ret_len, struct err *e)
{
    struct mem_store *m = mem_store(s);
    size_t n = 0;
    int rc = copy_all(&m->parsed_dags, KIND_PARSED_DAG, a, (void **)ret, ret_len, e);

    if (rc != 0 || *ret_len == 0) {
        return rc;
    }
    for (size_t i = 0; i < *ret_len; i++) {
        if (dag_id == NULL || strcmp((*ret)[i].dag_id, dag_id) == 0) {
            (*ret)[n++] = (*ret)[i];
        }
    }
    *ret_len = n;
    qsort(*ret, n, sizeof **ret, by_dag_id);
    *ret = n != 0 ? *ret : NULL;
    return 0;
}

int mem_get_import_errors(struct store *s, int64_t error_key, size_t offset, size_t limit,
                          struct arena *a, struct import_error_row **ret, size_t *ret_len,
                          struct err *e)
{
    struct mem_store *m = mem_store(s);
    size_t n = 0;
    int rc = copy_all(&m->import_errors, KIND_IMPORT_ERROR, a, (void **)ret, ret_len, e);

    if (rc != 0 || *ret_len == 0) {
        return rc;
    }
    for (size_t i = 0; i < *ret_len; i++) {
        if (error_key == 0 || (*ret)[i].error_key == error_key) {
            (*ret)[n++] = (*ret)[i];
        }
    }
    qsort(*ret, n, sizeof **ret, by_file);
    offset = offset < n ? offset : n;
    n -= offset;
    *ret_len = limit != 0 && limit < n ? limit : n;
    *ret = n != 0 ? *ret + offset : NULL;
    return 0;
}

struct names {
    const struct mem_store *m;
    const char *bundle;
    struct arena *a;
    const char **list;
    size_t len;
    bool failed;
};

static bool is_referred(const struct mem_store *m, const struct version_row *v)
{
    const struct table *dags = &m->keys[KIND_DAG], *runs = &m->keys[KIND_RUN];

    for (size_t i = 0; i < dags->buckets_len; i++) {
        for (const struct node *n = dags->buckets[i]; n != NULL; n = n->chain[0]) {
            if (((const struct dag_row *)node_row(n))->version_key == v->version_key) {
                return true;
            }
        }
    }
    for (size_t i = 0; i < runs->buckets_len; i++) {
        for (const struct node *n = runs->buckets[i]; n != NULL; n = n->chain[0]) {
            if (((const struct run_row *)node_row(n))->version_key == v->version_key) {
                return true;
            }
        }
    }
    return false;
}

static void look_at(struct names *n, const struct version_row *v)
{
    if (v->bundle == NULL || v->bundle_version == NULL || strcmp(v->bundle, n->bundle) != 0 ||
        !is_referred(n->m, v)) {
        return;
    }
    for (size_t i = 0; i < n->len; i++) {
        if (strcmp(n->list[i], v->bundle_version) == 0) {
            return;
        }
    }
    n->list[n->len] = arena_strdup(n->a, v->bundle_version);
    n->failed |= n->list[n->len] == NULL;
    n->len++;
}

static int by_text(const void *x, const void *y)
{
    return strcmp(*(const char *const *)x, *(const char *const *)y);
}

int mem_get_bundle_versions(struct store *s, const char *bundle, struct arena *a, const char ***ret,
                            size_t *ret_len, struct err *e)
{
    struct mem_store *m = mem_store(s);
    const struct table *t = &m->keys[KIND_VERSION];
    struct names n = {.m = m, .bundle = bundle, .a = a};

    n.list = arena_array(a, t->len + 1, sizeof *n.list);
    for (size_t i = 0; n.list != NULL && !n.failed && i < t->buckets_len; i++) {
        for (const struct node *x = t->buckets[i]; x != NULL; x = x->chain[0]) {
            look_at(&n, node_row(x));
        }
    }
    if (n.list == NULL || n.failed) {
        return err_set(e, ERR_NOMEM, "store: out of memory");
    }
    qsort(n.list, n.len, sizeof *n.list, by_text);
    *ret = n.len != 0 ? n.list : NULL;
    *ret_len = n.len;
    return 0;
}
