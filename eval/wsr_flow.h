/* SPDX-License-Identifier: BSD-2-Clause */
/* Steps of an evaluation that programs, the flow and its ends share. Private to eval. */
#ifndef WSR_FLOW_H
#define WSR_FLOW_H

#include "eval/wsr_value.h"

/** How a program ended. */
enum wsr_program_end {
	WSR_PROGRAM_GO_ON,          /* nothing decided */
	WSR_PROGRAM_SEARCH,         /* the URI changed: look for a location again */
	WSR_PROGRAM_DECIDED,        /* e->decision is made */
};

/** Run a rewrite program (WSR_NONE: none). */
enum wsr_program_end wsr_program_run(struct wsr_eval *e, uint32_t program);

/** Take over the settings of a location record (an `if` block's included). */
void wsr_flow_use(struct wsr_eval *e, uint32_t location);

/** Go on with another URI of the same server ("/...", from the server's program on) or a named location ("@..."), and decide there. */
void wsr_flow_redirect(struct wsr_eval *e, struct wsr_str uri, struct wsr_str args, uint32_t pos);
/** The same with the arguments behind a "?" in uri. */
void wsr_flow_redirect_url(struct wsr_eval *e, struct wsr_str url, uint32_t pos);

/** The server's phases from their beginning for another path. */
void wsr_flow_go(struct wsr_eval *e, struct wsr_str uri, struct wsr_str args);

/** Answer with a status: error_page, or a page of our own. */
void wsr_decide_status(struct wsr_eval *e, unsigned status, uint32_t pos);
/** Answer with a redirect; location "/..." is made absolute as the settings say. */
void wsr_decide_redirect(struct wsr_eval *e, unsigned status, struct wsr_str location, uint32_t pos);
/** Answer with a text as it is. */
void wsr_decide_text(struct wsr_eval *e, unsigned status, struct wsr_str text, uint32_t pos);
void wsr_decide_close(struct wsr_eval *e, uint32_t pos);
/** Pass to the upstream of the current location. */
void wsr_decide_proxy(struct wsr_eval *e, const struct wsr_proxy *p);
/** Has the request a key that a WebSocket handshake can be proved with: 16 bytes in base64 (RFC 6455 section 4.1)? */
bool wsr_is_websocket_handshake(const struct wsr_head *h);
/** Serve the file of the current URI below root or alias. */
void wsr_decide_file(struct wsr_eval *e, uint32_t pos);
/** try_files of the current location: sets e->uri to the first candidate that is there. @return true if it made a decision instead. */
bool wsr_try_files(struct wsr_eval *e, uint32_t pos);
/** An empty decision of this kind. */
struct wsr_decision *wsr_decide(struct wsr_eval *e, enum wsr_decision_kind kind, uint32_t pos);

/** Page of our own that says the status, with our version or without; { NULL, 0 } out of memory. */
struct wsr_str wsr_status_page(struct wsr_arena *a, unsigned status, bool version);

/** Type of the current URI by its extension, or default_type; may be empty. */
struct wsr_str wsr_content_type(struct wsr_eval *e);

static inline void wsr_trace(struct wsr_eval *e, uint32_t pos, const char *what, struct wsr_str detail)
{
	if (__builtin_expect(e->trace != NULL, 0))
		e->trace(e->trace_ctx, pos, what, detail);
}

/** Is this a status whose answer carries a Location of ours? */
static inline bool wsr_is_redirect(unsigned status)
{
	return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

#endif
