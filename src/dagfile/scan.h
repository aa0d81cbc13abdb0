/*
 * Has a process of Python read a folder of DAG files (python/tradewind/dagfolder.py): what has not changed since the last time comes from
 * its cache, the rest is imported. It answers with a line of JSON for each file, in the files' order.
 */
#ifndef TW_DAGFILE_SCAN_H
#define TW_DAGFILE_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

struct scan_config {
    const char *folder;
    const char *cache;       /* its file; made with its folder */
    const char *python;      /* interpreter */
    const char *python_path; /* folder that holds the tradewind package */
    int64_t memory_bytes;    /* of one import; 0: no limit */
    bool has_memory;         /* memory_bytes is set; else the scanner's default */
    bool stream; /* lines as they come, and {"so_far": true} when the next takes longer */
};

/*
 * SUSPENDS. each: a line without its end, borrowed; it may suspend; a result other than 0 ends the scan and is returned. -ERR_NOTFOUND: there
 * is no such folder; -ERR_FAILED: it could not be read. When cancelled the process is ended.
 */
int scan_folder(const struct scan_config *c, int (*each)(void *arg, const char *line, size_t n),
                void *arg, struct err *e);

#endif
