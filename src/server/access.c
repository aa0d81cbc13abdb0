/*
 * Who asks, and may he? The home's own token (made when the server first starts: who may read its file may do everything), a token of the
 * store, or the cookie of a session. Routes of ROLE_NONE answer anybody; those of ROUTE_LOCAL a client on this machine, unless a proxy
 * has forwarded it.
 *
 *   who (401) -> role (403) -> first password (403) -> from a page of ours (403) -> tags of the DAG (404 to see, 403 to change) -> handler
 *
 * With limits by tags a route is closed unless its path names a DAG, or it says that it knows of limits (router.h): a new route that forgets
 * it shows nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/limits.h"
#include "model/dag.h"
#include "runtime/loop.h"
#include "secret/file.h"
#include "server/httpd_module.h"
#include "server/server_priv.h"
#include "store/store.h"

#define TOKEN_PREFIX "tw_"
#define TOKEN_RANDOM 32

/* ---- the token's file ---- */

static int read_token(const char *path, char *buf, size_t cap, struct err *e)
{
    int rc = secret_file_read(path, SECRET_FILE_OWNER | SECRET_FILE_NO_LINK | SECRET_FILE_LINE, buf,
                              cap, e);

    return rc != 0 || strlen(buf) >= 32
               ? rc
               : err_set(e, ERR_INVALID,
                         "%s: a token has at least 32 characters; remove the file, "
                         "and a new one is made",
                         path);
}

/* Under another name first: nobody reads half a token. */
static int make_token(const char *home, const char *path, struct err *e)
{
    unsigned char random[TOKEN_RANDOM];
    char hex[2 * TOKEN_RANDOM + 1], text[sizeof hex + 8], tmp[4200];
    int fd, n, rc = 0;

    randombytes_buf(random, sizeof random);
    (void)sodium_bin2hex(hex, sizeof hex, random, sizeof random);
    n = snprintf(text, sizeof text, TOKEN_PREFIX "%s\n", hex);
    (void)snprintf(tmp, sizeof tmp, "%s/.%s.%d", home, SERVER_TOKEN_FILE, (int)getpid());
    (void)unlink(tmp);
    fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return err_errno(e, errno, "%s", tmp);
    }
    if (write(fd, text, (size_t)n) != n || fsync(fd) != 0 || rename(tmp, path) != 0) {
        rc = err_errno(e, errno, "%s", path);
        (void)unlink(tmp);
    }
    (void)close(fd);
    sodium_memzero(text, sizeof text);
    return rc;
}

int access_token(const char *home, char *buf, size_t cap, bool *ret_made, struct err *e)
{
    char path[4200];
    int rc = 0;

    (void)snprintf(path, sizeof path, "%s/%s", home, SERVER_TOKEN_FILE);
    *ret_made = access(path, F_OK) != 0;
    if (*ret_made) {
        rc = make_token(home, path, e);
    }
    return rc == 0 ? read_token(path, buf, cap, e) : rc;
}

/* ---- calls ---- */

bool access_is_local(struct call *c)
{
    const char *p = c->rq->peer;
    bool loopback =
        strncmp(p, "127.", 4) == 0 || strcmp(p, "::1") == 0 || strncmp(p, "::ffff:127.", 11) == 0;

    return loopback && call_header(c, "X-Forwarded-For") == NULL &&
           call_header(c, "Forwarded") == NULL;
}

static void refuse(struct call *c, const char *why)
{
    (void)call_set_header(c, "WWW-Authenticate", "Bearer");
    call_fail(c, 401, "%s", why);
}

/* ---- who ---- */

static void be(struct call *c, const struct identity *who)
{
    c->who = *who;
    c->actor = who->name;
    c->role = who->role;
}

/* A token that is given and not known is refused even where nobody must sign in. */
static int by_token(struct call *c, const char *text, struct err *e)
{
    struct identity who = {
        .by = BY_HOME, .role = ROLE_ADMIN, .name = "token", .used_us = TIME_NONE};
    int rc = 0;

    if (!credential_same(text, c->thread->server->token)) {
        rc = identity_find(c, BY_TOKEN, text, &who, e);
    }
    if (rc == 0 && who.by != BY_NOBODY) {
        be(c, &who);
    }
    return rc;
}

static bool any_form(const char *text)
{
    return text[0] != '\0';
}

static bool session_form(const char *text)
{
    return credential_is(CREDENTIAL_SESSION, text);
}

/* The value of a cookie: the one that has the form, of several of that name. */
static const char *find_cookie(struct call *c, const char *name, bool (*has_form)(const char *text))
{
    const char *p = call_header(c, "Cookie");
    size_t len = strlen(name);

    while (p != NULL && *p != '\0') {
        size_t n;

        p += strspn(p, " ;");
        n = strcspn(p, ";");
        if (n > len && strncmp(p, name, len) == 0 && p[len] == '=') {
            char *text = arena_strndup(&c->arena, p + len + 1, n - len - 1);

            if (text != NULL && has_form(text)) {
                return text;
            }
        }
        p += n;
    }
    return NULL;
}

const char *access_cookie(struct call *c, const char *name)
{
    return find_cookie(c, name, any_form);
}

static const char *cookie_of(struct call *c)
{
    return find_cookie(c, ACCESS_COOKIE, session_form);
}

static int by_cookie(struct call *c, struct err *e)
{
    const char *text = cookie_of(c);
    struct identity who;
    char csrf[CREDENTIAL_CSRF];
    int rc = text != NULL ? identity_find(c, BY_SESSION, text, &who, e) : 0;

    if (rc == 0 && text != NULL && who.by == BY_SESSION) {
        credential_csrf(text, csrf);
        c->csrf = arena_strdup(&c->arena, csrf);
        be(c, &who);
    }
    return rc;
}

/* ---- from where ---- */

/* "https://host:port/..." without its scheme and path; NULL: it is no URL of a web page. */
static const char *authority(const char *url, size_t *ret_len)
{
    const char *p = strncasecmp(url, "http://", 7) == 0    ? url + 7
                    : strncasecmp(url, "https://", 8) == 0 ? url + 8
                                                           : NULL;

    *ret_len = p != NULL ? strcspn(p, "/?#") : 0;
    return *ret_len != 0 ? p : NULL;
}

static bool names(const char *url, const char *host)
{
    size_t n, m;
    const char *p = authority(url, &n), *q = authority(host, &m);

    q = q != NULL ? q : host;
    m = q == host ? strlen(host) : m;
    return p != NULL && n == m && strncasecmp(p, q, n) == 0;
}

bool access_same_origin(struct call *c)
{
    const char *origin = call_header(c, "Origin"), *host = call_header(c, "Host"),
               *base = c->thread->server->config.base_url, *site = call_header(c, "Sec-Fetch-Site");
    bool same = origin == NULL || (host != NULL && names(origin, host)) ||
                (base != NULL && base[0] != '\0' && names(origin, base));

    if (same && (site == NULL || origin != NULL || strcmp(site, "same-origin") == 0 ||
                 strcmp(site, "none") == 0)) {
        return true;
    }
    call_fail(c, 403, "The request comes from another site");
    return false;
}

static bool changes(const struct call *c)
{
    return strcmp(c->rq->method, "GET") != 0 && strcmp(c->rq->method, "HEAD") != 0;
}

/* A browser sends the cookie whoever's page asks for it: that it is ours is proven by what other pages cannot read. */
static bool check_csrf(struct call *c)
{
    const char *given;

    if (c->who.by != BY_SESSION || !changes(c)) {
        return true;
    }
    if (!access_same_origin(c)) {
        return false;
    }
    given = call_header(c, "X-CSRF-Token");
    if (given == NULL || c->csrf == NULL || !credential_same(given, c->csrf)) {
        call_fail(c, 403, "X-CSRF-Token is missing or is not this session's");
        return false;
    }
    return true;
}

/* ---- what ---- */

/* With limits a DAG that is not there and one that may not be seen are one and the same. */
static bool check_dag(struct call *c, const char *dag_id)
{
    const struct dag *d = NULL;
    struct dag_row row = {0};
    struct store *s;
    struct err e = {0};
    int rc = server_store(c, &s, &e);

    rc = rc == 0 ? s->ops->find_dag(s, dag_id, &c->arena, &row, &e) : rc;
    rc = rc == 0 ? server_dag(c, row.version_key, &d, &e) : rc;
    if (rc == -ERR_NOTFOUND || (rc == 0 && !access_sees(c, d))) {
        call_fail(c, 404, "The DAG with ID: `%s` was not found", dag_id);
        return false;
    }
    if (rc != 0) {
        call_error(c, rc, &e);
        return false;
    }
    if (changes(c) && c->route->role > ROLE_VIEWER && !access_may_change(c, d)) {
        call_fail(c, 403, "You may not change DAGs without one of your tags");
        return false;
    }
    return true;
}

bool access_sees(const struct call *c, const struct dag *d)
{
    return identity_may(c->who.read, d->tags, d->tags_len);
}

bool access_sees_all(const struct call *c)
{
    return c->who.read[0] == NULL && c->who.read[1] == NULL;
}

bool access_may_change(const struct call *c, const struct dag *d)
{
    return access_sees(c, d) && identity_may(c->who.write, d->tags, d->tags_len);
}

static bool check_tags(struct call *c)
{
    const char *dag_id;

    if (!identity_is_limited(&c->who) || (c->route->flags & ROUTE_FREE) != 0 ||
        c->route->role == ROLE_NONE) {
        return true;
    }
    dag_id = call_param(c, "dag_id");
    if (dag_id != NULL && strcmp(dag_id, "~") != 0) {
        return check_dag(c, dag_id);
    }
    if ((c->route->flags & ROUTE_TAGS) != 0) {
        return true;
    }
    call_fail(c, 403, "You are limited to the DAGs with certain tags; this is about all of them");
    return false;
}

/* Of a stream: is he still who he was? */
static bool still(struct call *c)
{
    int64_t now = loop_now_us(c->thread->loop);
    const char *text = call_header(c, "Authorization");
    struct identity who = {0};

    if (c->who.by != BY_SESSION && c->who.by != BY_TOKEN) {
        return true;
    }
    if (now < c->still_us) {
        return true;
    }
    c->still_us = now + IDENTITY_KEPT_US;
    text = c->who.by == BY_SESSION ? cookie_of(c)
           : text != NULL          ? text + 7 + strspn(text + 7, " ")
                                   : NULL;
    return text != NULL && identity_find(c, c->who.by, text, &who, NULL) == 0 &&
           who.by == c->who.by && who.role >= c->route->role;
}

static bool check_role(struct call *c)
{
    if (c->role < c->route->role && c->who.by == BY_NOBODY) {
        refuse(c, "Not authenticated");
        return false;
    }
    if (c->role < c->route->role) {
        call_fail(c, 403, "Forbidden: this needs the role %s, you have %s",
                  role_to_string(c->route->role), role_to_string(c->role));
        return false;
    }
    if (c->who.first_password && c->route->role != ROLE_NONE &&
        (c->route->flags & ROUTE_FIRST) == 0) {
        call_fail(c, 403, "The first password must be changed before anything else");
        return false;
    }
    return true;
}

bool access_check(struct call *c)
{
    const char *given = call_header(c, "Authorization");
    struct err e = {0};
    int rc = 0;

    if (given != NULL && strncasecmp(given, "Bearer ", 7) == 0) {
        rc = by_token(c, given + 7 + strspn(given + 7, " "), &e);
        if (rc == 0 && c->who.by == BY_NOBODY) {
            refuse(c, "Invalid token");
            return false;
        }
    } else {
        rc = by_cookie(c, &e);
    }
    if ((c->route->flags & ROUTE_SIGNED) != 0 ||
        ((c->route->flags & ROUTE_LOCAL) != 0 && access_is_local(c))) {
        return true;
    }
    if (rc != 0 && c->route->role != ROLE_NONE) {
        call_error(c, rc, &e);
        return false;
    }
    c->still = (c->route->flags & ROUTE_STREAM) != 0 ? still : NULL;
    return check_role(c) && check_csrf(c) && check_tags(c);
}
