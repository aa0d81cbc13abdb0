/* Making, reducing and writing nets. */
#include "analysis/pnet.h"

#include <string.h>

#include "analysis/ptree.h"
#include "analysis/xml.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

/* Room for one more; the arena keeps what was outgrown. */
static void *grown(struct arena *a, void *p, size_t len, size_t *cap, size_t size)
{
    void *more;

    if (len < *cap) {
        return p;
    }
    *cap = *cap < 16 ? 16 : *cap * 2;
    more = arena_array(a, *cap, size);
    if (more != NULL && len > 0) {
        memcpy(more, p, len * size);
    }
    return more;
}

uint32_t pnet_place(struct pnet *p)
{
    struct pnet_place *more =
        grown(p->arena, p->places, p->places_len, &p->places_cap, sizeof *more);

    if (more == NULL || p->failed) {
        p->failed = true;
        return 0;
    }
    p->places = more;
    p->places[p->places_len] = (struct pnet_place){0};
    return p->places_len++;
}

uint32_t pnet_transition(struct pnet *p, uint32_t activity)
{
    struct pnet_transition *more =
        grown(p->arena, p->transitions, p->transitions_len, &p->transitions_cap, sizeof *more);

    if (more == NULL || p->failed) {
        p->failed = true;
        return 0;
    }
    p->transitions = more;
    p->transitions[p->transitions_len] = (struct pnet_transition){.activity = activity};
    return p->transitions_len++;
}

static bool has(const struct pnet_list *l, uint32_t x)
{
    for (uint32_t i = 0; i < l->len; i++) {
        if (l->at[i] == x) {
            return true;
        }
    }
    return false;
}

static void push(struct pnet *p, struct pnet_list *l, uint32_t x)
{
    size_t cap = l->cap;
    uint32_t *more = grown(p->arena, l->at, l->len, &cap, sizeof *more);

    if (more == NULL) {
        p->failed = true;
        return;
    }
    l->at = more;
    l->cap = (uint32_t)cap;
    l->at[l->len++] = x;
}

static void drop(struct pnet_list *l, uint32_t x)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < l->len; i++) {
        if (l->at[i] != x) {
            l->at[n++] = l->at[i];
        }
    }
    l->len = n;
}

void pnet_to_place(struct pnet *p, uint32_t transition, uint32_t place)
{
    if (!p->failed && !has(&p->transitions[transition].out, place)) {
        push(p, &p->transitions[transition].out, place);
        push(p, &p->places[place].in, transition);
    }
}

void pnet_to_transition(struct pnet *p, uint32_t place, uint32_t transition)
{
    if (!p->failed && !has(&p->transitions[transition].in, place)) {
        push(p, &p->transitions[transition].in, place);
        push(p, &p->places[place].out, transition);
    }
}

/* ---- reduction ---- */

static void remove_transition(struct pnet *p, uint32_t t)
{
    struct pnet_transition *x = &p->transitions[t];

    for (uint32_t i = 0; i < x->in.len; i++) {
        drop(&p->places[x->in.at[i]].out, t);
    }
    for (uint32_t i = 0; i < x->out.len; i++) {
        drop(&p->places[x->out.at[i]].in, t);
    }
    x->gone = true;
}

static bool share(const struct pnet_list *x, const struct pnet_list *y)
{
    for (uint32_t i = 0; i < x->len; i++) {
        if (has(y, x->at[i])) {
            return true;
        }
    }
    return false;
}

static void remove_place(struct pnet *p, uint32_t place)
{
    struct pnet_place *x = &p->places[place];

    for (uint32_t i = 0; i < x->in.len; i++) {
        drop(&p->transitions[x->in.at[i]].out, place);
    }
    for (uint32_t i = 0; i < x->out.len; i++) {
        drop(&p->transitions[x->out.at[i]].in, place);
    }
    x->gone = true;
}

/* A silent transition that takes all that one other transition puts into its one place: that one does its work. */
static bool fuse_entry(struct pnet *p, uint32_t t)
{
    const struct pnet_transition *x = &p->transitions[t];
    struct pnet_list out = x->out;
    const struct pnet_place *place = &p->places[x->in.at[0]];
    uint32_t before, at = x->in.at[0];

    if (place->in.len != 1 || place->out.len != 1 || place->in.at[0] == t ||
        share(&out, &p->transitions[place->in.at[0]].out)) { /* an arc of weight 2 */
        return false;
    }
    before = place->in.at[0];
    remove_transition(p, t);
    remove_place(p, at);
    for (uint32_t i = 0; i < out.len; i++) {
        pnet_to_place(p, before, out.at[i]);
    }
    return true;
}

/* Likewise one whose only token goes to one other transition. */
static bool fuse_exit(struct pnet *p, uint32_t t)
{
    const struct pnet_transition *x = &p->transitions[t];
    struct pnet_list in = x->in;
    const struct pnet_place *place = &p->places[x->out.at[0]];
    uint32_t next, at = x->out.at[0];

    if (place->in.len != 1 || place->out.len != 1 || place->out.at[0] == t ||
        share(&in, &p->transitions[place->out.at[0]].in)) {
        return false;
    }
    next = place->out.at[0];
    remove_transition(p, t);
    remove_place(p, at);
    for (uint32_t i = 0; i < in.len; i++) {
        pnet_to_transition(p, in.at[i], next);
    }
    return true;
}

static bool fuse(struct pnet *p)
{
    bool changed = false;

    for (int exit = 0; exit < 2; exit++) {
        for (uint32_t t = 0; t < p->transitions_len; t++) {
            const struct pnet_transition *x = &p->transitions[t];

            if (x->gone || x->activity != PNET_SILENT) {
                continue;
            }
            if (exit == 0 && x->in.len == 1 && fuse_entry(p, t)) {
                changed = true;
            } else if (exit == 1 && x->out.len == 1 && fuse_exit(p, t)) {
                changed = true;
            }
        }
    }
    return changed;
}

static bool holds(const struct pnet_list *all, const struct pnet_list *some)
{
    for (uint32_t i = 0; i < some->len; i++) {
        if (!has(all, some->at[i])) {
            return false;
        }
    }
    return true;
}

void pnet_drop_contained(struct pnet *p)
{
    for (uint32_t t = 0; !p->failed && t < p->transitions_len; t++) {
        const struct pnet_transition *x = &p->transitions[t];

        for (uint32_t u = 0; u < p->transitions_len; u++) {
            const struct pnet_transition *y = &p->transitions[u];

            if (t != u && !x->gone && !y->gone && x->activity == PNET_SILENT &&
                y->activity == PNET_SILENT && x->in.len == y->in.len && y->out.len < x->out.len &&
                holds(&x->in, &y->in) && holds(&x->out, &y->out)) {
                remove_transition(p, u);
            }
        }
    }
}

/* New numbers, in their order: a net is walked as one that was read from its PNML would be. */
static void renumber(struct pnet_list *l, const uint32_t *now)
{
    for (uint32_t i = 0; i < l->len; i++) {
        uint32_t x = now[l->at[i]], k = i;

        for (; k > 0 && l->at[k - 1] > x; k--) {
            l->at[k] = l->at[k - 1];
        }
        l->at[k] = x;
    }
}

static void compact(struct pnet *p)
{
    uint32_t *place = arena_array(p->arena, p->places_len + 1, sizeof *place);
    uint32_t *trans = arena_array(p->arena, p->transitions_len + 1, sizeof *trans);
    uint32_t n = 0;

    if (place == NULL || trans == NULL) {
        p->failed = true;
        return;
    }
    for (uint32_t i = 0; i < p->places_len; i++) {
        place[i] = n;
        if (!p->places[i].gone) {
            p->places[n++] = p->places[i];
        }
    }
    p->places_len = n;
    n = 0;
    for (uint32_t i = 0; i < p->transitions_len; i++) {
        trans[i] = n;
        if (!p->transitions[i].gone) {
            p->transitions[n++] = p->transitions[i];
        }
    }
    p->transitions_len = n;
    for (uint32_t i = 0; i < p->places_len; i++) {
        renumber(&p->places[i].in, trans);
        renumber(&p->places[i].out, trans);
    }
    for (uint32_t i = 0; i < p->transitions_len; i++) {
        renumber(&p->transitions[i].in, place);
        renumber(&p->transitions[i].out, place);
    }
    p->source = place[p->source];
    p->sink = place[p->sink];
}

void pnet_reduce(struct pnet *p)
{
    while (!p->failed && fuse(p)) {
    }
    if (!p->failed) {
        compact(p);
    }
}

/* ---- from a process tree ---- */

struct block { /* a node and the places between which it stands */
    const struct ptree *t;
    uint32_t from, to;
};

struct maker {
    struct pnet *p;
    struct block *todo;
    size_t len, cap;
};

static void later(struct maker *m, const struct ptree *t, uint32_t from, uint32_t to)
{
    struct block *more = grown(m->p->arena, m->todo, m->len, &m->cap, sizeof *more);

    if (more == NULL) {
        m->p->failed = true;
        return;
    }
    m->todo = more;
    m->todo[m->len++] = (struct block){t, from, to};
}

static void silent(struct pnet *p, uint32_t from, uint32_t to)
{
    uint32_t t = pnet_transition(p, PNET_SILENT);

    pnet_to_transition(p, from, t);
    pnet_to_place(p, t, to);
}

static void make_parallel(struct maker *m, const struct block *b)
{
    uint32_t split = pnet_transition(m->p, PNET_SILENT), join = pnet_transition(m->p, PNET_SILENT);

    pnet_to_transition(m->p, b->from, split);
    pnet_to_place(m->p, join, b->to);
    for (uint32_t i = 0; i < b->t->len; i++) {
        uint32_t from = pnet_place(m->p), to = pnet_place(m->p);

        pnet_to_place(m->p, split, from);
        pnet_to_transition(m->p, to, join);
        later(m, b->t->children[i], from, to);
    }
}

/* from -> begin: the first child; behind it out, or the second child and back. */
static void make_loop(struct maker *m, const struct block *b)
{
    uint32_t begin = pnet_place(m->p), done = pnet_place(m->p), redone = pnet_place(m->p);

    silent(m->p, b->from, begin);
    silent(m->p, redone, begin);
    silent(m->p, done, b->to);
    later(m, b->t->children[0], begin, done);
    later(m, b->t->children[1], done, redone);
}

static void make_block(struct maker *m, const struct block *b)
{
    uint32_t at = b->from, t;

    switch (b->t->op) {
    case PTREE_TAU:
        silent(m->p, b->from, b->to);
        break;
    case PTREE_ACTIVITY:
        t = pnet_transition(m->p, b->t->activity);
        pnet_to_transition(m->p, b->from, t);
        pnet_to_place(m->p, t, b->to);
        break;
    case PTREE_SEQUENCE:
        for (uint32_t i = 0; i < b->t->len; i++) {
            uint32_t to = i + 1 < b->t->len ? pnet_place(m->p) : b->to;

            later(m, b->t->children[i], at, to);
            at = to;
        }
        break;
    case PTREE_CHOICE:
        for (uint32_t i = 0; i < b->t->len; i++) {
            later(m, b->t->children[i], b->from, b->to);
        }
        break;
    case PTREE_PARALLEL:
        make_parallel(m, b);
        break;
    default:
        make_loop(m, b);
    }
}

static const struct ptree *outermost(const struct ptree *t, bool last)
{
    return t->children[last ? t->len - 1 : 0];
}

/* Whether the tree begins (ends) with a choice or a loop at its border: then a silent step of its own stands before (behind) it, so that
 * the source has no way in and the sink none out. */
static bool needs_border(const struct ptree *root, bool last)
{
    if (root->op == PTREE_CHOICE || root->op == PTREE_PARALLEL) {
        return true;
    }
    for (const struct ptree *t = root;; t = outermost(t, last)) {
        if (t->op == PTREE_LOOP) {
            return true;
        }
        if (t->len == 0) {
            return false;
        }
    }
}

int pnet_from_tree(struct arena *a, struct ptree *root, struct pnet *ret, struct err *e)
{
    struct pnet *p = ret;
    struct maker m = {.p = ret};
    uint32_t from, to;

    *p = (struct pnet){.arena = a};
    p->source = from = pnet_place(p);
    p->sink = to = pnet_place(p);
    if (needs_border(root, false)) {
        from = pnet_place(p);
        silent(p, p->source, from);
    }
    if (needs_border(root, true)) {
        to = pnet_place(p);
        silent(p, to, p->sink);
    }
    later(&m, root, from, to);
    while (!p->failed && m.len > 0) {
        struct block b = m.todo[--m.len];

        make_block(&m, &b);
    }
    pnet_reduce(p);
    return p->failed ? err_set(e, ERR_NOMEM, "out of memory for a Petri net") : 0;
}

/* ---- PNML ---- */

void pnet_pnml(const struct pnet *p, const char *const *names, const char *title, struct buf *out)
{
    uint32_t arcs = 0;

    (void)buf_str(
        out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<pnml>\n  <net id=\"net1\" "
             "type=\"http://www.pnml.org/version-2009/grammar/pnmlcoremodel\">\n    <name><text>");
    xml_text(out, title);
    (void)buf_str(out, "</text></name>\n    <page id=\"n0\">\n");
    for (uint32_t i = 0; i < p->places_len; i++) {
        const char *name = i == p->source ? "source" : i == p->sink ? "sink" : NULL;

        (void)buf_printf(out, "      <place id=\"p%u\"><name><text>", i);
        (void)(name != NULL ? buf_str(out, name) : buf_printf(out, "p%u", i));
        (void)buf_printf(out, "</text></name>%s</place>\n",
                         i == p->source ? "<initialMarking><text>1</text></initialMarking>" : "");
    }
    for (uint32_t i = 0; i < p->transitions_len; i++) {
        const struct pnet_transition *t = &p->transitions[i];

        (void)buf_printf(out, "      <transition id=\"t%u\"><name><text>", i);
        if (t->activity != PNET_SILENT) {
            xml_text(out, names[t->activity]);
            (void)buf_str(out, "</text></name></transition>\n");
        } else {
            (void)buf_printf(out,
                             "t%u</text></name><toolspecific tool=\"ProM\" version=\"6.4\" "
                             "activity=\"$invisible$\"/></transition>\n",
                             i);
        }
    }
    for (uint32_t i = 0; i < p->transitions_len; i++) {
        const struct pnet_transition *t = &p->transitions[i];

        for (uint32_t k = 0; k < t->in.len; k++) {
            (void)buf_printf(out, "      <arc id=\"a%u\" source=\"p%u\" target=\"t%u\"/>\n", arcs++,
                             t->in.at[k], i);
        }
        for (uint32_t k = 0; k < t->out.len; k++) {
            (void)buf_printf(out, "      <arc id=\"a%u\" source=\"t%u\" target=\"p%u\"/>\n", arcs++,
                             i, t->out.at[k]);
        }
    }
    (void)buf_printf(out,
                     "    </page>\n    <finalmarkings><marking><place idref=\"p%u\"><text>1</text>"
                     "</place></marking></finalmarkings>\n  </net>\n</pnml>\n",
                     p->sink);
}
