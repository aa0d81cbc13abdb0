/* Small logs, written as traces: "abc abc acb". A letter is an activity; a second of time lies between two. */
#ifndef TW_TEST_ANALYSIS_LOGS_H
#define TW_TEST_ANALYSIS_LOGS_H

#include "analysis/log.h"

/* plog_fini it. */
void log_of(struct plog *l, const char *traces);
void read_csv_text(struct plog *l, const char *text, size_t piece);

#endif
