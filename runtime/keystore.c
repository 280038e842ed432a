/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Key store: see keystore.h. In: a table and the file system, as root. Out: a sealed anonymous file laid out as
 *   struct store_head, `count` struct store_entry sorted by path, then the bytes; every path and content is followed by a NUL.
 * Only this file writes and reads that layout, and the descriptor never leaves the processes of one daemon.
 */
#include "runtime/keystore.h"

#include <dirent.h>
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

/* Before each file of a folder: its name and content follow, each with a NUL. */
struct folder_file {
	uint32_t name_len, data_len;
};

struct path {
	struct wsr_str text;
	bool folder;
};

/* The distinct paths of a table, while they are collected. */
struct path_set {
	struct path *paths;
	size_t count, cap;
	bool failed;
};

static void add(struct path_set *set, struct wsr_str text, bool folder)
{
	if (text.len == 0 || set->failed)
		return;
	if (set->count == set->cap) {
		size_t cap = set->cap ? set->cap * 2 : 64;
		struct path *more = realloc(set->paths, cap * sizeof(*more));
		if (!more) {
			set->failed = true;
			return;
		}
		set->paths = more;
		set->cap = cap;
	}
	set->paths[set->count++] = (struct path){ text, folder };
}

static void path_add(struct path_set *set, struct wsr_str path)
{
	add(set, path, false);
}

static void folder_add(struct path_set *set, struct wsr_str path)
{
	add(set, path, true);
}

static void path_add_list(struct path_set *set, const struct wsr_table *t, struct wsr_list list)
{
	for (uint32_t i = 0; i < list.count; i++)
		path_add(set, wsr_string(t, *wsr_str_item_at(t, list.first + i)));
}

static int text_order(struct wsr_str x, struct wsr_str y)
{
	int c = memcmp(x.ptr, y.ptr, x.len < y.len ? x.len : y.len);
	return c ? c : (x.len > y.len) - (x.len < y.len);
}

static int path_order(const void *a, const void *b)
{
	const struct path *x = a, *y = b;
	int c = text_order(x->text, y->text);
	return c ? c : x->folder - y->folder;
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
		path_add(set, wsr_string(t, tls->names_file));
		path_add(set, wsr_string(t, tls->stapling_file));
		folder_add(set, wsr_string(t, tls->client_folder));
		folder_add(set, wsr_string(t, tls->crl_folder));
		folder_add(set, wsr_string(t, tls->names_folder));
		path_add(set, wsr_string(t, tls->password_file));
	}
	for (uint32_t i = 0; i < wsr_proxyset_count(t); i++) {
		const struct wsr_proxyset *p = wsr_proxyset_at(t, i);
		path_add(set, wsr_string(t, p->proxy_ssl_trusted_certificate.v));
		path_add(set, wsr_string(t, p->proxy_ssl_crl.v));
		path_add(set, wsr_string(t, p->proxy_ssl_certificate.v));
		path_add(set, wsr_string(t, p->proxy_ssl_certificate_key.v));
		folder_add(set, wsr_string(t, p->proxy_ssl_trusted_folder.v));
		folder_add(set, wsr_string(t, p->proxy_ssl_crl_folder.v));
	}
	if (set->count == 0)
		return;
	qsort(set->paths, set->count, sizeof(*set->paths), path_order);
	size_t kept = 1;
	for (size_t i = 1; i < set->count; i++)
		if (path_order(&set->paths[i], &set->paths[kept - 1]) != 0)
			set->paths[kept++] = set->paths[i];
	set->count = kept;
}

static bool full_path(const char *prefix, struct wsr_str path, char *full, size_t size, char *why, size_t cap)
{
	int n = path.ptr[0] == '/' ? snprintf(full, size, "%.*s", WSR_FMT(path)) : snprintf(full, size, "%s/%.*s", prefix, WSR_FMT(path));
	if (n >= 0 && (size_t)n < size)
		return true;
	snprintf(why, cap, "path too long: \"%.*s\"", WSR_FMT(path));
	return false;
}

/* Append one file to the store; its length goes to *len. */
static bool copy_file(int out, const char *full, uint64_t at, uint64_t *len, char *why, size_t cap)
{
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

/* --- folders --------------------------------------------------------------------------------------------------------- */

/* Certificates and lists in PEM, under any of their names. What else lies about, private keys above all, stays out of the workers. */
static bool worth_keeping(const char *text, size_t len)
{
	static const char *const begins[] = { "-----BEGIN CERTIFICATE", "-----BEGIN TRUSTED CERTIFICATE", "-----BEGIN X509 C" };
	for (size_t i = 0; i < sizeof(begins) / sizeof(*begins); i++)
		if (memmem(text, len, begins[i], strlen(begins[i])))
			return true;
	return false;
}

/* @return the content, released by free(), or NULL for what is no readable file of a bearable size: httpd passes over such files too */
static char *read_whole(int folder, const char *name, size_t *len)
{
	int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	char *text = NULL;
	size_t done = 0;
	ssize_t got = -1;
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= (off_t)KEYSTORE_MAX_FILE_BYTES && (text = malloc((size_t)st.st_size + 1)) != NULL)
		while (done < (size_t)st.st_size && (got = read(fd, text + done, (size_t)st.st_size - done)) > 0)
			done += (size_t)got;
	if (fd >= 0)
		close(fd);
	*len = done;
	return text;
}

static bool copy_folder_file(int out, uint64_t at, const char *name, const char *text, size_t len)
{
	struct folder_file head = { (uint32_t)strlen(name), (uint32_t)len };
	return memfile_write_at(out, at, &head, sizeof(head)) && memfile_write_at(out, at + sizeof(head), name, head.name_len + 1u) &&
	       memfile_write_at(out, at + sizeof(head) + head.name_len + 1u, text, len) && memfile_write_at(out, at + sizeof(head) + head.name_len + 1u + len, "", 1);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static bool copy_folder(int out, const char *full, uint64_t at, uint64_t *len, char *why, size_t cap)
{
	struct dirent **names = NULL;
	int folder = open(full, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int count = folder < 0 ? -1 : scandir(full, &names, NULL, by_name);
	bool ok = count >= 0 && count <= (int)KEYSTORE_MAX_FOLDER_FILES;
	if (!ok)
		snprintf(why, cap, "cannot read the folder \"%s\": %s", full, count < 0 ? strerror(errno) : "too many files");
	*len = 0;
	for (int i = 0; i < count; i++) {
		size_t bytes;
		char *text = ok ? read_whole(folder, names[i]->d_name, &bytes) : NULL;
		if (text && worth_keeping(text, bytes)) {
			ok = *len + bytes <= KEYSTORE_MAX_FOLDER_BYTES && copy_folder_file(out, at + *len, names[i]->d_name, text, bytes);
			if (!ok)
				snprintf(why, cap, "cannot read the folder \"%s\": too large or out of memory", full);
			*len += sizeof(struct folder_file) + strlen(names[i]->d_name) + bytes + 2;
		}
		free(text);
		free(names[i]);
	}
	free(names);
	if (folder >= 0)
		close(folder);
	return ok && memfile_write_at(out, at + *len, "", 1);
}

bool keystore_folder_next(struct wsr_str *rest, struct wsr_str *name, struct wsr_str *content)
{
	struct folder_file head;
	if (rest->len < sizeof(head))
		return false;
	memcpy(&head, rest->ptr, sizeof(head));
	*name = wsr_str(rest->ptr + sizeof(head), head.name_len);
	*content = wsr_str(name->ptr + head.name_len + 1, head.data_len);
	size_t used = sizeof(head) + (size_t)head.name_len + 1 + (size_t)head.data_len + 1;
	*rest = wsr_str(rest->ptr + used, rest->len - used);
	return true;
}

/* --- the store ------------------------------------------------------------------------------------------------------- */

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
		struct wsr_str path = set->paths[i].text;
		char full[4096];
		entries[i].path_off = (uint32_t)at;
		entries[i].path_len = (uint32_t)path.len;
		ok = at < UINT32_MAX && memfile_write_at(fd, at, path.ptr, path.len + 1);
		at += path.len + 1;
		if (!ok)
			snprintf(why, cap, "the key files together are too large");
		entries[i].data_off = at;
		ok = ok && full_path(prefix, path, full, sizeof(full), why, cap) &&
		     (set->paths[i].folder ? copy_folder : copy_file)(fd, full, at, &entries[i].data_len, why, cap);
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
		int c = text_order(path, have);
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
