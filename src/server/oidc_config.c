/* The section `oidc` of the configuration. */
#include <string.h>

#include "base/err.h"
#include "base/json.h"
#include "server/oidc_priv.h"

static int wrong(const struct value *v, const char *text, struct err *e)
{
    return err_at(e, ERR_INVALID, v->line, v->col, "oidc: %s", text);
}

static int text_of(const struct value *o, const char *name, const char *dflt, struct arena *a,
                   const char **ret, struct err *e)
{
    const struct value *v = value_get(o, name);

    if (v != NULL && (v->kind != VALUE_STRING || v->len == 0)) {
        return wrong(v, arena_printf(a, "%s is a text", name), e);
    }
    *ret = v != NULL ? arena_strdup(a, v->text) : dflt;
    return v == NULL || *ret != NULL ? 0 : err_set(e, ERR_NOMEM, "out of memory for oidc");
}

static int check_members(const struct value *o, struct arena *a, struct err *e)
{
    static const char *const known[] = {
        "issuer", "client_id",    "client_secret_file", "name",
        "scopes", "ca_file",      "username_claim",     "role_claim",
        "roles",  "default_role", "create_users",
    };

    for (size_t i = 0; i < o->len; i++) {
        bool is = false;

        for (size_t k = 0; k < sizeof known / sizeof known[0]; k++) {
            is = is || strcmp(known[k], o->keys[i].text) == 0;
        }
        if (!is) {
            return wrong(o->elems[i], arena_printf(a, "there is no '%s'", o->keys[i].text), e);
        }
    }
    return 0;
}

/* Of this machine, a provider for tests may do without TLS. */
static bool is_safe(const char *url)
{
    static const char *const local[] = {"http://127.0.0.1", "http://localhost", "http://[::1]"};

    for (size_t i = 0; i < 3; i++) {
        size_t n = strlen(local[i]);

        if (strncmp(url, local[i], n) == 0 && strchr(":/", url[n]) != NULL) {
            return true;
        }
    }
    return strncmp(url, "https://", 8) == 0 && url[8] != '\0';
}

static int read_roles(const struct value *o, struct arena *a, struct oidc_config *ret,
                      struct err *e)
{
    const struct value *v = value_get(o, "roles"), *d = value_get(o, "default_role");
    struct value *copy = NULL;
    int r = ROLE_VIEWER;

    if (v != NULL && v->kind != VALUE_OBJECT) {
        return wrong(v, "roles is a map of the claim's values to roles", e);
    }
    for (size_t i = 0; v != NULL && i < v->len; i++) {
        if (v->elems[i]->kind != VALUE_STRING || role_from_string(v->elems[i]->text) < 0) {
            return wrong(v->elems[i], "a role is viewer, user, operator or admin", e);
        }
    }
    if (d != NULL) {
        r = d->kind == VALUE_STRING && strcmp(d->text, "none") == 0 ? ROLE_NONE
            : d->kind == VALUE_STRING                               ? role_from_string(d->text)
                                                                    : -1;
    }
    if (r < 0) {
        return wrong(d, "default_role is none, viewer, user, operator or admin", e);
    }
    ret->default_role = (enum role)r;
    if (v != NULL && value_copy(a, v, &copy) != 0) {
        return err_set(e, ERR_NOMEM, "out of memory for oidc");
    }
    ret->roles = copy;
    return 0;
}

int oidc_config_read(const struct value *v, const char *home, struct arena *a,
                     struct oidc_config *ret, struct err *e)
{
    const struct value *create;
    int rc;

    if (v->kind != VALUE_OBJECT) {
        return wrong(v, "it is a map with issuer, client_id ...", e);
    }
    create = value_get(v, "create_users");
    rc = check_members(v, a, e);
    rc = rc == 0 ? text_of(v, "issuer", NULL, a, &ret->issuer, e) : rc;
    rc = rc == 0 ? text_of(v, "client_id", NULL, a, &ret->client_id, e) : rc;
    rc = rc == 0 ? text_of(v, "client_secret_file", NULL, a, &ret->secret_file, e) : rc;
    rc = rc == 0 ? text_of(v, "name", "single sign-on", a, &ret->name, e) : rc;
    rc = rc == 0 ? text_of(v, "scopes", "openid profile email", a, &ret->scopes, e) : rc;
    rc = rc == 0 ? text_of(v, "ca_file", NULL, a, &ret->ca_file, e) : rc;
    rc = rc == 0 ? text_of(v, "username_claim", "preferred_username", a, &ret->username_claim, e)
                 : rc;
    rc = rc == 0 ? text_of(v, "role_claim", "groups", a, &ret->role_claim, e) : rc;
    rc = rc == 0 ? read_roles(v, a, ret, e) : rc;
    if (rc != 0) {
        return rc;
    }
    if (ret->issuer == NULL || ret->client_id == NULL) {
        return wrong(v, "issuer and client_id must be given", e);
    }
    if (!is_safe(ret->issuer)) {
        return wrong(value_get(v, "issuer"), "issuer is an https:// address", e);
    }
    if (create != NULL && create->kind != VALUE_BOOL) {
        return wrong(create, "create_users is true or false", e);
    }
    ret->create_users = create == NULL || create->boolean;
    if (ret->secret_file != NULL && ret->secret_file[0] != '/') {
        ret->secret_file = arena_printf(a, "%s/%s", home, ret->secret_file);
    }
    if (ret->ca_file != NULL && ret->ca_file[0] != '/') {
        ret->ca_file = arena_printf(a, "%s/%s", home, ret->ca_file);
    }
    return 0;
}
