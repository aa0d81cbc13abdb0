/*
 * The web page: files that the build made of ui/ and put into tradewind-httpd.so, compressed; and api/openapi.yaml, as it is and as JSON. They are looked up by their whole path in a sorted
 * table; no file system is asked, so no path leads out of it.
 */
#ifndef TW_SERVER_PAGE_H
#define TW_SERVER_PAGE_H

#include <stdbool.h>
#include <stddef.h>

struct call;
struct err;
struct httpd_file;
struct httpd_files;
struct route;

/* The route of what no other route answers: GET, below no prefix of an API. It is in no table: page_wants decides. */
extern const struct route page_route;

/* Whether a path (without its query, as it was sent) belongs to the page and not to an API: /api, /ui, /health, /metrics, /webhooks. */
bool page_wants(const char *path);

/* The file of a path, or NULL. "/" is the page itself. */
const struct httpd_file *page_find(const struct httpd_files *all, const char *path);

/*
 * What a request gets: the file of its path; for another path of the page the page itself, as the address of one of its views, if it asks for
 * HTML (accept: the header, or NULL); NULL otherwise: 404.
 */
const struct httpd_file *page_choose(const struct httpd_files *all, const char *path,
                                     const char *accept);

/* SUSPENDS not. */
int page_get(struct call *c, struct err *e);

#endif
