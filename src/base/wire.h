/*
 * Framing of wire messages (docs/internals/wire.md): a 4-byte little-endian length, then that many
 * bytes of JSON. On plain buffers, without I/O: the engine, the holder and the tests share it.
 */
#ifndef TW_BASE_WIRE_H
#define TW_BASE_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct arena;
struct err;
struct value;

/*
 * Readers take the last two versions; there is one as yet. A holder outlives the program that started it, so both must speak what the
 * other reads: the engine says all to holders in WIRE_VERSION_OLDEST, and in `setup` what it reads (`speaks`); a holder answers in the
 * lower of that and its own. Tests build either side with other numbers.
 */
#ifndef WIRE_VERSION
#define WIRE_VERSION        1
#define WIRE_VERSION_OLDEST 1
#endif
#define WIRE_HEADER 4

/* ---- reading: bytes are put in as they come, whole frames are taken out ---- */

struct wire_reader {
    struct buf buf;
    size_t taken; /* bytes at the front that were handed out already */
};

void wire_reader_init(struct wire_reader *r);
void wire_reader_fini(struct wire_reader *r);
/* Forgets what was read: for a new connection. Keeps the memory. */
void wire_reader_clear(struct wire_reader *r);
/* Where to read the next bytes to: room for at least `min` at *ret_p, *ret_n in all. -ERR_NOMEM:
 * try again later; nothing is lost. Invalidates the frames taken before. */
int wire_reader_room(struct wire_reader *r, size_t min, char **ret_p, size_t *ret_n);
void wire_reader_filled(struct wire_reader *r, size_t n); /* n bytes were put there */
/* Takes bytes from elsewhere: room, copy, filled. */
int wire_reader_put(struct wire_reader *r, const void *p, size_t n);
/* 1 and the body of the next whole frame (borrowed until the next room, put or clear), 0 when more
 * bytes are needed, -ERR_PROTOCOL when the length is 0 or beyond LIMIT_MESSAGE: the connection must
 * be closed. */
int wire_reader_next(struct wire_reader *r, const char **ret_body, size_t *ret_n);

/* Parses a frame's body: one JSON object with a known "v" and a "type". *ret and *ret_type live in
 * the arena. Errors: -ERR_PROTOCOL with the reason, -ERR_NOMEM. */
int wire_parse(struct arena *a, const char *body, size_t n, const struct value **ret,
               const char **ret_type, struct err *e);

/* ---- writing: the JSON is written right into the buffer between begin and end ---- */

/* Appends room for the header; *ret_mark is for wire_end. */
int wire_begin(struct buf *out, size_t *ret_mark);
/* Fills the header in. On any failure since wire_begin, or beyond LIMIT_MESSAGE (-ERR_LIMIT), takes
 * the frame back out, clears the buffer's sticky status and returns the error: earlier frames stay
 * whole. */
int wire_end(struct buf *out, size_t mark);
/* Appends a whole frame made of a ready body. */
int wire_append(struct buf *out, const void *body, size_t n);

/* ---- lines with a checksum: what journals are made of ---- */

uint32_t crc32_bytes(const void *p, size_t n); /* the usual one (IEEE 802.3, as in zlib) */

#endif
