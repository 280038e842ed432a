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
};

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
