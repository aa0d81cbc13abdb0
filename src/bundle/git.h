/*
 * A repository that DAG files come from, through the git program: a bare copy of it below the home, and the tree of each commit that is in
 * use as a folder of its own.
 *
 *   HOME/bundles/NAME/repo.git          bare, shallow; refs/tradewind/head: the last commit that was fetched; refs/tradewind/keep/COMMIT: each
 *                                       commit that has a tree
 *   HOME/bundles/NAME/trees/COMMIT/     its files; made under another name, renamed when whole
 *
 * Killed at any time: what has its name is whole, the rest is removed by the next git_open.
 *
 * No shell is used, no credentials stand in a command line: a password goes to git in its environment, a key into a file (0600) for as long
 * as the fetch takes. Nothing asks a terminal. Repositories may not name programs to be run (protocol ext::).
 */
#ifndef TW_BUNDLE_GIT_H
#define TW_BUNDLE_GIT_H

#include <stdbool.h>
#include <stddef.h>

struct err;
struct git;

#define GIT_COMMIT_MAX 65 /* hex and a NUL; SHA-1 or SHA-256 */

struct git_config { /* copied */
    const char *home, *name;
    const char *url; /* without user and password */
    const char *ref; /* branch, tag or commit; NULL: the branch that the remote has as its HEAD */
    const char *subdir; /* the folder of DAG files in it, "" for all */
};

/* For one fetch; each may be NULL. */
struct git_access {
    const char *user, *password; /* http and https */
    const char *key;             /* a private key, its text; or */
    const char *key_file;        /* the file of one */
    const char *known_hosts;     /* file; NULL: the user's own */
    bool any_host;               /* a host that is not known is believed */
    int port;                    /* of ssh; 0: the default */
};

/* -ERR_INVALID: what cannot be a URL, a ref, a folder. Makes folders; removes what a killed process left. Blocks for a short while. */
int git_open(const struct git_config *c, struct git **ret, struct err *e);
void git_close(struct git *g);

/* SUSPENDS. The commit that the ref names at the remote, fetched; -ERR_FAILED with git's words, -ERR_TIMEOUT, -ERR_LIMIT: too large. The
 * commit from before stays in any case. */
int git_fetch(struct git *g, const struct git_access *access, char *ret_commit, struct err *e);
/* SUSPENDS. The last commit that was fetched, perhaps by another process. -ERR_NOTFOUND: none yet. */
int git_head(struct git *g, char *ret_commit, struct err *e);
/* SUSPENDS. Its tree is there, whole; *ret_folder: where its DAG files are (subdir). -ERR_UNSUPPORTED: it has submodules there; -ERR_NOTFOUND:
 * it has no such folder; -ERR_LIMIT: too many files, or too large. */
int git_checkout(struct git *g, const char *commit, char *ret_folder, size_t cap, struct err *e);
/* SUSPENDS. Removes the trees of all commits but these. *ret: how many were removed. */
int git_prune(struct git *g, const char *const *keep, size_t n, size_t *ret, struct err *e);
/* SUSPENDS. The folder that has the trees: a commit's is named by it. Borrowed. */
const char *git_trees(const struct git *g);

/* The URL without what stands before "@" in its host; user and password, decoded, if it has them. Into buffers of that size. */
int git_split_url(const char *url, char *plain, char *user, char *password, size_t cap,
                  struct err *e);

#endif
