/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * mod_rewrite, and the rules of IIS. In: a layer's rules and the request as it is mapped so far. Out: another path, file or URL, or a decision.
 *
 * `now` is what mod_rewrite calls the file name: in a virtual host the path while rules change it, in a section the file or URL that the request was mapped
 * to, the path behind a missing file included (`rest`). A rule with N counts its rounds, and a name that grows beyond MAX_NAME ends in 500, so every run ends.
 * Meanings: mod_rewrite.c of httpd 2.4 (apply_rewrite_rule, hook_uri2file, hook_fixup); IIS: URL Rewrite module reference.
 */
#include "eval/wsr_call.h"
#include "eval/wsr_httpd.h"
#include "eval/wsr_regex.h"
#include "eval/wsr_uri.h"

#define MAX_PARTS  64u
#define MAX_ROUNDS 32000u   /* of N without a limit; the arena's ceiling usually comes first */
#define MAX_NAME   16380u   /* twice LimitRequestLine's default, as httpd has it */

/* Rules that run one behind the other: those of a host, or of a section with what it takes over from others. */
struct rules {
	const struct wsr_layer *from[WSR_MAX_ACTIVE_LAYERS];
	uint32_t from_count, count;
	const struct wsr_layer *layer; /* whose folder or path stands in front of the names */
	wsr_sref base;              /* RewriteBase that holds */
	bool base_said;             /* it survives one more merge */
	uint32_t options;           /* WSR_REWRITE_* that hold */
};

struct run {
	struct wsr_eval *e;
	const struct rules *rules;
	const struct wsr_rewrite_rule *rule; /* the one that matched last */
	bool in_section;
	struct wsr_str prefix;      /* of a section, with a slash at its end; empty in a host */
	struct wsr_str now, rest;
	unsigned scheme;            /* length of "http://" at the beginning of now; 0: a path */
	bool changed, escape, proxy, reduced, pass_through;
	bool smuggled;              /* see smuggles_question() */
	unsigned status;            /* to answer with at the end; 0 = none was asked for */
	uint32_t rounds;
};

enum outcome { NO_MATCH, MATCHED, STOP /* a decision was made */ };

/* --- what a name is -------------------------------------------------------------------------------------------------------- */

/* Length of the scheme with its "://" if mod_rewrite knows it (is_absolute_uri); *query: does such a URL have one? */
static unsigned scheme_length(struct wsr_str s, bool *query)
{
	static const struct { struct wsr_str text; bool query; } schemes[] = {
		{ { "http://", 7 }, true }, { { "https://", 8 }, true }, { { "ws://", 5 }, true }, { { "wss://", 6 }, true },
		{ { "balancer://", 11 }, true }, { { "h2://", 5 }, true }, { { "h2c://", 6 }, true }, { { "fcgi://", 7 }, true }, { { "scgi://", 7 }, true },
		{ { "uwsgi://", 8 }, true }, { { "ajp://", 6 }, true }, { { "mailto:", 7 }, true }, { { "ftp://", 6 }, false }, { { "gopher://", 9 }, false },
		{ { "ldap://", 7 }, false }, { { "nntp://", 7 }, false }, { { "news:", 5 }, false }, { { "unix:", 5 }, true },
	};
	*query = true;
	if (s.len <= 5 || s.ptr[0] == '/')
		return 0;
	unsigned char first = wsr_lower((unsigned char)s.ptr[0]);
	for (size_t i = 0; i < sizeof(schemes) / sizeof(*schemes); i++)
		if (schemes[i].text.ptr[0] == (char)first && s.len >= schemes[i].text.len && wsr_str_eq_nocase(wsr_str(s.ptr, schemes[i].text.len), schemes[i].text)) {
			*query = schemes[i].query;
			return (unsigned)schemes[i].text.len;
		}
	return 0;
}

static bool is_path(struct wsr_str s)
{
	return s.len > 0 && s.ptr[0] == '/';
}

/* A blank or control byte, which nobody encoded (ap_scan_vchar_obstext). */
static bool has_blank(struct wsr_str s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.ptr[i] <= ' ' || s.ptr[i] == 0x7f)
			return true;
	return false;
}

static enum outcome refuse(struct run *r, unsigned status, const char *why)
{
	struct wsr_eval *e = r->e;
	wsr_trace(e, r->rule ? r->rule->pos : WSR_NONE, why, r->now);
	if (status == 500)
		wsr_eval_fail(e, why, r->rule ? r->rule->pos : WSR_NONE);
	wsr_decide_status(e, status, r->rule ? r->rule->pos : WSR_NONE);
	return STOP;
}

/* --- one rule -------------------------------------------------------------------------------------------------------------- */

/* "https://www.example.org/path": what --assume-full-url matches. */
static struct wsr_str full_url(struct wsr_eval *e, struct wsr_str path)
{
	struct wsr_str scheme, host;
	if (!wsr_var_value(e, WSR_V_SCHEME, WSR_STR_NULL, &scheme) || !wsr_var_value(e, WSR_V_HTTP_HOST_FIELD, WSR_STR_NULL, &host))
		return path;
	struct wsr_str parts[] = { scheme, WSR_STR("://"), host, path };
	return wsr_join(e->arena, parts, 4);
}

/* What the expression looks at. */
static struct wsr_str subject(struct run *r, const struct wsr_rewrite_rule *rule)
{
	struct wsr_str s = r->now;
	if (r->rest.len)
		s = wsr_join2(r->e->arena, s, r->rest);
	if (rule->flags & WSR_RULE_FULL_URL)
		return full_url(r->e, s);
	if (rule->flags & WSR_RULE_IIS)
		return is_path(s) ? wsr_from(s, 1) : s;
	return r->prefix.len && wsr_starts_with(s, r->prefix) ? wsr_from(s, r->prefix.len) : s;
}

static bool rule_matches(struct run *r, const struct wsr_rewrite_rule *rule)
{
	struct wsr_eval *e = r->e;
	struct wsr_captures found;
	e->httpd->subject = subject(r, rule);
	enum wsr_match_result result = wsr_regex_run(e->regexes, rule->regex, e->httpd->subject, &found);
	if (result == WSR_MATCH_FAILED) {
		wsr_eval_fail(e, "a regular expression does not compile or ran into its limit", rule->pos);
		return false;
	}
	if ((result == WSR_MATCH) == !!(rule->flags & WSR_RULE_NOT))
		return false;
	e->captures.count = 0;
	if (result == WSR_MATCH)
		wsr_regex_keep(e, rule->regex, &found);
	e->httpd->condition.count = 0;
	e->httpd->track_captures = rule->flags & WSR_RULE_TRACK_ALL;
	return wsr_cond_eval(e, rule->condition) == WSR_TRUE && !e->error;
}

static bool is_capture(const struct wsr_part *part)
{
	return part->kind == WSR_PART_CAPTURE || part->kind == WSR_PART_CONDITION_CAPTURE;
}

/*
 * Would a "?" that a group or variable brought in begin the query? It is the last one that counts with QSL, else the first (do_expand); B escapes them. UnsafeAllow3F
 * is for those who want that.
 */
static bool smuggles_question(struct run *r, const struct wsr_rewrite_rule *rule, const struct wsr_str *values, uint32_t count)
{
	bool smuggled = false;
	if (rule->flags & (WSR_RULE_ALLOW_3F | WSR_RULE_IIS))
		return false;
	for (uint32_t i = 0; i < count; i++) {
		if (!values[i].len || !memchr(values[i].ptr, '?', values[i].len))
			continue;
		smuggled = wsr_part_at(r->e->table, wsr_tmpl_at(r->e->table, rule->target)->first_part + i)->kind != WSR_PART_LITERAL;
		if (!(rule->flags & WSR_RULE_QSL))
			break;
	}
	return smuggled;
}

/* The substitution's value; flag B escapes what groups bring in. */
static struct wsr_str substitution(struct run *r, const struct wsr_rewrite_rule *rule)
{
	struct wsr_eval *e = r->e;
	const struct wsr_tmpl *t = wsr_tmpl_at(e->table, rule->target);
	struct wsr_str small[MAX_PARTS], *values = small;
	if (t->part_count > MAX_PARTS)
		values = wsr_arena_alloc(e->arena, t->part_count * sizeof(*values));
	for (uint32_t i = 0; values && i < t->part_count; i++) {
		const struct wsr_part *part = wsr_part_at(e->table, t->first_part + i);
		if (!wsr_part_value(e, part, &values[i]))
			values[i] = WSR_STR_NULL;
		if (rule->flags & WSR_RULE_B && is_capture(part))
			values[i] = wsr_httpd_escape_capture(e->arena, values[i], wsr_string(e->table, rule->escape), !(rule->flags & WSR_RULE_B_NOPLUS));
	}
	r->smuggled = values && smuggles_question(r, rule, values, t->part_count);
	return values ? wsr_join(e->arena, values, t->part_count) : WSR_STR_NULL;
}

static void add_cookies(struct run *r, const struct wsr_rewrite_rule *rule)
{
	struct wsr_eval *e = r->e;
	e->httpd->cookies.arena = e->arena;
	for (uint32_t i = 0; i < rule->cookies.count; i++)
		wsr_fields_add(&e->httpd->cookies, WSR_STR("Set-Cookie"), wsr_eval_tmpl(e, *wsr_tmpl_item_at(e->table, rule->cookies.first + i)));
}

/* Take the query out of the name (splitout_queryargs). */
static void split_query(struct run *r, const struct wsr_rewrite_rule *rule)
{
	struct wsr_eval *e = r->e;
	bool query;
	if (rule->flags & WSR_RULE_QSNONE || (scheme_length(r->now, &query) && !query)) {
		e->args = WSR_STR_NULL;
		return;
	}
	if (rule->flags & WSR_RULE_QSD)
		e->args = WSR_STR_NULL;
	const char *q = rule->flags & WSR_RULE_QSL ? memrchr(r->now.ptr, '?', r->now.len) : memchr(r->now.ptr, '?', r->now.len);
	if (!q)
		return;
	struct wsr_str args = wsr_from(r->now, (size_t)(q - r->now.ptr) + 1);
	r->now = wsr_str(r->now.ptr, (size_t)(q - r->now.ptr));
	if (rule->flags & WSR_RULE_QSA && args.len) {
		struct wsr_str parts[] = { args, WSR_STR("&"), e->args };
		args = wsr_join(e->arena, parts, 3);
	} else if (rule->flags & WSR_RULE_QSA) {
		args = e->args;
	}
	bool none = args.len == 0; /* what is empty only without its "&" keeps the question mark */
	if (!none && args.ptr[args.len - 1] == '&')
		args.len--;
	e->args = none ? WSR_STR_NULL : args;
}

/* "http://name:port/x" with ServerName's name and port is "/x" (reduce_uri); a ServerName without a port never is (ap_matches_request_vhost). */
static void reduce(struct run *r)
{
	struct wsr_eval *e = r->e;
	uint32_t port = e->httpd->host->canonical_port;
	bool tls = wsr_listen_at(e->table, e->listen)->flags & WSR_LISTEN_TLS, usual = port == (tls ? 443 : 80);
	if (port == 0)
		return;
	struct wsr_str parts[] = { tls ? WSR_STR("https://") : WSR_STR("http://"), wsr_string(e->table, wsr_server_at(e->table, e->server)->name), WSR_STR(":"),
				   wsr_number(e->arena, port) };
	struct wsr_str self = wsr_join(e->arena, parts, 4), path = r->now;
	if (path.len >= self.len && wsr_str_eq_nocase(wsr_str(path.ptr, self.len), self))
		path = wsr_from(path, self.len);
	else if (usual && path.len >= (self.len -= 1 + parts[3].len) && wsr_str_eq_nocase(wsr_str(path.ptr, self.len), self))
		path = wsr_from(path, self.len);
	else
		return;
	if (path.len && path.ptr[0] != '/')
		return;
	r->now = path.len ? path : WSR_STR("/");
	r->reduced = true;
}

static void qualify(struct run *r)
{
	bool query;
	if (scheme_length(r->now, &query))
		return;
	struct wsr_str parts[] = { wsr_httpd_absolute(r->e, WSR_STR("")), is_path(r->now) ? WSR_STR_NULL : WSR_STR("/"), r->now };
	r->now = wsr_join(r->e->arena, parts, 3);
}

static bool mapped_to_proxy(const struct run *r)
{
	return wsr_starts_with(r->now, WSR_STR("proxy:"));
}

/* Where does the result stand: below the section, at the root, at another server? */
static void place(struct run *r, const struct wsr_rewrite_rule *rule, bool was_proxy)
{
	bool query;
	if (is_path(r->now) || scheme_length(r->now, &query))
		return;
	if (r->in_section && !was_proxy)
		r->now = wsr_join2(r->e->arena, r->prefix, r->now);
	else if (!r->in_section && !(rule->flags & (WSR_RULE_PROXY | WSR_RULE_REDIRECT)))
		r->now = wsr_join2(r->e->arena, WSR_STR("/"), r->now);
}

static void take_substitution(struct run *r, const struct wsr_rewrite_rule *rule)
{
	bool was_proxy = mapped_to_proxy(r);
	r->now = substitution(r, rule);
	if (!r->now.ptr)
		return;
	place(r, rule, was_proxy);
	r->proxy = r->reduced = false;
	r->changed = true;
	r->escape = !(rule->flags & WSR_RULE_NE);
	if (rule->flags & WSR_RULE_DPI)
		r->rest = WSR_STR_NULL;
}

/* Run one rule that matched. */
static enum outcome apply(struct run *r, const struct wsr_rewrite_rule *rule)
{
	struct wsr_eval *e = r->e;
	bool query;
	r->rule = rule;
	if (!(rule->flags & WSR_RULE_NOTHING))
		take_substitution(r, rule);
	wsr_httpd_env(e, rule->env, false); /* a rule's own substitution does not see them yet */
	add_cookies(r, rule);
	if (rule->type != WSR_NONE)
		e->httpd->type = wsr_eval_tmpl(e, rule->type);
	if (rule->flags & WSR_RULE_NOTHING)
		return MATCHED;
	if (!r->now.ptr)
		return refuse(r, 500, "out of memory");
	if (r->smuggled)
		return refuse(r, 403, "a question mark of the request's would begin a query");
	split_query(r, rule);
	wsr_trace(e, rule->pos, "rewritten", r->now);
	if (rule->flags & (WSR_RULE_PROXY | WSR_RULE_REDIRECT))
		qualify(r);
	else
		reduce(r);
	r->proxy = rule->flags & WSR_RULE_PROXY;
	r->scheme = scheme_length(r->now, &query);
	if (!r->proxy && r->scheme)
		r->status = rule->status ? rule->status : 302;
	if (r->now.len + r->rest.len > MAX_NAME)
		return refuse(r, 500, "rules make the name longer and longer");
	return MATCHED;
}

/* --- the list ------------------------------------------------------------------------------------------------------------- */

static const struct wsr_rewrite_rule *rule_at(const struct run *r, uint32_t i)
{
	const struct rules *all = r->rules;
	uint32_t k = 0;
	while (i >= all->from[k]->rewrites.count)
		i -= all->from[k++]->rewrites.count;
	return wsr_rewrite_rule_at(r->e->table, all->from[k]->rewrites.first + i);
}

/* A rule's status counts as if no error had led here: ErrorDocument is asked again (hook_uri2file: r->status = HTTP_OK). */
static void forget_error(struct wsr_eval *e)
{
	if (e->httpd->host->flags & WSR_HOST_IIS)
		return;
	e->error_page = false;
	e->error_status = 0;
}

/* F, G, R=404, and what IIS answers by itself. */
static enum outcome answer_status(struct run *r, const struct wsr_rewrite_rule *rule)
{
	if (rule->flags & WSR_RULE_ABORT) {
		wsr_decide_close(r->e, rule->pos);
		return STOP;
	}
	wsr_trace(r->e, rule->pos, "status forced by a rule", WSR_STR_NULL);
	forget_error(r->e);
	wsr_decide_status(r->e, rule->status, rule->pos);
	return STOP;
}

/* Start the list again (N). @return false when the limit is reached. */
static bool next_round(struct run *r, const struct wsr_rewrite_rule *rule)
{
	return ++r->rounds < (rule->limit ? rule->limit : MAX_ROUNDS);
}

static uint32_t behind_chain(const struct run *r, uint32_t i)
{
	while (i < r->rules->count && rule_at(r, i)->flags & WSR_RULE_CHAIN)
		i++;
	return i;
}

/* Run the list. @return STOP after a decision */
static enum outcome run_list(struct run *r)
{
	for (uint32_t i = 0; i < r->rules->count; i++) {
		const struct wsr_rewrite_rule *rule = rule_at(r, i);
		r->e->httpd->filename = r->now;
		if (r->e->httpd->outer && rule->flags & (WSR_RULE_NS | WSR_RULE_REDIRECT))
			continue; /* not for subrequests */
		if (!rule_matches(r, rule)) {
			if (r->e->error)
				return refuse(r, 500, "a rule could not be evaluated");
			i = behind_chain(r, i);
			continue;
		}
		wsr_trace(r->e, rule->pos, "rule matches", r->now);
		if (apply(r, rule) == STOP)
			return STOP;
		if (rule->flags & (WSR_RULE_STATUS | WSR_RULE_ABORT))
			return answer_status(r, rule);
		if (rule->flags & WSR_RULE_PASS_THROUGH) {
			r->pass_through = true;
			r->escape = true;
			return MATCHED;
		}
		if (rule->flags & WSR_RULE_END)
			r->e->httpd->rewrite_ended = true;
		if (rule->flags & (WSR_RULE_END | WSR_RULE_LAST | WSR_RULE_PROXY))
			return MATCHED;
		if (rule->flags & WSR_RULE_NEXT) {
			if (!next_round(r, rule))
				return refuse(r, 500, "rules with N go round too often");
			i = UINT32_MAX; /* the loop makes it 0 */
			continue;
		}
		i += rule->skip;
	}
	return MATCHED;
}

/* --- results ---------------------------------------------------------------------------------------------------------------- */

/* A URL with its path escaped; host and scheme stay (escape_absolute_uri). */
static struct wsr_str escape_url(struct run *r)
{
	const char *slash = r->scheme < r->now.len ? memchr(r->now.ptr + r->scheme, '/', r->now.len - r->scheme) : NULL;
	if (!slash)
		return r->now;
	size_t host = (size_t)(slash - r->now.ptr);
	return wsr_join2(r->e->arena, wsr_str(r->now.ptr, host), wsr_httpd_escape(r->e->arena, wsr_from(r->now, host), WSR_HTTPD_ESCAPE_FILE));
}

/* In a section a URL to its files is made one to its base (subst_prefix_path). */
static void put_base(struct run *r, size_t from)
{
	struct wsr_str base = wsr_string(r->e->table, r->rules->base), path = wsr_from(r->now, from), cut = r->prefix;
	if (!base.len || !cut.len)
		return;
	if (from > 0) { /* "http://host/" stands in front of what is compared */
		path = wsr_from(path, 1);
		cut = is_path(cut) ? wsr_from(cut, 1) : cut;
	}
	if (cut.len && cut.ptr[cut.len - 1] == '/')
		cut.len--;
	if (!wsr_starts_with(path, cut) || path.len == cut.len || path.ptr[cut.len] != '/')
		return;
	path = wsr_from(path, cut.len + 1);
	struct wsr_str parts[] = { wsr_str(r->now.ptr, from), base, base.ptr[base.len - 1] == '/' ? WSR_STR_NULL : WSR_STR("/"), path };
	r->now = wsr_join(r->e->arena, parts, 4);
}

static enum outcome redirect(struct run *r)
{
	struct wsr_eval *e = r->e;
	const struct wsr_head *h = e->request;
	const char *slash = memchr(r->now.ptr + r->scheme, '/', r->now.len - r->scheme);
	if (r->in_section && slash)
		put_base(r, (size_t)(slash - r->now.ptr));
	struct wsr_str url = r->escape ? escape_url(r) : r->now;
	if (e->args.ptr) {
		bool as_it_is = !r->escape || (h && wsr_str_eq(e->args, h->query));
		struct wsr_str parts[] = { url, WSR_STR("?"), as_it_is ? e->args : wsr_httpd_escape(e->arena, e->args, WSR_HTTPD_ESCAPE_FILE) };
		url = wsr_join(e->arena, parts, 3);
	}
	if (!url.ptr)
		return refuse(r, 500, "out of memory");
	forget_error(e);
	wsr_decide_redirect(e, r->status, url, r->rule->pos);
	return STOP;
}

/* The request is mapped: nothing that comes later in this phase looks at it. */
static enum outcome to_proxy(struct run *r)
{
	struct wsr_httpd *h = r->e->httpd;
	h->replaced = h->mapped == WSR_MAPPED_FILE ? h->path : WSR_STR_NULL;
	h->mapped = WSR_MAPPED_PROXY;
	h->pass = NULL;
	h->path = r->rest.len && !r->in_section ? wsr_join2(r->e->arena, r->now, r->rest) : r->now;
	h->rule = r->rule;
	h->nocanon = !r->escape;
	return MATCHED;
}

/* Does the first segment of this path exist on this machine? Then it is taken for the name of a file (prefix_stat). */
static bool first_segment_exists(struct wsr_eval *e, struct wsr_str path)
{
	const char *slash = path.len > 1 ? memchr(path.ptr + 1, '/', path.len - 1) : NULL;
	struct wsr_str first = wsr_arena_dup(e->arena, slash ? wsr_str(path.ptr, (size_t)(slash - path.ptr)) : path);
	return first.len > 1 && e->world && e->world->file && e->world->file(e->world_ctx, first.ptr, WSR_FILE_EXISTS);
}

static struct wsr_str document_root(struct wsr_eval *e)
{
	struct wsr_str root;
	if (!wsr_var_value(e, WSR_V_DOCUMENT_ROOT, WSR_STR_NULL, &root))
		return WSR_STR("");
	while (root.len && root.ptr[root.len - 1] == '/')
		root.len--;
	return root;
}

static bool is_file_name(struct run *r)
{
	struct wsr_str root = document_root(r->e);
	if (r->reduced || wsr_uri_dotdots(r->now))
		return false;
	if (r->rule->flags & WSR_RULE_PREFIX_STAT)
		return first_segment_exists(r->e, r->now);
	return root.len && wsr_starts_with(r->now, root) && (r->now.len == root.len || r->now.ptr[root.len] == '/');
}

/* A path of a virtual host: to be looked up by others (PT), or a file below the document root, or a file. */
static enum outcome to_file(struct run *r)
{
	struct wsr_eval *e = r->e;
	if (r->pass_through || r->rule->flags & WSR_RULE_IIS) {
		e->uri = r->now;
		e->uri_changed = true;
		return MATCHED;
	}
	if (!is_path(r->now))
		return refuse(r, 400, "a rewritten path without a slash at its beginning");
	struct wsr_str path = r->now;
	if (!is_file_name(r)) {
		if (!wsr_uri_resolve(e->arena, r->now, &path))
			return refuse(r, 404, "a rewritten path leads above the root");
		path = wsr_join2(e->arena, document_root(e), path);
	}
	e->httpd->mapped = WSR_MAPPED_FILE;
	e->httpd->path = path;
	return MATCHED;
}

/* In a section: the result will be looked up like a new request, unless it is the old one. */
static enum outcome to_new_request(struct run *r, struct wsr_str before)
{
	struct wsr_eval *e = r->e;
	if (!is_path(r->now))
		return refuse(r, 400, "a rewritten path without a slash at its beginning");
	if (wsr_str_eq(r->now, before))
		return MATCHED;
	struct wsr_str whole = r->now, root = document_root(e);
	put_base(r, 0);
	if (wsr_str_eq(whole, r->now) && root.len && wsr_starts_with(r->now, root) && r->now.len > root.len && r->now.ptr[root.len] == '/')
		r->now = wsr_from(r->now, root.len);
	e->httpd->redirected = wsr_join2(e->arena, WSR_STR("redirect:"), r->now);
	e->httpd->rule = r->rule;
	return MATCHED;
}

static enum outcome finish(struct run *r, struct wsr_str before)
{
	struct wsr_eval *e = r->e;
	if (!r->changed)
		return MATCHED;
	if (!(r->scheme && !r->proxy && !r->pass_through && r->escape) && has_blank(e->args))
		return refuse(r, 403, "a blank or control character in the query");
	if (r->proxy)
		return to_proxy(r);
	if (r->scheme && !r->pass_through)
		return redirect(r);
	if (r->status)
		e->error_status = (uint16_t)r->status; /* a rule with R that others made a path of leaves its status to what is found there */
	return r->in_section ? to_new_request(r, before) : to_file(r);
}

/* Folder or path of the section with a slash at its end. <If> has none: what stands for it is the beginning of no name (server/core.c: ifsection). */
static struct wsr_str section_prefix(struct wsr_eval *e, const struct wsr_layer *layer)
{
	struct wsr_str name = wsr_string(e->table, layer->name);
	if (name.len == 0)
		return WSR_STR("*If/");
	return name.ptr[name.len - 1] == '/' ? name : wsr_join2(e->arena, name, WSR_STR("/"));
}

/* "/folder" of a section for "/folder/": mod_dir sends the client there first. */
static bool slash_is_missing(const struct run *r)
{
	return !mapped_to_proxy(r) && r->now.len + 1 == r->prefix.len && wsr_starts_with(r->prefix, r->now) && r->rest.len == 0;
}

static bool run_rules(struct wsr_eval *e, const struct rules *rules, bool in_section)
{
	struct run r = { .e = e, .rules = rules, .in_section = in_section, .now = e->uri, .rounds = 1 };
	if (rules->count == 0 || e->httpd->rewrite_ended)
		return false;
	if (in_section) {
		r.prefix = section_prefix(e, rules->layer);
		r.now = wsr_httpd_filename(e, &r.rest);
		if (slash_is_missing(&r) && !(rules->options & WSR_REWRITE_NO_SLASH))
			return false;
	}
	e->httpd->section = in_section ? r.prefix : WSR_STR_NULL;
	e->httpd->section_base = wsr_string(e->table, rules->base);
	struct wsr_str before = r.now;
	enum outcome end = run_list(&r);
	if (end != STOP)
		end = finish(&r, before);
	e->httpd->filename = e->httpd->subject = WSR_STR_NULL;
	return end == STOP;
}

bool wsr_httpd_rewrite(struct wsr_eval *e, const struct wsr_layer *host)
{
	struct rules own = { .from = { host }, .from_count = 1, .count = host->rewrites.count, .layer = host };
	return run_rules(e, &own, false);
}

static void put_list(struct rules *all, const struct wsr_layer *l, bool in_front)
{
	if (in_front)
		memmove(all->from + 1, all->from, all->from_count * sizeof(all->from[0]));
	all->from[in_front ? 0 : all->from_count] = l;
	all->from_count++;
	all->count += l->rewrites.count;
}

/* A further section comes over those before (mod_rewrite.c: config_perdir_merge). */
static void merge_section(struct rules *all, const struct wsr_layer *l)
{
	uint32_t before = all->options, options = l->rewrite_options & WSR_REWRITE_SAID ? l->rewrite_options : before;
	bool down = !(options & WSR_REWRITE_IGNORE_INHERIT);
	bool behind = options & WSR_REWRITE_INHERIT || (down && before & WSR_REWRITE_INHERIT_DOWN);
	bool first = options & WSR_REWRITE_INHERIT_BEFORE || (down && before & WSR_REWRITE_INHERIT_DOWN_BEFORE);
	if (!behind && !first)
		all->from_count = all->count = 0;
	put_list(all, l, behind);
	bool keeps = all->layer && !l->rewrite_base && options & WSR_REWRITE_MERGE_BASE;
	if (!keeps) {
		all->base = l->rewrite_base;
		all->base_said = l->rewrite_base && (!all->layer || options & WSR_REWRITE_MERGE_BASE);
	}
	all->options = options;
	all->layer = l;
}

bool wsr_httpd_rewrite_sections(struct wsr_eval *e)
{
	const struct wsr_httpd *h = e->httpd;
	struct rules all;
	bool on = false;
	all.from_count = all.count = all.options = all.base = 0;
	all.base_said = false;
	all.layer = NULL;
	for (uint32_t i = 0; i < h->layer_count; i++) {
		const struct wsr_layer *l = h->layers[i];
		bool engine = l->flags & (WSR_LAYER_REWRITE_ON | WSR_LAYER_REWRITE_OFF);
		if (engine)
			on = l->flags & WSR_LAYER_REWRITE_ON;
		if (i > 0 && (engine || l->rewrites.count || l->rewrite_base || l->rewrite_options))
			merge_section(&all, l);
	}
	/* The host's own settings are merged in last: of a base that was given between other sections only the text is left, which MergeBase does not take. */
	if (all.options & WSR_REWRITE_MERGE_BASE && !all.base_said && h->layers[0]->flags & (WSR_LAYER_REWRITE_ON | WSR_LAYER_REWRITE_OFF))
		all.base = 0;
	return on && all.layer && run_rules(e, &all, true);
}
