/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading files and computing positions. Texts are read whole into the arena and never change again; line starts are found at the
 * first question and searched by halving, first near the line of the question before.
 */
#include "compiler/source.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "compiler/compiler.h"
#include "table/wsr_table.h"

#define LINES_NEAR 16u

static uint32_t source_add(struct compiler *cc, struct source *s)
{
	cc->sources = arena_grow(&cc->arena, cc->sources, cc->source_count, &cc->source_cap, sizeof(*cc->sources));
	cc->sources[cc->source_count] = s;
	if (s->path) {
		uint32_t *slot = &cc->source_by_path[wsr_hash(s->path, strlen(s->path)) % SOURCE_SLOTS];
		s->same_path = *slot;
		*slot = (uint32_t)cc->source_count + 1;
	}
	return (uint32_t)cc->source_count++;
}

uint32_t source_again(struct compiler *cc, const char *path, struct span included_from)
{
	uint32_t i = cc->source_by_path[wsr_hash(path, strlen(path)) % SOURCE_SLOTS];

	while (i && strcmp(source_at(cc, i - 1)->path, path) != 0)
		i = source_at(cc, i - 1)->same_path;
	if (!i)
		return SOURCE_NONE;
	struct source *s = ARENA_NEW(&cc->arena, struct source);
	*s = *source_at(cc, i - 1);
	s->included_from = included_from;
	s->comments = NULL;
	s->comment_count = s->comment_cap = 0;
	return source_add(cc, s);
}

/* Read to the end of fd; the room doubles when the size is not known beforehand (pipes). */
static char *read_all(struct compiler *cc, int fd, size_t expected, size_t *len)
{
	size_t room = expected ? expected + 1 : 65536, used = 0;
	char *text = arena_alloc(&cc->arena, room + 2);

	for (;;) {
		if (used == room) {
			char *larger = arena_alloc(&cc->arena, room * 2 + 2);
			memcpy(larger, text, used);
			text = larger;
			room *= 2;
		}
		ssize_t n = read(fd, text + used, room - used);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return NULL;
		if (n == 0)
			break;
		used += (size_t)n;
		if (used > SOURCE_MAX_BYTES) {
			errno = EFBIG;
			return NULL;
		}
	}
	text[used] = text[used + 1] = '\0';
	*len = used;
	return text;
}

static void close_descriptor(void *fd)
{
	close(*(int *)fd);
}

static uint32_t read_descriptor(struct compiler *cc, int fd, const char *path, const char *name, struct span included_from)
{
	struct stat st;
	size_t len;

	if (fstat(fd, &st) != 0)
		return SOURCE_NONE;
	if (S_ISDIR(st.st_mode)) {
		errno = EISDIR;
		return SOURCE_NONE;
	}
	if (S_ISREG(st.st_mode) && st.st_size > (off_t)SOURCE_MAX_BYTES) {
		errno = EFBIG;
		return SOURCE_NONE;
	}
	char *text = read_all(cc, fd, S_ISREG(st.st_mode) ? (size_t)st.st_size : 0, &len);
	if (!text)
		return SOURCE_NONE;
	struct source *s = ARENA_NEW(&cc->arena, struct source);
	s->path = path;
	s->name = name;
	s->text = text;
	s->len = (uint32_t)len;
	s->included_from = included_from;
	return source_add(cc, s);
}

static uint32_t read_overlay(struct compiler *cc, const struct source_overlay *o, const char *name, struct span included_from)
{
	uint32_t file = source_builtin(cc, name, o->text, o->len, included_from);
	struct source *s = source_at(cc, file);

	/* a file for everything that follows */
	cc->source_count--;
	s->builtin = false;
	s->path = arena_copy(&cc->arena, o->path, strlen(o->path));
	return source_add(cc, s);
}

uint32_t source_read(struct compiler *cc, const char *path, const char *name, struct span included_from)
{
	if (strcmp(path, "-") == 0)
		return read_descriptor(cc, STDIN_FILENO, NULL, name, included_from);
	for (size_t i = 0; i < cc->options.overlay_count; i++)
		if (strcmp(cc->options.overlays[i].path, path) == 0)
			return read_overlay(cc, &cc->options.overlays[i], name, included_from);

	/* Closed with the arena, so that running out of memory while reading leaks nothing. */
	int *fd = ARENA_NEW(&cc->arena, int);
	*fd = -1;
	arena_on_free(&cc->arena, close_descriptor, fd);
	*fd = open(path, O_RDONLY | O_CLOEXEC);
	if (*fd < 0)
		return SOURCE_NONE;
	uint32_t file = read_descriptor(cc, *fd, arena_copy(&cc->arena, path, strlen(path)), name, included_from);
	int saved = errno;
	close(*fd);
	*fd = -1;
	errno = saved;
	return file;
}

uint32_t source_builtin(struct compiler *cc, const char *name, const char *text, size_t len, struct span included_from)
{
	struct source *s = ARENA_NEW(&cc->arena, struct source);

	s->name = name;
	s->text = arena_alloc(&cc->arena, len + 2);
	memcpy(s->text, text, len);
	s->text[len] = s->text[len + 1] = '\0';
	s->len = (uint32_t)len;
	s->included_from = included_from;
	s->builtin = true;
	return source_add(cc, s);
}

struct source *source_at(const struct compiler *cc, uint32_t file)
{
	return cc->sources[file];
}

const char *source_name(const struct compiler *cc, uint32_t file)
{
	return cc->sources[file]->name;
}

static void make_line_starts(struct compiler *cc, struct source *s)
{
	uint32_t lines = 1;
	const char *end = s->text + s->len;

	for (const char *p = s->text; (p = memchr(p, '\n', (size_t)(end - p))) != NULL; p++)
		lines++;
	uint32_t *starts = arena_alloc(&cc->arena, (size_t)lines * sizeof(*starts));
	starts[0] = 0;
	lines = 1;
	for (const char *p = s->text; (p = memchr(p, '\n', (size_t)(end - p))) != NULL; p++)
		starts[lines++] = (uint32_t)(p + 1 - s->text);
	s->line_starts = starts;
	s->line_count = lines;
}

void source_position(struct compiler *cc, uint32_t file, uint32_t offset, uint32_t *line, uint32_t *column)
{
	struct source *s = source_at(cc, file);

	if (!s->line_starts)
		make_line_starts(cc, s);
	uint32_t low = 0, high = s->line_count; /* line_starts[low] <= offset < line_starts[high] */
	if (s->line_starts[s->line_last] <= offset) {
		low = s->line_last;
		if (high - low > LINES_NEAR && offset < s->line_starts[low + LINES_NEAR])
			high = low + LINES_NEAR;
	}
	while (high - low > 1) {
		uint32_t middle = low + (high - low) / 2;
		if (s->line_starts[middle] <= offset)
			low = middle;
		else
			high = middle;
	}
	s->line_last = low;
	*line = low + 1;
	*column = offset - s->line_starts[low] + 1;
}

const char *source_line(struct compiler *cc, uint32_t file, uint32_t line, size_t *len)
{
	struct source *s = source_at(cc, file);

	if (!s->line_starts)
		make_line_starts(cc, s);
	uint32_t start = s->line_starts[line - 1];
	uint32_t end = line < s->line_count ? s->line_starts[line] - 1 : s->len;
	if (end > start && s->text[end - 1] == '\r')
		end--;
	*len = end - start;
	return s->text + start;
}

bool source_same_line(const struct compiler *cc, uint32_t file, uint32_t a, uint32_t b)
{
	const struct source *s = source_at(cc, file);
	uint32_t from = a < b ? a : b, to = a < b ? b : a;

	return memchr(s->text + from, '\n', to - from) == NULL;
}
