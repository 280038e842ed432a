/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who may come in, as httpd decides it: Require (mod_authz_core), Order, Allow and Deny (mod_access_compat), Satisfy, AuthType Basic; and who the client is
 * when a trusted proxy names it (mod_remoteip). In: the layers that hold. Out: a decision of 401, 403 or 500, or none; e->httpd->user and e->client.
 *
 * Each part is inherited by itself: the last layer that says something about it counts.
 */
#include "eval/wsr_access.h"
#include "eval/wsr_chars.h"
#include "eval/wsr_field_list.h"
#include "eval/wsr_httpd.h"
#include "eval/wsr_uri.h"

/* --- RemoteIPHeader ------------------------------------------------------------------------------------------------------ */

/* Addresses that a proxy which is not internal cannot have seen (mod_remoteip: remoteip_modify_request). */
static bool is_private(const struct wsr_address *a)
{
	const uint8_t *b = a->bytes;
	if (a->len == 4)
		return b[0] == 10 || b[0] == 127 || (b[0] == 172 && (b[1] & 0xf0) == 16) || (b[0] == 192 && b[1] == 168) || (b[0] == 169 && b[1] == 254);
	return (b[0] & 0xe0) != 0x20;
}

/* Cut the last element off a list. */
static struct wsr_str last_element(struct wsr_str *list)
{
	size_t at = list->len;
	while (at > 0 && list->ptr[at - 1] != ',')
		at--;
	struct wsr_str element = wsr_trim(wsr_from(*list, at));
	list->len = at > 0 ? at - 1 : 0;
	*list = wsr_trim(*list);
	return element;
}

static struct wsr_str all_of(struct wsr_eval *e, struct wsr_str name)
{
	struct wsr_field_list joined = { .arena = e->arena };
	for (uint32_t i = 0; i < e->request->field_count; i++)
		if (wsr_str_eq_nocase(e->request->fields[i].name, name))
			wsr_fields_append(&joined, name, e->request->fields[i].value, false);
	return joined.count ? joined.fields[0].value : WSR_STR_NULL;
}

static void set_client(struct wsr_eval *e, struct wsr_str text, const struct wsr_address *a)
{
	e->client = text;
	e->client_binary = wsr_arena_dup(e->arena, wsr_str((const char *)a->bytes, a->len));
}

/* The header keeps what was not believed. */
static void keep_rest(struct wsr_eval *e, struct wsr_str name, struct wsr_str rest)
{
	struct wsr_field_list list = { .arena = e->arena };
	bool written = false;
	for (uint32_t i = 0; i < e->request->field_count; i++) {
		const struct wsr_field *f = &e->request->fields[i];
		if (!wsr_str_eq_nocase(f->name, name)) {
			wsr_fields_add(&list, f->name, f->value);
			if (!list.failed)
				list.fields[list.count - 1].flags = f->flags;
		} else if (rest.len && !written) {
			wsr_fields_add(&list, f->name, rest);
			written = true;
		}
	}
	wsr_httpd_replace_request(e, &list);
}

void wsr_httpd_client(struct wsr_eval *e)
{
	const struct wsr_host *host = e->httpd->host;
	struct wsr_str name = wsr_string(e->table, host->remote_header), binary;
	struct wsr_address now = { .len = 0 }, next;
	if (!name.len || !e->request || !wsr_var_value(e, WSR_V_BINARY_REMOTE_ADDR, WSR_STR_NULL, &binary) || !binary.ptr || binary.len > 16)
		return;
	memcpy(now.bytes, binary.ptr, binary.len);
	now.len = binary.len;
	struct wsr_str rest = all_of(e, name);
	bool changed = false, internal = true;
	while (rest.len) {
		if (host->trusted.count) {
			const struct wsr_access_rule *r = wsr_address_listed(e->table, host->trusted, wsr_str((const char *)now.bytes, now.len));
			if (!r)
				break;
			internal = r->deny;
		}
		struct wsr_str before = rest, element = last_element(&rest);
		if (!wsr_address_read(element, &next) || (host->trusted.count && !internal && is_private(&next))) {
			rest = before;
			break;
		}
		set_client(e, element, &next);
		now = next;
		changed = true;
	}
	if (changed)
		keep_rest(e, name, rest);
}

/* --- Basic authentication ------------------------------------------------------------------------------------------------ */

/* What holds of AuthType, AuthName, AuthUserFile and AuthGroupFile. */
struct auth { uint32_t realm; struct wsr_str user_file, group_file; bool basic; uint32_t pos; };

static struct auth auth_of(struct wsr_eval *e)
{
	struct auth a = { .realm = WSR_NONE, .pos = WSR_NONE };
	const struct wsr_httpd *s = e->httpd;
	for (uint32_t i = 0; i < s->layer_count; i++) {
		if (s->layers[i]->auth == WSR_NONE)
			continue;
		const struct wsr_auth *r = wsr_auth_at(e->table, s->layers[i]->auth);
		if (r->flags)
			a.basic = r->flags & WSR_AUTH_BASIC;
		a.pos = r->pos;
		a.realm = r->realm != WSR_NONE ? r->realm : a.realm;
		a.user_file = r->user_file ? wsr_string(e->table, r->user_file) : a.user_file;
		a.group_file = r->group_file ? wsr_string(e->table, r->group_file) : a.group_file;
	}
	return a;
}

bool wsr_httpd_in_group(struct wsr_eval *e, struct wsr_str group)
{
	struct auth a = auth_of(e);
	const struct wsr_world *w = e->world;
	return a.group_file.len && e->httpd->user.ptr && w && w->member && w->member(e->world_ctx, a.group_file.ptr, e->httpd->user, group);
}

/* The realm in a quoted string (RFC 7617 section 2). */
static void ask(struct wsr_eval *e, const struct auth *a, uint32_t pos)
{
	struct wsr_str realm = a->realm != WSR_NONE ? wsr_eval_tmpl(e, a->realm) : WSR_STR("");
	char *quoted = wsr_arena_alloc(e->arena, 2 * realm.len + 1);
	size_t len = 0;
	for (size_t i = 0; quoted && i < realm.len; i++) {
		if (realm.ptr[i] == '"' || realm.ptr[i] == '\\')
			quoted[len++] = '\\';
		quoted[len++] = realm.ptr[i];
	}
	struct wsr_str parts[] = { WSR_STR("Basic realm=\""), wsr_str(quoted, len), WSR_STR("\"") };
	e->httpd->challenge = quoted ? wsr_join(e->arena, parts, 3) : WSR_STR_NULL;
	wsr_decide_status(e, 401, pos);
}

static bool misconfigured(struct wsr_eval *e, const char *why, uint32_t pos)
{
	wsr_eval_fail(e, why, pos);
	wsr_decide_status(e, 500, pos);
	return false;
}

/* Who is it? Sets e->httpd->user. @return false after a decision. */
static bool authenticate(struct wsr_eval *e, const struct auth *a, uint32_t pos)
{
	const struct wsr_world *w = e->world;
	struct wsr_str user, password;
	if (!a->basic || a->realm == WSR_NONE || !w || !w->authenticate)
		return misconfigured(e, "a user is required, but there is no AuthType Basic with an AuthName", pos);
	if (!wsr_basic_credentials(e, &user, &password)) {
		ask(e, a, pos);
		return false;
	}
	if (!a->user_file.len)
		return misconfigured(e, "a user is required, but there is no AuthUserFile", pos);
	if (!w->authenticate(e->world_ctx, a->user_file.ptr, user, password)) {
		ask(e, a, pos);
		return false;
	}
	e->httpd->user = user;
	wsr_trace(e, a->pos, "authenticated", user);
	return true;
}

/* --- Require, Order, Satisfy --------------------------------------------------------------------------------------------- */

/* Conditions of Require that were joined by AuthMerging, the outermost first; each says how it joins what stands before it. */
struct required { uint32_t cond; enum wsr_merge merge; };

struct rules {
	struct required require[WSR_MAX_ACTIVE_LAYERS];
	uint32_t count, hosts, require_pos, hosts_pos;
	bool any;
};

/* mod_authz_core.c: merge_authz_core_dir_config */
static void add_required(struct rules *r, const struct wsr_layer *l)
{
	enum wsr_merge merge = (enum wsr_merge)((l->flags & WSR_LAYER_MERGE) >> WSR_LAYER_MERGE_SHIFT);
	if (merge == WSR_MERGE_OFF || (merge == WSR_MERGE_REPLACE && l->require != WSR_NONE))
		r->count = 0;
	if (l->require != WSR_NONE)
		r->require[r->count++] = (struct required){ l->require, merge };
}

static void rules_of(const struct wsr_eval *e, struct rules *r)
{
	r->count = 0;
	r->any = false;
	r->hosts = r->require_pos = r->hosts_pos = WSR_NONE;
	const struct wsr_httpd *s = e->httpd;
	for (uint32_t i = 0; i < s->layer_count; i++) {
		const struct wsr_layer *l = s->layers[i];
		add_required(r, l);
		if (l->require != WSR_NONE)
			r->require_pos = wsr_cond_at(e->table, l->require)->pos != WSR_NONE ? wsr_cond_at(e->table, l->require)->pos : l->pos;
		if (l->hosts != WSR_NONE) {
			r->hosts = l->hosts;
			r->hosts_pos = wsr_cond_at(e->table, l->hosts)->pos != WSR_NONE ? wsr_cond_at(e->table, l->hosts)->pos : l->pos;
		}
		if (l->flags & (WSR_LAYER_SATISFY_ANY | WSR_LAYER_SATISFY_ALL))
			r->any = l->flags & WSR_LAYER_SATISFY_ANY;
	}
}

static bool refuse(struct wsr_eval *e, unsigned status, uint32_t pos)
{
	wsr_trace(e, pos, "access refused", WSR_STR_NULL);
	wsr_decide_status(e, status, pos);
	return true;
}

static enum wsr_truth joined(enum wsr_truth a, enum wsr_truth b, bool and)
{
	enum wsr_truth settles = and ? WSR_FALSE : WSR_TRUE;
	if (a == settles || b == settles)
		return settles;
	return a == WSR_NEEDS_USER ? a : b;
}

static enum wsr_truth required(struct wsr_eval *e, const struct rules *r)
{
	enum wsr_truth all = WSR_TRUE;
	for (uint32_t i = 0; i < r->count; i++) {
		enum wsr_truth own = wsr_cond_eval(e, r->require[i].cond);
		all = i == 0 ? own : joined(all, own, r->require[i].merge == WSR_MERGE_AND);
	}
	return all;
}

/* An AuthType that no Require asks for is a mistake which httpd answers with 500 (mod_authz_core.c: authorize_user_core). */
static bool unused_type(struct wsr_eval *e)
{
	struct auth a = auth_of(e);
	if (a.basic)
		misconfigured(e, "AuthType is given, but no Require says who may come in", a.pos);
	return a.basic;
}

bool wsr_httpd_access(struct wsr_eval *e)
{
	struct rules r;
	rules_of(e, &r);
	bool host_ok = r.hosts == WSR_NONE || wsr_cond_eval(e, r.hosts) == WSR_TRUE;
	if (r.hosts != WSR_NONE && host_ok && r.any)
		return false;
	if (!host_ok && !r.any)
		return refuse(e, 403, r.hosts_pos);
	if (r.count == 0)
		return unused_type(e) || (!host_ok && refuse(e, 403, r.hosts_pos));
	enum wsr_truth truth = required(e, &r);
	if (truth == WSR_TRUE)
		return false;
	if (truth == WSR_FALSE)
		return refuse(e, 403, r.require_pos);
	struct auth a = auth_of(e);
	if (!authenticate(e, &a, r.require_pos))
		return true;
	if (required(e, &r) == WSR_TRUE)
		return false;
	e->httpd->user = WSR_STR_NULL;
	ask(e, &a, r.require_pos); /* somebody else may come in (AuthzSendForbiddenOnFailure Off) */
	return true;
}
