/* c_function: a C function of a program that calls tw_init (include/tradewind/pipeline.h): the program itself is started, and becomes it. */
#include "base/err.h"
#include "base/json.h"
#include "operators/operator.h"

static int prepare(const struct operator_context *c, struct operator_process *ret, struct err *e)
{
    const struct value *program = value_get(c->params, "program");
    const struct value *function = value_get(c->params, "function");
    const char **argv = arena_array(c->arena, 4, sizeof *argv);

    if (argv == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory for a command");
    }
    if (program == NULL || program->kind != VALUE_STRING || program->text[0] != '/' ||
        function == NULL || function->kind != VALUE_STRING) {
        return err_set(e, ERR_INVALID,
                       "c_function needs 'program' (an absolute path) and 'function'");
    }
    argv[0] = program->text;
    argv[1] = "--tradewind-task";
    argv[2] = function->text;
    ret->argv = argv;
    ret->reports = true;
    return 0;
}

const struct operator_impl op_function = {
    .name = "c_function", .loss = LOSS_ADOPT, .prepare = prepare};
