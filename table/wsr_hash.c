/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The two functions of bytes that the format fixes: wsr_hash() for its string tables, one at a time or four, and CRC-32C for the whole file.
 *
 * CRC-32C (Castagnoli, reflected polynomial 0x82F63B78, as in RFC 3720 section 12.1). With SSE 4.2 the `crc32` instruction takes three cycles
 * but can start every cycle, so long input is cut into three runs that are computed side by side and joined afterwards: the CRC of A
 * followed by n bytes is the CRC of A times x^(8n) modulo the polynomial. Both ways give the same value for every input.
 */
#include "table/wsr_table.h"

#define FNV_START     2166136261u
#define CRC_POLY      0x82F63B78u
#define TABLE_MIN     512u    /* bytes from which on building a 256-entry table pays */
#define INTERLEAVE_MIN 4096u  /* bytes from which on joining three runs pays */

static uint32_t fnv_step(uint32_t h, char c)
{
	return (h ^ (unsigned char)c) * 16777619u;
}

/* The bytes of s from `from` on, and the end: FNV leaves its low bits weak, and those choose the slot, so finish with the mix of MurmurHash3. */
static uint32_t hash_rest(uint32_t h, struct wsr_str s, size_t from)
{
	for (size_t i = from; i < s.len; i++)
		h = fnv_step(h, s.ptr[i]);
	h = (h ^ h >> 16) * 0x85ebca6bu;
	h = (h ^ h >> 13) * 0xc2b2ae35u;
	return h ^ h >> 16;
}

uint32_t wsr_hash(const char *s, size_t len)
{
	return hash_rest(FNV_START, wsr_str(s, len), 0);
}

void wsr_hash_four(const struct wsr_str s[4], uint32_t hash[4])
{
	uint32_t a = FNV_START, b = FNV_START, c = FNV_START, d = FNV_START;
	size_t common = s[0].len;

	for (int k = 1; k < 4; k++)
		common = s[k].len < common ? s[k].len : common;
	for (size_t i = 0; i < common; i++) { /* a step waits for its multiplication: four chains fill the time */
		a = fnv_step(a, s[0].ptr[i]);
		b = fnv_step(b, s[1].ptr[i]);
		c = fnv_step(c, s[2].ptr[i]);
		d = fnv_step(d, s[3].ptr[i]);
	}
	hash[0] = hash_rest(a, s[0], common);
	hash[1] = hash_rest(b, s[1], common);
	hash[2] = hash_rest(c, s[2], common);
	hash[3] = hash_rest(d, s[3], common);
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
