/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Variables that httpd has and nginx has not: %{REQUEST_FILENAME}, %{SERVER_PORT}, %{TIME_HOUR} and their kin, and fields as httpd reads them. In: the request and
 * the state of httpd's phases. Out: a value, or false for none.
 *
 * The name and port of the server follow UseCanonicalName (server/core.c: ap_get_server_name, ap_get_server_port).
 */
#include "eval/wsr_date.h"
#include "eval/wsr_httpd.h"
#include "eval/wsr_uri.h"

static bool some(struct wsr_str s, struct wsr_str *out)
{
	*out = s;
	return s.ptr != NULL;
}

static bool text(const char *z, struct wsr_str *out)
{
	return some(wsr_cstr(z), out);
}

/* --- the server ---------------------------------------------------------------------------------------------------------- */

static bool is_tls(const struct wsr_eval *e)
{
	return wsr_listen_at(e->table, e->listen)->flags & WSR_LISTEN_TLS;
}

static struct wsr_str server_name(const struct wsr_eval *e)
{
	struct wsr_str own = wsr_string(e->table, wsr_server_at(e->table, e->server)->name);
	bool canonical = e->httpd->host->flags & WSR_HOST_CANONICAL_NAME;
	if (!canonical && e->host.len > 0)
		return e->host;
	return own.ptr ? own : WSR_STR("");
}

/* Digits behind the last colon of an authority; 0 when there are none. */
static unsigned port_of(struct wsr_str authority)
{
	unsigned port = 0;
	size_t i = authority.len;
	while (i > 0 && authority.ptr[i - 1] >= '0' && authority.ptr[i - 1] <= '9')
		i--;
	if (i == 0 || authority.ptr[i - 1] != ':' || authority.len - i > 5)
		return 0;
	for (; i < authority.len; i++)
		port = port * 10 + (unsigned)(authority.ptr[i] - '0');
	return port <= 65535 ? port : 0;
}

/* UseCanonicalName Off: the port in Host, else with UseCanonicalPhysicalPort the listener's, else ServerName's, else the scheme's. On: Host is not asked and
 * ServerName's comes before the listener's. */
static unsigned server_port(const struct wsr_eval *e)
{
	const struct wsr_host *host = e->httpd->host;
	unsigned asked = 0, listened = host->flags & WSR_HOST_CANONICAL_PORT ? wsr_listen_at(e->table, e->listen)->port : 0;
	if (host->flags & WSR_HOST_CANONICAL_NAME)
		asked = host->canonical_port;
	else if (e->request)
		asked = port_of(e->request->host);
	return asked ? asked : listened ? listened : host->canonical_port ? host->canonical_port : is_tls(e) ? 443 : 80;
}

/* --- the file ------------------------------------------------------------------------------------------------------------ */

/* Length of the part of a path that is a file's or a folder's name; what stands behind is the path info (server/request.c: ap_directory_walk). */
static size_t name_length(struct wsr_eval *e, struct wsr_str path)
{
	char *z = wsr_arena_dup(e->arena, path).ptr ? wsr_arena_alloc(e->arena, path.len + 1) : NULL;
	if (!z || !e->world || !e->world->file)
		return path.len;
	memcpy(z, path.ptr, path.len);
	z[path.len] = '\0';
	for (size_t i = 1; i < path.len; i++) {
		if (z[i] != '/')
			continue;
		z[i] = '\0';
		bool folder = e->world->file(e->world_ctx, z, WSR_FILE_IS_DIR);
		z[i] = '/';
		if (!folder)
			return i;
	}
	return path.len;
}

struct wsr_str wsr_httpd_filename(struct wsr_eval *e, struct wsr_str *path_info)
{
	const struct wsr_httpd *h = e->httpd;
	*path_info = WSR_STR("");
	if (h->filename.ptr)
		return h->filename;
	if (h->redirected.ptr)
		return h->redirected;
	if (h->mapped == WSR_MAPPED_NOT)
		return e->uri;
	if (h->mapped == WSR_MAPPED_PROXY) {
		bool query = h->rule && h->nocanon && e->args.ptr; /* with [NE] it is part of the URL already */
		struct wsr_str parts[] = { WSR_STR("proxy:"), h->path, query ? WSR_STR("?") : WSR_STR_NULL, query ? e->args : WSR_STR_NULL };
		return wsr_join(e->arena, parts, 4);
	}
	size_t len = name_length(e, h->path);
	*path_info = wsr_from(h->path, len);
	return wsr_str(h->path.ptr, len);
}

static bool filename(struct wsr_eval *e, struct wsr_str *out)
{
	struct wsr_str info;
	return some(wsr_httpd_filename(e, &info), out);
}

static bool path_info(struct wsr_eval *e, struct wsr_str *out)
{
	wsr_httpd_filename(e, out);
	return out->len > 0;
}

/* --- fields -------------------------------------------------------------------------------------------------------------- */

/* All fields of one name, joined as httpd joins them while it reads a head. */
static bool field(struct wsr_eval *e, struct wsr_str name, struct wsr_str *out)
{
	const struct wsr_head *h = e->request;
	struct wsr_str joined = WSR_STR_NULL;
	if (!h)
		return false;
	if (h->form == WSR_TARGET_ABSOLUTE && wsr_str_eq_nocase(name, WSR_STR("host")))
		return some(h->host, out);
	for (uint32_t i = 0; i < h->field_count; i++) {
		struct wsr_str value = h->fields[i].value;
		if (!wsr_str_eq_nocase(h->fields[i].name, name))
			continue;
		struct wsr_str parts[] = { joined, WSR_STR(", "), value };
		joined = joined.ptr ? wsr_join(e->arena, parts, 3) : value.ptr ? value : WSR_STR("");
	}
	return some(joined, out);
}

/* --- time ---------------------------------------------------------------------------------------------------------------- */

static unsigned digits(const char *s, unsigned count)
{
	unsigned n = 0;
	while (count-- > 0)
		n = n * 10 + (unsigned)(*s++ - '0');
	return n;
}

/* Day of the week, 0 = Sunday (Sakamoto's formula for the Gregorian calendar). */
static unsigned weekday(unsigned year, unsigned month, unsigned day)
{
	static const uint8_t shift[12] = { 0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4 };
	year -= month < 3;
	return (year + year / 4 - year / 100 + year / 400 + shift[(month + 11) % 12] + day) % 7;
}

/* Pieces of "2026-11-21T05:21:17+00:00". */
static bool time_part(struct wsr_eval *e, unsigned id, struct wsr_str *out)
{
	struct wsr_str iso;
	if (!wsr_var_value(e, WSR_V_TIME_ISO8601, WSR_STR_NULL, &iso) || iso.len < 19)
		return false;
	const char *t = iso.ptr;
	switch (id) {
	case WSR_V_HTTPD_TIME_YEAR: return some(wsr_str(t, 4), out);
	case WSR_V_HTTPD_TIME_MON:  return some(wsr_str(t + 5, 2), out);
	case WSR_V_HTTPD_TIME_DAY:  return some(wsr_str(t + 8, 2), out);
	case WSR_V_HTTPD_TIME_HOUR: return some(wsr_str(t + 11, 2), out);
	case WSR_V_HTTPD_TIME_MIN:  return some(wsr_str(t + 14, 2), out);
	case WSR_V_HTTPD_TIME_SEC:  return some(wsr_str(t + 17, 2), out);
	case WSR_V_HTTPD_TIME_WDAY: return some(wsr_number(e->arena, weekday(digits(t, 4), digits(t + 5, 2), digits(t + 8, 2))), out);
	default: break;
	}
	struct wsr_str parts[] = { wsr_str(t, 4), wsr_str(t + 5, 2), wsr_str(t + 8, 2), wsr_str(t + 11, 2), wsr_str(t + 14, 2), wsr_str(t + 17, 2) };
	return some(wsr_join(e->arena, parts, 6), out);
}

/* Now and so many minutes, with the dashes that cookies have had from Netscape's days on. */
static bool expires(struct wsr_eval *e, struct wsr_str minutes, struct wsr_str *out)
{
	char text[WSR_DATE_BYTES];
	struct wsr_str now;
	int64_t seconds = 0, add = 0;
	if (!wsr_var_value(e, WSR_V_TIME_US, WSR_STR_NULL, &now))
		return false;
	for (size_t i = 0; i + 6 < now.len && i < 12; i++)
		seconds = seconds * 10 + (now.ptr[i] - '0');
	for (size_t i = 0; i < minutes.len && i < 10; i++)
		add = add * 10 + (minutes.ptr[i] - '0');
	struct wsr_str date = wsr_http_date(seconds + add * 60, text);
	text[7] = text[11] = '-';
	return some(wsr_arena_dup(e->arena, date), out);
}

/* --- all of them --------------------------------------------------------------------------------------------------------- */

static bool ipv6(struct wsr_eval *e, struct wsr_str *out)
{
	struct wsr_str address;
	bool six = wsr_var_value(e, WSR_V_REALIP_REMOTE_ADDR, WSR_STR_NULL, &address) && memchr(address.ptr, ':', address.len);
	return text(six ? "on" : "off", out);
}

/* --- names in certificates ------------------------------------------------------------------------------------------------- */

/* The value of one attribute with its escapes (RFC 2253 section 2.4) undone. */
static struct wsr_str unescaped(struct wsr_arena *a, struct wsr_str s)
{
	char *out = wsr_arena_alloc(a, s.len + 1);
	size_t n = 0;
	for (size_t i = 0; out && i < s.len; i++) {
		if (s.ptr[i] == '\\' && i + 1 < s.len)
			i++;
		out[n++] = s.ptr[i];
	}
	return out ? wsr_str(out, n) : WSR_STR_NULL;
}

/* "CN=Mary,O=Example" -> the part of this type; the first one where several are. */
static bool dn_part(struct wsr_eval *e, enum wsr_var_id whole, struct wsr_str type, struct wsr_str *out)
{
	struct wsr_str dn;
	if (wsr_str_eq(type, WSR_STR("email")))
		type = WSR_STR("emailAddress");
	if (!wsr_var_value(e, whole, WSR_STR_NULL, &dn))
		return false;
	for (size_t start = 0, i = 0; i <= dn.len; i++) {
		if (i + 1 < dn.len && dn.ptr[i] == '\\') {
			i++;
			continue;
		}
		if (i < dn.len && dn.ptr[i] != ',' && dn.ptr[i] != '+')
			continue;
		struct wsr_str part = wsr_str(dn.ptr + start, i - start);
		if (part.len > type.len && part.ptr[type.len] == '=' && wsr_str_eq_nocase(wsr_str(part.ptr, type.len), type))
			return some(unescaped(e->arena, wsr_from(part, type.len + 1)), out);
		start = i + 1;
	}
	return false;
}

/* Numbers of access logs that httpd writes in another unit than nginx. */
static bool log_part(struct wsr_eval *e, unsigned id, struct wsr_str *out)
{
	static const struct { unsigned from; uint64_t divisor; } sources[] = {
		{ WSR_V_BODY_BYTES_SENT, 1 }, { WSR_V_REQUEST_TIME_US, 1000000 }, { WSR_V_REQUEST_TIME_US, 1000 }, { WSR_V_CONNECTION_REQUESTS, 1 },
	};
	struct wsr_str s;
	uint64_t v = 0;

	if (!wsr_var_value(e, sources[id - WSR_V_HTTPD_BYTES].from, WSR_STR_NULL, &s))
		return false;
	for (size_t i = 0; i < s.len && s.ptr[i] >= '0' && s.ptr[i] <= '9' && v < UINT64_MAX / 16; i++)
		v = v * 10 + (uint64_t)(s.ptr[i] - '0');
	if (id == WSR_V_HTTPD_BYTES && v == 0)
		return text("-", out);
	if (id == WSR_V_HTTPD_KEPT && v > 0)
		v--;
	return some(wsr_number(e->arena, v / sources[id - WSR_V_HTTPD_BYTES].divisor), out);
}

bool wsr_httpd_var(struct wsr_eval *e, unsigned id, struct wsr_str suffix, struct wsr_str *out)
{
	if (id == WSR_V_HTTPD_FIELD_)
		return field(e, suffix, out);
	if (id == WSR_V_HTTPD_HTTPS)
		return text(is_tls(e) ? "on" : "off", out);
	if (id == WSR_V_HTTPD_IPV6)
		return ipv6(e, out);
	if (id == WSR_V_HTTPD_SUBREQUEST)
		return text(e->httpd && e->httpd->outer ? "true" : "false", out);
	if (id >= WSR_V_HTTPD_TIME && id <= WSR_V_HTTPD_TIME_WDAY)
		return time_part(e, id, out);
	if (id == WSR_V_HTTPD_EXPIRES_)
		return expires(e, suffix, out);
	if (id >= WSR_V_HTTPD_BYTES && id <= WSR_V_HTTPD_KEPT)
		return log_part(e, id, out);
	if (!e->httpd)
		return false;
	switch (id) {
	case WSR_V_HTTPD_FILENAME:     return filename(e, out);
	case WSR_V_HTTPD_PATH_INFO:    return path_info(e, out);
	case WSR_V_HTTPD_SERVER_NAME:  return some(server_name(e), out);
	case WSR_V_HTTPD_SERVER_PORT:  return some(wsr_number(e->arena, server_port(e)), out);
	case WSR_V_HTTPD_OWN_PORT:     return some(wsr_number(e->arena, e->httpd->host->canonical_port ? e->httpd->host->canonical_port : is_tls(e) ? 443 : 80), out);
	case WSR_V_HTTPD_SERVER_ADMIN: return some(wsr_string(e->table, e->httpd->host->admin), out);
	case WSR_V_HTTPD_AUTH_TYPE:    return e->httpd->user.ptr && text("Basic", out);
	case WSR_V_HTTPD_S_DN_:        return dn_part(e, WSR_V_SSL_CLIENT_S_DN, suffix, out);
	case WSR_V_HTTPD_I_DN_:        return dn_part(e, WSR_V_SSL_CLIENT_I_DN, suffix, out);
	case WSR_V_HTTPD_SELF:         return some(wsr_httpd_absolute(e, WSR_STR("")), out);
	default:                       return false;
	}
}
