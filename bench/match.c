/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The search of a server by name or of a location by path, alone: the daemon's own functions on a compiled table.
 *
 *   match TABLE name|path COUNT LOOKUPS      prints {"ns": CPU time of a look-up}
 *
 * The table has COUNT names "app%07u.example.org", or one server with COUNT locations "/team%03u/app%07u/" (the first
 * number is the second modulo 997); bench/lookup.py writes both.  Each look-up asks for one of them, in an order that no
 * cache can foresee, and what is found is compared with what should be.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "eval/wsr_eval.h"
#include "table/wsr_table.h"

enum { BATCH = 256 };

struct question {
	char text[64];
	size_t len;
	uint32_t number;
};

static uint64_t cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* Numbers that look random and are the same in every run (a linear congruential generator, its upper half). */
static uint32_t next_number(uint64_t *seed, uint32_t count)
{
	*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)((*seed >> 33) % count);
}

static void make_questions(struct question q[BATCH], bool by_name, uint32_t count, uint64_t *seed)
{
	for (int i = 0; i < BATCH; i++) {
		uint32_t n = q[i].number = next_number(seed, count);
		int len = by_name ? snprintf(q[i].text, sizeof(q[i].text), "app%07" PRIu32 ".example.org", n)
				  : snprintf(q[i].text, sizeof(q[i].text), "/team%03" PRIu32 "/app%07" PRIu32 "/x", n % 997, n);

		q[i].len = (size_t)len;
	}
}

/** Look all of them up. Not inlined, so that callgrind can count what happens in here alone. @return nanoseconds. */
static __attribute__((noinline)) uint64_t look_up(const struct wsr_table *t, const struct question q[BATCH], bool by_name, uint32_t found[BATCH])
{
	struct wsr_eval e = { .table = t };
	uint32_t scope = by_name ? WSR_NONE : wsr_server_at(t, 0)->scope;
	uint64_t start = cpu_ns();
	bool redirect;

	for (int i = 0; i < BATCH; i++)
		found[i] = by_name ? wsr_match_server(t, NULL, 0, wsr_str(q[i].text, q[i].len), NULL)
				   : wsr_match_location(&e, scope, wsr_str(q[i].text, q[i].len), &redirect);
	return cpu_ns() - start;
}

static bool is_right(const struct wsr_table *t, const struct question *q, bool by_name, uint32_t found)
{
	struct wsr_str name;

	if (by_name ? found >= wsr_server_count(t) : found >= wsr_location_count(t))
		return false;
	name = wsr_string(t, by_name ? wsr_server_at(t, found)->name : wsr_body_at(t, wsr_location_at(t, found)->body)->name);
	return name.len == q->len - (by_name ? 0 : 1) && memcmp(name.ptr, q->text, name.len) == 0;
}

int main(int argc, char **argv)
{
	static struct question questions[BATCH];
	uint32_t found[BATCH], count;
	uint64_t seed = 1, spent = 0, lookups, done;
	struct wsr_refusal why;
	struct wsr_table t;
	char text[256];
	bool by_name;

	if (argc != 5 || (count = (uint32_t)strtoul(argv[3], NULL, 10)) == 0) {
		fprintf(stderr, "usage: match TABLE name|path COUNT LOOKUPS\n");
		return 2;
	}
	by_name = strcmp(argv[2], "name") == 0;
	lookups = strtoull(argv[4], NULL, 10);
	if (!wsr_table_open(&t, argv[1], &why)) {
		fprintf(stderr, "match: %s\n", wsr_refusal_text(&why, text, sizeof(text)));
		return 1;
	}
	for (done = 0; done < lookups; done += BATCH) {
		make_questions(questions, by_name, count, &seed);
		spent += look_up(&t, questions, by_name, found);
		for (int i = 0; i < BATCH; i++)
			if (!is_right(&t, &questions[i], by_name, found[i])) {
				fprintf(stderr, "match: %s: found record %" PRIu32 "\n", questions[i].text, found[i]);
				return 1;
			}
	}
	printf("{\"ns\": %.1f}\n", (double)spent / (double)done);
	wsr_table_close(&t);
	return 0;
}
