/* Where the worker writes below TRADEWIND_HOME; the command line reads there. */
#ifndef TW_WORKER_PATHS_H
#define TW_WORKER_PATHS_H

#include <stddef.h>

/* The log of one try: home/logs/dag_id=D/run_id=R/task_id=T[/map_index=M]/attempt=N.log, as Airflow names it. map_index -1: not mapped.
 * -ERR_LIMIT when it does not fit. */
int worker_log_path(const char *home, const char *dag_id, const char *run_id, const char *task_id,
                    int map_index, unsigned try_number, char *buf, size_t cap);

#endif
