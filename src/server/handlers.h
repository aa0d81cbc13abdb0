/* The handlers of routes.c. All SUSPEND. */
#ifndef TW_SERVER_HANDLERS_H
#define TW_SERVER_HANDLERS_H

struct call;
struct err;

/* health.c */
int api_health(struct call *c, struct err *e);
int api_monitor_health(struct call *c, struct err *e);
int api_version(struct call *c, struct err *e);

/* metrics.c */
int api_metrics(struct call *c, struct err *e);
/* webhooks.c */
int api_webhook(struct call *c, struct err *e);

#endif
