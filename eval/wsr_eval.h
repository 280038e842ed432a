/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From a parsed request head to what is to be done, and from an upstream's response head to the fields of the answer: everything between "head
 * parsed" and "bytes to send", pure, used by wsrpd and by `wsrpc explain` with the same object code. It knows the table and PCRE2. Facts of the
 * world (addresses, TLS, time, files) come through struct wsr_world.
 *
 * Order of one request (nginx's phases): choose server by listener and host; server's program; then up to WSR_MAX_CYCLES times: find the location for the
 * current URI, take its settings, run its program, start over if it changed the URI; access rules; decision.
 */
#ifndef WSR_EVAL_H
#define WSR_EVAL_H

#include "eval/wsr_head.h"
#include "table/wsr_table.h"

#define WSR_MAX_CYCLES 10u  /* rewrites followed by a new location search, and internal redirects; then 500, as nginx */

enum wsr_var_id {
#define WSR_VAR(symbol, name, source, sentence) WSR_V_##symbol,
#include "eval/variables.def"
	WSR_VAR_MAX
};

/* Answers from the world. All strings must live as long as the arena. */
struct wsr_world {
	/** Value of a WORLD variable. `suffix` unused. Return false for "no value" (empty, logged as "-"). */
	bool (*fact)(void *ctx, enum wsr_var_id id, struct wsr_arena *arena, struct wsr_str *out);
	/** Does this file satisfy the test? path is NUL-terminated. */
	bool (*file)(void *ctx, const char *path, enum wsr_file_test test);
	/**
	 * May this client ask a server with these TLS settings (index of tls)? Asked for servers with ssl_verify_client only, before anything else is decided.
	 * @return 0, or the status of the refusal: 496 no or no good certificate (nginx's code, seen as 400), 421 the handshake was for other settings
	 */
	unsigned (*certified)(void *ctx, uint32_t tls);
	/** Does this password file (htpasswd) know the user with this password? The path is NUL-terminated. NULL: nobody is known. */
	bool (*authenticate)(void *ctx, const char *user_file, struct wsr_str user, struct wsr_str password);
	/** Does this group file name the user as a member? */
	bool (*member)(void *ctx, const char *group_file, struct wsr_str user, struct wsr_str group);
};

/* Compiled regular expressions of one table in one thread, made at first use. */
struct wsr_regexes;
/** PCRE2's options for a regex record's flags: compiler and reader use the same. */
uint32_t wsr_regex_options(uint32_t flags);
struct wsr_regexes *wsr_regexes_new(const struct wsr_table *t);
void wsr_regexes_free(struct wsr_regexes *r);

enum wsr_match_result { WSR_NO_MATCH, WSR_MATCH, WSR_MATCH_FAILED /* compile error or match limit: 500, logged with the rule */ };

/* What is to be done now. */
enum wsr_decision_kind {
	WSR_DECIDE_ANSWER,          /* send status, fields and body made here */
	WSR_DECIDE_PROXY,           /* pass to the upstream */
	WSR_DECIDE_FILE,            /* serve path; the daemon finds out what it is and calls wsr_eval_index() for a directory */
	WSR_DECIDE_CLOSE,           /* return 444: close without an answer */
};

struct wsr_decision {
	enum wsr_decision_kind kind;
	uint32_t pos;               /* rule that decided: the return, the redirect or the location */
	/* ANSWER */
	uint16_t status;            /* PROXY and FILE: replaces the upstream's or the file's status (error_page); 0 = nothing to replace */
	struct wsr_str body;        /* of return with text, or our error page; empty = none */
	struct wsr_str content_type;
	struct wsr_str location;    /* Location field, absolute as the settings say; empty = none */
	struct wsr_str allow;       /* methods that the file of an Apache host takes, for OPTIONS and for a method that it does not take; ptr NULL = none */
	/* PROXY */
	const struct wsr_proxy *proxy;
	uint32_t upstream;          /* index, or WSR_NONE: connect to host:port below (a name from variables) */
	struct wsr_str host;        /* host to resolve, or path of a unix socket with port 0 */
	uint16_t port;
	bool tls;                   /* https */
	bool tunnel;                /* the client asked for an upgrade which the route allows: a verified 101 opens a tunnel */
	struct wsr_str protocol;    /* ... the Upgrade token to send and to expect, lower case */
	struct wsr_str method;
	struct wsr_str target;      /* request target for the upstream */
	struct wsr_str ssl_name;    /* name for SNI and verification */
	uint32_t peer;              /* ordinal of the upstream's peer that a session belongs to (later: that was taken); WSR_NONE = any */
	bool only_peer;             /* rather 503 than another peer */
	/* FILE */
	struct wsr_str path;        /* NUL-terminated, relative to the prefix unless it starts with "/" */
	bool directory;             /* the URI ends in "/": try the index files */
};

/* One run of captures: the groups of the last match that counted. */
struct wsr_captures {
	struct wsr_str subject;
	uint32_t count;
	uint32_t span[2 * WSR_MAX_CAPTURES]; /* start, end; UINT32_MAX = unset; nothing behind `count` of them */
};

struct wsr_eval {
	/* given by the caller before wsr_eval_begin() */
	const struct wsr_table *table;
	struct wsr_regexes *regexes;
	const struct wsr_world *world;
	void *world_ctx;
	struct wsr_arena *arena;
	const struct wsr_head *request;
	uint32_t listen;            /* index of listen on which the connection was accepted */
	/* the current state, readable by the caller */
	uint32_t server;            /* index; set by wsr_eval_begin */
	uint32_t location;          /* index of the location whose settings hold now (an `if` block's while it holds) */
	uint32_t matched;           /* index of the location that was found (not the `if` block); the server's own before */
	const struct wsr_core *core;
	const struct wsr_file *file;
	const struct wsr_log *log;
	const struct wsr_proxyset *proxyset;
	const struct wsr_fieldset *fieldset;
	struct wsr_str uri;         /* normalised and decoded; changed by rewrite */
	struct wsr_str args;        /* raw query as it stands now */
	struct wsr_str host;        /* $host */
	struct wsr_str method;      /* the client's; GET once an error page is being made */
	bool uri_changed;           /* by a rewrite: the upstream gets the rewritten path, not the raw one */
	bool internal;              /* after a rewrite or an internal redirect: `internal` locations are open */
	bool prefix_lost;           /* a rewrite kept the location: its prefix says nothing about the path any more */
	bool uri_below_alias;       /* try_files found a path below a regex location's alias */
	bool error_page;            /* an error page is being made: no other one is looked for */
	bool body_refused;          /* 413 was decided: the body is dropped, its length counts no more */
	uint16_t error_status;      /* status that the answer shall have (error_page), 0 = its own */
	uint8_t cycles;
	uint8_t depth;              /* of nested variable evaluation */
	uint8_t call_depth;         /* of calls in templates */
	uint32_t calls;             /* run for this request */
	const struct wsr_head *response; /* upstream's that is passed on, for $sent_http_ */
	const struct wsr_head *upstream_head; /* the last one that came, for $upstream_http_ */
	struct wsr_kept *kept;      /* from upstreams that sent X-Accel-Redirect; NULL = none did */
	struct wsr_str *values;     /* user variables by slot; ptr NULL = not set / not computed yet */
	struct wsr_str proxy_host;  /* $proxy_host of a PROXY decision */
	struct wsr_str client, client_binary, client_port; /* address as text, in bytes, and port when a trusted proxy named another one; ptr NULL = the connection's */
	struct wsr_str challenge;   /* WWW-Authenticate of a password that was asked for; empty = none */
	struct wsr_decision decision;
	struct wsr_httpd *httpd;    /* state of the phases of httpd; NULL for nginx configuration */
	const char *error;          /* sentence for the error log when a status of 500 was made here, else NULL */
	uint32_t error_pos;
	/* trace for explain: called when not NULL with what was considered and why */
	void (*trace)(void *ctx, uint32_t pos, const char *what, struct wsr_str detail);
	void *trace_ctx;
	struct wsr_captures captures; /* last: its spans need no zeroes */
};

/** Server for a host name on a listener: exact, longest leading wildcard, longest trailing wildcard, regex in order, default. For SNI and Host alike.
 *  host: as received, any case, port and one trailing dot are cut off. captures may be NULL. */
uint32_t wsr_match_server(const struct wsr_table *t, struct wsr_regexes *r, uint32_t listen, struct wsr_str host, struct wsr_captures *captures);

/** Location of a scope for a normalised path, nested ones included; WSR_NONE if no rule matches. *redirect is set for the "/x" -> "/x/" case. */
uint32_t wsr_match_location(struct wsr_eval *e, uint32_t scope, struct wsr_str uri, bool *redirect);

/** Normalise a raw path: decode %XX, resolve "." and "..", merge slashes if asked. @return false for 400 (bad escape, above the root, NUL). */
bool wsr_uri_normalise(struct wsr_arena *a, struct wsr_str raw, bool merge_slashes, struct wsr_str *out);

#define WSR_MAX_FIELDS 1000u /* field lines of one head, unless the configuration says less */

/** What a request head may be on a listener, by the settings of its default server. */
struct wsr_head_limits wsr_request_limits(const struct wsr_table *t, uint32_t listen);

/** Decide a request from its head. The result is e->decision, also returned. Never fails otherwise than by an ANSWER of 4xx or 5xx. */
const struct wsr_decision *wsr_eval_begin(struct wsr_eval *e);

/** The head could not be parsed (or timed out): choose the listener's default server and decide an error answer with its settings. request may be NULL. */
const struct wsr_decision *wsr_eval_bad_request(struct wsr_eval *e, unsigned status);

/** Decide again for another URI inside the server (index file, error_page, try_files). "@name" goes to the named location. */
const struct wsr_decision *wsr_eval_redirect(struct wsr_eval *e, struct wsr_str uri, struct wsr_str args);

/** A FILE decision turned out to be a directory with a "/" at its end: look for the index files through world->file. Gives a FILE decision, an internal
 *  redirect's decision, or 403/404. */
const struct wsr_decision *wsr_eval_index(struct wsr_eval *e);

/** An error arose while carrying out (404 for a file, 502, 413 ...): error_page or our own page. */
const struct wsr_decision *wsr_eval_error(struct wsr_eval *e, unsigned status);

/** A member of a balancer was taken for a PROXY decision of an Apache host: its name goes into Host, its route into the environment. */
void wsr_eval_member(struct wsr_eval *e, uint32_t peer);

/** A directory was asked for without "/": redirect to the same with it. */
const struct wsr_decision *wsr_eval_add_slash(struct wsr_eval *e);

/**
 * Write the whole head of the upstream request for a PROXY decision: request line, Host, configured fields, the client's other end-to-end fields. Framing:
 * body framing fields are written here too, from `framing` (LENGTH with length, CHUNKED or NONE), Connection as the upstream version and tunnel demand.
 */
void wsr_eval_upstream_head(struct wsr_eval *e, enum wsr_framing framing, uint64_t length, bool keepalive, struct wsr_out *out);

/** Does our own page take the place of an upstream's response with this status (proxy_intercept_errors, ProxyErrorOverride)? Then wsr_eval_error() decides on. */
bool wsr_eval_intercepts(const struct wsr_eval *e, unsigned status);

/** Its response is not passed on: its fields stay known to variables, and what a 401 asks for goes out with our page. The head must live as long as the arena. */
void wsr_eval_intercepted(struct wsr_eval *e, const struct wsr_head *up);

/** Does an upstream's response name another place of this server (X-Accel-Redirect)? Then that is decided; the head must live as long as the arena. */
bool wsr_eval_accelerate(struct wsr_eval *e, const struct wsr_head *up);

/** What the answer's head needs to know beyond the evaluation. */
struct wsr_answer {
	unsigned status;
	enum wsr_framing framing;   /* of the body to the client; UNTIL_CLOSE and NONE write no framing field */
	uint64_t length;
	bool keepalive;             /* Connection: keep-alive is implied for 1.1, written for 1.0 */
	bool tunnel;                /* 101: Upgrade and Connection: upgrade are written */
	struct wsr_str content_type;
	struct wsr_str location;
	struct wsr_str date;        /* IMF-fixdate, made once a second by the worker; empty in explain */
	const struct wsr_field *extra; /* further fields of ours: Last-Modified, ETag, Content-Range, Allow, Retry-After ... */
	uint32_t extra_count;
};

/**
 * Write the whole head of the answer to the client.
 * @param up  the upstream's response head, or NULL for an answer of our own
 */
void wsr_eval_answer_head(struct wsr_eval *e, const struct wsr_head *up, const struct wsr_answer *answer, struct wsr_out *out);

/** Try a regular expression; on a match e->captures and the named groups' variables are replaced. WSR_MATCH_FAILED sets e->error. */
enum wsr_match_result wsr_eval_match(struct wsr_eval *e, uint32_t regex, struct wsr_str subject);

/** Evaluate a template; { "", 0 } when empty. NULL pointer only out of memory. */
struct wsr_str wsr_eval_tmpl(struct wsr_eval *e, uint32_t tmpl);

/** Render an access log line (without newline): like wsr_eval_tmpl, but variables are escaped and "-" when they have no value. */
struct wsr_str wsr_eval_log_line(struct wsr_eval *e, const struct wsr_log_format *format);
/** Is this line written at all (if= of access_log, env= and expr= of CustomLog)? */
bool wsr_eval_log_wanted(struct wsr_eval *e, const struct wsr_log_ref *ref);

/** Variable id of a name without "$", by variables.def; suffix gets what stands behind a prefix. WSR_VAR_MAX if unknown. For the compiler. */
enum wsr_var_id wsr_var_find(struct wsr_str name, struct wsr_str *suffix);
const char *wsr_var_name(enum wsr_var_id id);

#endif
