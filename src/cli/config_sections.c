#include "cli/config_sections.h"

#include <stdio.h>
#include <string.h>

#include "alert/alert.h"
#include "base/arena.h"
#include "base/err.h"
#include "base/limits.h"
#include "bundle/folder.h"
#include "bundle/list.h"
#include "config/config.h"
#include "home/home.h"
#include "server/oidc.h"
#include "server/webhooks.h"

static int check_alerts(const struct config *c, const char *home, struct arena *a, struct err *e)
{
    struct alert_config *alerts = NULL;
    int rc = home_alert_config(c, &alerts, e);

    (void)home;
    (void)a;
    if (rc == 0) {
        alert_config_free(alerts);
    }
    return rc;
}

static int check_bundles(const struct config *c, const char *home, struct arena *a, struct err *e)
{
    struct bundle_spec *list;
    size_t n;

    (void)home;
    return bundle_list_read(c, config_text(c, "core.dags_folder"), NULL, a, &list, &n, e);
}

static int check_webhooks(const struct config *c, const char *home, struct arena *a, struct err *e)
{
    struct webhook *list;
    size_t n;

    (void)home;
    return webhook_read(config_value(c, "webhooks"), a, &list, &n, e);
}

static int check_oidc(const struct config *c, const char *home, struct arena *a, struct err *e)
{
    struct oidc *o = NULL;
    int rc = oidc_new(config_value(c, "oidc"), home, &o, e);

    (void)a;
    oidc_free(o);
    return rc;
}

/* "FILE:1:2: text" becomes the text and its place. */
static const char *without_place(const char *text, const char *file, int *line, int *col)
{
    size_t n = strlen(file);
    int used = 0;

    if (strncmp(text, file, n) == 0 && sscanf(text + n, ":%d:%d: %n", line, col, &used) == 2 &&
        used > 0) {
        return text + n + used;
    }
    return text;
}

static void add(struct config *c, const struct err *found, int *ret_rc, struct err *e)
{
    const char *path = config_path(c), *text;
    int line = found->line, col = found->col;

    text = without_place(err_str(found), path, &line, &col);
    config_add_error(c, line, col, text);
    if (*ret_rc == 0 && line > 0) {
        *ret_rc = err_set(e, ERR_INVALID, "%s:%d:%d: %s", path, line, col, text);
    } else if (*ret_rc == 0) {
        *ret_rc = err_set(e, ERR_INVALID, "%s: %s", path, text);
    }
}

int cli_check_sections(struct config *c, const char *home, struct err *e)
{
    static int (*const checks[])(const struct config *, const char *, struct arena *,
                                 struct err *) = {check_alerts, check_bundles, check_webhooks,
                                                  check_oidc};
    int rc = 0;

    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
        struct err own = {0};
        struct arena a;

        arena_init(&a, MiB(16));
        if (checks[i](c, home, &a, &own) != 0) {
            add(c, &own, &rc, e);
        }
        arena_fini(&a);
    }
    return rc;
}
