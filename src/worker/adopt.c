/* After a start: what became of the attempts that the store holds as claimed, running or waiting. */
#include <dirent.h>
#include <stdio.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "operators/plugins.h"
#include "worker/local_priv.h"

static int adopt_processes(struct local_worker *w, struct uuid *live, size_t n, struct err *e)
{
    struct uuid *never = mem_array(n, sizeof *never);
    size_t never_len = 0;
    int rc = never == NULL ? err_set(e, ERR_NOMEM, "out of memory for adoption") : 0;

    if (rc == 0) {
        rc = exec_adopt(w->exec, live, n, never, &never_len, e);
    }
    for (size_t i = 0; rc == 0 && i < never_len; i++) {
        struct attempt *a = attempt_find(w, &never[i]);

        if (a != NULL && a->phase != ATTEMPT_ENDED) {
            a->phase = ATTEMPT_TAKEN;
            a->adopted = a->told_started = false;
            a->params = NULL;
            rc = attempt_launch(a, e);
        }
    }
    mem_free(never);
    return rc;
}

static bool is_wanted(struct local_worker *w, const struct uuid *token, const struct uuid *live,
                      size_t n)
{
    bool found = attempt_find(w, token) != NULL;

    for (size_t i = 0; !found && i < n; i++) {
        found = uuid_cmp(token, &live[i]) == 0;
    }
    return found;
}

/* Results whose ends were committed by an engine that died before it could remove them. */
static void remove_old_results(struct local_worker *w, const struct uuid *live, size_t n)
{
    char path[4200];
    struct dirent *d;
    DIR *h;

    (void)snprintf(path, sizeof path, "%s/results", w->config.home);
    h = opendir(path);
    while (h != NULL && (d = readdir(h)) != NULL) {
        char token[UUID_TEXT_MAX];
        struct uuid u;

        (void)snprintf(token, sizeof token, "%.*s", (int)sizeof token - 1, d->d_name);
        if (d->d_name[0] != '.' && uuid_parse(token, &u) == 0 && !is_wanted(w, &u, live, n)) {
            (void)unlinkat(dirfd(h), d->d_name, 0);
        }
    }
    if (h != NULL) {
        (void)closedir(h);
    }
}

/* Waits and decisions hold nothing outside of us: the same try goes on (rule 7). */
static bool repeats(const struct attempt *a)
{
    return a->op == NULL || a->op->loss != LOSS_ADOPT; /* LOSS_LOST: one that had not begun */
}

/* Its process ended before; its trigger runs again. Without its record nobody knows what it waits for. */
static int adopt_deferred(struct attempt *a, struct err *e)
{
    int rc = attempt_spawn_facts(a, e);

    rc = rc == 0 ? deferral_read(a, e) : rc;
    if (rc != 0) {
        return rc;
    }
    a->phase = ATTEMPT_TRIGGER;
    if (a->record == NULL) {
        attempt_fail(a, WORKER_FAILED, "what it was deferred for is not in the store");
    } else {
        triggers_add(a);
    }
    return 0;
}

int worker_adopt(struct worker *base, const struct worker_job *jobs, size_t n,
                 const struct uuid *others, size_t others_len, struct err *e)
{
    struct local_worker *w = (struct local_worker *)base;
    struct uuid *live = mem_array(n + others_len, sizeof *live);
    size_t live_len = 0;
    int rc = live == NULL ? err_set(e, ERR_NOMEM, "out of memory for adoption") : 0;

    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct attempt *a;

        rc = attempt_take(w, &jobs[i], &a, e);
        if (rc != 0) {
            break;
        }
        a->adopted = a->told_started = jobs[i].started;
        if (a->op != NULL && a->op->loss == LOSS_LOST && a->adopted) {
            a->phase = ATTEMPT_WAIT;
            a->holds_slot = !a->op->plugin->waits;
            attempt_fail(a, WORKER_FAILED, "worker lost");
        } else if (repeats(a)) {
            a->start_us = jobs[i].start_us;
            rc = attempt_launch(a, e);
        } else if (jobs[i].deferred) {
            rc = adopt_deferred(a, e);
        } else {
            a->phase = ATTEMPT_PROCESS;
            rc = attempt_spawn_facts(a, e);
            live[live_len++] = a->token;
        }
    }
    for (size_t i = 0; rc == 0 && i < others_len; i++) {
        live[live_len++] = others[i];
    }
    if (rc == 0) {
        rc = adopt_processes(w, live, live_len, e);
    }
    if (rc == 0) {
        remove_old_results(w, live, live_len);
    }
    mem_free(live);
    w->base.waiting = w->exec->waiting;
    return rc;
}
