/* The tokens of a template. Internal to this folder. */
#ifndef TW_TEMPLATE_LEX_H
#define TW_TEMPLATE_LEX_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

enum token_kind {
    T_EOF,
    T_TEXT,
    T_VAR_BEGIN,
    T_VAR_END,
    T_BLOCK_BEGIN,
    T_BLOCK_END,
    T_NAME,
    T_STRING,
    T_INT,
    T_FLOAT,
    T_OP, /* op: one or two characters, as 'a' or 'a' << 8 | 'b' */
};
#define OP2(a, b) ((a) << 8 | (b))

struct token {
    uint8_t kind;
    int op;
    int line, col;
    const char *s; /* TEXT, NAME, STRING (unescaped) */
    size_t n;
    int64_t i;
    double f;
    const char *at, *end; /* in the normalised source */
};

/* All tokens of the text, ended by T_EOF, in the arena. */
int template_lex(struct arena *a, const char *text, size_t n, struct token **ret, struct err *e);

#endif
