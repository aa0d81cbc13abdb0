/* The layout of boxes within boxes: nothing overlaps, edges go from border to border beside what they are not about. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/prng.h"
#include "model/layout_nested.h"

#define NONE UINT32_MAX

static const struct nested_gaps gaps = {.column = 60, .row = 20, .edge = 12, .pad = 16, .title = 20};

struct sample {
    struct nested_node nodes[4000];
    struct nested_edge edges[8000];
    uint32_t nodes_len, edges_len;
    struct nested *out;
};
static struct sample s;

static uint32_t add_node(uint32_t parent, bool box)
{
    s.nodes[s.nodes_len] = (struct nested_node){.parent = parent, .box = box, .w = 100, .h = 40};
    return s.nodes_len++;
}

static void add_edge(uint32_t from, uint32_t to)
{
    s.edges[s.edges_len++] = (struct nested_edge){.from = from, .to = to};
}

static void begin(void)
{
    nested_free(s.out);
    memset(&s, 0, sizeof s);
}

static void build(void)
{
    struct err e = {0};

    if (nested_build(s.nodes, s.nodes_len, s.edges, s.edges_len, &gaps, &s.out, &e) != 0) {
        fail_msg("%s", e.text);
    }
}

static bool is_within(const struct nested_node *a, const struct nested_node *b)
{
    return b->x <= a->x && b->y <= a->y && a->x + a->w <= b->x + b->w && a->y + a->h <= b->y + b->h;
}

static bool overlap(const struct nested_node *a, const struct nested_node *b)
{
    return a->x < b->x + b->w && b->x < a->x + a->w && a->y < b->y + b->h && b->y < a->y + a->h;
}

static bool is_around(uint32_t box, uint32_t node)
{
    while (node != NONE && node != box) {
        node = s.nodes[node].parent;
    }
    return node == box;
}

/* A straight piece against the inside of a box. */
static bool cuts(struct nested_point p, struct nested_point q, const struct nested_node *n)
{
    double lo = 0, hi = 1, dx = q.x - p.x, dy = q.y - p.y;
    const double ends[2][3] = {{dx, n->x + 1 - p.x, n->x + n->w - 1 - p.x},
                               {dy, n->y + 1 - p.y, n->y + n->h - 1 - p.y}};

    for (int i = 0; i < 2; i++) {
        double d = ends[i][0], a = ends[i][1], b = ends[i][2];

        if (d == 0) {
            if (a > 0 || b < 0) {
                return false;
            }
            continue;
        }
        a /= d;
        b /= d;
        lo = a < b ? (a > lo ? a : lo) : (b > lo ? b : lo);
        hi = a < b ? (b < hi ? b : hi) : (a < hi ? a : hi);
    }
    return lo < hi;
}

static void check(bool turned_allowed)
{
    const struct nested_node all = {.w = s.out->width, .h = s.out->height};
    const struct nested_node *n = s.nodes;

    for (uint32_t i = 0; i < s.nodes_len; i++) {
        assert_true(is_within(&n[i], &all));
        assert_true(n[i].parent == NONE || is_within(&n[i], &n[n[i].parent]));
        for (uint32_t k = 0; k < i; k++) {
            assert_true(n[k].parent != n[i].parent || !overlap(&n[i], &n[k]));
        }
    }
    for (uint32_t i = 0; i < s.edges_len; i++) {
        const struct nested_edge *x = &s.edges[i];
        const struct nested_node *a = &n[x->from], *b = &n[x->to];
        const struct nested_point *p = s.out->points + x->at, *q = p + x->len - 1;
        bool turned = p->x == a->x;

        assert_true(x->len >= 2);
        assert_true(turned_allowed || !turned);
        assert_int_equal(p->x, turned ? a->x : a->x + a->w);
        assert_int_equal(p->y, a->y + a->h / 2);
        assert_int_equal(q->x, turned ? b->x + b->w : b->x);
        assert_int_equal(q->y, b->y + b->h / 2);
        for (uint32_t k = 0; k + 1 < x->len && !s.out->simplified; k++) {
            assert_true(turned ? p[k + 1].x <= p[k].x : p[k + 1].x >= p[k].x);
            for (uint32_t m = 0; m < s.nodes_len; m++) {
                if (!is_around(m, x->from) && !is_around(m, x->to) && cuts(p[k], p[k + 1], &n[m])) {
                    fail_msg("edge %u (%u to %u) passes through node %u", i, x->from, x->to, m);
                }
            }
        }
    }
}

static void test_a_chain(void **state)
{
    (void)state;
    begin();
    add_node(NONE, false);
    add_node(NONE, false);
    add_edge(0, 1);
    build();
    check(false);
    assert_int_equal(s.out->width, 260);
    assert_int_equal(s.out->height, 40);
    assert_int_equal(s.edges[0].len, 2);
}

static void test_nothing(void **state)
{
    (void)state;
    begin();
    build();
    assert_int_equal(s.out->width, 0);
    add_node(NONE, true);
    nested_free(s.out);
    build();
    assert_int_equal(s.nodes[0].w, 100); /* an empty box keeps its size */
}

static void test_boxes_that_wait_for_each_other(void **state)
{
    uint32_t a, b, t[4];

    (void)state;
    begin();
    a = add_node(NONE, true);
    b = add_node(NONE, true);
    t[0] = add_node(a, false);
    t[1] = add_node(b, false);
    t[2] = add_node(a, false);
    t[3] = add_node(b, false);
    add_edge(t[0], t[1]);
    add_edge(t[1], t[2]);
    add_edge(t[2], t[3]);
    build();
    check(true);
}

static void test_an_edge_out_of_deep_boxes(void **state)
{
    uint32_t left, right, mid;

    (void)state;
    begin();
    left = right = NONE;
    for (int i = 0; i < 5; i++) {
        left = add_node(left, true);
        right = add_node(right, true);
    }
    mid = add_node(NONE, false);
    left = add_node(left, false);
    right = add_node(right, false);
    add_edge(left, mid);
    add_edge(mid, right);
    add_edge(left, right);
    build();
    check(false);
}

static void test_a_parent_stands_before(void **state)
{
    struct nested *out = NULL;

    (void)state;
    begin();
    add_node(1, false);
    add_node(NONE, true);
    assert_int_equal(nested_build(s.nodes, 2, s.edges, 0, &gaps, &out, NULL), -ERR_INVALID);
    begin();
    add_node(NONE, false);
    add_node(0, false);
    assert_int_equal(nested_build(s.nodes, 2, s.edges, 0, &gaps, &out, NULL), -ERR_INVALID);
}

static void random_sample(uint64_t seed, uint32_t boxes, uint32_t leaves, uint32_t edges)
{
    struct prng p;

    prng_seed(&p, seed);
    begin();
    for (uint32_t i = 0; i < boxes; i++) {
        uint32_t parent = (uint32_t)prng_below(&p, i + 1);

        (void)add_node(parent == i ? NONE : parent, true);
    }
    for (uint32_t i = 0; i < leaves; i++) {
        uint32_t parent = (uint32_t)prng_below(&p, boxes + 1);
        uint32_t n = add_node(parent == boxes ? NONE : parent, false);

        s.nodes[n].w = 60 + (int32_t)prng_below(&p, 120);
        s.nodes[n].h = 30 + (int32_t)prng_below(&p, 30);
    }
    for (uint32_t i = 0; i < edges && leaves > 1; i++) {
        uint32_t to = 1 + (uint32_t)prng_below(&p, leaves - 1);
        uint32_t from = (uint32_t)prng_below(&p, to);

        add_edge(boxes + from, boxes + to);
    }
}

static void test_random_pictures(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        random_sample(seed, (uint32_t)seed % 9, 5 + (uint32_t)seed / 2, 3 + (uint32_t)seed);
        build();
        check(true);
    }
}

static void test_the_same_again(void **state)
{
    static struct nested_node was[4000];
    struct nested *out;

    (void)state;
    random_sample(7, 12, 200, 400);
    build();
    memcpy(was, s.nodes, sizeof was);
    assert_int_equal(nested_build(s.nodes, s.nodes_len, s.edges, s.edges_len, &gaps, &out, NULL), 0);
    assert_int_equal(out->points_len, s.out->points_len);
    assert_memory_equal(out->points, s.out->points, out->points_len * sizeof *out->points);
    for (uint32_t i = 0; i < s.nodes_len; i++) {
        assert_int_equal(was[i].x, s.nodes[i].x);
        assert_int_equal(was[i].y, s.nodes[i].y);
    }
    nested_free(out);
}

static void test_large_pictures(void **state)
{
    (void)state;
    random_sample(3, 60, 2000, 4000);
    build();
    assert_true(s.out->width > 0);
    random_sample(4, 0, 2000, 6000);
    build();
    assert_true(s.out->width > 0);
}

static void test_lack_of_memory(void **state)
{
    (void)state;
    random_sample(5, 4, 12, 20);
    for (uint64_t n = 1;; n++) {
        struct err e = {0};
        int rc;

        mem_fail_at(n, 0);
        rc = nested_build(s.nodes, s.nodes_len, s.edges, s.edges_len, &gaps, &s.out, &e);
        mem_fail_at(0, 0);
        if (rc == 0) {
            assert_true(n > 5);
            break;
        }
        assert_int_equal(rc, -ERR_NOMEM);
        s.out = NULL;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_chain),
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_boxes_that_wait_for_each_other),
        cmocka_unit_test(test_an_edge_out_of_deep_boxes),
        cmocka_unit_test(test_a_parent_stands_before),
        cmocka_unit_test(test_random_pictures),
        cmocka_unit_test(test_the_same_again),
        cmocka_unit_test(test_large_pictures),
        cmocka_unit_test(test_lack_of_memory),
    };

    int rc = cmocka_run_group_tests(tests, NULL, NULL);

    begin();
    return rc;
}
