/* The server's own declarations. */
#ifndef TW_SERVER_SERVER_PRIV_H
#define TW_SERVER_SERVER_PRIV_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "access/limiter.h"
#include "base/err.h"
#include "base/prng.h"
#include "server/call.h"
#include "server/dag_cache.h"
#include "server/events.h"
#include "server/identity.h"
#include "server/oidc.h"
#include "server/router.h"
#include "server/server.h"
#include "server/tls.h"

struct dag;
struct httpd;
struct loop;
struct pool;
struct run_row;
struct store;
struct webhooks;

#define SERVER_VERSIONS_KEPT 256
#define HTTP_BUCKETS         10

/* What a thread counts; others read it. */
struct server_counts {
    atomic_ullong by_class[6]; /* requests by their status / 100 */
    atomic_ullong seconds[HTTP_BUCKETS + 1];
    atomic_ullong us_sum;
    atomic_uint connections;
};

struct server_thread {
    struct server *server;
    pthread_t thread;
    bool started;
    struct loop *loop;
    struct httpd *httpd;
    int listen_fd, stop_fd;
    struct prng ids;
    /* Opened when it is first needed, and again when the file is another one. */
    struct store *store;
    dev_t store_dev;
    ino_t store_ino;
    struct dag_cache dags;
    /* What is known of versions beside their DAGs. */
    struct version_kept {
        int64_t version_key;
        struct version_facts {
            int64_t number, created_us;
            const char *bundle, *bundle_version; /* or NULL */
        } facts;
        char *texts[2]; /* owned: of facts */
    } versions[SERVER_VERSIONS_KEPT];
    struct server_counts counts;
    struct identities *known;
    struct http_client *http; /* of oidc_provider.c; made when it is first needed */
    struct pool *pool;        /* of what blocks: passwords, and changes where no engine lives */
    unsigned passwords;       /* that wait for it */
    struct events_thread events;
    int rc;
    struct err e;
};

struct server {
    struct server_config config;
    char token[80];
    struct webhooks *hooks;
    struct httpd_tls tls;
    struct oidc *oidc; /* NULL: none is configured */
    pthread_mutex_t limiter_lock;
    struct limiter *limiter;
    sem_t hashing; /* passwords that are hashed at once, by all threads */
    struct events *events;
    struct graph_cache *graphs; /* ui_graph.c */
    struct server_thread *threads;
    int port;
    pthread_mutex_t stats_lock;
    char *stats; /* of the scheduler, as JSON; owned; NULL: not asked yet, or it did not answer */
    int64_t stats_us; /* when it was asked for */
    /* installed.c: what Python has; owned; NULL: it was not asked yet */
    pthread_mutex_t installed_lock;
    char *installed;
    int64_t installed_us; /* when it was asked */
    bool installed_asked; /* a thread is asking */
    int failed_fd;        /* a thread has ended by itself */
};

/* Upper bounds of the buckets of answer times, in microseconds. */
extern const int64_t http_bucket_us[HTTP_BUCKETS];

/* threads.c */
int server_thread_start(struct server_thread *t, struct err *e);
/* The store of the call's thread. -ERR_BUSY: there is none yet. */
int server_store(struct call *c, struct store **ret, struct err *e);
/* A version's DAG, kept for the next calls; borrowed until the call's next suspension. */
int server_dag(struct call *c, int64_t version_key, const struct dag **ret, struct err *e);

/* What is known of a version beside its DAG; in the call's arena. */
int server_version(struct call *c, int64_t version_key, struct version_facts *ret, struct err *e);

/* access.c: who asks. Sets actor and role; false: refused, the answer is written. */
/* access.c: SUSPENDS. Who asks: sets actor, role and who; may he do this? false: refused, the answer is written. */
bool access_check(struct call *c);
/* The request comes from a page of ours, or from no browser: for what signs in. false: refused, the answer is written. */
bool access_same_origin(struct call *c);
/* May who asks see, or change, this DAG? For what lists DAGs, and what belongs to them. */
bool access_sees(const struct call *c, const struct dag *d);
bool access_sees_all(const struct call *c); /* every DAG */
bool access_may_change(const struct call *c, const struct dag *d);
#define ACCESS_COOKIE "tradewind_session"
int access_token(const char *home, char *buf, size_t cap, bool *ret_made, struct err *e);
bool access_is_local(struct call *c);
/* The value of a cookie, or NULL. */
const char *access_cookie(struct call *c, const char *name);

/* commands.c: SUSPENDS. To the engine of the home; *ret: its result, in the call's arena, or NULL. -ERR_CLOSED: none lives. */
int server_ask(struct call *c, const char *type, const struct buf *members, struct value **ret,
               struct err *e);
/* What the scheduler counts of itself; at most half a second old. */
int server_stats(struct call *c, const struct value **ret, struct err *e);
/* Which files could not be read whole, as far as the scheduler tells: asked first (SUSPENDS), then looked up. */
void server_know_import_errors(struct call *c);
bool server_has_import_error(const struct call *c, const char *file);
/* A DAG's file, and one by its path below its bundle: the same? */
bool server_is_file(const char *file, const char *below);
/* The same for what changes something: an engine that takes longer than 5 s for all commands of the call leaves it answered with 202 (*ret_later,
 * of each from then on). */
int server_command(struct call *c, const char *type, const struct buf *members, struct value **ret,
                   bool *ret_later, struct err *e);

/* ui_graph.c: pictures that were made, for all threads */
int ui_graphs_new(struct graph_cache **ret, struct err *e);
void ui_graphs_free(struct graph_cache *g);

/* change.c: SUSPENDS. A change of users, sessions or tokens (engine/accounts.h): by the engine, or where none lives by this process.
 * members: of the request, with op, without braces. pool NULL: never by this process. *ret: the answer, in the arena. */
int server_write(const char *home, struct pool *pool, const char *members, struct arena *a,
                 struct value **ret, struct err *e);
int server_change(struct call *c, const struct buf *members, struct value **ret, struct err *e);

/* first.c: SUSPENDS. A home without users gets `admin`, with a password that is told once. */
int first_admin(struct server *s, struct err *e);
#define FIRST_PASSWORD_FILE "admin.password" /* in the home, mode 0600 */
void first_password_file_drop(const char *home);

/* installed.c: SUSPENDS. What the Python of DAG files and tasks has of plugins and providers: an object of lists, at most some minutes old. -ERR_BUSY:
 * it cannot tell. */
int server_installed(struct call *c, const struct value **ret, struct err *e);

/* webhooks.c */
int webhooks_new(const struct server_config *c, struct webhooks **ret, struct err *e);
void webhooks_free(struct webhooks *h);

#endif
