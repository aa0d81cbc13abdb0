/* The scheduler's small containers: sorted tables of keys and shared texts. */
#include "sched/sched_priv.h"

size_t table_from(const struct table *t, int64_t key)
{
    size_t lo = 0, hi = t->len;

    if (hi > 0 && t->entries[hi - 1].key < key) {
        return hi; /* keys grow with time: most additions are at the end */
    }
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        if (t->entries[mid].key < key) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return lo;
}

void *table_find(const struct table *t, int64_t key)
{
    size_t i = table_from(t, key);

    return i < t->len && t->entries[i].key == key ? t->entries[i].value : NULL;
}

int table_add(struct table *t, int64_t key, void *value)
{
    size_t i = table_from(t, key);
    struct table_entry e = {key, value};

    assert(i == t->len || t->entries[i].key != key);
    if (VEC_PUSH(t->entries, t->len, t->cap, e) != 0) {
        return -ERR_NOMEM;
    }
    memmove(t->entries + i + 1, t->entries + i, (t->len - 1 - i) * sizeof e);
    t->entries[i] = e;
    return 0;
}

void table_remove(struct table *t, int64_t key)
{
    size_t i = table_from(t, key);

    if (i < t->len && t->entries[i].key == key) {
        memmove(t->entries + i, t->entries + i + 1, (t->len - 1 - i) * sizeof t->entries[0]);
        t->len--;
    }
}

struct text *text_new(const char *s, size_t max)
{
    size_t n = strnlen(s, max + 1);
    struct text *t;

    if (n > max) {
        n = max;
        while (n > 0 && ((unsigned char)s[n] & 0xc0) == 0x80) {
            n--; /* never in the middle of a UTF-8 character */
        }
    }
    t = mem_alloc(sizeof *t + n + 1);
    if (t != NULL) {
        t->refs = 1;
        memcpy(t->s, s, n);
        t->s[n] = '\0';
    }
    return t;
}

struct text *text_ref(struct text *t)
{
    if (t != NULL) {
        t->refs++;
    }
    return t;
}

void text_unref(struct text *t)
{
    if (t != NULL && --t->refs == 0) {
        mem_free(t);
    }
}
