/*
 * What a dead holder leaves: its journal, and perhaps processes.
 *
 * An attempt with an `ended` record has ended so. One with `started` alone has ended unseen: what
 * may still live of it is killed before that is told (rules 2, 8). One that the journal does not
 * name was never begun: the holder writes its intent before it spawns.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "exec/local/local.h"
#include "holder/journal.h"
#include "runtime/loop.h"

#define JOURNAL_MAX    MiB(256)
#define KILL_PAUSE_US  2000
#define KILL_PAUSE_MAX 100000

struct record { /* the last word of the journal on one attempt */
    struct uuid attempt;
    bool ended;
    struct exec_end end; /* texts in the arena */
    int64_t pid, at_us;
    uint64_t pid_start;
    bool this_boot;
};

struct records {
    struct record *items; /* owned */
    size_t len, cap;
    struct arena arena;
};

static int journal_read(int fd, struct buf *text)
{
    for (;;) {
        ssize_t n;

        if (buf_reserve(text, KiB(64)) != 0) {
            return buf_status(text);
        }
        n = pread(fd, text->p + text->len, text->cap - text->len - 1, (off_t)text->len);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return -ERR_IO;
        }
        if (n == 0) {
            return 0;
        }
        text->len += (size_t)n;
    }
}

static struct record *record_of(struct records *r, const struct uuid *attempt)
{
    for (size_t i = r->len; i-- > 0;) {
        if (uuid_cmp(&r->items[i].attempt, attempt) == 0) {
            return &r->items[i];
        }
    }
    if (VEC_PUSH(r->items, r->len, r->cap, (struct record){.attempt = *attempt}) != 0) {
        return NULL;
    }
    return &r->items[r->len - 1];
}

static int record_take(struct local *l, struct records *r, const char *json, size_t n)
{
    struct value *v;
    struct record *to;
    const struct value *type, *boot;
    struct exec_end end;
    struct uuid attempt;
    uint64_t pid_start;
    int64_t pid, at_us;
    int rc = value_parse(&r->arena, json, n, &v, NULL);

    if (rc != 0) {
        return rc == -ERR_NOMEM || rc == -ERR_LIMIT
                   ? -ERR_NOMEM
                   : 0; /* a record that says nothing, as a damaged line */
    }
    type = value_get(v, "type");
    boot = value_get(v, "boot_id");
    if (type == NULL || type->kind != VALUE_STRING ||
        message_started_read(v, &attempt, &pid, &pid_start, &at_us) != 0) {
        return 0;
    }
    to = record_of(r, &attempt);
    if (to == NULL) {
        return -ERR_NOMEM;
    }
    if (strcmp(type->text, "ended") == 0 && message_ended_read(v, &end) == 0) {
        to->ended = true;
        to->end = end;
    } else if (strcmp(type->text, "started") == 0) {
        to->pid = pid;
        to->pid_start = pid_start;
        to->at_us = at_us;
        to->this_boot =
            boot != NULL && boot->kind == VALUE_STRING && strcmp(boot->text, l->boot_id) == 0;
    }
    return 0;
}

static int records_read(struct local *l, int fd, struct records *r)
{
    struct buf text BUF_CLEANUP = {0};
    const char *json;
    size_t pos = 0, n;
    int rc;

    buf_init(&text, JOURNAL_MAX);
    rc = journal_read(fd, &text);
    while (rc == 0 && journal_next(text.p, text.len, &pos, &json, &n, NULL)) {
        rc = record_take(l, r, json, n);
    }
    return rc;
}

/* A journal that somebody removed does not make an attempt that began one that did not. */
static int records_add_started(struct link *k, struct records *r)
{
    struct job *j;

    TAILQ_FOREACH(j, &k->jobs, in_queue)
    {
        struct record *to = j->state == JOB_STARTED ? record_of(r, &j->attempt) : NULL;

        if (j->state == JOB_STARTED && to == NULL) {
            return -ERR_NOMEM;
        }
        if (to != NULL && to->at_us == 0 && !to->ended) {
            to->this_boot = true; /* found by its environment */
        }
    }
    return 0;
}

/* What lives of an attempt: its main process and what is below it, its session, and whoever has its
 * name in the environment. */
static void collect(const struct record *r, struct tree *t)
{
    bool main_lives = r->pid > 1 && process_lives((pid_t)r->pid, r->pid_start);
    struct tree_process other;
    /* The session's number is the main process's. Where another process has it now, it names
     * another session. */
    bool reused = r->pid > 1 && !main_lives && process_read((pid_t)r->pid, &other) &&
                  other.start != r->pid_start;
    char id[UUID_TEXT_MAX];

    t->len = 0;
    if (main_lives) {
        tree_add(t, (pid_t)r->pid);
        tree_add_below(t, (pid_t)r->pid);
    }
    tree_add_attempt(t, uuid_format(&r->attempt, id), reused || r->pid <= 1 ? 0 : (pid_t)r->pid);
}

/* SUSPENDS until nothing of it lives: of the attempt, or, with r NULL, of the holder itself: its runner, which would go on
 * to start what it was given, and processes of attempts whose pid it had not written down. */
static int leftovers_end(const struct link *k, const struct record *r)
{
    struct tree tree = {0};
    int64_t pause_us = KILL_PAUSE_US;
    /* One that just executes another program has no environment for a moment: without its pid, only a second look tells that it is gone. */
    int looks = r == NULL || r->pid <= 1 ? 2 : 1;
    int rc = 0;

    for (int empty = 0; rc == 0 && (r == NULL || r->this_boot);) {
        if (r != NULL) {
            collect(r, &tree);
        } else {
            tree.len = 0;
            tree_add_of_holder(&tree, k->id);
        }
        empty = tree.len == 0 ? empty + 1 : 0;
        if (empty == looks) {
            break;
        }
        (void)tree_signal(&tree, SIGKILL);
        rc = co_sleep(pause_us);
        pause_us = pause_us * 2 < KILL_PAUSE_MAX ? pause_us * 2 : KILL_PAUSE_MAX;
    }
    tree_fini(&tree);
    return rc;
}

static struct record *record_find(struct records *r, const struct uuid *attempt)
{
    for (size_t i = 0; i < r->len; i++) {
        if (uuid_cmp(&r->items[i].attempt, attempt) == 0) {
            return &r->items[i];
        }
    }
    return NULL;
}

/* Tells the end of one attempt that the engine still wants to know of. */
static void tell(struct local *l, struct link *k, struct grave *g, struct record *r)
{
    struct job *j = job_find(l, &r->attempt);
    struct exec_end unseen = {
        .attempt = r->attempt,
        .pid = r->pid,
        .exit_code = -1,
        .not_seen = true,
        .at_us = loop_wall_us(l->loop),
    };
    bool ours = j != NULL && j->grave == NULL &&
                (j->link == k || (j->link == NULL && j->state == JOB_SOUGHT));

    if (!ours) {
        return;
    }
    unseen.killed = j->kill ? j->reason : NULL;
    if (r->at_us != 0 && unseen.at_us > r->at_us) {
        unseen.duration_us = unseen.at_us - r->at_us;
    }
    j->grave = g;
    g->jobs++;
    job_ended(l, j, r->ended ? &r->end : &unseen);
}

/* Attempts that were sent and are not in the journal: never begun (X3). */
static void requeue_rest(struct local *l, struct link *k, struct records *r)
{
    struct job *j, *next;

    for (j = TAILQ_FIRST(&k->jobs); j != NULL; j = next) {
        next = TAILQ_NEXT(j, in_queue);
        if (record_find(r, &j->attempt) == NULL) {
            job_requeue(l, j, "its holder does not start");
        }
    }
}

static void grave_close(struct local *l, struct grave *g)
{
    /* The count of one is the caller's own, so that the journal stays until all of it was told. */
    if (--g->jobs == 0) {
        (void)unlinkat(l->dir_fd, g->name, 0);
        (void)close(g->fd);
        mem_free(g);
    }
}

int holder_bury(struct local *l, struct link *k, int fd)
{
    struct records records = {0};
    struct grave *g = mem_zalloc(sizeof *g);
    char socket_name[HOLDER_ID_MAX + 16];
    bool holder_ended = false;
    int rc = g == NULL ? -ERR_NOMEM : 0;

    arena_init(&records.arena, JOURNAL_MAX);
    if (rc == 0 && fd >= 0) {
        rc = records_read(l, fd, &records);
    }
    if (rc == 0) {
        rc = records_add_started(k, &records);
    }
    for (size_t i = 0; rc == 0 && i < records.len; i++) {
        if (!records.items[i].ended) {
            rc = holder_ended ? 0 : leftovers_end(k, NULL);
            rc = rc == 0 ? leftovers_end(k, &records.items[i]) : rc;
            holder_ended = true;
        }
    }
    if (rc == 0) {
        *g = (struct grave){.fd = fd, .jobs = 1};
        (void)snprintf(g->name, sizeof g->name, "%s.journal", k->id);
        (void)snprintf(socket_name, sizeof socket_name, "%s.sock", k->id);
        (void)unlinkat(l->dir_fd, socket_name, 0);
        k->state = LINK_GONE;
        requeue_rest(l, k, &records);
        for (size_t i = 0; i < records.len; i++) {
            tell(l, k, g, &records.items[i]);
        }
        grave_close(l, g);
    } else {
        mem_free(g);
        if (fd >= 0) {
            (void)close(fd);
        }
    }
    mem_free(records.items);
    arena_fini(&records.arena);
    return rc;
}
