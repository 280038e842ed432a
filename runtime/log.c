/* SPDX-License-Identifier: BSD-2-Clause */
/* Error and access log of one process: see log.h. A log that cannot be written loses its line, never the request. */
#include "runtime/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "runtime/generation.h"
#include "runtime/log_buffers.h"
#include "runtime/options.h"
#include "runtime/worker.h"

#define ERROR_LINE_BYTES 4096u

static const char *const level_names[] = { "none", "emerg", "alert", "crit", "error", "warn", "notice", "info", "debug" };

const char *log_level_name(enum wsr_log_level level)
{
	return level >= WSR_LOG_EMERG && level <= WSR_LOG_DEBUG ? level_names[level] : level_names[0];
}

/* --- error log --------------------------------------------------------------------------------------------------------- */

struct line {
	char text[ERROR_LINE_BYTES];
	size_t len;
};

/* Room is kept for the newline; what does not fit is cut. */
static void line_add(struct line *l, struct wsr_str s)
{
	static const char hex[] = "0123456789ABCDEF";
	for (size_t i = 0; i < s.len && l->len + 5 < sizeof(l->text); i++) {
		unsigned char c = (unsigned char)s.ptr[i];
		if (c >= 0x20 && c != 0x7f) {
			l->text[l->len++] = (char)c;
			continue;
		}
		memcpy(l->text + l->len, "\\x", 2);
		l->text[l->len + 2] = hex[c >> 4];
		l->text[l->len + 3] = hex[c & 15];
		l->len += 4;
	}
}

static void line_add_quoted(struct line *l, const char *label, struct wsr_str value, const char *quote)
{
	if (value.len == 0)
		return;
	line_add(l, wsr_cstr(label));
	line_add(l, wsr_cstr(quote));
	line_add(l, value);
	line_add(l, wsr_cstr(quote));
}

static void line_start(struct line *l, enum wsr_log_level level, const struct log_context *ctx)
{
	time_t now = time(NULL);
	struct tm tm;
	char text[96];
	localtime_r(&now, &tm);
	l->len = strftime(l->text, sizeof(l->text), "%Y/%m/%d %H:%M:%S ", &tm);
	snprintf(text, sizeof(text), "[%s] %ld#0: ", log_level_name(level), (long)getpid());
	line_add(l, wsr_cstr(text));
	if (ctx && ctx->connection) {
		snprintf(text, sizeof(text), "*%llu ", (unsigned long long)ctx->connection);
		line_add(l, wsr_cstr(text));
	}
}

static void line_context(struct line *l, const struct generation *gen, const struct log_context *ctx)
{
	char rule[512];
	if (!ctx)
		return;
	line_add_quoted(l, ", client: ", ctx->client, "");
	line_add_quoted(l, ", server: ", ctx->server, "");
	line_add_quoted(l, ", request: ", ctx->request, "\"");
	line_add_quoted(l, ", upstream: ", ctx->upstream, "\"");
	if (gen && ctx->rule != WSR_NONE)
		line_add_quoted(l, ", rule: ", wsr_cstr(wsr_pos_text(&gen->table, ctx->rule, false, rule, sizeof(rule))), "");
}

static uint32_t find_log(const struct generation *gen, uint32_t error_log)
{
	return gen && error_log == WSR_NONE ? wsr_global(&gen->table)->error_log : error_log;
}

bool log_wants(const struct generation *gen, uint32_t error_log, enum wsr_log_level level)
{
	error_log = find_log(gen, error_log);
	if (!gen || error_log >= gen->error_fd_count)
		return level <= WSR_LOG_NOTICE;
	return level <= wsr_error_log_at(&gen->table, error_log)->level;
}

void log_error(const struct generation *gen, uint32_t error_log, enum wsr_log_level level, const struct log_context *ctx, const char *fmt, ...)
{
	/* Start, reload and exit are told whatever the level: an operator asks for them, and they are few. */
	bool lifecycle = error_log == WSR_NONE && !ctx && level <= WSR_LOG_NOTICE;
	if (!lifecycle && !log_wants(gen, error_log, level))
		return;
	struct line l;
	char text[2048];
	va_list ap;
	line_start(&l, level, ctx);
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	line_add(&l, wsr_cstr(text));
	line_context(&l, gen, ctx);
	l.text[l.len++] = '\n';
	error_log = find_log(gen, error_log);
	int fd = gen && error_log < gen->error_fd_count && gen->error_fds[error_log] >= 0 ? gen->error_fds[error_log] : STDERR_FILENO;
	if (write(fd, l.text, l.len) < 0 && fd != STDERR_FILENO) {
		ssize_t lost = write(STDERR_FILENO, l.text, l.len);
		(void)lost;
	}
}

/* --- access log -------------------------------------------------------------------------------------------------------- */

#define ACCESS_BUFFER_BYTES 65536u
#define OPEN_FILES 32u

/* A log whose path has variables, opened by the worker. */
struct open_file {
	char *path;                 /* NULL = free */
	int fd;
	uint64_t used;              /* serial of the last use, for eviction */
};

struct log_buffers {
	struct worker *worker;
	struct task flush;
	int fd;                     /* file that `text` is for; borrowed from a generation or from `files` */
	struct generation *gen;     /* reference that keeps fd open while text is not empty, NULL for `files` */
	size_t len;
	char text[ACCESS_BUFFER_BYTES];
	struct open_file files[OPEN_FILES];
	uint64_t serial;
};

static void write_all(int fd, const char *p, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		p += n;
		len -= (size_t)n;
	}
}

static void buffers_flush(struct log_buffers *b)
{
	if (b->len > 0)
		write_all(b->fd, b->text, b->len);
	b->len = 0;
	if (b->gen)
		generation_unref(b->gen);
	b->gen = NULL;
}

static void on_flush(struct task *t)
{
	buffers_flush(container_of(t, struct log_buffers, flush));
}

struct log_buffers *log_buffers_new(struct worker *w)
{
	struct log_buffers *b = calloc(1, sizeof(*b));
	if (b) {
		b->worker = w;
		b->flush.fn = on_flush;
		b->fd = -1;
	}
	return b;
}

void log_flush(struct worker *w)
{
	if (w->logs)
		buffers_flush(w->logs);
}

static void close_file(struct log_buffers *b, struct open_file *f)
{
	if (b->fd == f->fd)
		buffers_flush(b);
	close(f->fd);
	free(f->path);
	f->path = NULL;
}

void log_close_files(struct worker *w)
{
	for (unsigned i = 0; i < OPEN_FILES; i++)
		if (w->logs->files[i].path)
			close_file(w->logs, &w->logs->files[i]);
}

/* A variable may hold anything a client sends: no component may lead upwards. */
static bool climbs(const char *path)
{
	for (const char *p = path; (p = strstr(p, "..")); p += 2)
		if ((p == path || p[-1] == '/') && (p[2] == '/' || p[2] == '\0'))
			return true;
	return false;
}

static int open_variable(struct log_buffers *b, struct wsr_str path)
{
	char *full = path_below(b->worker->prefix, path);
	struct open_file *victim = &b->files[0];
	if (!full)
		return -1;
	for (unsigned i = 0; i < OPEN_FILES; i++) {
		struct open_file *f = &b->files[i];
		if (f->path && !strcmp(f->path, full)) {
			free(full);
			f->used = ++b->serial;
			return f->fd;
		}
		if (!f->path || (victim->path && f->used < victim->used))
			victim = f;
	}
	int fd = climbs(full) || memchr(path.ptr, '\0', path.len) ? -1 : open(full, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0) {
		log_error(b->worker->gen, WSR_NONE, WSR_LOG_CRIT, NULL, "cannot open access log \"%s\": %s", full, strerror(errno));
		free(full);
		return -1;
	}
	if (victim->path)
		close_file(b, victim);
	*victim = (struct open_file){ full, fd, ++b->serial };
	return fd;
}

void log_access(struct worker *w, struct generation *gen, uint32_t ref, struct wsr_str path, struct wsr_str line)
{
	struct log_buffers *b = w->logs;
	struct wsr_str constant;
	bool variable = !wsr_tmpl_constant(&gen->table, wsr_log_ref_at(&gen->table, ref)->path, &constant);
	int fd = variable ? open_variable(b, path) : gen->access_fds[ref];
	if (fd < 0)
		return;
	if (b->fd != fd || b->len + line.len + 1 > sizeof(b->text))
		buffers_flush(b);
	b->fd = fd;
	if (line.len + 1 > sizeof(b->text)) { /* longer than any line of a head that we accept */
		write_all(fd, line.ptr, line.len);
		write_all(fd, "\n", 1);
		return;
	}
	if (!b->gen && !variable)
		b->gen = generation_ref(gen);
	memcpy(b->text + b->len, line.ptr, line.len);
	b->len += line.len;
	b->text[b->len++] = '\n';
	loop_later(&w->loop, &b->flush);
}
