#include "supervisor/supervisor.h"

#include <assert.h>

/* EX_USAGE, EX_DATAERR, EX_NOPERM, EX_PROTOCOL (a newer store), EX_CONFIG. Not 127: a program that is being replaced is back soon. */
bool supervisor_is_final(int exit_code)
{
    return exit_code == 64 || exit_code == 65 || exit_code == 76 || exit_code == 77 ||
           exit_code == 78;
}

void supervisor_init(struct supervisor_child *c, const struct supervisor_policy *p)
{
    *c = (struct supervisor_child){.policy = *p, .state = SUPERVISOR_IDLE};
}

void supervisor_start(struct supervisor_child *c, int64_t now_us)
{
    assert(c->state == SUPERVISOR_IDLE);
    c->state = SUPERVISOR_WAITING;
    c->next_us = now_us;
}

void supervisor_spawned(struct supervisor_child *c, int64_t now_us)
{
    c->spawning = false;
    c->starts++;
    c->termed = c->killed = false;
    if (c->state == SUPERVISOR_STOPPING) { /* it was told to stop while it was being made */
        return;
    }
    c->state = SUPERVISOR_STARTING;
    c->heard_us = now_us;
}

void supervisor_heard(struct supervisor_child *c, int64_t now_us)
{
    c->heard_us = now_us;
}

void supervisor_ready(struct supervisor_child *c, int64_t now_us)
{
    if (c->state == SUPERVISOR_STARTING) {
        c->state = SUPERVISOR_READY;
        c->ready_us = c->heard_us = now_us;
    }
}

/* Doubled for each start in a row. */
static int64_t pause_us(const struct supervisor_child *c)
{
    int64_t us = c->policy.pause_min_us;

    for (int i = 1; i < c->starts && us < c->policy.pause_max_us; i++) {
        us *= 2;
    }
    return us < c->policy.pause_max_us ? us : c->policy.pause_max_us;
}

void supervisor_exited(struct supervisor_child *c, int exit_code, int signum, int64_t now_us)
{
    bool was_ready = c->state == SUPERVISOR_READY;

    if (c->spawning) { /* it could not be made: that counts as a start */
        c->spawning = false;
        c->starts++;
    }
    c->exit_code = exit_code;
    c->signal = signum;
    if (c->state == SUPERVISOR_STOPPING) {
        c->state = SUPERVISOR_ENDED;
        return;
    }
    if (was_ready && now_us - c->ready_us >= c->policy.steady_us) {
        c->starts = 1;
    }
    if ((!was_ready && supervisor_is_final(exit_code)) ||
        (c->policy.starts_max > 0 && c->starts >= c->policy.starts_max)) {
        c->state = SUPERVISOR_FAILED;
        return;
    }
    c->state = SUPERVISOR_WAITING;
    c->next_us = now_us + pause_us(c);
    c->restarts++;
}

void supervisor_stop(struct supervisor_child *c, int64_t now_us)
{
    switch (c->state) {
    case SUPERVISOR_STOPPING:
    case SUPERVISOR_ENDED:
        return;
    case SUPERVISOR_STARTING:
    case SUPERVISOR_READY:
        c->state = SUPERVISOR_STOPPING;
        c->kill_us = now_us + c->policy.stop_us;
        return;
    default:
        c->state = c->spawning ? SUPERVISOR_STOPPING : SUPERVISOR_ENDED;
        c->kill_us = now_us + c->policy.stop_us;
    }
}

void supervisor_hurry(struct supervisor_child *c, int64_t now_us)
{
    if (c->state == SUPERVISOR_STOPPING && c->kill_us > now_us) {
        c->kill_us = now_us;
    }
}

void supervisor_revive(struct supervisor_child *c, int64_t now_us)
{
    if (c->state == SUPERVISOR_FAILED) {
        c->state = SUPERVISOR_WAITING;
        c->starts = 0;
        c->next_us = now_us;
    }
}

static bool is_silent(const struct supervisor_child *c, int64_t now_us)
{
    return c->policy.watchdog_us > 0 && now_us - c->heard_us >= c->policy.watchdog_us;
}

enum supervisor_action supervisor_next(struct supervisor_child *c, int64_t now_us)
{
    if (c->spawning) {
        return SUPERVISOR_NOTHING;
    }
    switch (c->state) {
    case SUPERVISOR_WAITING:
        if (now_us < c->next_us) {
            return SUPERVISOR_NOTHING;
        }
        c->spawning = true;
        return SUPERVISOR_SPAWN;
    case SUPERVISOR_READY:
        if (!is_silent(c, now_us) || c->killed) {
            return SUPERVISOR_NOTHING;
        }
        c->killed = true;
        return SUPERVISOR_KILL;
    case SUPERVISOR_STOPPING:
        if (!c->termed) {
            c->termed = true;
            return SUPERVISOR_TERM;
        }
        if (now_us < c->kill_us || c->killed) {
            return SUPERVISOR_NOTHING;
        }
        c->killed = true;
        return SUPERVISOR_KILL;
    default:
        return SUPERVISOR_NOTHING;
    }
}

int64_t supervisor_until(const struct supervisor_child *c)
{
    if (c->spawning) {
        return INT64_MAX;
    }
    switch (c->state) {
    case SUPERVISOR_WAITING:
        return c->next_us;
    case SUPERVISOR_READY:
        return c->policy.watchdog_us > 0 && !c->killed ? c->heard_us + c->policy.watchdog_us
                                                       : INT64_MAX;
    case SUPERVISOR_STOPPING:
        return !c->termed ? 0 : c->killed ? INT64_MAX : c->kill_us;
    default:
        return INT64_MAX;
    }
}

const char *supervisor_state_name(enum supervisor_state s)
{
    static const char *const names[] = {"idle",     "waiting", "starting", "ready",
                                        "stopping", "ended",   "failed"};

    return names[s];
}
