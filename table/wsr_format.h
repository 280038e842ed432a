/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Layout of the table file (major version 1) and nothing else; FORMAT.md says the same in prose.
 *
 * Flat and little-endian; every reference is an index into a section or an offset into the string section, never a pointer. A file is
 * a header, a directory of sections and the sections, each 8-byte aligned and made of `count` records of `stride` bytes. A reader accepts
 * a stride larger than the struct it knows (records may grow at the end) and refuses a smaller one.
 */
#ifndef WSR_FORMAT_H
#define WSR_FORMAT_H

#include <stdint.h>

#if !defined(__BYTE_ORDER__) || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "tables are mapped in place: a little-endian machine is required"
#endif

#define WSR_MAGIC       "WSRTABLE" /* 8 bytes */
#define WSR_MAJOR       1
#define WSR_MINOR       1
#define WSR_ENDIAN_MARK 0x01020304u
#define WSR_NONE        UINT32_MAX /* no index */

/* Limits that a verifier enforces, so that a reader may rely on them. */
#define WSR_MAX_TABLE_BYTES   (UINT64_C(1) << 32)
#define WSR_MAX_CAPTURES      64u  /* groups of a regular expression, the whole match included */
#define WSR_MAX_SCOPE_DEPTH   32u  /* nested locations */
#define WSR_MAX_PROGRAM       65535u
#define WSR_MAX_TEMPLATE_PARTS 4096u
#define WSR_MAX_LABELS        127u
#define WSR_VARIABLE_ID_LIMIT 1024u /* ids of built-in variables are smaller; one that a reader does not know is empty */

/* Feature bits. A reader refuses a table with a required bit it does not know. */
#define WSR_FEATURE_HOST            UINT64_C(1) /* servers with a `host`: phases of httpd, conditions, calls in templates */
#define WSR_FEATURES_REQUIRED_KNOWN WSR_FEATURE_HOST
#define WSR_FEATURES_OPTIONAL_KNOWN UINT64_C(0)

struct wsr_header {
	char magic[8];
	uint32_t endian_mark;
	uint16_t major;
	uint16_t minor;
	uint64_t total_bytes;       /* of the whole file */
	uint32_t header_bytes;      /* offset of the section directory */
	uint32_t section_count;
	uint64_t features_required;
	uint64_t features_optional;
	uint32_t crc32c;            /* over the whole file with this field taken as zero */
	uint32_t reserved;          /* zero */
	uint8_t identity[32];       /* SHA-256 over everything behind the header: names the table in logs */
};
_Static_assert(sizeof(struct wsr_header) == 88, "header");

struct wsr_section {
	uint32_t kind;              /* enum wsr_section_kind; unknown kinds are skipped */
	uint32_t stride;            /* bytes of a record; 1 for the string section */
	uint64_t offset;            /* from the start of the file, 8-byte aligned */
	uint64_t count;             /* records; at most 2^32 - 2 */
};
_Static_assert(sizeof(struct wsr_section) == 24, "section");

/*
 * A string reference: offset into the string section of a 4-byte aligned record { uint32_t len; char bytes[len]; char nul; }.
 * 0 means no string; the section starts with 8 zero bytes so that no string has offset 0. Records follow each other without gaps (each is
 * filled up to 4 bytes with zeros), so that one pass finds where strings start; a reference must name such a start.
 */
typedef uint32_t wsr_sref;

struct wsr_list { uint32_t first, count; };

/* X(kind number, member name, record type): the sections in file order. Kind numbers are never reused. */
#define WSR_SECTIONS(X) \
	X(1,  string,        char) \
	X(2,  global,        struct wsr_global)         /* exactly one */ \
	X(3,  file_name,     wsr_sref)                  /* source files, for positions */ \
	X(4,  pos,           struct wsr_pos) \
	X(5,  str_item,      wsr_sref)                  /* LIST_STR */ \
	X(6,  tmpl_item,     uint32_t)                  /* LIST_TMPL */ \
	X(7,  part,          struct wsr_part) \
	X(8,  tmpl,          struct wsr_tmpl) \
	X(9,  regex,         struct wsr_regex) \
	X(10, regex_name,    struct wsr_regex_name) \
	X(11, variable,      struct wsr_variable)       /* user variables: set, map, captures; index = slot */ \
	X(12, map,           struct wsr_map) \
	X(13, map_slot,      struct wsr_map_slot) \
	X(14, map_regex,     struct wsr_map_regex) \
	X(15, insn,          struct wsr_insn) \
	X(16, program,       struct wsr_program) \
	X(17, field_op,      struct wsr_field_op)       /* LIST_FIELD */ \
	X(18, redirect_rule, struct wsr_redirect_rule)  /* LIST_REDIRECT */ \
	X(19, log_ref,       struct wsr_log_ref)        /* LIST_LOG */ \
	X(20, log_format,    struct wsr_log_format) \
	X(21, error_log,     struct wsr_error_log) \
	X(22, mime,          struct wsr_mime) \
	X(23, mime_slot,     struct wsr_mime_slot) \
	X(24, upstream,      struct wsr_upstream) \
	X(25, peer,          struct wsr_peer) \
	X(26, proxy,         struct wsr_proxy) \
	X(27, core,          struct wsr_core) \
	X(28, fileset,       struct wsr_file) \
	X(29, logset,        struct wsr_log) \
	X(30, proxyset,      struct wsr_proxyset) \
	X(31, fieldset,      struct wsr_fieldset) \
	X(32, body,          struct wsr_body) \
	X(33, location,      struct wsr_location) \
	X(34, scope,         struct wsr_scope) \
	X(35, trie,          struct wsr_trie) \
	X(36, scope_regex,   uint32_t)                  /* location ordinals relative to the scope's loc_base */ \
	X(37, tls,           struct wsr_tls) \
	X(38, srv,           struct wsr_srv) \
	X(39, server,        struct wsr_server) \
	X(40, nameset,       struct wsr_nameset) \
	X(41, name_slot,     struct wsr_name_slot) \
	X(42, name_regex,    struct wsr_name_regex) \
	X(43, listen,        struct wsr_listen) \
	X(44, named,         struct wsr_named)          /* @name locations of servers, sorted by (server, name bytes) */ \
	X(45, access_rule,   struct wsr_access_rule) \
	X(46, error_page,    struct wsr_error_page)     /* LIST_ERROR_PAGE */ \
	X(47, cond,          struct wsr_cond) \
	X(48, env_op,        struct wsr_env_op) \
	X(49, rewrite_rule,  struct wsr_rewrite_rule) \
	X(50, alias_rule,    struct wsr_alias_rule) \
	X(51, header_op,     struct wsr_header_op) \
	X(52, worker,        struct wsr_worker) \
	X(53, pass,          struct wsr_pass) \
	X(54, reverse,       struct wsr_reverse) \
	X(55, auth,          struct wsr_auth) \
	X(56, layer,         struct wsr_layer) \
	X(57, host,          struct wsr_host) \
	X(58, call,          struct wsr_call) \
	X(59, member,        struct wsr_member)

enum wsr_section_kind {
#define X(num, name, type) WSR_SECTION_##name = num,
	WSR_SECTIONS(X)
#undef X
	WSR_SECTION_MAX = 59
};

/* Where a statement stands in the source. */
struct wsr_pos {
	uint32_t line;              /* from 1 */
	uint16_t file;              /* index of file_name */
	uint16_t column;            /* in bytes, from 1; 65535 = there or later */
};
_Static_assert(sizeof(struct wsr_pos) == 8, "pos");

/* Process-wide settings. */
struct wsr_global {
	wsr_sref origin;            /* the main file as named on the command line */
	wsr_sref compiler;          /* "wsrpc 0.1.0" */
	wsr_sref user, group;       /* 0 = not set */
	wsr_sref pid;               /* path; 0 = none */
	uint32_t worker_processes;  /* 0 = auto: one per core */
	uint32_t worker_connections;
	uint32_t worker_rlimit_nofile; /* 0 = leave */
	uint32_t error_log;         /* index of error_log: main context */
	uint32_t daemon;            /* flag */
	uint64_t worker_shutdown_timeout_ms; /* 0 = wait for ever */
	uint32_t default_body;      /* body used before any server is known */
	uint32_t multi_accept;      /* flag */
	struct wsr_list exempt;     /* access_rule: clients that send no header of the PROXY protocol (RemoteIPProxyProtocolExceptions) */
};
_Static_assert(sizeof(struct wsr_global) == 64, "global");

/* --- values ------------------------------------------------------------------------------------------------------- */

/* A template is its parts joined. */
enum wsr_part_kind {
	WSR_PART_LITERAL = 1,       /* arg = sref */
	WSR_PART_VARIABLE,          /* id = enum wsr_var_id of eval/variables.def; arg = sref of the suffix (http_, arg_, ...), 0 otherwise */
	WSR_PART_USER,              /* arg = slot: index of variable */
	WSR_PART_CAPTURE,           /* id = 0..9: group of the last match */
	WSR_PART_ARGS_START,        /* "?" ending the path of a rewrite replacement that goes on with arguments: escaping changes here */
	WSR_PART_CONDITION_CAPTURE, /* id = 0..9: group of the last condition that matched (%1 of mod_rewrite, {C:1} of IIS) */
	WSR_PART_CALL,              /* arg = call: a function of a template, or a look-up in a map */
};
struct wsr_part {
	uint8_t kind;
	uint8_t flags;              /* reserved, zero */
	uint16_t id;
	uint32_t arg;
};
_Static_assert(sizeof(struct wsr_part) == 8, "part");

/* A function of another template. Evaluation refuses calls nested deeper than its ceiling. */
enum wsr_function {
	WSR_FUNCTION_LOWER = 1, WSR_FUNCTION_UPPER, WSR_FUNCTION_ESCAPE, WSR_FUNCTION_UNESCAPE, WSR_FUNCTION_BASE64, WSR_FUNCTION_UNBASE64,
	WSR_FUNCTION_MAP,           /* look-up in `map`, whose source is not used; `fallback` when there is no entry */
	WSR_FUNCTION_RANDOM,        /* the same, and one of the alternatives "a|b|c" of the entry (RewriteMap rnd:) */
	WSR_FUNCTION_DEFAULT,       /* the template, which has one part, or `fallback` when that has no value */
	WSR_FUNCTION_AHEAD,         /* the template after the phases of a subrequest for the path that rules have made so far (mod_rewrite's LA-U:) */
	WSR_FUNCTION_AHEAD_FILE,    /* ... for the file (LA-F:) */
};
struct wsr_call {
	uint32_t function;          /* enum wsr_function */
	uint32_t argument;          /* template */
	uint32_t map;               /* MAP and RANDOM; otherwise WSR_NONE */
	uint32_t fallback;          /* template or WSR_NONE */
};
_Static_assert(sizeof(struct wsr_call) == 16, "call");

struct wsr_tmpl {
	uint32_t first_part;
	uint32_t part_count;        /* 0 = the empty string; 1 literal = a constant */
};
_Static_assert(sizeof(struct wsr_tmpl) == 8, "tmpl");

#define WSR_REGEX_CASELESS 1u
#define WSR_REGEX_HTTPD    2u /* "." takes a line end, "$" stands at the very end only (httpd: RegexDefaultOptions) */
struct wsr_regex {
	wsr_sref pattern;
	uint32_t flags;             /* WSR_REGEX_* */
	uint32_t capture_count;     /* groups, the whole match included; at most WSR_MAX_CAPTURES */
	struct wsr_list names;      /* regex_name: named groups, which are user variables */
	uint32_t pos;
};
_Static_assert(sizeof(struct wsr_regex) == 24, "regex");
struct wsr_regex_name { uint32_t group, slot; };

enum wsr_variable_kind { WSR_VARIABLE_SET = 1, WSR_VARIABLE_MAP, WSR_VARIABLE_CAPTURE };
struct wsr_variable {
	wsr_sref name;              /* without "$" */
	uint32_t kind;
	uint32_t map;               /* index of map, WSR_NONE unless kind is MAP */
};
_Static_assert(sizeof(struct wsr_variable) == 12, "variable");

/*
 * Hash tables of strings, everywhere the same: open addressing, linear probing, a power of two of slots with at least one empty slot
 * (key 0); the slot of a key is wsr_hash(key) & (count - 1). Keys are lower case where the field says so. Tables in one slot section do not
 * overlap and stand in the order of their owners (of a nameset: exact, leading, trailing). No slots at all = an empty table.
 */
struct wsr_map {
	uint32_t source;            /* template */
	uint32_t default_value;     /* template */
	struct wsr_list slots;      /* map_slot; keys in lower case, source is lowered before look-up (nginx: ngx_http_map_find) */
	struct wsr_list regexes;    /* map_regex, in order, tried after the strings */
	uint32_t flags;             /* 1 = hostnames: keys ".x" / "*.x" / "x.*" are wildcards */
	uint32_t pos;
};
#define WSR_MAP_HOSTNAMES 1u
#define WSR_MAP_VOLATILE  2u
#define WSR_MAP_EXACT     4u /* keys as written, the source is not lowered (RewriteMap) */
_Static_assert(sizeof(struct wsr_map) == 32, "map");
struct wsr_map_slot { wsr_sref key; uint32_t hash; uint32_t value; /* template */ };
struct wsr_map_regex { uint32_t regex; uint32_t value; /* template */ };

/* --- the rewrite program ------------------------------------------------------------------------------------------ */

/*
 * One instruction. Jumps go forward only: `target` is relative to the program's first instruction and larger than the instruction's own
 * ordinal, at most the program's length (= fall off the end).
 */
enum wsr_op {
	WSR_OP_SET = 1,             /* a = variable slot, b = template */
	WSR_OP_IF_TRUE,             /* a = template: not empty and not "0"; flags & NOT negates; c = target when it does not hold */
	WSR_OP_IF_EQUAL,            /* a = template, b = template, NOT; c = target */
	WSR_OP_IF_MATCH,            /* a = template, b = regex, NOT; c = target; captures replace the current set */
	WSR_OP_IF_FILE,             /* a = template (path), code = enum wsr_file_test, NOT; c = target */
	WSR_OP_REWRITE,             /* a = regex, b = template of the replacement, code = status for REDIRECT; flags WSR_REWRITE_*; c = unused */
	WSR_OP_RETURN,              /* code = status, b = template of text or URL or WSR_NONE; flags & URL: b is a redirect target */
	WSR_OP_BREAK,
	WSR_OP_USE,                 /* a = location index: its settings take over (nginx `if` block) */
	WSR_OP_REDIRECT,            /* our redirect: a = regex or WSR_NONE for a prefix test, b = target template, code = status, c = template of the
	                             * prefix (FROM) or WSR_NONE; the rest of the path and the query are appended as `redirect` documents */
};
#define WSR_INSN_NOT          1u
#define WSR_RETURN_URL        1u
#define WSR_REWRITE_LAST      1u
#define WSR_REWRITE_BREAK     2u
#define WSR_REWRITE_REDIRECT  4u  /* answer with code */
#define WSR_REWRITE_ADD_ARGS  8u  /* the request's arguments are appended (replacement did not end in "?") */
#define WSR_REWRITE_HAS_ARGS 16u  /* the replacement contains "?" */
enum wsr_file_test { WSR_FILE_IS_FILE = 1, WSR_FILE_IS_DIR, WSR_FILE_EXISTS, WSR_FILE_IS_EXEC, WSR_FILE_NOT_EMPTY, WSR_FILE_IS_LINK, WSR_FILE_LAST = WSR_FILE_IS_LINK };

struct wsr_insn {
	uint8_t op;
	uint8_t flags;
	uint16_t code;
	uint32_t a, b, c;
	uint32_t pos;
};
_Static_assert(sizeof(struct wsr_insn) == 20, "insn");

struct wsr_program { uint32_t first, count; }; /* insn; programs do not overlap and their instructions stand in the order of the programs */

/* --- lists inside settings ---------------------------------------------------------------------------------------- */

struct wsr_field_op {
	wsr_sref name;              /* as written */
	uint32_t value;             /* template */
	uint32_t flags;             /* WSR_FIELD_ALWAYS */
	uint32_t pos;
};
#define WSR_FIELD_ALWAYS 1u
_Static_assert(sizeof(struct wsr_field_op) == 16, "field_op");

struct wsr_redirect_rule {      /* proxy_redirect */
	uint32_t from;              /* template, or regex index when flags say so */
	uint32_t to;                /* template */
	uint32_t flags;             /* WSR_REDIRECT_REGEX */
	uint32_t pos;
};
#define WSR_REDIRECT_REGEX 1u
_Static_assert(sizeof(struct wsr_redirect_rule) == 16, "redirect_rule");

struct wsr_error_page {
	uint16_t status;            /* 300..599 */
	uint16_t answer;            /* 0 = keep status; 1 = status of the target ("="); otherwise the status to send ("=code") */
	uint32_t target;            /* template: URI, @name or URL */
	uint32_t pos;
};
#define WSR_ERROR_PAGE_TEXT 2u  /* `answer`: the target is the body itself, the status stays (ErrorDocument) */
_Static_assert(sizeof(struct wsr_error_page) == 12, "error_page");

struct wsr_log_ref {
	uint32_t path;              /* template; relative to the prefix; "stderr", "syslog:..." kept as written */
	uint32_t format;            /* log_format */
	uint32_t condition;         /* template (if=): line is written unless "" or "0"; WSR_NONE = always */
	uint32_t when;              /* cond (env=, expr= of CustomLog); WSR_NONE = always */
	uint32_t pos;
};
enum wsr_log_escape { WSR_ESCAPE_DEFAULT, WSR_ESCAPE_JSON, WSR_ESCAPE_NONE, WSR_ESCAPE_HTTPD /* \" \\ \n \x00 */ };
struct wsr_log_format { wsr_sref name; uint32_t line; /* template */ uint32_t escape; };

enum wsr_log_level { WSR_LOG_EMERG = 1, WSR_LOG_ALERT, WSR_LOG_CRIT, WSR_LOG_ERROR, WSR_LOG_WARN, WSR_LOG_NOTICE, WSR_LOG_INFO, WSR_LOG_DEBUG };
struct wsr_error_log { wsr_sref path; uint32_t level; };  /* path "stderr" = standard error */

struct wsr_mime { struct wsr_list slots; };
struct wsr_mime_slot { wsr_sref key; uint32_t hash; wsr_sref type; }; /* key: extension in lower case, without "." */

/* --- upstreams ---------------------------------------------------------------------------------------------------- */

enum wsr_balance { WSR_BALANCE_ROUND_ROBIN, WSR_BALANCE_LEAST_CONN, WSR_BALANCE_IP_HASH, WSR_BALANCE_RANDOM, WSR_BALANCE_HASH,
	WSR_BALANCE_TRAFFIC         /* httpd's bytraffic: fewest bytes for the weight */ };
struct wsr_upstream {
	wsr_sref name;              /* group name, or "host:port" as written for an implicit one */
	struct wsr_list peers;
	uint32_t balance;
	uint32_t keepalive;         /* idle connections kept per worker; 0 = none */
	uint32_t keepalive_requests;
	uint64_t keepalive_timeout_ms;
	uint64_t keepalive_time_ms;
	uint32_t flags;             /* WSR_UPSTREAM_IMPLICIT */
	uint32_t pos;
	uint32_t hash_key;          /* template for WSR_BALANCE_HASH or WSR_NONE */
	uint32_t reserved;
};
#define WSR_UPSTREAM_IMPLICIT 1u
#define WSR_UPSTREAM_HTTPD    2u /* a peer is marked when no connection comes about, even a single one; nothing else marks it, nothing else is tried again */
_Static_assert(sizeof(struct wsr_upstream) == 56, "upstream");

struct wsr_peer {
	wsr_sref host;              /* name or address literal without brackets, or path of a unix socket */
	uint16_t port;              /* 0 for a unix socket; otherwise filled in (80/443 by scheme for implicit upstreams) */
	uint16_t kind;              /* enum wsr_peer_kind */
	uint32_t weight;            /* at least 1 */
	uint32_t max_fails;         /* 0 = never marked */
	uint64_t fail_timeout_ms;
	uint32_t max_conns;         /* 0 = no limit */
	uint32_t flags;             /* WSR_PEER_* */
	wsr_sref text;              /* as written, for $upstream_addr before resolution and messages */
	uint32_t pos;
};
enum wsr_peer_kind { WSR_PEER_NAME = 1, WSR_PEER_IPV4, WSR_PEER_IPV6, WSR_PEER_UNIX };
#define WSR_PEER_BACKUP  1u
#define WSR_PEER_DOWN    2u
#define WSR_PEER_RESOLVE 4u
#define WSR_PEER_PLAIN   8u /* clear text in a group of which others speak TLS */
_Static_assert(sizeof(struct wsr_peer) == 40, "peer");

/* proxy_pass */
struct wsr_proxy {
	uint32_t flags;             /* WSR_PROXY_* */
	uint32_t upstream;          /* upstream, WSR_NONE with VARIABLES */
	wsr_sref host;              /* $proxy_host: host[:port] as written; 0 with VARIABLES */
	wsr_sref uri;               /* URI part, 0 = none: the path goes on as it came */
	uint32_t url;               /* template of the whole URL with VARIABLES, else WSR_NONE */
	uint16_t port;              /* $proxy_port */
	uint16_t reserved;
	uint32_t pos;
};
#define WSR_PROXY_TLS       1u /* https or wss */
#define WSR_PROXY_VARIABLES 2u
#define WSR_PROXY_WS        4u /* written with ws: or wss: */
#define WSR_PROXY_UPSTREAM_GROUP 8u
_Static_assert(sizeof(struct wsr_proxy) == 28, "proxy");

/* --- settings groups ---------------------------------------------------------------------------------------------- */

struct wsr_cell_str { wsr_sref v; uint32_t zero; };
struct wsr_cell_idx { uint32_t v; uint32_t zero; };
#define WSR_CELL_U64           uint64_t
#define WSR_CELL_STR           struct wsr_cell_str
#define WSR_CELL_TMPL          struct wsr_cell_idx
#define WSR_CELL_MIME          struct wsr_cell_idx
#define WSR_CELL_LIST_STR      struct wsr_list
#define WSR_CELL_LIST_TMPL     struct wsr_list
#define WSR_CELL_LIST_FIELD    struct wsr_list
#define WSR_CELL_LIST_REDIRECT struct wsr_list
#define WSR_CELL_LIST_LOG      struct wsr_list
#define WSR_CELL_LIST_ERROR_PAGE struct wsr_list

/* Each group's struct takes its own rows of wsr_settings.def: WSR_PICK_<this group>_<row's group> keeps or drops. */
#define WSR_KEEP(kind, name) WSR_CELL_##kind name;
#define WSR_DROP(kind, name)
#define WSR_PICK_core_core     WSR_KEEP
#define WSR_PICK_core_file     WSR_DROP
#define WSR_PICK_core_log      WSR_DROP
#define WSR_PICK_core_proxy    WSR_DROP
#define WSR_PICK_core_fields   WSR_DROP
#define WSR_PICK_file_core     WSR_DROP
#define WSR_PICK_file_file     WSR_KEEP
#define WSR_PICK_file_log      WSR_DROP
#define WSR_PICK_file_proxy    WSR_DROP
#define WSR_PICK_file_fields   WSR_DROP
#define WSR_PICK_log_core      WSR_DROP
#define WSR_PICK_log_file      WSR_DROP
#define WSR_PICK_log_log       WSR_KEEP
#define WSR_PICK_log_proxy     WSR_DROP
#define WSR_PICK_log_fields    WSR_DROP
#define WSR_PICK_proxy_core    WSR_DROP
#define WSR_PICK_proxy_file    WSR_DROP
#define WSR_PICK_proxy_log     WSR_DROP
#define WSR_PICK_proxy_proxy   WSR_KEEP
#define WSR_PICK_proxy_fields  WSR_DROP
#define WSR_PICK_fields_core   WSR_DROP
#define WSR_PICK_fields_file   WSR_DROP
#define WSR_PICK_fields_log    WSR_DROP
#define WSR_PICK_fields_proxy  WSR_DROP
#define WSR_PICK_fields_fields WSR_KEEP

struct wsr_core {
#define WSR_SETTING(group, kind, name, comment) WSR_PICK_core_##group(kind, name)
#include "table/wsr_settings.def"
};
struct wsr_file {
#define WSR_SETTING(group, kind, name, comment) WSR_PICK_file_##group(kind, name)
#include "table/wsr_settings.def"
};
struct wsr_log {
#define WSR_SETTING(group, kind, name, comment) WSR_PICK_log_##group(kind, name)
#include "table/wsr_settings.def"
};
struct wsr_proxyset {
#define WSR_SETTING(group, kind, name, comment) WSR_PICK_proxy_##group(kind, name)
#include "table/wsr_settings.def"
};
struct wsr_fieldset {
#define WSR_SETTING(group, kind, name, comment) WSR_PICK_fields_##group(kind, name)
#include "table/wsr_settings.def"
};

enum wsr_websocket { WSR_WEBSOCKET_OFF, WSR_WEBSOCKET_ON, WSR_WEBSOCKET_ONLY };
/* ON: chain and name, as nginx does. The others leave the name to proxy_ssl_check_name and proxy_ssl_check_cn. */
enum wsr_proxy_verify { WSR_PROXY_VERIFY_OFF, WSR_PROXY_VERIFY_ON, WSR_PROXY_VERIFY_CHAIN, WSR_PROXY_VERIFY_CHAIN_NO_CA /* an unknown authority passes */ };
/* DEFAULT: as ON, but a common name is not compared alone, and the name is not compared when the common name is OFF. */
enum wsr_peer_check { WSR_PEER_CHECK_OFF, WSR_PEER_CHECK_ON, WSR_PEER_CHECK_DEFAULT };
enum wsr_via { WSR_VIA_OFF, WSR_VIA_ON, WSR_VIA_FULL, WSR_VIA_BLOCK };
enum wsr_if_modified { WSR_IF_MODIFIED_OFF, WSR_IF_MODIFIED_EXACT, WSR_IF_MODIFIED_BEFORE };
enum wsr_expires { WSR_EXPIRES_OFF, WSR_EXPIRES_EPOCH, WSR_EXPIRES_MAX, WSR_EXPIRES_ACCESS, WSR_EXPIRES_MODIFIED, WSR_EXPIRES_DAILY /* local time of day */,
	WSR_EXPIRES_TEXT, WSR_EXPIRES_MODIFIED_TEXT /* expires_text says when */ };
#define WSR_NEXT_ERROR          1u
#define WSR_NEXT_TIMEOUT        2u
#define WSR_NEXT_INVALID_HEADER 4u
#define WSR_NEXT_HTTP_500       8u
#define WSR_NEXT_HTTP_502      16u
#define WSR_NEXT_HTTP_503      32u
#define WSR_NEXT_HTTP_504      64u
#define WSR_NEXT_HTTP_403     128u
#define WSR_NEXT_HTTP_404     256u
#define WSR_NEXT_HTTP_429     512u
#define WSR_NEXT_NON_IDEMPOTENT 1024u

/* allow / deny, in order; the first that holds decides. */
struct wsr_access_rule {
	uint8_t addr[16];           /* IPv6, or IPv4 in the first four bytes */
	uint8_t family;             /* 4, 6, or 0 = all */
	uint8_t prefix_bits;
	uint8_t deny;               /* flag */
	uint8_t unix_socket;        /* flag: clients of unix sockets */
	uint32_t pos;
};
_Static_assert(sizeof(struct wsr_access_rule) == 24, "access_rule");

/* --- Apache and IIS: conditions, rules, sections ---------------------------------------------------------------------- */

#include "table/wsr_format_httpd.h"

/* --- servers and locations ---------------------------------------------------------------------------------------- */

enum wsr_location_kind {
	WSR_LOCATION_PREFIX = 1,    /* location /x */
	WSR_LOCATION_EXACT,         /* location = /x */
	WSR_LOCATION_REGEX,         /* location ~ and ~* */
	WSR_LOCATION_NAMED,         /* location @x */
	WSR_LOCATION_IF,            /* the settings of an `if` block */
	WSR_LOCATION_SERVER,        /* a server's own settings, used while no location is chosen */
};
#define WSR_LOCATION_NOREGEX       1u /* ^~ */
#define WSR_LOCATION_AUTO_REDIRECT 2u /* "/x/" with proxy_pass: "/x" is answered with 301 to "/x/" */
#define WSR_LOCATION_SEGMENT       4u /* matches whole path segments only (Apache) */

/* What many locations have in common. */
struct wsr_body {
	uint8_t kind;               /* enum wsr_location_kind */
	uint8_t flags;              /* WSR_LOCATION_* */
	uint16_t reserved;
	wsr_sref name;              /* prefix, exact path, pattern or @name as written */
	uint32_t regex;             /* REGEX: index, else WSR_NONE */
	uint32_t core, file, log, proxyset, fieldset; /* settings groups */
	struct wsr_list access;     /* access_rule: allow, deny */
	struct wsr_list trusted;    /* access_rule: set_real_ip_from */
};
_Static_assert(sizeof(struct wsr_body) == 48, "body");

struct wsr_location {
	uint32_t body;
	uint32_t proxy;             /* proxy_pass or WSR_NONE: files */
	uint32_t program;           /* or WSR_NONE */
	uint32_t scope;             /* nested locations or WSR_NONE; larger than the scope this location belongs to */
	uint32_t pos;
};
_Static_assert(sizeof(struct wsr_location) == 20, "location");

/* The locations of one level; no location belongs to two scopes, and they stand in the order of the scopes. Ordinals in trie and scope_regex are relative to loc_base, so that equal shapes are stored once. */
struct wsr_scope {
	uint32_t loc_base;          /* first location */
	uint32_t loc_count;
	uint32_t trie;              /* root node or WSR_NONE */
	struct wsr_list regexes;    /* scope_regex, in order of the text */
};
_Static_assert(sizeof(struct wsr_scope) == 20, "scope");

/* Radix trie over the bytes of the normalised path. Children are sorted by the first byte of their label; a child's index is larger than its parent's. */
struct wsr_trie {
	wsr_sref label;             /* at least one byte, except for a root, where 0 is allowed */
	uint32_t first_child;       /* children are consecutive */
	uint16_t child_count;
	uint8_t first_byte;         /* of the label, so that a search touches no string */
	uint8_t reserved;
	uint32_t exact;             /* location ordinal for "= path", or WSR_NONE */
	uint32_t prefix;            /* location ordinal for a prefix ending here, or WSR_NONE */
};
_Static_assert(sizeof(struct wsr_trie) == 20, "trie");

#define WSR_TLS_1_0 1u
#define WSR_TLS_1_1 2u
#define WSR_TLS_1_2 4u
#define WSR_TLS_1_3 8u
#define WSR_TLS_OF_FIRST_HOST 16u /* nobody chose versions: a host found by its name keeps those of the address's first host (httpd) */
enum wsr_tls_cache { WSR_TLS_CACHE_NONE, WSR_TLS_CACHE_OFF, WSR_TLS_CACHE_BUILTIN, WSR_TLS_CACHE_SHARED };
/* Which certificates of a chain must not be in a revocation list, once there is one; MISSING_OK: a bit beside it, those whose authority has no list pass. */
enum wsr_crl_check { WSR_CRL_CHAIN, WSR_CRL_LEAF, WSR_CRL_NONE };
#define WSR_CRL_MODE       3u
#define WSR_CRL_MISSING_OK 4u
#define WSR_STAPLING_ON        1u
#define WSR_STAPLING_VERIFY    2u /* the responder's chain must end in one of our authorities; otherwise it is the issuer or has its certificate from the issuer */
#define WSR_STAPLING_ERRORS    4u /* what a responder says is passed on even when it cannot be used */
#define WSR_STAPLING_TRY_LATER 8u /* no answer becomes "try later" */
#define WSR_STAPLING_REVOKED  16u /* a good answer with bad news (revoked, unknown) is passed on */
/* What nginx has no statements for. */
#define WSR_STAPLING_TIMEOUT_MS 60000u
#define WSR_STAPLING_VALID_S     3600u
#define WSR_STAPLING_ERROR_S      300u
#define WSR_STAPLING_SKEW_S       300u
enum wsr_tls_verify { WSR_TLS_VERIFY_OFF, WSR_TLS_VERIFY_ON, WSR_TLS_VERIFY_OPTIONAL, WSR_TLS_VERIFY_OPTIONAL_NO_CA };
struct wsr_tls {
	struct wsr_list certificates; /* str_item: files */
	struct wsr_list keys;         /* str_item: files, one per certificate */
	uint32_t protocols;         /* WSR_TLS_* bits */
	wsr_sref ciphers;           /* OpenSSL list for up to TLS 1.2 */
	wsr_sref curves;            /* ssl_ecdh_curve; 0 = auto */
	wsr_sref dhparam;           /* file */
	uint32_t prefer_server_ciphers;
	uint32_t session_cache;     /* enum wsr_tls_cache */
	uint32_t session_cache_bytes;
	uint32_t session_tickets;   /* flag */
	uint64_t session_timeout_ms;
	uint32_t verify_client;     /* enum wsr_tls_verify */
	uint32_t verify_depth;
	wsr_sref client_certificate;
	wsr_sref trusted_certificate;
	wsr_sref crl;
	struct wsr_list ticket_keys; /* str_item: files */
	wsr_sref password_file;
	uint32_t reject_handshake;  /* flag */
	uint32_t buffer_bytes;      /* ssl_buffer_size */
	uint32_t pos;
	wsr_sref ciphersuites;      /* OpenSSL list for TLS 1.3; 0 = the library's own */
	wsr_sref chain;             /* file with certificates between ours and the authority, for certificates that bring none; 0 = none */
	uint32_t strict_verify;     /* flag: the handshake itself refuses bad and missing certificates (httpd); otherwise the answer does */
	wsr_sref client_folder;     /* authorities of clients in files named by their hash (openssl rehash), beside client_certificate */
	wsr_sref crl_folder;        /* the same for revocation lists, beside crl */
	wsr_sref names_file;        /* the authorities whose names clients are sent: this and the next one, or, without both, client_certificate and client_folder */
	wsr_sref names_folder;      /* ... every file of the folder, whatever its name */
	uint32_t crl_check;         /* enum wsr_crl_check, perhaps with WSR_CRL_MISSING_OK */
	uint32_t stapling;          /* WSR_STAPLING_* bits; without WSR_STAPLING_ON this and the following are 0 */
	wsr_sref stapling_file;     /* an OCSP response in DER, given to clients as it is: nobody is asked then */
	wsr_sref stapling_responder; /* http:// URL in place of the certificate's own; 0 = that one */
	wsr_sref stapling_resolver; /* name servers for its host, as the setting `resolver`; 0 = the system's */
	uint32_t stapling_timeout_ms; /* of a question */
	uint32_t stapling_valid_s;  /* until the next question after an answer, sooner if that runs out */
	uint32_t stapling_error_s;  /* until the next question after none */
	uint32_t stapling_skew_s;   /* by so much the responder's clock and ours may differ */
	uint32_t stapling_max_age_s; /* oldest answer; WSR_NONE = any */
};
_Static_assert(sizeof(struct wsr_tls) == 168, "tls");

/* Settings of a server that act before a location is known. */
struct wsr_srv {
	uint64_t client_header_timeout_ms;
	uint32_t header_buffer_bytes;  /* client_header_buffer_size */
	uint32_t large_header_count;   /* large_client_header_buffers */
	uint32_t large_header_bytes;   /* ... size of each: longest request line or field line */
	uint32_t merge_slashes;        /* flag */
	uint32_t underscores_in_headers;
	uint32_t ignore_invalid_headers;
	uint32_t request_line_bytes;   /* LimitRequestLine; 0 = large_header_bytes */
	uint32_t field_bytes;          /* LimitRequestFieldSize; 0 = large_header_bytes */
	uint32_t field_count;          /* LimitRequestFields; 0 = the parser's own ceiling */
	uint32_t reserved;
};
_Static_assert(sizeof(struct wsr_srv) == 48, "srv");

struct wsr_server {
	wsr_sref name;              /* first server_name: $server_name; may be the empty string */
	uint32_t scope;             /* top level locations or WSR_NONE */
	uint32_t program;           /* server rewrite phase or WSR_NONE */
	uint32_t location;          /* a location of kind SERVER: the server's own settings */
	uint32_t srv;
	uint32_t tls;               /* or WSR_NONE */
	uint32_t pos;
	uint32_t host;              /* Apache and IIS: or WSR_NONE */
};
_Static_assert(sizeof(struct wsr_server) == 32, "server");

struct wsr_named { uint32_t server; wsr_sref name; uint32_t location; };

/* Names on one listening address: exact, then longest "*.x", then longest "x.*", then regular expressions in order, then the default. */
struct wsr_nameset {
	struct wsr_list exact;      /* name_slot hash tables, keys in lower case */
	struct wsr_list leading;    /* key ".example.org" for "*.example.org" */
	struct wsr_list trailing;   /* key "www.example." for "www.example.*" */
	struct wsr_list regexes;    /* name_regex */
	uint32_t flags;             /* WSR_NAMESET_* */
	uint32_t reserved;
};
#define WSR_NAMESET_ORDERED 1u  /* httpd: of the exact name and the expressions that match, the server with the smallest index */
_Static_assert(sizeof(struct wsr_nameset) == 40, "nameset");
struct wsr_name_slot { wsr_sref key; uint32_t hash; uint32_t server; };
struct wsr_name_regex { uint32_t regex; uint32_t server; };

#define WSR_LISTEN_TLS            1u
#define WSR_LISTEN_REUSEPORT      2u
#define WSR_LISTEN_IPV6ONLY       4u
#define WSR_LISTEN_PROXY_PROTOCOL 8u
#define WSR_LISTEN_DEFERRED      16u
#define WSR_LISTEN_KEEPALIVE     32u /* so_keepalive=on */
#define WSR_LISTEN_WILDCARD      64u
#define WSR_LISTEN_PROXY_CLIENT 128u /* PROXY_PROTOCOL: the address in it is the client's (httpd) */
struct wsr_listen {
	wsr_sref text;              /* canonical "127.0.0.1:80", "[::]:443", "unix:/path" */
	uint8_t addr[16];           /* network order; IPv4 in the first four bytes */
	wsr_sref path;              /* unix socket, else 0 */
	uint16_t family;            /* 4, 6, 1 = unix */
	uint16_t port;              /* host order */
	uint32_t flags;             /* WSR_LISTEN_* */
	int32_t backlog;            /* -1 = default */
	uint32_t rcvbuf, sndbuf;    /* 0 = default */
	uint32_t fastopen;          /* 0 = off */
	uint32_t default_server;
	uint32_t nameset;
	uint32_t pos;
};
_Static_assert(sizeof(struct wsr_listen) == 60, "listen");

#endif
