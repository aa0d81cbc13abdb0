/* For people, on a terminal of any width: short lines, the largest first. */
#include <string.h>

#include "analysis/process.h"
#include "analysis/ptree.h"
#include "base/buf.h"
#include "base/time.h"

#define LINES_MAX 15 /* of one part; --json has all */

static const char *span(int64_t us, char *text)
{
    return us < 0 ? "-" : duration_format(us, text);
}

static const char *name(const struct process *p, uint32_t act, const char *border)
{
    return act != UINT32_MAX ? p->log->activities[act] : border;
}

static void rest(struct buf *out, size_t all, size_t shown)
{
    if (all > shown) {
        (void)buf_printf(out, "  ... and %zu more\n", all - shown);
    }
}

static int columns(const char *s)
{
    int n = 0;

    for (; *s != '\0'; s++) {
        n += ((unsigned char)*s & 0xc0) != 0x80;
    }
    return n;
}

/* The name and spaces up to a width in columns. */
static void padded(struct buf *out, const char *s, int width)
{
    (void)buf_printf(out, "%s%*s", s, columns(s) < width ? width - columns(s) : 0, "");
}

static int widest(const struct process *p)
{
    int w = 8;

    for (uint32_t i = 0; i < p->dfg.n; i++) {
        int n = columns(p->log->activities[i]);

        w = n > w ? n : w;
    }
    return w < 40 ? w : 40;
}

static void text_measures(const struct process *p, struct buf *out)
{
    const struct replay *r = &p->replay;
    char text[TIME_TEXT_MAX];

    (void)buf_printf(out,
                     "%llu traces, %zu events, %u activities, %zu variants; median duration %s\n",
                     (unsigned long long)p->dfg.cases, p->log->steps_len, p->dfg.n, p->variants.len,
                     span(p->timing.cases.median_us, text));
    if (p->measured) {
        (void)buf_printf(out,
                         "fitness %.4f (%.1f %% of the traces fit), precision %.4f, generalization "
                         "%.4f, simplicity %.4f\n",
                         r->fitness,
                         r->traces > 0 ? 100 * (double)r->fitting / (double)r->traces : 100.0,
                         r->precision, r->generalization, r->simplicity);
    }
    if (p->tree != NULL) {
        (void)buf_str(out, "\nProcess tree  (->: one after the other, X: one of them, +: in any "
                           "order, *: again and again)\n  ");
        ptree_text(p->tree, p->log->activities, out);
        (void)buf_char(out, '\n');
    }
}

static void text_activities(const struct process *p, struct buf *out)
{
    char a[TIME_TEXT_MAX], b[TIME_TEXT_MAX];
    int w = widest(p);

    (void)buf_str(out, "\nActivities\n  ");
    padded(out, "ACTIVITY", w);
    (void)buf_printf(out, "  %9s  %10s  %10s\n", "COUNT", "TAKES", "WAITS");
    for (uint32_t i = 0; i < p->dfg.n; i++) {
        if (p->dfg.occurs[i] > 0) {
            (void)buf_str(out, "  ");
            padded(out, p->log->activities[i], w);
            (void)buf_printf(out, "  %9llu  %10s  %10s\n", (unsigned long long)p->dfg.occurs[i],
                             span(p->timing.service[i].median_us, a),
                             span(p->timing.wait[i].median_us, b));
        }
    }
}

static void text_follows(const struct process *p, struct buf *out)
{
    size_t n = p->steps_len < LINES_MAX ? p->steps_len : LINES_MAX;
    char text[TIME_TEXT_MAX];

    (void)buf_str(out, "\nWhat follows what\n");
    for (size_t i = 0; i < n; i++) {
        const struct process_step *s = &p->steps[i];

        (void)buf_printf(
            out, "  %6llu  %s -> %s, after %s%s\n",
            (unsigned long long)dfg_count(&p->dfg, s->from, s->to), p->log->activities[s->from],
            p->log->activities[s->to],
            span(p->timing.follows[(size_t)s->from * p->dfg.n + s->to].median_us, text),
            !p->beside_dag || s->in_dag ? ""
            : s->from == s->to          ? "  (again)"
                                        : "  (no edge of the DAG)");
    }
    rest(out, p->steps_len, n);
}

static void text_variants(const struct process *p, struct buf *out)
{
    size_t n = p->shown < LINES_MAX ? p->shown : LINES_MAX;
    char text[TIME_TEXT_MAX];

    (void)buf_str(out, "\nVariants\n");
    for (size_t i = 0; i < n; i++) {
        const struct variant *v = &p->variants.v[i];

        (void)buf_printf(out, "  %6llu  %10s  ", (unsigned long long)v->n,
                         span(p->variant_us[i], text));
        for (uint32_t k = 0; k < v->len && k < 30; k++) {
            (void)buf_printf(out, "%s%s", k > 0 ? " > " : "", p->log->activities[v->acts[k]]);
        }
        if (v->len > 30) {
            (void)buf_printf(out, " > ... (%u in all)", v->len);
        }
        (void)buf_str(out, v->len == 0 ? "(nothing)\n" : "\n");
    }
    rest(out, p->variants.len, n);
}

static void text_bottlenecks(const struct process *p, struct buf *out)
{
    size_t n = p->bottlenecks_len < 10 ? p->bottlenecks_len : 10;
    char a[TIME_TEXT_MAX], b[TIME_TEXT_MAX];
    int w = widest(p);

    if (n == 0) {
        return;
    }
    (void)buf_str(out, "\nBottlenecks\n  ");
    padded(out, "ACTIVITY", w);
    (void)buf_printf(out, "  %13s  %14s  %10s  %10s\n", "CRITICAL PATH", "OF ALL WAITING", "WORKED",
                     "WAITED");
    for (size_t i = 0; i < n; i++) {
        const struct bottleneck *x = &p->bottlenecks[i];

        (void)buf_str(out, "  ");
        padded(out, p->log->activities[x->activity], w);
        (void)buf_printf(out, "  %11.1f %%  %12.1f %%  %10s  %10s\n", 100 * x->path_share,
                         100 * x->wait_share, span(x->service_us, a), span(x->wait_us, b));
    }
    rest(out, p->bottlenecks_len, n);
}

static void text_drift(const struct process *p, const struct drift *d, struct buf *out)
{
    char a[TIME_TEXT_MAX], b[TIME_TEXT_MAX];
    bool changed = d->flow_changed || d->times_len + d->added_len + d->removed_len > 0;

    if (d->after == NULL) {
        (void)buf_printf(out, "  the later half (%llu cases since %s) beside the earlier (%llu): ",
                         (unsigned long long)d->cases_after, time_format(d->since_us, a),
                         (unsigned long long)d->cases_before);
    } else {
        (void)buf_printf(out, "  version %.12s (%llu cases) beside %.12s (%llu): ", d->after,
                         (unsigned long long)d->cases_after, d->before != NULL ? d->before : "none",
                         (unsigned long long)d->cases_before);
    }
    (void)buf_str(out, changed ? "changed\n" : d->tested ? "no change\n" : "too few to compare\n");
    for (size_t i = 0; i < d->added_len; i++) {
        (void)buf_printf(out, "    new: %s\n", p->log->activities[d->added[i]]);
    }
    for (size_t i = 0; i < d->removed_len; i++) {
        (void)buf_printf(out, "    gone: %s\n", p->log->activities[d->removed[i]]);
    }
    for (size_t i = 0; i < d->times_len; i++) {
        const struct drift_time *t = &d->times[i];

        (void)buf_printf(out, "    %s took %s, takes %s (p = %.2g)\n",
                         p->log->activities[t->activity], span((int64_t)(t->before_s * 1e6), a),
                         span((int64_t)(t->after_s * 1e6), b), t->p);
    }
    for (size_t i = 0; i < d->flows_len && i < 5; i++) {
        (void)buf_printf(out, "    %s -> %s: %.2f times a case, was %.2f\n",
                         name(p, d->flows[i].from, "(start)"), name(p, d->flows[i].to, "(end)"),
                         d->flows[i].after, d->flows[i].before);
    }
}

void process_text(const struct process *p, struct buf *out)
{
    text_measures(p, out);
    text_activities(p, out);
    text_follows(p, out);
    text_variants(p, out);
    text_bottlenecks(p, out);
    if (p->drift_len > 0) {
        (void)buf_str(out, "\nDrift\n");
    }
    for (size_t i = 0; i < p->drift_len; i++) {
        text_drift(p, &p->drift[i], out);
    }
}
