/* Rows that a query has found, before they are sorted, cut and copied. */
#ifndef TW_STORE_MEM_FOUND_H
#define TW_STORE_MEM_FOUND_H

#include "base/mem.h"
#include "store/mem/priv.h"

struct found {
    const void **rows;
    size_t len, cap;
    int rc;
};

static inline void found_fini(struct found *f)
{
    mem_free(f->rows);
}
#define FOUND_CLEANUP __attribute__((cleanup(found_fini)))

static inline void found_add(struct found *f, const void *row)
{
    if (f->rc == 0) {
        f->rc = VEC_PUSH(f->rows, f->len, f->cap, row);
    }
}

typedef int compare_fn(const void *a, const void *b);

/* Rows into the arena, in order (compare NULL: as they are), at most limit (0: all). */
int ms_give(struct found *f, enum kind kind, compare_fn *compare, size_t limit, struct arena *a,
            void **ret, size_t *ret_len, struct err *e);
void ms_all_of(const struct table *t, struct found *f);
void ms_runs_of(struct mem_store *m, int64_t dag_key, struct found *f); /* 0: of all DAGs */

#endif
