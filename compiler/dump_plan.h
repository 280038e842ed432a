/* SPDX-License-Identifier: BSD-2-Clause */
/* Shared by the two files of `wsrpc dump --stage=plan`: dump_plan.c (settings and what http holds) and dump_plan_server.c (servers, locations, programs). */
#ifndef COMPILER_DUMP_PLAN_H
#define COMPILER_DUMP_PLAN_H

#include "compiler/dump.h"
#include "compiler/dump_text.h"
#include "compiler/lower.h"

struct plan_dump {
	FILE *out;
	const struct wsr_table *t;
	unsigned depth;             /* of blocks */
	bool places;                /* comments name the lines that the records come from */
	const struct wsr_table *defaults; /* one server with a certificate and nothing else */
};

/** Lines of one statement, for dump_plan_http.c. */
void plan_word_line(struct plan_dump *d, const char *name, struct wsr_str value);
void plan_string_line(struct plan_dump *d, const char *name, wsr_sref ref);
void plan_number_line(struct plan_dump *d, const char *name, uint64_t v, const char *unit);
void plan_flag_line(struct plan_dump *d, const char *name, bool on);
void plan_string_list(struct plan_dump *d, const char *name, struct wsr_list list, bool one_line);
void plan_crl_check_line(struct plan_dump *d, const char *name, uint64_t check);
void plan_bits_line(struct plan_dump *d, const char *name, uint64_t bits, const char *const *names, unsigned count, const char *none);
void plan_error_log_line(struct plan_dump *d, uint32_t index);
extern const char *const plan_tls_versions[4];
/** Indented, a name and a blank. */
void plan_line(struct plan_dump *d, const char *name);
/** " # site.conf:12" where places are wanted and known. */
void plan_place_comment(struct plan_dump *d, uint32_t pos);
/** ";", such a comment and a line end. */
void plan_end(struct plan_dump *d, uint32_t pos);
/** Statements for the settings that a layer gives itself. */
void plan_layer_settings(struct plan_dump *d, const struct wsr_layer *y);

void plan_open(struct plan_dump *d, const char *text);
void plan_close(struct plan_dump *d);
/** Statements for the settings and access rules that differ from the body `outer` of table t. */
void plan_settings(struct plan_dump *d, const struct wsr_body *body, bool proxied, const struct wsr_table *t, const struct wsr_body *outer);
/** websocket, for a location with proxy_pass; plan_settings() leaves it out then. */
void plan_websocket(struct plan_dump *d, const struct wsr_body *body);
/** proxy_redirect, which depends on proxy_pass standing in the same block. */
void plan_redirects(struct plan_dump *d, const struct wsr_body *body, const struct wsr_table *t, const struct wsr_body *outer, bool proxied);
void plan_tls(struct plan_dump *d, uint32_t index);
void plan_srv(struct plan_dump *d, const struct wsr_srv *s);
void plan_servers(struct plan_dump *d, const struct wsr_body *http);

#endif
