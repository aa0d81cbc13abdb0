/*
 * Reasons repeat: a thousand tasks fail with the same words. A text seen for the second time gets a
 * number (table `reason`), and from then on rows keep the number. The first time, and once
 * LIMIT_STORE_REASONS texts have numbers, rows keep the text itself: so texts that never repeat
 * fill no dictionary, and the dictionary never needs cleaning.
 *
 * Invariants:
 * 1. A number in a row is always in the table: both are written in one transaction.
 * 2. The dictionary in memory holds only committed numbers, and those of the transaction at hand; a
 * rollback drops it whole (reasons_forget), and it is read again when next needed.
 */
#include <assert.h>
#include <string.h>

#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "store/sqlite/priv.h"

#define SLOTS (LIMIT_STORE_REASONS * 2) /* a power of two, at most half full */

struct slot {
    uint32_t hash;
    int64_t id; /* 0 = empty */
    char *text; /* owned */
};

struct reasons {
    bool loaded;
    size_t len;
    uint32_t seen[LIMIT_STORE_REASONS]; /* hashes of texts seen once, by their low bits: a guess is
                                           enough */
    struct slot slots[SLOTS];
};

static void empty(struct reasons *r)
{
    for (size_t i = 0; i < SLOTS && r->len > 0; i++) {
        mem_free(r->slots[i].text);
    }
    memset(r->slots, 0, sizeof r->slots);
    r->len = 0;
    r->loaded = false;
}

void reasons_free(struct reasons *r)
{
    if (r != NULL) {
        empty(r);
        mem_free(r);
    }
}

void reasons_forget(struct sql_store *s)
{
    if (s->reasons != NULL) {
        empty(s->reasons);
    }
}

static struct slot *find(struct reasons *r, uint32_t hash, const char *text)
{
    size_t i = hash & (SLOTS - 1);

    while (r->slots[i].id != 0 &&
           (r->slots[i].hash != hash || strcmp(r->slots[i].text, text) != 0)) {
        i = (i + 1) & (SLOTS - 1);
    }
    return &r->slots[i];
}

static int remember(struct reasons *r, const char *text, int64_t id, struct err *e)
{
    uint32_t hash = hash_bytes(text, strlen(text));
    struct slot *slot = find(r, hash, text);
    char *copy = mem_strdup(text);

    if (copy == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory");
    }
    if (slot->id != 0 || r->len >= LIMIT_STORE_REASONS) {
        mem_free(copy);
        return 0;
    }
    *slot = (struct slot){.hash = hash, .id = id, .text = copy};
    r->len++;
    return 0;
}

static int load(struct sql_store *s, struct err *e)
{
    sqlite3_stmt *st;
    int rc = sql_stmt(s, ST_ALL_REASONS, &st, e);
    int sql_rc;

    if (rc != 0) {
        return rc;
    }
    while (rc == 0 && (sql_rc = sqlite3_step(st)) == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(st, 1);

        rc = text != NULL ? remember(s->reasons, text, sqlite3_column_int64(st, 0), e)
                          : sql_err(s->db, SQLITE_NOMEM, e, "store");
    }
    if (rc == 0 && sql_rc != SQLITE_DONE) {
        rc = sql_err(s->db, sql_rc, e, "store");
    }
    (void)sqlite3_reset(st);
    s->reasons->loaded = rc == 0;
    return rc;
}

static int add(struct sql_store *s, const char *text, int64_t *ret_id, struct err *e)
{
    sqlite3_stmt *st;
    int rc = sql_stmt(s, ST_ADD_REASON, &st, e);

    if (rc == 0 && sqlite3_bind_text(st, 1, text, -1, SQLITE_STATIC) != SQLITE_OK) {
        rc = sql_err(s->db, SQLITE_NOMEM, e, "store");
    }
    if (rc == 0) {
        rc = sql_run(s, st, e);
    }
    if (rc == 0) {
        *ret_id = sqlite3_last_insert_rowid(s->db);
        rc = remember(s->reasons, text, *ret_id, e);
    }
    return rc;
}

static int ready(struct sql_store *s, struct err *e)
{
    if (s->reasons == NULL) {
        s->reasons = mem_zalloc(sizeof *s->reasons);
        if (s->reasons == NULL) {
            return err_set(e, ERR_NOMEM, "out of memory");
        }
    }
    if (!s->reasons->loaded) {
        empty(s->reasons);
        return load(s, e);
    }
    return 0;
}

int reasons_bind(struct sql_store *s, sqlite3_stmt *st, int index, const char *text, struct err *e)
{
    uint32_t hash;
    struct slot *slot;
    uint32_t *seen;
    int64_t id;
    int rc;

    if (text == NULL) {
        return sqlite3_bind_null(st, index) == SQLITE_OK ? 0
                                                         : err_set(e, ERR_NOMEM, "out of memory");
    }
    rc = ready(s, e);
    if (rc != 0) {
        return rc;
    }
    hash = hash_bytes(text, strlen(text));
    slot = find(s->reasons, hash, text);
    seen = &s->reasons->seen[hash & (LIMIT_STORE_REASONS - 1)];
    id = slot->id;
    if (id == 0 && *seen == hash && s->reasons->len < LIMIT_STORE_REASONS) {
        rc = add(s, text, &id, e);
        if (rc != 0) {
            return rc;
        }
    }
    *seen = hash;
    rc = id != 0 ? sqlite3_bind_int64(st, index, id)
                 : sqlite3_bind_text(st, index, text, -1, SQLITE_STATIC);
    return rc == SQLITE_OK ? 0 : err_set(e, ERR_NOMEM, "out of memory");
}
