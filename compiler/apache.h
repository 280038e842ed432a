/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lowering of Apache configuration: what the files apache_*.c share. A main server, a virtual host and a section are each a `struct level` with
 * level.section set: cells of wsr_settings.def go into the level as in the nginx dialect (level_mark), everything that httpd keeps as a list goes into the
 * runs of the section or of its host. Rows are of class SETTING: level_apply() calls them in the order of the text, before the sections inside are entered.
 *
 * When a block is done its runs are interned with their places; layers of one host stand one behind the other in the plan.
 */
#ifndef COMPILER_APACHE_H
#define COMPILER_APACHE_H

#include "compiler/lower.h"

/** Records under construction with their places. */
struct apache_run {
	struct pool records;
	struct pool places;         /* struct plan_place, one per record */
};

struct apache_vhost;

struct apache_host {
	struct apache_host *main;   /* the main server, whose lists virtual hosts take over as each module does; NULL for the main server itself */
	const struct node *node;    /* <VirtualHost>; the root for the main server */
	struct apache_vhost *vhost; /* apache_host.h */
	struct wsr_host record;     /* scalars; lists are filled in by apache_host_done() */
	struct apache_run passes;   /* struct wsr_pass */
	struct apache_run workers;  /* struct wsr_worker: the main server's first */
	struct apache_run trusted;  /* struct wsr_access_rule */
	bool proxy_timeout;         /* ProxyTimeout was given */
	bool proxy_protocol, proxy_protocol_said; /* RemoteIPProxyProtocol: for the addresses of this host */
	bool no_ws_fallback;        /* ProxyWebsocketFallbackToProxyHttp Off */
	struct apache_run layers;   /* struct wsr_layer: the host's own first, then its sections in the order in which they are laid over each other */
};

struct apache_access;

struct apache_section {
	struct apache_host *host;
	const struct node *node;
	struct wsr_layer layer;     /* scalars; lists, `set` and `location` are filled in by apache_section_done() */
	struct apache_run env;      /* struct wsr_env_op */
	struct apache_run rewrites; /* struct wsr_rewrite_rule */
	struct apache_run aliases;  /* struct wsr_alias_rule */
	struct apache_run reverses; /* struct wsr_reverse */
	struct apache_run request_headers, response_headers; /* struct wsr_header_op */
	struct apache_access *access; /* apache_access.c: what was said about access; NULL = nothing */
	struct apache_run conditions; /* struct wsr_cond: RewriteCond lines that wait for their rule */
};

/* apache_run.c */
void apache_run_init(struct apache_run *run, uint32_t stride);
void apache_run_free(struct apache_run *run);
/** Append a record; its place is the statement's. Its pos member is filled in later. */
void apache_push(struct lower *l, struct apache_run *run, const void *record, const struct node *n);
/** Append all of `from` (a main server's list) behind what is there. */
void apache_append(struct apache_run *run, const struct apache_run *from);
/** Intern what was collected into its section of the plan. */
struct wsr_list apache_intern(struct lower *l, struct apache_run *run, struct pool *target, size_t pos_offset);

/** Slot of an environment variable (SetEnv, SetEnvIf, E=, %{NAME}e); names are compared with regard to case. It may stay unset for ever. */
uint32_t apache_env_slot(struct lower *l, struct wsr_str name);

/*
 * apache_expr.c and apache_text.c. `text` lies in word w, or is all of it. Errors are reported at the character; the result is then WSR_NONE.
 */
/** A condition in ap_expr: expr= arguments, Require expr, <If>. @return index of cond. */
uint32_t apache_condition(struct lower *l, const struct node *n, const struct word *w, struct wsr_str text);
/** The condition of an <If>, <ElseIf> or <Else> section, those of its chain before it included. @return index of cond. */
uint32_t apache_if_condition(struct lower *l, const struct node *n);
/** A string in ap_expr: "expr=%{HTTP_HOST}" as a value. @return index of tmpl. */
uint32_t apache_string(struct lower *l, const struct node *n, const struct word *w, struct wsr_str text);
/** Part for a server variable by its name in %{...} ("HTTP_HOST", "SSL:SSL_PROTOCOL", "ENV:X"). @return false when there is none of this name. */
bool apache_server_variable(struct lower *l, struct wsr_str name, struct wsr_part *part);

/* apache_header.c */
/** Part for an environment variable, those of mod_ssl included. */
struct wsr_part apache_env_part(struct lower *l, struct wsr_str name);
/** Condition of env=NAME and env=!NAME. @param w for its place */
uint32_t apache_env_condition(struct lower *l, const struct word *w, struct wsr_str name);

/* apache_network.c */
/** "10.1", "10.1.2.0/24", "10.0.0.0/255.0.0.0", "2001:db8::/32". @return false when it is none */
bool apache_network(struct wsr_str s, struct wsr_access_rule *r);
/* apache_access.c */
/** What the section said about access goes into its layer. */
void apache_access_done(struct lower *l, struct apache_section *s);

/** Template of a text with $0 to $9 of the rule's expression (captures) and ${NAME} of the environment. apache_proxy.c */
uint32_t apache_substitution(struct lower *l, struct wsr_str text, bool captures, bool environment);

/**
 * All sections of a host, the main server's first, become its layers; the host's own layer must be there already (apache_section_done()), and balancers
 * that no rule named become workers. apache_section.c
 */
bool apache_is_glob(struct wsr_str s); /* has it a wildcard of the shell? */
/** Name, expression and flags of a layer whose kind is set, from the word of its section. @return false after an error */
bool apache_section_name(struct lower *l, const struct node *n, const struct word *w, struct wsr_layer *y);
void apache_sections(struct lower *l, const struct level *host_level, struct apache_host *host);

/* apache_tls.c */
/** Give every certificate its key: one without a key of its own has it in its file. */
void apache_tls_keys(struct lower *l, struct wsr_tls *tls);
/** A host that speaks TLS is complete: do its revocation lists and SSLCARevocationCheck agree? */
void apache_tls_revocation(struct lower *l, struct server_level *s);
/** The same for the lists about backends of a host or section. @param n  that host or section */
void apache_proxy_tls_revocation(struct lower *l, const struct level *lv, const struct node *n);

/** A section of this kind, empty; freed by apache_section_done(). */
void apache_section_init(struct apache_section *s, struct apache_host *host, const struct node *n, enum wsr_layer_kind kind);
/** The layer is complete: intern its lists and its settings, append it to the layers of its host. */
void apache_section_done(struct lower *l, struct level *lv, struct apache_section *s);
void apache_host_init(struct apache_host *h, struct apache_host *main_server, const struct node *n);
/** The host is complete with all its layers; the main server last of all, since its lists go into every host. @return its index. */
uint32_t apache_host_done(struct lower *l, struct apache_host *h);

#endif
