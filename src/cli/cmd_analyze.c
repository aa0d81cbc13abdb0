/* analyze, runs export: runs, or a log from elsewhere, as an event log and what it tells. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/process.h"
#include "analysis/ptree.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/time.h"
#include "cli/analyze_read.h"
#include "cli/command.h"
#include "cli/commands.h"
#include "cli/session.h"
#include "home/run_log.h"
#include "model/dag.h"
#include "store/store.h"

/* ---- the runs of a DAG ---- */

struct history { /* of a home */
    struct store *store;
    struct arena arena;
    struct dag_row row;
    struct dag *dag; /* its current version */
    struct run_log_query q;
};

static int64_t time_of(struct cli *cli, const char *name)
{
    const char *text = cli_opt(cli, name);
    int64_t t;

    return text != NULL && time_parse(text, strlen(text), &t) == 0 ? t : TIME_NONE;
}

static int history_open(struct history *h, struct cli *cli, unsigned states, struct err *e)
{
    const char *dag_id = cli_arg(cli, "DAG");
    char home[4096];
    int rc = home_resolve(cli_opt(cli, "home"), home, sizeof home, e);

    *h = (struct history){0};
    arena_init(&h->arena, MiB(64));
    rc = rc == 0 ? store_open_for_reading(home, &h->store, e) : rc;
    rc = rc == 0 ? h->store->ops->find_dag(h->store, dag_id, &h->arena, &h->row, e) : rc;
    if (rc == -ERR_NOTFOUND && h->store != NULL) {
        return err_set(e, ERR_NOTFOUND, "no DAG '%s' has run yet; see `tradewind dags list`",
                       dag_id);
    }
    h->q = (struct run_log_query){.dag_key = h->row.dag_key,
                                  .from_us = time_of(cli, "from"),
                                  .to_us = time_of(cli, "to"),
                                  .states = states,
                                  .newest = (size_t)cli_opt_int(cli, "runs")};
    return rc == 0 ? home_load_version(h->store, h->row.version_key, &h->dag, e) : rc;
}

static void history_close(struct history *h)
{
    dag_unref(h->dag);
    store_close(h->store);
    arena_fini(&h->arena);
}

/* ---- output ---- */

struct output {
    struct buf buf;
    FILE *f;
    const char *path;
};

static int output_open(struct output *o, const char *path, struct err *e)
{
    buf_init(&o->buf, MiB(1024));
    o->path = path != NULL ? path : "the output";
    o->f = path != NULL ? fopen(path, "we") : stdout;
    return o->f != NULL ? 0 : err_errno(e, errno, "cannot write %s", path);
}

static int output_flush(struct output *o, struct err *e)
{
    if (buf_status(&o->buf) != 0) {
        return err_set(e, (enum err_code) - buf_status(&o->buf), "out of memory for the output");
    }
    if (fwrite(buf_cstr(&o->buf), 1, o->buf.len, o->f) != o->buf.len) {
        return err_errno(e, errno, "cannot write %s", o->path);
    }
    buf_clear(&o->buf);
    return 0;
}

static int output_close(struct output *o, int rc, struct err *e)
{
    if (o->f != NULL && fflush(o->f) != 0 && rc == 0) {
        rc = err_errno(e, errno, "cannot write %s", o->path);
    }
    if (o->f != NULL && o->f != stdout && fclose(o->f) != 0 && rc == 0) {
        rc = err_errno(e, errno, "cannot write %s", o->path);
    }
    buf_fini(&o->buf);
    return rc;
}

/* ---- analyze ---- */

enum form { FORM_TEXT, FORM_JSON, FORM_PNML, FORM_TREE };

struct asked {
    struct process_options o;
    enum form form;
};

/* What is of runs alone, or of a log alone, stands with it. */
static int belongs(struct cli *cli, struct err *e)
{
    static const char *const of[2][5] = {{"case", "activity", "time", "start", NULL},
                                         {"from", "to", NULL}};
    bool log = cli_opt(cli, "log") != NULL;

    for (const char *const *name = of[log]; *name != NULL; name++) {
        if (cli_opt(cli, *name) != NULL) {
            return err_set(e, ERR_USAGE, "--%s is of %s", *name, log ? "a DAG's runs" : "--log");
        }
    }
    return 0;
}

static int read_options(struct cli *cli, struct asked *a, struct err *e)
{
    static const char *const forms[] = {"text", "json", "pnml", "tree"};
    const char *algorithm = cli_opt(cli, "algorithm"), *form = cli_opt(cli, "format");
    const char *noise = cli_opt(cli, "noise");
    char *end;
    int word = process_algorithm_from_string(algorithm);

    *a = (struct asked){.form = cli_flag(cli, "json") ? FORM_JSON : FORM_TEXT};
    if (word < 0) {
        return err_set(e, ERR_USAGE, "--algorithm is inductive, heuristic or dfg, not '%s'",
                       algorithm);
    }
    a->o = (struct process_options){.algorithm = (enum process_algorithm)word,
                                    .noise = strtod(noise, &end),
                                    .variants_max = (size_t)cli_opt_int(cli, "variants")};
    if (*end != '\0' || end == noise || !(a->o.noise >= 0 && a->o.noise <= 1)) {
        return err_set(e, ERR_USAGE, "--noise is a number from 0 to 1, not '%s'", noise);
    }
    if (form != NULL) {
        int i = 0;

        while (i < 4 && strcmp(forms[i], form) != 0) {
            i++;
        }
        if (i == 4) {
            return err_set(e, ERR_USAGE, "--format is text, json, pnml or tree, not '%s'", form);
        }
        a->form = (enum form)i;
    }
    if ((a->form == FORM_PNML && word == PROCESS_DFG) ||
        (a->form == FORM_TREE && word != PROCESS_INDUCTIVE)) {
        return err_set(e, ERR_USAGE,
                       a->form == FORM_TREE
                           ? "--format tree is of --algorithm inductive"
                           : "--format pnml is of --algorithm inductive or heuristic");
    }
    if ((cli_arg(cli, "DAG") == NULL) == (cli_opt(cli, "log") == NULL)) {
        return err_set(e, ERR_USAGE, "either a DAG or --log FILE");
    }
    return belongs(cli, e);
}

static void show(const struct process *p, const struct asked *a, const char *title, struct buf *out)
{
    struct json_writer w;

    switch (a->form) {
    case FORM_JSON:
        json_writer_init(&w, out, 2);
        json_object(&w);
        if (p->beside_dag) {
            json_key(&w, "dag_id");
            json_string(&w, title);
        }
        process_json(p, &w);
        json_object_end(&w);
        (void)buf_char(out, '\n');
        break;
    case FORM_PNML:
        pnet_pnml(&p->net, p->log->activities, title, out);
        break;
    case FORM_TREE:
        ptree_text(p->tree, p->log->activities, out);
        (void)buf_char(out, '\n');
        break;
    default:
        process_text(p, out);
    }
}

static int read_log(struct cli *cli, struct history *h, struct plog *l, struct err *e)
{
    const char *const columns[CSV_ROLES] = {[CSV_CASE] = cli_opt(cli, "case"),
                                            [CSV_ACTIVITY] = cli_opt(cli, "activity"),
                                            [CSV_TIME] = cli_opt(cli, "time"),
                                            [CSV_START] = cli_opt(cli, "start")};
    const unsigned ended = 1u << RUN_SUCCESS | 1u << RUN_FAILED;
    int rc;

    if (cli_opt(cli, "log") != NULL) {
        return analyze_read(cli_opt(cli, "log"), columns, l, e);
    }
    rc = history_open(h, cli, ended, e);
    rc = rc == 0 ? run_log_read(h->store, &h->q, l, e) : rc;
    if (rc == 0 && l->cases_len == 0) {
        rc = err_set(e, ERR_NOTFOUND, "no run of '%s' has ended in that time", h->row.dag_id);
    }
    return rc;
}

int cmd_analyze(struct cli *cli)
{
    struct history h = {0};
    struct process p = {0};
    struct output out = {0};
    struct asked a;
    struct plog l;
    struct err e = {0};
    int rc = read_options(cli, &a, &e);

    plog_init(&l);
    rc = rc == 0 ? read_log(cli, &h, &l, &e) : rc;
    a.o.dag = rc == 0 ? h.dag : NULL;
    rc = rc == 0 ? process_discover(&l, &a.o, &p, &e) : rc;
    rc = rc == 0 ? output_open(&out, cli_opt(cli, "output"), &e) : rc;
    if (rc == 0) {
        show(&p, &a, h.dag != NULL ? h.dag->dag_id : cli_opt(cli, "log"), &out.buf);
        rc = output_flush(&out, &e);
    }
    rc = output_close(&out, rc, &e);
    process_fini(&p);
    plog_fini(&l);
    history_close(&h);
    return rc != 0 ? cli_fail(rc, &e) : 0;
}

/* ---- runs export ---- */

int cmd_runs_export(struct cli *cli)
{
    const char *form = cli_opt(cli, "format"), *path = cli_opt(cli, "output");
    struct history h = {0};
    struct output out = {0};
    struct err e = {0};
    size_t n = path != NULL ? strlen(path) : 0;
    struct run_log_writer *w = NULL;
    bool csv, more = true;
    int rc = 0;

    if (form == NULL) {
        form = n > 4 && strcmp(path + n - 4, ".csv") == 0 ? "csv" : "xes";
    }
    csv = strcmp(form, "csv") == 0;
    if (!csv && strcmp(form, "xes") != 0) {
        rc = err_set(&e, ERR_USAGE, "--format is xes or csv, not '%s'", form);
    }
    rc = rc == 0 ? history_open(&h, cli, 0, &e) : rc;
    rc = rc == 0 ? output_open(&out, path, &e) : rc;
    rc = rc == 0 ? run_log_open(h.store, &h.q, csv ? LOG_CSV : LOG_XES, h.row.dag_id, &w, &e) : rc;
    while (rc == 0 && more) {
        rc = run_log_next(w, &out.buf, &more, &e);
        rc = rc == 0 ? output_flush(&out, &e) : rc;
    }
    run_log_close(w);
    rc = output_close(&out, rc, &e);
    history_close(&h);
    return rc != 0 ? cli_fail(rc, &e) : 0;
}
