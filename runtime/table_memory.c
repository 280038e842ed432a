/* SPDX-License-Identifier: BSD-2-Clause */
/* Private copies and mappings of tables: see table_memory.h. */
#include "runtime/table_memory.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define HUGE_PAGE ((size_t)2 << 20)
#define PAGE      ((size_t)4096)

static size_t round_up(size_t n, size_t unit)
{
	return (n + unit - 1) / unit * unit;
}

/* Room for len bytes and at least one more, so that a file which has grown since shows it. Whole huge pages are asked for as such; the rest is as small as it is. */
static char *make_room(struct table_memory *m, size_t len, size_t *room)
{
	bool huge = len >= HUGE_PAGE;

	*room = round_up(len + 1, PAGE);
	m->map_len = *room + (huge ? HUGE_PAGE : 0);
	m->map = mmap(NULL, m->map_len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (m->map == MAP_FAILED) {
		m->map = NULL;
		return NULL;
	}
	if (!huge)
		return m->map;
	char *base = (char *)round_up((size_t)m->map, HUGE_PAGE);
	madvise(base, len / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE); /* a machine without them has small ones */
	return base;
}

static bool fill(struct table_memory *m, int fd, size_t expected)
{
	size_t room;
	char *base = make_room(m, expected, &room);
	if (!base)
		return false;
	m->bytes = base;
	while (m->len < room) { /* until the end, not as many bytes as fstat said: the file may change while it is read */
		ssize_t n = read(fd, base + m->len, room - m->len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		if (n == 0)
			break;
		m->len += (size_t)n;
	}
	return mprotect(base, room, PROT_READ) == 0;
}

bool table_memory_read(struct table_memory *m, const char *path, uint64_t max_bytes)
{
	struct stat st;
	*m = (struct table_memory){ 0 };
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	bool ok = fstat(fd, &st) == 0;
	if (ok && !S_ISREG(st.st_mode)) {
		errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
		ok = false;
	} else if (ok && (uint64_t)st.st_size > max_bytes) {
		errno = EFBIG;
		ok = false;
	}
	ok = ok && fill(m, fd, (size_t)st.st_size);
	int saved = errno;
	close(fd);
	if (!ok)
		table_memory_free(m);
	errno = saved;
	return ok;
}

bool table_memory_map(struct table_memory *m, int fd)
{
	struct stat st;
	*m = (struct table_memory){ 0 };
	if (fstat(fd, &st) < 0)
		return false;
	if (st.st_size == 0) /* cannot be mapped */
		return true;
	m->map_len = m->len = (size_t)st.st_size;
	m->map = mmap(NULL, m->map_len, PROT_READ, MAP_SHARED, fd, 0);
	if (m->map == MAP_FAILED) {
		*m = (struct table_memory){ 0 };
		return false;
	}
	m->bytes = m->map;
	return true;
}

void table_memory_free(struct table_memory *m)
{
	if (m->map)
		munmap(m->map, m->map_len);
	*m = (struct table_memory){ 0 };
}
