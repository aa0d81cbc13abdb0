/* Private to the bundles: a bundle, and what the engine has been told. */
#ifndef TW_BUNDLE_PRIV_H
#define TW_BUNDLE_PRIV_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/map.h"
#include "bundle/bundles.h"
#include "bundle/files.h"
#include "bundle/git.h"
#include "bundle/list.h"
#include "bundle/load.h"
#include "runtime/loop.h"

struct watch;

struct source {
    struct bundles *b;
    const struct bundle_spec *spec;
    struct bundle_files files;
    struct watch *watch; /* of a folder, and of what files used elsewhere */
    struct git *git;     /* of a repository */
    char folder[4096];   /* that is looked at; of a repository the tree of `commit` */
    char commit[GIT_COMMIT_MAX];
    bool looked; /* once, whole */
    bool fetching, wants_fetch;
    uint64_t looks, fetches;             /* that have ended */
    int64_t fetched_us, failed_since_us; /* wall clock; 0: not yet, it does not fail */
    char failure[1024];                  /* of the last fetch or look, or "" */
};

/* A DAG that the engine knows, or knew. */
struct told {
    char *dag_id, *file, *bundle;
    char *name;    /* of the file, below its bundle's folder; as the store has it */
    char *refusal; /* why the engine does not take it, or NULL */
    char hash[65];
    int64_t dag_key;
    uint64_t pass;               /* the last one that had it */
    const struct source *source; /* whose it is in that pass */
    const struct bundle_file *first;
    uint32_t row_hash; /* of its row of parsed DAGs as the store has it; 0: not known */
    int64_t parsed_us;
    bool active;
};

/* An error that the store has from before this process. */
struct before {
    const char *bundle, *file, *text;
    bool used; /* its file was met, or is gone */
};

struct news {
    struct source *source;
    struct bundle_file *file;
    struct told *told;
    struct dag *dag;
};

struct bundles {
    struct bundles_config config;
    struct load_env env;
    struct source *list;
    size_t len;
    uint64_t pass, last_pass;
    struct told **told;
    size_t told_len, told_cap;
    struct map by_id;  /* -> told; those of gone DAGs stay, and come back */
    struct news *news; /* of the pass */
    size_t news_len, news_cap, next;
    struct import_error_row
        *gone; /* errors of files that are no more: to be taken out of the store */
    size_t gone_len, gone_cap;
    struct arena texts; /* of gone, and of a pass's rows */
    struct arena old_texts;
    struct map before; /* "BUNDLE\nFILE" -> struct before */
    int rc;            /* what stopped those that tell */
    bool busy;         /* a pass is under way */
    bool ready;
    struct buf heard; /* hear.c: errors that listeners are to be told of, as JSON */
    bool telling;
    struct co_cond idle, fetched; /* fetched: some source has looked or fetched */
    struct co_group group;
    struct bundles_report report;
    struct err *e;
};

/* SUSPENDS until no pass is under way: before files change. */
int bundles_wait_idle(struct bundles *b);
/* register.c: SUSPENDS. Tells the engine and the store what all files hold. One at a time. whole: of this source nothing is missing. */
int bundles_register(struct bundles *b, struct err *e);
/* A file is gone: its errors leave the store with the next pass. */
void bundles_file_gone(void *source, const struct bundle_file *f);
/* SUSPENDS. What the store has from before: DAGs that were active, errors that were there. */
int bundles_remember(struct bundles *b, struct err *e);

/* hear.c: listeners of the installation. */
struct heard_error {
    const char *path, *name, *text; /* name: below its bundle's folder */
    bool is_new;                    /* the file had none before */
};
void bundles_hear_init(struct bundles *b);
void bundles_hear_free(struct bundles *b);
/* Copies them; they are told in the background. */
void bundles_tell_listeners(struct bundles *b, const struct heard_error *list, size_t n);

/* source.c: the coroutine of a bundle. arg: struct source. */
int bundles_keep_source(void *arg);
/* SUSPENDS. One look. */
int bundles_look(struct source *s, struct err *e);
void bundles_poke_source(struct source *s);

#endif
