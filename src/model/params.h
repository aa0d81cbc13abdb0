/* Params of a run, checked against what the DAG says of them (a part of JSON Schema: type, minimum, maximum, enum). */
#ifndef TW_MODEL_PARAMS_H
#define TW_MODEL_PARAMS_H

struct dag;
struct err;
struct value;

/* `conf`: an object. Each of its members that is a param fits its schema; each param without a default is there. -ERR_INVALID, the text names
 * the param. */
int dag_check_params(const struct dag *d, const struct value *conf, struct err *e);

#endif
