/* SPDX-License-Identifier: BSD-2-Clause */
/* What the lowering of locations and of rewrite statements need of each other. */
#ifndef COMPILER_LOWER_PROGRAM_H
#define COMPILER_LOWER_PROGRAM_H

#include "compiler/lower.h"

/** Program of the rewrite statements in a block; WSR_NONE without any. lv holds the block's settings. */
uint32_t lower_program(struct lower *l, struct level *lv, const struct node *block);
/** Location of kind IF for an `if` block inside the location lv->location. @return its index. */
uint32_t lower_if_location(struct lower *l, struct level *lv, const struct node *n);
/** Locations of a block: a server's (outer = NULL) or nested ones. @return scope index or WSR_NONE. */
uint32_t lower_scope(struct lower *l, struct level *lv, const struct node *block, unsigned depth);
/** proxy_redirect of an http or server block. */
void lower_level_redirects(struct lower *l, struct level *lv, const struct node *block);

/** Pools of servers and addresses; their records once all servers are known. */
void lower_servers_init(struct lower *l);
void lower_listens(struct lower *l);
/** Pools of scopes. */
void lower_scopes_init(struct lower *l);

#endif
