/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Checked tree -> plan. lower_config() is the stage; everything else here is shared by the files lower*.c and by nobody else.
 *
 * A statement is lowered by the function that stands in its row of grammar/directives.def. Functions that set something write into the
 * `struct level` of the block they stand in; a child block starts from a copy of its parent's level, which is the whole of inheritance.
 * All statements of a block are applied before the blocks inside it are entered, as in nginx.
 */
#ifndef COMPILER_LOWER_H
#define COMPILER_LOWER_H

#include "compiler/compiler.h"
#include "compiler/plan.h"

/**
 * Make the plan of cc->root, whose check found no error. Errors are reported in cc.
 * @param plan  fresh from plan_init(); to be freed in either case
 * @return false after any error
 */
bool lower_config(struct compiler *cc, struct plan *plan);

/* --- shared by lower*.c -------------------------------------------------------------------------------------------- */

/** What proxy_set_header says about tunnels in a block: the well-known recipe of three lines, and what is missing from it. */
enum lower_recipe { RECIPE_NONE, RECIPE_COMPLETE, RECIPE_NO_CONNECTION, RECIPE_NO_UPGRADE };

struct apache_section;

/** Settings of one block. The child of a block starts as a copy. */
struct level {
	struct plan_settings s;
	uint32_t group[PLAN_GROUPS]; /* index of the interned group record; WSR_NONE: changed since */
	uint64_t set[2];            /* bit SET_x: given in this very block */
	struct wsr_list access;     /* allow, deny */
	struct wsr_list trusted;    /* set_real_ip_from */
	bool access_set, trusted_set;
	bool redirect_off;          /* proxy_redirect off holds here */
	bool websocket_written;     /* `websocket` was given here or around */
	bool http_version_written;  /* proxy_http_version was given here or around */
	uint8_t recipe;             /* enum lower_recipe of the proxy_set_header list that holds */
	const struct node *recipe_node;
	struct server_level *server; /* settings that only http and server know; NULL inside locations */
	struct location *location;  /* the location being lowered; NULL in http and server */
	struct apache_section *section; /* Apache: the main server, virtual host or section being lowered (apache.h); NULL in the nginx dialect */
};

/** Settings of http and server that act before a location is known. */
struct server_level {
	struct wsr_srv srv;
	struct wsr_tls tls;
	const struct node *ssl;     /* `ssl on` */
	const struct node *certificate; /* first ssl_certificate, ssl_certificate_key */
	const struct node *key;
	const struct node *revocation; /* Apache: what was said last about revocation lists */
	bool certificates_set, keys_set, ticket_keys_set; /* in this very block */
};

/** A location, `if` block or server while its statements are lowered. */
struct location {
	const struct node *node;
	struct location *outer;     /* enclosing location, NULL at server level */
	struct wsr_str name;        /* as written, without the modifier */
	uint8_t kind;               /* enum wsr_location_kind */
	uint8_t flags;              /* WSR_LOCATION_* */
	uint32_t regex;
	uint32_t index;             /* its record */
	const struct node *proxy_node; /* proxy_pass, own or (in `if`) the enclosing location's */
	uint32_t proxy;
	struct wsr_str proxy_url;   /* as written; empty with variables */
	uint16_t proxy_uri_len;     /* length of the URI part at its end */
	struct wsr_str proxy_location; /* path which the URI part replaces; empty in named, regex and if */
};

/** A user variable before its definition is known. */
struct lower_variable { struct span use; bool used; const struct node *set; };

struct lower {
	struct compiler *cc;
	struct plan *plan;
	struct pool_index variables; /* name (sref) -> slot */
	struct pool variable_info;  /* struct lower_variable per slot */
	struct pool_index upstreams; /* name and kind -> upstream */
	struct pool_index log_formats; /* name -> log_format */
	struct pool_index regexes;  /* (pattern, flags) -> regex */
	struct pool_index shapes;   /* shape run -> shape */
	struct pool shape_scratch;
	struct pool shape_keys;     /* uint32_t: two per location of a scope */
	struct pool shape_info;     /* struct scope_shape */
	struct pool parts;          /* struct wsr_part: template under construction */
	struct pool scratch;        /* records of a list under construction; stride changes */
	struct pool places;         /* struct plan_place beside scratch */
	struct pool insns, insn_places; /* program under construction */
	bool if_settings;           /* ... and its `if` blocks switch settings */
	struct pool listens;        /* struct lower_listen */
	struct pool uses;           /* struct listen_use */
	struct pool_index listen_index;
	uint32_t last_listen;       /* the listen used last, if any */
	struct pool_index namesets; /* hash of content -> nameset */
	struct pool names;          /* struct lower_name */
	struct pool servers;        /* struct lower_server */
	struct pool_index files;    /* source -> file_name */
	uint32_t last_file, last_file_name; /* cache of lower_place() */
	struct pool items;          /* struct location: the scopes being built, innermost last */
	struct pool named;          /* struct wsr_named of the server being lowered */
	struct pool_index apache_conditions; /* node of <If>, <ElseIf> -> its own condition */
	struct pool exempt, exempt_places; /* struct wsr_access_rule, struct plan_place: RemoteIPProxyProtocolExceptions of the whole text */
	struct pool apache_maps;    /* RewriteMap statements and what became of them (apache_map.c) */
	uint32_t current_server;
	bool collecting;            /* names of variables are being collected: their own lowering will report what is wrong with them */
	struct pool_index lookups, conditions; /* `lookup` and `condition` of our language: name -> map, cond */
	unsigned brace_depth;       /* functions inside each other in a text */
	bool httpd;                 /* statements of an `httpd` block: expressions are httpd's */
	const struct node *revocation_told; /* Apache: the `revocation` that was found to be without effect: once is enough */
	bool defaults;              /* the table's defaults are being applied, not a user's text */
};

typedef void (*lower_fn)(struct lower *l, struct level *lv, const struct node *n, unsigned arg);

enum lower_class {
	LOWER_NOTHING,              /* no effect, or handled by the block around it */
	LOWER_GLOBAL,               /* main and events */
	LOWER_SETTING,              /* writes into the level of its block */
	LOWER_REWRITE,              /* an instruction of the block's program */
	LOWER_BLOCK,                /* structure: visited by name where it belongs */
};
struct lowering {
	lower_fn fn;
	uint16_t arg;
	uint8_t class;              /* enum lower_class */
};
/** How a row is lowered. */
const struct lowering *lowering_of(const struct directive *def);
/** True when the statement's row is lowered by fn. */
static inline bool lowered_by(const struct node *n, lower_fn fn)
{
	return n->def && !n->bad && lowering_of(n->def)->fn == fn;
}
static inline unsigned lower_class_of(const struct node *n)
{
	return n->def && !n->bad ? lowering_of(n->def)->class : LOWER_NOTHING;
}

/* lower.c */
/** Apply all settings that stand in a block. */
void level_apply(struct lower *l, struct level *lv, const struct node *block);
/** Start of a child block. */
void level_child(struct level *child, const struct level *parent);
/** nginx inherits try_files nowhere: a location begins without. */
void level_forget_try_files(struct level *child);
/** Mark a setting as given here and its group as changed. */
void level_mark(struct level *lv, enum plan_setting cell);
static inline bool level_has(const struct level *lv, enum plan_setting cell)
{
	return lv->set[cell / 64] >> (cell % 64) & 1;
}
/** Indexes of the level's groups, interned when changed. */
void level_groups(struct lower *l, struct level *lv);
/** Body record of a level. */
uint32_t level_body(struct lower *l, struct level *lv, uint8_t kind, uint8_t flags, wsr_sref name, uint32_t regex);

static inline struct wsr_str arg_str(const struct node *n, unsigned i)
{
	return word_str(node_arg(n, i));
}
/** Where a statement (or word) stands, for the table. */
struct plan_place lower_place(struct lower *l, struct span at);
uint32_t lower_pos(struct lower *l, const struct node *n);

/* lower_value.c */
#define TMPL_ARGS        1u  /* "?" splits path and arguments (replacement of rewrite) */
#define TMPL_NO_CAPTURES 2u  /* $1 is no capture here */
/** Template of a word's text (or a part of it). After an error: the empty template. */
uint32_t lower_template(struct lower *l, const struct node *n, const struct word *w, struct wsr_str text, unsigned flags);
static inline uint32_t lower_tmpl_arg(struct lower *l, const struct node *n, unsigned i)
{
	return lower_template(l, n, node_arg(n, i), arg_str(n, i), 0);
}
/** True if the text refers to a variable or capture. */
bool lower_has_variables(struct wsr_str text);

/* lower_tls.c */
/** What holds for a server that says nothing about stapling but that it wants it. */
void tls_stapling_defaults(struct wsr_tls *t);
/** The server is complete. @param resolver  its setting; without stapling all of that is cleared, so that records stay equal */
void tls_stapling_done(struct wsr_tls *t, wsr_sref resolver);
/** Slot of a user variable, made when new. */
uint32_t lower_variable_slot(struct lower *l, struct wsr_str name);
/** Define a user variable ("$name" in word w). @return its slot; WSR_NONE after an error. */
uint32_t lower_variable_define(struct lower *l, const struct node *n, const struct word *w, enum wsr_variable_kind kind);
/** Report variables that were used and never defined. */
void lower_variables_check(struct lower *l);
/** Interned regular expression, checked by compiling it; WSR_NONE after an error. */
uint32_t lower_regex(struct lower *l, const struct node *n, const struct word *w, struct wsr_str pattern, bool caseless);

/* The functions that compiler/lowering.def names. */
void lower_nothing(struct lower *, struct level *, const struct node *, unsigned);
#define LOWER(name, class, function, argument) void lower_##function(struct lower *, struct level *, const struct node *, unsigned);
#include "compiler/lowering.def"

/** Upstream group of this name; WSR_NONE when there is none. */
uint32_t lower_upstream_find(struct lower *l, struct wsr_str name);

/** The MIME table of a construction, which is freed; equal tables are one record. */
uint32_t lower_mime_index(struct lower *l, struct plan_table *t);
/** The content types that hold where no `types` block does (nginx: documentation of types). */
void lower_default_types(struct lower *l, struct level *lv);

#endif
