/* SPDX-License-Identifier: BSD-2-Clause */
/* Access log lines with gaps: see tunnel_log.h. */
#include "runtime/tunnel_log.h"

#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/log.h"

#define PREFIX_LEN 16u                  /* hexadecimal digits of a mark, before its letter */

/** One line; its pieces lie behind it in the same allocation: gaps, path, text. */
struct tunnel_log {
	struct tunnel_log *next;
	uint32_t text_len, path_len;
	uint16_t gap_count;
	bool variable;              /* the log's path has variables: this is the evaluated one */
	struct gap {
		uint32_t at;        /* offset in the text */
		uint32_t which;     /* ordinal in TUNNEL_LOG_GAPS */
	} gaps[];
};

static const enum wsr_var_id gap_ids[] = {
#define X(symbol) WSR_V_##symbol,
	TUNNEL_LOG_GAPS(X)
#undef X
};
#define GAP_KINDS (sizeof(gap_ids) / sizeof(gap_ids[0]))

bool tunnel_log_mark(const char *prefix, enum wsr_var_id id, struct wsr_arena *a, struct wsr_str *out)
{
	char mark[PREFIX_LEN + 2];
	for (size_t i = 0; i < GAP_KINDS; i++)
		if (gap_ids[i] == id) {
			snprintf(mark, sizeof(mark), "%s%c", prefix, (char)('A' + i));
			*out = wsr_arena_dup(a, wsr_cstr(mark));
			return out->ptr != NULL;
		}
	return false;
}

static char *path_of(struct tunnel_log *log)
{
	return (char *)&log->gaps[log->gap_count];
}

static char *text_of(struct tunnel_log *log)
{
	return path_of(log) + log->path_len;
}

/** The next mark in s, or NULL. */
static const char *find_mark(struct wsr_str s, const char *prefix)
{
	const char *p = memmem(s.ptr, s.len, prefix, PREFIX_LEN);
	return p && (size_t)(s.ptr + s.len - p) > PREFIX_LEN ? p : NULL;
}

static struct wsr_str behind(struct wsr_str s, const char *p)
{
	return wsr_str(p, (size_t)(s.ptr + s.len - p));
}

/** Store a rendered line without its marks. */
static struct tunnel_log *line_new(struct wsr_str line, const char *prefix, struct wsr_str path, bool variable)
{
	uint16_t gaps = 0;
	const char *mark;
	for (struct wsr_str s = line; gaps < UINT16_MAX && (mark = find_mark(s, prefix)); s = behind(s, mark + PREFIX_LEN + 1))
		gaps++;
	struct tunnel_log *log = malloc(sizeof(*log) + gaps * sizeof(struct gap) + path.len + line.len + 1);
	if (!log)
		return NULL;
	*log = (struct tunnel_log){ .path_len = (uint32_t)path.len, .gap_count = gaps, .variable = variable };
	if (path.len)
		memcpy(path_of(log), path.ptr, path.len);
	char *text = text_of(log);
	struct wsr_str s = line;
	for (uint16_t i = 0; i < gaps; i++) {
		mark = find_mark(s, prefix);
		size_t n = (size_t)(mark - s.ptr);
		memcpy(text + log->text_len, s.ptr, n);
		log->text_len += (uint32_t)n;
		log->gaps[i] = (struct gap){ .at = log->text_len, .which = (uint32_t)(mark[PREFIX_LEN] - 'A') };
		s = behind(s, mark + PREFIX_LEN + 1);
	}
	memcpy(text + log->text_len, s.ptr, s.len);
	log->text_len += (uint32_t)s.len;
	return log;
}

struct tunnel_log *tunnel_log_new(struct exchange *x)
{
	const struct wsr_table *t = &x->gen->table;
	struct wsr_list logs = x->eval.log->access_log;
	struct tunnel_log *all = NULL;
	unsigned char random[PREFIX_LEN / 2];
	char prefix[PREFIX_LEN + 1];
	if (logs.count == 0 || RAND_bytes(random, sizeof(random)) != 1)
		return NULL;
	for (size_t i = 0; i < sizeof(random); i++)
		snprintf(prefix + 2 * i, 3, "%02x", random[i]);
	for (uint32_t i = 0; i < logs.count; i++) {
		const struct wsr_log_ref *ref = wsr_log_ref_at(t, logs.first + i);
		struct wsr_str path = WSR_STR_NULL;
		if (!wsr_eval_log_wanted(&x->eval, ref))
			continue;
		bool variable = !wsr_tmpl_constant(t, ref->path, &path);
		if (variable)
			path = wsr_eval_tmpl(&x->eval, ref->path);
		x->marks = prefix;
		struct wsr_str line = wsr_eval_log_line(&x->eval, wsr_log_format_at(t, ref->format));
		x->marks = NULL;
		struct tunnel_log *log = line_new(line, prefix, path, variable);
		if (log) {
			log->next = all;
			all = log;
		}
	}
	return all;
}

/** The log of the current generation that the line goes to: the same constant path, or any with variables, which is opened by its value. */
static bool find_log(const struct wsr_table *t, struct tunnel_log *log, uint32_t *ref)
{
	for (uint32_t i = 0; i < wsr_log_ref_count(t); i++) {
		struct wsr_str path;
		bool constant = wsr_tmpl_constant(t, wsr_log_ref_at(t, i)->path, &path);
		if (log->variable ? !constant : constant && wsr_str_eq(path, wsr_str(path_of(log), log->path_len))) {
			*ref = i;
			return true;
		}
	}
	return false;
}

#define GAP_BYTES FACT_TIME_BYTES

static const char *gap_text(struct worker *w, enum wsr_var_id id, const struct tunnel_facts *f, char text[GAP_BYTES])
{
	uint64_t n = 0;
	switch (id) {
	case WSR_V_TIME_LOCAL:
	case WSR_V_TIME_ISO8601:
	case WSR_V_MSEC: return fact_time_text(w, id, text);
	case WSR_V_WSRP_CLOSE: return close_reason_name(f->reason, text);
	case WSR_V_REQUEST_TIME:
	case WSR_V_UPSTREAM_RESPONSE_TIME:
		snprintf(text, GAP_BYTES, "%llu.%03u", (unsigned long long)(f->duration_ms / 1000), (unsigned)(f->duration_ms % 1000));
		return text;
	case WSR_V_BYTES_SENT: n = f->head_bytes + f->upstream_bytes; break;
	case WSR_V_REQUEST_LENGTH: n = f->request_bytes + f->client_bytes; break;
	case WSR_V_UPSTREAM_BYTES_SENT: n = f->client_bytes; break;
	default: n = f->upstream_bytes; break;
	}
	snprintf(text, GAP_BYTES, "%llu", (unsigned long long)n);
	return text;
}

static void write_line(struct tunnel_log *log, struct worker *w, const struct tunnel_facts *facts)
{
	uint32_t ref;
	size_t len = 0, from = 0;
	char *line = malloc(log->text_len + log->gap_count * GAP_BYTES + 1u);
	if (!line || !find_log(&w->gen->table, log, &ref)) {
		free(line);
		return;
	}
	for (uint16_t i = 0; i < log->gap_count; i++) {
		char text[GAP_BYTES];
		memcpy(line + len, text_of(log) + from, log->gaps[i].at - from);
		len += log->gaps[i].at - from;
		from = log->gaps[i].at;
		const char *value = gap_text(w, gap_ids[log->gaps[i].which], facts, text);
		memcpy(line + len, value, strlen(value));
		len += strlen(value);
	}
	memcpy(line + len, text_of(log) + from, log->text_len - from);
	len += log->text_len - from;
	log_access(w, w->gen, ref, wsr_str(path_of(log), log->path_len), wsr_str(line, len));
	free(line);
}

void tunnel_log_free(struct tunnel_log *log)
{
	while (log) {
		struct tunnel_log *next = log->next;
		free(log);
		log = next;
	}
}

void tunnel_log_end(struct tunnel_log *log, struct worker *w, const struct tunnel_facts *facts)
{
	for (struct tunnel_log *line = log; line; line = line->next)
		write_line(line, w, facts);
	tunnel_log_free(log);
}
