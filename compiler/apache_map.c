/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RewriteMap: txt: and rnd: files are read now and become maps of the table, int: names a function; programs and databases are refused. In: the statement
 * that declares a name. Out: what ${name:key} calls. A change of the file needs another compile, which a note says.
 *
 * Of two lines with one key the first counts; a line that begins with a blank or "#" and a key without a value count for nothing (mod_rewrite.c:
 * lookup_map_txtfile).
 */
#include "compiler/apache_text.h"

#include <errno.h>

struct declared {
	const struct node *node;
	struct apache_map map;
	bool bad;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f';
}

static struct wsr_str next_word(const char **at, const char *end)
{
	const char *s = *at;
	while (s < end && is_blank(*s))
		s++;
	const char *stop = s;
	while (stop < end && !is_blank(*stop))
		stop++;
	*at = stop;
	return wsr_str(s, (size_t)(stop - s));
}

/* --- files ---------------------------------------------------------------------------------------------------------------- */

static void read_line(struct lower *l, struct plan_table *table, const char *s, const char *end)
{
	if (s == end || *s == '#' || is_blank(*s))
		return;
	struct wsr_str key = next_word(&s, end), value = next_word(&s, end);
	if (value.len > 0)
		plan_table_add(table, l->plan, plan_str(l->plan, key), plan_tmpl_const(l->plan, value));
}

static uint32_t count_lines(struct wsr_str text)
{
	uint32_t n = 1;
	for (size_t i = 0; i < text.len; i++)
		n += text.ptr[i] == '\n';
	return n;
}

static uint32_t map_of_text(struct lower *l, const struct node *n, struct wsr_str text)
{
	struct plan_table table;
	plan_table_init(&table, count_lines(text));
	for (const char *s = text.ptr, *end = text.ptr + text.len; s < end;) {
		const char *stop = memchr(s, '\n', (size_t)(end - s));
		read_line(l, &table, s, stop ? stop : end);
		s = stop ? stop + 1 : end;
	}
	struct wsr_map map = { .source = plan_tmpl(l->plan, NULL, 0), .default_value = plan_tmpl(l->plan, NULL, 0), .flags = WSR_MAP_EXACT, .pos = lower_pos(l, n) };
	map.slots = plan_table_done(&table, &l->plan->map_slot);
	return pool_push(&l->plan->map, &map);
}

static void declare_file(struct lower *l, struct declared *d, struct wsr_str path, enum wsr_function function)
{
	const struct word *w = node_arg(d->node, 1);
	const char *name = arena_copy(&l->cc->arena, path.ptr, path.len);
	uint32_t file = path.len ? source_read(l->cc, name, name, w->span) : SOURCE_NONE;
	d->bad = file == SOURCE_NONE;
	if (d->bad) {
		diag_at(l->cc, CHECK_VALUE, w->span, "the map file '%s' cannot be read: %s", diag_quote(l->cc, path.ptr, path.len), path.len ? strerror(errno) : "no name");
		return;
	}
	diag_at(l->cc, CHECK_ACCEPTED_WITH_DIFFERENCE, w->span, "'%s' is read now: when it changes, compile again", diag_quote(l->cc, path.ptr, path.len));
	const struct source *s = source_at(l->cc, file);
	d->map.function = function;
	d->map.map = map_of_text(l, d->node, wsr_str(s->text, s->len));
}

/* --- other kinds ---------------------------------------------------------------------------------------------------------- */

static void declare_function(struct lower *l, struct declared *d, struct wsr_str name)
{
	static const struct { const char *name; enum wsr_function function; } functions[] = {
		{ "toupper", WSR_FUNCTION_UPPER }, { "tolower", WSR_FUNCTION_LOWER }, { "escape", WSR_FUNCTION_ESCAPE }, { "unescape", WSR_FUNCTION_UNESCAPE },
	};
	for (size_t i = 0; i < sizeof(functions) / sizeof(*functions); i++)
		if (wsr_str_eq(name, wsr_cstr(functions[i].name))) {
			d->map.function = functions[i].function;
			return;
		}
	d->bad = true;
	struct diag *g = diag_at(l->cc, CHECK_VALUE, node_arg(d->node, 1)->span, "no internal map '%s'", diag_quote(l->cc, name.ptr, name.len));
	diag_note(l->cc, g, SPAN_NONE, "there are toupper, tolower, escape and unescape");
}

static void refuse_kind(struct lower *l, struct declared *d, const char *what, const char *instead)
{
	d->bad = true;
	struct diag *g = diag_at(l->cc, CHECK_VALUE, node_arg(d->node, 1)->span, "%s", what);
	diag_note(l->cc, g, SPAN_NONE, "%s", instead);
}

static bool begins(struct wsr_str s, const char *prefix, struct wsr_str *rest)
{
	size_t len = strlen(prefix);
	if (s.len < len || !wsr_str_eq_nocase(wsr_str(s.ptr, len), wsr_cstr(prefix)))
		return false;
	*rest = wsr_str(s.ptr + len, s.len - len);
	return true;
}

static void declare(struct lower *l, struct declared *d)
{
	struct wsr_str what = arg_str(d->node, 1), rest = what;
	d->map.name = plan_str(l->plan, arg_str(d->node, 0));
	d->map.map = WSR_NONE;
	if (begins(what, "int:", &rest))
		declare_function(l, d, rest);
	else if (begins(what, "rnd:", &rest))
		declare_file(l, d, rest, WSR_FUNCTION_RANDOM);
	else if (begins(what, "prg:", &rest))
		refuse_kind(l, d, "a map by a program: wsrpd starts no programs", "write its answers into a txt: file");
	else if (begins(what, "dbm:", &rest) || begins(what, "dbm=", &rest))
		refuse_kind(l, d, "a map in a DBM file is not read", "httxt2dbm was given a text file: name that one with txt:");
	else if (begins(what, "dbd:", &rest) || begins(what, "fastdbd:", &rest))
		refuse_kind(l, d, "a map in a database: wsrpd asks no database", "write the rows into a txt: file");
	else {
		begins(what, "txt:", &rest);
		declare_file(l, d, rest, WSR_FUNCTION_MAP);
	}
}

/* --- look-up -------------------------------------------------------------------------------------------------------------- */

static struct declared *declared_at(struct lower *l, const struct node *n)
{
	for (uint32_t i = 0; i < l->apache_maps.count; i++) {
		struct declared *d = pool_at(&l->apache_maps, i);
		if (d->node == n)
			return d;
	}
	struct declared fresh = { .node = n };
	declare(l, &fresh);
	if (l->apache_maps.stride == 0)
		pool_init(&l->apache_maps, sizeof(struct declared));
	return pool_at(&l->apache_maps, pool_push(&l->apache_maps, &fresh));
}

/* The last statement of this name among a server's own ones; sections are not looked into. */
static const struct node *find_statement(const struct node *server, struct wsr_str name)
{
	const struct node *found = NULL;
	NODE_EACH_CHILD(c, server)
		if (lowered_by(c, lower_apache_rewrite_map) && wsr_str_eq(arg_str(c, 0), name))
			found = c;
	return found;
}

static bool inherits(const struct node *server)
{
	NODE_EACH_CHILD(c, server)
		if (lowered_by(c, lower_apache_rewrite_options))
			for (unsigned i = 0; i < node_arg_count(c); i++)
				if (wsr_str_eq_nocase(wsr_str(arg_str(c, i).ptr, arg_str(c, i).len < 7 ? arg_str(c, i).len : 7), WSR_STR("inherit")))
					return true;
	return false;
}

const struct apache_map *apache_map_find(struct lower *l, const struct node *n, struct wsr_str name)
{
	const struct node *server = n->parent, *found = NULL;
	while (server && server->parent && !(server->word_count && wsr_str_eq_nocase(word_str(&server->words[0]), WSR_STR("VirtualHost"))))
		server = server->parent;
	if (server)
		found = find_statement(server, name);
	if (!found && server && server->parent && inherits(server)) {
		const struct node *root = server;
		while (root->parent)
			root = root->parent;
		found = find_statement(root, name);
	}
	struct declared *d = found ? declared_at(l, found) : NULL;
	return d ? &d->map : NULL;
}

void lower_apache_rewrite_map(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)lv;
	(void)arg;
	declared_at(l, n);
}
