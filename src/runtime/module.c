#include "runtime/module.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"

static void *try_dir(const struct module_spec *m, const char *dir, const char *below, char *tried,
                     size_t cap)
{
    char path[PATH_MAX];
    size_t n = strlen(tried);
    void *lib;

    if (snprintf(path, sizeof path, "%s/%s%s%s", dir, below, below[0] != '\0' ? "/" : "",
                 m->file) >= (int)sizeof path) {
        return NULL;
    }
    lib = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (lib == NULL && access(path, F_OK) == 0) {
        (void)snprintf(tried + n, cap - n, "; %s",
                       dlerror()); /* it is there: what it lacks is the news */
    }
    return lib;
}

static void *find(const struct module_spec *m, char *tried, size_t cap)
{
    const char *dir = getenv("TRADEWIND_MODULE_DIR");
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    void *lib = NULL;
    char *slash;

    tried[0] = '\0';
    if (dir != NULL) {
        lib = try_dir(m, dir, "", tried, cap);
    }
    if (lib == NULL && n > 0) {
        self[n] = '\0';
        slash = strrchr(self, '/');
        *slash = '\0';
        lib = try_dir(m, self, "", tried, cap);
        if (lib == NULL) {
            lib = try_dir(m, self, m->folder, tried, cap);
        }
        if (lib == NULL) {
            lib = try_dir(m, self, "../lib/tradewind", tried, cap);
        }
    }
    return lib != NULL ? lib : try_dir(m, TW_LIBDIR, "", tried, cap);
}

int module_load(const struct module_spec *m, void **ret_library, const void **ret, struct err *e)
{
    char tried[600];
    void *lib = find(m, tried, sizeof tried);
    const int *version;

    if (lib == NULL) {
        return err_set(e, ERR_UNSUPPORTED, "%s needs the module %s and %s%s", m->what, m->file,
                       m->needs, tried);
    }
    version = dlsym(lib, m->symbol);
    if (version == NULL || *version != m->version) {
        (void)dlclose(lib);
        return err_set(e, ERR_UNSUPPORTED, "%s is of another version of Tradewind", m->file);
    }
    *ret_library = lib;
    *ret = version;
    return 0;
}

void module_unload(void *library)
{
    if (library != NULL) {
        (void)dlclose(library);
    }
}
