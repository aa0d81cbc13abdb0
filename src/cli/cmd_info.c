/* info: the version, the places, and who works in the home. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "bundle/folder.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/session.h"
#include "runtime/loop.h"
#include "store/store.h"

struct info {
    char home[4096], dags[4096];
    struct session paths;
    int64_t pid; /* of the engine that lives; 0: none */
    int form, newest;
    struct err e;
};

static int ask_main(void *arg)
{
    struct info *i = arg;
    struct err none = {0};
    struct arena a;
    struct value *v;
    char *answer = NULL;

    arena_init(&a, KiB(64));
    if (engine_request(i->home, "ping", "", &answer, &none) == 0 && answer != NULL &&
        value_parse(&a, answer, strlen(answer), &v, &none) == 0 &&
        (v->kind != VALUE_OBJECT || value_get(v, "pid") == NULL ||
         value_int(value_get(v, "pid"), 1, INT32_MAX, &i->pid) != 0)) {
        i->pid = 0;
    }
    mem_free(answer);
    arena_fini(&a);
    return 0;
}

static int ask_engine(struct info *i)
{
    struct loop_config lc = {0};
    struct loop *l;
    int rc = loop_uv_new(&lc, &l, &i->e);

    if (rc == 0) {
        rc = loop_main(l, ask_main, i, &i->e);
        loop_free(l);
    }
    return rc;
}

/* The form stays 0 where there is no store yet. */
static int read_form(struct info *i)
{
    struct store *s = NULL;
    int rc = store_open_for_reading(i->home, &s, &i->e);

    if (rc == -ERR_NOTFOUND) {
        i->e = (struct err){0};
        return 0;
    }
    rc = rc == 0 ? s->ops->schema_version(s, &i->form, &i->newest, &i->e) : rc;
    store_close(s);
    return rc;
}

static void put(struct buf *text, struct json_writer *w, const char *key, const char *value)
{
    (void)buf_printf(text, "%-12s%s\n", key, value != NULL ? value : "none");
    json_key(w, key);
    json_string(w, value);
}

static void tell(struct cli *cli, const struct info *i)
{
    struct buf text BUF_CLEANUP, json BUF_CLEANUP;
    struct json_writer w;
    char number[32];

    buf_init(&text, KiB(64));
    buf_init(&json, KiB(64));
    json_writer_init(&w, &json, 2);
    json_object(&w);
    put(&text, &w, "version", TRADEWIND_VERSION);
    put(&text, &w, "home", i->home);
    put(&text, &w, "dags_folder", i->dags);
    (void)snprintf(number, sizeof number, "form %d", i->form);
    put(&text, &w, "store", i->form != 0 ? number : NULL);
    put(&text, &w, "python", i->paths.python);
    put(&text, &w, "python_path", i->paths.python_path);
    put(&text, &w, "holder", i->paths.holder);
    (void)snprintf(number, sizeof number, "process %lld", (long long)i->pid);
    put(&text, &w, "engine", i->pid != 0 ? number : NULL);
    json_object_end(&w);
    (void)printf("%s%s", buf_cstr(cli_flag(cli, "json") ? &json : &text),
                 cli_flag(cli, "json") ? "\n" : "");
}

int cmd_info(struct cli *cli)
{
    struct info i = {0};
    int rc = home_resolve(cli_opt(cli, "home"), i.home, sizeof i.home, &i.e);

    rc = rc == 0 ? ask_engine(&i) : rc;
    if (rc == 0 && cli_flag(cli, "engine")) {
        if (i.pid == 0) {
            (void)printf("No tradewind works in %s.\n", i.home);
            return 1;
        }
        (void)printf("Process %lld works in %s.\n", (long long)i.pid, i.home);
        return 0;
    }
    rc = rc == 0 ? folder_resolve(i.home, i.dags, sizeof i.dags, &i.e) : rc;
    rc = rc == 0 ? session_find_parts(&i.paths, NULL, &i.e) : rc;
    rc = rc == 0 ? read_form(&i) : rc;
    if (rc == 0) {
        tell(cli, &i);
    }
    return rc != 0 ? cli_fail(rc, &i.e) : 0;
}
