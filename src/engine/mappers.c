/* See mappers.h for the invariants. */
#include "engine/mappers.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/time.h"
#include "engine/asking.h"
#include "engine/consumers.h"
#include "engine/engine_priv.h"
#include "model/dag.h"

#define ANSWERS_MAX   10000 /* then all are forgotten */
#define ANSWERS_BYTES MiB(64)
#define REFUSED_US    (60 * TIME_SECOND) /* then it is asked again */
#define TRIES         3                  /* to ask, where that fails */
#define TRY_US        (5 * TIME_SECOND)

struct answer {
    char key[PARTITION_KEY_MAX];
    const char *error; /* NULL: it is the key */
    int64_t at_us;
};

struct mappers {
    struct engine *g;
    struct map answers; /* of DAG, mapper and key: struct answer */
    struct arena arena;
    /* The last thing that was looked for and is not known. */
    bool wants;
    int64_t dag_key;
    struct buf dag_id, mapper, key;
};

struct mappers *mappers_new(struct engine *g)
{
    struct mappers *x = mem_zalloc(sizeof *x);

    if (x != NULL) {
        x->g = g;
        map_init(&x->answers);
        arena_init(&x->arena, ANSWERS_BYTES);
        buf_init(&x->dag_id, KiB(4));
        buf_init(&x->mapper, LIMIT_DOC_BYTES);
        buf_init(&x->key, KiB(4));
    }
    return x;
}

void mappers_forget(struct mappers *x)
{
    map_fini(&x->answers);
    map_init(&x->answers);
    arena_fini(&x->arena);
    arena_init(&x->arena, ANSWERS_BYTES);
}

void mappers_free(struct mappers *x)
{
    if (x != NULL) {
        map_fini(&x->answers);
        arena_fini(&x->arena);
        buf_fini(&x->dag_id);
        buf_fini(&x->mapper);
        buf_fini(&x->key);
        mem_free(x);
    }
}

/* ---- what was answered ---- */

static void name_of(struct buf *b, int64_t dag_key, const char *mapper, const char *key)
{
    (void)buf_printf(b, "%lld", (long long)dag_key);
    (void)buf_char(b, '\0');
    (void)buf_str(b, mapper);
    (void)buf_char(b, '\0');
    (void)buf_str(b, key);
}

static struct answer *find(struct mappers *x, int64_t dag_key, const char *mapper, const char *key)
{
    struct buf b BUF_CLEANUP;
    struct answer *a;

    buf_init(&b, LIMIT_DOC_BYTES);
    name_of(&b, dag_key, mapper, key);
    a = buf_status(&b) == 0 ? map_find(&x->answers, b.p, b.len) : NULL;
    return a != NULL && a->error != NULL && engine_now(x->g) - a->at_us > REFUSED_US ? NULL : a;
}

static int keep(struct mappers *x, int64_t dag_key, const char *mapper, const char *key,
                const char *to, const char *error)
{
    struct buf b BUF_CLEANUP;
    struct answer *a;
    char *name;
    int rc;

    if (x->answers.len >= ANSWERS_MAX) {
        mappers_forget(x);
    }
    buf_init(&b, LIMIT_DOC_BYTES);
    name_of(&b, dag_key, mapper, key);
    a = buf_status(&b) == 0 ? map_find(&x->answers, b.p, b.len) : NULL;
    if (a == NULL) {
        a = arena_alloc(&x->arena, sizeof *a);
        name = buf_status(&b) == 0 ? arena_alloc(&x->arena, b.len) : NULL;
        if (a == NULL || name == NULL) {
            return -ERR_NOMEM;
        }
        memcpy(name, b.p, b.len);
        rc = map_add(&x->answers, name, b.len, a, NULL);
        if (rc != 0) {
            return rc;
        }
    }
    a->at_us = engine_now(x->g);
    a->error = error != NULL ? arena_strndup(&x->arena, error, strnlen(error, 300)) : NULL;
    (void)snprintf(a->key, sizeof a->key, "%s", to);
    return error != NULL && a->error == NULL ? -ERR_NOMEM : 0;
}

int mappers_answered(void *of, const struct partition_mapper *m, const char *key,
                     char ret[PARTITION_KEY_MAX], struct err *e)
{
    const struct mapper_of *o = of;
    struct mappers *x = o->all;
    const struct answer *a = find(x, o->dag_key, m->data, key);

    if (a != NULL && a->error != NULL) {
        return err_set(e, ERR_INVALID, "%s", a->error);
    }
    if (a != NULL) {
        memcpy(ret, a->key, PARTITION_KEY_MAX);
        return 0;
    }
    x->wants = true;
    x->dag_key = o->dag_key;
    buf_clear(&x->dag_id);
    buf_clear(&x->mapper);
    buf_clear(&x->key);
    (void)buf_str(&x->dag_id, o->dag_id);
    (void)buf_str(&x->mapper, m->data);
    (void)buf_str(&x->key, key);
    return err_set(e, ERR_BUSY, "its mapper %.100s was not asked", m->type);
}

/* ---- asking ---- */

struct question {
    struct engine *g;
    struct arena arena;
    int64_t dag_key;
    const char *dag_id, *mapper, *key, *file;
};

/* On the store's thread. */
static int do_find_file(void *arg)
{
    struct question *q = arg;
    struct store *s = q->g->store;
    struct dag_row row;
    int rc = s->ops->find_dag(s, q->dag_id, &q->arena, &row, NULL);

    q->file = rc == 0 ? row.file : NULL;
    return rc == -ERR_NOTFOUND ? 0 : rc;
}

/* What was looked for last, of its own: others may look while it is asked about. */
static int take_question(struct mappers *x, struct question *q)
{
    const struct known_dag *k = register_known(x->g, x->dag_key);

    *q = (struct question){.g = x->g, .dag_key = x->dag_key};
    arena_init(&q->arena, LIMIT_DOC_BYTES + MiB(1));
    q->dag_id = arena_strdup(&q->arena, buf_cstr(&x->dag_id));
    q->mapper = arena_strdup(&q->arena, buf_cstr(&x->mapper));
    q->key = arena_strdup(&q->arena, buf_cstr(&x->key));
    q->file = k != NULL && k->dag->file != NULL ? arena_strdup(&q->arena, k->dag->file) : NULL;
    x->wants = false;
    return q->dag_id != NULL && q->mapper != NULL && q->key != NULL ? 0 : -ERR_NOMEM;
}

/* SUSPENDS. Whatever comes of it is kept as the answer, but for the end of this life. */
static int ask(struct mappers *x)
{
    char to[PARTITION_KEY_MAX] = "";
    struct err e = {0};
    struct question q;
    int rc = take_question(x, &q);

    if (rc == 0 && q.file == NULL) { /* its file was not read yet in this life */
        rc = engine_on_store(x->g, do_find_file, &q);
    }
    for (int i = 0; rc == 0 && i < TRIES; i++) {
        int asked = q.file == NULL ? err_set(&e, ERR_NOTFOUND, "its DAG has no file")
                                   : asking_partition(x->g, q.dag_id, q.file, q.mapper, q.key, to,
                                                      sizeof to, &e);

        if (asked == -ERR_CANCELED || asked == -ERR_CLOSED) {
            rc = asked;
        } else if (asked == 0 || asked == -ERR_INVALID || asked == -ERR_UNSUPPORTED ||
                   q.file == NULL || i + 1 == TRIES) {
            rc = keep(x, q.dag_key, q.mapper, q.key, to, asked == 0 ? NULL : err_str(&e));
            break;
        } else {
            log_warning("assets",
                        "DAG '%s': its partition mapper cannot be asked, it is tried again: %s",
                        q.dag_id, err_str(&e));
            rc = co_sleep(TRY_US);
        }
    }
    arena_fini(&q.arena);
    return rc;
}

/* ---- events ---- */

static int probe_row(struct engine *g, const struct asset_event_row *row, void *arg)
{
    (void)arg;
    consumers_probe(g, row);
    return 0;
}

bool mappers_wanted(struct engine *g, const struct asset_event_row *row)
{
    struct mappers *x = consumers_mappers(g);

    if (x == NULL) {
        return false;
    }
    x->wants = false;
    consumers_probe(g, row);
    return x->wants;
}

int mappers_ask_of(struct engine *g, const struct asset_event_row *row, struct err *e)
{
    int rc = 0;

    while (rc == 0 && mappers_wanted(g, row)) {
        rc = ask(consumers_mappers(g));
    }
    return rc == 0 ? 0 : err_set(e, (enum err_code) - rc, "a partition mapper was not asked");
}

/* Whether its events are to be asked about; then what is looked for is set. */
static bool wants(struct engine *g, const struct msg *m)
{
    struct mappers *x = consumers_mappers(g);

    if (x == NULL || m->end->outcome != WORKER_SUCCESS) {
        return false;
    }
    x->wants = false;
    (void)engine_each_asset_event(g, m->end, probe_row, NULL);
    return x->wants;
}

struct parked {
    struct engine *g;
    struct msg *m;
};

static int park_main(void *arg)
{
    struct parked *p = arg;
    int rc = 0;

    while (rc == 0 && wants(p->g, p->m)) {
        rc = ask(consumers_mappers(p->g));
    }
    if (rc == -ERR_CANCELED || rc == -ERR_CLOSED) {
        batch_free_message(p->g, p->m); /* its holder keeps it: the next life hears it again */
    } else {
        engine_post(p->g, p->m);
    }
    mem_free(p);
    return 0;
}

bool mappers_park(struct engine *g, struct msg *m)
{
    struct parked *p;

    if (!wants(g, m)) {
        return false;
    }
    p = mem_zalloc(sizeof *p);
    if (p != NULL) {
        p->g = g;
        p->m = m;
    }
    if (p == NULL || co_spawn(&g->group, "mapper", park_main, p, NULL, NULL) != 0) {
        mem_free(p);
        log_error("assets", "out of memory: a partition mapper is not asked");
        return false;
    }
    return true;
}
