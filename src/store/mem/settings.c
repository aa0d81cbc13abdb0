/* Settings: variables and connections, in a list of their own. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "store/mem/priv.h"

static struct node *find(const struct mem_store *m, const char *kind, const char *name)
{
    for (struct node *n = m->settings.first; n != NULL; n = n->next) {
        const struct setting_row *r = node_row(n);

        if (strcmp(r->kind, kind) == 0 && strcmp(r->name, name) == 0) {
            return n;
        }
    }
    return NULL;
}

static int by_name(const void *x, const void *y)
{
    return strcmp(((const struct setting_row *)x)->name, ((const struct setting_row *)y)->name);
}

int mem_get_settings(struct store *s, const char *kind, const char *name, struct arena *a,
                     struct setting_row **ret, size_t *ret_len, struct err *e)
{
    struct mem_store *m = mem_store(s);
    size_t n = 0, len = 0;
    struct setting_row *rows;

    *ret = NULL;
    *ret_len = 0;
    for (struct node *x = m->settings.first; x != NULL; x = x->next) {
        n++;
    }
    rows = n != 0 ? arena_array(a, n, sizeof *rows) : NULL;
    for (struct node *x = m->settings.first; rows != NULL && x != NULL; x = x->next) {
        const struct setting_row *r = node_row(x);

        if (strcmp(r->kind, kind) == 0 && (name == NULL || strcmp(r->name, name) == 0) &&
            row_copy(KIND_SETTING, r, a, &rows[len++]) != 0) {
            rows = NULL;
        }
    }
    if (n != 0 && rows == NULL) {
        return err_set(e, ERR_NOMEM, "store: out of memory");
    }
    if (len != 0) {
        qsort(rows, len, sizeof *rows, by_name);
        *ret = rows;
        *ret_len = len;
    }
    return 0;
}

static int check(const struct mem_store *m, const struct setting_row *row, struct node **ret,
                 struct err *e)
{
    struct node *old = find(m, row->kind, row->name);
    int64_t have = old != NULL ? ((struct setting_row *)node_row(old))->version : 0;
    struct setting_row new = *row;

    *ret = NULL;
    if (row->value == NULL && have == 0) {
        return err_set(e, ERR_NOTFOUND, "there is no %s '%s'", row->kind, row->name);
    }
    if (row->version >= 0 && row->version != have) {
        return err_set(e, ERR_STALE, "%s '%s' was changed meanwhile", row->kind, row->name);
    }
    new.version = have + 1;
    *ret = row->value != NULL ? mem_node_new(KIND_SETTING, &new) : NULL;
    return row->value != NULL && *ret == NULL ? err_set(e, ERR_NOMEM, "store: out of memory") : 0;
}

/* What can fail is done before anything is seen: nodes[0..n) for rows, those behind them for the audit. */
static int prepare(const struct mem_store *m, const struct settings_change *c, struct node **nodes,
                   struct err *e)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < c->rows_len; i++) {
        rc = check(m, &c->rows[i], &nodes[i], e);
    }
    for (size_t i = 0; rc == 0 && i < c->audits_len; i++) {
        nodes[c->rows_len + i] = mem_node_new(KIND_AUDIT, &c->audits[i]);
        rc = nodes[c->rows_len + i] == NULL ? err_set(e, ERR_NOMEM, "store: out of memory") : 0;
    }
    return rc;
}

static void put_row(struct mem_store *m, const struct setting_row *row, struct node *new)
{
    struct node *old = find(m, row->kind, row->name);

    if (old != NULL) {
        list_remove(old);
        mem_free(old);
    }
    if (new != NULL) {
        list_append(&m->settings, new);
    }
}

int mem_change_settings(struct store *s, const struct settings_change *c, struct err *e)
{
    struct mem_store *m = mem_store(s);
    size_t n = c->rows_len + c->audits_len;
    struct node **nodes = n != 0 ? mem_zalloc(n * sizeof *nodes) : NULL;
    int rc = n != 0 && nodes == NULL ? err_set(e, ERR_NOMEM, "store: out of memory") : 0;

    m->changes++;
    rc = rc == 0 ? prepare(m, c, nodes, e) : rc;
    rc = rc == 0 && c->pool != NULL ? mem_put_pool(s, c->pool, c->pool_gone, e) : rc;
    for (size_t i = 0; nodes != NULL && i < n; i++) {
        if (rc != 0) {
            mem_free(nodes[i]);
        } else if (i < c->rows_len) {
            put_row(m, &c->rows[i], nodes[i]);
        } else {
            list_append(&m->audits, nodes[i]);
        }
    }
    mem_free(nodes);
    return rc;
}

int mem_put_settings(struct store *s, const struct setting_row *rows, size_t n, struct err *e)
{
    const struct settings_change c = {.rows = rows, .rows_len = n};

    return mem_change_settings(s, &c, e);
}
