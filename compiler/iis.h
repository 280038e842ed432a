/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IIS configuration (web.config): reading and meaning. An element is a node whose first word is its name and whose further words are its attributes as
 * "name=value", entities resolved; children stand below it. What may stand where is told by grammar/iis.def.
 */
#ifndef COMPILER_IIS_H
#define COMPILER_IIS_H

#include "compiler/lower.h"

/** Read a source; its elements become children of root. Errors of XML and unknown elements and attributes are reported. */
void iis_read(struct compiler *cc, uint32_t file, struct node *root);

/** Value of an attribute; def when it is missing. */
struct wsr_str iis_attribute(const struct node *n, const char *name, const char *def);
/** The word of an attribute for messages; the element's name when it is missing. */
const struct word *iis_word(const struct node *n, const char *name);
bool iis_flag(const struct node *n, const char *name, bool def);
/** First child element of this name; NULL. */
const struct node *iis_child(const struct node *n, const char *name);

/** Tree -> plan. @param base  the defaults */
void lower_iis(struct lower *l, const struct level *base);

/* iis_rule.c */
struct iis_site {
	struct lower *l;
	struct apache_section *section; /* the host's own layer */
	const struct node *maps;    /* <rewriteMaps>; NULL */
};
void iis_rules(struct iis_site *site, const struct node *rules);
/** <httpRedirect>, behind the rules. */
void iis_redirect(struct iis_site *site, const struct node *redirect);
void iis_outbound_rules(struct iis_site *site, const struct node *rules);

/** iis_text.c: template of a text with {R:1}, {C:1}, {HTTP_HOST}, {ToLower:...}, {Map:...}. */
uint32_t iis_text(struct iis_site *site, const struct node *n, const struct word *w, struct wsr_str text);

#endif
