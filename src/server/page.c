/*
 * Serves the web page, and the description of the API beside it: /openapi.yaml and /openapi.json, which are there also where the page could not be
 * built. What its names tell a browser:
 *
 *   /static/NAME-HASH.EXT   kept for a year: another content has another name
 *   all others              asked for each time, by their ETag: 304 while they are the same
 *
 * Every file is sent as it was compressed at build. A client that takes no gzip gets it unpacked, under an ETag of its own.
 */
#include "server/page.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/mem.h"
#include "server/call.h"
#include "server/httpd.h"
#include "server/httpd_module.h"
#include "server/router.h"

#define INDEX  "/index.html"
#define HASHED "/static/"

/*
 * Scripts, styles, requests and fonts of this server alone; nothing inline. data: is there for images only, for the tab's icon with its count. (React
 * sets styles of elements by script, which style-src does not concern.)
 */
#define POLICY                                                                        \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; " \
    "font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none'; "     \
    "form-action 'self'; frame-ancestors 'none'"

const struct route page_route = {"GET", "/", page_get, ROLE_NONE, ROUTE_FREE, 0};

/* Shown where the page was not built. */
static const char not_built[] =
    "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<title>Tradewind</title>\n<h1>The web page was not built</h1>\n"
    "<p>This program was built without it: Node.js and the page's packages were not there.\n"
    "The scheduler and the REST API below /api/v2 work without it.</p>\n"
    "<p>To build it, in Tradewind's source folder:</p>\n"
    "<pre>./bootstrap setup\nmake build</pre>\n"
    "<p>Then restart the API server (or <code>tradewind standalone</code>).</p>\n</html>\n";

/* ---- finding ---- */

bool page_wants(const char *path)
{
    static const char *const apis[] = {"/api", "/ui", "/health", "/metrics", "/webhooks"};

    for (size_t i = 0; i < sizeof apis / sizeof apis[0]; i++) {
        size_t n = strlen(apis[i]);

        if (strncmp(path, apis[i], n) == 0 && (path[n] == '\0' || path[n] == '/')) {
            return false;
        }
    }
    return path[0] == '/';
}

static int by_path(const void *key, const void *member)
{
    return strcmp(key, ((const struct httpd_file *)member)->path);
}

const struct httpd_file *page_find(const struct httpd_files *all, const char *path)
{
    if (strcmp(path, "/") == 0) {
        path = INDEX;
    }
    return all->n == 0 ? NULL : bsearch(path, all->files, all->n, sizeof *all->files, by_path);
}

static bool wants_html(const char *accept)
{
    return accept != NULL && strstr(accept, "text/html") != NULL;
}

const struct httpd_file *page_choose(const struct httpd_files *all, const char *path,
                                     const char *accept)
{
    const struct httpd_file *f = page_find(all, path);

    /* A piece of an older page: its reader must see that it is gone, not get HTML as a script. */
    if (f == NULL && wants_html(accept) && strncmp(path, HASHED, strlen(HASHED)) != 0) {
        f = page_find(all, INDEX);
    }
    return f;
}

/* ---- answering ---- */

static void explain(struct call *c)
{
    c->status = 503;
    c->content_type = "text/html; charset=utf-8";
    c->no_store = true;
    (void)call_set_header(c, "Content-Security-Policy", POLICY);
    (void)call_set_header(c, "Cache-Control", "no-store");
    (void)buf_append(&c->out, not_built, sizeof not_built - 1);
}

static void set_headers(struct call *c, const struct httpd_file *f)
{
    bool hashed = strncmp(f->path, HASHED, strlen(HASHED)) == 0;

    (void)call_set_header(c, "Cache-Control",
                          hashed ? "public, max-age=31536000, immutable" : "no-cache");
    (void)call_set_header(c, "X-Content-Type-Options", "nosniff");
    if (strncmp(f->type, "text/html", 9) == 0) {
        (void)call_set_header(c, "Content-Security-Policy", POLICY);
        (void)call_set_header(c, "Referrer-Policy", "same-origin");
        (void)call_set_header(c, "Cross-Origin-Opener-Policy", "same-origin");
    }
    if (f->packed) {
        (void)call_set_header(c, "Vary", "Accept-Encoding");
    }
}

static int unpack(struct call *c, const struct httpd_file *f, const char *data, struct err *e)
{
    char *p = arena_alloc(&c->arena, f->plain_len);

    if (p == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for a file of the page");
    }
    if (httpd_gunzip(c, data, f->len, p, f->plain_len) != f->plain_len) {
        return err_set(e, ERR_FAILED, "%s: what the build packed cannot be unpacked", f->path);
    }
    c->fixed = p;
    c->fixed_len = f->plain_len;
    return 0;
}

int page_get(struct call *c, struct err *e)
{
    const struct httpd_files *all = httpd_files(c);
    const struct httpd_file *f = page_choose(all, c->path, call_header(c, "Accept"));
    bool packed = f != NULL && f->packed && call_accepts_gzip(c);
    const char *tag;

    if (f == NULL && page_find(all, INDEX) == NULL &&
        (strcmp(c->path, "/") == 0 || wants_html(call_header(c, "Accept")))) {
        explain(c);
        return 0;
    }
    if (f == NULL) {
        call_fail(c, 404, "Not Found");
        return 0;
    }
    tag = arena_printf(&c->arena, "\"%s%s\"", f->hash, packed ? "-gz" : "");
    if (tag == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for a file of the page");
    }
    set_headers(c, f);
    c->no_store = true; /* the tag is ours */
    c->content_type = f->type;
    (void)call_set_header(c, "ETag", tag);
    if (call_etag_matches(c, tag)) {
        c->status = 304;
        return 0;
    }
    if (f->packed && !packed) {
        return unpack(c, f, all->data + f->at, e);
    }
    if (packed) {
        (void)call_set_header(c, "Content-Encoding", "gzip");
    }
    c->fixed = all->data + f->at;
    c->fixed_len = f->len;
    return 0;
}
