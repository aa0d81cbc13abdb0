#include "sim.h"

#include "base/mem.h"

static bool before(const struct sim_msg *a, const struct sim_msg *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

static void swap(struct sim_msg *a, struct sim_msg *b)
{
    struct sim_msg t = *a;

    *a = *b;
    *b = t;
}

/* An event's skip list is within the message; a copied message points to its own. */
static void rebase(struct sim_msg *m)
{
    if (m->ev.type == SCHED_ENDED && m->ev.ended.skip_len > 0) {
        m->ev.ended.skip = m->skip;
    }
}

void sim_queue_push(struct sim_queue *q, const struct sim_msg *m)
{
    size_t i = q->len;

    if (VEC_PUSH(q->items, q->len, q->cap, *m) < 0) {
        sim_checked(NULL);
    }
    q->items[i].order = q->order++;
    while (i > 0 && before(&q->items[i], &q->items[(i - 1) / 2])) {
        swap(&q->items[i], &q->items[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
}

bool sim_queue_pop(struct sim_queue *q, struct sim_msg *ret)
{
    size_t i = 0;

    if (q->len == 0) {
        return false;
    }
    *ret = q->items[0];
    rebase(ret);
    q->items[0] = q->items[--q->len];
    for (;;) {
        size_t least = i;

        for (size_t c = 2 * i + 1; c <= 2 * i + 2 && c < q->len; c++) {
            least = before(&q->items[c], &q->items[least]) ? c : least;
        }
        if (least == i) {
            return true;
        }
        swap(&q->items[i], &q->items[least]);
        i = least;
    }
}

void sim_queue_fini(struct sim_queue *q)
{
    mem_free(q->items);
    *q = (struct sim_queue){0};
}
