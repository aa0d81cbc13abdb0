/* Parts of the program that are loaded on first use, because they link what the core does not: tradewind-*.so. */
#ifndef TW_RUNTIME_MODULE_H
#define TW_RUNTIME_MODULE_H

struct err;

struct module_spec {
    const char *file;   /* "tradewind-http.so" */
    const char *symbol; /* the object that it shows; begins with an int, its version */
    int version;
    const char *what, *needs; /* for people: "HTTP", "libcurl (Debian package libcurl4)" */
    const char *folder;       /* where it lies in a build tree, beside the program: "runtime" */
};

/*
 * Looks in $TRADEWIND_MODULE_DIR, beside the program, in its ../lib/tradewind, and where it was installed. *ret_library: for dlclose; *ret: the
 * object. -ERR_UNSUPPORTED: it is not there, what it links is not, or it is of another version; the text names the package.
 */
int module_load(const struct module_spec *m, void **ret_library, const void **ret, struct err *e);
void module_unload(void *library); /* NULL is allowed */

#endif
