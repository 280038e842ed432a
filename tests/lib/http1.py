# SPDX-License-Identifier: BSD-2-Clause
"""A strict HTTP/1 message parser for judging what a proxy sent, independent of the one under test.

In: bytes as received.  Out: a Message and how many bytes it took, None while bytes are missing, or Malformed.
It accepts what the grammars of RFC 9110 and 9112 let a *sender* generate and nothing a lenient recipient might repair:
two recipients that both read its output cannot disagree on where a message ends.
"""

import re

TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
REQUEST_LINE = re.compile(rb"(" + TOKEN + rb") ([\x21-\x7e]+) HTTP/1\.([01])\Z")
STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2}) ([\t\x20-\x7e\x80-\xff]*)\Z")
FIELD = re.compile(rb"(" + TOKEN + rb"):[ \t]*((?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?)[ \t]*\Z")
HOST = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+,;=%-]*)(?::[0-9]*)?\Z")
QUOTED = rb'"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t \x21-\x7e\x80-\xff])*"'
CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,16})((?:[ \t]*;[ \t]*" + TOKEN + rb"(?:[ \t]*=[ \t]*(?:" + TOKEN + rb"|" + QUOTED + rb"))?)*)\Z")
MAX_HEAD = 1 << 20
FORBIDDEN_TRAILERS = {"transfer-encoding", "content-length", "host", "connection", "upgrade", "te", "trailer"}


class Malformed(Exception):
    """The bytes are not an HTTP/1 message."""


class Message:
    """One request or response: head, decoded body and how the body was framed."""

    def __init__(self):
        self.method = self.target = None  # request
        self.status = self.reason = None  # response
        self.minor = 1
        self.fields = []  # (name as sent, value), both str in latin-1
        self.body = b""
        self.chunks = []
        self.trailers = []
        self.framing = "none"  # none, length, chunked, close
        self.complete = True

    def all(self, name):
        return [value for other, value in self.fields if other.lower() == name.lower()]

    def get(self, name, default=None):
        found = self.all(name)
        return ", ".join(found) if found else default

    def tokens(self, name):
        """The lower-case members of a comma-separated field."""
        return [member.strip().lower() for value in self.all(name) for member in value.split(",") if member.strip()]

    def __repr__(self):
        start = "%s %s" % (self.method, self.target) if self.method else "%s %s" % (self.status, self.reason)
        return "<%s %r %s %d>" % (start, self.fields, self.framing, len(self.body))


def _lines(data, what):
    """Split a head (without its empty line) at CRLF and refuse any other line end."""
    lines = data.split(b"\r\n")
    for line in lines:
        if b"\r" in line or b"\n" in line or b"\0" in line:
            raise Malformed("bare CR, LF or NUL in %s: %r" % (what, line[:200]))
    return lines


def _fields(lines, what):
    fields = []
    for line in lines:
        found = FIELD.match(line)
        if found is None:
            raise Malformed("not a field in %s: %r" % (what, line[:200]))
        fields.append((found[1].decode("latin-1"), found[2].decode("latin-1")))
    return fields


def _head(data):
    """The head's bytes up to its empty line, or None while that has not come."""
    end = data.find(b"\r\n\r\n")
    if end < 0:
        if len(data) > MAX_HEAD:
            raise Malformed("head without an end")
        # A line end that is not CRLF can never become right.
        if re.search(rb"(?<!\r)\n|\r[^\n]|\0", data):
            raise Malformed("bare CR, LF or NUL in head: %r" % data[:200])
        return None
    return data[:end]


def _content_length(message):
    values = message.all("content-length")
    if not values:
        return None
    if len(values) > 1 or not re.fullmatch(r"[0-9]{1,18}", values[0]):
        raise Malformed("Content-Length %r" % values)
    return int(values[0])


def _chunked_coding(message):
    """RFC 9112 section 6.1: chunked is the last coding and is applied once; no other coding is known here."""
    if not message.all("transfer-encoding"):
        return False
    if message.minor == 0:
        raise Malformed("Transfer-Encoding in an HTTP/1.0 message")
    if message.tokens("transfer-encoding") != ["chunked"]:
        raise Malformed("Transfer-Encoding %r" % message.all("transfer-encoding"))
    if message.all("content-length"):
        raise Malformed("Content-Length together with Transfer-Encoding")
    return True


def _chunks(message, data, offset):
    """Read chunks from offset; returns the offset behind the trailers, or None while bytes are missing."""
    chunks = []
    while True:
        end = data.find(b"\r\n", offset)
        if end < 0:
            if len(data) - offset > 4096 or re.search(rb"\n|\r[^\n]", data[offset:]):
                raise Malformed("chunk line %r" % data[offset:offset + 100])
            return None
        found = CHUNK_LINE.match(data[offset:end])
        if found is None:
            raise Malformed("chunk line %r" % data[offset:end][:100])
        size, offset = int(found[1], 16), end + 2
        if size == 0:
            break
        if len(data) < offset + size + 2:
            if len(data) > offset + size and data[offset + size:] != b"\r":
                raise Malformed("no CRLF behind a chunk")
            message.chunks = chunks + [data[offset:offset + size]]
            message.body = b"".join(message.chunks)
            return None
        if data[offset + size:offset + size + 2] != b"\r\n":
            raise Malformed("no CRLF behind a chunk")
        chunks.append(data[offset:offset + size])
        message.chunks, message.body = chunks, b"".join(chunks)
        offset += size + 2
    if data[offset:offset + 2] == b"\r\n":
        return offset + 2
    head = _head(data[offset:])
    if head is None:
        return None
    message.trailers = _fields(_lines(head, "trailers"), "trailers")
    for name, _ in message.trailers:
        if name.lower() in FORBIDDEN_TRAILERS:
            raise Malformed("field %s among the trailers" % name)
    return offset + len(head) + 4


def _body(message, data, offset, length, chunked):
    """Fill in the body; returns the offset behind it or None while bytes are missing."""
    if chunked:
        message.framing = "chunked"
        return _chunks(message, data, offset)
    if length is not None:
        message.framing = "length"
        message.body = data[offset:offset + length]
        return offset + length if len(data) >= offset + length else None
    return offset


def request_head(data):
    """The head of a request as (Message, bytes taken); None while incomplete."""
    head = _head(data)
    if head is None:
        return None
    message, lines = Message(), _lines(head, "request head")
    found = REQUEST_LINE.match(lines[0])
    if found is None:
        raise Malformed("request line %r" % lines[0][:200])
    message.method, message.target, message.minor = found[1].decode(), found[2].decode(), int(found[3])
    message.fields = _fields(lines[1:], "request head")
    hosts = message.all("host")
    if len(hosts) > 1 or (message.minor == 1 and not hosts) or any(not HOST.match(host) for host in hosts):
        raise Malformed("Host %r" % hosts)
    if not re.match(r"(?:/|\*\Z|[A-Za-z][A-Za-z0-9+.-]*://|[^/?#]+:[0-9]+\Z)", message.target) or "#" in message.target:
        raise Malformed("target %r" % message.target)
    return message, len(head) + 4


def take_request(data):
    """One request as (Message, bytes taken); None while incomplete."""
    taken = request_head(data)
    if taken is None:
        return None
    message, offset = taken
    chunked, length = _chunked_coding(message), _content_length(message)
    end = _body(message, data, offset, length, chunked)
    return None if end is None else (message, end)


def take_response(data, method="GET", closed=False):
    """One response to a request with this method as (Message, bytes taken); None while incomplete.

    closed: the connection has ended, which completes a body without framing.
    """
    head = _head(data)
    if head is None:
        return None
    message, lines = Message(), _lines(head, "response head")
    found = STATUS_LINE.match(lines[0])
    if found is None:
        raise Malformed("status line %r" % lines[0][:200])
    message.minor, message.status, message.reason = int(found[1]), int(found[2]), found[3].decode("latin-1")
    message.fields = _fields(lines[1:], "response head")
    offset = len(head) + 4
    chunked, length = _chunked_coding(message), _content_length(message)
    if message.status < 200 or message.status == 204:
        # RFC 9112 section 6.1, RFC 9110 section 8.6: neither field may be sent here.
        if chunked or length is not None:
            raise Malformed("body framing in a %d" % message.status)
        return message, offset
    if message.status == 304 or method == "HEAD":
        return message, offset
    if not chunked and length is None:
        message.framing = "close"
        message.body = data[offset:]
        return (message, len(data)) if closed else None
    end = _body(message, data, offset, length, chunked)
    return None if end is None else (message, end)


def all_requests(data):
    """Every request in the bytes as (list, the incomplete rest)."""
    out = []
    while data:
        taken = take_request(data)
        if taken is None:
            break
        out.append(taken[0])
        data = data[taken[1]:]
    return out, data


def all_responses(data, methods=(), closed=True):
    """Every response, 1xx too, as (list, the incomplete rest); a 101 ends it, what follows is the rest."""
    out, finals = [], 0
    while data:
        method = methods[finals] if finals < len(methods) else "GET"
        taken = take_response(data, method, closed)
        if taken is None:
            break
        out.append(taken[0])
        data = data[taken[1]:]
        if taken[0].status == 101:
            break
        finals += taken[0].status >= 200
    return out, data
