#include "server/router.h"

#include <string.h>

#include "base/err.h"
#include "base/utf8.h"
#include "server/page.h"

static int hex(char ch)
{
    if (ch >= '0' && ch <= '9') {
        return ch - '0';
    }
    ch = (char)(ch | 0x20);
    return ch >= 'a' && ch <= 'f' ? ch - 'a' + 10 : -1;
}

/* %XX, and + as a space in a query. Text must come out: UTF-8 without NUL. NULL with c->bad set, or out of memory. */
static const char *decode(struct call *c, const char *s, size_t n, bool query)
{
    char *out = arena_alloc(&c->arena, n + 1);
    size_t len = 0;

    for (size_t i = 0; out != NULL && i < n; i++) {
        if (s[i] == '%') {
            int hi = i + 2 < n ? hex(s[i + 1]) : -1;
            int lo = i + 2 < n ? hex(s[i + 2]) : -1;

            if (hi < 0 || lo < 0 || (hi == 0 && lo == 0)) {
                c->bad = "The URL has a malformed %-escape";
                return NULL;
            }
            out[len++] = (char)(hi << 4 | lo);
            i += 2;
        } else {
            out[len++] = query && s[i] == '+' ? ' ' : s[i];
        }
    }
    if (out != NULL && !utf8_valid(out, len)) {
        c->bad = "The URL is not UTF-8";
        return NULL;
    }
    return out;
}

static int parse_query(struct call *c, const char *q)
{
    c->query = arena_array(&c->arena, CALL_QUERY_MAX, sizeof *c->query);
    if (c->query == NULL) {
        return -ERR_NOMEM;
    }
    while (*q != '\0') {
        size_t n = strcspn(q, "&"), eq = strcspn(q, "=&");
        struct call_pair *p;

        if (n != 0 && c->query_len == CALL_QUERY_MAX) {
            c->bad = "The URL has too many arguments";
            return 0;
        }
        p = &c->query[c->query_len];
        if (n != 0) {
            p->name = decode(c, q, eq, true);
            p->value = eq < n ? decode(c, q + eq + 1, n - eq - 1, true) : "";
            if (p->name == NULL || p->value == NULL) {
                return c->bad != NULL ? 0 : -ERR_NOMEM;
            }
            c->query_len++;
        }
        q += n + (q[n] == '&');
    }
    return 0;
}

struct segment {
    const char *p;
    size_t n;
};

static struct segment next_segment(const char **at)
{
    struct segment s;

    *at += **at == '/';
    s.p = *at;
    s.n = strcspn(*at, "/");
    *at += s.n;
    return s;
}

/* Compares without decoding; the segments of names are kept. */
static bool matches(const char *pattern, const char *path, struct segment *names,
                    struct segment *values, size_t *ret)
{
    size_t n = 0;

    while (*pattern != '\0' && *path != '\0') {
        struct segment want = next_segment(&pattern), is = next_segment(&path);

        if (want.n != 0 && want.p[0] == '{') {
            if (is.n == 0) {
                return false;
            }
            names[n] = (struct segment){want.p + 1, want.n - 2};
            values[n++] = is;
        } else if (want.n != is.n || memcmp(want.p, is.p, want.n) != 0) {
            return false;
        }
    }
    *ret = n;
    return *pattern == '\0' && *path == '\0';
}

static int take_params(struct call *c, const struct segment *names, const struct segment *values,
                       size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct call_pair *p = &c->params[i];

        p->name = arena_strndup(&c->arena, names[i].p, names[i].n);
        p->value = decode(c, values[i].p, values[i].n, false);
        if (p->name == NULL || p->value == NULL) {
            return c->bad != NULL ? 0 : -ERR_NOMEM;
        }
    }
    c->params_len = n;
    return 0;
}

/* A path without a name in it goes before one with: /assets/events is no asset. */
int router_parse(struct call *c, const char *method, const char *uri)
{
    struct segment names[CALL_PARAMS_MAX], values[CALL_PARAMS_MAX];
    const struct route *best = NULL;
    size_t n, best_n = 0, len = strcspn(uri, "?");
    char *path = arena_strndup(&c->arena, uri, len);

    if (path == NULL) {
        return -ERR_NOMEM;
    }
    if (len > 1 && path[len - 1] == '/') {
        path[len - 1] = '\0';
    }
    c->path = path;
    if (strcmp(method, "HEAD") == 0) {
        method = "GET";
    }
    for (size_t i = 0; i < routes_len; i++) {
        if (matches(routes[i].path, path, names, values, &n)) {
            bool same = strcmp(routes[i].method, method) == 0;

            c->wrong_method = c->wrong_method || !same;
            if (same && (best == NULL || n < best_n)) {
                best = &routes[i];
                best_n = n;
            }
        }
    }
    if (best != NULL) {
        int rc;

        c->route = best;
        c->wrong_method = false;
        (void)matches(best->path, path, names, values, &n);
        rc = take_params(c, names, values, n);
        if (rc != 0) {
            return rc;
        }
    }
    if (best == NULL && !c->wrong_method && strcmp(method, "GET") == 0 && page_wants(path)) {
        c->route = &page_route;
    }
    return uri[len] == '?' && c->bad == NULL ? parse_query(c, uri + len + 1) : 0;
}

const char *router_allowed(struct call *c)
{
    struct segment names[CALL_PARAMS_MAX], values[CALL_PARAMS_MAX];
    struct buf b BUF_CLEANUP = {0};
    size_t n;

    buf_init(&b, 256);
    for (size_t i = 0; i < routes_len; i++) {
        if (matches(routes[i].path, c->path, names, values, &n)) {
            (void)buf_printf(&b, "%s%s", b.len != 0 ? ", " : "", routes[i].method);
        }
    }
    return arena_strdup(&c->arena, buf_cstr(&b));
}
