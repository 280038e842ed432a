/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Applying cures: see lint.h. A message's edits are taken all or none: none when one of them touches what another message's edit already changes (the next
 * round looks at it again), or lies in a file that is not to be changed: one outside of the main file's folder, one that is read more than once (what
 * cures one place may break the other), one that cannot be written.
 */
#include "compiler/lint.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compiler/output.h"
#include "compiler/textdiff.h"

/* --- which files ------------------------------------------------------------------------------------------------------ */

static bool is_below(const char *path, const char *folder)
{
	size_t len = strlen(folder);
	return strncmp(path, folder, len) == 0 && (path[len] == '/' || (len > 0 && folder[len - 1] == '/'));
}

/* @return a sentence, or NULL when the file may be changed */
static const char *why_not(const struct compiler *cc, const struct source *s, const char *real)
{
	char folder[PATH_MAX];
	if (!real)
		return "it cannot be found any more";
	/* The main file may be named through a link; what it includes is held against the folder of its name. */
	if (s->included_from.file != SOURCE_NONE && (!realpath(*cc->folder ? cc->folder : ".", folder) || !is_below(real, folder)))
		return "it is outside of the folder of the file named on the command line: name it itself";
	for (size_t i = 0; i < cc->source_count; i++)
		if (source_at(cc, (uint32_t)i) != s && source_at(cc, (uint32_t)i)->path && strcmp(source_at(cc, (uint32_t)i)->path, s->path) == 0)
			return "it is included more than once";
	return access(real, W_OK) == 0 ? NULL : "it cannot be written";
}

static struct lint_file *file_of(struct lint_fixes *f, const struct compiler *cc, const struct source *s)
{
	for (size_t i = 0; i < f->count; i++)
		if (strcmp(f->files[i].path, s->path) == 0)
			return &f->files[i];
	struct lint_file *larger = realloc(f->files, (f->count + 1) * sizeof(*larger));
	if (!larger) {
		f->failed = true;
		return NULL;
	}
	f->files = larger;
	struct lint_file *file = &f->files[f->count];
	*file = (struct lint_file){ .path = strdup(s->path), .real = realpath(s->path, NULL), .before = malloc(s->len + 1), .before_len = s->len };
	if (!file->path || !file->before) {
		free(file->path);
		free(file->before);
		free(file->real);
		f->failed = true;
		return NULL;
	}
	memcpy(file->before, s->text, s->len);
	file->refused = why_not(cc, s, file->real);
	f->count++;
	return file;
}

/* --- which edits ------------------------------------------------------------------------------------------------------ */

struct chosen {
	const struct diag_edit **list;
	size_t count, cap;
};

/* Inserting at one place is done in the order of the messages; everything else that touches excludes. */
static bool touches(struct span a, struct span b)
{
	if (a.file != b.file)
		return false;
	if (a.start == a.end && b.start == b.end)
		return false;
	if (a.start == a.end || b.start == b.end) {
		struct span point = a.start == a.end ? a : b, range = a.start == a.end ? b : a;
		return point.start > range.start && point.start < range.end;
	}
	return a.start < b.end && b.start < a.end;
}

static bool can_take(const struct compiler *cc, struct lint_fixes *f, const struct chosen *c, const struct diag *d)
{
	for (const struct diag_edit *e = d->edits; e; e = e->next) {
		const struct source *s = source_at(cc, e->at.file);
		struct lint_file *file = s->path && !s->builtin ? file_of(f, cc, s) : NULL;
		if (!file || file->refused)
			return false;
		for (size_t i = 0; i < c->count; i++)
			if (touches(e->at, c->list[i]->at))
				return false;
	}
	return true;
}

static void take(struct compiler *cc, struct chosen *c, const struct diag *d)
{
	for (const struct diag_edit *e = d->edits; e; e = e->next) {
		c->list = arena_grow(&cc->arena, c->list, c->count, &c->cap, sizeof(*c->list));
		size_t i = c->count++;
		for (; i > 0 && (c->list[i - 1]->at.file > e->at.file || (c->list[i - 1]->at.file == e->at.file && c->list[i - 1]->at.start > e->at.start)); i--)
			c->list[i] = c->list[i - 1];
		c->list[i] = e;
	}
}

/* The text of a source with its edits, which are n in order. */
static bool rewrite(struct lint_file *file, const struct source *s, const struct diag_edit *const *edits, size_t n)
{
	size_t len = s->len, at = 0, used = 0;
	for (size_t i = 0; i < n; i++)
		len += strlen(edits[i]->text);
	char *out = malloc(len + 1);
	if (!out)
		return false;
	for (size_t i = 0; i < n; i++) {
		size_t text = strlen(edits[i]->text);
		memcpy(out + used, s->text + at, edits[i]->at.start - at);
		used += edits[i]->at.start - at;
		memcpy(out + used, edits[i]->text, text);
		used += text;
		at = edits[i]->at.end;
	}
	memcpy(out + used, s->text + at, s->len - at);
	used += s->len - at;
	free(file->after);
	file->after = out;
	file->after_len = used;
	return true;
}

static void make_overlays(struct lint_fixes *f)
{
	free(f->overlays);
	f->overlays = calloc(f->count + 1, sizeof(*f->overlays));
	f->overlay_count = 0;
	f->failed = f->failed || !f->overlays;
	for (size_t i = 0; f->overlays && i < f->count; i++)
		if (f->files[i].after)
			f->overlays[f->overlay_count++] = (struct source_overlay){ f->files[i].path, f->files[i].after, f->files[i].after_len };
}

unsigned lint_apply(struct compiler *cc, struct lint_fixes *f)
{
	struct chosen c = { 0 };
	unsigned cured = 0;
	for (size_t i = 0; i < cc->diags.count; i++) {
		const struct diag *d = cc->diags.list[i];
		if (!d->edits || !can_take(cc, f, &c, d))
			continue;
		take(cc, &c, d);
		cured++;
	}
	for (size_t i = 0, n; i < c.count && !f->failed; i += n) {
		for (n = 1; i + n < c.count && c.list[i + n]->at.file == c.list[i]->at.file; n++)
			;
		const struct source *s = source_at(cc, c.list[i]->at.file);
		struct lint_file *file = file_of(f, cc, s);
		f->failed = f->failed || !file || !rewrite(file, s, c.list + i, n);
	}
	make_overlays(f);
	return f->failed ? 0 : cured;
}

/* --- writing ---------------------------------------------------------------------------------------------------------- */

static bool unchanged(const struct lint_file *file)
{
	FILE *in = fopen(file->real, "rb");
	char *now = malloc(file->before_len + 1);
	size_t len = in && now ? fread(now, 1, file->before_len + 1, in) : 0;
	bool same = in && now && !ferror(in) && len == file->before_len && memcmp(now, file->before, len) == 0;
	if (in)
		fclose(in);
	free(now);
	return same;
}

static bool write_one(const struct lint_file *file, FILE *diffs)
{
	if (!unchanged(file)) {
		fprintf(stderr, "wsrpc: %s was changed in the meantime: it is left as it is\n", file->path);
		return false;
	}
	if (!output_replace(file->real, file->after, file->after_len)) {
		fprintf(stderr, "wsrpc: cannot write '%s': %s\n", file->path, strerror(errno));
		return false;
	}
	return textdiff_print(file->path, file->before, file->before_len, file->after, file->after_len, diffs);
}

bool lint_write(const struct lint_fixes *f, bool write, FILE *diffs)
{
	bool ok = true;
	for (size_t i = 0; i < f->count; i++) {
		const struct lint_file *file = &f->files[i];
		if (file->refused)
			fprintf(stderr, "wsrpc: %s is left as it is: %s\n", file->path, file->refused);
		else if (file->after && write)
			ok = write_one(file, diffs) && ok;
		else if (file->after)
			ok = textdiff_print(file->path, file->before, file->before_len, file->after, file->after_len, diffs) && ok;
	}
	return ok;
}

void lint_fixes_free(struct lint_fixes *f)
{
	for (size_t i = 0; i < f->count; i++) {
		free(f->files[i].path);
		free(f->files[i].real);
		free(f->files[i].before);
		free(f->files[i].after);
	}
	free(f->files);
	free(f->overlays);
	*f = (struct lint_fixes){ 0 };
}
