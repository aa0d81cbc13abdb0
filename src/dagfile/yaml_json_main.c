/* tradewind-yaml-json FILE: a YAML file as JSON on standard output. The build makes openapi.json of api/openapi.yaml with it. */
#include <errno.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "dagfile/dagfile.h"

static int read_all(const char *path, struct buf *out, struct err *e)
{
    FILE *f = fopen(path, "r");
    char piece[65536];
    size_t n;
    int rc = 0;

    if (f == NULL) {
        return err_errno(e, errno, "cannot be read");
    }
    while (rc == 0 && (n = fread(piece, 1, sizeof piece, f)) > 0) {
        rc = buf_append(out, piece, n);
    }
    if (rc == 0 && ferror(f)) {
        rc = err_errno(e, errno, "cannot be read");
    }
    (void)fclose(f);
    return rc;
}

int main(int argc, char **argv)
{
    struct buf in BUF_CLEANUP, out BUF_CLEANUP;
    struct json_writer w;
    struct value *doc;
    struct arena a;
    struct err e = {0};
    int rc;

    buf_init(&in, MiB(16));
    buf_init(&out, MiB(64));
    arena_init(&a, MiB(256));
    if (argc != 2) {
        (void)fprintf(stderr, "usage: tradewind-yaml-json FILE\n");
        return 2;
    }
    rc = read_all(argv[1], &in, &e);
    if (rc == 0 && (rc = yaml_parse(&a, in.p, in.len, &doc, &e)) == 0) {
        json_writer_init(&w, &out, 0);
        json_value(&w, doc);
        rc = buf_status(&out);
    }
    if (rc != 0) {
        (void)fprintf(stderr, "%s:%d: %s\n", argv[1], e.line, e.text[0] ? e.text : err_text(rc));
    } else if (fwrite(out.p, 1, out.len, stdout) != out.len || fflush(stdout) != 0) {
        (void)fprintf(stderr, "tradewind-yaml-json: cannot write\n");
        rc = -ERR_IO;
    }
    arena_fini(&a);
    return rc != 0;
}
