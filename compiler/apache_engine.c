/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A check over the whole text: targets of https: and wss: where SSLProxyEngine is off. httpd starts with them and answers 500 to every request that they take
 * (mod_proxy_http: "failed to enable ssl support"), and so does eval; here it is said beforehand. In: checked statements. Out: warnings.
 */
#include "compiler/apache_engine.h"
#include "compiler/fix.h"

static bool is_tls_url(const struct node *n, unsigned arg)
{
	struct wsr_str s = node_arg_count(n) > arg ? arg_str(n, arg) : WSR_STR("");
	return (s.len > 8 && wsr_str_eq_nocase(wsr_str(s.ptr, 8), WSR_STR("https://"))) || (s.len > 6 && wsr_str_eq_nocase(wsr_str(s.ptr, 6), WSR_STR("wss://")));
}

/* Has "[R=301,P]" the flag P? */
static bool proxies(const struct node *n)
{
	struct wsr_str flags = node_arg_count(n) > 2 ? arg_str(n, 2) : WSR_STR("");
	while (flags.len > 0) {
		size_t len = 0;
		while (len < flags.len && !strchr("[], ", flags.ptr[len]))
			len++;
		if (wsr_str_eq_nocase(wsr_str(flags.ptr, len), WSR_STR("P")) || wsr_str_eq_nocase(wsr_str(flags.ptr, len), WSR_STR("proxy")))
			return true;
		flags = wsr_str(flags.ptr + len + (len < flags.len), flags.len - len - (len < flags.len));
	}
	return false;
}

/* The argument that names a target of TLS; -1 = none. */
static int tls_target(const struct node *n)
{
	if (lowered_by(n, lower_apache_rewrite_rule))
		return is_tls_url(n, 1) && proxies(n) ? 1 : -1;
	if (!lowered_by(n, lower_ap_proxy_pass) && !lowered_by(n, lower_ap_balancer_member))
		return -1;
	return is_tls_url(n, 0) ? 0 : is_tls_url(n, 1) ? 1 : -1;
}

static bool is_host(const struct node *n)
{
	return n->def && !n->bad && strcmp(n->def->name, "VirtualHost") == 0;
}

/* What the block itself says of SSLProxyEngine, and else `around`; sections inside may switch it on, for some requests. */
static bool switched_on(const struct node *block, bool around)
{
	bool inside = false;
	NODE_EACH_CHILD(n, block) {
		if (lowered_by(n, lower_apache_proxy_tls))
			around = word_is_nocase(node_arg(n, 0), "on");
		else if (n->block && !is_host(n))
			inside |= switched_on(n, false);
	}
	return around || inside;
}

/* One line cures all of a host: the first message offers it. */
static void report(struct lower *l, const struct node *n, unsigned arg, const struct node *host, bool first)
{
	struct wsr_str url = arg_str(n, arg);
	struct diag *d = diag_at(l->cc, CHECK_PROXY_TLS_OFF, node_arg(n, arg)->span, "'%s' is a target of TLS, and 'SSLProxyEngine on' is missing: each of these requests is answered with 500",
				 diag_quote(l->cc, url.ptr, url.len));
	if (host && first)
		fix_line_behind(l->cc, d, host, n->parent == host ? n : host->first_child, "SSLProxyEngine on");
	if (!host)
		diag_note(l->cc, d, SPAN_NONE, "httpd starts like this, too: write it beside the rule, or into the hosts that use it");
}

/* @param first  nothing was reported for this host yet. @return the same afterwards */
static bool check_block(struct lower *l, const struct node *block, const struct node *host, bool first)
{
	NODE_EACH_CHILD(n, block) {
		int arg = n->def && !n->bad ? tls_target(n) : -1;
		if (arg >= 0) {
			report(l, n, (unsigned)arg, host, first);
			first = false;
		} else if (n->block && !is_host(n)) {
			first = check_block(l, n, host, first);
		}
	}
	return first;
}

void apache_engine_check(struct lower *l)
{
	const struct node *root = l->cc->root;
	bool main_server = switched_on(root, false), anywhere = main_server;
	NODE_EACH_CHILD(n, root) {
		if (!is_host(n))
			continue;
		if (switched_on(n, main_server))
			anywhere = true;
		else
			check_block(l, n, n, true);
	}
	if (!anywhere) /* the main server's rules are those of every host */
		check_block(l, root, NULL, true);
}
