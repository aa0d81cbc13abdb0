#include "cli/defined.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/limits.h"
#include "bundle/folder.h"
#include "cli/command.h"
#include "cli/session.h"
#include "home/home.h"
#include "model/dag.h"
#include "store/store.h"

static int from_files(struct cli *cli, const char *arg, const char *home, struct dag **ret,
                      struct err *e)
{
    struct session paths = {0};
    struct load_env env = session_load_env(&paths, home);
    struct loaded l = {0};
    int rc;

    (void)snprintf(paths.home, sizeof paths.home, "%s", home);
    rc = session_find_parts(&paths, cli_opt(cli, "python"), e);
    rc = rc == 0 ? load_target_alone(arg, cli_opt(cli, "dag"), &env, NULL, &l, e) : rc;
    *ret = rc == 0 ? dag_ref(l.dag) : NULL;
    loaded_fini(&l);
    return rc;
}

static int from_store(const char *dag_id, const char *home, struct dag **ret)
{
    struct store *s = NULL;
    struct dag_row row;
    struct arena a;
    int rc = store_open_for_reading(home, &s, NULL);

    arena_init(&a, MiB(16));
    rc = rc == 0 ? s->ops->find_dag(s, dag_id, &a, &row, NULL) : rc;
    rc = rc == 0 ? home_load_version(s, row.version_key, ret, NULL) : rc;
    store_close(s);
    arena_fini(&a);
    return rc;
}

int cli_defined_dag(struct cli *cli, const char *arg, const char *home, struct dag **ret,
                    struct err *e)
{
    int rc = from_files(cli, arg, home, ret, e);

    if (rc == -ERR_NOTFOUND && from_store(arg, home, ret) == 0) {
        *e = (struct err){0};
        rc = 0;
    }
    return rc;
}

int cli_defined_file(struct cli *cli, const char *arg, const char *home, char *ret, size_t cap,
                     const char **ret_dag, struct err *e)
{
    struct folder_target t;
    struct dag *d = NULL;
    int rc = folder_target(arg, home, &t, e);

    *ret_dag = NULL;
    if (rc != 0) {
        return rc;
    }
    if (t.dag_id == NULL) {
        (void)snprintf(ret, cap, "%s", arg); /* also what is nothing: its own error says so */
        rc = access(arg, F_OK) == 0 ? -ERR_NOTFOUND : from_store(arg, home, &d);
        if (rc != 0) {
            return 0;
        }
    }
    rc = d == NULL ? cli_defined_dag(cli, arg, home, &d, e) : 0;
    if (rc == 0 && d->file == NULL) {
        rc = err_set(e, ERR_NOTFOUND, "DAG '%s' has no file", arg);
    }
    if (rc == 0) {
        (void)snprintf(ret, cap, "%s", d->file);
        *ret_dag = arg;
    }
    dag_unref(d);
    return rc;
}
