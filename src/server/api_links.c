/* Links of an instance to other systems: those that its operator made (XComs "_link_NAME"), and where its logs stand elsewhere. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/api.h"

static const char prefix[] = "_link_";

/* As the operator's class is named, or as its text says. */
static int put_link(struct call *c, struct store *s, const struct ti_key *key, const char *name,
                    int64_t *total)
{
    struct xcom_row row;
    struct value *v = NULL;

    /* A spilled one is no address. */
    if (s->ops->get_xcom(s, key, name, &c->arena, &row, NULL) == 0 && row.value != NULL &&
        value_parse(&c->arena, row.value, row.value_len, &v, NULL) == 0 &&
        v->kind == VALUE_STRING) {
        put_text(c, name + strlen(prefix), v->text);
        *total += 1;
    }
    return 0;
}

int api_extra_links(struct call *c, struct err *e)
{
    struct xcom_row *rows;
    struct api_run r = {0};
    struct ti_row t;
    struct store *s;
    int64_t total = 0;
    size_t n = 0;
    int rc = api_find_ti(c, &r, &t, e);

    rc = rc == 0 ? server_store(c, &s, e) : rc;
    rc = rc == 0 ? s->ops->get_xcoms(s, &t.key, &c->arena, &rows, &n, e) : rc;
    if (rc != 0) {
        return rc;
    }
    json_object(&c->w);
    json_key(&c->w, "extra_links");
    json_object(&c->w);
    for (size_t i = 0; i < n; i++) {
        if (strncmp(rows[i].name, prefix, strlen(prefix)) == 0) {
            (void)put_link(c, s, &t.key, rows[i].name, &total);
        }
    }
    json_object_end(&c->w);
    put_int(c, "total_entries", total);
    json_object_end(&c->w);
    return 0;
}

/* ---- logs elsewhere ---- */

/* For one segment or argument of a URL. */
static void put_encoded(struct buf *b, const char *text)
{
    for (const char *p = text; *p != '\0'; p++) {
        unsigned char ch = (unsigned char)*p;

        if ((ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') ||
            strchr("-._~", ch) != NULL) {
            (void)buf_char(b, *p);
        } else {
            (void)buf_printf(b, "%%%02X", ch);
        }
    }
}

/* {name} stands for a value; any other brace for itself. */
static void fill(struct buf *b, const char *pattern, const struct call_pair *values, size_t n)
{
    for (const char *p = pattern; *p != '\0'; p++) {
        const char *end = *p == '{' ? strchr(p, '}') : NULL;
        size_t k = 0;

        while (end != NULL && k < n &&
               (strlen(values[k].name) != (size_t)(end - p - 1) ||
                strncmp(values[k].name, p + 1, (size_t)(end - p - 1)) != 0)) {
            k++;
        }
        if (end != NULL && k < n) {
            put_encoded(b, values[k].value);
            p = end;
        } else {
            (void)buf_char(b, *p);
        }
    }
}

int api_external_log(struct call *c, struct err *e)
{
    const char *pattern = c->thread->server->config.external_log_url;
    const char *number = call_param(c, "try_number");
    char index[16];
    struct buf b BUF_CLEANUP = {0};
    struct api_run r = {0};
    struct ti_row t;
    int rc = api_find_ti(c, &r, &t, e);

    if (rc == 0 && (pattern == NULL || pattern[0] == '\0')) {
        return err_set(e, ERR_INVALID, "Task log handler does not support external logs.");
    }
    if (rc != 0) {
        return rc;
    }
    (void)snprintf(index, sizeof index, "%d", t.key.map_index);
    buf_init(&b, KiB(64));
    fill(&b, pattern,
         (struct call_pair[]){{"dag_id", r.row.dag_id},
                              {"run_id", r.run.run_id},
                              {"task_id", call_param(c, "task_id")},
                              {"map_index", index},
                              {"try_number", number}},
         5);
    json_object(&c->w);
    put_text(c, "url", buf_cstr(&b));
    json_object_end(&c->w);
    return 0;
}
