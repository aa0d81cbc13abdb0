/*
 * The commands (run 1 unless the task is written task@run):
 *
 *   create K [at=SECONDS] [backfill=B] [dag=D] [ignore_first]      start T = claim T, begin T ok T
 * [skip=x,y] fail T [reason]   fatal T   skip T   killed T   lost T   stale T   defer T [SECONDS]
 * fire T ok|fail|resume   resched T SECONDS tick SECONDS (time passes, then a tick)   clear
 * T,U|*[@K]   mark STATE T,U|*[@K]   stop [@K]   forget K   restore pool NAME SLOTS [granted]
 * [deferred] | pool NAME gone   parallelism N [granted]   pause D   unpause D   full   notfull   shutdown answer Q
 * none | answer Q unknown | answer Q run=K [t=state ...]   why T
 *
 * The account: transitions "a:none>scheduled" with (reason), "run 1 success (reason)", "kill a",
 * "ask 1 previous of 2", "want p 2", "reply 0 n=1", "pause dag 1". Dispatches go without saying
 * (scheduled>queued), except again: "dispatch a".
 */
#include "transcript.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/time.h"
#include "dag_builder.h"

static void add(struct world *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void add(struct world *w, const char *fmt, ...)
{
    va_list ap;

    if (w->out.len > 0) {
        buf_char(&w->out, ' ');
    }
    va_start(ap, fmt);
    buf_vprintf(&w->out, fmt, ap);
    va_end(ap);
}

static const struct dag *dag_of(struct world *w, int64_t run_key)
{
    struct run_row row;
    const struct dag *d = NULL;

    return sched_get_run(w->s, run_key, &row, &d) == 0 ? d : NULL;
}

static const char *name_of(struct world *w, const struct ti_key *k)
{
    static char text[600];
    const struct dag *d = dag_of(w, k->run_key);
    const char *id = d != NULL ? d->tasks[k->task].task_id : "?";

    char index[16] = "";

    if (k->map_index >= 0) {
        snprintf(index, sizeof index, "[%d]", k->map_index);
    }
    if (k->run_key == 1) {
        snprintf(text, sizeof text, "%s%s", id, index);
    } else {
        snprintf(text, sizeof text, "%s%s@%lld", id, index, (long long)k->run_key);
    }
    return text;
}

/* ---- the store ---- */

static const char *keep(const char *s)
{
    return s != NULL ? mem_strdup(s) : NULL;
}

static void store_ti(struct world *w, const struct ti_row *row)
{
    size_t i = 0;

    while (i < w->tis_len &&
           (w->tis[i].key.run_key != row->key.run_key || w->tis[i].key.task != row->key.task ||
            w->tis[i].key.map_index != row->key.map_index)) {
        i++;
    }
    assert_true(i < WORLD_ROWS);
    if (i == w->tis_len) {
        w->tis_len++;
    } else {
        mem_free((void *)(uintptr_t)w->tis[i].reason);
    }
    w->tis[i] = *row;
    w->tis[i].reason = keep(row->reason);
}

static void free_run(struct run_row *row)
{
    mem_free((void *)(uintptr_t)row->run_id);
    mem_free((void *)(uintptr_t)row->reason);
    mem_free((void *)(uintptr_t)row->conf);
}

static void store_run(struct world *w, const struct run_row *row)
{
    size_t i = 0;

    while (i < w->runs_len && w->runs[i].run_key != row->run_key) {
        i++;
    }
    assert_true(i < 64);
    if (i == w->runs_len) {
        w->runs_len++;
    } else {
        free_run(&w->runs[i]);
    }
    w->runs[i] = *row;
    w->runs[i].run_id = keep(row->run_id);
    w->runs[i].reason = keep(row->reason);
    w->runs[i].conf = keep(row->conf);
}

/* ---- the account ---- */

static void tell_transitions(struct world *w)
{
    const struct sched_actions *a = &w->a;

    for (size_t i = 0; i < a->transitions_len; i++) {
        const struct transition_row *t = &a->transitions[i];

        add(w, "%s:%s>%s", name_of(w, &t->key), task_state_to_string(t->from),
            task_state_to_string(t->to));
        if (t->reason != NULL) {
            buf_printf(&w->out, "(%s)", t->reason);
        }
    }
    for (size_t i = 0; i < a->runs_len; i++) {
        add(w, "run %lld %s", (long long)a->runs[i].run_key, run_state_to_string(a->runs[i].state));
        if (a->runs[i].reason != NULL) {
            buf_printf(&w->out, "(%s)", a->runs[i].reason);
        }
    }
}

static bool queued_now(const struct sched_actions *a, const struct ti_key *k)
{
    for (size_t i = 0; i < a->transitions_len; i++) {
        if (a->transitions[i].to == TASK_QUEUED && a->transitions[i].key.run_key == k->run_key &&
            a->transitions[i].key.task == k->task &&
            a->transitions[i].key.map_index == k->map_index) {
            return true;
        }
    }
    return false;
}

static void tell_effects(struct world *w)
{
    const struct sched_actions *a = &w->a;

    for (size_t i = 0; i < a->grants_len; i++) {
        add(w, "want %s %d", a->grants[i].resource, a->grants[i].n);
    }
    for (size_t i = 0; i < a->dispatches_len; i++) {
        if (!queued_now(a, &a->dispatches[i].key)) {
            add(w, "dispatch %s", name_of(w, &a->dispatches[i].key));
        }
        if (a->dispatches[i].resumed) {
            add(w, "resumed %s", name_of(w, &a->dispatches[i].key));
        }
    }
    for (size_t i = 0; i < a->kills_len; i++) {
        add(w, "kill %s", name_of(w, &a->kills[i].key));
    }
    for (size_t i = 0; i < a->questions_len; i++) {
        if (a->questions[i].kind == SCHED_ASK_MAP) {
            add(w, "ask %lld length of %s", (long long)a->questions[i].question,
                name_of(w, &(struct ti_key){a->questions[i].run_key, a->questions[i].task, -1}));
            continue;
        }
        add(w, "ask %lld %s %lld", (long long)a->questions[i].question,
            a->questions[i].kind == SCHED_ASK_PREVIOUS ? "previous of" : "run",
            (long long)a->questions[i].run_key);
    }
    for (size_t i = 0; i < a->replies_len; i++) {
        add(w, "reply %s n=%u", a->replies[i].rc == 0 ? "ok" : err_name(a->replies[i].rc),
            a->replies[i].affected);
    }
    for (size_t i = 0; i < a->pauses_len; i++) {
        add(w, "pause dag %lld", (long long)a->pauses[i].dag_key);
    }
}

static void commit(struct world *w)
{
    tell_transitions(w);
    tell_effects(w);
    for (size_t i = 0; i < w->a.tis_len; i++) {
        for (size_t k = 0; k < i; k++) { /* each instance once per batch */
            assert_false(w->a.tis[i].key.run_key == w->a.tis[k].key.run_key &&
                         w->a.tis[i].key.task == w->a.tis[k].key.task &&
                         w->a.tis[i].key.map_index == w->a.tis[k].key.map_index);
        }
        store_ti(w, &w->a.tis[i]);
    }
    for (size_t i = 0; i < w->a.runs_len; i++) {
        store_run(w, &w->a.runs[i]);
    }
    sched_actions_clear(&w->a);
}

static void step(struct world *w, struct sched_event *ev)
{
    ev->now_us = w->now_us;
    w->rc = sched_step(w->s, ev, &w->a);
}

/* ---- the world ---- */

static void tell_dag(struct world *w, int i, bool paused)
{
    struct sched_event ev = {.type = SCHED_DAG};

    ev.dag.dag_key = i + 1;
    ev.dag.version_key = i + 1;
    ev.dag.dag = w->dags[i];
    ev.dag.paused = paused;
    step(w, &ev);
}

void world_dag(struct world *w, const char *spec)
{
    assert_true(w->dags_len < 4);
    w->dags[w->dags_len++] = test_dag(spec);
    tell_dag(w, w->dags_len - 1, false);
}

void world_init(struct world *w, const char *spec)
{
    memset(w, 0, sizeof *w);
    buf_init(&w->out, MiB(4));
    w->config = (struct sched_config){.seed = 1,
                                      .queued_timeout_us = 600 * TIME_SECOND,
                                      .queued_retries = 2,
                                      .question_timeout_us = 60 * TIME_SECOND};
    w->s = sched_new(&w->config);
    assert_non_null(w->s);
    world_dag(w, spec);
}

void world_fini(struct world *w)
{
    sched_free(w->s);
    sched_actions_fini(&w->a);
    for (int i = 0; i < w->dags_len; i++) {
        assert_int_equal(w->dags[i]->refs, 1);
        dag_unref(w->dags[i]);
    }
    for (size_t i = 0; i < w->tis_len; i++) {
        mem_free((void *)(uintptr_t)w->tis[i].reason);
    }
    for (size_t i = 0; i < w->runs_len; i++) {
        free_run(&w->runs[i]);
    }
    buf_fini(&w->out);
}

/* "p 4" or "p 4 2" (granted 2 of them: shared), and "deferred"; "p gone": deleted. */
static void resource(struct world *w, const char *text)
{
    struct sched_event ev = {.type = SCHED_RESOURCE};
    char name[64];
    int slots = 0, granted = -1;

    (void)sscanf(text, "%63s %d %d", name, &slots, &granted);
    ev.resource.name = name;
    ev.resource.slots = slots;
    ev.resource.granted = granted >= 0 ? granted : slots;
    ev.resource.exclusive = granted < 0;
    ev.resource.include_deferred = strstr(text, "deferred") != NULL;
    ev.resource.gone = strstr(text, "gone") != NULL;
    step(w, &ev);
}

static void keep_resource(struct world *w, const char *name, const char *rest)
{
    char text[128];
    int i = 0;

    snprintf(text, sizeof text, "%.60s %.60s", name, rest);
    while (i < w->resources_len && strncmp(w->resources[i], text, strlen(name) + 1) != 0) {
        i++;
    }
    assert_true(i < 8);
    w->resources_len += i == w->resources_len;
    memcpy(w->resources[i], text, sizeof text);
    resource(w, text);
}

static void restore_run(struct world *w, const struct run_row *row, int64_t question)
{
    struct sched_event ev = {.type = SCHED_RUN_RESTORE};
    struct ti_row rows[256];
    size_t n = 0;

    for (size_t i = 0; i < w->tis_len; i++) {
        if (w->tis[i].key.run_key == row->run_key) {
            rows[n++] = w->tis[i];
        }
    }
    ev.run.row = row;
    ev.run.dag = w->dags[row->dag_key - 1];
    ev.run.tis = rows;
    ev.run.tis_len = n;
    ev.run.question = question;
    step(w, &ev);
}

void world_restore(struct world *w)
{
    sched_free(w->s);
    w->s = sched_new(&w->config);
    assert_non_null(w->s);
    for (int i = 0; i < w->dags_len; i++) {
        tell_dag(w, i, w->paused[i]);
    }
    for (int i = 0; i < w->resources_len; i++) {
        resource(w, w->resources[i]);
    }
    for (size_t i = 0; i < w->runs_len; i++) {
        restore_run(w, &w->runs[i], 0);
    }
}

const char *world_states(struct world *w, int64_t run_key)
{
    static char text[4096];
    const struct dag *d = dag_of(w, run_key);
    size_t n = 0;

    text[0] = '\0';
    for (uint32_t t = 0; d != NULL && t < d->tasks_len; t++) {
        struct ti_key key = {run_key, t, -1};
        struct ti_row row;

        assert_int_equal(sched_get_ti(w->s, &key, &row), 0);
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%s=%s", t > 0 ? " " : "",
                              d->tasks[t].task_id, task_state_to_string(row.state));
    }
    return text;
}

/* ---- commands ---- */

static struct ti_key key_of(struct world *w, char *name)
{
    struct ti_key k = {1, 0, -1};
    char *at = strchr(name, '@');
    const struct task *t;

    if (at != NULL) {
        *at = '\0';
        k.run_key = atoi(at + 1);
    }
    char *bracket = strchr(name, '[');
    const struct dag *d = dag_of(w, k.run_key);

    if (bracket != NULL) {
        k.map_index = atoi(bracket + 1);
        *bracket = '\0';
    }
    if (d == NULL) {
        fail_msg("no run %lld", (long long)k.run_key);
        return k;
    }
    t = dag_task(d, name);
    if (t == NULL) {
        fail_msg("no task %s", name);
        return k;
    }
    k.task = t->index;
    return k;
}

static struct uuid token_of(struct world *w, const struct ti_key *k)
{
    struct ti_row row;

    assert_int_equal(sched_get_ti(w->s, k, &row), 0);
    return row.attempt;
}

static void attempt(struct world *w, enum sched_event_type type, char *name, int64_t at_us)
{
    struct sched_event ev = {.type = type};

    ev.attempt.key = key_of(w, name);
    ev.attempt.token = token_of(w, &ev.attempt.key);
    ev.attempt.worker = 7;
    ev.attempt.at_us = at_us;
    step(w, &ev);
}

static size_t indices(struct world *w, int64_t run_key, char *list, uint32_t *ret, int32_t *maps)
{
    const struct dag *d = dag_of(w, run_key) != NULL ? dag_of(w, run_key) : w->dags[0];
    size_t n = 0;

    for (char *save = NULL, *p = strtok_r(list, ",", &save); p != NULL;
         p = strtok_r(NULL, ",", &save)) {
        char *bracket = strchr(p, '[');
        const struct task *t;

        maps[n] = bracket != NULL ? atoi(bracket + 1) : -1;
        if (bracket != NULL) {
            *bracket = '\0';
        }
        t = dag_task(d, p);
        ret[n++] = t != NULL ? t->index : 9999;
    }
    return n;
}

static void ended(struct world *w, enum sched_event_type type, enum sched_outcome outcome,
                  char *name, char *rest)
{
    struct sched_event ev = {.type = type};
    uint32_t skip[64];
    int32_t maps[64];

    ev.ended.key = key_of(w, name);
    ev.ended.token = token_of(w, &ev.ended.key);
    ev.ended.outcome = outcome;
    ev.ended.at_us = w->now_us;
    ev.ended.exit_code = outcome == SCHED_OUTCOME_SUCCESS ? 0 : 1;
    if (strncmp(rest, "skip=", 5) == 0) {
        ev.ended.skip_len = indices(w, ev.ended.key.run_key, rest + 5, skip, maps);
        ev.ended.skip = skip;
        ev.ended.skip_map = maps;
    } else if (*rest != '\0') {
        ev.ended.reason = rest;
    }
    step(w, &ev);
}

static int64_t option(const char *rest, const char *name, int64_t otherwise)
{
    const char *p = strstr(rest, name);

    return p != NULL ? atoll(p + strlen(name)) : otherwise;
}

static void create(struct world *w, int64_t key, const char *rest)
{
    struct sched_event ev = {.type = SCHED_RUN_CREATE};
    char id[32];
    struct run_row row = {.run_key = key, .state = RUN_QUEUED, .type = RUN_TYPE_SCHEDULED};

    snprintf(id, sizeof id, "r%lld", (long long)key);
    row.run_id = id;
    row.dag_key = row.version_key = option(rest, "dag=", 1);
    row.logical_date_us = option(rest, "at=", key) * TIME_SECOND;
    row.data_interval_start_us = row.data_interval_end_us = row.run_after_us = row.logical_date_us;
    row.queued_us = row.start_us = row.end_us = TIME_NONE;
    row.backfill_key = option(rest, "backfill=", 0);
    ev.run.row = &row;
    ev.run.dag = w->dags[row.dag_key - 1];
    ev.run.ignore_first_depends_on_past = strstr(rest, "ignore_first") != NULL;
    step(w, &ev);
}

static void command(struct world *w, enum sched_event_type type, char *list, int state)
{
    struct sched_event ev = {.type = type};
    uint32_t tasks[64];
    int32_t maps[64];
    char *at = strchr(list, '@');

    ev.command.command = 100;
    ev.command.run_key = at != NULL ? atoi(at + 1) : 1;
    if (at != NULL) {
        *at = '\0';
    }
    if (*list != '*' && *list != '\0') {
        ev.command.tasks_len = indices(w, ev.command.run_key, list, tasks, maps);
        ev.command.tasks = tasks;
        ev.command.map_indexes = maps;
    }
    ev.command.state = (uint8_t)state;
    step(w, &ev);
}

static void answer(struct world *w, int64_t question, char *rest)
{
    struct sched_event ev = {.type = SCHED_ANSWER};
    struct ti_row rows[64];

    ev.answer.question = question;
    ev.answer.unknown = strcmp(rest, "unknown") == 0;
    ev.answer.map_len = option(rest, "len=", 0);
    ev.answer.error = strncmp(rest, "error ", 6) == 0 ? rest + 6 : NULL;
    ev.answer.run_key = option(rest, "run=", 0);
    ev.answer.any_earlier = strstr(rest, "any_earlier") != NULL;
    if (strstr(rest, "len=") != NULL || ev.answer.error != NULL) {
        step(w, &ev);
        return;
    }
    if (strstr(rest, "load") != NULL) {
        for (size_t i = 0; i < w->runs_len; i++) {
            if (w->runs[i].run_key == ev.answer.run_key) {
                restore_run(w, &w->runs[i], question);
            }
        }
        return;
    }
    for (char *save = NULL, *p = strtok_r(rest, " ", &save); p != NULL;
         p = strtok_r(NULL, " ", &save)) {
        char *eq = strchr(p, '=');

        if (eq == NULL || strncmp(p, "run=", 4) == 0) {
            continue;
        }
        *eq = '\0';
        rows[ev.answer.tis_len++] =
            (struct ti_row){.key = {ev.answer.run_key, dag_task(w->dags[0], p)->index, -1},
                            .state = (uint8_t)task_state_from_string(eq + 1)};
    }
    ev.answer.tis = rows;
    step(w, &ev);
}

static void simple(struct world *w, enum sched_event_type type, bool full)
{
    struct sched_event ev = {.type = type};

    ev.full.full = full;
    step(w, &ev);
}

static void stale(struct world *w, char *name)
{
    struct sched_event ev = {.type = SCHED_ENDED};

    ev.ended.key = key_of(w, name);
    ev.ended.token = token_of(w, &ev.ended.key);
    ev.ended.token.b[15] ^= 1;
    ev.ended.outcome = SCHED_OUTCOME_SUCCESS;
    ev.ended.at_us = w->now_us;
    step(w, &ev);
}

static bool do_attempt(struct world *w, const char *verb, char *arg, char *rest)
{
    static const struct {
        const char *verb;
        enum sched_outcome outcome;
    } ends[] = {{"ok", SCHED_OUTCOME_SUCCESS},
                {"fail", SCHED_OUTCOME_FAILED},
                {"fatal", SCHED_OUTCOME_FAILED_NO_RETRY},
                {"skip", SCHED_OUTCOME_SKIPPED},
                {"killed", SCHED_OUTCOME_KILLED}};

    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        if (strcmp(verb, ends[i].verb) == 0) {
            ended(w, SCHED_ENDED, ends[i].outcome, arg, rest);
            return true;
        }
    }
    if (strcmp(verb, "start") == 0) {
        char again[256];

        snprintf(again, sizeof again, "%s", arg);
        attempt(w, SCHED_CLAIM, arg, 0);
        attempt(w, SCHED_STARTED, again, w->now_us);
    } else if (strcmp(verb, "claim") == 0) {
        attempt(w, SCHED_CLAIM, arg, 0);
    } else if (strcmp(verb, "begin") == 0) {
        attempt(w, SCHED_STARTED, arg, w->now_us);
    } else if (strcmp(verb, "lost") == 0) {
        attempt(w, SCHED_LOST, arg, 0);
    } else if (strcmp(verb, "defer") == 0) {
        attempt(w, SCHED_DEFERRED, arg,
                *rest != '\0' ? w->now_us + atoi(rest) * TIME_SECOND : TIME_NONE);
    } else if (strcmp(verb, "resched") == 0) {
        attempt(w, SCHED_RESCHEDULE, arg, w->now_us + atoi(rest) * TIME_SECOND);
    } else if (strcmp(verb, "fire") == 0) {
        ended(w, SCHED_FIRED,
              strcmp(rest, "ok") == 0     ? SCHED_OUTCOME_SUCCESS
              : strcmp(rest, "fail") == 0 ? SCHED_OUTCOME_FAILED
                                          : SCHED_OUTCOME_RESUME,
              arg, "");
    } else if (strcmp(verb, "stale") == 0) {
        stale(w, arg);
    } else {
        return false;
    }
    return true;
}

static bool do_other(struct world *w, const char *verb, char *arg, char *rest)
{
    if (strcmp(verb, "create") == 0) {
        create(w, atoi(arg), rest);
    } else if (strcmp(verb, "tick") == 0) {
        w->now_us += atoll(arg) * TIME_SECOND;
        simple(w, SCHED_TICK, false);
    } else if (strcmp(verb, "clear") == 0) {
        command(w, SCHED_CLEAR, arg, 0);
    } else if (strcmp(verb, "mark") == 0) {
        command(w, SCHED_MARK, rest, task_state_from_string(arg));
    } else if (strcmp(verb, "stop") == 0) {
        command(w, SCHED_RUN_STOP, arg, 0);
    } else if (strcmp(verb, "pool") == 0) {
        keep_resource(w, arg, rest);
    } else if (strcmp(verb, "parallelism") == 0) {
        char both[600];

        snprintf(both, sizeof both, "%s %s", arg, rest);
        keep_resource(w, "parallelism", both);
    } else if (strcmp(verb, "pause") == 0 || strcmp(verb, "unpause") == 0) {
        w->paused[atoi(arg) - 1] = verb[0] == 'p';
        tell_dag(w, atoi(arg) - 1, verb[0] == 'p');
    } else if (strcmp(verb, "full") == 0 || strcmp(verb, "notfull") == 0) {
        simple(w, SCHED_STORE_FULL, verb[0] == 'f');
    } else if (strcmp(verb, "shutdown") == 0) {
        simple(w, SCHED_SHUTDOWN, false);
    } else if (strcmp(verb, "answer") == 0) {
        answer(w, atoi(arg), rest);
    } else if (strcmp(verb, "forget") == 0) {
        int rc = sched_forget_run(w->s, atoi(arg));

        add(w, "%s", rc == 0 ? "forgotten" : err_name(rc));
    } else if (strcmp(verb, "restore") == 0) {
        world_restore(w);
    } else if (strcmp(verb, "why") == 0) {
        struct ti_key k = key_of(w, arg);

        assert_int_equal(sched_why(w->s, &k, w->now_us, &w->out), 0);
    } else {
        return false;
    }
    return true;
}

const char *world_do(struct world *w, const char *text)
{
    char line[512], verb[32] = "", arg[256] = "", *rest;
    int n = 0;

    snprintf(line, sizeof line, "%s", text);
    (void)sscanf(line, "%31s %255s %n", verb, arg, &n);
    rest = n > 0 ? line + n : line + strlen(line);
    buf_clear(&w->out);
    if (!do_attempt(w, verb, arg, rest) && !do_other(w, verb, arg, rest)) {
        fail_msg("unknown command %s", text);
    }
    if (w->rc == 0) {
        commit(w);
    }
    return buf_cstr(&w->out);
}

void world_expect(struct world *w, const char *file, int line, const char *text,
                  const char *expected)
{
    const char *got = world_do(w, text);

    if (strcmp(got, expected) != 0) {
        fprintf(stderr, "%s:%d: %s\n  expected: %s\n  got:      %s\n", file, line, text, expected,
                got);
        _fail(file, line);
    }
    assert_int_equal(w->rc, 0);
}
