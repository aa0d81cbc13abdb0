/*
 * bench-meter OUT COMMAND...: runs the command and writes what it and all that it left behind used,
 * as one JSON object, to the file OUT. Everything is a descendant: what a command starts in
 * sessions of its own comes back here when its parent dies (this process is their subreaper), so
 * that holders count too. It is small, and so the peak memory of what it starts is its own, not
 * inherited over execve.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now_s(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static __attribute__((noinline)) pid_t launch(char **argv)
{
    pid_t pid = vfork();

    if (pid == 0) {
        (void)execvp(argv[0], argv);
        _exit(127);
    }
    return pid;
}

int main(int argc, char **argv)
{
    double began = now_s(), wall_s = 0, user_s = 0, system_s = 0;
    long peak_kib = 0, others_peak_kib = 0, voluntary = 0, involuntary = 0, blocks_out = 0;
    struct rusage use;
    int status, exit_code = -1;
    pid_t main_pid, pid;
    FILE *out;

    if (argc < 3) {
        (void)fprintf(stderr, "usage: bench-meter OUT COMMAND...\n");
        return 64;
    }
    (void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    main_pid = launch(argv + 2);
    while ((pid = wait4(-1, &status, 0, &use)) > 0 || (pid < 0 && errno == EINTR)) {
        if (pid < 0) {
            continue;
        }
        if (pid == main_pid) {
            wall_s = now_s() - began;
            exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
            peak_kib = use.ru_maxrss;
        } else if (use.ru_maxrss > others_peak_kib) {
            others_peak_kib = use.ru_maxrss;
        }
        user_s += seconds(use.ru_utime);
        system_s += seconds(use.ru_stime);
        voluntary += use.ru_nvcsw;
        involuntary += use.ru_nivcsw;
        blocks_out += use.ru_oublock;
    }
    out = fopen(argv[1], "we");
    if (out == NULL) {
        perror(argv[1]);
        return 1;
    }
    (void)fprintf(out,
                  "{\"wall_s\":%.6f,\"user_s\":%.6f,\"system_s\":%.6f,\"peak_kib\":%ld,\"others_"
                  "peak_kib\":%ld,"
                  "\"voluntary\":%ld,\"involuntary\":%ld,\"blocks_out\":%ld,\"exit\":%d}\n",
                  wall_s, user_s, system_s, peak_kib, others_peak_kib, voluntary, involuntary,
                  blocks_out, exit_code);
    (void)fclose(out);
    return 0;
}
