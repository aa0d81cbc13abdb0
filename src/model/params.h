/* A run's params: what its conf says over what the DAG says of them, as Airflow merges them, each checked by its JSON Schema. Pure. */
#ifndef TW_MODEL_PARAMS_H
#define TW_MODEL_PARAMS_H

struct dag;
struct err;
struct value;

/* conf: an object, or NULL. Members of conf that are no params are free. Errors name the param and the place in it: "param 'limit': at /0: ...".
 * -ERR_INVALID; -ERR_USAGE: one has no value; -ERR_UNSUPPORTED, -ERR_LIMIT as schema_check. */
int params_check(const struct dag *d, const struct value *conf, struct err *e);
/* One of them by itself: what is wrong with this value of it. Its index in the DAG. */
struct dag_param;
int params_check_one(const struct dag_param *p, const struct value *v, struct err *e);

#endif
