#ifndef TW_SERVER_API_TRIGGER_H
#define TW_SERVER_API_TRIGGER_H

struct call;
struct err;

/* SUSPENDS. A run of the DAG as the body says; type: "manual", "asset_materialization". */
int api_trigger(struct call *c, const char *dag_id, const char *type, struct err *e);

#endif
