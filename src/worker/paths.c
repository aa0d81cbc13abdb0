#include "worker/paths.h"

#include <stdio.h>

#include "base/err.h"

int worker_log_path(const char *home, const char *dag_id, const char *run_id, const char *task_id,
                    int map_index, unsigned try_number, char *buf, size_t cap)
{
    char map[32] = "";

    if (map_index >= 0) {
        (void)snprintf(map, sizeof map, "/map_index=%d", map_index);
    }
    return snprintf(buf, cap, "%s/logs/dag_id=%s/run_id=%s/task_id=%s%s/attempt=%u.log", home,
                    dag_id, run_id, task_id, map, try_number) >= (int)cap
               ? -ERR_LIMIT
               : 0;
}
