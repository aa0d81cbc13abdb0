/* Findings, and the words that were probably meant. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "model/document_priv.h"

static char *format(struct arena *a, const char *fmt, va_list ap)
{
    va_list again;
    char *text;
    int n;

    va_copy(again, ap);
    n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    text = n < 0 ? NULL : arena_alloc(a, (size_t)n + 1);
    if (text != NULL) {
        (void)vsnprintf(text, (size_t)n + 1, fmt, ap);
    }
    return text;
}

/* A finding that cannot be kept still counts, so that a document with findings never passes for a
 * good one. */
static void add(struct doc_errors *errors, int line, int col, const char *task_id, const char *fmt,
                va_list ap)
{
    struct doc_error item = {.line = line, .col = col};

    if (errors->len >= LIMIT_DOC_ERRORS) {
        errors->more++;
        return;
    }
    if (errors->len == errors->cap) {
        size_t cap = errors->cap == 0 ? 8 : errors->cap * 2;
        struct doc_error *items = arena_array(errors->arena, cap, sizeof *items);

        if (items == NULL) {
            errors->more++;
            return;
        }
        if (errors->len != 0) {
            memcpy(items, errors->items, errors->len * sizeof *items);
        }
        errors->items = items;
        errors->cap = cap;
    }
    item.text = format(errors->arena, fmt, ap);
    item.task_id = task_id != NULL ? arena_strdup(errors->arena, task_id) : NULL;
    if (item.text == NULL || (task_id != NULL && item.task_id == NULL)) {
        errors->more++;
        return;
    }
    errors->items[errors->len++] = item;
}

void doc_error_add(struct doc_errors *errors, int line, int col, const char *task_id,
                   const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    add(errors, line, col, task_id, fmt, ap);
    va_end(ap);
}

void doc_finding(struct doc *d, int line, int col, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    add(d->errors, line, col, d->task_id, fmt, ap);
    va_end(ap);
}

size_t doc_findings(const struct doc *d)
{
    return d->errors->len + d->errors->more;
}

int doc_nomem(struct doc *d)
{
    if (d->arena->max - d->arena->used < MiB(2)) {
        return err_set(d->e, ERR_LIMIT, "the DAG needs more than %zu MiB of memory",
                       (size_t)(LIMIT_DAG_BYTES >> 20));
    }
    return err_set(d->e, ERR_NOMEM, "out of memory");
}

/* ---- nearest words ---- */

#define WORD_MAX 64 /* longer words are compared by their beginnings */

/* Optimal string alignment: insertions, deletions, changes and swaps of neighbours; more than `max`
 * counts as max + 1. */
static size_t distance(const char *x, size_t xn, const char *y, size_t yn, size_t max)
{
    unsigned char rows[3][WORD_MAX + 1];
    unsigned char *before = rows[0], *last = rows[1], *row = rows[2];

    for (size_t j = 0; j <= yn; j++) {
        last[j] = (unsigned char)j;
    }
    for (size_t i = 1; i <= xn; i++) {
        unsigned char *free_row = before;
        size_t least = i;

        row[0] = (unsigned char)i;
        for (size_t j = 1; j <= yn; j++) {
            size_t best = last[j - 1] + (size_t)(x[i - 1] != y[j - 1]);

            best = best < (size_t)last[j] + 1 ? best : (size_t)last[j] + 1;
            best = best < (size_t)row[j - 1] + 1 ? best : (size_t)row[j - 1] + 1;
            if (i > 1 && j > 1 && x[i - 1] == y[j - 2] && x[i - 2] == y[j - 1] &&
                (size_t)before[j - 2] + 1 < best) {
                best = (size_t)before[j - 2] + 1;
            }
            row[j] = (unsigned char)best;
            least = best < least ? best : least;
        }
        if (least > max) {
            return max + 1;
        }
        before = last;
        last = row;
        row = free_row;
    }
    return last[yn];
}

const char *nearest_word(const char *word, const char *const *candidates, size_t n)
{
    size_t len = strnlen(word, WORD_MAX), best = len / 3 < 1 ? 1 : len / 3;
    const char *found = NULL;

    for (size_t i = 0; i < n; i++) {
        size_t cn = strnlen(candidates[i], WORD_MAX), d;

        if (cn > len + best || len > cn + best) {
            continue;
        }
        d = distance(word, len, candidates[i], cn, best);
        if (d <= best && (found == NULL || d < best) && d < (len > cn ? len : cn)) {
            found = candidates[i];
            best = d;
        }
        if (d == 0) {
            break;
        }
    }
    return found;
}

const char *doc_hint(struct doc *d, const char *word, const char *const *candidates, size_t n)
{
    const char *near = NULL, *text = NULL;

    if (d->errors->len < LIMIT_DOC_ERRORS) { /* else nobody would read it */
        near = nearest_word(word, candidates, n);
    }
    if (near != NULL) {
        text = arena_printf(d->errors->arena, "; did you mean '%.80s'?", near);
    }
    return text != NULL ? text : "";
}

void doc_unknown_key(struct doc *d, const struct value_key *key, const struct doc_members *m,
                     const struct operator_desc *op)
{
    const char *words[80];
    size_t n = 0;

    for (size_t i = 0; i < m->len && n < 80; i++) {
        words[n++] = m->items[i].name;
    }
    for (size_t i = 0; op != NULL && op->params[i].name != NULL && n < 80; i++) {
        words[n++] = op->params[i].name;
    }
    doc_finding(d, key->line, key->col, "unknown key '%.80s'%s%s%s", key->text,
                op != NULL ? " of operator " : "", op != NULL ? op->name : "",
                doc_hint(d, key->text, words, n));
}
