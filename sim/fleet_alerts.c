/*
 * Who is to be told of what, beside the engine: counted from the transitions and runs that are durable. Each is owed once to each channel of
 * a rule; the rows of the store must add up to it after every life, and in the end each is sent, or given up.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alert/alert.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/time.h"
#include "fleet.h"
#include "model/alert.h"
#include "model/dag.h"
#include "runtime/loop.h"
#include "store/store.h"

static const char config[] =
    "{\"channels\":{\"c1\":{\"type\":\"command\",\"command\":[\"x\"],\"interval\":2,\"retries\":3,"
    "\"retry_delay\":1},\"c2\":{\"type\":\"command\",\"command\":[\"x\"],\"interval\":1,"
    "\"retries\":1,\"retry_delay\":1}},"
    "\"rules\":[{\"on\":[\"task_failure\",\"run_failure\"],\"channels\":\"c1\"},"
    "{\"on\":[\"task_retry\",\"run_success\",\"run_failure\"],\"channels\":[\"c2\",\"c1\"]}]}";

/* The same rules once more. */
static const struct {
    const char *kind, *channels[2];
} rules[] = {
    {"task_failure", {"c1"}},      {"task_retry", {"c1", "c2"}}, {"run_failure", {"c1", "c2"}},
    {"run_success", {"c1", "c2"}}, {"deadline_missed", {"c2"}}, /* its own channel */
};

static struct fleet *sender;

struct alert_config *fleet_alert_config(void)
{
    struct alert_config *c = NULL;
    struct value *v = NULL;
    struct err e = {0};
    struct arena a;

    arena_init(&a, MiB(1));
    if (value_parse(&a, config, strlen(config), &v, &e) != 0 ||
        alert_config_parse(v, NULL, &c, &e) != 0) {
        (void)fprintf(stderr, "fleet: %s\n", err_str(&e));
        abort();
    }
    arena_fini(&a);
    return c;
}

void fleet_sender(struct fleet *f)
{
    sender = f;
}

/* ---- what is owed ---- */

static void owe_one(struct fleet *f, const char *channel, const char *kind, const char *dag_id,
                    const char *run_id, const char *task_id)
{
    struct fleet_owed fresh = {.channel = channel, .kind = kind, .dag_id = dag_id, .count = 1};

    for (size_t i = 0; i < f->owed_len; i++) {
        struct fleet_owed *o = &f->owed[i];

        if (o->channel == channel && o->kind == kind && strcmp(o->dag_id, dag_id) == 0 &&
            strcmp(o->run_id, run_id) == 0 && strcmp(o->task_id, task_id) == 0) {
            o->count++;
            return;
        }
    }
    fresh.run_id = mem_strdup(run_id);
    fresh.task_id = mem_strdup(task_id);
    if (fresh.run_id == NULL || fresh.task_id == NULL ||
        VEC_PUSH(f->owed, f->owed_len, f->owed_cap, fresh) != 0) {
        abort();
    }
}

void fleet_owe(struct fleet *f, const char *kind, const char *dag_id, const char *run_id,
               const char *task_id)
{
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        for (size_t k = 0; strcmp(rules[i].kind, kind) == 0 && k < 2; k++) {
            if (rules[i].channels[k] != NULL) {
                owe_one(f, rules[i].channels[k], rules[i].kind, dag_id, run_id, task_id);
            }
        }
    }
}

/* ---- the way out ---- */

static struct fleet_message *message_of(struct fleet *f, const struct alert_message *m)
{
    struct buf text BUF_CLEANUP;
    struct fleet_message fresh = {.sent = false};

    buf_init(&text, MiB(4));
    alert_put_json(m, &text);
    fresh.content = hash_bytes(buf_cstr(&text), text.len);
    (void)snprintf(fresh.id, sizeof fresh.id, "%s", m->id);
    for (size_t i = 0; i < f->messages_len; i++) {
        if (strcmp(f->messages[i].id, m->id) == 0) {
            if (f->messages[i].content != fresh.content) {
                world_fail(&f->w, "message %s says something else when it is sent again", m->id);
            }
            return &f->messages[i];
        }
    }
    if (VEC_PUSH(f->messages, f->messages_len, f->messages_cap, fresh) != 0) {
        abort();
    }
    return &f->messages[f->messages_len - 1];
}

/* R1: what is sent is durable as a part of this message. */
static void check_durable(struct fleet *f, const struct alert_message *m)
{
    const struct alert_query q = {.states = 1u << ALERT_SENDING};
    struct alert_row *rows;
    struct arena a;
    size_t n = 0, mine = 0;

    arena_init(&a, MiB(64));
    if (f->w.store->ops->get_alerts(f->w.store, &q, &a, &rows, &n, NULL) != 0) {
        n = 0;
    }
    for (size_t i = 0; i < n; i++) {
        mine += uuid_cmp(&rows[i].message, &m->rows[0].message) == 0;
    }
    if (mine != m->len) {
        world_fail(&f->w, "R1: a message of %zu alerts is sent, %zu of them are durable in it",
                   m->len, mine);
    }
    arena_fini(&a);
}

int fleet_send(void *arg, const struct alert_channel *c, const struct alert_message *m,
               bool *ret_final, struct err *e)
{
    struct fleet *f = sender;
    size_t at = (size_t)(message_of(f, m) - f->messages);
    int rc = 0;

    (void)arg;
    *ret_final = false;
    check_durable(f, m);
    world_trace(&f->w, "message of %zu to %s", m->len, c->name);
    if (world_fault(&f->w, 6)) { /* a server that does not answer */
        rc = co_sleep(20 * TIME_SECOND);
    }
    if (rc == 0 && world_fault(&f->w, 4)) {
        *ret_final = world_fault(&f->w, 4);
        return err_set(e, ERR_IO, "the server answered 500");
    }
    f->messages[at].sent = f->messages[at].sent || rc == 0;
    return rc;
}

/* ---- what must hold ---- */

static bool is_of(const struct fleet_owed *o, const struct alert_row *r)
{
    return strcmp(o->channel, r->channel) == 0 && strcmp(o->kind, r->kind) == 0 &&
           strcmp(o->dag_id, r->dag_id) == 0 && strcmp(o->run_id, r->run_id) == 0 &&
           strcmp(o->task_id, r->task_id != NULL ? r->task_id : "") == 0;
}

static void check_row(struct fleet *f, const struct alert_row *r)
{
    char id[UUID_TEXT_MAX];
    bool sent = false;

    for (size_t i = 0; i < f->messages_len; i++) {
        sent = sent || (f->messages[i].sent &&
                        strcmp(f->messages[i].id, uuid_format(&r->message, id)) == 0);
    }
    if (r->state != ALERT_SENT && r->state != ALERT_FAILED) {
        world_fail(&f->w, "L1: alert %lld (%s of %s to %s) waits for ever", (long long)r->alert_key,
                   r->kind, r->run_id, r->channel);
    } else if (r->state == ALERT_SENT && !sent) {
        world_fail(&f->w, "alert %lld (%s of %s to %s) is called sent, and was not",
                   (long long)r->alert_key, r->kind, r->run_id, r->channel);
    }
}

void fleet_check_alerts(struct fleet *f, bool ended)
{
    const struct alert_query q = {.limit = 0};
    struct alert_row *rows;
    struct arena a;
    size_t n = 0;
    int64_t all = 0, owed = 0;

    if ((f->features & FLEET_ALERTS) == 0) {
        return;
    }
    arena_init(&a, MiB(256));
    if (f->w.store->ops->get_alerts(f->w.store, &q, &a, &rows, &n, NULL) != 0) {
        world_fail(&f->w, "the alerts cannot be read");
        n = 0;
    }
    for (size_t i = 0; i < n; i++) {
        all += rows[i].count;
        if (ended) {
            check_row(f, &rows[i]);
        }
    }
    for (size_t i = 0; i < f->owed_len; i++) {
        const struct fleet_owed *o = &f->owed[i];
        int64_t told = 0;

        owed += o->count;
        for (size_t k = 0; k < n; k++) {
            told += is_of(o, &rows[k]) ? rows[k].count : 0;
        }
        if (told != o->count) {
            world_fail(&f->w, "%s of run %s task '%s': %lld alerts to %s are owed, there are %lld",
                       o->kind, o->run_id, o->task_id, (long long)o->count, o->channel,
                       (long long)told);
        }
    }
    if (all != owed) {
        world_fail(&f->w, "%lld alerts are owed, there are %lld", (long long)owed, (long long)all);
    }
    arena_fini(&a);
}

bool fleet_alerts_wait(struct fleet *f)
{
    const struct alert_query q = {.states = 1u << ALERT_PENDING | 1u << ALERT_SENDING, .limit = 1};
    struct alert_row *rows;
    struct arena a;
    size_t n = 0;

    arena_init(&a, MiB(1));
    if (f->w.store->ops->get_alerts(f->w.store, &q, &a, &rows, &n, NULL) != 0) {
        n = 1;
    }
    arena_fini(&a);
    return n > 0;
}
