/* The ring, who listens, and /ui/events. States of a stream: subscribed -> head sent -> [what is new | heartbeat]* -> ended. */
#include "server/events.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "runtime/loop.h"
#include "server/ui.h"

#define HEARTBEAT_US  (15 * TIME_SECOND)
#define SLOW_US       (30 * TIME_SECOND) /* a reader that takes nothing for so long is dropped */
#define PIECE_MAX     KiB(128)           /* of events in one write */
#define STREAMS_MAX   4000
#define STREAM_TOPICS 32
#define PRIME_US      (3 * TIME_SECOND) /* the store may not be there yet */
#define PRIME_POLL_US (TIME_SECOND / 50)

struct events {
    char *home;
    pthread_mutex_t lock;
    pthread_t thread;
    bool started;
    int stop_fd;
    uint64_t series;
    struct event ring[EVENTS_RING]; /* by number modulo its length */
    uint64_t next, shown;           /* the next number; those below `shown` may be read */
    bool lost;                      /* an event could not be kept: no memory */
    bool primed;                    /* the watcher knows what it compares with */
    struct topic topics[EVENTS_TOPICS];
    uint64_t topic_serial;
    unsigned streams;
    int64_t left_us; /* when the last stream ended; clock of loops */
    struct events_thread *threads;
};

/* ---- the ring ---- */

static void event_fini(struct event *ev)
{
    mem_free(ev->data);
    mem_free(ev->dag_id);
    mem_free(ev->run_id);
    *ev = (struct event){0};
}

void events_put(struct events *v, const char *type, char *data, const char *dag_id,
                const char *run_id)
{
    struct event ev = {.type = type, .data = data};

    ev.dag_id = dag_id != NULL ? mem_strdup(dag_id) : NULL;
    ev.run_id = run_id != NULL ? mem_strdup(run_id) : NULL;
    (void)pthread_mutex_lock(&v->lock);
    if (data == NULL || (dag_id != NULL && ev.dag_id == NULL) ||
        (run_id != NULL && ev.run_id == NULL)) {
        event_fini(&ev);
        v->lost = true;
    } else {
        ev.n = v->next;
        event_fini(&v->ring[v->next % EVENTS_RING]);
        v->ring[v->next % EVENTS_RING] = ev;
        v->next++;
    }
    (void)pthread_mutex_unlock(&v->lock);
}

/* Under the lock. Whoever stands in the old series is told to look at all again. */
static void begin_series(struct events *v)
{
    if (getrandom(&v->series, sizeof v->series, 0) != sizeof v->series) {
        v->series++;
    }
    for (size_t i = 0; i < EVENTS_RING; i++) {
        event_fini(&v->ring[i]);
    }
    v->next = v->shown = 1;
    v->lost = false;
}

void events_new_series(struct events *v)
{
    (void)pthread_mutex_lock(&v->lock);
    begin_series(v);
    (void)pthread_mutex_unlock(&v->lock);
}

void events_set_primed(struct events *v, bool primed)
{
    (void)pthread_mutex_lock(&v->lock);
    v->primed = primed;
    (void)pthread_mutex_unlock(&v->lock);
}

void events_flush(struct events *v)
{
    uint64_t one = 1;
    bool fresh;

    (void)pthread_mutex_lock(&v->lock);
    fresh = v->lost || v->shown != v->next;
    if (v->lost) {
        begin_series(v);
    }
    v->shown = v->next;
    if (fresh) {
        for (struct events_thread *t = v->threads; t != NULL; t = t->next) {
            (void)!write(t->fd, &one, sizeof one);
        }
    }
    (void)pthread_mutex_unlock(&v->lock);
}

/* ---- topics ---- */

static bool same_topic(const struct topic *t, const char *dag_id, const char *run_id)
{
    return t->refs != 0 && strcmp(t->dag_id, dag_id) == 0 &&
           (t->run_id == NULL ? run_id == NULL : run_id != NULL && strcmp(t->run_id, run_id) == 0);
}

static void topic_fini(struct topic *t)
{
    mem_free(t->dag_id);
    mem_free(t->run_id);
    *t = (struct topic){0};
}

/* Under the lock. The index, or -ERR_LIMIT, -ERR_NOMEM. */
static int topic_take(struct events *v, const char *dag_id, const char *run_id)
{
    int spare = -ERR_LIMIT;

    for (int i = 0; i < EVENTS_TOPICS; i++) {
        struct topic *t = &v->topics[i];

        if (same_topic(t, dag_id, run_id)) {
            t->refs++;
            return i;
        }
        spare = t->refs == 0 && spare < 0 ? i : spare;
    }
    if (spare >= 0) {
        struct topic *t = &v->topics[spare];

        t->dag_id = mem_strdup(dag_id);
        t->run_id = run_id != NULL ? mem_strdup(run_id) : NULL;
        if (t->dag_id == NULL || (run_id != NULL && t->run_id == NULL)) {
            topic_fini(t);
            return -ERR_NOMEM;
        }
        t->refs = 1;
        t->serial = ++v->topic_serial;
    }
    return spare;
}

void events_topics_free(struct topic *t, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        topic_fini(&t[i]);
    }
    mem_free(t);
}

int events_topics(struct events *v, struct topic **ret, size_t *ret_len)
{
    struct topic *out = mem_array(EVENTS_TOPICS, sizeof *out);
    size_t n = 0;
    int rc = out != NULL ? 0 : -ERR_NOMEM;

    (void)pthread_mutex_lock(&v->lock);
    for (int i = 0; rc == 0 && i < EVENTS_TOPICS; i++) {
        const struct topic *t = &v->topics[i];

        if (t->refs == 0) {
            continue;
        }
        out[n] = (struct topic){.dag_id = mem_strdup(t->dag_id),
                                .run_id = t->run_id != NULL ? mem_strdup(t->run_id) : NULL,
                                .refs = 1,
                                .serial = t->serial};
        rc = out[n].dag_id == NULL || (t->run_id != NULL && out[n].run_id == NULL) ? -ERR_NOMEM : 0;
        n++;
    }
    (void)pthread_mutex_unlock(&v->lock);
    if (rc != 0) {
        events_topics_free(out, n);
        return rc;
    }
    *ret = out;
    *ret_len = n;
    return 0;
}

bool events_wanted(struct events *v, int64_t now_us)
{
    bool wanted;

    (void)pthread_mutex_lock(&v->lock);
    wanted = v->streams != 0 || (v->left_us != 0 && now_us - v->left_us < EVENTS_LINGER_US);
    (void)pthread_mutex_unlock(&v->lock);
    return wanted;
}

const char *events_home(const struct events *v)
{
    return v->home;
}

int events_stop_fd(const struct events *v)
{
    return v->stop_fd;
}

/* ---- streams ---- */

struct stream {
    struct call *c;
    struct events *v;
    struct events_thread *thread;
    int topics[STREAM_TOPICS];
    size_t topics_len;
    uint64_t series, at; /* the next event for it */
};

/* "dag:DAG", "run:DAG/RUN": the DAG's id ends at the first slash. */
static int subscribe_one(struct stream *s, char *text, struct err *e)
{
    char *run = NULL;
    int i;

    if (strncmp(text, "run:", 4) == 0) {
        run = strchr(text + 4, '/');
        if (run != NULL) {
            *run++ = '\0';
        }
    }
    if ((strncmp(text, "dag:", 4) != 0 && run == NULL) || text[4] == '\0' ||
        (run != NULL && *run == '\0')) {
        return call_invalid(s->c, e, "a topic is dag:DAG or run:DAG/RUN, not '%.100s'", text);
    }
    if (s->topics_len == STREAM_TOPICS) {
        return call_invalid(s->c, e, "a stream has at most %d topics", STREAM_TOPICS);
    }
    i = topic_take(s->v, text + 4, run);
    if (i < 0) {
        return err_set(e, i == -ERR_LIMIT ? ERR_BUSY : ERR_NOMEM,
                       "too much is being watched at once: try again later");
    }
    s->topics[s->topics_len++] = i;
    return 0;
}

/* Repeated, or with commas. Under the lock. */
static int subscribe_all(struct stream *s, struct err *e)
{
    const char *arg;
    size_t at = 0;
    int rc = 0;

    while (rc == 0 && (arg = call_query_next(s->c, "topics", &at)) != NULL) {
        for (const char *p = arg; rc == 0 && *p != '\0';) {
            size_t n = strcspn(p, ",");
            char *one = arena_strndup(&s->c->arena, p, n);

            if (one == NULL) {
                rc = err_set(e, ERR_NOMEM, "out of memory for a stream");
            } else if (*one != '\0') {
                rc = subscribe_one(s, one, e);
            }
            p += n + (p[n] == ',');
        }
    }
    return rc;
}

/* Where it goes on: behind what its client has seen; else from now on. */
static void find_place(struct stream *s)
{
    const char *id = call_header(s->c, "Last-Event-ID");
    unsigned long long series = 0, n = 0;

    id = id != NULL ? id : call_query(s->c, "last_event_id");
    s->series = s->v->series;
    s->at = s->v->shown;
    if (id != NULL && sscanf(id, "%16llx-%llu", &series, &n) == 2) {
        s->series = series;
        s->at = n + 1;
    }
}

static int stream_open(struct stream *s, struct err *e)
{
    struct events *v = s->v;
    int rc = 0;

    (void)pthread_mutex_lock(&v->lock);
    if (v->streams >= STREAMS_MAX) {
        rc = err_set(e, ERR_BUSY, "too many streams of events are open");
    }
    rc = rc == 0 ? subscribe_all(s, e) : rc;
    if (rc == 0) {
        v->streams++;
        find_place(s);
    }
    for (size_t i = 0; rc != 0 && i < s->topics_len; i++) {
        if (--v->topics[s->topics[i]].refs == 0) {
            topic_fini(&v->topics[s->topics[i]]);
        }
    }
    (void)pthread_mutex_unlock(&v->lock);
    return rc;
}

static void stream_close(struct stream *s)
{
    struct events *v = s->v;

    (void)pthread_mutex_lock(&v->lock);
    for (size_t i = 0; i < s->topics_len; i++) {
        if (--v->topics[s->topics[i]].refs == 0) {
            topic_fini(&v->topics[s->topics[i]]);
        }
    }
    v->streams--;
    v->left_us = loop_now_us(s->c->thread->loop);
    (void)pthread_mutex_unlock(&v->lock);
}

/* Under the lock. */
static bool is_for(const struct stream *s, const struct event *ev)
{
    if (ev->dag_id == NULL) {
        return true;
    }
    for (size_t i = 0; i < s->topics_len; i++) {
        const struct topic *t = &s->v->topics[s->topics[i]];

        if (strcmp(t->dag_id, ev->dag_id) == 0 &&
            (t->run_id == NULL || (ev->run_id != NULL && strcmp(t->run_id, ev->run_id) == 0))) {
            return true;
        }
    }
    return false;
}

static void put_event(const struct stream *s, const char *type, const char *data, uint64_t n,
                      struct buf *out)
{
    (void)buf_printf(out, "event: %s\nid: %016llx-%llu\ndata: %s\n\n", type,
                     (unsigned long long)s->series, (unsigned long long)n, data);
}

/* What is new for it, up to a piece. */
static int collect(struct stream *s, struct buf *out)
{
    struct events *v = s->v;

    (void)pthread_mutex_lock(&v->lock);
    if (s->series != v->series || s->at > v->shown || s->at + EVENTS_RING < v->next) {
        s->series = v->series;
        s->at = v->shown;
        put_event(s, "refresh", "{\"topic\":\"all\"}", s->at - 1, out);
    }
    for (; s->at < v->shown && out->len < PIECE_MAX; s->at++) {
        const struct event *ev = &v->ring[s->at % EVENTS_RING];

        if (ev->n == s->at && is_for(s, ev)) {
            put_event(s, ev->type, ev->data, ev->n, out);
        }
    }
    (void)pthread_mutex_unlock(&v->lock);
    return buf_status(out);
}

/* The first of all streams waits for the watcher's first look: what changed before it would be told to nobody. SUSPENDS. */
static int wait_for_watcher(struct stream *s)
{
    int64_t until = loop_now_us(s->c->thread->loop) + PRIME_US;
    bool primed = false;
    int rc = 0;

    while (rc == 0 && !primed && !s->thread->stopping && loop_now_us(s->c->thread->loop) < until) {
        (void)pthread_mutex_lock(&s->v->lock);
        primed = s->v->primed;
        (void)pthread_mutex_unlock(&s->v->lock);
        rc = primed ? 0 : co_sleep(PRIME_POLL_US);
    }
    return rc;
}

static int send_piece(struct stream *s, const struct buf *b)
{
    struct co_deadline d;
    int rc;

    co_deadline_begin(&d, SLOW_US);
    rc = call_write(s->c, buf_cstr(b), b->len);
    co_deadline_end(&d);
    return rc;
}

static int wait_for_more(struct stream *s, bool *ret_quiet)
{
    struct co_deadline d;
    int rc;

    co_deadline_begin(&d, HEARTBEAT_US);
    rc = co_cond_wait(&s->thread->cond);
    co_deadline_end(&d);
    *ret_quiet = rc == -ERR_TIMEOUT;
    return *ret_quiet ? 0 : rc;
}

static int stream_run(struct stream *s)
{
    struct buf b BUF_CLEANUP;
    bool quiet = false;
    int rc = 0;

    buf_init(&b, MiB(4));
    /* Where it stands: a client that comes again can name it although it was told nothing yet. */
    put_event(s, "ready", "{}", s->at - 1, &b);
    while (rc == 0 && !s->thread->stopping && !s->c->gone) {
        rc = collect(s, &b);
        if (rc == 0 && b.len == 0 && quiet) {
            (void)buf_str(&b, ":\n\n");
        }
        quiet = false;
        if (rc == 0 && b.len != 0) {
            rc = send_piece(s, &b);
            buf_clear(&b);
        } else if (rc == 0) {
            rc = wait_for_more(s, &quiet);
        }
    }
    return rc;
}

int ui_events(struct call *c, struct err *e)
{
    struct stream s = {.c = c, .thread = &c->thread->events, .v = c->thread->server->events};
    int rc = stream_open(&s, e);

    if (rc != 0) {
        return rc;
    }
    (void)call_set_header(c, "Cache-Control", "no-store");
    (void)call_set_header(c, "X-Accel-Buffering", "no"); /* nginx would hold it back */
    rc = wait_for_watcher(&s);
    rc = rc == 0 ? call_stream(c, "text/event-stream") : rc;
    rc = rc == 0 ? stream_run(&s) : rc;
    stream_close(&s);
    return rc;
}

/* ---- server threads ---- */

static int pump(void *arg)
{
    struct events_thread *t = arg;
    int rc = 0;

    while (rc == 0) {
        uint64_t n;

        rc = co_wait_fd(t->fd, LOOP_READ, NULL);
        (void)!read(t->fd, &n, sizeof n);
        co_cond_broadcast(&t->cond);
    }
    return rc;
}

int events_join(struct events *v, struct events_thread *t, struct loop *l, struct err *e)
{
    int rc;

    *t = (struct events_thread){.events = v, .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    if (t->fd < 0) {
        return err_errno(e, errno, "eventfd");
    }
    co_cond_init(&t->cond);
    co_group_init(&t->group, l);
    rc = co_spawn(&t->group, "events", pump, t, NULL, e);
    if (rc != 0) {
        (void)close(t->fd);
        return rc;
    }
    (void)pthread_mutex_lock(&v->lock);
    t->next = v->threads;
    v->threads = t;
    (void)pthread_mutex_unlock(&v->lock);
    return 0;
}

void events_leave(struct events_thread *t)
{
    struct events *v = t->events;

    (void)pthread_mutex_lock(&v->lock);
    for (struct events_thread **p = &v->threads; *p != NULL; p = &(*p)->next) {
        if (*p == t) {
            *p = t->next;
            break;
        }
    }
    (void)pthread_mutex_unlock(&v->lock);
    t->stopping = true;
    co_cond_broadcast(&t->cond);
    co_group_close(&t->group);
    (void)close(t->fd);
}

/* ---- birth and end ---- */

int events_new(const char *home, struct events **ret, struct err *e)
{
    struct events *v = mem_zalloc(sizeof *v);

    if (v == NULL || (v->home = mem_strdup(home)) == NULL) {
        mem_free(v);
        return err_set(e, ERR_NOMEM, "out of memory for events");
    }
    v->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (v->stop_fd < 0) {
        mem_free(v->home);
        mem_free(v);
        return err_errno(e, errno, "eventfd");
    }
    (void)pthread_mutex_init(&v->lock, NULL);
    begin_series(v);
    *ret = v;
    return 0;
}

static void *watcher_main(void *arg)
{
    struct loop_config lc = {0};
    struct err e = {0};
    struct loop *l;
    int rc = loop_uv_new(&lc, &l, &e);

    if (rc == 0) {
        rc = loop_main(l, events_watch, arg, &e);
        loop_free(l);
    }
    if (rc != 0 && rc != -ERR_CANCELED) {
        log_error("events", "browsers are told nothing more: %s", err_str(&e));
    }
    return NULL;
}

int events_start(struct events *v, struct err *e)
{
    int errnum = pthread_create(&v->thread, NULL, watcher_main, v);

    v->started = errnum == 0;
    return errnum == 0 ? 0 : err_errno(e, errnum, "cannot start a thread");
}

void events_free(struct events *v)
{
    uint64_t one = 1;

    if (v == NULL) {
        return;
    }
    if (v->started) {
        (void)!write(v->stop_fd, &one, sizeof one);
        (void)pthread_join(v->thread, NULL);
    }
    (void)close(v->stop_fd);
    for (size_t i = 0; i < EVENTS_RING; i++) {
        event_fini(&v->ring[i]);
    }
    for (size_t i = 0; i < EVENTS_TOPICS; i++) {
        topic_fini(&v->topics[i]);
    }
    (void)pthread_mutex_destroy(&v->lock);
    mem_free(v->home);
    mem_free(v);
}
