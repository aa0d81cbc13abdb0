#ifndef TW_SIM_LEDGER_PRIV_H
#define TW_SIM_LEDGER_PRIV_H

#include "ledger.h"
#include "model/backfill.h"
#include "model/rows.h"
#include "oracle.h"

struct line { /* an instance */
    struct ti_row row;
    bool written;
    bool waits_retry;   /* row.next_us says when its next try may come */
    uint16_t ended_try; /* the last one whose end is in the history */
    int64_t idle_us;    /* since when it could go on; 0: it cannot */
};

struct book {           /* a run: its tasks by index, then instances of mapped ones */
    struct run_row row; /* without texts */
    char *run_id;
    const struct dag *dag;
    bool has_reason, started; /* started: in the batch at hand */
    struct line *lines;
    size_t len, cap;
    int64_t idle_us;
};

struct token {
    struct uuid id;
    struct ti_key key;
    bool ended;
};

struct ledger_pool {
    char *name;
    int64_t slots, used; /* used: after the batch before */
};

struct paused_dag {
    int64_t dag_key;
    bool paused;
};

struct ledger {
    struct ledger_config c;
    struct book *books;
    size_t len, cap;
    struct token *tokens;
    size_t tokens_len, tokens_cap;
    struct ledger_pool *pools;
    size_t pools_len, pools_cap;
    struct backfill_row *backfills; /* without texts */
    size_t backfills_len, backfills_cap;
    struct paused_dag *paused;
    size_t paused_len, paused_cap;
    int64_t live; /* after the batch before */
    uint64_t changes;
    uint8_t *states; /* by task, for the oracle */
    size_t states_cap;
    struct oracle_map *maps;
};

void ledger_violated(struct ledger *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Neither mapped tasks nor past runs matter: the oracle can say what must become of each. */
bool ledger_is_plain(const struct dag *d);
/* The states of all tasks of a plain run, as the oracle reads them. */
struct oracle_run ledger_oracle(struct ledger *l, const struct book *k);
bool ledger_counts(const struct book *k, const struct line *line); /* it is an instance */
void ledger_limits(struct ledger *l);                              /* S5, after a batch */

#endif
