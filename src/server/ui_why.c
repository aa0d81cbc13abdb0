/*
 * /ui/dags/{dag_id}/runs/{dag_run_id}/tasks/{task_id}/why: in words and as codes with what they are about. The scheduler is asked, which
 * alone knows who holds what; of a run that is not at work, or while none lives, a core of our own explains from the store (home/why.h).
 */
#include <string.h>

#include "base/mem.h"
#include "engine/engine.h"
#include "home/why.h"
#include "runtime/loop.h"
#include "server/ui.h"

struct why {
    struct call *c;
    struct api_run r;
    uint32_t task;
    int32_t map;
    uint8_t state;
    struct buf own; /* reasons of our own, with the array around them */
    struct json_writer w;
};

static const char *text_of(const struct value *v, const char *name)
{
    const struct value *m = value_get(v, name);

    return m != NULL && m->kind == VALUE_STRING ? m->text : NULL;
}

/* Where the page may go from a fact: what it is about. */
static void put_link(struct why *y, const char *code, const struct value *v)
{
    struct call *c = y->c;
    const struct value *names = value_get(v, "names");
    const char *name = text_of(v, "name");

    json_key(&c->w, "link");
    if (names != NULL && names->kind == VALUE_ARRAY && names->len > 0) {
        json_object(&c->w);
        put_text(c, "kind", "task");
        put_text(c, "task_id", names->elems[0]->text);
    } else if (strncmp(code, "pool", 4) == 0 && name != NULL) {
        json_object(&c->w);
        put_text(c, "kind", "pool");
        put_text(c, "name", name);
    } else if (strcmp(code, "past") == 0 && name != NULL) {
        json_object(&c->w);
        put_text(c, "kind", "run");
        put_text(c, "run_id", name);
    } else if (strstr(code, "backfill") != NULL) {
        json_object(&c->w);
        put_text(c, "kind", "backfill");
        json_key(&c->w, "id");
        json_value(&c->w, value_get(v, "n"));
    } else if (strstr(code, "paused") != NULL || strcmp(code, "run_queued_full") == 0) {
        json_object(&c->w);
        put_text(c, "kind", "dag");
    } else if (strcmp(code, "ended") == 0 || strcmp(code, "retry") == 0 ||
               strcmp(code, "running") == 0) {
        json_object(&c->w);
        put_text(c, "kind", "log");
    } else if (strcmp(code, "required_action") == 0) {
        json_object(&c->w);
        put_text(c, "kind", "required_action");
    } else {
        json_null(&c->w);
        return;
    }
    json_object_end(&c->w);
}

/* {"code", "text", "args": the rest, "link"} */
static void put_reason(struct why *y, const struct value *v)
{
    struct call *c = y->c;
    const char *code = text_of(v, "code"), *text = text_of(v, "text");
    int64_t at = TIME_NONE;

    if (code == NULL || text == NULL) {
        return;
    }
    json_object(&c->w);
    put_text(c, "code", code);
    put_text(c, "text", text);
    json_key(&c->w, "args");
    json_object(&c->w);
    for (size_t i = 0; i < v->len; i++) {
        const char *name = v->keys[i].text;

        if (strcmp(name, "at_us") == 0 && value_int(v->elems[i], 0, INT64_MAX, &at) == 0) {
            put_time(c, "at", at);
        } else if (strcmp(name, "code") != 0 && strcmp(name, "text") != 0) {
            json_key(&c->w, name);
            json_value(&c->w, v->elems[i]);
        }
    }
    json_object_end(&c->w);
    put_link(y, code, v);
    json_object_end(&c->w);
}

static void add_reason(void *arg, const struct sched_reason *r)
{
    struct why *y = arg;

    sched_reason_json(r, &y->w);
}

/* *ret NULL: the scheduler has no such run at work, or does not answer. SUSPENDS. */
static int ask(struct why *y, const struct value **ret, struct err *e)
{
    struct buf b BUF_CLEANUP = {0};
    struct value *answer = NULL;
    int rc;

    buf_init(&b, KiB(1));
    (void)buf_printf(&b, "\"run_key\":%lld,\"task\":%u,\"map_index\":%d",
                     (long long)y->r.run.run_key, y->task, y->map);
    rc = server_ask(y->c, "why", &b, &answer, e);
    *ret = rc == 0 && answer != NULL ? value_get(answer, "reasons") : NULL;
    return rc == -ERR_NOTFOUND || rc == -ERR_CLOSED || rc == -ERR_TIMEOUT ? 0 : rc;
}

static void add_simple(struct why *y, const char *code, const char *text)
{
    const struct sched_reason r = {.code = code, .text = text, .at_us = TIME_NONE};

    add_reason(y, &r);
}

static int explain(struct why *y, bool asked, struct err *e)
{
    struct store *s;
    struct why_facts f = {.arena = &y->c->arena,
                          .dag_row = &y->r.row,
                          .run = &y->r.run,
                          .dag = (struct dag *)(uintptr_t)y->r.dag,
                          .tis = y->r.tis,
                          .tis_len = y->r.tis_len};
    int rc = server_store(y->c, &s, e);

    f.store = s;
    if (rc == 0 && !asked) {
        if (!run_state_finished(y->r.run.state)) {
            add_simple(y, "scheduler",
                       "the scheduler does not answer: nothing starts until it does");
        }
        rc = home_why(&f, y->task, y->map, loop_wall_us(loop_current()), add_reason, y);
        rc = rc == -ERR_NOTFOUND ? 0 : rc;
    }
    if (rc == 0) {
        home_why_upstream(&f, y->task, y->map, add_reason, y);
    }
    return rc;
}

/* A question to a person that is open. */
static void ask_person(struct why *y)
{
    struct ti_key at = {y->r.run.run_key, y->task, y->map}, key = engine_record_key(&at);
    const struct value *response, *request;
    struct value *record;
    struct xcom_row row;
    struct store *s;

    if ((y->state != TASK_DEFERRED && y->state != TASK_RUNNING) ||
        server_store(y->c, &s, NULL) != 0 ||
        s->ops->get_xcom(s, &key, ENGINE_RECORD_HITL, &y->c->arena, &row, NULL) != 0 ||
        row.value == NULL ||
        value_parse(&y->c->arena, row.value, row.value_len, &record, NULL) != 0) {
        return;
    }
    response = value_get(record, "response");
    request = value_get(record, "request");
    if ((response == NULL || response->kind != VALUE_OBJECT) && request != NULL) {
        const char *subject = text_of(request, "subject");

        add_simple(
            y, "required_action",
            arena_printf(&y->c->arena, "waits for a person: %s", subject != NULL ? subject : ""));
    }
}

static int find(struct why *y, struct err *e)
{
    const struct task *t;
    bool found;
    int rc = api_open_run(y->c, &y->r, e);

    rc = rc == 0 ? api_find_task(y->c, &y->r, &t, &y->map, e) : rc;
    if (rc == 0) {
        y->task = t->index;
        y->state = api_ti(&y->r, y->task, y->map, &found).state;
    }
    return rc;
}

int ui_why(struct call *c, struct err *e)
{
    struct why y = {.c = c};
    const struct value *reasons = NULL;
    struct value *own = NULL;
    int rc = find(&y, e);

    rc = rc == 0 ? ask(&y, &reasons, e) : rc;
    rc = rc == 0 ? find(&y, e) : rc; /* after the pause */
    if (rc != 0) {
        return rc;
    }
    buf_init(&y.own, MiB(1));
    json_writer_init(&y.w, &y.own, 0);
    json_array(&y.w);
    rc = explain(&y, reasons != NULL, e);
    ask_person(&y);
    json_array_end(&y.w);
    rc = rc == 0 ? value_parse(&c->arena, buf_cstr(&y.own), y.own.len, &own, e) : rc;
    if (rc == 0) {
        json_object(&c->w);
        put_text(c, "state", y.state != TASK_NONE ? task_state_to_string(y.state) : NULL);
        put_text(c, "run_state", run_state_to_string(y.r.run.state));
        json_key(&c->w, "reasons");
        json_array(&c->w);
        for (size_t i = 0; reasons != NULL && i < reasons->len; i++) {
            put_reason(&y, reasons->elems[i]);
        }
        for (size_t i = 0; i < own->len; i++) {
            put_reason(&y, own->elems[i]);
        }
        json_array_end(&c->w);
        json_object_end(&c->w);
    }
    buf_fini(&y.own);
    return rc;
}
