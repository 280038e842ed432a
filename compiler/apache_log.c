/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ErrorLog, LogLevel, CustomLog, TransferLog, LogFormat. In: checked statements. Out: the error log and the access logs of a level; formats as templates.
 *
 * A format is looked for by its name when all text is read, in the host of the log and then in the main server, as httpd opens its logs at the end
 * (mod_log_config: multi_log_transaction, open_multi_logs). A name that no LogFormat has is the format itself, or one that Debian defines.
 */
#include "compiler/apache_read.h"
#include "compiler/apache_text.h"

static bool is(const struct word *w, const char *text)
{
	return wsr_str_eq_nocase(word_str(w), wsr_cstr(text));
}

/* --- error log ------------------------------------------------------------------------------------------------------------- */

static bool is_row(const struct node *n, const char *name)
{
	return n->def && !n->bad && strcmp(n->def->name, name) == 0;
}

/* The last one of a host, else of the main server. */
static const struct node *nearest(const struct node *n, const char *name)
{
	const struct node *found = NULL;

	for (const struct node *block = n->parent; block && !found; block = block->parent)
		NODE_EACH_CHILD(child, block)
			if (is_row(child, name))
				found = child;
	return found;
}

static const char *const levels[] = { "emerg", "alert", "crit", "error", "warn", "notice", "info", "debug" };

/* Words of LogLevel; "module:level" is about one module. */
static uint32_t log_level(struct lower *l, const struct node *n, bool report)
{
	uint32_t level = WSR_LOG_WARN;

	for (unsigned i = 0; n && i < node_arg_count(n); i++) {
		const struct word *w = node_arg(n, i);
		bool known = memchr(w->text, ':', w->len) != NULL;
		for (uint32_t k = 0; !known && k < sizeof(levels) / sizeof(*levels); k++) {
			if (!is(w, levels[k]))
				continue;
			level = WSR_LOG_EMERG + k;
			known = true;
		}
		if (!known && w->len == 6 && wsr_str_eq_nocase(wsr_str(w->text, 5), WSR_STR("trace")) && w->text[5] >= '1' && w->text[5] <= '8')
			level = WSR_LOG_DEBUG, known = true;
		if (!known && report)
			diag_at(l->cc, CHECK_ARGUMENT, w->span, "'%s' is no level: emerg, alert, crit, error, warn, notice, info, debug, trace1 to trace8",
			        diag_quote(l->cc, w->text, w->len));
	}
	return level;
}

/* A log that is a program, or the system's: reported. */
static bool is_no_file(struct lower *l, const struct word *w)
{
	bool program = w->len && w->text[0] == '|', syslog = w->len >= 6 && wsr_str_eq_nocase(wsr_str(w->text, 6), WSR_STR("syslog")) && (w->len == 6 || w->text[6] == ':');

	if (program) {
		struct diag *d = diag_at(l->cc, CHECK_UNSUPPORTED_DIRECTIVE, w->span, "a log is a file here, not a program");
		diag_note(l->cc, d, SPAN_NONE, "name a file and let logrotate rename it (wsrpd -s reopen opens it anew), or /dev/stderr for a service manager");
	} else if (syslog) {
		diag_at(l->cc, CHECK_UNSUPPORTED_DIRECTIVE, w->span, "a log is a file here, not syslog: without ErrorLog errors go to stderr, which a service manager keeps");
	}
	return program || syslog;
}

/* ErrorLog and LogLevel make one record: each of them makes it from both. */
void lower_apache_error_log(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	const struct node *file = nearest(n, "ErrorLog"), *level = nearest(n, "LogLevel");

	(void)arg;
	if (is_row(n, "ErrorLog") && is_no_file(l, node_arg(n, 0)))
		return;
	if (is_row(n, "LogLevel"))
		log_level(l, n, true);
	struct wsr_str path = file && file->span.file != SOURCE_NONE ? apache_path(l->cc, arg_str(file, 0)) : WSR_STR("stderr");
	if (wsr_str_eq(path, WSR_STR("/dev/stderr")))
		path = WSR_STR("stderr");
	struct wsr_error_log log = { .path = plan_str(l->plan, path), .level = log_level(l, level, false) };
	lv->s.log.error_log = pool_intern(&l->plan->error_log, &log);
	level_mark(lv, SET_error_log);
}

/* --- formats ------------------------------------------------------------------------------------------------------------------ */

#define CLF "%h %l %u %t \"%r\" %>s %b"

/* What Debian's apache2.conf defines. */
static const struct { const char *name, *text; } debian_formats[] = {
	{ "vhost_combined", "%v:%p %h %l %u %t \"%r\" %>s %O \"%{Referer}i\" \"%{User-Agent}i\"" },
	{ "combined", "%h %l %u %t \"%r\" %>s %O \"%{Referer}i\" \"%{User-Agent}i\"" },
	{ "common", "%h %l %u %t \"%r\" %>s %O" }, { "referer", "%{Referer}i -> %U" }, { "agent", "%{User-agent}i" },
};

static void variable(struct text *t, enum wsr_var_id id)
{
	text_part(t, (struct wsr_part){ .kind = WSR_PART_VARIABLE, .id = (uint16_t)id });
}

static void named_variable(struct text *t, enum wsr_var_id id, struct wsr_str name, bool underscores)
{
	char *key = arena_copy(&t->l->cc->arena, name.ptr, name.len);

	for (size_t i = 0; i < name.len; i++)
		key[i] = underscores && key[i] == '-' ? '_' : (char)wsr_lower((unsigned char)key[i]);
	text_part(t, (struct wsr_part){ .kind = WSR_PART_VARIABLE, .id = (uint16_t)id, .arg = plan_str(t->l->plan, wsr_str(key, name.len)) });
}

/* One letter of a format with the word in its braces. */
struct letter {
	char letter;
	struct wsr_str name;        /* %{name}x; ptr NULL without braces */
};

static bool named(const struct letter *f, const char *name)
{
	return f->name.ptr && wsr_str_eq(f->name, wsr_cstr(name));
}

/* %{format}t: units of the epoch, or the fields of strftime that can be made from the time's pieces. @return false when something else is in it */
static bool put_time(struct text *t, const struct letter *f)
{
	static const struct { char letter; enum wsr_var_id id; } fields[] = {
		{ 'Y', WSR_V_HTTPD_TIME_YEAR }, { 'm', WSR_V_HTTPD_TIME_MON }, { 'd', WSR_V_HTTPD_TIME_DAY }, { 'H', WSR_V_HTTPD_TIME_HOUR }, { 'M', WSR_V_HTTPD_TIME_MIN },
		{ 'S', WSR_V_HTTPD_TIME_SEC }, { 'w', WSR_V_HTTPD_TIME_WDAY },
	};
	struct wsr_str s = f->name;

	if (!s.ptr) {
		text_bytes(t, "[", 1);
		variable(t, WSR_V_TIME_LOCAL);
		text_bytes(t, "]", 1);
		return true;
	}
	for (size_t i = 0; i < s.len; i++) {
		size_t k = 0;
		if (s.ptr[i] != '%') {
			text_bytes(t, s.ptr + i, 1);
			continue;
		}
		if (++i == s.len)
			return false;
		struct wsr_str rest = wsr_str(s.ptr + i, s.len - i);
		if (rest.ptr[0] == 'F') {
			variable(t, WSR_V_HTTPD_TIME_YEAR), text_bytes(t, "-", 1), variable(t, WSR_V_HTTPD_TIME_MON), text_bytes(t, "-", 1), variable(t, WSR_V_HTTPD_TIME_DAY);
			continue;
		}
		if (rest.ptr[0] == 'T') {
			variable(t, WSR_V_HTTPD_TIME_HOUR), text_bytes(t, ":", 1), variable(t, WSR_V_HTTPD_TIME_MIN), text_bytes(t, ":", 1), variable(t, WSR_V_HTTPD_TIME_SEC);
			continue;
		}
		if (rest.ptr[0] == '%') {
			text_bytes(t, "%", 1);
			continue;
		}
		while (k < sizeof(fields) / sizeof(*fields) && fields[k].letter != rest.ptr[0])
			k++;
		if (k == sizeof(fields) / sizeof(*fields))
			return false;
		variable(t, fields[k].id);
	}
	return true;
}

/* Letters that stand for one variable. */
static const struct { char letter; enum wsr_var_id id; } plain_letters[] = {
	{ 'A', WSR_V_SERVER_ADDR }, { 'B', WSR_V_BODY_BYTES_SENT }, { 'b', WSR_V_HTTPD_BYTES }, { 'D', WSR_V_REQUEST_TIME_US }, { 'f', WSR_V_HTTPD_FILENAME },
	{ 'H', WSR_V_SERVER_PROTOCOL }, { 'I', WSR_V_REQUEST_LENGTH }, { 'k', WSR_V_HTTPD_KEPT }, { 'm', WSR_V_REQUEST_METHOD }, { 'O', WSR_V_BYTES_SENT },
	{ 'P', WSR_V_PID }, { 'r', WSR_V_REQUEST }, { 's', WSR_V_STATUS }, { 'u', WSR_V_REMOTE_USER }, { 'U', WSR_V_URI }, { 'v', WSR_V_SERVER_NAME },
	{ 'V', WSR_V_HTTPD_SERVER_NAME },
};

/* @return false when there is no such letter, or not with this word */
static bool put_letter(struct text *t, const struct letter *f)
{
	struct wsr_part part;
	const char *why;

	switch (f->letter) {
	case 'a':
	case 'h':
		return variable(t, named(f, "c") ? WSR_V_REALIP_REMOTE_ADDR : WSR_V_REMOTE_ADDR), true;
	case 'p':
		return variable(t, named(f, "local") ? WSR_V_SERVER_PORT : named(f, "remote") ? WSR_V_REMOTE_PORT : WSR_V_HTTPD_OWN_PORT), true;
	case 'q':
		part = (struct wsr_part){ .kind = WSR_PART_VARIABLE, .id = WSR_V_ARGS };
		variable(t, WSR_V_IS_ARGS); /* both are empty without a query, not a dash */
		text_call(t, WSR_FUNCTION_DEFAULT, plan_tmpl(t->l->plan, &part, 1), WSR_NONE, plan_tmpl_const(t->l->plan, WSR_STR("")));
		return true;
	case 't':
		return put_time(t, f);
	case 'T':
		return variable(t, named(f, "us") ? WSR_V_REQUEST_TIME_US : named(f, "ms") ? WSR_V_HTTPD_MILLISECONDS : WSR_V_HTTPD_SECONDS), true;
	case 'l':
	case 'L':
	case 'R':
	case 'X':
		return text_bytes(t, f->letter == 'X' ? "+" : "-", 1), true;
	case 'S':
		return variable(t, WSR_V_BYTES_SENT), true;
	case 'i':
		return f->name.ptr && (named_variable(t, WSR_V_HTTPD_FIELD_, f->name, false), true);
	case 'o':
		return f->name.ptr && (named_variable(t, WSR_V_SENT_HTTP_, f->name, true), true);
	case 'C':
		return f->name.ptr && (named_variable(t, WSR_V_COOKIE_, f->name, false), true);
	case 'n':
		return f->name.ptr && (text_bytes(t, "-", 1), true);
	case 'e':
		if (f->name.ptr && wsr_str_eq(f->name, WSR_STR("WSRP_RULE"))) /* ours: httpd logs "-" */
			return variable(t, WSR_V_WSRP_RULE), true;
		return f->name.ptr && (text_part(t, apache_env_part(t->l, f->name)), true);
	case 'x':
	case 'c':
		if (!f->name.ptr || apache_variable_part(t->l, f->name, &part, &why) != APACHE_VARIABLE_KNOWN)
			return false;
		return text_part(t, part), true;
	default:
		break;
	}
	for (size_t i = 0; i < sizeof(plain_letters) / sizeof(*plain_letters); i++)
		if (plain_letters[i].letter == f->letter)
			return variable(t, plain_letters[i].id), true;
	return false;
}

/* Take "%[modifiers][{name}]letter" off; s starts behind the '%'. Statuses that a letter is limited to are reported by the caller. */
static bool read_letter(struct wsr_str *s, struct letter *f, bool *limited)
{
	size_t i = 0;

	*f = (struct letter){ .name = WSR_STR_NULL };
	*limited = false;
	for (; i < s->len; i++) {
		char c = s->ptr[i];
		if (c == '{') {
			const char *close = memchr(s->ptr + i, '}', s->len - i);
			if (!close)
				return false;
			f->name = wsr_str(s->ptr + i + 1, (size_t)(close - s->ptr) - i - 1);
			i = (size_t)(close - s->ptr);
		} else if (c == '!' || c == ',' || (c >= '0' && c <= '9')) {
			*limited = true;
		} else if (c != '<' && c != '>' && c != '^') {
			f->letter = c;
			*s = wsr_str(s->ptr + i + 1, s->len - i - 1);
			return true;
		}
	}
	return false;
}

static void backslash(struct text *t, struct wsr_str *s)
{
	char c = s->len ? s->ptr[0] : '\\';

	if (s->len)
		*s = wsr_str(s->ptr + 1, s->len - 1);
	if (c == 'n' || c == 't' || c == 'r')
		text_bytes(t, c == 'n' ? "\n" : c == 't' ? "\t" : "\r", 1);
	else if (c == '"' || c == '\\')
		text_bytes(t, &c, 1);
	else
		text_bytes(t, "\\", 1), text_bytes(t, &c, 1);
}

/* Template of a format. `w` is the word that it was written in, or that chose it. */
static uint32_t format_template(struct lower *l, const struct node *n, const struct word *w, struct wsr_str s)
{
	struct text t;

	text_init(&t, l, n, w);
	while (s.len) {
		char c = s.ptr[0];
		struct letter f;
		bool limited = false;
		const char *start = s.ptr;
		s = wsr_str(s.ptr + 1, s.len - 1);
		if (c == '\\') {
			backslash(&t, &s);
		} else if (c != '%') {
			text_bytes(&t, &c, 1);
		} else if (s.len && s.ptr[0] == '%') {
			text_bytes(&t, "%", 1);
			s = wsr_str(s.ptr + 1, s.len - 1);
		} else if (!read_letter(&s, &f, &limited) || !put_letter(&t, &f)) {
			size_t len = (size_t)(s.ptr - start);
			diag_at(l->cc, CHECK_LOG_FORMAT, apache_text_span(l, w, start, len), "'%s' is no letter of a log format that is compiled", diag_quote(l->cc, start, len));
			break;
		} else if (limited) {
			diag_at(l->cc, CHECK_LOG_FORMAT, apache_text_span(l, w, start, (size_t)(s.ptr - start)), "'%s' is limited to some statuses: that is not compiled",
			        diag_quote(l->cc, start, (size_t)(s.ptr - start)));
		}
	}
	return text_done(&t);
}

/* The LogFormat with this name, or the last one without a name (name.ptr NULL). */
static const struct node *find_format(const struct node *n, struct wsr_str name)
{
	const struct node *found = NULL;

	for (const struct node *block = n->parent; block && !found; block = block->parent)
		NODE_EACH_CHILD(child, block)
			if (is_row(child, "LogFormat") && (name.ptr ? node_arg_count(child) == 2 && wsr_str_eq(arg_str(child, 1), name) : node_arg_count(child) == 1))
				found = child;
	return found;
}

static uint32_t format_record(struct lower *l, struct wsr_str name, uint32_t line)
{
	struct wsr_log_format f = { .name = plan_str(l->plan, name), .line = line, .escape = WSR_ESCAPE_HTTPD };

	return pool_intern(&l->plan->log_format, &f);
}

/* @param w  the second word of CustomLog; NULL for TransferLog */
static uint32_t format_of(struct lower *l, const struct node *n, const struct word *w)
{
	struct wsr_str name = w ? word_str(w) : (struct wsr_str)WSR_STR_NULL, text = w ? name : WSR_STR(CLF);
	const struct node *defined = find_format(n, name);

	if (defined)
		return format_record(l, w ? name : WSR_STR("transfer"), format_template(l, defined, node_arg(defined, 0), arg_str(defined, 0)));
	for (size_t i = 0; w && i < sizeof(debian_formats) / sizeof(*debian_formats); i++)
		if (wsr_str_eq(name, wsr_cstr(debian_formats[i].name)))
			text = wsr_cstr(debian_formats[i].text);
	if (w && text.ptr == name.ptr && !memchr(name.ptr, '%', name.len)) {
		struct diag *d = diag_at(l->cc, CHECK_UNKNOWN_LOG_NAME, w->span, "no LogFormat has the name '%s': it is written as it is", diag_quote(l->cc, name.ptr, name.len));
		diag_note(l->cc, d, SPAN_NONE, "common, combined and vhost_combined are there without LogFormat");
	}
	return format_record(l, w ? name : WSR_STR("transfer"), format_template(l, n, w ? w : node_name(n), text));
}

/* Formats are made where logs use them; a format that none uses is checked all the same. */
void lower_apache_log_format(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)lv, (void)arg;
	format_template(l, n, node_arg(n, 0), arg_str(n, 0));
}

/* --- access logs ---------------------------------------------------------------------------------------------------------------- */

static uint32_t log_condition(struct lower *l, const struct node *n, const struct word *w)
{
	struct wsr_str s = word_str(w);

	if (s.len > 4 && wsr_str_eq_nocase(wsr_str(s.ptr, 4), WSR_STR("env=")))
		return apache_env_condition(l, w, wsr_str(s.ptr + 4, s.len - 4));
	if (s.len > 5 && wsr_str_eq_nocase(wsr_str(s.ptr, 5), WSR_STR("expr=")))
		return apache_condition(l, n, w, wsr_str(s.ptr + 5, s.len - 5));
	diag_at(l->cc, CHECK_ARGUMENT, w->span, "'%s' is not allowed here: env=NAME, env=!NAME or expr=condition", diag_quote(l->cc, w->text, w->len));
	return WSR_NONE;
}

#define MAX_LOGS 16u

/* All of a block are written; a virtual host with logs of its own does not write those of the main server (mod_log_config: merge_config_log_state). */
void lower_apache_access_log(struct lower *l, struct level *lv, const struct node *n, unsigned transfer)
{
	struct wsr_log_ref refs[MAX_LOGS];
	struct plan_place places[MAX_LOGS];
	uint32_t count = 0;

	(void)transfer;
	if (level_has(lv, SET_access_log))
		return;
	for (const struct node *m = n; m; m = m->next) {
		bool custom = is_row(m, "CustomLog");
		if ((!custom && !is_row(m, "TransferLog")) || is_no_file(l, node_arg(m, 0)))
			continue;
		if (count == MAX_LOGS) {
			diag_at(l->cc, CHECK_VALUE, m->span, "more than %u access logs of one host", MAX_LOGS);
			break;
		}
		struct wsr_str path = apache_path(l->cc, arg_str(m, 0));
		if (wsr_str_eq(path, WSR_STR("/dev/stderr")))
			path = WSR_STR("stderr");
		refs[count] = (struct wsr_log_ref){
			.path = plan_tmpl_const(l->plan, path), .format = format_of(l, m, custom ? node_arg(m, 1) : NULL), .condition = WSR_NONE,
			.when = custom && node_arg_count(m) == 3 ? log_condition(l, m, node_arg(m, 2)) : WSR_NONE,
		};
		places[count++] = lower_place(l, m->span);
	}
	lv->s.log.access_log = plan_run_at(l->plan, &l->plan->log_ref, refs, count, offsetof(struct wsr_log_ref, pos), places);
	level_mark(lv, SET_access_log);
}
