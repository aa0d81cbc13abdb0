#include "model/params.h"

#include "base/err.h"
#include "base/json.h"
#include "model/dag.h"
#include "model/schema.h"

int params_check_one(const struct dag_param *p, const struct value *v, struct err *e)
{
    int rc = p->schema != NULL ? schema_check(p->schema, v, e) : 0;

    return rc != 0 ? err_prefix(e, rc, "param '%s'", p->name) : 0;
}

int params_check(const struct dag *d, const struct value *conf, struct err *e)
{
    int rc = 0;

    for (uint32_t i = 0; rc == 0 && i < d->params_len; i++) {
        const struct dag_param *p = &d->params[i];
        const struct value *v = conf != NULL ? value_get(conf, p->name) : NULL;

        v = v != NULL ? v : p->value;
        rc = v != NULL ? params_check_one(p, v, e)
                       : err_set(e, ERR_USAGE, "param '%s' has no default; give --param %s=VALUE",
                                 p->name, p->name);
    }
    return rc;
}
