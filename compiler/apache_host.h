/* SPDX-License-Identifier: BSD-2-Clause */
/* Main server and virtual hosts, as apache_host.c makes them and apache_listen.c gives them addresses. */
#ifndef COMPILER_APACHE_HOST_H
#define COMPILER_APACHE_HOST_H

#include "compiler/apache.h"

struct apache_vhost {
	const struct node *node;
	struct apache_host host;
	struct wsr_str name;        /* ServerName without port; the main server's where there is none; may be empty */
	const struct node *name_node; /* its ServerName; NULL when it has none of its own */
	uint32_t server;            /* its record */
	bool tls;
	bool reached;               /* some address leads to it */
	struct apache_vhost *next;
};

struct apache_vhosts {
	struct apache_vhost main_server;
	struct apache_vhost *first, *last; /* in the order of the text */
};

/** Checked tree -> plan. @param base  settings of nowhere: the defaults */
void lower_apache(struct lower *l, const struct level *base);

/** httpd's defaults over those of nginx, for a level that is not in Apache's language. */
void apache_default_settings(struct lower *l, struct level *lv);

/** Port of the first address of a <VirtualHost>; 0: every port, or no address. */
uint16_t apache_first_port(const struct node *vhost);
/** Listening addresses with their hosts and names. */
void apache_listens(struct lower *l, struct apache_vhosts *all);

#endif
