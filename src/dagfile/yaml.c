/*
 * YAML to a value tree, by libfyaml's events.
 *
 *   event            what is done
 *   scalar           a key, or a value (yaml_scalar.c) that goes into the innermost open container
 *   start            a container is made, added and opened
 *   end              it is closed: merge keys are merged, its anchor becomes known
 *   alias            the anchor's value is added: shared, never copied
 *
 * Invariants:
 * 1. Everything is bounded: depth (with what aliases bring) by LIMIT_JSON_DEPTH; the sizes of all
 * that aliases stand for by LIMIT_YAML_ALIASED in sum, so that whoever walks the tree does work in
 * proportion to the input.
 * 2. An anchor is known only when its value is complete: nothing contains itself.
 * 3. Values that are shared are not changed: a merge makes new members in the object that asks for
 * it, which is complete only then.
 * 4. No event outlives its step: texts are copied into the arena.
 */
#include <assert.h>
#include <libfyaml.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/mem.h"
#include "dagfile/dagfile.h"
#include "dagfile/yaml_priv.h"

struct anchor {
    struct value *v;
    uint32_t nodes; /* with all below */
    int depth;      /* levels of containers */
};

struct frame { /* an open container */
    struct value *v;
    const char *anchor; /* in the arena, or NULL */
    struct value_key key;
    bool have_key, merging; /* of an object: a key waits for its value; that key is << */
    struct value *merges;   /* array of what << named, or NULL */
    uint64_t nodes_before;
    int depth_below;
};

struct yaml {
    struct arena *a;
    struct err *e;
    struct frame stack[LIMIT_JSON_DEPTH];
    int depth;
    int documents;
    struct map anchors; /* name -> struct anchor * */
    uint64_t nodes, aliased;
    struct value *root;
    int line, col; /* of the event */
};

static int nomem(struct yaml *y)
{
    return err_set(y->e, ERR_NOMEM, "out of memory");
}

static int syntax(struct yaml *y, const char *text)
{
    return err_at(y->e, ERR_SYNTAX, y->line, y->col, "%s", text);
}

static int define_anchor(struct yaml *y, const char *name, struct value *v, uint64_t nodes,
                         int depth)
{
    struct anchor *an = arena_alloc(y->a, sizeof *an);
    struct map_entry *old = map_find_entry(&y->anchors, name, strlen(name));

    if (an == NULL) {
        return nomem(y);
    }
    *an = (struct anchor){v, nodes > UINT32_MAX ? UINT32_MAX : (uint32_t)nodes, depth};
    if (old != NULL) {
        old->value = an; /* YAML allows a name to be used again */
        return 0;
    }
    return map_add(&y->anchors, name, strlen(name), an, NULL) != 0 ? nomem(y) : 0;
}

/* Counts what an alias or a merge stands for (invariant 1). */
static int count_aliased(struct yaml *y, uint64_t nodes)
{
    y->aliased += nodes;
    if (y->aliased > LIMIT_YAML_ALIASED) {
        return err_at(y->e, ERR_LIMIT, y->line, y->col, "aliases stand for more than %d values",
                      LIMIT_YAML_ALIASED);
    }
    y->nodes += nodes;
    return 0;
}

/* ---- values ---- */

static int add_merge(struct yaml *y, struct frame *f, struct value *v)
{
    f->merging = f->have_key = false;
    if (v->kind != VALUE_OBJECT && v->kind != VALUE_ARRAY) {
        return err_at(y->e, ERR_SYNTAX, v->line, v->col,
                      "<< must name a mapping, or a list of mappings");
    }
    if (f->merges == NULL) {
        f->merges = value_new(y->a, VALUE_ARRAY);
    }
    return f->merges == NULL || value_append(y->a, f->merges, v) != 0 ? nomem(y) : 0;
}

/* A complete scalar or alias, or a container that was just opened, goes to its place. */
static int add(struct yaml *y, struct value *v)
{
    struct frame *f = y->depth > 0 ? &y->stack[y->depth - 1] : NULL;

    if (f == NULL) {
        y->root = v;
        return 0;
    }
    if (f->v->kind == VALUE_ARRAY) {
        return value_append(y->a, f->v, v) != 0 ? nomem(y) : 0;
    }
    if (!f->have_key) {
        return syntax(
            y, "a key must be a single word or string; a template ({{ x }}) must be in quotes");
    }
    if (v->line == 0) { /* nothing is written there: it is where its key is */
        v->line = f->key.line;
        v->col = f->key.col;
    }
    if (f->merging) {
        return add_merge(y, f, v);
    }
    f->have_key = false;
    return value_set_key(y->a, f->v, &f->key, v) != 0 ? nomem(y) : 0;
}

static int on_key(struct yaml *y, struct frame *f, const char *text, size_t n, bool plain)
{
    if (plain && n == 0) {
        return err_at(y->e, ERR_SYNTAX, f->v->line, f->v->col,
                      "a key is missing before ':' in this mapping");
    }
    f->key = (struct value_key){arena_strndup(y->a, text, n), n, y->line, y->col};
    f->have_key = true;
    f->merging = plain && n == 2 && memcmp(text, "<<", 2) == 0;
    return f->key.text == NULL ? nomem(y) : 0;
}

/* A token's text in the arena; *ret NULL when there is no token. */
static int token_text(struct yaml *y, struct fy_token *t, const char **ret)
{
    size_t n = 0;
    const char *text = t != NULL ? fy_token_get_text(t, &n) : NULL;

    *ret = NULL;
    if (text == NULL) {
        return 0;
    }
    *ret = arena_strndup(y->a, text, n);
    return *ret == NULL ? nomem(y) : 0;
}

static int on_scalar(struct yaml *y, struct fy_event *ev)
{
    struct frame *f = y->depth > 0 ? &y->stack[y->depth - 1] : NULL;
    bool plain = fy_token_scalar_style(ev->scalar.value) == FYSS_PLAIN;
    const char *tag, *anchor, *text;
    struct value *v = NULL;
    size_t n = 0;
    int rc;

    text = fy_token_get_text(ev->scalar.value, &n);
    if (text == NULL) {
        text = "";
        n = 0;
    }
    rc = token_text(y, ev->scalar.tag, &tag);
    if (rc == 0) {
        rc = token_text(y, ev->scalar.anchor, &anchor);
    }
    if (rc != 0) {
        return rc;
    }
    if (f != NULL && f->v->kind == VALUE_OBJECT && !f->have_key) {
        return on_key(y, f, text, n, plain && tag == NULL);
    }
    y->nodes++;
    text = arena_strndup(y->a, text, n); /* libfyaml's text is not terminated */
    if (text == NULL) {
        return nomem(y);
    }
    rc = yaml_scalar(y->a, text, n, plain, tag, y->line, y->col, &v, y->e);
    if (rc == 0) {
        rc = add(y, v);
    }
    if (rc == 0 && anchor != NULL) {
        rc = define_anchor(y, anchor, v, 1, 0);
    }
    return rc;
}

static int on_alias(struct yaml *y, struct fy_event *ev)
{
    struct frame *f = y->depth > 0 ? &y->stack[y->depth - 1] : NULL;
    const struct anchor *an;
    const char *name;
    int rc = token_text(y, ev->alias.anchor, &name);

    if (rc != 0) {
        return rc;
    }
    an = name != NULL ? map_find(&y->anchors, name, strlen(name)) : NULL;
    if (an == NULL) {
        return err_at(y->e, ERR_SYNTAX, y->line, y->col,
                      "alias '*%.60s' has no complete anchor '&%.60s' before it",
                      name != NULL ? name : "", name != NULL ? name : "");
    }
    if (y->depth + an->depth > LIMIT_JSON_DEPTH) {
        return err_at(y->e, ERR_LIMIT, y->line, y->col, "nested deeper than %d levels",
                      LIMIT_JSON_DEPTH);
    }
    rc = count_aliased(y, an->nodes);
    if (rc == 0 && f != NULL && f->depth_below < an->depth) {
        f->depth_below = an->depth;
    }
    return rc == 0 ? add(y, an->v) : rc;
}

/* ---- containers ---- */

static int check_tag(struct yaml *y, struct fy_token *token, const char *wanted)
{
    const char *tag;
    int rc = token_text(y, token, &tag);

    if (rc == 0 && tag != NULL && strcmp(tag, wanted) != 0 && strcmp(tag, "!") != 0) {
        return err_at(y->e, ERR_SYNTAX, y->line, y->col,
                      "unknown tag '%.60s': a DAG document is plain data", tag);
    }
    return rc;
}

static int on_start(struct yaml *y, enum value_kind kind, struct fy_token *tag,
                    struct fy_token *anchor_token)
{
    struct value *v = value_new(y->a, kind);
    uint64_t before = y->nodes++;
    const char *anchor;
    int rc;

    if (v == NULL) {
        return nomem(y);
    }
    v->line = y->line;
    v->col = y->col;
    if (y->depth == LIMIT_JSON_DEPTH) {
        return err_at(y->e, ERR_LIMIT, y->line, y->col, "nested deeper than %d levels",
                      LIMIT_JSON_DEPTH);
    }
    rc = check_tag(y, tag, kind == VALUE_ARRAY ? "tag:yaml.org,2002:seq" : "tag:yaml.org,2002:map");
    if (rc == 0) {
        rc = token_text(y, anchor_token, &anchor);
    }
    if (rc == 0) {
        rc = add(y, v);
    }
    if (rc == 0) {
        y->stack[y->depth++] = (struct frame){.v = v, .anchor = anchor, .nodes_before = before};
    }
    return rc;
}

/* Adds the members of `from` that `into` does not have. `have` are the keys of `into`. */
static int merge_object(struct yaml *y, struct value *into, const struct value *from,
                        struct map *have)
{
    int rc = count_aliased(y, from->len);

    for (size_t i = 0; i < from->len && rc == 0; i++) {
        rc = map_add(have, from->keys[i].text, from->keys[i].len, into, NULL);
        if (rc == -ERR_EXISTS) {
            rc = 0;
        } else if (rc != 0 || value_set_key(y->a, into, &from->keys[i], from->elems[i]) != 0) {
            rc = nomem(y);
        }
    }
    return rc;
}

static int merge_one(struct yaml *y, struct value *into, const struct value *from, struct map *have)
{
    int rc = 0;

    if (from->kind == VALUE_OBJECT) {
        return merge_object(y, into, from, have);
    }
    for (size_t i = 0; i < from->len && rc == 0; i++) {
        if (from->elems[i]->kind != VALUE_OBJECT) {
            return err_at(y->e, ERR_SYNTAX, from->elems[i]->line, from->elems[i]->col,
                          "<< must name a mapping, or a list of mappings");
        }
        rc = merge_object(y, into, from->elems[i], have);
    }
    return rc;
}

static int merge(struct yaml *y, struct frame *f)
{
    struct map have;
    int rc = 0;

    map_init(&have);
    for (size_t i = 0; i < f->v->len && rc == 0; i++) {
        rc = map_add(&have, f->v->keys[i].text, f->v->keys[i].len, f->v, NULL);
        rc = rc == -ERR_EXISTS ? 0 : rc != 0 ? nomem(y) : 0;
    }
    for (size_t i = 0; i < f->merges->len && rc == 0; i++) {
        rc = merge_one(y, f->v, f->merges->elems[i], &have);
    }
    map_fini(&have);
    return rc;
}

static int on_end(struct yaml *y)
{
    struct frame *f = &y->stack[y->depth - 1];
    int rc = 0, depth = f->depth_below + 1;

    assert(y->depth > 0);
    if (f->merges != NULL) {
        rc = merge(y, f);
    }
    if (rc == 0 && f->anchor != NULL) {
        rc = define_anchor(y, f->anchor, f->v, y->nodes - f->nodes_before, depth);
    }
    y->depth--;
    if (y->depth > 0 && y->stack[y->depth - 1].depth_below < depth) {
        y->stack[y->depth - 1].depth_below = depth;
    }
    return rc;
}

/* ---- the parser ---- */

static int on_event(struct yaml *y, struct fy_event *ev)
{
    const struct fy_mark *mark = fy_event_start_mark(ev);

    y->line = mark != NULL ? mark->line + 1 : 0;
    y->col = mark != NULL ? mark->column + 1 : 0;
    switch (ev->type) {
    case FYET_DOCUMENT_START:
        return ++y->documents > 1 ? syntax(y, "a second document begins here: a file holds one DAG")
                                  : 0;
    case FYET_SCALAR:
        return on_scalar(y, ev);
    case FYET_ALIAS:
        return on_alias(y, ev);
    case FYET_SEQUENCE_START:
        return on_start(y, VALUE_ARRAY, ev->sequence_start.tag, ev->sequence_start.anchor);
    case FYET_MAPPING_START:
        return on_start(y, VALUE_OBJECT, ev->mapping_start.tag, ev->mapping_start.anchor);
    case FYET_SEQUENCE_END:
    case FYET_MAPPING_END:
        return on_end(y);
    default:
        return 0;
    }
}

/* Whether line `n` (from 1) of the input is indented with a tab. */
static bool tab_indents(const char *input, size_t len, int n)
{
    const char *p = input, *end = input + len;

    for (; n > 1 && p != NULL; n--) {
        p = memchr(p, '\n', (size_t)(end - p));
        p = p != NULL ? p + 1 : NULL;
    }
    while (p != NULL && p < end && *p == ' ') {
        p++;
    }
    return p != NULL && p < end && *p == '\t';
}

/* What libfyaml says about an input that it cannot read. */
static int parse_error(struct yaml *y, struct fy_diag *diag, const char *input, size_t n)
{
    const struct fy_diag_error *de;
    const char *remedy = "";
    void *iter = NULL;

    de = fy_diag_errors_iterate(diag, &iter);
    if (de == NULL) {
        return err_set(y->e, ERR_NOMEM, "out of memory in the YAML reader");
    }
    if (tab_indents(input, n, de->line) || tab_indents(input, n, de->line + 1)) {
        remedy = "; a tab does not indent in YAML: use spaces";
    }
    return err_at(y->e, ERR_SYNTAX, de->line > 0 ? de->line : 1, de->column > 0 ? de->column : 1,
                  "%s%s", de->msg != NULL ? de->msg : "not YAML", remedy);
}

static void discard_output(struct fy_diag *diag, void *user, const char *text, size_t n)
{
    (void)diag; /* messages are read from the diagnostics, never printed */
    (void)user;
    (void)text;
    (void)n;
}

static int parse_events(struct yaml *y, struct fy_parser *parser, struct fy_diag *diag,
                        const char *input, size_t n)
{
    struct fy_event *ev;
    int rc = 0;

    if (fy_parser_set_string(parser, input, n) != 0) {
        return nomem(y);
    }
    while (rc == 0 && (ev = fy_parser_parse(parser)) != NULL) {
        rc = on_event(y, ev);
        fy_parser_event_free(parser, ev);
    }
    if (rc == 0 && fy_parser_get_stream_error(parser)) {
        rc = parse_error(y, diag, input, n);
    }
    if (rc == 0 && y->root == NULL) {
        y->line = y->col = 1;
        rc = syntax(y, "the file is empty");
    }
    return rc;
}

int yaml_parse(struct arena *a, const char *input, size_t n, struct value **ret, struct err *e)
{
    struct fy_parse_cfg cfg = {.flags = FYPCF_QUIET | FYPCF_COLLECT_DIAG |
                                        FYPCF_DEFAULT_VERSION_1_2 | FYPCF_JSON_NONE};
    MEM_CLEANUP struct yaml *y = mem_zalloc(sizeof *y);
    struct fy_diag_cfg diag_cfg;
    struct fy_parser *parser = NULL;
    int rc;

    if (y == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory");
    }
    rc = yaml_check_bytes(input, n, e);
    if (rc != 0) {
        return rc;
    }
    y->a = a;
    y->e = e;
    map_init(&y->anchors);
    fy_diag_cfg_default(&diag_cfg);
    diag_cfg.fp = NULL;
    diag_cfg.output_fn = discard_output;
    cfg.diag = fy_diag_create(&diag_cfg);
    if (cfg.diag != NULL) {
        fy_diag_set_collect_errors(cfg.diag, true);
        parser = fy_parser_create(&cfg);
    }
    rc = parser != NULL ? parse_events(y, parser, cfg.diag, input, n) : nomem(y);
    if (parser != NULL) {
        fy_parser_destroy(parser);
    }
    if (cfg.diag != NULL) {
        fy_diag_destroy(cfg.diag);
    }
    map_fini(&y->anchors);
    if (rc == 0) {
        *ret = y->root;
    }
    return rc;
}
