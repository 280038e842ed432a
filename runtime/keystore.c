/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Key store: see keystore.h. In: a table and the file system, as root. Out: a sealed anonymous file laid out as
 *   struct store_head, `count` struct store_entry sorted by path, then the bytes; every path and content is followed by a NUL.
 * Only this file writes and reads that layout, and the descriptor never leaves the processes of one daemon.
 */
#include "runtime/keystore.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/memfile.h"

struct store_head {
	uint32_t count;
	uint32_t reserved;
};

struct store_entry {
	uint32_t path_off, path_len;
	uint64_t data_off, data_len;
};

/* The distinct paths of a table, while they are collected. */
struct path_set {
	struct wsr_str *paths;
	size_t count, cap;
	bool failed;
};

static void path_add(struct path_set *set, struct wsr_str path)
{
	if (path.len == 0 || set->failed)
		return;
	if (set->count == set->cap) {
		size_t cap = set->cap ? set->cap * 2 : 64;
		struct wsr_str *more = realloc(set->paths, cap * sizeof(*more));
		if (!more) {
			set->failed = true;
			return;
		}
		set->paths = more;
		set->cap = cap;
	}
	set->paths[set->count++] = path;
}

static void path_add_list(struct path_set *set, const struct wsr_table *t, struct wsr_list list)
{
	for (uint32_t i = 0; i < list.count; i++)
		path_add(set, wsr_string(t, *wsr_str_item_at(t, list.first + i)));
}

static int path_order(const void *a, const void *b)
{
	const struct wsr_str *x = a, *y = b;
	size_t n = x->len < y->len ? x->len : y->len;
	int c = memcmp(x->ptr, y->ptr, n);
	return c ? c : (x->len > y->len) - (x->len < y->len);
}

static void collect_paths(struct path_set *set, const struct wsr_table *t)
{
	for (uint32_t i = 0; i < wsr_tls_count(t); i++) {
		const struct wsr_tls *tls = wsr_tls_at(t, i);
		path_add_list(set, t, tls->certificates);
		path_add_list(set, t, tls->keys);
		path_add_list(set, t, tls->ticket_keys);
		path_add(set, wsr_string(t, tls->dhparam));
		path_add(set, wsr_string(t, tls->client_certificate));
		path_add(set, wsr_string(t, tls->trusted_certificate));
		path_add(set, wsr_string(t, tls->crl));
		path_add(set, wsr_string(t, tls->chain));
		path_add(set, wsr_string(t, tls->password_file));
	}
	for (uint32_t i = 0; i < wsr_proxyset_count(t); i++) {
		const struct wsr_proxyset *p = wsr_proxyset_at(t, i);
		path_add(set, wsr_string(t, p->proxy_ssl_trusted_certificate.v));
		path_add(set, wsr_string(t, p->proxy_ssl_crl.v));
		path_add(set, wsr_string(t, p->proxy_ssl_certificate.v));
		path_add(set, wsr_string(t, p->proxy_ssl_certificate_key.v));
	}
	if (set->count == 0)
		return;
	qsort(set->paths, set->count, sizeof(*set->paths), path_order);
	size_t kept = 1;
	for (size_t i = 1; i < set->count; i++)
		if (!wsr_str_eq(set->paths[i], set->paths[kept - 1]))
			set->paths[kept++] = set->paths[i];
	set->count = kept;
}

/* Append one file to the store; its length goes to *len. */
static bool copy_file(int out, const char *prefix, struct wsr_str path, uint64_t at, uint64_t *len, char *why, size_t cap)
{
	char full[4096];
	int n = path.ptr[0] == '/' ? snprintf(full, sizeof(full), "%.*s", WSR_FMT(path))
				   : snprintf(full, sizeof(full), "%s/%.*s", prefix, WSR_FMT(path));
	if (n < 0 || (size_t)n >= sizeof(full)) {
		snprintf(why, cap, "path too long: \"%.*s\"", WSR_FMT(path));
		return false;
	}
	int fd = open(full, O_RDONLY | O_CLOEXEC);
	struct stat st;
	if (fd < 0 || fstat(fd, &st) < 0) {
		snprintf(why, cap, "cannot open \"%s\": %s", full, strerror(errno));
		if (fd >= 0)
			close(fd);
		return false;
	}
	bool ok = S_ISREG(st.st_mode) && st.st_size <= (off_t)KEYSTORE_MAX_FILE_BYTES;
	if (!ok)
		snprintf(why, cap, "\"%s\" is not a regular file of at most %u bytes", full, KEYSTORE_MAX_FILE_BYTES);
	uint64_t done = 0;
	char buf[65536];
	while (ok) {
		ssize_t got = read(fd, buf, sizeof(buf));
		if (got == 0)
			break;
		if (got < 0 || done + (uint64_t)got > KEYSTORE_MAX_FILE_BYTES || !memfile_write_at(out, at + done, buf, (size_t)got)) {
			snprintf(why, cap, "cannot read \"%s\": %s", full, got < 0 ? strerror(errno) : "too large or out of memory");
			ok = false;
			break;
		}
		done += (uint64_t)got;
	}
	close(fd);
	*len = done;
	return ok && memfile_write_at(out, at + done, "", 1);
}

static bool write_store(int fd, const struct path_set *set, const char *prefix, char *why, size_t cap)
{
	struct store_head head = { .count = (uint32_t)set->count };
	struct store_entry *entries = calloc(set->count ? set->count : 1, sizeof(*entries));
	if (!entries) {
		snprintf(why, cap, "out of memory");
		return false;
	}
	uint64_t at = sizeof(head) + set->count * sizeof(*entries);
	bool ok = true;
	for (size_t i = 0; i < set->count && ok; i++) {
		entries[i].path_off = (uint32_t)at;
		entries[i].path_len = (uint32_t)set->paths[i].len;
		ok = at < UINT32_MAX && memfile_write_at(fd, at, set->paths[i].ptr, set->paths[i].len + 1);
		at += set->paths[i].len + 1;
		if (!ok)
			snprintf(why, cap, "the key files together are too large");
		entries[i].data_off = at;
		ok = ok && copy_file(fd, prefix, set->paths[i], at, &entries[i].data_len, why, cap);
		at += entries[i].data_len + 1;
	}
	ok = ok && memfile_write_at(fd, 0, &head, sizeof(head)) && memfile_write_at(fd, sizeof(head), entries, set->count * sizeof(*entries));
	free(entries);
	return ok;
}

int keystore_build(const struct wsr_table *t, const char *prefix, char *why, size_t cap)
{
	struct path_set set = { 0 };
	collect_paths(&set, t);
	int fd = set.failed ? -1 : memfile_new("wsrp-keys");
	snprintf(why, cap, "cannot make an anonymous file: %s", strerror(errno));
	if (fd >= 0 && !(write_store(fd, &set, prefix, why, cap) && memfile_seal(fd))) {
		close(fd);
		fd = -1;
	}
	free(set.paths);
	return fd;
}

bool keystore_map(struct keystore *k, int fd)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return false;
	void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return false;
	k->map = map;
	k->len = (size_t)st.st_size;
	return true;
}

void keystore_unmap(struct keystore *k)
{
	if (k->map)
		munmap((void *)(uintptr_t)k->map, k->len);
	*k = (struct keystore){ 0 };
}

bool keystore_get(const struct keystore *k, struct wsr_str path, struct wsr_str *out)
{
	if (!k->map)
		return false;
	const struct store_head *head = (const void *)k->map;
	const struct store_entry *entries = (const void *)(k->map + sizeof(*head));
	size_t low = 0, high = head->count;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		struct wsr_str have = wsr_str((const char *)k->map + entries[mid].path_off, entries[mid].path_len);
		int c = path_order(&path, &have);
		if (c == 0) {
			*out = wsr_str((const char *)k->map + entries[mid].data_off, entries[mid].data_len);
			return true;
		}
		if (c < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return false;
}
