/* SPDX-License-Identifier: BSD-2-Clause */
/* Sealed anonymous files, see memfile.h. The copy reads until the end, not as many bytes as fstat said: the source may change while it is read. */
#include "runtime/memfile.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

int memfile_new(const char *name)
{
	return memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
}

bool memfile_write_at(int fd, uint64_t offset, const void *data, size_t len)
{
	const char *p = data;
	while (len > 0) {
		ssize_t n = pwrite(fd, p, len, (off_t)offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		p += n;
		offset += (uint64_t)n;
		len -= (size_t)n;
	}
	return true;
}

bool memfile_seal(int fd)
{
	return fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) == 0;
}

static bool copy_all(int in, int out, uint64_t max_bytes)
{
	uint64_t done = 0;
	for (;;) {
		ssize_t n = sendfile(out, in, NULL, 1u << 20); /* kernel to kernel: no buffer of ours */
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n == 0;
		done += (uint64_t)n;
		if (done > max_bytes) {
			errno = EFBIG;
			return false;
		}
	}
}

int memfile_copy(const char *path, uint64_t max_bytes, const char *name)
{
	int in = open(path, O_RDONLY | O_CLOEXEC);
	if (in < 0)
		return -1;
	struct stat st;
	int out = -1;
	if (fstat(in, &st) == 0) {
		if (S_ISREG(st.st_mode))
			out = memfile_new(name);
		else
			errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
	}
	if (out >= 0 && !(copy_all(in, out, max_bytes) && memfile_seal(out))) {
		int saved = errno;
		close(out);
		errno = saved;
		out = -1;
	}
	int saved = errno;
	close(in);
	errno = saved;
	return out;
}
