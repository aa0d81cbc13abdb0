/*
 * The first user of a home. There is no default password: one is made, and told once, where the person is who starts it: on the terminal. Where
 * there is none, it is in a file that only the owner of the home may read; the log says where. It must be changed at the first sign-in;
 * then the file goes.
 */
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "access/password.h"
#include "base/limits.h"
#include "base/log.h"
#include "home/home.h"
#include "runtime/loop.h"
#include "server/server_priv.h"
#include "store/store.h"

#define LOOK_US (TIME_SECOND / 5)
#define ALONE_US \
    (10 *        \
     TIME_SECOND) /* a scheduler that begins has so long, before the lock is taken from it for a moment */

/* The terminal of who starts it: standard error, or what the supervisor says its own one is. */
static int terminal(void)
{
    const char *name = getenv("TRADEWIND_TERMINAL");

    if (isatty(STDERR_FILENO)) {
        return dup(STDERR_FILENO);
    }
    return name != NULL && strncmp(name, "/dev/", 5) == 0
               ? open(name, O_WRONLY | O_NOCTTY | O_CLOEXEC | O_NONBLOCK)
               : -1;
}

static int write_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t some = write(fd, p, n);

        if (some < 0 && errno != EINTR) {
            return -1;
        }
        p += some > 0 ? some : 0;
        n -= some > 0 ? (size_t)some : 0;
    }
    return 0;
}

static bool tell_on_terminal(const char *password)
{
    char text[400];
    int fd = terminal();
    int n = snprintf(text, sizeof text,
                     "\r\n  The first user is `admin`. Its password, shown this once:\r\n\r\n"
                     "      %s\r\n\r\n  It must be changed at the first sign-in.\r\n\r\n",
                     password);
    bool told = fd >= 0 && isatty(fd) && write_all(fd, text, (size_t)n) == 0;

    if (fd >= 0) {
        (void)close(fd);
    }
    sodium_memzero(text, sizeof text);
    return told;
}

struct making {
    struct server *server;
    char password[PASSWORD_MADE], hash[PASSWORD_HASH];
    char path[4200], part[4300]; /* of the file; part: until there is such a user */
    struct err *e;
};

static int write_part(struct making *m)
{
    char text[PASSWORD_MADE + 1];
    int fd, n = snprintf(text, sizeof text, "%s\n", m->password), rc = 0;

    (void)unlink(m->part);
    fd = open(m->part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return err_errno(m->e, errno, "%s", m->part);
    }
    if (write_all(fd, text, (size_t)n) != 0 || fsync(fd) != 0) {
        rc = err_errno(m->e, errno, "%s", m->part);
        (void)unlink(m->part);
    }
    (void)close(fd);
    sodium_memzero(text, sizeof text);
    return rc;
}

static int show_file(struct making *m)
{
    if (rename(m->part, m->path) != 0) {
        return err_errno(m->e, errno, "%s", m->path);
    }
    log_info(
        "api",
        "the first user is `admin`; its password, to be changed at the first sign-in, is in %s",
        m->path);
    return 0;
}

void first_password_file_drop(const char *home)
{
    char path[4200];

    (void)snprintf(path, sizeof path, "%s/" FIRST_PASSWORD_FILE, home);
    (void)unlink(path);
}

/* Also without a store: then there is nobody. hash NULL: is there anybody? Else: is it the hash of `admin`? */
static bool has_user(const char *home, const char *hash)
{
    char path[4200];
    struct setting_row *rows;
    struct store *s = NULL;
    struct arena a;
    bool has;
    size_t n = 0;

    (void)snprintf(path, sizeof path, "%s/" STORE_FILE, home);
    if (access(path, F_OK) != 0 || store_sqlite_open(path, STORE_READ_ONLY, &s, NULL) != 0) {
        return false;
    }
    arena_init(&a, MiB(256));
    (void)s->ops->get_settings(s, "user", hash != NULL ? "admin" : NULL, &a, &rows, &n, NULL);
    has = n != 0 &&
          (hash == NULL || memmem(rows[0].value, rows[0].value_len, hash, strlen(hash)) != NULL);
    arena_fini(&a);
    store_close(s);
    return has;
}

static int make_hash(void *arg)
{
    struct making *m = arg;

    return password_hash(m->password, m->hash, m->e);
}

static int make_user(struct making *m, struct pool *pool)
{
    struct value *ignored;
    struct buf b BUF_CLEANUP = {0};
    struct arena a;
    int rc;

    buf_init(&b, KiB(2));
    arena_init(&a, MiB(1));
    (void)buf_printf(&b,
                     "\"op\":\"user_set\",\"name\":\"admin\",\"role\":\"admin\",\"is_new\":true,"
                     "\"is_first\":true,\"first_password\":true,\"actor\":\"api\",\"hash\":\"%s\"",
                     m->hash);
    rc = server_write(m->server->config.home, pool, buf_cstr(&b), &a, &ignored, m->e);
    arena_fini(&a);
    return rc;
}

/* An answer that was lost may have been "done": then the next try finds our own hash. Without a store it waits for one. */
static int make_until_done(struct making *m, struct pool *pool, bool *ret_ours)
{
    int64_t alone_us = loop_now_us(loop_current()) + ALONE_US;
    int rc = 0;

    while (rc == 0) {
        struct pool *mine = loop_now_us(loop_current()) >= alone_us ? pool : NULL;

        *m->e = (struct err){0};
        rc = make_user(m, mine);
        *ret_ours = rc == 0 || (rc == -ERR_EXISTS && has_user(m->server->config.home, m->hash));
        if (rc == 0 || rc == -ERR_EXISTS) {
            return 0;
        }
        if (rc == -ERR_CLOSED || rc == -ERR_BUSY || rc == -ERR_NOTFOUND || rc == -ERR_IO) {
            rc = co_sleep(LOOK_US);
        }
    }
    return rc;
}

/* The part of a file is there before the user is, so that a password that nobody knows cannot be. */
static int make_first(struct making *m, struct pool *pool)
{
    int fd = terminal(), rc;
    bool ours = false, file = fd < 0;

    if (fd >= 0) {
        (void)close(fd);
    }
    password_make(m->password);
    (void)snprintf(m->path, sizeof m->path, "%s/" FIRST_PASSWORD_FILE, m->server->config.home);
    (void)snprintf(m->part, sizeof m->part, "%s.%d", m->path, (int)getpid());
    rc = co_offload(pool, make_hash, m);
    rc = rc == 0 ? write_part(m) : rc;
    rc = rc == 0 ? make_until_done(m, pool, &ours) : rc;
    if (rc == 0 && ours && (file || !tell_on_terminal(m->password))) {
        rc = show_file(m);
    }
    (void)unlink(m->part);
    sodium_memzero(m->password, sizeof m->password);
    return rc;
}

int first_admin(struct server *s, struct err *e)
{
    struct making m = {.server = s, .e = e};
    struct pool *pool;
    int rc;

    if (has_user(s->config.home, NULL)) {
        return 0;
    }
    rc = pool_new(loop_current(), "first", 1, &pool, e);
    if (rc == 0) {
        rc = make_first(&m, pool);
        pool_free(pool);
    }
    return rc;
}
