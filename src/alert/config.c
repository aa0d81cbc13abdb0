/* The object `alerts` of the configuration: channels and rules, checked in full. */
#include <stdio.h>
#include <string.h>

#include "alert/alert.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/time.h"
#include "model/document.h"

#define TIMEOUT_US     (30 * TIME_SECOND)
#define INTERVAL_US    (30 * TIME_SECOND)
#define RETRY_DELAY_US (5 * TIME_SECOND)
#define RETRIES        5
#define RETENTION_US   (30 * 86400 * TIME_SECOND)
#define PATH_DEFAULT   "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static const char *const types[] = {"email", "webhook", "slack", "command"};

const char *alert_channel_type_to_string(enum alert_channel_type t)
{
    return types[t];
}

bool alert_address_is_valid(const char *s)
{
    const char *at = strchr(s, '@');

    if (at == NULL || at == s || at[1] == '\0' || strchr(at + 1, '@') != NULL || strlen(s) > 320 ||
        *s == '-') {
        return false;
    }
    for (; *s != '\0'; s++) {
        if ((unsigned char)*s <= ' ' || *s == 0x7f || strchr("<>,;:\"\\()[]", *s) != NULL) {
            return false;
        }
    }
    return true;
}

/* ---- one channel ---- */

static int put_env(struct arena *a, const struct value *o, struct alert_channel *c, struct err *e)
{
    const struct value *v = value_get(o, "env");
    size_t n = v != NULL && v->kind == VALUE_OBJECT ? v->len : 0;
    const char **env = arena_array(a, n + 2, sizeof *env);
    bool path = false;

    if (v != NULL && v->kind != VALUE_OBJECT) {
        return err_at(e, ERR_INVALID, v->line, v->col, "'env' must be an object of texts");
    }
    if (env == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory");
    }
    for (size_t i = 0; i < n; i++) {
        const struct value *text = v->elems[i];

        if (text->kind != VALUE_STRING || v->keys[i].len == 0 ||
            strchr(v->keys[i].text, '=') != NULL) {
            return err_at(e, ERR_INVALID, v->keys[i].line, v->keys[i].col,
                          "'env' must be an object of texts, by names of variables");
        }
        path = path || strcmp(v->keys[i].text, "PATH") == 0;
        env[i] = arena_printf(a, "%s=%s", v->keys[i].text, text->text);
        if (env[i] == NULL) {
            return err_set(e, ERR_NOMEM, "out of memory");
        }
    }
    env[n] = path ? NULL : PATH_DEFAULT;
    c->env = env;
    return 0;
}

static int put_command(struct arena *a, const struct value *o, struct alert_channel *c,
                       struct err *e)
{
    const char *const *words;
    const char **argv;
    size_t n;
    int rc = alert_texts(a, o, "command", &words, &n, e);

    if (rc == 0 && n == 0) {
        return err_at(e, ERR_INVALID, o->line, o->col,
                      "a channel of type command must have 'command': a list of the program and "
                      "its arguments");
    }
    argv = rc == 0 ? arena_array(a, n + 1, sizeof *argv) : NULL;
    if (rc == 0 && argv == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory");
    }
    for (size_t i = 0; rc == 0 && i < n; i++) {
        argv[i] = words[i];
    }
    c->command = argv;
    return rc == 0 ? put_env(a, o, c, e) : rc;
}

static int put_email(struct arena *a, const struct value *o, struct alert_channel *c, struct err *e)
{
    int rc = alert_texts(a, o, "to", &c->to, &c->to_len, e);

    rc = rc == 0 ? alert_text(o, "from", &c->from, e) : rc;
    if (rc == 0 && c->to_len == 0) {
        return err_at(e, ERR_INVALID, o->line, o->col,
                      "a channel of type email must have 'to': addresses");
    }
    for (size_t i = 0; rc == 0 && i < c->to_len; i++) {
        if (!alert_address_is_valid(c->to[i])) {
            const struct value *v = value_get(o, "to");

            v = v->kind == VALUE_ARRAY ? v->elems[i] : v;
            return err_at(e, ERR_INVALID, v->line, v->col, "'%.100s' is no mail address", c->to[i]);
        }
    }
    if (rc == 0 && c->from != NULL && !alert_address_is_valid(c->from)) {
        const struct value *v = value_get(o, "from");

        return err_at(e, ERR_INVALID, v->line, v->col, "'%.100s' is no mail address", c->from);
    }
    return rc;
}

static int put_web(const struct value *o, struct alert_channel *c, struct err *e)
{
    int rc = alert_text(o, "url", &c->url, e);

    rc = rc == 0 && c->type == ALERT_WEBHOOK ? alert_text(o, "secret", &c->secret, e) : rc;
    if (rc == 0 && c->url != NULL && strncmp(c->url, "http://", 7) != 0 &&
        strncmp(c->url, "https://", 8) != 0) {
        const struct value *v = value_get(o, "url");

        return err_at(e, ERR_INVALID, v->line, v->col, "'url' must begin with https:// or http://");
    }
    return rc == 0 && (c->url == NULL) == (c->connection == NULL)
               ? err_at(e, ERR_INVALID, o->line, o->col,
                        "a channel of type %s must have 'url' or 'connection', one of them",
                        types[c->type])
               : rc;
}

static int put_type(const struct value *o, struct alert_channel *c, struct err *e)
{
    const struct value *v = o->kind == VALUE_OBJECT ? value_get(o, "type") : NULL;

    for (size_t i = 0; v != NULL && v->kind == VALUE_STRING && i < 4; i++) {
        if (strcmp(types[i], v->text) == 0) {
            c->type = (enum alert_channel_type)i;
            return 0;
        }
    }
    v = v != NULL ? v : o;
    return err_at(e, ERR_INVALID, v->line, v->col,
                  "channel '%s' must have 'type': email, webhook, slack or command", c->name);
}

static int put_retries(const struct value *o, struct alert_channel *c, struct err *e)
{
    const struct value *v = value_get(o, "retries");
    int64_t n = RETRIES;

    if (v != NULL && value_int(v, 0, 100, &n) != 0) {
        return err_at(e, ERR_INVALID, v->line, v->col, "'retries' must be a number from 0 to 100");
    }
    c->retries = (int32_t)n;
    return 0;
}

static int check_times(const struct value *o, const struct alert_channel *c, struct err *e)
{
    if (c->timeout_us < TIME_SECOND || c->timeout_us > 3600 * TIME_SECOND) {
        return err_at(e, ERR_INVALID, o->line, o->col, "'timeout' must be from 1s to 1h");
    }
    if (c->interval_us < TIME_SECOND || c->interval_us > ALERT_GAP_MAX_US) {
        return err_at(e, ERR_INVALID, o->line, o->col, "'interval' must be from 1s to 10m");
    }
    return 0;
}

static int put_channel(struct arena *a, const struct value *o, struct alert_channel *c,
                       struct err *e)
{
#define ALL "type", "timeout", "interval", "retries", "retry_delay"
    static const char *const names[][12] = {
        {ALL, "connection", "ca_file", "to", "from", NULL},
        {ALL, "connection", "ca_file", "url", "secret", NULL},
        {ALL, "connection", "ca_file", "url", NULL},
        {ALL, "command", "env", NULL},
    };
#undef ALL
    char what[80];
    int rc = put_type(o, c, e);

    if (rc != 0) {
        return rc;
    }
    (void)snprintf(what, sizeof what, "a channel of type %s", types[c->type]);
    c->timeout_us = TIMEOUT_US;
    c->interval_us = INTERVAL_US;
    c->retry_delay_us = RETRY_DELAY_US;
    rc = alert_known(o, what, names[c->type], e);
    rc = rc == 0 ? alert_text(o, "connection", &c->connection, e) : rc;
    rc = rc == 0 ? alert_text(o, "ca_file", &c->ca_file, e) : rc;
    rc = rc == 0 ? alert_duration(o, "timeout", false, &c->timeout_us, e) : rc;
    rc = rc == 0 ? alert_duration(o, "interval", false, &c->interval_us, e) : rc;
    rc = rc == 0 ? alert_duration(o, "retry_delay", false, &c->retry_delay_us, e) : rc;
    rc = rc == 0 ? put_retries(o, c, e) : rc;
    rc = rc == 0 ? check_times(o, c, e) : rc;
    if (rc == 0) {
        rc = c->type == ALERT_EMAIL     ? put_email(a, o, c, e)
             : c->type == ALERT_COMMAND ? put_command(a, o, c, e)
                                        : put_web(o, c, e);
    }
    return rc;
}

/* ---- all ---- */

static bool is_name(const char *s)
{
    size_t n = strlen(s);

    return n > 0 && n <= 100 &&
           strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                     "0123456789-_.") == n;
}

static int put_channels(struct alert_config *c, const struct value *v, struct err *e)
{
    int rc = 0;

    if (v->kind != VALUE_OBJECT) {
        return err_at(e, ERR_INVALID, v->line, v->col, "'channels' must be an object, by name");
    }
    if (v->len > LIMIT_ALERT_CHANNELS) {
        return err_at(e, ERR_LIMIT, v->line, v->col, "there may be at most %d channels",
                      LIMIT_ALERT_CHANNELS);
    }
    c->channels = arena_array(&c->arena, v->len + 1, sizeof *c->channels);
    if (c->channels == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for channels");
    }
    for (size_t i = 0; rc == 0 && i < v->len; i++) {
        struct alert_channel *ch = &c->channels[i];
        const struct value_key *k = &v->keys[i];

        if (!is_name(k->text)) {
            return err_at(e, ERR_INVALID, k->line, k->col,
                          "'%.40s' cannot be the name of a channel: letters, digits, '-', '_' and "
                          "'.'",
                          k->text);
        }
        *ch = (struct alert_channel){.name = k->text, .line = k->line, .col = k->col};
        rc = put_channel(&c->arena, v->elems[i], ch, e);
        c->channels_len = i + 1;
    }
    return rc;
}

static const struct alert_channel *find(const struct alert_config *c, const char *name)
{
    for (size_t i = 0; i < c->channels_len; i++) {
        if (strcmp(c->channels[i].name, name) == 0) {
            return &c->channels[i];
        }
    }
    return NULL;
}

static int check_rule(const struct alert_config *c, const struct alert_rule *r, struct err *e)
{
    const char *names[LIMIT_ALERT_CHANNELS];

    for (size_t i = 0; i < c->channels_len; i++) {
        names[i] = c->channels[i].name;
    }
    for (size_t i = 0; i < r->channels_len; i++) {
        const char *near;

        if (find(c, r->channels[i]) != NULL) {
            continue;
        }
        near = nearest_word(r->channels[i], names, c->channels_len);
        return err_at(e, ERR_INVALID, r->line, r->col,
                      "there is no channel '%.80s'%s%s%s: name one of alerts.channels",
                      r->channels[i], near != NULL ? " (did you mean '" : "",
                      near != NULL ? near : "", near != NULL ? "'?)" : "");
    }
    return 0;
}

static int fill(struct alert_config *c, const struct value *v, struct err *e)
{
    static const char *const names[] = {"channels", "rules", "retention", NULL};
    const struct value *channels, *rules;
    int rc = alert_known(v, "alerts", names, e);

    if (rc != 0) {
        return rc;
    }
    channels = value_get(v, "channels");
    rules = value_get(v, "rules");
    rc = alert_duration(v, "retention", false, &c->retention_us, e);
    if (rc == 0 && channels != NULL && channels->kind != VALUE_NULL) {
        rc = put_channels(c, channels, e);
    }
    if (rc == 0 && rules != NULL && rules->kind != VALUE_NULL) {
        rc = alert_rules_parse(&c->arena, rules, false, &c->rules, &c->rules_len, e);
    }
    for (size_t i = 0; rc == 0 && i < c->rules_len; i++) {
        rc = check_rule(c, &c->rules[i], e);
    }
    return rc;
}

int alert_config_parse(const struct value *v, const char *file, struct alert_config **ret,
                       struct err *e)
{
    struct alert_config *c = mem_zalloc(sizeof *c);
    struct value *copy;
    struct err found = {0};
    int rc = 0;

    if (c == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for alerts");
    }
    arena_init(&c->arena, MiB(16));
    c->refs = 1;
    c->retention_us = RETENTION_US;
    c->smtp = (struct alert_smtp){
        .host = "localhost", .port = 25, .starttls = true, .mail_from = "airflow@example.com"};
    c->file = file != NULL ? arena_strdup(&c->arena, file) : NULL;
    if (v != NULL && v->kind != VALUE_NULL) {
        rc = value_copy(&c->arena, v, &copy);
        rc = rc == 0 ? fill(c, copy, &found) : err_set(&found, ERR_NOMEM, "out of memory");
    }
    if (rc != 0 && found.line > 0 && file != NULL) {
        rc = err_at(e, (enum err_code) - rc, found.line, found.col, "%s:%d:%d: alerts: %s", file,
                    found.line, found.col, found.text);
    } else if (rc != 0) {
        rc = err_at(e, (enum err_code) - rc, found.line, found.col, "alerts: %s", found.text);
    }
    if (rc != 0) {
        alert_config_free(c);
        return rc;
    }
    *ret = c;
    return 0;
}

struct alert_config *alert_config_ref(struct alert_config *c)
{
    c->refs++;
    return c;
}

void alert_config_free(struct alert_config *c)
{
    if (c != NULL && --c->refs == 0) {
        arena_fini(&c->arena);
        mem_free(c);
    }
}

/* ---- found ---- */

static int addresses(const char *list, struct arena *a, struct alert_channel *c, struct err *e)
{
    const char **to = arena_array(a, strlen(list) / 2 + 1, sizeof *to);

    if (to == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory");
    }
    for (const char *p = list; *p != '\0';) {
        size_t n = strcspn(p, ",");

        if (n > 0) {
            to[c->to_len] = arena_strndup(a, p, n);
            if (to[c->to_len] == NULL) {
                return err_set(e, ERR_NOMEM, "out of memory");
            }
            if (!alert_address_is_valid(to[c->to_len])) {
                return err_set(e, ERR_INVALID, "'%.100s' is no mail address", to[c->to_len]);
            }
            c->to_len++;
        }
        p += n + (p[n] == ',');
    }
    c->to = to;
    return c->to_len > 0 ? 0 : err_set(e, ERR_INVALID, "there is no mail address");
}

int alert_channel_find(const struct alert_config *c, const char *name, struct arena *a,
                       struct alert_channel *ret, struct err *e)
{
    const struct alert_channel *found = find(c, name);
    size_t n = sizeof ALERT_EMAIL_PREFIX - 1;

    if (found != NULL) {
        *ret = *found;
        ret->smtp = &c->smtp;
        return 0;
    }
    if (strncmp(name, ALERT_EMAIL_PREFIX, n) != 0) {
        return err_set(e, ERR_NOTFOUND, "there is no channel '%.80s' in %s", name,
                       c->file != NULL ? c->file : "the configuration");
    }
    *ret = (struct alert_channel){.name = arena_strdup(a, name),
                                  .type = ALERT_EMAIL,
                                  .timeout_us = TIMEOUT_US,
                                  .interval_us = INTERVAL_US,
                                  .retry_delay_us = RETRY_DELAY_US,
                                  .retries = RETRIES,
                                  .smtp = &c->smtp};
    if (ret->name == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory");
    }
    return addresses(name + n, a, ret, e);
}
