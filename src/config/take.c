/* The file, and the environment, onto the settings. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/time.h"
#include "config/config_priv.h"
#include "model/document.h"

/* ---- what a text means ---- */

static bool is_word(const char *words, const char *text, size_t *ret_at)
{
    size_t n = strlen(text), at = 0;

    while (words[at] != '\0') {
        size_t len = strcspn(words + at, " ");

        if (len == n && strncasecmp(words + at, text, n) == 0) {
            *ret_at = at;
            return true;
        }
        at += len + (words[at + len] == ' ');
    }
    return false;
}

static int convert_bool(const char *text, int64_t *ret)
{
    size_t at;

    if (is_word("true t yes y on 1", text, &at)) {
        *ret = 1;
        return 0;
    }
    *ret = 0;
    return is_word("false f no n off 0", text, &at) ? 0 : -ERR_INVALID;
}

static const char *path_of(struct config *c, const char *text, const char *base)
{
    const char *user = getenv("HOME");

    if (text[0] == '\0' || text[0] == '/') {
        return arena_strdup(&c->arena, text);
    }
    if (text[0] == '~' && (text[1] == '/' || text[1] == '\0') && user != NULL) {
        return arena_printf(&c->arena, "%s%s", user, text + 1);
    }
    return arena_printf(&c->arena, "%s/%s", base, text);
}

static int convert_int(const struct config_key *k, const char *text, int64_t *ret, char *why,
                       size_t cap)
{
    const struct value v = {.kind = VALUE_NUMBER, .text = text, .len = strlen(text)};

    if (value_int(&v, k->min, k->max, ret) != 0) {
        (void)snprintf(why, cap, "must be a whole number from %lld to %lld", (long long)k->min,
                       (long long)k->max);
        return -ERR_INVALID;
    }
    return 0;
}

static int convert_duration(const struct config_key *k, const char *text, int64_t *ret, char *why,
                            size_t cap)
{
    if (duration_parse(text, strlen(text), ret) != 0 || *ret < k->min * TIME_SECOND ||
        *ret > k->max * TIME_SECOND) {
        (void)snprintf(why, cap, "must be a duration from %llds to %llds, like 90, 90s or 5m",
                       (long long)k->min, (long long)k->max);
        return -ERR_INVALID;
    }
    return 0;
}

int config_convert(struct config *c, const struct config_key *k, const char *text, const char *base,
                   struct setting *s, char *why, size_t cap)
{
    size_t at = 0;
    int rc = 0;

    switch (k->type) {
    case CONFIG_TYPE_INT:
        rc = convert_int(k, text, &s->number, why, cap);
        break;
    case CONFIG_TYPE_DURATION:
        rc = convert_duration(k, text, &s->number, why, cap);
        break;
    case CONFIG_TYPE_BOOL:
        rc = convert_bool(text, &s->number);
        (void)snprintf(why, cap, "must be true or false");
        text = s->number != 0 ? "true" : "false";
        break;
    case CONFIG_TYPE_CHOICE:
        rc = is_word(k->words, text, &at) ? 0 : -ERR_INVALID;
        (void)snprintf(why, cap, "must be one of: %s", k->words);
        break;
    default:
        break;
    }
    if (rc != 0) {
        return rc;
    }
    if (k->type == CONFIG_TYPE_CHOICE) {
        s->text = arena_strndup(&c->arena, k->words + at, strlen(text));
    } else if (k->type == CONFIG_TYPE_PATH) {
        s->text = path_of(c, text, base);
    } else {
        s->text = arena_strdup(&c->arena, text);
    }
    return s->text != NULL ? 0 : -ERR_NOMEM;
}

/* ---- the file ---- */

static const char *kind_word(const struct config_key *k)
{
    static const char *const words[] = {
        [CONFIG_TYPE_TEXT] = "a text",
        [CONFIG_TYPE_PATH] = "a path",
        [CONFIG_TYPE_BOOL] = "true or false",
        [CONFIG_TYPE_INT] = "a whole number",
        [CONFIG_TYPE_DURATION] = "a duration like 90, 90s or 5m",
        [CONFIG_TYPE_CHOICE] = "a word",
        [CONFIG_TYPE_PYTHON] = "a text, a number, true or false",
    };

    return words[k->type];
}

static bool kind_fits(const struct config_key *k, const struct value *v)
{
    switch (k->type) {
    case CONFIG_TYPE_BOOL:
        return v->kind == VALUE_BOOL;
    case CONFIG_TYPE_INT:
        return v->kind == VALUE_NUMBER;
    case CONFIG_TYPE_DURATION:
        return v->kind == VALUE_NUMBER || v->kind == VALUE_STRING;
    case CONFIG_TYPE_PYTHON:
        return v->kind == VALUE_NUMBER || v->kind == VALUE_STRING || v->kind == VALUE_BOOL;
    default:
        return v->kind == VALUE_STRING;
    }
}

static void take_value(struct config *c, const struct config_key *k, const struct value *v)
{
    struct setting *s = &c->settings[k - config_key_at(0)], was = *s;
    const char *text = v->kind == VALUE_BOOL ? (v->boolean ? "true" : "false") : v->text;
    char why[256];
    int rc;

    if (v->kind == VALUE_NULL) {
        return;
    }
    if (!kind_fits(k, v)) {
        config_found(c, true, c->path, v->line, v->col, "%s.%s must be %s, not %s%s", k->section,
                     k->key, kind_word(k), v->kind == VALUE_BOOL ? "true or false" : "a ",
                     v->kind == VALUE_BOOL ? "" : value_kind_name(v->kind));
        return;
    }
    rc = config_convert(c, k, text, c->home, s, why, sizeof why);
    if (rc == -ERR_INVALID) {
        config_found(c, true, c->path, v->line, v->col, "%s.%s is %.60s: it %s", k->section, k->key,
                     text, why);
        *s = was;
        return;
    }
    s->value = v;
    s->source = arena_printf(&c->arena, CONFIG_FILE ":%d", v->line);
    c->oom = c->oom || rc == -ERR_NOMEM || s->source == NULL;
}

static void take_tree(struct config *c, size_t i, const struct value *v)
{
    struct buf b BUF_CLEANUP = {0};
    struct json_writer w;

    if (v->kind == VALUE_NULL) {
        return;
    }
    if (v->kind != VALUE_ARRAY && v->kind != VALUE_OBJECT) {
        config_found(c, true, c->path, v->line, v->col, "%s must be a list or a map, not a %s",
                     config_key_at(i)->section, value_kind_name(v->kind));
        return;
    }
    buf_init(&b, LIMIT_CONFIG_BYTES * 4);
    json_writer_init(&w, &b, 0);
    json_value(&w, v);
    c->settings[i].value = v;
    c->settings[i].text = buf_status(&b) == 0 ? arena_strdup(&c->arena, buf_cstr(&b)) : NULL;
    c->settings[i].source = arena_printf(&c->arena, CONFIG_FILE ":%d", v->line);
    c->oom = c->oom || c->settings[i].text == NULL || c->settings[i].source == NULL;
}

static const char *near_of(struct config *c, const char *section, const char *key)
{
    char name[200];
    const char *near;

    (void)snprintf(name, sizeof name, "%.90s%s%.90s", section, key[0] != '\0' ? "." : "", key);
    near = config_key_near(name);
    near = near != NULL ? arena_printf(&c->arena, "; did you mean %s?", near) : NULL;
    return near != NULL ? near : "; `tradewind config list` lists them";
}

static const char *near_section(struct config *c, const char *section)
{
    const char *names[128], *near;
    size_t n = 0;

    for (size_t i = 0; n < 128 && i < config_keys_len(); i++) {
        names[n++] = config_key_at(i)->section;
    }
    near = nearest_word(section, names, n);
    near = near != NULL ? arena_printf(&c->arena, "; did you mean %s?", near) : NULL;
    return near != NULL ? near : "; `tradewind config list` lists them";
}

static void take_section(struct config *c, const struct value_key *name, const struct value *v)
{
    size_t tree = config_index(name->text, name->len, "", 0);

    if (tree != SIZE_MAX) {
        take_tree(c, tree, v);
        return;
    }
    if (!config_has_section(name->text)) {
        config_found(c, true, c->path, name->line, name->col, "there is no section '%.60s'%s",
                     name->text, near_section(c, name->text));
        return;
    }
    if (v->kind != VALUE_OBJECT) {
        if (v->kind != VALUE_NULL) {
            config_found(c, true, c->path, v->line, v->col,
                         "the section '%s' must be a map of its keys, not a %s", name->text,
                         value_kind_name(v->kind));
        }
        return;
    }
    for (size_t i = 0; i < v->len; i++) {
        const struct value_key *key = &v->keys[i];
        size_t at = config_index(name->text, name->len, key->text, key->len);

        if (at == SIZE_MAX) {
            config_found(c, true, c->path, key->line, key->col,
                         "there is no setting '%.60s.%.60s'%s", name->text, key->text,
                         near_of(c, name->text, key->text));
        } else if (c->settings[at].value != NULL) {
            config_found(c, true, c->path, key->line, key->col,
                         "%s.%s is set twice: here and in line %d", name->text, key->text,
                         c->settings[at].value->line);
        } else {
            take_value(c, config_key_at(at), v->elems[i]);
        }
    }
}

void config_take_file(struct config *c)
{
    const struct value *root = c->root;

    if (root == NULL || root->kind == VALUE_NULL) {
        return;
    }
    if (root->kind != VALUE_OBJECT) {
        config_found(c, true, c->path, root->line, root->col,
                     "a map of sections is wanted (core: ...), not a %s",
                     value_kind_name(root->kind));
        return;
    }
    for (size_t i = 0; i < root->len; i++) {
        for (size_t j = 0; j < i; j++) {
            if (strcmp(root->keys[i].text, root->keys[j].text) == 0) {
                config_found(c, true, c->path, root->keys[i].line, root->keys[i].col,
                             "the section '%.60s' stands twice: here and in line %d",
                             root->keys[i].text, root->keys[j].line);
            }
        }
        take_section(c, &root->keys[i], root->elems[i]);
    }
}

/* ---- the environment ---- */

static bool name_is(const char *name, size_t len, const char *prefix, const char *section,
                    size_t section_len, const char *key, size_t key_len)
{
    size_t n = strlen(prefix);

    if (len != n + section_len + 2 + key_len || strncmp(name, prefix, n) != 0) {
        return false;
    }
    for (size_t i = 0; i < section_len; i++) {
        if (name[n + i] != toupper((unsigned char)section[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < key_len; i++) {
        if (name[n + section_len + 2 + i] != toupper((unsigned char)key[i])) {
            return false;
        }
    }
    return name[n + section_len] == '_' && name[n + section_len + 1] == '_';
}

static bool is_ours(const char *name, size_t len, const struct config_key *k)
{
    return name_is(name, len, "TRADEWIND__", k->section, strlen(k->section), k->key,
                   strlen(k->key));
}

static bool is_theirs(const char *name, size_t len, const struct config_key *k)
{
    for (const char *p = k->airflow; *p != '\0';) {
        size_t n = strcspn(p, " "), dot = strcspn(p, ".");

        if (name_is(name, len, "AIRFLOW__", p, dot, p + dot + 1, n - dot - 1)) {
            return true;
        }
        p += n + (p[n] == ' ');
    }
    return false;
}

/* TRADEWIND__ before AIRFLOW__, whatever their order in the environment. */
static void take_entry(struct config *c, const struct config_key *k, const char *name, size_t len,
                       const char *cwd)
{
    struct setting *s = &c->settings[k - config_key_at(0)], was = *s;
    char why[256], shown[160];
    int rc;

    (void)snprintf(shown, sizeof shown, "%.*s", (int)(len < 150 ? len : 150), name);
    if (s->in_environment && strncmp(s->source, "TRADEWIND__", 11) == 0) {
        return;
    }
    rc = config_convert(c, k, name + len + 1, cwd, s, why, sizeof why);
    if (rc == -ERR_INVALID) {
        config_found(c, true, shown, 0, 0, "%s.%s is '%.60s': it %s", k->section, k->key,
                     name + len + 1, why);
        *s = was;
        return;
    }
    s->source = arena_strndup(&c->arena, name, len);
    s->in_environment = true;
    c->oom = c->oom || rc == -ERR_NOMEM || s->source == NULL;
}

/* "TRADEWIND__CORE__PARALELISM" as "core.paralelism". */
static void name_to_key(const char *name, size_t len, char *section, char *key, size_t cap)
{
    const char *sep = memmem(name, len, "__", 2);
    size_t s = sep != NULL ? (size_t)(sep - name) : len, k = sep != NULL ? len - s - 2 : 0;

    (void)snprintf(section, cap, "%.*s", (int)s, name);
    (void)snprintf(key, cap, "%.*s", (int)k, name + (sep != NULL ? s + 2 : len));
    for (char *p = section; *p != '\0'; p++) {
        *p = (char)tolower((unsigned char)*p);
    }
    for (char *p = key; *p != '\0'; p++) {
        *p = (char)tolower((unsigned char)*p);
    }
}

/* NAME_CMD and NAME_SECRET, where NAME is a setting of ours: what the command prints is not the setting. */
static bool is_indirect(struct config *c, const char *name, size_t len)
{
    static const char *const ends[] = {"_CMD", "_SECRET"};

    for (size_t i = 0; i < 2; i++) {
        size_t n = strlen(ends[i]);

        if (len <= n || strncmp(name + len - n, ends[i], n) != 0) {
            continue;
        }
        for (size_t k = 0; k < config_keys_len(); k++) {
            const struct config_key *key = config_key_at(k);

            if (key->type != CONFIG_TYPE_PYTHON &&
                (is_ours(name, len - n, key) || is_theirs(name, len - n, key))) {
                char shown[160];

                (void)snprintf(shown, sizeof shown, "%.*s", (int)(len < 150 ? len : 150), name);
                config_found(c, true, shown, 0, 0,
                             "a setting is not read from a command or a secrets backend; set "
                             "%.*s itself",
                             (int)(len - n), name);
                return true;
            }
        }
    }
    return false;
}

static void unknown(struct config *c, const char *name, size_t len)
{
    bool ours = name[0] == 'T';
    size_t n = ours ? strlen("TRADEWIND__") : strlen("AIRFLOW__");
    char shown[160], section[160], key[160];
    const char *remedy;

    if (len >= sizeof shown) {
        return;
    }
    (void)snprintf(shown, sizeof shown, "%.*s", (int)len, name);
    name_to_key(name + n, len - n, section, key, sizeof section);
    remedy = config_airflow_remedy(section, key);
    if (remedy != NULL && remedy[0] != '\0') {
        config_found(c, false, shown, 0, 0, "Airflow's %s.%s has no effect here: %s", section, key,
                     remedy);
    } else if (remedy != NULL) {
        config_found(c, false, shown, 0, 0, "Airflow's %s.%s has no effect here", section, key);
    } else if (ours && config_index(section, strlen(section), "", 0) != SIZE_MAX) {
        config_found(c, true, shown, 0, 0, "the section '%s' is set in %s only", section, c->path);
    } else if (ours && config_has_section(section)) {
        config_found(c, true, shown, 0, 0, "there is no setting '%s.%s'%s", section, key,
                     near_of(c, section, key));
    } else if (ours) {
        config_found(c, false, shown, 0, 0,
                     "there is no section '%s': only `conf` in DAG files sees it%s", section,
                     near_section(c, section));
    }
}

static bool has_name(const char *names, const char *name, size_t len)
{
    for (const char *p = names; *p != '\0';) {
        size_t n = strcspn(p, " ");

        if (n == len && strncmp(p, name, n) == 0) {
            return true;
        }
        p += n + (p[n] == ' ');
    }
    return false;
}

/* By name: findings come in an order that does not depend on how the process was started. */
static int compare(const void *x, const void *y)
{
    return strcmp(*(const char *const *)x, *(const char *const *)y);
}

void config_take_environment(struct config *c, const char *const *environment)
{
    const char **list, *exported = "";
    char cwd[4096];
    size_t n = 0, all = 0;

    for (; environment[all] != NULL; all++) {
        if (strncmp(environment[all], CONFIG_EXPORTED "=", strlen(CONFIG_EXPORTED) + 1) == 0) {
            exported = environment[all] + strlen(CONFIG_EXPORTED) + 1;
        }
    }
    list = arena_array(&c->arena, all + 1, sizeof *list);
    if (list == NULL) {
        c->oom = true;
        return;
    }
    for (size_t i = 0; i < all; i++) {
        const char *p = environment[i];

        if (strncmp(p, "TRADEWIND__", 11) == 0 || strncmp(p, "AIRFLOW__", 9) == 0) {
            list[n++] = p;
        }
    }
    qsort(list, n, sizeof *list, compare);
    if (getcwd(cwd, sizeof cwd) == NULL) {
        cwd[0] = '\0';
    }
    for (size_t i = n; i-- > 0;) { /* TRADEWIND__ first */
        size_t len = strcspn(list[i], "=");
        bool known = false;

        if (list[i][len] == '\0' || list[i][len + 1] == '\0' || has_name(exported, list[i], len)) {
            continue;
        }
        for (size_t k = 0; k < config_keys_len(); k++) {
            const struct config_key *key = config_key_at(k);

            if (key->type != CONFIG_TYPE_TREE &&
                (is_ours(list[i], len, key) || is_theirs(list[i], len, key))) {
                take_entry(c, key, list[i], len, cwd);
                known = true;
            }
        }
        if (!known && !is_indirect(c, list[i], len)) {
            unknown(c, list[i], len);
        }
    }
}
