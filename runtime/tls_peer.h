/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What httpd asks of a backend's own certificate once the handshake is done, whether or not its chain is verified: SSLProxyCheckPeerName, -CN and -Expire.
 */
#ifndef WSRP_RUNTIME_TLS_PEER_H
#define WSRP_RUNTIME_TLS_PEER_H

#include <stdbool.h>

#include <openssl/ssl.h>

struct tls_peer_checks {
	bool name;    /* one of its DNS names or common names is that of the target */
	bool cn;      /* its first common name is; not looked at with `name` */
	bool dates;   /* it is valid now */
};

/**
 * @param name  of the target, without port; "" = none, then names are not compared
 * @return NULL when all that is asked holds, else why not
 */
const char *tls_peer_refused(SSL *ssl, const struct tls_peer_checks *asked, const char *name);

#endif
