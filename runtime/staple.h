/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a certificate's authority says about it, for the handshake (OCSP stapling, RFC 6066 section 8). Of one worker: responses belong to certificates, not to TLS
 * contexts, so they outlive contexts that are made anew and reloads that leave certificate and settings as they are.
 *
 * A handshake never waits: it takes what is there. Asking begins when a certificate comes into use and again, at its next handshakes, before the response runs out.
 *
 * Invariant: handed out as good is only what the authority signed about this very certificate and what is valid at that moment.
 */
#ifndef RUNTIME_STAPLE_H
#define RUNTIME_STAPLE_H

#include <openssl/ssl.h>

#include "runtime/loop.h"
#include "table/wsr_format.h"
#include "table/wsr_str.h"

#define STAPLES_MAX 4096u       /* certificates of one worker with a response, some 3 KB each; those in use go before the others */
#define STAPLE_QUERIES_MAX 8u   /* questions at a time; the others ask at a later handshake */

struct staples;

/** @param log  one sentence for the error log; called when an outcome is another than before, not once a handshake. bad: something is wrong, else it is well again */
struct staples *staples_new(struct loop *loop, void (*log)(void *ctx, bool bad, const char *text), void *log_ctx);

/** Settings of a certificate's staple, borrowed. */
struct staple_settings {
	struct wsr_str name;        /* of the certificate, for the log */
	struct wsr_str responder;   /* URL in place of the certificate's own; empty = that one */
	struct wsr_str servers;     /* name servers, as for resolve_get() */
	struct wsr_str trusted[2];  /* with `verify`: authorities, PEM */
	bool verify;                /* the responder's chain must end in one of them; otherwise it is the issuer, or has its certificate from the issuer */
	bool errors;                /* what the responder says is handed out even when it cannot be used */
	bool try_later;             /* no answer becomes "try later" */
	bool revoked;               /* a response that can be used and brings bad news is handed out */
	uint64_t timeout_ms;        /* of a question */
	uint32_t valid_s, error_s;  /* until the next question after an answer, after none */
	uint32_t skew_s;            /* by so much clocks may differ */
	uint32_t max_age_s;         /* oldest answer, WSR_NONE = any */
};

/**
 * Staple to this certificate of a context from now on: with what is known already, or after asking. The attachment ends with the certificate object.
 * @param issuer  NULL: there is none to be found, which is logged
 * @param chain   further certificates to look for the responder's among; may be NULL
 * @return false without memory
 */
bool staple_attach(struct staples *all, X509 *cert, X509 *issuer, STACK_OF(X509) *chain, const struct staple_settings *set);

/** Is this the DER of an OCSP response? */
bool staple_file_holds(struct wsr_str der);
/** Staple this, whatever it says, as nginx does. @param der  must outlive the context's handshakes */
bool staple_attach_file(X509 *cert, struct wsr_str der);

/** SSL_CTX_set_tlsext_status_cb(3) of contexts whose certificates may have a staple. */
int staple_on_status(SSL *ssl, void *arg);

#endif
