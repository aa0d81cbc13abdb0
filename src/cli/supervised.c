#include "cli/supervised.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "runtime/co.h"
#include "runtime/loop.h"

struct watching {
    void (*gone)(void *arg);
    void *arg;
};

bool supervised(void)
{
    return getenv(SUPERVISED_ENV) != NULL;
}

static int watch_input(void *arg)
{
    struct watching *w = arg;
    char some[64];
    size_t n = 1;
    int rc = 0;

    while (rc == 0 && n > 0) {
        rc = co_read(STDIN_FILENO, some, sizeof some, &n);
    }
    if (rc == 0) {
        w->gone(w->arg);
    }
    mem_free(w);
    return 0;
}

int supervised_watch(struct co_group *g, void (*gone)(void *arg), void *arg, struct err *e)
{
    struct watching *w;
    int flags, rc;

    if (!supervised()) {
        return 0;
    }
    w = mem_alloc(sizeof *w);
    if (w == NULL) {
        return err_set(e, ERR_NOMEM, "out of memory");
    }
    *w = (struct watching){gone, arg};
    flags = fcntl(STDIN_FILENO, F_GETFL);
    (void)fcntl(STDIN_FILENO, F_SETFL, flags | O_NONBLOCK);
    rc = co_spawn(g, "supervisor", watch_input, w, NULL, e);
    if (rc != 0) {
        mem_free(w);
    }
    return rc;
}
