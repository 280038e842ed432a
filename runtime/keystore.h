/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Contents of the files that TLS needs (certificates, keys, CA lists, CRLs, DH parameters, ticket keys), read once by the master as root into a sealed
 * anonymous file and mapped read-only by workers, which no longer may open them. Looked up by the path as it stands in the table.
 *
 * The content of a folder (authorities, revocation lists) is all its files that hold certificates or lists, by name; keystore_folder_next() takes it apart.
 */
#ifndef RUNTIME_KEYSTORE_H
#define RUNTIME_KEYSTORE_H

#include "table/wsr_table.h"

#define KEYSTORE_MAX_FILE_BYTES (16u << 20)
#define KEYSTORE_MAX_FOLDER_BYTES (64u << 20)
#define KEYSTORE_MAX_FOLDER_FILES 16384u

struct keystore {
	const uint8_t *map;         /* NULL = empty */
	size_t len;
};

/**
 * Read every file and folder that the table's tls and proxyset records name, relative ones below prefix, into a sealed memfd.
 * @return descriptor, or -1 with a message that names the file in why[cap].
 */
int keystore_build(const struct wsr_table *t, const char *prefix, char *why, size_t cap);
/** Map what keystore_build() made. @return false with errno. */
bool keystore_map(struct keystore *k, int fd);
void keystore_unmap(struct keystore *k);
/** Content of a file; valid while mapped; NUL-terminated behind its end. @return false if the table did not name it. */
bool keystore_get(const struct keystore *k, struct wsr_str path, struct wsr_str *out);
/**
 * The next file of a folder.
 * @param rest  in: the folder's content, or what the last call left of it
 * @return false at the end; names ascend
 */
bool keystore_folder_next(struct wsr_str *rest, struct wsr_str *name, struct wsr_str *content);

#endif
