/* --help at every level, within the given width. */
#include "cli/help.h"

#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "cli/term.h"

const struct exit_line common_exits[] = {
    {0, "it worked"},
    {1, "the run, or the task, failed"},
    {64, "the command line is wrong"},
    {65, "a file or a value is wrong"},
    {66, "what was named is not there"},
    {69, "it is not supported"},
    {71, "out of memory"},
    {73, "what was to be made is there already"},
    {74, "reading or writing failed, or the store is damaged"},
    {75, "another process is busy with it; try again"},
    {76, "made by a newer version"},
    {77, "not allowed"},
    {130, "interrupted"},
    {0, NULL},
};

void usage_args(const struct command *c, struct buf *out)
{
    for (const struct cli_argument *a = c->args; a != NULL && a->name != NULL; a++) {
        buf_printf(out, a->optional ? " [%s%s]" : " %s%s", a->name, a->repeat ? "..." : "");
    }
}

void option_term(const struct cli_option *o, bool align, struct buf *out)
{
    if (o->letter != 0) {
        buf_printf(out, "-%c, ", o->letter);
    } else if (align) {
        buf_str(out, "    ");
    }
    buf_printf(out, "--%s%s%s", o->name, o->value != NULL ? " " : "",
               o->value != NULL ? o->value : "");
}

int next_exit(const char **p, const char **text, size_t *len)
{
    int code = 0;

    if (*p == NULL || **p == 0) {
        return -1;
    }
    for (; **p >= '0' && **p <= '9'; (*p)++) {
        code = code * 10 + (**p - '0');
    }
    *text = *p + (**p == ' ');
    *len = strcspn(*text, "\n");
    *p = *text + *len + ((*text)[*len] == '\n');
    return code;
}

struct help {
    bool color;
    int width;
    struct buf *out;
};

static void title(const struct help *h, const char *text)
{
    buf_printf(h->out, h->color ? "\n\x1b[1m%s\x1b[0m\n" : "\n%s\n", text);
}

/* Words of text from column `indent` on, broken before the width; paragraphs end at an empty line.
 */
static void wrap(const struct help *h, const char *text, int indent, int column)
{
    while (*text != 0) {
        size_t n = strcspn(text, " \n"), w = text_width(text, n);

        if (column > indent && column + 1 + (int)w > h->width) {
            buf_printf(h->out, "\n%*s", indent, "");
            column = indent;
        } else if (column > indent) {
            buf_char(h->out, ' ');
            column++;
        }
        buf_append(h->out, text, n);
        column += (int)w;
        text += n;
        if (text[0] == '\n' && text[1] == '\n') {
            buf_printf(h->out, "\n\n%*s", indent, "");
            column = indent;
            text++;
        }
        text += *text != 0;
    }
    buf_char(h->out, '\n');
}

#define TERM_MAX 26

/* "  term   what it is", with the meaning in its own column. */
static void entry(const struct help *h, const char *term, int column, const char *meaning,
                  const char *dflt)
{
    struct buf text BUF_CLEANUP;
    size_t w = text_width(term, strlen(term));

    buf_init(&text, KiB(16));
    buf_str(&text, meaning);
    if (dflt != NULL) {
        buf_printf(&text, " (default: %s)", dflt);
    }
    buf_printf(h->out, "  %s", term);
    if (2 + (int)w + 2 > column) {
        buf_printf(h->out, "\n%*s", column, "");
    } else {
        buf_printf(h->out, "%*s", column - 2 - (int)w, "");
    }
    wrap(h, buf_cstr(&text), column, column);
}

static void options(const struct help *h, const char *name, const struct cli_option *o)
{
    struct buf term BUF_CLEANUP;
    size_t widest = 0;

    buf_init(&term, KiB(1));
    for (const struct cli_option *p = o; p->name != NULL; p++) {
        buf_clear(&term);
        option_term(p, true, &term);
        if (term.len <= TERM_MAX && term.len > widest) {
            widest = term.len;
        }
    }
    title(h, name);
    for (; o->name != NULL; o++) {
        buf_clear(&term);
        option_term(o, true, &term);
        entry(h, buf_cstr(&term), (int)widest + 4, o->help, o->dflt);
    }
}

static void commands(const struct help *h, const struct command *group)
{
    size_t skip = group != NULL ? strlen(group->name) + 1 : 0, widest = 0;

    for (int pass = 0; pass < 2; pass++) {
        for (const struct command *c = command_table; c->name != NULL; c++) {
            bool shown = group != NULL ? command_is_below(c, group) : strchr(c->name, ' ') == NULL;

            if (shown && pass == 0) {
                widest = strlen(c->name + skip) > widest ? strlen(c->name + skip) : widest;
            } else if (shown) {
                entry(h, c->name + skip, (int)widest + 4, c->summary, NULL);
            }
        }
    }
}

static void help_top(const struct help *h)
{
    buf_str(h->out, "tradewind runs data pipelines: DAGs of tasks, written in YAML or Python.\n");
    title(h, "Usage");
    buf_str(h->out, "  tradewind COMMAND [options]\n");
    title(h, "Commands");
    commands(h, NULL);
    options(h, "Options of every command", global_options);
    buf_str(h->out, "\nTry `tradewind run FILE`. " HELP_EPILOGUE "\n");
}

static void help_group(const struct help *h, const struct command *c)
{
    buf_printf(h->out, "tradewind %s: %s.\n", c->name, c->summary);
    title(h, "Usage");
    buf_printf(h->out, "  tradewind %s COMMAND [options]\n", c->name);
    title(h, "Commands");
    commands(h, c);
    buf_printf(h->out, "\n`tradewind %s COMMAND --help` tells more about a command.\n", c->name);
}

static void help_exits(const struct help *h, const struct command *c)
{
    const char *p = c->exits, *text;
    size_t len;
    int code;

    if (p == NULL) {
        return;
    }
    title(h, "Exit codes");
    while ((code = next_exit(&p, &text, &len)) >= 0) {
        buf_printf(h->out, "  %-4d%.*s\n", code, (int)len, text);
    }
}

static void help_examples(const struct help *h, const struct command *c)
{
    if (c->examples == NULL) {
        return;
    }
    title(h, "Examples");
    for (const struct cli_example *x = c->examples; x->line != NULL; x++) {
        if (x->help != NULL) {
            buf_printf(h->out, "  # %s\n", x->help);
        }
        buf_printf(h->out, "  %s\n", x->line);
    }
}

static void help_command(const struct help *h, const struct command *c)
{
    size_t widest = 0;

    buf_printf(h->out, "tradewind %s: %s.\n", c->name, c->summary);
    title(h, "Usage");
    buf_printf(h->out, "  tradewind %s%s", c->name, c->options != NULL ? " [options]" : "");
    usage_args(c, h->out);
    buf_char(h->out, '\n');
    if (c->description != NULL) {
        buf_char(h->out, '\n');
        wrap(h, c->description, 0, 0);
    }
    for (const struct cli_argument *a = c->args; a != NULL && a->name != NULL; a++) {
        widest = strlen(a->name) > widest ? strlen(a->name) : widest;
    }
    if (c->args != NULL) {
        title(h, "Arguments");
    }
    for (const struct cli_argument *a = c->args; a != NULL && a->name != NULL; a++) {
        entry(h, a->name, (int)widest + 4, a->help, NULL);
    }
    if (c->options != NULL) {
        options(h, "Options", c->options);
    }
    help_exits(h, c);
    help_examples(h, c);
    buf_str(h->out, "\nOptions of every command: `tradewind --help`.\n");
}

int help_text(const char *name, bool color, int width, struct buf *out)
{
    const struct help h = {.color = color,
                           .width = width < 40   ? 40
                                    : width > 80 ? 80
                                                 : width,
                           .out = out};
    const struct command *c;

    if (name == NULL || name[0] == 0) {
        help_top(&h);
        return buf_status(out);
    }
    c = command_find(name);
    if (c == NULL) {
        return -ERR_NOTFOUND;
    }
    if (command_is_group(c)) {
        help_group(&h, c);
    } else {
        help_command(&h, c);
    }
    return buf_status(out);
}
