/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the daemon knows and eval asks for: the WORLD variables of eval/variables.def, and files. Values live as long as the exchange's arena. A fact
 * that cannot be had is "no value", never an error.
 */
#include <arpa/inet.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "eval/wsr_value.h"
#include "runtime/exchange.h"
#include "common/htpasswd.h"
#include "runtime/paths.h"
#include "runtime/preface.h"
#include "runtime/proxy.h"
#include "runtime/tunnel_log.h"

static bool put(struct wsr_arena *a, struct wsr_str *out, struct wsr_str value)
{
	*out = wsr_arena_dup(a, value);
	return out->ptr != NULL;
}

static bool put_text(struct wsr_arena *a, struct wsr_str *out, const char *text)
{
	return text && *text && put(a, out, wsr_cstr(text));
}

static bool putf(struct wsr_arena *a, struct wsr_str *out, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static bool putf(struct wsr_arena *a, struct wsr_str *out, const char *fmt, ...)
{
	char text[256];
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return n >= 0 && (size_t)n < sizeof(text) && put(a, out, wsr_str(text, (size_t)n));
}

static bool put_number(struct wsr_arena *a, struct wsr_str *out, uint64_t n)
{
	*out = wsr_number(a, n);
	return out->ptr != NULL;
}

/* --- addresses --------------------------------------------------------------------------------------------------------- */

/** @param text  where it stands already, or "" and room for it. */
static struct wsr_str address_text(const union conn_addr *addr, char text[INET6_ADDRSTRLEN])
{
	const void *bytes = addr->sa.sa_family == AF_INET ? (const void *)&addr->in.sin_addr : (const void *)&addr->in6.sin6_addr;
	if (addr->sa.sa_family == AF_UNIX)
		return WSR_STR("unix:");
	if (!text[0] && !inet_ntop(addr->sa.sa_family, bytes, text, INET6_ADDRSTRLEN))
		return WSR_STR_NULL;
	return wsr_cstr(text);
}

/** The client's is made once: the connection outlives the arena. */
static bool remote_address(struct conn *c, struct wsr_str *out)
{
	*out = address_text(&c->addr, c->addr_text);
	return out->ptr != NULL;
}

static bool put_port(struct wsr_arena *a, struct wsr_str *out, const union conn_addr *addr)
{
	if (addr->sa.sa_family == AF_UNIX)
		return false;
	return put_number(a, out, ntohs(addr->sa.sa_family == AF_INET ? addr->in.sin_port : addr->in6.sin6_port));
}

/** What the header of the PROXY protocol says. */
static bool put_preface(const struct preface_header *h, enum wsr_var_id id, struct wsr_arena *a, struct wsr_str *out)
{
	char text[INET6_ADDRSTRLEN] = "";
	union conn_addr addr = { .sa = { 0 } };
	bool server = id == WSR_V_PROXY_PROTOCOL_SERVER_ADDR || id == WSR_V_PROXY_PROTOCOL_SERVER_PORT;
	memcpy(&addr, server ? &h->local : &h->addr, h->addr_len);
	if (id == WSR_V_PROXY_PROTOCOL_PORT || id == WSR_V_PROXY_PROTOCOL_SERVER_PORT)
		return put_port(a, out, &addr);
	return put(a, out, address_text(&addr, text));
}

static bool put_binary(struct wsr_arena *a, struct wsr_str *out, const union conn_addr *addr)
{
	switch (addr->sa.sa_family) {
	case AF_INET: return put(a, out, wsr_str((const char *)&addr->in.sin_addr, 4));
	case AF_INET6: return put(a, out, wsr_str((const char *)&addr->in6.sin6_addr, 16));
	default: return false; /* a unix socket has none; access rules count on that */
	}
}

struct wsr_str fact_remote_addr(const struct exchange *x)
{
	struct wsr_str s;
	remote_address(x->conn, &s);
	return s;
}

/** The address that the client connected to. */
static bool local_address(const struct exchange *x, union conn_addr *addr)
{
	socklen_t len = sizeof(*addr);
	memset(addr, 0, sizeof(*addr));
	if (!x->conn->client || getsockname(stream_fd(x->conn->client), &addr->sa, &len) < 0)
		return false;
	if (len > sizeof(*addr))
		addr->sa.sa_family = AF_UNIX;
	return true;
}

static bool put_local_address(const struct exchange *x, struct wsr_arena *a, struct wsr_str *out)
{
	union conn_addr addr;
	char text[INET6_ADDRSTRLEN] = "";
	struct wsr_str s = local_address(x, &addr) ? address_text(&addr, text) : WSR_STR_NULL;
	return s.ptr && put(a, out, s);
}

/* --- time -------------------------------------------------------------------------------------------------------------- */

/** Milliseconds as seconds with three places. */
static bool put_seconds(struct wsr_arena *a, struct wsr_str *out, uint64_t ms)
{
	struct wsr_str s = wsr_number(a, ms / 1000);
	char *text = s.ptr ? wsr_arena_alloc(a, s.len + 4) : NULL;
	if (!text)
		return false;
	memcpy(text, s.ptr, s.len);
	text[s.len] = '.';
	for (size_t i = 3; i > 0; i--, ms /= 10)
		text[s.len + i] = (char)('0' + ms % 10);
	*out = wsr_str(text, s.len + 4);
	return true;
}

static uint64_t now_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* localtime_r() and two texts cost more than all else in a line of a log, and change once a second. */
static void local_clock(struct worker *w, time_t now)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	struct tm tm;
	if (w->local_s == now && w->time_local[0])
		return;
	localtime_r(&now, &tm);
	unsigned zone = (unsigned)labs(tm.tm_gmtoff / 60);
	char sign = tm.tm_gmtoff < 0 ? '-' : '+';
	snprintf(w->time_local, sizeof(w->time_local), "%02d/%.3s/%d:%02d:%02d:%02d %c%02u%02u", tm.tm_mday, months + 3 * tm.tm_mon, tm.tm_year + 1900, tm.tm_hour,
		 tm.tm_min, tm.tm_sec, sign, zone / 60, zone % 60);
	snprintf(w->time_iso8601, sizeof(w->time_iso8601), "%d-%02d-%02dT%02d:%02d:%02d%c%02u:%02u", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
		 tm.tm_min, tm.tm_sec, sign, zone / 60, zone % 60);
	w->local_s = now;
}

const char *fact_time_text(struct worker *w, enum wsr_var_id id, char text[FACT_TIME_BYTES])
{
	struct timespec ts;
	clock_gettime(CLOCK_REALTIME, &ts);
	if (id == WSR_V_MSEC) {
		snprintf(text, FACT_TIME_BYTES, "%lld.%03ld", (long long)ts.tv_sec, ts.tv_nsec / 1000000);
		return text;
	}
	local_clock(w, ts.tv_sec);
	return id == WSR_V_TIME_LOCAL ? w->time_local : w->time_iso8601;
}

static bool put_time(struct worker *w, struct wsr_arena *a, struct wsr_str *out, enum wsr_var_id id)
{
	char text[FACT_TIME_BYTES];
	if (id == WSR_V_MSEC)
		return put_seconds(a, out, now_us() / 1000);
	return put_text(a, out, fact_time_text(w, id, text));
}

/* --- TLS --------------------------------------------------------------------------------------------------------------- */

static bool put_bio(struct wsr_arena *a, struct wsr_str *out, BIO *bio)
{
	char *text;
	long n = bio ? BIO_get_mem_data(bio, &text) : 0;
	bool ok = n > 0 && put(a, out, wsr_str(text, (size_t)n));
	BIO_free(bio);
	return ok;
}

static bool put_name(struct wsr_arena *a, struct wsr_str *out, const X509_NAME *name)
{
	BIO *bio = BIO_new(BIO_s_mem());
	if (bio && name)
		X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253);
	return put_bio(a, out, bio);
}

static bool put_asn1_time(struct wsr_arena *a, struct wsr_str *out, const ASN1_TIME *t)
{
	BIO *bio = BIO_new(BIO_s_mem());
	if (bio && t)
		ASN1_TIME_print(bio, t);
	return put_bio(a, out, bio);
}

static bool put_hex(struct wsr_arena *a, struct wsr_str *out, const unsigned char *bytes, size_t len)
{
	char text[2 * EVP_MAX_MD_SIZE + 1];
	if (len == 0 || len > EVP_MAX_MD_SIZE)
		return false;
	for (size_t i = 0; i < len; i++)
		snprintf(text + 2 * i, 3, "%02x", bytes[i]);
	return put(a, out, wsr_str(text, 2 * len));
}

static bool put_serial(struct wsr_arena *a, struct wsr_str *out, X509 *cert)
{
	BIO *bio = BIO_new(BIO_s_mem());
	if (bio)
		i2a_ASN1_INTEGER(bio, X509_get0_serialNumber(cert));
	return put_bio(a, out, bio);
}

/** PEM with everything but unreserved characters escaped, as nginx does. */
static bool put_escaped_cert(struct wsr_arena *a, struct wsr_str *out, X509 *cert)
{
	char *text;
	BIO *bio = BIO_new(BIO_s_mem());
	long len = bio && PEM_write_bio_X509(bio, cert) ? BIO_get_mem_data(bio, &text) : 0;
	char *p = len > 0 ? wsr_arena_alloc(a, (size_t)len * 3 + 1) : NULL;
	size_t n = 0;
	for (long i = 0; p && i < len; i++) {
		unsigned char c = (unsigned char)text[i];
		bool plain = (c >= '0' && c <= '9') || (wsr_lower(c) >= 'a' && wsr_lower(c) <= 'z') || memchr("-._~", c, 4);
		n += (size_t)sprintf(p + n, plain ? "%c" : "%%%02X", c);
	}
	BIO_free(bio);
	*out = wsr_str(p, n);
	return p != NULL;
}

/** PEM in one line, as mod_headers sends it: a blank for each line end. */
static bool put_cert_line(struct wsr_arena *a, struct wsr_str *out, X509 *cert)
{
	char *text;
	BIO *bio = BIO_new(BIO_s_mem());
	long len = bio && PEM_write_bio_X509(bio, cert) ? BIO_get_mem_data(bio, &text) : 0;
	char *p = len > 0 ? wsr_arena_alloc(a, (size_t)len) : NULL;
	for (long i = 0; p && i < len; i++)
		p[i] = text[i] == '\n' ? ' ' : text[i];
	BIO_free(bio);
	*out = wsr_str(p, p ? (size_t)len : 0);
	return p != NULL;
}

static bool client_certificate(SSL *ssl, enum wsr_var_id id, struct wsr_arena *a, struct wsr_str *out)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	X509 *cert = SSL_get0_peer_certificate(ssl);
	if (!cert) {
		*out = WSR_STR("NONE");
		return id == WSR_V_SSL_CLIENT_VERIFY;
	}
	switch (id) {
	case WSR_V_SSL_CLIENT_VERIFY: {
		long verified = SSL_get_verify_result(ssl);
		if (verified == X509_V_OK)
			return put_text(a, out, "SUCCESS");
		return putf(a, out, "FAILED:%s", X509_verify_cert_error_string(verified));
	}
	case WSR_V_SSL_CLIENT_S_DN: return put_name(a, out, X509_get_subject_name(cert));
	case WSR_V_SSL_CLIENT_I_DN: return put_name(a, out, X509_get_issuer_name(cert));
	case WSR_V_SSL_CLIENT_SERIAL: return put_serial(a, out, cert);
	case WSR_V_SSL_CLIENT_FINGERPRINT: return X509_digest(cert, EVP_sha1(), digest, &len) && put_hex(a, out, digest, len);
	case WSR_V_SSL_CLIENT_V_START: return put_asn1_time(a, out, X509_get0_notBefore(cert));
	case WSR_V_SSL_CLIENT_V_END: return put_asn1_time(a, out, X509_get0_notAfter(cert));
	case WSR_V_SSL_CLIENT_ESCAPED_CERT: return put_escaped_cert(a, out, cert);
	case WSR_V_HTTPD_CLIENT_CERT: return put_cert_line(a, out, cert);
	default: return false;
	}
}

static bool offered_ciphers(SSL *ssl, struct wsr_arena *a, struct wsr_str *out)
{
	char text[4096];
	return SSL_get_shared_ciphers(ssl, text, sizeof(text)) && put_text(a, out, text);
}

static bool tls_fact(const struct exchange *x, enum wsr_var_id id, struct wsr_arena *a, struct wsr_str *out)
{
	SSL *ssl = x->conn->client ? stream_ssl(x->conn->client) : NULL;
	if (!ssl)
		return false;
	const unsigned char *alpn;
	unsigned len;
	switch (id) {
	case WSR_V_SSL_PROTOCOL: return put_text(a, out, SSL_get_version(ssl));
	case WSR_V_SSL_CIPHER: return put_text(a, out, SSL_get_cipher_name(ssl));
	case WSR_V_SSL_CIPHERS: return offered_ciphers(ssl, a, out);
	case WSR_V_SSL_SERVER_NAME: return put_text(a, out, SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name));
	case WSR_V_SSL_SESSION_REUSED: return put_text(a, out, SSL_session_reused(ssl) ? "r" : ".");
	case WSR_V_SSL_SESSION_ID: {
		const SSL_SESSION *session = SSL_get0_session(ssl);
		const unsigned char *bytes = session ? SSL_SESSION_get_id(session, &len) : NULL;
		return bytes && put_hex(a, out, bytes, len);
	}
	case WSR_V_SSL_ALPN_PROTOCOL:
		SSL_get0_alpn_selected(ssl, &alpn, &len);
		return len && put(a, out, wsr_str((const char *)alpn, len));
	case WSR_V_SSL_CURVE: return put_text(a, out, SSL_group_to_name(ssl, (int)SSL_get_negotiated_group(ssl)));
	default: return client_certificate(ssl, id, a, out);
	}
}

/* --- upstreams --------------------------------------------------------------------------------------------------------- */

static int one_try(const struct proxy_try *t, enum wsr_var_id id, char *buf, size_t cap)
{
	uint64_t ms = UINT64_MAX;
	switch (id) {
	case WSR_V_UPSTREAM_ADDR: return snprintf(buf, cap, "%.*s", WSR_FMT(t->address));
	case WSR_V_UPSTREAM_STATUS: return t->status ? snprintf(buf, cap, "%u", t->status) : snprintf(buf, cap, "-");
	case WSR_V_UPSTREAM_RESPONSE_LENGTH: return snprintf(buf, cap, "%llu", (unsigned long long)t->body_bytes);
	case WSR_V_UPSTREAM_BYTES_RECEIVED: return snprintf(buf, cap, "%llu", (unsigned long long)t->bytes_received);
	case WSR_V_UPSTREAM_BYTES_SENT: return snprintf(buf, cap, "%llu", (unsigned long long)t->bytes_sent);
	case WSR_V_UPSTREAM_CONNECT_TIME: ms = t->connect_ms; break;
	case WSR_V_UPSTREAM_HEADER_TIME: ms = t->header_ms; break;
	default: ms = t->response_ms; break;
	}
	if (ms == UINT64_MAX)
		return snprintf(buf, cap, "-");
	return snprintf(buf, cap, "%llu.%03u", (unsigned long long)(ms / 1000), (unsigned)(ms % 1000));
}

/** One value a try, separated by ", ". */
static bool upstream_fact(const struct exchange *x, enum wsr_var_id id, struct wsr_arena *a, struct wsr_str *out)
{
	const struct proxy *p = x->proxy;
	char text[4096];
	size_t len = 0;
	if (!p || p->try_count == 0)
		return false;
	for (unsigned i = 0; i < p->try_count; i++) {
		if (i)
			len += (size_t)snprintf(text + len, sizeof(text) - len, ", ");
		len += (size_t)one_try(&p->tries[i], id, text + len, sizeof(text) - len);
		if (len > sizeof(text) - 130)
			break; /* an address has at most 108 bytes */
	}
	return put(a, out, wsr_str(text, len));
}

/* --- the rest ---------------------------------------------------------------------------------------------------------- */

static bool request_id(struct exchange *x, struct wsr_arena *a, struct wsr_str *out)
{
	unsigned char bytes[16];
	if (!x->request_id[0]) {
		if (RAND_bytes(bytes, sizeof(bytes)) != 1)
			return false;
		for (size_t i = 0; i < sizeof(bytes); i++)
			snprintf(x->request_id + 2 * i, 3, "%02x", bytes[i]);
	}
	return put_text(a, out, x->request_id);
}

static bool hostname(struct wsr_arena *a, struct wsr_str *out)
{
	char text[256] = "";
	return gethostname(text, sizeof(text) - 1) == 0 && put_text(a, out, text);
}

static bool real_root(struct exchange *x, struct wsr_arena *a, struct wsr_str *out)
{
	char path[PATHS_MAX], real[PATHS_MAX];
	struct wsr_str root = x->eval.file ? wsr_eval_tmpl(&x->eval, x->eval.file->root.v) : WSR_STR_NULL;
	struct wsr_str z = wsr_arena_dup(a, root);
	return root.len && z.ptr && path_from_prefix(x->w->prefix, z.ptr, path) && realpath(path, real) && put_text(a, out, real);
}

static uint64_t unsent(const struct exchange *x)
{
	uint64_t pending = x->conn->client && !x->complete ? stream_pending(x->conn->client) : 0;
	return pending < x->sent_bytes ? pending : x->sent_bytes;
}

/** Bytes that left for the client, without those an aborted answer still had in its buffer. */
static bool put_sent(struct exchange *x, struct wsr_arena *a, struct wsr_str *out, bool body)
{
	uint64_t n = x->sent_bytes - unsent(x);
	if (body)
		n = n > x->sent_head_bytes ? n - x->sent_head_bytes : 0;
	return put_number(a, out, n);
}

static bool put_close_reason(struct exchange *x, struct wsr_arena *a, struct wsr_str *out)
{
	char name[CLOSE_REASON_NAME_BYTES];
	return put_text(a, out, close_reason_name((enum close_reason)x->reason, name));
}

static bool fact(void *ctx, enum wsr_var_id id, struct wsr_arena *a, struct wsr_str *out)
{
	struct exchange *x = ctx;
	struct conn *c = x->conn;
	union conn_addr local;
	if (x->marks && tunnel_log_mark(x->marks, id, a, out))
		return true;
	switch (id) {
	case WSR_V_REMOTE_ADDR:
	case WSR_V_REALIP_REMOTE_ADDR: return remote_address(c, out);
	case WSR_V_REMOTE_PORT:
	case WSR_V_REALIP_REMOTE_PORT: return put_port(a, out, &c->addr);
	case WSR_V_BINARY_REMOTE_ADDR: return put_binary(a, out, &c->addr);
	case WSR_V_SERVER_ADDR: return put_local_address(x, a, out);
	case WSR_V_SERVER_PORT: return local_address(x, &local) && put_port(a, out, &local);
	case WSR_V_HOSTNAME: return hostname(a, out);
	case WSR_V_PID: return put_number(a, out, (uint64_t)x->w->pid);
	case WSR_V_CONNECTION: return put_number(a, out, c->serial);
	case WSR_V_CONNECTION_REQUESTS: return put_number(a, out, c->requests);
	case WSR_V_CONNECTIONS_ACTIVE: return put_number(a, out, x->w->counters->connections);
	case WSR_V_REQUEST_ID: return request_id(x, a, out);
	case WSR_V_REQUEST_TIME: return put_seconds(a, out, exchange_age_ms(x));
	case WSR_V_REQUEST_TIME_US: return put_number(a, out, exchange_age_ms(x) * 1000);
	case WSR_V_TIME_US: return put_number(a, out, now_us());
	case WSR_V_REQUEST_LENGTH: return put_number(a, out, (x->has_request && x->request.head_bytes ? x->request.head_bytes : x->head_len) + c->body.bytes);
	case WSR_V_REQUEST_COMPLETION: return x->complete && put_text(a, out, "OK");
	case WSR_V_STATUS: return x->status && put_number(a, out, x->status);
	case WSR_V_BYTES_SENT: return put_sent(x, a, out, false);
	case WSR_V_BODY_BYTES_SENT: return put_sent(x, a, out, true);
	case WSR_V_TIME_LOCAL:
	case WSR_V_TIME_ISO8601:
	case WSR_V_MSEC: return put_time(x->w, a, out, id);
	case WSR_V_PIPE: return put_text(a, out, c->pipelined ? "p" : ".");
	case WSR_V_REALPATH_ROOT: return real_root(x, a, out);
	case WSR_V_WSRP_CLOSE: return put_close_reason(x, a, out);
	case WSR_V_UPSTREAM_ADDR:
	case WSR_V_UPSTREAM_STATUS:
	case WSR_V_UPSTREAM_RESPONSE_TIME:
	case WSR_V_UPSTREAM_CONNECT_TIME:
	case WSR_V_UPSTREAM_HEADER_TIME:
	case WSR_V_UPSTREAM_RESPONSE_LENGTH:
	case WSR_V_UPSTREAM_BYTES_RECEIVED:
	case WSR_V_UPSTREAM_BYTES_SENT: return upstream_fact(x, id, a, out);
	case WSR_V_PROXY_PROTOCOL_ADDR:
	case WSR_V_PROXY_PROTOCOL_PORT:
	case WSR_V_PROXY_PROTOCOL_SERVER_ADDR:
	case WSR_V_PROXY_PROTOCOL_SERVER_PORT: return c->preface && put_preface(c->preface, id, a, out);
	case WSR_V_SSL_EARLY_DATA:
	case WSR_V_REQUEST_BODY: return false;
	default: return tls_fact(x, id, a, out);
	}
}

static bool file(void *ctx, const char *path, enum wsr_file_test test)
{
	const struct exchange *x = ctx;
	char full[PATHS_MAX];
	struct stat st;
	if (!path_from_prefix(x->w->prefix, path, full) || stat(full, &st) < 0)
		return false;
	switch (test) {
	case WSR_FILE_IS_FILE: return S_ISREG(st.st_mode);
	case WSR_FILE_IS_DIR: return S_ISDIR(st.st_mode);
	case WSR_FILE_IS_EXEC: return access(full, X_OK) == 0;
	default: return true;
	}
}

/**
 * A server that verifies must also be the one of the handshake: for another name another authority, or no certificate, was asked for (RFC 9110
 * section 15.5.20).
 */
static unsigned certified(void *ctx, uint32_t tls)
{
	struct exchange *x = ctx;
	SSL *ssl = x->conn->client ? stream_ssl(x->conn->client) : NULL;
	const char *why = "the connection has no TLS";
	SSL_CTX *settings = ssl ? tls_ctxs_get(x->gen->tls, tls, &why) : NULL;
	unsigned status = 0;
	if (!settings) {
		status = 500;
	} else if (!tls_client_vouched(ssl, settings)) {
		why = "the request is for another server than the handshake was";
		status = 421;
	} else if (!tls_client_verified(ssl, (enum wsr_tls_verify)wsr_tls_at(&x->gen->table, tls)->verify_client, &why)) {
		status = 496;
	}
	if (status != 0)
		exchange_error(x, WSR_LOG_INFO, "client certificate: %s", why);
	return status;
}

static bool ask_passwords(struct exchange *x, const struct htpasswd_question *q)
{
	struct htpasswd_answer a;
	htpasswd_ask(&x->w->passwords, x->w->prefix, q, &a);
	if (a.why)
		exchange_error(x, WSR_LOG_ERROR, "%s %s: %s", q->group ? "AuthGroupFile" : "AuthUserFile", a.path, a.why);
	else if (!a.yes && !q->group)
		exchange_error(x, WSR_LOG_ERROR, "user %.*s: not in %s, or another password", WSR_FMT(q->user), a.path);
	return a.yes;
}

static bool authenticate(void *ctx, const char *user_file, struct wsr_str user, struct wsr_str password)
{
	return ask_passwords(ctx, &(struct htpasswd_question){ .file = user_file, .user = user, .password = password });
}

static bool member(void *ctx, const char *group_file, struct wsr_str user, struct wsr_str group)
{
	return ask_passwords(ctx, &(struct htpasswd_question){ .file = group_file, .user = user, .group = &group });
}

const struct wsr_world exchange_world = { .fact = fact, .file = file, .certified = certified, .authenticate = authenticate, .member = member };
