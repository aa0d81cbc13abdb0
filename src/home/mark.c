#include "home/mark.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "store/store.h"

#define MARK_KIND "mark"

int mark_read(struct store *s, const char *name, struct arena *a, struct mark *ret, bool *ret_found,
              struct err *e)
{
    struct setting_row *rows;
    char text[64], *end;
    size_t n = 0;
    int rc = s->ops->get_settings(s, MARK_KIND, name, a, &rows, &n, e);

    *ret = (struct mark){TIME_NONE, 0};
    *ret_found = rc == 0 && n == 1 && rows[0].value_len < sizeof text;
    if (*ret_found) {
        memcpy(text, rows[0].value, rows[0].value_len);
        text[rows[0].value_len] = '\0';
        ret->end_us = strtoll(text, &end, 10);
        ret->run_key = strtoll(end, NULL, 10);
    }
    return rc;
}

int mark_write(struct store *s, const char *name, const struct mark *m, int64_t now_us,
               struct err *e)
{
    char text[64];
    int n = snprintf(text, sizeof text, "%lld %lld", (long long)m->end_us, (long long)m->run_key);
    struct setting_row row = {.kind = MARK_KIND,
                              .name = name,
                              .value = text,
                              .value_len = (size_t)n,
                              .version = -1,
                              .updated_us = now_us};

    return s->ops->put_settings(s, &row, 1, e);
}
