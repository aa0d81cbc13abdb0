#include "access/limiter.h"

#include <sodium.h>
#include <string.h>

enum { BY_PAIR, BY_ADDRESS, BY_USER, KINDS };

/* So many fail without a pause; the next waits a second, then two, four ... up to max_us. */
static const struct {
    uint32_t free;
    int64_t max_us;
} rules[KINDS] = {
    [BY_PAIR] = {5, 15 * 60 * TIME_SECOND},
    [BY_ADDRESS] = {20, 15 * 60 * TIME_SECOND},
    [BY_USER] = {30, 60 * TIME_SECOND},
};

void limiter_init(struct limiter *l, const unsigned char secret[16])
{
    memset(l, 0, sizeof *l);
    memcpy(l->secret, secret, sizeof l->secret);
}

static uint64_t key_of(const struct limiter *l, int kind, const char *user, const char *address)
{
    crypto_generichash_state s;
    unsigned char k = (unsigned char)kind;
    uint64_t h = 0;
    unsigned char out[16];

    (void)crypto_generichash_init(&s, l->secret, sizeof l->secret, sizeof out);
    (void)crypto_generichash_update(&s, &k, 1);
    if (kind != BY_USER) {
        (void)crypto_generichash_update(&s, (const unsigned char *)address, strlen(address) + 1);
    }
    if (kind != BY_ADDRESS) {
        (void)crypto_generichash_update(&s, (const unsigned char *)user, strlen(user) + 1);
    }
    (void)crypto_generichash_final(&s, out, sizeof out);
    memcpy(&h, out, sizeof h);
    return h != 0 ? h : 1;
}

static bool matters_less(const struct limiter_slot *x, const struct limiter_slot *y)
{
    return x->failures != y->failures ? x->failures < y->failures : x->last_us < y->last_us;
}

/* Its slot; make: taken for it, if need be from another one. NULL: it has none. */
static struct limiter_slot *slot_of(struct limiter *l, uint64_t key, int64_t now_us, bool make)
{
    struct limiter_slot *set = &l->slots[key % (LIMITER_SLOTS / LIMITER_WAYS) * LIMITER_WAYS];
    struct limiter_slot *least = set;

    for (int i = 0; i < LIMITER_WAYS; i++) {
        struct limiter_slot *s = &set[i];

        if (s->key != 0 && now_us - s->last_us >= LIMITER_FORGET_US) {
            *s = (struct limiter_slot){0};
        }
        if (s->key == key) {
            return s;
        }
        if (s->key == 0 || (least->key != 0 && matters_less(s, least))) {
            least = s;
        }
    }
    if (!make) {
        return NULL;
    }
    *least = (struct limiter_slot){.key = key, .last_us = now_us};
    return least;
}

static void count(struct limiter_slot *s, int kind, int64_t now_us)
{
    uint32_t over;
    int64_t pause;

    s->failures += s->failures < UINT32_MAX;
    s->last_us = now_us;
    if (s->failures < rules[kind].free) {
        return;
    }
    over = s->failures - rules[kind].free;
    pause = over < 20 ? TIME_SECOND << over : rules[kind].max_us;
    s->until_us = now_us + (pause < rules[kind].max_us ? pause : rules[kind].max_us);
}

int64_t limiter_attempt(struct limiter *l, const char *user, const char *address, int64_t now_us)
{
    int64_t wait = 0;

    for (int kind = 0; kind < KINDS; kind++) {
        struct limiter_slot *s = slot_of(l, key_of(l, kind, user, address), now_us, false);

        wait = s != NULL && s->until_us - now_us > wait ? s->until_us - now_us : wait;
    }
    for (int kind = 0; wait == 0 && kind < KINDS; kind++) {
        count(slot_of(l, key_of(l, kind, user, address), now_us, true), kind, now_us);
    }
    return wait;
}

/* The address alone takes back only this one: a right password now and then frees nobody to guess others. */
void limiter_right(struct limiter *l, const char *user, const char *address)
{
    for (int kind = 0; kind < KINDS; kind++) {
        uint64_t key = key_of(l, kind, user, address);
        struct limiter_slot *set = &l->slots[key % (LIMITER_SLOTS / LIMITER_WAYS) * LIMITER_WAYS];

        for (int i = 0; i < LIMITER_WAYS; i++) {
            if (set[i].key == key && kind == BY_PAIR) {
                set[i] = (struct limiter_slot){0};
            } else if (set[i].key == key && set[i].failures > 0) {
                set[i].failures--;
                set[i].until_us = set[i].failures < rules[kind].free ? 0 : set[i].until_us;
            }
        }
    }
}
