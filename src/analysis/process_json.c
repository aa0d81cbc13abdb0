#include <stdio.h>

#include "analysis/process.h"
#include "analysis/ptree.h"
#include "base/buf.h"
#include "base/json.h"
#include "base/time.h"

static void put_seconds(struct json_writer *w, const char *key, int64_t us)
{
    json_key(w, key);
    if (us < 0) {
        json_null(w);
    } else {
        json_double(w, (double)us / 1e6);
    }
}

static void put_number(struct json_writer *w, const char *key, double x)
{
    json_key(w, key);
    json_double(w, x);
}

static void put_count(struct json_writer *w, const char *key, uint64_t n)
{
    json_key(w, key);
    json_int(w, (int64_t)n);
}

static void put_name(const struct process *p, struct json_writer *w, const char *key, uint32_t act)
{
    json_key(w, key);
    json_string(w, act != UINT32_MAX ? p->log->activities[act] : NULL);
}

/* ---- the model ---- */

static void put_id(struct json_writer *w, const char *key, uint32_t node)
{
    char id[16];

    (void)snprintf(id, sizeof id, "n%u", node);
    json_key(w, key);
    json_string(w, id);
}

static void put_nodes(const struct process *p, struct json_writer *w)
{
    json_key(w, "nodes");
    json_array(w);
    for (uint32_t i = 0; i < p->drawing.nodes_len; i++) {
        const struct drawing_node *n = &p->drawing.nodes[i];
        bool act = n->activity != UINT32_MAX;

        json_object(w);
        put_id(w, "id", i);
        json_key(w, "label");
        json_string(w, act ? p->log->activities[n->activity] : "");
        json_key(w, "kind");
        json_string(w, drawing_kind_words[n->kind]);
        put_count(w, "frequency", n->frequency);
        put_seconds(w, "median_s", act ? p->timing.service[n->activity].median_us : -1);
        put_seconds(w, "median_wait_s", act ? p->timing.wait[n->activity].median_us : -1);
        put_count(w, "x", (uint64_t)n->x);
        put_count(w, "y", (uint64_t)n->y);
        put_count(w, "w", (uint64_t)n->w);
        put_count(w, "h", (uint64_t)n->h);
        json_object_end(w);
    }
    json_array_end(w);
}

static void put_edges(const struct process *p, struct json_writer *w)
{
    json_key(w, "edges");
    json_array(w);
    for (uint32_t i = 0; i < p->drawing.edges_len; i++) {
        const struct drawing_edge *x = &p->drawing.edges[i];
        uint32_t from = p->drawing.nodes[x->from].activity, to = p->drawing.nodes[x->to].activity;

        json_object(w);
        put_id(w, "from", x->from);
        put_id(w, "to", x->to);
        put_count(w, "frequency", x->frequency);
        put_seconds(w, "median_wait_s",
                    from != UINT32_MAX && to != UINT32_MAX
                        ? p->timing.follows[(size_t)from * p->dfg.n + to].median_us
                        : -1);
        json_key(w, "points");
        json_array(w);
        for (uint32_t k = 0; k < x->points_len; k++) {
            json_array(w);
            json_int(w, x->points[k][0]);
            json_int(w, x->points[k][1]);
            json_array_end(w);
        }
        json_array_end(w);
        json_object_end(w);
    }
    json_array_end(w);
}

static void put_model(const struct process *p, struct json_writer *w)
{
    struct buf tree BUF_CLEANUP;

    buf_init(&tree, SIZE_MAX);
    json_key(w, "model");
    json_object(w);
    put_count(w, "width", (uint64_t)p->drawing.width);
    put_count(w, "height", (uint64_t)p->drawing.height);
    put_nodes(p, w);
    put_edges(p, w);
    json_key(w, "tree");
    if (p->tree != NULL) {
        ptree_text(p->tree, p->log->activities, &tree);
    }
    json_string(w, p->tree != NULL ? buf_cstr(&tree) : NULL);
    json_object_end(w);
}

static void put_measures(const struct process *p, struct json_writer *w)
{
    static const char *const names[] = {
        "fitness",   "average_trace_fitness", "percentage_of_fitting_traces",
        "precision", "generalization",        "simplicity"};
    const struct replay *r = &p->replay;
    const double values[] = {r->fitness,
                             r->average_fitness,
                             r->traces > 0 ? 100 * (double)r->fitting / (double)r->traces : 100,
                             r->precision,
                             r->generalization,
                             r->simplicity};

    for (int i = 0; i < 6; i++) {
        json_key(w, names[i]);
        if (p->measured) {
            json_double(w, values[i]);
        } else {
            json_null(w);
        }
    }
}

/* ---- the rest ---- */

static void put_activities(const struct process *p, struct json_writer *w)
{
    json_key(w, "activities");
    json_array(w);
    for (uint32_t i = 0; i < p->dfg.n; i++) {
        json_object(w);
        put_name(p, w, "activity", i);
        put_count(w, "frequency", p->dfg.occurs[i]);
        put_count(w, "starts", p->dfg.start[i]);
        put_count(w, "ends", p->dfg.end[i]);
        put_seconds(w, "median_s", p->timing.service[i].median_us);
        put_seconds(w, "median_wait_s", p->timing.wait[i].median_us);
        json_object_end(w);
    }
    json_array_end(w);
    json_key(w, "follows");
    json_array(w);
    for (size_t i = 0; i < p->steps_len; i++) {
        const struct process_step *s = &p->steps[i];

        json_object(w);
        put_name(p, w, "from", s->from);
        put_name(p, w, "to", s->to);
        put_count(w, "frequency", dfg_count(&p->dfg, s->from, s->to));
        put_seconds(w, "median_wait_s",
                    p->timing.follows[(size_t)s->from * p->dfg.n + s->to].median_us);
        json_key(w, "in_dag");
        if (p->beside_dag) {
            json_bool(w, s->in_dag);
        } else {
            json_null(w);
        }
        json_object_end(w);
    }
    json_array_end(w);
}

static void put_variants(const struct process *p, struct json_writer *w)
{
    put_count(w, "variants_total", p->variants.len);
    json_key(w, "variants");
    json_array(w);
    for (size_t i = 0; i < p->shown; i++) {
        const struct variant *v = &p->variants.v[i];

        json_object(w);
        put_count(w, "n", v->n);
        json_key(w, "activities");
        json_array(w);
        for (uint32_t k = 0; k < v->len; k++) {
            json_string(w, p->log->activities[v->acts[k]]);
        }
        json_array_end(w);
        put_seconds(w, "median_s", p->variant_us[i]);
        json_key(w, "example");
        json_string(w, p->log->cases[p->variants.case_of[i]].id);
        json_object_end(w);
    }
    json_array_end(w);
}

static void put_bottlenecks(const struct process *p, struct json_writer *w)
{
    json_key(w, "bottlenecks");
    json_array(w);
    for (size_t i = 0; i < p->bottlenecks_len; i++) {
        const struct bottleneck *b = &p->bottlenecks[i];

        json_object(w);
        put_name(p, w, "activity", b->activity);
        put_number(w, "path_share", b->path_share);
        put_number(w, "wait_share", b->wait_share);
        put_seconds(w, "path_wait_s", b->path_wait_us);
        put_seconds(w, "path_service_s", b->path_service_us);
        put_seconds(w, "wait_s", b->wait_us);
        put_seconds(w, "service_s", b->service_us);
        put_seconds(w, "median_wait_s", p->timing.wait[b->activity].median_us);
        put_seconds(w, "median_s", p->timing.service[b->activity].median_us);
        json_object_end(w);
    }
    json_array_end(w);
}

static void put_names(const struct process *p, struct json_writer *w, const char *key,
                      const uint32_t *acts, size_t n)
{
    json_key(w, key);
    json_array(w);
    for (size_t i = 0; i < n; i++) {
        json_string(w, p->log->activities[acts[i]]);
    }
    json_array_end(w);
}

static void put_drift(const struct process *p, const struct drift *d, struct json_writer *w)
{
    char text[TIME_TEXT_MAX];

    json_object(w);
    json_key(w, "before");
    json_string(w, d->before);
    json_key(w, "version");
    json_string(w, d->after);
    json_key(w, "since");
    json_string(w, d->since_us != TIME_NONE ? time_format(d->since_us, text) : NULL);
    put_count(w, "cases_before", d->cases_before);
    put_count(w, "cases", d->cases_after);
    json_key(w, "tested");
    json_bool(w, d->tested);
    json_key(w, "flow_changed");
    json_bool(w, d->flow_changed);
    put_number(w, "flow_p", d->flow_p);
    json_key(w, "flows");
    json_array(w);
    for (size_t i = 0; i < d->flows_len; i++) {
        json_object(w);
        put_name(p, w, "from", d->flows[i].from);
        put_name(p, w, "to", d->flows[i].to);
        put_number(w, "before", d->flows[i].before);
        put_number(w, "after", d->flows[i].after);
        json_object_end(w);
    }
    json_array_end(w);
    json_key(w, "times");
    json_array(w);
    for (size_t i = 0; i < d->times_len; i++) {
        json_object(w);
        put_name(p, w, "activity", d->times[i].activity);
        put_number(w, "before_s", d->times[i].before_s);
        put_number(w, "after_s", d->times[i].after_s);
        put_number(w, "p", d->times[i].p);
        json_object_end(w);
    }
    json_array_end(w);
    put_names(p, w, "added", d->added, d->added_len);
    put_names(p, w, "removed", d->removed, d->removed_len);
    json_object_end(w);
}

void process_json(const struct process *p, struct json_writer *w)
{
    static const char *const algorithms[] = {"inductive", "heuristic", "dfg"};

    json_key(w, "algorithm");
    json_string(w, algorithms[p->algorithm]);
    put_count(w, "traces", p->dfg.cases);
    put_count(w, "events", p->log->steps_len);
    put_seconds(w, "median_s", p->timing.cases.median_us);
    put_measures(p, w);
    put_model(p, w);
    put_activities(p, w);
    put_variants(p, w);
    put_bottlenecks(p, w);
    json_key(w, "drift");
    json_array(w);
    for (size_t i = 0; i < p->drift_len; i++) {
        put_drift(p, &p->drift[i], w);
    }
    json_array_end(w);
}
