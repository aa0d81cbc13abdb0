/* /ui/dags/{dag_id}/versions/diff: what two versions were made from; the lines are compared by the page. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "server/ui.h"

#define FILES_BYTES MiB(8) /* of all files; what is beyond is named without its text */

struct side {
    int64_t number;
    const struct value *document, *sources; /* sources: path -> SHA-256, or NULL */
};

struct diff {
    struct call *c;
    struct side from, to;
    size_t bytes;
    bool truncated;
};

static int read_side(struct diff *f, const struct dag_row *row, const char *name, struct side *s,
                     struct err *e)
{
    const struct value *python;
    struct version_row v, full;
    struct value *document;
    struct store *st;
    int rc;

    if (call_query(f->c, name) == NULL && strcmp(name, "from") == 0) {
        return call_invalid(f->c, e, "from must be the number of a version");
    }
    rc = ui_find_version(f->c, row, name, &v, &s->number, e);
    rc = rc == 0 ? server_store(f->c, &st, e) : rc;
    rc = rc == 0 ? st->ops->get_version(st, v.version_key, &f->c->arena, &full, e) : rc;
    rc = rc == 0 ? value_parse(&f->c->arena, full.document, full.document_len, &document, e) : rc;
    if (rc == 0) {
        s->document = document;
        python = value_get(document, "python");
        s->sources =
            python != NULL && python->kind == VALUE_OBJECT ? value_get(python, "sources") : NULL;
    }
    return rc;
}

/* ---- files ---- */

static const char *hash_of(const struct side *s, const char *name)
{
    const struct value *v =
        s->sources != NULL && s->sources->kind == VALUE_OBJECT ? value_get(s->sources, name) : NULL;

    return v != NULL && v->kind == VALUE_STRING && v->len == 64 &&
                   strspn(v->text, "0123456789abcdef") == 64
               ? v->text
               : NULL;
}

/* The text of a kept file; null where it is not in the version, was not kept, or is too much. */
static void put_file(struct diff *f, const char *name, const char *hash)
{
    struct call *c = f->c;
    struct buf b BUF_CLEANUP = {0};
    char path[4300];
    struct stat st;
    ssize_t n = -1;
    int fd = -1;

    buf_init(&b, LIMIT_SOURCE_BYTES + KiB(4));
    if (hash != NULL) {
        (void)snprintf(path, sizeof path, "%s/sources/%s", c->thread->server->config.home, hash);
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    }
    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
        (size_t)st.st_size <= LIMIT_SOURCE_BYTES) {
        f->truncated = f->truncated || f->bytes + (size_t)st.st_size > FILES_BYTES;
        if (f->bytes + (size_t)st.st_size <= FILES_BYTES &&
            buf_reserve(&b, (size_t)st.st_size + 1) == 0) {
            n = read(fd, b.p, (size_t)st.st_size);
        }
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    json_key(&c->w, name);
    if (n < 0) {
        json_null(&c->w);
    } else {
        f->bytes += (size_t)n;
        json_string_n(&c->w, b.p, (size_t)n);
    }
}

static void put_pair(struct diff *f, const char *name)
{
    const char *from = hash_of(&f->from, name), *to = hash_of(&f->to, name);

    json_object(&f->c->w);
    put_text(f->c, "name", name);
    put_bool(f->c, "same", from != NULL && to != NULL && strcmp(from, to) == 0);
    put_file(f, "from", from);
    put_file(f, "to", to);
    json_object_end(&f->c->w);
}

/* Those of the newer one, then those that only the older one had. */
static void put_files(struct diff *f)
{
    const struct value *to = f->to.sources, *from = f->from.sources;

    json_key(&f->c->w, "files");
    json_array(&f->c->w);
    for (size_t i = 0; to != NULL && to->kind == VALUE_OBJECT && i < to->len; i++) {
        put_pair(f, to->keys[i].text);
    }
    for (size_t i = 0; from != NULL && from->kind == VALUE_OBJECT && i < from->len; i++) {
        if (hash_of(&f->to, from->keys[i].text) == NULL) {
            put_pair(f, from->keys[i].text);
        }
    }
    json_array_end(&f->c->w);
}

/* ---- the documents ---- */

static void put_document(struct diff *f, const char *name, const struct side *s)
{
    struct buf b BUF_CLEANUP = {0};
    struct json_writer w;

    buf_init(&b, LIMIT_DOC_BYTES);
    json_writer_init(&w, &b, 2);
    json_value(&w, s->document);
    json_key(&f->c->w, name);
    json_string_n(&f->c->w, buf_cstr(&b), b.len);
}

static void put_change(struct diff *f, const char *kind, const char *id, const char *change)
{
    json_object(&f->c->w);
    put_text(f->c, "kind", kind);
    put_text(f->c, "id", id);
    put_text(f->c, "change", change);
    json_object_end(&f->c->w);
}

/* The members of two objects: added, removed, changed. Without `but` and `but2`. */
static void compare(struct diff *f, const char *kind, const struct value *from,
                    const struct value *to, const char *but, const char *but2)
{
    for (int way = 0; way < 2; way++) {
        const struct value *own = way == 0 ? to : from, *other = way == 0 ? from : to;

        for (size_t i = 0; own != NULL && own->kind == VALUE_OBJECT && i < own->len; i++) {
            const char *id = own->keys[i].text;
            const struct value *was =
                other != NULL && other->kind == VALUE_OBJECT ? value_get(other, id) : NULL;

            if ((but != NULL && strcmp(id, but) == 0) || (but2 != NULL && strcmp(id, but2) == 0)) {
                continue;
            }
            if (was == NULL) {
                put_change(f, kind, id, way == 0 ? "added" : "removed");
            } else if (way == 0 && !value_equal(was, own->elems[i])) {
                put_change(f, kind, id, "changed");
            }
        }
    }
}

int ui_versions_diff(struct call *c, struct err *e)
{
    struct diff f = {.c = c};
    struct dag_row row;
    int rc = api_find_dag(c, &row, e);

    rc = rc == 0 ? read_side(&f, &row, "from", &f.from, e) : rc;
    rc = rc == 0 ? read_side(&f, &row, "to", &f.to, e) : rc;
    if (rc != 0) {
        return rc;
    }
    json_object(&c->w);
    put_text(c, "dag_id", row.dag_id);
    put_int(c, "from", f.from.number);
    put_int(c, "to", f.to.number);
    put_files(&f);
    json_key(&c->w, "document");
    json_object(&c->w);
    put_document(&f, "from", &f.from);
    put_document(&f, "to", &f.to);
    json_object_end(&c->w);
    json_key(&c->w, "changes");
    json_array(&c->w);
    compare(&f, "task", value_get(f.from.document, "tasks"), value_get(f.to.document, "tasks"),
            NULL, NULL);
    compare(&f, "group", value_get(f.from.document, "task_groups"),
            value_get(f.to.document, "task_groups"), NULL, NULL);
    compare(&f, "dag", f.from.document, f.to.document, "tasks", "task_groups");
    json_array_end(&c->w);
    put_bool(c, "truncated", f.truncated);
    json_object_end(&c->w);
    return 0;
}
