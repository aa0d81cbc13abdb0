/* Which DAGs who asks may see or change: what lists of all DAGs, and of what belongs to them, leave out. */
#include <string.h>

#include "server/api.h"

int api_get_dags(struct call *c, bool changing, struct dag_row **ret, size_t *ret_n, struct err *e)
{
    struct store *s;
    size_t kept = 0;
    int rc = server_store(c, &s, e);

    rc = rc == 0 ? s->ops->get_dags(s, &c->arena, ret, ret_n, e) : rc;
    if (rc != 0 || !identity_is_limited(&c->who)) {
        return rc;
    }
    for (size_t i = 0; rc == 0 && i < *ret_n; i++) {
        const struct dag *d;

        rc = server_dag(c, (*ret)[i].version_key, &d, e);
        if (rc == 0 && (changing ? access_may_change(c, d) : access_sees(c, d))) {
            (*ret)[kept++] = (*ret)[i];
        }
    }
    *ret_n = kept;
    return rc;
}

int api_visible(struct call *c, struct api_visible *ret, struct err *e)
{
    *ret = (struct api_visible){.all = access_sees_all(c)};
    return ret->all ? 0 : api_get_dags(c, false, &ret->dags, &ret->len, e);
}

bool api_sees_id(const struct api_visible *v, const char *dag_id)
{
    size_t lo = 0, hi = v->len;

    while (!v->all && dag_id != NULL && lo < hi) { /* they are by dag_id */
        size_t mid = (lo + hi) / 2;
        int order = strcmp(v->dags[mid].dag_id, dag_id);

        if (order == 0) {
            return true;
        }
        lo = order < 0 ? mid + 1 : lo;
        hi = order < 0 ? hi : mid;
    }
    return v->all;
}

int api_dag_keys(struct call *c, const struct dag_row *dags, size_t n, const int64_t **ret,
                 struct err *e)
{
    int64_t *keys = arena_array(&c->arena, n + 1, sizeof *keys);

    for (size_t i = 0; keys != NULL && i < n; i++) {
        keys[i] = dags[i].dag_key;
    }
    *ret = keys;
    return keys != NULL ? 0 : err_set(e, ERR_NOMEM, "out of memory for DAGs");
}

int api_may(struct call *c, const struct dag_row *row, bool changing, struct err *e)
{
    const struct dag *d;
    int rc = identity_is_limited(&c->who) ? server_dag(c, row->version_key, &d, e) : 0;

    if (rc != 0 || !identity_is_limited(&c->who)) {
        return rc;
    }
    if (!access_sees(c, d)) {
        return -ERR_NOTFOUND;
    }
    return !changing || access_may_change(c, d)
               ? 0
               : err_set(e, ERR_PERM, "You may not change DAGs without one of your tags");
}

int api_files(struct call *c, struct api_files *ret, struct err *e)
{
    struct store *s;
    int rc;

    *ret = (struct api_files){0};
    rc = api_visible(c, &ret->v, e);
    if (rc != 0 || ret->v.all) {
        return rc;
    }
    rc = server_store(c, &s, e);
    return rc == 0 ? s->ops->get_dags(s, &c->arena, &ret->dags, &ret->dags_len, e) : rc;
}

enum api_known api_file_known(const struct api_files *f, const char *file)
{
    size_t seen = 0, hidden = 0;

    for (size_t i = 0; i < f->dags_len; i++) {
        if (f->dags[i].file != NULL && server_is_file(f->dags[i].file, file)) {
            seen += api_sees_id(&f->v, f->dags[i].dag_id);
            hidden += !api_sees_id(&f->v, f->dags[i].dag_id);
        }
    }
    return f->v.all || (seen != 0 && hidden == 0) ? API_ALL_OF_IT
           : seen != 0                            ? API_THAT_IT_IS
                                                  : API_NOTHING;
}
