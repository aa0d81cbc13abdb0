/* python: a callable, run by the Python runner, which renders its arguments and reports the outcome. */
#include "base/err.h"
#include "base/json.h"
#include "operators/operator.h"

static int prepare(const struct operator_context *c, struct operator_process *ret, struct err *e)
{
    const struct value *interpreter = value_get(c->params, "python");

    (void)e;
    ret->python = true;
    if (interpreter != NULL && interpreter->kind == VALUE_STRING) {
        ret->python_interpreter = interpreter->text;
    }
    return 0;
}

const struct operator_impl op_python = {.name = "python", .loss = LOSS_ADOPT, .prepare = prepare};

/* empty: nothing to do. Mostly the scheduler ends it by itself; it comes here when it has callbacks or outlets. */
static int nothing(const struct operator_context *c, struct operator_result *ret, struct err *e)
{
    (void)c;
    (void)e;
    ret->verdict = VERDICT_SUCCESS;
    return 0;
}

const struct operator_impl op_empty = {.name = "empty", .loss = LOSS_REPEAT, .decide = nothing};
