/*
 * The automaton is a trie of all patterns with failure links: its state after each byte is the
 * longest end of the stream that begins some pattern. `depth` of the state is that length, `match`
 * the length of the longest pattern that ends here.
 *
 * Invariants:
 *
 * M1  The last depth(state) bytes of the stream are held, and no others: a byte before them can
 *     belong to no later match, since a match that covers it would begin at or before it and be the
 *     end of the stream that begins a pattern, which is at most depth long.
 *
 * M2  Stretches are disjoint, ascending, and cover exactly the bytes of matches seen so far among
 *     the bytes at hand. Matches come in ascending order of their ends, so a new one can only touch
 *     stretches at the end of the list.
 *
 * M3  A byte of a stretch is never written; its "***" is written once, when its first byte is let
 *     go.
 *
 * M4  All memory is got by mask_build: feeding cannot fail, so that no output is lost or shown for
 *     want of memory.
 */
#include "holder/mask.h"

#include <assert.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"

struct mask_node {
    uint32_t child, sibling; /* 0 = none: the root is nobody's child */
    uint32_t fail;
    uint32_t depth;
    uint32_t own;   /* length of the pattern that ends here, 0 = none */
    uint32_t match; /* the longest of own and those of the failure links */
    uint8_t byte;
};

void mask_init(struct mask *m)
{
    *m = (struct mask){0};
}

void mask_fini(struct mask *m)
{
    if (m->nodes != NULL) {
        explicit_bzero(m->nodes, m->nodes_cap * sizeof *m->nodes);
    }
    if (m->text != NULL) {
        explicit_bzero(m->text, m->room);
    }
    mem_free(m->nodes);
    mem_free(m->text);
    mem_free(m->stretches);
    mem_free(m->out);
    *m = (struct mask){0};
}

static uint32_t child_find(const struct mask *m, uint32_t node, uint8_t byte)
{
    uint32_t c = m->nodes[node].child;

    while (c != 0 && m->nodes[c].byte != byte) {
        c = m->nodes[c].sibling;
    }
    return c;
}

int mask_add(struct mask *m, const void *pattern, size_t n)
{
    const uint8_t *p = pattern;
    uint32_t node = 0;

    if (n == 0) {
        return 0;
    }
    if (m->nodes_len + n + 1 > m->nodes_cap) {
        void *grown = m->nodes;
        int rc = mem_grow(&grown, &m->nodes_cap, m->nodes_len + n + 1, sizeof *m->nodes);

        if (rc != 0) {
            return rc;
        }
        m->nodes = grown;
    }
    if (m->nodes_len == 0) {
        m->nodes[m->nodes_len++] = (struct mask_node){0};
    }
    for (size_t i = 0; i < n; i++) {
        uint32_t c = child_find(m, node, p[i]);

        if (c == 0) {
            c = (uint32_t)m->nodes_len++;
            m->nodes[c] = (struct mask_node){
                .byte = p[i],
                .depth = (uint32_t)i + 1,
                .sibling = m->nodes[node].child,
            };
            m->nodes[node].child = c;
        }
        node = c;
    }
    if (m->nodes[node].own == 0) {
        m->nodes[node].own = (uint32_t)n;
        m->patterns++;
    }
    if (n > m->longest) {
        m->longest = n;
    }
    m->built = false;
    return 0;
}

static uint32_t next_state(const struct mask *m, uint32_t state, uint8_t byte)
{
    while (state != 0) {
        uint32_t c = child_find(m, state, byte);

        if (c != 0) {
            return c;
        }
        state = m->nodes[state].fail;
    }
    return m->root_next[byte];
}

/* A match covers [start, end): joined with the stretches that it touches (M2). Only the first
 * stretch can have been shown, since only one that begins before the held bytes was; what is joined
 * with it is shown as well. */
static void stretch_add(struct mask *m, size_t start, size_t end)
{
    while (m->stretches_len != 0 && m->stretches[m->stretches_len - 1].end >= start) {
        const struct mask_stretch *last = &m->stretches[--m->stretches_len];

        if (last->start < start) {
            start = last->start;
        }
        if (last->end >
            end) { /* only when the held bytes are looked at again, with more patterns */
            end = last->end;
        }
    }
    m->stretches[m->stretches_len++] =
        (struct mask_stretch){.start = (uint32_t)start, .end = (uint32_t)end};
}

/* Runs the automaton over text[from, n). */
static void scan(struct mask *m, size_t from, size_t n)
{
    const uint8_t *text = (const uint8_t *)m->text;
    uint32_t state = m->state;

    for (size_t i = from; i < n; i++) {
        if (state == 0) {
            while (i < n && m->root_next[text[i]] == 0) {
                i++;
            }
            if (i == n) {
                break;
            }
            state = m->root_next[text[i]];
        } else {
            state = next_state(m, state, text[i]);
        }
        if (m->nodes[state].match != 0) {
            stretch_add(m, i + 1 - m->nodes[state].match, i + 1);
        }
    }
    m->state = state;
}

/* Room for the longest end held and one feed. Between two stretches lies at least one byte, and the
 * worst text is a secret of one byte in every other place: twice as long when masked. */
static int room_make(struct mask *m)
{
    size_t room = m->longest + MASK_FEED_MAX;
    struct mask_stretch *stretches;
    char *text, *out;

    if (room <= m->room) {
        return 0;
    }
    stretches = mem_realloc(m->stretches, (room / 2 + 2) * sizeof *stretches);
    if (stretches == NULL) {
        return -ERR_NOMEM;
    }
    m->stretches = stretches;
    out = mem_realloc(m->out, 2 * room + 4);
    if (out == NULL) {
        return -ERR_NOMEM;
    }
    m->out = out;
    text = mem_realloc(m->text, room);
    if (text == NULL) {
        return -ERR_NOMEM;
    }
    m->text = text;
    m->room = room;
    return 0;
}

int mask_build(struct mask *m)
{
    uint32_t *queue;
    size_t head = 0, tail = 0;

    if (m->built || m->patterns == 0) {
        return 0;
    }
    if (room_make(m) != 0) {
        return -ERR_NOMEM;
    }
    queue = mem_array(m->nodes_len, sizeof *queue);
    if (queue == NULL) {
        return -ERR_NOMEM;
    }
    memset(m->root_next, 0, sizeof m->root_next);
    for (uint32_t c = m->nodes[0].child; c != 0; c = m->nodes[c].sibling) {
        m->root_next[m->nodes[c].byte] = c;
        m->nodes[c].fail = 0;
        m->nodes[c].match = m->nodes[c].own;
        queue[tail++] = c;
    }
    while (head < tail) {
        uint32_t node = queue[head++];

        for (uint32_t c = m->nodes[node].child; c != 0; c = m->nodes[c].sibling) {
            uint32_t fail = next_state(m, m->nodes[node].fail, m->nodes[c].byte);

            m->nodes[c].fail = fail;
            /* The node's own pattern is always longer than any that ends on its failure links. */
            m->nodes[c].match = m->nodes[c].own != 0 ? m->nodes[c].own : m->nodes[fail].match;
            queue[tail++] = c;
        }
    }
    mem_free(queue);
    m->built = true;
    /* The held bytes mean another state in a grown automaton, and may hold a new pattern. */
    m->state = 0;
    scan(m, 0, m->held_len);
    return 0;
}

static void put(struct mask *m, const char *p, size_t n)
{
    memcpy(m->out + m->out_len, p, n);
    m->out_len += n;
}

/* Writes text[0, final) with the stretches replaced, and keeps text[final, n) with the stretches
 * that reach into it. */
static void let_go(struct mask *m, size_t final, size_t n)
{
    size_t at = 0, i = 0, len = 0;
    bool shown = m->first_shown;

    for (; i < m->stretches_len && m->stretches[i].start < final; i++) {
        const struct mask_stretch *s = &m->stretches[i];

        put(m, m->text + at, s->start - at);
        if (!shown) {
            put(m, "***", 3);
        }
        shown = false;
        at = s->end;
        if (s->end > final) {
            shown = true;
            break;
        }
    }
    if (at < final) {
        put(m, m->text + at, final - at);
    }
    /* A stretch that ends just at `final` goes on if the next match touches it: it stays, empty,
     * for stretch_add to find. */
    if (!shown && i != 0 && m->stretches[i - 1].end == final) {
        shown = true;
        i--;
    }
    for (; i < m->stretches_len; i++) {
        struct mask_stretch s = m->stretches[i];

        m->stretches[len++] = (struct mask_stretch){
            .start = s.start > final ? s.start - (uint32_t) final : 0,
            .end = s.end - (uint32_t) final,
        };
    }
    m->stretches_len = len;
    m->first_shown = shown;
    memmove(m->text, m->text + final, n - final);
    m->held_len = n - final;
}

void mask_feed(struct mask *m, const void *p, size_t n, const char **ret_p, size_t *ret_n)
{
    size_t total = m->held_len + n;

    assert(m->built && m->patterns != 0);
    assert(n <= MASK_FEED_MAX && total <= m->room);
    memcpy(m->text + m->held_len, p, n);
    scan(m, m->held_len, total);
    m->out_len = 0;
    let_go(m, total - m->nodes[m->state].depth, total);
    *ret_p = m->out;
    *ret_n = m->out_len;
}

void mask_flush(struct mask *m, const char **ret_p, size_t *ret_n)
{
    m->out_len = 0;
    if (m->held_len != 0) {
        let_go(m, m->held_len, m->held_len);
    }
    m->stretches_len = 0;
    m->first_shown = false;
    m->state = 0;
    *ret_p = m->out;
    *ret_n = m->out_len;
}
