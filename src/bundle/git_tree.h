/* The files of a commit on disk: checked before they are written, made durable, removed. */
#ifndef TW_BUNDLE_GIT_TREE_H
#define TW_BUNDLE_GIT_TREE_H

#include <stddef.h>

struct err;

/* Output of `git ls-tree -r -l -z`: -ERR_UNSUPPORTED for a submodule below subdir, -ERR_LIMIT for too much. */
int git_tree_check(const char *list, size_t n, const char *subdir, const char *commit,
                   struct err *e);

struct git_tree_call {
    const char *from, *to;
    struct err *e;
};
/* For co_offload. seal: makes `from` durable and renames it to `to`. drop: removes `from`. */
int git_tree_seal(void *arg);
int git_tree_drop(void *arg);
/* Ends what a killed process of ours left running in the repository, and takes away the locks that it held. */
void git_tree_unlock(const char *repo);
/* Removes a file, or a folder with all below it; never follows links. */
int git_tree_remove(const char *path);

#endif
