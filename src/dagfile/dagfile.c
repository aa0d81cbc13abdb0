/* DAG files: read, parse, build, hash. */
#include "dagfile/dagfile.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "model/dag.h"
#include "model/document.h"

_Static_assert(sizeof((struct dag *)0)->hash == crypto_hash_sha256_BYTES * 2 + 1, "SHA-256 in hex");

int dagfile_document(const struct dag *d, struct buf *out)
{
    struct json_writer w;

    json_writer_init(&w, out, 0);
    json_value(&w, d->document);
    return buf_status(out);
}

/* The file's path below the root, or all of it. */
static struct value below_root(const struct value *file, const struct value *root)
{
    struct value v = *file;

    if (root->kind == VALUE_STRING && root->len < file->len &&
        memcmp(file->text, root->text, root->len) == 0 && file->text[root->len] == '/') {
        v.text += root->len + 1;
        v.len -= root->len + 1;
    }
    return v;
}

/* What a version is of `python`: which files, and what they mean; not how they are written, nor where a bundle with versions of its own has
 * this one. */
static int canonical_python(const struct dag *d, const struct value *python, struct buf *out)
{
    const struct value *file = value_get(python, "file"), *root = value_get(python, "root");
    struct value **elems = mem_array(python->len + 1, sizeof *elems), own = {0};
    struct value doc = *d->document, new = *python, *path = &own;
    struct value_key *keys = mem_array(python->len + 1, sizeof *keys);
    struct value **members = mem_array(d->document->len + 1, sizeof *members);
    int rc = -ERR_NOMEM;

    new.len = 0;
    for (size_t i = 0; keys != NULL && elems != NULL && i < python->len; i++) {
        const char *name = python->keys[i].text;
        bool is_file = strcmp(name, "file") == 0;

        if (strcmp(name, "tree") != 0 && strcmp(name, "sources") != 0 &&
            (strcmp(name, "root") != 0 || d->bundle_version == NULL)) {
            own = is_file && root != NULL ? below_root(file, root) : own;
            keys[new.len] = python->keys[i];
            elems[new.len++] = is_file && root != NULL ? path : python->elems[i];
        }
    }
    new.keys = keys;
    new.elems = elems;
    doc.elems = members;
    for (size_t i = 0; members != NULL && i < doc.len; i++) {
        members[i] = d->document->elems[i] == python ? &new : d->document->elems[i];
    }
    if (keys != NULL && elems != NULL && members != NULL) {
        rc = value_canonical(&doc, out);
    }
    mem_free(members);
    mem_free(keys);
    mem_free(elems);
    return rc;
}

int dagfile_canonical(const struct dag *d, struct buf *out, char *ret_hash)
{
    const struct value *python = value_get(d->document, "python");
    unsigned char hash[crypto_hash_sha256_BYTES];
    size_t from = out->len;
    int rc = python != NULL && python->kind == VALUE_OBJECT && value_get(python, "meaning") != NULL
                 ? canonical_python(d, python, out)
                 : value_canonical(d->document, out);

    if (rc != 0) {
        return rc;
    }
    (void)crypto_hash_sha256(hash, (const unsigned char *)out->p + from, out->len - from);
    (void)sodium_bin2hex(ret_hash, sizeof hash * 2 + 1, hash, sizeof hash);
    return 0;
}

/* Gives the DAG its hash; drops it when that fails. */
static int finish(struct dag *d, struct dag **ret, struct err *e)
{
    struct buf text BUF_CLEANUP;
    int rc;

    buf_init(&text, LIMIT_DOC_BYTES);
    rc = dagfile_canonical(d, &text, d->hash);
    if (rc != 0) {
        dag_unref(d);
        return err_set(e, (enum err_code) - rc,
                       rc == -ERR_LIMIT ? "the document is longer than %zu MiB" : "out of memory",
                       (size_t)(LIMIT_DOC_BYTES >> 20));
    }
    *ret = d;
    return 0;
}

int dagfile_build(const struct value *document, const char *file, const struct operator_table *ops,
                  struct dag **ret, struct doc_errors *errors, struct err *e)
{
    struct dag *d = NULL;
    int rc = document_build(document, file, ops, &d, errors, e);

    return rc != 0 ? rc : finish(d, ret, e);
}

/* What is wrong with the file as a whole is a finding too. */
static int report(struct doc_errors *errors, const struct err *e, int rc)
{
    if (rc == -ERR_SYNTAX || rc == -ERR_LIMIT) {
        doc_error_add(errors, e->line, e->col, NULL, "%s", err_str(e));
    }
    return rc;
}

/* Parses and builds; `text` is given back as soon as it is read: big files need the memory. */
static int load_owned(struct buf *text, bool json, const char *file,
                      const struct operator_table *ops, struct dag **ret, struct doc_errors *errors,
                      struct err *e)
{
    struct arena arena;
    struct value *document = NULL;
    struct dag *d = NULL;
    int rc;

    arena_init(&arena, LIMIT_DAG_BYTES);
    rc = json ? value_parse(&arena, buf_cstr(text), text->len, &document, e)
              : yaml_parse(&arena, buf_cstr(text), text->len, &document, e);
    buf_fini(text);
    if (rc == 0) {
        rc = document_build_take(&arena, document, file, ops, &d, errors, e);
    }
    if (rc != 0) {
        arena_fini(&arena);
        return rc;
    }
    return finish(d, ret, e);
}

int dagfile_load_text(const char *text, size_t n, bool json, const char *file,
                      const struct operator_table *ops, struct dag **ret, struct doc_errors *errors,
                      struct err *e)
{
    struct buf copy BUF_CLEANUP;
    struct err own;
    int rc;

    e = e != NULL ? e : &own;
    buf_init(&copy, LIMIT_DOC_BYTES);
    rc = buf_append(&copy, text, n);
    if (rc != 0) {
        rc = err_set(e, (enum err_code) - rc, "a document of %zu bytes; at most %zu are allowed", n,
                     (size_t)LIMIT_DOC_BYTES);
        return report(errors, e, rc);
    }
    return report(errors, e, load_owned(&copy, json, file, ops, ret, errors, e));
}

static int read_all(int fd, const char *path, struct buf *out, struct err *e)
{
    for (;;) {
        ssize_t n;
        int rc =
            buf_reserve(out, out->max - out->len < KiB(64) ? out->max - out->len + 1 : KiB(64));

        if (rc != 0) {
            return err_set(e, (enum err_code) - rc,
                           rc == -ERR_LIMIT ? "%s is longer than %zu MiB"
                                            : "%s: out of memory (file up to %zu MiB)",
                           path, (size_t)(LIMIT_DOC_BYTES >> 20));
        }
        n = read(fd, out->p + out->len, out->cap - out->len - 1);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return err_errno(e, errno, "cannot read %s", path);
        }
        if (n == 0) {
            out->p[out->len] = '\0';
            return 0;
        }
        out->len += (size_t)n;
    }
}

static int read_file(const char *path, struct buf *out, struct err *e)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), rc;

    if (fd < 0) {
        return err_errno(e, errno, "cannot open %s", path);
    }
    if (fstat(fd, &st) != 0) {
        rc = err_errno(e, errno, "cannot read %s", path);
    } else if (!S_ISREG(st.st_mode)) {
        rc = err_set(e, ERR_INVALID, "%s is not a file", path);
    } else if ((uint64_t)st.st_size > LIMIT_DOC_BYTES) {
        rc = err_set(e, ERR_LIMIT, "%s is longer than %zu MiB", path,
                     (size_t)(LIMIT_DOC_BYTES >> 20));
    } else {
        rc = buf_reserve(out, (size_t)st.st_size) != 0 ? err_set(e, ERR_NOMEM, "out of memory")
                                                       : read_all(fd, path, out, e);
    }
    (void)close(fd);
    return rc;
}

static bool has_suffix(const char *path, const char *suffix)
{
    size_t n = strlen(path), s = strlen(suffix);

    return n > s && strcmp(path + n - s, suffix) == 0;
}

int dagfile_load(const char *path, const struct operator_table *ops, struct dag **ret,
                 struct doc_errors *errors, struct err *e)
{
    bool json = has_suffix(path, ".json");
    struct buf text BUF_CLEANUP;
    struct err own;
    int rc;

    e = e != NULL ? e : &own;
    buf_init(&text, LIMIT_DOC_BYTES);
    if (has_suffix(path, ".py")) {
        return err_set(e, ERR_UNSUPPORTED, "%s: Python files are imported by the runner", path);
    }
    if (!json && !has_suffix(path, ".yaml") && !has_suffix(path, ".yml")) {
        return err_set(e, ERR_UNSUPPORTED, "%s: a DAG file ends in .yaml, .yml, .json or .py",
                       path);
    }
    rc = read_file(path, &text, e);
    if (rc == 0) {
        rc = load_owned(&text, json, path, ops, ret, errors, e);
    }
    return report(errors, e, rc);
}
