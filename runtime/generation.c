/* SPDX-License-Identifier: BSD-2-Clause */
/* Generations: see generation.h. Mapping, reference counting and the descriptors of logs; what hangs on a generation is made lazily elsewhere. */
#include "runtime/generation.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/identity.h"

static int *fds_new(uint32_t count)
{
	int *fds = malloc((count ? count : 1) * sizeof(*fds));
	for (uint32_t i = 0; fds && i < count; i++)
		fds[i] = -1;
	return fds;
}

static bool open_table(struct generation *g, bool verify, char *why, size_t cap)
{
	struct wsr_refusal refusal;
	if ((verify ? wsr_table_init : wsr_table_attach)(&g->table, g->memory.bytes, g->memory.len, &refusal))
		return true;
	wsr_refusal_text(&refusal, why, cap);
	return false;
}

static bool get_key(const void *ctx, struct wsr_str path, struct wsr_str *out)
{
	return keystore_get(ctx, path, out);
}

struct key_source generation_keys(const struct generation *g)
{
	return (struct key_source){ get_key, &g->keys, g->number };
}

struct generation *generation_new(struct table_memory *memory, int key_fd, uint32_t number, const struct tls_tickets *tickets, bool verify, char *why,
				  size_t cap)
{
	struct generation *g = calloc(1, sizeof(*g));
	snprintf(why, cap, "out of memory");
	if (!g) {
		table_memory_free(memory);
		return NULL;
	}
	g->refs = 1;
	g->number = number;
	g->memory = *memory;
	*memory = (struct table_memory){ 0 };
	if (!open_table(g, verify, why, cap))
		goto fail;
	snprintf(why, cap, "out of memory");
	identity_text(g->table.header->identity, sizeof(g->identity) - 1, g->identity);
	if (key_fd >= 0 && !keystore_map(&g->keys, key_fd)) {
		snprintf(why, cap, "%s", strerror(errno));
		goto fail;
	}
	g->access_fd_count = wsr_log_ref_count(&g->table);
	g->error_fd_count = wsr_error_log_count(&g->table);
	g->access_fds = fds_new(g->access_fd_count);
	g->error_fds = fds_new(g->error_fd_count);
	g->regexes = wsr_regexes_new(&g->table);
	g->tls = tls_ctxs_new(&g->table, generation_keys(g), tickets, TLS_CTXS_KEPT);
	if (!g->access_fds || !g->error_fds || !g->regexes || !g->tls)
		goto fail;
	return g;
fail:
	generation_unref(g);
	return NULL;
}

static void replace_fd(int *slot, int fd)
{
	if (*slot > STDERR_FILENO)
		close(*slot);
	*slot = fd;
}

void generation_set_access_fd(struct generation *g, uint32_t ref, int fd)
{
	if (ref < g->access_fd_count)
		replace_fd(&g->access_fds[ref], fd);
	else
		close(fd);
}

void generation_set_error_fd(struct generation *g, uint32_t index, int fd)
{
	if (index < g->error_fd_count)
		replace_fd(&g->error_fds[index], fd);
	else
		close(fd);
}

struct generation *generation_ref(struct generation *g)
{
	g->refs++;
	return g;
}

void generation_unref(struct generation *g)
{
	if (!g || --g->refs > 0)
		return;
	tls_ctxs_free(g->tls);
	wsr_regexes_free(g->regexes);
	for (uint32_t i = 0; g->access_fds && i < g->access_fd_count; i++)
		replace_fd(&g->access_fds[i], -1);
	for (uint32_t i = 0; g->error_fds && i < g->error_fd_count; i++)
		replace_fd(&g->error_fds[i], -1);
	free(g->access_fds);
	free(g->error_fds);
	keystore_unmap(&g->keys);
	table_memory_free(&g->memory);
	free(g);
}
