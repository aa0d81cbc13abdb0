/* Names whose values are secrets, wherever they stand: of variables, connections' extras, params, the environment. */
#ifndef TW_BASE_SENSITIVE_H
#define TW_BASE_SENSITIVE_H

#include <stdbool.h>

/* Whether one of Airflow's sensitive words (the built-in list of [core] sensitive_var_conn_names) is in the name, in any case of letters.
 * python/tradewind/log.py has the same list for tasks. */
bool sensitive_name(const char *name);

#endif
