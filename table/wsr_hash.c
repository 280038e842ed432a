/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The two functions of bytes that the format fixes: wsr_hash() for its string tables, eight bytes a step, and CRC-32C for the whole file.
 *
 * CRC-32C (Castagnoli, reflected polynomial 0x82F63B78, as in RFC 3720 section 12.1). With SSE 4.2 the `crc32` instruction takes three cycles
 * but can start every cycle, so long input is cut into three runs that are computed side by side and joined afterwards: the CRC of A
 * followed by n bytes is the CRC of A times x^(8n) modulo the polynomial. Both ways give the same value for every input.
 */
#include "table/wsr_table.h"

#define HASH_FACTOR    UINT64_C(0x9E3779B97F4A7C15) /* odd, with bits everywhere: 2^64 divided by the golden ratio */
#define CRC_POLY      0x82F63B78u
#define TABLE_MIN     512u    /* bytes from which on building a 256-entry table pays */
#define INTERLEAVE_MIN 4096u  /* bytes from which on joining three runs pays */

/* Up to eight bytes as a little-endian number, zeros above. Two loads that overlap put the same bits in the same places. */
static uint64_t last_word(const char *s, size_t len)
{
	uint32_t low, high;

	if (len == 0)
		return 0;
	if (len < 4)
		return (uint64_t)(uint8_t)s[0] | (uint64_t)(uint8_t)s[len / 2] << 8 * (len / 2) | (uint64_t)(uint8_t)s[len - 1] << 8 * (len - 1);
	memcpy(&low, s, sizeof(low));
	memcpy(&high, s + len - sizeof(high), sizeof(high));
	return low | (uint64_t)high << 8 * (len - sizeof(high));
}

/* What a multiplication leaves weak are its low bits, and those it is fed next: so the high half is folded into them. */
static uint64_t hash_step(uint64_t h, uint64_t word)
{
	h = (h ^ word) * HASH_FACTOR;
	return h ^ h >> 32;
}

uint32_t wsr_hash(const char *s, size_t len)
{
	uint64_t h = len;

	for (; len > sizeof(h); s += sizeof(h), len -= sizeof(h)) {
		uint64_t word;

		memcpy(&word, s, sizeof(word));
		h = hash_step(h, word);
	}
	h = hash_step(h, last_word(s, len));
	return (uint32_t)(h * HASH_FACTOR >> 32);
}

static uint32_t crc_byte_step(uint32_t crc)
{
	for (int bit = 0; bit < 8; bit++)
		crc = crc & 1 ? crc >> 1 ^ CRC_POLY : crc >> 1;
	return crc;
}

/* The portable way. Eight bytes a step with tables made on the stack: short input is not worth them. */
static uint32_t crc_portable(uint32_t crc, const uint8_t *p, size_t len)
{
	uint32_t table[8][256];

	if (len >= TABLE_MIN) {
		for (uint32_t i = 0; i < 256; i++)
			table[0][i] = crc_byte_step(i);
		for (int k = 1; k < 8; k++)
			for (uint32_t i = 0; i < 256; i++)
				table[k][i] = table[k - 1][i] >> 8 ^ table[0][table[k - 1][i] & 0xff];
		for (; len >= 8; p += 8, len -= 8) {
			uint32_t lo, hi;

			memcpy(&lo, p, 4);
			memcpy(&hi, p + 4, 4);
			lo ^= crc;
			crc = table[7][lo & 0xff] ^ table[6][lo >> 8 & 0xff] ^ table[5][lo >> 16 & 0xff] ^ table[4][lo >> 24] ^
			      table[3][hi & 0xff] ^ table[2][hi >> 8 & 0xff] ^ table[1][hi >> 16 & 0xff] ^ table[0][hi >> 24];
		}
	}
	for (; len; p++, len--)
		crc = crc >> 8 ^ crc_byte_step((crc ^ *p) & 0xff);
	return crc;
}

#if defined(__x86_64__)
#include <nmmintrin.h>

/* a times b modulo the polynomial, bit-reflected: bit 31 is x^0. */
static uint32_t crc_multiply(uint32_t a, uint32_t b)
{
	uint32_t product = 0;

	for (uint32_t bit = 1u << 31; bit; bit >>= 1) {
		if (a & bit)
			product ^= b;
		b = b & 1 ? b >> 1 ^ CRC_POLY : b >> 1;
	}
	return product;
}

/* The state after `len` more zero bytes: crc times x^(8 len). */
static uint32_t crc_shift(uint32_t crc, size_t len)
{
	uint32_t power = 1u << 23; /* x^8 */

	for (; len; len >>= 1) {
		if (len & 1)
			crc = crc_multiply(power, crc);
		power = crc_multiply(power, power);
	}
	return crc;
}

__attribute__((target("sse4.2")))
static uint32_t crc_sse42(uint32_t crc, const uint8_t *p, size_t len)
{
	if (len >= INTERLEAVE_MIN) {
		size_t run = len / 3 & ~(size_t)7;
		uint64_t a = crc, b = 0, c = 0;

		for (size_t i = 0; i < run; i += 8) {
			uint64_t x, y, z;

			memcpy(&x, p + i, 8);
			memcpy(&y, p + run + i, 8);
			memcpy(&z, p + 2 * run + i, 8);
			a = _mm_crc32_u64(a, x);
			b = _mm_crc32_u64(b, y);
			c = _mm_crc32_u64(c, z);
		}
		crc = crc_shift(crc_shift((uint32_t)a, run) ^ (uint32_t)b, run) ^ (uint32_t)c;
		p += 3 * run;
		len -= 3 * run;
	}
	for (; len >= 8; p += 8, len -= 8) {
		uint64_t x;

		memcpy(&x, p, 8);
		crc = (uint32_t)_mm_crc32_u64(crc, x);
	}
	for (; len; p++, len--)
		crc = _mm_crc32_u8(crc, *p);
	return crc;
}
#endif

uint32_t wsr_crc32c(uint32_t crc, const void *data, size_t len)
{
#if defined(__x86_64__)
	if (__builtin_cpu_supports("sse4.2"))
		return ~crc_sse42(~crc, data, len);
#endif
	return ~crc_portable(~crc, data, len);
}

uint32_t wsr_crc32c_portable(uint32_t crc, const void *data, size_t len)
{
	return ~crc_portable(~crc, data, len);
}
