/* SPDX-License-Identifier: BSD-2-Clause */
/* The channel between master and worker, and sealed files: descriptors arrive, nothing leaks, a foreign message is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/channel.h"
#include "runtime/memfile.h"

static int open_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void test_message_with_descriptors(void **state)
{
	(void)state;
	int before = open_descriptors(), pair[2];
	assert_true(channel_pair(pair));
	struct channel_msg out = { .type = CHANNEL_LISTENERS, .generation = 7, .count = CHANNEL_MAX_FDS }, in;
	for (uint32_t i = 0; i < out.count; i++) {
		out.index[i] = 1000 + i;
		out.fds[i] = STDIN_FILENO;
	}
	snprintf(out.text, sizeof(out.text), "hello");
	assert_true(channel_send(pair[0], &out));
	assert_int_equal(channel_receive(pair[1], &in), 1);
	assert_int_equal(in.type, CHANNEL_LISTENERS);
	assert_int_equal(in.generation, 7);
	assert_int_equal(in.count, CHANNEL_MAX_FDS);
	assert_int_equal(in.index[5], 1005);
	assert_string_equal(in.text, "hello");
	for (uint32_t i = 0; i < in.count; i++) {
		assert_true(fcntl(in.fds[i], F_GETFD) & FD_CLOEXEC);
		close(in.fds[i]);
	}
	assert_int_equal(channel_receive(pair[1], &in), 0);
	close(pair[0]);
	assert_int_equal(channel_receive(pair[1], &in), -1);
	close(pair[1]);
	assert_int_equal(open_descriptors(), before);
}

static void test_foreign_message_is_refused_and_leaks_nothing(void **state)
{
	(void)state;
	int before = open_descriptors(), pair[2];
	assert_true(channel_pair(pair));
	struct channel_msg out = { .type = CHANNEL_OFFER, .count = 2, .fds = { 0, 0 } }, in;
	out.type = CHANNEL_TYPE_COUNT;
	assert_true(channel_send(pair[0], &out));
	assert_int_equal(channel_receive(pair[1], &in), -1);
	assert_int_equal(send(pair[0], "x", 1, 0), 1);
	assert_int_equal(channel_receive(pair[1], &in), -1);
	close(pair[0]);
	close(pair[1]);
	assert_int_equal(open_descriptors(), before);
}

/* A receiver without room for descriptors gets the message all the same, and knows what is missing. */
static void test_no_room_for_descriptors(void **state)
{
	(void)state;
	struct rlimit before_limit, low;
	int pair[2];
	assert_true(channel_pair(pair));
	struct channel_msg out = { .type = CHANNEL_LISTENERS, .generation = 7, .count = 5 }, in;
	int before = open_descriptors();
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before_limit), 0);
	low = before_limit;
	low.rlim_cur = (rlim_t)dup(pair[0]) + 3; /* room for two of them */
	close((int)low.rlim_cur - 3);
	assert_true(channel_send(pair[0], &out));
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	assert_int_equal(channel_receive(pair[1], &in), 1);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before_limit), 0);
	assert_true(in.lost);
	assert_int_equal(in.type, CHANNEL_LISTENERS);
	assert_int_equal(in.generation, 7);
	assert_int_equal(in.count, 0);
	assert_int_equal(open_descriptors(), before);
	assert_true(channel_send(pair[0], &out));
	assert_int_equal(channel_receive(pair[1], &in), 1);
	assert_false(in.lost);
	for (uint32_t i = 0; i < in.count; i++)
		close(in.fds[i]);
	close(pair[0]);
	close(pair[1]);
}

static void test_a_reader_that_sleeps_does_not_block_the_sender(void **state)
{
	(void)state;
	int pair[2];
	assert_true(channel_pair(pair));
	struct channel_msg out = { .type = CHANNEL_PREPARE };
	int sent = 0;
	while (sent < 1000000 && channel_send(pair[0], &out))
		sent++;
	assert_true(sent > 10 && sent < 1000000);
	assert_int_equal(errno, EAGAIN);
	close(pair[0]);
	close(pair[1]);
}

static void test_sealed_copy_cannot_change(void **state)
{
	(void)state;
	char path[] = "/tmp/wsrp-memfile-XXXXXX";
	int fd = mkstemp(path);
	assert_int_equal(write(fd, "table", 5), 5);
	int copy = memfile_copy(path, 100, "t");
	assert_true(copy >= 0);
	assert_int_equal(pwrite(fd, "XXXXX", 5, 0), 5);
	char buf[8] = "";
	assert_int_equal(pread(copy, buf, sizeof(buf), 0), 5);
	assert_string_equal(buf, "table");
	assert_int_equal(pwrite(copy, "y", 1, 0), -1);
	assert_int_equal(ftruncate(copy, 0), -1);
	assert_ptr_equal(mmap(NULL, 5, PROT_READ | PROT_WRITE, MAP_SHARED, copy, 0), MAP_FAILED);
	close(copy);
	assert_int_equal(memfile_copy(path, 4, "t"), -1);
	assert_int_equal(errno, EFBIG);
	assert_int_equal(memfile_copy("/tmp", 100, "t"), -1);
	close(fd);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_message_with_descriptors),
		cmocka_unit_test(test_foreign_message_is_refused_and_leaks_nothing),
		cmocka_unit_test(test_no_room_for_descriptors),
		cmocka_unit_test(test_a_reader_that_sleeps_does_not_block_the_sender),
		cmocka_unit_test(test_sealed_copy_cannot_change),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
