/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The identity of a table: SHA-256 over everything behind its header. The compiler writes it into the header, the daemon prints and logs it, and
 * both recompute it where damage done on purpose would matter (`wsrpc` on its output, `wsrpd -t`); the start of the daemon relies on the
 * checksum. common/ may be used by compiler and runtime and knows libc, libcrypto and the table's format.
 */
#ifndef COMMON_IDENTITY_H
#define COMMON_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IDENTITY_BYTES 32
#define IDENTITY_TEXT  (2 * IDENTITY_BYTES + 1)

/**
 * The identity that belongs to the bytes of a table, whatever its header says.
 * @param bytes  a whole table: a header with a right header_bytes, and what follows
 * @return false if len is too small for that, or if libcrypto fails (out of memory)
 */
bool identity_of(const void *bytes, size_t len, uint8_t out[IDENTITY_BYTES]);

/** Does the header's identity belong to these bytes? */
bool identity_holds(const void *bytes, size_t len);

/** The first `digits` (at most 64) hexadecimal digits into buf, which holds digits + 1 bytes; returns buf. */
const char *identity_text(const uint8_t identity[IDENTITY_BYTES], size_t digits, char *buf);

#endif
