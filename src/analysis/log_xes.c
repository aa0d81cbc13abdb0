/*
 * XES by its elements. Attributes count only where they hang on a trace or an event itself: those of globals, classifiers and nested attributes
 * do not. A trace whose name comes behind its first event is renamed then.
 */
#include <stdio.h>
#include <string.h>

#include "analysis/log_read.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/time.h"

enum { NOTHING, IN_LOG, IN_TRACE, IN_EVENT };

void xes_begin(struct xes_reader *r, struct plog *l, struct err *e)
{
    *r = (struct xes_reader){.log = l, .e = e};
}

static const char *local_name(const char *name)
{
    const char *colon = strrchr(name, ':');

    return colon != NULL ? colon + 1 : name;
}

static const char *attribute(const char **all, const char *name)
{
    for (size_t i = 0; all[i] != NULL; i += 2) {
        if (strcmp(all[i], name) == 0) {
            return all[i + 1];
        }
    }
    return NULL;
}

/* The case of the trace at hand; one without a name is called by its number. */
static int need_case(struct xes_reader *r)
{
    char name[40];

    if (r->has_case) {
        return 0;
    }
    (void)snprintf(name, sizeof name, "trace %zu", r->traces);
    r->has_case = true;
    return plog_case(r->log, name, strlen(name), &r->case_index, r->e);
}

static int trace_attribute(struct xes_reader *r, const char *key, const char *value)
{
    if (strcmp(key, "concept:name") == 0 && !r->has_case) {
        r->has_case = true;
        return plog_case(r->log, value, strlen(value), &r->case_index, r->e);
    }
    if (strcmp(key, "concept:name") == 0) {
        char *id = arena_strdup(&r->log->arena, value);

        r->log->cases[r->case_index].id = id != NULL ? id : r->log->cases[r->case_index].id;
        return id != NULL ? 0 : err_set(r->e, ERR_NOMEM, "out of memory for an event log");
    }
    if (strcmp(key, "version") == 0) {
        int rc = need_case(r);

        return rc == 0 ? plog_set_version(r->log, r->case_index, value, r->e) : rc;
    }
    return 0;
}

/* The standard wants a date. A text may be one too; if it is not ("?"), the event has no time. */
static int read_time(struct xes_reader *r, const char *element, const char *value)
{
    if (plog_time(value, &r->at_us) == 0 || strcmp(element, "string") == 0) {
        return 0;
    }
    return err_set(r->e, ERR_INVALID, "'%.60s' is no time", value);
}

static int event_attribute(struct xes_reader *r, const char *element, const char *key,
                           const char *value)
{
    if (strcmp(key, "concept:name") == 0) {
        r->has_activity = true;
        return plog_activity(r->log, value, strlen(value), &r->activity, r->e);
    }
    if (strcmp(key, "lifecycle:transition") == 0) {
        r->transition = plog_transition_from_string(value, strlen(value));
    } else if (strcmp(key, "time:timestamp") == 0) {
        return read_time(r, element, value);
    } else if (strcmp(key, "concept:instance") == 0) {
        r->instance = arena_strdup(&r->log->arena, value);
        return r->instance != NULL ? 0 : err_set(r->e, ERR_NOMEM, "out of memory for an event log");
    }
    return 0;
}

static int open_element(struct xes_reader *r, const char *name)
{
    if (r->inside == NOTHING && strcmp(name, "log") == 0) {
        r->inside = IN_LOG;
        r->any = true;
    } else if (r->inside == IN_LOG && strcmp(name, "trace") == 0) {
        r->inside = IN_TRACE;
        r->has_case = false;
        r->traces++;
    } else if (r->inside == IN_TRACE && strcmp(name, "event") == 0) {
        r->inside = IN_EVENT;
        r->has_activity = false;
        r->transition = PLOG_COMPLETE;
        r->at_us = TIME_NONE;
        r->instance = NULL;
        return need_case(r);
    } else if (r->inside == NOTHING) {
        return err_set(r->e, ERR_INVALID,
                       "this is no event log: its root element is <%.60s>, not <log>", name);
    } else {
        return 1; /* another element */
    }
    return 0;
}

int xes_start(void *reader, const char *name, const char **attributes)
{
    struct xes_reader *r = reader;
    const char *key, *value;
    int rc;

    name = local_name(name);
    if (++r->depth > LIMIT_ANALYSIS_NESTING) {
        return r->rc = err_set(r->e, ERR_LIMIT, "elements are nested deeper than %d",
                               LIMIT_ANALYSIS_NESTING);
    }
    if (r->skip != 0) {
        return 0;
    }
    rc = open_element(r, name);
    if (rc == 1) {
        r->skip = r->depth;
        key = attribute(attributes, "key");
        value = attribute(attributes, "value");
        rc = 0;
        if (key != NULL && value != NULL && strlen(value) > LIMIT_ANALYSIS_FIELD) {
            rc = err_set(r->e, ERR_LIMIT, "an attribute is longer than %zu bytes",
                         LIMIT_ANALYSIS_FIELD);
        } else if (key != NULL && value != NULL && r->inside == IN_TRACE) {
            rc = trace_attribute(r, key, value);
        } else if (key != NULL && value != NULL && r->inside == IN_EVENT) {
            rc = event_attribute(r, name, key, value);
        }
    }
    return r->rc = rc;
}

int xes_end(void *reader, const char *name)
{
    struct xes_reader *r = reader;
    int rc = 0;

    (void)name;
    if (r->skip != 0) {
        r->skip = r->skip == r->depth ? 0 : r->skip;
    } else if (r->inside == IN_EVENT) {
        if (r->has_activity) {
            rc = plog_event(r->log, r->case_index, r->activity, r->transition, r->at_us,
                            r->instance, r->e);
        } else {
            r->nameless++;
        }
        r->inside = IN_TRACE;
    } else if (r->inside == IN_TRACE) {
        rc = need_case(r); /* a trace without events is one too */
        r->inside = IN_LOG;
    } else {
        r->inside = NOTHING;
    }
    r->depth--;
    return r->rc = rc;
}
