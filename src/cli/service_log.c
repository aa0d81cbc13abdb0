/*
 * The log file: FILE is written to its end; a line that would make it larger than logging.file_size renames FILE to FILE.1, FILE.1 to FILE.2
 * and so on, the last of logging.file_count is removed, and a new FILE is begun. A file that was moved away (logrotate) is seen at the next
 * line, and made anew. When it cannot be written the line goes to standard error.
 */
#include "cli/service_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/time.h"
#include "cli/command.h"
#include "cli/supervised.h"
#include "config/config.h"

static struct log_file {
    char path[4096];
    int fd;
    off_t bytes, bytes_max;
    dev_t dev;
    ino_t ino;
    int count;
} file = {.fd = -1};

static long long wall_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_REALTIME, &t);
    return (long long)t.tv_sec * TIME_SECOND + t.tv_nsec / 1000;
}

static int open_file(struct err *e)
{
    struct stat st;

    if (file.fd >= 0) {
        (void)close(file.fd);
    }
    file.fd = open(file.path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (file.fd < 0 || fstat(file.fd, &st) != 0) {
        return err_errno(e, errno, "cannot open the log file %s", file.path);
    }
    file.bytes = st.st_size;
    file.dev = st.st_dev;
    file.ino = st.st_ino;
    return 0;
}

static void rotate(void)
{
    char from[4200], to[4200];

    for (int i = file.count - 1; i >= 1; i--) {
        (void)snprintf(to, sizeof to, "%s.%d", file.path, i);
        (void)snprintf(from, sizeof from, "%s.%d", file.path, i - 1);
        (void)rename(i == 1 ? file.path : from, to); /* what is not there need not move */
    }
    if (file.count == 1) {
        (void)unlink(file.path);
    }
    (void)open_file(NULL);
}

static long write_file(void *arg, const char *p, unsigned long n)
{
    struct stat st;
    long wrote;

    (void)arg;
    if (stat(file.path, &st) != 0 || st.st_dev != file.dev || st.st_ino != file.ino) {
        (void)open_file(NULL);
    }
    if (file.bytes > 0 && file.bytes + (off_t)n > file.bytes_max) {
        rotate();
    }
    wrote = file.fd >= 0 ? (long)write(file.fd, p, n) : -1;
    if (wrote < 0) {
        return (long)write(STDERR_FILENO, p, n);
    }
    file.bytes += wrote;
    return wrote;
}

static enum log_level level_of(struct cli *cli, const struct config *c)
{
    int level = log_level_parse(config_text(c, "logging.level"));

    return cli_flag(cli, "quiet") && level < LOG_LEVEL_WARNING ? LOG_LEVEL_WARNING
                                                               : (enum log_level)level;
}

void service_log_level(struct cli *cli, const struct config *c)
{
    log_set_level(level_of(cli, c));
}

int service_log_open(struct cli *cli, const struct config *c, bool *ret_json, struct err *e)
{
    bool json = cli_flag(cli, "json") || strcmp(config_text(c, "logging.format"), "json") == 0;
    const char *path = config_text(c, "logging.file");
    const struct config_finding *f;
    size_t n = config_findings(c, &f);

    log_setup(STDERR_FILENO, level_of(cli, c), json, wall_us);
    if (path[0] != '\0' && !supervised()) {
        file.bytes_max = (off_t)config_int(c, "logging.file_size_mb") << 20;
        file.count = (int)config_int(c, "logging.file_count");
        if (snprintf(file.path, sizeof file.path, "%s", path) >= (int)sizeof file.path) {
            return err_set(e, ERR_LIMIT, "the path of the log file is too long");
        }
        if (open_file(e) != 0) {
            return e->code;
        }
        log_set_sink(write_file, NULL);
    }
    for (size_t i = 0; i < n && !supervised(); i++) {
        log_warning("config", "%s: %s", f[i].where, f[i].text);
    }
    if (ret_json != NULL) {
        *ret_json = json;
    }
    return 0;
}
