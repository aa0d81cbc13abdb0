/* /ui/assets/graph: which DAGs make which assets, and which wait for them; as their current versions say. */
#include <stdio.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "model/layout_nested.h"
#include "server/ui.h"

#define NODES_MAX 5000
#define EDGES_MAX 20000

enum kind { KIND_DAG, KIND_ASSET, KIND_ALIAS };

struct node {
    enum kind kind;
    const char *id, *label;
};

struct web {
    struct call *c;
    struct map by_id; /* node index + 1 */
    struct node *nodes;
    size_t nodes_len;
    struct nested_edge *edges;
    size_t edges_len;
    struct asset_row *assets;
    size_t assets_len;
    bool truncated;
};

static const char *text_of(const struct value *o, const char *name)
{
    const struct value *v = value_get(o, name);

    return v != NULL && v->kind == VALUE_STRING && v->len > 0 ? v->text : NULL;
}

/* "dag:ID", "asset:NAME", "alias:NAME". UINT32_MAX: no room. */
static uint32_t node_of(struct web *w, enum kind kind, const char *name)
{
    static const char *const words[] = {"dag", "asset", "alias"};
    const char *id = arena_printf(&w->c->arena, "%s:%s", words[kind], name);
    void *found = id != NULL ? map_find(&w->by_id, id, strlen(id)) : NULL;

    if (found != NULL) {
        return (uint32_t)(uintptr_t)found - 1;
    }
    if (id == NULL || w->nodes_len == NODES_MAX ||
        map_add(&w->by_id, id, strlen(id), (void *)(uintptr_t)(w->nodes_len + 1), NULL) != 0) {
        w->truncated = true;
        return UINT32_MAX;
    }
    w->nodes[w->nodes_len] = (struct node){kind, id, arena_strdup(&w->c->arena, name)};
    return (uint32_t)w->nodes_len++;
}

static void add_edge(struct web *w, uint32_t from, uint32_t to)
{
    if (from == UINT32_MAX || to == UINT32_MAX || w->edges_len == EDGES_MAX) {
        w->truncated = true;
        return;
    }
    w->edges[w->edges_len++] = (struct nested_edge){.from = from, .to = to};
}

static int by_ends(const void *x, const void *y)
{
    const struct nested_edge *a = x, *b = y;

    return a->from != b->from ? (a->from < b->from ? -1 : 1) : (a->to > b->to) - (a->to < b->to);
}

static void drop_doubles(struct web *w)
{
    size_t kept = 0;

    if (w->edges_len > 1) {
        qsort(w->edges, w->edges_len, sizeof *w->edges, by_ends);
    }
    for (size_t i = 0; i < w->edges_len; i++) {
        if (kept == 0 || by_ends(&w->edges[kept - 1], &w->edges[i]) != 0) {
            w->edges[kept++] = w->edges[i];
        }
    }
    w->edges_len = kept;
}

/* A reference by URI names the asset that has it. */
static const char *name_of(const struct web *w, const struct value *v)
{
    const char *name = text_of(v, "name"), *uri = text_of(v, "uri");

    for (size_t i = 0; name == NULL && uri != NULL && i < w->assets_len; i++) {
        if (strcmp(w->assets[i].uri, uri) == 0) {
            return w->assets[i].name;
        }
    }
    return name != NULL ? name : uri;
}

/* All assets and aliases within a value: its depth is that of a document. */
static void walk(struct web *w, const struct value *v, const char *dag_id, bool made)
{
    const char *type, *name;

    if (v == NULL || (v->kind != VALUE_ARRAY && v->kind != VALUE_OBJECT)) {
        return;
    }
    type = v->kind == VALUE_OBJECT ? text_of(v, "type") : NULL;
    name = type != NULL ? name_of(w, v) : NULL;
    if (type != NULL && name != NULL &&
        (strcmp(type, "asset") == 0 || strcmp(type, "asset_ref") == 0 ||
         strcmp(type, "asset_alias") == 0)) {
        enum kind kind = strcmp(type, "asset_alias") == 0 ? KIND_ALIAS : KIND_ASSET;
        uint32_t asset = node_of(w, kind, name), dag = node_of(w, KIND_DAG, dag_id);

        add_edge(w, made ? dag : asset, made ? asset : dag);
        return;
    }
    for (size_t i = 0; i < v->len; i++) {
        walk(w, v->elems[i], dag_id, made);
    }
}

static void look(struct web *w, const struct dag_row *row, const struct value *document)
{
    const struct value *schedule = value_get(document, "schedule"),
                       *tasks = value_get(document, "tasks");

    for (size_t i = 0; tasks != NULL && tasks->kind == VALUE_OBJECT && i < tasks->len; i++) {
        if (tasks->elems[i]->kind == VALUE_OBJECT) {
            walk(w, value_get(tasks->elems[i], "outlets"), row->dag_id, true);
        }
    }
    if (schedule != NULL && schedule->kind == VALUE_OBJECT) {
        walk(w, value_get(schedule, "condition"), row->dag_id, false);
    }
}

static int gather(struct web *w, struct store *s, struct err *e)
{
    struct arena *a = &w->c->arena;
    struct dag_row *dags;
    size_t n = 0;
    int rc = s->ops->get_dags(s, a, &dags, &n, e);

    rc = rc == 0 ? s->ops->get_assets(s, 0, NODES_MAX, a, &w->assets, &w->assets_len, e) : rc;
    w->nodes = arena_array(a, NODES_MAX, sizeof *w->nodes);
    w->edges = arena_array(a, EDGES_MAX, sizeof *w->edges);
    if (rc == 0 && (w->nodes == NULL || w->edges == NULL)) {
        return err_set(e, ERR_NOMEM, "out of memory for assets");
    }
    for (size_t i = 0; rc == 0 && i < w->assets_len; i++) {
        (void)node_of(w, KIND_ASSET, w->assets[i].name);
    }
    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct version_row v;
        struct value *document;
        struct arena own;

        arena_init(&own, LIMIT_DOC_BYTES * 8);
        rc = s->ops->get_version(s, dags[i].version_key, &own, &v, e);
        if (rc == 0 && memmem(v.document, v.document_len, "\"asset", 6) != NULL) {
            rc = value_parse(&own, v.document, v.document_len, &document, e);
            if (rc == 0 && document->kind == VALUE_OBJECT) {
                look(w, &dags[i], document);
            }
        }
        arena_fini(&own);
    }
    return rc;
}

static int put_web(struct web *w, struct err *e)
{
    static const char *const words[] = {"dag", "asset", "alias"};
    struct call *c = w->c;
    struct nested_node *boxes = arena_array(&c->arena, w->nodes_len + 1, sizeof *boxes);
    struct nested *p;
    int rc;

    if (boxes == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for assets");
    }
    for (size_t i = 0; i < w->nodes_len; i++) {
        boxes[i] = (struct nested_node){
            .parent = UINT32_MAX, .w = ui_box_width(w->nodes[i].label), .h = UI_BOX_HEIGHT};
    }
    rc = ui_lay_out(boxes, w->nodes_len, w->edges, w->edges_len, &p, e);
    if (rc != 0) {
        return rc;
    }
    json_object(&c->w);
    put_int(c, "width", p->width);
    put_int(c, "height", p->height);
    json_key(&c->w, "nodes");
    json_array(&c->w);
    for (size_t i = 0; i < w->nodes_len; i++) {
        json_object(&c->w);
        put_text(c, "id", w->nodes[i].id);
        put_text(c, "kind", words[w->nodes[i].kind]);
        put_text(c, "label", w->nodes[i].label);
        ui_put_box(c, &boxes[i]);
        json_object_end(&c->w);
    }
    json_array_end(&c->w);
    json_key(&c->w, "edges");
    json_array(&c->w);
    for (size_t i = 0; i < w->edges_len; i++) {
        json_object(&c->w);
        put_text(c, "from", w->nodes[w->edges[i].from].id);
        put_text(c, "to", w->nodes[w->edges[i].to].id);
        ui_put_points(c, p, &w->edges[i]);
        json_object_end(&c->w);
    }
    json_array_end(&c->w);
    put_bool(c, "truncated", w->truncated);
    json_object_end(&c->w);
    nested_free(p);
    return 0;
}

int ui_assets_graph(struct call *c, struct err *e)
{
    struct web w = {.c = c};
    struct store *s;
    int rc = server_store(c, &s, e);

    map_init(&w.by_id);
    rc = rc == 0 ? gather(&w, s, e) : rc;
    drop_doubles(&w);
    rc = rc == 0 ? put_web(&w, e) : rc;
    map_fini(&w.by_id);
    return rc;
}
