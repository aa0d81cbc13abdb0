/* An event log's file: XES by the parser's module, CSV. */
#ifndef TW_CLI_ANALYZE_READ_H
#define TW_CLI_ANALYZE_READ_H

#include "analysis/log_read.h"

/* path "-": standard input. columns: those that were named, of a CSV file. Errors name the file, line and column. */
int analyze_read(const char *path, const char *const columns[CSV_ROLES], struct plog *ret,
                 struct err *e);

#endif
