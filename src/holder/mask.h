/*
 * Masking of secrets in a stream: many patterns at once, across any cut of the input, in time
 * linear in the input (Aho-Corasick). Every byte that belongs to any occurrence of any pattern is
 * masked; a stretch of such bytes comes out as one "***".
 */
#ifndef TW_HOLDER_MASK_H
#define TW_HOLDER_MASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mask_node;
struct mask_stretch {
    uint32_t start, end; /* offsets into the text at hand */
};

#define MASK_FEED_MAX ((size_t)16384) /* bytes of one mask_feed */

struct mask {
    struct mask_node *nodes; /* [0] is the root; owned */
    size_t nodes_len, nodes_cap;
    uint32_t root_next[256]; /* the root's transitions, dense: most bytes end here */
    bool built;              /* failure links and room are up to date */
    uint32_t state;
    size_t patterns, longest;
    char *text; /* the bytes not yet let go, then those just fed; owned */
    size_t held_len;
    struct mask_stretch *stretches; /* disjoint, ascending, in the text; owned */
    size_t stretches_len;
    bool first_shown; /* the "***" of the first stretch was written already */
    char *out;        /* what mask_feed returns; owned */
    size_t out_len;
    size_t room; /* capacity of text; the others follow from it */
};

void mask_init(struct mask *m);
void mask_fini(struct mask *m); /* wipes the patterns */
/* Adds a pattern (copied; an empty one is ignored), before or between bytes of the stream.
 * -ERR_NOMEM: the patterns are as before. */
int mask_add(struct mask *m, const void *pattern, size_t n);
/* Once patterns were added, before the next mask_feed; gets all memory that feeding will need.
 * -ERR_NOMEM: nothing changed, try again. */
int mask_build(struct mask *m);
static inline bool mask_any(const struct mask *m)
{
    return m->patterns != 0;
}

/* Takes n <= MASK_FEED_MAX bytes of the stream; *ret_p (borrowed until the next call) is what can
 * be let go: all but the longest end that may still become a secret. Cannot fail. There must be a
 * pattern. */
void mask_feed(struct mask *m, const void *p, size_t n, const char **ret_p, size_t *ret_n);
/* The stream ended: what is held comes out. */
void mask_flush(struct mask *m, const char **ret_p, size_t *ret_n);

#endif
