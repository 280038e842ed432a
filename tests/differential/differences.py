# SPDX-License-Identifier: BSD-2-Clause
"""What may differ between nginx and wsrpd, and why: the list which the differential tests are read with (see neutral.py)."""

import re

from neutral import Differences, answer_framing, field_order, interim_answers, not_compared, own_connection, own_name_and_time, reason_phrase, request_framing, too_slow, without

LIST = Differences()
neutral, named = LIST.add, LIST.add_named

neutral(own_name_and_time)


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


neutral(interim_answers)


@neutral
def allowed_methods(_row, one):
    """A 405 names the methods that are allowed (RFC 9110 section 15.5.6); nginx leaves that out."""
    if one.get("status") == 405:
        one["fields"] = without(one["fields"], "allow")


neutral(answer_framing)


@neutral
def upstream_version(_row, one):
    """HTTP/1.1 with keep-alive is our default towards upstreams (nginx: 1.0 before 1.29.7), so version and reuse differ."""
    for request in one["upstream"]:
        request.pop("version", None)
        request.pop("reused", None)


neutral(request_framing)
neutral(own_connection)
neutral(field_order)
neutral(reason_phrase)


@named
def refusal(row, one):
    """Stricter parsing: what nginx repairs or lets through in a malformed request is a 400 of ours."""
    if row.raw is not None:
        not_compared(one)


@named
def get_without_body(row, one):
    """The place that X-Accel-Redirect names is asked for with GET: nginx sends the body of a POST along, we do not."""
    for request in one["upstream"][1:] if row.method == "POST" else []:
        request["body"] = b""


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
        not_compared(one)


@named
def overload(_row, one):
    """At worker_connections nginx drops the new connection; our listener pauses until one is free."""
    not_compared(one)


@named
def injection(_row, one):
    """A decoded CR or LF from a variable never reaches a field or a request line, whatever the configuration says."""
    not_compared(one)


@named
def time_out_answer(_row, one):
    """A client that is too slow is told so with a 408 where nginx closes without a word, or the other way round."""
    too_slow(one)


@named
def folder_listing(row, one):
    """Folders are not listed: 403 where nginx has autoindex, and the compiler says so."""
    if row.target.endswith("/list/") and one.get("status") in (200, 403):
        not_compared(one, status="listed or refused")
