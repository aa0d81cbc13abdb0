/*
 * All that a log tells, in one: model, its quality, variants, bottlenecks, drift; as JSON for the page and programs, as text for people.
 */
#ifndef TW_ANALYSIS_PROCESS_H
#define TW_ANALYSIS_PROCESS_H

#include "analysis/drawing.h"
#include "analysis/insight.h"

struct buf;
struct dag;
struct json_writer;

enum process_algorithm { PROCESS_INDUCTIVE, PROCESS_HEURISTIC, PROCESS_DFG };
/* "inductive", "heuristic", "dfg"; -1 for another word. */
int process_algorithm_from_string(const char *s);

struct process_options {
    enum process_algorithm algorithm;
    double noise;          /* of the inductive miner: 0 .. 1 */
    size_t variants_max;   /* that are shown; 0: 20 */
    const struct dag *dag; /* beside which it is shown, or NULL; borrowed for the call */
};

struct process_step { /* one activity following another */
    uint32_t from, to;
    bool in_dag; /* the DAG has this edge */
};

struct process {
    const struct plog *log; /* borrowed */
    enum process_algorithm algorithm;
    struct arena arena;
    struct variants variants;
    struct dfg dfg;
    struct timing_of timing;
    struct ptree *tree;    /* inductive, else NULL */
    struct heuristics heu; /* heuristic */
    struct pnet net;       /* not of the directly-follows graph */
    struct replay replay;
    bool measured;
    struct drawing drawing;
    size_t shown;        /* variants */
    int64_t *variant_us; /* of those: the median duration; -1 not known */
    struct bottleneck *bottlenecks;
    size_t bottlenecks_len;
    struct drift *drift;
    size_t drift_len;
    struct process_step *steps; /* by frequency downwards */
    size_t steps_len;
    bool beside_dag;
};

/* process_fini also after an error. */
int process_discover(const struct plog *l, const struct process_options *o, struct process *ret,
                     struct err *e);
void process_fini(struct process *p);
/* Members of an open object. */
void process_json(const struct process *p, struct json_writer *w);
void process_text(const struct process *p, struct buf *out);

#endif
