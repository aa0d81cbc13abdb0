/* Rules of alerts, and what is slow. */
#include "model/alert.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/time.h"
#include "model/document.h"

static const char *const kinds[ALERT_KINDS] = {
    [ALERT_TASK_FAILURE] = "task_failure", [ALERT_TASK_RETRY] = "task_retry",
    [ALERT_TASK_SUCCESS] = "task_success", [ALERT_TASK_SLOW] = "task_slow",
    [ALERT_RUN_FAILURE] = "run_failure",   [ALERT_RUN_SUCCESS] = "run_success",
    [ALERT_RUN_SLOW] = "run_slow",         [ALERT_DEADLINE_MISSED] = "deadline_missed",
    [ALERT_IMPORT_ERROR] = "import_error", [ALERT_TEST] = "test",
};

const char *alert_kind_to_string(enum alert_kind k)
{
    return k < ALERT_KINDS ? kinds[k] : "unknown";
}

int alert_kind_from_string(const char *s, enum alert_kind *ret)
{
    for (unsigned i = 0; i < ALERT_KINDS; i++) {
        if (strcmp(kinds[i], s) == 0) {
            *ret = (enum alert_kind)i;
            return 0;
        }
    }
    return -ERR_NOTFOUND;
}

const char *alert_state_to_string(enum alert_state s)
{
    static const char *const words[] = {"pending", "sending", "sent", "failed"};

    return (unsigned)s < sizeof words / sizeof words[0] ? words[s] : "unknown";
}

/* ---- longer than it used to take ---- */

#define MAD_TO_DEVIATION 1.4826

const struct alert_slow alert_slow_default = {
    .last = 20, .at_least = 5, .factor = 3, .margin_us = 60 * TIME_SECOND};

static int by_size(const void *x, const void *y)
{
    int64_t a = *(const int64_t *)x, b = *(const int64_t *)y;

    return (a > b) - (a < b);
}

static int64_t median(int64_t *us, size_t n)
{
    qsort(us, n, sizeof *us, by_size);
    return n % 2 == 1 ? us[n / 2] : us[n / 2 - 1] + (us[n / 2] - us[n / 2 - 1]) / 2;
}

bool alert_slow_limit(const struct alert_slow *s, int64_t *us, size_t n, int64_t *ret_median_us,
                      int64_t *ret_limit_us)
{
    int64_t middle;
    double more;

    n = n > (size_t)s->last ? (size_t)s->last : n;
    if (n == 0 || n < (size_t)s->at_least) {
        return false;
    }
    middle = median(us, n);
    for (size_t i = 0; i < n; i++) {
        us[i] = us[i] < middle ? middle - us[i] : us[i] - middle;
    }
    more = s->factor * MAD_TO_DEVIATION * (double)median(us, n);
    more = more < (double)s->margin_us ? (double)s->margin_us : more;
    *ret_median_us = middle;
    *ret_limit_us = more >= (double)(INT64_MAX / 4) ? INT64_MAX / 2 : middle + (int64_t)more;
    return true;
}

/* ---- matching ---- */

bool alert_glob(const char *pattern, const char *text)
{
    const char *star = NULL, *from = NULL;

    while (*text != '\0') {
        if (*pattern == '*') {
            star = ++pattern;
            from = text;
        } else if (*pattern == '?' || (*pattern == *text && *pattern != '\0')) {
            pattern++;
            text++;
        } else if (star != NULL) { /* the last star takes one more */
            pattern = star;
            text = ++from;
        } else {
            return false;
        }
    }
    while (*pattern == '*') {
        pattern++;
    }
    return *pattern == '\0';
}

static bool has_tag(const struct alert_rule *r, const struct alert_subject *s)
{
    for (size_t i = 0; i < r->tags_len; i++) {
        for (size_t j = 0; j < s->tags_len; j++) {
            if (strcmp(r->tags[i], s->tags[j]) == 0) {
                return true;
            }
        }
    }
    return r->tags_len == 0;
}

bool alert_rule_matches(const struct alert_rule *r, const struct alert_subject *s)
{
    return (r->on >> s->kind & 1) != 0 &&
           (r->dags == NULL || (s->dag_id != NULL && alert_glob(r->dags, s->dag_id))) &&
           (r->tasks == NULL || (s->task_id != NULL && alert_glob(r->tasks, s->task_id))) &&
           (r->owner == NULL || (s->owner != NULL && alert_glob(r->owner, s->owner))) &&
           has_tag(r, s);
}

/* ---- members ---- */

static const struct value *member(const struct value *o, const char *name)
{
    const struct value *v = value_get(o, name);

    return v != NULL && v->kind != VALUE_NULL ? v : NULL;
}

int alert_text(const struct value *o, const char *name, const char **ret, struct err *e)
{
    const struct value *v = member(o, name);

    if (v != NULL && (v->kind != VALUE_STRING || v->len == 0)) {
        return err_at(e, ERR_INVALID, v->line, v->col, "'%s' must be a text", name);
    }
    *ret = v != NULL ? v->text : *ret;
    return 0;
}

int alert_texts(struct arena *a, const struct value *o, const char *name, const char *const **ret,
                size_t *ret_len, struct err *e)
{
    const struct value *v = member(o, name);
    size_t n = v == NULL ? 0 : v->kind == VALUE_ARRAY ? v->len : 1;
    const char **texts = n > 0 ? arena_array(a, n, sizeof *texts) : NULL;

    if (n > 0 && texts == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory");
    }
    for (size_t i = 0; i < n; i++) {
        const struct value *one = v->kind == VALUE_ARRAY ? v->elems[i] : v;

        if (one->kind != VALUE_STRING || one->len == 0) {
            return err_at(e, ERR_INVALID, one->line, one->col,
                          "'%s' must be a text, or a list of texts", name);
        }
        texts[i] = one->text;
    }
    *ret = texts;
    *ret_len = n;
    return 0;
}

static int duration_of(const struct value *v, bool *ret_minus, int64_t *ret_us)
{
    const char *text = v->text;
    size_t n = v->len;
    double seconds;

    *ret_minus = false;
    if (v->kind == VALUE_NUMBER) {
        if (value_double(v, &seconds) != 0 || !(seconds > -1e10 && seconds < 1e10)) {
            return -ERR_INVALID;
        }
        *ret_us = (int64_t)(seconds * 1e6);
        *ret_minus = *ret_us < 0;
        *ret_us = *ret_minus ? -*ret_us : *ret_us;
        return 0;
    }
    if (v->kind != VALUE_STRING || n == 0) {
        return -ERR_INVALID;
    }
    *ret_minus = *text == '-';
    return duration_parse(text + *ret_minus, n - *ret_minus, ret_us);
}

int alert_duration(const struct value *o, const char *name, bool negative, int64_t *ret_us,
                   struct err *e)
{
    const struct value *v = member(o, name);
    int64_t us = 0;
    bool minus;

    if (v == NULL) {
        return 0;
    }
    if (duration_of(v, &minus, &us) != 0 || (minus && !negative)) {
        return err_at(e, ERR_INVALID, v->line, v->col,
                      "'%s' must be a duration, like 90 (seconds) or \"1h30m\"%s", name,
                      negative ? "; it may be negative" : "");
    }
    *ret_us = minus ? -us : us;
    return 0;
}

int alert_known(const struct value *o, const char *what, const char *const *names, struct err *e)
{
    size_t n = 0;

    while (names[n] != NULL) {
        n++;
    }
    if (o->kind != VALUE_OBJECT) {
        return err_at(e, ERR_INVALID, o->line, o->col, "%s must be an object, not a %s", what,
                      value_kind_name(o->kind));
    }
    for (size_t i = 0; i < o->len; i++) {
        const struct value_key *k = &o->keys[i];
        const char *near;
        size_t j = 0;

        while (j < n && strcmp(names[j], k->text) != 0) {
            j++;
        }
        if (j < n) {
            continue;
        }
        near = nearest_word(k->text, names, n);
        return err_at(e, ERR_INVALID, k->line, k->col, "%s has no '%.80s'%s%s%s", what, k->text,
                      near != NULL ? ": did you mean '" : "", near != NULL ? near : "",
                      near != NULL ? "'?" : "");
    }
    return 0;
}

/* ---- rules ---- */

static int parse_on(struct arena *a, const struct value *o, unsigned *ret, struct err *e)
{
    const char *const *words;
    size_t n;
    int rc = alert_texts(a, o, "on", &words, &n, e);

    if (rc == 0 && n == 0) {
        return err_at(e, ERR_INVALID, o->line, o->col,
                      "a rule must have 'on': task_failure, task_retry, task_success, task_slow, "
                      "run_failure, run_success, run_slow, deadline_missed or import_error");
    }
    for (size_t i = 0; rc == 0 && i < n; i++) {
        const struct value *v = value_get(o, "on");
        enum alert_kind k;

        if (alert_kind_from_string(words[i], &k) != 0 || k == ALERT_TEST) {
            const char *near = nearest_word(words[i], kinds, ALERT_TEST);

            v = v->kind == VALUE_ARRAY ? v->elems[i] : v;
            return err_at(e, ERR_INVALID, v->line, v->col,
                          "'on': there is no '%.40s'%s%s%s; it is one of task_failure, task_retry, "
                          "task_success, task_slow, run_failure, run_success, run_slow, "
                          "deadline_missed, import_error",
                          words[i], near != NULL ? " (did you mean '" : "",
                          near != NULL ? near : "", near != NULL ? "'?)" : "");
        }
        *ret |= 1u << k;
    }
    return rc;
}

static int parse_count(const struct value *o, const char *name, int32_t *ret, struct err *e)
{
    const struct value *v = member(o, name);
    int64_t n;

    if (v == NULL) {
        return 0;
    }
    if (value_int(v, 1, 1000, &n) != 0) {
        return err_at(e, ERR_INVALID, v->line, v->col, "'%s' must be a number from 1 to 1000",
                      name);
    }
    *ret = (int32_t)n;
    return 0;
}

static int parse_slow(const struct value *o, struct alert_slow *s, struct err *e)
{
    const struct value *factor = member(o, "factor");
    int rc = parse_count(o, "last", &s->last, e);

    rc = rc == 0 ? parse_count(o, "at_least", &s->at_least, e) : rc;
    rc = rc == 0 ? alert_duration(o, "margin", false, &s->margin_us, e) : rc;
    if (rc == 0 && factor != NULL &&
        (factor->kind != VALUE_NUMBER || value_double(factor, &s->factor) != 0 ||
         !(s->factor >= 0 && s->factor <= 1000))) {
        rc = err_at(e, ERR_INVALID, factor->line, factor->col,
                    "'factor' must be a number from 0 to 1000");
    }
    if (rc == 0 && s->at_least > s->last) {
        rc = err_at(e, ERR_INVALID, o->line, o->col,
                    "'at_least' (%d) is more than 'last' (%d): such a rule never says anything",
                    s->at_least, s->last);
    }
    return rc;
}

static int parse_rule(struct arena *a, const struct value *o, bool of_dag, struct alert_rule *r,
                      struct err *e)
{
    static const char *const names[] = {"on",   "channels", "dags",   "tags",   "owner", "tasks",
                                        "last", "at_least", "factor", "margin", NULL};
    static const char *const of_dags[] = {"on",       "channels", "owner",  "tasks", "last",
                                          "at_least", "factor",   "margin", NULL};
    int rc = alert_known(o, of_dag ? "a rule of a DAG" : "a rule", of_dag ? of_dags : names, e);

    if (rc != 0) {
        return rc;
    }
    *r = (struct alert_rule){.slow = alert_slow_default, .line = o->line, .col = o->col};
    rc = parse_on(a, o, &r->on, e);
    rc = rc == 0 ? alert_texts(a, o, "channels", &r->channels, &r->channels_len, e) : rc;
    rc = rc == 0 ? alert_texts(a, o, "tags", &r->tags, &r->tags_len, e) : rc;
    rc = rc == 0 ? alert_text(o, "dags", &r->dags, e) : rc;
    rc = rc == 0 ? alert_text(o, "owner", &r->owner, e) : rc;
    rc = rc == 0 ? alert_text(o, "tasks", &r->tasks, e) : rc;
    rc = rc == 0 ? parse_slow(o, &r->slow, e) : rc;
    if (rc == 0 && r->channels_len == 0) {
        rc = err_at(e, ERR_INVALID, o->line, o->col,
                    "a rule must have 'channels': names of channels of the configuration");
    }
    return rc;
}

int alert_rules_parse(struct arena *a, const struct value *v, bool of_dag, struct alert_rule **ret,
                      size_t *ret_len, struct err *e)
{
    size_t n = v->kind == VALUE_ARRAY ? v->len : 1;
    struct alert_rule *rules = n > 0 ? arena_array(a, n, sizeof *rules) : NULL;
    int rc = 0;

    if (n > 0 && rules == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for rules of alerts");
    }
    for (size_t i = 0; rc == 0 && i < n; i++) {
        rc = parse_rule(a, v->kind == VALUE_ARRAY ? v->elems[i] : v, of_dag, &rules[i], e);
    }
    if (rc == 0) {
        *ret = rules;
        *ret_len = n;
    }
    return rc;
}
