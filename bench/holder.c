/*
 * bench-holder HOLDER [N]: N times `true`, (a) by a bare vfork, execve, waitpid loop, (b) through
 * one holder: start, started, ended, ack, with the next start on its way while one runs, as the
 * engine does. In turns, in one run; prints the medians and their ratio.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/prng.h"
#include "base/wire.h"

#define ROUNDS 5
#define AHEAD  2 /* starts that the holder has at a time: one runs, one waits */

static char folder[64];
static struct prng prng;

static double now_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static __attribute__((noinline)) void bare_once(void)
{
    char *argv[] = {"true", NULL};
    char *env[] = {"PATH=/usr/bin:/bin", NULL};
    pid_t pid = vfork();
    int status;

    if (pid == 0) {
        (void)execve("/usr/bin/true", argv, env);
        _exit(127);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0) {
        die("bare");
    }
}

static double bare(int n)
{
    double begin = now_us();

    for (int i = 0; i < n; i++) {
        bare_once();
    }
    return (now_us() - begin) / n;
}

/* The holder's own processor time, without its children's. */
static double cpu_us(pid_t pid)
{
    char path[64], text[1024] = "";
    unsigned long user = 0, sys = 0;
    const char *p;
    int fd;

    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    fd = open(path, O_RDONLY);
    if (fd < 0 || read(fd, text, sizeof text - 1) <= 0) {
        die(path);
    }
    (void)close(fd);
    p = strrchr(text, ')');
    if (p == NULL ||
        sscanf(p + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &sys) != 2) {
        die(path);
    }
    return (double)(user + sys) * 1e6 / (double)sysconf(_SC_CLK_TCK);
}

static void send_frame(int fd, struct buf *out, const char *body)
{
    buf_clear(out);
    if (wire_append(out, body, strlen(body)) != 0 ||
        write(fd, out->p, out->len) != (ssize_t)out->len) {
        die("send");
    }
}

static void send_start(int fd, struct buf *out)
{
    char body[512], id[UUID_TEXT_MAX];
    struct uuid u = uuid_v7((int64_t)now_us(), &prng);

    (void)snprintf(body, sizeof body,
                   "{\"v\":1,\"type\":\"start\",\"attempt\":\"%s\",\"argv\":[\"true\"],\"env\":[],"
                   "\"log\":\"%s/log\",\"log_max\":1000}",
                   uuid_format(&u, id), folder);
    send_frame(fd, out, body);
}

/* Reads frames until one is an `ended`; acknowledges it. */
static void await_end(int fd, struct wire_reader *r, struct buf *out)
{
    for (;;) {
        const char *body;
        size_t n, room;
        char *p;
        ssize_t got;

        while (wire_reader_next(r, &body, &n) == 1) {
            if (memmem(body, n, "\"ended\"", 7) != NULL) {
                const char *id = memmem(body, n, "\"attempt\":\"", 11);
                char ack[128];

                if (id == NULL || memmem(body, n, "\"exit_code\":0", 13) == NULL) {
                    (void)fprintf(stderr, "%.*s\n", (int)n, body);
                    exit(1);
                }
                (void)snprintf(ack, sizeof ack, "{\"v\":1,\"type\":\"ack\",\"attempt\":\"%.36s\"}",
                               id + 11);
                send_frame(fd, out, ack);
                return;
            }
        }
        if (wire_reader_room(r, 4096, &p, &room) != 0) {
            die("memory");
        }
        got = read(fd, p, room);
        if (got <= 0) {
            die("the holder closed");
        }
        wire_reader_filled(r, (size_t)got);
    }
}

static double through(int fd, struct wire_reader *r, int n)
{
    struct buf out;
    double begin = now_us();
    int sent = 0;

    buf_init(&out, 1 << 20);
    for (; sent < AHEAD && sent < n; sent++) {
        send_start(fd, &out);
    }
    for (int i = 0; i < n; i++) {
        await_end(fd, r, &out);
        if (sent < n) {
            send_start(fd, &out);
            sent++;
        }
    }
    buf_fini(&out);
    return (now_us() - begin) / n;
}

static pid_t holder_start(const char *program, int *ret_fd)
{
    int fds[2];
    pid_t pid;

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0) {
        die("socketpair");
    }
    pid = fork();
    if (pid == 0) {
        char number[16];

        (void)snprintf(number, sizeof number, "%d", fds[1]);
        (void)close(fds[0]);
        (void)execl(program, program, folder, "bench", number, (char *)NULL);
        _exit(127);
    }
    (void)close(fds[1]);
    *ret_fd = fds[0];
    return pid;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    double bare_us[ROUNDS], through_us[ROUNDS], own_us;
    int n = argc > 2 ? atoi(argv[2]) : 10000, fd, status;
    struct wire_reader reader;
    struct buf out;
    char command[128];
    pid_t pid;

    if (argc < 2 || n < ROUNDS) {
        (void)fprintf(stderr, "usage: bench-holder HOLDER [N]\n");
        return 64;
    }
    prng_seed(&prng, (uint64_t)getpid());
    (void)snprintf(folder, sizeof folder, "/tmp/tw-bench-holder-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        die("mkdtemp");
    }
    pid = holder_start(argv[1], &fd);
    wire_reader_init(&reader);
    buf_init(&out, 1 << 20);
    send_frame(fd, &out,
               "{\"v\":1,\"type\":\"setup\",\"env\":[\"PATH=/usr/bin:/bin\"],\"idle_exit_s\":5}");
    for (int i = 0; i < ROUNDS; i++) {
        bare_us[i] = bare(n / ROUNDS);
        through_us[i] = through(fd, &reader, n / ROUNDS);
    }
    own_us = cpu_us(pid) / (n / ROUNDS * ROUNDS);
    send_frame(fd, &out, "{\"v\":1,\"type\":\"drain\"}");
    (void)waitpid(pid, &status, 0);
    (void)close(fd);
    buf_fini(&out);
    wire_reader_fini(&reader);
    qsort(bare_us, ROUNDS, sizeof *bare_us, by_value);
    qsort(through_us, ROUNDS, sizeof *through_us, by_value);
    (void)printf("%d times true, medians of %d rounds: bare loop %.0f us each, through one holder "
                 "%.0f us: ratio %.2f\n",
                 n, ROUNDS, bare_us[ROUNDS / 2], through_us[ROUNDS / 2],
                 through_us[ROUNDS / 2] / bare_us[ROUNDS / 2]);
    (void)printf("the holder's own processor time: %.0f us each\n", own_us);
    (void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command) == 0 ? 0 : 1;
}
