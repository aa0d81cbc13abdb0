/*
 * A journal of any bytes: only lines with a right checksum come out, they lie where they were read,
 * and a whole journal with the bytes in front of it is still read to its end.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/wire.h"
#include "fuzz.h"
#include "holder/journal.h"

static size_t records(const char *text, size_t n, size_t *ret_damaged, const char **ret_last,
                      size_t *ret_last_len)
{
    size_t pos = 0, count = 0, len = 0, before = 0;
    const char *json = NULL;

    *ret_damaged = 0;
    while (journal_next(text, n, &pos, &json, &len, ret_damaged)) {
        FUZZ_CHECK(pos > before && pos <= n);
        FUZZ_CHECK(json >= text + 9 && json + len < text + n && json[len] == '\n' &&
                   json[-1] == ' ');
        before = pos;
        count++;
        *ret_last = json;
        *ret_last_len = len;
    }
    FUZZ_CHECK(pos == n);
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct buf text BUF_CLEANUP = {0};
    const char *last = NULL;
    size_t damaged, again, count, last_len = 0, mark;

    buf_init(&text, MiB(64));
    FUZZ_CHECK(buf_append(&text, data, n) == 0 && buf_reserve(&text, 1) == 0);
    count = records(text.p, n, &damaged, &last, &last_len);
    /* Whatever was there, with a newline after it, does not spoil the records that follow. */
    FUZZ_CHECK(buf_char(&text, '\n') == 0);
    FUZZ_CHECK(journal_begin(&text, &mark) == 0 && buf_str(&text, "{\"x\":1}") == 0 &&
               journal_end(&text, mark) == 0);
    again = records(text.p, text.len, &damaged, &last, &last_len);
    FUZZ_CHECK(again == count + 1 || (again == count + 2 && n != 0 && data[n - 1] != '\n'));
    FUZZ_CHECK(last_len == 7 && memcmp(last, "{\"x\":1}", 7) == 0);
    return 0;
}
