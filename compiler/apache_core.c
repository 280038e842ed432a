/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Plain settings of httpd: connections, process, files. In: checked statements. Out: cells of the level, or the global record.
 */
#include "compiler/apache.h"
#include "compiler/apache_branch.h"
#include "compiler/apache_read.h"
#include "compiler/value.h"
#include "eval/wsr_head.h"

static bool is(const struct word *w, const char *text)
{
	return wsr_str_eq_nocase(word_str(w), wsr_cstr(text));
}

static void put(struct level *lv, enum plan_setting cell, uint64_t v)
{
	memcpy((char *)&lv->s + plan_setting_info[cell].offset, &v, sizeof(v));
	level_mark(lv, cell);
}

static struct wsr_global *global(struct lower *l)
{
	return pool_at(&l->plan->global, 0);
}

/* --- connections ----------------------------------------------------------------------------------------------------------- */

/* The last statement of this name in the block of `n`, or in the nearest block around it that has one; NULL when none has. */
static const struct node *nearest(const struct node *n, const char *name)
{
	const struct node *found = NULL;

	for (const struct node *block = n->parent; block && !found; block = block->parent)
		NODE_EACH_CHILD(child, block)
			if (child->def && !child->bad && strcmp(child->def->name, name) == 0)
				found = child;
	return found;
}

/* KeepAlive and KeepAliveTimeout share a cell: each of them sets it from both. */
void lower_apache_keepalive(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	const struct node *engine = nearest(n, "KeepAlive"), *time = nearest(n, "KeepAliveTimeout");
	uint64_t ms = 5000;

	(void)arg;
	if (time && !value_duration_ms(arg_str(time, 0), false, &ms) && time == n)
		diag_at(l->cc, CHECK_DURATION, node_arg(n, 0)->span, "'%s' is no time: seconds, or milliseconds with ms",
		        diag_quote(l->cc, node_arg(n, 0)->text, node_arg(n, 0)->len));
	if (engine && !is(node_arg(engine, 0), "on"))
		ms = 0;
	put(lv, SET_keepalive_timeout_ms, ms);
	put(lv, SET_keepalive_header_s, ms / 1000);
}

void lower_apache_keepalive_requests(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	uint64_t v = 0;

	(void)l, (void)arg;
	value_uint(arg_str(n, 0), &v);
	put(lv, SET_keepalive_requests, v && v < INT32_MAX ? v + 1 : INT32_MAX); /* httpd counts those behind which the connection stays open */
}

void lower_apache_limit_body(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	uint64_t v = 0;

	(void)l, (void)arg;
	value_size(arg_str(n, 0), true, &v);
	put(lv, SET_client_max_body_bytes, v);
}

void lower_apache_server_tokens(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	static const char *const words[] = { "Prod", "ProductOnly", "Major", "Minor", "Min", "Minimal", "OS", "Full" };
	const struct word *w = node_arg(n, 0);
	bool known = false;

	(void)arg;
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		known |= is(w, words[i]);
	if (!known)
		diag_at(l->cc, CHECK_ARGUMENT, w->span, "'%s' is not allowed: Prod, Major, Minor, Min, OS or Full", diag_quote(l->cc, w->text, w->len));
	put(lv, SET_server_tokens, !is(w, "Prod") && !is(w, "ProductOnly"));
}

/* --- process ----------------------------------------------------------------------------------------------------------------- */

/* Without Group, httpd's group has a name of its own; ours is the user's as long as none is given. */
void lower_apache_user(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	wsr_sref user = plan_str(l->plan, arg_str(n, 0));

	(void)lv, (void)arg;
	if (!global(l)->group)
		global(l)->group = user;
	global(l)->user = user;
}

void lower_apache_group(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	wsr_sref group = plan_str(l->plan, arg_str(n, 0));

	(void)lv, (void)arg;
	global(l)->group = group;
}

void lower_apache_pid(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	wsr_sref path = plan_str(l->plan, apache_path(l->cc, arg_str(n, 0)));

	(void)lv, (void)arg;
	global(l)->pid = path;
}

void lower_apache_shutdown_timeout(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	uint64_t seconds = 0;

	(void)lv, (void)arg;
	value_uint(arg_str(n, 0), &seconds);
	global(l)->worker_shutdown_timeout_ms = seconds * 1000;
}

/* --- Expires ------------------------------------------------------------------------------------------------------------------ */

static bool unit_seconds(struct wsr_str word, uint64_t *seconds)
{
	static const struct { const char *name; uint64_t seconds; } units[] = {
		{ "second", 1 }, { "minute", 60 }, { "hour", 3600 }, { "day", 86400 }, { "week", 604800 }, { "month", 2592000 }, { "year", 31536000 },
	};

	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		size_t len = strlen(units[i].name);
		bool plural = word.len == len + 1 && (word.ptr[len] | 32) == 's';
		if ((plural || word.len == len) && wsr_str_eq_nocase(wsr_str(word.ptr, len), wsr_cstr(units[i].name))) {
			*seconds = units[i].seconds;
			return true;
		}
	}
	return false;
}

static bool next_word(struct wsr_str *s, struct wsr_str *word)
{
	while (s->len && s->ptr[0] == ' ')
		*s = wsr_str(s->ptr + 1, s->len - 1);
	const char *space = s->len ? memchr(s->ptr, ' ', s->len) : NULL;
	*word = wsr_str(s->ptr, space ? (size_t)(space - s->ptr) : s->len);
	*s = wsr_str(s->ptr + word->len, s->len - word->len);
	return word->len > 0;
}

/* "access [plus] 1 month 2 days", "A2592000" (mod_expires: check_code); times from the file's modification: *modified. */
static bool expires_seconds(struct wsr_str s, uint64_t *total, bool *modified)
{
	struct wsr_str word;
	uint64_t v, unit = 0;

	*total = 0;
	if (s.len > 1 && strchr("AaMm", s.ptr[0]) && value_uint(wsr_str(s.ptr + 1, s.len - 1), total)) {
		*modified = (s.ptr[0] | 32) == 'm';
		return true;
	}
	if (!next_word(&s, &word))
		return false;
	*modified = wsr_str_eq_nocase(word, WSR_STR("modification"));
	if (!*modified && !wsr_str_eq_nocase(word, WSR_STR("access")) && !wsr_str_eq_nocase(word, WSR_STR("now")))
		return false;
	bool more = next_word(&s, &word);
	if (more && wsr_str_eq_nocase(word, WSR_STR("plus")))
		more = next_word(&s, &word);
	for (; more; more = next_word(&s, &word)) {
		if (!value_uint(word, &v) || v > UINT32_MAX || !next_word(&s, &word) || !unit_seconds(word, &unit))
			return false;
		*total += v * unit;
	}
	return true;
}

static void no_time(struct lower *l, const struct word *w)
{
	diag_at(l->cc, CHECK_DURATION, w->span, "'%s' is no time: write \"access plus 1 month\" or A2592000", diag_quote(l->cc, w->text, w->len));
}

static bool expires_active(const struct node *n)
{
	const struct node *active = nearest(n, "ExpiresActive");
	return active && is(node_arg(active, 0), "on");
}

/* "a3600 text/css" of ExpiresByType; 0 for what is no time or no type. */
static wsr_sref expires_rule(struct lower *l, const struct node *n)
{
	uint64_t seconds;
	bool modified;
	char code[24];
	struct wsr_str type = arg_str(n, 0);

	if (!memchr(type.ptr, '/', type.len) || !expires_seconds(arg_str(n, 1), &seconds, &modified))
		return 0;
	int len = snprintf(code, sizeof(code), "%c%llu ", modified ? 'm' : 'a', (unsigned long long)seconds);
	char *text = arena_alloc(&l->cc->arena, (size_t)len + type.len);
	memcpy(text, code, (size_t)len);
	memcpy(text + len, type.ptr, type.len);
	return plan_str_lower(l->plan, wsr_str(text, (size_t)len + type.len));
}

/* ExpiresByType of a block and of those around it, the nearest first and of one block the last first: the first rule for a type is the one that counts. */
static void set_expires_types(struct lower *l, struct level *lv, const struct node *n)
{
	struct pool rules;

	if (level_has(lv, SET_expires_types))
		return;
	pool_init(&rules, sizeof(wsr_sref));
	for (const struct node *block = n->parent; block && expires_active(n); block = block->parent) {
		uint32_t first = rules.count;
		NODE_EACH_CHILD(c, block) {
			wsr_sref rule = lowered_by(c, lower_apache_expires_types) && !c->bad ? expires_rule(l, c) : 0;
			if (rule)
				pool_push(&rules, &rule);
		}
		for (uint32_t i = first, k = rules.count; i + 1 < k; i++) {
			wsr_sref *a = pool_at(&rules, i), *b = pool_at(&rules, --k), kept = *a;
			*a = *b;
			*b = kept;
		}
	}
	lv->s.fields.expires_types = pool_run(&l->plan->str_item, rules.data, rules.count);
	level_mark(lv, SET_expires_types);
	pool_free(&rules);
}

void lower_apache_expires_types(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	uint64_t seconds;
	bool modified;

	(void)arg;
	if (!memchr(arg_str(n, 0).ptr, '/', arg_str(n, 0).len))
		diag_at(l->cc, CHECK_VALUE, node_arg(n, 0)->span, "'%s' is no content type: write text/css, or image/* for all images",
			diag_quote(l->cc, node_arg(n, 0)->text, node_arg(n, 0)->len));
	if (!expires_seconds(arg_str(n, 1), &seconds, &modified))
		no_time(l, node_arg(n, 1));
	set_expires_types(l, lv, n);
}

/* ExpiresActive and ExpiresDefault set the same cells: each of them sets them from both, and the rules by type with them. */
void lower_apache_expires(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	const struct node *time = nearest(n, "ExpiresDefault");
	uint64_t seconds = 0;
	bool modified = false;

	(void)arg;
	if (time && !expires_seconds(arg_str(time, 0), &seconds, &modified)) {
		if (time == n)
			no_time(l, node_arg(n, 0));
		time = NULL;
	}
	bool on = expires_active(n) && time;
	put(lv, SET_expires_kind, !on ? WSR_EXPIRES_OFF : modified ? WSR_EXPIRES_MODIFIED : WSR_EXPIRES_ACCESS);
	put(lv, SET_expires_s, on ? seconds : 0);
	if (!l->defaults)
		set_expires_types(l, lv, n);
}

/* --- files ------------------------------------------------------------------------------------------------------------------- */

void lower_apache_etag(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)l, (void)arg;
	put(lv, SET_etag, !is(node_arg(n, 0), "none"));
}

void lower_apache_max_ranges(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	const struct word *w = node_arg(n, 0);
	uint64_t v = 200;

	(void)arg;
	if (is(w, "none"))
		v = 0;
	else if (is(w, "unlimited"))
		v = INT32_MAX;
	else if (!is(w, "default") && !value_uint(word_str(w), &v))
		diag_at(l->cc, CHECK_INTEGER, w->span, "'%s' is neither a number nor default, unlimited or none", diag_quote(l->cc, w->text, w->len));
	put(lv, SET_max_ranges, v);
}

/* Words of Options with what they would do here; only those that would change an answer are worth a message. */
void lower_apache_options(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	static const struct { const char *name; const char *missing; } words[] = {
		{ "None", NULL }, { "All", NULL }, { "FollowSymLinks", NULL }, { "SymLinksIfOwnerMatch", NULL }, { "Indexes", "folders are not listed" },
		{ "MultiViews", "names are not completed" }, { "ExecCGI", "programs are not run" }, { "Includes", "server-side includes are not run" },
		{ "IncludesNoExec", "server-side includes are not run" }, { "IncludesNOEXEC", "server-side includes are not run" },
	};

	(void)lv, (void)arg;
	for (unsigned i = 0; i < node_arg_count(n); i++) {
		const struct word *w = node_arg(n, i);
		struct wsr_str s = word_str(w);
		bool off = s.len && s.ptr[0] == '-';
		size_t k = 0;
		if (s.len && (s.ptr[0] == '+' || s.ptr[0] == '-'))
			s = wsr_str(s.ptr + 1, s.len - 1);
		while (k < sizeof(words) / sizeof(*words) && !wsr_str_eq_nocase(s, wsr_cstr(words[k].name)))
			k++;
		if (k == sizeof(words) / sizeof(*words))
			diag_at(l->cc, CHECK_ARGUMENT, w->span, "'%s' is none of Options", diag_quote(l->cc, w->text, w->len));
		else if (words[k].missing && !off)
			diag_at(l->cc, CHECK_ACCEPTED_WITH_DIFFERENCE, w->span, "'%.*s': %s", WSR_FMT(s), words[k].missing);
	}
}

/* AddDefaultCharset off|on|NAME */
void lower_apache_default_charset(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	const struct word *w = node_arg(n, 0);
	struct wsr_str name = is(w, "on") ? WSR_STR("iso-8859-1") : word_str(w);

	(void)arg;
	if (!is(w, "off") && !wsr_is_token(name)) {
		diag_at(l->cc, CHECK_ARGUMENT, w->span, "'%s' is no name of a charset: on, off or a name like utf-8 is wanted", diag_quote(l->cc, w->text, w->len));
		return;
	}
	put(lv, SET_default_charset, is(w, "off") ? 0 : plan_str(l->plan, name));
}

static bool one_of(const struct word *w, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (is(w, names[i]))
			return true;
	return false;
}

/* SetHandler NAME: the server's own pages are left out, whatever would run or read something else is refused. */
void lower_apache_set_handler(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	static const char *const nothing[] = { "none", "default-handler" };
	static const char *const pages[] = { "server-status", "server-info", "balancer-manager", "ldap-status" };
	const struct word *w = node_arg(n, 0);

	(void)lv, (void)arg;
	if (one_of(w, nothing, sizeof(nothing) / sizeof(*nothing)))
		return;
	if (one_of(w, pages, sizeof(pages) / sizeof(*pages))) {
		diag_at(l->cc, CHECK_ACCEPTED_WITH_DIFFERENCE, n->span, "there is no page '%s' here: these paths go the way of any other, and wsrpd -s status tells what happens",
			diag_quote(l->cc, w->text, w->len));
		return;
	}
	struct diag *d = diag_at(l->cc, CHECK_UNSUPPORTED_DIRECTIVE, n->span, "'SetHandler %s' is not compiled: nothing but files and backends over HTTP answers here",
				 diag_quote(l->cc, w->text, w->len));
	diag_note(l->cc, d, SPAN_NONE, "run the application as an HTTP server of its own and use ProxyPass http://");
}

void lower_apache_add_handler(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	const struct word *w = node_arg(n, 0);

	(void)lv, (void)arg;
	if (is(w, "type-map")) {
		diag_at(l->cc, CHECK_ACCEPTED_WITH_DIFFERENCE, n->span, "type maps are sent as files: nothing is negotiated");
		return;
	}
	struct diag *d = diag_at(l->cc, CHECK_UNSUPPORTED_DIRECTIVE, n->span, "'AddHandler %s' is not compiled: nothing but files and backends over HTTP answers here",
				 diag_quote(l->cc, w->text, w->len));
	diag_note(l->cc, d, SPAN_NONE, "run the application as an HTTP server of its own and use ProxyPass http://");
}

/* --- modules --------------------------------------------------------------------------------------------------------------- */

static bool loads_absent_module(const struct node *n)
{
	return n->def && !n->bad && strcmp(n->def->name, "LoadModule") == 0 && !apache_has_module(arg_str(n, 0));
}

/* The first line that loads a module which is not stood for names all of them. */
void lower_apache_load_module(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	const char *names = "";
	bool before = true;

	(void)lv, (void)arg;
	if (!loads_absent_module(n))
		return;
	NODE_EACH_CHILD(c, n->parent) {
		if (!loads_absent_module(c))
			continue;
		if (before && c != n)
			return;
		before = false;
		names = arena_printf(&l->cc->arena, "%s%s%.*s", names, *names ? ", " : "", WSR_FMT(arg_str(c, 0)));
	}
	struct diag *d = diag_at(l->cc, CHECK_ACCEPTED_WITH_DIFFERENCE, n->span, "modules that are not stood for: %s", diag_quote(l->cc, names, strlen(names)));
	diag_note(l->cc, d, SPAN_NONE, "what stands in <IfModule> for them is left out; their directives outside of it are refused or without effect, each with its reason");
}
