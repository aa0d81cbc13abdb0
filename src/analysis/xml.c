#include "analysis/xml.h"

#include <stdbool.h>
#include <string.h>

#include "base/buf.h"
#include "base/utf8.h"

void xml_text(struct buf *out, const char *s)
{
    size_t left = strlen(s);

    while (left > 0) {
        size_t n = utf8_char_len(s, left);
        unsigned char c = (unsigned char)*s;
        /* U+FFFE and U+FFFF are no characters of XML. */
        bool bad = n == 0 || (n == 3 && memcmp(s, "\xef\xbf\xbe", 3) == 0) ||
                   (n == 3 && memcmp(s, "\xef\xbf\xbf", 3) == 0) ||
                   (c < 0x20 && c != '\t' && c != '\n' && c != '\r');

        if (bad) {
            (void)buf_str(out, "\xef\xbf\xbd");
            n = n == 0 ? 1 : n;
        } else if (c == '&') {
            (void)buf_str(out, "&amp;");
        } else if (c == '<') {
            (void)buf_str(out, "&lt;");
        } else if (c == '>') {
            (void)buf_str(out, "&gt;");
        } else if (c == '"') {
            (void)buf_str(out, "&quot;");
        } else if (c < 0x20) { /* kept through attribute normalisation */
            (void)buf_printf(out, "&#%d;", c);
        } else {
            (void)buf_append(out, s, n);
        }
        s += n;
        left -= n;
    }
}
