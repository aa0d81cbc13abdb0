#include "model/mapping.h"

#include <string.h>

#include "base/err.h"
#include "base/json.h"

static bool is(const struct value *v, const char *name)
{
    return v->kind == VALUE_OBJECT && v->len == 1 && strcmp(v->keys[0].text, name) == 0;
}

bool map_is_reference(const struct value *v)
{
    return is(v, "__xcom__") || is(v, "__map__") || is(v, "__zip__") || is(v, "__concat__");
}

/* The references of a __zip__ or __concat__. */
static int list_length(const struct value *v, map_xcom_fn fn, void *user, int64_t *ret)
{
    bool zip = is(v, "__zip__");
    const struct value *of =
        v->elems[0]->kind == VALUE_OBJECT ? value_get(v->elems[0], "of") : NULL;
    bool fill = zip && of != NULL && value_get(v->elems[0], "fillvalue") != NULL;
    int64_t total = 0;

    if (of == NULL || of->kind != VALUE_ARRAY) {
        return -ERR_INVALID;
    }
    for (size_t i = 0; i < of->len; i++) {
        int64_t n;
        int rc = map_value_length(of->elems[i], fn, user, &n);

        if (rc != 0) {
            return rc;
        }
        if (n == MAP_LEN_UNKNOWN) {
            *ret = n;
            return 0;
        }
        if (!zip) {
            total += n;
        } else if (i == 0 || (fill ? n > total : n < total)) {
            total = n;
        }
    }
    *ret = total < INT32_MAX ? total : INT32_MAX;
    return 0;
}

/* References nest at most as deep as JSON does. */
int map_value_length(const struct value *v, map_xcom_fn fn, void *user, int64_t *ret)
{
    if (is(v, "__xcom__")) {
        if (v->elems[0]->kind != VALUE_OBJECT) {
            return -ERR_INVALID;
        }
        if (fn != NULL) {
            return fn(user, v->elems[0], ret);
        }
        *ret = MAP_LEN_UNKNOWN;
        return 0;
    }
    if (is(v, "__map__")) {
        const struct value *of =
            v->elems[0]->kind == VALUE_OBJECT ? value_get(v->elems[0], "of") : NULL;

        return of != NULL ? map_value_length(of, fn, user, ret) : -ERR_INVALID;
    }
    if (is(v, "__zip__") || is(v, "__concat__")) {
        return list_length(v, fn, user, ret);
    }
    if (v->kind != VALUE_ARRAY && v->kind != VALUE_OBJECT) {
        return -ERR_INVALID;
    }
    *ret = (int64_t)v->len;
    return 0;
}

int map_length(const struct value *expand, const struct value *kwargs, map_xcom_fn fn, void *user,
               int64_t *ret)
{
    int64_t total = 1;
    bool unknown = false;

    if (expand == NULL) {
        return map_value_length(kwargs, fn, user, ret);
    }
    for (size_t i = 0; i < expand->len; i++) {
        int64_t n;
        int rc = map_value_length(expand->elems[i], fn, user, &n);

        if (rc != 0) {
            return rc;
        }
        unknown |= n == MAP_LEN_UNKNOWN;
        total = n == MAP_LEN_UNKNOWN ? total : total * n;
        total = total < INT32_MAX ? total : INT32_MAX;
    }
    *ret = unknown ? MAP_LEN_UNKNOWN : total;
    return 0;
}
