#include "analysis/log_write.h"

#include <stdio.h>
#include <string.h>

#include "analysis/xml.h"
#include "base/buf.h"
#include "base/time.h"

/* ---- XES ---- */

static void xes_attribute(struct buf *out, int indent, const char *type, const char *key,
                          const char *value)
{
    if (value != NULL) {
        (void)buf_printf(out, "%*s<%s key=\"%s\" value=\"", indent, "", type, key);
        xml_text(out, value);
        (void)buf_str(out, "\"/>\n");
    }
}

static void xes_date(struct buf *out, int indent, const char *key, int64_t t_us)
{
    char text[TIME_TEXT_MAX];

    xes_attribute(out, indent, "date", key, t_us != TIME_NONE ? time_format(t_us, text) : NULL);
}

static void xes_head(struct buf *out, const char *name)
{
    static const char *const extensions[][2] = {{"Concept", "concept"},
                                                {"Time", "time"},
                                                {"Lifecycle", "lifecycle"},
                                                {"Organizational", "org"}};

    (void)buf_str(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<log xes.version=\"1849-2016\" "
                       "xes.features=\"\" xmlns=\"http://www.xes-standard.org/\">\n");
    for (int i = 0; i < 4; i++) {
        (void)buf_printf(out,
                         "  <extension name=\"%s\" prefix=\"%s\" "
                         "uri=\"http://www.xes-standard.org/%s.xesext\"/>\n",
                         extensions[i][0], extensions[i][1], extensions[i][1]);
    }
    (void)buf_str(out, "  <global scope=\"trace\">\n"
                       "    <string key=\"concept:name\" value=\"\"/>\n"
                       "  </global>\n"
                       "  <global scope=\"event\">\n"
                       "    <string key=\"concept:name\" value=\"\"/>\n"
                       "    <date key=\"time:timestamp\" value=\"1970-01-01T00:00:00+00:00\"/>\n"
                       "    <string key=\"lifecycle:transition\" value=\"complete\"/>\n"
                       "  </global>\n"
                       "  <classifier name=\"Activity\" keys=\"concept:name\"/>\n"
                       "  <string key=\"lifecycle:model\" value=\"standard\"/>\n");
    xes_attribute(out, 2, "string", "concept:name", name);
}

static void xes_case(struct buf *out, const struct log_case *c)
{
    (void)buf_str(out, "  <trace>\n");
    xes_attribute(out, 4, "string", "concept:name", c->id);
    xes_attribute(out, 4, "string", "version", c->version);
    xes_attribute(out, 4, "string", "state", c->state);
    xes_attribute(out, 4, "string", "run_type", c->type);
    xes_date(out, 4, "logical_date", c->logical_us);
}

static void xes_event(struct buf *out, const struct log_event *v)
{
    char number[24];

    (void)buf_str(out, "    <event>\n");
    xes_attribute(out, 6, "string", "concept:name", v->activity);
    xes_attribute(out, 6, "string", "concept:instance", v->instance);
    xes_attribute(out, 6, "string", "lifecycle:transition", v->transition);
    xes_date(out, 6, "time:timestamp", v->at_us);
    xes_attribute(out, 6, "string", "org:group", v->group);
    xes_attribute(out, 6, "string", "state", v->state);
    xes_attribute(out, 6, "string", "operator", v->operator_name);
    (void)snprintf(number, sizeof number, "%u", v->try_number);
    xes_attribute(out, 6, "int", "try_number", number);
    (void)snprintf(number, sizeof number, "%d", v->map_index);
    xes_attribute(out, 6, "int", "map_index", v->map_index >= 0 ? number : NULL);
    (void)buf_str(out, "    </event>\n");
}

/* ---- CSV (RFC 4180) ---- */

static void csv_field(struct buf *out, const char *s, char end)
{
    if (s == NULL) {
        s = "";
    }
    if (strpbrk(s, "\",\r\n;\t") == NULL && s[0] != ' ') {
        (void)buf_str(out, s);
    } else {
        (void)buf_char(out, '"');
        for (; *s != '\0'; s++) {
            if (*s == '"') {
                (void)buf_char(out, '"');
            }
            (void)buf_char(out, *s);
        }
        (void)buf_char(out, '"');
    }
    (void)buf_char(out, end);
}

static void csv_time(struct buf *out, int64_t t_us)
{
    char text[TIME_TEXT_MAX];

    csv_field(out, t_us != TIME_NONE ? time_format(t_us, text) : NULL, ',');
}

static void csv_event(struct buf *out, const struct log_case *c, const struct log_event *v)
{
    csv_field(out, c->id, ',');
    csv_field(out, v->activity, ',');
    csv_field(out, v->transition, ',');
    csv_time(out, v->at_us);
    csv_field(out, v->instance, ',');
    csv_field(out, v->group, ',');
    csv_field(out, v->state, ',');
    csv_field(out, v->operator_name, ',');
    (void)buf_printf(out, "%u,", v->try_number);
    if (v->map_index >= 0) {
        (void)buf_printf(out, "%d", v->map_index);
    }
    (void)buf_char(out, ',');
    csv_field(out, c->version, ',');
    csv_field(out, c->state, ',');
    csv_field(out, c->type, ',');
    csv_time(out, c->logical_us);
    out->len -= out->status == 0; /* the last comma */
    (void)buf_char(out, '\n');
}

/* ---- both ---- */

void log_write_begin(struct log_writer *w, enum log_format f, const char *name, struct buf *out)
{
    *w = (struct log_writer){.out = out, .format = f};
    if (f == LOG_XES) {
        xes_head(out, name);
    } else {
        (void)buf_str(out, "case:concept:name,concept:name,lifecycle:transition,time:timestamp,"
                           "concept:instance,org:group,state,operator,try_number,map_index,"
                           "case:version,case:state,case:run_type,case:logical_date\n");
    }
}

void log_write_case(struct log_writer *w, const struct log_case *c)
{
    w->at = c;
    if (w->format == LOG_XES) {
        xes_case(w->out, c);
    }
}

void log_write_event(struct log_writer *w, const struct log_event *v)
{
    if (w->format == LOG_XES) {
        xes_event(w->out, v);
    } else {
        csv_event(w->out, w->at, v);
    }
}

void log_write_case_end(struct log_writer *w)
{
    if (w->format == LOG_XES) {
        (void)buf_str(w->out, "  </trace>\n");
    }
    w->at = NULL;
}

void log_write_end(struct log_writer *w)
{
    if (w->format == LOG_XES) {
        (void)buf_str(w->out, "</log>\n");
    }
}
