/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes as a table: length and checksum are put right, so that the fuzzer gets past them, then the table is opened. What is accepted is
 * read like a reader would, every reference followed to its end: each string byte, list item, template, trie path, scope and hash
 * table. A sanitizer must have nothing to say, and every walk must end.
 */
#include "table/wsr_table.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

/* Sum of what was read, so that no read is optimised away. */
static volatile unsigned sink;

static void read_string(const struct wsr_table *t, wsr_sref ref)
{
	struct wsr_str s = wsr_string(t, ref);

	if (!s.ptr)
		return;
	for (size_t i = 0; i <= s.len; i++) /* the NUL too */
		sink += (unsigned char)s.ptr[i];
	if (s.ptr[s.len] != 0)
		abort();
}

static void read_pos(const struct wsr_table *t, uint32_t pos)
{
	char small[24], large[512];

	sink += (unsigned char)wsr_pos_text(t, pos, true, small, sizeof(small))[0];
	sink += (unsigned char)wsr_pos_text(t, pos, false, large, sizeof(large))[0];
}

static void read_tmpl(const struct wsr_table *t, uint32_t tmpl)
{
	const struct wsr_tmpl *r;
	struct wsr_str s;

	if (tmpl == WSR_NONE)
		return;
	r = wsr_tmpl_at(t, tmpl);
	if (wsr_tmpl_constant(t, tmpl, &s) && s.len > 0)
		sink += (unsigned char)s.ptr[s.len - 1];
	if (r->part_count > 64) /* parts are read once each by read_parts() */
		return;
	for (uint32_t i = 0; i < r->part_count; i++) {
		const struct wsr_part *part = wsr_part_at(t, r->first_part + i);

		sink += part->id;
		if (part->kind == WSR_PART_USER)
			sink += wsr_variable_at(t, part->arg)->kind;
	}
}

static void read_parts(const struct wsr_table *t)
{
	for (uint32_t i = 0; i < wsr_part_count(t); i++) {
		const struct wsr_part *part = wsr_part_at(t, i);

		if (part->kind == WSR_PART_LITERAL || part->kind == WSR_PART_VARIABLE)
			read_string(t, part->arg);
	}
}

static void read_values(const struct wsr_table *t)
{
	for (uint32_t i = 0; i < wsr_tmpl_count(t); i++)
		read_tmpl(t, i);
	for (uint32_t i = 0; i < wsr_tmpl_item_count(t); i++)
		read_tmpl(t, *wsr_tmpl_item_at(t, i));
	for (uint32_t i = 0; i < wsr_str_item_count(t); i++)
		read_string(t, *wsr_str_item_at(t, i));
	for (uint32_t i = 0; i < wsr_pos_count(t); i++)
		read_pos(t, i);
	for (uint32_t i = 0; i < wsr_regex_count(t); i++) {
		const struct wsr_regex *r = wsr_regex_at(t, i);

		read_string(t, r->pattern);
		read_pos(t, r->pos);
		for (uint32_t k = 0; k < r->names.count; k++)
			sink += wsr_variable_at(t, wsr_regex_name_at(t, r->names.first + k)->slot)->kind;
	}
	for (uint32_t i = 0; i < wsr_variable_count(t); i++) {
		const struct wsr_variable *r = wsr_variable_at(t, i);

		read_string(t, r->name);
		if (r->kind == WSR_VARIABLE_MAP)
			sink += wsr_map_at(t, r->map)->flags;
	}
}

/* Each key must be found at its own slot or at an equal key before it; a key that differs must not be. */
static void find_names(const struct wsr_table *t, struct wsr_list slots, struct wsr_str probe)
{
	sink += wsr_name_find(t, slots, probe) != NULL;
	for (uint32_t i = 0; i < slots.count; i++) {
		const struct wsr_name_slot *slot = wsr_name_slot_at(t, slots.first + i), *found;

		if (slot->key == 0)
			continue;
		found = wsr_name_find(t, slots, wsr_string(t, slot->key));
		if (!found || !wsr_str_eq(wsr_string(t, found->key), wsr_string(t, slot->key)))
			abort();
		sink += wsr_server_at(t, found->server)->srv;
	}
}

static void read_hashes(const struct wsr_table *t, struct wsr_str probe)
{
	for (uint32_t i = 0; i < wsr_nameset_count(t); i++) {
		const struct wsr_nameset *r = wsr_nameset_at(t, i);

		find_names(t, r->exact, probe);
		find_names(t, r->leading, probe);
		find_names(t, r->trailing, probe);
	}
	for (uint32_t i = 0; i < wsr_map_count(t); i++) {
		const struct wsr_map *r = wsr_map_at(t, i);
		const struct wsr_map_slot *slot = wsr_map_find(t, r->slots, probe);

		read_tmpl(t, slot ? slot->value : r->default_value);
		read_tmpl(t, r->source);
		if (r->regexes.count)
			read_tmpl(t, wsr_map_regex_at(t, r->regexes.first + r->regexes.count - 1)->value);
	}
	for (uint32_t i = 0; i < wsr_mime_count(t); i++) {
		const struct wsr_mime_slot *slot = wsr_mime_find(t, wsr_mime_at(t, i)->slots, probe);

		if (slot)
			read_string(t, slot->type);
	}
}

/* Each conditional jump from each place of each program; forward only, so following them ends. */
static void read_programs(const struct wsr_table *t)
{
	for (uint32_t i = 0; i < wsr_program_count(t); i++) {
		const struct wsr_program *p = wsr_program_at(t, i);

		for (uint32_t at = 0; at < p->count;) {
			const struct wsr_insn *insn = wsr_insn_at(t, p->first + at);

			read_pos(t, insn->pos);
			if (insn->op == WSR_OP_USE)
				sink += wsr_body_at(t, wsr_location_at(t, insn->a)->body)->kind;
			if (insn->op >= WSR_OP_IF_TRUE && insn->op <= WSR_OP_IF_FILE) {
				if (insn->c <= at)
					abort();
				at = insn->c;
			} else {
				at++;
			}
		}
	}
}

static void read_location(const struct wsr_table *t, uint32_t location)
{
	const struct wsr_location *l = wsr_location_at(t, location);
	const struct wsr_body *b = wsr_body_at(t, l->body);
	const struct wsr_fieldset *fields = wsr_fieldset_at(t, b->fieldset);
	const struct wsr_file *file = wsr_fileset_at(t, b->file);

	read_string(t, b->name);
	read_tmpl(t, file->root.v);
	if (file->types.v != WSR_NONE)
		sink += wsr_mime_at(t, file->types.v)->slots.count;
	if (fields->add_header.count)
		read_tmpl(t, wsr_field_op_at(t, fields->add_header.first + fields->add_header.count - 1)->value);
	if (fields->error_page.count)
		read_tmpl(t, wsr_error_page_at(t, fields->error_page.first)->target);
	sink += wsr_error_log_at(t, (uint32_t)wsr_logset_at(t, b->log)->error_log)->level;
	sink += (unsigned)wsr_core_at(t, b->core)->tcp_nodelay + (unsigned)wsr_proxyset_at(t, b->proxyset)->websocket;
	if (b->kind == WSR_LOCATION_REGEX)
		sink += wsr_regex_at(t, b->regex)->flags;
	if (b->access.count)
		sink += wsr_access_rule_at(t, b->access.first + b->access.count - 1)->deny;
	if (l->proxy != WSR_NONE) {
		const struct wsr_proxy *p = wsr_proxy_at(t, l->proxy);

		read_tmpl(t, p->url);
		if (p->upstream != WSR_NONE)
			read_string(t, wsr_peer_at(t, wsr_upstream_at(t, p->upstream)->peers.first)->host);
	}
	if (l->program != WSR_NONE)
		sink += wsr_program_at(t, l->program)->count;
}

/* Longest prefix of a path: down the trie as the matcher goes; every step eats a byte. @return location or WSR_NONE */
static uint32_t walk_trie(const struct wsr_table *t, const struct wsr_scope *scope, struct wsr_str path)
{
	uint32_t found = WSR_NONE;

	for (uint32_t at = scope->trie; at != WSR_NONE;) {
		const struct wsr_trie *node = wsr_trie_at(t, at);
		struct wsr_str label = wsr_string(t, node->label);

		if (path.len < label.len || (label.len && memcmp(path.ptr, label.ptr, label.len) != 0))
			break;
		path = wsr_str(path.ptr + label.len, path.len - label.len);
		if (node->prefix != WSR_NONE)
			found = scope->loc_base + node->prefix;
		if (path.len == 0 && node->exact != WSR_NONE)
			return scope->loc_base + node->exact;
		at = WSR_NONE;
		for (uint32_t i = 0; path.len && i < node->child_count; i++)
			if (wsr_trie_at(t, node->first_child + i)->first_byte == (uint8_t)path.ptr[0])
				at = node->first_child + i;
	}
	return found;
}

static void read_scopes(const struct wsr_table *t, struct wsr_str probe)
{
	for (uint32_t i = 0; i < wsr_scope_count(t); i++) {
		uint32_t depth = 0;

		for (uint32_t at = i; at != WSR_NONE; depth++) {
			const struct wsr_scope *scope = wsr_scope_at(t, at);
			uint32_t location = walk_trie(t, scope, probe);

			for (uint32_t k = 0; k < scope->regexes.count; k++)
				read_location(t, scope->loc_base + *wsr_scope_regex_at(t, scope->regexes.first + k));
			if (location != WSR_NONE)
				read_location(t, location);
			at = location == WSR_NONE ? WSR_NONE : wsr_location_at(t, location)->scope;
		}
		if (depth > WSR_MAX_SCOPE_DEPTH)
			abort();
	}
}

static void read_servers(const struct wsr_table *t)
{
	for (uint32_t i = 0; i < wsr_location_count(t); i++)
		read_location(t, i);
	for (uint32_t i = 0; i < wsr_server_count(t); i++) {
		const struct wsr_server *r = wsr_server_at(t, i);

		read_string(t, r->name);
		read_location(t, r->location);
		sink += wsr_srv_at(t, r->srv)->merge_slashes;
		if (r->tls != WSR_NONE && wsr_tls_at(t, r->tls)->keys.count)
			read_string(t, *wsr_str_item_at(t, wsr_tls_at(t, r->tls)->keys.first));
	}
	for (uint32_t i = 0; i < wsr_listen_count(t); i++) {
		const struct wsr_listen *r = wsr_listen_at(t, i);

		read_string(t, r->text);
		read_string(t, r->path);
		sink += wsr_server_at(t, r->default_server)->location + wsr_nameset_at(t, r->nameset)->exact.count;
	}
	for (uint32_t i = 0; i < wsr_named_count(t); i++) {
		read_string(t, wsr_named_at(t, i)->name);
		read_location(t, wsr_named_at(t, i)->location);
	}
}

/* A condition's operands; its children follow it and are read on their own. */
static void read_cond(const struct wsr_table *t, uint32_t cond)
{
	const struct wsr_cond *r = wsr_cond_at(t, cond);

	if (r->size == 0 || r->size > wsr_cond_count(t) - cond)
		abort();
	read_pos(t, r->pos);
	if (r->op >= WSR_COND_EQUAL && r->op <= WSR_COND_WELCOME)
		read_tmpl(t, r->a);
	if (r->op >= WSR_COND_EQUAL && r->op <= WSR_COND_INT_LESS_EQUAL)
		read_tmpl(t, r->b);
	else if (r->op == WSR_COND_MATCH)
		sink += wsr_regex_at(t, r->b)->flags;
	else if (r->op == WSR_COND_CLIENT && r->b)
		sink += wsr_access_rule_at(t, r->a + r->b - 1)->deny;
	else if ((r->op == WSR_COND_USER || r->op == WSR_COND_GROUP) && r->b)
		read_string(t, *wsr_str_item_at(t, r->a + r->b - 1));
}

static void read_cond0(const struct wsr_table *t, uint32_t cond)
{
	if (cond != WSR_NONE)
		sink += wsr_cond_at(t, cond)->op;
}

static void read_regex0(const struct wsr_table *t, uint32_t regex)
{
	if (regex != WSR_NONE)
		sink += wsr_regex_at(t, regex)->flags;
}

/* What stands in sections of httpd: each record once, whoever refers to it. */
static void read_rules(const struct wsr_table *t)
{
	for (uint32_t i = 0; i < wsr_cond_count(t); i++)
		read_cond(t, i);
	for (uint32_t i = 0; i < wsr_env_op_count(t); i++) {
		read_string(t, wsr_variable_at(t, wsr_env_op_at(t, i)->slot)->name);
		read_tmpl(t, wsr_env_op_at(t, i)->value);
		read_cond0(t, wsr_env_op_at(t, i)->condition);
	}
	for (uint32_t i = 0; i < wsr_rewrite_rule_count(t); i++) {
		const struct wsr_rewrite_rule *r = wsr_rewrite_rule_at(t, i);

		read_cond0(t, r->condition);
		read_regex0(t, r->regex);
		read_tmpl(t, r->target);
		read_tmpl(t, r->type);
		read_tmpl(t, r->handler);
		read_string(t, r->escape);
		if (r->env.count)
			sink += wsr_env_op_at(t, r->env.first + r->env.count - 1)->slot;
		if (r->cookies.count)
			read_tmpl(t, *wsr_tmpl_item_at(t, r->cookies.first + r->cookies.count - 1));
	}
	for (uint32_t i = 0; i < wsr_alias_rule_count(t); i++) {
		read_string(t, wsr_alias_rule_at(t, i)->from);
		read_regex0(t, wsr_alias_rule_at(t, i)->regex);
		read_tmpl(t, wsr_alias_rule_at(t, i)->target);
	}
	for (uint32_t i = 0; i < wsr_header_op_count(t); i++) {
		const struct wsr_header_op *r = wsr_header_op_at(t, i);

		read_string(t, r->name);
		read_tmpl(t, r->value);
		read_regex0(t, r->regex);
		read_cond0(t, r->condition);
	}
	for (uint32_t i = 0; i < wsr_reverse_count(t); i++) {
		read_string(t, wsr_reverse_at(t, i)->internal);
		read_string(t, wsr_reverse_at(t, i)->external);
		read_tmpl(t, wsr_reverse_at(t, i)->live_internal);
		read_tmpl(t, wsr_reverse_at(t, i)->live_external);
	}
	for (uint32_t i = 0; i < wsr_call_count(t); i++) {
		const struct wsr_call *r = wsr_call_at(t, i);

		read_tmpl(t, r->argument);
		read_tmpl(t, r->fallback);
		if (r->map != WSR_NONE)
			sink += wsr_map_at(t, r->map)->flags;
	}
}

/* A pass names its worker by its ordinal in the host. */
static void read_pass(const struct wsr_table *t, const struct wsr_host *host, uint32_t pass)
{
	const struct wsr_pass *r = wsr_pass_at(t, pass);

	read_string(t, r->from);
	read_regex0(t, r->regex);
	read_tmpl(t, r->target);
	read_tmpl(t, r->live_from);
	read_tmpl(t, r->live_target);
	if (r->proxy != WSR_NONE)
		sink += wsr_proxy_at(t, r->proxy)->flags;
	if (r->worker != WSR_NONE)
		read_string(t, wsr_worker_at(t, host->workers.first + r->worker)->url);
}

static void read_worker(const struct wsr_table *t, uint32_t worker)
{
	const struct wsr_worker *r = wsr_worker_at(t, worker);
	struct wsr_list peers = wsr_upstream_at(t, wsr_proxy_at(t, r->proxy)->upstream)->peers;

	read_string(t, r->upgrade);
	read_string(t, r->sticky_cookie);
	read_string(t, r->sticky_path);
	if (r->members.count && r->members.count != peers.count)
		abort();
	if (r->members.count) {
		const struct wsr_member *last = wsr_member_at(t, r->members.first + r->members.count - 1);

		read_string(t, last->route);
		read_string(t, last->uri);
		read_string(t, last->upgrade);
	}
}

static void read_layer(const struct wsr_table *t, const struct wsr_host *host, uint32_t ordinal)
{
	const struct wsr_layer *r = wsr_layer_at(t, host->layers.first + ordinal);

	if (r->inside > ordinal) /* 1 + ordinal of a section before this one */
		abort();
	read_string(t, r->name);
	read_string(t, r->rewrite_base);
	read_regex0(t, r->regex);
	read_cond0(t, r->condition);
	read_cond0(t, r->require);
	read_cond0(t, r->hosts);
	read_location(t, r->location);
	if (r->pass != WSR_NONE)
		read_pass(t, host, r->pass);
	if (r->auth != WSR_NONE) {
		read_tmpl(t, wsr_auth_at(t, r->auth)->realm);
		read_string(t, wsr_auth_at(t, r->auth)->user_file);
		read_string(t, wsr_auth_at(t, r->auth)->group_file);
	}
	if (r->env.count)
		sink += wsr_env_op_at(t, r->env.first + r->env.count - 1)->flags;
	if (r->rewrites.count)
		sink += wsr_rewrite_rule_at(t, r->rewrites.first + r->rewrites.count - 1)->flags;
	if (r->aliases.count)
		sink += wsr_alias_rule_at(t, r->aliases.first + r->aliases.count - 1)->kind;
	if (r->reverses.count)
		sink += wsr_reverse_at(t, r->reverses.first + r->reverses.count - 1)->kind;
	if (r->request_headers.count)
		sink += wsr_header_op_at(t, r->request_headers.first + r->request_headers.count - 1)->action;
	if (r->response_headers.count)
		sink += wsr_header_op_at(t, r->response_headers.first + r->response_headers.count - 1)->action;
}

/* Passes and layers may be shared by many hosts: a few of each are read. */
static void read_hosts(const struct wsr_table *t)
{
	for (uint32_t i = 0; i < wsr_host_count(t); i++) {
		const struct wsr_host *r = wsr_host_at(t, i);

		if (wsr_layer_at(t, r->layers.first)->kind != WSR_LAYER_HOST)
			abort();
		read_string(t, r->remote_header);
		read_string(t, r->admin);
		for (uint32_t k = 0; k < r->layers.count && k < 64; k++)
			read_layer(t, r, k);
		for (uint32_t k = 0; k < r->passes.count && k < 64; k++)
			read_pass(t, r, r->passes.first + k);
		if (r->workers.count)
			read_worker(t, r->workers.first + r->workers.count - 1);
		if (r->trusted.count)
			sink += wsr_access_rule_at(t, r->trusted.first + r->trusted.count - 1)->family;
	}
}

static void read_all(const struct wsr_table *t, struct wsr_str probe)
{
	read_string(t, wsr_global(t)->origin);
	sink += wsr_body_at(t, wsr_global(t)->default_body)->kind;
	read_parts(t);
	read_values(t);
	read_hashes(t, probe);
	read_programs(t);
	read_scopes(t, probe);
	read_servers(t);
	read_rules(t);
	read_hosts(t);
	for (uint32_t i = 0; i < wsr_log_ref_count(t); i++)
		read_tmpl(t, wsr_log_format_at(t, wsr_log_ref_at(t, i)->format)->line);
}

/* Put right what a fuzzer cannot guess. */
static void repair(uint8_t *bytes, size_t len)
{
	struct wsr_header *h = (void *)bytes;

	if (len < sizeof(*h))
		return;
	memcpy(h->magic, WSR_MAGIC, sizeof(h->magic));
	h->endian_mark = WSR_ENDIAN_MARK;
	h->major = WSR_MAJOR;
	h->total_bytes = len;
	h->features_required = 0;
	h->crc32c = 0;
	h->crc32c = wsr_crc32c(0, bytes, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Path and key to ask for: the end of the input, which is the end of the last section. */
	size_t probe_len = size < 16 ? size : 16;
	struct wsr_refusal why;
	struct wsr_table t;
	char text[200];
	uint8_t *bytes;

	if (size > 1 << 20)
		return 0;
	bytes = malloc(size ? size : 1);
	if (!bytes)
		return 0;
	memcpy(bytes, data, size);
	repair(bytes, size);
	if (wsr_table_init(&t, bytes, size, &why)) {
		read_all(&t, wsr_str((const char *)data + size - probe_len, probe_len));
		read_all(&t, WSR_STR("/a/b/login.php"));
		wsr_table_close(&t);
	} else {
		sink += (unsigned char)wsr_refusal_text(&why, text, sizeof(text))[0];
	}
	free(bytes);
	return 0;
}

/*
 * Nearly every change of random bytes is refused. Most of the time change one field of a record to a value that may be valid: a small
 * number, none, its neighbour, or what stands in another field.
 */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	size_t fields = size / 4, first = sizeof(struct wsr_header) / 4;
	uint32_t value;
	size_t at;

	if (seed % 8 == 0 || fields <= first)
		return LLVMFuzzerMutate(data, size, max_size);
	seed /= 8;
	at = first + seed % (fields - first);
	memcpy(&value, data + at * 4, 4);
	switch (seed >> 16 & 3) {
	case 0:
		value = seed >> 18 & 15;
		break;
	case 1:
		value = WSR_NONE;
		break;
	case 2:
		value += seed & 1 ? 1 : UINT32_MAX;
		break;
	default:
		memcpy(&value, data + (first + seed * 2654435761u % (fields - first)) * 4, 4);
	}
	memcpy(data + at * 4, &value, 4);
	return size;
}
