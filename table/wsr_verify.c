/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The walk over every record of every section: each reference, index, list, enumerated value and reserved field. In go a header and section
 * directory that wsr_table.c has checked; out comes "every accessor is safe on this table" or the first fault in file order.
 *
 * One check_<section>() per section, called for each record by wsr_walk_<section>(), which EACH() makes (here, and in wsr_verify_httpd.c for the records of
 * httpd's phases); the list of sections is the X-macro of wsr_format.h, so that a section without its check does not link. Time is linear in the file; memory is a bit per four bytes of
 * strings and a few bytes for each trie node and scope, given back at the end.
 */
#include "table/wsr_verify.h"

#include <stdlib.h>

/*
 * The same for records of which there are as many as servers: <name>_faults() gives a bit for each error that a record has, without a branch in between.
 * The lowest bit is the one reported.
 */
#define EACH_OF_MANY(name, type) \
	bool wsr_walk_##name(struct wsr_walk *w) \
	{ \
		const struct wsr_section_view *view = &w->t->section[WSR_SECTION_##name]; \
		uint32_t count = view->count, stride = view->stride; \
		const uint8_t *record = view->base; \
		for (uint32_t i = 0; i < count; i++, record += stride) { \
			uint32_t faults = name##_faults(w, (const type *)(const void *)record); \
			if (faults) { \
				w->why->record = i; \
				return wsr_fail(w, (enum wsr_error)__builtin_ctz(faults)); \
			} \
		} \
		return true; \
	}

#define FAULT(holds, error) ((uint32_t)!(holds) << WSR_E_##error)

static inline uint32_t index_fault(const struct wsr_walk *w, uint32_t section, uint32_t index)
{
	return FAULT(index < w->t->section[section].count, INDEX);
}

/* WSR_NONE + 1 is 0: an index or none. */
static inline uint32_t index0_fault(const struct wsr_walk *w, uint32_t section, uint32_t index)
{
	return FAULT(index + 1 <= w->t->section[section].count, INDEX);
}

static bool want_crl_check(struct wsr_walk *w, uint64_t value)
{
	return wsr_want_bits(w, value, WSR_CRL_MODE | WSR_CRL_MISSING_OK) && wsr_want_enum(w, value & WSR_CRL_MODE, WSR_CRL_CHAIN, WSR_CRL_NONE);
}

/* --- whole process, positions, plain items ------------------------------------------------------------------------ */

bool wsr_walk_string(struct wsr_walk *w)
{
	return wsr_verify_strings(w);
}

static bool check_global(struct wsr_walk *w, const struct wsr_global *r)
{
	return wsr_want_string0(w, r->origin) && wsr_want_string0(w, r->compiler) && wsr_want_string0(w, r->user) &&
	       wsr_want_string0(w, r->group) && wsr_want_string0(w, r->pid) &&
	       wsr_want_index(w, SECTION(error_log), r->error_log) && wsr_want_index(w, SECTION(body), r->default_body) &&
	       wsr_want_enum(w, r->daemon, 0, 1) && wsr_want_enum(w, r->multi_accept, 0, 1) && wsr_want_list(w, SECTION(access_rule), r->exempt);
}
EACH(global, struct wsr_global)

static bool check_file_name(struct wsr_walk *w, const wsr_sref *r)
{
	return wsr_want_string(w, *r);
}
EACH(file_name, wsr_sref)

static inline uint32_t pos_faults(const struct wsr_walk *w, const struct wsr_pos *r)
{
	return index_fault(w, SECTION(file_name), r->file);
}
EACH_OF_MANY(pos, struct wsr_pos)

static bool check_str_item(struct wsr_walk *w, const wsr_sref *r)
{
	return wsr_want_string(w, *r);
}
EACH(str_item, wsr_sref)

static bool check_tmpl_item(struct wsr_walk *w, const uint32_t *r)
{
	return wsr_want_tmpl(w, *r);
}
EACH(tmpl_item, uint32_t)

/* --- values ------------------------------------------------------------------------------------------------------- */

static bool check_part(struct wsr_walk *w, const struct wsr_part *r)
{
	if (!wsr_want_zero(w, r->flags))
		return false;
	switch (r->kind) {
	case WSR_PART_LITERAL:
		return wsr_want_string(w, r->arg);
	case WSR_PART_VARIABLE:
		return wsr_want_enum(w, r->id, 0, WSR_VARIABLE_ID_LIMIT - 1) && wsr_want_string0(w, r->arg);
	case WSR_PART_USER:
		return wsr_want_index(w, SECTION(variable), r->arg);
	case WSR_PART_CAPTURE:
		return wsr_want_enum(w, r->id, 0, 9);
	case WSR_PART_ARGS_START:
		return true;
	case WSR_PART_CONDITION_CAPTURE:
		return wsr_want_enum(w, r->id, 0, 9);
	case WSR_PART_CALL:
		return wsr_want_index(w, SECTION(call), r->arg);
	}
	return wsr_fail(w, WSR_E_ENUM);
}
EACH(part, struct wsr_part)

static bool check_tmpl(struct wsr_walk *w, const struct wsr_tmpl *r)
{
	return wsr_want_list(w, SECTION(part), (struct wsr_list){ r->first_part, r->part_count }) &&
	       wsr_want(w, r->part_count <= WSR_MAX_TEMPLATE_PARTS, WSR_E_RANGE);
}
EACH(tmpl, struct wsr_tmpl)

static bool check_call(struct wsr_walk *w, const struct wsr_call *r)
{
	bool looks_up = r->function == WSR_FUNCTION_MAP || r->function == WSR_FUNCTION_RANDOM;

	return wsr_want_enum(w, r->function, WSR_FUNCTION_LOWER, WSR_FUNCTION_AHEAD_FILE) && wsr_want_tmpl(w, r->argument) &&
	       (looks_up ? wsr_want_index(w, SECTION(map), r->map) : wsr_want_none(w, r->map)) && wsr_want_tmpl0(w, r->fallback);
}
EACH(call, struct wsr_call)

/* At most as many names as groups, so lists that overlap cost no more than 64 times their length. */
static bool check_regex(struct wsr_walk *w, const struct wsr_regex *r)
{
	if (!wsr_want_string(w, r->pattern) || !wsr_want_bits(w, r->flags, WSR_REGEX_CASELESS | WSR_REGEX_HTTPD) ||
	    !wsr_want(w, r->capture_count >= 1 && r->capture_count <= WSR_MAX_CAPTURES, WSR_E_REGEX) ||
	    !wsr_want_list(w, SECTION(regex_name), r->names) || !wsr_want(w, r->names.count < r->capture_count, WSR_E_REGEX))
		return false;
	for (uint32_t i = 0; i < r->names.count; i++) {
		uint32_t group = wsr_regex_name_at(w->t, r->names.first + i)->group;

		if (group == 0 || group >= r->capture_count)
			return wsr_fail(w, WSR_E_REGEX);
	}
	return wsr_want_pos(w, r->pos);
}
EACH(regex, struct wsr_regex)

static bool check_regex_name(struct wsr_walk *w, const struct wsr_regex_name *r)
{
	return wsr_want_index(w, SECTION(variable), r->slot);
}
EACH(regex_name, struct wsr_regex_name)

static bool check_variable(struct wsr_walk *w, const struct wsr_variable *r)
{
	return wsr_want_string(w, r->name) && wsr_want_enum(w, r->kind, WSR_VARIABLE_SET, WSR_VARIABLE_CAPTURE) &&
	       (r->kind == WSR_VARIABLE_MAP ? wsr_want_index(w, SECTION(map), r->map) : wsr_want_none(w, r->map));
}
EACH(variable, struct wsr_variable)

static bool check_map(struct wsr_walk *w, const struct wsr_map *r)
{
	return wsr_want_tmpl(w, r->source) && wsr_want_tmpl(w, r->default_value) && wsr_verify_hash(w, SECTION(map_slot), r->slots) &&
	       wsr_want_list(w, SECTION(map_regex), r->regexes) && wsr_want_bits(w, r->flags, WSR_MAP_HOSTNAMES | WSR_MAP_VOLATILE | WSR_MAP_EXACT) &&
	       wsr_want_pos(w, r->pos);
}
EACH(map, struct wsr_map)

static bool check_map_slot(struct wsr_walk *w, const struct wsr_map_slot *r)
{
	return r->key == 0 || wsr_want_tmpl(w, r->value);
}
EACH(map_slot, struct wsr_map_slot)

static bool check_map_regex(struct wsr_walk *w, const struct wsr_map_regex *r)
{
	return wsr_want_index(w, SECTION(regex), r->regex) && wsr_want_tmpl(w, r->value);
}
EACH(map_regex, struct wsr_map_regex)

/* --- the rewrite program ------------------------------------------------------------------------------------------ */

static bool check_rewrite(struct wsr_walk *w, const struct wsr_insn *r)
{
	uint8_t known = WSR_REWRITE_LAST | WSR_REWRITE_BREAK | WSR_REWRITE_REDIRECT | WSR_REWRITE_ADD_ARGS | WSR_REWRITE_HAS_ARGS;

	return wsr_want_bits(w, r->flags, known) && wsr_want_index(w, SECTION(regex), r->a) && wsr_want_tmpl(w, r->b) &&
	       (!(r->flags & WSR_REWRITE_REDIRECT) || wsr_want_enum(w, r->code, 300, 399));
}

/* Operands by operation. Where jumps lead is looked at for the program as a whole (wsr_verify_program). */
static bool check_insn(struct wsr_walk *w, const struct wsr_insn *r)
{
	if (!wsr_want_pos(w, r->pos))
		return false;
	switch (r->op) {
	case WSR_OP_SET:
		return wsr_want_bits(w, r->flags, 0) && wsr_want_index(w, SECTION(variable), r->a) && wsr_want_tmpl(w, r->b);
	case WSR_OP_IF_TRUE:
		return wsr_want_bits(w, r->flags, WSR_INSN_NOT) && wsr_want_tmpl(w, r->a);
	case WSR_OP_IF_EQUAL:
		return wsr_want_bits(w, r->flags, WSR_INSN_NOT) && wsr_want_tmpl(w, r->a) && wsr_want_tmpl(w, r->b);
	case WSR_OP_IF_MATCH:
		return wsr_want_bits(w, r->flags, WSR_INSN_NOT) && wsr_want_tmpl(w, r->a) && wsr_want_index(w, SECTION(regex), r->b);
	case WSR_OP_IF_FILE:
		return wsr_want_bits(w, r->flags, WSR_INSN_NOT) && wsr_want_tmpl(w, r->a) && wsr_want_enum(w, r->code, WSR_FILE_IS_FILE, WSR_FILE_IS_EXEC);
	case WSR_OP_REWRITE:
		return check_rewrite(w, r);
	case WSR_OP_RETURN:
		return wsr_want_bits(w, r->flags, WSR_RETURN_URL) && wsr_want_enum(w, r->code, 0, 999) && wsr_want_tmpl0(w, r->b) &&
		       (!(r->flags & WSR_RETURN_URL) || wsr_want_tmpl(w, r->b));
	case WSR_OP_BREAK:
		return wsr_want_bits(w, r->flags, 0);
	case WSR_OP_USE:
		return wsr_want_bits(w, r->flags, 0) && wsr_want_location(w, r->a, WSR_LOCATION_IF);
	case WSR_OP_REDIRECT:
		return wsr_want_bits(w, r->flags, 0) && wsr_want_index0(w, SECTION(regex), r->a) && wsr_want_tmpl(w, r->b) && wsr_want_tmpl0(w, r->c) &&
		       wsr_want_enum(w, r->code, 300, 399);
	}
	return wsr_fail(w, WSR_E_ENUM);
}
EACH(insn, struct wsr_insn)

static bool check_program(struct wsr_walk *w, const struct wsr_program *r)
{
	return wsr_verify_program(w, r);
}
EACH(program, struct wsr_program)

/* --- lists inside settings ---------------------------------------------------------------------------------------- */

static bool check_field_op(struct wsr_walk *w, const struct wsr_field_op *r)
{
	return wsr_want_string(w, r->name) && wsr_want_tmpl(w, r->value) && wsr_want_bits(w, r->flags, WSR_FIELD_ALWAYS) && wsr_want_pos(w, r->pos);
}
EACH(field_op, struct wsr_field_op)

static bool check_redirect_rule(struct wsr_walk *w, const struct wsr_redirect_rule *r)
{
	return wsr_want_bits(w, r->flags, WSR_REDIRECT_REGEX) &&
	       (r->flags & WSR_REDIRECT_REGEX ? wsr_want_index(w, SECTION(regex), r->from) : wsr_want_tmpl(w, r->from)) && wsr_want_tmpl(w, r->to) &&
	       wsr_want_pos(w, r->pos);
}
EACH(redirect_rule, struct wsr_redirect_rule)

static bool check_error_page(struct wsr_walk *w, const struct wsr_error_page *r)
{
	return wsr_want_enum(w, r->status, 300, 599) && wsr_want_enum(w, r->answer, 0, 999) && wsr_want_tmpl(w, r->target) && wsr_want_pos(w, r->pos);
}
EACH(error_page, struct wsr_error_page)

static bool check_log_ref(struct wsr_walk *w, const struct wsr_log_ref *r)
{
	return wsr_want_tmpl(w, r->path) && wsr_want_index(w, SECTION(log_format), r->format) && wsr_want_tmpl0(w, r->condition) &&
	       wsr_want_index0(w, SECTION(cond), r->when) && wsr_want_pos(w, r->pos);
}
EACH(log_ref, struct wsr_log_ref)

static bool check_log_format(struct wsr_walk *w, const struct wsr_log_format *r)
{
	return wsr_want_string(w, r->name) && wsr_want_tmpl(w, r->line) && wsr_want_enum(w, r->escape, WSR_ESCAPE_DEFAULT, WSR_ESCAPE_HTTPD);
}
EACH(log_format, struct wsr_log_format)

static bool check_error_log(struct wsr_walk *w, const struct wsr_error_log *r)
{
	return wsr_want_string(w, r->path) && wsr_want_enum(w, r->level, WSR_LOG_EMERG, WSR_LOG_DEBUG);
}
EACH(error_log, struct wsr_error_log)

static bool check_mime(struct wsr_walk *w, const struct wsr_mime *r)
{
	return wsr_verify_hash(w, SECTION(mime_slot), r->slots);
}
EACH(mime, struct wsr_mime)

static bool check_mime_slot(struct wsr_walk *w, const struct wsr_mime_slot *r)
{
	return r->key == 0 || wsr_want_string(w, r->type);
}
EACH(mime_slot, struct wsr_mime_slot)

/* --- upstreams ---------------------------------------------------------------------------------------------------- */

static bool check_upstream(struct wsr_walk *w, const struct wsr_upstream *r)
{
	return wsr_want_string(w, r->name) && wsr_want_list(w, SECTION(peer), r->peers) && wsr_want(w, r->peers.count > 0, WSR_E_RANGE) &&
	       wsr_want_enum(w, r->balance, WSR_BALANCE_ROUND_ROBIN, WSR_BALANCE_TRAFFIC) && wsr_want_bits(w, r->flags, WSR_UPSTREAM_IMPLICIT | WSR_UPSTREAM_HTTPD) &&
	       (r->balance == WSR_BALANCE_HASH ? wsr_want_tmpl(w, r->hash_key) : wsr_want_tmpl0(w, r->hash_key)) && wsr_want_pos(w, r->pos) &&
	       wsr_want_zero(w, r->reserved);
}
EACH(upstream, struct wsr_upstream)

static bool check_peer(struct wsr_walk *w, const struct wsr_peer *r)
{
	return wsr_want_string(w, r->host) && wsr_want_string(w, r->text) && wsr_want_enum(w, r->kind, WSR_PEER_NAME, WSR_PEER_UNIX) &&
	       wsr_want(w, (r->kind == WSR_PEER_UNIX) == (r->port == 0), WSR_E_ENUM) && wsr_want_enum(w, r->weight, 1, UINT32_MAX) &&
	       wsr_want_bits(w, r->flags, WSR_PEER_PLAIN * 2u - 1u) && wsr_want_pos(w, r->pos);
}
EACH(peer, struct wsr_peer)

static bool check_proxy(struct wsr_walk *w, const struct wsr_proxy *r)
{
	uint32_t known = WSR_PROXY_TLS | WSR_PROXY_VARIABLES | WSR_PROXY_WS | WSR_PROXY_UPSTREAM_GROUP;

	if (!wsr_want_bits(w, r->flags, known) || !wsr_want_string0(w, r->uri) || !wsr_want_zero(w, r->reserved) || !wsr_want_pos(w, r->pos))
		return false;
	if (r->flags & WSR_PROXY_VARIABLES)
		return wsr_want_none(w, r->upstream) && wsr_want_tmpl(w, r->url) && wsr_want_string0(w, r->host);
	return wsr_want_index(w, SECTION(upstream), r->upstream) && wsr_want_none(w, r->url) && wsr_want_string(w, r->host);
}
EACH(proxy, struct wsr_proxy)

/* --- settings groups ---------------------------------------------------------------------------------------------- */

#define CELL_U64(w, cell)             true
#define CELL_STR(w, cell)             (wsr_want_string0(w, (cell).v) && wsr_want_zero(w, (cell).zero))
#define CELL_TMPL(w, cell)            (wsr_want_tmpl0(w, (cell).v) && wsr_want_zero(w, (cell).zero))
#define CELL_MIME(w, cell)            (wsr_want_index0(w, SECTION(mime), (cell).v) && wsr_want_zero(w, (cell).zero))
#define CELL_LIST_STR(w, cell)        wsr_want_list(w, SECTION(str_item), cell)
#define CELL_LIST_TMPL(w, cell)       wsr_want_list(w, SECTION(tmpl_item), cell)
#define CELL_LIST_FIELD(w, cell)      wsr_want_list(w, SECTION(field_op), cell)
#define CELL_LIST_REDIRECT(w, cell)   wsr_want_list(w, SECTION(redirect_rule), cell)
#define CELL_LIST_LOG(w, cell)        wsr_want_list(w, SECTION(log_ref), cell)
#define CELL_LIST_ERROR_PAGE(w, cell) wsr_want_list(w, SECTION(error_page), cell)

/* WSR_PICK_<group>_<row's group> of wsr_format.h ends in WSR_KEEP for a group's own rows: there it declares the cell, here it checks it. */
#undef WSR_KEEP
#define WSR_KEEP(kind, name) && CELL_##kind(w, r->name)

static bool check_core(struct wsr_walk *w, const struct wsr_core *r)
{
	(void)w;
	(void)r; /* a group of plain numbers has nothing to check */
	return true
#define WSR_SETTING(group, kind, name, comment) WSR_PICK_core_##group(kind, name)
#include "table/wsr_settings.def"
	;
}
EACH(core, struct wsr_core)

static bool check_fileset(struct wsr_walk *w, const struct wsr_file *r)
{
	return true
#define WSR_SETTING(group, kind, name, comment) WSR_PICK_file_##group(kind, name)
#include "table/wsr_settings.def"
	;
}
EACH(fileset, struct wsr_file)

static bool check_logset(struct wsr_walk *w, const struct wsr_log *r)
{
	return wsr_want(w, r->error_log < wsr_error_log_count(w->t), WSR_E_INDEX)
#define WSR_SETTING(group, kind, name, comment) WSR_PICK_log_##group(kind, name)
#include "table/wsr_settings.def"
	;
}
EACH(logset, struct wsr_log)

static bool check_proxyset(struct wsr_walk *w, const struct wsr_proxyset *r)
{
	uint64_t next = WSR_NEXT_NON_IDEMPOTENT * 2 - 1;

	return wsr_want_enum(w, r->proxy_ignore_accel, 0, 1) && wsr_want_enum(w, r->websocket, WSR_WEBSOCKET_OFF, WSR_WEBSOCKET_ONLY) && wsr_want_enum(w, r->via, WSR_VIA_OFF, WSR_VIA_BLOCK) && wsr_want_enum(w, r->proxy_http_version, 10, 11) &&
	       wsr_want_bits(w, r->proxy_next_upstream, next) && wsr_want_enum(w, r->proxy_ssl_verify, WSR_PROXY_VERIFY_OFF, WSR_PROXY_VERIFY_CHAIN_NO_CA) &&
	       wsr_want_enum(w, r->proxy_ssl_check_name, WSR_PEER_CHECK_OFF, WSR_PEER_CHECK_DEFAULT) && wsr_want_enum(w, r->proxy_ssl_check_cn, WSR_PEER_CHECK_OFF, WSR_PEER_CHECK_DEFAULT) &&
	       wsr_want_enum(w, r->proxy_ssl_check_expire, WSR_PEER_CHECK_OFF, WSR_PEER_CHECK_DEFAULT) && want_crl_check(w, r->proxy_ssl_crl_check) &&
	       wsr_want_bits(w, r->proxy_ssl_protocols, WSR_TLS_1_0 | WSR_TLS_1_1 | WSR_TLS_1_2 | WSR_TLS_1_3)
#define WSR_SETTING(group, kind, name, comment) WSR_PICK_proxy_##group(kind, name)
#include "table/wsr_settings.def"
	;
}
EACH(proxyset, struct wsr_proxyset)

static bool check_fieldset(struct wsr_walk *w, const struct wsr_fieldset *r)
{
	return wsr_want_enum(w, r->expires_kind, WSR_EXPIRES_OFF, WSR_EXPIRES_MODIFIED_TEXT) &&
	       wsr_want(w, r->expires_kind < WSR_EXPIRES_TEXT || r->expires_text.v != WSR_NONE, WSR_E_INDEX)
#define WSR_SETTING(group, kind, name, comment) WSR_PICK_fields_##group(kind, name)
#include "table/wsr_settings.def"
	;
}
EACH(fieldset, struct wsr_fieldset)

static bool check_access_rule(struct wsr_walk *w, const struct wsr_access_rule *r)
{
	uint8_t bits = r->family == 4 ? 32 : r->family == 6 ? 128 : 0;

	return wsr_want(w, r->family == 0 || bits > 0, WSR_E_ENUM) && wsr_want_enum(w, r->prefix_bits, 0, bits) && wsr_want_enum(w, r->deny, 0, 1) &&
	       wsr_want_enum(w, r->unix_socket, 0, 1) && wsr_want_pos(w, r->pos);
}
EACH(access_rule, struct wsr_access_rule)

/* --- servers and locations ---------------------------------------------------------------------------------------- */

static bool check_body(struct wsr_walk *w, const struct wsr_body *r)
{
	return wsr_want_enum(w, r->kind, WSR_LOCATION_PREFIX, WSR_LOCATION_SERVER) &&
	       wsr_want_bits(w, r->flags, WSR_LOCATION_NOREGEX | WSR_LOCATION_AUTO_REDIRECT | WSR_LOCATION_SEGMENT) && wsr_want_zero(w, r->reserved) &&
	       wsr_want_string0(w, r->name) &&
	       (r->kind == WSR_LOCATION_REGEX ? wsr_want_index(w, SECTION(regex), r->regex) : wsr_want_none(w, r->regex)) &&
	       wsr_want_index(w, SECTION(core), r->core) && wsr_want_index(w, SECTION(fileset), r->file) &&
	       wsr_want_index(w, SECTION(logset), r->log) && wsr_want_index(w, SECTION(proxyset), r->proxyset) &&
	       wsr_want_index(w, SECTION(fieldset), r->fieldset) && wsr_want_list(w, SECTION(access_rule), r->access) &&
	       wsr_want_list(w, SECTION(access_rule), r->trusted);
}
EACH(body, struct wsr_body)

/* Only a location that stands in a scope may nest another; wsr_verify_scope() looks at how deep. */
static inline uint32_t location_faults(const struct wsr_walk *w, const struct wsr_location *r)
{
	uint32_t faults = index_fault(w, SECTION(body), r->body) | index0_fault(w, SECTION(proxy), r->proxy) |
			  index0_fault(w, SECTION(program), r->program) | index0_fault(w, SECTION(scope), r->scope) | index0_fault(w, SECTION(pos), r->pos);

	if (r->scope != WSR_NONE && !faults)
		faults = FAULT(wsr_body_at(w->t, r->body)->kind <= WSR_LOCATION_REGEX, SCOPE);
	return faults;
}
EACH_OF_MANY(location, struct wsr_location)

/* A scope needs to know the largest ordinal in its trie, so both sections are walked here; walk_trie() finds its work done. */
bool wsr_walk_scope(struct wsr_walk *w)
{
	w->why->section = "trie";
	if (!wsr_verify_tries(w))
		return false;
	w->why->section = "scope";
	for (uint32_t i = 0; i < wsr_scope_count(w->t); i++)
		if (!wsr_verify_scope(w, i)) {
			w->why->record = i;
			return false;
		}
	w->why->record = 0;
	return true;
}

bool wsr_walk_trie(struct wsr_walk *w)
{
	(void)w;
	return true;
}

static bool check_scope_regex(struct wsr_walk *w, const uint32_t *r)
{
	(void)w;
	(void)r; /* relative to the scope that refers to it: checked there */
	return true;
}
EACH(scope_regex, uint32_t)

static bool check_tls(struct wsr_walk *w, const struct wsr_tls *r)
{
	return wsr_want_list(w, SECTION(str_item), r->certificates) && wsr_want_list(w, SECTION(str_item), r->keys) &&
	       wsr_want(w, r->certificates.count == r->keys.count, WSR_E_RANGE) && wsr_want_list(w, SECTION(str_item), r->ticket_keys) &&
	       wsr_want_bits(w, r->protocols, WSR_TLS_1_0 | WSR_TLS_1_1 | WSR_TLS_1_2 | WSR_TLS_1_3 | WSR_TLS_OF_FIRST_HOST) && wsr_want_string0(w, r->ciphers) &&
	       wsr_want_string0(w, r->curves) && wsr_want_string0(w, r->dhparam) && wsr_want_enum(w, r->prefer_server_ciphers, 0, 1) &&
	       wsr_want_enum(w, r->session_cache, WSR_TLS_CACHE_NONE, WSR_TLS_CACHE_SHARED) && wsr_want_enum(w, r->session_tickets, 0, 1) &&
	       wsr_want_enum(w, r->verify_client, WSR_TLS_VERIFY_OFF, WSR_TLS_VERIFY_OPTIONAL_NO_CA) &&
	       wsr_want_string0(w, r->client_certificate) && wsr_want_string0(w, r->trusted_certificate) && wsr_want_string0(w, r->crl) &&
	       wsr_want_string0(w, r->password_file) && wsr_want_string0(w, r->ciphersuites) && wsr_want_string0(w, r->chain) && wsr_want_enum(w, r->reject_handshake, 0, 1) && wsr_want_pos(w, r->pos) &&
	       wsr_want_enum(w, r->strict_verify, 0, 1) && wsr_want_string0(w, r->client_folder) && wsr_want_string0(w, r->crl_folder) &&
	       wsr_want_string0(w, r->names_file) && wsr_want_string0(w, r->names_folder) && want_crl_check(w, r->crl_check) &&
	       wsr_want_bits(w, r->stapling, WSR_STAPLING_ON | WSR_STAPLING_VERIFY | WSR_STAPLING_ERRORS | WSR_STAPLING_TRY_LATER | WSR_STAPLING_REVOKED) &&
	       wsr_want_string0(w, r->stapling_file) && wsr_want_string0(w, r->stapling_responder) && wsr_want_string0(w, r->stapling_resolver);
}
EACH(tls, struct wsr_tls)

static bool check_srv(struct wsr_walk *w, const struct wsr_srv *r)
{
	return wsr_want_zero(w, r->reserved) && wsr_want_enum(w, r->merge_slashes, 0, 1) && wsr_want_enum(w, r->underscores_in_headers, 0, 1) &&
	       wsr_want_enum(w, r->ignore_invalid_headers, 0, 1);
}
EACH(srv, struct wsr_srv)

static inline uint32_t server_faults(const struct wsr_walk *w, const struct wsr_server *r)
{
	uint32_t faults = FAULT(r->name == 0 || wsr_is_string(w, r->name), STRING) | index0_fault(w, SECTION(scope), r->scope) |
			  index0_fault(w, SECTION(program), r->program) | index_fault(w, SECTION(location), r->location) |
			  index_fault(w, SECTION(srv), r->srv) | index0_fault(w, SECTION(tls), r->tls) | index0_fault(w, SECTION(host), r->host) |
			  index0_fault(w, SECTION(pos), r->pos);

	return faults ? faults : FAULT(wsr_location_kind(w, r->location) == WSR_LOCATION_SERVER, ENUM);
}
EACH_OF_MANY(server, struct wsr_server)

static bool check_nameset(struct wsr_walk *w, const struct wsr_nameset *r)
{
	return wsr_verify_hash(w, SECTION(name_slot), r->exact) && wsr_verify_hash(w, SECTION(name_slot), r->leading) &&
	       wsr_verify_hash(w, SECTION(name_slot), r->trailing) && wsr_want_list(w, SECTION(name_regex), r->regexes) &&
	       wsr_want_bits(w, r->flags, WSR_NAMESET_ORDERED) && wsr_want_zero(w, r->reserved);
}
EACH(nameset, struct wsr_nameset)

static inline uint32_t name_slot_faults(const struct wsr_walk *w, const struct wsr_name_slot *r)
{
	return index_fault(w, SECTION(server), r->server) & -(uint32_t)(r->key != 0);
}
EACH_OF_MANY(name_slot, struct wsr_name_slot)

static bool check_name_regex(struct wsr_walk *w, const struct wsr_name_regex *r)
{
	return wsr_want_index(w, SECTION(regex), r->regex) && wsr_want_index(w, SECTION(server), r->server);
}
EACH(name_regex, struct wsr_name_regex)

static bool check_listen(struct wsr_walk *w, const struct wsr_listen *r)
{
	uint32_t known = WSR_LISTEN_PROXY_CLIENT * 2 - 1;

	return wsr_want_string(w, r->text) && wsr_want(w, r->family == 4 || r->family == 6 || r->family == 1, WSR_E_ENUM) &&
	       (r->family == 1 ? wsr_want_string(w, r->path) : wsr_want(w, r->path == 0, WSR_E_STRING)) && wsr_want_bits(w, r->flags, known) &&
	       wsr_want(w, r->backlog >= -1, WSR_E_ENUM) && wsr_want_index(w, SECTION(server), r->default_server) &&
	       wsr_want_index(w, SECTION(nameset), r->nameset) && wsr_want_pos(w, r->pos);
}
EACH(listen, struct wsr_listen)

/* True if a stands before b: by server, then by the bytes of the name. */
static bool named_before(const struct wsr_table *t, const struct wsr_named *a, const struct wsr_named *b)
{
	struct wsr_str x = wsr_string(t, a->name), y = wsr_string(t, b->name);
	int order = memcmp(x.ptr, y.ptr, x.len < y.len ? x.len : y.len);

	if (a->server != b->server)
		return a->server < b->server;
	return order != 0 ? order < 0 : x.len < y.len;
}

static bool check_named(struct wsr_walk *w, const struct wsr_named *r)
{
	const struct wsr_named *before = w->named_before;

	if (!wsr_want_index(w, SECTION(server), r->server) || !wsr_want_string(w, r->name) ||
	    !wsr_want_location(w, r->location, WSR_LOCATION_NAMED))
		return false;
	w->named_before = r;
	return wsr_want(w, !before || named_before(w->t, before, r), WSR_E_ORDER);
}
EACH(named, struct wsr_named)

/* --- the walk ----------------------------------------------------------------------------------------------------- */

static bool allocate(struct wsr_walk *w)
{
	const struct wsr_table *t = w->t;

	/* One more of each, so that none asks for nothing. */
	w->string_starts = calloc(t->section[SECTION(string)].count / 32 + 1, 1);
	w->trie_top = calloc((size_t)wsr_trie_count(t) + 1, sizeof(*w->trie_top));
	w->scope_depth = calloc((size_t)wsr_scope_count(t) + 1, 1);
	return w->string_starts && w->trie_top && w->scope_depth;
}

static bool walk_all(struct wsr_walk *w)
{
#define X(num, name, type) \
	w->why->section = #name; \
	if (!wsr_walk_##name(w)) \
		return false;
	WSR_SECTIONS(X)
#undef X
	w->why->section = NULL;
	return true;
}

bool wsr_verify_records(const struct wsr_table *t, struct wsr_refusal *why)
{
	struct wsr_walk w = { .t = t, .why = why };
	bool ok;

	ok = allocate(&w) ? walk_all(&w) : wsr_fail(&w, WSR_E_MEMORY);
	free(w.string_starts);
	free(w.trie_top);
	free(w.scope_depth);
	return ok;
}
