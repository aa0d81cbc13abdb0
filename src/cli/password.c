#include "cli/password.h"

#include <errno.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/err.h"

/* One byte at a time: what stands behind the line is somebody else's. */
static int read_line(char *ret, size_t cap, struct err *e)
{
    size_t n = 0;
    ssize_t got;
    char c;

    while ((got = read(STDIN_FILENO, &c, 1)) != 0) {
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            return err_errno(e, errno, "standard input");
        }
        if (c == '\n') {
            break;
        }
        if (n + 1 == cap || c == '\0') {
            return err_set(e, ERR_INVALID, "the password is too long, or no text");
        }
        ret[n++] = c;
    }
    n -= n > 0 && ret[n - 1] == '\r';
    ret[n] = '\0';
    return 0;
}

static int ask(const char *what, const char *user, char *ret, size_t cap, struct err *e)
{
    struct termios old, quiet;
    bool is_set = tcgetattr(STDIN_FILENO, &old) == 0;
    int rc;

    (void)fprintf(stderr, "%s for %s: ", what, user);
    (void)fflush(stderr);
    quiet = old;
    quiet.c_lflag &= (tcflag_t)~ECHO;
    is_set = is_set && tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) == 0;
    rc = is_set ? read_line(ret, cap, e)
                : err_set(e, ERR_IO, "the terminal cannot be told to show nothing");
    if (is_set) {
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &old);
    }
    (void)fputc('\n', stderr);
    return rc;
}

int cli_password_read(const char *user, char *ret, size_t cap, struct err *e)
{
    char again[2048];
    int rc;

    if (!isatty(STDIN_FILENO)) {
        rc = read_line(ret, cap, e);
        return rc == 0 && ret[0] == '\0'
                   ? err_set(e, ERR_INVALID,
                             "the password is the first line of standard input, which is empty")
                   : rc;
    }
    rc = ask("Password", user, ret, cap, e);
    rc = rc == 0 ? ask("The same again", user, again, sizeof again, e) : rc;
    if (rc == 0 && strcmp(ret, again) != 0) {
        rc = err_set(e, ERR_INVALID, "they differ");
    }
    sodium_memzero(again, sizeof again);
    return rc;
}
