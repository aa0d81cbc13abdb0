/* Man pages and the reference in Markdown, made from the table. */
#include <string.h>

#include "base/buf.h"
#include "cli/help.h"

/* Text in roff: dashes and backslashes as they are, no line that begins with a control character;
 * `code` in bold. */
static void roff(const char *s, struct buf *out)
{
    bool start = true, bold = false;

    for (; *s != 0; s++) {
        if (start && (*s == '.' || *s == '\'')) {
            buf_str(out, "\\&");
        }
        start = false;
        if (*s == '`') {
            bold = !bold;
            buf_str(out, bold ? "\\fB" : "\\fR");
        } else if (*s == '-') {
            buf_str(out, "\\-");
        } else if (*s == '\\') {
            buf_str(out, "\\e");
        } else if (s[0] == '\n' && s[1] == '\n') {
            buf_str(out, "\n.PP\n");
            s++;
            start = true;
        } else {
            buf_char(out, *s);
        }
    }
    buf_char(out, '\n');
}

static void roff_name(const struct command *c, char sep, struct buf *out)
{
    buf_str(out, "tradewind");
    if (c != NULL) {
        buf_char(out, sep);
        for (const char *p = c->name; *p != 0; p++) {
            buf_char(out, *p == ' ' ? sep : *p);
        }
    }
}

static void roff_options(const struct cli_option *o, struct buf *out)
{
    for (; o->name != NULL; o++) {
        buf_str(out, ".TP\n");
        if (o->letter != 0) {
            buf_printf(out, "\\fB\\-%c\\fR, ", o->letter);
        }
        buf_str(out, "\\fB\\-\\-");
        for (const char *p = o->name; *p != 0; p++) {
            buf_str(out, *p == '-' ? "\\-" : (char[]){*p, 0});
        }
        buf_str(out, "\\fR");
        if (o->value != NULL) {
            buf_printf(out, " \\fI%s\\fR", o->value);
        }
        buf_char(out, '\n');
        roff(o->help, out);
        if (o->dflt != NULL) {
            buf_str(out, "Default: ");
            roff(o->dflt, out);
        }
    }
}

static void roff_exits(const struct command *c, struct buf *out)
{
    const char *p = c != NULL ? c->exits : NULL, *text;
    size_t len;
    int code;

    if (c != NULL && p == NULL) {
        return;
    }
    buf_str(out, ".SH EXIT STATUS\n");
    for (const struct exit_line *x = common_exits; c == NULL && x->text != NULL; x++) {
        buf_printf(out, ".TP\n%d\n%s\n", x->code, x->text);
    }
    while ((code = next_exit(&p, &text, &len)) >= 0) {
        buf_printf(out, ".TP\n%d\n%.*s\n", code, (int)len, text);
    }
}

static void roff_commands(const struct command *group, struct buf *out)
{
    buf_str(out, ".SH COMMANDS\n");
    for (const struct command *c = command_table; c->name != NULL; c++) {
        if ((group == NULL || command_is_below(c, group)) && !command_is_group(c)) {
            buf_str(out, ".TP\n\\fB");
            roff_name(c, '-', out);
            buf_str(out, "\\fR(1)\n");
            roff(c->summary, out);
        }
    }
}

static void roff_body(const struct command *c, struct buf *out)
{
    buf_str(out, ".SH SYNOPSIS\n\\fBtradewind ");
    buf_str(out, c->name);
    buf_str(out, "\\fR");
    if (command_is_group(c)) {
        buf_str(out, " \\fICOMMAND\\fR [options]");
    } else if (c->options != NULL) {
        buf_str(out, " [options]");
    }
    for (const struct cli_argument *a = c->args; a != NULL && a->name != NULL; a++) {
        buf_printf(out, " %s\\fI%s\\fR%s%s", a->optional ? "[" : "", a->name,
                   a->repeat ? "..." : "", a->optional ? "]" : "");
    }
    buf_char(out, '\n');
    if (c->description != NULL) {
        buf_str(out, ".SH DESCRIPTION\n");
        roff(c->description, out);
    }
    if (command_is_group(c)) {
        roff_commands(c, out);
    }
    if (c->args != NULL) {
        buf_str(out, ".SH ARGUMENTS\n");
    }
    for (const struct cli_argument *a = c->args; a != NULL && a->name != NULL; a++) {
        buf_printf(out, ".TP\n\\fI%s\\fR\n", a->name);
        roff(a->help, out);
    }
    if (c->options != NULL) {
        buf_str(out, ".SH OPTIONS\n");
        roff_options(c->options, out);
    }
    roff_exits(c, out);
    if (c->examples != NULL) {
        buf_str(out, ".SH EXAMPLES\n");
    }
    for (const struct cli_example *x = c->examples; x != NULL && x->line != NULL; x++) {
        buf_str(out, ".PP\n");
        if (x->help != NULL) {
            roff(x->help, out);
        }
        buf_str(out, ".EX\n");
        roff(x->line, out);
        buf_str(out, ".EE\n");
    }
}

static void roff_upper(const struct command *c, struct buf *out)
{
    size_t from = out->len;

    roff_name(c, '-', out);
    for (size_t i = from; i < out->len; i++) {
        if (out->p[i] >= 'a' && out->p[i] <= 'z') {
            out->p[i] = (char)(out->p[i] - 32);
        }
    }
}

int man_page(const struct command *c, struct buf *out)
{
    buf_str(out, ".TH ");
    roff_upper(c, out);
    buf_str(out, " 1 \"\" \"Tradewind\" \"Tradewind manual\"\n.SH NAME\n");
    roff_name(c, '-', out);
    buf_str(out, " \\- ");
    roff(c != NULL ? c->summary : "run data pipelines", out);
    if (c != NULL) {
        roff_body(c, out);
        buf_str(out, ".SH SEE ALSO\n\\fBtradewind\\fR(1), for the options of every command\n");
        return buf_status(out);
    }
    buf_str(out, ".SH SYNOPSIS\n\\fBtradewind\\fR \\fICOMMAND\\fR [options]\n.SH DESCRIPTION\n"
                 "Tradewind runs data pipelines: DAGs of tasks, written in YAML or Python.\n");
    roff_commands(NULL, out);
    buf_str(out, ".SH OPTIONS\nThese are options of every command.\n");
    roff_options(global_options, out);
    roff_exits(NULL, out);
    buf_str(out, ".SH ENVIRONMENT\n.TP\nTRADEWIND_HOME\nwhere runs, logs and the store are kept\n"
                 ".TP\nNO_COLOR\nwhen it is set and not empty: no colours\n"
                 ".SH FILES\n.TP\n~/.tradewind\nthe home, unless told otherwise\n");
    return buf_status(out);
}

/* ---- Markdown ---- */

/* A cell of a table: the bar that would end it is escaped. */
static void md_cell(const char *s, struct buf *out)
{
    for (; *s != 0; s++) {
        buf_str(out, *s == '|' ? "\\|" : (char[]){*s, 0});
    }
}

static void md_options(const struct cli_option *o, struct buf *out)
{
    buf_str(out, "| option | meaning | default |\n|---|---|---|\n");
    for (; o->name != NULL; o++) {
        buf_str(out, "| `");
        option_term(o, false, out);
        buf_str(out, "` | ");
        md_cell(o->help, out);
        buf_printf(out, " | %s%s%s |\n", o->dflt != NULL ? "`" : "", o->dflt != NULL ? o->dflt : "",
                   o->dflt != NULL ? "`" : "");
    }
    buf_char(out, '\n');
}

static void md_command(const struct command *c, struct buf *out)
{
    const char *p = c->exits, *text;
    size_t len;
    int code;

    buf_printf(out, "## tradewind %s\n\n%s.\n\n", c->name, c->summary);
    buf_printf(out, "    tradewind %s%s", c->name, c->options != NULL ? " [options]" : "");
    usage_args(c, out);
    buf_str(out, "\n\n");
    if (c->description != NULL) {
        buf_printf(out, "%s\n\n", c->description);
    }
    if (c->args != NULL) {
        buf_str(out, "| argument | meaning |\n|---|---|\n");
        for (const struct cli_argument *a = c->args; a->name != NULL; a++) {
            buf_printf(out, "| `%s`%s | ", a->name, a->optional ? " (optional)" : "");
            md_cell(a->help, out);
            buf_str(out, " |\n");
        }
        buf_char(out, '\n');
    }
    if (c->options != NULL) {
        md_options(c->options, out);
    }
    if (p != NULL) {
        buf_str(out, "Exit codes:");
        for (const char *sep = " "; (code = next_exit(&p, &text, &len)) >= 0; sep = "; ") {
            buf_printf(out, "%s%d %.*s", sep, code, (int)len, text);
        }
        buf_str(out, ".\n\n");
    }
    for (const struct cli_example *x = c->examples; x != NULL && x->line != NULL; x++) {
        if (x->help != NULL) {
            buf_printf(out, "    # %s\n", x->help);
        }
        buf_printf(out, "    %s\n%s", x->line, x[1].line == NULL ? "\n" : "");
    }
}

int cli_reference(struct buf *out)
{
    buf_str(out,
            "<!-- Made by `tradewind man --markdown`; a test compares it with the program. -->\n"
            "# The command line\n\n    tradewind COMMAND [options]\n\n"
            "Options may stand anywhere; `--name VALUE` and `--name=VALUE` mean the same, a long "
            "name may be cut while "
            "it is clear, short flags may be bundled, and after `--` there are only arguments. "
            "Commands that name a run "
            "take the DAG's last one when it is left out.\n\n"
            "Options of every command:\n\n");
    md_options(global_options, out);
    buf_str(out, "Exit codes:\n\n| code | meaning |\n|---|---|\n");
    for (const struct exit_line *x = common_exits; x->text != NULL; x++) {
        buf_printf(out, "| %d | %s |\n", x->code, x->text);
    }
    buf_char(out, '\n');
    for (const struct command *c = command_table; c->name != NULL; c++) {
        if (!command_is_group(c)) {
            md_command(c, out);
        }
    }
    return buf_status(out);
}
