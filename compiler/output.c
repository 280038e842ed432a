/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Atomic replacement of files. The new file lies beside the target, so that rename() stays on one file system; fsync on the file before
 * and on the folder after it, so that a power failure leaves the old or the new table.
 */
#include "compiler/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compiler/compiler.h"

static bool write_all(int fd, const char *bytes, size_t len)
{
	while (len) {
		ssize_t n = write(fd, bytes, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		bytes += n;
		len -= (size_t)n;
	}
	return true;
}

/* The target's folder, "." for a bare name; to be freed. */
static char *folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return strdup(".");
	return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

/* Some file systems cannot sync a folder (EINVAL); the rename stands all the same. */
static bool sync_folder(const char *folder)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return false;
	bool ok = fsync(fd) == 0 || errno == EINVAL;
	int saved = errno;
	close(fd);
	errno = saved;
	return ok;
}

/* New file at `temporary` (a mkstemp template) with the rights of `old`, or of an ordinary new file. */
static bool write_temporary(char *temporary, const struct stat *old, const void *bytes, size_t len)
{
	int fd = mkostemp(temporary, O_CLOEXEC);
	mode_t mask = umask(0);

	umask(mask);
	if (fd < 0)
		return false;
	bool ok = write_all(fd, bytes, len) && (!old || fchown(fd, old->st_uid, old->st_gid) == 0) && fchmod(fd, old ? old->st_mode & 07777 : 0644 & ~mask) == 0 && fsync(fd) == 0;
	int saved = errno;
	if (close(fd) != 0 && ok) {
		saved = errno;
		ok = false;
	}
	if (!ok)
		unlink(temporary);
	errno = saved;
	return ok;
}

/* A device, pipe or socket cannot be replaced by a rename: it is written to. */
static bool is_special(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode);
}

static bool write_special(const char *path, const void *bytes, size_t len)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	bool ok = write_all(fd, bytes, len);
	int saved = errno;
	if (close(fd) != 0 && ok)
		return false;
	errno = saved;
	return ok;
}

static bool replace(const char *path, const struct stat *old, const void *bytes, size_t len)
{
	char *folder = NULL, *temporary = NULL;
	bool ok = false;

	folder = folder_of(path);
	if (!folder || asprintf(&temporary, "%s/.wsrpc-XXXXXX", folder) < 0) {
		temporary = NULL;
		errno = ENOMEM;
		goto out;
	}
	if (!write_temporary(temporary, old, bytes, len))
		goto out;
	if (rename(temporary, path) != 0) {
		int saved = errno;
		unlink(temporary);
		errno = saved;
		goto out;
	}
	ok = sync_folder(folder);
out:
	free(folder);
	free(temporary);
	return ok;
}

bool output_write(const char *path, const void *bytes, size_t len)
{
	if (strcmp(path, "-") == 0)
		return write_all(STDOUT_FILENO, bytes, len);
	return is_special(path) ? write_special(path, bytes, len) : replace(path, NULL, bytes, len);
}

bool output_replace(const char *path, const void *bytes, size_t len)
{
	struct stat st;
	return stat(path, &st) == 0 && replace(path, &st, bytes, len);
}

/* --- make rules ----------------------------------------------------------------------------------------------------- */

/* A name as make reads it: blanks and '#' behind a backslash, '$' doubled. */
static void print_escaped(FILE *out, const char *name)
{
	for (; *name; name++) {
		if (*name == ' ' || *name == '#' || *name == '\\')
			fputc('\\', out);
		if (*name == '$')
			fputc('$', out);
		fputc(*name, out);
	}
}

/* A file included several times stands once. */
static bool read_before(const struct compiler *cc, size_t i)
{
	for (uint32_t k = source_at(cc, (uint32_t)i)->same_path; k; k = source_at(cc, k - 1)->same_path)
		if (strcmp(source_at(cc, k - 1)->path, source_at(cc, (uint32_t)i)->path) == 0)
			return true;
	return false;
}

bool output_depfile(struct compiler *cc, const char *path, const char *target)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return false;
	print_escaped(out, target);
	fputc(':', out);
	for (size_t i = 0; i < cc->source_count; i++) {
		const struct source *s = source_at(cc, (uint32_t)i);
		if (!s->path || read_before(cc, i))
			continue;
		fputs(" \\\n  ", out);
		print_escaped(out, s->path);
	}
	fputc('\n', out);
	bool ok = fclose(out) == 0 && output_write(path, text, len);
	free(text);
	return ok;
}
