/*
 * Counts of what a page of a list is a part of. SQLite counts by reading each entry of an index: 17 ms for 100,000 runs, as often as
 * somebody looks. A connection therefore remembers its last counts, each with the number that `PRAGMA data_version` had before it was
 * taken. Any commit of another connection changes that number; a connection that writes itself remembers nothing.
 */
#include <string.h>

#include "base/mem.h"
#include "store/sqlite/priv.h"

#define COUNTS_MAX 32

struct counts {
    struct {
        char *sql; /* owned: the statement with its values; NULL: free */
        int64_t version, n;
    } of[COUNTS_MAX];
    unsigned next; /* whose place the next one takes */
};

void sql_counts_free(struct counts *c)
{
    for (unsigned i = 0; c != NULL && i < COUNTS_MAX; i++) {
        mem_free(c->of[i].sql);
    }
    mem_free(c);
}

static struct counts *counts_of(struct sql_store *s)
{
    if ((s->flags & STORE_READ_ONLY) != 0 && s->counts == NULL) {
        s->counts = mem_zalloc(sizeof *s->counts);
    }
    return s->counts;
}

bool sql_counts_get(struct sql_store *s, sqlite3_stmt *st, struct counts_key *ret_key, int64_t *ret)
{
    struct counts *c = counts_of(s);
    struct err ignored = {0};

    *ret_key = (struct counts_key){0};
    if (c == NULL || sql_int(s->db, "PRAGMA data_version", &ret_key->version, &ignored) != 0) {
        return false;
    }
    ret_key->sql = sqlite3_expanded_sql(st);
    for (unsigned i = 0; ret_key->sql != NULL && i < COUNTS_MAX; i++) {
        if (c->of[i].sql != NULL && c->of[i].version == ret_key->version &&
            strcmp(c->of[i].sql, ret_key->sql) == 0) {
            *ret = c->of[i].n;
            return true;
        }
    }
    return false;
}

void sql_counts_put(struct sql_store *s, struct counts_key *key, int64_t n)
{
    struct counts *c = s->counts;
    char *sql = c != NULL && key->sql != NULL ? mem_strdup(key->sql) : NULL;

    if (sql != NULL) {
        mem_free(c->of[c->next].sql);
        c->of[c->next].sql = sql;
        c->of[c->next].version = key->version;
        c->of[c->next].n = n;
        c->next = (c->next + 1) % COUNTS_MAX;
    }
}

void sql_counts_key_fini(struct counts_key *key)
{
    sqlite3_free(key->sql);
    key->sql = NULL;
}
