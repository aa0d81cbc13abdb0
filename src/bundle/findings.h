/* Findings in DAG files: printed one a line, or written as JSON objects into an array that is open. */
#ifndef TW_BUNDLE_FINDINGS_H
#define TW_BUNDLE_FINDINGS_H

#include <stdio.h>

struct dag;
struct json_writer;

/* At most one of text and json is set (none: they are only counted); both are borrowed. */
struct findings {
    FILE *text;
    struct json_writer *json;
    size_t len; /* told so far */
};

/* line 0: no place in the file is known; task_id may be NULL. */
void findings_add(struct findings *f, const char *file, int line, int col, const char *task_id,
                  const char *text);
/* Templates of the DAG's tasks that cannot be read; how many. */
size_t findings_of_templates(struct findings *f, const char *file, const struct dag *d);
/* Watchers of its assets that cannot be; how many. */
size_t findings_of_watchers(struct findings *f, const char *file, const struct dag *d);

#endif
