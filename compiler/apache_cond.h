/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Conditions under construction: nodes in preorder, children behind their parent (wsr_format_httpd.h). Open a group, add leaves and groups, close it; the result is one tree.
 */
#ifndef COMPILER_APACHE_COND_H
#define COMPILER_APACHE_COND_H

#include "compiler/lower.h"

struct cond_builder {
	struct pool nodes;          /* struct wsr_cond */
	struct pool places;         /* struct plan_place */
};

void cond_init(struct cond_builder *b);
void cond_free(struct cond_builder *b);
/** A node without children. */
void cond_leaf(struct lower *l, struct cond_builder *b, struct wsr_cond leaf, struct span at);
/** AND or OR; everything until cond_close() with this index stands below it. @return its index */
uint32_t cond_open(struct lower *l, struct cond_builder *b, enum wsr_cond_op op, unsigned flags, struct span at);
/** A group of one child is replaced by that child; one without any by TRUE (AND) or its contrary (OR). */
void cond_close(struct cond_builder *b, uint32_t index);
/** Append a tree that was interned before. */
void cond_copy(struct lower *l, struct cond_builder *b, uint32_t root);
/** Intern what was built: one tree. @return index of its root; the builder is empty again. */
uint32_t cond_done(struct lower *l, struct cond_builder *b);

#endif
