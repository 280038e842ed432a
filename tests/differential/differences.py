# SPDX-License-Identifier: BSD-2-Clause
"""What may differ between nginx and wsrpd, and why: the list which the differential tests are read with.

NEUTRAL applies to every comparison: parts of a record that say nothing about the configuration's meaning.  NAMED applies to
the cases that list the name.  Each entry is a function which changes both records (the row's and both sides' data) so
that only this difference vanishes, and its doc string is the reason.
"""

import re

NEUTRAL = []
NAMED = {}


def neutral(function):
    NEUTRAL.append(function)
    return function


def named(function):
    NAMED[function.__name__.replace("_", " ")] = function
    return function


def without(fields, *names):
    return [(name, value) for name, value in fields if name.lower() not in names]


@neutral
def own_name_and_time(_row, one):
    """Server and Date are each program's own."""
    if "fields" in one:
        one["fields"] = without(one["fields"], "server", "date")


@neutral
def error_pages(row, one):
    """Error pages are short HTML of our own; their presence is compared, their text is not."""
    body = one.get("body", b"")
    page = re.search(rb"<html", body, re.I) and re.search(rb"<(?:center|h1)>", body, re.I)
    bodiless = row.method == "HEAD" and ("content-type", "text/html") in [(name.lower(), value) for name, value in one.get("fields", ())] and not one["upstream"]
    if one.get("status", 0) >= 300 and (page or bodiless):
        one["body"] = b"(error page)"
        one["fields"] = [(name, "(page)" if name.lower() == "content-length" else value) for name, value in one["fields"]]


@neutral
def persistence(_row, one):
    """"Connection: keep-alive" towards an HTTP/1.1 client only repeats the default (RFC 9112 section 9.3)."""
    if "fields" in one:
        one["fields"] = [(n, v) for n, v in one["fields"] if (n.lower(), v.lower()) != ("connection", "keep-alive")]


@neutral
def unread_body(row, one):
    """We close a connection whose request body was not read to its end; nginx reads it first."""
    if row.body and "fields" in one:
        one["fields"] = [(n, v) for n, v in one["fields"] if (n.lower(), v.lower()) != ("connection", "close")]


@neutral
def interim_answers(_row, one):
    """When a 100 is sent is each server's own matter (RFC 9110 section 15.2.1); other 1xx have a test of their own."""
    one.pop("interim", None)


@neutral
def allowed_methods(_row, one):
    """A 405 names the methods that are allowed (RFC 9110 section 15.5.6); nginx leaves that out."""
    if one.get("status") == 405:
        one["fields"] = without(one["fields"], "allow")


@neutral
def answer_framing(_row, one):
    """nginx reads an upstream's answer before it frames it; we stream it as it was framed. The decoded bodies are compared."""
    if "fields" in one:
        one["fields"] = without(one["fields"], "transfer-encoding")
        if one.get("upstream"):
            one["fields"] = without(one["fields"], "content-length")
    one.pop("framing", None)


@neutral
def upstream_version(_row, one):
    """HTTP/1.1 with keep-alive is our default towards upstreams (nginx: 1.0 before 1.29.7), so version, reuse and "Connection: close" differ."""
    for request in one["upstream"]:
        request.pop("version", None)
        request.pop("reused", None)
        request["fields"] = [(n, v) for n, v in request.get("fields", ()) if not (n.lower() == "connection" and v.lower() in ("close", "keep-alive"))]


@neutral
def request_framing(_row, one):
    """nginx reads a request's body before it forwards it, with a Content-Length; we stream it, so chunks stay chunks."""
    for request in one["upstream"]:
        request["fields"] = without(request.get("fields", ()), "content-length", "transfer-encoding")
        request.pop("framing", None)


@neutral
def field_order(_row, one):
    """Only fields with the same name have an order (RFC 9110 section 5.3)."""
    for holder in [one] + one["upstream"]:
        if "fields" in holder:
            holder["fields"] = sorted(((n.lower(), v) for n, v in holder["fields"]), key=lambda pair: pair[0])


@named
def refusal(row, one):
    """Stricter parsing: what nginx repairs or lets through in a malformed request is a 400 of ours."""
    if row.raw is not None:
        one.clear()
        one["upstream"] = []


@named
def upgrade_recipe(_row, one):
    """The Upgrade/Connection recipe is the route property `websocket on`: its fields are sent with a WebSocket handshake only."""
    for request in one["upstream"]:
        if "101" not in str(one.get("status")):
            request["fields"] = without(request["fields"], "connection", "upgrade")
        else:
            request["fields"] = [(n, v.lower() if n.lower() in ("connection", "upgrade") else v) for n, v in request["fields"]]


@named
def listed_in_connection(_row, one):
    """Names listed in the client's Connection field are hop-by-hop and are removed (RFC 9110 section 7.6.1), Trailer with the trailers; nginx passes them on."""
    for request in one["upstream"]:
        request["fields"] = without(request["fields"], "x-named")
        request["fields"] = without(request["fields"], "te", "keep-alive", "trailer")


@named
def always_a_host(row, one):
    """Towards an HTTP/1.1 upstream there is always a Host field, also where its text is empty; nginx then sends HTTP/1.0 without one."""
    if row.host is None:
        for request in one["upstream"]:
            request["fields"] = without(request["fields"], "host")


@named
def escaped_again(_row, one):
    """A blank that a capture or $uri has decoded is escaped again; nginx sends a request line that does not parse."""
    if any(request.get("violation") or "%20" in request.get("target", "") for request in one["upstream"]):
        one.clear()
        one["upstream"] = []


@named
def overload(_row, one):
    """At worker_connections nginx drops the new connection; our listener pauses until one is free."""
    one.clear()
    one["upstream"] = []


@named
def injection(_row, one):
    """A decoded CR or LF from a variable never reaches a field or a request line, whatever the configuration says."""
    one.clear()
    one["upstream"] = []


@named
def time_out_answer(_row, one):
    """A client that is too slow is told so with a 408 where nginx closes without a word, or the other way round."""
    if one.get("status") == 408 or one.get("end") in ("closed", "cut"):
        one.clear()
        one.update(end="timed out", upstream=[])


@named
def folder_listing(row, one):
    """Folders are not listed: 403 where nginx has autoindex, and the compiler says so."""
    if row.target.endswith("/list/") and one.get("status") in (200, 403):
        one.clear()
        one.update(status="listed or refused", upstream=[])
