/*
 * Parses a command line by the table, with the manners of getopt_long: options anywhere,
 * --name=value, --name value, -j4, -j 4, -qv; after "--" only arguments. A long name may be cut
 * while it is clear.
 */
#include "cli/command.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/time.h"
#include "model/document.h"

struct given {
    const struct cli_option *option;
    const char *value;   /* NULL for a flag */
    size_t first, count; /* its option's values in cli->all: of an option's first entry */
};

struct cli {
    const struct command *command;
    const char **words; /* arguments, in order */
    size_t words_len;
    const char **slots; /* by the command's arguments: the first word of each, or NULL */
    size_t *slot_len;
    struct given *given;
    size_t given_len;
    const char **all; /* the values, those of one option side by side */
    struct arena arena;
};

struct parse {
    struct cli *cli;
    int argc, i;
    char *const *argv;
    const struct command *group; /* "dags" was read, its command not yet */
    bool help, version;
    struct err *e;
};

static const struct cli_option *find_in(const struct cli_option *o, const char *name, size_t n,
                                        size_t *matches)
{
    const struct cli_option *hit = NULL;

    for (; o != NULL && o->name != NULL; o++) {
        if (strncmp(o->name, name, n) == 0) {
            if (o->name[n] == 0) {
                *matches = 1;
                return o;
            }
            hit = o;
            (*matches)++;
        }
    }
    return hit;
}

/* The long option called name[0..n): the command's before the global ones; a unique beginning is
 * enough. */
static const struct cli_option *find_long(const struct command *c, const char *name, size_t n,
                                          size_t *matches)
{
    size_t own = 0, common = 0;
    const struct cli_option *a = c != NULL ? find_in(c->options, name, n, &own) : NULL;
    const struct cli_option *b = find_in(global_options, name, n, &common);

    if (a != NULL && a->name[n] == 0) {
        *matches = 1;
        return a;
    }
    if (b != NULL && b->name[n] == 0) {
        *matches = 1;
        return b;
    }
    *matches = own + common;
    return a != NULL ? a : b;
}

static const struct cli_option *find_short(const struct command *c, char letter)
{
    const struct cli_option *lists[] = {c != NULL ? c->options : NULL, global_options};

    for (size_t i = 0; i < 2; i++) {
        for (const struct cli_option *o = lists[i]; o != NULL && o->name != NULL; o++) {
            if (o->letter == letter) {
                return o;
            }
        }
    }
    return NULL;
}

/* "dags list" for messages; "" before a command is known. */
static const char *where(const struct parse *p)
{
    return p->cli->command != NULL ? p->cli->command->name : p->group != NULL ? p->group->name : "";
}

static const char *colon(const struct parse *p)
{
    return where(p)[0] != 0 ? ": " : "";
}

static int unknown_option(struct parse *p, const char *text, size_t n)
{
    const struct cli_option *own = p->cli->command != NULL ? p->cli->command->options : NULL;
    const char *names[64], *near;
    char word[64];
    size_t len = 0;

    for (const struct cli_option *o = own; o != NULL && o->name != NULL && len < 32; o++) {
        names[len++] = o->name;
    }
    for (const struct cli_option *o = global_options; o->name != NULL && len < 64; o++) {
        names[len++] = o->name;
    }
    (void)snprintf(word, sizeof word, "%.*s", (int)(n > 60 ? 60 : n), text);
    near = nearest_word(word, names, len);
    return err_set(p->e, ERR_USAGE, "%s%sthere is no option --%s%s%s%s", where(p), colon(p), word,
                   near != NULL ? "; did you mean --" : "", near != NULL ? near : "",
                   near != NULL ? "?" : "");
}

static int check_json(struct parse *p, const struct cli_option *o, const char *text)
{
    struct arena a;
    struct value *v;
    int rc;

    arena_init(&a, LIMIT_DOC_BYTES);
    rc = value_parse(&a, text, strlen(text), &v, p->e);
    arena_fini(&a);
    if (rc != 0 && rc != -ERR_NOMEM) {
        (void)err_prefix(p->e, rc, "--%s is not JSON", o->name);
        p->e->code = -ERR_USAGE;
        return -ERR_USAGE;
    }
    return rc;
}

static int check_value(struct parse *p, const struct cli_option *o, const char *value)
{
    int64_t t;
    char *end;
    long long n;

    switch (o->type) {
    case OPTION_INT:
        n = strtoll(value, &end, 10);
        if (end == value || *end != 0 || n < o->min || n > o->max) {
            return err_set(p->e, ERR_USAGE, "--%s needs a number from %lld to %lld, not \"%.60s\"",
                           o->name, (long long)o->min, (long long)o->max, value);
        }
        return 0;
    case OPTION_TIME:
        if (time_parse(value, strlen(value), &t) != 0) {
            return err_set(p->e, ERR_USAGE,
                           "--%s needs a time such as 2026-01-31 or 2026-01-31T12:00:00Z, not "
                           "\"%.60s\"",
                           o->name, value);
        }
        return 0;
    case OPTION_JSON:
        return check_json(p, o, value);
    default:
        return 0;
    }
}

static int give(struct parse *p, const struct cli_option *o, const char *value)
{
    int rc = value != NULL ? check_value(p, o, value) : 0;

    if (rc == 0) {
        p->cli->given[p->cli->given_len++] = (struct given){.option = o, .value = value};
        p->help = p->help || strcmp(o->name, "help") == 0;
        p->version = p->version || strcmp(o->name, "version") == 0;
    }
    return rc;
}

static int parse_long(struct parse *p, const char *text)
{
    const char *equals = strchr(text, '='), *value = NULL;
    size_t n = equals != NULL ? (size_t)(equals - text) : strlen(text), matches = 0;
    const struct cli_option *o = find_long(p->cli->command, text, n, &matches);

    if (o == NULL || n == 0) {
        return unknown_option(p, text, n);
    }
    if (matches > 1) {
        return err_set(p->e, ERR_USAGE, "--%.*s is not clear: --%s or another one?", (int)n, text,
                       o->name);
    }
    if (o->type == OPTION_FLAG) {
        return equals != NULL ? err_set(p->e, ERR_USAGE, "--%s takes no value", o->name)
                              : give(p, o, NULL);
    }
    if (equals != NULL) {
        value = equals + 1;
    } else if (p->i + 1 < p->argc) {
        value = p->argv[++p->i];
    } else {
        return err_set(p->e, ERR_USAGE, "--%s needs a value: --%s %s", o->name, o->name, o->value);
    }
    return give(p, o, value);
}

static int parse_short(struct parse *p, const char *text)
{
    int rc = 0;

    for (; rc == 0 && *text != 0; text++) {
        const struct cli_option *o = find_short(p->cli->command, *text);

        if (o == NULL) {
            return err_set(p->e, ERR_USAGE, "%s%sthere is no option -%c", where(p), colon(p),
                           *text);
        }
        if (o->type == OPTION_FLAG) {
            rc = give(p, o, NULL);
            continue;
        }
        if (text[1] != 0) {
            return give(p, o, text + 1);
        }
        if (p->i + 1 >= p->argc) {
            return err_set(p->e, ERR_USAGE, "-%c needs a value: -%c %s", *text, *text, o->value);
        }
        return give(p, o, p->argv[++p->i]);
    }
    return rc;
}

static int unknown_command(struct parse *p, const char *word)
{
    const char *names[64], *near;
    size_t len = 0, skip = p->group != NULL ? strlen(p->group->name) + 1 : 0;

    for (const struct command *c = command_table; c->name != NULL && len < 64; c++) {
        if (p->group != NULL ? command_is_below(c, p->group) : strchr(c->name, ' ') == NULL) {
            names[len++] = c->name + skip;
        }
    }
    near = nearest_word(word, names, len);
    return err_set(p->e, ERR_USAGE, "there is no command \"%s%s%.60s\"%s%s%s",
                   p->group != NULL ? p->group->name : "", p->group != NULL ? " " : "", word,
                   near != NULL ? "; did you mean \"" : "; `tradewind --help` lists them",
                   near != NULL ? near : "", near != NULL ? "\"?" : "");
}

/* A word that is no option: the command, or an argument of it. */
static int parse_word(struct parse *p, const char *word)
{
    char name[128];
    const struct command *c;

    if (p->cli->command != NULL) {
        p->cli->words[p->cli->words_len++] = word;
        return 0;
    }
    (void)snprintf(name, sizeof name, "%s%s%s", p->group != NULL ? p->group->name : "",
                   p->group != NULL ? " " : "", word);
    c = strchr(word, ' ') == NULL ? command_find(name) : NULL;
    if (c == NULL) {
        return unknown_command(p, word);
    }
    if (command_is_group(c)) {
        p->group = c;
    } else {
        p->cli->command = c;
    }
    return 0;
}

static int parse_all(struct parse *p)
{
    bool options = true;
    int rc = 0;

    for (p->i = 1; rc == 0 && p->i < p->argc; p->i++) {
        const char *text = p->argv[p->i];

        options = options && (p->cli->command == NULL || !p->cli->command->rest);
        if (options && strcmp(text, "--") == 0) {
            options = false;
        } else if (options && strncmp(text, "--", 2) == 0) {
            rc = parse_long(p, text + 2);
        } else if (options && text[0] == '-' && text[1] != 0) {
            rc = parse_short(p, text + 1);
        } else {
            rc = parse_word(p, text);
        }
    }
    return rc;
}

static int check_words(struct parse *p, const struct cli_argument *a, const char *word)
{
    const char *hit = a->words;
    size_t n = strlen(word);

    while (n > 0 && hit != NULL && (hit = strstr(hit, word)) != NULL) {
        if ((hit == a->words || hit[-1] == ' ') && (hit[n] == 0 || hit[n] == ' ')) {
            return 0;
        }
        hit++;
    }
    return a->words == NULL ? 0
                            : err_set(p->e, ERR_USAGE, "%s must be one of: %s; not \"%.60s\"",
                                      a->name, a->words, word);
}

/* Puts the words into the argument slots: required ones first, optional ones take what is left,
 * from the left. */
static int fill_slots(struct parse *p)
{
    struct cli *cli = p->cli;
    const struct cli_argument *a = cli->command->args;
    size_t n = 0, required = 0, spare, w = 0;
    int rc = 0;

    while (a != NULL && a[n].name != NULL) {
        required += !a[n++].optional;
    }
    cli->slots = arena_array(&cli->arena, n + 1, sizeof *cli->slots);
    cli->slot_len = arena_array(&cli->arena, n + 1, sizeof *cli->slot_len);
    if (cli->slots == NULL || cli->slot_len == NULL) {
        return err_set(p->e, ERR_NOMEM, "out of memory");
    }
    spare = cli->words_len > required ? cli->words_len - required : 0;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        size_t take = a[i].optional ? spare > 0 : 1;

        if (!a[i].optional && w >= cli->words_len) {
            return err_set(p->e, ERR_USAGE, "%s: %s is missing: %s", cli->command->name, a[i].name,
                           a[i].help);
        }
        spare -= a[i].optional && !a[i].repeat ? take : 0;
        take = a[i].repeat ? cli->words_len - w : take;
        cli->slots[i] = take > 0 ? cli->words[w] : NULL;
        cli->slot_len[i] = take;
        for (; rc == 0 && take > 0; take--) {
            rc = check_words(p, &a[i], cli->words[w++]);
        }
    }
    if (rc == 0 && w < cli->words_len) {
        rc = err_set(p->e, ERR_USAGE, "%s: \"%.60s\" is one argument too many", cli->command->name,
                     cli->words[w]);
    }
    return rc;
}

/* --help: the command becomes "help", its arguments the words of the command that was named. */
static int turn_to_help(struct parse *p)
{
    const char *name = where(p), *space = strchr(name, ' ');
    struct cli *cli = p->cli;

    cli->words_len = 0;
    if (p->version && !p->help) {
        cli->command = command_find("version");
        return 0;
    }
    if (name[0] != 0) {
        cli->words[cli->words_len++] =
            space != NULL ? arena_strndup(&cli->arena, name, (size_t)(space - name)) : name;
        if (space != NULL) {
            cli->words[cli->words_len++] = space + 1;
        }
    }
    cli->command = command_find("help");
    return cli->words_len > 0 && cli->words[0] == NULL ? err_set(p->e, ERR_NOMEM, "out of memory")
                                                       : 0;
}

/* Lays the values of each option side by side, in the order given. */
static void gather(struct cli *cli)
{
    size_t used = 0;

    for (size_t i = 0; i < cli->given_len; i++) {
        const struct cli_option *o = cli->given[i].option;
        bool seen = o->type == OPTION_FLAG;

        for (size_t k = 0; k < i && !seen; k++) {
            seen = cli->given[k].option == o;
        }
        cli->given[i].first = used;
        for (size_t k = i; k < cli->given_len && !seen; k++) {
            if (cli->given[k].option == o) {
                cli->all[used++] = cli->given[k].value;
            }
        }
        cli->given[i].count = used - cli->given[i].first;
    }
}

static int find_command(struct parse *p)
{
    struct cli *cli = p->cli;
    int rc = parse_all(p);

    if (rc == 0 && (p->help || p->version || p->argc <= 1)) {
        return turn_to_help(p);
    }
    if (rc == 0 && cli->command == NULL) {
        return p->group != NULL
                   ? err_set(p->e, ERR_USAGE, "%s: which command? `tradewind %s --help` lists them",
                             p->group->name, p->group->name)
                   : err_set(p->e, ERR_USAGE, "which command? `tradewind --help` lists them");
    }
    return rc;
}

int cli_parse(int argc, char *const *argv, struct cli **ret, struct err *e)
{
    struct cli *cli = mem_zalloc(sizeof *cli);
    struct parse p = {.cli = cli, .argc = argc, .argv = argv, .e = e};
    size_t letters = 0; /* a bundle of short flags gives as many options as letters */
    int rc;

    if (cli == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory");
    }
    arena_init(&cli->arena, MiB(64));
    for (int i = 0; i < argc; i++) {
        letters += strlen(argv[i]) + 1;
    }
    cli->words = arena_array(&cli->arena, (size_t)argc + 4, sizeof *cli->words);
    cli->given = arena_array(&cli->arena, letters + 1, sizeof *cli->given);
    cli->all = arena_array(&cli->arena, letters + 1, sizeof *cli->all);
    rc = cli->words == NULL || cli->given == NULL || cli->all == NULL
             ? err_set(e, ERR_NOMEM, "out of memory")
             : find_command(&p);
    rc = rc != 0 ? rc : fill_slots(&p);
    if (rc != 0) {
        cli_free(cli);
        return rc;
    }
    gather(cli);
    *ret = cli;
    return 0;
}

void cli_free(struct cli *cli)
{
    if (cli != NULL) {
        arena_fini(&cli->arena);
        mem_free(cli);
    }
}

const struct command *cli_command(const struct cli *cli)
{
    return cli->command;
}

static bool find_slot(const struct cli *cli, const char *name, size_t *ret)
{
    const struct cli_argument *a = cli->command->args;

    for (size_t i = 0; a != NULL && a[i].name != NULL; i++) {
        if (strcmp(a[i].name, name) == 0) {
            *ret = i;
            return true;
        }
    }
    return false;
}

const char *cli_arg(const struct cli *cli, const char *name)
{
    size_t i;

    return find_slot(cli, name, &i) ? cli->slots[i] : NULL;
}

size_t cli_args(const struct cli *cli, const char *name, const char *const **ret)
{
    size_t i, from = 0;

    *ret = NULL;
    if (!find_slot(cli, name, &i) || cli->slot_len[i] == 0) {
        return 0;
    }
    for (size_t k = 0; k < i; k++) {
        from += cli->slot_len[k];
    }
    *ret = &cli->words[from];
    return cli->slot_len[i];
}

const char *cli_opt(const struct cli *cli, const char *name)
{
    const struct cli_option *o;
    size_t matches;

    for (size_t i = cli->given_len; i-- > 0;) {
        if (strcmp(cli->given[i].option->name, name) == 0) {
            return cli->given[i].value;
        }
    }
    o = find_long(cli->command, name, strlen(name), &matches);
    return o != NULL ? o->dflt : NULL;
}

int cli_count(const struct cli *cli, const char *name)
{
    int n = 0;

    for (size_t i = 0; i < cli->given_len; i++) {
        n += strcmp(cli->given[i].option->name, name) == 0;
    }
    return n;
}

bool cli_given(const struct cli *cli, const char *name)
{
    return cli_count(cli, name) > 0;
}

bool cli_flag(const struct cli *cli, const char *name)
{
    return cli_given(cli, name);
}

size_t cli_opt_all(const struct cli *cli, const char *name, const char *const **ret)
{
    for (size_t i = 0; i < cli->given_len; i++) {
        if (strcmp(cli->given[i].option->name, name) == 0) {
            *ret = &cli->all[cli->given[i].first];
            return cli->given[i].count;
        }
    }
    *ret = NULL;
    return 0;
}

int64_t cli_opt_int(const struct cli *cli, const char *name)
{
    const char *value = cli_opt(cli, name);

    return value != NULL ? strtoll(value, NULL, 10) : 0;
}

int cli_fail(int rc, const struct err *e)
{
    (void)fprintf(stderr, "tradewind: %s\n", e != NULL && e->text[0] != 0 ? e->text : err_text(rc));
    return err_exit_code(rc);
}
