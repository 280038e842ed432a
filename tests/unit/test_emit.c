/* SPDX-License-Identifier: BSD-2-Clause */
/* Plan -> bytes: the reader accepts what is written, all sections arrive, and the same plan gives the same bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka needs the headers above first */
#include <cmocka.h>

#include "common/identity.h"
#include "compiler/emit.h"
#include "compiler/lower.h"
#include "table/wsr_table.h"

#define SITE "events { } http { upstream u { server 127.0.0.1:1; server 127.0.0.1:2; } map $uri $m { default 1; /x 2; ~y 3; }" \
	" server { listen 127.0.0.1:1; server_name a.example.org .b.example.org; location /x { proxy_pass http://u; } location ~ ^/y(?<z>.)$ { return 200 $m$z; } } }"

struct job { struct plan plan; bool lowered; unsigned char *bytes; size_t len; };

static void run(struct compiler *cc, void *arg)
{
	struct job *job = arg;
	plan_init(&job->plan);
	job->lowered = compiler_front_text(cc, "t.conf", SITE, strlen(SITE)) && lower_config(cc, &job->plan);
}

static void make(struct job *job)
{
	struct compiler_options options = { 0 };
	struct compiler cc;
	memset(job, 0, sizeof(*job));
	compiler_init(&cc, &options);
	assert_true(compiler_run(&cc, run, job));
	assert_true(job->lowered);
	assert_true(emit_table(&job->plan, &job->bytes, &job->len));
	compiler_free(&cc);
}

static void release(struct job *job)
{
	free(job->bytes);
	plan_free(&job->plan);
}

static void test_opens(void **state)
{
	struct job job;
	struct wsr_table t;
	struct wsr_refusal why;
	(void)state;
	make(&job);
	assert_true(wsr_table_init(&t, job.bytes, job.len, &why));
	assert_true(identity_holds(job.bytes, job.len));
#define X(num, name, type) \
	assert_int_equal(wsr_##name##_count(&t), job.plan.name.count); \
	if (job.plan.name.count) \
		assert_memory_equal(t.section[num].base, job.plan.name.data, (size_t)job.plan.name.count * sizeof(type));
	WSR_SECTIONS(X)
#undef X
	assert_int_equal(wsr_server_count(&t), 1);
	assert_true(wsr_str_eq(wsr_string(&t, wsr_server_at(&t, 0)->name), WSR_STR("a.example.org")));
	assert_int_equal(wsr_upstream_at(&t, 0)->peers.count, 2);
	release(&job);
}

static void test_same_bytes(void **state)
{
	struct job one, two;
	unsigned char *again;
	size_t len;
	(void)state;
	make(&one);
	make(&two);
	assert_int_equal(one.len, two.len);
	assert_memory_equal(one.bytes, two.bytes, one.len);
	assert_true(emit_table(&one.plan, &again, &len));
	assert_int_equal(len, one.len);
	assert_memory_equal(again, one.bytes, len);
	free(again);
	release(&one);
	release(&two);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_opens), cmocka_unit_test(test_same_bytes) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
