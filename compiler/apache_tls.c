/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SSL* and SSLProxy*: TLS of clients and of backends. In: checked statements of a main server, virtual host or <Proxy>. Out: the TLS record of the server
 * being made, and cells of its settings. Files are names here: nothing is opened.
 */
#include "compiler/apache.h"
#include "compiler/apache_read.h"
#include "compiler/fix.h"
#include "compiler/value.h"

static bool is(const struct word *w, const char *text)
{
	return wsr_str_eq_nocase(word_str(w), wsr_cstr(text));
}

static wsr_sref path_arg(struct lower *l, const struct node *n)
{
	return plan_str(l->plan, apache_path(l->cc, arg_str(n, 0)));
}

static void put(struct level *lv, enum plan_setting cell, uint64_t v)
{
	memcpy((char *)&lv->s + plan_setting_info[cell].offset, &v, sizeof(v));
	level_mark(lv, cell);
}

/* --- certificates -------------------------------------------------------------------------------------------------------- */

#define MAX_FILES 32u

static struct wsr_list list_with(struct lower *l, struct wsr_list list, wsr_sref more, const struct node *n)
{
	wsr_sref items[MAX_FILES];

	if (list.count == MAX_FILES) {
		diag_at(l->cc, CHECK_VALUE, n->span, "more than %u files", MAX_FILES);
		return list;
	}
	for (uint32_t i = 0; i < list.count; i++)
		items[i] = *(wsr_sref *)pool_at(&l->plan->str_item, list.first + i);
	items[list.count] = more;
	return pool_run(&l->plan->str_item, items, list.count + 1);
}

void lower_apache_tls_engine(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)arg;
	if (is(node_arg(n, 0), "optional"))
		diag_at(l->cc, CHECK_UNSUPPORTED_DIRECTIVE, node_arg(n, 0)->span, "'SSLEngine optional' is not compiled: write on, and a host of its own for clear text");
	lv->server->ssl = is(node_arg(n, 0), "on") ? n : NULL;
}

/* A host's certificates stand behind those of the main server; of two for one kind of key the last one is used (mod_ssl: modssl_pk_server_t). */
void lower_apache_tls_certificate(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)arg;
	lv->server->tls.certificates = list_with(l, lv->server->tls.certificates, path_arg(l, n), n);
	lv->server->certificate = n;
}

void lower_apache_tls_key(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)arg;
	if (lv->server->tls.keys.count > lv->server->tls.certificates.count)
		diag_at(l->cc, CHECK_VALUE, n->span, "a key without 'SSLCertificateFile'");
	lv->server->tls.keys = list_with(l, lv->server->tls.keys, path_arg(l, n), n);
	lv->server->key = n;
}

void apache_tls_keys(struct lower *l, struct wsr_tls *tls)
{
	wsr_sref items[MAX_FILES];

	for (uint32_t i = 0; i < tls->certificates.count; i++)
		items[i] = *(wsr_sref *)pool_at(&l->plan->str_item, i < tls->keys.count ? tls->keys.first + i : tls->certificates.first + i);
	tls->keys = pool_run(&l->plan->str_item, items, tls->certificates.count);
}

/* --- plain settings of a host ---------------------------------------------------------------------------------------------- */

void lower_apache_tls_path(struct lower *l, struct level *lv, const struct node *n, unsigned offset)
{
	wsr_sref path = path_arg(l, n);

	memcpy((char *)&lv->server->tls + offset, &path, sizeof(path));
}

/* arg: offset of the member: SSLCARevocationFile and ...Path. */
void lower_apache_tls_revocation(struct lower *l, struct level *lv, const struct node *n, unsigned offset)
{
	lower_apache_tls_path(l, lv, n, offset);
	lv->server->revocation = n;
}

static uint32_t crl_check(const struct node *n)
{
	uint32_t mode = is(node_arg(n, 0), "chain") ? WSR_CRL_CHAIN : is(node_arg(n, 0), "leaf") ? WSR_CRL_LEAF : WSR_CRL_NONE;

	return mode | (node_arg_count(n) > 1 ? WSR_CRL_MISSING_OK : 0);
}

void lower_apache_tls_revocation_check(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)arg;
	lv->server->tls.crl_check = crl_check(n);
	if (!l->defaults)
		lv->server->revocation = n;
}

void apache_tls_revocation(struct lower *l, struct server_level *s)
{
	bool any = s->tls.crl || s->tls.crl_folder, looks = (s->tls.crl_check & WSR_CRL_MODE) != WSR_CRL_NONE;

	if (looks && !any) {
		diag_at(l->cc, CHECK_VALUE, s->revocation->span, "'SSLCARevocationCheck' without 'SSLCARevocationFile' or 'SSLCARevocationPath': httpd does not start like this");
	} else if (any && !looks && s->revocation != l->revocation_told) {
		struct diag *d = diag_at(l->cc, CHECK_TLS_REVOCATION, s->revocation->span, "nobody looks at the revocation lists: 'SSLCARevocationCheck' is none");
		diag_note(l->cc, d, SPAN_NONE, "certificates that were taken back are let in; write SSLCARevocationCheck chain, or leaf");
		l->revocation_told = s->revocation;
	}
	if (!any)
		s->tls.crl_check = WSR_CRL_CHAIN; /* without lists all modes are one: fewer distinct records */
}

void lower_apache_tls_flag(struct lower *l, struct level *lv, const struct node *n, unsigned offset)
{
	uint32_t v = is(node_arg(n, 0), "on");

	(void)l;
	memcpy((char *)&lv->server->tls + offset, &v, sizeof(v));
}

void lower_apache_tls_ticket_key(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	wsr_sref path = path_arg(l, n);

	(void)arg;
	lv->server->tls.ticket_keys = pool_run(&l->plan->str_item, &path, 1);
}

void lower_apache_tls_strict_sni(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	struct wsr_host *h = &lv->section->host->record;

	(void)l, (void)arg;
	h->flags &= ~WSR_HOST_STRICT_SNI;
	if (is(node_arg(n, 0), "on"))
		h->flags |= WSR_HOST_STRICT_SNI;
}

/* A list of versions without signs: each from the second on gets its '+'. With "all" or '-' in front it is not clear what was meant. */
static void fix_signs(struct lower *l, struct diag *d, const struct node *n, unsigned at)
{
	for (unsigned i = 0; i < at; i++)
		if (is(node_arg(n, i), "all") || node_arg(n, i)->text[0] == '-')
			return;
	const struct word *w = node_arg(n, at);
	uint32_t start = w->span.start + (w->quote != WORD_PLAIN);
	fix_edit(l->cc, d, (struct span){ w->span.file, start, start }, "+");
}

/*
 * Words from left to right; one without sign starts anew (mod_ssl: ssl_cmd_protocol_parse), so that "TLSv1.2 TLSv1.3" is TLS 1.3 alone, which is hardly
 * what is meant.
 */
static uint32_t protocol_bits(struct lower *l, const struct node *n)
{
	static const struct { const char *name; uint32_t bit; } words[] = {
		{ "all", WSR_TLS_1_0 | WSR_TLS_1_1 | WSR_TLS_1_2 | WSR_TLS_1_3 }, { "SSLv3", 0 }, { "TLSv1", WSR_TLS_1_0 }, { "TLSv1.1", WSR_TLS_1_1 },
		{ "TLSv1.2", WSR_TLS_1_2 }, { "TLSv1.3", WSR_TLS_1_3 },
	};
	uint32_t bits = 0;

	for (unsigned i = 0; i < node_arg_count(n); i++) {
		const struct word *w = node_arg(n, i);
		struct wsr_str s = word_str(w);
		char sign = s.len && (s.ptr[0] == '+' || s.ptr[0] == '-') ? s.ptr[0] : '\0';
		size_t k = 0;
		if (sign)
			s = wsr_str(s.ptr + 1, s.len - 1);
		if (wsr_str_eq_nocase(s, WSR_STR("SSLv2")) && sign == '-')
			continue;
		while (k < sizeof(words) / sizeof(*words) && !wsr_str_eq_nocase(s, wsr_cstr(words[k].name)))
			k++;
		if (k == sizeof(words) / sizeof(*words)) {
			struct diag *d = diag_at(l->cc, CHECK_ARGUMENT, w->span, "'%s' is no version of TLS", diag_quote(l->cc, w->text, w->len));
			diag_note(l->cc, d, SPAN_NONE, "allowed: all, TLSv1, TLSv1.1, TLSv1.2, TLSv1.3, each with + or - in front");
			return WSR_TLS_1_2 | WSR_TLS_1_3;
		}
		if (!sign && i > 0 && bits)
			fix_signs(l, diag_at(l->cc, CHECK_TLS_PROTOCOL_RESET, w->span, "'%s' without '+' takes back what stands in front of it", diag_quote(l->cc, w->text, w->len)),
				  n, i);
		bits = sign == '-' ? bits & ~words[k].bit : sign == '+' ? bits | words[k].bit : words[k].bit;
	}
	if (!bits)
		diag_at(l->cc, CHECK_VALUE, n->span, "no version of TLS is left: httpd does not start like this");
	return bits;
}

void lower_apache_tls_protocol(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)arg;
	lv->server->tls.protocols = protocol_bits(l, n) | (l->defaults ? WSR_TLS_OF_FIRST_HOST : 0);
}

/* "list", "SSL list", "TLSv1.3 list". @return NULL after an error */
static const struct word *cipher_list(struct lower *l, const struct node *n, bool *new_generation)
{
	const struct word *first = node_arg(n, 0);

	*new_generation = false;
	if (node_arg_count(n) == 1)
		return first;
	*new_generation = is(first, "TLSv1.3");
	if (*new_generation || is(first, "SSL"))
		return node_arg(n, 1);
	diag_at(l->cc, CHECK_ARGUMENT, first->span, "'%s' is no generation of ciphers: write SSL (up to TLS 1.2) or TLSv1.3", diag_quote(l->cc, first->text, first->len));
	return NULL;
}

/* httpd takes unsafe ciphers out of every list (mod_ssl: ssl_cmd_SSLCipherSuite). */
static wsr_sref safe_ciphers(struct lower *l, const struct word *w)
{
	static const struct wsr_str profile = { "PROFILE=SYSTEM", 14 };
	struct wsr_str s = word_str(w);
	if (wsr_str_eq_nocase(s, profile)) { /* known to the OpenSSL of some distributions alone, whose own list it is */
		diag_at(l->cc, CHECK_ACCEPTED_WITH_DIFFERENCE, w->span, "'PROFILE=SYSTEM' is taken to be DEFAULT: the list of the OpenSSL that wsrpd runs with");
		s = WSR_STR("DEFAULT");
	}
	return plan_str(l->plan, wsr_cstr(arena_printf(&l->cc->arena, "%.*s:!aNULL:!eNULL:!EXP", WSR_FMT(s))));
}

void lower_apache_tls_ciphers(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	bool new_generation;
	const struct word *list = cipher_list(l, n, &new_generation);

	(void)arg;
	if (list && new_generation)
		lv->server->tls.ciphersuites = plan_str(l->plan, word_str(list));
	else if (list)
		lv->server->tls.ciphers = safe_ciphers(l, list);
}

void lower_apache_tls_verify_client(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	static const struct { const char *name; uint32_t mode; } modes[] = {
		{ "none", WSR_TLS_VERIFY_OFF }, { "require", WSR_TLS_VERIFY_ON }, { "optional", WSR_TLS_VERIFY_OPTIONAL }, { "optional_no_ca", WSR_TLS_VERIFY_OPTIONAL_NO_CA },
	};

	(void)l, (void)arg;
	for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++)
		if (is(node_arg(n, 0), modes[i].name))
			lv->server->tls.verify_client = modes[i].mode;
	lv->server->tls.strict_verify = 1;
}

/* httpd counts the authority too, OpenSSL and our records count what stands between. */
static uint32_t depth_arg(const struct node *n)
{
	uint64_t v = 1;

	value_uint(arg_str(n, 0), &v);
	return v ? (uint32_t)v - 1 : 0;
}

void lower_apache_tls_verify_depth(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)l, (void)arg;
	lv->server->tls.verify_depth = depth_arg(n);
}

/* none, nonenotnull, shmcb:path(bytes); other stores do the same in another place. */
void lower_apache_tls_cache(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	struct wsr_str s = arg_str(n, 0);
	const char *open = s.len ? memchr(s.ptr, '(', s.len) : NULL;
	uint64_t bytes = 512000; /* mod_socache_shmcb's own */

	(void)arg;
	if (is(node_arg(n, 0), "none") || is(node_arg(n, 0), "nonenotnull")) {
		lv->server->tls.session_cache = WSR_TLS_CACHE_NONE;
		return;
	}
	if (open && (s.ptr[s.len - 1] != ')' || !value_uint(wsr_str(open + 1, s.len - (size_t)(open + 2 - s.ptr)), &bytes) || bytes < 8192 || bytes > UINT32_MAX))
		diag_at(l->cc, CHECK_VALUE, node_arg(n, 0)->span, "'%s' is no session cache: shmcb:path(bytes) with at least 8192 bytes", diag_quote(l->cc, s.ptr, s.len));
	lv->server->tls.session_cache = WSR_TLS_CACHE_SHARED;
	lv->server->tls.session_cache_bytes = (uint32_t)bytes;
}

void lower_apache_tls_cache_timeout(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	uint64_t seconds = 0;

	(void)l, (void)arg;
	value_uint(arg_str(n, 0), &seconds);
	lv->server->tls.session_timeout_ms = seconds * 1000;
}

/* SSLOpenSSLConfCmd: the commands of SSL_CONF_cmd(3) that have a place in our record. */
void lower_apache_tls_command(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	struct wsr_tls *t = &lv->server->tls;
	const struct word *name = node_arg(n, 0);
	wsr_sref value = plan_str(l->plan, arg_str(n, 1));

	(void)arg;
	if (is(name, "Curves") || is(name, "Groups")) {
		t->curves = is(node_arg(n, 1), "auto") ? 0 : value;
	} else if (is(name, "DHParameters")) {
		t->dhparam = plan_str(l->plan, apache_path(l->cc, arg_str(n, 1)));
	} else if (is(name, "Ciphersuites")) {
		t->ciphersuites = value;
	} else if (is(name, "CipherString")) {
		t->ciphers = value;
	} else {
		struct diag *d = diag_at(l->cc, CHECK_UNSUPPORTED_DIRECTIVE, name->span, "the command '%s' is not compiled", diag_quote(l->cc, name->text, name->len));
		diag_note(l->cc, d, SPAN_NONE, "there are Curves, Groups, DHParameters, Ciphersuites and CipherString; versions are chosen by SSLProtocol");
	}
}

void lower_apache_tls_options(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	static const char *const known[] = { "StdEnvVars", "ExportCertData", "StrictRequire", "OptRenegotiate", "LegacyDNStringFormat", "CompatEnvVars", "ExportBothCertData" };

	(void)lv, (void)arg;
	for (unsigned i = 0; i < node_arg_count(n); i++) {
		const struct word *w = node_arg(n, i);
		struct wsr_str s = word_str(w);
		bool found = false;
		if (s.len && (s.ptr[0] == '+' || s.ptr[0] == '-'))
			s = wsr_str(s.ptr + 1, s.len - 1);
		if (wsr_str_eq_nocase(s, WSR_STR("FakeBasicAuth"))) {
			if (w->text[0] != '-')
				diag_at(l->cc, CHECK_UNSUPPORTED_DIRECTIVE, w->span, "FakeBasicAuth is not compiled: send the subject to the backend by RequestHeader instead");
			continue;
		}
		for (size_t k = 0; k < sizeof(known) / sizeof(*known); k++)
			found |= wsr_str_eq_nocase(s, wsr_cstr(known[k]));
		if (!found)
			diag_at(l->cc, CHECK_ARGUMENT, w->span, "'%s' is none of SSLOptions", diag_quote(l->cc, w->text, w->len));
	}
}

void lower_apache_protocols(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	bool plain = false;

	(void)lv, (void)arg;
	for (unsigned i = 0; i < node_arg_count(n); i++)
		plain |= is(node_arg(n, i), "http/1.1");
	if (!plain)
		diag_at(l->cc, CHECK_VALUE, n->span, "without http/1.1 nothing is left to offer: HTTP/2 is not spoken");
}

/* --- backends ------------------------------------------------------------------------------------------------------------- */

/* httpd sends the name of the backend in the handshake; nginx's default is not to. */
void lower_apache_proxy_tls(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)l, (void)arg;
	put(lv, SET_proxy_ssl_server_name, 1);
	put(lv, SET_proxy_ssl_engine, is(node_arg(n, 0), "on"));
}

/* What nobody wrote is neither on nor off: SSLProxyCheckPeerCN acts by itself only when it is written (mod_ssl: ssl_io_filter_handshake). */
void lower_apache_proxy_tls_check(struct lower *l, struct level *lv, const struct node *n, unsigned cell)
{
	put(lv, (enum plan_setting)cell, l->defaults ? WSR_PEER_CHECK_DEFAULT : is(node_arg(n, 0), "on") ? WSR_PEER_CHECK_ON : WSR_PEER_CHECK_OFF);
}

void lower_apache_proxy_tls_verify(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	/* a server always shows a certificate, so that optional is require */
	uint64_t mode = is(node_arg(n, 0), "none") ? WSR_PROXY_VERIFY_OFF : is(node_arg(n, 0), "optional_no_ca") ? WSR_PROXY_VERIFY_CHAIN_NO_CA : WSR_PROXY_VERIFY_CHAIN;

	(void)l, (void)arg;
	put(lv, SET_proxy_ssl_verify, mode);
}

void lower_apache_proxy_tls_depth(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)l, (void)arg;
	put(lv, SET_proxy_ssl_verify_depth, depth_arg(n));
}

void lower_apache_proxy_tls_path(struct lower *l, struct level *lv, const struct node *n, unsigned cell)
{
	put(lv, (enum plan_setting)cell, path_arg(l, n));
}

void lower_apache_proxy_tls_revocation_check(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)l, (void)arg;
	put(lv, SET_proxy_ssl_crl_check, crl_check(n));
}

void apache_proxy_tls_revocation(struct lower *l, const struct level *lv, const struct node *n)
{
	const struct wsr_proxyset *p = &lv->s.proxy;
	struct span at = node_head_span(n);

	NODE_EACH_CHILD(m, n)
		if (lowered_by(m, lower_apache_proxy_tls_revocation_check))
			at = m->span;
	if (p->proxy_ssl_engine && (p->proxy_ssl_crl_check & WSR_CRL_MODE) != WSR_CRL_NONE && !p->proxy_ssl_crl.v && !p->proxy_ssl_crl_folder.v)
		diag_at(l->cc, CHECK_VALUE, at, "'SSLProxyCARevocationCheck' without 'SSLProxyCARevocationFile' or 'SSLProxyCARevocationPath': httpd does not start like this");
}

/* One file holds both. */
void lower_apache_proxy_tls_machine(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)arg;
	put(lv, SET_proxy_ssl_certificate, path_arg(l, n));
	put(lv, SET_proxy_ssl_certificate_key, path_arg(l, n));
}

void lower_apache_proxy_tls_protocol(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)arg;
	put(lv, SET_proxy_ssl_protocols, protocol_bits(l, n));
}

void lower_apache_proxy_tls_ciphers(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	bool new_generation;
	const struct word *list = cipher_list(l, n, &new_generation);

	(void)arg;
	if (list && !new_generation)
		put(lv, SET_proxy_ssl_ciphers, safe_ciphers(l, list));
}
