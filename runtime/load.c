/* SPDX-License-Identifier: BSD-2-Clause */
/* Loading a configuration in the master: see load.h. Nothing here touches what is running. */
#include "runtime/load.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/identity.h"
#include "runtime/log.h"
#include "runtime/memfile.h"
#include "runtime/tls_ctx.h"

/* Copy the file's bytes to where nobody changes them. */
static bool get_bytes(struct loaded *l, struct table_memory *memory, const char *path, enum load_for use)
{
	if (use == LOAD_FOR_FORK)
		return table_memory_read(memory, path, WSR_MAX_TABLE_BYTES);
	l->table_fd = memfile_copy(path, WSR_MAX_TABLE_BYTES, "wsrp-table");
	return l->table_fd >= 0 && table_memory_map(memory, l->table_fd);
}

struct loaded *load_table(const char *path, uint32_t number, enum load_for use, char *why, size_t cap)
{
	struct loaded *l = calloc(1, sizeof(*l));
	if (!l) {
		snprintf(why, cap, "out of memory");
		return NULL;
	}
	l->table_fd = l->key_fd = -1;
	struct table_memory memory;
	if (!get_bytes(l, &memory, path, use)) {
		snprintf(why, cap, "%s: %s", path, strerror(errno));
		goto fail;
	}
	char reason[256];
	l->gen = generation_new(&memory, -1, number, NULL, true, reason, sizeof(reason));
	if (!l->gen) {
		snprintf(why, cap, "%s: %s", path, reason);
		goto fail;
	}
	l->bytes = l->gen->memory.len;
	identity_text(l->gen->table.header->identity, sizeof(l->identity) - 1, l->identity);
	return l;
fail:
	load_free(l);
	return NULL;
}

static int open_log(const char *prefix, struct wsr_str path, char *why, size_t cap)
{
	char *full = path_below(prefix, path);
	int fd = full ? open(full, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644) : -1;
	if (fd < 0)
		snprintf(why, cap, "cannot open log \"%s\": %s", full ? full : "", strerror(errno));
	free(full);
	return fd;
}

/* Does any location write to this one? The default log stands in every table, used or not. */
static bool log_is_used(const struct wsr_table *t, uint32_t ref)
{
	for (uint32_t i = 0; i < wsr_logset_count(t); i++) {
		struct wsr_list used = wsr_logset_at(t, i)->access_log;
		if (ref >= used.first && ref - used.first < used.count)
			return true;
	}
	return false;
}

static bool open_access_logs(struct loaded *l, const struct settings *s, char *why, size_t cap)
{
	const struct wsr_table *t = &l->gen->table;
	for (uint32_t i = 0; i < wsr_log_ref_count(t); i++) {
		const struct wsr_log_ref *ref = wsr_log_ref_at(t, i);
		struct wsr_str path;
		if (!wsr_tmpl_constant(t, ref->path, &path) || path.len == 0 || !log_is_used(t, i))
			continue; /* a path with variables is opened by the worker */
		int fd = -1;
		uint32_t same = 0;
		for (struct wsr_str other; fd < 0 && same < i; same++)
			if (wsr_tmpl_constant(t, wsr_log_ref_at(t, same)->path, &other) && wsr_str_eq(other, path) && l->gen->access_fds[same] >= 0)
				fd = fcntl(l->gen->access_fds[same], F_DUPFD_CLOEXEC, 3);
		if (fd < 0 && wsr_str_eq(path, WSR_STR("stderr")))
			fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
		else if (fd < 0 && wsr_str_eq(path, WSR_STR("/dev/stdout")))
			fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
		if (fd < 0)
			fd = open_log(s->prefix, path, why, cap);
		if (fd < 0 && ref->pos == WSR_NONE) {
			log_error(NULL, WSR_NONE, WSR_LOG_WARN, NULL, "%s; nobody asked for it: no default access log is written", why);
			continue;
		}
		if (fd < 0)
			return false;
		generation_set_access_fd(l->gen, i, fd);
	}
	return true;
}

static bool open_error_logs(struct loaded *l, const struct settings *s, char *why, size_t cap)
{
	const struct wsr_table *t = &l->gen->table;
	for (uint32_t i = 0; i < wsr_error_log_count(t); i++) {
		struct wsr_str path = wsr_string(t, wsr_error_log_at(t, i)->path);
		if (s->error_log && i == wsr_global(t)->error_log)
			path = wsr_cstr(s->error_log);
		int fd = wsr_str_eq(path, WSR_STR("stderr")) || path.len == 0 ? STDERR_FILENO : open_log(s->prefix, path, why, cap);
		if (fd < 0)
			return false;
		generation_set_error_fd(l->gen, i, fd);
	}
	return true;
}

bool load_open_logs(struct loaded *l, const struct settings *s, char *why, size_t cap)
{
	return open_error_logs(l, s, why, cap) && open_access_logs(l, s, why, cap);
}

/* Without any, the settings for them are not used and libssl need not be set up. */
static bool any_tls_upstream(const struct wsr_table *t)
{
	for (uint32_t i = 0; i < wsr_proxy_count(t); i++)
		if (wsr_proxy_at(t, i)->flags & (WSR_PROXY_TLS | WSR_PROXY_VARIABLES))
			return true;
	return false;
}

static bool check_tls(const struct loaded *l, bool all, char *why, size_t cap)
{
	const struct wsr_table *t = &l->gen->table;
	uint32_t n = wsr_tls_count(t);
	if (!all && n > LOAD_CHECK_TLS)
		n = LOAD_CHECK_TLS;
	for (uint32_t i = 0; i < n; i++) {
		char reason[512], where[256];
		if (!tls_ctx_check(t, i, generation_keys(l->gen), reason, sizeof(reason))) {
			snprintf(why, cap, "%s: %s", wsr_pos_text(t, wsr_tls_at(t, i)->pos, false, where, sizeof(where)), reason);
			return false;
		}
	}
	if (!any_tls_upstream(t))
		return true;
	for (uint32_t i = 0; i < wsr_proxyset_count(t) && i < LOAD_CHECK_TLS; i++)
		if (!tls_client_check(t, i, generation_keys(l->gen), why, cap))
			return false;
	return true;
}

bool load_rest(struct loaded *l, const struct settings *s, bool full_check, char *why, size_t cap)
{
	const struct wsr_table *t = &l->gen->table;
	if (full_check && !identity_holds(t->bytes, t->len)) {
		snprintf(why, cap, "%s: %s", s->table_path, wsr_strerror(WSR_E_IDENTITY));
		return false;
	}
	l->key_fd = keystore_build(t, s->prefix, why, cap);
	if (l->key_fd < 0)
		return false;
	if (!keystore_map(&l->gen->keys, l->key_fd)) {
		snprintf(why, cap, "cannot map the key store: %s", strerror(errno));
		return false;
	}
	return check_tls(l, full_check, why, cap) && load_open_logs(l, s, why, cap);
}

void load_free(struct loaded *l)
{
	if (!l)
		return;
	generation_unref(l->gen);
	if (l->table_fd >= 0)
		close(l->table_fd);
	if (l->key_fd >= 0)
		close(l->key_fd);
	free(l);
}
