/* Reads JSON strings, one a line, as connections; writes each as an object, or {"error": text}: for compare_uris.py. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "secret/connection.h"

static void answer(const char *line, size_t n)
{
    struct value *text = NULL, *c = NULL;
    struct json_writer w;
    struct arena a;
    struct err e = {0};
    struct buf b;
    int rc;

    arena_init(&a, MiB(64));
    buf_init(&b, MiB(64));
    json_writer_init(&w, &b, 0);
    rc = value_parse(&a, line, n, &text, &e);
    rc = rc == 0 ? connection_parse_uri(text->text, &a, &c, &e) : rc;
    if (rc == 0) {
        json_value(&w, c);
    } else {
        json_object(&w);
        json_key(&w, "error");
        json_string(&w, err_str(&e));
        json_object_end(&w);
    }
    (void)puts(buf_cstr(&b));
    buf_fini(&b);
    arena_fini(&a);
}

int main(void)
{
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;

    while ((n = getline(&line, &cap, stdin)) > 0) {
        answer(line, (size_t)n - (line[n - 1] == '\n'));
    }
    free(line);
    return 0;
}
