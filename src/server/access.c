/*
 * Who asks. As yet one token, made when the server first starts: who has it may do everything. Routes of ROLE_NONE answer anybody;
 * those of ROUTE_LOCAL a client on this machine, unless a proxy has forwarded it.
 */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "server/httpd_module.h"
#include "server/server_priv.h"

#define TOKEN_PREFIX "tw_"
#define TOKEN_RANDOM 32

/* ---- the token's file ---- */

static int read_token(const char *path, char *buf, size_t cap, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    struct stat st;
    ssize_t n;

    if (fd < 0) {
        return err_errno(e, errno, "%s", path);
    }
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || (st.st_mode & 077) != 0) {
        (void)close(fd);
        return err_set(e, ERR_PERM, "%s: others may read it; `chmod 600` it, or remove it", path);
    }
    n = read(fd, buf, cap - 1);
    (void)close(fd);
    buf[n > 0 ? n : 0] = '\0';
    buf[strcspn(buf, "\r\n")] = '\0';
    return strlen(buf) >= 32 ? 0
                             : err_set(e, ERR_INVALID,
                                       "%s: a token has at least 32 characters; remove the file, "
                                       "and a new one is made",
                                       path);
}

/* Under another name first: nobody reads half a token. */
static int make_token(const char *home, const char *path, struct err *e)
{
    unsigned char random[TOKEN_RANDOM];
    char hex[2 * TOKEN_RANDOM + 1], text[sizeof hex + 8], tmp[4200];
    int fd, n, rc = 0;

    randombytes_buf(random, sizeof random);
    (void)sodium_bin2hex(hex, sizeof hex, random, sizeof random);
    n = snprintf(text, sizeof text, TOKEN_PREFIX "%s\n", hex);
    (void)snprintf(tmp, sizeof tmp, "%s/.%s.%d", home, SERVER_TOKEN_FILE, (int)getpid());
    (void)unlink(tmp);
    fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return err_errno(e, errno, "%s", tmp);
    }
    if (write(fd, text, (size_t)n) != n || fsync(fd) != 0 || rename(tmp, path) != 0) {
        rc = err_errno(e, errno, "%s", path);
        (void)unlink(tmp);
    }
    (void)close(fd);
    sodium_memzero(text, sizeof text);
    return rc;
}

int access_token(const char *home, char *buf, size_t cap, bool *ret_made, struct err *e)
{
    char path[4200];
    int rc = 0;

    (void)snprintf(path, sizeof path, "%s/%s", home, SERVER_TOKEN_FILE);
    *ret_made = access(path, F_OK) != 0;
    if (*ret_made) {
        rc = make_token(home, path, e);
    }
    return rc == 0 ? read_token(path, buf, cap, e) : rc;
}

/* ---- calls ---- */

bool access_is_local(struct call *c)
{
    const char *p = c->rq->peer;
    bool loopback =
        strncmp(p, "127.", 4) == 0 || strcmp(p, "::1") == 0 || strncmp(p, "::ffff:127.", 11) == 0;

    return loopback && call_header(c, "X-Forwarded-For") == NULL &&
           call_header(c, "Forwarded") == NULL;
}

/* In time that does not depend on where they differ. */
static bool same_token(const char *given, const char *token)
{
    unsigned char a[crypto_generichash_BYTES], b[crypto_generichash_BYTES];

    (void)crypto_generichash(a, sizeof a, (const unsigned char *)given, strlen(given), NULL, 0);
    (void)crypto_generichash(b, sizeof b, (const unsigned char *)token, strlen(token), NULL, 0);
    return sodium_memcmp(a, b, sizeof a) == 0;
}

static void refuse(struct call *c, const char *why)
{
    (void)call_set_header(c, "WWW-Authenticate", "Bearer");
    call_fail(c, 401, "%s", why);
}

bool access_check(struct call *c)
{
    const char *given = call_header(c, "Authorization");

    if (given != NULL && strncasecmp(given, "Bearer ", 7) == 0) {
        if (!same_token(given + 7 + strspn(given + 7, " "), c->thread->server->token)) {
            refuse(c, "Invalid token");
            return false;
        }
        c->actor = "token";
        c->role = ROLE_ADMIN;
    }
    if (c->role >= c->route->role || (c->route->flags & ROUTE_SIGNED) != 0 ||
        ((c->route->flags & ROUTE_LOCAL) != 0 && access_is_local(c))) {
        return true;
    }
    refuse(c, "Not authenticated");
    return false;
}
