/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The verifier, rule by rule: the good sample table, one field changed, the checksum put right, refused with exactly this reason in exactly
 * this section and record. Each line of EDITS is one rule; what the records mean stands in tests/lib_c/table_image_sample.c.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/lib_c/table_image.h"

struct edit {
	int line;
	uint32_t kind, record;
	size_t offset, size;
	uint64_t value;
	enum wsr_error expected;
};

/* EDIT(section, struct, record, field, value, reason): the value must be refused in that record. */
#define EDIT(section, type, record, field, value, symbol) \
	{ __LINE__, WSR_SECTION_##section, record, offsetof(struct type, field), sizeof(((struct type *)0)->field), value, WSR_E_##symbol }
/* The same for sections whose records are one number. */
#define ITEM(section, record, value, symbol) { __LINE__, WSR_SECTION_##section, record, 0, 4, value, WSR_E_##symbol }

#define BAD UINT32_C(0x7ffffff0)  /* an index or aligned string reference beyond every section */
#define FAR UINT32_MAX - 1

static const struct edit EDITS[] = {
	EDIT(global, wsr_global, 0, origin, BAD, STRING),
	EDIT(global, wsr_global, 0, compiler, 6, STRING),       /* misaligned */
	EDIT(global, wsr_global, 0, user, BAD, STRING),
	EDIT(global, wsr_global, 0, group, 4, STRING),          /* inside the zeros at the start */
	EDIT(global, wsr_global, 0, pid, BAD, STRING),
	EDIT(global, wsr_global, 0, error_log, 1, INDEX),
	EDIT(global, wsr_global, 0, error_log, WSR_NONE, INDEX),
	EDIT(global, wsr_global, 0, default_body, 7, INDEX),
	EDIT(global, wsr_global, 0, daemon, 2, ENUM),
	EDIT(global, wsr_global, 0, multi_accept, 2, ENUM),
	EDIT(global, wsr_global, 0, exempt.count, 99, RANGE),
	ITEM(file_name, 0, 0, STRING),
	ITEM(file_name, 1, BAD, STRING),
	EDIT(pos, wsr_pos, 2, file, 2, INDEX),
	ITEM(str_item, 2, 0, STRING),
	ITEM(tmpl_item, 0, 3, INDEX),

	EDIT(part, wsr_part, 0, kind, 0, ENUM),
	EDIT(part, wsr_part, 0, kind, 8, ENUM),
	EDIT(part, wsr_part, 0, flags, 1, RESERVED),
	EDIT(part, wsr_part, 0, arg, 0, STRING),
	EDIT(part, wsr_part, 1, id, WSR_VARIABLE_ID_LIMIT, ENUM),
	EDIT(part, wsr_part, 1, arg, BAD, STRING),
	EDIT(part, wsr_part, 2, arg, 3, INDEX),
	EDIT(part, wsr_part, 3, id, 10, ENUM),
	EDIT(tmpl, wsr_tmpl, 1, first_part, 6, RANGE),
	EDIT(tmpl, wsr_tmpl, 2, part_count, 7, RANGE),
	EDIT(tmpl, wsr_tmpl, 2, part_count, FAR, RANGE),
	EDIT(tmpl, wsr_tmpl, 0, first_part, FAR, RANGE),
	EDIT(regex, wsr_regex, 0, pattern, 0, STRING),
	EDIT(regex, wsr_regex, 0, flags, 4, ENUM),
	EDIT(regex, wsr_regex, 1, capture_count, 0, REGEX),
	EDIT(regex, wsr_regex, 1, capture_count, WSR_MAX_CAPTURES + 1, REGEX),
	EDIT(regex, wsr_regex, 0, capture_count, 1, REGEX),     /* fewer groups than names */
	EDIT(regex, wsr_regex, 0, names.count, 2, RANGE),
	EDIT(regex, wsr_regex, 0, names.first, 1, RANGE),
	EDIT(regex, wsr_regex, 0, pos, 3, INDEX),
	EDIT(regex_name, wsr_regex_name, 0, slot, 3, INDEX),
	EDIT(variable, wsr_variable, 0, name, 0, STRING),
	EDIT(variable, wsr_variable, 0, kind, 0, ENUM),
	EDIT(variable, wsr_variable, 2, kind, 4, ENUM),
	EDIT(variable, wsr_variable, 0, map, 0, INDEX),         /* not a map */
	EDIT(variable, wsr_variable, 1, map, 1, INDEX),
	EDIT(variable, wsr_variable, 1, map, WSR_NONE, INDEX),
	EDIT(map, wsr_map, 0, source, 3, INDEX),
	EDIT(map, wsr_map, 0, default_value, WSR_NONE, INDEX),
	EDIT(map, wsr_map, 0, slots.first, 1, RANGE),
	EDIT(map, wsr_map, 0, slots.count, 3, HASH),            /* not a power of two */
	EDIT(map, wsr_map, 0, regexes.count, 2, RANGE),
	EDIT(map, wsr_map, 0, flags, 8, ENUM),
	EDIT(map, wsr_map, 0, pos, 3, INDEX),
	EDIT(map_regex, wsr_map_regex, 0, regex, 2, INDEX),
	EDIT(map_regex, wsr_map_regex, 0, value, 3, INDEX),

	EDIT(insn, wsr_insn, 0, op, 0, ENUM),
	EDIT(insn, wsr_insn, 0, op, 11, ENUM),
	EDIT(insn, wsr_insn, 0, flags, 1, ENUM),
	EDIT(insn, wsr_insn, 0, a, 3, INDEX),
	EDIT(insn, wsr_insn, 0, b, 3, INDEX),
	EDIT(insn, wsr_insn, 0, pos, 3, INDEX),
	EDIT(insn, wsr_insn, 1, a, 3, INDEX),
	EDIT(insn, wsr_insn, 1, flags, 2, ENUM),
	EDIT(insn, wsr_insn, 2, a, WSR_NONE, INDEX),
	EDIT(insn, wsr_insn, 2, b, 3, INDEX),
	EDIT(insn, wsr_insn, 2, flags, 2, ENUM),
	EDIT(insn, wsr_insn, 3, a, 3, INDEX),
	EDIT(insn, wsr_insn, 3, b, 2, INDEX),
	EDIT(insn, wsr_insn, 3, flags, 2, ENUM),
	EDIT(insn, wsr_insn, 4, a, 3, INDEX),
	EDIT(insn, wsr_insn, 4, code, 0, ENUM),
	EDIT(insn, wsr_insn, 4, code, 5, ENUM),
	EDIT(insn, wsr_insn, 4, flags, 2, ENUM),
	EDIT(insn, wsr_insn, 5, a, 2, INDEX),
	EDIT(insn, wsr_insn, 5, a, WSR_NONE, INDEX),
	EDIT(insn, wsr_insn, 5, b, 3, INDEX),
	EDIT(insn, wsr_insn, 5, code, 200, ENUM),
	EDIT(insn, wsr_insn, 5, flags, 32, ENUM),
	EDIT(insn, wsr_insn, 6, code, 1000, ENUM),
	EDIT(insn, wsr_insn, 6, b, 3, INDEX),
	EDIT(insn, wsr_insn, 6, b, WSR_NONE, INDEX),            /* a redirect without target */
	EDIT(insn, wsr_insn, 6, flags, 2, ENUM),
	EDIT(insn, wsr_insn, 7, flags, 1, ENUM),
	EDIT(insn, wsr_insn, 8, a, 7, INDEX),
	EDIT(insn, wsr_insn, 8, a, 4, ENUM),                    /* not the settings of an `if` */
	EDIT(insn, wsr_insn, 8, flags, 1, ENUM),
	EDIT(insn, wsr_insn, 9, a, 2, INDEX),
	EDIT(insn, wsr_insn, 9, b, WSR_NONE, INDEX),
	EDIT(insn, wsr_insn, 9, c, 3, INDEX),
	EDIT(insn, wsr_insn, 9, code, 404, ENUM),
	EDIT(insn, wsr_insn, 9, flags, 1, ENUM),
	EDIT(program, wsr_program, 0, first, 12, RANGE),
	EDIT(program, wsr_program, 0, count, 12, RANGE),
	EDIT(program, wsr_program, 1, first, 9, ORDER),         /* begins inside the one before */
	EDIT(program, wsr_program, 0, count, 9, PROGRAM),       /* a jump of instruction 3 now leads behind the end */

	EDIT(field_op, wsr_field_op, 0, name, 0, STRING),
	EDIT(field_op, wsr_field_op, 0, value, WSR_NONE, INDEX),
	EDIT(field_op, wsr_field_op, 0, flags, 2, ENUM),
	EDIT(field_op, wsr_field_op, 0, pos, 3, INDEX),
	EDIT(redirect_rule, wsr_redirect_rule, 0, from, 3, INDEX),
	EDIT(redirect_rule, wsr_redirect_rule, 1, from, 2, INDEX),
	EDIT(redirect_rule, wsr_redirect_rule, 1, to, 3, INDEX),
	EDIT(redirect_rule, wsr_redirect_rule, 0, flags, 2, ENUM),
	EDIT(redirect_rule, wsr_redirect_rule, 0, pos, 3, INDEX),
	EDIT(error_page, wsr_error_page, 0, status, 299, ENUM),
	EDIT(error_page, wsr_error_page, 0, status, 600, ENUM),
	EDIT(error_page, wsr_error_page, 0, answer, 1000, ENUM),
	EDIT(error_page, wsr_error_page, 0, target, WSR_NONE, INDEX),
	EDIT(error_page, wsr_error_page, 0, pos, 3, INDEX),
	EDIT(log_ref, wsr_log_ref, 0, path, 3, INDEX),
	EDIT(log_ref, wsr_log_ref, 0, format, 1, INDEX),
	EDIT(log_ref, wsr_log_ref, 0, condition, 3, INDEX),
	EDIT(log_ref, wsr_log_ref, 0, when, 99, INDEX),
	EDIT(log_ref, wsr_log_ref, 0, pos, 3, INDEX),
	EDIT(log_format, wsr_log_format, 0, name, 0, STRING),
	EDIT(log_format, wsr_log_format, 0, line, 3, INDEX),
	EDIT(log_format, wsr_log_format, 0, escape, 4, ENUM),
	EDIT(error_log, wsr_error_log, 0, path, 0, STRING),
	EDIT(error_log, wsr_error_log, 0, level, 0, ENUM),
	EDIT(error_log, wsr_error_log, 0, level, 9, ENUM),
	EDIT(mime, wsr_mime, 0, slots.count, 8, RANGE),
	EDIT(mime, wsr_mime, 0, slots.count, 3, HASH),

	EDIT(upstream, wsr_upstream, 0, name, 0, STRING),
	EDIT(upstream, wsr_upstream, 0, peers.first, 1, RANGE),
	EDIT(upstream, wsr_upstream, 0, peers.count, 0, RANGE),
	EDIT(upstream, wsr_upstream, 0, balance, 6, ENUM),
	EDIT(upstream, wsr_upstream, 0, flags, 4, ENUM),
	EDIT(upstream, wsr_upstream, 0, hash_key, WSR_NONE, INDEX),
	EDIT(upstream, wsr_upstream, 0, pos, 3, INDEX),
	EDIT(upstream, wsr_upstream, 0, reserved, 1, RESERVED),
	EDIT(peer, wsr_peer, 0, host, 0, STRING),
	EDIT(peer, wsr_peer, 1, text, 0, STRING),
	EDIT(peer, wsr_peer, 0, kind, 0, ENUM),
	EDIT(peer, wsr_peer, 0, kind, 5, ENUM),
	EDIT(peer, wsr_peer, 0, port, 0, ENUM),
	EDIT(peer, wsr_peer, 1, port, 80, ENUM),
	EDIT(peer, wsr_peer, 0, weight, 0, ENUM),
	EDIT(peer, wsr_peer, 0, flags, 16, ENUM),
	EDIT(peer, wsr_peer, 0, pos, 3, INDEX),
	EDIT(proxy, wsr_proxy, 0, flags, 16, ENUM),
	EDIT(proxy, wsr_proxy, 0, upstream, 1, INDEX),
	EDIT(proxy, wsr_proxy, 0, upstream, WSR_NONE, INDEX),
	EDIT(proxy, wsr_proxy, 0, host, 0, STRING),
	EDIT(proxy, wsr_proxy, 0, uri, BAD, STRING),
	EDIT(proxy, wsr_proxy, 0, url, 1, INDEX),
	EDIT(proxy, wsr_proxy, 0, reserved, 1, RESERVED),
	EDIT(proxy, wsr_proxy, 0, pos, 3, INDEX),
	EDIT(proxy, wsr_proxy, 1, upstream, 0, INDEX),          /* a group and a template */
	EDIT(proxy, wsr_proxy, 1, url, WSR_NONE, INDEX),

	EDIT(fileset, wsr_file, 0, root.v, 3, INDEX),
	EDIT(fileset, wsr_file, 0, root.zero, 1, RESERVED),
	EDIT(fileset, wsr_file, 0, index.count, 2, RANGE),
	EDIT(fileset, wsr_file, 0, types.v, 1, INDEX),
	EDIT(fileset, wsr_file, 0, types.zero, 1, RESERVED),
	EDIT(fileset, wsr_file, 0, default_type.v, BAD, STRING),
	EDIT(fileset, wsr_file, 0, default_type.zero, 1, RESERVED),
	EDIT(logset, wsr_log, 0, access_log.count, 2, RANGE),
	EDIT(logset, wsr_log, 0, error_log, 1, INDEX),
	EDIT(logset, wsr_log, 0, error_log, UINT64_C(1) << 32, INDEX),
	EDIT(proxyset, wsr_proxyset, 0, websocket, 3, ENUM),
	EDIT(proxyset, wsr_proxyset, 0, proxy_http_version, 12, ENUM),
	EDIT(proxyset, wsr_proxyset, 0, proxy_next_upstream, 2048, ENUM),
	EDIT(proxyset, wsr_proxyset, 0, proxy_ssl_protocols, 16, ENUM),
	EDIT(proxyset, wsr_proxyset, 0, proxy_ssl_verify, 4, ENUM),
	EDIT(proxyset, wsr_proxyset, 0, proxy_ssl_check_name, 3, ENUM),
	EDIT(proxyset, wsr_proxyset, 0, proxy_ssl_check_cn, 3, ENUM),
	EDIT(proxyset, wsr_proxyset, 0, proxy_ssl_check_expire, 3, ENUM),
	EDIT(proxyset, wsr_proxyset, 0, proxy_ssl_crl_check, 7, ENUM),
	EDIT(proxyset, wsr_proxyset, 0, proxy_ssl_name.v, 3, INDEX),
	EDIT(proxyset, wsr_proxyset, 0, resolver.v, BAD, STRING),
	EDIT(proxyset, wsr_proxyset, 0, upgrade_protocols.count, 2, RANGE),
	EDIT(fieldset, wsr_fieldset, 0, proxy_set_header.count, 2, RANGE),
	EDIT(fieldset, wsr_fieldset, 0, add_header.first, 2, RANGE),
	EDIT(fieldset, wsr_fieldset, 0, proxy_redirect.count, 3, RANGE),
	EDIT(fieldset, wsr_fieldset, 0, error_page.count, 2, RANGE),
	EDIT(fieldset, wsr_fieldset, 0, expires_kind, 8, ENUM),
	EDIT(access_rule, wsr_access_rule, 0, family, 5, ENUM),
	EDIT(access_rule, wsr_access_rule, 0, prefix_bits, 33, ENUM),
	EDIT(access_rule, wsr_access_rule, 1, prefix_bits, 1, ENUM),
	EDIT(access_rule, wsr_access_rule, 0, deny, 2, ENUM),
	EDIT(access_rule, wsr_access_rule, 0, unix_socket, 2, ENUM),
	EDIT(access_rule, wsr_access_rule, 0, pos, 3, INDEX),

	EDIT(body, wsr_body, 1, kind, 7, ENUM),
	EDIT(body, wsr_body, 1, flags, 8, ENUM),
	EDIT(body, wsr_body, 1, reserved, 1, RESERVED),
	EDIT(body, wsr_body, 1, name, BAD, STRING),
	EDIT(body, wsr_body, 1, regex, 0, INDEX),               /* a prefix with a pattern */
	EDIT(body, wsr_body, 3, regex, WSR_NONE, INDEX),        /* a pattern without one */
	EDIT(body, wsr_body, 3, regex, 2, INDEX),
	EDIT(body, wsr_body, 1, core, 1, INDEX),
	EDIT(body, wsr_body, 1, file, 1, INDEX),
	EDIT(body, wsr_body, 1, log, 1, INDEX),
	EDIT(body, wsr_body, 1, proxyset, 1, INDEX),
	EDIT(body, wsr_body, 1, fieldset, 1, INDEX),
	EDIT(body, wsr_body, 1, access.count, 3, RANGE),
	EDIT(body, wsr_body, 1, trusted.count, 3, RANGE),
	EDIT(location, wsr_location, 1, body, 7, INDEX),
	EDIT(location, wsr_location, 1, proxy, 2, INDEX),
	EDIT(location, wsr_location, 1, program, 2, INDEX),
	EDIT(location, wsr_location, 1, scope, 2, INDEX),
	EDIT(location, wsr_location, 1, pos, 3, INDEX),
	EDIT(location, wsr_location, 0, scope, 1, SCOPE),       /* a server's settings nest nothing */
	EDIT(location, wsr_location, 5, scope, 1, SCOPE),       /* nor do those of an `if` */
	EDIT(scope, wsr_scope, 0, loc_base, 8, RANGE),
	EDIT(scope, wsr_scope, 1, loc_count, 4, RANGE),
	EDIT(scope, wsr_scope, 0, loc_count, 1, INDEX),         /* its trie names the second location */
	EDIT(scope, wsr_scope, 0, trie, 5, INDEX),
	EDIT(scope, wsr_scope, 0, regexes.count, 2, RANGE),
	EDIT(scope, wsr_scope, 1, regexes.first, 2, RANGE),
	EDIT(scope, wsr_scope, 1, loc_base, 3, SCOPE),          /* a location in two scopes */
	EDIT(trie, wsr_trie, 1, label, BAD, STRING),
	EDIT(trie, wsr_trie, 1, first_byte, 'b', TRIE),
	EDIT(trie, wsr_trie, 3, first_byte, '/', TRIE),         /* of no label */
	EDIT(trie, wsr_trie, 1, reserved, 1, RESERVED),
	EDIT(trie, wsr_trie, 0, child_count, 257, RANGE),
	EDIT(trie, wsr_trie, 0, first_child, 0, TRIE),          /* its own child */
	EDIT(trie, wsr_trie, 0, first_child, 2, TRIE),          /* children out of order: 'l' and a root */
	EDIT(trie, wsr_trie, 0, first_child, 4, RANGE),
	EDIT(tls, wsr_tls, 0, certificates.first, 3, RANGE),
	EDIT(tls, wsr_tls, 0, certificates.count, 2, RANGE),    /* not as many as keys */
	EDIT(tls, wsr_tls, 0, keys.first, 3, RANGE),
	EDIT(tls, wsr_tls, 0, ticket_keys.count, 4, RANGE),
	EDIT(tls, wsr_tls, 0, protocols, 32, ENUM),
	EDIT(tls, wsr_tls, 0, ciphers, BAD, STRING),
	EDIT(tls, wsr_tls, 0, curves, BAD, STRING),
	EDIT(tls, wsr_tls, 0, dhparam, BAD, STRING),
	EDIT(tls, wsr_tls, 0, prefer_server_ciphers, 2, ENUM),
	EDIT(tls, wsr_tls, 0, session_cache, 4, ENUM),
	EDIT(tls, wsr_tls, 0, session_tickets, 2, ENUM),
	EDIT(tls, wsr_tls, 0, verify_client, 4, ENUM),
	EDIT(tls, wsr_tls, 0, client_certificate, BAD, STRING),
	EDIT(tls, wsr_tls, 0, trusted_certificate, BAD, STRING),
	EDIT(tls, wsr_tls, 0, crl, BAD, STRING),
	EDIT(tls, wsr_tls, 0, password_file, BAD, STRING),
	EDIT(tls, wsr_tls, 0, reject_handshake, 2, ENUM),
	EDIT(tls, wsr_tls, 0, pos, 3, INDEX),
	EDIT(tls, wsr_tls, 0, strict_verify, 2, ENUM),
	EDIT(tls, wsr_tls, 0, client_folder, BAD, STRING),
	EDIT(tls, wsr_tls, 0, crl_folder, BAD, STRING),
	EDIT(tls, wsr_tls, 0, names_file, BAD, STRING),
	EDIT(tls, wsr_tls, 0, names_folder, BAD, STRING),
	EDIT(tls, wsr_tls, 0, crl_check, 3, ENUM),
	EDIT(tls, wsr_tls, 0, crl_check, 8, ENUM),
	EDIT(tls, wsr_tls, 0, stapling, 32, ENUM),
	EDIT(tls, wsr_tls, 0, stapling_file, BAD, STRING),
	EDIT(tls, wsr_tls, 0, stapling_responder, BAD, STRING),
	EDIT(tls, wsr_tls, 0, stapling_resolver, BAD, STRING),
	EDIT(srv, wsr_srv, 0, merge_slashes, 2, ENUM),
	EDIT(srv, wsr_srv, 0, underscores_in_headers, 2, ENUM),
	EDIT(srv, wsr_srv, 0, ignore_invalid_headers, 2, ENUM),
	EDIT(server, wsr_server, 0, name, BAD, STRING),
	EDIT(server, wsr_server, 0, scope, 2, INDEX),
	EDIT(server, wsr_server, 0, program, 2, INDEX),
	EDIT(server, wsr_server, 0, location, 7, INDEX),
	EDIT(server, wsr_server, 0, location, 1, ENUM),         /* not a server's own settings */
	EDIT(server, wsr_server, 0, srv, 1, INDEX),
	EDIT(server, wsr_server, 0, tls, 1, INDEX),
	EDIT(server, wsr_server, 0, pos, 3, INDEX),
	EDIT(server, wsr_server, 0, host, 1, INDEX),
	EDIT(cond, wsr_cond, 0, op, 0, RANGE),
	EDIT(cond, wsr_cond, 1, op, 0, ENUM),
	EDIT(cond, wsr_cond, 0, size, 4, RANGE),
	EDIT(cond, wsr_cond, 1, size, 2, RANGE),                /* no group, and has a child */
	EDIT(cond, wsr_cond, 1, a, 1000, INDEX),
	EDIT(cond, wsr_cond, 2, b, 3, RANGE),
	EDIT(cond, wsr_cond, 2, flags, 128, ENUM),
	EDIT(call, wsr_call, 0, function, 0, ENUM),
	EDIT(call, wsr_call, 0, argument, 1000, INDEX),
	EDIT(call, wsr_call, 0, map, WSR_NONE, INDEX),
	EDIT(env_op, wsr_env_op, 0, slot, 1000, INDEX),
	EDIT(env_op, wsr_env_op, 0, condition, 3, INDEX),
	EDIT(rewrite_rule, wsr_rewrite_rule, 0, regex, 1000, INDEX),
	EDIT(rewrite_rule, wsr_rewrite_rule, 0, target, WSR_NONE, INDEX),
	EDIT(rewrite_rule, wsr_rewrite_rule, 0, status, 0, ENUM),
	EDIT(rewrite_rule, wsr_rewrite_rule, 0, cookies.count, 1000, RANGE),
	EDIT(alias_rule, wsr_alias_rule, 0, kind, 9, ENUM),
	EDIT(alias_rule, wsr_alias_rule, 0, regex, 0, INDEX),   /* a prefix has none */
	EDIT(header_op, wsr_header_op, 0, action, 0, ENUM),
	EDIT(header_op, wsr_header_op, 0, regex, WSR_NONE, INDEX), /* edit needs one */
	EDIT(header_op, wsr_header_op, 0, name, 0, STRING),
	EDIT(worker, wsr_worker, 0, members.count, 1, RANGE),   /* one for each peer of a balancer */
	EDIT(worker, wsr_worker, 0, flags, 0, RANGE),           /* no balancer, no members */
	EDIT(member, wsr_member, 0, flags, 4, ENUM),
	EDIT(member, wsr_member, 1, uri, 1000000, STRING),
	EDIT(worker, wsr_worker, 0, proxy, 1, INDEX),           /* to an upstream that variables name */
	EDIT(pass, wsr_pass, 0, proxy, WSR_NONE, INDEX),
	EDIT(reverse, wsr_reverse, 0, internal, 0, STRING),
	EDIT(reverse, wsr_reverse, 0, live_internal, 0, INDEX),   /* without live_external */
	EDIT(auth, wsr_auth, 0, realm, 1000, INDEX),
	EDIT(auth, wsr_auth, 0, flags, 4, ENUM),
	EDIT(layer, wsr_layer, 0, kind, 0, ENUM),
	EDIT(layer, wsr_layer, 1, location, 1, ENUM),           /* not a server's own settings */
	EDIT(layer, wsr_layer, 1, auth, 1, INDEX),
	EDIT(layer, wsr_layer, 1, response_headers.count, 2, RANGE),
	EDIT(host, wsr_host, 0, layers.count, 0, RANGE),
	EDIT(host, wsr_host, 0, layers.first, 1, RANGE),
	EDIT(host, wsr_host, 0, passes.count, 2, RANGE),
	EDIT(host, wsr_host, 0, trusted.count, 3, RANGE),
	EDIT(nameset, wsr_nameset, 0, exact.count, 16, RANGE),
	EDIT(nameset, wsr_nameset, 0, leading.first, 3, ORDER), /* overlaps the table of exact names */
	EDIT(nameset, wsr_nameset, 0, trailing.count, 3, RANGE),
	EDIT(nameset, wsr_nameset, 0, regexes.count, 2, RANGE),
	EDIT(name_regex, wsr_name_regex, 0, regex, 2, INDEX),
	EDIT(name_regex, wsr_name_regex, 0, server, 2, INDEX),
	EDIT(listen, wsr_listen, 0, text, 0, STRING),
	EDIT(listen, wsr_listen, 0, family, 2, ENUM),
	EDIT(listen, wsr_listen, 0, family, 1, STRING),         /* a unix socket without path */
	EDIT(listen, wsr_listen, 1, family, 6, STRING),         /* an address with path */
	EDIT(listen, wsr_listen, 0, flags, 256, ENUM),
	EDIT(listen, wsr_listen, 0, backlog, (uint32_t)-2, ENUM),
	EDIT(listen, wsr_listen, 0, default_server, 2, INDEX),
	EDIT(listen, wsr_listen, 0, nameset, 1, INDEX),
	EDIT(listen, wsr_listen, 0, nameset, WSR_NONE, INDEX),
	EDIT(listen, wsr_listen, 0, pos, 3, INDEX),
	EDIT(named, wsr_named, 1, server, 2, INDEX),
	EDIT(named, wsr_named, 1, name, 0, STRING),
	EDIT(named, wsr_named, 1, location, 7, INDEX),
	EDIT(named, wsr_named, 1, location, 2, ENUM),           /* not a named location */
	EDIT(named, wsr_named, 2, server, 0, ORDER),
};

static uint8_t *sample_bytes(size_t *len)
{
	struct image im;
	uint8_t *bytes;

	image_sample(&im);
	bytes = image_bytes(&im, len);
	image_free(&im);
	return bytes;
}

static const char *section_name(uint32_t kind)
{
	switch (kind) {
#define X(num, name, type) case num: return #name;
	WSR_SECTIONS(X)
#undef X
	}
	return NULL;
}

static void check_edit(const uint8_t *good, size_t len, const struct edit *e)
{
	uint8_t *bytes = malloc(len);
	struct wsr_refusal why;
	struct wsr_table t;

	memcpy(bytes, good, len);
	memcpy((uint8_t *)image_record(bytes, e->kind, e->record) + e->offset, &e->value, e->size);
	image_seal(bytes, len);
	if (wsr_table_init(&t, bytes, len, &why))
		fail_msg("line %d: accepted", e->line);
	if (why.error != e->expected)
		fail_msg("line %d: %s, expected %s", e->line, wsr_error_name(why.error), wsr_error_name(e->expected));
	if (!why.section || strcmp(why.section, section_name(e->kind)) != 0 || why.record != e->record)
		fail_msg("line %d: refused in %s %llu", e->line, why.section, (unsigned long long)why.record);
	free(bytes);
}

static void test_edits(void **state)
{
	size_t len;
	uint8_t *good = sample_bytes(&len);

	(void)state;
	for (size_t i = 0; i < sizeof(EDITS) / sizeof(EDITS[0]); i++)
		check_edit(good, len, &EDITS[i]);
	free(good);
}

/* --- faults that are reported where they are noticed, not where the edit was --------------------------------------- */

static void assert_refused(uint8_t *bytes, size_t len, const char *symbol, const char *section, uint64_t record)
{
	struct wsr_refusal why;
	struct wsr_table t;

	image_seal(bytes, len);
	assert_false(wsr_table_init(&t, bytes, len, &why));
	assert_string_equal(wsr_error_name(why.error), symbol);
	assert_string_equal(why.section, section);
	assert_int_equal(why.record, record);
}

#define WITH_SAMPLE(type, section, index, statement, ...) \
	do { \
		size_t len; \
		uint8_t *bytes = sample_bytes(&len); \
		type *r = image_record(bytes, WSR_SECTION_##section, index); \
		statement; \
		assert_refused(bytes, len, __VA_ARGS__); \
		free(bytes); \
	} while (0)

static void test_jumps(void **state)
{
	(void)state;
	WITH_SAMPLE(struct wsr_insn, insn, 1, r->c = 1, "PROGRAM", "program", 0);  /* to itself */
	WITH_SAMPLE(struct wsr_insn, insn, 2, r->c = 0, "PROGRAM", "program", 0);  /* backwards */
	WITH_SAMPLE(struct wsr_insn, insn, 3, r->c = 11, "PROGRAM", "program", 0); /* behind the end */
	WITH_SAMPLE(struct wsr_insn, insn, 4, r->c = WSR_NONE, "PROGRAM", "program", 0);
}

static void test_regex_groups(void **state)
{
	(void)state;
	WITH_SAMPLE(struct wsr_regex_name, regex_name, 0, r->group = 0, "REGEX", "regex", 0);
	WITH_SAMPLE(struct wsr_regex_name, regex_name, 0, r->group = 2, "REGEX", "regex", 0);
}

static void test_ordinals(void **state)
{
	(void)state;
	WITH_SAMPLE(struct wsr_trie, trie, 2, r->exact = 3, "INDEX", "scope", 0);
	WITH_SAMPLE(struct wsr_trie, trie, 4, r->prefix = 1, "INDEX", "scope", 1);
	WITH_SAMPLE(struct wsr_trie, trie, 4, r->prefix = WSR_NONE - 1, "INDEX", "scope", 1);
	WITH_SAMPLE(uint32_t, scope_regex, 0, *r = 3, "INDEX", "scope", 0);
	WITH_SAMPLE(uint32_t, scope_regex, 0, *r = 0, "ENUM", "scope", 0); /* not a regular expression */
}

static void test_trie_labels(void **state)
{
	(void)state;
	WITH_SAMPLE(struct wsr_trie, trie, 1, r->label = 0; r->first_byte = 0, "TRIE", "trie", 0);        /* a child without label */
	WITH_SAMPLE(struct wsr_trie, trie, 2, r[0] = r[-1], "TRIE", "trie", 0);                           /* two children for one byte */
	WITH_SAMPLE(struct wsr_trie, trie, 1, r->label = ((struct wsr_server *)image_record(bytes, WSR_SECTION_server, 1))->name,
		    "TRIE", "trie", 1);                                                                   /* a label that is empty */
}

static void test_scope_cycle(void **state)
{
	(void)state;
	WITH_SAMPLE(struct wsr_location, location, 4, r->scope = 1, "SCOPE", "scope", 1);
	WITH_SAMPLE(struct wsr_location, location, 4, r->scope = 0, "SCOPE", "scope", 1);
}

static void test_hash_places(void **state)
{
	size_t len;
	uint8_t *bytes = sample_bytes(&len), *good = malloc(len);
	struct wsr_name_slot *slots = image_record(bytes, WSR_SECTION_name_slot, 0), *used = slots, *empty = slots, key;

	(void)state;
	memcpy(good, bytes, len);
	while (used->key == 0)
		used++;
	while (empty->key != 0)
		empty++;
#define HASH_EDIT(statement, symbol, section, record) \
	memcpy(bytes, good, len); \
	statement; \
	assert_refused(bytes, len, symbol, section, record)
	HASH_EDIT(used->hash ^= 1, "HASH", "nameset", 0);
	HASH_EDIT(used->hash ^= 0x80000000u, "HASH", "nameset", 0);
	HASH_EDIT(used->key = BAD, "STRING", "nameset", 0);
	HASH_EDIT(used->server = 2, "INDEX", "name_slot", (uint64_t)(used - slots));
	HASH_EDIT(*empty = *used, "HASH", "nameset", 0);            /* no empty slot is left */
	/* The table of two slots: its key in the other slot would not be found. */
	key = slots[4].key ? slots[4] : slots[5];
	HASH_EDIT(slots[4 + !(key.hash & 1)] = key; slots[4 + (key.hash & 1)] = (struct wsr_name_slot){ 0 }, "HASH", "nameset", 0);
	free(good);
	free(bytes);
}

static void test_map_and_mime_slots(void **state)
{
	(void)state;
	WITH_SAMPLE(struct wsr_map_slot, map_slot, 0, while (r->key == 0) r++; r->value = 3, "INDEX", "map_slot",
		    (uint64_t)(r - (struct wsr_map_slot *)image_record(bytes, WSR_SECTION_map_slot, 0)));
	WITH_SAMPLE(struct wsr_mime_slot, mime_slot, 0, while (r->key == 0) r++; r->type = 0, "STRING", "mime_slot",
		    (uint64_t)(r - (struct wsr_mime_slot *)image_record(bytes, WSR_SECTION_mime_slot, 0)));
}

static void test_string_section(void **state)
{
	(void)state;
	WITH_SAMPLE(uint32_t, string, 0, r[0] = 1, "STRING", "string", 0);              /* the zeros at the start */
	WITH_SAMPLE(uint32_t, string, 0, r[1] = 1, "STRING", "string", 0);
	WITH_SAMPLE(uint32_t, string, 8, r[0] = UINT32_MAX, "STRING", "string", 0);     /* the first length */
	WITH_SAMPLE(uint32_t, string, 8, r[0] = (uint32_t)image_directory(bytes, WSR_SECTION_string)->count, "STRING", "string", 0);
	WITH_SAMPLE(uint32_t, string, 8, r[0]--, "STRING", "string", 0);                /* no NUL behind it */
	WITH_SAMPLE(uint8_t, string, 8 + 4 + 9, r[1] = 1, "STRING", "string", 0);       /* "site.conf" is filled up with zeros */
}

/* Limits that need larger tables than the sample. */
static void test_template_limit(void **state)
{
	struct image im;
	size_t len;
	uint8_t *bytes;

	(void)state;
	image_sample(&im);
	for (uint32_t i = 0; i < WSR_MAX_TEMPLATE_PARTS; i++)
		image_part(&im, (struct wsr_part){ .kind = WSR_PART_CAPTURE });
	image_tmpl(&im, (struct wsr_tmpl){ 0, WSR_MAX_TEMPLATE_PARTS + 1 });
	bytes = image_bytes(&im, &len);
	assert_refused(bytes, len, "RANGE", "tmpl", 3);
	image_free(&im);
	free(bytes);
}

static void test_program_limit(void **state)
{
	struct image im;
	size_t len;
	uint8_t *bytes;

	(void)state;
	image_sample(&im);
	for (uint32_t i = 0; i <= WSR_MAX_PROGRAM; i++)
		image_insn(&im, (struct wsr_insn){ .op = WSR_OP_BREAK, .pos = WSR_NONE });
	image_program(&im, (struct wsr_program){ 11, WSR_MAX_PROGRAM + 1 });
	bytes = image_bytes(&im, &len);
	assert_refused(bytes, len, "PROGRAM", "program", 2);
	image_free(&im);
	free(bytes);
}

/* A chain of scopes, each nested in the only location of the one before. */
static bool chain_opens(uint32_t depth)
{
	struct wsr_refusal why;
	struct wsr_table t;
	struct image im;
	size_t len;
	uint8_t *bytes;
	bool ok;

	image_sample(&im);
	for (uint32_t i = 0; i < depth; i++) {
		image_location(&im, (struct wsr_location){ .body = 1, .proxy = WSR_NONE, .program = WSR_NONE, .scope = i + 1 < depth ? 3 + i : WSR_NONE });
		image_scope(&im, (struct wsr_scope){ .loc_base = 7 + i, .loc_count = 1, .trie = WSR_NONE });
	}
	bytes = image_bytes(&im, &len);
	ok = wsr_table_init(&t, bytes, len, &why);
	if (!ok)
		assert_int_equal(why.error, WSR_E_SCOPE);
	image_free(&im);
	free(bytes);
	return ok;
}

static void test_scope_depth(void **state)
{
	(void)state;
	assert_true(chain_opens(WSR_MAX_SCOPE_DEPTH));
	assert_false(chain_opens(WSR_MAX_SCOPE_DEPTH + 1));
	assert_false(chain_opens(300));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_edits),
		cmocka_unit_test(test_jumps),
		cmocka_unit_test(test_regex_groups),
		cmocka_unit_test(test_ordinals),
		cmocka_unit_test(test_trie_labels),
		cmocka_unit_test(test_scope_cycle),
		cmocka_unit_test(test_hash_places),
		cmocka_unit_test(test_map_and_mime_slots),
		cmocka_unit_test(test_string_section),
		cmocka_unit_test(test_template_limit),
		cmocka_unit_test(test_program_limit),
		cmocka_unit_test(test_scope_depth),
	};

	return cmocka_run_group_tests_name("table_verify", tests, NULL, NULL);
}
