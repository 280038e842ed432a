/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Access: Require and its groups (mod_authz_core, _host, _user, _groupfile), Order, Allow, Deny and Satisfy (mod_access_compat), AuthType Basic, <Limit>.
 * In: checked statements of one section. Out: the section's layer gets a condition for Require, one for Order, and what the section says about authentication.
 *
 * A <Limit> restricts what stands in it to some methods: in the condition that is "the method is one of these, and ...".
 */
#include "compiler/apache.h"
#include "compiler/apache_cond.h"
#include "eval/wsr_eval.h"

enum order { ORDER_NONE, ORDER_DENY_ALLOW, ORDER_ALLOW_DENY };

/* Order, Allow and Deny of a section, or of a <Limit> in it. */
struct order_group {
	struct cond_builder allow, deny;
	uint32_t methods;           /* regex of the <Limit>; WSR_NONE: all methods */
	bool except;                /* it is a <LimitExcept> */
	uint8_t order;              /* enum order */
	struct order_group *next;
};

/* What a section has said so far. */
struct apache_access {
	struct cond_builder require; /* children of one OR */
	uint32_t required, unlimited; /* children of `require`; those that hold for all methods */
	struct order_group *orders;
	bool tls_only;
	struct wsr_auth auth;
	bool auth_set;
};

static struct apache_access *access_of(struct lower *l, struct level *lv)
{
	struct apache_section *s = lv->section;
	if (!s->access) {
		s->access = ARENA_NEW(&l->cc->arena, struct apache_access);
		*s->access = (struct apache_access){ .auth = { .realm = WSR_NONE } };
		cond_init(&s->access->require);
	}
	return s->access;
}

/* The statement's name in its usual spelling; case does not count in what was written. */
static bool named(const struct node *n, const char *name)
{
	return n->def && strcmp(n->def->name, name) == 0;
}

static bool is(const struct word *w, const char *text)
{
	return wsr_str_eq_nocase(word_str(w), wsr_cstr(text));
}

static void wrong(struct lower *l, const struct word *w, const char *what)
{
	diag_at(l->cc, CHECK_ARGUMENT, w->span, "%s '%s'", what, diag_quote(l->cc, w->text, w->len));
}

static uint32_t variable(struct lower *l, enum wsr_var_id id)
{
	struct wsr_part part = { .kind = WSR_PART_VARIABLE, .id = (uint16_t)id };
	return plan_tmpl(l->plan, &part, 1);
}

/* --- networks ------------------------------------------------------------------------------------------------------------ */

/* A leaf for the networks rules[0..n). */
static void client_leaf(struct lower *l, struct cond_builder *b, struct wsr_access_rule *rules, uint32_t n, unsigned flags, struct span at)
{
	for (uint32_t i = 0; i < n; i++)
		rules[i].pos = WSR_NONE;
	struct wsr_list run = pool_run(&l->plan->access_rule, rules, n);
	cond_leaf(l, b, (struct wsr_cond){ .op = WSR_COND_CLIENT, .flags = (uint8_t)flags, .a = run.first, .b = run.count }, at);
}

#define NO_NAMES "names of hosts would have to be looked up for every request, and who owns the address decides what comes back: write addresses instead of"

/* The one name that needs no look-up. @return false for any other */
static bool localhost_leaf(struct lower *l, struct cond_builder *b, const struct word *w, unsigned flags)
{
	struct wsr_access_rule rules[2];
	if (!is(w, "localhost"))
		return false;
	apache_network(WSR_STR("127.0.0.1"), &rules[0]);
	apache_network(WSR_STR("::1"), &rules[1]);
	client_leaf(l, b, rules, 2, flags, w->span);
	diag_at(l->cc, CHECK_ACCEPTED_WITH_DIFFERENCE, w->span, "'localhost' is taken to be 127.0.0.1 and ::1: names are not looked up");
	return true;
}

static void ip_leaf(struct lower *l, struct cond_builder *b, const struct node *n, unsigned first, unsigned flags)
{
	uint32_t count = node_arg_count(n) > first ? node_arg_count(n) - first : 0;
	struct wsr_access_rule *rules = arena_alloc(&l->cc->arena, (count + 1) * sizeof(*rules));
	if (!count)
		diag_at(l->cc, CHECK_ARGUMENT_COUNT, node_head_span(n), "'Require ip' needs addresses or networks");
	for (uint32_t i = 0; i < count; i++)
		if (!apache_network(word_str(node_arg(n, first + i)), &rules[i]))
			wrong(l, node_arg(n, first + i), "an address, the first octets of one, address/bits or address/mask is wanted, not");
	client_leaf(l, b, rules, count, flags, n->span);
}

/* --- Require ------------------------------------------------------------------------------------------------------------- */

/* Words from `first` on, as a list of strings. */
static void names_leaf(struct lower *l, struct cond_builder *b, const struct node *n, unsigned first, enum wsr_cond_op op, unsigned flags)
{
	uint32_t count = node_arg_count(n) > first ? node_arg_count(n) - first : 0;
	wsr_sref *names = arena_alloc(&l->cc->arena, (count + 1) * sizeof(*names));
	if (!count)
		diag_at(l->cc, CHECK_ARGUMENT_COUNT, node_head_span(n), "names are missing");
	for (uint32_t i = 0; i < count; i++)
		names[i] = plan_str(l->plan, arg_str(n, first + i));
	struct wsr_list run = pool_run(&l->plan->str_item, names, count);
	cond_leaf(l, b, (struct wsr_cond){ .op = (uint8_t)op, .flags = (uint8_t)flags, .a = run.first, .b = run.count }, n->span);
}

/* One of these methods; GET stands for HEAD too. */
static uint32_t method_regex(struct lower *l, const struct node *n, unsigned first)
{
	size_t cap = 16, len = 0;
	for (unsigned i = first; i < node_arg_count(n); i++)
		cap += node_arg(n, i)->len + 8u;
	char *text = arena_alloc(&l->cc->arena, cap);
	len += (size_t)snprintf(text, cap, "^(?:");
	for (unsigned i = first; i < node_arg_count(n); i++) {
		struct wsr_str m = arg_str(n, i);
		if (!wsr_is_token(m)) {
			wrong(l, node_arg(n, i), "no method:");
			return WSR_NONE;
		}
		len += (size_t)snprintf(text + len, cap - len, "%s%.*s%s", i > first ? "|" : "", WSR_FMT(m), wsr_str_eq(m, WSR_STR("GET")) ? "|HEAD" : "");
	}
	snprintf(text + len, cap - len, ")$");
	return lower_regex(l, n, node_name(n), wsr_cstr(text), false);
}

static void method_leaf(struct lower *l, struct cond_builder *b, uint32_t regex, unsigned flags, struct span at)
{
	if (regex != WSR_NONE)
		cond_leaf(l, b, (struct wsr_cond){ .op = WSR_COND_MATCH, .flags = (uint8_t)flags, .a = variable(l, WSR_V_REQUEST_METHOD), .b = regex }, at);
}

static void env_leaf(struct lower *l, struct cond_builder *b, const struct node *n, unsigned first, unsigned flags)
{
	uint32_t group = cond_open(l, b, WSR_COND_OR, flags, n->span);
	for (unsigned i = first; i < node_arg_count(n); i++)
		cond_copy(l, b, apache_env_condition(l, node_arg(n, i), arg_str(n, i)));
	cond_close(b, group);
}

static void local_leaf(struct lower *l, struct cond_builder *b, const struct node *n, unsigned flags)
{
	struct wsr_access_rule rules[2];
	uint32_t group = cond_open(l, b, WSR_COND_OR, flags, n->span);
	apache_network(WSR_STR("127.0.0.0/8"), &rules[0]);
	apache_network(WSR_STR("::1"), &rules[1]);
	client_leaf(l, b, rules, 2, 0, n->span);
	cond_leaf(l, b, (struct wsr_cond){ .op = WSR_COND_EQUAL, .a = variable(l, WSR_V_REMOTE_ADDR), .b = variable(l, WSR_V_SERVER_ADDR) }, n->span);
	cond_close(b, group);
}

/* The words from `first` on as they were written, with their quotes: the rest of the line is one expression, in quotes or not. */
static struct wsr_str rest_of_line(struct lower *l, const struct node *n, unsigned first)
{
	static const char quotes[] = { [WORD_SINGLE] = '\'', [WORD_DOUBLE] = '"' };
	size_t cap = 0, len = 0;
	if (node_arg_count(n) == first + 1)
		return arg_str(n, first);
	for (unsigned i = first; i < node_arg_count(n); i++)
		cap += 2 * (size_t)node_arg(n, i)->len + 3;
	char *text = arena_alloc(&l->cc->arena, cap);
	for (unsigned i = first; i < node_arg_count(n); i++) {
		const struct word *w = node_arg(n, i);
		char quote = w->quote == WORD_PLAIN ? '\0' : quotes[w->quote];
		if (i > first)
			text[len++] = ' ';
		if (quote)
			text[len++] = quote;
		for (uint32_t k = 0; k < w->len; k++) {
			if (quote && w->text[k] == quote)
				text[len++] = '\\';
			text[len++] = w->text[k];
		}
		if (quote)
			text[len++] = quote;
	}
	return wsr_str(text, len);
}

static void expression_leaf(struct lower *l, struct cond_builder *b, const struct node *n, unsigned first, unsigned flags)
{
	if (node_arg_count(n) <= first) {
		diag_at(l->cc, CHECK_ARGUMENT_COUNT, node_head_span(n), "'Require expr' takes an expression");
		return;
	}
	uint32_t cond = apache_condition(l, n, node_arg(n, first), rest_of_line(l, n, first));
	uint32_t group = cond_open(l, b, WSR_COND_AND, flags, n->span);
	if (cond != WSR_NONE)
		cond_copy(l, b, cond);
	cond_close(b, group);
}

static void all_leaf(struct lower *l, struct cond_builder *b, const struct node *n, unsigned first, unsigned flags)
{
	const struct word *w = node_arg_count(n) > first ? node_arg(n, first) : NULL;
	if (!w || !(is(w, "granted") || is(w, "denied"))) {
		diag_at(l->cc, CHECK_ARGUMENT, w ? w->span : node_head_span(n), "'Require all' is followed by granted or denied");
		return;
	}
	cond_leaf(l, b, (struct wsr_cond){ .op = WSR_COND_TRUE, .flags = (uint8_t)(flags ^ (is(w, "denied") ? WSR_COND_NOT : 0)) }, n->span);
}

static void equal_leaf(struct lower *l, struct cond_builder *b, const struct node *n, enum wsr_var_id id, const char *text, unsigned flags)
{
	struct wsr_cond leaf = { .op = WSR_COND_EQUAL, .flags = (uint8_t)flags, .a = variable(l, id), .b = plan_tmpl_const(l->plan, wsr_cstr(text)) };
	cond_leaf(l, b, leaf, n->span);
}

/* Require host NAME ...: localhost alone needs no look-up. */
static void host_leaf(struct lower *l, struct cond_builder *b, const struct node *n, unsigned first, unsigned flags)
{
	uint32_t group = cond_open(l, b, WSR_COND_OR, flags, n->span);
	for (unsigned i = first; i < node_arg_count(n); i++)
		if (!localhost_leaf(l, b, node_arg(n, i), 0))
			wrong(l, node_arg(n, i), NO_NAMES);
	cond_close(b, group);
}

/* One Require line, below the group that is open in b. */
static void require_line(struct lower *l, struct cond_builder *b, const struct node *n)
{
	unsigned first = node_arg_count(n) > 1 && is(node_arg(n, 0), "not") ? 1 : 0, flags = first ? WSR_COND_NOT : 0;
	const struct word *w = node_arg(n, first++);
	if (is(w, "all"))
		all_leaf(l, b, n, first, flags);
	else if (is(w, "ip"))
		ip_leaf(l, b, n, first, flags);
	else if (is(w, "local"))
		local_leaf(l, b, n, flags);
	else if (is(w, "user"))
		names_leaf(l, b, n, first, WSR_COND_USER, flags);
	else if (is(w, "group"))
		names_leaf(l, b, n, first, WSR_COND_GROUP, flags);
	else if (is(w, "valid-user"))
		cond_leaf(l, b, (struct wsr_cond){ .op = WSR_COND_VALID_USER, .flags = (uint8_t)flags }, n->span);
	else if (is(w, "method"))
		method_leaf(l, b, method_regex(l, n, first), flags, n->span);
	else if (is(w, "env"))
		env_leaf(l, b, n, first, flags);
	else if (is(w, "expr"))
		expression_leaf(l, b, n, first, flags);
	else if (is(w, "ssl"))
		equal_leaf(l, b, n, WSR_V_HTTPS, "on", flags);
	else if (is(w, "ssl-verify-client"))
		equal_leaf(l, b, n, WSR_V_SSL_CLIENT_VERIFY, "SUCCESS", flags);
	else if (is(w, "host") || is(w, "forward-dns"))
		host_leaf(l, b, n, first, flags);
	else
		wrong(l, w, "Require knows all, ip, local, user, valid-user, group, method, env, expr, ssl and ssl-verify-client here, not");
}

static bool is_negative(const struct node *n)
{
	return node_arg_count(n) > 1 && is(node_arg(n, 0), "not") && named(n, "Require");
}

/* <RequireAll>, <RequireAny>, <RequireNone>: recursion is as deep as the text's blocks, which the parser limits. */
static void require_node(struct lower *l, struct cond_builder *b, const struct node *n, bool inside_all)
{
	if (!n->block) {
		if (is_negative(n) && !inside_all)
			diag_at(l->cc, CHECK_ARGUMENT, n->span, "'Require not' can refuse only: httpd takes it inside <RequireAll> alone");
		require_line(l, b, n);
		return;
	}
	bool all = named(n, "RequireAll");
	uint32_t group = cond_open(l, b, all ? WSR_COND_AND : WSR_COND_OR, named(n, "RequireNone") ? WSR_COND_NOT : 0, n->span);
	NODE_EACH_CHILD(child, n)
		if (!child->bad)
			require_node(l, b, child, all);
	cond_close(b, group);
}

static void require_in(struct lower *l, struct apache_access *a, const struct node *n, uint32_t methods, bool except)
{
	struct cond_builder *b = &a->require;
	a->required++;
	if (methods == WSR_NONE) {
		a->unlimited++;
		require_node(l, b, n, false);
		return;
	}
	uint32_t group = cond_open(l, b, WSR_COND_AND, 0, n->span);
	method_leaf(l, b, methods, except ? WSR_COND_NOT : 0, n->span);
	require_node(l, b, n, true);
	cond_close(b, group);
}

void lower_apache_require(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)arg;
	require_in(l, access_of(l, lv), n, WSR_NONE, false);
}

/* --- Order, Allow, Deny, Satisfy ----------------------------------------------------------------------------------------- */

static struct order_group *group_of(struct lower *l, struct apache_access *a, uint32_t methods, bool except)
{
	struct order_group **g = &a->orders;
	while (*g && ((*g)->methods != methods || (*g)->except != except))
		g = &(*g)->next;
	if (!*g) {
		*g = ARENA_NEW(&l->cc->arena, struct order_group);
		**g = (struct order_group){ .methods = methods, .except = except };
		cond_init(&(*g)->allow);
		cond_init(&(*g)->deny);
	}
	return *g;
}

static void order_line(struct lower *l, struct order_group *g, const struct node *n)
{
	const struct word *w = node_arg(n, 0);
	if (node_arg_count(n) == 1 && is(w, "deny,allow"))
		g->order = ORDER_DENY_ALLOW;
	else if (node_arg_count(n) == 1 && (is(w, "allow,deny") || is(w, "mutual-failure")))
		g->order = ORDER_ALLOW_DENY;
	else
		wrong(l, w, "the order is 'Deny,Allow' or 'Allow,Deny' in one word without blanks, not");
}

static void from_word(struct lower *l, struct cond_builder *b, const struct node *n, const struct word *w)
{
	struct wsr_access_rule rule;
	struct wsr_str s = word_str(w);
	if (is(w, "all"))
		cond_leaf(l, b, (struct wsr_cond){ .op = WSR_COND_TRUE }, w->span);
	else if (s.len > 4 && wsr_str_eq_nocase(wsr_str(s.ptr, 4), WSR_STR("env=")))
		cond_copy(l, b, apache_env_condition(l, w, wsr_str(s.ptr + 4, s.len - 4)));
	else if (apache_network(s, &rule))
		client_leaf(l, b, &rule, 1, 0, w->span);
	else if (is(w, "none")) { /* for httpd the name of a host, which no address has */
		cond_leaf(l, b, (struct wsr_cond){ .op = WSR_COND_TRUE, .flags = WSR_COND_NOT }, w->span);
		diag_at(l->cc, CHECK_ACCEPTED_WITH_DIFFERENCE, w->span, "'none' is no word of '%s' but a host for httpd, one that no client is: nobody is meant",
			diag_quote(l->cc, node_name(n)->text, node_name(n)->len));
	} else if (!localhost_leaf(l, b, w, 0))
		wrong(l, w, NO_NAMES);
}

static void from_line(struct lower *l, struct order_group *g, const struct node *n)
{
	if (node_arg_count(n) < 2 || !is(node_arg(n, 0), "from")) {
		diag_at(l->cc, CHECK_ARGUMENT, node_head_span(n), "'%s' is followed by 'from' and by all, env=NAME, addresses or networks",
			diag_quote(l->cc, node_name(n)->text, node_name(n)->len));
		return;
	}
	for (unsigned i = 1; i < node_arg_count(n); i++)
		from_word(l, named(n, "Allow") ? &g->allow : &g->deny, n, node_arg(n, i));
}

static void order_in(struct lower *l, struct apache_access *a, const struct node *n, uint32_t methods, bool except)
{
	struct order_group *g = group_of(l, a, methods, except);
	if (named(n, "Order"))
		order_line(l, g, n);
	else
		from_line(l, g, n);
}

void lower_apache_order(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)arg;
	order_in(l, access_of(l, lv), n, WSR_NONE, false);
}

void lower_apache_satisfy(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)arg, (void)l;
	lv->section->layer.flags &= (uint8_t)~(WSR_LAYER_SATISFY_ALL | WSR_LAYER_SATISFY_ANY);
	lv->section->layer.flags |= is(node_arg(n, 0), "any") ? WSR_LAYER_SATISFY_ANY : WSR_LAYER_SATISFY_ALL;
}

void lower_apache_auth_merging(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)l, (void)arg;
	const struct word *w = node_arg(n, 0);
	enum wsr_merge merge = is(w, "and") ? WSR_MERGE_AND : is(w, "or") ? WSR_MERGE_OR : WSR_MERGE_OFF;
	lv->section->layer.flags = (uint8_t)((lv->section->layer.flags & ~WSR_LAYER_MERGE) | (unsigned)merge << WSR_LAYER_MERGE_SHIFT);
}

void lower_apache_require_tls(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)n, (void)arg;
	access_of(l, lv)->tls_only = true;
}

/* --- <Limit>, <LimitExcept> ---------------------------------------------------------------------------------------------- */

static bool is_order(const struct node *n)
{
	return named(n, "Order") || named(n, "Allow") || named(n, "Deny");
}

/* What may stand in it besides access rules acts for all methods in httpd too; the directive table admits only what can be limited. */
void lower_apache_limit(struct lower *l, struct level *lv, const struct node *n, unsigned except)
{
	struct apache_access *a = access_of(l, lv);
	uint32_t methods = method_regex(l, n, 0);
	if (methods == WSR_NONE)
		return;
	NODE_EACH_CHILD(child, n) {
		if (child->bad)
			continue;
		if (is_order(child))
			order_in(l, a, child, methods, except);
		else if (child->block || named(child, "Require"))
			require_in(l, a, child, methods, except);
		else if (lower_class_of(child) == LOWER_SETTING)
			lowering_of(child->def)->fn(l, lv, child, lowering_of(child->def)->arg);
	}
}

/* --- AuthType ------------------------------------------------------------------------------------------------------------ */

void lower_apache_auth_type(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)arg;
	const struct word *w = node_arg(n, 0);
	if (is(w, "Basic") || is(w, "None")) {
		access_of(l, lv)->auth.flags = is(w, "Basic") ? WSR_AUTH_BASIC : WSR_AUTH_NONE;
		access_of(l, lv)->auth_set = true;
		return;
	}
	diag_at(l->cc, CHECK_UNSUPPORTED_DIRECTIVE, w->span, "AuthType %s is not served: Basic is (over TLS), and anything else can be asked by the backend",
		diag_quote(l->cc, w->text, w->len));
}

void lower_apache_auth_name(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)arg;
	struct apache_access *a = access_of(l, lv);
	a->auth.realm = plan_tmpl_const(l->plan, arg_str(n, 0));
	a->auth_set = true;
}

void lower_apache_auth_file(struct lower *l, struct level *lv, const struct node *n, unsigned group)
{
	struct apache_access *a = access_of(l, lv);
	*(group ? &a->auth.group_file : &a->auth.user_file) = plan_str(l->plan, arg_str(n, 0));
	a->auth_set = true;
}

void lower_apache_auth_provider(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	(void)lv, (void)arg;
	for (unsigned i = 0; i < node_arg_count(n); i++)
		if (!is(node_arg(n, i), "file"))
			diag_at(l->cc, CHECK_UNSUPPORTED_DIRECTIVE, node_arg(n, i)->span, "users come from files (AuthUserFile) only: '%s' is no provider here",
				diag_quote(l->cc, node_arg(n, i)->text, node_arg(n, i)->len));
}

/* --- the end of a section ------------------------------------------------------------------------------------------------ */

static void move(struct cond_builder *to, struct cond_builder *from)
{
	for (uint32_t i = 0; i < from->nodes.count; i++) {
		pool_push(&to->nodes, pool_at(&from->nodes, i));
		pool_push(&to->places, pool_at(&from->places, i));
	}
	from->nodes.count = from->places.count = 0;
}

/* When everything stands in Limit blocks, the methods that none of them names are free. */
static void free_methods(struct lower *l, struct cond_builder *b, const struct cond_builder *limited, struct span at)
{
	uint32_t group = cond_open(l, b, WSR_COND_AND, 0, at);
	for (uint32_t i = 0; i < limited->nodes.count; i += ((const struct wsr_cond *)pool_at(&limited->nodes, i))->size) {
		struct wsr_cond method = *(const struct wsr_cond *)pool_at(&limited->nodes, i + 1); /* each is AND, its method, its rule */
		method.flags ^= WSR_COND_NOT;
		cond_leaf(l, b, method, at);
	}
	cond_close(b, group);
}

static uint32_t require_condition(struct lower *l, struct apache_access *a, struct span at)
{
	struct cond_builder b;
	cond_init(&b);
	uint32_t group = cond_open(l, &b, WSR_COND_OR, 0, at);
	if (!a->unlimited)
		free_methods(l, &b, &a->require, at);
	move(&b, &a->require);
	cond_close(&b, group);
	uint32_t cond = cond_done(l, &b);
	cond_free(&b);
	return cond;
}

static void side(struct lower *l, struct cond_builder *b, struct cond_builder *from, unsigned flags, struct span at)
{
	uint32_t group = cond_open(l, b, WSR_COND_OR, flags, at);
	move(b, from);
	cond_close(b, group);
}

/* Deny,Allow: let in unless denied and not allowed. Allow,Deny: let in when allowed and not denied. Other methods than those of its <Limit> are free. */
static void order_condition(struct lower *l, struct cond_builder *b, struct order_group *g, struct span at)
{
	uint32_t any = cond_open(l, b, WSR_COND_OR, 0, at);
	method_leaf(l, b, g->methods, g->except ? 0 : WSR_COND_NOT, at);
	uint32_t both = cond_open(l, b, g->order == ORDER_ALLOW_DENY ? WSR_COND_AND : WSR_COND_OR, 0, at);
	side(l, b, &g->deny, WSR_COND_NOT, at);
	side(l, b, &g->allow, 0, at);
	cond_close(b, both);
	cond_close(b, any);
	cond_free(&g->allow);
	cond_free(&g->deny);
}

static uint32_t hosts_condition(struct lower *l, struct apache_access *a, struct span at)
{
	struct cond_builder b;
	cond_init(&b);
	uint32_t all = cond_open(l, &b, WSR_COND_AND, 0, at);
	if (a->tls_only)
		cond_leaf(l, &b, (struct wsr_cond){ .op = WSR_COND_NOT_EMPTY, .a = variable(l, WSR_V_HTTPS) }, at);
	for (struct order_group *g = a->orders; g; g = g->next)
		order_condition(l, &b, g, at);
	cond_close(&b, all);
	uint32_t cond = cond_done(l, &b);
	cond_free(&b);
	return cond;
}

void apache_access_done(struct lower *l, struct apache_section *s)
{
	struct apache_access *a = s->access;
	if (!a)
		return;
	struct span at = s->node->span;
	if (a->required)
		s->layer.require = require_condition(l, a, at);
	if (a->orders || a->tls_only)
		s->layer.hosts = hosts_condition(l, a, at);
	if (a->auth_set)
		s->layer.auth = plan_record_at(l->plan, &l->plan->auth, &a->auth, offsetof(struct wsr_auth, pos), lower_place(l, at));
	cond_free(&a->require);
}
