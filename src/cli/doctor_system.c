/* The machine: our own parts, Python, modules, time zones, the clock, limits. */
#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/time.h"
#include "bundle/folder.h"
#include "cli/command.h"
#include "cli/doctor.h"
#include "config/config.h"
#include "engine/timing.h"
#include "engine/zones.h"
#include "runtime/http.h"
#include "runtime/loop.h"
#include "server/httpd.h"
#include "store/store.h"

#define CLOCK_OLDEST_US INT64_C(1735689600000000) /* 2025: before this program was written */
#define CLOCK_SLACK_US  (60 * TIME_SECOND)

/* ---- our own parts ---- */

static bool is_program(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

void doctor_parts(struct doctor *d)
{
    struct err e = {0};
    int rc = session_find_parts(&d->paths, cli_opt(d->cli, "python"), &e);

    if (rc != 0 && d->config != NULL) {
        doctor_add(d, DOCTOR_FAIL, "holder", "install it anew", "%s", err_str(&e));
        return;
    }
    if (rc != 0) {
        return; /* the configuration: that was told */
    }
    d->has_parts = true;
    if (!is_program(d->paths.holder)) {
        doctor_add(d, DOCTOR_FAIL, "holder", "give it the right to be executed (chmod 755)",
                   "%s cannot be executed", d->paths.holder);
        return;
    }
    doctor_add(d, DOCTOR_OK, "holder", "", "%s", d->paths.holder);
}

/* ---- Python ---- */

/* The first line that a command prints; its exit code, or -1. */
static int first_line(const char *command, char *out, size_t cap)
{
    FILE *p = popen(command, "re");
    int status;

    out[0] = '\0';
    if (p == NULL) {
        return -1;
    }
    if (fgets(out, (int)cap, p) != NULL) {
        out[strcspn(out, "\n")] = '\0';
    }
    while (fgetc(p) != EOF) { /* all of it, so that it is not ended by a signal */
    }
    status = pclose(p);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Prints its version, then the modules that are not there. */
#define ASK_PYTHON                                                                                \
    "\"$TRADEWIND_ASK_PYTHON\" -c 'import sys, importlib.util as u\n"                             \
    "missing = [m for m in (\"jinja2\", \"pendulum\", \"dateutil\") if u.find_spec(m) is None]\n" \
    "sys.path.insert(0, sys.argv[1])\n"                                                           \
    "import tradewind\n"                                                                          \
    "print(\"%d.%d\" % sys.version_info[:2], *missing)' \"$TRADEWIND_ASK_PATH\" 2>&1"

void doctor_python(struct doctor *d)
{
    char line[512], *missing;
    int code;

    if (!d->has_parts) {
        return;
    }
    (void)setenv("TRADEWIND_ASK_PYTHON", d->paths.python,
                 1); /* never through the shell's quoting */
    (void)setenv("TRADEWIND_ASK_PATH", d->paths.python_path, 1);
    code = first_line(ASK_PYTHON, line, sizeof line);
    if (code != 0) {
        doctor_add(d, DOCTOR_FAIL, "python",
                   "set worker.python in tradewind.yaml, or install Python 3.9 or newer",
                   "%s does not run our package (%s): %s", d->paths.python, d->paths.python_path,
                   line[0] != '\0' ? line : "it cannot be started");
        return;
    }
    missing = strchr(line, ' ');
    if (missing != NULL) {
        *missing++ = '\0';
    }
    if (strncmp(line, "3.", 2) == 0 && strtol(line + 2, NULL, 10) < 9) {
        doctor_add(d, DOCTOR_FAIL, "python", "set worker.python in tradewind.yaml to a newer one",
                   "%s is Python %s; 3.9 is needed", d->paths.python, line);
    } else if (missing != NULL) {
        doctor_add(d, DOCTOR_WARN, "python",
                   "install them for that interpreter (Debian: python3-jinja2, python3-pendulum, "
                   "python3-dateutil)",
                   "%s is Python %s, without: %s", d->paths.python, line, missing);
    } else {
        doctor_add(d, DOCTOR_OK, "python", "", "%s is Python %s", d->paths.python, line);
    }
}

/* ---- modules that are loaded on first use ---- */

void doctor_modules(struct doctor *d)
{
    struct http_client *c;
    struct err e = {0};
    int rc = http_client_new(loop_current(), 1, &c, &e);

    if (rc == 0) {
        http_client_free(c);
        doctor_add(d, DOCTOR_OK, "modules", "", "HTTP (libcurl) can be loaded");
    } else {
        doctor_add(d, DOCTOR_WARN, "modules", "what uses HTTP fails until then; all else works",
                   "%s", err_str(&e));
    }
    e = (struct err){0};
    if (httpd_check(&e) == 0) {
        doctor_add(d, DOCTOR_OK, "modules", "", "the API server (libmicrohttpd) can be loaded");
    } else {
        doctor_add(d, DOCTOR_WARN, "modules",
                   "`api-server` and `standalone` have no page until then; all else works", "%s",
                   err_str(&e));
    }
}

/* ---- time zones and the clock ---- */

void doctor_zones(struct doctor *d)
{
    char release[64], recorded[64] = "";
    struct err e = {0};
    struct stat st;

    if (stat(timing_zone_folder(), &st) != 0) {
        doctor_add(d, DOCTOR_FAIL, "zones", "install tzdata",
                   "there is no %s: schedules in a time zone cannot be told", timing_zone_folder());
        return;
    }
    timing_zone_release(release, sizeof release);
    if (d->store != NULL) {
        (void)zones_recorded(d->store, recorded, sizeof recorded, &e);
    }
    if (release[0] == '\0') {
        doctor_add(d, DOCTOR_WARN, "zones", "install the tzdata package of this system",
                   "the release of the time zone data in %s is not known", timing_zone_folder());
    } else if (recorded[0] != '\0' && strcmp(recorded, release) != 0) {
        doctor_add(d, DOCTOR_WARN, "zones",
                   "the scheduler takes them over by itself within half a minute, or at its start",
                   "the time zone data are %s, the schedules were made with %s", release, recorded);
    } else {
        doctor_add(d, DOCTOR_OK, "zones", "", "tz database %s", release);
    }
}

void doctor_clock(struct doctor *d)
{
    struct timex t = {0};
    char path[4300];
    struct stat st;
    int64_t ahead = 0;

    (void)snprintf(path, sizeof path, "%s/%s", d->paths.home, STORE_FILE);
    if (stat(path, &st) == 0) {
        ahead = (int64_t)st.st_mtim.tv_sec * TIME_SECOND - d->now_us;
    }
    if (d->now_us < CLOCK_OLDEST_US || ahead > CLOCK_SLACK_US) {
        doctor_add(d, DOCTOR_FAIL, "clock", "set it (timedatectl set-ntp true)",
                   ahead > CLOCK_SLACK_US
                       ? "the clock is %lld s behind the last change of the store"
                       : "the clock is wrong (%lld)",
                   (long long)(ahead > CLOCK_SLACK_US ? ahead : d->now_us) / TIME_SECOND);
    } else if (adjtimex(&t) == TIME_ERROR || (t.status & STA_UNSYNC) != 0) {
        doctor_add(d, DOCTOR_WARN, "clock", "timedatectl set-ntp true, or install chrony",
                   "the kernel says that nothing keeps the clock right");
    } else {
        doctor_add(d, DOCTOR_OK, "clock", "", "kept right");
    }
}

/* ---- limits ---- */

static int64_t number_in(const char *path)
{
    char text[64] = "";
    FILE *f = fopen(path, "re");
    int64_t n = -1;

    if (f != NULL && fgets(text, sizeof text, f) != NULL) {
        n = strtoll(text, NULL, 10);
    }
    if (f != NULL) {
        (void)fclose(f);
    }
    return n;
}

static int64_t folders;

static int count_folder(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)path;
    (void)st;
    (void)at;
    folders += type == FTW_D;
    return folders > 1000000;
}

static size_t check_inotify(struct doctor *d)
{
    int64_t watches = number_in("/proc/sys/fs/inotify/max_user_watches");
    int64_t instances = number_in("/proc/sys/fs/inotify/max_user_instances");
    char folder[4096];

    folders = 0;
    if (d->config != NULL && folder_resolve(d->paths.home, folder, sizeof folder, NULL) == 0) {
        (void)nftw(folder, count_folder, 16, FTW_PHYS);
    }
    if (watches >= 0 && watches < folders * 2 + 64) {
        doctor_add(
            d, DOCTOR_WARN, "limits", "sysctl fs.inotify.max_user_watches=524288",
            "%lld watches of folders, %lld folders of DAG files: changes are seen by looking "
            "every 30 s",
            (long long)watches, (long long)folders);
        return 1;
    }
    if (instances >= 0 && instances < 16) {
        doctor_add(d, DOCTOR_WARN, "limits", "sysctl fs.inotify.max_user_instances=512",
                   "%lld inotify instances for all programs of this user", (long long)instances);
        return 1;
    }
    return 0;
}

/* Ours are those of this shell; of a service they are in its unit. */
void doctor_limits(struct doctor *d)
{
    int64_t slots = d->config != NULL ? config_int(d->config, "core.parallelism") : 32;
    int64_t maps = number_in("/proc/sys/vm/max_map_count");
    struct rlimit files = {0}, processes = {0};
    size_t bad = check_inotify(d);

    (void)getrlimit(RLIMIT_NOFILE, &files);
    (void)getrlimit(RLIMIT_NPROC, &processes);
    if (files.rlim_cur != RLIM_INFINITY && (int64_t)files.rlim_cur < 256 + 4 * slots) {
        doctor_add(d, DOCTOR_FAIL, "limits", "ulimit -n 65536, or LimitNOFILE= of the unit",
                   "%llu open files are allowed; %lld tasks at once need %lld",
                   (unsigned long long)files.rlim_cur, (long long)slots,
                   256 + 4 * (long long)slots);
        bad++;
    }
    if (processes.rlim_cur != RLIM_INFINITY && (int64_t)processes.rlim_cur < 64 + 8 * slots) {
        doctor_add(d, DOCTOR_WARN, "limits", "ulimit -u, or LimitNPROC= and TasksMax= of the unit",
                   "%llu processes are allowed; %lld tasks at once may need more",
                   (unsigned long long)processes.rlim_cur, (long long)slots);
        bad++;
    }
    if (maps >= 0 && maps < 65530) {
        doctor_add(d, DOCTOR_WARN, "limits", "sysctl vm.max_map_count=262144",
                   "vm.max_map_count is %lld: it limits how many tasks may wait", (long long)maps);
        bad++;
    }
    if (bad == 0) {
        doctor_add(d, DOCTOR_OK, "limits", "", "%lld open files, room for %lld tasks at once",
                   files.rlim_cur == RLIM_INFINITY ? -1LL : (long long)files.rlim_cur,
                   (long long)slots);
    }
}
