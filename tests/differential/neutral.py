# SPDX-License-Identifier: BSD-2-Clause
"""Lists of what may differ between a judge and wsrpd, and the entries that all judges share.

differences.py (nginx) and httpd/known.py (httpd) each fill a Differences.  An entry is a function of a row and its record which changes the
record of either side so that only this difference vanishes; its doc string is the reason.
"""

import copy


class Differences:
    """What may differ from one judge.  `always` applies to every comparison, `by_name` to the cases that list the name; some of these are `deliberate`."""

    def __init__(self):
        self.always = []
        self.by_name = {}
        self.deliberate = []  # names of what is done otherwise for the sake of safety

    def add(self, function):
        self.always.append(function)
        return function

    def add_named(self, function):
        self.by_name[function.__name__.replace("_", " ")] = function
        return function

    def add_deliberate(self, function):
        self.deliberate.append(function.__name__.replace("_", " "))
        return self.add_named(function)

    def without(self, case, row, record):
        """A copy of a row's record without what may differ."""
        record = copy.deepcopy(record)
        for function in self.always + [self.by_name[name] for name in case.differs]:
            function(row, record)
        return record


# --- what entries are made of ---------------------------------------------------------------------------------------

def without(fields, *names):
    return [(name, value) for name, value in fields if name.lower() not in names]


def not_compared(one, **said):
    """Nothing is left of a record but what is `said` of it."""
    one.clear()
    one.update(said, upstream=[])


def too_slow(one):
    """All ways to end with a client that is too slow are one."""
    if one.get("status") == 408 or one.get("end") in ("closed", "cut"):
        not_compared(one, end="timed out")


# --- entries of every list ------------------------------------------------------------------------------------------

def own_name_and_time(_row, one):
    """Server and Date are each program's own."""
    if "fields" in one:
        one["fields"] = without(one["fields"], "server", "date")


def interim_answers(_row, one):
    """When a 100 is sent is each server's own matter (RFC 9110 section 15.2.1)."""
    one.pop("interim", None)


def answer_framing(_row, one):
    """How a body of unknown length is framed is each hop's own (RFC 9112 section 6); the decoded bodies are compared."""
    if "fields" in one:
        one["fields"] = without(one["fields"], "transfer-encoding")
        if one.get("upstream"):
            one["fields"] = without(one["fields"], "content-length")
    one.pop("framing", None)


def request_framing(_row, one):
    """A request's body is streamed, so chunks stay chunks; nginx and httpd read a body before they forward it with a Content-Length (httpd a short one)."""
    for request in one["upstream"]:
        request["fields"] = without(request.get("fields", ()), "content-length", "transfer-encoding")
        request.pop("framing", None)


def own_connection(_row, one):
    """"Connection: close" and "keep-alive" to a backend are the hop's own."""
    for request in one["upstream"]:
        request["fields"] = [(n, v) for n, v in request.get("fields", ()) if not (n.lower() == "connection" and v.lower() in ("close", "keep-alive"))]


def field_order(_row, one):
    """Only fields with the same name have an order (RFC 9110 section 5.3)."""
    for holder in [one] + one["upstream"]:
        if "fields" in holder:
            holder["fields"] = sorted(((n.lower(), v) for n, v in holder["fields"]), key=lambda pair: pair[0])


def reason_phrase(_row, one):
    """The reason phrase has no meaning (RFC 9112 section 4)."""
    one.pop("reason", None)
