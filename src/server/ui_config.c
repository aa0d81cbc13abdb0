/* /ui/config: the settings as this server read them, with where each comes from. For admins, whatever api.expose_config says of the REST API. */
#include <string.h>
#include <strings.h>

#include "config/config.h"
#include "server/api.h"

static bool is_secret(const struct config_key *k)
{
    static const char *const words[] = {"password", "secret", "token", "key", "credential"};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcasestr(k->key, words[i]) != NULL) {
            return true;
        }
    }
    return strcmp(k->section, "webhooks") == 0 || strcmp(k->section, "secrets") == 0;
}

static const char *kind_of(const char *source)
{
    return strcmp(source, "default") == 0                                      ? "default"
           : strncmp(source, CONFIG_FILE ":", sizeof CONFIG_FILE ":" - 1) == 0 ? "file"
                                                                               : "environment";
}

static int put_setting(struct call *c, const struct config *config, const struct config_key *k,
                       struct err *e)
{
    const char *value = config_shown(config, k), *source = config_shown_source(config, k);
    char *name =
        arena_printf(&c->arena, "%s%s%s", k->section, k->key[0] != '\0' ? "." : "", k->key);

    if (name == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for the settings");
    }
    json_object(&c->w);
    put_text(c, "name", name);
    put_text(c, "section", k->section);
    put_text(c, "value", is_secret(k) && value != NULL && value[0] != '\0' ? "***" : value);
    put_text(c, "default", k->dflt);
    put_text(c, "source", kind_of(source));
    put_text(c, "origin", strcmp(source, "default") != 0 ? source : NULL);
    put_text(c, "about", k->meaning);
    put_bool(c, "reload", k->live);
    json_object_end(&c->w);
    return 0;
}

/* What DAG files alone read is told where somebody has set it. */
static bool is_told(const struct config *config, const struct config_key *k)
{
    return k->type != CONFIG_TYPE_PYTHON || strcmp(config_shown_source(config, k), "default") != 0;
}

int ui_config(struct call *c, struct err *e)
{
    const struct config *config = c->thread->server->config.settings;
    int rc = 0;

    if (config == NULL) {
        return err_set(e, ERR_UNSUPPORTED, "this server has no configuration to tell");
    }
    json_object(&c->w);
    json_key(&c->w, "settings");
    json_array(&c->w);
    for (size_t i = 0; rc == 0 && config_key_at(i) != NULL; i++) {
        rc = is_told(config, config_key_at(i)) ? put_setting(c, config, config_key_at(i), e) : 0;
    }
    json_array_end(&c->w);
    json_object_end(&c->w);
    c->no_store = true;
    return rc;
}
