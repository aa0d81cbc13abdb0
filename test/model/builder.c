#include "builder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"

static const struct operator_param bash_params[] = {
    {"bash_command", PARAM_STRING_OR_STRINGS, .required = true, .templated = true,
     .doc = "A command."},
    {"env", PARAM_STRING_MAP, .templated = true, .doc = "Environment."},
    {"codes", PARAM_INTS, .doc = "Codes."},
    {0},
};
static const struct operator_param python_params[] = {
    {"python_callable", PARAM_STRING, .doc = "What is called."},
    {"op_args", PARAM_ARRAY, .templated = true, .doc = "Arguments."},
    {"op_kwargs", PARAM_OBJECT, .templated = true, .doc = "Arguments."},
    {0},
};
static const struct operator_param wait_params[] = {
    {"until", PARAM_TIME, .templated = true, .doc = "A time."},
    {"delta", PARAM_DURATION, .doc = "A duration."},
    {0},
};
static const struct operator_param empty_params[] = {{0}};
static const char *const python_needs[] = {"python_callable", NULL};
static const char *const wait_needs[] = {"until", "delta", NULL};
static const struct operator_desc bash = {"bash", "BashOperator", "Runs.", bash_params};
static const struct operator_desc python = {"python", "PythonOperator", "Calls.", python_params,
                                            .one_of = python_needs};
static const struct operator_desc wait_time = {"wait", NULL, "Waits.", wait_params,
                                               .one_of = wait_needs};
static const struct operator_desc empty = {"empty", "EmptyOperator", "Nothing.", empty_params,
                                           .instant = true};
static const struct operator_desc *const list[] = {&bash, &python, &wait_time, &empty};
const struct operator_table builder_operators = {list, 4};

void builder_build(struct built *b, const char *json)
{
    struct value *document = NULL;
    char *text = mem_strdup(json);
    struct arena a;

    assert_non_null(text);
    for (char *p = text; *p != '\0'; p++) {
        *p = *p == '\'' ? '"' : *p;
    }
    *b = (struct built){0};
    arena_init(&b->arena, MiB(64));
    b->errors.arena = &b->arena;
    arena_init(&a, MiB(256));
    b->rc = value_parse(&a, text, strlen(text), &document, &b->e);
    if (b->rc != 0) {
        fail_msg("%d:%d: %s", b->e.line, b->e.col, b->e.text);
    }
    b->rc = document_build(document, NULL, &builder_operators, &b->dag, &b->errors, &b->e);
    arena_fini(&a); /* the DAG has its own copy */
    mem_free(text);
}

void builder_fini(struct built *b)
{
    dag_unref(b->dag);
    arena_fini(&b->arena);
}

const char *builder_report(struct built *b)
{
    struct buf out BUF_CLEANUP;
    const char *text;

    buf_init(&out, MiB(1));
    for (size_t i = 0; i < b->errors.len; i++) {
        const struct doc_error *x = &b->errors.items[i];

        (void)buf_printf(&out, "%d:%d %s%s%s\n", x->line, x->col,
                         x->task_id != NULL ? x->task_id : "", x->task_id != NULL ? ": " : "",
                         x->text);
    }
    text = arena_strdup(&b->arena, buf_cstr(&out));
    assert_non_null(text);
    return text;
}
