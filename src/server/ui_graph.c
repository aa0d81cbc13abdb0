/* /ui/dags/{dag_id}/graph: where the tasks of a version stand in a picture. It never changes for a version. */
#include <string.h>

#include "base/mem.h"
#include "model/layout.h"
#include "server/ui.h"

#define BOX_HEIGHT  40
#define BOX_MIN     90
#define CHAR_WIDTH  8
#define LABEL_MAX   40
#define COLUMN_GAP  64
#define BOX_GAP     20
#define EDGE_GAP    14
#define GROUP_GAP   48
#define GROUP_PAD   16
#define GROUP_TITLE 24

struct frame {
    int64_t x1, y1, x2, y2;
};

struct picture {
    struct call *c;
    const struct dag *d;
    struct layout *l;
    int32_t *width;       /* by task */
    int64_t *x, *column;  /* by rank: its left edge, its widest box */
    struct frame *frames; /* by group */
    struct frame all;
};

static size_t label_columns(const char *s)
{
    size_t n = 0;

    for (; *s != '\0'; s++) {
        n += ((unsigned char)*s & 0xc0) != 0x80;
    }
    return n < LABEL_MAX ? n : LABEL_MAX;
}

static void extend(struct frame *f, int64_t x1, int64_t y1, int64_t x2, int64_t y2)
{
    f->x1 = x1 < f->x1 ? x1 : f->x1;
    f->y1 = y1 < f->y1 ? y1 : f->y1;
    f->x2 = x2 > f->x2 ? x2 : f->x2;
    f->y2 = y2 > f->y2 ? y2 : f->y2;
}

static int64_t task_x(const struct picture *p, uint32_t t)
{
    return p->x[p->l->rank[t]];
}

/* Groups follow those around them in the document: from the last to the first each gives its frame to the one around it. */
static void measure(struct picture *p)
{
    const struct dag *d = p->d;
    const struct frame none = {INT32_MAX, INT32_MAX, INT32_MIN, INT32_MIN};
    int64_t x = GROUP_PAD;

    p->all = none;
    for (uint32_t t = 0; t < d->tasks_len; t++) {
        int64_t *column = &p->column[p->l->rank[t]];

        *column = p->width[t] > *column ? p->width[t] : *column;
    }
    for (uint32_t r = 0; r < p->l->ranks_len; r++) {
        p->x[r] = x;
        x += p->column[r] + COLUMN_GAP + (d->groups_len > 0 ? 2 * GROUP_PAD : 0);
    }
    for (uint32_t g = 0; g < d->groups_len; g++) {
        p->frames[g] = none;
    }
    for (uint32_t t = 0; t < d->tasks_len; t++) {
        struct frame *f = d->tasks[t].group != UINT32_MAX ? &p->frames[d->tasks[t].group] : &p->all;

        extend(f, task_x(p, t), p->l->pos[t] - BOX_HEIGHT / 2, task_x(p, t) + p->width[t],
               p->l->pos[t] + BOX_HEIGHT / 2);
    }
    for (uint32_t g = d->groups_len; g-- > 0;) {
        struct frame *f = &p->frames[g];
        uint32_t parent = d->groups[g].parent;

        if (f->x1 <= f->x2) {
            extend(parent != UINT32_MAX ? &p->frames[parent] : &p->all, f->x1 - GROUP_PAD,
                   f->y1 - GROUP_PAD - GROUP_TITLE, f->x2 + GROUP_PAD, f->y2 + GROUP_PAD);
        }
    }
}

static void put_box(struct picture *p, int64_t x, int64_t y, int64_t w, int64_t h)
{
    put_int(p->c, "x", x - p->all.x1);
    put_int(p->c, "y", y - p->all.y1);
    put_int(p->c, "w", w);
    put_int(p->c, "h", h);
}

static void put_nodes(struct picture *p)
{
    const struct dag *d = p->d;
    struct call *c = p->c;

    json_key(&c->w, "nodes");
    json_array(&c->w);
    for (uint32_t g = 0; g < d->groups_len; g++) {
        const struct frame *f = &p->frames[g];
        uint32_t parent = d->groups[g].parent;
        const char *dot = strrchr(d->groups[g].group_id, '.');

        if (f->x1 > f->x2) {
            continue;
        }
        json_object(&c->w);
        put_text(c, "id", d->groups[g].group_id);
        put_text(c, "label", dot != NULL ? dot + 1 : d->groups[g].group_id);
        put_box(p, f->x1 - GROUP_PAD, f->y1 - GROUP_PAD - GROUP_TITLE,
                f->x2 - f->x1 + 2 * GROUP_PAD, f->y2 - f->y1 + 2 * GROUP_PAD + GROUP_TITLE);
        put_text(c, "kind", "group");
        put_null(c, "operator");
        put_bool(c, "mapped", d->groups[g].expand != NULL || d->groups[g].expand_kwargs != NULL);
        put_text(c, "parent", parent != UINT32_MAX ? d->groups[parent].group_id : NULL);
        json_object_end(&c->w);
    }
    for (uint32_t t = 0; t < d->tasks_len; t++) {
        const struct task *task = &d->tasks[t];

        json_object(&c->w);
        put_text(c, "id", task->task_id);
        put_text(c, "label", task->display_name);
        put_box(p, task_x(p, t), p->l->pos[t] - BOX_HEIGHT / 2, p->width[t], BOX_HEIGHT);
        put_text(c, "kind", task->is_setup ? "setup" : task->is_teardown ? "teardown" : "task");
        put_text(c, "operator", task->operator_name);
        put_bool(c, "mapped", task->mapped);
        put_text(c, "parent", task->group != UINT32_MAX ? d->groups[task->group].group_id : NULL);
        json_object_end(&c->w);
    }
    json_array_end(&c->w);
}

static void put_point(struct picture *p, int64_t x, int64_t y)
{
    json_array(&p->c->w);
    json_int(&p->c->w, x - p->all.x1);
    json_int(&p->c->w, y - p->all.y1);
    json_array_end(&p->c->w);
}

static void put_edges(struct picture *p)
{
    const struct layout *l = p->l;
    struct call *c = p->c;

    json_key(&c->w, "edges");
    json_array(&c->w);
    for (uint32_t t = 0; t < p->d->tasks_len; t++) {
        for (uint32_t k = p->d->down_off[t]; k < p->d->down_off[t + 1]; k++) {
            uint32_t to = p->d->down[k], r = l->rank[t];

            json_object(&c->w);
            put_text(c, "from", p->d->tasks[t].task_id);
            put_text(c, "to", p->d->tasks[to].task_id);
            json_key(&c->w, "points");
            json_array(&c->w);
            put_point(p, task_x(p, t) + p->width[t], l->pos[t]);
            if (p->width[t] < p->column[r]) {
                put_point(p, p->x[r] + p->column[r], l->pos[t]);
            }
            for (uint32_t w = l->way_off[k]; w < l->way_off[k + 1]; w++) {
                r++;
                put_point(p, p->x[r], l->way[w]);
                put_point(p, p->x[r] + p->column[r], l->way[w]);
            }
            put_point(p, task_x(p, to), l->pos[to]);
            json_array_end(&c->w);
            put_null(c, "label");
            json_object_end(&c->w);
        }
    }
    json_array_end(&c->w);
}

static int draw(struct picture *p, struct err *e)
{
    struct layout_options o = {.gap = BOX_GAP, .edge_gap = EDGE_GAP, .group_gap = GROUP_GAP};
    struct arena *a = &p->c->arena;
    size_t n = (size_t)p->d->tasks_len + 1;
    int32_t *extent = arena_array(a, n, sizeof *extent);
    int rc;

    p->width = arena_array(a, n, sizeof *p->width);
    p->frames = arena_array(a, (size_t)p->d->groups_len + 1, sizeof *p->frames);
    if (extent == NULL || p->width == NULL || p->frames == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for a graph");
    }
    for (uint32_t t = 0; t < p->d->tasks_len; t++) {
        size_t w = label_columns(p->d->tasks[t].display_name) * CHAR_WIDTH + 28;

        extent[t] = BOX_HEIGHT;
        p->width[t] = w < BOX_MIN ? BOX_MIN : (int32_t)w;
    }
    o.extent = extent;
    rc = layout_build(p->d, &o, &p->l, e);
    if (rc != 0) {
        return rc;
    }
    p->x = arena_array(a, (size_t)p->l->ranks_len + 1, sizeof *p->x);
    p->column = arena_array(a, (size_t)p->l->ranks_len + 1, sizeof *p->column);
    if (p->x == NULL || p->column == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for a graph");
    }
    measure(p);
    return 0;
}

int ui_graph(struct call *c, struct err *e)
{
    struct picture p = {.c = c};
    struct version_row v;
    struct dag_row row;
    int64_t number = 0;
    int rc = api_find_dag(c, &row, e);

    rc = rc == 0 ? ui_find_version(c, &row, "version", &v, &number, e) : rc;
    rc = rc == 0 ? server_dag(c, v.version_key, &p.d, e) : rc;
    rc = rc == 0 ? draw(&p, e) : rc;
    if (rc == 0) {
        bool empty = p.d->tasks_len == 0;

        json_object(&c->w);
        put_text(c, "dag_id", row.dag_id);
        put_int(c, "version", number);
        put_int(c, "width", empty ? 0 : p.all.x2 - p.all.x1);
        put_int(c, "height", empty ? 0 : p.all.y2 - p.all.y1);
        put_nodes(&p);
        put_edges(&p);
        json_object_end(&c->w);
    }
    layout_free(p.l);
    return rc;
}
