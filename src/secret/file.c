#include "secret/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"

static int check(int fd, const char *path, unsigned flags, struct err *e)
{
    struct stat st;

    if (fstat(fd, &st) != 0) {
        return err_errno(e, errno, "%s", path);
    }
    if (!S_ISREG(st.st_mode)) {
        return err_set(e, ERR_INVALID, "%s is not a file", path);
    }
    if ((flags & SECRET_FILE_PUBLIC) != 0) {
        return 0;
    }
    if ((flags & SECRET_FILE_OWNER) != 0 && (st.st_mode & 077) != 0) {
        return err_set(e, ERR_PERM, "%s: others may read it; `chmod 600` it", path);
    }
    return (st.st_mode & 07) == 0
               ? 0
               : err_set(e, ERR_PERM, "%s: everybody may read it; `chmod o-rwx` it", path);
}

static int read_all(int fd, const char *path, char *buf, size_t cap, struct err *e)
{
    size_t len = 0;
    ssize_t n;

    while (len < cap && (n = read(fd, buf + len, cap - len)) != 0) {
        if (n < 0 && errno != EINTR) {
            return err_errno(e, errno, "%s", path);
        }
        len += n > 0 ? (size_t)n : 0;
    }
    if (len == cap) {
        return err_set(e, ERR_LIMIT, "%s: more than %zu bytes", path, cap - 1);
    }
    buf[len] = '\0';
    return 0;
}

int secret_file_read(const char *path, unsigned flags, char *buf, size_t cap, struct err *e)
{
    int link = (flags & SECRET_FILE_NO_LINK) != 0 ? O_NOFOLLOW : 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | link); /* a pipe would hold it up */
    int rc;

    buf[0] = '\0';
    if (fd < 0) {
        return err_errno(e, errno, "%s", path);
    }
    rc = check(fd, path, flags, e);
    rc = rc == 0 ? read_all(fd, path, buf, cap, e) : rc;
    (void)close(fd);
    if (rc != 0) {
        sodium_memzero(buf, cap);
    } else if ((flags & SECRET_FILE_LINE) != 0) {
        size_t n = strcspn(buf, "\r\n");

        sodium_memzero(buf + n, cap - n);
    }
    return rc;
}
