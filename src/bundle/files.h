/*
 * The DAG files of a folder as they were read last: what each holds, and what is wrong with it. Files are known by their path below the
 * folder, so that a folder may be another one the next time (the tree of another commit).
 */
#ifndef TW_BUNDLE_FILES_H
#define TW_BUNDLE_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dag;
struct err;
struct load_env;

struct bundle_file {
    char *path;        /* absolute */
    const char *name;  /* below the folder, in path */
    struct dag **dags; /* of the last time that the file could be read */
    size_t dags_len;
    char *error;      /* findings, one a line, or NULL */
    size_t errors;    /* how many */
    bool parsed;      /* read by the last look, not known before */
    bool settings;    /* its import looked up variables or connections */
    char **elsewhere; /* what its import used outside of the folder, as watch_files takes it */
    size_t elsewhere_len;
    char *told; /* of whoever uses this: a text of its own (mem_free'd with the file), or NULL */
    bool met;   /* of whoever uses this, too */
    uint64_t heard; /* likewise: the round in which its errors were told last */
    /* Private. */
    uint32_t hash; /* of the line that the scanner gave, or of a plain file's times */
    size_t line_len;
    uint64_t round; /* when it was last seen */
};

struct bundle_files {
    struct bundle_file **list; /* by path, after a look */
    size_t len;
    size_t cap;
    uint64_t round;
    bool whole; /* the last look saw all files */
};

struct bundle_look {
    const char *folder, *name; /* name: of the bundle */
    const char *version;       /* commit, or NULL: set in its DAGs */
    const struct load_env *env;
    int64_t memory_bytes;
    /* SUSPENDS. Before files change, and before they are gone. */
    int (*before)(void *arg);
    /* SUSPENDS. Some files are known, others take longer: called now and then, with what is known (`whole` is false). NULL: never. */
    int (*so_far)(void *arg);
    void (*gone)(void *arg, const struct bundle_file *f); /* a file is no more; it is freed then */
    void *arg;
};

/* SUSPENDS. One look. What is wrong with a file is its own; an error here says that the folder could not be read. */
int bundle_files_look(struct bundle_files *f, const struct bundle_look *l, struct err *e);
void bundle_files_free(struct bundle_files *f);

#endif
