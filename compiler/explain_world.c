/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The world that `explain` shows to the evaluation: addresses from the options, files as they lie on this disk, no clock. What only a running daemon can know has
 * no value here.
 */
#include "compiler/explain.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/htpasswd.h"

static bool give(struct wsr_arena *arena, const char *text, struct wsr_str *out)
{
	*out = wsr_arena_dup(arena, wsr_cstr(text));
	return out->ptr != NULL;
}

static bool give_number(struct wsr_arena *arena, unsigned number, struct wsr_str *out)
{
	char text[16];
	snprintf(text, sizeof(text), "%u", number);
	return give(arena, text, out);
}

static bool binary_address(const struct explanation *x, struct wsr_arena *arena, struct wsr_str *out)
{
	unsigned char addr[16];
	size_t len = inet_pton(AF_INET, x->options->client, addr) == 1 ? 4 : inet_pton(AF_INET6, x->options->client, addr) == 1 ? 16 : 0;
	*out = len ? wsr_arena_dup(arena, wsr_str((const char *)addr, len)) : WSR_STR_NULL;
	return out->len > 0;
}

/* The address a client of this URL would have connected to. */
static bool local_address(const struct explanation *x, struct wsr_arena *arena, struct wsr_str *out)
{
	const struct wsr_listen *l = wsr_listen_at(&x->table, x->eval.listen);
	char text[INET6_ADDRSTRLEN];
	if (l->family == 1)
		return give(arena, "unix:", out);
	if (l->flags & WSR_LISTEN_WILDCARD)
		return give(arena, l->family == 6 ? "::1" : "127.0.0.1", out);
	return inet_ntop(l->family == 6 ? AF_INET6 : AF_INET, l->addr, text, sizeof(text)) && give(arena, text, out);
}

static bool fact(void *ctx, enum wsr_var_id id, struct wsr_arena *arena, struct wsr_str *out)
{
	const struct explanation *x = ctx;
	bool tls = x->url.tls;
	switch (id) {
	case WSR_V_REMOTE_ADDR:
	case WSR_V_REALIP_REMOTE_ADDR: return give(arena, x->options->client, out);
	case WSR_V_BINARY_REMOTE_ADDR: return binary_address(x, arena, out);
	case WSR_V_SERVER_ADDR: return local_address(x, arena, out);
	case WSR_V_SERVER_PORT: return give_number(arena, wsr_listen_at(&x->table, x->eval.listen)->port, out);
	case WSR_V_CONNECTION_REQUESTS: return give_number(arena, 1, out);
	case WSR_V_PIPE: return give(arena, ".", out);
	case WSR_V_SSL_PROTOCOL: return tls && give(arena, "TLSv1.3", out);
	case WSR_V_SSL_CIPHER: return tls && give(arena, "TLS_AES_256_GCM_SHA384", out);
	case WSR_V_SSL_SESSION_REUSED: return tls && give(arena, ".", out);
	case WSR_V_SSL_CLIENT_VERIFY: return tls && give(arena, x->options->certificate ? "SUCCESS" : "NONE", out);
	case WSR_V_SSL_SERVER_NAME:
		*out = x->options->sni ? wsr_cstr(x->options->sni) : x->url.host;
		return tls && out->len > 0;
	case WSR_V_STATUS: return x->decision && x->decision->status && give_number(arena, x->decision->status, out);
	default: return false;
	}
}

#define PATH_BYTES 8192u

/* @return false when it is too long */
static bool full_path(const struct explanation *x, const char *path, char full[PATH_BYTES])
{
	int n = path[0] == '/' ? snprintf(full, PATH_BYTES, "%s", path) : snprintf(full, PATH_BYTES, "%s/%s", x->folder, path);
	return n >= 0 && (size_t)n < PATH_BYTES;
}

static bool file(void *ctx, const char *path, enum wsr_file_test test)
{
	char full[PATH_BYTES];
	struct stat st;
	if (!full_path(ctx, path, full) || stat(full, &st) < 0)
		return false;
	switch (test) {
	case WSR_FILE_IS_FILE: return S_ISREG(st.st_mode);
	case WSR_FILE_IS_DIR: return S_ISDIR(st.st_mode);
	case WSR_FILE_IS_EXEC: return access(full, X_OK) == 0;
	default: return true;
	}
}

static unsigned certified(void *ctx, uint32_t tls)
{
	struct explanation *x = ctx;
	const struct wsr_tls *t = wsr_tls_at(&x->table, tls);
	if (x->options->certificate || t->verify_client != WSR_TLS_VERIFY_ON)
		return 0;
	x->no_handshake = t->strict_verify;
	return 496;
}

/* Password and group files are read as they lie on this disk. */
static bool ask_passwords(struct explanation *x, const struct htpasswd_question *q)
{
	struct htpasswd_answer a;
	htpasswd_ask(&x->passwords, x->folder, q, &a);
	if (a.why)
		fprintf(stderr, "wsrpc: explain: %s: %s\n", a.path, a.why);
	return a.yes;
}

static bool authenticate(void *ctx, const char *user_file, struct wsr_str user, struct wsr_str password)
{
	return ask_passwords(ctx, &(struct htpasswd_question){ .file = user_file, .user = user, .password = password });
}

static bool member(void *ctx, const char *group_file, struct wsr_str user, struct wsr_str group)
{
	return ask_passwords(ctx, &(struct htpasswd_question){ .file = group_file, .user = user, .group = &group });
}

const struct wsr_world explain_world = { .fact = fact, .file = file, .certified = certified, .authenticate = authenticate, .member = member };
