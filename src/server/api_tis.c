/* One task instance of a run: its tries, why it does not run. */
#include <stdio.h>
#include <string.h>

#include "server/api.h"

/* ---- one ---- */

int api_find_ti(struct call *c, struct api_run *r, struct ti_row *ret, struct err *e)
{
    const struct task *t;
    int32_t map;
    bool found;
    int rc = api_open_run(c, r, e);

    rc = rc == 0 ? api_find_task(c, r, &t, &map, e) : rc;
    if (rc == 0) {
        *ret = api_ti(r, t->index, map, &found);
    }
    if (rc == 0 && map < 0 && ret->map_len > 0) {
        return err_set(e, ERR_NOTFOUND,
                       "Task instance is mapped, add the map_index value to the URL");
    }
    return rc;
}

int api_ti_get(struct call *c, struct err *e)
{
    const char *rendered = NULL;
    struct api_run r = {0};
    struct ti_row t;
    struct store *s;
    int rc = api_find_ti(c, &r, &t, e);

    rc = rc == 0 ? server_store(c, &s, e) : rc;
    if (rc == 0) {
        rc = s->ops->get_rendered(s, &t.key, &c->arena, &rendered, e);
        rc = rc == -ERR_NOTFOUND ? 0 : rc;
    }
    if (rc == 0) {
        api_put_ti(c, NULL, &r, &t, rendered);
    }
    return rc;
}

/* ---- tries ---- */

/* The tries that ended and were followed by another, then the present one. */
static int tries_of(struct call *c, struct api_run *r, struct ti_row **ret, size_t *ret_n,
                    struct err *e)
{
    struct ti_row now, *old = NULL, *all;
    struct store *s;
    size_t n = 0;
    int rc = api_find_ti(c, r, &now, e);

    rc = rc == 0 ? server_store(c, &s, e) : rc;
    rc = rc == 0 ? s->ops->get_tries(s, &now.key, &c->arena, &old, &n, e) : rc;
    if (rc != 0) {
        return rc;
    }
    all = arena_array(&c->arena, n + 1, sizeof *all);
    if (all == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for tries");
    }
    for (size_t i = 0; i < n; i++) {
        all[i] = old[i];
    }
    if (now.try_number > 0 || now.state != TASK_NONE) {
        all[n++] = now;
    }
    *ret = all;
    *ret_n = n;
    return 0;
}

int api_ti_tries(struct call *c, struct err *e)
{
    struct api_run r = {0};
    struct ti_row *all;
    size_t n;
    int rc = tries_of(c, &r, &all, &n, e);

    if (rc == 0) {
        api_list(c, "task_instances");
        for (size_t i = 0; i < n; i++) {
            api_put_ti(c, NULL, &r, &all[i], NULL);
        }
        api_list_end(c, (int64_t)n);
    }
    return rc;
}

int api_ti_try(struct call *c, struct err *e)
{
    struct api_run r = {0};
    struct ti_row *all;
    size_t n = 0;
    long number = strtol(call_param(c, "task_try_number"), NULL, 10);
    int rc = tries_of(c, &r, &all, &n, e);

    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (all[i].try_number == number) {
            api_put_ti(c, NULL, &r, &all[i], NULL);
            return 0;
        }
    }
    return rc != 0 ? rc
                   : err_set(e, ERR_NOTFOUND, "Try %s of task `%s` was not found",
                             call_param(c, "task_try_number"), call_param(c, "task_id"));
}

/* Why it does not run: asked of the scheduler, in its words. */
int api_ti_dependencies(struct call *c, struct err *e)
{
    struct buf b BUF_CLEANUP = {0};
    struct json_writer w;
    struct api_run r = {0};
    struct ti_row t;
    struct value *answer = NULL;
    const struct value *text;
    int rc = api_find_ti(c, &r, &t, e);

    buf_init(&b, KiB(4));
    if (rc != 0) {
        return rc;
    }
    json_writer_init(&w, &b, 0);
    (void)buf_printf(&b, "\"run_key\":%lld,\"task\":%u,\"map_index\":%d", (long long)t.key.run_key,
                     t.key.task, t.key.map_index);
    rc = server_ask(c, "why", &b, &answer, e);
    text = rc == 0 && answer != NULL ? value_get(answer, "text") : NULL;
    if (rc != 0 && rc != -ERR_NOTFOUND) {
        return rc;
    }
    json_object(&c->w);
    json_key(&c->w, "dependencies");
    json_array(&c->w);
    for (const char *p = text != NULL ? text->text : ""; *p != '\0';) {
        size_t n = strcspn(p, "\n");

        json_object(&c->w);
        put_text(c, "name", "scheduler");
        json_key(&c->w, "reason");
        json_string_n(&c->w, p, n);
        json_object_end(&c->w);
        p += n + (p[n] == '\n');
    }
    json_array_end(&c->w);
    json_object_end(&c->w);
    return 0;
}
