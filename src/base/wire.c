#include "base/wire.h"

#include <string.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/limits.h"

/* A reader holds at most one unfinished frame and what came with it in one read. */
#define READER_MAX (LIMIT_MESSAGE + WIRE_HEADER + MiB(1))

void wire_reader_init(struct wire_reader *r)
{
    buf_init(&r->buf, READER_MAX);
    r->taken = 0;
}

void wire_reader_fini(struct wire_reader *r)
{
    buf_fini(&r->buf);
    r->taken = 0;
}

void wire_reader_clear(struct wire_reader *r)
{
    buf_clear(&r->buf);
    r->taken = 0;
}

int wire_reader_room(struct wire_reader *r, size_t min, char **ret_p, size_t *ret_n)
{
    int rc;

    /* Moving the rest to the front once per read, not once per frame, keeps many small frames
     * cheap. */
    buf_consume(&r->buf, r->taken);
    r->taken = 0;
    rc = buf_reserve(&r->buf, min);
    if (rc != 0) {
        r->buf.status = 0;
        return rc;
    }
    *ret_p = r->buf.p + r->buf.len;
    *ret_n = r->buf.cap - r->buf.len - 1;
    if (*ret_n > r->buf.max - r->buf.len) {
        *ret_n = r->buf.max - r->buf.len;
    }
    return 0;
}

void wire_reader_filled(struct wire_reader *r, size_t n)
{
    r->buf.len += n;
    r->buf.p[r->buf.len] = '\0';
}

int wire_reader_put(struct wire_reader *r, const void *p, size_t n)
{
    size_t room;
    char *to;
    int rc = wire_reader_room(r, n, &to, &room);

    if (rc == 0 && n != 0) {
        memcpy(to, p, n);
        wire_reader_filled(r, n);
    }
    return rc;
}

static size_t header_get(const char *p)
{
    const unsigned char *b = (const unsigned char *)p;

    return (size_t)b[0] | (size_t)b[1] << 8 | (size_t)b[2] << 16 | (size_t)b[3] << 24;
}

static void header_put(char *p, size_t n)
{
    for (int i = 0; i < WIRE_HEADER; i++) {
        p[i] = (char)(n >> (8 * i) & 0xff);
    }
}

int wire_reader_next(struct wire_reader *r, const char **ret_body, size_t *ret_n)
{
    size_t have = r->buf.len - r->taken;
    size_t n;

    if (have < WIRE_HEADER) {
        return 0;
    }
    n = header_get(r->buf.p + r->taken);
    if (n == 0 || n > LIMIT_MESSAGE) {
        return -ERR_PROTOCOL;
    }
    if (have - WIRE_HEADER < n) {
        return 0;
    }
    *ret_body = r->buf.p + r->taken + WIRE_HEADER;
    *ret_n = n;
    r->taken += WIRE_HEADER + n;
    return 1;
}

int wire_parse(struct arena *a, const char *body, size_t n, const struct value **ret,
               const char **ret_type, struct err *e)
{
    struct value *root, *type;
    struct err detail = {0};
    int64_t version;
    int rc = value_parse(a, body, n, &root, &detail);

    if (rc == -ERR_NOMEM) {
        return err_set(e, ERR_NOMEM, "no memory for a message of %zu bytes", n);
    }
    if (rc != 0) {
        return err_set(e, ERR_PROTOCOL, "a message that is not JSON: %s", err_str(&detail));
    }
    if (root->kind != VALUE_OBJECT) {
        return err_set(e, ERR_PROTOCOL, "a message is an object, not a %s",
                       value_kind_name(root->kind));
    }
    type = value_get(root, "v");
    if (type == NULL || value_int(type, INT64_MIN, INT64_MAX, &version) != 0) {
        return err_set(e, ERR_PROTOCOL, "a message without its version \"v\"");
    }
    if (version < WIRE_VERSION_OLDEST || version > WIRE_VERSION) {
        return err_set(
            e, ERR_PROTOCOL,
            "a message of version %lld, and this program speaks %d to %d: the other side "
            "is of %s release%s",
            (long long)version, WIRE_VERSION_OLDEST, WIRE_VERSION,
            version > WIRE_VERSION ? "a newer" : "a much older",
            version > WIRE_VERSION
                ? "; start that one, or let its tasks end (`tradewind drain`) first"
                : "; let its tasks end with the program that started them "
                  "(`tradewind drain`), then upgrade");
    }
    type = value_get(root, "type");
    if (type == NULL || type->kind != VALUE_STRING) {
        return err_set(e, ERR_PROTOCOL, "a message without a type");
    }
    *ret = root;
    *ret_type = type->text;
    return 0;
}

int wire_begin(struct buf *out, size_t *ret_mark)
{
    *ret_mark = out->len;
    return buf_append(out, "\0\0\0\0", WIRE_HEADER);
}

int wire_end(struct buf *out, size_t mark)
{
    int rc = buf_status(out);

    if (rc == 0 && out->len - mark - WIRE_HEADER > LIMIT_MESSAGE) {
        rc = -ERR_LIMIT;
    }
    if (rc != 0) {
        out->len = mark;
        out->status = 0;
        if (out->p != NULL) {
            out->p[mark] = '\0';
        }
        return rc;
    }
    header_put(out->p + mark, out->len - mark - WIRE_HEADER);
    return 0;
}

int wire_append(struct buf *out, const void *body, size_t n)
{
    size_t mark;

    (void)wire_begin(out, &mark);
    (void)buf_append(out, body, n);
    return wire_end(out, mark);
}

uint32_t crc32_bytes(const void *p, size_t n)
{
    /* A nibble at a time: 64 bytes of table, and journals are short. */
    static const uint32_t table[16] = {
        0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
        0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
        0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
    };
    const unsigned char *b = p;
    uint32_t crc = 0xffffffff;

    for (size_t i = 0; i < n; i++) {
        crc ^= b[i];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return ~crc;
}
