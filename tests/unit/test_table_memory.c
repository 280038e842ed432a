/* SPDX-License-Identifier: BSD-2-Clause */
/* A table's bytes once they are in memory: the file may be overwritten, cut, grown or removed, and nobody in this process may change them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/memfile.h"
#include "runtime/table_memory.h"

static char path[] = "/tmp/wsrp-table-memory-XXXXXX";

static int make_file(void **state)
{
	(void)state;
	int fd = mkstemp(path);
	if (fd >= 0)
		close(fd);
	return fd < 0;
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

static uint8_t byte_at(size_t i)
{
	return (uint8_t)(i * 7 + i / 4096);
}

static void write_file(size_t len)
{
	FILE *f = fopen(path, "wb");
	assert_non_null(f);
	for (size_t i = 0; i < len; i++)
		putc(byte_at(i), f);
	assert_int_equal(fclose(f), 0);
}

static bool holds(const struct table_memory *m, size_t len)
{
	if (m->len != len || (uintptr_t)m->bytes % 4096 != 0)
		return false;
	for (size_t i = 0; i < len; i++)
		if (((const uint8_t *)m->bytes)[i] != byte_at(i))
			return false;
	return true;
}

/* Below a page, at its border, below and above a huge page, with a rest. */
static void test_private_copy_stays(void **state)
{
	static const size_t lengths[] = { 1, 4095, 4096, 4097, (2u << 20) - 1, 2u << 20, (4u << 20) + 12345 };
	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		struct table_memory m;
		write_file(lengths[i]);
		assert_true(table_memory_read(&m, path, 8u << 20));
		int fd = open(path, O_WRONLY | O_TRUNC);
		assert_int_equal(write(fd, "other", 5), 5);
		close(fd);
		assert_true(holds(&m, lengths[i]));
		table_memory_free(&m);
		assert_null(m.map);
		table_memory_free(&m);
	}
}

static void dies_writing(const struct table_memory *m, size_t at)
{
	int status;
	pid_t child = fork();
	if (child == 0) {
		signal(SIGSEGV, SIG_DFL);
		((volatile uint8_t *)(uintptr_t)m->bytes)[at] = 1;
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) != 0); /* a sanitizer reports and exits */
}

static void test_private_copy_is_read_only(void **state)
{
	struct table_memory m;
	(void)state;
	write_file((2u << 20) + 100);
	assert_true(table_memory_read(&m, path, 8u << 20));
	dies_writing(&m, 0);
	dies_writing(&m, m.len - 1);
	table_memory_free(&m);
}

static void test_refused_files(void **state)
{
	struct table_memory m;
	(void)state;
	write_file(100);
	assert_false(table_memory_read(&m, path, 99));
	assert_int_equal(errno, EFBIG);
	assert_null(m.map);
	assert_false(table_memory_read(&m, "/tmp", 99));
	assert_int_equal(errno, EISDIR);
	assert_false(table_memory_read(&m, "/tmp/wsrp-no-such-table", 99));
	assert_int_equal(errno, ENOENT);
	write_file(0);
	assert_true(table_memory_read(&m, path, 99));
	assert_int_equal(m.len, 0);
	table_memory_free(&m);
}

static void test_mapping_of_a_sealed_file(void **state)
{
	struct table_memory m;
	(void)state;
	write_file(5000);
	int fd = memfile_copy(path, 8u << 20, "t");
	assert_true(table_memory_map(&m, fd));
	close(fd);
	assert_true(holds(&m, 5000));
	dies_writing(&m, 0);
	table_memory_free(&m);
	write_file(0);
	fd = memfile_copy(path, 8u << 20, "t");
	assert_true(table_memory_map(&m, fd));
	assert_int_equal(m.len, 0);
	close(fd);
	assert_false(table_memory_map(&m, -1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_private_copy_stays),
		cmocka_unit_test(test_private_copy_is_read_only),
		cmocka_unit_test(test_refused_files),
		cmocka_unit_test(test_mapping_of_a_sealed_file),
	};

	return cmocka_run_group_tests_name("table_memory", tests, make_file, remove_file);
}
