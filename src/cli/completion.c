/* Completion scripts, made from the table: commands, options, words and files. */
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "cli/help.h"

static bool is_top(const struct command *c)
{
    return strchr(c->name, ' ') == NULL;
}

static void put_names(const struct command *group, const char *sep, struct buf *out)
{
    size_t skip = group != NULL ? strlen(group->name) + 1 : 0;
    const char *between = "";

    for (const struct command *c = command_table; c->name != NULL; c++) {
        if (group != NULL ? command_is_below(c, group) : is_top(c)) {
            buf_printf(out, "%s%s", between, c->name + skip);
            between = sep;
        }
    }
}

static void put_options(const struct cli_option *o, struct buf *out)
{
    for (; o != NULL && o->name != NULL; o++) {
        buf_printf(out, " --%s", o->name);
        if (o->letter != 0) {
            buf_printf(out, " -%c", o->letter);
        }
    }
}

/* What the argument of a command completes to: "files", a list of words, or nothing. */
static const struct cli_argument *completed(const struct command *c)
{
    for (const struct cli_argument *a = c->args; a != NULL && a->name != NULL; a++) {
        if (a->file || a->words != NULL) {
            return a;
        }
    }
    return NULL;
}

/* ---- bash ---- */

/* "--home|--output) files" and "--jobs|--run-id) nothing", for options that take a value. */
static void bash_values(struct buf *out)
{
    for (int files = 1; files >= 0; files--) {
        const char *sep = "        ";

        for (const struct command *c = command_table;; c++) {
            const struct cli_option *o = c->name != NULL ? c->options : global_options;

            for (; o != NULL && o->name != NULL; o++) {
                struct buf word BUF_CLEANUP;

                buf_init(&word, 256);
                buf_printf(&word, "--%s)", o->name);
                if (o->type == OPTION_FLAG || (o->type == OPTION_FILE) != (files == 1)) {
                    continue;
                }
                word.p[word.len - 1] = '|';
                if (memmem(buf_cstr(out), out->len, word.p, word.len) == NULL) {
                    buf_printf(out, "%s--%s", sep, o->name);
                    sep = "|";
                }
            }
            if (c->name == NULL) {
                break;
            }
        }
        buf_str(out, files == 1 ? "|--) COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n"
                                : "|--) return ;;\n");
    }
}

static void bash_command(const struct command *c, struct buf *out)
{
    const struct cli_argument *a = completed(c);

    buf_printf(out, "        \"%s\") opts=\"", c->name);
    put_options(c->options, out);
    buf_str(out, "\"");
    if (a != NULL && a->words != NULL) {
        buf_printf(out, " words=\"%s\"", a->words);
    } else if (a != NULL) {
        buf_str(out, " files=1");
    } else if (strcmp(c->name, "help") == 0) {
        buf_str(out, " words=\"");
        put_names(NULL, " ", out);
        buf_str(out, "\"");
    }
    buf_str(out, " ;;\n");
}

static void bash(struct buf *out)
{
    buf_str(out,
            "# bash completion of tradewind; load it with: source <(tradewind completion bash)\n"
            "_tradewind()\n{\n"
            "    local cur=\"${COMP_WORDS[COMP_CWORD]}\" prev=\"${COMP_WORDS[COMP_CWORD-1]}\"\n"
            "    local word cmd=\"\" opts=\"\" words=\"\" files=\"\" i\n"
            "    COMPREPLY=()\n"
            "    case \"$prev\" in\n");
    bash_values(out);
    buf_str(out, "    esac\n"
                 "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
                 "        word=\"${COMP_WORDS[i]}\"\n"
                 "        case \"$cmd $word\" in\n"
                 "            *' -'*) ;;\n");
    for (const struct command *c = command_table; c->name != NULL; c++) {
        if (command_is_group(c)) {
            buf_printf(out, "            ' %s') cmd=%s ;;\n", c->name, c->name);
            for (const struct command *s = c + 1; s->name != NULL && command_is_below(s, c); s++) {
                buf_printf(out, "            '%s') cmd='%s'; break ;;\n", s->name, s->name);
            }
        } else if (is_top(c)) {
            buf_printf(out, "            ' %s') cmd=%s; break ;;\n", c->name, c->name);
        }
    }
    buf_str(out, "        esac\n    done\n    case \"$cmd\" in\n        '') words=\"");
    put_names(NULL, " ", out);
    buf_str(out, "\" ;;\n");
    for (const struct command *c = command_table; c->name != NULL; c++) {
        if (command_is_group(c)) {
            buf_printf(out, "        %s) words=\"", c->name);
            put_names(c, " ", out);
            buf_str(out, "\" ;;\n");
        } else {
            bash_command(c, out);
        }
    }
    buf_str(out, "    esac\n    opts=\"$opts");
    put_options(global_options, out);
    buf_str(out, "\"\n"
                 "    case \"$cur\" in\n"
                 "        -*) COMPREPLY=($(compgen -W \"$opts\" -- \"$cur\")) ;;\n"
                 "        *)\n"
                 "            if [ -n \"$files\" ]; then\n"
                 "                compopt -o filenames 2>/dev/null\n"
                 "                COMPREPLY=($(compgen -f -- \"$cur\"))\n"
                 "            else\n"
                 "                COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
                 "            fi ;;\n"
                 "    esac\n}\ncomplete -F _tradewind tradewind\n");
}

/* ---- zsh ---- */

/* Text inside single quotes of a spec: no quotes, brackets or colons of its own. */
static void zsh_text(const char *s, struct buf *out)
{
    for (; *s != 0; s++) {
        if (*s == '\'') {
            buf_str(out, "'\\''");
        } else if (strchr("[]:\\", *s) != NULL) {
            buf_char(out, '\\');
            buf_char(out, *s);
        } else {
            buf_char(out, *s);
        }
    }
}

static void zsh_options(const struct cli_option *o, struct buf *out)
{
    for (; o != NULL && o->name != NULL; o++) {
        for (int letter = o->letter != 0; letter >= 0; letter--) {
            buf_printf(out, " \\\n            '%s", o->repeat ? "*" : "");
            if (letter == 1) {
                buf_printf(out, "-%c%s[", o->letter, o->type == OPTION_FLAG ? "" : "+");
            } else {
                buf_printf(out, "--%s%s[", o->name, o->type == OPTION_FLAG ? "" : "=");
            }
            zsh_text(o->help, out);
            buf_char(out, ']');
            if (o->type != OPTION_FLAG) {
                buf_printf(out, ":%s:%s", o->value, o->type == OPTION_FILE ? "_files" : " ");
            }
            buf_char(out, '\'');
        }
    }
}

static void zsh_command(const struct command *c, struct buf *out)
{
    buf_printf(out, "        '%s')\n            _arguments -S", c->name);
    zsh_options(c->options, out);
    zsh_options(global_options, out);
    for (const struct cli_argument *a = c->args; a != NULL && a->name != NULL; a++) {
        buf_printf(out, " \\\n            '%s%s%s:", a->repeat ? "*" : "",
                   a->optional || a->repeat ? ":" : ":", "");
        zsh_text(a->name, out);
        if (a->words != NULL) {
            buf_printf(out, ":(%s)'", a->words);
        } else {
            buf_str(out, a->file ? ":_files'" : ": '");
        }
    }
    buf_str(out, " ;;\n");
}

static void zsh_list(const struct command *group, struct buf *out)
{
    size_t skip = group != NULL ? strlen(group->name) + 1 : 0;

    buf_str(out, "            names=(");
    for (const struct command *c = command_table; c->name != NULL; c++) {
        if (group != NULL ? command_is_below(c, group) : is_top(c)) {
            buf_printf(out, "\n                '%s:", c->name + skip);
            zsh_text(c->summary, out);
            buf_char(out, '\'');
        }
    }
    buf_str(out, ")\n            _describe command names ;;\n");
}

static void zsh(struct buf *out)
{
    buf_str(out, "#compdef tradewind\n"
                 "# zsh completion of tradewind; put it as _tradewind into a folder of fpath\n"
                 "_tradewind() {\n"
                 "    local cmd='' n=1\n"
                 "    local -a names\n"
                 "    while (( n < CURRENT )); do\n"
                 "        case \"$cmd ${words[n+1]}\" in\n"
                 "            *' -'*) ;;\n");
    for (const struct command *c = command_table; c->name != NULL; c++) {
        buf_printf(out, "            '%s%s') (( n + 1 < CURRENT )) && cmd='%s'%s ;;\n",
                   is_top(c) ? " " : "", c->name, c->name,
                   command_is_group(c) ? "" : " && { (( n++ )); break; }");
    }
    buf_str(out, "        esac\n        (( n++ ))\n    done\n"
                 "    if [[ -n $cmd ]]; then\n"
                 "        words=(tradewind \"${(@)words[n+1,-1]}\")\n"
                 "        (( CURRENT = CURRENT - n + 1 ))\n"
                 "    fi\n"
                 "    case \"$cmd\" in\n        '')\n");
    zsh_list(NULL, out);
    for (const struct command *c = command_table; c->name != NULL; c++) {
        if (command_is_group(c)) {
            buf_printf(out, "        '%s')\n", c->name);
            zsh_list(c, out);
        } else {
            zsh_command(c, out);
        }
    }
    buf_str(out, "    esac\n}\n"
                 "if [ \"$funcstack[1]\" = \"_tradewind\" ]; then\n"
                 "    _tradewind \"$@\"\nelse\n    compdef _tradewind tradewind\nfi\n");
}

/* ---- fish ---- */

static void fish_text(const char *s, struct buf *out)
{
    buf_char(out, '\'');
    for (; *s != 0; s++) {
        if (*s == '\'' || *s == '\\') {
            buf_char(out, '\\');
        }
        buf_char(out, *s);
    }
    buf_char(out, '\'');
}

static void fish_options(const struct cli_option *o, const char *condition, struct buf *out)
{
    for (; o != NULL && o->name != NULL; o++) {
        buf_printf(out, "complete -c tradewind%s -l %s", condition, o->name);
        if (o->letter != 0) {
            buf_printf(out, " -s %c", o->letter);
        }
        if (o->type != OPTION_FLAG) {
            buf_str(out, o->type == OPTION_FILE ? " -r -F" : " -x");
        }
        buf_str(out, " -d ");
        fish_text(o->help, out);
        buf_char(out, '\n');
    }
}

static void fish_command(const struct command *c, struct buf *out)
{
    struct buf condition BUF_CLEANUP;
    const char *space = strchr(c->name, ' ');
    const struct cli_argument *a = completed(c);

    buf_init(&condition, 1024);
    if (space != NULL) {
        buf_printf(&condition,
                   " -n '__fish_seen_subcommand_from %.*s; and __fish_seen_subcommand_from %s'",
                   (int)(space - c->name), c->name, space + 1);
    } else {
        buf_printf(&condition, " -n '__fish_seen_subcommand_from %s'", c->name);
    }
    fish_options(c->options, buf_cstr(&condition), out);
    if (a != NULL && a->words != NULL) {
        buf_printf(out, "complete -c tradewind%s -a '%s'\n", buf_cstr(&condition), a->words);
    } else if (a != NULL) {
        buf_printf(out, "complete -c tradewind%s -F\n", buf_cstr(&condition));
    }
}

static void fish(struct buf *out)
{
    buf_str(out, "# fish completion of tradewind\ncomplete -c tradewind -f\n");
    fish_options(global_options, "", out);
    for (const struct command *c = command_table; c->name != NULL; c++) {
        const char *space = strchr(c->name, ' ');

        if (space == NULL) {
            buf_printf(out, "complete -c tradewind -n __fish_use_subcommand -a %s -d ", c->name);
        } else {
            buf_printf(out,
                       "complete -c tradewind -n '__fish_seen_subcommand_from %.*s; and not "
                       "__fish_seen_subcommand_from ",
                       (int)(space - c->name), c->name);
            for (const struct command *g = command_table; g->name != NULL; g++) {
                if (command_is_group(g) && command_is_below(c, g)) {
                    put_names(g, " ", out);
                }
            }
            buf_printf(out, "' -a %s -d ", space + 1);
        }
        fish_text(c->summary, out);
        buf_char(out, '\n');
        if (!command_is_group(c)) {
            fish_command(c, out);
        }
    }
}

int completion_script(const char *shell, struct buf *out)
{
    if (strcmp(shell, "bash") == 0) {
        bash(out);
    } else if (strcmp(shell, "zsh") == 0) {
        zsh(out);
    } else if (strcmp(shell, "fish") == 0) {
        fish(out);
    } else {
        return -ERR_NOTFOUND;
    }
    return buf_status(out);
}
