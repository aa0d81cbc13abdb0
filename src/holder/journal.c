#include "holder/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/wire.h"

#define CRC_DIGITS 8
#define PREFIX     (CRC_DIGITS + 1)

int journal_begin(struct buf *line, size_t *ret_mark)
{
    *ret_mark = line->len;
    return buf_str(line, "00000000 ");
}

int journal_end(struct buf *line, size_t mark)
{
    char digits[CRC_DIGITS + 1];
    int rc = buf_char(line, '\n');

    if (rc != 0) {
        line->len = mark;
        line->status = 0;
        return rc;
    }
    (void)snprintf(digits, sizeof digits, "%08x",
                   crc32_bytes(line->p + mark + PREFIX, line->len - mark - PREFIX - 1));
    memcpy(line->p + mark, digits, CRC_DIGITS);
    return 0;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return -1;
}

static bool line_valid(const char *line, size_t n)
{
    uint32_t crc = 0;

    if (n <= PREFIX || line[CRC_DIGITS] != ' ') {
        return false;
    }
    for (int i = 0; i < CRC_DIGITS; i++) {
        int digit = hex_digit(line[i]);

        if (digit < 0) {
            return false;
        }
        crc = crc << 4 | (uint32_t)digit;
    }
    return crc == crc32_bytes(line + PREFIX, n - PREFIX);
}

bool journal_next(const char *text, size_t n, size_t *pos, const char **ret_json, size_t *ret_len,
                  size_t *ret_damaged)
{
    while (*pos < n) {
        const char *line = text + *pos;
        const char *end = memchr(line, '\n', n - *pos);
        size_t len;

        if (end == NULL) { /* cut in the middle of a write: never a record */
            *pos = n;
            if (ret_damaged != NULL) {
                (*ret_damaged)++;
            }
            return false;
        }
        len = (size_t)(end - line);
        *pos += len + 1;
        if (line_valid(line, len)) {
            *ret_json = line + PREFIX;
            *ret_len = len - PREFIX;
            return true;
        }
        if (ret_damaged != NULL) {
            (*ret_damaged)++;
        }
    }
    return false;
}

/* Whether the name still leads to the open file. */
static bool same_file(int dir_fd, const char *name, int fd)
{
    struct stat a, b;

    return fstat(fd, &a) == 0 && fstatat(dir_fd, name, &b, AT_SYMLINK_NOFOLLOW) == 0 &&
           a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

int journal_lock(int dir_fd, const char *name, bool create, int *ret_fd, struct err *e)
{
    /* The holder may replace the file between our open and our lock: then the lock is on a file
     * without a name, and we look again. A few times are enough: a holder that goes on replacing is
     * alive. */
    for (int i = 0; i < 10; i++) {
        int flags = O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | (create ? O_CREAT : 0);
        int fd = openat(dir_fd, name, flags, 0600);

        if (fd < 0) {
            return err_errno(e, errno, "cannot open the journal %s", name);
        }
        if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
            int errnum = errno;

            (void)close(fd);
            if (errnum == EWOULDBLOCK) {
                return err_set(e, ERR_BUSY, "the journal %s is locked: its holder lives", name);
            }
            return err_errno(e, errnum, "cannot lock the journal %s", name);
        }
        if (same_file(dir_fd, name, fd)) {
            *ret_fd = fd;
            return 0;
        }
        (void)close(fd);
    }
    return err_set(e, ERR_BUSY, "the journal %s is being replaced: its holder lives", name);
}

int journal_append(struct journal *j, const void *line, size_t n, struct err *e)
{
    ssize_t done;

    do {
        done = write(j->fd, line, n);
    } while (done < 0 && errno == EINTR);
    if (done == (ssize_t)n) {
        j->size += (long long)n;
        return 0;
    }
    if (done < 0) {
        return err_errno(e, errno, "cannot write the journal");
    }
    /* A part of a line would spoil the next one too. */
    (void)!ftruncate(j->fd, (off_t)j->size);
    return err_set(e, ERR_FULL, "the journal took only %zd of %zu bytes", done, n);
}

int journal_cut(struct journal *j, struct err *e)
{
    if (j->size == 0) {
        return 0;
    }
    if (ftruncate(j->fd, 0) != 0) {
        return err_errno(e, errno, "cannot cut the journal");
    }
    j->size = 0;
    return 0;
}

int journal_replace(struct journal *j, int dir_fd, const char *name, const void *lines, size_t n,
                    struct err *e)
{
    char fresh_name[128];
    struct journal fresh = {0};
    int rc;

    (void)snprintf(fresh_name, sizeof fresh_name, "%s.new", name);
    fresh.fd = openat(dir_fd, fresh_name,
                      O_RDWR | O_APPEND | O_CLOEXEC | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600);
    if (fresh.fd < 0) {
        return err_errno(e, errno, "cannot make %s", fresh_name);
    }
    rc = n == 0 ? 0 : journal_append(&fresh, lines, n, e);
    if (rc == 0 && flock(fresh.fd, LOCK_EX | LOCK_NB) != 0) {
        rc = err_errno(e, errno, "cannot lock %s", fresh_name);
    }
    if (rc == 0 && renameat(dir_fd, fresh_name, dir_fd, name) != 0) {
        rc = err_errno(e, errno, "cannot rename %s", fresh_name);
    }
    if (rc != 0) {
        (void)unlinkat(dir_fd, fresh_name, 0);
        (void)close(fresh.fd);
        return rc;
    }
    (void)close(j->fd);
    *j = fresh;
    return 0;
}
