/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A question to an OCSP responder: see ocsp_query.h.
 *
 *   NAMING -> CONNECTING -> TALKING -> done;  an address that cannot be reached leads to the next one of the name, all else ends the query.
 *
 * Invariant: `done` is called from the loop only: what is known at once waits for the first turn in `start`.
 */
#include "runtime/ocsp_query.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/http.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runtime/tls.h"

#define NAME_MS 30000u /* for the name alone, at most */

struct ocsp_query {
	struct loop *loop;
	const struct ocsp_address *to;
	OCSP_REQUEST *request;
	struct resolve_name *name;  /* NULL: the address is given */
	struct resolve_wait wait;
	struct resolve_addr addr[RESOLVE_MAX_ADDRESSES];
	uint32_t addr_count, next_addr;
	int fd;                     /* -1 = none; the BIO's once there is one */
	struct event event;
	BIO *bio;
	OSSL_HTTP_REQ_CTX *http;    /* NULL: not connected yet */
	struct timer deadline;
	struct task start;
	char why[160];              /* of the last address */
	ocsp_done *done;
	void *owner;
};

bool ocsp_address(const char *url, struct ocsp_address *out)
{
	char *query = NULL;
	int tls = 0;

	*out = (struct ocsp_address){ 0 };
	if (!OSSL_HTTP_parse_url(url, &tls, NULL, &out->host, &out->port, &out->port_number, &out->path, &query, NULL)) {
		ERR_clear_error();
		return false;
	}
	size_t len = strlen(out->host), room = strlen(out->path) + (query ? strlen(query) : 0) + 2;
	if (len > 2 && out->host[0] == '[' && out->host[len - 1] == ']') {
		memmove(out->host, out->host + 1, len - 2);
		out->host[len - 2] = '\0';
	}
	char *whole = query && *query ? OPENSSL_malloc(room) : NULL;
	if (whole) {
		snprintf(whole, room, "%s?%s", out->path, query);
		OPENSSL_free(out->path);
		out->path = whole;
	}
	OPENSSL_free(query);
	if (!tls)
		return true;
	ocsp_address_clear(out);
	return false;
}

void ocsp_address_clear(struct ocsp_address *a)
{
	OPENSSL_free(a->host);
	OPENSSL_free(a->port);
	OPENSSL_free(a->path);
	*a = (struct ocsp_address){ 0 };
}

/* --- the connection ---------------------------------------------------------------------------------------------------- */

static void disconnect(struct ocsp_query *q)
{
	if (q->fd >= 0) {
		event_del(&q->event);
		event_debug_unassign(&q->event);
	}
	OSSL_HTTP_REQ_CTX_free(q->http);
	if (q->bio)
		BIO_free(q->bio);
	else if (q->fd >= 0)
		close(q->fd);
	q->http = NULL;
	q->bio = NULL;
	q->fd = -1;
}

void ocsp_query_cancel(struct ocsp_query *q)
{
	if (!q)
		return;
	disconnect(q);
	timer_clear(q->loop, &q->deadline);
	loop_cancel(&q->start);
	resolve_forget(&q->wait);
	resolve_release(q->name);
	OCSP_REQUEST_free(q->request);
	free(q);
}

static void finish(struct ocsp_query *q, OCSP_RESPONSE *response, const char *why)
{
	char text[sizeof(q->why)];
	ocsp_done *done = q->done;
	void *owner = q->owner;

	snprintf(text, sizeof(text), "%s", why);
	ocsp_query_cancel(q);
	done(owner, response, text);
}

static void on_event(evutil_socket_t fd, short what, void *arg);

static bool wait_for(struct ocsp_query *q, short what)
{
	event_assign(&q->event, q->loop->base, q->fd, what, on_event, q);
	return event_add(&q->event, NULL) == 0;
}

static bool set_host(struct ocsp_query *q)
{
	char host[300];
	bool v6 = strchr(q->to->host, ':') != NULL;

	snprintf(host, sizeof(host), "%s%s%s%s%s", v6 ? "[" : "", q->to->host, v6 ? "]" : "", q->to->port_number == 80 ? "" : ":", q->to->port_number == 80 ? "" : q->to->port);
	return OSSL_HTTP_REQ_CTX_add1_header(q->http, "Host", host) == 1;
}

static bool ask(struct ocsp_query *q)
{
	q->bio = BIO_new_socket(q->fd, BIO_CLOSE);
	q->http = q->bio ? OSSL_HTTP_REQ_CTX_new(q->bio, q->bio, 0) : NULL;
	if (!q->http || OSSL_HTTP_REQ_CTX_set_request_line(q->http, 1, NULL, NULL, q->to->path) != 1 || !set_host(q) ||
	    OSSL_HTTP_REQ_CTX_set_expected(q->http, "application/ocsp-response", 1, 0, 0) != 1 ||
	    OSSL_HTTP_REQ_CTX_set1_req(q->http, "application/ocsp-request", ASN1_ITEM_rptr(OCSP_REQUEST), (const ASN1_VALUE *)q->request) != 1)
		return false;
	OSSL_HTTP_REQ_CTX_set_max_response_length(q->http, OCSP_QUERY_MAX_BYTES);
	return true;
}

static void talk(struct ocsp_query *q)
{
	OCSP_RESPONSE *response = NULL;
	char text[120];

	ERR_clear_error();
	int got = OSSL_HTTP_REQ_CTX_nbio_d2i(q->http, (ASN1_VALUE **)(void *)&response, ASN1_ITEM_rptr(OCSP_RESPONSE));
	if (got == -1 && wait_for(q, BIO_should_write(q->bio) ? EV_WRITE : EV_READ))
		return;
	if (got == 1 && response) {
		finish(q, response, "");
		OCSP_RESPONSE_free(response);
		return;
	}
	finish(q, NULL, tls_error_text(text, sizeof(text), "no response"));
}

/* --- addresses --------------------------------------------------------------------------------------------------------- */

static socklen_t socket_address(const struct ocsp_query *q, const struct resolve_addr *a, struct sockaddr_storage *out)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons((uint16_t)q->to->port_number) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)q->to->port_number) };

	if (a->family == 4) {
		memcpy(&v4.sin_addr, a->bytes, 4);
		memcpy(out, &v4, sizeof(v4));
		return sizeof(v4);
	}
	memcpy(&v6.sin6_addr, a->bytes, 16);
	memcpy(out, &v6, sizeof(v6));
	return sizeof(v6);
}

static bool connect_to(struct ocsp_query *q, const struct resolve_addr *a)
{
	struct sockaddr_storage address;
	socklen_t len = socket_address(q, a, &address);

	q->fd = socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (q->fd < 0)
		return false;
	if ((connect(q->fd, (struct sockaddr *)&address, len) == 0 || errno == EINPROGRESS) && wait_for(q, EV_WRITE))
		return true;
	int error = errno;
	close(q->fd);
	q->fd = -1;
	errno = error;
	return false;
}

/* From the loop. */
static void try_next(struct ocsp_query *q)
{
	while (q->next_addr < q->addr_count) {
		if (connect_to(q, &q->addr[q->next_addr++]))
			return;
		snprintf(q->why, sizeof(q->why), "connect failed: %s", strerror(errno));
	}
	finish(q, NULL, q->why);
}

static void on_event(evutil_socket_t fd, short what, void *arg)
{
	struct ocsp_query *q = arg;
	int error = 0;
	socklen_t len = sizeof(error);

	(void)what;
	loop_now(q->loop);
	if (q->http) {
		talk(q);
		return;
	}
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 || error) {
		snprintf(q->why, sizeof(q->why), "connect failed: %s", strerror(error));
		disconnect(q);
		try_next(q);
		return;
	}
	if (ask(q))
		talk(q);
	else
		finish(q, NULL, "out of memory");
}

static void on_deadline(struct timer *t)
{
	finish(container_of(t, struct ocsp_query, deadline), NULL, "timed out");
}

static void on_named(struct resolve_wait *w)
{
	struct ocsp_query *q = container_of(w, struct ocsp_query, wait);

	q->addr_count = q->name->count;
	memcpy(q->addr, q->name->addr, q->name->count * sizeof(q->addr[0]));
	snprintf(q->why, sizeof(q->why), "host could not be resolved: %s", q->name->why);
	try_next(q);
}

static void on_start(struct task *t)
{
	struct ocsp_query *q = container_of(t, struct ocsp_query, start);

	if (!q->name)
		try_next(q);
	else if (resolve_refresh(q->name))
		on_named(&q->wait);
	else
		resolve_wait(q->name, &q->wait);
}

/* A nonce would keep responders from answering out of a cache; the response's dates do instead. */
static OCSP_REQUEST *request_about(const OCSP_CERTID *id)
{
	OCSP_REQUEST *request = OCSP_REQUEST_new();
	OCSP_CERTID *own = OCSP_CERTID_dup(id);

	if (request && own && OCSP_request_add0_id(request, own))
		return request;
	OCSP_CERTID_free(own);
	OCSP_REQUEST_free(request);
	return NULL;
}

static bool is_address(struct ocsp_query *q)
{
	q->addr[0].family = inet_pton(AF_INET, q->to->host, q->addr[0].bytes) == 1 ? 4 : inet_pton(AF_INET6, q->to->host, q->addr[0].bytes) == 1 ? 6 : 0;
	q->addr_count = q->addr[0].family != 0;
	return q->addr_count;
}

struct ocsp_query *ocsp_query_new(struct loop *loop, struct resolvers *resolvers, struct wsr_str servers, const struct ocsp_address *to, const OCSP_CERTID *about,
				  uint64_t timeout_ms, ocsp_done *done, void *owner)
{
	struct ocsp_query *q = calloc(1, sizeof(*q));

	if (!q)
		return NULL;
	*q = (struct ocsp_query){ .loop = loop, .to = to, .fd = -1, .done = done, .owner = owner, .start.fn = on_start, .wait.fn = on_named, .deadline.fn = on_deadline };
	q->request = request_about(about);
	if (!q->request || (!is_address(q) && !(q->name = resolve_get(resolvers, wsr_cstr(to->host), servers, 0, timeout_ms < NAME_MS ? timeout_ms : NAME_MS)))) {
		ocsp_query_cancel(q);
		return NULL;
	}
	timer_set(loop, &q->deadline, timeout_ms);
	loop_later(loop, &q->start);
	return q;
}
