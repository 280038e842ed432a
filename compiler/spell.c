/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Optimal string alignment distance (insertions, deletions, exchanges, neighbours swapped), three rows at a time. Names longer than
 * MAX_LEN are not compared: nobody mistypes them, and the rows stay on the stack.
 */
#include "compiler/spell.h"

#define MAX_LEN 64u

struct spell spell_start(struct wsr_str written)
{
	return (struct spell){ .written = written, .distance = (unsigned)(written.len + 2) / 3 + 1 };
}

static unsigned min2(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

static unsigned distance(struct wsr_str a, struct wsr_str b)
{
	unsigned rows[3][MAX_LEN + 1];

	for (unsigned j = 0; j <= b.len; j++)
		rows[0][j] = j;
	for (unsigned i = 1; i <= a.len; i++) {
		unsigned *row = rows[i % 3], *up = rows[(i + 2) % 3], *upper = rows[(i + 1) % 3];
		row[0] = i;
		for (unsigned j = 1; j <= b.len; j++) {
			unsigned same = wsr_lower((unsigned char)a.ptr[i - 1]) == wsr_lower((unsigned char)b.ptr[j - 1]) ? 0 : 1;
			row[j] = min2(up[j - 1] + same, min2(up[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && a.ptr[i - 1] == b.ptr[j - 2] && a.ptr[i - 2] == b.ptr[j - 1])
				row[j] = min2(row[j], upper[j - 2] + 1);
		}
	}
	return rows[a.len % 3][b.len];
}

void spell_try(struct spell *s, struct wsr_str candidate)
{
	size_t longer = s->written.len > candidate.len ? s->written.len - candidate.len : candidate.len - s->written.len;

	/* Each letter more or less is a mistake already. */
	if (s->written.len > MAX_LEN || candidate.len > MAX_LEN || candidate.len == 0 || longer >= s->distance)
		return;
	unsigned d = distance(s->written, candidate);
	if (d >= s->distance || d >= candidate.len)
		return;
	s->distance = d;
	s->best = candidate;
}
