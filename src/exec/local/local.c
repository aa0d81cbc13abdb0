/*
 * The local executor: attempts of this machine, in holders.
 *
 *   WAITING ──dispatch──> SENT ──`started`──> STARTED ──`ended`──> ENDED ──exec_ack──> (gone)
 *      ^                   │  └────────────── `ended` ──────────────^
 *      └── never begun ────┘        holder died without having seen it: not_seen
 *   SOUGHT (adoption) -> STARTED or ENDED, or handed back as never started
 *
 * Invariants:
 *
 * X1  running = jobs in SENT and STARTED, <= slots but for adopted ones; waiting = jobs in WAITING.
 *
 * X2  A holder of commands has at most one job in SENT or STARTED; a Python holder any number.
 *
 * X3  A job goes back to WAITING only when its holder's hello, or its dead holder's journal, proves
 *     that it was never begun (rule 2).
 *
 * X4  An end is told once, unless the engine's process changes; it is acknowledged to the holder,
 *     or its journal removed, only after exec_ack.
 *
 * X5  Callbacks come from coroutines of the executor only, never from within a call of the engine.
 */
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "exec/local/local.h"
#include "holder/journal.h"
#include "runtime/loop.h"

#define SENDS_MAX     3       /* holders that an attempt may be given to without being begun */
#define CLOSE_WAIT_US 1000000 /* for messages that are still to be written when closing */

/* ---- jobs ---- */

static struct job **bucket(struct local *l, const struct uuid *attempt)
{
    return &l->jobs[hash_bytes(attempt->b, sizeof attempt->b) % JOB_BUCKETS];
}

struct job *job_find(struct local *l, const struct uuid *attempt)
{
    struct job *j = *bucket(l, attempt);

    while (j != NULL && uuid_cmp(&j->attempt, attempt) != 0) {
        j = j->hash_next;
    }
    return j;
}

struct job *job_new(struct local *l, const struct uuid *attempt)
{
    struct job *j = mem_zalloc(sizeof *j);
    struct job **slot = bucket(l, attempt);

    if (j == NULL) {
        return NULL;
    }
    j->attempt = *attempt;
    (void)uuid_format(attempt, j->id);
    buf_init(&j->frame, LIMIT_MESSAGE + KiB(4));
    j->hash_next = *slot;
    *slot = j;
    return j;
}

static void frame_wipe(struct job *j)
{
    if (j->frame.p != NULL) {
        explicit_bzero(j->frame.p, j->frame.cap); /* secrets are in it */
    }
    buf_fini(&j->frame);
}

/* Out of whatever list its state puts it into. */
static void job_leave(struct local *l, struct job *j)
{
    if (j->deferred) {
        TAILQ_REMOVE(&l->deferred, j, in_queue);
        j->deferred = false;
    } else if (j->state == JOB_WAITING) {
        TAILQ_REMOVE(&l->waiting, j, in_queue);
        l->base.waiting--;
    } else if (j->state == JOB_SENT || j->state == JOB_STARTED) {
        TAILQ_REMOVE(&j->link->jobs, j, in_queue);
        j->link->jobs_len--;
        l->base.running--;
    }
}

static void grave_unref(struct local *l, struct grave *g)
{
    if (g != NULL && --g->jobs == 0) {
        if (!l->closing) {
            (void)unlinkat(l->dir_fd, g->name, 0);
        }
        (void)close(g->fd);
        mem_free(g);
    }
}

void job_free(struct local *l, struct job *j)
{
    struct job **slot = bucket(l, &j->attempt);

    job_leave(l, j);
    while (*slot != j) {
        slot = &(*slot)->hash_next;
    }
    *slot = j->hash_next;
    grave_unref(l, j->grave);
    frame_wipe(j);
    mem_free(j->interpreter);
    mem_free(j);
}

void job_to_link(struct job *j, struct link *k, enum job_state state)
{
    struct local *l = k->local;

    assert(state == JOB_SENT || state == JOB_STARTED);
    job_leave(l, j);
    j->state = state;
    j->link = k;
    TAILQ_INSERT_TAIL(&k->jobs, j, in_queue);
    k->jobs_len++;
    l->base.running++;
}

void job_wait(struct local *l, struct job *j, bool first)
{
    job_leave(l, j);
    j->state = JOB_WAITING;
    j->link = NULL;
    if (first) {
        TAILQ_INSERT_HEAD(&l->waiting, j, in_queue);
    } else {
        TAILQ_INSERT_TAIL(&l->waiting, j, in_queue);
    }
    l->base.waiting++;
}

/* Its end is told by the executor's own coroutine (X5). */
void job_defer_end(struct local *l, struct job *j, const char *error)
{
    job_leave(l, j);
    (void)snprintf(j->error, sizeof j->error, "%s", error);
    j->state = JOB_ENDED;
    j->link = NULL;
    j->deferred = true;
    TAILQ_INSERT_TAIL(&l->deferred, j, in_queue);
    co_cond_broadcast(&l->changed);
}

void job_started(struct local *l, struct job *j, int64_t pid, int64_t at_us)
{
    assert(j->state == JOB_STARTED);
    frame_wipe(j);
    l->base.callbacks.started(l->base.callbacks.arg, &j->attempt, pid, j->link->id, at_us);
}

void job_ended(struct local *l, struct job *j, const struct exec_end *end)
{
    struct link *k = j->link;

    if (j->state == JOB_ENDED) {
        return; /* X4 */
    }
    job_leave(l, j);
    j->state = JOB_ENDED;
    frame_wipe(j);
    if (k != NULL) {
        local_dispatch(
            l); /* the slot is free: the next attempt starts while the engine records this end */
    }
    l->base.callbacks.ended(l->base.callbacks.arg, end);
}

void job_requeue(struct local *l, struct job *j, const char *why)
{
    if (j->kill) {
        job_defer_end(l, j, "killed before it started");
    } else if (j->sends >= SENDS_MAX) {
        job_defer_end(l, j, why);
    } else {
        job_wait(l, j, true);
    }
}

/* ---- dispatch ---- */

static bool link_fits(const struct link *k, const struct job *j)
{
    if (k->retiring || (k->state != LINK_READY && k->state != LINK_FRESH) ||
        k->python != j->python) {
        return false;
    }
    if (!k->python) {
        return k->jobs_len == 0;
    }
    return (k->interpreter == NULL) == (j->interpreter == NULL) &&
           (k->interpreter == NULL || strcmp(k->interpreter, j->interpreter) == 0) &&
           k->jobs_len < LIMIT_ATTEMPTS;
}

/* The one that was used last: its pages are warm, and the others stay idle. */
static struct link *link_for(struct local *l, const struct job *j)
{
    struct link *k;

    TAILQ_FOREACH(k, &l->links, in_list)
    {
        if (link_fits(k, j)) {
            return k;
        }
    }
    return NULL;
}

static void send_start(struct local *l, struct job *j, struct link *k)
{
    assert(k->python || k->jobs_len == 0); /* X2 */
    job_to_link(j, k, JOB_SENT);
    j->sends++;
    TAILQ_REMOVE(&l->links, k, in_list);
    TAILQ_INSERT_HEAD(&l->links, k, in_list);
    if (link_send(k, j->frame.p, j->frame.len) != 0) {
        job_defer_end(l, j, "no memory to send the attempt to its holder");
    }
}

/* The next one that may start, or NULL. */
static struct job *next_job(struct local *l)
{
    struct job *j = TAILQ_FIRST(&l->waiting);

    while (l->paused && j != NULL && !j->urgent) {
        j = TAILQ_NEXT(j, in_queue);
    }
    return j;
}

void local_dispatch(struct local *l)
{
    struct job *j;

    while (!l->closing && l->base.running < l->base.slots && (j = next_job(l)) != NULL) {
        struct link *k = link_for(l, j);
        struct err e = {0};

        if (k == NULL && link_start(l, j->python, j->interpreter, &k, &e) != 0) {
            job_defer_end(l, j, err_str(&e));
            continue;
        }
        send_start(l, j, k);
    }
}

/* ---- the executor's own coroutine: ends that no holder tells ---- */

static void deferred_tell(struct local *l, struct job *j)
{
    struct exec_end end = {
        .attempt = j->attempt,
        .exit_code = -1,
        .killed = j->kill ? j->reason : NULL,
        .error = j->error,
        .at_us = loop_wall_us(l->loop),
    };

    TAILQ_REMOVE(&l->deferred, j, in_queue);
    j->deferred = false;
    frame_wipe(j);
    l->base.callbacks.ended(l->base.callbacks.arg, &end);
}

static int teller_main(void *arg)
{
    struct local *l = arg;

    for (;;) {
        while (!TAILQ_EMPTY(&l->deferred)) {
            deferred_tell(l, TAILQ_FIRST(&l->deferred));
        }
        if (co_cond_wait(&l->changed) != 0) {
            return 0;
        }
    }
}

/* ---- operations ---- */

static int local_start(struct executor *x, const struct exec_spec *spec, struct err *e)
{
    struct local *l = (struct local *)x;
    struct job *j;
    int rc;

    assert((spec->argv != NULL) != (spec->python != NULL));
    if (job_find(l, &spec->attempt) != NULL) {
        return err_set(e, ERR_EXISTS, "the attempt was started already");
    }
    if (spec->python != NULL && l->python_argv == NULL) {
        return err_set(e, ERR_UNSUPPORTED, "no Python interpreter is configured");
    }
    j = job_new(l, &spec->attempt);
    if (j == NULL) {
        return err_set(e, ERR_NOMEM, "no memory for an attempt");
    }
    j->state = JOB_SOUGHT; /* in no list yet */
    j->python = spec->python != NULL;
    j->urgent = spec->urgent;
    rc = message_start(l, spec, j->id, &j->frame, e);
    if (rc == 0 && j->python && spec->interpreter != NULL &&
        strcmp(spec->interpreter, l->python_argv[0]) != 0) {
        j->interpreter = mem_strdup(spec->interpreter);
        rc = j->interpreter != NULL ? 0 : err_set(e, ERR_NOMEM, "no memory for an attempt");
    }
    if (rc != 0) {
        job_free(l, j);
        return rc;
    }
    job_wait(l, j, false);
    local_dispatch(l);
    return 0;
}

static void local_kill(struct executor *x, const struct uuid *attempt, const char *reason,
                       int64_t grace_us)
{
    struct local *l = (struct local *)x;
    struct job *j = job_find(l, attempt);

    if (j == NULL || j->state == JOB_ENDED) {
        return;
    }
    if (!j->kill) {
        (void)snprintf(j->reason, sizeof j->reason, "%s", reason != NULL ? reason : "killed");
    }
    j->kill = true;
    j->grace_us = grace_us;
    if (j->state == JOB_WAITING) {
        job_defer_end(l, j, "killed before it started");
    } else if (j->link != NULL && (j->link->state == LINK_READY || j->link->state == LINK_FRESH)) {
        /* Without memory, or a connection, it is sent after the next hello. */
        (void)!link_send_kill(j->link, j->id, j->reason, grace_us);
    }
}

static void local_ack(struct executor *x, const struct uuid *attempt)
{
    struct local *l = (struct local *)x;
    struct job *j = job_find(l, attempt);

    if (j == NULL || j->state != JOB_ENDED) {
        return;
    }
    if (j->link != NULL && j->link->state != LINK_LOST) {
        /* An acknowledgement that is lost is made up for at the next hello: the holder tells the
         * end again. */
        (void)!link_send_ack(j->link, j->id);
    }
    job_free(l, j);
}

static struct link *python_link(struct local *l, struct err *e)
{
    struct job like = {.python = true};
    struct link *k = link_for(l, &like);

    return k != NULL || link_start(l, true, NULL, &k, e) == 0 ? k : NULL;
}

static int local_parse(struct executor *x, const char *request_json, char **ret_response_json,
                       struct err *e)
{
    struct local *l = (struct local *)x;
    struct parse_wait wait = {.id = ++l->next_parse, .waiter = co_self(), .e = e};
    struct buf frame BUF_CLEANUP = {0};
    int rc;

    buf_init(&frame, LIMIT_MESSAGE + KiB(4));
    if (l->python_argv == NULL) {
        return err_set(e, ERR_UNSUPPORTED, "no Python interpreter is configured");
    }
    wait.link = python_link(l, e);
    if (wait.link == NULL) {
        return e != NULL ? e->code : -ERR_IO;
    }
    rc = message_parse(wait.id, request_json, &frame);
    if (rc == 0) {
        rc = link_send(wait.link, frame.p, frame.len);
    }
    if (rc != 0) {
        return err_set(e, (enum err_code) - rc, "cannot ask the Python runner: %s", err_text(rc));
    }
    TAILQ_INSERT_TAIL(&l->parses, &wait, in_list);
    while (!wait.done && rc == 0) {
        rc = co_suspend();
    }
    TAILQ_REMOVE(&l->parses, &wait, in_list);
    if (!wait.done) {
        return err_set(e, (enum err_code) - rc, "waiting for the Python runner: %s", err_text(rc));
    }
    if (wait.rc == 0) {
        *ret_response_json = wait.response;
    }
    return wait.rc;
}

/* ---- adoption ---- */

static bool journal_name(const char *name, char id[HOLDER_ID_MAX + 1])
{
    static const char suffix[] = ".journal";
    size_t n = strlen(name), suffix_len = sizeof suffix - 1;

    if (n <= suffix_len || n - suffix_len > HOLDER_ID_MAX ||
        strcmp(name + n - suffix_len, suffix) != 0) {
        return false;
    }
    (void)snprintf(id, HOLDER_ID_MAX + 1, "%.*s", (int)(n - suffix_len), name);
    return true;
}

/* A link for every journal of the folder, in the order of names so that adoption repeats. */
static int links_find(struct local *l, struct err *e)
{
    struct dirent **entries;
    int n = scandir(l->dir, &entries, NULL, alphasort), rc = 0;

    if (n < 0) {
        return err_errno(e, errno, "cannot read the folder %s", l->dir);
    }
    for (int i = 0; i < n; i++) {
        char id[HOLDER_ID_MAX + 1];

        if (rc == 0 && journal_name(entries[i]->d_name, id)) {
            rc = link_find(l, id, e);
        }
        free(entries[i]); /* not ours: scandir's */
    }
    free(entries); /* not ours: scandir's */
    return rc;
}

static bool all_settled(struct local *l)
{
    struct link *k;

    TAILQ_FOREACH(k, &l->links, in_list)
    {
        if (!k->settled) {
            return false;
        }
    }
    return true;
}

static int local_adopt(struct executor *x, const struct uuid *live, size_t n,
                       struct uuid *ret_never_started, size_t *ret_n, struct err *e)
{
    struct local *l = (struct local *)x;
    size_t never = 0;
    int rc = 0;

    for (size_t i = 0; i < n; i++) {
        if (job_find(l, &live[i]) == NULL && job_new(l, &live[i]) == NULL) {
            return err_set(e, ERR_NOMEM, "no memory to adopt %zu attempts", n);
        }
    }
    rc = links_find(l, e);
    /* Each holder answers, or is found dead: nothing is said of an attempt before all are known
     * (X3). */
    while (rc == 0 && !all_settled(l)) {
        rc = co_cond_wait(&l->changed);
    }
    if (rc != 0) {
        return e != NULL && e->code != 0
                   ? rc
                   : err_set(e, (enum err_code) - rc, "adopting: %s", err_text(rc));
    }
    for (size_t i = 0; i < n; i++) {
        struct job *j = job_find(l, &live[i]);

        if (j != NULL && j->state == JOB_SOUGHT) {
            ret_never_started[never++] = live[i];
            job_free(l, j);
        }
    }
    *ret_n = never;
    return 0;
}

/* ---- opening and closing ---- */

/* Idle holders exit; those with work, or with ends that nobody acknowledged, stay. */
static void drain_idle(struct local *l)
{
    struct co_deadline deadline;
    struct link *k;
    bool busy = true;

    TAILQ_FOREACH(k, &l->links, in_list)
    {
        if (k->jobs_len == 0 && (k->state == LINK_READY || k->state == LINK_FRESH)) {
            (void)!link_send_simple(k, "drain");
        }
    }
    co_deadline_begin(&deadline, CLOSE_WAIT_US);
    while (busy) {
        busy = false;
        TAILQ_FOREACH(k, &l->links, in_list)
        {
            busy = busy || (k->writing && k->state != LINK_LOST);
        }
        if (busy && co_sleep(1000) != 0) {
            break;
        }
    }
    co_deadline_end(&deadline);
}

static void local_free(struct local *l)
{
    for (size_t i = 0; i < JOB_BUCKETS; i++) {
        while (l->jobs[i] != NULL) {
            job_free(l, l->jobs[i]);
        }
    }
    while (!TAILQ_EMPTY(&l->links)) {
        link_free(TAILQ_FIRST(&l->links));
    }
    if (l->dir_fd >= 0) {
        (void)close(l->dir_fd);
    }
    mem_free(l->dir);
    mem_free(l->program);
    arena_fini(&l->config);
    mem_free(l);
}

static void local_close(struct executor *x)
{
    struct local *l = (struct local *)x;
    struct co_shield shield;

    l->closing = true;
    co_shield_begin(&shield, 2 * CLOSE_WAIT_US);
    drain_idle(l);
    co_shield_end(&shield);
    co_group_close(&l->group);
    local_free(l);
}

static void local_pause(struct executor *x, bool paused)
{
    struct local *l = (struct local *)x;

    l->paused = paused;
    local_dispatch(l);
}

static void local_resize(struct executor *x, int slots)
{
    x->slots = slots > 0 ? slots : 1;
    local_dispatch((struct local *)x);
}

static const struct executor_ops local_ops = {
    .close = local_close,
    .start = local_start,
    .kill = local_kill,
    .ack = local_ack,
    .adopt = local_adopt,
    .parse = local_parse,
    .pause = local_pause,
    .resize = local_resize,
};

/* A copy of a vector in the arena; NULL stays NULL. */
static int vector_copy(struct arena *a, const char *const *list, char *const **ret)
{
    size_t n = 0;
    char **copy;

    *ret = NULL;
    if (list == NULL) {
        return 0;
    }
    while (list[n] != NULL) {
        n++;
    }
    copy = arena_array(a, n + 1, sizeof *copy);
    for (size_t i = 0; copy != NULL && i < n; i++) {
        copy[i] = arena_strdup(a, list[i]);
        if (copy[i] == NULL) {
            return -ERR_NOMEM;
        }
    }
    *ret = copy;
    return copy != NULL ? 0 : -ERR_NOMEM;
}

static int config_copy(struct local *l, const struct exec_local_config *c)
{
    size_t n = strlen(c->home) + sizeof "/holders";

    l->dir = mem_alloc(n);
    l->program = mem_strdup(c->holder_program);
    if (l->dir == NULL || l->program == NULL ||
        vector_copy(&l->config, c->base_env, &l->base_env) != 0 ||
        vector_copy(&l->config, c->python_argv, &l->python_argv) != 0 ||
        vector_copy(&l->config, c->python_env, &l->python_env) != 0) {
        return -ERR_NOMEM;
    }
    (void)snprintf(l->dir, n, "%s/holders", c->home);
    if (l->python_argv != NULL && l->python_argv[0] == NULL) {
        l->python_argv = NULL;
    }
    return 0;
}

int exec_local_open(const struct exec_local_config *c, const struct exec_callbacks *cb,
                    struct executor **ret, struct err *e)
{
    struct local *l = mem_zalloc(sizeof *l);
    int rc;

    if (l == NULL) {
        return err_set(e, ERR_NOMEM, "no memory for the executor");
    }
    l->base = (struct executor){
        .ops = &local_ops, .callbacks = *cb, .slots = c->slots > 0 ? c->slots : 1};
    l->loop = c->loop;
    l->idle_exit_s = c->idle_exit_s;
    l->dir_fd = -1;
    arena_init(&l->config, MiB(16));
    TAILQ_INIT(&l->waiting);
    TAILQ_INIT(&l->deferred);
    TAILQ_INIT(&l->links);
    TAILQ_INIT(&l->parses);
    co_cond_init(&l->changed);
    co_group_init(&l->group, c->loop);
    boot_id_read(l->boot_id);
    rc = config_copy(l, c) != 0 ? err_set(e, ERR_NOMEM, "no memory for the executor") : 0;
    if (rc == 0 && mkdir(l->dir, 0700) != 0 && errno != EEXIST) {
        rc = err_errno(e, errno, "cannot make the folder %s", l->dir);
    }
    if (rc == 0) {
        l->dir_fd = open(l->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        rc = l->dir_fd >= 0 ? 0 : err_errno(e, errno, "cannot open the folder %s", l->dir);
    }
    if (rc == 0) {
        rc = co_spawn(&l->group, "exec-teller", teller_main, l, NULL, e);
    }
    if (rc != 0) {
        local_free(l);
        return rc;
    }
    *ret = &l->base;
    return 0;
}
