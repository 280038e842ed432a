/* SPDX-License-Identifier: BSD-2-Clause */
/* What the reader of ap_expr needs of its neighbours; its own functions stand in apache.h. */
#ifndef COMPILER_APACHE_EXPR_H
#define COMPILER_APACHE_EXPR_H

#include "compiler/apache.h"

/** Record of a network. @return its index among the access rules */
uint32_t apache_network_record(struct lower *l, const struct wsr_access_rule *rule, struct span at);

#endif
