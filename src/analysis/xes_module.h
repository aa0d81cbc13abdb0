/*
 * The border to the XML parser (libexpat), which is no part of the program: tradewind-xes.so, loaded when a log is read. It knows nothing but
 * this header.
 */
#ifndef TW_ANALYSIS_XES_MODULE_H
#define TW_ANALYSIS_XES_MODULE_H

#include <stddef.h>

#define XES_MODULE_FILE    "tradewind-xes.so"
#define XES_MODULE_SYMBOL  "tradewind_xes_module"
#define XES_MODULE_VERSION 1

struct xes_module {
    int version;
    /* start and end are called with arg; one that returns non-zero ends the parsing. NULL: out of memory. */
    void *(*open)(int (*start)(void *arg, const char *name, const char **attributes),
                  int (*end)(void *arg, const char *name), void *arg);
    /* 0; 1: a handler ended it; -1: no XML, with what is wrong. *ret_line, *ret_col: where it stands. */
    int (*feed)(void *parser, const char *p, size_t n, int last, const char **ret_wrong,
                int *ret_line, int *ret_col);
    void (*close)(void *parser);
};

#endif
