# SPDX-License-Identifier: BSD-2-Clause
"""The byte vectors of the two-parser test: what a client sends, in ten of its twelve classes, and what must come of it.

Every vector is one call of `v`: its class, a name, the bytes, and the expectation where RFC 9110 and 9112 are definite:

    answers   statuses of the final answers in order; a member that is a set allows each of its statuses;
              None where only the property itself is asked
    want      [(method, target, body), ...] that the upstream must have received, when the bytes are requests
    absent    names which the upstream must not see;   present: (name, value) pairs which it must see
    methods   methods of the requests, needed for HEAD only
    keeps     whether the connection serves another request after this one; None = either is right
    whole     False where bytes are missing: the connection is half-closed after them (end="fin") or reset (end="rst")
    tunnel    bytes sent after a 101 and expected back through the tunnel (early: together with the handshake)

Answers of upstreams are in vectors_upstream.py.
"""

VECTORS = []
HOST = b"Host: localhost\r\n"
REFUSED = {400, 405, 413, 414, 417, 431, 501, 505}
TAIL = b" HTTP/1.1\r\n" + HOST + b"\r\n"


class Vector:
    """One row; see the module's text."""

    def __init__(self, kind, name, data, answers, **more):
        self.kind, self.name, self.data, self.answers = kind, name, data, answers
        self.want = more.pop("want", None)
        self.absent = more.pop("absent", ())
        self.present = more.pop("present", ())
        self.methods = more.pop("methods", ())
        self.keeps = more.pop("keeps", True if answers and answers[-1] == 200 else None)
        self.whole = more.pop("whole", True)
        self.end = more.pop("end", "fin")
        self.tunnel = more.pop("tunnel", None)
        self.early = more.pop("early", b"")
        if more:
            raise TypeError(more)


def v(kind, name, data, answers=None, **more):
    VECTORS.append(Vector(kind, name, data, answers, **more))


def get(line=b"GET / HTTP/1.1", fields=b"", host=HOST):
    return line + b"\r\n" + host + fields + b"\r\n"


def post(fields, body=b"", target=b"/p"):
    return b"POST " + target + b" HTTP/1.1\r\n" + HOST + fields + b"\r\n" + body


def chunked(body, fields=b"", coding=b"Transfer-Encoding: chunked\r\n"):
    return post(coding + fields, body)


GET_ROOT = [("GET", "/", b"")]
HELLO = [("POST", "/p", b"hello")]
EMPTY = [("POST", "/p", b"")]
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"

# --- request line: RFC 9112 section 3 -------------------------------------------------------------------------------
K = "request line"
v(K, "plain", get(), [200], want=GET_ROOT)
v(K, "lower-case method", get(b"get / HTTP/1.1"))
v(K, "two blanks before the target", get(b"GET  / HTTP/1.1"), [400])
v(K, "two blanks before the version", get(b"GET /  HTTP/1.1"), [400])
v(K, "tab as separator", get(b"GET\t/ HTTP/1.1"), [400])
v(K, "vertical tab as separator", get(b"GET\x0b/ HTTP/1.1"), [400])
v(K, "no version", b"GET /\r\n" + HOST + b"\r\n", [400])
v(K, "blank after the version", get(b"GET / HTTP/1.1 "), [400])
v(K, "version 1.0", get(b"GET / HTTP/1.0"), [200], want=GET_ROOT, keeps=False)
v(K, "version 1.0 kept alive", get(b"GET / HTTP/1.0", b"Connection: keep-alive\r\n"), [200], want=GET_ROOT, keeps=None)
v(K, "version 1.2", get(b"GET / HTTP/1.2"), [{200, 505, 400}], keeps=None)
v(K, "version 2.0", get(b"GET / HTTP/2.0"), [505])
v(K, "version 3.7", get(b"GET / HTTP/3.7"), [505])
v(K, "version 0.9", get(b"GET / HTTP/0.9"), [{400, 505}])
v(K, "version 1.10", get(b"GET / HTTP/1.10"), [{400, 505}])
v(K, "version 01.1", get(b"GET / HTTP/01.1"), [{400, 505}])
v(K, "version with a letter", get(b"GET / HTTP/1.1x"), [{400, 505}])
v(K, "version without a minor", get(b"GET / HTTP/1."), [{400, 505}])
v(K, "lower-case version", get(b"GET / http/1.1"), [400])
v(K, "other protocol", get(b"GET / HTCPCP/1.1"), [400])
v(K, "leading blank", get(b" GET / HTTP/1.1"), [400])
v(K, "one leading empty line", b"\r\n" + get(), [200], want=GET_ROOT)
v(K, "many leading empty lines", b"\r\n" * 5 + get(), [{200, 400}], keeps=None)
v(K, "leading bare LF", b"\n" + get(), [400])
v(K, "leading bare CR", b"\r" + get(), [400])
v(K, "line ends with LF", b"GET / HTTP/1.1\n" + HOST + b"\r\n", [400])
v(K, "CR inside the line", get(b"GET /a\rb HTTP/1.1"), [400])
v(K, "NUL in the target", get(b"GET /a\0b HTTP/1.1"), [400])
v(K, "NUL in the method", get(b"G\0T / HTTP/1.1"), [400])
v(K, "colon in the method", get(b"GE:T / HTTP/1.1"), [400])
v(K, "method of 5000 letters", get(b"G" * 5000 + b" / HTTP/1.1"))
v(K, "method of 20000 letters", get(b"G" * 20000 + b" / HTTP/1.1"), [REFUSED])
v(K, "target of 20000 bytes", get(b"GET /" + b"a" * 20000 + b" HTTP/1.1"), [{414, 400}])
v(K, "no target", get(b"GET HTTP/1.1"), [400])
v(K, "a word too many", get(b"GET / x HTTP/1.1"), [400])
v(K, "only a blank", b" \r\n" + HOST + b"\r\n", [400])
v(K, "unknown method", get(b"PURGE / HTTP/1.1"), [200], want=[("PURGE", "/", b"")])
v(K, "CONNECT", get(b"CONNECT localhost:80 HTTP/1.1"), [{400, 405, 501}])
v(K, "TRACE", get(b"TRACE / HTTP/1.1"), [{200, 405, 501}], keeps=None)
v(K, "HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [{400, 505}])
v(K, "PROXY line", b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n" + get(), [400])
v(K, "TLS on the plain port", b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00\r\n\r\n", [400])

# --- fields: RFC 9112 section 5, RFC 9110 section 5 -----------------------------------------------------------------
K = "fields"


def field(line, name, answers, **more):
    v(K, name, get(fields=line), answers, **more)


field(b"X-A: 1\r\n", "plain", [200], present=[("X-A", "1")])
field(b"X-A:1\r\n", "no blank behind the colon", [200], present=[("X-A", "1")])
field(b"X-A: \t 1 \t\r\n", "white space around the value", [200], present=[("X-A", "1")])
field(b"X-A: a\tb\r\n", "tab inside the value", [200], present=[("X-A", "a\tb")])
field(b"X-A: \xc3\xa9\r\n", "obs-text in the value", [200], present=[("X-A", "\xc3\xa9")])
field(b"X-A: a:b::c\r\n", "colons in the value", [200], present=[("X-A", "a:b::c")])
field(b"X-A:\r\n", "empty value", [200])
field(b"X-A:   \r\n", "only white space", [200])
field(b"X-A: 1\r\nX-A: 2\r\n", "name twice", [200], present=[("X-A", "1"), ("X-A", "2")])
field(b"X-A: 1\r\n 2\r\n", "folded with a blank", [400])
field(b"X-A: 1\r\n\t2\r\n", "folded with a tab", [400])
field(b"X-A:\r\n Content-Length: 5\r\n", "folded length", [400])
v(K, "first field line starts with a blank", b"GET / HTTP/1.1\r\n " + HOST + b"\r\n", [400])
field(b"X-A : 1\r\n", "blank before the colon", [400])
field(b"X-A\t: 1\r\n", "tab before the colon", [400])
field(b"X-A\r\n", "no colon", [400])
field(b": 1\r\n", "empty name", [400])
field(b"X A: 1\r\n", "blank in the name", [400])
field(b"X(A): 1\r\n", "bracket in the name", [{200, 400}], absent=["x(a)"], keeps=None)
field(b"X\xe9: 1\r\n", "obs-text in the name", [{200, 400}], absent=["x\xe9"], keeps=None)
field(b"X\x00A: 1\r\n", "NUL in the name", [400])
field(b"X-A: a\x00b\r\n", "NUL in the value", [400])
field(b"X-A: a\x01b\r\n", "control character in the value", [{200, 400}], keeps=None)
field(b"X-A: a\x7fb\r\n", "DEL in the value", [{200, 400}], keeps=None)
field(b"X-A: a\rb\r\n", "bare CR in the value", [400])
field(b"X-A: a\rX-B: b\r\n", "bare CR as line end", [400])
field(b"X-A: 1\nX-B: 2\r\n", "bare LF as line end", [400])
field(b"X-A: 1\r\r\n", "CR CR LF", [400])
v(K, "head ends with LF LF", b"GET / HTTP/1.1\nHost: localhost\n\n", [400])
v(K, "head ends with CRLF LF", b"GET / HTTP/1.1\r\nHost: localhost\r\n\n", [400])
field(b"X_A: 1\r\n", "underscore in the name", [200], absent=["x_a"])
field(b"X-A: " + b"a" * 40000 + b"\r\n", "value of 40000 bytes", [{400, 431}])
field(b"X-" + b"a" * 40000 + b": 1\r\n", "name of 40000 bytes", [{400, 431}])
field(b"".join(b"X-%d: 1\r\n" % i for i in range(60)), "60 fields", [200])
field(b"".join(b"X-%d: 1\r\n" % i for i in range(5000)), "5000 fields", [{400, 431}])
field(b"Expect: 200-ok\r\n", "unknown expectation", [{417, 200}], keeps=None)
field(b"Proxy: http://evil\r\n", "Proxy field", [200])

# --- Content-Length: RFC 9112 section 6.2, RFC 9110 section 8.6 -----------------------------------------------------
K = "Content-Length"


def length(value, name, answers, body=b"hello", **more):
    v(K, name, post(b"Content-Length:" + value + b"\r\n", body), answers, **more)


length(b" 5", "plain", [200], want=HELLO)
length(b" 0", "zero", [200], b"", want=EMPTY)
length(b" 00005", "leading zeros", [200], want=HELLO)
length(b"5", "no blank", [200], want=HELLO)
length(b" 5 \t", "white space behind", [200], want=HELLO)
v(K, "none with POST", post(b""), [{200, 411}], keeps=None)
v(K, "lower-case name", post(b"content-length: 5\r\n", b"hello"), [200], want=HELLO)
v(K, "with GET", get(fields=b"Content-Length: 5\r\n") + b"hello", [200], want=[("GET", "/", b"hello")])
v(K, "with HTTP/1.0", b"POST /p HTTP/1.0\r\n" + HOST + b"Content-Length: 5\r\n\r\nhello", [200], want=HELLO, keeps=False)
length(b" +5", "plus sign", [400])
length(b" -5", "minus sign", [400])
length(b" -0", "minus zero", [400])
length(b" 0x5", "hexadecimal", [400])
length(b" 5,5", "list of equal values", [400])
length(b" 5, 6", "list of different values", [400])
length(b" 5 5", "two words", [400])
length(b" 5\x0b", "vertical tab behind", [400])
length(b" 5;a=b", "parameter", [400])
length(b" 5.0", "fraction", [400])
length(b" 5e0", "exponent", [400])
length(b" \"5\"", "quoted", [400])
length(b"", "empty", [400])
length(b" five", "word", [400])
length(b" \xb5", "superscript", [400])
length(b" 18446744073709551621", "2^64 + 5", [{400, 413}])
length(b" 9223372036854775813", "2^63 + 5", [{400, 413}])
length(b" 4294967301", "2^32 + 5", [{400, 413}])
length(b" 99999999999999999999999999999999999", "35 digits", [{400, 413}])
length(b" 1048577", "one over the limit", [413])
v(K, "twice the same", post(b"Content-Length: 5\r\nContent-Length: 5\r\n", b"hello"), [400])
v(K, "two different", post(b"Content-Length: 5\r\nContent-Length: 48\r\n", b"hello" + SMUGGLED), [400])
v(K, "two different, zero first", post(b"Content-Length: 0\r\nContent-Length: 44\r\n", SMUGGLED), [400])
v(K, "blank before the colon", post(b"Content-Length : 44\r\n", SMUGGLED), [400])
v(K, "folded", post(b"Content-Length:\r\n 44\r\n", SMUGGLED), [400])
v(K, "underscore instead of the hyphen", post(b"Content_Length: 45\r\n", SMUGGLED), [{200, 400, 411}, 200], absent=["content_length"],
  want=EMPTY + [("GET", "/smuggled", b"")])

# --- Transfer-Encoding: RFC 9112 sections 6.1 and 6.3 ---------------------------------------------------------------
K = "Transfer-Encoding"
BODY = b"5\r\nhello\r\n0\r\n\r\n"


def coding(value, name, answers, **more):
    v(K, name, chunked(BODY, coding=b"Transfer-Encoding:" + value + b"\r\n"), answers, **more)


coding(b" chunked", "plain", [200], want=HELLO)
coding(b" Chunked", "capital", [200], want=HELLO)
coding(b"\tchunked\t ", "white space around", [200], want=HELLO)
v(K, "with GET", get(fields=b"Transfer-Encoding: chunked\r\n") + BODY, [200], want=[("GET", "/", b"hello")])
v(K, "with length before", post(b"Content-Length: 15\r\nTransfer-Encoding: chunked\r\n", BODY), [400])
v(K, "with length behind", post(b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\n", BODY), [400])
v(K, "with length of zero", post(b"Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", BODY), [400])
v(K, "TE.CL smuggling", post(b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", b"2c\r\n" + SMUGGLED + b"\r\n0\r\n\r\n"), [400])
v(K, "CL.TE smuggling", post(b"Content-Length: 49\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n" + SMUGGLED), [400])
coding(b" identity", "identity", [{400, 501}])
coding(b" gzip", "gzip", [501])
coding(b" gzip, chunked", "gzip, chunked", [501])
coding(b" chunked, gzip", "chunked, gzip", [{400, 501}])
coding(b" chunked, chunked", "chunked twice", [{400, 501}])
coding(b" chunked, identity", "chunked, identity", [{400, 501}])
coding(b" identity, chunked", "identity, chunked", [{400, 501}])
coding(b" xchunked", "a longer name", [{400, 501}])
coding(b" chunkedx", "a longer name behind", [{400, 501}])
coding(b" chunked;a=b", "parameter", [{400, 501}])
coding(b" \"chunked\"", "quoted", [{400, 501}])
coding(b" 'chunked'", "single quotes", [{400, 501}])
coding(b" chunked,", "empty member", [{200, 400, 501}], keeps=None)
coding(b"", "empty", [{400, 501}])
coding(b" \x0bchunked", "vertical tab before", [{400, 501}])
coding(b" chunked\x0b", "vertical tab behind", [{400, 501}])
coding(b" chunked\x00", "NUL behind", [{400, 501}])
coding(b" chun\xc2\xadked", "soft hyphen", [{400, 501}])
v(K, "two fields", chunked(BODY, coding=b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), [{400, 501}])
v(K, "two fields, unknown behind", chunked(BODY, coding=b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n"), [{400, 501}])
v(K, "two fields, unknown first", chunked(BODY, coding=b"Transfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n"), [{400, 501}])
v(K, "with HTTP/1.0", b"POST /p HTTP/1.0\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n" + BODY, [400])
v(K, "with HTTP/1.0 kept alive",
  b"POST /p HTTP/1.0\r\n" + HOST + b"Connection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n" + BODY, [400])
v(K, "folded", chunked(BODY, coding=b"Transfer-Encoding:\r\n chunked\r\n"), [400])
v(K, "blank before the colon", chunked(BODY, coding=b"Transfer-Encoding : chunked\r\n"), [400])
v(K, "underscore instead of the hyphen", post(b"Transfer_Encoding: chunked\r\nContent-Length: 5\r\n", b"hello"), [200], want=HELLO,
  absent=["transfer_encoding"])
v(K, "hidden behind a bare LF", post(b"Content-Length: 15\r\nX: y\nTransfer-Encoding: chunked\r\n", BODY), [400])
v(K, "hidden behind a bare CR", post(b"Content-Length: 15\r\nX: y\rTransfer-Encoding: chunked\r\n", BODY), [400])

# --- chunks: RFC 9112 section 7.1 -----------------------------------------------------------------------------------
K = "chunks"


def chunks(body, name, answers, fields=b"", **more):
    v(K, name, chunked(body, fields), answers, **more)


chunks(b"0\r\n\r\n", "none", [200], want=EMPTY)
chunks(b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", "two", [200], want=HELLO)
chunks(b"1\r\nh\r\n1\r\ne\r\n1\r\nl\r\n1\r\nl\r\n1\r\no\r\n0\r\n\r\n", "five", [200], want=HELLO)
chunks(b"A\r\n0123456789\r\n0\r\n\r\n", "capital digit", [200], want=[("POST", "/p", b"0123456789")])
chunks(b"a\r\n0123456789\r\n0\r\n\r\n", "small digit", [200], want=[("POST", "/p", b"0123456789")])
chunks(b"00005\r\nhello\r\n000\r\n\r\n", "leading zeros", [200], want=HELLO)
chunks(b"5;a=b\r\nhello\r\n0\r\n\r\n", "extension", [200], want=HELLO)
chunks(b"5;a=\"b;\"\r\nhello\r\n0;x\r\n\r\n", "quoted extension", [200], want=HELLO)
chunks(b"5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n", "trailer", [200], b"Trailer: X-T\r\n", want=HELLO)
chunks(b"5\r\n0\r\n\r\n\r\n0\r\n\r\n", "data that looks like the end", [200], want=[("POST", "/p", b"0\r\n\r\n")])
chunks(b"%x\r\n" % len(SMUGGLED) + SMUGGLED + b"\r\n0\r\n\r\n", "data that looks like a request", [200], want=[("POST", "/p", SMUGGLED)])
chunks(b"2000\r\n" + b"a" * 8192 + b"\r\n0\r\n\r\n", "8 KB", [200], want=[("POST", "/p", b"a" * 8192)])
chunks(b"5 \r\nhello\r\n0\r\n\r\n", "blank behind the size", [{200, 400}], keeps=None)
chunks(b" 5\r\nhello\r\n0\r\n\r\n", "blank before the size", [400])
chunks(b"5\r\nhello\r\n0\r\nX-T : 1\r\n\r\n", "trailer with a blank before the colon", [{200, 400}], keeps=None)
chunks(b"5\r\nhello\r\n0\r\nContent-Length: 3\r\n\r\n", "trailer with a length", [{200, 400}], keeps=None)
chunks(b"5\r\nhello\r\n0\r\nTransfer-Encoding: chunked\r\n\r\n", "trailer with a coding", [{200, 400}], keeps=None)
chunks(b"5\r\nhello\r\n0\r\nHost: other\r\n\r\n", "trailer with a host", [{200, 400}], keeps=None)
chunks(b"5\r\nhello\r\n0\r\n X: 1\r\n\r\n", "folded trailer", [{200, 400}], keeps=None)
chunks(b"5\r\nhello\r\n0\r\nGET /smuggled HTTP/1.1\r\n\r\n", "trailer without a colon", [400])
chunks(b"5\r\nhello\r\n0\r\nX: " + b"a" * 70000 + b"\r\n\r\n", "trailer of 70000 bytes", [{400, 413, 431}])
chunks(b"5\r\nhello\r\n0\r\nX: 1\nY: 2\r\n\r\n", "trailer with a bare LF", [400])
chunks(b"0x5\r\nhello\r\n0\r\n\r\n", "0x before the size", [400])
chunks(b"+5\r\nhello\r\n0\r\n\r\n", "plus sign", [400])
chunks(b"-5\r\nhello\r\n0\r\n\r\n", "minus sign", [400])
chunks(b"\r\nhello\r\n0\r\n\r\n", "no size", [400])
chunks(b"g\r\nhello\r\n0\r\n\r\n", "not a digit", [400])
chunks(b"5\nhello\r\n0\r\n\r\n", "size ends with LF", [400])
chunks(b"5\r\r\nhello\r\n0\r\n\r\n", "size ends with CR CR LF", [400])
chunks(b"5\rhello\r\n0\r\n\r\n", "size ends with CR", [400])
chunks(b"5\r\nhello\n0\r\n\r\n", "data ends with LF", [400])
chunks(b"5\r\nhello0\r\n\r\n", "data without an end", [400])
chunks(b"5\r\nhello world\r\n0\r\n\r\n", "data longer than its size", [400])
chunks(b"5\r\nhello\r\n0\r\n\n", "last line ends with LF", [400])
chunks(b"5;a\nb\r\nhello\r\n0\r\n\r\n", "bare LF in the extension", [400])
chunks(b"5;a\rb\r\nhello\r\n0\r\n\r\n", "bare CR in the extension", [400])
chunks(b"5;" + b"a" * 70000 + b"\r\nhello\r\n0\r\n\r\n", "extension of 70000 bytes", [{400, 413}])
chunks(b"10000000000000005\r\nhello\r\n0\r\n\r\n", "2^64 + 5", [{400, 413}])
chunks(b"ffffffffffffffff\r\nhello\r\n0\r\n\r\n", "2^64 - 1", [{400, 413}])
chunks(b"fffffffffffffffb\r\nhello\r\n0\r\n\r\n", "-5 as 64 bits", [{400, 413}])
chunks(b"100001\r\n" + b"a" * 5000, "a chunk over the limit", [413], whole=False)

# --- Host: RFC 9112 section 3.2, RFC 9110 section 7.2 ---------------------------------------------------------------
K = "Host"


def host(lines, name, answers, line=b"GET / HTTP/1.1", **more):
    v(K, name, get(line, b"", lines), answers, **more)


host(b"Host: localhost\r\n", "plain", [200], want=GET_ROOT)
host(b"HOST: LOCALHOST\r\n", "capitals", [200], want=GET_ROOT)
host(b"Host: localhost:8080\r\n", "port", [200], want=GET_ROOT)
host(b"Host: [::1]\r\n", "IPv6 address", [200], want=GET_ROOT)
host(b"Host: [::1]:80\r\n", "IPv6 address and port", [200], want=GET_ROOT)
host(b"Host: 127.0.0.1\r\n", "IPv4 address", [200], want=GET_ROOT)
host(b"Host: unknown.example\r\n", "unknown name", [200], want=GET_ROOT)
host(b"", "none", [400])
host(b"", "none, HTTP/1.0", [200], b"GET / HTTP/1.0", want=GET_ROOT, keeps=False)
host(b"Host: a\r\nHost: a\r\n", "twice the same", [400])
host(b"Host: a\r\nHost: b\r\n", "two different", [400])
host(b"Host: a\r\nHost:\r\n", "two, one empty", [400])
host(b"Host:\r\n", "empty", [{200, 400}], keeps=None)
host(b"Host: a, b\r\n", "list", [400])
host(b"Host: a b\r\n", "blank inside", [400])
host(b"Host: a/b\r\n", "slash", [400])
host(b"Host: a\\b\r\n", "backslash", [400])
host(b"Host: user@a\r\n", "user", [400])
host(b"Host: a#b\r\n", "number sign", [400])
host(b"Host: a?b\r\n", "question mark", [400])
host(b"Host: a:\r\n", "empty port", [{200, 400}], keeps=None)
host(b"Host: a:x\r\n", "port of letters", [400])
host(b"Host: a:80:80\r\n", "two ports", [400])
host(b"Host: [::1\r\n", "open bracket", [400])
host(b"Host: ::1\r\n", "address without brackets", [400])
host(b"Host: a\x00\r\n", "NUL", [400])
host(b"Host: a\xff\r\n", "obs-text", [400])
host(b"Host: a<b>\r\n", "angle brackets", [400])
host(b"Host: a%41\r\n", "percent", [{200, 400}], keeps=None)
host(b"Host: a..b\r\n", "empty label", [{200, 400}], keeps=None)
host(b"Host: " + b"a" * 300 + b"\r\n", "300 letters", [{200, 400}], keeps=None)
host(b"Host : a\r\n", "blank before the colon", [400])
host(b"Host: other\r\n", "beside an absolute target", [200], b"GET http://localhost/x HTTP/1.1", want=[("GET", "/x", b"")])
host(b"", "absolute target without Host", [400], b"GET http://localhost/x HTTP/1.1")

# --- targets: RFC 9112 section 3.2 ----------------------------------------------------------------------------------
K = "targets"


def target(data, name, answers, forwarded=None, method=b"GET", **more):
    if forwarded is not None:
        more["want"] = [(method.decode(), forwarded, b"")]
    v(K, name, method + b" " + data + TAIL, answers, **more)


target(b"/a?b=c", "query", [200], "/a?b=c")
target(b"/a?", "empty query", [200], "/a?")
target(b"/a?b?c/../d", "query with everything", [200], "/a?b?c/../d")
target(b"//a", "two slashes", [200], "//a")
target(b"/a/./b/../c", "dots inside", [200], "/a/./b/../c")
target(b"/a;p=1/b", "parameter", [200], "/a;p=1/b")
target(b"/%41", "encoded letter", [200], "/%41")
target(b"/a%2Fb", "encoded slash", [200], "/a%2Fb")
target(b"/a%20b", "encoded blank", [200], "/a%20b")
target(b"/a%0d%0aX-Injected:%201", "encoded CRLF", [{200, 400}], absent=["x-injected"], keeps=None)
target(b"/a?x=%0d%0aX-Injected:%201", "encoded CRLF in the query", [200], "/a?x=%0d%0aX-Injected:%201", absent=["x-injected"])
target(b"/../a", "above the root", [400])
target(b"/a/../../b", "above the root later", [400])
target(b"/%2e%2e/a", "above the root encoded", [400])
target(b"/..%2fa", "above the root, slash encoded", [400])
target(b"/%", "lone percent", [400])
target(b"/%4", "half an escape", [400])
target(b"/%zz", "escape of letters", [400])
target(b"/a%00b", "encoded NUL", [400])
target(b"*", "asterisk with GET", [400])
target(b"*", "asterisk with OPTIONS", [{200, 204, 400, 405, 501}], None, b"OPTIONS", keeps=None)
target(b"http://localhost/x?y", "absolute", [200], "/x?y")
target(b"http://localhost", "absolute without a path", [200], "/")
target(b"http://localhost?x", "absolute with a query only", [{200, 400}], keeps=None)
target(b"HTTP://LOCALHOST/x", "absolute in capitals", [200], "/x")
target(b"http://user@localhost/x", "absolute with a user", [400])
target(b"http:///x", "absolute without a host", [400])
target(b"http://", "only a scheme", [400])
target(b"ftp://localhost/x", "other scheme", [{200, 400}], keeps=None)
target(b"a/b", "no leading slash", [400])
target(b"?a", "only a query", [400])
target(b"localhost:80", "authority with GET", [400])
target(b"/a#b", "fragment", [400])
target(b"/a b", "blank", [400])
target(b"/a\tb", "tab", [400])
target(b"/a\x7fb", "DEL", [400])
target(b"/\xc3\xa9", "raw obs-text", [{200, 400}], keeps=None)
target(b"/a\\..\\b", "backslashes", [{200, 400}], keeps=None)
target(b"/a|b^c{d}\"e<f>`", "marks outside RFC 3986", [{200, 400}], keeps=None)

# --- hop-by-hop: RFC 9110 section 7.6.1 -----------------------------------------------------------------------------
K = "hop-by-hop"


def hop(fields, name, answers=(200,), **more):
    v(K, name, get(fields=fields), list(answers), **more)


hop(b"Connection: close\r\n", "close", want=GET_ROOT, keeps=False)
hop(b"Connection: CLOSE\r\n", "close in capitals", want=GET_ROOT, keeps=False)
hop(b"Connection: keep-alive, close\r\n", "close in a list", want=GET_ROOT, keeps=False)
hop(b"Connection: keep-alive\r\nConnection: close\r\n", "close in the second field", want=GET_ROOT, keeps=False)
hop(b"Connection: X-A\r\nX-A: 1\r\nX-B: 2\r\n", "named field", absent=["x-a"], present=[("X-B", "2")])
hop(b"X-A: 1\r\nConnection: keep-alive, x-a\r\n", "named behind", absent=["x-a"])
hop(b"Connection: x-a,x-b , x-c\r\nX-A: 1\r\nX-B: 2\r\nX-C: 3\r\n", "three named", absent=["x-a", "x-b", "x-c"])
hop(b"Connection: x-a\r\nConnection: x-b\r\nX-A: 1\r\nX-B: 2\r\n", "named in two fields", absent=["x-a", "x-b"])
hop(b"Connection: ,,x-a,\r\nX-A: 1\r\n", "empty members", absent=["x-a"])
hop(b"Connection: cookie\r\nCookie: a=b\r\n", "cookie named", absent=["cookie"])
hop(b"Connection: host\r\n", "host named", [{200, 400}], keeps=None)
v(K, "length named", post(b"Connection: content-length\r\nContent-Length: 5\r\n", b"hello"), [{200, 400}], keeps=None)
v(K, "coding named", chunked(BODY, b"Connection: transfer-encoding\r\n"), [{200, 400}], keeps=None)
hop(b"Keep-Alive: timeout=5\r\n", "Keep-Alive", absent=["keep-alive"])
hop(b"Proxy-Connection: keep-alive\r\n", "Proxy-Connection", absent=["proxy-connection"])
hop(b"TE: trailers\r\nConnection: TE\r\n", "TE", absent=["te"])
hop(b"TE: gzip\r\n", "TE not named", absent=["te"])
hop(b"Upgrade: foo\r\n", "Upgrade not named", absent=["upgrade"])
hop(b"Connection: upgrade\r\n", "upgrade without Upgrade", absent=["upgrade"])
hop(b"Connection: HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n", "HTTP2-Settings", absent=["http2-settings"])
hop(b"Connection: \"x-a\"\r\nX-A: 1\r\n", "quoted member", [{200, 400}], keeps=None)
hop(b"Connection: " + b"a," * 2000 + b"x-a\r\nX-A: 1\r\n", "2000 members", [{200, 400, 431}], keeps=None)
hop(b"Connection: x-forwarded-for\r\nX-Forwarded-For: 1.2.3.4\r\n", "X-Forwarded-For named", absent=["x-forwarded-for"])

# --- upgrade: RFC 9110 section 7.8, RFC 6455 section 4 --------------------------------------------------------------
K = "upgrade"
KEY = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
WS = b"Upgrade: websocket\r\nConnection: Upgrade\r\n" + KEY


def upgrade(fields, name, answers, line=b"GET /ws HTTP/1.1", body=b"", **more):
    v(K, name, get(line, fields) + body, answers, **more)


NO_TUNNEL = {200, 400, 405, 426, 501, 502}
upgrade(WS, "websocket", [101], tunnel=b"\x81\x85abcd\x09\x07\x0f\x08\x0e")
upgrade(WS, "data together with the handshake", [101], tunnel=b"\x81\x80more", early=b"\x81\x80abcd")
upgrade(WS.replace(b"websocket", b"WebSocket"), "capitals", [101], tunnel=b"x")
upgrade(WS.replace(b"Connection: Upgrade", b"Connection: keep-alive, Upgrade"), "in a list", [101], tunnel=b"x")
upgrade(WS, "tunnel bytes that look like a request", [101], tunnel=SMUGGLED)
upgrade(WS, "refused by the upstream", [403], b"GET /ws-refused HTTP/1.1", keeps=True)
upgrade(WS, "answered as a page", [200], b"GET /ws-page HTTP/1.1")
upgrade(WS, "wrong accept", [502], b"GET /ws-wrong-accept HTTP/1.1")
upgrade(WS, "no accept", [502], b"GET /ws-no-accept HTTP/1.1")
upgrade(WS, "101 without Upgrade", [502], b"GET /ws-no-upgrade HTTP/1.1")
upgrade(WS, "101 without Connection", [502], b"GET /ws-no-connection HTTP/1.1")
upgrade(WS, "101 to another protocol", [502], b"GET /ws-other HTTP/1.1")
upgrade(WS, "route without websocket", [200], b"GET /page HTTP/1.1", absent=["upgrade"])
upgrade(b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n", "h2c", [200],
        b"GET /page HTTP/1.1", absent=["upgrade", "http2-settings"])
upgrade(b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n", "h2c on the websocket route",
        [NO_TUNNEL], absent=["upgrade", "http2-settings"], keeps=None)
upgrade(b"Upgrade: websocket, h2c\r\nConnection: Upgrade\r\n" + KEY, "websocket or h2c", None)
upgrade(b"Upgrade: h2c\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" + KEY, "two Upgrade fields", None)
upgrade(b"Upgrade: tls/1.0\r\nConnection: Upgrade\r\n", "TLS", [NO_TUNNEL], absent=["upgrade"], keeps=None)
upgrade(b"Upgrade: websocket\r\n" + KEY, "no Connection", [NO_TUNNEL], absent=["upgrade"], keeps=None)
upgrade(b"Connection: Upgrade\r\n" + KEY, "no Upgrade", [NO_TUNNEL], absent=["upgrade"], keeps=None)
upgrade(b"Upgrade: websocket\r\nConnection: Upgrade\r\n", "no key", [NO_TUNNEL], keeps=None)
upgrade(WS, "HTTP/1.0", [NO_TUNNEL], b"GET /ws HTTP/1.0", absent=["upgrade"], keeps=None)
upgrade(WS + b"Content-Length: 5\r\n", "POST with a body", [NO_TUNNEL], b"POST /ws HTTP/1.1", b"hello", keeps=None)
upgrade(WS + b"Transfer-Encoding: chunked\r\n", "chunked body", [NO_TUNNEL], b"POST /ws HTTP/1.1", BODY, keeps=None)

# --- pipelining: RFC 9112 section 9.3.2 -----------------------------------------------------------------------------
K = "pipelining"


def many(count):
    return b"".join(get(b"GET /%d HTTP/1.1" % i) for i in range(count)), [("GET", "/%d" % i, b"") for i in range(count)]


v(K, "two", many(2)[0], [200] * 2, want=many(2)[1])
v(K, "twenty", many(20)[0], [200] * 20, want=many(20)[1])
v(K, "length, then GET", post(b"Content-Length: 5\r\n", b"hello") + get(), [200] * 2, want=HELLO + GET_ROOT)
v(K, "length of zero, then GET", post(b"Content-Length: 0\r\n") + get(), [200] * 2, want=EMPTY + GET_ROOT)
v(K, "chunks, then GET", chunked(BODY) + get(), [200] * 2, want=HELLO + GET_ROOT)
v(K, "trailer, then GET", chunked(b"5\r\nhello\r\n0\r\nX-T: 1\r\n\r\n") + get(), [200] * 2, want=HELLO + GET_ROOT)
v(K, "GET with a body, then GET", get(fields=b"Content-Length: 5\r\n") + b"hello" + get(), [200] * 2, want=[("GET", "/", b"hello")] + GET_ROOT)
v(K, "body that looks like a request", post(b"Content-Length: %d\r\n" % len(SMUGGLED), SMUGGLED) + get(), [200] * 2, want=[("POST", "/p", SMUGGLED)] + GET_ROOT)
v(K, "HEAD, then GET", get(b"HEAD / HTTP/1.1") + get(), [200] * 2, want=[("HEAD", "/", b"")] + GET_ROOT, methods=("HEAD", "GET"))
v(K, "PUT, then DELETE", b"PUT /p HTTP/1.1\r\n" + HOST + b"Content-Length: 1\r\n\r\nxDELETE /p" + TAIL, [200] * 2,
  want=[("PUT", "/p", b"x"), ("DELETE", "/p", b"")])
v(K, "close, then GET", get(fields=b"Connection: close\r\n") + get(b"GET /unseen HTTP/1.1"), [200], want=GET_ROOT, keeps=False)
v(K, "HTTP/1.0, then GET", get(b"GET / HTTP/1.0") + get(b"GET /unseen HTTP/1.1"), [200], want=GET_ROOT, keeps=False)
v(K, "GET, then a bad line", get() + b"GET  / HTTP/1.1\r\n" + HOST + b"\r\n", [200, 400], want=GET_ROOT)
v(K, "GET, then a folded field", get() + get(b"GET /unseen HTTP/1.1", b"X: 1\r\n 2\r\n"), [200, 400], want=GET_ROOT)
v(K, "bad, then GET", get(b"GET  / HTTP/1.1") + get(b"GET /unseen HTTP/1.1"), [400], want=[])
v(K, "unknown coding, then GET", chunked(BODY, coding=b"Transfer-Encoding: gzip\r\n") + get(b"GET /unseen HTTP/1.1"), [501], want=[])
v(K, "length and coding, then GET", post(b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n") + get(b"GET /unseen HTTP/1.1"), [400], want=[])
v(K, "bad chunk, then GET", chunked(b"5\r\nhellox\r\n0\r\n\r\n") + get(b"GET /unseen HTTP/1.1"), [400])
v(K, "body longer than its length", post(b"Content-Length: 3\r\n", b"hello") + get(b"GET /unseen HTTP/1.1"), [200, REFUSED], want=[("POST", "/p", b"hel")])
v(K, "empty line between", get() + b"\r\n" + get(b"GET /b HTTP/1.1"), [200] * 2, want=GET_ROOT + [("GET", "/b", b"")])
v(K, "empty line behind a body", post(b"Content-Length: 5\r\n", b"hello") + b"\r\n" + get(), [200] * 2, want=HELLO + GET_ROOT)
v(K, "bare LF between", get() + b"\n" + get(b"GET /unseen HTTP/1.1"), [200, 400], want=GET_ROOT)
v(K, "too large, then GET", post(b"Content-Length: 2000000\r\n") + get(b"GET /unseen HTTP/1.1"), [413], want=[])
v(K, "expectation", post(b"Content-Length: 5\r\nExpect: 100-continue\r\n", b"hello") + get(), [200] * 2, want=HELLO + GET_ROOT)

# --- early close: RFC 9112 section 8 --------------------------------------------------------------------------------
K = "early close"
for END in ("fin", "rst"):
    def cut(name, data, answers=None, **more):
        more.setdefault("want", [])
        v(K, name + (", then FIN" if END == "fin" else ", then RST"), data, answers, whole=False, end=END, **more)

    cut("nothing", b"", [])
    cut("half a request line", b"GET /a HT")
    cut("request line", b"GET /a HTTP/1.1\r\n")
    cut("half a head", b"GET /a HTTP/1.1\r\nHost: loc")
    cut("head without its empty line", b"GET /a HTTP/1.1\r\n" + HOST)
    cut("head without its last LF", b"GET /a HTTP/1.1\r\n" + HOST + b"\r")
    cut("length without a body", post(b"Content-Length: 5\r\n"))
    cut("half a body", post(b"Content-Length: 5\r\n", b"he"))
    cut("half a large body", post(b"Content-Length: 100000\r\n", b"a" * 3000))
    cut("body that ends like a request", post(b"Content-Length: 1000\r\n", SMUGGLED))
    cut("half a chunk size", chunked(b"1"))
    cut("half a chunk", chunked(b"5\r\nhe"))
    cut("chunk without its CRLF", chunked(b"5\r\nhello"))
    cut("chunks without the last", chunked(b"5\r\nhello\r\n"))
    cut("last chunk without the empty line", chunked(b"5\r\nhello\r\n0\r\n"))
    cut("half a trailer", chunked(b"5\r\nhello\r\n0\r\nX-T: 1\r\n"))
cut("whole request, then half of the next", get() + b"GET /b HT", None, want=None)
cut("whole request", get(), None, want=None)
cut("whole request with a body", post(b"Content-Length: 5\r\n", b"hello"), None, want=None)
