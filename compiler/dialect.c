/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Telling languages apart by what most lines look like: nginx's end with ';', '{' or '}', Apache's start with one of its names or "<Name" and end without
 * either, IIS's text is XML from its first line on. Comments and lines that could be both do not count.
 */
#include "compiler/dialect.h"

#include <string.h>

#include "compiler/compiler.h"

#define MAX_LINES 400u /* looked at, comments included */

static const char *const names[] = { [DIALECT_NGINX] = "nginx", [DIALECT_APACHE] = "apache", [DIALECT_IIS] = "iis" };
static const char *const printed[] = { [DIALECT_AUTO] = "", [DIALECT_NGINX] = "nginx", [DIALECT_APACHE] = "Apache", [DIALECT_IIS] = "IIS" };

enum dialect dialect_named(const char *name)
{
	for (enum dialect d = DIALECT_NGINX; d <= DIALECT_IIS; d++)
		if (strcmp(names[d], name) == 0)
			return d;
	return DIALECT_AUTO;
}

static bool starts(const char *text, const char *prefix)
{
	size_t len = strlen(prefix);

	return strlen(text) >= len && wsr_str_eq_nocase(wsr_str(text, len), wsr_cstr(prefix));
}

static bool is_xml(const char *line)
{
	return starts(line, "<?xml") || starts(line, "<!--") || starts(line, "<configuration") || starts(line, "<system.web") || starts(line, "<rewrite>") ||
	       starts(line, "<rules>") || starts(line, "<rule ");
}

static bool is_apache_name(const char *word, size_t len)
{
	for (unsigned i = 0; i < directive_count(); i++) {
		const struct directive *d = directive_row(i);
		if (d->dialect == DIALECT_APACHE && wsr_str_eq_nocase(wsr_cstr(d->name), wsr_str(word, len)))
			return true;
	}
	return false;
}

/* `line` has no blanks at its ends. */
static enum dialect dialect_of_line(const char *line, size_t len)
{
	if (line[0] == '<')
		return is_xml(line) ? DIALECT_IIS : DIALECT_APACHE;
	if (strchr(";{}", line[len - 1]))
		return DIALECT_NGINX;
	size_t name = strcspn(line, " \t\r\n");
	return name < len && is_apache_name(line, name) ? DIALECT_APACHE : DIALECT_AUTO;
}

/* A comment behind nginx's ';' is no part of the line; in Apache's language there are none. */
static size_t without_comment(const char *line, size_t len)
{
	for (size_t i = 1; i + 1 < len; i++)
		if (line[i] == '#' && strchr(" \t", line[i - 1]))
			len = i;
	while (len && strchr(" \t\r", line[len - 1]))
		len--;
	return len;
}

static enum dialect dialect_of_text(const char *text)
{
	const char *p = text;
	unsigned votes[DIALECT_IIS + 1] = { 0 };

	if (strncmp(p, "\xef\xbb\xbf", 3) == 0)
		p += 3;
	for (unsigned lines = 0; *p && lines < MAX_LINES; lines++) {
		p += strspn(p, " \t\r\n");
		size_t line = strcspn(p, "\n"), len = without_comment(p, line);
		enum dialect d = len && *p != '#' ? dialect_of_line(p, len) : DIALECT_AUTO;
		if (d == DIALECT_IIS && votes[DIALECT_NGINX] + votes[DIALECT_APACHE] == 0)
			return d;
		votes[d]++;
		p += line;
	}
	if (votes[DIALECT_APACHE] == votes[DIALECT_NGINX])
		return DIALECT_AUTO;
	return votes[DIALECT_APACHE] > votes[DIALECT_NGINX] ? DIALECT_APACHE : DIALECT_NGINX;
}

static enum dialect dialect_of_name(const char *name)
{
	const char *slash = strrchr(name, '/'), *base = slash ? slash + 1 : name;
	size_t len = strlen(base);

	if (len >= 11 && wsr_str_eq_nocase(wsr_str(base + len - 11, 11), WSR_STR(".web.config")))
		return DIALECT_IIS;
	if (wsr_str_eq_nocase(wsr_cstr(base), WSR_STR("web.config")))
		return DIALECT_IIS;
	return strstr(base, "apache") || strstr(base, "httpd") || strstr(base, "htaccess") ? DIALECT_APACHE : DIALECT_NGINX;
}

enum dialect dialect_of(struct compiler *cc, uint32_t file)
{
	if (cc->options.dialect != DIALECT_AUTO)
		return cc->options.dialect;
	enum dialect d = dialect_of_text(source_at(cc, file)->text);
	return d != DIALECT_AUTO ? d : dialect_of_name(source_name(cc, file));
}

/* Where the first thing that is no comment stands. */
static struct span first_word(const struct source *s, uint32_t file)
{
	const char *p = s->text;

	while (strspn(p, " \t\r\n") || *p == '#') {
		p += strspn(p, " \t\r\n");
		if (*p == '#')
			p += strcspn(p, "\n");
	}
	uint32_t start = (uint32_t)(p - s->text);
	return (struct span){ file, start, start + (uint32_t)strcspn(p, " \t\r\n>") };
}

bool dialect_expected(struct compiler *cc, uint32_t file)
{
	const struct source *s = source_at(cc, file);
	struct span at = first_word(s, file);

	/* Nothing in nginx's language starts with '<': reading on would only bring messages about missing semicolons. */
	if (s->text[at.start] != '<' || (cc->dialect != DIALECT_NGINX && cc->dialect != DIALECT_IIS && !is_xml(s->text + at.start)))
		return true;
	enum dialect is = is_xml(s->text + at.start) ? DIALECT_IIS : DIALECT_APACHE;
	if (is == cc->dialect)
		return true;
	diag_at(cc, CHECK_FOREIGN_DIALECT, at, "this is %s configuration, not %s's: it is not read", printed[is], printed[cc->dialect]);
	return false;
}
