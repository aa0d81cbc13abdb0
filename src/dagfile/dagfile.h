/*
 * DAG files: YAML and JSON to DAGs (Python files are imported by the runner, which answers with
 * JSON documents). All findings of a file are reported at once, with file, line, column, task and
 * remedy.
 *
 * Returns of the functions that build: 0 and *ret (one reference, the caller's); -ERR_INVALID with
 * findings; -ERR_SYNTAX or -ERR_LIMIT with one finding that says the same as *e; -ERR_NOMEM,
 * -ERR_NOTFOUND, -ERR_IO, -ERR_UNSUPPORTED ... with *e alone. So: where there are findings they are
 * all that is to be shown.
 */
#ifndef TW_DAGFILE_DAGFILE_H
#define TW_DAGFILE_DAGFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct buf;
struct dag;
struct err;
struct map;
struct value;
struct operator_table;
struct doc_errors;

/* YAML 1.2 (core schema) to a value tree with positions; anchors, aliases and merge keys (<<) are
 * expanded within limits. One document. */
int yaml_parse(struct arena *a, const char *input, size_t n, struct value **ret, struct err *e);
/* By extension: .yaml, .yml, .json. Reads at most LIMIT_DOC_BYTES; builds, sets dag->hash. */
int dagfile_load(const char *path, const struct operator_table *ops, struct dag **ret,
                 struct doc_errors *errors, struct err *e);
/* The same from text in memory; `file` for messages and dag->file. json: JSON, else YAML. */
int dagfile_load_text(const char *text, size_t n, bool json, const char *file,
                      const struct operator_table *ops, struct dag **ret, struct doc_errors *errors,
                      struct err *e);
/* From a value tree that is a document (the Python runner's answer). */
int dagfile_build(const struct value *document, const char *file, const struct operator_table *ops,
                  struct dag **ret, struct doc_errors *errors, struct err *e);
/* The document as JSON with its members in their order: what a version is stored as. The order is that of tasks' indices, which the
 * store's rows use. */
int dagfile_document(const struct dag *d, struct buf *out);
/* The canonical JSON of a DAG's document and its SHA-256 in hex (65 bytes). */
int dagfile_canonical(const struct dag *d, struct buf *out, char *ret_hash);
/* Keeps the files that Python DAGs were made from in home/sources: durable on return, one stat for each DAG whose sources are there. A file
 * that is another by now is left out: tasks of this version then read it as it is. Blocks. */
int dagfile_keep_sources(const char *home, struct dag *const *dags, size_t n, struct err *e);
/* Removes what was kept for trees (`python.tree` of documents) that are not among those given, keys of the map, and was not asked for since
 * a time. *ret_removed: files. Blocks. -ERR_CORRUPT, -ERR_SYNTAX, -ERR_IO: a tree that stays cannot be read, no content is removed. */
int dagfile_prune_sources(const char *home, const struct map *trees, int64_t before_us,
                          size_t *ret_removed, struct err *e);

#endif
