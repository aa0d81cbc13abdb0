/* Small files that hold a secret: read whole, by one reader that looks who else may read them. */
#ifndef TW_SECRET_FILE_H
#define TW_SECRET_FILE_H

#include <stddef.h>

struct err;

enum secret_file_flags {
    SECRET_FILE_OWNER = 1,   /* nobody but its owner may read it; without: not everybody */
    SECRET_FILE_PUBLIC = 2,  /* it holds no secret: who reads it does not count */
    SECRET_FILE_NO_LINK = 4, /* it is refused where it is a symbolic link */
    SECRET_FILE_LINE = 8     /* its first line alone, without its end */
};

/*
 * The text with a NUL into buf. Blocks. -ERR_PERM: others may read it; -ERR_LIMIT: cap bytes or more; -ERR_INVALID: it is no file; else why the
 * system refuses it. Each names the file and the remedy, and leaves buf without a trace of it.
 */
int secret_file_read(const char *path, unsigned flags, char *buf, size_t cap, struct err *e);

#endif
