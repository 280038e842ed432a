/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Serving files: opening, validators, the head, then the bytes by sendfile; small files go with the head in one write. See static.h for conditions and
 * ranges. Invariant: x->file holds the descriptor as long as it is ours; static_release() closes it.
 */
#include "runtime/httpd.h"
#include "runtime/static.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "eval/wsr_date.h"
#include "runtime/answer.h"
#include "runtime/paths.h"

#define SMALL_BYTES (16u << 10)         /* up to here a file is read and leaves with its head */

struct static_file {
	int fd;
	uint64_t size;
	time_t mtime;
	struct wsr_str type;
	char etag[48];              /* with quotes; empty = etag off */
	char date[WSR_DATE_BYTES];
	struct wsr_str modified;    /* Last-Modified, in date */
	struct static_range *ranges; /* NULL: whole */
	unsigned range_count;
	unsigned next_part;         /* multipart: part to be sent next */
	char boundary[24];
};

void static_release(struct exchange *x)
{
	if (x->file && x->file->fd >= 0)
		close(x->file->fd);
	x->file = NULL;
}

/* --- opening ----------------------------------------------------------------------------------------------------------- */

static unsigned status_of_errno(int error)
{
	switch (error) {
	case ENOENT: case ENOTDIR: case ENAMETOOLONG: return 404;
	case EACCES: case EPERM: case ELOOP: return 403;
	default: return 500;
	}
}

/** @return descriptor, or -1 after the answer was given */
static int open_file(struct exchange *x, const char *path, struct stat *st)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || fstat(fd, st) < 0) {
		int error = errno;
		unsigned status = status_of_errno(error);
		if (status != 404 || x->eval.file->log_not_found)
			exchange_error(x, status == 500 ? WSR_LOG_CRIT : WSR_LOG_ERROR, "open() \"%s\" failed (%d: %s)", path, error, strerror(error));
		if (fd >= 0)
			close(fd);
		exchange_fail(x, status, CLOSE_NONE);
		return -1;
	}
	if (S_ISREG(st->st_mode))
		return fd;
	close(fd);
	if (S_ISDIR(st->st_mode)) {
		wsr_eval_add_slash(&x->eval);
		exchange_carry_out(x);
	} else {
		exchange_error(x, WSR_LOG_CRIT, "\"%s\" is not a regular file", path);
		exchange_fail(x, 404, CLOSE_NONE);
	}
	return -1;
}

static char *put_hex(char *p, uint64_t n)
{
	unsigned digits = n ? (67u - (unsigned)__builtin_clzll(n)) / 4 : 1;
	for (unsigned i = digits; i-- > 0; n >>= 4)
		p[i] = "0123456789abcdef"[n & 15];
	return p + digits;
}

/* Two numbers in quotes: the size and the microsecond of the last change as httpd has it, or the second of the change and the size as nginx has it. */
static void make_etag(const struct exchange *x, const struct stat *st)
{
	struct static_file *f = x->file;
	uint64_t us = (uint64_t)st->st_mtim.tv_sec * 1000000 + (uint64_t)st->st_mtim.tv_nsec / 1000;
	char *p = f->etag;
	*p++ = '"';
	p = put_hex(p, httpd_rules(x) ? f->size : (uint64_t)f->mtime);
	*p++ = '-';
	p = put_hex(p, httpd_rules(x) ? us : f->size);
	*p++ = '"';
	*p = '\0';
}

static void describe(struct exchange *x, const struct stat *st)
{
	struct static_file *f = x->file;
	f->size = (uint64_t)st->st_size;
	f->mtime = st->st_mtime;
	f->type = x->eval.decision.content_type;
	f->modified = wsr_http_date(f->mtime, f->date);
	if (x->eval.file->etag)
		make_etag(x, st);
}

/* --- heads ------------------------------------------------------------------------------------------------------------- */

static struct wsr_field own_field(const char *name, struct wsr_str value)
{
	struct wsr_str n = wsr_cstr(name);
	return (struct wsr_field){ .name = n, .value = value, .id = (uint8_t)wsr_field_id(n) };
}

/** Last-Modified, ETag, for httpd's files Accept-Ranges, and one more. An error page's date says nothing about what was asked for. @return count */
static unsigned validators(const struct exchange *x, unsigned status, struct wsr_field fields[4])
{
	const struct static_file *f = x->file;
	unsigned n = 0;
	if (httpd_rules(x))
		fields[n++] = own_field("Accept-Ranges", x->eval.file->max_ranges > 0 ? WSR_STR("bytes") : WSR_STR("none"));
	if (status < 400 || httpd_rules(x))
		fields[n++] = own_field("Last-Modified", f->modified);
	if (f->etag[0])
		fields[n++] = own_field("ETag", wsr_cstr(f->etag));
	return n;
}

static void answer_not_modified(struct exchange *x)
{
	struct wsr_field fields[4];
	struct wsr_answer a = { .status = 304, .framing = WSR_FRAMING_NONE, .extra = fields };
	a.extra_count = validators(x, a.status, fields);
	answer_whole(x, &a, WSR_STR_NULL);
}

/* httpd says nothing but the status (default_handler: r->status of an empty body). */
static void answer_precondition_failed(struct exchange *x)
{
	struct wsr_field fields[4];
	struct wsr_answer a = { .status = 412, .framing = WSR_FRAMING_LENGTH, .content_type = x->file->type, .extra = fields };
	if (!httpd_rules(x)) {
		exchange_fail(x, 412, CLOSE_NONE);
		return;
	}
	a.extra_count = validators(x, a.status, fields);
	answer_whole(x, &a, WSR_STR_NULL);
}

static void answer_unsatisfiable(struct exchange *x)
{
	char text[48];
	if (httpd_rules(x)) { /* ... which does not tell the size */
		exchange_fail(x, 416, CLOSE_NONE);
		return;
	}
	int n = snprintf(text, sizeof(text), "bytes */%llu", (unsigned long long)x->file->size);
	struct wsr_str value = wsr_arena_dup(&x->arena, wsr_str(text, (size_t)n));
	x->extra = value.ptr ? own_field("Content-Range", value) : (struct wsr_field){ 0 };
	exchange_fail(x, 416, CLOSE_NONE);
}

static int content_range(char *buf, size_t cap, const struct static_file *f, const struct static_range *r)
{
	return snprintf(buf, cap, "bytes %llu-%llu/%llu", (unsigned long long)r->first, (unsigned long long)r->end - 1, (unsigned long long)f->size);
}

/** Head of one part of multipart/byteranges (RFC 9110 section 14.6). */
static int part_head(char *buf, size_t cap, const struct static_file *f, const struct static_range *r)
{
	char range[80];
	content_range(range, sizeof(range), f, r);
	bool typed = f->type.len > 0 && f->type.len < 200;
	return snprintf(buf, cap, "\r\n--%s\r\n%s%.*s%sContent-Range: %s\r\n\r\n", f->boundary, typed ? "Content-Type: " : "", typed ? (int)f->type.len : 0,
			typed ? f->type.ptr : "", typed ? "\r\n" : "", range);
}

static uint64_t multipart_length(const struct static_file *f)
{
	char head[512];
	uint64_t total = strlen("\r\n----\r\n") + strlen(f->boundary);
	for (unsigned i = 0; i < f->range_count; i++)
		total += (uint64_t)part_head(head, sizeof(head), f, &f->ranges[i]) + f->ranges[i].end - f->ranges[i].first;
	return total;
}

/* --- sending ----------------------------------------------------------------------------------------------------------- */

/** Read a small file so that it leaves with its head. @return empty if it must go by sendfile */
static struct wsr_str read_small(struct exchange *x, uint64_t first, uint64_t len)
{
	if (len == 0 || len > SMALL_BYTES)
		return WSR_STR_NULL;
	char *buf = wsr_arena_alloc(&x->arena, (size_t)len);
	ssize_t n = buf ? pread(x->file->fd, buf, (size_t)len, (off_t)first) : -1;
	return n == (ssize_t)len ? wsr_str(buf, (size_t)n) : WSR_STR_NULL;
}

/** Hand a range to the stream; on_drained follows. */
static void send_range(struct exchange *x, uint64_t first, uint64_t len, bool last)
{
	struct static_file *f = x->file;
	int fd = last ? f->fd : fcntl(f->fd, F_DUPFD_CLOEXEC, 0);
	if (last)
		f->fd = -1;
	if (fd < 0) {
		exchange_fail(x, 500, CLOSE_FILE_ERROR);
		return;
	}
	stream_sendfile(x->conn->client, fd, (off_t)first, len);
	x->sent_bytes += len;
}

/** One run of bytes behind the head. */
static void send_single(struct exchange *x, struct wsr_out *out, uint64_t first, uint64_t len)
{
	struct pieces p;
	struct wsr_str small = x->framing == WSR_FRAMING_NONE ? WSR_STR_NULL : read_small(x, first, len);
	bool all = x->framing == WSR_FRAMING_NONE || len == 0 || small.len > 0;
	bool cork = !all && x->eval.core->tcp_nopush;
	if (cork)
		stream_set_cork(x->conn->client, true);
	answer_begin(x, out, &p);
	pieces_add(&p, small);
	answer_send(x, &p);
	if (all) {
		answer_end(x);
		return;
	}
	send_range(x, first, len, true);
}

/** The next part of a multipart answer, or its end. */
static void send_part(struct exchange *x)
{
	struct static_file *f = x->file;
	const struct static_range *r = &f->ranges[f->next_part++];
	char head[512];
	int n = part_head(head, sizeof(head), f, r);
	exchange_write(x, &(struct iovec){ head, (size_t)n }, 1);
	send_range(x, r->first, r->end - r->first, false);
}

static void end_multipart(struct exchange *x)
{
	char tail[64];
	int n = snprintf(tail, sizeof(tail), "\r\n--%s--\r\n", x->file->boundary);
	exchange_write(x, &(struct iovec){ tail, (size_t)n }, 1);
	answer_end(x);
}

void static_client_drained(struct exchange *x)
{
	if (!x->head_sent)
		return;
	if (x->file->range_count > 1 && x->file->next_part < x->file->range_count) {
		send_part(x);
	} else if (x->file->range_count > 1) {
		end_multipart(x);
	} else {
		if (x->eval.core->tcp_nopush)
			stream_set_cork(x->conn->client, false);
		answer_end(x);
	}
}

static void answer_multipart(struct exchange *x)
{
	static uint64_t serial; /* of boundaries in this process */
	struct static_file *f = x->file;
	struct wsr_field fields[4];
	struct wsr_out out;
	struct pieces p;
	char type[64];
	snprintf(f->boundary, sizeof(f->boundary), "%020llu", (unsigned long long)(x->start_ms << 12 ^ ++serial));
	snprintf(type, sizeof(type), "multipart/byteranges; boundary=%s", f->boundary);
	struct wsr_answer a = { .status = 206, .framing = WSR_FRAMING_LENGTH, .length = multipart_length(f), .content_type = wsr_cstr(type), .extra = fields };
	a.extra_count = validators(x, a.status, fields);
	if (!answer_head(x, NULL, &a, &out)) {
		exchange_finish(x, CONN_ABORT, CLOSE_MEMORY);
		return;
	}
	answer_begin(x, &out, &p);
	answer_send(x, &p);
	if (x->framing == WSR_FRAMING_NONE)
		answer_end(x);
	else
		send_part(x);
}

/** 200 or 206 with one range. */
static void answer_single(struct exchange *x)
{
	struct static_file *f = x->file;
	struct wsr_field fields[4];
	struct wsr_out out;
	char range[80];
	struct static_range whole = { 0, f->size }, *r = f->ranges ? f->ranges : &whole;
	unsigned status = x->eval.decision.status ? x->eval.decision.status : f->ranges ? 206 : 200;
	struct wsr_answer a = { .status = status, .framing = WSR_FRAMING_LENGTH, .length = r->end - r->first, .content_type = f->type, .extra = fields };
	a.extra_count = validators(x, a.status, fields);
	if (f->ranges)
		fields[a.extra_count++] = own_field("Content-Range", wsr_str(range, (size_t)content_range(range, sizeof(range), f, r)));
	else if (status == 200 && !httpd_rules(x) && x->eval.file->max_ranges > 0)
		fields[a.extra_count++] = own_field("Accept-Ranges", WSR_STR("bytes"));
	if (!answer_head(x, NULL, &a, &out)) {
		exchange_finish(x, CONN_ABORT, CLOSE_MEMORY);
		return;
	}
	send_single(x, &out, r->first, r->end - r->first);
}

/** Ranges count for GET only (RFC 9110 section 14.2); nginx reads them for HEAD too, and so do we. */
static enum static_part choose_part(struct exchange *x)
{
	struct static_file *f = x->file;
	const struct wsr_field *range = x->request.first[WSR_F_RANGE];
	if (!range || f->size == 0 || x->eval.file->max_ranges == 0 || !static_range_allowed(&x->request, f->mtime, wsr_cstr(f->etag)))
		return STATIC_WHOLE;
	struct static_range *ranges = wsr_arena_alloc(&x->arena, STATIC_RANGES_MAX * sizeof(*ranges));
	if (!ranges)
		return STATIC_WHOLE;
	enum static_part part = static_parse_ranges(range->value, f->size, ranges, &f->range_count);
	if (part == STATIC_RANGES && f->range_count > x->eval.file->max_ranges)
		part = STATIC_WHOLE;
	if (part == STATIC_RANGES)
		f->ranges = ranges;
	else
		f->range_count = 0;
	return part;
}

static void answer_file(struct exchange *x)
{
	struct static_file *f = x->file;
	/* An error page has its own status and no conditions. */
	bool page = x->eval.decision.status != 0;
	unsigned status = page ? 200 : static_condition(&x->request, f->mtime, wsr_cstr(f->etag), (enum wsr_if_modified)x->eval.file->if_modified_since);
	if (status == 304) {
		answer_not_modified(x);
		return;
	}
	if (status == 412) {
		answer_precondition_failed(x);
		return;
	}
	enum static_part part = page ? STATIC_WHOLE : choose_part(x);
	if (part == STATIC_UNSATISFIABLE)
		answer_unsatisfiable(x);
	else if (f->range_count > 1)
		answer_multipart(x);
	else
		answer_single(x);
}

void static_start(struct exchange *x)
{
	const struct wsr_decision *d = &x->eval.decision;
	struct stat st;
	if (d->directory) {
		wsr_eval_index(&x->eval);
		exchange_carry_out(x);
		return;
	}
	char path[PATHS_MAX];
	if (!path_from_prefix(x->w->prefix, d->path.ptr, path)) {
		exchange_fail(x, 404, CLOSE_NONE);
		return;
	}
	int fd = open_file(x, path, &st);
	if (fd < 0)
		return;
	struct static_file *f = wsr_arena_alloc(&x->arena, sizeof(*f));
	if (!f) {
		close(fd);
		exchange_fail(x, 500, CLOSE_MEMORY);
		return;
	}
	*f = (struct static_file){ .fd = fd };
	x->file = f;
	/* Only now, because a file that is not there is 404 for POST too (nginx: ngx_http_static_handler); httpd serves it. */
	if (wsr_str_eq(x->eval.method, WSR_STR("POST")) && !httpd_rules(x)) {
		exchange_fail(x, 405, CLOSE_NONE);
		return;
	}
	describe(x, &st);
	answer_file(x);
}
