/* From a command line of Airflow's to one of ours, which is run, and whose JSON is shown the way that Airflow shows it. */
#include "cli/airflow.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/session.h"
#include "cli/term.h"

#define EXIT_FAILED   1
#define EXIT_MISUSED  2
#define OUTPUT_MAX    MiB(512)
#define COMMAND_WORDS 2

/* ---- where things are ---- */

/* The value of core.dags_folder in an airflow.cfg, or NULL. */
static const char *folder_of_config(const char *path, char *line, size_t cap)
{
    FILE *f = fopen(path, "re");
    const char *found = NULL;
    bool core = false;

    while (f != NULL && found == NULL && fgets(line, (int)cap, f) != NULL) {
        size_t n = strcspn(line, "\r\n");

        while (n > 0 && (line[n - 1] == ' ' || line[n - 1] == '\t')) {
            n--;
        }
        line[n] = '\0';
        if (line[0] == '[') {
            core = strcmp(line, "[core]") == 0;
        } else if (core && strncmp(line, "dags_folder", 11) == 0) {
            char *p = line + 11 + strspn(line + 11, " \t");

            p += *p == '=' || *p == ':';
            p += strspn(p, " \t");
            found = *p != '\0' ? p : NULL;
        }
    }
    if (f != NULL) {
        (void)fclose(f);
    }
    return found;
}

/* The beginnings that such a path has in an airflow.cfg; NULL: dags in AIRFLOW_HOME. */
static void expand_folder(const char *folder, const char *airflow, char *ret, size_t cap)
{
    static const char *const names[] = {"$AIRFLOW_HOME/", "${AIRFLOW_HOME}/", "{AIRFLOW_HOME}/"};
    const char *user = getenv("HOME"), *text = folder != NULL ? folder : "{AIRFLOW_HOME}/dags";

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t n = strlen(names[i]);

        if (strncmp(text, names[i], n) == 0) {
            (void)snprintf(ret, cap, "%s/%s", airflow, text + n);
            return;
        }
    }
    if (strncmp(text, "~/", 2) == 0 && user != NULL) {
        (void)snprintf(ret, cap, "%s/%s", user, text + 2);
    } else {
        (void)snprintf(ret, cap, "%s", text);
    }
}

static bool is_set(const char *name)
{
    const char *value = getenv(name);

    return value != NULL && value[0] != '\0';
}

/* Without a home of our own, AIRFLOW_HOME says where it is: in a folder of it, since what genuine Airflow keeps there is not ours. True: it does. */
static bool use_airflow_home(bool home_given)
{
    const char *airflow = getenv("AIRFLOW_HOME"), *dags;
    char path[4096], line[4096];

    bool used;

    if (airflow == NULL || airflow[0] == '\0') {
        return false;
    }
    used = !home_given && !is_set("TRADEWIND_HOME");
    if (used) {
        (void)snprintf(path, sizeof path, "%s/tradewind", airflow);
        (void)setenv("TRADEWIND_HOME", path, 1);
    }
    if (!is_set("TRADEWIND_DAGS") && !is_set("AIRFLOW__CORE__DAGS_FOLDER")) {
        (void)snprintf(path, sizeof path, "%s/airflow.cfg", airflow);
        dags = folder_of_config(is_set("AIRFLOW_CONFIG") ? getenv("AIRFLOW_CONFIG") : path, line,
                                sizeof line);
        expand_folder(dags, airflow, path, sizeof path);
        (void)setenv("TRADEWIND_DAGS", path, 1);
    }
    return used;
}

/* ---- translation ---- */

static const char *file_format(const char *save, struct err *e)
{
    static const char *const known[][2] = {{".svg", "svg"}, {".dot", "dot"}, {".mmd", "mermaid"}};
    const char *dot = save != NULL ? strrchr(save, '.') : ".dot";

    for (size_t i = 0; dot != NULL && i < sizeof known / sizeof *known; i++) {
        if (strcmp(dot, known[i][0]) == 0) {
            return known[i][1];
        }
    }
    (void)err_set(e, ERR_USAGE, "--save writes .svg, .dot and .mmd, not %s", save);
    return NULL;
}

static const char *quoted(const struct airflow_line *l, const char *text)
{
    struct buf b BUF_CLEANUP;
    struct json_writer w;

    buf_init(&b, LIMIT_SETTING_BYTES);
    json_writer_init(&w, &b, 0);
    json_string(&w, text);
    return buf_status(&b) == 0 ? arena_strdup(l->arena, buf_cstr(&b)) : NULL;
}

/* The value of {NAME}; what is made of others among them. *ret NULL: it was not given. */
static int value_of(const struct airflow_line *l, const char *name, const char **ret)
{
    *ret = cli_airflow_value(l, name);
    if (strcmp(name, "FILE") == 0 && *ret == NULL) {
        *ret = cli_airflow_value(l, "DAG_ID");
    } else if (strcmp(name, "PATTERN") == 0) {
        *ret = cli_airflow_value(l, "REGEX");
        *ret = *ret != NULL ? *ret : ".*";
    } else if (strcmp(name, "FORMAT") == 0) {
        *ret = file_format(cli_airflow_value(l, "SAVE"), l->e);
        return *ret == NULL ? -ERR_USAGE : 0;
    } else if (strcmp(name, "VALUE") == 0 && cli_airflow_value(l, "QUOTE") != NULL) {
        *ret = quoted(l, *ret);
        return *ret == NULL ? err_set(l->e, ERR_NOMEM, "out of memory") : 0;
    }
    return 0;
}

/* A word of the template; *ret NULL: it is left out. */
static int expand(const struct airflow_line *l, const char *word, const char **ret)
{
    const char *open = strchr(word, '{'), *close = open != NULL ? strchr(open, '}') : NULL,
               *when = strchr(word, '?'), *value;
    char name[64];
    bool must;
    int rc;

    *ret = word;
    if (when != NULL) {
        bool without = when[1] == '!';
        bool given = cli_airflow_value(l, when + 1 + without) != NULL;

        *ret = given != without ? arena_strndup(l->arena, word, (size_t)(when - word)) : NULL;
        return given != without && *ret == NULL ? err_set(l->e, ERR_NOMEM, "out of memory") : 0;
    }
    if (close == NULL) {
        return 0;
    }
    must = open[1] == '!';
    (void)snprintf(name, sizeof name, "%.*s", (int)(close - open - 1 - must), open + 1 + must);
    rc = value_of(l, name, &value);
    if (rc == 0 && value == NULL && must) {
        return err_set(l->e, ERR_USAGE, "--%s is missing", name);
    }
    if (rc != 0 || value == NULL) {
        *ret = NULL;
        return rc;
    }
    *ret = arena_printf(l->arena, "%.*s%s", (int)(open - word), word, value);
    return *ret == NULL ? err_set(l->e, ERR_NOMEM, "out of memory") : 0;
}

/* Options before the arguments, which stand behind "--": a value may begin with a dash. */
int cli_airflow_translate(const struct airflow_line *l, bool json, const char ***ret,
                          size_t *ret_len)
{
    char *text = arena_strdup(l->arena, l->command->to), *rest = NULL;
    size_t room = strlen(l->command->to) + l->given_len + 8, n = 0, args_len = 0;
    const char **out = arena_array(l->arena, room, sizeof *out),
               **args = arena_array(l->arena, room, sizeof *args), *word;
    int rc = 0;

    if (text == NULL || out == NULL || args == NULL) {
        return err_set(l->e, ERR_NOMEM, "out of memory");
    }
    for (char *w = strtok_r(text, " ", &rest); rc == 0 && w != NULL;
         w = strtok_r(NULL, " ", &rest)) {
        bool is_command = w[0] != '{' && strncmp(w, "--", 2) != 0 && args_len == 0;

        rc = expand(l, w, &word);
        if (rc == 0 && word != NULL && (is_command || strncmp(w, "--", 2) == 0)) {
            out[n++] = word;
        } else if (rc == 0 && word != NULL) {
            args[args_len++] = word;
        }
    }
    for (size_t i = 0; rc == 0 && i < l->given_len; i += 2) {
        out[n] = l->given[i + 1] == NULL
                     ? l->given[i]
                     : arena_printf(l->arena, "%s=%s", l->given[i], l->given[i + 1]);
        rc = out[n++] == NULL ? err_set(l->e, ERR_NOMEM, "out of memory") : 0;
    }
    if (json) {
        out[n++] = "--json";
    }
    if (args_len != 0) {
        out[n++] = "--";
    }
    for (size_t i = 0; i < args_len; i++) {
        out[n++] = args[i];
    }
    out[n] = NULL;
    *ret = out;
    *ret_len = n;
    return rc;
}

/* ---- running ---- */

static int exit_of(int code, const struct airflow_command *c)
{
    if (code == 0 || code == 130 || code == c->fine) {
        return code == 130 ? code : 0;
    }
    return code == err_exit_code(-ERR_USAGE) ? EXIT_MISUSED : EXIT_FAILED;
}

static int run_ours(struct cli *cli, const char **words, size_t n, struct airflow_line *l)
{
    const char **argv = arena_array(l->arena, n + 4, sizeof *argv), *home = cli_opt(cli, "home");
    struct cli *ours;
    size_t at = 0;
    int rc;

    if (argv == NULL) {
        return cli_fail(err_set(l->e, ERR_NOMEM, "out of memory"), l->e);
    }
    argv[at++] = "tradewind";
    if (home != NULL) {
        argv[at++] = "--home";
        argv[at++] = home;
    }
    memcpy(argv + at, words, n * sizeof *words);
    rc = cli_parse((int)(at + n), (char *const *)argv, &ours, l->e);
    if (rc != 0) {
        return cli_fail(rc, l->e);
    }
    cli_tell_importers(ours);
    cli_plugins(ours);
    rc = cli_dispatch(ours);
    cli_free(ours);
    return rc;
}

/* python -m tradewind.installation WORDS, to our standard output. */
static int run_python(struct cli *cli, const char **words, size_t n, struct airflow_line *l)
{
    const char **given = arena_array(l->arena, n + 1, sizeof *given);
    size_t len = 0;
    int code = 0, rc = given == NULL ? err_set(l->e, ERR_NOMEM, "out of memory") : 0;

    for (size_t i = 1; rc == 0 && i < n;
         i++) { /* but for "python", and for what ends the options */
        if (strcmp(words[i], "--") != 0) {
            given[len++] = words[i];
        }
    }
    rc = rc == 0 ? cli_python(cli, "tradewind.installation", given, len, &code, l->e) : rc;
    return rc != 0 ? cli_fail(rc, l->e) : code;
}

static int run_words(struct cli *cli, struct airflow_line *l, bool json)
{
    const char **words;
    size_t n;
    bool python = strncmp(l->command->to, "python ", 7) == 0;
    int rc = cli_airflow_translate(l, json && !python, &words, &n);

    if (rc != 0) {
        return cli_fail(rc, l->e);
    }
    return python ? run_python(cli, words, n, l) : run_ours(cli, words, n, l);
}

static int read_all(int fd, struct buf *b)
{
    char part[8192];
    ssize_t n;
    int rc = 0;

    if (lseek(fd, 0, SEEK_SET) != 0) {
        return -ERR_IO;
    }
    while (rc == 0 && (n = read(fd, part, sizeof part)) > 0) {
        rc = buf_append(b, part, (size_t)n);
    }
    return rc;
}

/* Runs it with what it writes going to *out. */
static int run_captured(struct cli *cli, struct airflow_line *l, struct buf *out)
{
    int fd = memfd_create("airflow", MFD_CLOEXEC), before = fcntl(1, F_DUPFD_CLOEXEC, 3), code;

    (void)fflush(stdout);
    if (fd < 0 || before < 0 || dup2(fd, 1) < 0) {
        code = cli_fail(err_errno(l->e, errno, "cannot keep what a command writes"), l->e);
    } else {
        code = run_words(cli, l, true);
        (void)fflush(stdout);
        (void)dup2(before, 1);
        if (read_all(fd, out) != 0) {
            code = cli_fail(err_set(l->e, ERR_IO, "cannot read what the command wrote"), l->e);
        }
    }
    (void)close(fd);
    (void)close(before);
    return code;
}

static int show(struct airflow_line *l, const struct buf *json)
{
    struct buf out BUF_CLEANUP;
    struct value *v;
    int rc = value_parse(l->arena, buf_cstr(json), json->len, &v, l->e);

    buf_init(&out, OUTPUT_MAX);
    rc = rc == 0 ? cli_airflow_print(l, v, &out) : rc;
    rc = rc == 0 ? buf_status(&out) : rc;
    (void)fputs(buf_cstr(&out), stdout);
    return rc != 0 ? cli_fail(rc, l->e) : 0;
}

/* As Airflow asks: the answer is a line of standard input. */
static bool agreed(const struct airflow_line *l)
{
    char line[64];

    if (l->command->ask == NULL || l->yes || cli_airflow_value(l, "DRY") != NULL) {
        return true;
    }
    (void)fprintf(stderr, "%s Proceed? (y/n) ", l->command->ask);
    if (fgets(line, sizeof line, stdin) == NULL) {
        (void)fputc('\n', stderr);
        return false;
    }
    line[strcspn(line, "\r\n")] = '\0';
    return strcasecmp(line, "y") == 0 || strcasecmp(line, "yes") == 0;
}

static int misused(const struct airflow_line *l)
{
    (void)fprintf(stderr, "airflow%s%s: %s\n", l->command != NULL ? " " : "",
                  l->command != NULL ? l->command->name : "", err_str(l->e));
    return EXIT_MISUSED;
}

static int run_line(struct cli *cli, struct airflow_line *l)
{
    struct buf json BUF_CLEANUP;
    int code;

    buf_init(&json, OUTPUT_MAX);
    if (l->command->to == NULL) {
        (void)err_set(l->e, ERR_UNSUPPORTED, "%s", l->command->why);
        return misused(l);
    }
    if (!agreed(l)) {
        (void)fprintf(stderr, "Nothing was done; --yes does not ask.\n");
        return EXIT_FAILED;
    }
    if (l->command->view == AIRFLOW_TEXT) {
        return exit_of(run_words(cli, l, false), l->command);
    }
    code = run_captured(cli, l, &json);
    if (json.len == 0 && code != 0 && code == l->command->fine) {
        (void)buf_str(&json, "[]");
    }
    if (json.len != 0) {
        int shown = show(l, &json);

        code = code == 0 ? shown : code;
    }
    return exit_of(code, l->command);
}

/* Nothing, "help", or --help: what there is. */
static int tell(const char *name, int code)
{
    struct buf out BUF_CLEANUP;

    buf_init(&out, MiB(4));
    if (name != NULL && strcmp(name, "cheat-sheet") == 0) {
        (void)cli_airflow_cheat_sheet(&out);
    } else {
        (void)cli_airflow_help(name, &out);
    }
    (void)fputs(buf_cstr(&out), stdout);
    return code;
}

int cmd_airflow(struct cli *cli)
{
    const char *const *words;
    size_t n = cli_args(cli, "COMMAND", &words);
    struct err e = {0};
    struct arena a;
    struct airflow_line l = {.arena = &a, .e = &e};
    int rc, code;

    bool airflow_home = use_airflow_home(cli_given(cli, "home"));

    arena_init(&a, (size_t)2 << 30);
    if (n == 0) {
        arena_fini(&a);
        return tell(NULL, EXIT_MISUSED);
    }
    rc = cli_airflow_parse(words, n, &l);
    if (l.help) {
        code = tell(l.command != NULL ? l.command->name : n > 1 ? words[0] : NULL, 0);
    } else if (rc != 0) {
        code = misused(&l);
    } else if (strcmp(l.command->name, "cheat-sheet") == 0) {
        code = tell(l.command->name, 0);
    } else {
        code = run_line(cli, &l);
        if (airflow_home &&
            (code == EXIT_FAILED || code == 130 || strcmp(l.command->name, "tasks clear") == 0)) {
            /* What is told names commands of tradewind, which would look elsewhere. */
            (void)fprintf(stderr, "The home is %s (tradewind --home, or TRADEWIND_HOME).\n",
                          getenv("TRADEWIND_HOME"));
        }
    }
    arena_fini(&a);
    return code;
}
