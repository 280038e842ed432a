# SPDX-License-Identifier: BSD-2-Clause
"""The byte vectors of the two-parser test: answers of an upstream, and what the client must see of them.

    data      what the upstream sends in answer to one GET (or `method`)
    end       what it does then: None (keeps the connection), "close" or "reset"
    outcome   each what may happen: (status, body) = the answer arrives so; 502; "cut" = the connection ends inside the answer, so that the
              client can tell; a set of these allows each.  After a whole answer the connection is in step or closed, never anything else.
    absent    names which the client must not see;  present: pairs which it must see;  interim: statuses of 1xx answers that may precede
"""

ANSWERS = []
OK = b"HTTP/1.1 200 OK\r\n"
GOOD = (200, b"hello")


class Answer:
    """One row; see the module's text."""

    def __init__(self, kind, name, data, outcome, **more):
        self.kind, self.name, self.data = kind, name, data
        self.outcome = outcome if isinstance(outcome, set) else {outcome}
        self.end = more.pop("end", None)
        self.method = more.pop("method", "GET")
        self.absent = more.pop("absent", ())
        self.present = more.pop("present", ())
        self.interim = more.pop("interim", None)
        if more:
            raise TypeError(more)


def r(name, data, outcome, kind="responses", **more):
    ANSWERS.append(Answer(kind, name, data, outcome, **more))


def length(fields=b"", body=b"hello", line=OK):
    return line + fields + b"Content-Length: %d\r\n\r\n" % len(body) + body


def chunked(body, fields=b""):
    return OK + b"Transfer-Encoding: chunked\r\n" + fields + b"\r\n" + body


CHUNKS = b"5\r\nhello\r\n0\r\n\r\n"
EXTRA = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Id: 0\r\n\r\nstale"

r("length", length(), GOOD)
r("length of zero", length(body=b""), (200, b""))
r("length and close", length(b"Connection: close\r\n"), GOOD, end="close")
r("chunks", chunked(CHUNKS), GOOD)
r("chunks with extensions", chunked(b"5;a=b\r\nhello\r\n0;c\r\n\r\n"), GOOD)
r("chunks with a trailer", chunked(b"5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n"), GOOD)
r("no chunks", chunked(b"0\r\n\r\n"), (200, b""))
r("until close", OK + b"\r\nhello", GOOD, end="close")
r("until close, nothing", OK + b"\r\n", (200, b""), end="close")
r("HTTP/1.0 with a length", length(line=b"HTTP/1.0 200 OK\r\n"), GOOD, end="close")
r("HTTP/1.0 until close", b"HTTP/1.0 200 OK\r\n\r\nhello", GOOD, end="close")
r("204", b"HTTP/1.1 204 No Content\r\n\r\n", (204, b""))
r("304", b"HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n", (304, b""))
r("304 with a length", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", (304, b""))
r("204 with a length", b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", {(204, b""), 502}, absent=["content-length"])
r("204 with a coding", b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", {(204, b""), 502}, absent=["transfer-encoding"])
r("HEAD with a length", OK + b"Content-Length: 5\r\n\r\n", (200, b""), method="HEAD")
r("HEAD with a coding", OK + b"Transfer-Encoding: chunked\r\n\r\n", (200, b""), method="HEAD")
r("HEAD with a body", OK + b"Content-Length: 5\r\n\r\nhello", (200, b""), method="HEAD")
r("100 before", b"HTTP/1.1 100 Continue\r\n\r\n" + length(), GOOD, interim={100})
r("103 before", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + length(), GOOD, interim={103})
r("three 1xx before", b"HTTP/1.1 102 Processing\r\n\r\n" * 3 + length(), GOOD, interim={102})
r("a thousand 1xx before", b"HTTP/1.1 102 Processing\r\n\r\n" * 1000 + length(), {GOOD, 502}, interim={102})
r("1xx with a length", b"HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\n" + length(), {GOOD, 502}, interim={103})
r("101 nobody asked for", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", 502)
r("100 and nothing more", b"HTTP/1.1 100 Continue\r\n\r\n", 502, end="close", interim={100})
r("nothing", b"", 502, end="close")
r("reset", b"", 502, end="reset")
r("garbage", b"\x00\x01\x02garbage\r\n\r\n", 502, end="close")
r("HTTP/0.9", b"<html>hello</html>", 502, end="close")
r("line ends with LF", b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", 502)
r("a field ends with LF", OK + b"X: 1\nContent-Length: 5\r\n\r\nhello", 502)
r("a field ends with CR", OK + b"X: 1\rY: 2\r\nContent-Length: 5\r\n\r\nhello", 502)
r("CR in a value", length(b"X: a\rb\r\n"), 502)
r("NUL in a value", length(b"X: a\0b\r\n"), 502)
r("folded field", length(b"X: 1\r\n 2\r\n"), 502)
r("no colon", length(b"X\r\n"), 502)
r("blank before the colon", length(b"X : 1\r\n"), 502)
r("empty name", length(b": 1\r\n"), 502)
r("blank in the name", length(b"X Y: 1\r\n"), 502)
r("length and coding", OK + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKS, 502)
r("two lengths", OK + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", 502)
r("the same length twice", OK + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", {502, GOOD})
r("length with a sign", OK + b"Content-Length: +5\r\n\r\nhello", 502)
r("length with a blank", OK + b"Content-Length: 5 5\r\n\r\nhello", 502)
r("length of 2^64", OK + b"Content-Length: 18446744073709551621\r\n\r\nhello", 502)
r("empty length", OK + b"Content-Length:\r\n\r\nhello", 502)
r("unknown coding", OK + b"Transfer-Encoding: gzip\r\n\r\nhello", 502, end="close")
r("gzip, chunked", OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + CHUNKS, 502)
r("chunked twice", OK + b"Transfer-Encoding: chunked, chunked\r\n\r\n" + CHUNKS, 502)
r("coding in HTTP/1.0", b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKS, 502, end="close")
r("status of two digits", length(line=b"HTTP/1.1 20 OK\r\n"), 502)
r("status of four digits", length(line=b"HTTP/1.1 2000 OK\r\n"), 502)
r("status of letters", length(line=b"HTTP/1.1 abc OK\r\n"), 502)
r("status 000", length(line=b"HTTP/1.1 000 OK\r\n"), 502)
r("status 999", length(line=b"HTTP/1.1 999 Odd\r\n"), {(999, b"hello"), 502})
r("no blank before the reason", length(line=b"HTTP/1.1 200OK\r\n"), 502)
r("no reason", length(line=b"HTTP/1.1 200 \r\n"), GOOD)
r("no reason and no blank", length(line=b"HTTP/1.1 200\r\n"), {GOOD, 502})
r("reason with obs-text", length(line=b"HTTP/1.1 200 \xc3\x84\r\n"), {GOOD, 502})
r("reason with NUL", length(line=b"HTTP/1.1 200 a\0b\r\n"), 502)
r("version 2.0", length(line=b"HTTP/2.0 200 OK\r\n"), 502)
r("version without a minor", length(line=b"HTTP/1 200 OK\r\n"), 502)
r("other protocol", length(line=b"ICY 200 OK\r\n"), 502)
r("lower-case protocol", length(line=b"http/1.1 200 OK\r\n"), 502)
r("head of 300000 bytes", length(b"".join(b"X-%d: %s\r\n" % (i, b"a" * 1000) for i in range(300))), 502)
r("Connection names a field", length(b"Connection: X-A\r\nX-A: 1\r\nX-B: 2\r\n"), GOOD, absent=["x-a"], present=[("X-B", "2")])
r("hop-by-hop fields", length(b"Keep-Alive: timeout=5\r\nProxy-Connection: close\r\nUpgrade: h2\r\n"), GOOD, absent=["proxy-connection", "upgrade"])
r("repeated fields", length(b"Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n"), GOOD, present=[("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])
r("bytes behind the body", length() + b"extra", GOOD)
r("a second answer behind the body", length() + EXTRA, GOOD)
r("a second answer behind chunks", chunked(CHUNKS) + EXTRA, GOOD)
r("a second answer behind 204", b"HTTP/1.1 204 No Content\r\n\r\n" + EXTRA, (204, b""))
r("a second answer behind 304", b"HTTP/1.1 304 Not Modified\r\n\r\n" + EXTRA, (304, b""))
r("a second answer behind HEAD", OK + b"Content-Length: 5\r\n\r\n" + EXTRA, (200, b""), method="HEAD")
r("bad chunk size", chunked(b"5\r\nhello\r\nx\r\n\r\n"), {"cut", 502})
r("chunk size with LF", chunked(b"5\nhello\r\n0\r\n\r\n"), {"cut", 502})
r("chunk longer than its size", chunked(b"5\r\nhello world\r\n0\r\n\r\n"), {"cut", 502})
r("chunk of 2^64", chunked(b"10000000000000005\r\nhello\r\n0\r\n\r\n"), {"cut", 502})
r("trailer without a colon", chunked(b"5\r\nhello\r\n0\r\nbad\r\n\r\n"), {"cut", 502, GOOD})

E = "early close"
r("upstream closes in the status line", b"HTTP/1.1 20", 502, E, end="close")
r("upstream closes in the head", OK + b"Content-Le", 502, E, end="close")
r("upstream closes before the empty line", OK + b"Content-Length: 5\r\n", 502, E, end="close")
r("upstream closes before the body", OK + b"Content-Length: 5\r\n\r\n", {"cut", 502}, E, end="close")
r("upstream closes in the body", OK + b"Content-Length: 5\r\n\r\nhel", {"cut", 502}, E, end="close")
r("upstream resets in the body", OK + b"Content-Length: 5\r\n\r\nhel", {"cut", 502}, E, end="reset")
r("upstream closes in a chunk size", chunked(b"5"), {"cut", 502}, E, end="close")
r("upstream closes in a chunk", chunked(b"5\r\nhel"), {"cut", 502}, E, end="close")
r("upstream closes behind a chunk", chunked(b"5\r\nhello\r\n"), {"cut", 502}, E, end="close")
r("upstream closes in the last chunk", chunked(b"5\r\nhello\r\n0\r\n"), {"cut", 502}, E, end="close")
r("upstream resets behind a chunk", chunked(b"5\r\nhello\r\n"), {"cut", 502}, E, end="reset")
