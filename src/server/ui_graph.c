/* /ui/dags/{dag_id}/graph: where the tasks of a version stand in a picture. It never changes for a version. */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "model/layout_nested.h"
#include "server/ui.h"

#define BOX_MIN      90
#define CHAR_WIDTH   8 /* of a 13 px font, rounded up */
#define LABEL_MAX    40
#define MARGINS      48 /* the mark of the state, and room around */
#define GRAPHS_KEPT  64
#define GRAPHS_BYTES MiB(64)

static const struct nested_gaps gaps = {
    .column = 64, .row = 20, .edge = 14, .pad = 16, .title = 24};

int32_t ui_box_width(const char *label)
{
    size_t n = 0;

    for (; *label != '\0'; label++) {
        unsigned char c = (unsigned char)*label;

        n += c >= 0xe1 ? 2 : (c & 0xc0) != 0x80; /* from U+1000 on: wide, such as Hangul */
    }
    n = (n < LABEL_MAX ? n : LABEL_MAX) * CHAR_WIDTH + MARGINS;
    return n < BOX_MIN ? BOX_MIN : (int32_t)n;
}

void ui_put_box(struct call *c, const struct nested_node *n)
{
    put_int(c, "x", n->x);
    put_int(c, "y", n->y);
    put_int(c, "w", n->w);
    put_int(c, "h", n->h);
}

void ui_put_points(struct call *c, const struct nested *p, const struct nested_edge *e)
{
    json_key(&c->w, "points");
    json_array(&c->w);
    for (uint32_t i = 0; i < e->len; i++) {
        json_array(&c->w);
        json_int(&c->w, p->points[e->at + i].x);
        json_int(&c->w, p->points[e->at + i].y);
        json_array_end(&c->w);
    }
    json_array_end(&c->w);
}

int ui_lay_out(struct nested_node *nodes, size_t nodes_len, struct nested_edge *edges,
               size_t edges_len, struct nested **ret, struct err *e)
{
    return layout_nested_build(nodes, (uint32_t)nodes_len, edges, (uint32_t)edges_len, &gaps, ret,
                               e);
}

/* ---- of a DAG ---- */

struct picture {
    struct call *c;
    const struct dag *d;
    struct ui_row *rows;
    size_t rows_len;
    struct nested_node *nodes; /* by row */
    struct nested_edge *edges; /* as d->down */
    struct nested *p;
};

static int make(struct picture *p, struct err *e)
{
    const struct dag *d = p->d;
    struct arena *a = &p->c->arena;
    uint32_t *row_of = arena_array(a, (size_t)d->tasks_len + 1, sizeof *row_of);
    size_t edges = d->down_off[d->tasks_len];
    int rc = ui_rows(a, d, &p->rows, &p->rows_len, e);

    p->nodes = rc == 0 ? arena_array(a, p->rows_len + 1, sizeof *p->nodes) : NULL;
    p->edges = arena_array(a, edges + 1, sizeof *p->edges);
    if (rc != 0 || row_of == NULL || p->nodes == NULL || p->edges == NULL) {
        return rc != 0 ? rc : err_set(e, ERR_NOMEM, "out of memory for a graph");
    }
    for (size_t i = 0; i < p->rows_len; i++) {
        const struct ui_row *r = &p->rows[i];
        const char *label =
            r->task != UINT32_MAX ? d->tasks[r->task].display_name : ui_group_label(d, r->group);

        p->nodes[i] =
            (struct nested_node){.parent = r->parent >= 0 ? (uint32_t)r->parent : UINT32_MAX,
                                 .box = r->task == UINT32_MAX,
                                 .w = ui_box_width(label),
                                 .h = UI_BOX_HEIGHT};
        if (r->task != UINT32_MAX) {
            row_of[r->task] = (uint32_t)i;
        }
    }
    for (uint32_t t = 0; t < d->tasks_len; t++) {
        for (uint32_t k = d->down_off[t]; k < d->down_off[t + 1]; k++) {
            p->edges[k] = (struct nested_edge){.from = row_of[t], .to = row_of[d->down[k]]};
        }
    }
    return ui_lay_out(p->nodes, p->rows_len, p->edges, edges, &p->p, e);
}

static void put_nodes(struct picture *p)
{
    const struct dag *d = p->d;
    struct call *c = p->c;

    json_key(&c->w, "nodes");
    json_array(&c->w);
    for (size_t i = 0; i < p->rows_len; i++) {
        const struct ui_row *r = &p->rows[i];
        const struct task *t = r->task != UINT32_MAX ? &d->tasks[r->task] : NULL;
        const struct task_group *g = t == NULL ? &d->groups[r->group] : NULL;

        json_object(&c->w);
        put_text(c, "id", t != NULL ? t->task_id : g->group_id);
        put_text(c, "label", t != NULL ? t->display_name : ui_group_label(d, r->group));
        ui_put_box(c, &p->nodes[i]);
        put_text(c, "kind",
                 t == NULL        ? "group"
                 : t->is_setup    ? "setup"
                 : t->is_teardown ? "teardown"
                                  : "task");
        put_text(c, "operator", t != NULL ? t->operator_name : NULL);
        put_bool(c, "mapped",
                 t != NULL ? t->mapped : g->expand != NULL || g->expand_kwargs != NULL);
        put_text(c, "parent", r->parent >= 0 ? d->groups[p->rows[r->parent].group].group_id : NULL);
        json_object_end(&c->w);
    }
    json_array_end(&c->w);
}

/* What is written on an edge, or NULL: `labels` of the document. */
static const char *label_of(const struct dag *d, const char *from, const char *to)
{
    const struct value *all = d->document != NULL ? value_get(d->document, "labels") : NULL;

    for (size_t i = 0; all != NULL && all->kind == VALUE_ARRAY && i < all->len; i++) {
        const struct value *u = value_get(all->elems[i], "upstream"),
                           *v = value_get(all->elems[i], "downstream"),
                           *text = value_get(all->elems[i], "label");

        if (u != NULL && v != NULL && text != NULL && u->kind == VALUE_STRING &&
            v->kind == VALUE_STRING && text->kind == VALUE_STRING && strcmp(u->text, from) == 0 &&
            strcmp(v->text, to) == 0) {
            return text->text;
        }
    }
    return NULL;
}

static void put_edges(struct picture *p)
{
    const struct dag *d = p->d;
    struct call *c = p->c;

    json_key(&c->w, "edges");
    json_array(&c->w);
    for (uint32_t t = 0; t < d->tasks_len; t++) {
        for (uint32_t k = d->down_off[t]; k < d->down_off[t + 1]; k++) {
            json_object(&c->w);
            put_text(c, "from", d->tasks[t].task_id);
            put_text(c, "to", d->tasks[d->down[k]].task_id);
            ui_put_points(c, p->p, &p->edges[k]);
            put_text(c, "label", label_of(d, d->tasks[t].task_id, d->tasks[d->down[k]].task_id));
            json_object_end(&c->w);
        }
    }
    json_array_end(&c->w);
}

static int draw(struct call *c, const struct dag_row *row, int64_t version_key, int64_t number,
                struct err *e)
{
    struct picture p = {.c = c};
    int rc = server_dag(c, version_key, &p.d, e);

    rc = rc == 0 ? make(&p, e) : rc;
    if (rc == 0) {
        json_object(&c->w);
        put_text(c, "dag_id", row->dag_id);
        put_int(c, "version", number);
        put_int(c, "width", p.p->width);
        put_int(c, "height", p.p->height);
        put_bool(c, "simplified", p.p->simplified);
        put_nodes(&p);
        put_edges(&p);
        json_object_end(&c->w);
    }
    layout_nested_free(p.p);
    return rc;
}

/* ---- what was made is kept: it does not change, and takes as long as hundreds of other answers ---- */

struct graph_cache {
    pthread_mutex_t lock;
    uint64_t uses;
    size_t bytes;
    struct kept_graph {
        char hash[65]; /* of the document */
        int64_t number;
        char *text; /* owned */
        size_t len;
        uint64_t used;
    } kept[GRAPHS_KEPT];
};

int ui_graphs_new(struct graph_cache **ret, struct err *e)
{
    struct graph_cache *g = mem_zalloc(sizeof *g);

    if (g == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for graphs");
    }
    (void)pthread_mutex_init(&g->lock, NULL);
    *ret = g;
    return 0;
}

static void drop(struct graph_cache *g, struct kept_graph *k)
{
    g->bytes -= k->len;
    mem_free(k->text);
    *k = (struct kept_graph){0};
}

void ui_graphs_free(struct graph_cache *g)
{
    if (g == NULL) {
        return;
    }
    for (size_t i = 0; i < GRAPHS_KEPT; i++) {
        drop(g, &g->kept[i]);
    }
    (void)pthread_mutex_destroy(&g->lock);
    mem_free(g);
}

static bool find_kept(struct graph_cache *g, const char *hash, int64_t number, struct buf *out)
{
    bool found = false;

    (void)pthread_mutex_lock(&g->lock);
    for (size_t i = 0; !found && i < GRAPHS_KEPT; i++) {
        struct kept_graph *k = &g->kept[i];

        found = k->text != NULL && k->number == number && strcmp(k->hash, hash) == 0;
        if (found) {
            k->used = ++g->uses;
            (void)buf_append(out, k->text, k->len);
        }
    }
    (void)pthread_mutex_unlock(&g->lock);
    return found;
}

static struct kept_graph *find_spare(struct graph_cache *g)
{
    for (size_t i = 0; i < GRAPHS_KEPT; i++) {
        if (g->kept[i].text == NULL) {
            return &g->kept[i];
        }
    }
    return NULL;
}

/* The one that was not asked for the longest goes, until there is room. */
static void keep(struct graph_cache *g, const char *hash, int64_t number, const struct buf *b)
{
    char *text = b->len <= GRAPHS_BYTES / 4 ? mem_alloc(b->len + 1) : NULL;
    struct kept_graph *spare = NULL;

    if (text == NULL) {
        return;
    }
    memcpy(text, buf_cstr(b), b->len);
    (void)pthread_mutex_lock(&g->lock);
    while ((spare = find_spare(g)) == NULL || g->bytes + b->len > GRAPHS_BYTES) {
        struct kept_graph *oldest = NULL;

        for (size_t i = 0; i < GRAPHS_KEPT; i++) {
            if (g->kept[i].text != NULL && (oldest == NULL || g->kept[i].used < oldest->used)) {
                oldest = &g->kept[i];
            }
        }
        drop(g, oldest); /* there is one: else all are free, and nothing is kept */
    }
    *spare = (struct kept_graph){.number = number, .text = text, .len = b->len, .used = ++g->uses};
    (void)snprintf(spare->hash, sizeof spare->hash, "%s", hash);
    g->bytes += b->len;
    (void)pthread_mutex_unlock(&g->lock);
}

int ui_graph(struct call *c, struct err *e)
{
    struct graph_cache *g = c->thread->server->graphs;
    struct version_row v;
    struct dag_row row;
    int64_t number = 0;
    int rc = api_find_dag(c, &row, e);

    rc = rc == 0 ? ui_find_version(c, &row, "version", &v, &number, e) : rc;
    if (rc != 0 || find_kept(g, v.hash, number, &c->out)) {
        return rc;
    }
    rc = draw(c, &row, v.version_key, number, e);
    if (rc == 0 && buf_status(&c->out) == 0) {
        keep(g, v.hash, number, &c->out);
    }
    return rc;
}
