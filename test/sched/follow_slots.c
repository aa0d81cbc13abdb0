/* Slots: where the follower keeps the tasks of a run and the instances of mapped ones. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/time.h"
#include "follow_priv.h"
#include "model/dag.h"

static void *checked(void *p)
{
    if (p == NULL) {
        abort();
    }
    return p;
}

const char *follow_key(const struct ti_key *k, char buf[64])
{
    if (k->map_index < 0) {
        snprintf(buf, 64, "run %lld t%u", (long long)k->run_key, k->task);
    } else {
        snprintf(buf, 64, "run %lld t%u[%d]", (long long)k->run_key, k->task, k->map_index);
    }
    return buf;
}

uint32_t follow_slot(const struct follow_run *run, const struct ti_key *key)
{
    if (key->task >= run->dag->tasks_len) {
        return UINT32_MAX;
    }
    if (key->map_index < 0) {
        return key->task;
    }
    return key->map_index < run->made[key->task] ? run->maps[key->task].slots[key->map_index]
                                                 : UINT32_MAX;
}

bool follow_counts(const struct follow_run *run, uint32_t slot)
{
    const struct ti_key *k = &run->at[slot];

    return k->map_index < 0 ? run->maps[k->task].len == 0 : k->map_index < run->maps[k->task].len;
}

const struct task *follow_task(const struct follow_run *run, uint32_t slot)
{
    return &run->dag->tasks[run->at[slot].task];
}

struct oracle_run follow_view(const struct follow_run *run)
{
    return (struct oracle_run){run->dag, run->states, run->maps};
}

static void *grown(void *old, uint32_t len, uint32_t cap, size_t size)
{
    char *p = checked(mem_realloc(old, cap * size));

    memset(p + len * size, 0, (cap - len) * size);
    return p;
}

uint32_t follow_slot_add(struct follow_run *run, uint32_t task, int32_t index)
{
    uint32_t i = run->len++;

    if (run->len > run->cap) {
        uint32_t cap = run->cap == 0 ? run->dag->tasks_len + 1 : run->cap * 2;

        run->at = grown(run->at, run->cap, cap, sizeof *run->at);
        run->states = grown(run->states, run->cap, cap, 1);
        run->tis = grown(run->tis, run->cap, cap, sizeof *run->tis);
        run->rows = grown(run->rows, run->cap, cap, sizeof *run->rows);
        run->left_out = grown(run->left_out, run->cap, cap, sizeof *run->left_out);
        run->cap = cap;
    }
    run->at[i] = (struct ti_key){run->run_key, task, index};
    run->tis[i].max_tries = (uint16_t)run->dag->tasks[task].retries;
    run->tis[i].next_us = run->tis[i].queued_us = TIME_NONE;
    return i;
}

uint32_t follow_make(struct follow_run *run, uint32_t task, int32_t index)
{
    struct oracle_map *m = &run->maps[task];

    if (index < 0) {
        return task;
    }
    while (run->made[task] <= index) {
        m->slots = checked(mem_realloc(m->slots, ((size_t)run->made[task] + 1) * sizeof *m->slots));
        m->slots[run->made[task]] = follow_slot_add(run, task, run->made[task]);
        run->made[task]++;
    }
    return m->slots[index];
}

void follow_expand(struct follow_run *run, uint32_t task, int32_t len)
{
    (void)follow_make(run, task, len - 1);
    run->maps[task].len = len;
    run->maps[task].empty = false;
}
