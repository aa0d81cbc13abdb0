#include "config/config.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "config/config_priv.h"
#include "dagfile/dagfile.h"
#include "model/document.h"

extern char **environ;

/* ---- the table ---- */

#define TEXT             CONFIG_TYPE_TEXT, 0, 0, NULL
#define PATH             CONFIG_TYPE_PATH, 0, 0, NULL
#define BOOL             CONFIG_TYPE_BOOL, 0, 1, NULL
#define INT(lo, hi)      CONFIG_TYPE_INT, lo, hi, NULL
#define DURATION(lo, hi) CONFIG_TYPE_DURATION, lo, hi, NULL
#define CHOICE(words)    CONFIG_TYPE_CHOICE, 0, 0, words
/* The types are several members: they are expanded before the entry is made of them. */
#define ENTRY(...) {__VA_ARGS__},
#define CONFIG(section, key, type, dflt, airflow, meaning) \
    ENTRY(#section, #key, type, dflt, airflow, meaning, false)
#define CONFIG_LIVE(section, key, type, dflt, airflow, meaning) \
    ENTRY(#section, #key, type, dflt, airflow, meaning, true)
#define CONFIG_TREE(section, meaning) \
    ENTRY(#section, "", CONFIG_TYPE_TREE, 0, 0, NULL, "", "", meaning, false)
#define CONFIG_TREE_LIVE(section, meaning) \
    ENTRY(#section, "", CONFIG_TYPE_TREE, 0, 0, NULL, "", "", meaning, true)
#define CONFIG_PYTHON(section, key) \
    ENTRY(#section, #key, CONFIG_TYPE_PYTHON, 0, 0, NULL, "", #section "." #key, "", false)

static const struct config_key keys[] = {
#include "config/config.def"
};

#define KEYS (sizeof keys / sizeof keys[0])

size_t config_keys_len(void)
{
    return KEYS;
}

const struct config_key *config_key_at(size_t i)
{
    return i < KEYS ? &keys[i] : NULL;
}

size_t config_index(const char *section, size_t section_len, const char *key, size_t key_len)
{
    for (size_t i = 0; i < KEYS; i++) {
        if (strncmp(keys[i].section, section, section_len) == 0 &&
            keys[i].section[section_len] == '\0' && strncmp(keys[i].key, key, key_len) == 0 &&
            keys[i].key[key_len] == '\0') {
            return i;
        }
    }
    return SIZE_MAX;
}

static size_t index_of(const char *name)
{
    const char *dot = strchr(name, '.');

    return dot != NULL ? config_index(name, (size_t)(dot - name), dot + 1, strlen(dot + 1))
                       : config_index(name, strlen(name), "", 0);
}

bool config_has_section(const char *section)
{
    for (size_t i = 0; i < KEYS; i++) {
        if (strcmp(keys[i].section, section) == 0) {
            return true;
        }
    }
    return false;
}

const struct config_key *config_key_find(const char *name)
{
    size_t i = index_of(name);

    return i != SIZE_MAX ? &keys[i] : NULL;
}

const char *config_key_near(const char *name)
{
    static char names[KEYS][80];
    const char *candidates[KEYS];

    for (size_t i = 0; i < KEYS; i++) {
        (void)snprintf(names[i], sizeof names[i], "%s%s%s", keys[i].section,
                       keys[i].key[0] != '\0' ? "." : "", keys[i].key);
        candidates[i] = names[i];
    }
    return nearest_word(name, candidates, KEYS);
}

/* ---- findings ---- */

void config_found(struct config *c, bool error, const char *where, int line, int col,
                  const char *fmt, ...)
{
    struct config_finding f = {.error = error, .line = line, .col = col};
    char text[ERR_TEXT_MAX];
    va_list ap;

    if (c->findings_len >= LIMIT_CONFIG_FINDINGS) {
        return;
    }
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    f.text = arena_strdup(&c->arena, text);
    f.where = arena_strdup(&c->arena, where);
    if (f.text == NULL || f.where == NULL ||
        VEC_PUSH(c->findings, c->findings_len, c->findings_cap, f) != 0) {
        c->oom = true;
    }
}

size_t config_findings(const struct config *c, const struct config_finding **ret)
{
    *ret = c->findings;
    return c->findings_len;
}

void config_add_error(struct config *c, int line, int col, const char *text)
{
    config_found(c, true, config_path(c), line, col, "%s", text);
}

/* ---- the file ---- */

static int read_all(const char *path, struct buf *out, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), rc = 0;
    struct stat st;
    ssize_t n = 1;

    if (fd < 0) {
        return errno == ENOENT || errno == ENOTDIR ? 0
                                                   : err_errno(e, errno, "cannot read %s", path);
    }
    if (fstat(fd, &st) == 0 && !S_ISREG(st.st_mode)) {
        rc = err_set(e, ERR_INVALID, "%s is not a file", path);
    }
    while (rc == 0 && n > 0) {
        rc = buf_reserve(out, 4096);
        n = rc == 0 ? read(fd, out->p + out->len, 4096) : 0;
        if (n > 0) {
            out->len += (size_t)n;
            out->p[out->len] = '\0';
        } else if (n < 0) {
            rc = err_errno(e, errno, "cannot read %s", path);
        }
    }
    (void)close(fd);
    if (rc == -ERR_LIMIT) {
        rc = err_set(e, ERR_LIMIT, "%s is larger than %zu bytes", path, (size_t)LIMIT_CONFIG_BYTES);
    }
    return rc;
}

static int read_file(struct config *c, struct err *e)
{
    struct buf b BUF_CLEANUP;
    struct err own = {0};
    int rc;

    buf_init(&b, LIMIT_CONFIG_BYTES);
    rc = read_all(c->path, &b, e);
    if (rc != 0 || b.len == 0) {
        return rc;
    }
    rc = yaml_parse(&c->arena, b.p, b.len, &c->root, &own);
    if (rc == -ERR_SYNTAX || rc == -ERR_LIMIT || rc == -ERR_INVALID) {
        config_found(c, true, c->path, own.line, own.col, "%s", err_str(&own));
        c->root = NULL;
        return 0;
    }
    return rc != 0 ? err_set(e, (enum err_code) - rc, "%s: %s", c->path, err_str(&own)) : 0;
}

/* ---- open ---- */

static void take_defaults(struct config *c)
{
    char why[256];

    for (size_t i = 0; i < KEYS; i++) {
        const struct config_key *k = &keys[i];
        int rc;

        c->settings[i].source = "default";
        if (k->type == CONFIG_TYPE_TREE || k->type == CONFIG_TYPE_PYTHON) {
            continue;
        }
        rc = config_convert(c, k, k->dflt, c->home, &c->settings[i], why, sizeof why);
        assert(rc == 0 || rc == -ERR_NOMEM); /* a default in config.def that is none */
        c->oom = c->oom || rc == -ERR_NOMEM;
    }
}

int config_read(const char *home, const char *const *environment, struct config **ret,
                struct err *e)
{
    struct config *c = mem_zalloc(sizeof *c);
    int rc;

    if (c == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for the configuration");
    }
    arena_init(&c->arena, LIMIT_CONFIG_BYTES * 16);
    c->home = arena_strdup(&c->arena, home);
    c->path = arena_printf(&c->arena, "%s/%s", home, CONFIG_FILE);
    c->settings = arena_array(&c->arena, KEYS, sizeof *c->settings);
    c->oom = c->home == NULL || c->path == NULL || c->settings == NULL;
    rc = c->oom ? 0 : read_file(c, e);
    if (rc == 0 && !c->oom) {
        take_defaults(c);
        config_take_file(c);
        config_take_environment(c, environment);
    }
    if (rc == 0 && c->oom) {
        rc = err_set(e, ERR_NOMEM, "out of memory for the configuration");
    }
    if (rc != 0) {
        config_close(c);
        return rc;
    }
    *ret = c;
    return 0;
}

int config_open(const char *home, struct config **ret, struct err *e)
{
    struct config *c;
    int rc = config_read(home, (const char *const *)environ, &c, e);

    if (rc != 0) {
        return rc;
    }
    for (size_t i = 0; i < c->findings_len; i++) {
        const struct config_finding *f = &c->findings[i];

        if (f->error) {
            if (f->line > 0) {
                rc = err_at(e, ERR_INVALID, f->line, f->col, "%s:%d:%d: %s", f->where, f->line,
                            f->col, f->text);
            } else {
                rc = err_set(e, ERR_INVALID, "%s: %s", f->where, f->text);
            }
            config_close(c);
            return rc;
        }
    }
    *ret = c;
    return 0;
}

void config_close(struct config *c)
{
    if (c != NULL) {
        mem_free(c->findings);
        arena_fini(&c->arena);
        mem_free(c);
    }
}

/* ---- values ---- */

static const struct setting *setting_of(const struct config *c, const char *name,
                                        enum config_type type, enum config_type or_type)
{
    size_t i = index_of(name);

    assert(i != SIZE_MAX); /* the name of a setting that config.def has not */
    assert(keys[i].type == type || keys[i].type == or_type || type == or_type);
    return &c->settings[i];
}

const char *config_text(const struct config *c, const char *key)
{
    const struct setting *s = setting_of(c, key, CONFIG_TYPE_TEXT, CONFIG_TYPE_TEXT);

    return s->text != NULL ? s->text : "";
}

int64_t config_int(const struct config *c, const char *key)
{
    return setting_of(c, key, CONFIG_TYPE_INT, CONFIG_TYPE_BOOL)->number;
}

bool config_bool(const struct config *c, const char *key)
{
    return setting_of(c, key, CONFIG_TYPE_BOOL, CONFIG_TYPE_INT)->number != 0;
}

int64_t config_us(const struct config *c, const char *key)
{
    return setting_of(c, key, CONFIG_TYPE_DURATION, CONFIG_TYPE_INT)->number;
}

const struct value *config_value(const struct config *c, const char *key)
{
    const char *dot = strchr(key, '.');
    char section[80];
    const struct value *v;

    if (c->root == NULL || c->root->kind != VALUE_OBJECT) {
        return NULL;
    }
    if (dot == NULL || (size_t)(dot - key) >= sizeof section) {
        return value_get(c->root, key);
    }
    memcpy(section, key, (size_t)(dot - key));
    section[dot - key] = '\0';
    v = value_get(c->root, section);
    return v != NULL && v->kind == VALUE_OBJECT ? value_get(v, dot + 1) : NULL;
}

const char *config_source(const struct config *c, const char *key)
{
    size_t i = index_of(key);

    assert(i != SIZE_MAX);
    return c->settings[i].source;
}

const char *config_path(const struct config *c)
{
    return c->path;
}

const char *config_shown(const struct config *c, const struct config_key *k)
{
    const struct setting *s = &c->settings[k - keys];

    return s->text != NULL ? s->text : "";
}

const char *config_shown_source(const struct config *c, const struct config_key *k)
{
    return c->settings[k - keys].source;
}

bool config_differs(const struct config *x, const struct config *y, const struct config_key *k)
{
    return strcmp(config_shown(x, k), config_shown(y, k)) != 0;
}

/* ---- for Python ---- */

/* Airflow writes the words of a choice in capitals ("INFO"). */
static int put(struct buf *names, const char *prefix, const char *section, size_t section_len,
               const char *key, size_t key_len, const char *text, bool capitals)
{
    char name[200], word[64];
    int n = snprintf(name, sizeof name, "%s__%.*s__%.*s", prefix, (int)section_len, section,
                     (int)key_len, key);

    if (n >= (int)sizeof name) {
        return -ERR_LIMIT;
    }
    for (char *p = name; *p != '\0'; p++) {
        *p = (char)toupper((unsigned char)*p);
    }
    if (getenv(name) != NULL) {
        return 0;
    }
    if (capitals) {
        (void)snprintf(word, sizeof word, "%s", text);
        for (char *p = word; *p != '\0'; p++) {
            *p = (char)toupper((unsigned char)*p);
        }
        text = word;
    }
    (void)buf_printf(names, "%s ", name);
    return setenv(name, text, 1) == 0 ? 0 : -ERR_NOMEM;
}

/* Under our name, and under those of Airflow's that differ from it: `conf` is asked for either. */
static int export_key(struct buf *names, const struct config_key *k, const char *text)
{
    const size_t n = strlen(k->section), m = strlen(k->key);
    int rc = put(names, "TRADEWIND", k->section, n, k->key, m, text, false);

    for (const char *p = k->airflow; rc == 0 && *p != '\0';) {
        size_t len = strcspn(p, " "), dot = strcspn(p, ".");

        if (dot != n || strncmp(p, k->section, n) != 0 || len - dot - 1 != m ||
            strncmp(p + dot + 1, k->key, m) != 0) {
            rc = put(names, "AIRFLOW", p, dot, p + dot + 1, len - dot - 1, text,
                     k->type == CONFIG_TYPE_CHOICE);
        }
        p += len + (p[len] == ' ');
    }
    return rc;
}

int config_export(const struct config *c, struct err *e)
{
    struct buf names BUF_CLEANUP = {0};
    int rc = 0;

    if (getenv(CONFIG_EXPORTED) != NULL) {
        return 0;
    }
    buf_init(&names, KiB(64));
    for (size_t i = 0; rc == 0 && i < KEYS; i++) {
        const struct setting *s = &c->settings[i];

        if (s->value != NULL && !s->in_environment && keys[i].type != CONFIG_TYPE_TREE) {
            rc = export_key(&names, &keys[i], s->text);
        }
    }
    rc = rc == 0 ? buf_status(&names) : rc;
    if (rc == 0 && names.len != 0 && setenv(CONFIG_EXPORTED, buf_cstr(&names), 1) != 0) {
        rc = -ERR_NOMEM;
    }
    return rc != 0 ? err_set(e, ERR_NOMEM, "out of memory for the environment") : 0;
}
