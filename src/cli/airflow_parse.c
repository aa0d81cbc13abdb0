/* The words of a command line of Airflow's: as argparse reads them. Also its help, the cheat sheet and the reference. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cli/airflow.h"
#include "model/document.h"

const char *cli_airflow_value(const struct airflow_line *l, const char *name)
{
    for (size_t i = l->values_len; i-- > 0;) {
        if (strcmp(l->values[i].name, name) == 0) {
            return l->values[i].value;
        }
    }
    return NULL;
}

static int put_value(struct airflow_line *l, const char *name, const char *value)
{
    if (l->values_len == sizeof l->values / sizeof *l->values) {
        return err_set(l->e, ERR_USAGE, "too many options");
    }
    l->values[l->values_len].name = name;
    l->values[l->values_len++].value = value;
    return 0;
}

/* ---- which command ---- */

static const struct airflow_command *find(const char *name)
{
    for (const struct airflow_command *c = cli_airflow_table; c->name != NULL; c++) {
        if (strcmp(c->name, name) == 0) {
            return c;
        }
    }
    return NULL;
}

static bool is_below(const char *name, const char *group)
{
    size_t n = strlen(group);

    return strncmp(name, group, n) == 0 && name[n] == ' ';
}

static bool is_group(const char *word)
{
    for (const struct airflow_command *c = cli_airflow_table; c->name != NULL; c++) {
        if (is_below(c->name, word)) {
            return true;
        }
    }
    return false;
}

static int unknown(struct airflow_line *l, const char *name)
{
    const char *names[160], *near;
    size_t len = 0;

    for (const struct airflow_command *c = cli_airflow_table; c->name != NULL && len < 160; c++) {
        names[len++] = c->name;
    }
    near = nearest_word(name, names, len);
    return err_set(l->e, ERR_USAGE, "there is no command \"%.60s\"%s%s%s", name,
                   near != NULL ? "; did you mean \"" : "; `airflow --help` lists them",
                   near != NULL ? near : "", near != NULL ? "\"?" : "");
}

/* Two words name it, else one; *used: how many. */
static int find_command(struct airflow_line *l, const char *const *words, size_t n, size_t *used)
{
    char name[128];

    if (n > 1 && words[1][0] != '-') {
        (void)snprintf(name, sizeof name, "%s %s", words[0], words[1]);
        l->command = find(name);
        *used = 2;
    }
    if (l->command == NULL) {
        l->command = find(words[0]);
        *used = 1;
    }
    if (l->command != NULL) {
        return 0;
    }
    if (is_group(words[0]) && (n == 1 || words[1][0] == '-')) {
        l->help = n > 1 && (strcmp(words[1], "--help") == 0 || strcmp(words[1], "-h") == 0);
        return l->help
                   ? 0
                   : err_set(l->e, ERR_USAGE, "%s: which command? `airflow %s --help` lists them",
                             words[0], words[0]);
    }
    l->help = strcmp(words[0], "--help") == 0 || strcmp(words[0], "-h") == 0 ||
              strcmp(words[0], "help") == 0;
    return l->help ? 0 : unknown(l, n > 1 && is_group(words[0]) ? name : words[0]);
}

/* ---- options ---- */

static const struct airflow_option *search(const struct airflow_option *o, const char *name,
                                           size_t n, char letter, size_t *matches)
{
    const struct airflow_option *hit = NULL;

    for (; o != NULL && o->name != NULL; o++) {
        if (letter != 0 ? o->letter == letter : strncmp(o->name, name, n) == 0) {
            if (letter != 0 || o->name[n] == '\0') {
                *matches = 1;
                return o;
            }
            hit = o;
            (*matches)++;
        }
    }
    return hit;
}

/* By its name, a clear beginning of it, or its letter. */
static const struct airflow_option *find_option(struct airflow_line *l, const char *name, size_t n,
                                                char letter)
{
    size_t own = 0, common = 0;
    const struct airflow_option *a = search(l->command->options, name, n, letter, &own),
                                *b = search(cli_airflow_options, name, n, letter, &common);

    if (a != NULL && (letter != 0 || a->name[n] == '\0' || b == NULL || b->name[n] != '\0')) {
        if (own == 1 && (letter != 0 || a->name[n] == '\0' || common == 0)) {
            return a;
        }
    } else if (b != NULL && common == 1) {
        return b;
    }
    if (letter != 0) {
        (void)err_set(l->e, ERR_USAGE, "there is no option -%c", letter);
    } else {
        (void)err_set(l->e, ERR_USAGE, "%s option --%.*s",
                      own + common > 1 ? "several begin with the" : "there is no", (int)n, name);
    }
    return NULL;
}

/* --env-vars: an object of names to texts. */
static int set_environment(struct airflow_line *l, const char *json)
{
    struct value *v;
    int rc = value_parse(l->arena, json, strlen(json), &v, l->e);

    if (rc != 0 || v->kind != VALUE_OBJECT) {
        return err_set(l->e, ERR_USAGE, "--env-vars needs a JSON object of names to texts");
    }
    for (size_t i = 0; i < v->len; i++) {
        if (v->elems[i]->kind != VALUE_STRING ||
            setenv(v->keys[i].text, v->elems[i]->text, 1) != 0) {
            return err_set(l->e, ERR_USAGE, "--env-vars: the value of %s is not a text",
                           v->keys[i].text);
        }
    }
    return 0;
}

static int take(struct airflow_line *l, const struct airflow_option *o, const char *value)
{
    switch (o->to[0]) {
    case '\0':
        return 0;
    case '!':
        return err_set(l->e, ERR_USAGE, "--%s: %s", o->name, o->to + 1);
    case '%':
        return set_environment(l, value);
    case '$':
        return setenv(o->to + 1, value, 1) != 0 ? err_set(l->e, ERR_NOMEM, "out of memory") : 0;
    case '=':
        l->yes = l->yes || strcmp(o->to, "=YES") == 0;
        l->help = l->help || strcmp(o->to, "=HELP") == 0;
        return put_value(l, o->to + 1, value != NULL ? value : "1");
    default:
        l->given[l->given_len++] = o->to;
        l->given[l->given_len++] = value;
        return 0;
    }
}

static int take_long(struct airflow_line *l, const char *const *words, size_t n, size_t *i)
{
    const char *text = words[*i] + 2, *equals = strchr(text, '=');
    size_t len = equals != NULL ? (size_t)(equals - text) : strlen(text);
    const struct airflow_option *o = find_option(l, text, len, 0);

    if (o == NULL) {
        return -ERR_USAGE;
    }
    if (o->value == NULL) {
        return equals != NULL ? err_set(l->e, ERR_USAGE, "--%s takes no value", o->name)
                              : take(l, o, NULL);
    }
    if (equals == NULL && *i + 1 >= n) {
        return err_set(l->e, ERR_USAGE, "--%s needs a value: --%s %s", o->name, o->name, o->value);
    }
    return take(l, o, equals != NULL ? equals + 1 : words[++*i]);
}

static int take_letters(struct airflow_line *l, const char *const *words, size_t n, size_t *i)
{
    int rc = 0;

    for (const char *p = words[*i] + 1; rc == 0 && *p != '\0'; p++) {
        const struct airflow_option *o = find_option(l, "", 0, *p);

        if (o == NULL) {
            return -ERR_USAGE;
        }
        if (o->value == NULL) {
            rc = take(l, o, NULL);
        } else if (p[1] != '\0') {
            return take(l, o, p + 1 + (p[1] == '='));
        } else if (*i + 1 >= n) {
            return err_set(l->e, ERR_USAGE, "-%c needs a value: -%c %s", *p, *p, o->value);
        } else {
            return take(l, o, words[++*i]);
        }
    }
    return rc;
}

/* ---- arguments ---- */

/* The next name of "DAG_ID [DATE]"; NULL at the end. */
static const char *next_arg(const char **p, bool *optional, struct arena *a)
{
    const char *from, *name;

    *p += strspn(*p, " ");
    if (**p == '\0') {
        return NULL;
    }
    *optional = **p == '[';
    from = *p + *optional;
    *p += strcspn(*p, " ");
    name = arena_strndup(a, from, (size_t)(*p - from) - *optional);
    return name != NULL ? name : "";
}

static int fill_args(struct airflow_line *l, const char *const *words, size_t n)
{
    const char *p = l->command->args != NULL ? l->command->args : "", *name;
    bool optional;
    size_t at = 0;
    int rc = 0;

    while (rc == 0 && (name = next_arg(&p, &optional, l->arena)) != NULL) {
        if (at < n) {
            rc = put_value(l, name, words[at++]);
        } else if (!optional) {
            return err_set(l->e, ERR_USAGE, "%s is missing", name);
        }
    }
    return rc == 0 && at < n
               ? err_set(l->e, ERR_USAGE, "\"%.60s\" is one argument too many", words[at])
               : rc;
}

/* argparse takes "-1" for an argument where no option looks like a number. */
static bool is_word(const char *text)
{
    char *end;

    if (text[0] != '-' || text[1] == '\0') {
        return true;
    }
    (void)strtod(text, &end);
    return end != text && *end == '\0';
}

static int check_output(struct airflow_line *l)
{
    static const char *const known[] = {"table", "json", "yaml", "plain"};

    l->output = cli_airflow_value(l, "OUTPUT");
    if (l->output == NULL) {
        l->output = known[0];
    }
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(l->output, known[i]) == 0) {
            return 0;
        }
    }
    return err_set(l->e, ERR_USAGE, "--output is table, json, yaml or plain, not \"%.60s\"",
                   l->output);
}

int cli_airflow_parse(const char *const *words, size_t n, struct airflow_line *l)
{
    const char **args = arena_array(l->arena, n + 1, sizeof *args);
    size_t used = 0, args_len = 0, room = 2;
    bool options = true;
    int rc = find_command(l, words, n, &used);

    for (size_t i = 0; i < n; i++) {
        room += 2 * (strlen(words[i]) + 1); /* a bundle of letters gives several options */
    }
    l->given = arena_array(l->arena, room, sizeof *l->given);
    if (rc != 0 || l->command == NULL) {
        return rc;
    }
    if (args == NULL || l->given == NULL) {
        return err_set(l->e, ERR_NOMEM, "out of memory");
    }
    for (size_t i = used; rc == 0 && i < n; i++) {
        if (options && strcmp(words[i], "--") == 0) {
            options = false;
        } else if (options && strncmp(words[i], "--", 2) == 0) {
            rc = l->command->to != NULL || strcmp(words[i], "--help") == 0
                     ? take_long(l, words, n, &i)
                     : 0;
        } else if (options && !is_word(words[i])) {
            rc = l->command->to != NULL ? take_letters(l, words, n, &i) : 0;
        } else {
            args[args_len++] = words[i];
        }
    }
    if (rc != 0 || l->help || l->command->to == NULL) {
        return rc; /* what is not built says so, however it is called */
    }
    rc = fill_args(l, args, args_len);
    return rc == 0 ? check_output(l) : rc;
}

/* ---- help ---- */

static void help_options(const struct airflow_option *o, struct buf *out)
{
    for (; o != NULL && o->name != NULL; o++) {
        bool refused = o->to[0] == '!';

        if (o->letter != 0) {
            (void)buf_printf(out, "  -%c, ", o->letter);
        } else {
            (void)buf_str(out, "      ");
        }
        (void)buf_printf(out, "--%s%s%s%s\n", o->name, o->value != NULL ? " " : "",
                         o->value != NULL ? o->value : "",
                         refused            ? "   (refused)"
                         : o->to[0] == '\0' ? "   (nothing to do)"
                                            : "");
    }
}

static int help_command(const struct airflow_command *c, struct buf *out)
{
    (void)buf_printf(out, "airflow %s: %s.\n\nUsage\n  airflow %s%s%s%s\n", c->name, c->summary,
                     c->name, c->to != NULL ? " [options]" : "", c->args != NULL ? " " : "",
                     c->args != NULL ? c->args : "");
    if (c->why != NULL) {
        (void)buf_printf(out, "\n%s%s.\n",
                         c->to == NULL ? "Not built: " : "Not as in Airflow: ", c->why);
    }
    if (c->to != NULL) {
        (void)buf_str(out, "\nOptions\n");
        help_options(c->options, out);
        help_options(cli_airflow_options, out);
    }
    return buf_status(out);
}

static void help_list(const char *group, bool built, struct buf *out)
{
    for (const struct airflow_command *c = cli_airflow_table; c->name != NULL; c++) {
        bool is_built = c->to != NULL || strcmp(c->name, "cheat-sheet") == 0;

        if (is_built == built && (group == NULL || is_below(c->name, group))) {
            (void)buf_printf(out, "  %-32s%s\n", c->name, c->summary);
        }
    }
}

int cli_airflow_help(const char *name, struct buf *out)
{
    const struct airflow_command *c = name != NULL ? find(name) : NULL;

    if (c != NULL) {
        return help_command(c, out);
    }
    if (name != NULL && !is_group(name)) {
        name = NULL;
    }
    (void)buf_printf(out,
                     "Airflow's command line, answered by Tradewind.\n\nUsage\n  airflow %s%s"
                     "COMMAND [options]\n\nCommands\n",
                     name != NULL ? name : "", name != NULL ? " " : "");
    help_list(name, true, out);
    (void)buf_str(out, "\nNot built; each says what to use instead\n");
    help_list(name, false, out);
    return buf_status(out);
}

int cli_airflow_cheat_sheet(struct buf *out)
{
    for (const struct airflow_command *c = cli_airflow_table; c->name != NULL; c++) {
        (void)buf_printf(out, "airflow %s%s%s\n    %s%s%s\n", c->name, c->args != NULL ? " " : "",
                         c->args != NULL ? c->args : "", c->summary,
                         c->to == NULL && c->why != NULL ? ": not built; " : "",
                         c->to == NULL && c->why != NULL ? c->why : "");
    }
    return buf_status(out);
}

/* ---- the reference ---- */

/* "tradewind dags list" of a template: its words that are no options and no arguments. */
static void our_words(const char *to, struct buf *out)
{
    const char *p = to;

    if (strncmp(to, "python ", 7) == 0) {
        (void)buf_str(out, "the Python environment");
        return;
    }
    (void)buf_str(out, "`tradewind");
    for (size_t n; *p != '\0' && *p != '{' && *p != '-'; p += n + (p[n] == ' ')) {
        n = strcspn(p, " ");
        (void)buf_printf(out, " %.*s", (int)n, p);
    }
    (void)buf_char(out, '`');
}

/* The names of options that are like `kind` ('!' refused, '\0' without meaning, else the others). */
static void name_options(const struct airflow_option *o, char kind, struct buf *out)
{
    bool first = true;

    for (; o != NULL && o->name != NULL; o++) {
        bool same =
            kind == '!' || kind == '\0' ? o->to[0] == kind : o->to[0] != '!' && o->to[0] != '\0';

        if (same) {
            (void)buf_printf(out, "%s`--%s`", first ? "" : " ", o->name);
            first = false;
        }
    }
}

int cli_airflow_reference(struct buf *out)
{
    (void)buf_str(
        out,
        "# The airflow command\n\nWritten by `tradewind man --markdown docs/reference` from the "
        "table in `src/cli/airflow_table.c`; what it is for: [From Airflow](../guide/airflow.md)."
        "\n\n`-o`, `--output` is table, json, yaml or plain; `-v`, `--color` and `--bundle-name` "
        "are taken and change nothing.\n\n## What there is\n\n| command | done by | options | "
        "taken, without effect | refused | not as in Airflow |\n|---|---|---|---|---|---|\n");
    for (const struct airflow_command *c = cli_airflow_table; c->name != NULL; c++) {
        if (c->to == NULL) {
            continue;
        }
        (void)buf_printf(out, "| `%s%s%s` | ", c->name, c->args != NULL ? " " : "",
                         c->args != NULL ? c->args : "");
        our_words(c->to, out);
        for (const char *k = "=\0!"; k < "=\0!" + 3; k++) {
            (void)buf_str(out, " | ");
            name_options(c->options, *k, out);
        }
        (void)buf_printf(out, " | %s |\n", c->why != NULL ? c->why : "");
    }
    (void)buf_str(out, "\n## What is not built\n\nExit code 2, and these words.\n\n| command | "
                       "what to use |\n|---|---|\n");
    for (const struct airflow_command *c = cli_airflow_table; c->name != NULL; c++) {
        if (c->to == NULL && c->why != NULL) {
            (void)buf_printf(out, "| `%s` | %s |\n", c->name, c->why);
        }
    }
    return buf_status(out);
}
