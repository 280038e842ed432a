/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Layout of the table file, continued: the records of servers that run httpd's phases (Apache and IIS). FORMAT.md says the same in prose.
 *
 * Conditions come first, then the rules of each kind, then the sections (`layer`) that hold rules and the `host` that
 * holds sections. Included by wsr_format.h, whose strings, lists and limits it uses; nobody includes it alone.
 */
#ifndef WSR_FORMAT_HTTPD_H
#define WSR_FORMAT_HTTPD_H

#ifndef WSR_FORMAT_H
#error "include table/wsr_format.h"
#endif

/*
 * A condition is a tree written in preorder: `size` counts a node and all below it, children follow their parent one behind the other.
 */
enum wsr_cond_op {
	WSR_COND_TRUE = 1,
	WSR_COND_AND, WSR_COND_OR,  /* one or more children */
	WSR_COND_EQUAL, WSR_COND_LESS, WSR_COND_LESS_EQUAL,             /* a, b = templates, compared as strings */
	WSR_COND_INT_EQUAL, WSR_COND_INT_LESS, WSR_COND_INT_LESS_EQUAL, /* ... as integers */
	WSR_COND_MATCH,             /* a = template, b = regex; its groups become the condition's captures */
	WSR_COND_NOT_EMPTY,         /* a = template */
	WSR_COND_PRESENT,           /* a = template of one part: it has a value, be it empty */
	WSR_COND_TRUTH,             /* a = template: neither empty nor 0, off, false, no (ap_expr) */
	WSR_COND_FILE,              /* a = template (path), b = enum wsr_file_test */
	WSR_COND_WELCOME,           /* a = template, b = enum wsr_welcome: a subrequest for it is not refused */
	WSR_COND_CLIENT,            /* a, b = first and count of access_rule: the client's address is in one of the networks */
	WSR_COND_VALID_USER,        /* somebody is authenticated */
	WSR_COND_USER,              /* a, b = first and count of str_item: ... as one of these */
	WSR_COND_GROUP,             /* ... and is a member of one of these groups */
	WSR_COND_LAST
};
/* What is asked for: nothing for an empty text, with ANY_URL the folder that the request is in. */
enum wsr_welcome { WSR_WELCOME_URL, WSR_WELCOME_FILE /* which must be there */, WSR_WELCOME_ANY_URL, WSR_WELCOME_LAST = WSR_WELCOME_ANY_URL };
#define WSR_COND_NOT     1u
#define WSR_COND_NOCASE  2u     /* EQUAL, LESS, LESS_EQUAL */
#define WSR_COND_BY_LENGTH 4u   /* LESS, LESS_EQUAL: a shorter string is the smaller one (mod_rewrite) */
struct wsr_cond {
	uint8_t op;
	uint8_t flags;              /* WSR_COND_NOT ... */
	uint16_t size;              /* at least 1 */
	uint32_t a, b;
	uint32_t pos;
};
_Static_assert(sizeof(struct wsr_cond) == 16, "cond");

/* SetEnv, UnsetEnv, SetEnvIf, BrowserMatch, [E=]. Environment variables are user variables: slots. */
#define WSR_ENV_UNSET 1u
#define WSR_ENV_LATE  2u        /* SetEnv: set when the request is handled, not when its head is read */
struct wsr_env_op {
	uint32_t slot;
	uint32_t value;             /* template; captures are those of the condition ($1) */
	uint32_t condition;         /* cond or WSR_NONE */
	uint32_t flags;             /* WSR_ENV_* */
	uint32_t pos;
};
_Static_assert(sizeof(struct wsr_env_op) == 20, "env_op");

/* RewriteRule with its conditions, or a rule of IIS. */
#define WSR_RULE_NOT          (1u << 0)  /* acts when the expression does not match */
#define WSR_RULE_NOTHING      (1u << 1)  /* substitution "-" */
#define WSR_RULE_LAST         (1u << 2)
#define WSR_RULE_END          (1u << 3)
#define WSR_RULE_CHAIN        (1u << 4)
#define WSR_RULE_NEXT         (1u << 5)  /* N: start again */
#define WSR_RULE_REDIRECT     (1u << 6)  /* R: with `status` */
#define WSR_RULE_STATUS       (1u << 7)  /* F, G, R=404: answer with `status` */
#define WSR_RULE_PROXY        (1u << 8)
#define WSR_RULE_PASS_THROUGH (1u << 9)
#define WSR_RULE_QSA          (1u << 10)
#define WSR_RULE_QSD          (1u << 11)
#define WSR_RULE_QSL          (1u << 12)
#define WSR_RULE_NE           (1u << 13)
#define WSR_RULE_B            (1u << 14) /* captures are escaped */
#define WSR_RULE_B_NOPLUS     (1u << 15)
#define WSR_RULE_DPI          (1u << 16)
#define WSR_RULE_NS           (1u << 17)
#define WSR_RULE_ABORT        (1u << 18) /* IIS: close the connection */
#define WSR_RULE_IIS          (1u << 19) /* matched against the path without its first slash; a rewritten URL is not the end of the rules unless LAST */
#define WSR_RULE_TRACK_ALL    (1u << 20) /* IIS: captures of all conditions count on */
#define WSR_RULE_ABSOLUTE     (1u << 21) /* the substitution begins with a scheme */
#define WSR_RULE_ALLOW_3F     (1u << 22) /* UnsafeAllow3F */
#define WSR_RULE_PREFIX_STAT  (1u << 23) /* the result may be the name of a file: its first segment is written in the substitution, or UnsafePrefixStat */
#define WSR_RULE_FULL_URL     (1u << 24) /* IIS: matched against scheme://host/path */
#define WSR_RULE_QSNONE       (1u << 25) /* the substitution ended in "?", which is cut off: no query, whatever "?" the result has */
#define WSR_RULE_LAST_BIT     WSR_RULE_QSNONE
struct wsr_rewrite_rule {
	uint32_t condition;         /* cond or WSR_NONE */
	uint32_t regex;
	uint32_t target;            /* template; WSR_NONE with NOTHING */
	uint32_t flags;             /* WSR_RULE_* */
	uint16_t status;            /* REDIRECT and STATUS */
	uint16_t skip;              /* S=n */
	struct wsr_list env;        /* env_op: E= */
	struct wsr_list cookies;    /* tmpl_item: values of Set-Cookie, CO= */
	uint32_t type;              /* template: T=; or WSR_NONE */
	uint32_t handler;           /* template: H=; or WSR_NONE */
	uint32_t escape;            /* sref: characters of B=; 0 = all */
	uint32_t limit;             /* N=limit; 0 = the built-in one */
	uint32_t pos;
};
_Static_assert(sizeof(struct wsr_rewrite_rule) == 56, "rewrite_rule");

/* mod_alias, in order of the text. */
enum wsr_alias_kind { WSR_ALIAS_FILE = 1, WSR_ALIAS_FILE_MATCH, WSR_ALIAS_REDIRECT, WSR_ALIAS_REDIRECT_MATCH };
struct wsr_alias_rule {
	uint8_t kind;               /* enum wsr_alias_kind */
	uint8_t flags;              /* reserved, zero */
	uint16_t status;            /* of redirects; 404 or 410 without a target */
	wsr_sref from;              /* path prefix; 0 for expressions and in sections that give the path themselves */
	uint32_t regex;             /* *_MATCH; otherwise WSR_NONE */
	uint32_t target;            /* template or WSR_NONE */
	uint32_t pos;
};
_Static_assert(sizeof(struct wsr_alias_rule) == 20, "alias_rule");

enum wsr_header_action {
	WSR_HEADER_SET = 1, WSR_HEADER_APPEND, WSR_HEADER_MERGE, WSR_HEADER_ADD, WSR_HEADER_UNSET, WSR_HEADER_EDIT, WSR_HEADER_EDIT_ALL,
	WSR_HEADER_SET_IF_EMPTY, WSR_HEADER_NOTE, WSR_HEADER_ECHO
};
#define WSR_HEADER_ALWAYS 1u    /* the table of fields that go out with every answer */
#define WSR_HEADER_EARLY  2u
struct wsr_header_op {
	uint8_t action;             /* enum wsr_header_action */
	uint8_t flags;              /* WSR_HEADER_* */
	uint16_t reserved;
	wsr_sref name;
	uint32_t value;             /* template; WSR_NONE for UNSET and ECHO */
	uint32_t regex;             /* EDIT, EDIT_ALL, ECHO; otherwise WSR_NONE */
	uint32_t condition;         /* cond or WSR_NONE */
	uint32_t pos;
};
_Static_assert(sizeof(struct wsr_header_op) == 24, "header_op");

/* Parameters of a worker: what httpd keeps for a URL, or for a balancer and its members. */
#define WSR_WORKER_BALANCER       1u
#define WSR_WORKER_UPGRADE_ANY    2u
#define WSR_WORKER_NO_REUSE       4u
#define WSR_WORKER_NO_FALLBACK    8u  /* ProxyWebsocketFallbackToProxyHttp Off */
#define WSR_WORKER_NO_FAILOVER   16u
#define WSR_WORKER_SEMICOLON     32u /* scolonpathdelim: ";" ends a path parameter */
struct wsr_worker {
	wsr_sref url;               /* as compared by httpd: scheme, host in lower case, port when written, path */
	uint32_t proxy;             /* where its requests go */
	uint64_t timeout_ms;        /* 0 = ProxyTimeout, then Timeout */
	uint64_t connect_timeout_ms; /* 0 = timeout */
	uint64_t retry_ms;
	wsr_sref upgrade;           /* upgrade=; 0 = none */
	uint32_t flags;             /* WSR_WORKER_* */
	wsr_sref sticky_cookie, sticky_path; /* stickysession=A|b; 0 = none */
	struct wsr_list members;    /* member: one for each peer of a balancer, in their order; otherwise empty */
	uint32_t pos;
	uint32_t max_attempts;
};
_Static_assert(sizeof(struct wsr_worker) == 64, "worker");

/* What a member of a balancer has to itself, beside its peer. */
#define WSR_MEMBER_WS          1u /* written with ws: or wss: */
#define WSR_MEMBER_UPGRADE_ANY 2u
struct wsr_member {
	wsr_sref route;             /* 0 = none */
	wsr_sref uri;               /* path in front of the request's; 0 = none */
	wsr_sref upgrade;           /* upgrade=; 0 = none */
	uint32_t flags;             /* WSR_MEMBER_* */
	uint64_t timeout_ms;        /* 0 = ProxyTimeout, then Timeout */
};
_Static_assert(sizeof(struct wsr_member) == 24, "member");

#define WSR_PASS_EXCLUDE     1u
#define WSR_PASS_NOCANON     2u
#define WSR_PASS_INTERPOLATE 4u /* where the setting interpolate_env says so */
#define WSR_PASS_LOOKUP      8u /* the URL decides about the worker: another one may have a longer URL that fits */
#define WSR_PASS_APPEND     16u /* ProxyPassMatch without a group in its target: the path is appended */
struct wsr_pass {
	uint32_t flags;             /* WSR_PASS_* */
	wsr_sref from;              /* path prefix; 0 with a regex and inside a section */
	uint32_t regex;             /* ProxyPassMatch; otherwise WSR_NONE */
	uint32_t proxy;             /* WSR_NONE with EXCLUDE */
	uint32_t target;            /* template of the URL when it is not constant, or WSR_NONE */
	uint32_t worker;            /* ordinal in the host's workers; WSR_NONE with EXCLUDE, and when only the request names the host */
	uint32_t live_from, live_target; /* INTERPOLATE: templates of both with variables of the environment in them; otherwise WSR_NONE */
	uint32_t pos;
};
_Static_assert(sizeof(struct wsr_pass) == 36, "pass");

enum wsr_reverse_kind { WSR_REVERSE_LOCATION = 1, WSR_REVERSE_COOKIE_DOMAIN, WSR_REVERSE_COOKIE_PATH };
struct wsr_reverse {
	uint32_t kind;              /* enum wsr_reverse_kind */
	wsr_sref internal;          /* what the backend says */
	wsr_sref external;          /* what the client gets instead */
	uint32_t live_internal, live_external; /* interpolate: templates of both with variables of the environment in them; otherwise WSR_NONE */
	uint32_t pos;
};
_Static_assert(sizeof(struct wsr_reverse) == 24, "reverse");

#define WSR_AUTH_BASIC 1u       /* AuthType was said here: Basic */
#define WSR_AUTH_NONE  2u       /* ... None */
struct wsr_auth {
	uint32_t realm;             /* template; WSR_NONE: not said here */
	wsr_sref user_file, group_file; /* 0 = not said here */
	uint32_t flags;             /* WSR_AUTH_* */
	uint32_t pos;
};
_Static_assert(sizeof(struct wsr_auth) == 20, "auth");

/* A section of httpd: its settings are laid over those of the sections before it. */
enum wsr_layer_kind {
	WSR_LAYER_HOST = 1,         /* the virtual host itself: the first layer of each */
	WSR_LAYER_DIRECTORY, WSR_LAYER_DIRECTORY_MATCH, WSR_LAYER_FILES, WSR_LAYER_FILES_MATCH, WSR_LAYER_LOCATION, WSR_LAYER_LOCATION_MATCH,
	WSR_LAYER_PROXY, WSR_LAYER_PROXY_MATCH, WSR_LAYER_IF
};
#define WSR_LAYER_REWRITE_ON      1u
#define WSR_LAYER_REWRITE_OFF     2u /* RewriteEngine Off was written here */
#define WSR_LAYER_SATISFY_ALL    16u /* Satisfy was written here */
#define WSR_LAYER_SATISFY_ANY    32u
#define WSR_LAYER_MERGE         192u /* enum wsr_merge, shifted by WSR_LAYER_MERGE_SHIFT: how Require joins that of the sections before */
#define WSR_LAYER_MERGE_SHIFT     6u
enum wsr_merge { WSR_MERGE_REPLACE, WSR_MERGE_AND, WSR_MERGE_OR, WSR_MERGE_OFF /* it starts anew, even without a Require here */ };
#define WSR_LAYER_GLOB            8u /* name has wildcards: regex stands for it */
/* How rules of the sections before are taken over (mod_rewrite.c: config_perdir_merge); without WSR_REWRITE_SAID those of the sections before hold. */
#define WSR_REWRITE_SAID                1u
#define WSR_REWRITE_INHERIT             2u
#define WSR_REWRITE_INHERIT_BEFORE      4u
#define WSR_REWRITE_INHERIT_DOWN        8u
#define WSR_REWRITE_INHERIT_DOWN_BEFORE 16u
#define WSR_REWRITE_IGNORE_INHERIT      32u
#define WSR_REWRITE_MERGE_BASE          64u
#define WSR_REWRITE_NO_SLASH            128u
struct wsr_layer {
	uint8_t kind;               /* enum wsr_layer_kind */
	uint8_t flags;              /* WSR_LAYER_* */
	uint16_t inside;            /* 1 + ordinal (among the host's layers) of the section around this one, which must hold too; 0 = none */
	wsr_sref name;              /* path, pattern or URL as written; 0 for HOST */
	uint32_t regex;             /* *_MATCH and GLOB; otherwise WSR_NONE */
	uint32_t condition;         /* IF, and sections inside <Limit>; otherwise WSR_NONE */
	uint32_t location;          /* of kind SERVER: the complete settings when no other section holds */
	uint32_t pass;              /* ProxyPass in this section, or WSR_NONE */
	uint32_t require;           /* cond of Require; WSR_NONE: nothing said here */
	uint32_t hosts;             /* cond of Order, Allow, Deny; WSR_NONE: nothing said here */
	uint32_t auth;              /* or WSR_NONE */
	uint32_t rewrite_options;   /* WSR_REWRITE_*: RewriteOptions of a section */
	uint64_t set[2];            /* bit n: cell n of wsr_settings.def is given here */
	struct wsr_list env;        /* env_op */
	struct wsr_list rewrites;   /* rewrite_rule */
	struct wsr_list aliases;    /* alias_rule */
	struct wsr_list reverses;   /* reverse */
	struct wsr_list request_headers;  /* header_op */
	struct wsr_list response_headers; /* header_op */
	wsr_sref rewrite_base;      /* 0 = none */
	uint32_t pos;
};
_Static_assert(sizeof(struct wsr_layer) == 112, "layer");

/* What a virtual host has beyond a server. A server with one runs the phases of httpd. */
#define WSR_HOST_SLASHES_ON       1u /* AllowEncodedSlashes On */
#define WSR_HOST_SLASHES_NODECODE 2u
#define WSR_HOST_CANONICAL_NAME   4u
#define WSR_HOST_CANONICAL_PORT   8u
#define WSR_HOST_STRICT_SNI      16u
#define WSR_HOST_IIS             32u
#define WSR_HOST_NO_TRACE        64u /* TraceEnable Off */
struct wsr_host {
	struct wsr_list layers;     /* the first is of kind HOST */
	struct wsr_list passes;
	struct wsr_list workers;    /* that its passes and rewritten URLs use */
	struct wsr_list trusted;    /* access_rule: RemoteIPInternalProxy, RemoteIPTrustedProxy */
	wsr_sref remote_header;     /* RemoteIPHeader; 0 = none */
	wsr_sref admin;             /* ServerAdmin; 0 = none */
	uint32_t canonical_port;    /* port of ServerName; 0 = none */
	uint32_t flags;             /* WSR_HOST_* */
	uint32_t pos;
};
_Static_assert(sizeof(struct wsr_host) == 52, "host");

#endif
