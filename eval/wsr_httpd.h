/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Evaluation of servers that come from Apache or IIS configuration: the phases of httpd, and what its parts need of each other. Private to eval.
 *
 * The state lives in the request's arena behind e->httpd, which is NULL for servers of nginx configuration, so those pay nothing for it. Order of the
 * phases (httpd: server/request.c, modules/proxy, modules/mappers): environment of the server, Location sections, rewriting, ProxyPass, aliases, DocumentRoot,
 * Directory and Files sections, Location sections again, If; environment of the sections, access, authentication, rewriting in sections, redirects in sections,
 * request header fields; decision.
 */
#ifndef WSR_HTTPD_H
#define WSR_HTTPD_H

#include "eval/wsr_field_list.h"
#include "eval/wsr_flow.h"

#define WSR_MAX_ACTIVE_LAYERS 64u  /* sections that hold for one request; more is answered with 500 */
#define WSR_MAX_COND_DEPTH    64u
#define WSR_MAX_CALL_DEPTH    8u

/* Where rewriting has taken the request. */
enum wsr_mapped { WSR_MAPPED_NOT, WSR_MAPPED_FILE, WSR_MAPPED_PROXY };

/* A rule of ProxyPassReverse or its kin: what the backend says, and what the client gets. */
struct wsr_sides { struct wsr_str internal, external; };

struct wsr_httpd {
	const struct wsr_host *host;
	uint32_t layer_count;
	struct wsr_captures condition;  /* groups of the last condition that matched: %1, {C:1} */
	bool track_captures;        /* IIS trackAllCaptures: groups of further conditions are added behind */
	enum wsr_mapped mapped;
	struct wsr_str path;        /* FILE: file name; PROXY: whole URL */
	struct wsr_str filename;    /* while rules run: what they have made of the request so far (r->filename of httpd); ptr NULL otherwise */
	const struct wsr_rewrite_rule *rule; /* that sent the request to a backend; NULL = none */
	bool rewrite_ended;         /* [END]: no rule runs any more for this request */
	struct wsr_str type;        /* T=: content type of the file; ptr NULL = none */
	struct wsr_field_list cookies; /* Set-Cookie fields of CO=, for every answer */
	const struct wsr_pass *pass; /* ProxyPass that took the request */
	const struct wsr_worker *worker; /* of a PROXY decision */
	const struct wsr_sides *sides; /* of all rules of the layers in their order, once variables are filled in; NULL = as written */
	struct wsr_str user;        /* authenticated; ptr NULL = nobody */
	struct wsr_str challenge;   /* value of WWW-Authenticate of a 401; empty = none */
	struct wsr_str group_path;  /* of a request to a balancer: path behind its name, in front of which a member's own path comes */
	const struct wsr_proxyset *own_proxyset; /* settings before a worker's time-outs came over them; NULL = none did */
	struct wsr_str route;       /* stickysession: route asked for by the client; ptr NULL = none */
	struct wsr_str answer_type; /* Content-Type of the answer while its head is made, apart from both tables (r->content_type); empty = none */
	struct wsr_field_list sent_always, sent; /* fields of the answer's head once it is made: the `always` table comes first */
	bool made_here;             /* the answer is ours (only `always` fields go out) */
	bool nocanon;               /* PROXY: the URL is sent as it is (nocanon, [NE]) */
	const struct wsr_httpd *outer; /* a subrequest is being looked up: the state of its request; NULL otherwise */
	unsigned lookups;           /* subrequests so far */
	bool asking;                /* the subrequest only asks what would become of it: the phases end before anything is looked for or sent */
	struct wsr_str own_uri;     /* of a request that has a subrequest: its path */
	struct wsr_str redirected;  /* "redirect:/path", what the rules of sections have made of the file's name: the handler goes there; ptr NULL = nothing */
	struct wsr_str replaced;    /* PROXY by the rules of sections: the file that the path was mapped to before; ptr NULL = none */
	struct wsr_str next_raw;    /* becomes `raw` of the request that begins */
	struct wsr_str subject;     /* while rules run: what the rule's expression looks at; ptr NULL otherwise */
	struct wsr_str section, section_base; /* ... in a section: its folder or path with a slash at its end, and RewriteBase; ptr NULL in a host */
	struct wsr_str raw;         /* target of a subrequest or of a request that starts over; ptr NULL: the client's own */
	/* Last, since what is behind layer_count is never looked at, nor cleared for a request. */
	const struct wsr_layer *layers[WSR_MAX_ACTIVE_LAYERS]; /* that hold, in the order in which they are laid over each other; [0] is the host's own */
};

/* wsr_httpd.c */
/** A server was chosen: fresh state with the host's own layer, when it is one of httpd's; otherwise nothing. */
void wsr_httpd_enter(struct wsr_eval *e);
/** Does the host of a request over TLS agree with the name in the handshake? @return 0, or the status of the refusal: 400, 403, 421 */
unsigned wsr_httpd_handshake(struct wsr_eval *e);
/** Run all phases for e->uri; e->decision is made afterwards. */
void wsr_httpd_run(struct wsr_eval *e);
/** The same from where e->httpd->mapped and path are known. */
void wsr_httpd_run_mapped(struct wsr_eval *e);
/** An internal redirect to a URL of our own (http_request.c: ap_internal_redirect). */
void wsr_httpd_internal_redirect(struct wsr_eval *e, struct wsr_str url, uint32_t pos);

/* wsr_httpd_lookup.c */
/** What a subrequest must leave as it was. Lies on the stack of whoever looks up. */
struct wsr_httpd_lookup {
	struct wsr_eval before;
	struct wsr_httpd state;
	struct wsr_str *values;
};
/** A subrequest begins: the phases may be run for another path. @return false out of memory, or when there were too many */
bool wsr_httpd_lookup_begin(struct wsr_eval *e, struct wsr_httpd_lookup *l);
/** All is as before, but for the numbers of subrequests and calls. */
void wsr_httpd_lookup_end(struct wsr_eval *e, const struct wsr_httpd_lookup *l);
/** RewriteCond -U, -F: would a subrequest for this URL be let in, or for this file, which is there? */
bool wsr_httpd_welcome(struct wsr_eval *e, struct wsr_str what, enum wsr_welcome how);
/** %{LA-U:NAME}, %{LA-F:NAME}: the template as the phases of a subrequest for the present path or file leave it. @return false: no value */
bool wsr_httpd_ahead(struct wsr_eval *e, uint32_t tmpl, bool file, struct wsr_str *out);

/* wsr_httpd_files.c */
/** DocumentRoot and the path; without a root there is no file. */
void wsr_httpd_map_to_root(struct wsr_eval *e);
bool wsr_httpd_body_too_large(const struct wsr_eval *e);
/** Is the path, or the first name in it that is missing, too long for any file system? */
bool wsr_httpd_is_too_long(struct wsr_eval *e);
/** mod_dir: if the mapped name is a folder, its index file or a slash is looked for; if there is nothing, FallbackResource is. @return true after a decision. */
bool wsr_httpd_folder(struct wsr_eval *e, uint32_t pos);
/** What is answered for a mapped name that is no folder. */
void wsr_httpd_decide_file(struct wsr_eval *e, uint32_t pos);
/**
 * The subrequest being looked up is about to go to another path. If its file is there, it stands for the whole request from here on: then the caller goes there.
 * @return true if that is so, or if nothing is being looked up; false: nothing was found, and that is decided
 */
bool wsr_httpd_become(struct wsr_eval *e, uint32_t pos);

/* wsr_httpd_uri.c */
/** Normalise a path as it came, as httpd does, into e->uri. @return 0, or the status of the refusal (400, 404). */
unsigned wsr_httpd_uri(struct wsr_eval *e, struct wsr_str raw);
/** The same for a URL of our own, path and query, which is read like a client's: decoded once more, a fragment is left out (ap_parse_uri). */
unsigned wsr_httpd_url(struct wsr_eval *e, struct wsr_str url, struct wsr_str *args);
/** Bytes of the path that a prefix of ProxyPass, Redirect or Alias takes, whole segments only; 0: it does not match. */
size_t wsr_httpd_prefix(struct wsr_str uri, struct wsr_str prefix);
/** Several slashes of a file name as one (apr_filepath_merge). { NULL, 0 } out of memory. */
struct wsr_str wsr_httpd_merge_slashes(struct wsr_arena *a, struct wsr_str path);
/** MergeSlashes of the host. */
bool wsr_httpd_merges(const struct wsr_eval *e);
/** Is the path the section's or below it (Location, Directory)? */
bool wsr_httpd_below(struct wsr_str path, struct wsr_str section);
/** The same for Location under MergeSlashes Off: there several slashes of the path count as one nevertheless (ap_location_walk). */
bool wsr_httpd_in_location(struct wsr_str uri, struct wsr_str section);
enum wsr_httpd_escape {
	WSR_HTTPD_ESCAPE_FILE,      /* ap_os_escape_path: redirects; lower-case digits */
	WSR_HTTPD_ESCAPE_PROXY,     /* ap_proxy_canonenc: paths for a backend; upper-case digits */
	WSR_HTTPD_ESCAPE_PROXY_2F,  /* ... where "%2F" stays as it is */
};
/** { NULL, 0 } out of memory. */
struct wsr_str wsr_httpd_escape(struct wsr_arena *a, struct wsr_str s, enum wsr_httpd_escape how);
/** "/x" -> "https://host:port/x" under UseCanonicalName. */
struct wsr_str wsr_httpd_absolute(struct wsr_eval *e, struct wsr_str path);

/* wsr_httpd_layers.c */
/** Which sections hold for what is known now, and the settings that follow: Location sections only, or all of them. @return false after a 500. */
bool wsr_httpd_locations(struct wsr_eval *e);
bool wsr_httpd_sections(struct wsr_eval *e);

/* wsr_cond.c */
enum wsr_truth { WSR_FALSE, WSR_TRUE, WSR_NEEDS_USER /* would depend on who it is, and nobody is authenticated */ };
/** Evaluate a condition (WSR_NONE: true). Captures of MATCH go to e->httpd->condition. */
enum wsr_truth wsr_cond_eval(struct wsr_eval *e, uint32_t cond);

/* wsr_httpd_vars.c */
/** What %{REQUEST_FILENAME} and %{PATH_INFO} say now. */
struct wsr_str wsr_httpd_filename(struct wsr_eval *e, struct wsr_str *path_info);
/** Value of one of the httpd_ variables of variables.def. */
bool wsr_httpd_var(struct wsr_eval *e, unsigned id, struct wsr_str suffix, struct wsr_str *out);

/* wsr_httpd_env.c */
/** Run env_op records whose LATE flag is as given. */
void wsr_httpd_env(struct wsr_eval *e, struct wsr_list ops, bool late);
/** An internal redirect begins: X of the old request is REDIRECT_X of the new one, all else is unset. */
void wsr_httpd_env_again(struct wsr_eval *e);

/* wsr_httpd_rewrite.c */
/**
 * Run the RewriteRules of a host on the current URI.
 * @return true when a decision was made; otherwise e->uri, e->args and e->httpd->mapped tell the result
 */
bool wsr_httpd_rewrite(struct wsr_eval *e, const struct wsr_layer *host);
/**
 * The rules of the sections that hold, in per-directory context (the prefix of the last one is cut off, a result is looked up again): those of the last one that says
 * anything of rewriting, with those before it where RewriteOptions says so, unless RewriteEngine is off there. A path as the result starts the request again
 * (wsr_flow_redirect), so a decision was made then.
 * @return as wsr_httpd_rewrite()
 */
bool wsr_httpd_rewrite_sections(struct wsr_eval *e);

/* wsr_httpd_pass.c */
/** ProxyPass of the last Location section that has one, then the host's in order. Sets e->httpd->pass, mapped and path. @return true after a decision. */
bool wsr_httpd_pass(struct wsr_eval *e);
/** Translation of paths by mod_alias: Redirect, then Alias, which sets e->httpd->mapped. @return true after a decision. */
bool wsr_httpd_alias(struct wsr_eval *e);
/** Redirect inside sections. @return true after a decision. */
bool wsr_httpd_redirect(struct wsr_eval *e);
/* wsr_httpd_member.c */
/** stickysession: e->decision.peer is the member with the session's route. */
void wsr_httpd_choose_member(struct wsr_eval *e);
/** Set the variable of this name ("env:NAME") if any rule asks for it. */
void wsr_httpd_set_environment(struct wsr_eval *e, struct wsr_str name, struct wsr_str value);

/** Path, tunnel and time-outs of the decision are those of this member of the balancer. wsr_httpd_pass.c. @return false out of memory */
bool wsr_httpd_fit_member(struct wsr_eval *e, uint32_t peer);
/** The PROXY decision for the pass, or for the URL of a rewritten request. */
void wsr_httpd_decide_proxy(struct wsr_eval *e);
/** ProxyPassInterpolateEnv: fill in the rules of the way back with what the environment holds now, before SetEnv (mod_proxy.c: proxy_fixup). */
void wsr_httpd_reverse_prepare(struct wsr_eval *e);
/** ProxyPassReverse and its kin on a field of an upstream's answer. @return the value to send. */
struct wsr_str wsr_httpd_reverse(struct wsr_eval *e, const struct wsr_field *field);

/* wsr_httpd_access.c */
/** RemoteIPHeader: the client's address as a trusted proxy gave it. First of all phases. */
void wsr_httpd_client(struct wsr_eval *e);
/** Is the authenticated user a member of this group (AuthGroupFile)? */
bool wsr_httpd_in_group(struct wsr_eval *e, struct wsr_str group);
/** Require, Order, AuthType. @return true when a decision (401, 403) was made. */
bool wsr_httpd_access(struct wsr_eval *e);

/* wsr_httpd_fields.c */
/** Let a message with these fields stand for the request from here on. */
struct wsr_field_list;
void wsr_httpd_replace_request(struct wsr_eval *e, const struct wsr_field_list *list);
/** RequestHeader ... early: right behind the choice of the host. */
void wsr_httpd_early_fields(struct wsr_eval *e);
/** RequestHeader of all layers that hold: e->request becomes the edited message. */
void wsr_httpd_request_fields(struct wsr_eval *e);
/** The head for the upstream as httpd writes it. */
void wsr_httpd_upstream_head(struct wsr_eval *e, enum wsr_framing framing, uint64_t length, bool keepalive, struct wsr_out *out);
/** The head of the answer as httpd writes it. */
void wsr_httpd_answer_head(struct wsr_eval *e, const struct wsr_head *up, const struct wsr_answer *answer, struct wsr_out *out);

#endif
