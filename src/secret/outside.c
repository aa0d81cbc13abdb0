#include "secret/outside.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/limits.h"

static int read_whole(int fd, const char *path, struct arena *a, const char **ret, struct err *e)
{
    struct stat st;
    size_t len = 0;
    char *text;
    ssize_t n;

    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        return err_set(e, ERR_INVALID, "%s is not a file", path);
    }
    if (st.st_size > (off_t)LIMIT_SETTING_BYTES) {
        return err_set(e, ERR_LIMIT, "%s is larger than %zu KiB", path, LIMIT_SETTING_BYTES >> 10);
    }
    text = arena_alloc(a, (size_t)st.st_size + 1);
    if (text == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for %s", path);
    }
    while (len < (size_t)st.st_size && (n = read(fd, text + len, (size_t)st.st_size - len)) != 0) {
        if (n < 0) {
            return err_errno(e, errno, "%s", path);
        }
        len += (size_t)n;
    }
    if (len != 0 && text[len - 1] == '\n') {
        text[--len] = '\0';
    }
    *ret = text;
    return 0;
}

/* A name that would lead elsewhere has no file. */
int outside_folder(const char *home, enum outside_kind kind, const char *name, struct arena *a,
                   const char **ret, struct err *e)
{
    const char *folder = getenv("TRADEWIND_SECRETS_DIR");
    const char *sub = kind == OUTSIDE_VARIABLE ? "variables" : "connections";
    char *path;
    int fd, rc;

    *ret = NULL;
    if (name[0] == '\0' || name[0] == '.' || strchr(name, '/') != NULL) {
        return 0;
    }
    path = folder != NULL && folder[0] != '\0'
               ? arena_printf(a, "%s/%s/%s", folder, sub, name)
               : arena_printf(a, "%s/secrets/%s/%s", home, sub, name);
    if (path == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for a setting");
    }
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return errno == ENOENT || errno == ENOTDIR || errno == ENAMETOOLONG
                   ? 0
                   : err_errno(e, errno, "%s", path);
    }
    rc = read_whole(fd, path, a, ret, e);
    (void)close(fd);
    return rc;
}

static int of_environment(enum outside_kind kind, const char *name, struct arena *a,
                          const char **ret, struct err *e)
{
    static const char *const prefixes[2][2] = {{"TRADEWIND_VAR_", "AIRFLOW_VAR_"},
                                               {"TRADEWIND_CONN_", "AIRFLOW_CONN_"}};

    for (size_t i = 0; *ret == NULL && i < 2; i++) {
        char *key = arena_printf(a, "%s%s", prefixes[kind][i], name);
        const char *text;

        if (key == NULL) {
            return err_set(e, ERR_NOMEM, "out of memory for a setting");
        }
        for (char *p = key; *p != '\0'; p++) {
            *p = (char)toupper((unsigned char)*p);
        }
        text = getenv(key);
        if (text != NULL && (kind == OUTSIDE_VARIABLE || text[0] != '\0')) {
            *ret = arena_strdup(a, text);
            if (*ret == NULL) {
                return err_set(e, ERR_NOMEM, "out of memory for a setting");
            }
        }
    }
    return 0;
}

int outside_find(const char *home, enum outside_kind kind, const char *name, struct arena *a,
                 const char **ret, struct err *e)
{
    int rc = outside_folder(home, kind, name, a, ret, e);

    return rc == 0 && *ret == NULL ? of_environment(kind, name, a, ret, e) : rc;
}
