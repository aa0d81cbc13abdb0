/* What deferred and rescheduled tries need to go on: read back for the worker. It is written with the end that asks for it (batch.c). */
#include "base/err.h"
#include "engine/engine_priv.h"

int deferral_record(void *arg, const struct ti_key *key, struct arena *a, const char **ret,
                    size_t *ret_len, struct err *e)
{
    struct ti_key at = engine_record_key(key);

    return facts_xcom(arg, &at, ENGINE_RECORD_STATE, a, ret, ret_len, e);
}
