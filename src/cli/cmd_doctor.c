#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/time.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/doctor.h"
#include "config/config.h"
#include "runtime/loop.h"
#include "store/store.h"

#define LINES_MAX 1000

static const char *const words[] = {"ok", "warn", "fail"};

void doctor_add(struct doctor *d, enum doctor_level level, const char *check, const char *remedy,
                const char *fmt, ...)
{
    struct doctor_line line = {.level = level, .check = check};
    char text[2048];
    va_list ap;

    if (d->len >= LINES_MAX) {
        return;
    }
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    line.text = arena_strdup(&d->arena, text);
    line.remedy = arena_strdup(&d->arena, remedy);
    if (line.text != NULL && line.remedy != NULL) {
        (void)VEC_PUSH(d->lines, d->len, d->cap, line);
    }
}

static void look(struct doctor *d)
{
    static void (*const checks[])(struct doctor * d) = {
        doctor_home,    doctor_disk,   doctor_config,  doctor_engine, doctor_store,
        doctor_secrets, doctor_parts,  doctor_modules, doctor_python, doctor_zones,
        doctor_clock,   doctor_limits, doctor_dags,    doctor_pools,  doctor_runs,
    };

    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
        checks[i](d);
    }
}

static size_t count(const struct doctor *d, enum doctor_level level)
{
    size_t n = 0;

    for (size_t i = 0; i < d->len; i++) {
        n += d->lines[i].level == level;
    }
    return n;
}

static void print_json(const struct doctor *d)
{
    struct buf b BUF_CLEANUP;
    struct json_writer w;

    buf_init(&b, MiB(16));
    json_writer_init(&w, &b, 2);
    json_array(&w);
    for (size_t i = 0; i < d->len; i++) {
        json_object(&w);
        json_key(&w, "check");
        json_string(&w, d->lines[i].check);
        json_key(&w, "level");
        json_string(&w, words[d->lines[i].level]);
        json_key(&w, "text");
        json_string(&w, d->lines[i].text);
        json_key(&w, "remedy");
        json_string(&w, d->lines[i].remedy);
        json_object_end(&w);
    }
    json_array_end(&w);
    (void)puts(buf_cstr(&b));
}

static void print_text(const struct doctor *d, bool quiet)
{
    for (size_t i = 0; i < d->len; i++) {
        const struct doctor_line *l = &d->lines[i];

        if (quiet && l->level == DOCTOR_OK) {
            continue;
        }
        (void)printf("%-4s  %-10s %s\n", words[l->level], l->check, l->text);
        if (l->remedy[0] != '\0') {
            (void)printf("%17s-> %s\n", "", l->remedy);
        }
    }
    (void)printf("%zu ok, %zu warning%s, %zu failure%s\n", count(d, DOCTOR_OK),
                 count(d, DOCTOR_WARN), count(d, DOCTOR_WARN) == 1 ? "" : "s",
                 count(d, DOCTOR_FAIL), count(d, DOCTOR_FAIL) == 1 ? "" : "s");
}

static int doctor_main(void *arg)
{
    look(arg);
    return 0;
}

int cmd_doctor(struct cli *cli)
{
    struct doctor d = {.cli = cli};
    struct loop_config lc = {0};
    struct err e = {0};
    struct timespec t;
    struct loop *l;
    int rc = home_resolve(cli_opt(cli, "home"), d.paths.home, sizeof d.paths.home, &e);

    arena_init(&d.arena, MiB(256));
    (void)clock_gettime(CLOCK_REALTIME, &t);
    d.now_us = (int64_t)t.tv_sec * TIME_SECOND + t.tv_nsec / 1000;
    rc = rc == 0 ? loop_uv_new(&lc, &l, &e) : rc;
    if (rc == 0) {
        rc = loop_main(l, doctor_main, &d, &e);
        loop_free(l);
    }
    if (rc == 0 && cli_flag(cli, "json")) {
        print_json(&d);
    } else if (rc == 0) {
        print_text(&d, cli_flag(cli, "quiet"));
    }
    store_close(d.store);
    config_close(d.config);
    rc = rc != 0 ? cli_fail(rc, &e) : count(&d, DOCTOR_FAIL) != 0 ? 1 : 0;
    mem_free(d.lines);
    arena_fini(&d.arena);
    return rc;
}
