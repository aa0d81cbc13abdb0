#include "cli/settings_client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/time.h"
#include "cli/command.h"
#include "cli/session.h"
#include "dagfile/dagfile.h"
#include "engine/settings.h"
#include "runtime/loop.h"
#include "store/lock.h"
#include "store/store.h"

#define FILE_BYTES_MAX MiB(64)
#define BUSY_TRIES     100 /* another command writes for a moment */
#define BUSY_PAUSE_NS  20000000

int settings_open(struct settings_client *c, struct cli *cli)
{
    c->cli = cli;
    arena_init(&c->a, MiB(512));
    return home_resolve(cli_opt(cli, "home"), c->home, sizeof c->home, &c->e);
}

int settings_close(struct settings_client *c, int rc)
{
    int code = rc != 0 ? cli_fail(rc, &c->e) : 0;

    arena_fini(&c->a);
    return code;
}

static int64_t now_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * TIME_SECOND + t.tv_nsec / 1000;
}

static int do_it(struct settings_client *c, struct store *s, const char *op, const struct value *rq,
                 struct value **ret)
{
    struct buf b BUF_CLEANUP;
    struct json_writer w;
    int rc;

    buf_init(&b, LIMIT_MESSAGE);
    json_writer_init(&w, &b, 0);
    rc = settings_do(s, c->home, op, rq, now_us(), &c->a, &w, &c->e);
    rc = rc == 0 ? buf_status(&b) : rc;
    return rc == 0 ? value_parse(&c->a, buf_cstr(&b), b.len, ret, &c->e) : rc;
}

static int open_reading(struct settings_client *c, struct store **ret)
{
    char path[4200];

    (void)snprintf(path, sizeof path, "%s/%s", c->home, STORE_FILE);
    return access(path, F_OK) == 0 ? store_sqlite_open(path, STORE_READ_ONLY, ret, &c->e)
                                   : store_mem_open(ret, &c->e); /* nothing is stored yet */
}

bool settings_only_reads(const char *op)
{
    const char *word = strrchr(op, '_');

    return word != NULL && (strcmp(word, "_get") == 0 || strcmp(word, "_list") == 0);
}

/* ---- over the socket ---- */

struct remote {
    struct settings_client *c;
    const char *members;
    char *answer;
    int rc;
};

static int remote_main(void *arg)
{
    struct remote *r = arg;

    r->rc = engine_request(r->c->home, "settings", r->members, &r->answer, &r->c->e);
    return 0;
}

static int ask_engine(struct settings_client *c, const char *op, const struct value *rq,
                      struct value **ret)
{
    struct loop_config lc = {0};
    struct remote r = {.c = c};
    struct buf b BUF_CLEANUP;
    struct json_writer w;
    struct loop *l;
    int rc;

    buf_init(&b, LIMIT_MESSAGE / 2);
    json_writer_init(&w, &b, 0);
    json_object(&w);
    json_key(&w, "op");
    json_string(&w, op);
    for (size_t i = 0; i < rq->len; i++) {
        json_key(&w, rq->keys[i].text);
        json_value(&w, rq->elems[i]);
    }
    json_object_end(&w);
    if (buf_status(&b) != 0) {
        return err_set(&c->e, ERR_LIMIT, "the value is too large");
    }
    b.p[b.len - 1] = '\0'; /* the members alone, without their braces */
    r.members = b.p + 1;
    rc = loop_uv_new(&lc, &l, &c->e);
    if (rc == 0) {
        rc = loop_main(l, remote_main, &r, &c->e);
        loop_free(l);
    }
    rc = rc == 0 ? r.rc : rc;
    rc = rc == 0 && r.answer != NULL ? value_parse(&c->a, r.answer, strlen(r.answer), ret, &c->e)
                                     : rc;
    mem_free(r.answer);
    return rc;
}

static int write_myself(struct settings_client *c, const char *op, const struct value *rq,
                        struct value **ret)
{
    struct store *s = NULL;
    char path[4200];
    int rc;

    (void)snprintf(path, sizeof path, "%s/%s", c->home, STORE_FILE);
    rc = store_sqlite_open(path, 0, &s, &c->e);
    rc = rc == 0 ? do_it(c, s, op, rq, ret) : rc;
    store_close(s);
    return rc;
}

static int change(struct settings_client *c, const char *op, struct value *rq, struct value **ret)
{
    struct timespec pause = {0, BUSY_PAUSE_NS};
    struct lock *lock = NULL;
    int rc = home_prepare(c->home, &c->e);

    rc = rc == 0 ? settings_set_text(c, rq, "actor", session_actor()) : rc;

    for (int i = 0; rc == 0 && i < BUSY_TRIES; i++) {
        rc = lock_acquire(c->home, &lock, NULL, &c->e);
        if (rc == 0) {
            rc = write_myself(c, op, rq, ret);
            lock_release(lock);
            return rc;
        }
        if (rc == -ERR_BUSY) {
            c->e.text[0] = '\0';
            rc = ask_engine(c, op, rq, ret);
            if (rc != -ERR_CLOSED && rc != -ERR_NOTFOUND && rc != -ERR_IO) {
                return rc;
            }
            (void)nanosleep(&pause, NULL);
            rc = i + 1 < BUSY_TRIES ? 0 : rc;
        }
    }
    return rc;
}

int settings_ask(struct settings_client *c, const char *op, struct value *rq, struct value **ret)
{
    struct store *s = NULL;
    struct value *ignored;
    int rc;

    ret = ret != NULL ? ret : &ignored;
    if (rq == NULL) {
        return err_set(&c->e, ERR_NOMEM, "out of memory");
    }
    if (!settings_only_reads(op)) {
        return change(c, op, rq, ret);
    }
    rc = open_reading(c, &s);
    rc = rc == 0 ? do_it(c, s, op, rq, ret) : rc;
    store_close(s);
    return rc;
}

/* ---- values ---- */

int settings_set_text(struct settings_client *c, struct value *o, const char *key, const char *text)
{
    struct value *v = text != NULL ? value_string(&c->a, text, strlen(text)) : NULL;

    if (text == NULL) {
        return 0;
    }
    return v == NULL || value_set(&c->a, o, key, v) != 0
               ? err_set(&c->e, ERR_NOMEM, "out of memory")
               : 0;
}

struct value *settings_request(struct settings_client *c, const char *key, const char *text)
{
    struct value *o = value_new(&c->a, VALUE_OBJECT);

    return o != NULL && settings_set_text(c, o, key, text) == 0 ? o : NULL;
}

const char *settings_text(const struct value *o, const char *key)
{
    const struct value *v = o != NULL ? value_get(o, key) : NULL;

    return v != NULL && (v->kind == VALUE_STRING || v->kind == VALUE_NUMBER) ? v->text : NULL;
}

/* ---- kinds ---- */

const struct cli_setting cli_variable = {
    "variable", "Variable", "KEY", "key", "keys", "var_get", "var_set", "var_list", "var_delete",
};
const struct cli_setting cli_connection = {
    "connection", "Connection", "ID",        "conn_id",     "ids",
    "conn_get",   "conn_set",   "conn_list", "conn_delete",
};

int cli_setting_missing(struct settings_client *c, const struct cli_setting *k, const char *name)
{
    return err_set(&c->e, ERR_NOTFOUND, "there is no %s '%s'", k->word, name);
}

int cli_setting_names(struct settings_client *c, const struct cli_setting *k, struct value **ret)
{
    struct value *answer = NULL;
    int rc = settings_ask(c, k->list, value_new(&c->a, VALUE_OBJECT), &answer);

    *ret = rc == 0 ? value_get(answer, k->names) : NULL;
    return rc;
}

int cli_setting_get(struct settings_client *c, const struct cli_setting *k, const char *name,
                    bool stored, struct value **ret)
{
    struct value *rq = settings_request(c, k->member, name);

    if (rq == NULL || value_set(&c->a, rq, "stored", value_bool(&c->a, stored)) != 0) {
        return err_set(&c->e, ERR_NOMEM, "out of memory");
    }
    return settings_ask(c, k->get, rq, ret);
}

int cli_setting_delete(struct cli *cli, const struct cli_setting *k)
{
    const char *name = cli_arg(cli, k->argument);
    struct settings_client c = {0};
    struct value *answer = NULL, *found;
    int rc = settings_open(&c, cli);

    rc = rc == 0 ? settings_ask(&c, k->drop, settings_request(&c, k->member, name), &answer) : rc;
    found = rc == 0 ? value_get(answer, "found") : NULL;
    if (rc == 0 && (found == NULL || !found->boolean)) {
        rc = cli_setting_missing(&c, k, name);
    } else if (rc == 0 && !cli_flag(cli, "quiet")) {
        (void)printf("%s %s is deleted.\n", k->title, name);
    }
    return settings_close(&c, rc);
}

/* ---- files ---- */

static int read_file(struct settings_client *c, const char *path, const char **ret, size_t *ret_len)
{
    int fd = strcmp(path, "-") == 0 ? dup(0) : open(path, O_RDONLY | O_CLOEXEC);
    struct buf b BUF_CLEANUP = {0};
    char part[8192];
    ssize_t n = 0;
    int rc = 0;

    if (fd < 0) {
        return err_errno(&c->e, errno, "%s", path);
    }
    buf_init(&b, FILE_BYTES_MAX);
    while (rc == 0 && (n = read(fd, part, sizeof part)) > 0) {
        rc = buf_append(&b, part, (size_t)n);
    }
    if (rc == 0 && n < 0) {
        rc = err_errno(&c->e, errno, "%s", path);
    }
    (void)close(fd);
    *ret = rc == 0 ? arena_strndup(&c->a, buf_cstr(&b), b.len) : NULL;
    *ret_len = b.len;
    return rc == 0 && *ret == NULL ? err_set(&c->e, ERR_NOMEM, "out of memory") : rc;
}

int settings_text_or_stdin(struct settings_client *c, const char *text, const char **ret)
{
    size_t n;
    int rc;

    *ret = text;
    if (text == NULL || strcmp(text, "-") != 0) {
        return 0;
    }
    rc = read_file(c, "-", ret, &n);
    if (rc == 0 && n != 0 && (*ret)[n - 1] == '\n') {
        *ret = arena_strndup(&c->a, *ret, n - 1);
    }
    return rc == 0 && *ret == NULL ? err_set(&c->e, ERR_NOMEM, "out of memory") : rc;
}

int settings_read_json(struct settings_client *c, const char *path, struct value **ret)
{
    const char *text = NULL;
    size_t n = 0;
    int rc = read_file(c, path, &text, &n);

    if (rc != 0) {
        return rc;
    }
    rc = value_parse(&c->a, text, n, ret, &c->e);
    return rc == 0
               ? 0
               : err_prefix(&c->e, rc, "%s:%d:%d", strcmp(path, "-") == 0 ? "standard input" : path,
                            c->e.line, c->e.col);
}

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);

    return n >= m && strcmp(s + n - m, end) == 0;
}

/* NAME=TEXT, a line each; empty ones and those that begin with # do not count. */
static int parse_lines(struct settings_client *c, const char *path, const char *text,
                       struct value **ret)
{
    struct value *all = value_new(&c->a, VALUE_OBJECT), *v;
    int line = 0, rc = all == NULL ? err_set(&c->e, ERR_NOMEM, "out of memory") : 0;

    for (size_t n; rc == 0 && *text != '\0'; text += n + (text[n] == '\n')) {
        const char *equals, *p = text + strspn(text, " \t");
        size_t len;

        n = strcspn(text, "\n");
        len = n > 0 && text[n - 1] == '\r' ? n - 1 : n;
        line++;
        if (p >= text + len || *p == '#') {
            continue;
        }
        equals = memchr(p, '=', (size_t)(text + len - p));
        if (equals == NULL || equals == p) {
            return err_set(&c->e, ERR_INVALID, "%s:%d: a line is NAME=TEXT", path, line);
        }
        v = value_string(&c->a, equals + 1, (size_t)(text + len - equals - 1));
        p = arena_strndup(&c->a, p, (size_t)(equals - p));
        rc = v == NULL || p == NULL || value_set(&c->a, all, p, v) != 0
                 ? err_set(&c->e, ERR_NOMEM, "out of memory")
                 : 0;
    }
    *ret = all;
    return rc;
}

static int check_names(struct settings_client *c, const char *path, const struct value *v)
{
    struct map seen;
    int rc = 0;

    map_init(&seen);
    for (size_t i = 0; rc == 0 && v->kind == VALUE_OBJECT && i < v->len; i++) {
        const struct value_key *k = &v->keys[i];

        if (map_find(&seen, k->text, k->len) != NULL) {
            rc = err_set(&c->e, ERR_INVALID, "%s: '%s' stands in it twice", path, k->text);
        } else if (map_add(&seen, k->text, k->len, (void *)k, NULL) != 0) {
            rc = err_set(&c->e, ERR_NOMEM, "out of memory");
        }
    }
    map_fini(&seen);
    return rc;
}

int cli_setting_read_file(struct settings_client *c, const char *path, struct value **ret)
{
    bool yaml = ends_with(path, ".yaml") || ends_with(path, ".yml");
    const char *text = NULL;
    size_t n = 0;
    int rc;

    if (!yaml && !ends_with(path, ".env")) {
        rc = settings_read_json(c, path, ret);
        return rc == 0 ? check_names(c, path, *ret) : rc;
    }
    rc = read_file(c, path, &text, &n);
    if (rc == 0 && yaml) {
        rc = yaml_parse(&c->a, text, n, ret, &c->e);
        rc = rc == 0 ? 0 : err_prefix(&c->e, rc, "%s:%d:%d", path, c->e.line, c->e.col);
    } else if (rc == 0) {
        rc = parse_lines(c, path, text, ret);
    }
    return rc == 0 ? check_names(c, path, *ret) : rc;
}

int cli_setting_write_file(struct settings_client *c, const char *path, const struct buf *text)
{
    bool out = strcmp(path, "-") == 0;
    int fd = out ? 1 : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), rc;

    if (fd < 0) {
        return err_errno(&c->e, errno, "%s", path);
    }
    rc = buf_status(text);
    for (size_t done = 0; rc == 0 && done < text->len;) {
        ssize_t n = write(fd, text->p + done, text->len - done);

        rc = n < 0 ? err_errno(&c->e, errno, "%s", path) : 0;
        done += n > 0 ? (size_t)n : 0;
    }
    if (!out && close(fd) != 0 && rc == 0) {
        rc = err_errno(&c->e, errno, "%s", path);
    }
    return rc;
}

int settings_write_json(struct settings_client *c, const char *path, const struct value *v)
{
    struct buf b BUF_CLEANUP;
    struct json_writer w;

    buf_init(&b, FILE_BYTES_MAX);
    json_writer_init(&w, &b, 4);
    json_value(&w, v);
    (void)buf_char(&b, '\n');
    return cli_setting_write_file(c, path, &b);
}
