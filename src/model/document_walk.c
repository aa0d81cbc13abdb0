/* What holds for the whole tree, before anyone looks at what it means. */
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/map.h"
#include "model/document_priv.h"

#define SMALL 12 /* members: compared in pairs; more go through a map */

struct level {
    const struct value *v;
    size_t next;
};

static void check_text(struct doc *d, const char *text, size_t n, int line, int col)
{
    if (n > LIMIT_STRING_BYTES) {
        doc_finding(d, line, col, "a string of %zu bytes; at most %zu are allowed", n,
                    (size_t)LIMIT_STRING_BYTES);
    } else if (memchr(text, '\0', n) != NULL) {
        doc_finding(d, line, col, "a string must not contain a NUL character");
    }
}

static void duplicate(struct doc *d, const struct value_key *k, const struct value_key *first)
{
    doc_finding(d, k->line, k->col, "duplicate key '%.80s': it is on line %d already", k->text,
                first->line);
}

static bool same_key(const struct value_key *x, const struct value_key *y)
{
    return x->len == y->len && memcmp(x->text, y->text, x->len) == 0;
}

static int check_keys(struct doc *d, const struct value *v)
{
    struct map seen;
    int rc = 0;

    for (size_t i = 0; i < v->len; i++) {
        check_text(d, v->keys[i].text, v->keys[i].len, v->keys[i].line, v->keys[i].col);
    }
    if (v->len <= SMALL) {
        for (size_t i = 1; i < v->len; i++) {
            for (size_t j = 0; j < i; j++) {
                if (same_key(&v->keys[i], &v->keys[j])) {
                    duplicate(d, &v->keys[i], &v->keys[j]);
                    break;
                }
            }
        }
        return 0;
    }
    map_init(&seen);
    for (size_t i = 0; i < v->len && rc == 0; i++) {
        void *old = NULL;

        rc = map_add(&seen, v->keys[i].text, v->keys[i].len, &v->keys[i], &old);
        if (rc == -ERR_EXISTS) {
            duplicate(d, &v->keys[i], old);
            rc = 0;
        }
    }
    map_fini(&seen);
    return rc != 0 ? doc_nomem(d) : 0;
}

static int visit(struct doc *d, const struct value *v, const struct value *tasks)
{
    if (v->kind == VALUE_STRING || v->kind == VALUE_NUMBER) {
        check_text(d, v->text, v->len, v->line, v->col);
    }
    if (v->kind != VALUE_OBJECT || v == tasks) {
        return 0; /* the keys of `tasks` are looked at when their tasks are made */
    }
    return check_keys(d, v);
}

int doc_walk(struct doc *d)
{
    const struct value *tasks = value_get(d->root, "tasks"), *v = d->root;
    struct level stack[LIMIT_JSON_DEPTH];
    int depth = 0, rc;

    for (;;) {
        rc = visit(d, v, tasks);
        if (rc != 0) {
            return rc;
        }
        if ((v->kind == VALUE_ARRAY || v->kind == VALUE_OBJECT) && v->len != 0) {
            if (depth == LIMIT_JSON_DEPTH) {
                return err_at(d->e, ERR_LIMIT, v->line, v->col, "nested deeper than %d levels",
                              LIMIT_JSON_DEPTH);
            }
            stack[depth++] = (struct level){v, 0};
        }
        while (depth > 0 && stack[depth - 1].next == stack[depth - 1].v->len) {
            depth--;
        }
        if (depth == 0) {
            return 0;
        }
        v = stack[depth - 1].v->elems[stack[depth - 1].next++];
    }
}
