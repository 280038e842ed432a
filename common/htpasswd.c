/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Password and group files. In: a path, a user, a password or group. Out: yes or no. Formats: Apache httpd, "Password Formats" and mod_authz_groupfile.
 *
 * Files are kept in memory with the inode, size and time that they had, and read again when one of these differs. Passwords that were right are remembered as
 * SHA-256 over a random key, the line's hash, user and password; a changed line makes the memory worthless by itself.
 */
#include "common/htpasswd.h"

#include <crypt.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILES_MAX      32u
#define FILE_BYTES_MAX (16u << 20)
#define REMEMBERED     256u  /* a power of two */
#define HASH_MAX       512u
#define PASSWORD_MAX   512u

struct file {
	char *path;
	char *text;
	size_t len;
	dev_t dev;
	ino_t ino;
	struct timespec mtime;
};

struct htpasswd {
	struct file files[FILES_MAX];
	unsigned next;              /* file to be replaced when all are taken */
	unsigned char key[32];
	unsigned char remembered[REMEMBERED][32];
};

struct htpasswd *htpasswd_new(void)
{
	struct htpasswd *h = calloc(1, sizeof(*h));
	if (h && RAND_bytes(h->key, sizeof(h->key)) != 1) {
		free(h);
		return NULL;
	}
	return h;
}

static void drop_file(struct file *f)
{
	if (f->text)
		OPENSSL_cleanse(f->text, f->len);
	free(f->text);
	free(f->path);
	*f = (struct file){ 0 };
}

void htpasswd_free(struct htpasswd *h)
{
	if (!h)
		return;
	for (unsigned i = 0; i < FILES_MAX; i++)
		drop_file(&h->files[i]);
	OPENSSL_cleanse(h, sizeof(*h));
	free(h);
}

/* --- files --------------------------------------------------------------------------------------------------------------- */

static bool read_all(int fd, char *text, size_t len)
{
	for (size_t at = 0; at < len;) {
		ssize_t n = read(fd, text + at, len - at);
		if (n <= 0 && !(n < 0 && errno == EINTR))
			return false;
		at += n > 0 ? (size_t)n : 0;
	}
	return true;
}

static const struct file *load(struct htpasswd *h, const char *path, const struct stat *st, int fd, const char **why)
{
	struct file f = { .path = strdup(path), .len = (size_t)st->st_size, .dev = st->st_dev, .ino = st->st_ino, .mtime = st->st_mtim };
	f.text = st->st_size <= (off_t)FILE_BYTES_MAX ? malloc(f.len + 1) : NULL;
	if (!f.path || !f.text || !read_all(fd, f.text, f.len)) {
		*why = st->st_size > (off_t)FILE_BYTES_MAX ? "the file is larger than 16 MB" : "the file cannot be read";
		free(f.path);
		free(f.text);
		return NULL;
	}
	f.text[f.len] = '\0';
	for (unsigned i = 0; i < FILES_MAX; i++)
		if (h->files[i].path && strcmp(h->files[i].path, path) == 0)
			drop_file(&h->files[i]);
	struct file *slot = &h->files[h->next++ % FILES_MAX];
	drop_file(slot);
	*slot = f;
	return slot;
}

static const struct file *known(const struct htpasswd *h, const char *path, const struct stat *st)
{
	for (unsigned i = 0; i < FILES_MAX; i++) {
		const struct file *f = &h->files[i];
		if (f->path && strcmp(f->path, path) == 0 && f->dev == st->st_dev && f->ino == st->st_ino && f->len == (size_t)st->st_size &&
		    f->mtime.tv_sec == st->st_mtim.tv_sec && f->mtime.tv_nsec == st->st_mtim.tv_nsec)
			return f;
	}
	return NULL;
}

static const struct file *file_of(struct htpasswd *h, const char *path, const char **why)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		*why = fd < 0 ? strerror(errno) : "not a regular file";
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	const struct file *f = known(h, path, &st);
	if (!f)
		f = load(h, path, &st, fd, why);
	close(fd);
	return f;
}

/* What stands behind "name:" on the first line that starts so. */
static bool line_of(const struct file *f, struct wsr_str name, struct wsr_str *rest)
{
	for (const char *s = f->text, *end = f->text + f->len; s < end;) {
		const char *stop = memchr(s, '\n', (size_t)(end - s));
		size_t len = (size_t)((stop ? stop : end) - s);
		if (len > name.len && s[name.len] == ':' && s[0] != '#' && memcmp(s, name.ptr, name.len) == 0) {
			*rest = wsr_str(s + name.len + 1, len - name.len - 1);
			if (rest->len && rest->ptr[rest->len - 1] == '\r')
				rest->len--;
			return true;
		}
		s += len + 1;
	}
	return false;
}

/* --- hashes -------------------------------------------------------------------------------------------------------------- */

static bool same(const char *a, size_t a_len, const char *b, size_t b_len)
{
	return a_len == b_len && CRYPTO_memcmp(a, b, a_len) == 0;
}

static bool md5(EVP_MD_CTX *c, const void *a, size_t a_len, const void *b, size_t b_len, unsigned char out[16])
{
	return EVP_DigestInit_ex(c, EVP_md5(), NULL) && EVP_DigestUpdate(c, a, a_len) && EVP_DigestUpdate(c, b, b_len) && EVP_DigestFinal_ex(c, out, NULL);
}

/* The first digest of apr1: password, magic, salt, then the alternate digest and the password's first byte or zero by the bits of its length. */
static bool apr1_first(EVP_MD_CTX *c, struct wsr_str pw, struct wsr_str salt, const unsigned char alternate[16], unsigned char out[16])
{
	bool ok = EVP_DigestInit_ex(c, EVP_md5(), NULL) && EVP_DigestUpdate(c, pw.ptr, pw.len) && EVP_DigestUpdate(c, "$apr1$", 6) &&
		  EVP_DigestUpdate(c, salt.ptr, salt.len);
	for (size_t left = pw.len; ok && left > 0; left -= left < 16 ? left : 16)
		ok = EVP_DigestUpdate(c, alternate, left < 16 ? left : 16);
	for (size_t bits = pw.len; ok && bits; bits >>= 1)
		ok = EVP_DigestUpdate(c, bits & 1 ? "" : pw.ptr, 1);
	return ok && EVP_DigestFinal_ex(c, out, NULL);
}

/* A thousand rounds that mix digest, password and salt. */
static bool apr1_rounds(EVP_MD_CTX *c, struct wsr_str pw, struct wsr_str salt, unsigned char digest[16])
{
	for (unsigned i = 0; i < 1000; i++) {
		bool ok = EVP_DigestInit_ex(c, EVP_md5(), NULL) && (i & 1 ? EVP_DigestUpdate(c, pw.ptr, pw.len) : EVP_DigestUpdate(c, digest, 16));
		if (ok && i % 3)
			ok = EVP_DigestUpdate(c, salt.ptr, salt.len);
		if (ok && i % 7)
			ok = EVP_DigestUpdate(c, pw.ptr, pw.len);
		ok = ok && (i & 1 ? EVP_DigestUpdate(c, digest, 16) : EVP_DigestUpdate(c, pw.ptr, pw.len)) && EVP_DigestFinal_ex(c, digest, NULL);
		if (!ok)
			return false;
	}
	return true;
}

/* 16 bytes in crypt's base 64, in the order that MD5-crypt has them. */
static void apr1_text(const unsigned char d[16], char out[23])
{
	static const char set[] = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	static const unsigned char order[15] = { 0, 6, 12, 1, 7, 13, 2, 8, 14, 3, 9, 15, 4, 10, 5 };
	unsigned n = 0;
	for (unsigned i = 0; i < 15; i += 3)
		for (unsigned v = (unsigned)d[order[i]] << 16 | (unsigned)d[order[i + 1]] << 8 | d[order[i + 2]], k = 0; k < 4; k++, v >>= 6)
			out[n++] = set[v & 63];
	out[n++] = set[d[11] & 63];
	out[n++] = set[d[11] >> 6];
	out[n] = '\0';
}

static bool apr1(struct wsr_str hash, struct wsr_str pw)
{
	struct wsr_str salt = wsr_str(hash.ptr + 6, hash.len - 6);
	const char *dollar = salt.len ? memchr(salt.ptr, '$', salt.len) : NULL;
	unsigned char alternate[16], digest[16];
	char text[23];
	if (!dollar)
		return false;
	struct wsr_str wanted = wsr_str(dollar + 1, (size_t)(hash.ptr + hash.len - dollar) - 1);
	salt.len = (size_t)(dollar - salt.ptr) < 8 ? (size_t)(dollar - salt.ptr) : 8;
	char joined[PASSWORD_MAX + 8];
	memcpy(joined, salt.ptr, salt.len);
	memcpy(joined + salt.len, pw.ptr, pw.len);
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	bool ok = c && md5(c, pw.ptr, pw.len, joined, salt.len + pw.len, alternate) && apr1_first(c, pw, salt, alternate, digest) &&
		  apr1_rounds(c, pw, salt, digest);
	EVP_MD_CTX_free(c);
	OPENSSL_cleanse(joined, sizeof(joined));
	if (!ok)
		return false;
	apr1_text(digest, text);
	return same(text, 22, wanted.ptr, wanted.len);
}

static bool sha1(struct wsr_str hash, struct wsr_str pw)
{
	unsigned char digest[EVP_MAX_MD_SIZE], text[40];
	unsigned len = 0;
	if (!EVP_Digest(pw.ptr, pw.len, digest, &len, EVP_sha1(), NULL))
		return false;
	int n = EVP_EncodeBlock(text, digest, (int)len);
	return n > 0 && same((const char *)text, (size_t)n, hash.ptr + 5, hash.len - 5);
}

/* Digest and salt behind it in base 64; {SSHA} of LDAP, which nginx knows. */
static bool salted_sha1(struct wsr_str hash, struct wsr_str pw)
{
	unsigned char stored[HASH_MAX], digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	int n = EVP_DecodeBlock(stored, (const unsigned char *)hash.ptr + 6, (int)(hash.len - 6));
	for (size_t i = hash.len; i > 6 && hash.ptr[i - 1] == '=' && n > 0; i--)
		n--;
	EVP_MD_CTX *c = n > 20 ? EVP_MD_CTX_new() : NULL;
	bool ok = c && EVP_DigestInit_ex(c, EVP_sha1(), NULL) && EVP_DigestUpdate(c, pw.ptr, pw.len) && EVP_DigestUpdate(c, stored + 20, (size_t)n - 20) &&
		  EVP_DigestFinal_ex(c, digest, &len) && same((const char *)digest, 20, (const char *)stored, 20);
	EVP_MD_CTX_free(c);
	return ok;
}

/* What crypt(3) of this system understands: bcrypt, SHA-2, MD5 and DES among others. */
static bool by_crypt(struct wsr_str hash, struct wsr_str pw)
{
	char setting[HASH_MAX], phrase[PASSWORD_MAX + 1];
	memcpy(setting, hash.ptr, hash.len);
	setting[hash.len] = '\0';
	memcpy(phrase, pw.ptr, pw.len);
	phrase[pw.len] = '\0';
	struct crypt_data *data = calloc(1, sizeof(*data));
	const char *got = data && !memchr(pw.ptr, '\0', pw.len) ? crypt_r(phrase, setting, data) : NULL;
	bool ok = got && got[0] != '*' && same(got, strlen(got), hash.ptr, hash.len);
	if (data)
		OPENSSL_cleanse(data, sizeof(*data));
	OPENSSL_cleanse(phrase, sizeof(phrase));
	free(data);
	return ok;
}

static bool starts(struct wsr_str s, const char *prefix)
{
	size_t len = strlen(prefix);
	return s.len > len && memcmp(s.ptr, prefix, len) == 0;
}

static bool right(struct wsr_str hash, struct wsr_str pw)
{
	if (starts(hash, "$apr1$"))
		return apr1(hash, pw);
	if (starts(hash, "{SHA}"))
		return sha1(hash, pw);
	if (starts(hash, "{SSHA}"))
		return salted_sha1(hash, pw);
	if (starts(hash, "{PLAIN}"))
		return same(pw.ptr, pw.len, hash.ptr + 7, hash.len - 7);
	return by_crypt(hash, pw);
}

/* --- memory -------------------------------------------------------------------------------------------------------------- */

static bool fingerprint(const struct htpasswd *h, struct wsr_str hash, struct wsr_str user, struct wsr_str pw, unsigned char out[32])
{
	size_t lengths[3] = { hash.len, user.len, pw.len };
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	bool ok = c && EVP_DigestInit_ex(c, EVP_sha256(), NULL) && EVP_DigestUpdate(c, h->key, sizeof(h->key)) &&
		  EVP_DigestUpdate(c, lengths, sizeof(lengths)) && EVP_DigestUpdate(c, hash.ptr, hash.len) && EVP_DigestUpdate(c, user.ptr, user.len) &&
		  EVP_DigestUpdate(c, pw.ptr, pw.len) && EVP_DigestFinal_ex(c, out, NULL);
	EVP_MD_CTX_free(c);
	return ok;
}

bool htpasswd_check(struct htpasswd *h, const char *path, struct wsr_str user, struct wsr_str password, const char **why)
{
	struct wsr_str hash;
	unsigned char print[32];
	*why = NULL;
	const struct file *f = file_of(h, path, why);
	if (!f || user.len == 0 || password.len > PASSWORD_MAX || !line_of(f, user, &hash) || hash.len == 0 || hash.len >= HASH_MAX)
		return false;
	const char *colon = memchr(hash.ptr, ':', hash.len); /* further columns are comments */
	hash.len = colon ? (size_t)(colon - hash.ptr) : hash.len;
	if (!fingerprint(h, hash, user, password, print))
		return false;
	unsigned char *slot = h->remembered[(print[0] | (unsigned)print[1] << 8) & (REMEMBERED - 1)];
	if (CRYPTO_memcmp(slot, print, sizeof(print)) == 0)
		return true;
	if (!right(hash, password))
		return false;
	memcpy(slot, print, sizeof(print));
	return true;
}

bool htpasswd_member(struct htpasswd *h, const char *path, struct wsr_str user, struct wsr_str group, const char **why)
{
	struct wsr_str members;
	*why = NULL;
	const struct file *f = file_of(h, path, why);
	if (!f || !line_of(f, group, &members))
		return false;
	for (size_t start = 0, i = 0; i <= members.len; i++) {
		if (i < members.len && members.ptr[i] != ' ' && members.ptr[i] != '\t')
			continue;
		if (i > start && i - start == user.len && memcmp(members.ptr + start, user.ptr, user.len) == 0)
			return true;
		start = i + 1;
	}
	return false;
}

void htpasswd_ask(struct htpasswd **h, const char *folder, const struct htpasswd_question *q, struct htpasswd_answer *a)
{
	bool absolute = q->file[0] == '/';
	int n = snprintf(a->path, sizeof(a->path), "%s%s%s", absolute ? "" : folder, absolute ? "" : "/", q->file);
	a->yes = false;
	a->why = NULL;
	if (!*h)
		*h = htpasswd_new();
	if (!*h)
		a->why = "no memory or random bytes for passwords";
	else if (n < 0 || (size_t)n >= sizeof(a->path))
		a->why = strerror(ENAMETOOLONG);
	else if (q->group)
		a->yes = htpasswd_member(*h, a->path, q->user, *q->group, &a->why);
	else
		a->yes = htpasswd_check(*h, a->path, q->user, q->password, &a->why);
}
