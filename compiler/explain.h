/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * `wsrpc explain`: one request, decided by the daemon's own code (eval/) on the daemon's own table, with a world made of command line options.
 * In: a table, a URL, fields. Out: which listener, server and location, why, what the upstream would get, what the client would get.
 */
#ifndef COMPILER_EXPLAIN_H
#define COMPILER_EXPLAIN_H

#include <stdio.h>

#include "eval/wsr_eval.h"

#define EXPLAIN_MAX_FIELDS 200u

struct explain_options {
	const char *table_path, *url;
	const char *method;         /* GET */
	const char *fields[EXPLAIN_MAX_FIELDS]; /* "Name: value" of -H, in order */
	unsigned field_count;
	const char *listen;         /* --listen: address of the listener, or one that it answers for; NULL = found from the URL */
	const char *client;         /* --client: address of the client */
	const char *sni;            /* --sni: name of the handshake, "" = none; NULL = the URL's host */
	bool certificate;           /* --client-certificate: the client has one that is accepted */
	const char *prefix;         /* -p: folder for relative paths, NULL = the table's */
	long long body_bytes;       /* --body-length, -1 = no body */
	bool http10;                /* --http1.0 */
	unsigned upstream_status;   /* --upstream-status: what the upstream is taken to answer */
	const char *upstream_fields[EXPLAIN_MAX_FIELDS]; /* --upstream-header */
	unsigned upstream_field_count;
	bool json;
};

/** The request's URL in parts; slices of the option. */
struct explain_url {
	bool tls, websocket;
	struct wsr_str host;        /* as written, brackets included, port excluded */
	uint16_t port;
	bool port_written;
	struct wsr_str target;      /* path and query, "/" when empty */
};

struct explain_step {
	uint32_t pos;
	const char *what;
	struct wsr_str detail;
};

#define EXPLAIN_MAX_STEPS 256u

/** Everything that was found out. Strings live in the arena. */
struct explanation {
	const struct explain_options *options;
	struct explain_url url;
	struct wsr_table table;
	struct wsr_arena arena;
	struct wsr_head request;
	struct wsr_eval eval;
	const struct wsr_decision *decision;
	bool forwarded, tunnel;     /* the request goes to an upstream */
	bool no_handshake;          /* a client without a certificate does not come as far as a request */
	uint32_t rule;              /* position that decided */
	uint32_t answer_rule;       /* ... and that of the page which takes the place of the upstream's error; else the same */
	struct explain_step steps[EXPLAIN_MAX_STEPS];
	unsigned step_count;
	uint32_t upstream;          /* of the forwarded request; WSR_NONE: a name from variables */
	char address[512];          /* ... "http://127.0.0.1:3000", or the group's name */
	struct wsr_head upstream_request;  /* parsed back from what was written; valid with have_upstream */
	struct wsr_str upstream_text;
	bool have_upstream;
	struct wsr_head answer;     /* parsed back; valid with have_answer */
	struct wsr_str answer_text;
	bool have_answer;
	char folder[4096];          /* for relative files */
	struct htpasswd *passwords; /* made at the first question for one */
};

/** World of options; ctx is a struct explanation. */
extern const struct wsr_world explain_world;

void explain_upstream_address(const struct explanation *x, char *buf, size_t cap);
const char *explain_decision_name(const struct explanation *x);
void explain_print_text(struct explanation *x, FILE *out);
/** @return false without memory */
bool explain_print_json(struct explanation *x, FILE *out);

/** The command. @return 0 decided, 1 the request is refused by the head parser or nobody listens there, 2 usage or system */
int cmd_explain(int argc, char **argv);

#endif
