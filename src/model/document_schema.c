/*
 * The JSON Schema (2020-12) of a document, from the tables that check it: what an editor completes
 * and marks. It states shapes; what needs the whole document (cycles, unknown upstream) only the
 * builder sees.
 */
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"
#include "model/document_priv.h"

static void pair(struct json_writer *w, const char *key, const char *value)
{
    json_key(w, key);
    json_string(w, value);
}

static void pair_int(struct json_writer *w, const char *key, int64_t value)
{
    json_key(w, key);
    json_int(w, value);
}

static void raw(struct json_writer *w, const char *key, const char *json)
{
    json_key(w, key);
    json_raw(w, json, strlen(json));
}

static void ref(struct json_writer *w, const char *name)
{
    json_key(w, "$ref");
    json_string(w, name);
}

/* {"type": a} or {"type": a} with items or additionalProperties of a type. */
static void plain_type(struct json_writer *w, const char *type, const char *of_key, const char *of)
{
    pair(w, "type", type);
    if (of_key != NULL) {
        json_key(w, of_key);
        json_object(w);
        pair(w, "type", of);
        json_object_end(w);
    }
}

static void either(struct json_writer *w, const char *type)
{
    json_key(w, "anyOf");
    json_array(w);
    json_object(w);
    plain_type(w, type, NULL, NULL);
    json_object_end(w);
    json_object(w);
    plain_type(w, "array", "items", type);
    json_object_end(w);
    json_array_end(w);
}

static void words(struct json_writer *w, int type)
{
    int max = type == DOC_TRIGGER_RULE ? (int)TRIGGER_RULE_MAX_ : (int)WEIGHT_RULE_MAX_;

    json_key(w, "enum");
    json_array(w);
    for (int i = 0; i < max; i++) {
        json_string(w, type == DOC_TRIGGER_RULE ? trigger_rule_to_string(i)
                                                : weight_rule_to_string(i));
    }
    json_array_end(w);
}

static void python_type(struct json_writer *w)
{
    static const char *const texts[] = {"file", "root", "tree", "meaning"};

    pair(w, "type", "object");
    json_key(w, "required");
    json_array(w);
    json_string(w, "file");
    json_array_end(w);
    json_key(w, "properties");
    json_object(w);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        json_key(w, texts[i]);
        json_object(w);
        pair(w, "type", "string");
        json_object_end(w);
    }
    json_key(w, "sources");
    json_object(w);
    pair(w, "type", "object");
    raw(w, "additionalProperties", "{\"type\":\"string\"}");
    json_object_end(w);
    json_object_end(w);
}

static void map_of(struct json_writer *w, const char *name)
{
    pair(w, "type", "object");
    json_key(w, "propertyNames");
    json_object(w);
    ref(w, "#/$defs/id");
    json_object_end(w);
    json_key(w, "additionalProperties");
    json_object(w);
    ref(w, name);
    json_object_end(w);
}

/* Types of the document itself. */
static void doc_type_of(struct json_writer *w, int type)
{
    switch (type) {
    case DOC_ID:
        ref(w, "#/$defs/id");
        break;
    case DOC_NAME:
        plain_type(w, "string", NULL, NULL);
        pair_int(w, "minLength", 1);
        pair_int(w, "maxLength", LIMIT_ID_BYTES);
        break;
    case DOC_TRIGGER_RULE:
    case DOC_WEIGHT_RULE:
        words(w, type);
        break;
    case DOC_BACKOFF:
        json_key(w, "type");
        json_raw(w, "[\"number\",\"boolean\"]", strlen("[\"number\",\"boolean\"]"));
        pair_int(w, "minimum", 0);
        pair_int(w, "maximum", 1000);
        break;
    case DOC_VERSION:
        pair_int(w, "const", 1);
        break;
    case DOC_TASKS:
        map_of(w, "#/$defs/task");
        break;
    case DOC_TASK_GROUPS:
        map_of(w, "#/$defs/task_group");
        break;
    case DOC_DEFAULT_ARGS:
        ref(w, "#/$defs/default_args");
        break;
    case DOC_PYTHON:
        python_type(w);
        break;
    case DOC_SCHEDULE:
        raw(w, "anyOf",
            "[{\"type\":\"string\"},{\"type\":\"object\",\"required\":[\"type\"],"
            "\"properties\":{\"type\":{\"type\":\"string\"}}}]");
        break;
    case DOC_OBJECTS:
        plain_type(w, "array", "items", "object");
        break;
    case DOC_EXPAND:
        plain_type(w, "object", NULL, NULL);
        pair_int(w, "minProperties", 1);
        raw(w, "additionalProperties", "{\"type\":[\"array\",\"object\"]}");
        break;
    case DOC_EXPAND_KWARGS:
        raw(w, "anyOf",
            "[{\"type\":\"array\",\"items\":{\"type\":\"object\"}},{\"type\":\"object\","
            "\"minProperties\":1,\"maxProperties\":1}]");
        break;
    case DOC_CALLBACKS:
        raw(w, "anyOf",
            "[{\"type\":\"object\",\"additionalProperties\":{\"anyOf\":[{\"type\":\"string\"},{"
            "\"type\":\"array\",\"items\":{\"type\":\"string\"}}]}},{\"type\":\"array\",\"items\":"
            "{\"type\":\"string\"}}]");
        break;
    case DOC_PARAMS:
        plain_type(w, "object", NULL, NULL);
        break;
    default:
        break; /* anything */
    }
}

/* The members that say what the type is, into an object that is open. */
static void type_of(struct json_writer *w, int type, int64_t min, int64_t max)
{
    switch (type) {
    case PARAM_STRING:
        plain_type(w, "string", NULL, NULL);
        break;
    case PARAM_BOOL:
        plain_type(w, "boolean", NULL, NULL);
        break;
    case PARAM_INT:
        plain_type(w, "integer", NULL, NULL);
        if (min != 0 || max != 0) {
            pair_int(w, "minimum", min);
            pair_int(w, "maximum", max);
        }
        break;
    case PARAM_NUMBER:
        plain_type(w, "number", NULL, NULL);
        break;
    case PARAM_DURATION:
        ref(w, "#/$defs/duration");
        break;
    case PARAM_TIME:
        ref(w, "#/$defs/time");
        break;
    case PARAM_STRINGS:
        plain_type(w, "array", "items", "string");
        break;
    case PARAM_STRING_MAP:
        plain_type(w, "object", "additionalProperties", "string");
        break;
    case PARAM_ARRAY:
        plain_type(w, "array", NULL, NULL);
        break;
    case PARAM_STRING_OR_STRINGS:
        either(w, "string");
        break;
    case PARAM_INTS:
        either(w, "integer");
        break;
    case PARAM_OBJECT:
        plain_type(w, "object", NULL, NULL);
        break;
    default:
        doc_type_of(w, type);
        break;
    }
}

/* "name": {description, type}; null is allowed beside the type where the member says so. */
static void property(struct json_writer *w, const struct doc_rule *r, const char *doc)
{
    bool text =
        r->type == PARAM_STRING || r->type == PARAM_STRING_OR_STRINGS || r->type == PARAM_ANY;
    bool any = (r->flags & MEMBER_NULL) || (r->templated && !text); /* a template is a string */

    json_key(w, r->name);
    json_object(w);
    pair(w, "description", doc);
    if (r->templated) {
        json_key(w, "x-templated");
        json_bool(w, true);
    }
    if (any) {
        json_key(w, "anyOf");
        json_array(w);
        json_object(w);
    }
    type_of(w, r->type, r->min, r->max);
    if (any) {
        json_object_end(w);
        json_object(w);
        pair(w, "type", (r->flags & MEMBER_NULL) ? "null" : "string");
        json_object_end(w);
        json_array_end(w);
    }
    json_object_end(w);
}

static void member_property(struct json_writer *w, const struct doc_member *m)
{
    struct doc_rule r = {m->name, m->type, m->flags, false, m->min, m->max};

    property(w, &r, m->doc);
}

static void param_property(struct json_writer *w, const struct operator_param *p)
{
    struct doc_rule r = {p->name, p->type, 0, p->templated, 0, 0};

    property(w, &r, p->doc);
}

static void closed_object(struct json_writer *w, const struct doc_members *m)
{
    pair(w, "type", "object");
    json_key(w, "required");
    json_array(w);
    for (size_t i = 0; i < m->len; i++) {
        if (m->items[i].flags & MEMBER_REQUIRED) {
            json_string(w, m->items[i].name);
        }
    }
    json_array_end(w);
    json_key(w, "additionalProperties");
    json_bool(w, false);
    json_key(w, "properties");
    json_object(w);
    for (size_t i = 0; i < m->len; i++) {
        member_property(w, &m->items[i]);
    }
    json_object_end(w);
}

/* $defs/task: the operator's name chooses the definition of the rest. */
static void def_task(struct json_writer *w, const struct operator_table *ops)
{
    json_key(w, "task");
    json_object(w);
    pair(w, "type", "object");
    json_key(w, "required");
    json_array(w);
    json_string(w, "operator");
    json_array_end(w);
    json_key(w, "properties");
    json_object(w);
    json_key(w, "operator");
    json_object(w);
    json_key(w, "enum");
    json_array(w);
    for (size_t i = 0; i < ops->len; i++) {
        json_string(w, ops->operators[i]->name);
    }
    json_array_end(w);
    json_object_end(w);
    json_object_end(w);
    json_key(w, "allOf");
    json_array(w);
    for (size_t i = 0; i < ops->len; i++) {
        char name[128] = "#/$defs/task_";

        (void)strncat(name, ops->operators[i]->name, sizeof name - strlen(name) - 1);
        json_object(w);
        json_key(w, "if");
        json_object(w);
        json_key(w, "properties");
        json_object(w);
        json_key(w, "operator");
        json_object(w);
        pair(w, "const", ops->operators[i]->name);
        json_object_end(w);
        json_object_end(w);
        json_object_end(w);
        json_key(w, "then");
        json_object(w);
        ref(w, name);
        json_object_end(w);
        json_object_end(w);
    }
    json_array_end(w);
    json_object_end(w);
}

/* What must be given: by the task, or to each of its instances. */
static void required_params(struct json_writer *w, const struct operator_desc *op)
{
    bool any = false;

    for (const struct operator_param *p = op->params; p->name != NULL; p++) {
        any |= p->required;
    }
    if (!any) {
        return;
    }
    json_key(w, "anyOf");
    json_array(w);
    json_object(w);
    json_key(w, "required");
    json_array(w);
    for (const struct operator_param *p = op->params; p->name != NULL; p++) {
        if (p->required) {
            json_string(w, p->name);
        }
    }
    json_array_end(w);
    json_object_end(w);
    for (int i = 0; i < 2; i++) {
        json_object(w);
        json_key(w, "required");
        json_array(w);
        json_string(w, i == 0 ? "expand" : "expand_kwargs");
        json_array_end(w);
        json_object_end(w);
    }
    json_array_end(w);
}

/* Not both of two; at least one is only for the builder to say (a DAG written in Python needs
 * none). */
static void exclusive_params(struct json_writer *w, const struct operator_desc *op)
{
    if (op->one_of == NULL || op->one_of[0] == NULL || op->one_of[1] == NULL) {
        return;
    }
    json_key(w, "not");
    json_object(w);
    json_key(w, "anyOf");
    json_array(w);
    for (size_t i = 0; op->one_of[i] != NULL; i++) {
        for (size_t j = i + 1; op->one_of[j] != NULL; j++) {
            json_object(w);
            json_key(w, "required");
            json_array(w);
            json_string(w, op->one_of[i]);
            json_string(w, op->one_of[j]);
            json_array_end(w);
            json_object_end(w);
        }
    }
    json_array_end(w);
    json_object_end(w);
}

static void def_operator(struct json_writer *w, const struct operator_desc *op)
{
    char name[128] = "task_";

    (void)strncat(name, op->name, sizeof name - strlen(name) - 1);
    json_key(w, name);
    json_object(w);
    pair(w, "description", op->doc);
    required_params(w, op);
    exclusive_params(w, op);
    json_key(w, "additionalProperties");
    json_bool(w, false);
    json_key(w, "properties");
    json_object(w);
    for (const struct operator_param *p = op->params; p->name != NULL; p++) {
        param_property(w, p);
    }
    for (size_t i = 0; i < doc_task_members.len; i++) {
        json_key(w, doc_task_members.items[i].name);
        json_object(w);
        if (doc_task_members.items[i].id == M_OPERATOR) {
            pair(w, "const", op->name);
        } else {
            char path[160] = "#/$defs/common/properties/";

            (void)strncat(path, doc_task_members.items[i].name, sizeof path - strlen(path) - 1);
            ref(w, path);
        }
        json_object_end(w);
    }
    json_object_end(w);
    json_object_end(w);
}

/* Members of tasks, and the parameters of all operators, each once. */
static void def_default_args(struct json_writer *w, const struct operator_table *ops)
{
    json_key(w, "default_args");
    json_object(w);
    pair(w, "type", "object");
    json_key(w, "additionalProperties");
    json_bool(w, false);
    json_key(w, "properties");
    json_object(w);
    for (size_t i = 0; i < doc_task_members.len; i++) {
        if (!(doc_task_members.items[i].flags & MEMBER_PER_TASK)) {
            member_property(w, &doc_task_members.items[i]);
        }
    }
    for (size_t i = 0; i < ops->len; i++) {
        for (const struct operator_param *p = ops->operators[i]->params; p->name != NULL; p++) {
            bool before = false;

            for (size_t j = 0; j < i && !before; j++) {
                for (const struct operator_param *q = ops->operators[j]->params; q->name != NULL;
                     q++) {
                    before |= strcmp(p->name, q->name) == 0;
                }
            }
            if (!before) {
                param_property(w, p);
            }
        }
    }
    json_object_end(w);
    json_object_end(w);
}

static void defs(struct json_writer *w, const struct operator_table *ops)
{
    json_key(w, "id");
    json_object(w);
    pair(w, "type", "string");
    pair(w, "pattern", "^[A-Za-z0-9_.-]+$");
    pair_int(w, "maxLength", LIMIT_ID_BYTES);
    json_object_end(w);
    json_key(w, "duration");
    json_object(w);
    json_key(w, "description");
    json_string(w, "Seconds, or text: 90s, 1h30m, 500ms, PT1H30M.");
    json_key(w, "type");
    json_raw(w, "[\"number\",\"string\"]", strlen("[\"number\",\"string\"]"));
    pair_int(w, "minimum", 0);
    pair_int(w, "maximum", LIMIT_DURATION_S);
    pair(w, "pattern", "^([0-9].*|P.+)$");
    json_object_end(w);
    json_key(w, "time");
    json_object(w);
    pair(w, "description", "RFC 3339, or a date.");
    pair(w, "type", "string");
    pair(w, "pattern", "^[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ].+)?$");
    json_object_end(w);
    json_key(w, "common");
    json_object(w);
    closed_object(w, &doc_task_members);
    json_object_end(w);
    json_key(w, "task_group");
    json_object(w);
    json_key(w, "anyOf");
    json_array(w);
    json_object(w);
    closed_object(w, &doc_group_members);
    json_object_end(w);
    json_object(w);
    pair(w, "type", "null");
    json_object_end(w);
    json_array_end(w);
    json_object_end(w);
    def_default_args(w, ops);
    def_task(w, ops);
    for (size_t i = 0; i < ops->len; i++) {
        def_operator(w, ops->operators[i]);
    }
}

int document_schema(const struct operator_table *ops, struct buf *out)
{
    struct json_writer w;

    json_writer_init(&w, out, 2);
    json_object(&w);
    pair(&w, "$schema", "https://json-schema.org/draft/2020-12/schema");
    pair(&w, "title", "Tradewind DAG document");
    closed_object(&w, &doc_dag_members);
    json_key(&w, "$defs");
    json_object(&w);
    defs(&w, ops);
    json_object_end(&w);
    json_object_end(&w);
    (void)buf_char(out, '\n');
    return buf_status(out);
}
