/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of the built-in variables: in goes a name as written behind "$", out comes the id that tables carry. Used by the compiler, by dump and
 * by messages; no request passes through here. Exact names win over the families (http_, arg_ ...), so that $http_host keeps its own row.
 */
#include "eval/wsr_eval.h"

enum var_source { PURE, WORLD, PREFIX };

static const struct { struct wsr_str name; enum var_source source; } VARS[WSR_VAR_MAX] = {
#define WSR_VAR(symbol, text, from, sentence) { { text, sizeof(text) - 1 }, from },
#include "eval/variables.def"
};

enum wsr_var_id wsr_var_find(struct wsr_str name, struct wsr_str *suffix)
{
	enum wsr_var_id family = WSR_VAR_MAX;
	*suffix = WSR_STR_NULL;
	for (unsigned id = 0; id < WSR_VAR_MAX; id++) {
		struct wsr_str v = VARS[id].name;
		if (VARS[id].source != PREFIX) {
			if (wsr_str_eq(v, name))
				return (enum wsr_var_id)id;
		} else if (family == WSR_VAR_MAX && name.len > v.len && memcmp(name.ptr, v.ptr, v.len) == 0) {
			family = (enum wsr_var_id)id;
		}
	}
	if (family != WSR_VAR_MAX)
		*suffix = wsr_str(name.ptr + VARS[family].name.len, name.len - VARS[family].name.len);
	return family;
}

const char *wsr_var_name(enum wsr_var_id id)
{
	return (unsigned)id < WSR_VAR_MAX ? VARS[id].name.ptr : "?";
}
