/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The walk over every record of every section: each reference, index, list, enumerated value and reserved field. In go a header and section
 * directory that wsr_table.c has checked; out comes "every accessor is safe on this table" or the first fault in file order.
 *
 * One check_<section>() per section, called for each record by walk_<section>(), which EACH() makes; the list of sections is the
 * X-macro of wsr_format.h, so that a section without its check does not compile. Time is linear in the file; memory is a bit per four bytes of
 * strings and a few bytes for each trie node and scope, given back at the end.
 */
#include "table/wsr_verify.h"

#include <stdlib.h>

#define SECTION(name) WSR_SECTION_##name

/* Call check_<name>() for each record; note the record where one fails. */
#define EACH(name, type) \
	static bool walk_##name(struct wsr_walk *w) \
	{ \
		const struct wsr_section_view *view = &w->t->section[WSR_SECTION_##name]; \
		uint32_t count = view->count, stride = view->stride; \
		const uint8_t *record = view->base; \
		for (uint32_t i = 0; i < count; i++, record += stride) \
			if (!check_##name(w, (const type *)(const void *)record)) { \
				w->why->record = i; \
				return false; \
			} \
		return true; \
	}

/*
 * The same for records of which there are as many as servers: <name>_faults() gives a bit for each error that a record has, without a branch in between.
 * The lowest bit is the one reported.
 */
#define EACH_OF_MANY(name, type) \
	static bool walk_##name(struct wsr_walk *w) \
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

static bool want_enum(struct wsr_walk *w, uint64_t value, uint64_t min, uint64_t max)
{
	return wsr_want(w, value >= min && value <= max, WSR_E_ENUM);
}

static bool want_bits(struct wsr_walk *w, uint64_t value, uint64_t known)
{
	return wsr_want(w, (value & ~known) == 0, WSR_E_ENUM);
}

static bool want_crl_check(struct wsr_walk *w, uint64_t value)
{
	return want_bits(w, value, WSR_CRL_MODE | WSR_CRL_MISSING_OK) && want_enum(w, value & WSR_CRL_MODE, WSR_CRL_CHAIN, WSR_CRL_NONE);
}

static bool want_zero(struct wsr_walk *w, uint64_t value)
{
	return wsr_want(w, value == 0, WSR_E_RESERVED);
}

static bool want_pos(struct wsr_walk *w, uint32_t pos)
{
	return wsr_want_index0(w, SECTION(pos), pos);
}

static bool want_tmpl(struct wsr_walk *w, uint32_t tmpl)
{
	return wsr_want_index(w, SECTION(tmpl), tmpl);
}

static bool want_tmpl0(struct wsr_walk *w, uint32_t tmpl)
{
	return wsr_want_index0(w, SECTION(tmpl), tmpl);
}

static bool want_none(struct wsr_walk *w, uint32_t index)
{
	return wsr_want(w, index == WSR_NONE, WSR_E_INDEX);
}

/* --- whole process, positions, plain items ------------------------------------------------------------------------ */

static bool walk_string(struct wsr_walk *w)
{
	return wsr_verify_strings(w);
}

static bool check_global(struct wsr_walk *w, const struct wsr_global *r)
{
	return wsr_want_string0(w, r->origin) && wsr_want_string0(w, r->compiler) && wsr_want_string0(w, r->user) &&
	       wsr_want_string0(w, r->group) && wsr_want_string0(w, r->pid) &&
	       wsr_want_index(w, SECTION(error_log), r->error_log) && wsr_want_index(w, SECTION(body), r->default_body) &&
	       want_enum(w, r->daemon, 0, 1) && want_enum(w, r->multi_accept, 0, 1) && wsr_want_list(w, SECTION(access_rule), r->exempt);
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
	return want_tmpl(w, *r);
}
EACH(tmpl_item, uint32_t)

/* --- values ------------------------------------------------------------------------------------------------------- */

static bool check_part(struct wsr_walk *w, const struct wsr_part *r)
{
	if (!want_zero(w, r->flags))
		return false;
	switch (r->kind) {
	case WSR_PART_LITERAL:
		return wsr_want_string(w, r->arg);
	case WSR_PART_VARIABLE:
		return want_enum(w, r->id, 0, WSR_VARIABLE_ID_LIMIT - 1) && wsr_want_string0(w, r->arg);
	case WSR_PART_USER:
		return wsr_want_index(w, SECTION(variable), r->arg);
	case WSR_PART_CAPTURE:
		return want_enum(w, r->id, 0, 9);
	case WSR_PART_ARGS_START:
		return true;
	case WSR_PART_CONDITION_CAPTURE:
		return want_enum(w, r->id, 0, 9);
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

/* At most as many names as groups, so lists that overlap cost no more than 64 times their length. */
static bool check_regex(struct wsr_walk *w, const struct wsr_regex *r)
{
	if (!wsr_want_string(w, r->pattern) || !want_bits(w, r->flags, WSR_REGEX_CASELESS | WSR_REGEX_HTTPD) ||
	    !wsr_want(w, r->capture_count >= 1 && r->capture_count <= WSR_MAX_CAPTURES, WSR_E_REGEX) ||
	    !wsr_want_list(w, SECTION(regex_name), r->names) || !wsr_want(w, r->names.count < r->capture_count, WSR_E_REGEX))
		return false;
	for (uint32_t i = 0; i < r->names.count; i++) {
		uint32_t group = wsr_regex_name_at(w->t, r->names.first + i)->group;

		if (group == 0 || group >= r->capture_count)
			return wsr_fail(w, WSR_E_REGEX);
	}
	return want_pos(w, r->pos);
}
EACH(regex, struct wsr_regex)

static bool check_regex_name(struct wsr_walk *w, const struct wsr_regex_name *r)
{
	return wsr_want_index(w, SECTION(variable), r->slot);
}
EACH(regex_name, struct wsr_regex_name)

static bool check_variable(struct wsr_walk *w, const struct wsr_variable *r)
{
	return wsr_want_string(w, r->name) && want_enum(w, r->kind, WSR_VARIABLE_SET, WSR_VARIABLE_CAPTURE) &&
	       (r->kind == WSR_VARIABLE_MAP ? wsr_want_index(w, SECTION(map), r->map) : want_none(w, r->map));
}
EACH(variable, struct wsr_variable)

static bool check_map(struct wsr_walk *w, const struct wsr_map *r)
{
	return want_tmpl(w, r->source) && want_tmpl(w, r->default_value) && wsr_verify_hash(w, SECTION(map_slot), r->slots) &&
	       wsr_want_list(w, SECTION(map_regex), r->regexes) && want_bits(w, r->flags, WSR_MAP_HOSTNAMES | WSR_MAP_VOLATILE | WSR_MAP_EXACT) &&
	       want_pos(w, r->pos);
}
EACH(map, struct wsr_map)

static bool check_map_slot(struct wsr_walk *w, const struct wsr_map_slot *r)
{
	return r->key == 0 || want_tmpl(w, r->value);
}
EACH(map_slot, struct wsr_map_slot)

static bool check_map_regex(struct wsr_walk *w, const struct wsr_map_regex *r)
{
	return wsr_want_index(w, SECTION(regex), r->regex) && want_tmpl(w, r->value);
}
EACH(map_regex, struct wsr_map_regex)

/* --- the rewrite program ------------------------------------------------------------------------------------------ */

static bool check_rewrite(struct wsr_walk *w, const struct wsr_insn *r)
{
	uint8_t known = WSR_REWRITE_LAST | WSR_REWRITE_BREAK | WSR_REWRITE_REDIRECT | WSR_REWRITE_ADD_ARGS | WSR_REWRITE_HAS_ARGS;

	return want_bits(w, r->flags, known) && wsr_want_index(w, SECTION(regex), r->a) && want_tmpl(w, r->b) &&
	       (!(r->flags & WSR_REWRITE_REDIRECT) || want_enum(w, r->code, 300, 399));
}

/* Operands by operation. Where jumps lead is looked at for the program as a whole (wsr_verify_program). */
static bool check_insn(struct wsr_walk *w, const struct wsr_insn *r)
{
	if (!want_pos(w, r->pos))
		return false;
	switch (r->op) {
	case WSR_OP_SET:
		return want_bits(w, r->flags, 0) && wsr_want_index(w, SECTION(variable), r->a) && want_tmpl(w, r->b);
	case WSR_OP_IF_TRUE:
		return want_bits(w, r->flags, WSR_INSN_NOT) && want_tmpl(w, r->a);
	case WSR_OP_IF_EQUAL:
		return want_bits(w, r->flags, WSR_INSN_NOT) && want_tmpl(w, r->a) && want_tmpl(w, r->b);
	case WSR_OP_IF_MATCH:
		return want_bits(w, r->flags, WSR_INSN_NOT) && want_tmpl(w, r->a) && wsr_want_index(w, SECTION(regex), r->b);
	case WSR_OP_IF_FILE:
		return want_bits(w, r->flags, WSR_INSN_NOT) && want_tmpl(w, r->a) && want_enum(w, r->code, WSR_FILE_IS_FILE, WSR_FILE_IS_EXEC);
	case WSR_OP_REWRITE:
		return check_rewrite(w, r);
	case WSR_OP_RETURN:
		return want_bits(w, r->flags, WSR_RETURN_URL) && want_enum(w, r->code, 0, 999) && want_tmpl0(w, r->b) &&
		       (!(r->flags & WSR_RETURN_URL) || want_tmpl(w, r->b));
	case WSR_OP_BREAK:
		return want_bits(w, r->flags, 0);
	case WSR_OP_USE:
		return want_bits(w, r->flags, 0) && wsr_want_location(w, r->a, WSR_LOCATION_IF);
	case WSR_OP_REDIRECT:
		return want_bits(w, r->flags, 0) && wsr_want_index0(w, SECTION(regex), r->a) && want_tmpl(w, r->b) && want_tmpl0(w, r->c) &&
		       want_enum(w, r->code, 300, 399);
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
	return wsr_want_string(w, r->name) && want_tmpl(w, r->value) && want_bits(w, r->flags, WSR_FIELD_ALWAYS) && want_pos(w, r->pos);
}
EACH(field_op, struct wsr_field_op)

static bool check_redirect_rule(struct wsr_walk *w, const struct wsr_redirect_rule *r)
{
	return want_bits(w, r->flags, WSR_REDIRECT_REGEX) &&
	       (r->flags & WSR_REDIRECT_REGEX ? wsr_want_index(w, SECTION(regex), r->from) : want_tmpl(w, r->from)) && want_tmpl(w, r->to) &&
	       want_pos(w, r->pos);
}
EACH(redirect_rule, struct wsr_redirect_rule)

static bool check_error_page(struct wsr_walk *w, const struct wsr_error_page *r)
{
	return want_enum(w, r->status, 300, 599) && want_enum(w, r->answer, 0, 999) && want_tmpl(w, r->target) && want_pos(w, r->pos);
}
EACH(error_page, struct wsr_error_page)

static bool check_log_ref(struct wsr_walk *w, const struct wsr_log_ref *r)
{
	return want_tmpl(w, r->path) && wsr_want_index(w, SECTION(log_format), r->format) && want_tmpl0(w, r->condition) &&
	       wsr_want_index0(w, SECTION(cond), r->when) && want_pos(w, r->pos);
}
EACH(log_ref, struct wsr_log_ref)

static bool check_log_format(struct wsr_walk *w, const struct wsr_log_format *r)
{
	return wsr_want_string(w, r->name) && want_tmpl(w, r->line) && want_enum(w, r->escape, WSR_ESCAPE_DEFAULT, WSR_ESCAPE_HTTPD);
}
EACH(log_format, struct wsr_log_format)

static bool check_error_log(struct wsr_walk *w, const struct wsr_error_log *r)
{
	return wsr_want_string(w, r->path) && want_enum(w, r->level, WSR_LOG_EMERG, WSR_LOG_DEBUG);
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
	       want_enum(w, r->balance, WSR_BALANCE_ROUND_ROBIN, WSR_BALANCE_TRAFFIC) && want_bits(w, r->flags, WSR_UPSTREAM_IMPLICIT | WSR_UPSTREAM_HTTPD) &&
	       (r->balance == WSR_BALANCE_HASH ? want_tmpl(w, r->hash_key) : want_tmpl0(w, r->hash_key)) && want_pos(w, r->pos) &&
	       want_zero(w, r->reserved);
}
EACH(upstream, struct wsr_upstream)

static bool check_peer(struct wsr_walk *w, const struct wsr_peer *r)
{
	return wsr_want_string(w, r->host) && wsr_want_string(w, r->text) && want_enum(w, r->kind, WSR_PEER_NAME, WSR_PEER_UNIX) &&
	       wsr_want(w, (r->kind == WSR_PEER_UNIX) == (r->port == 0), WSR_E_ENUM) && want_enum(w, r->weight, 1, UINT32_MAX) &&
	       want_bits(w, r->flags, WSR_PEER_PLAIN * 2u - 1u) && want_pos(w, r->pos);
}
EACH(peer, struct wsr_peer)

static bool check_proxy(struct wsr_walk *w, const struct wsr_proxy *r)
{
	uint32_t known = WSR_PROXY_TLS | WSR_PROXY_VARIABLES | WSR_PROXY_WS | WSR_PROXY_UPSTREAM_GROUP;

	if (!want_bits(w, r->flags, known) || !wsr_want_string0(w, r->uri) || !want_zero(w, r->reserved) || !want_pos(w, r->pos))
		return false;
	if (r->flags & WSR_PROXY_VARIABLES)
		return want_none(w, r->upstream) && want_tmpl(w, r->url) && wsr_want_string0(w, r->host);
	return wsr_want_index(w, SECTION(upstream), r->upstream) && want_none(w, r->url) && wsr_want_string(w, r->host);
}
EACH(proxy, struct wsr_proxy)

/* --- settings groups ---------------------------------------------------------------------------------------------- */

#define CELL_U64(w, cell)             true
#define CELL_STR(w, cell)             (wsr_want_string0(w, (cell).v) && want_zero(w, (cell).zero))
#define CELL_TMPL(w, cell)            (want_tmpl0(w, (cell).v) && want_zero(w, (cell).zero))
#define CELL_MIME(w, cell)            (wsr_want_index0(w, SECTION(mime), (cell).v) && want_zero(w, (cell).zero))
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

	return want_enum(w, r->websocket, WSR_WEBSOCKET_OFF, WSR_WEBSOCKET_ONLY) && want_enum(w, r->via, WSR_VIA_OFF, WSR_VIA_BLOCK) && want_enum(w, r->proxy_http_version, 10, 11) &&
	       want_bits(w, r->proxy_next_upstream, next) && want_enum(w, r->proxy_ssl_verify, WSR_PROXY_VERIFY_OFF, WSR_PROXY_VERIFY_CHAIN_NO_CA) &&
	       want_enum(w, r->proxy_ssl_check_name, WSR_PEER_CHECK_OFF, WSR_PEER_CHECK_DEFAULT) && want_enum(w, r->proxy_ssl_check_cn, WSR_PEER_CHECK_OFF, WSR_PEER_CHECK_DEFAULT) &&
	       want_enum(w, r->proxy_ssl_check_expire, WSR_PEER_CHECK_OFF, WSR_PEER_CHECK_DEFAULT) && want_crl_check(w, r->proxy_ssl_crl_check) &&
	       want_bits(w, r->proxy_ssl_protocols, WSR_TLS_1_0 | WSR_TLS_1_1 | WSR_TLS_1_2 | WSR_TLS_1_3)
#define WSR_SETTING(group, kind, name, comment) WSR_PICK_proxy_##group(kind, name)
#include "table/wsr_settings.def"
	;
}
EACH(proxyset, struct wsr_proxyset)

static bool check_fieldset(struct wsr_walk *w, const struct wsr_fieldset *r)
{
	return want_enum(w, r->expires_kind, WSR_EXPIRES_OFF, WSR_EXPIRES_MODIFIED_TEXT) &&
	       wsr_want(w, r->expires_kind < WSR_EXPIRES_TEXT || r->expires_text.v != WSR_NONE, WSR_E_INDEX)
#define WSR_SETTING(group, kind, name, comment) WSR_PICK_fields_##group(kind, name)
#include "table/wsr_settings.def"
	;
}
EACH(fieldset, struct wsr_fieldset)

static bool check_access_rule(struct wsr_walk *w, const struct wsr_access_rule *r)
{
	uint8_t bits = r->family == 4 ? 32 : r->family == 6 ? 128 : 0;

	return wsr_want(w, r->family == 0 || bits > 0, WSR_E_ENUM) && want_enum(w, r->prefix_bits, 0, bits) && want_enum(w, r->deny, 0, 1) &&
	       want_enum(w, r->unix_socket, 0, 1) && want_pos(w, r->pos);
}
EACH(access_rule, struct wsr_access_rule)

/* --- servers and locations ---------------------------------------------------------------------------------------- */

static bool check_body(struct wsr_walk *w, const struct wsr_body *r)
{
	return want_enum(w, r->kind, WSR_LOCATION_PREFIX, WSR_LOCATION_SERVER) &&
	       want_bits(w, r->flags, WSR_LOCATION_NOREGEX | WSR_LOCATION_AUTO_REDIRECT | WSR_LOCATION_SEGMENT) && want_zero(w, r->reserved) &&
	       wsr_want_string0(w, r->name) &&
	       (r->kind == WSR_LOCATION_REGEX ? wsr_want_index(w, SECTION(regex), r->regex) : want_none(w, r->regex)) &&
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
static bool walk_scope(struct wsr_walk *w)
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

static bool walk_trie(struct wsr_walk *w)
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
	       want_bits(w, r->protocols, WSR_TLS_1_0 | WSR_TLS_1_1 | WSR_TLS_1_2 | WSR_TLS_1_3 | WSR_TLS_OF_FIRST_HOST) && wsr_want_string0(w, r->ciphers) &&
	       wsr_want_string0(w, r->curves) && wsr_want_string0(w, r->dhparam) && want_enum(w, r->prefer_server_ciphers, 0, 1) &&
	       want_enum(w, r->session_cache, WSR_TLS_CACHE_NONE, WSR_TLS_CACHE_SHARED) && want_enum(w, r->session_tickets, 0, 1) &&
	       want_enum(w, r->verify_client, WSR_TLS_VERIFY_OFF, WSR_TLS_VERIFY_OPTIONAL_NO_CA) &&
	       wsr_want_string0(w, r->client_certificate) && wsr_want_string0(w, r->trusted_certificate) && wsr_want_string0(w, r->crl) &&
	       wsr_want_string0(w, r->password_file) && wsr_want_string0(w, r->ciphersuites) && wsr_want_string0(w, r->chain) && want_enum(w, r->reject_handshake, 0, 1) && want_pos(w, r->pos) &&
	       want_enum(w, r->strict_verify, 0, 1) && wsr_want_string0(w, r->client_folder) && wsr_want_string0(w, r->crl_folder) &&
	       wsr_want_string0(w, r->names_file) && wsr_want_string0(w, r->names_folder) && want_crl_check(w, r->crl_check) && want_zero(w, r->reserved);
}
EACH(tls, struct wsr_tls)

static bool check_srv(struct wsr_walk *w, const struct wsr_srv *r)
{
	return want_zero(w, r->reserved) && want_enum(w, r->merge_slashes, 0, 1) && want_enum(w, r->underscores_in_headers, 0, 1) &&
	       want_enum(w, r->ignore_invalid_headers, 0, 1);
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
	       want_bits(w, r->flags, WSR_NAMESET_ORDERED) && want_zero(w, r->reserved);
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
	       (r->family == 1 ? wsr_want_string(w, r->path) : wsr_want(w, r->path == 0, WSR_E_STRING)) && want_bits(w, r->flags, known) &&
	       wsr_want(w, r->backlog >= -1, WSR_E_ENUM) && wsr_want_index(w, SECTION(server), r->default_server) &&
	       wsr_want_index(w, SECTION(nameset), r->nameset) && want_pos(w, r->pos);
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

/* --- Apache and IIS ----------------------------------------------------------------------------------------------- */

/* Children stand one behind the other and fill the node's size exactly, so every tree is finite and every node is looked at once by its parent. */
static bool check_children(struct wsr_walk *w, const struct wsr_cond *r, uint32_t index)
{
	uint32_t left = r->size - 1u;

	while (left > 0) {
		const struct wsr_cond *child = wsr_cond_at(w->t, index + r->size - left);

		if (child->size == 0 || child->size > left)
			return wsr_fail(w, WSR_E_RANGE);
		left -= child->size;
	}
	return true;
}

static bool check_cond_operands(struct wsr_walk *w, const struct wsr_cond *r)
{
	switch (r->op) {
	case WSR_COND_TRUE:
	case WSR_COND_VALID_USER:
	case WSR_COND_AND:
	case WSR_COND_OR:
		return true;
	case WSR_COND_EQUAL:
	case WSR_COND_LESS:
	case WSR_COND_LESS_EQUAL:
	case WSR_COND_INT_EQUAL:
	case WSR_COND_INT_LESS:
	case WSR_COND_INT_LESS_EQUAL:
		return want_tmpl(w, r->a) && want_tmpl(w, r->b);
	case WSR_COND_MATCH:
		return want_tmpl(w, r->a) && wsr_want_index(w, SECTION(regex), r->b);
	case WSR_COND_NOT_EMPTY:
	case WSR_COND_TRUTH:
		return want_tmpl(w, r->a);
	case WSR_COND_PRESENT:
		return want_tmpl(w, r->a) && wsr_want(w, wsr_tmpl_at(w->t, r->a)->part_count == 1, WSR_E_RANGE);
	case WSR_COND_FILE:
		return want_tmpl(w, r->a) && want_enum(w, r->b, WSR_FILE_IS_FILE, WSR_FILE_LAST);
	case WSR_COND_WELCOME:
		return want_tmpl(w, r->a) && want_enum(w, r->b, WSR_WELCOME_URL, WSR_WELCOME_LAST);
	case WSR_COND_CLIENT:
		return wsr_want_list(w, SECTION(access_rule), (struct wsr_list){ r->a, r->b });
	case WSR_COND_USER:
	case WSR_COND_GROUP:
		return wsr_want_list(w, SECTION(str_item), (struct wsr_list){ r->a, r->b });
	}
	return wsr_fail(w, WSR_E_ENUM);
}

static bool walk_cond(struct wsr_walk *w)
{
	uint32_t count = wsr_cond_count(w->t);

	for (uint32_t i = 0; i < count; i++) {
		const struct wsr_cond *r = wsr_cond_at(w->t, i);
		bool holder = r->op == WSR_COND_AND || r->op == WSR_COND_OR;

		w->why->record = i;
		if (!want_bits(w, r->flags, WSR_COND_NOT | WSR_COND_NOCASE | WSR_COND_BY_LENGTH) || !want_pos(w, r->pos) ||
		    !wsr_want(w, r->size >= 1 && r->size <= count - i && holder == (r->size > 1), WSR_E_RANGE) ||
		    !check_children(w, r, i) || !check_cond_operands(w, r))
			return false;
	}
	w->why->record = 0;
	return true;
}

static bool want_cond0(struct wsr_walk *w, uint32_t cond)
{
	return wsr_want_index0(w, SECTION(cond), cond);
}

static bool check_env_op(struct wsr_walk *w, const struct wsr_env_op *r)
{
	return wsr_want_index(w, SECTION(variable), r->slot) && want_tmpl(w, r->value) && want_cond0(w, r->condition) &&
	       want_bits(w, r->flags, WSR_ENV_UNSET | WSR_ENV_LATE) && want_pos(w, r->pos);
}
EACH(env_op, struct wsr_env_op)

static bool check_rewrite_rule(struct wsr_walk *w, const struct wsr_rewrite_rule *r)
{
	return want_cond0(w, r->condition) && wsr_want_index(w, SECTION(regex), r->regex) &&
	       (r->flags & WSR_RULE_NOTHING ? want_none(w, r->target) : want_tmpl(w, r->target)) &&
	       want_bits(w, r->flags, WSR_RULE_LAST_BIT * 2u - 1u) &&
	       (!(r->flags & (WSR_RULE_REDIRECT | WSR_RULE_STATUS)) || want_enum(w, r->status, 100, 999)) &&
	       wsr_want_list(w, SECTION(env_op), r->env) && wsr_want_list(w, SECTION(tmpl_item), r->cookies) && want_tmpl0(w, r->type) &&
	       want_tmpl0(w, r->handler) && wsr_want_string0(w, r->escape) && want_pos(w, r->pos);
}
EACH(rewrite_rule, struct wsr_rewrite_rule)

static bool check_alias_rule(struct wsr_walk *w, const struct wsr_alias_rule *r)
{
	bool by_regex = r->kind == WSR_ALIAS_FILE_MATCH || r->kind == WSR_ALIAS_REDIRECT_MATCH;

	return want_enum(w, r->kind, WSR_ALIAS_FILE, WSR_ALIAS_REDIRECT_MATCH) && want_zero(w, r->flags) && want_enum(w, r->status, 0, 999) &&
	       wsr_want_string0(w, r->from) && (by_regex ? wsr_want_index(w, SECTION(regex), r->regex) : want_none(w, r->regex)) &&
	       want_tmpl0(w, r->target) && want_pos(w, r->pos);
}
EACH(alias_rule, struct wsr_alias_rule)

static bool check_header_op(struct wsr_walk *w, const struct wsr_header_op *r)
{
	bool edits = r->action == WSR_HEADER_EDIT || r->action == WSR_HEADER_EDIT_ALL || r->action == WSR_HEADER_ECHO;
	bool valueless = r->action == WSR_HEADER_UNSET || r->action == WSR_HEADER_ECHO;

	return want_enum(w, r->action, WSR_HEADER_SET, WSR_HEADER_ECHO) && want_bits(w, r->flags, WSR_HEADER_ALWAYS | WSR_HEADER_EARLY) &&
	       want_zero(w, r->reserved) && wsr_want_string(w, r->name) && (valueless ? want_none(w, r->value) : want_tmpl(w, r->value)) &&
	       (edits ? wsr_want_index(w, SECTION(regex), r->regex) : want_none(w, r->regex)) && want_cond0(w, r->condition) && want_pos(w, r->pos);
}
EACH(header_op, struct wsr_header_op)

static bool check_worker(struct wsr_walk *w, const struct wsr_worker *r)
{
	return wsr_want_string(w, r->url) && wsr_want_index(w, SECTION(proxy), r->proxy) &&
	       wsr_want_index(w, SECTION(upstream), wsr_proxy_at(w->t, r->proxy)->upstream) && wsr_want_string0(w, r->upgrade) &&
	       want_bits(w, r->flags, WSR_WORKER_SEMICOLON * 2u - 1u) && wsr_want_string0(w, r->sticky_cookie) &&
	       wsr_want_string0(w, r->sticky_path) && wsr_want_list(w, SECTION(member), r->members) &&
	       wsr_want(w, r->members.count == (r->flags & WSR_WORKER_BALANCER ? wsr_upstream_at(w->t, wsr_proxy_at(w->t, r->proxy)->upstream)->peers.count : 0), WSR_E_RANGE) &&
	       want_pos(w, r->pos);
}
EACH(worker, struct wsr_worker)

static bool check_member(struct wsr_walk *w, const struct wsr_member *r)
{
	return wsr_want_string0(w, r->route) && wsr_want_string0(w, r->uri) && wsr_want_string0(w, r->upgrade) && want_bits(w, r->flags, WSR_MEMBER_UPGRADE_ANY * 2u - 1u);
}
EACH(member, struct wsr_member)

static bool check_pass(struct wsr_walk *w, const struct wsr_pass *r)
{
	bool exclude = r->flags & WSR_PASS_EXCLUDE, live = r->flags & WSR_PASS_INTERPOLATE && !exclude;

	return want_bits(w, r->flags, WSR_PASS_APPEND * 2u - 1u) && wsr_want_string0(w, r->from) && wsr_want_index0(w, SECTION(regex), r->regex) &&
	       (exclude ? want_none(w, r->proxy) : wsr_want_index(w, SECTION(proxy), r->proxy)) && want_tmpl0(w, r->target) &&
	       (!exclude || want_none(w, r->worker)) && (live ? want_tmpl(w, r->live_from) && want_tmpl(w, r->live_target) :
							 want_none(w, r->live_from) && want_none(w, r->live_target)) && want_pos(w, r->pos);
}
EACH(pass, struct wsr_pass)

static bool check_reverse(struct wsr_walk *w, const struct wsr_reverse *r)
{
	return want_enum(w, r->kind, WSR_REVERSE_LOCATION, WSR_REVERSE_COOKIE_PATH) && wsr_want_string(w, r->internal) &&
	       wsr_want_string(w, r->external) && want_tmpl0(w, r->live_internal) &&
	       (r->live_internal == WSR_NONE ? want_none(w, r->live_external) : want_tmpl(w, r->live_external)) && want_pos(w, r->pos);
}
EACH(reverse, struct wsr_reverse)

static bool check_auth(struct wsr_walk *w, const struct wsr_auth *r)
{
	return want_tmpl0(w, r->realm) && wsr_want_string0(w, r->user_file) && wsr_want_string0(w, r->group_file) && want_bits(w, r->flags, WSR_AUTH_BASIC | WSR_AUTH_NONE) &&
	       want_pos(w, r->pos);
}
EACH(auth, struct wsr_auth)

static bool check_layer(struct wsr_walk *w, const struct wsr_layer *r)
{
	return want_enum(w, r->kind, WSR_LAYER_HOST, WSR_LAYER_IF) && want_bits(w, r->rewrite_options, WSR_REWRITE_NO_SLASH * 2u - 1u) &&
	       want_cond0(w, r->hosts) &&
	       wsr_want_string0(w, r->name) && wsr_want_index0(w, SECTION(regex), r->regex) && want_cond0(w, r->condition) &&
	       wsr_want_location(w, r->location, WSR_LOCATION_SERVER) && wsr_want_index0(w, SECTION(pass), r->pass) && want_cond0(w, r->require) &&
	       wsr_want_index0(w, SECTION(auth), r->auth) && wsr_want_list(w, SECTION(env_op), r->env) &&
	       wsr_want_list(w, SECTION(rewrite_rule), r->rewrites) && wsr_want_list(w, SECTION(alias_rule), r->aliases) &&
	       wsr_want_list(w, SECTION(reverse), r->reverses) &&
	       wsr_want_list(w, SECTION(header_op), r->request_headers) && wsr_want_list(w, SECTION(header_op), r->response_headers) &&
	       wsr_want_string0(w, r->rewrite_base) && want_pos(w, r->pos);
}
EACH(layer, struct wsr_layer)

static bool want_pass_worker(struct wsr_walk *w, const struct wsr_host *r, uint32_t pass)
{
	uint32_t worker = wsr_pass_at(w->t, pass)->worker;
	return worker == WSR_NONE || wsr_want(w, worker < r->workers.count, WSR_E_INDEX);
}

/* Sections inside each other stand in order, and passes refer to the host's own workers. */
static bool check_host_parts(struct wsr_walk *w, const struct wsr_host *r)
{
	for (uint32_t i = 0; i < r->passes.count; i++)
		if (!want_pass_worker(w, r, r->passes.first + i))
			return false;
	for (uint32_t i = 0; i < r->layers.count; i++) {
		const struct wsr_layer *y = wsr_layer_at(w->t, r->layers.first + i);
		if (!wsr_want(w, y->inside <= i, WSR_E_ORDER) || (y->pass != WSR_NONE && !want_pass_worker(w, r, y->pass)))
			return false;
	}
	return true;
}

static bool check_host(struct wsr_walk *w, const struct wsr_host *r)
{
	return wsr_want_list(w, SECTION(layer), r->layers) && wsr_want(w, r->layers.count > 0, WSR_E_RANGE) &&
	       wsr_want(w, wsr_layer_at(w->t, r->layers.first)->kind == WSR_LAYER_HOST, WSR_E_ENUM) &&
	       wsr_want_list(w, SECTION(pass), r->passes) && wsr_want_list(w, SECTION(worker), r->workers) && check_host_parts(w, r) &&
	       wsr_want_list(w, SECTION(access_rule), r->trusted) && wsr_want_string0(w, r->remote_header) && wsr_want_string0(w, r->admin) &&
	       want_enum(w, r->canonical_port, 0, 65535) && want_bits(w, r->flags, WSR_HOST_NO_TRACE * 2u - 1u) && want_pos(w, r->pos);
}
EACH(host, struct wsr_host)

static bool check_call(struct wsr_walk *w, const struct wsr_call *r)
{
	bool looks_up = r->function == WSR_FUNCTION_MAP || r->function == WSR_FUNCTION_RANDOM;

	return want_enum(w, r->function, WSR_FUNCTION_LOWER, WSR_FUNCTION_AHEAD_FILE) && want_tmpl(w, r->argument) &&
	       (looks_up ? wsr_want_index(w, SECTION(map), r->map) : want_none(w, r->map)) && want_tmpl0(w, r->fallback);
}
EACH(call, struct wsr_call)

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
	if (!walk_##name(w)) \
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
