/* What became of a run: read from the store once it has ended. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/priv.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/time.h"
#include "engine/engine.h"
#include "home/home.h"
#include "model/dag.h"
#include "store/store.h"

struct reading {
    struct session *s;
    int64_t run_key;
    bool values;
    struct tw_result *r;
    struct dag *dag;
    struct err *e;
};

static int value_of(struct reading *x, struct result_task *t)
{
    struct store *st = x->s->store;
    struct xcom_row row;
    const char *text;
    size_t n;
    int rc = st->ops->get_xcom(st, &t->row.key, "return_value", &x->r->arena, &row, NULL);

    if (rc != 0) {
        return rc == -ERR_NOTFOUND ? 0
                                   : err_set(x->e, (enum err_code) - rc, "an XCom cannot be read");
    }
    rc = engine_read_xcom(x->s->home, &row, &x->r->arena, &text, &n, NULL);
    t->value = rc == 0 ? arena_strndup(&x->r->arena, text, n) : NULL;
    return 0;
}

static void add(struct reading *x, uint32_t task, const struct ti_row *row)
{
    struct result_task *t = &x->r->tasks[x->r->len++];

    t->task_id = arena_strdup(&x->r->arena, x->dag->tasks[task].task_id);
    if (row != NULL) {
        t->row = *row;
    } else {
        t->row = (struct ti_row){.key = {x->run_key, task, -1},
                                 .start_us = TIME_NONE,
                                 .end_us = TIME_NONE,
                                 .exit_code = -1};
    }
}

/* Rows come by (task, map_index); what has no row has not changed yet. */
static int add_all(struct reading *x, const struct ti_row *rows, size_t n)
{
    size_t k = 0;
    int rc = 0;

    x->r->tasks = arena_array(&x->r->arena, n + x->dag->tasks_len, sizeof *x->r->tasks);
    if (x->r->tasks == NULL) {
        return err_set(x->e, ERR_NOMEM, "out of memory for the result");
    }
    for (uint32_t t = 0; t < x->dag->tasks_len; t++) {
        if (k == n || rows[k].key.task != t) {
            add(x, t, NULL);
        }
        for (; k < n && rows[k].key.task == t; k++) {
            add(x, t, &rows[k]);
        }
    }
    for (size_t i = 0; rc == 0 && x->values && i < x->r->len; i++) {
        rc = value_of(x, &x->r->tasks[i]);
    }
    return rc;
}

static int read_it(void *arg)
{
    struct reading *x = arg;
    struct store *st = x->s->store;
    struct ti_row *rows = NULL;
    struct run_row run;
    size_t n = 0;
    int rc = st->ops->get_run(st, x->run_key, &x->r->arena, &run, x->e);

    if (rc == 0) {
        x->r->run_id = run.run_id;
        x->r->state = run.state;
        rc = home_load_version(x->s->store, run.version_key, &x->dag, x->e);
    }
    rc = rc == 0 ? st->ops->get_tis(st, x->run_key, 0, &x->r->arena, &rows, &n, x->e) : rc;
    return rc == 0 ? add_all(x, rows, n) : rc;
}

int api_result(struct session *s, int64_t run_key, bool values, struct tw_result **ret,
               struct err *e)
{
    struct reading x = {.s = s, .run_key = run_key, .values = values, .e = e};
    int rc;

    x.r = mem_zalloc(sizeof *x.r);
    if (x.r == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for the result");
    }
    arena_init(&x.r->arena, MiB(4096));
    rc = engine_on_store(s->engine, read_it, &x);
    dag_unref(x.dag);
    if (rc != 0) {
        tw_result_free(x.r);
        return rc;
    }
    *ret = x.r;
    return 0;
}

const char *tw_result_state(const tw_result *r)
{
    return run_state_to_string(r->state);
}

const char *tw_result_run_id(const tw_result *r)
{
    return r->run_id;
}

size_t tw_result_len(const tw_result *r)
{
    return r->len;
}

size_t tw_result_find(const tw_result *r, const char *task_id)
{
    size_t i = 0;

    while (i < r->len && strcmp(r->tasks[i].task_id, task_id) != 0) {
        i++;
    }
    return i;
}

const char *tw_result_task(const tw_result *r, size_t i)
{
    return i < r->len ? r->tasks[i].task_id : NULL;
}

int tw_result_map_index(const tw_result *r, size_t i)
{
    return i < r->len ? r->tasks[i].row.key.map_index : -1;
}

const char *tw_result_task_state(const tw_result *r, size_t i)
{
    return i < r->len ? task_state_to_string(r->tasks[i].row.state) : NULL;
}

int tw_result_tries(const tw_result *r, size_t i)
{
    return i < r->len ? r->tasks[i].row.try_number : 0;
}

int tw_result_exit_code(const tw_result *r, size_t i)
{
    return i < r->len ? r->tasks[i].row.exit_code : -1;
}

const char *tw_result_reason(const tw_result *r, size_t i)
{
    return i < r->len ? r->tasks[i].row.reason : NULL;
}

double tw_result_seconds(const tw_result *r, size_t i)
{
    const struct ti_row *row = i < r->len ? &r->tasks[i].row : NULL;

    return row != NULL && row->start_us != TIME_NONE && row->end_us != TIME_NONE
               ? (double)(row->end_us - row->start_us) / 1e6
               : 0;
}

const char *tw_result_value(const tw_result *r, size_t i)
{
    return i < r->len ? r->tasks[i].value : NULL;
}

void tw_result_free(tw_result *r)
{
    if (r != NULL) {
        arena_fini(&r->arena);
        mem_free(r);
    }
}
