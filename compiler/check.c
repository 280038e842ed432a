/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The checks. Each is one rule of 10-30 lines with its record beneath in a table; adding one touches checks.def, the function and the table.
 */
#include "compiler/check.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "compiler/compiler.h"
#include "compiler/fix.h"

/* --- words before names are known ----------------------------------------------------------------------------------- */

static bool is_dots(const struct word *w)
{
	return w->quote == WORD_PLAIN && (word_is(w, "...") || word_is(w, "\xe2\x80\xa6") || word_is(w, "[...]"));
}

bool check_elision(struct compiler *cc, struct node *n)
{
	unsigned gone = 1;

	if (!is_dots(&n->words[0])) {
		for (unsigned i = 1; i < n->word_count; i++) {
			if (is_dots(&n->words[i])) {
				diag_at(cc, CHECK_ELISION_LEFT, n->words[i].span, "dots stand for something that was left out: write it, or remove the statement");
				n->bad = true;
				return false;
			}
		}
		return true;
	}
	while (gone < n->word_count && source_same_line(cc, n->span.file, n->words[gone - 1].span.end, n->words[gone].span.start))
		gone++;
	diag_at(cc, CHECK_ELISION_LEFT, span_join(n->words[0].span, n->words[gone - 1].span), "dots stand for something that was left out: remove them");
	if (gone == n->word_count) {
		n->bad = true;
		return false;
	}
	n->words += gone;
	n->word_count = (n->word_count - gone) & 0xffffff;
	n->span.start = n->words[0].span.start;
	return true;
}

/* --- odd words: placeholders and quotes ----------------------------------------------------------------------------- */

struct words_check {
	enum check_id id;
	void (*run)(struct compiler *cc, struct node *n, const char *text, uint32_t base, uint32_t len);
};

static bool is_placeholder_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.' || c == ' ' || c == ':';
}

/* Length of "<DNS NAME>" at p, 0 when it is none. Named groups of regular expressions "(?<name>" are not. */
static uint32_t placeholder_len(const char *text, uint32_t i, uint32_t len)
{
	uint32_t end = i + 1;

	if (i > 0 && (text[i - 1] == '?' || text[i - 1] == 'P'))
		return 0;
	if (end >= len || !((text[end] >= 'A' && text[end] <= 'Z') || (text[end] >= 'a' && text[end] <= 'z')))
		return 0;
	while (end < len && is_placeholder_char(text[end]))
		end++;
	return end < len && text[end] == '>' ? end + 1 - i : 0;
}

/* Quoted words may well hold <b>markup</b>; a quoted word that is nothing but a placeholder is one, unless it is a text to be sent. */
static bool inside_quotes(const struct node *n, uint32_t start, uint32_t end)
{
	for (unsigned i = 0; i < n->word_count; i++) {
		const struct word *w = &n->words[i];
		if (w->quote != WORD_PLAIN && w->span.start < start && end <= w->span.end)
			return node_is(n, "return") || w->span.end - w->span.start != end - start + 2;
	}
	return false;
}

static void find_placeholders(struct compiler *cc, struct node *n, const char *text, uint32_t base, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++) {
		uint32_t found = text[i] == '<' ? placeholder_len(text, i, len) : 0;
		if (!found)
			continue;
		struct span at = { n->words[0].span.file, base + i, base + i + found };
		if (!inside_quotes(n, at.start, at.end)) {
			diag_at(cc, CHECK_PLACEHOLDER_LEFT, at, "placeholder %s is left in: write the value in its place", diag_quote(cc, text + i, found));
			n->bad = true;
		}
		i += found - 1;
	}
}

/* U+2018-201F, and guillemets U+00AB and U+00BB. */
static unsigned typographic_quote_len(const unsigned char *b, uint32_t len)
{
	if (len >= 3 && b[0] == 0xe2 && b[1] == 0x80 && b[2] >= 0x98 && b[2] <= 0x9f)
		return 3;
	return len >= 2 && b[0] == 0xc2 && (b[1] == 0xab || b[1] == 0xbb) ? 2 : 0;
}

/* Double ones of all the statement's words, unless a straight one stands among them. */
static void fix_quotes(struct compiler *cc, struct diag *d, const struct node *n)
{
	for (unsigned i = 0; i < n->word_count; i++)
		if (n->words[i].quote != WORD_PLAIN || memchr(n->words[i].text, '"', n->words[i].len))
			return;
	for (unsigned i = 0; i < n->word_count; i++) {
		const struct word *w = &n->words[i];
		for (uint32_t at = 0; at < w->len; at++) {
			unsigned len = typographic_quote_len((const unsigned char *)w->text + at, w->len - at);
			if (len && (w->text + at)[2] >= (char)0x9c)
				fix_edit(cc, d, (struct span){ w->span.file, w->span.start + at, w->span.start + at + len }, "\"");
		}
	}
}

static void find_typographic_quotes(struct compiler *cc, struct node *n, const char *text, uint32_t base, uint32_t len)
{
	(void)text;
	(void)base;
	(void)len;
	for (unsigned i = 0; i < n->word_count; i++) {
		const struct word *w = &n->words[i];
		unsigned quote = w->quote == WORD_PLAIN ? typographic_quote_len((const unsigned char *)w->text, w->len) : 0;
		if (!quote)
			continue;
		struct span at = { w->span.file, w->span.start, w->span.start + quote };
		struct diag *d = diag_at(cc, CHECK_TYPOGRAPHIC_QUOTE, at, "typographic quote %.*s would become part of the value", (int)quote, w->text);
		diag_note(cc, d, SPAN_NONE, "quotes are \" and '");
		fix_quotes(cc, d, n);
		n->bad = true;
		return;
	}
}

static const struct words_check words_checks[] = {
	{ CHECK_PLACEHOLDER_LEFT, find_placeholders },
	{ CHECK_TYPOGRAPHIC_QUOTE, find_typographic_quotes },
};

/* Most statements have no byte that any of these checks looks at. */
static bool has_odd_byte(const char *text, uint32_t len)
{
	const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones << 7;
	uint32_t i = 0;

	for (; len - i >= 8; i += 8) { /* a byte of `less` is zero where '<' stands; then, or in a byte above 127, a top bit is left */
		uint64_t word, less;

		memcpy(&word, text + i, sizeof(word));
		less = word ^ ones * '<';
		if ((((less - ones) & ~less) | word) & tops)
			return true;
	}
	for (; i < len; i++)
		if (text[i] == '<' || (unsigned char)text[i] >= 0x80)
			return true;
	return false;
}

bool check_odd_words(struct compiler *cc, struct node *n)
{
	struct span head = node_head_span(n);
	const char *text = source_at(cc, head.file)->text + head.start;
	uint32_t len = head.end - head.start;

	if (!has_odd_byte(text, len))
		return true;
	for (size_t i = 0; i < sizeof(words_checks) / sizeof(words_checks[0]); i++)
		if (cc->diags.level[words_checks[i].id] != DIAG_OFF)
			words_checks[i].run(cc, n, text, head.start, len);
	return !n->bad;
}

/* --- identified statements ------------------------------------------------------------------------------------------ */

/* At most one for a row of the directive table. */
struct node_check {
	enum check_id id;
	const char *directive;
	void (*run)(struct compiler *cc, const struct node *n);
};

/* "https://a.example:443/" -> "a.example" */
static void fix_server_name(struct compiler *cc, struct diag *d, const struct word *w)
{
	const char *scheme = w->len > 3 ? memmem(w->text, w->len, "://", 3) : NULL, *name = scheme ? scheme + 3 : w->text;
	size_t left = (size_t)(w->text + w->len - name), len = 0;
	while (len < left && name[len] != ':' && name[len] != '/')
		len++;
	if (len > 0 && w->quote == WORD_PLAIN && !memchr(name, '$', len) && !memchr(name, '[', len))
		fix_edit(cc, d, w->span, "%.*s", (int)len, name);
}

/* A port or scheme in a name never matches: the Host field is compared without its port. */
static void check_server_name(struct compiler *cc, const struct node *n)
{
	for (unsigned i = 0; i < node_arg_count(n); i++) {
		const struct word *w = node_arg(n, i);
		if (w->len && w->text[0] == '~')
			continue;
		if (!memchr(w->text, ':', w->len) && !memchr(w->text, '/', w->len))
			continue;
		struct diag *d = diag_at(cc, CHECK_SERVER_NAME_MALFORMED, w->span, "'%s' is not a host name", diag_quote(cc, w->text, w->len));
		diag_note(cc, d, SPAN_NONE, "names stand without scheme, port and path; the port belongs to listen");
		fix_server_name(cc, d, w);
	}
}

static void check_readable(struct compiler *cc, const struct node *n)
{
	const struct word *w = node_arg(n, 0);
	const char *path = arena_copy(&cc->arena, w->text, w->len);

	if (!cc->options.check_files || memchr(w->text, '$', w->len) || strncmp(path, "data:", 5) == 0)
		return;
	if (path[0] != '/')
		path = arena_printf(&cc->arena, "%s%s", cc->options.prefix ? cc->options.prefix : cc->folder, path);
	if (access(path, R_OK) != 0)
		diag_at(cc, CHECK_FILE_UNREADABLE, w->span, "'%s': %s", diag_quote(cc, path, strlen(path)), strerror(errno));
}

/* --- maps whose sources go round in a circle -------------------------------------------------------------------------- */

struct map_walk {
	const struct node *start;
	unsigned budget;            /* maps looked at: a bound on sources that mention many others */
};

static const struct node *find_map(const struct node *http, struct wsr_str name)
{
	NODE_EACH_CHILD(n, http)
		if (n->block && n->word_count == 3 && node_is(n, "map") && n->words[2].len == name.len + 1 &&
		    wsr_str_eq_nocase(wsr_str(n->words[2].text + 1, name.len), name))
			return n;
	return NULL;
}

/* Take the next $name or ${name} off a text. */
static bool next_variable(struct wsr_str *text, struct wsr_str *name)
{
	const char *dollar = text->len ? memchr(text->ptr, '$', text->len) : NULL;

	if (!dollar)
		return false;
	const char *end = text->ptr + text->len, *p = dollar + 1;
	if (p < end && *p == '{')
		p++;
	const char *start = p;
	while (p < end && ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') || *p == '_'))
		p++;
	*name = wsr_str(start, (size_t)(p - start));
	*text = wsr_str(p, (size_t)(end - p));
	return true;
}

static bool leads_back(struct map_walk *walk, const struct node *map)
{
	struct wsr_str source = word_str(node_arg(map, 0)), name;

	while (walk->budget && next_variable(&source, &name)) {
		const struct node *next = find_map(map->parent, name);
		walk->budget--;
		if (next && (next == walk->start || leads_back(walk, next)))
			return true;
	}
	return false;
}

/* A source is evaluated whatever the cases say, so such a map can never give a value. */
static void check_map_cycle(struct compiler *cc, const struct node *n)
{
	struct map_walk walk = { n, 64 };

	if (leads_back(&walk, n))
		diag_at(cc, CHECK_MAP_CYCLE, node_arg(n, 0)->span, "the value of %s needs itself", diag_quote(cc, node_arg(n, 1)->text, node_arg(n, 1)->len));
}

static const struct node_check node_checks[] = {
	{ CHECK_MAP_CYCLE, "map", check_map_cycle },
	{ CHECK_SERVER_NAME_MALFORMED, "server_name", check_server_name },
	{ CHECK_FILE_UNREADABLE, "ssl_certificate", check_readable },
	{ CHECK_FILE_UNREADABLE, "ssl_certificate_key", check_readable },
	{ CHECK_FILE_UNREADABLE, "ssl_dhparam", check_readable },
	{ CHECK_FILE_UNREADABLE, "ssl_client_certificate", check_readable },
	{ CHECK_FILE_UNREADABLE, "ssl_trusted_certificate", check_readable },
	{ CHECK_FILE_UNREADABLE, "ssl_crl", check_readable },
	{ CHECK_FILE_UNREADABLE, "proxy_ssl_trusted_certificate", check_readable },
	{ CHECK_FILE_UNREADABLE, "proxy_ssl_certificate", check_readable },
	{ CHECK_FILE_UNREADABLE, "proxy_ssl_certificate_key", check_readable },
	{ CHECK_FILE_UNREADABLE, "root", check_readable },
	{ CHECK_FILE_UNREADABLE, "alias", check_readable },
};

/* `by_row`: the check of a row of the directive table, by its ordinal. */
static void run_on(struct compiler *cc, const struct node_check *const *by_row, const struct node *parent)
{
	NODE_EACH_CHILD(n, parent) {
		if (n->def && by_row[n->def->ordinal] && !n->bad && !n->synthetic)
			by_row[n->def->ordinal]->run(cc, n);
		if (n->first_child)
			run_on(cc, by_row, n);
	}
}

void check_run(struct compiler *cc)
{
	const struct node_check **by_row = ARENA_ARRAY(&cc->arena, const struct node_check *, directive_count());

	for (size_t i = 0; i < sizeof(node_checks) / sizeof(node_checks[0]); i++) {
		const char *name = node_checks[i].directive;
		const struct directive *def = directive_find(cc, name, strlen(name), directive_contexts(cc));
		if (def && cc->diags.level[node_checks[i].id] != DIAG_OFF)
			by_row[def->ordinal] = &node_checks[i];
	}
	run_on(cc, by_row, cc->root);
}

/* --- options -------------------------------------------------------------------------------------------------------- */

bool check_option(struct compiler *cc, const char *arg, bool error)
{
	bool off = !error && strncmp(arg, "no-", 3) == 0;
	const char *name = off ? arg + 3 : arg;
	enum check_id id = check_find(name, strlen(name));

	if (strcmp(name, "all") == 0) {
		for (unsigned i = 0; i < CHECK_COUNT; i++)
			if (check_info((enum check_id)i)->level == DIAG_WARNING)
				cc->diags.level[i] = error ? DIAG_ERROR : off ? DIAG_OFF : DIAG_WARNING;
		return true;
	}
	if (id == CHECK_COUNT)
		return false;
	cc->diags.level[id] = error ? DIAG_ERROR : off ? DIAG_OFF : DIAG_WARNING;
	return true;
}
