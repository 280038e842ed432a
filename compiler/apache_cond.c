/* SPDX-License-Identifier: BSD-2-Clause */
/* Building conditions: see apache_cond.h. In: leaves and groups in the order of the text. Out: interned trees whose sizes are right. */
#include "compiler/apache_cond.h"

void cond_init(struct cond_builder *b)
{
	pool_init(&b->nodes, sizeof(struct wsr_cond));
	pool_init(&b->places, sizeof(struct plan_place));
}

void cond_free(struct cond_builder *b)
{
	pool_free(&b->nodes);
	pool_free(&b->places);
}

static uint32_t push(struct lower *l, struct cond_builder *b, const struct wsr_cond *node, struct span at)
{
	struct plan_place place = lower_place(l, at);
	pool_push(&b->places, &place);
	return pool_push(&b->nodes, node);
}

void cond_leaf(struct lower *l, struct cond_builder *b, struct wsr_cond leaf, struct span at)
{
	leaf.size = 1;
	push(l, b, &leaf, at);
}

uint32_t cond_open(struct lower *l, struct cond_builder *b, enum wsr_cond_op op, unsigned flags, struct span at)
{
	struct wsr_cond group = { .op = (uint8_t)op, .flags = (uint8_t)flags, .size = 1 };
	return push(l, b, &group, at);
}

static void drop_first(struct pool *p, uint32_t index)
{
	memmove(pool_at(p, index), (char *)pool_at(p, index) + p->stride, (size_t)(p->count - index - 1) * p->stride);
	p->count--;
}

void cond_close(struct cond_builder *b, uint32_t index)
{
	struct wsr_cond *group = pool_at(&b->nodes, index);
	uint32_t size = b->nodes.count - index;
	if (size == 1) {
		group->flags ^= group->op == WSR_COND_OR ? WSR_COND_NOT : 0;
		group->op = WSR_COND_TRUE;
	} else if (((struct wsr_cond *)pool_at(&b->nodes, index + 1))->size == size - 1) {
		((struct wsr_cond *)pool_at(&b->nodes, index + 1))->flags ^= group->flags & WSR_COND_NOT;
		drop_first(&b->nodes, index);
		drop_first(&b->places, index);
		return;
	}
	group->size = (uint16_t)(size <= UINT16_MAX ? size : UINT16_MAX); /* a tree that large does not pass the verifier */
}

void cond_copy(struct lower *l, struct cond_builder *b, uint32_t root)
{
	uint32_t size = ((const struct wsr_cond *)pool_at(&l->plan->cond, root))->size;
	for (uint32_t i = 0; i < size; i++) {
		struct wsr_cond node = *(const struct wsr_cond *)pool_at(&l->plan->cond, root + i);
		struct plan_place place = { 0 };
		if (node.pos != WSR_NONE) {
			const struct wsr_pos *pos = pool_at(&l->plan->pos, node.pos);
			place = (struct plan_place){ .file = pos->file, .line = pos->line, .column = pos->column };
		}
		pool_push(&b->nodes, &node);
		pool_push(&b->places, &place);
	}
}

uint32_t cond_done(struct lower *l, struct cond_builder *b)
{
	struct wsr_list run = plan_run_at(l->plan, &l->plan->cond, b->nodes.data, b->nodes.count, offsetof(struct wsr_cond, pos),
					  (const struct plan_place *)(void *)b->places.data);
	b->nodes.count = b->places.count = 0;
	return run.first;
}
