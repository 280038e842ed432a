/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ap_expr, the language of <If>, Require expr, expr= and RewriteCond expr -> conditions and templates. In: a word's text. Out: an interned tree of wsr_cond, or
 * a template. A mistake is reported once, at its character, with what may stand there.
 *
 * Grammar (server/util_expr_parse.y of httpd 2.4), by descent:
 *   or := and { "||" and }   and := unary { "&&" unary }   unary := "!" unary | "(" or ")" | "true" | "false" | test
 *   test := -OP word | word OP word | word =~ regex | word in { word, ... }   word := atom { "." atom }   atom := 'text' | "text" | %{...} | $1 | 12 | f(word)
 * Nesting ends at MAX_NESTING, far below the depth to which conditions are evaluated.
 */
#include "compiler/apache_cond.h"
#include "compiler/apache_expr.h"
#include "compiler/apache_text.h"

#define MAX_NESTING 24u

struct expr {
	struct lower *l;
	const struct node *node;
	const struct word *word;
	const char *at, *end;
	struct cond_builder cond;
	unsigned depth;
	bool failed;
};

/* --- characters ------------------------------------------------------------------------------------------------------------ */

static bool is_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static void skip_blanks(struct expr *x)
{
	while (x->at < x->end && (*x->at == ' ' || *x->at == '\t' || *x->at == '\r' || *x->at == '\n'))
		x->at++;
}

static char peek(const struct expr *x)
{
	return x->at < x->end ? *x->at : '\0';
}

/* Take this text if it stands here. A name must end where the text ends. */
static bool take(struct expr *x, const char *text)
{
	size_t len = strlen(text);
	skip_blanks(x);
	if ((size_t)(x->end - x->at) < len || memcmp(x->at, text, len) != 0)
		return false;
	if (is_name(text[len - 1]) && x->at + len < x->end && is_name(x->at[len]))
		return false;
	x->at += len;
	return true;
}

static struct wsr_str name_here(const struct expr *x)
{
	const char *s = x->at;
	while (s < x->end && is_name(*s))
		s++;
	return wsr_str(x->at, (size_t)(s - x->at));
}

static struct span place(const struct expr *x, const char *s, size_t len)
{
	return apache_text_span(x->l, x->word, s, len);
}

/* Report, once for an expression. */
static void fail(struct expr *x, const char *s, size_t len, const char *what, const char *allowed)
{
	if (!x->failed) {
		const char *found = s < x->end ? diag_quote(x->l->cc, s, len ? len : 1) : "the end";
		struct diag *d = diag_at(x->l->cc, CHECK_CONDITION, place(x, s, len), s < x->end ? "%s: '%s'" : "%s: %s", what, found);
		if (allowed)
			diag_note(x->l->cc, d, SPAN_NONE, "%s", allowed);
	}
	x->failed = true;
	x->at = x->end;
}

/* --- words ----------------------------------------------------------------------------------------------------------------- */

static uint32_t word(struct expr *x);

/* Functions that look something up by a constant name. @return false if it is none of them */
static bool look_up(struct expr *x, struct text *t, struct wsr_str function, struct wsr_str name)
{
	struct wsr_part part = { 0 };
	if (wsr_str_eq_nocase(function, WSR_STR("req")) || wsr_str_eq_nocase(function, WSR_STR("http")) || wsr_str_eq_nocase(function, WSR_STR("req_novary"))) {
		part = (struct wsr_part){ .kind = WSR_PART_VARIABLE, .id = WSR_V_HTTPD_FIELD_, .arg = plan_str_lower(x->l->plan, name) };
	} else if (wsr_str_eq_nocase(function, WSR_STR("resp"))) {
		char *key = arena_copy(&x->l->cc->arena, name.ptr, name.len);
		for (size_t i = 0; i < name.len; i++)
			key[i] = key[i] == '-' ? '_' : (char)wsr_lower((unsigned char)key[i]);
		part = (struct wsr_part){ .kind = WSR_PART_VARIABLE, .id = WSR_V_SENT_HTTP_, .arg = plan_str(x->l->plan, wsr_str(key, name.len)) };
	} else if (wsr_str_eq_nocase(function, WSR_STR("reqenv")) || wsr_str_eq_nocase(function, WSR_STR("env")) || wsr_str_eq_nocase(function, WSR_STR("note"))) {
		part = apache_env_part(x->l, name);
	} else if (wsr_str_eq_nocase(function, WSR_STR("osenv"))) {
		diag_at(x->l->cc, CHECK_ACCEPTED_WITH_DIFFERENCE, place(x, function.ptr, function.len), "the server's own environment is not asked: the empty text stands here");
		return true;
	} else {
		return false;
	}
	text_part(t, part);
	return true;
}

static enum wsr_function function_of(struct wsr_str name)
{
	static const struct { const char *name; enum wsr_function function; } functions[] = {
		{ "tolower", WSR_FUNCTION_LOWER }, { "toupper", WSR_FUNCTION_UPPER }, { "escape", WSR_FUNCTION_ESCAPE }, { "unescape", WSR_FUNCTION_UNESCAPE },
		{ "base64", WSR_FUNCTION_BASE64 }, { "unbase64", WSR_FUNCTION_UNBASE64 },
	};
	for (size_t i = 0; i < sizeof(functions) / sizeof(*functions); i++)
		if (wsr_str_eq_nocase(name, wsr_cstr(functions[i].name)))
			return functions[i].function;
	return 0;
}

static void call(struct expr *x, struct text *t, struct wsr_str name, uint32_t argument)
{
	struct wsr_str constant;
	enum wsr_function function = function_of(name);
	if (function) {
		text_call(t, function, argument, WSR_NONE, WSR_NONE);
	} else if (!plan_tmpl_constant(x->l->plan, argument, &constant)) {
		fail(x, name.ptr, name.len, "a function whose argument must be a constant text, or that is not known here", NULL);
	} else {
		constant = wsr_str(arena_copy(&x->l->cc->arena, constant.ptr, constant.len), constant.len);
		if (!look_up(x, t, name, constant))
			fail(x, name.ptr, name.len, "no function that is known here",
			     "there are req, http, resp, reqenv, env, note, tolower, toupper, escape, unescape, base64 and unbase64; files, hashes and LDAP are not asked");
	}
}

/* %{NAME} or %{function:argument}; x->at is behind the brace. */
static void variable(struct expr *x, struct text *t)
{
	const char *close = memchr(x->at, '}', (size_t)(x->end - x->at)), *why = NULL;
	if (!close) {
		fail(x, x->at, (size_t)(x->end - x->at), "a '%{' without its '}'", NULL);
		return;
	}
	struct wsr_str name = wsr_str(x->at, (size_t)(close - x->at));
	const char *colon = memchr(name.ptr, ':', name.len);
	struct wsr_part part;
	x->at = close + 1;
	switch (apache_variable_part(x->l, name, &part, &why)) {
	case APACHE_VARIABLE_KNOWN:
		text_part(t, part);
		return;
	case APACHE_VARIABLE_REFUSED:
		fail(x, name.ptr, name.len, "a variable that cannot be had", why);
		return;
	case APACHE_VARIABLE_UNKNOWN:
		break;
	}
	if (!colon) {
		fail(x, name.ptr, name.len, "no server variable", "a request field is written %{HTTP:Name} or req('Name'), an environment variable %{ENV:NAME} or reqenv('NAME')");
		return;
	}
	struct wsr_str argument = wsr_str(colon + 1, (size_t)(close - colon - 1));
	call(x, t, wsr_str(name.ptr, (size_t)(colon - name.ptr)), plan_tmpl_const(x->l->plan, argument));
}

/* A variable or group where a "%" or "$" stands. @return false if it is a plain character */
static bool expansion(struct expr *x, struct text *t)
{
	if (x->end - x->at < 2)
		return false;
	if (x->at[0] == '%' && x->at[1] == '{') {
		x->at += 2;
		variable(x, t);
		return true;
	}
	if (x->at[0] == '$' && is_digit(x->at[1])) {
		text_part(t, (struct wsr_part){ .kind = WSR_PART_CONDITION_CAPTURE, .id = (uint16_t)(x->at[1] - '0') });
		x->at += 2;
		return true;
	}
	return false;
}

static char escaped(char c)
{
	switch (c) {
	case 'r': return '\r';
	case 'n': return '\n';
	case 't': return '\t';
	case 'b': return '\b';
	case 'f': return '\f';
	default:  return c;
	}
}

/* Up to the quote, or to the end when quote is NUL. */
static void string(struct expr *x, struct text *t, char quote)
{
	const char *start = x->at;
	while (x->at < x->end && !x->failed) {
		if (quote && *x->at == quote) {
			x->at++;
			return;
		}
		if (expansion(x, t))
			continue;
		char c = *x->at++;
		if (c == '\\' && x->at < x->end)
			c = escaped(*x->at++);
		text_bytes(t, &c, 1);
	}
	if (quote && !x->failed)
		fail(x, start - 1, (size_t)(x->end - start) + 1, "a text without its closing quote", NULL);
}

static void function(struct expr *x, struct text *t, struct wsr_str name)
{
	x->at += name.len;
	if (!take(x, "(")) {
		fail(x, name.ptr, name.len, "a word that is neither a function nor in quotes", "texts stand in quotes: 'text'; variables are written %{NAME}");
		return;
	}
	if (++x->depth > MAX_NESTING) {
		fail(x, name.ptr, name.len, "functions nested too deeply", NULL);
		return;
	}
	uint32_t argument = word(x);
	x->depth--;
	if (!x->failed && !take(x, ")"))
		fail(x, x->at, 1, "a ')' is missing before", NULL);
	if (!x->failed)
		call(x, t, name, argument);
}

static void atom(struct expr *x, struct text *t)
{
	skip_blanks(x);
	char c = peek(x);
	struct wsr_str name = name_here(x);
	if (c == '\'' || c == '"') {
		x->at++;
		string(x, t, c);
	} else if (is_digit(c)) {
		while (is_digit(peek(x)))
			text_bytes(t, x->at++, 1);
	} else if (name.len > 0) {
		function(x, t, name);
	} else if (!expansion(x, t)) {
		fail(x, x->at, 1, "a word is expected", "'text', \"text\", %{VARIABLE}, $1, a number or function(word)");
	}
}

/* Atoms joined by dots. */
static uint32_t word(struct expr *x)
{
	struct text t;
	text_init(&t, x->l, x->node, x->word);
	do
		atom(x, &t);
	while (!x->failed && take(x, "."));
	return text_done(&t);
}

/* --- tests ----------------------------------------------------------------------------------------------------------------- */

static void leaf(struct expr *x, const char *s, unsigned op, unsigned flags, uint32_t a, uint32_t b)
{
	if (!x->failed)
		cond_leaf(x->l, &x->cond, (struct wsr_cond){ .op = (uint8_t)op, .flags = (uint8_t)flags, .a = a, .b = b }, place(x, s, (size_t)(x->at - s)));
}

static void unary(struct expr *x, const char *start, char op)
{
	static const struct { char op; uint8_t test; } files[] = {
		{ 'f', WSR_FILE_IS_FILE }, { 'd', WSR_FILE_IS_DIR }, { 'e', WSR_FILE_EXISTS }, { 's', WSR_FILE_NOT_EMPTY }, { 'L', WSR_FILE_IS_LINK },
		{ 'h', WSR_FILE_IS_LINK }, { 'x', WSR_FILE_IS_EXEC },
	};
	uint32_t a = word(x);
	struct wsr_str network;
	struct wsr_access_rule rule = { 0 };
	switch (op) {
	case 'n': leaf(x, start, WSR_COND_NOT_EMPTY, 0, a, 0); return;
	case 'z': leaf(x, start, WSR_COND_NOT_EMPTY, WSR_COND_NOT, a, 0); return;
	case 'U':
	case 'A': leaf(x, start, WSR_COND_WELCOME, 0, a, WSR_WELCOME_ANY_URL); return;
	case 'F': leaf(x, start, WSR_COND_WELCOME, 0, a, WSR_WELCOME_FILE); return;
	case 'T': leaf(x, start, WSR_COND_TRUTH, 0, a, 0); return;
	case 'R':
		if (x->failed)
			return;
		if (!plan_tmpl_constant(x->l->plan, a, &network) || !apache_network(network, &rule)) {
			fail(x, start, (size_t)(x->at - start), "no network", "an address, a partial one or a network: '10.1', '10.1.0.0/16', '2001:db8::/32'");
			return;
		}
		leaf(x, start, WSR_COND_CLIENT, 0, apache_network_record(x->l, &rule, place(x, start, 2)), 1);
		return;
	default: break;
	}
	for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++)
		if (files[i].op == op) {
			leaf(x, start, WSR_COND_FILE, 0, a, files[i].test);
			return;
		}
	fail(x, start, 2, "no test", "-n -z -T -R -e -f -d -s -L -h -x -F -U -A");
}

/* Letters behind a regular expression. */
static bool regex_flags(struct expr *x, bool *caseless, bool *lines)
{
	for (; is_name(peek(x)); x->at++) {
		if (*x->at == 'i')
			*caseless = true;
		else if (*x->at == 'm')
			*lines = true;
		else if (*x->at != 's' && *x->at != 'n')
			return false;
	}
	return true;
}

/* /.../flags or m#...#flags. @return WSR_NONE after an error */
static uint32_t regex(struct expr *x)
{
	skip_blanks(x);
	const char *start = x->at;
	bool caseless = false, lines = false;
	if (peek(x) == 'm' && x->at + 1 < x->end && !is_name(x->at[1]))
		x->at++;
	char stop = peek(x);
	if (!stop || is_name(stop) || (x->at == start && stop != '/')) {
		fail(x, start, 1, "a regular expression is expected", "/.../ or m#...#, with i behind it for both cases");
		return WSR_NONE;
	}
	struct pool pattern;
	pool_init(&pattern, 1);
	for (x->at++; x->at < x->end && *x->at != stop; x->at++) {
		if (*x->at == '\\' && x->at + 1 < x->end && x->at[1] == stop)
			x->at++;
		else if (*x->at == '\\' && x->at + 1 < x->end)
			pool_push(&pattern, x->at++);
		pool_push(&pattern, x->at);
	}
	uint32_t result = WSR_NONE;
	if (x->at == x->end) {
		fail(x, start, (size_t)(x->end - start), "a regular expression without its end", NULL);
	} else if (x->at++, !regex_flags(x, &caseless, &lines)) {
		fail(x, x->at, 1, "no flag of a regular expression", "i, m, s, n");
	} else {
		const char *text = arena_printf(&x->l->cc->arena, "%s%.*s", lines ? "(?m)" : "", (int)pattern.count, pattern.data ? pattern.data : "");
		result = lower_regex(x->l, x->node, x->word, wsr_cstr(text), caseless);
		x->failed |= result == WSR_NONE;
	}
	pool_free(&pattern);
	return result;
}

/* A pattern with "*", "?" and [...] as a regular expression (apr_fnmatch). @param path "*" and "?" stop at slashes */
static const char *pattern_regex(struct lower *l, struct wsr_str p, bool path)
{
	char *out = arena_alloc(&l->cc->arena, 6 * p.len + 8), *s = out;
	s = stpcpy(s, "\\A");
	for (size_t i = 0; i < p.len; i++) {
		char c = p.ptr[i];
		const char *close = c == '[' && i + 2 < p.len ? memchr(p.ptr + i + 2, ']', p.len - i - 2) : NULL;
		if (c == '*' || c == '?') {
			s = stpcpy(s, path ? "[^/]" : ".");
			if (c == '*')
				*s++ = '*';
		} else if (close) {
			*s++ = '[';
			bool not = p.ptr[++i] == '!' || p.ptr[i] == '^';
			if (not)
				*s++ = '^';
			for (i += not; p.ptr + i < close; i++) {
				if (p.ptr[i] == '\\' || p.ptr[i] == '[')
					*s++ = '\\';
				*s++ = p.ptr[i];
			}
			*s++ = ']';
		} else {
			if (c == '\\' && i + 1 < p.len)
				c = p.ptr[++i];
			if (!is_name(c) && !(c & 0x80))
				*s++ = '\\';
			*s++ = c;
		}
	}
	strcpy(s, "\\z");
	return out;
}

static void matches_pattern(struct expr *x, const char *start, uint32_t left, bool caseless, bool path)
{
	struct wsr_str pattern;
	uint32_t right = word(x);
	if (x->failed)
		return;
	if (!plan_tmpl_constant(x->l->plan, right, &pattern)) {
		fail(x, start, (size_t)(x->at - start), "a pattern must be a constant text", NULL);
		return;
	}
	const char *text = pattern_regex(x->l, pattern, path);
	uint32_t r = lower_regex(x->l, x->node, x->word, wsr_cstr(text), caseless);
	x->failed |= r == WSR_NONE;
	leaf(x, start, WSR_COND_MATCH, 0, left, r);
}

static bool is_client_address(struct expr *x, uint32_t tmpl)
{
	const struct wsr_tmpl *t = pool_at(&x->l->plan->tmpl, tmpl);
	const struct wsr_part *p = t->part_count == 1 ? pool_at(&x->l->plan->part, t->first_part) : NULL;
	return p && p->kind == WSR_PART_VARIABLE && p->id == WSR_V_REMOTE_ADDR;
}

static void matches_network(struct expr *x, const char *start, uint32_t left)
{
	struct wsr_str network;
	struct wsr_access_rule rule = { 0 };
	uint32_t right = word(x);
	if (x->failed)
		return;
	if (!is_client_address(x, left))
		fail(x, start, (size_t)(x->at - start), "-ipmatch looks at %{REMOTE_ADDR} only", NULL);
	else if (!plan_tmpl_constant(x->l->plan, right, &network) || !apache_network(network, &rule))
		fail(x, start, (size_t)(x->at - start), "no network", "an address, a partial one or a network: '10.1', '10.1.0.0/16', '2001:db8::/32'");
	else
		leaf(x, start, WSR_COND_CLIENT, 0, apache_network_record(x->l, &rule, place(x, start, 2)), 1);
}

static void in_list(struct expr *x, const char *start, uint32_t left)
{
	if (!take(x, "{")) {
		fail(x, x->at, 1, "a list is expected", "{ 'a', 'b' }");
		return;
	}
	uint32_t group = cond_open(x->l, &x->cond, WSR_COND_OR, 0, place(x, start, 1));
	do
		leaf(x, start, WSR_COND_EQUAL, 0, left, word(x));
	while (!x->failed && take(x, ","));
	if (!x->failed && !take(x, "}"))
		fail(x, x->at, 1, "a '}' or ',' is missing before", NULL);
	if (!x->failed)
		cond_close(&x->cond, group);
}

static const struct comparison {
	const char *text;
	uint8_t op, flags;
	bool swapped;
} comparisons[] = {
	{ "==", WSR_COND_EQUAL, 0, false }, { "!=", WSR_COND_EQUAL, WSR_COND_NOT, false }, { "<=", WSR_COND_LESS_EQUAL, 0, false },
	{ ">=", WSR_COND_LESS_EQUAL, 0, true }, { "<", WSR_COND_LESS, 0, false }, { ">", WSR_COND_LESS, 0, true },
	{ "-eq", WSR_COND_INT_EQUAL, 0, false }, { "-ne", WSR_COND_INT_EQUAL, WSR_COND_NOT, false }, { "-lt", WSR_COND_INT_LESS, 0, false },
	{ "-le", WSR_COND_INT_LESS_EQUAL, 0, false }, { "-gt", WSR_COND_INT_LESS, 0, true }, { "-ge", WSR_COND_INT_LESS_EQUAL, 0, true },
	{ "eq", WSR_COND_INT_EQUAL, 0, false }, { "ne", WSR_COND_INT_EQUAL, WSR_COND_NOT, false }, { "lt", WSR_COND_INT_LESS, 0, false },
	{ "le", WSR_COND_INT_LESS_EQUAL, 0, false }, { "gt", WSR_COND_INT_LESS, 0, true }, { "ge", WSR_COND_INT_LESS_EQUAL, 0, true },
	{ "=", WSR_COND_EQUAL, 0, false },
};

static void compare(struct expr *x, const char *start, uint32_t left)
{
	for (size_t i = 0; i < sizeof(comparisons) / sizeof(*comparisons); i++) {
		const struct comparison *c = &comparisons[i];
		if (!take(x, c->text))
			continue;
		uint32_t right = word(x);
		leaf(x, start, c->op, c->flags, c->swapped ? right : left, c->swapped ? left : right);
		return;
	}
	fail(x, x->at, 1, "a comparison is expected", "== != < <= > >= -eq -ne -lt -le -gt -ge =~ !~ -strmatch -strcmatch -fnmatch -ipmatch in");
}

static void binary(struct expr *x)
{
	const char *start = x->at;
	uint32_t left = word(x);
	if (x->failed)
		return;
	if (take(x, "=~"))
		leaf(x, start, WSR_COND_MATCH, 0, left, regex(x));
	else if (take(x, "!~"))
		leaf(x, start, WSR_COND_MATCH, WSR_COND_NOT, left, regex(x));
	else if (take(x, "-ipmatch"))
		matches_network(x, start, left);
	else if (take(x, "-strmatch"))
		matches_pattern(x, start, left, false, false);
	else if (take(x, "-strcmatch") || take(x, "-strcasematch"))
		matches_pattern(x, start, left, true, false);
	else if (take(x, "-fnmatch"))
		matches_pattern(x, start, left, false, true);
	else if (take(x, "-in") || take(x, "in"))
		in_list(x, start, left);
	else
		compare(x, start, left);
}

/* --- and, or, not ---------------------------------------------------------------------------------------------------------- */

static void alternatives(struct expr *x);

static void negate(struct expr *x, uint32_t index)
{
	if (!x->failed)
		((struct wsr_cond *)pool_at(&x->cond.nodes, index))->flags ^= WSR_COND_NOT;
}

static void operand(struct expr *x)
{
	skip_blanks(x);
	const char *start = x->at;
	uint32_t index = x->cond.nodes.count;
	bool not = false;
	while (take(x, "!") || take(x, "not"))
		not = !not;
	skip_blanks(x);
	start = x->at;
	if (take(x, "(")) {
		if (++x->depth > MAX_NESTING) {
			fail(x, start, 1, "parentheses nested too deeply", NULL);
			return;
		}
		alternatives(x);
		x->depth--;
		if (!x->failed && !take(x, ")"))
			fail(x, x->at, 1, "a ')' is missing before", NULL);
	} else if (take(x, "true")) {
		leaf(x, start, WSR_COND_TRUE, 0, 0, 0);
	} else if (take(x, "false")) {
		leaf(x, start, WSR_COND_TRUE, WSR_COND_NOT, 0, 0);
	} else if (x->end - x->at > 2 && x->at[0] == '-' && is_name(x->at[1]) && !is_name(x->at[2])) {
		char op = x->at[1];
		x->at += 2;
		unary(x, start, op);
	} else {
		binary(x);
	}
	if (not)
		negate(x, index);
}

static void conjunction(struct expr *x)
{
	uint32_t group = cond_open(x->l, &x->cond, WSR_COND_AND, 0, place(x, x->at, 1));
	do
		operand(x);
	while (!x->failed && (take(x, "&&") || take(x, "and")));
	if (!x->failed)
		cond_close(&x->cond, group);
}

static void alternatives(struct expr *x)
{
	uint32_t group = cond_open(x->l, &x->cond, WSR_COND_OR, 0, place(x, x->at, 1));
	do
		conjunction(x);
	while (!x->failed && (take(x, "||") || take(x, "or")));
	if (!x->failed)
		cond_close(&x->cond, group);
}

static struct expr begin(struct lower *l, const struct node *n, const struct word *w, struct wsr_str text)
{
	if (!text.ptr)
		text = wsr_str("", 0);
	return (struct expr){ .l = l, .node = n, .word = w, .at = text.ptr, .end = text.ptr + text.len };
}

uint32_t apache_condition(struct lower *l, const struct node *n, const struct word *w, struct wsr_str text)
{
	struct expr x = begin(l, n, w, text);
	uint32_t result = WSR_NONE;
	cond_init(&x.cond);
	alternatives(&x);
	skip_blanks(&x);
	if (!x.failed && x.at < x.end)
		fail(&x, x.at, 1, "nothing may follow here", "conditions are joined by && and ||");
	if (!x.failed && x.cond.nodes.count > UINT16_MAX)
		fail(&x, text.ptr, text.len, "an expression of too many parts", NULL);
	if (!x.failed)
		result = cond_done(l, &x.cond);
	cond_free(&x.cond);
	return result;
}

uint32_t apache_string(struct lower *l, const struct node *n, const struct word *w, struct wsr_str text)
{
	struct expr x = begin(l, n, w, text);
	struct text t;
	text_init(&t, l, n, w);
	string(&x, &t, '\0');
	uint32_t result = text_done(&t);
	return x.failed ? WSR_NONE : result;
}

/* --- <If>, <ElseIf>, <Else> ------------------------------------------------------------------------------------------------ */

enum branch { BRANCH_NONE, BRANCH_IF, BRANCH_ELSE_IF, BRANCH_ELSE };

static enum branch branch_of(const struct node *n)
{
	struct wsr_str name = n->word_count ? word_str(&n->words[0]) : WSR_STR_NULL;
	if (name.len && name.ptr[0] == '<')
		name = wsr_str(name.ptr + 1, name.len - 1);
	return wsr_str_eq_nocase(name, WSR_STR("If")) ? BRANCH_IF : wsr_str_eq_nocase(name, WSR_STR("ElseIf")) ? BRANCH_ELSE_IF :
	       wsr_str_eq_nocase(name, WSR_STR("Else")) ? BRANCH_ELSE : BRANCH_NONE;
}

#define WRONG_CONDITION (WSR_NONE - 1)

/* Read once, so that what is wrong is told once. */
static uint32_t own_condition(struct lower *l, const struct node *n)
{
	uint64_t key = (uint64_t)(uintptr_t)n;
	if (node_arg_count(n) == 0)
		return WSR_NONE;
	if (index_at(&l->apache_conditions, key)->first == WSR_NONE) {
		uint32_t tree = apache_condition(l, n, node_arg(n, 0), arg_str(n, 0));
		index_at(&l->apache_conditions, key)->first = tree == WSR_NONE ? WRONG_CONDITION : tree;
	}
	uint32_t known = index_at(&l->apache_conditions, key)->first;
	return known == WRONG_CONDITION ? WSR_NONE : known;
}

/* Where the chain begins that n belongs to: the last <If> before it. */
static const struct node *chain_start(const struct node *n)
{
	const struct node *start = NULL;
	NODE_EACH_CHILD(c, n->parent) {
		if (branch_of(c) == BRANCH_IF)
			start = c;
		if (c == n)
			break;
	}
	return start;
}

uint32_t apache_if_condition(struct lower *l, const struct node *n)
{
	const struct node *start = n->parent ? chain_start(n) : NULL;
	if (branch_of(n) == BRANCH_IF)
		return own_condition(l, n);
	if (!start) {
		diag_at(l->cc, CHECK_CONDITION, node_head_span(n), "an <ElseIf> or <Else> without an <If> before it");
		return WSR_NONE;
	}
	struct cond_builder b;
	bool failed = false;
	cond_init(&b);
	uint32_t group = cond_open(l, &b, WSR_COND_AND, 0, node_head_span(n));
	for (const struct node *c = start; c; c = c->next) {
		if (branch_of(c) == BRANCH_NONE || (branch_of(c) == BRANCH_ELSE && c != n))
			continue;
		uint32_t own = branch_of(c) == BRANCH_ELSE ? WSR_NONE : own_condition(l, c), index = b.nodes.count;
		failed |= own == WSR_NONE && branch_of(c) != BRANCH_ELSE;
		if (own != WSR_NONE)
			cond_copy(l, &b, own);
		if (own != WSR_NONE && c != n)
			((struct wsr_cond *)pool_at(&b.nodes, index))->flags ^= WSR_COND_NOT;
		if (c == n)
			break;
	}
	cond_close(&b, group);
	uint32_t result = failed ? WSR_NONE : cond_done(l, &b);
	cond_free(&b);
	return result;
}
