/* SPDX-License-Identifier: BSD-2-Clause */
/* Two valid tables: one small with something of everything, one as large as a test wants. See table_image.h. */
#include "tests/lib_c/table_image.h"

#include <stdio.h>
#include <stdlib.h>

#define LIST(...) ((struct wsr_list){ __VA_ARGS__ })

static void sample_values(struct image *im)
{
	image_file_name(im, image_text(im, "site.conf"));
	image_file_name(im, image_text(im, "conf.d/proxy.inc"));
	image_pos(im, (struct wsr_pos){ .line = 1, .file = 0, .column = 1 });
	image_pos(im, (struct wsr_pos){ .line = 14, .file = 0, .column = 9 });
	image_pos(im, (struct wsr_pos){ .line = 3, .file = 1, .column = 5 });

	image_str_item(im, image_text(im, "cert.pem"));                                   /* 0 */
	image_str_item(im, image_text(im, "key.pem"));                                    /* 1 */
	image_str_item(im, image_text(im, "x-powered-by"));                               /* 2 */

	image_part(im, (struct wsr_part){ .kind = WSR_PART_LITERAL, .arg = image_text(im, "https://example.org") });        /* 0 */
	image_part(im, (struct wsr_part){ .kind = WSR_PART_VARIABLE, .id = 7, .arg = image_text(im, "user_agent") });       /* 1 */
	image_part(im, (struct wsr_part){ .kind = WSR_PART_USER, .arg = 1 });             /* 2 */
	image_part(im, (struct wsr_part){ .kind = WSR_PART_CAPTURE, .id = 1 });           /* 3 */
	image_part(im, (struct wsr_part){ .kind = WSR_PART_ARGS_START });                 /* 4 */
	image_part(im, (struct wsr_part){ .kind = WSR_PART_VARIABLE, .id = 8 });          /* 5 */
	image_tmpl(im, (struct wsr_tmpl){ 0, 0 });                                        /* 0: empty */
	image_tmpl(im, (struct wsr_tmpl){ 0, 1 });                                        /* 1: constant */
	image_tmpl(im, (struct wsr_tmpl){ 0, 6 });                                        /* 2: all parts */
	image_tmpl_item(im, 1);

	image_regex_name(im, (struct wsr_regex_name){ .group = 1, .slot = 2 });
	image_regex(im, (struct wsr_regex){ .pattern = image_text(im, "^/(?<id>[0-9]+)$"), .flags = WSR_REGEX_CASELESS, .capture_count = 2,
					    .names = LIST(0, 1), .pos = 1 });             /* 0 */
	image_regex(im, (struct wsr_regex){ .pattern = image_text(im, "\\.php$"), .capture_count = 1, .pos = WSR_NONE }); /* 1 */
	image_variable(im, (struct wsr_variable){ image_text(im, "backend"), WSR_VARIABLE_SET, WSR_NONE });      /* 0 */
	image_variable(im, (struct wsr_variable){ image_text(im, "upgraded"), WSR_VARIABLE_MAP, 0 });            /* 1 */
	image_variable(im, (struct wsr_variable){ image_text(im, "id"), WSR_VARIABLE_CAPTURE, WSR_NONE });       /* 2 */
	image_map(im, (struct wsr_map){ .source = 2, .default_value = 1, .regexes = { 0, 1 }, .flags = WSR_MAP_HOSTNAMES, .pos = 0,
					.slots = image_hash(im, WSR_SECTION_map_slot, 4, (struct image_key[]){ { "", 0 }, { "websocket", 1 } }, 2) });
	image_map_regex(im, (struct wsr_map_regex){ .regex = 0, .value = 2 });
}

/* Program 0 has every operation, program 1 one more. */
static void sample_programs(struct image *im)
{
	image_insn(im, (struct wsr_insn){ .op = WSR_OP_SET, .a = 0, .b = 2, .pos = 1 });                                            /* 0 */
	image_insn(im, (struct wsr_insn){ .op = WSR_OP_IF_TRUE, .flags = WSR_INSN_NOT, .a = 2, .c = 3, .pos = 1 });                 /* 1 */
	image_insn(im, (struct wsr_insn){ .op = WSR_OP_IF_EQUAL, .a = 2, .b = 1, .c = 4, .pos = 1 });                               /* 2 */
	image_insn(im, (struct wsr_insn){ .op = WSR_OP_IF_MATCH, .a = 2, .b = 0, .c = 10, .pos = 1 });                              /* 3 */
	image_insn(im, (struct wsr_insn){ .op = WSR_OP_IF_FILE, .code = WSR_FILE_IS_DIR, .a = 2, .c = 6, .pos = 1 });               /* 4 */
	image_insn(im, (struct wsr_insn){ .op = WSR_OP_REWRITE, .flags = WSR_REWRITE_REDIRECT, .code = 302, .a = 0, .b = 2, .pos = 2 }); /* 5 */
	image_insn(im, (struct wsr_insn){ .op = WSR_OP_RETURN, .flags = WSR_RETURN_URL, .code = 301, .b = 1, .pos = 2 });           /* 6 */
	image_insn(im, (struct wsr_insn){ .op = WSR_OP_BREAK, .pos = 2 });                                                          /* 7 */
	image_insn(im, (struct wsr_insn){ .op = WSR_OP_USE, .a = 5, .pos = 2 });                                                    /* 8 */
	image_insn(im, (struct wsr_insn){ .op = WSR_OP_REDIRECT, .code = 308, .a = WSR_NONE, .b = 2, .c = 1, .pos = 2 });           /* 9 */
	image_insn(im, (struct wsr_insn){ .op = WSR_OP_RETURN, .code = 404, .b = WSR_NONE, .pos = WSR_NONE });                      /* 10 */
	image_program(im, (struct wsr_program){ 0, 10 });
	image_program(im, (struct wsr_program){ 10, 1 });
}

static void sample_lists(struct image *im)
{
	image_field_op(im, (struct wsr_field_op){ image_text(im, "X-Frame-Options"), 1, WSR_FIELD_ALWAYS, 1 });
	image_redirect_rule(im, (struct wsr_redirect_rule){ .from = 1, .to = 2, .pos = 1 });
	image_redirect_rule(im, (struct wsr_redirect_rule){ .from = 0, .to = 2, .flags = WSR_REDIRECT_REGEX, .pos = 1 });
	image_error_page(im, (struct wsr_error_page){ .status = 404, .answer = 200, .target = 1, .pos = 1 });
	image_log_ref(im, (struct wsr_log_ref){ .path = 1, .format = 0, .condition = WSR_NONE, .when = WSR_NONE, .pos = 1 });
	image_log_format(im, (struct wsr_log_format){ image_text(im, "combined"), 2, WSR_ESCAPE_JSON });
	image_error_log(im, (struct wsr_error_log){ image_text(im, "stderr"), WSR_LOG_ERROR });
	image_mime(im, (struct wsr_mime){ image_hash(im, WSR_SECTION_mime_slot, 4,
		(struct image_key[]){ { "html", image_text(im, "text/html") }, { "css", image_text(im, "text/css") } }, 2) });
}

static void sample_upstreams(struct image *im)
{
	image_peer(im, (struct wsr_peer){ .host = image_text(im, "backend.internal"), .text = image_text(im, "backend.internal:8080"), .port = 8080,
					  .kind = WSR_PEER_NAME, .weight = 5, .max_fails = 1, .fail_timeout_ms = 10000, .flags = WSR_PEER_RESOLVE, .pos = 1 });
	image_peer(im, (struct wsr_peer){ .host = image_text(im, "/run/app.sock"), .text = image_text(im, "unix:/run/app.sock"), .kind = WSR_PEER_UNIX,
					  .weight = 1, .flags = WSR_PEER_BACKUP, .pos = 1 });
	image_upstream(im, (struct wsr_upstream){ .name = image_text(im, "app"), .peers = LIST(0, 2), .balance = WSR_BALANCE_HASH, .keepalive = 16,
						  .hash_key = 2, .pos = 1 });
	image_proxy(im, (struct wsr_proxy){ .upstream = 0, .host = image_text(im, "app"), .uri = image_text(im, "/v1/"), .url = WSR_NONE, .port = 80,
					    .flags = WSR_PROXY_UPSTREAM_GROUP, .pos = 1 });              /* 0 */
	image_proxy(im, (struct wsr_proxy){ .upstream = WSR_NONE, .url = 2, .port = 443, .flags = WSR_PROXY_VARIABLES | WSR_PROXY_TLS, .pos = 1 }); /* 1 */
}

static struct wsr_proxyset default_proxyset(void)
{
	return (struct wsr_proxyset){ .proxy_http_version = 11, .proxy_read_timeout_ms = 60000, .proxy_ssl_name = { WSR_NONE, 0 },
				      .proxy_ssl_protocols = WSR_TLS_1_2 | WSR_TLS_1_3, .websocket = WSR_WEBSOCKET_ON };
}

static void sample_groups(struct image *im)
{
	struct wsr_proxyset proxyset = default_proxyset();

	proxyset.upgrade_protocols = LIST(2, 1);
	image_core(im, (struct wsr_core){ .keepalive_timeout_ms = 75000, .keepalive_requests = 1000 });
	image_fileset(im, (struct wsr_file){ .root = { 1, 0 }, .index = { 0, 1 }, .types = { 0, 0 }, .default_type = { image_text(im, "text/plain"), 0 } });
	image_logset(im, (struct wsr_log){ .access_log = { 0, 1 }, .error_log = 0 });
	image_proxyset(im, proxyset);
	image_fieldset(im, (struct wsr_fieldset){ .proxy_set_header = { 0, 1 }, .proxy_hide_header = { 2, 1 }, .proxy_redirect = { 0, 2 },
						  .expires_kind = WSR_EXPIRES_MAX, .error_page = { 0, 1 } });
	image_access_rule(im, (struct wsr_access_rule){ .addr = { 10 }, .family = 4, .prefix_bits = 8, .pos = 1 });
	image_access_rule(im, (struct wsr_access_rule){ .family = 0, .deny = 1, .pos = 1 });
}

static uint32_t sample_body(struct image *im, uint8_t kind, const char *name, uint32_t regex)
{
	return image_body(im, (struct wsr_body){ .kind = kind, .name = image_text(im, name), .regex = regex, .access = { 0, 2 } });
}

/* Bodies and locations have the same numbers. Scope 0 holds locations 1 to 3, scope 1, nested in location 1, holds location 4. */
static void sample_locations(struct image *im)
{
	static const uint32_t nested[] = { WSR_NONE, 1, WSR_NONE, WSR_NONE, WSR_NONE, WSR_NONE, WSR_NONE };
	static const uint32_t proxy[] = { WSR_NONE, 0, 1, WSR_NONE, 0, 0, WSR_NONE };

	sample_body(im, WSR_LOCATION_SERVER, "", WSR_NONE);        /* 0 */
	sample_body(im, WSR_LOCATION_PREFIX, "/", WSR_NONE);       /* 1 */
	sample_body(im, WSR_LOCATION_EXACT, "/login", WSR_NONE);   /* 2 */
	sample_body(im, WSR_LOCATION_REGEX, "\\.php$", 1);         /* 3 */
	sample_body(im, WSR_LOCATION_PREFIX, "/a/b", WSR_NONE);    /* 4 */
	sample_body(im, WSR_LOCATION_IF, "", WSR_NONE);            /* 5 */
	sample_body(im, WSR_LOCATION_NAMED, "@down", WSR_NONE);    /* 6 */
	for (uint32_t i = 0; i < 7; i++)
		image_location(im, (struct wsr_location){ .body = i, .proxy = proxy[i], .program = i == 1 ? 1 : WSR_NONE, .scope = nested[i], .pos = 1 });

	image_scope(im, (struct wsr_scope){ .loc_base = 1, .loc_count = 3, .trie = 0, .regexes = { 0, 1 } });
	image_scope(im, (struct wsr_scope){ .loc_base = 4, .loc_count = 1, .trie = 3, .regexes = { 1, 0 } });
	image_scope_regex(im, 2);
	image_trie(im, (struct wsr_trie){ .label = image_text(im, "/"), .first_byte = '/', .first_child = 1, .child_count = 2, .exact = WSR_NONE, .prefix = 0 });
	image_trie(im, (struct wsr_trie){ .label = image_text(im, "a"), .first_byte = 'a', .exact = WSR_NONE, .prefix = WSR_NONE });
	image_trie(im, (struct wsr_trie){ .label = image_text(im, "login"), .first_byte = 'l', .exact = 1, .prefix = WSR_NONE });
	image_trie(im, (struct wsr_trie){ .label = 0, .first_child = 4, .child_count = 1, .exact = WSR_NONE, .prefix = WSR_NONE }); /* 3: root of scope 1 */
	image_trie(im, (struct wsr_trie){ .label = image_text(im, "/a/b"), .first_byte = '/', .exact = WSR_NONE, .prefix = 0 });
}

static void sample_servers(struct image *im)
{
	struct wsr_nameset names = { 0 };

	image_tls(im, (struct wsr_tls){ .certificates = { 0, 1 }, .keys = { 1, 1 }, .protocols = WSR_TLS_1_2 | WSR_TLS_1_3, .session_tickets = 1,
					.session_cache = WSR_TLS_CACHE_SHARED, .ciphers = image_text(im, "HIGH:!aNULL"), .pos = 1 });
	image_srv(im, (struct wsr_srv){ .client_header_timeout_ms = 60000, .header_buffer_bytes = 1024, .large_header_count = 4,
					.large_header_bytes = 8192, .merge_slashes = 1, .ignore_invalid_headers = 1 });
	image_server(im, (struct wsr_server){ .name = image_text(im, "example.org"), .scope = 0, .program = 0, .location = 0, .srv = 0, .tls = 0, .pos = 1, .host = WSR_NONE });
	image_server(im, (struct wsr_server){ .name = image_text(im, ""), .scope = WSR_NONE, .program = WSR_NONE, .location = 0, .srv = 0, .tls = WSR_NONE,
					      .pos = 2, .host = WSR_NONE });
	image_named(im, (struct wsr_named){ .server = 0, .name = image_text(im, "@down"), .location = 6 });
	image_named(im, (struct wsr_named){ .server = 0, .name = image_text(im, "@up"), .location = 6 });
	image_named(im, (struct wsr_named){ .server = 1, .name = image_text(im, "@down"), .location = 6 });

	names.exact = image_hash(im, WSR_SECTION_name_slot, 4, (struct image_key[]){ { "example.org", 0 }, { "www.example.org", 0 }, { "example.net", 1 } }, 3);
	names.leading = image_hash(im, WSR_SECTION_name_slot, 2, (struct image_key[]){ { ".example.org", 0 } }, 1);
	names.trailing = image_hash(im, WSR_SECTION_name_slot, 2, (struct image_key[]){ { "www.example.", 1 } }, 1);
	names.regexes = LIST(0, 1);
	image_name_regex(im, (struct wsr_name_regex){ .regex = 0, .server = 1 });
	image_nameset(im, names);
	image_listen(im, (struct wsr_listen){ .text = image_text(im, "127.0.0.1:443"), .addr = { 127, 0, 0, 1 }, .family = 4, .port = 443, .backlog = -1,
					      .flags = WSR_LISTEN_TLS, .default_server = 0, .nameset = 0, .pos = 1 });
	image_listen(im, (struct wsr_listen){ .text = image_text(im, "unix:/run/w.sock"), .path = image_text(im, "/run/w.sock"), .family = 1, .backlog = 511,
					      .default_server = 1, .nameset = 0, .pos = 2 });
}

/* What an Apache server has: one host with its own layer and a Location, one record of everything that hangs on them. */
static void sample_host(struct image *im)
{
	image_cond(im, (struct wsr_cond){ .op = WSR_COND_AND, .size = 3, .pos = 1 });                                      /* 0 */
	image_cond(im, (struct wsr_cond){ .op = WSR_COND_NOT_EMPTY, .size = 1, .a = 1, .pos = 1 });
	image_cond(im, (struct wsr_cond){ .op = WSR_COND_CLIENT, .flags = WSR_COND_NOT, .size = 1, .a = 0, .b = 2, .pos = 1 });
	image_call(im, (struct wsr_call){ .function = WSR_FUNCTION_MAP, .argument = 1, .map = 0, .fallback = 2 });
	image_env_op(im, (struct wsr_env_op){ .slot = 0, .value = 1, .condition = 0, .flags = WSR_ENV_LATE, .pos = 1 });
	image_rewrite_rule(im, (struct wsr_rewrite_rule){ .condition = 0, .regex = 1, .target = 1, .flags = WSR_RULE_REDIRECT | WSR_RULE_LAST, .status = 301,
							  .env = LIST(0, 1), .cookies = LIST(0, 1), .type = WSR_NONE, .handler = WSR_NONE, .pos = 1 });
	image_alias_rule(im, (struct wsr_alias_rule){ .kind = WSR_ALIAS_REDIRECT, .status = 302, .from = image_text(im, "/old"), .regex = WSR_NONE, .target = 1, .pos = 1 });
	image_header_op(im, (struct wsr_header_op){ .action = WSR_HEADER_EDIT, .flags = WSR_HEADER_ALWAYS, .name = image_text(im, "Server"), .value = 1, .regex = 1,
						    .condition = WSR_NONE, .pos = 1 });
	image_member(im, (struct wsr_member){ .route = image_text(im, "one"), .uri = image_text(im, "/app") });
	image_member(im, (struct wsr_member){ .flags = WSR_MEMBER_WS });
	image_worker(im, (struct wsr_worker){ .url = image_text(im, "http://app/"), .proxy = 0, .flags = WSR_WORKER_BALANCER, .retry_ms = 60000, .members = LIST(0, 2), .pos = 1 });
	image_pass(im, (struct wsr_pass){ .from = image_text(im, "/app"), .regex = WSR_NONE, .proxy = 0, .target = WSR_NONE, .worker = 0, .live_from = WSR_NONE, .live_target = WSR_NONE, .pos = 1 });
	image_reverse(im, (struct wsr_reverse){ .kind = WSR_REVERSE_LOCATION, .internal = image_text(im, "http://app/"), .external = image_text(im, "/app"), .live_internal = WSR_NONE, .live_external = WSR_NONE, .pos = 1 });
	image_auth(im, (struct wsr_auth){ .realm = 1, .user_file = image_text(im, "users"), .pos = 1 });
	image_layer(im, (struct wsr_layer){ .kind = WSR_LAYER_HOST, .regex = WSR_NONE, .condition = WSR_NONE, .location = 0, .pass = WSR_NONE, .require = WSR_NONE,
					    .hosts = WSR_NONE, .auth = WSR_NONE, .env = LIST(0, 1), .rewrites = LIST(0, 1), .aliases = LIST(0, 1), .pos = 1 });
	image_layer(im, (struct wsr_layer){ .kind = WSR_LAYER_LOCATION, .name = image_text(im, "/app"), .regex = WSR_NONE, .condition = 0, .location = 0, .pass = 0,
					    .require = 0, .hosts = WSR_NONE, .auth = 0, .set = { 5, 0 }, .response_headers = LIST(0, 1), .pos = 1 });
	image_host(im, (struct wsr_host){ .layers = LIST(0, 2), .passes = LIST(0, 1), .workers = LIST(0, 1), .trusted = LIST(0, 2),
					  .remote_header = image_text(im, "X-Forwarded-For"), .canonical_port = 80, .pos = 1 });
}

static void sample_global(struct image *im)
{
	image_global(im, (struct wsr_global){ .origin = image_text(im, "site.conf"), .compiler = image_text(im, "wsrpc 0.1.0"), .user = image_text(im, "www-data"),
					      .worker_processes = 2, .worker_connections = 512, .error_log = 0, .default_body = 0 });
}

void image_sample(struct image *im)
{
	image_init(im);
	sample_global(im);
	sample_values(im);
	sample_programs(im);
	sample_lists(im);
	sample_upstreams(im);
	sample_groups(im);
	sample_locations(im);
	sample_servers(im);
	sample_host(im);
}

/* What all servers of image_many() share: settings, three bodies, one trie. */
static void many_shared(struct image *im)
{
	image_global(im, (struct wsr_global){ .origin = image_text(im, "many.conf") });
	image_file_name(im, image_text(im, "many.conf"));
	image_error_log(im, (struct wsr_error_log){ image_text(im, "stderr"), WSR_LOG_ERROR });
	image_core(im, (struct wsr_core){ .auth_realm = { WSR_NONE, 0 } });
	image_fileset(im, (struct wsr_file){ .root = { WSR_NONE, 0 }, .types = { WSR_NONE, 0 } });
	image_logset(im, (struct wsr_log){ 0 });
	image_proxyset(im, default_proxyset());
	image_fieldset(im, (struct wsr_fieldset){ .expires_text = { WSR_NONE, 0 } });
	image_srv(im, (struct wsr_srv){ .merge_slashes = 1 });
	image_body(im, (struct wsr_body){ .kind = WSR_LOCATION_SERVER, .regex = WSR_NONE });
	image_body(im, (struct wsr_body){ .kind = WSR_LOCATION_PREFIX, .regex = WSR_NONE, .name = image_text(im, "/") });
	image_body(im, (struct wsr_body){ .kind = WSR_LOCATION_PREFIX, .regex = WSR_NONE, .name = image_text(im, "/ws") });
	image_trie(im, (struct wsr_trie){ .label = image_text(im, "/"), .first_byte = '/', .first_child = 1, .child_count = 1, .exact = WSR_NONE, .prefix = 0 });
	image_trie(im, (struct wsr_trie){ .label = image_text(im, "ws"), .first_byte = 'w', .exact = WSR_NONE, .prefix = 1 });
}

static void many_server(struct image *im, uint32_t i, struct image_key *keys)
{
	char name[64], peer[64];
	uint32_t pos[3], upstream, location = 3 * i;

	snprintf(name, sizeof(name), "www.host%u.example.org", i);
	snprintf(peer, sizeof(peer), "backend%u.internal", i);
	for (uint32_t k = 0; k < 3; k++)
		pos[k] = image_pos(im, (struct wsr_pos){ .line = 8 * i + 2 * k + 1, .column = 5 });
	image_peer(im, (struct wsr_peer){ .host = image_text(im, peer), .text = image_text(im, peer), .port = 80, .kind = WSR_PEER_NAME, .weight = 1, .pos = pos[1] });
	upstream = image_upstream(im, (struct wsr_upstream){ .name = image_text(im, peer), .peers = { i, 1 }, .hash_key = WSR_NONE, .pos = pos[1] });
	image_proxy(im, (struct wsr_proxy){ .upstream = upstream, .host = image_text(im, peer), .url = WSR_NONE, .port = 80, .pos = pos[1] });
	image_location(im, (struct wsr_location){ .body = 0, .proxy = WSR_NONE, .program = WSR_NONE, .scope = WSR_NONE, .pos = pos[0] });
	image_location(im, (struct wsr_location){ .body = 1, .proxy = i, .program = WSR_NONE, .scope = WSR_NONE, .pos = pos[1] });
	image_location(im, (struct wsr_location){ .body = 2, .proxy = i, .program = WSR_NONE, .scope = WSR_NONE, .pos = pos[2] });
	image_scope(im, (struct wsr_scope){ .loc_base = location + 1, .loc_count = 2, .trie = 0 });
	image_server(im, (struct wsr_server){ .name = image_text(im, name + 4), .scope = i, .program = WSR_NONE, .location = location, .tls = WSR_NONE, .pos = pos[0], .host = WSR_NONE });
	keys[0] = (struct image_key){ strdup(name), i };
	keys[1] = (struct image_key){ strdup(name + 4), i };
}

void image_many(struct image *im, uint32_t servers)
{
	struct image_key *keys = calloc((size_t)servers * 2 + 1, sizeof(*keys));
	uint32_t slots = 4;

	image_init(im);
	many_shared(im);
	for (uint32_t i = 0; i < servers; i++)
		many_server(im, i, keys + (size_t)i * 2);
	while (slots < servers * 2 * 4 / 3)
		slots *= 2;
	image_nameset(im, (struct wsr_nameset){ .exact = image_hash(im, WSR_SECTION_name_slot, slots, keys, servers * 2) });
	image_listen(im, (struct wsr_listen){ .text = image_text(im, "127.0.0.1:80"), .addr = { 127, 0, 0, 1 }, .family = 4, .port = 80, .backlog = -1,
					      .pos = WSR_NONE });
	for (uint32_t i = 0; i < servers * 2; i++)
		free((void *)(uintptr_t)keys[i].key);
	free(keys);
}
