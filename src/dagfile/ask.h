/*
 * Asks a process of Python: one question, one answer, in a time. What code of the user's own says (python/tradewind/timetable_answers.py): a time
 * table, a partition mapper, listeners; or what another module says.
 */
#ifndef TW_DAGFILE_ASK_H
#define TW_DAGFILE_ASK_H

#include <stddef.h>

struct arena;
struct err;

struct ask_config {
    const char *python;      /* interpreter */
    const char *python_path; /* folder that holds the tradewind package */
    int timeout_s;           /* 0: LIMIT_ANSWER_S */
    const char *module;      /* NULL: tradewind.timetable_answers */
    const char *word;        /* its argument, or NULL */
    const char *what;        /* for errors; NULL: "Python" */
    size_t answer_max;       /* bytes; 0: LIMIT_ANSWER_BYTES */
};

/*
 * SUSPENDS. `question`: a line of JSON without its end; *ret: the answer's line in the arena. The process gets timeout_s, then it and what it
 * started is killed: -ERR_TIMEOUT; so it is when this is cancelled. -ERR_FAILED: it said nothing; -ERR_LIMIT: too much.
 */
int ask_python(const struct ask_config *c, const char *question, size_t n, struct arena *a,
               const char **ret, size_t *ret_len, struct err *e);

#endif
