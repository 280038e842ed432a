/* SPDX-License-Identifier: BSD-2-Clause */
/* Targets of TLS without SSLProxyEngine. */
#ifndef COMPILER_APACHE_ENGINE_H
#define COMPILER_APACHE_ENGINE_H

#include "compiler/lower.h"

/** Report each target of https: and wss: in a place where no SSLProxyEngine is on. */
void apache_engine_check(struct lower *l);

#endif
