/* Whom a home's engine tells: from its configuration. */
#include <stdlib.h>
#include <string.h>

#include "alert/alert.h"
#include "base/err.h"
#include "config/config.h"
#include "home/home.h"

/* A setting of Airflow's [smtp], or NULL; the text is the configuration's. */
static const char *smtp(const struct config *c, const char *key)
{
    const struct config_key *k = config_key_find(key);
    const char *text = k != NULL ? config_shown(c, k) : "";

    return text[0] != '\0' ? text : NULL;
}

static void set_flag(const struct config *c, const char *key, bool *flag)
{
    const char *text = smtp(c, key);

    if (text != NULL) {
        *flag = strcmp(text, "True") == 0 || strcmp(text, "true") == 0 || strcmp(text, "1") == 0 ||
                strcmp(text, "t") == 0;
    }
}

static int set_text(const struct config *c, const char *key, struct arena *a, const char **ret,
                    struct err *e)
{
    const char *text = smtp(c, key);

    if (text != NULL) {
        *ret = arena_strdup(a, text);
    }
    return text != NULL && *ret == NULL ? err_set(e, ERR_NOMEM, "out of memory for alerts") : 0;
}

static int set_smtp(const struct config *c, struct alert_config *a, struct err *e)
{
    const char *port = smtp(c, "smtp.smtp_port");
    int rc = set_text(c, "smtp.smtp_host", &a->arena, &a->smtp.host, e);
    long n = port != NULL ? strtol(port, NULL, 10) : a->smtp.port;

    rc = rc == 0 ? set_text(c, "smtp.smtp_user", &a->arena, &a->smtp.user, e) : rc;
    rc = rc == 0 ? set_text(c, "smtp.smtp_password", &a->arena, &a->smtp.password, e) : rc;
    rc = rc == 0 ? set_text(c, "smtp.smtp_mail_from", &a->arena, &a->smtp.mail_from, e) : rc;
    set_flag(c, "smtp.smtp_ssl", &a->smtp.ssl);
    set_flag(c, "smtp.smtp_starttls", &a->smtp.starttls);
    if (rc == 0 && (n < 1 || n > 65535)) {
        return err_set(e, ERR_INVALID, "smtp.smtp_port (%s) is '%.20s': a port is from 1 to 65535",
                       config_shown_source(c, config_key_find("smtp.smtp_port")), port);
    }
    a->smtp.port = (int32_t)n;
    return rc;
}

int home_alert_config(const struct config *c, struct alert_config **ret, struct err *e)
{
    struct alert_config *a = NULL;
    int rc = alert_config_parse(config_value(c, "alerts"), config_path(c), &a, e);

    rc = rc == 0 ? set_smtp(c, a, e) : rc;
    if (rc != 0) {
        alert_config_free(a);
        return rc;
    }
    *ret = a;
    return 0;
}
