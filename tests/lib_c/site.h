/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A configuration text compiled in this process and requests evaluated on its table, for tests of eval: no sockets, no files. Facts of the world
 * are fixed (client 192.0.2.7, port 8080); files are those that the test names.
 */
#ifndef TESTS_LIB_C_SITE_H
#define TESTS_LIB_C_SITE_H

#include "eval/wsr_eval.h"

struct site {
	unsigned char *bytes;
	struct wsr_table table;
	struct wsr_regexes *regexes;
	struct wsr_arena arena;
	struct wsr_head request, response;
	struct wsr_eval e;
	const char *files;          /* paths that exist, each followed by a blank; folders end in "/" */
	const char *client;         /* 4 or 16 bytes as text of hexadecimal digits; NULL = 192.0.2.7 */
	char *text;                 /* bytes of the request head */
	char result[4096];
};

/** Compile; diagnostics go to standard error. @return false if it does not compile. */
bool site_open(struct site *s, const char *conf);
/** The same for a virtual host of Apache's language, named t, on 127.0.0.1:8080, with DocumentRoot /html; and what stands outside of it. */
bool site_open_host(struct site *s, const char *main_server, const char *host, const char *files);
void site_close(struct site *s);

/**
 * Evaluate "METHOD target|Field: value|..." (Host: t unless given; HTTP/1.0 when the target is followed by " HTTP/1.0").
 * @return the decision in one line, in s->result:
 *   "-> METHOD target host", "tunnel TOKEN target host", "STATUS text", "STATUS Location", "STATUS" (page of our own), "file PATH", "folder PATH",
 *   "close", "refused" (by the head parser); "~STATUS " in front when a proxied answer or file gets another status
 */
const char *site_request(struct site *s, const char *request);
/** Fill in what the caller of wsr_eval_begin() gives, with s->request; the rest is garbage. For tests that parse a request themselves. */
void site_start(struct site *s);
/** Do what the daemon does with a FILE decision, on s->files, until something is decided; the result in the same form. */
const char *site_settle(struct site *s);
/** The decision that holds now, in the same form. */
const char *site_result(struct site *s);

/** The upstream's head for the decision (site_request() gave a PROXY), NUL-terminated, in the arena. */
const char *site_upstream_head(struct site *s);
/** The answer's head to an upstream's response head (lines separated by "|"), NUL-terminated, in the arena. */
const char *site_answer_head(struct site *s, const char *response);

/** A request and what it must give. */
struct site_vector { const char *request, *want; };
/** Ask each until a NULL request: for the first decision, or `settled`. Prints what differs. @return how many that are */
int site_ask(struct site *s, const struct site_vector *v, bool settled);
/** Requests (settled) on one server's configuration. */
struct site_group {
	const char *http;           /* statements before the server, "" = none */
	const char *server;         /* statements of the server, which listens on 127.0.0.1:8080 and is named t */
	const char *files;          /* see struct site */
	const struct site_vector *vectors; /* ends with a NULL request */
};
/** @return the number of vectors that failed (each is printed), or -1 if the configuration does not compile. */
int site_check(const struct site_group *g);

#endif
