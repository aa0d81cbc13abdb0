/* Deletions as the handlers share them. */
#ifndef TW_SERVER_API_DELETE_H
#define TW_SERVER_API_DELETE_H

#include "server/api.h"

/* SUSPENDS. -ERR_CONFLICT: its run is at work. */
int api_send_delete_ti(struct call *c, const struct ti_key *key, bool *ret_later, struct err *e);

#endif
