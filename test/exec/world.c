#include "world.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_US 30000000 /* only ends a failing test */

char world_home[64];

void world_home_make(void)
{
    (void)snprintf(world_home, sizeof world_home, "/tmp/tw-exec-XXXXXX");
    if (mkdtemp(world_home) == NULL) {
        abort();
    }
}

int64_t world_holder_pid(const char *holder)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    struct ucred peer = {0};
    socklen_t n = sizeof peer;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)snprintf(a.sun_path, sizeof a.sun_path, "%.30s/holders/%.60s.sock", world_home, holder);
    if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0) {
        (void)getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n);
    }
    (void)close(fd);
    return peer.pid;
}

void world_home_remove(void)
{
    char path[128], command[128];
    struct dirent *entry;
    DIR *dir;

    (void)snprintf(path, sizeof path, "%s/holders", world_home);
    dir = opendir(path);
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        char *dot = strstr(entry->d_name, ".sock");

        if (dot != NULL) {
            int64_t pid;

            *dot = '\0';
            pid = world_holder_pid(entry->d_name);
            if (pid > 1) {
                (void)kill((pid_t)pid, SIGKILL);
            }
        }
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
    (void)snprintf(command, sizeof command, "rm -rf '%s'", world_home);
    (void)!system(command);
}

static struct seen *seen_of(struct world *w, const struct uuid *attempt)
{
    for (size_t i = 0; i < w->seen_len; i++) {
        if (uuid_cmp(&w->seen[i].attempt, attempt) == 0) {
            return &w->seen[i];
        }
    }
    assert_true(w->seen_len < SEEN_MAX);
    w->seen[w->seen_len].attempt = *attempt;
    return &w->seen[w->seen_len++];
}

struct seen *world_seen(struct world *w, const struct uuid *attempt)
{
    return seen_of(w, attempt);
}

static void on_started(void *arg, const struct uuid *attempt, int64_t pid, const char *holder,
                       int64_t at_us)
{
    struct world *w = arg;
    struct seen *s = seen_of(w, attempt);

    assert_int_equal(s->ended, 0);
    assert_true(pid > 0 && at_us > 0);
    s->started++;
    s->order = w->starts++;
    s->pid = pid;
    (void)snprintf(s->holder, sizeof s->holder, "%s", holder);
    co_cond_broadcast(&w->changed);
}

static void on_ended(void *arg, const struct exec_end *end)
{
    struct world *w = arg;
    struct seen *s = seen_of(w, &end->attempt);

    s->ended++;
    s->end = *end;
    (void)snprintf(s->killed, sizeof s->killed, "%s", end->killed != NULL ? end->killed : "");
    (void)snprintf(s->error, sizeof s->error, "%s", end->error != NULL ? end->error : "");
    (void)snprintf(s->last_line, sizeof s->last_line, "%s",
                   end->last_line != NULL ? end->last_line : "");
    if (w->ack_at_once) {
        exec_ack(w->x, &end->attempt);
    }
    co_cond_broadcast(&w->changed);
}

void world_open(struct world *w, int slots)
{
    static const char *const env[] = {"PATH=/usr/local/bin:/usr/bin:/bin", "BASE=yes", NULL};
    static const char *const python_env[] = {"PATH=/usr/local/bin:/usr/bin:/bin",
                                             "PYTHONDONTWRITEBYTECODE=1", NULL};
    const char *python[] = {"/usr/bin/python3", getenv("TRADEWIND_FAKE_RUNNER"), NULL};
    const char *program = getenv("TRADEWIND_HOLDER");
    struct exec_callbacks cb = {.arg = w, .started = on_started, .ended = on_ended};
    struct exec_local_config config = {
        .loop = loop_current(),
        .home = world_home,
        .holder_program = program != NULL ? program : "tradewind-holder",
        .slots = slots,
        .base_env = env,
        .python_argv = python,
        .python_env = python_env,
        .idle_exit_s = 30,
    };
    struct timespec t;
    struct err e = {0};

    memset(w, 0, sizeof *w);
    w->seen = calloc(SEEN_MAX, sizeof *w->seen);
    assert_non_null(w->seen);
    w->loop = config.loop;
    w->ack_at_once = true;
    co_cond_init(&w->changed);
    (void)clock_gettime(CLOCK_REALTIME, &t);
    prng_seed(&w->prng, (uint64_t)t.tv_nsec * 1000003 + (uint64_t)getpid());
    w->opened = exec_local_open(&config, &cb, &w->x, &e);
}

void world_close(struct world *w)
{
    if (w->opened == 0) {
        exec_close(w->x);
    }
    w->x = NULL;
    free(w->seen);
    w->seen = NULL;
}

struct uuid world_uuid(struct world *w)
{
    return uuid_v7(loop_wall_us(w->loop), &w->prng);
}

static char *log_path(const struct uuid *attempt, char *path, size_t n)
{
    char id[UUID_TEXT_MAX];

    (void)snprintf(path, n, "%s/logs/%s.log", world_home, uuid_format(attempt, id));
    return path;
}

struct uuid world_start_spec(struct world *w, struct exec_spec *spec)
{
    struct err e = {0};
    char path[160];

    if (uuid_is_zero(&spec->attempt)) {
        spec->attempt = world_uuid(w);
    }
    spec->log = log_path(&spec->attempt, path, sizeof path);
    assert_int_equal(exec_start(w->x, spec, &e), 0);
    return spec->attempt;
}

struct uuid world_start(struct world *w, const char *shell_command)
{
    const char *argv[] = {"sh", "-c", shell_command, NULL};
    struct exec_spec spec = {.argv = argv, .last_line = true, .grace_us = 1000000};

    return world_start_spec(w, &spec);
}

static struct seen *wait_for(struct world *w, const struct uuid *attempt, bool ended)
{
    struct seen *s = seen_of(w, attempt);
    struct co_deadline d;

    co_deadline_begin(&d, PATIENCE_US);
    while ((ended ? s->ended : s->started) == 0) {
        assert_int_equal(co_cond_wait(&w->changed), 0);
    }
    co_deadline_end(&d);
    return s;
}

struct seen *world_wait_started(struct world *w, const struct uuid *attempt)
{
    return wait_for(w, attempt, false);
}

struct seen *world_wait_ended(struct world *w, const struct uuid *attempt)
{
    return wait_for(w, attempt, true);
}

const char *world_log(const struct uuid *attempt)
{
    static char text[65536];
    char path[160];
    FILE *f = fopen(log_path(attempt, path, sizeof path), "r");
    size_t n = 0;

    if (f != NULL) {
        n = fread(text, 1, sizeof text - 1, f);
        (void)fclose(f);
    }
    text[n] = '\0';
    return text;
}

static void nap(void)
{
    if (co_self() != NULL) {
        assert_int_equal(co_sleep(2000), 0);
    } else {
        (void)usleep(2000);
    }
}

int64_t world_number_in(const char *path)
{
    for (int i = 0; i < PATIENCE_US / 2000; i++) {
        FILE *f = fopen(path, "r");
        long long n = 0;

        if (f != NULL) {
            char text[64] = "";
            size_t len = fread(text, 1, sizeof text - 1, f);

            (void)fclose(f);
            if (len != 0 && text[len - 1] == '\n') {
                n = atoll(text);
            }
        }
        if (n != 0) {
            return n;
        }
        nap();
    }
    fail_msg("%s has no number", path);
    return 0;
}

bool world_lives(int64_t pid)
{
    char path[64], text[512];
    FILE *f;
    size_t n;
    char *p;

    (void)snprintf(path, sizeof path, "/proc/%lld/stat", (long long)pid);
    f = fopen(path, "r");
    if (f == NULL) {
        return false;
    }
    n = fread(text, 1, sizeof text - 1, f);
    (void)fclose(f);
    text[n] = '\0';
    p = strrchr(text, ')');
    return p != NULL && p[2] != 'Z' && p[2] != 'X';
}

void world_wait_dead(int64_t pid)
{
    for (int i = 0; i < PATIENCE_US / 2000; i++) {
        if (!world_lives(pid)) {
            return;
        }
        nap();
    }
    fail_msg("process %lld lives", (long long)pid);
}

void world_run(co_fn fn)
{
    struct loop *l;
    struct err e = {0};

    assert_int_equal(loop_uv_new(NULL, &l, &e), 0);
    assert_int_equal(loop_main(l, fn, l, &e), 0);
    loop_free(l);
}

void world_run_process(co_fn fn)
{
    pid_t pid = fork();
    int status;

    assert_true(pid >= 0);
    if (pid == 0) {
        struct loop *l;
        struct err e = {0};

        if (loop_uv_new(NULL, &l, &e) == 0) {
            (void)loop_main(l, fn, l, &e); /* fn leaves by _exit */
        }
        _exit(9);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}
