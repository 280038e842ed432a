/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Content types of files: the built-in list, which stands for httpd's mime.types, and the AddType and RemoveType lines of a block and of those around it; the
 * nearest line about an extension counts. In: the first of them in a block, or the default of TypesConfig. Out: the MIME table of the level.
 */
#include "compiler/apache.h"

static void add(struct lower *l, struct plan_table *t, struct wsr_str extension, wsr_sref type)
{
	if (extension.len > 1 && extension.ptr[0] == '.')
		extension = wsr_str(extension.ptr + 1, extension.len - 1);
	plan_table_add(t, l->plan, plan_str_lower(l->plan, extension), type); /* what is there already is nearer and stays */
}

static bool is_named(const struct node *n, const char *name)
{
	return n->def && !n->bad && strcmp(n->def->name, name) == 0;
}

static bool is_add_type(const struct node *n)
{
	return is_named(n, "AddType");
}

/* RemoveType takes away what stands around its block, not what AddType of the same block says (mod_mime: merge_mime_dir_configs). */
static void remove_types(struct lower *l, struct plan_table *t, const struct node *first)
{
	for (const struct node *n = first; n; n = n->next)
		for (unsigned i = 0; is_named(n, "RemoveType") && i < node_arg_count(n); i++)
			add(l, t, arg_str(n, i), plan_str(l->plan, WSR_STR("")));
}

/* Lines of one block, the last one first. */
static void add_backwards(struct lower *l, struct plan_table *t, const struct node *first)
{
	const struct node **lines = NULL;
	size_t count = 0, cap = 0;

	for (const struct node *n = first; n; n = n->next) {
		if (!is_add_type(n))
			continue;
		lines = arena_grow(&l->cc->arena, lines, count, &cap, sizeof(*lines));
		lines[count++] = n;
	}
	while (count-- > 0) {
		wsr_sref type = plan_str(l->plan, arg_str(lines[count], 0));
		for (unsigned i = node_arg_count(lines[count]) - 1; i > 0; i--)
			add(l, t, arg_str(lines[count], i), type);
	}
}

static const struct { const char *type, *extensions; } builtin[] = {
#define MIME(type, extensions) { type, extensions },
#include "grammar/mime.def"
};
#define BUILTIN_COUNT (sizeof(builtin) / sizeof(*builtin))
#define BUILTIN_EXTENSIONS 512u /* room; the list has about two for each type */
_Static_assert(BUILTIN_COUNT * 3 <= BUILTIN_EXTENSIONS, "room for the built-in types");

static void add_builtin(struct lower *l, struct plan_table *t)
{
	for (size_t i = 0; i < BUILTIN_COUNT; i++) {
		wsr_sref type = plan_str(l->plan, wsr_cstr(builtin[i].type));
		for (const char *p = builtin[i].extensions; *p;) {
			size_t len = strcspn(p, " ");
			add(l, t, wsr_str(p, len), type);
			p += len + strspn(p + len, " ");
		}
	}
}

void lower_apache_types(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	uint32_t count = BUILTIN_EXTENSIONS;
	struct plan_table t;

	(void)arg;
	if (level_has(lv, SET_types))
		return;
	for (const struct node *block = n->parent; block; block = block->parent)
		NODE_EACH_CHILD(child, block)
			count += is_add_type(child) || is_named(child, "RemoveType") ? child->word_count : 0;
	plan_table_init(&t, count);
	for (const struct node *block = n->parent; block; block = block->parent) {
		add_backwards(l, &t, block->first_child);
		remove_types(l, &t, block->first_child);
	}
	add_builtin(l, &t);
	lv->s.file.types.v = lower_mime_index(l, &t);
	level_mark(lv, SET_types);
	if (l->defaults) {
		lv->s.file.default_type.v = plan_str(l->plan, wsr_str("", 0)); /* httpd 2.4: none */
		level_mark(lv, SET_default_type);
	}
}

/* Our own language: the block says all that differs from the list, whatever stands around it. */
void lower_httpd_types_add(struct lower *l, struct level *lv, const struct node *n, unsigned arg)
{
	uint32_t count = BUILTIN_EXTENSIONS;
	struct plan_table t;

	(void)arg;
	NODE_EACH_CHILD(c, n)
		count += c->word_count;
	plan_table_init(&t, count);
	NODE_EACH_CHILD(c, n)
		for (unsigned i = 0; !c->bad && i < node_arg_count(c); i++)
			add(l, &t, arg_str(c, i), plan_str(l->plan, word_str(&c->words[0])));
	add_builtin(l, &t);
	lv->s.file.types.v = lower_mime_index(l, &t);
	level_mark(lv, SET_types);
}
