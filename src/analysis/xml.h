/* Text for XML. */
#ifndef TW_ANALYSIS_XML_H
#define TW_ANALYSIS_XML_H

struct buf;

/* Escaped for content and for attributes. What XML 1.0 cannot hold (control characters, broken UTF-8) becomes U+FFFD. */
void xml_text(struct buf *out, const char *s);

#endif
