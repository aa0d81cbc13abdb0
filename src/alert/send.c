/* One message on its way: a mail, a request, a process. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "alert/alert.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/time.h"
#include "runtime/http.h"
#include "runtime/loop.h"
#include "secret/sign.h"

#define BODY_MAX    MiB(8)
#define ANSWER_MAX  KiB(64)
#define CONNECTIONS 16
#define HIDDEN_MAX  4

struct sending {
    struct alert_transport *t;
    const struct alert_channel *c;
    const struct alert_message *m;
    struct arena arena;
    struct buf body;
    struct hidden { /* texts that no error shows */
        const char *text, *instead;
    } hidden[HIDDEN_MAX];
    size_t hidden_len;
    bool final;
    struct err *e;
};

void alert_transport_fini(struct alert_transport *t)
{
    http_client_free(t->http);
    t->http = NULL;
}

static void hide(struct sending *s, const char *text, const char *instead)
{
    if (text != NULL && text[0] != '\0' && s->hidden_len < HIDDEN_MAX) {
        s->hidden[s->hidden_len++] = (struct hidden){text, instead};
    }
}

/* Replaces what must not be seen in the error's text. */
static void mask_error(struct sending *s)
{
    for (size_t i = 0; s->e != NULL && i < s->hidden_len; i++) {
        const struct hidden *h = &s->hidden[i];
        const char *p = s->e->text, *at;
        struct buf b BUF_CLEANUP;

        buf_init(&b, KiB(64));
        for (; (at = strstr(p, h->text)) != NULL; p = at + strlen(h->text)) {
            (void)buf_append(&b, p, (size_t)(at - p));
            (void)buf_str(&b, h->instead);
        }
        (void)buf_str(&b, p);
        (void)snprintf(s->e->text, sizeof s->e->text, "%s",
                       buf_status(&b) == 0 ? buf_cstr(&b) : "the error would show a secret");
    }
}

static int refuse(struct sending *s, const char *what)
{
    s->final = true;
    return err_set(s->e, ERR_INVALID, "%s", what);
}

static const char *member(const struct value *o, const char *name)
{
    const struct value *v = o != NULL && o->kind == VALUE_OBJECT ? value_get(o, name) : NULL;

    return v != NULL && (v->kind == VALUE_STRING || v->kind == VALUE_NUMBER) && v->len > 0 ? v->text
                                                                                           : NULL;
}

static int connection_of(struct sending *s, const char *id, struct value **ret)
{
    *ret = NULL;
    return s->t->connection != NULL ? s->t->connection(s->t->arg, id, &s->arena, ret, s->e) : 0;
}

/* ---- HTTP ---- */

/* What stands behind the host of a URL may be a key; so may what stands before it. */
static void hide_url(struct sending *s, const char *url)
{
    const char *host = strstr(url, "://"), *at, *path, *shown;
    size_t scheme, n;

    host = host != NULL ? host + 3 : url;
    scheme = (size_t)(host - url);
    path = strpbrk(host, "/?#");
    n = path != NULL ? (size_t)(path - host) : strlen(host);
    at = memchr(host, '@', n);
    if (at != NULL) {
        n -= (size_t)(at + 1 - host);
        host = at + 1;
    }
    shown = arena_printf(&s->arena, "%.*s%.*s", (int)scheme, url, (int)n, host);
    hide(s, url, shown != NULL ? shown : "the URL");
    hide(s, path != NULL && strlen(path) >= 8 ? path : NULL, "/***");
}

/* A webhook's key, a connection's: the URL in *ret, the key in *ret_key. */
static int find_url(struct sending *s, const char **ret, const char **ret_key)
{
    const struct alert_channel *c = s->c;
    struct value *conn = NULL;
    const char *host, *schema, *password;
    int rc = 0;

    *ret = c->url;
    *ret_key = NULL;
    if (c->secret != NULL && s->t->variable != NULL) {
        rc = s->t->variable(s->t->arg, c->secret, &s->arena, ret_key, s->e);
    }
    if (rc == 0 && c->secret != NULL && *ret_key == NULL) {
        s->final = true;
        rc = err_set(s->e, ERR_NOTFOUND, "there is no variable '%s' with the key of signatures",
                     c->secret);
    }
    if (rc != 0 || c->connection == NULL) {
        return rc;
    }
    rc = connection_of(s, c->connection, &conn);
    if (rc != 0 || conn == NULL) {
        s->final = rc == 0;
        return rc != 0 ? rc
                       : err_set(s->e, ERR_NOTFOUND, "there is no connection '%s'", c->connection);
    }
    host = member(conn, "host");
    schema = member(conn, "schema");
    password = member(conn, "password");
    if (host == NULL) {
        return refuse(s, "the connection has no host: it is to be the URL");
    }
    *ret = strstr(host, "://") != NULL
               ? host
               : arena_printf(&s->arena, "%s://%s", schema != NULL ? schema : "https", host);
    if (c->type == ALERT_SLACK && password != NULL && *ret != NULL) {
        size_t n = strlen(*ret);

        *ret = strstr(password, "://") != NULL
                   ? password
                   : arena_printf(&s->arena, "%s%s%s", *ret,
                                  n > 0 && (*ret)[n - 1] != '/' && *password != '/' ? "/" : "",
                                  password);
    } else {
        *ret_key = *ret_key != NULL ? *ret_key : password;
    }
    return *ret != NULL ? 0 : err_set(s->e, ERR_NOMEM, "out of memory");
}

/* Whether a server's answer is for good: it understood, and says no. */
static bool is_final(int status)
{
    return status >= 400 && status < 500 && status != 408 && status != 425 && status != 429;
}

static int post(struct sending *s, const struct http_request *r)
{
    struct http_response answer = {0};
    int rc = s->t->http == NULL ? http_client_new(s->t->loop, CONNECTIONS, &s->t->http, s->e) : 0;

    rc = rc == 0 ? http_perform(s->t->http, r, &answer, s->e) : rc;
    if (rc == -ERR_INVALID) {
        s->final = true;
    } else if (rc == 0 && (answer.status < 200 || answer.status > 299)) {
        char text[120] = "";
        size_t n = answer.body_len < sizeof text - 1 ? answer.body_len : sizeof text - 1;

        for (size_t i = 0; i < n; i++) {
            text[i] = (unsigned char)answer.body[i] < ' ' ? ' ' : answer.body[i];
        }
        s->final = is_final(answer.status);
        rc = err_set(s->e, ERR_IO, "the server answered %d%s%s", answer.status, n > 0 ? ": " : "",
                     text);
    }
    http_response_fini(&answer);
    return rc;
}

static int send_web(struct sending *s)
{
    const char *headers[6] = {"Content-Type: application/json"};
    struct http_request r = {.method = "POST",
                             .headers = headers,
                             .timeout_us = s->c->timeout_us,
                             .max_body = ANSWER_MAX,
                             .ca_file = s->c->ca_file};
    char sign[SIGN_TEXT_MAX];
    const char *key = NULL;
    long long now = (long long)(loop_wall_us(s->t->loop) / TIME_SECOND);
    int n = 1, rc = find_url(s, &r.url, &key);

    if (rc != 0) {
        return rc;
    }
    hide_url(s, r.url);
    hide(s, key, "***");
    (s->c->type == ALERT_SLACK ? alert_put_slack : alert_put_json)(s->m, &s->body);
    if (buf_status(&s->body) != 0) {
        return err_set(s->e, ERR_NOMEM, "out of memory for a message");
    }
    r.body = s->body.p;
    r.body_len = s->body.len;
    if (s->c->type == ALERT_WEBHOOK) {
        headers[n++] = arena_printf(&s->arena, "webhook-id: %s", s->m->id);
        headers[n++] = arena_printf(&s->arena, "webhook-timestamp: %lld", now);
    }
    if (s->c->type == ALERT_WEBHOOK && key != NULL) {
        if (secret_sign_webhook(key, s->m->id, now, r.body, r.body_len, sign) != 0) {
            return refuse(s, "the key of signatures is wrong: behind whsec_ stands base64, and "
                             "it has at most 512 bytes");
        }
        headers[n++] = arena_printf(&s->arena, "webhook-signature: %s", sign);
    }
    for (int i = 0; i < n; i++) {
        if (headers[i] == NULL) {
            return err_set(s->e, ERR_NOMEM, "out of memory for a message");
        }
    }
    return post(s, &r);
}

/* ---- mail ---- */

struct server {
    const char *host, *from;
    long port;
    bool ssl;
};

static bool flag(const struct value *o, const char *name)
{
    const struct value *v = o != NULL && o->kind == VALUE_OBJECT ? value_get(o, name) : NULL;

    return v != NULL && ((v->kind == VALUE_BOOL && v->boolean) ||
                         (v->kind == VALUE_STRING &&
                          (strcmp(v->text, "True") == 0 || strcmp(v->text, "true") == 0)));
}

/* As Airflow's SmtpHook reads a connection: extra has from_email, disable_ssl, disable_tls. */
static int server_of(struct sending *s, const struct value *conn, struct server *v,
                     struct http_mail *m)
{
    const char *extra_text = member(conn, "extra"), *port = member(conn, "port"), *text;
    struct value *extra = NULL;
    int64_t n = 0;

    if (extra_text != NULL &&
        value_parse(&s->arena, extra_text, strlen(extra_text), &extra, NULL) != 0) {
        return refuse(s, "the extra of the mail connection is no JSON");
    }
    v->host = member(conn, "host");
    v->ssl = !flag(extra, "disable_ssl");
    m->starttls = !v->ssl && !flag(extra, "disable_tls");
    m->user = member(conn, "login");
    m->password = member(conn, "password");
    v->port = v->ssl ? 465 : m->starttls ? 587 : 25;
    for (const char *p = port; p != NULL && *p >= '0' && *p <= '9' && n < 100000; p++) {
        n = n * 10 + (*p - '0');
    }
    v->port = n > 0 ? (long)n : v->port;
    text = member(extra, "from_email");
    v->from = text != NULL ? text : v->from;
    return v->host != NULL ? 0 : refuse(s, "the mail connection has no host");
}

static int find_server(struct sending *s, struct server *v, struct http_mail *m)
{
    const struct alert_smtp *smtp = s->c->smtp;
    const char *id = s->c->connection != NULL ? s->c->connection : "smtp_default";
    struct value *conn = NULL;
    int rc = connection_of(s, id, &conn);

    v->from = smtp->mail_from;
    if (rc == 0 && conn != NULL) {
        rc = server_of(s, conn, v, m);
    } else if (rc == 0 && s->c->connection != NULL) {
        s->final = true;
        return err_set(s->e, ERR_NOTFOUND, "there is no connection '%s'", id);
    } else if (rc == 0) {
        v->host = smtp->host;
        v->port = smtp->port;
        v->ssl = smtp->ssl;
        m->starttls = smtp->starttls && !smtp->ssl;
        m->user = smtp->user;
        m->password = smtp->password;
    }
    v->from = s->c->from != NULL ? s->c->from : v->from;
    if (rc == 0 && !alert_address_is_valid(v->from)) {
        return refuse(s, "the sender is no mail address: set 'from' of the channel, from_email of "
                         "the connection, or smtp.mail_from");
    }
    return rc;
}

static int send_mail(struct sending *s)
{
    struct http_mail mail = {0};
    struct http_request r = {.mail = &mail,
                             .timeout_us = s->c->timeout_us,
                             .max_body = ANSWER_MAX,
                             .ca_file = s->c->ca_file};
    struct http_response answer = {0};
    struct server v = {0};
    const char **to = arena_array(&s->arena, s->c->to_len + 1, sizeof *to);
    int rc = to != NULL ? find_server(s, &v, &mail) : err_set(s->e, ERR_NOMEM, "out of memory");

    if (rc != 0) {
        return rc;
    }
    hide(s, mail.password, "***");
    for (size_t i = 0; i < s->c->to_len; i++) {
        to[i] = s->c->to[i];
    }
    mail.from = v.from;
    mail.to = to;
    alert_put_mail(s->m, v.from, s->c->to, s->c->to_len, loop_wall_us(s->t->loop), &s->body);
    r.url = arena_printf(&s->arena, "%s://%s:%ld", v.ssl ? "smtps" : "smtp", v.host, v.port);
    if (r.url == NULL || buf_status(&s->body) != 0) {
        return err_set(s->e, ERR_NOMEM, "out of memory for a mail");
    }
    r.body = s->body.p;
    r.body_len = s->body.len;
    rc = s->t->http == NULL ? http_client_new(s->t->loop, CONNECTIONS, &s->t->http, s->e) : 0;
    rc = rc == 0 ? http_perform(s->t->http, &r, &answer, s->e) : rc;
    s->final = rc == -ERR_INVALID || (rc != 0 && answer.status >= 500 && answer.status < 600);
    if (rc != 0 && answer.status >= 400) {
        char text[600];

        (void)snprintf(text, sizeof text, "%.590s", s->e != NULL ? s->e->text : "");
        rc = err_set(s->e, (enum err_code) - rc, "%s (the server said %d)", text, answer.status);
    }
    http_response_fini(&answer);
    return rc;
}

/* ---- a command ---- */

/* The message as a file without a name, to be read from its beginning. */
static int message_fd(struct sending *s, int *ret)
{
    int fd = memfd_create("alert", MFD_CLOEXEC), rc = 0;

    if (fd < 0) {
        return err_errno(s->e, errno, "cannot make a file for a message");
    }
    for (size_t done = 0; rc == 0 && done < s->body.len;) {
        ssize_t n = write(fd, s->body.p + done, s->body.len - done);

        rc = n < 0 ? err_errno(s->e, errno, "cannot write a message") : 0;
        done += n > 0 ? (size_t)n : 0;
    }
    if (rc == 0 && lseek(fd, 0, SEEK_SET) != 0) {
        rc = err_errno(s->e, errno, "cannot write a message");
    }
    if (rc != 0) {
        (void)close(fd);
        return rc;
    }
    *ret = fd;
    return 0;
}

static int wait_for(struct sending *s, struct child *child)
{
    const char *name = s->c->command[0];
    struct co_deadline d;
    int code = -1, signal = 0, rc;

    co_deadline_begin(&d, s->c->timeout_us);
    rc = child_wait(child, &code, &signal);
    co_deadline_end(&d);
    if (rc != 0) {
        (void)kill(-child_pid(child), SIGKILL); /* its session is its own */
        return rc == -ERR_TIMEOUT
                   ? err_set(s->e, ERR_TIMEOUT, "%s did not end within %.0f s and was killed", name,
                             (double)s->c->timeout_us / 1e6)
                   : err_set(s->e, (enum err_code) - rc, "%s: %s", name, err_text(rc));
    }
    if (signal != 0) {
        return err_set(s->e, ERR_FAILED, "%s was killed by signal %d", name, signal);
    }
    return code == 0 ? 0 : err_set(s->e, ERR_FAILED, "%s ended with exit code %d", name, code);
}

/* Its environment: what the channel says, PATH, and what the message is. What it prints is the service's own output. */
static int send_command(struct sending *s)
{
    const char *home = s->t->home != NULL ? s->t->home : "";
    struct child_spec spec = {
        .argv = s->c->command, .stdio = {-1, 2, 2}, .extra_fd = -1, .new_session = true};
    size_t n = 0;
    const char **env;
    struct child *child;
    int rc;

    while (s->c->env[n] != NULL) {
        n++;
    }
    env = arena_array(&s->arena, n + 4, sizeof *env);
    alert_put_json(s->m, &s->body);
    (void)buf_char(&s->body, '\n');
    if (env == NULL || buf_status(&s->body) != 0) {
        return err_set(s->e, ERR_NOMEM, "out of memory for a message");
    }
    memcpy(env, s->c->env, n * sizeof *env);
    env[n++] = arena_printf(&s->arena, "TRADEWIND_ALERT_ID=%s", s->m->id);
    env[n++] = arena_printf(&s->arena, "TRADEWIND_ALERT_CHANNEL=%s", s->c->name);
    env[n++] = arena_printf(&s->arena, "TRADEWIND_HOME=%s", home);
    if (env[n - 1] == NULL || env[n - 2] == NULL || env[n - 3] == NULL) {
        return err_set(s->e, ERR_NOMEM, "out of memory for a message");
    }
    spec.env = env;
    rc = message_fd(s, &spec.stdio[0]);
    if (rc != 0) {
        return rc;
    }
    rc = child_spawn(s->t->loop, &spec, &child, s->e);
    (void)close(spec.stdio[0]);
    if (rc != 0) {
        s->final = rc == -ERR_NOTFOUND || rc == -ERR_PERM;
        return rc;
    }
    rc = wait_for(s, child);
    child_release(child);
    return rc;
}

int alert_send(struct alert_transport *t, const struct alert_channel *c,
               const struct alert_message *m, bool *ret_final, struct err *e)
{
    struct sending s = {.t = t, .c = c, .m = m, .e = e};
    int rc;

    arena_init(&s.arena, MiB(16));
    buf_init(&s.body, BODY_MAX);
    rc = c->type == ALERT_EMAIL     ? send_mail(&s)
         : c->type == ALERT_COMMAND ? send_command(&s)
                                    : send_web(&s);
    if (rc != 0) {
        mask_error(&s);
    }
    *ret_final = s.final;
    buf_fini(&s.body);
    arena_fini(&s.arena);
    return rc;
}
