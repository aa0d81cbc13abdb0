/* type://login:password@host:port/schema?extra, read and written as Airflow does. */
#include <ctype.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "secret/connection.h"

#define EXTRA_KEY "__extra__"

struct span {
    const char *p;
    size_t n;
};

struct uri {
    struct arena *a;
    struct value *c;
    int rc; /* the first failure */
};

static int invalid(struct err *e)
{
    return err_set(e, ERR_INVALID,
                   "the URI of a connection must be type://login:password@host:port/schema?extra");
}

static int hex(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : isxdigit((unsigned char)c) ? (c | 32) - 'a' + 10 : -1;
}

/* How many bytes at p begin a character of UTF-8; *ret_whole: all of it is there. What can begin none is one byte. */
static size_t character(const unsigned char *p, size_t n, bool *ret_whole)
{
    size_t len = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    unsigned char low = p[0] == 0xe0 ? 0xa0 : p[0] == 0xf0 ? 0x90 : 0x80;
    unsigned char high = p[0] == 0xed ? 0x9f : p[0] == 0xf4 ? 0x8f : 0xbf;
    size_t i = 1;

    len = p[0] > 0xf4 ? 0 : len;
    while (i < len && i < n && p[i] >= low && p[i] <= high) {
        low = 0x80;
        high = 0xbf;
        i++;
    }
    *ret_whole = len != 0 && i == len;
    return i;
}

/* What is no UTF-8 becomes U+FFFD, as Python decodes it. */
static struct span replaced(struct arena *a, struct span in)
{
    char *out = arena_alloc(a, in.n * 3 + 1);
    size_t n = 0;

    for (size_t i = 0; out != NULL && in.p != NULL && i < in.n;) {
        bool whole;
        size_t len = character((const unsigned char *)in.p + i, in.n - i, &whole);

        memcpy(out + n, whole ? in.p + i : "\xef\xbf\xbd", whole ? len : 3);
        n += whole ? len : 3;
        i += len;
    }
    return (struct span){in.p != NULL ? out : NULL, n};
}

/* Percent-decoded, in the arena; what is no escape stays. plus: `+` is a space. */
static struct span decoded(struct arena *a, struct span in, bool plus)
{
    char *out = arena_alloc(a, in.n + 1);
    size_t n = 0;

    for (size_t i = 0; out != NULL && i < in.n; i++) {
        if (in.p[i] == '%' && i + 2 < in.n && hex(in.p[i + 1]) >= 0 && hex(in.p[i + 2]) >= 0) {
            out[n++] = (char)(hex(in.p[i + 1]) << 4 | hex(in.p[i + 2]));
            i += 2;
        } else {
            out[n++] = plus && in.p[i] == '+' ? ' ' : in.p[i];
        }
    }
    return replaced(a, (struct span){out, n});
}

static void set(struct uri *u, const char *name, struct span text)
{
    struct value *v = text.p != NULL ? value_string(u->a, text.p, text.n) : NULL;

    if (u->rc == 0) {
        u->rc = v == NULL                              ? -ERR_NOMEM
                : memchr(text.p, '\0', text.n) != NULL ? -ERR_INVALID
                                                       : value_set(u->a, u->c, name, v);
    }
}

/* Splits at the first c: *ret_rest is what is behind it (p NULL: there is none). */
static struct span cut(struct span s, char c, struct span *ret_rest)
{
    const char *at = s.n != 0 ? memchr(s.p, c, s.n) : NULL;

    *ret_rest =
        at != NULL ? (struct span){at + 1, (size_t)(s.p + s.n - at - 1)} : (struct span){NULL, 0};
    return at != NULL ? (struct span){s.p, (size_t)(at - s.p)} : s;
}

static struct span lower(struct arena *a, struct span s)
{
    char *p = arena_strndup(a, s.p, s.n);

    for (size_t i = 0; p != NULL && i < s.n; i++) {
        p[i] = (char)tolower((unsigned char)p[i]);
    }
    return (struct span){p, s.n};
}

static void set_port(struct uri *u, struct span port)
{
    struct value *v;
    int64_t n;
    char *text;

    if (port.p == NULL || port.n == 0 || u->rc != 0) {
        return;
    }
    while (port.n > 1 && port.p[0] == '0') {
        port.p++;
        port.n--;
    }
    text = arena_strndup(u->a, port.p, port.n);
    v = text != NULL ? value_number_text(u->a, text) : NULL;
    if (v == NULL) {
        u->rc = -ERR_NOMEM;
    } else if (strspn(text, "0123456789") != port.n || value_int(v, 0, 65535, &n) != 0) {
        u->rc = -ERR_INVALID;
    } else {
        u->rc = value_set(u->a, u->c, "port", v);
    }
}

/* Small letters up to the first `%`: what follows is a zone to urllib, by whose rules these URIs are written. One with `/` in it (a
 * socket's path, quoted) keeps its capitals. */
static void set_host(struct uri *u, struct span host, struct span protocol)
{
    struct span zone, before = cut(host, '%', &zone), small = lower(u->a, host), text;
    char *whole;

    if (zone.p != NULL && small.p != NULL) {
        memcpy((char *)small.p + before.n, host.p + before.n, host.n - before.n);
    }
    text = decoded(u->a, small, false);

    if (text.p != NULL && memchr(text.p, '/', text.n) != NULL) {
        text = decoded(u->a, host, false);
    }
    if (text.p == NULL) {
        u->rc = -ERR_NOMEM;
    } else if (text.n != 0 && protocol.p != NULL && u->rc == 0) {
        struct span low = lower(u->a, protocol);

        whole = arena_alloc(u->a, low.n + 3 + text.n + 1);
        if (low.p == NULL || whole == NULL) {
            u->rc = -ERR_NOMEM;
            return;
        }
        memcpy(whole, low.p, low.n);
        memcpy(whole + low.n, "://", 3);
        memcpy(whole + low.n + 3, text.p, text.n);
        set(u, "host", (struct span){whole, low.n + 3 + text.n});
    } else if (text.n != 0) {
        set(u, "host", text);
    }
}

static void set_place(struct uri *u, struct span place, struct span protocol)
{
    const char *at = place.n != 0 ? memrchr(place.p, '@', place.n) : NULL;
    struct span host = place, port, user, password;

    if (at != NULL) {
        user = cut((struct span){place.p, (size_t)(at - place.p)}, ':', &password);
        host = (struct span){at + 1, (size_t)(place.p + place.n - at - 1)};
        set(u, "login", decoded(u->a, user, false));
        if (password.p != NULL) {
            set(u, "password", decoded(u->a, password, false));
        }
    }
    if (host.n != 0 && host.p[0] == '[') {
        host = cut((struct span){host.p + 1, host.n - 1}, ']', &port);
        if (port.p == NULL || (port.n != 0 && port.p[0] != ':')) {
            u->rc = u->rc == 0 ? -ERR_INVALID : u->rc;
            return;
        }
        port = port.n != 0 ? (struct span){port.p + 1, port.n - 1} : port;
    } else {
        host = cut(host, ':', &port);
    }
    set_host(u, host, protocol);
    set_port(u, port);
}

static struct value *find_member(struct value *o, struct span name)
{
    for (size_t i = 0; i < o->len; i++) {
        if (o->keys[i].len == name.n && memcmp(o->keys[i].text, name.p, name.n) == 0) {
            return o->elems[i];
        }
    }
    return NULL;
}

/* One k=v of the query; the last of a key counts. */
static void add_parameter(struct uri *u, struct value *query, struct span part)
{
    struct span text, key = cut(part, '=', &text);
    struct value *v, *old;

    key = decoded(u->a, key, true);
    text = text.p != NULL ? decoded(u->a, text, true) : (struct span){"", 0};
    v = key.p != NULL && text.p != NULL ? value_string(u->a, text.p, text.n) : NULL;
    if (v == NULL) {
        u->rc = -ERR_NOMEM;
    } else if (memchr(key.p, '\0', key.n) != NULL || memchr(text.p, '\0', text.n) != NULL) {
        u->rc = -ERR_INVALID;
    } else if ((old = find_member(query, key)) != NULL) {
        *old = *v;
    } else {
        u->rc = value_set(u->a, query, key.p, v);
    }
}

static void set_extra(struct uri *u, struct span text)
{
    struct value *query = value_new(u->a, VALUE_OBJECT), *whole;
    struct buf b BUF_CLEANUP;
    struct json_writer w;
    struct span part;

    buf_init(&b, LIMIT_SETTING_BYTES * 8);
    u->rc = u->rc == 0 && query == NULL ? -ERR_NOMEM : u->rc;
    while (u->rc == 0 && text.p != NULL) {
        part = cut(text, '&', &text);
        if (part.n != 0) {
            add_parameter(u, query, part);
        }
    }
    if (u->rc != 0 || query->len == 0) {
        return;
    }
    whole = value_get(query, EXTRA_KEY);
    if (whole != NULL && whole->len != 0) {
        set(u, "extra", (struct span){whole->text, whole->len});
        return;
    }
    json_writer_init(&w, &b, 0);
    json_value(&w, query);
    u->rc = buf_status(&b);
    set(u, "extra", (struct span){buf_cstr(&b), b.len});
}

static bool is_scheme(struct span s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!isalnum((unsigned char)s.p[i]) && strchr("+-.", s.p[i]) == NULL) {
            return false;
        }
    }
    return s.n != 0 && isalpha((unsigned char)s.p[0]);
}

static void set_type(struct uri *u, struct span scheme)
{
    struct span type = lower(u->a, scheme);

    for (size_t i = 0; i < scheme.n; i++) {
        if (!isalnum((unsigned char)scheme.p[i]) && strchr("+-._", scheme.p[i]) == NULL) {
            u->rc = u->rc == 0 ? -ERR_INVALID : u->rc;
        }
    }
    for (size_t i = 0; type.p != NULL && i < type.n; i++) {
        if (type.p[i] == '-') {
            ((char *)type.p)[i] = '_';
        }
    }
    if (type.n == 10 && type.p != NULL && memcmp(type.p, "postgresql", 10) == 0) {
        type = (struct span){"postgres", 8};
    }
    if (type.n != 0) {
        set(u, "conn_type", type);
    }
}

int connection_parse_uri(const char *uri, struct arena *a, struct value **ret, struct err *e)
{
    const char *sep = strstr(uri, "://"), *inner;
    struct uri u = {.a = a, .c = value_new(a, VALUE_OBJECT)};
    struct span rest, query, ignored, protocol = {NULL, 0}, place;

    if (sep == NULL) {
        return invalid(e);
    }
    u.rc = u.c == NULL ? -ERR_NOMEM : 0;
    set_type(&u, (struct span){uri, (size_t)(sep - uri)});
    rest = (struct span){sep + 3, strlen(sep + 3)};
    inner = strstr(rest.p, "://");
    if (inner != NULL) { /* type://protocol://host: the protocol belongs to the host */
        protocol = (struct span){rest.p, (size_t)(inner - rest.p)};
        if (!is_scheme(protocol) || strstr(inner + 3, "://") != NULL) {
            return invalid(e);
        }
        rest = (struct span){inner + 3, strlen(inner + 3)};
    }
    rest = cut(rest, '#', &ignored);
    rest = cut(rest, '?', &query);
    place = cut(rest, '/', &rest);
    set_place(&u, place, protocol);
    if (rest.n != 0) {
        set(&u, "schema", decoded(a, rest, false));
    }
    set_extra(&u, query);
    *ret = u.c;
    return u.rc == -ERR_NOMEM ? err_set(e, ERR_NOMEM, "out of memory for a connection")
           : u.rc != 0        ? invalid(e)
                              : 0;
}

/* ---- written ---- */

static void put_quoted(struct buf *out, const char *s, size_t n, bool plus)
{
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];

        if (c != '\0' && c < 128 && (isalnum(c) || strchr("_.-~", c) != NULL)) {
            (void)buf_char(out, (char)c);
        } else if (plus && c == ' ') {
            (void)buf_char(out, '+');
        } else {
            (void)buf_printf(out, "%%%02X", c);
        }
    }
}

/* Read back, what is before the first escape gets small letters: a capital there is escaped itself. */
static void put_host(struct buf *out, const char *s)
{
    size_t n = strcspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
    bool safe = true;

    for (size_t i = 0; i < n; i++) {
        safe &= isalnum((unsigned char)s[i]) || strchr("_.-~", s[i]) != NULL;
    }
    if (s[n] != '\0' && safe && strchr(s, '/') == NULL) {
        put_quoted(out, s, n, false);
        (void)buf_printf(out, "%%%02X", (unsigned char)s[n]);
        s += n + 1;
    }
    put_quoted(out, s, strlen(s), false);
}

static const struct value *member(const struct value *c, const char *name)
{
    const struct value *v = value_get(c, name);

    return v != NULL && v->text != NULL ? v : NULL;
}

/* An extra that is told by k=v alone. */
static bool is_flat(const struct value *extra)
{
    if (extra->kind != VALUE_OBJECT || extra->len == 0 || value_get(extra, EXTRA_KEY) != NULL) {
        return false;
    }
    for (size_t i = 0; i < extra->len; i++) {
        if (extra->elems[i]->kind != VALUE_STRING ||
            memchr(extra->elems[i]->text, '\0', extra->elems[i]->len) != NULL) {
            return false;
        }
    }
    return true;
}

static void put_extra(struct buf *out, const struct value *text)
{
    struct value *extra;
    struct arena a;

    arena_init(&a, LIMIT_SETTING_BYTES * 64);
    if (value_parse(&a, text->text, text->len, &extra, NULL) == 0 && is_flat(extra)) {
        for (size_t i = 0; i < extra->len; i++) {
            (void)buf_str(out, i != 0 ? "&" : "");
            put_quoted(out, extra->keys[i].text, extra->keys[i].len, true);
            (void)buf_char(out, '=');
            put_quoted(out, extra->elems[i]->text, extra->elems[i]->len, true);
        }
    } else {
        (void)buf_str(out, EXTRA_KEY "=");
        put_quoted(out, text->text, text->len, true);
    }
    arena_fini(&a);
}

static void put_type(struct buf *out, const struct value *type)
{
    for (size_t i = 0; i < type->len; i++) {
        (void)buf_char(out,
                       type->text[i] == '_' ? '-' : (char)tolower((unsigned char)type->text[i]));
    }
}

int connection_to_uri(const struct value *c, struct buf *out)
{
    const struct value *type = member(c, "conn_type"), *host = member(c, "host");
    const struct value *login = member(c, "login"), *password = member(c, "password");
    const struct value *schema = member(c, "schema"), *port = member(c, "port");
    const struct value *extra = member(c, "extra");
    const char *sep = host != NULL ? strstr(host->text, "://") : NULL, *name;

    if (type != NULL) {
        put_type(out, type);
        (void)buf_char(out, ':');
    }
    (void)buf_str(out, "//");
    name = host != NULL ? host->text : "";
    if (sep != NULL && is_scheme((struct span){name, (size_t)(sep - name)}) && sep[3] != '\0' &&
        strstr(sep + 3, "/") == NULL) {
        (void)buf_append(out, name, (size_t)(sep - name) + 3);
        name = sep + 3;
    }
    if (login != NULL) {
        put_quoted(out, login->text, login->len, false);
    }
    if (password != NULL) {
        (void)buf_char(out, ':');
        put_quoted(out, password->text, password->len, false);
    }
    if (login != NULL || password != NULL) {
        (void)buf_char(out, '@');
    }
    put_host(out, name);
    if (port != NULL) {
        (void)buf_printf(out, "%s:%s",
                         name[0] == '\0' && login == NULL && password == NULL ? "@" : "",
                         port->text);
    }
    if (schema != NULL && schema->len != 0) {
        (void)buf_char(out, '/');
        put_quoted(out, schema->text, schema->len, false);
    }
    if (extra != NULL && extra->len != 0) {
        (void)buf_str(out, schema != NULL && schema->len != 0 ? "?" : "/?");
        put_extra(out, extra);
    }
    return buf_status(out);
}
