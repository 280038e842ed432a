/* SPDX-License-Identifier: BSD-2-Clause */
/* SHA-256 over the content of a table, by libcrypto; see identity.h. */
#include "common/identity.h"

#include <string.h>

#include <openssl/evp.h>

#include "table/wsr_format.h"

bool identity_of(const void *bytes, size_t len, uint8_t out[IDENTITY_BYTES])
{
	const struct wsr_header *h = bytes;
	unsigned int out_len = 0;

	if (len < sizeof(*h) || h->header_bytes < sizeof(*h) || h->header_bytes > len)
		return false;
	return EVP_Digest((const uint8_t *)bytes + h->header_bytes, len - h->header_bytes, out, &out_len, EVP_sha256(), NULL) == 1 &&
	       out_len == IDENTITY_BYTES;
}

bool identity_holds(const void *bytes, size_t len)
{
	const struct wsr_header *h = bytes;
	uint8_t sum[IDENTITY_BYTES];

	return identity_of(bytes, len, sum) && memcmp(sum, h->identity, sizeof(sum)) == 0;
}

const char *identity_text(const uint8_t identity[IDENTITY_BYTES], size_t digits, char *buf)
{
	size_t i = 0;

	for (; i < digits && i < 2 * IDENTITY_BYTES; i++)
		buf[i] = "0123456789abcdef"[identity[i / 2] >> (i % 2 ? 0 : 4) & 15];
	buf[i] = '\0';
	return buf;
}
