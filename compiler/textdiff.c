/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unified diffs. In: two texts. Out: hunks with three lines of context. Between the lines that both have at their beginning and end the longest common
 * subsequence is taken from a table; where that would be larger than TABLE_MAX, the middle is one replacement: still right, only longer.
 */
#include "compiler/textdiff.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define CONTEXT   3u
#define TABLE_MAX (4u << 20)

struct line {
	const char *text;
	size_t len;                 /* its end included */
};

struct lines {
	struct line *list;
	size_t count;
};

/* Steps through both texts: ' ' a line of both, '-' one of a, '+' one of b. */
struct steps {
	char *list;
	size_t count;
};

static bool split(const char *text, size_t len, struct lines *out)
{
	size_t n = 0;
	for (size_t i = 0; i < len; i++)
		n += text[i] == '\n' || i + 1 == len;
	out->count = 0;
	out->list = calloc(n + 1, sizeof(*out->list));
	for (size_t i = 0; out->list && i < len;) {
		const char *end = memchr(text + i, '\n', len - i);
		size_t one = end ? (size_t)(end - (text + i)) + 1 : len - i;
		out->list[out->count++] = (struct line){ text + i, one };
		i += one;
	}
	return out->list != NULL;
}

static bool equal(const struct line *x, const struct line *y)
{
	return x->len == y->len && memcmp(x->text, y->text, x->len) == 0;
}

static void repeat(struct steps *s, char what, size_t n)
{
	memset(s->list + s->count, what, n);
	s->count += n;
}

/* Steps through the n lines at a and the m lines at b. */
static bool walk_middle(struct steps *s, const struct line *a, size_t n, const struct line *b, size_t m)
{
	if (n == 0 || m == 0 || (n + 1) > TABLE_MAX / (m + 1)) {
		repeat(s, '-', n);
		repeat(s, '+', m);
		return true;
	}
	size_t row = m + 1;
	uint32_t *common = calloc((n + 1) * row, sizeof(*common)); /* of what begins at (i, j) */
	if (!common)
		return false;
	for (size_t i = n; i-- > 0;)
		for (size_t j = m; j-- > 0;) {
			uint32_t down = common[(i + 1) * row + j], right = common[i * row + j + 1];
			common[i * row + j] = equal(&a[i], &b[j]) ? common[(i + 1) * row + j + 1] + 1 : down > right ? down : right;
		}
	for (size_t i = 0, j = 0; i < n || j < m;) {
		if (i < n && j < m && equal(&a[i], &b[j])) {
			repeat(s, ' ', 1);
			i++, j++;
		} else if (i < n && (j == m || common[(i + 1) * row + j] >= common[i * row + j + 1])) {
			repeat(s, '-', 1);
			i++;
		} else {
			repeat(s, '+', 1);
			j++;
		}
	}
	free(common);
	return true;
}

static bool walk(struct steps *s, const struct lines *a, const struct lines *b)
{
	size_t head = 0, tail = 0, least = a->count < b->count ? a->count : b->count;
	while (head < least && equal(&a->list[head], &b->list[head]))
		head++;
	while (tail < least - head && equal(&a->list[a->count - 1 - tail], &b->list[b->count - 1 - tail]))
		tail++;
	repeat(s, ' ', head);
	if (!walk_middle(s, a->list + head, a->count - head - tail, b->list + head, b->count - head - tail))
		return false;
	repeat(s, ' ', tail);
	return true;
}

static void print_range(FILE *out, char sign, size_t at, size_t n)
{
	fprintf(out, " %c%zu,%zu", sign, n ? at + 1 : at, n); /* an empty range is behind its line */
}

static void print_one(FILE *out, char what, const struct line *l)
{
	fputc(what, out);
	fwrite(l->text, 1, l->len, out);
	if (l->text[l->len - 1] != '\n')
		fputs("\n\\ No newline at end of file\n", out);
}

/* Steps from .. to of one hunk, which begins at line i of a and j of b. */
static void print_hunk(FILE *out, const char *steps, size_t n, const struct line *a, size_t i, const struct line *b, size_t j)
{
	size_t of_a = 0, of_b = 0;
	for (size_t k = 0; k < n; k++) {
		of_a += steps[k] != '+';
		of_b += steps[k] != '-';
	}
	fputs("@@", out);
	print_range(out, '-', i, of_a);
	print_range(out, '+', j, of_b);
	fputs(" @@\n", out);
	for (size_t k = 0; k < n; k++) {
		print_one(out, steps[k], steps[k] == '+' ? &b[j] : &a[i]);
		i += steps[k] != '+';
		j += steps[k] != '-';
	}
}

/* The end of the hunk that begins with a change at `at`: changes with up to twice the context between them stand together. */
static size_t hunk_end(const struct steps *s, size_t at)
{
	size_t end = at, same = 0;
	for (size_t k = at; k < s->count && same <= 2 * CONTEXT; k++) {
		same = s->list[k] == ' ' ? same + 1 : 0;
		if (same == 0)
			end = k + 1;
	}
	return end + CONTEXT < s->count ? end + CONTEXT : s->count;
}

static void print_hunks(FILE *out, const struct steps *s, const struct line *a, const struct line *b)
{
	for (size_t k = 0, i = 0, j = 0; k < s->count;) {
		if (s->list[k] == ' ') {
			k++, i++, j++;
			continue;
		}
		size_t lead = k < CONTEXT ? k : CONTEXT, end = hunk_end(s, k);
		print_hunk(out, s->list + k - lead, end - (k - lead), a, i - lead, b, j - lead);
		for (; k < end; k++) {
			i += s->list[k] != '+';
			j += s->list[k] != '-';
		}
	}
}

bool textdiff_print(const char *name, const char *a, size_t a_len, const char *b, size_t b_len, FILE *out)
{
	struct lines x = { 0 }, y = { 0 };
	struct steps s = { 0 };
	if (a_len == b_len && memcmp(a, b, a_len) == 0)
		return true;
	bool ok = split(a, a_len, &x) && split(b, b_len, &y) && (s.list = malloc(x.count + y.count + 1)) && walk(&s, &x, &y);
	if (ok) {
		fprintf(out, "--- %s\n+++ %s\n", name, name);
		print_hunks(out, &s, x.list, y.list);
	}
	free(x.list);
	free(y.list);
	free(s.list);
	return ok;
}
