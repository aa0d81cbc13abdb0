/* Who likes which DAG, and a DAG file that is to be read now. */
#include <string.h>

#include "engine/settings.h"
#include "server/api.h"

static int set(struct call *c, const char *op, bool *ret_found, bool *ret_later, struct err *e)
{
    const struct value *found;
    struct buf b BUF_CLEANUP = {0};
    struct json_writer w;
    struct value *answer = NULL;
    int rc;

    api_command(c, &b, &w);
    json_key(&w, "op");
    json_string(&w, op);
    json_key(&w, "dag_id");
    json_string(&w, call_param(c, "dag_id"));
    rc = api_send(c, "settings", &b, &w, &answer, ret_later, e);
    found = rc == 0 && answer != NULL ? value_get(answer, "found") : NULL;
    *ret_found = found == NULL || (found->kind == VALUE_BOOL && found->boolean);
    if (rc == 0 && !*ret_later) {
        c->status = 204;
    }
    return rc;
}

int api_favorite(struct call *c, struct err *e)
{
    struct dag_row row;
    bool found, later = false;
    int rc = api_find_dag(c, &row, e);

    return rc == 0 ? set(c, "favorite_set", &found, &later, e) : rc;
}

int api_unfavorite(struct call *c, struct err *e)
{
    struct dag_row row;
    bool found = true, later = false;
    int rc = api_find_dag(c, &row, e);

    rc = rc == 0 ? set(c, "favorite_delete", &found, &later, e) : rc;
    return rc == 0 && !found ? err_set(e, ERR_CONFLICT, "Dag is not marked as favorite") : rc;
}

bool api_is_favorite(struct call *c, const char *dag_id)
{
    struct setting_row *rows;
    struct store *s;
    size_t n = 0;
    const char *name = arena_printf(&c->arena, "%s\n%s", c->actor, dag_id);

    return name != NULL && server_store(c, &s, NULL) == 0 &&
           s->ops->get_settings(s, SETTING_FAVORITE, name, &c->arena, &rows, &n, NULL) == 0 &&
           n == 1;
}

/* The folder or repository that the file is in is looked at by now: what has changed is read. */
int api_parse_file(struct call *c, struct err *e)
{
    struct parsed_dag_row *rows;
    struct buf b BUF_CLEANUP = {0};
    struct json_writer w;
    struct value *answer;
    struct store *s;
    size_t n = 0;
    bool later = false;
    int rc = server_store(c, &s, e);

    rc = rc == 0 ? s->ops->get_parsed_dags(s, call_param(c, "file_token"), &c->arena, &rows, &n, e)
                 : rc;
    if (rc == 0 && n != 1) {
        return err_set(e, ERR_NOTFOUND, "File not found");
    }
    if (rc != 0) {
        return rc;
    }
    api_command(c, &b, &w);
    json_key(&w, "op");
    json_string(&w, "refresh");
    json_key(&w, "name");
    json_string(&w, rows[0].bundle);
    rc = api_send(c, "bundles", &b, &w, &answer, &later, e);
    if (rc == 0 && !later) {
        c->status = 201;
        json_null(&c->w);
    }
    return rc;
}
