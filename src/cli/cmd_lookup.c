/* lookup HOME: not a command of people's. The importer of DAG files asks it for variables and connections (python/tradewind/lookup.py): a
 * question of engine/settings.h a line on standard input, {"result": ...} or {"error": text} a line on standard output. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "cli/commands.h"
#include "cli/settings_client.h"

static int answer(struct settings_client *c, const char *line, size_t n, struct value **ret)
{
    struct value *rq;
    const char *op;
    int rc = value_parse(&c->a, line, n, &rq, &c->e);

    if (rc != 0) {
        return rc;
    }
    op = rq->kind == VALUE_OBJECT ? settings_text(rq, "op") : NULL;
    return op != NULL && settings_only_reads(op)
               ? settings_ask(c, op, rq, ret)
               : err_set(&c->e, ERR_INVALID, "only questions that read are answered here");
}

static int write_answer(int rc, const struct value *result, const struct err *e)
{
    struct buf b BUF_CLEANUP;
    struct json_writer w;

    buf_init(&b, LIMIT_MESSAGE);
    json_writer_init(&w, &b, 0);
    json_object(&w);
    json_key(&w, rc == 0 ? "result" : "error");
    if (rc == 0) {
        json_value(&w, result);
    } else {
        json_string(&w, err_str(e));
    }
    json_object_end(&w);
    (void)buf_char(&b, '\n');
    return buf_status(&b) == 0 && fwrite(b.p, 1, b.len, stdout) == b.len && fflush(stdout) == 0
               ? 0
               : -ERR_IO;
}

int cmd_lookup(const char *home)
{
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;
    int rc = 0;

    while (rc == 0 && (n = getline(&line, &cap, stdin)) > 0) {
        struct settings_client c = {0};
        struct value *result = NULL;
        int asked;

        arena_init(&c.a, MiB(64));
        (void)snprintf(c.home, sizeof c.home, "%s", home);
        asked = answer(&c, line, (size_t)n, &result);
        rc = write_answer(asked, result, &c.e);
        arena_fini(&c.a);
    }
    free(line); /* not ours: getline made it */
    return err_exit_code(rc);
}
