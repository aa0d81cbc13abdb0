/* UTF-8, checked: no overlong forms, no surrogates, nothing beyond U+10FFFF. */
#ifndef TW_BASE_UTF8_H
#define TW_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of the valid character at p (n bytes are there), or 0. */
size_t utf8_char_len(const char *p, size_t n);
bool utf8_valid(const char *p, size_t n);
/* Writes one code point to buf (room for 4 bytes) and returns its length. cp must be a valid scalar
 * value. */
size_t utf8_encode(uint32_t cp, char *buf);

#endif
