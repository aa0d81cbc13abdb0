/* An attempt's output: from the pipe through the mask to its log and its last line. */
#ifndef TW_HOLDER_OUTPUT_H
#define TW_HOLDER_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "holder/last_line.h"
#include "holder/log.h"
#include "holder/mask.h"

struct err;

#define OUTPUT_CHUNK ((size_t)65536)

struct output {
    int fd; /* the pipe's reading end, non-blocking; -1 = closed */
    struct mask mask;
    struct holder_log log;
    struct last_line last;
    bool hidden; /* more secrets than can be masked: nothing is shown from then on */
};

/* path is borrowed until output_close. -ERR_NOMEM. The pipe comes later, by `fd`. */
int output_init(struct output *o, const char *path, int64_t limit, bool last_line, struct err *e);
/* Reads what is there, at most `bytes` of it. `chunk` has OUTPUT_CHUNK bytes. False: the stream has
 * ended and is closed. */
bool output_read(struct output *o, char *chunk, size_t bytes, int64_t now_us);
/* Takes the rest without waiting, lets held bytes go, closes pipe and log, forgets the secrets. The
 * last line and counts stay. */
void output_close(struct output *o, char *chunk, int64_t now_us);
void output_fini(struct output *o);

#endif
