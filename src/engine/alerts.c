/*
 * Alerts of what the scheduler decides. Before each commit the transitions and runs of the batch are held against the rules (of the
 * configuration, of the DAG, and a task's `email`); what somebody is to be told becomes rows of that same commit. So nothing that is durable
 * is forgotten, whatever dies afterwards. Without a rule that could match, a batch costs a look at each transition's state.
 *
 * A person who marks a task knows of it: marks are not told. A task that was not run because another failed is not told either.
 */
#include "engine/alerts.h"

#include <string.h>
#include <unistd.h>

#include "alert/alerter.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/time.h"
#include "engine/engine_priv.h"
#include "engine/late.h"
#include "engine/settings.h"
#include "model/dag.h"

#define CHANNELS_MAX 64 /* that one thing is told to */
#define HOST_MAX     256

struct alerts {
    struct alerter_host host;
    struct alert_transport transport;
    struct alerter *alerter;
    unsigned on;    /* kinds that rules of the configuration name */
    uint64_t batch; /* the one at hand */
    bool started;
    char name[HOST_MAX];
};

/* ---- what the alerter borrows ---- */

static int64_t host_now(void *arg)
{
    return engine_now(arg);
}

struct load_alerts {
    struct engine *g;
    const struct alert_query *q;
    struct arena *a;
    struct alert_row **ret;
    size_t *ret_len;
    struct err *e;
};

static int do_load(void *arg)
{
    struct load_alerts *c = arg;
    struct store *s = c->g->store;

    return s->ops->get_alerts(s, c->q, c->a, c->ret, c->ret_len, c->e);
}

static int host_load(void *arg, const struct alert_query *q, struct arena *a,
                     struct alert_row **ret, size_t *ret_len, struct err *e)
{
    struct engine *g = arg;
    struct load_alerts c = {g, q, a, ret, ret_len, e};
    struct request barrier = {0};
    int rc = g->alerts->started ? engine_ask(g, &barrier, e) : 0;

    return rc == 0 ? engine_on_store(g, do_load, &c) : rc;
}

static int host_save(void *arg, const struct alert_row *rows, size_t n, struct err *e)
{
    struct request r = {.alerts = rows, .alerts_len = n};

    return engine_ask(arg, &r, e);
}

struct prune_alerts {
    struct engine *g;
    int64_t before_us;
    size_t keep;
    struct err *e;
};

static int do_prune(void *arg)
{
    struct prune_alerts *c = arg;
    struct store *s = c->g->store;
    int64_t rows = 0;

    return s->ops->prune_alerts(s, c->before_us, c->keep, LIMIT_STORE_CLEAN_ROWS, &rows, c->e);
}

static int host_prune(void *arg, int64_t before_us, size_t keep, struct err *e)
{
    struct prune_alerts c = {arg, before_us, keep, e};

    return engine_on_store(arg, do_prune, &c);
}

static int host_send(void *arg, const struct alert_channel *c, const struct alert_message *m,
                     bool *ret_final, struct err *e)
{
    struct engine *g = arg;

    return alert_send(&g->alerts->transport, c, m, ret_final, e);
}

struct ask_setting {
    struct engine *g;
    const char *op;
    const struct value *rq;
    struct arena *a;
    struct json_writer *w;
    struct err *e;
};

static int do_ask(void *arg)
{
    struct ask_setting *c = arg;

    return settings_do(c->g->store, c->g->config.home, c->op, c->rq, 0, c->a, c->w, c->e);
}

static int ask_setting(struct engine *g, const char *op, const char *member, const char *name,
                       struct arena *a, struct value **ret, struct err *e)
{
    struct value *rq = value_new(a, VALUE_OBJECT), *text = value_string(a, name, strlen(name));
    struct buf b BUF_CLEANUP;
    struct json_writer w;
    struct ask_setting c = {g, op, rq, a, &w, e};
    int rc;

    buf_init(&b, LIMIT_SETTING_BYTES * 7);
    json_writer_init(&w, &b, 0);
    if (rq == NULL || text == NULL || value_set(a, rq, member, text) != 0) {
        return err_set(e, ERR_NOMEM, "out of memory for a setting");
    }
    rc = engine_on_store(g, do_ask, &c);
    return rc == 0 ? value_parse(a, buf_cstr(&b), b.len, ret, e) : rc;
}

static int host_connection(void *arg, const char *id, struct arena *a, struct value **ret,
                           struct err *e)
{
    struct value *answer = NULL;
    int rc = ask_setting(arg, "conn_get", "conn_id", id, a, &answer, e);

    *ret = rc == 0 ? value_get(answer, "conn") : NULL;
    *ret = *ret != NULL && (*ret)->kind == VALUE_OBJECT ? *ret : NULL;
    return rc;
}

static int host_variable(void *arg, const char *key, struct arena *a, const char **ret,
                         struct err *e)
{
    struct value *answer = NULL;
    const struct value *text;
    int rc = ask_setting(arg, "var_get", "key", key, a, &answer, e);

    text = rc == 0 ? value_get(answer, "value") : NULL;
    *ret = text != NULL && text->kind == VALUE_STRING ? text->text : NULL;
    return rc;
}

/* ---- rules ---- */

static struct alert_subject subject_of(enum alert_kind kind, const struct dag *d,
                                       const struct task *t)
{
    return (struct alert_subject){.kind = kind,
                                  .dag_id = d != NULL ? d->dag_id : NULL,
                                  .tags = d != NULL ? d->tags : NULL,
                                  .tags_len = d != NULL ? d->tags_len : 0,
                                  .task_id = t != NULL ? t->task_id : NULL,
                                  .owner = (t != NULL ? task_owner(t) : NULL)};
}

/* The nth rule that could match, those of the configuration first; NULL: there is none any more. */
static const struct alert_rule *nth_rule(const struct engine *g, const struct dag *d, size_t i)
{
    const struct alert_config *c = g->config.alerts;

    if (i < c->rules_len) {
        return &c->rules[i];
    }
    i -= c->rules_len;
    return d != NULL && i < d->alerts_len ? &d->alerts[i] : NULL;
}

const struct alert_rule *alerts_rule(const struct engine *g, enum alert_kind kind,
                                     const struct dag *d, const struct task *t)
{
    const struct alert_subject s = subject_of(kind, d, t);
    const struct alert_rule *r;

    for (size_t i = 0; g->alerts != NULL && (r = nth_rule(g, d, i)) != NULL; i++) {
        if (alert_rule_matches(r, &s)) {
            return r;
        }
    }
    return NULL;
}

struct addressees {
    const char *names[CHANNELS_MAX];
    size_t len;
};

static void address(struct addressees *to, const char *name)
{
    for (size_t i = 0; i < to->len; i++) {
        if (strcmp(to->names[i], name) == 0) {
            return;
        }
    }
    if (to->len < CHANNELS_MAX) {
        to->names[to->len++] = name;
    }
}

static bool says_no(const struct value *spec, const char *name)
{
    const struct value *v = value_get(spec, name);

    return v != NULL && v->kind == VALUE_BOOL && !v->boolean;
}

/* The channel of a task's `email`, or NULL. */
static const char *email_of(enum alert_kind kind, const struct task *t, struct buf *b)
{
    const struct value *v = t != NULL && t->spec != NULL ? value_get(t->spec, "email") : NULL;
    size_t n = v == NULL ? 0 : v->kind == VALUE_ARRAY ? v->len : v->kind == VALUE_STRING;

    if (n == 0 || (kind != ALERT_TASK_FAILURE && kind != ALERT_TASK_RETRY) ||
        says_no(t->spec, kind == ALERT_TASK_RETRY ? "email_on_retry" : "email_on_failure")) {
        return NULL;
    }
    (void)buf_str(b, ALERT_EMAIL_PREFIX);
    for (size_t i = 0; i < n; i++) {
        const struct value *one = v->kind == VALUE_ARRAY ? v->elems[i] : v;
        size_t first = b->len;

        if (one->kind == VALUE_STRING) {
            (void)buf_printf(b, "%s%s", i > 0 ? "," : "", one->text);
        }
        for (size_t k = first; k < b->len; k++) { /* as Airflow takes a text with several apart */
            b->p[k] = strchr("; \t", b->p[k]) != NULL ? ',' : b->p[k];
        }
    }
    return buf_status(b) == 0 ? buf_cstr(b) : NULL;
}

static void choose(const struct engine *g, const struct alert_fact *f, struct addressees *to)
{
    const struct alert_subject s = subject_of(f->kind, f->dag, f->task);
    const struct alert_rule *r;

    for (size_t i = 0; (r = nth_rule(g, f->dag, i)) != NULL; i++) {
        for (size_t k = 0; k < r->channels_len && alert_rule_matches(r, &s); k++) {
            address(to, r->channels[k]);
        }
    }
    for (size_t i = 0; i < f->channels_len; i++) {
        address(to, f->channels[i]);
    }
}

/* A row that this batch has already is written once, as it is now. */
static int put(struct engine *g, struct alert_open *o)
{
    int rc;

    if (o->batch == g->alerts->batch) {
        g->extras.alerts[o->at] = o->row;
        return 0;
    }
    rc = VEC_PUSH(g->extras.alerts, g->extras.alerts_len, g->extras.alerts_cap, o->row);
    if (rc == 0) {
        o->batch = g->alerts->batch;
        o->at = g->extras.alerts_len - 1;
    }
    return rc;
}

void alerts_add(struct engine *g, const struct alert_fact *f)
{
    struct addressees to = {.len = 0};
    struct buf email BUF_CLEANUP;
    const char *mail;

    if (g->alerts == NULL) {
        return;
    }
    buf_init(&email, KiB(16));
    choose(g, f, &to);
    mail = email_of(f->kind, f->task, &email);
    if (mail != NULL) {
        address(&to, mail);
    }
    for (size_t i = 0; i < to.len; i++) {
        struct alert_row what = {.channel = to.names[i],
                                 .kind = alert_kind_to_string(f->kind),
                                 .dag_id = f->dag != NULL ? f->dag->dag_id : NULL,
                                 .run_id = f->run != NULL ? f->run->run_id : NULL,
                                 .task_id = f->task != NULL ? f->task->task_id : NULL,
                                 .map_index = f->map_index,
                                 .try_number = f->try_number,
                                 .at_us = f->at_us,
                                 .last_us = f->at_us,
                                 .reason = f->reason};
        struct alert_open *o = NULL;
        int rc = alerter_note(g->alerts->alerter, &what, &o);

        rc = rc == 0 ? put(g, o) : rc;
        if (rc != 0) {
            log_error("alerts", "%s is not told that of %s (%s): %s", to.names[i],
                      what.dag_id != NULL ? what.dag_id : "a file", what.kind, err_text(rc));
        }
    }
}

/* ---- a batch ---- */

static bool kind_of(uint8_t to, enum alert_kind *ret)
{
    switch (to) {
    case TASK_FAILED:
        *ret = ALERT_TASK_FAILURE;
        return true;
    case TASK_UP_FOR_RETRY:
        *ret = ALERT_TASK_RETRY;
        return true;
    case TASK_SUCCESS:
        *ret = ALERT_TASK_SUCCESS;
        return true;
    default:
        return false;
    }
}

static void look_at_task(struct engine *g, const struct transition_row *t)
{
    struct alert_fact f = {.map_index = t->key.map_index,
                           .try_number = t->try_number,
                           .at_us = t->at_us,
                           .reason = t->reason};
    struct run_row run;
    bool tells = kind_of(t->to, &f.kind);

    if (late_wants(g, t)) {
        late_saw_task(g, t);
    }
    if (!tells || sched_get_run(g->sched, t->key.run_key, &run, &f.dag) != 0 ||
        (t->reason != NULL && strncmp(t->reason, "marked", 6) == 0)) {
        return;
    }
    if (f.kind == ALERT_TASK_SUCCESS && (g->alerts->on >> f.kind & 1) == 0 &&
        f.dag->alerts_len == 0) {
        return;
    }
    f.run = &run;
    f.task = &f.dag->tasks[t->key.task];
    alerts_add(g, &f);
}

static void look_at_run(struct engine *g, const struct run_row *run)
{
    struct alert_fact f = {.run = run, .map_index = -1, .at_us = run->end_us};
    struct run_row ignored;

    if (sched_get_run(g->sched, run->run_key, &ignored, &f.dag) != 0 ||
        !late_saw_run(g, run, f.dag)) {
        return;
    }
    f.kind = run->state == RUN_SUCCESS ? ALERT_RUN_SUCCESS : ALERT_RUN_FAILURE;
    f.reason = run->reason;
    alerts_add(g, &f);
}

void alerts_gather(struct engine *g)
{
    if (g->alerts == NULL) {
        return;
    }
    for (size_t i = 0; i < g->actions.transitions_len; i += 1 + (ENGINE_CANARY == 6)) {
        look_at_task(g, &g->actions.transitions[i]);
    }
    for (size_t i = 0; i < g->actions.runs_len; i++) {
        look_at_run(g, &g->actions.runs[i]);
    }
}

void alerts_told(struct engine *g)
{
    if (g->alerts != NULL) {
        g->alerts->batch++;
        if (g->extras.alerts_len != 0) {
            alerter_told(g->alerts->alerter);
        }
    }
}

/* ---- an import error ---- */

struct import_error {
    struct request r; /* first: the request is the error */
    const char *text;
};

static int add_import_error(struct engine *g, struct request *r)
{
    const struct import_error *x = (const struct import_error *)r;
    struct alert_fact f = {
        .kind = ALERT_IMPORT_ERROR, .map_index = -1, .at_us = engine_now(g), .reason = x->text};

    alerts_add(g, &f);
    return 0;
}

int engine_tell_import_error(struct engine *g, const char *text, struct err *e)
{
    struct import_error x = {.r = {.turn = add_import_error}, .text = text};

    return g->alerts != NULL ? engine_ask(g, &x.r, e) : 0;
}

/* ---- birth and death ---- */

static unsigned kinds_of(const struct alert_config *c)
{
    unsigned on = 0;

    for (size_t i = 0; i < c->rules_len; i++) {
        on |= c->rules[i].on;
    }
    return on;
}

void engine_set_alerts(struct engine *g, struct alert_config *c)
{
    struct alert_config *old = g->config.alerts;

    if (g->alerts == NULL) {
        alert_config_free(c);
        return;
    }
    g->config.alerts = c;
    g->alerts->on = kinds_of(c);
    late_set_rules(g, g->alerts->on);
    alerter_set_config(g->alerts->alerter, c);
    alert_config_free(old);
}

int alerts_new(struct engine *g, struct err *e)
{
    struct alert_config *c = g->config.alerts;
    struct alerts *x;
    int rc;

    if (c == NULL) {
        return 0;
    }
    x = mem_zalloc(sizeof *x);
    if (x == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for alerts");
    }
    g->alerts = x;
    x->batch = 1;
    (void)gethostname(x->name, sizeof x->name - 1);
    x->on = kinds_of(c);
    x->transport = (struct alert_transport){.loop = g->loop,
                                            .home = g->config.home,
                                            .arg = g,
                                            .connection = host_connection,
                                            .variable = host_variable};
    x->host = (struct alerter_host){.arg = g,
                                    .group = &g->group,
                                    .name = x->name,
                                    .now = host_now,
                                    .load = host_load,
                                    .save = host_save,
                                    .prune = host_prune,
                                    .send = g->config.send_alert != NULL ? g->config.send_alert
                                                                         : host_send};
    rc = alerter_new(&x->host, c, g->config.seed ^ 0x616c65727473ULL, &x->alerter, e);
    return rc == 0 ? late_new(g, x->on, e) : rc;
}

int alerts_start(struct engine *g, struct err *e)
{
    int rc = g->alerts != NULL ? alerter_start(g->alerts->alerter, e) : 0;

    if (rc == 0 && g->alerts != NULL) {
        g->alerts->started = true;
        rc = late_start(g, e);
    }
    return rc;
}

void alerts_free(struct engine *g)
{
    late_free(g);
    if (g->alerts != NULL) {
        alerter_free(g->alerts->alerter);
        alert_transport_fini(&g->alerts->transport);
        mem_free(g->alerts);
        g->alerts = NULL;
    }
    alert_config_free(g->config.alerts);
    g->config.alerts = NULL;
}
