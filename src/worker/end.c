#include "base/limits.h"
#include "base/mem.h"
#include "worker/worker.h"

struct worker_end *worker_end_new(const struct ti_key *key, const struct uuid *token,
                                  enum worker_outcome outcome)
{
    struct worker_end *end = mem_zalloc(sizeof *end);

    if (end != NULL) {
        arena_init(&end->arena, 2 * LIMIT_XCOM_BYTES);
        end->key = *key;
        end->token = *token;
        end->outcome = outcome;
        end->exit_code = -1;
    }
    return end;
}

void worker_end_free(struct worker_end *end)
{
    if (end != NULL) {
        arena_fini(&end->arena);
        mem_free(end);
    }
}
