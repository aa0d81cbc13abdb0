#include "cli/analyze_read.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "analysis/xes_module.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "runtime/module.h"

#define PIECE KiB(64)

struct input {
    FILE *f;
    const char *path;
    char *bytes; /* PIECE of them */
    size_t n;
};

static int next_piece(struct input *in, struct err *e)
{
    in->n = fread(in->bytes, 1, PIECE, in->f);
    return ferror(in->f) ? err_errno(e, errno, "cannot read %s", in->path) : 0;
}

/* ---- XES ---- */

static int feed_xes(const struct xes_module *m, struct input *in, struct xes_reader *r,
                    struct err *e)
{
    void *parser = m->open(xes_start, xes_end, r);
    const char *wrong = "";
    int rc = parser != NULL ? 0 : err_set(e, ERR_NOMEM, "out of memory for an XML parser");

    while (rc == 0) {
        int line, col, said = m->feed(parser, in->bytes, in->n, in->n == 0, &wrong, &line, &col);

        if (said > 0) {
            rc = err_prefix(e, r->rc, "%s:%d", in->path, line);
        } else if (said < 0) {
            rc = err_at(e, ERR_SYNTAX, line, col, "%s:%d:%d: %s", in->path, line, col, wrong);
        }
        if (rc != 0 || in->n == 0) {
            break;
        }
        rc = next_piece(in, e);
    }
    if (parser != NULL) {
        m->close(parser);
    }
    return rc;
}

static int read_xes(struct input *in, struct plog *l, struct err *e)
{
    static const struct module_spec spec = {
        .file = XES_MODULE_FILE,
        .symbol = XES_MODULE_SYMBOL,
        .version = XES_MODULE_VERSION,
        .what = "XES",
        .needs = "libexpat (Debian package libexpat1)",
        .folder = "analysis",
    };
    struct xes_reader r;
    void *library = NULL;
    const void *object = NULL;
    int rc = module_load(&spec, &library, &object, e);

    xes_begin(&r, l, e);
    rc = rc == 0 ? feed_xes(object, in, &r, e) : rc;
    module_unload(library);
    if (rc == 0 && r.nameless > 0) {
        (void)fprintf(stderr, "tradewind: %zu events without concept:name are left out\n",
                      r.nameless);
    }
    return rc;
}

/* ---- CSV ---- */

static int read_csv(struct input *in, const char *const columns[CSV_ROLES], struct plog *l,
                    struct err *e)
{
    struct csv_reader r;
    int rc = 0;

    csv_begin(&r, l);
    memcpy(r.names, columns, sizeof r.names);
    while (rc == 0 && in->n > 0) {
        rc = csv_feed(&r, in->bytes, in->n, e);
        rc = rc == 0 ? next_piece(in, e) : rc;
    }
    rc = rc == 0 ? csv_end(&r, e) : rc;
    csv_fini(&r);
    return rc == 0       ? 0
           : e->line > 0 ? err_prefix(e, rc, "%s:%d", in->path, e->line)
                         : err_prefix(e, rc, "%s", in->path);
}

/* XML begins with '<', behind a byte order mark and white space. */
static bool is_xml(const char *p, size_t n)
{
    size_t i = n >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;

    while (i < n && (p[i] == ' ' || p[i] == '\n' || p[i] == '\r' || p[i] == '\t')) {
        i++;
    }
    return i < n && p[i] == '<';
}

int analyze_read(const char *path, const char *const columns[CSV_ROLES], struct plog *ret,
                 struct err *e)
{
    bool std = strcmp(path, "-") == 0;
    struct input in = {std ? stdin : fopen(path, "re"), std ? "standard input" : path, NULL, 0};
    int rc = 0;

    if (in.f == NULL) {
        return err_errno(e, errno, "cannot read %s", path);
    }
    in.bytes = mem_alloc(PIECE);
    rc = in.bytes == NULL ? err_set(e, ERR_NOMEM, "out of memory for a file") : next_piece(&in, e);
    if (rc == 0 && in.n >= 2 && memcmp(in.bytes, "\x1f\x8b", 2) == 0) {
        rc = err_set(e, ERR_UNSUPPORTED,
                     "%s is compressed: `gunzip -c %s | tradewind analyze --log -`", in.path,
                     in.path);
    } else if (rc == 0) {
        rc = is_xml(in.bytes, in.n) ? read_xes(&in, ret, e) : read_csv(&in, columns, ret, e);
    }
    mem_free(in.bytes);
    if (!std) {
        (void)fclose(in.f);
    }
    return rc == 0 ? plog_finish(ret, e) : rc;
}
