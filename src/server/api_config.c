/*
 * The effective settings, as this server read them: only where api.expose_config says so. "non-sensitive-only": values under names of
 * secrets are hidden; with true as well, for none of our settings is meant to be read by whoever may read the others.
 */
#include <string.h>
#include <strings.h>

#include "config/config.h"
#include "server/api.h"

static bool is_sensitive(const char *section, const char *key)
{
    static const char *const words[] = {"password", "secret", "token", "key", "credential"};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcasestr(key, words[i]) != NULL) {
            return true;
        }
    }
    return strcmp(section, "webhooks") == 0 || strcmp(section, "secrets") == 0;
}

static const char *shown(const struct config *c, const struct config_key *k)
{
    const char *text = config_shown(c, k);

    return is_sensitive(k->section, k->key) && text != NULL && text[0] != '\0' ? "< hidden >"
                                                                               : text;
}

static int check_exposed(struct call *c, struct err *e)
{
    const struct config *config = c->thread->server->config.settings;

    return config == NULL || strcmp(config_text(config, "api.expose_config"), "false") == 0
               ? err_set(e, ERR_PERM,
                         "Your Airflow administrator chose not to expose the configuration, most "
                         "likely for security reasons.")
               : 0;
}

static bool wants_text(struct call *c)
{
    const char *accept = call_header(c, "Accept");

    return accept != NULL && strstr(accept, "text/plain") != NULL;
}

/* A tree has no name of its own: it is the option "value" of its section. */
static const char *name_of(const struct config_key *k)
{
    return k->key[0] != '\0' ? k->key : "value";
}

static void put_option(struct call *c, const struct config *config, const struct config_key *k)
{
    if (wants_text(c)) {
        (void)buf_printf(&c->out, "%s = %s\n", name_of(k), shown(config, k));
        return;
    }
    json_object(&c->w);
    put_text(c, "key", name_of(k));
    put_text(c, "value", shown(config, k));
    json_object_end(&c->w);
}

static bool seen_before(size_t i)
{
    for (size_t k = 0; k < i; k++) {
        if (strcmp(config_key_at(k)->section, config_key_at(i)->section) == 0) {
            return true;
        }
    }
    return false;
}

static void put_section(struct call *c, const struct config *config, size_t first)
{
    const char *name = config_key_at(first)->section;
    const struct config_key *k;

    if (wants_text(c)) {
        (void)buf_printf(&c->out, "[%s]\n", name);
    } else {
        json_object(&c->w);
        put_text(c, "name", name);
        json_key(&c->w, "options");
        json_array(&c->w);
    }
    for (size_t i = first; (k = config_key_at(i)) != NULL; i++) {
        if (strcmp(k->section, name) == 0) {
            put_option(c, config, k);
        }
    }
    if (wants_text(c)) {
        (void)buf_char(&c->out, '\n');
    } else {
        json_array_end(&c->w);
        json_object_end(&c->w);
    }
}

int api_config(struct call *c, struct err *e)
{
    const struct config *config = c->thread->server->config.settings;
    const char *section = call_query(c, "section");
    size_t n = 0;
    int rc = check_exposed(c, e);

    if (rc != 0) {
        return rc;
    }
    if (wants_text(c)) {
        c->content_type = "text/plain; charset=utf-8";
    } else {
        json_object(&c->w);
        json_key(&c->w, "sections");
        json_array(&c->w);
    }
    for (size_t i = 0; config_key_at(i) != NULL; i++) {
        if (!seen_before(i) &&
            (section == NULL || strcmp(section, config_key_at(i)->section) == 0)) {
            put_section(c, config, i);
            n++;
        }
    }
    if (section != NULL && n == 0) {
        return err_set(e, ERR_NOTFOUND, "Section %.100s not found.", section);
    }
    if (!wants_text(c)) {
        json_array_end(&c->w);
        json_object_end(&c->w);
    }
    c->no_store = true;
    return 0;
}

int api_config_option(struct call *c, struct err *e)
{
    const struct config *config = c->thread->server->config.settings;
    const char *section = call_param(c, "section"), *option = call_param(c, "option");
    const struct config_key *k;
    int rc = check_exposed(c, e);

    for (size_t i = 0; rc == 0 && (k = config_key_at(i)) != NULL; i++) {
        if (strcmp(k->section, section) != 0 || strcmp(name_of(k), option) != 0) {
            continue;
        }
        c->no_store = true;
        if (wants_text(c)) {
            c->content_type = "text/plain; charset=utf-8";
            (void)buf_printf(&c->out, "[%s]\n", section);
            put_option(c, config, k);
            return 0;
        }
        json_object(&c->w);
        json_key(&c->w, "sections");
        json_array(&c->w);
        json_object(&c->w);
        put_text(c, "name", section);
        json_key(&c->w, "options");
        json_array(&c->w);
        put_option(c, config, k);
        json_array_end(&c->w);
        json_object_end(&c->w);
        json_array_end(&c->w);
        json_object_end(&c->w);
        return 0;
    }
    return rc != 0 ? rc
                   : err_set(e, ERR_NOTFOUND, "Option [%.100s/%.100s] not found.", section, option);
}
