/*
 * A pattern becomes a program whose jumps are relative, so that a counted part is copied as it is; the program is run for all ways
 * at once: a list of places in it, each there at most once, advanced by each character (Thompson's construction). `.` and negated
 * classes take any character but, for `.`, a line feed.
 */
#include "base/pattern.h"

#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/utf8.h"

enum op {
    OP_CHAR,
    OP_CLASS,
    OP_ANY,
    OP_SPLIT,
    OP_JUMP,
    OP_BEGIN,
    OP_END,
    OP_WORD,
    OP_NO_WORD,
    OP_MATCH
};

struct inst {
    uint8_t op;
    uint32_t c;   /* CHAR: the character; CLASS: which */
    int32_t x, y; /* SPLIT, JUMP: relative */
};

struct range {
    uint32_t lo, hi;
};

struct class
{
    struct range *ranges;
    size_t len, cap;
    bool not ;
};

struct pattern {
    struct inst *prog;
    size_t len;
    struct class *classes;
    size_t classes_len;
};

struct parser {
    struct arena *arena;
    const char *p, *end, *begin;
    struct inst *prog;
    size_t len, cap;
    struct class *classes;
    size_t classes_len, classes_cap;
    int depth, rc;
    struct err *e;
};

#define DEPTH_MAX 64
#define COUNT_MAX 1000

static int fail(struct parser *s, enum err_code code, const char *what)
{
    if (s->rc == 0) {
        s->rc = err_set(s->e, code, "the pattern \"%.*s\": %s at byte %zu",
                        (int)(s->end - s->begin > 100 ? 100 : s->end - s->begin), s->begin, what,
                        (size_t)(s->p - s->begin) + 1);
    }
    return s->rc;
}

/* Arena arrays grow by copying: no more than LIMIT_PATTERN_PROGRAM instructions. */
static bool room(struct parser *s, size_t more)
{
    if (s->rc != 0) {
        return false;
    }
    if (s->len + more > LIMIT_PATTERN_PROGRAM) {
        (void)fail(s, ERR_LIMIT, "it is too long");
        return false;
    }
    if (s->len + more > s->cap) {
        size_t cap = (s->len + more) * 2;
        struct inst *p = arena_array(s->arena, cap, sizeof *p);

        if (p == NULL) {
            (void)fail(s, ERR_NOMEM, "out of memory");
            return false;
        }
        if (s->len > 0) {
            memcpy(p, s->prog, s->len * sizeof *p);
        }
        s->prog = p;
        s->cap = cap;
    }
    return true;
}

static void emit(struct parser *s, enum op op, uint32_t c, int32_t x, int32_t y)
{
    if (room(s, 1)) {
        s->prog[s->len++] = (struct inst){(uint8_t)op, c, x, y};
    }
}

/* Makes room for one before `at`: jumps within what is moved stay right. */
static void insert(struct parser *s, size_t at, enum op op, int32_t x, int32_t y)
{
    if (room(s, 1)) {
        memmove(s->prog + at + 1, s->prog + at, (s->len - at) * sizeof *s->prog);
        s->prog[at] = (struct inst){(uint8_t)op, 0, x, y};
        s->len++;
    }
}

static uint32_t decode(const char *p, size_t n, size_t *ret_len)
{
    unsigned char c = (unsigned char)*p;
    size_t len = utf8_char_len(p, n);
    uint32_t cp;

    *ret_len = len == 0 ? 1 : len;
    if (len <= 1) {
        return c;
    }
    cp = c & (0x7fU >> len);
    for (size_t i = 1; i < len; i++) {
        cp = cp << 6 | ((unsigned char)p[i] & 0x3fU);
    }
    return cp;
}

static uint32_t take(struct parser *s)
{
    size_t len;
    uint32_t c = decode(s->p, (size_t)(s->end - s->p), &len);

    s->p += len;
    return c;
}

static bool more(const struct parser *s)
{
    return s->rc == 0 && s->p < s->end;
}

static bool accept(struct parser *s, char c)
{
    if (more(s) && *s->p == c) {
        s->p++;
        return true;
    }
    return false;
}

/* ---- classes ---- */

static struct class *new_class(struct parser *s)
{
    if (s->classes_len == s->classes_cap) {
        size_t cap = s->classes_cap == 0 ? 8 : s->classes_cap * 2;
        struct class *p = arena_array(s->arena, cap, sizeof *p);

        if (p == NULL) {
            (void)fail(s, ERR_NOMEM, "out of memory");
            return NULL;
        }
        if (s->classes_len > 0) {
            memcpy(p, s->classes, s->classes_len * sizeof *p);
        }
        s->classes = p;
        s->classes_cap = cap;
    }
    s->classes[s->classes_len] = (struct class){0};
    return &s->classes[s->classes_len++];
}

static void add_range(struct parser *s, struct class *c, uint32_t lo, uint32_t hi)
{
    if (c->len == c->cap) {
        size_t cap = c->cap == 0 ? 8 : c->cap * 2;
        struct range *p = arena_array(s->arena, cap, sizeof *p);

        if (p == NULL) {
            (void)fail(s, ERR_NOMEM, "out of memory");
            return;
        }
        if (c->len > 0) {
            memcpy(p, c->ranges, c->len * sizeof *p);
        }
        c->ranges = p;
        c->cap = cap;
    }
    c->ranges[c->len++] = (struct range){lo, hi};
}

/* \d \w \s, in capitals all others. */
static bool add_named(struct parser *s, struct class *c, char name)
{
    static const struct range digits[] = {{'0', '9'}},
                              words[] = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}},
                              spaces[] = {{'\t', '\r'}, {' ', ' '}};
    char low = (char)(name | 0x20);
    const struct range *r = low == 'd' ? digits : low == 'w' ? words : spaces;
    size_t n = low == 'd' ? 1 : low == 'w' ? 4 : 2;
    uint32_t from = 0;

    if (low != 'd' && low != 'w' && low != 's') {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (name == low) {
            add_range(s, c, r[i].lo, r[i].hi);
        } else {
            add_range(s, c, from, r[i].lo - 1); /* from > lo - 1 only where nothing lies between */
            from = r[i].hi + 1;
        }
    }
    if (name != low) {
        add_range(s, c, from, 0x10ffff);
    }
    return true;
}

static uint32_t hex(struct parser *s, int digits)
{
    uint32_t v = 0;

    for (int i = 0; i < digits; i++) {
        char c = s->p < s->end ? *s->p : '\0';
        int d = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;

        if (d < 0) {
            (void)fail(s, ERR_INVALID, "hexadecimal digits are missing");
            return 0;
        }
        v = v * 16 + (uint32_t)d;
        s->p++;
    }
    return v;
}

/* After the backslash: one character. */
static uint32_t escaped(struct parser *s)
{
    static const char from[] = "ntrfv0", to[] = "\n\t\r\f\v\0";
    const char *at;
    char c;

    if (!more(s)) {
        (void)fail(s, ERR_INVALID, "a backslash at its end");
        return 0;
    }
    c = *s->p;
    at = memchr(from, c, sizeof from - 1);
    if (at != NULL) {
        s->p++;
        return (unsigned char)to[at - from];
    }
    if (c == 'x' || c == 'u') {
        s->p++;
        return hex(s, c == 'x' ? 2 : 4);
    }
    if ((c >= '1' && c <= '9') || c == 'k') {
        (void)fail(s, ERR_UNSUPPORTED, "back references are not supported");
    } else if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
        (void)fail(s, ERR_UNSUPPORTED, "this escape is not supported");
    }
    return take(s);
}

static void parse_class(struct parser *s)
{
    struct class *c = new_class(s);
    bool first = true;

    if (c == NULL) {
        return;
    }
    c->not = accept(s, '^');
    emit(s, OP_CLASS, (uint32_t)(s->classes_len - 1), 0, 0);
    while (more(s) && (*s->p != ']' || first)) {
        uint32_t lo, hi;

        first = false;
        if (*s->p == '\\' && s->p + 1 < s->end && add_named(s, c, s->p[1])) {
            s->p += 2;
            continue;
        }
        if (accept(s, '\\')) {
            lo = more(s) && *s->p == 'b' ? (s->p++, '\b') : escaped(s);
        } else {
            lo = take(s);
        }
        hi = lo;
        if (s->p + 1 < s->end && *s->p == '-' && s->p[1] != ']') {
            s->p++;
            hi = accept(s, '\\') ? escaped(s) : take(s);
        }
        if (hi < lo) {
            (void)fail(s, ERR_INVALID, "a range from more to less");
        }
        add_range(s, c, lo, hi);
    }
    if (!accept(s, ']')) {
        (void)fail(s, ERR_INVALID, "a [ without its ]");
    }
}

/* ---- the grammar ---- */

static void parse_choice(struct parser *s);

static void skip_group_name(struct parser *s)
{
    while (more(s) && *s->p != '>') {
        s->p++;
    }
    if (!accept(s, '>')) {
        (void)fail(s, ERR_INVALID, "a group's name without its >");
    }
}

static void parse_group(struct parser *s)
{
    if (accept(s, '?')) {
        bool python = s->p + 1 < s->end && s->p[0] == 'P' && s->p[1] == '<';

        if (python || (s->p + 1 < s->end && *s->p == '<' && s->p[1] != '=' && s->p[1] != '!')) {
            s->p += python ? 2 : 1;
            skip_group_name(s);
        } else if (!accept(s, ':')) {
            (void)fail(s, ERR_UNSUPPORTED, "look-around and flags are not supported");
        }
    }
    if (++s->depth > DEPTH_MAX) {
        (void)fail(s, ERR_LIMIT, "groups within groups are too deep");
    }
    parse_choice(s);
    s->depth--;
    if (!accept(s, ')')) {
        (void)fail(s, ERR_INVALID, "a ( without its )");
    }
}

static void parse_escape(struct parser *s)
{
    struct class *c;
    char name = more(s) ? *s->p : '\0';

    if (name != '\0' && strchr("dDwWsS", name) != NULL) {
        c = new_class(s);
        s->p++;
        if (c != NULL) {
            (void)add_named(s, c, name);
        }
        emit(s, OP_CLASS, (uint32_t)(s->classes_len - 1), 0, 0);
    } else if (name != '\0' && strchr("bBAZ", name) != NULL) {
        s->p++;
        emit(s,
             name == 'b'   ? OP_WORD
             : name == 'B' ? OP_NO_WORD
             : name == 'A' ? OP_BEGIN
                           : OP_END,
             0, 0, 0);
    } else {
        emit(s, OP_CHAR, escaped(s), 0, 0);
    }
}

static void parse_atom(struct parser *s)
{
    char c = *s->p;

    if (c == '*' || c == '+' || c == '?') {
        (void)fail(s, ERR_INVALID, "nothing to repeat");
        return;
    }
    if (c == '(' || c == '[' || c == '\\' || c == '.' || c == '^' || c == '$') {
        s->p++;
    }
    switch (c) {
    case '(':
        parse_group(s);
        break;
    case '[':
        parse_class(s);
        break;
    case '\\':
        parse_escape(s);
        break;
    case '.':
        emit(s, OP_ANY, 0, 0, 0);
        break;
    case '^':
        emit(s, OP_BEGIN, 0, 0, 0);
        break;
    case '$':
        emit(s, OP_END, 0, 0, 0);
        break;
    default:
        emit(s, OP_CHAR, take(s), 0, 0);
        break;
    }
}

static void copy_block(struct parser *s, size_t at, size_t len)
{
    if (len != 0 && room(s, len)) { /* the block may be empty: (){2} */
        memcpy(s->prog + s->len, s->prog + at, len * sizeof *s->prog);
        s->len += len;
    }
}

/* The block from `at` on becomes optional. */
static void make_optional(struct parser *s, size_t at)
{
    insert(s, at, OP_SPLIT, 1, (int32_t)(s->len - at) + 1);
}

static void make_star(struct parser *s, size_t at)
{
    insert(s, at, OP_SPLIT, 1, (int32_t)(s->len - at) + 2);
    emit(s, OP_JUMP, 0, (int32_t)at - (int32_t)s->len, 0);
}

/* The block is there `min` to `max` times (-1: any). */
static void repeat(struct parser *s, size_t at, int min, int max)
{
    size_t len = s->len - at, last = at;

    if (min == 0 && max == 0) {
        s->len = at;
        return;
    }
    for (int i = 1; i < min && s->rc == 0; i++) {
        last = s->len;
        copy_block(s, at, len);
    }
    if (max < 0 && min > 0) {
        emit(s, OP_SPLIT, 0, (int32_t)last - (int32_t)s->len, 1); /* the last one again */
    } else if (max < 0) {
        make_star(s, at);
    } else if (min == 0) {
        make_optional(s, at);
        for (int i = 1; i < max && s->rc == 0; i++) {
            copy_block(s, at, len + 1);
        }
    } else {
        for (int i = min; i < max && s->rc == 0; i++) {
            size_t more_at = s->len;

            copy_block(s, at, len);
            make_optional(s, more_at);
        }
    }
}

/* {m}, {m,}, {m,n}; anything else is a brace that stands for itself. */
static bool parse_count(struct parser *s, int *min, int *max)
{
    const char *p = s->p + 1;
    int v[2] = {0, -1};

    for (int i = 0; i < 2; i++) {
        const char *from = p;
        int n = 0;

        while (p < s->end && *p >= '0' && *p <= '9') {
            n = n > COUNT_MAX ? n : n * 10 + (*p - '0');
            p++;
        }
        if (p == from && i == 0) {
            return false;
        }
        v[i] = p == from ? -1 : n;
        if (p < s->end && *p == '}') {
            *min = v[0];
            *max = i == 0 ? v[0] : v[1];
            s->p = p + 1;
            return true;
        }
        if (i == 1 || p >= s->end || *p++ != ',') {
            return false;
        }
    }
    return false;
}

static void parse_piece(struct parser *s)
{
    size_t at = s->len;
    int min = 1, max = 1;

    parse_atom(s);
    if (!more(s)) {
        return;
    }
    if (*s->p == '*' || *s->p == '+' || *s->p == '?') {
        min = *s->p == '+';
        max = *s->p == '?' ? 1 : -1;
        s->p++;
    } else if (*s->p != '{' || !parse_count(s, &min, &max)) {
        return;
    }
    if (min > COUNT_MAX || max > COUNT_MAX) {
        (void)fail(s, ERR_LIMIT, "a part is repeated too often");
    } else if (max >= 0 && max < min) {
        (void)fail(s, ERR_INVALID, "a count from more to less");
    }
    repeat(s, at, min, max);
    (void)accept(s, '?'); /* lazy: the same texts are found */
    if (more(s) && (*s->p == '*' || *s->p == '+' || *s->p == '?')) {
        (void)fail(s, ERR_INVALID, "a repetition is repeated");
    }
}

static void parse_choice(struct parser *s)
{
    size_t at = s->len, jump = SIZE_MAX;

    for (;;) {
        while (more(s) && *s->p != '|' && *s->p != ')') {
            parse_piece(s);
        }
        if (!accept(s, '|')) {
            break;
        }
        insert(s, at, OP_SPLIT, 1, (int32_t)(s->len - at) + 2);
        emit(s, OP_JUMP, (uint32_t)jump, 0,
             0); /* to the end; until then it names the one before it */
        jump = s->len - 1;
        at = s->len;
    }
    while (s->rc == 0 && jump != SIZE_MAX && jump != UINT32_MAX) {
        size_t before = s->prog[jump].c;

        s->prog[jump].x = (int32_t)(s->len - jump);
        jump = before;
    }
}

int pattern_compile(struct arena *a, const char *text, size_t n, struct pattern **ret,
                    struct err *e)
{
    struct parser s = {.arena = a, .p = text, .begin = text, .end = text + n, .e = e};
    struct pattern *p = arena_alloc(a, sizeof *p);

    if (p == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for a pattern");
    }
    parse_choice(&s);
    if (more(&s)) {
        (void)fail(&s, ERR_INVALID, "a ) without its (");
    }
    emit(&s, OP_MATCH, 0, 0, 0);
    if (s.rc == 0) {
        *p = (struct pattern){s.prog, s.len, s.classes, s.classes_len};
        *ret = p;
    }
    return s.rc;
}

/* ---- matching ---- */

struct run {
    const struct pattern *p;
    uint32_t *now, *next, *stack; /* places in the program */
    size_t now_len, next_len;
    uint32_t *seen; /* by place: the mark of the list it is in already */
    uint32_t mark;
    bool before, after; /* a word character stands there */
    bool at_begin, at_end, matched;
};

static bool passes(const struct run *r, uint8_t op)
{
    switch (op) {
    case OP_BEGIN:
        return r->at_begin;
    case OP_END:
        return r->at_end;
    case OP_WORD:
        return r->before != r->after;
    default:
        return r->before == r->after;
    }
}

/* A place, and all that it leads to without a character. */
static void follow(struct run *r, uint32_t from, uint32_t *list, size_t *len)
{
    size_t n = 0;

    r->stack[n++] = from;
    while (n > 0) {
        uint32_t at = r->stack[--n];
        const struct inst *i = &r->p->prog[at];

        if (r->seen[at] == r->mark) {
            continue;
        }
        r->seen[at] = r->mark;
        switch (i->op) {
        case OP_SPLIT:
            r->stack[n++] = (uint32_t)((int32_t)at + i->y);
            if (i->x != 0) {
                r->stack[n++] = (uint32_t)((int32_t)at + i->x);
            }
            break;
        case OP_JUMP:
            r->stack[n++] = (uint32_t)((int32_t)at + i->x);
            break;
        case OP_MATCH:
            r->matched = true;
            break;
        case OP_CHAR:
        case OP_CLASS:
        case OP_ANY:
            list[(*len)++] = at;
            break;
        default:
            if (passes(r, i->op)) {
                r->stack[n++] = at + 1;
            }
            break;
        }
    }
}

static bool in_class(const struct class *c, uint32_t cp)
{
    bool in = false;

    for (size_t i = 0; i < c->len && !in; i++) {
        in = cp >= c->ranges[i].lo && cp <= c->ranges[i].hi;
    }
    return in != c->not ;
}

static bool takes(const struct run *r, const struct inst *i, uint32_t cp)
{
    return i->op == OP_CHAR    ? i->c == cp
           : i->op == OP_CLASS ? in_class(&r->p->classes[i->c], cp)
                               : cp != '\n';
}

static bool is_word(uint32_t cp)
{
    return (cp >= '0' && cp <= '9') || (cp >= 'A' && cp <= 'Z') || (cp >= 'a' && cp <= 'z') ||
           cp == '_';
}

static void search(struct run *r, const char *text, size_t n)
{
    size_t at = 0;
    uint32_t cp = 0;

    for (;;) {
        size_t len = 0, left = n - at;

        r->at_begin = at == 0;
        r->at_end = left == 0;
        cp = left > 0 ? decode(text + at, left, &len) : 0;
        r->after = left > 0 && is_word(cp);
        /* What came here by a character is followed now that it is known what stands on both sides. */
        r->mark++;
        r->next_len = 0;
        for (size_t i = 0; i < r->now_len; i++) {
            follow(r, r->now[i], r->next, &r->next_len);
        }
        follow(r, 0, r->next, &r->next_len);
        if (r->matched || left == 0) {
            return;
        }
        r->now_len = 0;
        for (size_t i = 0; i < r->next_len; i++) {
            if (takes(r, &r->p->prog[r->next[i]], cp)) {
                r->now[r->now_len++] = r->next[i] + 1;
            }
        }
        r->before = r->after;
        at += len;
    }
}

int pattern_search(const struct pattern *p, const char *text, size_t n, bool *ret)
{
    struct run r = {.p = p};
    uint32_t *memory = mem_array(p->len * 5 + 8, sizeof *memory);

    if (memory == NULL) {
        return -ERR_NOMEM;
    }
    memset(memory, 0, (p->len * 5 + 8) * sizeof *memory);
    r.now = memory;
    r.next = memory + p->len;
    r.seen = memory + 2 * p->len;
    r.stack = memory + 3 * p->len; /* each place puts at most two there, and is looked at once */
    search(&r, text, n);
    *ret = r.matched;
    mem_free(memory);
    return 0;
}
