/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The only file of table/ that touches the operating system: it reads a table file into memory and hands the bytes to the verifier.
 * For tools and tests; wsrpd makes a sealed copy of its own and calls wsr_table_init() on that.
 */
#include "table/wsr_table.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static bool refuse(struct wsr_refusal *why, enum wsr_error error)
{
	*why = (struct wsr_refusal){ .error = error };
	return false;
}

/* All of a descriptor into fresh memory. A file that grows or shrinks meanwhile ends as TRAILING or TRUNCATED in the verifier. */
static bool read_all(int fd, uint8_t **bytes, size_t *len, struct wsr_refusal *why)
{
	struct stat st;
	size_t used = 0;
	uint8_t *buf;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return refuse(why, WSR_E_READ);
	if ((uint64_t)st.st_size > WSR_MAX_TABLE_BYTES)
		return refuse(why, WSR_E_TOO_LARGE);
	buf = malloc((size_t)st.st_size + 1); /* malloc aligns for every type; one byte more so that an empty file is no special case */
	if (!buf)
		return refuse(why, WSR_E_MEMORY);
	while (used < (size_t)st.st_size) {
		ssize_t got = read(fd, buf + used, (size_t)st.st_size - used);

		if (got < 0) {
			free(buf);
			return refuse(why, WSR_E_READ);
		}
		if (got == 0)
			break;
		used += (size_t)got;
	}
	*bytes = buf;
	*len = used;
	return true;
}

bool wsr_table_open(struct wsr_table *t, const char *path, struct wsr_refusal *why)
{
	uint8_t *bytes = NULL;
	size_t len = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK); /* a FIFO must not block: it is refused below */
	bool ok;

	*t = (struct wsr_table){ 0 };
	if (fd < 0)
		return refuse(why, WSR_E_OPEN);
	ok = read_all(fd, &bytes, &len, why);
	close(fd);
	if (!ok)
		return false;
	if (!wsr_table_init(t, bytes, len, why)) {
		free(bytes);
		return false;
	}
	t->owned = true;
	return true;
}

void wsr_table_close(struct wsr_table *t)
{
	if (t->owned)
		free((void *)(uintptr_t)t->bytes);
	*t = (struct wsr_table){ 0 };
}
