/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The two heads that wsrp writes: the request for an upstream and the answer for a client. In: an evaluation with its decision, the other side's
 * head. Out: bytes of one head.
 *
 * What holds for both: hop-by-hop fields never cross (RFC 9110 section 7.6.1), framing is written by us alone (RFC 9112 section 6), and every
 * name and value goes through wsr_out_field(), which lets no CR, LF or NUL pass.
 */
#include "eval/wsr_fields.h"

#include "eval/wsr_expires.h"
#include "eval/wsr_httpd.h"
#include "eval/wsr_kept.h"
#include "eval/wsr_location.h"

#include <stdio.h>

/* --- what both share ----------------------------------------------------------------------------------------------------- */

bool wsr_belongs_to_connection(const struct wsr_field *f)
{
	switch (f->id) {
	case WSR_F_CONNECTION:
	case WSR_F_KEEP_ALIVE:
	case WSR_F_PROXY_CONNECTION:
	case WSR_F_TE:
	case WSR_F_UPGRADE:
	case WSR_F_HTTP2_SETTINGS:
	case WSR_F_TRANSFER_ENCODING:
	case WSR_F_CONTENT_LENGTH: return true;
	default: return f->flags & WSR_FIELD_HOP;
	}
}

static bool list_names(const struct wsr_table *t, struct wsr_list list, struct wsr_str name)
{
	for (uint32_t i = 0; i < list.count; i++)
		if (wsr_str_eq_nocase(wsr_string(t, *wsr_str_item_at(t, list.first + i)), name))
			return true;
	return false;
}

static const struct wsr_field_op *find_op(const struct wsr_table *t, struct wsr_list ops, struct wsr_str name)
{
	for (uint32_t i = 0; i < ops.count; i++) {
		const struct wsr_field_op *op = wsr_field_op_at(t, ops.first + i);
		if (wsr_str_eq_nocase(wsr_string(t, op->name), name))
			return op;
	}
	return NULL;
}

static void write_number_field(struct wsr_out *out, struct wsr_str name, uint64_t value)
{
	char digits[24];
	char *p = digits + sizeof(digits);
	do
		*--p = (char)('0' + value % 10);
	while (value /= 10);
	wsr_out_own(out, name, wsr_str(p, (size_t)(digits + sizeof(digits) - p)));
}

void wsr_write_framing(struct wsr_out *out, enum wsr_framing framing, uint64_t length)
{
	if (framing == WSR_FRAMING_LENGTH)
		write_number_field(out, WSR_STR("Content-Length"), length);
	else if (framing == WSR_FRAMING_CHUNKED)
		wsr_out_own(out, WSR_STR("Transfer-Encoding"), WSR_STR("chunked"));
}

/* --- the upstream's request ---------------------------------------------------------------------------------------------- */

/* Host and port of a balancer's member, without the scheme's own port. */
static struct wsr_str member_authority(const struct wsr_table *t, const struct wsr_decision *d)
{
	const struct wsr_peer *p = wsr_peer_at(t, wsr_upstream_at(t, d->upstream)->peers.first + d->peer);
	struct wsr_str text = p->kind == WSR_PEER_UNIX ? WSR_STR("localhost") : wsr_string(t, p->text);
	if (p->port != (d->tls ? 443 : 80))
		return text;
	for (size_t i = text.len; i-- > 0 && text.ptr[i] != ']';)
		if (text.ptr[i] == ':')
			text.len = i;
	return text;
}

struct wsr_str wsr_target_authority(struct wsr_eval *e)
{
	const struct wsr_decision *d = &e->decision;
	if (e->httpd && d->proxy && d->proxy->flags & WSR_PROXY_UPSTREAM_GROUP && d->peer != WSR_NONE)
		return member_authority(e->table, d);
	if (d->proxy && d->proxy->host)
		return wsr_string(e->table, d->proxy->host);
	if (d->port == 0)
		return WSR_STR("localhost"); /* a unix socket: what nginx sends */
	bool ipv6 = memchr(d->host.ptr, ':', d->host.len) && d->host.ptr[0] != '[';
	bool usual = d->port == (d->tls ? 443 : 80);
	char *text = wsr_arena_alloc(e->arena, d->host.len + 16);
	if (!text)
		return d->host;
	int n = snprintf(text, d->host.len + 16, "%s%.*s%s", ipv6 ? "[" : "", WSR_FMT(d->host), ipv6 ? "]" : "");
	if (!usual)
		n += snprintf(text + n, 16 + d->host.len - (size_t)n, ":%u", d->port);
	return wsr_str(text, (size_t)n);
}

/* Names that the configuration cannot set: they would contradict the connection or the framing, which are ours to say. */
#define BIT(id) (UINT64_C(1) << (id))
#define OURS_TO_WRITE \
	(BIT(WSR_F_HOST) | BIT(WSR_F_CONNECTION) | BIT(WSR_F_KEEP_ALIVE) | BIT(WSR_F_PROXY_CONNECTION) | BIT(WSR_F_TE) | BIT(WSR_F_UPGRADE) | \
	 BIT(WSR_F_TRANSFER_ENCODING) | BIT(WSR_F_CONTENT_LENGTH) | BIT(WSR_F_EXPECT))
_Static_assert(WSR_F_COUNT <= 64, "a set of field ids is one word");

#define IDS_KEPT 32u

/* What proxy_set_header names, each name looked at once. */
struct configured {
	struct wsr_list ops;
	uint64_t known;             /* ids among them; the bit of OTHER: some name is none that we know */
	const struct wsr_field_op *host, *connection; /* the first of each, or NULL */
	uint8_t ids[IDS_KEPT];      /* of the first ones */
};

static struct wsr_str op_name(const struct wsr_eval *e, const struct wsr_field_op *op)
{
	return wsr_string(e->table, op->name);
}

static void read_configured(const struct wsr_eval *e, struct configured *c)
{
	c->ops = e->fieldset->proxy_set_header;
	c->known = 0;
	c->host = c->connection = NULL;
	for (uint32_t i = 0; i < c->ops.count; i++) {
		const struct wsr_field_op *op = wsr_field_op_at(e->table, c->ops.first + i);
		enum wsr_field_id id = wsr_field_id(op_name(e, op));
		if (id == WSR_F_HOST && !c->host)
			c->host = op;
		if (id == WSR_F_CONNECTION && !c->connection)
			c->connection = op;
		c->known |= BIT(id);
		if (i < IDS_KEPT)
			c->ids[i] = (uint8_t)id;
	}
}

static bool same_slice(struct wsr_str a, struct wsr_str b)
{
	return a.ptr == b.ptr && a.len == b.len && a.len > 0;
}

static void write_host(struct wsr_eval *e, const struct configured *c, struct wsr_out *out)
{
	struct wsr_str value = c->host ? wsr_eval_tmpl(e, c->host->value) : WSR_STR_NULL;
	/* HTTP/1.1 has a valid Host in every request (RFC 9112 section 3.2), also when the configured value turns out empty or to be none; the parser has
	 * looked at what e->host is a part of. */
	if (same_slice(value, e->host) || wsr_is_authority(value))
		wsr_out_own(out, WSR_STR("Host"), value);
	else
		wsr_out_known(out, WSR_STR("Host"), wsr_target_authority(e));
}

static void write_connection(struct wsr_eval *e, const struct configured *c, bool keepalive, struct wsr_out *out)
{
	const struct wsr_decision *d = &e->decision;
	if (d->tunnel) {
		wsr_out_own(out, WSR_STR("Connection"), WSR_STR("upgrade"));
		wsr_out_field(out, WSR_STR("Upgrade"), d->protocol);
		return;
	}
	if (!keepalive || (c->connection && wsr_str_eq_nocase(wsr_eval_tmpl(e, c->connection->value), WSR_STR("close"))))
		wsr_out_own(out, WSR_STR("Connection"), WSR_STR("close"));
}

static void write_configured(struct wsr_eval *e, const struct configured *c, struct wsr_out *out)
{
	for (uint32_t i = 0; i < c->ops.count; i++) {
		const struct wsr_field_op *op = wsr_field_op_at(e->table, c->ops.first + i);
		struct wsr_str name = op_name(e, op);
		enum wsr_field_id id = i < IDS_KEPT ? (enum wsr_field_id)c->ids[i] : wsr_field_id(name);
		if (BIT(id) & OURS_TO_WRITE)
			continue;
		struct wsr_str value = wsr_eval_tmpl(e, op->value);
		if (value.len > 0)
			wsr_out_field(out, name, value);
	}
}

static bool is_configured(const struct wsr_eval *e, const struct configured *c, const struct wsr_field *f)
{
	if (!(c->known & BIT(f->id)))
		return false;
	return f->id != WSR_F_OTHER || find_op(e->table, c->ops, f->name);
}

static bool is_forwarded(const struct wsr_eval *e, const struct configured *c, const struct wsr_field *f)
{
	if (f->flags & WSR_FIELD_INVALID || wsr_belongs_to_connection(f) || f->id == WSR_F_HOST || f->id == WSR_F_EXPECT)
		return false; /* Expect was answered by us */
	return !is_configured(e, c, f);
}

static void write_forwarded(struct wsr_eval *e, const struct configured *c, struct wsr_out *out)
{
	const struct wsr_head *rq = e->request;
	uint32_t run = 0; /* from here on all go on */
	for (uint32_t i = 0; i < rq->field_count; i++) {
		if (is_forwarded(e, c, &rq->fields[i]))
			continue;
		wsr_out_read(out, rq, run, i);
		run = i + 1;
	}
	wsr_out_read(out, rq, run, rq->field_count);
}

void wsr_eval_upstream_head(struct wsr_eval *e, enum wsr_framing framing, uint64_t length, bool keepalive, struct wsr_out *out)
{
	const struct wsr_decision *d = &e->decision;
	struct configured c;
	e->upstream_head = NULL; /* of another upstream */
	if (e->httpd) {
		wsr_httpd_upstream_head(e, framing, length, keepalive, out);
		return;
	}
	unsigned minor = e->proxyset->proxy_http_version == 10 && !d->tunnel ? 0 : 1;
	read_configured(e, &c);
	wsr_out_request_line(out, d->method, d->target, minor);
	write_host(e, &c, out);
	write_connection(e, &c, keepalive && minor == 1, out);
	write_configured(e, &c, out);
	wsr_write_framing(out, framing, length);
	if (e->proxyset->proxy_pass_request_headers)
		write_forwarded(e, &c, out);
	wsr_out_end(out);
}

/* --- the answer ---------------------------------------------------------------------------------------------------------- */

/* Fields of the upstream that stay here unless proxy_pass_header lets them through (nginx: ngx_http_proxy_module's documentation). */
static bool hidden_by_default(const struct wsr_field *f)
{
	switch (f->id) {
	case WSR_F_DATE:
	case WSR_F_SERVER:
	case WSR_F_X_PAD:
	case WSR_F_X_ACCEL_REDIRECT:
	case WSR_F_X_ACCEL_EXPIRES:
	case WSR_F_X_ACCEL_BUFFERING:
	case WSR_F_X_ACCEL_CHARSET:
	case WSR_F_X_ACCEL_LIMIT_RATE: return true;
	default: return false;
	}
}

static bool is_passed(const struct wsr_eval *e, const struct wsr_field *f)
{
	if (wsr_belongs_to_connection(f))
		return false;
	if (hidden_by_default(f))
		return list_names(e->table, e->fieldset->proxy_pass_header, f->name);
	return !list_names(e->table, e->fieldset->proxy_hide_header, f->name);
}

static bool passes(const struct wsr_eval *e, const struct wsr_head *up, enum wsr_field_id id)
{
	return up && up->first[id] && is_passed(e, up->first[id]);
}

/* Statuses on which add_header and expires act without "always". */
static bool usual_status(unsigned status)
{
	switch (status) {
	case 200: case 201: case 204: case 206: case 301: case 302: case 303: case 304: case 307: case 308: return true;
	default: return false;
	}
}

/* Does the configuration put its own value in place of this field? (expires does, and add_header for two names only.) */
static bool is_replaced(const struct wsr_eval *e, unsigned status, const struct wsr_expiry *expiry, const struct wsr_field *f)
{
	if (f->id == WSR_F_EXPIRES || f->id == WSR_F_CACHE_CONTROL)
		return expiry->given;
	if (f->id != WSR_F_LAST_MODIFIED && f->id != WSR_F_ETAG)
		return false;
	const struct wsr_field_op *op = find_op(e->table, e->fieldset->add_header, f->name);
	return op && (op->flags & WSR_FIELD_ALWAYS || usual_status(status));
}

static bool starts_with(struct wsr_str s, struct wsr_str prefix)
{
	return s.len >= prefix.len && memcmp(s.ptr, prefix.ptr, prefix.len) == 0;
}

static struct wsr_str join(struct wsr_arena *a, struct wsr_str x, struct wsr_str y)
{
	char *p = wsr_arena_alloc(a, x.len + y.len + 1);
	if (!p)
		return WSR_STR_NULL;
	memcpy(p, x.ptr, x.len);
	memcpy(p + x.len, y.ptr, y.len);
	p[x.len + y.len] = '\0';
	return wsr_str(p, x.len + y.len);
}

/* proxy_redirect: the first rule that matches gives the new value; Location becomes absolute, Refresh does not (nginx). @return false when none does. */
static bool rewrite_url(struct wsr_eval *e, struct wsr_str url, bool absolute, struct wsr_str *out)
{
	struct wsr_list rules = e->fieldset->proxy_redirect;
	for (uint32_t i = 0; i < rules.count; i++) {
		const struct wsr_redirect_rule *r = wsr_redirect_rule_at(e->table, rules.first + i);
		if (r->flags & WSR_REDIRECT_REGEX) {
			if (wsr_eval_match(e, r->from, url) != WSR_MATCH)
				continue;
			*out = wsr_eval_tmpl(e, r->to);
		} else {
			struct wsr_str from = wsr_eval_tmpl(e, r->from);
			if (!starts_with(url, from))
				continue;
			*out = join(e->arena, wsr_eval_tmpl(e, r->to), wsr_str(url.ptr + from.len, url.len - from.len));
		}
		if (absolute && out->len > 0 && out->ptr[0] == '/')
			*out = wsr_eval_absolute(e, *out);
		return true;
	}
	return false;
}

/* "Refresh: 5; url=http://..." : only the URL is rewritten. */
static struct wsr_str rewrite_refresh(struct wsr_eval *e, struct wsr_str value)
{
	for (size_t i = 0; i + 4 <= value.len; i++) {
		struct wsr_str url;
		if (!wsr_str_eq_nocase(wsr_str(value.ptr + i, 4), WSR_STR("url=")))
			continue;
		if (rewrite_url(e, wsr_str(value.ptr + i + 4, value.len - i - 4), false, &url))
			return join(e->arena, wsr_str(value.ptr, i + 4), url);
		break;
	}
	return value;
}

static void write_upstream_fields(struct wsr_eval *e, const struct wsr_head *up, unsigned status, const struct wsr_expiry *expiry, struct wsr_out *out)
{
	uint32_t run = 0; /* from here on all pass unchanged */
	for (uint32_t i = 0; i < up->field_count; i++) {
		const struct wsr_field *f = &up->fields[i];
		struct wsr_str value = f->value;
		bool passed = is_passed(e, f) && !is_replaced(e, status, expiry, f);
		bool url = f->id == WSR_F_LOCATION || f->id == WSR_F_REFRESH;
		if (passed && !url)
			continue;
		wsr_out_read(out, up, run, i);
		run = i + 1;
		if (!passed)
			continue;
		if (f->id == WSR_F_LOCATION)
			rewrite_url(e, f->value, true, &value);
		else
			value = rewrite_refresh(e, f->value);
		wsr_out_known(out, f->name, value);
	}
	wsr_out_read(out, up, run, up->field_count);
}

static void write_added(struct wsr_eval *e, unsigned status, struct wsr_out *out)
{
	struct wsr_list ops = e->fieldset->add_header;
	bool usual = usual_status(status);
	for (uint32_t i = 0; i < ops.count; i++) {
		const struct wsr_field_op *op = wsr_field_op_at(e->table, ops.first + i);
		if (!usual && !(op->flags & WSR_FIELD_ALWAYS))
			continue;
		struct wsr_str value = wsr_eval_tmpl(e, op->value);
		if (value.len > 0)
			wsr_out_field(out, wsr_string(e->table, op->name), value);
	}
}

static void write_answer_connection(struct wsr_eval *e, const struct wsr_answer *a, struct wsr_out *out)
{
	if (a->tunnel) {
		wsr_out_field(out, WSR_STR("Connection"), WSR_STR("upgrade"));
		wsr_out_field(out, WSR_STR("Upgrade"), e->decision.protocol);
	} else if (!a->keepalive) {
		wsr_out_field(out, WSR_STR("Connection"), WSR_STR("close"));
	} else {
		if (e->request && e->request->minor == 0)
			wsr_out_field(out, WSR_STR("Connection"), WSR_STR("keep-alive"));
		if (e->core->keepalive_header_s > 0) {
			char text[40];
			snprintf(text, sizeof(text), "timeout=%llu", (unsigned long long)e->core->keepalive_header_s);
			wsr_out_field(out, WSR_STR("Keep-Alive"), wsr_cstr(text));
		}
	}
}

/* A HEAD answer and a 304 tell the length that a GET would have had (RFC 9110 section 8.6). */
static void write_answer_framing(const struct wsr_head *up, const struct wsr_answer *a, struct wsr_out *out)
{
	bool lengthless = a->status < 200 || a->status == 204;
	if (a->framing == WSR_FRAMING_NONE && up && up->first[WSR_F_CONTENT_LENGTH] && !lengthless)
		wsr_out_field(out, WSR_STR("Content-Length"), up->first[WSR_F_CONTENT_LENGTH]->value);
	else
		wsr_write_framing(out, a->framing, a->length);
}

/* What an upstream said of a file or text of ours that it named; error pages have a type of their own. */
static void write_type(struct wsr_eval *e, const struct wsr_answer *a, struct wsr_out *out)
{
	bool named = e->kept && e->kept->type.len > 0 && a->status < 300;
	struct wsr_str type = named && a->content_type.ptr ? e->kept->type : a->content_type;
	if (type.len > 0)
		wsr_out_known(out, WSR_STR("Content-Type"), type);
}

static void write_kept(const struct wsr_kept *k, const struct wsr_expiry *expiry, struct wsr_out *out)
{
	for (uint32_t i = 0; i < k->fields.count; i++) {
		const struct wsr_field *f = &k->fields.fields[i];
		if (!(expiry->given && (f->id == WSR_F_EXPIRES || f->id == WSR_F_CACHE_CONTROL)))
			wsr_out_field(out, f->name, f->value);
	}
}

void wsr_eval_answer_head(struct wsr_eval *e, const struct wsr_head *up, const struct wsr_answer *a, struct wsr_out *out)
{
	if (e->httpd) {
		wsr_httpd_answer_head(e, up, a, out);
		return;
	}
	struct wsr_expiry expiry = { .given = false };
	e->response = up;
	e->upstream_head = up ? up : e->upstream_head;
	if (e->fieldset->expires_kind != WSR_EXPIRES_OFF && usual_status(a->status))
		wsr_expiry_find(e, up && !passes(e, up, WSR_F_LAST_MODIFIED) ? NULL : up, a, &expiry);
	wsr_out_status_line(out, 1, a->status, up && up->status == a->status && up->reason.len ? up->reason : wsr_reason(a->status));
	if (!passes(e, up, WSR_F_SERVER))
		wsr_out_own(out, WSR_STR("Server"), e->core->server_tokens ? WSR_STR("wsrp/" WSR_VERSION) : WSR_STR("wsrp"));
	if (a->date.len > 0 && !passes(e, up, WSR_F_DATE))
		wsr_out_own(out, WSR_STR("Date"), a->date);
	write_type(e, a, out);
	write_answer_framing(up, a, out);
	write_answer_connection(e, a, out);
	if (a->location.len > 0)
		wsr_out_known(out, WSR_STR("Location"), a->location);
	if (e->challenge.len > 0)
		wsr_out_field(out, WSR_STR("WWW-Authenticate"), e->challenge);
	for (uint32_t i = 0; i < a->extra_count; i++)
		if (!is_replaced(e, a->status, &expiry, &a->extra[i]))
			wsr_out_field(out, a->extra[i].name, a->extra[i].value);
	if (e->kept)
		write_kept(e->kept, &expiry, out);
	if (up)
		write_upstream_fields(e, up, a->status, &expiry, out);
	wsr_expiry_write(&expiry, out);
	write_added(e, a->status, out);
	wsr_out_end(out);
}
